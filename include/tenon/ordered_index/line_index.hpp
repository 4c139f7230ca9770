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
    std::uint64_t kind      = 0;  ///< of nodes that are not of words: a node_kind
    std::uint64_t groups    = 0;  ///< nodes over nodes; 0: none
    std::uint64_t zero      = 0;
};
static_assert(sizeof(line_index_head) == 64);

/// Keys in a line: as many as a cache line has room for, of keys that are not numbers at least four.
template <class Key>
inline constexpr std::uint64_t index_line = word_key<Key> ? line_keys<Key> : std::max<std::uint64_t>(line_keys<Key>, 4);

inline constexpr std::uint64_t line_tree_at = sizeof(index_header) + sizeof(line_index_head);

/// Zero bytes behind the nodes, in which look-ups in hostile nodes end.
inline constexpr std::uint64_t line_nodes_tail = 128;
static_assert(line_nodes_tail + sizeof(line_node) >= line_node::reach);

/// How line `i` of n keys lies in them.
template <class Key>
struct line_layout {
    static constexpr std::uint64_t line = index_line<Key>;
    std::uint64_t                  n = 0, lead = 0;

    std::uint64_t count() const noexcept { return n == 0 ? 1 : (n + lead + line - 1) / line; }
    std::uint64_t begin(std::uint64_t i) const noexcept { return std::min(n, i == 0 ? 0 : i * line - lead); }
    std::uint64_t end(std::uint64_t i) const noexcept { return std::min(n, (i + 1) * line - lead); }
};

/// Nodes over all lines, in order, and the projection of the last key of each node but the last. Of fines a separator may be greater than that:
/// it is the least of the numbers up to which the node may be asked, and `reach` the greatest.
struct line_nodes {
    std::vector<line_node>     nodes;
    std::vector<std::uint64_t> separators, reach;

    /// Puts a number before the node that was made last, over lines or nodes that end so: the nodes before are right up to `reach`.
    void separate(std::uint64_t before, std::uint64_t to, std::uint64_t const* last) {
        auto const from = line_node_builder::reach(nodes.back(), last).first;
        separators.push_back(from > before + 1 ? from - 1 : before);
        reach.push_back(to);
    }
};

/// Nodes of fines over nodes of fines, and the projection of the last key under each but the last. None where there are few nodes, so that
/// a tree over them mostly stays in the caches, and where they would hold few each.
inline line_nodes make_groups(line_nodes const& under) {
    constexpr std::size_t few_nodes = 1 << 13, few_under = 10;
    line_nodes            out;
    auto const            n = under.nodes.size();
    if (n < few_nodes || under.reach.size() != n - 1) return out;
    auto first = under.reach, last = under.separators;
    first.insert(first.begin(), 0);
    last.push_back(~std::uint64_t{0});
    unsigned      taken = 0;
    std::uint64_t to    = 0;  // the greatest p that what stands before may be asked for
    for (std::size_t start = 0; start < n; start += taken) {
        auto const some = static_cast<unsigned>(std::min<std::size_t>(line_node_builder::most, n - start));
        out.nodes.push_back(line_node_builder::make_group(start == 0 ? 0 : to + 1, first.data() + start,
                                                          last.data() + start, some, start, start + some == n, taken));
        if (start > 0) out.separate(last[start - 1], to, last.data() + start);
        auto const reach = line_node_builder::reach(out.nodes.back(), last.data() + start).second;
        if (start + taken < n) to = std::min(first[start + taken], reach);
    }
    return out.nodes.size() * few_under > n ? line_nodes{} : out;
}

template <index_key Key>
class line_node_maker {
public:
    line_node_maker(std::span<Key const> keys, line_layout<Key> layout)
        : projected_(keys), layout_(layout), lines_(keys.empty() ? 0 : layout.count()) {}

    /// The kind of which fewest nodes are needed, from a look at some lines: words, which stands for no nodes at all, where nodes would hold so
    /// few lines that a plain tree is faster. A tree that mostly stays in the caches is faster than nodes of fines, too, unless these leave out
    /// many lines of equal keys; and so is one where a processor could not guess what form the next node has.
    node_kind better_kind() {
        constexpr std::array  kinds{node_kind::bits, node_kind::fines};
        std::array<double, 2> nodes{};      // for each line
        std::array<double, 2> odd_share{};  // of lines whose node is not of the usual form
        auto const            looks = std::min<std::uint64_t>(64, lines_ / (2 * most) + 1);
        for (std::uint64_t i = 0; i < looks && lines_ > 1; ++i) {
            start_at(1 + (lines_ - 1) / looks * i);
            auto const base = projected_[layout_.end(next_ - 1) - 1] + 1;
            fill();
            unsigned equal = 0;  // which costs no nodes
            while (equal < held_ && last()[equal] < base) ++equal;
            for (std::size_t kind = 0; kind < kinds.size() && equal < held_; ++kind) {
                auto const most_here = line_node::most(kinds[kind]);
                double     count     = 0;
                unsigned   seen = 0, odd = 0, taken = 0;
                for (auto at = equal; count == 0 || at + most_here <= held_; at += taken) {
                    auto const node = line_node_builder::make(at == equal ? base : last()[at - 1] + 1, first() + at,
                                                              last() + at, held_ - at, 1, kinds[kind], false, taken);
                    if (at == equal && at + taken + most_here <= held_) continue;  // those behind begin where one ends
                    ++count, seen += taken;
                    bool const usual = kinds[kind] == node_kind::bits ? !node.of_words(node_kind::bits) : node.clear();
                    odd += usual ? 0 : taken;
                }
                nodes[kind] += count / seen;
                odd_share[kind] += static_cast<double>(odd) / seen / static_cast<double>(looks);
            }
        }
        start_at(0);
        for (std::size_t kind = 0; kind < kinds.size(); ++kind)
            if (std::min(odd_share[kind], 1 - odd_share[kind]) > 0.125) nodes[kind] = static_cast<double>(looks);
        auto const best   = std::min_element(nodes.begin(), nodes.end());
        auto const kind   = kinds[static_cast<std::size_t>(best - nodes.begin())];
        bool const cached = kind == node_kind::fines && lines_ < lines_for_fines;
        bool const poor   = *best * (cached ? many_lines : few_lines) > static_cast<double>(looks);
        return poor && (cached || looks >= 8) ? node_kind::words : kind;
    }

    /// No nodes: the last key of each line is a separator.
    line_nodes make_separators() const {
        line_nodes out;
        out.separators.reserve(static_cast<std::size_t>(lines_));
        for (std::uint64_t i = 0; i + 1 < lines_; ++i) out.separators.push_back(projected_[layout_.end(i) - 1]);
        return out;
    }

    line_nodes make(node_kind kind) {
        line_nodes out;
        out.nodes.reserve(static_cast<std::size_t>(lines_ / std::min(64u, line_node::most(kind)) * 9 / 8 + 1));
        out.separators.reserve(out.nodes.capacity());
        if (kind == node_kind::fines) out.reach.reserve(out.nodes.capacity());
        if (lines_ == 0) out.nodes.push_back(line_node_builder::empty(kind));
        unsigned      taken = 0;
        std::uint64_t ended = 0,
                      to    = 0;  // the last key before, and the greatest p that the nodes before may be asked for
        for (std::uint64_t start = 0; start < lines_;) {
            fill();
            out.nodes.push_back(line_node_builder::make(start == 0 ? 0 : to + 1, first(), last(), held_, start, kind,
                                                        start + held_ == lines_, taken));
            if (start > 0) {
                if (kind == node_kind::fines) out.separate(ended, to, last());
                else out.separators.push_back(ended);
            }
            to    = kind == node_kind::fines ? line_node_builder::reach(out.nodes.back(), last()).second : 0;
            ended = last()[taken - 1];
            drop(taken);
            auto const behind = start += taken;
            for (unsigned equal = 1; equal > 0; start += equal)
                equal = drop_up_to(ended);  // nothing that is sought stands in them
            if (start < lines_) to = start == behind && kind == node_kind::fines ? std::min(first()[0], to) : ended;
        }
        return out;
    }

private:
    static constexpr unsigned      most      = line_node_builder::most;
    static constexpr unsigned      few_lines = 20, many_lines = 40, room = 8 * most;
    static constexpr std::uint64_t lines_for_fines = 1 << 20;  ///< fewer have a tree that mostly stays in the caches

    std::uint64_t const* first() const noexcept { return ends_[0].data() + front_; }
    std::uint64_t const* last() const noexcept { return ends_[1].data() + front_; }

    /// Lets go of the first n lines held, and holds at least one if there is one.
    void drop(unsigned n) {
        front_ += n, held_ -= n;
        if (held_ == 0) fill();
    }
    /// Lets go of the lines at the front that end with this key, or before; how many those are. The last line of all stays.
    unsigned drop_up_to(std::uint64_t key) {
        auto const held = next_ == lines_ ? held_ - (held_ > 0 ? 1 : 0) : held_;
        unsigned   n    = 0;
        while (n < held && last()[n] <= key) ++n;
        drop(n);
        return n;
    }
    /// Begins to hold lines from this one on.
    void start_at(std::uint64_t line) { held_ = 0, front_ = 0, next_ = line; }
    /// Holds as many lines as the largest node can, or all there are.
    void fill() {
        if (front_ + most > room)
            for (auto& end : ends_) std::copy(end.begin() + front_, end.begin() + front_ + held_, end.begin());
        if (front_ + most > room) front_ = 0;
        for (; held_ < most && next_ < lines_; ++held_, ++next_) {
            ends_[0][front_ + held_] = projected_[layout_.begin(next_)];
            ends_[1][front_ + held_] = projected_[layout_.end(next_) - 1];
        }
    }

    projected_keys<Key> projected_;
    line_layout<Key>    layout_;
    std::uint64_t       lines_, next_ = 0;
    std::array<std::array<std::uint64_t, room>, 2>
             ends_{};  ///< of the lines held: their first and last keys, from front_ on
    unsigned front_ = 0, held_ = 0;
};

}  // namespace detail

/// What a hybrid or a compressed static_tree is made of.
struct line_index_stats {
    std::uint64_t keys = 0, nodes = 0, word_nodes = 0;
    std::uint64_t groups         = 0;                 ///< nodes over nodes; 0: none
    node_kind     kind           = node_kind::words;  ///< of the other nodes; words: there are none
    std::uint64_t router_entries = 0;                 ///< 0: the tree routes alone
    std::uint64_t tree_levels = 0, model_bytes = 0;
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
        if (h.nodes == 0 || h.nodes > model.size() / 8 || h.line != layout::line || h.lead >= layout::line ||
            !fits_policy(h.kind) || h.nodes_at % 64 != 0 || h.nodes_at > model.size() ||
            model.size() - h.nodes_at != (h.kind != 2 ? h.nodes * sizeof(line_node) + detail::line_nodes_tail : 0))
            return fail(errc::corrupt, {"the position index says it has ", h.nodes, " nodes of lines of ", h.line,
                                        " keys, which does not fit its ", model.size(), " bytes and these keys"});
        if (h.groups > h.nodes || h.zero != 0 || (h.groups != 0 && h.kind != 1))
            return fail(errc::corrupt, {"the position index says it has ", h.groups, " nodes over ", h.nodes,
                                        " nodes, which must be fewer and of 14-bit thresholds"});
        auto const children = h.groups != 0 ? h.groups : h.nodes;  // of the tree
        auto       tree     = key_tree::open(model, detail::line_tree_at, children - 1);
        if (!tree) return fail(std::move(tree).error());
        out.tree_   = *std::move(tree);
        auto end    = detail::line_tree_at + key_tree::bytes(children - 1);
        out.groups_ = model.data() + end;
        end += h.groups * sizeof(line_node);
        if (h.router_at != 0) {
            if (h.router_at != end || h.kind != static_cast<std::uint64_t>(node_kind::bits))
                return fail(errc::corrupt, {"the router of a position index must stand at offset ", end,
                                            ", and its nodes must be of bits"});
            auto router = radix_router::open(model, h.router_at, out.tree_, end);
            if (!router) return fail(std::move(router).error());
            out.router_ = *std::move(router);
        }
        if (end != h.nodes_at) return fail(errc::corrupt, {"the nodes of a position index must stand at offset ", end});
        out.nodes_     = model.data() + h.nodes_at;
        out.last_node_ = h.nodes - 1;
        out.kind_      = static_cast<node_kind>(h.kind);
        out.layout_    = {keys.size(), h.lead};
        if (!out.has_nodes() && h.nodes != out.layout_.count())
            return fail(errc::corrupt, {"the position index says its keys have ", h.nodes, " lines, but they have ",
                                        out.layout_.count()});
        out.whole_           = h.lead > 0 ? 1 : 0;
        auto const whole_end = (keys.size() + h.lead) / layout::line;
        out.inner_           = whole_end > out.whole_ + 1 ? whole_end - out.whole_ - 1 : 0;
        out.line_0_          = reinterpret_cast<std::uintptr_t>(keys.data()) - h.lead * sizeof(Key);
        out.line_whole_      = out.line_0_ + out.whole_ * layout::line * sizeof(Key);
        out.first_whole_     = out.whole_ * layout::line - h.lead;
        out.whole_lines_     = whole_end > out.whole_ ? whole_end - out.whole_ : 0;
        out.way_             = way_of(out.kind_, out.router_.entries() > 0 ? 0 : out.tree_.levels(), h.groups > 0);
        return out;
    }

    /// Inlined as far as the usual ways go: look-ups in a loop overlap the better the fewer instructions each of them has.
    [[gnu::always_inline]] std::uint64_t lower_bound(Key const& k) const {
        auto const p = space_(k);
        if constexpr (may_have(node_kind::bits)) {
            if (way_ == way_of(node_kind::bits, 6)) [[likely]]
                return by_tree<node_kind::bits, 6>(p, k);
        }
        if constexpr (may_have(node_kind::fines)) {
            if (way_ == way_of(node_kind::fines, 5, true)) return by_groups<5>(p, k);
        }
        if constexpr (may_have(node_kind::bits)) {
            if (way_ == way_of(node_kind::bits, 0))
                if (auto const first = router_.first(p); first != radix_router::ask_tree) [[likely]]
                    return in_node<node_kind::bits>(first + tree_.less_of_eight(first, p), p, k);
            if (way_ == way_of(node_kind::bits, 5)) return by_tree<node_kind::bits, 5>(p, k);
            if (way_ == way_of(node_kind::bits, 4)) return by_tree<node_kind::bits, 4>(p, k);
        }
        if constexpr (may_have(node_kind::fines)) {
            if (way_ == way_of(node_kind::fines, 4, true)) return by_groups<4>(p, k);
        }
        if constexpr (may_have(node_kind::words)) {
            if (way_ == way_of(node_kind::words, 8)) return by_tree<node_kind::words, 8>(p, k);
            if (way_ == way_of(node_kind::words, 7)) return by_tree<node_kind::words, 7>(p, k);
        }
        if constexpr (may_have(node_kind::bits))
            if (kind_ == node_kind::bits) return search_in<node_kind::bits>(p, k);
        if constexpr (may_have(node_kind::fines))
            if (!may_have(node_kind::words) || kind_ == node_kind::fines) return search_in<node_kind::fines>(p, k);
        return search_in<node_kind::words>(p, k);
    }
    /// The positions that lower_bound(k) may have by the model alone; size() stands for "after the last".
    position_range window(Key const& k) const {
        auto const p     = space_(k);
        auto const lines = lines_of(route(p), p);
        auto const at    = lower_bound(k);
        auto const from = std::min(lines.first, layout_.count()), to = std::min(lines.second, layout_.count());
        return {std::min(at, layout_.begin(from)), std::max(at, layout_.end(to)) + 1};
    }

    /// out[i] = lower_bound(ks[i]). Keys go through the index in groups of Policy::look_ups, each group some stages behind the next or beside
    /// it, so that their cache misses overlap. Precondition: out has room for ks.size().
    void batch(std::span<Key const> ks, std::span<std::uint64_t> out) const {
        expects(out.size() >= ks.size(), "tenon: batch needs an out with room for as many positions as there are keys");
        if constexpr (may_have(node_kind::bits))
            if (kind_ == node_kind::bits) return batch_in<node_kind::bits>(ks, out.data());
        if constexpr (may_have(node_kind::fines))
            if (kind_ == node_kind::fines) return batch_in<node_kind::fines>(ks, out.data());
        if constexpr (may_have(node_kind::words)) batch_in<node_kind::words>(ks, out.data());
    }

    line_index_stats stats() const noexcept {
        line_index_stats s{this->size_,    last_node_ + 1, 0, groups(), kind_, router_.entries(),
                           tree_.levels(), model_bytes_,   0};
        if (has_nodes())
            for (std::uint64_t i = 0; i < s.nodes; ++i) s.word_nodes += node(i).of_words(kind_) ? 1 : 0;
        s.lines_per_node = static_cast<double>(layout_.count()) / static_cast<double>(s.nodes);
        return s;
    }
    /// The same for people.
    std::string explain() const {
        auto const s      = stats();
        auto const router = s.router_entries > 0 ? sentence({"a router of ", s.router_entries, " bins"})
                            : s.groups > 0
                                ? sentence({"a tree of ", s.tree_levels, " levels over ", s.groups, " nodes"})
                                : sentence({"a tree of ", s.tree_levels, " levels"});
        auto const size =
            sentence({std::string(Policy::name), " over ", s.keys, " keys: ", s.model_bytes, " bytes, ", router});
        if (!has_nodes())
            return size + "; a look-up touches a line of each level that is not cached, and one line of keys";
        auto const bits = s.kind == node_kind::bits ? "a bit" : "14 bits";
        return size +
               sentence({" over ", s.nodes, " nodes with thresholds of ", bits, " (", s.word_nodes, " exact ones) and ",
                         s.lines_per_node, " lines each; a look-up touches one node and one or two lines of keys"});
    }

    /// Proves every invariant again, O(n).
    result<void> validate() const {
        if (auto sorted = check_sorted(this->keys()); !sorted) return sorted;
        detail::line_node_maker<Key> maker(this->keys(), layout_);
        auto const                   expected = has_nodes() ? maker.make(kind_) : maker.make_separators();
        auto const                   above    = detail::make_groups(expected);
        bool same = above.nodes.size() == groups() && expected.separators.size() == last_node_ &&
                    tree_.valid(groups() > 0 ? above.separators : expected.separators);
        auto const each = [&](std::vector<line_node> const& nodes, auto const& at) {
            for (std::uint64_t i = 0; same && i < nodes.size(); ++i)
                if (std::memcmp(&at(i), &nodes[i], sizeof nodes[i]) != 0) return i;
            return std::uint64_t{nodes.size()};
        };
        if (auto const i = each(expected.nodes, [&](auto j) -> auto& { return node(j); }); i < expected.nodes.size())
            return fail(errc::corrupt, {"node ", i, " of the position index does not fit its keys; build it again"});
        if (auto const i = each(above.nodes, [&](auto j) -> auto& { return group(j); }); i < above.nodes.size())
            return fail(errc::corrupt,
                        {"node ", i, " over the nodes of the position index does not fit them; build it again"});
        if (same && router_.entries() > 0) same = router_.valid(expected.separators);
        if (!same)
            return fail(errc::corrupt, "the separators of the position index do not fit its keys; build it again");
        return {};
    }

private:
    static constexpr std::size_t width = Policy::look_ups;

    /// A way to look up, by the kind of nodes and the levels of the tree, 0 for the router, and whether there are groups. lower_bound() has those inlined that 2 to 300 million
    /// keys take; search_in() has all.
    static constexpr std::uint8_t way_of(node_kind kind, unsigned levels, bool grouped = false) noexcept {
        return static_cast<std::uint8_t>((grouped ? 0x80u : 0u) | static_cast<unsigned>(kind) << 5 | levels);
    }

    static constexpr bool may_have(node_kind kind) noexcept {
        return Policy::thresholds == node_kind::bits || Policy::thresholds == kind;
    }
    /// Without nodes the tree finds the line itself.
    bool has_nodes() const noexcept {
        return !may_have(node_kind::words) || (Policy::thresholds == node_kind::bits && kind_ != node_kind::words);
    }
    static bool fits_policy(std::uint64_t kind) noexcept {
        return Policy::thresholds == node_kind::bits ? kind >= 1 && kind <= 3
                                                     : kind == static_cast<std::uint64_t>(Policy::thresholds);
    }

    explicit line_view(std::span<Key const> keys) : base(keys), space_(keys) {}

    line_node const& node(std::uint64_t i) const noexcept {
        return *reinterpret_cast<line_node const*>(nodes_ + i * sizeof(line_node));
    }
    line_node const& group(std::uint64_t i) const noexcept {
        return *reinterpret_cast<line_node const*>(groups_ + i * sizeof(line_node));
    }
    bool          has_groups() const noexcept { return (way_ & 0x80u) != 0; }
    std::uint64_t groups() const noexcept { return has_groups() ? tree_.size() + 1 : 0; }
    /// The node to which a group leads. Hostile groups lead to any node.
    [[gnu::always_inline]] std::uint64_t under(std::uint64_t at, std::uint64_t p) const noexcept {
        auto const& g = group(at);
        if (g.clear()) [[likely]]
            return std::min(detail::node_fines_line(g, p), last_node_);
        return std::min(g.start(node_kind::fines) + detail::node_words_less(g, p), last_node_);
    }
    std::uint64_t route(std::uint64_t p) const noexcept {
        if (router_.entries() > 0) return by_router(p);
        auto const at = tree_.lower(p);
        return groups() > 0 ? under(at, p) : at;
    }
    std::uint64_t by_router(std::uint64_t p) const noexcept {
        auto const first = router_.first(p);
        return first == radix_router::ask_tree ? tree_.lower(p) : first + tree_.less_of_eight(first, p);
    }

    template <node_kind Kind, unsigned Levels>
    [[gnu::always_inline]] std::uint64_t by_tree(std::uint64_t p, Key const& k) const {
        return in_node<Kind>(tree_.template lower_of<Levels>(p), p, k);
    }
    template <unsigned Levels>
    [[gnu::always_inline]] std::uint64_t by_groups(std::uint64_t p, Key const& k) const {
        return in_node<node_kind::fines>(under(tree_.template lower_of<Levels>(p), p), p, k);
    }
    /// lower_bound() from what the tree or the router say: the number of a node of this kind, or, without nodes, of a line.
    template <node_kind Kind>
    [[gnu::always_inline]] std::uint64_t in_node(std::uint64_t at, std::uint64_t p, Key const& k) const {
        if constexpr (Kind == node_kind::words) return finish_one(at, k);
        else if (auto const& n = node(at); Kind == node_kind::bits ? n.of_words(Kind) : !n.clear()) [[unlikely]]
            return in_other<Kind>(n, p, k);
        else if constexpr (Kind == node_kind::bits) return in_bits(n, p, k);
        else return finish_one(detail::node_fines_line(n, p), k);
    }
    [[gnu::always_inline]] std::uint64_t in_bits(line_node const& n, std::uint64_t p, Key const& k) const {
        auto const lines = detail::node_bits_lines(n, n.scale(), p);
        auto const line = lines.first - whole_, first = line * layout::line;
        if (line >= inner_) [[unlikely]]
            return finish_at_edge({line + whole_, line + whole_ + lines.more}, k);
        if constexpr (!by_lines)
            return searched(first + whole_ * layout::line, first + (whole_ + lines.more) * layout::line, k);
        auto const* const at_line = reinterpret_cast<Key const*>(line_whole_) + first;
        return checked(first_whole_ + first + less_in(at_line, lines.more, k), k);
    }
    template <node_kind Kind>
    [[gnu::noinline]] std::uint64_t in_other(line_node const& n, std::uint64_t p, Key const& k) const {
        return finish(find_lines<Kind>(n, p), k);
    }
    /// lower_bound() by a tree of any number of levels.
    template <node_kind Kind>
    [[gnu::noinline]] std::uint64_t search_in(std::uint64_t p, Key const& k) const {
        auto at = tree_.lower_inlined(p);
        if constexpr (Kind == node_kind::fines)
            if (groups() > 0) at = under(at, p);
        return in_node<Kind>(at, p, k);
    }

    /// The lines to look at, from what route() said: a node, or, without nodes, the line itself.
    line_pair lines_of(std::uint64_t at, std::uint64_t p) const noexcept {
        if (!has_nodes()) return {at, at};
        auto const& n = node(at);
        if (kind_ == node_kind::bits) return find_lines<node_kind::bits>(n, p);
        return find_lines<node_kind::fines>(n, p);
    }

    static unsigned less_in(Key const* line, Key const& k) {
        if constexpr (layout::line == line_keys<Key>) return line_less(line, k);
        else return some_less(line, layout::line, k);
    }
    /// How many keys of a line, and with `more` == 1 of the one behind it, are less. Both are read in any case, with 0 the same one twice.
    static unsigned less_in(Key const* line, std::uint64_t more, Key const& k) {
        auto const* const next = line + more * layout::line;
        if constexpr (layout::line == line_keys<Key>) return lines_less(line, next, k) >> (more ^ 1);
        else return (less_in(line, k) + less_in(next, k)) >> (more ^ 1);
    }
    /// By number, because line 0 may begin before the keys.
    void prefetch_line(std::uint64_t line) const noexcept {
        prefetch(reinterpret_cast<void const*>(line_0_ + line * layout::line * sizeof(Key)));
    }
    /// How many keys of a whole line are less, by the number of its first key from the front of line 0.
    unsigned less_at(std::uint64_t first, Key const& k) const {
        return less_in(reinterpret_cast<Key const*>(line_0_ + first * sizeof(Key)), k);
    }
    std::uint64_t checked(std::uint64_t at, Key const& k) const {
        if constexpr (key_space<Key>::exact) return at;
        else return base::checked(at, k);
    }
    static constexpr bool by_lines = std::is_same_v<typename Policy::last_mile, last_mile::simd_line>;

    /// The position, in one of two lines. No branch on keys, and nothing a compiler makes one of: it would wait for memory, and be guessed
    /// wrong for each key that its node leaves to two lines.
    std::uint64_t finish(line_pair lines, Key const& k) const {
        if (lines.first - whole_ >= whole_lines_ || lines.second - whole_ >= whole_lines_) [[unlikely]]
            return finish_at_edge(lines, k);
        auto const first = lines.first * layout::line, second = lines.second * layout::line;
        if constexpr (!by_lines) return searched(first, second, k);
        auto const less     = less_at(first, k);
        auto const in_first = first + less, in_second = second + less_at(second, k);
        return checked(in_first + (in_second - in_first) * (less / layout::line) - layout_.lead, k);
    }
    /// The same for one line.
    std::uint64_t finish_one(std::uint64_t line, Key const& k) const {
        if (line - whole_ >= whole_lines_) [[unlikely]]
            return finish_at_edge({line, line}, k);
        if constexpr (!by_lines) return searched(line * layout::line, line * layout::line, k);
        auto const first = (line - whole_) * layout::line;
        return checked(first_whole_ + first + less_in(reinterpret_cast<Key const*>(line_whole_) + first, k), k);
    }
    /// From the first key of one line to the last of another, counted from the front of line 0, by the policy's last mile.
    std::uint64_t searched(std::uint64_t first, std::uint64_t second, Key const& k) const {
        auto const lead = layout_.lead;
        return checked(Policy::last_mile::search(this->keys_, first - lead, second + layout::line - lead, k), k);
    }
    /// The same where a line lacks keys at the front or the end, or, in hostile bytes, does not exist.
    [[gnu::noinline, gnu::cold]] std::uint64_t finish_at_edge(line_pair lines, Key const& k) const {
        auto const in = [&](std::uint64_t line, bool& all) {
            line         = std::min(line, layout_.count() - 1);
            auto const n = layout_.end(line) - layout_.begin(line);
            auto const s = some_less(this->keys_ + layout_.begin(line), static_cast<std::size_t>(n), k);
            all          = s == n;
            return layout_.begin(line) + s;
        };
        bool       all = false, ignored = false;
        auto const in_first = in(lines.first, all), in_second = in(lines.second, ignored);
        return checked(all ? in_second : in_first, k);
    }

    /// Keys of a batch that are at the same stage.
    struct together {
        std::span<Key const>             ks;
        std::uint64_t*                   out;
        std::array<std::uint64_t, width> p, at, second;  ///< at: a separator, then a node, then a line
        std::array<std::size_t, width>   open;           ///< those whose second line has to be read
        std::size_t                      left;           ///< how many these are
    };

    /// batch() in nodes of a kind. Each stage asks for what the next one reads, and other groups pass meanwhile: those behind it, each at a stage
    /// of its own, or, where nodes take longer than memory, one beside it. What a stage stores may be a member of this for all that a
    /// compiler knows, so members are read once a group.
    template <node_kind Kind>
    void batch_in(std::span<Key const> ks, std::uint64_t* out) const {
        constexpr std::size_t most_groups = Kind == node_kind::fines ? 2 : 7;  // 7: stages there are at most
        std::array<together, most_groups> ring;
        auto const                        groups = ks.size() / width + (ks.size() % width != 0 ? 1 : 0);
        auto const                        begin  = [&](together& g, std::size_t i) {
            g.ks  = ks.subspan(i * width, std::min(width, ks.size() - i * width));
            g.out = out + i * width;
        };
        if constexpr (Kind == node_kind::fines) {
            for (std::size_t i = 0; i < groups; i += most_groups) {
                auto const n = std::min(most_groups, groups - i);
                for (std::size_t g = 0; g < n; ++g) begin(ring[g], i + g);
                each_stage<Kind>([&](auto const& go) {
                    for (std::size_t g = 0; g < n; ++g) go(ring[g]);
                });
            }
        } else {
            for (std::size_t i = 0; i < groups + most_groups - 1; ++i) {
                if (i < groups) begin(ring[i % most_groups], i);
                std::size_t stage = 0;
                each_stage<Kind>([&](auto const& go) {
                    if (i - stage < groups) go(ring[(i - stage) % most_groups]);  // before the first, i - stage is huge
                    ++stage;
                });
            }
        }
    }
    template <node_kind Kind, class Take>
    [[gnu::always_inline]] void each_stage(Take const& take) const {
        take([&](together& g) { to_separators(g); });
        if (far_level_1()) take([&](together& g) { through_level(1, g); });
        take([&](together& g) { behind_separators<Kind>(g); });
        if constexpr (Kind == node_kind::fines)
            if (has_groups()) take([&](together& g) { through_groups(g); });
        if constexpr (Kind != node_kind::words) take([&](together& g) { to_lines<Kind>(g); });
        take([&](together& g) { in_lines<Kind>(g); });
        if constexpr (Kind != node_kind::words) take([&](together& g) { in_second_lines(g); });
    }

    /// Whether a level of the tree is larger than the near caches keep.
    bool is_far(unsigned level) const noexcept { return tree_.size() >> (3 * level) > (std::uint64_t{1} << 16); }
    bool far_level_1() const noexcept { return router_.entries() == 0 && is_far(1); }

    /// Each to the first of the eight separators to compare it with, in the bottom level or in one that is far.
    void to_separators(together& g) const {
        auto const m = g.ks.size();
        for (std::size_t j = 0; j < m; ++j) g.p[j] = space_(g.ks[j]);
        if (auto const router = router_; router.entries() > 0) {
            auto const* const separators = tree_.level(0);
            for (std::size_t j = 0; j < m; ++j) {
                auto const first = router.first(g.p[j]);
                g.at[j]          = first != radix_router::ask_tree ? first : tree_.bottom(g.p[j]);
                prefetch(separators + g.at[j]);
            }
            return;
        }
        std::fill_n(g.at.begin(), m, std::uint64_t{0});
        auto const last = far_level_1() ? 1u : 0u;
        for (unsigned level = tree_.levels() - 1; level > last; --level) through_level(level, g);
    }
    void through_level(unsigned level, together& g) const {
        auto const        m    = g.ks.size();
        auto const* const here = tree_.level(level);
        auto const* const next = tree_.level(level - 1);
        auto const        go   = [&](std::size_t j) {
            return g.at[j] = (g.at[j] + line_less(here + g.at[j], g.p[j])) * key_tree::fan_out;
        };
        if (is_far(level - 1))
            for (std::size_t j = 0; j < m; ++j) prefetch(next + go(j));
        else
            for (std::size_t j = 0; j < m; ++j) go(j);
    }
    /// Each to its node, to the node over it, or, without nodes, to its line.
    template <node_kind Kind>
    void behind_separators(together& g) const {
        constexpr std::size_t size       = Kind == node_kind::words ? layout::line * sizeof(Key) : sizeof(line_node);
        auto const            m          = g.ks.size();
        auto const* const     separators = tree_.level(0);
        auto const* const     nodes      = has_groups() ? groups_ : nodes_;
        auto const            next       = Kind == node_kind::words ? line_0_ : reinterpret_cast<std::uintptr_t>(nodes);
        for (std::size_t j = 0; j < m; ++j) {
            g.at[j] += line_less(separators + g.at[j], g.p[j]);
            prefetch(reinterpret_cast<void const*>(next + g.at[j] * size));
        }
    }
    void through_groups(together& g) const {
        auto const        m     = g.ks.size();
        auto const        last  = last_node_;  // hostile groups lead to any node
        auto const* const above = groups_;
        auto const* const nodes = nodes_;
        for (std::size_t j = 0; j < m; ++j) {
            auto const& group = *reinterpret_cast<line_node const*>(above + g.at[j] * sizeof(line_node));
            g.at[j]           = std::min(find_lines<node_kind::fines>(group, g.p[j]).first, last);
            prefetch(nodes + g.at[j] * sizeof(line_node));
        }
    }
    template <node_kind Kind>
    void to_lines(together& g) const {
        auto const        m      = g.ks.size();
        auto const* const nodes  = nodes_;
        auto const        line_0 = line_0_;
        auto const        ask    = [&](std::uint64_t line) {
            prefetch(reinterpret_cast<void const*>(line_0 + line * layout::line * sizeof(Key)));
        };
        std::size_t j = 0;
        if constexpr (Kind == node_kind::bits) {
            for (; j + 8 <= m; j += 8) find_lines_of_eight(nodes, &g.p[j], &g.at[j], &g.second[j]);
            for (std::size_t i = 0; i < j; ++i) ask(g.at[i]);  // faster than eight at a time
        }
        for (; j < m; ++j) {
            auto const& node  = *reinterpret_cast<line_node const*>(nodes + g.at[j] * sizeof(line_node));
            auto const  lines = find_lines<Kind>(node, g.p[j]);
            g.at[j] = lines.first, g.second[j] = lines.second;
            ask(lines.first);
        }
    }
    /// The positions, but for keys that the first line leaves open.
    template <node_kind Kind>
    void in_lines(together& g) const {
        auto const  m     = g.ks.size();
        auto const  whole = whole_, whole_lines = whole_lines_, line_0 = line_0_, lead = layout_.lead;
        std::size_t left = 0;
        for (std::size_t j = 0; j < m; ++j) {
            auto const line   = g.at[j];
            auto const second = Kind == node_kind::words ? line : g.second[j];
            if (line - whole >= whole_lines) [[unlikely]] {
                g.out[j] = finish_at_edge({line, second}, g.ks[j]);
                continue;
            }
            auto const from = line * layout::line;
            auto const less = less_in(reinterpret_cast<Key const*>(line_0 + from * sizeof(Key)), g.ks[j]);
            g.out[j]        = checked(from + less - lead, g.ks[j]);
            if constexpr (Kind == node_kind::bits) {  // a branch would be guessed wrong for many
                g.open[left] = j;
                left += (less / layout::line) & (second != line ? 1u : 0u);
            } else if (Kind == node_kind::fines && second != line) [[unlikely]] {
                g.open[left] = j;
                left += less / layout::line;
            }
        }
        g.left = left;
        for (std::size_t i = 0; i < left; ++i) prefetch_line(g.second[g.open[i]]);
    }
    void in_second_lines(together& g) const {
        for (std::size_t i = 0; i < g.left; ++i) {
            auto const j = g.open[i];
            g.out[j]     = finish_one(g.second[j], g.ks[j]);
        }
    }

    key_tree                             tree_;
    radix_router                         router_;
    std::byte const*                     groups_    = nullptr;
    std::byte const*                     nodes_     = nullptr;
    std::uint64_t                        last_node_ = 0;  ///< its number; without nodes that of the last line
    layout                               layout_;
    node_kind                            kind_        = node_kind::words;
    std::uint64_t                        whole_       = 0;  ///< the first line that has all its keys
    std::uint64_t                        whole_lines_ = 0;  ///< how many lines from there on have
    std::uint64_t                        inner_       = 0;  ///< of them how many have another behind them
    std::uintptr_t                       line_0_     = 0;  ///< where line 0 is, or would be: lead keys before the first
    std::uintptr_t                       line_whole_ = 0;  ///< where line `whole_` is
    std::uint64_t                        first_whole_ = 0;  ///< the position of its first key
    std::uint8_t                         way_         = 0;
    std::uint64_t                        model_bytes_ = 0;
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
    line_node_maker<Key> maker(keys, line_layout<Key>{keys.size(), lead});
    auto const           kind = Policy::thresholds == node_kind::bits ? maker.better_kind() : Policy::thresholds;
    auto const           made = kind == node_kind::words ? maker.make_separators() : maker.make(kind);
    byte_vector          out;
    out.reserve(line_tree_at + static_cast<std::size_t>(key_tree::bytes(made.separators.size())) +
                made.nodes.size() * (sizeof(line_node) + 8) + 256);
    out.resize(line_tree_at);
    auto const above = make_groups(made);
    key_tree::put(out, above.nodes.empty() ? made.separators : above.separators);
    put_bytes(out, std::as_bytes(std::span(above.nodes)));
    line_index_head head;
    head.nodes  = made.separators.size() + 1;
    head.groups = above.nodes.size();
    head.lead   = lead;
    head.line   = index_line<Key>;
    head.kind   = static_cast<std::uint64_t>(kind);
    if constexpr (Policy::learned_router) {
        if (kind == node_kind::bits) {
            head.router_at = out.size();
            radix_router::put(out, made.separators);
        }
    }
    head.nodes_at = out.size();
    put_bytes(out, std::as_bytes(std::span(made.nodes)));
    if (kind != node_kind::words) out.resize(out.size() + line_nodes_tail);
    auto const header = index_header::of(Policy::name, keys, out.size());
    std::memcpy(out.data(), &header, sizeof header);
    std::memcpy(out.data() + sizeof header, &head, sizeof head);
    return out;
}

}  // namespace detail

}  // namespace tenon
