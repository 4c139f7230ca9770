// SPDX-License-Identifier: Apache-2.0
// expect: binary_fuse: Bits must be 8
#include "tenon/filter/binary_fuse.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::binary_fuse<12>) > 0);
#else
static_assert(sizeof(tenon::binary_fuse<16>) > 0);
#endif
