// SPDX-License-Identifier: Apache-2.0
#include "tenon/core/prng.hpp"
#include "tenon/model/constant.hpp"
#include "tenon/model/linear.hpp"
#include "tenon/model/linear_spline.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace {

using u64 = std::uint64_t;

template <class Model, class Key>
void is_monotone(std::vector<Key> keys, std::vector<Key> asked) {
    std::sort(keys.begin(), keys.end());
    std::sort(asked.begin(), asked.end());
    auto const f    = Model::template fit<Key>(std::span<Key const>(keys), 1.0);
    u64        last = 0;
    for (Key k : asked) {
        auto const p = f.predict(k, keys.size());
        REQUIRE(p <= keys.size());
        REQUIRE(p >= last);
        last = p;
    }
}

template <class Model>
void keeps_the_axioms() {
    constexpr u64 seed = 31;
    CAPTURE(seed);
    tenon::prng random(seed);
    for (int round = 0; round < 300; ++round) {
        std::vector<u64>          keys, asked;
        std::vector<std::int64_t> signed_keys, signed_asked;
        std::vector<double>       reals, real_asked;
        auto const                n = random.below(60);
        for (u64 i = 0; i < n + 50; ++i) {
            auto const k = random() >> random.below(64);
            auto const r = std::bit_cast<double>(random());
            (i < n ? keys : asked).push_back(k);
            (i < n ? signed_keys : signed_asked).push_back(static_cast<std::int64_t>(random()));
            (i < n ? reals : real_asked).push_back(r != r ? std::numeric_limits<double>::infinity() : r);
        }
        is_monotone<Model>(keys, asked);
        is_monotone<Model>(signed_keys, signed_asked);
        is_monotone<Model>(reals, real_asked);

        using fitted = typename Model::template fitted<u64>;
        std::array<u64, sizeof(fitted) / 8> words{};
        for (auto& w : words) w = random();
        auto const hostile = std::bit_cast<fitted>(words);
        REQUIRE(hostile.predict(random(), 1000) <= 1000);
    }
}

template <class Model>
double worst(std::vector<u64> const& keys) {
    auto const f     = Model::template fit<u64>(std::span<u64 const>(keys), 1.0);
    double     worst = 0;
    for (u64 i = 0; i < keys.size(); ++i)
        worst =
            std::max(worst, std::abs(static_cast<double>(f.predict(keys[i], keys.size())) - static_cast<double>(i)));
    return worst;
}

}  // namespace

TEST_CASE("constant is monotone and stays inside its limit") { keeps_the_axioms<tenon::constant>(); }
TEST_CASE("linear is monotone and stays inside its limit") { keeps_the_axioms<tenon::linear>(); }
TEST_CASE("linear_spline is monotone and stays inside its limit") { keeps_the_axioms<tenon::linear_spline>(); }

TEST_CASE("no keys, one key and equal keys are ordinary") {
    for (std::vector<u64> const& keys : {std::vector<u64>{}, {7}, {7, 7, 7}}) {
        std::span<u64 const> const s(keys);
        CHECK(tenon::linear::fit<u64>(s).predict(9, keys.size()) == 0);
        CHECK(tenon::linear_spline::fit<u64>(s).predict(9, keys.size()) == 0);
        CHECK(tenon::constant::fit<u64>(s).predict(9, keys.size()) == keys.size() / 2);
    }
}

TEST_CASE("lines are exact on lines, also where doubles are coarse") {
    for (u64 first : {u64{0}, (u64{1} << 53) - 100, (u64{1} << 63) - 100, ~u64{0} - 8000}) {
        std::vector<u64> keys;
        for (u64 i = 0; i < 1000; ++i) keys.push_back(first + 8 * i);
        CHECK(worst<tenon::linear>(keys) <= 1);
        CHECK(worst<tenon::linear_spline>(keys) <= 1);
    }
}

TEST_CASE("linear takes the least-squares slope") {
    // x = 0, 1, 2, 9 and y = 0..3: mean x 3, Sxy 4.5 + 1 - 0.5 + 9 = 14, Sxx 9 + 4 + 1 + 36 = 50.
    std::vector<u64> const keys{100, 101, 102, 109};
    CHECK(tenon::linear::fit<u64>(std::span<u64 const>(keys)).slope == doctest::Approx(14.0 / 50));
    CHECK(tenon::linear::fit<u64>(std::span<u64 const>(keys), 10).slope == doctest::Approx(140.0 / 50));
    CHECK(tenon::linear_spline::fit<u64>(std::span<u64 const>(keys)).slope == doctest::Approx(3.0 / 9));
}

TEST_CASE("key distance subtracts integers before it converts") {
    constexpr u64 big = u64{1} << 63;
    CHECK(tenon::key_distance<u64>(big + 1, big) == 1);
    CHECK(tenon::key_distance<u64>(big, big + 1) == 0);
    CHECK(tenon::key_distance<std::int64_t>(std::numeric_limits<std::int64_t>::max(),
                                            std::numeric_limits<std::int64_t>::min()) == 0x1p64);
    CHECK(tenon::key_distance<std::int8_t>(127, -128) == 255);
    auto const inf = std::numeric_limits<double>::infinity();
    CHECK(tenon::key_distance<double>(inf, -inf) == 2e300);
    CHECK(tenon::key_distance<double>(-inf, -inf) == 0);
    CHECK(tenon::key_distance<double>(1.0, std::numeric_limits<double>::quiet_NaN()) == 0);
}
