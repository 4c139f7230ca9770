// SPDX-License-Identifier: Apache-2.0
// Commit records of the log, read back into memtables.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/run/memtable_loader.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

namespace tenon {

/// commit_replay - takes commits in the order of the log, and fills a memtable for each table when all have come.
///
/// Guarantee   what the memtables hold is what applying each commit alone would have left (memtable_loader). An error leaves them unusable.
/// Errors      errc::corrupt names the commit that is malformed or out of order.
/// On disk     docs/formats/commit_record.md
template <class... Table>
class commit_replay {
    static constexpr std::size_t table_count = sizeof...(Table);

public:
    /// Commits up to `last` are in runs already; `path` is for errors. `threads`: whether it may have one of its own.
    commit_replay(std::string const& path, timestamp last, bool threads, memtable<Table>&... to)
        : path_(&path), last_(last), loaders_(memtable_loader<Table>(to, threads)...) {}

    result<void> take(byte_view record) {
        byte_reader in(record);
        auto const  at = in.get<timestamp>();
        if (!in.ok() || at <= last_)
            return fail(errc::corrupt, {*path_, ": commit ", at, " in the log follows commit ", last_,
                                        "; a larger number was expected"});
        auto const n = in.get<std::uint64_t>();
        for (std::uint64_t i = 0; i < n; ++i) {
            auto const t    = in.get<std::uint8_t>();
            auto const kind = in.get<std::uint8_t>();
            auto const key  = in.get_sized();
            auto const row  = in.get_sized();
            if (!in.ok() || t >= table_count || kind > 1)
                return fail(errc::corrupt, {*path_, ": operation ", i, " of commit ", at, " in the log is malformed"});
            bool const whole = [&]<std::size_t... T>(std::index_sequence<T...>) {
                return ((t != T || add<T>(key, row, kind == 1, at)) && ...);
            }(std::index_sequence_for<Table...>{});
            if (!whole) return fail(errc::corrupt, {*path_, ": a row of commit ", at, " in the log does not decode"});
        }
        if (!in.at_end())
            return fail(errc::corrupt, {*path_, ": commit ", at, " in the log is longer than its operations"});
        last_ = at;
        return {};
    }
    /// The commit that came last, of all and of those that wrote to a table; 0 where none did.
    timestamp                                 last() const noexcept { return last_; }
    std::array<timestamp, table_count> const& last_of_tables() const noexcept { return last_of_tables_; }

    /// When all commits have come; visit as memtable_loader::finish has it.
    template <std::size_t T, class Visit>
    result<void> finish(Visit visit) {
        return std::get<T>(loaders_).finish(visit);
    }

private:
    template <std::size_t T>
    bool add(byte_view key, byte_view row, bool tombstone, timestamp at) {
        using schema = typename std::tuple_element_t<T, std::tuple<Table...>>::schema_type;
        byte_view columns[schema::size];
        if (!tombstone && !schema::split(row, columns)) return false;
        std::get<T>(loaders_).add(key, row, tombstone, at);
        last_of_tables_[T] = at;
        return true;
    }

    std::string const*                    path_;
    timestamp                             last_;
    std::array<timestamp, table_count>    last_of_tables_{};
    std::tuple<memtable_loader<Table>...> loaders_;
};

}  // namespace tenon
