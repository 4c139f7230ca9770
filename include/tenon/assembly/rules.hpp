// SPDX-License-Identifier: Apache-2.0
// The rules of an assembly, each written once as a named boolean; explain.hpp says them in sentences.
#pragma once

#include "tenon/assembly/table.hpp"
#include "tenon/concurrency/concept.hpp"
#include "tenon/file/concept.hpp"
#include "tenon/page_store/concept.hpp"
#include "tenon/wal/concept.hpp"
#include "tenon/work/concept.hpp"

#include <tuple>
#include <type_traits>

namespace tenon::rules {

/// Stage 1: each name is a policy at all.
template <class P>
concept has_axis = requires { typename P::policy_axis; };
template <class... Ps>
inline constexpr bool all_are_policies = (has_axis<Ps> && ...);

template <class P>
inline constexpr bool belongs_to_a_database =
    detail::on_axis<P, axis::table> || detail::on_axis<P, axis::file> || detail::on_axis<P, axis::page_store> ||
    detail::on_axis<P, axis::wal> || detail::on_axis<P, axis::concurrency> || detail::on_axis<P, axis::work>;
template <class... Ps>
inline constexpr bool all_belong_to_a_database = (belongs_to_a_database<Ps> && ...);

template <class Axis, class... Ps>
inline constexpr std::size_t count_on = (std::size_t{0} + ... + std::size_t{detail::on_axis<Ps, Axis>});
template <class... Ps>
inline constexpr bool each_axis_once =
    count_on<axis::file, Ps...> <= 1 && count_on<axis::page_store, Ps...> <= 1 && count_on<axis::wal, Ps...> <= 1 &&
    count_on<axis::concurrency, Ps...> <= 1 && count_on<axis::work, Ps...> <= 1;
template <class... Ps>
inline constexpr bool has_a_table = count_on<axis::table, Ps...> >= 1;

/// Stage 2 and 3: over the recipe.
namespace detail_ {
template <class... T>
constexpr bool names_differ(std::type_identity<std::tuple<T...>>) {
    std::string_view const names[] = {T::name..., std::string_view{}};
    for (std::size_t i = 0; i < sizeof...(T); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (names[i] == names[j]) return false;
    return true;
}
template <class Row, class... T>
inline constexpr std::size_t with_row = (std::size_t{0} + ... + std::size_t{std::is_same_v<typename T::row_type, Row>});
template <class... T>
constexpr bool rows_differ(std::type_identity<std::tuple<T...>>) {
    return ((with_row<typename T::row_type, T...> == 1) && ...);
}
}  // namespace detail_

template <class R>
inline constexpr bool table_names_differ = detail_::names_differ(std::type_identity<typename R::tables>{});
template <class R>
inline constexpr bool row_types_differ = detail_::rows_differ(std::type_identity<typename R::tables>{});
template <class R>
inline constexpr bool file_fits = file_system<typename R::file>;
/// A store that says on which files it works is asked before it is made.
template <class Store, class File>
inline constexpr bool store_takes_files = true;
template <class Store, class File>
requires requires { Store::template fits<File>; }
inline constexpr bool store_takes_files<Store, File> = Store::template fits<File>;
template <class R>
concept store_fits = store_takes_files<typename R::page_store, typename R::file> &&
                     page_store_policy<typename R::page_store, typename R::file>;
template <class R>
concept wal_fits = wal_policy<typename R::wal, typename R::file>;
template <class R>
inline constexpr bool concurrency_fits = concurrency<typename R::concurrency>;
template <class R>
inline constexpr bool work_fits = work<typename R::work>;

}  // namespace tenon::rules
