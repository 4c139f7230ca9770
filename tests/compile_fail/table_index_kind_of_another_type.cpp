// SPDX-License-Identifier: Apache-2.0
// expect: tenon::table: an index kind does not take the type of the member it is given
#include "tenon/assembly/table.hpp"

struct place {
    std::uint64_t        id = 0;
    std::string          name;
    tenon::lonlat        where;
    std::array<float, 4> look{};
};

#ifdef SHOULD_FAIL
using table =
    tenon::table<"places", place, tenon::columns<&place::id, &place::name, &place::where, &place::look>,
                 tenon::primary<&place::id>, tenon::index<&place::id, tenon::text_kind<std::string, tenon::inverted>>>;
static_assert(sizeof(table) > 0);
#else
using table = tenon::table<"places", place, tenon::columns<&place::id, &place::name, &place::where, &place::look>,
                           tenon::primary<&place::id>,
                           tenon::index<&place::name, tenon::text_kind<std::string, tenon::inverted>>>;
static_assert(sizeof(table) > 0);
#endif
