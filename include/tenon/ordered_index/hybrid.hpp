// SPDX-License-Identifier: Apache-2.0
// The default position index: a learned router, nodes that are linear models corrected line by line, and one cache line of keys.
#pragma once

#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/line_index.hpp"
#include "tenon/ordered_index/position_index.hpp"
#include "tenon/ordered_index/radix_router.hpp"

#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tenon {

/// hybrid - a learned router on top, below it nodes of one cache line that are linear models with a correction for each line.
///
/// Maps        key -> position.
/// Shapes      lines: the keys, 64 bytes at a time. nodes: each covers up to 43 lines; where a linear model of 254 buckets is too coarse, 25
///             lines with 32,767 buckets, and where that is, 7 lines with exact separators; where nodes would hold fewer than 20 lines each there are none, but a
///             plain tree over the lines. router: a histogram of the nodes where keys allow it, else an implicit B+-tree.
/// Guarantee   lower_bound of every key, stored or absent. Duplicates anywhere; no key value is reserved; any number of keys.
/// Cost        look-up: the router (cached), one node, one line of keys, seldom two; no data-dependent branch for numbers where the router
///             is learned. Bytes for 8-byte keys: 0.22 a key where 43 lines fit a node, at worst 1.14. build O(n), one pass.
/// Errors      build: unsorted input or NaN -> errc::unsorted_keys with the first offending rank.
/// Threads     const members may be called concurrently.
/// On disk     "tenonidx" version 2, name "hybrid", docs/formats/hybrid.md
/// Invariants  those of line_node, key_tree and radix_router; the nodes' lines follow each other from 0.
/// Source      static B+-trees (Slotin, 2022), learned indexes (Kraska et al., 2018), frame of reference (Goldstein et al., 1998).
/// Use when    always, unless every byte counts (pgm) or keys are very few (sorted_array). hybrid<key_tree> leaves the learned router out:
///             a few bytes less, a few nanoseconds more.
template <class Router = radix_router>
struct hybrid {
    static_assert(std::is_same_v<Router, radix_router> || std::is_same_v<Router, key_tree>,
                  "tenon::hybrid: Router must be tenon::radix_router (learned) or tenon::key_tree (exact)");

    using policy_axis                                = axis::ordered_index;
    static constexpr bool             learned_router = std::is_same_v<Router, radix_router>;
    static constexpr std::string_view name           = learned_router ? "hybrid" : "hybrid<tree>";
    static constexpr node_kind        thresholds     = node_kind::mixed;  ///< as the keys ask for

    template <index_key Key>
    using view = line_view<hybrid, Key>;

    /// The model's bytes, the same wherever the keys lie: made for keys that are aligned to 64.
    template <index_key Key>
    static result<byte_vector> build(std::span<Key const> keys) {
        return detail::build_line_index<hybrid, Key>(keys, 0);
    }
    /// The model for keys that stay where they are now: lines of keys are cache lines.
    template <index_key Key>
    static result<byte_vector> build_in_place(std::span<Key const> keys) {
        return detail::build_line_index<hybrid, Key>(keys, detail::line_lead(keys));
    }
    /// An index over a vector, an array or a span of the caller's.
    template <class Keys>
    static auto over(Keys&& keys) {
        return index_over<hybrid>(std::forward<Keys>(keys));
    }
};

static_assert(ordered_index<hybrid<>> && ordered_index<hybrid<key_tree>>);

}  // namespace tenon
