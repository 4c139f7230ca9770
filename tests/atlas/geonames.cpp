// SPDX-License-Identifier: Apache-2.0
#include "../../examples/atlas/geonames.hpp"
#include "tenon/core/prng.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

std::string const good =
    "3041563\tAndorra la Vella\tAndorra la "
    "Vella\tALV,Andorre\t42.50779\t1.52109\tP\tPPLC\tAD\t\t07\t\t\t\t20430\t\t1037\tEurope/Andorra\t2010-05-30";

std::string line_with(std::size_t column, std::string value, std::string line = good) {
    std::size_t at = 0;
    for (std::size_t i = 1; i < column; ++i) at = line.find('\t', at) + 1;
    return line.replace(at, std::min(line.find('\t', at), line.size()) - at, value);
}

/// A file that is removed again.
struct temporary {
    std::string path;
    explicit temporary(std::string const& content) {
        char const* dir  = std::getenv("TMPDIR");
        auto        name = std::string(dir != nullptr ? dir : "/tmp") + "/tenon_geonames_XXXXXX";
        int const   fd   = ::mkstemp(name.data());
        REQUIRE(fd >= 0);
        ::close(fd);
        path    = name;
        auto* f = std::fopen(path.c_str(), "wb");
        REQUIRE(f != nullptr);
        REQUIRE(std::fwrite(content.data(), 1, content.size(), f) == content.size());
        std::fclose(f);
    }
    temporary(temporary const&)            = delete;
    temporary& operator=(temporary const&) = delete;
    ~temporary() { std::remove(path.c_str()); }
};

std::string refusal(std::string const& text, tenon::errc kind = tenon::errc::invalid_argument,
                    atlas::bad_line* bad = nullptr) {
    auto const p = atlas::parse_geonames_line(text, "f.txt", 12, bad);
    REQUIRE_FALSE(p);
    CHECK(p.error().kind == kind);
    return p.error().message;
}

/// Everything a reader says: ids, and messages of bad lines.
std::vector<std::string> all(atlas::geonames_reader& r) {
    std::vector<std::string> out;
    atlas::geonames_record   record;
    while (out.size() < 100'000) {
        auto more = r.next(record);
        if (!more) out.push_back(more.error().message.substr(r.path().size()));
        else if (*more) out.push_back(std::to_string(record.line) + ":" + std::to_string(record.what.id));
        else return out;
    }
    return out;
}

}  // namespace

TEST_CASE("a line of a dump becomes a place") {
    auto const p = atlas::parse_geonames_line(good, "f.txt", 1);
    REQUIRE(p);
    CHECK(p->id == 3041563);
    CHECK(p->name == "Andorra la Vella");
    CHECK(p->alternate_names == "ALV,Andorre");
    CHECK(p->country == "AD");
    CHECK(p->feature_code == "PPLC");
    CHECK(p->population == 20430);
    CHECK(p->time_zone == "Europe/Andorra");
    CHECK(p->where == tenon::lonlat{1.52109, 42.50779});
    CHECK(atlas::parse_geonames_line(line_with(15, ""), "f.txt", 1)->population == 0);
    CHECK(atlas::parse_geonames_line(line_with(2, ""), "f.txt", 1)->name.empty());
    CHECK(atlas::parse_geonames_line(line_with(5, "-90"), "f.txt", 1)->where.lat == -90);
    CHECK(atlas::parse_geonames_line(line_with(6, "180.0"), "f.txt", 1)->where.lon == 180);
    CHECK(atlas::parse_geonames_line(line_with(1, "18446744073709551615"), "f.txt", 1)->id == ~std::uint64_t{0});
}

TEST_CASE("an error names file, line, column and value") {
    CHECK(refusal(line_with(5, "91.5")) ==
          "f.txt, line 12, column 5 (latitude): \"91.5\" is not between -90 and 90 degrees");
    CHECK(refusal(line_with(6, "-180.001")) ==
          "f.txt, line 12, column 6 (longitude): \"-180.001\" is not between -180 and 180 degrees");
    CHECK(refusal(line_with(6, "nan")) ==
          "f.txt, line 12, column 6 (longitude): \"nan\" is not between -180 and 180 degrees");
    CHECK(refusal(line_with(5, "north")) == "f.txt, line 12, column 5 (latitude): \"north\" is not a number");
    CHECK(refusal(line_with(5, "4.5x")) == "f.txt, line 12, column 5 (latitude): \"4.5x\" is not a number");
    CHECK(refusal(line_with(5, "")) == "f.txt, line 12, column 5 (latitude): is missing");
    CHECK(refusal(line_with(1, "")) == "f.txt, line 12, column 1 (geonameid): is missing");
    CHECK(refusal(line_with(1, "-3")) == "f.txt, line 12, column 1 (geonameid): \"-3\" is not a number");
    CHECK(refusal(line_with(1, "99999999999999999999")) ==
          "f.txt, line 12, column 1 (geonameid): \"99999999999999999999\" is too large a number");
    CHECK(refusal(line_with(15, "-1")) == "f.txt, line 12, column 15 (population): \"-1\" is negative");
    CHECK(refusal(good + "\textra").find("has 20 columns, expected the 19") != std::string::npos);
    CHECK(refusal("hello") ==
          "f.txt, line 12: \"hello\" has 1 column, expected the 19 of a GeoNames dump, separated by tabs");
    CHECK(refusal(line_with(5, std::string(500, '7'))).size() < 200);
}

TEST_CASE("bytes that are not UTF-8 are named by column and offset") {
    atlas::bad_line bad;
    CHECK(refusal(line_with(2, "Andorra \xFF la"), tenon::errc::invalid_text, &bad) ==
          "f.txt, line 12, column 2 (name): \"Andorra \\xFF la\" is not UTF-8 at byte 8 of the value, byte 16 of the "
          "line");
    CHECK(bad.line == 12);
    CHECK(bad.column == 2);
    CHECK(bad.column_name == "name");
    CHECK(bad.value == "Andorra \\xFF la");
    CHECK(refusal(line_with(1, "\xC0"), tenon::errc::invalid_text).find("column 1 (geonameid)") != std::string::npos);
    CHECK(refusal(line_with(19, "\xE2\x82"), tenon::errc::invalid_text)
              .find("column 19 (modification date): \"\\xE2\\x82\" is not UTF-8 at byte 0") != std::string::npos);
}

TEST_CASE("a place that is there twice is named with both lines") {
    CHECK(atlas::duplicate_place("f.txt", 9, 42, 3).message ==
          "f.txt, line 9, column 1 (geonameid): \"42\" is the id of line 3 as well; every place needs its own");
    CHECK(atlas::duplicate_place("f.txt", 9, 42, 0).message.find("in the database already") != std::string::npos);
    CHECK(atlas::duplicate_place("f.txt", 9, 42, 3).kind == tenon::errc::duplicate_key);
}

TEST_CASE("the reader takes CRLF, empty lines, a byte order mark and a last line without its end") {
    temporary const f("\xEF\xBB\xBF" + line_with(1, "1") + "\r\n\r\n\n" + line_with(1, "2") + "\n" + line_with(1, "3"));
    auto            r = atlas::geonames_reader::open(f.path);
    REQUIRE(r);
    CHECK(all(*r) == std::vector<std::string>{"1:1", "4:2", "5:3"});
    CHECK(r->position().line == 5);
    CHECK(r->position().offset == r->size());

    auto begin = atlas::geonames_reader::open(f.path);
    REQUIRE(begin);
    auto again = atlas::geonames_reader::open(f.path, begin->position());
    REQUIRE(again);
    CHECK(all(*again).size() == 3);

    temporary const empty("");
    auto            e = atlas::geonames_reader::open(empty.path);
    REQUIRE(e);
    CHECK(all(*e).empty());
}

TEST_CASE("reading goes on behind a bad line") {
    temporary const f(line_with(1, "1") + "\nbad\n" + line_with(5, "x") + "\n" + line_with(1, "4") + "\n");
    auto            r = atlas::geonames_reader::open(f.path);
    REQUIRE(r);
    auto const said = all(*r);
    REQUIRE(said.size() == 4);
    CHECK(said[0] == "1:1");
    CHECK(said[1].starts_with(", line 2: \"bad\" has 1 column"));
    CHECK(said[2] == ", line 3, column 5 (latitude): \"x\" is not a number");
    CHECK(said[3] == "4:4");
    CHECK(r->bad().line == 3);
}

TEST_CASE("reading resumes at every position and gives the rest") {
    std::string text;
    for (int i = 1; i <= 40; ++i)
        text += (i % 7 == 0    ? std::string("\n")
                 : i % 11 == 0 ? std::string("bad\r\n")
                               : line_with(1, std::to_string(i)) + (i % 3 == 0 ? "\r\n" : "\n"));
    temporary const f(text);
    auto            r = atlas::geonames_reader::open(f.path);
    REQUIRE(r);
    auto const                     fingerprint = r->fingerprint();
    std::vector<std::string> const whole       = [&] {
        auto again = atlas::geonames_reader::open(f.path);
        return all(*again);
    }();
    atlas::geonames_record record;
    for (std::size_t taken = 0;; ++taken) {
        auto resumed = atlas::geonames_reader::open(f.path, r->position());
        REQUIRE(resumed);
        CHECK(resumed->fingerprint() == fingerprint);
        CHECK(all(*resumed) ==
              std::vector<std::string>(whole.begin() + static_cast<std::ptrdiff_t>(taken), whole.end()));
        auto const more = r->next(record);
        if (more && !*more) break;
        if (more) CHECK(record.after == r->position());
    }

    CHECK_FALSE(atlas::geonames_reader::open(f.path, {3, 17}));
    CHECK_FALSE(atlas::geonames_reader::open(f.path, {3, text.size() + 1}));
}

TEST_CASE("lines longer than a read, and lines that are too long") {
    std::string const longer(700'000, 'x');
    temporary const   f(line_with(1, "1") + "\n" + line_with(4, longer, line_with(1, "2")) + "\n" +
                        std::string(5'000'000, 'y') + "\n" + line_with(1, "4") + "\n" + std::string(2'000'000, 'z'));
    auto              r = atlas::geonames_reader::open(f.path);
    REQUIRE(r);
    auto const said = all(*r);
    REQUIRE(said.size() == 5);
    CHECK(said[1] == "2:2");
    CHECK(said[2] == ", line 3: the line has 5000000 bytes, more than a GeoNames dump can have (1 MiB)");
    CHECK(said[3] == "4:4");
    CHECK(said[4].starts_with(", line 5: the line has 2000000 bytes"));
    CHECK(r->position().offset == r->size());
}

TEST_CASE("a real dump has no bad line") {
    std::string const path = "/usr/share/libtimezonemap/ui/cities15000.txt";  // Debian's libtimezonemap-data
    auto              r    = atlas::geonames_reader::open(path);
    if (!r) {
        MESSAGE("left out: " << r.error().message);
        return;
    }
    atlas::geonames_record record;
    std::uint64_t          places = 0, unnamed = 0;
    while (true) {
        auto const more = r->next(record);
        INFO((more ? std::string() : more.error().message));
        REQUIRE(more);
        if (!*more) break;
        ++places;
        unnamed += record.what.name.empty() || record.what.country.size() != 2 || record.what.time_zone.empty();
    }
    CHECK(places > 20'000);
    CHECK(unnamed == 0);
    CHECK(r->position().offset == r->size());
}

TEST_CASE("what is no dump is refused in one sentence") {
    auto kind = [](std::string const& path) {
        auto r = atlas::geonames_reader::open(path);
        return r ? std::string("none") : std::string(to_string(r.error().kind));
    };
    CHECK(kind("/nowhere/cities.txt") == "not found");
    CHECK(kind("/") == "invalid argument");
    CHECK(kind("/dev/null") == "invalid argument");
    temporary const zip("PK\x03\x04 and so on");
    CHECK(atlas::geonames_reader::open(zip.path).error().message.find("unpack it") != std::string::npos);
}

TEST_CASE("a fingerprint changes with the file's size, beginning and end") {
    auto of = [](std::string const& text) {
        temporary const f(text);
        return atlas::geonames_reader::open(f.path)->fingerprint();
    };
    std::string base(20'000, 'a'), begin = base, end = base;
    begin[0]   = 'b';
    end.back() = 'b';
    CHECK(of(base) == of(base));
    CHECK(of(base) != of(begin));
    CHECK(of(base) != of(end));
    CHECK(of(base) != of(base + "a"));
}

TEST_CASE("random bytes never do more than return errors") {
    constexpr std::uint64_t seed = 5;
    CAPTURE(seed);
    tenon::prng random(seed);
    for (int round = 0; round < 60; ++round) {
        std::string text;
        for (int i = 0; i < 30; ++i) text += line_with(1, std::to_string(i)) + "\n";
        for (auto n = random.below(60); n > 0; --n) text[random.below(text.size())] = static_cast<char>(random());
        temporary const f(text);
        auto            r = atlas::geonames_reader::open(f.path);
        if (!r) continue;
        auto const said = all(*r);
        CHECK(said.size() < 200);
        CHECK(r->position().offset == text.size());
    }
}
