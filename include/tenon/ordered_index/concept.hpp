// SPDX-License-Identifier: Apache-2.0
// The contract of axis::ordered_index: where does a key stand in a sorted array?
#pragma once

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/projection.hpp"
#include "tenon/core/result.hpp"

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

namespace tenon {

/// Half-open interval of positions.
struct position_range {
    std::uint64_t         first = 0, last = 0;
    friend constexpr bool operator==(position_range, position_range) = default;
};

/// Keys that position indexes take: integers to 128 bits, float, double (no NaN), arrays of bytes, strings and string_view, uuid, pairs and
/// tuples, and every type that key_codec encodes and < orders in the same way (core/projection.hpp).
template <class K>
concept index_key = projectable<K>;

/// A policy on axis::ordered_index over sorted keys that stay where they are: the index holds the model, not the keys.
///
/// | expression | meaning |
/// | --- | --- |
/// | `I::template build<Key>(keys)` | `result<byte_vector>`: the model's flat bytes. errc::unsorted_keys names the first offending rank (NaN counts as unsorted) |
/// | `I::template view<Key>::open(model, keys)` | `result<view>` in O(1); both spans must outlive it. Untrusted bytes: errc::corrupt, and no later query reads out of bounds whatever they hold |
/// | `v.lower_bound(k)` | first position whose key is not less than k |
/// | `v.upper_bound(k)` | first position whose key is greater than k |
/// | `v.equal_range(k)` | both |
/// | `v.count(k)` | how many keys equal k |
/// | `v.find(k)` | lower_bound when that key equals k, else size() |
/// | `v.batch(ks, out)` | out[i] = lower_bound(ks[i]), many at a time so that their cache misses overlap; out has room for ks.size() |
/// | `v.window(k)` | positions the model allows for lower_bound(k): what the search looked at; for explain and tests |
/// | `v.size()` | number of keys |
/// | `v.validate()` | full check of the model against all keys, O(n) |
///
/// Axioms: lower_bound agrees with std::lower_bound for every key, stored or not; duplicates are allowed anywhere;
/// no key value is reserved; 0, 1 and 2 keys are ordinary. Const members may be called concurrently and do not allocate.
template <class I>
concept ordered_index =
    std::same_as<typename I::policy_axis, axis::ordered_index> &&
    requires(std::span<std::uint64_t const> keys, byte_view model, typename I::template view<std::uint64_t> const v,
             std::uint64_t k, std::span<std::uint64_t> out) {
        { I::name } -> std::convertible_to<std::string_view>;
        { I::template build<std::uint64_t>(keys) } -> std::same_as<result<byte_vector>>;
        {
            I::template view<std::uint64_t>::open(model, keys)
        } -> std::same_as<result<typename I::template view<std::uint64_t>>>;
        { v.lower_bound(k) } -> std::same_as<std::uint64_t>;
        { v.upper_bound(k) } -> std::same_as<std::uint64_t>;
        { v.equal_range(k) } -> std::same_as<position_range>;
        { v.count(k) } -> std::same_as<std::uint64_t>;
        { v.find(k) } -> std::same_as<std::uint64_t>;
        { v.batch(keys, out) } -> std::same_as<void>;
        { v.window(k) } -> std::same_as<position_range>;
        { v.size() } -> std::same_as<std::uint64_t>;
        { v.validate() } -> std::same_as<result<void>>;
    };

}  // namespace tenon
