// SPDX-License-Identifier: Apache-2.0
// A database of two tables with a history that is known in advance, so that what is found on a disk can be compared with it.
#pragma once

#include "sweep_amounts.hpp"

#include "tenon/concurrency/single_writer.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/database.hpp"
#include "tenon/file/faulty.hpp"
#include "tenon/file/simulated.hpp"
#include "tenon/metric/l2_squared.hpp"
#include "tenon/ordered_index/sorted_array.hpp"
#include "tenon/page_store/checksummed.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/testing/crash.hpp"
#include "tenon/wal/segmented.hpp"
#include "tenon/work/inline_work.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace small_database {

struct stop {
    std::uint64_t        id = 0;
    std::string          name;
    std::int64_t         visitors = 0;
    tenon::lonlat        where;
    std::array<float, 2> look{};
    bool                 operator==(stop const& o) const {
        return id == o.id && name == o.name && visitors == o.visitors && where.lon == o.where.lon &&
               where.lat == o.where.lat && look == o.look;
    }
};
struct trip {
    std::string   line;
    std::uint32_t number                        = 0;
    std::uint64_t from                          = 0;
    bool          operator==(trip const&) const = default;
};

using world   = tenon::faulty<tenon::simulated_files>;
using trips   = tenon::table<"trips", trip, tenon::columns<&trip::line, &trip::number, &trip::from>,
                             tenon::primary<tenon::key<&trip::line, &trip::number>, tenon::sorted_array>>;
using columns = tenon::columns<&stop::id, &stop::name, &stop::visitors, &stop::where, &stop::look>;
using rich    = tenon::table<"stops", stop, columns, tenon::primary<&stop::id>, tenon::ordered<&stop::visitors>,
                             tenon::text<&stop::name>, tenon::spatial<&stop::where>,
                             tenon::nearest<&stop::look, tenon::hnsw<tenon::l2_squared>>>;
using plain   = tenon::table<"stops", stop, columns, tenon::primary<&stop::id, tenon::sorted_array>,
                             tenon::ordered<&stop::visitors, tenon::sorted_array>>;
template <class Stops, class Store, class Log>
using database = tenon::database<Stops, trips, world, Store, Log, tenon::single_writer, tenon::inline_work>;

/// What the tables hold at one commit.
struct content {
    std::map<std::uint64_t, stop>                         stops;
    std::map<std::pair<std::string, std::uint32_t>, trip> trips;
    bool                                                  operator==(content const&) const = default;
};

/// The writes of a commit: they depend on its number alone, so that every run of the workload does the same.
struct change {
    std::vector<stop>          put_stops;
    std::vector<std::uint64_t> drop_stops;
    std::vector<trip>          put_trips;
    std::optional<trip>        drop_trip;
};
inline change changes_of(std::uint64_t commit) {
    tenon::prng random(commit * 7919 + 1);
    change      out;
    auto const  some = 1 + random.below(4);
    for (std::uint64_t i = 0; i < some; ++i) {
        stop s;
        s.id   = 1 + random.below(14);
        s.name = std::string(random.chance(0.5) ? "north " : "south ") + "street " + std::to_string(random.below(3));
        s.visitors = random.between(-5, 5);
        s.where    = {static_cast<double>(random.between(-170, 170)), static_cast<double>(random.between(-80, 80))};
        s.look     = {static_cast<float>(random.below(9)), static_cast<float>(commit)};
        out.put_stops.push_back(s);
    }
    // A commit that carries its number: no two contents are alike.
    out.put_stops.push_back({0, "counter", static_cast<std::int64_t>(commit), {0, 0}, {0, 0}});
    if (commit % 3 == 0) out.drop_stops.push_back(1 + random.below(14));
    auto const line = std::string("line ") + static_cast<char>('a' + random.below(3));
    // Some commits are longer than what is left of a log segment, one is longer than a segment.
    out.put_trips.push_back({line + std::string(commit == 6       ? 9000
                                                : commit % 4 == 0 ? 1500
                                                                  : 10,
                                                '.'),
                             static_cast<std::uint32_t>(commit), commit});
    if (commit % 5 == 0) out.drop_trip = changes_of(commit - 1).put_trips.front();
    return out;
}
inline void apply(content& to, std::uint64_t commit) {
    auto const c = changes_of(commit);
    for (auto const& s : c.put_stops) to.stops[s.id] = s;
    for (auto const id : c.drop_stops) to.stops.erase(id);
    for (auto const& t : c.put_trips) to.trips[{t.line, t.number}] = t;
    if (c.drop_trip) to.trips.erase({c.drop_trip->line, c.drop_trip->number});
}
/// The content after that many commits.
inline content const& content_after(std::uint64_t commits) {
    static std::vector<content> const all = [] {
        std::vector<content> out(1);
        for (std::uint64_t n = 1; n <= 64; ++n) {
            out.push_back(out.back());
            apply(out.back(), n);
        }
        return out;
    }();
    return all[static_cast<std::size_t>(commits)];
}

template <class Db>
tenon::result<tenon::timestamp> commit(Db& db, std::uint64_t number) {
    auto const c  = changes_of(number);
    auto       tx = db.begin();
    for (auto const& s : c.put_stops)
        if (auto done = tx.upsert(s); !done) return tenon::fail(std::move(done).error());
    for (auto const id : c.drop_stops)
        if (auto done = tx.template erase<stop>(id); !done) return tenon::fail(std::move(done).error());
    for (auto const& t : c.put_trips)
        if (auto done = tx.upsert(t); !done) return tenon::fail(std::move(done).error());
    if (c.drop_trip)
        if (auto done = tx.template erase<trip>(c.drop_trip->line, c.drop_trip->number); !done)
            return tenon::fail(std::move(done).error());
    return tx.commit();
}

/// Everything a stream gives, or its error.
template <class Stream>
auto collect(Stream stream) -> tenon::result<std::vector<typename std::remove_cvref_t<decltype(**stream.next())>>> {
    std::vector<std::remove_cvref_t<decltype(**stream.next())>> out;
    for (;;) {
        auto row = stream.next();
        if (!row) return tenon::fail(std::move(row).error());
        if (!*row) return out;
        out.push_back(std::move(**row));
    }
}

template <class Db>
tenon::result<content> read_all(Db const& db) {
    auto const view   = db.snapshot();
    auto       stops  = collect(view.template all<stop>());
    auto       ridden = collect(view.template all<trip>());
    if (!stops) return tenon::fail(std::move(stops).error());
    if (!ridden) return tenon::fail(std::move(ridden).error());
    content out;
    for (auto& s : *stops) out.stops[s.id] = std::move(s);
    for (auto& t : *ridden) out.trips[{t.line, t.number}] = std::move(t);
    return out;
}

/// The first answer of an index that is not what the content says, or an error of a query.
template <class Stops, class Db>
std::string wrong_answer(Db const& db, content const& expected) {
    auto const view = db.snapshot();
    auto const ids  = [](auto hits) {
        std::vector<std::uint64_t> out;
        for (auto const& h : hits) out.push_back(h.row.id);
        std::sort(out.begin(), out.end());
        return out;
    };
    auto const those = [&](auto fits) {
        std::vector<std::uint64_t> out;
        for (auto const& [id, s] : expected.stops)
            if (fits(s)) out.push_back(id);
        return out;
    };
    for (auto const& [id, s] : expected.stops) {
        auto got = view.template get<stop>(id);
        if (!got) return got.error().message;
        if (!*got || !(**got == s)) return "stop " + std::to_string(id) + " is not what was committed";
    }
    std::vector<stop> by_visitors;
    for (auto const& [id, s] : expected.stops)
        if (s.visitors >= -2 && s.visitors < 4) by_visitors.push_back(s);
    std::sort(by_visitors.begin(), by_visitors.end(), [](auto const& a, auto const& b) {
        return a.visitors != b.visitors ? a.visitors < b.visitors : a.id < b.id;
    });
    auto ranged = collect(view.template range<&stop::visitors>(-2, 4));
    if (!ranged) return ranged.error().message;
    if (*ranged != by_visitors) return "the ordered index has another answer than the rows";
    if constexpr (Stops::index_count > 1) {
        auto const within = collect(view.template within<&stop::where>({-100, -50, 60, 70}));
        if (!within) return within.error().message;
        if (ids(*within) != those([](stop const& s) {
                return s.where.lon >= -100 && s.where.lon <= 60 && s.where.lat >= -50 && s.where.lat <= 70;
            }))
            return "the spatial index has another answer than the rows";
        auto const north = collect(view.template search<&stop::name>("north", 100));
        if (!north) return north.error().message;
        if (ids(*north) != those([](stop const& s) { return s.name.starts_with("north"); }))
            return "the text index has another answer than the rows";
        auto const alike = collect(view.template closest<&stop::look>(std::array<float, 2>{3, 5}, 3));
        if (!alike) return alike.error().message;
        std::vector<double> nearest, found;
        for (auto const& [id, s] : expected.stops)
            nearest.push_back((s.look[0] - 3) * (s.look[0] - 3) + (s.look[1] - 5) * (s.look[1] - 5));
        std::sort(nearest.begin(), nearest.end());
        nearest.resize(std::min<std::size_t>(nearest.size(), 3));
        for (auto const& h : *alike) found.push_back(h.distance);
        if (found != nearest) return "the vector index has another answer than the rows";
    }
    return {};
}

enum class act : unsigned char { commit, flush, compact, reopen };

/// Two sessions. In the second every commit fills the memtable, and runs of similar size are joined at once.
inline std::vector<act> const& script() {
    using enum act;
    static std::vector<act> const steps = {
        commit, commit, flush,  commit, commit,  commit,  commit,  // 6 commits; the last is longer than a segment
        flush,  commit, commit, reopen, commit,  compact, commit, commit, reopen,  // 11
        commit, commit, commit, commit, compact, commit};                          // 16
    return steps;
}
inline std::uint64_t commits_up_to(std::uint64_t step) {
    auto const& s = script();
    return static_cast<std::uint64_t>(std::count(
        s.begin(), s.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(step, s.size())), act::commit));
}

template <class Db, class Files>
typename Db::options options_of(Files files, int session) {
    typename Db::options o;
    o.files             = std::move(files);
    o.memtable_bytes    = {session >= 2 ? 1u : 64u << 20};
    o.segment_bytes     = {8192};
    o.block_bytes       = {512};
    o.sync_interval_ns  = 6000;
    o.merge_fan_in      = 2;
    o.close_flush_bytes = {session == 0 ? 64u << 20 : 1u};
    return o;
}

/// How many commits must be there, and how many may be.
struct bounds {
    std::uint64_t least = 0, most = 0;
};
/// every: each acknowledged commit survives. Otherwise those before the last acknowledged flush, compaction or reopening do.
inline bounds bounds_of(tenon::testing::journal const& j, bool every) {
    bounds b;
    for (auto const step : j.acknowledged()) {
        b.most = commits_up_to(step + 1);
        if (every || script()[static_cast<std::size_t>(step)] != act::commit) b.least = b.most;
    }
    for (auto const step : j.in_flight()) b.most = std::max(b.most, commits_up_to(step + 1));
    return b;
}

/// A workload for sweep_crashes. Every: see bounds_of.
template <class Db, class Stops, bool Every>
struct workload {
    static void run(tenon::simulated_files disk, tenon::testing::journal& j) {
        int  session = 0;
        auto db      = tenon::open<Db>("db", options_of<Db>(world(disk), session));
        for (std::uint64_t step = 0; db && step < script().size(); ++step) {
            j.begin(step);
            tenon::result<void> done;
            switch (script()[static_cast<std::size_t>(step)]) {
                case act::commit:
                    if (auto at = commit(*db, commits_up_to(step) + 1); !at) done = tenon::fail(std::move(at).error());
                    break;
                case act::flush: done = db->flush(); break;
                case act::compact: done = db->compact(); break;
                case act::reopen:
                    done = db->close();
                    db   = tenon::fail(tenon::errc::io, "closed");
                    if (done) db = tenon::open<Db>("db", options_of<Db>(world(disk), ++session));
                    if (!db) done = tenon::fail(db.error());
                    break;
            }
            if (!done) return;
            j.acknowledge(step);
        }
    }
    static void recover(tenon::simulated_files disk) { (void)tenon::open<Db>("db", options_of<Db>(world(disk), 0)); }

    static void verify(tenon::simulated_files disk, tenon::testing::journal const& j, tenon::testing::report& r) {
        auto const    allowed = bounds_of(j, Every);
        std::uint64_t found   = 0;
        for (int time = 0; time < 3; ++time) {
            auto const when = time == 0   ? "recovered: "
                              : time == 1 ? "recovered once more: "
                                          : "after another commit: ";
            auto       db   = tenon::open<Db>("db", options_of<Db>(world(disk), 0));
            if (!r.check(db.has_value(), std::string(when) + (db ? "" : db.error().message))) return;
            auto const last = db->stats().last_commit;
            if (time == 0) {
                found = last;
                r.check(found >= allowed.least, "commit " + std::to_string(allowed.least) +
                                                    " was acknowledged, the last one found is " +
                                                    std::to_string(found));
                if (!r.check(found <= allowed.most, "commit " + std::to_string(found) + " was found, " +
                                                        std::to_string(allowed.most) + " was the last to begin"))
                    return;
            } else if (!r.check(last == found, std::string(when) + "commit " + std::to_string(last) +
                                                   " is the last one, " + std::to_string(found) + " was expected")) {
                return;
            }
            auto const& expected = content_after(found);
            auto        held     = read_all(*db);
            r.check(held.has_value(), std::string(when) + (held ? "" : held.error().message));
            if (held)
                r.check(*held == expected, std::string(when) + "rows are not those of commit " + std::to_string(found));
            auto const wrong = wrong_answer<Stops>(*db, expected);
            r.check(wrong.empty(), when + wrong);
            auto checked = db->verify();
            r.check(checked.has_value(), std::string(when) + (checked ? "" : checked.error().message));
            if (time == 1) {
                auto more = commit(*db, found + 1);
                auto kept = db->flush();
                if (!r.check(more && kept, "the recovered database takes a commit and a flush")) return;
                ++found;
            }
            auto closed = db->close();
            r.check(closed.has_value(), std::string(when) + (closed ? "" : closed.error().message));
        }
    }
};

}  // namespace small_database
