// SPDX-License-Identifier: Apache-2.0
// Multi-version concurrency: writers prepare in parallel and are validated at commit.
#pragma once

#include "tenon/concurrency/concept.hpp"

#include <concepts>

namespace tenon {

/// The isolation levels of mvcc<>.
struct snapshot_isolation {
    static constexpr bool             validates_reads = false;
    static constexpr std::string_view name            = "mvcc<snapshot_isolation>";
};
struct serializable {
    static constexpr bool             validates_reads = true;
    static constexpr std::string_view name            = "mvcc<serializable>";
};

/// mvcc - any number of write transactions at once; nobody waits while holding something.
///
/// Guarantee   snapshot_isolation: a transaction reads the state in which it began, and the first of two that write the
///             same row wins. Write skew is possible: two transactions may each read what the other writes.
///             serializable: as well, a commit fails when what it read has changed since: point reads by row,
///             everything else (ranges, index queries, counts) by table. The outcome is that of some serial order.
/// Cost        begin O(1); validation is one look-up for each row written (and, serializable, read).
/// Errors      commit: errc::conflict: run the transaction again (tenon::retry does).
/// Source      first committer wins: Berenson et al., A Critique of ANSI SQL Isolation Levels, 1995; backward
///             validation: Kung and Robinson, On Optimistic Methods for Concurrency Control, 1981.
/// Use when    several threads write; prefer single_writer when a transaction must never be run again.
template <class Isolation = serializable>
requires std::same_as<Isolation, snapshot_isolation> || std::same_as<Isolation, serializable>
struct mvcc {
    using policy_axis                                  = axis::concurrency;
    static constexpr bool             validates_writes = true;
    static constexpr bool             validates_reads  = Isolation::validates_reads;
    static constexpr std::string_view name             = Isolation::name;

    struct gate {
        void enter() noexcept {}
        void leave() noexcept {}
    };
};
static_assert(concurrency<mvcc<>> && concurrency<mvcc<snapshot_isolation>>);

}  // namespace tenon
