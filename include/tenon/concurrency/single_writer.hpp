// SPDX-License-Identifier: Apache-2.0
// The obvious concurrency policy: one write transaction at a time.
#pragma once

#include "tenon/concurrency/concept.hpp"

#include <condition_variable>
#include <mutex>

namespace tenon {

/// single_writer - a write transaction waits until the one before has ended; it never conflicts.
///
/// Guarantee   serializable, trivially. Readers do not wait.
/// Threads     a thread that begins a second write transaction before its first has ended waits for itself: do not.
/// Use when    writers are rare or transactions must never be retried; prefer mvcc<> for writers that wait for the disk
///             together, since here each commit's sync ends before the next transaction begins.
struct single_writer {
    using policy_axis                                  = axis::concurrency;
    static constexpr bool             validates_writes = false;
    static constexpr bool             validates_reads  = false;
    static constexpr std::string_view name             = "single_writer";

    class gate {
    public:
        void enter() {
            std::unique_lock lock(mutex_);
            free_.wait(lock, [&] { return !taken_; });
            taken_ = true;
        }
        void leave() {
            {
                std::lock_guard lock(mutex_);
                taken_ = false;
            }
            free_.notify_one();
        }

    private:
        std::mutex              mutex_;
        std::condition_variable free_;
        bool                    taken_ = false;
    };
};
static_assert(concurrency<single_writer>);

}  // namespace tenon
