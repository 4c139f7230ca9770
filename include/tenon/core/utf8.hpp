// SPDX-License-Identifier: Apache-2.0
// UTF-8: is it valid, one code point forward, one code point appended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace tenon {

/// A code point read from UTF-8, and how many bytes it took.
struct utf8_step {
    char32_t     code_point = 0;
    std::uint8_t bytes      = 0;
    bool         valid      = false;
};

/// The code point at `text[at]`. Bytes that are not UTF-8 (overlong forms, surrogates, above U+10FFFF, a sequence that
/// breaks off) give U+FFFD, not valid, and take the longest part that a valid sequence could have begun with, at least
/// one byte: the practice that the Unicode Standard recommends. Precondition: at < text.size().
inline utf8_step utf8_at(std::string_view text, std::size_t at) noexcept {
    auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    auto const left = text.size() - at;
    auto const b0   = byte(0);
    if (b0 < 0x80) return {b0, 1, true};
    constexpr auto bad = [](std::size_t bytes) { return utf8_step{0xFFFD, static_cast<std::uint8_t>(bytes), false}; };
    if (b0 < 0xC2 || b0 > 0xF4) return bad(1);
    std::size_t const more = b0 < 0xE0 ? 1 : b0 < 0xF0 ? 2 : 3;
    // The second byte is where overlong forms, surrogates and what lies above U+10FFFF show.
    unsigned const low  = b0 == 0xE0 ? 0xA0 : b0 == 0xF0 ? 0x90 : 0x80;
    unsigned const high = b0 == 0xED ? 0x9F : b0 == 0xF4 ? 0x8F : 0xBF;
    if (left < 2 || byte(1) < low || byte(1) > high) return bad(1);
    char32_t c = (b0 & (0x3FU >> more)) << 6 | (byte(1) & 0x3FU);
    for (std::size_t i = 2; i <= more; ++i) {
        if (i >= left || (byte(i) & 0xC0) != 0x80) return bad(i);
        c = c << 6 | (byte(i) & 0x3FU);
    }
    return {c, static_cast<std::uint8_t>(more + 1), true};
}

/// Whether all of `text` is UTF-8; if not, and bad_offset is given, the offset of the first byte that belongs to no code point.
inline bool valid_utf8(std::string_view text, std::size_t* bad_offset = nullptr) noexcept {
    for (std::size_t at = 0; at < text.size();) {
        std::uint64_t eight;
        if (text.size() - at >= sizeof eight) {
            std::memcpy(&eight, text.data() + at, sizeof eight);
            if ((eight & 0x8080808080808080U) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        auto const step = utf8_at(text, at);
        if (!step.valid) {
            if (bad_offset != nullptr) *bad_offset = at;
            return false;
        }
        at += step.bytes;
    }
    return true;
}

/// Writes a code point as UTF-8 to `to`, which has room for 4 bytes, and returns how many it took.
/// Precondition: c <= U+10FFFF and no surrogate.
inline std::size_t put_utf8(char* to, char32_t c) noexcept {
    auto const tail = [c](unsigned shift) { return static_cast<char>(0x80 | (c >> shift & 0x3F)); };
    if (c < 0x80) {
        to[0] = static_cast<char>(c);
        return 1;
    }
    if (c < 0x800) {
        to[0] = static_cast<char>(0xC0 | c >> 6);
        to[1] = tail(0);
        return 2;
    }
    if (c < 0x10000) {
        to[0] = static_cast<char>(0xE0 | c >> 12);
        to[1] = tail(6);
        to[2] = tail(0);
        return 3;
    }
    to[0] = static_cast<char>(0xF0 | c >> 18);
    to[1] = tail(12);
    to[2] = tail(6);
    to[3] = tail(0);
    return 4;
}
/// Appends a code point. Same precondition.
inline void append_utf8(std::string& out, char32_t c) {
    char bytes[4];
    out.append(bytes, put_utf8(bytes, c));
}

}  // namespace tenon
