// SPDX-License-Identifier: Apache-2.0
// What does a key-value workload cost in tenon, SQLite and LMDB, on the same data, in the same run, with the same promises?
#include "measure.hpp"
#include "progress.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/tenon.hpp"

#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include <fcntl.h>
#if defined(TENON_BENCH_SQLITE)
#include <sqlite3.h>
#endif
#if defined(TENON_BENCH_LMDB)
#include <lmdb.h>
#endif

namespace {

using bench::die;
using bench::must;
using bench::samples;
using bench::stopwatch;

constexpr char const* help =
    R"(bench_engine - inserts, gets, scans and ranges of rows (64-bit key, 100-byte value) in tenon, SQLite and LMDB.

  --rows N        rows that are read (1000000)
  --batch N       rows in one durable commit of the load (1000)
  --commits N     durable commits of one row (2000); ten times as many that are not synced
  --gets N        point gets (200000), and as many of keys that are not there
  --ranges N      range scans of 100 rows (5000)
  --rounds N      rounds in which the engines take turns (5)
  --ascending     keys in ascending order instead of scattered over all 64 bits
  --dir DIR       where the databases are made, and removed afterwards (.); a file system where a sync means something
  --seed N        of keys, values and queries (20260101)
  --json          one JSON document on stdout instead of tables
  --help          this text

Every engine must give the same answers, checked by sums over keys and values; one that does not ends the run.
)";

constexpr std::size_t range_rows = 100;
using value_bytes                = std::array<std::byte, 100>;

struct pair {
    std::uint64_t key = 0;
    value_bytes   value{};
};

/// Row i of the data: a key that no other row has, and a value that follows from it.
struct data {
    std::uint64_t seed      = 0;
    bool          ascending = false;

    std::uint64_t key(std::uint64_t i) const {
        return ascending ? i * 16 : tenon::hash_u64(i * 2 + seed * 0x100000000u);
    }
    /// A key that no row has.
    std::uint64_t absent(std::uint64_t i) const {
        return ascending ? i * 16 + 7 : tenon::hash_u64(i * 2 + 1 + seed * 0x100000000u);
    }
    pair row(std::uint64_t i) const {
        pair        p{key(i), {}};
        tenon::prng random(p.key ^ seed);
        for (std::size_t at = 0; at < p.value.size(); at += 8) {
            auto const word = random();
            std::memcpy(p.value.data() + at, &word, std::min<std::size_t>(8, p.value.size() - at));
        }
        return p;
    }
};

/// Adds up what was read; the order does not matter, every byte does.
struct sum {
    std::uint64_t rows = 0, digest = 0;
    void          add(std::uint64_t key, tenon::byte_view value) {
        ++rows;
        digest += tenon::hash_u64(key) ^ tenon::hash_bytes(value);
    }
    friend bool operator==(sum, sum) = default;
};

/// One database. Every read hands out the value as a copy of its own.
class subject {
public:
    virtual ~subject()                                             = default;
    virtual std::string   name() const                             = 0;
    virtual std::string   setting() const                          = 0;
    virtual void          insert(std::span<pair const> rows)       = 0;  ///< in one transaction, which is committed
    virtual void          settle()                                 = 0;  ///< after the load: into the form that is read
    virtual void          begin_reads()                            = 0;
    virtual void          end_reads()                              = 0;
    virtual bool          get(std::uint64_t key, value_bytes& out) = 0;
    virtual sum           scan()                                   = 0;
    virtual sum           range(std::uint64_t from, std::size_t rows) = 0;
    virtual std::uint64_t bytes() const                               = 0;
    virtual std::uint64_t log_bytes() const { return 0; }
};

enum class syncs : bool { no, each_commit };

// ---- tenon ---------------------------------------------------------------------------------------------------------

using rows_table = tenon::table<"rows", pair, tenon::columns<&pair::key, &pair::value>, tenon::primary<&pair::key>>;
struct durable_db : tenon::database<rows_table> {
    using database::database;
};
struct unsynced_db : tenon::database<rows_table, tenon::segmented_wal<tenon::no_sync>> {
    using database::database;
};

template <class Db>
class tenon_subject : public subject {
public:
    explicit tenon_subject(std::string path) : path_(std::move(path)), db_(must(tenon::open<Db>(path_), "tenon")) {}
    std::string name() const override { return "tenon"; }
    std::string setting() const override { return Db::signature() + ", " + bench::policies<Db>(); }
    void        insert(std::span<pair const> rows) override {
        auto tx = db_.begin();
        for (auto const& r : rows) must(tx.insert(r), "tenon insert");
        must(tx.commit(), "tenon commit");
    }
    void        settle() override { must(db_.flush(), "tenon flush"); }
    void        compact() { must(db_.compact(), "tenon compact"); }
    std::string runs() const {
        std::string out;
        auto const  stats = db_.stats();
        for (auto n : stats.tables[0].runs) out += (out.empty() ? "" : " + ") + atlas::human_count(n);
        return out;
    }
    void begin_reads() override { view_.emplace(db_.snapshot()); }
    void end_reads() override { view_.reset(); }
    bool get(std::uint64_t key, value_bytes& out) override {
        auto row = must(view_->template get<pair>(key), "tenon get");
        if (row) out = row->value;
        return row.has_value();
    }
    sum scan() override { return read(view_->template all<pair>(), ~std::size_t{0}); }
    sum range(std::uint64_t from, std::size_t rows) override {
        return read(view_->template range<&pair::key>(from, std::nullopt), rows);
    }
    std::uint64_t bytes() const override { return bench::bytes_on_disk(path_); }
    std::uint64_t log_bytes() const override { return bench::bytes_on_disk(path_ + ".wal"); }

private:
    template <class Rows>
    sum read(Rows rows, std::size_t limit) {
        sum out;
        while (out.rows < limit) {
            auto r = must(rows.next(), "tenon scan");
            if (!r) break;
            out.add(r->key, r->value);
        }
        return out;
    }
    std::string                               path_;
    Db                                        db_;
    std::optional<typename Db::snapshot_type> view_;
};

// ---- SQLite --------------------------------------------------------------------------------------------------------

#if defined(TENON_BENCH_SQLITE)
class sqlite_subject : public subject {
public:
    sqlite_subject(std::string path, syncs how) : path_(std::move(path)), how_(how) {
        check(sqlite3_open(path_.c_str(), &db_), "open");
        run("PRAGMA journal_mode=WAL");
        run(how_ == syncs::each_commit ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
        run("PRAGMA wal_autocheckpoint=16384");  // 64 MiB, as much as a memtable of tenon
        run("PRAGMA cache_size=-262144");
        run("PRAGMA mmap_size=17179869184");
        run("CREATE TABLE rows(key INTEGER PRIMARY KEY, value BLOB NOT NULL)");
        insert_ = prepare("INSERT INTO rows VALUES(?1, ?2)");
        get_    = prepare("SELECT value FROM rows WHERE key = ?1");
        scan_   = prepare("SELECT key, value FROM rows ORDER BY key");
        range_  = prepare("SELECT key, value FROM rows WHERE key >= ?1 ORDER BY key LIMIT ?2");
        begin_  = prepare("BEGIN");
        commit_ = prepare("COMMIT");
    }
    ~sqlite_subject() override {
        for (auto* s : {insert_, get_, scan_, range_, begin_, commit_}) sqlite3_finalize(s);
        sqlite3_close(db_);
    }
    std::string name() const override { return "sqlite"; }
    std::string setting() const override {
        return std::string("SQLite ") + sqlite3_libversion() +
               ", INTEGER PRIMARY KEY, prepared statements, WAL, synchronous=" +
               (how_ == syncs::each_commit ? "FULL" : "NORMAL") + ", checkpoint at 64 MiB, cache 256 MiB, mmap";
    }
    void insert(std::span<pair const> rows) override {
        if (rows.size() > 1) step(begin_);
        for (auto const& r : rows) {
            check(sqlite3_bind_int64(insert_, 1, signed_key(r.key)), "bind");
            check(sqlite3_bind_blob(insert_, 2, r.value.data(), static_cast<int>(r.value.size()), SQLITE_STATIC),
                  "bind");
            step(insert_);
        }
        if (rows.size() > 1) step(commit_);
    }
    void settle() override {
        check(sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr), "checkpoint");
    }
    void begin_reads() override { step(begin_); }
    void end_reads() override { step(commit_); }
    bool get(std::uint64_t key, value_bytes& out) override {
        check(sqlite3_bind_int64(get_, 1, signed_key(key)), "bind");
        auto const code = sqlite3_step(get_);
        if (code == SQLITE_ROW) copy(get_, 0, out);
        else if (code != SQLITE_DONE) check(code, "get");
        sqlite3_reset(get_);
        return code == SQLITE_ROW;
    }
    sum scan() override { return read(scan_); }
    sum range(std::uint64_t from, std::size_t rows) override {
        check(sqlite3_bind_int64(range_, 1, signed_key(from)), "bind");
        check(sqlite3_bind_int64(range_, 2, static_cast<sqlite3_int64>(rows)), "bind");
        return read(range_);
    }
    std::uint64_t bytes() const override { return bench::bytes_on_disk(path_); }
    std::uint64_t log_bytes() const override { return bench::bytes_on_disk(path_ + "-wal"); }

private:
    /// SQLite's integers are signed; this keeps the order of unsigned keys.
    static sqlite3_int64 signed_key(std::uint64_t key) {
        return static_cast<sqlite3_int64>(key ^ (std::uint64_t{1} << 63));
    }
    static std::uint64_t unsigned_key(sqlite3_int64 key) {
        return static_cast<std::uint64_t>(key) ^ (std::uint64_t{1} << 63);
    }
    void check(int code, char const* doing) const {
        if (code != SQLITE_OK) die(std::string("sqlite ") + doing + ": " + sqlite3_errmsg(db_));
    }
    void          run(char const* sql) { check(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr), sql); }
    sqlite3_stmt* prepare(char const* sql) {
        sqlite3_stmt* s = nullptr;
        check(sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, nullptr), sql);
        return s;
    }
    void step(sqlite3_stmt* s) {
        if (sqlite3_step(s) != SQLITE_DONE) die(std::string("sqlite: ") + sqlite3_errmsg(db_));
        sqlite3_reset(s);
    }
    static void copy(sqlite3_stmt* s, int column, value_bytes& out) {
        void const* const from = sqlite3_column_blob(s, column);
        if (sqlite3_column_bytes(s, column) != static_cast<int>(out.size())) die("sqlite: a value has another length");
        std::memcpy(out.data(), from, out.size());
    }
    sum read(sqlite3_stmt* s) {
        sum         out;
        value_bytes value;
        int         code = 0;
        while ((code = sqlite3_step(s)) == SQLITE_ROW) {
            copy(s, 1, value);
            out.add(unsigned_key(sqlite3_column_int64(s, 0)), value);
        }
        if (code != SQLITE_DONE) check(code, "scan");
        sqlite3_reset(s);
        return out;
    }
    std::string   path_;
    syncs         how_;
    sqlite3*      db_     = nullptr;
    sqlite3_stmt *insert_ = nullptr, *get_ = nullptr, *scan_ = nullptr, *range_ = nullptr, *begin_ = nullptr,
                 *commit_ = nullptr;
};
#endif

// ---- LMDB ----------------------------------------------------------------------------------------------------------

#if defined(TENON_BENCH_LMDB)
class lmdb_subject : public subject {
public:
    lmdb_subject(std::string path, syncs how, std::uint64_t rows) : path_(std::move(path)), how_(how) {
        check(mdb_env_create(&env_), "create");
        check(mdb_env_set_mapsize(env_, static_cast<std::size_t>(rows * 1024 + (std::uint64_t{1} << 30))), "mapsize");
        check(mdb_env_open(env_, path_.c_str(), MDB_NOSUBDIR | (how_ == syncs::each_commit ? 0u : unsigned{MDB_NOSYNC}),
                           0644),
              "open");
        MDB_txn* tx = nullptr;
        check(mdb_txn_begin(env_, nullptr, 0, &tx), "begin");
        check(mdb_dbi_open(tx, nullptr, MDB_INTEGERKEY, &table_), "table");
        check(mdb_txn_commit(tx), "commit");
    }
    ~lmdb_subject() override {
        end_reads();
        mdb_env_close(env_);
    }
    std::string name() const override { return "lmdb"; }
    std::string setting() const override {
        return std::string("LMDB ") + std::to_string(MDB_VERSION_MAJOR) + "." + std::to_string(MDB_VERSION_MINOR) +
               "." + std::to_string(MDB_VERSION_PATCH) + ", MDB_INTEGERKEY, " +
               (how_ == syncs::each_commit ? "sync at each commit" : "MDB_NOSYNC");
    }
    void insert(std::span<pair const> rows) override {
        MDB_txn* tx = nullptr;
        check(mdb_txn_begin(env_, nullptr, 0, &tx), "begin");
        for (auto const& r : rows) {
            auto    key = r.key;
            MDB_val k{sizeof key, &key}, v{r.value.size(), const_cast<std::byte*>(r.value.data())};
            check(mdb_put(tx, table_, &k, &v, MDB_NOOVERWRITE), "put");
        }
        check(mdb_txn_commit(tx), "commit");
    }
    void settle() override {}
    void begin_reads() override {
        check(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &read_), "begin");
        check(mdb_cursor_open(read_, table_, &cursor_), "cursor");
    }
    void end_reads() override {
        if (read_ == nullptr) return;
        mdb_cursor_close(cursor_);
        mdb_txn_abort(read_);
        read_ = nullptr;
    }
    bool get(std::uint64_t key, value_bytes& out) override {
        MDB_val    k{sizeof key, &key}, v{};
        auto const code = mdb_get(read_, table_, &k, &v);
        if (code == MDB_NOTFOUND) return false;
        check(code, "get");
        copy(v, out);
        return true;
    }
    sum           scan() override { return read(std::nullopt, ~std::size_t{0}); }
    sum           range(std::uint64_t from, std::size_t rows) override { return read(from, rows); }
    std::uint64_t bytes() const override { return bench::bytes_on_disk(path_); }

private:
    static void check(int code, char const* doing) {
        if (code != 0) die(std::string("lmdb ") + doing + ": " + mdb_strerror(code));
    }
    static void copy(MDB_val const& v, value_bytes& out) {
        if (v.mv_size != out.size()) die("lmdb: a value has another length");
        std::memcpy(out.data(), v.mv_data, out.size());
    }
    sum read(std::optional<std::uint64_t> from, std::size_t limit) {
        sum         out;
        value_bytes value;
        auto        first = from.value_or(0);
        MDB_val     k{sizeof first, &first}, v{};
        auto        code = mdb_cursor_get(cursor_, &k, &v, from ? MDB_SET_RANGE : MDB_FIRST);
        for (; code == 0; code = mdb_cursor_get(cursor_, &k, &v, MDB_NEXT)) {
            std::uint64_t key = 0;
            std::memcpy(&key, k.mv_data, sizeof key);
            copy(v, value);
            out.add(key, value);
            if (out.rows == limit) return out;
        }
        if (code != MDB_NOTFOUND) check(code, "scan");
        return out;
    }
    std::string path_;
    syncs       how_;
    MDB_env*    env_    = nullptr;
    MDB_dbi     table_  = 0;
    MDB_txn*    read_   = nullptr;
    MDB_cursor* cursor_ = nullptr;
};
#endif

// ---- the floor -----------------------------------------------------------------------------------------------------

/// What the medium asks for one commit: 4 KiB written and synced, into a file that grows or over bytes written before.
class raw_file {
public:
    raw_file(std::string const& path, std::uint64_t writes, bool grows)
        : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0644)) {
        if (fd_ < 0) die(path + " cannot be made");
        for (std::uint64_t i = 0; !grows && i < writes; ++i) write(i);
        sync();
    }
    raw_file(raw_file const&)            = delete;
    raw_file& operator=(raw_file const&) = delete;
    ~raw_file() { ::close(fd_); }
    void commit() {
        write(next_++);
        sync();
    }

private:
    void write(std::uint64_t block) {
        std::array<char, 4096> bytes;
        bytes.fill(static_cast<char>('a' + block % 26));
        if (::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(block * bytes.size())) !=
            static_cast<ssize_t>(bytes.size()))
            die("the raw file cannot be written");
    }
    void sync() {
#if defined(__APPLE__)
        if (::fcntl(fd_, F_FULLFSYNC) != 0) die("the raw file cannot be synced");
#else
        if (::fdatasync(fd_) != 0) die("the raw file cannot be synced");
#endif
    }
    int           fd_;
    std::uint64_t next_ = 0;
};

// ---- measuring -----------------------------------------------------------------------------------------------------

/// One line of a table: an engine's times for one workload, each of `units` rows or operations.
struct line {
    std::string name;
    samples     single;     ///< seconds of single operations; empty where only the whole is timed
    samples     rounds;     ///< seconds for one unit, from each round's total
    double      ratio = 0;  ///< of the median round, to tenon's
};
struct workload {
    std::string       name, unit;
    std::vector<line> lines;

    line& of(std::string const& who) {
        for (auto& l : lines)
            if (l.name == who) return l;
        lines.push_back({who, {}, {}, 0});
        return lines.back();
    }
    void compare() {
        double const ours = of("tenon").rounds.median();
        for (auto& l : lines) l.ratio = l.rounds.median() / ours;
    }
};

/// Rows of `from` to `to`, made outside the timing.
std::vector<pair> make_rows(data const& d, std::uint64_t from, std::uint64_t to) {
    std::vector<pair> out;
    out.reserve(to - from);
    for (auto i = from; i < to; ++i) out.push_back(d.row(i));
    return out;
}

using subjects = std::vector<std::unique_ptr<subject>>;

subjects make_subjects(bench::scratch const& folder, std::string const& what, syncs how,
                       [[maybe_unused]] std::uint64_t rows) {
    subjects out;
    if (how == syncs::each_commit)
        out.push_back(std::make_unique<tenon_subject<durable_db>>(folder / (what + ".tenon")));
    else out.push_back(std::make_unique<tenon_subject<unsynced_db>>(folder / (what + ".tenon")));
#if defined(TENON_BENCH_SQLITE)
    out.push_back(std::make_unique<sqlite_subject>(folder / (what + ".sqlite"), how));
#endif
#if defined(TENON_BENCH_LMDB)
    out.push_back(std::make_unique<lmdb_subject>(folder / (what + ".lmdb"), how, rows));
#endif
    return out;
}

/// Commits of one row each, the engines taking turns; then everything is read back.
workload one_row_commits(std::string name, bench::scratch const& folder, data const& d, syncs how,
                         std::uint64_t commits, std::uint64_t rounds, bench::facts& about) {
    workload                w{std::move(name), "commit", {}};
    auto const              what = how == syncs::each_commit ? std::string("commits") : std::string("unsynced");
    auto                    all  = make_subjects(folder, what, how, commits);
    std::optional<raw_file> grows, again;
    if (how == syncs::each_commit) {
        grows.emplace(folder / "raw-grows", commits, true);
        again.emplace(folder / "raw-again", commits, false);
    }
    auto const time = [&](std::string const& who, std::uint64_t n, auto commit) {
        auto&     l = w.of(who);
        stopwatch whole;
        for (std::uint64_t i = 0; i < n; ++i) {
            stopwatch const one;
            commit(i);
            l.single.add(one.seconds());
        }
        l.rounds.add(whole.seconds() / static_cast<double>(n));
    };
    for (auto& s : all) about.add(s->name() + (how == syncs::each_commit ? "" : ", not synced"), s->setting());
    for (std::uint64_t r = 0; r < rounds; ++r) {
        auto const from = commits * r / rounds, to = commits * (r + 1) / rounds;
        if (from == to) continue;
        bench::say(w.name + ", round " + std::to_string(r + 1) + " of " + std::to_string(rounds));
        auto const rows = make_rows(d, from, to);
        if (grows) time("write + fdatasync, file grows", to - from, [&](std::uint64_t) { grows->commit(); });
        if (again) time("write + fdatasync, overwrites", to - from, [&](std::uint64_t) { again->commit(); });
        for (auto& s : all)
            time(s->name(), to - from, [&](std::uint64_t i) { s->insert(std::span(rows).subspan(i, 1)); });
    }
    sum expected;
    for (auto const& p : make_rows(d, 0, commits)) expected.add(p.key, p.value);
    for (auto& s : all) {
        s->begin_reads();
        if (!(s->scan() == expected)) die(s->name() + " does not hold what was committed to it");
        s->end_reads();
    }
    w.compare();
    return w;
}

}  // namespace

int main(int argc, char** argv) {
    bench::arguments args(argc, argv, help);
    bool const       as_json = args.flag("--json");
    data             d;
    d.ascending        = args.flag("--ascending");
    auto const rows    = args.number("--rows", 1'000'000, 1000);
    auto const batch   = args.number("--batch", 1000);
    auto const commits = args.number("--commits", 2000);
    auto const gets    = args.number("--gets", 200'000);
    auto const ranges  = args.number("--ranges", 5000);
    auto const rounds  = args.number("--rounds", 5);
    auto const dir     = args.text("--dir", ".");
    d.seed             = args.number("--seed", 20260101, 0);
    args.end();

    bench::scratch const  folder(dir);
    bench::facts          about;
    std::vector<workload> done;
    about.add("data", atlas::human_count(rows) + " rows of a 64-bit key and 100 bytes, keys " +
                          (d.ascending ? "ascending" : "scattered") + ", seed " + std::to_string(d.seed));

    done.push_back(one_row_commits("one row, durable", folder, d, syncs::each_commit, commits, rounds, about));
    done.push_back(one_row_commits("one row, not synced", folder, d, syncs::no, commits * 10, rounds, about));

    // ---- load ------------------------------------------------------------------------------------------------------
    workload load{"load in batches of " + atlas::human_count(batch) + ", durable", "row", {}},
        settled{"load and settle", "row", {}};
    auto  all   = make_subjects(folder, "rows", syncs::each_commit, rows);
    auto& first = static_cast<tenon_subject<durable_db>&>(*all.front());
    sum   expected;
    for (auto& s : all) {
        atlas::progress bar("loading " + s->name(), rows);
        auto&           l     = load.of(s->name());
        double          whole = 0;
        sum             here;
        for (std::uint64_t from = 0; from < rows; from += batch) {
            auto const      some = make_rows(d, from, std::min(rows, from + batch));
            stopwatch const watch;
            s->insert(some);
            auto const spent = watch.seconds();
            l.single.add(spent), whole += spent;
            for (auto const& p : some) here.add(p.key, p.value);
            bar.update(from, from, true);
        }
        bar.update(rows, rows, true);
        bar.finish();
        expected = here;
        l.rounds.add(whole / static_cast<double>(rows));
        stopwatch const watch;
        s->settle();
        settled.of(s->name()).rounds.add((whole + watch.seconds()) / static_cast<double>(rows));
    }
    load.compare(), settled.compare();
    done.push_back(std::move(load)), done.push_back(std::move(settled));

    // ---- reads: as loaded, and once more with tenon's runs joined into one --------------------------------------------
    tenon::prng                random(d.seed);
    std::vector<std::uint64_t> wanted(gets), absent(gets), starts(ranges);
    sum                        expected_gets;
    for (auto& k : wanted) {
        auto const i = random.below(rows);
        k            = d.key(i);
        auto const p = d.row(i);
        expected_gets.add(p.key, p.value);
    }
    for (auto& k : absent) k = d.absent(random.below(rows));
    for (auto& k : starts) k = d.key(random.below(rows));

    workload point{"get, uniform", "get", {}}, none{"get, absent", "get", {}}, full{"full scan", "row", {}},
        hundred{"range of 100 rows", "range", {}};
    std::optional<sum> expected_ranges;
    // A range's answer: the least keys from its start on, from the sorted keys of the data.
    {
        std::vector<std::uint64_t> index(rows);
        for (std::uint64_t i = 0; i < rows; ++i) index[i] = i;
        std::sort(index.begin(), index.end(), [&](auto a, auto b) { return d.key(a) < d.key(b); });
        sum out;
        for (auto from : starts) {
            auto at =
                std::lower_bound(index.begin(), index.end(), from, [&](auto i, auto key) { return d.key(i) < key; });
            for (std::size_t n = 0; n < range_rows && at != index.end(); ++n, ++at) {
                auto const p = d.row(*at);
                out.add(p.key, p.value);
            }
        }
        expected_ranges = out;
    }
    auto const read = [&](subject& s, std::string const& who) {
        s.begin_reads();
        auto const wrong = [&](char const* what) {
            die(who + ": " + what + " gave something else than what was loaded");
        };
        value_bytes value;
        {
            auto&     l = point.of(who);
            sum       got, timed;
            stopwatch watch;
            for (auto k : wanted)
                if (s.get(k, value)) got.add(k, value);
            l.rounds.add(watch.seconds() / static_cast<double>(gets));
            for (auto k : wanted) {
                stopwatch const one;
                bool const      there = s.get(k, value);
                l.single.add(one.seconds());
                if (there) timed.add(k, value);
            }
            if (!(got == expected_gets) || !(timed == got)) wrong("get");
        }
        {
            auto&         l     = none.of(who);
            std::uint64_t found = 0;
            stopwatch     watch;
            for (auto k : absent) found += s.get(k, value);
            l.rounds.add(watch.seconds() / static_cast<double>(gets));
            for (auto k : absent) {
                stopwatch const one;
                found += s.get(k, value);
                l.single.add(one.seconds());
            }
            if (found != 0) wrong("get of an absent key");
        }
        {
            stopwatch  watch;
            auto const got = s.scan();
            full.of(who).rounds.add(watch.seconds() / static_cast<double>(rows));
            if (!(got == expected)) wrong("a full scan");
        }
        {
            auto&     l = hundred.of(who);
            sum       got;
            stopwatch watch;
            for (auto k : starts) {
                stopwatch const one;
                auto const      r = s.range(k, range_rows);
                l.single.add(one.seconds());
                got.rows += r.rows, got.digest += r.digest;
            }
            l.rounds.add(watch.seconds() / static_cast<double>(ranges));
            if (!(got == *expected_ranges)) wrong("a range");
        }
        s.end_reads();
    };
    about.add("tenon's runs", first.runs());
    for (std::uint64_t r = 0; r < rounds; ++r) {
        bench::say("reads, round " + std::to_string(r + 1) + " of " + std::to_string(rounds));
        for (auto& s : all) read(*s, s->name());
    }
    bench::say("joining tenon's runs into one");
    struct size {
        std::string   name;
        std::uint64_t bytes, log_bytes;
    };
    std::vector<size> sizes;
    for (auto& s : all) sizes.push_back({s->name(), s->bytes(), s->log_bytes()});
    stopwatch const joining;
    first.compact();
    auto const joined = joining.seconds();
    for (std::uint64_t r = 0; r < rounds; ++r) read(first, "tenon, one run");
    sizes.push_back({"tenon, one run", first.bytes(), first.log_bytes()});
    for (auto* w : {&point, &none, &full, &hundred}) {
        w->compare();
        done.push_back(std::move(*w));
    }
    about.add("joining the runs", atlas::human_duration(joined));
    about.add_setting(dir).add("clock", atlas::human_duration(bench::clock_cost()) +
                                            " in each single time (p50, p99, greatest), not in means of gets");

    // ---- report ----------------------------------------------------------------------------------------------------
    if (as_json) {
        atlas::json out;
        out.object().field("bench", "engine");
        about.write(out);
        out.key("workloads").array();
        for (auto const& w : done) {
            out.object().field("workload", w.name).field("unit", w.unit).key("engines").array();
            for (auto const& l : w.lines) {
                out.object()
                    .field("engine", l.name)
                    .field("seconds", l.rounds.median())
                    .field("per_second", 1 / l.rounds.median())
                    .field("ratio_to_tenon", l.ratio);
                if (l.single.size() > 0)
                    out.field("p50_seconds", l.single.percentile(0.5))
                        .field("p90_seconds", l.single.percentile(0.9))
                        .field("p99_seconds", l.single.percentile(0.99))
                        .field("greatest_seconds", l.single.percentile(1));
                out.end();
            }
            out.end().end();
        }
        out.end().key("bytes").array();
        for (auto const& x : sizes)
            out.object().field("engine", x.name).field("bytes", x.bytes).field("log_bytes", x.log_bytes).end();
        std::puts(out.end().field("data_bytes", rows * 108).end().text().c_str());
        return 0;
    }
    about.print();
    auto const t = [](double s) { return atlas::human_duration(s); };
    auto const r = atlas::table::right;
    for (auto const& w : done) {
        atlas::table out({{w.name},
                          {"time/" + w.unit, r},
                          {w.unit + "s/s", r},
                          {"ratio", r},
                          {"p50", r},
                          {"p90", r},
                          {"p99", r},
                          {"greatest", r}});
        for (auto const& l : w.lines) {
            bool const one = l.single.size() > 0;
            out.row({l.name, t(l.rounds.median()),
                     atlas::human_count(static_cast<std::uint64_t>(1 / l.rounds.median())), atlas::fixed(l.ratio, 2),
                     one ? t(l.single.percentile(0.5)) : "", one ? t(l.single.percentile(0.9)) : "",
                     one ? t(l.single.percentile(0.99)) : "", one ? t(l.single.percentile(1)) : ""});
        }
        std::printf("\n%s", out.text().c_str());
    }
    std::puts(
        "\nTime: median of the rounds. Ratio: to tenon's time; above 1 is slower than tenon. In the load, p50 to "
        "greatest are of one batch.\n");
    atlas::table space({{"on disk"}, {"bytes", r}, {"for each byte of data", r}, {"log", r}});
    for (auto const& x : sizes)
        space.row({x.name, atlas::human_bytes(x.bytes),
                   atlas::fixed(static_cast<double>(x.bytes) / static_cast<double>(rows * 108), 2),
                   atlas::human_bytes(x.log_bytes)});
    std::fputs(space.text().c_str(), stdout);
    return 0;
}
