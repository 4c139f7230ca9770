// SPDX-License-Identifier: Apache-2.0
// The least type that is a spatial_index: what generic code may use, and no more.
#pragma once

#include "tenon/spatial_index/concept.hpp"

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/lonlat.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tenon::archetype {

/// Holds nothing and finds nothing. A delta can be neither copied nor moved; a view can be both.
struct spatial_index_policy {
    using policy_axis                  = axis::spatial_index;
    static constexpr char const name[] = "archetype.spatial_index";

    struct delta {
        delta()                        = default;
        delta(delta const&)            = delete;
        delta& operator=(delta const&) = delete;

        void insert(lonlat, position) {}
        template <class Visit>
        void within(lonlat_box const&, Visit&&) const {}
        template <class Accept>
        void          closest(lonlat, std::size_t, Accept&&, std::vector<near_hit>&) const {}
        std::uint64_t size() const { return 0; }
    };
    struct view {
        static result<view> open(byte_view) { return view{}; }
        template <class Visit>
        void within(lonlat_box const&, Visit&&) const {}
        template <class Accept>
        void          closest(lonlat, std::size_t, Accept&&, std::vector<near_hit>&) const {}
        std::uint64_t size() const { return 0; }
        result<void>  validate() const { return {}; }
        template <class Visit>
        void each(Visit&&) const {}
    };
    static result<byte_vector> build(std::span<point_entry const>) { return byte_vector{}; }
};

static_assert(spatial_index<spatial_index_policy>);

}  // namespace tenon::archetype
