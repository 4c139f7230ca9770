// SPDX-License-Identifier: Apache-2.0
// The learned part of learned_map.hpp above its leaves: a model of where numbers lie, which spares the upper inner nodes.
#pragma once

#include "tenon/ordered_map/learned_map_memory.hpp"
#include "tenon/ordered_map/learned_map_nodes.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

namespace tenon::detail {

/// learned_routes - number -> lowest inner node, by a linear or a floating-point scale over all numbers.
///
/// Guarantee   what find() returns is exact: the node whose range holds the number, or null where the scale is too coarse to tell.
///             There is a table only while that happens to few nodes; hard sets go without.
/// Cost        find: about ten instructions and one line. set: O(nodes).
template <class Allocator>
class learned_routes {
    /// The nodes that share an interval of the scale: the second one from above `bound` on.
    struct route {
        learned_inner* first  = nullptr;
        learned_inner* second = nullptr;
        std::uint64_t  bound  = 0;
        std::size_t    nodes  = 0;
    };
    static constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

public:
    static constexpr std::size_t least_nodes = 8, most_nodes = 4096;
    static constexpr std::size_t most_routes = std::size_t{1} << 15;

    explicit learned_routes(Allocator const& a) : table_(a) {}

    std::size_t bytes() const noexcept { return table_.capacity() * sizeof(route); }
    bool        active() const noexcept { return size_ > 0; }
    /// Makes room for the table of n nodes.
    void reserve(std::size_t n) {
        if (n >= least_nodes && n <= most_nodes && table_.size() < wanted(n)) table_.resize(wanted(n));
    }
    void drop() noexcept { size_ = 0; }
    void release() noexcept {
        size_ = failed_at_ = 0;
        learned_vector<route, Allocator>(table_.get_allocator()).swap(table_);
    }
    void swap(learned_routes& other) noexcept {
        table_.swap(other.table_);
        std::swap(size_, other.size_);
        std::swap(failed_at_, other.failed_at_);
        std::swap(base_, other.base_);
        std::swap(skip_, other.skip_);
        std::swap(shift_, other.shift_);
        std::swap(digits_, other.digits_);
        std::swap(floating_, other.floating_);
    }

    /// The node for a number; null: take the way through the tree. Precondition: active().
    learned_inner* find(std::uint64_t w) const noexcept {
        auto const& r = table_[index(w)];
        return w > r.bound ? r.second : r.first;
    }
    /// Learns n nodes between the numbers `low` and `high`; `walk(see)` calls see(node, greatest number of its range) in order. Where
    /// no scale tells enough of them apart, or there was no memory for the table, there is none.
    template <class Walk>
    void set(std::size_t n, std::uint64_t low, std::uint64_t high, Walk walk) noexcept {
        size_ = 0;
        if (n < least_nodes || n > most_nodes || table_.size() < wanted(n) || low >= high) return;
        if (n > failed_at_ / 2 && n < failed_at_ + failed_at_ / 8) return;  // nothing much has changed since
        if (fit(false, n, low, high, walk) || fit(true, n, low, high, walk)) {
            failed_at_ = 0;
        } else {
            failed_at_ = n;
            size_      = 0;
        }
    }

private:
    static std::size_t wanted(std::size_t n) noexcept { return std::min(most_routes, std::bit_ceil(n * 16)); }

    /// Where a number lies on the scale; monotone.
    std::size_t index(std::uint64_t w) const noexcept {
        auto const x = w < base_ ? 0 : w - base_;
        if (!floating_) return std::min<std::uint64_t>(x >> shift_, size_ - 1);
        auto const at = floating_place(x);
        return std::min<std::uint64_t>(at < skip_ ? 0 : at - skip_, size_ - 1);
    }
    std::uint64_t floating_place(std::uint64_t x) const noexcept {
        auto const s = static_cast<unsigned>(std::bit_width(x | ((std::uint64_t{2} << digits_) - 1))) - digits_ - 1;
        return (std::uint64_t{s} << digits_) + (x >> s);
    }
    template <class Walk>
    bool fit(bool floating, std::size_t n, std::uint64_t low, std::uint64_t high, Walk walk) noexcept {
        floating_ = floating;
        digits_   = static_cast<unsigned>(std::bit_width(std::clamp<std::size_t>(table_.size() / 64, 2, 512))) - 1;
        base_     = floating ? 0 : low;
        skip_     = floating ? floating_place(low) : 0;
        if (floating) {
            size_ = std::min<std::uint64_t>(floating_place(high) - skip_ + 1, table_.size());
        } else {
            auto const width = static_cast<unsigned>(std::bit_width(high - low)),
                       bits  = static_cast<unsigned>(std::bit_width(std::bit_ceil(n * 4) - 1));
            shift_           = width > bits ? width - bits : 0;
            size_            = static_cast<std::size_t>(((high - low) >> shift_) + 1);
        }
        std::fill_n(table_.begin(), size_, route{});
        std::uint64_t from = 0;  // the least number of the node's range
        std::size_t   lost = 0;
        walk([&](learned_inner* node, std::uint64_t last) {
            auto const until = last == most ? size_ - 1 : index(last);
            for (auto i = from == 0 ? 0 : index(from); i <= until; ++i) {
                auto& r = table_[i];
                if (r.nodes++ == 0) {
                    r.first = r.second = node;
                    r.bound            = most;
                } else if (r.nodes == 2) {
                    r.second = node;
                    r.bound  = from - 1;
                } else {
                    lost += r.nodes == 3 ? 3 : 1;
                    r.first = r.second = nullptr;
                }
            }
            from = last + 1;
        });
        return lost <= n / 16;
    }

    learned_vector<route, Allocator> table_;
    std::size_t                      size_ = 0, failed_at_ = 0;
    std::uint64_t                    base_ = 0, skip_ = 0;
    unsigned                         shift_ = 0, digits_ = 0;  // digits_: binary places of the floating-point scale

    bool floating_ = false;
};

}  // namespace tenon::detail
