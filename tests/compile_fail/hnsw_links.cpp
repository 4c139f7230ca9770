// SPDX-License-Identifier: Apache-2.0
// expect: tenon::hnsw: M must be 2 to 256
#include "tenon/vector_index/hnsw.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::hnsw<tenon::archetype::metric_policy, 1>) > 0);
#else
static_assert(sizeof(tenon::hnsw<tenon::archetype::metric_policy, 2>) > 0);
#endif
