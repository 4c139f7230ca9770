// SPDX-License-Identifier: Apache-2.0
// Static B+-trees over the caller's own sorted keys: one cache line a node, compared at once.
#pragma once

#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/last_mile.hpp"
#include "tenon/ordered_index/line_index.hpp"
#include "tenon/ordered_index/position_index.hpp"

#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tenon {

struct exact_separators {};       ///< 8 bytes for each line of keys
struct compressed_separators {};  ///< 14 bits for each line of keys, relative to a base that up to 32 lines share

/// static_tree - an implicit B+-tree: its leaves are the cache lines of the keys, its inner nodes cache lines of eight separators.
///
/// Maps        key -> position.
/// Shapes      lines: the keys, 64 bytes at a time. exact_separators: the last key of each line, and the last of each eight of those above
///             them. compressed_separators: nodes of up to 32 lines each (line_node.hpp), over many of them nodes over nodes, and a tree.
/// Guarantee   lower_bound of every key, stored or absent. Duplicates anywhere; no key value is reserved; any number of keys. The same
///             time for every distribution of keys.
/// Cost        look-up log8(n) cache lines, the upper levels cached. Bytes for 8-byte keys: exact 1.14 a key (up to 2.2 below
///             300,000 keys), compressed 0.26 to 0.34, where keys repeat across most lines or hold no scale up to 1.4. build O(n).
/// Errors      build: unsorted input or NaN -> errc::unsorted_keys with the first offending rank.
/// Threads     const members may be called concurrently.
/// On disk     "tenonidx" version 6, names "static_tree<exact>", "static_tree<compressed>", docs/formats/hybrid.md
/// Source      Slotin, Algorithmica, "Static B-trees", 2022; Koerkamp, "Static search trees", 2024. Differs: ranks over the caller's own
///             array, any key type, bytes that are their own file format; compressed separators.
/// Use when    nothing may depend on how keys are distributed; else hybrid is smaller and faster. compressed_separators: keys are uneven,
///             fewer than 8 million, and bytes count more than time.
template <class Separators = exact_separators>
struct static_tree {
    static_assert(std::is_same_v<Separators, exact_separators> || std::is_same_v<Separators, compressed_separators>,
                  "tenon::static_tree: Separators must be tenon::exact_separators or tenon::compressed_separators");

    using policy_axis = axis::ordered_index;
    static constexpr std::string_view name =
        std::is_same_v<Separators, exact_separators> ? "static_tree<exact>" : "static_tree<compressed>";
    using last_mile                             = tenon::last_mile::simd_line;
    static constexpr bool        learned_router = false;
    static constexpr std::size_t look_ups       = 32;  ///< of a batch, at one stage at once
    static constexpr node_kind   thresholds =
        std::is_same_v<Separators, exact_separators> ? node_kind::words : node_kind::fines;

    template <index_key Key>
    using view = line_view<static_tree, Key>;

    /// The model's bytes, the same wherever the keys lie: made for keys that are aligned to 64.
    template <index_key Key>
    static result<byte_vector> build(std::span<Key const> keys) {
        return detail::build_line_index<static_tree, Key>(keys, 0);
    }
    /// The model for keys that stay where they are now: lines of keys are cache lines.
    template <index_key Key>
    static result<byte_vector> build_in_place(std::span<Key const> keys) {
        return detail::build_line_index<static_tree, Key>(keys, detail::line_lead(keys));
    }
    /// An index over a vector, an array or a span of the caller's.
    template <class Keys>
    static auto over(Keys&& keys) {
        return index_over<static_tree>(std::forward<Keys>(keys));
    }
};

static_assert(ordered_index<static_tree<>> && ordered_index<static_tree<compressed_separators>>);

}  // namespace tenon
