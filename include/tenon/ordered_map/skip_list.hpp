// SPDX-License-Identifier: Apache-2.0
// A skip list that one thread inserts into while any number of threads read it, without locks.
#pragma once

#include "tenon/ordered_map/archetype.hpp"
#include "tenon/ordered_map/concept.hpp"

#include "tenon/core/axis.hpp"
#include "tenon/core/hash.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon {

namespace detail {

/// Memory that is only given back as a whole, in chunks of 1 KiB to 256 KiB.
class skip_list_arena {
public:
    static constexpr std::size_t alignment = 64;

    void* take(std::size_t size, std::size_t align) {
        auto at = (next_ + align - 1) / align * align;
        if (chunks_.empty() || at + size > end_) {
            auto const least = chunks_.empty() ? std::size_t{1024} : std::min<std::size_t>(held_, 256 * 1024);
            auto const n     = (std::max(size, least) + alignment - 1) / alignment * alignment;
            chunks_.emplace_back();
            try {
                chunks_.back() = chunk{static_cast<std::byte*>(::operator new(n, std::align_val_t{alignment}))};
            } catch (...) {
                chunks_.pop_back();
                throw;
            }
            held_ += n;
            end_ = n;
            at   = 0;
        }
        next_ = at + size;
        return chunks_.back().get() + at;
    }
    std::size_t bytes() const noexcept { return held_ + chunks_.capacity() * sizeof(chunk); }

private:
    struct free_chunk {
        void operator()(std::byte* p) const noexcept { ::operator delete(p, std::align_val_t{alignment}); }
    };
    using chunk = std::unique_ptr<std::byte, free_chunk>;

    std::vector<chunk> chunks_;
    std::size_t        next_ = 0, end_ = 0, held_ = 0;
};

}  // namespace detail

/// skip_list - insert-only sorted map for memtables; readers never wait.
///
/// Guarantee   a Value* and a key's address stay valid until the map ends. A cursor stays valid while keys are inserted, and
///             sees those that fall ahead of it. Equal insertion orders give equal structures (heights come from a fixed hash
///             of the ordinal, salted), so an opponent who chooses keys *and* their order can make it slow; random or sorted keys cannot.
///             A copy of Less serves all threads: its operator() must be const and free of races.
/// Cost        insert, find, seek, prev: O(log n) expected; insert beyond the last key and next: O(1). A node is one piece of
///             an arena: key, value, tower of 1.33 pointers on average.
/// Errors      none; an allocation or constructor that throws leaves the map as it was.
/// Threads     one writer (insert) beside any number of readers (const members, cursors), without locks. What a writer changes
///             in a value that readers can see is the user's to synchronise (let Value be atomic). Moving needs the map alone.
/// Invariants  (1) level 0 holds every key in strictly ascending order; level i + 1 is a subset of level i. (2) a node is complete
///             before a link to it is published. (3) tail_[i] is the last node of level i, or null.
/// Source      Pugh, 1990; the single-writer publication order of LevelDB's memtable. Differs: an append finger, values in
///             nodes, heights without a generator's state.
/// Use when    one thread writes and many read; avoid when keys must be erased: take btree or std_map.
struct skip_list {
    using policy_axis                                  = axis::ordered_map;
    static constexpr std::string_view name             = "skip_list";
    static constexpr bool             concurrent_reads = true;

    template <class Key, class Value, class Less>
    class map;
};

template <class Key, class Value, class Less>
class skip_list::map {
    static constexpr std::size_t max_height = 16;  // fan-out 4: enough for 4^16 keys
    // Keys that are themselves hashes of their ordinals must not grow tall by their order.
    static constexpr std::uint64_t salt        = 0x8f1bbcdcbfa53e0b;
    static constexpr bool          transparent = requires { typename Less::is_transparent; };

    struct node;
    using link = std::atomic<node*>;

    struct alignas(link) alignas(Key) alignas(Value) node {
        template <class K, class... Args>
        explicit node(K&& k, Args&&... args) : key(std::forward<K>(k)), value(std::forward<Args>(args)...) {}

        link* tower() noexcept {
            return std::launder(reinterpret_cast<link*>(reinterpret_cast<std::byte*>(this) + sizeof(node)));
        }

        Key   key;
        Value value;
    };
    static_assert(alignof(node) <= detail::skip_list_arena::alignment,
                  "skip_list: keys and values aligned beyond 64 bytes are not supported");

public:
    class cursor_type;

    map() noexcept(std::is_nothrow_default_constructible_v<Less>) = default;
    explicit map(Less less) : less_(std::move(less)) {}
    map(map&& other) noexcept : map(other.less_) { swap(other); }
    map& operator=(map&& other) noexcept {
        map taken(std::move(other));
        swap(taken);
        return *this;
    }
    map(map const&)            = delete;
    map& operator=(map const&) = delete;
    ~map() {
        for (node* n = head_[0].load(std::memory_order_relaxed); n != nullptr;) {
            node* const after = n->tower()[0].load(std::memory_order_relaxed);
            std::destroy_at(n);
            n = after;
        }
    }

    /// Writer: the place of the key's value, and whether it is new. Value(args...) is made only when it is.
    template <class K = Key, class... Args>
    requires std::constructible_from<Key, K>
    std::pair<Value*, bool> insert(K&& key, Args&&... args) {
        if constexpr (transparent || std::same_as<std::remove_cvref_t<K>, Key>)
            return insert_key(std::forward<K>(key), std::forward<Args>(args)...);
        else return insert_key(Key(std::forward<K>(key)), std::forward<Args>(args)...);
    }

    /// The key's value, or nullptr.
    Value* find(Key const& key) const { return find_key(key); }
    template <class K>
    requires transparent
    Value* find(K const& key) const {
        return find_key(key);
    }

    std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
    bool        empty() const noexcept { return size() == 0; }
    /// Memory of the nodes and of this object; without what keys and values own elsewhere.
    std::size_t bytes() const noexcept { return sizeof(*this) + bytes_.load(std::memory_order_relaxed); }
    cursor_type cursor() const noexcept { return cursor_type(*this); }

    /// A place in the map, or nowhere. Must not outlive the map, nor its moving.
    class cursor_type {
    public:
        void seek(Key const& key) { at_ = map_->lower_bound(key); }
        void seek_before(Key const& key) { at_ = map_->last_less(key); }
        template <class K>
        requires transparent
        void seek(K const& key) {
            at_ = map_->lower_bound(key);
        }
        template <class K>
        requires transparent
        void seek_before(K const& key) {
            at_ = map_->last_less(key);
        }
        void seek_first() noexcept { at_ = map_->head_[0].load(std::memory_order_acquire); }
        void seek_last() noexcept { at_ = map_->last(); }

        bool valid() const noexcept { return at_ != nullptr; }
        /// The rest: precondition valid(). prev() searches again from the top.
        void       next() noexcept { at_ = at_->tower()[0].load(std::memory_order_acquire); }
        void       prev() { at_ = map_->last_less(at_->key); }
        Key const& key() const noexcept { return at_->key; }
        Value&     value() const noexcept { return at_->value; }

    private:
        friend class map;
        explicit cursor_type(map const& m) noexcept : map_(&m) {}

        map const* map_;
        node*      at_ = nullptr;
    };

private:
    /// The first node whose key is not less than `key`, or null; calls at_level(i, link before it) on each level.
    template <class K, class AtLevel>
    node* descend(K const& key, AtLevel&& at_level) const {
        link* tower  = head_.data();
        node* beyond = nullptr;  // known not to be less: no need to compare again one level below
        for (auto level = height_.load(std::memory_order_relaxed); level-- > 0;) {
            node* n = tower[level].load(std::memory_order_acquire);
            while (n != beyond && n != nullptr && less_(n->key, key)) {
                tower = n->tower();
                n     = tower[level].load(std::memory_order_acquire);
            }
            beyond = n;
            at_level(level, tower);
        }
        return beyond;
    }
    template <class K>
    node* lower_bound(K const& key) const {
        return descend(key, [](std::size_t, link*) {});
    }
    template <class K>
    Value* find_key(K const& key) const {
        node* const n = lower_bound(key);
        return n != nullptr && !less_(key, n->key) ? &n->value : nullptr;
    }
    template <class K>
    node* last_less(K const& key) const {
        link* before = head_.data();
        descend(key, [&](std::size_t, link* tower) { before = tower; });
        return owner(before);
    }
    node* last() const noexcept {
        link* tower = head_.data();
        for (auto level = height_.load(std::memory_order_relaxed); level-- > 0;)
            while (node* const n = tower[level].load(std::memory_order_acquire)) tower = n->tower();
        return owner(tower);
    }
    node* owner(link* tower) const noexcept {
        if (tower == head_.data()) return nullptr;
        return std::launder(reinterpret_cast<node*>(reinterpret_cast<std::byte*>(tower) - sizeof(node)));
    }

    template <class K, class... Args>
    std::pair<Value*, bool> insert_key(K&& key, Args&&... args) {
        std::array<link*, max_height> before;
        if (tail_[0] != nullptr && less_(tail_[0]->key, key)) {
            for (std::size_t i = 0; i < max_height; ++i)
                before[i] = tail_[i] == nullptr ? head_.data() : tail_[i]->tower();
        } else {
            before.fill(head_.data());
            node* const n = descend(key, [&](std::size_t level, link* tower) { before[level] = tower; });
            if (n != nullptr && !less_(key, n->key)) return {&n->value, false};
        }

        auto const count  = size_.load(std::memory_order_relaxed);
        auto const height = std::min<std::size_t>(
            max_height, 1 + static_cast<std::size_t>(std::countr_zero(hash_u64(count ^ salt))) / 2);
        void* const room = arena_.take(sizeof(node) + height * sizeof(link), alignof(node));
        bytes_.store(arena_.bytes(), std::memory_order_relaxed);
        node* const made = ::new (room) node(std::forward<K>(key), std::forward<Args>(args)...);
        for (std::size_t i = 0; i < height; ++i)
            ::new (static_cast<void*>(reinterpret_cast<std::byte*>(made) + sizeof(node) + i * sizeof(link)))
                link(before[i][i].load(std::memory_order_relaxed));

        if (height > height_.load(std::memory_order_relaxed)) height_.store(height, std::memory_order_relaxed);
        for (std::size_t i = 0; i < height; ++i) {  // level 0 first: a key on a higher level is on all below
            before[i][i].store(made, std::memory_order_release);
            if (made->tower()[i].load(std::memory_order_relaxed) == nullptr) tail_[i] = made;
        }
        size_.store(count + 1, std::memory_order_relaxed);
        return {&made->value, true};
    }

    void swap(map& other) noexcept {
        auto swap_atomic = [](auto& a, auto& b) {
            a.store(b.exchange(a.load(std::memory_order_relaxed), std::memory_order_relaxed),
                    std::memory_order_relaxed);
        };
        for (std::size_t i = 0; i < max_height; ++i) swap_atomic(head_[i], other.head_[i]);
        swap_atomic(height_, other.height_);
        swap_atomic(size_, other.size_);
        swap_atomic(bytes_, other.bytes_);
        std::swap(tail_, other.tail_);
        std::swap(arena_, other.arena_);
        std::swap(less_, other.less_);
    }

    mutable std::array<link, max_height> head_{};
    std::atomic<std::size_t>             height_{1}, size_{0}, bytes_{0};
    [[no_unique_address]] Less           less_{};
    std::array<node*, max_height>        tail_{};  // the writer's
    detail::skip_list_arena              arena_;
};

static_assert(ordered_map<skip_list> && !erasable_ordered_map<skip_list>);

}  // namespace tenon
