// SPDX-License-Identifier: Apache-2.0
#include "tenon/text_index/analyzer.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/core/utf8.hpp"
#include "tenon/testing/text_index.hpp"
#include "tenon/text_index/bm25.hpp"
#include "tenon/text_index/fold.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace tenon;

namespace {
std::string terms(std::string_view text) {
    std::string out;
    analyze(text, [&out](std::string_view term) { out.append(out.empty() ? 0 : 1, '|').append(term); });
    return out;
}
}  // namespace

TEST_CASE("valid UTF-8 is told from the rest, with the first bad offset") {
    using namespace std::string_view_literals;
    for (auto text : {""sv, "plain"sv, "\xC2\x80"sv, "\xDF\xBF"sv, "\xE0\xA0\x80"sv, "\xED\x9F\xBF"sv, "\xEE\x80\x80"sv,
                      "\xEF\xBF\xBF"sv, "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv, "a\0b"sv,
                      "eight bytes and more \xC3\xA9 and more"sv})
        CHECK(valid_utf8(text));
    struct {
        std::string_view text;
        std::size_t      bad;
    } const broken[] = {{"\x80"sv, 0},
                        {"ab\xFFzz"sv, 2},
                        {"\xC0\xAF"sv, 0},
                        {"\xC1\xBF"sv, 0},
                        {"x\xE0\x9F\xBF"sv, 1},
                        {"\xED\xA0\x80"sv, 0},
                        {"\xF0\x8F\xBF\xBF"sv, 0},
                        {"\xF4\x90\x80\x80"sv, 0},
                        {"\xF5\x80\x80\x80"sv, 0},
                        {"12345678\xE2\x82"sv, 8},
                        {"1234567890123456\xC3"sv, 16},
                        {"\xF0\x9F\x98"sv, 0}};
    for (auto const& b : broken) {
        std::size_t bad = 999;
        CAPTURE(b.bad);
        CHECK_FALSE(valid_utf8(b.text, &bad));
        CHECK(bad == b.bad);
        CHECK_FALSE(valid_utf8(b.text));
    }
}

TEST_CASE("every code point survives UTF-8 and back, and no other four bytes do") {
    for (char32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 13) {
        if (c >= 0xD800 && c < 0xE000) continue;
        std::string text;
        append_utf8(text, c);
        auto const step = utf8_at(text, 0);
        REQUIRE(step.valid);
        REQUIRE(step.code_point == c);
        REQUIRE(step.bytes == text.size());
    }
    prng random(1);
    for (int i = 0; i < 100'000; ++i) {
        std::string text;
        for (auto n = 1 + random.below(4); n != 0; --n)
            text += static_cast<char>(random.chance(0.7) ? 0x80 + random.below(128) : random.below(256));
        auto const step = utf8_at(text, 0);
        REQUIRE(step.bytes >= 1);
        REQUIRE(step.bytes <= text.size());
        if (!step.valid) {
            REQUIRE(step.code_point == 0xFFFD);
            continue;
        }
        std::string again;
        append_utf8(again, step.code_point);
        REQUIRE(again == text.substr(0, step.bytes));
    }
}

TEST_CASE("folding takes case and accents away") {
    std::pair<std::string_view, std::string_view> const pairs[] = {
        {"S\u00e3o Paulo", "sao paulo"},
        {"\u0141\u00f3d\u017a", "lodz"},
        {"Stra\u00dfe STRA\u1e9eE", "strasse strasse"},
        {"\u00c6r\u00f8 \u0152uvre", "aero oeuvre"},
        {"\u0110\u00e0 N\u1eb5ng Vi\u1ec7t", "da nang viet"},
        {"\u00deingvellir \u00f0", "thingvellir d"},
        {"\u0130stanbul D\u0131\u015f", "istanbul dis"},
        {"e\u0301", "e"},
        {"\u0391\u03b8\u03ae\u03bd\u03b1\u03c2", "\u03b1\u03b8\u03b7\u03bd\u03b1\u03c3"},
        {"\u1f08\u03b8\u1fc6\u03bd\u03b1\u03b9", "\u03b1\u03b8\u03b7\u03bd\u03b1\u03b9"},
        {"\u0419\u043e\u0448\u043a\u0430\u0440-\u041e\u043b\u0430 \u0401\u043b\u043a\u0430",
         "\u0438\u043e\u0448\u043a\u0430\u0440-\u043e\u043b\u0430 \u0435\u043b\u043a\u0430"},
        {"\uff21\uff42\uff13", "ab3"},
        {"\ufb01n \u2167 x\u00b2 \u2116", "fin viii x2 no"},
        {"\u0623\u064e\u062d\u0645\u062f", "\u0627\u062d\u0645\u062f"},
        {"so\u00adft", "soft"},
        {"\u6771\u4eac \uc11c\uc6b8", "\u6771\u4eac \uc11c\uc6b8"},
        {"a\xff\xc3", "a\ufffd\ufffd"},
    };
    for (auto const& [text, folded] : pairs) {
        CAPTURE(text);
        CHECK(fold(text) == folded);
    }
}

TEST_CASE("folding any bytes gives UTF-8, and folding twice changes nothing") {
    for (char32_t c = 0; c < 0x11000; ++c) {
        if (c >= 0xD800 && c < 0xE000) continue;
        std::string text;
        append_utf8(text, c);
        auto const once = fold(text);
        CAPTURE(static_cast<std::uint32_t>(c));
        REQUIRE(fold(once) == once);
    }
    prng random(2);
    for (int i = 0; i < 20'000; ++i) {
        std::string text;
        for (auto n = random.below(20); n != 0; --n) text += static_cast<char>(random.below(256));
        auto const once = fold(text);
        REQUIRE(valid_utf8(once));
        REQUIRE(fold(once) == once);
    }
}

TEST_CASE("a text is split into folded words") {
    CHECK(terms("") == "");
    CHECK(terms("  ... -- ") == "");
    CHECK(terms("New York City") == "new|york|city");
    CHECK(terms("Hawai'i, Hawai\u2019i, Hawai\u02bbi") == "hawaii|hawaii|hawaii");
    CHECK(terms("'quoted' l'\u00e9t\u00e9") == "quoted|lete");
    CHECK(terms("Bad-Homburg v.d.H. a_b") == "bad|homburg|v|d|h|a|b");
    CHECK(terms("\u6771\u4eac\u30bf\u30ef\u30fc2024") == "\u6771|\u4eac|\u30bf|\u30ef|\u30fc|2024");
    CHECK(terms("\uc11c\uc6b8\ud2b9\ubcc4\uc2dc \uc11c\uc6b8") == "\uc11c\uc6b8\ud2b9\ubcc4\uc2dc|\uc11c\uc6b8");
    CHECK(terms("a\u00a0b\u2003c\u3000d\u2026e\u00abf\u00bbg\U0001f600h\u3001i") == "a|b|c|d|e|f|g|h|i");
    CHECK(terms("\u0928\u092e\u0938\u094d\u0924\u0947\u0964") == "\u0928\u092e\u0938\u094d\u0924\u0947");
    CHECK(terms("1st 3.14") == "1st|3|14");
    CHECK(terms("x\xff y\xe2\x82") == "x|y");
}

TEST_CASE("a term is cut at 64 bytes, between code points") {
    CHECK(terms(std::string(64, 'a')) == std::string(64, 'a'));
    CHECK(terms(std::string(65, 'a') + " b") == std::string(64, 'a') + "|b");
    std::string greek;
    for (int i = 0; i < 40; ++i) greek += "\u03b1";
    CHECK(terms(greek) == greek.substr(0, 64));
    CHECK(terms("x" + greek + "y") == "x" + greek.substr(0, 62));
}

TEST_CASE("terms of any text are folded UTF-8 of 1 to 64 bytes, and are their own terms") {
    std::uint64_t const seed = 4;
    CAPTURE(seed);
    prng random(seed);
    for (int i = 0; i < 5'000; ++i) {
        auto const    text = testing::random_text(random);
        std::uint32_t n    = 0;
        analyze(text, [&](std::string_view term) {
            ++n;
            REQUIRE(!term.empty());
            REQUIRE(term.size() <= 64);
            REQUIRE(valid_utf8(term));
            REQUIRE(terms(term) == term);
        });
        REQUIRE(word_analyzer::length(text) == n);
    }
}

TEST_CASE("a query has each term once, in the order it was asked") {
    CHECK(query_terms("York new YORK, New") == std::vector<std::string>{"york", "new"});
    CHECK(query_terms("...").empty());
}

TEST_CASE("BM25 gives the textbook's figures and keeps its order") {
    bm25 const score;
    CHECK(bm25::idf(10, 1) == doctest::Approx(std::log(1 + 9.5 / 1.5)));
    CHECK(score.term_score(1, 10, 10, 2.0) == doctest::Approx(2.0 * 2.2 / (1 + 1.2)));
    CHECK(score.term_score(3, 20, 10, 1.0) == doctest::Approx(3 * 2.2 / (3 + 1.2 * (0.25 + 0.75 * 2))));
    CHECK(bm25::idf(10, 10) > 0);
    CHECK(bm25::idf(3, 10) == bm25::idf(10, 10));
    CHECK(bm25::idf(1000, 1) > bm25::idf(1000, 2));
    CHECK(score.term_score(2, 10, 10, 1) > score.term_score(1, 10, 10, 1));
    CHECK(score.term_score(1, 9, 10, 1) > score.term_score(1, 10, 10, 1));
    CHECK(score.term_score(1, 1, 0, 1) == doctest::Approx(1.0));
    CHECK(score.term_score(0, 5, 5, 1) == 0.0);
    CHECK(bm25{0, 0}.term_score(0, 0, 0, 1) == 0.0);
}
