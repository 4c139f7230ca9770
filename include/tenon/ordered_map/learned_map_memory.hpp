// SPDX-License-Identifier: Apache-2.0
// Where learned_map.hpp keeps its parts: blocks known by number, nodes known by address, both in chunks on huge pages.
#pragma once

#include "tenon/core/cleared_pages.hpp"
#include "tenon/core/placement.hpp"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

namespace tenon::detail {

struct alignas(cache_line) learned_line {
    std::byte bytes[cache_line];
};

/// Lines from an allocator; from huge pages when it is std::allocator, which cannot ask for them.
template <class Allocator>
class learned_memory {
    using lines = typename std::allocator_traits<Allocator>::template rebind_alloc<learned_line>;
    static_assert(std::same_as<typename std::allocator_traits<lines>::pointer, learned_line*>,
                  "learned_map: the allocator hands out fancy pointers; take one whose pointer is T*");

public:
    static constexpr bool standard = std::same_as<lines, std::allocator<learned_line>>;

    explicit learned_memory(Allocator const& a) : lines_(a) {}

    std::byte* allocate(std::size_t bytes) {
        if constexpr (standard) {
            if (ready_ != nullptr && bytes >= much) {
                ready_->start();
                if (whole(bytes) == huge_page_size)
                    if (auto* const page = ready_->take()) return page;
            }
            return static_cast<std::byte*>(huge_pages::allocate(whole(bytes)));
        } else {
            return reinterpret_cast<std::byte*>(
                std::allocator_traits<lines>::allocate(lines_, bytes / sizeof(learned_line)));
        }
    }
    void deallocate(std::byte* p, std::size_t bytes) noexcept {
        if constexpr (standard) huge_pages::deallocate(p, whole(bytes));
        else
            std::allocator_traits<lines>::deallocate(lines_, reinterpret_cast<learned_line*>(p),
                                                     bytes / sizeof(learned_line));
    }
    Allocator get() const { return Allocator(lines_); }
    /// Whole huge pages are taken from `ready` where it has some; it begins to clear them when much is allocated.
    void take_pages_from(cleared_pages* ready) noexcept { ready_ = ready; }
    void swap(learned_memory& other) noexcept {
        if constexpr (std::allocator_traits<lines>::propagate_on_container_swap::value) {
            using std::swap;
            swap(lines_, other.lines_);
        }
        std::swap(ready_, other.ready_);
    }

private:
    static constexpr std::size_t much = huge_page_size / 16;
    /// As many cells as fit into a huge page may leave a little of it.
    static std::size_t whole(std::size_t bytes) noexcept {
        return bytes > huge_page_size - much && bytes < huge_page_size ? huge_page_size : bytes;
    }

    [[no_unique_address]] lines lines_;
    cleared_pages*              ready_ = nullptr;
};

/// Writes to memory that nothing lies in, once a page.
inline void learned_touch(std::byte* first, std::byte* last) noexcept {
    for (; first < last; first += 4096) *static_cast<std::byte volatile*>(first) = std::byte{};
}

template <class T, class Allocator>
using learned_vector = std::vector<T, typename std::allocator_traits<Allocator>::template rebind_alloc<T>>;

/// learned_blocks - cells of Cell bytes, known by 32-bit numbers, which never move.
///
/// Guarantee   a store of few cells is small: a new chunk is as large as all that there are, up to 2 MB. A chunk without cells
///             goes back to the allocator, unless the store would then hardly have a free cell.
/// Cost        at, take, give: O(1), plus a walk over the list of chunks when the lowest free one has none left. reserve: a chunk of at
///             most 2 MB; and, seldom, a copy of that list, 24 bytes for each 2 MB.
/// Errors      reserve: what the allocator throws; std::length_error beyond 2^32 numbers.
template <std::size_t Cell, class Allocator>
class learned_blocks {
    static_assert(Cell % cache_line == 0);
    static constexpr std::size_t   per_chunk = std::max<std::size_t>(1, huge_page_size / Cell);
    static constexpr unsigned      bits      = static_cast<unsigned>(std::bit_width(per_chunk - 1));
    static constexpr std::uint32_t mask      = static_cast<std::uint32_t>((std::uint64_t{1} << bits) - 1);
    static constexpr std::uint32_t none      = std::numeric_limits<std::uint32_t>::max();

    struct chunk {
        std::uint32_t capacity = 0, fresh = 0, used = 0, free = none;  // fresh: cells that were in use at least once
    };

public:
    explicit learned_blocks(Allocator const& a) : memory_(a), bases_(a), chunks_(a) {}
    learned_blocks(learned_blocks const&)            = delete;
    learned_blocks& operator=(learned_blocks const&) = delete;
    ~learned_blocks() { release(); }

    std::byte*  at(std::uint32_t id) const noexcept { return bases_[id >> bits] + std::size_t{id & mask} * Cell; }
    std::size_t used() const noexcept { return used_; }
    std::size_t bytes() const noexcept {
        return cells_ * Cell + bases_.capacity() * sizeof(std::byte*) + chunks_.capacity() * sizeof(chunk);
    }

    void take_pages_from(cleared_pages* ready) noexcept { memory_.take_pages_from(ready); }
    /// Makes sure of n free cells.
    void reserve(std::size_t n) {
        while (cells_ - used_ < n) add_chunk(n);
    }
    /// Has the system provide the pages of all cells that never were in use.
    void touch() noexcept {
        for (std::size_t i = 0; i < chunks_.size(); ++i)
            if (auto const& c = chunks_[i]; c.capacity > 0)
                learned_touch(bases_[i] + std::size_t{c.fresh} * Cell, bases_[i] + std::size_t{c.capacity} * Cell);
    }
    /// Precondition: reserved.
    std::uint32_t take() noexcept {
        while (chunks_[lowest_].used == chunks_[lowest_].capacity) ++lowest_;
        auto& c  = chunks_[lowest_];
        auto  at = c.free;
        if (at == none) at = c.fresh++;
        else std::memcpy(&c.free, bases_[lowest_] + std::size_t{at} * Cell, sizeof c.free);
        ++c.used;
        ++used_;
        return static_cast<std::uint32_t>(lowest_ << bits) | at;
    }
    void give(std::uint32_t id) noexcept {
        auto const i = std::size_t{id >> bits};
        auto&      c = chunks_[i];
        std::memcpy(at(id), &c.free, sizeof c.free);
        c.free  = id & mask;
        lowest_ = std::min(lowest_, i);
        --used_;
        if (--c.used == 0 && cells_ - used_ >= c.capacity + per_chunk / 4) drop(i);
    }
    /// Whether so few cells are in use that those of the upper chunks had better move down.
    bool sparse() const noexcept { return chunks_.size() > 1 && used_ < cells_ / 2; }
    /// How many chunks, from the first on, have room for all that is in use and a quarter more.
    std::size_t enough() const noexcept {
        auto const  want = used_ + used_ / 4 + 1;
        std::size_t room = 0, n = 0;
        for (; n < std::min<std::size_t>(chunks_.size(), bits + 2) && room < want; ++n) room += chunks_[n].capacity;
        return room >= want ? n : n + (want - room) / per_chunk + 1;  // chunks behind the first few have 2 MB
    }
    /// A number in the first `enough` chunks to move a cell to, so that upper ones run empty; the same number where there is none.
    std::uint32_t lower(std::uint32_t id, std::size_t enough) noexcept {
        if (id >> bits < enough) return id;
        while (chunks_[lowest_].used == chunks_[lowest_].capacity) ++lowest_;
        return lowest_ < enough ? take() : id;
    }
    /// Gives all memory back. Precondition: no cell holds anything.
    void release() noexcept {
        for (std::size_t i = 0; i < chunks_.size(); ++i)
            if (chunks_[i].capacity > 0) drop(i);
        auto const a = bases_.get_allocator();
        learned_vector<std::byte*, Allocator>(a).swap(bases_);
        learned_vector<chunk, Allocator>(a).swap(chunks_);
        lowest_ = used_ = 0;
    }
    Allocator allocator() const { return memory_.get(); }
    /// Precondition: equal allocators, or they swap with their containers.
    void swap(learned_blocks& other) noexcept {
        memory_.swap(other.memory_);
        bases_.swap(other.bases_);
        chunks_.swap(other.chunks_);
        std::swap(lowest_, other.lowest_);
        std::swap(used_, other.used_);
        std::swap(cells_, other.cells_);
    }

private:
    void drop(std::size_t i) noexcept {
        memory_.deallocate(bases_[i], chunks_[i].capacity * Cell);
        cells_ -= chunks_[i].capacity;
        bases_[i]  = nullptr;
        chunks_[i] = {};
    }
    void add_chunk(std::size_t n) {
        auto i = std::size_t{0};
        while (i < chunks_.size() && chunks_[i].capacity > 0) ++i;
        if (i > none >> bits) throw std::length_error("tenon::learned_map has no more block numbers");
        if (i == chunks_.size()) {
            bases_.reserve(i + 1 > bases_.capacity() ? 2 * i + 1 : 0);
            chunks_.reserve(i + 1 > chunks_.capacity() ? 2 * i + 1 : 0);
        }
        auto const  capacity = std::min(per_chunk, std::max(n, cells_));
        auto* const base     = memory_.allocate(capacity * Cell);
        if (i == chunks_.size()) {
            bases_.push_back(nullptr);
            chunks_.push_back({});
        }
        bases_[i]           = base;
        chunks_[i].capacity = static_cast<std::uint32_t>(capacity);
        cells_ += capacity;
        lowest_ = std::min(lowest_, i);
    }

    learned_memory<Allocator>             memory_;
    learned_vector<std::byte*, Allocator> bases_;
    learned_vector<chunk, Allocator>      chunks_;
    std::size_t                           lowest_ = 0;  // no chunk before it has a free cell
    std::size_t                           used_ = 0, cells_ = 0;
};

/// learned_nodes - nodes that never move, in chunks that grow up to 2 MB.
///
/// Guarantee   a chunk without nodes goes back to the allocator when another one has room.
/// Cost        take O(1) but for new chunks; give O(log chunks).
template <class Node, class Allocator>
class learned_nodes {
    static constexpr std::size_t most = std::max<std::size_t>(1, huge_page_size / sizeof(Node));
    static constexpr std::size_t many = most / 4;  // from here on, chunks have 2 MB

    struct chunk {
        std::byte*  base     = nullptr;
        std::size_t capacity = 0, fresh = 0, used = 0;
        std::byte*  free = nullptr;
    };

public:
    explicit learned_nodes(Allocator const& a) : memory_(a), chunks_(a) {}
    learned_nodes(learned_nodes const&)            = delete;
    learned_nodes& operator=(learned_nodes const&) = delete;
    ~learned_nodes() { release(); }

    std::size_t used() const noexcept { return used_; }
    std::size_t bytes() const noexcept { return cells_ * sizeof(Node) + chunks_.capacity() * sizeof(chunk); }

    void take_pages_from(cleared_pages* ready) noexcept { memory_.take_pages_from(ready); }
    void reserve(std::size_t n) {
        while (cells_ - used_ < n) {
            if (chunks_.size() == chunks_.capacity()) chunks_.reserve(2 * chunks_.size() + 1);
            auto const  capacity = cells_ >= many ? std::max(n, most) : std::max(n, cells_ / 2);
            auto* const base     = memory_.allocate(capacity * sizeof(Node));
            auto const  place    = std::upper_bound(chunks_.begin(), chunks_.end(), base, before);
            auto const  made     = chunks_.insert(place, chunk{base, capacity, 0, 0, nullptr});
            recent_              = static_cast<std::size_t>(made - chunks_.begin());
            cells_ += capacity;
        }
    }
    /// Has the system provide the pages of all nodes that never were in use.
    void touch() noexcept {
        for (auto const& c : chunks_)
            learned_touch(c.base + c.fresh * sizeof(Node), c.base + c.capacity * sizeof(Node));
    }
    /// Precondition: reserved.
    Node* take() noexcept {
        if (chunks_[recent_].used == chunks_[recent_].capacity)
            for (recent_ = 0; chunks_[recent_].used == chunks_[recent_].capacity;) ++recent_;
        auto& c  = chunks_[recent_];
        auto* at = c.free;
        if (at == nullptr) at = c.base + c.fresh++ * sizeof(Node);
        else std::memcpy(&c.free, at, sizeof c.free);
        ++c.used;
        ++used_;
        return ::new (static_cast<void*>(at)) Node;
    }
    void give(Node* node) noexcept {
        auto* const at = reinterpret_cast<std::byte*>(node);
        auto const  i =
            static_cast<std::size_t>(std::upper_bound(chunks_.begin(), chunks_.end(), at, before) - chunks_.begin()) -
            1;
        auto& c = chunks_[i];
        std::memcpy(at, &c.free, sizeof c.free);
        c.free = at;
        --used_;
        if (--c.used == 0 && cells_ - used_ >= c.capacity + c.capacity / 4) drop(i);
    }
    void release() noexcept {
        while (!chunks_.empty()) drop(chunks_.size() - 1);
        auto const a = chunks_.get_allocator();
        learned_vector<chunk, Allocator>(a).swap(chunks_);
        used_ = 0;
    }
    void swap(learned_nodes& other) noexcept {
        memory_.swap(other.memory_);
        chunks_.swap(other.chunks_);
        std::swap(recent_, other.recent_);
        std::swap(used_, other.used_);
        std::swap(cells_, other.cells_);
    }

private:
    static bool before(std::byte* p, chunk const& c) noexcept { return std::less<>()(p, c.base); }
    void        drop(std::size_t i) noexcept {
        memory_.deallocate(chunks_[i].base, chunks_[i].capacity * sizeof(Node));
        cells_ -= chunks_[i].capacity;
        chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(i));
        recent_ = 0;
    }

    learned_memory<Allocator>        memory_;
    learned_vector<chunk, Allocator> chunks_;
    std::size_t                      recent_ = 0, used_ = 0, cells_ = 0;
};

}  // namespace tenon::detail
