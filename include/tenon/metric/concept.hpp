// SPDX-License-Identifier: Apache-2.0
// The contract of axis::metric: a distance between two vectors of floats, smaller is nearer.
#pragma once

#include "tenon/core/axis.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tenon {

/// A policy on axis::metric. Stateless.
///
/// | expression | meaning |
/// | --- | --- |
/// | `M::name` | stored on disk |
/// | `M::distance(a, b, dim)` | of two vectors. Never NaN for finite input |
/// | `M::distances(query, rows, stride, n, dim, out)` | out[i] = distance(query, rows + i * stride); one dispatch for n rows |
/// | `M::gather(query, rows, stride, ids, n, dim, out)` | out[i] = distance(query, rows + ids[i] * stride), rows prefetched ahead |
///
/// distances and gather give bit for bit what distance gives, on the same machine.
template <class M>
concept metric = std::same_as<typename M::policy_axis, axis::metric> &&
                 requires(float const* a, std::size_t n, std::uint32_t const* ids, float* out) {
                     { M::name } -> std::convertible_to<std::string_view>;
                     { M::distance(a, a, n) } -> std::same_as<float>;
                     M::distances(a, a, n, n, n, out);
                     M::gather(a, a, n, ids, n, n, out);
                 };

}  // namespace tenon
