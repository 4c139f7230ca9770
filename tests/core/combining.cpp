// SPDX-License-Identifier: Apache-2.0
#include "tenon/core/combining.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

using namespace tenon;

namespace {

struct asked : detail::combining::request {
    int             number = 0;
    int             served = 0;
    std::thread::id by;
};

/// Tells who holds it, and counts those who found it locked: each of them has left its request by then.
class watched_mutex {
public:
    void lock() {
        ++sleeping;
        mutex_.lock();
        owner = std::this_thread::get_id();
    }
    bool try_lock() {
        if (mutex_.try_lock()) {
            owner = std::this_thread::get_id();
            return true;
        }
        thread_local bool counted = false;
        if (!std::exchange(counted, true)) ++turned_away;
        return false;
    }
    void unlock() {
        owner = std::thread::id();
        mutex_.unlock();
    }

    std::atomic<int>             turned_away{0}, sleeping{0};
    std::atomic<std::thread::id> owner;

private:
    std::mutex mutex_;
};

}  // namespace

TEST_CASE("who gets the mutex serves all who came meanwhile, in their order") {
    watched_mutex                mutex;
    detail::combining            turns;
    std::vector<asked>           all(6);
    std::vector<int>             order;
    std::vector<std::thread>     threads;
    std::vector<std::thread::id> ids;
    std::atomic<int>             served{0}, outside{0};
    mutex.lock();
    for (int i = 0; i < 6; ++i) {
        auto& mine  = all[static_cast<std::size_t>(i)];
        mine.number = i;
        threads.emplace_back([&] {
            turns.run(mutex, mine, [&](asked& a) noexcept {
                outside += mutex.owner.load() != std::this_thread::get_id();
                order.push_back(a.number);
                a.by = std::this_thread::get_id();
                ++a.served;
                ++served;
            });
        });
        ids.push_back(threads.back().get_id());
        while (mutex.turned_away <= i) std::this_thread::yield();
    }
    while (mutex.sleeping < 2 && served == 0) std::this_thread::yield();  // one more than this thread
    CHECK(served == 0);
    mutex.unlock();
    for (auto& t : threads) t.join();
    CHECK(outside == 0);
    CHECK(order == std::vector{0, 1, 2, 3, 4, 5});
    CHECK(std::count(ids.begin(), ids.end(), all[0].by) == 1);
    for (auto const& a : all) {
        CHECK(a.by == all[0].by);
        CHECK(a.served == 1);
    }
}

TEST_CASE("each request is served once, alone, and seen by who asked when it returns") {
    std::mutex               mutex;
    detail::combining        turns;
    std::uint64_t            sum = 0;  // not atomic
    std::atomic<int>         inside{0}, wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 20'000; ++i) {
                if (t == 0 && i % 16 == 0) {  // others use the mutex for work of their own
                    std::lock_guard const lock(mutex);
                    sum += 1;
                }
                asked mine;
                mine.number = i;
                turns.run(mutex, mine, [&](asked& a) noexcept {
                    wrong += inside.fetch_add(1) != 0;
                    sum += static_cast<std::uint64_t>(a.number);
                    ++a.served;
                    inside.fetch_sub(1);
                });
                wrong += mine.served != 1;
            }
        });
    for (auto& t : threads) t.join();
    CHECK(wrong == 0);
    CHECK(sum == 4 * (20'000ull * 19'999 / 2) + 20'000 / 16);
}
