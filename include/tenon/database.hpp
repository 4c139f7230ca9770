// SPDX-License-Identifier: Apache-2.0
// A database type, assembled from policies; and open, which brings one to life.
#pragma once

#include "tenon/assembly/explain.hpp"
#include "tenon/assembly/transaction.hpp"
#include "tenon/assembly/verify.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace tenon {

/// database - tables, page store, log, concurrency, files and background work, each named by policy, in any order:
///
///     struct atlas_db : tenon::database<tenon::table<"places", place, ...>, tenon::mmap_store<>> { using database::database; };
///     auto db = tenon::open<atlas_db>("atlas.tenon");
///
/// Guarantee   a commit covers rows and every index of every table; what commit() acknowledged is there after a crash, as far as the
///             log policy promises; what it did not acknowledge is there whole or not at all.
/// Files       PATH holds rows and indexes, PATH.wal/ the log since the last root.
/// Threads     all members may be called concurrently; close() once nothing else is called.
template <class... Policies>
class database {
    static_assert(detail::explain<Policies...>::value);

public:
    using recipe_type      = recipe_of<Policies...>;
    using engine_type      = engine<recipe_type>;
    using options          = typename engine_type::options;
    using snapshot_type    = tenon::snapshot<engine_type>;
    using transaction_type = tenon::transaction<engine_type>;

    explicit database(std::shared_ptr<engine_type> e) : engine_(std::move(e)) {}
    database(database&&) noexcept            = default;
    database& operator=(database&&) noexcept = default;
    ~database() {
        if (engine_) (void)engine_->close();
    }

    /// Begins a transaction on the newest visible state. O(1); single_writer waits for the one before.
    transaction_type begin() { return transaction_type(engine_); }
    /// The newest visible state, to read from for as long as it lives.
    snapshot_type snapshot() const { return snapshot_type(engine_->pin()); }

    /// Writes memtables as runs; reopening then needs no log.
    result<void> flush() { return engine_->flush(); }
    /// flush, then one run for each table, without dropped versions.
    result<void> compact() { return engine_->compact(); }
    /// Makes everything durable and ends background work; the destructor does it too, but cannot say what failed.
    result<void> close() { return engine_->close(); }
    /// Reads everything: checksums, structures, and each index against the rows.
    result<verify_report> verify() const { return tenon::verify(*engine_); }

    database_stats         stats() const { return engine_->stats(); }
    recovery_report const& recovery() const noexcept { return engine_->recovery(); }
    std::string const&     path() const noexcept { return engine_->path(); }
    /// What is stored, in words: tables, columns, indexes, policies.
    static std::string signature() { return engine_type::signature(); }

private:
    std::shared_ptr<engine_type> engine_;
};

/// Opens or makes a database; recovers it when it was not closed.
///
/// Errors      locked (names the holder), not_ours, wrong_version, wrong_assembly (names both), corrupt, io, full, not_found
///             (options.create is false). Nothing is repaired in silence: recovery() says what was replayed and cut.
template <class Db>
result<Db> open(std::string path, typename Db::options options = {}) {
    auto e = Db::engine_type::open(std::move(path), std::move(options));
    if (!e) return fail(std::move(e).error());
    return Db(std::move(*e));
}

/// Runs `work(transaction&) -> result<void>` and commits, again and again while commits conflict, `attempts` times at most. It waits in
/// between, longer each time and at last for 1 ms: the commit that was in the way may still be on its way to the disk.
/// The timestamp of the commit, or the error of work or of the last attempt.
template <class Db, class Work>
result<timestamp> retry(Db& db, Work work, int attempts = 100) {
    using std::chrono::microseconds;
    for (microseconds wait(0);; wait = std::min(2 * wait + microseconds(1), microseconds(1000))) {
        auto tx = db.begin();
        if (result<void> done = work(tx); !done) return fail(std::move(done).error());
        auto committed = tx.commit();
        if (committed || committed.error().kind != errc::conflict || --attempts <= 0) return committed;
        std::this_thread::sleep_for(wait);
    }
}

}  // namespace tenon
