// SPDX-License-Identifier: Apache-2.0
#include "../../examples/atlas/svg_map.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace atlas;

namespace {

std::size_t count(std::string const& text, std::string_view what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++n;
    return n;
}

/// Whether tags nest and close, attributes are quoted and text holds no bare markup. Enough of XML for what the map writes.
bool well_formed(std::string const& text) {
    std::vector<std::string> open;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == '&') {
            auto const end = text.find(';', at);
            if (end == std::string::npos || end - at > 6) return false;
        }
        if (text[at] != '<') {
            ++at;
            continue;
        }
        char        quote = 0;
        std::size_t end   = at + 1;
        for (; end < text.size() && (quote != 0 || text[end] != '>'); ++end) {
            if (quote != 0 && text[end] == '<') return false;
            if (text[end] == '"') quote = quote == 0 ? '"' : 0;
        }
        if (end == text.size()) return false;
        auto const tag  = text.substr(at + 1, end - at - 1);
        auto const name = tag.substr(0, tag.find_first_of(" \n"));
        at              = end + 1;
        if (tag.front() == '?' || tag.back() == '/') continue;
        if (tag.front() != '/') {
            open.push_back(name);
            continue;
        }
        if (open.empty() || open.back() != name.substr(1)) return false;
        open.pop_back();
    }
    return open.empty();
}

}  // namespace

TEST_CASE("the test's own reader of XML sees what is wrong") {
    CHECK(well_formed("<a b=\"1\"><c/>x &amp; y</a>"));
    CHECK_FALSE(well_formed("<a><b></a></b>"));
    CHECK_FALSE(well_formed("<a>x & y</a>"));
    CHECK_FALSE(well_formed("<a b=\"<\"/>"));
    CHECK_FALSE(well_formed("<a>"));
}

TEST_CASE("a map without places and hits is a map") {
    svg_map const m({});
    CHECK(well_formed(m.text()));
    CHECK(m.text().find("0 places") != std::string::npos);
}

TEST_CASE("names are escaped and characters that XML forbids are replaced") {
    CHECK(xml_text("<a & \"b\">'") == "&lt;a &amp; &quot;b&quot;&gt;&#39;");
    CHECK(xml_text(std::string_view("\x00\x1b\xFF", 3)) == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    map_options o;
    o.title    = "<b>";
    o.subtitle = "R&D";
    o.hits     = {{"</text><script>", "\"&\"", {0, 0}}};
    svg_map const m(o);
    CHECK(well_formed(m.text()));
    CHECK(count(m.text(), "<script") == 0);
    CHECK(count(m.text(), "&lt;/text&gt;&lt;script&gt;") == 2);  // label and list
}

TEST_CASE("places are drawn once a spot, as large as the greatest; places off the globe are ignored") {
    svg_map m({});
    m.add({2.35, 48.85}, 100);
    m.add({2.35, 48.85}, 20'000'000);
    m.add({-180, -90}, 0);
    m.add({180, 90}, 0);
    m.add({181, 0}, 0);
    m.add({std::numeric_limits<double>::quiet_NaN(), 0}, 0);
    CHECK(m.size() == 4);
    auto const text = m.text();
    CHECK(well_formed(text));
    CHECK(count(text, "h0") == 3);
    CHECK(count(text, "#ff9f43\" stroke-width=\"6.4\" d=\"M810.") == 1);
    CHECK(text.find("4 places") != std::string::npos);
}

TEST_CASE("hits close together get an inset, hits far apart do not") {
    map_options near_by;
    near_by.hits = {{"a", "", {179.9, 10}}, {"b", "", {-179.9, 10.1}}};  // across the antimeridian
    svg_map n(near_by);
    n.add({-179.95, 10.05}, 1);
    CHECK(count(n.text(), "across</text>") == 1);
    CHECK(count(n.text(), "h0") == 2);  // the place on the world map and in the inset
    CHECK(well_formed(n.text()));

    map_options far_apart;
    far_apart.hits = {{"a", "", {0, 10}}, {"b", "", {90, 10}}};
    CHECK(count(svg_map(far_apart).text(), "across</text>") == 0);

    for (double lat : {90.0, -90.0, 89.99}) {
        map_options pole;
        pole.hits   = {{"pole", "", {12, lat}}};
        pole.centre = tenon::lonlat{-170, lat};
        CHECK(well_formed(svg_map(pole).text()));
    }
}

TEST_CASE("more hits than can be listed are marked and counted") {
    map_options o;
    for (int i = 0; i < 40; ++i)
        o.hits.push_back({"place " + std::to_string(i), "", {-170.0 + 8 * i, (i * 37) % 120 - 60.0}});
    o.hits.push_back({"nowhere", "", {0, 100}});
    auto const text = svg_map(o).text();
    CHECK(well_formed(text));
    CHECK(count(text, "class=\"hit\"") == 40);
    CHECK(count(text, "class=\"rank\"") == 12);
    CHECK(text.find("and 28 more") != std::string::npos);
}

TEST_CASE("a window across the antimeridian has two parts") {
    map_options o;
    o.window = tenon::lonlat_box{170, -10, -170, 10};
    CHECK(count(svg_map(o).text(), "class=\"window\"") == 2);
    o.window = tenon::lonlat_box{-10, -10, 10, 10};
    CHECK(count(svg_map(o).text(), "class=\"window\"") == 1);
}

TEST_CASE("a drawing stays small however many places there are") {
    svg_map m({});
    for (int i = 0; i < 900; ++i)
        for (int j = 0; j < 900; ++j) m.add({-180 + i * 0.4, -90 + j * 0.2}, i * j);
    auto const text = m.text();
    CHECK(m.size() == 810'000);
    CHECK(count(text, "h0") <= 120'000);
    CHECK(count(text, "h0") > 20'000);
}

TEST_CASE("a map that cannot be written says so") {
    auto const r = svg_map({}).write("/nowhere/map.svg");
    REQUIRE_FALSE(r);
    CHECK(r.error().message == "cannot write /nowhere/map.svg: No such file or directory");
}
