// SPDX-License-Identifier: Apache-2.0
// expect: tenon::radix_spline: RadixBits must lie between 1 and 28
#include "tenon/ordered_index/radix_spline.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::radix_spline<32, 29>) > 0);
#else
static_assert(sizeof(tenon::radix_spline<32, 28>) > 0);
#endif
