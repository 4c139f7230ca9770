// SPDX-License-Identifier: Apache-2.0
#include "product.hpp"

#include <doctest/doctest.h>

using namespace combinations;

TEST_CASE("a mapped store lives with every log and concurrency policy") {
    auto const all = combinations_of<tenon::mmap_store<>>();
    CHECK(all.size() == 18);
    for (auto const& c : all) live(c);
}
TEST_CASE("a checksummed mapped store lives with every log and concurrency policy") {
    auto const all = combinations_of<tenon::checksummed<tenon::mmap_store<>>>();
    CHECK(all.size() == 18);
    for (auto const& c : all) live(c);
}
