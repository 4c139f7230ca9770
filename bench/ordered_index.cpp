// SPDX-License-Identifier: Apache-2.0
// What does it cost to find a key's position among sorted keys, with each index of tenon and with what else there is?
#include "key_sets.hpp"
#include "measure.hpp"
#include "pages.hpp"
#include "peers/eytzinger.hpp"
#include "peers/learned.hpp"
#include "peers/simd_tree.hpp"
#include "plot.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/ordered_index/hybrid.hpp"
#include "tenon/ordered_index/pgm.hpp"
#include "tenon/ordered_index/radix_spline.hpp"
#include "tenon/ordered_index/rmi.hpp"
#include "tenon/ordered_index/sorted_array.hpp"
#include "tenon/ordered_index/static_tree.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#if defined(TENON_BENCH_ABSL)
#include <absl/container/btree_map.h>
#endif

namespace {

using bench::die;
using bench::paged;
using bench::stopwatch;
using u64  = std::uint64_t;
using span = std::span<u64 const>;

constexpr char const* help =
    R"(bench_ordered_index - the position of a key among sorted 64-bit keys: time, bytes and building, for twelve kinds of data.

  --keys N        keys of each generated set (10000000); 100000000 needs 8 GB
  --sets A,B      of uniform, normal, lognormal, zipf, books, fb, osm, wiki, step, equal, progression, adversarial, and of the
                  real ones of --data (all)
  --only A,B      structures whose name contains A or B (all); "simd_tree" and "std::lower_bound" are what ratios refer to
  --data DIR      real sets: every DIR/*.u64.xz (ascending 64-bit keys), the cells of DIR/geonames-cities.json.gz (geonames)
                  and the timestamps of DIR/*.osm.gz (times)
  --queries N     random look-ups in a pass (2000000)
  --isolated N    of them in a pass of the latencies (500000)
  --passes N      passes in which the structures take turns; the best counts (3); fewer where a pass takes seconds
  --seed N        of keys and queries (20260101)
  --json FILE     writes all numbers as one JSON document
  --svg DIR       writes plots: single.svg, latency.svg, batched.svg, build.svg, and size_SET.svg for each set
  --help          this text

told the position is no index: it looks at the key at a position that it knows, below which none can go.
Columns, in ns: build for each key; present, absent: look-ups in a loop, which the processor overlaps; fenced: each waits for the one before (x86);
chained: the next key depends on the answer before; payload: present and then one word from an array at that position; batched: many keys in one call.
B/key counts what is kept beyond the sorted keys. Every pass must give std::lower_bound's positions.

  bench_ordered_index --keys 1000000 --sets uniform,osm --only simd,rmi,std
  bench_ordered_index --data ../shared/data --svg plots --json index.json
)";

struct settings {
    std::size_t   queries = 0, isolated = 0, passes = 0;
    std::uint64_t seed = 0;
};

/// A set with its queries and what they must give.
struct data {
    std::string name, from;
    paged<u64>  keys, payload;  // behind the last key the greatest key, to the end of its line
    paged<u64>  present, absent, present_positions, absent_positions;
    std::size_t few            = 0;  ///< of the present keys, for latencies
    u64         present_digest = 0, absent_digest = 0, isolated_digest = 0, payload_digest = 0;

    span isolated() const { return present.view().first(few); }
};

/// What a structure costs on a set; NaN where it was not measured.
struct row {
    std::string set, structure, note;
    std::size_t keys  = 0;
    double      build = std::nan(""), bytes = std::nan(""), present = std::nan(""), absent = std::nan(""),
           fenced = std::nan(""), chained = std::nan(""), payload = std::nan(""), batched = std::nan("");
};

/// Takes part in the sum so that no two answers can be exchanged.
constexpr u64 marked(u64 position, std::size_t i) { return position ^ (i << 1 | 1); }

// ---- structures: each is made from the sorted keys, and has bytes() and lower_bound(k), perhaps batch(keys, positions) -----

struct std_lower_bound {
    span keys;
    explicit std_lower_bound(span k) : keys(k) {}
    std::size_t bytes() const { return 0; }
    u64         lower_bound(u64 k) const {
        return static_cast<u64>(std::lower_bound(keys.begin(), keys.end(), k) - keys.begin());
    }
};

struct eytzinger : bench::eytzinger {
    explicit eytzinger(span k) : bench::eytzinger(k.data(), k.size()) {}
};
struct simd_tree : bench::simd_tree {
    explicit simd_tree(span k) : bench::simd_tree(k.data(), k.size()) {}
};

/// Each key once, with the rank of its first.
template <class Map>
class map_of_ranks {
public:
    explicit map_of_ranks(span keys) : n_(keys.size()), before_(bench::heap_bytes()) {
        for (std::size_t i = 0; i < keys.size(); ++i)
            if (i == 0 || keys[i] != keys[i - 1]) ranks_.emplace_hint(ranks_.end(), keys[i], i), ++different_;
        held_ = bench::heap_bytes() - before_;
    }
    std::size_t bytes() const { return held_ < 16 * different_ ? 0 : held_ - 16 * different_; }
    u64         lower_bound(u64 k) const {
        auto const at = ranks_.lower_bound(k);
        return at == ranks_.end() ? n_ : at->second;
    }

private:
    std::size_t n_, before_, held_ = 0, different_ = 0;
    Map         ranks_;
};

/// A policy of tenon on axis::ordered_index; its model lies on 2 MB pages like everything.
template <tenon::ordered_index Policy>
class policy {
    using view = typename Policy::template view<u64>;

public:
    explicit policy(span keys) : model_(paged<std::byte>::of(bench::must(Policy::template build<u64>(keys), "build"))) {
        view_.emplace(bench::must(view::open(model_.view(), keys), "open"));
    }
    std::size_t bytes() const { return model_.size(); }
    /// Inlined, as in a loop of a user's own, and as the small peers are.
    [[gnu::always_inline]] u64 lower_bound(u64 k) const { return view_->lower_bound(k); }
    void                       batch(span ks, std::span<u64> out) const
    requires requires(view const& v) { v.batch(ks, out); }
    {
        view_->batch(ks, out);
    }

private:
    paged<std::byte>    model_;
    std::optional<view> view_;
};

// ---- measuring -----------------------------------------------------------------------------------------------------

void fence() {
#if defined(__x86_64__)
    __builtin_ia32_lfence();
#endif
}
#if defined(__x86_64__)
constexpr bool has_fence = true;
#else
constexpr bool has_fence = false;
#endif

template <class Structure>
u64 ask_all(Structure const& s, span queries) {
    u64 sum = 0;
    for (std::size_t i = 0; i < queries.size(); ++i) sum += marked(s.lower_bound(queries[i]), i);
    return sum;
}
template <class Structure>
u64 ask_fenced(Structure const& s, span queries) {
    u64 sum = 0;
    for (std::size_t i = 0; i < queries.size(); ++i) {
        sum += marked(s.lower_bound(queries[i]), i);
        fence();
    }
    return sum;
}
template <class Structure>
u64 ask_chained(Structure const& s, span queries, u64 zero) {
    u64 sum = 0, before = 0;
    for (std::size_t i = 0; i < queries.size(); ++i) {
        before = s.lower_bound(queries[i] + (before & zero));
        sum += marked(before, i);
    }
    return sum;
}
template <class Structure>
u64 ask_with_payload(Structure const& s, span queries, u64 const* payload) {
    u64 sum = 0;
    for (auto k : queries) sum += payload[s.lower_bound(k)];
    return sum;
}
template <class Structure>
u64 ask_batched(Structure const& s, span queries) {
    std::array<u64, 1024> out;
    u64                   sum = 0;
    for (std::size_t from = 0; from < queries.size(); from += out.size()) {
        auto const some = queries.subspan(from, std::min(out.size(), queries.size() - from));
        s.batch(some, std::span(out.data(), some.size()));
        for (std::size_t i = 0; i < some.size(); ++i) sum += marked(out[i], from + i);
    }
    return sum;
}

/// The ways to ask, and where a row keeps what they take.
enum way : unsigned char { present, absent, fenced, chained, payload, batched, batched_absent };
constexpr std::array<double row::*, 6> kept_in{&row::present, &row::absent,  &row::fenced,
                                               &row::chained, &row::payload, &row::batched};

/// A structure over the keys of a set, behind one virtual call for each pass.
class subject {
public:
    virtual ~subject()                                   = default;
    virtual std::size_t bytes() const                    = 0;
    virtual bool        can(way how) const               = 0;
    virtual u64         pass(way how, data const&) const = 0;  ///< the digest of all answers
};

template <class Structure>
class subject_of final : public subject {
public:
    explicit subject_of(span keys) : s_(keys) {}
    std::size_t bytes() const override { return s_.bytes(); }
    bool        can(way how) const override {
        if (how == fenced) return has_fence;
        return batches || (how != batched && how != batched_absent);
    }
    u64 pass(way how, data const& d) const override {
        u64 volatile zero = 0;
        switch (how) {
            case present: return ask_all(s_, d.present.view());
            case absent: return ask_all(s_, d.absent.view());
            case fenced: return ask_fenced(s_, d.isolated());
            case chained: return ask_chained(s_, d.isolated(), zero);
            case payload: return ask_with_payload(s_, d.present.view(), d.payload.begin());
            case batched:
                if constexpr (batches) return ask_batched(s_, d.present.view());
                break;
            case batched_absent:
                if constexpr (batches) return ask_batched(s_, d.absent.view());
                break;
        }
        return 0;
    }

private:
    static constexpr bool batches = requires(Structure const& s, span ks, std::span<u64> room) { s.batch(ks, room); };
    Structure             s_;
};

template <class Structure>
std::unique_ptr<subject> made_of(data const& d) {
    return std::make_unique<subject_of<Structure>>(d.keys.view());
}

/// What no index can go below: it is told the positions, and looks at the key that stands there.
class told_positions final : public subject {
public:
    std::size_t bytes() const override { return 0; }
    bool        can(way how) const override { return how != payload && (how != fenced || has_fence); }
    u64         pass(way how, data const& d) const override {
        auto const by_absent = how == absent || how == batched_absent;
        auto const positions = by_absent ? d.absent_positions.view() : d.present_positions.view();
        auto const queries   = by_absent ? d.absent.view() : d.present.view();
        auto const at = [&](std::size_t i) { return positions[i] + (d.keys[positions[i]] < queries[i] ? 1 : 0); };
        u64        sum = 0;
        if (how == batched || how == batched_absent) {
            for (std::size_t from = 0; from < queries.size(); from += 64) {
                auto const to = std::min(queries.size(), from + 64);
                for (auto i = from; i < to; ++i) tenon::prefetch(&d.keys[positions[i]]);
                for (auto i = from; i < to; ++i) sum += marked(at(i), i);
            }
        } else if (how == fenced) {
            for (std::size_t i = 0; i < d.few; ++i) {
                sum += marked(at(i), i);
                fence();
            }
        } else if (how == chained) {
            u64 volatile zero = 0;
            u64 const nothing = zero;
            for (u64 i = 0, before = 0; i < d.few; ++i) {
                before = at(i + (before & nothing));
                sum += marked(before, i);
            }
        } else {
            for (std::size_t i = 0; i < queries.size(); ++i) sum += marked(at(i), i);
        }
        return sum;
    }
};
std::unique_ptr<subject> made_of_told_positions(data const&) { return std::make_unique<told_positions>(); }

data prepare(bench::key_source const& source, settings const& how) {
    data      d;
    stopwatch watch;
    d.name = source.name, d.from = source.from;
    d.keys = paged<u64>::of(source.keys(), ~u64{0});
    if (d.keys.size() == 0) die("the set " + d.name + " is empty");
    tenon::prng random(how.seed);
    d.payload = paged<u64>(d.keys.size() + 1);
    for (std::size_t i = 0; i < d.payload.size(); ++i) d.payload[i] = i * 0x9e3779b97f4a7c15u;
    d.present = paged<u64>::of(bench::present_keys(d.keys.view(), how.queries, random));
    d.absent  = paged<u64>::of(bench::absent_keys(d.keys.view(), how.queries, random));

    d.few = std::min(how.isolated, how.queries);

    std_lower_bound const obvious(d.keys.view());
    auto const            positions_of = [&](span queries) {
        paged<u64> out(queries.size());
        std::transform(queries.begin(), queries.end(), out.begin(), [&](u64 k) { return obvious.lower_bound(k); });
        return out;
    };
    d.present_positions    = positions_of(d.present.view());
    d.absent_positions     = positions_of(d.absent.view());
    d.present_digest       = ask_all(obvious, d.present.view());
    d.absent_digest        = ask_all(obvious, d.absent.view());
    d.isolated_digest      = ask_all(obvious, d.isolated());
    d.payload_digest       = ask_with_payload(obvious, d.present.view(), d.payload.begin());
    auto const [huge, all] = bench::huge_and_all_bytes();
    bench::say(d.name + ": " + atlas::human_count(d.keys.size()) + " keys, " + d.from + ", " +
               atlas::human_duration(watch.seconds()) + "; " + atlas::human_bytes(huge) + " of " +
               atlas::human_bytes(all) + " on 2 MB pages");
    return d;
}

// ---- the list ------------------------------------------------------------------------------------------------------

struct contestant {
    std::string name;
    bool        ours_to_answer_for                = true;  ///< a wrong position ends the bench; else it is noted
    std::size_t most_keys                         = ~std::size_t{0};
    std::unique_ptr<subject> (*make)(data const&) = nullptr;
};

template <class Structure>
contestant peer(std::string name, std::size_t most_keys = ~std::size_t{0}) {
    return {std::move(name), true, most_keys, &made_of<Structure>};
}
template <class Structure>
[[maybe_unused]] contestant guest(std::string name) {
    return {std::move(name), false, ~std::size_t{0}, &made_of<Structure>};
}
template <tenon::ordered_index Policy>
contestant ours(std::string name) {
    return {"tenon " + std::move(name), true, ~std::size_t{0}, &made_of<policy<Policy>>};
}

constexpr std::size_t map_keys = 10'000'000;  // a map of more is slower than anybody needs to see

std::vector<contestant> contestants() {
    std::vector<contestant> out{
        {"told the position", true, ~std::size_t{0}, &made_of_told_positions},
        peer<std_lower_bound>("std::lower_bound"),
        peer<eytzinger>("eytzinger", ~std::uint32_t{0} - 1),
        peer<simd_tree>("simd_tree"),
        peer<map_of_ranks<std::map<u64, u64>>>("std::map", map_keys),
#if defined(TENON_BENCH_ABSL)
        peer<map_of_ranks<absl::btree_map<u64, u64>>>("absl::btree_map", map_keys),
#endif
#if defined(TENON_BENCH_PGM)
        guest<bench::pgm_peer<16>>("PGM-index 16"),
        guest<bench::pgm_peer<64>>("PGM-index 64"),
#endif
#if defined(TENON_BENCH_RADIX_SPLINE)
        guest<bench::radix_spline_peer<18, 32>>("RadixSpline 18, 32"),
#endif
#if defined(TENON_BENCH_ALEX)
        guest<bench::alex_peer>("ALEX"),
#endif
        ours<tenon::sorted_array>("sorted_array"),
        ours<tenon::rmi<>>("rmi<>"),
        ours<tenon::pgm<>>("pgm<>"),
        ours<tenon::pgm<128>>("pgm<128>"),
        ours<tenon::radix_spline<>>("radix_spline<>"),
        ours<tenon::static_tree<>>("static_tree<>"),
        ours<tenon::static_tree<tenon::compressed_separators>>("static_tree, compressed"),
        ours<tenon::hybrid<>>("hybrid"),
    };
    return out;
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
    if (all.empty()) die("no structure is named like " + only + "; structures are: " + names);
    return all;
}

/// A contestant at work on a set.
struct entry {
    contestant const*        who = nullptr;
    row                      out;
    std::unique_ptr<subject> made;
    std::array<double, 6>    spent{};  ///< seconds of all passes
};

/// What is wrong ends the bench, or the entry when it is somebody else's.
void give_up(entry& e, std::string const& why) {
    if (e.who->ours_to_answer_for) die(e.who->name + " on " + e.out.set + ": " + why);
    row out;
    out.set = e.out.set, out.structure = e.out.structure, out.keys = e.out.keys, out.note = why;
    e.out = out;
    e.made.reset();
}

void build(entry& e, data const& d) {
    if (d.keys.size() > e.who->most_keys) {
        e.out.note = "left out above " + atlas::human_count(e.who->most_keys) + " keys";
        return;
    }
    auto const n = static_cast<double>(d.keys.size());
    try {
        for (int i = 0; i < 2; ++i) {  // fast building twice: memory that is touched for the first time is slow
            e.made.reset();
            stopwatch const watch;
            e.made             = e.who->make(d);
            auto const seconds = watch.seconds();
            e.out.build        = std::fmin(e.out.build, seconds * 1e9 / n);
            if (seconds > 0.5) break;
        }
        e.out.bytes = static_cast<double>(e.made->bytes()) / n;
        if (e.made->can(batched_absent) && e.made->pass(batched_absent, d) != d.absent_digest)
            give_up(e, "wrong positions");
    } catch (std::exception const& refusal) { give_up(e, refusal.what()); }
}

/// One more pass of each way; the best counts.
void measure(entry& e, data const& d) {
    std::array<u64, 6> const expected{d.present_digest,  d.absent_digest,  d.isolated_digest,
                                      d.isolated_digest, d.payload_digest, d.present_digest};
    if (e.made != nullptr) e.made->pass(chained, d);  // the others have used the caches since
    for (auto how : {present, absent, fenced, chained, payload, batched}) {
        if (e.made == nullptr || !e.made->can(how) || e.spent[how] > 2.5) continue;
        stopwatch const watch;
        auto const      digest  = e.made->pass(how, d);
        auto const      seconds = watch.seconds();
        auto const      n       = how == fenced || how == chained ? d.few : d.present.size();
        auto&           least   = e.out.*kept_in[how];
        e.spent[how] += seconds;
        least = std::fmin(least, seconds * 1e9 / static_cast<double>(n));
        if (digest != expected[how]) give_up(e, "wrong positions");
    }
}

/// The structures take turns, so that a busy minute of the machine does not fall to one of them.
void measure_all(std::vector<contestant> const& all, data const& d, settings const& how, std::vector<row>& rows) {
    std::vector<entry> entries;
    bench::touch_memory(24 * d.keys.size());
    for (auto const& c : all) {
        bench::say(d.name + ": building " + c.name);
        auto& e   = entries.emplace_back();
        e.who     = &c;
        e.out.set = d.name, e.out.structure = c.name, e.out.keys = d.keys.size();
        build(e, d);
    }
    for (std::size_t i = 0; i < how.passes; ++i) {
        bench::say(d.name + ": pass " + std::to_string(i + 1) + " of " + std::to_string(how.passes));
        for (auto& e : entries) measure(e, d);
    }
    for (auto& e : entries) rows.push_back(e.out);
}

// ---- telling -------------------------------------------------------------------------------------------------------

row const* find(std::vector<row> const& rows, std::string_view set, std::string_view structure) {
    for (auto const& r : rows)
        if (r.set == set && r.structure == structure) return &r;
    return nullptr;
}
double time_ratio(row const* of, double row::* what, row const& to) {
    return of == nullptr ? std::nan("") : of->*what / to.*what;
}

void print_set(std::vector<row> const& rows, std::string const& set) {
    using atlas::table;
    table             t({{"structure"},
                         {"build", table::right},
                         {"B/key", table::right},
                         {"present", table::right},
                         {"absent", table::right},
                         {"fenced", table::right},
                         {"chained", table::right},
                         {"payload", table::right},
                         {"batched", table::right},
                         {"x simd", table::right},
                         {"x simd batched", table::right},
                         {"x std", table::right},
                         {"note"}});
    auto const* const simd = find(rows, set, "simd_tree");
    auto const* const std_ = find(rows, set, "std::lower_bound");
    auto              text = [](double v, int digits) { return std::isfinite(v) ? atlas::fixed(v, digits) : "-"; };
    std::size_t       keys = 0;
    for (auto const& r : rows) {
        if (r.set != set) continue;
        keys = r.keys;
        t.row({r.structure, text(r.build, 2), std::isfinite(r.bytes) ? bench::three_digits(r.bytes) : "-",
               text(r.present, 1), text(r.absent, 1), text(r.fenced, 1), text(r.chained, 1), text(r.payload, 1),
               text(r.batched, 1), text(time_ratio(simd, &row::present, r), 2),
               text(time_ratio(simd, &row::batched, r), 2), text(time_ratio(std_, &row::present, r), 2), r.note});
    }
    std::printf("\n%s, %s keys (ns; x: how many times faster)\n%s", set.c_str(), atlas::human_count(keys).c_str(),
                t.text().c_str());
    std::fflush(stdout);
}

void write_json(std::string const& file, bench::facts const& facts, std::vector<row> const& rows) {
    atlas::json out;
    out.object();
    facts.write(out);
    out.key("rows").array();
    for (auto const& r : rows) {
        out.object().field("set", r.set).field("structure", r.structure).field("keys", r.keys);
        out.field("build_seconds_per_key", r.build * 1e-9).field("bytes_per_key", r.bytes);
        out.field("present_seconds", r.present * 1e-9).field("absent_seconds", r.absent * 1e-9);
        out.field("fenced_seconds", r.fenced * 1e-9).field("chained_seconds", r.chained * 1e-9);
        out.field("payload_seconds", r.payload * 1e-9).field("batched_seconds", r.batched * 1e-9);
        out.field("note", r.note).end();
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
    auto bars = [&](char const* file, char const* title, char const* unit, double row::* what) {
        std::vector<bench::plot_series> series;
        double                          cap = 0;
        for (auto const& c : all) {
            bench::plot_series s{c.name, {}};
            bool               any = false;
            for (auto const& set : sets) {
                auto const* const r = find(rows, set, c.name);
                s.values.push_back(r == nullptr ? std::nan("") : r->*what);
                any = any || std::isfinite(s.values.back());
                if (c.name == "std::lower_bound" && std::isfinite(s.values.back()))
                    cap = std::max(cap, 1.25 * s.values.back());
            }
            if (any) series.push_back(std::move(s));
        }
        auto const keys = rows.empty() ? 0 : rows.front().keys;
        bench::plot_bars(folder + "/" + file, std::string(title) + ", " + atlas::human_count(keys) + " keys", unit,
                         sets, series, what == &row::build ? 120 : cap);
    };
    bars("single.svg", "Look-ups of keys that are there", "ns a look-up", &row::present);
    if (has_fence) bars("latency.svg", "Look-ups one at a time", "ns a look-up", &row::fenced);
    bars("batched.svg", "Look-ups in batches", "ns a look-up", &row::batched);
    bars("build.svg", "Building", "ns a key", &row::build);
    for (auto const& set : sets) {
        std::vector<bench::plot_point> points;
        double                         cap = 0;
        for (auto const& r : rows) {
            if (r.set != set || !std::isfinite(r.present)) continue;
            points.push_back({r.structure, r.bytes < 2e-4 ? 0 : r.bytes, r.present});  // a header is nothing
            if (r.structure == "std::lower_bound") cap = 1.25 * r.present;
        }
        bench::plot_scatter(folder + "/size_" + set + ".svg", "Size and time on " + set, "bytes a key beyond the keys",
                            "ns a look-up", points, cap);
    }
}

}  // namespace

int main(int argc, char** argv) {
    bench::arguments args(argc, argv, help);
    settings         how;
    auto const       keys   = args.number("--keys", 10'000'000);
    auto const       sets   = args.text("--sets", "");
    auto const       only   = args.text("--only", "");
    auto const       folder = args.text("--data", "");
    auto const       json   = args.text("--json", "");
    auto const       plots  = args.text("--svg", "");
    how.queries             = args.number("--queries", 2'000'000);
    how.isolated            = args.number("--isolated", 500'000);
    how.passes              = args.number("--passes", 3);
    how.seed                = args.number("--seed", 20260101, 0);
    args.end();
    bench::ask_for_huge_pages(argv);

    auto const   sources = bench::chosen_sources(bench::key_sources(keys, how.seed, folder), sets);
    auto const   all     = chosen(contestants(), only);
    bench::facts facts;
    facts.add("bench", "ordered_index").add_setting(".").add("pages", bench::huge_page_setting());
    facts.add("simd_tree", bench::simd_tree::kernel).add("peers by headers", bench::outside_peers());
    facts.add("look-ups", atlas::human_count(how.queries) + " in random order, best of " + std::to_string(how.passes));
    facts.add("seed", std::to_string(how.seed));
    facts.print();
    std::fflush(stdout);

    std::vector<row>         rows;
    std::vector<std::string> names;
    for (auto const& source : sources) {
        auto const d = prepare(source, how);
        measure_all(all, d, how, rows);
        print_set(rows, source.name);
        names.push_back(source.name);
    }
    if (!json.empty()) write_json(json, facts, rows);
    if (!plots.empty()) draw(plots, rows, names, all);
}
