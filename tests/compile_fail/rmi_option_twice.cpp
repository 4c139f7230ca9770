// SPDX-License-Identifier: Apache-2.0
// expect: tenon::rmi: name keys_per_leaf once
#include "tenon/ordered_index/rmi.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::rmi<tenon::keys_per_leaf<64>, tenon::linear, tenon::keys_per_leaf<32>>) > 0);
#else
static_assert(sizeof(tenon::rmi<tenon::keys_per_leaf<64>, tenon::linear, tenon::fan_out<32>>) > 0);
#endif
