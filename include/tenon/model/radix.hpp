// SPDX-License-Identifier: Apache-2.0
// The top bits behind those that all keys share.
#pragma once

#include "tenon/model/concept.hpp"

#include <bit>
#include <cstdint>
#include <string_view>

namespace tenon {

/// radix - as many top bits as the target has positions, the common prefix left out.
///
/// Maps        key -> position; monotone whatever its bytes.
/// Shapes      an origin (the common prefix, then zeros) and a shift.
/// Guarantee   the least shift that keeps the last key below n * scale. Keys of one position share all bits above the shift.
/// Cost        fit O(1): looks at two keys; predict a subtraction and a shift.
/// Errors      none.
/// Threads     const members may be called concurrently.
/// On disk     16 bytes: origin u64, shift u64 (64 and more: every position is 0).
/// Use when    a root must be as cheap as possible over keys that are spread evenly, or whose prefixes mean something (addresses).
struct radix {
    static constexpr std::string_view name = "radix";

    struct fitted {
        std::uint64_t           origin = 0, shift = 64;
        constexpr std::uint64_t predict(std::uint64_t p, std::uint64_t limit) const noexcept {
            auto const out = shift < 64 ? detail::distance_above(p, origin) >> shift : 0;
            return out < limit ? out : limit;
        }
        constexpr bool valid() const noexcept { return true; }
    };

    template <number_sequence Keys>
    static constexpr fitted fit(Keys const& keys, double scale = 1) {
        auto const n = static_cast<std::uint64_t>(keys.size());
        if (n == 0) return {};
        std::uint64_t const first = keys[0], last = keys[n - 1];
        auto const          differ = static_cast<unsigned>(std::bit_width(first ^ last));
        auto const          origin = differ == 64 ? 0 : first >> differ << differ;
        double const        target = static_cast<double>(n) * scale + 0.5;
        std::uint64_t       shift  = 0;
        while (shift < 64 && !(static_cast<double>((last - origin) >> shift) + 1 <= target)) ++shift;
        return {origin, shift};
    }
};

static_assert(regression_model<radix>);
static_assert(sizeof(radix::fitted) == 16);

}  // namespace tenon
