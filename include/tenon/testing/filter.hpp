// SPDX-License-Identifier: Apache-2.0
// Conformance suite of axis::filter, for people who write policies.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/filter/concept.hpp"
#include "tenon/testing/report.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tenon::testing {

/// Nothing that was put in is ever missed; equal input gives equal bytes; bytes that were cut are refused; hostile
/// bytes do no harm (run it under AddressSanitizer).
template <filter Policy>
void check_filter(std::uint64_t seed, report& r) {
    auto const what = std::string(Policy::name) + ", seed " + std::to_string(seed) + ": ";
    prng       random(seed);
    for (std::size_t n : {0u, 1u, 2u, 50u, 3000u}) {
        std::vector<std::uint64_t> hashes;
        while (hashes.size() < n)
            hashes.push_back(hashes.empty() || random.chance(0.9) ? random() : hashes[random.below(hashes.size())]);
        if (n > 1) hashes[0] = 0, hashes[1] = ~std::uint64_t{0};
        auto const bytes = Policy::build(hashes);
        r.check(Policy::build(hashes) == bytes, what + "equal hashes must give equal bytes");
        auto const view = Policy::view::open(bytes);
        if (!r.check(view.has_value(), what + "open must take what build made")) continue;
        std::size_t missed = 0;
        for (auto h : hashes) missed += !view->may_contain(h);
        r.check(missed == 0, what + std::to_string(missed) + " of " + std::to_string(n) + " hashes were missed");

        auto const ask = [&](byte_view hostile) {
            auto const v = Policy::view::open(hostile);
            if (!v) return v.error().kind == errc::corrupt && !v.error().message.empty();
            for (int i = 0; i < 4; ++i) (void)v->may_contain(random());
            (void)v->may_contain(~std::uint64_t{0});
            return true;
        };
        bool tame = true;
        for (int i = 0; i < 200; ++i) {
            auto copy = bytes;
            if (!copy.empty()) {
                auto const at = random.below(random.chance(0.5) && copy.size() > 64 ? 64 : copy.size());
                copy[at] ^= std::byte(1u << random.below(8));
                tame = tame && ask(copy);
                auto const cut =
                    byte_vector(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(random.below(bytes.size())));
                tame = tame && ask(cut);
                r.check(!Policy::view::open(cut).has_value(), what + "bytes that were cut must be refused");
            }
            byte_vector noise(random.below(200));
            for (auto& b : noise) b = std::byte(random());
            tame = tame && ask(noise);
        }
        r.check(tame, what + "open must answer hostile bytes with errc::corrupt and a sentence, or open them");
    }
}

}  // namespace tenon::testing
