// SPDX-License-Identifier: Apache-2.0
// A seeded sequence of operations on a database and on a std::map, compared: for people who write policies.
#pragma once

#include "tenon/core/prng.hpp"
#include "tenon/database.hpp"
#include "tenon/testing/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <numbers>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tenon::testing {

/// The row that sequences are made of.
struct specimen {
    std::uint64_t        id = 0;
    std::string          name;
    std::int64_t         amount = 0;
    lonlat               where;
    std::array<float, 4> look{};
    friend bool          operator==(specimen const&, specimen const&) = default;
};

/// The table that run_sequence drives; add `tenon::primary<&specimen::id, ...>` and any of `ordered<&specimen::amount>`,
/// `text<&specimen::name>`, `spatial<&specimen::where>`, `nearest<&specimen::look>`, with the policies to be tried.
template <class... Specs>
using specimen_table =
    table<"specimens", specimen,
          columns<&specimen::id, &specimen::name, &specimen::amount, &specimen::where, &specimen::look>, Specs...>;

/// What a sequence is like; the defaults keep few rows alive and change them often.
struct sequence_plan {
    std::string   path          = "sequence.tenon";
    std::uint64_t keys          = 1500;  ///< rows there can be at most
    std::size_t   flush_every   = 600;   ///< steps, on average; 0 never. The same for the others
    std::size_t   compact_every = 4000;
    std::size_t   reopen_every  = 2500;  ///< ignored when nothing outlives the database object
    std::size_t   all_every     = 1500;  ///< comparisons of every row
    double        queries       = 0.2;   ///< of all steps
    double        least_recall  = 1.0;   ///< of nearest<>; below 1 for approximate indexes
};

/// What a sequence did, so that a test can tell that it happened.
struct sequence_counts {
    std::uint64_t writes = 0, commits = 0, rollbacks = 0, savepoints = 0, conflicts = 0, queries = 0, old_snapshots = 0,
                  flushes = 0, merges = 0, reopened = 0, replayed = 0;
    double recall = 1;
};

namespace detail_database {

/// Words as they are written, and as they are found: those with the same second are the same word.
struct word {
    char const* text;
    unsigned    id;
};
inline constexpr word     words[]  = {{"harbour", 0},       {"Harbour", 0}, {"north", 1}, {"NORTH", 1},
                                      {"Z\xC3\xBCrich", 2}, {"zurich", 2},  {"mill", 3},  {"Caf\xC3\xA9", 4},
                                      {"CAFE", 4},          {"lake", 5},    {"42", 6},    {"old", 7},
                                      {"\xC3\x98", 8},      {"rare", 9},    {"new", 10},  {"town", 11}};
inline constexpr unsigned word_ids = 12;

/// A row, and what the oracle knows of its text without any analyzer.
struct known {
    specimen              row;
    std::vector<unsigned> words;
};
using model = std::map<std::uint64_t, known>;

template <class K>
struct vector_policy {
    using type = void;
};
template <std::size_t N, class V>
struct vector_policy<nearest_kind<N, V>> {
    using type = V;
};

/// Great-circle metres on the sphere of radius 6,371,008.8 m.
inline double metres(lonlat a, lonlat b) {
    constexpr double rad  = std::numbers::pi / 180;
    double const     dlat = std::sin((b.lat - a.lat) * rad / 2), dlon = std::sin((b.lon - a.lon) * rad / 2);
    return 2 * 6371008.8 *
           std::asin(
               std::sqrt(std::min(1.0, dlat * dlat + std::cos(a.lat * rad) * std::cos(b.lat * rad) * dlon * dlon)));
}
inline double cosine_distance(std::array<float, 4> const& a, std::array<float, 4> const& b) {
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        ab += double{a[i]} * double{b[i]};
        aa += double{a[i]} * double{a[i]};
        bb += double{b[i]} * double{b[i]};
    }
    return aa == 0 || bb == 0 ? 1.0 : 1 - ab / std::sqrt(aa * bb);
}

template <class Db>
class driver {
    using engine                   = typename Db::engine_type;
    static constexpr std::size_t T = detail::table_of_row<typename engine::tables, specimen>;
    static_assert(T < std::tuple_size_v<typename engine::tables>,
                  "run_sequence: the database needs a tenon::testing::specimen_table");
    using table                       = std::tuple_element_t<T, typename engine::tables>;
    static constexpr std::size_t none = table::index_count;
    static constexpr std::size_t ordered_i =
        table::template find_index<key_of<&specimen::amount>, detail::is_ordered>();
    static constexpr std::size_t spatial_i = table::template find_index<key_of<&specimen::where>, detail::is_spatial>();
    static constexpr std::size_t text_i    = table::template find_index<key_of<&specimen::name>, detail::is_text>();
    static constexpr std::size_t nearest_i = table::template find_index<key_of<&specimen::look>, detail::is_nearest>();
    static constexpr bool        persists  = engine::store_persists || engine::log_persists;
    static constexpr bool        conflicts = engine::recipe_type::concurrency::validates_writes;

    struct undo {
        std::uint64_t        key;
        std::optional<known> before;
    };
    struct saved {
        typename Db::transaction_type::savepoint at;
        std::size_t                              undo;
    };
    struct held {
        typename Db::snapshot_type snapshot;
        model                      rows;
    };

public:
    driver(typename Db::options options, std::uint64_t seed, sequence_plan plan, report& r)
        : options_(std::move(options)), plan_(std::move(plan)), seed_(seed), random_(seed), report_(r) {}

    sequence_counts run(std::size_t steps) {
        if (!open()) return counts_;
        for (step_ = 0; step_ < steps && report_.failed() < 5; ++step_) one();
        if (tx_) commit();
        full(db_->snapshot(), committed_);
        auto verified = db_->verify();
        check(verified.has_value(), verified ? "" : "verify: " + verified.error().message);
        finish_counts();
        if constexpr (persists) {
            reopen();
            if (db_) full(db_->snapshot(), committed_);
        }
        if constexpr (nearest_i != none) {
            counts_.recall = wanted_ == 0 ? 1.0 : static_cast<double>(found_) / static_cast<double>(wanted_);
            check(counts_.recall >= plan_.least_recall, "nearest<>: recall " + std::to_string(counts_.recall) +
                                                            ", expected " + std::to_string(plan_.least_recall));
        }
        held_.clear();
        if (db_) {
            auto closed = db_->close();
            check(closed.has_value(), closed ? "" : "close: " + closed.error().message);
        }
        return counts_;
    }

private:
    template <class Sentence>
    bool check(bool holds, Sentence const& sentence, std::source_location where = std::source_location::current()) {
        if (holds) return report_.check(true, {}, where);
        return report_.check(
            false, std::string(sentence) + " [seed " + std::to_string(seed_) + ", step " + std::to_string(step_) + "]",
            where);
    }
    template <class R>
    bool ok(R const& r, char const* what, std::source_location where = std::source_location::current()) {
        if (r) return report_.check(true, {}, where);
        return check(false, std::string(what) + ": " + r.error().message, where);
    }
    bool now_and_then(std::size_t every) { return every != 0 && random_.below(every) == 0; }

    bool open() {
        auto opened = tenon::open<Db>(plan_.path, options_);
        if (!ok(opened, "open")) return false;
        db_.emplace(std::move(*opened));
        counts_.replayed += db_->recovery().log_records;
        return check(db_->recovery().truncated_bytes == 0, "a clean close leaves no torn tail");
    }
    void finish_counts() {
        auto const s = db_->stats();
        counts_.flushes += s.flushes;
        counts_.merges += s.merges;
    }
    void reopen() {
        if (tx_) commit();
        finish_counts();
        held_.clear();
        if (random_.below(2) == 0) ok(db_->close(), "close");
        db_.reset();
        ++counts_.reopened;
        open();
    }

    void one() {
        if (now_and_then(plan_.flush_every)) ok(db_->flush(), "flush");
        if (now_and_then(plan_.compact_every)) ok(db_->compact(), "compact");
        if constexpr (persists)
            if (now_and_then(plan_.reopen_every)) reopen();
        if (!db_) return;
        if (now_and_then(plan_.all_every)) {
            full(db_->snapshot(), committed_);
            if (tx_) full(*tx_, now_);
        }
        if (random_.below(300) == 0) {
            if (held_.size() == 3) held_.erase(held_.begin());
            held_.push_back({db_->snapshot(), committed_});
        }
        if (random_.chance(plan_.queries)) return query_something();
        if (!tx_) begin();
        auto const what = random_.below(100);
        if (what < 10) commit();
        else if (what < 12) rollback();
        else if (what < 15) {
            saves_.push_back({tx_->save(), undo_.size()});
            ++counts_.savepoints;
        } else if (what < 18 && !saves_.empty()) back();
        else if (what == 18 && !undo_.empty() && conflicts) rival();
        else write();
    }

    // ---- writing -----------------------------------------------------------------------------------------------------

    known make(std::uint64_t id) {
        known k;
        k.row.id     = id;
        k.row.amount = random_.below(50) == 0 ? static_cast<std::int64_t>(random_()) : random_.between(-300, 300);
        k.row.where  = {static_cast<double>(random_.between(-1800, 1800)) / 10,
                        static_cast<double>(random_.between(-900, 900)) / 10};
        for (auto& x : k.row.look) x = static_cast<float>(random_.between(-100, 100)) / 16;
        for (auto n = random_.below(6); n > 0; --n) {
            auto const& w = words[random_.below(std::size(words))];
            k.words.push_back(w.id);
            k.row.name += std::string(k.row.name.empty() ? "" : random_.below(2) == 0 ? " " : ", ") + w.text;
        }
        return k;
    }
    void begin() {
        tx_.emplace(db_->begin());
        undo_.clear();
        saves_.clear();
    }
    void remember(std::uint64_t id) {
        auto const it = now_.find(id);
        undo_.push_back({id, it == now_.end() ? std::nullopt : std::optional(it->second)});
        ++counts_.writes;
    }
    void write() {
        auto const id    = random_.below(plan_.keys);
        bool const there = now_.contains(id);
        auto const what  = random_.below(10);
        if (what < 3) {
            auto const gone = tx_->template erase<specimen>(id);
            if (!ok(gone, "erase")) return;
            check(*gone == there, "erase says whether there was a row");
            if (there) {
                remember(id);
                now_.erase(id);
            }
            return;
        }
        auto         made = make(id);
        bool const   fits = what < 6 || (what < 8) == !there;
        result<void> done;
        if (fits) {
            done = what < 6 ? tx_->upsert(made.row) : what < 8 ? tx_->insert(made.row) : tx_->update(made.row);
            if (!ok(done, "a write")) return;
            remember(id);
            now_[id] = std::move(made);
        } else {  // an error marks the transaction; going back to a savepoint clears it
            auto const here = tx_->save();
            done            = what < 8 ? tx_->insert(made.row) : tx_->update(made.row);
            check(!done && done.error().kind == (what < 8 ? errc::duplicate_key : errc::not_found),
                  "insert of a row that is there, update of one that is not: an error");
            tx_->rollback_to(here);
        }
    }
    void undo_to(std::size_t n) {
        for (; undo_.size() > n; undo_.pop_back()) {
            auto& u = undo_.back();
            if (u.before) now_[u.key] = std::move(*u.before);
            else now_.erase(u.key);
        }
    }
    void back() {
        auto const which = static_cast<std::size_t>(random_.below(saves_.size()));
        tx_->rollback_to(saves_[which].at);
        undo_to(saves_[which].undo);
        saves_.resize(which + 1);
    }
    void commit() {
        auto const before = db_->snapshot().at();
        auto const done   = tx_->commit();
        tx_.reset();
        if (!ok(done, "commit")) return;
        check(undo_.empty() || *done > before, "commit timestamps ascend");
        apply();
        ++counts_.commits;
    }
    void apply() {
        for (auto const& u : undo_)
            if (auto const it = now_.find(u.key); it != now_.end()) committed_[u.key] = it->second;
            else committed_.erase(u.key);
        undo_.clear();
    }
    void rollback() {
        if (random_.below(2) == 0) tx_->rollback();
        tx_.reset();
        undo_to(0);
        ++counts_.rollbacks;
    }
    /// Another transaction changes a row that this one has written, and commits first.
    void rival() {
        auto const id = undo_.back().key;
        {
            auto other = db_->begin();
            if (random_.below(2) == 0 && committed_.contains(id)) {
                ok(other.template erase<specimen>(id), "erase");
                if (!ok(other.commit(), "a rival's commit")) return;
                committed_.erase(id);
            } else {
                auto made = make(id);
                ok(other.upsert(made.row), "upsert");
                if (!ok(other.commit(), "a rival's commit")) return;
                committed_[id] = std::move(made);
            }
        }
        if (random_.below(4) == 0) ok(db_->compact(), "compact");
        auto const late = tx_->commit();
        check(!late && late.error().kind == errc::conflict, "the second of two that write one row is refused");
        tx_.reset();
        undo_.clear();
        now_ = committed_;
        ++counts_.conflicts;
    }

    // ---- asking ------------------------------------------------------------------------------------------------------

    void query_something() {
        ++counts_.queries;
        if (auto const which = random_.below(10); which < held_.size()) {
            ++counts_.old_snapshots;
            return query(held_[which].snapshot, held_[which].rows);
        }
        if (tx_ && random_.below(2) == 0) return query(*tx_, now_);
        query(db_->snapshot(), committed_);
    }
    template <class View>
    void query(View const& v, model const& m) {
        switch (random_.below(10)) {
            case 0: return get(v, m);
            case 1: return get(v, m);
            case 2: {
                auto const n = v.template count<specimen>();
                if (ok(n, "count")) check(*n == m.size(), "count is the number of rows");
                return;
            }
            case 3: return primary_range(v, m);
            case 4: return ordered_range(v, m);
            case 5: return window(v, m);
            case 6: return near(v, m);
            case 7: return words_of(v, m);
            case 8: return alike(v, m);
            default: return zones(v, m);
        }
    }
    template <class View>
    void get(View const& v, model const& m) {
        auto const id  = random_.below(plan_.keys + 10);
        auto const row = v.template get<specimen>(id);
        if (!ok(row, "get")) return;
        auto const it = m.find(id);
        check(row->has_value() == (it != m.end()), "get finds what is there");
        if (*row && it != m.end()) check(**row == it->second.row, "get gives the row as it was written last");
        auto const there = v.template contains<specimen>(id);
        check(there && *there == (it != m.end()), "contains agrees with get");
    }
    template <class Stream>
    void same_rows(Stream&& got, std::vector<specimen const*> const& expected, char const* what) {
        auto const limit = random_.below(8) == 0 ? random_.below(5) : ~std::uint64_t{0};  // some are left early
        for (std::size_t i = 0; i < limit; ++i) {
            auto const row = got.next();
            if (!ok(row, what)) return;
            if (!*row) {
                check(i == expected.size(), std::string(what) + " gives as many rows as there are");
                return;
            }
            if (!check(i < expected.size(), std::string(what) + " gives no row too many")) return;
            if (!check(**row == *expected[i], std::string(what) + " gives the rows in order")) return;
        }
    }
    template <class View>
    void full(View const& v, model const& m) {
        std::vector<specimen const*> expected;
        for (auto const& [id, k] : m) expected.push_back(&k.row);
        same_rows(v.template all<specimen>(), expected, "all");
        std::reverse(expected.begin(), expected.end());
        same_rows(v.template all<specimen>(order::descending), expected, "all, backwards");
    }
    template <class View>
    void primary_range(View const& v, model const& m) {
        std::optional<std::uint64_t> low(random_.below(plan_.keys)), high(*low + random_.below(60));
        if (random_.below(12) == 0) low.reset();
        if (random_.below(12) == 0) high.reset();
        std::vector<specimen const*> expected;
        for (auto it = low ? m.lower_bound(*low) : m.begin(); it != m.end() && (!high || it->first < *high); ++it)
            expected.push_back(&it->second.row);
        auto const direction = random_.below(2) == 0 ? order::ascending : order::descending;
        if (direction == order::descending) std::reverse(expected.begin(), expected.end());
        if (low && high)
            same_rows(v.template range<&specimen::id>(*low, *high, direction), expected, "range over the primary key");
        else if (low)
            same_rows(v.template range<&specimen::id>(*low, std::nullopt, direction), expected,
                      "range over the primary key without an upper end");
        else if (high)
            same_rows(v.template range<&specimen::id>(std::nullopt, *high, direction), expected,
                      "range over the primary key without a lower end");
        else
            same_rows(v.template range<&specimen::id>(std::nullopt, std::nullopt, direction), expected,
                      "range over the whole primary key");
    }
    template <class View>
    void ordered_range(View const& v, model const& m) {
        if constexpr (ordered_i != none) {
            auto const                   low = random_.between(-320, 300), high = low + random_.between(0, 30);
            bool const                   open_end = random_.below(12) == 0;
            std::vector<specimen const*> expected;
            for (auto const& [id, k] : m)
                if (k.row.amount >= low && (open_end || k.row.amount < high)) expected.push_back(&k.row);
            std::sort(expected.begin(), expected.end(),
                      [](auto* a, auto* b) { return std::pair(a->amount, a->id) < std::pair(b->amount, b->id); });
            auto const direction = random_.below(2) == 0 ? order::ascending : order::descending;
            if (direction == order::descending) std::reverse(expected.begin(), expected.end());
            if (open_end)
                same_rows(v.template range<&specimen::amount>(low, std::nullopt, direction), expected,
                          "range over an ordered index without an upper end");
            else
                same_rows(v.template range<&specimen::amount>(low, high, direction), expected,
                          "range over an ordered index");
        }
    }
    /// Hits in no order: the same rows, each once.
    template <class Hits>
    void same_set(Hits&& hits, std::set<std::uint64_t> expected, model const& m, char const* what) {
        check(hits.size() == expected.size(), std::string(what) + ": " + std::to_string(expected.size()) +
                                                  " rows expected, " + std::to_string(hits.size()) + " found");
        for (;;) {
            auto const h = hits.next();
            if (!ok(h, what) || !*h) break;
            if (!check(expected.erase((*h)->row.id) == 1, std::string(what) + " finds each row once")) return;
            check((*h)->row == m.at((*h)->row.id).row, std::string(what) + " gives the row as it was written last");
        }
        check(expected.empty(), std::string(what) + " finds all rows");
    }
    template <class View>
    void window(View const& v, model const& m) {
        if constexpr (spatial_i != none) {
            auto const lon = [&] { return static_cast<double>(random_.between(-180, 180)); };
            lonlat_box box{lon(), static_cast<double>(random_.between(-90, 60)), lon(), 0};
            if (random_.below(3) == 0) box.west = 170, box.east = -165;  // across the antimeridian
            box.north = box.south + static_cast<double>(random_.below(30));
            std::set<std::uint64_t> expected;
            for (auto const& [id, k] : m)
                if (box.contains(k.row.where)) expected.insert(id);
            same_set(v.template within<&specimen::where>(box), std::move(expected), m, "within");
        }
    }
    template <class View>
    void zones(View const& v, model const& m) {
        auto const              low = random_.between(-320, 300), high = low + random_.between(0, 40);
        std::set<std::uint64_t> expected;
        for (auto const& [id, k] : m)
            if (k.row.amount >= low && k.row.amount < high) expected.insert(id);
        same_set(v.template scan<&specimen::amount>(low, high), std::move(expected), m, "scan");
    }
    /// Ranked hits: `rank_of(row)` by the oracle, smaller is better.
    template <class Hits, class Rank, class Own>
    void same_ranking(Hits&& hits, std::vector<double> expected, std::size_t k, model const& m, Rank rank_of, Own own,
                      double slack, char const* what) {
        std::sort(expected.begin(), expected.end());
        if (expected.size() > k) expected.resize(k);
        check(hits.size() == expected.size(), std::string(what) + ": " + std::to_string(expected.size()) +
                                                  " hits expected, " + std::to_string(hits.size()) + " found");
        std::set<std::uint64_t> seen;
        for (std::size_t i = 0;; ++i) {
            auto const h = hits.next();
            if (!ok(h, what) || !*h || i >= expected.size()) return;
            auto const it = m.find((*h)->row.id);
            if (!check(it != m.end() && seen.insert((*h)->row.id).second,
                       std::string(what) + " finds rows that are there, each once"))
                return;
            check((*h)->row == it->second.row, std::string(what) + " gives the row as it was written last");
            check(std::abs(rank_of(it->second) - own(**h)) <= slack,
                  std::string(what) + " gives the distance or score of the row");
            check(std::abs(own(**h) - expected[i]) <= slack, std::string(what) + " gives the best rows, best first");
        }
    }
    template <class View>
    void near(View const& v, model const& m) {
        if constexpr (spatial_i != none) {
            lonlat const        from{static_cast<double>(random_.between(-180, 180)),
                              static_cast<double>(random_.between(-90, 90))};
            auto const          k = static_cast<std::size_t>(random_.below(20));
            std::vector<double> expected;
            for (auto const& [id, x] : m) expected.push_back(metres(from, x.row.where));
            same_ranking(
                v.template closest<&specimen::where>(from, k), std::move(expected), k, m,
                [&](known const& x) { return metres(from, x.row.where); }, [](auto const& h) { return h.distance; },
                0.5, "closest by place");
        }
    }
    template <class View>
    void words_of(View const& v, model const& m) {
        if constexpr (text_i != none) {
            std::string           text;
            std::vector<unsigned> asked;
            for (auto n = 1 + random_.below(3); n > 0; --n) {
                auto const& w = words[random_.below(std::size(words))];
                text += std::string(" ") + w.text;
                if (std::find(asked.begin(), asked.end(), w.id) == asked.end()) asked.push_back(w.id);
            }
            double                       terms = 0;
            std::array<double, word_ids> with{};
            for (auto const& [id, x] : m) {
                terms += static_cast<double>(x.words.size());
                for (unsigned w = 0; w < word_ids; ++w)
                    with[w] += std::find(x.words.begin(), x.words.end(), w) != x.words.end() ? 1 : 0;
            }
            auto const n     = static_cast<double>(m.size());
            auto const score = [&](known const& x) {  // BM25 with k1 = 1.2 and b = 0.75
                double out = 0;
                for (auto w : asked) {
                    auto const f = static_cast<double>(std::count(x.words.begin(), x.words.end(), w));
                    out += std::log(1 + (n - with[w] + 0.5) / (with[w] + 0.5)) * f * 2.2 /
                           (f + 1.2 * (0.25 + 0.75 * static_cast<double>(x.words.size()) * n / terms));
                }
                return -out;
            };
            std::vector<double> expected;
            for (auto const& [id, x] : m)
                if (std::find_first_of(x.words.begin(), x.words.end(), asked.begin(), asked.end()) != x.words.end())
                    expected.push_back(score(x));
            auto const k = static_cast<std::size_t>(random_.below(30));
            same_ranking(
                v.template search<&specimen::name>(text, k), std::move(expected), k, m, score,
                [](auto const& h) { return -h.score; }, 1e-9, "search");
        }
    }
    template <class View>
    void alike(View const& v, model const& m) {
        if constexpr (nearest_i != none) {
            using metric =
                typename vector_policy<typename table::template index_spec<nearest_i>::kind_type>::type::metric;
            auto const to   = make(0).row.look;
            auto const rank = [&](known const& x) {
                if constexpr (metric::name == std::string_view("tenon.cosine/1"))
                    return cosine_distance(to, x.row.look);
                else return static_cast<double>(metric::distance(to.data(), x.row.look.data(), to.size()));
            };
            auto const          k = static_cast<std::size_t>(random_.below(12));
            std::vector<double> expected;
            for (auto const& [id, x] : m) expected.push_back(rank(x));
            double const slack = 1e-4;
            if (plan_.least_recall >= 1)
                return same_ranking(
                    v.template closest<&specimen::look>(to, k), std::move(expected), k, m, rank,
                    [](auto const& h) { return h.distance; }, slack, "closest by vector");
            std::sort(expected.begin(), expected.end());
            if (expected.size() > k) expected.resize(k);
            wanted_ += expected.size();
            auto   hits = v.template closest<&specimen::look>(to, k);
            double last = -1;
            check(hits.size() <= expected.size(), "closest by vector gives k rows at most");
            std::set<std::uint64_t> seen;
            for (;;) {
                auto const h = hits.next();
                if (!ok(h, "closest by vector") || !*h) break;
                auto const it = m.find((*h)->row.id);
                if (!check(it != m.end() && seen.insert((*h)->row.id).second,
                           "closest by vector finds rows that are there, each once"))
                    return;
                check((*h)->row == it->second.row, "closest by vector gives the row as it was written last");
                check(std::abs(rank(it->second) - (*h)->distance) <= slack && (*h)->distance >= last,
                      "closest by vector gives distances, ascending");
                last = (*h)->distance;
                if (!expected.empty() && last <= expected.back() + slack) ++found_;
            }
        }
    }

    typename Db::options                         options_;
    sequence_plan                                plan_;
    std::uint64_t                                seed_;
    prng                                         random_;
    report&                                      report_;
    sequence_counts                              counts_;
    std::size_t                                  step_ = 0;
    std::optional<Db>                            db_;
    std::vector<held>                            held_;
    model                                        committed_, now_;
    std::optional<typename Db::transaction_type> tx_;
    std::vector<undo>                            undo_;
    std::vector<saved>                           saves_;
    std::uint64_t                                wanted_ = 0, found_ = 0;
};

}  // namespace detail_database

/// Runs `steps` seeded operations (writes, savepoints, commits, rollbacks, conflicts, every query the table has an index for,
/// old snapshots, flushes, compactions, reopenings) on a new database of type Db and on a std::map, and compares all answers.
/// Each failure names seed and step. What it did, so that a test can see that it did it.
///
///     struct my_db : tenon::database<tenon::testing::specimen_table<tenon::primary<&specimen::id, my_index>>, tenon::inline_work> { using database::database; };
///     tenon::testing::run_sequence<my_db>({.memtable_bytes = {64 << 10}}, 1, 10'000, report);
template <class Db>
sequence_counts run_sequence(typename Db::options options, std::uint64_t seed, std::size_t steps, report& r,
                             sequence_plan plan = {}) {
    return detail_database::driver<Db>(std::move(options), seed, std::move(plan), r).run(steps);
}

}  // namespace tenon::testing
