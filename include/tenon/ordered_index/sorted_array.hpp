// SPDX-License-Identifier: Apache-2.0
// Binary search: the obvious position index, and the oracle of the others.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/index_report.hpp"
#include "tenon/ordered_index/position_index.hpp"
#include "tenon/ordered_index/queries.hpp"
#include "tenon/ordered_index/sorted_keys.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tenon {

/// sorted_array - binary search over the keys, no model.
///
/// Maps        key -> position.
/// Shapes      the model is a header alone.
/// Guarantee   std::lower_bound's. Without a model's bytes (view(span)) usable in constant expressions.
/// Cost        build O(n) to check the order; look-up O(log n) with a miss per step; 128 bytes.
/// Errors      build: unsorted input or NaN -> errc::unsorted_keys with the first offending rank.
/// Threads     const members may be called concurrently.
/// On disk     "tenonidx" version 6, name "sorted_array", docs/formats/rmi.md (the header)
/// Use when    there are few keys, or as the baseline.
struct sorted_array {
    using policy_axis                      = axis::ordered_index;
    static constexpr std::string_view name = "sorted_array";

    template <index_key Key>
    static result<byte_vector> build(std::span<Key const> keys) {
        if (auto sorted = check_sorted(keys); !sorted) return fail(std::move(sorted).error());
        byte_vector out;
        put(out, index_header::of(name, keys, sizeof(index_header)));
        return out;
    }

    template <index_key Key, class Keys>
    class view_of : public position_queries<view_of<Key, Keys>, Key, Keys> {
        using base = position_queries<view_of, Key, Keys>;

    public:
        template <class Others>
        using over_keys = view_of<Key, Others>;

        /// Without a model's bytes. Precondition: sorted.
        constexpr explicit view_of(std::span<Key const> sorted) noexcept
        requires std::is_pointer_v<Keys>
            : base(sorted) {}

        static result<view_of> open(byte_view model, std::span<Key const> keys)
        requires std::is_pointer_v<Keys>
        {
            return open(model, keys.data(), keys.size(), keys);
        }
        /// Over n keys, of which `ends` has the first and the last, in front and behind.
        static result<view_of> open(byte_view model, Keys keys, std::uint64_t n, std::span<Key const> ends) {
            auto header = index_header::read(model, name, ends, n);
            if (!header) return fail(std::move(header).error());
            if (header->bytes != sizeof(index_header) || header->extra != 0 || header->zero != 0)
                return fail(errc::corrupt, "a sorted_array is a header of 128 bytes and nothing else");
            return view_of(keys, n);
        }

        constexpr std::uint64_t lower_bound(Key const& k) const {
            return last_mile::branchy::search(this->keys_, 0, this->size_, k);
        }
        constexpr void batch(std::span<Key const> ks, std::span<std::uint64_t> out) const {
            expects(out.size() >= ks.size(),
                    "tenon: batch needs an out with room for as many positions as there are keys");
            for (std::size_t i = 0; i < ks.size(); ++i) out[i] = lower_bound(ks[i]);
        }
        /// Every position, and size() for "after the last".
        constexpr position_range window(Key const&) const noexcept { return {0, this->size() + 1}; }
        result<void>             validate() const { return check_sorted<Key>(this->keys_, this->size_); }
        /// Expected cache lines and the like, as text of several lines.
        std::string explain() const {
            return detail::explain_index(*this, name, last_mile::branchy::name, {sizeof(index_header), 0, {}});
        }

    private:
        constexpr view_of(Keys keys, std::uint64_t n) noexcept : base(keys, n) {}
    };
    template <index_key Key>
    using view = view_of<Key, Key const*>;

    /// See index_over.
    template <class Keys, class Projection = std::identity>
    static auto over(Keys&& keys, Projection projection = {}) {
        return index_over<sorted_array>(std::forward<Keys>(keys), std::move(projection));
    }
};

static_assert(ordered_index<sorted_array>);

}  // namespace tenon
