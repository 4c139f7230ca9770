// SPDX-License-Identifier: Apache-2.0
// expect: tenon::rmi: each parameter must be a regression model
#include "tenon/ordered_index/rmi.hpp"

struct no_model {
    static constexpr std::string_view name = "no_model";
};

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::rmi<tenon::linear_spline, no_model>) > 0);
#else
static_assert(sizeof(tenon::rmi<tenon::linear_spline, tenon::linear>) > 0);
#endif
