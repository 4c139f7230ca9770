// SPDX-License-Identifier: Apache-2.0
// Recovery of several tables with every kind of index: what the open database answered, the reopened one answers.
#include "tenon/core/prng.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/tenon.hpp"
#include "tenon/work/inline_work.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

struct shop {
    std::uint64_t        id = 0;
    std::string          name;
    std::int64_t         visitors = 0;
    tenon::lonlat        where;
    std::array<float, 2> look{};
    friend bool          operator==(shop const&, shop const&) = default;
};
struct sale {
    std::string   shop;
    std::uint32_t number = 0;
    std::string   text;
    friend bool   operator==(sale const&, sale const&) = default;
};
using shops =
    tenon::table<"shops", shop, tenon::columns<&shop::id, &shop::name, &shop::visitors, &shop::where, &shop::look>,
                 tenon::primary<&shop::id>, tenon::ordered<&shop::visitors>, tenon::text<&shop::name>,
                 tenon::spatial<&shop::where>, tenon::nearest<&shop::look, tenon::flat<tenon::l2_squared>>>;
using sales = tenon::table<"sales", sale, tenon::columns<&sale::shop, &sale::number, &sale::text>,
                           tenon::primary<tenon::key<&sale::shop, &sale::number>>, tenon::text<&sale::text>>;
struct market : tenon::database<shops, sales, tenon::memory_files, tenon::file_store<>, tenon::segmented_wal<>,
                                tenon::inline_work> {
    using database::database;
};

template <class Stream>
auto all_of(Stream stream) {
    std::vector<std::remove_cvref_t<decltype(**stream.next())>> out;
    for (;;) {
        auto r = stream.next();
        REQUIRE_MESSAGE(r.has_value(), r.error().message);
        if (!*r) return out;
        out.push_back(std::move(**r));
    }
}
/// Rows and answers of every index, scores and counts too.
struct answers {
    std::uint64_t                                 shops = 0, sales = 0;
    std::vector<shop>                             rows, by_visitors, inside;
    std::vector<sale>                             lines;
    std::vector<std::pair<std::uint64_t, double>> words, near, alike;
    std::vector<std::pair<std::string, double>>   texts;
    friend bool                                   operator==(answers const&, answers const&) = default;
};
answers ask(market& db) {
    auto    view = db.snapshot();
    answers out;
    out.shops       = *view.count<shop>();
    out.sales       = *view.count<sale>();
    out.rows        = all_of(view.all<shop>());
    out.lines       = all_of(view.all<sale>());
    out.by_visitors = all_of(view.range<&shop::visitors>(std::nullopt, std::nullopt));
    for (auto const& hit : view.within<&shop::where>({.west = -60, .south = -40, .east = 60, .north = 40}))
        out.inside.push_back(hit.row);
    for (auto const& hit : view.closest<&shop::where>({1, 2}, 12)) out.near.emplace_back(hit.row.id, hit.distance);
    for (auto const& hit : view.closest<&shop::look>(std::array{3.0f, 4.0f}, 12))
        out.alike.emplace_back(hit.row.id, hit.distance);
    for (auto const& hit : view.search<&shop::name>("old mill", 30)) out.words.emplace_back(hit.row.id, hit.score);
    for (auto const& hit : view.search<&sale::text>("bread", 30))
        out.texts.emplace_back(hit.row.shop + std::to_string(hit.row.number), hit.score);
    std::sort(out.inside.begin(), out.inside.end(), [](auto const& a, auto const& b) { return a.id < b.id; });
    return out;
}

std::unique_ptr<market> reopened(std::unique_ptr<market> db, market::options const& o) {
    if (db) REQUIRE(db->close());
    db.reset();  // gives the lock back
    auto opened = tenon::open<market>("market.tenon", o);
    REQUIRE_MESSAGE(opened.has_value(), opened.error().message);
    return std::make_unique<market>(std::move(*opened));
}

void change(market& db, tenon::prng& random, std::uint64_t ids) {
    auto tx = db.begin();
    for (auto n = 1 + random.below(20); n > 0; --n) {
        auto const id = random.below(ids);
        if (random.chance(0.25)) {
            REQUIRE(tx.erase<shop>(id));
        } else {
            REQUIRE(tx.upsert(
                shop{id,
                     std::string(random.chance(0.5) ? "old " : "the mill ") + std::to_string(random.below(9)),
                     random.between(-9, 9),
                     {static_cast<double>(random.between(-90, 90)), static_cast<double>(random.between(-80, 80))},
                     {static_cast<float>(random.below(9)), static_cast<float>(random.below(9))}}));
        }
        auto const name = "shop " + std::to_string(random.below(9));
        auto const line = static_cast<std::uint32_t>(random.below(40));
        if (random.chance(0.2)) REQUIRE(tx.erase<sale>(name, line));
        else REQUIRE(tx.upsert(sale{name, line, random.chance(0.3) ? "bread and wine" : "cheese, bread"}));
    }
    REQUIRE(tx.commit());
}

}  // namespace

TEST_CASE("a database that was reopened from its log answers as it did before, over runs or not, again and again") {
    std::uint64_t const seed = 611;
    for (int const scenario : {0, 1, 2}) {  // the log alone; over a run; over runs, one of which hides another's rows
        CAPTURE(seed);
        CAPTURE(scenario);
        tenon::prng     random(seed + static_cast<std::uint64_t>(scenario));
        market::options o;
        o.close_flush_bytes = {1u << 30};
        auto db             = reopened({}, o);
        for (int part = 0; part < scenario; ++part) {
            for (int i = 0; i < 60; ++i) change(*db, random, 400);
            REQUIRE(db->flush());
        }
        for (int again = 0; again < 4; ++again) {
            for (int i = 0; i < 80; ++i) change(*db, random, 400);
            auto const before = ask(*db);
            REQUIRE(before.rows.size() == before.shops);
            REQUIRE(before.lines.size() == before.sales);
            db = reopened(std::move(db), o);
            REQUIRE(db->recovery().log_records == static_cast<std::uint64_t>(80 * (again + 1)));
            REQUIRE(ask(*db) == before);
        }
        auto const before = ask(*db);
        REQUIRE(db->compact());
        auto const after = ask(*db);
        CHECK(after.rows == before.rows);
        CHECK(after.texts == before.texts);
        CHECK(after.words == before.words);
        REQUIRE(db->verify());
    }
}

TEST_CASE("after recovery a transaction conflicts with what the log held, and with nothing else") {
    market::options o;
    auto            db = reopened({}, o);
    tenon::prng     random(5);
    for (int i = 0; i < 30; ++i) change(*db, random, 50);
    db         = reopened(std::move(db), o);
    auto first = db->begin(), second = db->begin();
    (void)all_of(second.all<shop>());
    REQUIRE(first.upsert(shop{1, "changed", 1, {}, {}}));
    REQUIRE(first.commit());
    REQUIRE(second.upsert(sale{"shop", 1, ""}));
    auto const late = second.commit();
    REQUIRE(!late);
    CHECK(late.error().kind == tenon::errc::conflict);
    auto third = db->begin();
    (void)all_of(third.all<shop>());
    REQUIRE(third.upsert(sale{"shop", 2, ""}));
    CHECK(third.commit());
}

TEST_CASE("a log whose commits do not grow is refused, and says which one") {
    tenon::memory_files disk;
    market::options     o;
    o.files = disk;
    {
        auto db = tenon::open<market>("market", o);
        REQUIRE(db);
        for (std::uint32_t n = 1; n <= 3; ++n) {
            auto tx = db->begin();
            REQUIRE(tx.upsert(sale{"corner", n, "bread"}));
            REQUIRE(tx.commit());
        }
    }
    // The last record once more, by the log itself: whole, in its place, and chained to the others.
    auto const         first = "market.wal/" + disk.list("market.wal")->front();
    tenon::byte_vector head(64), last;
    REQUIRE(*disk.open(first, tenon::open_mode::read_only)->read_at(0, head) == head.size());
    {
        auto log = tenon::segmented_wal<>::log<tenon::memory_files>::open(
            disk, "market.wal",
            {.identity      = tenon::load<std::uint64_t>(head.data() + 16),
             .segment_bytes = o.segment_bytes,
             .threads       = false});
        REQUIRE_MESSAGE(log, log.error().message);
        REQUIRE(log->replay({0}, [&](tenon::lsn, tenon::byte_view b) {
            last.assign(b.begin(), b.end());
            return tenon::result<void>{};
        }));
        REQUIRE_FALSE(last.empty());
        REQUIRE(log->sync(*log->append(last)));
    }
    auto const db = tenon::open<market>("market", o);
    REQUIRE_FALSE(db);
    CHECK(db.error().kind == tenon::errc::corrupt);
    CHECK(db.error().message.find("commit 3 in the log follows commit 3") != std::string::npos);
}
