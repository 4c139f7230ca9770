// SPDX-License-Identifier: Apache-2.0
// atlas torture: kills a writing process at random moments and proves that what it acknowledged is there, whole.
#include "atlas_db.hpp"
#include "commands.hpp"
#include "embedding.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/testing/kill.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>

namespace atlas {

namespace {

constexpr std::uint64_t counter_id = ~std::uint64_t{0};  // the row of "loads" that counts batches

/// Small amounts, so that flushes, merges and log recycling happen all the time.
atlas_db::options torture_amounts() {
    atlas_db::options o;
    o.memtable_bytes = {256 << 10};
    o.segment_bytes  = {64 << 10};
    o.block_bytes    = {8 << 10};
    return o;
}

place made(std::uint64_t id, std::uint64_t batch) {
    tenon::prng random(id * 7919 + batch);
    place       p;
    p.id              = id;
    p.name            = "Place " + std::to_string(id % 97) + " of " + std::to_string(batch % 13);
    p.alternate_names = std::string(static_cast<std::size_t>(random.below(200)), 'x');
    p.country         = std::string{static_cast<char>('A' + id % 26), static_cast<char>('A' + id / 26 % 26)};
    p.population      = static_cast<std::int64_t>(batch * 1000 + id % 1000);
    p.where           = {random.unit() * 360 - 180, random.unit() * 180 - 90};
    p.look            = embed_name(p.name);
    return p;
}

/// What batch n does: new places, some of older batches changed, one removed.
struct step {
    std::vector<place>         puts;
    std::vector<std::uint64_t> removals;
};
step step_of(std::uint64_t n, std::uint64_t seed) {
    tenon::prng random(seed ^ n * 0x9e3779b97f4a7c15);
    step        s;
    auto const  rows = 1 + random.below(40);
    for (std::uint64_t i = 0; i < rows; ++i) s.puts.push_back(made(n * 64 + i, n));
    if (n > 1) {
        for (std::uint64_t i = 0; i < 5; ++i)
            s.puts.push_back(made((1 + random.below(n - 1)) * 64 + random.below(8), n));
        s.removals.push_back((1 + random.below(n - 1)) * 64 + random.below(4));
    }
    return s;
}

tenon::result<std::uint64_t> batches_of(atlas_db::snapshot_type const& s) {
    auto row = s.get<load_state>(counter_id);
    if (!row) return tenon::fail(row.error());
    return *row ? (*row)->rows : 0;
}

/// The places after n batches; grows from call to call.
class expectation {
public:
    explicit expectation(std::uint64_t seed) : seed_(seed) {}
    std::map<std::uint64_t, place> const& after(std::uint64_t n) {
        for (; done_ < n; ++done_) {
            auto const s = step_of(done_ + 1, seed_);
            for (auto const& p : s.puts) places_[p.id] = p;
            for (auto id : s.removals) places_.erase(id);
        }
        return places_;
    }

private:
    std::uint64_t                  seed_, done_ = 0;
    std::map<std::uint64_t, place> places_;
};

/// One sentence of what is wrong, empty when all is well.
std::string compare(atlas_db& db, std::map<std::uint64_t, place> const& expected, std::uint64_t seed) {
    auto const s    = db.snapshot();
    auto       next = expected.begin();
    auto       rows = s.all<place>();
    for (;;) {
        auto row = rows.next();
        if (!row) return row.error().message;
        if (!*row) break;
        if (next == expected.end()) return "place " + std::to_string((*row)->id) + " is there and should not be";
        if (!(**row == next->second))
            return "place " + std::to_string((*row)->id) + " is not what was written, or place " +
                   std::to_string(next->first) + " is missing";
        ++next;
    }
    if (next != expected.end()) return "place " + std::to_string(next->first) + " is missing";
    auto ok = db.verify();
    if (!ok) return ok.error().message;
    // Every kind of index, against the rows that are expected.
    std::uint64_t ordered = 0;
    std::int64_t  last    = -1;
    auto          by_size = s.range<&place::population>(std::nullopt, std::nullopt);
    for (;;) {
        auto row = by_size.next();
        if (!row) return row.error().message;
        if (!*row) break;
        if ((*row)->population < last)
            return "the ordered index is out of order at place " + std::to_string((*row)->id);
        last = (*row)->population;
        ++ordered;
    }
    if (ordered != expected.size())
        return "the ordered index finds " + std::to_string(ordered) + " places of " + std::to_string(expected.size());
    if (auto n = s.within<&place::where>({}).size(); n != expected.size())
        return "the spatial index finds " + std::to_string(n) + " places of " + std::to_string(expected.size());
    tenon::prng random(seed);
    for (int i = 0; i < 20 && !expected.empty(); ++i) {
        auto at = expected.lower_bound(random.below(expected.rbegin()->first + 1));
        if (at == expected.end()) at = expected.begin();
        auto const& p       = at->second;
        auto        nearest = s.closest<&place::where>(p.where, 1).collect();
        auto        alike   = s.closest<&place::look>(p.look, 1).collect();
        auto        named   = s.search<&place::name>(p.name, expected.size()).collect();
        if (!nearest || nearest->size() != 1 || (*nearest)[0].distance > 1e-3)
            return "the spatial index does not find place " + std::to_string(p.id);
        if (!alike || alike->size() != 1 || (*alike)[0].distance > 1e-3)
            return "the vector index does not find place " + std::to_string(p.id);
        bool found = false;
        if (named)
            for (auto const& h : *named) found = found || h.row.id == p.id;
        if (!found) return "the text index does not find place " + std::to_string(p.id);
    }
    return {};
}

/// The process that is killed: writes batches, and says which are begun and which acknowledged.
int write_batches(std::string const& path, std::uint64_t seed, tenon::testing::kill_journal& promises) {
    auto db = tenon::open<atlas_db>(path, torture_amounts());
    if (!db) return report({path, false, false}, db.error());
    auto begun = batches_of(db->snapshot());
    if (!begun) return report({path, false, false}, begun.error());
    for (std::uint64_t n = *begun + 1;; ++n) {
        auto const s  = step_of(n, seed);
        auto       tx = db->begin();
        for (auto const& p : s.puts) (void)tx.upsert(p);
        for (auto id : s.removals) (void)tx.erase<place>(id);
        (void)tx.upsert(load_state{counter_id, "torture", 0, 0, n, 0, false});
        promises.begin(n);
        if (auto done = tx.commit(); !done) return report({path, false, false}, done.error());
        promises.acknowledge(n);
    }
}

}  // namespace

int torture(common_options const& o, torture_options const& t) {
    namespace fs = std::filesystem;
    auto const seed =
        t.seed != 0 ? t.seed : static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
    fs::path folder;
    auto     path = t.db;
    if (path.empty()) {
        std::string made_folder = (fs::temp_directory_path() / "atlas-torture-XXXXXX").string();
        if (::mkdtemp(made_folder.data()) == nullptr)
            return report(
                o, {tenon::errc::io, "no temporary folder can be made in " + fs::temp_directory_path().string()});
        folder = made_folder;
        path   = made_folder + "/torture.tenon";
    } else if (fs::exists(path)) {
        return report(o, {tenon::errc::exists, path + " exists; torture makes its own database: name a new file"});
    }
    if (!o.json)
        std::printf("torture: %s rounds on %s, seed %llu\n", human_count(t.rounds).c_str(), path.c_str(),
                    static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    fs::remove(path + ".promises");
    auto promises = tenon::testing::kill_journal::open(path + ".promises");  // outside of the database
    if (!promises) return report(o, promises.error());
    tenon::prng   random(seed);
    expectation   expected(seed);
    std::uint64_t committed = 0, total_acknowledged = 0, in_flight = 0, replayed = 0, truncated = 0;
    std::string   wrong;
    std::uint64_t round = 0;
    {
        progress bar("torture", t.rounds, 0, "kills");
        for (; round < t.rounds && wrong.empty(); ++round) {
            // The kill comes a random while after the first acknowledgement, or, now and then, within opening and recovery.
            bool const early = random.below(5) == 0;
            auto const delay = std::chrono::microseconds(random.below(early ? 20'000 : 150'000));
            auto const end   = tenon::testing::kill_while(
                [&] { return write_batches(path, seed, *promises); }, delay,
                early ? std::function<bool()>() : [&] { return promises->acknowledged() > committed; });
            auto const acknowledged = std::max(committed, promises->acknowledged());
            if (!end.killed) wrong = "the writing process ended by itself with code " + std::to_string(end.code);
            if (!wrong.empty()) break;

            auto db = tenon::open<atlas_db>(path, torture_amounts());
            if (!db) {
                wrong = "it does not open: " + db.error().message;
                break;
            }
            replayed += db->recovery().log_records;
            truncated += db->recovery().truncated_bytes;
            auto n = batches_of(db->snapshot());
            if (!n) wrong = n.error().message;
            else if (*n != acknowledged && *n != acknowledged + 1)
                wrong = "commit " + std::to_string(acknowledged) + " was acknowledged last, but " + std::to_string(*n) +
                        " commits are there";
            else wrong = compare(*db, expected.after(*n), seed + round);
            if (!wrong.empty()) break;
            total_acknowledged += acknowledged - committed;
            in_flight += *n - acknowledged;
            committed = *n;
            bar.update(round + 1, round + 1, true);
        }
    }
    if (!wrong.empty()) {
        std::fprintf(stderr, "atlas: torture, round %llu, seed %llu: %s\natlas: the database is kept in %s\n",
                     static_cast<unsigned long long>(round + 1), static_cast<unsigned long long>(seed), wrong.c_str(),
                     path.c_str());
        if (o.json)
            std::puts(json()
                          .object()
                          .field("intact", false)
                          .field("round", round + 1)
                          .field("seed", seed)
                          .field("problem", wrong)
                          .end()
                          .text()
                          .c_str());
        return not_intact;
    }
    fs::remove(path + ".promises");
    if (!folder.empty()) fs::remove_all(folder);
    if (o.json) {
        std::puts(json()
                      .object()
                      .field("intact", true)
                      .field("rounds", t.rounds)
                      .field("seed", seed)
                      .field("acknowledged", total_acknowledged)
                      .field("in_flight_kept", in_flight)
                      .field("replayed", replayed)
                      .field("truncated_bytes", truncated)
                      .end()
                      .text()
                      .c_str());
    } else {
        std::printf(
            "%s kills: all %s acknowledged commits are there, whole, and %s that were in flight; %s commits were "
            "replayed from the log, %s of torn tail cut;\n"
            "after each kill every row and every index was compared with what had been written\n",
            human_count(t.rounds).c_str(), human_count(total_acknowledged).c_str(), human_count(in_flight).c_str(),
            human_count(replayed).c_str(), human_bytes(truncated).c_str());
    }
    return success;
}

}  // namespace atlas
