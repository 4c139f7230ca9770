// SPDX-License-Identifier: Apache-2.0
#include "suite.hpp"

namespace tenon::testing::detail {
#define TENON_COMPILED_HERE(M) \
    template void check_index_of_type<M>(index_under_test<M::key_type>&, index_effort, std::uint64_t, report&);
TENON_EACH_INDEX_MAKER(TENON_COMPILED_HERE)
#undef TENON_COMPILED_HERE
}  // namespace tenon::testing::detail
