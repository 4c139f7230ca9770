// SPDX-License-Identifier: Apache-2.0
// The least type that satisfies tenon::work.
#pragma once

#include "tenon/work/concept.hpp"

namespace tenon::archetype {

struct work_policy {
    using policy_axis                    = axis::work;
    static constexpr char const* name    = "archetype";
    static constexpr bool        threads = false;
    struct worker {
        explicit worker(std::function<void()>) {}
        void wake() {}
        void stop() {}
    };
};
static_assert(work<work_policy>);

}  // namespace tenon::archetype
