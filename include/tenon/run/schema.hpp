// SPDX-License-Identifier: Apache-2.0
// Rows as bytes: the columns of a row type, keys made of members, and the record that log and memtable hold.
#pragma once

#include "tenon/core/key_codec.hpp"
#include "tenon/core/member_name.hpp"
#include "tenon/run/column.hpp"

#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace tenon {

/// One or more members that together are a key, or are indexed together: `tenon::key<&line::order, &line::number>`.
template <auto... Members>
struct key_of {
    static_assert(sizeof...(Members) > 0, "tenon::key<>: name at least one member, as in tenon::key<&row::id>");
    static_assert((data_member<Members> && ...),
                  "tenon::key<>: takes pointers to data members, as in tenon::key<&row::id>");
    static constexpr std::size_t size = sizeof...(Members);
    using row_type                    = std::tuple_element_t<0, std::tuple<member_class_t<Members>...>>;
    static_assert((std::is_same_v<row_type, member_class_t<Members>> && ...),
                  "tenon::key<>: the members must belong to one row type");
    using tuple_type = std::tuple<member_value_t<Members>...>;
    using value_type = std::conditional_t<size == 1, std::tuple_element_t<0, tuple_type>, tuple_type>;

    static std::string name() {
        std::string out;
        ((out += (out.empty() ? "" : "+") + std::string(member_name<Members>())), ...);
        return out;
    }
    static value_type extract(row_type const& row) { return value_type(row.*Members...); }
};
template <auto... Members>
inline constexpr key_of<Members...> key{};

namespace detail {
template <auto K>
constexpr auto to_key() {
    if constexpr (std::is_member_object_pointer_v<decltype(K)>) return key_of<K>{};
    else return K;
}
template <class T>
struct is_key_of : std::false_type {};
template <auto... M>
struct is_key_of<key_of<M...>> : std::true_type {};
template <class... T>
inline constexpr bool all_differ = true;
template <class T, class... Rest>
inline constexpr bool all_differ<T, Rest...> = (!std::is_same_v<T, Rest> && ...) && all_differ<Rest...>;
}  // namespace detail

/// The key_of that `&row::member` or `tenon::key<...>` stands for.
template <auto K>
using key_for = decltype(detail::to_key<K>());

/// Appends the order-preserving bytes of a key, or of the first elements of a composite one.
template <class Key, class Value>
void encode_key_value(byte_vector& out, Value const& value) {
    if constexpr (Key::size == 1) {
        using stored = typename Key::value_type;
        if constexpr (std::is_same_v<std::remove_cvref_t<Value>, std::tuple<stored>>)
            key_codec<stored>::encode(out, std::get<0>(value));
        else key_codec<stored>::encode(out, static_cast<stored const&>(stored(value)));
    } else {
        constexpr std::size_t given = std::tuple_size_v<std::remove_cvref_t<Value>>;
        static_assert(given <= Key::size, "tenon: more values than the key has members");
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (key_codec<std::tuple_element_t<I, typename Key::tuple_type>>::encode(
                 out, static_cast<std::tuple_element_t<I, typename Key::tuple_type>>(std::get<I>(value))),
             ...);
        }(std::make_index_sequence<given>{});
    }
}

/// schema - the columns of a row type.
///
/// A *record* is a row's columns one after another: fixed columns as they are, others behind a 32-bit length. Log
/// and memtable hold records; blocks hold the same bytes by column.
template <auto... Members>
struct schema {
    static_assert(sizeof...(Members) > 0, "tenon::columns<>: name at least one member, as in tenon::columns<&row::id>");
    static_assert((data_member<Members> && ...),
                  "tenon::columns<>: takes pointers to data members, as in tenon::columns<&row::id>");
    static constexpr std::size_t size = sizeof...(Members);
    using row_type                    = std::tuple_element_t<0, std::tuple<member_class_t<Members>...>>;
    static_assert((std::is_same_v<row_type, member_class_t<Members>> && ...),
                  "tenon::columns<>: the members must belong to one row type");
    static_assert(detail::all_differ<key_of<Members>...>, "tenon::columns<>: a member is named twice; name each once");
    static_assert((column_value<member_value_t<Members>> && ...),
                  "tenon::columns<>: a member has a type that no column holds; use numbers, enumerations, std::string, "
                  "tenon::lonlat, uuid, time, or std::array, std::vector or std::optional of these, or specialise "
                  "tenon::column_codec");
    template <std::size_t I>
    using column_type                          = std::tuple_element_t<I, std::tuple<member_value_t<Members>...>>;
    static constexpr std::size_t fixed_sizes[] = {column_codec<member_value_t<Members>>::fixed_size...};

    /// The ordinal of a member, or size when it is not a column.
    template <auto Member>
    static constexpr std::size_t index_of() {
        std::size_t at = 0, found = size;
        ((std::is_same_v<key_of<Members>, key_of<Member>> ? void(found = at++) : void(++at)), ...);
        return found;
    }

    [[gnu::cold]] static std::string describe() {
        std::string out;
        (describe_one(out, member_name<Members>(), column_codec<member_value_t<Members>>::name()), ...);
        return out;
    }

    static void encode(byte_vector& out, row_type const& row) { (encode_one<Members>(out, row), ...); }

    /// The bytes of each column of a record; false when the record is malformed.
    static bool split(byte_view record, byte_view (&columns)[size]) {
        byte_reader in(record);
        for (std::size_t i = 0; i < size; ++i)
            columns[i] = fixed_sizes[i] != 0 ? in.get_bytes(fixed_sizes[i]) : in.get_sized();
        return in.ok() && in.at_end();
    }
    static bool decode(byte_view const (&columns)[size], row_type& row) {
        return [&]<std::size_t... I>(std::index_sequence<I...>) {
            return (column_codec<column_type<I>>::decode(columns[I], row.*Members) && ...);
        }(std::make_index_sequence<size>{});
    }
    static bool decode(byte_view record, row_type& row) {
        byte_view columns[size];
        return split(record, columns) && decode(columns, row);
    }
    /// The value that a key or an index takes from a record's columns; false when malformed.
    template <auto... Ms>
    static bool extract(byte_view const (&columns)[size], key_of<Ms...>, typename key_of<Ms...>::value_type& out) {
        if constexpr (sizeof...(Ms) == 1)
            return (column_codec<member_value_t<Ms>>::decode(columns[index_of<Ms>()], out) && ...);
        else return extract_each(columns, key_of<Ms...>{}, out, std::make_index_sequence<sizeof...(Ms)>{});
    }

private:
    template <auto... Ms, std::size_t... I>
    static bool extract_each(byte_view const (&columns)[size], key_of<Ms...>, typename key_of<Ms...>::value_type& out,
                             std::index_sequence<I...>) {
        return (column_codec<member_value_t<Ms>>::decode(columns[index_of<Ms>()], std::get<I>(out)) && ...);
    }
    [[gnu::cold, gnu::noinline]] static void describe_one(std::string& out, std::string_view member,
                                                          std::string const& type) {
        if (!out.empty()) out += ',';
        out.append(member).append(":").append(type);
    }
    template <auto Member>
    static void encode_one(byte_vector& out, row_type const& row) {
        using codec = column_codec<member_value_t<Member>>;
        if constexpr (codec::fixed_size != 0) {
            codec::encode(out, row.*Member);
        } else {
            auto const at = out.size();
            put(out, std::uint32_t{0});
            codec::encode(out, row.*Member);
            auto const length = static_cast<std::uint32_t>(out.size() - at - 4);
            std::memcpy(out.data() + at, &length, 4);
        }
    }
};

}  // namespace tenon
