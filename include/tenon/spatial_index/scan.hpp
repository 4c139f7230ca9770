// SPDX-License-Identifier: Apache-2.0
// The obvious spatial index: every point is tested. The oracle, the delta of other policies, right for few points.
#pragma once

#include "tenon/spatial_index/concept.hpp"

#include "tenon/core/append_vector.hpp"
#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/contract.hpp"
#include "tenon/core/lonlat.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/metric/haversine.hpp"
#include "tenon/spatial_index/geometry.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon {

namespace detail {

/// What every build asks of its entries.
inline result<void> check_points(std::span<point_entry const> entries, std::string_view who) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
        auto const& e = entries[i];
        if (!is_valid(e.where))
            return fail(errc::invalid_argument,
                        {std::string(who), ": the point of position ", e.at, " (longitude ", e.where.lon, ", latitude ",
                         e.where.lat, ") is not on the globe: longitudes are in [-180, 180], latitudes in [-90, 90]"});
        if (i != 0 && entries[i - 1].at >= e.at)
            return fail(errc::unsorted_keys, {std::string(who), ": position ", e.at, " follows ", entries[i - 1].at,
                                              ": hand in entries in ascending position"});
    }
    return {};
}

/// The first 64 bytes of a spatial_scan.
struct spatial_scan_header {
    char          magic[24] = "tenon.spatial_scan/1";
    std::uint64_t entries   = 0;
    std::uint64_t bytes     = 0;
    std::uint64_t zero[3]   = {};
};
static_assert(sizeof(spatial_scan_header) == 64 && flat_type<spatial_scan_header>);

}  // namespace detail

/// spatial_scan - points in arrays; every query looks at all of them.
///
/// Answers     within a window; the k nearest by great-circle metres. Exact.
/// Units       degrees in, metres out.
/// Guarantee   as the concept says; within() also goes in ascending position.
/// Cost        within O(n), two to six comparisons a point. closest O(n log k), one haversine for each point whose
///             latitude alone does not rule it out. 24 bytes an entry. No allocation besides the caller's vector.
/// Errors      build: a point that is not valid -> errc::invalid_argument; positions that do not ascend ->
///             errc::unsorted_keys. open: errc::corrupt.
/// Threads     view: const members may be called concurrently. delta: one writer, any number of readers without
///             locks; what was inserted before a query began is seen.
/// On disk     "tenon.spatial_scan/1", docs/formats/spatial_scan.md
/// Use when    there are at most some hundred points, or as the oracle of a test.
struct spatial_scan {
    using policy_axis                      = axis::spatial_index;
    static constexpr std::string_view name = "tenon.spatial_scan/1";

    class delta {
    public:
        /// Preconditions: is_valid(where); `at` is above every position before.
        void insert(lonlat where, position at) {
            expects(is_valid(where), "a spatial index takes longitudes in [-180, 180] and latitudes in [-90, 90]");
            entries_.push_back({where, at});
        }
        std::uint64_t size() const noexcept { return entries_.size(); }

        /// visit(position) -> bool for each entry in the window; false stops.
        template <class Visit>
        void within(lonlat_box const& box, Visit&& visit) const {
            detail::spatial_window const window(box);
            bool                         more = true;
            entries_.for_each_chunk(0, entries_.size(), [&](std::span<point_entry const> chunk) {
                for (std::size_t i = 0; more && i < chunk.size(); ++i)
                    if (window.holds(chunk[i].where)) more = visit(position{chunk[i].at});
            });
        }
        /// Appends the k nearest accepted entries by ascending (metres, position). Precondition: is_valid(from).
        template <class Accept>
        void closest(lonlat from, std::size_t k, Accept&& accept, std::vector<near_hit>& out) const {
            expects(is_valid(from), "closest() takes a longitude in [-180, 180] and a latitude in [-90, 90]");
            if (k == 0) return;
            detail::spatial_origin const origin(from);
            detail::spatial_nearest      best(out, k);
            entries_.for_each_chunk(0, entries_.size(), [&](std::span<point_entry const> chunk) {
                for (auto const& e : chunk)
                    if (!(origin.metres_to_latitudes(e.where.lat, e.where.lat) > best.limit()))
                        best.offer({haversine_metres(from, e.where), e.at}, accept);
            });
            best.finish();
        }

    private:
        append_vector<point_entry> entries_;
    };

    class view {
    public:
        /// An index of no entries.
        view() noexcept = default;

        static result<view> open(byte_view bytes) {
            constexpr auto corrupt = [](std::string what) {
                return fail(errc::corrupt, {"spatial_scan: ", std::move(what)});
            };
            detail::spatial_scan_header const expected;
            if (bytes.size() < sizeof expected)
                return corrupt("a header needs 64 bytes, there are " + std::to_string(bytes.size()));
            auto const h = load<detail::spatial_scan_header>(bytes.data());
            if (std::memcmp(h.magic, expected.magic, sizeof h.magic) != 0)
                return corrupt("the bytes at offset 0 are not \"tenon.spatial_scan/1\"");
            if (h.bytes != bytes.size() || h.entries > bytes.size() / 24 || bytes_of(h.entries) != bytes.size())
                return corrupt("offset 24 says " + std::to_string(h.entries) + " entries, offset 32 " +
                               std::to_string(h.bytes) + " bytes, there are " + std::to_string(bytes.size()) +
                               " bytes");
            view       v;
            auto const n = h.entries;
            if (!(view_array(bytes, 64, n, v.lon_) && view_array(bytes, 64 + n * 8, n, v.lat_) &&
                  view_array(bytes, 64 + n * 16, n, v.at_)))
                return corrupt("the bytes do not start at a multiple of 8 in memory");
            return v;
        }

        std::uint64_t size() const noexcept { return at_.size(); }

        template <class Visit>
        void within(lonlat_box const& box, Visit&& visit) const {
            detail::spatial_window const window(box);
            for (std::size_t i = 0; i < at_.size(); ++i)
                if (window.holds({lon_[i], lat_[i]}) && !visit(position{at_[i]})) return;
        }
        template <class Accept>
        void closest(lonlat from, std::size_t k, Accept&& accept, std::vector<near_hit>& out) const {
            expects(is_valid(from), "closest() takes a longitude in [-180, 180] and a latitude in [-90, 90]");
            if (k == 0) return;
            detail::spatial_origin const origin(from);
            detail::spatial_nearest      best(out, k);
            for (std::size_t i = 0; i < at_.size(); ++i)
                if (is_valid({lon_[i], lat_[i]}) && !(origin.metres_to_latitudes(lat_[i], lat_[i]) > best.limit()))
                    best.offer({haversine_metres(from, {lon_[i], lat_[i]}), at_[i]}, accept);
            best.finish();
        }
        /// visit(position, lonlat) for every entry.
        template <class Visit>
        void each(Visit&& visit) const {
            for (std::size_t i = 0; i < at_.size(); ++i) visit(position{at_[i]}, lonlat{lon_[i], lat_[i]});
        }
        /// Checks that points are valid and positions ascend. O(n).
        result<void> validate() const {
            for (std::size_t i = 0; i < at_.size(); ++i) {
                if (!is_valid({lon_[i], lat_[i]}))
                    return fail(errc::corrupt, {"spatial_scan: entry ", i, " is not a point of the globe"});
                if (i != 0 && at_[i - 1] >= at_[i])
                    return fail(errc::corrupt, {"spatial_scan: the position of entry ", i, " does not ascend"});
            }
            return {};
        }

    private:
        std::span<double const>        lon_, lat_;
        std::span<std::uint64_t const> at_;
    };

    static result<byte_vector> build(std::span<point_entry const> entries) {
        if (auto ok = detail::check_points(entries, "spatial_scan"); !ok) return fail(std::move(ok).error());
        detail::spatial_scan_header h;
        h.entries = entries.size();
        h.bytes   = bytes_of(h.entries);
        byte_vector out;
        out.reserve(static_cast<std::size_t>(h.bytes));
        put(out, h);
        for (auto const& e : entries) put(out, e.where.lon);
        for (auto const& e : entries) put(out, e.where.lat);
        for (auto const& e : entries) put(out, e.at);
        pad_to(out, 64);
        return out;
    }

private:
    static constexpr std::uint64_t bytes_of(std::uint64_t n) noexcept { return (64 + n * 24 + 63) / 64 * 64; }
};

static_assert(spatial_index<spatial_scan>);

}  // namespace tenon
