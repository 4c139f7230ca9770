// SPDX-License-Identifier: Apache-2.0
#include "tenon/testing/ordered_map.hpp"
#include "tenon/ordered_map/btree.hpp"
#include "tenon/ordered_map/skip_list.hpp"
#include "tenon/ordered_map/std_map.hpp"

#include "tenon/core/hash.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

using namespace tenon;

TEST_CASE_TEMPLATE("an ordered map agrees with std::map under random operations", Policy, std_map, btree, shared_btree,
                   skip_list) {
    for (std::uint64_t seed : {1u, 2u, 3u}) {
        CAPTURE(seed);
        testing::report r;
        testing::check_ordered_map<Policy>(seed, r);
        INFO(r.text());
        CHECK(r.passed());
    }
}

TEST_CASE("a skip list is read while it is written") {
    for (std::uint64_t seed : {1u, 2u}) {
        CAPTURE(seed);
        testing::report r;
        testing::check_concurrent_reads<skip_list>(seed, 2, 5000, r);
        INFO(r.text());
        CHECK(r.passed());
    }
}

namespace {

struct counting_less {
    static inline std::uint64_t calls = 0;
    bool                        operator()(std::uint64_t a, std::uint64_t b) const { return ++calls, a < b; }
};

std::uint64_t reversed(std::uint64_t x) {
    std::uint64_t out = 0;
    for (int i = 0; i < 64; ++i) out |= (x >> i & 1) << (63 - i);
    return out;
}

}  // namespace

TEST_CASE("keys that are hashes of their ordinals, in whatever order of bits, do not slow a skip list") {
    for (bool const reverse : {false, true}) {
        CAPTURE(reverse);
        skip_list::map<std::uint64_t, int, counting_less> map;
        constexpr std::uint64_t                           keys = 20'000;
        counting_less::calls                                   = 0;
        for (std::uint64_t i = 0; i < keys; ++i) map.insert(reverse ? reversed(hash_u64(i)) : hash_u64(i), 0);
        CHECK(counting_less::calls < keys * 40);  // about 20 are expected
    }
}

TEST_CASE("a skip list takes keys and values that cannot move or copy, and over-aligned ones") {
    struct alignas(64) wide {
        explicit wide(int v) : value(v) {}
        wide(wide const&) = delete;
        int value;
    };
    skip_list::map<std::unique_ptr<int>, wide, std::less<>> map;
    for (int i = 0; i < 100; ++i) {
        auto const [place, is_new] = map.insert(std::make_unique<int>(i), i);
        CHECK(is_new);
        CHECK(place->value == i);
        CHECK(reinterpret_cast<std::uintptr_t>(place) % 64 == 0);
    }
    auto moved = std::move(map);
    CHECK(moved.size() == 100);
    CHECK(map.size() == 0);
    CHECK(map.insert(nullptr, 1).second);
    CHECK(moved.insert(nullptr, 1).second);
    CHECK(moved.size() == 101);
}

TEST_CASE("a skip list keeps a key whose value's constructor threw out") {
    struct picky {
        explicit picky(int v) : value(v) {
            if (v < 0) throw v;
        }
        int value;
    };
    skip_list::map<std::string, picky, std::less<>> map;
    map.insert("a", 1);
    CHECK_THROWS_AS(map.insert(std::string(100, 'b'), -1), int);
    CHECK(map.size() == 1);
    CHECK(map.find(std::string(100, 'b')) == nullptr);
    CHECK(map.insert(std::string(100, 'b'), 2).second);
    CHECK(map.find(std::string_view("a"))->value == 1);
}
