// SPDX-License-Identifier: Apache-2.0
#include "product.hpp"

#include <doctest/doctest.h>

using namespace combinations;

TEST_CASE("a file store lives with every log and concurrency policy") {
    auto const all = combinations_of<tenon::file_store<>>();
    CHECK(all.size() == 18);
    for (auto const& c : all) live(c);
}
TEST_CASE("a checksummed file store lives with every log and concurrency policy") {
    auto const all = combinations_of<tenon::checksummed<tenon::file_store<>>>();
    CHECK(all.size() == 18);
    for (auto const& c : all) live(c);
}
