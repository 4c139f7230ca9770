// SPDX-License-Identifier: Apache-2.0
// What may stand between the brackets of hybrid<...>: a router, a last mile, a width of batches and a placement, in any order.
#pragma once

#include "tenon/core/placement.hpp"
#include "tenon/ordered_index/key_tree.hpp"
#include "tenon/ordered_index/last_mile.hpp"
#include "tenon/ordered_index/radix_router.hpp"

#include <cstddef>
#include <type_traits>

namespace tenon {

/// How many look-ups of a batch are at the same stage at once, while others are at other stages or beside them. More hide more of the memory's latency,
/// until their lines no longer fit the nearest cache; a batch takes 230 bytes of stack for each.
template <std::size_t N>
struct in_flight {
    static_assert(N >= 1 && N <= 256, "tenon::in_flight: must lie between 1 and 256; 32 is a good start");
    static constexpr std::size_t look_ups = N;
};

namespace detail {

template <class T>
concept hybrid_router = std::is_same_v<T, radix_router> || std::is_same_v<T, key_tree>;
template <class T>
concept hybrid_width = requires { T::look_ups; };
template <class T>
concept hybrid_placement = std::is_same_v<T, cache_lines> || std::is_same_v<T, huge_pages>;

template <class T>
concept hybrid_option = hybrid_router<T> || last_mile_policy<T> || hybrid_width<T> || hybrid_placement<T>;

/// The options in order of meaning; each is the last one named of its sort.
template <class Router, class Mile, class Width, class Place, class... Options>
struct hybrid_recipe {
    using router    = Router;
    using last_mile = Mile;
    using width     = Width;
    using placement = Place;
};
template <class Router, class Mile, class Width, class Place, class First, class... Rest>
struct hybrid_recipe<Router, Mile, Width, Place, First, Rest...>
    : hybrid_recipe<std::conditional_t<hybrid_router<First>, First, Router>,
                    std::conditional_t<last_mile_policy<First>, First, Mile>,
                    std::conditional_t<hybrid_width<First>, First, Width>,
                    std::conditional_t<hybrid_placement<First>, First, Place>, Rest...> {};

}  // namespace detail
}  // namespace tenon
