// SPDX-License-Identifier: Apache-2.0
// What a database does, in sentences: writes, queries, snapshots, refusals, space, reopening, indexes on the path.
#include "fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

using tenon::errc;

namespace {

using vec = std::vector<std::uint64_t>;
using namespace std::string_literals;

place make_place(std::uint64_t id, std::string name = "", double height = 0, tenon::lonlat where = {},
                 std::array<float, 2> look = {}) {
    return {id, std::move(name), height, where, look};
}
/// Places 0..n-1: heights fall into ten classes, places stand one degree apart, looks on a line.
std::vector<place> some_places(std::uint64_t n) {
    std::vector<place> out;
    for (std::uint64_t i = 0; i < n; ++i)
        out.push_back(make_place(i, i % 3 == 0 ? "Old harbour" : "new town", static_cast<double>(i % 10),
                                 {static_cast<double>(i % 180), 10}, {static_cast<float>(i), 1}));
    return out;
}
sample_db fresh(typename sample_db::options options = {}) {
    return open_or_end<sample_db>("sample.tenon", std::move(options));
}

/// Runs `check(db)` with the rows in the memtable, in runs, in both, compacted, and after reopening.
template <class Check>
void everywhere(std::vector<place> const& rows, Check check) {
    tenon::memory_files world;
    auto const          half = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
    {
        auto db = fresh({.files = world});
        REQUIRE(put<place>(db, {rows.begin(), half}));
        REQUIRE(db.flush());
        REQUIRE(put<place>(db, {half, rows.end()}));
        {
            INFO("half in a run, half in the memtable");
            check(db);
        }
        REQUIRE(db.flush());
        {
            INFO("in two runs");
            check(db);
        }
        REQUIRE(db.compact());
        {
            INFO("in one run");
            check(db);
        }
        auto verified = db.verify();
        INFO((verified ? "" : verified.error().message));
        REQUIRE(verified);
        CHECK(verified->rows == rows.size());
    }
    auto db = fresh({.files = world});
    INFO("reopened");
    check(db);
}

}  // namespace

TEST_CASE("insert adds, update replaces, upsert does either, erase removes, get reads") {
    auto db = fresh();
    auto tx = db.begin();
    REQUIRE(tx.insert(make_place(7, "a")));
    REQUIRE(tx.update(make_place(7, "b")));
    REQUIRE(tx.upsert(make_place(7, "c")));
    REQUIRE(tx.upsert(make_place(8, "d")));
    CHECK(tx.erase<place>(8u).value());
    CHECK_FALSE(tx.erase<place>(8u).value());
    CHECK_FALSE(tx.erase<place>(9u).value());
    auto const at = tx.commit();
    REQUIRE(at);
    auto const view = db.snapshot();
    CHECK(view.at() == *at);
    CHECK(view.get<place>(7u).value() == make_place(7, "c"));
    CHECK_FALSE(view.get<place>(8u).value().has_value());
    CHECK(view.contains<place>(7u).value());
    CHECK(view.count<place>().value() == 1);
}

TEST_CASE("a failed operation is an error with a sentence, marks the transaction, and a savepoint clears the mark") {
    auto db = fresh();
    REQUIRE(put<place>(db, {make_place(1, "there")}));
    {
        auto tx = db.begin();
        REQUIRE(tx.insert(make_place(2)));
        auto const twice = tx.insert(make_place(1));
        REQUIRE(kind_of(twice) == errc::duplicate_key);
        CHECK(twice.error().message.find("table places, key 1") != std::string::npos);
        REQUIRE(tx.insert(make_place(3)));
        auto const done = tx.commit();
        REQUIRE(kind_of(done) == errc::duplicate_key);  // the first error, kept
        CHECK(done.error().message == twice.error().message);
        CHECK(db.snapshot().count<place>().value() == 1);
        CHECK(kind_of(tx.commit()) == errc::invalid_argument);
        CHECK(kind_of(tx.insert(make_place(4))) == errc::invalid_argument);
    }
    {
        auto tx = db.begin();
        REQUIRE(tx.insert(make_place(2)));
        auto const here = tx.save();
        REQUIRE(tx.insert(make_place(3)));
        CHECK(kind_of(tx.update(make_place(99))) == errc::not_found);
        tx.rollback_to(here);
        CHECK(tx.contains<place>(2u).value());
        CHECK_FALSE(tx.contains<place>(3u).value());
        REQUIRE(tx.commit());
        CHECK(ids(db.snapshot().all<place>()) == vec{1, 2});
    }
    {  // a savepoint made after the failure does not clear it
        auto tx = db.begin();
        CHECK(kind_of(tx.update(make_place(99))) == errc::not_found);
        auto const here = tx.save();
        tx.rollback_to(here);
        CHECK(kind_of(tx.commit()) == errc::not_found);
    }
}

TEST_CASE("savepoints nest, and what is rolled back is seen by no query") {
    auto db = fresh();
    REQUIRE(put<place>(db, {make_place(1, "old", 1, {1, 1}, {1, 0})}));
    auto       tx    = db.begin();
    auto const first = tx.save();
    REQUIRE(tx.upsert(make_place(1, "newer", 2, {2, 2}, {2, 0})));
    auto const second = tx.save();
    REQUIRE(tx.insert(make_place(2, "newer", 2, {2, 2}, {2, 0})));
    CHECK(tx.erase<place>(1u).value());
    CHECK(ids(tx.search<&place::name>("newer")) == vec{2});
    tx.rollback_to(second);
    auto const only_first = [&](char const* word, double height, double lon) {
        CHECK(tx.count<place>().value() == 1);
        CHECK(ids(tx.all<place>()) == vec{1});
        CHECK(ids(tx.range<&place::id>(0u, std::nullopt)) == vec{1});
        CHECK(ids(tx.range<&place::height>(height, height + 1)) == vec{1});
        CHECK(ids(tx.search<&place::name>(word)) == vec{1});
        CHECK(ids(tx.within<&place::where>({lon, lon, lon, lon})) == vec{1});
        CHECK(ids(tx.closest<&place::where>({lon, lon}, 5)) == vec{1});
        CHECK(ids(tx.closest<&place::look>(std::array<float, 2>{0, 0}, 5)) == vec{1});
        CHECK(ids(tx.scan<&place::height>(height, height + 1)) == vec{1});
    };
    only_first("newer", 2, 2);
    CHECK(ids(tx.search<&place::name>("old")).empty());
    tx.rollback_to(first);
    only_first("old", 1, 1);
    CHECK(ids(tx.search<&place::name>("newer")).empty());
    REQUIRE(tx.commit());
    CHECK(db.snapshot().get<place>(1u).value()->name == "old");
}

TEST_CASE("a transaction reads its own writes in every kind of query, and nobody else does before it commits") {
    auto db = fresh();
    REQUIRE(put<place>(db, {make_place(1, "mill", 5, {10, 10}, {1, 0}), make_place(2, "mill", 6, {11, 10}, {2, 0}),
                            make_place(3, "mill", 7, {12, 10}, {3, 0})}));
    for (bool flushed : {false, true}) {
        if (flushed) REQUIRE(db.flush());
        auto tx = db.begin();
        CHECK(tx.erase<place>(1u).value());
        REQUIRE(tx.update(make_place(2, "lake", 60, {-50, 10}, {20, 0})));
        REQUIRE(tx.insert(make_place(4, "mill", 8, {13, 10}, {4, 0})));
        CHECK(tx.count<place>().value() == 3);
        CHECK(ids(tx.all<place>()) == vec{2, 3, 4});
        CHECK(ids(tx.range<&place::id>(2u, 4u)) == vec{2, 3});
        CHECK(ids(tx.range<&place::height>(0.0, 100.0)) == vec{3, 4, 2});
        CHECK(ids(tx.range<&place::height>(0.0, 100.0, tenon::order::descending)) == vec{2, 4, 3});
        auto found = ids(tx.search<&place::name>("mill"));
        std::sort(found.begin(), found.end());
        CHECK(found == vec{3, 4});
        CHECK(ids(tx.search<&place::name>("lake")) == vec{2});
        found = ids(tx.within<&place::where>({9, 9, 14, 11}));
        std::sort(found.begin(), found.end());
        CHECK(found == vec{3, 4});
        CHECK(ids(tx.closest<&place::where>({10, 10}, 2)) == vec{3, 4});
        CHECK(ids(tx.closest<&place::look>(std::array<float, 2>{1, 0}, 2)) == vec{3, 4});
        CHECK(ids(tx.scan<&place::height>(60, 61)) == vec{2});
        CHECK(tx.get<place>(2u).value()->name == "lake");
        auto const outside = db.snapshot();
        CHECK(outside.count<place>().value() == 3);
        CHECK(ids(outside.search<&place::name>("lake")).empty());
        CHECK(ids(outside.closest<&place::where>({10, 10}, 1)) == vec{1});
        tx.rollback();
        CHECK(ids(db.snapshot().all<place>()) == vec{1, 2, 3});
    }
}

TEST_CASE("ranges are half-open, run both ways, and either end may be open") {
    everywhere(some_places(40), [](sample_db& db) {
        auto const v = db.snapshot();
        CHECK(ids(v.range<&place::id>(3u, 6u)) == vec{3, 4, 5});
        CHECK(ids(v.range<&place::id>(3u, 6u, tenon::order::descending)) == vec{5, 4, 3});
        CHECK(ids(v.range<&place::id>(37u, std::nullopt)) == vec{37, 38, 39});
        CHECK(ids(v.range<&place::id>(37u, std::nullopt, tenon::order::descending)) == vec{39, 38, 37});
        CHECK(ids(v.range<&place::id>(std::nullopt, 2u)) == vec{0, 1});
        CHECK(ids(v.range<&place::id>(std::nullopt, 2u, tenon::order::descending)) == vec{1, 0});
        CHECK(ids(v.range<&place::id>(std::nullopt, std::nullopt)).size() == 40);
        CHECK(ids(v.range<&place::id>(5u, 5u)).empty());
        CHECK(ids(v.range<&place::id>(6u, 5u)).empty());
        CHECK(ids(v.range<&place::id>(6u, 5u, tenon::order::descending)).empty());
        CHECK(ids(v.range<&place::id>(100u, std::nullopt)).empty());
        CHECK(ids(v.range<&place::height>(8.0, 9.0)) == vec{8, 18, 28, 38});
        CHECK(ids(v.range<&place::height>(8.0, 9.0, tenon::order::descending)) == vec{38, 28, 18, 8});
        CHECK(ids(v.range<&place::height>(9.0, std::nullopt)) == vec{9, 19, 29, 39});
        CHECK(ids(v.range<&place::height>(std::nullopt, 1.0, tenon::order::descending)) == vec{30, 20, 10, 0});
        CHECK(ids(v.range<&place::height>(8.5, 8.7)).empty());
    });
}

TEST_CASE("composite keys take tuples, also of their first members, and texts with zero bytes keep their order") {
    auto const        a = "a"s, a0 = "a\0"s, a0b = "a\0b"s, ab = "ab"s, none = ""s;
    auto              db = fresh();
    std::vector<line> rows;
    for (auto const& o : {none, a, a0, a0b, ab, "\xff\xff"s})
        for (int n : {-2, 0, 7}) rows.push_back({o, n, 1});
    auto shuffled = rows;
    std::reverse(shuffled.begin(), shuffled.end());
    REQUIRE(put<line>(db, shuffled));
    for (int stage = 0; stage < 2; ++stage) {
        auto const v   = db.snapshot();
        auto const all = v.all<line>().collect();
        REQUIRE(all);
        CHECK(*all == rows);
        constexpr auto key     = tenon::key<&line::order, &line::number>;
        auto const     between = [&](auto low, auto high, tenon::order o = tenon::order::ascending) {
            return v.range<key>(low, high, o).collect().value();
        };
        auto const slice = [&](int from, int to) { return std::vector<line>(rows.begin() + from, rows.begin() + to); };
        CHECK(between(std::tuple(a), std::tuple(a0)) == slice(3, 6));  // all of order "a": "a\0" is the next text
        CHECK(between(std::tuple(a0), std::tuple(ab)) == slice(6, 12));
        CHECK(between(std::tuple(a, 0), std::tuple(a0, 0)) == slice(4, 7));
        CHECK(between(std::tuple(a, 0), std::tuple(a0)) == slice(4, 6));
        CHECK(between(std::tuple(ab), std::nullopt) == slice(12, 18));
        auto backwards = slice(0, 3);
        std::reverse(backwards.begin(), backwards.end());
        CHECK(between(std::nullopt, std::tuple(a), tenon::order::descending) == backwards);
        CHECK(v.get<line>(a0, -2).value() == line{a0, -2, 1});
        CHECK(v.get<line>("ab", 7).value() == line{ab, 7, 1});
        CHECK_FALSE(v.get<line>(a0, 1).value().has_value());
        CHECK_FALSE(v.get<line>("a\0c"s, 0).value().has_value());
        REQUIRE(db.flush());
    }
    auto tx = db.begin();
    CHECK(tx.erase<line>(a0b, 0).value());
    REQUIRE(tx.commit());
    CHECK(db.snapshot().count<line>().value() == rows.size() - 1);
}

TEST_CASE("a value has any size, from nothing to 64 MiB") {
    tenon::memory_files world;
    auto const          text = [](std::size_t n) {
        std::string out(n, '\0');
        for (std::size_t i = 0; i < n; i += 97) out[i] = static_cast<char>(i / 97);
        return out;
    };
    std::vector<std::pair<std::string, std::size_t>> const sizes = {
        {"", 0}, {"b", 1}, {"c", 4095}, {"d", 65'536}, {"e", 1 << 20}, {"f", 64 << 20}, {"g", 3}};
    auto const compare = [&](sample_db& db) {
        auto const v = db.snapshot();
        for (auto const& [key, n] : sizes) {
            auto const got = v.get<note>(key).value();
            REQUIRE(got.has_value());
            CHECK(got->value.size() == n);
            CHECK((got->value == text(n)));
        }
    };
    {
        auto db = fresh({.files = world, .memtable_bytes = {256u << 20}});
        auto tx = db.begin();
        for (auto const& [key, n] : sizes) REQUIRE(tx.insert(note{key, text(n)}));
        REQUIRE(tx.commit());
        compare(db);
        REQUIRE(db.flush());
        compare(db);
    }
    auto db = fresh({.files = world});
    compare(db);
    std::uint64_t rows = 0;
    for (auto const& n : db.snapshot().all<note>()) rows += n.value.size() == sizes[rows].second ? 1 : 0;
    CHECK(rows == sizes.size());
}

TEST_CASE("one transaction covers several tables") {
    auto db = fresh();
    {
        auto tx = db.begin();
        REQUIRE(tx.insert(make_place(1)));
        REQUIRE(tx.insert(line{"x", 1, 2}));
        CHECK(kind_of(tx.update(note{"k", "v"})) == errc::not_found);
        CHECK_FALSE(tx.commit());
    }
    CHECK(db.snapshot().count<place>().value() == 0);
    CHECK(db.snapshot().count<line>().value() == 0);
    auto tx = db.begin();
    REQUIRE(tx.insert(make_place(1)));
    REQUIRE(tx.insert(line{"x", 1, 2}));
    REQUIRE(tx.insert(note{"k", "v"}));
    auto const at = tx.commit();
    REQUIRE(at);
    auto const v = db.snapshot();
    CHECK(v.count<place>().value() == 1);
    CHECK(v.get<line>("x", 1).value()->pieces == 2);
    CHECK(v.get<note>("k").value()->value == "v");
}

TEST_CASE("a snapshot stays as it is while writers go on, flush, compact and close") {
    auto const rows = some_places(60);
    auto       db   = std::optional(fresh());
    REQUIRE(put(*db, rows));
    auto const in_memory = db->snapshot();
    REQUIRE(db->flush());
    auto const in_run = db->snapshot();
    auto       stream = in_run.range<&place::height>(0.0, std::nullopt);
    REQUIRE(stream.next());
    {
        auto tx = db->begin();
        for (std::uint64_t i = 0; i < 60; i += 2) REQUIRE(tx.erase<place>(i));
        for (std::uint64_t i = 1; i < 60; i += 2) REQUIRE(tx.upsert(make_place(i, "changed", 100, {0, 0}, {-1, -1})));
        REQUIRE(tx.commit());
    }
    auto const same = [&](auto const& v) {
        CHECK(v.template count<place>().value() == 60);
        CHECK(v.template all<place>().collect().value() == rows);
        CHECK(ids(v.template range<&place::height>(9.0, std::nullopt)) == vec{9, 19, 29, 39, 49, 59});
        CHECK(v.template search<&place::name>("harbour", 100).size() == 20);
        CHECK(v.template search<&place::name>("changed", 100).size() == 0);
        CHECK(v.template within<&place::where>({-180, -90, 180, 90}).size() == 60);
        CHECK(ids(v.template closest<&place::where>({59, 10}, 2)) == vec{59, 58});
        CHECK(ids(v.template closest<&place::look>(std::array<float, 2>{0, 1}, 2)) == vec{0, 1});
        CHECK(v.template scan<&place::height>(0, 10).size() == 60);
    };
    auto const both = [&] {
        same(in_memory);
        same(in_run);
    };
    both();
    REQUIRE(db->flush());
    both();
    REQUIRE(db->compact());
    both();
    CHECK(db->snapshot().count<place>().value() == 30);
    REQUIRE(put(*db, some_places(200)));
    REQUIRE(db->compact());
    both();
    REQUIRE(db->close());
    both();
    db.reset();
    both();
    CHECK(stream.collect().value().size() == 59);
}

TEST_CASE("a closed database refuses writes and still answers snapshots") {
    auto db = fresh();
    REQUIRE(put<place>(db, {make_place(1)}));
    auto tx = db.begin();
    REQUIRE(tx.insert(make_place(2)));
    REQUIRE(db.close());
    CHECK(db.close());
    CHECK(kind_of(tx.commit()) == errc::read_only);
    CHECK(kind_of(db.flush()) == errc::read_only);
    CHECK(kind_of(db.compact()) == errc::read_only);
    CHECK(db.snapshot().count<place>().value() == 1);
}

TEST_CASE("a stream says when it ends, gives all of itself or a part, and outlives its snapshot") {
    auto db = fresh();
    REQUIRE(put(db, some_places(5)));
    auto stream = db.snapshot().all<place>();
    REQUIRE(db.compact());
    for (std::uint64_t i = 0; i < 5; ++i) CHECK(stream.next().value()->id == i);
    CHECK_FALSE(stream.next().value().has_value());
    CHECK_FALSE(stream.next().value().has_value());
    auto hits = db.snapshot().search<&place::name>("harbour");
    CHECK(hits.size() == 2);
    CHECK(hits.collect().value().size() == 2);
    for (auto const& row : db.snapshot().all<place>()) {
        CHECK(row.id == 0);
        break;
    }
}

TEST_CASE("windows and distances cross the antimeridian, in memtable and run alike") {
    std::vector<place> const rows = {make_place(1, "", 0, {179, 0}),   make_place(2, "", 0, {-179, 0}),
                                     make_place(3, "", 0, {180, 5}),   make_place(4, "", 0, {-180, -5}),
                                     make_place(5, "", 0, {0, 0}),     make_place(6, "", 0, {178, 0}),
                                     make_place(7, "", 0, {-90, 89.9})};
    everywhere(rows, [](sample_db& db) {
        auto const v  = db.snapshot();
        auto const in = [&](tenon::lonlat_box box) {
            auto out = ids(v.within<&place::where>(box));
            std::sort(out.begin(), out.end());
            return out;
        };
        CHECK(in({178.5, -10, -178.5, 10}) == vec{1, 2, 3, 4});
        CHECK(in({179.5, -10, -179.5, 10}) == vec{3, 4});
        CHECK(in({-180, -10, -179.5, 10}) == vec{3, 4});  // both spellings of one meridian
        CHECK(in({-180, -90, 180, 90}) == vec{1, 2, 3, 4, 5, 6, 7});
        auto hits = v.closest<&place::where>({-179.5, 0}, 3).collect().value();
        REQUIRE(hits.size() == 3);
        CHECK(hits[0].row.id == 2);
        CHECK(hits[1].row.id == 1);
        CHECK(hits[2].row.id == 6);
        CHECK(hits[0].distance == doctest::Approx(55'597.5).epsilon(1e-4));
        CHECK(hits[1].distance == doctest::Approx(166'792.4).epsilon(1e-4));
        CHECK(ids(v.closest<&place::where>({90, 89.9}, 1)) == vec{7});  // over the pole
    });
}

TEST_CASE("scans without an index skip blocks whose zones lie outside") {
    auto               db = fresh({.block_bytes = {512}});
    std::vector<place> rows;
    for (std::uint64_t i = 0; i < 400; ++i) rows.push_back(make_place(i, "x", static_cast<double>(i) - 200));
    REQUIRE(put(db, rows));
    REQUIRE(db.flush());
    tenon::query_trace trace;
    auto               found = ids(db.snapshot().traced(trace).scan<&place::height>(-5, 5));
    std::sort(found.begin(), found.end());
    CHECK(found == vec{195, 196, 197, 198, 199, 200, 201, 202, 203, 204});
    CHECK(trace.index == "zones height");
    CHECK(trace.skipped > 10);
    CHECK(trace.candidates == 10);
    CHECK(db.snapshot().scan<&place::height>(std::nullopt, std::nullopt).size() == 400);
    CHECK(db.snapshot().scan<&place::height>(100, std::nullopt).size() == 100);
    CHECK(db.snapshot().scan<&place::height>(5, -5).size() == 0);
}

TEST_CASE("what an index cannot hold is refused with a sentence, and nothing of it is stored") {
    auto const nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
    auto const fnan                               = std::numeric_limits<float>::quiet_NaN();
    std::vector<std::pair<place, errc>> const bad = {
        {make_place(1, "x", nan), errc::invalid_argument},
        {make_place(1, "x", 0, {181, 0}), errc::invalid_argument},
        {make_place(1, "x", 0, {0, -90.5}), errc::invalid_argument},
        {make_place(1, "x", 0, {nan, 0}), errc::invalid_argument},
        {make_place(1, "x", 0, {0, infinity}), errc::invalid_argument},
        {make_place(1, "x", 0, {}, {fnan, 0}), errc::invalid_argument},
        {make_place(1, "x", 0, {}, {0, std::numeric_limits<float>::infinity()}), errc::invalid_argument},
        {make_place(1, "\xc3(", 0), errc::invalid_text},
        {make_place(1, "cut \xe2\x82", 0), errc::invalid_text},
        {make_place(1, "\xed\xa0\x80", 0), errc::invalid_text},
    };
    auto db = fresh();
    for (std::size_t i = 0; i < bad.size(); ++i) {
        CAPTURE(i);
        auto       tx   = db.begin();
        auto const done = tx.upsert(bad[i].first);
        REQUIRE_FALSE(done);
        CHECK(done.error().kind == bad[i].second);
        CHECK(done.error().message.find("table places, key 1: ") == 0);
        CHECK_FALSE(tx.contains<place>(1u).value());
        CHECK(tx.count<place>().value() == 0);
        REQUIRE_FALSE(tx.commit());
    }
    REQUIRE(put<place>(db, {make_place(1, "x", infinity), make_place(2, "y", -infinity),
                            make_place(3, "z", -0.0)}));  // these have a place in the order
    CHECK(ids(db.snapshot().range<&place::height>(std::nullopt, std::nullopt)) == vec{2, 3, 1});
    auto tx = db.begin();
    CHECK(kind_of(tx.upsert(note{std::string(70'000, 'k'), ""})) == errc::too_large);
}

TEST_CASE("runs of similar size are joined when there are merge_fan_in of them, and not before") {
    for (std::size_t fan_in : {0u, 2u, 4u}) {
        CAPTURE(fan_in);
        auto        db   = fresh({.memtable_bytes = {1}, .merge_fan_in = fan_in});  // every commit becomes a run
        std::size_t most = 0;
        for (std::uint64_t i = 0; i < 16; ++i) {
            REQUIRE(put<note>(db, {note{std::to_string(i), "v"}}));
            most = std::max(most, db.stats().tables[2].runs.size());
        }
        auto const stats = db.stats();
        CHECK(stats.flushes == 16);
        CHECK(stats.tables[2].rows == 16);
        CHECK(stats.tables[2].memtable_rows == 0);
        if (fan_in == 0) {
            CHECK(stats.merges == 0);
            CHECK(stats.tables[2].runs.size() == 16);
        } else {
            CHECK(stats.merges >= 16 / fan_in - 1);
            CHECK(most <= 2 * fan_in);
        }
        REQUIRE(db.compact());
        CHECK(db.stats().tables[2].runs == std::vector<std::uint64_t>{16});
        CHECK(ids(db.snapshot().all<place>()).empty());
        CHECK(db.snapshot().all<note>().collect().value().size() == 16);
    }
}

TEST_CASE("compaction drops deleted rows and older versions, and the file does not grow over repeated ones") {
    auto          db            = fresh();
    auto const    rows          = some_places(500);
    std::uint64_t after_warming = 0;
    for (int round = 0; round < 24; ++round) {
        REQUIRE(put(db, rows));
        {
            auto tx = db.begin();
            for (std::uint64_t i = 0; i < 500; i += 2) REQUIRE(tx.erase<place>(i));
            REQUIRE(tx.commit());
        }
        REQUIRE(db.compact());
        auto const s = db.stats();
        CHECK(s.tables[0].runs == vec{250});
        CHECK(s.tables[0].tombstones == 0);
        if (round == 4) after_warming = s.store.file_bytes;
        if (round > 4) CHECK(s.store.file_bytes <= after_warming);
    }
    CHECK(db.verify());
    auto tx = db.begin();
    for (std::uint64_t i = 1; i < 500; i += 2) REQUIRE(tx.erase<place>(i));
    REQUIRE(tx.commit());
    REQUIRE(db.compact());
    CHECK(db.stats().tables[0].runs.empty());
    CHECK(db.snapshot().count<place>().value() == 0);
    CHECK(db.verify());
}

TEST_CASE("a clean close of a long log leaves nothing to replay, of a short one its commits") {
    for (bool long_log : {false, true}) {
        CAPTURE(long_log);
        tenon::memory_files world;
        {
            auto db = fresh({.files = world});
            CHECK(db.recovery().created);
            for (int i = 0; i < 10; ++i)
                REQUIRE(put<note>(db, {note{std::to_string(i), std::string(long_log ? 100'000 : 10, 'x')}}));
        }
        for (int again = 0; again < 2; ++again) {
            auto db = fresh({.files = world});
            CHECK_FALSE(db.recovery().created);
            CHECK(db.recovery().truncated_bytes == 0);
            CHECK(db.recovery().log_records == (long_log ? 0 : 10));
            CHECK(db.snapshot().count<note>().value() == 10);
        }
        {
            auto db = fresh({.files = world});
            REQUIRE(db.flush());
            REQUIRE(db.close());
        }
        auto db = fresh({.files = world, .create = false});
        CHECK(db.recovery().log_records == 0);
        CHECK(db.snapshot().count<note>().value() == 10);
    }
}

TEST_CASE("each query uses the index it claims to, in memtable and run, and the trace agrees") {
    auto db = fresh();
    REQUIRE(put(db, some_places(300)));
    REQUIRE(db.flush());
    REQUIRE(put<place>(db, {make_place(1000, "lone harbour", 3, {7, 10}, {7, 1})}));
    auto const asked = [&](auto query) {
        tenon::query_trace trace;
        called = {};
        query(db.snapshot().traced(trace));
        return trace;
    };
    auto t = asked([](auto const& v) { CHECK(v.template get<place>(42u).value().has_value()); });
    CHECK(called.look_up == 1);
    CHECK(t.index == "primary counted_order id");
    CHECK(t.hits == 1);
    CHECK(t.runs == 1);

    t = asked([](auto const& v) { CHECK(ids(v.template range<&place::id>(100u, 103u)) == vec{100, 101, 102}); });
    CHECK(called.look_up >= 1);
    CHECK(called.look_up <= 2);
    CHECK(t.index == "primary counted_order id");

    t = asked([](auto const& v) { CHECK(ids(v.template range<&place::height>(3.0, 4.0)).size() == 31); });
    CHECK(called.look_up >= 1);
    CHECK(t.index == "ordered counted_order height");
    CHECK(t.candidates <= 32);

    t = asked([](auto const& v) { CHECK(v.template within<&place::where>({6.5, 9, 7.5, 11}).size() == 3); });
    CHECK(called.within == 2);  // the delta and the part
    CHECK(called.near == 0);
    CHECK(t.index == "spatial counted_spatial where");
    CHECK(t.candidates == 3);
    CHECK(t.hits == 3);
    CHECK(t.memtables == 1);
    CHECK(t.runs == 1);

    t = asked([](auto const& v) { CHECK(v.template closest<&place::where>({7, 10}, 3).size() == 3); });
    CHECK(called.near == 2);
    CHECK(called.within == 0);
    CHECK(t.index == "spatial counted_spatial where");

    t = asked([](auto const& v) { CHECK(ids(v.template search<&place::name>("lone harbour", 1)) == vec{1000}); });
    CHECK(called.postings == 4);  // two terms, two sources
    CHECK(t.index == "text counted_text name");
    CHECK(t.candidates == 101);

    t = asked(
        [](auto const& v) { CHECK(v.template closest<&place::look>(std::array<float, 2>{7, 1}, 2).size() == 2); });
    CHECK(called.alike == 2);
    CHECK(t.index.find("nearest counted_vectors") == 0);

    t = asked([](auto const& v) { CHECK(v.template scan<&place::height>(3, 4).size() == 31); });
    CHECK(called.look_up + called.within + called.near + called.postings + called.alike == 0);
    CHECK(t.index == "zones height");
}

TEST_CASE("a filter keeps point reads of absent keys away from runs") {
    auto db = fresh({.merge_fan_in = 0});
    for (int run = 0; run < 5; ++run) {
        REQUIRE(put<note>(db, {note{"run " + std::to_string(run), "v"}}));
        REQUIRE(db.flush());
    }
    tenon::query_trace trace;
    auto const         v = db.snapshot().traced(trace);
    for (int i = 0; i < 200; ++i) CHECK_FALSE(v.contains<note>("absent " + std::to_string(i)).value());
    CHECK(trace.filtered + trace.runs == 1000);
    CHECK(trace.filtered > 900);
}

TEST_CASE("retry runs the work again after a conflict, gives up after its attempts, and passes other errors on") {
    auto db = fresh();
    REQUIRE(put<note>(db, {note{"n", ""}}));
    int  runs = 0;
    auto done = tenon::retry(db, [&](auto& tx) -> tenon::result<void> {
        auto row = tx.template get<note>("n").value().value();
        if (++runs < 4) REQUIRE(put<note>(db, {note{"n", row.value + "r"}}));  // somebody else is first
        row.value += "x";
        return tx.update(row);
    });
    REQUIRE(done);
    CHECK(runs == 4);
    CHECK(db.snapshot().get<note>("n").value()->value == "rrrx");
    runs = 0;
    done = tenon::retry(
        db,
        [&](auto& tx) -> tenon::result<void> {
            ++runs;
            REQUIRE(put<note>(db, {note{"n", "other"}}));
            return tx.update(note{"n", "mine"});
        },
        3);
    CHECK(kind_of(done) == errc::conflict);
    CHECK(runs == 3);
    runs = 0;
    done = tenon::retry(db, [&](auto& tx) -> tenon::result<void> {
        ++runs;
        return tx.insert(note{"n", ""});
    });
    CHECK(kind_of(done) == errc::duplicate_key);
    CHECK(runs == 1);
}
