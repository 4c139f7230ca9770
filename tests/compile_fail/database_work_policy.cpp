// SPDX-License-Identifier: Apache-2.0
// expect: tenon::database: the work policy is not one
#include "tenon/database.hpp"

struct place {
    std::uint64_t        id = 0;
    std::string          name;
    tenon::lonlat        where;
    std::array<float, 4> look{};
};
using places = tenon::table<"places", place, tenon::columns<&place::id, &place::name, &place::where, &place::look>,
                            tenon::primary<&place::id>>;
struct least {
    using policy_axis = tenon::axis::work;
};

#ifdef SHOULD_FAIL
struct atlas_db : tenon::database<places, least> {
    using database::database;
};
#else
struct atlas_db : tenon::database<places, tenon::background> {
    using database::database;
};
#endif
