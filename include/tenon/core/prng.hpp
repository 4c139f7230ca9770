// SPDX-License-Identifier: Apache-2.0
// A small seedable random generator: the same sequence on every platform.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/core/hash.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace tenon {

/// prng - 256 bits of state, 64 bits a step; for tests, sampling and randomised structures, not for secrets.
///
/// Guarantee   equal seeds give equal sequences on every platform and in every version (indexes on disk depend on it),
///             also through below(), unit() and chance(), which standard distributions do not promise.
/// Cost        a few cycles a number, 32 bytes.
/// Threads     one object per thread.
/// Source      the xoshiro256** generator of Blackman and Vigna, 2018; state filled by hash_u64 of a counter; below() after
///             Lemire, "Fast random integer generation in an interval", 2019.
class prng {
public:
    using result_type = std::uint64_t;

    explicit constexpr prng(std::uint64_t seed = 0) noexcept {
        for (auto& word : state_) {
            word = hash_u64(seed);
            seed += detail::hash_k0;
        }
    }

    static constexpr result_type min() noexcept { return 0; }
    static constexpr result_type max() noexcept { return std::numeric_limits<result_type>::max(); }

    constexpr result_type operator()() noexcept {
        auto&      s       = state_;
        auto const out     = std::rotl(s[1] * 5, 7) * 9;
        auto const shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = std::rotl(s[3], 45);
        return out;
    }

    /// Uniform in [0, n), without bias. Precondition: n > 0.
    std::uint64_t below(std::uint64_t n) {
        expects(n > 0, "prng::below needs a positive bound");
        auto p = detail::multiply_wide((*this)(), n);
        if (p.low < n) {
            auto const least = (0 - n) % n;
            while (p.low < least) p = detail::multiply_wide((*this)(), n);
        }
        return p.high;
    }

    /// Uniform in [low, high], both included. Precondition: low <= high.
    std::int64_t between(std::int64_t low, std::int64_t high) {
        expects(low <= high, "prng::between needs low <= high");
        auto const span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
        auto const step = span == max() ? (*this)() : below(span + 1);
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + step);
    }

    /// Uniform in [0, 1), in steps of 2^-53.
    constexpr double unit() noexcept { return static_cast<double>((*this)() >> 11) * 0x1p-53; }

    /// True with probability p.
    constexpr bool chance(double p) noexcept { return unit() < p; }

    friend constexpr bool operator==(prng const&, prng const&) = default;

private:
    std::array<std::uint64_t, 4> state_{};
};

}  // namespace tenon
