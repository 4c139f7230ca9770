// SPDX-License-Identifier: Apache-2.0
#include "suite.hpp"

namespace tenon::testing::detail {
TENON_EACH_OTHER_MAKER(TENON_INDEX_SUITE)
}  // namespace tenon::testing::detail
