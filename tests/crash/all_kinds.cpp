// SPDX-License-Identifier: Apache-2.0
#include "small_database.hpp"

#include <doctest/doctest.h>

using namespace small_database;

namespace {
struct rich_db : database<rich, tenon::checksummed<tenon::file_store<>>, tenon::segmented_wal<tenon::group_commit>> {
    using database::database;
};
}  // namespace

TEST_CASE("power loss at every operation leaves each acknowledged commit and every index whole") {
    auto const swept = tenon::testing::sweep_crashes(workload<rich_db, rich, true>{}, sweep_amounts());
    MESSAGE(swept.text());
    CHECK_MESSAGE(swept.passed(), swept.text());
    CHECK(swept.operations > 200);
}
