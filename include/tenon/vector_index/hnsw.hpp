// SPDX-License-Identifier: Apache-2.0
// Vector index: a navigable small world graph in layers, approximate, opened in place.
#pragma once

#include "tenon/vector_index/concept.hpp"

#include "tenon/core/bytes.hpp"
#include "tenon/core/contract.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/metric/concept.hpp"
#include "tenon/vector_index/common.hpp"
#include "tenon/vector_index/flat.hpp"
#include "tenon/vector_index/hnsw_graph.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon {

/// hnsw - a graph of near neighbours with express layers on top; a search walks it greedily towards the query.
///
/// Maps        query -> k near rows by (distance, position).
/// Shapes      rows: n x dim floats, n < 2^31, dim in [1, 65536] (or what the metric fixes).
/// Parameters  M: neighbours a node has on the upper layers, twice as many on the lowest. EfConstruction: candidates kept while
///             building. EfSearch: candidates kept by a search unless vector_search_options::ef says otherwise.
/// Guarantee   The delta is exact: it is flat's, since memtables are small. The run part is approximate in which rows it
///             finds; distances are exactly flat's, for metrics with a prepared form (cosine) those of prepared rows. Always k
///             rows when k are accepted: a search whose candidates hold too few accepted ones goes on with more, then
///             exactly. Small parts are scanned exactly. Equal rows are found together.
///             Equal input gives equal bytes on machines that choose the same kernels (core/simd.hpp).
/// Cost        build O(n log n) distances in practice, one thread; a query some ef x 2 M distances; no allocation after a
///             thread's first query.
/// Errors      build: errc::invalid_argument (shape, a value that is not finite), errc::unsorted_keys (positions),
///             errc::too_large (2^31 rows). open: errc::corrupt, errc::wrong_assembly, errc::wrong_version.
/// Threads     const members may be called concurrently; a delta takes one writer beside any number of readers.
/// On disk     "tenon.hnsw/1", docs/formats/hnsw.md
/// Invariants  (1) Of equal rows the first alone is a node, the others follow it in a chain by position. (2) Every node can be
///             reached from the entry on level 0. (3) A neighbour on level l exists on level l.
/// Source      Malkov and Yashunin, Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small
///             World graphs, 2018. Differs: chains of equal rows, insertion in hashed order, levels by integer hash, a sorted
///             array for candidates, a last pass that makes every node reachable.
/// Use when    more than some ten thousand rows; with inner_product recall is lower when lengths differ much.
template <class Metric, unsigned M = 16, unsigned EfConstruction = 100, unsigned EfSearch = 64>
struct hnsw {
    static_assert(::tenon::metric<Metric>,
                  "tenon::hnsw<Metric>: Metric must be a policy on axis::metric, such as tenon::cosine");
    static_assert(M >= 2 && M <= 256, "tenon::hnsw: M must be 2 to 256; 16 suits most data");
    static_assert(EfConstruction >= M, "tenon::hnsw: EfConstruction must be at least M; 100 to 400 suit most data");
    static_assert(EfSearch >= 1, "tenon::hnsw: EfSearch must be at least 1; 64 suits most data");

    using policy_axis                         = axis::vector_index;
    using metric                              = Metric;
    static constexpr std::string_view name    = "tenon.hnsw/1";
    static constexpr std::uint32_t    version = 1;

    using delta = typename flat<Metric>::delta;

    /// The run part. Every wrong argument gets an error. O(n log n) distances in practice.
    static result<byte_vector> build(std::size_t dim, std::span<float const> rows,
                                     std::span<position const> positions) {
        if (auto ok = detail::check_vector_rows<Metric>(dim, rows, positions); !ok) return fail(std::move(ok).error());
        auto const n = positions.size();
        if (n >= detail::hnsw_row_limit)
            return fail(errc::too_large,
                        {n, " rows do not fit into one hnsw part, which takes less than 2^31: make more runs"});
        std::uint64_t words = 0;
        for (std::size_t i = 0; i < n; ++i) {
            unsigned const level = detail::hnsw_builder<Metric>::level_of(i, M);
            if (level > 0) words += 1 + std::uint64_t{level} * (1 + M);
        }
        if (words >= detail::hnsw_none)
            return fail(errc::too_large, {n, " rows have too many upper links for one hnsw part: make more runs"});
        auto        head = detail::make_hnsw_head(name, Metric::name, version, dim, n, M, words);
        byte_vector out(static_cast<std::size_t>(head.base.bytes));
        if (n != 0) std::memcpy(out.data() + head.base.positions_at, positions.data(), positions.size_bytes());
        auto* const stored = reinterpret_cast<float*>(out.data() + head.base.rows_at);
        for (std::size_t i = 0; i < n; ++i) detail::prepare_row<Metric>(rows.data() + i * dim, stored + i * dim, dim);
        detail::hnsw_builder<Metric>(out, head, EfConstruction).build();
        std::memcpy(out.data(), &head, sizeof head);
        return out;
    }

    /// The graph in place. The bytes must outlive it.
    class view {
    public:
        static result<view> open(byte_view bytes) {
            auto base = detail::open_vector_head<Metric>(bytes, name, version, sizeof(detail::hnsw_head));
            if (!base) return fail(std::move(base).error());
            auto const h = load<detail::hnsw_head>(bytes.data());
            if (h.links != M)
                return fail(errc::wrong_assembly, {"an hnsw part was built with M = ", h.links, ", this type has ", M,
                                                   ": name the M it was built with"});
            view  v;
            auto& g     = v.graph_;
            bool  sound = h.base.rows < detail::hnsw_row_limit && h.words < detail::hnsw_none &&
                         h.top <= detail::hnsw_level_limit && (h.base.rows == 0 ? h.entry == 0 : h.entry < h.base.rows);
            if (sound) {
                auto const e = detail::make_hnsw_head(name, Metric::name, version, h.base.dim, h.base.rows, M, h.words);
                sound        = h.base.bytes == e.base.bytes && h.links_at == e.links_at && h.equal_at == e.equal_at &&
                        h.upper_at == e.upper_at && h.words_at == e.words_at;
            }
            sound = sound && view_array(bytes, h.base.positions_at, h.base.rows, v.positions_) &&
                    view_array(bytes, h.base.rows_at, h.base.rows * h.base.dim, g.rows) &&
                    view_array(bytes, h.links_at, h.base.rows * (1 + 2 * M), g.links) &&
                    view_array(bytes, h.equal_at, h.base.rows, g.equal) &&
                    view_array(bytes, h.upper_at, h.base.rows, g.upper) &&
                    view_array(bytes, h.words_at, h.words, g.words);
            if (!sound)
                return fail(errc::corrupt, {"the tables of an hnsw part of ", h.base.rows,
                                            " rows do not lie where they should: restore it from a copy"});
            g.dim    = h.base.dim;
            g.size   = static_cast<std::uint32_t>(h.base.rows);
            g.degree = M;
            g.entry  = h.entry;
            g.top    = h.top;
            return v;
        }

        std::uint64_t size() const noexcept { return positions_.size(); }
        std::size_t   dim() const noexcept { return graph_.dim; }

        /// k near accepted rows. Precondition: the query has dim floats.
        template <class Accept>
        void closest(std::span<float const> query, std::size_t k, vector_search_options options, Accept&& accept,
                     std::vector<vector_hit>& out) const {
            expects(query.size() == graph_.dim, "a query must have as many elements as the index has dimensions");
            if (k == 0 || positions_.empty()) return;
            detail::vector_scratch_lease scratch;
            float const*                 q = detail::prepare_query<Metric>(query, *scratch);
            detail::vector_best          best(k, out);
            if (!walk(q, k, options.ef != 0 ? options.ef : EfSearch, accept, best, *scratch)) {
                best.clear();
                detail::scan_vectors<Metric>(q, graph_.rows.data(), positions_.data(), positions_.size(), graph_.dim,
                                             accept, best);
            }
            best.sort();
        }

        /// Reads everything: positions, elements, levels, links, chains, and that every row can be reached.
        result<void> validate() const;

        /// Entry i as it is stored (unit length where the metric prepares rows), below size(): for cross-checks.
        position               where(std::size_t i) const noexcept { return positions_[i]; }
        std::span<float const> row(std::size_t i) const noexcept {
            return graph_.rows.subspan(i * graph_.dim, graph_.dim);
        }

    private:
        view() = default;

        /// Whether the graph gave k accepted rows out of enough candidates; if not, a scan is cheaper or surer.
        template <class Accept>
        bool walk(float const* q, std::size_t k, std::size_t ef, Accept& accept, detail::vector_best& best,
                  detail::vector_scratch& s) const {
            std::size_t const n = positions_.size();
            if (k >= n) return false;
            ef = std::max(ef, k);
            // Accepted candidates wanted: twice k, so that a filter costs no recall; all of them are there without a filter.
            std::size_t const wanted = ef / 2 < k ? ef : 2 * k;
            for (;;) {
                if (ef >= n / scan_below || ef > pool_limit) return false;
                detail::hnsw_descend<Metric>(graph_, q, 0, s);
                detail::hnsw_search<Metric>(graph_, q, ef, 0, s);
                std::size_t const accepted = take(wanted, accept, best, s.pool);
                if (accepted >= wanted) return true;
                if (accepted == 0) return false;
                best.clear();
                ef = std::max(ef + 1, ef * wanted / accepted + ef / 2);
            }
        }
        /// Offers the candidates and their chains in order, until no more can enter and `wanted` were accepted.
        template <class Accept>
        std::size_t take(std::size_t wanted, Accept& accept, detail::vector_best& best,
                         std::span<detail::vector_scratch::candidate const> pool) const {
            std::size_t accepted = 0;
            for (auto const& c : pool) {
                if (accepted >= wanted && !best.may_enter(c.distance)) break;
                for (auto id = c.id; id != detail::hnsw_none; id = graph_.next_equal(id)) {
                    vector_hit const hit{c.distance, positions_[id]};
                    if (best.would_enter(hit)) accepted += best.offer(hit, accept) ? 1 : 0;
                    else if (accepted >= wanted) break;
                    else accepted += accept(hit.at) ? 1 : 0;
                }
            }
            return accepted;
        }

        static constexpr std::size_t scan_below =
            48;  ///< a part of fewer than ef x this rows is scanned: in order that is faster
        static constexpr std::size_t pool_limit = 4096;  ///< more candidates than this cost more than they save

        detail::hnsw_graph        graph_;
        std::span<position const> positions_;
    };
};

template <class Metric, unsigned M, unsigned EfConstruction, unsigned EfSearch>
result<void> hnsw<Metric, M, EfConstruction, EfSearch>::view::validate() const {
    auto const& g       = graph_;
    auto const  corrupt = [](std::uint32_t id, char const* what) {
        return fail(errc::corrupt, {"row ", id, " of an hnsw part ", what, ": restore the file from a copy"});
    };
    if (auto ok = detail::validate_vector_rows(positions_, g.rows, g.dim); !ok) return ok;
    if (g.size == 0) return {};
    if (g.level_of(g.entry) != g.top) return corrupt(g.entry, "is the entry, but not of the top level");
    std::size_t next_word = 0;
    for (std::uint32_t id = 0; id < g.size; ++id) {
        if (g.upper[id] != detail::hnsw_none) {
            unsigned const level = g.upper[id] == next_word && next_word < g.words.size() ? g.words[next_word] : 0;
            next_word += 1 + std::size_t{level} * (1 + M);
            if (level == 0 || level > detail::hnsw_level_limit || next_word > g.words.size())
                return corrupt(id, "has its upper levels misplaced");
        }
        for (unsigned level = 0; level <= g.level_of(id); ++level) {
            auto const near = g.neighbours(id, level);
            if (near.data()[-1] != near.size()) return corrupt(id, "has more neighbours than fit");
            for (auto const to : near)
                if (to >= g.size || to == id || g.level_of(to) < level)
                    return corrupt(id, "has a neighbour that is not of its level");
        }
        if (auto const next = g.equal[id]; next != detail::hnsw_none) {
            if (next <= id || next >= g.size) return corrupt(id, "has a chain that does not ascend");
            if (std::memcmp(g.row(id), g.row(next), g.dim * sizeof(float)) != 0)
                return corrupt(id, "is chained to a row that is not equal");
        }
    }
    if (next_word != g.words.size()) return corrupt(g.size - 1, "is followed by upper levels of no row");
    std::vector<bool>          seen(g.size);
    std::vector<std::uint32_t> reached{g.entry};
    seen[g.entry]   = true;
    auto const meet = [&](std::uint32_t id) {
        if (!seen[id]) reached.push_back(id);
        seen[id] = true;
    };
    for (std::size_t i = 0; i < reached.size(); ++i) {
        for (auto const id : g.neighbours(reached[i], 0)) meet(id);
        if (auto const next = g.next_equal(reached[i]); next != detail::hnsw_none) meet(next);
    }
    if (auto const lost = std::find(seen.begin(), seen.end(), false); lost != seen.end())
        return corrupt(static_cast<std::uint32_t>(lost - seen.begin()), "cannot be reached");
    return {};
}

}  // namespace tenon

#include "tenon/metric/archetype.hpp"

static_assert(tenon::vector_index<tenon::hnsw<tenon::archetype::metric_policy>>);
