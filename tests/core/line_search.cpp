// SPDX-License-Identifier: Apache-2.0
#include "tenon/core/line_search.hpp"
#include "tenon/core/placement.hpp"
#include "tenon/core/prng.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <limits>
#include <memory>

TEST_CASE_TEMPLATE("a line counts what is less than a key", K, std::uint8_t, std::int8_t, std::uint16_t, std::int16_t,
                   std::uint32_t, std::int32_t, std::uint64_t, std::int64_t, float, double) {
    constexpr std::uint64_t seed = 3;
    CAPTURE(seed);
    using lim = std::numeric_limits<K>;
    tenon::prng random(seed);
    auto const  any = [&]() -> K {
        switch (random.below(6)) {
            case 0: return lim::lowest();
            case 1: return lim::max();
            case 2: return K{0};
            case 3: return static_cast<K>(random.below(100));
            default: break;
        }
        if constexpr (std::floating_point<K>) return static_cast<K>((random.unit() - 0.5) * 1e9);
        else return static_cast<K>(random());
    };
    for (int round = 0; round < 2000; ++round) {
        auto const line =
            std::make_unique<std::array<K, tenon::line_keys<K>>>();  // on the heap, so that ASan sees its end
        for (auto& k : *line) k = any();
        std::sort(line->begin(), line->end());
        for (K k : {any(), (*line)[random.below(line->size())], lim::lowest(), lim::max()}) {
            auto const expected = std::lower_bound(line->begin(), line->end(), k) - line->begin();
            CHECK(tenon::line_less(line->data(), k) == expected);
            auto const other = std::make_unique<std::array<K, tenon::line_keys<K>>>(*line);
            (*other)[0]      = lim::lowest();
            CHECK(tenon::lines_less(line->data(), other->data(), k) ==
                  tenon::line_less(line->data(), k) + tenon::line_less(other->data(), k));
            CHECK(tenon::lines_less(line->data(), line->data(), k) == 2 * expected);
            auto const n = random.below(line->size() + 1);
            CHECK(tenon::some_less(line->data(), n, k) == std::min<std::size_t>(n, static_cast<std::size_t>(expected)));
        }
    }
}

TEST_CASE("memory lies on cache lines, and on huge pages when it is large") {
    tenon::placed_vector<char> small(100), large(5 << 20);
    CHECK(reinterpret_cast<std::uintptr_t>(small.data()) % 64 == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(large.data()) % tenon::huge_page_size == 0);
    large[(5 << 20) - 1] = 1;
    tenon::placed_vector<char, tenon::cache_lines> lines(5 << 20);
    CHECK(reinterpret_cast<std::uintptr_t>(lines.data()) % 64 == 0);
    CHECK_FALSE(tenon::advise_huge_pages(small.data(), small.size()));  // no whole page in it
    large.resize(10);
    large.shrink_to_fit();
    CHECK(large.size() == 10);
}
