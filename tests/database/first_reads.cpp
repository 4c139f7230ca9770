// SPDX-License-Identifier: Apache-2.0
// The first look-ups after opening verify what they rest on, and later ones a little more: damage elsewhere harms them not, damage there
// is an error.
#include "tenon/core/prng.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/page_store/checksummed.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/tenon.hpp"
#include "tenon/work/inline_work.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

struct number {
    std::uint64_t id    = 0;
    std::uint64_t value = 0;
};
struct word {
    std::string   id;
    std::uint64_t value = 0;
};
template <class Row, class Index>
using table_of = tenon::table<"rows", Row, tenon::columns<&Row::id, &Row::value>, tenon::primary<&Row::id, Index>>;
template <class Row, class Index>
struct database_of : tenon::database<table_of<Row, Index>, tenon::memory_files, tenon::checksummed<tenon::file_store<>>,
                                     tenon::segmented_wal<tenon::no_sync>, tenon::inline_work> {
    using base = tenon::database<table_of<Row, Index>, tenon::memory_files, tenon::checksummed<tenon::file_store<>>,
                                 tenon::segmented_wal<tenon::no_sync>, tenon::inline_work>;
    using base::base;
};

constexpr std::uint64_t rows = 200'000;  // keys and stamps of some MiB each, in many parts

template <class Row>
Row row_of(std::uint64_t i) {
    Row r;
    if constexpr (std::is_same_v<Row, word>) r.id = "key " + std::to_string(10'000'000 + 3 * i);
    else r.id = 3 * i;
    r.value = i * i;
    return r;
}

template <class Db, class Row>
void run(std::string const& what) {
    CAPTURE(what);
    typename Db::options o;
    {
        auto db = tenon::open<Db>("db", o);
        REQUIRE(db);
        auto tx = db->begin();
        for (std::uint64_t i = 0; i < rows; ++i) REQUIRE(tx.upsert(row_of<Row>(i)));
        REQUIRE(tx.template erase<Row>(row_of<Row>(77).id));
        REQUIRE(tx.commit());
        REQUIRE(db->flush());
    }
    auto       file = o.files.open("db", tenon::open_mode::read_write);
    auto const size = *file->size();
    // Whether the rows came; an error is none. After many looks all keys are verified.
    auto const ask = [&](std::uint64_t i, std::string& wrong, std::uint64_t looks = 20) {
        auto db = tenon::open<Db>("db", o);
        if (!db) return false;
        bool       all = true;
        auto const get = [&](std::uint64_t j) {
            auto const r = db->snapshot().template get<Row>(row_of<Row>(j).id);
            if (!r) {
                if (r.error().kind != tenon::errc::corrupt) wrong = r.error().message;
                all = false;
            } else if (r->has_value() != (j != 77) || (*r && (*r)->value != j * j)) {
                wrong = "another row";
            }
        };
        get(i);
        get(77);
        for (std::uint64_t j = 0; j < looks; ++j) get((i + j * 19'937) % rows);  // the filter comes in, too
        auto absent = row_of<Row>(i);
        if constexpr (std::is_same_v<Row, word>) absent.id += "x";
        else ++absent.id;
        auto const r = db->snapshot().template get<Row>(absent.id);
        if (r && *r) wrong = "a row that is not there";
        return all;
    };
    std::string wrong;
    for (std::uint64_t const looks : {20, 7'000}) {
        REQUIRE(ask(5, wrong, looks));
        REQUIRE(wrong == "");
    }
    constexpr std::uint64_t seed = 99;
    tenon::prng             random(seed);
    std::uint64_t           unharmed = 0, refused = 0;
    for (int n = 0; n < 120; ++n) {
        auto const         at = 16'384 + random.below(size - 16'384), length = 1 + random.below(64);
        tenon::byte_vector before(static_cast<std::size_t>(std::min<std::uint64_t>(length, size - at)));
        REQUIRE(file->read_at(at, before).value() == before.size());
        auto damaged = before;
        for (auto& b : damaged) b = static_cast<std::byte>(random());
        REQUIRE(file->write_at(at, damaged));
        CAPTURE(seed);
        CAPTURE(n);
        CAPTURE(at);
        ++(ask(random.below(rows), wrong, n % 40 == 0 ? 7'000 : 20) ? unharmed : refused);
        REQUIRE(wrong == "");
        REQUIRE(file->write_at(at, before));
    }
    MESSAGE(what, ": ", unharmed, " unharmed, ", refused, " refused, seed ", seed);
    CHECK(unharmed > 20);
    CHECK(refused > 5);
    auto db = tenon::open<Db>("db", o);
    CHECK(db->verify());
}

}  // namespace

TEST_CASE("the first look-ups of a run are right or an error, whatever part of the file is damaged") {
    run<database_of<number, tenon::hybrid<>>, number>("numbers, hybrid");
    run<database_of<number, tenon::pgm<>>, number>("numbers, pgm");
    run<database_of<word, tenon::hybrid<>>, word>("words, hybrid");
    run<database_of<word, tenon::sorted_array>, word>("words, sorted_array");
}

TEST_CASE("keys that no look-up has verified are not believed, however many others were") {
    using db_type = database_of<number, tenon::hybrid<>>;
    db_type::options o;
    {
        auto db = tenon::open<db_type>("db", o);
        REQUIRE(db);
        auto tx = db->begin();
        for (std::uint64_t i = 0; i < rows; ++i) REQUIRE(tx.upsert(row_of<number>(i)));
        REQUIRE(tx.commit());
        REQUIRE(db->flush());
    }
    auto               file = o.files.open("db", tenon::open_mode::read_write);
    tenon::byte_vector all(static_cast<std::size_t>(*file->size())), pattern;
    REQUIRE(file->read_at(0, all).value() == all.size());
    constexpr std::uint64_t asked = 150'000;
    for (std::uint64_t i = asked; i < asked + 4; ++i) tenon::put(pattern, 3 * i);
    std::uint64_t places = 0;
    for (auto at = all.begin(); (at = std::search(at, all.end(), pattern.begin(), pattern.end())) != all.end(); ++at) {
        ++places;  // among the keys, or in a block of rows
        auto const         where = static_cast<std::uint64_t>(at - all.begin());
        tenon::byte_vector other;
        tenon::put(other, 3 * asked + 1);  // in order, too
        REQUIRE(file->write_at(where, other));
        auto db = tenon::open<db_type>("db", o);
        REQUIRE(db);
        for (std::uint64_t i = 0; i < 300; ++i) {
            auto const r = db->snapshot().get<number>(3 * i);
            REQUIRE(r);
            REQUIRE(*r);
        }
        auto const r = db->snapshot().get<number>(3 * asked);
        REQUIRE_FALSE(r);
        CHECK(r.error().kind == tenon::errc::corrupt);
        REQUIRE(file->write_at(where, tenon::byte_view(pattern).first(8)));
    }
    CHECK(places == 2);
}
