// SPDX-License-Identifier: Apache-2.0
// Calls that the kernel interrupts, or does in part, at every other turn, and signals all the time: nothing fails for that, and nothing is half done.
#include "../file/temporary_directory.hpp"
#include "calls.hpp"
#include "small_database.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/page_store/buffered.hpp"
#include "tenon/page_store/checksummed.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/page_store/mmap.hpp"
#include "tenon/wal/segmented.hpp"
#include "tenon/work/background.hpp"
#include "tenon/work/inline_work.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/time.h>

#if defined(__linux__) && defined(__x86_64__)  // calls.cpp has the calls of these

namespace {

volatile std::sig_atomic_t signals = 0;

/// SIGALRM every 50 microseconds of real time; interrupted calls are not taken up again by the kernel.
struct signal_storm {
    struct sigaction  before{};
    std::sig_atomic_t first = signals;
    explicit signal_storm(std::uint64_t) {
        struct sigaction how{};
        how.sa_handler = [](int) { signals = signals + 1; };
        ::sigaction(SIGALRM, &how, &before);
        set(50);
    }
    ~signal_storm() {
        set(0);
        ::sigaction(SIGALRM, &before, nullptr);
    }
    bool        felt() const { return signals - first > 20; }
    static void set(int microseconds) {
        itimerval const every{{0, microseconds}, {0, microseconds}};
        ::setitimer(ITIMER_REAL, &every, nullptr);
    }
};

std::string record(std::uint64_t i) {
    return std::string(static_cast<std::size_t>(1 + i * 971 % 30'000), static_cast<char>('a' + i % 26));
}
/// Every eighth is longer than a MiB, where checksums lie in a list behind the bytes.
std::string payload(std::uint64_t i) {
    auto out = record(i) + record(i + 1);
    if (i % 8 == 5) out.append((1u << 20) + i, static_cast<char>('A' + i % 26));
    return out;
}

template <class Sync, class Storm = call_storm>
void keeps_a_log(std::uint64_t seed) {
    CAPTURE(Sync::name);
    temporary_directory const dir;
    Storm const               storm(seed);
    using log_type                  = typename tenon::segmented_wal<Sync>::template log<tenon::posix_files>;
    constexpr std::uint64_t records = 80;
    for (int time = 0; time < 2; ++time) {
        auto log = log_type::open({}, dir.path + "/log", {.identity = 3, .segment_bytes = {65536}});
        REQUIRE(log);
        std::uint64_t n    = 0;
        auto const    seen = log->replay({0}, [&](tenon::lsn, tenon::byte_view b) {
            CHECK(tenon::as_chars(b) == record(n++));
            return tenon::result<void>{};
        });
        REQUIRE_MESSAGE(seen, seen.error().message);
        CHECK(n == (time == 0 ? 0 : records));
        for (std::uint64_t i = 0; time == 0 && i < records; ++i) {
            auto const end  = log->append(tenon::as_bytes(record(i)));
            auto const done = log->sync(*end, i % 2 == 0 ? tenon::durability::durable : tenon::durability::to_kernel);
            REQUIRE_MESSAGE(done, done.error().message);
        }
    }
    CHECK(storm.felt());
}

template <class Policy, class Storm = call_storm>
void keeps_pages(std::uint64_t seed, std::uint64_t direct_bytes) {
    CAPTURE(Policy::name);
    CAPTURE(direct_bytes);
    temporary_directory const dir;
    Storm const               storm(seed);
    using store_type                   = typename Policy::template store<tenon::posix_files>;
    constexpr std::uint64_t    extents = 20;
    std::vector<tenon::extent> made;
    for (int time = 0; time < 2; ++time) {
        tenon::store_options options{"interrupted", true, false};
        options.direct_bytes = direct_bytes;
        auto store           = store_type::open({}, dir.path + "/pages", options);
        REQUIRE_MESSAGE(store, store.error().message);
        REQUIRE(store->retain(made));
        for (std::uint64_t i = 0; time == 0 && i < extents; ++i) {
            auto const e = store->write(tenon::as_bytes(payload(i)));
            REQUIRE_MESSAGE(e, e.error().message);
            made.push_back(*e);
            auto const done = store->publish(tenon::as_bytes(record(i)));
            REQUIRE_MESSAGE(done, done.error().message);
        }
        auto const root = store->root();
        CHECK(tenon::as_chars(root) == record(extents - 1));
        for (std::uint64_t i = 0; i < made.size(); ++i) {
            auto const view = store->read(made[i]);
            REQUIRE_MESSAGE(view, view.error().message);
            CHECK(tenon::as_chars(view->bytes()) == payload(i));
        }
        auto const whole = store->verify();
        REQUIRE_MESSAGE(whole, whole.error().message);
    }
    CHECK(storm.felt());
}

template <class Store, class Work>
void keeps_a_database(std::uint64_t seed) {
    using namespace small_database;
    using db_type = tenon::database<rich, trips, tenon::posix_files, Store, tenon::segmented_wal<>, Work>;
    CAPTURE(Store::name);
    CAPTURE(Work::name);
    temporary_directory const dir;
    call_storm const          storm(seed);
    std::uint64_t             commits = 0;
    for (int session = 0; session < 3; ++session) {
        auto db = tenon::open<db_type>(dir.path + "/db", options_of<db_type>(tenon::posix_files{}, 2));
        REQUIRE_MESSAGE(db, db.error().message);
        for (int i = 0; i < 12; ++i) {
            auto const done = commit(*db, ++commits);
            REQUIRE_MESSAGE(done, done.error().message);
        }
        if (session == 1) {
            auto const joined = db->compact();
            REQUIRE_MESSAGE(joined, joined.error().message);
        }
        auto const held = read_all(*db);
        REQUIRE_MESSAGE(held, held.error().message);
        CHECK(*held == content_after(commits));
        CHECK(wrong_answer<rich>(*db, content_after(commits)) == "");
        auto const whole = db->verify();
        REQUIRE_MESSAGE(whole, whole.error().message);
        auto const closed = db->close();
        REQUIRE_MESSAGE(closed, closed.error().message);
    }
    CHECK(storm.felt());
}

}  // namespace

TEST_CASE("a log whose calls are interrupted and do their work in parts keeps every record") {
    keeps_a_log<tenon::group_commit>(1);
    keeps_a_log<tenon::as_asked>(2);
    keeps_a_log<tenon::no_sync>(3);
}

TEST_CASE("a page store whose calls are interrupted and do their work in parts keeps every extent and root") {
    for (std::uint64_t const direct_bytes : {~std::uint64_t{0}, std::uint64_t{4096}}) {
        keeps_pages<tenon::file_store<>>(4, direct_bytes);
        keeps_pages<tenon::mmap_store<>>(5, direct_bytes);
        keeps_pages<tenon::checksummed<tenon::file_store<>>>(6, direct_bytes);
        keeps_pages<tenon::checksummed<tenon::mmap_store<>>>(7, direct_bytes);
        keeps_pages<tenon::buffered<(256 << 10)>>(8, direct_bytes);
    }
}

TEST_CASE("signals that come all the time change nothing") {
    keeps_a_log<tenon::group_commit, signal_storm>(0);
    keeps_pages<tenon::checksummed<tenon::file_store<>>, signal_storm>(0, ~std::uint64_t{0});
}

TEST_CASE("a database whose calls are interrupted and do their work in parts answers as if they were not") {
    keeps_a_database<tenon::checksummed<tenon::mmap_store<>>, tenon::inline_work>(9);
    keeps_a_database<tenon::buffered<(256 << 10)>, tenon::inline_work>(10);
    keeps_a_database<tenon::buffered<(256 << 10)>, tenon::background>(11);
}

#endif
