// SPDX-License-Identifier: Apache-2.0
// A namespace name for the compiler flags of this translation unit, and the scalar helpers of the kernels inside it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

// Objects built with different -m flags may be linked into one program. A linker keeps one copy of each inline
// function, of any of the objects; were that copy a kernel for plain machines out of an object built with -mavx2, it
// would stop a plain machine. So kernels and their helpers live in a namespace named after the flags, and copies made
// under different flags have different names. The table (simd_table.hpp) is outside, the same for all.
#if defined(__AVX512FP16__)
#define TENON_SIMD_LEVEL_ 9
#elif defined(__AVX512VBMI2__)
#define TENON_SIMD_LEVEL_ 8
#elif defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define TENON_SIMD_LEVEL_ 7
#elif defined(__AVX512F__)
#define TENON_SIMD_LEVEL_ 6
#elif defined(__AVX2__)
#define TENON_SIMD_LEVEL_ 5
#elif defined(__AVX__)
#define TENON_SIMD_LEVEL_ 4
#elif defined(__SSE4_2__)
#define TENON_SIMD_LEVEL_ 3
#elif defined(__SSE3__) || defined(__SSSE3__) || defined(__SSE4_1__)
#define TENON_SIMD_LEVEL_ 2
#elif defined(__ARM_FEATURE_SVE)
#define TENON_SIMD_LEVEL_ 1
#else
#define TENON_SIMD_LEVEL_ 0
#endif
#if defined(__FMA__) && defined(__BMI2__)
#define TENON_SIMD_EXTRA_ fma_bmi2
#elif defined(__FMA__)
#define TENON_SIMD_EXTRA_ fma
#elif defined(__BMI2__) || defined(__BMI__)
#define TENON_SIMD_EXTRA_ bmi
#else
#define TENON_SIMD_EXTRA_ plain
#endif
#define TENON_SIMD_JOIN2_(a, b) flags_##a##_##b
#define TENON_SIMD_JOIN_(a, b) TENON_SIMD_JOIN2_(a, b)
#define TENON_SIMD_FLAGS TENON_SIMD_JOIN_(TENON_SIMD_LEVEL_, TENON_SIMD_EXTRA_)

namespace tenon::simd {
inline namespace TENON_SIMD_FLAGS {

/// Dot product in doubles, where no product of floats overflows and all are exact.
inline double wide_dot(float const* a, float const* b, std::size_t dim) {
    double sum = 0;
    for (std::size_t i = 0; i < dim; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
}
/// 1 - cos from the dot product and the squared lengths; 1 when a length is zero.
inline float cosine_of(double dot, double norm_a, double norm_b) {
    double const length = std::sqrt(norm_a) * std::sqrt(norm_b);
    if (!(length > 0)) return 1.0F;
    return static_cast<float>(1.0 - std::clamp(dot / length, -1.0, 1.0));
}
inline float wide_cosine(float const* a, float const* b, std::size_t dim) {
    return cosine_of(wide_dot(a, b, dim), wide_dot(a, a, dim), wide_dot(b, b, dim));
}

/// The window of in_box, with what follows from its corners once for all points.
struct box_bounds {
    box_bounds(double west_, double south_, double east_, double north_) noexcept
        : west(west_), south(south_), east(east_), north(north_), wraps(west_ > east_) {
        bool const at_west = in(-180), at_east = in(180);
        aliases = at_west != at_east;  // one spelling of the antimeridian is inside: the other one as well
        alias   = at_west ? 180 : -180;
    }
    bool in(double lon) const noexcept { return wraps ? (lon >= west || lon <= east) : (lon >= west && lon <= east); }
    bool contains(double lon, double lat) const noexcept {
        return lat >= south && lat <= north && (in(lon) || (aliases && lon == alias));
    }
    double west, south, east, north, alias = 0;
    bool   wraps, aliases = false;
};

inline std::uint64_t load_bits(std::uint8_t const* bytes) {
    std::uint64_t bits;
    std::memcpy(&bits, bytes, sizeof bits);
    return bits;
}

}  // namespace TENON_SIMD_FLAGS
}  // namespace tenon::simd
