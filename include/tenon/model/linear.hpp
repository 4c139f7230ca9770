// SPDX-License-Identifier: Apache-2.0
// Least squares: the slope that fits all keys best.
#pragma once

#include "tenon/model/concept.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tenon {

/// linear - the slope of the least-squares line, drawn from the first key.
///
/// Maps        key -> position; monotone.
/// Shapes      an origin (the first key) and a slope.
/// Units       slope in positions per key unit.
/// Guarantee   the slope minimises the squared error up to a constant shift. predict(first key) = 0: the shift is left to
///             whoever keeps the error bounds, because there it costs nothing. Duplicates count at the rank of the first.
/// Cost        fit O(n), two passes, no allocation; predict one multiplication.
/// Errors      none. Equal, infinitely far or too close keys give slope 0.
/// Threads     const members may be called concurrently.
/// On disk     16 bytes: origin (wide_key), slope f64.
/// Invariants  slope is finite and not negative.
/// Use when    error bounds are kept beside it, as a leaf of an rmi does.
struct linear {
    static constexpr std::string_view name = "linear";

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
        if (!(width > 0)) return {origin, 0};

        // x is a share of the width and y a share of n, so that no sum overflows and the scale is applied once.
        double const n    = static_cast<double>(keys.size());
        auto         each = [&](auto visit) {
            std::size_t first = 0;
            for (std::size_t i = 0; i < keys.size(); ++i) {
                if (keys[first] < keys[i]) first = i;
                visit(key_distance<Key>(keys[i], origin) / width, static_cast<double>(first) / n);
            }
        };
        double sum_x = 0, sum_y = 0;
        each([&](double x, double y) {
            sum_x += x;
            sum_y += y;
        });
        double const mean_x = sum_x / n, mean_y = sum_y / n;
        double       xx = 0, xy = 0;
        each([&](double x, double y) {
            xx += (x - mean_x) * (x - mean_x);
            xy += (x - mean_x) * (y - mean_y);
        });

        double const slope = xx > 0 ? xy / xx * n * scale / width : 0;
        return {origin, slope > 0 && slope <= 1e308 ? slope : 0};
    }
};

static_assert(regression_model<linear>);
static_assert(sizeof(linear::fitted<std::uint64_t>) == 16);

}  // namespace tenon
