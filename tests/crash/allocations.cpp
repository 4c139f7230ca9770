// SPDX-License-Identifier: Apache-2.0
// Every allocation fails in turn: the call throws std::bad_alloc or returns errc::full, nothing is lost, nothing half appears.
#include "heap.hpp"
#include "small_database.hpp"

#include "tenon/concurrency/mvcc.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/page_store/mmap.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace small_database;

// ---- a database on real files ----------------------------------------------------------------------------------------------

namespace {

struct starved_db : tenon::database<rich, trips, tenon::posix_files, tenon::checksummed<tenon::mmap_store<>>,
                                    tenon::segmented_wal<tenon::group_commit>, tenon::mvcc<>, tenon::inline_work> {
    using database::database;
};

/// Allocations of the tested calls alone are counted.
struct counted {
    counted() { heap.on = true; }
    ~counted() { heap.on = false; }
};

/// How a call ended.
struct ended {
    bool         threw = false;
    tenon::error why{};
    bool         failed = false;
    bool         clean() const { return !threw && !failed; }
    std::string  text() const { return threw ? "std::bad_alloc" : failed ? why.message : "done"; }
};
template <class Call>
ended attempt(Call call) {
    counted const now;
    try {
        auto done = call();
        if (!done) return {false, std::move(done).error(), true};
    } catch (std::bad_alloc const&) { return {true, {}, false}; }
    return {};
}

/// What is wrong, empty when all is well.
std::string run_starved(std::string const& folder) {
    auto const                path    = folder + "/db";
    int                       session = 0;
    std::optional<starved_db> db;
    auto const                open = [&] {
        return attempt([&]() -> tenon::result<void> {
            auto opened = tenon::open<starved_db>(path, options_of<starved_db>(tenon::posix_files{}, session));
            if (!opened) return tenon::fail(std::move(opened).error());
            db.emplace(std::move(*opened));
            return {};
        });
    };
    std::uint64_t committed = 0;
    auto const    check     = [&](std::uint64_t most) -> std::string {
        if (!db) return {};
        auto const at = db->stats().last_commit;
        if (at < committed || at > most)
            return "commit " + std::to_string(at) + " is the last one seen, expected " + std::to_string(committed) +
                   " to " + std::to_string(most);
        auto held = read_all(*db);
        if (!held) return held.error().message;
        if (!(*held == content_after(at))) return "the rows are not those of commit " + std::to_string(at);
        return wrong_answer<rich>(*db, content_after(at));
    };
    // A call that ran out of memory is tried again, as a program does that has freed some; then it works, or the database says
    // that it must be opened again.
    auto const reopen = [&]() -> std::string {
        db.reset();
        if (auto again = open(); !again.clean()) {
            if (heap.lasting) heap.fails = 0;
            if (again = open(); !again.clean()) return "it does not open: " + again.text();
        }
        return {};
    };
    if (auto wrong = reopen(); !wrong.empty()) return wrong;
    for (std::uint64_t step = 0; step < script().size(); ++step) {
        auto const what    = script()[static_cast<std::size_t>(step)];
        auto const act_now = [&] {
            return attempt([&]() -> tenon::result<void> {
                switch (what) {
                    case act::commit: {
                        auto done = commit(*db, committed + 1);
                        if (!done) return tenon::fail(std::move(done).error());
                        return {};
                    }
                    case act::flush: return db->flush();
                    case act::compact: return db->compact();
                    case act::reopen: return db->close();
                }
                return {};
            });
        };
        auto done = act_now();
        if (heap.lasting && heap.struck > 0) heap.fails = 0;
        if (!done.clean() && what != act::reopen) {
            auto const read_only = [&] { return done.failed && done.why.kind == tenon::errc::poisoned; };
            if (done.failed && done.why.kind != tenon::errc::full && !read_only())
                return "an unexpected error: " + done.why.message;
            if (auto wrong = check(committed); !wrong.empty()) return "after " + done.text() + ": " + wrong;
            if (!read_only()) done = act_now();
            if (read_only()) {
                if (auto wrong = check(committed); !wrong.empty()) return "poisoned: " + wrong;
                auto const most = committed + (what == act::commit);
                if (auto wrong = reopen(); !wrong.empty()) return wrong;
                if (auto wrong = check(most); !wrong.empty()) return "reopened: " + wrong;
                done = {};
                if (what == act::commit && db->stats().last_commit == committed) done = act_now();
            }
            if (!done.clean()) return "with memory again: " + done.text();
        }
        if (what == act::commit) ++committed;
        if (what == act::reopen) {
            ++session;
            if (auto wrong = reopen(); !wrong.empty()) return wrong;
        }
        if (auto wrong = check(committed); !wrong.empty()) return "step " + std::to_string(step) + ": " + wrong;
    }
    // Questions run out of memory as well: they answer rightly, refuse, or throw.
    auto const asked = attempt([&]() -> tenon::result<void> {
        auto const wrong = wrong_answer<rich>(*db, content_after(committed));
        if (!wrong.empty() && heap.struck == 0) return tenon::fail(tenon::errc::corrupt, wrong);
        if (auto whole = db->verify(); !whole) return tenon::fail(std::move(whole).error());
        return {};
    });
    if (asked.failed && asked.why.kind != tenon::errc::full) return "asked: " + asked.why.message;
    if (heap.lasting && heap.struck > 0) heap.fails = 0;
    if (auto closed = attempt([&] { return db->close(); }); closed.failed && closed.why.kind != tenon::errc::full)
        return "closing: " + closed.why.message;
    heap.fails = 0;
    if (auto wrong = reopen(); !wrong.empty()) return wrong;
    if (auto wrong = check(committed); !wrong.empty()) return "at the end: " + wrong;
    auto whole = db->verify();
    return whole ? std::string() : whole.error().message;
}

/// On memory where there is such a file system: nothing here depends on when the disk is ready.
struct fast_directory {
    std::filesystem::path path;
    fast_directory() {
        std::error_code ignored;
        auto const      memory = std::filesystem::exists("/dev/shm", ignored);
        auto            made =
            ((memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) / "tenon_XXXXXX")
                .string();
        REQUIRE(::mkdtemp(made.data()) != nullptr);
        path = made;
    }
    fast_directory(fast_directory const&)            = delete;
    fast_directory& operator=(fast_directory const&) = delete;
    ~fast_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
};

std::size_t open_files() {
    std::error_code ignored;
    auto const      all = std::filesystem::directory_iterator("/proc/self/fd", ignored);
    return ignored ? 0 : static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE("every allocation fails in turn: an error or std::bad_alloc, nothing lost, nothing half there") {
    std::uint64_t allocations = 0;
    {
        fast_directory const folder;
        heap.fails = 0;
        heap.count = 0;
        REQUIRE(run_starved(folder.path.string()) == "");
        allocations = heap.count;
        REQUIRE(allocations > 1000);
    }
    auto const          files = open_files();
    std::uint64_t const most  = test_all() ? 1'000'000 : 250;
    std::uint64_t       runs = 0, struck = 0;
    tenon::prng         random(39);
    for (bool const lasting : {false, true}) {
        auto const step = std::max<std::uint64_t>(1, allocations / most * (lasting ? 4 : 1));
        for (std::uint64_t n = 1 + random.below(step); n <= allocations; n += step) {
            CAPTURE(n);
            CAPTURE(lasting);
            fast_directory const folder;
            heap.count       = 0;
            heap.struck      = 0;
            heap.fails       = n;
            heap.lasting     = lasting;
            auto const wrong = run_starved(folder.path.string());
            REQUIRE(wrong == "");
            ++runs;
            struck += heap.struck > 0;
        }
    }
    MESSAGE(runs, " runs, ", struck, " of them out of memory, of ", allocations, " allocations");
    CHECK(struck * 10 > runs * 9);
    CHECK(open_files() == files);
}

TEST_CASE("every allocation of a flush fails in turn: it can be made again, or the database asks to be opened again") {
    fast_directory const folder;
    auto const           open = [&] {
        auto o         = options_of<starved_db>(tenon::posix_files{}, 0);
        o.merge_fan_in = 0;
        auto db        = tenon::open<starved_db>(folder.path.string() + "/db", o);
        REQUIRE_MESSAGE(db, db.error().message);
        return std::make_unique<starved_db>(*std::move(db));
    };
    auto       db  = open();
    auto const put = [&](std::uint64_t id, std::int64_t n) {
        auto tx = db->begin();
        REQUIRE(tx.upsert(stop{id, "stop", n, {1, 2}, {3, 4}}));
        return tx.commit();
    };
    auto const holds = [&](std::uint64_t id, std::int64_t n) {
        auto const row = db->snapshot().get<stop>(id);
        return row && *row && (*row)->visitors == n;
    };
    std::uint64_t again = 0, reopened = 0;
    heap.lasting = false;
    for (std::int64_t n = 1;; ++n) {
        CAPTURE(n);
        REQUIRE(put(1, n));
        heap.count = heap.struck = 0;
        heap.fails               = static_cast<std::uint64_t>(n);
        auto const done          = attempt([&] { return db->flush(); });
        heap.fails               = 0;
        if (heap.struck == 0) {
            REQUIRE(done.clean());
            break;
        }
        REQUIRE(holds(1, n));
        if (!done.clean()) {
            if (done.failed) REQUIRE(done.why.kind == tenon::errc::full);
            auto const more = put(2, n);
            if (!more) {
                REQUIRE(more.error().kind == tenon::errc::poisoned);
                db.reset();
                db = open();
                REQUIRE(put(2, n));
                ++reopened;
            } else {
                REQUIRE(db->flush());
                ++again;
            }
            REQUIRE(holds(2, n));
        }
        REQUIRE(holds(1, n));
        if (n % 16 == 0) REQUIRE(db->compact());
    }
    MESSAGE(again, " flushes made again, ", reopened, " databases opened again");
    CHECK(again > 100);
    CHECK(reopened > 0);
    auto const whole = db->verify();
    CHECK_MESSAGE(whole, whole.error().message);
}

TEST_CASE(
    "every allocation of an append fails in turn: it is refused as full, the log goes on and takes it afterwards") {
    std::uint64_t struck = 0;
    for (bool const lasting : {false, true})
        for (std::uint64_t n = 1;; ++n) {
            CAPTURE(n);
            CAPTURE(lasting);
            fast_directory const     folder;
            auto const               path = folder.path.string() + "/log";
            tenon::wal_options const options{.identity = 1, .segment_bytes = {16384}, .threads = false};
            using log_type                  = tenon::segmented_wal<>::log<tenon::posix_files>;
            std::size_t              called = 0, taken = 0;
            std::vector<std::string> found;
            bool                     over = false;
            {
                auto log = log_type::open({}, path, options);
                REQUIRE(log);
                REQUIRE(log->replay({0}, [](tenon::lsn, tenon::byte_view) { return tenon::result<void>{}; }));
                heap.count = heap.struck = 0;
                heap.fails               = n;
                heap.lasting             = lasting;
                for (int i = 0; i < 40; ++i) {
                    std::string const record(900, static_cast<char>('A' + i));
                    auto const        count = [&](tenon::result<void> const& done) { called += done.has_value(); };
                    auto const        put   = [&] {
                        return i % 2 == 0 ? log->append(tenon::as_bytes(record))
                                                   : log->append(tenon::as_bytes(record), count);
                    };
                    auto const before = log->end();
                    heap.on           = true;
                    auto end          = put();
                    heap.on           = false;
                    if (!end) {
                        REQUIRE(end.error().kind == tenon::errc::full);
                        REQUIRE(log->end() == before);
                        REQUIRE(heap.struck > 0);
                        end = put();
                        REQUIRE(end);
                    }
                    ++taken;
                }
                over = heap.struck == 0;
                struck += heap.struck > 0;
                heap.fails = 0;
                REQUIRE(log->sync_all());
            }
            CHECK(called == 20);
            auto log = log_type::open({}, path, options);
            REQUIRE(log->replay({0}, [&](tenon::lsn, tenon::byte_view b) {
                found.emplace_back(tenon::as_chars(b));
                return tenon::result<void>{};
            }));
            REQUIRE(found.size() == taken);
            for (std::size_t i = 0; i < found.size(); ++i)
                CHECK(found[i] == std::string(900, static_cast<char>('A' + i)));
            if (over) break;
        }
    CHECK(struck > 20);
}

TEST_CASE("a helper whose memory runs out writes when there is some again") {
    using log_type       = tenon::segmented_wal<>::log<tenon::posix_files>;
    std::uint64_t struck = 0;
    for (bool const lasting : {false, true})
        for (std::uint64_t n = 1;; ++n) {
            CAPTURE(n);
            CAPTURE(lasting);
            fast_directory const     folder;
            auto const               path = folder.path.string() + "/log";
            tenon::wal_options const options{.identity = 1, .segment_bytes = {1u << 20}, .threads = true};
            std::vector<std::string> records, found;
            std::atomic<std::size_t> called = 0, good = 0;
            std::size_t              taken = 0, refused = 0;
            for (int i = 0; i < 60; ++i) records.emplace_back(900 + 500 * (i % 9), static_cast<char>('0' + i));
            {
                auto log = log_type::open({}, path, options);
                REQUIRE(log);
                REQUIRE(log->replay({0}, [](tenon::lsn, tenon::byte_view) { return tenon::result<void>{}; }));
                auto const count = [&](tenon::result<void> const& done) { ++called, good += done.has_value(); };
                heap.count = heap.struck = 0;
                heap.fails               = n;
                heap.lasting             = lasting;
                heap.on                  = true;
                for (auto const& record : records) {
                    auto const end = log->append(tenon::as_bytes(record), count);
                    taken += end.has_value();
                    refused += !end && end.error().kind == tenon::errc::full;
                    std::this_thread::yield();  // the helpers' turn
                }
                heap.on    = false;
                heap.fails = 0;
                REQUIRE(log->sync_all());
            }
            CHECK(taken + refused == records.size());
            CHECK(called == taken);
            CHECK(good == taken);
            auto log = log_type::open({}, path, options);
            REQUIRE(log->replay({0}, [&](tenon::lsn, tenon::byte_view b) {
                found.emplace_back(tenon::as_chars(b));
                return tenon::result<void>{};
            }));
            CHECK(found.size() == taken);
            struck += heap.struck > 0;
            if (heap.struck == 0 || n == 60) break;
        }
    CHECK(struck > 20);
}

namespace {
struct shared_db : tenon::database<trips, tenon::memory_files, tenon::checksummed<tenon::file_store<4096>>,
                                   tenon::segmented_wal<>, tenon::mvcc<>, tenon::inline_work> {
    using database::database;
};
}  // namespace

TEST_CASE("every allocation of a flush fails in turn while snapshots hold older states: no commit is lost") {
    constexpr std::uint64_t seed = 40;
    CAPTURE(seed);
    using rows         = std::map<std::uint32_t, std::uint64_t>;
    auto const rows_of = [](shared_db::snapshot_type const& seen) {
        rows out;
        auto all = collect(seen.all<trip>());
        REQUIRE_MESSAGE(all, all.error().message);
        for (auto const& t : *all) out[t.number] = t.from;
        return out;
    };
    std::uint64_t again = 0, reopened = 0;
    std::uint64_t late = 0;  // an allocation of a flush behind those of freezing: it leaves a frozen memtable
    heap.lasting       = false;
    for (std::uint64_t held = 0; held <= 2;
         ++held)  // states that are kept: room for 1, 2 and 4 is made when it freezes
        for (std::uint64_t n = 1;; ++n) {
            CAPTURE(held);
            CAPTURE(n);
            tenon::prng                                            random(seed * n + held);
            shared_db::options                                     o;
            rows                                                   model;
            std::vector<std::pair<shared_db::snapshot_type, rows>> kept;
            std::optional<shared_db>                               db;
            auto const                                             open = [&] {
                kept.clear();
                db.reset();
                auto opened = tenon::open<shared_db>("db", o);
                REQUIRE_MESSAGE(opened, opened.error().message);
                db.emplace(*std::move(opened));
            };
            auto const put = [&]() -> tenon::result<tenon::timestamp> {
                auto const number = static_cast<std::uint32_t>(random.below(6));
                auto const from   = random();
                auto       tx     = db->begin();
                REQUIRE(tx.upsert(trip{"line", number, from}));
                auto at = tx.commit();
                if (at) model[number] = from;
                return at;
            };
            auto const flush = [&](std::uint64_t fails) {
                heap.count = heap.struck = 0;
                heap.fails               = fails;
                auto const done          = attempt([&] { return db->flush(); });
                heap.fails               = 0;
                return done;
            };
            open();
            for (std::uint64_t i = 0; i < held; ++i) {
                REQUIRE(put());
                kept.emplace_back(db->snapshot(), model);
                REQUIRE(!flush(late).clean());
                REQUIRE(db->stats().old_states == i + 1);
            }
            REQUIRE(put());
            auto const done   = flush(n);
            bool const struck = heap.struck > 0;
            if (!struck) REQUIRE(done.clean());
            if (!struck && late == 0) late = heap.count / 2;
            CHECK(rows_of(db->snapshot()) == model);
            if (auto more = put(); !more) {
                REQUIRE(more.error().kind == tenon::errc::poisoned);
                open();
                REQUIRE(put());
                ++reopened;
            } else {
                again += !done.clean();
            }
            CHECK(rows_of(db->snapshot()) == model);
            REQUIRE(flush(0).clean());
            CHECK(rows_of(db->snapshot()) == model);
            for (auto const& [seen, then] : kept) CHECK(rows_of(seen) == then);
            REQUIRE(db->close());
            open();
            CHECK(rows_of(db->snapshot()) == model);
            if (!struck) break;
        }
    MESSAGE(again, " flushes made again, ", reopened, " databases opened again");
    CHECK(again > 100);
    CHECK(reopened > 0);
}

TEST_CASE("memory that runs out in one of many threads that commit is told to the one whose commit it was") {
    constexpr std::uint32_t of_each = 40;
    std::uint64_t           struck  = 0;
    for (std::uint64_t round = 1; round <= 1000; ++round) {
        CAPTURE(round);
        shared_db::options           o;
        std::array<std::uint32_t, 4> done{};     // the last commit that each thread was told is there
        std::array<bool, 4>          stopped{};  // at the next one, with an error or an exception
        {
            auto db = tenon::open<shared_db>("db", o);
            REQUIRE(db);
            std::atomic<bool>        go{false};
            std::vector<std::thread> threads;
            for (std::uint32_t t = 0; t < 4; ++t)
                threads.emplace_back([&, t] {
                    while (!go) {}
                    for (std::uint32_t n = 1; n <= of_each && !stopped[t]; ++n) {
                        try {
                            auto tx    = db->begin();
                            stopped[t] = !tx.upsert(trip{"line", t, n}) || !tx.commit();
                        } catch (std::bad_alloc const&) { stopped[t] = true; }
                        if (!stopped[t]) done[t] = n;
                    }
                });
            heap.count = heap.struck = 0;
            heap.fails               = 1 + round * 37 % 2000;
            heap.lasting             = false;
            heap.on                  = true;
            go                       = true;
            for (auto& t : threads) t.join();
            heap.on    = false;
            heap.fails = 0;
            struck += heap.struck;
        }
        auto db = tenon::open<shared_db>("db", o);
        REQUIRE_MESSAGE(db, db.error().message);
        auto const seen = db->snapshot();
        for (std::uint32_t t = 0; t < 4; ++t) {
            CAPTURE(t);
            auto const row = seen.get<trip>(std::string("line"), t);
            REQUIRE(row);
            auto const last = *row ? static_cast<std::uint32_t>((*row)->from) : 0;
            CHECK(last >= done[t]);
            CHECK(last <= done[t] + (stopped[t] ? 1 : 0));
            CHECK((stopped[t] || done[t] == of_each));
        }
    }
    CHECK(struck > 500);
}
