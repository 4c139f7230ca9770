// SPDX-License-Identifier: Apache-2.0
#include "tenon/ordered_index/rmi.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/model/constant.hpp"
#include "tenon/ordered_index/archetype.hpp"
#include "tenon/ordered_index/sorted_array.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace {

using tenon::rmi;
using u64 = std::uint64_t;

std::vector<u64> lognormal_like(std::size_t n, u64 seed) {
    tenon::prng      random(seed);
    std::vector<u64> keys;
    for (std::size_t i = 0; i < n; ++i) keys.push_back(random() >> random.below(40));
    std::sort(keys.begin(), keys.end());
    return keys;
}

u64 oracle(std::vector<u64> const& keys, u64 k) {
    return static_cast<u64>(std::lower_bound(keys.begin(), keys.end(), k) - keys.begin());
}

/// A root that is far from linear, to show that any monotone model may stand there.
struct top_bits {
    static constexpr std::string_view name = "top_bits";
    template <tenon::index_key Key>
    struct fitted {
        u64 shift = 0;
        u64 predict(Key k, u64 limit) const noexcept {
            return std::min<u64>(shift < 64 ? static_cast<u64>(k) >> shift : 0, limit);
        }
    };
    template <tenon::index_key Key>
    static fitted<Key> fit(std::span<Key const>, double) noexcept {
        return {54};
    }
};

}  // namespace

TEST_CASE("over() indexes vectors, arrays and spans of the caller") {
    std::vector<std::uint32_t> const vector{1, 5, 5, 9};
    auto                             a = rmi<>::over(vector);
    REQUIRE(a);
    CHECK(a->lower_bound(5) == 1);
    CHECK(a->upper_bound(5) == 3);
    CHECK(a->equal_range(6) == tenon::position_range{3, 3});
    CHECK(a->find(6) == a->size());

    std::array<double, 3> const array{-1.5, 0.0, 2.5};
    CHECK(rmi<>::over(array)->lower_bound(0.1) == 2);
    CHECK(rmi<>::over(std::span(array).first(2))->lower_bound(7.0) == 2);
    std::vector<std::int64_t> const none;
    CHECK(rmi<>::over(none)->lower_bound(0) == 0);
}

TEST_CASE("an index may be moved") {
    auto const keys  = lognormal_like(5000, 1);
    auto       index = rmi<>::over(keys);
    REQUIRE(index);
    auto moved = std::move(*index);
    CHECK(moved.find(keys[4321]) == oracle(keys, keys[4321]));
    auto other = rmi<>::over(keys);
    moved      = std::move(*other);
    CHECK(moved.find(keys[1234]) == oracle(keys, keys[1234]));
    CHECK(moved.bytes().size() == moved.stats().model_bytes);
}

TEST_CASE("batch gives what lower_bound gives, for any number of keys") {
    constexpr u64 seed = 7;
    CAPTURE(seed);
    for (std::size_t n : {0u, 1u, 2u, 300u, 20000u}) {
        auto const  keys  = lognormal_like(n, seed + n);
        auto        index = rmi<>::over(keys);
        tenon::prng random(seed);
        REQUIRE(index);
        for (std::size_t m : {0u, 1u, 15u, 16u, 17u, 500u}) {
            std::vector<u64> ask, out(m), expected;
            for (std::size_t i = 0; i < m; ++i)
                ask.push_back(n > 0 && random.chance(0.5) ? keys[random.below(n)] : random() >> random.below(64));
            for (u64 k : ask) expected.push_back(oracle(keys, k));
            index->batch(ask, out);
            CHECK(out == expected);
        }
    }
}

TEST_CASE("a batch without room for its answers is a broken contract") {
    static int called;
    called                        = 0;
    auto const             before = tenon::set_contract_handler([](char const*, std::source_location) {
        ++called;
        throw 1;
    });
    std::vector<u64> const keys{1, 2, 3};
    std::vector<u64>       out(2);
    auto                   index = rmi<>::over(keys);
    CHECK_THROWS(index->batch(keys, out));
    tenon::set_contract_handler(before);
    CHECK(called == 1);
}

TEST_CASE("an arithmetic progression is found without a search") {
    std::vector<u64> keys;
    for (u64 i = 0; i < 100'000; ++i) keys.push_back((u64{1} << 63) + 7 * i);
    auto const s = rmi<>::over(keys)->stats();
    CHECK(s.keys == 100'000);
    CHECK(s.leaves == 2048);
    CHECK(s.max_error <= 2);
    CHECK(s.mean_error <= 2);
    CHECK(s.model_bytes == 192 + 2049 * 32);
}

TEST_CASE("doubles near 2^53 and 2^63 lose nothing: neighbours stay apart") {
    for (u64 middle : {u64{1} << 53, u64{1} << 63}) {
        std::vector<u64> keys;
        for (u64 i = 0; i < 4096; ++i) keys.push_back(middle - 2048 + i);
        auto index = rmi<>::over(keys);
        REQUIRE(index);
        for (u64 i = 0; i < keys.size(); ++i) {
            REQUIRE(index->find(keys[i]) == i);
            auto const w = index->window(keys[i]);
            REQUIRE(w.last - w.first <= 4);
        }
    }
}

TEST_CASE("a learned leaf searches less than its keys") {
    auto const       keys = lognormal_like(100'000, 3);
    auto const       s    = rmi<>::over(keys)->stats();
    std::vector<u64> uniform;
    tenon::prng      random(4);
    for (int i = 0; i < 100'000; ++i) uniform.push_back(random());
    std::sort(uniform.begin(), uniform.end());
    auto const line = rmi<>::over(uniform)->stats(),
               flat = rmi<tenon::linear_spline, tenon::constant>::over(uniform)->stats();
    CHECK(line.mean_error < 30);
    CHECK(line.mean_error < flat.mean_error);
    CHECK(s.max_error <= keys.size());
}

TEST_CASE("validate sees claims that are too good, and queries are right all the same") {
    auto const keys  = lognormal_like(20'000, 5);
    auto       model = rmi<>::build<u64>(keys);
    REQUIRE(model);
    using leaf          = tenon::detail::rmi_leaf<tenon::linear::fitted<u64>>;
    auto const  at      = [&](std::size_t i) { return model->data() + 192 + i * sizeof(leaf); };
    std::size_t checked = 0;
    auto const  leaves  = (model->size() - 192) / sizeof(leaf) - 1;
    for (std::size_t i = 0; i < leaves; ++i) {
        auto const good = tenon::load<leaf>(at(i));
        if (good.above < 2) continue;
        ++checked;
        auto bad  = good;
        bad.below = bad.above = 0;
        std::memcpy(at(i), &bad, sizeof bad);
        auto v = rmi<>::view<u64>::open(*model, keys);
        REQUIRE(v);
        CHECK_FALSE(v->validate());
        for (std::size_t j = 0; j < keys.size(); j += 37) REQUIRE(v->lower_bound(keys[j]) == oracle(keys, keys[j]));
        std::memcpy(at(i), &good, sizeof good);
        if (checked > 20) break;
    }
    CHECK(checked > 10);
}

TEST_CASE("answers stay right whatever the model's bytes are") {
    constexpr u64 seed = 99;
    CAPTURE(seed);
    auto const       keys  = lognormal_like(3000, seed);
    auto const       model = *rmi<>::build<u64>(keys);
    tenon::prng      random(seed);
    std::size_t      opened = 0;
    std::vector<u64> out(40);
    for (int round = 0; round < 3000; ++round) {
        auto bytes = model;
        for (auto n = random.below(40) + 1; n > 0; --n)
            bytes[128 + random.below(bytes.size() - 128)] = static_cast<std::byte>(random());
        auto v = rmi<>::view<u64>::open(bytes, keys);
        if (!v) continue;
        ++opened;
        std::vector<u64> ask;
        for (int i = 0; i < 40; ++i)
            ask.push_back(random.chance(0.5) ? keys[random.below(keys.size())] : random() >> random.below(64));
        v->batch(ask, out);
        for (std::size_t i = 0; i < ask.size(); ++i) {
            REQUIRE(out[i] == oracle(keys, ask[i]));
            REQUIRE(v->lower_bound(ask[i]) == out[i]);
        }
    }
    CHECK(opened > 1000);
}

TEST_CASE("open says what does not fit") {
    auto const keys  = lognormal_like(1000, 11);
    auto const model = *rmi<>::build<u64>(keys);
    auto kind = [&](auto result) { return result ? std::string("none") : std::string(to_string(result.error().kind)); };
    CHECK(kind(rmi<>::view<u64>::open(model, keys)) == "none");
    CHECK(kind(tenon::sorted_array::view<u64>::open(model, keys)) == "wrong assembly");
    CHECK(kind(rmi<tenon::linear>::view<u64>::open(model, keys)) == "wrong assembly");
    std::vector<std::int64_t> const other(keys.begin(), keys.end());
    CHECK(kind(rmi<>::view<std::int64_t>::open(model, other)) == "wrong assembly");
    CHECK(kind(rmi<>::view<u64>::open(tenon::byte_view(model).first(100), keys)) == "corrupt");
    CHECK(kind(rmi<>::view<u64>::open(tenon::byte_view(model).first(model.size() - 32), keys)) == "corrupt");
    CHECK(kind(rmi<>::view<u64>::open(model, std::span(keys).first(999))) == "corrupt");
    auto later = model;
    later[8]   = std::byte{2};
    CHECK(kind(rmi<>::view<u64>::open(later, keys)) == "wrong version");
    tenon::byte_vector shifted(model.size() + 1);
    std::copy(model.begin(), model.end(), shifted.begin() + 1);
    CHECK(kind(rmi<>::view<u64>::open(tenon::byte_view(shifted).subspan(1), keys)) == "invalid argument");

    auto const wrong = rmi<tenon::linear>::view<u64>::open(model, keys);
    CHECK(wrong.error().message.find("rmi<linear_spline,linear>") != std::string::npos);
    CHECK(wrong.error().message.find("rmi<linear,linear>") != std::string::npos);
}

TEST_CASE("a model of the user's own may be the root") {
    auto const keys  = lognormal_like(30'000, 13);
    auto       index = rmi<top_bits, tenon::linear, 8>::over(keys);
    REQUIRE(index);
    CHECK(index->validate());
    for (std::size_t i = 0; i < keys.size(); i += 11) {
        REQUIRE(index->lower_bound(keys[i]) == oracle(keys, keys[i]));
        REQUIRE(index->lower_bound(keys[i] + 1) == oracle(keys, keys[i] + 1));
    }
}

TEST_CASE("the bytes are those of docs/formats/rmi.md") {
    std::vector<u64> const keys{10, 20, 30, 40};
    auto const             model = *rmi<>::build<u64>(keys);
    REQUIRE(model.size() == 256);
    auto u = [&](std::size_t at) { return tenon::load<u64>(model.data() + at); };
    auto d = [&](std::size_t at) { return tenon::load<double>(model.data() + at); };
    auto i = [&](std::size_t at) { return tenon::load<std::int32_t>(model.data() + at); };
    CHECK(tenon::as_chars(tenon::byte_view(model).first(8)) == "tenonidx");
    CHECK(i(8) == 1);
    CHECK(i(12) == 0x108);
    CHECK(u(16) == 4);
    CHECK(u(24) == 256);
    CHECK(u(32) == 10);
    CHECK(u(40) == 40);
    CHECK(u(48) == 1);
    CHECK(u(56) == 0);
    CHECK(tenon::as_chars(tenon::byte_view(model).subspan(64, 26)) ==
          std::string_view("rmi<linear_spline,linear>\0", 26));
    CHECK(u(128) == 10);
    CHECK(d(136) == 0.025);
    CHECK(u(192) == 10);
    CHECK(d(200) == doctest::Approx(0.1));
    CHECK(u(208) == 0);
    CHECK(i(216) == 0);
    CHECK(i(220) == 1);
    CHECK(u(224) == 0);
    CHECK(u(240) == 4);
    CHECK(u(248) == 0);
}
