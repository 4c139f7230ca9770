// SPDX-License-Identifier: Apache-2.0
// The version of tenon, for programs that want to name it. File formats carry versions of their own.
#pragma once

#include <string_view>

namespace tenon {

inline constexpr int              version_major = 0;
inline constexpr int              version_minor = 1;
inline constexpr int              version_patch = 0;
inline constexpr std::string_view version       = "0.1.0";

}  // namespace tenon
