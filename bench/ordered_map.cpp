// SPDX-License-Identifier: Apache-2.0
// What do an updatable sorted map's look-ups, scans and inserts cost, how long does it pause, and what does it hold?
#include "key_sets.hpp"
#include "measure.hpp"
#include "pages.hpp"
#include "peers/learned.hpp"
#include "plot.hpp"
#include "tenon/core/cleared_pages.hpp"
#include "tenon/core/hash.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/ordered_map/btree.hpp"
#include "tenon/ordered_map/learned_map.hpp"
#include "tenon/ordered_map/skip_list.hpp"
#include "tenon/ordered_map/std_map.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <malloc.h>

#if defined(TENON_BENCH_ABSL)
#include <absl/container/btree_map.h>
#endif

namespace {

using bench::die;
using bench::paged;
using bench::stopwatch;
using u64   = std::uint64_t;
using span  = std::span<u64 const>;
using pair  = std::pair<u64, u64>;
using pairs = std::span<pair const>;

constexpr char const* help =
    R"(bench_ordered_map - a sorted map of 64-bit keys and values that grows to twice its size: time, pauses and bytes.

  --keys N        keys at the end (10000000); half of them are there from the start, sorted
  --sets A,B      (uniform,lognormal,osm,fb,append,one_gap); also normal, books, step, progression, adversarial, zipf, wiki, and the
                  real ones of --data, each without its duplicates
  --only A,B      maps whose name contains A or B (all)
  --data DIR      real sets: every DIR/*.u64.xz (ascending 64-bit keys), the cells of DIR/geonames-cities.json.gz (geonames)
                  and the timestamps of DIR/*.osm.gz (times)
  --queries N     look-ups in a pass (1000000); a tenth as many scans
  --passes N      passes of look-ups and scans, of which the best counts (3); inserts happen once
  --seed N        of keys, orders and queries (20260101)
  --json FILE     writes all numbers as one JSON document
  --svg DIR       writes plots: map_get.svg, map_insert.svg, map_mix.svg, map_bytes.svg
  --help          this text

A random half of the keys is loaded in order; then a quarter is inserted in random order ("insert"), the last quarter with a look-up after each ("mix":
both counted). append: the half below is loaded and the rest ascends. one_gap: uniform keys are loaded, and the rest all goes into one
gap between two of them, from both ends inwards.
"pause" is the longest time that 1,024 inserts in a row took, "p99.9" what all but one in a thousand kept to, "over" how many took more than 1 ms. Below
the table stands the floor of the machine, from loops that ran as long as the inserts did: an empty one, by turns of 0.1 ms, and one of 1,024
look-ups at a time, which neither write nor allocate. "told the place" is no map: it looks at keys and values of the one above at places that it
knows, and scans from there. "B/key" is what the heap gave out for a key (btree, learned_map: what they say that they hold), the 16
bytes of key and value included, after the load and at the end. Answers are compared with those of sorted arrays.

  bench_ordered_map --keys 1000000 --sets uniform,one_gap --only btree
)";

constexpr std::size_t scanned = 100, burst = 1024;
constexpr double      long_pause = 1e-3, idle_turn = 1e-4;

u64 value_of(u64 key) { return tenon::hash_u64(key); }
/// Takes part in the sum so that no two answers can be exchanged.
constexpr u64 marked(u64 value, std::size_t i) { return value ^ (i << 1 | 1); }

struct settings {
    std::size_t queries = 0, passes = 0;
    u64         seed = 0;
};

/// Keys to look up, keys to scan from, and what both must give.
struct questions {
    paged<u64> gets, misses, scans;
    u64        get_digest = 0, scan_digest = 0;
};

struct data {
    std::string       name;
    std::size_t       keys = 0;
    std::vector<pair> loaded;    ///< sorted
    std::vector<u64>  inserted;  ///< in this order; the second half of them with look-ups
    paged<u64>        mixed;     ///< the keys of these look-ups
    u64               mix_digest = 0;
    questions         before, after;
};

/// What a map costs on a set; NaN where it was not measured.
struct row {
    std::string set, map, note;
    std::size_t keys = 0;
    double      load = std::nan(""), bytes = std::nan(""), get = std::nan(""), miss = std::nan(""), scan = std::nan(""),
           insert = std::nan(""), mix = std::nan(""), get_after = std::nan(""), scan_after = std::nan(""),
           bytes_after = std::nan("");
    double told_get = std::nan(""), told_scan = std::nan(""), told_get_after = std::nan(""),
           told_scan_after = std::nan("");
    bench::samples bursts, nothing, look_ups;  ///< of inserts; of an empty loop; of as many look-ups
};

// ---- maps: each is made from sorted pairs, and has get(k, v), insert(k, v), scan(from) -------------------------------------

u64 fold(u64 sum, u64 key, u64 value) { return sum * 31 + (key ^ value); }

/// std::map and its like.
template <class Map>
class stl_map {
public:
    explicit stl_map(pairs loaded) {
        for (auto const& p : loaded) map_.emplace_hint(map_.end(), p.first, p.second);
    }
    bool get(u64 k, u64& v) const {
        auto const at = map_.find(k);
        if (at == map_.end()) return false;
        v = at->second;
        return true;
    }
    bool insert(u64 k, u64 v) { return map_.emplace(k, v).second; }
    u64  scan(u64 from) const {
        u64  sum = 0;
        auto at  = map_.lower_bound(from);
        for (std::size_t i = 0; i < scanned && at != map_.end(); ++i, ++at) sum = fold(sum, at->first, at->second);
        return sum;
    }

private:
    Map map_;
};

/// A policy of tenon on axis::ordered_map.
template <tenon::ordered_map Policy>
class policy {
public:
    explicit policy(pairs loaded) {
        for (auto const& p : loaded) map_.insert(p.first, p.second);
    }
    bool get(u64 k, u64& v) const {
        auto const* const at = map_.find(k);
        if (at == nullptr) return false;
        v = *at;
        return true;
    }
    bool insert(u64 k, u64 v) { return map_.insert(k, v).second; }
    u64  scan(u64 from) const {
        u64  sum = 0;
        auto at  = map_.cursor();
        at.seek(from);
        for (std::size_t i = 0; i < scanned && at.valid(); ++i, at.next()) sum = fold(sum, at.key(), at.value());
        return sum;
    }

    /// Of a map that takes memory from the system, past the heap.
    std::size_t bytes() const
    requires requires(typename Policy::template map<u64, u64, std::less<>> m) { m.bytes(); }
    {
        return map_.bytes();
    }

private:
    typename Policy::template map<u64, u64, std::less<>> map_;
};

/// With pages that another thread clears ahead, or without.
template <bool Pages>
class learned_map {
    using map = tenon::learned_map<u64, u64>;

public:
    explicit learned_map(pairs loaded) : map_(bench::must(map::from_sorted(loaded.begin(), loaded.end()), "load")) {
        if constexpr (Pages) {
            pages_.start();
            map_.take_pages_from(&pages_);
        }
    }
    bool get(u64 k, u64& v) const {
        auto const* const at = map_.get(k);
        if (at == nullptr) return false;
        v = *at;
        return true;
    }
    bool insert(u64 k, u64 v) { return map_.insert({k, v}).second; }
    u64  scan(u64 from) const { return scan(map_.lower_bound(from)); }
    auto place(u64 k) const { return map_.find(k); }
    u64  scan(typename map::const_iterator at) const {
        u64 sum = 0;
        for (std::size_t i = 0; i < scanned && at != map_.end(); ++i, ++at) sum = fold(sum, (*at).first, (*at).second);
        return sum;
    }
    /// Its own count, for most of its memory comes from the system, past the heap; and what lies ready for it.
    std::size_t bytes() const { return map_.bytes() + (Pages ? pages_ahead * tenon::huge_page_size : 0); }

private:
    static constexpr std::size_t pages_ahead = 2;

    tenon::cleared_pages pages_{pages_ahead};
    map                  map_;
};

#if defined(TENON_BENCH_ALEX)
class alex_map {
public:
    explicit alex_map(pairs loaded) { map_.bulk_load(loaded.data(), static_cast<int>(loaded.size())); }
    bool get(u64 k, u64& v) const {
        auto const* const at = map_.get_payload(k);
        if (at == nullptr) return false;
        v = *at;
        return true;
    }
    bool insert(u64 k, u64 v) { return map_.insert(k, v).second; }
    u64  scan(u64 from) const {
        u64  sum = 0;
        auto at  = map_.lower_bound(from);
        for (std::size_t i = 0; i < scanned && !at.is_end(); ++i, ++at) sum = fold(sum, at.key(), at.payload());
        return sum;
    }

private:
    mutable alex::Alex<u64, u64> map_;
};
#endif

// ---- measuring -----------------------------------------------------------------------------------------------------

struct wrong_answer : std::exception {
    explicit wrong_answer(char const* of) : of_(of) {}
    char const* what() const noexcept override { return of_; }

private:
    char const* of_;
};

/// The best seconds of one of n; every pass must give `expected`.
template <class Pass>
double best(settings const& how, std::size_t n, u64 expected, char const* wrong, Pass pass) {
    double    least = 1e300;
    stopwatch all;
    for (std::size_t i = 0; i < how.passes && (i == 0 || all.seconds() < 2.5); ++i) {
        stopwatch const watch;
        u64 const       digest = pass();
        least                  = std::min(least, watch.seconds());
        if (digest != expected) throw wrong_answer(wrong);
    }
    return n == 0 ? std::nan("") : least / static_cast<double>(n);
}

template <class Map>
u64 get_all(Map const& map, span keys) {
    u64 sum = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        u64 v = 0;
        map.get(keys[i], v);
        sum += marked(v, i);
    }
    return sum;
}
template <class Map>
u64 count_all(Map const& map, span keys) {
    u64 sum = 0, v = 0;
    for (auto k : keys) sum += map.get(k, v);
    return sum;
}
template <class Map, class Starts>
u64 scan_all(Map const& map, Starts const& from) {
    u64 sum = 0;
    for (std::size_t i = 0; i < from.size(); ++i) sum += marked(map.scan(from[i]), i);
    return sum;
}
u64 told_all(std::span<std::pair<u64 const*, u64 const*> const> places, span keys) {
    u64 sum = 0;
    for (std::size_t i = 0; i < keys.size(); ++i)
        sum += marked(*places[i].first == keys[i] ? *places[i].second : u64{0}, i);
    return sum;
}

/// Inserts `keys` and gives the seconds. With `reads`, a look-up after each insert.
template <class Map>
double insert_all(Map& map, span keys, span reads, u64 expected, bench::samples& bursts) {
    stopwatch watch;
    u64       sum = 0, fresh = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        fresh += map.insert(keys[i], value_of(keys[i]));
        if (!reads.empty()) {
            u64 v = 0;
            map.get(reads[i], v);
            sum += marked(v, i);
        }
        if ((i + 1) % burst == 0) bursts.add(watch.lap());
    }
    auto const seconds = watch.seconds();
    if (fresh != keys.size()) throw wrong_answer("an inserted key was said to be there");
    if (sum != expected) throw wrong_answer("a look-up between inserts gave a wrong value");
    return seconds;
}

template <class Map>
void measure(row& out, data const& d, settings const& how) {
    auto const inserts = span(d.inserted), pure = inserts.first(inserts.size() / 2),
               mixed = inserts.subspan(pure.size());
    auto const n     = static_cast<double>(d.loaded.size());
    auto const all   = static_cast<double>(d.loaded.size() + d.inserted.size());

    auto const      empty = bench::heap_bytes();
    stopwatch const watch;
    auto const      made = std::make_unique<Map>(pairs(d.loaded));
    Map&            map  = *made;
    out.load             = watch.seconds() / n;
    auto const held      = [&] {
        if constexpr (requires { map.bytes(); }) return static_cast<double>(map.bytes());
        else return static_cast<double>(bench::heap_bytes() - empty);
    };
    out.bytes = held() / n;

    auto ask = [&](questions const& q, double& get, double& scan) {
        get  = best(how, q.gets.size(), q.get_digest, "a look-up gave a wrong value",
                    [&] { return get_all(map, q.gets.view()); });
        scan = best(how, q.scans.size(), q.scan_digest, "a scan gave wrong rows",
                    [&] { return scan_all(map, q.scans.view()); });
        return best(how, q.misses.size(), 0, "a key was found that is not there",
                    [&] { return count_all(map, q.misses.view()); });
    };
    auto tell = [&](questions const& q, double& get, double& scan) {
        if constexpr (requires { map.place(u64{}); }) {
            std::vector<std::pair<u64 const*, u64 const*>> places;
            for (auto k : q.gets.view()) places.emplace_back(&(*map.place(k)).first, &(*map.place(k)).second);
            get = best(how, q.gets.size(), q.get_digest, "a place was wrong",
                       [&] { return told_all(places, q.gets.view()); });
            std::vector<decltype(map.place(u64{}))> starts;
            for (auto k : q.scans.view()) starts.push_back(map.place(k));
            scan = best(how, q.scans.size(), q.scan_digest, "a scan from a place gave wrong rows",
                        [&] { return scan_all(map, starts); });
        }
    };
    out.miss = ask(d.before, out.get, out.scan);
    tell(d.before, out.told_get, out.told_scan);
    auto const     count = [](span s) { return static_cast<double>(s.size()); };
    bench::samples mixed_bursts;
    out.bursts.reserve(pure.size() / burst + 1);
    mixed_bursts.reserve(mixed.size() / burst + 1);
    auto const seconds = insert_all(map, pure, {}, 0, out.bursts);
    out.insert         = seconds / count(pure);
    out.mix            = insert_all(map, mixed, d.mixed.view(), d.mix_digest, mixed_bursts) / (2 * count(mixed));
    out.nothing        = bench::turns_of(seconds, [] {
        for (stopwatch turn; turn.seconds() < idle_turn;) {}
    });
    std::size_t at     = 0;
    u64         found  = 0;
    out.look_ups       = bench::turns_of(seconds, [&] {
        u64 v = 0;
        for (std::size_t i = 0; i < burst; ++i, ++at) found += map.get(inserts[at % inserts.size()], v);
    });
    if (found != at) throw wrong_answer("an inserted key was not found");
    ask(d.after, out.get_after, out.scan_after);
    tell(d.after, out.told_get_after, out.told_scan_after);
    out.bytes_after = held() / all;
}

// ---- data ----------------------------------------------------------------------------------------------------------

/// What a scan must give, from a sorted array.
u64 scan_of(span sorted, u64 from) {
    u64  sum = 0;
    auto at  = std::lower_bound(sorted.begin(), sorted.end(), from);
    for (std::size_t i = 0; i < scanned && at != sorted.end(); ++i, ++at) sum = fold(sum, *at, value_of(*at));
    return sum;
}

/// `never` is sorted and holds all keys that are ever in the map; misses are none of them.
questions ask_about(span sorted, span never, settings const& how, tenon::prng& random) {
    questions q;
    q.gets   = paged<u64>::of(bench::present_keys(sorted, how.queries, random));
    q.misses = paged<u64>::of(bench::absent_keys(never, how.queries, random));
    q.scans  = paged<u64>::of(bench::present_keys(sorted, std::max<std::size_t>(1, how.queries / 10), random));
    for (std::size_t i = 0; i < q.gets.size(); ++i) q.get_digest += marked(value_of(q.gets[i]), i);
    for (std::size_t i = 0; i < q.scans.size(); ++i) q.scan_digest += marked(scan_of(sorted, q.scans[i]), i);
    return q;
}

void shuffle(std::vector<u64>& keys, tenon::prng& random) {
    for (auto i = keys.size(); i > 1; --i) std::swap(keys[i - 1], keys[random.below(i)]);
}

/// Keys for one gap between two of `sorted`, the widest, in the order of their insertion: from both ends inwards.
std::vector<u64> keys_of_one_gap(span sorted, std::size_t n) {
    std::size_t widest = 0;
    for (std::size_t i = 0; i + 1 < sorted.size(); ++i)
        if (sorted[i + 1] - sorted[i] > sorted[widest + 1] - sorted[widest]) widest = i;
    auto const       low = sorted[widest], high = sorted[widest + 1], step = (high - low) / (n + 2);
    std::vector<u64> out(n);
    for (std::size_t i = 0; i < n; ++i) out[i] = i % 2 == 0 ? low + (i / 2 + 1) * step : high - (i / 2 + 1) * step;
    if (step == 0) die("no gap is wide enough for " + atlas::human_count(n) + " keys; take fewer --keys");
    return out;
}

data prepare(bench::key_source const& source, settings const& how) {
    data        d;
    stopwatch   watch;
    tenon::prng random(how.seed);
    d.name    = source.name;
    auto keys = source.keys();
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    if (keys.size() < 16) die("the set " + d.name + " has too few different keys");
    std::vector<u64> first;
    if (d.name == "append") {
        auto const half = keys.begin() + static_cast<std::ptrdiff_t>(keys.size() / 2);
        first.assign(keys.begin(), half);
        d.inserted.assign(half, keys.end());
    } else if (d.name == "one_gap") {
        for (std::size_t i = 0; i < keys.size(); i += 2) first.push_back(keys[i]);
        d.inserted = keys_of_one_gap(first, keys.size() - first.size());
        keys       = first;
        keys.insert(keys.end(), d.inserted.begin(), d.inserted.end());
        std::sort(keys.begin(), keys.end());
    } else {
        for (auto k : keys) (random.chance(0.5) ? first : d.inserted).push_back(k);
        shuffle(d.inserted, random);
    }
    d.keys = keys.size();
    for (auto k : first) d.loaded.emplace_back(k, value_of(k));
    d.before = ask_about(first, keys, how, random);
    d.after  = ask_about(keys, keys, how, random);
    d.mixed  = paged<u64>::of(bench::present_keys(first, d.inserted.size() - d.inserted.size() / 2, random));
    for (std::size_t i = 0; i < d.mixed.size(); ++i) d.mix_digest += marked(value_of(d.mixed[i]), i);
    bench::say(d.name + ": " + atlas::human_count(d.keys) + " keys, " + atlas::human_duration(watch.seconds()));
    return d;
}

std::vector<bench::key_source> sources(std::size_t n, u64 seed, std::string const& folder, std::string const& only) {
    auto       all     = bench::key_sources(n, seed, folder);
    auto const uniform = [=] { return tenon::testing::key_set("uniform", n, seed); };
    all.push_back({"append", "uniform keys, inserted in order", uniform});
    all.push_back({"one_gap", "uniform keys, then all into one gap", uniform});
    std::erase_if(all, [](auto const& s) { return s.name == "equal"; });
    return bench::chosen_sources(std::move(all), only);
}

// ---- the list ------------------------------------------------------------------------------------------------------

struct contestant {
    std::string name;
    bool        ours_to_answer_for                      = true;  ///< a wrong answer ends the bench; else it is noted
    void (*measure)(row&, data const&, settings const&) = nullptr;
};

std::vector<contestant> contestants() {
    return {
        {"std::map", true, &measure<stl_map<std::map<u64, u64>>>},
#if defined(TENON_BENCH_ABSL)
        {"absl::btree_map", true, &measure<stl_map<absl::btree_map<u64, u64>>>},
#endif
#if defined(TENON_BENCH_ALEX)
        {"ALEX", false, &measure<alex_map>},
#endif
        {"tenon std_map", true, &measure<policy<tenon::std_map>>},
        {"tenon skip_list", true, &measure<policy<tenon::skip_list>>},
        {"tenon btree", true, &measure<policy<tenon::btree>>},
        {"tenon learned_map", true, &measure<learned_map<false>>},
        {"learned_map, pages ahead", true, &measure<learned_map<true>>},
    };
}

std::vector<contestant> chosen(std::vector<contestant> all, std::string const& only) {
    auto const words = bench::listed(only);
    if (words.empty()) return all;
    std::string names;
    for (auto const& c : all) names += (names.empty() ? "" : ", ") + c.name;
    std::erase_if(all, [&](contestant const& c) {
        return std::none_of(words.begin(), words.end(),
                            [&](auto const& w) { return c.name.find(w) != std::string::npos; });
    });
    if (all.empty()) die("no map is named like " + only + "; maps are: " + names);
    return all;
}

row measure_one(contestant const& c, data const& d, settings const& how) {
    row out;
    out.set = d.name, out.map = c.name, out.keys = d.keys;
    bench::say(d.name + ": " + c.name);
    bench::touch_memory(96 * d.keys);
    try {
        c.measure(out, d, how);
    } catch (std::exception const& e) {
        if (c.ours_to_answer_for) die(c.name + " on " + d.name + ": " + e.what());
        auto const note = std::string(e.what());
        out             = row{};
        out.set = d.name, out.map = c.name, out.keys = d.keys, out.note = note;
    }
    ::malloc_trim(0);
    return out;
}

// ---- telling -------------------------------------------------------------------------------------------------------

void print_set(std::vector<row> const& rows, std::string const& set) {
    using atlas::table;
    table       t({{"map"},
                   {"load ns", table::right},
                   {"B/key", table::right},
                   {"get ns", table::right},
                   {"miss ns", table::right},
                   {"scan M/s", table::right},
                   {"insert M/s", table::right},
                   {"mix M/s", table::right},
                   {"pause ms", table::right},
                   {"p99.9", table::right},
                   {"over", table::right},
                   {"get then", table::right},
                   {"scan then", table::right},
                   {"B/key then", table::right},
                   {"note"}});
    auto        text = [](double v, int digits) { return std::isfinite(v) ? atlas::fixed(v, digits) : "-"; };
    std::size_t keys = 0;
    for (auto const& r : rows) {
        if (r.set != set) continue;
        keys = r.keys;
        t.row({r.map, text(r.load * 1e9, 1), text(r.bytes, 1), text(r.get * 1e9, 1), text(r.miss * 1e9, 1),
               text(1e-6 / r.scan, 2), text(1e-6 / r.insert, 2), text(1e-6 / r.mix, 2),
               text(r.bursts.longest() * 1e3, 2), text(r.bursts.percentile(0.999) * 1e3, 2),
               std::to_string(r.bursts.over(long_pause)), text(r.get_after * 1e9, 1), text(1e-6 / r.scan_after, 2),
               text(r.bytes_after, 1), r.note});
        if (std::isfinite(r.told_get))
            t.row({"  told the place", "", "", text(r.told_get * 1e9, 1), "", text(1e-6 / r.told_scan, 2), "", "", "",
                   "", "", text(r.told_get_after * 1e9, 1), text(1e-6 / r.told_scan_after, 2), "", ""});
    }
    std::printf("\n%s, %s keys\n%s", set.c_str(), atlas::human_count(keys).c_str(), t.text().c_str());
    for (auto const& r : rows)
        if (r.set == set && r.nothing.size() > 0)
            std::printf(
                "%s: beside its inserts, 0.1 ms of an empty loop took up to %s ms (%zu times over 1 ms), 1,024 "
                "look-ups took up to %s ms (%zu times)\n",
                r.map.c_str(), text(r.nothing.longest() * 1e3, 2).c_str(), r.nothing.over(long_pause),
                text(r.look_ups.longest() * 1e3, 2).c_str(), r.look_ups.over(long_pause));
    std::fflush(stdout);
}

void write_json(std::string const& file, bench::facts const& facts, std::vector<row> const& rows) {
    atlas::json out;
    out.object();
    facts.write(out);
    out.key("rows").array();
    for (auto const& r : rows) {
        out.object().field("set", r.set).field("map", r.map).field("keys", r.keys);
        out.field("load_seconds_per_key", r.load).field("bytes_per_key", r.bytes);
        out.field("get_seconds", r.get).field("miss_seconds", r.miss).field("scan_seconds", r.scan);
        out.field("insert_seconds", r.insert).field("mix_seconds", r.mix);
        auto turns = [&](std::string const& of, bench::samples const& s) {
            out.field(of + "_longest_seconds", s.longest()).field(of + "_p999_seconds", s.percentile(0.999));
            out.field(of + "_over_1_ms", s.over(long_pause));
        };
        turns("pause", r.bursts);
        turns("empty_loop", r.nothing);
        turns("look_ups", r.look_ups);
        out.field("told_get_seconds", r.told_get).field("told_scan_seconds", r.told_scan);
        out.field("told_get_after_seconds", r.told_get_after).field("told_scan_after_seconds", r.told_scan_after);
        out.field("get_after_seconds", r.get_after).field("scan_after_seconds", r.scan_after);
        out.field("bytes_per_key_after", r.bytes_after).field("note", r.note).end();
    }
    std::ofstream to(file);
    to << out.end().end().text() << "\n";
    if (!to.flush()) die(file + " cannot be written");
}

void draw(std::string const& folder, std::vector<row> const& rows, std::vector<std::string> const& sets,
          std::vector<contestant> const& all) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) die("--svg " + folder + ": " + failed.message());
    auto bars = [&](char const* file, std::string const& title, char const* unit, auto value, double cap = 0) {
        std::vector<bench::plot_series> series;
        for (auto const& c : all) {
            bench::plot_series s{c.name, std::vector<double>(sets.size(), std::nan(""))};
            for (auto const& r : rows)
                if (r.map == c.name)
                    s.values[static_cast<std::size_t>(std::find(sets.begin(), sets.end(), r.set) - sets.begin())] =
                        value(r);
            series.push_back(std::move(s));
        }
        bench::plot_bars(folder + "/" + file, title + ", " + atlas::human_count(rows.front().keys) + " keys", unit,
                         sets, series, cap);
    };
    bars(
        "map_get.svg", "Look-ups in a map, after all inserts", "ns a look-up",
        [](row const& r) { return r.get_after * 1e9; }, 1500);
    bars("map_insert.svg", "Inserts into a map", "million a second", [](row const& r) { return 1e-6 / r.insert; });
    bars("map_mix.svg", "Inserts and look-ups in turn", "million a second", [](row const& r) { return 1e-6 / r.mix; });
    bars("map_bytes.svg", "Memory of a map at the end", "bytes a key", [](row const& r) { return r.bytes_after; });
}

}  // namespace

int main(int argc, char** argv) {
    bench::arguments args(argc, argv, help);
    settings         how;
    auto const       keys   = args.number("--keys", 10'000'000, 16);
    auto const       sets   = args.text("--sets", "uniform,lognormal,osm,fb,append,one_gap");
    auto const       only   = args.text("--only", "");
    auto const       folder = args.text("--data", "");
    auto const       json   = args.text("--json", "");
    auto const       plots  = args.text("--svg", "");
    how.queries             = args.number("--queries", 1'000'000);
    how.passes              = args.number("--passes", 3);
    how.seed                = args.number("--seed", 20260101, 0);
    args.end();
    bench::ask_for_huge_pages(argv);

    auto const   chosen_sets = sources(keys, how.seed, folder, sets);
    auto const   all         = chosen(contestants(), only);
    bench::facts facts;
    facts.add("bench", "ordered_map").add_setting(".").add("pages", bench::huge_page_setting());
    facts.add("peers by headers", bench::outside_peers());
    facts.add("look-ups", atlas::human_count(how.queries) + " in random order, best of " + std::to_string(how.passes));
    facts.add("seed", std::to_string(how.seed));
    facts.print();
    std::fflush(stdout);

    std::vector<row>         rows;
    std::vector<std::string> names;
    for (auto const& source : chosen_sets) {
        auto const d = prepare(source, how);
        for (auto const& c : all) rows.push_back(measure_one(c, d, how));
        print_set(rows, source.name);
        names.push_back(source.name);
    }
    if (!json.empty()) write_json(json, facts, rows);
    if (!plots.empty()) draw(plots, rows, names, all);
}
