// SPDX-License-Identifier: Apache-2.0
// expect: tenon::flat<Metric>: Metric must be a policy on axis::metric
#include "tenon/vector_index/flat.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::flat<int>) > 0);
#else
static_assert(sizeof(tenon::flat<tenon::archetype::metric_policy>) > 0);
#endif
