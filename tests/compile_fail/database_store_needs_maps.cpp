// SPDX-License-Identifier: Apache-2.0
// expect: tenon::database: the page store does not work on this file policy
#include "tenon/database.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/page_store/file.hpp"

struct place {
    std::uint64_t        id = 0;
    std::string          name;
    tenon::lonlat        where;
    std::array<float, 4> look{};
};
using places = tenon::table<"places", place, tenon::columns<&place::id, &place::name, &place::where, &place::look>,
                            tenon::primary<&place::id>>;

#ifdef SHOULD_FAIL
struct atlas_db : tenon::database<places, tenon::mmap_store<>, tenon::memory_files> {
    using database::database;
};
#else
struct atlas_db : tenon::database<places, tenon::file_store<>, tenon::memory_files> {
    using database::database;
};
#endif
