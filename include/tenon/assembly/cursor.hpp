// SPDX-License-Identifier: Apache-2.0
// Streams of rows: memtables and runs merged in order, one visible version for each key.
#pragma once

#include "tenon/assembly/lease.hpp"
#include "tenon/assembly/state.hpp"
#include "tenon/core/contract.hpp"

#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tenon {

enum class order : unsigned char { ascending, descending };

/// Half-open interval [low, high) of encoded keys; an empty optional is open.
struct key_interval {
    std::optional<byte_vector> low, high;
};

/// stream - a sequence that may fail on the way.
///
/// `next()` gives the next element, nothing at the end, or the error. A range-for over a stream stops the program through the
/// contract handler when the world fails underneath it (corrupt bytes, I/O): call next() yourself to handle that. Single pass;
/// keeps the snapshot's state alive; in a transaction it must end before the transaction does.
template <class Producer>
class stream {
public:
    using value_type = typename Producer::value_type;
    explicit stream(Producer p) : producer_(std::move(p)) {}

    result<std::optional<value_type>> next() { return producer_.next(); }

    class iterator {
    public:
        using iterator_concept = std::input_iterator_tag;
        using value_type       = typename Producer::value_type;
        using difference_type  = std::ptrdiff_t;
        explicit iterator(stream& s) : stream_(&s) { ++*this; }
        value_type& operator*() const { return *value_; }
        value_type* operator->() const { return &*value_; }
        iterator&   operator++() {
            auto r = stream_->next();
            expects(r.has_value(), r ? "" : r.error().message.c_str());
            value_ = std::move(*r);
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t) const noexcept { return !value_; }

    private:
        stream*                           stream_;
        mutable std::optional<value_type> value_;
    };
    iterator                begin() { return iterator(*this); }
    std::default_sentinel_t end() const noexcept { return {}; }

    /// All elements, or the first error.
    result<std::vector<value_type>> collect() {
        std::vector<value_type> out;
        for (;;) {
            auto r = next();
            if (!r) return fail(std::move(r).error());
            if (!*r) return out;
            out.push_back(std::move(**r));
        }
    }

protected:
    Producer const& producer() const noexcept { return producer_; }

private:
    Producer producer_;
};

/// Rows of a table in primary key order, or backwards.
template <class Table, class Store, class State>
class primary_rows {
    using reader_type   = table_reader<Table, Store>;
    using location_type = location<Table, Store>;
    using keys_type     = typename run<Table, Store>::keys_type;

public:
    using value_type = typename Table::row_type;

    primary_rows(state_hold<State> state, reader_type reader, key_interval within, order direction)
        : state_(std::move(state)),
          reader_(std::move(reader)),
          within_(std::move(within)),
          forward_(direction == order::ascending) {}

    result<std::optional<value_type>> next() {
        auto const in = state_.enter();
        if (!in) return snapshot_expired();
        for (;;) {
            auto l = next_location();
            if (!l) return fail(std::move(l).error());
            if (!*l) return std::optional<value_type>{};
            auto dead = reader_.is_tombstone(*l);
            if (!dead) return fail(std::move(dead).error());
            if (*dead) continue;
            auto row = reader_.row(*l, block_);
            if (!row) return fail(std::move(row).error());
            if (auto* t = reader_.trace()) ++t->hits;
            return std::optional<value_type>(std::move(*row));
        }
    }
    /// The newest visible version of the next key, tombstones too; none at the end.
    result<location_type> next_location() {
        if (!started_)
            if (auto done = start(); !done) return fail(std::move(done).error());
        int              best = -1;
        std::string_view key;
        auto const       consider = [&](int i, std::string_view k) {
            if (best < 0 || (forward_ ? k < key : k > key)) best = i, key = k;
        };
        for (std::size_t i = 0; i < memory_.size(); ++i)
            if (memory_[i].valid()) consider(static_cast<int>(i), as_chars(memory_[i].key()));
        for (std::size_t i = 0; i < runs_.size(); ++i)
            if (runs_[i].left()) consider(static_cast<int>(memory_.size() + i), runs_[i].key);
        if (best < 0 || outside(key)) return location_type{};
        location_type out;
        if (static_cast<std::size_t>(best) < memory_.size())
            out.version = memory_[static_cast<std::size_t>(best)].version();
        else {
            auto const& r = runs_[static_cast<std::size_t>(best) - memory_.size()];
            out.in        = r.in;
            out.at        = static_cast<position>(r.at);
        }
        current_.assign(key);
        for (auto& m : memory_)
            if (m.valid() && as_chars(m.key()) == current_) forward_ ? m.next() : m.prev();
        for (auto& r : runs_)
            if (r.left() && r.key == current_) r.step(forward_);
        return out;
    }

private:
    struct run_cursor {
        run<Table, Store> const*   in;
        keys_type const*           keys;
        std::int64_t               at;
        typename keys_type::buffer space{};
        std::string_view           key{};

        bool left() const noexcept { return at >= 0 && at < static_cast<std::int64_t>(keys->size()); }
        void load() noexcept {
            if (left()) key = as_chars(keys->key(static_cast<position>(at), space));
        }
        void step(bool forward) noexcept {
            at += forward ? 1 : -1;
            load();
        }
    };
    bool outside(std::string_view key) const noexcept {
        if (forward_) return within_.high && key >= as_chars(*within_.high);
        return within_.low && key < as_chars(*within_.low);
    }
    result<void> start() {
        started_ = true;
        for (auto const& s : reader_.memory()) {
            auto& c = memory_.emplace_back(*s.table, s.upto);
            if (forward_) within_.low ? c.seek(*within_.low) : c.seek_first();
            else within_.high ? c.seek_before(*within_.high) : c.seek_last();
        }
        runs_.reserve(reader_.runs().size());
        for (auto const& r : reader_.runs()) {
            auto keys = r->keys();
            if (!keys) return fail(std::move(keys).error());
            auto& c = runs_.emplace_back(run_cursor{r.get(), *keys, 0});
            if (forward_) c.at = within_.low ? static_cast<std::int64_t>((*keys)->lower_bound(*within_.low)) : 0;
            else
                c.at =
                    static_cast<std::int64_t>(within_.high ? (*keys)->lower_bound(*within_.high) : (*keys)->size()) - 1;
            c.load();
        }
        if (auto* t = reader_.trace()) {
            t->memtables += memory_.size();
            t->runs += runs_.size();
        }
        return {};
    }

    state_hold<State>                             state_;
    reader_type                                   reader_;
    key_interval                                  within_;
    bool                                          forward_;
    bool                                          started_ = false;
    std::vector<typename memtable<Table>::cursor> memory_;
    std::vector<run_cursor>                       runs_;
    std::string                                   current_;
    typename reader_type::pin                     block_;
};

/// Rows in the order of an ordered index, or backwards; equal values in primary key order.
template <class Table, class Store, class State, std::size_t I>
class ordered_rows {
    using reader_type   = table_reader<Table, Store>;
    using location_type = location<Table, Store>;
    using kind          = typename Table::template index_spec<I>::kind_type;

public:
    using value_type = typename Table::row_type;

    ordered_rows(state_hold<State> state, reader_type reader, key_interval within, order direction)
        : state_(std::move(state)),
          reader_(std::move(reader)),
          within_(std::move(within)),
          forward_(direction == order::ascending) {}

    result<std::optional<value_type>> next() {
        auto const in = state_.enter();
        if (!in) return snapshot_expired();
        auto l = next_location();
        if (!l) return fail(std::move(l).error());
        if (!*l) return std::optional<value_type>{};
        auto row = reader_.row(*l, block_);
        if (!row) return fail(std::move(row).error());
        return std::optional<value_type>(std::move(*row));
    }
    /// The next row that is seen; none at the end.
    result<location_type> next_location() {
        if (!started_)
            if (auto done = start(); !done) return fail(std::move(done).error());
        for (;;) {
            int              best = -1;
            std::string_view entry;
            auto const       consider = [&](int i, std::string_view e) {
                if (best < 0 || (forward_ ? e < entry : e > entry)) best = i, entry = e;
            };
            for (std::size_t i = 0; i < memory_.size(); ++i)
                if (memory_[i].valid()) consider(static_cast<int>(i), memory_[i].entry());
            for (std::size_t i = 0; i < parts_.size(); ++i)
                if (parts_[i].left()) consider(static_cast<int>(memory_.size() + i), parts_[i].entry);
            if (best < 0 || outside(entry)) return location_type{};
            location_type out;
            bool          seen = false;
            if (auto* t = reader_.trace()) ++t->candidates;
            if (auto const m = static_cast<std::size_t>(best); m < memory_.size()) {
                out.version = reader_.memory()[m].table->at(memory_[m].where());
                seen        = reader_.is_current(m, out.version);
                forward_ ? memory_[m].next() : memory_[m].prev();
            } else {
                auto&      p  = parts_[m - memory_.size()];
                auto const at = p.part->where(static_cast<std::uint64_t>(p.at));
                auto       ok = reader_.is_current_in_run(m - memory_.size(), at);
                if (!ok) return fail(std::move(ok).error());
                out  = {nullptr, p.in, at};
                seen = *ok;
                if (auto done = p.step(forward_); !done) return fail(std::move(done).error());
            }
            if (!seen) continue;
            if (auto* t = reader_.trace()) ++t->hits;
            return out;
        }
    }

private:
    struct part_cursor {
        run<Table, Store> const*   in;
        typename kind::part const* part;
        std::int64_t               at;
        std::string                entry{};  ///< value, then primary key

        bool         left() const noexcept { return at >= 0 && at < static_cast<std::int64_t>(part->size()); }
        result<void> load() {
            if (!left()) return {};
            auto const where = part->where(static_cast<std::uint64_t>(at));
            typename std::remove_cvref_t<decltype(part->keys())>::buffer space;
            auto                                                         keys = in->keys();
            if (!keys) return fail(std::move(keys).error());
            if (where >= in->size())
                return fail(errc::corrupt, "ordered part: an entry names a row behind the last one");
            entry = as_chars(part->keys().key(static_cast<position>(at), space));
            typename run<Table, Store>::keys_type::buffer key_space;
            entry += as_chars((*keys)->key(where, key_space));
            return {};
        }
        result<void> step(bool forward) {
            at += forward ? 1 : -1;
            return load();
        }
    };
    bool outside(std::string_view entry) const noexcept {
        if (forward_) return within_.high && entry >= as_chars(*within_.high);
        return within_.low && entry < as_chars(*within_.low);
    }
    result<void> start() {
        started_ = true;
        for (auto const& s : reader_.memory()) {
            auto& c = memory_.emplace_back(s.table->template delta<I>());
            if (forward_) within_.low ? c.seek(*within_.low) : c.seek_first();
            else within_.high ? c.seek_before(*within_.high) : c.seek_last();
        }
        for (auto const& r : reader_.runs()) {
            auto part = r->template part<I>();
            if (!part) return fail(std::move(part).error());
            auto& c = parts_.emplace_back(part_cursor{r.get(), *part, 0});
            if (forward_) c.at = within_.low ? static_cast<std::int64_t>((*part)->keys().lower_bound(*within_.low)) : 0;
            else
                c.at = static_cast<std::int64_t>(within_.high ? (*part)->keys().lower_bound(*within_.high)
                                                              : (*part)->size()) -
                       1;
            if (auto done = c.load(); !done) return done;
        }
        if (auto* t = reader_.trace()) {
            t->memtables += memory_.size();
            t->runs += parts_.size();
        }
        return {};
    }

    state_hold<State>                         state_;
    reader_type                               reader_;
    key_interval                              within_;
    bool                                      forward_;
    bool                                      started_ = false;
    std::vector<typename kind::delta::cursor> memory_;
    std::vector<part_cursor>                  parts_;
    typename reader_type::pin                 block_;
};

}  // namespace tenon
