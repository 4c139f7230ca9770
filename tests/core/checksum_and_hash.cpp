// SPDX-License-Identifier: Apache-2.0
#include "tenon/core/crc32c.hpp"
#include "tenon/core/fixed_string.hpp"
#include "tenon/core/hash.hpp"
#include "tenon/core/prng.hpp"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>

using namespace tenon;

TEST_CASE("hashes keep their golden values for ever, because filters on disk hold them") {
    struct known {
        std::string_view text;
        std::uint64_t    plain, seed42;
    };
    for (auto const& k :
         {known{"", 0x00fa2a8a07b73bdf, 0xc3d8b41c818d1e1c}, known{"a", 0x3afa521cd8501044, 0x2a2ba3ab4834850c},
          known{"ab", 0x6740ed98d8a75824, 0x0716fdbd9289c99e}, known{"abc", 0x506bf1a3542294c7, 0x28d81600a80a2b17},
          known{"abcd", 0xdd91fe5f9928310a, 0x0836b620e6ab5292},
          known{"abcdefg", 0x9bed7931e2708370, 0x69f87676808330d1},
          known{"abcdefgh", 0x05f1431cea2d1bb2, 0xd611e8fb47bf32ae},
          known{"0123456789abcdef", 0x3989f5ce87abeb82, 0xb7977342adb8925d},
          known{"0123456789abcdefg", 0x9428997b072d1132, 0x7de2e291c455da5e},
          known{"The tongue that fits a mortise: parts that lock together without nails.", 0xcb32de03bd1249b3,
                0xe434551c612a18b1}}) {
        CAPTURE(k.text);
        CHECK(hash_bytes(as_bytes(k.text)) == k.plain);
        CHECK(hash_bytes(as_bytes(k.text), 42) == k.seed42);
    }
    CHECK(hash_u64(0) == 0xe220a8397b1dcdaf);
    CHECK(hash_u64(1) == 0x910a2dec89025cc1);
    CHECK(hash_u64(2) == 0x975835de1c9756ce);
    CHECK(hash_u64(~std::uint64_t{0}) == 0xe4d971771b652c20);
}

TEST_CASE("one flipped bit changes about half of a hash, at every length") {
    constexpr std::uint64_t seed = 3;
    CAPTURE(seed);
    prng random(seed);
    for (std::size_t n = 1; n <= 80; ++n) {
        byte_vector bytes(n);
        double      flipped = 0;
        for (int i = 0; i < 200; ++i) {
            for (auto& b : bytes) b = std::byte(random());
            auto const before = hash_bytes(bytes);
            bytes[random.below(n)] ^= std::byte(1u << random.below(8));
            flipped += std::popcount(before ^ hash_bytes(bytes));
        }
        CAPTURE(n);
        CHECK(flipped / 200 > 30);
        CHECK(flipped / 200 < 34);
    }
}

TEST_CASE("runs of zeros of every length hash differently") {
    std::set<std::uint64_t> seen;
    byte_vector             zeros;
    for (int n = 0; n < 300; ++n, zeros.push_back(std::byte{0})) CHECK(seen.insert(hash_bytes(zeros)).second);
}

TEST_CASE("crc32c gives the published answers") {
    CHECK(crc32c({}) == 0);
    CHECK(crc32c(as_bytes("123456789")) == 0xe3069283u);
    CHECK(crc32c(byte_vector(32, std::byte{0x00})) == 0x8a9136aau);  // RFC 3720, B.4
    CHECK(crc32c(byte_vector(32, std::byte{0xff})) == 0x62a8ab43u);
    byte_vector ascending, descending;
    for (unsigned i = 0; i < 32; ++i) {
        ascending.push_back(std::byte(i));
        descending.push_back(std::byte(31 - i));
    }
    CHECK(crc32c(ascending) == 0x46dd794eu);
    CHECK(crc32c(descending) == 0x113fdb5cu);
}

TEST_CASE("every path of crc32c agrees with a bit-by-bit one, also when continued") {
    constexpr std::uint64_t seed = 4;
    CAPTURE(seed);
    prng        random(seed);
    byte_vector bytes(10000);
    for (auto& b : bytes) b = std::byte(random());
    auto const slow = [](byte_view part, std::uint32_t c) {
        for (c = ~c; auto b : part) {
            c ^= std::to_integer<std::uint32_t>(b);
            for (int i = 0; i < 8; ++i) c = (c >> 1) ^ ((c & 1u) != 0 ? 0x82f63b78u : 0u);
        }
        return ~c;
    };
    for (int i = 0; i < 300; ++i) {
        auto const at    = random.below(64);
        auto const n     = random.below(i % 2 == 0 ? 40 : 9900);
        auto const part  = byte_view(bytes).subspan(at, n);
        auto const start = static_cast<std::uint32_t>(random());
        auto const right = slow(part, start);
        auto const cut   = random.below(n + 1);
        REQUIRE(crc32c(part, start) == right);
        REQUIRE(~detail::crc32c_portable(~start, part.data(), part.size()) == right);
        REQUIRE(crc32c(part.subspan(cut), crc32c(part.first(cut), start)) == right);
    }
}

TEST_CASE("prng gives the same sequence for ever, and below() is fair") {
    static_assert(std::uniform_random_bit_generator<prng>);
    prng random(1);
    CHECK(random() == 0xb3f2af6d0fc710c5);
    CHECK(random() == 0x853b559647364cea);
    CHECK(random() == 0x92f89756082a4514);
    CHECK(random() == 0x642e1c7bc266a3a7);
    for (std::uint64_t expected : {697u, 143u, 71u, 381u}) CHECK(random.below(1000) == expected);
    std::array<int, 7> seen{};
    for (int i = 0; i < 70000; ++i) ++seen[random.below(7)];
    for (int n : seen) {
        CHECK(n > 9500);
        CHECK(n < 10500);
    }
    for (int i = 0; i < 1000; ++i) {
        auto const u = random.unit();
        CHECK((u >= 0 && u < 1));
        auto const v = random.between(-3, 3);
        CHECK((v >= -3 && v <= 3));
    }
    CHECK(random.between(5, 5) == 5);
    (void)random.between(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
}

namespace {
template <fixed_string Name>
struct named {
    static constexpr std::string_view name = Name.view();
};
}  // namespace

TEST_CASE("a string literal is a template argument") {
    static_assert(named<"places">::name == "places");
    static_assert(std::is_same_v<named<"a">, named<"a">> && !std::is_same_v<named<"a">, named<"b">>);
    static_assert(fixed_string("ab") != fixed_string("abc") && fixed_string("") == fixed_string(""));
    CHECK(named<"">::name.empty());
}
