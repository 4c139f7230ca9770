// SPDX-License-Identifier: Apache-2.0
// Binary search: the obvious position index, and the oracle of the others.
#pragma once

#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/sorted_keys.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

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
    class view {
    public:
        static result<view> open(byte_view model, std::span<Key const> keys) {
            auto header = index_header::read(model, name, keys);
            if (!header) return fail(std::move(header).error());
            if (header->bytes != sizeof(index_header) || header->extra != 0 || header->zero != 0)
                return fail(errc::corrupt, "a sorted_array is a header of 128 bytes and nothing else");
            return view(keys);
        }

        std::uint64_t lower_bound(Key k) const noexcept {
            return static_cast<std::uint64_t>(std::lower_bound(keys_.begin(), keys_.end(), k) - keys_.begin());
        }
        std::uint64_t upper_bound(Key k) const noexcept {
            return static_cast<std::uint64_t>(std::upper_bound(keys_.begin(), keys_.end(), k) - keys_.begin());
        }
        position_range equal_range(Key k) const noexcept { return {lower_bound(k), upper_bound(k)}; }
        std::uint64_t  find(Key k) const noexcept {
            auto const at = lower_bound(k);
            return at < keys_.size() && keys_[at] == k ? at : keys_.size();
        }
        /// Every position, and size() for "after the last".
        position_range window(Key) const noexcept { return {0, keys_.size() + 1}; }
        std::uint64_t  size() const noexcept { return keys_.size(); }
        result<void>   validate() const { return check_sorted(keys_); }

    private:
        explicit view(std::span<Key const> keys) noexcept : keys_(keys) {}
        std::span<Key const> keys_;
    };
};

static_assert(ordered_index<sorted_array>);

}  // namespace tenon
