// SPDX-License-Identifier: Apache-2.0
// Says on the user's line what is wrong with an assembly and what to do: the rules again, as sentences.
#pragma once

#include "tenon/assembly/recipe.hpp"

namespace tenon {

/// Whether these policies make a database; quiet, for overloads and tests.
template <class... Ps>
concept assemblable =
    rules::all_are_policies<Ps...> && rules::all_belong_to_a_database<Ps...> && rules::each_axis_once<Ps...> &&
    rules::has_a_table<Ps...> && rules::table_names_differ<recipe_of<Ps...>> &&
    rules::row_types_differ<recipe_of<Ps...>> && rules::file_fits<recipe_of<Ps...>> &&
    rules::store_fits<recipe_of<Ps...>> && rules::wal_fits<recipe_of<Ps...>> &&
    rules::concurrency_fits<recipe_of<Ps...>> && rules::work_fits<recipe_of<Ps...>>;

namespace detail {

template <bool Go, class... Ps>
struct explain_recipe {
    static constexpr bool value = false;
};
template <class... Ps>
struct explain_recipe<true, Ps...> {
    using r = recipe_of<Ps...>;
    static_assert(rules::table_names_differ<r>, "tenon::database: two tables have the same name; give each its own");
    static_assert(rules::row_types_differ<r>,
                  "tenon::database: two tables have the same row type; a table is addressed by its row type, so derive "
                  "a struct for the second");
    static_assert(rules::file_fits<r>,
                  "tenon::database: the file policy is not a file_system (tenon/file/concept.hpp says what one needs)");
    static_assert(rules::store_fits<r>,
                  "tenon::database: the page store does not work on this file policy; mmap_store needs files that can "
                  "be mapped, such as posix_files: name file_store<> or memory_store instead");
    static_assert(rules::wal_fits<r>,
                  "tenon::database: the log policy does not work on this file policy (tenon/wal/concept.hpp says what "
                  "one needs)");
    static_assert(
        rules::concurrency_fits<r>,
        "tenon::database: the concurrency policy is not one (tenon/concurrency/concept.hpp says what one needs)");
    static_assert(rules::work_fits<r>,
                  "tenon::database: the work policy is not one (tenon/work/concept.hpp says what one needs)");
    static constexpr bool value = assemblable<Ps...>;
};

template <class... Ps>
struct explain {
    static_assert(rules::all_are_policies<Ps...>,
                  "tenon::database: something that is not a policy was named; policies carry policy_axis, such as "
                  "tenon::table<...>, tenon::mmap_store<>, tenon::segmented_wal<>");
    static_assert(!rules::all_are_policies<Ps...> || rules::all_belong_to_a_database<Ps...>,
                  "tenon::database: a policy that belongs to a table was named for the database; indexes, filters and "
                  "memtables go inside tenon::table<...>");
    static_assert(rules::each_axis_once<Ps...>, "tenon::database: two policies of one axis were named; keep one");
    static_assert(rules::has_a_table<Ps...>,
                  "tenon::database: no table was named; add tenon::table<\"name\", row, tenon::columns<...>, "
                  "tenon::primary<...>>");
    static constexpr bool value = explain_recipe < rules::all_are_policies<Ps...> &&
                                  rules::all_belong_to_a_database<Ps...> && rules::each_axis_once<Ps...> &&
                                  rules::has_a_table<Ps...>,
                          Ps... > ::value;
};

}  // namespace detail
}  // namespace tenon
