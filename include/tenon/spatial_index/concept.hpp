// SPDX-License-Identifier: Apache-2.0
// The contract of axis::spatial_index: points on the globe, windows and nearest neighbours.
#pragma once

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/lonlat.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"

#include <concepts>
#include <span>
#include <string_view>
#include <vector>

namespace tenon {

/// A point and the position of the row it belongs to.
struct point_entry {
    lonlat   where;
    position at = 0;
};

/// A neighbour: great-circle metres (metric/haversine.hpp) and the position of its row.
struct near_hit {
    double                metres                         = 0;
    position              at                             = 0;
    friend constexpr bool operator==(near_hit, near_hit) = default;
};

namespace archetype {
struct accept_all {
    bool operator()(position) const { return true; }
};
struct visit_all {
    bool operator()(position) const { return true; }
};
}  // namespace archetype

/// What both halves of a spatial index answer.
///
/// | expression | meaning |
/// | --- | --- |
/// | `x.within(box, visit)` | `visit(position) -> bool` once for each entry in the window (across the antimeridian too), in no order; false from visit stops |
/// | `x.closest(point, k, accept, out)` | appends to out the k nearest entries for which `accept(position)`, by ascending (metres, position); fewer only when there are no more. At the poles and across the antimeridian too |
/// | `x.size()` | entries |
template <class X>
concept spatial_queries = requires(X const x, lonlat p, lonlat_box b, std::size_t k, std::vector<near_hit>& out) {
    x.within(b, archetype::visit_all{});
    x.closest(p, k, archetype::accept_all{}, out);
    { x.size() } -> std::same_as<std::uint64_t>;
};

/// A policy on axis::spatial_index: a delta that lives beside a memtable, and a run part of flat bytes.
///
/// | expression | meaning |
/// | --- | --- |
/// | `S::delta d` | empty. `d.insert(lonlat, position)`: positions ascend. One writer, any number of readers without locks |
/// | `S::build(entries)` | `result<byte_vector>`; positions ascend but need not be dense; points are valid (is_valid) |
/// | `S::view::open(bytes)` | `result<view>` in O(1), bytes 64-byte aligned, untrusted: errc::corrupt, and no query reads out of bounds whatever they hold |
/// | `v.validate()` | full check of the structure, O(n) |
/// | `v.each(visit)` | `visit(position, lonlat)` for every entry: for cross-checks |
template <class S>
concept spatial_index = std::same_as<typename S::policy_axis, axis::spatial_index> &&
                        spatial_queries<typename S::delta> && spatial_queries<typename S::view> &&
                        requires(typename S::delta d, typename S::view const v, lonlat p, position at,
                                 std::span<point_entry const> entries, byte_view bytes) {
                            { S::name } -> std::convertible_to<std::string_view>;
                            d.insert(p, at);
                            { S::build(entries) } -> std::same_as<result<byte_vector>>;
                            { S::view::open(bytes) } -> std::same_as<result<typename S::view>>;
                            { v.validate() } -> std::same_as<result<void>>;
                            v.each([](position, lonlat) {});
                        };

}  // namespace tenon
