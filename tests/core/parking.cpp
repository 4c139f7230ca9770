// SPDX-License-Identifier: Apache-2.0
#include "tenon/core/parking.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

using namespace tenon;

TEST_CASE("who is parked on a word goes on when it has changed and was unparked, and who comes later does not sleep") {
    std::atomic<std::uint32_t> word{7}, about{0}, awake{0};
    std::vector<std::thread>   threads;
    auto const                 wait = [&] {
        ++about;
        while (word.load() == 7) detail::park(word, 7);
        ++awake;
    };
    for (int t = 0; t < 8; ++t) threads.emplace_back(wait);
    while (about < 8) std::this_thread::yield();
    detail::unpark(word);  // nothing has changed: they sleep on
    CHECK(awake == 0);
    word = 8;
    detail::unpark(word);
    for (auto& t : threads) t.join();
    CHECK(awake == 8);
    detail::park(word, 7);
    detail::park_for(word, 7, std::chrono::hours(1000));
}

#if defined(__linux__)  // where who is parked returns from it without a change as well
TEST_CASE("who is parked sleeps, and unpark wakes as many as it is told to") {
    std::atomic<std::uint32_t> word{7}, about{0}, returns{0};
    std::vector<std::thread>   threads;
    for (int t = 0; t < 6; ++t)
        threads.emplace_back([&] {
            ++about;
            while (word.load() == 7) {
                detail::park(word, 7);
                ++returns;
            }
        });
    while (about < 6) std::this_thread::yield();
    std::uint32_t told = 0;
    do {
        ++told;
        detail::unpark(word, 1);
        std::this_thread::yield();
        REQUIRE(returns <= told);
    } while (returns < 6);
    word = 8;
    detail::unpark(word);
    for (auto& t : threads) t.join();
}
#endif

TEST_CASE("one who wakes and wakes the next wakes all") {
    std::atomic<std::uint32_t> word{0}, awake{0};
    std::vector<std::thread>   threads;
    for (int t = 0; t < 6; ++t)
        threads.emplace_back([&] {
            while (word.load() == 0) detail::park(word, 0);
            ++awake;
            detail::unpark(word, 1);  // the next
        });
    word = 1;
    detail::unpark(word, 1);
    for (auto& t : threads) t.join();
    CHECK(awake == 6);
}

TEST_CASE("who is parked for a while goes on though nobody unparks") {
    std::atomic<std::uint32_t> word{1};
    auto const                 limit = std::chrono::milliseconds(3);
    auto const                 began = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - began < limit)
        detail::park_for(word, 1, limit - (std::chrono::steady_clock::now() - began));
    CHECK(word == 1);
}

TEST_CASE("a mutex that is locked soon is locked by one at a time") {
    std::mutex               mutex;
    std::uint64_t            counter = 0;  // not atomic
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 20'000; ++i) {
                auto const lock = detail::lock_soon(mutex);
                ++counter;
            }
        });
    for (auto& t : threads) t.join();
    CHECK(counter == 80'000);
    CHECK(mutex.try_lock());
    mutex.unlock();
}

TEST_CASE("a mutex that another holds is not locked before it is free") {
    for (int round = 0; round < 50; ++round) {
        std::mutex        mutex;
        std::atomic<bool> about{false}, released{false}, early{false};
        std::unique_lock  held(mutex);
        std::thread       other([&] {
            about           = true;
            auto const lock = detail::lock_soon(mutex);
            early           = !released;
        });
        while (!about) std::this_thread::yield();
        for (int i = 0; i < round; ++i) std::this_thread::yield();
        released = true;
        held.unlock();
        other.join();
        REQUIRE(!early);
    }
}
