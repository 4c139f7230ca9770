// SPDX-License-Identifier: Apache-2.0
// How fast does a database with every kind of index load, open and answer? The atlas over a file of GeoNames.
#include "atlas_db.hpp"
#include "embedding.hpp"
#include "geonames.hpp"
#include "measure.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/text_index/bm25.hpp"

#include <functional>
#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace {

using atlas::atlas_db;
using atlas::place;
using bench::must;
using bench::samples;
using bench::stopwatch;
using snapshot = atlas_db::snapshot_type;

constexpr char const* help =
    R"(bench_atlas [FILE] - loads a GeoNames file into a database with every kind of index, opens it, asks it, and checks its answers.

  FILE            default /usr/share/libtimezonemap/ui/cities15000.txt
  --dir DIR       where the database is made, and removed afterwards (.); a file system where a sync means something
  --batch N       places in one durable commit (1000)
  --queries N     of each kind (2000)
  --check N       of them compared with a scan of all rows in memory, before anything is timed (100)
  --reopens N     times that the database is opened (20)
  --seed N        of the queries (20260101)
  --json          one JSON document on stdout instead of tables
  --help          this text
)";

/// What a query gives: in ids and numbers that can be compared, `rank` being metres, distance or -score; 0 where order is all.
struct answer {
    std::uint64_t id   = 0;
    double        rank = 0;
};
using answers = std::vector<answer>;

/// A kind of query: how it is asked, how it is asked without reading rows, and how the obvious way answers it.
struct kind {
    std::string                             name, what;
    std::function<answers(std::size_t)>     ask;          ///< with rows; the database's answer to query i
    std::function<std::size_t(std::size_t)> ask_without;  ///< how many hits; empty where there is no such thing
    std::function<answers(std::size_t)>     obvious;      ///< from all rows in memory
    bool                                    approximate = false;
    // measured
    samples       with_rows, without_rows, by_scan;
    double        mean = 0, mean_without = 0, hits = 0, recall = 1;
    std::uint64_t digest = 0;
    std::string   index;
};

/// The terms of one text of each row, counted once: what a scan for words reads.
struct corpus {
    std::unordered_map<std::string, std::uint32_t> ids;
    std::vector<std::string>                       terms;  ///< by id
    std::vector<std::vector<std::uint32_t>>        texts;  ///< term ids of each row, in order
    double                                         average_length = 0;

    void add(std::string_view text) {
        auto& out = texts.emplace_back();
        tenon::analyze(text, [&](std::string_view term) {
            auto const [it, fresh] = ids.try_emplace(std::string(term), static_cast<std::uint32_t>(terms.size()));
            if (fresh) terms.emplace_back(term);
            out.push_back(it->second);
        });
        auto const n = static_cast<double>(texts.size());
        average_length += (static_cast<double>(out.size()) - average_length) / n;
    }
};
/// Everything in memory, for the obvious way.
struct reference {
    std::vector<place>                             rows;
    std::unordered_map<std::uint64_t, std::size_t> by_id;
    corpus                                         name, others;
};

/// The k least by (rank, id).
answers best(answers all, std::size_t k) {
    auto const n = std::min(k, all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n), all.end(),
                      [](answer a, answer b) { return a.rank != b.rank ? a.rank < b.rank : a.id < b.id; });
    all.resize(n);
    return all;
}
answers by_id(answers all) {
    std::sort(all.begin(), all.end(), [](answer a, answer b) { return a.id < b.id; });
    return all;
}

answers search_all(reference const& all, corpus const& in, std::string const& words, std::size_t k) {
    auto const                 terms = tenon::query_terms<>(words);
    std::vector<std::uint32_t> wanted;
    for (auto const& t : terms) {
        auto const it = in.ids.find(t);
        wanted.push_back(it == in.ids.end() ? ~std::uint32_t{0} : it->second);
    }
    std::vector<std::uint64_t> with(terms.size());
    std::vector<std::uint32_t> frequencies(all.rows.size() * terms.size());  // of each term in each row
    std::vector<std::size_t>   holds;                                        // rows with any of them
    for (std::size_t i = 0; i < all.rows.size(); ++i) {
        auto* const f   = frequencies.data() + i * terms.size();
        bool        any = false;
        for (auto const t : in.texts[i])
            for (std::size_t w = 0; w < wanted.size(); ++w)
                if (t == wanted[w]) ++f[w], any = true;
        for (std::size_t w = 0; w < wanted.size(); ++w) with[w] += f[w] > 0;
        if (any) holds.push_back(i);
    }
    // BM25 with k1 = 1.2, b = 0.75, written out again.
    answers out;
    for (auto const i : holds) {
        double       score = 0;
        double const norm  = 1.2 * (0.25 + 0.75 * static_cast<double>(in.texts[i].size()) / in.average_length);
        for (std::size_t w = 0; w < wanted.size(); ++w) {
            auto const f = static_cast<double>(frequencies[i * terms.size() + w]);
            auto const d = static_cast<double>(with[w]), n = static_cast<double>(all.rows.size());
            if (f > 0) score += std::log(1 + (n - d + 0.5) / (d + 0.5)) * f * 2.2 / (f + norm);
        }
        out.push_back({all.rows[i].id, -score});
    }
    return best(std::move(out), k);
}

/// The angle by double arithmetic over the rows as they were loaded.
double cosine_distance(atlas::look_vector const& a, atlas::look_vector const& b) {
    double dot = 0, aa = 0, bb = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto const x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
        dot += x * y, aa += x * x, bb += y * y;
    }
    return aa > 0 && bb > 0 ? 1 - dot / std::sqrt(aa * bb) : 1;
}
/// The chord between two points of the sphere gives their great-circle distance: another way than the index's.
double chord_metres(tenon::lonlat a, tenon::lonlat b) {
    constexpr double radians = 3.14159265358979323846 / 180;
    auto const       point   = [](tenon::lonlat p, double(&v)[3]) {
        v[0] = std::cos(p.lat * radians) * std::cos(p.lon * radians);
        v[1] = std::cos(p.lat * radians) * std::sin(p.lon * radians);
        v[2] = std::sin(p.lat * radians);
    };
    double x[3], y[3], squares = 0;
    point(a, x), point(b, y);
    for (int i = 0; i < 3; ++i) squares += (x[i] - y[i]) * (x[i] - y[i]);
    return 2 * tenon::earth_radius_metres * std::asin(std::min(1.0, std::sqrt(squares) / 2));
}

/// Reads all rows of a stream; each must be what was loaded.
template <bool Check, class Stream>
answers drain(Stream hits, reference const& all, std::size_t limit, double sign = 1) {
    answers out;
    while (out.size() < limit) {
        auto h = must(hits.next(), "reading a hit");
        if (!h) break;
        place const* row  = nullptr;
        double       rank = 0;
        if constexpr (requires { h->row; }) row = &h->row, rank = h->score != 0 ? sign * h->score : h->distance;
        else row = &*h;
        if constexpr (Check) {
            auto const it = all.by_id.find(row->id);
            if (it == all.by_id.end() || !(all.rows[it->second] == *row))
                bench::die("place " + std::to_string(row->id) + " is not what was loaded");
        }
        out.push_back({row->id, rank});
    }
    return out;
}

/// Whether an exact answer is the right one. Ranks agree up to `slack`; hits whose ranks are that close may change places.
std::string compare(answers const& got, answers const& expected, double slack) {
    if (got.size() != expected.size())
        return std::to_string(got.size()) + " hits, " + std::to_string(expected.size()) + " expected";
    std::unordered_map<std::uint64_t, double> ranks;
    for (auto const& e : expected) ranks.emplace(e.id, e.rank);
    for (std::size_t i = 0; i < got.size(); ++i) {
        auto const near = slack * std::max(1.0, std::abs(expected[i].rank));
        auto const it   = ranks.find(got[i].id);
        // Not among the expected: fine only where it ties with the last of them.
        auto const truth = it != ranks.end() ? it->second : expected.back().rank;
        if (std::abs(got[i].rank - expected[i].rank) > near || std::abs(got[i].rank - truth) > near ||
            (slack == 0 && got[i].id != expected[i].id))
            return "hit " + std::to_string(i) + " is place " + std::to_string(got[i].id) + " with " +
                   std::to_string(got[i].rank) + ", place " + std::to_string(expected[i].id) + " with " +
                   std::to_string(expected[i].rank) + " expected";
    }
    std::unordered_set<std::uint64_t> distinct;
    for (auto const& g : got)
        if (!distinct.insert(g.id).second) return "place " + std::to_string(g.id) + " stands there twice";
    return {};
}

/// One character left out, doubled or swapped with the next: a typo.
std::string with_typo(std::string const& name, tenon::prng& random) {
    std::vector<std::string> c;
    for (std::size_t at = 0; at < name.size();) {
        auto const step = tenon::utf8_at(name, at);
        c.push_back(name.substr(at, step.bytes));
        at += step.bytes;
    }
    if (c.size() < 2) return name;
    auto const i = static_cast<std::ptrdiff_t>(random.below(c.size() - 1));
    switch (random.below(3)) {
        case 0: c.erase(c.begin() + i); break;
        case 1: c.insert(c.begin() + i, c[static_cast<std::size_t>(i)]); break;
        default: std::swap(c[static_cast<std::size_t>(i)], c[static_cast<std::size_t>(i) + 1]); break;
    }
    std::string out;
    for (auto const& x : c) out += x;
    return out;
}

struct load_times {
    double  parse = 0, embed = 0, open = 0, commit = 0, flush = 0;
    samples commits;
    double  all() const { return parse + embed + open + commit + flush; }
};

std::uint64_t digest_of(answers const& a) {
    std::uint64_t d = a.size();
    for (auto const& x : a) d += tenon::hash_u64(x.id);
    return d;
}

}  // namespace

int main(int argc, char** argv) {
    bench::arguments args(argc, argv, help);
    bool const       as_json = args.flag("--json");
    auto const       dir     = args.text("--dir", ".");
    auto const       batch   = args.number("--batch", 1000);
    auto const       n       = args.number("--queries", 2000);
    auto const       checked = std::min(args.number("--check", 100), n);
    auto const       reopens = args.number("--reopens", 20);
    auto const       seed    = args.number("--seed", 20260101, 0);
    auto const       file    = args.word("/usr/share/libtimezonemap/ui/cities15000.txt");
    args.end();

    bench::scratch const  folder(dir);
    auto const            path = folder / "atlas.tenon";
    reference             all;
    load_times            load;
    tenon::database_stats stats;

    // ---- load ------------------------------------------------------------------------------------------------------
    bench::say("loading " + file);
    {
        stopwatch watch;
        auto      db = must(tenon::open<atlas_db>(path), "making the database");
        load.open    = watch.lap();
        auto reader  = must(atlas::geonames_reader::open(file), "opening the file");
        for (bool more = true; more;) {
            std::vector<place> rows;
            while (rows.size() < batch) {
                atlas::geonames_record r;
                if (more = must(reader.next(r), "reading the file"); !more) break;
                rows.push_back(std::move(r.what));
            }
            load.parse += watch.lap();
            for (auto& p : rows) p.look = atlas::embed_name(p.name);
            load.embed += watch.lap();
            if (!rows.empty()) {
                auto tx = db.begin();
                for (auto const& p : rows) must(tx.insert(p), "inserting a place");
                must(tx.commit(), "committing");
                auto const spent = watch.lap();
                load.commit += spent;
                load.commits.add(spent);
            }
            for (auto& p : rows) all.rows.push_back(std::move(p));  // for the obvious way: not part of the load
            (void)watch.lap();
        }
        must(db.flush(), "writing the run");
        load.flush = watch.lap();
        must(db.close(), "closing");
    }
    if (all.rows.size() < 100) bench::die(file + " has " + std::to_string(all.rows.size()) + " places; 100 are needed");
    for (std::size_t i = 0; i < all.rows.size(); ++i) {
        all.by_id.emplace(all.rows[i].id, i);
        all.name.add(all.rows[i].name);
        all.others.add(all.rows[i].alternate_names);
    }

    // ---- reopen ----------------------------------------------------------------------------------------------------
    bench::say("opening it " + std::to_string(reopens) + " times");
    samples opens, first_gets;
    for (std::uint64_t i = 0; i < reopens; ++i) {
        stopwatch watch;
        auto      db = must(tenon::open<atlas_db>(path), "opening the database again");
        opens.add(watch.seconds());
        auto const& wanted = all.rows[i * 7919 % all.rows.size()];
        auto        row    = must(db.snapshot().get<place>(wanted.id), "the first get");
        first_gets.add(watch.seconds());
        if (!row || !(*row == wanted)) bench::die("place " + std::to_string(wanted.id) + " is not what was loaded");
        if (db.recovery().log_records != 0)
            bench::die("a database that was closed replayed its log when it was opened");
        must(db.close(), "closing");
    }

    // ---- queries ---------------------------------------------------------------------------------------------------
    auto       db   = must(tenon::open<atlas_db>(path), "opening the database");
    auto const view = db.snapshot();
    stats           = db.stats();
    tenon::prng random(seed);
    auto const  any = [&]() -> place const& { return all.rows[random.below(all.rows.size())]; };

    std::vector<std::uint64_t>      present(n), absent(n);
    std::vector<tenon::lonlat>      points(n);
    std::vector<tenon::lonlat_box>  boxes(n);
    std::vector<atlas::look_vector> looks(n);
    std::vector<std::int64_t>       limits(n);
    std::vector<std::string>        countries(n);
    for (auto& id : present) id = any().id;
    for (auto& id : absent) do
            id = random.below(20'000'000);
        while (all.by_id.contains(id));
    for (auto& p : points) {
        p = any().where;
        p = {std::clamp(p.lon + 2 * random.unit() - 1, -180.0, 180.0),
             std::clamp(p.lat + 2 * random.unit() - 1, -90.0, 90.0)};
    }
    for (auto& b : boxes) {
        auto const c = any().where;
        b            = {std::max(-180.0, c.lon - 0.5), std::max(-90.0, c.lat - 0.5), std::min(180.0, c.lon + 0.5),
                        std::min(90.0, c.lat + 0.5)};
    }
    // Words of one text; two of them where it has two, so that many queries have an answer that holds both.
    auto const words_of = [&](corpus const& in, std::size_t count) {
        std::vector<std::string> out(n);
        for (auto& q : out) {
            auto row = random.below(all.rows.size());
            for (int i = 0; i < 100 && in.texts[row].size() < count; ++i) row = random.below(all.rows.size());
            auto const& text = in.texts[row];
            auto const  word = [&] {
                return text.empty() ? std::string("city") : in.terms[text[random.below(text.size())]];
            };
            q = word();
            for (std::size_t i = 1; i < count; ++i) {
                auto next = word();
                for (int j = 0; j < 20 && next == q; ++j) next = word();
                q += " " + next;
            }
        }
        return out;
    };
    auto const name_1 = words_of(all.name, 1), name_2 = words_of(all.name, 2);
    auto const others_1 = words_of(all.others, 1), others_2 = words_of(all.others, 2);
    for (auto& l : looks) l = atlas::embed_name(with_typo(any().name, random));
    for (auto& l : limits) l = any().population + 1;
    for (auto& c : countries) c = any().country;

    static constexpr std::size_t k    = 10;
    static constexpr auto        none = ~std::size_t{0};
    auto const                   scan = [&](auto rank) {  // optional rank of each row
        answers out;
        for (auto const& p : all.rows)
            if (std::optional<double> const r = rank(p)) out.push_back({p.id, *r});
        return out;
    };
    // Keys equal in the index are in the order of the primary key; backwards when read backwards.
    auto const greatest = [](answers a) {
        auto const m = std::min(k, a.size());
        std::partial_sort(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(m), a.end(),
                          [](answer x, answer y) { return x.rank != y.rank ? x.rank > y.rank : x.id > y.id; });
        a.resize(m);
        for (auto& x : a) x.rank = 0;
        return a;
    };
    bool       checking = true;  // rows are compared with what was loaded, outside the timing
    auto const read     = [&](auto stream, std::size_t limit = ~std::size_t{0}, double sign = 1) {
        return checking ? drain<true>(std::move(stream), all, limit, sign)
                            : drain<false>(std::move(stream), all, limit, sign);
    };
    auto const get = [&](snapshot const& s, std::uint64_t id) {
        auto row = must(s.get<place>(id), "get");
        if (checking && row && !(all.rows[all.by_id.at(id)] == *row))
            bench::die("place " + std::to_string(id) + " is not what was loaded");
        return row ? answers{{row->id, 0}} : answers{};
    };

    tenon::query_trace trace;
    auto const         traced = view.traced(trace);
    snapshot const*    source = &traced;  // while checking; then `view`
    std::vector<kind>  kinds;
    auto const add = [&](std::string name, std::string what, auto ask, std::function<std::size_t(std::size_t)> without,
                         auto obvious, bool approximate = false) {
        kind x;
        x.name = std::move(name), x.what = std::move(what), x.ask = std::move(ask), x.ask_without = std::move(without);
        x.obvious = std::move(obvious), x.approximate = approximate;
        kinds.push_back(std::move(x));
    };
    add(
        "get", "a place by its id", [&](std::size_t i) { return get(*source, present[i]); }, {},
        [&](std::size_t i) {
            return scan([&](place const& p) { return p.id == present[i] ? std::optional(0.0) : std::nullopt; });
        });
    add(
        "get, absent", "an id that no place has", [&](std::size_t i) { return get(*source, absent[i]); }, {},
        [&](std::size_t i) {
            return scan([&](place const& p) { return p.id == absent[i] ? std::optional(0.0) : std::nullopt; });
        });
    add(
        "near, k=10", "the 10 places nearest to a point within a degree of a place",
        [&](std::size_t i) { return read(source->closest<&place::where>(points[i], k)); },
        [&](std::size_t i) { return source->closest<&place::where>(points[i], k).size(); },
        [&](std::size_t i) {
            return best(scan([&](place const& p) { return std::optional(chord_metres(points[i], p.where)); }), k);
        });
    add(
        "within 1 degree", "all places of a window of 1 x 1 degree around a place",
        [&](std::size_t i) { return by_id(read(source->within<&place::where>(boxes[i]))); },
        [&](std::size_t i) { return source->within<&place::where>(boxes[i]).size(); },
        [&](std::size_t i) {
            auto const& b = boxes[i];
            return by_id(scan([&](place const& p) {
                bool const in =
                    p.where.lon >= b.west && p.where.lon <= b.east && p.where.lat >= b.south && p.where.lat <= b.north;
                return in ? std::optional(0.0) : std::nullopt;
            }));
        });
    auto const add_search = [&]<auto Member>(tenon::key_of<Member>, corpus const& in,
                                             std::vector<std::string> const& words, std::string name,
                                             std::string what) {
        add(
            std::move(name), std::move(what),
            [&](std::size_t i) { return read(source->search<Member>(words[i], k), none, -1); },
            [&](std::size_t i) { return source->search<Member>(words[i], k).size(); },
            [&](std::size_t i) { return search_all(all, in, words[i], k); });
    };
    constexpr tenon::key_of<&place::name>            by_name;
    constexpr tenon::key_of<&place::alternate_names> by_others;
    add_search(by_name, all.name, name_1, "search, 1 word", "the 10 best whose names hold a word");
    add_search(by_name, all.name, name_2, "search, 2 words", "the 10 best whose names hold one or both of two words");
    add_search(by_others, all.others, others_1, "search others, 1 word",
               "the 10 best whose names in other languages hold a word");
    add_search(by_others, all.others, others_2, "search others, 2 words",
               "the 10 best whose names in other languages hold one or both of two words");
    add(
        "like, k=10", "the 10 names nearest to a name with a typo, by vector",
        [&](std::size_t i) { return read(source->closest<&place::look>(looks[i], k)); },
        [&](std::size_t i) { return source->closest<&place::look>(looks[i], k).size(); },
        [&](std::size_t i) {
            return best(scan([&](place const& p) { return std::optional(cosine_distance(looks[i], p.look)); }), k);
        },
        true);
    add(
        "top 10", "the 10 largest places below a population",
        [&](std::size_t i) {
            return read(source->range<&place::population>(std::nullopt, limits[i], tenon::order::descending), k);
        },
        {},
        [&](std::size_t i) {
            return greatest(scan([&](place const& p) {
                return p.population < limits[i] ? std::optional(static_cast<double>(p.population)) : std::nullopt;
            }));
        });
    add(
        "top 10 of a country", "the 10 largest places of a country",
        [&](std::size_t i) {
            return read(source->range<atlas::by_country>(std::tuple(countries[i], std::int64_t{0}),
                                                         std::tuple(countries[i] + '\0'), tenon::order::descending),
                        k);
        },
        {},
        [&](std::size_t i) {
            return greatest(scan([&](place const& p) {
                return p.country == countries[i] ? std::optional(static_cast<double>(p.population)) : std::nullopt;
            }));
        });

    for (auto& x : kinds) {
        bench::say("checking and timing: " + x.name);
        // Answers first: nothing that is wrong is timed.
        source = &traced, checking = true, trace = {};
        std::size_t found = 0, expected_hits = 0;
        for (std::size_t i = 0; i < checked; ++i) {
            stopwatch  watch;
            auto const expected = x.obvious(i);
            x.by_scan.add(watch.seconds());
            auto const got = x.ask(i);
            if (!x.approximate) {
                double const slack = x.name.starts_with("near") || x.name.starts_with("search") ? 1e-6 : 0;
                if (auto const wrong = compare(got, expected, slack); !wrong.empty())
                    bench::die(x.name + ", query " + std::to_string(i) + " of seed " + std::to_string(seed) + ": " +
                               wrong);
                continue;
            }
            if (got.size() != expected.size())
                bench::die(x.name + ", query " + std::to_string(i) + ": " + std::to_string(got.size()) + " hits");
            for (std::size_t j = 0; j < got.size(); ++j) {  // distances must be true, if not the least
                auto const truth = cosine_distance(looks[i], all.rows[all.by_id.at(got[j].id)].look);
                if (std::abs(truth - got[j].rank) > 1e-5 || (j > 0 && got[j].rank < got[j - 1].rank))
                    bench::die(x.name + ", query " + std::to_string(i) + ": distance " + std::to_string(got[j].rank) +
                               ", truly " + std::to_string(truth));
                found += truth <= expected.back().rank + 1e-6;
            }
            expected_hits += expected.size();
        }
        if (x.approximate) x.recall = static_cast<double>(found) / static_cast<double>(expected_hits);
        x.index = trace.index;

        source = &view, checking = false;
        std::uint64_t hits = 0, warm = 0, timed = 0, whole = 0, without = 0;
        for (std::size_t i = 0; i < n; ++i) {
            auto const a = x.ask(i);
            warm += digest_of(a), hits += a.size();
        }
        x.digest = warm, x.hits = static_cast<double>(hits) / static_cast<double>(n);
        x.with_rows.reserve(n);
        for (std::size_t i = 0; i < n; ++i) {
            stopwatch const watch;
            auto const      a = x.ask(i);
            x.with_rows.add(watch.seconds());
            timed += digest_of(a);
        }
        stopwatch watch;
        for (std::size_t i = 0; i < n; ++i) whole += digest_of(x.ask(i));
        x.mean = watch.seconds() / static_cast<double>(n);
        if (timed != warm || whole != warm)
            bench::die(x.name + ": the same queries gave other answers when they were timed");
        if (!x.ask_without) continue;
        x.without_rows.reserve(n);
        for (std::size_t i = 0; i < n; ++i) {
            stopwatch const one;
            auto const      m = x.ask_without(i);
            x.without_rows.add(one.seconds());
            without += m;
        }
        if (without != hits) bench::die(x.name + ": another number of hits without reading rows");
        watch = {};
        for (std::size_t i = 0; i < n; ++i) without += x.ask_without(i);
        x.mean_without = watch.seconds() / static_cast<double>(n);
        if (without != 2 * hits) bench::die(x.name + ": another number of hits without reading rows");
    }

    // ---- report ----------------------------------------------------------------------------------------------------
    auto const&  places = stats.tables[0];
    auto const   rows   = all.rows.size();
    bench::facts about;
    about.add("file", file + ", " + atlas::human_count(rows) + " places, " +
                          atlas::human_bytes(std::filesystem::file_size(file)));
    about.add("assembly", atlas_db::signature()).add("policies", bench::policies<atlas_db>());
    about.add("runs", std::to_string(places.runs.size()) + " of places; " + atlas::human_count(places.memtable_rows) +
                          " rows in memory");
    about.add("seed", std::to_string(seed))
        .add("queries", atlas::human_count(n) + " of each kind, " + atlas::human_count(checked) +
                            " of them checked against a scan");
    about.add_setting(dir).add("clock",
                               atlas::human_duration(bench::clock_cost()) + " in each single time, not in means");

    std::vector<std::pair<std::string, std::uint64_t>> parts{
        {"rows, in blocks of columns", places.row_bytes},
        {"primary: keys, learned index, timestamps", places.key_bytes},
        {"filter", places.filter_bytes}};
    for (auto const& i : places.indexes) parts.emplace_back(i.index, i.bytes);
    auto const rate = [&](double seconds) { return static_cast<double>(rows) / seconds; };

    if (as_json) {
        atlas::json out;
        out.object().field("bench", "atlas");
        about.write(out);
        out.key("load").object().field("rows", rows).field("batch", batch).field("open_seconds", load.open);
        out.field("parse_seconds", load.parse)
            .field("embed_seconds", load.embed)
            .field("commit_seconds", load.commit)
            .field("flush_seconds", load.flush);
        out.field("seconds", load.all())
            .field("rows_per_second", rate(load.all()))
            .field("database_rows_per_second", rate(load.open + load.commit + load.flush));
        out.field("commit_p50_seconds", load.commits.percentile(0.5))
            .field("commit_p99_seconds", load.commits.percentile(0.99))
            .end();
        out.key("reopen")
            .object()
            .field("times", reopens)
            .field("median_seconds", opens.median())
            .field("greatest_seconds", opens.percentile(1));
        out.field("with_first_get_median_seconds", first_gets.median()).end();
        out.key("queries").array();
        for (auto const& x : kinds) {
            out.object().field("query", x.name).field("index", x.index).field("hits", x.hits).field("recall", x.recall);
            out.field("mean_seconds", x.mean)
                .field("p50_seconds", x.with_rows.percentile(0.5))
                .field("p99_seconds", x.with_rows.percentile(0.99));
            if (x.ask_without)
                out.key("without_rows")
                    .object()
                    .field("mean_seconds", x.mean_without)
                    .field("p50_seconds", x.without_rows.percentile(0.5))
                    .field("p99_seconds", x.without_rows.percentile(0.99))
                    .end();
            out.field("scan_median_seconds", x.by_scan.median()).field("digest", x.digest).end();
        }
        out.end().key("bytes").array();
        for (auto const& [name, bytes] : parts) out.object().field("part", name).field("bytes", bytes).end();
        out.end().field("file_bytes", stats.store.file_bytes).field("log_bytes", stats.log.live_bytes).end();
        std::puts(out.text().c_str());
        return 0;
    }
    about.print();
    auto const   t = [](double seconds) { return atlas::human_duration(seconds); };
    atlas::table loading(
        {{"load, durable with all indexes"}, {"time", atlas::table::right}, {"rows/s", atlas::table::right}});
    auto const phase = [&](char const* name, double seconds) {
        loading.row({name, t(seconds), atlas::human_count(static_cast<std::uint64_t>(rate(seconds)))});
    };
    phase("parse lines", load.parse), phase("embed names", load.embed);
    phase("commits, log synced", load.commit), phase("flush: one run with all indexes", load.flush);
    phase("the database's part", load.open + load.commit + load.flush), phase("all", load.all());
    std::printf("\n%s", loading.text().c_str());
    std::printf("one commit of %s: p50 %s, p99 %s\n", atlas::human_count(batch).c_str(),
                t(load.commits.percentile(0.5)).c_str(), t(load.commits.percentile(0.99)).c_str());
    std::printf("\nopen after a clean close, median of %s: %s; with the first get: %s; greatest: %s\n\n",
                atlas::human_count(reopens).c_str(), t(opens.median()).c_str(), t(first_gets.median()).c_str(),
                t(opens.percentile(1)).c_str());
    auto const   r = atlas::table::right;
    atlas::table queries({{"query"},
                          {"hits", r},
                          {"mean", r},
                          {"p50", r},
                          {"p99", r},
                          {"no rows: mean", r},
                          {"p50", r},
                          {"p99", r},
                          {"scan", r},
                          {"scan/query", r},
                          {"recall", r}});
    for (auto const& x : kinds) {
        bool const w = static_cast<bool>(x.ask_without);
        queries.row({x.name, atlas::fixed(x.hits, 1), t(x.mean), t(x.with_rows.percentile(0.5)),
                     t(x.with_rows.percentile(0.99)), w ? t(x.mean_without) : "-",
                     w ? t(x.without_rows.percentile(0.5)) : "-", w ? t(x.without_rows.percentile(0.99)) : "-",
                     t(x.by_scan.median()),
                     atlas::fixed(x.by_scan.median() / x.with_rows.median(),
                                  x.by_scan.median() < 10 * x.with_rows.median() ? 1 : 0),
                     x.approximate ? atlas::fixed(x.recall, 4) : "exact"});
    }
    std::fputs(queries.text().c_str(), stdout);
    std::puts(
        "\nTimes include reading and decoding the rows, but under \"no rows\". Scan: all rows in memory, no index.\n");
    atlas::table sizes({{"part", atlas::table::left, 70}, {"bytes", r}, {"for each row", r}});
    for (auto const& [name, bytes] : parts)
        sizes.row(
            {name, atlas::human_bytes(bytes), atlas::fixed(static_cast<double>(bytes) / static_cast<double>(rows), 1)});
    sizes.row({"file", atlas::human_bytes(stats.store.file_bytes),
               atlas::fixed(static_cast<double>(stats.store.file_bytes) / static_cast<double>(rows), 1)});
    sizes.row({"log", atlas::human_bytes(stats.log.live_bytes), ""});
    std::fputs(sizes.text().c_str(), stdout);
    return 0;
}
