// SPDX-License-Identifier: Apache-2.0
// expect: segmented_wal<Sync>: use sync_each_commit, group_commit, sync_interval or no_sync
#include "tenon/wal/segmented.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::segmented_wal<int>) > 0);
#else
static_assert(sizeof(tenon::segmented_wal<tenon::group_commit>) > 0);
#endif
