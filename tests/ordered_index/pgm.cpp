// SPDX-License-Identifier: Apache-2.0
#include "tenon/ordered_index/pgm.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/ordered_index/radix_spline.hpp"
#include "tenon/testing/hostile_bytes.hpp"
#include "tenon/testing/key_sets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace {

using tenon::pgm;
using u64                = std::uint64_t;
constexpr u64 greatest   = std::numeric_limits<u64>::max();
constexpr u64 tree_at    = 192;
using segment_record     = tenon::detail::segment_record;
using segment_slope      = tenon::detail::segment_slope;
__extension__ using i128 = __int128;

u64 oracle(std::vector<u64> const& keys, u64 k) {
    return static_cast<u64>(std::lower_bound(keys.begin(), keys.end(), k) - keys.begin());
}

u64 separator(tenon::byte_vector const& model, u64 i) {
    auto const tree = tenon::key_tree::open(model, tree_at, tenon::load<u64>(model.data() + 128));
    REQUIRE(tree);
    return tree->separator(i);
}

/// A point that a line must not pass below `low` or above `high`.
struct gate {
    u64          x;
    std::int64_t low, high;
};

/// The gates of sorted keys: each distinct key, and where a gap behind duplicates begins.
std::vector<gate> gates_of(std::vector<u64> const& keys, std::int64_t epsilon) {
    std::vector<gate> out;
    for (std::size_t i = 0; i < keys.size();) {
        auto j = i;
        while (j < keys.size() && keys[j] == keys[i]) ++j;
        auto const first = static_cast<std::int64_t>(i), behind = static_cast<std::int64_t>(j);
        out.push_back({keys[i], first - epsilon, first + epsilon});
        if (j - i > 1 && j < keys.size() && keys[j] - keys[i] > 1)
            out.push_back({keys[i] + 1, behind - 1 - epsilon, behind + epsilon});
        i = j;
    }
    return out;
}

struct share {
    i128 dy, dx;
    bool operator<(share o) const { return dy * o.dx < o.dy * dx; }
};

/// Whether some line passes gates [first, last]: every pair of them bounds its slope from both sides. `low` and `high` hold what the
/// gates before `last` say.
bool passes(std::vector<gate> const& gates, std::size_t first, std::size_t last, share& low, share& high) {
    for (auto i = first; i < last; ++i) {
        auto const  dx = static_cast<i128>(gates[last].x - gates[i].x);
        share const least{gates[last].low - gates[i].high, dx}, most{gates[last].high - gates[i].low, dx};
        if (low < least) low = least;
        if (most < high) high = most;
    }
    return !(high < low);
}

/// Where greedy pieces of the greatest length begin, by definition. A piece that begins behind duplicates begins with its rank.
std::vector<u64> longest_pieces(std::vector<u64> const& keys, std::int64_t epsilon) {
    auto             gates = gates_of(keys, epsilon);
    std::vector<u64> begins;
    for (std::size_t first = 0; first < gates.size();) {
        begins.push_back(gates[first].x);
        gates[first].low = gates[first].high - 2 * epsilon;
        share low{-1, 1}, high{i128{1} << 40, 1};
        low.dy    = -(i128{1} << 40);
        auto last = first + 1;
        while (last < gates.size() && passes(gates, first, last, low, high)) ++last;
        first = last;
    }
    return begins;
}

/// Keys with runs, jumps, duplicates and bends.
std::vector<u64> bent_keys(std::size_t n, u64 seed) {
    tenon::prng      random(seed);
    std::vector<u64> keys;
    u64              key = random.below(1000), gap = 1;
    while (keys.size() < n) {
        if (random.chance(0.05)) gap = 1 + (random() >> (30 + random.below(34)));
        if (random.chance(0.02)) key += random() >> 20;
        auto const copies = random.chance(0.1) ? 1 + random.below(12) : 1;
        key += 1 + random.below(gap);
        for (u64 i = 0; i < copies && keys.size() < n; ++i) keys.push_back(key);
    }
    return keys;
}

std::string kind(auto const& result) {
    return result ? std::string("none") : std::string(to_string(result.error().kind));
}

template <std::size_t Epsilon>
void check_pieces(std::vector<u64> const& keys) {
    auto const model = pgm<Epsilon>::template build<u64>(keys);
    REQUIRE(model);
    auto const       m = tenon::load<u64>(model->data() + 128);
    std::vector<u64> begins{keys.front()};
    for (u64 i = 0; i + 1 < m; ++i) begins.push_back(separator(*model, i) + 1);
    CHECK(begins == longest_pieces(keys, Epsilon));
}

template <std::size_t Epsilon>
void check_longest(u64 seed) {
    for (u64 round = 0; round < 60; ++round) {
        CAPTURE(seed);
        CAPTURE(round);
        check_pieces<Epsilon>(bent_keys(400, seed + round));
    }
}

/// Keys whose distances are drawn from a few kinds, changing now and then, hardly any of them equal: long pieces, taken in blocks.
std::vector<u64> drifting_keys(std::size_t n, u64 seed) {
    tenon::prng      random(seed);
    std::vector<u64> keys;
    u64              key = random() >> (8 + random.below(50)), wide = 1, kind = 0;
    while (keys.size() < n) {
        if (keys.empty() || random.chance(0.002))
            kind = random.below(4), wide = 2 + (random() >> (20 + random.below(40)));
        switch (kind) {
            case 0: key += wide; break;                                                  // even
            case 1: key += 1 + random.below(2 * wide); break;                            // random
            case 2: key += random.chance(0.1) ? 1 + random.below(10 * wide) : 1; break;  // clustered
            default: key += wide + keys.size() % 64; break;                              // waves
        }
        keys.push_back(key);
        if (random.chance(0.0005)) keys.push_back(key);
    }
    keys.resize(n);
    return keys;
}

}  // namespace

TEST_CASE("no piece of a pgm could be longer") {
    check_longest<1>(100);
    check_longest<2>(200);
    check_longest<7>(300);
    check_longest<32>(400);
}

TEST_CASE("no long piece of a pgm could be longer") {
    for (u64 seed = 500; seed < 540; ++seed) {
        CAPTURE(seed);
        auto const keys = drifting_keys(3000, seed);
        check_pieces<3>(keys);
        check_pieces<32>(keys);
        check_pieces<100>(keys);
    }
    constexpr u64 seed = 12;
    CAPTURE(seed);
    for (auto set : tenon::testing::key_set_names) {
        CAPTURE(set);
        if (set == "wiki")
            continue;  // its pieces may go on into a gap behind repeated keys, where definition and index differ
        check_pieces<16>(tenon::testing::key_set(set, 4000, seed));
    }
}

TEST_CASE("keys of other types make the pieces of their projections") {
    auto const                keys = drifting_keys(3000, 77);
    std::vector<std::int64_t> low;
    for (auto k : keys) low.push_back(static_cast<std::int64_t>(k ^ u64{1} << 63));
    std::sort(low.begin(), low.end());
    auto const of_words = *pgm<8>::build<u64>(keys), of_signed = *pgm<8>::build<std::int64_t>(low);
    REQUIRE(of_words.size() == of_signed.size());
    CHECK(std::equal(of_words.begin() + 128, of_words.end(), of_signed.begin() + 128));
}

TEST_CASE("the deviations of a piece are those of its definition") {
    for (u64 seed = 900; seed < 960; ++seed) {
        CAPTURE(seed);
        tenon::prng                      random(seed);
        auto const                       keys = drifting_keys(40 + random.below(400), seed);
        tenon::projected_keys<u64> const projected(keys);
        auto const rise  = static_cast<double>(keys.size()) / static_cast<double>(keys.back() - keys.front());
        auto const slope = segment_slope::nearest(static_cast<tenon::detail::segment_wide>(
            rise * std::exp2(64) * (0.5 + static_cast<double>(random.below(1000)) / 1000)));
        tenon::detail::segment_piece piece{keys.front(), keys.back() + 5, 0, slope, 0, 0};
        prove_segment(piece, projected, keys.size());
        i128 least = 0, most = 0;
        for (std::size_t i = 0; i < keys.size(); ++i) {  // a gap's ends: the key, and behind it
            auto const first = static_cast<i128>(oracle(keys, keys[i])), behind = static_cast<i128>(i + 1);
            least = std::min(least, first - static_cast<i128>(slope.times(keys[i] - piece.origin)));
            most  = std::max(most, behind - static_cast<i128>(slope.times(keys[i] + 1 - piece.origin)));
        }
        CHECK(piece.least == static_cast<std::int64_t>(least));
        CHECK(piece.most == static_cast<std::int64_t>(most));
    }
}

TEST_CASE("windows of a pgm are no wider than twice its error and four, on every set") {
    constexpr u64 seed = 3;
    CAPTURE(seed);
    for (auto set : tenon::testing::key_set_names) {
        CAPTURE(set);
        auto const keys  = tenon::testing::key_set(set, 30'000, seed);
        auto const index = pgm<16>::over(keys);
        REQUIRE(index);
        auto const s = index->locator().stats();
        CHECK(s.width <= 2 * 16 + 4);
        CHECK(s.keys == keys.size());
        CHECK(s.model_bytes == index->bytes().size());
        CHECK(index->validate());
        u64 wrong = 0;
        for (std::size_t i = 0; i < keys.size(); i += 3)
            for (auto k : {keys[i] - 1, keys[i], keys[i] + 1}) {
                auto const w = index->window(k);
                wrong += w.first > oracle(keys, k) || w.last <= oracle(keys, k) || w.last - w.first > s.width + 1;
            }
        CHECK(wrong == 0);
    }
}

TEST_CASE("an arithmetic progression takes a piece for each 98,304 keys, wherever it lies") {
    for (u64 first : {u64{0}, u64{1} << 53, (u64{1} << 63) - 500'000, greatest - 7 * 299'999}) {
        std::vector<u64> keys;
        for (u64 i = 0; i < 300'000; ++i) keys.push_back(first + 7 * i);
        auto const s = pgm<>::over(keys)->locator().stats();
        CHECK(s.segments == 4);
        CHECK(s.width <= 3);
    }
}

TEST_CASE("neighbours near 2^53, 2^63 and 2^64 stay apart") {
    for (u64 first : {(u64{1} << 53) - 2048, (u64{1} << 63) - 2048, greatest - 4095}) {
        std::vector<u64> keys;
        for (u64 i = 0; i < 4096; ++i) keys.push_back(first + i);
        auto const index = pgm<1>::over(keys);
        REQUIRE(index);
        CHECK(index->locator().stats().segments == 1);
        for (u64 i = 0; i < keys.size(); ++i) {
            REQUIRE(index->find(keys[i]) == i);
            auto const w = index->window(keys[i]);
            REQUIRE(w.last - w.first <= 4);
        }
    }
}

TEST_CASE("more equal keys than a piece may span stand at their first rank, and the gap behind them is proven") {
    for (u64 value : {u64{0}, u64{12345}, greatest}) {
        std::vector<u64> keys(300'000, value);
        if (value < greatest) keys.insert(keys.end(), 200'000, greatest);
        if (value > 0) keys.insert(keys.begin(), {0, 1, 2});
        std::sort(keys.begin(), keys.end());
        auto const index = pgm<2>::over(keys);
        REQUIRE(index);
        CHECK(index->validate());
        CHECK(index->locator().stats().width <= 8);
        for (u64 k : {u64{0}, u64{1}, u64{12344}, u64{12345}, u64{12346}, u64{1} << 60, greatest - 1, greatest})
            CHECK(index->lower_bound(k) == oracle(keys, k));
    }
}

TEST_CASE("the more error a pgm may make, the fewer pieces it takes, and never more than a spline") {
    constexpr u64 seed = 8;
    CAPTURE(seed);
    for (std::string_view set : {"uniform", "osm", "books", "wiki", "fb"}) {
        CAPTURE(set);
        auto const keys   = tenon::testing::key_set(set, 100'000, seed);
        auto const pieces = [&]<class P>(P) { return P::over(keys)->locator().stats().segments; };
        auto const at_8 = pieces(pgm<8>{}), at_32 = pieces(pgm<32>{}), at_128 = pieces(pgm<128>{});
        CHECK(at_32 * 2 < at_8);
        CHECK(at_128 * 2 < at_32);
        CHECK(at_32 <= tenon::radix_spline<32>::over(keys)->locator().stats().knots);
    }
}

TEST_CASE("slopes are fixed-point numbers that round to the nearest and never overflow") {
    constexpr u64 seed = 17;
    CAPTURE(seed);
    tenon::prng random(seed);
    using wide = tenon::detail::segment_wide;
    for (int i = 0; i < 20'000; ++i) {
        auto const slope = (wide{random() >> 47} << 64 | random()) >> random.below(82);
        auto const s     = segment_slope::nearest(slope);
        REQUIRE(s.mantissa < (u64{1} << 18));
        REQUIRE(s.shift < 64);
        auto const stored = wide{s.mantissa} << (63 - s.shift);
        auto const error  = stored > slope ? stored - slope : slope - stored;
        REQUIRE(error <= slope >> 18);
        auto const d    = random() >> random.below(64);
        auto const high = static_cast<double>(d) * static_cast<double>(s.mantissa) / std::exp2(s.shift + 1);
        auto const got  = s.times(d);
        REQUIRE(got <= segment_slope::limit);
        if (high < 0x1p50) REQUIRE(std::abs(static_cast<double>(got) - high) < 1 + high * 0x1p-50);
        if (high > 0x1.0001p62) REQUIRE(got == segment_slope::limit);
        REQUIRE(s.times(d + (d < greatest)) >= got);
    }
    CHECK(segment_slope::nearest(0).mantissa == 0);
    CHECK(segment_slope::nearest(wide{1} << 81).times(1) == (u64{1} << 17) - 1);
}

TEST_CASE("validate sees every claim of a pgm that is not true, and look-ups are right all the same") {
    constexpr u64 seed = 5;
    CAPTURE(seed);
    auto const keys  = bent_keys(20'000, seed);
    auto const model = *pgm<4>::build<u64>(keys);
    auto const m     = tenon::load<u64>(model.data() + 128);
    REQUIRE(m > 100);
    auto const records = model.size() - 8 * (m + 2);
    auto const refused = [&](u64 at, u64 word) {
        auto bytes = model;
        std::memcpy(bytes.data() + at, &word, 8);
        auto v = pgm<4>::view<u64>::open(bytes, keys);
        if (!v) return true;
        for (std::size_t i = 0; i < keys.size(); i += 997) REQUIRE(v->lower_bound(keys[i]) == oracle(keys, keys[i]));
        return !v->validate();
    };
    CHECK(pgm<4>::view<u64>::open(model, keys)->validate());
    u64 seen = 0, tried = 0;
    for (u64 i = 0; i < m + 2; i += 1 + m / 50) {
        auto const word = tenon::load<u64>(model.data() + records + 8 * i);
        for (auto const other : {word + (u64{20} << 24), word - (u64{20} << 24)})
            ++tried, seen += refused(records + 8 * i, other);
    }
    CHECK(seen == tried);
    CHECK(refused(136, 1));                                    // narrower windows
    CHECK(refused(144, keys.front() + 1));                     // another origin
    CHECK(refused(records - 64 * ((m + 7) / 8), keys[1000]));  // the first separator
    CHECK(refused(tree_at, 5));                                // the top of the tree
}

TEST_CASE("a pgm takes no more keys than its records have room for") {
    using tenon::detail::segment_store;
    CHECK(segment_store::check_size(u64{1} << 39));
    CHECK(kind(segment_store::check_size((u64{1} << 39) + 1)) == "too large");
}

TEST_CASE("a pgm says what does not fit") {
    auto const keys  = bent_keys(3000, 2);
    auto const model = *pgm<8>::build<u64>(keys);
    auto const open  = [&](tenon::byte_view bytes) { return pgm<8>::view<u64>::open(bytes, keys); };
    auto const with  = [&](std::size_t at, u64 word) {
        auto bytes = model;
        std::memcpy(bytes.data() + at, &word, 8);
        return kind(open(bytes));
    };
    CHECK(kind(open(model)) == "none");
    CHECK(kind(pgm<16>::view<u64>::open(model, keys)) == "wrong assembly");
    CHECK(kind(open(tenon::byte_view(model).first(150))) == "corrupt");
    for (std::size_t at : {48u, 56u, 152u, 160u, 168u, 176u, 184u}) CHECK(with(at, 1) == "corrupt");
    CHECK(with(128, greatest) == "corrupt");
    CHECK(with(128, tenon::load<u64>(model.data() + 128) + 1) == "corrupt");
    CHECK(with(136, u64{1} << 39) == "corrupt");
    tenon::testing::aligned_copy const same(model);
    CHECK(kind(open(same.view())) == "none");
    tenon::byte_vector shifted(model.size() + 1);
    std::copy(model.begin(), model.end(), shifted.begin() + 1);
    CHECK(kind(open(tenon::byte_view(shifted).subspan(1))) == "invalid argument");
}

TEST_CASE("the bytes of a pgm are those of docs/formats/pgm.md") {
    std::vector<u64> const keys{10, 20, 30, 40, 50, 1000, 1001, 1002, 1002, 1002, 1002, 1002};
    auto const             model = *pgm<1>::build<u64>(keys);
    REQUIRE(model.size() == 288);
    auto const u = [&](std::size_t at) { return tenon::load<u64>(model.data() + at); };
    CHECK(tenon::load<std::uint32_t>(model.data() + 8) == 6);
    CHECK(u(16) == 12);
    CHECK(u(24) == 288);
    CHECK(tenon::as_chars(tenon::byte_view(model).subspan(64, 7)) == std::string_view("pgm<1>\0", 7));
    CHECK(u(128) == 2);
    CHECK(u(136) == 1);
    CHECK(u(144) == 10);
    for (std::size_t at = 152; at < 192; at += 8) CHECK(u(at) == 0);
    CHECK(u(192) == 999);
    CHECK(u(200) == 1002);
    for (std::size_t at = 208; at < 256; at += 8) CHECK(u(at) == greatest);
    CHECK(u(256) == 0x1533333);
    CHECK(u(264) == 0x5420000);
    CHECK(u(272) == 0xd000000);
    CHECK(u(280) == 0xd000000);
    auto const index = pgm<1>::over(keys);
    CHECK(index->window(25) == tenon::position_range{1, 3});
    CHECK(index->window(1002) == tenon::position_range{6, 8});
    CHECK(index->window(1003) == tenon::position_range{12, 13});
}
