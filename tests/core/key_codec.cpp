// SPDX-License-Identifier: Apache-2.0
#include "tenon/core/key_codec.hpp"
#include "tenon/core/contract.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/core/uuid.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

using namespace tenon;

namespace {

enum class colour : std::int8_t { red = -3, green = 0, blue = 100 };

/// Round trip of every value, and byte order equal to value order for neighbours and for random pairs.
template <class T>
void check_values(std::vector<T> values, std::uint64_t seed) {
    CAPTURE(seed);
    using codec = key_codec<T>;
    static_assert(key_decodable<T>);
    static_assert(!codec::exact_u64 || (codec::fixed_size && codec::size <= 8));
    auto const wrong = [&](T const& a, T const& b) {
        auto const ea = encode_key(a), eb = encode_key(b);
        auto const pa = key_projection(ea), pb = key_projection(eb);
        if ((ea < eb) != (a < b) || (eb < ea) != (b < a) || (ea == eb) != (a == b)) return true;
        if (a < b ? pa > pb : b < a ? pa < pb : pa != pb) return true;
        if (codec::exact_u64 && (pa < pb) != (a < b)) return true;
        return ea != eb && ea.size() <= eb.size() && std::equal(ea.begin(), ea.end(), eb.begin());  // prefix-free
    };
    std::size_t bad_trip = 0, bad_order = 0, bad_size = 0, bad_cut = 0;
    prng        random(seed);
    for (std::size_t i = 0; i < values.size(); ++i) {
        auto const bytes = encode_key(values[i]);
        auto const back  = decode_key<T>(bytes);
        bad_trip += !back || !(*back == values[i]);
        bad_size += codec::fixed_size && bytes.size() != codec::size;
        bad_cut += !bytes.empty() && decode_key<T>(byte_view(bytes).first(bytes.size() - 1)).has_value();
        auto longer = bytes;
        longer.push_back(std::byte{1});
        bad_cut += decode_key<T>(longer).has_value();
        if (i + 1 < values.size()) bad_order += wrong(values[i], values[i + 1]);
        for (int n = 0; n < 3; ++n) bad_order += wrong(values[i], values[random.below(values.size())]);
    }
    CHECK(std::array{bad_trip, bad_order, bad_size, bad_cut} == std::array<std::size_t, 4>{});
}

template <class T>
std::vector<T> all_of() {
    std::vector<T> out;
    for (std::int64_t v = std::numeric_limits<T>::min(); v <= std::numeric_limits<T>::max(); ++v)
        out.push_back(static_cast<T>(v));
    return out;
}
/// Random integers of every magnitude, and those around the powers of two.
template <class T>
std::vector<T> some_of(std::uint64_t seed) {
    prng           random(seed);
    std::vector<T> out;
    for (unsigned bit = 0; bit < 8 * sizeof(T); ++bit) {
        auto const power = static_cast<T>(T{1} << (bit % (8 * sizeof(T) - 1)));
        for (int d = -1; d <= 1; ++d) {
            out.push_back(static_cast<T>(power + static_cast<T>(d)));
            out.push_back(static_cast<T>(static_cast<T>(d) - power));
        }
        for (int i = 0; i < 20; ++i) {
            T v = 0;
            for (unsigned at = 0; at < sizeof(T); at += 8)
                v = static_cast<T>((sizeof(T) > 8 ? static_cast<T>(v << (sizeof(T) > 8 ? 64 : 0)) : v) |
                                   static_cast<T>(random()));
            out.push_back(static_cast<T>(v >> bit));
        }
    }
    if constexpr (sizeof(T) <= 8) {
        out.push_back(std::numeric_limits<T>::min());
        out.push_back(std::numeric_limits<T>::max());
    }
    return out;
}
template <class T, class Bits>
std::vector<T> floats(std::uint64_t seed) {
    using limits = std::numeric_limits<T>;
    std::vector<T> out{0,
                       1,
                       -1,
                       limits::min(),
                       -limits::min(),
                       limits::denorm_min(),
                       -limits::denorm_min(),
                       limits::max(),
                       limits::lowest(),
                       limits::infinity(),
                       -limits::infinity(),
                       limits::epsilon(),
                       static_cast<T>(1) + limits::epsilon()};
    prng           random(seed);
    while (out.size() < 5000)
        if (auto const v = std::bit_cast<T>(static_cast<Bits>(random())); !std::isnan(v)) out.push_back(v);
    return out;
}
/// Strings over few characters, zeros and FF among them, so that common beginnings abound.
std::string any_string(prng& random) {
    std::string out(random.below(6), ' ');
    for (auto& c : out)
        c = "\0\1\xfe\xff"
            "a"[random.below(5)];
    return out;
}
std::string hex(byte_view bytes) {
    std::string out;
    for (auto b : bytes) {
        out += "0123456789abcdef"[std::to_integer<unsigned>(b) >> 4];
        out += "0123456789abcdef"[std::to_integer<unsigned>(b) & 15u];
    }
    return out;
}

}  // namespace

TEST_CASE("every 8-bit and 16-bit integer, bool and enumerator comes back and keeps its order") {
    check_values(all_of<std::uint8_t>(), 1);
    check_values(all_of<std::int8_t>(), 1);
    check_values(all_of<std::uint16_t>(), 1);
    check_values(all_of<std::int16_t>(), 1);
    check_values(all_of<char>(), 1);
    check_values(std::vector<std::byte>{std::byte{0}, std::byte{127}, std::byte{128}, std::byte{255}}, 1);
    check_values(std::vector<colour>{colour::red, colour::green, colour::blue}, 1);
    CHECK(encode_key(false) < encode_key(true));
    CHECK(*decode_key<bool>(encode_key(true)));
    CHECK_FALSE(*decode_key<bool>(encode_key(false)));
}

TEST_CASE("wide integers come back and keep their order") {
    check_values(some_of<std::uint32_t>(2), 2);
    check_values(some_of<std::int32_t>(3), 3);
    check_values(some_of<std::uint64_t>(4), 4);
    check_values(some_of<std::int64_t>(5), 5);
    check_values(some_of<char32_t>(6), 6);
#if defined(__SIZEOF_INT128__)
    check_values(some_of<detail::key_uint128>(7), 7);
    check_values(some_of<detail::key_int128>(8), 8);
#endif
}

TEST_CASE("floating-point numbers come back in total order, both zeros are one, NaN is no key") {
    check_values(floats<float, std::uint32_t>(9), 9);
    check_values(floats<double, std::uint64_t>(10), 10);
    CHECK(encode_key(-0.0) == encode_key(0.0));
    CHECK(encode_key(-0.0f) == encode_key(0.0f));
    CHECK_FALSE(std::signbit(*decode_key<double>(encode_key(-0.0))));
    auto const nan = std::numeric_limits<double>::quiet_NaN();
    CHECK_FALSE(key_codec<double>::encodable(nan));
    CHECK_FALSE(key_codec<std::optional<float>>::encodable(std::numeric_limits<float>::quiet_NaN()));
    CHECK_FALSE(key_codec<std::pair<int, double>>::encodable({1, nan}));
    CHECK_FALSE(key_codec<std::tuple<double, int>>::encodable({nan, 1}));
    CHECK_FALSE(key_codec<std::array<double, 2>>::encodable({1, nan}));
    CHECK(key_codec<std::tuple<double, int>>::encodable({1.5, 1}));
    struct broken {};
    auto const before = set_contract_handler([](char const*, std::source_location) { throw broken{}; });
    CHECK_THROWS_AS(encode_key(nan), broken);
    set_contract_handler(before);
    for (auto bits : {~std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{0x7fffffffffffffff}}) {  // NaN, NaN, -0.0
        byte_vector bytes;
        detail::put_key_big_endian(bytes, bits);
        auto const r = decode_key<double>(bytes);
        REQUIRE_FALSE(r.has_value());
        CHECK(r.error().kind == errc::corrupt);
    }
}

TEST_CASE("strings and byte vectors come back and keep their order, zeros inside included") {
    constexpr std::uint64_t  seed = 11;
    prng                     random(seed);
    std::vector<std::string> strings{"", std::string(1, '\0'), std::string(2, '\0'), "a", std::string("a\0b", 3)};
    std::vector<std::vector<std::byte>>    bytes;
    std::vector<std::vector<std::uint8_t>> octets;
    for (int i = 0; i < 3000; ++i) strings.push_back(any_string(random));
    for (auto const& s : strings) {
        bytes.emplace_back(as_bytes(s).begin(), as_bytes(s).end());
        octets.emplace_back(s.begin(), s.end());
        REQUIRE(encode_key(std::string_view(s)) == encode_key(s));
        REQUIRE(encode_key(as_bytes(s)) == encode_key(s));
        REQUIRE(encode_key(bytes.back()) == encode_key(s));
        REQUIRE(encode_key(octets.back()) == encode_key(s));
    }
    check_values(strings, seed);
    check_values(bytes, seed);
    check_values(octets, seed);
}

TEST_CASE("composite keys order by their first part, then the next") {
    constexpr std::uint64_t                                          seed = 12;
    prng                                                             random(seed);
    std::vector<std::tuple<std::string, std::int32_t, std::string>>  tuples;
    std::vector<std::pair<std::optional<std::string>, std::uint8_t>> pairs;
    std::vector<std::optional<std::optional<std::int16_t>>>          nested;
    std::vector<std::array<std::uint8_t, 3>>                         arrays;
    std::vector<std::array<std::string, 2>>                          string_arrays;
    std::vector<uuid>                                                ids;
    std::vector<std::chrono::sys_time<std::chrono::microseconds>>    times;
    std::vector<std::chrono::duration<double>>                       spans;
    for (int i = 0; i < 3000; ++i) {
        tuples.emplace_back(any_string(random), static_cast<std::int32_t>(random.between(-2, 2)), any_string(random));
        pairs.emplace_back(random.chance(0.2) ? std::nullopt : std::optional(any_string(random)),
                           static_cast<std::uint8_t>(random.below(3)));
        nested.push_back(random.chance(0.1) ? std::nullopt
                         : random.chance(0.1)
                             ? std::optional(std::optional<std::int16_t>{})
                             : std::optional(std::optional(static_cast<std::int16_t>(random.between(-9, 9)))));
        arrays.push_back({static_cast<std::uint8_t>(random.below(3)), static_cast<std::uint8_t>(random()),
                          static_cast<std::uint8_t>(random())});
        string_arrays.push_back({any_string(random), any_string(random)});
        ids.emplace_back();
        for (auto& b : ids.back().bytes) b = static_cast<std::byte>(random.below(4) * 85);
        times.emplace_back(std::chrono::microseconds(random.between(-1'000'000, 1'000'000)));
        spans.emplace_back(random.unit() - 0.5);
    }
    check_values(tuples, seed);
    check_values(pairs, seed);
    check_values(nested, seed);
    check_values(arrays, seed);
    check_values(string_arrays, seed);
    check_values(ids, seed);
    check_values(times, seed);
    check_values(spans, seed);
    check_values(std::vector<std::tuple<>>{{}}, seed);
    static_assert(key_codec<std::pair<std::uint32_t, std::int32_t>>::exact_u64);
    static_assert(key_codec<std::array<std::byte, 8>>::exact_u64 && !key_codec<std::array<std::byte, 9>>::exact_u64);
    static_assert(key_codec<std::tuple<std::uint64_t, bool>>::size == 9 &&
                  !key_codec<std::tuple<std::uint64_t, bool>>::exact_u64);
    static_assert(!key_codec<std::optional<bool>>::fixed_size && !key_codec<std::tuple<int, std::string>>::fixed_size);
    static_assert(key_encodable<std::string_view> && !key_decodable<std::string_view>);
}

TEST_CASE("keys keep their bytes for ever, because runs on disk hold them") {
    CHECK(hex(encode_key(std::int32_t{-2})) == "7ffffffe");
    CHECK(hex(encode_key(std::uint64_t{258})) == "0000000000000102");
    CHECK(hex(encode_key(1.0)) == "bff0000000000000");
    CHECK(hex(encode_key(-1.0f)) == "407fffff");
    CHECK(hex(encode_key(std::string("a\0b", 3))) == "6100ff620000");
    CHECK(hex(encode_key(std::tuple{std::string("x"), std::optional<std::int8_t>(1), std::optional<bool>()})) ==
          "780000018100");
    CHECK(hex(encode_key(colour::red)) == "7d");
    CHECK(hex(encode_key(*uuid::parse("00112233-4455-6677-8899-aabbccddeeff"))) == "00112233445566778899aabbccddeeff");
    CHECK(key_projection(encode_key(std::string("ab"))) == 0x6162000000000000u);
    CHECK(key_projection({}) == 0);
}

TEST_CASE("hostile bytes decode to an error or to a key that encodes to them") {
    constexpr std::uint64_t seed = 13;
    CAPTURE(seed);
    prng       random(seed);
    auto const probe = [](auto type, byte_vector const& bytes) {
        using T      = decltype(type);
        auto const r = decode_key<T>(bytes);
        if (r) return encode_key(*r) == bytes;
        return r.error().kind == errc::corrupt && !r.error().message.empty();
    };
    std::size_t wrong = 0;
    for (int i = 0; i < 20000; ++i) {
        byte_vector bytes(random.below(14));
        for (auto& b : bytes) b = random.chance(0.5) ? std::byte(random.below(3)) : std::byte(random());
        wrong += !probe(std::string(), bytes);
        wrong += !probe(std::tuple<std::optional<std::string>, bool, float>(), bytes);
        wrong += !probe(std::pair<double, std::int16_t>(), bytes);
        wrong += !probe(std::array<std::optional<std::uint8_t>, 3>(), bytes);
        wrong += !probe(uuid(), bytes);
    }
    CHECK(wrong == 0);
}

TEST_CASE("a UUID is read in either case, written in lower case, and refused with the offset") {
    auto const id = uuid::parse("00112233-4455-6677-8899-AABBccddEEff");
    REQUIRE(id.has_value());
    CHECK(id->text() == "00112233-4455-6677-8899-aabbccddeeff");
    CHECK(id->bytes[15] == std::byte{0xff});
    for (std::string_view bad : {"", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeefg",
                                 "001122334-455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff0",
                                 "{0112233-4455-6677-8899-aabbccddeeff"})
        CHECK_FALSE(uuid::parse(bad).has_value());
    CHECK(uuid::parse("00112233-4455-6677-8899-aabbccddeefg").error().message.find("offset 35") != std::string::npos);
}
