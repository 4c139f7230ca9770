// SPDX-License-Identifier: Apache-2.0
// atlas load: a GeoNames dump into the database, in durable batches, from wherever the last load stopped.
#include "atlas_db.hpp"
#include "commands.hpp"
#include "embedding.hpp"
#include "geonames.hpp"
#include "output.hpp"
#include "progress.hpp"

#include <chrono>
#include <unordered_map>

namespace atlas {

namespace {

class stopwatch {
public:
    double lap() {
        auto const now = std::chrono::steady_clock::now();
        return std::chrono::duration<double>(now - std::exchange(last_, now)).count();
    }

private:
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

struct phases {
    double open = 0, parse = 0, embed = 0, commit = 0, flush = 0;
    double total() const { return open + parse + embed + commit + flush; }
};

struct batch {
    std::vector<geonames_record>                     records;
    std::unordered_map<std::uint64_t, std::uint64_t> lines;  // id -> line
    std::uint64_t                                    skipped = 0;
    source_position                                  after;
    bool                                             last = false;
};

void print(common_options const& o, load_state const& state, std::uint64_t rows, phases const& t,
           tenon::database_stats const& s) {
    auto const& places = s.tables[0];
    if (o.json) {
        json out;
        out.object()
            .field("file", state.path)
            .field("rows", rows)
            .field("rows_in_database", places.rows)
            .field("skipped", state.skipped);
        out.key("seconds")
            .object()
            .field("open", t.open)
            .field("parse", t.parse)
            .field("embed", t.embed)
            .field("commit", t.commit);
        out.field("flush", t.flush).field("total", t.total()).end();
        out.field("rows_per_second", static_cast<double>(rows) / t.total())
            .field("file_bytes", s.store.file_bytes)
            .field("log_bytes", s.log.live_bytes);
        out.key("indexes").array();
        out.object().field("index", "primary").field("bytes", places.key_bytes).end();
        for (auto const& i : places.indexes) out.object().field("index", i.index).field("bytes", i.bytes).end();
        std::puts(out.end().end().text().c_str());
        return;
    }
    std::printf("%s places loaded in %s: %s rows/s, durable\n", human_count(rows).c_str(),
                human_duration(t.total()).c_str(),
                human_count(static_cast<std::uint64_t>(static_cast<double>(rows) / t.total())).c_str());
    if (state.skipped > 0) std::printf("%s bad lines skipped\n", human_count(state.skipped).c_str());
    table time({{"phase"}, {"time", table::right}, {"what it does", table::left, 70}});
    time.row({"open", human_duration(t.open), "opens the file and recovers it"});
    time.row({"parse", human_duration(t.parse), "reads and checks lines"});
    time.row({"embed", human_duration(t.embed), "turns names into vectors"});
    time.row({"commit", human_duration(t.commit), "rows and index deltas, log synced at each batch"});
    time.row({"flush", human_duration(t.flush), "writes the run: blocks, learned index, R-tree, postings, HNSW graph"});
    std::printf("\n%s\n", time.text().c_str());
    table      bytes({{"index", table::left, 70}, {"bytes", table::right}, {"for each row", table::right}});
    auto const per_row = [&](std::uint64_t n) {
        return places.run_rows == 0 ? std::string("-")
                                    : fixed(static_cast<double>(n) / static_cast<double>(places.run_rows), 1);
    };
    bytes.row({"rows, in blocks of columns", human_bytes(places.row_bytes), per_row(places.row_bytes)});
    bytes.row({"primary key, learned index, timestamps", human_bytes(places.key_bytes), per_row(places.key_bytes)});
    bytes.row({"filter", human_bytes(places.filter_bytes), per_row(places.filter_bytes)});
    for (auto const& i : places.indexes) bytes.row({i.index, human_bytes(i.bytes), per_row(i.bytes)});
    std::printf("%s\nfile %s: %s, log: %s\n", bytes.text().c_str(), o.db.c_str(),
                human_bytes(s.store.file_bytes).c_str(), human_bytes(s.log.live_bytes).c_str());
}

}  // namespace

int load(common_options const& o, load_options const& l) {
    stopwatch watch;
    phases    time;
    auto      reader = geonames_reader::open(l.file);  // first: a wrong name leaves no database behind
    if (!reader) return report(o, reader.error());
    auto db = tenon::open<atlas_db>(o.db);
    if (!db) return report(o, db.error());
    time.open = watch.lap();
    if (db->recovery().truncated_bytes > 0)
        std::fprintf(stderr, "atlas: the log ended in %s that were never acknowledged; they were cut\n",
                     human_bytes(db->recovery().truncated_bytes).c_str());

    load_state state{reader->fingerprint(), l.file, 0, 0, 0, 0, false};
    {
        auto before = db->snapshot().get<load_state>(state.fingerprint);
        if (!before) return report(o, before.error());
        if (*before) state = **before;
    }
    if (state.finished) {
        if (!o.json)
            std::fprintf(stderr, "atlas: %s is loaded already: %s places\n", l.file.c_str(),
                         human_count(state.rows).c_str());
    } else if (state.offset > 0) {
        std::fprintf(stderr, "atlas: going on behind line %s, where the last load stopped\n",
                     human_count(state.line).c_str());
        reader = geonames_reader::open(l.file, {state.line, state.offset});
        if (!reader) return report(o, reader.error());
    }
    std::uint64_t            rows = 0, skipped = 0;
    std::vector<std::string> sample;
    auto const               skip = [&](tenon::error const& e, progress& bar) {
        ++skipped;
        if (sample.size() < 20) bar.note("skipped: " + e.message);
        if (sample.size() < 20) sample.push_back(e.message);
    };
    if (!state.finished) {
        progress bar("loading", reader->size(), state.offset, "places");
        for (bool more = true; more;) {
            batch b;
            b.skipped = skipped;
            while (b.records.size() < l.batch) {
                geonames_record r;
                auto            next = reader->next(r);
                if (!next) {
                    if (next.error().kind == tenon::errc::io || !l.skip_bad) return report(o, next.error());
                    skip(next.error(), bar);
                    continue;
                }
                if (!*next) {
                    more = false;
                    break;
                }
                auto const [known, fresh] = b.lines.emplace(r.what.id, r.line);
                if (!fresh) {
                    auto e = duplicate_place(l.file, r.line, r.what.id, known->second);
                    if (!l.skip_bad) return report(o, e);
                    skip(e, bar);
                    continue;
                }
                b.records.push_back(std::move(r));
            }
            time.parse += watch.lap();
            for (auto& r : b.records) r.what.look = embed_name(r.what.name);
            time.embed += watch.lap();

            auto          tx    = db->begin();
            std::uint64_t added = 0;
            for (auto const& r : b.records) {
                auto there = tx.contains<place>(r.what.id);
                if (!there) return report(o, there.error());
                if (*there) {
                    auto e = duplicate_place(l.file, r.line, r.what.id, 0);
                    if (!l.skip_bad) return report(o, e);
                    skip(e, bar);
                    continue;
                }
                if (auto done = tx.insert(r.what); !done) return report(o, done.error());
                ++added;
            }
            state.line   = reader->position().line;
            state.offset = reader->position().offset;
            state.rows += added;
            state.skipped += skipped - b.skipped;
            state.finished = !more;
            if (auto done = tx.upsert(state); !done) return report(o, done.error());
            if (auto done = tx.commit(); !done) return report(o, done.error());
            rows += added;
            time.commit += watch.lap();
            bar.update(state.offset, rows, true);
        }
    }
    if (auto done = db->flush(); !done) return report(o, done.error());
    time.flush = watch.lap();
    print(o, state, rows, time, db->stats());
    if (auto closed = db->close(); !closed) return report(o, closed.error());
    return success;
}

}  // namespace atlas
