// SPDX-License-Identifier: Apache-2.0
// The model that says the same for every key: the middle.
#pragma once

#include "tenon/model/concept.hpp"
#include "tenon/model/slope.hpp"

#include <cstdint>
#include <string_view>

namespace tenon {

/// constant - the middle position, whatever the key.
///
/// Maps        key -> position; monotone because it never changes.
/// Shapes      one number.
/// Guarantee   |predict - position| <= (n + 1) / 2 over the fitted keys.
/// Cost        fit O(1); predict free.
/// Errors      none.
/// Threads     const members may be called concurrently.
/// On disk     8 bytes: the position, u64.
/// Use when    the keys of a leaf follow no line, or as the baseline for other models.
struct constant {
    static constexpr std::string_view name = "constant";

    struct fitted {
        std::uint64_t           position = 0;
        constexpr std::uint64_t predict(std::uint64_t, std::uint64_t limit) const noexcept {
            return position < limit ? position : limit;
        }
        constexpr bool valid() const noexcept { return true; }
    };

    template <number_sequence Keys>
    static constexpr fitted fit(Keys const& keys, double scale = 1) {
        return {slope::of(scale / 2).times(static_cast<std::uint64_t>(keys.size()), ~std::uint64_t{0} >> 1)};
    }
};

static_assert(regression_model<constant>);
static_assert(sizeof(constant::fitted) == 8);

}  // namespace tenon
