// SPDX-License-Identifier: Apache-2.0
#include "tenon/model/constant.hpp"
#include "tenon/ordered_index/rmi.hpp"
#include "tenon/ordered_index/sorted_array.hpp"
#include "tenon/testing/ordered_index.hpp"

#include <doctest/doctest.h>

namespace {
template <class Policy>
void conforms() {
    constexpr std::uint64_t seed = 20;
    CAPTURE(seed);
    tenon::testing::report r;
    tenon::testing::check_ordered_index<Policy>(seed, r);
    INFO(r.text());
    CHECK(r.passed());
    CHECK(r.checks() > 10'000);
}
}  // namespace

TEST_CASE("sorted_array keeps the axioms") { conforms<tenon::sorted_array>(); }
TEST_CASE("rmi keeps the axioms") { conforms<tenon::rmi<>>(); }
TEST_CASE("rmi with about as many leaves as keys keeps the axioms") {
    conforms<tenon::rmi<tenon::linear_spline, tenon::linear, 1>>();
}
TEST_CASE("rmi with a regression root and constant leaves keeps the axioms") {
    conforms<tenon::rmi<tenon::linear, tenon::constant, 8>>();
}
