// SPDX-License-Identifier: Apache-2.0
// memory_wal: the obvious log, a vector of records on the heap; the oracle of the axis.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/file/archetype.hpp"
#include "tenon/wal/concept.hpp"

#include <memory>
#include <mutex>
#include <vector>

namespace tenon {

/// memory_wal - keeps every record that was not released, in memory, as long as the log lives.
///
/// Guarantee   survives::nothing: the records go with the object. `records()` shows what a lasting log would replay.
///             A new log is empty: replay(from) visits nothing and the log goes on at `from`.
/// Cost        append O(record); release O(records).
/// Errors      append: empty or more than 1 GiB -> errc::too_large; opened read_only -> errc::read_only.
/// Threads     as the concept says; one mutex.
/// On disk     nothing.
/// Use when    a test wants to compare; no_wal when nobody looks at the records.
struct memory_wal {
    using policy_axis                            = axis::wal;
    static constexpr std::string_view name       = "memory_wal";
    static constexpr survives         promise    = survives::nothing;
    static constexpr bool             persistent = false;

    /// One record as it was appended.
    struct entry {
        lsn         begin, end;
        byte_vector bytes;
    };

    template <class FS>
    class log {
    public:
        using file_system = FS;

        static result<log> open(FS, std::string const&, wal_options const& options) { return log(options.read_only); }

        result<replay_report> replay(lsn from, replay_visitor const&) {
            std::lock_guard const hold(state_->mutex);
            expects(!state_->replayed, "call replay once, as the first call after open");
            state_->replayed = true;
            state_->end      = from;
            return replay_report{.end = from};
        }
        result<void> reserve(std::uint64_t bytes) { return detail::wal_takes(bytes, read_only_, name); }
        result<lsn>  append(byte_view record) {
            std::lock_guard const hold(state_->mutex);
            expects(state_->replayed, "call replay before the first append");
            if (auto taken = detail::wal_takes(record.size(), read_only_, name); !taken)
                return fail(std::move(taken).error());
            lsn const begin = state_->end;
            state_->end.value += record.size();
            state_->entries.push_back({begin, state_->end, byte_vector(record.begin(), record.end())});
            ++state_->count;
            state_->bytes += record.size();
            return state_->end;
        }
        result<lsn> append(byte_view record, wal_callback called) {
            auto end = append(record);
            if (end) called({});
            return end;
        }
        result<void> sync(lsn) { return {}; }
        result<void> sync(lsn, durability) { return {}; }
        result<void> sync_all() { return {}; }
        result<void> release(lsn upto) {
            std::lock_guard const hold(state_->mutex);
            std::erase_if(state_->entries, [&](entry const& e) { return e.end <= upto; });
            return {};
        }
        lsn end() const {
            std::lock_guard const hold(state_->mutex);
            return state_->end;
        }
        wal_stats stats() const {
            std::lock_guard const hold(state_->mutex);
            wal_stats             out{.appended_records = state_->count, .appended_bytes = state_->bytes};
            for (auto const& e : state_->entries) out.live_bytes += e.bytes.size();
            return out;
        }
        /// A copy of every record that was not released, in order.
        std::vector<entry> records() const {
            std::lock_guard const hold(state_->mutex);
            return state_->entries;
        }

    private:
        struct contents {
            mutable std::mutex mutex;
            std::vector<entry> entries;
            lsn                end{};
            std::uint64_t      count = 0, bytes = 0;
            bool               replayed = false;
        };
        explicit log(bool read_only) : state_(std::make_unique<contents>()), read_only_(read_only) {}

        std::unique_ptr<contents> state_;
        bool                      read_only_;
    };
};

static_assert(wal_policy<memory_wal, archetype::file_policy>);

}  // namespace tenon
