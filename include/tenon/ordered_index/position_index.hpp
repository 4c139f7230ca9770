// SPDX-License-Identifier: Apache-2.0
// A position index that owns its model, over keys that the caller keeps or hands over.
#pragma once

#include "tenon/core/placement.hpp"
#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/queries.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
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

template <class Policy>
using placement_for = typename placement_of<Policy>::type;

}  // namespace detail

/// The same together with the container that holds the keys. Move-only.
template <class Policy, index_key Key, class Container>
class owning_index : public position_index<Policy, Key, detail::placement_for<Policy>> {
    using base = position_index<Policy, Key, detail::placement_for<Policy>>;

public:
    static result<owning_index> over(Container&& keys) {
        auto kept = std::make_unique<Container>(std::move(keys));
        auto made = base::over(std::span<Key const>(std::ranges::data(*kept), std::ranges::size(*kept)));
        if (!made) return fail(std::move(made).error());
        return owning_index(*std::move(made), std::move(kept));
    }

private:
    owning_index(base&& made, std::unique_ptr<Container>&& kept) : base(std::move(made)), kept_(std::move(kept)) {}
    std::unique_ptr<Container> kept_;
};

/// A position index over a random-access range whose keys do not lie side by side, with its model; the range is a view, which may own what it
/// shows. Move-only; a moved-from index may only be assigned to or destroyed.
///
/// Guarantee   look-ups are those of Policy::view, through the range's iterators. The range is read once to build, into a copy of the keys
///             that is gone afterwards; validate() copies them, too.
template <class Policy, index_key Key, std::ranges::random_access_range Range>
class range_index
    : public Policy::template view<Key>::template over_keys<iterated_keys<Key, std::ranges::iterator_t<Range>>> {
    using keys_type = iterated_keys<Key, std::ranges::iterator_t<Range>>;
    using view_type = typename Policy::template view<Key>::template over_keys<keys_type>;

public:
    /// errc::unsorted_keys names the first offending rank.
    static result<range_index> over(Range range) {
        auto             kept = std::make_unique<everything>(std::move(range));
        auto const       n    = static_cast<std::size_t>(std::ranges::size(kept->range));
        keys_type const  keys(std::ranges::begin(kept->range));
        std::vector<Key> copy;
        copy.reserve(n);
        for (std::size_t i = 0; i < n; ++i) copy.push_back(keys[i]);
        auto model = Policy::template build<Key>(copy);
        if (!model) return fail(std::move(model).error());
        kept->model.assign(model->begin(), model->end());
        if (n > 0) kept->ends = {copy.front(), copy.back()};
        auto opened = view_type::open(kept->bytes(), keys, n, kept->ends);
        if (!opened) return fail(std::move(opened).error());
        return range_index(*std::move(opened), std::move(kept));
    }
    range_index(range_index&&) noexcept            = default;
    range_index& operator=(range_index&&) noexcept = default;

    /// The model as build made it.
    byte_view bytes() const noexcept { return kept_->bytes(); }

private:
    /// What stays where it is when the index moves.
    struct everything {
        explicit everything(Range&& r) : range(std::move(r)) {}
        byte_view bytes() const noexcept { return {model.data(), model.size()}; }

        Range                                                   range;
        std::vector<Key>                                        ends;
        placed_vector<std::byte, detail::placement_for<Policy>> model;
    };
    range_index(view_type&& opened, std::unique_ptr<everything>&& kept)
        : view_type(std::move(opened)), kept_(std::move(kept)) {}
    std::unique_ptr<everything> kept_;
};

/// What every policy offers as `over`: an index over any sorted random-access range, of what `projection` makes of its elements.
///
/// Keys        contiguous and named, or a span: they stay where they are (position_index). Contiguous and a temporary: the index takes them
///             (owning_index). Else (a deque, a view, with a projection): looked up through iterators (range_index); a named container
///             stays where it is, a temporary is taken.
/// Lifetime    what stays where it is must outlive the index and must not change.
template <class Policy, class Keys, class Projection = std::identity>
auto index_over(Keys&& keys, Projection projection = {}) {
    if constexpr (!std::is_same_v<Projection, std::identity>) {
        return index_over<Policy>(
            std::views::transform(std::views::all(std::forward<Keys>(keys)), std::move(projection)));
    } else {
        static_assert(
            std::ranges::random_access_range<Keys> && std::ranges::sized_range<Keys>,
            "tenon: over() takes a random-access range that knows its size: a vector, an array, a span, a deque, a "
            "transformed view of these");
        using Key = std::remove_cv_t<std::ranges::range_value_t<Keys>>;
        static_assert(index_key<Key>,
                      "tenon: over() takes keys that have an order and a key_codec: numbers, strings, tuples, arrays "
                      "of bytes; for "
                      "others name what to index, as in over(rows, &row::id)");
        if constexpr (!std::ranges::contiguous_range<Keys>) {
            static_assert(
                requires { typename Policy::template view<Key>::template over_keys<iterated_keys<Key, Key const*>>; },
                "tenon: this policy compares lines of keys that lie side by side; for a deque or a view use "
                "tenon::pgm<>, "
                "tenon::rmi<>, tenon::radix_spline<> or tenon::sorted_array, or copy the keys into a vector");
            using range = std::views::all_t<Keys>;
            return range_index<Policy, Key, range>::over(std::views::all(std::forward<Keys>(keys)));
        } else if constexpr (std::is_lvalue_reference_v<Keys> ||
                             std::ranges::enable_borrowed_range<std::remove_cvref_t<Keys>>) {
            return position_index<Policy, Key, detail::placement_for<Policy>>::over(
                std::span<Key const>(std::ranges::data(keys), std::ranges::size(keys)));
        } else {
            return owning_index<Policy, Key, std::remove_cvref_t<Keys>>::over(std::move(keys));
        }
    }
}

}  // namespace tenon
