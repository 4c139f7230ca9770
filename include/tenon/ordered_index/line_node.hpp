// SPDX-License-Identifier: Apache-2.0
// One cache line that tells in which of up to 255 cache lines of keys a key stands.
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
    pairs = 1,  ///< 24 of 16 bits: 32,767 buckets
    words = 2,  ///< 6 of 64 bits: exact
    bits  = 3,  ///< a bit for each of 384 buckets
};

/// line_node - a linear model of up to 255 lines of keys, corrected line by line.
///
/// Maps        projection p -> the line that holds lower_bound(p), sometimes two.
/// Shapes      `bits`: p falls into bucket b = (r * scale) >> 16, where r is the low 16 bits of (p rotated right by shift) - origin. The
///             buckets of a word stand from its highest bit down. The bit of b is set when the last key of a line falls into b, of which
///             there is one at most. The line is the number of bits set before b; where b is set, the one behind it may hold the answer
///             too. `base` is origin and, for each of the six words, the number of bits up to its end.
///             Of the others `base` is the projection of the node's first key, and p falls into bucket b = (p - base) >> shift, at least the first
///             and at most the last one.
///             Between line i and line i + 1 of the node stands threshold i. Where some bucket begins after the last key of line i and
///             not after the first key of line i + 1, the threshold is that bucket: p stands behind it exactly when b is not less. Else both
///             keys fall into one bucket; then the threshold is the next bucket and marked: p in the bucket before may stand behind it, and
///             either line may hold the answer. A threshold is written as twice the bucket; marked, as twice the bucket of both keys
///             plus one.
///             `words`: threshold i is the last key of line i itself, and p stands behind it when it is greater.
/// Guarantee   at most two lines: a node never holds a bucket in which more could answer (longest()).
/// Cost        find: one cache line, no branch but that on the kind; of bits 22 instructions. 64 bytes.
/// Invariants  (1) thresholds ascend; those not used are all ones. (2) start counts lines from the front of the keys. (3) bits: at most 254 are set.
/// Source      the separators of a static B+-tree, written relative to a linear model instead of as keys: frame of reference as in
///             Goldstein, Ramakrishnan, Shaft, 1998, learned per node as in the PGM-index, Ferragina and Vinciguerra, 2020.
struct line_node {
    static constexpr unsigned    most_lines = 255, buckets = 384;
    static constexpr std::size_t reach =
        144;  ///< bytes from its first on that a look-up may read when its bytes are hostile

    std::uint64_t base = 0;  ///< of bits: origin, and six bytes of counts from the third on
    std::uint64_t meta =
        0;  ///< start << 16 | words << 15 | shift; in an index of bits start << 16 | scale << 6 | shift, scale 0: of words
    std::array<std::byte, 48> thresholds{};

    std::uint64_t start() const noexcept { return meta >> 16; }
    unsigned      scale() const noexcept { return static_cast<unsigned>(meta & 0xffffu) >> 6; }
    bool          of_words(node_kind index) const noexcept {
        return index == node_kind::bits ? scale() == 0 : (meta & 0x8000u) != 0;
    }
    unsigned shift() const noexcept { return static_cast<unsigned>(meta & 63u); }

    static constexpr unsigned most(node_kind kind) noexcept {
        return kind == node_kind::bits ? 255 : kind == node_kind::pairs ? 25 : 7;
    }
    static constexpr std::uint64_t last_bucket = 32766;  ///< of pairs
};
static_assert(sizeof(line_node) == 64 && std::is_trivially_copyable_v<line_node>);

/// lower_bound stands in `first`, or, when all keys of `first` are less, in `second`.
struct line_pair {
    std::uint64_t first = 0, second = 0;
};

namespace detail {
inline namespace TENON_SIMD_FLAGS {

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

/// How many thresholds p stands behind, surely (first), or surely or maybe (second). They ascend, so these are the first ones.
inline line_pair node_pairs_behind(line_node const& node, std::uint64_t p) noexcept {
    constexpr auto last   = line_node::last_bucket;
    auto const     above  = (p < node.base ? 0 : p - node.base) >> node.shift();
    auto const     bucket = static_cast<unsigned>(above < last ? above : last);
    auto const     count  = [&](unsigned x) {
        return static_cast<std::uint64_t>(std::popcount(node_pairs_at_most(node, x)));
    };
    return {count(bucket * 2), count(bucket * 2 + 1)};
}

/// The bucket of p in a node of bits.
inline std::uint32_t node_bucket(std::uint64_t p, unsigned shift, std::uint64_t origin, std::uint32_t scale) noexcept {
    return static_cast<std::uint16_t>(std::rotr(p, static_cast<int>(shift)) - origin) * scale >> 16;
}

/// The lines of a node of bits: lower_bound stands in `first`, or, when `more` is 1 and all keys of `first` are less, in the one behind it.
struct near_lines {
    std::uint64_t first = 0, more = 0;
};
inline near_lines node_bits_lines(line_node const& node, std::uint32_t scale, std::uint64_t p) noexcept {
    auto const    bucket = node_bucket(p, node.shift(), node.base, scale);
    auto const*   at     = reinterpret_cast<std::byte const*>(&node);
    std::uint64_t word   = bucket / 64, bits;
    std::memcpy(&bits, at + 16 + 8 * word, 8);
    auto const from   = bits << bucket % 64;  // the bucket's own bit is the highest
    auto const behind = static_cast<std::uint64_t>(std::popcount(from));
    return {node.start() + std::to_integer<std::uint64_t>(at[2 + word]) - behind, from >> 63};
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

/// The lines of a node in which lower_bound(p) may stand. Kind is that of the index; any node may be of words. Precondition: line_node::reach
/// bytes can be read; p is greater than the separator before the node and not greater than the one behind it, else the lines are
/// any numbers.
///
/// Always inline: a call would return the pair through memory in two halves, and who loads both at once waits for all loads before.
template <node_kind Kind>
#if defined(__GNUC__)
[[gnu::always_inline]]
#endif
inline line_pair find_lines(line_node const& node, std::uint64_t p) noexcept {
    auto const start = node.start();
    if constexpr (Kind == node_kind::bits) {
        if (auto const scale = node.scale(); scale != 0) [[likely]] {
            auto const lines = detail::node_bits_lines(node, scale, p);
            return {lines.first, lines.first + lines.more};
        }
    } else if (!node.of_words(Kind)) [[likely]] {
        auto const behind = detail::node_pairs_behind(node, p);
        return {start + behind.first, start + behind.second};
    }
    auto const line = start + detail::node_words_less(node, p);
    return {line, line};
}

}  // namespace TENON_SIMD_FLAGS

/// Makes nodes for lines that follow each other. `first[i]` and `last[i]` are the projections of the ends of line i; `base` is the least
/// p that a node of bits has to place: one more than the last projection before line 0.
class line_node_builder {
public:
    static constexpr unsigned most = line_node::most_lines;

    /// The node for as many of these n lines (1 <= n <= 255) as it can hold, of `kind` or, where that holds less than 7, of words. How
    /// many they are goes to `taken`; coming in, it is a guess. The nodes at both ends of all keys are of words, because keys may lie beyond: with
    /// `end` these n lines are the last ones.
    static line_node make(std::uint64_t base, std::uint64_t const* first, std::uint64_t const* last, unsigned n,
                          std::uint64_t start, node_kind kind, bool end, unsigned& taken) noexcept {
        constexpr auto words = line_node::most(node_kind::words);
        auto const     some  = std::min(end ? n - 1 : n, line_node::most(kind));
        if (start > 0 && (!end || n > words)) {
            auto const scale = kind == node_kind::bits ? best_scale(base, last, some, taken) : bit_scale{};
            taken            = kind == node_kind::bits ? scale.lines : longest(kind, base, first, last, some);
            if (taken >= std::min(words, n))
                return kind == node_kind::bits ? filled_bits(scale, last, start)
                                               : filled(kind, first, last, taken, start);
        }
        taken    = std::min(n, words);
        auto out = filled(node_kind::words, first, last, taken, start);
        if (kind == node_kind::bits) out.meta &= ~std::uint64_t{0xffff};
        return out;
    }

    /// The node of no keys.
    static line_node empty() noexcept {
        line_node node{0, 0x8000u, {}};
        node.thresholds.fill(std::byte{0xff});
        return node;
    }

    /// How buckets are made in a node of bits, and for how many lines that does.
    struct bit_scale {
        unsigned      lines = 0, shift = 0;
        std::uint64_t origin = 0;
        std::uint32_t scale  = 0;

        std::uint32_t bucket(std::uint64_t p) const noexcept { return detail::node_bucket(p, shift, origin, scale); }
    };

    /// The scale that holds most of n lines, from a few tries about the guess. A scale that is too coarse for some line holds those before it.
    static bit_scale best_scale(std::uint64_t base, std::uint64_t const* last, unsigned n, unsigned guess) noexcept {
        bit_scale best;
        auto      m = guess == 0 ? n : std::min(n, guess);
        for (unsigned tries = 0; tries < 6; ++tries) {
            auto const tried = scale_for(base, last, m);
            if (tried.lines > best.lines) best = tried;
            if (tried.lines == m) {
                if (m == n) break;
                m = std::min(n, m + m / 8 + 1);
            } else {
                auto const next = tried.lines + (m - tried.lines) / 2;
                if (next <= best.lines) break;
                m = next;
            }
        }
        return best;
    }

    /// How many of n lines a node of this kind can hold; at least one.
    static unsigned longest(node_kind kind, std::uint64_t base, std::uint64_t const* first, std::uint64_t const* last,
                            unsigned n) noexcept {
        if (kind == node_kind::bits) return std::max(1u, best_scale(base, last, n, 0).lines);
        auto const tried = [&](unsigned m) { return holds(first, last, m, shift_for(first[m - 1] - first[0])); };
        auto       good  = tried(n);
        for (auto bad = n; bad > good + 2;) {  // good lines fit, bad lines do not: a few halvings come near the most
            auto const middle = good + (bad - good) / 2, held = tried(middle);
            if (held == middle) good = middle;
            else bad = middle, good = std::max(good, held);
        }
        return good;
    }

private:
    /// The scale that spreads m lines over all buckets, and how many of them get a bucket each.
    static bit_scale scale_for(std::uint64_t base, std::uint64_t const* last, unsigned m) noexcept {
        auto const top   = last[m - 1];
        auto const width = static_cast<unsigned>(std::bit_width(top - base));
        auto const far   = [&](unsigned shift) {  // from base to top
            return width > 16 ? (top >> shift) - (base >> shift) : (top - base) << (16 - width);
        };
        bit_scale out;
        if (width > 16) {
            out.shift = width - 16;
            if (far(out.shift) > 0xffff) ++out.shift;
        } else if (width < 16) {
            out.shift = 48 + width;  // the highest bits come round as the lowest: they ascend as p does
        }
        out.origin = std::rotr(base, static_cast<int>(out.shift)) & 0xffff;
        out.scale  = std::min<std::uint32_t>(
            0x3ff, static_cast<std::uint32_t>((std::uint64_t{line_node::buckets} << 16) / (far(out.shift) + 1)));
        auto before = out.bucket(last[0]);
        for (out.lines = 1; out.lines < m; ++out.lines) {
            auto const here = out.lines + 1 == m ? line_node::buckets : out.bucket(last[out.lines]);
            if (here == before) break;
            before = here;
        }
        return out;
    }
    static line_node filled_bits(bit_scale const& s, std::uint64_t const* last, std::uint64_t start) noexcept {
        line_node                    node{s.origin, start << 16 | std::uint64_t{s.scale} << 6 | s.shift, {}};
        std::array<std::uint64_t, 6> bits{};
        for (unsigned i = 0; i + 1 < s.lines; ++i) {
            auto const b = s.bucket(last[i]);
            bits[b / 64] |= std::uint64_t{1} << (63 - b % 64);
        }
        std::uint64_t up_to = 0;
        for (unsigned i = 0; i < 6; ++i) {
            up_to += static_cast<unsigned>(std::popcount(bits[i]));
            node.base |= up_to << (16 + 8 * i);
        }
        std::memcpy(node.thresholds.data(), bits.data(), sizeof bits);
        return node;
    }

    /// The finest shift under which a distance falls into a bucket of pairs.
    static unsigned shift_for(std::uint64_t distance) noexcept {
        auto const last  = line_node::last_bucket;
        auto const width = std::bit_width(distance), room = std::bit_width(last);
        auto       shift = width > room ? static_cast<unsigned>(width - room) : 0u;
        return (distance >> shift) > last ? shift + 1 : shift;
    }

    /// The number of leading lines, at most n, whose buckets under `shift` leave no more than two lines to look at.
    ///
    /// Where lines meet inside a bucket, the line before is the first to look at and the one behind the last such place is the second.
    /// Lines between them must hold nothing but the last key of the first one.
    static unsigned holds(std::uint64_t const* first, std::uint64_t const* last, unsigned n, unsigned shift) noexcept {
        constexpr auto none = ~std::uint64_t{0};
        std::uint64_t  open = none;  // the bucket in which a second line has been met
        for (unsigned i = 1; i < n; ++i) {
            auto const before = (last[i - 1] - first[0]) >> shift, here = (first[i] - first[0]) >> shift;
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
    static line_node filled(node_kind kind, std::uint64_t const* first, std::uint64_t const* last, unsigned n,
                            std::uint64_t start) noexcept {
        bool const of_words = kind == node_kind::words;
        auto const shift    = of_words ? 0 : shift_for(first[n - 1] - first[0]);
        line_node  node{first[0], start << 16 | (of_words ? 0x8000u : 0u) | shift, {}};
        node.thresholds.fill(std::byte{0xff});
        for (unsigned i = 1; i < n; ++i) {
            if (of_words) {
                std::memcpy(node.thresholds.data() + 8 * (i - 1), &last[i - 1], 8);
                continue;
            }
            auto const before = (last[i - 1] - first[0]) >> shift, here = (first[i] - first[0]) >> shift;
            auto const twice = static_cast<std::uint16_t>(here * 2 + (here == before ? 1 : 0));
            std::memcpy(node.thresholds.data() + 2 * (i - 1), &twice, 2);
        }
        return node;
    }
};

}  // namespace tenon
