// SPDX-License-Identifier: Apache-2.0
// The main function that every test program shares.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "tenon/version.hpp"

static_assert(tenon::version == TENON_BUILD_VERSION, "meson.build and include/tenon/version.hpp must name one version");
