// SPDX-License-Identifier: Apache-2.0
// A mutex whose owner also does the work of those who wait for it.
#pragma once

#include "tenon/core/parking.hpp"

#include <atomic>
#include <mutex>
#include <thread>
#include <utility>

namespace tenon::detail {

/// combining - work under a mutex, handed to its owner by who would wait: one turn at the mutex serves all who came meanwhile, with what the
///             work needs in the caches of one processor. Who still tries is served without a switch of threads; who has gone to sleep is
///             woken to see that it was served.
///
/// Guarantee   run() returns when serve(request) has returned, on this thread or another one, under the mutex; each request is served once.
///             What came before a request was pushed is seen by its serve, what serve did is seen when run() returns.
/// Order       among requests that were taken together: as they came.
/// Cost        without rivals one exchange, one compare and exchange, and the mutex. No memory of its own: requests are their owners'.
/// Threads     run() may be called concurrently, and the mutex be locked by others for other work.
/// Source      Hendler, Incze, Shavit, Tzafrir: Flat combining and the synchronization-parallelism tradeoff, SPAA 2010
class combining {
public:
    /// What is asked for: derived from by the user, alive until run() has returned.
    class request {
        friend class combining;
        request*          next_ = nullptr;
        std::atomic<bool> served_{false};
    };

    /// serve(Request&) noexcept. All calls for one mutex give the same kind of request. Precondition: its lock and try_lock do not throw.
    template <class Mutex, class Request, class Serve>
    void run(Mutex& mutex, Request& mine, Serve serve) {
        request& r = mine;
        r.next_    = waiting_.load(std::memory_order_relaxed);
        while (!waiting_.compare_exchange_weak(r.next_, &r, std::memory_order_release, std::memory_order_relaxed)) {}
        for (int tries = 0; tries < spins + yields; ++tries) {
            if (r.served_.load(std::memory_order_acquire)) return;
            if (std::unique_lock lock(mutex, std::try_to_lock); lock) return serve_all<Request>(serve);
            tries < spins ? spin_pause() : std::this_thread::yield();  // which lets an owner go on that was interrupted
        }
        std::lock_guard const lock(mutex);
        serve_all<Request>(serve);
    }

private:
    static constexpr int spins = 64, yields = 8;

    template <class Request, class Serve>
    void serve_all(Serve& serve) noexcept {
        static_assert(noexcept(serve(std::declval<Request&>())));
        request *last = waiting_.exchange(nullptr, std::memory_order_acquire), *first = nullptr;
        while (last != nullptr) {
            auto* const before = last->next_;
            last->next_        = first;
            first              = std::exchange(last, before);
        }
        while (first != nullptr) {
            auto* const next = first->next_;  // who is served may be gone
            serve(static_cast<Request&>(*first));
            first->served_.store(true, std::memory_order_release);
            first = next;
        }
    }

    std::atomic<request*> waiting_{nullptr};  // the last that came, before it who came earlier
};

}  // namespace tenon::detail
