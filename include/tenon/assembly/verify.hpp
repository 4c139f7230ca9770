// SPDX-License-Identifier: Apache-2.0
// Verification: checksums and structures of everything, and each index against the rows.
#pragma once

#include "tenon/assembly/view.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tenon {

/// What was read and compared.
struct verify_report {
    std::uint64_t rows = 0, runs = 0, blocks = 0, index_entries = 0;
};

/// An index kind whose parts are compared with the rows in its own way: `K::verify(part, entries)`, entries being pairs of value and
/// position in ascending order. Kinds without it are rebuilt from the rows and compared byte by byte.
template <class K>
concept self_verifying =
    requires(typename K::part const& p, std::vector<std::pair<typename K::value_type, position>> const& entries) {
        { K::verify(p, entries) } -> std::same_as<result<void>>;
    };

namespace detail {

template <class Table, class Store, std::size_t I>
result<void> verify_part(run<Table, Store> const& r, Store const& store, verify_report& report) {
    using spec       = typename Table::template index_spec<I>;
    using kind       = typename spec::kind_type;
    auto const where = [&] {
        return std::string("table ").append(Table::name) + ", " + kind::describe() + " " + spec::key_type::name();
    };
    auto part = r.template part<I>();
    if (!part) return fail(std::move(part).error().while_("opening " + where()));
    if (auto ok = (*part)->validate(); !ok) return fail(std::move(ok).error().while_("checking " + where()));
    auto keys = r.keys();
    if (!keys) return fail(std::move(keys).error());
    typename kind::builder                                      again;
    std::vector<std::pair<typename kind::value_type, position>> entries;
    typename run<Table, Store>::pin                             keep;
    for (position at = 0; at < r.size(); ++at) {
        auto dead = r.is_tombstone(at);
        if (!dead) return fail(std::move(dead).error());
        if (*dead) continue;
        byte_view columns[Table::schema_type::size];
        if (auto done = r.columns(at, columns, keep); !done) return done;
        typename kind::value_type value{};
        if (!Table::schema_type::extract(columns, typename spec::key_type{}, value))
            return fail(errc::corrupt, {where(), ": the member of row ", at, " does not decode"});
        typename run<Table, Store>::keys_type::buffer space;
        if constexpr (self_verifying<kind>) entries.emplace_back(std::move(value), at);
        else again.add(value, (*keys)->key(at, space), at);
        ++report.index_entries;
    }
    if constexpr (self_verifying<kind>) {
        if (auto ok = kind::verify(**part, entries); !ok)
            return fail(std::move(ok).error().while_("comparing " + where() + " with its rows"));
    } else {
        auto fresh  = again.finish();
        auto stored = store.read(r.descriptor().parts[I]);
        if (!fresh) return fail(std::move(fresh).error());
        if (!stored) return fail(std::move(stored).error());
        if (as_chars(*fresh) != as_chars(stored->bytes()))
            return fail(
                errc::corrupt,
                {where(),
                 " does not hold what its rows say; restore from a backup, or export the rows and load them anew"});
    }
    return {};
}

template <class Table, class Store>
result<void> verify_run(run<Table, Store> const& r, Store const& store, verify_report& report) {
    auto const where = std::string("table ").append(Table::name);
    auto       keys  = r.keys();
    if (!keys) return fail(std::move(keys).error());
    if (auto ok = (*keys)->validate(); !ok) return fail(std::move(ok).error().while_("checking the keys of " + where));
    typename run<Table, Store>::pin keep;
    std::uint64_t                   tombstones = 0;
    std::string                     before;
    for (position at = 0; at < r.size(); ++at) {
        typename run<Table, Store>::keys_type::buffer space;
        auto const                                    key = (*keys)->key(at, space);
        if (at > 0 && as_chars(key) <= before)
            return fail(errc::corrupt, {where, ": row ", at, " of a run has no greater key than the row before"});
        before.assign(as_chars(key));
        auto found = r.find(key, hash_bytes(key));
        if (!found) return fail(std::move(found).error());
        if (*found != at)
            return fail(errc::corrupt, {where, ": the key of row ", at, " is not found by its own index or filter"});
        auto dead = r.is_tombstone(at);
        if (!dead) return fail(std::move(dead).error());
        if (*dead) {
            ++tombstones;
            continue;
        }
        typename Table::row_type row{};
        if (auto done = r.row(at, row, keep); !done) return done;
        if (auto again = Table::key_bytes(row); as_chars(again) != as_chars(key))
            return fail(errc::corrupt,
                        {where, ": row ", at, " of a run does not have the key under which it is stored"});
    }
    if (tombstones != r.descriptor().tombstones)
        return fail(errc::corrupt, {where, ": a run has another number of deleted rows than its root says"});
    auto directory = r.directory();
    if (!directory) return fail(std::move(directory).error());
    report.blocks += (*directory)->blocks().size();
    ++report.runs;
    result<void> done;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (void)((done = verify_part<Table, Store, I>(r, store, report), done.has_value()) && ...);
    }(std::make_index_sequence<Table::index_count>{});
    return done;
}

}  // namespace detail

/// Reads all live extents, every run and every row; errc::corrupt names the first thing that is wrong. O(data), and for parts that are
/// rebuilt as long as a flush takes. Runs beside readers and writers, on the state of the moment it begins.
template <class Engine>
result<verify_report> verify(Engine& engine) {
    verify_report report;
    auto          store = engine.claimed_store();
    if (!store) return fail(std::move(store).error());
    if (auto ok = (*store)->verify(); !ok) return fail(std::move(ok).error());
    auto const             pinned = engine.pin(false);
    snapshot<Engine> const all(pinned);
    result<void>           done;
    auto const             one = [&]<std::size_t T>(std::integral_constant<std::size_t, T>) {
        using table = std::tuple_element_t<T, typename Engine::tables>;
        for (auto const& r : std::get<T>(pinned.state.get()).runs) {
            done = detail::verify_run(*r, **store, report);
            if (!done) return false;
        }
        std::uint64_t rows = 0;
        auto          walk = all.template all<typename table::row_type>();
        for (;;) {
            auto row = walk.next();
            if (!row) {
                done = fail(std::move(row).error());
                return false;
            }
            if (!*row) break;
            ++rows;
        }
        if (rows != std::get<T>(pinned.totals).rows) {
            done = fail(errc::corrupt, {"table ", table::name, ": ", rows, " rows are seen, ",
                                        std::get<T>(pinned.totals).rows, " are counted"});
            return false;
        }
        report.rows += rows;
        return true;
    };
    [&]<std::size_t... T>(std::index_sequence<T...>) {
        (void)(one(std::integral_constant<std::size_t, T>{}) && ...);
    }(std::make_index_sequence<std::tuple_size_v<typename Engine::tables>>{});
    if (!done) return fail(std::move(done).error());
    return report;
}

}  // namespace tenon
