// SPDX-License-Identifier: Apache-2.0
#include "tenon/ordered_index/hybrid.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/ordered_index/static_tree.hpp"
#include "tenon/testing/key_sets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using u64 = std::uint64_t;
using tenon::hybrid;
using tenon::key_tree;
using tenon::line_node;
using tenon::line_node_builder;
using tenon::node_kind;

u64 oracle(std::vector<u64> const& keys, u64 k) {
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
    for (u64 i = 0; i < 100; ++i) keys.push_back(1000 + i * i);
    auto const model = hybrid<>::build<u64>(keys);
    REQUIRE(model);
    CHECK(model->size() == 448);
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

TEST_CASE("even keys get 8-bit thresholds and few exact nodes, uneven ones nodes of both kinds") {
    constexpr u64 seed = 5;
    CAPTURE(seed);
    auto const uniform = tenon::testing::key_set("uniform", 200'000, seed);
    auto const even    = hybrid<>::over(uniform)->stats();
    CHECK(even.kind == node_kind::bytes);
    CHECK(even.word_nodes == 1);  // the first
    CHECK(even.lines_per_node > 40);
    CHECK(even.router_levels == 1);
    CHECK(static_cast<double>(even.model_bytes) < 0.25 * 200'000);

    auto const osm    = tenon::testing::key_set("osm", 200'000, seed);
    auto const uneven = hybrid<>::over(osm)->stats();
    CHECK(uneven.kind != node_kind::bytes);
    CHECK(uneven.lines_per_node > 16);
    CHECK(static_cast<double>(uneven.model_bytes) < 0.5 * 200'000);
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
    auto const index = hybrid<>::over(keys);
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
    CHECK(index->stats().router_levels == 0);
    CHECK(index->validate());
    std::vector<u64> found(keys.size());
    index->batch(keys, found);
    for (std::size_t i = 0; i < keys.size(); i += 7) {
        CHECK(index->lower_bound(keys[i]) == oracle(keys, keys[i]));
        CHECK(found[i] == oracle(keys, keys[i]));
        CHECK(index->lower_bound(keys[i] + 1) == oracle(keys, keys[i] + 1));
    }
}

TEST_CASE("a node finds the line of every number around its keys") {
    constexpr u64 seed = 6;
    CAPTURE(seed);
    tenon::prng random(seed);
    for (int round = 0; round < 400; ++round) {
        std::vector<u64> keys;
        auto const       bits = random.below(64);
        for (auto n = random.below(392) + 1; n > 0; --n)
            keys.push_back((u64{1} << 63) + (random() >> bits >> random.below(40)));
        std::sort(keys.begin(), keys.end());
        lines const seen(keys);
        auto const  base = keys.front() - random.below(2) * random.below(1000);
        auto const  some = static_cast<unsigned>(seen.first.size());
        for (auto kind : {node_kind::bytes, node_kind::pairs, node_kind::mixed}) {
            unsigned   taken = 0;
            auto const node  = line_node_builder::make(base, seen.first.data(), seen.last.data(), some, 5, kind, taken);
            REQUIRE(taken >= std::min(some, line_node::most(node_kind::words)));
            auto const end = std::min<std::size_t>(keys.size(), taken * 8);
            auto const ask = [&](u64 p) {
                if (p < base) return;
                auto const at    = std::min<std::size_t>(static_cast<std::size_t>(oracle(keys, p)), end);
                auto const found = kind == node_kind::bytes   ? tenon::find_lines<node_kind::bytes>(node, p)
                                   : kind == node_kind::pairs ? tenon::find_lines<node_kind::pairs>(node, p)
                                                              : tenon::find_lines<node_kind::mixed>(node, p);
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

TEST_CASE("explain() says what the index is made of") {
    auto const keys = tenon::testing::key_set("uniform", 100'000, 8);
    auto const text = hybrid<>::over(keys)->explain();
    INFO(text);
    CHECK(text.find("hybrid over 100000 keys") != std::string::npos);
    CHECK(text.find("router of 1 levels") != std::string::npos);
    CHECK(tenon::static_tree<>::over(keys)->explain().find("a tree of") != std::string::npos);
}
