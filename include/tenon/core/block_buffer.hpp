// SPDX-License-Identifier: Apache-2.0
// Growing bytes whose address is a multiple of 4096, as direct writes want it.
#pragma once

#include "tenon/core/bytes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <utility>

namespace tenon {

/// Bytes at an address that is a multiple of 4096. Move-only.
///
/// Errors      std::bad_alloc from reserve and grow; the bytes are as they were then.
class block_buffer {
public:
    static constexpr std::size_t alignment = 4096;

    block_buffer() = default;
    block_buffer(block_buffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    block_buffer& operator=(block_buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        return *this;
    }
    block_buffer(block_buffer const&)            = delete;
    block_buffer& operator=(block_buffer const&) = delete;
    ~block_buffer() { ::operator delete(data_, std::align_val_t{alignment}); }

    std::byte*           data() noexcept { return data_; }
    std::size_t          size() const noexcept { return size_; }
    std::size_t          capacity() const noexcept { return capacity_; }
    byte_view            bytes() const noexcept { return {data_, size_}; }
    std::span<std::byte> bytes() noexcept { return {data_, size_}; }
    void                 clear() noexcept { size_ = 0; }

    void reserve(std::size_t n) {
        if (n <= capacity_) return;
        n               = (std::max(n, capacity_ * 2) + alignment - 1) / alignment * alignment;
        auto* const now = static_cast<std::byte*>(::operator new(n, std::align_val_t{alignment}));
        if (size_ > 0) std::memcpy(now, data_, size_);
        ::operator delete(data_, std::align_val_t{alignment});
        data_     = now;
        capacity_ = n;
    }
    /// Room for n more bytes, whose content is open; they count at once.
    std::byte* grow(std::size_t n) {
        reserve(size_ + n);
        auto* const at = data_ + size_;
        size_ += n;
        return at;
    }
    void append(byte_view bytes) {
        if (bytes.empty()) return;
        std::memcpy(grow(bytes.size()), bytes.data(), bytes.size());
    }
    void append_zeros(std::size_t n) {
        if (n > 0) std::memset(grow(n), 0, n);
    }

private:
    std::byte*  data_ = nullptr;
    std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace tenon
