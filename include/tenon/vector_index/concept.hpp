// SPDX-License-Identifier: Apache-2.0
// The contract of axis::vector_index: the nearest vectors under a metric.
#pragma once

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tenon {

/// A neighbour: the metric's distance (smaller is nearer) and the position of its row.
struct vector_hit {
    float                 distance                           = 0;
    position              at                                 = 0;
    friend constexpr bool operator==(vector_hit, vector_hit) = default;
};

/// What a search may spend.
struct vector_search_options {
    std::size_t ef = 0;  ///< candidates kept by graph searches; 0 takes the policy's default. Never below k
};

namespace archetype {
struct accept_vector {
    bool operator()(position) const { return true; }
};
}  // namespace archetype

/// What both halves of a vector index answer.
///
/// | expression | meaning |
/// | --- | --- |
/// | `x.closest(query, k, options, accept, out)` | appends to out k near entries for which `accept(position)`, by ascending (distance, position). Exact or approximate as the policy says, but fewer than k only when fewer are accepted: an approximate search that runs dry goes on exactly |
/// | `x.size()` | entries |
template <class X>
concept vector_queries = requires(X const x, std::span<float const> query, std::size_t k, vector_search_options o,
                                  std::vector<vector_hit>& out) {
    x.closest(query, k, o, archetype::accept_vector{}, out);
    { x.size() } -> std::same_as<std::uint64_t>;
};

/// A policy on axis::vector_index: a delta that lives beside a memtable, and a run part of flat bytes.
///
/// | expression | meaning |
/// | --- | --- |
/// | `V::delta d(dim)` | empty. `d.insert(vector, position)`: positions ascend. One writer, any number of readers without locks |
/// | `V::build(dim, rows, positions)` | `result<byte_vector>`; rows: n x dim floats, row i has positions[i], ascending but not dense; all values finite. Equal input gives equal bytes |
/// | `V::view::open(bytes)` | `result<view>` in O(1), bytes 64-byte aligned, untrusted: errc::corrupt, and no query reads out of bounds whatever they hold |
/// | `v.dim()`, `v.validate()` | full check of the structure |
/// | `v.where(i)`, `v.row(i)` | entry i below size(): its position, and its elements as stored; the distance between a row as stored and as given is within rounding of the distance from the given row to itself |
template <class V>
concept vector_index = std::same_as<typename V::policy_axis, axis::vector_index> && vector_queries<typename V::delta> &&
                       vector_queries<typename V::view> && std::constructible_from<typename V::delta, std::size_t> &&
                       requires(typename V::delta d, typename V::view const v, std::span<float const> rows, position at,
                                std::span<position const> positions, byte_view bytes, std::size_t dim) {
                           typename V::metric;
                           { V::name } -> std::convertible_to<std::string_view>;
                           d.insert(rows, at);
                           { V::build(dim, rows, positions) } -> std::same_as<result<byte_vector>>;
                           { V::view::open(bytes) } -> std::same_as<result<typename V::view>>;
                           { v.dim() } -> std::same_as<std::size_t>;
                           { v.validate() } -> std::same_as<result<void>>;
                           { v.where(dim) } -> std::same_as<position>;
                           { v.row(dim) } -> std::same_as<std::span<float const>>;
                       };

}  // namespace tenon
