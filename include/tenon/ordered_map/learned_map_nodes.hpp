// SPDX-License-Identifier: Apache-2.0
// The parts of learned_map.hpp: what stands for a key, blocks of sorted entries, leaves over blocks, inner nodes over leaves.
#pragma once

#include "tenon/core/line_search.hpp"
#include "tenon/core/placement.hpp"
#include "tenon/core/projection.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tenon::detail {

/// Which 64-bit numbers stand for keys of this type in this order.
template <class Key, class Compare>
struct learned_order {
    static constexpr bool ascending = std::same_as<Compare, std::less<>> || std::same_as<Compare, std::less<Key>>;
    static constexpr bool descending =
        std::same_as<Compare, std::greater<>> || std::same_as<Compare, std::greater<Key>>;
    static constexpr bool ordered = ascending || descending;
    /// Equal numbers mean equal keys: numbers are made from keys when needed.
    static constexpr bool exact = ordered && word_key<Key>;
    /// Numbers are kept beside the keys, and decide unless they are equal.
    static constexpr bool words = [] {
        if constexpr (ordered && !word_key<Key>) return projectable<Key>;
        else return false;
    }();
    static constexpr bool transparent = requires { typename Compare::is_transparent; };

    static constexpr bool text = std::same_as<Key, std::string> || std::same_as<Key, std::string_view>;
    /// Things to look up by that have such a number too.
    template <class K>
    static constexpr bool word_for = ((exact || words) && std::same_as<K, Key>) ||
                                     (words && text && std::is_convertible_v<K const&, std::string_view>);
    /// Numbers that the comparison itself would convert to Key.
    template <class K>
    static constexpr bool converts = [] {
        if constexpr (exact && std::is_arithmetic_v<K> && std::is_arithmetic_v<Key> && !std::same_as<K, Key>)
            return std::same_as<std::common_type_t<K, Key>, Key> && std::integral<K> == std::integral<Key>;
        else return false;
    }();

    template <class K>
    static std::uint64_t word(K const& key) {
        if constexpr (word_for<K>) {
            using seen = std::conditional_t<std::same_as<K, Key>, Key, std::string_view>;
            if constexpr (std::same_as<K, seen>) return ascending ? projection<K>::of(key) : ~projection<K>::of(key);
            else return word<std::string_view>(key);
        } else {
            return 0;
        }
    }
    static bool is_ordered(Key const& key) {
        if constexpr (exact || words) return projection<Key>::is_ordered(key);
        else return true;
    }
};

/// What is looked for, and the number that stands for it.
template <class K, class Order>
struct learned_probe {
    static constexpr bool has_word = Order::template word_for<K>;
    explicit learned_probe(K const& k) : key(k), word(Order::word(k)) {}
    learned_probe(K const& k, std::uint64_t w) noexcept : key(k), word(w) {}
    K const&      key;
    std::uint64_t word;
};

/// Objects that may be moved by copying their bytes.
template <class T>
inline constexpr bool learned_plain = std::is_trivially_copy_constructible_v<T> && std::is_trivially_destructible_v<T>;

/// Moves n objects to a place that may overlap; the old ones end.
template <class T>
void learned_move(T* from, T* to, std::size_t n) noexcept {
    if constexpr (learned_plain<T>) {
        std::memmove(static_cast<void*>(to), static_cast<void const*>(from), n * sizeof(T));
    } else {
        auto const one = [&](std::size_t i) {
            std::construct_at(to + i, std::move(from[i]));
            std::destroy_at(from + i);
        };
        if (std::less<>()(to, from))
            for (std::size_t i = 0; i < n; ++i) one(i);
        else
            for (std::size_t i = n; i > 0; --i) one(i - 1);
    }
}

/// The bytes of an object of 8 bytes.
template <class T>
long long learned_bits(T const& value) noexcept {
    static_assert(sizeof(T) == 8);
    long long bits;
    std::memcpy(&bits, static_cast<void const*>(&value), sizeof bits);
    return bits;
}

inline namespace TENON_SIMD_FLAGS {
/// Puts a value at place `at` of Room places, those behind it one place on, the last one out; `fill`: copies of it behind it instead.
/// Without branches, which would wait for memory: the place comes out of keys that were just read.
template <unsigned Room, class T>
void learned_spread(T* v, unsigned at, bool fill, T const& value) noexcept {
#if defined(__AVX512F__)
    if constexpr (Room == 16 && sizeof(T) == 8) {
        auto const bit   = 1u << at;
        auto const stay  = fill ? bit - 1 : ~bit;  // lanes that take the next of the old values
        auto const one   = _mm512_set1_epi64(learned_bits(value));
        auto const low   = _mm512_loadu_si512(v);
        auto const high  = _mm512_loadu_si512(v + (at < 8 ? 7 : 8));
        auto const lows  = _mm512_mask_expand_epi64(one, static_cast<__mmask8>(stay), low);
        auto const highs = _mm512_mask_expand_epi64(one, static_cast<__mmask8>(stay >> 8), high);
        _mm512_storeu_si512(v, lows);
        _mm512_storeu_si512(v + 8, highs);
        return;
    }
#endif
    T const one = value;
    for (unsigned i = Room - 1; i > 0; --i) {
        auto const* const from = i > at ? (fill ? &one : v + i - 1) : i == at ? &one : v + i;
        std::memcpy(static_cast<void*>(v + i), static_cast<void const*>(from), sizeof(T));
    }
    if (at == 0) std::memcpy(static_cast<void*>(v), static_cast<void const*>(&one), sizeof(T));
}
}  // namespace TENON_SIMD_FLAGS

/// The entries of a block: up to `room`, sorted, keys apart from values, numbers apart from keys where they do not tell all.
///
/// Invariant of plain numbers (exact): places from the count up to `room` repeat the last key, so that a search needs no count.
template <class Key, class Value, class Order>
struct learned_block {
    static constexpr std::size_t pair_bytes = sizeof(Key) + sizeof(Value) + (Order::words ? 8 : 0);
    static constexpr unsigned    room       = pair_bytes <= 256 ? 16 : pair_bytes <= 1024 ? 8 : 4;

    static constexpr std::size_t up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }
    static constexpr std::size_t keys_at   = up(Order::words ? 8 * room : 0, alignof(Key));
    static constexpr std::size_t values_at = up(keys_at + room * sizeof(Key), alignof(Value));
    static constexpr std::size_t bytes     = up(values_at + room * sizeof(Value), cache_line);
    static_assert(alignof(Key) <= cache_line && alignof(Value) <= cache_line,
                  "learned_map: keys and values are aligned to at most 64 bytes; wrap the larger ones in unique_ptr");

    static std::uint64_t* words(std::byte* b) noexcept { return reinterpret_cast<std::uint64_t*>(b); }
    static Key*           keys(std::byte* b) noexcept { return reinterpret_cast<Key*>(b + keys_at); }
    static Value*         values(std::byte* b) noexcept { return reinterpret_cast<Value*>(b + values_at); }

    static std::uint64_t word(std::byte* b, unsigned i) {
        if constexpr (Order::words) return words(b)[i];
        else return Order::word(keys(b)[i]);
    }
    /// After a change: repeats the last key. Precondition: 0 < n.
    static void pad([[maybe_unused]] std::byte* b, [[maybe_unused]] unsigned n) noexcept {
        if constexpr (Order::exact)
            for (auto i = n; i < room; ++i) keys(b)[i] = keys(b)[n - 1];
    }
    /// Moves n entries between blocks.
    static void move(std::byte* from, unsigned first, std::byte* to, unsigned at, unsigned n) noexcept {
        if constexpr (Order::words) learned_move(words(from) + first, words(to) + at, n);
        learned_move(keys(from) + first, keys(to) + at, n);
        learned_move(values(from) + first, values(to) + at, n);
    }
    /// Adds an entry to n < room others.
    static void insert(std::byte* b, unsigned n, unsigned at, std::uint64_t w, Key&& key, Value&& value) noexcept {
        if constexpr (Order::exact && learned_plain<Value> && sizeof(Value) <= 16) {
            learned_spread<room>(keys(b), at, at == n, key);  // a new greatest key also becomes the padding
            learned_spread<room>(values(b), at, false, value);
            return;
        }
        move(b, at, b, at + 1, n - at);
        if constexpr (Order::words) words(b)[at] = w;
        std::construct_at(keys(b) + at, std::move(key));
        std::construct_at(values(b) + at, std::move(value));
        pad(b, n + 1);
        (void)w;
    }
    static void erase(std::byte* b, unsigned n, unsigned at) noexcept {
        std::destroy_at(keys(b) + at);
        std::destroy_at(values(b) + at);
        move(b, at + 1, b, at, n - at - 1);
        if (n > 1) pad(b, n - 1);
    }
    static void end(std::byte* b, unsigned n) noexcept {
        if constexpr (!std::is_trivially_destructible_v<Key>) std::destroy_n(keys(b), n);
        if constexpr (!std::is_trivially_destructible_v<Value>) std::destroy_n(values(b), n);
    }
    static void prefetch_values(std::byte* b) noexcept {
        constexpr std::size_t lines = std::min<std::size_t>((room * sizeof(Value) + cache_line - 1) / cache_line, 2);
        for (std::size_t i = 0; i < lines; ++i) prefetch(b + values_at + i * cache_line);
    }
    static void prefetch_all(std::byte* b) noexcept {
        for (std::size_t i = 0; i < std::min<std::size_t>(bytes / cache_line, 8); ++i) prefetch(b + i * cache_line);
    }

    /// How many of all `room` keys, padding included, come before `key`.
    static unsigned rank(std::byte* b, Key const& key) noexcept
    requires(Order::exact)
    {
        auto const* const  k    = keys(b);
        unsigned           less = 0;
        constexpr unsigned line = line_keys<Key>;
        if constexpr (Order::ascending && room % line == 0 && sizeof(Key) >= 4 && !std::is_enum_v<Key>) {
            unsigned i = 0;
            for (; i + 2 * line <= room; i += 2 * line) less += lines_less(k + i, k + i + line, key);
            if constexpr (room / line % 2 == 1) less += line_less(k + i, key);
        } else {
            for (unsigned i = 0; i < room; ++i) less += (Order::ascending ? k[i] < key : k[i] > key) ? 1u : 0u;
        }
        return less;
    }
};

/// How many marks are less than q, and how many are not greater; q < 65535.
struct learned_marks {
    unsigned less, not_greater;
};

/// leaf - up to 24 blocks in key order, with the quantised first keys of all but the first in one cache line.
///
/// Invariants  (1) mark i lies between quantised(last word of block i) and quantised(first word of block i + 1). (2) marks beyond the
///             blocks are 65535, which no word is quantised to. (3) no block is empty.
struct alignas(cache_line) learned_leaf {
    static constexpr unsigned      room    = 24;
    static constexpr unsigned      lanes   = 28;  // the frame takes four more of the line
    static constexpr std::uint16_t no_mark = 0xffff;

    std::uint64_t frame = 0;  // the least word that is told apart from others, its low six bits: the shift
    std::array<std::uint16_t, lanes>   marks;
    std::array<std::uint32_t, room>    blocks;
    learned_leaf*                      before = nullptr;
    learned_leaf*                      after  = nullptr;
    std::array<std::uint8_t, room / 2> counts{};
    std::uint8_t                       size = 0;

    learned_leaf() noexcept { marks.fill(no_mark); }

    unsigned count(unsigned i) const noexcept { return ((counts[i / 2] >> (i % 2 * 4)) & 15u) + 1u; }
    void     set_count(unsigned i, unsigned n) noexcept {
        auto const shift = i % 2 * 4;
        counts[i / 2]    = static_cast<std::uint8_t>((counts[i / 2] & ~(15u << shift)) | ((n - 1) << shift));
    }
    std::uint64_t base() const noexcept { return frame & ~std::uint64_t{63}; }
    /// Any base up to 63 greater than it need be, any shift, keeps quantised() monotone: only its resolution suffers.
    std::uint16_t quantised(std::uint64_t w) const noexcept {
        auto const from = base();
        auto const off  = w < from ? 0 : w - from;
        return static_cast<std::uint16_t>(std::min<std::uint64_t>(off >> (frame & 63), no_mark - 1));
    }
    /// Whether a word lies where the frame tells words apart.
    bool covers(std::uint64_t w) const noexcept { return w >= base() && (w - base()) >> (frame & 63) < no_mark; }
    /// Sets a frame for words from `first` to `last`. The marks must be set anew.
    void set_frame(std::uint64_t first, std::uint64_t last) noexcept {
        auto const from  = first & ~std::uint64_t{63};
        auto const width = static_cast<unsigned>(std::bit_width(last - from));
        auto       shift = width > 16 ? width - 16 : 0;
        if ((last - from) >> shift >= no_mark) ++shift;
        frame = from | shift;
    }
    learned_marks rank(std::uint16_t q) const noexcept;

    void insert_block(unsigned at, std::uint32_t block, std::uint16_t mark) noexcept {
        for (unsigned i = size; i > at; --i) {
            blocks[i] = blocks[i - 1];
            set_count(i, count(i - 1));
            if (i > 1) marks[i - 1] = marks[i - 2];
        }
        blocks[at] = block;
        if (at > 0) marks[at - 1] = mark;
        ++size;
    }
    void remove_block(unsigned at) noexcept {
        --size;
        for (unsigned i = at; i < size; ++i) {
            blocks[i] = blocks[i + 1];
            set_count(i, count(i + 1));
        }
        for (unsigned i = at == 0 ? 0 : at - 1; i + 1 < lanes; ++i) marks[i] = marks[i + 1];
    }
};
static_assert(sizeof(learned_leaf) == 192 && offsetof(learned_leaf, marks) == 8);

inline namespace TENON_SIMD_FLAGS {
inline learned_marks learned_rank_marks(learned_leaf const& l, std::uint16_t q) noexcept {
#if defined(__AVX512BW__)
    constexpr unsigned in   = 0xfffffff0u;  // not the frame
    auto const         line = _mm512_load_si512(&l);
    auto const         key  = _mm512_set1_epi16(static_cast<short>(q));
    auto const         lt   = static_cast<unsigned>(_mm512_mask_cmplt_epu16_mask(in, line, key));
    auto const         less = static_cast<unsigned>(std::popcount(lt));
    if (l.marks[less] != q) [[likely]]
        return {less, less};
    auto const le = static_cast<unsigned>(_mm512_mask_cmple_epu16_mask(in, line, key));
    return {less, static_cast<unsigned>(std::popcount(le))};
#elif defined(__AVX2__)
    auto const  key  = _mm256_set1_epi16(static_cast<short>(q));
    auto const* line = reinterpret_cast<__m256i const*>(&l);
    auto const  a = _mm256_load_si256(line), b = _mm256_load_si256(line + 1);
    auto const  bits = [](__m256i x, __m256i y) {                                        // two bits a lane
        auto const low = static_cast<unsigned>(_mm256_movemask_epi8(x)) & 0xffffff00u;  // not the frame
        return low | std::uint64_t{static_cast<unsigned>(_mm256_movemask_epi8(y))} << 32;
    };
    auto const ge =
        bits(_mm256_cmpeq_epi16(_mm256_max_epu16(a, key), a), _mm256_cmpeq_epi16(_mm256_max_epu16(b, key), b));
    auto const le =
        bits(_mm256_cmpeq_epi16(_mm256_min_epu16(a, key), a), _mm256_cmpeq_epi16(_mm256_min_epu16(b, key), b));
    return {learned_leaf::lanes - static_cast<unsigned>(std::popcount(ge)) / 2,
            static_cast<unsigned>(std::popcount(le)) / 2};
#else
    unsigned lt = 0, le = 0;
    for (auto mark : l.marks) {
        lt += mark < q ? 1u : 0u;
        le += mark <= q ? 1u : 0u;
    }
    return {lt, le};
#endif
}
}  // namespace TENON_SIMD_FLAGS
inline learned_marks learned_leaf::rank(std::uint16_t q) const noexcept { return learned_rank_marks(*this, q); }

/// inner - up to 64 children, with a bound between each two; every eighth bound again in one line of pivots.
///
/// Invariants  (1) words of child i <= bound i <= words of child i + 1; where numbers are exact, bound i < words of child i + 1.
///             (2) bounds from size - 1 on are 2^64 - 1. (3) pivot g = bound 8 g + 7.
struct alignas(cache_line) learned_inner {
    static constexpr unsigned      room     = 64;
    static constexpr std::uint64_t no_bound = std::numeric_limits<std::uint64_t>::max();

    std::array<std::uint64_t, 8>    pivots;
    std::array<std::uint64_t, room> bounds;
    std::array<void*, room>         children;
    unsigned                        size = 0;

    learned_inner() noexcept {
        pivots.fill(no_bound);
        bounds.fill(no_bound);
    }
    /// How many bounds are less than w: with exact numbers, the child in which w belongs.
    unsigned rank(std::uint64_t w) const noexcept {
        auto const group = line_less(pivots.data(), w) * 8;
        prefetch(children.data() + group);
        return group + line_less(bounds.data() + group, w);
    }
    /// How many bounds are not greater than w.
    unsigned rank_equal(std::uint64_t w) const noexcept {
        return w == no_bound ? size - 1 : std::min(rank(w + 1), size - 1);
    }
    void set_pivots() noexcept {
        for (unsigned g = 0; g < 8; ++g) pivots[g] = bounds[8 * g + 7];
    }
    /// Puts a child behind child at - 1, with the bound between them. Precondition: at > 0, or the node is empty.
    void insert(unsigned at, void* child, std::uint64_t bound) noexcept {
        for (unsigned i = size; i > at; --i) {
            children[i] = children[i - 1];
            if (i > 1) bounds[i - 1] = bounds[i - 2];
        }
        children[at] = child;
        if (at > 0) bounds[at - 1] = bound;
        ++size;
        set_pivots();
    }
    /// Takes out a child and the bound before it, or behind it when it is the first.
    void remove(unsigned at) noexcept {
        --size;
        for (unsigned i = at; i < size; ++i) children[i] = children[i + 1];
        for (unsigned i = at == 0 ? 0 : at - 1; i + 1 < room; ++i) bounds[i] = bounds[i + 1];
        set_pivots();
    }
    /// Moves the children from `first` on to an empty node; the bound between the two.
    std::uint64_t move_tail(unsigned first, learned_inner& to) noexcept {
        auto const between = first == 0 ? 0 : bounds[first - 1];
        to.size            = size - first;
        std::copy_n(children.begin() + first, to.size, to.children.begin());
        if (to.size > 1) std::copy_n(bounds.begin() + first, to.size - 1, to.bounds.begin());
        std::fill(bounds.begin() + (first == 0 ? 0 : first - 1), bounds.end(), no_bound);
        size = first;
        set_pivots();
        to.set_pivots();
        return between;
    }
    /// Appends the children of the next node.
    void append(learned_inner const& next, std::uint64_t between) noexcept {
        bounds[size - 1] = between;
        std::copy_n(next.children.begin(), next.size, children.begin() + size);
        if (next.size > 1) std::copy_n(next.bounds.begin(), next.size - 1, bounds.begin() + size);
        size += next.size;
        set_pivots();
    }
};

}  // namespace tenon::detail
