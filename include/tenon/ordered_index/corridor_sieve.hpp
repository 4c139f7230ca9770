// SPDX-License-Identifier: Apache-2.0
// Which keys of a block can be corners of a corridor: most are told from the others by their distances alone.
#pragma once

#include "tenon/core/simd_flags.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace tenon::detail {

/// Distances that keys 2^j ranks apart can have under lines of a corridor: at least least(j) and at most most(j).
class corridor_reach {
public:
    static constexpr unsigned steps = 5;

    /// From bounds of the distance for one rank, which are doubles and may be a little off, or infinite.
    corridor_reach(double narrowest, double widest) noexcept {
        constexpr double longest = 1u << (steps - 1), all = 0x1p63;
        auto const       low = narrowest * longest * (1 - 0x1p-40), high = widest * longest * (1 + 0x1p-40);
        if (low < all) low_ = static_cast<std::uint64_t>(low);
        if (high < all) high_ = static_cast<std::uint64_t>(high);
    }
    std::uint64_t least(unsigned j) const noexcept { return low_ >> (steps - 1 - j); }
    std::uint64_t most(unsigned j) const noexcept { return high_ == any ? any : (high_ >> (steps - 1 - j)) + 1; }

private:
    static constexpr std::uint64_t any  = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t                  low_ = 0, high_ = any;
};

/// A bit for each key of a block: whether it can be an upper or a lower corner.
struct corridor_corners {
    std::uint64_t upper = 0, lower = 0;
    bool          repeats = false;  ///< a key equals the one before it: nothing is said of the others
};

inline namespace TENON_SIMD_FLAGS {

/// Bit i of each: the distance from keys[i - k] to keys[i] is less than `least`, is more than `most`, is more and is less than that
/// from keys[i] to keys[i + k]. i in [0, n), n a multiple of 8 up to 64; keys[-k, n + k) are read.
struct distance_masks {
    std::uint64_t near = 0, far = 0, shrinks = 0, grows = 0;
};
inline distance_masks compare_distances(std::uint64_t const* keys, std::size_t k, unsigned n, std::uint64_t least,
                                        std::uint64_t most) noexcept {
    distance_masks out;
#if defined(__AVX512F__)
    auto const low  = _mm512_set1_epi64(static_cast<long long>(least)),
               high = _mm512_set1_epi64(static_cast<long long>(most));
    for (unsigned i = 0; i < n; i += 8) {
        auto const here   = _mm512_loadu_si512(keys + i);
        auto const before = _mm512_sub_epi64(here, _mm512_loadu_si512(keys + i - k));
        auto const behind = _mm512_sub_epi64(_mm512_loadu_si512(keys + i + k), here);
        out.near |= static_cast<std::uint64_t>(_mm512_cmplt_epu64_mask(before, low)) << i;
        out.far |= static_cast<std::uint64_t>(_mm512_cmpgt_epu64_mask(before, high)) << i;
        out.shrinks |= static_cast<std::uint64_t>(_mm512_cmpgt_epu64_mask(before, behind)) << i;
        out.grows |= static_cast<std::uint64_t>(_mm512_cmplt_epu64_mask(before, behind)) << i;
    }
#else
    for (unsigned i = 0; i < n; ++i) {
        auto const before = keys[i] - *(keys + i - k), behind = keys[i + k] - keys[i];
        out.near |= std::uint64_t{before < least} << i;
        out.far |= std::uint64_t{before > most} << i;
        out.shrinks |= std::uint64_t{before > behind} << i;
        out.grows |= std::uint64_t{before < behind} << i;
    }
#endif
    return out;
}

/// Whether a key of keys[0, n) equals the one before it.
inline bool any_repeats(std::uint64_t const* keys, unsigned n) noexcept {
    unsigned out = 0;
    for (unsigned i = 0; i < n; ++i) out |= keys[i] == *(keys + i - 1) ? 1u : 0u;
    return out != 0;
}

/// The corners among keys[0, n) of consecutive ranks, n = 8, 16, 32 or 64, when lines keep within `reach` and the piece holds them all.
/// keys[-16, n + 16) are read, whatever they are; `before` of those in front belong to the piece, one at least, and none of them repeats another.
///
/// Guarantee   where a key is left out, no line within reach that passes the others fails to pass it: a neighbour k ranks away bounds every
///             such line at least as closely (near, far), or two neighbours do, from both sides (turns). The last key is never left out.
///             Integers are compared, nothing is rounded.
inline corridor_corners sieve_corners(std::uint64_t const* keys, unsigned n, unsigned before,
                                      corridor_reach const& reach) noexcept {
    auto const       all  = n == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
    auto const       last = std::uint64_t{1} << (n - 1);
    corridor_corners out{all, all, any_repeats(keys, n)};
    if (out.repeats) return out;
    for (unsigned j = 0; j < corridor_reach::steps && 1u << j < n; ++j) {
        auto const k     = std::size_t{1} << j;
        auto const d     = compare_distances(keys, k, n, reach.least(j), reach.most(j));
        auto const known = before >= k ? all : all & ~((std::uint64_t{1} << (k - before)) - 1);
        auto const near = d.near & known, far = d.far & known, between = known & (all >> k);
        out.upper &= ~(near | far >> k | (between & ~d.shrinks));
        out.lower &= ~(far | near >> k | (between & ~d.grows));
    }
    out.upper |= last, out.lower |= last;
    return out;
}

/// Deviations of keys from a line: rank - slope * (key - origin), in doubles, 64 keys of consecutive ranks at a time. Precondition: ranks
/// and products are less than 2^50.
class deviations {
public:
    static constexpr unsigned block = 64;
#if defined(__AVX512F__) && defined(__AVX512DQ__)
    static constexpr bool quick = true;  ///< quicker than integers

    deviations(std::uint64_t origin, double slope) noexcept
        : origin_(_mm512_set1_epi64(static_cast<long long>(origin))), slope_(_mm512_set1_pd(slope)) {}

    /// Notes the least and the greatest of a block; both begin at 0.
    void note(std::uint64_t const* keys, double rank) noexcept {
        for (unsigned i = 0; i < block; i += 8) {
            auto const e = of(keys + i, rank + i);
            least_ = _mm512_mask_min_pd(least_, 0xff, least_, e), most_ = _mm512_mask_max_pd(most_, 0xff, most_, e);
        }
    }
    double least() const noexcept {
        std::array<double, 8> all;
        _mm512_storeu_pd(all.data(), least_);
        return *std::min_element(all.begin(), all.end());
    }
    double most() const noexcept {
        std::array<double, 8> all;
        _mm512_storeu_pd(all.data(), most_);
        return *std::max_element(all.begin(), all.end());
    }
    /// A bit for each of a block that is at most `low` or at least `high`.
    std::uint64_t beyond(std::uint64_t const* keys, double rank, double low, double high) const noexcept {
        std::uint64_t out = 0;
        for (unsigned i = 0; i < block; i += 8) {
            auto const e    = of(keys + i, rank + i);
            auto const mask = _mm512_cmp_pd_mask(e, _mm512_set1_pd(low), _CMP_LE_OQ) |
                              _mm512_cmp_pd_mask(e, _mm512_set1_pd(high), _CMP_GE_OQ);
            out |= static_cast<std::uint64_t>(static_cast<unsigned>(mask)) << i;
        }
        return out;
    }

private:
    __m512d of(std::uint64_t const* keys, double rank) const noexcept {
        auto const d = _mm512_cvtepu64_pd(_mm512_sub_epi64(_mm512_loadu_si512(keys), origin_));
        auto const r = _mm512_add_pd(_mm512_set1_pd(rank), _mm512_setr_pd(0, 1, 2, 3, 4, 5, 6, 7));
        return _mm512_sub_pd(r, _mm512_mul_pd(d, slope_));
    }
    __m512i origin_;
    __m512d slope_, least_ = _mm512_setzero_pd(), most_ = _mm512_setzero_pd();
#else
    static constexpr bool quick = false;
    deviations(std::uint64_t, double) noexcept {}
    void          note(std::uint64_t const*, double) noexcept {}
    double        least() const noexcept { return 0; }
    double        most() const noexcept { return 0; }
    std::uint64_t beyond(std::uint64_t const*, double, double, double) const noexcept { return ~std::uint64_t{0}; }
#endif
};

}  // namespace TENON_SIMD_FLAGS
}  // namespace tenon::detail
