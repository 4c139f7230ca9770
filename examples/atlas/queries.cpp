// SPDX-License-Identifier: Apache-2.0
// atlas near, within, search, like, top, get, stats, check, map.
#include "atlas_db.hpp"
#include "commands.hpp"
#include "embedding.hpp"
#include "output.hpp"
#include "svg_map.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>

namespace atlas {

namespace {

/// A place and what its query says of it.
struct answer {
    place                 what;
    std::optional<double> metres, distance, score;
};
struct question {
    std::string         words;     ///< for people: "10 places nearest to ..."
    std::vector<double> geometry;  ///< for the map
};

using snapshot = atlas_db::snapshot_type;
using asks     = std::function<tenon::result<std::vector<answer>>(snapshot const&)>;

std::string detail_of(answer const& a) {
    if (a.metres) return human_distance(*a.metres);
    if (a.score) return "score " + fixed(*a.score, 2);
    if (a.distance) return "distance " + fixed(*a.distance, 3);
    return human_count(a.what.population) + " people";
}

void write(json& out, answer const& a) {
    auto const& p = a.what;
    out.object()
        .field("id", p.id)
        .field("name", p.name)
        .field("country", p.country)
        .field("feature_code", p.feature_code);
    out.field("population", p.population)
        .field("time_zone", p.time_zone)
        .field("lat", p.where.lat)
        .field("lon", p.where.lon);
    if (a.metres) out.field("metres", *a.metres);
    if (a.distance) out.field("distance", *a.distance);
    if (a.score) out.field("score", *a.score);
    out.end();
}

void write(json& out, tenon::query_trace const& t, double seconds) {
    out.key("explain")
        .object()
        .field("index", t.index)
        .field("microseconds", seconds * 1e6)
        .field("memtables", t.memtables);
    out.field("runs", t.runs)
        .field("filtered_runs", t.filtered)
        .field("candidates", t.candidates)
        .field("hits", t.hits);
    out.field("blocks", t.blocks).field("skipped_blocks", t.skipped).field("model_window", t.model_window).end();
}

void print(tenon::query_trace const& t, double seconds) {
    table out({{"explain"}, {"", table::left, 90}});
    out.row({"index", t.index});
    out.row({"time", human_duration(seconds) + " with reading the rows"});
    out.row({"asked", human_count(t.memtables) + " memtables, " + human_count(t.runs) + " runs; " +
                          human_count(t.filtered) + " runs were ruled out by their filter"});
    out.row({"candidates", human_count(t.candidates) + " entries that the index named"});
    out.row({"hits", human_count(t.hits) + " of them seen by this snapshot"});
    out.row({"blocks read", human_count(t.blocks)});
    if (t.model_window > 0)
        out.row({"model error", human_count(t.model_window) + " positions left to search by the learned index"});
    std::printf("\n%s", out.text().c_str());
}

/// Opens the database, which must be there.
tenon::result<atlas_db> open_existing(common_options const& o) {
    atlas_db::options options;
    options.create = false;
    auto db        = tenon::open<atlas_db>(o.db, options);
    if (!db && db.error().kind == tenon::errc::not_found)
        return tenon::fail(tenon::errc::not_found,
                           "there is no database " + o.db + "; make one with: atlas load FILE --db " + o.db);
    return db;
}

/// Runs a query, prints its answers, keeps it for the map.
int ask(common_options const& o, question const& q, asks const& query, std::size_t const* found = nullptr) {
    auto db = open_existing(o);
    if (!db) return report(o, db.error());
    tenon::query_trace trace;
    auto const         began   = std::chrono::steady_clock::now();
    auto               answers = query(o.explain ? db->snapshot().traced(trace) : db->snapshot());
    double const       seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    if (!answers) return report(o, answers.error());

    if (o.json) {
        json out;
        out.object()
            .field("query", q.words)
            .field("found", found != nullptr ? *found : answers->size())
            .key("places")
            .array();
        for (auto const& a : *answers) write(out, a);
        out.end();
        if (o.explain) write(out, trace, seconds);
        std::puts(out.end().text().c_str());
    } else {
        table out({{"#", table::right},
                   {"id", table::right},
                   {"name", table::left, 34},
                   {"country"},
                   {"people", table::right},
                   {"where"},
                   {"", table::right}});
        for (std::size_t i = 0; i < answers->size(); ++i) {
            auto const& a = (*answers)[i];
            out.row({std::to_string(i + 1), std::to_string(a.what.id), a.what.name, a.what.country,
                     human_count(a.what.population), human_position(a.what.where.lon, a.what.where.lat),
                     a.metres || a.score || a.distance ? detail_of(a) : ""});
        }
        std::printf("%s\n\n%s", q.words.c_str(), answers->empty() ? "nothing found\n" : out.text().c_str());
        if (found != nullptr && *found > answers->size())
            std::printf("and %s more: -k shows more of them\n", human_count(*found - answers->size()).c_str());
        if (o.explain) print(trace, seconds);
    }
    last_query last{0, q.words, {}, q.geometry};
    for (auto const& a : *answers) last.places.push_back(a.what.id);
    auto tx = db->begin();
    if (auto done = tx.upsert(last); !done) return report(o, done.error());
    if (auto done = tx.commit(); !done) return report(o, done.error());
    if (auto done = db->close(); !done) return report(o, done.error());
    return answers->empty() ? nothing : success;
}

/// The answers of an index query, with what it says of each.
template <class Hits>
tenon::result<std::vector<answer>> collect(Hits hits, std::size_t limit, std::optional<double> answer::* what) {
    std::vector<answer> out;
    while (out.size() < limit) {
        auto h = hits.next();
        if (!h) return tenon::fail(h.error());
        if (!*h) break;
        answer a{std::move((*h)->row), {}, {}, {}};
        if (what == &answer::metres) a.metres = (*h)->distance;
        else if (what == &answer::distance) a.distance = (*h)->distance;
        else if (what == &answer::score) a.score = (*h)->score;
        out.push_back(std::move(a));
    }
    return out;
}

}  // namespace

int report(common_options const& o, tenon::error const& e) {
    if (o.json) {
        json out;
        out.object()
            .key("error")
            .object()
            .field("kind", tenon::to_string(e.kind))
            .field("message", e.message)
            .end()
            .end();
        std::puts(out.text().c_str());
    }
    std::fprintf(stderr, "atlas: %s\n", for_terminal(e.message).c_str());
    switch (e.kind) {
        case tenon::errc::invalid_argument:
        case tenon::errc::invalid_text:
        case tenon::errc::duplicate_key: return bad_input;
        default: return trouble;
    }
}

int near(common_options const& o, tenon::lonlat from, std::size_t k) {
    if (!is_valid(from)) {
        std::fprintf(
            stderr, "atlas: latitude %g, longitude %g is no place: degrees in [-90, 90] and [-180, 180] are expected\n",
            from.lat, from.lon);
        return usage;
    }
    return ask(o, {human_count(k) + " places nearest to " + human_position(from.lon, from.lat), {from.lon, from.lat}},
               [&](snapshot const& s) { return collect(s.closest<&place::where>(from, k), k, &answer::metres); });
}

int within(common_options const& o, tenon::lonlat_box box, std::size_t limit) {
    if (!is_valid(tenon::lonlat{box.west, box.south}) || !is_valid(tenon::lonlat{box.east, box.north}) ||
        box.south > box.north) {
        std::fprintf(stderr,
                     "atlas: W S E N are degrees, W and E in [-180, 180], S and N in [-90, 90], S not above N (W "
                     "greater than E crosses the antimeridian)\n");
        return usage;
    }
    std::size_t found = 0;
    auto const  all   = [&](snapshot const& s) {
        auto hits = s.within<&place::where>(box);
        found     = hits.size();
        return collect(std::move(hits), limit, nullptr);
    };
    question const q{
        "places from " + human_position(box.west, box.south) + " to " + human_position(box.east, box.north),
        {box.west, box.south, box.east, box.north}};
    return ask(o, q, all, &found);
}

int search(common_options const& o, std::string const& words, std::size_t k) {
    // Two text indexes: a word of the name counts twice as much as one of the names in other languages.
    auto const ask_both = [&](snapshot const& s) -> tenon::result<std::vector<answer>> {
        std::size_t const wide    = std::max<std::size_t>(50, 5 * k);
        auto              in_name = collect(s.search<&place::name>(words, wide), wide, &answer::score);
        if (!in_name) return in_name;
        auto in_others = collect(s.search<&place::alternate_names>(words, wide), wide, &answer::score);
        if (!in_others) return in_others;
        std::map<std::uint64_t, answer> all;
        for (auto& a : *in_name) {
            *a.score *= 2;
            all.emplace(a.what.id, std::move(a));
        }
        for (auto& a : *in_others) {
            auto const [known, fresh] = all.emplace(a.what.id, a);
            if (!fresh) *known->second.score += *a.score;
        }
        std::vector<answer> best;
        for (auto& [id, a] : all) best.push_back(std::move(a));
        std::sort(best.begin(), best.end(), [](auto const& a, auto const& b) {
            return *a.score != *b.score ? *a.score > *b.score : a.what.id < b.what.id;
        });
        if (best.size() > k) best.resize(k);
        return best;
    };
    return ask(o, {"places whose names hold \"" + for_terminal(words) + "\", best first", {}}, ask_both);
}

int like(common_options const& o, std::string const& name, std::size_t k) {
    return ask(o, {"places whose names look like \"" + for_terminal(name) + "\"", {}}, [&](snapshot const& s) {
        return collect(s.closest<&place::look>(embed_name(name), k), k, &answer::distance);
    });
}

int top(common_options const& o, top_options const& t) {
    std::string const what =
        "largest places" + (t.country.empty() ? std::string() : " of " + for_terminal(t.country)) +
        (t.min_population > 0 ? ", " + human_count(t.min_population) + " people or more" : std::string());
    return ask(o, {what, {}}, [&](snapshot const& s) -> tenon::result<std::vector<answer>> {
        auto const take = [&](auto rows) -> tenon::result<std::vector<answer>> {
            std::vector<answer> out;
            while (out.size() < t.k) {
                auto row = rows.next();
                if (!row) return tenon::fail(row.error());
                if (!*row) break;
                out.push_back({std::move(**row), {}, {}, {}});
            }
            return out;
        };
        if (t.country.empty())
            return take(s.range<&place::population>(t.min_population, std::nullopt, tenon::order::descending));
        // Keys of two members: from (country, least population) up to the first string behind the country.
        return take(s.range<by_country>(std::tuple(t.country, t.min_population), std::tuple(t.country + '\0'),
                                        tenon::order::descending));
    });
}

int get(common_options const& o, std::uint64_t id) {
    return ask(o, {"place " + std::to_string(id), {}}, [&](snapshot const& s) -> tenon::result<std::vector<answer>> {
        auto row = s.get<place>(id);
        if (!row) return tenon::fail(row.error());
        std::vector<answer> out;
        if (*row) out.push_back({std::move(**row), {}, {}, {}});
        return out;
    });
}

int stats(common_options const& o) {
    auto const began = std::chrono::steady_clock::now();
    auto       db    = open_existing(o);
    if (!db) return report(o, db.error());
    double const opened = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    auto const   s      = db->stats();
    if (o.json) {
        json out;
        out.object()
            .field("path", o.db)
            .field("signature", atlas_db::signature())
            .field("open_seconds", opened)
            .field("last_commit", s.last_commit);
        out.field("file_bytes", s.store.file_bytes)
            .field("live_bytes", s.store.live_bytes)
            .field("free_bytes", s.store.free_bytes)
            .field("root_generation", s.store.generation);
        out.field("log_bytes", s.log.live_bytes)
            .field("replayed_commits", db->recovery().log_records)
            .field("truncated_bytes", db->recovery().truncated_bytes);
        out.key("tables").array();
        for (auto const& t : s.tables) {
            out.object()
                .field("name", t.name)
                .field("rows", t.rows)
                .field("memtable_rows", t.memtable_rows)
                .field("run_rows", t.run_rows)
                .field("tombstones", t.tombstones);
            out.field("row_bytes", t.row_bytes)
                .field("key_bytes", t.key_bytes)
                .field("filter_bytes", t.filter_bytes)
                .key("runs")
                .array();
            for (auto r : t.runs) out.value(r);
            out.end().key("indexes").array();
            for (auto const& i : t.indexes) out.object().field("index", i.index).field("bytes", i.bytes).end();
            out.end().end();
        }
        std::puts(out.end().end().text().c_str());
        return success;
    }
    std::printf("%s: opened in %s, last commit %s, root %s\n", o.db.c_str(), human_duration(opened).c_str(),
                human_count(s.last_commit).c_str(), human_count(s.store.generation).c_str());
    std::printf("file %s, of it free %s; log %s; %s commits replayed at opening\n\n",
                human_bytes(s.store.file_bytes).c_str(), human_bytes(s.store.free_bytes).c_str(),
                human_bytes(s.log.live_bytes).c_str(), human_count(db->recovery().log_records).c_str());
    table out({{"table"},
               {"rows", table::right},
               {"in memory", table::right},
               {"runs", table::right},
               {"deleted", table::right},
               {"row bytes", table::right},
               {"key bytes", table::right}});
    for (auto const& t : s.tables)
        out.row({t.name, human_count(t.rows), human_count(t.memtable_rows), human_count(t.runs.size()),
                 human_count(t.tombstones), human_bytes(t.row_bytes), human_bytes(t.key_bytes)});
    table indexes({{"table"}, {"index", table::left, 70}, {"bytes", table::right}});
    for (auto const& t : s.tables)
        for (auto const& i : t.indexes) indexes.row({t.name, i.index, human_bytes(i.bytes)});
    std::printf("%s\n%s", out.text().c_str(), indexes.text().c_str());
    return success;
}

int check(common_options const& o) {
    auto db = open_existing(o);
    if (!db) return report(o, db.error());
    auto ok = db->verify();
    if (!ok) {
        (void)report(o, ok.error());
        return not_intact;
    }
    if (o.json) {
        json out;
        out.object()
            .field("intact", true)
            .field("rows", ok->rows)
            .field("runs", ok->runs)
            .field("blocks", ok->blocks)
            .field("index_entries", ok->index_entries)
            .end();
        std::puts(out.text().c_str());
    } else {
        std::printf(
            "%s is intact: %s rows in %s runs and %s blocks, %s index entries compared with their rows, all checksums "
            "read\n",
            o.db.c_str(), human_count(ok->rows).c_str(), human_count(ok->runs).c_str(), human_count(ok->blocks).c_str(),
            human_count(ok->index_entries).c_str());
    }
    return success;
}

int map(common_options const& o, std::string const& path) {
    auto db = open_existing(o);
    if (!db) return report(o, db.error());
    auto const s    = db->snapshot();
    auto       last = s.get<last_query>(std::uint8_t{0});
    if (!last) return report(o, last.error());
    auto count = s.count<place>();
    if (!count) return report(o, count.error());
    map_options options;
    options.title = "atlas: " + human_count(*count) + " places";
    if (*last) {
        options.subtitle = (*last)->words;
        auto const& g    = (*last)->geometry;
        if (g.size() == 2) options.centre = tenon::lonlat{g[0], g[1]};
        if (g.size() == 4) options.window = tenon::lonlat_box{g[0], g[1], g[2], g[3]};
        for (auto id : (*last)->places) {
            auto row = s.get<place>(id);
            if (!row) return report(o, row.error());
            if (*row)
                options.hits.push_back({(*row)->name, human_count((*row)->population) + " people", (*row)->where});
        }
    }
    svg_map drawing(std::move(options));
    auto    rows = s.all<place>();
    for (;;) {
        auto row = rows.next();
        if (!row) return report(o, row.error());
        if (!*row) break;
        drawing.add((*row)->where, (*row)->population);
    }
    if (auto done = drawing.write(path); !done) return report(o, done.error());
    if (o.json) std::puts(json().object().field("map", path).field("places", drawing.size()).end().text().c_str());
    else
        std::printf("%s: %s places%s\n", path.c_str(), human_count(drawing.size()).c_str(),
                    *last ? ", with the hits of the last query" : "");
    return success;
}

}  // namespace atlas
