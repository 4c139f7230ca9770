// SPDX-License-Identifier: Apache-2.0
// Metric: one minus the cosine of the angle between two vectors.
#pragma once

#include "tenon/metric/concept.hpp"

#include "tenon/core/simd.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tenon {

/// cosine - one minus the cosine of the angle between two vectors.
///
/// Shapes      any dim.
/// Guarantee   in [0, 2]: 0 same direction, 1 at right angles, 2 opposite. 1 when either vector is zero, also when both
///             are. Lengths whose square leaves the range of float are taken in doubles: never NaN for finite input.
/// Cost        4 operations an element, vectorised; one dispatch a call.
/// Threads     any.
/// Use when    only the direction matters: embeddings of words, sentences, pictures.
///
/// Prepared rows: an index stores prepare(row), the vector of length one in the same direction, and asks
/// cosine::prepared, a dot product, which gives the same distance up to rounding.
struct cosine {
    using policy_axis                      = axis::metric;
    static constexpr std::string_view name = "tenon.cosine/1";

    static float distance(float const* a, float const* b, std::size_t dim) noexcept {
        return simd::active().cosine.one(a, b, dim);
    }
    static void distances(float const* query, float const* rows, std::size_t stride, std::size_t n, std::size_t dim,
                          float* out) noexcept {
        simd::active().cosine.rows(query, rows, stride, n, dim, out);
    }
    static void gather(float const* query, float const* rows, std::size_t stride, std::uint32_t const* ids,
                       std::size_t n, std::size_t dim, float* out) noexcept {
        simd::active().cosine.gather(query, rows, stride, ids, n, dim, out);
    }

    /// Distance of vectors that went through prepare.
    struct prepared {
        static float distance(float const* a, float const* b, std::size_t dim) noexcept {
            return simd::active().unit_cosine.one(a, b, dim);
        }
        static void distances(float const* query, float const* rows, std::size_t stride, std::size_t n, std::size_t dim,
                              float* out) noexcept {
            simd::active().unit_cosine.rows(query, rows, stride, n, dim, out);
        }
        static void gather(float const* query, float const* rows, std::size_t stride, std::uint32_t const* ids,
                           std::size_t n, std::size_t dim, float* out) noexcept {
            simd::active().unit_cosine.gather(query, rows, stride, ids, n, dim, out);
        }
    };
    /// Writes from / |from|, or zeros for a vector of zeros. The same bits on every machine. from may be to.
    static void prepare(float const* from, float* to, std::size_t dim) noexcept {
        double squares = 0;  // products of floats are exact in doubles, so a fused multiply-add changes nothing
        for (std::size_t i = 0; i < dim; ++i) squares += static_cast<double>(from[i]) * static_cast<double>(from[i]);
        double const length = std::sqrt(squares);
        for (std::size_t i = 0; i < dim; ++i)
            to[i] = length > 0 ? static_cast<float>(static_cast<double>(from[i]) / length) : 0.0F;
    }
};

static_assert(metric<cosine>);

}  // namespace tenon
