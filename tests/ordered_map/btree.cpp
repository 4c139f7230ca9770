// SPDX-License-Identifier: Apache-2.0
#include "tenon/ordered_map/btree.hpp"
#include "tenon/core/cleared_pages.hpp"
#include "tenon/core/hash.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/testing/ordered_map.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace tenon;

namespace {

/// Keys with shared beginnings of many lengths, zeros inside, and some that are the beginning of others.
std::string awkward(std::uint64_t i) {
    auto const h = hash_u64(i);
    auto       s = std::string(h % 5 * 7, static_cast<char>('a' + h / 5 % 3));
    if (h % 7 == 0) s += std::string(h / 7 % 4, '\0');
    if (h % 11 != 0) s += std::to_string(h % 1000);
    if (h % 13 == 0) s += '\xff';
    return s;
}

template <class Map, class Model>
void same(Map const& map, Model const& model) {
    auto c = map.cursor();
    c.seek_first();
    for (auto const& [key, value] : model) {
        REQUIRE(c.valid());
        REQUIRE(c.key() == key);
        REQUIRE(c.value() == value);
        c.next();
    }
    REQUIRE_FALSE(c.valid());
    c.seek_last();
    for (auto m = model.rbegin(); m != model.rend(); ++m, c.prev()) REQUIRE(c.key() == m->first);
    REQUIRE_FALSE(c.valid());
}

/// Does something to the map in the middle of an operation, at the comparison that is chosen, as another thread might.
struct meddling_less {
    static inline int                   countdown = -1;
    static inline std::function<void()> meddle;

    bool operator()(std::uint64_t a, std::uint64_t b) const {
        if (countdown >= 0 && countdown-- == 0) meddle();
        return a < b;
    }
};

/// The same, when the value is made.
struct meddling_value {
    static inline bool now = false;

    meddling_value(int v) : value(v) {
        if (std::exchange(now, false)) meddling_less::meddle();
    }
    bool operator==(int v) const { return value == v; }
    int  value;
};

/// Fifty keys in a cluster around `k`, which split its leaf and those beside it.
template <class Map>
void crowd(Map& map, std::uint64_t k) {
    for (std::uint64_t i = 1; i <= 50; ++i) map.insert(k + i, 0), map.insert(k - i, 0);
}

}  // namespace

TEST_CASE_TEMPLATE("a look-up that a writer disturbs at any comparison is right", Policy, btree, shared_btree) {
    constexpr std::uint64_t keys = 3000, gap = 1000;
    for (std::uint64_t probe : {1u, 700u, 1499u, 1500u, 2980u}) {
        CAPTURE(probe);
        int disturbed = 0;
        for (int at = 0; at < 30; ++at) {
            CAPTURE(at);
            using map_type = typename Policy::template map<std::uint64_t, int, meddling_less>;
            map_type   map;
            auto const k = probe * gap;
            for (std::uint64_t i = 0; i < keys; ++i) map.insert(hash_u64(i) % keys * gap, 0);
            for (std::uint64_t i = 0; i < keys; ++i) map.insert(i * gap, 0);
            int  operation = 0;
            auto c         = map.cursor();
            for (auto const& run : std::vector<std::function<void()>>{
                     [&] { REQUIRE(map.find(k) != nullptr); },
                     [&] {
                         c.seek(k);
                         REQUIRE(c.valid());
                         REQUIRE(c.key() == k);
                     },
                     [&] {
                         c.seek_before(k);
                         REQUIRE(c.valid());
                         REQUIRE(c.key() < k);
                         REQUIRE(c.key() >= k - gap);
                     },
                     [&] {
                         c.seek(k - gap / 2);  // absent: may stand before or after what was put there meanwhile
                         REQUIRE(c.valid());
                         REQUIRE(c.key() >= k - gap / 2);
                         REQUIRE(c.key() <= k);
                     },
                 }) {
                CAPTURE(operation);
                meddling_less::meddle = [&] {
                    ++disturbed;
                    auto const cluster =
                        k - (operation % 2 == 0 ? 60u : 200u) - static_cast<unsigned>(operation) * 110u;
                    crowd(map, cluster);
                    crowd(map, k + 100 + static_cast<unsigned>(operation) * 110u);
                };
                meddling_less::countdown = at;
                run();
                meddling_less::countdown = -1;
                ++operation;
            }
        }
        CHECK(disturbed > 40);
    }
}

TEST_CASE("an insertion that another one disturbs keeps order and loses nothing") {
    for (std::uint64_t probe : {0u, 1u, 700u, 1499u, 2999u}) {
        CAPTURE(probe);
        for (int at = -1; at < 30; ++at) {  // -1: when the value is made
            CAPTURE(at);
            shared_btree::map<std::uint64_t, meddling_value, meddling_less> map;
            std::map<std::uint64_t, int>                                    model;
            auto const                                                      put = [&](std::uint64_t k, int v) {
                map.insert(k, v);
                model.emplace(k, v);
            };
            auto const k = 1000 + probe * 1000 + 500;
            for (std::uint64_t i = 0; i < 3000; ++i) put(1000 + hash_u64(i) % 3000 * 1000, 0);
            for (int same_key = 0; same_key < 2; ++same_key) {
                bool disturbed        = false;
                meddling_less::meddle = [&] {
                    disturbed = true;
                    if (same_key == 1) put(k + 7, 2);
                    for (std::uint64_t i = 1; i <= 50; ++i) put(k + 10 * i, 1), put(k - 3 * i, 1);
                };
                meddling_less::countdown   = at;
                meddling_value::now        = at < 0;
                auto const [place, is_new] = map.insert(k + 7 * static_cast<unsigned>(same_key), 3);
                meddling_less::countdown   = -1;
                REQUIRE(is_new == !(same_key == 1 && disturbed));
                REQUIRE(*place == (is_new ? 3 : 2));
                model.emplace(k + 7 * static_cast<unsigned>(same_key), 3);
            }
            same(map, model);
            REQUIRE(map.size() == model.size());
        }
    }
}

TEST_CASE_TEMPLATE("a B+-tree is read while it is written", Policy, btree, shared_btree) {
    for (std::uint64_t seed : {1u, 2u}) {
        CAPTURE(seed);
        testing::report r;
        testing::check_concurrent_reads<Policy>(seed, 2, 5000, r);
        INFO(r.text());
        CHECK(r.passed());
    }
}

TEST_CASE("text keys with shared beginnings stay in order through insertion and erasure") {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        CAPTURE(seed);
        prng                                      random(seed);
        btree::map<std::string, int, std::less<>> map;
        std::map<std::string, int, std::less<>>   model;
        for (int i = 0; i < 8000; ++i) {
            bool const grow = i / 2000 % 2 == 0;
            auto const key  = (seed % 2 == 0 ? "tenant/0000000017/" : "") + awkward(random.below(3000));
            if (random.chance(grow ? 0.8 : 0.2)) {
                REQUIRE(map.insert(key, i).second == model.emplace(key, i).second);
            } else {
                REQUIRE(map.erase(key) == (model.erase(key) == 1));
            }
            auto const probe = awkward(random.below(3000));
            auto       c     = map.cursor();
            c.seek(std::string_view(probe));
            auto const m = model.lower_bound(probe);
            REQUIRE(c.valid() == (m != model.end()));
            if (c.valid()) REQUIRE(c.key() == m->first);
            c.seek_before(std::string_view(probe));
            REQUIRE(c.valid() == (m != model.begin()));
            if (c.valid()) REQUIRE(c.key() == std::prev(m)->first);
            REQUIRE(map.find(probe.c_str()) == map.find(std::string(probe.c_str())));
            if (i % 1000 == 999) same(map, model);
        }
        same(map, model);
    }
}

TEST_CASE("numbers are ordered in both directions and look-ups by other types agree") {
    btree::map<std::int32_t, int, std::less<>>        up;
    btree::map<double, int, std::greater<>>           down;
    btree::map<std::pair<int, int>, int, std::less<>> pairs;
    std::map<std::int32_t, int>                       up_model;
    std::map<double, int, std::greater<>>             down_model;
    std::map<std::pair<int, int>, int>                pair_model;
    prng                                              random(7);
    for (int i = 0; i < 3000; ++i) {
        auto const k = static_cast<std::int32_t>(random.between(-1000, 1000));
        CHECK(up.insert(k, i).second == up_model.emplace(k, i).second);
        CHECK(down.insert(k / 8.0, i).second == down_model.emplace(k / 8.0, i).second);
        CHECK(pairs.insert(std::pair{k % 10, k}, i).second == pair_model.emplace(std::pair{k % 10, k}, i).second);
    }
    same(up, up_model);
    same(down, down_model);
    same(pairs, pair_model);
    for (int k = -1001; k <= 1001; ++k) {
        CHECK((up.find(static_cast<long>(k)) != nullptr) == up_model.contains(k));
        CHECK((up.find(k + 0.5) != nullptr) == false);
        CHECK((down.find(static_cast<float>(k)) != nullptr) == down_model.contains(k));
    }
    CHECK(down.find(-0.0) == down.find(0.0));
}

TEST_CASE("what erased keys held is used again") {
    btree::map<std::uint64_t, std::string, std::less<>> map;
    for (std::uint64_t i = 0; i < 1'000; ++i) map.insert(i, "a value too long for the string itself to hold");
    auto const before = map.bytes();
    for (std::uint64_t i = 0; i < 50'000; ++i) {
        REQUIRE(map.erase(i));
        map.insert(i + 1'000, std::to_string(i));
        REQUIRE(map.size() == 1'000);
    }
    CHECK(map.bytes() < 2 * before);
}

TEST_CASE(
    "a tree that takes cleared pages holds what it holds without, also in pages that somebody else has written to") {
    constexpr std::uint64_t seed = 31;
    CAPTURE(seed);
    prng          random(seed);
    cleared_pages pages(4);
    pages.start();
    for (auto* p = pages.take();; p = pages.take()) {  // some are ready when the tree has grown
        if (p == nullptr) {
            std::this_thread::yield();
            continue;
        }
        huge_pages::deallocate(p, huge_page_size);
        break;
    }
    std::map<std::uint64_t, std::uint64_t> model;
    {
        btree::map<std::uint64_t, std::uint64_t, std::less<>> map;
        map.take_pages_from(&pages);
        for (int i = 0; i < 200'000; ++i) {
            auto const key = random.below(150'000);
            if (random.chance(0.1)) {
                REQUIRE(map.erase(key) == (model.erase(key) > 0));
            } else {
                REQUIRE(map.insert(key, key * 3).second == model.emplace(key, key * 3).second);
            }
        }
        CHECK(map.bytes() > 4 << 20);
        same(map, model);
        auto moved = std::move(map);
        for (std::uint64_t key = 1'000'000; key < 1'100'000; ++key) {
            REQUIRE(moved.insert(key, 7).second);
            model.emplace(key, 7);
        }
        same(moved, model);
    }
}

TEST_CASE("keys in order are appended without a search") {
    struct counting_less {
        std::uint64_t* calls;
        bool           operator()(std::uint64_t x, std::uint64_t y) const { return ++*calls, x < y; }
    };
    std::uint64_t                                 calls = 0;
    constexpr std::uint64_t                       keys  = 20'000;
    btree::map<std::uint64_t, int, counting_less> map(counting_less{&calls});
    for (std::uint64_t i = 0; i < keys; ++i) map.insert(i, 0);
    CHECK(calls < 3 * keys);  // one each, and a search for each leaf that is full
}

TEST_CASE("keys in order fill nodes wholly") {
    btree::map<std::uint64_t, std::uint64_t, std::less<>> map;
    for (std::uint64_t i = 0; i < 100'000; ++i) map.insert(i, i);
    CHECK(map.bytes() < 100'000 * 37);  // 16 for the entry, 16 for its place in a leaf, and little else
    for (std::uint64_t i = 0; i < 100'000; i += 97) CHECK(*map.find(i) == i);
}

TEST_CASE("a B+-tree takes keys and values that cannot move or copy, and over-aligned ones") {
    struct alignas(64) wide {
        explicit wide(int v) : value(v) {}
        wide(wide const&) = delete;
        int value;
    };
    btree::map<std::unique_ptr<int>, wide, std::less<>> map;
    for (int i = 0; i < 100; ++i) {
        auto const [place, is_new] = map.insert(std::make_unique<int>(i), i);
        CHECK(is_new);
        CHECK(place->value == i);
        CHECK(reinterpret_cast<std::uintptr_t>(place) % 64 == 0);
    }
    auto moved = std::move(map);
    CHECK(moved.size() == 100);
    CHECK(map.size() == 0);
    CHECK(map.insert(nullptr, 1).second);
    CHECK(moved.insert(nullptr, 1).second);
    CHECK(moved.size() == 101);
    moved = std::move(map);
    CHECK(moved.size() == 1);
}

TEST_CASE("a B+-tree keeps a key whose value's constructor threw out") {
    struct picky {
        explicit picky(int v) : value(v) {
            if (v < 0) throw v;
        }
        int value;
    };
    btree::map<std::string, picky, std::less<>> map;
    CHECK_THROWS_AS(map.insert("z", -1), int);
    CHECK(map.size() == 0);
    for (int i = 0; i < 100; ++i) {
        auto const key = std::string(50, 'b') + std::to_string(hash_u64(static_cast<std::uint64_t>(i)));
        CHECK_THROWS_AS(map.insert(key, -1), int);
        CHECK(map.find(key) == nullptr);
        CHECK(map.insert(key, i).second);
        CHECK(map.find(key)->value == i);
        CHECK(map.size() == static_cast<std::size_t>(i) + 1);
    }
}

TEST_CASE("a cursor goes on while keys are inserted around it") {
    for (std::uint64_t seed : {1u, 2u, 3u}) {
        CAPTURE(seed);
        prng                                        random(seed);
        btree::map<std::uint64_t, int, std::less<>> map;
        std::set<std::uint64_t>                     model;
        for (int i = 0; i < 500; ++i) {
            auto const k = random.below(100'000);
            map.insert(k, 0);
            model.insert(k);
        }
        auto c = map.cursor();
        c.seek_first();
        for (int i = 0; i < 5000; ++i) {
            auto const k = random.below(100'000);
            map.insert(k, 0);
            model.insert(k);
            bool const forward = i / 500 % 2 == 0;
            auto const m       = forward ? model.upper_bound(c.key()) : model.find(c.key());
            if (forward ? m == model.end() : m == model.begin()) continue;
            auto const want = forward ? *m : *std::prev(m);
            forward ? c.next() : c.prev();
            REQUIRE(c.valid());
            REQUIRE(c.key() == want);
        }
    }
}

TEST_CASE("several threads insert while others read: nothing is lost and each key has one winner") {
    for (std::uint64_t seed : {1u, 2u, 3u}) {
        CAPTURE(seed);
        constexpr std::uint64_t                                  keys    = 4000;
        constexpr std::size_t                                    writers = 3;
        shared_btree::map<std::string, std::size_t, std::less<>> map;
        std::vector<std::size_t>                                 won(writers);
        std::vector<std::string>                                 broken(writers + 1);
        std::vector<std::thread>                                 threads;
        std::atomic<std::size_t>                                 running{writers};
        auto const                                               key = [&](std::uint64_t i) {
            return (i % 3 == 0 ? "a shared beginning " : "") + std::to_string(hash_u64(seed * keys + i));
        };
        for (std::size_t t = 0; t < writers; ++t)
            threads.emplace_back([&, t] {
                prng random(seed + 100 * t);
                for (std::uint64_t i = 0; i < keys; ++i) {  // all of them, each thread in an order of its own
                    auto const n               = t == 0 ? i : t == 1 ? keys - 1 - i : (i * 2654435761u + seed) % keys;
                    auto const [place, is_new] = map.insert(key(n), t);
                    won[t] += is_new;
                    if (is_new != (*place == t)) broken[t] = "the value is not the winner's";
                    auto const back = random.below(i + 1);
                    if (t == 0 && map.find(key(back)) == nullptr) broken[t] = "a key of its own is lost";
                }
                running.fetch_sub(1);
            });
        threads.emplace_back([&] {
            auto c = map.cursor();
            while (running.load() > 0) {
                std::string last;
                std::size_t count = 0, before = map.size();
                for (c.seek_first(); c.valid(); c.next(), ++count) {
                    if (count > 0 && !(last < c.key())) broken[writers] = "a cursor went backwards";
                    last = c.key();
                }
                if (count + writers < before) broken[writers] = "a cursor missed keys";
                for (c.seek_last(); c.valid() && count > 0; c.prev(), --count) {
                    if (last < c.key() && c.key() < last) broken[writers] = "an impossible order";
                    last = c.key();
                }
            }
        });
        for (auto& t : threads) t.join();
        for (auto const& b : broken) CHECK(b == "");
        CHECK(won[0] + won[1] + won[2] == keys);
        CHECK(map.size() == keys);
        std::size_t count = 0;
        std::string last;
        auto        c = map.cursor();
        for (c.seek_first(); c.valid(); c.next(), ++count) {
            REQUIRE((count == 0 || last < c.key()));
            last = c.key();
        }
        CHECK(count == keys);
        for (std::uint64_t i = 0; i < keys; ++i) REQUIRE(map.find(key(i)) != nullptr);
    }
}

TEST_CASE("erasing all but a few leaves a tree that takes keys again") {
    for (std::uint64_t seed : {1u, 2u, 3u}) {
        CAPTURE(seed);
        prng                                                  random(seed);
        btree::map<std::uint64_t, std::uint64_t, std::less<>> map;
        std::map<std::uint64_t, std::uint64_t>                model;
        for (int round = 0; round < 4; ++round) {
            for (int i = 0; i < 5000; ++i) {
                auto const k = random.below(20'000);
                map.insert(k, k);
                model.emplace(k, k);
            }
            auto const low = random.below(15'000);
            for (auto k = low; k < low + 5000; ++k) REQUIRE(map.erase(k) == (model.erase(k) == 1));  // whole subtrees
            for (int i = 0; i < 40'000; ++i) {
                auto const k = random.below(20'000);
                REQUIRE(map.erase(k) == (model.erase(k) == 1));
                if (i % 5000 == 0) same(map, model);
            }
            same(map, model);
        }
    }
}
