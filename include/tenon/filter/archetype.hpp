// SPDX-License-Identifier: Apache-2.0
// The least type that satisfies filter: generic code must compile with it.
#pragma once

#include "tenon/filter/concept.hpp"

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace tenon::archetype {

struct filter_policy {
    using policy_axis                      = axis::filter;
    static constexpr std::string_view name = "archetype";

    static byte_vector build(std::span<std::uint64_t const>) { return {}; }

    class view {
    public:
        static result<view> open(byte_view) { return view{}; }
        bool                may_contain(std::uint64_t) const { return true; }
    };
};

static_assert(filter<filter_policy>);

}  // namespace tenon::archetype
