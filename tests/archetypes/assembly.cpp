// SPDX-License-Identifier: Apache-2.0
// The engine is compiled against the least types that satisfy each concept, so that it uses only what they promise.
#include "tenon/concurrency/archetype.hpp"
#include "tenon/database.hpp"
#include "tenon/file/archetype.hpp"
#include "tenon/filter/archetype.hpp"
#include "tenon/ordered_index/archetype.hpp"
#include "tenon/ordered_map/archetype.hpp"
#include "tenon/page_store/archetype.hpp"
#include "tenon/run/archetype.hpp"
#include "tenon/spatial_index/archetype.hpp"
#include "tenon/text_index/archetype.hpp"
#include "tenon/vector_index/archetype.hpp"
#include "tenon/wal/archetype.hpp"
#include "tenon/wal/memory.hpp"
#include "tenon/work/archetype.hpp"

#include <doctest/doctest.h>

namespace {

namespace least = tenon::archetype;

struct place {
    std::uint64_t        id         = 0;
    std::int64_t         population = 0;
    std::string          name, country;
    tenon::lonlat        where;
    std::array<float, 4> look{};
};
using places = tenon::table<
    "places", place,
    tenon::columns<&place::id, &place::population, &place::name, &place::country, &place::where, &place::look>,
    tenon::primary<&place::id, least::ordered_index_policy>,
    tenon::ordered<&place::population, least::ordered_index_policy>,
    tenon::text<&place::name, least::text_index_policy>, tenon::spatial<&place::where, least::spatial_index_policy>,
    tenon::nearest<&place::look, least::vector_index_policy>,
    tenon::index<&place::country, least::queried_index_kind<std::string>>,
    tenon::index<&place::id, least::index_kind<std::uint64_t>>, least::filter_policy, least::ordered_map_policy>;

/// Every axis of a database and of its table is an archetype.
struct least_db : tenon::database<places, least::file_policy, least::page_store_policy, least::wal_policy,
                                  least::concurrency_policy, least::work_policy> {
    using database::database;
};
/// The same with a log that opens.
struct opens_db : tenon::database<places, least::file_policy, least::page_store_policy, tenon::memory_wal,
                                  least::concurrency_policy, least::work_policy> {
    using database::database;
};

least_db::options options() { return {.files = least::file_policy(least::file_policy::key{})}; }

/// Everything that can be asked of a view is compiled; nothing of it is run, for archetypes keep no promises.
template <class View>
void ask(View const& view) {
    (void)view.template get<place>(std::uint64_t{1});
    (void)view.template count<place>();
    (void)view.template all<place>(tenon::order::descending).next();
    (void)view.template range<&place::id>(1U, 2U).next();
    (void)view.template range<&place::population>(std::int64_t{1}, std::nullopt).next();
    (void)view.template within<&place::where>({}).next();
    (void)view.template closest<&place::where>(tenon::lonlat{}, 1).next();
    (void)view.template closest<&place::look>(std::array<float, 4>{}, 1).next();
    (void)view.template search<&place::name>("lima").next();
    (void)view.template query<&place::country>().next();
    (void)view.template scan<&place::population>(1, 2).next();
}
void use(least_db& db) {
    ask(db.snapshot());
    auto tx = db.begin();
    ask(tx);
    (void)tx.insert(place{});
    (void)tx.upsert(place{});
    (void)tx.update(place{});
    (void)tx.template erase<place>(std::uint64_t{1});
    tx.rollback_to(tx.save());
    (void)tx.commit();
    (void)db.flush();
    (void)db.compact();
    (void)db.verify();
    (void)db.close();
}

}  // namespace

TEST_CASE("a database of archetypes alone compiles, and hands on what its log says") {
    auto db = tenon::open<least_db>("nowhere", options());
    REQUIRE(!db.has_value());
    CHECK(db.error().kind == tenon::errc::io);
    CHECK(db.error().message.find("an archetype does nothing") != std::string::npos);
    void (*volatile compiled)(least_db&) = &use;
    CHECK(compiled != nullptr);
}

TEST_CASE("a database of archetypes opens over a log that opens, and is empty") {
    auto db = tenon::open<opens_db>("nowhere", {.files = options().files});
    REQUIRE_MESSAGE(db.has_value(), (db ? std::string() : db.error().message));
    CHECK(db->recovery().created);
    CHECK(db->snapshot().count<place>().value() == 0);
    CHECK(db->close().has_value());
}

TEST_CASE("policies in another order, and defaults that are spelled out, give the same engine") {
    using tables = tenon::table<"places", place, tenon::columns<&place::id>, tenon::primary<&place::id>>;
    static_assert(std::is_same_v<tenon::recipe_of<tables, least::wal_policy, least::work_policy>,
                                 tenon::recipe_of<least::work_policy, tenon::defaults::page_store, tables,
                                                  least::wal_policy, tenon::mvcc<>>>);
    static_assert(tenon::assemblable<tables> &&
                  tenon::assemblable<least::work_policy, places, least::file_policy, least::page_store_policy>);
    static_assert(!tenon::assemblable<> && !tenon::assemblable<int> && !tenon::assemblable<tables, tables> &&
                  !tenon::assemblable<tables, least::filter_policy>);
    CHECK(least_db::signature() != opens_db::signature().substr(1));
    CHECK(least_db::signature().find("archetype") != std::string::npos);
}
