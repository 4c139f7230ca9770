// SPDX-License-Identifier: Apache-2.0
// expect: tenon::rmi: KeysPerLeaf must lie between 1 and 1048576
#include "tenon/ordered_index/rmi.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::rmi<tenon::linear_spline, tenon::linear, 0>) > 0);
#else
static_assert(sizeof(tenon::rmi<tenon::linear_spline, tenon::linear, 64>) > 0);
#endif
