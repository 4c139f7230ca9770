// SPDX-License-Identifier: Apache-2.0
#include "tenon/metric/l2_squared.hpp"
#include "tenon/run/nearest_kind.hpp"
#include "tenon/vector_index/flat.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

using namespace tenon;

namespace {

struct held {
    std::vector<std::pair<std::array<float, 2>, position>> all;

    std::size_t            size() const { return all.size(); }
    position               where(std::size_t i) const { return all[i].second; }
    std::span<float const> row(std::size_t i) const { return all[i].first; }
};

}  // namespace

TEST_CASE("the vectors of a part are compared with those of the rows, one by one") {
    using kind = nearest_kind<2, flat<l2_squared>>;
    held part;
    for (position i = 0; i < 20; ++i) part.all.push_back({{static_cast<float>(i), 0.5f}, 3 * i});
    CHECK(kind::verify(part, part.all));
    for (std::size_t i = 0; i < part.all.size(); ++i) {
        auto rows = part.all;
        rows[i].first[1] += 0.25f;
        auto const vector = kind::verify(part, rows);
        REQUIRE_FALSE(vector);
        CHECK(vector.error().kind == errc::corrupt);
        rows = part.all;
        ++rows[i].second;
        CHECK_FALSE(kind::verify(part, rows));
    }
    auto rows = part.all;
    rows.pop_back();
    CHECK_FALSE(kind::verify(part, rows));
}
