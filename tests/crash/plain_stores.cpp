// SPDX-License-Identifier: Apache-2.0
#include "small_database.hpp"

#include <doctest/doctest.h>

using namespace small_database;

namespace {
struct plain_db : database<plain, tenon::file_store<>, tenon::segmented_wal<tenon::sync_each_commit>> {
    using database::database;
};

/// What a program does that meets failures: it goes on after a failed flush, opens again after a failed close, and stops
/// at the first commit that fails. `heard` collects the errors.
tenon::testing::journal run_with_faults(world files, std::vector<tenon::error>& heard) {
    tenon::testing::journal j;
    int                     session = 0;
    auto const              open    = [&] {
        auto db = tenon::open<plain_db>("db", options_of<plain_db>(files, session));
        if (!db) {
            heard.push_back(db.error());
            db = tenon::open<plain_db>("db", options_of<plain_db>(files, session));
            if (!db) heard.push_back(db.error());
        }
        return db;
    };
    auto db = open();
    for (std::uint64_t step = 0; db && step < script().size(); ++step) {
        auto const what = script()[static_cast<std::size_t>(step)];
        j.begin(step);
        tenon::result<void> done;
        switch (what) {
            case act::commit:
                if (auto at = commit(*db, commits_up_to(step) + 1); !at) done = tenon::fail(std::move(at).error());
                break;
            case act::flush: done = db->flush(); break;
            case act::compact: done = db->compact(); break;
            case act::reopen:
                done = db->close();
                db   = tenon::fail(tenon::errc::io, "closed");
                ++session;
                db = open();
                break;
        }
        if (!done) heard.push_back(done.error());
        if (!done && what == act::commit) {  // nobody sees it before it is durable
            if (auto held = read_all(*db); held && !(*held == content_after(commits_up_to(step))))
                heard.push_back({tenon::errc::corrupt, "a reader sees a commit that failed"});
            break;
        }
        if (done) j.acknowledge(step);
        // A wrong answer is never given; an error may be.
        if (db) {
            if (auto held = read_all(*db); !held) heard.push_back(held.error());
            else if (!(*held == content_after(commits_up_to(step + 1))))
                heard.push_back({tenon::errc::corrupt, "a reader sees other rows than were committed"});
        }
    }
    return j;
}
}  // namespace

TEST_CASE("power loss without checksums and with a sync for each commit leaves each acknowledged commit whole") {
    auto const swept = tenon::testing::sweep_crashes(workload<plain_db, plain, true>{}, sweep_amounts());
    MESSAGE(swept.text());
    CHECK_MESSAGE(swept.passed(), swept.text());
    CHECK(swept.operations > 200);
}

TEST_CASE("each call that fails is a clear error and loses nothing that was acknowledged") {
    std::uint64_t             calls = 0;
    std::vector<tenon::error> heard;
    {
        world files{tenon::simulated_files{}};
        (void)run_with_faults(files, heard);
        calls = files.faults().calls();
        REQUIRE(heard.empty());
        REQUIRE(calls > 300);
    }
    std::uint64_t runs = 0, silent = 0;
    auto const    stride = test_all() ? 1u : 2u;
    for (bool const lasting : {false, true})
        for (auto const kind : {tenon::fault_kind::io, tenon::fault_kind::full, tenon::fault_kind::short_write}) {
            if (lasting && kind == tenon::fault_kind::short_write) continue;
            for (std::uint64_t n = 1 + (lasting ? 1u : 0u) % stride; n <= calls; n += stride) {
                CAPTURE(n);
                CAPTURE(lasting);
                CAPTURE(static_cast<int>(kind));
                tenon::simulated_files disk;
                world                  files{disk};
                tenon::fault const     planned{kind, n * 37};
                lasting ? files.faults().fail_from(n, planned) : files.faults().fail_nth(n, planned);
                heard.clear();
                auto const j = run_with_faults(files, heard);
                files.faults().clear();
                ++runs;
                silent += heard.empty();
                for (auto const& e : heard) {
                    CAPTURE(e.message);
                    bool const expected =
                        e.kind == tenon::errc::io || e.kind == tenon::errc::full || e.kind == tenon::errc::poisoned;
                    REQUIRE(expected);
                    // It names the call that failed, or says that an earlier one did (a commit does not fail because its flush did) and what to do.
                    bool const clear = e.message.find("injected fault") != std::string::npos ||
                                       e.message.find("reopen") != std::string::npos;
                    REQUIRE(clear);
                }
                // The process ends and begins anew; or the power goes as well.
                for (auto const& after :
                     {disk, disk.after_power_loss(tenon::simulated_files::kept::nothing), disk.after_power_loss(n)}) {
                    tenon::testing::report r;
                    workload<plain_db, plain, true>::verify(after, j, r);
                    REQUIRE_MESSAGE(r.passed(), r.text());
                }
            }
        }
    MESSAGE(runs, " faults, ", silent, " without consequence, of ", calls, " calls");
    CHECK(silent < runs / 2);
}

TEST_CASE(
    "commits that came after a flush that failed survive power loss in the next one, which writes two generations") {
    std::uint64_t n = 1;
    for (bool cut = true; cut; ++n) {
        CAPTURE(n);
        tenon::simulated_files disk;
        world                  files{disk};
        {
            auto db = tenon::open<plain_db>("db", options_of<plain_db>(files, 0));
            REQUIRE(db);
            REQUIRE(commit(*db, 1));
            files.faults().fail_from(tenon::file_call::write, 1, {tenon::fault_kind::full, 0});
            auto const full = db->flush();
            files.faults().clear();
            REQUIRE_FALSE(full);
            REQUIRE(full.error().kind == tenon::errc::full);
            REQUIRE(commit(*db, 2));
            REQUIRE(commit(*db, 3));
            disk.crash_at(disk.operations() + n);
            auto const made = db->flush();
            cut             = disk.crashed();
            REQUIRE((cut || made.has_value()));  // power may go while the last of it is done, which may fail
            if (!cut) disk.crash_at(disk.operations() + 1);  // what closing would do
        }
        for (auto const& left :
             {disk.after_power_loss(tenon::simulated_files::kept::nothing),
              disk.after_power_loss(tenon::simulated_files::kept::finished), disk.after_power_loss(n)}) {
            auto db = tenon::open<plain_db>("db", options_of<plain_db>(world(left), 0));
            REQUIRE_MESSAGE(db, db.error().message);
            CHECK(db->stats().last_commit == 3);
            auto const held = read_all(*db);
            REQUIRE(held);
            CHECK(*held == content_after(3));
        }
    }
    CHECK(n > 10);
}

TEST_CASE("the log of another database is refused") {
    tenon::simulated_files disk;
    for (std::string const name : {"one", "two"}) {
        auto db = tenon::open<plain_db>(name, options_of<plain_db>(world(disk), 0));
        REQUIRE(db);
        REQUIRE(commit(*db, 1));
        REQUIRE(db->close());
    }
    auto const theirs = disk.list("one.wal"), ours = disk.list("two.wal");
    for (auto const& n : *ours) REQUIRE(disk.remove("two.wal/" + n));
    for (auto const& n : *theirs) REQUIRE(disk.rename("one.wal/" + n, "two.wal/" + n));
    auto const db = tenon::open<plain_db>("two", options_of<plain_db>(world(disk), 0));
    REQUIRE_FALSE(db);
    CHECK(db.error().kind == tenon::errc::wrong_assembly);
    CHECK(db.error().message.find("two.wal/") != std::string::npos);
}
