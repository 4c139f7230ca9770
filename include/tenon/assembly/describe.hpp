// SPDX-License-Identifier: Apache-2.0
// What an engine says of itself: its signature, and the counts of a table.
#pragma once

#include "tenon/assembly/options.hpp"

#include <cstddef>
#include <string>
#include <tuple>
#include <utility>

namespace tenon {

/// What is stored, in words: the tables of a tuple.
template <class Tables>
[[gnu::cold]] std::string signature_of() {
    std::string out = "tenon/1";
    [&]<std::size_t... T>(std::index_sequence<T...>) {
        ((out += " " + std::tuple_element_t<T, Tables>::describe()), ...);
    }(std::make_index_sequence<std::tuple_size_v<Tables>>{});
    return out;
}

/// Counts of a table in one state, with `rows` visible in it.
template <class Table, class State>
[[gnu::cold]] table_stats stats_of(State const& t, std::uint64_t rows) {
    table_stats out;
    out.name = std::string(Table::name);
    out.rows = rows;
    for (auto const& m : t.memtables) {
        out.memtable_rows += m->size();
        out.memtable_bytes += m->bytes();
    }
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (out.indexes.push_back({Table::template index_spec<I>::kind_type::describe() + " " +
                                    Table::template index_spec<I>::key_type::name(),
                                0}),
         ...);
    }(std::make_index_sequence<Table::index_count>{});
    for (auto const& r : t.runs) {
        auto const& d = r->descriptor();
        out.runs.push_back(d.rows);
        out.run_rows += d.rows;
        out.tombstones += d.tombstones;
        out.key_bytes += d.keys.size + d.stamps.size;
        out.filter_bytes += d.filter.size;
        auto rest = d.bytes - d.keys.size - d.stamps.size - d.filter.size;
        for (std::size_t i = 0; i < d.parts.size(); ++i) {
            out.indexes[i].bytes += d.parts[i].size;
            rest -= d.parts[i].size;
        }
        out.row_bytes += rest;
    }
    return out;
}

}  // namespace tenon
