// SPDX-License-Identifier: Apache-2.0
// expect: tenon: no table of this database holds rows of this type
#include "tenon/database.hpp"

struct place {
    std::uint64_t        id = 0;
    std::string          name;
    std::int64_t         population = 0;
    tenon::lonlat        where;
    std::array<float, 4> look{};
};
struct other {
    std::uint64_t id = 0;
};
struct atlas_db
    : tenon::database<tenon::table<
          "places", place, tenon::columns<&place::id, &place::name, &place::population, &place::where, &place::look>,
          tenon::primary<&place::id>, tenon::ordered<&place::population>, tenon::text<&place::name>,
          tenon::nearest<&place::look>>> {
    using database::database;
};

#ifdef SHOULD_FAIL
auto ask(atlas_db::snapshot_type const& view) { return view.count<other>(); }
#else
auto ask(atlas_db::snapshot_type const& view) { return view.count<place>(); }
#endif
