// SPDX-License-Identifier: Apache-2.0
// Huge pages that are cleared before they are needed.
#pragma once

#include "tenon/core/placement.hpp"

#include <array>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <new>
#include <thread>

namespace tenon {

/// cleared_pages - a thread that takes huge pages from the system a little ahead of who fills them.
///
/// The system clears a page when it is touched first, which costs more than to fill it, and who needs it waits: milliseconds where a
/// hypervisor keeps page tables of its own.
///
/// Cost        `ahead` pages of 2 MiB that nobody takes yet, from start() on; given back at the end.
/// Errors      none: without memory, or a thread, nothing is ready, and who needs a page takes it from the system.
/// Threads     start, take, ready and taken may be called concurrently; keep and stop by one thread, stop when nobody else comes any more.
class cleared_pages {
public:
    static constexpr std::size_t most = 16;

    /// Precondition: ahead <= most.
    explicit cleared_pages(std::size_t ahead = most) noexcept : ahead_(ahead) {}
    cleared_pages(cleared_pages const&)            = delete;
    cleared_pages& operator=(cleared_pages const&) = delete;
    ~cleared_pages() { stop(); }

    /// Begins to clear; doing it again changes nothing.
    [[gnu::cold]] void start() noexcept {
        std::lock_guard const hold(mutex_);
        if (!thread_.joinable()) try {
                thread_ = std::thread([this] { run(); });
            } catch (std::exception const&) {}
    }
    /// From now on so many are ready, once begun; more are given back, but one under way. Precondition: ahead <= most.
    [[gnu::cold]] void keep(std::size_t ahead) noexcept {
        std::unique_lock hold(mutex_);
        ahead_ = ahead;
        while (ready_ > ahead_) {
            auto* const page = pages_[--ready_];
            hold.unlock();
            huge_pages::deallocate(page, huge_page_size);
            hold.lock();
        }
        wake_.notify_one();
    }
    /// huge_page_size bytes of any content for huge_pages::deallocate, or null when none are ready.
    std::byte* take() noexcept {
        std::lock_guard const hold(mutex_);
        if (ready_ == 0) return nullptr;
        wake_.notify_one();
        ++taken_;
        return pages_[--ready_];
    }
    /// How many wait to be taken, and how many were taken so far.
    std::size_t ready() const noexcept {
        std::lock_guard const hold(mutex_);
        return ready_;
    }
    std::size_t taken() const noexcept {
        std::lock_guard const hold(mutex_);
        return taken_;
    }
    [[gnu::cold]] void stop() noexcept {
        {
            std::lock_guard const hold(mutex_);
            over_ = true;
        }
        wake_.notify_one();
        if (thread_.joinable()) thread_.join();
        while (ready_ > 0) huge_pages::deallocate(pages_[--ready_], huge_page_size);
    }

private:
    void run() noexcept {
        std::unique_lock hold(mutex_);
        for (;;) {
            wake_.wait(hold, [this] { return over_ || ready_ < ahead_; });
            if (over_) return;
            hold.unlock();
            std::byte* page = nullptr;
            try {
                page = static_cast<std::byte*>(huge_pages::allocate(huge_page_size));
            } catch (std::bad_alloc const&) { return; }
            for (std::size_t at = 0; at < huge_page_size;
                 at += 4096)  // where there are no huge pages, each of the small ones
                *const_cast<std::byte volatile*>(page + at) = std::byte{0};
            hold.lock();
            pages_[ready_++] = page;
        }
    }

    mutable std::mutex           mutex_;
    std::condition_variable      wake_;
    std::array<std::byte*, most> pages_{};
    std::size_t                  ahead_;
    std::size_t                  ready_ = 0, taken_ = 0;
    bool                         over_ = false;
    std::thread                  thread_;
};

}  // namespace tenon
