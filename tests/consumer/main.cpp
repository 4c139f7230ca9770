// SPDX-License-Identifier: Apache-2.0
// A program of somebody else: it knows tenon by its installed headers only.
#if __has_include("tenon/tenon.hpp")
#include "tenon/tenon.hpp"
#endif
#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/version.hpp"

#include <cstdint>
#include <iostream>

int main() {
    tenon::byte_vector bytes;
    tenon::put(bytes, std::uint64_t{42});
    tenon::result<std::uint64_t> back = tenon::load<std::uint64_t>(bytes.data());
    if (!back || *back != 42) return 1;
    std::cout << "tenon " << tenon::version << " works\n";
}
