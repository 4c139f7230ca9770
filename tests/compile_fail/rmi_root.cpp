// SPDX-License-Identifier: Apache-2.0
// expect: tenon::rmi: the first parameter, Root, must be a regression model
#include "tenon/ordered_index/rmi.hpp"

struct no_model {
    static constexpr std::string_view name = "no_model";
};

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::rmi<no_model>) > 0);
#else
static_assert(sizeof(tenon::rmi<tenon::linear_spline>) > 0);
#endif
