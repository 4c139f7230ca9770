// SPDX-License-Identifier: Apache-2.0
// atlas: real places in a tenon database. This file reads the command line; the commands are in commands.hpp.
#include "commands.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

constexpr char const* examples = R"(Examples
  atlas load                              the 24,000 places of Debian's libtimezonemap-data
  atlas load allCountries.txt --db world  any GeoNames dump; kill it and run it again: it goes on
  atlas near 48.8566 2.3522 -k 5          nearest places to a point: latitude, longitude
  atlas within 170 -50 -170 -30           west south east north; west > east crosses the antimeridian
  atlas search new york                   words of names in any language, without case and accents
  atlas like Rejkiavik                    names that look like this one: forgives typos
  atlas top --country FR -k 5             largest places of a country
  atlas explain near 64.1 -21.9           which index answered, and what it looked at
  atlas map world.svg                     draws all places, and the hits of the last query
  atlas torture --rounds 20               kills a writing child 20 times; nothing acknowledged is lost

Exit codes
  0 done   1 nothing found   2 the command line is wrong   3 a line of the input cannot be stored
  4 the database or the system refused   5 check or torture found damage)";

constexpr char const* default_file = "/usr/share/libtimezonemap/ui/cities15000.txt";

}  // namespace

int main(int argc, char** argv) {
    atlas::common_options common;
    bool const            explain = argc > 1 && std::string(argv[1]) == "explain";
    if (explain) {
        common.explain = true;
        argv[1]        = argv[0];
        ++argv;
        --argc;
    }

    CLI::App app(
        "atlas - real places in a tenon database: rows, a learned index, an R-tree, full text and vectors in one file "
        "and one transaction",
        "atlas");
    app.require_subcommand(1);
    app.footer(examples);
    app.fallthrough();
    app.add_option("--db", common.db, "The database file; its log stands beside it in FILE.wal/")
        ->capture_default_str()
        ->type_name("FILE");
    app.add_flag("--json", common.json, "Print JSON, for programs");

    int                      code = atlas::success;
    std::size_t              k    = 10;
    tenon::lonlat            point;
    tenon::lonlat_box        box;
    atlas::load_options      load;
    atlas::top_options       top;
    atlas::torture_options   torture;
    std::vector<std::string> words;
    std::string              name, out;
    std::uint64_t            id = 0;
    load.file                   = default_file;

    auto* c = app.add_subcommand("load", "Load a GeoNames dump: durable at each batch, goes on where it was stopped");
    c->add_option("FILE", load.file, "19 tab-separated columns, as download.geonames.org gives them")
        ->capture_default_str();
    c->add_option("--batch", load.batch, "Places in one commit")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    c->add_flag("--skip-bad", load.skip_bad,
                "Skip, count and list lines that cannot be stored, instead of refusing their batch");
    c->callback([&] { code = atlas::load(common, load); });

    c = app.add_subcommand("near", "The places nearest to a point, by great-circle distance");
    c->add_option("LAT", point.lat, "Degrees north, -90 to 90")->required();
    c->add_option("LON", point.lon, "Degrees east, -180 to 180")->required();
    c->add_option("-k", k, "How many")->capture_default_str();
    c->callback([&] { code = atlas::near(common, point, k); });

    c = app.add_subcommand("within", "The places in a window of degrees; W greater than E crosses the antimeridian");
    c->add_option("W", box.west)->required();
    c->add_option("S", box.south)->required();
    c->add_option("E", box.east)->required();
    c->add_option("N", box.north)->required();
    c->add_option("-k", k, "How many at the most")->capture_default_str();
    c->callback([&] { code = atlas::within(common, box, k); });

    c = app.add_subcommand("search", "The places whose names hold these words, best first (BM25)");
    c->add_option("WORDS", words)->required();
    c->add_option("-k", k, "How many")->capture_default_str();
    c->callback([&] {
        std::string text;
        for (auto const& w : words) text += (text.empty() ? "" : " ") + w;
        code = atlas::search(common, text, k);
    });

    c = app.add_subcommand("like", "The places whose names look like this one (nearest vectors): forgives typos");
    c->add_option("NAME", words)->required();
    c->add_option("-k", k, "How many")->capture_default_str();
    c->callback([&] {
        std::string text;
        for (auto const& w : words) text += (text.empty() ? "" : " ") + w;
        code = atlas::like(common, text, k);
    });

    c = app.add_subcommand("top", "The largest places");
    c->add_option("--country", top.country, "Two letters, such as FR")->type_name("CC");
    c->add_option("--min-population", top.min_population, "Only places of at least so many people")->type_name("N");
    c->add_option("-k", top.k, "How many")->capture_default_str();
    c->callback([&] { code = atlas::top(common, top); });

    c = app.add_subcommand("get", "One place by its GeoNames id");
    c->add_option("ID", id)->required();
    c->callback([&] { code = atlas::get(common, id); });

    app.add_subcommand("explain",
                       "explain QUERY...: answer a query and say which index was used and what it looked at");

    c = app.add_subcommand("stats", "Rows, runs, bytes for each index, what opening did");
    c->callback([&] { code = atlas::stats(common); });
    c = app.add_subcommand("check", "Read everything and compare every index with the rows");
    c->callback([&] { code = atlas::check(common); });
    c = app.add_subcommand("map", "Draw all places and the hits of the last query");
    c->add_option("OUT.svg", out)->required();
    c->callback([&] { code = atlas::map(common, out); });

    c = app.add_subcommand("torture",
                           "Kill a writing child process again and again and prove that nothing acknowledged is lost");
    c->add_option("--rounds", torture.rounds, "Kills")->capture_default_str();
    c->add_option("--seed", torture.seed, "Repeats a run's data and moments; 0 takes the clock, the seed is printed")
        ->capture_default_str();
    c->callback([&, own_db = app.get_option("--db")] {
        if (own_db->count() > 0) torture.db = common.db;
        code = atlas::torture(common, torture);
    });

    try {
        app.parse(argc, argv);
    } catch (CLI::ParseError const& e) {
        int const shown = app.exit(e);
        return shown == 0 ? atlas::success : atlas::usage;
    }
    if (explain && app.got_subcommand("explain")) {
        std::fprintf(stderr, "atlas: explain takes a query, as in: atlas explain near 48.86 2.35\n");
        return atlas::usage;
    }
    if (app.got_subcommand("explain")) return atlas::usage;
    return code;
}
