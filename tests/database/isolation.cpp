// SPDX-License-Identifier: Apache-2.0
// What transactions promise each other, under each concurrency policy.
#include "tenon/concurrency/single_writer.hpp"
#include "tenon/database.hpp"
#include "tenon/file/faulty.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/work/inline_work.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

using tenon::errc;

namespace {

struct doctor {
    std::uint64_t id      = 0;
    std::uint64_t on_call = 0;
};
template <class... Policies>
using hospital =
    tenon::database<tenon::table<"doctors", doctor, tenon::columns<&doctor::id, &doctor::on_call>,
                                 tenon::primary<&doctor::id>, tenon::ordered<&doctor::on_call>>,
                    tenon::memory_files, tenon::checksummed<tenon::file_store<>>, tenon::inline_work, Policies...>;
struct serial_db : hospital<tenon::mvcc<tenon::serializable>> {
    using database::database;
};
struct snapshot_db : hospital<tenon::mvcc<tenon::snapshot_isolation>> {
    using database::database;
};
struct one_writer_db : hospital<tenon::single_writer> {
    using database::database;
};

/// With a disk that can be full, and a thread for its runs.
struct faulty_db
    : tenon::database<
          tenon::table<"doctors", doctor, tenon::columns<&doctor::id, &doctor::on_call>, tenon::primary<&doctor::id>>,
          tenon::faulty<tenon::memory_files>, tenon::checksummed<tenon::file_store<>>> {
    using database::database;
};

/// Doctors 1 and 2, both on call.
template <class Db>
Db two_on_call() {
    auto db = tenon::open<Db>("hospital.tenon");
    REQUIRE(db);
    auto tx = db->begin();
    REQUIRE(tx.insert(doctor{1, 1}));
    REQUIRE(tx.insert(doctor{2, 1}));
    REQUIRE(tx.commit());
    return std::move(*db);
}
template <class T>
errc kind_of(tenon::result<T> const& r) {
    return r ? errc{} : r.error().kind;
}

/// Each of two doctors leaves when the other is on call: how each asks, and what the second commit says.
template <class Db, class Ask>
errc write_skew(Ask ask) {
    auto db = two_on_call<Db>();
    auto a = db.begin(), b = db.begin();
    REQUIRE(ask(a, 2) >= 1);
    REQUIRE(ask(b, 1) >= 1);
    REQUIRE(a.update(doctor{1, 0}));
    REQUIRE(b.update(doctor{2, 0}));
    REQUIRE(a.commit());
    return kind_of(b.commit());
}
auto const by_key   = [](auto& tx, std::uint64_t other) { return tx.template get<doctor>(other).value()->on_call; };
auto const by_index = [](auto& tx, std::uint64_t) {
    return tx.template range<&doctor::on_call>(1, 2).collect().value().size();
};
auto const by_range = [](auto& tx, std::uint64_t) {
    return tx.template range<&doctor::id>(1, 3).collect().value().size();
};
auto const by_scan  = [](auto& tx, std::uint64_t) { return tx.template scan<&doctor::on_call>(1, 2).size(); };
auto const by_count = [](auto& tx, std::uint64_t) { return tx.template count<doctor>().value(); };
auto const by_all   = [](auto& tx, std::uint64_t) { return tx.template all<doctor>().collect().value().size(); };

}  // namespace

TEST_CASE("serializable refuses write skew, however the other row was read") {
    CHECK(write_skew<serial_db>(by_key) == errc::conflict);
    CHECK(write_skew<serial_db>(by_index) == errc::conflict);
    CHECK(write_skew<serial_db>(by_range) == errc::conflict);
    CHECK(write_skew<serial_db>(by_scan) == errc::conflict);
    CHECK(write_skew<serial_db>(by_count) == errc::conflict);
    CHECK(write_skew<serial_db>(by_all) == errc::conflict);
}

TEST_CASE("snapshot isolation allows write skew, and refuses the second writer of one row") {
    CHECK(write_skew<snapshot_db>(by_key) == errc{});
    CHECK(write_skew<snapshot_db>(by_index) == errc{});
    auto db = two_on_call<snapshot_db>();
    auto a = db.begin(), b = db.begin();
    REQUIRE(a.update(doctor{1, 5}));
    REQUIRE(b.update(doctor{1, 6}));
    REQUIRE(b.commit());
    auto const late = a.commit();
    REQUIRE(kind_of(late) == errc::conflict);
    CHECK(late.error().message.find("doctors") != std::string::npos);
    CHECK(db.snapshot().get<doctor>(1).value()->on_call == 6);
}

TEST_CASE("transactions that touch different rows do not conflict, and reading alone never does") {
    auto db = two_on_call<serial_db>();
    auto a = db.begin(), b = db.begin(), reader = db.begin();
    CHECK(by_index(reader, 0) == 2);
    REQUIRE(a.upsert(doctor{1, 5}));
    REQUIRE(b.upsert(doctor{2, 6}));
    REQUIRE(a.commit());
    REQUIRE(b.commit());
    CHECK(by_index(reader, 0) == 2);
    CHECK(reader.commit());
}

TEST_CASE("a row that was looked for and not there is part of what was read") {
    auto db = two_on_call<serial_db>();
    auto a = db.begin(), b = db.begin();
    CHECK_FALSE(a.contains<doctor>(3).value());
    REQUIRE(a.update(doctor{1, 3}));
    REQUIRE(b.insert(doctor{3, 1}));
    REQUIRE(b.commit());
    CHECK(kind_of(a.commit()) == errc::conflict);
    auto c = db.begin(), d = db.begin();
    REQUIRE(c.insert(doctor{4, 1}));
    REQUIRE(d.insert(doctor{4, 2}));
    REQUIRE(c.commit());
    CHECK(kind_of(d.commit()) == errc::conflict);
    auto e = db.begin(), f = db.begin();
    CHECK_FALSE(e.erase<doctor>(5).value());
    REQUIRE(e.update(doctor{1, 4}));
    REQUIRE(f.insert(doctor{5, 1}));
    REQUIRE(f.commit());
    CHECK(kind_of(e.commit()) == errc::conflict);
}

TEST_CASE("a change is noticed also after a flush, and a deletion after compaction has forgotten it") {
    for (bool by_reading : {false, true})
        for (int work = 0; work < 3; ++work) {
            CAPTURE(by_reading);
            CAPTURE(work);
            auto db = two_on_call<serial_db>();
            if (work == 2) REQUIRE(db.compact());
            auto a = db.begin(), unrelated = db.begin();
            if (by_reading) {
                CHECK(by_key(a, 2) == 1);
                REQUIRE(a.update(doctor{1, 0}));
            } else {
                REQUIRE(a.upsert(doctor{2, 9}));
            }
            CHECK(by_key(unrelated, 1) == 1);
            REQUIRE(unrelated.insert(doctor{7, 1}));
            {
                auto b = db.begin();
                if (work == 0) REQUIRE(b.update(doctor{2, 0}));
                else CHECK(b.erase<doctor>(2).value());
                REQUIRE(b.commit());
            }
            if (work == 0) REQUIRE(db.flush());
            else REQUIRE(db.compact());
            CHECK(kind_of(a.commit()) == errc::conflict);
            CHECK(unrelated.commit());
        }
}

TEST_CASE("single_writer lets one transaction write at a time, and readers never wait") {
    auto          db      = two_on_call<one_writer_db>();
    constexpr int threads = 4, rounds = 100;
    {
        auto tx = db.begin();
        REQUIRE(tx.upsert(doctor{1, 0}));
        CHECK(db.snapshot().get<doctor>(1).value()->on_call == 1);  // does not wait for tx
        REQUIRE(tx.commit());
    }
    std::vector<std::thread> team;
    std::atomic<int>         refused{0};
    for (int t = 0; t < threads; ++t)
        team.emplace_back([&] {
            for (int i = 0; i < rounds; ++i) {
                auto tx  = db.begin();
                auto row = tx.get<doctor>(1).value().value();
                ++row.on_call;
                if (!tx.update(row) || (i % 10 == 9 ? (tx.rollback(), false) : !tx.commit())) ++refused;
            }
        });
    for (auto& t : team) t.join();
    CHECK(refused == 0);
    CHECK(db.snapshot().get<doctor>(1).value()->on_call == threads * rounds * 9 / 10);
}

TEST_CASE("a transaction that is moved goes on, and one that is dropped leaves nothing") {
    auto db = two_on_call<serial_db>();
    {
        auto a = db.begin();
        REQUIRE(a.update(doctor{1, 8}));
        auto b = std::move(a);
        CHECK(by_key(b, 1) == 8);
        REQUIRE(b.update(doctor{2, 8}));
        REQUIRE(b.commit());
    }
    {
        auto c = db.begin();
        REQUIRE(c.update(doctor{1, 99}));
    }
    CHECK(db.snapshot().get<doctor>(1).value()->on_call == 8);
    CHECK(db.snapshot().get<doctor>(2).value()->on_call == 8);
}

TEST_CASE("commits become visible in the order of their timestamps, and an empty one changes nothing") {
    auto db     = two_on_call<serial_db>();
    auto before = db.snapshot().at();
    for (int i = 0; i < 20; ++i) {
        auto tx = db.begin();
        CHECK(tx.at() == before);
        REQUIRE(tx.upsert(doctor{1, static_cast<std::uint64_t>(i)}));
        auto const at = tx.commit();
        REQUIRE(at);
        CHECK(*at == before + 1);
        CHECK(db.snapshot().at() == *at);
        before = *at;
    }
    auto nothing = db.begin();
    CHECK(nothing.commit().value() == before);
    CHECK(db.snapshot().at() == before);
}

TEST_CASE("a full disk refuses commits once memory holds what runs cannot, and they go on when there is room again") {
    for (bool asked : {false, true}) {  // runs are written by themselves, or by flush() alone
        CAPTURE(asked);
        tenon::faulty<tenon::memory_files> disk;
        auto                               db = tenon::open<faulty_db>("full.tenon", {.files = disk,
                                                                                      .memtable_bytes = {asked ? 64u << 20 : 1u << 10},
                                                                                      .segment_bytes = {64u << 20},
                                                                                      .merge_fan_in  = 2});
        REQUIRE(db);
        std::uint64_t stored = 0;
        auto const    add    = [&] {
            auto tx = db->begin();
            for (std::uint64_t i = 0; i < 20; ++i) REQUIRE(tx.insert(doctor{stored + i, i}));
            auto const done = tx.commit();
            if (done) stored += 20;
            return kind_of(done);
        };
        CHECK(add() == errc{});
        disk.faults().fail_from(tenon::file_call::resize, 1, {tenon::fault_kind::full});  // files do not grow
        errc refused{};
        for (int i = 0; i < 20'000 && refused == errc{}; ++i) {
            refused = add();
            if (asked) (void)db->flush();
        }
        CHECK(refused == errc::full);
        CHECK(add() == errc::full);
        CHECK(db->snapshot().count<doctor>().value() == stored);
        disk.faults().clear();
        CHECK(add() == errc{});
        CHECK(db->flush());
        CHECK(db->snapshot().count<doctor>().value() == stored);
        CHECK(db->verify());
    }
}
