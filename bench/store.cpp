// SPDX-License-Identifier: Apache-2.0
// How fast does the page store write, beside the disk; and how long does opening a large database take, beside LMDB and RocksDB?
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
#if defined(TENON_BENCH_LMDB)
#include <lmdb.h>
#endif
#if defined(TENON_BENCH_ROCKSDB)
#include <rocksdb/db.h>
#include <rocksdb/sst_file_writer.h>
#endif

namespace {

using bench::die;
using bench::must;
using bench::samples;
using bench::stopwatch;

constexpr char const* help =
    R"(bench_store - bulk writes through the page store beside raw direct writes; opening a database beside LMDB and RocksDB.

  write           1 GiB in extents, published, beside 1 MiB O_DIRECT writes and a sync
  open            opening after a clean close, and the first read, of databases that --make has made
  --make          only make the databases of `open` in --dir, and leave them there
  --mib N         written in a round (1024)
  --rows N        of the databases (10000000), a 64-bit key and 100 bytes each
  --rounds N      (5), and four times as many openings
  --dir DIR       where files are made (.); a file system where a sync means something
  --json          one JSON document on stdout instead of tables
  --help          this text

What was written is read back and compared; each opened database must have the row that is asked for.
)";

struct row {
    std::uint64_t              key = 0;
    std::array<std::byte, 100> value{};
};
row make_row(std::uint64_t i) {
    row         r{i * 16, {}};
    tenon::prng random(i);
    for (std::size_t at = 0; at < r.value.size(); at += 8) {
        auto const word = random();
        std::memcpy(r.value.data() + at, &word, std::min<std::size_t>(8, r.value.size() - at));
    }
    return r;
}
struct rows_db
    : tenon::database<tenon::table<"rows", row, tenon::columns<&row::key, &row::value>, tenon::primary<&row::key>>> {
    using database::database;
};

/// The store of that database alone: what of its opening is the page store's.
double open_store(std::string const& path) {
    using store = rows_db::engine_type::store_type;
    tenon::store_options o;
    o.signature = rows_db::signature();
    stopwatch const watch;
    auto const      s     = must(store::open(tenon::posix_files{}, path, o), "open");
    auto const      spent = watch.seconds();
    if (s.root().empty()) die("the store has no root");
    return spent;
}

struct line {
    std::string name;
    samples     seconds;
};

// ---- writing -------------------------------------------------------------------------------------------------------

/// 4096-aligned bytes that do not compress.
class source {
public:
    explicit source(std::size_t n)
        : size_(n), bytes_(static_cast<std::byte*>(std::aligned_alloc(4096, n)), &std::free) {
        tenon::prng random(1);
        for (std::size_t at = 0; at < n; at += 8) {
            auto const word = random();
            std::memcpy(bytes_.get() + at, &word, 8);
        }
    }
    tenon::byte_view bytes() const { return {bytes_.get(), size_}; }

private:
    std::size_t                                 size_;
    std::unique_ptr<std::byte, void (*)(void*)> bytes_;
};

/// The disk: 1 MiB writes past the page cache one after another, and one sync. Over bytes written before, or into a new file.
double raw(std::string const& path, tenon::byte_view chunk, std::uint64_t chunks, bool fresh) {
    if (fresh) ::unlink(path.c_str());
    int const fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_DIRECT, 0644);
    if (fd < 0) die(path + " cannot be opened with O_DIRECT");
    stopwatch const watch;
    for (std::uint64_t i = 0; i < chunks; ++i)
        if (::pwrite(fd, chunk.data(), chunk.size(), static_cast<off_t>(i * chunk.size())) !=
            static_cast<ssize_t>(chunk.size()))
            die(path + " cannot be written");
    if (::fdatasync(fd) != 0) die(path + " cannot be synced");
    auto const spent = watch.seconds();
    ::close(fd);
    return spent;
}
/// The store: extents, and the root that names them. `again`: over the space of a file that was as long before.
template <class Policy>
double through(std::string const& path, tenon::byte_view chunk, std::uint64_t extents, bool fresh, bool direct) {
    using store = typename Policy::template store<tenon::posix_files>;
    if (fresh) ::unlink(path.c_str());
    tenon::store_options o;
    if (direct) o.direct_bytes = 0;
    auto s = must(store::open(tenon::posix_files{}, path, o), "open");
    must(s.retain({}), "retain");
    stopwatch const            watch;
    std::vector<tenon::extent> all;
    tenon::byte_vector         root;
    for (std::uint64_t i = 0; i < extents; ++i) {
        all.push_back(must(s.write(chunk), "write"));
        tenon::put(root, all.back());
    }
    must(s.publish(root), "publish");
    auto const spent = watch.seconds();
    for (auto const& e : all) {
        auto const view = must(s.read(e), "read");
        if (!std::equal(view.bytes().begin(), view.bytes().end(), chunk.begin())) die("other bytes than were written");
    }
    return spent;
}

// ---- opening -------------------------------------------------------------------------------------------------------

/// A database that exists: opens it, reads the row with a key, closes it. The seconds to the open database, and to the row.
struct opening {
    double open = 0, read = 0;
};
struct engine {
    std::string                                            name;
    std::function<void(std::string const&, std::uint64_t)> make;
    std::function<opening(std::string const&, row const&)> open;
};

void make_tenon(std::string const& path, std::uint64_t rows) {
    auto            db = must(tenon::open<rows_db>(path), "tenon");
    atlas::progress bar("tenon", rows);
    for (std::uint64_t i = 0; i < rows;) {
        auto tx = db.begin();
        for (std::uint64_t n = 0; n < 50'000 && i < rows; ++n, ++i) must(tx.insert(make_row(i)), "insert");
        must(tx.commit(), "commit");
        bar.update(i, i, true);
    }
    must(db.flush(), "flush");
    must(db.close(), "close");
}
opening open_tenon(std::string const& path, row const& r) {
    stopwatch watch;
    auto      db = must(tenon::open<rows_db>(path), "tenon");
    opening   out{watch.seconds(), 0};
    auto      found = must(db.snapshot().get<row>(r.key), "get");
    out.read        = watch.seconds();
    if (!found || found->value != r.value) die("tenon: the row is not there");
    return out;
}
#if defined(TENON_BENCH_LMDB)
void lmdb_check(int code) {
    if (code != 0) die(std::string("lmdb: ") + mdb_strerror(code));
}
MDB_env* lmdb_env(std::string const& path) {
    MDB_env* env = nullptr;
    lmdb_check(mdb_env_create(&env));
    lmdb_check(mdb_env_set_mapsize(env, std::size_t{64} << 30));
    lmdb_check(mdb_env_open(env, path.c_str(), MDB_NOSUBDIR, 0644));
    return env;
}
std::array<std::byte, 8> big_endian(std::uint64_t key) {
    std::array<std::byte, 8> out;
    for (int i = 0; i < 8; ++i) out[static_cast<std::size_t>(i)] = static_cast<std::byte>(key >> (56 - 8 * i));
    return out;
}
void make_lmdb(std::string const& path, std::uint64_t rows) {
    auto* env = lmdb_env(path);
    for (std::uint64_t i = 0; i < rows;) {
        MDB_txn* txn = nullptr;
        MDB_dbi  table;
        lmdb_check(mdb_txn_begin(env, nullptr, 0, &txn));
        lmdb_check(mdb_dbi_open(txn, nullptr, 0, &table));
        for (std::uint64_t n = 0; n < 500'000 && i < rows; ++n, ++i) {
            auto const r   = make_row(i);
            auto       key = big_endian(r.key);
            MDB_val    k{key.size(), key.data()}, v{r.value.size(), const_cast<std::byte*>(r.value.data())};
            lmdb_check(mdb_put(txn, table, &k, &v, MDB_APPEND));
        }
        lmdb_check(mdb_txn_commit(txn));
    }
    mdb_env_close(env);
}
opening open_lmdb(std::string const& path, row const& r) {
    stopwatch watch;
    auto*     env = lmdb_env(path);
    opening   out{watch.seconds(), 0};
    MDB_txn*  txn = nullptr;
    MDB_dbi   table;
    lmdb_check(mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn));
    lmdb_check(mdb_dbi_open(txn, nullptr, 0, &table));
    auto    key = big_endian(r.key);
    MDB_val k{key.size(), key.data()}, v{};
    lmdb_check(mdb_get(txn, table, &k, &v));
    out.read = watch.seconds();
    if (v.mv_size != r.value.size() || std::memcmp(v.mv_data, r.value.data(), v.mv_size) != 0) die("lmdb: another row");
    mdb_txn_abort(txn);
    mdb_env_close(env);
    return out;
}
#endif
#if defined(TENON_BENCH_ROCKSDB)
rocksdb::DB* rocks(std::string const& path) {
    rocksdb::Options o;
    o.create_if_missing = true;
    o.compression       = rocksdb::kNoCompression;
    rocksdb::DB* db     = nullptr;
    if (auto s = rocksdb::DB::Open(o, path, &db); !s.ok()) die("rocksdb: " + s.ToString());
    return db;
}
std::string rocks_key(std::uint64_t key) {
    std::string out(8, 0);
    for (int i = 0; i < 8; ++i) out[static_cast<std::size_t>(i)] = static_cast<char>(key >> (56 - 8 * i));
    return out;
}
std::string rocks_value(row const& r) { return {reinterpret_cast<char const*>(r.value.data()), r.value.size()}; }
void        make_rocks(std::string const& path, std::uint64_t rows) {
    std::unique_ptr<rocksdb::DB> db(rocks(path));
    for (std::uint64_t i = 0; i < rows;) {
        rocksdb::WriteBatch batch;
        for (std::uint64_t n = 0; n < 50'000 && i < rows; ++n, ++i) {
            auto const r = make_row(i);
            batch.Put(rocks_key(r.key), rocks_value(r));
        }
        if (auto s = db->Write({}, &batch); !s.ok()) die("rocksdb: " + s.ToString());
    }
    if (auto s = db->Flush({}); !s.ok()) die("rocksdb: " + s.ToString());
    if (auto s = db->CompactRange({}, nullptr, nullptr); !s.ok()) die("rocksdb: " + s.ToString());
    if (auto s = db->Close(); !s.ok()) die("rocksdb: " + s.ToString());
}
opening open_rocks(std::string const& path, row const& r) {
    stopwatch                    watch;
    std::unique_ptr<rocksdb::DB> db(rocks(path));
    opening                      out{watch.seconds(), 0};
    std::string                  value;
    if (auto s = db->Get({}, rocks_key(r.key), &value); !s.ok()) die("rocksdb: " + s.ToString());
    out.read = watch.seconds();
    if (value != rocks_value(r)) die("rocksdb: another row");
    return out;
}
#endif

std::vector<engine> engines() {
    std::vector<engine> out{{"tenon", make_tenon, open_tenon}};
#if defined(TENON_BENCH_LMDB)
    out.push_back({"lmdb", make_lmdb, open_lmdb});
#endif
#if defined(TENON_BENCH_ROCKSDB)
    out.push_back({"rocksdb", make_rocks, open_rocks});
#endif
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    bench::arguments args(argc, argv, help);
    bool const       as_json = args.flag("--json"), make = args.flag("--make");
    auto const       mib    = args.number("--mib", 1024, 8);
    auto const       rows   = args.number("--rows", 10'000'000, 1'000);
    auto const       rounds = args.number("--rounds", 5);
    auto const       dir    = args.text("--dir", ".");
    auto const       what   = args.word("write");
    args.end();
    if (what != "write" && what != "open") die("what does " + what + " mean? write, or open");

    bench::facts      about;
    std::vector<line> lines;
    std::string       unit;
    double            amount = 1;
    if (what == "write") {
        bench::scratch const folder(dir);
        source const         chunk(std::size_t{1} << 20), eight(std::size_t{9} << 20);
        auto const           small = chunk.bytes().first(std::size_t{64} << 10);
        auto const large = eight.bytes().first(std::size_t{8} << 20), odd = eight.bytes().subspan(64, large.size());
        about.add("written", std::to_string(mib) + " MiB in a round, then synced; extents of 8 MiB but where said");
        unit          = "MiB/s";
        amount        = static_cast<double>(mib);
        using plain   = tenon::mmap_store<>;
        using checked = tenon::checksummed<tenon::mmap_store<>>;
        std::vector<std::pair<std::string, std::function<double(bool)>>> const subjects{
            {"raw O_DIRECT", [&](bool f) { return raw(folder / "raw", chunk.bytes(), mib, f); }},
            {"direct", [&](bool f) { return through<plain>(folder / "plain", large, mib / 8, f, true); }},
            {"direct, unaligned source", [&](bool f) { return through<plain>(folder / "odd", odd, mib / 8, f, true); }},
            {"direct, checksummed",
             [&](bool f) { return through<checked>(folder / "checked", large, mib / 8, f, true); }},
            {"page cache, checksummed",
             [&](bool f) { return through<checked>(folder / "cached", large, mib / 8, f, false); }},
            {"page cache, checksummed, 64 KiB",
             [&](bool f) { return through<checked>(folder / "small", small, mib * 16, f, false); }},
        };
        for (bool const fresh : {true, false})
            for (auto const& [name, run] : subjects)
                lines.push_back({name + (fresh ? ", new file" : ", used space"), {}});
        for (std::uint64_t r = 0; r < rounds; ++r) {
            std::size_t at = 0;
            for (bool const fresh : {true, false})
                for (auto const& [name, run] : subjects) lines[at++].seconds.add(run(fresh));
        }
    } else {
        about.add("data", atlas::human_count(rows) + " rows of a 64-bit key and 100 bytes, ascending, closed cleanly");
        unit = "us";
        for (auto const& e : engines()) {
            auto const path = dir + "/open." + e.name;
            if (make) {
                bench::say("making " + path);
                e.make(path, rows);
                continue;
            }
            lines.push_back({e.name + ", open", {}});
            lines.push_back({e.name + ", open and get", {}});
        }
        if (make) return 0;
        lines.push_back({"tenon, page store alone", {}});
        for (std::uint64_t r = 0; r < rounds * 4 + 1; ++r) {
            std::size_t at = 0;
            for (auto const& e : engines()) {
                auto const t = e.open(dir + "/open." + e.name, make_row(tenon::hash_u64(r) % rows));
                if (r > 0) lines[at].seconds.add(t.open), lines[at + 1].seconds.add(t.read);
                at += 2;
            }
            auto const alone = open_store(dir + "/open.tenon");
            if (r > 0) lines[at].seconds.add(alone);
        }
    }
    about.add_setting(dir);
    auto const value = [&](double seconds) { return unit == "us" ? seconds * 1e6 : amount / seconds; };
    if (as_json) {
        atlas::json out;
        out.object();
        about.write(out);
        out.key(unit).object();
        for (auto const& l : lines) out.field(l.name, value(l.seconds.median()));
        out.end().end();
        std::printf("%s\n", out.text().c_str());
        return 0;
    }
    about.print();
    std::printf("\n%-34s %12s %12s %12s\n", "", ("median " + unit).c_str(), "best", "worst");
    for (auto const& l : lines)
        std::printf("%-34s %12.0f %12.0f %12.0f\n", l.name.c_str(), value(l.seconds.median()),
                    value(l.seconds.percentile(0.0)), value(l.seconds.percentile(1.0)));
}
