// SPDX-License-Identifier: Apache-2.0
// The least metric: what generic code may use of one, and no more.
#pragma once

#include "tenon/metric/concept.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tenon::archetype {

/// The number of places where two vectors differ.
struct metric_policy {
    using policy_axis                      = axis::metric;
    static constexpr std::string_view name = "archetype.metric/1";

    static float distance(float const* a, float const* b, std::size_t dim) {
        float sum = 0;
        for (std::size_t i = 0; i < dim; ++i) sum += a[i] < b[i] || b[i] < a[i] ? 1.0F : 0.0F;
        return sum;
    }
    static void distances(float const* query, float const* rows, std::size_t stride, std::size_t n, std::size_t dim,
                          float* out) {
        for (std::size_t i = 0; i < n; ++i) out[i] = distance(query, rows + i * stride, dim);
    }
    static void gather(float const* query, float const* rows, std::size_t stride, std::uint32_t const* ids,
                       std::size_t n, std::size_t dim, float* out) {
        for (std::size_t i = 0; i < n; ++i) out[i] = distance(query, rows + ids[i] * stride, dim);
    }

    metric_policy() = delete;
};

static_assert(metric<metric_policy>);

}  // namespace tenon::archetype
