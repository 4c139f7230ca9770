// SPDX-License-Identifier: Apache-2.0
// The contract of regression models: a few bytes that guess a position among sorted 64-bit numbers.
#pragma once

#include "tenon/core/bytes.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tenon {

/// Sorted numbers: what models are fitted on. A span of them, or keys of any type seen through `projected_keys`.
template <class K>
concept number_sequence = requires(K const& keys, std::uint64_t i) {
    { keys.size() } -> std::convertible_to<std::uint64_t>;
    { keys[i] } -> std::convertible_to<std::uint64_t>;
};

/// The numbers of ranks [first, first + count) of others, which must outlive the slice.
template <number_sequence Keys>
class number_slice {
public:
    number_slice(Keys const& keys, std::uint64_t first, std::uint64_t count) noexcept
        : keys_(&keys), first_(first), count_(count) {}
    std::uint64_t size() const noexcept { return count_; }
    std::uint64_t operator[](std::uint64_t i) const { return (*keys_)[first_ + i]; }

private:
    Keys const*   keys_;
    std::uint64_t first_, count_;
};

/// A regression model: a family `M` and its fitted coefficients `M::fitted`. Keys are numbers of 64 bits (core/projection.hpp).
///
/// | expression | meaning |
/// | --- | --- |
/// | `M::name` | stored on disk |
/// | `M::fit(keys, scale)` | coefficients for position * scale over a number_sequence; O(n), closed form; no keys are ordinary |
/// | `f.predict(p, limit)` | a guess in [0, limit], limit < 2^63, whatever the coefficients' bytes |
/// | `f.valid()` | true for coefficients that fit made; for other bytes only when predict never decreases with them |
///
/// `M::fitted` is flat, a multiple of 8 bytes without padding, so that it is its own format.
/// Axioms: predict never decreases as p grows, when valid() says so. It is the same number in every program, whatever its
/// compiler flags: the models here compute with integers alone.
/// A model promises no accuracy: whoever uses it measures the error and keeps bounds.
template <class M>
concept regression_model =
    flat_type<typename M::fitted> && sizeof(typename M::fitted) % 8 == 0 &&
    std::default_initializable<typename M::fitted> &&
    requires(std::span<std::uint64_t const> keys, typename M::fitted const f, std::uint64_t p, double scale) {
        { M::name } -> std::convertible_to<std::string_view>;
        { M::fit(keys, scale) } -> std::same_as<typename M::fitted>;
        { f.predict(p, p) } -> std::same_as<std::uint64_t>;
        { f.valid() } -> std::same_as<bool>;
    };

namespace detail {

/// How far p lies above origin; 0 at and below it. Integers, so nothing is lost near 2^53 or 2^63.
constexpr std::uint64_t distance_above(std::uint64_t p, std::uint64_t origin) noexcept {
    return p > origin ? p - origin : 0;
}

/// `head<a,b,c>` at compile time: the names of models and of what is made of them. At most 63 bytes are kept.
template <std::size_t N>
struct joined_name {
    std::array<char, 64> bytes{};
    std::size_t          size = 0;

    constexpr joined_name(std::string_view head, std::array<std::string_view, N> const& parts) {
        add(head), add("<");
        for (std::size_t i = 0; i < N; ++i) {
            if (i > 0) add(",");
            add(parts[i]);
        }
        add(">");
    }
    constexpr std::string_view view() const { return {bytes.data(), size}; }

private:
    constexpr void add(std::string_view s) {
        for (char c : s)
            if (size < 63) bytes[size++] = c;
    }
};

}  // namespace detail
}  // namespace tenon
