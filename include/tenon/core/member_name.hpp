// SPDX-License-Identifier: Apache-2.0
// The name, class and type of a data member, from a pointer to it.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

namespace tenon {

namespace detail {

template <class M>
struct member_pointer_parts;
template <class Class, class Value>
requires(!std::is_function_v<Value>)
struct member_pointer_parts<Value Class::*> {
    using class_type = Class;
    using value_type = Value;
};

template <auto Member>
constexpr auto pretty_member() noexcept {  // auto: a named return type would be explained after the member
    return std::string_view(__PRETTY_FUNCTION__);
}

}  // namespace detail

/// A pointer to a data member, like `&place::population`.
template <auto Member>
concept data_member =
    requires { typename detail::member_pointer_parts<std::remove_const_t<decltype(Member)>>::class_type; };

/// The class a member belongs to: the one that declares it, also when it was named through a derived class.
template <auto Member>
requires data_member<Member>
using member_class_t = typename detail::member_pointer_parts<std::remove_const_t<decltype(Member)>>::class_type;

/// The type of a member.
template <auto Member>
requires data_member<Member>
using member_value_t = typename detail::member_pointer_parts<std::remove_const_t<decltype(Member)>>::value_type;

/// The member's name as it is written in its class: "population" for &place::population. Stands on disk in table headers.
template <auto Member>
requires data_member<Member>
constexpr std::string_view member_name() noexcept {
    // g++: "... [with auto Member = &place::population]"; clang: "... [Member = &place::population]"
    constexpr auto text   = detail::pretty_member<Member>();
    constexpr auto letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
               (c & 0x80) != 0;
    };
    std::size_t end = text.rfind(']');
    while (end > 0 && !letter(text[end - 1])) --end;
    std::size_t begin = end;
    while (begin > 0 && letter(text[begin - 1])) --begin;
    return text.substr(begin, end - begin);
}

}  // namespace tenon
