// SPDX-License-Identifier: Apache-2.0
// The least type that is an ordered_index: generic code is checked against it.
#pragma once

#include "tenon/ordered_index/concept.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace tenon::archetype {

/// Satisfies the syntax and nothing more; it is compiled against, not run.
struct ordered_index_policy {
    using policy_axis                      = axis::ordered_index;
    static constexpr std::string_view name = "archetype";

    template <index_key Key>
    static result<byte_vector> build(std::span<Key const>) {
        return byte_vector{};
    }

    template <index_key Key>
    class view {
    public:
        static result<view> open(byte_view, std::span<Key const> keys) { return view(keys.size()); }

        view(view const&)            = default;
        view& operator=(view const&) = delete;

        std::uint64_t  lower_bound(Key) const { return 0; }
        std::uint64_t  upper_bound(Key) const { return 0; }
        position_range equal_range(Key) const { return {}; }
        std::uint64_t  count(Key) const { return 0; }
        std::uint64_t  find(Key) const { return size_; }
        void           batch(std::span<Key const>, std::span<std::uint64_t>) const {}
        position_range window(Key) const { return {0, size_ + 1}; }
        std::uint64_t  size() const { return size_; }
        result<void>   validate() const { return {}; }

    private:
        explicit view(std::uint64_t size) : size_(size) {}
        std::uint64_t size_;
    };
};

static_assert(ordered_index<ordered_index_policy>);

}  // namespace tenon::archetype
