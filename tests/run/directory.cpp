// SPDX-License-Identifier: Apache-2.0
// The directory of a run, looked at in part: what an answer rests on is verified first, and no row is placed where it is not.
#include "tenon/core/prng.hpp"
#include "tenon/run/run.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

using namespace tenon;

namespace {

constexpr std::uint64_t rows = 10'000;

byte_vector directory_of(std::vector<std::uint64_t> const& firsts) {
    byte_vector out;
    put(out, std::uint64_t{firsts.size()});
    for (auto const first : firsts) put(out, block_entry{first, {4096 * first, 4096, 0}});
    for (std::size_t i = 0; i < firsts.size(); ++i) put(out, zone{});
    return out;
}
std::vector<std::uint64_t> ascending(prng& random, std::size_t n) {
    std::set<std::uint64_t> out{0};
    while (out.size() < n) out.insert(random.below(rows));
    return {out.begin(), out.end()};
}

}  // namespace

TEST_CASE("a row is placed in its block, and all that says so was verified before") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        prng       random(seed);
        auto const firsts = ascending(random, 1 + random.below(300));
        auto const bytes  = directory_of(firsts);
        auto const opened = run_directory::open_unread(bytes, rows, 1);
        REQUIRE(opened);
        for (int i = 0; i < 100; ++i) {
            auto const                               at = i == 0 ? 0 : i == 1 ? rows - 1 : random.below(rows);
            std::set<std::byte const*>               needed;
            std::uint64_t                            asked = 0;
            result<std::optional<block_place>> const place =
                opened->place_in_part(at, [&](byte_view b) -> result<void> {
                    for (auto const& one : b) needed.insert(&one);
                    ++asked;
                    return {};
                });
            REQUIRE(place);
            REQUIRE(place->has_value());
            auto const& p = **place;
            CHECK(p.first <= at);
            CHECK(at < p.next);
            CHECK(p.first == firsts[p.block]);
            CHECK(p.next == (p.block + 1 < firsts.size() ? firsts[p.block + 1] : rows));
            CHECK(p.blocks == firsts.size());
            for (auto b = p.block; b < std::min(p.block + 2, firsts.size()); ++b)
                for (auto const& one : std::as_bytes(opened->blocks().subspan(b, 1))) REQUIRE(needed.contains(&one));
            CHECK(asked < 12);                            // of 300 blocks
            for (std::uint64_t n = 1; n <= asked; ++n) {  // whatever is not what was written ends it
                std::uint64_t left = n;
                auto const    bad  = opened->place_in_part(at, [&](byte_view) -> result<void> {
                    if (--left == 0) return fail(errc::corrupt, "not what was written");
                    return {};
                });
                REQUIRE_FALSE(bad);
                CHECK(bad.error().kind == errc::corrupt);
            }
        }
    }
}

TEST_CASE("a directory whose blocks are out of order places rows where they are, or nowhere") {
    std::uint64_t placed = 0, lost = 0;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        CAPTURE(seed);
        prng random(seed);
        auto firsts = ascending(random, 2 + random.below(60));
        for (auto& first : firsts)
            if (random.chance(0.3)) first = random.below(2 * rows);
        auto const bytes  = directory_of(firsts);
        auto const opened = run_directory::open_unread(bytes, rows, 1);
        REQUIRE(opened);
        for (std::uint64_t at = 0; at < rows; at += 37) {
            auto const place = opened->place_in_part(at, [](byte_view) -> result<void> { return {}; });
            REQUIRE(place);
            ++(*place ? placed : lost);
            if (*place) REQUIRE(((*place)->first <= at && at < (*place)->next));
        }
    }
    CHECK(placed > 1000);
    CHECK(lost > 100);
}
