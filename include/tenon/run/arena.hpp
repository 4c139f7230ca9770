// SPDX-License-Identifier: Apache-2.0
// Memory that is handed out in order and given back all at once.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/cleared_pages.hpp"
#include "tenon/core/placement.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

namespace tenon {

/// Stable addresses until the arena ends. One thread allocates; bytes() may be asked by any.
class arena {
    struct give_back {
        std::size_t size;
        void        operator()(std::byte* p) const noexcept { huge_pages::deallocate(p, size); }
    };
    using chunk = std::unique_ptr<std::byte, give_back>;

public:
    arena()                        = default;
    arena(arena const&)            = delete;
    arena& operator=(arena const&) = delete;

    /// 16-byte aligned, not initialised. Large pages are taken from `ready` where it has some.
    std::byte* allocate(std::size_t n, cleared_pages* ready = nullptr) {
        n = (n + 15) & ~std::size_t{15};
        if (n > left_) {
            std::size_t const size = n > chunk_bytes_ / 4 ? n : chunk_bytes_;
            chunk made(size == huge_page_size && ready != nullptr ? ready->take() : nullptr, give_back{size});
            if (!made) made.reset(static_cast<std::byte*>(huge_pages::allocate(size)));
            chunks_.push_back(std::move(made));
            bytes_.store(bytes_.load(std::memory_order_relaxed) + size, std::memory_order_relaxed);
            if (size == n) return chunks_.back().get();
            next_ = chunks_.back().get();
            left_ = size;
        }
        auto* const out = next_;
        next_ += n;
        left_ -= n;
        return out;
    }
    /// Much is to come: memory is taken from the system in pieces of 2 MiB, on huge pages where there are some.
    void expect_much() noexcept { chunk_bytes_ = huge_page_size; }

    byte_view copy(byte_view bytes) {
        auto* const to = allocate(bytes.size());
        if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
        return {to, bytes.size()};
    }
    std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

private:
    std::size_t              chunk_bytes_ = 64 << 10;
    std::vector<chunk>       chunks_;
    std::byte*               next_ = nullptr;
    std::size_t              left_ = 0;
    std::atomic<std::size_t> bytes_{0};
};

}  // namespace tenon
