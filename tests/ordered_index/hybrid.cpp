// SPDX-License-Identifier: Apache-2.0
#include "tenon/ordered_index/hybrid.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/ordered_index/static_tree.hpp"
#include "tenon/testing/key_sets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

namespace {

using u64 = std::uint64_t;
using tenon::hybrid;
using tenon::key_tree;
using tenon::line_node;
using tenon::line_node_builder;
using tenon::node_kind;

u64 oracle(std::span<u64 const> keys, u64 k) {
    return static_cast<u64>(std::lower_bound(keys.begin(), keys.end(), k) - keys.begin());
}

/// Lines of eight keys, seen from their ends as a node sees them.
struct lines {
    explicit lines(std::vector<u64> const& keys) {
        for (std::size_t i = 0; i < keys.size(); i += 8) {
            first.push_back(keys[i]);
            last.push_back(keys[std::min(i + 8, keys.size()) - 1]);
        }
    }
    std::vector<u64> first, last;
};

/// As a page of documentation shows bytes: sixteen a line, lines of zeros left out.
std::string dump(tenon::byte_view bytes) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 16) {
        auto const row = bytes.subspan(i, std::min<std::size_t>(16, bytes.size() - i));
        if (std::all_of(row.begin(), row.end(), [](std::byte b) { return b == std::byte{0}; })) continue;
        char text[24];
        std::snprintf(text, sizeof text, "%03zx ", i);
        out += text;
        for (auto b : row) {
            std::snprintf(text, sizeof text, " %02x", std::to_integer<unsigned>(b));
            out += text;
        }
        out += '\n';
    }
    return out;
}

}  // namespace

TEST_CASE("the page on the format of hybrid shows the bytes that build makes") {
    std::vector<u64> keys;
    for (u64 i = 0; i < 200; ++i) keys.push_back(1000 + i * i);
    auto const model = hybrid<>::build<u64>(keys);
    REQUIRE(model);
    CHECK(model->size() == 640);
    std::stringstream page;
    page << std::ifstream("docs/formats/hybrid.md").rdbuf();
    auto const text = page.str();
    INFO(dump(*model));
    std::istringstream rows(dump(*model));
    for (std::string row; std::getline(rows, row);) CHECK_MESSAGE(text.find(row) != std::string::npos, row);
}

TEST_CASE("build gives the same bytes wherever the keys lie, over() lines that are cache lines") {
    auto const keys  = tenon::testing::key_set("uniform", 5000, 3);
    auto const first = *hybrid<>::build<u64>(keys);
    for (std::size_t shift = 0; shift < 8; ++shift) {
        std::vector<u64> moved(shift, 0);
        moved.insert(moved.end(), keys.begin(), keys.end());
        std::span<u64 const> const there(moved.data() + shift, keys.size());
        CHECK(*hybrid<>::build<u64>(there) == first);
        auto const index = hybrid<>::over(there);
        REQUIRE(index);
        CHECK(index->validate());
        auto const window = index->window(there[2500]);  // begins and ends where cache lines do
        CHECK(reinterpret_cast<std::uintptr_t>(there.data() + window.first) % 64 == 0);
        CHECK(reinterpret_cast<std::uintptr_t>(there.data() + window.last - 1) % 64 == 0);
        CHECK(window.last - window.first <= 17);
    }
}

TEST_CASE("a model that was built in place opens over keys that lie elsewhere") {
    auto const       keys = tenon::testing::key_set("books", 3000, 4);
    std::vector<u64> moved(3, 0);
    moved.insert(moved.end(), keys.begin(), keys.end());
    auto const                            model = *hybrid<>::build_in_place<u64>(keys);
    tenon::placed_vector<std::byte> const bytes(model.begin(), model.end());
    auto const                            view = hybrid<>::view<u64>::open(bytes, std::span(moved).subspan(3));
    REQUIRE(view);
    for (u64 k : keys) CHECK(view->lower_bound(k) == oracle(keys, k));
}

TEST_CASE("even keys get many lines a node, uneven ones fewer and no router") {
    constexpr u64 seed = 5;
    CAPTURE(seed);
    auto const uniform = tenon::testing::key_set("uniform", 200'000, seed);
    auto const even    = hybrid<>::over(uniform)->stats();
    CHECK(even.kind == node_kind::bits);
    CHECK(even.word_nodes == 2);  // at both ends
    CHECK(even.lines_per_node > 120);
    CHECK(even.router_entries > 0);
    CHECK(static_cast<double>(even.model_bytes) < 0.08 * 200'000);

    auto const osm    = tenon::testing::key_set("osm", 200'000, seed);
    auto const uneven = hybrid<>::over(osm)->stats();
    CHECK(uneven.kind == node_kind::words);
    CHECK(uneven.router_entries == 0);  // the tree answers faster
    auto const small = tenon::static_tree<tenon::compressed_separators>::over(osm)->stats();
    CHECK(small.lines_per_node > 20);
    CHECK(static_cast<double>(small.model_bytes) < 0.45 * 200'000);
}

/// n sorted keys of which each stands up to 40 times.
std::vector<u64> repeated_keys(std::size_t n, tenon::prng& random) {
    std::vector<u64> keys;
    while (keys.size() < n) keys.insert(keys.end(), 1 + random.below(40), random() >> 20);
    std::sort(keys.begin(), keys.end());
    return keys;
}
/// Looks these up, one by one and in a batch.
template <class Index>
void check_these(Index const& index, std::span<u64 const> keys, std::vector<u64> const& asked) {
    std::vector<u64> found(asked.size());
    index.batch(asked, found);
    for (std::size_t i = 0; i < asked.size(); ++i) {
        auto const right = oracle(keys, asked[i]);
        REQUIRE(index.lower_bound(asked[i]) == right);
        REQUIRE(found[i] == right);
    }
}
/// Looks up some of the keys, stored ones and such as lie beside them, one by one and in a batch.
template <class Index>
void check_some(Index const& index, std::span<u64 const> keys, std::size_t many, tenon::prng& random) {
    std::vector<u64> asked(many);
    for (auto& k : asked) k = keys[random.below(keys.size())] + random.below(3) - 1;
    check_these(index, keys, asked);
    for (u64 p : {u64{0}, keys.front(), keys.back(), keys.back() + 1, ~u64{0}})
        CHECK(index.lower_bound(p) == oracle(keys, p));
}

TEST_CASE("nodes of 14-bit thresholds leave out lines of equal keys, and hybrid takes them where they save much") {
    constexpr u64 seed = 21;
    CAPTURE(seed);
    tenon::prng random(seed);
    auto const  few  = repeated_keys(200'000, random);
    auto const  tree = tenon::static_tree<tenon::compressed_separators>::over(few);
    REQUIRE(tree);
    CHECK(tree->stats().kind == node_kind::fines);
    CHECK(tree->stats().lines_per_node > 32);  // more than one has thresholds for
    CHECK(tree->validate());
    check_some(*tree, few, 50'000, random);
    CHECK(hybrid<>::over(few)->stats().kind == node_kind::words);

    auto const many  = repeated_keys(17'000'000, random);
    auto const index = hybrid<>::over(many);
    REQUIRE(index);
    CHECK(index->stats().kind == node_kind::fines);
    CHECK(index->stats().groups == 0);  // keys that repeat across nodes tell them badly apart
    CHECK(index->stats().tree_levels == 6);
    check_some(*index, many, 50'000, random);
}

TEST_CASE("a plain tree of seven levels stands over lines that no node can hold many of") {
    constexpr u64 seed = 23;
    CAPTURE(seed);
    tenon::prng random(seed);
    auto const  keys  = tenon::testing::key_set("adversarial", 2'600'000, seed);
    auto const  index = hybrid<>::over(keys);
    REQUIRE(index);
    CHECK(index->stats().kind == node_kind::words);
    CHECK(index->stats().tree_levels == 7);
    check_some(*index, keys, 50'000, random);
    check_some(*tenon::static_tree<>::over(keys), keys, 50'000, random);
}

TEST_CASE_TEMPLATE("options change how hybrid looks up, never what it finds", Policy, hybrid<key_tree>,
                   hybrid<tenon::last_mile::branchless>, hybrid<tenon::last_mile::branchy, tenon::in_flight<1>>,
                   hybrid<tenon::in_flight<256>, tenon::cache_lines>, hybrid<tenon::last_mile::exponential, key_tree>,
                   hybrid<tenon::last_mile::interpolation, tenon::in_flight<7>>) {
    constexpr u64 seed = 22;
    CAPTURE(seed);
    for (auto name : {"uniform", "osm", "zipf", "adversarial"}) {
        CAPTURE(name);
        auto const keys  = tenon::testing::key_set(name, 60'000, seed);
        auto const index = Policy::over(keys);
        REQUIRE(index);
        CHECK(index->validate());
        std::vector<u64> asked = keys, found(keys.size());
        for (std::size_t i = 0; i < asked.size(); i += 3) asked[i] += 1;
        asked.front() = 0, asked.back() = ~u64{0};
        index->batch(asked, found);
        for (std::size_t i = 0; i < asked.size(); ++i) {
            auto const right = oracle(keys, asked[i]);
            REQUIRE(index->lower_bound(asked[i]) == right);
            REQUIRE(found[i] == right);
        }
    }
}

/// A batch of each size about the multiples of what goes together, of these keys and of such as lie beside them.
template <class Index>
void check_sizes(Index const& index, std::span<u64 const> keys, tenon::prng& random) {
    std::vector<u64> asked, found;
    for (std::size_t n = 0; n <= 300; n += n < 70 || n % 32 > 28 || n % 32 < 3 ? 1 : 13) {
        asked.resize(n);
        for (auto& k : asked) k = keys[random.below(keys.size())] + random.below(3) - 1;
        if (n > 0) asked[random.below(n)] = random.below(2) == 0 ? 0 : ~u64{0};
        found.assign(n + 1, 77);
        index.batch(asked, std::span(found).first(n));
        for (std::size_t i = 0; i < n; ++i) REQUIRE(found[i] == oracle(keys, asked[i]));
        REQUIRE(found[n] == 77);
    }
}

TEST_CASE("batches of every size find what single look-ups find, in nodes of every kind and by every way to them") {
    constexpr u64 seed = 27;
    CAPTURE(seed);
    tenon::prng random(seed);
    struct set {
        char const* name;
        std::size_t keys;
        node_kind   kind;
    };
    for (auto const& s : {set{"uniform", 600'000, node_kind::bits}, set{"osm", 600'000, node_kind::words},
                          set{"wiki", 600'000, node_kind::bits}, set{"adversarial", 600'000, node_kind::words},
                          set{"zipf", 9'000'000, node_kind::fines}, set{"adversarial", 5'000'000, node_kind::words},
                          set{"uniform", 20, node_kind::bits}, set{"uniform", 3, node_kind::bits}}) {
        CAPTURE(std::string(s.name));
        CAPTURE(s.keys);
        auto const keys  = tenon::testing::key_set(s.name, s.keys, seed);
        auto const index = hybrid<>::over(keys);
        REQUIRE(index);
        CHECK(index->stats().kind == s.kind);
        check_sizes(*index, keys, random);
        check_sizes(*tenon::static_tree<>::over(keys), keys, random);
        check_sizes(*tenon::static_tree<tenon::compressed_separators>::over(keys), keys, random);
    }
}

TEST_CASE("options that do not change the bytes do not change the name") {
    CHECK(hybrid<tenon::last_mile::branchy, tenon::in_flight<8>, tenon::cache_lines>::name == hybrid<>::name);
    auto const keys = tenon::testing::key_set("books", 20'000, 23);
    CHECK(*hybrid<tenon::in_flight<8>, tenon::last_mile::exponential>::build<u64>(keys) == *hybrid<>::build<u64>(keys));
}

TEST_CASE("runs of equal keys cost no nodes") {
    std::vector<u64> keys(100'000, 7);
    CHECK(hybrid<>::over(keys)->stats().nodes <= 2);
    keys.insert(keys.begin(), 50'000, 3);
    keys.insert(keys.end(), 50'000, 9);
    auto const index = hybrid<>::over(keys);
    CHECK(index->stats().nodes <= 8);
    for (u64 k = 2; k < 11; ++k) CHECK(index->lower_bound(k) == oracle(keys, k));
    CHECK(index->count(7) == 100'000);
}

TEST_CASE("the worst keys for every model still get seven lines a node") {
    std::vector<u64> keys;  // within each pair of lines the distances span 60 bits
    for (u64 i = 0; i < 4000; ++i) keys.push_back((i / 60 << 60) / 67 + (u64{1} << (i % 60)) / 67);
    std::sort(keys.begin(), keys.end());
    auto const index = tenon::static_tree<tenon::compressed_separators>::over(keys);
    REQUIRE(index);
    CHECK(index->stats().lines_per_node >= 6);
    CHECK(static_cast<double>(index->stats().model_bytes) < 2.0 * 4000);
    for (u64 k : keys) CHECK(index->lower_bound(k) == oracle(keys, k));
}

TEST_CASE("keys that nodes hold badly get a plain tree") {
    constexpr u64 seed = 11;
    CAPTURE(seed);
    auto const keys  = tenon::testing::key_set("adversarial", 200'000, seed);
    auto const index = hybrid<>::over(keys);
    REQUIRE(index);
    CHECK(index->stats().kind == node_kind::words);
    CHECK(index->stats().router_entries == 0);
    CHECK(index->validate());
    std::vector<u64> found(keys.size());
    index->batch(keys, found);
    for (std::size_t i = 0; i < keys.size(); i += 7) {
        CHECK(index->lower_bound(keys[i]) == oracle(keys, keys[i]));
        CHECK(found[i] == oracle(keys, keys[i]));
        CHECK(index->lower_bound(keys[i] + 1) == oracle(keys, keys[i] + 1));
    }
}

TEST_CASE("the trees of large sets, of four to six levels, are on ways of look-ups of their own") {
    constexpr u64 seed = 13;
    CAPTURE(seed);
    for (auto const& [lines, levels] : {std::pair{60'000, 4}, {240'000, 5}, {1'400'000, 6}}) {
        CAPTURE(levels);
        tenon::prng               random(seed);
        tenon::placed_vector<u64> all(2);  // lines of 1 and of 20 units; keys begin two places behind a line of memory
        u64                       at = 0;
        for (int line = 0; line < lines; ++line) {
            if (line % 2'000 == 0) at += random() >> 11;
            auto const step = random.chance(0.5) ? 512u : 20 * 512u;
            for (int i = 0; i < 8; ++i) all.push_back(at += step);
        }
        std::span<u64 const> const keys  = std::span(all).subspan(2);
        auto const                 index = hybrid<>::over(keys);
        REQUIRE(index);
        CHECK(index->stats().kind == node_kind::bits);
        CHECK(index->stats().tree_levels == static_cast<u64>(levels));
        CHECK(index->stats().router_entries == 0);
        CHECK(index->validate());
        check_some(*index, keys, 50'000, random);
    }
}

/// Keys in blocks of nine lines that no clear node of 14 bits can hold with the next block, in clusters of so many blocks that no clear
/// node over nodes can hold with the next cluster.
tenon::placed_vector<u64> clustered_keys(u64 clusters, u64 blocks, tenon::prng& random) {
    tenon::placed_vector<u64> keys;  // lines of memory are the lines of blocks
    for (u64 c = 0; c < clusters; ++c)
        for (u64 b = 0; b < blocks; ++b)
            for (u64 i = 0; i < 72; ++i)
                keys.push_back((c << 42) + (b << 27) + (i / 8 << 13) + i % 8 + (random.below(4) == 0 ? 1 : 0));
    std::sort(keys.begin(), keys.end());
    return keys;
}

TEST_CASE("nodes stand over many nodes of 14-bit thresholds, under trees of any number of levels") {
    constexpr u64 seed = 24;
    CAPTURE(seed);
    using compressed = tenon::static_tree<tenon::compressed_separators>;
    for (auto const& [clusters, blocks, levels] : {std::tuple{400, 27, 3}, {700, 14, 4}, {6'000, 14, 5}}) {
        CAPTURE(levels);
        tenon::prng random(seed);
        auto const  keys  = clustered_keys(static_cast<u64>(clusters), static_cast<u64>(blocks), random);
        auto const  index = compressed::over(keys);
        REQUIRE(index);
        auto const stats = index->stats();
        CHECK(stats.kind == node_kind::fines);
        CHECK(stats.groups >= static_cast<u64>(clusters));
        CHECK(stats.groups * 10 <= stats.nodes);
        CHECK(stats.tree_levels == static_cast<u64>(levels));
        CHECK(index->validate());
        check_some(*index, keys, 50'000, random);
        std::vector<u64> asked;  // on both sides of each gap, and inside it at every distance
        for (std::size_t i = 72; i < keys.size(); i += 72 * (1 + random.below(20))) {
            auto const gap = keys[i] - keys[i - 1];
            for (auto far = gap; far > 0; far /= 2) asked.push_back(keys[i - 1] + far), asked.push_back(keys[i] - far);
        }
        check_these(*index, keys, asked);
    }
}

TEST_CASE("hybrid takes nodes over nodes for many uneven keys") {
    constexpr u64 seed = 26;
    CAPTURE(seed);
    tenon::prng random(seed);
    auto const  keys  = tenon::testing::key_set("zipf", 8'600'000, seed);
    auto const  index = hybrid<>::over(keys);
    REQUIRE(index);
    CHECK(index->stats().kind == node_kind::fines);
    CHECK(index->stats().groups > 512);
    CHECK(index->stats().tree_levels == 4);
    check_some(*index, keys, 50'000, random);
}

TEST_CASE("nodes of 14-bit thresholds answer over gaps of every width, and where keys repeat across lines") {
    constexpr u64 seed = 25;
    CAPTURE(seed);
    tenon::prng random(seed);
    for (int round = 0; round < 60; ++round) {
        CAPTURE(round);
        std::vector<u64> keys;
        auto const       widest = 1 + random.below(50), repeats = random.below(20);
        for (u64 at = random() >> 8; keys.size() < 4'000; at += u64{1} << random.below(widest)) {
            if (random.chance(0.02)) at += u64{1} << random.below(54);
            keys.insert(keys.end(), random.chance(0.1) ? 1 + repeats : 1, at);
        }
        std::sort(keys.begin(), keys.end());
        auto const index = tenon::static_tree<tenon::compressed_separators>::over(keys);
        REQUIRE(index);
        CHECK(index->validate());
        std::vector<u64> asked{0, ~u64{0}};
        for (std::size_t i = 1; i < keys.size(); ++i) {
            for (u64 d : {u64{0}, u64{1}, ~u64{0}}) asked.push_back(keys[i] + d);
            auto const gap = keys[i] - keys[i - 1];
            for (auto far = gap; far > 1 && i % 8 == 0; far /= 3) asked.push_back(keys[i] - far);
        }
        check_these(*index, keys, asked);
    }
}

TEST_CASE("a node finds the line of every number around its keys") {
    constexpr u64 seed = 6;
    CAPTURE(seed);
    tenon::prng random(seed);
    for (int round = 0; round < 400; ++round) {
        std::vector<u64> keys;
        auto const       bits = random.below(64);
        for (auto n = random.below(round % 4 == 0 ? 2040 : 392) + 1; n > 0; --n)
            keys.push_back((u64{1} << 63) + (random() >> bits >> random.below(40)));
        std::sort(keys.begin(), keys.end());
        lines const seen(keys);
        auto const  base = keys.front() - random.below(2) * random.below(1000);
        auto const  some = static_cast<unsigned>(seen.first.size());
        for (auto kind : {node_kind::fines, node_kind::bits}) {
            auto       taken  = static_cast<unsigned>(random.below(60));
            bool const at_end = random.chance(0.5);
            auto const node =
                line_node_builder::make(base, seen.first.data(), seen.last.data(), some, 5, kind, at_end, taken);
            CHECK((!at_end || taken < some || node.of_words(kind)));
            REQUIRE(taken >= std::min(some, line_node::most(node_kind::words)));
            auto const end = std::min<std::size_t>(keys.size(), taken * 8);
            auto const ask = [&](u64 p) {
                if (p < base) return;
                if (p > keys[end - 1] && !node.of_words(kind)) return;  // such are sought in the next node
                auto const at    = std::min<std::size_t>(static_cast<std::size_t>(oracle(keys, p)), end);
                auto const found = kind == node_kind::fines ? tenon::find_lines<node_kind::fines>(node, p)
                                                            : tenon::find_lines<node_kind::bits>(node, p);
                CHECK(found.first <= found.second);
                auto const in =
                    [&](u64 line) {  // where the keys of a line say p belongs, and whether behind all of them
                        auto const from  = std::min<std::size_t>(static_cast<std::size_t>(line - 5) * 8, end),
                                   to    = std::min(from + 8, end);
                        auto const place = std::lower_bound(keys.begin() + static_cast<std::ptrdiff_t>(from),
                                                            keys.begin() + static_cast<std::ptrdiff_t>(to), p);
                        return static_cast<std::size_t>(place - keys.begin());
                    };
                auto const first = in(found.first);
                auto const full =
                    first == std::min<std::size_t>(static_cast<std::size_t>(found.first - 5) * 8 + 8, end);
                CHECK((full ? in(found.second) : first) == at);
            };
            for (u64 k : keys) ask(k), ask(k - 1), ask(k + 1);
            for (int i = 0; i < 50; ++i) ask(random());
            ask(~u64{0}), ask(base);
        }
    }
}

TEST_CASE(
    "a node of bits takes distances that fill its buckets to the last, and numbers on both sides of a power of two") {
    for (u64 const shift : {0u, 4u, 30u})
        for (u64 const high : {u64{1} << 62, (u64{1} << 62) - (u64{1} << (shift + 15))})
            for (u64 const reach : {(u64{1} << 16) + 1, u64{1} << 16, (u64{1} << 16) - 1, u64{1} << 15, u64{300}}) {
                CAPTURE(shift);
                CAPTURE(high);
                CAPTURE(reach);
                auto const       base = high + (u64{1} << shift) - 1, step = (reach << shift) / 160;
                std::vector<u64> keys;  // twenty lines; the last key is as far as can be
                for (u64 i = 0; i < 159; ++i) keys.push_back(base + i * std::max<u64>(step, 1));
                keys.push_back(base + ((reach - 1) << shift) + 1);
                std::sort(keys.begin(), keys.end());
                lines const seen(keys);
                unsigned    taken = 20;
                auto const  node  = line_node_builder::make(base, seen.first.data(), seen.last.data(), 20, 5,
                                                            node_kind::bits, false, taken);
                REQUIRE(taken >= 7);
                for (std::size_t i = 0; i < taken * 8; ++i) {
                    auto const found = tenon::find_lines<node_kind::bits>(node, keys[i]);
                    auto const at    = static_cast<u64>(oracle(keys, keys[i])) / 8 + 5;
                    CHECK((found.first == at || found.second == at));
                    CHECK(found.second - found.first <= 1);
                }
            }
}

TEST_CASE("a tree counts the separators below any number") {
    constexpr u64 seed = 7;
    CAPTURE(seed);
    tenon::prng random(seed);
    for (std::size_t n : {0u, 1u, 7u, 8u, 9u, 63u, 64u, 65u, 511u, 512u, 513u, 4097u, 40'000u})
        for (int width : {1, 20, 64}) {
            std::vector<u64> separators(n);
            for (auto& s : separators) s = ~(width == 64 ? random() : random() & ((u64{1} << width) - 1));
            std::sort(separators.begin(), separators.end());
            tenon::byte_vector bytes;
            key_tree::put(bytes, separators);
            REQUIRE(bytes.size() == key_tree::bytes(n));
            auto const tree = key_tree::open(bytes, 0, n);
            REQUIRE(tree);
            CHECK(tree->valid());
            for (int i = 0; i < 500; ++i) {
                auto const p =
                    n > 0 && i % 2 == 0 ? separators[random.below(n)] + random.below(3) - 1 : ~random.below(25);
                CHECK(tree->lower(p) == oracle(separators, p));
                CHECK(tree->upper(p) ==
                      static_cast<u64>(std::upper_bound(separators.begin(), separators.end(), p) - separators.begin()));
            }
        }
}

TEST_CASE_TEMPLATE("a model whose nodes are cut is refused, whatever length it says it has", Policy, hybrid<>,
                   tenon::static_tree<tenon::compressed_separators>) {
    auto const keys  = tenon::testing::key_set("uniform", 20'000, 9);
    auto const model = *Policy::template build<u64>(keys);
    for (std::size_t const cut : {8u, 64u, 128u, 192u, 256u}) {
        tenon::placed_vector<std::byte> bytes(model.begin(), model.end() - static_cast<std::ptrdiff_t>(cut));
        u64 const                       length = bytes.size();
        std::memcpy(bytes.data() + 24, &length, sizeof length);  // of the header: how many bytes there are
        auto const view = Policy::template view<u64>::open(bytes, keys);
        REQUIRE(!view);
        CHECK(view.error().kind == tenon::errc::corrupt);
        CHECK(view.error().message.find("which does not fit its " + std::to_string(length) + " bytes") !=
              std::string::npos);
    }
}

/// The places of a tree's levels from the top, by the words of docs/formats/hybrid.md: first number, numbers.
std::vector<std::pair<std::size_t, std::size_t>> levels_of_tree(std::size_t n) {
    std::vector<std::pair<std::size_t, std::size_t>> out{{0, n}};
    while (out.back().second > 8) out.push_back({0, (out.back().second + 7) / 8 - 1});
    std::reverse(out.begin(), out.end());
    constexpr std::size_t fixed[] = {0, 8, 80, 664, 5344};
    for (std::size_t d = 1; d < out.size(); ++d)
        out[d].first = d <= 4 ? fixed[d] : out[d - 1].first + (out[d - 1].second + 7) / 8 * 8;
    return out;
}

TEST_CASE("a tree counts what is less by every number of levels") {
    constexpr u64 seed = 21;
    CAPTURE(seed);
    tenon::prng              random(seed);
    std::vector<std::size_t> sizes{0, 1, 7, 262'145, 2'097'153};
    for (std::size_t full = 8; full < 3'000'000; full = full * 8 + 8)  // the most that so many levels hold
        for (auto n : {full - 1, full, full + 1, full / 2}) sizes.push_back(n);
    for (auto n : sizes) {
        CAPTURE(n);
        std::vector<u64> separators(n);
        for (u64 at = 5; auto& s : separators) s = at += random.below(4) << 20;
        tenon::byte_vector bytes;
        key_tree::put(bytes, separators);
        auto const levels = levels_of_tree(n);
        REQUIRE(bytes.size() == key_tree::bytes(n));
        CHECK(bytes.size() / 8 == levels.back().first + std::max<std::size_t>(8, (n + 7) / 8 * 8));
        for (std::size_t i = 0; i < n; i += 1 + random.below(1 + n / 500))
            REQUIRE(tenon::load<u64>(bytes.data() + (levels.back().first + i) * 8) == separators[i]);
        auto const tree = key_tree::open(bytes, 0, n);
        REQUIRE(tree);
        CHECK(tree->levels() == levels.size());
        CHECK(tree->valid(separators));
        for (int i = 0; i < 3'000; ++i) {
            auto const p = n == 0 ? random() : separators[random.below(n)] + random.below(3) - 1;
            auto const right =
                static_cast<u64>(std::lower_bound(separators.begin(), separators.end(), p) - separators.begin());
            REQUIRE(tree->lower(p) == right);
        }
        CHECK(tree->lower(0) == 0);
        CHECK(tree->lower(~u64{0}) == n);
    }
}

TEST_CASE("a tree whose nodes are not filled up is refused") {
    for (std::size_t n : {0u, 5u, 70u, 700u, 5'000u}) {
        std::vector<u64>   separators(n, 3);
        tenon::byte_vector bytes;
        key_tree::put(bytes, separators);
        std::vector<bool> used(bytes.size() / 8), filling(bytes.size() / 8);
        for (auto const& [first, words] : levels_of_tree(n))
            for (std::size_t i = 0; i < std::max<std::size_t>(8, (words + 7) / 8 * 8); ++i)
                (i < words ? used : filling)[first + i] = true;
        for (std::size_t i = 0; i < used.size(); ++i) {
            auto hostile = bytes;
            hostile[8 * i + 7] ^= std::byte{1};
            auto const opened = key_tree::open(hostile, 0, n);
            CHECK(opened.has_value() == !filling[i]);
            if (filling[i]) CHECK(opened.error().message.find("level ") != std::string::npos);
            if (opened) CHECK_FALSE(opened->valid(separators));  // behind levels, too
        }
    }
}

TEST_CASE("explain() says what the index is made of") {
    auto const keys = tenon::testing::key_set("uniform", 100'000, 8);
    auto const text = hybrid<>::over(keys)->explain();
    INFO(text);
    CHECK(text.find("hybrid over 100000 keys") != std::string::npos);
    CHECK(text.find("a router of ") != std::string::npos);
    CHECK(tenon::static_tree<>::over(keys)->explain().find("a tree of") != std::string::npos);
}
