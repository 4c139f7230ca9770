// SPDX-License-Identifier: Apache-2.0
// Which parts of a page file are free: low addresses first, coalescing, in memory only.
#pragma once

#include "tenon/core/unless_done.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace tenon::detail::pages {

/// free_space - the free blocks of [begin, end), by offset and by the power of two of their length.
///
/// Maps        length -> offset of a block that holds it: the lowest of those that are surely long enough and of the few lowest of
///             its own power of two. So space fills from the front and the tail comes free.
/// Guarantee   free blocks never touch one another: neighbours are joined at once. A block is found when one of at least twice the
///             length is free.
/// Cost        every member O(log blocks), and take 64 look-ups more.
/// Threads     none: the owner locks.
/// Invariants  (1) blocks are disjoint, inside [begin, end) and not adjacent. (2) free_bytes() is their sum.
/// Source      address-ordered first fit: Wilson, Johnstone, Neely and Boles, Dynamic Storage Allocation, 1995. Differs: by size
///             classes, so that it never walks all blocks.
class free_space {
public:
    free_space() = default;
    /// All of [begin, end) is in use.
    free_space(std::uint64_t begin, std::uint64_t end) : begin_(begin), end_(end) {}

    /// Takes `length` bytes out of a free block, all before `before`; nothing when none is long enough. Precondition: length > 0.
    std::optional<std::uint64_t> take(std::uint64_t length, std::uint64_t before = ~std::uint64_t{0}) {
        auto const    own  = class_of(length);
        std::uint64_t best = none;
        std::size_t   look = 64;
        for (auto const offset : by_class_[own]) {
            if (by_offset_.find(offset)->second >= length) best = offset;
            if (best != none || --look == 0) break;
        }
        for (auto c = own + 1; c < by_class_.size(); ++c)
            if (!by_class_[c].empty()) best = std::min(best, *by_class_[c].begin());
        if (best == none || best + length > before) return std::nullopt;
        auto const size = by_offset_.find(best)->second;
        remove(best, size);
        if (size > length) insert(best + length, size - length);
        return best;
    }

    /// Gives [offset, offset + length) back. Precondition: it is in use.
    void give(std::uint64_t offset, std::uint64_t length) {
        auto after = by_offset_.lower_bound(offset);
        if (after != by_offset_.begin()) {
            auto const [o, n] = *std::prev(after);
            if (o + n == offset) {
                remove(o, n);
                offset = o;
                length += n;
            }
        }
        after = by_offset_.lower_bound(offset);
        if (after != by_offset_.end() && after->first == offset + length) {
            auto const [o, n] = *after;
            remove(o, n);
            length += n;
        }
        insert(offset, length);
    }

    /// Moves the end outwards; what is won is free.
    void extend(std::uint64_t new_end) {
        if (new_end <= end_) return;
        auto const from = std::exchange(end_, new_end);
        give(from, new_end - from);
    }

    /// Moves the end inwards. Precondition: [new_end, end) is free.
    void cut(std::uint64_t new_end) {
        auto const [offset, length] = *by_offset_.rbegin();
        remove(offset, length);
        if (offset < new_end) insert(offset, new_end - offset);
        end_ = new_end;
    }

    /// The length of the free block that touches the end, 0 when the last byte is in use.
    std::uint64_t tail() const noexcept {
        if (by_offset_.empty()) return 0;
        auto const& [offset, length] = *by_offset_.rbegin();
        return offset + length == end_ ? length : 0;
    }

    std::uint64_t end() const noexcept { return end_; }
    std::uint64_t free_bytes() const noexcept { return free_; }
    std::uint64_t used_bytes() const noexcept { return end_ - begin_ - free_; }

    /// Whether the invariants hold; for tests. O(blocks).
    bool validate() const {
        std::size_t classed = 0;
        for (auto const& c : by_class_) classed += c.size();
        if (by_offset_.size() != classed) return false;
        std::uint64_t sum = 0, last = 0;
        bool          first = true;
        for (auto const& [offset, length] : by_offset_) {
            if (length == 0 || offset < begin_ || offset + length > end_) return false;
            if (!first && offset <= last) return false;
            if (by_class_[class_of(length)].count(offset) == 0) return false;
            first = false;
            last  = offset + length;
            sum += length;
        }
        return sum == free_;
    }

private:
    static constexpr std::uint64_t none = ~std::uint64_t{0};

    static std::size_t class_of(std::uint64_t length) noexcept {
        return static_cast<std::size_t>(std::bit_width(length)) - 1;
    }
    void insert(std::uint64_t offset, std::uint64_t length) {
        by_offset_.emplace(offset, length);
        unless_done in_part([&] { by_offset_.erase(offset); });
        by_class_[class_of(length)].insert(offset);
        in_part.done();
        free_ += length;
    }
    void remove(std::uint64_t offset, std::uint64_t length) {
        by_offset_.erase(offset);
        by_class_[class_of(length)].erase(offset);
        free_ -= length;
    }

    std::uint64_t                           begin_ = 0, end_ = 0, free_ = 0;
    std::map<std::uint64_t, std::uint64_t>  by_offset_;
    std::array<std::set<std::uint64_t>, 64> by_class_;
};

}  // namespace tenon::detail::pages
