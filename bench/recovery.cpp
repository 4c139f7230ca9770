// SPDX-License-Identifier: Apache-2.0
// How long until a killed database, or one that was closed, answers again: beside SQLite, LMDB, RocksDB and LevelDB?
#include "progress.hpp"
#include "stores.hpp"

#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using bench::die;
using bench::must;
using bench::row;
using bench::row_store;
using bench::samples;
using bench::stopwatch;

constexpr char const* help =
    R"(bench_recovery - from open to the first read, after SIGKILL and after a clean close, beside SQLite, LMDB, RocksDB and LevelDB.

  killed          a process commits --rows rows at random keys, one a commit, and is killed; another one opens what it left
  closed          --closed-rows ascending rows, in the form in which they are read, closed cleanly
                  (without a word: both)
  --rows N        (2200000): 16-byte keys and 100-byte values, about 256 MB
  --closed-rows N (10000000)
  --rounds N      (3), and eight times as many openings of what was closed
  --only NAMES    of tenon,sqlite,lmdb,rocksdb,leveldb
  --dir DIR       where the databases are made, and removed afterwards (.)
  --keep DIR      databases of `closed` are looked for there, made when they are missing, and left
  --json          one JSON document on stdout instead of tables
  --help          this text

What is found is compared, row by row, with what had been acknowledged when the process was killed.
)";

constexpr std::uint64_t in_flight = 1000;  // tenon's commits that wait for the disk

/// A store as it is used here.
struct subject {
    std::string                                                   name;
    std::string                                                   note;   ///< how its rows are committed
    std::uint64_t                                                 batch;  ///< rows of a commit before the kill
    std::function<std::unique_ptr<row_store>(std::string const&)> open;
};

using database = bench::database_store<bench::durable_db>;

std::vector<subject> subjects() {
    std::vector<subject> out;
    out.push_back({"tenon", "durable, 1,000 in flight", 1, [](std::string const& path) {
                       bench::durable_db::options o;
                       o.memtable_bytes = {std::uint64_t{4} << 30};
                       return std::make_unique<database>(path, o);
                   }});
#if defined(TENON_BENCH_ROCKSDB)
    out.push_back({"rocksdb", "to the kernel", 1, [](std::string const& path) {
                       return std::make_unique<bench::lsm_store<bench::rocksdb_api>>(path, false, std::size_t{1} << 30);
                   }});
#endif
#if defined(TENON_BENCH_LEVELDB)
    out.push_back({"leveldb", "to the kernel", 1, [](std::string const& path) {
                       return std::make_unique<bench::lsm_store<bench::leveldb_api>>(path, false, std::size_t{1} << 30);
                   }});
#endif
#if defined(TENON_BENCH_SQLITE)
    out.push_back({"sqlite", "to the kernel, 1,000 rows a commit", 1000, [](std::string const& path) {
                       auto made = std::make_unique<bench::sqlite_store>(path, false);
                       made->run("PRAGMA wal_autocheckpoint=0");
                       return made;
                   }});
#endif
#if defined(TENON_BENCH_LMDB)
    out.push_back({"lmdb", "to the kernel, 1,000 rows a commit", 1000,
                   [](std::string const& path) { return std::make_unique<bench::lmdb_store>(path, false); }});
#endif
    return out;
}

// ---- processes -----------------------------------------------------------------------------------------------------

/// What a child tells its parent.
struct told {
    static constexpr std::size_t most     = 1024;
    std::size_t                  openings = 0;
    double                       open[most], read[most];
    std::uint64_t                rows = 0;  ///< found

    void add(double opened, double answered) {
        if (openings == most) return;
        open[openings]   = opened;
        read[openings++] = answered;
    }
};

/// Runs work(told&) in a process of its own, since a store leaves threads and caches behind. Whether it was killed.
template <class Work>
bool apart(told& out, Work work) {
    auto* const shared =
        static_cast<told*>(::mmap(nullptr, sizeof(told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    if (shared == MAP_FAILED) die("no memory to share with a process");
    std::fflush(nullptr);
    auto const child = ::fork();
    if (child < 0) die("no process can be started");
    if (child == 0) {
        work(*shared);
        std::fflush(nullptr);
        ::_exit(0);
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child) die("a process is gone");
    out = *shared;
    ::munmap(shared, sizeof(told));
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) std::exit(1);  // it has said why
    return false;
}
[[noreturn]] void kill_this_process() {
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
}

// ---- killed --------------------------------------------------------------------------------------------------------

/// Commits rows until `rows` are acknowledged, and is killed at that moment.
[[noreturn]] void write_and_die(subject const& s, std::string const& path, std::uint64_t rows) {
    auto            store = s.open(path);
    atlas::progress bar(s.name + ", writing", rows);
    if (auto* const tenon = dynamic_cast<database*>(store.get())) {
        std::atomic<std::uint64_t> acknowledged{0};
        for (std::uint64_t i = 0;; ++i) {
            auto const done = acknowledged.load(std::memory_order_acquire);
            bar.update(done, done);
            while (i - acknowledged.load(std::memory_order_acquire) >= in_flight) std::this_thread::yield();
            auto tx = tenon->db->begin();
            must(tx.upsert(bench::make_row(0, i)), "upsert");
            must(tx.commit_async([&](auto const& r) {
                if (!r) die("a commit failed: " + r.error().message);
                if (acknowledged.fetch_add(1, std::memory_order_acq_rel) + 1 == rows) kill_this_process();
            }),
                 "commit_async");
        }
    }
    std::vector<row> batch;
    for (std::uint64_t i = 0; i < rows;) {
        for (batch.clear(); batch.size() < s.batch && i < rows; ++i) batch.push_back(bench::make_row(0, i));
        if (s.batch == 1) store->commit(batch.front());
        else store->commit(batch);
        bar.update(i, i);
    }
    kill_this_process();
}

/// Every row that was acknowledged is there, and nothing that was not written.
std::uint64_t verified(row_store& store, subject const& s, std::uint64_t rows) {
    std::vector<bool> seen(rows + in_flight);
    std::uint64_t     n = 0, acknowledged = 0;
    store.each([&](row const& r) {
        auto const i = bench::number_of(r);
        if (i >= seen.size() || seen[i] || r != bench::make_row(0, i)) die(s.name + ": a row that nobody wrote");
        seen[i] = true;
        acknowledged += i < rows;
        ++n;
    });
    if (acknowledged != rows)
        die(s.name + ": " + std::to_string(rows) + " rows were acknowledged, " + std::to_string(acknowledged) +
            " of them are there");
    if (n != store.count()) die(s.name + ": counts other rows than it has");
    return n;
}

struct line {
    std::string   name, what, note;
    samples       open, read;
    std::uint64_t bytes = 0;  ///< left behind by the process, log and all
};

void run_killed(std::vector<line>& lines, std::vector<subject> const& all, bench::scratch const& folder,
                std::uint64_t rows, std::uint64_t rounds) {
    auto const first = lines.size();
    for (auto const& s : all) lines.push_back({s.name, "killed", s.note, {}, {}, 0});
    for (std::uint64_t round = 0; round < rounds; ++round)
        for (std::size_t i = 0; i < all.size(); ++i) {
            auto const& s    = all[i];
            auto&       l    = lines[first + i];
            auto const  path = folder / ("killed-" + s.name);
            told        out;
            if (!apart(out, [&](told&) { write_and_die(s, path, rows); })) die(s.name + ": the writer was not killed");
            l.bytes = bench::bytes_on_disk(folder.path());
            apart(out, [&](told& t) {
                auto const      wanted = bench::make_row(0, tenon::hash_u64(round) % rows);
                stopwatch const watch;
                auto            store  = s.open(path);
                auto const      opened = watch.seconds();
                auto const      found  = store->get(wanted);
                t.add(opened, watch.seconds());
                if (found != wanted) die(s.name + ": another row than was asked for");
                t.rows = verified(*store, s, rows);
            });
            l.open.add(out.open[0]);
            l.read.add(out.read[0]);
            bench::say(s.name + ": " + atlas::human_count(out.rows) + " rows are there, the first after " +
                       atlas::human_duration(out.read[0]));
            for (auto const& f : std::filesystem::directory_iterator(folder.path()))
                std::filesystem::remove_all(f.path());
        }
}

// ---- closed --------------------------------------------------------------------------------------------------------

void run_closed(std::vector<line>& lines, std::vector<subject> const& all, std::string const& dir, std::uint64_t rows,
                std::uint64_t openings) {
    for (auto const& s : all) {
        auto const path = dir + "/closed-" + s.name + "-" + std::to_string(rows);
        told       out;
        if (!std::filesystem::exists(path))
            apart(out, [&](told&) {
                auto             store = s.open(path);
                atlas::progress  bar(s.name + ", loading", rows);
                std::vector<row> batch;
                for (std::uint64_t i = 0; i < rows;) {
                    for (batch.clear(); batch.size() < 50'000 && i < rows; ++i)
                        batch.push_back(bench::ascending_row(i));
                    store->commit(batch);
                    bar.update(i, i);
                }
                store->settle();
            });
        lines.push_back({s.name, "closed", "", {}, {}, 0});
        apart(out, [&](told& t) {
            for (std::uint64_t r = 0; r <= openings; ++r) {
                auto const      wanted = bench::ascending_row(tenon::hash_u64(r) % rows);
                stopwatch const watch;
                auto            store  = s.open(path);
                auto const      opened = watch.seconds();
                auto const      found  = store->get(wanted);
                auto const      read   = watch.seconds();
                if (found != wanted) die(s.name + ": another row than was asked for");
                if (r > 0) t.add(opened, read);  // the first one warms up
                if (r == 0) t.rows = store->count();
            }
        });
        if (out.rows != rows) die(s.name + ": has " + std::to_string(out.rows) + " rows");
        for (std::size_t i = 0; i < out.openings; ++i)
            lines.back().open.add(out.open[i]), lines.back().read.add(out.read[i]);
        for (auto const& f : std::filesystem::directory_iterator(dir))
            if (f.path().string().starts_with(path)) lines.back().bytes += bench::bytes_on_disk(f.path().string());
        bench::say(s.name + ": opened " + std::to_string(out.openings) + " times");
    }
}

}  // namespace

int main(int argc, char** argv) {
    bench::arguments  args(argc, argv, help);
    bool const        as_json = args.flag("--json");
    auto const        rows = args.number("--rows", 2'200'000), closed_rows = args.number("--closed-rows", 10'000'000);
    auto const        rounds = args.number("--rounds", 3);
    std::string const only   = "," + args.text("--only", "tenon,sqlite,lmdb,rocksdb,leveldb") + ",";
    auto const        dir    = args.text("--dir", ".");
    auto const        keep   = args.text("--keep", "");
    auto const        what   = args.word("both");
    args.end();
    if (what != "both" && what != "killed" && what != "closed")
        die("what does " + what + " mean? killed, closed, or nothing for both");
    if (rounds * 8 > told::most) die("--rounds takes at most " + std::to_string(told::most / 8));

    std::vector<subject> all;
    for (auto& s : subjects())
        if (only.find("," + s.name + ",") != std::string::npos) all.push_back(std::move(s));
    bench::scratch const folder(dir);
    bench::facts         about;
    about.add("database", bench::policies<bench::durable_db>());
    for (auto const* peer : {"sqlite", "lmdb", "rocksdb", "leveldb"})
        if (std::none_of(all.begin(), all.end(), [&](auto const& s) { return s.name == peer; }))
            about.add(peer, "left out: not asked for, or its header was not found when this was built");
    about.add_setting(folder.path());
    std::vector<line> lines;
    if (what != "closed") run_killed(lines, all, folder, rows, rounds);
    if (what != "killed") run_closed(lines, all, keep.empty() ? folder.path() : keep, closed_rows, rounds * 8);

    if (as_json) {
        bench::print_json(
            about, "openings", lines, [&](auto& out) { out.field("rows", rows).field("closed_rows", closed_rows); },
            [](auto& out, line const& l) {
                out.field("store", l.name)
                    .field("after", l.what)
                    .field("open", l.open.median())
                    .field("read", l.read.median())
                    .field("read_worst", l.read.percentile(1))
                    .field("bytes", l.bytes)
                    .field("note", l.note);
            });
        return 0;
    }
    about.print();
    auto const r = atlas::table::right;
    for (auto const* part : {"killed", "closed"}) {
        double       ours = 0;
        atlas::table out({{std::string("after it was ") + part + ", " +
                           atlas::human_count(std::string_view(part) == "killed" ? rows : closed_rows) + " rows"},
                          {"open", r},
                          {"first read", r},
                          {"worst", r},
                          {"of tenon's", r},
                          {"left behind", r},
                          {""}});
        bool         any = false;
        for (auto const& l : lines) {
            if (l.what != part) continue;
            any = true;
            if (l.name == "tenon") ours = l.read.median();
            out.row({l.name, atlas::human_duration(l.open.median()), atlas::human_duration(l.read.median()),
                     atlas::human_duration(l.read.percentile(1)),
                     ours > 0 ? atlas::fixed(l.read.median() / ours, 2) : "", atlas::human_bytes(l.bytes), l.note});
        }
        if (any) std::printf("\n%s", out.text().c_str());
    }
}
