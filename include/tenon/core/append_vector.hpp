// SPDX-License-Identifier: Apache-2.0
// A vector that one thread appends to while any number of threads read it, without locks.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/core/placement.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace tenon {

/// append_vector - chunks that double in size, so that no element ever moves.
///
/// Guarantee   addresses are stable until the vector ends. An index below a size() that a thread has seen may be read by
///             that thread. An element is complete before size() counts it.
/// Cost        push_back amortised O(1), worst case one allocation; operator[] O(1), one dependent load more than a plain
///             array; an empty vector allocates nothing. At most twice the memory of its elements.
/// Threads     one writer (push_back, emplace_back, the mutable operator[]) beside any number of readers (const members).
///             Moving and destroying need the vector alone. What a writer changes in an element that readers can already
///             see is the user's to synchronise.
/// Invariants  (1) chunk k holds FirstChunk << k elements. (2) exactly the chunks that size() reaches into are needed;
///             at most one more exists. (3) chunks are aligned to 64 bytes, and from 2 MiB on they lie on huge pages.
template <class T, std::size_t FirstChunk = 64>
class append_vector {
    static_assert(std::has_single_bit(FirstChunk), "append_vector: FirstChunk must be a power of two");

public:
    using value_type = T;

    append_vector() noexcept = default;
    append_vector(append_vector&& other) noexcept { swap(other); }
    append_vector& operator=(append_vector&& other) noexcept {
        append_vector taken(std::move(other));
        swap(taken);
        return *this;
    }
    append_vector(append_vector const&)            = delete;
    append_vector& operator=(append_vector const&) = delete;
    ~append_vector() {
        std::size_t rest = size();
        for (std::size_t k = 0; k < chunks_.size(); ++k) {
            T* const chunk = chunks_[k].load(std::memory_order_relaxed);
            if (chunk == nullptr) break;
            auto const n = std::min(rest, capacity_of(k));
            std::destroy_n(chunk, n);
            rest -= n;
            huge_pages::deallocate(chunk, capacity_of(k) * sizeof(T));
        }
    }

    /// Writer: appends T(args...) and returns it. When the constructor throws, nothing has changed.
    template <class... Args>
    T& emplace_back(Args&&... args) {
        auto const n     = size_.load(std::memory_order_relaxed);
        auto const at    = locate(n);
        T*         chunk = chunks_[at.chunk].load(std::memory_order_relaxed);
        if (chunk == nullptr) {
            chunk = static_cast<T*>(huge_pages::allocate(capacity_of(at.chunk) * sizeof(T)));
            chunks_[at.chunk].store(chunk, std::memory_order_relaxed);  // published by size_
        }
        T* const made = std::construct_at(chunk + at.offset, std::forward<Args>(args)...);
        size_.store(n + 1, std::memory_order_release);
        return *made;
    }
    void push_back(T const& value) { emplace_back(value); }
    void push_back(T&& value) { emplace_back(std::move(value)); }

    std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }
    bool        empty() const noexcept { return size() == 0; }

    /// Precondition: i is below a size() that this thread has seen (not checked: hot path).
    T const& operator[](std::size_t i) const noexcept { return *address(i); }
    T&       operator[](std::size_t i) noexcept { return *address(i); }

    /// Hands `f` the elements [first, first + count) in order, as spans that are as long as they can be.
    /// Precondition: first + count <= size().
    template <class F>
    void for_each_chunk(std::size_t first, std::size_t count, F&& f) const {
        auto const n = size();
        expects(first <= n && count <= n - first, "append_vector::for_each_chunk: the range must end within size()");
        while (count > 0) {
            auto const at   = locate(first);
            auto const part = std::min(count, capacity_of(at.chunk) - at.offset);
            f(std::span<T const>(chunks_[at.chunk].load(std::memory_order_relaxed) + at.offset, part));
            first += part;
            count -= part;
        }
    }

    /// The memory of the chunks that hold elements, and of this object; without what elements own.
    std::size_t bytes() const noexcept {
        auto const n = size();
        return sizeof(*this) + (n == 0 ? 0 : ((FirstChunk << (locate(n - 1).chunk + 1)) - FirstChunk) * sizeof(T));
    }

    void swap(append_vector& other) noexcept {
        for (std::size_t k = 0; k < chunks_.size(); ++k)
            chunks_[k].store(other.chunks_[k].exchange(chunks_[k].load(std::memory_order_relaxed)),
                             std::memory_order_relaxed);
        size_.store(other.size_.exchange(size_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
    }

private:
    static_assert(alignof(T) <= cache_line, "append_vector: elements are aligned to 64 bytes at most");
    static constexpr int first_bits = std::countr_zero(FirstChunk);

    struct place {
        std::size_t chunk, offset;
    };
    static constexpr std::size_t capacity_of(std::size_t chunk) noexcept { return FirstChunk << chunk; }
    static constexpr place       locate(std::size_t i) noexcept {
        auto const j = i + FirstChunk;  // chunk k covers [FirstChunk << k, FirstChunk << (k + 1))
        // j has FirstChunk's bits or more; the `|` only lets the compiler see that k is not negative.
        auto const k = static_cast<std::size_t>(std::bit_width(j | FirstChunk) - 1 - first_bits);
        return {k, j - (FirstChunk << k)};
    }
    T* address(std::size_t i) const noexcept {
        auto const at = locate(i);
        return chunks_[at.chunk].load(std::memory_order_relaxed) + at.offset;
    }

    std::atomic<std::size_t>        size_{0};
    std::array<std::atomic<T*>, 48> chunks_{};
};

}  // namespace tenon
