// SPDX-License-Identifier: Apache-2.0
// kill -9 on real processes: at the n-th call of a kind, or at any moment, with the promises kept in a file outside.
#pragma once

#include "tenon/core/result.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/// kill_while - runs work in a process of its own and kills it; kill_journal remembers what had been promised to it.
///
///     auto journal = tenon::testing::kill_journal::open("/tmp/promises");
///     auto end     = tenon::testing::kill_while(
///         [&] {
///             my_files files;                                                    // tenon::faulty<tenon::posix_files>
///             files.faults().fail_nth(tenon::file_call::rename, 3, {tenon::fault_kind::kill});
///             ...                                                                // journal->begin(n); ...; journal->acknowledge(n);
///             return 0;
///         });
///     ...                                                                        // open the database here, and compare
///
/// Use when    proving that a process may die at any point. What a power cut takes as well, sweep_crashes (crash.hpp) shows.
namespace tenon::testing {

/// Numbers that outlive the process that writes them: for each of `slots` writers the step it has begun last, and the last one
/// that was promised to last. Threads of both processes may use it.
class kill_journal {
public:
    static constexpr std::size_t slots = 8;

    /// Made, with zeros, when it is not there.
    static result<kill_journal> open(std::string const& path) {
        auto const fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || ::ftruncate(fd, sizeof(page)) != 0) {
            if (fd >= 0) ::close(fd);
            return fail(errc::io, "cannot make the journal '" + path + "'");
        }
        auto* const at = ::mmap(nullptr, sizeof(page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        ::close(fd);
        if (at == MAP_FAILED) return fail(errc::io, "cannot map the journal '" + path + "'");
        return kill_journal(static_cast<page*>(at));
    }
    kill_journal(kill_journal&& other) noexcept : at_(std::exchange(other.at_, nullptr)) {}
    kill_journal& operator=(kill_journal&&) = delete;
    ~kill_journal() {
        if (at_ != nullptr) ::munmap(at_, sizeof(page));
    }

    void          begin(std::uint64_t step, std::size_t slot = 0) noexcept { at_->begun[slot] = step; }
    void          acknowledge(std::uint64_t step, std::size_t slot = 0) noexcept { at_->acknowledged[slot] = step; }
    std::uint64_t begun(std::size_t slot = 0) const noexcept { return at_->begun[slot]; }
    std::uint64_t acknowledged(std::size_t slot = 0) const noexcept { return at_->acknowledged[slot]; }

private:
    struct page {
        std::array<std::atomic<std::uint64_t>, slots> begun, acknowledged;
    };
    explicit kill_journal(page* at) : at_(at) {}
    page* at_;
};

/// How a process ended.
struct process_end {
    bool killed = false;  ///< by SIGKILL
    int  code   = 0;      ///< its exit code, or minus the signal; kill_while's own limit of a minute is -1000
};

/// Runs `work` in a forked process, whose exit code it returns. With `after` the process is killed that long after it was started,
/// or after `ready()` turned true; without, it kills itself (fault_kind::kill) or ends.
/// Precondition: the calling process has no other threads.
template <class Work>
process_end kill_while(Work&& work, std::optional<std::chrono::microseconds> after = {},
                       std::function<bool()> const& ready = {}) {
    using clock = std::chrono::steady_clock;
    std::fflush(nullptr);
    auto const child = ::fork();
    if (child < 0) return {false, -errno};
    if (child == 0) {
        int code = 121;
        try {
            code = work();
        } catch (...) {}
        ::_exit(code);
    }
    auto kill   = clock::time_point::max();
    int  looks  = 0;  // a minute's worth, not counting the time in which this process is stopped itself
    int  status = 0;
    bool late   = false;
    if (after && !ready) kill = clock::now() + *after;
    while (::waitpid(child, &status, WNOHANG) == 0) {
        auto const now = clock::now();
        if (after && kill == clock::time_point::max() && ready()) kill = now + *after;
        late = ++looks > 300'000;
        if (late || now >= kill) {
            ::kill(child, SIGKILL);
            ::waitpid(child, &status, 0);
            break;
        }
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    if (late) return {false, -1000};
    if (WIFSIGNALED(status)) return {WTERMSIG(status) == SIGKILL, -WTERMSIG(status)};
    return {false, WEXITSTATUS(status)};
}

}  // namespace tenon::testing
