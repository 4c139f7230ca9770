// SPDX-License-Identifier: Apache-2.0
#include "../../examples/atlas/output.hpp"
#include "../../examples/atlas/progress.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

using namespace atlas;

TEST_CASE("numbers are written for people") {
    CHECK(human_count(0) == "0");
    CHECK(human_count(999) == "999");
    CHECK(human_count(1000) == "1,000");
    CHECK(human_count(-1234567) == "-1,234,567");
    CHECK(human_count(-123) == "-123");
    CHECK(human_bytes(1023) == "1023 B");
    CHECK(human_bytes(1536) == "1.5 KiB");
    CHECK(human_bytes((std::uint64_t{1} << 20) - 1) == "1.0 MiB");
    CHECK(human_bytes(~std::uint64_t{0}) == "16.0 EiB");
    CHECK(human_duration(8.5e-7) == "850 ns");
    CHECK(human_duration(0.0123) == "12.30 ms");
    CHECK(human_duration(7.81) == "7.8 s");
    CHECK(human_duration(59.99) == "1 min 00 s");
    CHECK(human_duration(185) == "3 min 05 s");
    CHECK(human_duration(7800) == "2 h 10 min");
    CHECK(human_duration(std::numeric_limits<double>::quiet_NaN()) == "?");
    CHECK(human_distance(850) == "850 m");
    CHECK(human_distance(999.7) == "1.0 km");
    CHECK(human_distance(4'321'000) == "4,321 km");
    CHECK(human_position(-2.3522, 48.8566) == "48.8566 N, 2.3522 W");
}

TEST_CASE("a terminal gets no control characters and no half character") {
    CHECK(for_terminal("a\x1b[31mb") == "a?[31mb");
    CHECK(for_terminal("ab\xFF") == "ab\xEF\xBF\xBD");
    CHECK(for_terminal("abcdef", 4) == "abc\xE2\x80\xA6");
    CHECK(for_terminal("abcd", 4) == "abcd");
    CHECK(for_terminal("東京都", 5) == "東京\xE2\x80\xA6");
    CHECK(display_width("東京") == 4);
    CHECK(display_width("e\xCC\x81") == 1);
}

TEST_CASE("table columns line up") {
    table t({{"name"}, {"people", table::right}});
    t.row({"Reykjav\xC3\xADk", "118,918"});
    t.row({"東京", "1"});
    t.row({"x"});
    CHECK(t.text() == "name        people\n---------  -------\nReykjav\xC3\xADk  118,918\n東京             1\nx\n");
}

TEST_CASE("JSON strings are escaped and always UTF-8") {
    CHECK(json_string("a\"b\\c\n\t\r\x01\x7f\xC3\xA9\xFF") ==
          "\"a\\\"b\\\\c\\n\\t\\r\\u0001\\u007f\xC3\xA9\xEF\xBF\xBD\"");
}

TEST_CASE("JSON documents have their commas") {
    json j;
    j.object()
        .field("a", 1)
        .field("b", "x")
        .key("c")
        .array()
        .value(1.5)
        .value(true)
        .value(nullptr)
        .object()
        .end()
        .array()
        .end()
        .end();
    j.field("d", -0.1f).field("e", std::numeric_limits<double>::infinity()).field("f", ~std::uint64_t{0}).end();
    CHECK(j.text() == R"({"a":1,"b":"x","c":[1.5,true,null,{},[]],"d":-0.1,"e":null,"f":18446744073709551615})");
}

namespace {
struct fake_world {
    double                   now = 0;
    std::vector<std::string> written;
    progress_world           world(bool terminal, std::size_t columns = 80) {
        return {terminal, [columns] { return columns; }, [this] { return now; },
                          [this](std::string_view text) { written.emplace_back(text); }};
    }
};
}  // namespace

TEST_CASE("in a log progress is a line every two seconds and one at the end") {
    fake_world w;
    {
        progress p("loading", 1000, 0, "rows", w.world(false));
        w.now = 1;
        p.update(100, 10, true);
        CHECK(w.written.empty());
        w.now = 2;
        p.update(250, 5000, true);
        CHECK(w.written == std::vector<std::string>{"loading: 5,000 rows, 25%, 2,500 rows/s, 6.0 s left\n"});
        w.now = 4;
        p.update(1000, 20000);
        p.finish();
    }
    CHECK(w.written.size() == 2);
    CHECK(w.written.back() == "loading: 20,000 rows in 4.0 s, 5,000 rows/s\n");
}

TEST_CASE("on a terminal the bar fits in one line and is wiped at the end") {
    for (std::size_t columns : {10u, 40u, 70u, 80u, 200u}) {
        fake_world w;
        progress   p("loading", 1000, 500, "rows", w.world(true, columns));
        w.now = 1;
        p.update(750, 1234, true);
        w.now = 1.05;
        p.update(800, 1300, true);
        REQUIRE(w.written.size() == 1);
        auto const bar = w.written[0].substr(1, w.written[0].size() - 4);
        CAPTURE(bar);
        CHECK(w.written[0].front() == '\r');
        CHECK(display_width(bar) < columns);
        if (columns >= 80) CHECK(bar.find("#") != std::string::npos);
        if (columns >= 80) CHECK(bar.find("75%, 1,234 rows/s, 1.0 s left") != std::string::npos);
        p.finish();
        CHECK(w.written.back().starts_with("\r\x1b[Kloading: 1,300 rows in "));
    }
}
