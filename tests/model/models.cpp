// SPDX-License-Identifier: Apache-2.0
#include "tenon/core/prng.hpp"
#include "tenon/core/projection.hpp"
#include "tenon/model/constant.hpp"
#include "tenon/model/cubic.hpp"
#include "tenon/model/linear.hpp"
#include "tenon/model/linear_spline.hpp"
#include "tenon/model/log_linear.hpp"
#include "tenon/model/radix.hpp"
#include "tenon/model/robust.hpp"
#include "tenon/testing/key_sets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <span>
#include <string_view>
#include <vector>

namespace {

using u64                       = std::uint64_t;
using list                      = std::vector<u64>;
constexpr u64              top  = ~u64{0};
std::span<u64 const> const none = {};

std::span<u64 const> view(list const& keys) { return keys; }

/// Keys of a set and their neighbours, powers of two and the ends of all numbers, ascending.
list asked_about(list const& keys, tenon::prng& random) {
    list out{0, 1, top - 1, top};
    for (unsigned b = 0; b < 64; ++b) out.push_back(u64{1} << b), out.push_back((u64{1} << b) - 1);
    for (u64 k : keys) out.push_back(k), out.push_back(k - 1), out.push_back(k + 1);
    for (int i = 0; i < 50; ++i) out.push_back(random() >> random.below(64));
    std::sort(out.begin(), out.end());
    return out;
}

template <class Fitted>
void rises(Fitted const& f, list const& asked, u64 limit) {
    u64 last = 0;
    for (u64 k : asked) {
        auto const p = f.predict(k, limit);
        REQUIRE(p <= limit);
        REQUIRE(p >= last);
        last = p;
    }
}

template <class Model>
void is_monotone(list const& keys, double scale, tenon::prng& random) {
    auto const f = Model::fit(view(keys), scale);
    CHECK(f.valid());
    auto const asked = asked_about(keys, random);
    for (u64 limit : {u64{keys.size()}, u64{0}, u64{7}, top >> 1}) rises(f, asked, limit);
}

/// Sets of every width, and those that round badly: near 2^53, 2^63 and the greatest number.
list any_keys(tenon::prng& random) {
    list       keys;
    auto const n      = random.below(60);
    u64 const  from[] = {0, (u64{1} << 53) - 30, (u64{1} << 63) - 30, top - 2000, random()};
    auto const base   = from[random.below(5)];
    auto const width  = random.below(64);
    for (u64 i = 0; i < n; ++i) {
        auto const off = random.chance(0.5) ? random() >> random.below(64) : random() >> width;
        keys.push_back(random.chance(0.5) ? base + random.below(2000) : top - base > off ? base + off : top);
    }
    std::sort(keys.begin(), keys.end());
    return keys;
}

template <class Model>
void keeps_the_axioms() {
    static_assert(tenon::regression_model<Model>);
    constexpr u64 seed = 31;
    CAPTURE(seed);
    tenon::prng random(seed);
    using fitted = typename Model::fitted;
    for (int round = 0; round < 400; ++round) {
        double const scales[] = {1.0, 1.0 / 64, 3.0, 1e-9, 1e9};
        is_monotone<Model>(any_keys(random), scales[round % 5], random);

        std::array<u64, sizeof(fitted) / 8> words{};
        for (auto& w : words) w = random() >> random.below(64);
        auto const hostile = std::bit_cast<fitted>(words);
        for (u64 limit : {u64{0}, u64{1000}, top >> 1}) REQUIRE(hostile.predict(random(), limit) <= limit);
        if (hostile.valid()) rises(hostile, asked_about({}, random), 1'000'000);
    }
    for (auto set : tenon::testing::key_set_names) {
        CAPTURE(set);
        is_monotone<Model>(tenon::testing::key_set(set, 3000, seed), 1.0, random);
    }
}

double error_at(u64 predicted, u64 rank) {
    return std::abs(static_cast<double>(predicted) - static_cast<double>(rank));
}

/// Of predictions over all keys, at the rank of the first of equal ones.
struct errors {
    double worst = 0, mean = 0;
};
template <class Model>
errors errors_of(list const& keys) {
    auto const f = Model::fit(view(keys), 1.0);
    errors     out;
    for (u64 i = 0; i < keys.size(); ++i) {
        auto const rank = static_cast<u64>(std::lower_bound(keys.begin(), keys.end(), keys[i]) - keys.begin());
        auto const e    = error_at(f.predict(keys[i], keys.size()), rank);
        out.worst       = std::max(out.worst, e);
        out.mean += e / static_cast<double>(keys.size());
    }
    return out;
}

}  // namespace

TEST_CASE("constant is monotone and stays inside its limit") { keeps_the_axioms<tenon::constant>(); }
TEST_CASE("linear is monotone and stays inside its limit") { keeps_the_axioms<tenon::linear>(); }
TEST_CASE("linear_spline is monotone and stays inside its limit") { keeps_the_axioms<tenon::linear_spline>(); }
TEST_CASE("cubic is monotone and stays inside its limit") { keeps_the_axioms<tenon::cubic>(); }
TEST_CASE("log_linear is monotone and stays inside its limit") { keeps_the_axioms<tenon::log_linear>(); }
TEST_CASE("radix is monotone and stays inside its limit") { keeps_the_axioms<tenon::radix>(); }
TEST_CASE("robust models are monotone and stay inside their limits") {
    keeps_the_axioms<tenon::robust<tenon::linear_spline>>();
    keeps_the_axioms<tenon::robust<tenon::cubic>>();
    CHECK(tenon::robust<tenon::linear>::name == "robust<linear>");
}

TEST_CASE("no keys, one key and equal keys are ordinary") {
    for (list const& keys : {list{}, {7}, {7, 7, 7}, {top}, {0, 0}}) {
        auto const s = view(keys);
        CHECK(tenon::linear::fit(s).predict(9, keys.size()) == 0);
        CHECK(tenon::linear_spline::fit(s).predict(9, keys.size()) == 0);
        CHECK(tenon::log_linear::fit(s).predict(9, keys.size()) == 0);
        CHECK(tenon::cubic::fit(s).predict(9, keys.size()) == 0);
        CHECK(tenon::robust<tenon::linear>::fit(s).predict(9, keys.size()) == 0);
        CHECK(tenon::constant::fit(s).predict(9, keys.size()) == keys.size() / 2);
        if (!keys.empty()) CHECK(tenon::radix::fit(s).predict(keys[0], keys.size()) == 0);
    }
}

TEST_CASE("two keys are told apart") {
    for (list const& keys : {list{7, 9}, {0, top}, {top - 1, top}, {(u64{1} << 63) - 1, u64{1} << 63}}) {
        auto const s = view(keys);
        for (auto [low, high] :
             {std::pair(tenon::linear::fit(s).predict(keys[0], 2), tenon::linear::fit(s).predict(keys[1], 2)),
              std::pair(tenon::linear_spline::fit(s).predict(keys[0], 2),
                        tenon::linear_spline::fit(s).predict(keys[1], 2)),
              std::pair(tenon::cubic::fit(s).predict(keys[0], 2), tenon::cubic::fit(s).predict(keys[1], 2)),
              std::pair(tenon::log_linear::fit(s).predict(keys[0], 2),
                        tenon::log_linear::fit(s).predict(keys[1], 2))}) {
            CHECK(low == 0);
            CHECK(high == 1);
        }
    }
}

TEST_CASE("lines are exact on lines, also where doubles are coarse") {
    for (u64 first : {u64{0}, (u64{1} << 53) - 100, (u64{1} << 63) - 100, top - 8000}) {
        list keys;
        for (u64 i = 0; i < 1000; ++i) keys.push_back(first + 8 * i);
        CHECK(errors_of<tenon::linear>(keys).worst <= 1);
        CHECK(errors_of<tenon::linear_spline>(keys).worst == 0);
        CHECK(errors_of<tenon::cubic>(keys).worst <= 1);
        CHECK(errors_of<tenon::robust<tenon::linear_spline>>(keys).worst == 0);
    }
}

TEST_CASE("linear takes the least-squares line") {
    // x = 0, 1, 2, 9 and y = 0..3: mean x 3, mean y 1.5, Sxy 4.5 + 1 - 0.5 + 9 = 14, Sxx 9 + 4 + 1 + 36 = 50.
    list const keys{100, 101, 102, 109};
    auto const f = tenon::linear::fit(view(keys));
    CHECK(f.rise.value() == doctest::Approx(14.0 / 50));
    CHECK(f.origin == 98);  // 103 - 1.5 / 0.28 = 97.6, above the first key rounded towards it
    CHECK(tenon::linear::fit(view(keys), 10).rise.value() == doctest::Approx(140.0 / 50));
    CHECK(tenon::linear_spline::fit(view(keys)).rise.value() == doctest::Approx(3.0 / 9));
}

TEST_CASE("a line that would be above zero at key zero goes through zero instead") {
    // y = 0..3 over x = 0, 1, 2, 9: sum xy 32 over sum xx 86.
    list const keys{0, 1, 2, 9};
    auto const f = tenon::linear::fit(view(keys));
    CHECK(f.origin == 0);
    CHECK(f.rise.value() == doctest::Approx(32.0 / 86));
}

TEST_CASE("equal keys count at the rank of the first") {
    // x = 10, 20, 20, 20, 40 and y = 0, 1, 1, 1, 4: Sxy 16.8 + 3 * 0.8 + 46.8 = 66, Sxx 144 + 12 + 324 = 480.
    list const keys{10, 20, 20, 20, 40};
    CHECK(tenon::linear::fit(view(keys)).rise.value() == doctest::Approx(66.0 / 480));
}

TEST_CASE("each model is best where it says so") {
    constexpr u64 seed = 17;
    CAPTURE(seed);
    constexpr std::size_t n      = 20'000;
    auto const            keys   = [&](std::string_view set) { return tenon::testing::key_set(set, n, seed); };
    auto const            skewed = keys("lognormal"), bell = keys("normal"), ids = keys("fb"), ranks = keys("zipf"),
               even = keys("uniform");

    CHECK(errors_of<tenon::log_linear>(skewed).mean < 0.35 * errors_of<tenon::linear>(skewed).mean);
    CHECK(errors_of<tenon::log_linear>(ranks).mean < 0.35 * errors_of<tenon::linear>(ranks).mean);
    CHECK(errors_of<tenon::cubic>(bell).mean < 0.75 * errors_of<tenon::linear_spline>(bell).mean);
    using tenon::robust;
    CHECK(errors_of<robust<tenon::cubic>>(bell).mean < 0.7 * errors_of<robust<tenon::linear_spline>>(bell).mean);
    CHECK(errors_of<tenon::linear>(bell).mean < errors_of<tenon::linear_spline>(bell).mean);
    CHECK(errors_of<tenon::linear>(even).mean < 0.01 * n);
    CHECK(errors_of<tenon::cubic>(even).mean < 1.01 * errors_of<tenon::linear_spline>(even).mean);
    CHECK(errors_of<tenon::radix>(even).mean < 0.3 * n);

    auto few = ids;  // two outliers among 20,000
    few.erase(few.end() - 19, few.end());
    CHECK(errors_of<tenon::robust<tenon::linear_spline>>(few).mean < 0.1 * errors_of<tenon::linear_spline>(few).mean);
}

TEST_CASE("robust leaves one key in 2000 out at each end, and none of fewer") {
    list keys{0};
    for (u64 i = 0; i < 1998; ++i) keys.push_back((u64{1} << 40) + i);
    keys.push_back(top);
    auto const f = tenon::robust<tenon::linear_spline>::fit(view(keys));
    CHECK(f.base == 1);
    CHECK(f.predict(0, 2000) == 1);
    CHECK(f.predict((u64{1} << 40) + 1000, 2000) == 1001);
    CHECK(f.predict(top, 2000) == 2000);
    keys.pop_back();
    CHECK(tenon::robust<tenon::linear_spline>::fit(view(keys)).base == 0);
    CHECK(tenon::robust<tenon::linear_spline>::fit(view(keys)).centre.origin == 0);
}

TEST_CASE("radix leaves out the common prefix and fills the target") {
    list keys;
    for (u64 i = 0; i < 256; ++i) keys.push_back((u64{0xabc} << 52) + (i << 20));
    auto const f = tenon::radix::fit(view(keys), 16.0 / 256);
    CHECK(f.origin == u64{0xabc} << 52);
    CHECK(f.shift == 24);
    CHECK(f.predict(keys[16], 15) == 1);
    CHECK(f.predict(keys.back(), 100) == 15);
    // Of 12 positions only 8 can be reached by a shift.
    CHECK(tenon::radix::fit(view(keys), 12.0 / 256).predict(keys.back(), 100) == 7);
}

TEST_CASE("cubic ends at its ends, and is the straight line where nothing is better") {
    list const keys{50, 60, 1000, 1001, 1002};
    auto const f = tenon::cubic::fit(view(keys));
    CHECK(f.predict(50, 5) == 0);
    CHECK(f.predict(1002, 5) == 4);
    list even;
    for (u64 i = 0; i < 100; ++i) even.push_back(10 * i);
    auto const line = tenon::cubic::fit(view(even));
    CHECK(static_cast<double>(line.control[1]) == doctest::Approx(33 * 65536).epsilon(0.001));
    CHECK(static_cast<double>(line.control[2]) == doctest::Approx(66 * 65536).epsilon(0.001));
}

TEST_CASE("cubic tells bytes that do not rise from those that do") {
    auto f = tenon::cubic::fit(view({1, 5, 6, 7, 100}));
    CHECK(f.valid());
    std::swap(f.control[0], f.control[3]);
    CHECK_FALSE(f.valid());
}

TEST_CASE("a slope is rounded up by a hair and multiplied without loss") {
    using tenon::slope;
    constexpr u64 seed = 5;
    CAPTURE(seed);
    tenon::prng random(seed);
    for (int i = 0; i < 20'000; ++i) {
        auto const v = std::ldexp(1 + random.unit(), static_cast<int>(random.between(-63, 62)));
        auto const s = slope::of(v);
        CAPTURE(v);
        REQUIRE(s.value() >= v);
        REQUIRE(s.value() <= v * (1 + 0x1p-50));
        auto const d = random() >> random.below(64);
        auto const p = s.times(d, top);
        if (static_cast<double>(d) * v < 0x1p63)
            REQUIRE(static_cast<double>(p) == doctest::Approx(std::floor(static_cast<double>(d) * v)).epsilon(1e-9));
        REQUIRE(s.times(d, 100) == std::min<u64>(p, 100));
        REQUIRE(s.times(d - (d > 0 ? 1 : 0), top) <= p);
    }
    for (u64 k = 1; k < 2000; ++k)
        for (u64 d : {u64{1}, u64{3}, u64{1000}, u64{123'456'789}})
            REQUIRE(slope::of(1.0 / static_cast<double>(k)).times(d * k, top) == d);
    CHECK(slope::of(1).times(12345, top) == 12345);
    CHECK(slope::of(0).bits == 0);
    CHECK(slope::of(-1).bits == 0);
    CHECK(slope::of(std::nan("")).bits == 0);
    CHECK(slope::of(1e-300).times(top, top) == 0);
    CHECK(slope::of(1e300).times(1, top) == top - 127);
    CHECK(slope::of(1e300).times(2, 50) == 50);
    CHECK(slope::of(INFINITY).times(0, 50) == 0);
    CHECK(slope::of(std::ldexp(2 - 0x1p-52, 62)).times(1, top) == u64{1} << 63);
}

TEST_CASE("the logarithm of a distance rises and is near log2") {
    u64 last = 0;
    for (u64 d = 1; d < 5000; ++d) {
        auto const log = tenon::detail::log_distance(d);
        REQUIRE(log > last);
        REQUIRE(static_cast<double>(log) * 0x1p-57 ==
                doctest::Approx(std::log2(static_cast<double>(d)) + 1).epsilon(0.09));
        last = log;
    }
    CHECK(tenon::detail::log_distance(0) == 0);
    CHECK(tenon::detail::log_distance(top) > tenon::detail::log_distance(top - 1024));
    CHECK(tenon::detail::log_distance(top) < u64{65} << 57);
}

TEST_CASE("models are fitted on keys of any type through their projection") {
    std::vector<double> reals;
    for (int i = 0; i < 1000; ++i) reals.push_back(1.0 + i / 1000.0);
    tenon::projected_keys<double> const keys(reals);
    auto const                          f = tenon::linear_spline::fit(keys);
    for (u64 i = 0; i < 1000; ++i) REQUIRE(error_at(f.predict(keys[i], 1000), i) <= 1);
    tenon::number_slice const part(keys, 100, 50);
    CHECK(part.size() == 50);
    CHECK(tenon::linear_spline::fit(part).predict(keys[120], 50) == 20);
}

TEST_CASE("coefficients are their own format") {
    auto const f = tenon::linear_spline::fit(view({16, 20, 32}));  // 2 positions over 16: 1/8
    auto const w = std::bit_cast<std::array<u64, 2>>(f);
    CHECK(w[0] == 16);
    CHECK(w[1] == 0x8000000000000800 + 66);  // (1 + 2^-52) / 8, the mantissa at the top: 2^63 / 2^66
    CHECK(std::bit_cast<std::array<u64, 2>>(tenon::radix::fit(view({16, 17, 18, 19}), 0.5)) ==
          std::array<u64, 2>{16, 1});
    CHECK(sizeof(tenon::robust<tenon::cubic>::fitted) == 56);
    CHECK(tenon::constant::fit(none).position == 0);
}
