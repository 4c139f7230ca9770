// SPDX-License-Identifier: Apache-2.0
// The layered neighbour graph of hnsw: its bytes, the search that building and querying share, and the builder.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/hash.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/vector_index/common.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

namespace tenon::detail {

inline constexpr std::uint32_t hnsw_none        = 0xffffffffU;  ///< no node
inline constexpr std::uint32_t hnsw_seen        = 0x80000000U;  ///< the candidate's neighbours were looked at
inline constexpr std::uint64_t hnsw_row_limit   = 0x7fffffffU;
inline constexpr unsigned      hnsw_level_limit = 30;

/// The head of the bytes: what all vector indexes have, then the graph's.
struct hnsw_head {
    vector_head   base;
    std::uint32_t links;  ///< M: a node has up to M neighbours on upper levels, 2 M on level 0
    std::uint32_t entry;  ///< where searches begin; 0 in an empty index
    std::uint32_t top;    ///< the entry's level
    std::uint32_t zero;
    std::uint64_t links_at;  ///< rows x (1 + 2 M) u32: count, neighbours on level 0
    std::uint64_t equal_at;  ///< rows u32: the next row with equal elements, or 2^32 - 1
    std::uint64_t upper_at;  ///< rows u32: where the node's upper levels begin among the words, or 2^32 - 1
    std::uint64_t words_at;  ///< u32 words: level, then for each level from 1: count, M neighbours
    std::uint64_t words;
    std::uint64_t zeros;
};
static_assert(sizeof(hnsw_head) == 192 && alignof(hnsw_head) == 8);

/// Where everything lies follows from rows, dim, M and the number of words.
inline hnsw_head make_hnsw_head(std::string_view index, std::string_view metric, std::uint32_t version, std::size_t dim,
                                std::uint64_t rows, std::uint32_t links, std::uint64_t words) {
    hnsw_head h{};
    h.base       = make_vector_head(index, metric, version, dim, rows, sizeof(hnsw_head));
    h.links      = links;
    h.links_at   = vector_align(h.base.bytes);
    h.equal_at   = vector_align(h.links_at + rows * (1 + 2 * std::uint64_t{links}) * 4);
    h.upper_at   = vector_align(h.equal_at + rows * 4);
    h.words_at   = vector_align(h.upper_at + rows * 4);
    h.words      = words;
    h.base.bytes = h.words_at + words * 4;
    return h;
}

/// The graph in place. Nothing in it is trusted: ids, counts and places are checked on each use.
struct hnsw_graph {
    std::span<float const>         rows;
    std::span<std::uint32_t const> links, equal, upper, words;
    std::uint32_t                  size = 0, degree = 0, entry = 0, top = 0;
    std::size_t                    dim = 0;

    std::size_t  stride() const noexcept { return 1 + 2 * std::size_t{degree}; }
    float const* row(std::uint32_t id) const noexcept { return rows.data() + std::size_t{id} * dim; }
    /// Precondition: id < size.
    std::span<std::uint32_t const> neighbours(std::uint32_t id, unsigned level) const noexcept {
        if (level == 0) {
            auto const* p = links.data() + std::size_t{id} * stride();
            return {p + 1, std::min<std::size_t>(*p, 2 * std::size_t{degree})};
        }
        std::size_t const at = upper[id];
        if (at >= words.size() || words[at] < level) return {};
        std::size_t const block = at + 1 + std::size_t{level - 1} * (1 + std::size_t{degree});
        if (block + 1 + degree > words.size()) return {};
        return {words.data() + block + 1, std::min<std::size_t>(words[block], degree)};
    }
    unsigned level_of(std::uint32_t id) const noexcept { return upper[id] < words.size() ? words[upper[id]] : 0; }
    /// The next row with equal elements, always a greater one, or none.
    std::uint32_t next_equal(std::uint32_t id) const noexcept {
        auto const next = equal[id];
        return next > id && next < size ? next : hnsw_none;
    }
};

/// Best-first search on one level from the candidates in s.pool (sorted), which becomes the `ef` nearest that were met,
/// sorted. A sorted array instead of two heaps: at these sizes a move of some hundred bytes is cheaper.
template <class M>
void hnsw_search(hnsw_graph const& g, float const* query, std::size_t ef, unsigned level, vector_scratch& s) {
    auto& pool = s.pool;
    pool.reserve(ef + 1);
    s.begin_visits(g.size);
    for (auto& c : pool) {
        c.id &= ~hnsw_seen;
        s.visit(c.id);
    }
    for (std::size_t at = 0; at < pool.size();) {
        if (pool[at].id & hnsw_seen) {
            ++at;
            continue;
        }
        auto const near = g.neighbours(pool[at].id, level);
        pool[at].id |= hnsw_seen;
        if (s.ids.size() < near.size()) {
            s.ids.resize(near.size());
            s.distances.resize(near.size());
        }
        std::size_t fresh = 0;
        for (auto const id : near)
            if (id < g.size && s.visit(id)) s.ids[fresh++] = id;
        metric_on_rows<M>::type::gather(query, g.rows.data(), g.dim, s.ids.data(), fresh, g.dim, s.distances.data());
        std::size_t first = at + 1;
        for (std::size_t i = 0; i < fresh; ++i) {
            float const distance = vector_ordered(s.distances[i]);
            if (pool.size() >= ef) {
                if (!(distance < pool.back().distance)) continue;
                pool.pop_back();
            }
            auto const place =
                std::upper_bound(pool.begin(), pool.end(), distance,
                                 [](float d, vector_scratch::candidate const& c) { return d < c.distance; });
            first = std::min(first, static_cast<std::size_t>(place - pool.begin()));
            pool.insert(place, {distance, s.ids[i]});
        }
        at = first;
        if (level == 0 && at < pool.size())
            __builtin_prefetch(g.links.data() + std::size_t{pool[at].id & ~hnsw_seen} * g.stride());
    }
    for (auto& c : pool) c.id &= ~hnsw_seen;
}

/// Begins in the entry and walks down to the node nearest to the query on `level` + 1: s.pool is the start for `level`.
template <class M>
void hnsw_descend(hnsw_graph const& g, float const* query, unsigned level, vector_scratch& s) {
    s.pool.assign(1, {vector_ordered(metric_on_rows<M>::type::distance(query, g.row(g.entry), g.dim)), g.entry});
    for (unsigned l = g.top; l > level; --l) hnsw_search<M>(g, query, 1, l, s);
}

/// Inserts row after row into the final bytes; then sees to it that every row can be reached.
template <class M>
class hnsw_builder {
public:
    hnsw_builder(byte_vector& bytes, hnsw_head& head, std::size_t ef)
        : head_(head),
          ef_(ef),
          links_(at<std::uint32_t>(bytes, head.links_at)),
          equal_(at<std::uint32_t>(bytes, head.equal_at)),
          upper_(at<std::uint32_t>(bytes, head.upper_at)),
          words_(at<std::uint32_t>(bytes, head.words_at)) {
        auto const n = static_cast<std::size_t>(head.base.rows);
        g_.dim       = head.base.dim;
        g_.size      = static_cast<std::uint32_t>(n);
        g_.degree    = head.links;
        g_.rows      = {at<float>(bytes, head.base.rows_at), n * g_.dim};
        g_.links     = {links_, n * g_.stride()};
        g_.equal     = {equal_, n};
        g_.upper     = {upper_, n};
        g_.words     = {words_, static_cast<std::size_t>(head.words)};
    }

    /// The level of a row: at least l with probability M^-l. By integers, the same on every machine.
    static unsigned level_of(std::uint64_t row, std::uint32_t degree) noexcept {
        std::uint64_t const h     = hash_u64(row ^ 0x68'6e'73'77'6c'65'76'65U);
        std::uint64_t       limit = std::numeric_limits<std::uint64_t>::max() / degree;
        unsigned            level = 0;
        for (; h < limit && level < hnsw_level_limit; limit /= degree) ++level;
        return level;
    }

    void build() {
        if (g_.size == 0) return;
        lay_out_levels();
        auto order = chain_equal_rows();
        std::sort(order.begin(), order.end(),
                  [](std::uint32_t a, std::uint32_t b) { return shuffled(a) < shuffled(b); });
        g_.entry = order.front();
        g_.top   = g_.level_of(g_.entry);
        for (std::size_t i = 1; i < order.size(); ++i) insert(order[i]);
        head_.entry = g_.entry;
        head_.top   = g_.top;
        std::sort(order.begin(), order.end());
        reach_all(order);
    }

private:
    using candidate = vector_scratch::candidate;
    using distances = typename metric_on_rows<M>::type;

    template <class T>
    static T* at(byte_vector& bytes, std::uint64_t offset) noexcept {
        return reinterpret_cast<T*>(bytes.data() + offset);
    }
    /// Rows are inserted in an order without pattern: sorted input would make a graph of long detours.
    static std::uint64_t shuffled(std::uint32_t id) noexcept { return hash_u64(id ^ 0x6f'72'64'65'72U); }

    void lay_out_levels() {
        std::uint32_t next = 0;
        for (std::uint32_t id = 0; id < g_.size; ++id) {
            unsigned const level = level_of(id, g_.degree);
            upper_[id]           = level == 0 ? hnsw_none : next;
            if (level == 0) continue;
            words_[next] = level;
            next += 1 + level * (1 + g_.degree);
        }
    }

    /// Rows with equal elements hang in one chain, by position, behind the first of them, which alone enters the graph: a
    /// thousand equal rows would be one another's only neighbours and cut themselves off. Returns the first ones.
    std::vector<std::uint32_t> chain_equal_rows() {
        std::vector<std::uint32_t> order(g_.size), heads;
        std::iota(order.begin(), order.end(), 0U);
        std::size_t const bytes = g_.dim * sizeof(float);
        std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
            int const c = std::memcmp(g_.row(a), g_.row(b), bytes);
            return c != 0 ? c < 0 : a < b;
        });
        for (std::size_t i = 0; i < order.size(); ++i) {
            equal_[order[i]] = hnsw_none;
            if (i > 0 && std::memcmp(g_.row(order[i - 1]), g_.row(order[i]), bytes) == 0)
                equal_[order[i - 1]] = order[i];
            else heads.push_back(order[i]);
        }
        return heads;
    }

    /// The list of a node on a level: count, then room for `capacity(level)` ids.
    std::uint32_t* list(std::uint32_t id, unsigned level) noexcept {
        return level == 0 ? links_ + std::size_t{id} * g_.stride()
                          : words_ + upper_[id] + 1 + std::size_t{level - 1} * (1 + std::size_t{g_.degree});
    }
    std::size_t capacity(unsigned level) const noexcept { return level == 0 ? 2 * std::size_t{g_.degree} : g_.degree; }

    void insert(std::uint32_t id) {
        unsigned const level = g_.level_of(id);
        hnsw_descend<M>(g_, g_.row(id), level, s_);
        for (unsigned l = std::min(level, g_.top) + 1; l-- > 0;) {
            hnsw_search<M>(g_, g_.row(id), ef_, l, s_);
            choose(s_.pool, g_.degree);
            auto* mine = list(id, l);
            *mine      = static_cast<std::uint32_t>(chosen_.size());
            for (std::size_t i = 0; i < chosen_.size(); ++i) mine[1 + i] = chosen_[i].id;
            linked_ = chosen_;
            for (auto const& c : linked_) link_back(c.id, {c.distance, id}, l);
        }
        if (level > g_.top) {
            g_.top   = level;
            g_.entry = id;
        }
    }

    /// Adds a neighbour to a node; a full list is chosen anew.
    void link_back(std::uint32_t node, candidate added, unsigned level) {
        auto*             p     = list(node, level);
        std::size_t const count = *p;
        if (count < capacity(level)) {
            p[1 + count] = added.id;
            *p           = static_cast<std::uint32_t>(count + 1);
            return;
        }
        measured_.resize(count);
        distances::gather(g_.row(node), g_.rows.data(), g_.dim, p + 1, count, g_.dim, measured_.data());
        around_.clear();
        for (std::size_t i = 0; i < count; ++i) around_.push_back({vector_ordered(measured_[i]), p[1 + i]});
        around_.push_back(added);
        std::sort(around_.begin(), around_.end(), [](candidate const& a, candidate const& b) {
            return a.distance < b.distance || (a.distance == b.distance && a.id < b.id);
        });
        choose(around_, capacity(level));
        *p = static_cast<std::uint32_t>(chosen_.size());
        for (std::size_t i = 0; i < chosen_.size(); ++i) p[1 + i] = chosen_[i].id;
    }

    /// Algorithm 4 of Malkov and Yashunin: of candidates sorted by distance to a node, keeps one when it is nearer to the node
    /// than to all that were kept before, so that neighbours lie in different directions.
    void choose(std::span<candidate const> candidates, std::size_t most) {
        constexpr std::size_t group = 4;
        float                 apart[group];
        chosen_.clear();
        chosen_ids_.clear();
        for (auto const& c : candidates) {
            if (chosen_.size() == most) break;
            bool keep = true;
            for (std::size_t from = 0; keep && from < chosen_ids_.size(); from += group) {
                std::size_t const m = std::min(group, chosen_ids_.size() - from);
                distances::gather(g_.row(c.id), g_.rows.data(), g_.dim, chosen_ids_.data() + from, m, g_.dim, apart);
                for (std::size_t i = 0; i < m; ++i) keep = keep && !(apart[i] < c.distance);
            }
            if (!keep) continue;
            chosen_.push_back(c);
            chosen_ids_.push_back(c.id);
        }
    }

    /// Links what cannot be reached from the entry on level 0 to a near node that can. A full list gives up a link that
    /// nothing hangs on: the tree by which nodes were reached stays whole.
    void reach_all(std::span<std::uint32_t const> nodes) {
        parent_.assign(g_.size, hnsw_none);
        parent_[g_.entry] = g_.entry;
        std::vector<std::uint32_t> reached;
        reached.reserve(nodes.size());
        reached.push_back(g_.entry);
        spread(reached, 0);
        for (auto const id : nodes) {
            if (parent_[id] != hnsw_none) continue;
            hnsw_descend<M>(g_, g_.row(id), 0, s_);
            hnsw_search<M>(g_, g_.row(id), ef_, 0, s_);
            attach(id, reached);
            reached.push_back(id);
            spread(reached, reached.size() - 1);
        }
    }
    void spread(std::vector<std::uint32_t>& reached, std::size_t from) {
        for (; from < reached.size(); ++from)
            for (auto const id : g_.neighbours(reached[from], 0))
                if (parent_[id] == hnsw_none) {
                    parent_[id] = reached[from];
                    reached.push_back(id);
                }
    }
    void attach(std::uint32_t id, std::span<std::uint32_t const> reached) {
        for (auto const& c : s_.pool)
            if (parent_[c.id] != hnsw_none && hang(id, c.id)) return;
        for (auto const node : reached)  // a tree of n nodes fills n - 1 of 2 M n places: one has a place to give
            if (hang(id, node)) return;
    }
    bool hang(std::uint32_t id, std::uint32_t node) {
        auto*             p     = list(node, 0);
        std::size_t const count = *p;
        std::size_t       place = count;
        if (count == capacity(0)) {
            while (place > 0 && parent_[p[place]] == node) --place;  // the farthest link that is not of the tree
            if (place == 0) return false;
            --place;
        } else {
            *p = static_cast<std::uint32_t>(count + 1);
        }
        p[1 + place] = id;
        parent_[id]  = node;
        return true;
    }

    hnsw_head&                 head_;
    std::size_t                ef_;
    std::uint32_t *            links_, *equal_, *upper_, *words_;
    hnsw_graph                 g_;
    vector_scratch             s_;
    std::vector<candidate>     chosen_, linked_, around_;
    std::vector<std::uint32_t> chosen_ids_, parent_;
    std::vector<float>         measured_;
};

}  // namespace tenon::detail
