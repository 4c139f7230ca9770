// SPDX-License-Identifier: Apache-2.0
// expect: tenon::database: the file policy is not a file_system
#include "tenon/database.hpp"
#include "tenon/page_store/file.hpp"

struct place {
    std::uint64_t        id = 0;
    std::string          name;
    tenon::lonlat        where;
    std::array<float, 4> look{};
};
using places = tenon::table<"places", place, tenon::columns<&place::id, &place::name, &place::where, &place::look>,
                            tenon::primary<&place::id>>;
struct least {
    using policy_axis = tenon::axis::file;
};

#ifdef SHOULD_FAIL
struct atlas_db : tenon::database<places, tenon::file_store<>, least> {
    using database::database;
};
#else
struct atlas_db : tenon::database<places, tenon::file_store<>, tenon::posix_files> {
    using database::database;
};
#endif
