// SPDX-License-Identifier: Apache-2.0
// Points and boxes on the globe, in degrees.
#pragma once

#include <cmath>

namespace tenon {

/// A place in degrees: longitude in [-180, 180], latitude in [-90, 90]. -180 and 180 are the same meridian.
struct lonlat {
    double                lon                        = 0;
    double                lat                        = 0;
    friend constexpr bool operator==(lonlat, lonlat) = default;
};

/// Whether both coordinates are finite and in range.
inline bool is_valid(lonlat p) noexcept { return p.lon >= -180 && p.lon <= 180 && p.lat >= -90 && p.lat <= 90; }

/// A window in degrees, borders included. west > east crosses the antimeridian.
struct lonlat_box {
    double west = -180, south = -90, east = 180, north = 90;

    /// Whether p lies in the window. A point on one spelling of the antimeridian lies on the other as well.
    constexpr bool contains(lonlat p) const noexcept {
        if (!(p.lat >= south && p.lat <= north)) return false;
        auto in = [&](double lon) {
            return west <= east ? (lon >= west && lon <= east) : (lon >= west || lon <= east);
        };
        return in(p.lon) || (p.lon == 180 && in(-180)) || (p.lon == -180 && in(180));
    }
    friend constexpr bool operator==(lonlat_box const&, lonlat_box const&) = default;
};

}  // namespace tenon
