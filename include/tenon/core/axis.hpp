// SPDX-License-Identifier: Apache-2.0
// The axes on which a database type is assembled; a policy names its own.
#pragma once

/// A policy carries `using policy_axis = tenon::axis::wal;`, so that policies stand in any order in
/// `tenon::database<...>` and an axis that is not named takes its default.
namespace tenon::axis {

struct table;          ///< tenon::table<...>; may repeat
struct file;           ///< the seam to the world: files, sync, rename, clock
struct page_store;     ///< where runs and roots live
struct wal;            ///< where commits become durable
struct concurrency;    ///< who may write beside whom
struct work;           ///< where flushes and merges run
struct ordered_index;  ///< position index over sorted keys
struct ordered_map;    ///< updatable map, for memtables and for users
struct filter;         ///< "surely absent" for runs
struct metric;         ///< distance between vectors
struct vector_index;   ///< nearest vectors
struct spatial_index;  ///< points on the globe
struct text_index;     ///< words

}  // namespace tenon::axis
