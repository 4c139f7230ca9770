// SPDX-License-Identifier: Apache-2.0
// Folding: case, accents and compatibility forms taken away, so that texts which people hold for equal are equal.
#pragma once

#include "tenon/core/utf8.hpp"
#include "tenon/text_index/fold_table.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace tenon {

/// Visits the code points that c folds to: none for a combining mark or a format character, one for most, up to 8 for
/// ligatures and letterlike signs. What is visited folds to itself.
///
/// Folds       Latin with all accents, strokes and hooks (Extended-A, -B, Additional with Vietnamese; ss for sharp s, ae, oe,
///             o, l, d, th, i for dotless and dotted i), Greek (accents, final sigma), Cyrillic (also short i to i, io to ie),
///             Armenian, Georgian and Cherokee case, Hebrew points and Arabic vowel signs and hamza carriers, full-width
///             and half-width forms, superscripts, Roman numerals, digits of the scripts named. Not: case beyond U+FFFF;
///             composition, so kana and Hangul are expected composed (NFC).
/// Source      the Unicode Character Database, by tools/make_fold_table.py.
template <class Visit>
constexpr void fold_code_point(char32_t c, Visit&& visit) {
    if (c < 0x80) {
        visit(c >= U'A' && c <= U'Z' ? c + 32 : c);
        return;
    }
    unsigned const to = c < 0x10000 ? detail::fold_pages[detail::fold_page_of[c >> 6]][c & 63] : 0;
    if (to == 0) {
        visit(c);
    } else if (to >= 0xE000) {
        auto const* text = detail::fold_pool + (to - 0xE000);
        for (auto i = 1; i <= text[0]; ++i) visit(char32_t{text[i]});
    } else if (to != 1) {
        visit(static_cast<char32_t>(to));
    }
}

/// Replaces `out` by the folded text: UTF-8 again, whatever came in; bytes that are not UTF-8 become U+FFFD.
/// Guarantee   folding twice changes nothing.
inline void fold(std::string_view utf8, std::string& out) {
    out.clear();
    for (std::size_t at = 0; at < utf8.size();) {
        auto const step = utf8_at(utf8, at);
        at += step.bytes;
        fold_code_point(step.code_point, [&out](char32_t c) { append_utf8(out, c); });
    }
}
inline std::string fold(std::string_view utf8) {
    std::string out;
    fold(utf8, out);
    return out;
}

}  // namespace tenon
