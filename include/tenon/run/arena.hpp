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
    /// Once there is much in it, whole large pages are taken from `ready` where it has some.
    explicit arena(cleared_pages* ready = nullptr) noexcept : ready_(ready) {}
    arena(arena const&)            = delete;
    arena& operator=(arena const&) = delete;

    /// 16-byte aligned, not initialised.
    std::byte* allocate(std::size_t n) {
        n = (n + 15) & ~std::size_t{15};
        if (n > left_) {
            if (n > chunk_bytes_ / 4) return add({allocate_piece(n), give_back{n}});
            next_ = add(next_chunk());
            left_ = chunks_.back().get_deleter().size;
        }
        auto* const out = next_;
        next_ += n;
        left_ -= n;
        return out;
    }
    /// Much is to come: memory is taken from the system in pieces of 2 MiB, on huge pages where there are some.
    void expect_much() noexcept {
        chunk_bytes_ = huge_page_size;
        if (ready_ != nullptr) ready_->start();
    }

    byte_view copy(byte_view bytes) {
        auto* const to = allocate(bytes.size());
        if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
        return {to, bytes.size()};
    }
    std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

private:
    static std::byte* allocate_piece(std::size_t n) { return static_cast<std::byte*>(huge_pages::allocate(n)); }
    chunk             next_chunk() {
        if (ready_ != nullptr && (chunk_bytes_ == huge_page_size || bytes() >= much)) {
            ready_->start();
            if (auto* const page = ready_->take()) return {page, give_back{huge_page_size}};
        }
        return {allocate_piece(chunk_bytes_), give_back{chunk_bytes_}};
    }
    std::byte* add(chunk made) {
        chunks_.push_back(std::move(made));
        bytes_.store(bytes() + chunks_.back().get_deleter().size, std::memory_order_relaxed);
        if (chunk_bytes_ < most_bytes) chunk_bytes_ *= 2;
        return chunks_.back().get();
    }

    static constexpr std::size_t least_bytes = 512, most_bytes = 64 << 10, much = 1 << 20;

    cleared_pages*           ready_;
    std::size_t              chunk_bytes_ = least_bytes;  // doubles up to the most
    std::vector<chunk>       chunks_;
    std::byte*               next_ = nullptr;
    std::size_t              left_ = 0;
    std::atomic<std::size_t> bytes_{0};
};

}  // namespace tenon
