// SPDX-License-Identifier: Apache-2.0
// One cache line that tells in which of up to 43 cache lines of keys a key stands.
#pragma once

#include "tenon/core/line_search.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tenon {

/// How a node writes its thresholds.
enum class node_kind : std::uint8_t {
    bytes = 0,  ///< 42 of 8 bits: 254 buckets
    pairs = 1,  ///< 24 of 16 bits: 32,767 buckets
    words = 2,  ///< 6 of 64 bits: exact
    mixed = 3,  ///< of an index: each node of bytes or of pairs, whichever holds more
};

/// line_node - a linear model of up to 43 lines of keys, corrected line by line.
///
/// Maps        projection p -> the line that holds lower_bound(p), sometimes two.
/// Shapes      `base` is one more than the projection of the last key before the node. p falls into bucket b = (p - base) >> shift, at most the last one.
///             Between line i and line i + 1 of the node stands threshold i. Where some bucket begins after the last key of line i and
///             not after the first key of line i + 1, the threshold is that bucket: p stands behind it exactly when b is not less. Else both
///             keys fall into one bucket; then the threshold is the next bucket and marked: p in the bucket before may stand behind it, and
///             either line may hold the answer. `bytes`: marks are the first 48 bits. `pairs`: a threshold is twice the bucket; marked,
///             twice the bucket of both keys plus one.
///             `words`: threshold i is the last key of line i itself, and p stands behind it when it is greater.
/// Guarantee   at most two lines: a node never holds a bucket in which more could answer (longest()).
/// Cost        find: one cache line, no branch but that on the kind. 64 bytes.
/// Invariants  (1) thresholds ascend; those not used are all ones. (2) start counts lines from the front of the keys.
/// Source      the separators of a static B+-tree, written relative to a linear model instead of as keys: frame of reference as in
///             Goldstein, Ramakrishnan, Shaft, 1998, learned per node as in the PGM-index, Ferragina and Vinciguerra, 2020.
struct line_node {
    static constexpr unsigned most_lines = 43;

    std::uint64_t             base = 0;
    std::uint64_t             meta = 0;      ///< start << 16 | words << 15 | pairs << 14 | shift
    std::array<std::byte, 48> thresholds{};  ///< of bytes: 6 bytes of marks before them

    std::uint64_t start() const noexcept { return meta >> 16; }
    bool          of_words() const noexcept { return (meta & 0x8000u) != 0; }
    bool          of_pairs() const noexcept { return (meta & 0x4000u) != 0; }
    unsigned      shift() const noexcept { return static_cast<unsigned>(meta & 63u); }

    static constexpr unsigned most(node_kind kind) noexcept {
        return kind == node_kind::bytes ? 43 : kind == node_kind::pairs ? 25 : 7;
    }
    static constexpr std::uint64_t last_bucket(node_kind kind) noexcept {
        return kind == node_kind::bytes ? 253 : 32766;
    }
};
static_assert(sizeof(line_node) == 64 && std::is_trivially_copyable_v<line_node>);

/// lower_bound stands in `first`, or, when all keys of `first` are less, in `second`.
struct line_pair {
    std::uint64_t first = 0, second = 0;
};

namespace detail {
inline namespace TENON_SIMD_FLAGS {

/// Bit i: whether byte i of the node's 48 is at most x.
inline std::uint64_t node_bytes_at_most(line_node const& node, unsigned x) noexcept {
#if defined(__AVX512BW__)
    return _mm512_cmple_epu8_mask(_mm512_loadu_si512(&node), _mm512_set1_epi8(static_cast<char>(x))) >> 16;
#elif defined(__SSE2__)
    auto const    key  = _mm_set1_epi8(static_cast<char>(x));
    std::uint64_t mask = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        auto const t = _mm_loadu_si128(reinterpret_cast<__m128i const*>(node.thresholds.data()) + i);
        auto const m = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(t, key), t)));
        mask |= std::uint64_t{m} << (16 * i);
    }
    return mask;
#else
    std::uint64_t mask = 0;
    for (std::size_t i = 0; i < 48; ++i) mask |= std::uint64_t{std::to_integer<unsigned>(node.thresholds[i]) <= x} << i;
    return mask;
#endif
}

/// Bit i: whether pair i of the node's 24 is at most x.
inline std::uint64_t node_pairs_at_most(line_node const& node, unsigned x) noexcept {
#if defined(__AVX512BW__)
    return _mm512_cmple_epu16_mask(_mm512_loadu_si512(&node), _mm512_set1_epi16(static_cast<short>(x))) >> 8;
#elif defined(__SSE2__)
    auto const key     = _mm_set1_epi16(static_cast<short>(x));
    auto const at_most = [&](std::size_t i) {
        auto const t = _mm_loadu_si128(reinterpret_cast<__m128i const*>(node.thresholds.data()) + i);
        return _mm_cmpeq_epi16(_mm_subs_epu16(t, key), _mm_setzero_si128());
    };
    auto const low  = static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(at_most(0), at_most(1))));
    auto const high = static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(at_most(2), _mm_setzero_si128())));
    return low | std::uint64_t{high} << 16;
#else
    std::uint64_t mask = 0;
    for (std::size_t i = 0; i < 24; ++i) {
        std::uint16_t t;
        std::memcpy(&t, node.thresholds.data() + 2 * i, 2);
        mask |= std::uint64_t{t <= x} << i;
    }
    return mask;
#endif
}

/// Bit i: whether p stands behind threshold i, surely (first), or surely or maybe (second).
template <node_kind Kind>
inline line_pair node_behind(line_node const& node, std::uint64_t above) noexcept {
    constexpr auto last   = line_node::last_bucket(Kind);
    auto const     bucket = static_cast<unsigned>(above < last ? above : last);
    if constexpr (Kind == node_kind::bytes) {
        std::uint64_t marks;
        std::memcpy(&marks, node.thresholds.data(), 8);
        auto const sure = node_bytes_at_most(node, bucket) >> 6;
        return {sure, sure | ((node_bytes_at_most(node, bucket + 1) >> 6) & marks)};
    } else {
        return {node_pairs_at_most(node, bucket * 2), node_pairs_at_most(node, bucket * 2 + 1)};
    }
}

/// How many bits are set from the lowest on: thresholds ascend, so these are all.
inline std::uint64_t count_leading(std::uint64_t mask) noexcept {
    return static_cast<std::uint64_t>(std::countr_one(mask));
}

/// How many of the thresholds of a `words` node are less than p.
inline unsigned node_words_less(line_node const& node, std::uint64_t p) noexcept {
    unsigned n = 0;
    for (std::size_t i = 0; i < 6; ++i) {
        std::uint64_t t;
        std::memcpy(&t, node.thresholds.data() + 8 * i, 8);
        n += t < p ? 1u : 0u;
    }
    return n;
}

}  // namespace TENON_SIMD_FLAGS
}  // namespace detail

inline namespace TENON_SIMD_FLAGS {

/// The lines of a node in which lower_bound(p) may stand: first <= second, whatever the bytes. Kind is that of the index; any node may be of
/// words. Precondition: p >= node.base, or the node is of words.
template <node_kind Kind>
inline line_pair find_lines(line_node const& node, std::uint64_t p) noexcept {
    auto const start = node.start();
    if (!node.of_words()) [[likely]] {
        auto const above = (p - node.base) >> node.shift();
        line_pair  behind;
        if constexpr (Kind != node_kind::mixed) {
            behind = detail::node_behind<Kind>(node, above);
        } else {
#if defined(__AVX512BW__)
            // Both are compared where that is cheap: neighbours of different kinds would mislead a branch.
            auto const bytes = detail::node_behind<node_kind::bytes>(node, above);
            auto const pairs = detail::node_behind<node_kind::pairs>(node, above);
            auto const mask  = std::uint64_t{0} - std::uint64_t{node.of_pairs()};
            behind           = {bytes.first ^ ((bytes.first ^ pairs.first) & mask),
                                bytes.second ^ ((bytes.second ^ pairs.second) & mask)};
#else
            behind = node.of_pairs() ? detail::node_behind<node_kind::pairs>(node, above)
                                     : detail::node_behind<node_kind::bytes>(node, above);
#endif
        }
        return {start + detail::count_leading(behind.first), start + detail::count_leading(behind.second)};
    }
    auto const line = start + detail::node_words_less(node, p);
    return {line, line};
}

}  // namespace TENON_SIMD_FLAGS

/// Makes nodes for lines that follow each other. `first[i]` and `last[i]` are the projections of the ends of line i; `base` is one
/// more than the last projection before line 0.
class line_node_builder {
public:
    static constexpr unsigned most = line_node::most_lines;

    /// The node for as many of these n lines (1 <= n <= 43) as it can hold, of `kind` or, where that holds less than 7, of words. How
    /// many they are goes to `taken`. The node at the front of all keys is of words, because keys may lie before it.
    static line_node make(std::uint64_t base, std::uint64_t const* first, std::uint64_t const* last, unsigned n,
                          std::uint64_t start, node_kind kind, unsigned& taken) noexcept {
        taken = 0;
        if (start > 0) {
            auto const most_of = [&](node_kind k) {
                return longest(k, base, first, last, std::min(n, line_node::most(k)));
            };
            taken = most_of(kind == node_kind::pairs ? kind : node_kind::bytes);
            if (kind == node_kind::mixed) {
                kind = node_kind::bytes;
                if (taken < line_node::most(node_kind::pairs) && taken < n)
                    if (auto const pairs = most_of(node_kind::pairs); pairs > taken)
                        kind = node_kind::pairs, taken = pairs;
            }
        }
        if (taken < line_node::most(node_kind::words) && taken < n)
            kind = node_kind::words, taken = std::min(n, line_node::most(node_kind::words));
        if (kind == node_kind::mixed) kind = node_kind::bytes;
        return filled(kind, base, first, last, taken, start);
    }

    /// The node of no keys.
    static line_node empty() noexcept {
        line_node node{0, 0x8000u, {}};
        node.thresholds.fill(std::byte{0xff});
        return node;
    }

    /// How many of n lines a node of this kind can hold.
    static unsigned longest(node_kind kind, std::uint64_t base, std::uint64_t const* first, std::uint64_t const* last,
                            unsigned n) noexcept {
        auto const tried = [&](unsigned m) {
            return holds(base, first, last, m, shift_for(kind, from(base, first[m - 1])));
        };
        auto good = tried(n);
        for (auto bad = n; bad > good + 2;) {  // good lines fit, bad lines do not: a few halvings come near the most
            auto const middle = good + (bad - good) / 2, held = tried(middle);
            if (held == middle) good = middle;
            else bad = middle, good = std::max(good, held);
        }
        return good;
    }

private:
    /// How far a projection lies above the base. Keys below it equal the last one before the node: no key that is sought here does.
    static std::uint64_t from(std::uint64_t base, std::uint64_t p) noexcept { return p < base ? 0 : p - base; }

    /// The finest shift under which a distance falls into a bucket of this kind.
    static unsigned shift_for(node_kind kind, std::uint64_t distance) noexcept {
        auto const last  = line_node::last_bucket(kind);
        auto const width = std::bit_width(distance), room = std::bit_width(last);
        auto       shift = width > room ? static_cast<unsigned>(width - room) : 0u;
        return (distance >> shift) > last ? shift + 1 : shift;
    }

    /// The number of leading lines, at most n, whose buckets under `shift` leave no more than two lines to look at.
    ///
    /// Where lines meet inside a bucket, the line before is the first to look at and the one behind the last such place is the second.
    /// Lines between them must hold nothing but the last key of the first one.
    static unsigned holds(std::uint64_t base, std::uint64_t const* first, std::uint64_t const* last, unsigned n,
                          unsigned shift) noexcept {
        constexpr auto none = ~std::uint64_t{0};
        std::uint64_t  open = none;  // the bucket in which a second line has been met
        for (unsigned i = 1; i < n; ++i) {
            auto const before = from(base, last[i - 1]) >> shift, here = from(base, first[i]) >> shift;
            if (here > before) {
                open = none;
                continue;
            }
            if (open == here) return i;
            if (last[i] != last[i - 1]) open = here;
        }
        return n;
    }

    /// A node of this kind over n lines that it can hold.
    static line_node filled(node_kind kind, std::uint64_t base, std::uint64_t const* first, std::uint64_t const* last,
                            unsigned n, std::uint64_t start) noexcept {
        bool const of_words = kind == node_kind::words;
        auto const shift    = of_words ? 0 : shift_for(kind, from(base, first[n - 1]));
        line_node  node{base, start << 16 | (of_words ? 0x8000u : kind == node_kind::pairs ? 0x4000u : 0u) | shift, {}};
        node.thresholds.fill(std::byte{0xff});
        std::uint64_t marks = 0;
        for (unsigned i = 1; i < n; ++i) {
            if (of_words) {
                std::memcpy(node.thresholds.data() + 8 * (i - 1), &last[i - 1], 8);
                continue;
            }
            auto const before = from(base, last[i - 1]) >> shift, here = from(base, first[i]) >> shift;
            bool const marked = here == before;
            if (kind == node_kind::bytes) {
                node.thresholds[5 + i] = static_cast<std::byte>(here + (marked ? 1 : 0));
                marks |= std::uint64_t{marked} << (i - 1);
            } else {
                auto const twice = static_cast<std::uint16_t>(here * 2 + (marked ? 1 : 0));
                std::memcpy(node.thresholds.data() + 2 * (i - 1), &twice, 2);
            }
        }
        if (kind == node_kind::bytes) std::memcpy(node.thresholds.data(), &marks, 6);
        return node;
    }
};

}  // namespace tenon
