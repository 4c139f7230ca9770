// SPDX-License-Identifier: Apache-2.0
// The filter that knows nothing and costs nothing.
#pragma once

#include "tenon/filter/concept.hpp"

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tenon {

/// no_filter - every key may be there.
///
/// Guarantee   may_contain is always true.
/// Errors      open of any bytes at all: errc::corrupt, for another filter wrote them.
/// On disk     nothing.
/// Use when    runs are only scanned, or nearly every key that is asked for is there.
struct no_filter {
    using policy_axis                      = axis::filter;
    static constexpr std::string_view name = "none";

    static byte_vector build(std::span<std::uint64_t const>) { return {}; }

    class view {
    public:
        static result<view> open(byte_view bytes) {
            if (!bytes.empty())
                return fail(errc::corrupt,
                            {"filter: expected none, found ", bytes.size(), " bytes that another filter wrote"});
            return view{};
        }
        static bool may_contain(std::uint64_t) noexcept { return true; }
    };
};

static_assert(filter<no_filter>);

}  // namespace tenon
