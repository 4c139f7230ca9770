// SPDX-License-Identifier: Apache-2.0
// A factor in 64 bits that is multiplied and rounded with integers alone.
#pragma once

#include "tenon/core/hash.hpp"

#include <bit>
#include <cstdint>
#include <limits>

namespace tenon {

/// slope - a factor that is not negative: 57 bits of mantissa and 7 of exponent.
///
/// Maps        distance -> floor(distance * value()), never above a limit; monotone whatever its 64 bits are.
/// Units       positions per key unit, in models.
/// Guarantee   integers alone: the same answer in every program, with and without FMA or -ffast-math. of(v) is v rounded up by at most
///             one part in 2^51 (from 2^-63 on; 0 below 2^-70), so that a line through whole positions does not end just below them.
/// Cost        times: one multiplication to 128 bits, a shift and a comparison.
/// Errors      none. of: NaN and what is negative gives 0, what is 2^64 and more the greatest.
/// Threads     pure functions.
/// On disk     8 bytes, u64 b: the factor is b / 2^(b mod 128).
struct slope {
    std::uint64_t bits = 0;

    static constexpr slope of(double v) noexcept {
        constexpr std::uint64_t one = std::uint64_t{1} << 52;
        if (!(v >= 0x1p-70)) return {};
        if (v >= 0x1p64) return {~std::uint64_t{127}};
        auto const word     = std::bit_cast<std::uint64_t>(v);
        int        shift    = 64 + 1022 - static_cast<int>(word >> 52);  // v = mantissa / 2^shift
        auto       mantissa = ((word & (one - 1)) | one) + 1;
        if (mantissa == 2 * one) mantissa = one, --shift;
        mantissa <<= 11;
        if (shift < 0) return {~std::uint64_t{127}};
        for (; shift > 127; --shift) mantissa >>= 1;
        return {(mantissa & ~std::uint64_t{127}) | static_cast<std::uint64_t>(shift)};
    }
    constexpr double value() const noexcept {
        auto const power = static_cast<std::uint64_t>(1023 - static_cast<int>(bits & 127)) << 52;
        return static_cast<double>(bits) * std::bit_cast<double>(power);
    }
    /// floor(distance * value()), at most `limit`.
    constexpr std::uint64_t times(std::uint64_t distance, std::uint64_t limit) const noexcept {
        auto const product = detail::multiply_wide(distance, bits);
        auto const shift   = static_cast<unsigned>(bits & 127);
        if (shift >= 64) [[likely]] {
            auto const out = product.high >> (shift - 64);
            return out < limit ? out : limit;
        }
        if ((product.high >> shift) != 0) return limit;
        auto const out = shift == 0 ? product.low : product.high << (64 - shift) | product.low >> shift;
        return out < limit ? out : limit;
    }
    friend constexpr bool operator==(slope, slope) = default;
};
static_assert(sizeof(slope) == 8);

}  // namespace tenon
