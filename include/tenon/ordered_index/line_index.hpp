// SPDX-License-Identifier: Apache-2.0
// Position indexes over lines of keys: a router finds a node, the node a line, a vector comparison the position.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/key_tree.hpp"
#include "tenon/ordered_index/line_node.hpp"
#include "tenon/ordered_index/position_index.hpp"
#include "tenon/ordered_index/queries.hpp"
#include "tenon/ordered_index/radix_router.hpp"
#include "tenon/ordered_index/sorted_keys.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon {

namespace detail {

/// Behind the index_header.
struct line_index_head {
    std::uint64_t nodes     = 0;
    std::uint64_t lead      = 0;  ///< keys that line 0 lacks at its front
    std::uint64_t line      = 0;  ///< keys in a line
    std::uint64_t router_at = 0;  ///< 0: none
    std::uint64_t nodes_at  = 0;
    std::uint64_t zeros[3]  = {};
};
static_assert(sizeof(line_index_head) == 64);

/// Keys in a line: as many as a cache line has room for, of keys that are not numbers at least four.
template <class Key>
inline constexpr std::uint64_t index_line = word_key<Key> ? line_keys<Key> : std::max<std::uint64_t>(line_keys<Key>, 4);

inline constexpr std::uint64_t line_tree_at = sizeof(index_header) + sizeof(line_index_head);

/// How line `i` of n keys lies in them.
template <class Key>
struct line_layout {
    static constexpr std::uint64_t line = index_line<Key>;
    std::uint64_t                  n = 0, lead = 0;

    std::uint64_t count() const noexcept { return n == 0 ? 1 : (n + lead + line - 1) / line; }
    std::uint64_t begin(std::uint64_t i) const noexcept { return std::min(n, i == 0 ? 0 : i * line - lead); }
    std::uint64_t end(std::uint64_t i) const noexcept { return std::min(n, (i + 1) * line - lead); }
};

/// Nodes over all lines, in order, and the projection of the last key of each node but the last.
struct line_nodes {
    std::vector<line_node>     nodes;
    std::vector<std::uint64_t> separators;
};

template <index_key Key>
line_nodes make_line_nodes(std::span<Key const> keys, line_layout<Key> layout, node_kind finest) {
    constexpr unsigned              most = line_node_builder::most;
    projected_keys<Key> const       projected(keys);
    line_nodes                      out;
    std::array<std::uint64_t, most> first{}, last{};
    unsigned                        held  = 0;
    std::uint64_t                   start = 0, next = 0;
    auto const                      lines = keys.empty() ? 0 : layout.count();
    if (lines == 0) out.nodes.push_back(line_node{0, 0, {}}), out.nodes.back().thresholds.fill(std::byte{0xff});
    out.nodes.reserve(static_cast<std::size_t>(lines / most + 1));
    out.separators.reserve(out.nodes.capacity());
    while (start < lines) {
        for (; held < most && next < lines; ++held, ++next) {
            first[held] = projected[layout.begin(next)];
            last[held]  = projected[layout.end(next) - 1];
        }
        unsigned taken = 0;
        out.nodes.push_back(line_node_builder::make(first.data(), last.data(), held, start, finest, taken));
        start += taken;
        if (start < lines) out.separators.push_back(last[taken - 1]);
        std::copy(first.begin() + taken, first.begin() + held, first.begin());
        std::copy(last.begin() + taken, last.begin() + held, last.begin());
        held -= taken;
    }
    return out;
}

}  // namespace detail

/// What a hybrid or a compressed static_tree is made of.
struct line_index_stats {
    std::uint64_t keys = 0, nodes = 0, byte_nodes = 0, pair_nodes = 0, word_nodes = 0;
    std::uint64_t router_bins = 0, tree_levels = 0, model_bytes = 0;
    double        lines_per_node = 0;
};

/// Look-ups over a model's bytes and the keys it was built from; both must outlive the view. Copies are cheap.
///
/// Hostile bytes: every answer lies in [0, size()], and nothing outside keys and bytes is read.
template <class Policy, index_key Key>
class line_view : public position_queries<line_view<Policy, Key>, Key> {
    using base   = position_queries<line_view, Key>;
    using layout = detail::line_layout<Key>;

public:
    /// O(1). The bytes are untrusted; they must be aligned to 8, and look-ups are fastest when they are aligned to 64.
    static result<line_view> open(byte_view model, std::span<Key const> keys) {
        auto header = index_header::read(model, Policy::name, keys);
        if (!header) return fail(std::move(header).error());
        line_view out(keys);
        out.model_bytes_ = model.size();
        std::span<detail::line_index_head const> heads;
        if (reinterpret_cast<std::uintptr_t>(model.data()) % 8 != 0)
            return fail(errc::invalid_argument,
                        "the bytes of a position index must be aligned to 8; copy them to aligned memory");
        if (!view_array(model, sizeof(index_header), 1, heads) || header->extra != 0 || header->zero != 0)
            return fail(errc::corrupt, {"the position index has ", model.size(),
                                        " bytes, too few for its second header at offset 128"});
        auto const& h = heads.front();
        if (h.nodes == 0 || h.nodes > model.size() / sizeof(line_node) || h.line != layout::line ||
            h.lead >= layout::line || h.nodes_at % 64 != 0 || h.nodes_at > model.size() ||
            (model.size() - h.nodes_at) / sizeof(line_node) != h.nodes || model.size() % sizeof(line_node) != 0)
            return fail(errc::corrupt, {"the position index says it has ", h.nodes, " nodes of lines of ", h.line,
                                        " keys, which does not fit its ", model.size(), " bytes and these keys"});
        auto tree = key_tree::open(model, detail::line_tree_at, h.nodes - 1);
        if (!tree) return fail(std::move(tree).error());
        out.tree_ = *std::move(tree);
        auto end  = detail::line_tree_at + key_tree::bytes(h.nodes - 1);
        if (h.router_at != 0) {
            if (h.router_at != end)
                return fail(errc::corrupt, {"the router of a position index must stand at offset ", end});
            auto router = radix_router::open(model, h.router_at, out.tree_, end);
            if (!router) return fail(std::move(router).error());
            out.router_ = *std::move(router);
        }
        if (end != h.nodes_at) return fail(errc::corrupt, {"the nodes of a position index must stand at offset ", end});
        out.nodes_       = model.data() + h.nodes_at;
        out.layout_      = {keys.size(), h.lead};
        out.whole_       = h.lead > 0 ? 1 : 0;
        auto const ended = (keys.size() + h.lead) / layout::line;
        out.wholes_      = ended > out.whole_ ? ended - out.whole_ : 0;
        return out;
    }

    std::uint64_t lower_bound(Key const& k) const {
        auto const p = space_(k);
        return finish(find_lines(node(route(p)), p), k);
    }
    /// The positions that lower_bound(k) may have by the model alone; size() stands for "after the last".
    position_range window(Key const& k) const {
        auto const p     = space_(k);
        auto const lines = find_lines(node(route(p)), p);
        auto const at    = lower_bound(k);
        return {std::min(at, layout_.begin(lines.first)),
                std::max(at, layout_.end(std::max(lines.first, lines.second))) + 1};
    }

    /// out[i] = lower_bound(ks[i]), 64 at a time so that their cache misses overlap. Precondition: out has room for ks.size().
    void batch(std::span<Key const> ks, std::span<std::uint64_t> out) const {
        expects(out.size() >= ks.size(), "tenon: batch needs an out with room for as many positions as there are keys");
        for (std::size_t i = 0; i < ks.size(); i += width)
            batch_some(ks.subspan(i, ks.size() - i < width ? ks.size() - i : width), out.data() + i);
    }

    line_index_stats stats() const noexcept {
        line_index_stats s{this->size_, tree_.size() + 1, 0, 0, 0, router_.bins(), tree_.levels(), model_bytes_, 0};
        for (std::uint64_t i = 0; i < s.nodes; ++i) {
            auto const kind = node(i).kind();
            (kind == node_kind::bytes ? s.byte_nodes : kind == node_kind::pairs ? s.pair_nodes : s.word_nodes) += 1;
        }
        s.lines_per_node = static_cast<double>(layout_.count()) / static_cast<double>(s.nodes);
        return s;
    }
    /// The same for people.
    std::string explain() const {
        auto const s = stats();
        return sentence({std::string(Policy::name), " over ", s.keys, " keys: ", s.model_bytes, " bytes, ", s.nodes,
                         " nodes (", s.byte_nodes, " of bytes, ", s.pair_nodes, " of pairs, ", s.word_nodes,
                         " of words) of ", s.lines_per_node, " lines each; ",
                         s.router_bins > 0 ? sentence({"router of ", s.router_bins, " bins"})
                                           : sentence({"tree of ", s.tree_levels, " levels"}),
                         "; a look-up touches one node and one or two lines of keys"});
    }

    /// Proves every invariant again, O(n).
    result<void> validate() const {
        if (auto sorted = check_sorted(this->keys()); !sorted) return sorted;
        auto const expected = detail::make_line_nodes<Key>(this->keys(), layout_, Policy::finest);
        bool       same     = expected.nodes.size() == tree_.size() + 1 && tree_.valid();
        for (std::uint64_t i = 0; same && i < expected.nodes.size(); ++i) {
            auto const held = node(i);
            same            = std::memcmp(&held, &expected.nodes[i], sizeof held) == 0;
            if (!same)
                return fail(errc::corrupt,
                            {"node ", i, " of the position index does not fit its keys; build it again"});
        }
        for (std::uint64_t i = 0; same && i < tree_.size(); ++i) same = tree_.separator(i) == expected.separators[i];
        if (same && router_.bins() > 0) same = router_.valid(expected.separators);
        if (!same)
            return fail(errc::corrupt, "the separators of the position index do not fit its keys; build it again");
        return {};
    }

private:
    static constexpr std::size_t width = 64;

    explicit line_view(std::span<Key const> keys) : base(keys), space_(keys) {}

    line_node const& node(std::uint64_t i) const noexcept {
        return *reinterpret_cast<line_node const*>(nodes_ + i * sizeof(line_node));
    }
    std::uint64_t route(std::uint64_t p) const noexcept {
        if (router_.bins() > 0) {
            auto const first = router_.first(p);
            if (first != radix_router::ask_tree) [[likely]]
                return first + tree_.less_of_eight(first, p);
        }
        return tree_.lower(p);
    }

    /// How many keys of a line are less than k, and the position behind them.
    std::uint64_t behind(std::uint64_t line, Key const& k, unsigned& less) const {
        if (line - whole_ < wholes_) [[likely]] {
            auto const at = line * layout::line - layout_.lead;
            if constexpr (layout::line == line_keys<Key>) less = line_less(this->keys_ + at, k);
            else less = some_less(this->keys_ + at, layout::line, k);
            return at + less;
        }
        auto const at = line < layout_.count() ? layout_.begin(line) : this->size_;
        auto const n  = line < layout_.count() ? layout_.end(line) - at : 0;
        auto const s  = some_less(this->keys_ + at, static_cast<std::size_t>(n), k);
        less          = s == n ? static_cast<unsigned>(layout::line) : s;
        return at + s;
    }
    std::uint64_t finish(line_pair lines, Key const& k) const {
        unsigned   less = 0, ignored = 0;
        auto const in_first = behind(lines.first, k, less), in_second = behind(lines.second, k, ignored);
        auto const at = less < layout::line ? in_first : in_second;
        if constexpr (key_space<Key>::exact) return at;
        else return this->checked(at, k);
    }

    void batch_some(std::span<Key const> ks, std::uint64_t* out) const {
        std::array<std::uint64_t, width> p, at;
        std::array<line_pair, width>     lines;
        auto const                       m = ks.size();
        for (std::size_t j = 0; j < m; ++j) p[j] = space_(ks[j]);
        if (router_.bins() > 0) {
            for (std::size_t j = 0; j < m; ++j) {
                at[j] = router_.first(p[j]);
                if (at[j] != radix_router::ask_tree) tree_.prefetch_separators(at[j]);
            }
            for (std::size_t j = 0; j < m; ++j) {
                at[j] = at[j] != radix_router::ask_tree ? at[j] + tree_.less_of_eight(at[j], p[j]) : tree_.lower(p[j]);
                prefetch(nodes_ + at[j] * sizeof(line_node));
            }
        } else {
            at.fill(0);
            auto const levels = tree_.levels();
            for (unsigned level = 0; level + 1 < levels; ++level) {
                bool const far = level + 3 >= levels;  // levels above are cached
                for (std::size_t j = 0; j < m; ++j) {
                    at[j] = tree_.step(level, at[j], p[j]);
                    if (far) tree_.prefetch_node(level + 1, at[j]);
                }
            }
            for (std::size_t j = 0; j < m; ++j) {
                at[j] = tree_.step(levels - 1, at[j], p[j]);
                prefetch(nodes_ + at[j] * sizeof(line_node));
            }
        }
        for (std::size_t j = 0; j < m; ++j) {
            lines[j] = find_lines(node(at[j]), p[j]);
            prefetch(this->keys_ + (lines[j].first * layout::line - layout_.lead));
            prefetch(this->keys_ + (lines[j].second * layout::line - layout_.lead));
        }
        for (std::size_t j = 0; j < m; ++j) out[j] = finish(lines[j], ks[j]);
    }

    key_tree         tree_;
    radix_router     router_;
    std::byte const* nodes_ = nullptr;
    layout           layout_;
    std::uint64_t    whole_ = 0, wholes_ = 0;  ///< lines [whole_, whole_ + wholes_) have all their keys
    std::uint64_t    model_bytes_ = 0;
    [[no_unique_address]] key_space<Key> space_;
};

namespace detail {

/// How many keys of a line of 64 bytes lie before the first key.
template <class Key>
std::uint64_t line_lead(std::span<Key const> keys) noexcept {
    if constexpr (index_line<Key> * sizeof(Key) == 64)
        return reinterpret_cast<std::uintptr_t>(keys.data()) % 64 / sizeof(Key);
    else return 0;
}

/// The bytes of a line_view<Policy, Key>.
template <class Policy, index_key Key>
result<byte_vector> build_line_index(std::span<Key const> keys, std::uint64_t lead) {
    if (auto sorted = check_sorted(keys); !sorted) return fail(std::move(sorted).error());
    auto const  made = make_line_nodes<Key>(keys, line_layout<Key>{keys.size(), lead}, Policy::finest);
    byte_vector out;
    out.reserve(line_tree_at + static_cast<std::size_t>(key_tree::bytes(made.separators.size())) +
                made.nodes.size() * (sizeof(line_node) + 8) + 128);
    out.resize(line_tree_at);
    key_tree::put(out, made.separators);
    line_index_head head;
    head.nodes = made.nodes.size();
    head.lead  = lead;
    head.line  = index_line<Key>;
    if constexpr (Policy::learned_router) {
        head.router_at = out.size();
        radix_router::put(out, made.separators);
    }
    head.nodes_at = out.size();
    put_bytes(out, std::as_bytes(std::span(made.nodes)));
    auto const header = index_header::of(Policy::name, keys, out.size());
    std::memcpy(out.data(), &header, sizeof header);
    std::memcpy(out.data() + sizeof header, &head, sizeof head);
    return out;
}

}  // namespace detail

}  // namespace tenon
