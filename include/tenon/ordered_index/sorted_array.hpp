// SPDX-License-Identifier: Apache-2.0
// Binary search: the obvious position index, and the oracle of the others.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/index_report.hpp"
#include "tenon/ordered_index/position_index.hpp"
#include "tenon/ordered_index/queries.hpp"
#include "tenon/ordered_index/sorted_keys.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tenon {

/// sorted_array - std::lower_bound over the keys, no model.
///
/// Maps        key -> position.
/// Shapes      the model is a header alone.
/// Guarantee   the standard library's.
/// Cost        build O(n) to check the order; look-up O(log n) with a miss per step; 128 bytes.
/// Errors      build: unsorted input or NaN -> errc::unsorted_keys with the first offending rank.
/// Threads     const members may be called concurrently.
/// On disk     "tenonidx" version 1, name "sorted_array", docs/formats/rmi.md (the header)
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

    template <index_key Key>
    class view : public position_queries<view<Key>, Key> {
    public:
        static result<view> open(byte_view model, std::span<Key const> keys) {
            auto header = index_header::read(model, name, keys);
            if (!header) return fail(std::move(header).error());
            if (header->bytes != sizeof(index_header) || header->extra != 0 || header->zero != 0)
                return fail(errc::corrupt, "a sorted_array is a header of 128 bytes and nothing else");
            return view(keys);
        }

        std::uint64_t lower_bound(Key const& k) const {
            auto const keys = this->keys();
            return static_cast<std::uint64_t>(std::lower_bound(keys.begin(), keys.end(), k) - keys.begin());
        }
        void batch(std::span<Key const> ks, std::span<std::uint64_t> out) const {
            expects(out.size() >= ks.size(),
                    "tenon: batch needs an out with room for as many positions as there are keys");
            for (std::size_t i = 0; i < ks.size(); ++i) out[i] = lower_bound(ks[i]);
        }
        /// Every position, and size() for "after the last".
        position_range window(Key const&) const noexcept { return {0, this->size() + 1}; }
        result<void>   validate() const { return check_sorted(this->keys()); }
        /// Expected cache lines and the like, as text of several lines.
        std::string explain() const {
            return detail::explain_index(*this, name, last_mile::branchy::name, {sizeof(index_header), 0, {}});
        }

    private:
        explicit view(std::span<Key const> keys) noexcept : position_queries<view, Key>(keys) {}
    };

    /// An index over a vector, an array or a span of the caller's.
    template <class Keys>
    static auto over(Keys&& keys) {
        return index_over<sorted_array>(std::forward<Keys>(keys));
    }
};

static_assert(ordered_index<sorted_array>);

}  // namespace tenon
