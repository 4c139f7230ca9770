// SPDX-License-Identifier: Apache-2.0
// The line through sorted numbers and their ranks that minimises the squared error.
#pragma once

#include "tenon/model/concept.hpp"
#include "tenon/model/slope.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace tenon::detail {

/// A rising line that is 0 up to `origin`: origin in units above the first key, slope in positions per unit.
struct fitted_line {
    double origin = 0, rise = 0;
};

/// Sums terms(x, y), N products, over all keys: x a key's distance from the first as `map` measures it, in [0, 1]; y its rank over n.
/// Duplicates count at the rank of the first. In blocks, so that rounding does not grow with n. False when all distances are 0.
template <std::size_t N, number_sequence Keys, class Map, class Terms>
constexpr bool sum_shares(Keys const& keys, Map map, Terms terms, std::array<double, N>& total) {
    auto const n = static_cast<std::uint64_t>(keys.size());
    if (n < 2) return false;
    std::uint64_t const first = keys[0];
    double const        width = static_cast<double>(map(keys[n - 1] - first));
    if (!(width > 0)) return false;
    double const  per_width = 1 / width, per_key = 1 / static_cast<double>(n);
    std::uint64_t before = first;
    double        y      = 0;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        for (std::uint64_t i = 0; i < n;) {
            std::array<double, N> block{};  // in registers
            for (auto const end = n - i > 1024 ? i + 1024 : n; i < end; ++i) {
                std::uint64_t const p = keys[i];
                if (p != before) y = static_cast<double>(static_cast<std::int64_t>(i)) * per_key;
                before           = p;
                auto const added = terms(static_cast<double>(map(p - first)) * per_width, y);
                ((block[I] += added[I]), ...);
            }
            ((total[I] += block[I]), ...);
        }
    }(std::make_index_sequence<N>{});
    return true;
}

/// Least squares over map(key - first key). The first distance is 0 and the last is 1, so the variance is at least 1/2 and one pass is
/// exact enough. When the line would be positive far below `lowest` (a distance, negative), it goes through that point instead.
template <number_sequence Keys, class Map>
constexpr fitted_line fit_line(Keys const& keys, double scale, double lowest, Map map) {
    std::array<double, 4> sums{};
    auto const            terms = [](double x, double y) { return std::array<double, 4>{x, y, x * x, x * y}; };
    if (!sum_shares(keys, map, terms, sums)) return {};
    auto const [x, y, xx, xy] = sums;
    double const n            = static_cast<double>(static_cast<std::uint64_t>(keys.size()));
    double const width        = static_cast<double>(map(keys[keys.size() - 1] - keys[0]));
    double const variance = xx - x * x / n, covariance = xy - x * y / n;
    double       rise   = variance > 0 && covariance > 0 ? covariance / variance : 0;
    double       origin = rise > 0 ? x / n - y / n / rise : 0;
    double const floor  = lowest / width;
    if (origin < floor) {
        origin = floor;
        rise   = (xy - origin * y) / (xx - 2 * origin * x + n * origin * origin);
    }
    return {origin * width, rise * n * scale / width};
}

/// `from` and `distance` units more or less, kept in 64 bits.
constexpr std::uint64_t moved(std::uint64_t from, double distance) noexcept {
    constexpr auto top  = ~std::uint64_t{0};
    double const   size = distance < 0 ? -distance : distance;
    auto const     step = size < 0x1p63 ? static_cast<std::uint64_t>(size) : top;
    if (distance < 0) return from > step ? from - step : 0;
    return top - from > step ? from + step : top;
}

}  // namespace tenon::detail
