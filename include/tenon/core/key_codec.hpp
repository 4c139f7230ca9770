// SPDX-License-Identifier: Apache-2.0
// Order-preserving bytes for keys: memcmp of the bytes orders as the values do.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/contract.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/uuid.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

/// key_codec - how a key is written where only bytes are compared.
///
/// Maps        value -> bytes; a < b exactly when encode(a) comes before encode(b) byte by byte, a == b exactly when they are equal.
/// Guarantee   no encoding is a proper beginning of another of the same type, so encodings concatenate into those of tuples.
///             The bytes never change: runs and indexes on disk hold them. No value is reserved.
/// Encodings   unsigned: big-endian. Signed: big-endian with the sign bit inverted. bool: 00, 01. Enumerations: as their underlying type.
///             float, double: IEEE bits, big-endian; positive with the sign bit inverted, negative with all bits inverted; -0.0 as 0.0;
///             NaN is not encodable (precondition), infinities are. Strings and byte vectors: 00 written as 00 FF, closed by 00 00.
///             Arrays, pairs, tuples: their elements one after the other. optional: 00, or 01 and the value. uuid: its 16 bytes.
///             Durations and time points: as their count.
/// Cost        O(bytes).
/// Errors      decode of bytes that encode() does not write: errc::corrupt. encode of a value that is not encodable(): contract.
/// Threads     pure functions.
/// Source      the escape is that of FoundationDB's tuple layer; the float order is folklore (Herf, "Radix tricks", 2001).
namespace tenon {

/// Specialised below. Members: `fixed_size`, `size` (bytes when fixed, else 0), `exact_u64` (fixed and at most 8 bytes, so that
/// key_projection orders and identifies), `encodable(value)`, `encode(out, value)`, `decode(reader)`.
template <class T>
struct key_codec;

/// Types that can be looked up by.
template <class T>
concept key_encodable = requires(byte_vector& out, T const& value) {
    key_codec<T>::encode(out, value);
    { key_codec<T>::encodable(value) } -> std::same_as<bool>;
    { key_codec<T>::fixed_size } -> std::convertible_to<bool>;
    { key_codec<T>::size } -> std::convertible_to<std::size_t>;
    { key_codec<T>::exact_u64 } -> std::convertible_to<bool>;
};

/// Types that also come back from their bytes: all encodable ones except views.
template <class T>
concept key_decodable = key_encodable<T> && requires(byte_reader& in) {
    { key_codec<T>::decode(in) } -> std::same_as<result<T>>;
};

namespace detail {

template <std::size_t Size>
struct fixed_key {
    static constexpr bool        fixed_size = true;
    static constexpr std::size_t size       = Size;
    static constexpr bool        exact_u64  = Size <= 8;
};
struct variable_key {
    static constexpr bool        fixed_size = false;
    static constexpr std::size_t size       = 0;
    static constexpr bool        exact_u64  = false;
};
struct any_key_value {
    static constexpr bool encodable(auto const&) noexcept { return true; }
};

[[nodiscard]] inline tl::unexpected<error> key_ends_early(std::string_view what) {
    return fail(errc::corrupt, {"key bytes end inside ", what, ": they were cut, or belong to a key of another type"});
}

template <class Unsigned>
void put_key_big_endian(byte_vector& out, Unsigned value) {
    auto const at = out.size();
    out.resize(at + sizeof(Unsigned));
    if constexpr (sizeof(Unsigned) > 1) {
        for (std::size_t i = 0; i < sizeof(Unsigned); ++i)
            out[at + i] = static_cast<std::byte>(value >> (8 * (sizeof(Unsigned) - 1 - i)));
    } else {
        out[at] = static_cast<std::byte>(value);
    }
}
template <class Unsigned>
result<Unsigned> get_key_big_endian(byte_reader& in, std::string_view what) {
    auto const bytes = in.get_bytes(sizeof(Unsigned));
    if (!in.ok()) return key_ends_early(what);
    Unsigned value = 0;
    for (auto b : bytes) {
        if constexpr (sizeof(Unsigned) > 1) value = static_cast<Unsigned>(value << 8);
        value = static_cast<Unsigned>(value | static_cast<Unsigned>(b));
    }
    return value;
}

/// Integers of any width by their unsigned twin.
template <class T, class Unsigned, bool Signed>
struct integer_key : fixed_key<sizeof(T)>, any_key_value {
    static constexpr Unsigned flip = Signed ? static_cast<Unsigned>(Unsigned{1} << (8 * sizeof(T) - 1)) : Unsigned{0};

    static void encode(byte_vector& out, T value) {
        put_key_big_endian(out, static_cast<Unsigned>(static_cast<Unsigned>(value) ^ flip));
    }
    static result<T> decode(byte_reader& in) {
        auto bits = get_key_big_endian<Unsigned>(in, "an integer");
        if (!bits) return fail(std::move(bits).error());
        return static_cast<T>(static_cast<Unsigned>(*bits ^ flip));
    }
};

/// Encodes bytes so that none is a beginning of another.
inline void put_key_escaped(byte_vector& out, byte_view bytes) {
    out.reserve(out.size() + bytes.size() + 2);
    while (!bytes.empty()) {
        auto const zero = static_cast<std::size_t>(std::find(bytes.begin(), bytes.end(), std::byte{0}) - bytes.begin());
        put_bytes(out, bytes.first(zero));
        if (zero == bytes.size()) break;
        out.push_back(std::byte{0});
        out.push_back(std::byte{0xff});
        bytes = bytes.subspan(zero + 1);
    }
    out.push_back(std::byte{0});
    out.push_back(std::byte{0});
}
template <class Bytes>
result<Bytes> get_key_escaped(byte_reader& in) {
    Bytes out;
    for (;;) {
        auto b = in.get<std::byte>();
        if (b == std::byte{0}) {
            auto const mark = in.get<std::byte>();
            if (!in.ok()) return key_ends_early("a string");
            if (mark == std::byte{0}) return out;
            if (mark != std::byte{0xff})
                return fail(errc::corrupt, "key bytes hold a 00 inside a string that neither 00 nor FF follows");
        }
        out.push_back(static_cast<typename Bytes::value_type>(b));
    }
}

template <class T>
inline constexpr bool is_key_bytes = false;
template <class A>
inline constexpr bool is_key_bytes<std::vector<std::byte, A>> = true;
template <class A>
inline constexpr bool is_key_bytes<std::vector<std::uint8_t, A>> = true;

}  // namespace detail

template <std::integral T>
requires(!std::same_as<T, bool> && sizeof(T) <= 8)
struct key_codec<T> : detail::integer_key<T, std::make_unsigned_t<T>, std::is_signed_v<T>> {};

#if defined(__SIZEOF_INT128__)
namespace detail {
__extension__ using key_int128  = __int128;
__extension__ using key_uint128 = unsigned __int128;
}  // namespace detail
template <>
struct key_codec<detail::key_int128> : detail::integer_key<detail::key_int128, detail::key_uint128, true> {};
template <>
struct key_codec<detail::key_uint128> : detail::integer_key<detail::key_uint128, detail::key_uint128, false> {};
#endif

template <>
struct key_codec<bool> : detail::fixed_key<1>, detail::any_key_value {
    static void         encode(byte_vector& out, bool value) { out.push_back(std::byte{value}); }
    static result<bool> decode(byte_reader& in) {
        auto const b = in.get<std::byte>();
        if (!in.ok()) return detail::key_ends_early("a bool");
        if (b > std::byte{1}) return fail(errc::corrupt, "key bytes hold a bool that is neither 00 nor 01");
        return b == std::byte{1};
    }
};

template <class T>
requires std::is_enum_v<T>
struct key_codec<T> : detail::any_key_value {
    using under                             = key_codec<std::underlying_type_t<T>>;
    static constexpr bool        fixed_size = under::fixed_size;
    static constexpr std::size_t size       = under::size;
    static constexpr bool        exact_u64  = under::exact_u64;

    static void encode(byte_vector& out, T value) { under::encode(out, static_cast<std::underlying_type_t<T>>(value)); }
    static result<T> decode(byte_reader& in) {
        return under::decode(in).map([](auto v) { return static_cast<T>(v); });
    }
};

template <class T>
requires(std::same_as<T, float> || std::same_as<T, double>)
struct key_codec<T> : detail::fixed_key<sizeof(T)> {
    static_assert(std::numeric_limits<T>::is_iec559, "tenon: key_codec needs IEEE 754 floating point");
    using bits_type                 = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    static constexpr bits_type sign = bits_type{1} << (8 * sizeof(T) - 1);

    /// False for NaN, which has no place in an order.
    static bool encodable(T value) noexcept { return !std::isnan(value); }
    static void encode(byte_vector& out, T value) {
        expects(encodable(value), "key_codec: NaN has no place in an order; keep it out of keys");
        auto const bits = std::bit_cast<bits_type>(value == 0 ? T{0} : value);
        detail::put_key_big_endian(out, (bits & sign) != 0 ? ~bits : bits | sign);
    }
    static result<T> decode(byte_reader& in) {
        auto bits = detail::get_key_big_endian<bits_type>(in, "a floating-point number");
        if (!bits) return fail(std::move(bits).error());
        auto const value = std::bit_cast<T>((*bits & sign) != 0 ? *bits ^ sign : ~*bits);
        if (std::isnan(value) || (value == 0 && std::signbit(value)))
            return fail(errc::corrupt, "key bytes hold NaN or -0.0, which are never written");
        return value;
    }
};

template <>
struct key_codec<std::string_view> : detail::variable_key, detail::any_key_value {
    static void encode(byte_vector& out, std::string_view value) { detail::put_key_escaped(out, as_bytes(value)); }
};
template <>
struct key_codec<std::string> : key_codec<std::string_view> {
    static result<std::string> decode(byte_reader& in) { return detail::get_key_escaped<std::string>(in); }
};
template <>
struct key_codec<byte_view> : detail::variable_key, detail::any_key_value {
    static void encode(byte_vector& out, byte_view value) { detail::put_key_escaped(out, value); }
};
template <class T>
requires detail::is_key_bytes<T>
struct key_codec<T> : detail::variable_key, detail::any_key_value {
    static void encode(byte_vector& out, T const& value) {
        detail::put_key_escaped(out, std::as_bytes(std::span(value)));
    }
    static result<T> decode(byte_reader& in) { return detail::get_key_escaped<T>(in); }
};

template <>
struct key_codec<uuid> : detail::fixed_key<16>, detail::any_key_value {
    static void         encode(byte_vector& out, uuid const& value) { put_bytes(out, value.bytes); }
    static result<uuid> decode(byte_reader& in) {
        auto const bytes = in.get_bytes(16);
        if (!in.ok()) return detail::key_ends_early("a UUID");
        uuid out;
        std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
        return out;
    }
};

/// Elements one after the other; an array of bytes is its bytes.
template <key_encodable T, std::size_t N>
struct key_codec<std::array<T, N>> {
    static constexpr bool        fixed_size = key_codec<T>::fixed_size;
    static constexpr std::size_t size       = N * key_codec<T>::size;
    static constexpr bool        exact_u64  = fixed_size && size <= 8;

    static bool encodable(std::array<T, N> const& value) {
        return std::all_of(value.begin(), value.end(), [](T const& v) { return key_codec<T>::encodable(v); });
    }
    static void encode(byte_vector& out, std::array<T, N> const& value) {
        if constexpr (std::is_same_v<T, std::byte> || std::is_same_v<T, unsigned char>)
            put_bytes(out, std::as_bytes(std::span(value)));
        else
            for (auto const& v : value) key_codec<T>::encode(out, v);
    }
    static result<std::array<T, N>> decode(byte_reader& in)
    requires key_decodable<T>
    {
        std::array<T, N> out{};
        for (auto& v : out) {
            auto part = key_codec<T>::decode(in);
            if (!part) return fail(std::move(part).error());
            v = *std::move(part);
        }
        return out;
    }
};

/// nullopt comes first.
template <key_encodable T>
struct key_codec<std::optional<T>> : detail::variable_key {
    static bool encodable(std::optional<T> const& value) { return !value || key_codec<T>::encodable(*value); }
    static void encode(byte_vector& out, std::optional<T> const& value) {
        key_codec<bool>::encode(out, value.has_value());
        if (value) key_codec<T>::encode(out, *value);
    }
    static result<std::optional<T>> decode(byte_reader& in)
    requires key_decodable<T>
    {
        auto there = key_codec<bool>::decode(in);
        if (!there) return fail(std::move(there).error());
        if (!*there) return std::optional<T>{};
        return key_codec<T>::decode(in).map([](T&& v) { return std::optional<T>(std::move(v)); });
    }
};

template <key_encodable... T>
struct key_codec<std::tuple<T...>> {
    static constexpr bool        fixed_size = (key_codec<T>::fixed_size && ...);
    static constexpr std::size_t size       = fixed_size ? (key_codec<T>::size + ... + 0) : 0;
    static constexpr bool        exact_u64  = fixed_size && size <= 8;

    static bool encodable(std::tuple<T...> const& value) {
        return std::apply([](T const&... v) { return (key_codec<T>::encodable(v) && ...); }, value);
    }
    static void encode(byte_vector& out, std::tuple<T...> const& value) {
        std::apply([&](T const&... v) { (key_codec<T>::encode(out, v), ...); }, value);
    }
    static result<std::tuple<T...>> decode([[maybe_unused]] byte_reader& in)
    requires(key_decodable<T> && ...)
    {
        std::tuple<result<T>...> parts{key_codec<T>::decode(in)...};  // braces: in this order
        error*                   first = nullptr;
        std::apply([&](auto&... p) { ((first = first == nullptr && !p ? &p.error() : first), ...); }, parts);
        if (first != nullptr) return fail(std::move(*first));
        return std::apply([](auto&... p) { return std::tuple<T...>(*std::move(p)...); }, parts);
    }
};

template <key_encodable A, key_encodable B>
struct key_codec<std::pair<A, B>> {
    static constexpr bool        fixed_size = key_codec<A>::fixed_size && key_codec<B>::fixed_size;
    static constexpr std::size_t size       = fixed_size ? key_codec<A>::size + key_codec<B>::size : 0;
    static constexpr bool        exact_u64  = fixed_size && size <= 8;

    static bool encodable(std::pair<A, B> const& value) {
        return key_codec<A>::encodable(value.first) && key_codec<B>::encodable(value.second);
    }
    static void encode(byte_vector& out, std::pair<A, B> const& value) {
        key_codec<A>::encode(out, value.first);
        key_codec<B>::encode(out, value.second);
    }
    static result<std::pair<A, B>> decode(byte_reader& in)
    requires(key_decodable<A> && key_decodable<B>)
    {
        auto first = key_codec<A>::decode(in);
        if (!first) return fail(std::move(first).error());
        auto second = key_codec<B>::decode(in);
        if (!second) return fail(std::move(second).error());
        return std::pair<A, B>(*std::move(first), *std::move(second));
    }
};

template <key_encodable Rep, class Period>
struct key_codec<std::chrono::duration<Rep, Period>> {
    using value_type                        = std::chrono::duration<Rep, Period>;
    using under                             = key_codec<Rep>;
    static constexpr bool        fixed_size = under::fixed_size;
    static constexpr std::size_t size       = under::size;
    static constexpr bool        exact_u64  = under::exact_u64;

    static bool               encodable(value_type value) { return under::encodable(value.count()); }
    static void               encode(byte_vector& out, value_type value) { under::encode(out, value.count()); }
    static result<value_type> decode(byte_reader& in) {
        return under::decode(in).map([](Rep count) { return value_type(count); });
    }
};

template <class Clock, key_encodable Duration>
struct key_codec<std::chrono::time_point<Clock, Duration>> {
    using value_type                        = std::chrono::time_point<Clock, Duration>;
    using under                             = key_codec<Duration>;
    static constexpr bool        fixed_size = under::fixed_size;
    static constexpr std::size_t size       = under::size;
    static constexpr bool        exact_u64  = under::exact_u64;

    static bool encodable(value_type value) { return under::encodable(value.time_since_epoch()); }
    static void encode(byte_vector& out, value_type value) { under::encode(out, value.time_since_epoch()); }
    static result<value_type> decode(byte_reader& in) {
        return under::decode(in).map([](Duration since) { return value_type(since); });
    }
};

/// The key's bytes. Precondition: key_codec<T>::encodable(value).
template <key_encodable T>
byte_vector encode_key(T const& value) {
    byte_vector out;
    if constexpr (key_codec<T>::fixed_size) out.reserve(key_codec<T>::size);
    key_codec<T>::encode(out, value);
    return out;
}

/// The key whose bytes these are, all of them.
template <key_decodable T>
result<T> decode_key(byte_view bytes) {
    byte_reader in(bytes);
    auto        out = key_codec<T>::decode(in);
    if (out && !in.at_end())
        return fail(errc::corrupt, {"key bytes go on for ", in.left(), " bytes after the end of the key"});
    return out;
}

/// The first 8 bytes as a number, missing ones as zero: monotone in the encoded order, and exact when exact_u64.
inline std::uint64_t key_projection(byte_view encoded) noexcept {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < 8; ++i)
        out = (out << 8) | (i < encoded.size() ? std::to_integer<std::uint64_t>(encoded[i]) : 0u);
    return out;
}

}  // namespace tenon
