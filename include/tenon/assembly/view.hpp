// SPDX-License-Identifier: Apache-2.0
// Queries: everything that can be asked of a snapshot, and of a transaction, which also sees its own writes.
#pragma once

#include "tenon/assembly/cursor.hpp"
#include "tenon/assembly/engine.hpp"
#include "tenon/text_index/bm25.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace tenon {

/// A row that an index found. `distance`: metres for a spatial index, the metric's distance for vectors, 0 else.
/// `score`: BM25 for text, larger is better, 0 else.
template <class Row>
struct hit {
    Row    row;
    double distance = 0;
    double score    = 0;
};

/// What an index query found, in its order. Rows are read when the iteration comes to them.
template <class Table, class Store, class State>
class hit_list {
    using location_type = location<Table, Store>;

public:
    struct found {
        location_type where;
        double        distance = 0, score = 0;
    };
    using value_type = hit<typename Table::row_type>;

    hit_list(state_hold<State> state, table_reader<Table, Store> reader, result<std::vector<found>> rows)
        : state_(std::move(state)), reader_(std::move(reader)), found_(std::move(rows)) {}

    std::size_t size() const noexcept { return found_ ? found_->size() : 0; }

    result<std::optional<value_type>> next() {
        if (!found_) return fail(found_.error());
        if (at_ == found_->size()) return std::optional<value_type>{};
        auto const in = state_.enter();
        if (!in) return snapshot_expired();
        auto const& f   = (*found_)[at_++];
        auto        row = reader_.row(f.where);
        if (!row) return fail(std::move(row).error());
        return std::optional<value_type>({std::move(*row), f.distance, f.score});
    }

private:
    state_hold<State>          state_;
    table_reader<Table, Store> reader_;
    result<std::vector<found>> found_;
    std::size_t                at_ = 0;
};

/// The stream of an index query; size() is known before rows are read.
template <class Table, class Store, class State>
class hits : public stream<hit_list<Table, Store, State>> {
public:
    using stream<hit_list<Table, Store, State>>::stream;
    /// How many rows were found, read or not; 0 when the query failed.
    std::size_t size() const noexcept { return this->producer().size(); }
};

namespace detail {
template <class T, class Row>
inline constexpr std::size_t table_of_row = 0;
template <class Row, class... T>
inline constexpr std::size_t table_of_row<std::tuple<T...>, Row> = [] {
    std::size_t at = 0, found = sizeof...(T);
    ((std::is_same_v<typename T::row_type, Row> ? void(found = at++) : void(++at)), ...);
    return found;
}();

template <class K>
struct is_ordered : std::false_type {};
template <class V, class I>
struct is_ordered<ordered_kind<V, I>> : std::true_type {};
template <class K>
struct is_spatial : std::false_type {};
template <class S>
struct is_spatial<spatial_kind<S>> : std::true_type {};
template <class K>
struct is_text : std::false_type {};
template <class V, class T>
struct is_text<text_kind<V, T>> : std::true_type {};
template <class K>
struct is_nearest : std::false_type {};
template <std::size_t N, class V>
struct is_nearest<nearest_kind<N, V>> : std::true_type {};
template <class K>
struct is_own : std::bool_constant<!is_ordered<K>::value && !is_spatial<K>::value && !is_text<K>::value &&
                                   !is_nearest<K>::value> {};
}  // namespace detail

/// view - the queries that a snapshot and a transaction share.
///
/// Rows are addressed by their type, indexes by the member they index; one that the table does not have does not compile.
/// Point reads return result<optional<row>>; everything else returns a stream: `for (auto const& row : view.range<...>(...))`, or
/// next() for who handles errors. Intervals are half-open: [low, high), std::nullopt leaves an end open.
/// Threads     a snapshot may be queried by any number of threads; a transaction by one.
template <class Engine>
class view {
protected:
    using tables = typename Engine::tables;
    using store  = typename Engine::store_type;
    using state  = typename Engine::state_type;
    template <std::size_t T>
    using table_at = std::tuple_element_t<T, tables>;
    template <class Tuple>
    struct readers_of;
    template <class... T>
    struct readers_of<std::tuple<T...>> {
        using type = std::tuple<table_reader<T, store>...>;
    };
    template <class Row>
    static constexpr std::size_t table_index() {
        constexpr auto t = detail::table_of_row<tables, Row>;
        static_assert(t < std::tuple_size_v<tables>, "tenon: no table of this database holds rows of this type");
        return t;
    }

public:
    /// The commit that is seen last.
    timestamp at() const noexcept { return pinned_.at; }

    /// The row with a primary key; a composite key is given as its parts: `view.get<line>(order, number)`.
    template <class Row, class... Parts>
    result<std::optional<Row>> get(Parts const&... parts) const {
        constexpr auto T = table_index<Row>();
        byte_vector    key;
        static_assert(sizeof...(Parts) == table_at<T>::key_type::size,
                      "tenon: get() takes one value for each member of the primary key");
        encode_key_value<typename table_at<T>::key_type>(key, typename table_at<T>::key_type::tuple_type(parts...));
        return get_encoded<T>(key);
    }
    /// Whether there is a row with this primary key.
    template <class Row, class... Parts>
    result<bool> contains(Parts const&... parts) const {
        auto r = get<Row>(parts...);
        if (!r) return fail(std::move(r).error());
        return r->has_value();
    }
    /// The number of rows, O(1) on a snapshot.
    template <class Row>
    result<std::uint64_t> count() const {
        constexpr auto T = table_index<Row>();
        note_scan<T>();
        auto const in = pinned_.state.enter();
        if (!in) return snapshot_expired();
        auto t = totals<T>();
        if (!t) return fail(std::move(t).error());
        return t->rows;
    }
    /// All rows in primary key order, or backwards.
    template <class Row>
    auto all(order direction = order::ascending) const {
        constexpr auto T = table_index<Row>();
        note_scan<T>();
        return stream(primary_rows<table_at<T>, store, state>(pinned_.state, reader<T>(), {}, direction));
    }
    /// Rows whose member lies in [low, high), in the order of that member: the primary key or an ordered index.
    /// Composite keys take std::tuple, also of the first members only.
    template <auto Key, class Low, class High>
    auto range(Low const& low, High const& high, order direction = order::ascending) const {
        using key        = key_for<Key>;
        constexpr auto T = table_index<typename key::row_type>();
        using table      = table_at<T>;
        note_scan<T>();
        key_interval within{bound<key>(low), bound<key>(high)};
        if constexpr (std::is_same_v<key, typename table::key_type>) {
            explain<T>(
                [] { return std::string("primary ") + std::string(table::index_type::name) + " " + key::name(); });
            return stream(primary_rows<table, store, state>(pinned_.state, reader<T>(), std::move(within), direction));
        } else {
            constexpr auto I = table::template find_index<key, detail::is_ordered>();
            static_assert(I < table::index_count,
                          "tenon: range<> needs the primary key or an ordered index over this member; add "
                          "tenon::ordered<&row::member> to the table");
            feed<T>();
            explain_index<T, I>();
            return stream(
                ordered_rows<table, store, state, I>(pinned_.state, reader<T>(), std::move(within), direction));
        }
    }
    /// Rows whose point lies in a window, in no order. west > east crosses the antimeridian.
    template <auto Key>
    auto within(lonlat_box const& box) const {
        return select<Key, detail::is_spatial>(
            "tenon: within<> needs a spatial index over this member; add tenon::spatial<&row::member> to the table",
            [&](auto const& x, auto visit) { x.within(box, visit); });
    }
    /// Rows that an index kind of your own finds.
    template <auto Key, class... Args>
    auto query(Args const&... args) const {
        return select<Key, detail::is_own>("", [&](auto const& x, auto visit) { x.query(args..., visit); });
    }
    /// The k rows nearest to a point, by great-circle distance; hit.distance is in metres.
    template <auto Key>
    auto closest(lonlat from, std::size_t k) const {
        return ranked<Key, detail::is_spatial, near_hit>(
            k, [&](auto const& x, auto accept, auto& out) { x.closest(from, k, accept, out); },
            [](near_hit const& h) { return h.metres; });
    }
    /// The k rows nearest to a vector under the index's metric.
    template <auto Key, std::size_t N>
    auto closest(std::array<float, N> const& to, std::size_t k, vector_search_options options = {}) const {
        static_assert(std::is_same_v<typename key_for<Key>::value_type, std::array<float, N>>,
                      "tenon: closest<> takes a vector with as many elements as the member has");
        return ranked<Key, detail::is_nearest, vector_hit>(
            k,
            [&](auto const& x, auto accept, auto& out) {
                x.closest(std::span<float const>(to), k, options, accept, out);
            },
            [](vector_hit const& h) { return static_cast<double>(h.distance); });
    }
    /// The k rows that answer a query best: BM25 over words, case and accents folded; rows hold at least one of the words.
    template <auto Key>
    auto search(std::string_view words, std::size_t k = 10) const {
        using key        = key_for<Key>;
        constexpr auto T = table_index<typename key::row_type>();
        constexpr auto I = table_at<T>::template find_index<key, detail::is_text>();
        static_assert(
            I < table_at<T>::index_count,
            "tenon: search<> needs a text index over this member; add tenon::text<&row::member> to the table");
        note_scan<T>();
        feed<T>();
        explain_index<T, I>();
        auto const in = pinned_.state.enter();
        return make_hits<T>(in ? search_in<T, I>(query_terms<>(words), k) : snapshot_expired());
    }
    /// Rows whose numeric member lies in [low, high), in no order, without an index: blocks whose zones lie outside are skipped.
    template <auto Member, class Low, class High>
    auto scan(Low const& low, High const& high) const {
        using key        = key_for<Member>;
        constexpr auto T = table_index<typename key::row_type>();
        static_assert(table_at<T>::schema_type::template index_of<Member>() < table_at<T>::schema_type::size,
                      "tenon: scan<> needs a member that is among the table's columns");
        static_assert(detail::has_zone<typename key::value_type>(),
                      "tenon: scan<> takes numeric members; use range<> over an ordered index for others");
        note_scan<T>();
        explain<T>([] { return "zones " + key::name(); });
        auto const in = pinned_.state.enter();
        return make_hits<T>(in ? scan_in<T, Member>(bound<key>(low), bound<key>(high)) : snapshot_expired());
    }

protected:
    view(typename Engine::pinned p, typename Engine::write_set_type* writes, typename Engine::read_set* reads,
         query_trace* trace)
        : pinned_(std::move(p)),
          writes_(writes),
          reads_(reads),
          trace_(trace),
          readers_(make_readers(std::make_index_sequence<std::tuple_size_v<tables>>{})) {}

    template <std::size_t T>
    table_reader<table_at<T>, store> make_reader() const {
        memtable<table_at<T>> const* own = nullptr;
        if (writes_ != nullptr) own = writes_->template table<T>();
        static table_state<table_at<T>, store> const nothing{};  // of a snapshot that has expired; who reads is told so
        auto const                                   in = pinned_.state.enter();
        return {in ? std::get<T>(pinned_.state.get()) : nothing, own, pinned_.at, trace_};
    }
    template <std::size_t... T>
    auto make_readers(std::index_sequence<T...>) const {
        return typename readers_of<tables>::type(make_reader<T>()...);
    }
    template <std::size_t T>
    auto const& reader() const noexcept {
        return std::get<T>(readers_);
    }

    template <std::size_t T>
    result<std::optional<typename table_at<T>::row_type>> get_encoded(byte_view key) const {
        using optional_row = std::optional<typename table_at<T>::row_type>;
        if (reads_ != nullptr) reads_->keys[T].emplace_back(as_chars(key));
        explain<T>([] {
            return std::string("primary ") + std::string(table_at<T>::index_type::name) + " " +
                   table_at<T>::key_type::name();
        });
        auto const in = pinned_.state.enter();
        if (!in) return snapshot_expired();
        auto l = reader<T>().locate_live(key);
        if (!l) return fail(std::move(l).error());
        if (!*l) return optional_row{};
        if (trace_ != nullptr) ++trace_->hits;
        auto row = reader<T>().row(*l);
        if (!row) return fail(std::move(row).error());
        return optional_row(std::move(*row));
    }

    typename Engine::pinned           pinned_;
    typename Engine::write_set_type*  writes_;
    typename Engine::read_set*        reads_;
    query_trace*                      trace_;
    typename readers_of<tables>::type readers_;

private:
    template <class Key, class Value>
    static std::optional<byte_vector> bound(Value const& v) {
        if constexpr (std::is_same_v<Value, std::nullopt_t>) return std::nullopt;
        else if constexpr (requires {
                               v.has_value();
                               *v;
                           } && !std::is_same_v<Value, typename Key::value_type>) {
            return v.has_value() ? bound<Key>(*v) : std::nullopt;
        } else {
            byte_vector out;
            encode_key_value<Key>(out, v);
            return out;
        }
    }
    template <std::size_t T>
    void note_scan() const {
        if (reads_ != nullptr) reads_->scanned[T] = true;
    }
    /// A transaction's own writes reach its index deltas when a query first needs them.
    template <std::size_t T>
    void feed() const {
        if (writes_ == nullptr) return;
        if (auto* own = writes_->template table<T>()) own->feed_deltas();
    }
    template <std::size_t T, class Text>
    void explain(Text text) const {
        if (trace_ == nullptr) return;
        if (auto const name = text(); trace_->index.find(name) == std::string::npos)
            trace_->index += (trace_->index.empty() ? "" : ", ") + name;
    }
    template <std::size_t T, std::size_t I>
    void explain_index() const {
        using spec = typename table_at<T>::template index_spec<I>;
        explain<T>([] { return spec::kind_type::describe() + " " + spec::key_type::name(); });
    }
    template <std::size_t T>
    auto make_hits(result<std::vector<typename hit_list<table_at<T>, store, state>::found>> found) const {
        if (trace_ != nullptr && found) trace_->hits += found->size();
        return hits<table_at<T>, store, state>(
            hit_list<table_at<T>, store, state>(pinned_.state, reader<T>(), std::move(found)));
    }

    /// The snapshot's totals and what the transaction's own writes change of them.
    template <std::size_t T>
    result<table_totals<table_at<T>>> totals() const {
        auto out = std::get<T>(pinned_.totals);
        if (writes_ == nullptr || writes_->template table<T>() == nullptr) return out;
        result<void>                     done;
        table_reader<table_at<T>, store> before(std::get<T>(pinned_.state.get()), nullptr, pinned_.at, nullptr);
        writes_->template each<T>([&](row_version const* v) {
            if (!done) return;
            auto old = before.locate_live(v->key());
            if (!old) {
                done = fail(std::move(old).error());
                return;
            }
            byte_view                                      columns[table_at<T>::schema_type::size];
            typename table_reader<table_at<T>, store>::pin keep;
            if (*old) {
                --out.rows;
                done = before.columns(*old, columns, keep);
                if (done) add_weights<table_at<T>>(columns, out, false);
            }
            if (!v->tombstone && table_at<T>::schema_type::split(v->record(), columns)) {
                ++out.rows;
                add_weights<table_at<T>>(columns, out, true);
            }
        });
        if (!done) return fail(std::move(done).error());
        return out;
    }

    /// ask(index, source): calls ask once for the delta of each memtable and the part of each run.
    template <std::size_t T, std::size_t I, class AskDelta, class AskPart>
    result<void> each_source(AskDelta ask_delta, AskPart ask_part) const {
        auto const& r = reader<T>();
        for (std::size_t i = 0; i < r.memory().size(); ++i) {
            if (trace_ != nullptr) ++trace_->memtables;
            if (auto done = ask_delta(r.memory()[i].table->template delta<I>(), i); !done) return done;
        }
        for (std::size_t i = 0; i < r.runs().size(); ++i) {
            if (trace_ != nullptr) ++trace_->runs;
            auto part = r.runs()[i]->template part<I>();
            if (!part) return fail(std::move(part).error());
            if (auto done = ask_part(**part, i); !done) return done;
        }
        return {};
    }
    /// Whether the row at a position of a source is seen; an error is kept for later and counts as no.
    template <std::size_t T>
    auto seen_in_memory(std::size_t i) const {
        return [this, i](position at) {
            if (trace_ != nullptr) ++trace_->candidates;
            return reader<T>().is_current(i, reader<T>().memory()[i].table->at(at));
        };
    }
    template <std::size_t T>
    auto seen_in_run(std::size_t i, result<void>& failed) const {
        return [this, i, &failed](position at) {
            if (trace_ != nullptr) ++trace_->candidates;
            auto seen = reader<T>().is_current_in_run(i, at);
            if (!seen) failed = fail(std::move(seen).error());
            return seen && *seen;
        };
    }
    template <std::size_t T>
    location<table_at<T>, store> in_memory(std::size_t i, position at) const {
        return {reader<T>().memory()[i].table->at(at), nullptr, 0};
    }
    template <std::size_t T>
    location<table_at<T>, store> in_run(std::size_t i, position at) const {
        return {nullptr, reader<T>().runs()[i].get(), at};
    }

    template <auto Key, template <class> class Test, class Ask>
    auto select(char const*, Ask ask) const {
        using key        = key_for<Key>;
        constexpr auto T = table_index<typename key::row_type>();
        constexpr auto I = table_at<T>::template find_index<key, Test>();
        static_assert(I < table_at<T>::index_count,
                      "tenon: this query needs an index over this member that the table does not have; add "
                      "tenon::spatial<&row::member>, or tenon::index<&row::member, kind> for one of your own");
        note_scan<T>();
        feed<T>();
        explain_index<T, I>();
        auto const in = pinned_.state.enter();
        if (!in) return make_hits<T>(snapshot_expired());
        using found = typename hit_list<table_at<T>, store, state>::found;
        std::vector<found> out;
        result<void>       failed;
        auto               done = each_source<T, I>(
            [&](auto const& delta, std::size_t i) -> result<void> {
                auto const seen = seen_in_memory<T>(i);
                ask(delta, [&](position at) {
                    if (seen(at)) out.push_back({in_memory<T>(i, at)});
                    return true;
                });
                return {};
            },
            [&](auto const& part, std::size_t i) -> result<void> {
                auto const seen = seen_in_run<T>(i, failed);
                ask(part, [&](position at) {
                    if (seen(at)) out.push_back({in_run<T>(i, at)});
                    return failed.has_value();
                });
                return failed;
            });
        return make_hits<T>(done ? result<std::vector<found>>(std::move(out)) : fail(std::move(done).error()));
    }

    template <auto Key, template <class> class Test, class Hit, class Ask, class Distance>
    auto ranked(std::size_t k, Ask ask, Distance distance) const {
        using key        = key_for<Key>;
        constexpr auto T = table_index<typename key::row_type>();
        constexpr auto I = table_at<T>::template find_index<key, Test>();
        static_assert(I < table_at<T>::index_count,
                      "tenon: closest<> needs an index over this member; add tenon::spatial<&row::member> or "
                      "tenon::nearest<&row::member> to the table");
        note_scan<T>();
        feed<T>();
        explain_index<T, I>();
        auto const in = pinned_.state.enter();
        if (!in) return make_hits<T>(snapshot_expired());
        using found = typename hit_list<table_at<T>, store, state>::found;
        std::vector<found> out;
        std::vector<Hit>   near;
        result<void>       failed;
        auto               done = each_source<T, I>(
            [&](auto const& delta, std::size_t i) -> result<void> {
                near.clear();
                ask(delta, seen_in_memory<T>(i), near);
                for (auto const& h : near) out.push_back({in_memory<T>(i, h.at), distance(h), 0});
                return {};
            },
            [&](auto const& part, std::size_t i) -> result<void> {
                near.clear();
                ask(part, seen_in_run<T>(i, failed), near);
                for (auto const& h : near) out.push_back({in_run<T>(i, h.at), distance(h), 0});
                return failed;
            });
        if (done) done = keep_best<T>(out, k, [](found const& f) { return f.distance; });
        return make_hits<T>(done ? result<std::vector<found>>(std::move(out)) : fail(std::move(done).error()));
    }
    /// The k smallest by (rank, primary key).
    template <std::size_t T, class Found, class Rank>
    result<void> keep_best(std::vector<Found>& out, std::size_t k, Rank rank) const {
        auto const n = std::min(k, out.size());
        if (n == 0) {
            out.clear();
            return {};
        }
        std::nth_element(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n - 1), out.end(),
                         [&](auto const& a, auto const& b) { return rank(a) < rank(b); });
        auto const limit = rank(out[n - 1]);
        std::erase_if(out, [&](auto const& f) { return rank(f) > limit; });
        std::vector<std::pair<std::string, std::size_t>> keys;
        for (std::size_t i = 0; i < out.size(); ++i) {
            auto key = reader<T>().key_at(out[i].where);
            if (!key) return fail(std::move(key).error());
            keys.emplace_back(std::move(*key), i);
        }
        std::sort(keys.begin(), keys.end(), [&](auto const& a, auto const& b) {
            auto const x = rank(out[a.second]), y = rank(out[b.second]);
            return x != y ? x < y : a.first < b.first;
        });
        std::vector<Found> best;
        for (std::size_t i = 0; i < n; ++i) best.push_back(std::move(out[keys[i].second]));
        out = std::move(best);
        return {};
    }

    template <std::size_t T, std::size_t I>
    auto search_in(std::vector<std::string> const& terms, std::size_t k) const
        -> result<std::vector<typename hit_list<table_at<T>, store, state>::found>> {
        using found = typename hit_list<table_at<T>, store, state>::found;
        struct text {
            location<table_at<T>, store> where;
            std::uint32_t                length;
            std::vector<std::uint32_t>   frequencies;
        };
        std::vector<text>          texts;
        std::vector<std::uint64_t> with(terms.size());
        result<void>               failed;
        auto const                 collect = [&](auto const& index, auto seen, auto locate) {
            std::unordered_map<position, std::size_t> known;
            for (std::size_t t = 0; t < terms.size(); ++t)
                index.postings(terms[t], [&](posting p) {
                    auto it = known.find(p.at);
                    if (it == known.end()) {
                        if (!failed || !seen(p.at)) return;
                        it = known.emplace(p.at, texts.size()).first;
                        texts.push_back({locate(p.at), p.length, std::vector<std::uint32_t>(terms.size())});
                    }
                    texts[it->second].frequencies[t] = p.frequency;
                    ++with[t];
                });
        };
        auto done = each_source<T, I>(
            [&](auto const& delta, std::size_t i) -> result<void> {
                collect(delta, seen_in_memory<T>(i), [&](position at) { return in_memory<T>(i, at); });
                return {};
            },
            [&](auto const& part, std::size_t i) -> result<void> {
                collect(part, seen_in_run<T>(i, failed), [&](position at) { return in_run<T>(i, at); });
                return failed;
            });
        if (!done) return fail(std::move(done).error());
        auto sums = totals<T>();
        if (!sums) return fail(std::move(sums).error());
        auto const average =
            sums->rows == 0 ? 0.0 : static_cast<double>(sums->weights[I]) / static_cast<double>(sums->rows);
        bm25 const         scorer;
        std::vector<found> out;
        for (auto const& x : texts) {
            double score = 0;
            for (std::size_t t = 0; t < terms.size(); ++t)
                if (x.frequencies[t] != 0)
                    score += scorer.term_score(x.frequencies[t], x.length, average, bm25::idf(sums->rows, with[t]));
            out.push_back({x.where, 0, score});
        }
        if (auto best = keep_best<T>(out, k, [](found const& f) { return -f.score; }); !best)
            return fail(std::move(best).error());
        return out;
    }

    template <std::size_t T, auto Member>
    auto scan_in(std::optional<byte_vector> low, std::optional<byte_vector> high) const
        -> result<std::vector<typename hit_list<table_at<T>, store, state>::found>> {
        using table           = table_at<T>;
        using found           = typename hit_list<table, store, state>::found;
        using value           = member_value_t<Member>;
        constexpr auto C      = table::schema_type::template index_of<Member>();
        auto const     first  = low ? key_projection(*low) : 0;
        auto const     last   = high ? key_projection(*high) : ~std::uint64_t{0};
        auto const     inside = [&](byte_view bytes) {
            value v{};
            if (!column_codec<value>::decode(bytes, v) || !key_codec<value>::encodable(v)) return false;
            byte_vector key;
            key_codec<value>::encode(key, v);
            return (!low || as_chars(key) >= as_chars(*low)) && (!high || as_chars(key) < as_chars(*high));
        };
        std::vector<found> out;
        auto const&        r = reader<T>();
        byte_view          columns[table::schema_type::size];

        typename table_reader<table, store>::pin keep;
        for (std::size_t i = 0; i < r.memory().size(); ++i) {
            if (trace_ != nullptr) ++trace_->memtables;
            auto const& m = *r.memory()[i].table;
            for (position at = 0, n = m.size(); at < n; ++at) {
                auto const* v = m.at(at);
                if (v->tombstone || !table::schema_type::split(v->record(), columns) || !inside(columns[C])) continue;
                if (trace_ != nullptr) ++trace_->candidates;
                if (r.is_current(i, v)) out.push_back({in_memory<T>(i, at)});
            }
        }
        for (std::size_t i = 0; i < r.runs().size(); ++i) {
            if (trace_ != nullptr) ++trace_->runs;
            auto const& run       = *r.runs()[i];
            auto        directory = run.directory();
            if (!directory) return fail(std::move(directory).error());
            for (std::size_t b = 0; b < (*directory)->blocks().size(); ++b) {
                auto const z = (*directory)->zone_of(b, C);
                if (z.high < first || z.low > last) {
                    if (trace_ != nullptr) ++trace_->skipped;
                    continue;
                }
                if (trace_ != nullptr) ++trace_->blocks;
                auto block = run.block(b, keep);
                if (!block) return fail(std::move(block).error());
                for (std::uint32_t row = 0; row < (*block)->rows(); ++row) {
                    if (!inside((*block)->column(C, row))) continue;
                    auto const at = (*directory)->first_of(b) + row;
                    if (trace_ != nullptr) ++trace_->candidates;
                    auto seen = r.is_current_in_run(i, at);
                    if (!seen) return fail(std::move(seen).error());
                    if (*seen) out.push_back({in_run<T>(i, at)});
                }
            }
        }
        return out;
    }
};

/// snapshot - the database at one commit; stays as it is while writers go on.
///
/// Lifetime    independent of the database object: it pins what it reads, and the file stays open (and locked) until it ends.
/// Cost        O(tables); reads take no lock with the default memtable.
template <class Engine>
class snapshot : public view<Engine> {
public:
    explicit snapshot(typename Engine::pinned p, query_trace* trace = nullptr)
        : view<Engine>(std::move(p), nullptr, nullptr, trace) {}

    /// The same snapshot, whose queries add what they look at to `trace`. Not for several threads at once.
    snapshot traced(query_trace& trace) const { return snapshot(this->pinned_, &trace); }
};

}  // namespace tenon
