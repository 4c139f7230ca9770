// SPDX-License-Identifier: Apache-2.0
// The contract of an index kind: a delta beside the memtable, and a run part of flat bytes.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace tenon {

/// An index kind is the extension point of the engine: write these classes, name the kind in a table with
/// `tenon::index<&row::member, my_kind>`, and get transactions, snapshots, recovery, merges and verification for it.
///
/// Both halves map *values* to *positions*: a position is a row version's ordinal in its memtable or run. They never
/// forget an entry; the engine asks for visibility by position, and drops a delta with its memtable and a part with its run.
///
/// | expression | meaning |
/// | --- | --- |
/// | `K::value_type` | the member's type, or a tuple for an index over several members |
/// | `K::describe()` | kind and policies in words, stored in the file's signature; change it when the bytes change |
/// | `K::check(value)` | errc::invalid_argument or invalid_text for values that the index cannot hold: refused before anything is stored |
/// | `K::weight(value)` | a number that the engine sums over all live rows, for scores (terms in a text); 0 when not needed |
/// | `K::delta d`; `d.insert(value, key, position)` | key: the primary key's encoded bytes, alive as long as d. Positions ascend. One writer, any number of readers without locks |
/// | `K::builder b`; `b.add(value, key, position)`; `b.finish()` | the part's flat bytes; rows come in key order, positions ascend but need not be dense |
/// | `K::part::open(bytes)` | `result<part>` in O(1); bytes are 64-byte aligned and untrusted |
/// | `cp.validate()` | full check, O(n log n) at most |
/// | `cp.size()` | entries |
///
/// For queries through `view.query<&row::member>(args...)` both delta and part also have
/// `x.query(args..., visit)`, which calls `visit(position) -> bool` once for each entry that fits, in no order, until it
/// returns false.
template <class K>
concept index_kind = std::default_initializable<typename K::delta> && std::default_initializable<typename K::builder> &&
                     requires(typename K::delta d, typename K::builder b, typename K::part const p,
                              typename K::value_type const& v, byte_view bytes, position at) {
                         { K::describe() } -> std::convertible_to<std::string>;
                         { K::check(v) } -> std::same_as<result<void>>;
                         { K::weight(v) } -> std::same_as<std::uint64_t>;
                         d.insert(v, bytes, at);
                         b.add(v, bytes, at);
                         { b.finish() } -> std::same_as<result<byte_vector>>;
                         { K::part::open(bytes) } -> std::same_as<result<typename K::part>>;
                         { p.validate() } -> std::same_as<result<void>>;
                         { p.size() } -> std::same_as<std::uint64_t>;
                     };

}  // namespace tenon
