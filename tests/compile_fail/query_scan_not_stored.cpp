// SPDX-License-Identifier: Apache-2.0
// expect: tenon: scan<> needs a member that is among the table's columns
#include "tenon/database.hpp"

struct place {
    std::uint64_t id = 0, forgotten = 0;
};
struct atlas_db
    : tenon::database<tenon::table<"places", place, tenon::columns<&place::id>, tenon::primary<&place::id>>> {
    using database::database;
};

#ifdef SHOULD_FAIL
auto ask(atlas_db::snapshot_type const& view) { return view.scan<&place::forgotten>(1u, 2u); }
#else
auto ask(atlas_db::snapshot_type const& view) { return view.scan<&place::id>(1u, 2u); }
#endif
