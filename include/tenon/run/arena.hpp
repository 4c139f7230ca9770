// SPDX-License-Identifier: Apache-2.0
// Memory that is handed out in order and given back all at once.
#pragma once

#include "tenon/core/bytes.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

namespace tenon {

/// Stable addresses until the arena ends. One thread allocates; bytes() may be asked by any.
class arena {
public:
    arena()                        = default;
    arena(arena const&)            = delete;
    arena& operator=(arena const&) = delete;

    /// 16-byte aligned, not initialised.
    std::byte* allocate(std::size_t n) {
        n = (n + 15) & ~std::size_t{15};
        if (n > left_) {
            std::size_t const chunk = n > chunk_bytes / 4 ? n : chunk_bytes;
            chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(chunk));
            bytes_.store(bytes_.load(std::memory_order_relaxed) + chunk, std::memory_order_relaxed);
            if (chunk == n) return chunks_.back().get();
            next_ = chunks_.back().get();
            left_ = chunk;
        }
        auto* const out = next_;
        next_ += n;
        left_ -= n;
        return out;
    }
    byte_view copy(byte_view bytes) {
        auto* const to = allocate(bytes.size());
        if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
        return {to, bytes.size()};
    }
    std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

private:
    static constexpr std::size_t              chunk_bytes = 64 << 10;
    std::vector<std::unique_ptr<std::byte[]>> chunks_;
    std::byte*                                next_ = nullptr;
    std::size_t                               left_ = 0;
    std::atomic<std::size_t>                  bytes_{0};
};

}  // namespace tenon
