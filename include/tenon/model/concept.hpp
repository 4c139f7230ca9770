// SPDX-License-Identifier: Apache-2.0
// The contract of regression models: a few bytes that guess a key's position among sorted keys.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/ordered_index/concept.hpp"

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace tenon {

/// How a key is kept inside a model: eight bytes that hold every Key exactly.
template <index_key Key>
using wide_key = std::conditional_t<std::floating_point<Key>, double,
                                    std::conditional_t<std::is_signed_v<Key>, std::int64_t, std::uint64_t>>;

/// How far `key` lies above `origin`, as a double; 0 at and below it. Never decreases as key grows, and is finite
/// (keys beyond 1e300 in magnitude, infinities included, count as 1e300).
///
/// Integers are subtracted as integers, so nothing is lost near 2^53 or 2^63 when origin is near key.
template <index_key Key>
double key_distance(Key key, wide_key<Key> origin) noexcept {
    if constexpr (std::floating_point<Key>) {
        constexpr double far  = 1e300;
        auto             near = [](double v) { return v > far ? far : v < -far ? -far : v; };
        double const     d    = near(static_cast<double>(key)) - near(origin);
        return d > 0 ? d : 0;
    } else {
        auto const wide = static_cast<wide_key<Key>>(key);
        return wide > origin
                   ? static_cast<double>(static_cast<std::uint64_t>(wide) - static_cast<std::uint64_t>(origin))
                   : 0.0;
    }
}

/// floor(distance * slope), kept in [0, limit]; 0 when the product is not a number. limit < 2^63.
///
/// One multiplication and no addition, so that no compiler can fuse it: a model answers the same in
/// programs built with and without FMA, and bounds that were proven by one hold in the other.
inline std::uint64_t scaled_position(double distance, double slope, std::uint64_t limit) noexcept {
    double const t = distance * slope;
    if (!(t > 0)) return 0;
    if (!(t < static_cast<double>(limit))) return limit;
    auto const p = static_cast<std::uint64_t>(static_cast<std::int64_t>(t));
    return p < limit ? p : limit;
}

/// A regression model: a family `M` and, for each Key, its fitted coefficients `M::fitted<Key>`.
///
/// | expression | meaning |
/// | --- | --- |
/// | `M::name` | stored on disk |
/// | `M::template fit<Key>(keys, scale)` | coefficients for position * scale over sorted keys (no NaN); O(n), closed form; no keys are ordinary |
/// | `f.predict(k, limit)` | a guess in [0, limit], limit < 2^63 |
///
/// `M::fitted<Key>` is flat, a multiple of 8 bytes without padding, so that it is its own format.
/// Axioms: predict never decreases as k grows, for coefficients that fit made; for any other bytes it returns
/// *something* in [0, limit]. It is the same number in every program, whatever its compiler flags.
/// A model promises no accuracy: whoever uses it measures the error and keeps bounds.
template <class M>
concept regression_model = flat_type<typename M::template fitted<std::uint64_t>> &&
                           sizeof(typename M::template fitted<std::uint64_t>) % 8 == 0 &&
                           std::default_initializable<typename M::template fitted<std::uint64_t>> &&
                           requires(std::span<std::uint64_t const>                   keys,
                                    typename M::template fitted<std::uint64_t> const f, std::uint64_t k, double scale) {
                               { M::name } -> std::convertible_to<std::string_view>;
                               {
                                   M::template fit<std::uint64_t>(keys, scale)
                               } -> std::same_as<typename M::template fitted<std::uint64_t>>;
                               { f.predict(k, k) } -> std::same_as<std::uint64_t>;
                           };

}  // namespace tenon
