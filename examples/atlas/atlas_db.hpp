// SPDX-License-Identifier: Apache-2.0
// The atlas database type: three tables and, over the places, every kind of index.
#pragma once

#include "place.hpp"
#include "tenon/database.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace atlas {

/// How far a file has been loaded; committed in the same transaction as its places, so a load that was killed goes on
/// where its last commit ended.
struct load_state {
    std::uint64_t fingerprint = 0;  ///< of the file
    std::string   path;
    std::uint64_t line = 0, offset = 0, rows = 0, skipped = 0;
    bool          finished = false;
};

/// The last query and its hits, for the map.
struct last_query {
    std::uint8_t               id = 0;  ///< there is one row
    std::string                words;
    std::vector<std::uint64_t> places;
    std::vector<double>        geometry;  ///< centre: lon lat; window: west south east north
};

inline constexpr auto by_country = tenon::key<&place::country, &place::population>;

using places_table = tenon::table<
    "places", place,
    tenon::columns<&place::id, &place::name, &place::alternate_names, &place::country, &place::feature_code,
                   &place::population, &place::time_zone, &place::where, &place::look>,
    tenon::primary<&place::id, tenon::hybrid<>>, tenon::ordered<&place::population>, tenon::ordered<by_country>,
    tenon::text<&place::name>, tenon::text<&place::alternate_names>,
    tenon::spatial<&place::where, tenon::packed_rtree<>>, tenon::nearest<&place::look, tenon::hnsw<tenon::cosine>>>;
using loads_table =
    tenon::table<"loads", load_state,
                 tenon::columns<&load_state::fingerprint, &load_state::path, &load_state::line, &load_state::offset,
                                &load_state::rows, &load_state::skipped, &load_state::finished>,
                 tenon::primary<&load_state::fingerprint>>;
using queries_table =
    tenon::table<"queries", last_query,
                 tenon::columns<&last_query::id, &last_query::words, &last_query::places, &last_query::geometry>,
                 tenon::primary<&last_query::id>>;

struct atlas_db : tenon::database<places_table, loads_table, queries_table, tenon::checksummed<tenon::mmap_store<>>,
                                  tenon::segmented_wal<tenon::group_commit>, tenon::mvcc<tenon::serializable>> {
    using database::database;
};

}  // namespace atlas
