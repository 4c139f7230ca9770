// SPDX-License-Identifier: Apache-2.0
// The main function that every test program shares.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "tenon/version.hpp"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

static_assert(tenon::version == TENON_BUILD_VERSION, "meson.build and include/tenon/version.hpp must name one version");

int main(int argc, char** argv) {
#if defined(__GLIBC__)
    // Blocks of some MiB come and go thousands of times: the process keeps them, as the first touch of a page that was given back and
    // comes again can cost a virtual machine more than the test. Reads after free() of such blocks are for the sanitizers to find.
    ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
    ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
    return doctest::Context(argc, argv).run();
}
