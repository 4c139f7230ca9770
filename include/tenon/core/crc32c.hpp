// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli), by the processor's instruction where there is one, else by tables.
#pragma once

#include "tenon/core/bytes.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

/// crc32c - the checksum of every page, record and file of tenon.
///
/// Maps        bytes -> 32 bits: reflected polynomial 0x82f63b78, start and end inverted (iSCSI, RFC 3720 B.4).
/// Guarantee   crc32c(ab) == crc32c(b, crc32c(a)); the same on every path. crc32c of no bytes is the seed.
///             Finds every burst of up to 32 wrong bits.
/// Cost        x86-64 with SSE4.2, asked at run time: three streams of 8-byte steps; else 8 table look-ups per 8 bytes.
/// Threads     pure functions.
/// Source      Gueron and Kounavis, "Fast CRC computation for iSCSI polynomial using CRC32 instruction", 2011, for the
///             interleaving; Kounavis and Berry, 2008, for slicing by 8. Differs: streams are joined by a table.
namespace tenon {

namespace detail {

inline constexpr std::uint32_t crc32c_polynomial = 0x82f63b78u;
inline constexpr std::size_t   crc32c_stream     = 512;  // bytes of each of the three streams

/// Linear map on 32 bits, as the images of the single bits.
using crc32c_matrix = std::array<std::uint32_t, 32>;

constexpr std::uint32_t crc32c_apply(crc32c_matrix const& m, std::uint32_t v) noexcept {
    std::uint32_t out = 0;
    for (std::size_t i = 0; v != 0; v >>= 1, ++i)
        if ((v & 1u) != 0) out ^= m[i];
    return out;
}

/// slices[k][b]: the crc of byte b followed by k zero bytes.
constexpr auto crc32c_make_slices() noexcept {
    std::array<std::array<std::uint32_t, 256>, 8> t{};
    for (std::uint32_t b = 0; b < 256; ++b) {
        std::uint32_t c = b;
        for (int i = 0; i < 8; ++i) c = (c >> 1) ^ ((c & 1u) != 0 ? crc32c_polynomial : 0u);
        t[0][b] = c;
    }
    for (std::size_t k = 1; k < 8; ++k)
        for (std::size_t b = 0; b < 256; ++b) t[k][b] = (t[k - 1][b] >> 8) ^ t[0][t[k - 1][b] & 0xffu];
    return t;
}
inline constexpr auto crc32c_slices = crc32c_make_slices();

/// joins[i][b]: the state b << 8i after crc32c_stream zero bytes.
constexpr auto crc32c_make_joins() noexcept {
    crc32c_matrix m{};
    for (std::size_t i = 0; i < 32; ++i) {  // one zero byte
        auto const v = std::uint32_t{1} << i;
        m[i]         = (v >> 8) ^ crc32c_slices[0][v & 0xffu];
    }
    for (std::size_t n = 1; n < crc32c_stream; n *= 2) {
        crc32c_matrix twice{};
        for (std::size_t i = 0; i < 32; ++i) twice[i] = crc32c_apply(m, m[i]);
        m = twice;
    }
    std::array<std::array<std::uint32_t, 256>, 4> t{};
    for (std::size_t k = 0; k < 4; ++k)
        for (std::size_t b = 1; b < 256; ++b)  // by the lowest set bit: linear
            for (std::size_t i = 0; i < 8; ++i)
                if (((b >> i) & 1u) != 0) {
                    t[k][b] = t[k][b & (b - 1)] ^ m[8 * k + i];
                    break;
                }
    return t;
}
inline constexpr auto crc32c_joins = crc32c_make_joins();

constexpr std::uint32_t crc32c_over_stream(std::uint32_t c) noexcept {
    return crc32c_joins[0][c & 0xffu] ^ crc32c_joins[1][(c >> 8) & 0xffu] ^ crc32c_joins[2][(c >> 16) & 0xffu] ^
           crc32c_joins[3][c >> 24];
}

/// Works on every processor. State in, state out (not inverted).
inline std::uint32_t crc32c_portable(std::uint32_t c, std::byte const* p, std::size_t n) noexcept {
    auto const& t = crc32c_slices;
    for (; n >= 8; p += 8, n -= 8) {
        auto const w = load<std::uint64_t>(p) ^ c;
        c            = t[7][w & 0xffu] ^ t[6][(w >> 8) & 0xffu] ^ t[5][(w >> 16) & 0xffu] ^ t[4][(w >> 24) & 0xffu] ^
            t[3][(w >> 32) & 0xffu] ^ t[2][(w >> 40) & 0xffu] ^ t[1][(w >> 48) & 0xffu] ^ t[0][w >> 56];
    }
    for (; n > 0; ++p, --n) c = (c >> 8) ^ t[0][(c ^ std::to_integer<std::uint32_t>(*p)) & 0xffu];
    return c;
}

#if defined(__x86_64__)
/// Needs SSE4.2. State in, state out.
__attribute__((target("sse4.2"))) inline std::uint32_t crc32c_sse42(std::uint32_t c, std::byte const* p,
                                                                    std::size_t n) noexcept {
    constexpr auto stream = crc32c_stream;
    for (; n >= 3 * stream; p += 3 * stream, n -= 3 * stream) {
        std::uint64_t a = c, b = 0, d = 0;
        for (std::size_t i = 0; i < stream; i += 8) {
            a = _mm_crc32_u64(a, load<std::uint64_t>(p + i));
            b = _mm_crc32_u64(b, load<std::uint64_t>(p + stream + i));
            d = _mm_crc32_u64(d, load<std::uint64_t>(p + 2 * stream + i));
        }
        c = crc32c_over_stream(static_cast<std::uint32_t>(a)) ^ static_cast<std::uint32_t>(b);
        c = crc32c_over_stream(c) ^ static_cast<std::uint32_t>(d);
    }
    std::uint64_t a = c;
    for (; n >= 8; p += 8, n -= 8) a = _mm_crc32_u64(a, load<std::uint64_t>(p));
    c = static_cast<std::uint32_t>(a);
    for (; n > 0; ++p, --n) c = _mm_crc32_u8(c, std::to_integer<unsigned char>(*p));
    return c;
}
#endif

}  // namespace detail

/// The checksum of `bytes`, or of what `seed` is the checksum of followed by `bytes`.
inline std::uint32_t crc32c(byte_view bytes, std::uint32_t seed = 0) noexcept {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return ~detail::crc32c_sse42(~seed, bytes.data(), bytes.size());
#endif
    return ~detail::crc32c_portable(~seed, bytes.data(), bytes.size());
}

}  // namespace tenon
