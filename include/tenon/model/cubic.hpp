// SPDX-License-Identifier: Apache-2.0
// A curve of degree three from the first key to the last.
#pragma once

#include "tenon/model/concept.hpp"
#include "tenon/model/least_squares.hpp"
#include "tenon/model/slope.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace tenon {

/// cubic - the rising Bezier curve of degree three, from the first key to the last, that fits best.
///
/// Maps        key -> position; monotone: the four control points ascend, and each interpolation between two of them rounds down.
/// Shapes      an origin (the first key), a slope that maps the keys to [0, 2^64), four control points.
/// Units       control points in 1/65536 of a position.
/// Guarantee   predict(first key) = 0, predict(last key) is (n - 1) * scale up to rounding. Of all curves with ascending control points
///             through both ends it has the least squared error; the straight line is one of them, and is taken when none is better.
/// Cost        fit O(n), one pass, no allocation; predict seven multiplications, four of them one after the other.
/// Errors      none. Equal keys give 0. Positions from 2^47 on are not told apart.
/// Threads     const members may be called concurrently.
/// On disk     48 bytes: origin u64, slope (model/slope.hpp), control points 4 * u64.
/// Invariants  control points ascend.
/// Use when    keys follow one S or one bend, such as a normal distribution, as a root.
struct cubic {
    static constexpr std::string_view name = "cubic";

    struct fitted {
        std::uint64_t                origin = 0;
        slope                        reach;
        std::array<std::uint64_t, 4> control{};

        std::uint64_t predict(std::uint64_t p, std::uint64_t limit) const noexcept {
            auto const x = reach.times(detail::distance_above(p, origin), ~std::uint64_t{0});
            auto const a = between(control[0], control[1], x), b = between(control[1], control[2], x),
                       c  = between(control[2], control[3], x);
            auto const at = between(between(a, b, x), between(b, c, x), x) >> 16;
            return at < limit ? at : limit;
        }
        bool valid() const noexcept {
            return control[0] <= control[1] && control[1] <= control[2] && control[2] <= control[3];
        }

    private:
        static std::uint64_t between(std::uint64_t low, std::uint64_t high, std::uint64_t x) noexcept {
            return low + detail::multiply_wide(high - low, x).high;
        }
    };

    template <number_sequence Keys>
    static fitted fit(Keys const& keys, double scale = 1) {
        auto const n = static_cast<std::uint64_t>(keys.size());
        if (n == 0) return {};
        fitted out;
        out.origin       = keys[0];
        auto const width = keys[n - 1] - out.origin;
        if (width == 0) return out;
        out.reach        = slope::of(0x1p64 / static_cast<double>(width));
        auto const inner = best(keys);
        auto const end   = static_cast<double>(n - 1) * scale * 0x1p16 + 8;  // 8: ahead of what rounding takes
        auto const limit = [](double v) { return v < 0x1p62 ? static_cast<std::uint64_t>(v) : std::uint64_t{1} << 62; };
        out.control      = {0, limit(inner.low * end), limit(inner.high * end), limit(end)};
        return out;
    }

private:
    struct inner_points {
        double low = 1.0 / 3, high = 2.0 / 3;  ///< the straight line
    };
    /// The inner control points as shares of the end: least squares over 0 <= low <= high <= 1. The squared error is convex, so when
    /// its least lies outside, the answer lies on an edge.
    template <number_sequence Keys>
    static inner_points best(Keys const& keys) {
        double const          n = static_cast<double>(static_cast<std::uint64_t>(keys.size())), to_end = n / (n - 1);
        std::array<double, 5> sums{};
        auto const            terms = [=](double x, double y) {
            double const rest = 1 - x, p = 3 * x * rest * rest, q = 3 * x * x * rest, left = y * to_end - x * x * x;
            return std::array<double, 5>{p * p, p * q, q * q, p * left, q * left};
        };
        detail::sum_shares(keys, [](std::uint64_t d) { return d; }, terms, sums);
        auto const [pp, pq, qq, pl, ql] = sums;
        auto const error                = [=](inner_points c) {
            return pp * c.low * c.low + 2 * pq * c.low * c.high + qq * c.high * c.high - 2 * pl * c.low -
                   2 * ql * c.high;
        };
        inner_points out;
        auto const   take = [&](double low, double high) {
            if (0 <= low && low <= high && high <= 1 && error({low, high}) < error(out)) out = {low, high};
        };
        auto const share = [](double part, double whole) {
            return whole > 0 && part > 0 ? (part < whole ? part / whole : 1.0) : 0.0;
        };
        double const area = pp * qq - pq * pq;
        if (area > 0) take((pl * qq - ql * pq) / area, (ql * pp - pl * pq) / area);
        take(0, share(ql, qq));
        take(share(pl - pq, pp), 1);
        double const both = share(pl + ql, pp + 2 * pq + qq);
        take(both, both);
        return out;
    }
};

static_assert(regression_model<cubic>);
static_assert(sizeof(cubic::fitted) == 48);

}  // namespace tenon
