// SPDX-License-Identifier: Apache-2.0
#include "tenon/ordered_index/radix_spline.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/testing/hostile_bytes.hpp"
#include "tenon/testing/key_sets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace {

using tenon::radix_spline;
using u64              = std::uint64_t;
constexpr u64 greatest = std::numeric_limits<u64>::max();

u64 oracle(std::vector<u64> const& keys, u64 k) {
    return static_cast<u64>(std::lower_bound(keys.begin(), keys.end(), k) - keys.begin());
}

/// Six runs of six keys, and one far away.
std::vector<u64> runs_and_an_outlier() {
    std::vector<u64> keys;
    for (u64 i = 0; i < 36; ++i) keys.push_back(1000 * (i / 6) + 2 * (i % 6));
    keys.push_back(1'000'000);
    return keys;
}

std::string kind(auto const& result) {
    return result ? std::string("none") : std::string(to_string(result.error().kind));
}

}  // namespace

TEST_CASE("windows of a radix_spline are no wider than twice its error and four, on every set") {
    constexpr u64 seed = 4;
    CAPTURE(seed);
    for (auto set : tenon::testing::key_set_names) {
        CAPTURE(set);
        auto const keys  = tenon::testing::key_set(set, 30'000, seed);
        auto const index = radix_spline<16>::over(keys);
        REQUIRE(index);
        auto const s = index->locator().stats();
        CHECK(s.width <= 2 * 16 + 4);
        CHECK(s.keys == keys.size());
        CHECK(s.model_bytes == index->bytes().size());
        CHECK(index->validate());
        u64 wrong = 0;
        for (std::size_t i = 0; i < keys.size(); i += 3)
            for (auto k : {keys[i] - 1, keys[i], keys[i] + 1}) {
                auto const w = index->window(k);
                wrong += w.first > oracle(keys, k) || w.last <= oracle(keys, k) || w.last - w.first > s.width + 1;
            }
        CHECK(wrong == 0);
    }
}

TEST_CASE("the line from a knot to the next passes every key between within the error") {
    constexpr u64 seed = 6;
    CAPTURE(seed);
    auto const                       keys = tenon::testing::key_set("osm", 20'000, seed);
    tenon::projected_keys<u64> const all(keys);
    auto const                       pieces =
        tenon::detail::segment_cutter<tenon::detail::spline_corridor, tenon::projected_keys<u64>>(all, 8).cut();
    REQUIRE(pieces.size() > 100);
    for (std::size_t i = 0; i + 1 < pieces.size(); ++i) {
        auto const &from = pieces[i], &to = pieces[i + 1];
        REQUIRE(from.last + 1 == to.origin);
        auto const rise =
            static_cast<long double>(to.rank - from.rank) / static_cast<long double>(to.origin - from.origin);
        for (auto rank = from.rank; rank < to.rank; ++rank) {
            if (oracle(keys, keys[rank]) != rank) continue;
            auto const line =
                static_cast<long double>(from.rank) + rise * static_cast<long double>(keys[rank] - from.origin);
            REQUIRE(line <= static_cast<long double>(rank) + 8.001L);
            REQUIRE(line >= static_cast<long double>(rank) - 8.001L);
        }
    }
}

TEST_CASE("a straight run has no knots inside, near 2^53 and 2^64 neither") {
    for (u64 first : {u64{0}, (u64{1} << 53) - 1000, greatest - 3 * 89'999}) {
        std::vector<u64> keys;
        for (u64 i = 0; i < 90'000; ++i) keys.push_back(first + 3 * i);
        auto const s = radix_spline<1>::over(keys)->locator().stats();
        CHECK(s.knots == 1);
        CHECK(s.width <= 3);
    }
}

TEST_CASE("outliers do not spoil the table, and keys beyond it are found") {
    constexpr u64 seed = 9;
    CAPTURE(seed);
    auto const keys  = tenon::testing::key_set("fb", 200'000, seed);
    auto const index = radix_spline<8>::over(keys);
    REQUIRE(index);
    auto const s = index->locator().stats();
    CHECK(s.table_bins > s.knots / 2);
    CHECK(s.table_bins <= 4 * s.knots);
    CHECK(s.crowded_bins * 50 < s.table_bins);
    for (auto k : {u64{0}, keys[0], keys[1], keys[keys.size() - 22], keys[keys.size() - 21], keys.back() - 1,
                   keys.back(), greatest})
        CHECK(index->lower_bound(k) == oracle(keys, k));
}

TEST_CASE("the table has no more entries than RadixBits allow, and bins that are too full go to the tree") {
    auto const keys   = tenon::testing::key_set("uniform", 100'000, 2);
    auto const coarse = radix_spline<4, 3>::over(keys);
    REQUIRE(coarse);
    auto const s = coarse->locator().stats();
    CHECK(s.knots > 100);
    CHECK(s.table_bins == 0);  // every bin would be too full
    auto const fine = radix_spline<4, 20>::over(keys);
    CHECK(fine->locator().stats().table_bins >= s.knots);
    CHECK(fine->locator().stats().crowded_bins == 0);
    auto const some = radix_spline<4, 12>::over(keys);
    CHECK(some->locator().stats().table_bins <= 4096);
    for (std::size_t i = 0; i < keys.size(); i += 7) {
        REQUIRE(coarse->find(keys[i]) == i);
        REQUIRE(fine->lower_bound(keys[i] + 1) == i + 1);
        REQUIRE(some->find(keys[i]) == i);
    }
}

TEST_CASE("validate sees a radix table that is not true, and look-ups are right all the same") {
    constexpr u64 seed = 11;
    CAPTURE(seed);
    auto const keys  = tenon::testing::key_set("normal", 50'000, seed);
    auto const model = *radix_spline<4>::build<u64>(keys);
    auto const bins  = tenon::load<u64>(model.data() + 152);
    REQUIRE(bins > 1000);
    auto const entries = model.size() - (bins + bins % 2) * 4;
    for (u64 i = 0; i < bins; i += bins / 40) {
        for (std::uint32_t const entry : {0u, 77u, 0x80000000u, 0xffffffffu}) {
            auto bytes = model;
            if (tenon::load<std::uint32_t>(bytes.data() + entries + 4 * i) == entry) continue;
            std::memcpy(bytes.data() + entries + 4 * i, &entry, 4);
            auto const v = radix_spline<4>::view<u64>::open(bytes, keys);
            REQUIRE(v);
            CHECK_FALSE(v->validate());
            for (std::size_t j = 0; j < keys.size(); j += 499) REQUIRE(v->find(keys[j]) == oracle(keys, keys[j]));
        }
    }
    CHECK(radix_spline<4>::view<u64>::open(model, keys)->validate());
}

TEST_CASE("a radix_spline says what does not fit") {
    auto const keys  = runs_and_an_outlier();
    auto const model = *radix_spline<1, 3>::build<u64>(keys);
    auto const with  = [&](std::size_t at, u64 word) {
        auto bytes = model;
        std::memcpy(bytes.data() + at, &word, 8);
        return kind(radix_spline<1, 3>::view<u64>::open(bytes, keys));
    };
    CHECK(with(152, 8) == "none");
    CHECK(with(152, 0) == "corrupt");  // entries
    CHECK(with(152, 7) == "none");     // padding hides one entry
    CHECK(with(152, 9) == "corrupt");
    CHECK(with(152, greatest) == "corrupt");
    CHECK(with(168, 64) == "corrupt");  // shift
    CHECK(with(176, 1) == "corrupt");
    CHECK(with(128, 11) == "corrupt");  // segments
    CHECK(kind(radix_spline<1, 4>::view<u64>::open(model, keys)) == "wrong assembly");
    CHECK(kind(radix_spline<2, 3>::view<u64>::open(model, keys)) == "wrong assembly");
}

TEST_CASE("the bytes of a radix_spline are those of docs/formats/radix_spline.md") {
    auto const keys  = runs_and_an_outlier();
    auto const model = *radix_spline<1, 3>::build<u64>(keys);
    REQUIRE(model.size() == 528);
    auto const u     = [&](std::size_t at) { return tenon::load<u64>(model.data() + at); };
    auto const entry = [&](std::size_t i) { return tenon::load<std::uint32_t>(model.data() + 0x1f0 + 4 * i); };
    CHECK(u(16) == 37);
    CHECK(u(24) == 528);
    CHECK(tenon::as_chars(tenon::byte_view(model).subspan(64, 18)) == std::string_view("radix_spline<1,3>\0", 18));
    std::vector<u64> const head{12, 1, 0, 8, 1001, 9, 0, 0};
    for (std::size_t i = 0; i < 8; ++i) CHECK(u(128 + 8 * i) == head[i]);
    CHECK(u(0xc0) == 4001);
    std::vector<u64> const separators{9, 1001, 1009, 2001, 2009, 3001, 3009, 4001, 4009, 5001, 5009, 1'000'000};
    for (std::size_t i = 0; i < 16; ++i) CHECK(u(0x100 + 8 * i) == (i < 12 ? separators[i] : greatest));
    for (std::size_t i = 0; i < 11; ++i) {
        auto const top = i == 0 ? 1 : i / 2 * 6 + (i % 2 == 0 ? 2 : 6);
        CHECK(u(0x180 + 8 * i) == (top << 24 | (i % 2 == 0 ? 0x460000u : 0x661084u)));
    }
    CHECK(u(0x1d8) == 0x24921b93);
    CHECK(u(0x1e0) == 0x26000000);
    CHECK(u(0x1e8) == 0x26000000);
    for (std::size_t i = 0; i < 8; ++i) CHECK(entry(i) == (i == 0 ? 0 : i == 1 ? 3 : 4));
    auto const index = radix_spline<1, 3>::over(keys);
    CHECK(index->window(2004) == tenon::position_range{14, 16});
    CHECK(index->window(1'000'001) == tenon::position_range{37, 38});
}
