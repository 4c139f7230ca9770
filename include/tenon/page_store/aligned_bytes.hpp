// SPDX-License-Identifier: Apache-2.0
// 64-byte-aligned heap bytes that an extent_view can own.
#pragma once

#include "tenon/core/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <span>

namespace tenon::detail::pages {

/// A heap buffer for SIMD loads: aligned to 64 bytes. Empty pointer when there is no memory.
class aligned_bytes {
public:
    static std::shared_ptr<aligned_bytes> make(std::uint64_t size) {
        if (size > std::numeric_limits<std::size_t>::max() / 2) return nullptr;
        void* p = ::operator new(static_cast<std::size_t>(size) + 1, std::align_val_t{64}, std::nothrow);
        if (p == nullptr) return nullptr;
        return std::shared_ptr<aligned_bytes>(
            new aligned_bytes(static_cast<std::byte*>(p), static_cast<std::size_t>(size)));
    }
    aligned_bytes(aligned_bytes const&)            = delete;
    aligned_bytes& operator=(aligned_bytes const&) = delete;
    ~aligned_bytes() { ::operator delete(data_, std::align_val_t{64}); }

    std::span<std::byte> bytes() noexcept { return {data_, size_}; }
    byte_view            bytes() const noexcept { return {data_, size_}; }

private:
    aligned_bytes(std::byte* data, std::size_t size) noexcept : data_(data), size_(size) {}

    std::byte*  data_;
    std::size_t size_;
};

}  // namespace tenon::detail::pages
