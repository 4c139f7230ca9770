// SPDX-License-Identifier: Apache-2.0
// From a list of policies to one canonical recipe: choose by axis, take defaults, check the rules.
#pragma once

#include "tenon/assembly/rules.hpp"
#include "tenon/assembly/table.hpp"

namespace tenon {

/// What an engine is made of, in canonical order: the same database type however its policies were ordered and whether
/// or not defaults were spelled out.
template <class Tables, class File, class Store, class Wal, class Concurrency, class Work>
struct recipe {
    using tables      = Tables;
    using file        = File;
    using page_store  = Store;
    using wal         = Wal;
    using concurrency = Concurrency;
    using work        = Work;
};

namespace detail {
template <class P>
using as_table_tuple = std::conditional_t<on_axis<P, axis::table>, std::tuple<P>, std::tuple<>>;
template <class Axis, class Default, class... Ps>
using on = typename choose_first<axis_test<Axis>::template test, Default, Ps...>::type;
}  // namespace detail

template <class... Policies>
using recipe_of = recipe<decltype(std::tuple_cat(std::declval<detail::as_table_tuple<Policies>>()...)),
                         detail::on<axis::file, defaults::file, Policies...>,
                         detail::on<axis::page_store, defaults::page_store, Policies...>,
                         detail::on<axis::wal, defaults::wal, Policies...>,
                         detail::on<axis::concurrency, defaults::concurrency, Policies...>,
                         detail::on<axis::work, defaults::work, Policies...>>;

}  // namespace tenon
