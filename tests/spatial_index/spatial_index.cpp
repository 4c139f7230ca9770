// SPDX-License-Identifier: Apache-2.0
#include "tenon/testing/spatial_index.hpp"
#include "tenon/spatial_index/packed_rtree.hpp"
#include "tenon/spatial_index/scan.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <vector>

using namespace tenon;

TEST_CASE_TEMPLATE("a spatial index agrees with brute force on every shape of data", Policy, spatial_scan,
                   packed_rtree<>, packed_rtree<2>) {
    for (std::uint64_t seed : {1u, 2u}) {
        CAPTURE(seed);
        testing::report r;
        testing::check_spatial_index<Policy>(seed, r);
        INFO(r.text());
        CHECK(r.passed());
    }
}

TEST_CASE("a delta is read while it is written") {
    testing::report r;
    testing::check_spatial_delta_readers<packed_rtree<>>(3, 3000, r, [](auto writer, auto reader) {
        std::thread beside(writer);
        reader();
        beside.join();
    });
    INFO(r.text());
    CHECK(r.passed());
}

namespace {
struct sampled {
    double least = std::numeric_limits<double>::infinity();
    double step  = 0;  // metres between samples at most
};
/// The least haversine distance to a dense grid of points of a box, its corners and edges among them.
sampled least_sampled(lonlat from, detail::spatial_bounds const& b) {
    constexpr int n = 60;
    sampled       s;
    for (int i = 0; i <= n; ++i)
        for (int j = 0; j <= n; ++j) {
            lonlat const p{i == n ? b.east : b.west + (b.east - b.west) * i / n,
                           j == n ? b.north : b.south + (b.north - b.south) * j / n};
            s.least = std::min(s.least, haversine_metres(from, p));
        }
    double const degree = earth_radius_metres * 3.14159265358979 / 180;
    s.step              = std::hypot(b.east - b.west, b.north - b.south) / n * degree;
    return s;
}
}  // namespace

TEST_CASE(
    "the distance to a box is never above that to any of its points, and no farther below than the samples are apart") {
    std::uint64_t const seed = 11;
    CAPTURE(seed);
    prng random(seed);
    for (int i = 0; i < 3000; ++i) {
        auto const corner = [&] {
            auto p = testing::detail::spatial_anywhere(random);
            if (random.chance(0.2)) p.lat = random.chance(0.5) ? 90 : -90;
            if (random.chance(0.2)) p.lon = random.chance(0.5) ? 180 : -180;
            return p;
        };
        detail::spatial_bounds b;
        b.add(corner());
        if (random.chance(0.5)) {
            b.add(corner());
        } else {
            auto const   p = corner();
            double const d = random.unit() * 3;
            b.add(lonlat{std::clamp(b.west + d, -180.0, 180.0), std::clamp(b.south + d * random.unit(), -90.0, 90.0)});
            if (random.chance(0.1)) b.add(p);
        }
        auto const from  = corner();
        auto const s     = least_sampled(from, b);
        auto const bound = detail::spatial_origin(from).metres_to(b, std::numeric_limits<double>::infinity());
        CAPTURE(from.lon);
        CAPTURE(from.lat);
        CAPTURE(b.west);
        CAPTURE(b.south);
        CAPTURE(b.east);
        CAPTURE(b.north);
        REQUIRE(bound <= s.least);
        REQUIRE(bound >= s.least - s.step - 2.0);
    }
}

TEST_CASE("the bound holds at the points where rounding is worst") {
    double const tiny     = std::numeric_limits<double>::min();
    lonlat const places[] = {{0, 0},
                             {180, 0},
                             {-180, 0},
                             {0, 90},
                             {0, -90},
                             {123, 90},
                             {90, 0},
                             {-90, 0},
                             {90, 45},
                             {0, tiny},
                             {tiny, 0},
                             {179.9999999, 0},
                             {-179.9999999, 1e-9},
                             {45, 89.9999999},
                             {45, -89.9999999},
                             {1e-12, -1e-12}};
    for (auto const& from : places)
        for (auto const& a : places)
            for (auto const& c : places) {
                detail::spatial_bounds b;
                b.add(a);
                b.add(c);
                auto const bound = detail::spatial_origin(from).metres_to(b, std::numeric_limits<double>::infinity());
                CHECK(bound <= least_sampled(from, b).least);
            }
}

TEST_CASE("neighbours are found over the pole and across the antimeridian") {
    std::vector<point_entry> const entries{
        {{-170, 89}, 0}, {{10, 80}, 1}, {{179.5, 0}, 2}, {{-179.5, 0}, 3}, {{0, 0}, 4}};
    auto const bytes   = packed_rtree<2>::build(entries).value();
    auto const view    = packed_rtree<2>::view::open(bytes).value();
    auto const nearest = [&](lonlat from, std::size_t k) {
        std::vector<near_hit> hits;
        view.closest(from, k, archetype::accept_all{}, hits);
        std::vector<position> at;
        for (auto const& h : hits) at.push_back(h.at);
        return at;
    };
    CHECK(nearest({10, 89}, 2) == std::vector<position>{0, 1});
    CHECK(nearest({-180, 0}, 2) == std::vector<position>{2, 3});
    CHECK(nearest({179.9, 0}, 2) == std::vector<position>{2, 3});
    CHECK(nearest({-179.9, 0}, 2) == std::vector<position>{3, 2});
}

TEST_CASE("a window that touches the antimeridian holds both spellings of it") {
    std::vector<point_entry> const entries{{{180, 10}, 0}, {{-180, 10}, 1}, {{170, 10}, 2}, {{-170, 10}, 3}};
    auto const                     bytes = packed_rtree<>::build(entries).value();
    auto const                     view  = packed_rtree<>::view::open(bytes).value();
    auto const                     in    = [&](lonlat_box box) {
        std::vector<position> at;
        view.within(box, [&](position p) { return at.push_back(p), true; });
        std::sort(at.begin(), at.end());
        return at;
    };
    CHECK(in({160, 0, 180, 20}) == std::vector<position>{0, 1, 2});
    CHECK(in({-180, 0, -160, 20}) == std::vector<position>{0, 1, 3});
    CHECK(in({175, 0, -175, 20}) == std::vector<position>{0, 1});
    CHECK(in({-175, 0, 175, 20}) == std::vector<position>{2, 3});
    CHECK(in({-160, 0, 160, 20}) == std::vector<position>{});
    CHECK(in({165, 0, -165, 20}) == std::vector<position>{0, 1, 2, 3});
}

TEST_CASE("a packed R-tree looks at few entries of many") {
    std::uint64_t const seed = 5;
    CAPTURE(seed);
    prng       random(seed);
    auto const entries = testing::detail::spatial_points(0, 50'000, random);
    auto const bytes   = packed_rtree<>::build(entries).value();
    auto const view    = packed_rtree<>::view::open(bytes).value();
    CHECK(view.validate().has_value());
    std::uint64_t asked = 0;
    for (int i = 0; i < 100; ++i) {
        std::vector<near_hit> hits;
        view.closest(testing::detail::spatial_anywhere(random), 10, [&](position) { return ++asked, true; }, hits);
        CHECK(hits.size() == 10);
    }
    CHECK(asked < 100 * 200);
}

TEST_CASE("validate finds a box that is too large, a point moved, a position twice") {
    prng                                  random(7);
    auto const                            entries = testing::detail::spatial_points(0, 100, random);
    auto const                            good    = packed_rtree<>::build(entries).value();
    detail::packed_rtree_layout<16> const l(100);
    auto const                            broken = [&](std::uint64_t offset, auto value) {
        auto bytes = good;
        std::memcpy(bytes.data() + offset, &value, sizeof value);
        auto const view = packed_rtree<>::view::open(bytes);
        REQUIRE(view.has_value());
        auto const valid = view->validate();
        REQUIRE_FALSE(valid.has_value());
        CHECK(valid.error().kind == errc::corrupt);
        return valid.error().message;
    };
    CHECK(broken(l.west + 8, -180.0).find("box of its children") != std::string::npos);
    CHECK(broken(l.lon, 400.0).find("not a point of the globe") != std::string::npos);
    CHECK(broken(l.lon, std::numeric_limits<double>::quiet_NaN()).find("not a point of the globe") !=
          std::string::npos);
    CHECK(broken(l.at, load<std::uint64_t>(good.data() + l.at + 8)).find("twice") != std::string::npos);
    CHECK(broken(l.lon + 99 * 8, -180.0).find("order") != std::string::npos);
}

TEST_CASE("open names what is wrong") {
    auto const good = packed_rtree<>::build({}).value();
    CHECK(good.size() == 64);
    auto const other = packed_rtree<8>::view::open(good);
    REQUIRE_FALSE(other.has_value());
    CHECK(other.error().kind == errc::wrong_assembly);
    CHECK(
        other.error().message ==
        "packed_rtree: made with 16 children a node, opened as packed_rtree<8>: open it with the policy that made it");
    auto const scan = spatial_scan::view::open(good);
    REQUIRE_FALSE(scan.has_value());
    CHECK(scan.error().message == "spatial_scan: the bytes at offset 0 are not \"tenon.spatial_scan/1\"");
    auto longer = good;
    longer.resize(128);
    CHECK(packed_rtree<>::view::open(longer).error().message ==
          "packed_rtree: 0 entries take 64 bytes, offset 40 says 64, there are 128");
}

TEST_CASE("the bytes of a packed R-tree are the documented ones") {
    std::vector<point_entry> const entries{{{2.35, 48.85}, 0}, {{-0.13, 51.5}, 1}, {{13.4, 52.5}, 4}};
    auto const                     bytes = packed_rtree<2>::build(entries).value();
    REQUIRE(bytes.size() == 512);
    auto const at = [&]<class T>(std::size_t offset, T) { return load<T>(bytes.data() + offset); };
    CHECK(at(24, std::uint32_t{}) == 2);    // children a node
    CHECK(at(28, std::uint32_t{}) == 2);    // levels
    CHECK(at(32, std::uint64_t{}) == 3);    // entries
    CHECK(at(40, std::uint64_t{}) == 512);  // bytes
    double const        lon[] = {-0.13, 2.35, 13.4};
    std::uint64_t const pos[] = {1, 0, 4};
    for (std::size_t i = 0; i < 3; ++i) {
        CAPTURE(i);
        CHECK(at(64 + i * 8, double{}) == lon[i]);
        CHECK(at(192 + i * 8, std::uint64_t{}) == pos[i]);
    }
}
