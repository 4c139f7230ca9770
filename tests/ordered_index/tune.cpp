// SPDX-License-Identifier: Apache-2.0
#include "tenon/ordered_index/tune.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/testing/key_sets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

using tenon::tune;
using u64 = std::uint64_t;

template <class Key>
u64 oracle(std::vector<Key> const& keys, Key const& k) {
    return static_cast<u64>(std::lower_bound(keys.begin(), keys.end(), k) - keys.begin());
}

/// Keys, neighbours and both ends, one at a time and in a batch.
template <class Index>
void answers_are_right(Index const& index, std::vector<u64> const& keys) {
    std::vector<u64> asked{0, 1, ~u64{0}};
    for (std::size_t i = 0; i < keys.size(); i += 1 + keys.size() / 1000)
        asked.push_back(keys[i]), asked.push_back(keys[i] - 1), asked.push_back(keys[i] + 1);
    std::vector<u64> out(asked.size());
    index.batch(asked, out);
    for (std::size_t i = 0; i < asked.size(); ++i) {
        auto const expected = oracle(keys, asked[i]);
        REQUIRE(index.lower_bound(asked[i]) == expected);
        REQUIRE(out[i] == expected);
        auto const w = index.window(asked[i]);
        REQUIRE(w.first <= expected);
        REQUIRE(expected < w.last);
        bool const there = expected < keys.size() && keys[expected] == asked[i];
        REQUIRE(index.find(asked[i]) == (there ? expected : keys.size()));
        REQUIRE((index.count(asked[i]) > 0) == there);
    }
    REQUIRE(index.validate());
}

tenon::tune_candidate const* find(std::span<tenon::tune_candidate const> all, std::string_view name, u64 leaf_keys) {
    for (auto const& c : all)
        if (c.name == name && c.leaf_keys == leaf_keys) return &c;
    return nullptr;
}

}  // namespace

TEST_CASE("tune answers rightly over every set, with any budget") {
    constexpr u64 seed = 41;
    CAPTURE(seed);
    for (auto set : tenon::testing::key_set_names) {
        CAPTURE(set);
        for (std::size_t n : {0u, 1u, 2u, 300u, 8'000u}) {
            CAPTURE(n);
            auto const keys = tenon::testing::key_set(set, n, seed);
            for (u64 bytes : {~u64{0}, u64{20'000}, u64{2'000}, u64{128}}) {
                auto index = tune(keys, {bytes});
                REQUIRE(index);
                auto const name = std::string(index->name());
                CAPTURE(name);
                REQUIRE(index->bytes().size() <= bytes);
                answers_are_right(*index, keys);
            }
        }
    }
}

TEST_CASE("tune keeps the budget and says what is the least") {
    constexpr u64 seed = 42;
    CAPTURE(seed);
    auto const keys = tenon::testing::key_set("osm", 100'000, seed);
    double     last = 0;
    for (u64 bytes : {~u64{0}, u64{50'000}, u64{10'000}, u64{1'000}, u64{200}}) {
        auto const index = tune(keys, {bytes});
        REQUIRE(index);
        CHECK(index->chosen().bytes == index->bytes().size());
        CHECK(index->chosen().cost >= last);  // less room is never cheaper
        last = index->chosen().cost;
    }
    CHECK(tune(keys, {128})->name() == "sorted_array");
    auto const none = tune(keys, {127});
    REQUIRE_FALSE(none);
    CHECK(none.error().kind == tenon::errc::invalid_argument);
    CHECK(none.error().message.find("128") != std::string::npos);
}

TEST_CASE("an index that turns out larger than estimated is not taken") {
    constexpr u64 seed = 51;
    CAPTURE(seed);
    int        larger = 0;
    auto const check  = [&](auto policy, std::vector<u64> const& keys) {
        using index       = decltype(policy);
        auto const  all   = tune(keys, {128});
        auto const* found = find(all->candidates(), index::name, 0);
        REQUIRE(found != nullptr);
        auto const estimated = found->bytes;
        if (index::over(keys)->bytes().size() > estimated) ++larger;
        auto const made = tune(keys, {estimated});
        REQUIRE(made);
        CHECK(made->bytes().size() <= estimated);
        answers_are_right(*made, keys);
    };
    for (auto set : {"books", "osm", "fb", "normal", "lognormal", "step"}) {
        CAPTURE(set);
        auto const keys = tenon::testing::key_set(set, 100'000, seed);
        check(tenon::hybrid<>{}, keys);
        check(tenon::pgm<32>{}, keys);
    }
    CHECK(larger > 0);
}

TEST_CASE("tune chooses by the keys") {
    constexpr u64 seed = 43;
    CAPTURE(seed);
    auto const keys = [&](std::string_view set) { return tenon::testing::key_set(set, 300'000, seed); };
    auto const cost = [](auto const& index, std::string_view name) {
        auto const* found = find(index->candidates(), name, 64);
        REQUIRE(found != nullptr);
        return found->cost;
    };
    auto const skewed = keys("lognormal"), even = keys("uniform"), ids = keys("fb"), hard = keys("adversarial");
    auto const a = tune(skewed), b = tune(even), c = tune(ids), d = tune(hard);
    CHECK(cost(a, "rmi<log_linear,linear>") < 0.5 * cost(a, "rmi<linear_spline,linear>"));
    CHECK(cost(a, "rmi<linear_spline,linear,linear>") < 0.5 * cost(a, "rmi<linear_spline,linear>"));
    CHECK(cost(b, "rmi<linear_spline,linear>") < cost(b, "rmi<log_linear,linear>"));
    CHECK(cost(b, "rmi<linear_spline,linear>") < cost(b, "rmi<linear_spline,linear,linear>"));
    CHECK(cost(c, "rmi<robust<linear_spline>,linear>") < 0.5 * cost(c, "rmi<linear_spline,linear>"));
    CHECK_FALSE(d->name().starts_with("rmi<"));
}

TEST_CASE("the goal size gives bytes up for little cost, never the other way") {
    constexpr u64 seed = 44;
    CAPTURE(seed);
    for (auto set : {"uniform", "books", "fb", "osm"}) {
        CAPTURE(set);
        auto const keys  = tenon::testing::key_set(set, 200'000, seed);
        auto const speed = tune(keys), size = tune(keys, {.goal = tenon::tune_goal::size});
        REQUIRE(speed);
        REQUIRE(size);
        CHECK(size->chosen().bytes <= speed->chosen().bytes * 21 / 20);
        CHECK(size->chosen().cost <= 1.6 * speed->chosen().cost);
        answers_are_right(*size, keys);
    }
}

TEST_CASE("what tune estimates is near what is then built") {
    constexpr u64 seed = 45;
    CAPTURE(seed);
    for (auto set : {"uniform", "normal", "lognormal", "books", "osm", "wiki"}) {
        CAPTURE(set);
        auto const keys  = tenon::testing::key_set(set, 400'000, seed);
        auto const index = tune(keys);
        REQUIRE(index);
        auto const check = [&](auto policy, u64 leaf_keys) {
            using rmi         = decltype(policy);
            auto const  name  = std::string(rmi::name);
            auto const* found = find(index->candidates(), rmi::name, leaf_keys);
            CAPTURE(name);
            CAPTURE(leaf_keys);
            REQUIRE(found != nullptr);
            auto const model = *rmi::build_with(std::span<u64 const>(keys), leaf_keys);
            CHECK(found->bytes == model.size());
            auto const v   = *rmi::template view<u64>::open(model, keys);
            double     sum = 0;
            for (auto k : keys) {
                auto const w = v.window(k);
                sum += tenon::detail::rough_log2(static_cast<double>(w.last - w.first));
            }
            CHECK(found->mean_log2_error == doctest::Approx(sum / static_cast<double>(keys.size())).epsilon(0.1));
        };
        using namespace tenon;
        check(rmi<linear_spline, linear>{}, 64);
        check(rmi<linear_spline, linear>{}, 1024);
        check(rmi<log_linear, linear>{}, 128);
        check(rmi<linear_spline, linear, linear>{}, 32);
        auto const* tree = find(index->candidates(), "static_tree<exact>", 0);
        REQUIRE(tree != nullptr);
        CHECK(static_cast<double>(tree->bytes) ==
              doctest::Approx(static_cast<double>(static_tree<>::over(keys)->bytes().size())).epsilon(0.05));
    }
}

TEST_CASE("equal keys give equal estimates wherever they lie, and equal bytes where they lie alike") {
    constexpr u64 seed = 46;
    CAPTURE(seed);
    for (std::size_t n : {50'000u, 100'000u}) {
        auto const                      made = tenon::testing::key_set("books", n, seed);
        tenon::placed_vector<u64> const keys(made.begin(), made.end()), copy = keys;
        for (u64 bytes : {u64{30'000}, u64{3'000}}) {
            auto const a = tune(keys, {bytes}), b = tune(copy, {bytes});
            CHECK(a->report() == b->report());
            CHECK(std::ranges::equal(a->bytes(), b->bytes()));
        }
        std::vector<u64> shifted{0};
        shifted.insert(shifted.end(), keys.begin(), keys.end());
        auto const a = tune(keys, {3'000}), c = tune(std::span(shifted).subspan(1), {3'000});
        for (std::size_t i = 0; i < a->candidates().size(); ++i) {
            CHECK(a->candidates()[i].name == c->candidates()[i].name);
            CHECK(a->candidates()[i].cost == c->candidates()[i].cost);
        }
    }
}

TEST_CASE("the report has a line for each candidate, cheapest first, and stars one") {
    constexpr u64 seed = 47;
    CAPTURE(seed);
    auto const keys  = tenon::testing::key_set("normal", 20'000, seed);
    auto const index = tune(keys);
    REQUIRE(index);
    auto const text = index->report();
    CAPTURE(text);
    auto const all = index->candidates();
    CHECK(all.size() == 6 + 5 * 8);
    CHECK(std::count(text.begin(), text.end(), '\n') == static_cast<std::ptrdiff_t>(all.size() + 1));
    CHECK(std::count(text.begin(), text.end(), '*') == 1);
    CHECK(std::is_sorted(all.begin(), all.end(), [](auto const& x, auto const& y) { return x.cost < y.cost; }));
    CHECK(std::count_if(all.begin(), all.end(), [](auto const& c) { return c.chosen; }) == 1);
    CHECK(index->chosen().chosen);
    CHECK(text.find("* " + index->chosen().name) != std::string::npos);
}

TEST_CASE("tune refuses what is not sorted") {
    std::vector<double> const keys{1, 3, 2};
    auto const                index = tune(keys);
    REQUIRE_FALSE(index);
    CHECK(index.error().kind == tenon::errc::unsorted_keys);
    CHECK(index.error().message.find("rank 2") != std::string::npos);
}

TEST_CASE("tune takes keys of any type") {
    constexpr u64 seed = 48;
    CAPTURE(seed);
    tenon::prng              random(seed);
    std::vector<std::string> words;
    std::vector<double>      reals;
    for (int i = 0; i < 5'000; ++i) {
        words.push_back("key/" + std::to_string(random.below(1'000'000)));
        reals.push_back(random.unit() - 0.5);
    }
    std::sort(words.begin(), words.end());
    std::sort(reals.begin(), reals.end());
    for (u64 bytes : {~u64{0}, u64{3'000}}) {
        auto const a = tune(words, {bytes});
        auto const b = tune(reals, {bytes});
        REQUIRE(a);
        REQUIRE(b);
        for (std::size_t i = 0; i < words.size(); i += 3) {
            REQUIRE(a->lower_bound(words[i]) == oracle(words, words[i]));
            REQUIRE(a->lower_bound(words[i] + "x") == oracle(words, words[i] + "x"));
            REQUIRE(b->lower_bound(reals[i]) == oracle(reals, reals[i]));
        }
        CHECK(a->validate());
        CHECK(b->validate());
    }
}

TEST_CASE("a tuned index may be moved, and its bytes are opened by the chosen policy") {
    constexpr u64 seed = 49;
    CAPTURE(seed);
    auto const keys  = tenon::testing::key_set("uniform", 50'000, seed);
    auto       index = tune(keys, {20'000});
    REQUIRE(index);
    auto moved = std::move(*index);
    answers_are_right(moved, keys);
    moved.visit([&](auto const& inside) {
        CHECK(inside.bytes().data() == moved.bytes().data());
        CHECK(inside.lower_bound(keys[777]) == oracle(keys, keys[777]));
    });
    auto other = tune(keys, {128});
    moved      = std::move(*other);
    CHECK(moved.name() == "sorted_array");
    answers_are_right(moved, keys);
}

TEST_CASE("lines are counted as searches read them") {
    using tenon::detail::galloping_lines;
    using tenon::detail::halving_lines;
    using tenon::detail::last_mile_lines;
    CHECK(halving_lines(0, 8) == 1);
    CHECK(halving_lines(8, 8) == 1.5);
    CHECK(halving_lines(64, 8) == 4.5);
    CHECK(galloping_lines(64, 8) == 7.5);
    CHECK(galloping_lines(4, 8) < halving_lines(64, 8));
    CHECK(last_mile_lines("exponential", 64, 8) == galloping_lines(16, 8));
    CHECK(last_mile_lines("branchless", 64, 8) == halving_lines(64, 8));
    CHECK(tenon::detail::rough_log2(1) == 0);
    CHECK(tenon::detail::rough_log2(1024) == 10);
    CHECK(tenon::detail::rough_log2(0.5) == 0);
    CHECK(tenon::detail::miss_share(1000) < 0.1);
    CHECK(tenon::detail::miss_share(1e9) == 1);
    CHECK(tenon::detail::grouped(1'234'567) == "1,234,567");
    CHECK(tenon::detail::grouped(999) == "999");
    CHECK(tenon::detail::short_number(3.14159) == "3.14");
    CHECK(tenon::detail::short_number(2.5) == "2.5");
    CHECK(tenon::detail::short_number(7) == "7");
}
