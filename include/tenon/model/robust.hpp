// SPDX-License-Identifier: Apache-2.0
// Any model, fitted without the outermost keys.
#pragma once

#include "tenon/model/concept.hpp"
#include "tenon/model/slope.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace tenon {

/// robust - Model over the central 99.9 % of the keys: a handful of outliers no longer stretches it.
///
/// Maps        key -> position; monotone where Model is. Keys outside the centre get what Model says there: its ends, as a rule.
/// Shapes      Model's coefficients and the position of the first central key.
/// Guarantee   one key in 2000 is left out at each end; of fewer than 2000 keys none.
/// Cost        Model's and one addition.
/// Errors      Model's.
/// Threads     const members may be called concurrently.
/// On disk     Model's bytes, then base u64. Name: "robust<model>".
/// Use when    a few keys lie far from all others (ids with reserved values at the top), as a root.
template <regression_model Model>
struct robust {
private:
    static constexpr detail::joined_name<1> name_{"robust", {std::string_view(Model::name)}};

public:
    static constexpr std::string_view name = name_.view();

    struct fitted {
        typename Model::fitted centre{};
        std::uint64_t          base = 0;
        std::uint64_t          predict(std::uint64_t p, std::uint64_t limit) const noexcept {
            auto const from = base < limit ? base : limit;
            return from + centre.predict(p, limit - from);
        }
        bool valid() const noexcept { return centre.valid(); }
    };

    template <number_sequence Keys>
    static fitted fit(Keys const& keys, double scale = 1) {
        auto const n = static_cast<std::uint64_t>(keys.size()), left_out = n / 2000;
        return {Model::fit(number_slice<Keys>(keys, left_out, n - 2 * left_out), scale),
                slope::of(scale).times(left_out, ~std::uint64_t{0} >> 1)};
    }
};

}  // namespace tenon
