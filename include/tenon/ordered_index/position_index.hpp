// SPDX-License-Identifier: Apache-2.0
// A position index that owns its model, over keys that the caller keeps or hands over.
#pragma once

#include "tenon/core/placement.hpp"
#include "tenon/ordered_index/concept.hpp"

#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace tenon {

/// `Policy::view<Key>` with the bytes it reads. Move-only; a moved-from index may only be assigned to or destroyed.
///
/// Guarantee   the model lies on cache lines, from 2 MiB on on huge pages (Placement). Look-ups are those of the view.
template <class Policy, index_key Key, class Placement = huge_pages>
class position_index : public Policy::template view<Key> {
    using view_type = typename Policy::template view<Key>;

public:
    /// Over keys that stay where they are and must outlive the index. errc::unsorted_keys names the first offending rank.
    static result<position_index> over(std::span<Key const> keys) {
        auto model = made_from(keys);
        if (!model) return fail(std::move(model).error());
        return adopt(*model, keys);
    }
    /// Over a model that Policy::build made from these keys; the bytes are copied.
    static result<position_index> adopt(byte_view model, std::span<Key const> keys) {
        placed_vector<std::byte, Placement> bytes(model.begin(), model.end());
        auto                                opened = view_type::open(bytes, keys);
        if (!opened) return fail(std::move(opened).error());
        return position_index(*std::move(opened), std::move(bytes));
    }
    position_index(position_index&&) noexcept            = default;
    position_index& operator=(position_index&&) noexcept = default;

    /// The model as build made it: write it beside the keys, and Policy::view<Key>::open reads it in place.
    byte_view bytes() const noexcept { return {model_.data(), model_.size()}; }

private:
    static result<byte_vector> made_from(std::span<Key const> keys) {
        if constexpr (requires { Policy::template build_in_place<Key>(keys); })
            return Policy::template build_in_place<Key>(keys);
        else return Policy::template build<Key>(keys);
    }
    position_index(view_type&& opened, placed_vector<std::byte, Placement>&& model)
        : view_type(std::move(opened)), model_(std::move(model)) {}
    placed_vector<std::byte, Placement> model_;
};

namespace detail {

/// Where a policy wants its model: Policy::placement, else huge pages.
template <class Policy>
struct placement_of {
    using type = huge_pages;
};
template <class Policy>
requires requires { typename Policy::placement; }
struct placement_of<Policy> {
    using type = typename Policy::placement;
};

}  // namespace detail

/// What every policy offers as `over`: an index over a vector, an array or a span of the caller's.
template <class Policy, class Keys>
auto index_over(Keys&& keys) {
    static_assert(std::ranges::contiguous_range<Keys>,
                  "tenon: over() takes keys that lie side by side: a vector, an array or a span");
    using Key = std::remove_cv_t<std::ranges::range_value_t<Keys>>;
    static_assert(
        index_key<Key>,
        "tenon: over() takes keys that have an order and a key_codec: numbers, strings, tuples, arrays of bytes");
    static_assert(std::is_lvalue_reference_v<Keys> || std::ranges::enable_borrowed_range<std::remove_cvref_t<Keys>>,
                  "tenon: over() leaves the keys where they are, so pass a named container or a span, not a temporary");
    return position_index<Policy, Key, typename detail::placement_of<Policy>::type>::over(
        std::span<Key const>(std::ranges::data(keys), std::ranges::size(keys)));
}

}  // namespace tenon
