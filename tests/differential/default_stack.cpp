// SPDX-License-Identifier: Apache-2.0
// The same comparison on the stack that a program gets by default: real files, a memory map, background work.
#include "tenon/testing/database.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

namespace {

using tenon::testing::specimen;

struct specimens
    : tenon::database<tenon::testing::specimen_table<tenon::primary<&specimen::id>, tenon::ordered<&specimen::amount>,
                                                     tenon::text<&specimen::name>, tenon::spatial<&specimen::where>,
                                                     tenon::nearest<&specimen::look>>> {
    using database::database;
};

}  // namespace

TEST_CASE("six thousand operations on the default policies and real files give the answers of a map") {
    auto directory = (std::filesystem::temp_directory_path() / "tenon_differential_XXXXXX").string();
    REQUIRE(::mkdtemp(directory.data()) != nullptr);
    tenon::testing::report        r;
    tenon::testing::sequence_plan plan;
    plan.path         = directory + "/specimens.tenon";
    plan.keys         = 600;
    plan.reopen_every = 600;
    plan.least_recall = 0.9;
    auto const did    = tenon::testing::run_sequence<specimens>({.memtable_bytes    = {32u << 10},
                                                                 .segment_bytes     = {64u << 10},
                                                                 .block_bytes       = {4u << 10},
                                                                 .close_flush_bytes = {16u << 10}},
                                                                20'261'122, 6'000, r, plan);
    {
        INFO(r.text());
        REQUIRE(r.passed());
    }
    CHECK(did.commits > 300);
    CHECK(did.flushes > 10);
    CHECK(did.reopened > 3);
    CHECK(did.replayed > 3);
    std::filesystem::remove_all(directory);
}
