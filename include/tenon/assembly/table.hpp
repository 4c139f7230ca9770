// SPDX-License-Identifier: Apache-2.0
// Tables: a row type, its columns, its primary key and its indexes, named at compile time.
#pragma once

#include "tenon/assembly/defaults.hpp"
#include "tenon/core/fixed_string.hpp"
#include "tenon/filter/concept.hpp"
#include "tenon/ordered_map/concept.hpp"
#include "tenon/run/nearest_kind.hpp"
#include "tenon/run/ordered_kind.hpp"
#include "tenon/run/schema.hpp"
#include "tenon/run/spatial_kind.hpp"
#include "tenon/run/text_kind.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <tuple>
#include <type_traits>

namespace tenon {

namespace spec {
struct columns;
struct primary;
struct index;
}  // namespace spec

/// The members that are stored, in this order: `tenon::columns<&place::id, &place::name>`.
template <auto... Members>
struct columns {
    using table_spec  = spec::columns;
    using schema_type = schema<Members...>;
};

/// The primary key: unique, and the order in which rows are stored. `tenon::primary<&place::id, tenon::hybrid<>>`, or
/// `tenon::primary<tenon::key<&line::order, &line::number>>` for a composite one.
template <auto Key, class Index = defaults::ordered_index>
struct primary {
    using table_spec = spec::primary;
    using key_type   = key_for<Key>;
    using index_type = Index;
};

/// An index of any kind, a user's own too: `tenon::index<&place::country, my_kind>` (run/index_kind.hpp).
template <auto Key, class Kind>
struct index {
    using table_spec = spec::index;
    using key_type   = key_for<Key>;
    using kind_type  = Kind;
};

namespace detail {
struct nothing {};
template <class Value>
inline constexpr bool is_text_value = false;
template <>
inline constexpr bool is_text_value<std::string> = true;
template <class... T>
inline constexpr bool is_text_value<std::tuple<T...>> = (std::is_same_v<T, std::string> && ...);
template <class T>
inline constexpr std::size_t float_array_size = 0;
template <std::size_t N>
inline constexpr std::size_t float_array_size<std::array<float, N>> = N;

/// The kind behind a specifier; nothing where member or policy do not fit, so that the specifier's own sentence comes first.
template <class Value, class Policy>
struct ordered_of {
    using type = nothing;
};
template <key_encodable Value, ordered_index Policy>
struct ordered_of<Value, Policy> {
    using type = ordered_kind<Value, Policy>;
};
template <class Value, class Policy>
struct text_of {
    using type = nothing;
};
template <class Value, text_index Policy>
requires is_text_value<Value>
struct text_of<Value, Policy> {
    using type = text_kind<Value, Policy>;
};
template <class Value, class Policy>
struct spatial_of {
    using type = nothing;
};
template <spatial_index Policy>
struct spatial_of<lonlat, Policy> {
    using type = spatial_kind<Policy>;
};
template <class Value, class Policy>
struct nearest_of {
    using type = nothing;
};
template <class Value, vector_index Policy>
requires(float_array_size<Value> > 0)
struct nearest_of<Value, Policy> {
    using type = nearest_kind<float_array_size<Value>, Policy>;
};
}  // namespace detail

/// Rows by the value of a member: `view.range<&place::population>(lo, hi)`, both ways.
template <auto Key, class Index = defaults::ordered_index>
struct ordered : index<Key, typename detail::ordered_of<typename key_for<Key>::value_type, Index>::type> {
    static_assert(key_encodable<typename key_for<Key>::value_type>,
                  "tenon::ordered<>: the member has no order-preserving encoding; use integers, floats, strings, uuid, "
                  "time or a tuple of these, or specialise tenon::key_codec");
    static_assert(
        ordered_index<Index>,
        "tenon::ordered<>: takes a member and a position index policy, such as tenon::hybrid<> or tenon::sorted_array");
};

/// Rows by their words: `view.search<&place::name>("new york")`.
template <auto Key, class Text = defaults::text_index>
struct text : index<Key, typename detail::text_of<typename key_for<Key>::value_type, Text>::type> {
    static_assert(detail::is_text_value<typename key_for<Key>::value_type>,
                  "tenon::text<>: the member must be a std::string, or tenon::key<...> of several");
    static_assert(text_index<Text>, "tenon::text<>: takes a member and a text index policy, such as tenon::inverted");
};

/// Rows by a point: `view.within<&place::where>(box)`, `view.closest<&place::where>(point, k)`.
template <auto Key, class Spatial = defaults::spatial_index>
struct spatial : index<Key, typename detail::spatial_of<typename key_for<Key>::value_type, Spatial>::type> {
    static_assert(std::is_same_v<typename key_for<Key>::value_type, lonlat>,
                  "tenon::spatial<>: the member must be a tenon::lonlat");
    static_assert(spatial_index<Spatial>,
                  "tenon::spatial<>: takes a member and a spatial index policy, such as tenon::packed_rtree<>");
};

/// Rows by a vector: `view.closest<&place::look>(vector, k)`.
template <auto Key, class Vector = defaults::vector_index>
struct nearest : index<Key, typename detail::nearest_of<typename key_for<Key>::value_type, Vector>::type> {
    static_assert(detail::float_array_size<typename key_for<Key>::value_type> > 0,
                  "tenon::nearest<>: the member must be a std::array<float, N> with N at least 1");
    static_assert(vector_index<Vector>,
                  "tenon::nearest<>: takes a member and a vector index policy, such as tenon::hnsw<tenon::cosine>");
};

namespace detail {

template <class S>
concept table_part = requires { typename S::table_spec; };
template <class S, class Tag>
inline constexpr bool is_spec = false;
template <table_part S, class Tag>
inline constexpr bool is_spec<S, Tag> = std::is_same_v<typename S::table_spec, Tag>;
template <class S, class Axis>
inline constexpr bool on_axis = false;
template <class S, class Axis>
requires requires { typename S::policy_axis; }
inline constexpr bool on_axis<S, Axis> = std::is_same_v<typename S::policy_axis, Axis>;

/// The first of Ts for which Test holds, else Default.
template <template <class> class Test, class Default, class... Ts>
struct choose_first {
    using type = Default;
};
template <template <class> class Test, class Default, class T, class... Ts>
struct choose_first<Test, Default, T, Ts...> {
    using type =
        typename std::conditional_t<Test<T>::value, std::type_identity<T>, choose_first<Test, Default, Ts...>>::type;
};
template <class Tag>
struct spec_test {
    template <class S>
    using test = std::bool_constant<is_spec<S, Tag>>;
};
template <class Axis>
struct axis_test {
    template <class S>
    using test = std::bool_constant<on_axis<S, Axis>>;
};
template <class Spec, class... Specs>
inline constexpr std::size_t count_spec = (std::size_t{0} + ... + std::size_t{is_spec<Specs, Spec>});

template <class S>
using as_index_tuple = std::conditional_t<is_spec<S, spec::index>, std::tuple<S>, std::tuple<>>;

template <class Schema, class Key>
struct covers;
template <class Schema, auto... M>
struct covers<Schema, key_of<M...>> : std::bool_constant<((Schema::template index_of<M>() < Schema::size) && ...)> {};
}  // namespace detail

/// A table: `tenon::table<"places", place, tenon::columns<...>, tenon::primary<...>, indexes and policies...>`.
///
/// Beside columns, primary and indexes it takes a memtable policy (axis::ordered_map) and a filter policy
/// (axis::filter), in any order.
template <fixed_string Name, class Row, class... Specs>
struct table {
    using policy_axis                      = axis::table;
    using row_type                         = Row;
    static constexpr std::string_view name = Name.view();

    static_assert(std::is_default_constructible_v<Row>,
                  "tenon::table: the row type must be default constructible; give its members defaults");
    static_assert(((detail::table_part<Specs> || detail::on_axis<Specs, axis::ordered_map> ||
                    detail::on_axis<Specs, axis::filter>) &&
                   ...),
                  "tenon::table: takes tenon::columns, tenon::primary, indexes, a memtable policy and a filter policy; "
                  "something else was named");
    static_assert(detail::count_spec<spec::columns, Specs...> == 1,
                  "tenon::table: name the stored members once, as in tenon::columns<&place::id, &place::name>");
    static_assert(detail::count_spec<spec::primary, Specs...> == 1,
                  "tenon::table: name the primary key once, as in tenon::primary<&place::id>");

    using schema_type =
        typename detail::choose_first<detail::spec_test<spec::columns>::test, columns<>, Specs...>::type::schema_type;
    using primary_spec =
        typename detail::choose_first<detail::spec_test<spec::primary>::test, detail::nothing, Specs...>::type;
    using key_type   = typename primary_spec::key_type;
    using index_type = typename primary_spec::index_type;
    using map_policy = typename detail::choose_first<detail::axis_test<axis::ordered_map>::test, defaults::ordered_map,
                                                     Specs...>::type;
    using filter_type =
        typename detail::choose_first<detail::axis_test<axis::filter>::test, defaults::filter, Specs...>::type;
    using indexes = decltype(std::tuple_cat(std::declval<detail::as_index_tuple<Specs>>()...));
    static constexpr std::size_t index_count = std::tuple_size_v<indexes>;
    template <std::size_t I>
    using index_spec = std::tuple_element_t<I, indexes>;

    static_assert(std::is_same_v<typename schema_type::row_type, Row>,
                  "tenon::table: tenon::columns must name members of the table's row type");
    static_assert(std::is_same_v<typename key_type::row_type, Row>,
                  "tenon::table: tenon::primary must name a member of the table's row type");
    static_assert(detail::covers<schema_type, key_type>::value,
                  "tenon::table: the primary key's members must be among tenon::columns");
    static_assert(key_encodable<typename key_type::tuple_type>,
                  "tenon::table: the primary key has no order-preserving encoding; use integers, strings, uuid, time, "
                  "or specialise tenon::key_codec");
    static_assert(
        ordered_index<index_type>,
        "tenon::table: tenon::primary takes a position index policy, such as tenon::hybrid<> or tenon::sorted_array");
    static_assert(
        []<class... I>(std::type_identity<std::tuple<I...>>) {
            return (detail::covers<schema_type, typename I::key_type>::value && ...);
        }(std::type_identity<indexes>{}),
        "tenon::table: every indexed member must be among tenon::columns");
    static_assert(
        []<class... I>(std::type_identity<std::tuple<I...>>) {
            return (index_kind<typename I::kind_type> && ...);
        }(std::type_identity<indexes>{}),
        "tenon::table: an index names something that is not an index kind (tenon/run/index_kind.hpp says what one "
        "needs)");
    static_assert(
        []<class... I>(std::type_identity<std::tuple<I...>>) {
            return (std::is_same_v<typename I::kind_type::value_type, typename I::key_type::value_type> && ...);
        }(std::type_identity<indexes>{}),
        "tenon::table: an index kind does not take the type of the member it is given");

    /// The index over Key, or index_count.
    template <class Key, template <class> class Test>
    static constexpr std::size_t find_index() {
        return []<std::size_t... I>(std::index_sequence<I...>) {
            std::size_t found = index_count;
            ((found == index_count && std::is_same_v<typename index_spec<I>::key_type, Key> &&
                      Test<typename index_spec<I>::kind_type>::value
                  ? void(found = I)
                  : void()),
             ...);
            return found;
        }(std::make_index_sequence<index_count>{});
    }

    /// What is stored in words: the file's signature.
    [[gnu::cold]] static std::string describe() {
        std::string out = std::string(name) + "(" + schema_type::describe() + "; primary " + key_type::name() + " " +
                          std::string(index_type::name) + "; filter " + std::string(filter_type::name);
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            ((out += sentence({"; ", index_spec<I>::kind_type::describe(), " ", index_spec<I>::key_type::name()})),
             ...);
        }(std::make_index_sequence<index_count>{});
        return out + ")";
    }

    /// The encoded primary key of a row.
    static byte_vector key_bytes(Row const& row) {
        byte_vector out;
        out.reserve(std::max<std::size_t>(key_codec<typename key_type::tuple_type>::size, 16));
        encode_key_value<key_type>(out, key_type::extract(row));
        return out;
    }
};

}  // namespace tenon
