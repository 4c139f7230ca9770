// SPDX-License-Identifier: Apache-2.0
// A peer: the keys once more in the order of a breadth-first walk, with the rank of each.
#pragma once

#include "../pages.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>

namespace bench {

/// eytzinger - a binary search tree without pointers: the children of i are 2 i and 2 i + 1.
///
/// Shapes      n keys and n ranks of 4 bytes, both counted from 1; n < 2^32.
/// Cost        log2 n steps without branches; 12 bytes a key beyond the sorted array. The eight descendants three levels down share a line, which is
///             prefetched.
/// Source      Khuong and Morin, "Array layouts for comparison-based searching", 2017.
class eytzinger {
public:
    eytzinger(std::uint64_t const* keys, std::size_t n) : n_(n), keys_(n + 1), ranks_(n + 1) {
        ranks_[0] = static_cast<std::uint32_t>(n);  // where a search ends that found no key
        // In order without recursion: down to the left, then up to the first ancestor that was left of.
        std::size_t at = 1;
        while (2 * at <= n) at *= 2;
        for (std::size_t i = 0; i < n; ++i) {
            keys_[at]  = keys[i];
            ranks_[at] = static_cast<std::uint32_t>(i);
            if (2 * at + 1 <= n) {
                at = 2 * at + 1;
                while (2 * at <= n) at *= 2;
            } else {
                at >>= std::countr_one(at) + 1;
            }
        }
    }
    std::size_t   bytes() const noexcept { return (n_ + 1) * (sizeof(std::uint64_t) + sizeof(std::uint32_t)); }
    std::uint64_t lower_bound(std::uint64_t k) const noexcept {
        std::size_t at = 1;
        while (at <= n_) {
            __builtin_prefetch(keys_.begin() + at * 8);
            at = 2 * at + (keys_[at] < k);
        }
        return ranks_[at >> (std::countr_one(at) + 1)];
    }

private:
    std::size_t          n_;
    paged<std::uint64_t> keys_;
    paged<std::uint32_t> ranks_;
};

}  // namespace bench
