// SPDX-License-Identifier: Apache-2.0
// The router alone: where it gives a place, eight separators from there decide.
#include "tenon/ordered_index/radix_router.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/ordered_index/key_tree.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

using namespace tenon;

namespace {

/// Single separators far apart, and between some of them bunches of up to twelve that lie side by side.
std::vector<std::uint64_t> bunches(prng& random, std::size_t singles, std::uint64_t step) {
    std::vector<std::uint64_t> out;
    auto const                 from = random.below(1u << 20);
    for (std::size_t i = 0; i < singles; ++i) {
        auto const at = from + i * step + random.below(step / 4);
        out.push_back(at);
        if (!random.chance(0.0005)) continue;
        for (auto n = 5 + random.below(7), j = std::uint64_t{1}; j <= n; ++j) out.push_back(at + j);
    }
    return out;
}

/// A tree and a router over separators, as an index has them.
struct routed {
    std::vector<std::uint64_t> separators;
    byte_vector                bytes{};
    std::uint64_t              at = 0, end = 0;

    explicit routed(std::vector<std::uint64_t> s) : separators(std::move(s)) {
        key_tree::put(bytes, separators);
        at = bytes.size();
        radix_router::put(bytes, separators);
    }
    key_tree             tree() const { return *key_tree::open(bytes, 0, separators.size()); }
    result<radix_router> router() { return radix_router::open(bytes, at, tree(), end); }
};

}  // namespace

TEST_CASE("where a router does not ask the tree it leads to the eight separators that decide") {
    constexpr std::uint64_t seed = 11;
    CAPTURE(seed);
    prng          random(seed);
    std::uint64_t led = 0, asked = 0, without = 0;
    for (int set = 0; set < 60; ++set) {
        CAPTURE(set);
        auto separators = bunches(random, 1500 + random.below(2000), std::uint64_t{64} << random.below(40));
        if (set % 3 == 1) separators.insert(separators.begin(), {0, 1, 2});  // far before the others
        if (set % 3 == 2)
            for (int i = 0; i < 3; ++i) separators.push_back(std::numeric_limits<std::uint64_t>::max() - 3 + i);
        REQUIRE(std::is_sorted(separators.begin(), separators.end()));
        routed     r(separators);
        auto const tree   = r.tree();
        auto const router = r.router();
        REQUIRE(router);
        CHECK(r.end == r.bytes.size());
        CHECK(router->valid(separators));
        if (router->entries() == 0) {
            ++without;
            continue;
        }
        auto const look = [&](std::uint64_t p) {
            auto const first = router->first(p);
            ++(first == radix_router::ask_tree ? asked : led);
            if (first == radix_router::ask_tree) return;
            REQUIRE(first + 8 <= separators.size());
            REQUIRE(first + tree.less_of_eight(first, p) == tree.lower(p));
        };
        for (auto const s : separators)
            for (auto const p : {s - 1, s, s + 1}) look(p);
        for (int i = 0; i < 200; ++i) look(random() >> random.below(64));
        look(0);
        look(std::numeric_limits<std::uint64_t>::max());
    }
    MESSAGE(led, " led, ", asked, " asked, ", without, " sets without a router");
    CHECK(led > 100'000);
    CHECK(asked > 1000);
    CHECK(without < 10);
}

TEST_CASE("an entry that leads out of the separators asks the tree") {
    constexpr std::uint64_t seed = 12;
    CAPTURE(seed);
    prng        random(seed);
    routed      r(bunches(random, 2000, 1u << 20));
    auto const& separators = r.separators;
    REQUIRE(r.router()->entries() > 400);
    auto const    last = static_cast<std::uint32_t>(separators.size() - 8);
    std::uint64_t led = 0, asked = 0;
    for (std::uint32_t const entry :
         {last, last + 1, last + 8, 0x4000'0000u, 0x7fff'ffffu, 0x8000'0000u, 0xffff'ffffu}) {
        CAPTURE(entry);
        for (auto i = r.at + 48; i + 4 <= r.end; i += 4) std::memcpy(r.bytes.data() + i, &entry, 4);
        auto const router = r.router();
        REQUIRE(router);
        CHECK_FALSE(router->valid(separators));
        for (auto const s : separators) {
            auto const first = router->first(s);
            ++(first == radix_router::ask_tree ? asked : led);
            REQUIRE((first == radix_router::ask_tree || first + 8 <= separators.size()));
        }
    }
    CHECK(led == separators.size());
    CHECK(asked == 6 * separators.size());
}

TEST_CASE("a router whose table is not as long as its bins is refused") {
    constexpr std::uint64_t seed = 13;
    CAPTURE(seed);
    prng   random(seed);
    routed r(bunches(random, 2000, 1u << 20));
    struct head {
        std::uint64_t low, top, shift, entries, zero[2];
    };
    auto const good   = load<head>(r.bytes.data() + r.at);
    auto const change = [&](auto how) {
        auto h = good;
        how(h);
        std::memcpy(r.bytes.data() + r.at, &h, sizeof h);
        return r.router().has_value();
    };
    CHECK(change([](head&) {}));
    CHECK_FALSE(change([](head& h) { --h.entries; }));
    CHECK_FALSE(change([](head& h) { h.entries /= 2; }));
    CHECK_FALSE(change([](head& h) { h.entries = 1; }));
    CHECK_FALSE(change([](head& h) { h.entries = 1, h.top = ~std::uint64_t{0}, h.shift = 0; }));
    CHECK_FALSE(change([](head& h) { h.entries *= 2; }));
    CHECK_FALSE(change([](head& h) { h.top = ~std::uint64_t{0}; }));
    CHECK_FALSE(change([](head& h) { --h.shift; }));
    CHECK_FALSE(change([](head& h) { h.shift = 64; }));
    CHECK_FALSE(change([](head& h) { h.zero[1] = 1; }));
    CHECK(change([](head& h) { h.entries = 0; }));  // no router
}
