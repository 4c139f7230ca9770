// SPDX-License-Identifier: Apache-2.0
#include "tenon/ordered_map/learned_map.hpp"

#include "tenon/core/cleared_pages.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/testing/key_sets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <numeric>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

using namespace tenon;

namespace {

template <class Map>
void check_valid(Map const& map) {
    auto const valid = map.validate();
    INFO((valid ? std::string() : valid.error().message));
    REQUIRE(valid.has_value());
}

/// Size, both directions of iteration, and invariants.
template <class Map, class Model>
void check_same(Map const& map, Model const& model) {
    check_valid(map);
    REQUIRE(map.size() == model.size());
    REQUIRE(map.empty() == model.empty());
    auto const same = [](auto const& a, auto const& b) { return a.first == b.first && a.second == b.second; };
    CHECK(std::equal(map.begin(), map.end(), model.begin(), model.end(), same));
    CHECK(std::equal(map.rbegin(), map.rend(), model.rbegin(), model.rend(), same));
}

/// The entry at an iterator of the map is that at an iterator of the model.
template <class Map, class Model, class I, class J>
bool same_place(Map const& map, Model const& model, I at, J expected) {
    if (expected == model.end()) return at == map.end();
    return at != map.end() && at->first == expected->first && at->second == expected->second;
}

/// Random operations against std::map; `key(i)` makes the i-th key of the domain.
template <class Key, class Compare, class MakeKey>
void check_against_model(std::uint64_t seed, std::size_t operations, std::uint64_t domain, MakeKey key) {
    prng                                     random(seed);
    learned_map<Key, std::uint64_t, Compare> map;
    std::map<Key, std::uint64_t, Compare>    model;
    for (std::size_t i = 0; i < operations; ++i) {
        CAPTURE(i);
        auto const k       = key(random.below(domain));
        bool const growing = (4 * i / operations) % 2 == 0;
        auto const op      = random.below(12);
        if (op < (growing ? 6u : 2u)) {
            auto const [at, is_new]          = map.insert({k, i});
            auto const [expected, model_new] = model.insert({k, i});
            REQUIRE(is_new == model_new);
            REQUIRE(same_place(map, model, at, expected));
        } else if (op < 8) {
            REQUIRE(map.erase(k) == model.erase(k));
        } else if (op == 8) {
            auto at = map.find(k);
            REQUIRE(same_place(map, model, at, model.find(k)));
            REQUIRE(map.contains(k) == (model.count(k) > 0));
            if (at != map.end()) {
                auto const next = model.erase(model.find(k));
                REQUIRE(same_place(map, model, map.erase(at), next));
            }
        } else if (op == 9) {
            REQUIRE(same_place(map, model, map.lower_bound(k), model.lower_bound(k)));
            REQUIRE(same_place(map, model, map.upper_bound(k), model.upper_bound(k)));
            REQUIRE(map.count(k) == model.count(k));
        } else if (op == 10) {
            map[k]            = i;
            model[k]          = i;
            auto const* value = map.get(k);
            REQUIRE(value != nullptr);
            REQUIRE(*value == i);
        } else {
            auto at       = map.lower_bound(k);
            auto expected = model.lower_bound(k);
            for (int step = 0; step < 40 && expected != model.begin() && expected != model.end(); ++step) {
                if (random.chance(0.4)) ++at, ++expected;
                else --at, --expected;
                REQUIRE(same_place(map, model, at, expected));
            }
        }
        if (i < 200 || i % (operations / 16) == 0) check_same(map, model);
    }
    check_same(map, model);
    while (!model.empty()) {  // until nothing is left, in random order
        auto const k      = key(random.below(domain));
        auto const at     = model.lower_bound(k);
        auto const victim = at == model.end() ? model.begin()->first : at->first;
        REQUIRE(map.erase(victim) == 1);
        model.erase(victim);
        if (model.size() % 512 == 0) check_same(map, model);
    }
    check_same(map, model);
}

std::uint64_t mixed(std::uint64_t i) { return i * 0x9e3779b97f4a7c15u; }

/// Orders by the last three digits first: no projection goes along.
struct by_end {
    bool operator()(std::uint64_t a, std::uint64_t b) const { return std::pair(a % 1000, a) < std::pair(b % 1000, b); }
};

/// Counts allocations; throws at one of them.
struct ledger {
    std::size_t alive = 0, bytes = 0, made = 0, fail_at = std::numeric_limits<std::size_t>::max();
    std::size_t taken = 0;  // bytes, those that went back included
};
template <class T>
struct counting_allocator {
    using value_type = T;
    explicit counting_allocator(ledger& l) : book(&l) {}
    template <class U>
    counting_allocator(counting_allocator<U> const& other) : book(other.book) {}
    T* allocate(std::size_t n) {
        if (book->made++ == book->fail_at) throw std::bad_alloc();
        auto* const p = ::operator new(n * sizeof(T), std::align_val_t{alignof(T)});
        ++book->alive;
        book->bytes += n * sizeof(T);
        book->taken += n * sizeof(T);
        return static_cast<T*>(p);
    }
    void deallocate(T* p, std::size_t n) {
        --book->alive;
        book->bytes -= n * sizeof(T);
        ::operator delete(p, std::align_val_t{alignof(T)});
    }
    friend bool operator==(counting_allocator const& a, counting_allocator const& b) { return a.book == b.book; }
    ledger*     book;
};
template <class Key, class Value>
using counted_map = learned_map<Key, Value, std::less<>, counting_allocator<std::pair<Key const, Value>>>;

/// Copies throw when the budget is used up; the living are counted.
struct brittle {
    explicit brittle(std::uint64_t v = 0) : value(v) { ++alive; }
    brittle(brittle const& other) : value(other.value) {
        if (budget-- == 0) throw std::runtime_error("no more copies");
        ++alive;
    }
    brittle(brittle&& other) noexcept : value(other.value) { ++alive; }
    brittle& operator=(brittle const&) = default;
    ~brittle() { --alive; }
    friend auto operator<=>(brittle const& a, brittle const& b) { return a.value <=> b.value; }
    friend bool operator==(brittle const& a, brittle const& b) { return a.value == b.value; }

    std::uint64_t              value;
    static inline std::int64_t alive = 0, budget = -1;
};

/// Counts how often its kind was moved.
struct carried {
    explicit carried(std::uint64_t v = 0) : value(v) {}
    carried(carried&& other) noexcept : value(other.value) { ++moves; }
    carried& operator=(carried&& other) noexcept {
        ++moves;
        value = other.value;
        return *this;
    }
    std::uint64_t             value;
    static inline std::size_t moves = 0;
};

/// Orders of insertion: the i-th of n new keys, none of them a multiple of 2^32, as those are that were there before.
struct insertion_order {
    char const* name;
    std::uint64_t (*key)(std::uint64_t i, std::uint64_t n);
};
constexpr insertion_order insertion_orders[] = {
    {"scattered", [](std::uint64_t i, std::uint64_t) { return i * 0x9e3779b97f4a7c15u | 1; }},
    {"ascending", [](std::uint64_t i, std::uint64_t) { return (std::uint64_t{1} << 63) + 2 * i + 1; }},
    {"descending", [](std::uint64_t i, std::uint64_t n) { return (std::uint64_t{1} << 62) + 2 * (n - i) + 1; }},
    {"into one gap from both sides",
     [](std::uint64_t i, std::uint64_t) { return i % 2 == 0 ? i + 1 : 0xffffffff - i; }},
    {"at doubling distances",
     [](std::uint64_t i, std::uint64_t) { return (std::uint64_t{1} << (33 + i % 30)) + i + 1; }},
};

struct celsius {
    std::int32_t tenths;
    friend auto  operator<=>(celsius const&, celsius const&) = default;
};

}  // namespace

template <>
struct tenon::key_codec<celsius> {
    static constexpr bool        fixed_size = true, exact_u64 = false;
    static constexpr std::size_t size = 4;
    static bool                  encodable(celsius const&) { return true; }
    static void encode(byte_vector& out, celsius const& c) { key_codec<std::int32_t>::encode(out, c.tenths); }
};

TEST_CASE("a learned map agrees with std::map under random operations, for numbers of every kind") {
    for (std::uint64_t seed : {1u, 2u}) {
        CAPTURE(seed);
        check_against_model<std::uint64_t, std::less<>>(seed, 60'000, 40'000, mixed);
        check_against_model<std::uint64_t, std::less<std::uint64_t>>(seed, 40'000, 20'000, [](auto i) { return i; });
        check_against_model<std::uint64_t, std::greater<>>(seed, 40'000, 20'000, mixed);
        check_against_model<std::int32_t, std::less<>>(seed, 40'000, 20'000, [](auto i) {
            return static_cast<std::int32_t>(static_cast<std::int64_t>(i) * 200'000 - 2'000'000'000);
        });
        check_against_model<std::int64_t, std::greater<>>(seed, 20'000, 10'000,
                                                          [](auto i) { return static_cast<std::int64_t>(i) - 5'000; });
        check_against_model<std::uint8_t, std::less<>>(seed, 5'000, 256,
                                                       [](auto i) { return static_cast<std::uint8_t>(i); });
        check_against_model<double, std::less<>>(seed, 40'000, 20'000, [](auto i) {
            return std::ldexp(static_cast<double>(i) - 10'000, static_cast<int>(i % 40));
        });
        check_against_model<float, std::greater<>>(seed, 20'000, 10'000,
                                                   [](auto i) { return static_cast<float>(i) - 5'000.5F; });
    }
}

TEST_CASE("a learned map agrees with std::map where numbers do not tell all keys apart") {
    for (std::uint64_t seed : {1u, 2u}) {
        CAPTURE(seed);
        check_against_model<std::string, std::less<>>(seed, 30'000, 20'000,
                                                      [](auto i) { return std::to_string(mixed(i)); });
        check_against_model<std::string, std::less<>>(seed, 30'000, 20'000, [](auto i) {
            return (i % 3 == 0 ? "the same beginning " : "the same beginnings ") + std::to_string(i);
        });
        check_against_model<std::string, std::greater<std::string>>(seed, 20'000, 5'000, [](auto i) {
            return std::string(i % 40, i % 2 == 0 ? '\xff' : '\0') + std::to_string(i % 70);
        });
        check_against_model<tenon::detail::key_uint128, std::less<>>(seed, 30'000, 20'000, [](auto i) {
            return static_cast<tenon::detail::key_uint128>(i % 50) << 100 | i / 50;
        });
        check_against_model<std::pair<std::uint64_t, std::int32_t>, std::less<>>(seed, 20'000, 10'000, [](auto i) {
            return std::pair(std::uint64_t{i / 500}, static_cast<std::int32_t>(i) - 5'000);
        });
        check_against_model<celsius, std::less<>>(seed, 10'000, 4'000,
                                                  [](auto i) { return celsius{static_cast<std::int32_t>(i) - 2'000}; });
    }
}

TEST_CASE("a learned map agrees with std::map under a comparison that no number goes along with") {
    for (std::uint64_t seed : {1u, 2u}) {
        CAPTURE(seed);
        check_against_model<std::uint64_t, by_end>(seed, 40'000, 20'000, [](auto i) { return i * 7; });
    }
}

TEST_CASE("every order of inserting and erasing a few keys leaves a learned map right") {
    std::array<std::uint64_t, 6> keys{0, 1, 63, std::uint64_t{1} << 40, ~std::uint64_t{0} - 1, ~std::uint64_t{0}};
    auto                         order = keys;
    do {
        learned_map<std::uint64_t, int> map;
        std::map<std::uint64_t, int>    model;
        for (auto k : order) {
            CHECK(map.try_emplace(k, 1).second);
            CHECK_FALSE(map.try_emplace(k, 2).second);
            model.emplace(k, 1);
            check_same(map, model);
            for (auto probe : keys)
                for (auto q : {probe - 1, probe, probe + 1}) {
                    REQUIRE(same_place(map, model, map.lower_bound(q), model.lower_bound(q)));
                    REQUIRE(same_place(map, model, map.upper_bound(q), model.upper_bound(q)));
                    REQUIRE(map.contains(q) == (model.count(q) == 1));
                }
        }
        for (std::size_t i = 0; i < order.size(); ++i) {
            CHECK(map.erase(order[(i * 5 + 2) % order.size()]) == 1);
            model.erase(order[(i * 5 + 2) % order.size()]);
            check_same(map, model);
        }
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a learned map of every key set finds what is there, nothing else, and every bound") {
    for (auto const name : testing::key_set_names) {
        std::uint64_t const seed = 11;
        CAPTURE(name);
        CAPTURE(seed);
        auto keys = testing::key_set(name, 60'000, seed);
        keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
        prng                       random(seed);
        std::vector<std::uint64_t> loaded, added;
        for (auto k : keys) (random.chance(0.5) ? loaded : added).push_back(k);
        for (std::size_t i = added.size(); i > 1; --i) std::swap(added[i - 1], added[random.below(i)]);
        std::vector<std::pair<std::uint64_t, std::uint64_t>> pairs;
        for (auto k : loaded) pairs.emplace_back(k, ~k);

        auto made = learned_map<std::uint64_t, std::uint64_t>::from_sorted(pairs.begin(), pairs.end());
        REQUIRE(made.has_value());
        auto& map = *made;
        check_valid(map);
        for (auto k : added) REQUIRE(map.emplace(k, ~k).second);
        check_valid(map);
        REQUIRE(map.size() == keys.size());
        CHECK(std::equal(map.begin(), map.end(), keys.begin(), keys.end(),
                         [](auto const& entry, auto k) { return entry.first == k && entry.second == ~k; }));
        for (std::size_t i = 0; i < keys.size(); i += 7)
            for (auto q : {keys[i] - 1, keys[i], keys[i] + 1}) {
                auto const low  = std::lower_bound(keys.begin(), keys.end(), q);
                auto const here = low != keys.end() && *low == q;
                REQUIRE((map.get(q) != nullptr) == here);
                auto const at = map.lower_bound(q);
                REQUIRE((low == keys.end() ? at == map.end() : at != map.end() && at->first == *low));
                auto const high   = low + (here ? 1 : 0);
                auto const behind = map.upper_bound(q);
                REQUIRE((high == keys.end() ? behind == map.end() : behind != map.end() && behind->first == *high));
            }
        for (auto k : loaded) REQUIRE(map.erase(k) == 1);
        check_valid(map);
        for (auto k : added) REQUIRE(map.contains(k));
        for (auto k : added) REQUIRE(map.erase(k) == 1);
        CHECK(map.empty());
        CHECK(map.bytes() == sizeof map);
    }
}

TEST_CASE("ascending keys fill a learned map to the brim, over three levels of inner nodes, and go away again") {
    learned_map<std::uint64_t, std::uint8_t> map;
    std::uint64_t const                      n = 1'700'000;
    for (std::uint64_t i = 0; i < n; ++i) map.try_emplace(i * 3, static_cast<std::uint8_t>(i));
    check_valid(map);
    auto const full = map.stats();
    CHECK(full.depth == 3);

    CHECK(full.filled > 0.999);
    CHECK(full.bytes < n * 10 + (std::size_t{8} << 20));
    for (std::uint64_t i = 0; i < n; i += 997) {
        auto const* value = map.get(i * 3);
        REQUIRE(value != nullptr);
        REQUIRE(*value == static_cast<std::uint8_t>(i));
        REQUIRE(map.get(i * 3 + 1) == nullptr);
    }
    for (std::uint64_t i = 0; i < n; ++i)
        if (i % 50 != 0) REQUIRE(map.erase(i * 3) == 1);
    check_valid(map);
    CHECK(map.size() == n / 50);
    CHECK(map.bytes() < full.bytes / 3);
    CHECK(map.stats().depth < 3);
    for (std::uint64_t i = n; i > 0; --i) map.erase((i - 1) * 3);
    CHECK(map.empty());
    CHECK(map.bytes() == sizeof map);
}

TEST_CASE("descending keys, and keys that all arrive at one spot, keep a learned map balanced and filled") {
    learned_map<std::uint64_t, std::uint64_t> descending, zigzag, inward, doubling;
    std::uint64_t const                       n = 100'000;
    for (std::uint64_t i = n; i > 0; --i) descending[i] = i;
    for (std::uint64_t i = 0; i < n; ++i) {
        zigzag[i % 2 == 0 ? (std::uint64_t{1} << 63) + i : (std::uint64_t{1} << 63) - i] = i;
        inward[i % 2 == 0 ? i : ~i]                                                      = i;  // both sides of one gap
        doubling[(std::uint64_t{1} << i % 64) + i / 64]                                  = i;
    }
    for (auto const* map : {&descending, &zigzag, &inward}) {
        check_valid(*map);
        CHECK(map->size() == n);
        auto const s = map->stats();
        CHECK(s.filled > 0.6);
        CHECK(s.depth <= 2);
    }
    check_valid(doubling);
}

TEST_CASE("erasing in any direction closes up a learned map") {
    for (int direction = 0; direction < 3; ++direction) {
        CAPTURE(direction);
        learned_map<std::uint64_t, std::uint64_t> map;
        std::uint64_t const                       n = 50'000;
        for (std::uint64_t i = 0; i < n; ++i) map[mixed(i)] = i;
        auto const left = [&] { return map.size(); };
        auto const full = map.stats();
        while (left() > n / 20) {
            if (direction == 0) map.erase(map.begin());
            else if (direction == 1) map.erase(std::prev(map.end()));
            else
                map.erase(map.lower_bound(mixed(map.size())) == map.end() ? map.begin()
                                                                          : map.lower_bound(mixed(map.size())));
            if (left() % 5'000 == 0) check_valid(map);
        }
        check_valid(map);
        CHECK(map.stats().blocks < full.blocks / 8);
        CHECK(map.stats().leaves < full.leaves / 4);
    }
}

TEST_CASE("sorted pairs load a learned map; unsorted ones are refused with their rank; of equal keys the first stays") {
    using map_type = learned_map<int, std::string>;
    std::vector<std::pair<int, std::string>> pairs{{1, "a"}, {2, "b"}, {2, "c"}, {5, "d"}};
    auto const                               map = map_type::from_sorted(pairs.begin(), pairs.end());
    REQUIRE(map.has_value());
    CHECK(map->size() == 3);
    CHECK(map->at(2) == "b");
    check_valid(*map);
    pairs.emplace_back(4, "e");
    auto const refused = map_type::from_sorted(pairs.begin(), pairs.end());
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == errc::unsorted_keys);
    CHECK(refused.error().message.find("rank 4") != std::string::npos);
    CHECK(map_type::from_sorted(pairs.end(), pairs.end())->empty());

    std::vector<std::pair<double, int>> numbers{{1, 1}, {std::nan(""), 2}};
    auto const                          nan = learned_map<double, int>::from_sorted(numbers.begin(), numbers.end());
    REQUIRE_FALSE(nan.has_value());
    CHECK(nan.error().message.find("rank 1") != std::string::npos);

    std::vector<std::pair<std::unique_ptr<int>, std::unique_ptr<int>>> owned;
    owned.emplace_back(nullptr, std::make_unique<int>(7));
    auto const moved = learned_map<std::unique_ptr<int>, std::unique_ptr<int>>::from_sorted(
        std::make_move_iterator(owned.begin()), std::make_move_iterator(owned.end()));
    REQUIRE(moved.has_value());
    CHECK(*moved->at(nullptr) == 7);
}

TEST_CASE("NaN breaks a contract when inserted into a learned map and is never found; zeros are one key") {
    auto const old =
        set_contract_handler([](char const* sentence, std::source_location) { throw std::logic_error(sentence); });
    learned_map<double, int> map{{0.0, 1}, {-std::numeric_limits<double>::infinity(), 2}};
    CHECK_THROWS_AS(map.try_emplace(std::nan(""), 1), std::logic_error);
    set_contract_handler(old);
    CHECK_FALSE(map.contains(std::nan("")));
    CHECK(map.contains(-0.0));
    CHECK_FALSE(map.try_emplace(-0.0, 3).second);
    CHECK(map.begin()->second == 2);
}

TEST_CASE("a learned map is looked up by other types when its comparison is transparent") {
    learned_map<std::string, int> texts{{"one", 1}, {"two", 2}, {"three", 3}};
    CHECK(texts.find(std::string_view("two"))->second == 2);
    CHECK(texts.contains("three"));
    CHECK_FALSE(texts.contains("four"));
    CHECK(texts.lower_bound("p")->first == "three");
    CHECK(texts.upper_bound(std::string_view("three"))->first == "two");
    CHECK(texts.erase(std::string_view("one")) == 1);
    CHECK(texts.count("one") == 0);

    learned_map<std::uint64_t, int> numbers{{0, 0}, {~std::uint64_t{0}, 1}};
    CHECK(numbers.find(-1)->second == 1);  // as the comparison converts it
    CHECK(numbers.find(0)->second == 0);

    struct by_tens {
        using is_transparent = void;
        bool operator()(int a, int b) const { return a < b; }
        bool operator()(int a, std::string_view tens) const { return a / 10 < static_cast<int>(tens.size()); }
        bool operator()(std::string_view tens, int b) const { return static_cast<int>(tens.size()) < b / 10; }
    };
    learned_map<int, int, by_tens> many;
    for (int i = 0; i < 5'000; ++i) many[i] = i;
    std::string const tens(200, 'x');
    CHECK(many.count(tens) == 10);
    CHECK(many.lower_bound(tens)->first == 2'000);
    CHECK(many.upper_bound(tens)->first == 2'010);
    CHECK(many.find(tens)->first / 10 == 200);
    for (int i = 0; i < 499; ++i) REQUIRE(many.count(std::string(static_cast<std::size_t>(i), 'x')) == 10);
    CHECK(many.erase(tens) == 10);
    CHECK(many.size() == 4'990);
    check_valid(many);
}

TEST_CASE("a learned map has the rest of the interface of std::map") {
    using map_type = learned_map<std::uint64_t, std::string>;
    map_type map{{3, "c"}, {1, "a"}, {2, "b"}, {2, "x"}};
    CHECK(map.size() == 3);
    CHECK(map.at(2) == "b");
    CHECK_THROWS_AS(map.at(9), std::out_of_range);
    CHECK_FALSE(map.insert_or_assign(2, "bb").second);
    CHECK(map.insert_or_assign(4, "d").second);
    CHECK(map[2] == "bb");
    CHECK(map[7].empty());
    map.begin()->second = "aa";
    CHECK(std::as_const(map).find(1)->second == "aa");
    for (auto [key, value] : map) value += std::to_string(key);
    CHECK(map.at(4) == "d4");
    auto const [low, high] = map.equal_range(3);
    CHECK(std::distance(low, high) == 1);
    CHECK(map.key_comp()(1, 2));
    CHECK(map.value_comp()(*map.begin(), *std::next(map.begin())));
    map_type::const_iterator const as_const = map.begin();
    CHECK(as_const == map.cbegin());

    auto copy = map;
    CHECK(copy == map);
    copy.erase(copy.find(2), copy.find(7));
    CHECK(copy.size() == 2);
    CHECK_FALSE(copy == map);
    swap(copy, map);
    CHECK(map.size() == 2);
    auto moved = std::move(copy);
    CHECK(moved.size() == 5);
    CHECK(copy.empty());
    CHECK(copy.try_emplace(1, "again").second);
    copy = moved;
    CHECK(copy == moved);
    copy = map_type{{8, "h"}};
    CHECK(copy.rbegin()->first == 8);
    CHECK(erase_if(moved, [](auto const& entry) { return entry.first % 2 == 1; }) == 3);
    CHECK(moved.size() == 2);
    std::map<std::uint64_t, std::string> const source{{10, "j"}, {11, "k"}};
    std::copy(source.begin(), source.end(), std::inserter(moved, moved.end()));
    CHECK(moved.size() == 4);
    moved.try_emplace(12, moved.at(10));  // an argument that lies in the map
    CHECK(moved.at(12) == "j");
    moved.clear();
    CHECK(moved.begin() == moved.end());
    CHECK(moved.explain().find("0 keys") != std::string::npos);
    CHECK(map.explain().find("2 keys in 1 blocks") != std::string::npos);
}

TEST_CASE("keys and values that only move, wide ones, and over-aligned ones live in a learned map") {
    learned_map<std::uint64_t, std::unique_ptr<std::uint64_t>> owners;
    for (std::uint64_t i = 0; i < 20'000; ++i) owners.try_emplace(mixed(i), std::make_unique<std::uint64_t>(i));
    for (std::uint64_t i = 0; i < 20'000; i += 2) owners.erase(mixed(i));
    check_valid(owners);
    for (std::uint64_t i = 1; i < 20'000; i += 2) REQUIRE(*owners.at(mixed(i)) == i);
    auto const taken = std::move(owners);
    CHECK(taken.size() == 10'000);

    struct alignas(64) wide {
        std::array<std::uint64_t, 40> words{};
    };
    learned_map<std::string, wide> wides;
    for (std::uint64_t i = 0; i < 3'000; ++i) {
        auto const at = wides.try_emplace(std::to_string(mixed(i))).first;
        at->second.words.fill(i);
        REQUIRE(reinterpret_cast<std::uintptr_t>(&at->second) % 64 == 0);
    }
    check_valid(wides);
    for (std::uint64_t i = 0; i < 3'000; ++i) REQUIRE(wides.at(std::to_string(mixed(i))).words[39] == i);

    struct huge {
        std::array<std::uint64_t, 200> words{};
    };
    learned_map<std::uint64_t, huge> huges;
    for (std::uint64_t i = 0; i < 3'000; ++i) huges[mixed(i)].words[199] = i;
    for (std::uint64_t i = 0; i < 3'000; i += 3) huges.erase(mixed(i));
    check_valid(huges);
    for (std::uint64_t i = 0; i < 3'000; ++i)
        if (i % 3 != 0) REQUIRE(huges.at(mixed(i)).words[199] == i);
}

TEST_CASE("a learned map takes all memory from its allocator, gives all of it back, and counts it right") {
    ledger book, other_book;
    {
        using map_type = counted_map<std::uint64_t, std::string>;
        counting_allocator<std::pair<std::uint64_t const, std::string>> const mine(book), others(other_book);
        map_type                                                              map(mine);
        for (std::uint64_t i = 0; i < 30'000; ++i) map[mixed(i)] = std::to_string(i);
        CHECK(book.bytes + sizeof map == map.bytes());
        auto copy = map;
        CHECK(copy == map);
        map_type elsewhere(std::move(copy), others);
        CHECK(elsewhere == map);
        CHECK(copy.empty());
        check_valid(elsewhere);
        copy = std::move(elsewhere);
        CHECK(copy == map);
        CHECK(other_book.alive == 0);
        elsewhere = copy;
        CHECK(elsewhere.get_allocator() == others);
        CHECK(elsewhere == map);
        auto const full = book.bytes;
        copy.clear();
        CHECK(book.bytes < full);
        for (std::uint64_t i = 0; i < 30'000; ++i) map.erase(mixed(i));
        CHECK(book.alive == 0);
        map[1] = "one";
        CHECK(book.bytes < 2'048 + 16 * sizeof(std::string));
    }
    CHECK(book.alive == 0);
    CHECK(other_book.alive == 0);
}

TEST_CASE("an insertion into a learned map moves few entries and takes little memory, whatever the keys") {
    for (auto const& order : insertion_orders) {
        CAPTURE(order.name);
        ledger                              book;
        counted_map<std::uint64_t, carried> map{counting_allocator<std::pair<std::uint64_t const, carried>>(book)};
        constexpr std::uint64_t             before = 40'000, added = 150'000, burst = 1'024;
        std::size_t                         most_moves = 0, most_taken = 0, most_made = 0;
        auto                                moves = carried::moves, taken = book.taken, made = book.made;
        for (std::uint64_t i = 0; i < before + added; ++i) {
            moves = carried::moves;
            REQUIRE(map.try_emplace(i < before ? i << 32 : order.key(i - before, added), i).second);
            most_moves = std::max(most_moves, carried::moves - moves);
            if (i % burst != 0) continue;
            most_taken = std::max(most_taken, book.taken - std::exchange(taken, book.taken));
            most_made  = std::max(most_made, book.made - std::exchange(made, book.made));
        }
        check_valid(map);
        CHECK(most_moves < 8 * map.stats().block_room);           // three blocks are spread over four
        CHECK(most_taken < 3 * (std::size_t{2} << 20) + 65'536);  // a chunk of each kind
        CHECK(most_made <= 30);                                   // of them doubling ones at first
    }
}

TEST_CASE("a learned map that has reserved memory takes none for that many insertions, whatever the keys") {
    for (auto const& order : insertion_orders)
        for (bool const full : {false, true}) {
            CAPTURE(order.name);
            CAPTURE(full);
            ledger                                   book;
            counted_map<std::uint64_t, std::uint8_t> map{
                counting_allocator<std::pair<std::uint64_t const, std::uint8_t>>(book)};
            constexpr std::uint64_t before = 30'000;
            for (std::uint64_t i = 0; i < before; ++i) map[(full ? i : mixed(i) % 100'000) << 32] = 1;
            for (std::uint64_t const added : {100u, 5'000u, 60'000u}) {
                CAPTURE(added);
                auto grown = map;
                grown.reserve(added);
                auto const made = book.made;
                for (std::uint64_t i = 0; i < added; ++i)
                    REQUIRE(grown.emplace(order.key(i, added), std::uint8_t{2}).second);
                CHECK(book.made == made);
                check_valid(grown);
                CHECK_THROWS_AS(grown.reserve(grown.max_size() + 1), std::length_error);
            }
        }
}

TEST_CASE("a learned map that has reserved memory takes none where every key comes to full blocks, or to a full leaf") {
    constexpr std::uint64_t before = 3'000'000;  // more than a chunk of blocks, and of leaves, is needed
    for (std::uint64_t const blocks : {3u, 24u}) {
        CAPTURE(blocks);
        ledger                                   book;
        counted_map<std::uint64_t, std::uint8_t> map{
            counting_allocator<std::pair<std::uint64_t const, std::uint8_t>>(book)};
        for (std::uint64_t i = 0; i < before; ++i) map.emplace(i << 8, std::uint8_t{1});
        REQUIRE(map.stats().filled > 0.99);
        auto const apart = blocks * map.stats().block_room, added = before / apart;
        map.reserve(added);
        auto const made = book.made;
        for (std::uint64_t i = 0; i < added; ++i) map.emplace(((i * apart + apart / 2) << 8) + 1, std::uint8_t{2});
        CHECK(map.size() == before + added);
        CHECK(book.made == made);
        check_valid(map);
    }
}

TEST_CASE("whichever allocation fails, a learned map stays as it was and leaks nothing") {
    std::size_t fail_at = 0;
    for (bool failed = true; failed; ++fail_at) {
        CAPTURE(fail_at);
        ledger book;
        book.fail_at = fail_at;
        failed       = false;
        {
            counted_map<std::uint64_t, std::string> map{
                counting_allocator<std::pair<std::uint64_t const, std::string>>(book)};
            std::map<std::uint64_t, std::string> model;
            for (std::uint64_t i = 0; i < 12'000; ++i) {
                auto const k = i < 6'000 ? i << 20 : mixed(i);
                try {
                    map.try_emplace(k, std::to_string(k));
                } catch (std::bad_alloc const&) {
                    failed = true;
                    check_same(map, model);
                    CHECK(map.try_emplace(k, std::to_string(k)).second);
                }
                model.emplace(k, std::to_string(k));
            }
            check_same(map, model);
        }
        CHECK(book.alive == 0);
    }
    CHECK(fail_at > 10);
}

TEST_CASE("a large learned map takes every chunk of blocks and of nodes from cleared pages, also when it was moved") {
    cleared_pages                            pages(2);
    learned_map<std::uint64_t, std::uint8_t> first, other;
    auto                                     map     = &first;
    auto const                               settled = [&] {
        while (pages.ready() < 2) std::this_thread::yield();
    };
    first.take_pages_from(&pages);
    for (int half = 0; half < 2; ++half) {
        CAPTURE(half);
        for (std::uint64_t i = 0; i < 1'000; ++i) map->try_emplace(i, std::uint8_t{1});
        CHECK(pages.taken() == 0);
        CHECK(pages.ready() == 0);  // not begun: there was little
        if (half == 0) {
            other = std::move(first);
            map   = &other;
        }
    }
    swap(first, other);
    map = &first;
    pages.start();
    // Blocks of 192 bytes, and leaves of 24: from 1,050,000 keys on, leaves too come in chunks of 2 MB.
    std::size_t expected = 0;
    for (std::uint64_t i = 1'000; i < 2'500'000; ++i) {
        settled();
        auto const before = map->bytes();
        map->try_emplace(i, static_cast<std::uint8_t>(i));
        expected += (map->bytes() - before + 65'536) / huge_page_size;
        REQUIRE(pages.taken() == expected);
    }
    CHECK(expected >= 14);  // 13 of blocks, one of leaves
    auto const taken = pages.taken();
    auto const copy  = *map;
    CHECK(pages.taken() == taken);
    CHECK(copy == *map);
    map->reserve(500'000);
    CHECK(pages.taken() > taken);
    check_valid(*map);
}

TEST_CASE("a learned map on cleared pages agrees with std::map, and when their source ends before it") {
    constexpr std::uint64_t seed = 19;
    CAPTURE(seed);
    prng                                      random(seed);
    std::map<std::uint64_t, std::uint64_t>    model;
    auto                                      pages = std::make_unique<cleared_pages>(4);
    learned_map<std::uint64_t, std::uint64_t> map;
    learned_map<std::uint64_t, std::string>   wide;  // blocks that do not fill a page to its end
    pages->start();
    map.take_pages_from(pages.get());
    wide.take_pages_from(pages.get());
    auto const change = [&](int n) {
        for (int i = 0; i < n; ++i) {
            auto const key = random.below(600'000);
            if (random.chance(0.2)) {
                REQUIRE(map.erase(key) == model.erase(key));
                wide.erase(key);
            } else {
                REQUIRE(map.try_emplace(key, key * 3).second == model.emplace(key, key * 3).second);
                wide.try_emplace(key, std::to_string(key * 3));
            }
        }
    };
    change(300'000);
    CHECK(pages->taken() > 0);
    check_same(map, model);
    map.take_pages_from(nullptr);
    wide.take_pages_from(nullptr);
    pages.reset();
    change(300'000);
    check_same(map, model);
    check_valid(wide);
    CHECK(std::equal(wide.begin(), wide.end(), model.begin(), model.end(), [](auto const& a, auto const& b) {
        return a.first == b.first && a.second == std::to_string(b.second);
    }));
    while (!model.empty()) {
        map.erase(model.begin()->first);
        model.erase(model.begin());
    }
    CHECK(map.bytes() == sizeof map);
}

TEST_CASE("keys and values whose copies throw leave a learned map as it was") {
    auto const before = brittle::alive;
    {
        learned_map<brittle, brittle> map;
        for (std::uint64_t i = 0; i < 2'000; ++i) {
            brittle const key(mixed(i)), value(i);
            for (std::int64_t budget : {0, 1}) {
                brittle::budget = budget;
                CHECK_THROWS_AS(map.try_emplace(key, value), std::runtime_error);
                REQUIRE(map.size() == i);
            }
            brittle::budget = -1;
            REQUIRE(map.try_emplace(key, value).second);
            if (i % 250 == 0) check_valid(map);
        }
        brittle::budget = 1'000;
        CHECK_THROWS_AS((learned_map<brittle, brittle>(map)), std::runtime_error);
        learned_map<brittle, brittle> other;
        other.try_emplace(brittle(1), brittle(2));
        brittle::budget = 1'000;
        CHECK_THROWS_AS(other = map, std::runtime_error);
        CHECK(other.size() == 1);
        brittle::budget = -1;
        other           = map;
        CHECK(other == map);
    }
    CHECK(brittle::alive == before);
}

TEST_CASE("a comparison that throws leaves a learned map as it was") {
    struct moody {
        bool operator()(int a, int b) const {
            if (*left > 0 && --*left == 0) throw std::runtime_error("enough");
            return a < b;
        }
        int* left;
    };
    int                          left = 0;
    learned_map<int, int, moody> map(moody{&left});
    std::map<int, int>           model;
    prng                         random(3);
    int                          thrown = 0;
    for (int i = 0; i < 20'000; ++i) {
        auto const k      = static_cast<int>(random.below(5'000));
        bool const insert = i % 4'000 < 2'400;
        left              = static_cast<int>(1 + random.below(30));
        try {
            if (insert) map.try_emplace(k, i);
            else map.erase(k);
            left = 0;
            if (insert) model.emplace(k, i);
            else model.erase(k);
        } catch (std::runtime_error const&) { ++thrown; }
        left = 0;
        if (i % 1'000 == 0) check_same(map, model);
    }
    check_same(map, model);
    CHECK(thrown > 1'000);
}

TEST_CASE("validate and stats of a learned map tell what it is made of") {
    learned_map<std::uint64_t, std::uint64_t> map;
    CHECK(map.stats().keys == 0);
    CHECK(map.bytes() == sizeof map);
    for (std::uint64_t i = 0; i < 100'000; ++i) map[mixed(i)] = i;
    auto const s = map.stats();
    CHECK(s.keys == 100'000);
    CHECK(s.block_room == 16);
    CHECK(s.filled > 0.78);
    CHECK(s.told_apart == 1);
    CHECK(s.bytes == map.bytes());
    CHECK(s.leaves * 24 >= s.blocks);
}

TEST_CASE(
    "the model above the leaves of a learned map follows inserts and erasures, on linear and on floating scales") {
    auto const scatter = [](std::uint64_t i) { return mixed(i) >> 20 << 8; };
    auto const skewed  = [](std::uint64_t i) { return (mixed(i) | 1) >> (mixed(i * 5 + 1) % 40); };
    for (int scale = 0; scale < 2; ++scale) {
        CAPTURE(scale);
        auto const key = [&](std::uint64_t i) { return scale == 0 ? scatter(i) : skewed(i); };
        learned_map<std::uint64_t, std::uint64_t> map;
        std::uint64_t const                       n = 400'000;
        for (std::uint64_t i = 0; i < n; ++i) {
            map.insert_or_assign(key(i), i);
            if (i % 50'000 == 0) check_valid(map);
        }
        check_valid(map);

        for (std::uint64_t i = 0; i < n; ++i) REQUIRE(map.contains(key(i)));
        auto const full = map.size();
        for (std::uint64_t i = 0; i < n; ++i) {
            if (i % 16 != 0) map.erase(key(i));
            if (i % 50'000 == 0) check_valid(map);
        }
        check_valid(map);
        CHECK(map.size() < full / 8);
        for (std::uint64_t i = 0; i < n; ++i) map.try_emplace(key(i), i);
        check_valid(map);
        CHECK(map.size() == full);
    }
}
