// SPDX-License-Identifier: Apache-2.0
// expect: tenon::hnsw<Metric>: Metric must be a policy on axis::metric
#include "tenon/vector_index/hnsw.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::hnsw<int>) > 0);
#else
static_assert(sizeof(tenon::hnsw<tenon::archetype::metric_policy>) > 0);
#endif
