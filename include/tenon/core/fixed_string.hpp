// SPDX-License-Identifier: Apache-2.0
// A string literal as a template argument: `table<"places", ...>`.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace tenon {

/// The literal's characters; N counts the closing zero. Two are the same template argument exactly when their text is equal.
template <std::size_t N>
struct fixed_string {
    char text[N]{};

    constexpr fixed_string(char const (&literal)[N]) noexcept {
        std::copy_n(literal, N, text);
    }  // NOLINT: implicit on purpose

    /// The characters without the closing zero.
    constexpr std::string_view view() const noexcept { return {text, N - 1}; }

    friend constexpr bool operator==(fixed_string const&, fixed_string const&) = default;
};

template <std::size_t N, std::size_t M>
constexpr bool operator==(fixed_string<N> const& a, fixed_string<M> const& b) noexcept
requires(N != M)
{
    return a.view() == b.view();
}

static_assert(fixed_string("places").view() == "places");

}  // namespace tenon
