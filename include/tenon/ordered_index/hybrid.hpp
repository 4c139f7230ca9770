// SPDX-License-Identifier: Apache-2.0
// The default position index: a learned router, nodes that are linear models corrected line by line, and one cache line of keys.
#pragma once

#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/hybrid_options.hpp"
#include "tenon/ordered_index/line_index.hpp"
#include "tenon/ordered_index/position_index.hpp"
#include "tenon/ordered_index/radix_router.hpp"

#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tenon {

/// hybrid - a learned router on top, below it nodes of one cache line that are linear models with a correction for each line.
///
/// Maps        key -> position.
/// Shapes      lines: the keys, 64 bytes at a time. nodes: each covers up to 255 lines with a linear model of 384 buckets; where keys are so
///             uneven that it holds fewer than 32, up to 32 lines with 14 bits each, and over those nodes more of the same form; where a model
///             is too coarse for eight lines, those with exact separators; where nodes would hold fewer than 20 lines each, or fewer than
///             2^20 lines need 14 bits each, there are none, but a plain tree over the lines. router: a histogram of the nodes where one
///             level of it tells keys apart, else an implicit B+-tree.
/// Options     in any order: radix_router (learned, the default) or key_tree (exact); a last_mile::... (simd_line; others search the
///             one or two lines of keys with scalar instructions); in_flight<N> (32); huge_pages or cache_lines, where over()
///             puts the model.
/// Guarantee   lower_bound of every key, stored or absent. Duplicates anywhere; no key value is reserved; any number of keys.
/// Cost        look-up: the router (cached), one node, one line of keys, sometimes the one behind it at the same time; no data-dependent branch
///             for numbers but for crowded places of the router. Bytes for 8-byte keys: 0.06 to 0.2 a key where bits do, else 0.3, at worst those of
///             static_tree. build O(n), one pass.
/// Errors      build: unsorted input or NaN -> errc::unsorted_keys with the first offending rank.
/// Threads     const members may be called concurrently.
/// On disk     "tenonidx" version 6, name "hybrid" or "hybrid<tree>", docs/formats/hybrid.md; the other options leave the bytes as they are.
/// Invariants  those of line_node, key_tree and radix_router; the nodes' lines follow each other from 0.
/// Source      static B+-trees (Slotin, 2022), learned indexes (Kraska et al., 2018), rank over bit vectors (Jacobson, 1989).
/// Use when    always, unless every byte counts (pgm) or keys are very few (sorted_array). hybrid<key_tree> leaves the learned router out:
///             a few bytes less, some nanoseconds more on even keys.
template <class... Options>
struct hybrid {
    static_assert((detail::hybrid_option<Options> && ...),
                  "tenon::hybrid: takes a router (radix_router or key_tree), a last_mile, in_flight<N> and a placement "
                  "(huge_pages or cache_lines), each at most once");
    static_assert(
        (std::size_t{detail::hybrid_router<Options>} + ... + 0) <= 1 &&
            (std::size_t{detail::last_mile_policy<Options>} + ... + 0) <= 1 &&
            (std::size_t{detail::hybrid_width<Options>} + ... + 0) <= 1 &&
            (std::size_t{detail::hybrid_placement<Options>} + ... + 0) <= 1,
        "tenon::hybrid: an option is named twice; name one router, one last mile, one in_flight<N>, one placement");
    using recipe =
        detail::hybrid_recipe<radix_router, tenon::last_mile::simd_line, in_flight<32>, huge_pages, Options...>;

    using policy_axis                                = axis::ordered_index;
    using last_mile                                  = typename recipe::last_mile;
    using placement                                  = typename recipe::placement;
    static constexpr bool             learned_router = std::is_same_v<typename recipe::router, radix_router>;
    static constexpr std::size_t      look_ups       = recipe::width::look_ups;  ///< of a batch, at one stage at once
    static constexpr std::string_view name           = learned_router ? "hybrid" : "hybrid<tree>";
    static constexpr node_kind        thresholds     = node_kind::bits;  ///< or as the keys ask for

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
