// SPDX-License-Identifier: Apache-2.0
// Joins runs that lie next to each other in age into one, and says which ones deserve it.
#pragma once

#include "tenon/run/builder.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace tenon {

/// Half-open interval of ordinals in a list of runs, newest first.
struct merge_choice {
    std::size_t first = 0, last = 0;
    bool        empty() const noexcept { return last - first < 2; }
};

/// Size-tiered: the newest group of at least `fan_in` neighbours of which none is more than four times as large as the
/// smallest is joined. Runs above max_rows are left alone. A row is so rewritten O(log n) times.
inline merge_choice choose_merge(std::span<std::uint64_t const> rows_newest_first, std::size_t fan_in, std::uint64_t max_rows) {
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

/// Joins runs (newest first, neighbours in age) into a new one. Of each key only the newest version stays; tombstones go
/// too when `oldest_included`, since nothing older is left for them to hide.
///
/// Every snapshot that could see a dropped version pins the runs that hold it, so it is still there for that snapshot.
/// Cost O(rows log runs) plus the building of each index part.
template <class Table, page_store Store>
result<run_descriptor> merge_runs(std::shared_ptr<Store> store, std::span<std::shared_ptr<run<Table, Store> const> const> runs,
                                  bool oldest_included, std::size_t block_bytes) {
    using schema_type = typename Table::schema_type;
    struct head {
        typename run<Table, Store>::keys_type const* keys;
        position                                     at = 0;
        typename run<Table, Store>::keys_type::buffer space{};
        std::string_view                             key;
    };
    std::vector<head> heads;
    for (auto const& r : runs) {
        auto keys = r->keys();
        if (!keys) return fail(std::move(keys).error());
        heads.push_back({*keys, 0, {}, {}});
    }
    for (auto& h : heads)
        if (h.at < h.keys->size()) h.key = as_chars(h.keys->key(h.at, h.space));
    run_builder<Table, Store> builder(std::move(store), block_bytes);
    for (;;) {
        std::size_t newest = heads.size();  // of the smallest key; ties go to the newest run
        for (std::size_t i = 0; i < heads.size(); ++i)
            if (heads[i].at < heads[i].keys->size() && (newest == heads.size() || heads[newest].key > heads[i].key)) newest = i;
        if (newest == heads.size()) break;
        std::string const key(heads[newest].key);
        auto const        at   = heads[newest].at;
        auto              dead = runs[newest]->is_tombstone(at);
        auto              when = runs[newest]->committed(at);
        if (!dead) return fail(std::move(dead).error());
        if (!when) return fail(std::move(when).error());
        if (!(*dead && oldest_included)) {
            byte_view columns[schema_type::size];
            if (!*dead)
                if (auto done = runs[newest]->columns(at, columns); !done) return fail(std::move(done).error());
            if (auto done = builder.add(as_bytes(key), *when, *dead, columns); !done) return fail(std::move(done).error());
        }
        for (auto& h : heads)
            if (h.at < h.keys->size() && h.key == key && ++h.at < h.keys->size()) h.key = as_chars(h.keys->key(h.at, h.space));
    }
    return builder.finish();
}

}  // namespace tenon
