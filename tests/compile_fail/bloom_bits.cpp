// SPDX-License-Identifier: Apache-2.0
// expect: bloom: BitsPerKey must lie in [1, 64]
#include "tenon/filter/bloom.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::bloom<0>) > 0);
#else
static_assert(sizeof(tenon::bloom<10>) > 0);
#endif
