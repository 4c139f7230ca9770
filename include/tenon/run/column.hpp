// SPDX-License-Identifier: Apache-2.0
// Column types: how one member of a row becomes bytes, and back.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/lonlat.hpp"
#include "tenon/core/uuid.hpp"

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace tenon {

/// How a column of T lies in a block and in a log record. `fixed_size` 0 means that every value has its own length.
///
/// | expression | meaning |
/// | --- | --- |
/// | `encode(out, value)` | appends the value's bytes; exactly fixed_size where that is not 0 |
/// | `decode(bytes, value)` | false when the bytes are not a value: they are untrusted |
/// | `name()` | stored in the file's signature |
///
/// Specialise it for a type of your own, or give the type a member template; what has no codec is refused at compile time.
template <class T>
struct column_codec;

namespace detail {

template <class T>
std::string scalar_name() {
    if constexpr (std::is_same_v<T, bool>) return "bool";
    else if constexpr (std::is_enum_v<T>) return "enum " + scalar_name<std::underlying_type_t<T>>();
    else if constexpr (std::is_floating_point_v<T>) return "f" + std::to_string(sizeof(T) * 8);
    else return (std::is_signed_v<T> ? "i" : "u") + std::to_string(sizeof(T) * 8);
}

template <class T>
concept scalar = (std::is_arithmetic_v<T> && sizeof(T) <= 8) || std::is_enum_v<T>;

/// Values whose bytes are copied as they are.
template <class T>
struct copied_column {
    static constexpr std::size_t fixed_size = sizeof(T);
    static void                  encode(byte_vector& out, T const& value) { put(out, value); }
    static bool                  decode(byte_view bytes, T& value) {
        if (bytes.size() != sizeof(T)) return false;
        std::memcpy(&value, bytes.data(), sizeof(T));
        return true;
    }
};

}  // namespace detail

template <detail::scalar T>
struct column_codec<T> : detail::copied_column<T> {
    static std::string name() { return detail::scalar_name<T>(); }
};
template <>
struct column_codec<bool> {
    static constexpr std::size_t fixed_size = 1;
    static void                  encode(byte_vector& out, bool const& value) { out.push_back(std::byte{value}); }
    static bool                  decode(byte_view bytes, bool& value) {
        if (bytes.size() != 1 || bytes[0] > std::byte{1}) return false;
        value = bytes[0] == std::byte{1};
        return true;
    }
    static std::string name() { return "bool"; }
};
template <detail::scalar T, std::size_t N>
struct column_codec<std::array<T, N>> : detail::copied_column<std::array<T, N>> {
    static std::string name() { return detail::scalar_name<T>() + "[" + std::to_string(N) + "]"; }
};
template <std::size_t N>
struct column_codec<std::array<std::byte, N>> : detail::copied_column<std::array<std::byte, N>> {
    static std::string name() { return "bytes[" + std::to_string(N) + "]"; }
};
template <>
struct column_codec<lonlat> : detail::copied_column<lonlat> {
    static std::string name() { return "lonlat"; }
};
template <>
struct column_codec<uuid> : detail::copied_column<uuid> {
    static std::string name() { return "uuid"; }
};
template <class Clock, class Duration>
struct column_codec<std::chrono::time_point<Clock, Duration>>
    : detail::copied_column<std::chrono::time_point<Clock, Duration>> {
    static std::string name() {
        return "time(" + std::to_string(Duration::period::num) + "/" + std::to_string(Duration::period::den) + ")";
    }
};
template <>
struct column_codec<std::string> {
    static constexpr std::size_t fixed_size = 0;
    static void                  encode(byte_vector& out, std::string const& value) { put_bytes(out, as_bytes(value)); }
    static bool                  decode(byte_view bytes, std::string& value) {
        value.assign(as_chars(bytes));
        return true;
    }
    static std::string name() { return "string"; }
};
template <class T>
requires(detail::scalar<T> || std::is_same_v<T, std::byte>) && (!std::is_same_v<T, bool>)
struct column_codec<std::vector<T>> {
    static constexpr std::size_t fixed_size = 0;
    static void                  encode(byte_vector& out, std::vector<T> const& value) {
        put_bytes(out, std::as_bytes(std::span(value)));
    }
    static bool decode(byte_view bytes, std::vector<T>& value) {
        if (bytes.size() % sizeof(T) != 0) return false;
        value.resize(bytes.size() / sizeof(T));
        if (!bytes.empty()) std::memcpy(value.data(), bytes.data(), bytes.size());
        return true;
    }
    static std::string name() {
        if constexpr (std::is_same_v<T, std::byte>) return "bytes";
        else return detail::scalar_name<T>() + "[]";
    }
};
template <class T>
requires requires { column_codec<T>::fixed_size; }
struct column_codec<std::optional<T>> {
    static constexpr std::size_t fixed_size = 0;
    static void                  encode(byte_vector& out, std::optional<T> const& value) {
        out.push_back(std::byte{value.has_value()});
        if (value) column_codec<T>::encode(out, *value);
    }
    static bool decode(byte_view bytes, std::optional<T>& value) {
        value.reset();
        if (bytes.empty() || bytes[0] > std::byte{1}) return false;
        if (bytes[0] == std::byte{0}) return bytes.size() == 1;
        return column_codec<T>::decode(bytes.subspan(1), value.emplace());
    }
    static std::string name() { return "optional " + column_codec<T>::name(); }
};

/// Types that a table can hold.
template <class T>
concept column_value = std::default_initializable<T> && requires(byte_vector& out, T value, byte_view bytes) {
    { column_codec<T>::fixed_size } -> std::convertible_to<std::size_t>;
    column_codec<T>::encode(out, value);
    { column_codec<T>::decode(bytes, value) } -> std::same_as<bool>;
    { column_codec<T>::name() } -> std::convertible_to<std::string>;
};

static_assert(column_value<std::uint64_t> && column_value<std::string> && column_value<std::optional<lonlat>> &&
              column_value<bool>);
static_assert(!column_value<int*>);

}  // namespace tenon
