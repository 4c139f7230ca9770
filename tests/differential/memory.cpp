// SPDX-License-Identifier: Apache-2.0
// A hundred thousand operations on the default kinds, over files in memory and a pool that holds a part of them, against a std::map.
#include "tenon/file/memory.hpp"
#include "tenon/page_store/buffered.hpp"
#include "tenon/testing/database.hpp"
#include "tenon/work/inline_work.hpp"

#include <doctest/doctest.h>

namespace {

using tenon::testing::specimen;

struct specimens
    : tenon::database<tenon::testing::specimen_table<tenon::primary<&specimen::id>, tenon::ordered<&specimen::amount>,
                                                     tenon::text<&specimen::name>, tenon::spatial<&specimen::where>,
                                                     tenon::nearest<&specimen::look>>,
                      tenon::memory_files, tenon::buffered<(64u << 10), tenon::checksummed<tenon::file_store<>>>,
                      tenon::inline_work> {
    using database::database;
};

}  // namespace

TEST_CASE("a hundred thousand operations on every kind of index give the answers of a map") {
    tenon::testing::report        r;
    tenon::testing::sequence_plan plan;
    plan.least_recall = 0.9;
    auto const did    = tenon::testing::run_sequence<specimens>({.memtable_bytes    = {96u << 10},
                                                                 .segment_bytes     = {64u << 10},
                                                                 .block_bytes       = {4u << 10},
                                                                 .close_flush_bytes = {16u << 10}},
                                                                20'261'121, 100'000, r, plan);
    MESSAGE(did.writes << " writes, " << did.commits << " commits, " << did.conflicts << " conflicts, " << did.queries
                       << " queries, " << did.flushes << " flushes, " << did.merges << " merges, " << did.reopened
                       << " reopened, " << did.replayed << " replayed, recall " << did.recall << ", " << r.checks()
                       << " checks");
    {
        INFO(r.text());
        REQUIRE(r.passed());
    }
    CHECK(did.writes > 40'000);
    CHECK(did.flushes > 200);
    CHECK(did.merges > 40);
    CHECK(did.reopened > 20);
    CHECK(did.replayed > 20);
    CHECK(did.conflicts > 100);
    CHECK(did.old_snapshots > 500);
}
