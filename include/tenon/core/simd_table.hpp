// SPDX-License-Identifier: Apache-2.0
// The table of vector kernels that the program has chosen for its machine: types only, no Highway.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tenon::simd {

/// One metric in the three shapes callers need. All three give the same bits for the same two vectors.
struct distance_kernels {
    /// Of two vectors of dim floats.
    float (*one)(float const* a, float const* b, std::size_t dim);
    /// out[i] = one(query, rows + i * stride, dim), 0 <= i < n.
    void (*rows)(float const* query, float const* rows, std::size_t stride, std::size_t n, std::size_t dim, float* out);
    /// out[i] = one(query, rows + ids[i] * stride, dim); rows are prefetched ahead.
    void (*gather)(float const* query, float const* rows, std::size_t stride, std::uint32_t const* ids, std::size_t n,
                   std::size_t dim, float* out);
};

/// All kernels, compiled for one instruction set. Never depends on compiler flags: objects share it.
struct kernels {
    char const*      target;         ///< "avx3", "avx2", "sse4", ... or "static" for what the flags allow
    distance_kernels l2_squared;     ///< sum of squared differences
    distance_kernels inner_product;  ///< minus the dot product
    distance_kernels cosine;         ///< 1 - cos, in [0, 2]; 1 when a vector is zero
    distance_kernels unit_cosine;    ///< 1 - dot, held in [0, 2]: cosine of vectors of length one
    /// Writes the indices i for which lonlat_box{west, south, east, north} contains (lon[i], lat[i]), ascending, and
    /// returns how many; west > east crosses the antimeridian. Preconditions: room for n in `out`, n < 2^32.
    std::size_t (*in_box)(double const* lon, double const* lat, std::size_t n, double west, double south, double east,
                          double north, std::uint32_t* out);
    /// How many of n keys, in any order, are below `key`: in a sorted array the rank of `key`.
    std::size_t (*count_less)(std::uint64_t const* keys, std::size_t n, std::uint64_t key);
};

namespace detail {
/// The program's one choice, so that all of its objects compute the same bits. Null until the first use.
inline constinit std::atomic<kernels const*> chosen{nullptr};
}  // namespace detail

}  // namespace tenon::simd
