// SPDX-License-Identifier: Apache-2.0
#include "tenon/core/projection.hpp"
#include "tenon/core/prng.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using tenon::key_space;
using tenon::projection;
enum class colour : signed char { red = -3, green = 0, blue = 5 };

/// Sorted keys project to numbers that never descend, alone and in the space of the set.
template <class K>
void ascends(std::vector<K> keys) {
    std::sort(keys.begin(), keys.end());
    key_space<K> const space{std::span<K const>(keys)};
    bool               alone = true, in_space = true, exact = true;
    for (std::size_t i = 1; i < keys.size(); ++i) {
        alone    = alone && projection<K>::of(keys[i - 1]) <= projection<K>::of(keys[i]);
        in_space = in_space && space(keys[i - 1]) <= space(keys[i]);
        if (projection<K>::exact && keys[i - 1] < keys[i]) exact = exact && space(keys[i - 1]) < space(keys[i]);
    }
    CHECK(alone);
    CHECK(in_space);
    CHECK(exact);

    // Keys outside: the set without its ends, asked for all.
    if (keys.size() < 5) return;
    key_space<K> const inner{std::span<K const>(keys).subspan(2, keys.size() - 4)};
    bool               outside = true;
    for (std::size_t i = 1; i < keys.size(); ++i) outside = outside && inner(keys[i - 1]) <= inner(keys[i]);
    CHECK(outside);
}

}  // namespace

TEST_CASE("numbers keep their order as words") {
    constexpr std::uint64_t seed = 4;
    CAPTURE(seed);
    tenon::prng random(seed);

    std::vector<std::int64_t> whole{std::numeric_limits<std::int64_t>::min(), -1, 0, 1,
                                    std::numeric_limits<std::int64_t>::max()};
    std::vector<std::int8_t>  small;
    std::vector<double>       real{-std::numeric_limits<double>::infinity(), -1.5, -0.0, 0.0, 5e-324, 1, 1e300,
                             std::numeric_limits<double>::infinity()};
    std::vector<float>        single;
    for (int i = 0; i < 500; ++i) {
        whole.push_back(static_cast<std::int64_t>(random()));
        small.push_back(static_cast<std::int8_t>(random()));
        auto const d = std::bit_cast<double>(random());
        auto const f = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
        if (!std::isnan(d)) real.push_back(d);
        if (!std::isnan(f)) single.push_back(f);
    }
    ascends(whole);
    ascends(small);
    ascends(real);
    ascends(single);
    ascends(std::vector{colour::red, colour::green, colour::blue});
    CHECK(projection<double>::of(-0.0) == projection<double>::of(0.0));
    CHECK(projection<std::uint64_t>::of(77) == 77);
    CHECK_FALSE(projection<double>::is_ordered(std::nan("")));
}

TEST_CASE("longer keys keep their order, and lose what all of them share") {
    constexpr std::uint64_t seed = 5;
    CAPTURE(seed);
    tenon::prng random(seed);

    std::vector<std::string>                urls, words{"", "a", std::string("a\0", 2), std::string("a\0b", 3), "ab"};
    std::vector<tenon::detail::key_uint128> wide;
    std::vector<tenon::detail::key_int128>  wide_signed;
    std::vector<std::pair<std::int32_t, float>>        pairs;
    std::vector<std::tuple<std::int16_t, std::string>> tuples;
    std::vector<std::array<std::byte, 20>>             digests;
    for (int i = 0; i < 500; ++i) {
        auto const r = random();
        urls.push_back("https://www.example.org/" + std::to_string(r % 5000));
        words.push_back(std::to_string(r).substr(0, random.below(12)));
        wide.push_back(tenon::detail::key_uint128{random()} << random.below(64));
        wide_signed.push_back(static_cast<tenon::detail::key_int128>(random()) * (r % 2 == 0 ? 1 : -1));
        pairs.emplace_back(static_cast<std::int32_t>(r % 7) - 3, static_cast<float>(r % 11) - 5);
        tuples.emplace_back(static_cast<std::int16_t>(r % 3), std::to_string(r % 100));
        std::array<std::byte, 20> digest{};
        for (auto& b : digest) b = static_cast<std::byte>(random.below(3));
        digests.push_back(digest);
    }
    ascends(urls);
    ascends(words);
    ascends(wide);
    ascends(wide_signed);
    ascends(pairs);
    ascends(tuples);
    ascends(digests);

    std::vector<std::string_view> const two{"https://a", "https://b"};
    key_space<std::string_view> const   space{std::span(two)};
    CHECK(space("https://a") != space("https://b"));
    CHECK(space("ftp") == 0);
    CHECK(space("zip") == std::numeric_limits<std::uint64_t>::max());
    CHECK_FALSE(projection<std::pair<int, double>>::is_ordered({1, std::nan("")}));
}
