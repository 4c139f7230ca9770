// SPDX-License-Identifier: Apache-2.0
// expect: tenon::pgm: Epsilon must lie between 1 and 32767
#include "tenon/ordered_index/pgm.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::pgm<0>) > 0);
#else
static_assert(sizeof(tenon::pgm<1>) > 0);
#endif
