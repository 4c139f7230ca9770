// SPDX-License-Identifier: Apache-2.0
// The least type that satisfies tenon::concurrency.
#pragma once

#include "tenon/concurrency/concept.hpp"

namespace tenon::archetype {

struct concurrency_policy {
    using policy_axis                             = axis::concurrency;
    static constexpr bool        validates_writes = true;
    static constexpr bool        validates_reads  = false;
    static constexpr char const* name             = "archetype";
    struct gate {
        void enter() {}
        void leave() {}
    };
};
static_assert(concurrency<concurrency_policy>);

}  // namespace tenon::archetype
