// SPDX-License-Identifier: Apache-2.0
// expect: tenon::database: two tables have the same name
#include "tenon/database.hpp"

struct place {
    std::uint64_t        id = 0;
    std::string          name;
    tenon::lonlat        where;
    std::array<float, 4> look{};
};
using places = tenon::table<"places", place, tenon::columns<&place::id, &place::name, &place::where, &place::look>,
                            tenon::primary<&place::id>>;
struct line {
    std::uint64_t id = 0;
};
using also_places = tenon::table<"places", line, tenon::columns<&line::id>, tenon::primary<&line::id>>;
using lines       = tenon::table<"lines", line, tenon::columns<&line::id>, tenon::primary<&line::id>>;

#ifdef SHOULD_FAIL
struct atlas_db : tenon::database<places, also_places> {
    using database::database;
};
#else
struct atlas_db : tenon::database<places, lines> {
    using database::database;
};
#endif
