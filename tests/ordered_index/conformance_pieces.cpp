// SPDX-License-Identifier: Apache-2.0
#include "suite.hpp"

#include "tenon/ordered_index/pgm.hpp"
#include "tenon/ordered_index/radix_spline.hpp"

TEST_CASE("pgm keeps the axioms") { conforms<tenon::pgm<>>(); }
TEST_CASE("pgm with the least error keeps the axioms") { numbers_conform<tenon::pgm<1>>(); }
TEST_CASE("pgm with the greatest error keeps the axioms") { numbers_conform<tenon::pgm<32767>>(); }
TEST_CASE("radix_spline keeps the axioms") { conforms<tenon::radix_spline<>>(); }
TEST_CASE("radix_spline with the least error keeps the axioms") { numbers_conform<tenon::radix_spline<1, 28>>(); }
TEST_CASE("radix_spline under a table of two entries keeps the axioms") {
    numbers_conform<tenon::radix_spline<2, 1>>();
}
