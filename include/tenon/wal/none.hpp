// SPDX-License-Identifier: Apache-2.0
// no_wal: no log at all; for bulk loads that can be run again and for databases that live as long as the process.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/file/archetype.hpp"
#include "tenon/wal/concept.hpp"

#include <atomic>
#include <memory>

namespace tenon {

/// no_wal - counts LSNs and keeps nothing.
///
/// Guarantee   survives::nothing. What the last root holds is there again; every commit after it is gone.
///             LSNs grow as with any other log: replay(from) visits nothing and the log goes on at `from`.
/// Cost        append O(1), no allocation, no lock; nothing else does anything.
/// Errors      append: empty or more than 1 GiB -> errc::too_large; opened read_only -> errc::read_only.
/// Threads     as the concept says.
/// On disk     nothing.
/// Use when    the work can be done again from its source; memory_wal when a test wants to see the records.
struct no_wal {
    using policy_axis                            = axis::wal;
    static constexpr std::string_view name       = "no_wal";
    static constexpr survives         promise    = survives::nothing;
    static constexpr bool             persistent = false;

    template <class FS>
    class log {
    public:
        using file_system = FS;

        static result<log> open(FS, std::string const&, wal_options const& options) { return log(options.read_only); }

        result<replay_report> replay(lsn from, replay_visitor const&) {
            expects(!state_->replayed, "call replay once, as the first call after open");
            state_->replayed = true;
            state_->end.store(from.value);
            return replay_report{.end = from};
        }
        result<void> reserve(std::uint64_t bytes) { return detail::wal_takes(bytes, read_only_, name); }
        result<lsn>  append(byte_view record) {
            expects(state_->replayed, "call replay before the first append");
            if (auto taken = detail::wal_takes(record.size(), read_only_, name); !taken)
                return fail(std::move(taken).error());
            state_->records.fetch_add(1, std::memory_order_relaxed);
            state_->bytes.fetch_add(record.size(), std::memory_order_relaxed);
            return lsn{state_->end.fetch_add(record.size()) + record.size()};
        }
        result<lsn> append(byte_view record, wal_callback called) {
            auto end = append(record);
            if (end) called({});
            return end;
        }
        result<void> sync(lsn) { return {}; }
        result<void> sync(lsn, durability) { return {}; }
        result<void> sync_all() { return {}; }
        result<void> release(lsn) { return {}; }
        lsn          end() const { return {state_->end.load()}; }
        wal_stats    stats() const {
            return {.appended_records = state_->records.load(), .appended_bytes = state_->bytes.load()};
        }

    private:
        struct counters {
            std::atomic<std::uint64_t> end{0}, records{0}, bytes{0};
            bool                       replayed = false;
        };
        explicit log(bool read_only) : state_(std::make_unique<counters>()), read_only_(read_only) {}

        std::unique_ptr<counters> state_;
        bool                      read_only_;
    };
};

static_assert(wal_policy<no_wal, archetype::file_policy>);

}  // namespace tenon
