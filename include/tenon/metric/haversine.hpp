// SPDX-License-Identifier: Apache-2.0
// Metric: great-circle distance in metres between places in degrees.
#pragma once

#include "tenon/metric/concept.hpp"

#include "tenon/core/lonlat.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string_view>

namespace tenon {

/// The mean radius of the earth in metres (IUGG R1), the sphere on which haversine distances are taken.
inline constexpr double earth_radius_metres = 6371008.8;

/// Metres along the great circle from a to b on the sphere of earth_radius_metres. Symmetric, zero for equal
/// places and for the two spellings of the antimeridian up to rounding, at most pi * radius, never NaN for finite input.
/// The sphere is not the ellipsoid: off by up to 0.56 % from geodesics on WGS 84.
inline double haversine_metres(lonlat a, lonlat b) noexcept {
    constexpr double radians = std::numbers::pi / 180.0;
    double const     dlat    = std::sin((b.lat - a.lat) * radians * 0.5);
    double const     dlon    = std::sin((b.lon - a.lon) * radians * 0.5);
    double const     h       = dlat * dlat + std::cos(a.lat * radians) * std::cos(b.lat * radians) * dlon * dlon;
    return 2.0 * earth_radius_metres * std::asin(std::min(1.0, std::sqrt(std::max(0.0, h))));
}

/// haversine - great-circle metres over vectors of two floats: longitude, latitude, in degrees.
///
/// Shapes      dim is 2; further floats are not looked at.
/// Units       degrees in, metres out.
/// Guarantee   never NaN for finite input; distances and gather give bit for bit what distance gives.
/// Cost        about five transcendental functions a row, scalar.
/// Threads     any.
/// Source      R. W. Sinnott, Virtues of the haversine, 1984.
/// Use when    a vector index shall hold places; a spatial index is the better home for them. Positions as floats are
///             good to about a metre.
struct haversine {
    using policy_axis                           = axis::metric;
    static constexpr std::string_view name      = "tenon.haversine/1";
    static constexpr std::size_t      fixed_dim = 2;  ///< indexes refuse vectors of another dim

    /// Precondition: dim is 2.
    static float distance(float const* a, float const* b, std::size_t) noexcept {
        return static_cast<float>(haversine_metres({static_cast<double>(a[0]), static_cast<double>(a[1])},
                                                   {static_cast<double>(b[0]), static_cast<double>(b[1])}));
    }
    static void distances(float const* query, float const* rows, std::size_t stride, std::size_t n, std::size_t dim,
                          float* out) noexcept {
        for (std::size_t i = 0; i < n; ++i) out[i] = distance(query, rows + i * stride, dim);
    }
    static void gather(float const* query, float const* rows, std::size_t stride, std::uint32_t const* ids,
                       std::size_t n, std::size_t dim, float* out) noexcept {
        for (std::size_t i = 0; i < n; ++i) out[i] = distance(query, rows + ids[i] * stride, dim);
    }
};

static_assert(metric<haversine>);

}  // namespace tenon
