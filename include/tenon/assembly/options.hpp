// SPDX-License-Identifier: Apache-2.0
// Amounts, at run time: what an open database is told, and what it tells.
#pragma once

#include "tenon/core/units.hpp"
#include "tenon/page_store/concept.hpp"
#include "tenon/wal/concept.hpp"

#include <string>
#include <vector>

namespace tenon {

/// Amounts of a database; kinds are policies. Every field has a safe default.
template <class FileSystem>
struct database_options {
    FileSystem files{};        ///< the world; a handle, so that tests can pass a simulated one
    bool       create = true;  ///< make the database when it does not exist
    /// Parts of a run that are at least as large are written past the page cache: for bulk loads of more than memory holds.
    bytes_count direct_bytes = {~std::uint64_t{0}};
    /// Sees the last root and the log behind it as they are now, beside a writer in another process or not; takes no writes.
    bool read_only = false;
    /// A snapshot or transaction that is older may answer errc::expired from then on, so that the space that it holds can be used again;
    /// 0: never. On the clock of `files`.
    std::uint64_t snapshot_limit_ns = 0;
    bytes_count   memtable_bytes    = {64u << 20};  ///< a memtable this large is written as a run
    bytes_count   segment_bytes     = {4u << 20};   ///< of the log; opening reads the last one
    bytes_count   block_bytes       = {64u << 10};  ///< of rows in a run, before a block is closed
    std::uint64_t sync_interval_ns  = 10'000'000;   ///< for segmented_wal<sync_interval>
    /// A directory that takes log segments that are not needed any more; empty: they are used again.
    std::string   log_archive       = {};
    std::size_t   merge_fan_in      = 4;          ///< this many runs of similar size are joined; 0 never
    std::uint64_t merge_max_rows    = 4'000'000;  ///< runs are not joined beyond this
    bytes_count   close_flush_bytes = {
        256u
        << 10};  ///< close() writes a run when the log since the last root is longer, so that the next open is fast
};

/// What recovery did when the database was opened.
struct recovery_report {
    bool          created         = false;
    std::uint64_t log_records     = 0;  ///< commits replayed
    std::uint64_t log_bytes       = 0;
    std::uint64_t truncated_bytes = 0;  ///< of a torn tail that was never acknowledged
};

struct index_stats {
    std::string   index;      ///< kind, policies and member
    std::uint64_t bytes = 0;  ///< in runs
};
struct table_stats {
    std::string                name;
    std::uint64_t              rows = 0, memtable_rows = 0, memtable_bytes = 0, run_rows = 0, tombstones = 0;
    std::vector<std::uint64_t> runs;  ///< rows of each, newest first
    std::uint64_t              key_bytes = 0, row_bytes = 0, filter_bytes = 0;
    std::vector<index_stats>   indexes;
};
struct database_stats {
    timestamp     last_commit = 0;
    store_stats   store;
    wal_stats     log;
    std::uint64_t flushes = 0, merges = 0;
    std::uint64_t old_states = 0;  ///< that snapshots still see though newer runs have replaced them: they hold space
    std::uint64_t oldest_state_ns = 0;  ///< how long ago the oldest of them was replaced
    std::uint64_t expired         = 0;  ///< snapshots that were too old, so far
    std::vector<table_stats> tables;
};

}  // namespace tenon
