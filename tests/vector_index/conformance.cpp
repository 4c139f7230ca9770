// SPDX-License-Identifier: Apache-2.0
// Vector indexes: the conformance suite on every policy.
#include "tenon/testing/vector_index.hpp"

#include "tenon/metric/archetype.hpp"
#include "tenon/metric/cosine.hpp"
#include "tenon/metric/haversine.hpp"
#include "tenon/metric/inner_product.hpp"
#include "tenon/metric/l2_squared.hpp"
#include "tenon/vector_index/archetype.hpp"
#include "tenon/vector_index/flat.hpp"
#include "tenon/vector_index/hnsw.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace tenon;

TEST_CASE_TEMPLATE("exact policies keep the axioms of the axis and find every nearest row", P, flat<l2_squared>,
                   flat<cosine>) {
    testing::report r;
    testing::check_vector_index<P>(101, r);
    INFO(r.text());
    CHECK(r.passed());
}

TEST_CASE("the least policy keeps the axioms of the axis") {
    testing::report r;
    testing::check_vector_index<archetype::vector_index_policy>(102, r, 1.0, {1, 3});
    INFO(r.text());
    CHECK(r.passed());
}

TEST_CASE_TEMPLATE("graphs keep the axioms of the axis and find nearly every nearest row", P, hnsw<cosine>,
                   hnsw<inner_product>, hnsw<l2_squared, 4, 20, 8>) {
    testing::report r;
    testing::check_vector_index<P>(103, r, 0.95);
    INFO(r.text());
    CHECK(r.passed());
}

TEST_CASE("places are indexed by great circles, and only in two dimensions") {
    testing::report r;
    testing::check_vector_index<hnsw<haversine>>(104, r, 0.95, {2});
    testing::check_vector_index<flat<haversine>>(104, r, 1.0, {2});
    INFO(r.text());
    CHECK(r.passed());
    std::vector<float> const    rows{1, 2, 3};
    std::vector<position> const at{0};
    auto const                  refused = hnsw<haversine>::build(3, rows, at);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == errc::invalid_argument);
}
