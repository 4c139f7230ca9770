// SPDX-License-Identifier: Apache-2.0
#include "answers.hpp"

#include <doctest/doctest.h>

TEST_CASE("objects compiled for different instruction sets link together and give the same answers, bit for bit") {
    odr_answers const baseline = baseline_answers();
    odr_answers const wide     = wide_answers();
    REQUIRE(baseline.size() > 16);
    REQUIRE(baseline.size() == wide.size());
    for (std::size_t i = 0; i < baseline.size(); ++i) {
        CAPTURE(baseline[i].first);
        CHECK(baseline[i].first == wide[i].first);
        CHECK(baseline[i].second == wide[i].second);
    }
}

TEST_CASE("an object that includes the same headers a third time agrees as well") {
    CHECK(compute_answers() == baseline_answers());
}
