// SPDX-License-Identifier: Apache-2.0
// expect: tenon::rmi: each parameter must be a regression model
#include "tenon/ordered_index/rmi.hpp"

// Coefficients without predict are no model.
struct no_predict {
    static constexpr std::string_view name = "no_predict";
    struct fitted {
        std::uint64_t position = 0;
    };
    template <tenon::number_sequence Keys>
    static fitted fit(Keys const&, double);
};

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::rmi<no_predict>) > 0);
#else
static_assert(sizeof(tenon::rmi<tenon::linear>) > 0);
#endif
