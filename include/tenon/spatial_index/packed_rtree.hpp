// SPDX-License-Identifier: Apache-2.0
// A packed R-tree over points of the globe: flat bytes, no pointers, exact great-circle neighbours.
#pragma once

#include "tenon/spatial_index/concept.hpp"

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/contract.hpp"
#include "tenon/core/lonlat.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/metric/haversine.hpp"
#include "tenon/spatial_index/geometry.hpp"
#include "tenon/spatial_index/scan.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon {

namespace detail {

/// The place of a point on a Hilbert curve of order 32 over the whole globe.
inline std::uint64_t hilbert_key(lonlat p) noexcept {
    constexpr double cells = 4294967295.0;
    auto             x     = static_cast<std::uint32_t>((p.lon + 180) / 360 * cells),
         y                 = static_cast<std::uint32_t>((p.lat + 90) / 180 * cells);
    std::uint64_t key      = 0;
    for (std::uint32_t bit = 1U << 31; bit != 0; bit >>= 1) {
        bool const right = (x & bit) != 0, up = (y & bit) != 0;
        key = key << 2 | static_cast<std::uint64_t>(right ? (up ? 2 : 3) : (up ? 1 : 0));
        if (!up) {  // turn the quarter so that the curve goes on in it
            if (right) {
                x = ~x;
                y = ~y;
            }
            std::swap(x, y);
        }
    }
    return key;
}

/// The first 64 bytes of a packed_rtree.
struct packed_rtree_header {
    char          magic[24] = "tenon.packed_rtree/1";
    std::uint32_t node_size = 0;
    std::uint32_t levels    = 0;
    std::uint64_t entries   = 0;
    std::uint64_t bytes     = 0;
    std::uint64_t zero[2]   = {};
};
static_assert(sizeof(packed_rtree_header) == 64 && flat_type<packed_rtree_header>);

/// Where things lie for n entries: a pure function, so that a reader need not trust offsets.
template <unsigned NodeSize>
struct packed_rtree_layout {
    static constexpr unsigned max_levels = [] {
        unsigned levels = 1;
        for (std::uint64_t n = std::numeric_limits<std::uint64_t>::max(); n > NodeSize; n = n / NodeSize + 1) ++levels;
        return levels;
    }();

    std::uint64_t lon = 0, lat = 0, at = 0, west = 0, south = 0, east = 0, north = 0, end = 0;  // byte offsets
    std::uint64_t nodes  = 0;                                                                   // of all levels
    unsigned      levels = 0;                                // level 0 stands over the entries
    std::array<std::uint64_t, max_levels> first{}, count{};  // nodes of a level

    /// Precondition: n <= 2^56.
    explicit constexpr packed_rtree_layout(std::uint64_t n) noexcept {
        for (auto below = n; below > 1 || (levels == 0 && below > 0); ++levels) {
            below         = (below + NodeSize - 1) / NodeSize;
            first[levels] = nodes;
            count[levels] = below;
            nodes += below;
        }
        std::uint64_t to = sizeof(packed_rtree_header);
        auto const take  = [&to](std::uint64_t values) { return std::exchange(to, (to + values * 8 + 63) / 64 * 64); };
        lon              = take(n);
        lat              = take(n);
        at               = take(n);
        west             = take(nodes);
        south            = take(nodes);
        east             = take(nodes);
        north            = take(nodes);
        end              = to;
    }
};

}  // namespace detail

/// packed_rtree - points sorted along a Hilbert curve, with a complete tree of boxes above them.
///
/// Answers     within a window; the k nearest by great-circle metres. Exact.
/// Shapes      n entries in groups of NodeSize; each level's nodes in groups of NodeSize; children are found
///             by index arithmetic, so nothing in the bytes can send a reader astray.
/// Units       degrees in, metres out.
/// Guarantee   within: each entry of the window once, across the antimeridian too. closest: ascending (metres,
///             position), metres bit for bit those of haversine_metres, at the poles and across the antimeridian
///             too; accept is called only for entries that would enter the result, each once at most.
/// Cost        build O(n log n). within O(log n + answers) on data that is not adversarial: a subtree that lies
///             in the window is handed out as one range without a test. closest O(log n + k) likewise; depth
///             first with the nearest child first, no allocation besides the caller's vector. 24 bytes an
///             entry and 32 a node (2.1 an entry at NodeSize 16). The delta is a list that is scanned:
///             O(entries), which is what a memtable's few thousand rows cost least with.
/// Errors      build: a point that is not valid -> errc::invalid_argument; positions that do not ascend ->
///             errc::unsorted_keys. open: errc::corrupt; errc::wrong_assembly for another node size.
/// Threads     view: const members may be called concurrently. delta: one writer, any number of readers.
/// On disk     "tenon.packed_rtree/1", docs/formats/packed_rtree.md
/// Invariants  (1) entries ascend in (Hilbert key, position). (2) A node's box is the least box of its children.
/// Source      Kamel and Faloutsos, On Packing R-trees, 1993; Roussopoulos et al., Nearest Neighbor Queries, 1995,
///             with distances to boxes on the sphere (detail::spatial_origin).
/// Use when    points are static, as in a run; prefer spatial_scan below some hundred points.
template <unsigned NodeSize = 16>
struct packed_rtree {
    static_assert(NodeSize >= 2 && NodeSize <= 64,
                  "tenon: packed_rtree<NodeSize>: choose 2 to 64 children a node; 16 is a good start");

    using policy_axis                      = axis::spatial_index;
    static constexpr std::string_view name = "tenon.packed_rtree/1";

    using delta = spatial_scan::delta;

    class view {
    public:
        /// An index of no entries.
        view() noexcept = default;

        static result<view> open(byte_view bytes) {
            constexpr auto corrupt = [](std::string what) {
                return fail(errc::corrupt, {"packed_rtree: ", std::move(what)});
            };
            header const expected;
            if (bytes.size() < sizeof(header))
                return corrupt("a header needs 64 bytes, there are " + std::to_string(bytes.size()));
            auto const h = load<header>(bytes.data());
            if (std::memcmp(h.magic, expected.magic, sizeof h.magic) != 0)
                return corrupt("the bytes at offset 0 are not \"tenon.packed_rtree/1\"");
            if (h.node_size != NodeSize)
                return fail(errc::wrong_assembly,
                            {"packed_rtree: made with ", h.node_size, " children a node, opened as packed_rtree<",
                             NodeSize, ">: open it with the policy that made it"});
            if (h.entries > bytes.size() / 24)
                return corrupt("offset 32 says " + std::to_string(h.entries) + " entries, more than " +
                               std::to_string(bytes.size()) + " bytes can hold");
            layout const l(h.entries);
            if (h.levels != l.levels)
                return corrupt("offset 28 says " + std::to_string(h.levels) + " levels, " + std::to_string(h.entries) +
                               " entries have " + std::to_string(l.levels));
            if (h.bytes != bytes.size() || l.end != bytes.size())
                return corrupt(std::to_string(h.entries) + " entries take " + std::to_string(l.end) +
                               " bytes, offset 40 says " + std::to_string(h.bytes) + ", there are " +
                               std::to_string(bytes.size()));
            view       v;
            auto const n = h.entries;
            if (!(view_array(bytes, l.lon, n, v.lon_) && view_array(bytes, l.lat, n, v.lat_) &&
                  view_array(bytes, l.at, n, v.at_) && view_array(bytes, l.west, l.nodes, v.west_) &&
                  view_array(bytes, l.south, l.nodes, v.south_) && view_array(bytes, l.east, l.nodes, v.east_) &&
                  view_array(bytes, l.north, l.nodes, v.north_)))
                return corrupt("the bytes do not start at a multiple of 8 in memory");
            v.layout_ = l;
            return v;
        }

        std::uint64_t size() const noexcept { return at_.size(); }
        /// Bytes it was opened from.
        std::uint64_t bytes() const noexcept { return layout_.end; }
        unsigned      levels() const noexcept { return layout_.levels; }

        /// visit(position) -> bool for each entry in the window, in no order; false stops.
        template <class Visit>
        void within(lonlat_box const& box, Visit&& visit) const {
            if (at_.empty()) return;
            detail::spatial_window const window(box);
            stack_of<node>               stack;
            unsigned                     height = 0;
            if (auto const top = root(); window.overlaps(bounds(top))) stack[height++] = top;
            while (height != 0) {
                auto const n            = stack[--height];
                auto const [begin, end] = entries_of(n);
                if (window.covers(bounds(n))) {
                    for (auto i = begin; i < end; ++i)
                        if (!visit(at_[i])) return;
                } else if (n.level == 0) {
                    for (auto i = begin; i < end; ++i)
                        if (window.holds({lon_[i], lat_[i]}) && !visit(at_[i])) return;
                } else {
                    auto const [child, last] = children_of(n);
                    for (auto i = last; i > child; --i)
                        if (node const c{n.level - 1, i - 1}; window.overlaps(bounds(c))) stack[height++] = c;
                }
            }
        }

        /// Appends the k nearest accepted entries by ascending (metres, position). Precondition: is_valid(from).
        template <class Accept>
        void closest(lonlat from, std::size_t k, Accept&& accept, std::vector<near_hit>& out) const {
            expects(is_valid(from), "closest() takes a longitude in [-180, 180] and a latitude in [-90, 90]");
            if (at_.empty() || k == 0) return;
            detail::spatial_origin const origin(from);
            detail::spatial_nearest      best(out, k);
            stack_of<reach>              stack;  // nearest on top
            unsigned                     height = 0;
            stack[height++]                     = {0, root()};
            while (height != 0) {
                auto const r = stack[--height];
                if (r.metres > best.limit()) continue;
                if (r.of.level == 0) {
                    auto const [begin, end] = entries_of(r.of);
                    for (auto i = begin; i < end; ++i) {
                        lonlat const p{lon_[i], lat_[i]};
                        if (!is_valid(p) || origin.metres_to_latitudes(p.lat, p.lat) > best.limit()) continue;
                        best.offer({haversine_metres(from, p), at_[i]}, accept);
                    }
                    continue;
                }
                auto const [child, last] = children_of(r.of);
                auto const bottom        = height;
                auto const limit         = best.limit();
                for (auto i = child; i < last; ++i) {
                    node const   c{r.of.level - 1, i};
                    double const metres = origin.metres_to(bounds(c), limit);
                    if (metres > limit) continue;
                    auto to = height++;
                    for (; to > bottom && stack[to - 1].metres < metres; --to) stack[to] = stack[to - 1];
                    stack[to] = {metres, c};
                }
            }
            best.finish();
        }

        /// visit(position, lonlat) for every entry.
        template <class Visit>
        void each(Visit&& visit) const {
            for (std::size_t i = 0; i < at_.size(); ++i) visit(position{at_[i]}, lonlat{lon_[i], lat_[i]});
        }

        /// Checks both invariants, that points are valid and that positions are distinct. O(n log n).
        result<void> validate() const {
            constexpr auto corrupt = [](std::string what) {
                return fail(errc::corrupt, {"packed_rtree: ", std::move(what)});
            };
            std::vector<position> seen(at_.begin(), at_.end());
            std::sort(seen.begin(), seen.end());
            if (auto const twice = std::adjacent_find(seen.begin(), seen.end()); twice != seen.end())
                return corrupt("position " + std::to_string(*twice) + " occurs twice");
            std::pair<std::uint64_t, position> before{};
            for (std::size_t i = 0; i < at_.size(); ++i) {
                lonlat const p{lon_[i], lat_[i]};
                if (!is_valid(p)) return corrupt("entry " + std::to_string(i) + " is not a point of the globe");
                std::pair const key{detail::hilbert_key(p), at_[i]};
                if (i != 0 && key < before) return corrupt("entry " + std::to_string(i) + " is out of order");
                before = key;
            }
            for (unsigned level = 0; level < layout_.levels; ++level)
                for (std::uint64_t i = 0; i < layout_.count[level]; ++i)
                    if (node const n{level, i}; bounds(n) != least_bounds(n))
                        return corrupt("node " + std::to_string(i) + " of level " + std::to_string(level) +
                                       " does not have the box of its children");
            return {};
        }

    private:
        friend struct packed_rtree;
        using header = detail::packed_rtree_header;
        using layout = detail::packed_rtree_layout<NodeSize>;

        struct node {
            unsigned      level;
            std::uint64_t index;
        };
        struct reach {
            double metres;
            node   of;
        };
        struct range {
            std::uint64_t begin, end;
        };
        // A walk pops one node and pushes at most NodeSize of the level below. Left unfilled: that would cost
        // more than most walks.
        template <class T>
        using stack_of = std::array<T, std::size_t{layout::max_levels} * NodeSize>;

        node  root() const noexcept { return {layout_.levels - 1, 0}; }
        range children_of(node n) const noexcept {
            return {n.index * NodeSize, std::min((n.index + 1) * NodeSize, layout_.count[n.level - 1])};
        }
        range entries_of(node n) const noexcept {
            auto begin = n.index, end = n.index + 1;
            for (unsigned level = 0; level <= n.level; ++level) {
                begin *= NodeSize;
                end = std::min(end * NodeSize,
                               level == n.level ? std::uint64_t{at_.size()} : layout_.count[n.level - level - 1]);
            }
            return {begin, end};
        }
        detail::spatial_bounds bounds(node n) const noexcept {
            auto const i = layout_.first[n.level] + n.index;
            return {west_[i], south_[i], east_[i], north_[i]};
        }
        detail::spatial_bounds least_bounds(node n) const noexcept {
            detail::spatial_bounds b;
            auto const [begin, end] = n.level == 0 ? entries_of(n) : children_of(n);
            for (auto i = begin; i < end; ++i) {
                if (n.level == 0) b.add(lonlat{lon_[i], lat_[i]});
                else b.add(bounds({n.level - 1, i}));
            }
            return b;
        }

        std::span<double const>        lon_, lat_;
        std::span<std::uint64_t const> at_;
        std::span<double const>        west_, south_, east_, north_;
        layout                         layout_{0};
    };

    static result<byte_vector> build(std::span<point_entry const> entries) {
        if (auto ok = detail::check_points(entries, "packed_rtree"); !ok) return fail(std::move(ok).error());
        std::uint64_t const                         n = entries.size();
        detail::packed_rtree_layout<NodeSize> const l(n);

        std::vector<std::pair<std::uint64_t, std::uint64_t>> order;  // key, index: positions ascend with the index
        order.reserve(entries.size());
        for (std::uint64_t i = 0; i < n; ++i) order.emplace_back(detail::hilbert_key(entries[i].where), i);
        std::sort(order.begin(), order.end());

        byte_vector                 out(static_cast<std::size_t>(l.end));
        detail::packed_rtree_header h;
        h.node_size = NodeSize;
        h.levels    = l.levels;
        h.entries   = n;
        h.bytes     = l.end;
        std::memcpy(out.data(), &h, sizeof h);
        auto const store = [&out](std::uint64_t section, std::uint64_t i, auto value) {
            static_assert(sizeof value == 8);
            std::memcpy(out.data() + section + i * 8, &value, 8);
        };
        std::vector<detail::spatial_bounds> below;
        for (std::uint64_t i = 0; i < n; ++i) {
            auto const& e = entries[order[i].second];
            store(l.lon, i, e.where.lon);
            store(l.lat, i, e.where.lat);
            store(l.at, i, e.at);
            if (i % NodeSize == 0) below.emplace_back();
            below.back().add(e.where);
        }
        for (unsigned level = 0; level < l.levels; ++level) {
            std::vector<detail::spatial_bounds> above;
            for (std::uint64_t i = 0; i < below.size(); ++i) {
                auto const& b = below[i];
                store(l.west, l.first[level] + i, b.west);
                store(l.south, l.first[level] + i, b.south);
                store(l.east, l.first[level] + i, b.east);
                store(l.north, l.first[level] + i, b.north);
                if (i % NodeSize == 0) above.emplace_back();
                above.back().add(b);
            }
            below = std::move(above);
        }
        return out;
    }
};

static_assert(spatial_index<packed_rtree<>>);

}  // namespace tenon
