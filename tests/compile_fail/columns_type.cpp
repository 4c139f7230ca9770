// SPDX-License-Identifier: Apache-2.0
// expect: tenon::columns<>: a member has a type that no column holds
#include "tenon/run/schema.hpp"

struct place {
    int*                 opaque = nullptr;
    std::uint64_t        id     = 0;
    std::string          name;
    tenon::lonlat        where;
    std::array<float, 4> look{};
};

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::schema<&place::id, &place::opaque>) > 0);
#else
static_assert(sizeof(tenon::schema<&place::id, &place::name>) > 0);
#endif
