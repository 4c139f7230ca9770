// SPDX-License-Identifier: Apache-2.0
// expect: tenon: packed_rtree<NodeSize>: choose 2 to 64 children a node
#include "tenon/spatial_index/packed_rtree.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::packed_rtree<1>) > 0);
#else
static_assert(sizeof(tenon::packed_rtree<16>) > 0);
#endif
