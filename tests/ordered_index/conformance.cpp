// SPDX-License-Identifier: Apache-2.0
#include "suite.hpp"

#include "tenon/model/constant.hpp"
#include "tenon/model/cubic.hpp"
#include "tenon/model/log_linear.hpp"
#include "tenon/model/radix.hpp"
#include "tenon/model/robust.hpp"
#include "tenon/ordered_index/rmi.hpp"
#include "tenon/ordered_index/sorted_array.hpp"

TEST_CASE("sorted_array keeps the axioms") { conforms<tenon::sorted_array>(); }
TEST_CASE("rmi keeps the axioms") { conforms<tenon::rmi<>>(); }
TEST_CASE("rmi with about as many leaves as keys keeps the axioms") {
    numbers_conform<tenon::rmi<tenon::linear_spline, tenon::linear, tenon::keys_per_leaf<1>>>();
}
TEST_CASE("rmi with a regression root and constant leaves keeps the axioms") {
    numbers_conform<tenon::rmi<tenon::linear, tenon::constant, tenon::keys_per_leaf<8>>>();
}
TEST_CASE("rmi of three layers under a curve keeps the axioms") {
    numbers_conform<tenon::rmi<tenon::cubic, tenon::linear, tenon::log_linear, tenon::keys_per_leaf<8>,
                               tenon::fan_out<4>, tenon::last_mile::branchless>>();
}
TEST_CASE("rmi of one robust model keeps the axioms") { numbers_conform<tenon::rmi<tenon::robust<tenon::radix>>>(); }
