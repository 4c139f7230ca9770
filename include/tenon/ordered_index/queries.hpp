// SPDX-License-Identifier: Apache-2.0
// The look-ups that every position index offers, from lower_bound alone.
#pragma once

#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/last_mile.hpp"

#include <cstdint>
#include <iterator>
#include <span>
#include <type_traits>

namespace tenon {

/// Keys behind a random-access iterator, by their position: references where there are any to a Key, else values.
template <class Key, std::random_access_iterator Iterator>
class iterated_keys {
public:
    constexpr explicit iterated_keys(Iterator first) noexcept : first_(first) {}
    constexpr decltype(auto) operator[](std::uint64_t i) const {
        auto const at = static_cast<std::iter_difference_t<Iterator>>(i);
        if constexpr (std::is_same_v<std::remove_cvref_t<std::iter_reference_t<Iterator>>, Key>) return first_[at];
        else return static_cast<Key>(first_[at]);
    }

private:
    Iterator first_;
};

/// A base class of views: `Derived` has `lower_bound(k)` and the keys. `Keys` is a pointer to them, or has keys[i] as iterated_keys has.
///
/// Cost        find and lower_bound as Derived's; upper_bound, equal_range and count O(log of the number of equal keys) more.
template <class Derived, index_key Key, class Keys = Key const*>
class position_queries {
public:
    constexpr std::uint64_t size() const noexcept { return size_; }
    /// The key at a position that is less than size().
    constexpr decltype(auto)       key(std::uint64_t at) const { return keys_[at]; }
    constexpr std::span<Key const> keys() const noexcept
    requires std::is_pointer_v<Keys>
    {
        return {keys_, static_cast<std::size_t>(size_)};
    }

    constexpr std::uint64_t  upper_bound(Key const& k) const { return end_of_equal(self().lower_bound(k), k); }
    constexpr position_range equal_range(Key const& k) const {
        auto const first = self().lower_bound(k);
        return {first, end_of_equal(first, k)};
    }
    constexpr std::uint64_t count(Key const& k) const {
        auto const range = equal_range(k);
        return range.last - range.first;
    }
    /// The first position of a key that equals k, else size().
    constexpr std::uint64_t find(Key const& k) const {
        auto const at = self().lower_bound(k);
        return at < size_ && !(k < keys_[at]) ? at : size_;
    }

protected:
    constexpr explicit position_queries(std::span<Key const> keys) noexcept
    requires std::is_pointer_v<Keys>
        : keys_(keys.data()), size_(keys.size()) {}
    constexpr position_queries(Keys keys, std::uint64_t size) noexcept : keys_(keys), size_(size) {}

    /// `at` when it is lower_bound(k). Else the true one: by steps that double when keys behind `at` are less (they project to the
    /// same number), by a search of all keys when the model's bytes are wrong.
    constexpr std::uint64_t checked(std::uint64_t at, Key const& k) const {
        bool const not_late = at == 0 || keys_[at - 1] < k, not_early = at == size_ || !(keys_[at] < k);
        if (not_late && not_early) [[likely]]
            return at;
        return not_late ? gallop(at, [&](Key const& x) { return x < k; })
                        : last_mile::branchless::search(keys_, 0, size_, k);
    }

    Keys          keys_;
    std::uint64_t size_;

private:
    constexpr Derived const& self() const noexcept { return static_cast<Derived const&>(*this); }

    constexpr std::uint64_t end_of_equal(std::uint64_t first, Key const& k) const {
        if (first == size_ || k < keys_[first]) return first;
        return gallop(first, [&](Key const& x) { return !(k < x); });
    }
    /// The first position from `at` on for which `before` is false. Precondition: it is true at `at`.
    template <class Before>
    constexpr std::uint64_t gallop(std::uint64_t at, Before before) const {
        std::uint64_t step = 1;
        while (size_ - at > step && before(keys_[at + step])) at += step, step *= 2;
        auto low = at + 1, high = size_ - at > step ? at + step : size_;
        while (low < high) {
            auto const middle = low + (high - low) / 2;
            if (before(keys_[middle])) low = middle + 1;
            else high = middle;
        }
        return low;
    }
};

}  // namespace tenon
