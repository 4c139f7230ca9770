// SPDX-License-Identifier: Apache-2.0
// The contract of axis::wal: an ordered log of records that survives what its policy says.
#pragma once

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/file/concept.hpp"

#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace tenon {

/// What an acknowledged record survives; each includes the ones before.
enum class survives : unsigned char { nothing, process_kill, power_loss };

/// How far a commit gets before it is acknowledged.
///
/// in_memory   into this process: lost when it is killed, or the machine stops.
/// to_kernel   into the kernel: survives a killed process, lost when the kernel crashes or the power goes.
/// durable     onto the medium: survives all three.
/// What is lost is always the end of the log: no commit is there without all before it, none in part.
enum class durability : unsigned char { in_memory, to_kernel, durable };

/// What a record survives that was acknowledged at a level.
constexpr survives what_survives(durability d) noexcept { return static_cast<survives>(d); }
static_assert(what_survives(durability::durable) == survives::power_loss);

/// The level that was asked for, or what the promise of a policy demands when that is more.
constexpr durability at_least(durability asked, survives promise) noexcept {
    return what_survives(asked) < promise ? static_cast<durability>(promise) : asked;
}

struct wal_options {
    std::uint64_t identity      = 0;  ///< of the database; segments of another are refused
    bytes_count   segment_bytes = {16u << 20};
    std::uint64_t interval_ns   = 10'000'000;  ///< for sync_interval
    bool          read_only     = false;
    bool          threads =
        true;  ///< may run helpers, which make segments ahead and write what was appended with a callback; without, the callers do it
    std::string archive =
        {};  ///< a directory on the same file system that takes released segments; empty: they are used again
};

struct wal_stats {
    std::uint64_t    appended_records = 0, appended_bytes = 0, syncs = 0, segments = 0, live_bytes = 0;
    std::uint64_t    most_under_way = 0;  ///< writes at once, so far
    std::string_view writes = "none";  ///< how the log reaches the medium: to_string(write_mode), or that it does not
    std::string_view queue =
        "none";  ///< who writes what has a callback: "helpers", or the kind of the file system's write queue
};

/// Called once when a record is as durable as its policy promises, or when it is known that it will not be, in the order of the
/// records and from any thread that uses the log or one of its own. It must not throw, wait for the log, or take long.
using wal_callback = std::function<void(result<void> const&)>;

/// What replay saw.
struct replay_report {
    std::uint64_t records         = 0;
    std::uint64_t bytes           = 0;
    std::uint64_t truncated_bytes = 0;  ///< of a torn tail that was cut: never acknowledged
    lsn           end{};                ///< where the next record begins
};

/// Called with the end of a record and its bytes, which live until it returns.
using replay_visitor = std::function<result<void>(lsn end, byte_view record)>;

namespace detail {
inline constexpr std::uint64_t wal_max_record_bytes = std::uint64_t{1} << 30;

/// Whether a log takes a record of so many bytes.
inline result<void> wal_takes(std::uint64_t bytes, bool read_only, std::string_view directory) {
    if (read_only)
        return fail(errc::read_only,
                    {"append to the log '", directory, "', which was opened read-only: open it for writing"});
    if (bytes == 0 || bytes > wal_max_record_bytes)
        return fail(errc::too_large, {"a log record takes 1 byte to 1 GiB, this one has ", bytes, " bytes"});
    return {};
}
}  // namespace detail

/// An open log.
///
/// | expression | meaning |
/// | --- | --- |
/// | `L::open(fs, path, options)` | `result<L>`; `path` is a directory, made when absent |
/// | `l.replay(from, visit)` | first call after open, once: every intact record that begins at or after `from`, in order; a torn tail is cut and reported, damage before the last intact record is errc::corrupt, a log that begins after `from` is errc::corrupt |
/// | `l.reserve(bytes)` | makes room for one record of at most so many bytes: unless others use the log in between, the next append is not refused for want of space or memory |
/// | `l.append(record)` | the record's end; records are ordered by the order of the calls. 1 byte to 1 GiB, else errc::too_large. Not yet durable. After errc::full no part of it is in the log, which goes on; free space and append again |
/// | `l.append(record, callback)` | the same, and calls back when the record is durable: without a sync, unless options.threads is false. After an error the callback is not called |
/// | `l.sync(end)` | returns when all records up to `end` are as durable as the policy promises. Many threads may wait; one sync may serve them all |
/// | `l.sync(end, level)` | the same at another level, if that is not less than what the policy promises |
/// | `l.sync_all()` | everything appended survives power loss if the policy can do that at all (also for no_sync: clean close, checkpoints), and every callback so far has been called, also after an error |
/// | `l.release(upto)` | records before `upto` are not needed any more: their space may be recycled |
/// | `cl.end()` | where the next record begins |
/// | `cl.stats()` | counts |
///
/// A failed write or sync poisons the log: that call, every waiter and every later append or sync gets an error
/// (errc::full and errc::io at first, then errc::poisoned), and nothing is retried. An append that is refused as full does not.
/// Threads: reserve, append, sync, sync_all, release, end, stats may be called concurrently.
template <class L>
concept wal = std::movable<L> && requires(L l, L const cl, typename L::file_system fs, std::string const& path,
                                          wal_options const& o, byte_view record, lsn at, replay_visitor const& visit,
                                          wal_callback called, durability level, std::uint64_t bytes) {
    { L::open(fs, path, o) } -> std::same_as<result<L>>;
    { l.replay(at, visit) } -> std::same_as<result<replay_report>>;
    { l.reserve(bytes) } -> std::same_as<result<void>>;
    { l.append(record) } -> std::same_as<result<lsn>>;
    { l.append(record, called) } -> std::same_as<result<lsn>>;
    { l.sync(at) } -> std::same_as<result<void>>;
    { l.sync(at, level) } -> std::same_as<result<void>>;
    { l.sync_all() } -> std::same_as<result<void>>;
    { l.release(at) } -> std::same_as<result<void>>;
    { cl.end() } -> std::same_as<lsn>;
    { cl.stats() } -> std::same_as<wal_stats>;
};

/// A policy on axis::wal: `P::template log<FileSystem>` is a wal. `P::promise` is the least that an acknowledged record survives, whatever
/// level was asked for. `P::persistent` is whether records can outlive the log object at all.
template <class P, class FS>
concept wal_policy = std::same_as<typename P::policy_axis, axis::wal> && wal<typename P::template log<FS>> && requires {
    { P::name } -> std::convertible_to<std::string_view>;
    { P::promise } -> std::convertible_to<survives>;
    { P::persistent } -> std::convertible_to<bool>;
};

}  // namespace tenon
