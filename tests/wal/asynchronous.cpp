// SPDX-License-Identifier: Apache-2.0
// Records with a callback, levels of durability, repair, the archive, codecs, and closing.
#include "tenon/file/faulty.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/file/simulated.hpp"
#include "tenon/wal/segmented.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace tenon;

namespace {

wal_options const quiet{.identity = 3, .segment_bytes = {8192}, .threads = false};
auto const        ignore = [](lsn, byte_view) { return result<void>{}; };

template <class Log>
std::vector<std::string> records(Log& log, std::uint64_t from = 0) {
    std::vector<std::string> out;
    auto const               seen = log.replay({from}, [&](lsn, byte_view b) {
        out.emplace_back(as_chars(b));
        return result<void>{};
    });
    REQUIRE_MESSAGE(seen, (seen ? "" : seen.error().message));
    return out;
}

/// Turns each byte around; what is shorter than four bytes stays as it is.
struct turned {
    static constexpr std::string_view name = "turned";
    static bool                       encode(byte_view in, byte_vector& out) {
        if (in.size() < 4) return false;
        out.clear();
        for (auto b : in) out.push_back(~b);
        return true;
    }
    static result<void> decode(byte_view in, byte_vector& out) {
        out.clear();
        for (auto b : in) out.push_back(~b);
        return {};
    }
};

}  // namespace

TEST_CASE("callbacks of many threads come once each and in the order of the records, with helpers") {
    memory_files             fs;
    std::vector<std::size_t> order;  // called by one thread at a time
    std::atomic<int>         failed{0};
    std::uint64_t const      each = 2000;
    {
        auto log = segmented_wal<>::log<memory_files>::open(fs, "/log", {.identity = 3, .segment_bytes = {1u << 16}});
        REQUIRE(log->replay({0}, ignore));
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t)
            threads.emplace_back([&, t] {
                for (std::uint64_t i = 0; i < each; ++i) {
                    auto const end =
                        log->append(as_bytes(std::string(1 + i % 300, 'c')), [&](result<void> const& done) {
                            failed += !done;
                            order.push_back(order.size());
                        });
                    if (!end || (t == 0 && i % 100 == 0 && !log->sync(*end))) ++failed;
                }
            });
        for (auto& t : threads) t.join();
    }
    CHECK(failed == 0);
    CHECK(order.size() == 3 * each);
    auto log = segmented_wal<>::log<memory_files>::open(fs, "/log", {.identity = 3, .segment_bytes = {1u << 16}});
    CHECK(records(*log).size() == 3 * each);
}

TEST_CASE("after a failed write every callback gets the error, and none that comes after it is acknowledged") {
    for (std::uint64_t n = 1; n < 12; ++n) {
        CAPTURE(n);
        simulated_files         disk;
        faulty<simulated_files> fs(disk);
        std::string             outcome;
        {
            auto log = segmented_wal<>::log<faulty<simulated_files>>::open(fs, "log", quiet);
            REQUIRE(log->replay({0}, ignore));
            fs.faults().fail_nth(file_call::direct_write, n);
            for (int i = 0; i < 20; ++i)
                if (!log->append(as_bytes(std::string(700, 'a')),
                                 [&](result<void> const& done) { outcome += done ? '+' : '-'; }))
                    break;
            (void)log->sync_all();
        }
        auto const good = outcome.find('-');
        if (fs.faults().struck() > 0 && good != std::string::npos) CHECK(outcome.find('+', good) == std::string::npos);
        auto log = segmented_wal<>::log<simulated_files>::open(disk.after_power_loss(simulated_files::kept::nothing),
                                                               "log", quiet);
        REQUIRE(log);
        auto const acknowledged = static_cast<std::size_t>(std::count(outcome.begin(), outcome.end(), '+'));
        CHECK(records(*log).size() >= acknowledged);
    }
}

TEST_CASE("a level is what it says, and never below the policy's promise") {
    memory_files memory;
    auto         asked = segmented_wal<as_asked>::log<memory_files>::open(memory, "/asked", quiet);
    REQUIRE(asked->replay({0}, ignore));
    auto const file = [&] { return memory.open("/asked/00000000000000000000.log", open_mode::read_only); };
    auto const has  = [&](std::string const& text) {
        byte_vector all(8192);
        REQUIRE(file()->read_at(0, all));
        return as_chars(all).find(text) != std::string_view::npos;
    };
    auto const syncs = [&] { return asked->stats().syncs; };
    auto const s0    = syncs();
    REQUIRE(asked->sync(*asked->append(as_bytes("first")), durability::in_memory));
    REQUIRE(asked->sync(*asked->append(as_bytes("second")), durability::to_kernel));
    CHECK(has("first"));
    CHECK(has("second"));
    CHECK(syncs() == s0);
    REQUIRE(asked->sync(*asked->append(as_bytes("third")), durability::durable));
    CHECK(syncs() == s0 + 1);
    REQUIRE(asked->sync(*asked->append(as_bytes("fourth"))));
    CHECK(syncs() == s0 + 2);
    CHECK(asked->stats().writes == "cached");

    auto group = segmented_wal<>::log<memory_files>::open(memory, "/group", quiet);
    REQUIRE(group->replay({0}, ignore));
    auto const g0 = group->stats().syncs;
    REQUIRE(group->sync(*group->append(as_bytes("x")), durability::in_memory));
    CHECK(group->stats().syncs == g0 + 1);
    CHECK(group->durable_end() == group->end());
}

TEST_CASE("repair cuts at the damage, says what it lost, and leaves a sound log alone") {
    memory_files fs;
    lsn          third{}, end{};
    {
        auto log = segmented_wal<>::log<memory_files>::open(fs, "/log", quiet);
        REQUIRE(log->replay({0}, ignore));
        for (int i = 0; i < 20; ++i) {
            if (i == 3) third = log->end();
            end = *log->append(as_bytes(std::string(900, static_cast<char>('a' + i))));
            REQUIRE(log->sync(end));
        }
    }
    auto const sound = segmented_wal<>::log<memory_files>::repair(fs, "/log", quiet, {0});
    REQUIRE(sound);
    CHECK(sound->lost_records == 0);
    REQUIRE(fs.open("/log/00000000000000000000.log", open_mode::read_write)
                ->write_at(4096 + third.value + 100, as_bytes("damage")));
    auto log = segmented_wal<>::log<memory_files>::open(fs, "/log", quiet);
    auto bad = log->replay({0}, ignore);
    REQUIRE_FALSE(bad);
    CHECK(bad.error().kind == errc::corrupt);
    CHECK(bad.error().message.find("loses at least 16 intact records") != std::string::npos);
    auto const cut = segmented_wal<>::log<memory_files>::repair(fs, "/log", quiet, {0});
    REQUIRE_MESSAGE(cut, (cut ? "" : cut.error().message));
    CHECK(cut->lost_records == 16);
    CHECK(cut->lost_bytes >= 16 * 900);
    log = segmented_wal<>::log<memory_files>::open(fs, "/log", quiet);
    CHECK(records(*log).size() == 3);
    REQUIRE(log->sync(*log->append(as_bytes("after"))));
    {  // as if the process were killed now: no record that was cut can be seen behind the end
        auto reading      = quiet;
        reading.read_only = true;
        auto killed       = segmented_wal<>::log<memory_files>::open(fs, "/log", reading);
        auto shown        = killed->replay({0}, ignore);
        REQUIRE_MESSAGE(shown, shown.error().message);
        CHECK(shown->records == 4);
        CHECK(shown->truncated_bytes == 0);
    }
    log = segmented_wal<>::log<memory_files>::open(fs, "/log", quiet);
    CHECK(records(*log).back() == "after");
}

TEST_CASE("released segments go to the archive, which reads as a log") {
    memory_files fs;
    auto         options = quiet;
    options.archive      = "/archive";
    auto log             = segmented_wal<>::log<memory_files>::open(fs, "/log", options);
    REQUIRE(log->replay({0}, ignore));
    for (int i = 0; i < 30; ++i) {
        auto const end = log->append(as_bytes(std::string(1000, static_cast<char>('a' + i % 26))));
        REQUIRE(log->sync(*end));
        REQUIRE(log->release(*end));
    }
    auto const kept = fs.list("/archive")->size();
    CHECK(kept >= 6);
    auto old          = quiet;
    old.read_only     = true;
    auto       reader = segmented_wal<>::log<memory_files>::open(fs, "/archive", old);
    auto const all    = records(*reader);
    CHECK(all.size() >= 20);
    CHECK(all.front() == std::string(1000, 'a'));
}

TEST_CASE("encoded records come back as they were, and are refused without their codec") {
    memory_files fs;
    {
        auto log = segmented_wal<group_commit, turned>::log<memory_files>::open(fs, "/log", quiet);
        REQUIRE(log->replay({0}, ignore));
        REQUIRE(log->append(as_bytes("abc")));
        REQUIRE(log->append(as_bytes(std::string(9000, 'z'))));
    }
    auto plain   = segmented_wal<>::log<memory_files>::open(fs, "/log", quiet);
    auto refused = plain->replay({0}, ignore);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == errc::wrong_assembly);
    auto log = segmented_wal<group_commit, turned>::log<memory_files>::open(fs, "/log", quiet);
    CHECK(records(*log) == std::vector<std::string>{"abc", std::string(9000, 'z')});
}

TEST_CASE("with as_asked a callback waits for the medium, whatever others ask meanwhile") {
    for (bool const threads : {false, true}) {
        CAPTURE(threads);
        simulated_files disk;
        auto            log = segmented_wal<as_asked>::log<simulated_files>::open(
            disk, "log", {.identity = 3, .segment_bytes = {8192}, .threads = threads});
        REQUIRE(log->replay({0}, ignore));
        std::atomic<int> early{0}, called{0};
        for (int i = 0; i < 60; ++i) {
            std::string const record = "asynchronous " + std::to_string(i);
            REQUIRE(log->append(as_bytes(record), [&, record](result<void> const& done) {
                // at this moment a power cut must leave it
                auto left  = disk.after_power_loss(simulated_files::kept::nothing);
                auto found = segmented_wal<as_asked>::log<simulated_files>::open(left, "log", quiet);
                bool there = false;
                if (found)
                    (void)found->replay({0}, [&](lsn, byte_view b) {
                        there = there || as_chars(b) == record;
                        return result<void>{};
                    });
                early += !there || !done;
                ++called;
            }));
            auto const lower = log->append(as_bytes("lower"));
            REQUIRE(log->sync(*lower, i % 2 == 0 ? durability::to_kernel : durability::in_memory));
        }
        REQUIRE(log->sync_all());
        log = segmented_wal<as_asked>::log<simulated_files>::open(disk, "other", quiet);  // closes it
        CHECK(early == 0);
        CHECK(called == 60);
    }
}
