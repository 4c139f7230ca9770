// SPDX-License-Identifier: Apache-2.0
// The line from the first key to the last.
#pragma once

#include "tenon/model/concept.hpp"
#include "tenon/model/slope.hpp"

#include <cstdint>
#include <string_view>

namespace tenon {

/// linear_spline - the straight line through the first and the last key.
///
/// Maps        key -> position; monotone whatever its bytes.
/// Shapes      an origin (the first key) and a slope.
/// Units       slope in positions per key unit.
/// Guarantee   predict(first key) = 0, predict(last key) is (n - 1) * scale up to rounding; below the first key 0.
/// Cost        fit O(1): looks at two keys; predict one multiplication.
/// Errors      none. Equal keys give slope 0.
/// Threads     const members may be called concurrently.
/// On disk     16 bytes: origin u64, slope (model/slope.hpp).
/// Use when    keys must be spread over the whole target range, as the root of an rmi must.
struct linear_spline {
    static constexpr std::string_view name = "linear_spline";

    struct fitted {
        std::uint64_t           origin = 0;
        slope                   rise;
        constexpr std::uint64_t predict(std::uint64_t p, std::uint64_t limit) const noexcept {
            return rise.times(detail::distance_above(p, origin), limit);
        }
        constexpr bool valid() const noexcept { return true; }
    };

    template <number_sequence Keys>
    static constexpr fitted fit(Keys const& keys, double scale = 1) {
        auto const n = static_cast<std::uint64_t>(keys.size());
        if (n == 0) return {};
        std::uint64_t const first = keys[0], width = keys[n - 1] - first;
        if (width == 0) return {first, {}};
        return {first, slope::of(static_cast<double>(n - 1) * scale / static_cast<double>(width))};
    }
};

static_assert(regression_model<linear_spline>);
static_assert(sizeof(linear_spline::fitted) == 16);

}  // namespace tenon
