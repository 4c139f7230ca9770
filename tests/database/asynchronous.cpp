// SPDX-License-Identifier: Apache-2.0
// commit_async: waited for by get, by callback and by co_await, when it works, when the disk is full and when the disk fails.
#include "tenon/database.hpp"

#include "tenon/file/faulty.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/work/inline_work.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <coroutine>
#include <exception>
#include <optional>
#include <string>
#include <vector>

using tenon::errc;

namespace {

struct note {
    std::uint64_t id = 0;
    std::string   text;
};
using notes = tenon::table<"notes", note, tenon::columns<&note::id, &note::text>, tenon::primary<&note::id>>;
struct notes_db : tenon::database<notes, tenon::faulty<tenon::memory_files>, tenon::file_store<4096>> {
    using database::database;
};
struct inline_db
    : tenon::database<notes, tenon::faulty<tenon::memory_files>, tenon::file_store<4096>, tenon::inline_work> {
    using database::database;
};

/// A coroutine that begins at once and ends by itself.
struct job {
    struct promise_type {
        job                get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void               return_void() noexcept {}
        void               unhandled_exception() { std::terminate(); }
    };
};

template <class Db>
bool has(Db& db, std::uint64_t id) {
    auto const row = db.snapshot().template get<note>(id);
    REQUIRE(row);
    return row->has_value();
}
template <class Db>
job commit_one(Db& db, std::uint64_t id, std::vector<std::string>& said, std::atomic<int>& ended) {
    auto tx = db.begin();
    (void)tx.upsert(note{id, "note " + std::to_string(id)});
    auto pending = tx.commit_async();
    if (!pending) {
        said[id] = to_string(pending.error().kind);
        ++ended;
        co_return;
    }
    auto const done = co_await *pending;
    said[id]        = !done ? std::string(to_string(done.error().kind)) : has(db, id) ? "there" : "not visible";
    ++ended;
}

template <class Db>
Db open_at(tenon::faulty<tenon::memory_files> const& fs, std::string const& path) {
    typename Db::options o;
    o.files = fs;
    auto db = tenon::open<Db>(path, o);
    REQUIRE_MESSAGE(db, db.error().message);
    return std::move(*db);
}

}  // namespace

TEST_CASE_TEMPLATE("a coroutine that awaits its commit goes on when that is durable and visible", Db, notes_db,
                   inline_db) {
    tenon::faulty<tenon::memory_files> fs;
    std::vector<std::string>           said(200);
    std::atomic<int>                   ended{0};
    {
        auto db = open_at<Db>(fs, "/a");
        for (std::uint64_t id = 0; id < said.size(); ++id) commit_one(db, id, said, ended);
        auto tx = db.begin();
        REQUIRE(tx.upsert(note{1000, "last"}));
        REQUIRE(tx.commit());  // everything before it is durable then
        REQUIRE(db.close());
    }
    CHECK(ended == 200);
    for (auto const& s : said) CHECK(s == "there");
}

TEST_CASE(
    "a coroutine, a callback and get() are told of a disk that fails, and of one that is full before anything "
    "happened") {
    for (auto kind : {tenon::fault_kind::io, tenon::fault_kind::full}) {
        tenon::faulty<tenon::memory_files> fs;
        std::vector<std::string>           said(4);
        std::atomic<int>                   ended{0};
        auto                               db = open_at<inline_db>(fs, "/a");
        commit_one(db, 0, said, ended);
        auto first = db.begin();
        REQUIRE(first.upsert(note{9, "x"}));
        REQUIRE(first.commit());
        CHECK(said[0] == "there");
        fs.faults().fail_from(tenon::file_call::direct_write, 1, {kind, 0});
        commit_one(db, 1, said, ended);
        auto tx = db.begin();
        (void)tx.upsert(note{2, "y"});
        auto pending = tx.commit_async();
        if (pending) CHECK_FALSE(pending->get());
        auto after = db.begin();
        (void)after.upsert(note{3, "z"});
        auto const refused = after.commit();
        REQUIRE_FALSE(refused);
        CHECK(refused.error().kind == errc::poisoned);
        CHECK(has(db, 9));
        CHECK_FALSE(has(db, 1));
        (void)db.close();  // whoever calls back has done so then
        CHECK(said[1] == to_string(kind == tenon::fault_kind::io ? errc::io : errc::full));
        CHECK(ended == 2);
    }
}

TEST_CASE(
    "on a disk where no segment can be made an asynchronous commit is refused, and goes through when there is room") {
    tenon::faulty<tenon::memory_files> fs;
    notes_db::options                  o;
    o.files         = fs;
    o.segment_bytes = {1u << 16};
    auto db         = tenon::open<notes_db>("/a", o);
    REQUIRE_MESSAGE(db, db.error().message);
    fs.faults().fail_from(tenon::file_call::rename, 1, {tenon::fault_kind::full, 0});
    std::atomic<std::uint64_t>  done{0};
    std::uint64_t               taken = 0, id = 0;
    std::optional<tenon::error> refused;
    for (; id < 2000 && !refused; ++id) {
        auto tx = db->begin();
        REQUIRE(tx.upsert(note{id, std::string(700, 'n')}));
        auto at = tx.commit_async([&](tenon::result<tenon::timestamp> const& d) { done += d.has_value(); });
        if (at) ++taken;
        else refused = at.error();
    }
    REQUIRE(refused);
    CHECK(refused->kind == errc::full);
    fs.faults().clear();
    auto tx = db->begin();
    REQUIRE(tx.upsert(note{5000, "room again"}));
    REQUIRE(tx.commit());
    CHECK(done == taken);
    CHECK(has(*db, 0));
    CHECK(has(*db, 5000));
    CHECK_FALSE(has(*db, id - 1));
    REQUIRE(db->close());
}
