// SPDX-License-Identifier: Apache-2.0
// Flushes and merges on one thread of their own.
#pragma once

#include "tenon/work/concept.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace tenon {

/// background - one thread per database does all flushes and merges; wake() only signals it.
///
/// Use when    commits should not wait for runs to be written: the default.
struct background {
    using policy_axis                         = axis::work;
    static constexpr std::string_view name    = "background";
    static constexpr bool             threads = true;

    class worker {
    public:
        explicit worker(std::function<void()> job) : job_(std::move(job)), thread_([this] { loop(); }) {}
        ~worker() { stop(); }
        worker(worker const&)            = delete;
        worker& operator=(worker const&) = delete;

        void wake() {
            {
                std::lock_guard lock(mutex_);
                wanted_ = true;
            }
            changed_.notify_one();
        }
        void stop() {
            {
                std::lock_guard lock(mutex_);
                stopped_ = true;
            }
            changed_.notify_one();
            if (thread_.joinable()) thread_.join();
        }

    private:
        void loop() {
            std::unique_lock lock(mutex_);
            for (;;) {
                changed_.wait(lock, [&] { return wanted_ || stopped_; });
                if (stopped_) return;
                wanted_ = false;
                lock.unlock();
                job_();
                lock.lock();
            }
        }
        std::mutex              mutex_;
        std::condition_variable changed_;
        bool                    wanted_ = false, stopped_ = false;
        std::function<void()>   job_;
        std::thread             thread_;
    };
};
static_assert(work<background>);

}  // namespace tenon
