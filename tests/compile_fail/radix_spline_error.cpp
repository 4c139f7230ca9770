// SPDX-License-Identifier: Apache-2.0
// expect: tenon::radix_spline: MaxError must lie between 1 and 32767
#include "tenon/ordered_index/radix_spline.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::radix_spline<32768>) > 0);
#else
static_assert(sizeof(tenon::radix_spline<32767>) > 0);
#endif
