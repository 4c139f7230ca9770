// SPDX-License-Identifier: Apache-2.0
// The look-ups that every position index offers, from lower_bound alone.
#pragma once

#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/last_mile.hpp"

#include <cstdint>
#include <span>

namespace tenon {

/// A base class of views: `Derived` has `lower_bound(k)` and the keys.
///
/// Cost        find and lower_bound as Derived's; upper_bound, equal_range and count O(log of the number of equal keys) more.
template <class Derived, index_key Key>
class position_queries {
public:
    std::uint64_t        size() const noexcept { return size_; }
    std::span<Key const> keys() const noexcept { return {keys_, static_cast<std::size_t>(size_)}; }

    std::uint64_t  upper_bound(Key const& k) const { return end_of_equal(self().lower_bound(k), k); }
    position_range equal_range(Key const& k) const {
        auto const first = self().lower_bound(k);
        return {first, end_of_equal(first, k)};
    }
    std::uint64_t count(Key const& k) const {
        auto const range = equal_range(k);
        return range.last - range.first;
    }
    /// The first position of a key that equals k, else size().
    std::uint64_t find(Key const& k) const {
        auto const at = self().lower_bound(k);
        return at < size_ && !(k < keys_[at]) ? at : size_;
    }

protected:
    explicit position_queries(std::span<Key const> keys) noexcept : keys_(keys.data()), size_(keys.size()) {}

    /// `at` when it is lower_bound(k). Else the true one: by steps that double when keys behind `at` are less (they project to the
    /// same number), by a search of all keys when the model's bytes are wrong.
    std::uint64_t checked(std::uint64_t at, Key const& k) const {
        bool const not_late = at == 0 || keys_[at - 1] < k, not_early = at == size_ || !(keys_[at] < k);
        if (not_late && not_early) [[likely]]
            return at;
        return not_late ? gallop(at, [&](Key const& x) { return x < k; })
                        : last_mile::branchless::search(keys_, 0, size_, k);
    }

    Key const*    keys_;
    std::uint64_t size_;

private:
    Derived const& self() const noexcept { return static_cast<Derived const&>(*this); }

    std::uint64_t end_of_equal(std::uint64_t first, Key const& k) const {
        if (first == size_ || k < keys_[first]) return first;
        return gallop(first, [&](Key const& x) { return !(k < x); });
    }
    /// The first position from `at` on for which `before` is false. Precondition: it is true at `at`.
    template <class Before>
    std::uint64_t gallop(std::uint64_t at, Before before) const {
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
