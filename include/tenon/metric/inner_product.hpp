// SPDX-License-Identifier: Apache-2.0
// Metric: minus the dot product: the largest product is nearest.
#pragma once

#include "tenon/metric/concept.hpp"

#include "tenon/core/simd.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tenon {

/// inner_product - minus the dot product: the largest product is nearest.
///
/// Shapes      any dim.
/// Guarantee   symmetric; negative for vectors that point the same way; not a metric in the mathematical sense: a vector
///             need not be its own nearest. Sums that leave the range of float are taken in doubles: never NaN for
///             finite input, +-infinity when the result itself does not fit.
/// Cost        2 operations an element, vectorised; one dispatch a call.
/// Threads     any.
/// Use when    a model was trained for inner products; vectors of length one are served as well by cosine.
struct inner_product {
    using policy_axis                      = axis::metric;
    static constexpr std::string_view name = "tenon.inner_product/1";

    static float distance(float const* a, float const* b, std::size_t dim) noexcept {
        return simd::active().inner_product.one(a, b, dim);
    }
    static void distances(float const* query, float const* rows, std::size_t stride, std::size_t n, std::size_t dim,
                          float* out) noexcept {
        simd::active().inner_product.rows(query, rows, stride, n, dim, out);
    }
    static void gather(float const* query, float const* rows, std::size_t stride, std::uint32_t const* ids,
                       std::size_t n, std::size_t dim, float* out) noexcept {
        simd::active().inner_product.gather(query, rows, stride, ids, n, dim, out);
    }
};

static_assert(metric<inner_product>);

}  // namespace tenon
