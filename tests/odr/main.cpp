// SPDX-License-Identifier: Apache-2.0
#include "answers.hpp"

#include <doctest/doctest.h>

namespace {

void check_same(odr_answers const& baseline, odr_answers const& other) {
    REQUIRE(baseline.size() > 16);
    REQUIRE(baseline.size() == other.size());
    for (std::size_t i = 0; i < baseline.size(); ++i) {
        CAPTURE(baseline[i].first);
        CHECK(baseline[i].first == other[i].first);
        CHECK(baseline[i].second == other[i].second);
    }
}

}  // namespace

TEST_CASE("objects compiled for different instruction sets link together and give the same answers, bit for bit") {
    SUBCASE("the object that is called first chooses: the baseline") {
        odr_answers const baseline = baseline_object();
        check_same(baseline, avx2_object());
        check_same(baseline, native_object());
    }
    SUBCASE("an object without flags of its own agrees as well") { check_same(baseline_object(), compute_answers()); }
}

TEST_CASE("the object that is built for more is not the one that decides") {
    odr_answers const native = native_object();
    check_same(baseline_object(), native);
}
