// SPDX-License-Identifier: Apache-2.0
// Threads that sleep until a word changes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <ctime>
#else
#include <thread>
#endif

namespace tenon::detail {

/// Tells the processor that this thread waits for another one.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// Sleeps while `word` holds `seen`, until unpark() of it; may return early. std::atomic::wait of libstdc++ gives the processor away four
/// times before it sleeps, and each time is a switch of threads that nobody needs who waits for a disk.
inline void park(std::atomic<std::uint32_t> const& word, std::uint32_t seen) noexcept {
#if defined(__linux__)
    static_assert(sizeof word == 4);
    if (word.load(std::memory_order_acquire) == seen)
        ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
#else
    word.wait(seen, std::memory_order_acquire);
#endif
}
/// The same, for so long at most.
inline void park_for(std::atomic<std::uint32_t> const& word, std::uint32_t seen,
                     std::chrono::nanoseconds limit) noexcept {
#if defined(__linux__)
    timespec const at_most{.tv_sec  = static_cast<time_t>(limit.count() / 1'000'000'000),
                           .tv_nsec = static_cast<long>(limit.count() % 1'000'000'000)};
    if (word.load(std::memory_order_acquire) == seen)
        ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, &at_most, nullptr, 0);
#else
    for (auto const until = std::chrono::steady_clock::now() + limit;
         word.load(std::memory_order_acquire) == seen && std::chrono::steady_clock::now() < until;)
        std::this_thread::yield();
#endif
}

/// Wakes `most` of those who are parked on `word`, all by default. Needs no memory. The word may be gone by then where its pages are not.
inline void unpark(std::atomic<std::uint32_t>& word, int most = 0x7fffffff) noexcept {
#if defined(__linux__)
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, most, nullptr, nullptr, 0);
#else
    most == 1 ? word.notify_one() : word.notify_all();
#endif
}

/// Locks a mutex whose owners hold it for microseconds: tries for some before it sleeps, which costs as many and a switch of threads.
inline std::unique_lock<std::mutex> lock_soon(std::mutex& mutex) {
    for (int tries = 0; tries < 256; ++tries) {
        if (mutex.try_lock()) return {mutex, std::adopt_lock};
        spin_pause();
    }
    return std::unique_lock(mutex);
}

}  // namespace tenon::detail
