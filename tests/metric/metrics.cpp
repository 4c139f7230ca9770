// SPDX-License-Identifier: Apache-2.0
// The metrics: axioms of axis::metric on every policy, on every instruction set.
#include "tenon/core/prng.hpp"
#include "tenon/core/simd.hpp"
#include "tenon/metric/archetype.hpp"
#include "tenon/metric/cosine.hpp"
#include "tenon/metric/haversine.hpp"
#include "tenon/metric/inner_product.hpp"
#include "tenon/metric/l2_squared.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

using namespace tenon;

TEST_CASE_TEMPLATE("batches give bit for bit what single distances give", M, l2_squared, inner_product, cosine,
                   haversine, archetype::metric_policy) {
    auto const& before = simd::active();
    for (auto const* k : simd::targets()) {
        simd::force(*k);
        CAPTURE(std::string(k->target));
        prng random(21);
        for (std::size_t const dim : {2U, 3U, 64U, 100U}) {
            std::vector<float> query(dim), rows(9 * dim), ordered(9), gathered(4);
            for (auto& x : query) x = static_cast<float>(random.unit() * 90);
            for (auto& x : rows) x = static_cast<float>(random.unit() * 90);
            std::vector<std::uint32_t> const ids{8, 0, 8, 4};
            M::distances(query.data(), rows.data(), dim, 9, dim, ordered.data());
            M::gather(query.data(), rows.data(), dim, ids.data(), 4, dim, gathered.data());
            for (std::size_t i = 0; i < 9; ++i) {
                CHECK(ordered[i] == M::distance(query.data(), rows.data() + i * dim, dim));
                CHECK(ordered[i] == M::distance(rows.data() + i * dim, query.data(), dim));
            }
            for (std::size_t i = 0; i < 4; ++i) CHECK(gathered[i] == ordered[ids[i]]);
        }
    }
    simd::force(before);
}

TEST_CASE("small vectors have the distances one computes by hand") {
    float const a[3] = {1, 2, 3}, b[3] = {4, 6, 3}, c[3] = {-2, -4, -6}, d[3] = {0, 3, -2};
    CHECK(l2_squared::distance(a, b, 3) == 25);
    CHECK(inner_product::distance(a, b, 3) == -25);
    CHECK(cosine::distance(a, c, 3) == 2);
    CHECK(cosine::distance(a, d, 3) == 1);
    CHECK(cosine::distance(a, a, 3) == doctest::Approx(0).epsilon(1e-7));
}

TEST_CASE("prepared cosine rows have length one and the same distances up to rounding") {
    prng random(22);
    for (std::size_t const dim : {1U, 3U, 64U}) {
        std::vector<float> a(dim), b(dim), pa(dim), pb(dim);
        for (int round = 0; round < 50; ++round) {
            double const scale = std::pow(10.0, static_cast<double>(random.between(-30, 30)));
            for (auto& x : a) x = static_cast<float>((random.unit() - 0.5) * scale);
            for (auto& x : b) x = static_cast<float>((random.unit() - 0.5));
            cosine::prepare(a.data(), pa.data(), dim);
            cosine::prepare(b.data(), pb.data(), dim);
            CHECK(inner_product::distance(pa.data(), pa.data(), dim) == doctest::Approx(-1).epsilon(1e-6));
            CHECK(std::abs(cosine::prepared::distance(pa.data(), pb.data(), dim) -
                           cosine::distance(a.data(), b.data(), dim)) < 2e-6F);
        }
        std::vector<float> zero(dim, 0.0F);
        cosine::prepare(zero.data(), pa.data(), dim);
        CHECK(pa == zero);
        CHECK(cosine::prepared::distance(pa.data(), pb.data(), dim) == 1);
    }
}

TEST_CASE("great circles have their known lengths") {
    double const half = std::numbers::pi * earth_radius_metres;
    CHECK(haversine_metres({0, 0}, {180, 0}) == doctest::Approx(half));
    CHECK(haversine_metres({0, 90}, {0, -90}) == doctest::Approx(half));
    CHECK(haversine_metres({10, 90}, {-120, 90}) == doctest::Approx(0).epsilon(1e-6));
    CHECK(haversine_metres({0, 0}, {0, 1}) == doctest::Approx(111195.08).epsilon(1e-6));
    CHECK(haversine_metres({179.5, 0}, {-179.5, 0}) == doctest::Approx(111195.08).epsilon(1e-6));
    CHECK(haversine_metres({180, 12}, {-180, 12}) < 1e-6);
    CHECK(haversine_metres({2.3522, 48.8566}, {-0.1276, 51.5072}) ==
          doctest::Approx(343'550).epsilon(0.001));  // Paris, London
    CHECK(haversine_metres({5, 6}, {5, 6}) == 0);
    float const a[2] = {0, 0}, b[2] = {0, 1};
    CHECK(haversine::distance(a, b, 2) == doctest::Approx(111195.08).epsilon(1e-5));
}

TEST_CASE("great circles agree with the chord through the sphere, are symmetric and obey the triangle") {
    prng random(23);
    auto place  = [&] { return lonlat{random.unit() * 360 - 180, random.unit() * 180 - 90}; };
    auto vector = [](lonlat p) {
        double const r = std::numbers::pi / 180;
        return std::vector<double>{std::cos(p.lat * r) * std::cos(p.lon * r), std::cos(p.lat * r) * std::sin(p.lon * r),
                                   std::sin(p.lat * r)};
    };
    for (int round = 0; round < 2000; ++round) {
        CAPTURE(round);
        auto const a = place(), b = place(), c = place();
        auto const x = vector(a), y = vector(b);
        double     chord = 0;
        for (std::size_t i = 0; i < 3; ++i) chord += (x[i] - y[i]) * (x[i] - y[i]);
        double const expected = 2 * earth_radius_metres * std::asin(std::min(1.0, std::sqrt(chord) / 2));
        CHECK(std::abs(haversine_metres(a, b) - expected) < 1.0);
        CHECK(haversine_metres(a, b) == haversine_metres(b, a));
        CHECK(haversine_metres(a, c) <= haversine_metres(a, b) + haversine_metres(b, c) + 1e-3);
    }
}
