// SPDX-License-Identifier: Apache-2.0
// expect: tenon: checksummed<Inner> wraps another page store policy
#include "tenon/page_store/checksummed.hpp"

struct own_log {
    using policy_axis                      = tenon::axis::wal;
    static constexpr std::string_view name = "log", format = "log";
    static constexpr bool             persistent = true;
};

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::checksummed<own_log>) > 0);
#else
static_assert(sizeof(tenon::checksummed<tenon::archetype::page_store_policy>) > 0);
#endif
