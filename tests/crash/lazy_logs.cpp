// SPDX-License-Identifier: Apache-2.0
#include "small_database.hpp"

#include <doctest/doctest.h>

using namespace small_database;

namespace {
struct never_db : database<plain, tenon::checksummed<tenon::file_store<>>, tenon::segmented_wal<tenon::no_sync>> {
    using database::database;
};
struct interval_db
    : database<plain, tenon::checksummed<tenon::file_store<>>, tenon::segmented_wal<tenon::sync_interval>> {
    using database::database;
};

/// Without power loss: the process is killed at every operation, and all that returned is there.
template <class Db>
void sweep_kills() {
    using killed = workload<Db, plain, true>;
    tenon::simulated_files  all;
    tenon::testing::journal ignored;
    killed::run(all, ignored);
    for (std::uint64_t n = 1; n <= all.operations() + 1; ++n) {
        CAPTURE(all.operation_text(n));
        tenon::simulated_files  disk;
        tenon::testing::journal j;
        disk.crash_at(n);
        killed::run(disk, j);
        tenon::testing::report r;
        killed::verify(disk.after_power_loss(tenon::simulated_files::kept::finished), j, r);
        REQUIRE_MESSAGE(r.passed(), r.text());
    }
}
}  // namespace

TEST_CASE_TEMPLATE("power loss with a log that is synced late leaves a prefix of the commits, whole", Db, never_db,
                   interval_db) {
    auto const swept = tenon::testing::sweep_crashes(workload<Db, plain, false>{}, sweep_amounts());
    MESSAGE(swept.text());
    CHECK_MESSAGE(swept.passed(), swept.text());
    CHECK(swept.operations > 200);
}

TEST_CASE_TEMPLATE("a killed process loses nothing with a log that is synced late", Db, never_db, interval_db) {
    sweep_kills<Db>();
}
