// SPDX-License-Identifier: Apache-2.0
// What may stand between the brackets of rmi<...>: models in order, amounts and a last mile anywhere.
#pragma once

#include "tenon/model/concept.hpp"
#include "tenon/model/linear.hpp"
#include "tenon/model/linear_spline.hpp"
#include "tenon/ordered_index/located_view.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace tenon {

/// rmi: one leaf for about N keys.
template <std::size_t N>
struct keys_per_leaf {
    static_assert(N >= 1 && N <= (1u << 20),
                  "tenon::keys_per_leaf: must lie between 1 and 1048576; 64 is a good start");
    static constexpr std::size_t leaf_keys = N;
};

/// rmi: one model of an inner layer for about N models of the next.
template <std::size_t N>
struct fan_out {
    static_assert(N >= 2 && N <= (1u << 20), "tenon::fan_out: must lie between 2 and 1048576; 64 is a good start");
    static constexpr std::size_t next_models = N;
};

namespace detail {

template <class T>
concept rmi_leaf_size = requires { T::leaf_keys; };
template <class T>
concept rmi_fan_out = requires { T::next_models; };
template <class T>
concept rmi_option = regression_model<T> || rmi_leaf_size<T> || rmi_fan_out<T> || last_mile_policy<T>;

/// The models of an rmi, root first, leaf last.
template <class... Models>
struct rmi_models {
    static constexpr std::size_t depth = sizeof...(Models);
};

template <class Parsed, class... Options>
struct rmi_parse;

/// What is left when all options are read. A single keys_per_leaf and so on is checked by who sees them all.
template <class Models, class LastMile, std::size_t LeafKeys, std::size_t FanOut>
struct rmi_parsed {
    using models                           = Models;
    using last_mile                        = LastMile;
    static constexpr std::size_t leaf_keys = LeafKeys, next_models = FanOut;
};
template <class Parsed>
struct rmi_parse<Parsed> {
    using type = Parsed;
};
template <class... Models, class Mile, std::size_t Keys, std::size_t Fan, class First, class... Rest>
struct rmi_parse<rmi_parsed<rmi_models<Models...>, Mile, Keys, Fan>, First, Rest...> {
    static auto step() {
        if constexpr (regression_model<First>)
            return std::type_identity<rmi_parsed<rmi_models<Models..., First>, Mile, Keys, Fan>>{};
        else if constexpr (rmi_leaf_size<First>)
            return std::type_identity<rmi_parsed<rmi_models<Models...>, Mile, First::leaf_keys, Fan>>{};
        else if constexpr (rmi_fan_out<First>)
            return std::type_identity<rmi_parsed<rmi_models<Models...>, Mile, Keys, First::next_models>>{};
        else if constexpr (last_mile_policy<First>)
            return std::type_identity<rmi_parsed<rmi_models<Models...>, First, Keys, Fan>>{};
        else return std::type_identity<rmi_parsed<rmi_models<Models...>, Mile, Keys, Fan>>{};
    }
    using type = typename rmi_parse<typename decltype(step())::type, Rest...>::type;
};

template <class Parsed>
struct rmi_with_models : Parsed {};
template <class Mile, std::size_t Keys, std::size_t Fan>
struct rmi_with_models<rmi_parsed<rmi_models<>, Mile, Keys, Fan>>
    : rmi_parsed<rmi_models<linear_spline, linear>, Mile, Keys, Fan> {};

/// The options in order of meaning: models (linear_spline over linear when none is named), last mile and amounts.
template <class... Options>
using rmi_recipe =
    rmi_with_models<typename rmi_parse<rmi_parsed<rmi_models<>, default_last_mile, 64, 64>, Options...>::type>;

template <class Models>
struct rmi_name;
template <class... Models>
struct rmi_name<rmi_models<Models...>> {
    static constexpr joined_name<sizeof...(Models)> value{"rmi", {std::string_view(Models::name)...}};
    static constexpr std::size_t whole = 4 + (std::string_view(Models::name).size() + ... + sizeof...(Models));
};

}  // namespace detail
}  // namespace tenon
