// SPDX-License-Identifier: Apache-2.0
// expect: tenon::keys_per_leaf: must lie between 1 and 1048576
#include "tenon/ordered_index/rmi.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::rmi<tenon::keys_per_leaf<0>>) > 0);
#else
static_assert(sizeof(tenon::rmi<tenon::keys_per_leaf<64>>) > 0);
#endif
