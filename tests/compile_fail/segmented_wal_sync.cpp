// SPDX-License-Identifier: Apache-2.0
// expect: segmented_wal<Sync>: use group_commit, sync_each_commit, sync_interval, no_sync or as_asked
#include "tenon/wal/segmented.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::segmented_wal<int>) > 0);
#else
static_assert(sizeof(tenon::segmented_wal<tenon::group_commit>) > 0);
#endif
