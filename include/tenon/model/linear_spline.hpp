// SPDX-License-Identifier: Apache-2.0
// The line from the first key to just past the last.
#pragma once

#include "tenon/model/concept.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace tenon {

/// linear_spline - the straight line through the first and the last key.
///
/// Maps        key -> position; monotone.
/// Shapes      an origin (the first key) and a slope.
/// Units       slope in positions per key unit.
/// Guarantee   predict(first key) = 0, predict(last key) is (n - 1) * scale up to rounding; below the first key 0.
/// Cost        fit O(1): looks at two keys; predict one multiplication.
/// Errors      none. Equal, infinitely far or too close keys give slope 0.
/// Threads     const members may be called concurrently.
/// On disk     16 bytes: origin (wide_key), slope f64.
/// Invariants  slope is finite and not negative.
/// Use when    keys must be spread over the whole target range, as the root of an rmi must.
struct linear_spline {
    static constexpr std::string_view name = "linear_spline";

    template <index_key Key>
    struct fitted {
        wide_key<Key> origin = 0;
        double        slope  = 0;
        std::uint64_t predict(Key k, std::uint64_t limit) const noexcept {
            return scaled_position(key_distance<Key>(k, origin), slope, limit);
        }
    };

    template <index_key Key>
    static fitted<Key> fit(std::span<Key const> keys, double scale = 1) noexcept {
        if (keys.empty()) return {};
        auto const   origin = static_cast<wide_key<Key>>(keys.front());
        double const width  = key_distance<Key>(keys.back(), origin);
        double const rise   = static_cast<double>(keys.size() - 1) * scale;
        double const slope  = width > 0 ? rise / width : 0;
        return {origin, slope <= 1e308 ? slope : 0};
    }
};

static_assert(regression_model<linear_spline>);
static_assert(sizeof(linear_spline::fitted<std::uint64_t>) == 16);

}  // namespace tenon
