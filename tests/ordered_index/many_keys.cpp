// SPDX-License-Identifier: Apache-2.0
// So many keys that models grow all of their levels.
#include "policies.hpp"
#include "suite.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

template <class Policy, class Maker>
void answers_for_many(std::string_view set, std::size_t n, unsigned flavour) {
    constexpr std::uint64_t seed = 71;
    CAPTURE(seed);
    CAPTURE(set);
    Maker                  maker;
    auto const             numbers = tenon::testing::detail::index_numbers(set, n, seed);
    auto const             keys    = tenon::testing::detail::index_keys(maker, std::span(numbers), flavour);
    tenon::testing::report r;
    tenon::testing::check_ordered_index_on<Policy, Maker>(keys, 23, maker.name(), seed, r);
    INFO(r.text());
    CHECK(r.passed());
}

/// Ten times as many with TENON_TEST_ALL=1.
std::size_t many(std::size_t n) { return std::getenv("TENON_TEST_ALL") != nullptr ? 10 * n : n; }

}  // namespace

TEST_CASE_TEMPLATE("an index answers for half a million numbers of every set", Policy, TENON_POSITION_INDEXES) {
    for (auto set : tenon::testing::key_set_names)
        answers_for_many<Policy, tenon::testing::index_makers::u64>(set, many(500'000), 0);
    for (auto set : tenon::testing::detail::index_number_sets)
        answers_for_many<Policy, tenon::testing::index_makers::u64>(set, many(300'000), 0);
}

TEST_CASE_TEMPLATE("an index answers for many keys of other types", Policy, TENON_POSITION_INDEXES) {
    for (std::string_view set : {"uniform", "osm", "wiki", "adversarial"}) {
        answers_for_many<Policy, tenon::testing::index_makers::f64>(set, many(200'000), 1);
        answers_for_many<Policy, tenon::testing::index_makers::u32>(set, many(200'000), 0);
        answers_for_many<Policy, tenon::testing::index_makers::u8>(set, many(200'000), 1);
    }
}
