// SPDX-License-Identifier: Apache-2.0
// A line over the logarithm of the key.
#pragma once

#include "tenon/model/concept.hpp"
#include "tenon/model/least_squares.hpp"
#include "tenon/model/slope.hpp"

#include <bit>
#include <cstdint>
#include <string_view>

namespace tenon {

namespace detail {

/// About log2(d) + 1, in units of 2^-57: the number of bits of d, and below the point its bits behind the leading one. 0 for 0.
/// Between powers of two it is a straight line, at most 0.09 from the logarithm.
constexpr std::uint64_t log_distance(std::uint64_t d) noexcept {
    if (d == 0) return 0;
    auto const zeros = static_cast<unsigned>(std::countl_zero(d));
    auto const below = (d << zeros) & (~std::uint64_t{0} >> 1);
    return std::uint64_t{64 - zeros} << 57 | below >> 6;
}

}  // namespace detail

/// log_linear - the least-squares line over the logarithm of the distance from the first key.
///
/// Maps        key -> position; monotone whatever its bytes.
/// Shapes      an origin (the first key), a start (the logarithm where the line is 0) and a slope.
/// Units       slope in positions per 2^-57 of a power of two.
/// Guarantee   minimises the squared error over detail::log_distance before predictions are kept in [0, limit]. Duplicates count at
///             the rank of the first.
/// Cost        fit O(n), one pass, no allocation; predict one multiplication and a count of zeros.
/// Errors      none. Equal keys give slope 0.
/// Threads     const members may be called concurrently.
/// On disk     24 bytes: origin u64, start u64 (0 to 65 * 2^57), slope (model/slope.hpp).
/// Use when    keys spread over many powers of two: sizes, amounts, frequencies.
struct log_linear {
    static constexpr std::string_view name = "log_linear";

    struct fitted {
        std::uint64_t           origin = 0, start = 0;
        slope                   rise;
        constexpr std::uint64_t predict(std::uint64_t p, std::uint64_t limit) const noexcept {
            auto const log = detail::log_distance(detail::distance_above(p, origin));
            return rise.times(detail::distance_above(log, start), limit);
        }
        constexpr bool valid() const noexcept { return true; }
    };

    template <number_sequence Keys>
    static constexpr fitted fit(Keys const& keys, double scale = 1) {
        if (keys.size() == 0) return {};
        auto const line = detail::fit_line(keys, scale, 0, [](std::uint64_t d) { return detail::log_distance(d); });
        return {keys[0], detail::moved(0, line.origin), slope::of(line.rise)};
    }
};

static_assert(regression_model<log_linear>);
static_assert(sizeof(log_linear::fitted) == 24);
static_assert(detail::log_distance(1) == std::uint64_t{1} << 57 && detail::log_distance(3) == std::uint64_t{5} << 56);

}  // namespace tenon
