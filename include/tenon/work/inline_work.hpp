// SPDX-License-Identifier: Apache-2.0
// Flushes and merges on the thread that caused them: the obvious policy, and the deterministic one.
#pragma once

#include "tenon/work/concept.hpp"

#include <mutex>
#include <utility>

namespace tenon {

/// inline_work - wake() runs the job before it returns.
///
/// Use when    one thread, tests, simulation: everything happens in an order that the program decides. A commit that
///             fills the memtable also writes the run.
struct inline_work {
    using policy_axis                         = axis::work;
    static constexpr std::string_view name    = "inline_work";
    static constexpr bool             threads = false;

    class worker {
    public:
        explicit worker(std::function<void()> job) : job_(std::move(job)) {}
        void wake() {
            std::lock_guard lock(mutex_);
            if (!stopped_) job_();
        }
        void stop() {
            std::lock_guard lock(mutex_);
            stopped_ = true;
        }

    private:
        std::mutex            mutex_;
        std::function<void()> job_;
        bool                  stopped_ = false;
    };
};
static_assert(work<inline_work>);

}  // namespace tenon
