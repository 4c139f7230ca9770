// SPDX-License-Identifier: Apache-2.0
#include "../../examples/atlas/embedding.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string_view>

namespace {
float cosine(std::string_view a, std::string_view b) {
    auto const x = atlas::embed_name(a), y = atlas::embed_name(b);
    float      sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
    return sum;
}
}  // namespace

TEST_CASE("every embedding has unit length, of any bytes") {
    for (std::string_view name : {"", "a", "  ", "--", "New York City", "\xFF\xFE", "東京", "İstanbul",
                                  "Nuku\xCA\xBB"
                                  "alofa",
                                  "\x02\x03"})
        CHECK(cosine(name, name) == doctest::Approx(1).epsilon(1e-5));
}

TEST_CASE("case, accents, punctuation and spaces do not matter") {
    CHECK(cosine("Sao Paulo", "S\xC3\xA3o  Paulo") == doctest::Approx(1));
    CHECK(cosine("SAINT-ETIENNE", "Saint \xC3\x89tienne") == doctest::Approx(1));
    CHECK(cosine(" Paris.", "paris") == doctest::Approx(1));
}

TEST_CASE("a typo stays near, another name does not") {
    for (auto const& [name, typo] : {std::pair{"Reykjav\xC3\xADk", "Rekjavik"},
                                     {"Barcelona", "Barselona"},
                                     {"Johannesburg", "Johanesburg"},
                                     {"San Francisco", "San Fransisco"},
                                     {"Saint Petersburg", "Sankt Peterburg"},
                                     {"Kathmandu", "Katmandu"}}) {
        CAPTURE(name);
        CHECK(cosine(name, typo) > 0.6f);
        for (std::string_view other : {"Lagos", "Tokyo", "Melbourne", "Quito", "Ulan Bator"})
            CHECK(cosine(name, other) < cosine(name, typo) - 0.2f);
    }
}

TEST_CASE("names without letters and digits share one vector") {
    CHECK(atlas::embed_name("") == atlas::embed_name(" - "));
}
