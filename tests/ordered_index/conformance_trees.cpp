// SPDX-License-Identifier: Apache-2.0
#include "suite.hpp"

#include "tenon/ordered_index/hybrid.hpp"
#include "tenon/ordered_index/static_tree.hpp"

TEST_CASE("hybrid keeps the axioms") { conforms<tenon::hybrid<>>(); }
TEST_CASE("static_tree keeps the axioms") { conforms<tenon::static_tree<>>(); }
TEST_CASE("static_tree with compressed separators keeps the axioms") {
    conforms<tenon::static_tree<tenon::compressed_separators>>();
}
