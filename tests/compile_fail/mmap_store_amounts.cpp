// SPDX-License-Identifier: Apache-2.0
// expect: tenon: mmap_store<ReserveBytes, GrowBytes> needs positive numbers of bytes
#include "tenon/page_store/mmap.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::mmap_store<0>) > 0);
#else
static_assert(sizeof(tenon::mmap_store<>) > 0);
#endif
