// SPDX-License-Identifier: Apache-2.0
// How many of a few sorted values lie below a key: one cache line at a time, without branches.
#pragma once

#include "tenon/core/simd_flags.hpp"

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

/// line_search - counting in a cache line, with the vector instructions that the compiler's flags allow.
///
/// Guarantee   the same answers whatever the flags: values are compared, nothing is rounded.
/// Cost        with AVX-512 three instructions a line, five for two lines of unsigned words; with AVX2 about ten; else two for each value.
/// Threads     pure functions; memory is read, never past the n values.
namespace tenon {
inline namespace TENON_SIMD_FLAGS {

/// Values of K in a cache line.
template <class K>
inline constexpr std::size_t line_keys = sizeof(K) < 64 ? 64 / sizeof(K) : 1;

/// How many of the `line_keys<K>` values at p are less than k; p needs no alignment.
template <class K>
inline unsigned line_less(K const* p, K const& k) noexcept {
    constexpr bool wide_word = std::integral<K> && sizeof(K) == 8;
    constexpr bool half_word = std::integral<K> && sizeof(K) == 4;
#if defined(__AVX512F__)
    if constexpr (wide_word) {
        auto const key = _mm512_set1_epi64(static_cast<long long>(k));
        auto const v   = _mm512_loadu_si512(p);
        if constexpr (std::is_signed_v<K>)
            return static_cast<unsigned>(std::popcount(static_cast<unsigned>(_mm512_cmpgt_epi64_mask(key, v))));
        else return static_cast<unsigned>(std::popcount(static_cast<unsigned>(_mm512_cmpgt_epu64_mask(key, v))));
    } else if constexpr (half_word) {
        auto const key = _mm512_set1_epi32(static_cast<int>(k));
        auto const v   = _mm512_loadu_si512(p);
        if constexpr (std::is_signed_v<K>)
            return static_cast<unsigned>(std::popcount(static_cast<unsigned>(_mm512_cmpgt_epi32_mask(key, v))));
        else return static_cast<unsigned>(std::popcount(static_cast<unsigned>(_mm512_cmpgt_epu32_mask(key, v))));
    } else if constexpr (std::same_as<K, double>) {
        auto const mask = _mm512_cmp_pd_mask(_mm512_loadu_pd(p), _mm512_set1_pd(k), _CMP_LT_OQ);
        return static_cast<unsigned>(std::popcount(static_cast<unsigned>(mask)));
    } else if constexpr (std::same_as<K, float>) {
        auto const mask = _mm512_cmp_ps_mask(_mm512_loadu_ps(p), _mm512_set1_ps(k), _CMP_LT_OQ);
        return static_cast<unsigned>(std::popcount(static_cast<unsigned>(mask)));
    } else
#elif defined(__AVX2__)
    if constexpr (wide_word) {
        // Signed comparison of values whose sign bits are inverted when they are unsigned; each mask lane is -1 where less.
        auto const flip = _mm256_set1_epi64x(std::is_signed_v<K> ? 0 : static_cast<long long>(std::uint64_t{1} << 63));
        auto const key  = _mm256_xor_si256(_mm256_set1_epi64x(static_cast<long long>(k)), flip);
        auto const low  = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(p));
        auto const high = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(p + 4));
        auto const less = _mm256_add_epi64(_mm256_cmpgt_epi64(key, _mm256_xor_si256(low, flip)),
                                           _mm256_cmpgt_epi64(key, _mm256_xor_si256(high, flip)));
        auto const two  = _mm_add_epi64(_mm256_castsi256_si128(less), _mm256_extracti128_si256(less, 1));
        return static_cast<unsigned>(-(_mm_cvtsi128_si64(two) + _mm_extract_epi64(two, 1)));
    } else
#endif
    {
        (void)wide_word, (void)half_word;
        unsigned less = 0;
        for (std::size_t i = 0; i < line_keys<K>; ++i) less += p[i] < k ? 1u : 0u;
        return less;
    }
}

/// How many of the values at p and of those at q are less than k.
template <class K>
inline unsigned lines_less(K const* p, K const* q, K const& k) noexcept {
#if defined(__AVX512F__)
    if constexpr (std::unsigned_integral<K> && sizeof(K) == 8) {
        auto const key = _mm512_set1_epi64(static_cast<long long>(k));
        auto const two = _mm512_kunpackb(_mm512_cmpgt_epu64_mask(key, _mm512_loadu_si512(q)),
                                         _mm512_cmpgt_epu64_mask(key, _mm512_loadu_si512(p)));
        return static_cast<unsigned>(std::popcount(std::uint64_t{_cvtmask16_u32(two)}));
    }
#endif
    return line_less(p, k) + line_less(q, k);
}

/// The same for n <= line_keys<K> values; nothing behind them is read.
template <class K>
inline unsigned some_less(K const* p, std::size_t n, K const& k) noexcept {
    unsigned less = 0;
    for (std::size_t i = 0; i < n; ++i) less += p[i] < k ? 1u : 0u;
    return less;
}

/// Asks for a cache line. The empty statement keeps GCC from taking a function that does nothing else for one without effects, whose
/// calls it leaves out where it does not inline them.
inline void prefetch([[maybe_unused]] void const* p) noexcept {
#if defined(__GNUC__)
    __builtin_prefetch(p);
    __asm__ volatile("");
#endif
}

}  // namespace TENON_SIMD_FLAGS
}  // namespace tenon
