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

/// Memory whose syncs take a while, each another one.
struct slow_files : memory_files {
    struct file : memory_files::file {
        file(memory_files::file f) : memory_files::file(std::move(f)) {}
        result<void> sync() {
            thread_local unsigned seed = 12'345;
            seed                       = seed * 1'664'525 + 1'013'904'223;
            std::this_thread::sleep_for(std::chrono::microseconds(50 + (seed >> 16) % 1500));
            return memory_files::file::sync();
        }
    };
    result<file> open(std::string const& path, open_mode mode) {
        auto opened = memory_files::open(path, mode);
        if (!opened) return fail(std::move(opened).error());
        return file(std::move(*opened));
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

TEST_CASE("who is told that a batch can be written and needs it no more tells another") {
    auto const ended = testing::kill_while([] {
        slow_files fs;
        auto       log = segmented_wal<as_asked>::log<slow_files>::open(
            fs, "log", {.identity = 1, .segment_bytes = {8192}, .threads = true});
        if (!log || !log->replay({0}, nothing)) return 2;
        return rounds(4, 2000, [&](int t, int) {
            std::string const record(static_cast<std::size_t>(700 + 500 * t), 'x');
            std::this_thread::sleep_for(std::chrono::microseconds(200 * t));
            auto const end = log->append(as_bytes(record));
            return end && log->sync(*end, durability::durable);
        });
    });
    CHECK_FALSE(ended.killed);
    CHECK(ended.code == 0);
}
