// SPDX-License-Identifier: Apache-2.0
// The engine: log, memtables, runs and root behind one order of commits.
#pragma once

#include "tenon/assembly/describe.hpp"
#include "tenon/assembly/lease.hpp"
#include "tenon/assembly/options.hpp"
#include "tenon/assembly/recipe.hpp"
#include "tenon/assembly/replay.hpp"
#include "tenon/assembly/root.hpp"
#include "tenon/assembly/state.hpp"
#include "tenon/assembly/write_set.hpp"
#include "tenon/core/cleared_pages.hpp"
#include "tenon/core/combining.hpp"
#include "tenon/core/unless_done.hpp"
#include "tenon/run/builder.hpp"
#include "tenon/run/merge.hpp"
#include "tenon/run/relocate.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>

namespace tenon {

/// engine - one canonical type for each recipe; `database` is its face.
///
/// A commit is validated, gets a timestamp, is appended to the log and applied to the memtables in one critical section,
/// then waits for the log; only when its record is durable does `visible` move past it, so nothing is seen before it is as
/// durable as the log policy promises. A full memtable is frozen, written as a run, and named by a new root.
///
/// Threads     all members but open may be called concurrently.
/// Invariants  (1) timestamps ascend in log order. (2) memtables of a state, then its runs, are newest first and cover
///             disjoint, descending intervals of commits. (3) every commit <= visible is durable as promised, and is in each state
///             that is installed after visible reached it. (4) a run holds one version of a key at most. (5) extents are
///             given back only when a durable root no longer names them and no state holds their run.
///             Locks are taken in the order work_, commit_, state_.
/// Memory      a call that runs out of it throws std::bad_alloc, or returns errc::full where a policy says so. A commit whose record is
///             in the log by then, and a flush or merge whose root may be on disk, leave the database read-only until it is opened
///             again, which finds the commit whole or not at all; all else leaves everything as it was. Background work reports
///             errc::full and is tried again, as on a full disk.
template <class Recipe>
class engine {
public:
    using recipe_type                        = Recipe;
    using tables                             = typename Recipe::tables;
    using file_system_type                   = typename Recipe::file;
    using store_type                         = typename Recipe::page_store::template store<file_system_type>;
    using log_type                           = typename Recipe::wal::template log<file_system_type>;
    using options                            = database_options<file_system_type>;
    static constexpr std::size_t table_count = std::tuple_size_v<tables>;
    template <std::size_t T>
    using table = std::tuple_element_t<T, tables>;
    /// Whether the store and the log remember anything when the process has ended.
    static constexpr bool store_persists = Recipe::page_store::persistent;
    static constexpr bool log_persists   = Recipe::wal::persistent;

private:
    template <class Tuple>
    struct over_tables;
    template <class... T>
    struct over_tables<std::tuple<T...>> {
        using states = std::tuple<table_state<T, store_type>...>;
        using totals = std::tuple<table_totals<T>...>;
        using replay = commit_replay<T...>;
    };

public:
    using state_type     = typename over_tables<tables>::states;
    using totals_type    = typename over_tables<tables>::totals;
    using write_set_type = write_set<tables>;

    /// The state of a moment.
    struct pinned {
        state_hold<state_type> state;
        timestamp              at = 0;
        totals_type            totals;
    };

    /// What a transaction read, for policies that validate reads.
    struct read_set {
        std::array<bool, table_count>                     scanned{};
        std::array<std::vector<std::string>, table_count> keys;
    };

    static std::string signature() { return signature_of<tables>(); }

    [[gnu::cold]] static result<std::shared_ptr<engine>> open(std::string path, options o) {
        auto e    = std::shared_ptr<engine>(new engine(path, o));
        auto done = e->recover();
        for (int again = 0; !done && o.read_only && again < 10;
             ++again) {  // a writer may have recycled what was being read
            if (done.error().kind != errc::corrupt && done.error().kind != errc::not_found) break;
            e    = std::shared_ptr<engine>(new engine(path, o));
            done = e->recover();
        }
        if (!done) return fail(std::move(done).error());
        if (o.read_only) return e;
        e->worker_.emplace([raw = e.get()] { raw->work(); });
        if (active_bytes(*e->current()) >= e->options_.memtable_bytes.value) e->worker_->wake();
        return e;
    }
    ~engine() {
        try {
            (void)close();
        } catch (...) {}  // out of memory: the log has what was acknowledged
    }
    engine(engine const&)            = delete;
    engine& operator=(engine const&) = delete;

    std::string const&     path() const noexcept { return path_; }
    recovery_report const& recovery() const noexcept { return recovery_; }
    auto&                  gate() noexcept { return gate_; }

    /// `may_expire`: as options.snapshot_limit_ns says.
    pinned pin(bool may_expire = true) const {
        if (options_.snapshot_limit_ns == 0 || !may_expire) {
            std::lock_guard lock(state_mutex_);
            return {state_hold<state_type>(state_), visible_, visible_totals_};
        }
        auto const      now = clock_now();
        std::lock_guard lock(state_mutex_);
        return {state_hold<state_type>(leases_.give(state_, now)), visible_, visible_totals_};
    }

    /// Commits a write set made upon `base`. The timestamp when it is as durable as was asked for, and not less than the log policy
    /// promises; errc::conflict when it must be run again.
    result<timestamp> commit(write_set_type& writes, pinned const& base, read_set const& reads,
                             std::optional<durability> level) {
        auto entered = enter(writes, base, reads, nullptr);
        if (!entered) return fail(std::move(entered).error());
        detail::unless_done in_doubt([this] { poison_out_of_memory(); });
        auto synced = level ? entered->log->sync(entered->end, *level) : entered->log->sync(entered->end);
        in_doubt.done();
        if (!synced) return fail(poison(std::move(synced).error()));
        publish_commit(entered->at);
        if (entered->full) worker_->wake();
        return entered->at;
    }

    /// Called once, when a commit is durable or has failed; see transaction::commit_async.
    using commit_callback = std::function<void(result<timestamp> const&)>;
    /// A commit that was taken in.
    struct taken {
        timestamp                 at = 0;
        lsn                       end{};
        bool                      full = false;
        std::shared_ptr<log_type> log;
    };
    /// The same, but returns when the commit has its place in the log, and calls back.
    result<taken> commit_async(write_set_type& writes, pinned const& base, read_set const& reads,
                               commit_callback called) {
        auto entered = enter(writes, base, reads, &called);
        if (entered && entered->full) worker_->wake();
        return entered;
    }
    /// Until a commit that was taken in is durable.
    result<timestamp> wait_for(taken const& t) {
        detail::unless_done in_doubt([this] { poison_out_of_memory(); });
        auto                synced = t.log->sync(t.end, durability::durable);
        in_doubt.done();
        if (!synced) return fail(poison(std::move(synced).error()));
        publish_commit(t.at);
        return t.at;
    }

    /// Writes all memtables as runs and publishes a root; when it returns, reopening needs no log.
    result<void> flush() {
        std::lock_guard work(work_mutex_);
        if (auto ok = usable(); !ok) return ok;
        auto const round = begin_work();
        freeze();
        return report_work(round, flush_frozen());
    }
    /// flush, then joins the runs of each table into one and drops what no snapshot can see.
    [[gnu::cold]] result<void> compact() {
        std::lock_guard work(work_mutex_);
        if (auto ok = usable(); !ok) return ok;
        auto const round = begin_work();
        freeze();
        if (auto done = report_work(round, flush_frozen()); !done) return done;
        auto done = claim_space();
        if (done)
            done = for_tables([&]<std::size_t T>() -> result<void> {
                auto const state = current();
                auto const n     = std::get<T>(*state).runs.size();
                bool const dirty = n == 1 && std::get<T>(*state).runs[0]->descriptor().tombstones > 0;
                return n > 1 || dirty ? merge<T>({0, n}) : result<void>{};
            });
        return done ? gather() : done;
    }
    /// Stops background work and makes everything durable. Later commits and flushes are refused; snapshots stay valid.
    [[gnu::cold]] result<void> close() {
        if (closed_.exchange(true)) return {};
        {
            std::lock_guard lock(state_mutex_);  // nobody misses the news between its check and its wait
        }
        progress_.notify_all();
        if (worker_) worker_->stop();
        std::lock_guard work(work_mutex_);
        result<void>    out;
        if (log_ && store_ && !failed() && !options_.read_only) {
            bool const needs_run =
                !log_persists || log_->end().value - flushed_.value > options_.close_flush_bytes.value;
            if (store_persists && needs_run && recovered_) {
                freeze();
                out = flush_frozen();
            }
            if (auto synced = log_->sync_all(); !synced && out) out = fail(std::move(synced).error());
        } else if (log_) (void)log_->sync_all();  // who waits for an asynchronous commit hears of it now
        {
            std::lock_guard commits(commit_mutex_);
            log_.reset();
        }
        return out;
    }

    [[gnu::cold]] database_stats stats() const {
        auto const     p = pin(false);
        database_stats out;
        out.last_commit = p.at;
        out.store       = store_->stats();
        {
            std::lock_guard commits(commit_mutex_);
            if (log_) out.log = log_->stats();
        }
        out.flushes = flushes_.load();
        out.merges  = merges_.load();
        out.expired = expired_.load();
        {
            auto const      now = clock_now();
            std::lock_guard lock(state_mutex_);
            for (auto const& [old, replaced] : old_states_)
                if (!old.expired()) {
                    ++out.old_states;
                    out.oldest_state_ns = std::max(out.oldest_state_ns, now - std::min(now, replaced));
                }
        }
        [&]<std::size_t... T>(std::index_sequence<T...>) {
            (out.tables.push_back(stats_of<table<T>>(std::get<T>(p.state.get()), std::get<T>(p.totals).rows)), ...);
        }(std::make_index_sequence<table_count>{});
        return out;
    }
    /// The page store, for verification: it knows all that is in use.
    result<store_type const*> claimed_store() {
        std::lock_guard work(work_mutex_);
        if (auto done = claim_space(); !done) return fail(std::move(done).error());
        return store_.get();
    }

private:
    engine(std::string path, options o) : path_(std::move(path)), options_(std::move(o)) {}

    // ---- opening -----------------------------------------------------------------------------------------------------

    [[gnu::cold]] result<void> recover() {
        store_options how;
        how.signature    = signature();
        how.create       = options_.create && !options_.read_only;
        how.read_only    = options_.read_only;
        how.direct_bytes = options_.direct_bytes.value;
        auto opened      = store_type::open(options_.files, path_, how);
        if (!opened) return fail(std::move(opened).error());
        store_      = std::make_shared<store_type>(std::move(*opened));
        auto state  = std::make_shared<state_type>();
        auto stored = store_->root();
        if (stored.empty() && options_.read_only && store_persists) {
            return fail(errc::not_found, {path_, " has no root yet: another process is making it; open it again"});
        } else if (stored.empty()) {
            if (auto done = store_->retain({}); !done) return done;
            claimed_          = true;
            root_.identity    = store_persists ? hash_u64(options_.files.now_ns() ^ hash_bytes(as_bytes(path_)))
                                               : hash_bytes(as_bytes(signature()));
            recovery_.created = true;
        } else if (auto done = read_root(stored, *state); !done) {
            return done;
        }
        add_memtables(*state);
        root_totals_ = last_totals_;
        state_       = state;
        if (stored.empty() && store_persists)
            if (auto done = publish_root(*state, root_); !done) return done;

        auto log = log_type::open(options_.files, path_ + ".wal",
                                  {.identity      = root_.identity,
                                   .segment_bytes = options_.segment_bytes,
                                   .interval_ns   = options_.sync_interval_ns,
                                   .read_only     = options_.read_only,
                                   .threads       = Recipe::work::threads,
                                   .archive       = options_.log_archive});
        if (!log) return fail(std::move(log).error());
        log_         = std::make_shared<log_type>(std::move(*log));
        auto commits = std::apply(
            [&](auto&... t) {
                return typename over_tables<tables>::replay(path_, root_.at, Recipe::work::threads,
                                                            *t.memtables.front()...);
            },
            *state);
        auto replayed = log_->replay(root_.log, [&](lsn, byte_view record) { return commits.take(record); });
        if (!replayed) return fail(std::move(replayed).error());
        options_.read_only ? pages_.stop() : pages_.keep(pages_ahead);
        last_       = commits.last();
        table_last_ = commits.last_of_tables();
        auto loaded = for_tables([&]<std::size_t T>() -> result<void> {
            table_state<table<T>, store_type> const  before{{}, std::get<T>(*state).runs};
            table_reader<table<T>, store_type> const r(before, nullptr, ~timestamp{0}, nullptr);
            return commits.template finish<T>([&](row_version const* v) {
                return count_one<T>(r, v->key(), v->record(), v->tombstone, last_totals_);
            });
        });
        if (!loaded) return loaded;
        recovery_.log_records     = replayed->records;
        recovery_.log_bytes       = replayed->bytes;
        recovery_.truncated_bytes = replayed->truncated_bytes;
        flushed_                  = root_.log;
        visible_                  = last_;
        visible_totals_           = last_totals_;
        recovered_                = true;
        return {};
    }

    [[gnu::cold]] result<void> read_root(byte_view stored, state_type& state) {
        auto const bad = [&](char const* what) {
            return fail(errc::corrupt, {path_, ": the root ", what, "; restore the file from a backup"});
        };
        byte_reader in(stored);
        if (!root_.get(in)) return bad("is not one");
        if (root_.tables != table_count) return bad("names another number of tables than the signature");
        auto done = for_tables([&]<std::size_t T>() -> result<void> {
            auto& totals = std::get<T>(last_totals_);
            totals.rows  = in.get<std::uint64_t>();
            for (auto& w : totals.weights) w = in.get<std::uint64_t>();
            auto const n = in.get<std::uint32_t>();
            for (std::uint32_t i = 0; i < n && in.ok(); ++i) {
                run_descriptor d;
                if (!d.get(in, table<T>::index_count)) return bad("holds a malformed run");
                std::get<T>(state).runs.push_back(make_run<T>(std::move(d)));
            }
            return {};
        });
        if (!done) return done;
        if (!in.ok() || !in.at_end()) return bad("has another length than its tables need");
        return {};
    }
    template <std::size_t T>
    std::shared_ptr<run<table<T>, store_type>> make_run(run_descriptor d) const {
        return std::make_shared<run<table<T>, store_type>>(store_, std::move(d));
    }
    /// Before the first write: tells the store which extents are in use. Reads the directory of every run, which opening leaves to this.
    [[gnu::cold]] result<void> claim_space() {
        if (claimed_) return {};
        std::vector<extent> kept;
        auto const          state = current();
        auto                done  = for_tables([&]<std::size_t T>() -> result<void> {
            for (auto const& r : std::get<T>(*state).runs)
                if (auto read = r->each_extent([&](extent e) { kept.push_back(e); }); !read) return read;
            return {};
        });
        if (done) done = store_->retain(kept);
        claimed_ = done.has_value();
        return done;
    }

    // ---- committing --------------------------------------------------------------------------------------------------

    /// Validates a write set, gives it a timestamp and a place in the log, and applies it; it is not visible yet.
    result<taken> enter(write_set_type& writes, pinned const& base, read_set const& reads, commit_callback* called) {
        auto const in = base.state.enter();
        if (!in) return snapshot_expired();
        auto record = writes.commit_record();
        if (!record) return fail(std::move(record).error());
        if (auto room = wait_for_room(); !room) return fail(std::move(room).error());
        entering mine{{}, writes, base, reads, called, *record, {}, nullptr};
        entering_.run(commit_mutex_, mine, [this](entering& e) noexcept {
            try {
                e.out = enter_locked(e.writes, e.base, e.reads, e.called, e.record);
            } catch (...) { e.thrown = std::current_exception(); }
        });
        if (mine.thrown) std::rethrow_exception(mine.thrown);
        return std::move(mine.out);
    }
    struct entering : detail::combining::request {
        write_set_type&    writes;
        pinned const&      base;
        read_set const&    reads;
        commit_callback*   called;
        byte_vector&       record;
        result<taken>      out;
        std::exception_ptr thrown;
    };
    result<taken> enter_locked(write_set_type& writes, pinned const& base, read_set const& reads,
                               commit_callback* called, byte_vector& record) {
        taken out;
        if (auto ok = writable(); !ok) return fail(std::move(ok).error());
        auto const state = current();
        if (auto ok = validate(*state, writes, base, reads); !ok) return fail(std::move(ok).error());
        auto totals = last_totals_;
        if (auto ok = count(*state, writes, totals); !ok) return fail(std::move(ok).error());
        out.at = last_ + 1;
        std::memcpy(record.data(), &out.at, sizeof out.at);
        result<lsn> appended;
        if (called == nullptr) appended = log_->append(record);
        else if (auto room = log_->reserve(record.size()); !room) appended = fail(std::move(room).error());
        if (!appended && appended.error().kind == errc::full) return fail(std::move(appended).error());
        if (!appended) return fail(poison(std::move(appended).error()));
        detail::unless_done in_part([this] { poison_out_of_memory(); });
        last_        = out.at;
        last_totals_ = totals;
        {
            std::lock_guard pending(pending_mutex_);
            pending_.push_back({out.at, totals});
        }
        out.log = log_;
        apply(*state, writes, out.at);
        if (called != nullptr)  // which may come before append has returned: all that it makes visible stands ready
            appended = log_->append(record, [this, at = out.at, call = std::move(*called)](auto const& done) {
                if (done) publish_commit(at);
                call(done ? result<timestamp>(at) : fail(poison(done.error())));
            });
        in_part.done();
        if (!appended) return fail(poison(std::move(appended).error()));
        out.end  = *appended;
        out.full = active_bytes(*state) >= options_.memtable_bytes.value;
        return out;
    }

    template <std::size_t T>
    table_reader<table<T>, store_type> reader(state_type const& s) const {
        return {std::get<T>(s), nullptr, ~timestamp{0}, nullptr};
    }

    result<void> validate(state_type const& state, write_set_type& writes, pinned const& base,
                          read_set const& reads) const {
        if constexpr (!Recipe::concurrency::validates_writes) return {};
        return for_tables([&]<std::size_t T>() -> result<void> {
            auto const   r = reader<T>(state);
            result<void> done;
            auto const   check = [&](byte_view key, char const* verb) {
                if (!done) return;
                auto last    = r.last_commit(key, base.at);
                bool changed = last && *last > base.at;
                if (last && *last == 0 &&
                    &base.state.get() != &state) {  // a merge may have dropped the tombstone that tells of it
                    auto before =
                        table_reader<table<T>, store_type>(std::get<T>(base.state.get()), nullptr, base.at, nullptr)
                            .locate_live(key);
                    auto now = r.locate_live(key);
                    if (!before || !now) last = fail(before ? std::move(now).error() : std::move(before).error());
                    else changed = *before && !*now;
                }
                if (!last) done = fail(std::move(last).error());
                else if (changed)
                    done = fail(errc::conflict, {"a row of table ", table<T>::name, " that this transaction ", verb,
                                                 " was changed by another one that committed first; run the "
                                                   "transaction again (tenon::retry does)"});
            };
            writes.template each<T>([&](row_version const* v) { check(v->key(), "writes"); });
            if constexpr (Recipe::concurrency::validates_reads) {
                if (reads.scanned[T] && std::get<T>(table_last_) > base.at)
                    return fail(errc::conflict, {"table ", table<T>::name,
                                                 ", which this transaction queried, was changed by another one that "
                                                 "committed first; run the transaction again (tenon::retry does)"});
                for (auto const& k : reads.keys[T]) check(as_bytes(k), "read");
            }
            return done;
        });
    }

    /// Adjusts totals by what a new version of a key changes.
    template <std::size_t T>
    result<void> count_one(table_reader<table<T>, store_type> const& r, byte_view key, byte_view record, bool tombstone,
                           totals_type& totals) const {
        auto& t   = std::get<T>(totals);
        auto  old = r.locate_live(key);
        if (!old) return fail(std::move(old).error());
        byte_view                                        columns[table<T>::schema_type::size];
        typename table_reader<table<T>, store_type>::pin keep;
        if (*old) {
            --t.rows;
            if (auto done = r.columns(*old, columns, keep); !done) return done;
            add_weights<table<T>>(columns, t, false);
        }
        if (!tombstone) {
            ++t.rows;
            if (table<T>::schema_type::split(record, columns)) add_weights<table<T>>(columns, t, true);
        }
        return {};
    }
    result<void> count(state_type const& state, write_set_type& writes, totals_type& totals) const {
        return for_tables([&]<std::size_t T>() -> result<void> {
            result<void> done;
            auto const   r = reader<T>(state);
            writes.template each<T>([&](row_version const* v) {
                if (done) done = count_one<T>(r, v->key(), v->record(), v->tombstone, totals);
            });
            return done;
        });
    }
    void apply(state_type const& state, write_set_type& writes, timestamp at) {
        (void)for_tables([&]<std::size_t T>() -> result<void> {
            writes.template each<T>([&](row_version const* v) {
                std::get<T>(state).memtables.front()->add(v->key(), v->record(), v->tombstone, at);
                std::get<T>(table_last_) = at;
            });
            return {};
        });
    }
    /// The log has said that everything up to `at` is durable.
    void publish_commit(timestamp at) {
        std::lock_guard lock(state_mutex_);
        std::lock_guard commits(pending_mutex_);
        while (!pending_.empty() && pending_.front().first <= at) {
            visible_        = pending_.front().first;
            visible_totals_ = pending_.front().second;
            pending_.pop_front();
        }
    }
    /// Whether flushing is behind by several memtables: frozen ones, or as much in the one that takes commits.
    bool behind() const {
        auto const& s = *state_;
        return std::get<0>(s).memtables.size() > 4 ||
               (active_rows(s) > 0 && active_bytes(s) / 4 >= options_.memtable_bytes.value);
    }
    /// Waits while flushing is behind; reports why when it cannot go on. Each call has it tried again, so
    /// that commits go on by themselves when the cause (a full disk) is gone.
    result<void> wait_for_room() {
        std::unique_lock lock(state_mutex_);
        std::uint64_t asked = 0;  // for this round of work, which begins later: an error of an earlier one says nothing
        while (worker_ && behind() && !closed_ && !failed()) {  // who only reads is told so below
            if (asked == 0) {
                asked = work_begun_ + 1;
                lock.unlock();
                worker_->wake();
                lock.lock();
            } else if (work_error_ && work_ended_ >= asked) {
                return fail(*work_error_);
            } else {
                progress_.wait(lock);
            }
        }
        return {};
    }
    std::uint64_t begin_work() {
        std::lock_guard lock(state_mutex_);
        return ++work_begun_;
    }
    /// Tells who waits for room how a round of work ended.
    result<void> report_work(std::uint64_t round, result<void> done) {
        {
            std::lock_guard lock(state_mutex_);
            work_ended_ = round;
            work_error_ = done ? std::nullopt : std::optional(done.error());
        }
        progress_.notify_all();
        return done;
    }
    result<void> usable() const {
        if (closed_) return fail(errc::read_only, {path_, " is closed"});
        if (options_.read_only) return fail(errc::read_only, {path_, " was opened read-only"});
        return writable_locked();
    }
    result<void> writable() const {
        if (closed_ || !log_) return fail(errc::read_only, {path_, " is closed"});
        if (options_.read_only) return fail(errc::read_only, {path_, " was opened read-only"});
        return writable_locked();
    }
    result<void> writable_locked() const {
        std::lock_guard lock(failure_mutex_);
        if (failure_)
            return fail(errc::poisoned, {path_, " takes no writes since an earlier write failed (", failure_->message,
                                         "); close it and open it again"});
        return {};
    }
    bool failed() const {
        std::lock_guard lock(failure_mutex_);
        return failure_.has_value();
    }
    /// Read-only from now on; hands the error through.
    [[gnu::cold, gnu::noinline]] error poison(error e) {
        std::lock_guard lock(failure_mutex_);
        if (!failure_) failure_ = e;
        return e;
    }
    /// Needs none itself: the sentence is short enough to stand in the string.
    [[gnu::cold, gnu::noinline]] void poison_out_of_memory() noexcept { (void)poison({errc::full, "out of memory"}); }

    // ---- flushing and merging: under work_mutex_ ---------------------------------------------------------------------

    struct generation {
        lsn         log;
        timestamp   at;
        totals_type totals;
    };

    [[gnu::cold]] void work() {
        std::lock_guard work(work_mutex_);
        auto const      round = begin_work();
        if (closed_ || failed()) {
            (void)report_work(round, {});
            return;
        }
        try {
            (void)report_work(round, flush_and_merge());
        } catch (std::bad_alloc const&) { (void)report_work(round, fail(error{errc::full, "out of memory"})); }
    }
    result<void> flush_and_merge() {
        {
            auto const state = current();
            if (active_bytes(*state) >= options_.memtable_bytes.value) freeze();
        }
        auto done = flush_frozen();
        if (done)
            done = for_tables([&]<std::size_t T>() -> result<void> {
                for (;;) {
                    std::vector<std::uint64_t> rows;
                    for (auto const& r : std::get<T>(*current()).runs) rows.push_back(r->size());
                    auto const choice = options_.merge_fan_in == 0
                                            ? merge_choice{}
                                            : choose_merge(rows, options_.merge_fan_in, options_.merge_max_rows);
                    if (choice.empty()) return {};
                    if (auto merged = merge<T>(choice); !merged) return merged;
                }
            });
        if (done && claimed_) done = gather();
        return done;
    }

    std::shared_ptr<state_type const> current() const {
        std::lock_guard lock(state_mutex_);
        return state_;
    }
    [[gnu::cold]] void install(std::shared_ptr<state_type const> next) {
        auto const now = clock_now();
        {
            std::lock_guard lock(state_mutex_);
            std::erase_if(old_states_, [](auto const& o) { return o.first.expired(); });
            old_states_.emplace_back(state_, now);
            state_.swap(next);
        }
        progress_.notify_all();
    }
    /// Takes back what snapshots hold that are older than the options allow.
    [[gnu::cold]] void expire_snapshots() {
        if (options_.snapshot_limit_ns == 0) return;
        auto const now  = clock_now();
        auto const late = [&] {
            std::lock_guard lock(state_mutex_);
            return leases_.take_old(now, options_.snapshot_limit_ns);
        }();
        for (auto const& l : late) l->expire();
        expired_ += late.size();
    }
    std::uint64_t clock_now() const {
        auto world = options_.files;  // a handle
        return world.now_ns();
    }
    static std::size_t active_bytes(state_type const& s) {
        return std::apply([](auto const&... t) { return (std::size_t{0} + ... + t.memtables.front()->bytes()); }, s);
    }
    static std::uint64_t active_rows(state_type const& s) {
        return std::apply([](auto const&... t) { return (std::uint64_t{0} + ... + t.memtables.front()->size()); }, s);
    }

    void add_memtables(state_type& to) {
        cleared_pages* const ready = Recipe::work::threads ? &pages_ : nullptr;
        std::apply(
            [&](auto&... t) {
                ((t.memtables.insert(
                     t.memtables.begin(),
                     std::make_shared<typename std::remove_cvref_t<decltype(t)>::memtable_type>(ready))),
                 ...);
            },
            to);
    }
    /// New commits go to new memtables from here on.
    [[gnu::cold]] void freeze() {
        std::lock_guard lock(commit_mutex_);
        auto const      now = current();
        if (active_rows(*now) == 0) return;
        auto next = std::make_shared<state_type>(*now);
        add_memtables(*next);
        generations_.push_back({log_->end(), last_, last_totals_});
        detail::unless_done in_part([this] { generations_.pop_back(); });
        install(std::move(next));
        in_part.done();
    }

    /// Writes frozen memtables as runs, oldest first, a root for each generation.
    result<void> flush_frozen() {
        expire_snapshots();
        if (!generations_.empty())
            if (auto done = claim_space(); !done) return done;
        while (!generations_.empty()) {
            auto const g = generations_.front();
            if (auto synced = log_->sync_all(); !synced) return fail(poison(std::move(synced).error()));
            publish_commit(g.at);
            auto const          now  = current();
            auto                next = std::make_shared<state_type>(*now);
            detail::unless_done unpublished([&] { retire_new(*now, *next); });
            auto                done = for_tables([&]<std::size_t T>() -> result<void> {
                auto& t      = std::get<T>(*next);
                auto  oldest = t.memtables.back();
                if (oldest->size() == 0) return {};
                run_builder<table<T>, store_type> builder(store_, static_cast<std::size_t>(options_.block_bytes.value));
                typename memtable<table<T>>::cursor c(*oldest, g.at);
                bool const                          bottom = t.runs.empty();
                for (c.seek_first(); c.valid(); c.next()) {
                    auto const* v = c.version();
                    byte_view   columns[table<T>::schema_type::size];
                    if (v->tombstone ? bottom : !table<T>::schema_type::split(v->record(), columns)) continue;
                    if (auto added = builder.add(v->key(), v->at, v->tombstone, columns); !added) return added;
                }
                if (builder.rows() == 0) return {};
                auto d = builder.finish();
                if (!d) return fail(std::move(d).error());
                t.runs.insert(t.runs.begin(), make_run<T>(std::move(*d)));
                return {};
            });
            auto                root = root_;
            root.at                  = g.at;
            root.log                 = g.log;
            if (done && store_persists) done = publish_root(*next, root, &g.totals);
            if (!done) return done;
            unpublished.done();
            detail::unless_done in_part([this] { poison_out_of_memory(); });
            root_        = root;
            root_totals_ = g.totals;
            flushed_     = g.log;
            generations_.pop_front();
            install_runs(*next, true);
            in_part.done();
            ++flushes_;
            if constexpr (store_persists && log_persists)
                if (auto released = log_->release(g.log); !released) return released;
        }
        return {};
    }

    /// The runs of `made`, and the newest memtables as they are now; `flushed` drops the oldest memtables.
    [[gnu::cold]] void install_runs(state_type const& made, bool flushed) {
        std::lock_guard lock(commit_mutex_);
        auto            next = std::make_shared<state_type>(*current());
        (void)for_tables([&]<std::size_t T>() -> result<void> {
            std::get<T>(*next).runs = std::get<T>(made).runs;
            if (flushed) std::get<T>(*next).memtables.pop_back();
            return {};
        });
        install(std::move(next));
    }
    /// Gives back the extents of runs that are in b but not in a: they were never named by a durable root.
    [[gnu::cold]] void retire_new(state_type const& a, state_type const& b) const {
        (void)for_tables([&]<std::size_t T>() -> result<void> {
            for (auto const& r : std::get<T>(b).runs)
                if (std::find(std::get<T>(a).runs.begin(), std::get<T>(a).runs.end(), r) == std::get<T>(a).runs.end())
                    r->retire();
            return {};
        });
    }

    template <std::size_t T>
    [[gnu::cold]] result<void> merge(merge_choice choice) {
        if (auto done = claim_space(); !done) return done;
        auto const  now    = current();
        auto const& runs   = std::get<T>(*now).runs;
        bool const  bottom = choice.last == runs.size();
        auto        merged =
            merge_runs<table<T>, store_type>(store_, std::span(runs).subspan(choice.first, choice.last - choice.first),
                                             bottom, static_cast<std::size_t>(options_.block_bytes.value));
        if (!merged) return fail(std::move(merged).error());
        auto                next = std::make_shared<state_type>(*now);
        detail::unless_done unpublished([&] { retire_new(*now, *next); });
        auto&               list = std::get<T>(*next).runs;
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(choice.first),
                   list.begin() + static_cast<std::ptrdiff_t>(choice.last));
        if (merged->rows > 0) {
            list.insert(list.begin() + static_cast<std::ptrdiff_t>(choice.first), make_run<T>(std::move(*merged)));
        } else {
            make_run<T>(std::move(*merged))->retire();
        }
        if (store_persists)
            if (auto done = publish_root(*next, root_, &root_totals_); !done) return done;
        unpublished.done();
        install_runs(*next, false);
        for (auto i = choice.first; i < choice.last; ++i) runs[i]->retire();
        ++merges_;
        return {};
    }

    /// Shortens the file: moves what lies far back in it into free space further ahead. A disk that is full stops it and nothing else.
    [[gnu::cold]] result<void> gather() {
        for (;;) {
            auto const from = store_->trim();
            if (from == ~std::uint64_t{0}) return {};
            auto const                             now  = current();
            auto                                   next = std::make_shared<state_type>(*now);
            std::vector<std::function<void(bool)>> settle;  // retires the old run, or the new one when no root names it
            auto                                   done = for_tables([&]<std::size_t T>() -> result<void> {
                for (auto& r : std::get<T>(*next).runs) {
                    auto moved = relocate_run<table<T>, store_type>(*store_, *r, from);
                    if (!moved) return fail(std::move(moved).error());
                    if (!*moved) continue;
                    auto fresh = make_run<T>(std::move((*moved)->moved));
                    settle.push_back([old = r, fresh, left = std::move((*moved)->left),
                                      made = std::move((*moved)->made)](bool published) {
                        if (published) old->retire(fresh, left);
                        else fresh->retire(nullptr, made);
                    });
                    r = std::move(fresh);
                }
                return {};
            });
            if (done && settle.empty()) return {};
            if (done) done = publish_root(*next, root_, &root_totals_);
            if (done) install_runs(*next, false);
            for (auto const& s : settle) s(done.has_value());
            if (!done) return done.error().kind == errc::full ? result<void>{} : done;
        }
    }

    [[gnu::cold]] result<void> publish_root(state_type const& state, root_header root,
                                            totals_type const* totals = nullptr) {
        if constexpr (!log_persists) root.log = {};
        root.tables = table_count;
        byte_vector out;
        root.put(out);
        auto const& sums = totals != nullptr ? *totals : last_totals_;
        (void)for_tables([&]<std::size_t T>() -> result<void> {
            put(out, std::get<T>(sums).rows);
            for (auto w : std::get<T>(sums).weights) put(out, w);
            put(out, static_cast<std::uint32_t>(std::get<T>(state).runs.size()));
            for (auto const& r : std::get<T>(state).runs) r->descriptor().put(out);
            return {};
        });
        detail::unless_done in_doubt([this] { poison_out_of_memory(); });
        auto                done = store_->publish(out);
        in_doubt.done();
        if (!done && done.error().kind != errc::full) return fail(poison(std::move(done).error()));
        return done;
    }

    // ---- tables ------------------------------------------------------------------------------------------------------

    /// f<T>() for each table until one fails.
    template <class F>
    static result<void> for_tables(F&& f) {
        result<void> out;
        [&]<std::size_t... T>(std::index_sequence<T...>) {
            (void)((out = f.template operator()<T>(), out.has_value()) && ...);
        }(std::make_index_sequence<table_count>{});
        return out;
    }
    std::string     path_;
    options         options_;
    recovery_report recovery_;
    bool            recovered_ = false;

    std::shared_ptr<store_type>                  store_;
    std::shared_ptr<log_type>                    log_;
    std::optional<typename Recipe::work::worker> worker_;
    static constexpr std::size_t                 pages_ahead = 2;  // while commits come one by one
    cleared_pages                                pages_;           // for memtables
    typename Recipe::concurrency::gate           gate_;

    std::mutex                         work_mutex_;  // flush, merge, root
    root_header                        root_;
    totals_type                        root_totals_{};
    lsn                                flushed_{};
    bool                               claimed_ = false;  // the store knows which extents are in use
    mutable std::mutex                 commit_mutex_;     // log order, memtable writes
    detail::combining                  entering_;         // at that mutex
    timestamp                          last_ = 0;
    totals_type                        last_totals_{};
    std::array<timestamp, table_count> table_last_{};
    std::deque<generation>             generations_;  // pushed under commit_mutex_ by the holder of work_mutex_
    mutable std::mutex                 state_mutex_;  // what pin() hands out
    std::condition_variable            progress_;
    std::shared_ptr<state_type const>  state_;
    timestamp                          visible_ = 0;
    totals_type                        visible_totals_{};
    std::uint64_t                      work_begun_ = 0, work_ended_ = 0;
    std::optional<error>               work_error_;                                      // of the round that ended last
    mutable lease_book<state_type>     leases_;                                          // where snapshots may expire
    std::vector<std::pair<std::weak_ptr<state_type const>, std::uint64_t>> old_states_;  // and when they were replaced
    std::mutex                                                             pending_mutex_;
    std::deque<std::pair<timestamp, totals_type>>                          pending_;
    mutable std::mutex                                                     failure_mutex_;
    std::optional<error>                                                   failure_;
    std::atomic<bool>                                                      closed_{false};
    std::atomic<std::uint64_t>                                             flushes_{0}, merges_{0}, expired_{0};
};

}  // namespace tenon
