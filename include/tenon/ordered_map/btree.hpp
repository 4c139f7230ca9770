// SPDX-License-Identifier: Apache-2.0
// A B+-tree in memory: keys side by side in cache lines, values that never move.
#pragma once

#include "tenon/ordered_map/archetype.hpp"
#include "tenon/ordered_map/btree_storage.hpp"
#include "tenon/ordered_map/concept.hpp"

#include "tenon/core/axis.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace tenon {

/// btree - keys in nodes of about four cache lines, values in slabs.
///
/// Guarantee   a Value* stays valid until its key is erased. insert of a new key and erase invalidate cursors and references to keys:
///             seek again. Keys are copied into the upper levels.
/// Cost        insert, find, erase, seek: O(log n), worst case; next, prev: O(1). Keys inserted in ascending order fill leaves wholly.
/// Errors      none; an allocation that fails, or a value's constructor that throws, leaves the map as it was. Moving a key must not throw.
/// Threads     the user locks; const members may be called concurrently.
/// Invariants  (1) every leaf is at the same depth; leaves form a list in key order. (2) an inner node with n keys has n + 1 children;
///             keys of child i are < key i <= keys of child i + 1. (3) no leaf is empty but that of an empty map, which has no node.
///             (4) after an erase, a node holds a quarter of its room or is the only child path that is left.
/// Source      Bayer and McCreight, 1972; the lists of leaves of Comer, 1979. Differs: lazy balance at a quarter, values apart.
/// Use when    one thread, many keys, erasure; prefer skip_list for readers beside a writer.
struct btree {
    using policy_axis                                  = axis::ordered_map;
    static constexpr std::string_view name             = "btree";
    static constexpr bool             concurrent_reads = false;

    template <class Key, class Value, class Less>
    class map;
};

template <class Key, class Value, class Less>
class btree::map {
    static_assert(
        std::is_copy_constructible_v<Key> && std::is_nothrow_move_constructible_v<Key> &&
            std::is_nothrow_move_assignable_v<Key>,
        "btree: keys are copied into upper levels and moved within nodes; take skip_list or std_map for other keys");

    static constexpr unsigned room        = std::clamp<unsigned>(256 / sizeof(Key), 8, 64);
    static constexpr unsigned few         = room / 4;
    static constexpr unsigned max_depth   = 64;
    static constexpr bool     transparent = requires { typename Less::is_transparent; };

    struct node {
        detail::btree_array<Key, room> keys;
    };
    struct leaf : node {
        detail::btree_array<Value*, room> values;
        leaf*                             before = nullptr;
        leaf*                             after  = nullptr;
    };
    struct inner : node {
        detail::btree_array<node*, room + 1> children;
    };
    struct step {
        inner*   at;
        unsigned child;
    };
    /// The way from the root to a leaf.
    struct path {
        std::array<step, max_depth> steps;
        unsigned                    depth = 0;
        leaf*                       end   = nullptr;
    };

public:
    class cursor_type;

    map() = default;
    explicit map(Less less) : less_(std::move(less)) {}
    map(map&& other) noexcept : less_(other.less_) { swap(other); }
    map& operator=(map&& other) noexcept {
        map taken(std::move(other));
        swap(taken);
        return *this;
    }
    map(map const&)            = delete;
    map& operator=(map const&) = delete;
    ~map() {
        if (root_ != nullptr) end_tree(root_, depth_);
    }

    /// The place of the key's value, and whether it is new. Value(args...) is made only when it is.
    template <class K = Key, class... Args>
    requires std::constructible_from<Key, K>
    std::pair<Value*, bool> insert(K&& key, Args&&... args) {
        if constexpr (transparent || std::same_as<std::remove_cvref_t<K>, Key>)
            return insert_key(std::forward<K>(key), std::forward<Args>(args)...);
        else return insert_key(Key(std::forward<K>(key)), std::forward<Args>(args)...);
    }
    bool   erase(Key const& key) { return erase_key(key); }
    Value* find(Key const& key) const { return find_key(key); }
    template <class K>
    requires transparent
    Value* find(K const& key) const {
        return find_key(key);
    }

    std::size_t size() const noexcept { return size_; }
    bool        empty() const noexcept { return size_ == 0; }
    /// Memory of nodes, slots and this object; without what keys and values own elsewhere.
    std::size_t bytes() const noexcept {
        return sizeof(*this) + leaves_ * sizeof(leaf) + inners_ * sizeof(inner) + values_.bytes();
    }
    cursor_type cursor() const noexcept { return cursor_type(*this); }

    /// A place in the map, or nowhere. Valid until the next new key or erasure, then seek again.
    class cursor_type {
    public:
        void seek(Key const& key) { seek_key(key); }
        void seek_before(Key const& key) { seek_before_key(key); }
        template <class K>
        requires transparent
        void seek(K const& key) {
            seek_key(key);
        }
        template <class K>
        requires transparent
        void seek_before(K const& key) {
            seek_before_key(key);
        }
        void seek_first() noexcept { stand(map_->edge(false), 0); }
        void seek_last() noexcept {
            leaf* const l = map_->edge(true);
            stand(l, l == nullptr ? 0 : l->keys.size() - 1);
        }
        bool valid() const noexcept { return leaf_ != nullptr; }
        /// The rest: precondition valid().
        void next() noexcept {
            if (++at_ == leaf_->keys.size()) stand(leaf_->after, 0);
        }
        void       prev() noexcept { step_back(); }
        Key const& key() const noexcept { return leaf_->keys[at_]; }
        Value&     value() const noexcept { return *leaf_->values[at_]; }

    private:
        friend class map;
        explicit cursor_type(map const& m) noexcept : map_(&m) {}
        void stand(leaf* l, unsigned at) noexcept {
            leaf_ = l;
            at_   = at;
        }
        void step_back() noexcept {
            if (at_ > 0) --at_;
            else if (leaf_ = leaf_->before; leaf_ != nullptr) at_ = leaf_->keys.size() - 1;
        }
        template <class K>
        void seek_key(K const& key) {
            stand(map_->leaf_of(key), 0);
            if (leaf_ == nullptr) return;
            at_ = map_->rank(*leaf_, key);
            if (at_ == leaf_->keys.size()) stand(leaf_->after, 0);
        }
        template <class K>
        void seek_before_key(K const& key) {
            stand(map_->leaf_of(key), 0);
            if (leaf_ == nullptr) return;
            at_ = map_->rank(*leaf_, key);
            step_back();
        }

        map const* map_;
        leaf*      leaf_ = nullptr;
        unsigned   at_   = 0;
    };

private:
    /// How many keys of the node are less than `key`; branch-free halving.
    template <class K>
    unsigned rank(node const& n, K const& key) const {
        unsigned base = 0;
        for (unsigned left = n.keys.size(); left > 0;) {
            auto const half = (left + 1) / 2;
            base += less_(n.keys[base + half - 1], key) ? half : 0;
            left -= half;
        }
        return base;
    }
    /// The child of an inner node in which `key` belongs: the number of keys that are not greater.
    template <class K>
    unsigned child_of(inner const& n, K const& key) const {
        unsigned base = 0;
        for (unsigned left = n.keys.size(); left > 0;) {
            auto const half = (left + 1) / 2;
            base += less_(key, n.keys[base + half - 1]) ? 0 : half;
            left -= half;
        }
        return base;
    }
    template <class K>
    leaf* leaf_of(K const& key) const {
        node* n = root_;
        for (auto d = depth_; d > 0; --d) n = static_cast<inner*>(n)->children[child_of(*static_cast<inner*>(n), key)];
        return static_cast<leaf*>(n);
    }
    leaf* edge(bool last) const noexcept {
        node* n = root_;
        for (auto d = depth_; d > 0; --d) n = static_cast<inner*>(n)->children[last ? n->keys.size() : 0];
        return static_cast<leaf*>(n);
    }
    template <class K>
    path way_to(K const& key) const {
        path  p;
        node* n = root_;
        for (; p.depth < depth_; ++p.depth) {
            auto* const i    = static_cast<inner*>(n);
            auto const  c    = child_of(*i, key);
            p.steps[p.depth] = {i, c};
            n                = i->children[c];
        }
        p.end = static_cast<leaf*>(n);
        return p;
    }
    template <class K>
    Value* find_key(K const& key) const {
        leaf* const l = leaf_of(key);
        if (l == nullptr) return nullptr;
        auto const at = rank(*l, key);
        return at < l->keys.size() && !less_(key, l->keys[at]) ? l->values[at] : nullptr;
    }

    template <class K, class... Args>
    std::pair<Value*, bool> insert_key(K&& key, Args&&... args) {
        if (root_ == nullptr) {
            auto first = std::make_unique<leaf>();
            first->keys.insert(0, std::forward<K>(key));
            first->values.insert(0, values_.make(std::forward<Args>(args)...));
            root_ = first.release();
            ++leaves_;
            size_ = 1;
            return {static_cast<leaf*>(root_)->values[0], true};
        }
        auto const p  = way_to(key);
        leaf*      l  = p.end;
        auto       at = rank(*l, key);
        if (at < l->keys.size() && !less_(key, l->keys[at])) return {l->values[at], false};

        // Everything that can throw comes before the first change: the key, the value, the new nodes, the separators.
        Key          own(std::forward<K>(key));
        spare        nodes = reserve_split(p, at, own);
        Value* const value = values_.make(std::forward<Args>(args)...);
        if (l->keys.size() == room) {
            l  = split(p, at, nodes);
            at = nodes.at;
        }
        l->keys.insert(at, std::move(own));
        l->values.insert(at, value);
        ++size_;
        return {value, true};
    }

    /// What a split of the nodes along a path will use.
    struct spare {
        std::unique_ptr<leaf>               new_leaf;
        std::vector<std::unique_ptr<inner>> new_inners;  // from the leaf upwards
        std::vector<Key>                    separator;   // one: the first key of the new leaf
        unsigned                            at = 0;      // where the new key goes in the leaf that split() returns
    };
    /// Where a full node is cut: in the middle, but at its end when the new key goes last, so that ascending keys fill nodes.
    static unsigned cut_of(unsigned at, unsigned n, bool rightmost) noexcept {
        return rightmost && at == n ? n : (n + 1) / 2;
    }

    spare reserve_split(path const& p, unsigned at, Key const& key) const {
        spare       s;
        leaf* const l = p.end;
        if (l->keys.size() < room) return s;
        s.new_leaf     = std::make_unique<leaf>();
        auto const cut = cut_of(at, room, l->after == nullptr);
        s.separator.push_back(cut == room ? key : l->keys[cut]);
        auto d = p.depth;
        for (; d > 0 && p.steps[d - 1].at->keys.size() == room; --d) s.new_inners.push_back(std::make_unique<inner>());
        if (d == 0) s.new_inners.push_back(std::make_unique<inner>());  // a new root
        return s;
    }
    /// Splits the full leaf, and the full inner nodes above it. The leaf where the key belongs; its place in s.at. Cannot throw.
    leaf* split(path const& p, unsigned at, spare& s) noexcept {
        leaf* const left  = p.end;
        leaf* const right = s.new_leaf.release();
        auto const  cut   = cut_of(at, room, left->after == nullptr);
        left->keys.move_tail(cut, right->keys);
        left->values.move_tail(cut, right->values);
        right->before = left;
        right->after  = left->after;
        if (right->after != nullptr) right->after->before = right;
        left->after = right;
        ++leaves_;
        bool const goes_right = at > cut || cut == room;
        s.at                  = goes_right ? at - cut : at;

        Key   up    = std::move(s.separator.front());  // goes between child `made` and the one before it
        node* made  = right;
        auto  depth = p.depth;
        for (std::size_t next = 0;; ++next) {
            if (depth == 0) {
                inner* const top = s.new_inners[next].release();
                top->children.insert(0, root_);
                top->keys.insert(0, std::move(up));
                top->children.insert(1, made);
                root_ = top;
                ++depth_;
                ++inners_;
                break;
            }
            auto const [parent, child] = p.steps[--depth];
            if (parent->keys.size() < room) {
                parent->keys.insert(child, std::move(up));
                parent->children.insert(child + 1, made);
                break;
            }
            inner* const beside = s.new_inners[next].release();  // parent keeps keys [0, middle), key `middle` goes up
            auto const   middle = child == room ? room - 1 : room / 2;
            parent->keys.move_tail(middle + 1, beside->keys);
            parent->children.move_tail(middle + 1, beside->children);
            Key above(std::move(parent->keys[middle]));
            parent->keys.erase(middle);
            bool const to_right = child > middle;
            auto&      home     = to_right ? *beside : *parent;
            auto const place    = to_right ? child - (middle + 1) : child;
            home.keys.insert(place, std::move(up));
            home.children.insert(place + 1, made);
            up   = std::move(above);
            made = beside;
            ++inners_;
        }
        return goes_right ? right : left;
    }

    template <class K>
    bool erase_key(K const& key) {
        if (root_ == nullptr) return false;
        auto        p  = way_to(key);
        leaf* const l  = p.end;
        auto const  at = rank(*l, key);
        if (at == l->keys.size() || less_(key, l->keys[at])) return false;
        values_.end(l->values[at]);  // `key` may lie in this leaf: not used from here on
        l->keys.erase(at);
        l->values.erase(at);
        --size_;
        if (l->keys.size() >= few) return true;
        if (p.depth == 0) {
            if (size_ == 0) drop_root();
            return true;
        }
        join_leaves(p.steps[p.depth - 1]);
        for (auto d = p.depth; d > 1 && p.steps[d - 1].at->keys.size() < few; --d) join_inners(p.steps[d - 2]);
        if (root_->keys.size() == 0) {
            auto* const old = static_cast<inner*>(root_);
            root_           = old->children[0];
            delete old;
            --inners_;
            --depth_;
        }
        return true;
    }
    void drop_root() noexcept {
        delete static_cast<leaf*>(root_);
        root_ = nullptr;
        --leaves_;
    }
    /// Joins child s.child of s.at with a neighbour, or levels the two when they do not fit into one.
    void join_leaves(step s) noexcept {
        auto const  i     = s.child > 0 ? s.child - 1 : 0;
        auto* const left  = static_cast<leaf*>(s.at->children[i]);
        auto* const right = static_cast<leaf*>(s.at->children[i + 1]);
        auto const  n     = left->keys.size() + right->keys.size();
        if (n <= room) {
            right->keys.move_tail(0, left->keys);
            right->values.move_tail(0, left->values);
            left->after = right->after;
            if (left->after != nullptr) left->after->before = left;
            s.at->keys.erase(i);
            s.at->children.erase(i + 1);
            delete right;
            --leaves_;
            return;
        }
        auto const half = n / 2, had = left->keys.size();
        try {
            Key separator(half < had ? left->keys[half] : right->keys[half - had]);
            level(left->keys, right->keys, half);
            level(left->values, right->values, half);
            s.at->keys[i] = std::move(separator);
        } catch (...) {  // no memory for the copy: a leaf stays nearly empty, which costs bytes and nothing else
        }
    }
    void join_inners(step s) noexcept {
        auto const  i     = s.child > 0 ? s.child - 1 : 0;
        auto* const left  = static_cast<inner*>(s.at->children[i]);
        auto* const right = static_cast<inner*>(s.at->children[i + 1]);
        auto const  n     = left->keys.size() + right->keys.size() + 1;
        if (n <= room) {
            left->keys.insert(left->keys.size(), std::move(s.at->keys[i]));
            right->keys.move_tail(0, left->keys);
            right->children.move_tail(0, left->children);
            s.at->keys.erase(i);
            s.at->children.erase(i + 1);
            delete right;
            --inners_;
            return;
        }
        while (left->keys.size() + 1 < n / 2) {  // turn left
            left->keys.insert(left->keys.size(), std::move(s.at->keys[i]));
            left->children.insert(left->children.size(), right->children[0]);
            s.at->keys[i] = std::move(right->keys[0]);
            right->keys.erase(0);
            right->children.erase(0);
        }
        while (right->keys.size() + 1 < n / 2) {  // turn right
            right->keys.insert(0, std::move(s.at->keys[i]));
            right->children.insert(0, left->children[left->keys.size()]);
            s.at->keys[i] = std::move(left->keys[left->keys.size() - 1]);
            left->children.erase(left->keys.size());
            left->keys.erase(left->keys.size() - 1);
        }
    }
    /// Moves elements between neighbours until the left one has n.
    template <class T>
    static void level(detail::btree_array<T, room>& left, detail::btree_array<T, room>& right, unsigned n) noexcept {
        for (; left.size() < n; right.erase(0)) left.insert(left.size(), std::move(right[0]));
        for (; left.size() > n; left.erase(left.size() - 1)) right.insert(0, std::move(left[left.size() - 1]));
    }

    void end_tree(node* n, unsigned depth) noexcept {
        if (depth == 0) {
            auto* const l = static_cast<leaf*>(n);
            for (unsigned i = 0; i < l->values.size(); ++i) values_.end(l->values[i]);
            delete l;
            return;
        }
        auto* const i = static_cast<inner*>(n);
        for (unsigned c = 0; c < i->children.size(); ++c) end_tree(i->children[c], depth - 1);
        delete i;
    }
    void swap(map& other) noexcept {
        using std::swap;
        swap(less_, other.less_);
        swap(root_, other.root_);
        swap(depth_, other.depth_);
        swap(size_, other.size_);
        swap(leaves_, other.leaves_);
        swap(inners_, other.inners_);
        swap(values_, other.values_);
    }

    [[no_unique_address]] Less less_{};
    node*                      root_  = nullptr;
    unsigned                   depth_ = 0;  // levels of inner nodes
    std::size_t                size_ = 0, leaves_ = 0, inners_ = 0;
    detail::btree_slab<Value>  values_;
};

static_assert(erasable_ordered_map<btree>);

}  // namespace tenon
