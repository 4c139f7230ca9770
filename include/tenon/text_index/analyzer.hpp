// SPDX-License-Identifier: Apache-2.0
// From a text to its terms: folded words, one at a time, without allocation.
#pragma once

#include "tenon/core/utf8.hpp"
#include "tenon/text_index/fold.hpp"
#include "tenon/text_index/fold_table.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string_view>

namespace tenon {

/// The longest term in bytes.
inline constexpr std::size_t longest_term = 64;

namespace detail {

enum class word_part : std::uint8_t { separator, letter, ideograph, apostrophe };

/// What a folded code point is to a word.
constexpr word_part word_part_of(char32_t c) noexcept {
    if (c < 0x80) {
        if ((c >= U'a' && c <= U'z') || (c >= U'0' && c <= U'9') || (c >= U'A' && c <= U'Z')) return word_part::letter;
        return c == U'\'' ? word_part::apostrophe : word_part::separator;
    }
    // Half rings and commas that stand for the okina, ayin and hamza; geresh; the saltillo.
    if ((c >= 0x2B9 && c <= 0x2BF) || c == 0x2018 || c == 0x2019 || c == 0x201B || c == 0x5F3 || c == 0xA78B ||
        c == 0xA78C)
        return word_part::apostrophe;
    if (c >= 0x3000) {
        if ((c >= 0x4E00 && c <= 0x9FFF) ||
            (c >= 0x3041 && c <= 0x30FF && c != 0x309B && c != 0x309C && c != 0x30A0 && c != 0x30FB) ||
            (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x3005 && c <= 0x3007) || (c >= 0x3021 && c <= 0x3029) ||
            (c >= 0x31F0 && c <= 0x31FF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x1AFF0 && c <= 0x1B16F) ||
            (c >= 0x20000 && c <= 0x3FFFF))
            return word_part::ideograph;
        if (c >= 0xAC00 && c <= 0xD7A3) return word_part::letter;
    }
    auto const* const range = std::lower_bound(std::begin(separator_ranges), std::end(separator_ranges), c,
                                               [](char32_t const(&r)[2], char32_t x) { return r[1] < x; });
    return range != std::end(separator_ranges) && (*range)[0] <= c ? word_part::separator : word_part::letter;
}

}  // namespace detail

/// word_analyzer - folded words of any script.
///
/// A term is a run of letters, digits and marks; everything else separates. An apostrophe, straight or curly, and the
/// letters that stand for okina, ayin and hamza are left out: "Hawai'i" gives "hawaii". A Han character, Hiragana or
/// Katakana is a term of its own; Hangul is read as words. A run longer than 64 bytes once folded gives one term: its
/// beginning up to the last code point that ends within 64 bytes.
/// Guarantee   terms are folded valid UTF-8 of 1 to 64 bytes. A pure function of the text, which may be any bytes. A term
///             analyzed again gives itself.
/// Cost        O(bytes), no allocation.
/// On disk     the name stands in the header of an index: a change to what a text's terms are needs a new one.
struct word_analyzer {
    static constexpr std::string_view name = "tenon.words/1";

    /// visit(std::string_view term) for each term in order; the view is good during the call.
    template <class Visit>
    static void analyze(std::string_view text, Visit&& visit) {
        char        term[longest_term + 4] = {};
        std::size_t size                   = 0;
        bool        cut                    = false;
        auto const  end_term               = [&] {
            if (size != 0) visit(std::string_view(term, size));
            size = 0;
            cut  = false;
        };
        auto const take = [&](char32_t c) {
            switch (detail::word_part_of(c)) {
                case detail::word_part::letter:
                    if (!cut) {
                        auto const more = put_utf8(term + size, c);
                        cut             = size + more > longest_term;
                        if (!cut) size += more;
                    }
                    break;
                case detail::word_part::ideograph:
                    end_term();
                    size = put_utf8(term, c);
                    end_term();
                    break;
                case detail::word_part::separator: end_term(); break;
                case detail::word_part::apostrophe: break;
            }
        };
        for (std::size_t at = 0; at < text.size();) {
            auto const step = utf8_at(text, at);
            at += step.bytes;
            fold_code_point(step.code_point, take);
        }
        end_term();
    }

    /// Number of terms, 2^32 - 1 at most.
    static std::uint32_t length(std::string_view text) {
        std::uint64_t n = 0;
        analyze(text, [&n](std::string_view) { ++n; });
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(n, std::numeric_limits<std::uint32_t>::max()));
    }
};

/// `analyze(text, visit(term))` with the default analyzer.
template <class Visit>
void analyze(std::string_view text, Visit&& visit) {
    word_analyzer::analyze(text, visit);
}

}  // namespace tenon
