// SPDX-License-Identifier: Apache-2.0
// The model that says the same for every key: the middle.
#pragma once

#include "tenon/model/concept.hpp"

#include <cstdint>
#include <span>
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

    template <index_key Key>
    struct fitted {
        std::uint64_t position = 0;
        std::uint64_t predict(Key, std::uint64_t limit) const noexcept { return position < limit ? position : limit; }
    };

    template <index_key Key>
    static fitted<Key> fit(std::span<Key const> keys, double scale = 1) noexcept {
        return {scaled_position(static_cast<double>(keys.size()) / 2, scale, keys.size())};
    }
};

static_assert(regression_model<constant>);
static_assert(sizeof(constant::fitted<std::uint64_t>) == 8);

}  // namespace tenon
