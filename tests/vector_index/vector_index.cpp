// SPDX-License-Identifier: Apache-2.0
// Vector indexes: recall, equal rows, filters, hostile bytes, readers beside a writer.
#include "tenon/testing/vector_index.hpp"

#include "tenon/core/prng.hpp"
#include "tenon/core/simd.hpp"
#include "tenon/metric/cosine.hpp"
#include "tenon/metric/l2_squared.hpp"
#include "tenon/vector_index/flat.hpp"
#include "tenon/vector_index/hnsw.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tenon;
using tenon::testing::aligned_copy;
using tenon::testing::vector_sample;

namespace {

using accept_some = testing::detail::accept_some;
constexpr accept_some everything{1};
using small = hnsw<l2_squared, 4, 16, 4>;

template <class Index>
std::vector<vector_hit> closest(Index const& index, std::span<float const> query, std::size_t k, std::size_t ef = 0) {
    std::vector<vector_hit> out;
    index.closest(query, k, {ef}, everything, out);
    return out;
}

template <class Policy>
struct built {
    explicit built(vector_sample const& s)
        : memory(*Policy::build(s.dim, s.rows, s.positions)), view(*Policy::view::open(memory.view())) {}
    aligned_copy          memory;
    typename Policy::view view;
};

/// The part of the true k nearest that the policy finds for `queries` queries like the rows.
/// The part of the true k nearest that the graph finds for `queries` queries like the rows.
template <class Policy>
double recall_of(built<Policy> const& graph, vector_sample& s, std::size_t k, int queries, accept_some accept) {
    built<flat<typename Policy::metric>> exact(s);
    REQUIRE(graph.view.validate().has_value());
    std::size_t found = 0, wanted = 0;
    for (int i = 0; i < queries; ++i) {
        auto const              query = s.another();
        std::vector<vector_hit> a, e;
        graph.view.closest(query, k, {}, accept, a);
        exact.view.closest(query, k, {}, accept, e);
        REQUIRE(a.size() == e.size());
        wanted += e.size();
        for (auto const& hit : a) found += static_cast<std::size_t>(std::count(e.begin(), e.end(), hit));
    }
    return static_cast<double>(found) / static_cast<double>(wanted);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t many = 5'000;
#else
constexpr std::size_t many = 20'000;
#endif

}  // namespace

TEST_CASE("twenty thousand clustered rows are found at recall 0.95 and more with default parameters") {
    vector_sample             s(105, 64, many, 300);
    built<hnsw<cosine>> const graph(s);
    for (std::uint64_t const one_in : {1U, 2U, 10U, 100U}) {
        CAPTURE(one_in);
        CHECK(recall_of(graph, s, 10, 100, {one_in}) >= 0.97);
    }
}

TEST_CASE("a search measures a small part of the rows") {
    struct counting : l2_squared {
        static std::size_t& measured() {
            static std::size_t n = 0;
            return n;
        }
        static void gather(float const* q, float const* rows, std::size_t stride, std::uint32_t const* ids,
                           std::size_t n, std::size_t dim, float* out) {
            measured() += n;
            l2_squared::gather(q, rows, stride, ids, n, dim, out);
        }
        static void distances(float const* q, float const* rows, std::size_t stride, std::size_t n, std::size_t dim,
                              float* out) {
            measured() += n;
            l2_squared::distances(q, rows, stride, n, dim, out);
        }
    };
    vector_sample               s(107, 16, 6'000, 60);
    built<hnsw<counting>> const index(s);
    for (int i = 0; i < 20; ++i) {
        counting::measured() = 0;
        CHECK(closest(index.view, s.another(), 10).size() == 10);
        CHECK(counting::measured() < 2'500);
        CHECK(counting::measured() > 64);
    }
}

TEST_CASE("a thousand equal rows neither hide one another nor what lies around them") {
    vector_sample s(108, 8, 4'000, 40);
    for (std::size_t i = 500; i < 1'500; ++i)
        std::copy_n(s.row(3).begin(), 8, s.rows.begin() + static_cast<std::ptrdiff_t>(i * 8));
    built<hnsw<l2_squared>> const index(s);
    REQUIRE(index.view.validate().has_value());
    auto const same = closest(index.view, s.row(3), 1'001);
    REQUIRE(same.size() == 1'001);
    for (auto const& hit : same) CHECK(hit.distance == 0);
    CHECK(same.front().at == s.positions[3]);
    for (std::size_t i = 0; i < 4'000; i += 7) {
        CAPTURE(i);
        auto const own = closest(index.view, s.row(i), 1, 20);
        REQUIRE(own.size() == 1);
        CHECK(own.front().distance == 0);
        CHECK(own.front().at == (i >= 500 && i < 1'500 ? s.positions[3] : s.positions[i]));
    }
    // the last of the equal rows alone is accepted
    std::vector<vector_hit> last;
    index.view.closest(s.row(3), 1, {}, [&](position p) { return p == s.positions[1'499]; }, last);
    CHECK(last == std::vector<vector_hit>{{0, s.positions[1'499]}});
}

TEST_CASE("rows that are all equal, all zero or nearly equal are all found") {
    for (float const step : {0.0F, 1e-7F}) {
        vector_sample s(109, 4, 3'500, 1);
        for (std::size_t i = 0; i < s.rows.size(); ++i)
            s.rows[i] = step == 0 ? 0.0F : 1.0F + step * static_cast<float>(i / 4 % 5);
        built<hnsw<cosine>> const index(s);
        CHECK(index.view.validate().has_value());
        std::vector<float> const query{1, 1, 1, 2};
        CHECK(closest(index.view, query, 10).size() == 10);
        CHECK(closest(index.view, query, 3'500).size() == 3'500);
        built<hnsw<l2_squared>> const plain(s);
        CHECK(plain.view.validate().has_value());
        CHECK(closest(plain.view, query, 40).size() == 40);
    }
}

TEST_CASE("rows on a line, sorted, and one far group are all reached") {
    vector_sample s(110, 2, 5'000, 1);
    for (std::size_t i = 0; i < 5'000; ++i) {
        s.rows[2 * i]     = i < 4'000 ? static_cast<float>(i) : 1e6F + static_cast<float>(i);
        s.rows[2 * i + 1] = 0;
    }
    built<small> const index(s);
    auto const         ok = index.view.validate();
    INFO((ok ? std::string() : ok.error().message));
    CHECK(ok.has_value());
    for (std::size_t i = 0; i < 5'000; i += 13) {
        auto const hit = closest(index.view, s.row(i), 1);
        REQUIRE(hit.size() == 1);
        CHECK(hit.front().at == s.positions[i]);
    }
}

TEST_CASE("both halves and both policies give the same bits for the same vectors") {
    vector_sample             s(111, 24, 4'000, 30);
    built<hnsw<cosine>> const graph(s);
    built<flat<cosine>> const scan(s);
    hnsw<cosine>::delta       delta(24);
    for (std::size_t i = 0; i < s.positions.size(); ++i) delta.insert(s.row(i), s.positions[i]);
    for (int i = 0; i < 30; ++i) {
        auto const query = s.another();
        auto const exact = closest(scan.view, query, 10);
        CHECK(closest(delta, query, 10) == exact);
        auto const all = closest(scan.view, query, 4'000);
        for (auto const& hit : closest(graph.view, query, 10)) CHECK(std::count(all.begin(), all.end(), hit) == 1);
    }
}

TEST_CASE("a search may run inside the filter of another one") {
    vector_sample                 s(112, 8, 4'000, 30);
    built<hnsw<l2_squared>> const index(s);
    auto const                    query = s.another(), inner = s.another();
    auto const                    plain = closest(index.view, query, 5);
    std::vector<vector_hit>       out;
    index.view.closest(query, 5, {}, [&](position) { return closest(index.view, inner, 3).size() == 3; }, out);
    CHECK(out == plain);
}

TEST_CASE("wrong input is refused with a sentence that names it") {
    std::vector<float> const    rows{1, 2, 3, std::numeric_limits<float>::infinity()};
    std::vector<position> const at{4, 9};
    auto const                  infinite = hnsw<cosine>::build(2, rows, at);
    REQUIRE_FALSE(infinite.has_value());
    CHECK(infinite.error().kind == errc::invalid_argument);
    CHECK(infinite.error().message == "element 1 of row 1 is not a finite number");
    CHECK(flat<cosine>::build(0, {}, {}).error().kind == errc::invalid_argument);
    CHECK(flat<cosine>::build(65'537, {}, {}).error().kind == errc::invalid_argument);
    std::vector<float> const    fine{1, 2, 3, 4};
    std::vector<position> const twice{4, 4};
    CHECK(hnsw<cosine>::build(2, fine, twice).error().kind == errc::unsorted_keys);
    CHECK(hnsw<cosine>::build(3, fine, at).error().kind == errc::invalid_argument);

    aligned_copy const bytes(*hnsw<cosine>::build(2, fine, at));
    auto const         other = hnsw<l2_squared>::view::open(bytes.view());
    REQUIRE_FALSE(other.has_value());
    CHECK(other.error().kind == errc::wrong_assembly);
    CHECK(other.error().message.find("tenon.cosine/1") != std::string::npos);
    CHECK(other.error().message.find("tenon.l2_squared/1") != std::string::npos);
    CHECK(flat<cosine>::view::open(bytes.view()).error().kind == errc::wrong_assembly);
    CHECK(hnsw<cosine, 8>::view::open(bytes.view()).error().kind == errc::wrong_assembly);
    CHECK(hnsw<cosine>::view::open(bytes.view().subspan(8)).error().kind == errc::corrupt);
    CHECK(hnsw<cosine>::view::open({}).error().kind == errc::corrupt);
}

TEST_CASE_TEMPLATE("hostile bytes are refused or answered within bounds", P, flat<l2_squared>, small) {
    prng          random(113);
    vector_sample s(114, 3, 700, 10);
    auto const    good   = *P::build(s.dim, s.rows, s.positions);
    auto const    query  = s.another();
    int           opened = 0, refused = 0, invalid = 0;
    auto const    attack = [&](byte_view bytes) {
        auto const view = P::view::open(bytes);
        if (!view) {
            ++refused;
            return;
        }
        ++opened;
        if (view->dim() != 3) return;
        for (std::size_t const k : {1U, 12U}) {
            auto const hits = closest(*view, query, k);
            CHECK(hits.size() == std::min<std::size_t>(k, view->size()));
        }
        if (!view->validate()) ++invalid;
    };
    for (int round = 0; round < 1'500; ++round) {
        CAPTURE(round);
        aligned_copy bytes(good);
        auto const   at = bytes.writable();
        for (std::uint64_t flips = 1 + random.below(random.chance(0.1) ? 400 : 4); flips > 0; --flips) {
            std::size_t const reach = random.chance(0.3) ? 192 : at.size();
            if (random.chance(0.5)) at[random.below(reach)] ^= static_cast<std::byte>(1U << random.below(8));
            else {
                std::uint32_t const value = random.chance(0.5)
                                                ? static_cast<std::uint32_t>(random())
                                                : 0xffffffffU - static_cast<std::uint32_t>(random.below(3));
                std::memcpy(at.data() + random.below(reach / 4) * 4, &value, 4);
            }
        }
        attack(bytes.view());
    }
    for (int round = 0; round < 100; ++round)
        attack(aligned_copy(byte_view(good).first(random.below(good.size()))).view());
    aligned_copy noise(byte_view(good).first(good.size()));
    for (std::size_t i = 192; i < good.size(); ++i) noise.writable()[i] = static_cast<std::byte>(random());
    attack(noise.view());
    CHECK(opened > 300);
    CHECK(refused > 200);
    CHECK(invalid > 100);
}

TEST_CASE("the bytes are those of the format pages") {
    std::vector<float> const    rows{1, 2, 3, 4, 1, 2};
    std::vector<position> const at{5, 7, 9};
    auto const                  words_of = [](byte_vector const& bytes) {  // u32 words that are not zero: place, value
        std::vector<std::pair<std::size_t, std::uint32_t>> out;
        for (std::size_t i = 72; i < bytes.size(); i += 4)
            if (auto const w = load<std::uint32_t>(bytes.data() + i); w != 0) out.emplace_back(i, w);
        return out;
    };
    using words               = std::vector<std::pair<std::size_t, std::uint32_t>>;
    auto const     flat_bytes = *flat<l2_squared>::build(2, rows, at);
    auto const     hnsw_bytes = *hnsw<l2_squared, 2, 2, 2>::build(2, rows, at);
    constexpr auto none       = 0xffffffffU;
    CHECK(as_chars(byte_view(flat_bytes).first(72)) == std::string("tenon") + std::string(3, '\0') + "tenon.flat/1" +
                                                           std::string(20, '\0') + "tenon.l2_squared/1" +
                                                           std::string(14, '\0'));
    CHECK(as_chars(byte_view(hnsw_bytes).first(20)) == std::string("tenon") + std::string(3, '\0') + "tenon.hnsw/1");
    CHECK(words_of(flat_bytes) == words{{72, 1},
                                        {76, 2},
                                        {80, 3},
                                        {88, 216},
                                        {96, 128},
                                        {104, 192},
                                        {128, 5},
                                        {136, 7},
                                        {144, 9},
                                        {192, 0x3f800000},
                                        {196, 0x40000000},
                                        {200, 0x40400000},
                                        {204, 0x40800000},
                                        {208, 0x3f800000},
                                        {212, 0x40000000}});
    CHECK(words_of(hnsw_bytes) == words{{72, 1},           {76, 2},           {80, 3},           {88, 528},
                                        {96, 192},         {104, 256},        {128, 2},          {132, 1},
                                        {136, 1},          {144, 320},        {152, 384},        {160, 448},
                                        {168, 512},        {176, 4},          {192, 5},          {200, 7},
                                        {208, 9},          {256, 0x3f800000}, {260, 0x40000000}, {264, 0x40400000},
                                        {268, 0x40800000}, {272, 0x3f800000}, {276, 0x40000000}, {320, 1},
                                        {324, 1},          {340, 1},          {384, 2},          {388, none},
                                        {392, none},       {448, none},       {456, none},       {512, 1}});
}

TEST_CASE("validate notices each kind of damage to a graph") {
    vector_sample s(115, 3, 700, 10);
    std::copy_n(s.row(3).begin(), 3, s.rows.begin() + 3 * 9);
    using index       = small;
    auto const good   = *index::build(3, s.rows, s.positions);
    auto const head   = load<detail::hnsw_head>(good.data());
    auto const broken = [&](std::uint64_t at, std::uint32_t value, std::string const& says) {
        CAPTURE(says);
        aligned_copy bytes(good);
        std::memcpy(bytes.writable().data() + at, &value, 4);
        auto const view = index::view::open(bytes.view());
        REQUIRE(view.has_value());
        auto const ok = view->validate();
        REQUIRE_FALSE(ok.has_value());
        CHECK(ok.error().kind == errc::corrupt);
        CHECK(ok.error().message.find(says) != std::string::npos);
    };
    broken(head.base.positions_at + 8 * 5, 0, "does not ascend");
    broken(head.base.rows_at + 4 * 100, 0x7fc00000, "is not finite");
    broken(head.links_at + 4 * 9 * 50, 9, "more neighbours than fit");
    broken(head.links_at + 4 * 9 * 50 + 4, 50, "not of its level");
    broken(head.links_at + 4 * 9 * 50 + 4, 700, "not of its level");
    broken(head.equal_at + 4 * 3, 4, "not equal");
    broken(head.equal_at + 4 * 3, 2, "does not ascend");
    broken(head.equal_at + 4 * 3, 0xffffffff, "cannot be reached");
    broken(head.words_at, 40, "misplaced");
    broken(offsetof(detail::hnsw_head, top), head.top + 1, "top level");
    CHECK(load<std::uint32_t>(good.data() + head.equal_at + 4 * 3) == 9);
}

TEST_CASE("every instruction set builds graphs that find the nearest rows") {
    auto const& before = simd::active();
    for (auto const* k : simd::targets()) {
        CAPTURE(std::string(k->target));
        simd::force(*k);
        vector_sample             s(116, 20, 3'500, 30);
        built<hnsw<cosine>> const graph(s);
        CHECK(recall_of(graph, s, 10, 20, everything) >= 0.97);
    }
    simd::force(before);
}

TEST_CASE("readers of a delta see whole rows while a writer goes on") {
    flat<l2_squared>::delta delta(6);
    std::atomic<bool>       done{false};
    std::atomic<int>        wrong{0}, passes{0};
    auto const              reader = [&] {
        std::vector<float> const query(6, 0.0F);
        std::size_t              last = 0;
        do {
            std::vector<vector_hit> out;
            auto const              before = delta.size();
            delta.closest(query, 100'000, {}, everything, out);
            if (out.size() < before || out.size() < last) ++wrong;
            last = out.size();
            for (std::size_t i = 0; i < out.size(); ++i)  // row i is six times i, so its distance is 6 i^2
                if (out[i].at != 3 * i || out[i].distance != 6 * static_cast<float>(i) * static_cast<float>(i)) ++wrong;
            ++passes;
        } while (!done.load());
    };
    std::thread a(reader), b(reader);
    for (std::size_t i = 0; i < 1'000; ++i) {
        while (passes.load() < static_cast<int>(i / 50)) std::this_thread::yield();  // readers look all along the way
        delta.insert(std::vector<float>(6, static_cast<float>(i)), 3 * i);
    }
    done = true;
    a.join();
    b.join();
    CHECK(wrong == 0);
    CHECK(delta.size() == 1'000);
}
