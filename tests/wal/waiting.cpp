// SPDX-License-Identifier: Apache-2.0
// Nobody waits for a write that nobody brings to its end. Threads meet after each round, so that no later call hides who sleeps for ever.
#include "tenon/file/memory.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/testing/kill.hpp"
#include "tenon/wal/segmented.hpp"

#include <doctest/doctest.h>

#include "scratch.hpp"

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tenon;

namespace {

/// Rounds of `work(thread, round)`, which is whether all went well, by several threads in a process of its own: one that does not end is ended.
template <class Work>
int rounds(int threads, int n, Work work) {
    std::atomic<bool>        wrong{false};
    std::barrier             met(threads);
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t)
        all.emplace_back([&, t] {
            for (int round = 0; round < n; ++round) {
                met.arrive_and_wait();
                if (!work(t, round)) wrong = true;
            }
        });
    for (auto& t : all) t.join();
    return wrong ? 1 : 0;
}
result<void> nothing(lsn, byte_view) { return {}; }

void until(std::function<bool()> const& so) {
    while (!so()) std::this_thread::yield();
}

/// What the threads of a log stop at, in its own places for it: `asked` counts the syncs that are about to wait, under the log's lock.
std::atomic<int>      asked{0};
std::function<bool()> go_on;  // before the sync of a thread that is first returns, and then before the log hears of it
std::function<bool()> hear_of;
std::atomic<bool>     begun{false};
enum class stop { nowhere, at_sync, at_clock };
thread_local stop next_stop = stop::nowhere;

struct asking : as_asked {
    static constexpr durability usual = durability::to_kernel;  // `due` is for what need not go to the medium
    template <class Now>
    static bool due(Now&&, std::uint64_t, wal_options const&) noexcept {
        ++asked;
        return true;
    }
};
struct stopping_files : memory_files {
    struct file : memory_files::file {
        file(memory_files::file f) : memory_files::file(std::move(f)) {}
        result<void> sync() {
            if (next_stop == stop::at_sync) {
                begun = true;
                until(go_on);
                next_stop = stop::at_clock;
            }
            return memory_files::file::sync();
        }
    };
    result<file> open(std::string const& path, open_mode mode) {
        auto opened = memory_files::open(path, mode);
        if (!opened) return fail(std::move(opened).error());
        return file(std::move(*opened));
    }
    std::uint64_t now_ns() const noexcept {
        if (next_stop == stop::at_clock) {
            next_stop = stop::nowhere;
            until(hear_of);
        }
        return memory_files::now_ns();
    }
};

}  // namespace

TEST_CASE("without helpers, who waits for a batch that another thread has put into the queue takes it out of there") {
    scratch const folder;
    auto const    ended = testing::kill_while([&] {
        auto log = segmented_wal<sync_each_commit>::log<posix_files>::open(
            {}, folder / "log", {.identity = 1, .segment_bytes = {4u << 20}, .threads = false});
        if (!log || !log->replay({0}, nothing)) return 2;
        std::string const record(200, 'x');
        std::atomic<int>  called{0};
        auto const        code = rounds(2, 300, [&](int t, int round) {
            if (t == 0) {
                auto const end = log->append(as_bytes(record));
                return end && log->sync(*end);
            }
            for (auto const until = std::chrono::steady_clock::now() + std::chrono::microseconds(round * 7 % 60);
                 std::chrono::steady_clock::now() < until;) {}
            auto const with =
                log->append(as_bytes(record), [&](result<void> const& done) { called += done.has_value(); });
            auto const end = log->append(as_bytes(record));
            return with && end && log->sync(*end);
        });
        if (!log->sync_all()) return 3;
        return code != 0 ? code : called == 300 ? 0 : 4;
    });
    CHECK_FALSE(ended.killed);
    CHECK(ended.code == 0);
}

// The first thread writes a batch. The second waits for it, the third and the fourth for the one after, in this order. The fourth's record
// has filled a segment, whose sync makes the third's durable before the first tells it, who is asleep longest, that it can write.
TEST_CASE("who is told that a batch can be written and needs it no more tells another") {
    auto const ended = testing::kill_while([] {
        auto log = segmented_wal<asking>::log<stopping_files>::open(
            {}, "log", {.identity = 1, .segment_bytes = {8192}, .threads = true});
        if (!log || !log->replay({0}, nothing)) return 2;
        std::atomic<int>           appended{0};
        std::atomic<std::uint64_t> third{0};
        std::barrier               ready(4, [&]() noexcept {
            asked = appended = 0;
            begun            = false;
        });
        go_on   = [] { return asked == 4; };
        hear_of = [&] { return log->durable_end().value >= third; };
        return rounds(4, 100, [&](int t, int) {
            ready.arrive_and_wait();
            if (t == 0) until([&] { return appended == 1; });
            if (t >= 2) until([&] { return asked == t; });
            std::string const record(t == 3 ? 9'000 : 50, 'x');
            auto const        end = log->append(as_bytes(record));
            if (!end) return false;
            if (t == 0) next_stop = stop::at_sync;
            if (t == 1) {
                appended = 1;
                until([&] { return begun.load(); });
            }
            if (t == 2) third = end->value;
            return log->sync(*end).has_value();
        });
    });
    CHECK_FALSE(ended.killed);
    CHECK(ended.code == 0);
}
