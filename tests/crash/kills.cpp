// SPDX-License-Identifier: Apache-2.0
// Real processes on real files, killed at numbered points of the file seam and at random.
#include "small_database.hpp"
#include "tenon/testing/kill.hpp"

#include "../file/temporary_directory.hpp"
#include "tenon/concurrency/mvcc.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/page_store/mmap.hpp"
#include "tenon/work/background.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace small_database;

namespace {

using files = tenon::faulty<tenon::posix_files>;
struct killed_db : tenon::database<plain, trips, files, tenon::checksummed<tenon::mmap_store<>>,
                                   tenon::segmented_wal<tenon::group_commit>, tenon::mvcc<tenon::snapshot_isolation>,
                                   tenon::background> {
    using database::database;
};
using tenon::testing::kill_journal;

killed_db::options amounts(files f) {
    killed_db::options o;
    o.files          = std::move(f);
    o.memtable_bytes = {4096};
    o.segment_bytes  = {8192};
    o.block_bytes    = {512};
    o.merge_fan_in   = 2;
    return o;
}

/// Commits one after another from where the database stands, with flushes, compactions and reopening in between.
int work(std::string const& path, kill_journal& j, files f) {
    auto db = tenon::open<killed_db>(path, amounts(f));
    if (!db) return 10;
    auto const reader = db->snapshot();  // sees the same rows to the end, whatever is flushed, merged and given back
    auto const before = collect(reader.all<trip>());
    for (auto n = db->stats().last_commit + 1, last = n + 60; n < last; ++n) {
        j.begin(n);
        if (!commit(*db, n)) return 11;
        j.acknowledge(n);
        if (n % 5 == 0 && !db->flush()) return 12;
        if (n % 11 == 0 && !db->compact()) return 13;
        if (n % 7 == 0) {
            auto const now = collect(reader.all<trip>());
            if (!before || !now || *now != *before) return 14;
        }
    }
    return db->close() ? 0 : 16;
}

constexpr std::uint64_t writers = 3;

/// Three threads count in rows of their own; each commit changes a row of either table.
int work_together(std::string const& path, kill_journal& j, files f) {
    auto db = tenon::open<killed_db>(path, amounts(f));
    if (!db) return 10;
    std::atomic<int>         code{0};
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < writers; ++t)
        threads.emplace_back([&, t] {
            auto const line = "writer " + std::to_string(t);
            for (auto n = j.acknowledged(t) + 1, last = n + 40; n < last; ++n) {
                j.begin(n, t);
                auto tx = db->begin();
                (void)tx.upsert(stop{t, line, static_cast<std::int64_t>(n), {}, {}});
                (void)tx.upsert(trip{line + std::string(n % 7 * 100, '.'), static_cast<std::uint32_t>(n % 5), n});
                if (!tx.commit()) code = 11;
                j.acknowledge(n, t);
            }
        });
    for (auto& t : threads) t.join();
    return code != 0 ? code.load() : db->close() ? 0 : 16;
}

/// The content after n commits; grows from call to call.
class expectation {
public:
    content const& after(std::uint64_t n) {
        if (n < done_) *this = {};
        while (done_ < n) apply(held_, ++done_);
        return held_;
    }

private:
    content       held_;
    std::uint64_t done_ = 0;
};

/// What is wrong after a kill, empty when all is well.
std::string look(std::string const& path, kill_journal& j, expectation& expected) {
    auto db = tenon::open<killed_db>(path, amounts(files()));
    if (!db) return db.error().message;
    auto const n = db->stats().last_commit;
    if (n < j.acknowledged() || n > std::max(j.begun(), j.acknowledged()))
        return "commit " + std::to_string(n) + " is there, " + std::to_string(j.acknowledged()) +
               " was acknowledged and " + std::to_string(j.begun()) + " begun";
    auto held = read_all(*db);
    if (!held) return held.error().message;
    if (!(*held == expected.after(n))) return "the rows are not those of commit " + std::to_string(n);
    if (auto wrong = wrong_answer<plain>(*db, expected.after(n)); !wrong.empty()) return wrong;
    if (auto whole = db->verify(); !whole) return whole.error().message;
    // From here on the process that looked has been promised it.
    j.begin(n);
    j.acknowledge(n);
    return {};
}
std::string look_together(std::string const& path, kill_journal& j) {
    auto db = tenon::open<killed_db>(path, amounts(files()));
    if (!db) return db.error().message;
    auto held = read_all(*db);
    if (!held) return held.error().message;
    for (std::uint64_t t = 0; t < writers; ++t) {
        auto const row = held->stops.find(t);
        auto const n   = row == held->stops.end() ? 0 : static_cast<std::uint64_t>(row->second.visitors);
        if (n < j.acknowledged(t) || n > j.begun(t))
            return "writer " + std::to_string(t) + " has " + std::to_string(n) + ", " +
                   std::to_string(j.acknowledged(t)) + " was acknowledged and " + std::to_string(j.begun(t)) + " begun";
        std::uint64_t newest = 0;
        for (auto const& [key, ridden] : held->trips)
            if (key.first.starts_with("writer " + std::to_string(t))) newest = std::max(newest, ridden.from);
        if (newest != n) return "half a transaction of writer " + std::to_string(t) + " is there";
        j.begin(n, t);
        j.acknowledge(n, t);
    }
    if (auto whole = db->verify(); !whole) return whole.error().message;
    return {};
}

constexpr std::array kinds{tenon::file_call::write,          tenon::file_call::direct_write,   tenon::file_call::sync,
                           tenon::file_call::rename,         tenon::file_call::open,           tenon::file_call::resize,
                           tenon::file_call::sync_directory, tenon::file_call::remove,         tenon::file_call::read,
                           tenon::file_call::size,           tenon::file_call::make_directory, tenon::file_call::lock};

}  // namespace

TEST_CASE("a process that is killed at a numbered call, or at any moment, loses nothing that was acknowledged") {
    constexpr std::uint64_t                 seed = 23;
    std::uint64_t const                     all  = test_all() ? 800 : 20;
    tenon::prng                             random(seed);
    std::array<std::uint64_t, kinds.size()> calls{};
    {
        temporary_directory const there;
        auto                      j = kill_journal::open(there.path + "/promises");
        files                     f;
        REQUIRE(work(there.path + "/db", *j, f) == 0);
        for (std::size_t k = 0; k < kinds.size(); ++k) calls[k] = f.faults().calls(kinds[k]);
    }
    std::optional<temporary_directory> there, outside;
    std::optional<kill_journal>        j;
    expectation                        expected;
    std::uint64_t                      kills = 0, at_points = 0;
    std::size_t                        k = 0;
    for (std::uint64_t round = 0; kills < all; ++round) {
        REQUIRE(round < 3 * all + 20);
        CAPTURE(seed);
        CAPTURE(round);
        if (!there || j->begun() > 300) {  // a new database: making one is killed as well
            there.emplace();
            outside.emplace();
            auto made = kill_journal::open(outside->path + "/promises");
            REQUIRE(made);
            j.emplace(std::move(*made));
        }
        auto const                  path = there->path + "/db";
        tenon::testing::process_end end;
        if (random.chance(0.6)) {
            do k = (k + 1) % kinds.size();
            while (calls[k] == 0);
            auto const n = 1 + random.below(random.chance(0.3) ? std::min<std::uint64_t>(calls[k], 4) : calls[k]);
            CAPTURE(to_string(kinds[k]));
            CAPTURE(n);
            end = tenon::testing::kill_while([&] {
                files f;
                f.faults().fail_nth(kinds[k], n, {tenon::fault_kind::kill, random()});
                return work(path, *j, f);
            });
            at_points += end.killed;
            if (!end.killed) REQUIRE(end.code == 0);  // the call did not come this time
        } else {
            auto const after = std::chrono::microseconds(random.below(40'000));
            CAPTURE(after.count());
            end = tenon::testing::kill_while([&] { return work(path, *j, files()); }, after);
            if (!end.killed) REQUIRE(end.code == 0);
        }
        kills += end.killed;
        REQUIRE(look(path, *j, expected) == "");
    }
    MESSAGE(kills, " kills, ", at_points, " of them at numbered calls, seed ", seed);
    CHECK(at_points >= all / 4);
    CHECK(kills - at_points >= all / 8);
}

TEST_CASE("a process that is killed with several writers leaves each commit whole or not at all") {
    constexpr std::uint64_t   seed = 24;
    std::uint64_t const       all  = test_all() ? 200 : 5;
    tenon::prng               random(seed);
    temporary_directory const there, outside;
    auto                      j = kill_journal::open(outside.path + "/promises");
    REQUIRE(j);
    auto const    path  = there.path + "/db";
    std::uint64_t kills = 0;
    for (std::uint64_t round = 0; kills < all; ++round) {
        REQUIRE(round < 5 * all + 20);
        CAPTURE(seed);
        CAPTURE(round);
        auto const begun = j->begun(0);
        auto const end   = tenon::testing::kill_while([&] { return work_together(path, *j, files()); },
                                                    std::chrono::microseconds(random.below(15'000)),
                                                    [&] { return j->begun(0) > begun; });
        if (!end.killed) REQUIRE(end.code == 0);
        kills += end.killed;
        REQUIRE(look_together(path, *j) == "");
    }
    MESSAGE(kills, " kills, seed ", seed);
}

TEST_CASE("a process that is killed in a transaction of very many operations leaves all of it or nothing") {
    constexpr std::uint64_t   seed = 25;
    std::uint64_t const       rows = test_all() ? 1'100'000 : 60'000;
    tenon::prng               random(seed);
    temporary_directory const there;
    auto const                path = there.path + "/db";
    auto const                o    = [] {
        auto out           = amounts(files());
        out.memtable_bytes = {1u << 20};
        out.segment_bytes  = {1u << 20};
        return out;
    };
    std::uint64_t held = 0, killed = 0;
    for (std::uint64_t round = 1; round <= (test_all() ? 12 : 4); ++round) {
        CAPTURE(seed);
        CAPTURE(round);
        temporary_directory const outside;
        auto                      j = kill_journal::open(outside.path + "/promises");
        REQUIRE(j);
        auto const end = tenon::testing::kill_while(
            [&] {
                auto db = tenon::open<killed_db>(path, o());
                if (!db) return 10;
                auto tx = db->begin();
                for (std::uint64_t i = 0; i < rows; ++i)
                    if (!tx.upsert(trip{"line", static_cast<std::uint32_t>(i), round})) return 11;
                j->begin(round);
                if (!tx.commit()) return 12;
                j->acknowledge(round);
                return db->close() ? 0 : 13;
            },
            std::chrono::microseconds(random.below(test_all() ? 2'000'000 : 80'000)),
            [&] { return j->begun() == round; });
        killed += end.killed;
        if (!end.killed) REQUIRE(end.code == 0);
        auto db = tenon::open<killed_db>(path, o());
        REQUIRE_MESSAGE(db, db.error().message);
        std::uint64_t n = 0, of_round = 0;
        auto          all = db->snapshot().all<trip>();
        for (auto row = all.next(); row && *row; row = all.next(), ++n) of_round += (*row)->from == round;
        REQUIRE((of_round == 0 || of_round == rows));
        if (j->acknowledged() == round) REQUIRE(of_round == rows);
        REQUIRE(n == (held != 0 || of_round != 0 ? rows : 0));
        held += of_round;
    }
    MESSAGE(killed, " kills, seed ", seed);
    CHECK(killed > 0);
}
