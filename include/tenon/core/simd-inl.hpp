// SPDX-License-Identifier: Apache-2.0
// All vector kernels, compiled once for each instruction set: included by core/simd.hpp through Highway's
// foreach_target.h, which works once in a translation unit, so every kernel of the toolkit is here.

// No #pragma once: read once for each target, as Highway's own -inl headers are.
#if defined(TENON_CORE_SIMD_INL_) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_CORE_SIMD_INL_
#undef TENON_CORE_SIMD_INL_
#else
#define TENON_CORE_SIMD_INL_
#endif

#include "tenon/core/simd_flags.hpp"
#include "tenon/core/simd_table.hpp"

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace tenon::simd {
inline namespace TENON_SIMD_FLAGS {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// What accumulates: two inputs' lanes into a sum. Written with MulAdd, so that no compiler chooses where to fuse.
struct sum_of_squared_differences {
    template <class V>
    static HWY_INLINE V add(V a, V b, V sum) {
        V const d = hn::Sub(a, b);
        return hn::MulAdd(d, d, sum);
    }
};
struct sum_of_products {
    template <class V>
    static HWY_INLINE V add(V a, V b, V sum) {
        return hn::MulAdd(a, b, sum);
    }
};

/// Four sums of vectors, then one, then single lanes: the order of additions depends on dim alone, so every kernel
/// that comes here gives the same bits. Reads nothing past dim.
template <class Op>
HWY_INLINE float accumulate(float const* HWY_RESTRICT a, float const* HWY_RESTRICT b, std::size_t dim) {
    hn::ScalableTag<float> const d;
    hn::FixedTag<float, 1> const single;
    std::size_t const            lanes = hn::Lanes(d);
    std::size_t                  i     = 0;
    auto                         s0    = hn::Zero(d);
    if (dim >= 4 * lanes) {
        auto s1 = hn::Zero(d), s2 = hn::Zero(d), s3 = hn::Zero(d);
        for (; i + 4 * lanes <= dim; i += 4 * lanes) {
            s0 = Op::add(hn::LoadU(d, a + i), hn::LoadU(d, b + i), s0);
            s1 = Op::add(hn::LoadU(d, a + i + lanes), hn::LoadU(d, b + i + lanes), s1);
            s2 = Op::add(hn::LoadU(d, a + i + 2 * lanes), hn::LoadU(d, b + i + 2 * lanes), s2);
            s3 = Op::add(hn::LoadU(d, a + i + 3 * lanes), hn::LoadU(d, b + i + 3 * lanes), s3);
        }
        s0 = hn::Add(hn::Add(s0, s1), hn::Add(s2, s3));
    }
    for (; i + lanes <= dim; i += lanes) s0 = Op::add(hn::LoadU(d, a + i), hn::LoadU(d, b + i), s0);
#if !HWY_MEM_OPS_MIGHT_FAULT
    if (i < dim && lanes > 1) {  // absent lanes are zero and add nothing
        auto const left = hn::FirstN(d, dim - i);
        s0              = Op::add(hn::MaskedLoad(left, d, a + i), hn::MaskedLoad(left, d, b + i), s0);
        i               = dim;
    }
#endif
    float sum = hn::GetLane(hn::SumOfLanes(d, s0));
    if (i < dim) {
        auto tail = hn::Set(single, sum);
        for (; i < dim; ++i) tail = Op::add(hn::LoadU(single, a + i), hn::LoadU(single, b + i), tail);
        sum = hn::GetLane(tail);
    }
    return sum;
}

// A metric for the kernels below: what it keeps of the query, and the distance of one row. What leaves the range in
// which floats add up safely is summed again in doubles (simd_flags.hpp): finite input never gives NaN.
struct l2_squared_distance {
    explicit HWY_INLINE l2_squared_distance(float const*, std::size_t) {}
    HWY_INLINE float    operator()(float const* query, float const* row, std::size_t dim) const {
        return accumulate<sum_of_squared_differences>(query, row, dim);
    }
};
struct inner_product_distance {
    explicit HWY_INLINE inner_product_distance(float const*, std::size_t) {}
    HWY_INLINE float    operator()(float const* query, float const* row, std::size_t dim) const {
        float const dot = accumulate<sum_of_products>(query, row, dim);
        if (!(dot - dot == 0)) [[unlikely]]
            return -static_cast<float>(wide_dot(query, row, dim));
        return -dot;
    }
};
struct cosine_distance {
    explicit HWY_INLINE cosine_distance(float const* query, std::size_t dim)
        : query_norm(accumulate<sum_of_products>(query, query, dim)) {}
    HWY_INLINE float operator()(float const* query, float const* row, std::size_t dim) const {
        float const dot  = accumulate<sum_of_products>(query, row, dim);
        float const norm = accumulate<sum_of_products>(row, row, dim);
        if (!(norm > 1e-20F && norm < 1e36F && query_norm > 1e-20F && query_norm < 1e36F)) [[unlikely]]
            return wide_cosine(query, row, dim);
        return cosine_of(static_cast<double>(dot), static_cast<double>(query_norm), static_cast<double>(norm));
    }
    float query_norm;
};
struct unit_cosine_distance {
    explicit HWY_INLINE unit_cosine_distance(float const*, std::size_t) {}
    HWY_INLINE float    operator()(float const* query, float const* row, std::size_t dim) const {
        float const distance = 1.0F - accumulate<sum_of_products>(query, row, dim);
        return distance > 0 ? (distance < 2 ? distance : 2.0F) : 0.0F;  // NaN (rows that are not units) gives 0
    }
};

/// The one loop that all three shapes run through, so that they cannot differ by a bit. ids may be null: rows in order.
template <class Distance>
HWY_NOINLINE void run(float const* HWY_RESTRICT query, float const* HWY_RESTRICT rows_, std::size_t stride,
                      std::uint32_t const* HWY_RESTRICT ids, std::size_t n, std::size_t dim, float* HWY_RESTRICT out) {
    // Four rows ahead, and of long rows the first 16 lines: the machine's own prefetcher follows from there.
    constexpr std::size_t ahead = 4, line = 64 / sizeof(float);
    std::size_t const     fetched = dim < 16 * line ? dim : 16 * line;
    Distance const        distance(query, dim);
    for (std::size_t i = 0, next = 0; i < n; ++i) {
        if (ids != nullptr)
            for (; next < n && next <= i + ahead; ++next) {
                float const* row = rows_ + static_cast<std::size_t>(ids[next]) * stride;
                for (std::size_t at = 0; at < fetched; at += line) __builtin_prefetch(row + at);
            }
        out[i] = distance(query, rows_ + (ids != nullptr ? static_cast<std::size_t>(ids[i]) : i) * stride, dim);
    }
}
template <class Distance>
inline float one(float const* a, float const* b, std::size_t dim) {
    float out;
    run<Distance>(a, b, 0, nullptr, 1, dim, &out);
    return out;
}
template <class Distance>
inline void rows(float const* query, float const* rows_, std::size_t stride, std::size_t n, std::size_t dim,
                 float* out) {
    run<Distance>(query, rows_, stride, nullptr, n, dim, out);
}
template <class Distance>
inline void gather(float const* query, float const* rows_, std::size_t stride, std::uint32_t const* ids, std::size_t n,
                   std::size_t dim, float* out) {
    run<Distance>(query, rows_, stride, ids, n, dim, out);
}

#if HWY_HAVE_FLOAT64
template <bool Wraps, bool Aliases>
inline std::size_t in_box_of(double const* HWY_RESTRICT lon, double const* HWY_RESTRICT lat, std::size_t n,
                             box_bounds box, std::uint32_t* HWY_RESTRICT out) {
    hn::CappedTag<double, 64> const d;
    std::size_t const               lanes = hn::Lanes(d);
    auto const west = hn::Set(d, box.west), east = hn::Set(d, box.east), south = hn::Set(d, box.south),
               north  = hn::Set(d, box.north);
    auto const  alias = hn::Set(d, box.alias);
    std::size_t found = 0, i = 0;
    for (; i + lanes <= n; i += lanes) {
        auto const x  = hn::LoadU(d, lon + i);
        auto const y  = hn::LoadU(d, lat + i);
        auto       in = Wraps ? hn::Or(hn::Ge(x, west), hn::Le(x, east)) : hn::And(hn::Ge(x, west), hn::Le(x, east));
        if constexpr (Aliases) in = hn::Or(in, hn::Eq(x, alias));
        in                    = hn::And(in, hn::And(hn::Ge(y, south), hn::Le(y, north)));
        std::uint8_t bytes[8] = {};
        hn::StoreMaskBits(d, in, bytes);
        for (std::uint64_t bits = load_bits(bytes); bits != 0; bits &= bits - 1)
            out[found++] = static_cast<std::uint32_t>(i + static_cast<std::size_t>(__builtin_ctzll(bits)));
    }
    for (; i < n; ++i)
        if (box.contains(lon[i], lat[i])) out[found++] = static_cast<std::uint32_t>(i);
    return found;
}
inline std::size_t in_box(double const* lon, double const* lat, std::size_t n, double west, double south, double east,
                          double north, std::uint32_t* out) {
    box_bounds const box(west, south, east, north);
    if (box.wraps) return in_box_of<true, false>(lon, lat, n, box, out);  // holds both spellings of the antimeridian
    return box.aliases ? in_box_of<false, true>(lon, lat, n, box, out) : in_box_of<false, false>(lon, lat, n, box, out);
}
#else
inline std::size_t in_box(double const* lon, double const* lat, std::size_t n, double west, double south, double east,
                          double north, std::uint32_t* out) {
    box_bounds const box(west, south, east, north);
    std::size_t      found = 0;
    for (std::size_t i = 0; i < n; ++i)
        if (box.contains(lon[i], lat[i])) out[found++] = static_cast<std::uint32_t>(i);
    return found;
}
#endif

inline std::size_t count_less(std::uint64_t const* HWY_RESTRICT keys, std::size_t n, std::uint64_t key) {
    hn::ScalableTag<std::uint64_t> const d;
    std::size_t const                    lanes = hn::Lanes(d);
    auto const                           bound = hn::Set(d, key);
    auto                                 minus = hn::Zero(d);
    std::size_t                          i     = 0;
    for (; i + lanes <= n; i += lanes)
        minus = hn::Add(minus, hn::VecFromMask(d, hn::Lt(hn::LoadU(d, keys + i), bound)));
    auto count = static_cast<std::size_t>(0 - hn::GetLane(hn::SumOfLanes(d, minus)));
    for (; i < n; ++i) count += keys[i] < key ? 1U : 0U;
    return count;
}

template <class Distance>
inline constexpr distance_kernels kernels_of{&one<Distance>, &rows<Distance>, &gather<Distance>};

constexpr kernels table(char const* target) {
    return {target,
            kernels_of<l2_squared_distance>,
            kernels_of<inner_product_distance>,
            kernels_of<cosine_distance>,
            kernels_of<unit_cosine_distance>,
            &in_box,
            &count_less};
}

}  // namespace HWY_NAMESPACE
}  // namespace TENON_SIMD_FLAGS
}  // namespace tenon::simd
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
