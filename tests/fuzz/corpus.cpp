// SPDX-License-Identifier: Apache-2.0
// The fuzz targets without a fuzzer: good inputs, and damaged copies of them by a fixed seed.
#include "targets.hpp"

#include "tenon/core/prng.hpp"
#include "tenon/testing/hostile_bytes.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

TEST_CASE("every fuzz target has a name of its own and opens its seeds") {
    std::set<std::string> names;
    for (auto const& t : fuzz::targets()) {
        CAPTURE(t.name);
        CHECK(names.insert(t.name).second);
        CHECK_FALSE(t.seeds().empty());
        for (auto const& seed : t.seeds()) {
            auto const is = t.run(seed);
            CHECK(is.opened);
            CHECK(is.complaint == "");
        }
    }
    CHECK(names.size() >= 10);
}

TEST_CASE("damaged bytes are refused, or opened and answered from") {
    constexpr std::uint64_t seed = 51;
    CAPTURE(seed);
    for (auto const& t : fuzz::targets()) {
        CAPTURE(t.name);
        tenon::prng random(seed);
        for (auto const& good : t.seeds()) {
            if (good.empty()) continue;
            std::string complaint;
            // The first byte says which keys; it stays.
            tenon::testing::each_hostile(tenon::byte_view(good).subspan(1), random, t.rounds,
                                         [&](tenon::byte_view damaged) {
                                             tenon::byte_vector input{good[0]};
                                             tenon::put_bytes(input, damaged);
                                             if (complaint.empty()) complaint = t.run(input).complaint;
                                         });
            tenon::testing::each_hostile(good, random, t.rounds, [&](tenon::byte_view damaged) {
                if (complaint.empty()) complaint = t.run(damaged).complaint;
            });
            CHECK(complaint == "");
        }
    }
}

TEST_CASE("the entry of libFuzzer takes inputs for every target") {
    CHECK(LLVMFuzzerTestOneInput(nullptr, 0) == 0);
    for (std::size_t i = 0; i < fuzz::targets().size(); ++i)
        for (auto const& seed : fuzz::targets()[i].seeds()) {
            tenon::byte_vector input{static_cast<std::byte>(i)};
            tenon::put_bytes(input, seed);
            CHECK(LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(input.data()), input.size()) == 0);
        }
}
