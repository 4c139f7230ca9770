// SPDX-License-Identifier: Apache-2.0
// Metric: squared Euclidean distance, the sum of squared differences.
#pragma once

#include "tenon/metric/concept.hpp"

#include "tenon/core/simd.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tenon {

/// l2_squared - squared Euclidean distance, the sum of squared differences.
///
/// Shapes      any dim.
/// Guarantee   >= 0; 0 for equal vectors; +infinity beyond the range of float; never NaN for finite input.
/// Cost        3 operations an element, vectorised; one dispatch a call.
/// Threads     any.
/// Use when    lengths matter: positions, pixels, embeddings that are not normalised. Its order is that of the
///             Euclidean distance.
struct l2_squared {
    using policy_axis                      = axis::metric;
    static constexpr std::string_view name = "tenon.l2_squared/1";

    static float distance(float const* a, float const* b, std::size_t dim) noexcept {
        return simd::active().l2_squared.one(a, b, dim);
    }
    static void distances(float const* query, float const* rows, std::size_t stride, std::size_t n, std::size_t dim,
                          float* out) noexcept {
        simd::active().l2_squared.rows(query, rows, stride, n, dim, out);
    }
    static void gather(float const* query, float const* rows, std::size_t stride, std::uint32_t const* ids,
                       std::size_t n, std::size_t dim, float* out) noexcept {
        simd::active().l2_squared.gather(query, rows, stride, ids, n, dim, out);
    }
};

static_assert(metric<l2_squared>);

}  // namespace tenon
