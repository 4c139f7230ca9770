// SPDX-License-Identifier: Apache-2.0
#include "tenon/testing/text_index.hpp"
#include "tenon/text_index/inverted.hpp"
#include "tenon/text_index/scan.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace tenon;

namespace {
/// Splits at spaces and folds nothing.
struct plain_words {
    static constexpr std::string_view name = "test.plain/1";
    template <class Visit>
    static void analyze(std::string_view text, Visit&& visit) {
        while (!text.empty()) {
            auto const end = std::min(text.find(' '), text.size());
            if (auto const word = text.substr(0, end); end != 0 && valid_utf8(word)) visit(word);
            text.remove_prefix(std::min(end + 1, text.size()));
        }
    }
    static std::uint32_t length(std::string_view text) {
        std::uint32_t n = 0;
        analyze(text, [&n](std::string_view) { ++n; });
        return n;
    }
};
std::vector<position> positions(inverted::view const& view, std::string_view term) {
    std::vector<position> at;
    view.postings(term, [&at](posting p) { at.push_back(p.at); });
    return at;
}
}  // namespace

TEST_CASE_TEMPLATE("a text index agrees with a map of counts", Policy, text_scan, inverted) {
    for (std::uint64_t seed : {1u, 2u}) {
        CAPTURE(seed);
        testing::report r;
        testing::check_text_index<Policy>(seed, r);
        INFO(r.text());
        CHECK(r.passed());
    }
}

TEST_CASE_TEMPLATE("a delta is read while it is written", Policy, text_scan, inverted) {
    testing::report r;
    testing::check_text_delta_readers<Policy>(1500, r, [](auto writer, auto reader) {
        std::thread beside(writer);
        reader();
        beside.join();
    });
    INFO(r.text());
    CHECK(r.passed());
}

TEST_CASE("an inverted index takes another analyzer, and is refused to the wrong one") {
    std::vector<text_entry> const entries{{"New York", 1}, {"new new", 5}};
    auto const                    bytes = basic_inverted<plain_words>::build(entries).value();
    auto const                    view  = basic_inverted<plain_words>::view::open(bytes).value();
    CHECK(view.validate().has_value());
    CHECK(view.terms() == 3);
    CHECK(view.texts_with("New") == 1);
    CHECK(view.texts_with("new") == 1);
    CHECK(view.texts_with("york") == 0);
    auto const wrong = inverted::view::open(bytes);
    REQUIRE_FALSE(wrong.has_value());
    CHECK(wrong.error().kind == errc::wrong_assembly);
    CHECK(wrong.error().message ==
          "inverted: made with the analyzer \"test.plain/1\", opened with \"tenon.words/1\": open it with the analyzer "
          "that made it");
}

TEST_CASE("terms that share eight bytes are told apart") {
    std::vector<text_entry> const entries{
        {"aaaaaaaa", 0}, {"aaaaaaaab", 1}, {"aaaaaaaac aaaaaaa", 2}, {"aaaaaaaabb", 3}};
    auto const bytes = inverted::build(entries).value();
    auto const view  = inverted::view::open(bytes).value();
    CHECK(positions(view, "aaaaaaaa") == std::vector<position>{0});
    CHECK(positions(view, "aaaaaaaab") == std::vector<position>{1});
    CHECK(positions(view, "aaaaaaaabb") == std::vector<position>{3});
    CHECK(positions(view, "aaaaaaaac") == std::vector<position>{2});
    CHECK(positions(view, "aaaaaaa") == std::vector<position>{2});
    CHECK(positions(view, "aaaaaaaaba").empty());
    std::string terms;
    view.each_term([&](std::string_view term, std::uint64_t texts) {
        terms.append(term).append(std::to_string(texts)).append(" ");
    });
    CHECK(terms == "aaaaaaa1 aaaaaaaa1 aaaaaaaab1 aaaaaaaabb1 aaaaaaaac1 ");
}

TEST_CASE("large gaps, frequencies and lengths survive") {
    std::string many;
    for (int i = 0; i < 70'000; ++i) many += "a ";
    std::vector<text_entry> const entries{
        {"a", 0}, {many, 1}, {"a b", std::uint64_t{1} << 40}, {"a", 0xFFFFFFFFFFFFFFFE}};
    auto const bytes = inverted::build(entries).value();
    auto const view  = inverted::view::open(bytes).value();
    CHECK(view.validate().has_value());
    std::vector<posting> got;
    view.postings("a", [&](posting p) { got.push_back(p); });
    REQUIRE(got.size() == 4);
    CHECK(got[1].frequency == 70'000);
    CHECK(got[1].length == 70'000);
    CHECK(got[2].at == std::uint64_t{1} << 40);
    CHECK(got[2].length == 2);
    CHECK(got[3].at == 0xFFFFFFFFFFFFFFFE);
    auto const reserved = inverted::build(std::vector<text_entry>{{"a", 0xFFFFFFFFFFFFFFFF}});
    REQUIRE_FALSE(reserved.has_value());
    CHECK(reserved.error().kind == errc::invalid_argument);
}

TEST_CASE("varints that break off or overflow are refused") {
    auto const read = [](std::vector<unsigned> const& from, std::uint64_t& value) {
        byte_vector bytes;
        for (auto b : from) bytes.push_back(static_cast<std::byte>(b));
        std::size_t at = 0;
        return detail::get_varint(bytes, at, value);
    };
    std::uint64_t v = 0;
    CHECK(read({0x7F}, v));
    CHECK(v == 127);
    CHECK(read({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}, v));
    CHECK(v == ~std::uint64_t{0});
    CHECK_FALSE(read({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02}, v));
    CHECK_FALSE(read({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00}, v));
    CHECK_FALSE(read({0x80}, v));
    CHECK_FALSE(read({}, v));
    for (std::uint64_t x :
         {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
        byte_vector bytes;
        detail::put_varint(bytes, x);
        std::size_t at = 0;
        CHECK(detail::get_varint(bytes, at, v));
        CHECK(v == x);
        CHECK(at == bytes.size());
    }
}

TEST_CASE("validate finds a posting changed, a term changed, a length that does not add up") {
    std::vector<text_entry> const entries{{"new york", 0}, {"york york minster", 7}};
    auto const                    good = inverted::build(entries).value();
    detail::inverted_layout const l(3, 14, 12);
    REQUIRE(l.end == good.size());
    auto const broken = [&](std::uint64_t offset, unsigned value) {
        auto bytes                              = good;
        bytes[static_cast<std::size_t>(offset)] = static_cast<std::byte>(value);
        auto const view                         = inverted::view::open(bytes);
        REQUIRE(view.has_value());
        auto const valid = view->validate();
        REQUIRE_FALSE(valid.has_value());
        CHECK(valid.error().kind == errc::corrupt);
        return valid.error().message;
    };
    CHECK(broken(l.terms, 'x').find("begin with its prefix") != std::string::npos);
    CHECK(broken(l.postings, 2).find("broken") != std::string::npos);
    CHECK(broken(l.postings + 2, 8).find("postings of term 2 are broken") != std::string::npos);
    CHECK(broken(l.postings + 11, 1).find("has 3 terms, its postings 4") != std::string::npos);
    CHECK(broken(l.posting_begin + 8, 200).find("postings of term 0 are broken") != std::string::npos);
    CHECK(broken(l.posting_begin + 16, 0).find("term 1 ends before it begins") != std::string::npos);
    CHECK(broken(56, 9).find("header says") != std::string::npos);
}

TEST_CASE("the bytes of an inverted index are the documented ones") {
    std::vector<text_entry> const entries{{"new york", 0}, {"york york minster", 7}};
    auto const                    bytes = inverted::build(entries).value();
    REQUIRE(bytes.size() == 448);
    std::uint64_t const counts[] = {2, 5, 3, 14, 12, 448};
    CHECK(std::memcmp(bytes.data() + 48, counts, sizeof counts) == 0);
    CHECK(as_chars(byte_view(bytes).subspan(320, 14)) == "minsternewyork");
    unsigned char const postings[] = {1, 7, 6, 1, 0, 4, 2, 0, 4, 6, 7, 0};
    CHECK(std::memcmp(bytes.data() + 384, postings, sizeof postings) == 0);
}
