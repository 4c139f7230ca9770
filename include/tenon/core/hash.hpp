// SPDX-License-Identifier: Apache-2.0
// 64-bit hashes of bytes and of integers. They stand on disk in filters, so they never change.
#pragma once

#include "tenon/core/bytes.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>

/// hash - multiply-and-fold over 16-byte steps; a bijective finaliser for integers.
///
/// Maps        bytes and a seed -> 64 bits; integers -> 64 bits, bijectively.
/// Guarantee   the same on every platform and in every version: filters on disk hold these values.
///             Not for adversaries: who knows the seed can make collisions.
/// Cost        O(bytes); one 64 x 64 multiplication per 16 bytes.
/// Threads     pure functions.
/// Source      the multiply-and-fold idea of wyhash (Wang Yi, 2019) and the two-round xor-shift-multiply finaliser of
///             MurmurHash3 (Appleby) with Stafford's "Mix13" constants. Differs: the state is also carried round the
///             multiplication, so that a factor that becomes zero loses nothing of what came before.
namespace tenon {

namespace detail {

struct wide_product {
    std::uint64_t low, high;
};

/// The 128-bit product of two 64-bit integers.
constexpr wide_product multiply_wide(std::uint64_t a, std::uint64_t b) noexcept {
#if defined(__SIZEOF_INT128__)
    __extension__ using wide = unsigned __int128;
    auto const p             = static_cast<wide>(a) * b;
    return {static_cast<std::uint64_t>(p), static_cast<std::uint64_t>(p >> 64)};
#else
    std::uint64_t const a0 = a & 0xffffffffu, a1 = a >> 32, b0 = b & 0xffffffffu, b1 = b >> 32;
    std::uint64_t const p00 = a0 * b0, p01 = a0 * b1, p10 = a1 * b0, p11 = a1 * b1;
    std::uint64_t const middle = (p00 >> 32) + (p01 & 0xffffffffu) + (p10 & 0xffffffffu);
    return {(p00 & 0xffffffffu) | (middle << 32), p11 + (p01 >> 32) + (p10 >> 32) + (middle >> 32)};
#endif
}

constexpr std::uint64_t hash_fold(std::uint64_t a, std::uint64_t b) noexcept {
    auto const p = multiply_wide(a, b);
    return p.low ^ p.high;
}

inline constexpr std::uint64_t hash_k0 = 0x9e3779b97f4a7c15u;  // fractions of the golden ratio, sqrt 2, 3 and 5
inline constexpr std::uint64_t hash_k1 = 0x6a09e667f3bcc909u;
inline constexpr std::uint64_t hash_k2 = 0xbb67ae8584caa73bu;
inline constexpr std::uint64_t hash_k3 = 0x3c6ef372fe94f82bu;

}  // namespace detail

/// A bijection of the 64-bit integers whose every output bit depends on every input bit. hash_u64(0) is not 0.
constexpr std::uint64_t hash_u64(std::uint64_t x) noexcept {
    x += detail::hash_k0;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/// The hash of any bytes, none included. Bytes of different length hash differently also when one only adds zeros.
inline std::uint64_t hash_bytes(byte_view bytes, std::uint64_t seed = 0) noexcept {
    auto const* p = bytes.data();
    auto        n = bytes.size();
    auto        s = hash_u64(seed ^ detail::hash_k1);
    for (; n > 16; p += 16, n -= 16) {
        auto const a = load<std::uint64_t>(p), b = load<std::uint64_t>(p + 8);
        s = detail::hash_fold(a ^ detail::hash_k2, b ^ s) + std::rotl(s, 29);
    }
    std::uint64_t a = 0, b = 0;  // the last 0 to 16 bytes, overlapping where that is cheaper
    if (n >= 8) {
        a = load<std::uint64_t>(p);
        b = load<std::uint64_t>(p + n - 8);
    } else if (n >= 4) {
        a = load<std::uint32_t>(p);
        b = load<std::uint32_t>(p + n - 4);
    } else if (n > 0) {
        a = (std::to_integer<std::uint64_t>(p[0]) << 16) | (std::to_integer<std::uint64_t>(p[n / 2]) << 8) |
            std::to_integer<std::uint64_t>(p[n - 1]);
    }
    s = detail::hash_fold(a ^ detail::hash_k3, b ^ s) + std::rotl(s, 29);
    return hash_u64(s ^ (static_cast<std::uint64_t>(bytes.size()) * detail::hash_k2));
}

}  // namespace tenon
