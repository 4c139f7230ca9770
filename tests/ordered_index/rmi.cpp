// SPDX-License-Identifier: Apache-2.0
#include "tenon/ordered_index/rmi.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/model/constant.hpp"
#include "tenon/model/cubic.hpp"
#include "tenon/model/log_linear.hpp"
#include "tenon/model/radix.hpp"
#include "tenon/model/robust.hpp"
#include "tenon/ordered_index/archetype.hpp"
#include "tenon/ordered_index/sorted_array.hpp"
#include "tenon/testing/key_sets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

using tenon::constant;
using tenon::fan_out;
using tenon::keys_per_leaf;
using tenon::linear;
using tenon::linear_spline;
using tenon::rmi;
using u64 = std::uint64_t;

std::vector<u64> any_width(std::size_t n, u64 seed) {
    tenon::prng      random(seed);
    std::vector<u64> keys;
    for (std::size_t i = 0; i < n; ++i) keys.push_back(random() >> random.below(40));
    std::sort(keys.begin(), keys.end());
    return keys;
}

u64 oracle(std::vector<u64> const& keys, u64 k) {
    return static_cast<u64>(std::lower_bound(keys.begin(), keys.end(), k) - keys.begin());
}

/// A model of the user's own.
struct top_bits {
    static constexpr std::string_view name = "top_bits";
    struct fitted {
        u64  shift = 54;
        u64  predict(u64 p, u64 limit) const noexcept { return std::min<u64>(shift < 64 ? p >> shift : 0, limit); }
        bool valid() const noexcept { return true; }
    };
    template <tenon::number_sequence Keys>
    static fitted fit(Keys const&, double) {
        return {};
    }
};

/// One that breaks the axiom: it goes down, and says that it does not.
struct falling {
    static constexpr std::string_view name = "falling";
    struct fitted {
        u64  zero = 0;
        u64  predict(u64 p, u64 limit) const noexcept { return std::min<u64>(~p >> 50, limit); }
        bool valid() const noexcept { return true; }
    };
    template <tenon::number_sequence Keys>
    static fitted fit(Keys const&, double) {
        return {};
    }
};

/// Every leaf record of a model with 16-byte leaf coefficients, in place.
using record = tenon::detail::rmi_leaf<linear::fitted>;
struct leaf_bytes {
    tenon::byte_vector& model;
    std::size_t         at = 192;

    std::size_t count() const { return (model.size() - at) / sizeof(record); }
    record      get(std::size_t i) const { return tenon::load<record>(model.data() + at + i * sizeof(record)); }
    void        set(std::size_t i, record r) { std::memcpy(model.data() + at + i * sizeof(record), &r, sizeof r); }
};

/// All keys, what lies between them, and both ends.
template <class Index>
void answers_are_right(Index const& index, std::vector<u64> const& keys, std::size_t every) {
    for (std::size_t i = 0; i < keys.size(); i += every)
        for (u64 k : {keys[i] - 1, keys[i], keys[i] + 1}) {
            auto const expected = oracle(keys, k);
            REQUIRE(index.lower_bound(k) == expected);
            auto const w = index.window(k);
            REQUIRE(w.first <= expected);
            REQUIRE(expected < w.last);
            REQUIRE(w.last <= keys.size() + 1);
        }
    CHECK(index.lower_bound(0) == oracle(keys, 0));
    CHECK(index.lower_bound(~u64{0}) == oracle(keys, ~u64{0}));
}

}  // namespace

TEST_CASE("over() indexes vectors, arrays and spans of the caller") {
    std::vector<std::uint32_t> const vector{1, 5, 5, 9};
    auto                             a = rmi<>::over(vector);
    REQUIRE(a);
    CHECK(a->lower_bound(5) == 1);
    CHECK(a->upper_bound(5) == 3);
    CHECK(a->equal_range(6) == tenon::position_range{3, 3});
    CHECK(a->find(6) == a->size());
    CHECK(a->count(5) == 2);

    std::array<double, 3> const array{-1.5, 0.0, 2.5};
    CHECK(rmi<>::over(array)->lower_bound(0.1) == 2);
    CHECK(rmi<>::over(std::span(array).first(2))->lower_bound(7.0) == 2);
    std::vector<std::string> const words{"ant", "bee", "bee", "cat"};
    CHECK(rmi<>::over(words)->equal_range("bee") == tenon::position_range{1, 3});
    std::vector<std::int64_t> const none;
    CHECK(rmi<>::over(none)->lower_bound(0) == 0);
}

TEST_CASE("an index may be moved") {
    auto const keys  = any_width(5000, 1);
    auto       index = rmi<>::over(keys);
    REQUIRE(index);
    auto moved = std::move(*index);
    CHECK(moved.find(keys[4321]) == oracle(keys, keys[4321]));
    auto other = rmi<>::over(keys);
    moved      = std::move(*other);
    CHECK(moved.find(keys[1234]) == oracle(keys, keys[1234]));
    CHECK(moved.bytes().size() == moved.stats().model_bytes);
}

TEST_CASE("options stand in any order and give the same bytes") {
    auto const keys = any_width(3000, 2);
    auto const a    = *rmi<keys_per_leaf<16>, linear_spline, fan_out<8>, linear, linear>::build<u64>(keys);
    auto const b =
        *rmi<linear_spline, linear, linear, tenon::last_mile::branchy, fan_out<8>, keys_per_leaf<16>>::build<u64>(keys);
    CHECK(a == b);
    CHECK(*rmi<>::build<u64>(keys) == *rmi<linear_spline, linear, keys_per_leaf<64>>::build<u64>(keys));
    CHECK(rmi<fan_out<8>>::name == "rmi<linear_spline,linear>");
    CHECK(rmi<linear>::name == "rmi<linear>");
    CHECK(rmi<linear, constant, tenon::robust<linear>>::name == "rmi<linear,constant,robust<linear>>");
    using branchy = rmi<tenon::last_mile::branchy>::view<u64>;
    CHECK(std::is_same_v<branchy, tenon::located_view<tenon::rmi<>::locator, u64, tenon::last_mile::branchy>>);
}

TEST_CASE("a model opens whatever number of keys its leaves were built for") {
    auto const keys  = any_width(4000, 3);
    auto const model = *rmi<keys_per_leaf<5>>::build<u64>(keys);
    CHECK(model == *rmi<>::build_with<u64>(keys, 5));
    auto const v = rmi<>::view<u64>::open(model, keys);
    REQUIRE(v);
    CHECK(v->stats().leaves == 800);
    CHECK(v->validate());
    answers_are_right(*v, keys, 7);
}

TEST_CASE("any number of layers of any models gives the right answers and stays contiguous") {
    constexpr u64 seed = 23;
    CAPTURE(seed);
    auto const check = [&](auto policy, std::size_t n, std::string_view set) {
        using index = decltype(policy);
        CAPTURE(set);
        CAPTURE(n);
        std::string const name(index::name);
        CAPTURE(name);
        auto const keys = tenon::testing::key_set(set, n, seed);
        auto       made = index::over(keys);
        REQUIRE(made);
        auto const valid = made->validate();
        REQUIRE_MESSAGE(valid, (valid ? std::string() : valid.error().message));
        answers_are_right(*made, keys, 1 + n / 500);
    };
    for (auto set : tenon::testing::key_set_names)
        for (std::size_t n : {0u, 1u, 2u, 100u, 9000u}) {
            using leaf = keys_per_leaf<8>;
            check(rmi<linear>{}, n, set);
            check(rmi<constant, leaf>{}, n, set);
            check(rmi<tenon::cubic, linear, leaf>{}, n, set);
            check(rmi<tenon::log_linear, tenon::cubic, leaf>{}, n, set);
            check(rmi<tenon::radix, tenon::log_linear, leaf>{}, n, set);
            check(rmi<linear_spline, linear, linear, leaf, fan_out<4>>{}, n, set);
            check(rmi<tenon::robust<linear_spline>, linear_spline, constant, leaf, fan_out<64>>{}, n, set);
            check(rmi<tenon::radix, tenon::radix, tenon::radix, tenon::radix, leaf, fan_out<6>>{}, n, set);
            check(rmi<constant, constant, linear, leaf>{}, n, set);
            check(rmi<linear, tenon::cubic, linear_spline, linear, linear, leaf, fan_out<3>>{}, n, set);
        }
}

TEST_CASE("a layer between spreads keys that one root cannot") {
    constexpr u64 seed = 29;
    CAPTURE(seed);
    auto const keys  = tenon::testing::key_set("lognormal", 50'000, seed);
    auto const two   = rmi<>::over(keys)->stats();
    auto const three = rmi<linear_spline, linear, linear>::over(keys)->stats();
    auto const log   = rmi<tenon::log_linear, linear>::over(keys)->stats();
    CHECK(three.mean_error < two.mean_error / 2);
    CHECK(log.mean_error < two.mean_error / 2);
    auto const ids = tenon::testing::key_set("fb", 50'000, seed);
    CHECK(rmi<tenon::robust<linear_spline>, linear>::over(ids)->stats().mean_error <
          rmi<>::over(ids)->stats().mean_error / 10);
}

TEST_CASE("batch gives what lower_bound gives, for any number of keys") {
    constexpr u64 seed = 7;
    CAPTURE(seed);
    for (std::size_t n : {0u, 1u, 2u, 300u, 20000u}) {
        auto const  keys  = any_width(n, seed + n);
        auto        index = rmi<>::over(keys);
        tenon::prng random(seed);
        REQUIRE(index);
        for (std::size_t m : {0u, 1u, 63u, 64u, 65u, 500u}) {
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
    CHECK(s.leaves == 1563);
    CHECK(s.empty_leaves == 0);
    CHECK(s.max_error <= 2);
    CHECK(s.mean_error <= 2);
    CHECK(s.model_bytes == 192 + 1563 * 32);
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
    constexpr u64 seed = 4;
    CAPTURE(seed);
    auto const uniform = tenon::testing::key_set("uniform", 100'000, seed);
    auto const line = rmi<>::over(uniform)->stats(), flat = rmi<linear_spline, constant>::over(uniform)->stats();
    CHECK(line.mean_error < 30);
    CHECK(line.mean_error < flat.mean_error);
}

TEST_CASE("bounds are as small as the keys allow, and no smaller") {
    // With slope 1/8 the model says 0, 0, 0, 1, 1, 1, 2, 2.
    std::vector<u64> const keys{0, 1, 2, 8, 8, 8, 16, 17};
    record                 leaf;
    leaf.model = {0, tenon::slope::of(1.0 / 8)};
    tenon::detail::rmi_prove_bounds(leaf, std::span<u64 const>(keys));
    CHECK(leaf.below == 0);
    CHECK(leaf.above == 6);  // behind 17: rank 8, and the model may still say 2
    leaf.model = {0, tenon::slope::of(3)};
    tenon::detail::rmi_prove_bounds(leaf, std::span<u64 const>(keys));
    CHECK(leaf.below == 5);  // for 8 it says 24, kept at 8, and the rank is 3
    CHECK(leaf.above == 1);  // between 0 and 1 it may still say 0, and the rank is 1
}

TEST_CASE("errors too large to be said are no limit") {
    std::vector<u64> keys;
    for (u64 i = 0; i < 70'000; ++i) keys.push_back(i);
    record leaf;
    leaf.size = 70'000;
    tenon::detail::rmi_prove_bounds(leaf, std::span<u64 const>(keys));  // slope 0
    CHECK(leaf.below == 0);
    CHECK(leaf.above == record::no_limit);
    CHECK(leaf.window(69'999, 70'000) == tenon::position_range{0, 70'000});
    CHECK(leaf.error(70'000) == 70'000);
    for (u64 n : {65'533u, 65'534u, 65'535u, 65'536u, 66'000u}) {
        record edge;
        edge.size = static_cast<std::uint32_t>(n);
        tenon::detail::rmi_prove_bounds(edge, std::span<u64 const>(keys).first(n));
        CHECK(edge.above == std::min<u64>(n, record::no_limit));
        CHECK(edge.window(n, n).last == n);
    }
    leaf.size = record::many_keys;
    CHECK(leaf.window(5, u64{1} << 40) == tenon::position_range{0, u64{1} << 40});

    std::vector<u64> crowd{0};
    for (u64 i = 0; i < 150'000; ++i) crowd.push_back((u64{1} << 62) + i * i);
    auto const index = rmi<constant, constant, keys_per_leaf<1'000>>::over(crowd);
    CHECK(index->validate());
    CHECK(index->stats().max_error == crowd.size());
    answers_are_right(*index, crowd, 999);
}

TEST_CASE("ranks are shared out among models without overflow") {
    using tenon::detail::rmi_share;
    constexpr u64 most = tenon::detail::rmi_most_models;
    CHECK(rmi_share(0, 10, 7) == 0);
    CHECK(rmi_share(7, 10, 7) == 10);
    CHECK(rmi_share(3, 10, 7) == 4);
    for (u64 n : {most, most + 1, u64{1} << 40, (u64{1} << 62) + 12345}) {
        CHECK(rmi_share(n, most, n) == most);
        u64 last = 0;
        for (u64 i = 0; i < 1000; ++i) {
            auto const share = rmi_share(n / 1000 * i, 1000, n);
            CHECK(share >= last);
            CHECK(share <= i + 1);
            CHECK(share + 2 >= i);
            last = share;
        }
    }
    CHECK(tenon::detail::rmi_counts<3>(0, 64, 64) == std::array<u64, 3>{1, 1, 1});
    CHECK(tenon::detail::rmi_counts<3>(64 * 64 * 10 + 1, 64, 64) == std::array<u64, 3>{1, 11, 641});
    CHECK(tenon::detail::rmi_counts<2>(~u64{0}, 1, 64).back() == most);
}

TEST_CASE("explain tells the layers of an rmi") {
    constexpr u64 seed = 3;
    CAPTURE(seed);
    auto const keys = tenon::testing::key_set("books", 64'000, seed);
    auto const text = rmi<linear_spline, linear, linear>::over(keys)->explain();
    CAPTURE(text);
    for (auto part :
         {"rmi<linear_spline,linear,linear> over 64,000 keys", "layer 1: 1 model linear_spline of 16 bytes",
          "layer 2: 16 models linear of 24 bytes", "layer 3: 1,000 models linear of 32 bytes",
          " of 1,000 empty; error at most ", "cache lines per look-up: 2 of the model and ", "with last mile default"})
        CHECK(text.find(part) != std::string::npos);
}

TEST_CASE("validate sees claims that are too good, and queries are right all the same") {
    auto const keys    = any_width(20'000, 5);
    auto       model   = *rmi<>::build<u64>(keys);
    auto       leaves  = leaf_bytes{model};
    int        checked = 0;
    auto const refused = [&](std::size_t i, auto change) {
        auto const good = leaves.get(i);
        auto       bad  = good;
        change(bad);
        leaves.set(i, bad);
        auto v = rmi<>::view<u64>::open(model, keys);
        REQUIRE(v);
        CHECK_FALSE(v->validate());
        for (std::size_t j = 0; j < keys.size(); j += 37) REQUIRE(v->lower_bound(keys[j]) == oracle(keys, keys[j]));
        leaves.set(i, good);
        ++checked;
    };
    for (std::size_t i = 1; i + 1 < leaves.count() && checked < 100; ++i) {
        auto const leaf = leaves.get(i);
        if (leaf.above >= 2) refused(i, [](record& r) { r.above = static_cast<std::uint16_t>(r.above - 1); });
        if (leaf.below >= 1) refused(i, [](record& r) { r.below = static_cast<std::uint16_t>(r.below - 1); });
        if (leaf.size >= 1) {
            refused(i, [](record& r) { --r.size; });
            refused(i, [](record& r) { ++r.begin; });
        }
    }
    CHECK(checked > 20);
    CHECK(rmi<>::view<u64>::open(model, keys)->validate());
}

TEST_CASE("validate sees inner models that overlap or end too late") {
    constexpr u64 seed = 8;
    CAPTURE(seed);
    using policy    = rmi<linear_spline, linear, linear, keys_per_leaf<8>, fan_out<8>>;
    using inner     = tenon::detail::rmi_inner<linear::fitted>;
    auto const keys = tenon::testing::key_set("normal", 4000, seed);
    auto const good = *policy::build<u64>(keys);
    auto const with = [&](std::size_t i, auto change) {
        auto model = good;
        auto it    = tenon::load<inner>(model.data() + 192 + i * sizeof(inner));
        change(it);
        std::memcpy(model.data() + 192 + i * sizeof(inner), &it, sizeof it);
        auto v = policy::view<u64>::open(model, keys);
        REQUIRE(v);
        for (std::size_t j = 0; j < keys.size(); j += 11) REQUIRE(v->lower_bound(keys[j]) == oracle(keys, keys[j]));
        return v->validate().has_value();
    };
    CHECK(with(30, [](inner&) {}));
    CHECK_FALSE(with(30, [](inner& m) { m.span += 100; }));
    CHECK_FALSE(with(30, [](inner& m) { m.first -= 100; }));
    CHECK_FALSE(with(62, [](inner& m) { m.span = ~0u; }));
    CHECK_FALSE(with(30, [](inner& m) { m.model.rise.bits = 0; }));
}

TEST_CASE("answers stay right whatever the model's bytes are") {
    constexpr u64 seed = 99;
    CAPTURE(seed);
    auto const keys  = any_width(3000, seed);
    auto const check = [&](auto policy) {
        using index            = decltype(policy);
        auto const       model = *index::template build<u64>(keys);
        tenon::prng      random(seed);
        std::size_t      opened = 0;
        std::vector<u64> out(40);
        for (int round = 0; round < 2000; ++round) {
            auto bytes = model;
            for (auto n = random.below(40) + 1; n > 0; --n)
                bytes[152 + random.below(bytes.size() - 152)] = static_cast<std::byte>(random());
            auto v = index::template view<u64>::open(bytes, keys);
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
            (void)v->stats(), (void)v->explain(), (void)v->validate();
        }
        CHECK(opened > 1900);
    };
    check(rmi<>{});
    check(rmi<tenon::cubic, tenon::cubic, tenon::cubic, keys_per_leaf<16>, fan_out<8>>{});
    check(rmi<tenon::radix, tenon::log_linear, constant, keys_per_leaf<16>, fan_out<8>>{});
}

TEST_CASE("open says what does not fit") {
    auto const keys  = any_width(1000, 11);
    auto const model = *rmi<>::build<u64>(keys);
    auto kind = [&](auto result) { return result ? std::string("none") : std::string(to_string(result.error().kind)); };
    CHECK(kind(rmi<>::view<u64>::open(model, keys)) == "none");
    CHECK(kind(tenon::sorted_array::view<u64>::open(model, keys)) == "wrong assembly");
    CHECK(kind(rmi<linear, linear>::view<u64>::open(model, keys)) == "wrong assembly");
    std::vector<std::int64_t> const other(keys.begin(), keys.end());
    CHECK(kind(rmi<>::view<std::int64_t>::open(model, other)) == "wrong assembly");
    CHECK(kind(rmi<>::view<u64>::open(tenon::byte_view(model).first(100), keys)) == "corrupt");
    CHECK(kind(rmi<>::view<u64>::open(tenon::byte_view(model).first(model.size() - 32), keys)) == "corrupt");
    CHECK(kind(rmi<>::view<u64>::open(model, std::span(keys).first(999))) == "corrupt");
    auto const with = [&](std::size_t at, u64 word) {
        auto changed = model;
        std::memcpy(changed.data() + at, &word, 8);
        return kind(rmi<>::view<u64>::open(changed, keys));
    };
    CHECK(with(8, 1 | u64{0x108} << 32) == "wrong version");
    CHECK(with(48, 17) == "corrupt");   // leaves in the header
    CHECK(with(136, 17) == "corrupt");  // leaves in the layers
    CHECK(with(128, 2) == "corrupt");   // more than one root
    CHECK(with(136, 0) == "corrupt");
    CHECK(with(136, u64{1} << 59) == "corrupt");  // times 32 it is 0 again
    CHECK(with(56, 1) == "corrupt");              // a word that must be 0
    tenon::byte_vector shifted(model.size() + 1);
    std::copy(model.begin(), model.end(), shifted.begin() + 1);
    CHECK(kind(rmi<>::view<u64>::open(tenon::byte_view(shifted).subspan(1), keys)) == "invalid argument");

    auto const wrong = rmi<linear>::view<u64>::open(model, keys);
    CHECK(wrong.error().message.find("rmi<linear_spline,linear>") != std::string::npos);
    CHECK(wrong.error().message.find("rmi<linear>") != std::string::npos);
}

TEST_CASE("a model of the user's own may stand anywhere") {
    auto const keys = any_width(30'000, 13);
    for (bool leaf : {false, true}) {
        auto const check = [&](auto const& index) {
            REQUIRE(index);
            CHECK(index->validate());
            answers_are_right(*index, keys, 11);
        };
        if (leaf) check(rmi<linear_spline, top_bits, keys_per_leaf<8>>::over(keys));
        else check(rmi<top_bits, linear, keys_per_leaf<8>>::over(keys));
    }
}

TEST_CASE("a model that breaks its axiom costs time, not answers") {
    auto const keys  = any_width(5'000, 14);
    auto const check = [&](auto const& index) {
        REQUIRE(index);
        for (std::size_t i = 0; i < keys.size(); i += 7)
            for (u64 k : {keys[i] - 1, keys[i], keys[i] + 1}) REQUIRE(index->lower_bound(k) == oracle(keys, k));
    };
    check(rmi<falling, linear, keys_per_leaf<8>>::over(keys));
    check(rmi<linear_spline, falling, linear, keys_per_leaf<8>, fan_out<8>>::over(keys));
    check(rmi<linear_spline, falling, keys_per_leaf<8>>::over(keys));
    CHECK_FALSE(rmi<falling, linear, keys_per_leaf<8>>::over(keys)->validate());
}

TEST_CASE("the bytes are those of docs/formats/rmi.md") {
    std::vector<u64> const keys{16, 24, 32, 48};
    auto const             model = *rmi<>::build<u64>(keys);
    REQUIRE(model.size() == 224);
    auto u = [&](std::size_t at) { return tenon::load<u64>(model.data() + at); };
    auto i = [&](std::size_t at) { return tenon::load<std::uint32_t>(model.data() + at); };
    auto h = [&](std::size_t at) { return tenon::load<std::uint16_t>(model.data() + at); };
    CHECK(tenon::as_chars(tenon::byte_view(model).first(8)) == "tenonidx");
    CHECK(i(8) == 6);
    CHECK(i(12) == 0x108);
    CHECK(u(16) == 4);
    CHECK(u(24) == 224);
    CHECK(u(32) == 16);
    CHECK(u(40) == 48);
    CHECK(u(48) == 1);
    CHECK(u(56) == 0);
    CHECK(tenon::as_chars(tenon::byte_view(model).subspan(64, 26)) ==
          std::string_view("rmi<linear_spline,linear>\0", 26));
    CHECK(u(128) == 1);
    CHECK(u(136) == 1);
    CHECK(u(144) == 16);
    CHECK(tenon::load<tenon::slope>(model.data() + 152).value() == doctest::Approx(0.75 / 32));
    CHECK(u(160) == 0);
    CHECK(u(192) == 14);
    CHECK(tenon::load<tenon::slope>(model.data() + 200).value() == doctest::Approx(52.0 / 560));
    CHECK(u(208) == 0);
    CHECK(i(216) == 4);
    CHECK(h(220) == 0);
    CHECK(h(222) == 2);
    CHECK(rmi<>::over(keys)->window(25) == tenon::position_range{1, 4});

    std::string line;
    for (std::size_t at : {144u, 152u, 192u, 200u})
        for (std::size_t j = at; j < at + 8; ++j) {
            line += "0123456789abcdef"[static_cast<unsigned>(model[j]) >> 4];
            line += "0123456789abcdef"[static_cast<unsigned>(model[j]) & 15];
        }
    CHECK(line ==
          "1000000000000000"
          "45080000000000c0"
          "0e00000000000000"
          "43c8e22bbee22bbe");

    // Two inner models: their records follow the root at the next multiple of 64, the leaves theirs.
    auto const deep = *rmi<linear_spline, linear, linear, keys_per_leaf<1>, fan_out<2>>::build<u64>(keys);
    auto const w    = [&](std::size_t at) { return tenon::load<std::uint32_t>(deep.data() + at); };
    CHECK(deep.size() == 256 + 4 * 32);
    CHECK(tenon::load<std::array<u64, 3>>(deep.data() + 128) == std::array<u64, 3>{1, 2, 4});
    CHECK(w(192 + 16) == 0);
    CHECK(w(192 + 20) == 2);  // three of four keys
    CHECK(w(216 + 16) == 3);
    CHECK(w(216 + 20) == 0);
    CHECK(w(240) == 0);
}
