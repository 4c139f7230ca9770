// SPDX-License-Identifier: Apache-2.0
// The vector kernels: every compiled instruction set against plain loops in doubles.
#include "tenon/core/simd.hpp"
#include "tenon/core/lonlat.hpp"
#include "tenon/core/prng.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using namespace tenon;

namespace {

struct sums {
    double l2 = 0, dot = 0, a = 0, b = 0, size = 0;
    sums(float const* x, float const* y, std::size_t dim) {
        for (std::size_t i = 0; i < dim; ++i) {
            double const p = static_cast<double>(x[i]), q = static_cast<double>(y[i]);
            l2 += (p - q) * (p - q);
            dot += p * q;
            a += p * p;
            b += q * q;
            size += std::abs(p * q);
        }
    }
    double cosine() const { return a > 0 && b > 0 ? 1 - dot / (std::sqrt(a) * std::sqrt(b)) : 1; }
};

/// A vector at the very end of its memory, so that AddressSanitizer sees a read past it.
std::vector<float> random_vector(prng& random, std::size_t n) {
    std::vector<float> v(n);
    for (auto& x : v) x = static_cast<float>(random.unit() * 4 - 2);
    v.shrink_to_fit();
    return v;
}

std::vector<std::size_t> dims() {
    std::vector<std::size_t> out;
    for (std::size_t d = 1; d <= 130; ++d) out.push_back(d);
    out.insert(out.end(), {255, 256, 257, 768, 1000});
    return out;
}

}  // namespace

TEST_CASE("every instruction set gives the distances of plain loops, in all three shapes with the same bits") {
    prng random(11);
    for (auto const* k : simd::targets()) {
        CAPTURE(std::string(k->target));
        for (std::size_t const dim : dims()) {
            CAPTURE(dim);
            std::size_t const          n = 7, stride = dim + 3;
            auto const                 query = random_vector(random, dim);
            auto const                 rows  = random_vector(random, (n - 1) * stride + dim);
            std::vector<std::uint32_t> ids{3, 3, 0, 6, 1, 5, 2, 4, 6, 0};
            for (auto const* d : {&k->l2_squared, &k->inner_product, &k->cosine, &k->unit_cosine}) {
                std::vector<float> in_order(n), gathered(ids.size());
                d->rows(query.data(), rows.data(), stride, n, dim, in_order.data());
                d->gather(query.data(), rows.data(), stride, ids.data(), ids.size(), dim, gathered.data());
                for (std::size_t i = 0; i < n; ++i) {
                    float const* row = rows.data() + i * stride;
                    CHECK(in_order[i] == d->one(query.data(), row, dim));
                    sums const   s(query.data(), row, dim);
                    double const got = static_cast<double>(in_order[i]), slack = 1e-6 * (1 + std::max(s.size, s.l2));
                    if (d == &k->l2_squared) CHECK(std::abs(got - s.l2) <= slack);
                    if (d == &k->inner_product) CHECK(std::abs(got + s.dot) <= slack);
                    if (d == &k->cosine) CHECK(std::abs(got - s.cosine()) <= 1e-6);
                    if (d == &k->unit_cosine) CHECK(std::abs(got - std::clamp(1 - s.dot, 0.0, 2.0)) <= slack);
                }
                for (std::size_t i = 0; i < ids.size(); ++i) CHECK(gathered[i] == in_order[ids[i]]);
            }
        }
    }
}

TEST_CASE("finite vectors never give NaN, however large, small or opposed") {
    float const                           huge = 3e38F, tiny = 1e-45F;
    std::vector<std::vector<float>> const all{std::vector<float>(70, huge),
                                              std::vector<float>(70, -huge),
                                              std::vector<float>(70, tiny),
                                              std::vector<float>(70, 0.0F),
                                              std::vector<float>(70, 1e-25F),
                                              [&] {
                                                  std::vector<float> v(70, huge);
                                                  for (std::size_t i = 0; i < v.size(); i += 2) v[i] = -huge;
                                                  return v;
                                              }()};
    for (auto const* k : simd::targets())
        for (auto const& a : all)
            for (auto const& b : all) {
                CAPTURE(std::string(k->target));
                CHECK_FALSE(std::isnan(k->l2_squared.one(a.data(), b.data(), 70)));
                CHECK_FALSE(std::isnan(k->inner_product.one(a.data(), b.data(), 70)));
                sums const s(a.data(), b.data(), 70);
                CHECK(std::abs(static_cast<double>(k->cosine.one(a.data(), b.data(), 70)) - s.cosine()) <= 1e-6);
            }
}

TEST_CASE("a cosine with a vector of zeros is at distance one") {
    std::array<float, 5> const zero{}, other{1, 2, 3, 4, 5};
    for (auto const* k : simd::targets()) {
        CHECK(k->cosine.one(zero.data(), other.data(), 5) == 1);
        CHECK(k->cosine.one(other.data(), zero.data(), 5) == 1);
        CHECK(k->cosine.one(zero.data(), zero.data(), 5) == 1);
    }
}

TEST_CASE("box scans find exactly the points that the window contains, across the antimeridian too") {
    prng                        random(12);
    std::array<double, 7> const edges{-180, -179.5, -10, 0, 10, 179.5, 180};
    auto                        pick = [&](double scale) {
        return random.chance(0.5) ? edges[random.below(7)] * scale : (random.unit() * 360 - 180) * scale;
    };
    std::size_t found_any = 0;
    for (int round = 0; round < 600; ++round) {
        std::size_t const   n = random.below(150);
        std::vector<double> lon(n), lat(n);
        for (std::size_t i = 0; i < n; ++i) {
            lon[i] = pick(1);
            lat[i] = pick(0.5);
            if (random.chance(0.01)) lon[i] = std::numeric_limits<double>::quiet_NaN();
        }
        lonlat_box const           box{pick(1), pick(0.5), pick(1), pick(0.5)};
        std::vector<std::uint32_t> expected;
        for (std::size_t i = 0; i < n; ++i)
            if (box.contains({lon[i], lat[i]})) expected.push_back(static_cast<std::uint32_t>(i));
        found_any += expected.size();
        for (auto const* k : simd::targets()) {
            CAPTURE(std::string(k->target));
            CAPTURE(round);
            std::vector<std::uint32_t> out(n);
            out.resize(k->in_box(lon.data(), lat.data(), n, box.west, box.south, box.east, box.north, out.data()));
            CHECK(out == expected);
        }
    }
    CHECK(found_any > 1000);
}

TEST_CASE("rank counts are those of a plain loop for unsigned keys") {
    prng random(13);
    for (std::size_t n = 0; n < 70; ++n) {
        std::vector<std::uint64_t> keys(n);
        for (auto& x : keys) x = random.chance(0.5) ? random() : random.below(4);
        for (std::uint64_t const key :
             {std::uint64_t{0}, std::uint64_t{2}, std::uint64_t{1} << 63, ~std::uint64_t{0}, random()})
            for (auto const* k : simd::targets())
                CHECK(k->count_less(keys.data(), n, key) ==
                      static_cast<std::size_t>(
                          std::count_if(keys.begin(), keys.end(), [&](std::uint64_t x) { return x < key; })));
    }
}

TEST_CASE("a forced instruction set is the one in use until the next") {
    REQUIRE_FALSE(simd::targets().empty());
    auto const& before = simd::active();
    for (auto const* k : simd::targets()) {
        simd::force(*k);
        CHECK(&simd::active() == k);
    }
    simd::force(before);
    CHECK(&simd::active() == &before);
}
