// SPDX-License-Identifier: Apache-2.0
// The conformance suite as the tests of this folder use it: compiled once, in suite_numbers.cpp and suite_others.cpp, for all policies.
#pragma once

#include "tenon/testing/ordered_index.hpp"

#include <doctest/doctest.h>

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

/// A user's own type with a codec of its own: releases, newest first.
struct release_number {
    std::uint16_t major = 0, minor = 0;
    std::uint64_t build = 0;

    friend constexpr auto operator<=>(release_number a, release_number b) {
        if (auto const order = b.major <=> a.major; order != 0) return order;
        if (auto const order = b.minor <=> a.minor; order != 0) return order;
        return b.build <=> a.build;
    }
    friend constexpr bool operator==(release_number, release_number) = default;
};

template <>
struct tenon::key_codec<release_number> {
    static constexpr bool        fixed_size = true;
    static constexpr std::size_t size       = 12;
    static constexpr bool        exact_u64  = false;

    static bool encodable(release_number) { return true; }
    static void encode(byte_vector& out, release_number r) {
        key_codec<std::uint16_t>::encode(out, static_cast<std::uint16_t>(~r.major));
        key_codec<std::uint16_t>::encode(out, static_cast<std::uint16_t>(~r.minor));
        key_codec<std::uint64_t>::encode(out, ~r.build);
    }
};

struct release_key_maker {
    using key_type                     = release_number;
    static constexpr unsigned flavours = 2;

    std::string    name() const { return "a type of the user's"; }
    release_number of(std::uint64_t number, unsigned flavour) const {
        if (flavour == 1) return {7, 1, number};
        return {static_cast<std::uint16_t>(number >> 48), static_cast<std::uint16_t>(number >> 32), number & 0xff};
    }
    std::vector<release_number> special() const {
        constexpr std::uint16_t top = 0xffff;
        return {{top, top, ~std::uint64_t{0}}, {top, top, 0}, {1, 0, 1}, {1, 0, 0}, {0, 0, 1}, {0, 0, 0}};
    }
    void around(release_number k, std::vector<release_number>& out) const {
        if (k.build != 0) out.push_back({k.major, k.minor, k.build - 1});
        if (k.build != ~std::uint64_t{0}) out.push_back({k.major, k.minor, k.build + 1});
    }
    std::vector<release_number> unordered() const { return {}; }
    std::string                 text(release_number k) const {
        return std::to_string(k.major) + "." + std::to_string(k.minor) + "." + std::to_string(k.build);
    }
};

#define TENON_EACH_NUMBER_MAKER(DO)       \
    DO(tenon::testing::index_makers::u8)  \
    DO(tenon::testing::index_makers::u16) \
    DO(tenon::testing::index_makers::u32) \
    DO(tenon::testing::index_makers::u64) \
    DO(tenon::testing::index_makers::i8)  \
    DO(tenon::testing::index_makers::i16) \
    DO(tenon::testing::index_makers::i32) \
    DO(tenon::testing::index_makers::i64) \
    DO(tenon::testing::index_makers::f32) \
    DO(tenon::testing::index_makers::f64)

#define TENON_EACH_OTHER_MAKER(DO)               \
    DO(tenon::testing::index_makers::u128)       \
    DO(tenon::testing::index_makers::i128)       \
    DO(tenon::testing::index_makers::text)       \
    DO(tenon::testing::index_makers::string)     \
    DO(tenon::testing::index_makers::bytes5)     \
    DO(tenon::testing::index_makers::bytes20)    \
    DO(tenon::testing::index_makers::uuids)      \
    DO(tenon::testing::index_makers::pairs)      \
    DO(tenon::testing::index_makers::wide_pairs) \
    DO(tenon::testing::index_makers::tuples)     \
    DO(release_key_maker)

#define TENON_INDEX_SUITE(M) \
    template void check_index_of_type<M>(index_under_test<M::key_type>&, index_effort, std::uint64_t, report&);
#define TENON_EXTERN_INDEX_SUITE(M) extern TENON_INDEX_SUITE(M)

namespace tenon::testing::detail {
TENON_EACH_NUMBER_MAKER(TENON_EXTERN_INDEX_SUITE)
TENON_EACH_OTHER_MAKER(TENON_EXTERN_INDEX_SUITE)
}  // namespace tenon::testing::detail

/// Numbers of up to 64 bits.
template <class Policy>
void numbers_conform() {
    constexpr std::uint64_t seed = 20;
    CAPTURE(seed);
    tenon::testing::report r;
    tenon::testing::check_ordered_index_numbers<Policy>(seed, r);
    INFO(r.text());
    CHECK(r.passed());
    CHECK(r.checks() > 20'000);
}

/// Keys of every type.
template <class Policy>
void conforms() {
    numbers_conform<Policy>();
    constexpr std::uint64_t seed = 20;
    CAPTURE(seed);
    tenon::testing::report r;
    tenon::testing::check_ordered_index_composites<Policy>(seed, r);
    tenon::testing::check_ordered_index_over<Policy, release_key_maker>(tenon::testing::index_effort::brief(), seed, r);
    INFO(r.text());
    CHECK(r.passed());
    CHECK(r.checks() > 10'000);
}
