// SPDX-License-Identifier: Apache-2.0
#include "tenon/testing/filter.hpp"
#include "tenon/core/hash.hpp"
#include "tenon/filter/bloom.hpp"
#include "tenon/filter/no_filter.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace tenon;

TEST_CASE_TEMPLATE("a filter never misses a key and survives hostile bytes", Policy, no_filter, bloom<1>, bloom<>,
                   bloom<30>) {
    for (std::uint64_t seed : {1u, 2u}) {
        CAPTURE(seed);
        testing::report r;
        testing::check_filter<Policy>(seed, r);
        INFO(r.text());
        CHECK(r.passed());
    }
}

template <unsigned Bits>
double false_positives() {
    std::vector<std::uint64_t> hashes;
    for (std::uint64_t i = 0; i < 20000; ++i) hashes.push_back(hash_u64(i));
    auto const bytes = bloom<Bits>::build(hashes);
    auto const view  = bloom<Bits>::view::open(bytes).value();
    int        hits  = 0;
    for (std::uint64_t i = 0; i < 50000; ++i) hits += view.may_contain(hash_u64(1'000'000 + i));
    return hits / 50000.0;
}

TEST_CASE("a Bloom filter is seldom wrong, and less often with more bits") {
    auto const five = false_positives<5>(), ten = false_positives<10>(), twenty = false_positives<20>();
    CAPTURE(five);
    CAPTURE(ten);
    CAPTURE(twenty);
    CHECK(five < 0.16);
    CHECK(ten < 0.02);
    CHECK(ten > 0.001);
    CHECK(twenty < 0.002);
}

TEST_CASE("a Bloom filter of no keys contains nothing; no filter contains everything") {
    auto const bytes = bloom<>::build({});
    CHECK(bytes.size() == 64);
    CHECK_FALSE(bloom<>::view::open(bytes)->may_contain(0));
    CHECK(no_filter::view::open({})->may_contain(0));
    CHECK_FALSE(no_filter::view::open(bytes).has_value());
}

TEST_CASE("validate notices a changed block; open notices every changed bit of the header") {
    std::array<std::uint64_t, 3> const hashes{1, 2, 3};
    auto                               bytes = bloom<>::build(hashes);
    REQUIRE(bytes.size() == 128);
    CHECK(bloom<>::view::open(bytes)->validate().has_value());
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] ^= std::byte(1u << (bit % 8));
        auto const view = bloom<>::view::open(bytes);
        REQUIRE(view.has_value() == (bit >= 64 * 8));
        if (view) REQUIRE_FALSE(view->validate().has_value());
        bytes[bit / 8] ^= std::byte(1u << (bit % 8));
    }
}

TEST_CASE("a Bloom filter keeps its bytes for ever, because runs on disk hold them") {
    std::array<std::uint64_t, 2> const hashes{hash_u64(1), hash_u64(2)};
    std::string                        hex;
    for (auto b : bloom<>::build(hashes)) {
        hex += "0123456789abcdef"[std::to_integer<unsigned>(b) >> 4];
        hex += "0123456789abcdef"[std::to_integer<unsigned>(b) & 15u];
    }
    CHECK(hex ==
          "74656e6f6e2e626c6f6f6d2f310000000a000000060000000100000000000000"
          "02000000000000009e7380ae4777cfbb00000000000000000000000000000000"
          "0000000000000004000000000000000000008000000000000000000000000800"
          "0000000820000000000000010000000400000000020000000408004000200000");
}
