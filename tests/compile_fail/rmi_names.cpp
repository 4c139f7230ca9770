// SPDX-License-Identifier: Apache-2.0
// expect: tenon::rmi: the names of all models must fit in 57 bytes
#include "tenon/ordered_index/rmi.hpp"

using spline = tenon::linear_spline;

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::rmi<spline, spline, spline, spline, spline>) > 0);
#else
static_assert(sizeof(tenon::rmi<spline, spline, spline, spline>) > 0);
#endif
