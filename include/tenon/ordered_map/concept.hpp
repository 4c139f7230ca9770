// SPDX-License-Identifier: Apache-2.0
// The contract of axis::ordered_map: an updatable sorted map, for memtables and for users.
#pragma once

#include "tenon/core/axis.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

namespace tenon {

/// A policy on axis::ordered_map: `M::template map<Key, Value, Less>`.
///
/// | expression | meaning |
/// | --- | --- |
/// | `m.insert(key, value)` | `pair<Value*, bool>`: the place of the value, and whether it is new (an existing value stays as it was) |
/// | `cm.find(key)` | `Value*` or nullptr |
/// | `cm.size()` | number of keys |
/// | `cm.bytes()` | memory held, estimated within 20 % |
/// | `cm.cursor()` | stands nowhere |
/// | `c.seek(key)`, `c.seek_first()`, `c.seek_last()` | lower bound; ends. `c.seek_before(key)`: the last key less than `key` |
/// | `c.valid()`, `c.next()`, `c.prev()`, `c.key()`, `c.value()` | |
///
/// Guarantee: a Value* stays valid until its key is erased (maps that erase) or the map ends.
/// Threads: `M::concurrent_reads` true: one writer and any number of readers (find, cursors) at the same
/// time, without locks; a key inserted before a reader began is seen. False: the user locks.
/// Heterogeneous look-up: find and seek take anything Less can compare with Key when Less::is_transparent.
template <class M>
concept ordered_map =
    std::same_as<typename M::policy_axis, axis::ordered_map> &&
    requires(typename M::template map<std::uint64_t, int, std::less<>>              m,
             typename M::template map<std::uint64_t, int, std::less<>> const        cm,
             typename M::template map<std::uint64_t, int, std::less<>>::cursor_type c, std::uint64_t k) {
        { M::name } -> std::convertible_to<std::string_view>;
        { M::concurrent_reads } -> std::convertible_to<bool>;
        { m.insert(k, 1) } -> std::same_as<std::pair<int*, bool>>;
        { cm.find(k) } -> std::same_as<int*>;
        { cm.size() } -> std::same_as<std::size_t>;
        { cm.bytes() } -> std::same_as<std::size_t>;
        { cm.cursor() } -> std::same_as<typename M::template map<std::uint64_t, int, std::less<>>::cursor_type>;
        c.seek(k);
        c.seek_before(k);
        c.seek_first();
        c.seek_last();
        { c.valid() } -> std::same_as<bool>;
        c.next();
        c.prev();
        { c.key() } -> std::same_as<std::uint64_t const&>;
        { c.value() } -> std::same_as<int&>;
    };

/// A map that also erases: `m.erase(key)` says whether it was there, and frees its memory.
template <class M>
concept erasable_ordered_map =
    ordered_map<M> && requires(typename M::template map<std::uint64_t, int, std::less<>> m, std::uint64_t k) {
        { m.erase(k) } -> std::same_as<bool>;
    };

}  // namespace tenon
