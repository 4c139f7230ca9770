// SPDX-License-Identifier: Apache-2.0
// Reading a log while it is written: in order, never too early, and what is recycled, damaged or not yet there is told apart.
#include "tenon/wal/tail.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/file/simulated.hpp"
#include "tenon/wal/segmented.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace tenon;

namespace {

wal_options const      quiet{.identity = 8, .segment_bytes = {8192}, .threads = false};
wal_tail_options const from_outside{.identity = 8};
auto const             ignore = [](lsn, byte_view) { return result<void>{}; };

/// The i-th record: its number, then bytes that follow from it.
std::string numbered(std::uint64_t i) {
    return std::to_string(i) +
           std::string(static_cast<std::size_t>(1 + hash_u64(i) % 900), static_cast<char>('a' + i % 26));
}
template <class Tail>
std::string text_of(Tail& tail) {
    auto const got = tail.next();
    if (!got) return std::string(to_string(got.error().kind));
    return *got ? std::string(as_chars((*got)->bytes)) : "nothing yet";
}
template <class Log>
void add(Log& log, std::string const& text) {
    REQUIRE(log.sync(*log.append(as_bytes(text))));
}

}  // namespace

TEST_CASE_TEMPLATE(
    "a tail in the same process sees every record once, in order, and none before it is durable, while segments are "
    "used again",
    Policy, segmented_wal<>, segmented_wal<no_sync>) {
    memory_files fs;
    auto log = Policy::template log<memory_files>::open(fs, "/log", {.identity = 8, .segment_bytes = {1u << 14}});
    REQUIRE(log->replay({0}, ignore));
    std::uint64_t const        most = 20'000;
    std::atomic<std::uint64_t> seen_to{0};
    std::string                wrong;
    std::thread                reader([&] {
        auto tail = *wal_tail<memory_files>::open(fs, "/log", {0},
                                                                 {.identity = 8, .durable_end = [&] { return log->durable_end(); }});
        for (std::uint64_t i = 0; i < most;) {
            auto const got = tail.next();
            if (!got) {
                wrong = got.error().message;
                break;
            }
            if (!*got) {
                std::this_thread::yield();
                continue;
            }
            if ((*got)->end > log->durable_end()) wrong = "too early";
            if (as_chars((*got)->bytes) != numbered(i)) wrong = "record " + std::to_string(i) + " is another one";
            if (!wrong.empty()) break;
            ++i;
            seen_to.store((*got)->end.value);
        }
        seen_to.store(~std::uint64_t{0});
    });
    for (std::uint64_t i = 0; i < most; ++i) {
        auto const end = log->append(as_bytes(numbered(i)));
        if (i % 7 == 0 || i + 1 == most) CHECK(log->sync(*end, durability::durable));
        if (i % 50 == 0) {
            if (log->durable_end().value > seen_to.load() + (1u << 18)) std::this_thread::yield();
            CHECK(log->release({std::min(seen_to.load(), log->durable_end().value)}));
        }
    }
    reader.join();
    CHECK(wrong == "");
}

TEST_CASE("a tail from outside follows a log over its segments, its closing and its next opening") {
    memory_files fs;
    auto         tail = *wal_tail<memory_files>::open(fs, "/log/", {0}, from_outside);
    CHECK(text_of(tail) == "not found");
    std::uint64_t next = 0, seen = 0;
    for (int life = 0; life < 4; ++life) {
        auto log = segmented_wal<>::log<memory_files>::open(fs, "/log", quiet);
        if (life == 0) CHECK(text_of(tail) == "nothing yet");
        REQUIRE(log->replay({0}, ignore));
        CHECK(text_of(tail) == "nothing yet");
        for (int i = 0; i < 40; ++i) {
            REQUIRE(log->append(as_bytes(numbered(next++))));
            if (i % 3 == 0) continue;
            REQUIRE(log->sync_all());
            while (seen < next) CHECK(text_of(tail) == numbered(seen++));
            CHECK(text_of(tail) == "nothing yet");
        }
        log = segmented_wal<>::log<memory_files>::open(memory_files{}, "/other", quiet);  // closes it
        while (seen < next) CHECK(text_of(tail) == numbered(seen++));
        CHECK(text_of(tail) == "nothing yet");
    }
    // and from every place where a record begins
    auto again = *wal_tail<memory_files>::open(fs, "/log", {0}, from_outside);
    for (std::uint64_t i = 0; i < next; ++i) {
        auto here = *wal_tail<memory_files>::open(fs, "/log", again.position(), from_outside);
        CHECK(text_of(here) == numbered(i));
        CHECK(text_of(again) == numbered(i));
    }
    CHECK(wal_tail<memory_files>::open(fs, "/log", {7}, from_outside).error().kind == errc::invalid_argument);
    auto other = *wal_tail<memory_files>::open(fs, "/log", {0}, {.identity = 9});
    CHECK(text_of(other) == "wrong assembly");
}

TEST_CASE_TEMPLATE("what a tail from outside has handed out is there after a power loss; at to_kernel it need not be",
                   Policy, segmented_wal<>, segmented_wal<no_sync>, segmented_wal<as_asked>) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        CAPTURE(seed);
        prng            random(seed);
        simulated_files disk;
        auto            log = Policy::template log<simulated_files>::open(disk, "log", quiet);
        REQUIRE(log->replay({0}, ignore));
        auto tail = *wal_tail<simulated_files>::open(disk, "log", {0}, from_outside);
        auto soon = *wal_tail<simulated_files>::open(disk, "log", {0}, {.identity = 8, .level = durability::to_kernel});
        std::uint64_t next = 0, seen = 0, early = 0;
        for (int step = 0; step < 60; ++step) {
            auto const end = log->append(as_bytes(numbered(next++)));
            REQUIRE(end);
            if (random.chance(0.5)) REQUIRE(log->sync(*end, durability::to_kernel));
            if (!random.chance(0.3)) continue;
            for (;;) {
                auto const got = soon.next();
                REQUIRE(got);
                if (!*got) break;
                CHECK(as_chars((*got)->bytes) == numbered(early++));
            }
            for (;;) {
                auto const got = tail.next();
                REQUIRE(got);
                if (!*got) break;
                CHECK(as_chars((*got)->bytes) == numbered(seen++));
            }
            CHECK(early == seen);
            for (std::uint64_t state = 0; state < 4; ++state) {
                auto left  = state == 0 ? disk.after_power_loss(simulated_files::kept::nothing)
                                        : disk.after_power_loss(seed * 10 + state);
                auto found = Policy::template log<simulated_files>::open(left, "log", quiet);
                REQUIRE(found);
                std::uint64_t n = 0;
                REQUIRE(found->replay({0}, [&](lsn, byte_view b) {
                    CHECK(as_chars(b) == numbered(n++));
                    return result<void>{};
                }));
                CHECK(n >= seen);
            }
        }
        CHECK(seen > 30);
    }
}

TEST_CASE(
    "a tail that is older than the log says so; with the archive it goes on, also when a segment moves while it is "
    "read") {
    for (bool const archived : {false, true}) {
        CAPTURE(archived);
        memory_files fs;
        auto         options = quiet;
        if (archived) options.archive = "/old";
        auto log = segmented_wal<>::log<memory_files>::open(fs, "/log", options);
        REQUIRE(log->replay({0}, ignore));
        auto tail = *wal_tail<memory_files>::open(fs, "/log", {0}, {.identity = 8, .archive = options.archive});
        std::uint64_t next = 0, seen = 0;
        for (; next < 8; ++next) add(*log, numbered(next));
        while (seen < 4) CHECK(text_of(tail) == numbered(seen++));
        auto const stopped = tail.position();
        for (; next < 200; ++next) {
            add(*log, numbered(next));
            REQUIRE(log->release(log->end()));
        }
        if (archived) {
            while (seen < next) CHECK(text_of(tail) == numbered(seen++));
            CHECK(text_of(tail) == "nothing yet");
            auto late = *wal_tail<memory_files>::open(fs, "/log", stopped, {.identity = 8, .archive = "/old"});
            CHECK(text_of(late) == numbered(4));
            // a hole in the archive is no end
            auto const old = fs.list("/old");
            REQUIRE(fs.remove("/old/" + (*old)[3]));
            std::string last;
            for (int i = 0; i < 200 && last != "expired"; ++i) last = text_of(late);
            CHECK(last == "expired");
        } else {
            // what is left of its segment in the reader's own memory may come first
            auto text = text_of(tail);
            while (text == numbered(seen)) {
                ++seen;
                text = text_of(tail);
            }
            CHECK(text == "expired");
            CHECK(seen <= 16);
            auto const why = tail.next();
            REQUIRE_FALSE(why);
            CHECK(why.error().message.find("begins at LSN") != std::string::npos);
        }
    }
}

TEST_CASE("in the process that writes, what is in the kernel alone is not there yet") {
    memory_files fs;
    auto         log = segmented_wal<no_sync>::log<memory_files>::open(fs, "/log", quiet);
    REQUIRE(log->replay({0}, ignore));
    auto tail = *wal_tail<memory_files>::open(fs, "/log", {0},
                                              {.identity = 8, .durable_end = [&] { return log->durable_end(); }});
    add(*log, "first");
    CHECK(text_of(tail) == "nothing yet");
    REQUIRE(log->sync_all());
    add(*log, "second");
    CHECK(text_of(tail) == "first");
    CHECK(text_of(tail) == "nothing yet");
    REQUIRE(log->sync_all());
    CHECK(text_of(tail) == "second");
    // who says that it is durable may stop within a record
    add(*log, "third");
    lsn  known = {log->end().value - 8};
    auto again = *wal_tail<memory_files>::open(fs, "/log", tail.position(),
                                               {.identity = 8, .durable_end = [&] { return known; }});
    CHECK(text_of(again) == "nothing yet");
    known = log->end();
    CHECK(text_of(again) == "third");
}

TEST_CASE("damage is told from a record that is not there yet, from inside and from outside") {
    memory_files fs;
    auto         log = segmented_wal<>::log<memory_files>::open(fs, "/log", quiet);
    REQUIRE(log->replay({0}, ignore));
    lsn third{};
    for (std::uint64_t i = 0; i < 12; ++i) {
        if (i == 3) third = log->end();
        add(*log, std::string(100, static_cast<char>('a' + i)));
    }
    auto       inside  = *wal_tail<memory_files>::open(fs, "/log", {0},
                                                       {.identity = 8, .durable_end = [&] { return log->durable_end(); }});
    auto       outside = *wal_tail<memory_files>::open(fs, "/log", {0}, from_outside);
    auto const at      = 4096 + third.value;
    auto       file    = fs.open("/log/00000000000000000000.log", open_mode::read_write);
    REQUIRE(file->write_at(at + 30, as_bytes("damage")));
    for (int i = 0; i < 3; ++i) {
        CHECK(text_of(inside) == std::string(100, static_cast<char>('a' + i)));
        CHECK(text_of(outside) == std::string(100, static_cast<char>('a' + i)));
    }
    for (auto* tail : {&inside, &outside}) {
        auto const bad = tail->next();
        REQUIRE_FALSE(bad);
        CHECK(bad.error().kind == errc::corrupt);
        CHECK(bad.error().message.find("offset " + std::to_string(at)) != std::string::npos);
    }
    REQUIRE(file->write_at(at + 30, as_bytes("dddddd")));  // mended
    CHECK(text_of(inside) == std::string(100, 'd'));
    CHECK(text_of(outside) == std::string(100, 'd'));
    // the last record: nobody vouches for it, from outside it is not there yet
    while (inside.position().value + 128 < log->end().value) REQUIRE(inside.next());
    auto const last = inside.position();
    REQUIRE(file->write_at(4096 + last.value + 60, as_bytes("damage")));
    auto from_last         = *wal_tail<memory_files>::open(fs, "/log", last, from_outside);
    auto known_from_inside = *wal_tail<memory_files>::open(
        fs, "/log", last, {.identity = 8, .durable_end = [&] { return log->durable_end(); }});
    for (int i = 0; i < 3; ++i) {
        CHECK(text_of(known_from_inside) == "corrupt");
        CHECK(text_of(from_last) == "nothing yet");
    }
}

TEST_CASE("whatever bytes a log is made of, a tail hands out a prefix of what was written, and ends") {
    prng          random(77);
    std::uint64_t read = 0, undamaged = 0;
    for (int round = 0; round < 300; ++round) {
        CAPTURE(round);
        memory_files  fs;
        std::uint64_t n = 0;
        {
            auto log = segmented_wal<>::log<memory_files>::open(fs, "/log", quiet);
            REQUIRE(log->replay({0}, ignore));
            for (; n < 30; ++n) add(*log, numbered(n));
        }
        auto const names = fs.list("/log");
        bool       whole = true;
        for (auto const& name : *names) {
            if (round % 10 == 0) continue;  // nothing is damaged
            auto       file = fs.open("/log/" + name, open_mode::read_write);
            auto const size = *file->size();
            for (auto hits = random.below(3); hits > 0; --hits) {
                whole = false;
                byte_vector bytes(static_cast<std::size_t>(1 + random.below(random.chance(0.2) ? 3000 : 8)));
                for (auto& b : bytes) b = static_cast<std::byte>(random());
                REQUIRE(file->write_at(random.below(size - bytes.size()), bytes));
            }
            if (random.chance(0.05)) {
                REQUIRE(file->resize(random.below(size)));
                whole = false;
            }
            if (random.chance(0.02)) {
                REQUIRE(fs.remove("/log/" + name));
                whole = false;
            }
        }
        auto          tail = *wal_tail<memory_files>::open(fs, "/log", {0}, from_outside);
        std::uint64_t i    = 0;
        for (int calls = 0; calls < 60; ++calls) {
            auto const got = tail.next();
            if (!got || !*got) continue;
            REQUIRE(as_chars((*got)->bytes) == numbered(i));
            ++i;
        }
        CHECK(i <= n);
        if (whole) CHECK(i == n);
        read += i, undamaged += whole ? 1 : 0;
    }
    CHECK(undamaged > 0);
    CHECK(read > 300 * 5);  // most damage leaves records before it
}
