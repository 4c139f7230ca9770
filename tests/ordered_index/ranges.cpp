// SPDX-License-Identifier: Apache-2.0
// over() on ranges of every kind: deques, views, rows with a projected key, owned and borrowed.
#include "tenon/core/prng.hpp"
#include "tenon/model/constant.hpp"
#include "tenon/model/radix.hpp"
#include "tenon/ordered_index/hybrid.hpp"
#include "tenon/ordered_index/pgm.hpp"
#include "tenon/ordered_index/radix_spline.hpp"
#include "tenon/ordered_index/rmi.hpp"
#include "tenon/ordered_index/sorted_array.hpp"
#include "tenon/testing/key_sets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using u64 = std::uint64_t;

struct row {
    std::string name;
    u64         id = 0;
    u64         doubled() const { return 2 * id; }
};

#define EACH_POLICY_OF_RANGES                                                                                    \
    tenon::sorted_array, tenon::rmi<>, tenon::rmi<tenon::last_mile::interpolation>, tenon::pgm<>, tenon::pgm<2>, \
        tenon::radix_spline<>

/// Every look-up of an index, against the standard library over a copy of its keys.
template <class Index, class Key>
void agrees(Index const& index, std::vector<Key> const& keys, std::vector<Key> const& asked) {
    REQUIRE(index.size() == keys.size());
    std::vector<u64> batched(asked.size());
    index.batch(asked, batched);
    u64 wrong = 0;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        auto const& k     = asked[i];
        auto const  lower = static_cast<u64>(std::lower_bound(keys.begin(), keys.end(), k) - keys.begin());
        auto const  upper = static_cast<u64>(std::upper_bound(keys.begin(), keys.end(), k) - keys.begin());
        auto const  found = lower < upper ? lower : keys.size();
        auto const  w     = index.window(k);
        wrong += index.lower_bound(k) != lower || index.upper_bound(k) != upper || batched[i] != lower ||
                 index.equal_range(k) != tenon::position_range{lower, upper} || index.count(k) != upper - lower ||
                 index.find(k) != found || w.first > lower || w.last <= lower;
    }
    CHECK(wrong == 0);
    CHECK(index.validate());
    CHECK(!index.explain().empty());
}

std::vector<u64> around(std::vector<u64> const& keys, u64 seed) {
    tenon::prng      random(seed);
    std::vector<u64> out{0, std::numeric_limits<u64>::max()};
    for (std::size_t i = 0; i < keys.size(); i += 1 + keys.size() / 300)
        for (auto k : {keys[i] - 1, keys[i], keys[i] + 1}) out.push_back(k);
    for (int i = 0; i < 100; ++i) out.push_back(random());
    return out;
}

/// Checks at compile time: nothing here needs the heap.
constexpr bool in_constant_expressions() {
    std::array<u64, 7> const             keys{2, 3, 3, 3, 7, 11, 13};
    tenon::sorted_array::view<u64> const index{std::span<u64 const>(keys)};
    std::array<u64, 3> const             asked{0, 3, 14};
    std::array<u64, 3>                   out{};
    index.batch(asked, out);
    return index.lower_bound(3) == 1 && index.upper_bound(3) == 4 && index.count(3) == 3 && index.find(11) == 5 &&
           index.find(12) == 7 && index.equal_range(14) == tenon::position_range{7, 7} && out[0] == 0 && out[1] == 1 &&
           out[2] == 7 && index.size() == 7 && index.key(4) == 7;
}
static_assert(in_constant_expressions());

template <class LastMile>
constexpr bool searches_in_constant_expressions() {
    std::array<u64, 40> keys{};
    for (u64 i = 0; i < keys.size(); ++i) keys[i] = i * i;
    for (u64 k = 0; k < 1700; k += 7) {
        u64 at = 0;
        while (at < keys.size() && keys[at] < k) ++at;
        u64 const* const data = keys.data();
        if (LastMile::search(data, 0, keys.size(), k) != at) return false;
    }
    return true;
}
static_assert(searches_in_constant_expressions<tenon::last_mile::branchless>());
static_assert(searches_in_constant_expressions<tenon::last_mile::branchy>());
static_assert(searches_in_constant_expressions<tenon::last_mile::simd_line>());
static_assert(searches_in_constant_expressions<tenon::last_mile::exponential>());
static_assert(searches_in_constant_expressions<tenon::last_mile::interpolation>());
static_assert(searches_in_constant_expressions<tenon::default_last_mile>());

/// A model of a table that is made with the program: fitted, and asked where its keys stand.
template <class Model>
constexpr bool fits_in_constant_expressions() {
    std::array<u64, 32> keys{};
    for (u64 i = 0; i < keys.size(); ++i) keys[i] = 1000 + 17 * i;
    auto const fitted = Model::fit(std::span<u64 const>(keys));
    for (u64 i = 0; i < keys.size(); ++i) {
        auto const guess = fitted.predict(keys[i], keys.size());
        if (guess > i + 17 || i > guess + 17) return false;
    }
    return fitted.valid();
}
static_assert(fits_in_constant_expressions<tenon::constant>());
static_assert(fits_in_constant_expressions<tenon::linear>());
static_assert(fits_in_constant_expressions<tenon::linear_spline>());
static_assert(fits_in_constant_expressions<tenon::radix>());

static_assert(tenon::projection<int>::of(-1) < tenon::projection<int>::of(0));
static_assert(tenon::projection<double>::of(-0.0) == tenon::projection<double>::of(0.0));
static_assert(tenon::projection<double>::of(-1.5) < tenon::projection<double>::of(1e-300));
static_assert(!tenon::projection<double>::is_ordered(std::numeric_limits<double>::quiet_NaN()));
static_assert(tenon::projection<std::pair<std::uint32_t, std::uint32_t>>::of({1, 2}) == (u64{1} << 32 | 2));
static_assert(tenon::key_space<u64>(std::span<u64 const>())(42) == 42);

}  // namespace

TEST_CASE_TEMPLATE("an index answers over a deque, borrowed and taken", Policy, EACH_POLICY_OF_RANGES) {
    constexpr u64 seed = 70;
    CAPTURE(seed);
    for (std::string_view set : {"uniform", "wiki", "osm", "equal"})
        for (std::size_t n : {0u, 1u, 2u, 700u, 20'000u}) {
            CAPTURE(set);
            CAPTURE(n);
            auto const      keys = n == 0 ? std::vector<u64>() : tenon::testing::key_set(set, n, seed);
            std::deque<u64> held(keys.begin(), keys.end());
            auto const      asked    = around(keys, seed);
            auto const      borrowed = Policy::over(held);
            REQUIRE(borrowed);
            agrees(*borrowed, keys, asked);
            auto taken = Policy::over(std::move(held));
            REQUIRE(taken);
            auto const moved = *std::move(taken);
            agrees(moved, keys, asked);
            auto const contiguous = Policy::over(keys);
            REQUIRE(contiguous);
            CHECK(std::ranges::equal(contiguous->bytes(), moved.bytes()));
        }
}

TEST_CASE_TEMPLATE("an index answers over rows by one of their members, a function of them, a view of them", Policy,
                   EACH_POLICY_OF_RANGES) {
    constexpr u64 seed = 71;
    CAPTURE(seed);
    auto const       numbers = tenon::testing::key_set("books", 5000, seed);
    std::vector<row> rows;
    std::vector<u64> keys, twice;
    for (auto k : numbers) {
        rows.push_back({"row " + std::to_string(k), k >> 2});
        keys.push_back(k >> 2), twice.push_back(k >> 2 << 1);
    }
    auto const asked = around(keys, seed);
    agrees(Policy::over(rows, &row::id).value(), keys, asked);
    agrees(Policy::over(rows, &row::doubled).value(), twice, around(twice, seed));
    agrees(Policy::over(rows, [](row const& r) { return r.id; }).value(), keys, asked);
    agrees(Policy::over(rows | std::views::transform(&row::id)).value(), keys, asked);
    agrees(Policy::over(rows | std::views::drop(17) | std::views::transform(&row::id)).value(),
           std::vector<u64>(keys.begin() + 17, keys.end()), asked);
    auto const of_const = [&](std::vector<row> const& same) { return Policy::over(same, &row::id); };
    agrees(of_const(rows).value(), keys, asked);
    auto       copy  = rows;
    auto const taken = Policy::over(std::move(copy), &row::id);
    agrees(taken.value(), keys, asked);

    std::vector<std::string> names;
    std::sort(rows.begin(), rows.end(), [](row const& a, row const& b) { return a.name < b.name; });
    for (auto const& r : rows) names.push_back(r.name);
    std::vector<std::string> strings{"", "row", "row 5", "row 50000", "zebra"};
    for (std::size_t i = 0; i < names.size(); i += 29) strings.push_back(names[i]), strings.push_back(names[i] + "!");
    agrees(Policy::over(rows, &row::name).value(), names, strings);
}

TEST_CASE_TEMPLATE("an index takes a vector that is handed over, and moves with it", Policy, EACH_POLICY_OF_RANGES,
                   tenon::hybrid<>) {
    auto       keys  = tenon::testing::key_set("uniform", 3000, 5);
    auto const same  = keys;
    auto       taken = Policy::over(std::move(keys));
    REQUIRE(taken);
    auto const moved = std::make_unique<std::remove_reference_t<decltype(*taken)>>(*std::move(taken));
    agrees(*moved, same, around(same, 5));
    auto const array = Policy::over(std::array<std::uint16_t, 3>{1, 5, 5});
    REQUIRE(array);
    CHECK(array->find(5) == 1);
}

TEST_CASE("what is not sorted in a range is named by its rank") {
    std::deque<double> keys{1, 2, 3, 2.5};
    auto const         fell = tenon::pgm<>::over(keys);
    REQUIRE(!fell);
    CHECK(fell.error().kind == tenon::errc::unsorted_keys);
    CHECK(fell.error().message.find("rank 3") != std::string::npos);
    keys.back()    = std::numeric_limits<double>::quiet_NaN();
    auto const nan = tenon::sorted_array::over(keys);
    REQUIRE(!nan);
    CHECK(nan.error().message.find("rank 3 is NaN") != std::string::npos);
}

TEST_CASE_TEMPLATE("validate notices that a range has changed", Policy, EACH_POLICY_OF_RANGES) {
    std::deque<u64> keys;
    for (u64 i = 0; i < 5000; ++i) keys.push_back(i * i);
    auto const index = Policy::over(keys);
    REQUIRE(index);
    CHECK(index->validate());
    keys[2500] = 0;
    CHECK(!index->validate());
}
