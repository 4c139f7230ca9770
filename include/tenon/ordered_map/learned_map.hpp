// SPDX-License-Identifier: Apache-2.0
// An updatable sorted map with the interface of std::map: keys in small sorted blocks, found by number in three cache lines.
#pragma once

#include "tenon/ordered_map/learned_map_audit.hpp"
#include "tenon/ordered_map/learned_map_tree.hpp"

#include "tenon/core/contract.hpp"
#include "tenon/core/result.hpp"

#include <algorithm>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tenon {

/// What a learned_map is made of.
struct learned_map_stats {
    std::size_t keys = 0, blocks = 0, leaves = 0, inner_nodes = 0;
    unsigned    depth      = 0;  ///< levels of inner nodes
    unsigned    block_room = 0;  ///< entries that a block has room for
    std::size_t bytes      = 0;  ///< all memory of the map, without what keys and values own elsewhere
    double      filled     = 0;  ///< keys per place in blocks
    double      told_apart = 0;  ///< share of neighbouring blocks whose 16-bit marks differ
};

/// learned_map - a sorted map over numbers that stand for keys: 64-bit above, a line fitted to them within a leaf, the keys in a block.
///
/// Maps        key -> value. Keys are ordered by Compare; when that is std::less or std::greater and projection<Key> exists, a search
///             compares 64-bit numbers by vector instructions and calls Compare for equal numbers only. Else it calls Compare.
/// Guarantee   any number of keys, any key value, no duplicates: the first stays. Look-up by other types when Compare is transparent.
///             Inserting a new key and erasing one invalidate all iterators, references and pointers into the map; iterators and
///             references stay valid while values are changed, and go along when a map is moved from or swapped with equal allocators.
///             Erased entries end at once; blocks, leaves and chunks that they leave empty are used again or given back.
/// Cost        find, insert, erase, bounds: O(log n), worst case. One operation moves at most four blocks, the numbers of blocks of
///             two leaves and 64 children on each level of inner nodes; an erasure from a map that has shrunk also the blocks of a leaf (24). It
///             takes at most one chunk of memory of each kind, of up to 2 MB; nothing else grows with the map but a list of 24 bytes for each
///             chunk. from_sorted O(n).
/// Errors      from_sorted: errc::unsorted_keys with the first offending rank. Allocation, and constructors of keys and values, may
///             throw: insertion of one entry, then, leaves the map as it was; assignment and from_sorted as well; insert of a range
///             keeps what came before. Comparisons that throw leave it as it was. Keys and values must move without throwing.
///             A key without an order (NaN) breaks a contract when inserted; looking it up finds nothing.
/// Threads     const members may be called concurrently.
/// Invariants  those of detail::learned_tree; validate() checks them.
/// Source      Kraska et al., The Case for Learned Index Structures, 2018, and Ding et al., ALEX, 2020: few cache lines by arithmetic on
///             the key. Differs: a model covers a leaf of some 300 keys, quantises them in a frame of reference (Goldstein et al., 1998), and
///             is compared with marks halfway between blocks; equal marks are settled by keys, so that no data can mislead a search.
///             Sharing and splitting of blocks: Bayer and McCreight's B*-tree, 1972.
/// Use when    keys are numbers, or have projections that tell most of them apart; prefer btree where values must not move, or when
///             readers run beside a writer.
template <class Key, class Value, class Compare = std::less<>,
          class Allocator = std::allocator<std::pair<Key const, Value>>>
class learned_map {
    static_assert(std::is_object_v<Key> && std::is_object_v<Value> && !std::is_const_v<Key> && !std::is_const_v<Value>,
                  "learned_map: keys and values are objects that are not const; take a struct for none");
    static_assert(
        std::is_nothrow_move_constructible_v<Key> && std::is_nothrow_move_constructible_v<Value> &&
            std::is_nothrow_destructible_v<Key> && std::is_nothrow_destructible_v<Value>,
        "learned_map: keys and values move within blocks and must do so without throwing; wrap others in unique_ptr");

    using tree  = detail::learned_tree<Key, Value, Compare, Allocator>;
    using order = typename tree::order;
    using place = typename tree::place;
    template <class K>
    using probe                       = detail::learned_probe<K, order>;
    static constexpr bool transparent = order::transparent;

    /// A type to look up by, other than Key.
    template <class K>
    static constexpr bool foreign = transparent && !std::same_as<K, Key>;

    template <bool Const>
    class basic_iterator;

public:
    using key_type               = Key;
    using mapped_type            = Value;
    using value_type             = std::pair<Key const, Value>;
    using key_compare            = Compare;
    using allocator_type         = Allocator;
    using size_type              = std::size_t;
    using difference_type        = std::ptrdiff_t;
    using reference              = std::pair<Key const&, Value&>;
    using const_reference        = std::pair<Key const&, Value const&>;
    using iterator               = basic_iterator<false>;
    using const_iterator         = basic_iterator<true>;
    using reverse_iterator       = std::reverse_iterator<iterator>;
    using const_reverse_iterator = std::reverse_iterator<const_iterator>;

    /// Orders entries by their keys.
    class value_compare {
    public:
        bool operator()(const_reference a, const_reference b) const { return less_(a.first, b.first); }

    private:
        friend class learned_map;
        explicit value_compare(Compare less) : less_(std::move(less)) {}
        Compare less_;
    };

    // ---- construction

    learned_map() : learned_map(Compare(), Allocator()) {}
    explicit learned_map(Compare less, Allocator const& a = Allocator()) : tree_(std::move(less), a) {}
    explicit learned_map(Allocator const& a) : learned_map(Compare(), a) {}
    template <std::input_iterator I>
    learned_map(I first, I last, Compare less = Compare(), Allocator const& a = Allocator())
        : learned_map(std::move(less), a) {
        insert(first, last);
    }
    learned_map(std::initializer_list<value_type> entries, Compare less = Compare(), Allocator const& a = Allocator())
        : learned_map(entries.begin(), entries.end(), std::move(less), a) {}
    learned_map(learned_map const& other)
        : learned_map(other,
                      std::allocator_traits<Allocator>::select_on_container_copy_construction(other.get_allocator())) {}
    learned_map(learned_map const& other, Allocator const& a) : learned_map(other.key_comp(), a) {
        for (auto const& [key, value] : other) append(Key(key), Value(value));
        tree_.finish_append();
    }
    /// The other map is empty afterwards.
    learned_map(learned_map&& other) : learned_map(other.key_comp(), other.get_allocator()) {
        tree_.take_from(other.tree_);
    }
    learned_map(learned_map&& other, Allocator const& a) : learned_map(other.key_comp(), a) { take(std::move(other)); }
    learned_map& operator=(learned_map const& other) {
        if (this == &other) return *this;
        if constexpr (std::allocator_traits<Allocator>::propagate_on_container_copy_assignment::value)
            become(learned_map(other, other.get_allocator()));
        else become(learned_map(other, get_allocator()));
        return *this;
    }
    /// Takes the other map's memory when allocators allow, else moves every entry; the other map is empty afterwards.
    learned_map& operator=(learned_map&& other) {
        if (this == &other) return *this;
        if constexpr (std::allocator_traits<Allocator>::propagate_on_container_move_assignment::value)
            become(learned_map(std::move(other)));
        else become(learned_map(std::move(other), get_allocator()));
        return *this;
    }
    learned_map& operator=(std::initializer_list<value_type> entries) {
        become(learned_map(entries, key_comp(), get_allocator()));
        return *this;
    }
    ~learned_map() = default;

    /// A map of sorted pairs. Of equal keys the first stays. Blocks are filled to 7/8, so that a few inserts find room.
    template <std::input_iterator I, std::sentinel_for<I> S>
    static result<learned_map> from_sorted(I first, S last, Compare less = Compare(),
                                           Allocator const& a = Allocator()) {
        learned_map out(std::move(less), a);
        for (std::uint64_t rank = 0; first != last; ++first, ++rank) {
            auto&& entry = *first;
            Key    key(std::get<0>(std::forward<decltype(entry)>(entry)));
            if (!order::is_ordered(key))
                return fail(errc::unsorted_keys, {"the key of rank ", rank, " has no order (NaN): leave it out"});
            if (!out.empty()) {
                auto const  end  = out.tree_.previous({});
                auto const& back = end.key();
                if (out.tree_.less()(key, back))
                    return fail(errc::unsorted_keys,
                                {"the key of rank ", rank, " is less than the one before it: sort the keys first"});
                if (!out.tree_.less()(back, key)) continue;
            }
            out.append(std::move(key), Value(std::get<1>(std::forward<decltype(entry)>(entry))));
        }
        out.tree_.finish_append();
        return out;
    }

    // ---- size, iterators

    /// Takes memory for n more entries now, and touches it: the next n insertions of new keys allocate nothing and wait for no page
    /// of the system, as long as nothing is erased. Cost: about 18 bytes to touch for each pair of 16.
    /// Errors: std::length_error when they are more than max_size().
    void reserve(size_type n) {
        if (n > max_size())
            throw std::length_error("tenon::learned_map::reserve: a map holds at most max_size() entries");
        tree_.reserve(n);
    }
    /// A large map takes huge pages from `ready` where it has some: no insertion then waits for the system to clear one. It must live as
    /// long as keys are inserted or memory is reserved, or until another one or nullptr is named. A map has the source of the one that it was
    /// moved from or swapped with; a copy has none, nor has what a map without one is assigned to. The pages that were taken are the map's own.
    /// Several maps may share a source, each in a thread of its own.
    void take_pages_from(cleared_pages* ready) noexcept
    requires(detail::learned_memory<Allocator>::standard)
    {
        tree_.take_pages_from(ready);
    }
    bool      empty() const noexcept { return size() == 0; }
    size_type size() const noexcept { return tree_.size(); }
    size_type max_size() const noexcept { return std::size_t{1} << 36; }
    Allocator get_allocator() const { return tree_.allocator(); }
    Compare   key_comp() const { return tree_.less(); }
    auto      value_comp() const { return value_compare(tree_.less()); }
    /// All memory of the map, without what keys and values own elsewhere.
    std::size_t bytes() const noexcept { return tree_.bytes(); }

    iterator       begin() noexcept { return {tree_, tree_.begin()}; }
    iterator       end() noexcept { return {tree_, {}}; }
    const_iterator begin() const noexcept { return {tree_, tree_.begin()}; }
    const_iterator end() const noexcept { return {tree_, {}}; }
    const_iterator cbegin() const noexcept { return begin(); }
    const_iterator cend() const noexcept { return end(); }

    reverse_iterator       rbegin() noexcept { return reverse_iterator(end()); }
    reverse_iterator       rend() noexcept { return reverse_iterator(begin()); }
    const_reverse_iterator rbegin() const noexcept { return const_reverse_iterator(end()); }
    const_reverse_iterator rend() const noexcept { return const_reverse_iterator(begin()); }

    // ---- look-up

    iterator       find(Key const& key) { return {tree_, found(key)}; }
    const_iterator find(Key const& key) const { return {tree_, found(key)}; }
    bool           contains(Key const& key) const { return found(key).in != nullptr; }
    size_type      count(Key const& key) const { return contains(key) ? 1 : 0; }
    /// The value, or nullptr: the fastest look-up, for one cache line less is touched than by find.
    Value*         get(Key const& key) { return value_of(found(key)); }
    Value const*   get(Key const& key) const { return value_of(found(key)); }
    Value&         at(Key const& key) { return *checked(get(key)); }
    Value const&   at(Key const& key) const { return *checked(get(key)); }
    iterator       lower_bound(Key const& key) { return {tree_, lower(key)}; }
    const_iterator lower_bound(Key const& key) const { return {tree_, lower(key)}; }
    iterator       upper_bound(Key const& key) { return {tree_, upper(key)}; }
    const_iterator upper_bound(Key const& key) const { return {tree_, upper(key)}; }
    auto           equal_range(Key const& key) { return std::pair(lower_bound(key), upper_bound(key)); }
    auto           equal_range(Key const& key) const { return std::pair(lower_bound(key), upper_bound(key)); }

    // The same by anything that Compare takes, when it is transparent. Any number of keys may compare equal.
    template <class K>
    requires foreign<K>
    iterator find(K const& key) {
        return {tree_, found(key)};
    }
    template <class K>
    requires foreign<K>
    const_iterator find(K const& key) const {
        return {tree_, found(key)};
    }
    template <class K>
    requires foreign<K>
    bool contains(K const& key) const {
        return found(key).in != nullptr;
    }
    template <class K>
    requires foreign<K>
    size_type count(K const& key) const {
        auto const [first, last] = equal_range(key);
        return static_cast<size_type>(std::distance(first, last));
    }
    template <class K>
    requires foreign<K>
    iterator lower_bound(K const& key) {
        return {tree_, lower(key)};
    }
    template <class K>
    requires foreign<K>
    const_iterator lower_bound(K const& key) const {
        return {tree_, lower(key)};
    }
    template <class K>
    requires foreign<K>
    iterator upper_bound(K const& key) {
        return {tree_, upper(key)};
    }
    template <class K>
    requires foreign<K>
    const_iterator upper_bound(K const& key) const {
        return {tree_, upper(key)};
    }
    template <class K>
    requires foreign<K>
    auto equal_range(K const& key) {
        return std::pair(lower_bound(key), upper_bound(key));
    }
    template <class K>
    requires foreign<K>
    auto equal_range(K const& key) const {
        return std::pair(lower_bound(key), upper_bound(key));
    }

    // ---- insertion: the entry's place, and whether it is new

    template <class... Args>
    std::pair<iterator, bool> try_emplace(Key const& key, Args&&... args) {
        return place_new(key, std::forward<Args>(args)...);
    }
    template <class... Args>
    std::pair<iterator, bool> try_emplace(Key&& key, Args&&... args) {
        return place_new(std::move(key), std::forward<Args>(args)...);
    }
    std::pair<iterator, bool> insert(value_type const& entry) { return place_new(entry.first, entry.second); }
    std::pair<iterator, bool> insert(value_type&& entry) { return place_new(entry.first, std::move(entry.second)); }
    template <class P>
    requires std::constructible_from<std::pair<Key, Value>, P&&>
    std::pair<iterator, bool> insert(P&& entry) {
        return emplace(std::forward<P>(entry));
    }
    /// The hint is not used.
    template <class P>
    requires std::constructible_from<std::pair<Key, Value>, P&&>
    iterator insert(const_iterator, P&& entry) {
        return emplace(std::forward<P>(entry)).first;
    }
    template <std::input_iterator I>
    void insert(I first, I last) {
        for (; first != last; ++first) emplace(*first);
    }
    void insert(std::initializer_list<value_type> entries) { insert(entries.begin(), entries.end()); }
    template <class... Args>
    requires std::constructible_from<std::pair<Key, Value>, Args&&...>
    std::pair<iterator, bool> emplace(Args&&... args) {
        std::pair<Key, Value> entry(std::forward<Args>(args)...);
        return place_new(std::move(entry.first), std::move(entry.second));
    }
    template <class V>
    std::pair<iterator, bool> insert_or_assign(Key const& key, V&& value) {
        return place_or_assign(key, std::forward<V>(value));
    }
    template <class V>
    std::pair<iterator, bool> insert_or_assign(Key&& key, V&& value) {
        return place_or_assign(std::move(key), std::forward<V>(value));
    }
    Value& operator[](Key const& key) { return place_new(key).first->second; }
    Value& operator[](Key&& key) { return place_new(std::move(key)).first->second; }

    // ---- erasure

    size_type erase(Key const& key) {
        auto const at = found(key);
        if (at.in == nullptr) return 0;
        tree_.erase(at);
        return 1;
    }
    template <class K>
    requires foreign<K> && (!std::convertible_to<K const&, const_iterator>)
    size_type erase(K const& key) {
        auto const [first, last] = equal_range(key);
        auto const before        = size();
        erase(first, last);
        return before - size();
    }
    /// The entry behind the erased one.
    iterator erase(iterator at) { return {tree_, tree_.erase(at.at_)}; }
    iterator erase(const_iterator at) { return {tree_, tree_.erase(at.at_)}; }
    iterator erase(const_iterator first, const_iterator last) {
        auto left = std::distance(first, last);
        auto at   = first.at_;
        for (; left > 0; --left) at = tree_.erase(at);
        return {tree_, at};
    }
    /// Erases what the predicate holds for; how many.
    template <class Predicate>
    friend size_type erase_if(learned_map& map, Predicate holds) {
        auto const before = map.size();
        for (auto at = map.begin(); at != map.end();) {
            if (holds(*at)) at = map.erase(at);
            else ++at;
        }
        return before - map.size();
    }
    void clear() noexcept { tree_.clear(); }
    void swap(learned_map& other) noexcept { tree_.swap(other.tree_); }

    friend void swap(learned_map& a, learned_map& b) noexcept { a.swap(b); }
    friend bool operator==(learned_map const& a, learned_map const& b) {
        return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
    }

    // ---- about itself

    /// Checks every invariant over all keys; what does not hold, as errc::corrupt. O(n).
    result<void>      validate() const { return detail::learned_audit(tree_).run(); }
    learned_map_stats stats() const {
        learned_map_stats s{tree_.size(),  tree_.block_count(), tree_.leaf_count(), tree_.inner_count(),
                            tree_.depth(), tree::room,          tree_.bytes()};
        if (s.blocks > 0) s.filled = static_cast<double>(s.keys) / static_cast<double>(s.blocks * tree::room);
        s.told_apart = tree_.told_apart();
        return s;
    }
    /// stats() for people.
    std::string explain() const;

private:
    // Spares lower() and others from choosing between probes: numbers that the comparison would convert are converted.
    template <class K, class Use>
    static decltype(auto) with_probe(K const& key, Use use) {
        if constexpr (order::template converts<K>) {
            auto const same = static_cast<Key>(key);
            return use(probe<Key>(same));
        } else {
            return use(probe<K>(key));
        }
    }
    template <class K>
    place found(K const& key) const {
        return with_probe(key, [&](auto const& p) { return tree_.find(p); });
    }
    static Value* value_of(place const& at) { return at.in == nullptr ? nullptr : &at.value(); }
    template <class K>
    place lower(K const& key) const {
        return with_probe(key, [&](auto const& p) { return tree_.lower_bound(p); });
    }
    template <class K>
    place upper(K const& key) const {
        return with_probe(key, [&](auto const& p) { return tree_.upper_bound(p); });
    }
    template <class V>
    static V* checked(V* v) {
        if (v == nullptr) throw std::out_of_range("tenon::learned_map::at: there is no such key");
        return v;
    }
    static void check_order(Key const& key) {
        expects(order::is_ordered(key), "learned_map: a key without an order (NaN) cannot be inserted: leave it out");
    }
    /// The key as an object of its own, which may move into the map: what it was made from may lie in the map.
    template <class K, class... Args>
    std::pair<iterator, bool> place_new(K&& key, Args&&... args) {
        check_order(key);
        probe<Key> const p(key);
        place            at;
        if (!empty()) {
            at = tree_.locate(p);
            if (tree_.is_at(at, p)) return {iterator(tree_, at), false};
        }
        Value own(std::forward<Args>(args)...);
        Key   own_key(std::forward<K>(key));
        return {iterator(tree_, tree_.insert(at, p.word, std::move(own_key), std::move(own))), true};
    }
    template <class K, class V>
    std::pair<iterator, bool> place_or_assign(K&& key, V&& value) {
        check_order(key);
        probe<Key> const p(key);
        place            at;
        if (!empty()) {
            at = tree_.locate(p);
            if (tree_.is_at(at, p)) {
                at.value() = std::forward<V>(value);
                return {iterator(tree_, at), false};
            }
        }
        Value own(std::forward<V>(value));
        Key   own_key(std::forward<K>(key));
        return {iterator(tree_, tree_.insert(at, p.word, std::move(own_key), std::move(own))), true};
    }
    void append(Key&& key, Value&& value) {
        auto const word = order::word(key);
        tree_.append(word, std::move(key), std::move(value));
    }
    /// Moves everything out of another map, whose allocator may be another one.
    void take(learned_map&& other) {
        if (get_allocator() == other.get_allocator()) return tree_.take_from(other.tree_);
        for (auto at = other.tree_.begin(); at.in != nullptr; at = other.tree_.next(at))
            append(std::move(at.key()), std::move(at.value()));
        tree_.finish_append();
        other.clear();
    }
    /// Replaces this map, allocator included.
    void become(learned_map&& other) noexcept {
        std::destroy_at(&tree_);
        std::construct_at(&tree_, other.key_comp(), other.get_allocator());
        tree_.take_from(other.tree_);
    }

    tree tree_;
};

/// An entry of the map, or its end. Forward and back; a reference is a pair of references.
template <class Key, class Value, class Compare, class Allocator>
template <bool Const>
class learned_map<Key, Value, Compare, Allocator>::basic_iterator {
    /// What `->` needs to point to.
    struct arrow {
        std::pair<Key const&, std::conditional_t<Const, Value const, Value>&> pair;
        auto const* operator->() const noexcept { return &pair; }
    };

public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type        = std::pair<Key const, Value>;
    using difference_type   = std::ptrdiff_t;
    using reference         = std::pair<Key const&, std::conditional_t<Const, Value const, Value>&>;
    using pointer           = arrow;

    basic_iterator() = default;
    template <bool Other>
    requires(Const && !Other)
    basic_iterator(basic_iterator<Other> const& other) noexcept : tree_(other.tree_), at_(other.at_) {}

    reference operator*() const noexcept { return {at_.key(), at_.value()}; }
    arrow     operator->() const noexcept { return {**this}; }

    basic_iterator& operator++() noexcept {
        if (++at_.slot >= count_) at_ = tree_->read_on(at_, count_, ahead_);
        return *this;
    }
    basic_iterator operator++(int) noexcept {
        auto const old = *this;
        ++*this;
        return old;
    }
    basic_iterator& operator--() noexcept {
        at_    = tree_->previous(at_);
        count_ = 0;
        return *this;
    }
    basic_iterator operator--(int) noexcept {
        auto const old = *this;
        --*this;
        return old;
    }
    friend bool operator==(basic_iterator const& a, basic_iterator const& b) noexcept {
        return a.at_.data == b.at_.data && a.at_.slot == b.at_.slot;
    }

private:
    friend class learned_map;
    friend class basic_iterator<true>;
    basic_iterator(tree const& t, place const& at) noexcept : tree_(&t), at_(at) {}

    tree const* tree_ = nullptr;
    place       at_;
    unsigned    count_ = 0;  // entries of the block, 0 as long as nobody has asked
    unsigned    ahead_ = 0;  // up to which block of the leaf memory was asked for
};

template <class Key, class Value, class Compare, class Allocator>
std::string learned_map<Key, Value, Compare, Allocator>::explain() const {
    auto const        s       = stats();
    auto const        part    = [](double of) { return static_cast<std::uint64_t>(of * 1000 + 0.5); };
    auto const        each    = s.keys > 0 ? static_cast<double>(s.bytes) / static_cast<double>(s.keys) : 0;
    static const bool numbers = order::exact || order::words;
    return sentence({"learned_map: ",
                     s.keys,
                     " keys in ",
                     s.blocks,
                     " blocks of ",
                     s.block_room,
                     ", filled to ",
                     part(s.filled),
                     " per mille; ",
                     s.leaves,
                     " leaves, ",
                     s.inner_nodes,
                     " inner nodes on ",
                     s.depth,
                     " levels; ",
                     s.bytes,
                     " bytes, ",
                     each,
                     " a key; ",
                     order::exact ? "keys are compared as numbers"
                     : numbers    ? "keys are compared by 64-bit numbers, equal ones by the comparison"
                                  : "keys are compared by the comparison alone",
                     "; 16-bit marks tell ",
                     part(s.told_apart),
                     " per mille of neighbouring blocks apart"});
}

}  // namespace tenon
