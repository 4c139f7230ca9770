// SPDX-License-Identifier: Apache-2.0
#include "suite.hpp"

#include "tenon/model/constant.hpp"
#include "tenon/ordered_index/rmi.hpp"
#include "tenon/ordered_index/sorted_array.hpp"

TEST_CASE("sorted_array keeps the axioms") { conforms<tenon::sorted_array>(); }
TEST_CASE("rmi keeps the axioms") { numbers_conform<tenon::rmi<>>(); }
TEST_CASE("rmi with about as many leaves as keys keeps the axioms") {
    numbers_conform<tenon::rmi<tenon::linear_spline, tenon::linear, 1>>();
}
TEST_CASE("rmi with a regression root and constant leaves keeps the axioms") {
    numbers_conform<tenon::rmi<tenon::linear, tenon::constant, 8>>();
}
