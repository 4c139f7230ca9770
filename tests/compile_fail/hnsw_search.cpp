// SPDX-License-Identifier: Apache-2.0
// expect: tenon::hnsw: EfSearch must be at least 1
#include "tenon/vector_index/hnsw.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::hnsw<tenon::archetype::metric_policy, 16, 200, 0>) > 0);
#else
static_assert(sizeof(tenon::hnsw<tenon::archetype::metric_policy, 16, 200, 1>) > 0);
#endif
