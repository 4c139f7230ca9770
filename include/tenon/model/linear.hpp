// SPDX-License-Identifier: Apache-2.0
// Least squares: the line that fits all keys best.
#pragma once

#include "tenon/model/concept.hpp"
#include "tenon/model/least_squares.hpp"
#include "tenon/model/slope.hpp"

#include <cstdint>
#include <string_view>

namespace tenon {

/// linear - the least-squares line.
///
/// Maps        key -> position; monotone whatever its bytes.
/// Shapes      an origin (where the line is 0) and a slope.
/// Units       slope in positions per key unit.
/// Guarantee   minimises the squared error before predictions are kept in [0, limit]. Where that line would be above 0 at key 0, the best
///             line through 0 there. Duplicates count at the rank of the first.
/// Cost        fit O(n), one pass, no allocation; predict one multiplication.
/// Errors      none. Equal keys give slope 0.
/// Threads     const members may be called concurrently.
/// On disk     16 bytes: origin u64, slope (model/slope.hpp).
/// Use when    error bounds are kept beside it, as a leaf of an rmi does.
struct linear {
    static constexpr std::string_view name = "linear";

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
        if (keys.size() == 0) return {};
        std::uint64_t const first = keys[0];
        auto const line = detail::fit_line(keys, scale, -static_cast<double>(first), [](std::uint64_t d) { return d; });
        return {detail::moved(first, line.origin), slope::of(line.rise)};
    }
};

static_assert(regression_model<linear>);
static_assert(sizeof(linear::fitted) == 16);

}  // namespace tenon
