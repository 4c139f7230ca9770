// SPDX-License-Identifier: Apache-2.0
// What btree.hpp stores in: nodes that readers check for changes by a version, and slots for entries that never move.
#pragma once

#include "tenon/core/cleared_pages.hpp"
#include "tenon/core/line_search.hpp"
#include "tenon/core/placement.hpp"
#include "tenon/core/projection.hpp"

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
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace tenon::detail {

/// A counter that is odd while its owner writes. With one writer (Shared is false) locking is a store. Data under it is loaded with acquire and stored with release, so that no fence is
/// needed: who saw a new word also sees the new version (Boehm, "Can seqlocks get along with programming language memory models?", 2012).
template <bool Shared>
class btree_version {
public:
    /// The version, once nobody writes.
    std::uint64_t stable() const noexcept {
        for (unsigned tries = 1;; ++tries) {
            auto const v = count_.load(std::memory_order_acquire);
            if ((v & 1) == 0) return v;
            if (tries % 64 == 0) std::this_thread::yield();  // the writer may have lost its core
        }
    }
    bool is_still(std::uint64_t v) const noexcept { return count_.load(std::memory_order_relaxed) == v; }
    /// Writer: false when somebody else changed or holds it.
    bool lock(std::uint64_t v) noexcept {
        if constexpr (Shared)
            return count_.compare_exchange_strong(v, v + 1, std::memory_order_acquire, std::memory_order_relaxed);
        count_.store(v + 1, std::memory_order_relaxed);
        return true;
    }
    void unlock() noexcept { count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

private:
    std::atomic<std::uint64_t> count_{0};
};

/// Which 64-bit numbers stand for keys of this type in this order, side by side in a node.
template <class Key, class Less>
struct btree_words {
    static constexpr bool ascending  = std::same_as<Less, std::less<>> || std::same_as<Less, std::less<Key>>;
    static constexpr bool descending = std::same_as<Less, std::greater<>> || std::same_as<Less, std::greater<Key>>;
    /// Equal numbers mean equal keys.
    static constexpr bool exact = word_key<Key> && (ascending || descending);
    /// Eight bytes of the key, after those that all keys of a node share.
    static constexpr bool text = (std::same_as<Key, std::string> || std::same_as<Key, std::string_view>) && ascending;
    static constexpr bool any  = exact || text;
    /// Things to look up by that have such a number too.
    template <class K>
    static constexpr bool of = exact ? std::same_as<K, Key> : text && std::is_convertible_v<K const&, std::string_view>;
};

/// What is looked for: the key, and the number that stands for it.
template <class K, class Words>
class btree_probe {
public:
    static constexpr bool has_word = Words::template of<K>;

    explicit btree_probe(K const& key) : key_(key) {
        if constexpr (has_word) word_ = word_of(key_, 0);
    }
    auto const&   key() const noexcept { return key_; }
    std::uint64_t word(std::uint32_t skip) const noexcept
    requires has_word
    {
        if constexpr (Words::exact) return word_;
        else return skip == 0 ? word_ : word_of(key_, skip);
    }
    static std::uint64_t word_of(auto const& key, std::uint32_t skip) noexcept {
        if constexpr (Words::exact) {
            auto const word = projection<K>::of(key);
            return Words::ascending ? word : ~word;
        } else {
            return projection<std::string_view>::of(key, skip);
        }
    }

private:
    std::conditional_t<Words::text && has_word, std::string_view, K const&> key_;
    std::uint64_t                                                           word_ = 0;
};

#if defined(__SANITIZE_THREAD__)
#define TENON_BTREE_VECTORS 0
#elif defined(__has_feature)
#define TENON_BTREE_VECTORS !__has_feature(thread_sanitizer)
#else
#define TENON_BTREE_VECTORS 1
#endif

inline namespace TENON_SIMD_FLAGS {
/// How many of the first n of Room words are less than w (or equal, when OrEqual).
///
/// With AVX-512 all are compared side by side: each lane is read as a whole, and loads stay in order, as far as that processor is concerned
/// just as with atomic ones. ThreadSanitizer is shown the atomic ones. Else: halving without branches.
template <bool OrEqual, unsigned Room>
unsigned btree_rank(std::atomic<std::uint64_t> const* words, unsigned n, std::uint64_t w) noexcept {
#if defined(__AVX512F__) && TENON_BTREE_VECTORS
    if constexpr (Room % 8 == 0 && Room <= 32) {
        auto const    key  = _mm512_set1_epi64(static_cast<long long>(w));
        std::uint64_t bits = 0;
        for (unsigned i = 0; i < Room; i += 8) {
            auto const v    = _mm512_load_si512(words + i);
            auto const mask = OrEqual ? _mm512_cmple_epu64_mask(v, key) : _mm512_cmplt_epu64_mask(v, key);
            bits |= std::uint64_t{static_cast<unsigned>(mask) & 0xffu} << i;
        }
        std::atomic_signal_fence(std::memory_order_acquire);
        return static_cast<unsigned>(std::popcount(bits & ((std::uint64_t{1} << n) - 1)));
    }
#endif
    unsigned base = 0;
    while (n > 0) {
        auto const half  = (n + 1) / 2;
        auto const there = words[base + half - 1].load(std::memory_order_acquire);
        base += half & (0u - static_cast<unsigned>(OrEqual ? there <= w : there < w));
        n -= half;
    }
    return base;
}
/// Writer: moves slots [at, n) one on.
template <class T>
void btree_open(std::atomic<T>* slots, unsigned at, unsigned n) noexcept {
#if defined(__AVX512F__) && TENON_BTREE_VECTORS
    static_assert(sizeof(std::atomic<T>) == 8);
    std::atomic_signal_fence(std::memory_order_acq_rel);
    for (; n - at > 8; n -= 8) _mm512_storeu_si512(slots + n - 7, _mm512_loadu_si512(slots + n - 8));
    auto const rest = static_cast<__mmask8>((1u << (n - at)) - 1);
    _mm512_mask_storeu_epi64(slots + at + 1, rest, _mm512_maskz_loadu_epi64(rest, slots + at));
    std::atomic_signal_fence(std::memory_order_acq_rel);
#else
    for (; n > at; --n) slots[n].store(slots[n - 1].load(std::memory_order_relaxed), std::memory_order_release);
#endif
}
}  // namespace TENON_SIMD_FLAGS

/// Up to Room entries in ascending order. In an inner node they are the least entries of all children but the first.
template <class Entry, class Words, unsigned Room, bool Shared>
struct alignas(Words::any ? cache_line : alignof(void*)) btree_node {
    explicit btree_node(unsigned height) noexcept : level(height) {}

    unsigned size() const noexcept { return count.load(std::memory_order_acquire); }
    Entry*   entry(unsigned i) const noexcept { return entries[i].load(std::memory_order_acquire); }
    auto     word(unsigned i) const noexcept { return words[i].load(std::memory_order_acquire); }

    /// How many of the first n words are less than w (or equal, when OrEqual).
    template <bool OrEqual>
    unsigned rank(unsigned n, std::uint64_t w) const noexcept {
        return btree_rank<OrEqual, Room>(words.data(), n, w);
    }

    // Writers, with the version locked or the node not yet seen by others.
    void put(unsigned i, Entry* e) noexcept {
        if constexpr (Words::any) put(i, e, word_of(*e));
        else put(i, e, 0);
    }
    void put(unsigned i, Entry* e, std::uint64_t w) noexcept {
        if constexpr (Words::any) words[i].store(w, std::memory_order_release);
        entries[i].store(e, std::memory_order_release);
    }
    void resize(unsigned n) noexcept { count.store(n, std::memory_order_release); }
    void copy_slot(unsigned from, unsigned to) noexcept { put(to, entry(from), Words::any ? word(from) : 0); }
    void insert(unsigned at, Entry* e) noexcept {
        auto const n = size();
        if constexpr (Words::any) btree_open(words.data(), at, n);
        btree_open(entries.data(), at, n);
        put(at, e);
        resize(n + 1);
    }
    void erase(unsigned at) noexcept {
        auto const n = size();
        for (auto i = at; i + 1 < n; ++i) copy_slot(i + 1, i);
        resize(n - 1);
    }
    /// Copies the slots from `first` on into an empty node; their number.
    unsigned copy_tail(unsigned first, btree_node& to) const noexcept {
        auto const n = size() - first;
        to.skip.store(skip.load(std::memory_order_relaxed), std::memory_order_release);
        for (unsigned i = 0; i < n; ++i) to.put(i, entry(first + i), Words::any ? word(first + i) : 0);
        to.resize(n);
        return n;
    }
    std::uint64_t word_of(Entry const& e) const noexcept {
        return btree_probe<std::remove_cvref_t<decltype(e.key)>, Words>::word_of(e.key,
                                                                                 skip.load(std::memory_order_relaxed));
    }
    void set_skip(std::uint32_t bytes) noexcept {
        skip.store(bytes, std::memory_order_release);
        for (unsigned i = 0, n = size(); i < n; ++i) put(i, entry(i));
    }

    std::array<std::atomic<std::uint64_t>, Words::any ? Room : 0> words{};  // first: on whole cache lines
    btree_version<Shared>                                         version;
    unsigned const                                                level;  // 0: a leaf
    std::atomic<std::uint32_t>                                    count{0};
    std::atomic<std::uint32_t>                                    skip{0};  // leading bytes that words leave out
    std::array<std::atomic<Entry*>, Room>                         entries{};
};

/// Slots for entries, or nodes: addresses stay, freed slots are used again, all memory goes back when the last one ends.
/// When Shared, any thread may take and give.
template <class Entry, bool Shared>
class btree_slab {
public:
    btree_slab() noexcept                    = default;
    btree_slab(btree_slab const&)            = delete;
    btree_slab& operator=(btree_slab const&) = delete;

    template <class... Args>
    Entry* make(Args&&... args) {
        void* const room = take();
        try {
            return ::new (room) Entry(std::forward<Args>(args)...);
        } catch (...) {
            give(room);
            throw;
        }
    }
    void end(Entry* e) noexcept {
        std::destroy_at(e);
        give(e);
    }
    /// Once there is much in it, whole large pages are taken from `ready` where it has some.
    void        take_pages_from(cleared_pages* ready) noexcept { ready_ = ready; }
    std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
    /// Entries that were made and have not ended.
    std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

    /// Nobody else may use either.
    friend void swap(btree_slab& a, btree_slab& b) noexcept {
        std::swap(a.chunks_, b.chunks_);
        std::swap(a.free_, b.free_);
        std::swap(a.fresh_, b.fresh_);
        std::swap(a.fresh_left_, b.fresh_left_);
        std::swap(a.slots_, b.slots_);
        std::swap(a.ready_, b.ready_);
        for (auto const counter : {&btree_slab::used_, &btree_slab::bytes_}) {
            auto const n = (a.*counter).load(std::memory_order_relaxed);
            (a.*counter).store((b.*counter).load(std::memory_order_relaxed), std::memory_order_relaxed);
            (b.*counter).store(n, std::memory_order_relaxed);
        }
    }

private:
    union slot {
        slot* next;
        alignas(Entry) std::byte room[sizeof(Entry)];
    };
    struct give_back {
        std::size_t bytes;
        void        operator()(slot* p) const noexcept { huge_pages::deallocate(p, bytes); }
    };
    using chunk = std::unique_ptr<slot, give_back>;

    class guard {
    public:
        explicit guard(std::atomic_flag& f) noexcept : flag_(f) {
            if constexpr (!Shared) return;
            for (unsigned tries = 1; flag_.test_and_set(std::memory_order_acquire); ++tries)
                if (tries % 64 == 0) std::this_thread::yield();
        }
        ~guard() {
            if constexpr (Shared) flag_.clear(std::memory_order_release);
        }
        guard(guard const&)            = delete;
        guard& operator=(guard const&) = delete;

    private:
        std::atomic_flag& flag_;
    };

    void* take() {
        guard const lock(busy_);
        slot*       s = free_;
        if (s != nullptr) {
            free_ = s->next;
        } else {
            if (fresh_left_ == 0) grow();
            s = fresh_++;
            --fresh_left_;
        }
        used_.store(used() + 1, std::memory_order_relaxed);
        return s;
    }
    void give(void* room) noexcept {
        guard const lock(busy_);
        used_.store(used() - 1, std::memory_order_relaxed);
        if (used() == 0) {
            std::vector<chunk>().swap(chunks_);
            free_ = fresh_ = nullptr;
            fresh_left_ = slots_ = 0;
            bytes_.store(0, std::memory_order_relaxed);
            return;
        }
        auto* const s = ::new (room) slot;
        s->next       = free_;
        free_         = s;
    }
    void grow() {
        auto const all   = slots_ * sizeof(slot);
        auto const few   = std::clamp<std::size_t>(slots_, least, std::max(step / sizeof(slot), least)) * sizeof(slot);
        auto       bytes = all < large ? few : std::max(huge_page_size, sizeof(slot));
        void*      page  = nullptr;
        if (ready_ != nullptr && all >= much && sizeof(slot) <= huge_page_size) {
            ready_->start();
            page = ready_->take();
        }
        if (page != nullptr) bytes = huge_page_size;
        else page = huge_pages::allocate(bytes);
        chunk      made(static_cast<slot*>(page), give_back{bytes});
        auto const n = bytes / sizeof(slot);
        chunks_.push_back(std::move(made));
        slots_ += n;
        fresh_      = chunks_.back().get();
        fresh_left_ = n;
        bytes_.store(slots_ * sizeof(slot) + chunks_.capacity() * sizeof(chunk), std::memory_order_relaxed);
    }

    // chunks double up to `step`, and are huge pages from `large` bytes in all
    static constexpr std::size_t least = std::max<std::size_t>(256 / sizeof(slot), 1), step = 128 << 10, much = 1 << 20,
                                 large = 4 << 20;

    std::vector<chunk>       chunks_;
    slot*                    free_       = nullptr;
    slot*                    fresh_      = nullptr;
    std::size_t              fresh_left_ = 0, slots_ = 0;
    cleared_pages*           ready_ = nullptr;
    std::atomic<std::size_t> used_{0}, bytes_{0};
    std::atomic_flag         busy_;
};

}  // namespace tenon::detail

#undef TENON_BTREE_VECTORS
