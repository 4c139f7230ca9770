// SPDX-License-Identifier: Apache-2.0
#include "tenon/testing/wal.hpp"
#include "tenon/wal/segmented.hpp"

#include <doctest/doctest.h>

using namespace tenon;

TEST_CASE_TEMPLATE("what was acknowledged survives power loss at every operation, and recovery cut and repeated",
                   Policy, segmented_wal<>, segmented_wal<sync_each_commit>, segmented_wal<sync_interval>,
                   segmented_wal<no_sync>, segmented_wal<as_asked>) {
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
        CAPTURE(seed);
        testing::report r;
        testing::check_wal_power_loss<Policy>(seed, r);
        CHECK_MESSAGE(r.passed(), r.text());
    }
}
