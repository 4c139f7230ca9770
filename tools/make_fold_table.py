#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes include/tenon/text_index/fold_table.hpp from the Unicode Character Database that comes with Python.

    python3 tools/make_fold_table.py > include/tenon/text_index/fold_table.hpp

Rules, applied until nothing changes:
  1. compatibility decomposition (NFKD), full case folding;
  2. marks of the blocks in DROPPED_MARKS and all format characters (Cf, but not U+200B) are dropped;
  3. letters that Unicode does not decompose: EXTRA, else "LATIN SMALL LETTER X WITH ..." becomes x;
  4. decimal digits become ASCII digits.
Only code points in FOLDED are touched. What separates words: punctuation, symbols, spaces and controls
(P*, S*, Z*, Cc, Cs, U+200B, U+FFFD); unassigned code points between two of them go with them.
"""
import re
import sys
import unicodedata as ucd

FOLDED = [(0x80, 0x700), (0x10A0, 0x1100), (0x13A0, 0x1400), (0x1AB0, 0x1B00), (0x1C80, 0x1CC0), (0x1D00, 0x20A0),
          (0x20D0, 0x2190), (0x2C00, 0x2E00), (0xA640, 0xA6A0), (0xA720, 0xA800), (0xAB30, 0xABC0), (0xFB00, 0xFB50),
          (0xFE00, 0xFE30), (0xFEFF, 0xFF00), (0xFF01, 0xFFDD), (0xFFF9, 0xFFFC)]
DROPPED_MARKS = [(0x300, 0x370), (0x483, 0x48A), (0x591, 0x5BE), (0x5BF, 0x5C0), (0x5C1, 0x5C3), (0x5C4, 0x5C6), (0x5C7, 0x5C8),
                 (0x610, 0x61B), (0x640, 0x641), (0x64B, 0x660), (0x670, 0x671), (0x6D6, 0x6DD), (0x6DF, 0x6E5), (0x6E7, 0x6E9),
                 (0x6EA, 0x6EE), (0x1AB0, 0x1B00), (0x1DC0, 0x1E00), (0x20D0, 0x2100), (0x2DE0, 0x2E00), (0xA66F, 0xA673),
                 (0xA674, 0xA67E), (0xA69E, 0xA6A0), (0xFB1E, 0xFB1F), (0xFE00, 0xFE10), (0xFE20, 0xFE30)]
EXTRA = {"ß": "ss", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ı": "i", "ŋ": "n", "ĸ": "k", "ə": "e", "ǝ": "e", "ɛ": "e", "ɔ": "o",
         "ɣ": "g", "ɩ": "i", "ʋ": "v", "ʊ": "u", "ʒ": "z", "ʃ": "s", "ȷ": "j", "ĳ": "ij"}


def within(cp, ranges):
    return any(a <= cp < b for a, b in ranges)


def step(c):
    cp = ord(c)
    if cp < 0x80:
        return c.lower()
    if within(cp, DROPPED_MARKS) or (ucd.category(c) == "Cf" and cp != 0x200B):
        return ""
    if not within(cp, FOLDED) or 0xAC00 <= cp < 0xD7A4:
        return c
    if c in EXTRA:
        return EXTRA[c]
    if ucd.category(c) == "Nd":
        return str(ucd.digit(c))
    folded = ucd.normalize("NFKD", ucd.normalize("NFKD", c).casefold())
    if folded == c:
        named = re.match(r"LATIN SMALL LETTER ([A-Z]) WITH ", ucd.name(c, ""))
        return named.group(1).lower() if named else c
    return folded


def fold(c):
    text = c
    while True:
        again = "".join(step(x) for x in text)
        if again == text:
            return text
        text = again


def separates(cp):
    c = chr(cp)
    return ucd.category(c)[0] in "PSZ" or ucd.category(c) in ("Cc", "Cs") or cp in (0x200B, 0xFFFD)


def rows(values, form, width=112):
    line = "   "
    for v in values:
        item = " " + form(v) + ","
        if len(line) + len(item) > width:
            yield line
            line = "   "
        line += item
    yield line


pages, page_of, pool, places = [[0] * 64], [], [], {}
for page in range(1024):
    values = []
    for cp in range(page * 64, page * 64 + 64):
        surrogate = 0xD800 <= cp < 0xE000
        to = chr(cp) if cp < 0x80 or surrogate else fold(chr(cp))
        if cp < 0x80 or to == chr(cp):
            values.append(0)
        elif to == "":
            values.append(1)
        elif len(to) == 1:
            assert 1 < ord(to) < 0xE000
            values.append(ord(to))
        else:
            assert len(to) <= 8 and all(ord(x) < 0x10000 for x in to), hex(cp)
            if to not in places:
                places[to] = len(pool)
                pool += [len(to)] + [ord(x) for x in to]
            values.append(0xE000 + places[to])
    if values not in pages:
        pages.append(values)
    page_of.append(pages.index(values))
assert len(pages) <= 256 and len(pool) < 0x1900

ranges, unassigned = [], True
for cp in range(0x80, 0x20000):
    if separates(cp):
        if ranges and unassigned:
            ranges[-1][1] = cp
        else:
            ranges.append([cp, cp])
        unassigned = True
    elif ucd.category(chr(cp)) != "Cn":
        unassigned = False

out = sys.stdout
out.write("""// SPDX-License-Identifier: Apache-2.0
// Tables for text_index/fold.hpp and analyzer.hpp. Made by tools/make_fold_table.py from Unicode %s: do not edit.
#pragma once

#include <cstdint>

namespace tenon::detail {

// clang-format off
/// The page of a code point below U+10000, by its upper ten bits.
inline constexpr std::uint8_t fold_page_of[1024] = {
""" % ucd.unidata_version)
out.write("\n".join(rows(page_of, str)) + "\n};\n\n")
out.write("/// 0: stays. 1: dropped. Below 0xE000: becomes that code point. Else becomes the text at fold_pool[value - 0xE000].\n")
out.write("inline constexpr std::uint16_t fold_pages[%d][64] = {\n" % len(pages))
for p in pages:
    out.write("    {\n" + "\n".join(rows(p, lambda v: "0x%X" % v if v else "0")) + "\n    },\n")
out.write("};\n\n/// A length, then so many code points.\ninline constexpr std::uint16_t fold_pool[%d] = {\n" % len(pool))
out.write("\n".join(rows(pool, lambda v: "0x%X" % v)) + "\n};\n\n")
out.write("/// Code points from U+0080 that separate words: first and last of each range, ascending.\n")
out.write("inline constexpr char32_t separator_ranges[%d][2] = {\n" % len(ranges))
out.write("\n".join(rows(ranges, lambda r: "{0x%X, 0x%X}" % tuple(r))) + "\n};\n// clang-format on\n\n}  // namespace tenon::detail\n")
