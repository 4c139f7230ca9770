// SPDX-License-Identifier: Apache-2.0
// expect: tenon::columns<>: the members must belong to one row type
#include "tenon/run/schema.hpp"

struct place {
    std::uint64_t        id = 0;
    std::string          name;
    tenon::lonlat        where;
    std::array<float, 4> look{};
};
struct other {
    std::uint64_t id = 0;
};

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::schema<&place::id, &other::id>) > 0);
#else
static_assert(sizeof(tenon::schema<&place::id, &place::name>) > 0);
#endif
