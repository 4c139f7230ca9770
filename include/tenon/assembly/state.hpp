// SPDX-License-Identifier: Apache-2.0
// What a snapshot pins: for every table the memtables and runs of a moment, newest first, and totals over live rows.
#pragma once

#include "tenon/core/hash.hpp"
#include "tenon/run/memtable.hpp"
#include "tenon/run/run.hpp"

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

namespace tenon {

/// Sums over the live rows of a table.
template <class Table>
struct table_totals {
    std::uint64_t                                 rows = 0;
    std::array<std::uint64_t, Table::index_count> weights{};  ///< index_kind::weight, for each index
};

/// What index queries looked at; see view::traced.
struct query_trace {
    std::string   index;             ///< kind, policies and member of the indexes that answered
    std::uint64_t memtables    = 0;  ///< not empty, asked
    std::uint64_t runs         = 0;  ///< asked
    std::uint64_t filtered     = 0;  ///< runs that a filter made unnecessary
    std::uint64_t candidates   = 0;  ///< entries that an index named
    std::uint64_t hits         = 0;  ///< of these, rows that the snapshot sees
    std::uint64_t blocks       = 0;  ///< blocks of rows that were read
    std::uint64_t skipped      = 0;  ///< blocks that zones made unnecessary
    std::uint64_t model_window = 0;  ///< positions that position index models left to search, summed
};

/// Memtables and runs of one table, newest first. The first memtable takes the commits.
template <class Table, class Store>
struct table_state {
    using memtable_type = memtable<Table>;
    using run_type      = run<Table, Store>;
    std::vector<std::shared_ptr<memtable_type>>  memtables;
    std::vector<std::shared_ptr<run_type const>> runs;
};

/// Where a row version is: in a memtable or a run.
template <class Table, class Store>
struct location {
    row_version const*       version = nullptr;
    run<Table, Store> const* in      = nullptr;
    position                 at      = 0;
    explicit                 operator bool() const noexcept { return version != nullptr || in != nullptr; }
};

/// Look-ups in one table at one moment. Borrowed: the state and the overlay outlive it.
template <class Table, class Store>
class table_reader {
public:
    using row_type                 = typename Table::row_type;
    using schema_type              = typename Table::schema_type;
    using location_type            = location<Table, Store>;
    using pin                      = typename run<Table, Store>::pin;
    static constexpr timestamp all = ~timestamp{0};

    /// overlay: a transaction's own writes, or nullptr. Committed versions after `upto` are not seen.
    table_reader(table_state<Table, Store> const& state, memtable<Table> const* overlay, timestamp upto,
                 query_trace* trace)
        : state_(&state), upto_(upto), trace_(trace) {
        if (overlay != nullptr && overlay->size() > 0) add({overlay, all});
        for (auto const& m : state.memtables)
            if (m->size() > 0) add({m.get(), upto});
    }

    struct memory_source {
        memtable<Table> const* table;
        timestamp              upto;
    };
    std::span<memory_source const> memory() const noexcept {
        return more_.empty() ? std::span(few_).first(count_) : std::span(more_);
    }
    auto const& runs() const noexcept { return state_->runs; }

    /// The newest version of a key that is seen, a tombstone too; none when there is no version.
    result<location_type> locate(byte_view key) const {
        for (auto const& s : memory())
            if (auto const* v = s.table->find(key, s.upto)) return location_type{v, nullptr, 0};
        if (state_->runs.empty()) return location_type{};
        return locate_in_runs(key, state_->runs.size());
    }
    /// As locate, but a deleted row is none.
    result<location_type> locate_live(byte_view key) const {
        auto l = locate(key);
        if (!l || !*l) return l;
        auto dead = is_tombstone(*l);
        if (!dead) return fail(std::move(dead).error());
        return *dead ? location_type{} : *l;
    }
    result<bool> is_tombstone(location_type const& l) const {
        if (l.version != nullptr) return l.version->tombstone;
        return l.in->is_tombstone(l.at);
    }

    /// Whether a memtable's version is the one that is seen of its key, and a row.
    bool is_current(std::size_t source, row_version const* v) const {
        auto const  sources = memory();
        auto const& s       = sources[source];
        if (v->at > s.upto || v->dead || v->tombstone || s.table->find(v->key(), s.upto) != v) return false;
        for (std::size_t i = 0; i < source; ++i)
            if (sources[i].table->find(v->key(), sources[i].upto) != nullptr) return false;
        return true;
    }
    /// Whether a run's row is the one that is seen of its key, and a row.
    result<bool> is_current_in_run(std::size_t r, position at) const {
        auto const& run = *state_->runs[r];
        if (at >= run.size())
            return fail(errc::corrupt, {"run of table ", Table::name, ": an index names row ", at, " of ", run.size()});
        auto dead = run.descriptor().tombstones != 0 ? run.is_tombstone(at) : result<bool>(false);
        if (!dead || *dead) return dead ? result<bool>(false) : dead;
        if (memory().empty() && r == 0) return true;
        auto keys = run.keys();
        if (!keys) return fail(std::move(keys).error());
        typename std::remove_cvref_t<decltype(run)>::keys_type::buffer space;
        auto const                                                     key = (*keys)->key(at, space);
        for (auto const& s : memory())
            if (s.table->find(key, s.upto) != nullptr) return false;
        auto newer = locate_in_runs(key, r);
        if (!newer) return fail(std::move(newer).error());
        return !*newer;
    }

    /// The bytes of a row's columns; `keep` keeps them.
    result<void> columns(location_type const& l, byte_view (&out)[schema_type::size], pin& keep) const {
        if (l.version == nullptr) {
            if (trace_ != nullptr) ++trace_->blocks;
            return l.in->columns(l.at, out, keep);
        }
        if (!schema_type::split(l.version->record(), out))
            return fail(errc::corrupt, {"table ", Table::name, ": a record does not decode"});
        return {};
    }
    result<row_type> row(location_type const& l) const {
        pin keep;
        return row(l, keep);
    }
    /// Faster for rows one after another: `keep` has the last block.
    result<row_type> row(location_type const& l, pin& keep) const {
        byte_view c[schema_type::size];
        if (auto done = columns(l, c, keep); !done) return fail(std::move(done).error());
        row_type out{};
        if (!schema_type::decode(c, out))
            return fail(errc::corrupt, {"table ", Table::name, ": a row does not decode"});
        return out;
    }
    /// The encoded primary key at a location, copied.
    result<std::string> key_at(location_type const& l) const {
        if (l.version != nullptr) return std::string(as_chars(l.version->key()));
        auto keys = l.in->keys();
        if (!keys) return fail(std::move(keys).error());
        typename run<Table, Store>::keys_type::buffer space;
        return std::string(as_chars((*keys)->key(l.at, space)));
    }
    /// When the newest committed version of a key was committed, seen or not; 0 when there is none. For validation.
    result<timestamp> last_commit(byte_view key, timestamp ignore_up_to) const {
        for (auto const& m : state_->memtables)
            if (auto const* v = m->newest(key)) return v->at;
        auto const hash = hash_bytes(key);
        for (auto const& r : state_->runs) {
            if (r->descriptor().last <= ignore_up_to) break;
            auto at = r->find(key, hash);
            if (!at) return fail(std::move(at).error());
            if (*at < r->size()) return r->committed(*at);
        }
        return timestamp{0};
    }
    query_trace* trace() const noexcept { return trace_; }

private:
    void add(memory_source s) {
        if (count_ == few_.size() && more_.empty()) more_.assign(few_.begin(), few_.end());
        if (count_ < few_.size()) few_[count_++] = s;
        else more_.push_back(s);
    }
    result<location_type> locate_in_runs(byte_view key, std::size_t count) const {
        auto const hash = hash_bytes(key);
        for (std::size_t i = 0; i < count; ++i) {
            auto const& r = *state_->runs[i];
            if (trace_ != nullptr) {
                auto maybe = r.may_contain(hash);
                ++(maybe && !*maybe ? trace_->filtered : trace_->runs);
                if (auto keys = r.keys(); keys && maybe && *maybe) {
                    auto const w = (*keys)->window(key);
                    trace_->model_window += w.last - w.first;
                }
            }
            auto at = r.find(key, hash);
            if (!at) return fail(std::move(at).error());
            if (*at < r.size()) return location_type{nullptr, &r, *at};
        }
        return location_type{};
    }

    table_state<Table, Store> const* state_;
    timestamp                        upto_;
    query_trace*                     trace_;
    std::array<memory_source, 3>     few_{};  // the usual: a reader is made for every commit
    std::size_t                      count_ = 0;
    std::vector<memory_source>       more_;  // all, when they are more
};

}  // namespace tenon
