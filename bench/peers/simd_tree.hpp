// SPDX-License-Identifier: Apache-2.0
// The baseline: a static B+-tree over a sorted array, one cache line a node, searched by vector compares.
#pragma once

#include "../pages.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace bench {

/// simd_tree - nine children under eight keys; levels one behind the other, the caller's array is the last.
///
/// Shapes      keys: n sorted u64 on 64-byte lines, filled with the greatest key to the end of the last line.
/// Invariants  (1) key j of a node is the greatest key under its child j, so the answer lies under the child that is visited.
///             (2) missing keys are the greatest, which no query exceeds.
/// Cost        one line a level; 64 / 9 * (9 / 8) bytes for eight keys of the array: 1 byte a key.
/// Source      Slotin, "Static B-Trees", en.algorithmica.org, 2022; Groot Koerkamp, "Static search trees", curiouscoding.nl, 2024. Differs: 64-bit
///             keys, AVX-512, positions as answers.
class simd_tree {
public:
#if defined(__AVX512F__)
    static constexpr char const* kernel = "AVX-512";
#elif defined(__AVX2__)
    static constexpr char const* kernel = "AVX2";
#else
    static constexpr char const* kernel = "as the compiler makes it";
#endif
    static constexpr std::size_t width = 8, fanout = 9, max_levels = 24;

    simd_tree(std::uint64_t const* keys, std::size_t n) : keys_(keys) {
        std::size_t nodes = (n + width - 1) / width, under = width;  // of the level below; keys under each of them
        std::array<std::size_t, max_levels> count{}, reach{};
        while (nodes > 1) {
            reach[levels_]   = under;
            count[levels_++] = nodes = (nodes + fanout - 1) / fanout;
            under *= fanout;
        }
        std::size_t all = 0;
        for (std::size_t l = 0; l < levels_; ++l) all += count[l];
        nodes_   = paged<std::uint64_t>(all * width, greatest);
        auto* at = nodes_.begin();
        for (std::size_t l = levels_; l-- > 0; at += count[l] * width) {
            level_[levels_ - 1 - l] = at;
            fill({at, count[l] * width}, keys, n, reach[l]);
        }
        level_[levels_] = keys;
    }

    std::size_t bytes() const noexcept { return nodes_.size() * sizeof(std::uint64_t); }

    std::uint64_t lower_bound(std::uint64_t k) const noexcept {
        auto const    wanted = spread(k);
        std::uint64_t node   = 0;
        for (std::size_t l = 0; l < levels_; ++l) node = node * fanout + less(level_[l] + node * width, wanted);
        return node * width + less(keys_ + node * width, wanted);
    }

    /// Many at once, level by level: the next node of each is on its way while the others are looked at.
    void batch(std::span<std::uint64_t const> ks, std::span<std::uint64_t> out) const noexcept {
        std::size_t i = 0;
        for (; i + in_flight <= ks.size(); i += in_flight) together(ks.data() + i, out.data() + i);
        for (; i < ks.size(); ++i) out[i] = lower_bound(ks[i]);
    }

private:
    static constexpr std::size_t   in_flight = 128;  // 32 take half as long again
    static constexpr std::uint64_t greatest  = std::numeric_limits<std::uint64_t>::max();

    static void fill(std::span<std::uint64_t> level, std::uint64_t const* keys, std::size_t n, std::size_t reach) {
        std::size_t child = 0;
        for (std::size_t i = 0; i < level.size(); ++child) {
            if (child % fanout == width) continue;  // the last child of a node has no key
            auto const end = (child + 1) * reach;
            if (end >= n) break;  // nor has the last child of the level
            level[i++] = keys[end - 1];
        }
    }

    void together(std::uint64_t const* ks, std::uint64_t* out) const noexcept {
        std::array<std::uint64_t, in_flight> node{};
        for (std::size_t l = 0; l < levels_; ++l) {
            auto const *const here = level_[l], *const below = level_[l + 1];
            for (std::size_t j = 0; j < in_flight; ++j) {
                node[j] = node[j] * fanout + less(here + node[j] * width, spread(ks[j]));
                __builtin_prefetch(below + node[j] * width);
            }
        }
        for (std::size_t j = 0; j < in_flight; ++j)
            out[j] = node[j] * width + less(keys_ + node[j] * width, spread(ks[j]));
    }

    // ---- how many of a line's eight keys are less than k ----
#if defined(__AVX512F__)
    static __m512i       spread(std::uint64_t k) noexcept { return _mm512_set1_epi64(static_cast<long long>(k)); }
    static std::uint64_t less(std::uint64_t const* line, __m512i k) noexcept {
        return static_cast<std::uint64_t>(
            std::popcount(static_cast<unsigned>(_mm512_cmplt_epu64_mask(_mm512_load_si512(line), k))));
    }
#elif defined(__AVX2__)
    static __m256i flipped(__m256i v) noexcept {  // unsigned order as signed order
        return _mm256_xor_si256(v, _mm256_set1_epi64x(std::numeric_limits<long long>::min()));
    }
    static __m256i spread(std::uint64_t k) noexcept { return flipped(_mm256_set1_epi64x(static_cast<long long>(k))); }
    static std::uint64_t less(std::uint64_t const* line, __m256i k) noexcept {
        auto const* const at   = reinterpret_cast<__m256i const*>(line);
        auto const        low  = _mm256_cmpgt_epi64(k, flipped(_mm256_load_si256(at)));
        auto const        high = _mm256_cmpgt_epi64(k, flipped(_mm256_load_si256(at + 1)));
        auto const both = _mm256_movemask_pd(_mm256_castsi256_pd(low)) | _mm256_movemask_pd(_mm256_castsi256_pd(high))
                                                                             << 4;
        return static_cast<std::uint64_t>(std::popcount(static_cast<unsigned>(both)));
    }
#else
    static std::uint64_t spread(std::uint64_t k) noexcept { return k; }
    static std::uint64_t less(std::uint64_t const* line, std::uint64_t k) noexcept {
        std::uint64_t n = 0;
        for (std::size_t i = 0; i < width; ++i) n += line[i] < k;
        return n;
    }
#endif

    std::uint64_t const*                             keys_;
    std::size_t                                      levels_ = 0;
    std::array<std::uint64_t const*, max_levels + 1> level_{};
    paged<std::uint64_t>                             nodes_;
};

}  // namespace bench
