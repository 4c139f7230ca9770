// SPDX-License-Identifier: Apache-2.0
// expect: tenon::key<>: takes pointers to data members
#include "tenon/run/schema.hpp"

struct place {
    std::uint64_t        id = 0;
    std::string          name;
    tenon::lonlat        where;
    std::array<float, 4> look{};
};

#ifdef SHOULD_FAIL
static_assert(sizeof(tenon::key_of<&place::id, 7>) > 0);
#else
static_assert(sizeof(tenon::key_of<&place::id>) > 0);
#endif
