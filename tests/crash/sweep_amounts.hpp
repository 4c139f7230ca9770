// SPDX-License-Identifier: Apache-2.0
// How far the sweeps go.
#pragma once

#include "tenon/testing/crash.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

/// The whole sweep takes minutes; without TENON_TEST_ALL=1 a part of it runs.
inline bool test_all() {
    auto const* all = std::getenv("TENON_TEST_ALL");
    return all != nullptr && std::string_view(all) == "1";
}

/// All states of small windows, or a part of them; `more` where a state is cheap.
inline tenon::testing::sweep_options sweep_amounts(std::uint64_t more = 1) {
    tenon::testing::sweep_options o;
    o.most_states          = test_all() ? 4096 : 32 * more;
    o.seeds                = test_all() ? 256 : 2 * more;
    o.recovery_stride      = test_all() ? 1 : std::max<std::uint64_t>(1, 7 / more);
    o.recovery_depth       = test_all() ? 2 : 1;
    o.recovery_seeds       = test_all() ? 2 : 1;
    o.most_recovery_states = test_all() ? 8 : 4;
    return o;
}
