// SPDX-License-Identifier: Apache-2.0
// A small atlas: one table, five indexes, transactions, questions, and what is there after opening it again.
//
//     your_first_database [PATH]      without PATH: a scratch folder that is removed at the end
#include "tenon/database.hpp"
#include "tenon/metric/l2_squared.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <utility>

struct place {
    std::uint64_t        id = 0;
    std::string          name;
    std::int64_t         population = 0;
    tenon::lonlat        where;      // degrees
    std::array<float, 3> climate{};  // January and July in degrees Celsius, rain in decimetres a year
};

struct atlas_db
    : tenon::database<tenon::table<
          "places", place, tenon::columns<&place::id, &place::name, &place::population, &place::where, &place::climate>,
          tenon::primary<&place::id>, tenon::ordered<&place::population>, tenon::text<&place::name>,
          tenon::spatial<&place::where>, tenon::nearest<&place::climate, tenon::hnsw<tenon::l2_squared>>>> {
    using database::database;
};

// Rounded figures.
place const some_places[] = {
    {1, "Lisbon", 518'000, {-9.13, 38.72}, {12, 23, 8}},
    {2, "Paris", 2'139'000, {2.35, 48.85}, {5, 21, 6}},
    {3, "Versailles", 85'000, {2.13, 48.80}, {5, 20, 6}},
    {4, "London", 8'962'000, {-0.13, 51.51}, {6, 19, 6}},
    {5, "New York City", 8'175'000, {-74.01, 40.71}, {1, 25, 13}},
    {6, "New Delhi", 318'000, {77.23, 28.64}, {14, 31, 8}},
    {7, "Tokyo", 8'337'000, {139.69, 35.69}, {5, 26, 16}},
    {8, "Suva", 77'000, {178.44, -18.14}, {27, 24, 30}},
    {9, "São Paulo", 10'022'000, {-46.64, -23.55}, {23, 17, 15}},
};

tenon::result<void> add_places(atlas_db& db) {
    auto tx = db.begin();
    for (auto const& p : some_places)
        if (auto done = tx.upsert(p); !done) return done;
    auto committed = tx.commit();  // rows and five indexes, durable when it returns
    if (!committed) return tenon::fail(committed.error());
    std::printf("commit %llu holds %zu places\n", static_cast<unsigned long long>(*committed), std::size(some_places));
    return {};
}

void ask(atlas_db const& db) {
    auto view = db.snapshot();
    for (auto const& hit : view.closest<&place::where>({2.3, 48.8}, 2))
        std::printf("%s is %.0f m away\n", hit.row.name.c_str(), hit.distance);
    for (auto const& hit : view.within<&place::where>({.west = -11, .south = 35, .east = 3, .north = 60}))
        std::printf("%s lies in western Europe\n", hit.row.name.c_str());
    for (auto const& row : view.range<&place::population>(5'000'000, std::nullopt, tenon::order::descending))
        std::printf("%s has %lld people\n", row.name.c_str(), static_cast<long long>(row.population));
    for (auto const& hit : view.search<&place::name>("sao new", 5))
        std::printf("%s answers \"sao new\" with score %.2f\n", hit.row.name.c_str(), hit.score);
    for (auto const& hit : view.closest<&place::climate>(std::array{5.0f, 20.0f, 6.0f}, 3))
        std::printf("%s has a climate like Versailles\n", hit.row.name.c_str());
}

tenon::result<void> look_up(atlas_db const& db) {
    auto paris = db.snapshot().get<place>(2);
    if (!paris) return tenon::fail(paris.error());  // the world failed: I/O, damage
    if (!*paris) return tenon::fail(tenon::errc::not_found, "there is no place 2");
    std::printf("place 2 is %s\n", (**paris).name.c_str());
    return {};
}

tenon::result<void> move_people(atlas_db& db, std::uint64_t from, std::uint64_t to, std::int64_t people) {
    auto moved = tenon::retry(db, [&](auto& tx) -> tenon::result<void> {
        for (auto [id, change] : {std::pair{from, -people}, std::pair{to, people}}) {
            auto found = tx.template get<place>(id);
            if (!found) return tenon::fail(found.error());
            if (!*found) return tenon::fail(tenon::errc::not_found, "there is no place " + std::to_string(id));
            (**found).population += change;
            if (auto done = tx.update(**found); !done) return done;
        }
        return {};
    });
    if (!moved) return tenon::fail(moved.error());
    return {};
}

void be_refused(atlas_db& db) {
    auto tx = db.begin();
    if (auto done = tx.insert(some_places[0]); !done) std::printf("refused: %s\n", done.error().message.c_str());
    place atlantis{10, "Atlantis", 0, {-24, 311}, {}};
    if (auto done = tx.insert(atlantis); !done) std::printf("refused: %s\n", done.error().message.c_str());
    if (!tx.commit()) std::puts("nothing of this transaction is stored");
}

tenon::result<void> run(std::string const& path) {
    {
        auto db = tenon::open<atlas_db>(path);
        if (!db) return tenon::fail(db.error());
        if (auto done = add_places(*db); !done) return done;
        ask(*db);
        if (auto done = look_up(*db); !done) return done;

        auto const before = db->snapshot();
        if (auto done = move_people(*db, 2, 3, 1000); !done) return done;
        auto const then = before.get<place>(3), now = db->snapshot().get<place>(3);
        if (!then || !now || !*then || !*now) return tenon::fail(tenon::errc::not_found, "Versailles is gone");
        std::printf("Versailles had %lld people, now %lld\n", static_cast<long long>((**then).population),
                    static_cast<long long>((**now).population));
        be_refused(*db);
    }
    auto db = tenon::open<atlas_db>(path);
    if (!db) return tenon::fail(db.error());
    std::printf("opened again: %llu commits replayed from the log\n",
                static_cast<unsigned long long>(db->recovery().log_records));
    auto checked = db->verify();
    if (!checked) return tenon::fail(checked.error());
    std::printf("%llu places are there, and every index agrees with them\n",
                static_cast<unsigned long long>(checked->rows));
    return checked->rows == std::size(some_places)
               ? tenon::result<void>{}
               : tenon::fail(tenon::errc::corrupt, "another number of places was expected");
}

int main(int argc, char** argv) {
    auto const scratch = std::filesystem::temp_directory_path() / ("tenon-" + std::to_string(std::random_device{}()));
    if (argc < 2) std::filesystem::create_directory(scratch);
    auto const done = run(argc < 2 ? (scratch / "first.tenon").string() : argv[1]);
    if (argc < 2) std::filesystem::remove_all(scratch);
    if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
    return done ? 0 : 1;
}
