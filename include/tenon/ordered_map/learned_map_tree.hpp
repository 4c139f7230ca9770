// SPDX-License-Identifier: Apache-2.0
// The tree of learned_map.hpp: finding places, making room, closing gaps.
#pragma once

#include "tenon/ordered_map/learned_map_memory.hpp"
#include "tenon/ordered_map/learned_map_nodes.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

namespace tenon::detail {

template <class Tree>
class learned_audit;  // in learned_map_audit.hpp

/// learned_tree - blocks in leaves, leaves in a B+-tree of inner nodes. The public face is learned_map.
///
/// Invariants  (1) all leaves are at one depth and form a list in key order. (2) Only the tree of an empty map has no leaf; no leaf and no
///             inner node is empty. (3) Those of learned_leaf, learned_inner, learned_block. (4) Blocks that are neighbours in a leaf,
///             one of which an erase left at most half full, do not fit into one together.
template <class Key, class Value, class Compare, class Allocator>
class learned_tree {
public:
    using key_type = Key;
    using order    = learned_order<Key, Compare>;
    using block    = learned_block<Key, Value, order>;
    using leaf     = learned_leaf;
    using inner    = learned_inner;
    template <class K>
    using probe = learned_probe<K, order>;

    static constexpr unsigned room = block::room;

    /// An entry, or the place behind the last one of a block. `in` is null for the end of the map.
    struct place {
        leaf*      in   = nullptr;
        std::byte* data = nullptr;
        unsigned   at   = 0;  // block within the leaf
        unsigned   slot = 0;

        Key&   key() const noexcept { return block::keys(data)[slot]; }
        Value& value() const noexcept { return block::values(data)[slot]; }
    };

    learned_tree(Compare less, Allocator const& a) : less_(std::move(less)), blocks_(a), leaves_(a), inners_(a) {}
    learned_tree(learned_tree const&)            = delete;
    learned_tree& operator=(learned_tree const&) = delete;
    ~learned_tree() { end_entries(); }

    std::size_t    size() const noexcept { return size_; }
    Compare const& less() const noexcept { return less_; }
    Allocator      allocator() const { return blocks_.allocator(); }
    std::size_t bytes() const noexcept { return sizeof(*this) + blocks_.bytes() + leaves_.bytes() + inners_.bytes(); }
    std::size_t block_count() const noexcept { return blocks_.used(); }
    std::size_t leaf_count() const noexcept { return leaves_.used(); }
    std::size_t inner_count() const noexcept { return inners_.used(); }
    unsigned    depth() const noexcept { return depth_; }
    std::byte*  data(leaf const& l, unsigned i) const noexcept { return blocks_.at(l.blocks[i]); }

    void swap(learned_tree& other) noexcept {
        using std::swap;
        swap(less_, other.less_);
        take_from(other);
    }
    /// As swap, without the comparison.
    void take_from(learned_tree& other) noexcept {
        blocks_.swap(other.blocks_);
        leaves_.swap(other.leaves_);
        inners_.swap(other.inners_);
        std::swap(root_, other.root_);
        std::swap(first_, other.first_);
        std::swap(last_, other.last_);
        std::swap(swept_, other.swept_);
        std::swap(depth_, other.depth_);
        std::swap(size_, other.size_);
    }
    void clear() noexcept {
        end_entries();
        blocks_.release();
        leaves_.release();
        inners_.release();
        root_  = nullptr;
        first_ = last_ = swept_ = nullptr;
        depth_                  = 0;
        size_                   = 0;
    }

    // ---- finding

    /// The entry of a key, or none.
    template <class K>
    place find(probe<K> const& p) const {
        if (root_ == nullptr) return {};
        if constexpr (order::exact && probe<K>::has_word) {
            auto* const l = leaf_of<own>(p);
            prefetch(&l->blocks);
            prefetch(&l->blocks.back());
            auto const  i = block_of<own>(*l, p);
            auto* const b = data(*l, i);
            block::prefetch_values(b);
            auto const at = block::rank(b, p.key) % room;  // a key behind the last is not equal to the first
            return block::keys(b)[at] == p.key ? place{l, b, i, at} : place{};
        } else {
            auto const at = settled(locate_side<single<K> ? own : before>(p));
            return is_at(at, p) ? at : place{};
        }
    }
    /// Where the key is or would be inserted. Precondition: not empty.
    template <class K>
    place locate(probe<K> const& p) const {
        return locate_side<own>(p);
    }
    /// The first entry that is not less than the key.
    template <class K>
    place lower_bound(probe<K> const& p) const {
        if (root_ == nullptr) return {};
        return settled(locate_side<single<K> ? own : before>(p));
    }
    /// The first entry that is greater than the key.
    template <class K>
    place upper_bound(probe<K> const& p) const {
        if (root_ == nullptr) return {};
        if constexpr (single<K>) {
            auto const at = settled(locate_side<own>(p));
            return is_at(at, p) ? next(at) : at;
        } else {
            return settled(locate_side<behind>(p));
        }
    }
    /// Whether the key is there. Precondition: the place came out of locate or lower_bound.
    template <class K>
    bool is_at(place const& at, probe<K> const& p) const {
        if (at.in == nullptr) return false;
        // A place behind the last key holds a copy of that one, or is the room of the block, where its first key is compared.
        if constexpr (order::exact && probe<K>::has_word) return block::keys(at.data)[at.slot % room] == p.key;
        else if (at.slot >= at.in->count(at.at)) return false;
        else if constexpr (order::words && probe<K>::has_word)
            return block::words(at.data)[at.slot] == p.word && !less_(p.key, at.key());
        else return !less_(p.key, at.key());
    }
    place begin() const noexcept { return first_ == nullptr ? place{} : place{first_, data(*first_, 0), 0, 0}; }
    /// Precondition: an entry.
    place next(place at) const noexcept {
        ++at.slot;
        return settled(at);
    }
    /// As next() for a slot that was already counted up, to `count` or, when that is 0, to any. Tells the count of the block where it
    /// then is, and asks for memory of blocks behind it: `ahead` says how far it has, counted from the first block of the leaf.
    place read_on(place at, unsigned& count, unsigned& ahead) const noexcept {
        bool const first = count == 0;
        auto*      l     = at.in;
        if (first) {
            count = l->count(at.at);
            ahead = at.at + 1;
        }
        if (at.slot >= count) {
            if (++at.at == l->size) {
                ahead -= std::min<unsigned>(ahead, l->size);
                l = l->after;
                if (l == nullptr) return {};
                at = {l, nullptr, 0, 0};
            }
            at    = {l, data(*l, at.at), at.at, 0};
            count = l->count(at.at);
        }
        auto const  until = at.at + (first ? 1 + few_ahead : many_ahead);
        auto* const next  = l->after;
        for (ahead = std::max(ahead, at.at + 1); ahead < std::min<unsigned>(until, l->size); ++ahead)
            block::prefetch_all(data(*l, ahead));
        if (next == nullptr) return at;
        if (until > l->size)
            for (; ahead < until && ahead - l->size < next->size; ++ahead)
                block::prefetch_all(data(*next, ahead - l->size));
        else if (until + many_ahead > l->size) prefetch_leaf(*next);
        return at;
    }
    /// Precondition: not the first entry.
    place previous(place at) const noexcept {
        if (at.in != nullptr && at.slot > 0) return {at.in, at.data, at.at, at.slot - 1};
        auto* const l = at.in == nullptr ? last_ : at.at == 0 ? at.in->before : at.in;
        auto const  i = l == at.in ? at.at - 1u : l->size - 1u;
        if (i > 1) block::prefetch_all(data(*l, i - 2));
        return {l, data(*l, i), i, l->count(i) - 1};
    }
    /// The same place, or the next entry when it lies behind the last one of a block.
    place settled(place at) const noexcept {
        if (at.in == nullptr || at.slot < at.in->count(at.at)) [[likely]]
            return at;
        return at_block(at.in, at.at + 1, 0);
    }

    // ---- changing

    /// Blocks and nodes of a large map lie on pages of `ready` from now on, where it has some.
    void take_pages_from(cleared_pages* ready) noexcept {
        blocks_.take_pages_from(ready);
        leaves_.take_pages_from(ready);
        inners_.take_pages_from(ready);
    }
    /// Takes memory for n more entries, whatever their keys, and has the system provide its pages.
    void reserve(std::size_t n) {
        // A full block that cannot share with its neighbours needs one more for up to three; 5/8 of the room are then new again.
        auto const blocks = n * 8 / (room * 5) + std::min(n, blocks_.used() / 3) + 2;
        auto const leaves = blocks * 2 / leaf::room + std::min(blocks, leaves_.used()) + 1;
        blocks_.reserve(blocks);
        leaves_.reserve(leaves);
        inners_.reserve(leaves * 2 / inner::room + std::min(leaves, inners_.used()) + max_depth);
        blocks_.touch();
        leaves_.touch();
        inners_.touch();
    }
    /// Adds an entry at the place that locate() gave for its key; where it is now. When it throws, nothing has changed.
    place insert(place at, std::uint64_t word, Key&& key, Value&& value) {
        unsigned n = 0;
        if (root_ == nullptr) at = start();
        else if (n = at.in->count(at.at); n == room) at = make_room(at, word, key, n);
        put(at, n, word, std::move(key), std::move(value));
        return at;
    }
    /// Adds an entry behind all others, leaving some room in blocks and leaves. Precondition: its key is greater than all.
    /// Until finish_append(), nothing can be looked up.
    void append(std::uint64_t word, Key&& key, Value&& value) {
        constexpr unsigned dense = room - room / 8, full = leaf::room - leaf::room / 12;
        place              at;
        if (root_ == nullptr) {
            at = start();
        } else {
            at = {last_, nullptr, last_->size - 1u, 0};
            at = {last_, data(*last_, at.at), at.at, last_->count(at.at)};
            if (at.slot >= dense) {
                reserve_split();
                if (last_->size >= full) set_marks(*last_);
                at = open_block(word, full);
            }
        }
        put(at, at.slot, word, std::move(key), std::move(value));
    }
    void finish_append() {
        if (last_ != nullptr) set_marks(*last_);
    }
    /// Takes an entry out; the entry behind it. Only comparisons and projections can throw, before any change.
    place erase(place at) {
        auto* const l = at.in;
        auto const  n = l->count(at.at) - 1;
        if (n > room / 2 || (n > 0 && !joins_left(*l, at.at, n) && !joins_right(*l, at.at, n))) {
            block::erase(at.data, n + 1, at.slot);
            l->set_count(at.at, n);
            --size_;
            return settled(at);
        }
        return erase_and_close(at, n);
    }

    /// The share of neighbouring blocks whose marks differ.
    double told_apart() const noexcept {
        std::size_t same = 0, all = 0;
        for (auto* l = first_; l != nullptr; l = l->after)
            for (unsigned i = 1; i + 1 < l->size; ++i, ++all) same += l->marks[i] == l->marks[i - 1] ? 1 : 0;
        return all == 0 ? 1 : 1 - static_cast<double>(same) / static_cast<double>(all);
    }

private:
    template <class Tree>
    friend class learned_audit;

    static constexpr unsigned max_depth  = 24;
    static constexpr unsigned few_blocks = leaf::room / 3;
    static constexpr unsigned few_ahead = 4, many_ahead = 6;  // blocks that are asked for before they are read
    static constexpr unsigned join_limit = room - (room + 7) / 8 - (room >= 16 ? 1 : 0);

    /// Where a search goes that meets equal keys. own: to the one equal key there can be. before, behind: where any number compare
    /// equal, before the first or behind the last of them.
    enum side { own, before, behind };
    template <class K>
    static constexpr bool single = probe<K>::has_word || std::same_as<K, Key> || !order::transparent;

    struct step {
        inner*   at;
        unsigned child;
    };
    /// The way from the root down to a leaf, whose parent is at step depth_ - 1.
    using path = std::array<step, max_depth>;

    // ---- finding

    template <side S, class K>
    place locate_side(probe<K> const& p) const {
        auto* const l = leaf_of<S>(p);
        prefetch(&l->blocks);
        prefetch(&l->counts);
        auto const  i = block_of<S>(*l, p);
        auto* const b = data(*l, i);
        block::prefetch_values(b);
        return {l, b, i, rank<S>(b, l->count(i), p)};
    }
    template <side S, class K>
    leaf* leaf_of(probe<K> const& p) const {
        void* n = root_;
        auto  d = depth_;
        for (; d > 0; --d) {
            auto* const i = static_cast<inner*>(n);
            n             = i->children[child_of<S>(*i, d, p)];
        }
        return static_cast<leaf*>(n);
    }
    template <class K>
    path way_to(probe<K> const& p) const {
        path  out;
        void* n = root_;
        for (unsigned d = 0; d < depth_; ++d) {
            auto* const i = static_cast<inner*>(n);
            auto const  c = child_of<own>(*i, depth_ - d, p);
            out[d]        = {i, c};
            n             = i->children[c];
        }
        return out;
    }
    /// The child of an inner node of height d in which the key belongs.
    template <side S, class K>
    unsigned child_of(inner const& n, unsigned d, probe<K> const& p) const {
        if constexpr (order::exact && probe<K>::has_word) {
            return n.rank(p.word);
        } else {
            unsigned low = 0, high = n.size - 1u;
            if constexpr (order::words && probe<K>::has_word) {
                low  = n.rank(p.word);
                high = n.rank_equal(p.word);
            }
            while (low < high) {
                auto const middle = (low + high + 1) / 2;
                if (starts_behind<S>(p, first_data(n.children[middle], d - 1))) high = middle - 1;
                else low = middle;
            }
            return low;
        }
    }
    /// The first block below a node of height d.
    std::byte* first_data(void* n, unsigned d) const noexcept {
        for (; d > 0; --d) n = static_cast<inner*>(n)->children[0];
        return data(*static_cast<leaf*>(n), 0);
    }
    /// Whether what is looked for lies before the block.
    template <side S, class K>
    bool starts_behind(probe<K> const& p, std::byte* b) const {
        if constexpr (order::words && probe<K>::has_word)
            if (p.word != block::words(b)[0]) return p.word < block::words(b)[0];
        if constexpr (S == before) return !less_(*block::keys(b), p.key);
        else return less_(p.key, *block::keys(b));
    }
    template <side S, class K>
    unsigned block_of(leaf const& l, probe<K> const& p) const {
        learned_marks marks{0, l.size - 1u};
        if constexpr (probe<K>::has_word) {
            marks = l.rank(l.quantised(p.word));
            if (marks.less == marks.not_greater) [[likely]]
                return marks.less;
        }
        return block_between<S>(l, p, marks.less, marks.not_greater);
    }
    /// The last block of (low, high] that does not start behind the key, or low.
    template <side S, class K>
    [[gnu::noinline]] unsigned block_between(leaf const& l, probe<K> const& p, unsigned low, unsigned high) const {
        while (low < high) {
            auto const middle = (low + high + 1) / 2;
            if (starts_behind<S>(p, data(l, middle))) high = middle - 1;
            else low = middle;
        }
        return low;
    }
    /// How many of the n keys of a block are less; not greater, for `behind`.
    template <side S, class K>
    unsigned rank(std::byte* b, unsigned n, probe<K> const& p) const {
        if constexpr (order::exact && probe<K>::has_word) {
            return std::min(block::rank(b, p.key), n);
        } else {
            unsigned low = 0, high = n;
            if constexpr (order::words && probe<K>::has_word) {
                auto const* const w = block::words(b);
                for (high = 0; high < n && w[high] <= p.word; ++high) low += w[high] < p.word ? 1u : 0u;
            }
            while (low < high) {
                auto const  middle = (low + high) / 2;
                auto const& key    = block::keys(b)[middle];
                if (S == behind ? !less_(p.key, key) : less_(key, p.key)) low = middle + 1;
                else high = middle;
            }
            return low;
        }
    }
    /// The first entry at or behind a place that may lie behind the last block of its leaf.
    place at_block(leaf* l, unsigned i, unsigned slot) const noexcept {
        if (i >= l->size) {
            l    = l->after;
            i    = 0;
            slot = 0;
            if (l == nullptr) return {};
        }
        return {l, data(*l, i), i, slot};
    }
    static void prefetch_leaf(leaf const& l) noexcept {
        for (std::size_t at = 0; at < sizeof l; at += cache_line) prefetch(reinterpret_cast<std::byte const*>(&l) + at);
    }

    // ---- memory

    /// What one new block may need, when leaf and inner nodes above it are full.
    void reserve_split() {
        blocks_.reserve(1);
        leaves_.reserve(1);
        inners_.reserve(depth_ + 1);
    }
    void end_entries() noexcept {
        if constexpr (!std::is_trivially_destructible_v<Key> || !std::is_trivially_destructible_v<Value>)
            for (auto* l = first_; l != nullptr; l = l->after)
                for (unsigned i = 0; i < l->size; ++i) block::end(data(*l, i), l->count(i));
    }

    // ---- making room

    void put(place const& at, unsigned n, std::uint64_t word, Key&& key, Value&& value) noexcept {
        block::insert(at.data, n, at.slot, word, std::move(key), std::move(value));
        at.in->set_count(at.at, n + 1);
        ++size_;
    }
    /// The first leaf, with one block, which is empty.
    place start() {
        blocks_.reserve(1);
        leaves_.reserve(1);
        first_ = last_ = leaves_.take();
        first_->insert_block(0, blocks_.take(), 0);
        root_ = first_;
        return {first_, data(*first_, 0), 0, 0};
    }
    /// Makes room around a full block; where the key goes now, in a block of n entries.
    [[gnu::noinline]] place make_room(place at, std::uint64_t word, Key const& key, unsigned& n) {
        auto* l = at.in;
        auto  i = at.at;
        if (at.slot == room && i + 1 == l->size && l->after == nullptr) return append_block(word, n);
        constexpr unsigned least = std::max(2u, room * 3 / 16);  // entries that a neighbour must have room for
        auto const         left = i > 0 ? l->count(i - 1) : room, right = i + 1 < l->size ? l->count(i + 1) : room;
        if (std::min(left, right) + least <= room)
            return left <= right ? share(*l, i - 1, (room - left) / 2, true, word, at.slot + left, n)
                                 : share(*l, i, (room - right) / 2, false, word, at.slot, n);
        if (l->size < leaf::room) {
            blocks_.reserve(1);
        } else {
            reserve_split();
            auto        way   = way_to(probe<Key>(key, word));
            auto* const other = split_leaf(way, *l, at, word);
            if (i >= l->size) {
                i -= l->size;
                l = other;
            }
        }
        return split_blocks(*l, i, word, at.slot, n);
    }
    /// A new block behind the last one, which stays full.
    place append_block(std::uint64_t word, unsigned& n) {
        reserve_split();
        n             = 0;
        auto const at = open_block(word, leaf::room);
        auto&      l  = *at.in;
        if (l.covers(word)) {
            if (at.at > 0) l.marks[at.at - 1] = l.quantised(word);
            return at;
        }
        auto const first = at.at > 0 ? block::word(data(l, 0), 0) : word;
        auto const wide  = word + std::min(word - first, std::numeric_limits<std::uint64_t>::max() - word);
        l.set_frame(first, wide);  // more of the kind are to come
        for (unsigned i = 1; i < at.at; ++i) set_mark(l, i);
        if (at.at > 0) l.marks[at.at - 1] = l.quantised(word);
        return at;
    }
    /// An empty block behind all others, in a new leaf when the last one holds `full`. Its mark is not set. Precondition: reserved.
    place open_block(std::uint64_t word, unsigned full) {
        if (last_->size >= full) {
            auto const ends = last_->size - 1u;
            auto const last = block::word(data(*last_, ends), last_->count(ends) - 1);
            auto*      made = leaves_.take();
            made->set_frame(word, word);
            path  way;
            void* n = root_;
            for (unsigned d = 0; d < depth_; ++d) {
                auto* const at = static_cast<inner*>(n);
                way[d]         = {at, at->size - 1u};
                n              = at->children[at->size - 1u];
            }
            link(*last_, *made);
            attach(way, made, bound_between(last, word));
        }
        auto const i = unsigned{last_->size};
        last_->insert_block(i, blocks_.take(), leaf::no_mark - 1);
        return {last_, data(*last_, i), i, 0};
    }
    /// Moves `m` entries between blocks i and i + 1; where the key of common rank g goes.
    place share(leaf& l, unsigned i, unsigned m, bool to_left, std::uint64_t word, unsigned g, unsigned& n) {
        auto *const a = data(l, i), *const b = data(l, i + 1);
        block::prefetch_all(to_left ? a : b);
        auto x = l.count(i), y = l.count(i + 1);
        if (to_left) {
            block::move(b, 0, a, x, m);
            block::move(b, m, b, 0, y - m);
            x += m;
            y -= m;
        } else {
            block::move(b, 0, b, m, y);
            block::move(a, x - m, b, 0, m);
            x -= m;
            y += m;
        }
        resize(l, i, x);
        resize(l, i + 1, y);
        refresh_marks(l, i + 1, i + 1);
        return place_of(l, i, word, g, n);
    }
    /// Spreads the full blocks around i over one more; where the key of slot `slot` goes. Precondition: reserved, room in the leaf.
    place split_blocks(leaf& l, unsigned i, std::uint64_t word, unsigned slot, unsigned& n) {
        auto const first = i > 0 ? i - 1 : 0, last = std::min(i + 1, l.size - 1u), made = last + 1;
        unsigned   total = 0, g = slot;
        for (auto j = first; j <= last; ++j) {
            if (j < i) g += l.count(j);
            total += l.count(j);
            block::prefetch_all(data(l, j));
        }
        l.insert_block(made, blocks_.take(), 0);
        block::prefetch_all(data(l, made));
        std::array<unsigned, 4> have{}, want{};
        auto const              parts = made - first + 1;
        for (unsigned j = 0; j < parts; ++j) {
            have[j] = j + 1 < parts ? l.count(first + j) : 0;
            want[j] = total / parts + (j < total % parts ? 1 : 0);
        }
        for (auto j = parts - 1; j > 0; --j) {  // from the back: each takes the end of the one before it
            auto *const from = data(l, first + j - 1), *const to = data(l, first + j);
            auto const m = want[j] - have[j];
            block::move(to, 0, to, m, have[j]);
            block::move(from, have[j - 1] - m, to, 0, m);
            have[j - 1] -= m;
            resize(l, first + j, want[j]);
        }
        resize(l, first, want[0]);
        refresh_marks(l, first + 1, made);
        return place_of(l, first, word, g, n);
    }
    /// Where rank g counted from block i on lies: on that side of the mark between two blocks on which the word lies.
    place place_of(leaf& l, unsigned i, std::uint64_t word, unsigned g, unsigned& n) const noexcept {
        auto const q = l.quantised(word);
        for (; g > l.count(i) || (g == l.count(i) && i + 1 < l.size && q > l.marks[i]); ++i) g -= l.count(i);
        n = l.count(i);
        return {&l, data(l, i), i, g};
    }
    void resize(leaf& l, unsigned i, unsigned n) const noexcept {
        l.set_count(i, n);
        block::pad(data(l, i), n);
    }
    /// Puts the mark before block i halfway between its neighbours, so that few words are quantised to a mark.
    void set_mark(leaf& l, unsigned i) const {
        unsigned const low  = l.quantised(block::word(data(l, i - 1), l.count(i - 1) - 1));
        unsigned const high = l.quantised(block::word(data(l, i), 0));
        l.marks[i - 1]      = static_cast<std::uint16_t>((low + high + 1) / 2);
    }
    /// Marks of blocks whose first keys have changed; all of them when the frame does not cover those.
    void refresh_marks(leaf& l, unsigned first, unsigned last) const {
        bool covered = true;
        for (auto i = first; i <= last; ++i) {
            set_mark(l, i);
            covered = covered && l.covers(block::word(data(l, i), 0));
        }
        if (!covered) set_marks(l);
    }
    /// The frame that tells most, and all marks.
    void set_marks(leaf& l) const {
        auto const ends = l.size - 1u;
        for (unsigned i = 0; i < l.size; ++i) prefetch(data(l, i));
        l.set_frame(block::word(data(l, 0), 0), block::word(data(l, ends), l.count(ends) - 1));
        for (unsigned i = 1; i < l.size; ++i) set_mark(l, i);
    }
    static std::uint64_t bound_between(std::uint64_t last, std::uint64_t first) noexcept {
        return last < first ? first - 1 : first;
    }
    /// Moves the second half of a leaf to a new one, before an entry is put at a place in it. Precondition: reserved.
    leaf* split_leaf(path& way, leaf& l, place const& at, std::uint64_t word) {
        constexpr unsigned half  = leaf::room / 2;
        auto* const        made  = leaves_.take();
        auto const         last  = block::word(data(l, half - 1), l.count(half - 1) - 1);
        auto const         first = at.at == half && at.slot == 0 ? word : block::word(data(l, half), 0);
        move_blocks(l, half, *made);
        set_marks(l);
        set_marks(*made);
        link(l, *made);
        attach(way, made, bound_between(last, first));
        return made;
    }
    void move_block(leaf& l, unsigned i, std::uint32_t to) noexcept {
        auto const from = std::exchange(l.blocks[i], to);
        block::move(blocks_.at(from), 0, blocks_.at(to), 0, l.count(i));
        block::pad(blocks_.at(to), l.count(i));
        blocks_.give(from);
    }
    /// Moves the blocks from `first` on behind those of another leaf. Marks are not set.
    static void move_blocks(leaf& from, unsigned first, leaf& to) noexcept {
        for (unsigned i = first; i < from.size; ++i) {
            to.blocks[to.size] = from.blocks[i];
            to.set_count(to.size, from.count(i));
            ++to.size;
        }
        from.size = static_cast<std::uint8_t>(first);
        std::fill(from.marks.begin() + (first == 0 ? 0 : first - 1), from.marks.end(), leaf::no_mark);
    }
    void link(leaf& l, leaf& made) noexcept {
        made.before                                          = &l;
        made.after                                           = std::exchange(l.after, &made);
        (made.after == nullptr ? last_ : made.after->before) = &made;
    }
    /// Enters a node behind the one that a path leads to. Precondition: reserved.
    void attach(path& way, void* made, std::uint64_t bound) noexcept {
        bool last = static_cast<leaf*>(made)->after == nullptr;  // then full nodes stay full
        for (auto d = depth_; d > 0; --d) {
            auto const [n, child] = way[d - 1];
            if (n->size < inner::room) return n->insert(child + 1, made, bound);
            last              = last && child + 1 == inner::room;
            auto* const other = inners_.take();
            if (last) {
                other->insert(0, made, 0);
            } else {
                constexpr unsigned half = inner::room / 2;
                auto const         up   = n->move_tail(half, *other);
                if (child < half) n->insert(child + 1, made, bound);
                else other->insert(child + 1 - half, made, bound);
                bound = up;
            }
            made = other;
        }
        auto* const top = inners_.take();
        top->insert(0, root_, 0);
        top->insert(1, made, bound);
        root_ = top;
        ++depth_;
    }

    // ---- closing gaps

    bool joins_left(leaf const& l, unsigned i, unsigned n) const noexcept {
        return i > 0 && l.count(i - 1) + n <= join_limit;
    }
    bool joins_right(leaf const& l, unsigned i, unsigned n) const noexcept {
        return i + 1 < l.size && l.count(i + 1) + n <= join_limit;
    }
    /// Erases an entry, whose block then has n entries, and takes out the block.
    [[gnu::noinline]] place erase_and_close(place at, unsigned n) {
        auto&      l        = *at.in;
        auto const thins    = l.size <= few_blocks + 1 && depth_ > 0;
        auto       way      = thins ? way_to(probe<Key>(at.key())) : path{};
        auto const was_left = joins_left(l, at.at, n);
        block::erase(at.data, n + 1, at.slot);
        if (--size_ == 0) {
            l.size = 0;  // nothing is left to end
            clear();
            return {};
        }
        auto i = at.at, slot = at.slot;
        if (n == 0) {
            drop_block(l, i);
            slot = 0;
        } else if (was_left) {
            slot += l.count(i - 1);
            l.set_count(i, n);
            join_blocks(l, --i);
        } else {
            l.set_count(i, n);
            join_blocks(l, i);
        }
        auto* home = &l;
        if (thins) home = join_leaf(way, l, i);
        if (home == nullptr) return {};
        if (blocks_.sparse()) sweep();
        if (i < home->size) return settled({home, data(*home, i), i, slot});
        return at_block(home, i, 0);
    }
    /// Moves the blocks of the next leaf to chunks that will stay, so that others run empty. There are far fewer leaves than blocks:
    /// before the map has shrunk by much, all leaves have had their turn.
    void sweep() noexcept {
        auto& l = swept_ == nullptr ? *first_ : *swept_;
        swept_  = l.after;
        for (unsigned i = 0, enough = static_cast<unsigned>(blocks_.enough()); i < l.size; ++i) {
            auto const lower = blocks_.lower(l.blocks[i], enough);
            if (lower != l.blocks[i]) move_block(l, i, lower);
        }
    }
    void drop_block(leaf& l, unsigned i) noexcept {
        blocks_.give(l.blocks[i]);
        l.remove_block(i);
    }
    /// Moves block i + 1 behind the entries of block i.
    void join_blocks(leaf& l, unsigned i) noexcept {
        auto const x = l.count(i), y = l.count(i + 1);
        block::move(data(l, i + 1), 0, data(l, i), x, y);
        resize(l, i, x + y);
        drop_block(l, i + 1);
    }
    /// Joins a leaf of few blocks with a neighbour that has few, or takes out an empty one. Block i of it is afterwards block i of
    /// the leaf returned; null for the end of the map.
    leaf* join_leaf(path& way, leaf& l, unsigned& i) {
        constexpr unsigned most    = leaf::room - leaf::room / 6;
        auto const [parent, child] = way[depth_ - 1];
        if (l.size == 0) {
            auto* const after = l.after;
            i                 = 0;
            unlink(l);
            remove_child(way, child);
            return after;
        }
        if (l.size > few_blocks) return &l;
        if (child + 1 < parent->size && static_cast<leaf*>(parent->children[child + 1])->size + l.size <= most) {
            append_leaf(l, *l.after);
            remove_child(way, child + 1);
            return &l;
        }
        if (child > 0 && l.before->size + l.size <= most) {
            auto* const home = l.before;
            i += home->size;
            append_leaf(*home, l);
            remove_child(way, child);
            return home;
        }
        return &l;
    }
    /// Moves all blocks of the next leaf behind those of l.
    void append_leaf(leaf& l, leaf& next) {
        move_blocks(next, 0, l);
        set_marks(l);
        unlink(next);
    }
    void unlink(leaf& l) noexcept {
        (l.before == nullptr ? first_ : l.before->after) = l.after;
        (l.after == nullptr ? last_ : l.after->before)   = l.before;
        if (swept_ == &l) swept_ = l.after;
        leaves_.give(&l);
    }
    /// Takes a child out of the lowest node of a path, and joins or takes out inner nodes that have few children.
    void remove_child(path& way, unsigned child) noexcept {
        for (auto d = depth_ - 1; d > 0; --d) {
            auto* const n = way[d].at;
            n->remove(child);
            if (n->size >= inner::room / 4) return;
            auto& [above, at] = way[d - 1];
            child             = at;
            if (n->size == 0) {
                inners_.give(n);
            } else if (at + 1 < above->size && joinable(*n, above->children[at + 1])) {
                auto* const next = static_cast<inner*>(above->children[at + 1]);
                n->append(*next, above->bounds[at]);
                inners_.give(next);
                ++child;
            } else if (at > 0 && joinable(*n, above->children[at - 1])) {
                static_cast<inner*>(above->children[at - 1])->append(*n, above->bounds[at - 1]);
                inners_.give(n);
            } else {
                return;
            }
        }
        static_cast<inner*>(root_)->remove(child);
        while (depth_ > 0 && static_cast<inner*>(root_)->size == 1) {
            auto* const old = static_cast<inner*>(root_);
            root_           = old->children[0];
            inners_.give(old);
            --depth_;
        }
    }
    static bool joinable(inner const& n, void* other) noexcept {
        return n.size + static_cast<inner*>(other)->size <= inner::room * 3 / 4;
    }

    [[no_unique_address]] Compare           less_;
    void*                                   root_  = nullptr;
    unsigned                                depth_ = 0;
    std::size_t                             size_  = 0;
    leaf*                                   first_ = nullptr;
    leaf*                                   last_  = nullptr;
    leaf*                                   swept_ = nullptr;  // whose turn sweep() has
    learned_blocks<block::bytes, Allocator> blocks_;
    learned_nodes<leaf, Allocator>          leaves_;
    learned_nodes<inner, Allocator>         inners_;
};

}  // namespace tenon::detail
