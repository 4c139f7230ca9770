// SPDX-License-Identifier: Apache-2.0
// Rows of 116 bytes, and a database of tenon's, SQLite, LMDB, RocksDB and LevelDB behind one interface that commits and reads them.
#pragma once

#include "measure.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/tenon.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#if defined(TENON_BENCH_SQLITE)
#include <sqlite3.h>
#endif
#if defined(TENON_BENCH_LMDB)
#include <lmdb.h>
#endif
#if defined(TENON_BENCH_ROCKSDB)
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#endif
#if defined(TENON_BENCH_LEVELDB)
#include <leveldb/db.h>
#include <leveldb/write_batch.h>
#endif

namespace bench {

struct row {
    std::array<std::byte, 16>  key{};
    std::array<std::byte, 100> value{};
    friend bool                operator==(row const&, row const&) = default;
};
/// The i-th row of a thread; keys are scattered.
inline row make_row(std::uint64_t thread, std::uint64_t i) {
    row                 r;
    auto const          scattered = tenon::hash_u64(i * 1024 + thread + 1);
    std::uint64_t const words[]   = {scattered, i * 1024 + thread};
    std::memcpy(r.key.data(), words, 16);
    for (std::size_t at = 0; at < 100; ++at) r.value[at] = static_cast<std::byte>(scattered >> (at % 8 * 8));
    return r;
}
/// The i-th row of one thread; keys ascend.
inline row ascending_row(std::uint64_t i) {
    auto r = make_row(0, i);
    r.key  = {};
    for (std::size_t at = 0; at < 8; ++at) r.key[at] = static_cast<std::byte>(i >> (56 - 8 * at));
    return r;
}
/// i of a row that make_row(0, i) has made.
inline std::uint64_t number_of(row const& r) { return tenon::load<std::uint64_t>(r.key.data() + 8) / 1024; }

inline std::string_view chars(auto const& bytes) { return {reinterpret_cast<char const*>(bytes.data()), bytes.size()}; }
inline row              make_row(void const* key, std::size_t key_size, void const* value, std::size_t value_size) {
    row r;
    if (key_size != r.key.size() || value_size != r.value.size()) die("a row of another size than was written");
    std::memcpy(r.key.data(), key, key_size);
    std::memcpy(r.value.data(), value, value_size);
    return r;
}

/// What takes commits. Destroyed, it is closed.
struct store {
    virtual ~store() = default;
    /// One commit, as durable as the store was opened for. Any number of threads.
    virtual void commit(row const& r) = 0;
    /// Closes and opens, where that is how what was committed comes back.
    virtual void          reopen() {}
    virtual std::uint64_t count() = 0;
    virtual std::string   note() { return {}; }
};
/// What gives rows back.
struct row_store : store {
    using store::commit;
    /// One commit of many rows.
    virtual void commit(std::span<row const> rows) = 0;
    /// The row with the key of another one, or the end of the program.
    virtual row get(row const& like) = 0;
    /// Calls visit(row) for each, in key order.
    virtual void each(std::function<void(row const&)> const& visit) = 0;
    /// Brings what was loaded into the form in which it is read.
    virtual void settle() {}

    std::uint64_t count() override {
        std::uint64_t n = 0;
        each([&](row const&) { ++n; });
        return n;
    }
};

using rows_table = tenon::table<"rows", row, tenon::columns<&row::key, &row::value>, tenon::primary<&row::key>>;
struct durable_db : tenon::database<rows_table> {
    using database::database;
};
struct kernel_db : tenon::database<rows_table, tenon::segmented_wal<tenon::no_sync>> {
    using database::database;
};
template <class Db>
struct database_store final : row_store {
    explicit database_store(std::string path_in, typename Db::options how_in = {})
        : path(std::move(path_in)), how(std::move(how_in)) {
        reopen();
    }
    void reopen() override {
        if (db) must(db->close(), "close");
        db.reset();
        db.emplace(must(tenon::open<Db>(path, how), "open the database"));
    }
    void commit(row const& r) override { commit(std::span(&r, 1)); }
    void commit(std::span<row const> rows) override {
        auto tx = db->begin();
        for (auto const& r : rows) must(tx.upsert(r), "upsert");
        must(tx.commit(), "commit");
    }
    row get(row const& like) override {
        auto r = must(db->snapshot().template get<row>(like.key), "get");
        if (!r) die("tenon: a row is missing");
        return *r;
    }
    void each(std::function<void(row const&)> const& visit) override {
        auto rows = db->snapshot().template all<row>();
        for (auto r = must(rows.next(), "scan"); r; r = must(rows.next(), "scan")) visit(*r);
    }
    void                 settle() override { must(db->flush(), "flush"); }
    std::uint64_t        count() override { return must(db->snapshot().template count<row>(), "count"); }
    std::string          path;
    typename Db::options how;
    std::optional<Db>    db;
};

#if defined(TENON_BENCH_SQLITE)
struct sqlite_store final : row_store {
    sqlite_store(std::string const& path, bool durable) {
        if (sqlite3_open(path.c_str(), &db) != SQLITE_OK) die("sqlite: open");
        run("PRAGMA journal_mode=WAL");
        run(durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
        run("CREATE TABLE IF NOT EXISTS rows(k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID");
        put  = prepare("INSERT OR REPLACE INTO rows VALUES(?,?)");
        find = prepare("SELECT k, v FROM rows WHERE k = ?");
    }
    ~sqlite_store() override {
        sqlite3_finalize(put);
        sqlite3_finalize(find);
        sqlite3_close(db);
    }
    void run(char const* sql) {
        if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) die(std::string("sqlite: ") + sql);
    }
    sqlite3_stmt* prepare(char const* sql) {
        sqlite3_stmt* out = nullptr;
        if (sqlite3_prepare_v2(db, sql, -1, &out, nullptr) != SQLITE_OK) die(std::string("sqlite: ") + sql);
        return out;
    }
    void insert(row const& r) {
        sqlite3_bind_blob(put, 1, r.key.data(), 16, SQLITE_STATIC);
        sqlite3_bind_blob(put, 2, r.value.data(), 100, SQLITE_STATIC);
        if (sqlite3_step(put) != SQLITE_DONE) die("sqlite: insert");
        sqlite3_reset(put);
    }
    void commit(row const& r) override {
        std::lock_guard const hold(mutex);
        insert(r);
    }
    void commit(std::span<row const> rows) override {
        std::lock_guard const hold(mutex);
        run("BEGIN");
        for (auto const& r : rows) insert(r);
        run("COMMIT");
    }
    static row row_of(sqlite3_stmt* q) {
        return make_row(sqlite3_column_blob(q, 0), static_cast<std::size_t>(sqlite3_column_bytes(q, 0)),
                        sqlite3_column_blob(q, 1), static_cast<std::size_t>(sqlite3_column_bytes(q, 1)));
    }
    row get(row const& like) override {
        sqlite3_bind_blob(find, 1, like.key.data(), 16, SQLITE_STATIC);
        if (sqlite3_step(find) != SQLITE_ROW) die("sqlite: a row is missing");
        auto const r = row_of(find);
        sqlite3_reset(find);
        return r;
    }
    void each(std::function<void(row const&)> const& visit) override {
        auto* const q = prepare("SELECT k, v FROM rows ORDER BY k");
        while (sqlite3_step(q) == SQLITE_ROW) visit(row_of(q));
        sqlite3_finalize(q);
    }
    void          settle() override { run("PRAGMA wal_checkpoint(TRUNCATE)"); }
    sqlite3*      db  = nullptr;
    sqlite3_stmt *put = nullptr, *find = nullptr;
    std::mutex    mutex;
};
#endif

#if defined(TENON_BENCH_LMDB)
struct lmdb_store final : row_store {
    lmdb_store(std::string const& path, bool durable) {
        std::filesystem::create_directory(path);
        check(mdb_env_create(&env), "create");
        check(mdb_env_set_mapsize(env, std::size_t{64} << 30), "map size");
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
    void commit(row const& r) override { commit(std::span(&r, 1)); }
    void commit(std::span<row const> rows) override {
        MDB_txn* tx = nullptr;
        check(mdb_txn_begin(env, nullptr, 0, &tx), "begin");
        for (auto const& r : rows) {
            MDB_val k{16, const_cast<std::byte*>(r.key.data())}, v{100, const_cast<std::byte*>(r.value.data())};
            check(mdb_put(tx, dbi, &k, &v, 0), "put");
        }
        check(mdb_txn_commit(tx), "commit");
    }
    row get(row const& like) override {
        MDB_txn* tx = nullptr;
        check(mdb_txn_begin(env, nullptr, MDB_RDONLY, &tx), "begin");
        MDB_val k{16, const_cast<std::byte*>(like.key.data())}, v{};
        check(mdb_get(tx, dbi, &k, &v), "get");
        auto const r = make_row(k.mv_data, k.mv_size, v.mv_data, v.mv_size);
        mdb_txn_abort(tx);
        return r;
    }
    void each(std::function<void(row const&)> const& visit) override {
        MDB_txn*    tx = nullptr;
        MDB_cursor* at = nullptr;
        check(mdb_txn_begin(env, nullptr, MDB_RDONLY, &tx), "begin");
        check(mdb_cursor_open(tx, dbi, &at), "cursor");
        MDB_val k{}, v{};
        while (mdb_cursor_get(at, &k, &v, MDB_NEXT) == 0) visit(make_row(k.mv_data, k.mv_size, v.mv_data, v.mv_size));
        mdb_cursor_close(at);
        mdb_txn_abort(tx);
    }
    std::uint64_t count() override {
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
struct lsm_store final : row_store {
    lsm_store(std::string path_in, bool durable, std::size_t write_buffer_in = 64u << 20)
        : path(std::move(path_in)), write_buffer(write_buffer_in) {
        how.sync = durable;
        reopen();
    }
    void reopen() override {
        db.reset();
        typename Api::options o;
        o.create_if_missing = true;
        o.write_buffer_size = write_buffer;
        Api::plain(o);
        typename Api::db* made = nullptr;
        if (!Api::db::Open(o, path, &made).ok()) die("cannot open " + path);
        db.reset(made);
    }
    void commit(row const& r) override {
        if (!db->Put(how, Api::slice(chars(r.key)), Api::slice(chars(r.value))).ok()) die("put into " + path);
    }
    void commit(std::span<row const> rows) override {
        typename Api::batch all;
        for (auto const& r : rows) all.Put(Api::slice(chars(r.key)), Api::slice(chars(r.value)));
        if (!db->Write(how, &all).ok()) die("write into " + path);
    }
    row get(row const& like) override {
        std::string value;
        if (!db->Get({}, Api::slice(chars(like.key)), &value).ok()) die(path + ": a row is missing");
        return make_row(like.key.data(), like.key.size(), value.data(), value.size());
    }
    void each(std::function<void(row const&)> const& visit) override {
        std::unique_ptr<typename Api::iterator> at(db->NewIterator({}));
        for (at->SeekToFirst(); at->Valid(); at->Next()) {
            auto const k = at->key(), v = at->value();
            visit(make_row(k.data(), k.size(), v.data(), v.size()));
        }
    }
    void                              settle() override { Api::settle(*db); }
    std::string                       path;
    std::size_t                       write_buffer;
    typename Api::write               how;
    std::unique_ptr<typename Api::db> db;
};
#if defined(TENON_BENCH_ROCKSDB)
struct rocksdb_api {
    using db       = rocksdb::DB;
    using options  = rocksdb::Options;
    using write    = rocksdb::WriteOptions;
    using batch    = rocksdb::WriteBatch;
    using iterator = rocksdb::Iterator;
    static rocksdb::Slice slice(std::string_view s) { return {s.data(), s.size()}; }
    static void           plain(options& o) { o.compression = rocksdb::kNoCompression; }
    static void           settle(db& d) {
        if (!d.Flush({}).ok() || !d.CompactRange({}, nullptr, nullptr).ok()) die("rocksdb: flush");
    }
};
#endif
#if defined(TENON_BENCH_LEVELDB)
struct leveldb_api {
    using db       = leveldb::DB;
    using options  = leveldb::Options;
    using write    = leveldb::WriteOptions;
    using batch    = leveldb::WriteBatch;
    using iterator = leveldb::Iterator;
    static leveldb::Slice slice(std::string_view s) { return {s.data(), s.size()}; }
    static void           plain(options& o) { o.compression = leveldb::kNoCompression; }
    static void           settle(db& d) { d.CompactRange(nullptr, nullptr); }
};
#endif

}  // namespace bench
