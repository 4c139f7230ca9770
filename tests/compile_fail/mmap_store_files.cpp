// SPDX-License-Identifier: Apache-2.0
// expect: tenon: mmap_store maps files of the operating system
#include "tenon/file/archetype.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/page_store/mmap.hpp"

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::mmap_store<>::store<tenon::archetype::file_policy>) > 0);
#else
static_assert(sizeof(tenon::mmap_store<>::store<tenon::posix_files>) > 0);
#endif
