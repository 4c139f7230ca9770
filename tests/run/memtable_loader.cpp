// SPDX-License-Identifier: Apache-2.0
// A memtable that is loaded at once answers as one that was given every version alone.
#include "tenon/run/memtable_loader.hpp"

#include "tenon/core/prng.hpp"
#include "tenon/database.hpp"
#include "tenon/ordered_map/std_map.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using tenon::byte_vector;
using tenon::byte_view;
using tenon::position;
using tenon::row_version;
using tenon::timestamp;

struct shop {
    std::string          id;
    std::string          name;
    std::int64_t         visitors = 0;
    tenon::lonlat        where;
    std::array<float, 2> look{};
};
template <class... Policies>
using shops =
    tenon::table<"shops", shop, tenon::columns<&shop::id, &shop::name, &shop::visitors, &shop::where, &shop::look>,
                 tenon::primary<&shop::id>, tenon::ordered<&shop::visitors>, tenon::text<&shop::name>,
                 tenon::spatial<&shop::where>, tenon::nearest<&shop::look>, Policies...>;

struct write {
    byte_vector key, record;
    bool        tombstone = false;
    timestamp   at        = 0;
};
/// Keys of a shape that sorting could get wrong.
using key_maker = std::function<std::string(tenon::prng&, std::uint64_t i)>;
std::vector<std::pair<char const*, key_maker>> const shapes{
    {"scattered", [](tenon::prng& r, std::uint64_t) { return std::to_string(tenon::hash_u64(r.below(3000))); }},
    {"ascending", [](tenon::prng&, std::uint64_t i) { return std::to_string(1'000'000'000'000 + i); }},
    {"descending", [](tenon::prng&, std::uint64_t i) { return std::to_string(1'000'000'000'000 - i); }},
    {"alike in the first eight bytes",
     [](tenon::prng& r, std::uint64_t) { return "beginning " + std::to_string(r.below(2000)); }},
    {"one key", [](tenon::prng&, std::uint64_t) { return std::string("only"); }},
    {"beginnings of one another", [](tenon::prng& r, std::uint64_t) { return std::string(r.below(40), '\0'); }},
    {"far apart",
     [](tenon::prng& r, std::uint64_t) {
         return r.chance(0.5) ? std::string(1 + r.below(3), '\xff') + std::to_string(r.below(50))
                              : std::to_string(r.below(9));
     }},
};

std::vector<write> make_writes(tenon::prng& random, std::size_t n, key_maker const& key) {
    std::vector<write> out;
    timestamp          at = 7;
    for (std::uint64_t i = 0; i < n; ++i) {
        shop s;
        s.id       = key(random, i);
        s.name     = std::string(random.chance(0.5) ? "old mill " : "new ") + std::to_string(random.below(20));
        s.visitors = random.between(-9, 9);
        s.where    = {static_cast<double>(random.between(-170, 170)), static_cast<double>(random.between(-80, 80))};
        s.look     = {static_cast<float>(random.below(9)), static_cast<float>(random.below(9))};
        write w;
        w.key       = shops<>::key_bytes(s);
        w.tombstone = random.chance(0.2);
        w.at        = at += random.below(2);  // several writes of one commit
        if (!w.tombstone) shops<>::schema_type::encode(w.record, s);
        out.push_back(std::move(w));
    }
    return out;
}

bool same(row_version const* a, row_version const* b) {
    if (a == nullptr || b == nullptr) return a == b;
    return a->at == b->at && a->where == b->where && a->tombstone == b->tombstone && a->dead == b->dead &&
           tenon::as_chars(a->key()) == tenon::as_chars(b->key()) &&
           tenon::as_chars(a->record()) == tenon::as_chars(b->record());
}
/// Everything that a delta answers.
template <class Delta>
auto answers(Delta const& d) {
    std::vector<std::pair<std::string, position>> out;
    typename Delta::cursor                        c(d);
    for (c.seek_first(); c.valid(); c.next()) out.emplace_back(c.entry(), c.where());
    return out;
}

template <class Table>
void compare(tenon::memtable<Table> const& alone, tenon::memtable<Table> const& loaded,
             std::vector<write> const& writes) {
    REQUIRE(alone.size() == loaded.size());
    std::uint64_t wrong = 0;
    for (position i = 0; i < alone.size(); ++i) wrong += !same(alone.at(i), loaded.at(i));
    REQUIRE(wrong == 0);
    std::set<timestamp> moments{0, ~timestamp{0}};
    for (std::size_t i = 0; i < writes.size(); i += writes.size() / 7 + 1) moments.insert(writes[i].at);
    for (auto const& w : writes) {
        for (auto const upto : moments) wrong += !same(alone.find(w.key, upto), loaded.find(w.key, upto));
        auto const *a = alone.newest(w.key), *b = loaded.newest(w.key);
        for (; a != nullptr && b != nullptr; a = a->older, b = b->older) wrong += !same(a, b);
        wrong += a != b;  // both chains have ended
    }
    REQUIRE(wrong == 0);
    for (auto const upto : moments) {
        typename tenon::memtable<Table>::cursor a(alone, upto), b(loaded, upto);
        for (a.seek_first(), b.seek_first(); a.valid() && b.valid(); a.next(), b.next())
            wrong += !same(a.version(), b.version());
        wrong += a.valid() != b.valid();
        for (a.seek_last(), b.seek_last(); a.valid() && b.valid(); a.prev(), b.prev())
            wrong += !same(a.version(), b.version());
        wrong += a.valid() != b.valid();
    }
    REQUIRE(wrong == 0);
    REQUIRE(answers(alone.template delta<0>()) == answers(loaded.template delta<0>()));
}

template <class Table>
void run(char const* policy, bool helped = false) {
    for (auto const& [shape, key] : shapes)
        for (std::size_t const n :
             {std::size_t{0}, std::size_t{1}, std::size_t{17}, std::size_t{3000}, std::size_t{20'000}}) {
            std::uint64_t const seed = 20'261'126 + n;
            CAPTURE(policy);
            CAPTURE(helped);
            CAPTURE(shape);
            CAPTURE(n);
            CAPTURE(seed);
            tenon::prng random(seed);
            auto const  writes =
                make_writes(random, shape == std::string("one key") ? std::min<std::size_t>(n, 300) : n, key);
            tenon::cleared_pages          pages;
            auto const                    alone  = std::make_unique<tenon::memtable<Table>>();
            auto const                    loaded = std::make_unique<tenon::memtable<Table>>(helped ? &pages : nullptr);
            tenon::memtable_loader<Table> loader(*loaded, helped);
            for (auto const& w : writes) {
                alone->add(w.key, w.record, w.tombstone, w.at);
                loader.add(w.key, w.record, w.tombstone, w.at);
            }
            std::vector<row_version const*> visited;
            REQUIRE(loader.finish([&](row_version const* v) {
                visited.push_back(v);
                return tenon::result<void>{};
            }));
            compare(*alone, *loaded, writes);
            // the newest version of each key, in key order, and no other
            typename tenon::memtable<Table>::cursor c(*alone, ~timestamp{0});
            std::size_t                             i = 0;
            for (c.seek_first(); c.valid(); c.next(), ++i) {
                REQUIRE(i < visited.size());
                REQUIRE(same(c.version(), visited[i]));
            }
            REQUIRE(i == visited.size());
            // and it goes on like any other
            for (auto const& w : make_writes(random, 200, key)) {
                alone->add(w.key, w.record, w.tombstone, w.at + 1'000'000);
                loaded->add(w.key, w.record, w.tombstone, w.at + 1'000'000);
                REQUIRE(same(alone->newest(w.key), loaded->newest(w.key)));
                REQUIRE(same(alone->newest(w.key)->older, loaded->newest(w.key)->older));
            }
            REQUIRE(answers(alone->template delta<0>()) == answers(loaded->template delta<0>()));
        }
}

}  // namespace

TEST_CASE("a memtable that is loaded at once holds what one has that was given each version alone") {
    run<shops<>>("btree");
    run<shops<tenon::std_map>>("std_map");
}

TEST_CASE("so does one that is loaded with threads that clear pages and sort ahead") { run<shops<>>("btree", true); }

TEST_CASE("an error of who visits ends the loading, and its threads") {
    for (bool const helped : {false, true}) {
        CAPTURE(helped);
        tenon::cleared_pages            pages;
        tenon::memtable<shops<>>        table(helped ? &pages : nullptr);
        tenon::memtable_loader<shops<>> loader(table, helped);
        tenon::prng                     random(1);
        for (auto const& w : make_writes(random, helped ? 50'000 : 50, shapes[0].second))
            loader.add(w.key, w.record, w.tombstone, w.at);
        int        calls = 0;
        auto const done  = loader.finish([&](row_version const*) -> tenon::result<void> {
            if (++calls == 3) return tenon::fail(tenon::errc::corrupt, "the third");
            return {};
        });
        REQUIRE(!done);
        CHECK(done.error().message == "the third");
        CHECK(calls == 3);
    }
}

TEST_CASE("cleared pages are whole, ours to write and each handed out once") {
    tenon::cleared_pages pages;
    CHECK(pages.take() == nullptr);  // nothing was begun
    pages.start();
    pages.start();
    std::set<std::byte*> taken;
    while (taken.size() < 40) {  // more than are kept ready
        auto* const p = pages.take();
        if (p == nullptr) {
            std::this_thread::yield();
            continue;
        }
        REQUIRE(reinterpret_cast<std::uintptr_t>(p) % tenon::huge_page_size == 0);
        REQUIRE(taken.insert(p).second);
        std::fill(p, p + tenon::huge_page_size, static_cast<std::byte>(taken.size()));
    }
    std::set<std::byte> fills;  // nobody else has written to one since
    for (auto* p : taken) {
        REQUIRE(std::all_of(p, p + tenon::huge_page_size, [&](std::byte b) { return b == *p; }));
        CHECK(fills.insert(*p).second);
    }
    pages.stop();
    CHECK(pages.take() == nullptr);
    for (auto* p : taken) tenon::huge_pages::deallocate(p, tenon::huge_page_size);
}
