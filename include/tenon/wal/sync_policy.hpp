// SPDX-License-Identifier: Apache-2.0
// When segmented_wal goes to the medium: what each choice costs and what it survives.
#pragma once

#include "tenon/wal/concept.hpp"

#include <concepts>
#include <cstdint>
#include <string_view>

namespace tenon {

/// What `sync(end)` of a segmented log does. `sync_all()` reaches the medium in every policy.
///
/// | expression | meaning |
/// | --- | --- |
/// | `S::name` | for people |
/// | `S::promise` | what a record survives once `sync(end, level)` returned, whatever the level. power_loss: records wait in batches, and every write goes past the page cache where it can; less: each record goes into the page cache at once |
/// | `S::usual` | the level of `sync(end)` |
/// | `S::under_way` | how many writes may be under way at once; more than one only with power_loss |
/// | `S::due(now, last, options)` | whether a `sync(end)` that need not goes to the medium all the same; `now()` reads the clock, `last` is when the last sync began |
template <class S>
concept sync_policy = requires(std::uint64_t last, wal_options const& options, std::uint64_t (*now)()) {
    { S::name } -> std::convertible_to<std::string_view>;
    { S::promise } -> std::convertible_to<survives>;
    { S::usual } -> std::convertible_to<durability>;
    { S::under_way } -> std::convertible_to<std::size_t>;
    { S::due(now, last, options) } -> std::same_as<bool>;
};

/// One durable write for everybody who waits, and up to four of them under way: a thread that comes while others are at the medium
/// begins the next one, and when four are, the comers fill the one after. They are acknowledged in the order of the log. There
/// is nothing to tune: a batch waits for the threads that were just acknowledged, for half of a write at most,
/// and a thread that comes alone, one record at a time, waits for nobody.
///
/// Survives    process kill, kernel crash, power loss.
/// Cost        one durable write for each batch; alone, one for each commit. A batch begun beside another takes a block of its own: up to
///             4 KiB of log more.
/// Use when    commits must last. The default.
struct group_commit {
    static constexpr std::string_view name      = "group_commit";
    static constexpr survives         promise   = survives::power_loss;
    static constexpr durability       usual     = durability::durable;
    static constexpr std::size_t      under_way = 4;
    template <class Now>
    static bool due(Now&&, std::uint64_t, wal_options const&) noexcept {
        return true;
    }
};

/// As group_commit with one write under way at a time.
///
/// Survives    process kill, kernel crash, power loss.
/// Cost        one durable write for each batch. No block is begun before the one before is full, so that the log is shorter.
/// Use when    there is one writer, or the log's size matters more than the rate of commits.
struct sync_each_commit {
    static constexpr std::string_view name      = "sync_each_commit";
    static constexpr survives         promise   = survives::power_loss;
    static constexpr durability       usual     = durability::durable;
    static constexpr std::size_t      under_way = 1;
    template <class Now>
    static bool due(Now&&, std::uint64_t, wal_options const&) noexcept {
        return true;
    }
};

/// Commits go to the kernel; the first `sync(end)` that comes `interval_ns` or more after the last sync goes to
/// the medium as well. There is no background thread: after the last commit before a pause nothing
/// syncs until the next `sync(end)` or `sync_all()`.
///
/// Survives    process kill. A kernel crash or power loss costs the commits since the last sync: those of one interval
///             while commits keep coming. What is left is a prefix: no commit without all commits before it.
/// Cost        a store into the mapped segment, or one write, for each record; one sync for each interval.
/// Use when    losing the last moments to a power cut is acceptable and nothing else is.
struct sync_interval {
    static constexpr std::string_view name      = "sync_interval";
    static constexpr survives         promise   = survives::process_kill;
    static constexpr durability       usual     = durability::to_kernel;
    static constexpr std::size_t      under_way = 1;
    template <class Now>
    static bool due(Now&& now, std::uint64_t last, wal_options const& options) {
        return now() - last >= options.interval_ns;
    }
};

/// Commits go to the kernel, which writes them back when it likes.
///
/// Survives    process kill. A kernel crash or power loss costs the commits since the last sync_all() or synced
///             segment, whichever is later: full segments are synced, without anybody waiting where helpers may run. What is left is a prefix.
/// Cost        a store into the mapped segment, or one write, for each record.
/// Use when    the data can be made again, but not because a process died.
struct no_sync {
    static constexpr std::string_view name      = "no_sync";
    static constexpr survives         promise   = survives::process_kill;
    static constexpr durability       usual     = durability::to_kernel;
    static constexpr std::size_t      under_way = 1;
    template <class Now>
    static bool due(Now&&, std::uint64_t, wal_options const&) noexcept {
        return false;
    }
};

/// As each commit asks: `sync(end, level)` does what its level says and no more; a plain `sync(end)` reaches the medium.
///
/// Survives    what the level of the commit survives (tenon::durability); with in_memory not even the end of the process is certain.
/// Cost        in_memory, to_kernel: as no_sync. durable: a sync of the file.
/// Use when    a program mixes commits that must last with many that need not; group_commit makes the lasting ones cheaper.
struct as_asked {
    static constexpr std::string_view name      = "as_asked";
    static constexpr survives         promise   = survives::nothing;
    static constexpr durability       usual     = durability::durable;
    static constexpr std::size_t      under_way = 1;
    template <class Now>
    static bool due(Now&&, std::uint64_t, wal_options const&) noexcept {
        return false;
    }
};

static_assert(sync_policy<as_asked> && sync_policy<group_commit> && sync_policy<sync_each_commit> &&
              sync_policy<sync_interval> && sync_policy<no_sync>);

}  // namespace tenon
