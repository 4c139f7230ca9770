// SPDX-License-Identifier: Apache-2.0
// Joins runs that lie next to each other in age into one, and says which ones deserve it.
#pragma once

#include "tenon/run/builder.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tenon {

/// Half-open interval of ordinals in a list of runs, newest first.
struct merge_choice {
    std::size_t first = 0, last = 0;
    bool        empty() const noexcept { return last - first < 2; }
};

/// Size-tiered: the newest group of at least `fan_in` neighbours of which none is more than four times as large as the
/// smallest is joined. Runs above max_rows are left alone. A row is so rewritten O(log n) times.
inline merge_choice choose_merge(std::span<std::uint64_t const> rows_newest_first, std::size_t fan_in,
                                 std::uint64_t max_rows) {
    for (std::size_t first = 0; first + 1 < rows_newest_first.size(); ++first) {
        std::uint64_t low = ~std::uint64_t{0}, high = 0, sum = 0;
        std::size_t   last = first;
        for (; last < rows_newest_first.size(); ++last) {
            auto const n = rows_newest_first[last] + 1;
            if (sum + n > max_rows || (std::max(high, n) > 4 * std::min(low, n) && last > first)) break;
            low  = std::min(low, n);
            high = std::max(high, n);
            sum += n;
        }
        if (last - first >= std::max<std::size_t>(fan_in, 2)) return {first, last};
    }
    return {};
}

namespace detail {

/// merge_walk - the newest version of each key of several runs, in key order.
template <class Core>
class merge_walk {
public:
    /// runs, newest first, are added before the first next().
    result<void> add(Core const& run) {
        auto keys = run.keys();
        if (!keys) return fail(std::move(keys).error());
        heads_.push_back({&run, *keys, 0, {}, {}});
        return {};
    }
    /// Goes to the next key; false at the end.
    result<bool> next() {
        for (auto& h : heads_) {
            if (started_ && !(h.at < h.keys->size() && h.key == key_)) continue;
            if (started_) ++h.at;
            if (h.at < h.keys->size()) h.key = as_chars(h.keys->key(h.at, h.space));
        }
        started_ = true;
        from_    = heads_.size();  // of the smallest key; ties go to the newest run
        for (std::size_t i = 0; i < heads_.size(); ++i)
            if (heads_[i].at < heads_[i].keys->size() && (from_ == heads_.size() || heads_[from_].key > heads_[i].key))
                from_ = i;
        if (from_ == heads_.size()) return false;
        key_.assign(heads_[from_].key);
        auto dead = heads_[from_].run->is_tombstone(at());
        if (!dead) return dead;
        auto when = heads_[from_].run->committed(at());
        if (!when) return fail(std::move(when).error());
        dead_ = *dead;
        when_ = *when;
        return true;
    }
    std::size_t from() const noexcept { return from_; }  ///< ordinal of the run
    position    at() const noexcept { return heads_[from_].at; }
    byte_view   key() const noexcept { return as_bytes(key_); }
    bool        dead() const noexcept { return dead_; }
    timestamp   when() const noexcept { return when_; }

private:
    struct head {
        Core const*                      run;
        typename Core::keys_type const*  keys;
        position                         at = 0;
        typename Core::keys_type::buffer space{};
        std::string_view                 key;
    };
    std::vector<head> heads_;
    std::string       key_;
    std::size_t       from_    = 0;
    timestamp         when_    = 0;
    bool              started_ = false, dead_ = false;
};

}  // namespace detail

/// Joins runs (newest first, neighbours in age) into a new one. Of each key only the newest version stays; tombstones go
/// too when `oldest_included`, since nothing older is left for them to hide.
///
/// Every snapshot that could see a dropped version pins the runs that hold it, so it is still there for that snapshot.
/// Cost O(rows log runs) plus the building of each index part.
template <class Table, page_store Store>
[[gnu::noinline]] result<run_descriptor> merge_runs(std::shared_ptr<Store>                                    store,
                                                    std::span<std::shared_ptr<run<Table, Store> const> const> runs,
                                                    bool oldest_included, std::size_t block_bytes) {
    detail::merge_walk<typename run<Table, Store>::core_type> walk;
    for (auto const& r : runs)
        if (auto done = walk.add(*r); !done) return fail(std::move(done).error());
    run_builder<Table, Store>                    builder(std::move(store), block_bytes);
    std::vector<typename run<Table, Store>::pin> pins(runs.size());
    for (;;) {
        auto more = walk.next();
        if (!more) return fail(std::move(more).error());
        if (!*more) return builder.finish();
        if (walk.dead() && oldest_included) continue;
        byte_view columns[Table::schema_type::size];
        if (!walk.dead())
            if (auto done = runs[walk.from()]->columns(walk.at(), columns, pins[walk.from()]); !done)
                return fail(std::move(done).error());
        if (auto done = builder.add(walk.key(), walk.when(), walk.dead(), columns); !done)
            return fail(std::move(done).error());
    }
}

}  // namespace tenon
