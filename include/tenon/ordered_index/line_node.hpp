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
#include <utility>

#if defined(__AVX512VBMI__) || defined(__AVX512VPOPCNTDQ__) || defined(__BMI2__)
#include <immintrin.h>
#endif

namespace tenon {

/// How a node writes its thresholds.
enum class node_kind : std::uint8_t {
    fines = 1,  ///< 31 of 14 bits
    words = 2,  ///< 7 of 64 bits: exact
    bits  = 3,  ///< a bit for each of 384 buckets
};

/// line_node - a linear model of up to 255 lines of keys, corrected line by line.
///
/// Maps        projection p -> the line that holds lower_bound(p), sometimes two.
/// Shapes      `bits`: p falls into bucket b = (r * scale) >> 16, where r is the low 16 bits of (p rotated right by shift) - origin. The
///             buckets of a word stand from its highest bit down. The bit of b is set when the last key of a line falls into b, of which
///             there is one at most. The line is the number of bits set before b; where b is set, the one behind it may hold the answer
///             too. The body is origin, for each of the six words the number of bits up to its end, and the words.
///             `fines`: p falls into bucket b = (p >> shift) - origin, taken as a signed number of 30 bits, at least 0 and at most 16383. Threshold i
///             is the bucket of the last key of line i, but for the last line, and p stands behind it when b is greater. In a clear node no p
///             behind the last key of a line and before the first key of the next one shares a bucket with both, so there is one line; the
///             shift is the greatest that does it. In a blurred one, which keys that repeat need, b is at most 8190, and a threshold is twice
///             the bucket of the first key of the line behind it, p stands behind it when 2 b is not less; where that key and the last one of the
///             line before share a bucket, one more: p in this bucket may stand behind it, and either line may hold the answer.
///             `words`: threshold i is the last key of line i itself, and p stands behind it when it is greater.
///             A node of fines or words may stand over nodes as over lines.
/// Guarantee   at most two lines: a node never holds a bucket in which more could answer.
/// Cost        find: one cache line, no branch but that on the kind; of bits 22 instructions, of fines 17. 64 bytes.
/// Invariants  (1) thresholds ascend; those not used are all ones. (2) start counts lines from the front of the keys. (3) bits: at most 254 are set.
/// Source      the separators of a static B+-tree, written relative to a linear model instead of as keys: frame of reference as in
///             Goldstein, Ramakrishnan, Shaft, 1998, learned per node as in the PGM-index, Ferragina and Vinciguerra, 2020. A node ends
///             where few bits tell the next one apart, as in Bayer and Unterauer, Prefix B-trees, 1977.
struct line_node {
    static constexpr unsigned    most_lines = 255, buckets = 384;
    static constexpr std::size_t reach =
        144;  ///< bytes from its first on that a look-up may read when its bytes are hostile

    /// In an index of bits start << 16 | scale << 6 | shift, scale 0: of words. Else start << 8 | words << 7 | blurred << 6 | shift, and the
    /// lower 16 bits of origin in the highest ones.
    std::uint64_t             meta = 0;
    std::array<std::byte, 56> body{};  ///< of fines 32 times 14 bits: the upper part of origin and the thresholds

    std::uint64_t start(node_kind index) const noexcept {
        return index == node_kind::bits ? meta >> 16 : meta << 16 >> 24;
    }
    unsigned scale() const noexcept { return static_cast<unsigned>(meta & 0xffffu) >> 6; }
    bool     of_words(node_kind index) const noexcept {
        return index == node_kind::bits ? scale() == 0 : (meta & 0x80u) != 0;
    }
    bool     clear() const noexcept { return (meta & 0xc0u) == 0; }  ///< in an index of fines
    unsigned shift() const noexcept { return static_cast<unsigned>(meta & 63u); }

    static constexpr unsigned most(node_kind kind) noexcept {
        return kind == node_kind::bits ? 255 : kind == node_kind::fines ? 32 : 8;
    }
    static constexpr std::int32_t last_bucket = 0x3ffe, last_blurred = 0x1ffe;  ///< of fines
};
static_assert(sizeof(line_node) == 64 && std::is_trivially_copyable_v<line_node>);

/// lower_bound stands in `first`, or, when all keys of `first` are less, in `second`.
struct line_pair {
    std::uint64_t first = 0, second = 0;
};

namespace detail {
inline namespace TENON_SIMD_FLAGS {

/// Four times the bucket of p in a node of fines, with a sign, before it is taken to 14 bits.
inline std::int32_t node_fine_place(line_node const& node, std::uint64_t p) noexcept {
    std::uint32_t origin;  // and two bits of the first threshold, which the factor shifts out
    std::memcpy(&origin, reinterpret_cast<std::byte const*>(&node) + 6, 4);
    return static_cast<std::int32_t>((static_cast<std::uint32_t>(p >> node.shift()) - origin) << 2);
}

/// How many thresholds of a node of fines are less than the bucket at this place. They ascend, so these are the first ones.
inline unsigned node_fines_less(line_node const& node, std::int32_t place) noexcept {
#if defined(__AVX512VBMI__)
    // Each seven bytes hold four thresholds. They go to the upper 14 bits of 16; what stands in the lower two decides nothing.
    alignas(64) static constexpr auto sevens = [] {
        std::array<std::uint8_t, 64> at{};
        for (unsigned i = 0; i < 64; ++i) at[i] = static_cast<std::uint8_t>(8 + i / 8 * 7 + std::min(i % 8, 6u));
        return at;
    }();
    alignas(64) static constexpr auto fours = [] {
        std::array<std::uint8_t, 64> at{};
        for (unsigned i = 0; i < 64; ++i) at[i] = static_cast<std::uint8_t>((i % 8 / 2 * 14 + i % 2 * 8 + 62) % 64);
        return at;
    }();
    constexpr auto all = ~std::uint64_t{0};  // without a mask GCC 12 warns of what its header leaves undefined
    auto const packed = _mm512_maskz_permutexvar_epi8(all, _mm512_load_si512(sevens.data()), _mm512_loadu_si512(&node));
    auto const spread = _mm512_maskz_multishift_epi64_epi8(all, _mm512_load_si512(fours.data()), packed);
    auto const at     = _mm_cvtsi32_si128(place);
    auto const bucket = _mm_and_si128(_mm_packus_epi32(at, at), _mm_cvtsi32_si128(0xfffc));
    auto const mask =
        _mm512_cmplt_epu16_mask(spread, _mm512_maskz_broadcastw_epi16(static_cast<__mmask32>(all), bucket));
    return static_cast<unsigned>(std::popcount(static_cast<std::uint32_t>(mask) >> 1));
#else
    constexpr std::uint64_t each = 0x0001'0001'0001'0001, high = each << 15;
    auto const              x = each * static_cast<std::uint64_t>(std::clamp(place, 0, 0xfffc) >> 2);
    unsigned                n = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        std::uint64_t t;
        std::memcpy(&t, reinterpret_cast<std::byte const*>(&node) + 7 + 7 * i, 8);
        t >>= 8;
#if defined(__BMI2__)
        t = _pdep_u64(t, each * 0x3fff);
#else
        t = (t & 0x3fff) | (t << 2 & 0x3fff'0000) | (t << 4 & 0x3fff'0000'0000) | (t << 6 & 0x3fff'0000'0000'0000);
#endif
        if (i == 0) t |= 0x3fff;  // is no threshold
        n += static_cast<unsigned>(std::popcount(((t | high) - x) & high));
    }
    return 32 - n;
#endif
}

/// The line of p in a clear node of fines.
[[gnu::always_inline]] inline std::uint64_t node_fines_line(line_node const& node, std::uint64_t p) noexcept {
    return node.start(node_kind::fines) + node_fines_less(node, node_fine_place(node, p));
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
    auto const*   at = reinterpret_cast<std::byte const*>(&node);
    std::uint64_t origin;
    std::memcpy(&origin, at + 8, 8);
    auto const    bucket = node_bucket(p, node.shift(), origin, scale);
    std::uint64_t word   = bucket / 64, bits;
    std::memcpy(&bits, at + 16 + 8 * word, 8);
    auto const from   = bits << bucket % 64;  // the bucket's own bit is the highest
    auto const behind = static_cast<std::uint64_t>(std::popcount(from));
    return {node.start(node_kind::bits) + std::to_integer<std::uint64_t>(at[10 + word]) - behind, from >> 63};
}

/// How many of the thresholds of a `words` node are less than p.
inline unsigned node_words_less(line_node const& node, std::uint64_t p) noexcept {
    unsigned n = 0;
    for (std::size_t i = 0; i < 7; ++i) {
        std::uint64_t t;
        std::memcpy(&t, node.body.data() + 8 * i, 8);
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
    if constexpr (Kind == node_kind::bits) {
        if (auto const scale = node.scale(); scale != 0) [[likely]] {
            auto const lines = detail::node_bits_lines(node, scale, p);
            return {lines.first, lines.first + lines.more};
        }
    } else if (!node.of_words(Kind)) [[likely]] {
        auto const place = detail::node_fine_place(node, p);
        auto const start = node.start(Kind);
        if (node.clear()) [[likely]] {
            auto const line = start + detail::node_fines_less(node, place);
            return {line, line};
        }
        auto const twice = 2 * std::clamp(place >> 2, 0, line_node::last_blurred);
        return {start + detail::node_fines_less(node, 4 * (twice + 1)),
                start + detail::node_fines_less(node, 4 * (twice + 2))};
    }
    auto const line = node.start(Kind) + detail::node_words_less(node, p);
    return {line, line};
}

/// find_lines() for eight p at once, in the nodes of an index of bits that `at` numbers: at[i] becomes the first line of p[i], second[i] the second.
inline void find_lines_of_eight(std::byte const* nodes, std::uint64_t const* p, std::uint64_t* at,
                                std::uint64_t* second) noexcept {
#if defined(__AVX512VBMI2__) && defined(__AVX512VPOPCNTDQ__)
    constexpr __mmask8 all    = 0xff;  // without a mask GCC 12 warns of what its header leaves undefined
    auto const         each   = [](long long i) { return _mm512_set1_epi64(i); };
    auto const         gather = [](__m512i from, std::byte const* base) {
        return _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), all, from, base, 1);
    };
    auto const offset = _mm512_maskz_slli_epi64(all, _mm512_loadu_si512(at), 6);
    auto const meta = gather(offset, nodes), head = gather(offset, nodes + 8);
    auto const scale = _mm512_and_si512(_mm512_maskz_srli_epi64(all, meta, 6), each(0x3ff));
    auto const near  = _mm512_and_si512(
        _mm512_sub_epi64(_mm512_maskz_rorv_epi64(all, _mm512_loadu_si512(p), meta), head), each(0xffff));
    auto const bucket = _mm512_maskz_srli_epi64(all, _mm512_maskz_mul_epu32(all, near, scale), 16);
    auto const word   = _mm512_and_si512(_mm512_maskz_srli_epi64(all, bucket, 3), each(0x38));  // times 8
    auto const bits   = gather(_mm512_add_epi64(offset, word), nodes + 16);
    auto const from   = _mm512_maskz_sllv_epi64(all, bits, _mm512_and_si512(bucket, each(63)));
    auto const more   = _mm512_maskz_srli_epi64(all, from, 63);
    auto const up_to =
        _mm512_and_si512(_mm512_maskz_srlv_epi64(all, head, _mm512_add_epi64(word, each(16))), each(0xff));
    auto const lines =
        _mm512_sub_epi64(_mm512_add_epi64(_mm512_maskz_srli_epi64(all, meta, 16), up_to), _mm512_popcnt_epi64(from));
    _mm512_storeu_si512(at, lines);
    _mm512_storeu_si512(second, _mm512_add_epi64(lines, more));
    if (unsigned words = _mm512_testn_epi64_mask(scale, scale); words != 0) [[unlikely]] {
        std::array<std::uint64_t, 8> offsets;
        _mm512_storeu_si512(offsets.data(), offset);
        for (; words != 0; words &= words - 1) {
            auto const  i    = static_cast<std::size_t>(std::countr_zero(words));
            auto const& node = *reinterpret_cast<line_node const*>(nodes + offsets[i]);
            at[i] = second[i] = node.start(node_kind::bits) + detail::node_words_less(node, p[i]);
        }
    }
#else
    for (std::size_t i = 0; i < 8; ++i) {
        auto const& node  = *reinterpret_cast<line_node const*>(nodes + at[i] * sizeof(line_node));
        auto const  lines = find_lines<node_kind::bits>(node, p[i]);
        at[i] = lines.first, second[i] = lines.second;
    }
#endif
}

}  // namespace TENON_SIMD_FLAGS

/// Makes nodes for lines that follow each other, or for nodes that do. `first[i]` and `last[i]` are the projections of the ends of line i; of
/// a node last[i] is the least p for which it may be the last one that is right, first[i] the greatest for which the one before it still is.
/// `base` is the least p that the node has to place, at most one more than what stands last before it.
class line_node_builder {
public:
    static constexpr unsigned most = line_node::most_lines;

    /// The node for as many of these n lines (1 <= n <= 255) as it can hold, of `kind` or, where that holds less than 8, of words. How
    /// many they are goes to `taken`; coming in, it is a guess. The nodes at both ends of all keys are of words, because keys may lie beyond: with
    /// `end` these n lines are the last ones.
    static line_node make(std::uint64_t base, std::uint64_t const* first, std::uint64_t const* last, unsigned n,
                          std::uint64_t start, node_kind kind, bool end, unsigned& taken) noexcept {
        if (may_be(kind, n, start, end)) {
            auto const some = end ? n - 1 : n;
            if (kind == node_kind::bits) {
                auto const scale = best_scale(base, last, some, taken);
                taken            = scale.lines;
                if (taken >= std::min(exact, n)) return filled_bits(scale, last, start);
            } else {
                auto const scale = best_fines(first, last, n, some);
                taken            = scale.lines;
                if (taken >= std::min(exact, n) && places(scale, base, last))
                    return filled_fines(scale, first, last, start);
            }
        }
        return filled_words(kind, last, taken = std::min(n, exact), start);
    }
    /// The same over nodes, in an index of fines: clear, or of words.
    static line_node make_group(std::uint64_t base, std::uint64_t const* first, std::uint64_t const* last, unsigned n,
                                std::uint64_t start, bool end, unsigned& taken) noexcept {
        if (may_be(node_kind::fines, n, start, end)) {
            auto const scale = clear_fines(first, last, n, end ? n - 1 : n, false);
            taken            = scale.lines;
            if (taken >= std::min(exact, n) && places(scale, base, last))
                return filled_fines(scale, first, last, start);
        }
        return filled_words(node_kind::fines, last, taken = std::min(n, exact), start);
    }
    /// The numbers that a node of an index of fines over lines or nodes that end so places right: a bucket has 30 bits.
    static std::pair<std::uint64_t, std::uint64_t> reach(line_node const& node, std::uint64_t const* last) noexcept {
        if (node.of_words(node_kind::fines)) return {0, greatest};
        fine_scale const s{0, node.shift(), false};
        return {least(s, last), most_placed(s, last)};
    }

    /// The node of no keys.
    static line_node empty(node_kind kind) noexcept { return filled_words(kind, nullptr, 1, 0); }

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

private:
    static constexpr unsigned      exact    = line_node::most(node_kind::words);
    static constexpr std::uint64_t greatest = ~std::uint64_t{0};

    static bool may_be(node_kind kind, unsigned n, std::uint64_t start, bool end) noexcept {
        return kind != node_kind::words && start > 0 && (!end || n > exact);
    }

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
        line_node                    node{start << 16 | std::uint64_t{s.scale} << 6 | s.shift, {}};
        std::array<std::uint64_t, 6> bits{};
        for (unsigned i = 0; i + 1 < s.lines; ++i) {
            auto const b = s.bucket(last[i]);
            bits[b / 64] |= std::uint64_t{1} << (63 - b % 64);
        }
        std::uint64_t up_to = 0, head = s.origin;
        for (unsigned i = 0; i < 6; ++i) {
            up_to += static_cast<unsigned>(std::popcount(bits[i]));
            head |= up_to << (16 + 8 * i);
        }
        std::memcpy(node.body.data(), &head, 8);
        std::memcpy(node.body.data() + 8, bits.data(), sizeof bits);
        return node;
    }

    /// How buckets are made in a node of fines.
    struct fine_scale {
        unsigned lines = 0, shift = 0;
        bool     blurred = false;
    };
    /// As a blurred node where that holds twice as many lines. Of n lines that are known, at most `some` can be held.
    static fine_scale best_fines(std::uint64_t const* first, std::uint64_t const* last, unsigned n,
                                 unsigned some) noexcept {
        auto const clear = clear_fines(first, last, n, some, true);
        if (clear.lines * 2 > std::min(some, line_node::most(node_kind::fines))) return clear;
        auto const blurred = blurred_fines(first, last, some);
        return blurred.lines >= clear.lines * 2 ? blurred : clear;
    }

    /// The greatest shift under which some bucket begins behind `last` and at most one behind `first`.
    static unsigned telling_shift(std::uint64_t last, std::uint64_t first) noexcept {
        return first == greatest ? 63 : static_cast<unsigned>(std::bit_width(last ^ (first + 1))) - 1;
    }
    /// The least and the greatest p that differ from the first threshold by a number of buckets with a sign and 29 bits.
    static std::uint64_t least(fine_scale const& s, std::uint64_t const* last) noexcept {
        auto const bucket = last[0] >> s.shift, far = std::uint64_t{1} << 29;
        return bucket <= far ? 0 : (bucket - far) << s.shift;
    }
    static std::uint64_t most_placed(fine_scale const& s, std::uint64_t const* last) noexcept {
        auto const bucket = last[0] >> s.shift, far = (std::uint64_t{1} << 29) - 1;
        return (greatest >> s.shift) - bucket <= far ? greatest : ((bucket + far + 1) << s.shift) - 1;
    }
    static bool places(fine_scale const& s, std::uint64_t base, std::uint64_t const* last) noexcept {
        return least(s, last) <= base && last[s.lines - 1] <= most_placed(s, last);
    }
    static bool fits(std::uint64_t base, std::uint64_t top, unsigned shift, std::int32_t last) noexcept {
        return (top >> shift) - (base >> shift) <= static_cast<std::uint64_t>(last);
    }
    /// How many of m lines to hold: up to a quarter less, where that spares nodes above a bit for each two lines. n lines are known.
    static unsigned best_end(std::uint64_t const* first, std::uint64_t const* last, unsigned n, unsigned m) noexcept {
        auto const worth = [&](unsigned i) { return i + (i < n ? 2 * telling_shift(last[i - 1], first[i]) : 0); };
        auto       best  = m;
        for (auto less = m - m / 4; less < m; ++less)
            if (worth(less) > worth(best)) best = less;
        return best;
    }
    /// The most lines that a clear node can hold, or with `sparing` as many as is best.
    static fine_scale clear_fines(std::uint64_t const* first, std::uint64_t const* last, unsigned n, unsigned some,
                                  bool sparing) noexcept {
        std::array<unsigned, line_node::most(node_kind::fines) + 1> shifts;  // that tell the first i lines apart
        unsigned                                                    m = 1;
        for (shifts[1] = 63; m < std::min(some, line_node::most(node_kind::fines)); ++m) {
            shifts[m + 1] = std::min(shifts[m], telling_shift(last[m - 1], first[m]));
            if (!fits(last[0], last[m - 1], shifts[m + 1], line_node::last_bucket) ||
                last[m] > most_placed({m + 1, shifts[m + 1], false}, last))
                break;
        }
        if (sparing) m = best_end(first, last, n, m);
        return {m, shifts[m], false};
    }
    static fine_scale blurred_fines(std::uint64_t const* first, std::uint64_t const* last, unsigned n) noexcept {
        auto const tried = [&](unsigned m) {
            auto const shift = blurred_shift(last[0], first[m - 1]);
            return fine_scale{blurred_holds(first, last, m, shift), shift, true};
        };
        auto bad  = std::min(n, line_node::most(node_kind::fines));
        auto good = tried(bad);
        while (bad > good.lines + 2) {  // a few halvings come near the most
            auto const middle = good.lines + (bad - good.lines) / 2;
            auto const found  = tried(middle);
            if (found.lines != middle) bad = middle;
            if (found.lines > good.lines) good = found;
        }
        good.shift = blurred_shift(last[0], first[good.lines - 1]);
        return good;
    }
    /// The finest shift for a blurred node between these numbers.
    static unsigned blurred_shift(std::uint64_t from, std::uint64_t to) noexcept {
        auto const width = to < from ? 0 : static_cast<unsigned>(std::bit_width(to - from));
        auto       shift = width > 13 ? width - 13 : 0;
        while (to > from && !fits(from, to, shift, line_node::last_blurred)) ++shift;
        return shift;
    }

    /// The number of leading lines, at most n, whose buckets under `shift` leave no more than two lines to look at.
    ///
    /// Where lines meet inside a bucket, the line before is the first to look at and the one behind the last such place is the second.
    /// Lines between them must hold nothing but the last key of the first one.
    static unsigned blurred_holds(std::uint64_t const* first, std::uint64_t const* last, unsigned n,
                                  unsigned shift) noexcept {
        std::uint64_t open = greatest;  // the bucket in which a second line has been met
        for (unsigned i = 1; i < n; ++i) {
            auto const before = last[i - 1] >> shift, here = first[i] >> shift;
            if (here > before) {
                open = greatest;
                continue;
            }
            if (open == here) return i;
            if (last[i] != last[i - 1]) open = here;
        }
        return n;
    }

    static line_node filled_fines(fine_scale const& s, std::uint64_t const* first, std::uint64_t const* last,
                                  std::uint64_t start) noexcept {
        auto const origin = last[0] >> s.shift;
        line_node  node{origin << 48 | start << 8 | (s.blurred ? 0x40u : 0u) | s.shift, {}};
        for (unsigned i = 0; i < 32; i += 4) {
            std::uint64_t four = 0;
            for (unsigned j = 0; j < 4; ++j) {
                std::uint64_t field = 0x3fff;
                if (i + j == 0) field = origin >> 16;
                else if (i + j < s.lines) {
                    auto const ends   = (last[i + j - 1] >> s.shift) - origin;
                    auto const begins = (first[i + j] >> s.shift) - origin;
                    field             = s.blurred ? 2 * begins + (begins == ends ? 1 : 0) : ends;
                }
                four |= (field & 0x3fff) << 14 * j;
            }
            std::memcpy(node.body.data() + i / 4 * 7, &four, 7);
        }
        return node;
    }
    static line_node filled_words(node_kind kind, std::uint64_t const* last, unsigned n, std::uint64_t start) noexcept {
        line_node node{kind == node_kind::bits ? start << 16 : start << 8 | 0x80u, {}};
        node.body.fill(std::byte{0xff});
        if (n > 1) std::memcpy(node.body.data(), last, std::size_t{n - 1} * 8);
        return node;
    }
};

}  // namespace tenon
