// SPDX-License-Identifier: Apache-2.0
#include "tenon/file/memory.hpp"
#include "tenon/testing/wal.hpp"
#include "tenon/wal/memory.hpp"
#include "tenon/wal/none.hpp"
#include "tenon/wal/segmented.hpp"

#include <doctest/doctest.h>

#include <string>

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

TEST_CASE("a log in memory begins where it is told to, and forgets what is released") {
    auto log = memory_wal::log<memory_files>::open(memory_files{}, "/log", {});
    REQUIRE(log);
    REQUIRE(log->replay({1000}, [](lsn, byte_view) { return result<void>{}; }));
    CHECK(log->end() == lsn{1000});
    REQUIRE(log->append(as_bytes(std::string("one"))) == lsn{1003});
    REQUIRE(log->append(as_bytes(std::string("three"))) == lsn{1008});
    REQUIRE(log->release({1007}));  // not all of the second
    CHECK(log->stats().live_bytes == 5);
    REQUIRE(log->records().size() == 1);
    CHECK(log->records().front().begin == lsn{1003});
    CHECK(log->stats().appended_bytes == 8);
    REQUIRE(log->release({1008}));
    CHECK(log->records().empty());
    CHECK(log->stats().live_bytes == 0);
}
