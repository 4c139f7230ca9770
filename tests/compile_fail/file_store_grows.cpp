// SPDX-License-Identifier: Apache-2.0
// expect: tenon: file_store<GrowBytes> grows by 0 bytes
#include "tenon/page_store/file.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::file_store<0>) > 0);
#else
static_assert(sizeof(tenon::file_store<4096>) > 0);
#endif
