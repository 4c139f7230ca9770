// SPDX-License-Identifier: Apache-2.0
// The one place where defaults are named: the policy of every axis that a database or table leaves open.
#pragma once

#include "tenon/concurrency/mvcc.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/filter/bloom.hpp"
#include "tenon/metric/cosine.hpp"
#include "tenon/ordered_index/hybrid.hpp"
#include "tenon/ordered_map/btree.hpp"
#include "tenon/page_store/checksummed.hpp"
#include "tenon/page_store/mmap.hpp"
#include "tenon/spatial_index/packed_rtree.hpp"
#include "tenon/text_index/inverted.hpp"
#include "tenon/vector_index/hnsw.hpp"
#include "tenon/wal/segmented.hpp"
#include "tenon/work/background.hpp"

namespace tenon::defaults {

using file          = posix_files;
using page_store    = checksummed<mmap_store<>>;
using wal           = segmented_wal<>;
using concurrency   = mvcc<serializable>;
using work          = background;
using ordered_index = hybrid<>;
using ordered_map   = btree;  ///< memtables
using filter        = bloom<>;
using spatial_index = packed_rtree<>;
using text_index    = inverted;
using vector_index  = hnsw<cosine>;

}  // namespace tenon::defaults
