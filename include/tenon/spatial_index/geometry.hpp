// SPDX-License-Identifier: Apache-2.0
// What spatial policies share: a window as longitude intervals, the least distance to a box, the k nearest so far.
#pragma once

#include "tenon/core/lonlat.hpp"
#include "tenon/core/units.hpp"
#include "tenon/metric/haversine.hpp"
#include "tenon/spatial_index/concept.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <vector>

namespace tenon::detail {

/// A node's box in degrees: the least and greatest coordinates of its points. Never crosses the antimeridian.
struct spatial_bounds {
    double west = std::numeric_limits<double>::infinity(), south = west, east = -west, north = -west;

    void add(lonlat p) noexcept {
        west  = std::min(west, p.lon);
        south = std::min(south, p.lat);
        east  = std::max(east, p.lon);
        north = std::max(north, p.lat);
    }
    void add(spatial_bounds const& o) noexcept {
        west  = std::min(west, o.west);
        south = std::min(south, o.south);
        east  = std::max(east, o.east);
        north = std::max(north, o.north);
    }
    friend bool operator==(spatial_bounds const&, spatial_bounds const&) = default;
};

/// spatial_window - a lonlat_box as one interval of latitudes and at most four of longitudes.
///
/// A box that crosses the antimeridian is two intervals; one that touches it from one side also holds the
/// points that spell that meridian the other way, which are an interval of one longitude each.
/// Guarantee   holds(p) == box.contains(p) for every p. A node is visited once however many intervals it meets,
///             so no entry is seen twice.
class spatial_window {
public:
    explicit spatial_window(lonlat_box const& b) noexcept : south_(b.south), north_(b.north) {
        constexpr auto inf = std::numeric_limits<double>::infinity();
        if (b.west <= b.east) {
            add(b.west, b.east);
        } else {
            add(b.west, inf);
            add(-inf, b.east);
        }
        bool const minus = in(-180), plus = in(180);
        if (minus && !plus) add(180, 180);
        if (plus && !minus) add(-180, -180);
    }

    bool holds(lonlat p) const noexcept { return p.lat >= south_ && p.lat <= north_ && in(p.lon); }

    bool overlaps(spatial_bounds const& b) const noexcept {
        if (!(b.north >= south_ && b.south <= north_)) return false;
        for (unsigned i = 0; i < count_; ++i)
            if (b.east >= west_[i] && b.west <= east_[i]) return true;
        return false;
    }
    /// Whether every point of the box lies in the window.
    bool covers(spatial_bounds const& b) const noexcept {
        if (!(b.south >= south_ && b.north <= north_)) return false;
        for (unsigned i = 0; i < count_; ++i)
            if (b.west >= west_[i] && b.east <= east_[i]) return true;
        return false;
    }

private:
    void add(double west, double east) noexcept {
        west_[count_]   = west;
        east_[count_++] = east;
    }
    bool in(double lon) const noexcept {
        for (unsigned i = 0; i < count_; ++i)
            if (lon >= west_[i] && lon <= east_[i]) return true;
        return false;
    }

    double   west_[4] = {}, east_[4] = {};
    double   south_, north_;
    unsigned count_ = 0;
};

/// spatial_origin - a point from which distances to boxes are bounded from below.
///
/// Guarantee   metres_to(box, limit) <= haversine_metres(origin, p) for every p in the box, as computed in
///             doubles; near the true minimum when that is not above `limit` (a few millimetres below it at
///             100 m, and 0 within about a metre).
/// Source      On a sphere the distance to points of one latitude grows with the difference of longitude, so
///             the nearest point of a box lies on the origin's own meridian when the box has it, else on the
///             box's edge nearer in longitude. On an edge at difference d, cos(distance) =
///             sin(lat0) sin(lat) + cos(lat0) cos(d) cos(lat), one sinusoid in lat, greatest at
///             atan2(sin(lat0), cos(lat0) cos(d)). Beyond 90 degrees of longitude that lies over a pole, and
///             the nearest point of the edge is one of its ends.
class spatial_origin {
public:
    explicit spatial_origin(lonlat p) noexcept
        : at_(p), sin_lat_(std::sin(p.lat * radian)), cos_lat_(std::cos(p.lat * radian)) {}

    lonlat at() const noexcept { return at_; }

    /// A cheap bound from latitudes alone.
    double metres_to_latitudes(double south, double north) const noexcept {
        double const degrees = std::max({south - at_.lat, at_.lat - north, 0.0});
        return std::max(0.0, degrees * (metres_per_degree * (1 - 1e-12)) - 1.0);
    }

    double metres_to(spatial_bounds const& b, double limit) const noexcept {
        double const by_latitude = metres_to_latitudes(b.south, b.north);
        if (by_latitude > limit) return by_latitude;
        double     h;
        bool const same_meridian = (at_.lon >= b.west && at_.lon <= b.east) || (at_.lon == 180 && b.west <= -180) ||
                                   (at_.lon == -180 && b.east >= 180);
        if (same_meridian) {
            h = square(std::sin(std::max({b.south - at_.lat, at_.lat - b.north, 0.0}) * (radian / 2)));
        } else {
            double const d      = std::min(apart(at_.lon, b.west), apart(at_.lon, b.east)) * radian;
            double const across = cos_lat_ * square(std::sin(d / 2));
            auto const   at     = [&](double lat) {
                return square(std::sin((lat - at_.lat) * (radian / 2))) + across * std::cos(lat * radian);
            };
            double const c = cos_lat_ * std::cos(d);
            h              = c >= 0 ? at(std::max(b.south, std::min(b.north, std::atan2(sin_lat_, c) / radian)))
                                    : std::min(at(b.south), at(b.north));
        }
        // Both this and haversine_metres carry a few units of 2^-53 in h; near the antipode that is 0.1 m.
        h = std::min(1.0, h) - 1e-14;
        return h > 0 ? 2 * earth_radius_metres * std::asin(std::sqrt(h)) : 0.0;
    }

private:
    static constexpr double radian            = std::numbers::pi / 180;
    static constexpr double metres_per_degree = earth_radius_metres * radian;

    static double square(double x) noexcept { return x * x; }
    static double apart(double a, double b) noexcept {
        double const d = std::abs(a - b);
        return d > 180 ? 360 - d : d;
    }

    lonlat at_;
    double sin_lat_, cos_lat_;
};

/// spatial_nearest - the k nearest entries so far, kept as a heap at the end of the caller's vector.
///
/// Guarantee   accept is called only for an entry that would enter the result. finish() leaves the hits in
///             ascending (metres, position). What was in the vector before stays.
class spatial_nearest {
public:
    spatial_nearest(std::vector<near_hit>& out, std::size_t k) noexcept : out_(out), first_(out.size()), k_(k) {}

    /// No entry farther than this can enter.
    double limit() const noexcept { return full() ? out_[first_].metres : std::numeric_limits<double>::infinity(); }

    template <class Accept>
    void offer(near_hit hit, Accept& accept) {
        if (std::isnan(hit.metres) || (full() && !less(hit, out_[first_])) || !accept(hit.at)) return;
        if (full()) {
            std::pop_heap(begin(), out_.end(), less);
            out_.back() = hit;
        } else {
            out_.push_back(hit);
        }
        std::push_heap(begin(), out_.end(), less);
    }
    void finish() { std::sort_heap(begin(), out_.end(), less); }

private:
    static bool less(near_hit const& a, near_hit const& b) noexcept {
        return a.metres != b.metres ? a.metres < b.metres : a.at < b.at;
    }
    bool                            full() const noexcept { return out_.size() - first_ >= k_; }
    std::vector<near_hit>::iterator begin() const noexcept {
        return out_.begin() + static_cast<std::ptrdiff_t>(first_);
    }

    std::vector<near_hit>& out_;
    std::size_t            first_, k_;
};

}  // namespace tenon::detail
