// SPDX-License-Identifier: Apache-2.0
// expect: tenon::hybrid: takes a router (radix_router or key_tree), a last_mile, in_flight<N> and a placement
#include "tenon/ordered_index/hybrid.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::hybrid<int>) > 0);
#else
static_assert(sizeof(tenon::hybrid<tenon::key_tree, tenon::in_flight<32>>) > 0);
#endif
