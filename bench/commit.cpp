// SPDX-License-Identifier: Apache-2.0
// How many commits a second become durable, and how long does each take: beside the disk alone, SQLite, LMDB, RocksDB and LevelDB?
#include "measure.hpp"
#include "tenon/core/block_buffer.hpp"
#include "tenon/tenon.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#if defined(TENON_BENCH_SQLITE)
#include <sqlite3.h>
#endif
#if defined(TENON_BENCH_LMDB)
#include <lmdb.h>
#endif
#if defined(TENON_BENCH_ROCKSDB)
#include <rocksdb/db.h>
#endif
#if defined(TENON_BENCH_LEVELDB)
#include <leveldb/db.h>
#endif

namespace {

using bench::die;
using bench::must;
using tenon::byte_view;

constexpr char const* help =
    R"(bench_commit - commits of one row (16-byte key, 100-byte value) by many threads, each durable before it returns.

  --threads LIST  numbers of threads, with commas (1,8,32,100)
  --seconds N     tenths of a second for each number (10)
  --in-flight N   asynchronous commits that may wait at once (1000)
  --only NAMES    of log,database,sqlite,lmdb,rocksdb,leveldb; the disk alone is always there
  --dir DIR       where the databases are made, and removed afterwards (.)
  --json          one JSON document on stdout instead of tables
  --help          this text

Each store is opened again and its rows counted: as many as were acknowledged, or the run ends.
)";

struct row {
    std::array<std::byte, 16>  key{};
    std::array<std::byte, 100> value{};
};
row make_row(std::uint64_t thread, std::uint64_t i) {
    row                 r;
    auto const          scattered = tenon::hash_u64(i * 1024 + thread + 1);
    std::uint64_t const words[]   = {scattered, i * 1024 + thread};
    std::memcpy(r.key.data(), words, 16);
    for (std::size_t at = 0; at < 100; ++at) r.value[at] = static_cast<std::byte>(scattered >> (at % 8 * 8));
    return r;
}
std::string_view chars(auto const& bytes) { return {reinterpret_cast<char const*>(bytes.data()), bytes.size()}; }

/// A store that commits rows. Closing and counting comes last.
struct store {
    virtual ~store()                                                 = default;
    virtual void          commit(std::uint64_t thread, row const& r) = 0;
    virtual std::uint64_t close_and_count()                          = 0;
    virtual std::string   note() { return {}; }
};

template <class Sync>
struct log_store final : store {
    using log_type                      = typename tenon::segmented_wal<Sync>::template log<tenon::posix_files>;
    static constexpr std::uint64_t warm = 64u << 20;
    explicit log_store(std::string path_in) : path(std::move(path_in)) { from = warmed(); }
    /// Writes 64 MiB of segments and releases them, so that the log runs on files that were written before, as it does in steady state.
    tenon::lsn warmed() {
        open([](byte_view) {});
        std::string const block(1u << 20, 'w');
        tenon::lsn        end{};
        while (end.value < warm) end = must(log->append(tenon::as_bytes(block)), "append");
        must(log->sync_all(), "sync");
        must(log->release(end), "release");
        return end;
    }
    template <class Visit>
    void open(Visit visit) {
        log.reset();
        log = std::make_unique<log_type>(must(log_type::open({}, path, {.identity = 1}), "open the log"));
        must(log->replay(from,
                         [&](tenon::lsn, byte_view r) {
                             visit(r);
                             return tenon::result<void>{};
                         }),
             "replay");
    }
    void commit(std::uint64_t, row const& r) override {
        must(log->sync(must(log->append(tenon::object_bytes(r)), "append")), "sync");
    }
    std::uint64_t close_and_count() override {
        std::uint64_t n = 0;
        open([&](byte_view r) { n += r.size() == sizeof(row); });
        return n;
    }
    std::string note() override {
        auto const s = log->stats();
        return std::string(s.writes) + ", " + std::to_string(s.syncs) + " writes, " + std::to_string(s.most_under_way) +
               " at once";
    }
    std::string               path;
    std::unique_ptr<log_type> log;
    tenon::lsn                from{};
};

using rows_table = tenon::table<"rows", row, tenon::columns<&row::key, &row::value>, tenon::primary<&row::key>>;
struct durable_db : tenon::database<rows_table> {
    using database::database;
};
struct kernel_db : tenon::database<rows_table, tenon::segmented_wal<tenon::no_sync>> {
    using database::database;
};
template <class Db>
struct database_store final : store {
    explicit database_store(std::string path_in) : path(std::move(path_in)) { open(); }
    void open() {
        db.reset();
        db = std::make_unique<Db>(must(tenon::open<Db>(path), "open the database"));
    }
    void commit(std::uint64_t, row const& r) override {
        auto tx = db->begin();
        must(tx.upsert(r), "upsert");
        must(tx.commit(), "commit");
    }
    std::uint64_t close_and_count() override {
        must(db->close(), "close");
        open();
        return must(db->snapshot().template count<row>(), "count");
    }
    std::string         path;
    std::unique_ptr<Db> db;
};

#if defined(TENON_BENCH_SQLITE)
struct sqlite_store final : store {
    sqlite_store(std::string const& path, bool durable) {
        if (sqlite3_open(path.c_str(), &db) != SQLITE_OK) die("sqlite: open");
        run("PRAGMA journal_mode=WAL");
        run(durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
        run("CREATE TABLE rows(k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID");
        if (sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO rows VALUES(?,?)", -1, &put, nullptr) != SQLITE_OK)
            die("sqlite: prepare");
    }
    ~sqlite_store() override {
        sqlite3_finalize(put);
        sqlite3_close(db);
    }
    void run(char const* sql) {
        if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) die(std::string("sqlite: ") + sql);
    }
    void commit(std::uint64_t, row const& r) override {
        std::lock_guard const hold(mutex);
        sqlite3_bind_blob(put, 1, r.key.data(), 16, SQLITE_STATIC);
        sqlite3_bind_blob(put, 2, r.value.data(), 100, SQLITE_STATIC);
        if (sqlite3_step(put) != SQLITE_DONE) die("sqlite: insert");
        sqlite3_reset(put);
    }
    std::uint64_t close_and_count() override {
        sqlite3_stmt* q = nullptr;
        sqlite3_prepare_v2(db, "SELECT count(*) FROM rows", -1, &q, nullptr);
        sqlite3_step(q);
        auto const n = static_cast<std::uint64_t>(sqlite3_column_int64(q, 0));
        sqlite3_finalize(q);
        return n;
    }
    sqlite3*      db  = nullptr;
    sqlite3_stmt* put = nullptr;
    std::mutex    mutex;
};
#endif

#if defined(TENON_BENCH_LMDB)
struct lmdb_store final : store {
    lmdb_store(std::string const& path, bool durable) {
        std::filesystem::create_directory(path);
        check(mdb_env_create(&env), "create");
        check(mdb_env_set_mapsize(env, std::size_t{8} << 30), "map size");
        check(mdb_env_open(env, path.c_str(), durable ? 0u : unsigned{MDB_NOSYNC}, 0644), "open");
        MDB_txn* tx = nullptr;
        check(mdb_txn_begin(env, nullptr, 0, &tx), "begin");
        check(mdb_dbi_open(tx, nullptr, 0, &dbi), "dbi");
        check(mdb_txn_commit(tx), "commit");
    }
    ~lmdb_store() override { mdb_env_close(env); }
    static void check(int code, char const* what) {
        if (code != 0) die(std::string("lmdb: ") + what + ": " + mdb_strerror(code));
    }
    void commit(std::uint64_t, row const& r) override {
        MDB_txn* tx = nullptr;
        check(mdb_txn_begin(env, nullptr, 0, &tx), "begin");
        MDB_val k{16, const_cast<std::byte*>(r.key.data())}, v{100, const_cast<std::byte*>(r.value.data())};
        check(mdb_put(tx, dbi, &k, &v, 0), "put");
        check(mdb_txn_commit(tx), "commit");
    }
    std::uint64_t close_and_count() override {
        MDB_stat s{};
        mdb_env_stat(env, &s);
        return s.ms_entries;
    }
    MDB_env* env = nullptr;
    MDB_dbi  dbi = 0;
};
#endif

/// RocksDB and LevelDB, whose interfaces are alike.
template <class Api>
struct lsm_store final : store {
    lsm_store(std::string path_in, bool durable_in) : path(std::move(path_in)), durable(durable_in) { open(); }
    void open() {
        db.reset();
        typename Api::options o;
        o.create_if_missing = true;
        o.write_buffer_size = 64u << 20;
        Api::plain(o);
        typename Api::db* made = nullptr;
        if (!Api::db::Open(o, path, &made).ok()) die("cannot open " + path);
        db.reset(made);
    }
    void commit(std::uint64_t, row const& r) override {
        typename Api::write how;
        how.sync = durable;
        if (!db->Put(how, Api::slice(chars(r.key)), Api::slice(chars(r.value))).ok()) die("put into " + path);
    }
    std::uint64_t close_and_count() override {
        open();
        std::uint64_t                           n = 0;
        std::unique_ptr<typename Api::iterator> at(db->NewIterator({}));
        for (at->SeekToFirst(); at->Valid(); at->Next()) ++n;
        return n;
    }
    std::string                       path;
    bool                              durable;
    std::unique_ptr<typename Api::db> db;
};
#if defined(TENON_BENCH_ROCKSDB)
struct rocksdb_api {
    using db       = rocksdb::DB;
    using options  = rocksdb::Options;
    using write    = rocksdb::WriteOptions;
    using iterator = rocksdb::Iterator;
    static rocksdb::Slice slice(std::string_view s) { return {s.data(), s.size()}; }
    static void           plain(options& o) { o.compression = rocksdb::kNoCompression; }
};
#endif
#if defined(TENON_BENCH_LEVELDB)
struct leveldb_api {
    using db       = leveldb::DB;
    using options  = leveldb::Options;
    using write    = leveldb::WriteOptions;
    using iterator = leveldb::Iterator;
    static leveldb::Slice slice(std::string_view s) { return {s.data(), s.size()}; }
    static void           plain(options& o) { o.compression = leveldb::kNoCompression; }
};
#endif

struct line {
    std::string name, what;
    double      per_second = 0, p50 = 0, p99 = 0;
    std::string note;
};

line measured(std::string name, std::string what, std::vector<bench::samples> const& all, double seconds) {
    bench::samples joined;
    for (auto const& s : all) joined.add(s);
    return {std::move(name), std::move(what),         static_cast<double>(joined.size()) / seconds,
            joined.median(), joined.percentile(0.99), {}};
}

/// `threads` threads commit for a while; then the rows are counted.
line run_threads(std::string const& name, std::string const& what, store& s, unsigned threads, double seconds) {
    std::vector<bench::samples> times(threads);
    std::atomic<bool>           over{false};
    std::vector<std::thread>    workers;
    bench::stopwatch            all;
    for (unsigned t = 0; t < threads; ++t)
        workers.emplace_back([&, t] {
            for (std::uint64_t i = 0; !over; ++i) {
                auto const       r = make_row(t, i);
                bench::stopwatch one;
                s.commit(t, r);
                times[t].add(one.seconds());
            }
        });
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    over = true;
    for (auto& w : workers) w.join();
    auto          out = measured(name, what, times, all.seconds());
    std::uint64_t n   = 0;
    for (auto const& t : times) n += t.size();
    out.note         = s.note();
    auto const found = s.close_and_count();
    if (found != n)
        die(name + ": " + std::to_string(n) + " commits were acknowledged, " + std::to_string(found) + " are there");
    return out;
}

/// The disk alone: 4 KiB onto blocks that were written before, one write at a time.
line run_disk(std::string const& path, double seconds) {
    tenon::posix_files fs;
    must(fs.open(path, tenon::open_mode::create), "make the file");
    auto                file = must(fs.open_direct(path), "open the file");
    tenon::block_buffer zeros;
    zeros.append_zeros(16u << 20);
    must(file.write(0, std::as_const(zeros).bytes(), tenon::flush::yes), "fill the file");
    auto const                  block = std::as_const(zeros).bytes().first(4096);
    std::vector<bench::samples> times(1);
    bench::stopwatch            all;
    for (std::uint64_t i = 0; all.seconds() < seconds; ++i) {
        bench::stopwatch one;
        must(file.write(i % 4096 * 4096, block, tenon::flush::yes), "write");
        times[0].add(one.seconds());
    }
    auto out = measured("disk", "1", times, all.seconds());
    out.note = std::string(tenon::to_string(file.mode())) + " writes of 4 KiB, flushed";
    return out;
}

/// One thread hands in commits and does not wait for them, `in_flight` at most.
template <class Submit>
line run_async(std::string const& name, store& s, double seconds, std::uint64_t in_flight, Submit submit) {
    std::vector<bench::samples> times(1);
    times[0].reserve(static_cast<std::size_t>(4e6 * seconds));
    std::atomic<std::uint64_t> done{0};
    std::uint64_t              n = 0;
    bench::stopwatch           all;
    while (all.seconds() < seconds)
        for (int burst = 0; burst < 16; ++burst, ++n) {
            while (n - done.load(std::memory_order_acquire) >= in_flight) std::this_thread::yield();
            submit(make_row(0, n), [&, one = bench::stopwatch()](auto const& r) {
                if (!r) die("a commit failed: " + r.error().message);
                times[0].add(one.seconds());
                done.store(done.load(std::memory_order_relaxed) + 1, std::memory_order_release);
            });
        }
    while (done.load(std::memory_order_acquire) < n) std::this_thread::yield();
    auto out = measured(name, "asynchronous, " + std::to_string(in_flight) + " in flight", times, all.seconds());
    out.note = s.note();
    auto const found = s.close_and_count();
    if (found != n)
        die(name + ": " + std::to_string(n) + " were acknowledged, " + std::to_string(found) + " are there");
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    bench::arguments  args(argc, argv, help);
    auto const        list    = args.text("--threads", "1,8,32,100");
    double const      seconds = static_cast<double>(args.number("--seconds", 10)) / 10;
    auto const        waiting = args.number("--in-flight", 1000);
    std::string const only    = "," + args.text("--only", "log,database,sqlite,lmdb,rocksdb,leveldb") + ",";
    std::string const dir     = args.text("--dir", ".");
    bool const        as_json = args.flag("--json");
    args.end();
    std::vector<unsigned> threads;
    for (auto const& word : std::string(list)) {
        if (word == ',') continue;
        if (threads.empty() || &word == list.data() || *(&word - 1) == ',') threads.push_back(0);
        if (word < '0' || word > '9') die("--threads takes numbers with commas, not " + list);
        threads.back() = threads.back() * 10 + static_cast<unsigned>(word - '0');
    }

    bench::scratch const folder(dir);
    bench::facts         about;
    about.add("database", bench::policies<durable_db>()).add_setting(folder.path());
    int        number = 0;
    auto const place  = [&] { return folder / ("s" + std::to_string(number++)); };
    auto const wanted = [&](char const* name) { return only.find("," + std::string(name) + ",") != std::string::npos; };
    using maker       = std::function<std::unique_ptr<store>(bool durable)>;
    std::vector<std::pair<std::string, maker>> stores;
    if (wanted("log"))
        stores.emplace_back("tenon, log alone", [&](bool durable) -> std::unique_ptr<store> {
            if (durable) return std::make_unique<log_store<tenon::group_commit>>(place());
            return std::make_unique<log_store<tenon::no_sync>>(place());
        });
    if (wanted("database"))
        stores.emplace_back("tenon, database", [&](bool durable) -> std::unique_ptr<store> {
            if (durable) return std::make_unique<database_store<durable_db>>(place());
            return std::make_unique<database_store<kernel_db>>(place());
        });
#if defined(TENON_BENCH_SQLITE)
    if (wanted("sqlite"))
        stores.emplace_back("SQLite", [&](bool d) { return std::make_unique<sqlite_store>(place(), d); });
#endif
#if defined(TENON_BENCH_LMDB)
    if (wanted("lmdb")) stores.emplace_back("LMDB", [&](bool d) { return std::make_unique<lmdb_store>(place(), d); });
#endif
#if defined(TENON_BENCH_ROCKSDB)
    if (wanted("rocksdb"))
        stores.emplace_back("RocksDB", [&](bool d) { return std::make_unique<lsm_store<rocksdb_api>>(place(), d); });
#endif
#if defined(TENON_BENCH_LEVELDB)
    if (wanted("leveldb"))
        stores.emplace_back("LevelDB", [&](bool d) { return std::make_unique<lsm_store<leveldb_api>>(place(), d); });
#endif

    std::vector<line> lines;
    auto const        add = [&](line l) {
        bench::say(l.name + ", " + l.what + ": " + atlas::human_count(static_cast<std::uint64_t>(l.per_second)) + "/s");
        lines.push_back(std::move(l));
        std::filesystem::remove_all(folder / ("s" + std::to_string(number - 1)));
    };
    add(run_disk(folder / "disk", seconds));
    for (auto const t : threads)
        for (auto const& [name, make] : stores) {
            auto s = make(true);
            add(run_threads(name, std::to_string(t), *s, t, seconds));
        }
    if (wanted("log")) {
        log_store<tenon::group_commit> s(place());
        add(run_async("tenon, log alone", s, seconds, waiting, [&](row const& r, auto called) {
            must(s.log->append(tenon::object_bytes(r), std::move(called)), "append");
        }));
    }
    if (wanted("database")) {
        database_store<durable_db> s(place());
        add(run_async("tenon, database", s, seconds, waiting, [&](row const& r, auto called) {
            auto tx = s.db->begin();
            must(tx.upsert(r), "upsert");
            must(tx.commit_async(std::move(called)), "commit_async");
        }));
    }
    for (auto const& [name, make] : stores) {
        auto s = make(false);
        add(run_threads(name, "1, handed to the kernel", *s, 1, seconds));
    }
    add(run_disk(folder / "disk", seconds));

    if (as_json) {
        atlas::json out;
        out.object();
        about.write(out);
        out.key("commits").array();
        for (auto const& l : lines)
            out.object()
                .field("store", l.name)
                .field("threads", l.what)
                .field("per_second", l.per_second)
                .field("p50", l.p50)
                .field("p99", l.p99)
                .field("note", l.note)
                .end();
        out.end().end();
        std::puts(out.text().c_str());
        return 0;
    }
    about.print();
    auto const   r = atlas::table::right;
    atlas::table out(
        {{"commits of one row"}, {"threads"}, {"a second", r}, {"of the disk", r}, {"p50", r}, {"p99", r}, {""}});
    for (auto const& l : lines)
        out.row({l.name, l.what, atlas::human_count(static_cast<std::uint64_t>(l.per_second)),
                 atlas::fixed(l.per_second / lines[0].per_second, 2), atlas::human_duration(l.p50),
                 atlas::human_duration(l.p99), l.note});
    std::printf("\n%s", out.text().c_str());
}
