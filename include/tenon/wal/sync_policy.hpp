// SPDX-License-Identifier: Apache-2.0
// When segmented_wal goes to the medium: what each choice costs and what it survives.
#pragma once

#include "tenon/wal/concept.hpp"

#include <concepts>
#include <cstdint>
#include <string_view>

namespace tenon {

/// What `sync(end)` of a segmented log does. In every policy the bytes are in the kernel when it returns (so
/// a killed process loses nothing that was acknowledged), `sync_all()` reaches the medium, and a full
/// segment is synced before the next one is begun.
///
/// | expression | meaning |
/// | --- | --- |
/// | `S::name` | for people |
/// | `S::promise` | what a record survives once `sync(end)` returned |
/// | `S::whole_batch` | write everything that waits (true) or only up to the caller's own record |
/// | `S::due(now, last, options)` | whether this `sync(end)` goes to the medium; `now()` reads the clock, `last` is when the last sync began |
template <class S>
concept sync_policy = requires(std::uint64_t last, wal_options const& options, std::uint64_t (*now)()) {
    { S::name } -> std::convertible_to<std::string_view>;
    { S::promise } -> std::convertible_to<survives>;
    { S::whole_batch } -> std::convertible_to<bool>;
    { S::due(now, last, options) } -> std::same_as<bool>;
};

/// One write and one sync for everybody who waits: while a leader is at the medium, the others fill the next
/// batch. No delay is added and there is nothing to tune.
///
/// Survives    process kill, kernel crash, power loss.
/// Cost        one sync for each batch; alone, one for each commit.
/// Use when    commits must last. The default.
struct group_commit {
    static constexpr std::string_view name        = "group_commit";
    static constexpr survives         promise     = survives::power_loss;
    static constexpr bool             whole_batch = true;
    template <class Now>
    static bool due(Now&&, std::uint64_t, wal_options const&) noexcept {
        return true;
    }
};

/// A write and a sync for each commit that is not yet covered, one after the other.
///
/// Survives    process kill, kernel crash, power loss.
/// Cost        one sync for each commit; concurrent commits wait in line.
/// Use when    there is one writer and the least machinery is wanted; group_commit is never slower.
struct sync_each_commit {
    static constexpr std::string_view name        = "sync_each_commit";
    static constexpr survives         promise     = survives::power_loss;
    static constexpr bool             whole_batch = false;
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
/// Cost        one write for each batch, one sync for each interval.
/// Use when    losing the last moments to a power cut is acceptable and nothing else is.
struct sync_interval {
    static constexpr std::string_view name        = "sync_interval";
    static constexpr survives         promise     = survives::process_kill;
    static constexpr bool             whole_batch = true;
    template <class Now>
    static bool due(Now&& now, std::uint64_t last, wal_options const& options) {
        return now() - last >= options.interval_ns;
    }
};

/// Commits go to the kernel, which writes them back when it likes.
///
/// Survives    process kill. A kernel crash or power loss costs the commits since the last sync_all() or full
///             segment, whichever is later. What is left is a prefix.
/// Cost        one write for each batch.
/// Use when    the data can be made again, but not because a process died.
struct no_sync {
    static constexpr std::string_view name        = "no_sync";
    static constexpr survives         promise     = survives::process_kill;
    static constexpr bool             whole_batch = true;
    template <class Now>
    static bool due(Now&&, std::uint64_t, wal_options const&) noexcept {
        return false;
    }
};

static_assert(sync_policy<group_commit> && sync_policy<sync_each_commit> && sync_policy<sync_interval> &&
              sync_policy<no_sync>);

}  // namespace tenon
