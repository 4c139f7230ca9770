// SPDX-License-Identifier: Apache-2.0
// What a transaction has written and not yet committed: a memtable of its own for each table.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/run/memtable.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <tuple>
#include <utility>

namespace tenon {

/// Adds the weights of a row's indexed members to totals, or takes them off.
template <class Table, class Totals>
void add_weights(byte_view const (&columns)[Table::schema_type::size], Totals& totals, bool plus) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        [[maybe_unused]] auto one = [&]<std::size_t J>(std::integral_constant<std::size_t, J>) {
            using spec = typename Table::template index_spec<J>;
            typename spec::kind_type::value_type value{};
            if (!Table::schema_type::extract(columns, typename spec::key_type{}, value)) return;
            auto const w = spec::kind_type::weight(value);
            if (plus) totals.weights[J] += w;
            else totals.weights[J] -= w;
        };
        (one(std::integral_constant<std::size_t, I>{}), ...);
    }(std::make_index_sequence<Table::index_count>{});
}

/// One memtable for each table, made on first use, with the number of the operation in place of a timestamp. Index deltas
/// are fed only when a query of the transaction needs them.
template <class Tables>
class write_set {
    template <class Tuple>
    struct over;
    template <class... T>
    struct over<std::tuple<T...>> {
        using type = std::tuple<std::unique_ptr<memtable<T>>...>;
    };

public:
    static constexpr std::size_t table_count = std::tuple_size_v<Tables>;

    /// Where a transaction can go back to.
    struct mark {
        std::array<position, table_count> sizes{};
    };

    template <std::size_t T>
    auto* table() const noexcept {
        return std::get<T>(tables_).get();
    }
    template <std::size_t T>
    auto& make() {
        auto& t = std::get<T>(tables_);
        if (t == nullptr) t = std::make_unique<typename std::remove_cvref_t<decltype(t)>::element_type>();
        return *t;
    }
    template <std::size_t T>
    void add(byte_view key, byte_view record, bool tombstone) {
        make<T>().add(key, record, tombstone, ++operations_, false);
    }
    /// visit(row_version const*) for the newest version of each key, in key order.
    template <std::size_t T, class Visit>
    void each(Visit visit) const {
        auto* t = table<T>();
        if (t == nullptr) return;
        typename std::remove_cvref_t<decltype(*t)>::cursor c(*t, ~timestamp{0});
        for (c.seek_first(); c.valid(); c.next()) visit(c.version());
    }
    /// What the log gets: timestamp (set later), number of operations, then table, kind, key and record of each.
    result<byte_vector> commit_record() const {
        std::uint64_t n = 0, bytes = sizeof(timestamp) + sizeof n;
        each_version([&](std::size_t, row_version const* v) {
            bytes += 2 + 4 + v->key().size() + 4 + v->record().size();
            ++n;
        });
        if (bytes > (std::uint64_t{1} << 30))
            return fail(errc::too_large, {"the transaction has ", bytes,
                                          " bytes, and one commit holds 1 GiB at most; commit in several steps"});
        byte_vector out;
        out.reserve(static_cast<std::size_t>(bytes));
        put(out, timestamp{0});
        put(out, n);
        each_version([&](std::size_t table, row_version const* v) {
            put(out, static_cast<std::uint8_t>(table));
            put(out, static_cast<std::uint8_t>(v->tombstone));
            put_sized(out, v->key());
            put_sized(out, v->record());
        });
        return out;
    }
    bool empty() const noexcept { return operations_ == 0; }
    mark here() const {
        mark m;
        each_table([&](std::size_t t, auto const& table) { m.sizes[t] = table ? table->size() : 0; });
        return m;
    }
    void back_to(mark const& m) {
        each_table([&](std::size_t t, auto const& table) {
            if (table) table->kill_from(m.sizes[t]);
        });
    }

private:
    /// visit(table, row_version const*), as each<T> for one table after the other.
    template <class Visit>
    void each_version(Visit visit) const {
        [&]<std::size_t... T>(std::index_sequence<T...>) {
            (each<T>([&](row_version const* v) { visit(T, v); }), ...);
        }(std::make_index_sequence<table_count>{});
    }
    template <class F>
    void each_table(F f) const {
        [&]<std::size_t... T>(std::index_sequence<T...>) {
            (f(T, std::get<T>(tables_)), ...);
        }(std::make_index_sequence<table_count>{});
    }
    typename over<Tables>::type tables_;
    timestamp                   operations_ = 0;
};

}  // namespace tenon
