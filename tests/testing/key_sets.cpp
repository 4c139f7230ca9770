// SPDX-License-Identifier: Apache-2.0
#include "tenon/testing/key_sets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace {

using u64 = std::uint64_t;
using tenon::testing::key_set;
using tenon::testing::key_set_names;

constexpr u64 seed = 41;

double number(u64 key) { return static_cast<double>(key); }

/// Keys that equal the one before them.
std::size_t duplicates(std::vector<u64> const& keys) {
    std::size_t n = 0;
    for (std::size_t i = 1; i < keys.size(); ++i) n += keys[i] == keys[i - 1];
    return n;
}

/// The least number of straight lines that pass every rank within `error`: greedy, with a cone of slopes.
std::size_t lines_within(std::vector<u64> const& keys, double error) {
    std::size_t lines = 0;
    for (std::size_t first = 0; first < keys.size(); ++lines) {
        double least = 0, greatest = 1e300;
        auto   i = first + 1;
        for (; i < keys.size(); ++i) {
            auto const x = static_cast<double>(keys[i] - keys[first]), y = static_cast<double>(i - first);
            if (x == 0 && y > error) break;
            if (x == 0) continue;
            least    = std::max(least, (y - error) / x);
            greatest = std::min(greatest, (y + error) / x);
            if (least > greatest) break;
        }
        first = i;
    }
    return lines;
}

TEST_CASE("every key set is sorted and has as many keys as were asked for") {
    CAPTURE(seed);
    for (auto name : key_set_names)
        for (std::size_t n : {0u, 1u, 2u, 3u, 15u, 16u, 17u, 64u, 1000u, 1023u, 1024u, 50'000u}) {
            CAPTURE(name);
            CAPTURE(n);
            auto const keys = key_set(name, n, seed);
            REQUIRE(keys.size() == n);
            REQUIRE(std::is_sorted(keys.begin(), keys.end()));
        }
}

TEST_CASE("equal arguments give equal key sets, another seed gives others") {
    CAPTURE(seed);
    std::set<std::vector<u64>> all;
    for (auto name : key_set_names) {
        CAPTURE(name);
        auto const keys = key_set(name, 3000, seed);
        CHECK(keys == key_set(name, 3000, seed));
        CHECK(keys != key_set(name, 3000, seed + 1));
        all.insert(keys);
    }
    CHECK(all.size() == key_set_names.size());
}

TEST_CASE("duplicates are where they are promised") {
    CAPTURE(seed);
    for (std::size_t n : {1000u, 100'000u}) {
        CAPTURE(n);
        for (auto name : {"uniform", "normal", "lognormal", "osm", "fb"}) {
            CAPTURE(name);
            CHECK(duplicates(key_set(name, n, seed)) <= n / 1000);
        }
        for (auto name : {"books", "step", "progression", "adversarial"}) {
            CAPTURE(name);
            CHECK(duplicates(key_set(name, n, seed)) == 0);
        }
        CHECK(duplicates(key_set("equal", n, seed)) == n - 1);
        CHECK(duplicates(key_set("zipf", n, seed)) > n / 50);
        CHECK(duplicates(key_set("wiki", n, seed)) > n / 10);
    }
    constexpr std::size_t many = 300'000;
    auto const            wiki = static_cast<double>(duplicates(key_set("wiki", many, seed))) / many;
    CHECK(wiki > 0.23);
    CHECK(wiki < 0.27);
}

TEST_CASE("each key set has the shape that its name says") {
    CAPTURE(seed);
    constexpr std::size_t n    = 100'000;
    auto const            keys = [](auto name) { return key_set(name, n, seed); };
    auto const            half = u64{1} << 63;

    auto const uniform = keys("uniform");
    CHECK(number(uniform[n / 4]) == doctest::Approx(0x1p62).epsilon(0.02));
    CHECK(number(uniform[n / 2]) == doctest::Approx(0x1p63).epsilon(0.02));

    auto const normal = keys("normal");
    CHECK(number(half - normal[n * 16 / 100]) / 0x1p60 == doctest::Approx(0.994).epsilon(0.03));
    CHECK(number(normal[n * 84 / 100] - half) / 0x1p60 == doctest::Approx(0.994).epsilon(0.03));

    auto const lognormal = keys("lognormal");
    CHECK(number(lognormal[n / 2]) / 1e12 == doctest::Approx(1).epsilon(0.05));
    CHECK(number(lognormal[n * 84 / 100]) / 1e12 == doctest::Approx(7.3).epsilon(0.1));

    auto const zipf = keys("zipf");
    CHECK(std::count(zipf.begin(), zipf.end(), 1) == doctest::Approx(n / 40.0).epsilon(0.1));
    CHECK(number(zipf[n / 2]) / 0x1p20 == doctest::Approx(1).epsilon(0.2));
    CHECK(zipf.back() < u64{1} << 40);

    auto const fb = keys("fb");
    CHECK(fb.back() == half);
    CHECK(fb[n - 21] == u64{1} << 43);
    CHECK(fb[n - 22] < u64{1} << 40);

    auto const  step   = keys("step");
    std::size_t blocks = 1;
    for (std::size_t i = 1; i < n; ++i) blocks += step[i] - step[i - 1] > 8;
    CHECK(blocks > 16);
    CHECK(blocks <= 64);

    auto const progression = keys("progression");
    for (std::size_t i = 2; i < n; ++i) REQUIRE(progression[i] - progression[i - 1] == progression[1] - progression[0]);
}

TEST_CASE("straight lines fit the easy sets and not the hard ones") {
    CAPTURE(seed);
    constexpr std::size_t n     = 100'000;
    auto const            lines = [](auto name) { return lines_within(key_set(name, n, seed), 16); };
    CHECK(lines("progression") == 1);
    CHECK(lines("uniform") < n / 200);
    CHECK(lines("step") <= 128);
    CHECK(lines("books") > 2 * lines("uniform"));
    CHECK(lines("osm") > n / 200);
    CHECK(lines("adversarial") > n / 80);
    CHECK(lines("adversarial") > lines("osm"));
}

TEST_CASE("cells along the Hilbert curve are neighbours, and each has one number") {
    constexpr std::uint32_t side = 64;
    std::vector<u64>        at(side * side, ~u64{0});
    for (std::uint32_t x = 0; x < side; ++x)
        for (std::uint32_t y = 0; y < side; ++y) {
            auto const d = tenon::testing::detail::hilbert_cell(x << 26, y << 26) >> 52;
            REQUIRE(d < at.size());
            REQUIRE(at[d] == ~u64{0});
            at[d] = x * side + y;
        }
    for (std::size_t d = 1; d < at.size(); ++d) {
        auto const dx = static_cast<int>(at[d] / side) - static_cast<int>(at[d - 1] / side),
                   dy = static_cast<int>(at[d] % side) - static_cast<int>(at[d - 1] % side);
        REQUIRE(dx * dx + dy * dy == 1);
    }
}

TEST_CASE("osm scatters its keys around the places that it is given") {
    CAPTURE(seed);
    std::vector<tenon::lonlat> const one{{13.4, 52.5}};
    auto const                       around = key_set("osm", 10'000, seed, one);
    auto const cell = tenon::testing::detail::hilbert_cell(static_cast<std::uint32_t>((13.4 + 180) / 360 * 0x1p32),
                                                           static_cast<std::uint32_t>((52.5 + 90) / 180 * 0x1p32));
    auto const near = std::count_if(around.begin(), around.end(), [&](u64 k) { return k >> 54 == cell >> 54; });
    CHECK(near > 8000);
    CHECK(around != key_set("osm", 10'000, seed));
}

TEST_CASE("many keys are sorted by their bytes as by comparison") {
    CAPTURE(seed);
    tenon::prng random(seed);
    for (unsigned bits : {1u, 8u, 9u, 33u, 64u}) {
        std::vector<u64> keys(5000);
        for (auto& k : keys) k = random() >> (64 - bits) | (bits < 40 ? u64{0xabc} << 50 : 0);
        auto expected = keys;
        std::sort(expected.begin(), expected.end());
        tenon::testing::detail::sort_keys(keys);
        CHECK(keys == expected);
    }
}

}  // namespace
