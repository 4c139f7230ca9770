// SPDX-License-Identifier: Apache-2.0
#include "tenon/file/memory.hpp"
#include "tenon/testing/wal.hpp"
#include "tenon/wal/memory.hpp"
#include "tenon/wal/none.hpp"
#include "tenon/wal/segmented.hpp"

#include <doctest/doctest.h>

using namespace tenon;

TEST_CASE_TEMPLATE("a log keeps the axioms of its axis", Policy, no_wal, memory_wal, segmented_wal<>,
                   segmented_wal<sync_each_commit>, segmented_wal<sync_interval>, segmented_wal<no_sync>,
                   segmented_wal<as_asked>) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        CAPTURE(seed);
        testing::report r;
        testing::check_wal<Policy>(memory_files{}, "/log", seed, r);
        CHECK_MESSAGE(r.passed(), r.text());
    }
}
