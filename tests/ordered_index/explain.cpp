// SPDX-License-Identifier: Apache-2.0
#include "tenon/ordered_index/index_report.hpp"
#include "tenon/ordered_index/pgm.hpp"
#include "tenon/ordered_index/radix_spline.hpp"
#include "tenon/ordered_index/rmi.hpp"
#include "tenon/ordered_index/sorted_array.hpp"
#include "tenon/testing/key_sets.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using u64 = std::uint64_t;

/// Windows that are known: [at - 3, at + 5) around every position.
struct known_windows {
    std::span<u64 const>  sorted;
    u64                   size() const { return sorted.size(); }
    u64                   key(u64 at) const { return sorted[at]; }
    u64                   lower_bound(u64 k) const { return k; }
    tenon::position_range window(u64 k) const { return {k < 3 ? 0 : k - 3, k + 5}; }
};

void tells(std::string const& text, std::initializer_list<char const*> parts) {
    CAPTURE(text);
    for (auto part : parts) {
        CAPTURE(part);
        CHECK(text.find(part) != std::string::npos);
    }
}

/// The number in front of `what`.
double number_before(std::string const& text, std::string_view what) {
    auto const at = text.find(what);
    REQUIRE(at != std::string::npos);
    auto const from = text.find_last_of(' ', at - 1);
    return std::strtod(text.c_str() + from, nullptr);
}

}  // namespace

TEST_CASE("a report counts positions searched, misses of the middle, and cache lines") {
    std::vector<u64> keys(1000);
    for (u64 i = 0; i < keys.size(); ++i) keys[i] = i;
    auto const report = [&](std::string_view mile) {
        return tenon::detail::explain_index(known_windows{keys}, "known", mile, {2000, 3, "made up\n"});
    };
    auto const text = report("default");
    // Three keys have 5, 6 and 7 positions, the others 8; the middle is key 2 for key 0, 2 for 1, 3 for 2, and right for the others.
    CHECK(text ==
          "known over 1,000 keys: 2,000 bytes, 2 a key\nmade up\n"
          "share of the keys by positions searched, less one, and by how far the middle of these misses\n"
          "                           0         0 %      99.7 % " +
              std::string(50, '#') +
              "\n"
              "                           1         0 %       0.2 % \n"
              "                      2 to 3         0 %       0.1 % \n"
              "                      4 to 7       100 %         0 % \n"
              "cache lines per look-up: 3 of the model and 1.44 of keys, with last mile default\n");
    CHECK(number_before(report("exponential"), " of keys") == 1);
}

TEST_CASE("a report over many keys asks some of them, from the first to the last") {
    std::vector<u64> keys(200'001);
    for (u64 i = 0; i < keys.size(); ++i) keys[i] = i;
    tells(tenon::detail::explain_index(known_windows{keys}, "known", "default", {}),
          {"share of 65,536 of the keys by"});
}

TEST_CASE("every index with a model tells its sizes, its errors and its cache lines in the same form") {
    constexpr u64 seed = 3;
    CAPTURE(seed);
    auto const             keys = tenon::testing::key_set("books", 64'000, seed);
    std::vector<u64> const none;

    auto const pgm = tenon::pgm<8>::over(keys)->explain();
    auto const s   = tenon::pgm<8>::over(keys)->stats();
    CHECK(s.segments > 100);
    tells(pgm, {"pgm<8> over 64,000 keys: ", "share of the keys", "tree: ", "with last mile default"});
    CHECK(number_before(pgm, " of the model") == static_cast<double>(s.tree_levels + 1));
    tells(pgm, {("pieces: " + tenon::detail::grouped(s.segments) + " of 17 bytes").c_str(),
                ("windows of " + std::to_string(s.width + 1) + " positions").c_str()});

    auto const spline = tenon::radix_spline<8>::over(keys)->explain();
    tells(spline,
          {"radix_spline<8,18> over 64,000 keys: ", "pieces: ", "table: ", " % of the knots are left to a tree"});
    CHECK(number_before(spline, " of the model") >= 3);

    tells(tenon::rmi<>::over(keys)->explain(), {"rmi<linear_spline,linear> over 64,000 keys", "share of the keys"});
    tells(tenon::sorted_array::over(keys)->explain(),
          {"sorted_array over 64,000 keys: 128 bytes", "32,768 to 65,535       100 %"});

    tells(tenon::pgm<>::over(none)->explain(), {"pgm<32> over 0 keys: ", "pieces: 0 of 17 bytes"});
    tells(tenon::radix_spline<>::over(none)->explain(), {"radix_spline<32,18> over 0 keys: "});
    tells(tenon::rmi<>::over(none)->explain(), {"rmi<linear_spline,linear> over 0 keys: "});
}

TEST_CASE("a spline whose table tells nothing says that its knots are left to the tree") {
    std::vector<u64> keys;  // clusters within clusters: leading bits are shared
    for (u64 i = 0; i < 8; ++i)
        for (u64 j = 0; j < 4000; ++j) keys.push_back((i << 60) + j * j);
    auto const index = tenon::radix_spline<4, 10>::over(keys);
    REQUIRE(index);
    auto const text = index->explain();
    CAPTURE(text);
    auto const left = number_before(text, " % of the knots");
    CHECK(left > 50);
    CHECK(number_before(text, " of the model") > 3);
}
