// SPDX-License-Identifier: Apache-2.0
// expect: tenon::hnsw: EfConstruction must be at least M
#include "tenon/vector_index/hnsw.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::hnsw<tenon::archetype::metric_policy, 16, 8>) > 0);
#else
static_assert(sizeof(tenon::hnsw<tenon::archetype::metric_policy, 16, 16>) > 0);
#endif
