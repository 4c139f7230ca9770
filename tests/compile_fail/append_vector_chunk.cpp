// SPDX-License-Identifier: Apache-2.0
// expect: append_vector: FirstChunk must be a power of two
#include "tenon/core/append_vector.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::append_vector<int, 12>) > 0);
#else
static_assert(sizeof(tenon::append_vector<int, 16>) > 0);
#endif
