// SPDX-License-Identifier: Apache-2.0
// The last mile: a model says where a key must be, a short search makes sure.
#pragma once

#include "tenon/core/line_search.hpp"
#include "tenon/core/projection.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

/// last_mile - policies that search a window of positions: branchless, branchy, simd_line, exponential, interpolation.
///
/// Each has `search(keys, first, last, k)`: the first position in [first, last] whose key is not less than k, given that every key
/// before `first` is less; `last` when all keys in [first, last) are less. `keys` is a pointer, or what has keys[i] for a std::uint64_t.
/// Cost        O(log(last - first)) comparisons for all of them in the worst case.
/// Use when    branchless: windows of any size (the default for keys that are not numbers of 4 or 8 bytes). branchy: one look-up at a
///             time over memory that is not cached, because the processor guesses ahead. simd_line: numbers of 4 or 8 bytes (their
///             default). exponential: the model is often exactly right. interpolation: wide windows over smooth keys.
namespace tenon::last_mile {

struct branchless {
    static constexpr char const* name = "branchless";
    template <class Keys, class Key>
    static constexpr std::uint64_t search(Keys const& keys, std::uint64_t first, std::uint64_t last, Key const& k) {
        std::uint64_t at = first, n = last - first;
        while (n > 1) {
            std::uint64_t const half = n / 2;
            at += keys[at + half - 1] < k ? half : 0;
            n -= half;
        }
        return at + (n == 1 && keys[at] < k ? 1 : 0);
    }
};

struct branchy {
    static constexpr char const* name = "branchy";
    template <class Keys, class Key>
    static constexpr std::uint64_t search(Keys const& keys, std::uint64_t first, std::uint64_t last, Key const& k) {
        while (first < last) {
            auto const middle = first + (last - first) / 2;
            if (keys[middle] < k) first = middle + 1;
            else last = middle;
        }
        return first;
    }
};

/// Where keys do not lie side by side: as branchless.
struct simd_line {
    static constexpr char const* name = "simd_line";
    template <class Keys, class Key>
    static constexpr std::uint64_t search(Keys const& keys, std::uint64_t first, std::uint64_t last, Key const& k) {
        if constexpr (std::is_pointer_v<Keys>)
            if (!std::is_constant_evaluated()) return by_lines(keys, first, last, k);
        return branchless::search(keys, first, last, k);
    }

private:
    template <class Key>
    static std::uint64_t by_lines(Key const* keys, std::uint64_t first, std::uint64_t last, Key const& k) {
        constexpr std::uint64_t line = line_keys<Key>;
        std::uint64_t           at = first, n = last - first;
        while (n > 2 * line) {
            std::uint64_t const half = n / 2;
            at += keys[at + half - 1] < k ? half : 0;
            n -= half;
        }
        for (; n >= line; n -= line) {
            auto const less = line_less(keys + at, k);
            at += less;
            if (less < line) return at;
        }
        return at + some_less(keys + at, static_cast<std::size_t>(n), k);
    }
};

/// Steps that double, from the middle of the window, where the model's guess is.
struct exponential {
    static constexpr char const* name = "exponential";
    template <class Keys, class Key>
    static constexpr std::uint64_t search(Keys const& keys, std::uint64_t first, std::uint64_t last, Key const& k) {
        if (first == last) return first;
        auto const    middle = first + (last - first) / 2;
        std::uint64_t step   = 1;
        if (keys[middle] < k) {
            auto low = middle + 1;
            while (low + step <= last && keys[low + step - 1] < k) low += step, step *= 2;
            return branchless::search(keys, low, low + step < last ? low + step : last, k);
        }
        auto high = middle;
        while (high >= first + step && !(keys[high - step] < k)) high -= step, step *= 2;
        return branchless::search(keys, high >= first + step ? high - step : first, high, k);
    }
};

/// Three guesses by proportion, then halving: never worse than O(log n).
struct interpolation {
    static constexpr char const* name = "interpolation";
    template <class Keys, class Key>
    static constexpr std::uint64_t search(Keys const& keys, std::uint64_t first, std::uint64_t last, Key const& k) {
        for (int guess = 0; guess < 3 && last - first > 16; ++guess) {
            auto const low = projection<Key>::of(keys[first]), high = projection<Key>::of(keys[last - 1]),
                       key = projection<Key>::of(k);
            if (!(low < key)) return keys[first] < k ? branchless::search(keys, first, last, k) : first;
            if (!(key < high)) break;
            auto const share = static_cast<double>(key - low) / static_cast<double>(high - low);
            auto const width = last - 1 - first;
            auto       at    = first + static_cast<std::uint64_t>(share * static_cast<double>(width));
            if (at > last - 1) at = last - 1;
            auto const margin = width / 64 + 4;
            if (keys[at] < k) {
                first = at + 1;
                if (last - first > margin && !(keys[first + margin - 1] < k)) last = first + margin;
            } else {
                last = at;
                if (last - first > margin && keys[last - margin] < k) first = last - margin;
            }
        }
        return branchless::search(keys, first, last, k);
    }
};

}  // namespace tenon::last_mile

namespace tenon::detail {

template <class T>
concept last_mile_policy = requires(std::uint64_t const* keys, std::uint64_t i) {
    { T::search(keys, i, i, i) } -> std::same_as<std::uint64_t>;
};

}  // namespace tenon::detail
