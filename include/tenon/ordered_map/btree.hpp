// SPDX-License-Identifier: Apache-2.0
// A B+-tree in memory that threads read while it is written: numbers for keys side by side, entries that never move.
#pragma once

#include "tenon/ordered_map/archetype.hpp"
#include "tenon/ordered_map/btree_storage.hpp"
#include "tenon/ordered_map/concept.hpp"

#include "tenon/core/axis.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tenon {

/// btree - nodes of 64-bit numbers that stand for the keys; keys and values in slots that never move.
///
/// Guarantee   a Value* and the address of a key stay valid until the key is erased. A cursor stays valid while keys are inserted, and
///             sees those that fall ahead of it; after an erasure seek again. Keys need not copy or move.
///             A copy of Less serves all threads: its operator() must be const and free of races.
/// Cost        insert, find, seek, erase: O(log n), worst case; next: O(1), one cache line each, as entries lie anywhere; prev: O(1), at the
///             edge of a node O(log n). Integers, enumerations and floats in the order of std::less or std::greater are compared in the nodes alone,
///             side by side where the compiler may use AVX-512; std::string and std::string_view in the order of std::less by eight bytes
///             there, and by the whole key where those are equal; any other key through its slot. Bytes that all keys of a node share are
///             left out of those eight when that gains four or more. Keys inserted in ascending order fill nodes wholly.
/// Errors      none; an allocation that fails, or a constructor that throws, leaves the map as it was.
/// Threads     one writer (insert), of shared_btree any number, beside any number of readers (const members, cursors). Readers write nothing
///             and take no lock: they repeat a step when a node changed under them, and so wait only for a writer in the middle of
///             that node. erase, moving and destroying need the map alone: no reader can then hold what they free.
///             What writers change in a value that others can see is the user's to synchronise. Two threads that insert one new key
///             may both make a value; one of them is destroyed unseen.
/// Invariants  (1) every leaf is at the same depth; leaves form a list in key order. (2) an inner node with n entries has n + 1 children; entry i
///             is the least one below child i + 1. (3) no leaf is empty but that of an empty map, which has no node; an inner node
///             has a child. (4) words[i] is the number of entries[i] without the node's first `skip` bytes, which all keys that can come to this
///             node share, and the least key right of them too. (5) what readers follow is published complete and, while they may run,
///             never freed.
/// Source      Bayer and McCreight, 1972; optimistic lock coupling: Leis, Scheibner, Kemper, Neumann, "The ART of Practical Synchronization",
///             2016, and Leis, Haubenschild, Neumann, "Optimistic Lock Coupling", 2019; leaves freed when empty: Johnson and Shasha, 1989; shared
///             beginnings left out: Bayer and Unterauer, 1977. Differs: entries apart from nodes, so that places are stable.
/// Use when    keys are inserted and looked up, by one thread or many: memtables. Take shared_btree when several threads insert, skip_list when
///             readers must not even wait for one node, std_map for few keys.
struct btree;

/// shared_btree - a btree that any number of threads insert into at the same time, for one or two atomic exchanges an insertion.
struct shared_btree;

template <bool Shared>
struct basic_btree {
    using policy_axis                      = axis::ordered_map;
    static constexpr bool concurrent_reads = true;

    template <class Key, class Value, class Less>
    class map;
};
struct btree : basic_btree<false> {
    static constexpr std::string_view name = "btree";
};
struct shared_btree : basic_btree<true> {
    static constexpr std::string_view name = "shared_btree";
};

template <bool Shared>
template <class Key, class Value, class Less>
class basic_btree<Shared>::map {
    static constexpr unsigned room          = 32;
    static constexpr unsigned max_depth     = 64;  // a level needs more than ten times the insertions of the one below
    static constexpr unsigned skip_gain     = 4;
    static constexpr unsigned entries_ahead = 8;  // a cursor asks for so many, or twice that, before it stands on them
    static constexpr bool     transparent   = requires { typename Less::is_transparent; };

    struct entry_type {
        template <class K, class... Args>
        explicit entry_type(K&& k, Args&&... args) : key(std::forward<K>(k)), value(std::forward<Args>(args)...) {}
        Key   key;
        Value value;
    };
    using words = detail::btree_words<Key, Less>;
    using node  = detail::btree_node<entry_type, words, room, Shared>;
    template <class K>
    using probe_of = detail::btree_probe<K, words>;

    struct leaf : node {
        leaf() noexcept : node(0) {}
        std::atomic<leaf*> after{nullptr};
    };
    struct inner : node {
        explicit inner(unsigned height) noexcept : node(height) {}
        node* child(unsigned i) const noexcept { return children[i].load(std::memory_order_acquire); }
        std::array<std::atomic<node*>, room + 1> children{};
    };
    /// A node as it was at a version.
    template <class Node>
    struct seen {
        Node*         at      = nullptr;
        std::uint64_t version = 0;

        bool is_still() const noexcept { return at->version.is_still(version); }
    };
    /// What a look into a leaf gives: the rank of the key, and its entry when it is there.
    struct found {
        unsigned    rank;
        entry_type* entry;
    };

public:
    class cursor_type;

    map() noexcept(std::is_nothrow_default_constructible_v<Less>) = default;
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
        if (node* const n = root_.load(std::memory_order_acquire); n != nullptr) end_tree(n);
    }

    /// The place of the key's value, and whether it is new. Value(args...) is made only when the key is not there.
    template <class K = Key, class... Args>
    requires std::constructible_from<Key, K>
    std::pair<Value*, bool> insert(K&& key, Args&&... args) {
        if constexpr (transparent || std::same_as<std::remove_cvref_t<K>, Key>)
            return insert_key(std::forward<K>(key), std::forward<Args>(args)...);
        else return insert_key(Key(std::forward<K>(key)), std::forward<Args>(args)...);
    }
    /// Whether the key was there. Needs the map alone.
    bool   erase(Key const& key) { return erase_key(probe_of<Key>(key)); }
    Value* find(Key const& key) const { return find_key(probe_of<Key>(key)); }
    template <class K>
    requires transparent
    Value* find(K const& key) const {
        return find_key(probe_of<K>(key));
    }

    /// Those that are being inserted this moment may be counted.
    std::size_t size() const noexcept { return slots_.used(); }
    bool        empty() const noexcept { return size() == 0; }
    /// A large tree takes huge pages from `ready`, which must live as long as keys are inserted, where it has some: no insert then waits for
    /// the system to clear one. With one writer.
    void take_pages_from(cleared_pages* ready) noexcept {
        slots_.take_pages_from(ready);
        leaf_slots_.take_pages_from(ready);
    }
    /// Memory of nodes, slots and this object; without what keys and values own elsewhere.
    std::size_t bytes() const noexcept {
        return sizeof(*this) + leaf_slots_.bytes() + inners_.load(std::memory_order_relaxed) * sizeof(inner) +
               slots_.bytes();
    }
    cursor_type cursor() const noexcept { return cursor_type(*this); }

    /// A place in the map, or nowhere. Must not outlive the map, its moving, nor an erasure.
    class cursor_type {
    public:
        void seek(Key const& key) { map_->stand_at(*this, probe_of<Key>(key)); }
        void seek_before(Key const& key) { map_->stand_before(*this, probe_of<Key>(key)); }
        template <class K>
        requires transparent
        void seek(K const& key) {
            map_->stand_at(*this, probe_of<K>(key));
        }
        template <class K>
        requires transparent
        void seek_before(K const& key) {
            map_->stand_before(*this, probe_of<K>(key));
        }
        void seek_first() { map_->stand_first(*this); }
        void seek_last() { map_->stand_last(*this); }

        bool valid() const noexcept { return entry_ != nullptr; }
        /// The rest: precondition valid().
        void next() {
            auto const at = rank_ + 1;
            if (at < size_) [[likely]] {
                auto* const e = leaf_.at->entry(at);
                if (leaf_.is_still()) [[likely]] {
                    rank_  = at;
                    entry_ = e;
                    if (at % entries_ahead == 0) ask_ahead(*this);
                    return;
                }
            }
            map_->stand_next(*this);
        }
        void       prev() { map_->stand_previous(*this); }
        Key const& key() const noexcept { return entry_->key; }
        Value&     value() const noexcept { return entry_->value; }

    private:
        friend class map;
        explicit cursor_type(map const& m) noexcept : map_(&m) {}
        bool stand(seen<leaf> l, unsigned rank, entry_type* e) noexcept {
            leaf_  = l;
            rank_  = rank;
            size_  = 0;
            entry_ = e;
            return true;
        }
        bool stand_nowhere() noexcept { return stand({}, 0, nullptr); }

        map const*  map_;
        seen<leaf>  leaf_{};  // where the entry was at that version, for steps without a search
        unsigned    rank_  = 0;
        unsigned    size_  = 0;  // of the leaf at that version; 0 until somebody goes on
        entry_type* entry_ = nullptr;
    };

private:
    // ---- one node ------------------------------------------------------------------------------------------------------

    template <class A, class B>
    bool less(A const& a, B const& b) const {
        constexpr bool views =
            std::is_convertible_v<A const&, std::string_view> && std::is_convertible_v<B const&, std::string_view>;
        if constexpr (words::text && views) return std::string_view(a) < std::string_view(b);
        else return less_(a, b);
    }
    /// How many of the first n entries are less than what is looked for (not greater, when OrEqual).
    template <bool OrEqual, class Probe>
    unsigned rank(node const& at, unsigned n, Probe const& probe) const {
        unsigned low = 0, high = n;
        if constexpr (Probe::has_word) {
            auto const word = probe.word(at.skip.load(std::memory_order_acquire));
            if constexpr (words::exact) return at.template rank<OrEqual>(n, word);
            low = at.template rank<false>(n, word);
            if (low == n || at.word(low) != word) return low;
            high = low + 1;
            if (high < n && at.word(high) == word) high = std::max(low, at.template rank<true>(n, word));
        }
        while (low < high) {
            auto const  middle = low + (high - low) / 2;
            auto const& there  = at.entry(middle)->key;
            auto const  before = OrEqual ? !less(probe.key(), there) : less(there, probe.key());
            before ? low = middle + 1 : high = middle;
        }
        return low;
    }
    template <class Probe>
    found look(leaf const& l, unsigned n, Probe const& probe) const {
        auto const at = rank<false>(l, n, probe);
        if (at >= n) return {at, nullptr};
        if constexpr (Probe::has_word) {
            if (l.word(at) != probe.word(l.skip.load(std::memory_order_acquire))) return {at, nullptr};
            if constexpr (words::exact) return {at, l.entry(at)};
        }
        auto* const e = l.entry(at);
        return {at, less(probe.key(), e->key) ? nullptr : e};
    }

    // ---- the way down, for readers -----------------------------------------------------------------------------------------

    /// Asks for what a look into a node reads: words, header, and what the words lead to.
    template <class Node>
    static void fetch(Node const* n, std::size_t from = 0) noexcept {
        auto const* p = reinterpret_cast<char const*>(n);
        for (; from < sizeof(Node); from += cache_line) prefetch(p + from);
    }
    static void fetch_child(inner const& of, node const* child) noexcept {
        if (of.level == 1) fetch(static_cast<leaf const*>(child));
        else fetch(static_cast<node const*>(child));
    }
    /// The leaf that `choose(inner node, its size)` leads to, as it was at one moment; null in an empty map.
    template <class Choose>
    seen<leaf> reach(Choose const& choose) const {
        for (;;) {
            node* n = root_.load(std::memory_order_acquire);
            if (n == nullptr) return {};
            auto v = n->version.stable();
            if (n != root_.load(std::memory_order_acquire)) continue;
            bool changed = false;
            while (n->level > 0 && !changed) {
                auto const* const i     = static_cast<inner const*>(n);
                node* const       child = i->child(choose(*i, i->size()));
                fetch_child(*i, child);
                changed = !i->version.is_still(v);
                if (changed) break;
                auto const child_version = child->version.stable();
                changed                  = !i->version.is_still(v);
                n                        = child;
                v                        = child_version;
            }
            if (!changed) return {static_cast<leaf*>(n), v};
        }
    }
    template <class Probe>
    seen<leaf> leaf_of(Probe const& probe) const {
        return reach([&](inner const& i, unsigned n) { return rank<true>(i, n, probe); });
    }
    template <class Probe>
    Value* find_key(Probe const& probe) const {
        for (;;) {
            auto const l = leaf_of(probe);
            if (l.at == nullptr) return nullptr;
            auto const f = look(*l.at, l.at->size(), probe);
            if (l.is_still()) return f.entry == nullptr ? nullptr : &f.entry->value;
        }
    }

    // ---- cursors -------------------------------------------------------------------------------------------------------------

    /// Each of these says whether nothing changed meanwhile.
    static bool try_entry(cursor_type& c, seen<leaf> l, unsigned rank) {
        entry_type* const e = l.at->entry(rank);
        return l.is_still() && c.stand(l, rank, e);
    }
    static bool try_leaf_after(cursor_type& c, seen<leaf> l) {
        leaf* const next = l.at->after.load(std::memory_order_acquire);
        if (next == nullptr) return l.is_still() && c.stand_nowhere();
        seen<leaf> const n{next, next->version.stable()};
        return l.is_still() && try_entry(c, n, 0);
    }
    static bool try_rank(cursor_type& c, seen<leaf> l, unsigned rank) {
        return rank < l.at->size() ? try_entry(c, l, rank) : try_leaf_after(c, l);
    }
    template <class Probe>
    void stand_at(cursor_type& c, Probe const& probe) const {
        for (;;) {
            auto const l = leaf_of(probe);
            if (l.at == nullptr ? c.stand_nowhere() : try_rank(c, l, rank<false>(*l.at, l.at->size(), probe))) return;
        }
    }
    template <class Probe>
    void stand_after(cursor_type& c, Probe const& probe) const {
        for (;;) {
            auto const l = leaf_of(probe);
            if (l.at == nullptr ? c.stand_nowhere() : try_rank(c, l, rank<true>(*l.at, l.at->size(), probe))) return;
        }
    }
    /// The leaf of the last lesser key: right of the last lesser entry on every level.
    template <class Probe>
    void stand_before(cursor_type& c, Probe const& probe) const {
        for (;;) {
            auto const l = reach([&](inner const& i, unsigned n) { return rank<false>(i, n, probe); });
            auto const n = l.at == nullptr ? 0 : rank<false>(*l.at, l.at->size(), probe);
            if (n > 0 ? try_entry(c, l, n - 1) : (l.at == nullptr || l.is_still()) && c.stand_nowhere()) return;
        }
    }
    void stand_first(cursor_type& c) const {
        for (;;) {
            auto const l = reach([](inner const&, unsigned) { return 0u; });
            if (l.at == nullptr ? c.stand_nowhere() : try_entry(c, l, 0)) return;
        }
    }
    void stand_last(cursor_type& c) const {
        for (;;) {
            auto const l = reach([](inner const&, unsigned n) { return n; });
            if (l.at == nullptr ? c.stand_nowhere() : try_entry(c, l, l.at->size() - 1)) return;
        }
    }
    [[gnu::noinline]] void stand_next(cursor_type& c) const {
        auto const l = c.leaf_;
        if (!l.is_still() || !try_rank(c, l, c.rank_ + 1)) stand_after(c, probe_of<Key>(c.entry_->key));
        if (!c.valid()) return;
        ask_ahead(c);
        auto const now = c.leaf_.at->size();
        if (c.leaf_.is_still()) c.size_ = now;
    }
    /// Entries lie anywhere: asks for those that are read soon, also of the next leaf.
    static void ask_ahead(cursor_type& c) noexcept {
        auto const* const l    = c.leaf_.at;
        auto const* const next = l->after.load(std::memory_order_acquire);
        if (next != nullptr) fetch(next, sizeof next->words);
        auto const size = l->size(), until = c.rank_ + 1 + 2 * entries_ahead;
        for (auto i = c.rank_ + 1; i < std::min(until, size); ++i) prefetch(l->entry(i));
        if (until <= size || next == nullptr) return;
        for (unsigned i = 0, n = std::min(until - size, next->size()); i < n; ++i) prefetch(next->entry(i));
    }
    void stand_previous(cursor_type& c) const {
        if (c.rank_ == 0 || !try_entry(c, c.leaf_, c.rank_ - 1)) stand_before(c, probe_of<Key>(c.entry_->key));
    }

    // ---- insertion -------------------------------------------------------------------------------------------------------------

    /// An entry that goes back unless the tree takes it.
    class pending {
    public:
        explicit pending(map& m) noexcept : map_(m) {}
        pending(pending const&)            = delete;
        pending& operator=(pending const&) = delete;
        ~pending() {
            if (entry != nullptr) map_.slots_.end(entry);
        }
        entry_type* release() noexcept { return std::exchange(entry, nullptr); }

        entry_type* entry = nullptr;

    private:
        map& map_;
    };
    /// Where an insertion came by: the parent (null: the root's place) and the child it took there.
    struct step {
        seen<inner> parent;
        unsigned    child = 0;
        bool        last  = true;  // nothing right of it on any level
    };
    enum class outcome { again, elsewhere, there, done };

    template <class K, class... Args>
    std::pair<Value*, bool> insert_key(K&& key, Args&&... args) {
        pending     mine(*this);
        entry_type* e    = nullptr;
        auto const  make = [&] {
            if (mine.entry == nullptr) mine.entry = slots_.make(std::forward<K>(key), std::forward<Args>(args)...);
        };
        for (;;) {  // once it is made, the entry has the key
            auto const how = mine.entry == nullptr ? try_insert(probe_of<std::remove_cvref_t<K>>(key), mine, make, e)
                                                   : try_insert(probe_of<Key>(mine.entry->key), mine, make, e);
            if (how != outcome::again) return {&e->value, how == outcome::done};
        }
    }
    template <class Probe, class Make>
    outcome try_insert(Probe const& probe, pending& mine, Make const& make, entry_type*& e) {
        if (auto const how = try_append(probe, mine, make, e); how != outcome::elsewhere) return how;
        step s{{nullptr, root_version_.stable()}};
        auto n = seen<node>{root_.load(std::memory_order_acquire)};
        if (n.at == nullptr) return plant(s, mine, make, e);
        n.version = n.at->version.stable();
        if (!is_still(s.parent)) return outcome::again;
        while (n.at->level > 0) {
            seen<inner> const i{static_cast<inner*>(n.at), n.version};
            auto const        size = i.at->size();
            auto const        c    = rank<true>(*i.at, size, probe);
            if (size == room) {  // on the way down, so that a split never climbs
                split(s, i, s.last && c == size ? room - 1 : room / 2);
                return outcome::again;
            }
            node* const child = i.at->child(c);
            fetch_child(*i.at, child);
            if (!i.is_still()) return outcome::again;
            n = {child, child->version.stable()};
            if (!i.is_still()) return outcome::again;
            s = {i, c, s.last && c == size};
        }
        seen<leaf> const l{static_cast<leaf*>(n.at), n.version};
        auto const       size = l.at->size();
        auto const       f    = look(*l.at, size, probe);
        if (!l.is_still()) return outcome::again;
        e = f.entry;
        if (e != nullptr) return outcome::there;
        make();
        if (size == room) {
            bool const append = s.last && f.rank == size;
            if (!split(s, l, append ? room : room / 2, mine.entry) || !append) return outcome::again;
        } else {
            if (!l.at->version.lock(l.version)) return outcome::again;
            l.at->insert(f.rank, mine.entry);
            l.at->version.unlock();
        }
        e = mine.release();
        return outcome::done;
    }
    /// Keys that come in order go behind the last one without a search.
    template <class Probe, class Make>
    outcome try_append(Probe const& probe, pending& mine, Make const& make, entry_type*& e) {
        leaf* const last = last_.load(std::memory_order_acquire);
        if (last == nullptr) return outcome::elsewhere;
        auto const v    = last->version.stable();
        auto const size = last->size();
        if (size == room || last->after.load(std::memory_order_acquire) != nullptr) return outcome::elsewhere;
        if (!is_beyond(*last, size, probe) || !last->version.is_still(v)) return outcome::elsewhere;
        make();
        if (!last->version.lock(v)) return outcome::again;
        last->insert(size, mine.entry);
        last->version.unlock();
        e = mine.release();
        return outcome::done;
    }
    template <class Probe>
    bool is_beyond(node const& at, unsigned n, Probe const& probe) const {
        if constexpr (Probe::has_word) {
            auto const there = at.word(n - 1), word = probe.word(at.skip.load(std::memory_order_acquire));
            if (words::exact || there != word) return there < word;
        }
        return less(at.entry(n - 1)->key, probe.key());
    }
    template <class Make>
    outcome plant(step const& s, pending& mine, Make const& make, entry_type*& e) {
        make();
        auto first = make_leaf();
        first->insert(0, mine.entry);
        if (!root_version_.lock(s.parent.version)) return outcome::again;
        leaf* const made = first.release();
        root_.store(made, std::memory_order_release);
        last_.store(made, std::memory_order_release);  // after it can be found from the root
        root_version_.unlock();
        e = mine.release();
        return outcome::done;
    }

    bool is_still(seen<inner> const& parent) const noexcept {
        return parent.at == nullptr ? root_version_.is_still(parent.version) : parent.is_still();
    }
    detail::btree_version<Shared>& version_of(seen<inner> const& parent) noexcept {
        return parent.at == nullptr ? root_version_ : parent.at->version;
    }
    /// Cuts a full node in two; false when somebody else came first. A leaf that is cut at its end gets `appended` as the first entry
    /// of the new one. What can throw comes before the locks.
    template <class Node>
    bool split(step const& s, seen<Node> const& n, unsigned cut, entry_type* appended = nullptr) {
        constexpr bool is_leaf = std::same_as<Node, leaf>;
        auto           right   = make_beside(*n.at);
        auto           above   = s.parent.at == nullptr ? std::make_unique<inner>(n.at->level + 1) : nullptr;
        if (!version_of(s.parent).lock(s.parent.version)) return false;
        if (!n.at->version.lock(n.version)) {
            version_of(s.parent).unlock();
            return false;
        }
        // An inner node's entry at the cut goes up; a leaf's stays, and is named above.
        auto* const up = cut == room ? appended : n.at->entry(cut);
        if (cut < room) n.at->copy_tail(cut + !is_leaf, *right);
        if constexpr (is_leaf) {
            if (cut == room) right->insert(0, appended);
            right->after.store(n.at->after.load(std::memory_order_relaxed), std::memory_order_release);
        } else {
            for (auto i = cut + 1; i <= room; ++i)
                right->children[i - cut - 1].store(n.at->child(i), std::memory_order_release);
        }
        auto* const made = right.release();
        if constexpr (is_leaf) n.at->after.store(made, std::memory_order_release);
        n.at->resize(cut);
        hang(s, n.at, up, made, above.release());
        if constexpr (is_leaf)
            if (made->after.load(std::memory_order_relaxed) == nullptr) last_.store(made, std::memory_order_release);
        if constexpr (!is_leaf) inners_.fetch_add(1, std::memory_order_relaxed);
        n.at->version.unlock();
        version_of(s.parent).unlock();
        return true;
    }
    struct ends_leaf {
        map* of;
        void operator()(leaf* l) const noexcept { of->leaf_slots_.end(l); }
    };
    auto        make_leaf() { return std::unique_ptr<leaf, ends_leaf>(leaf_slots_.make(), {this}); }
    auto        make_beside(leaf const&) { return make_leaf(); }
    static auto make_beside(inner const& i) { return std::make_unique<inner>(i.level); }

    /// Makes `right` the child after `left`, under the parent, which is locked and has room, or under a new root.
    void hang(step const& s, node* left, entry_type* up, node* right, inner* above) noexcept {
        if (above != nullptr) {
            above->children[0].store(left, std::memory_order_release);
            above->children[1].store(right, std::memory_order_release);
            above->insert(0, up);
            inners_.fetch_add(1, std::memory_order_relaxed);
            root_.store(above, std::memory_order_release);
            return;
        }
        auto&      p    = *s.parent.at;
        auto const size = p.size();
        for (auto i = size + 1; i > s.child + 1; --i) p.children[i].store(p.child(i - 1), std::memory_order_release);
        p.children[s.child + 1].store(right, std::memory_order_release);
        p.insert(s.child, up);
        if (s.child > 0) raise_skip(*left, *p.entry(s.child - 1), *up);
        if (s.child < size) raise_skip(*right, *up, *p.entry(s.child + 1));
    }
    static std::uint32_t shared(entry_type const& low, entry_type const& high) noexcept {
        auto const bytes = projection<std::string_view>::common(low.key, high.key);
        return static_cast<std::uint32_t>(std::min<std::size_t>(bytes, std::uint32_t{1} << 30));
    }
    /// Keys of the node lie between these two from now on, so they share what the two share.
    static void raise_skip([[maybe_unused]] node& n, [[maybe_unused]] entry_type const& low,
                           [[maybe_unused]] entry_type const& high) noexcept {
        if constexpr (words::text) {
            auto const bytes = shared(low, high);
            if (bytes >= n.skip.load(std::memory_order_relaxed) + skip_gain) n.set_skip(bytes);
        }
    }

    // ---- erasure: nobody else is there -----------------------------------------------------------------------------------------

    /// The way from the root to a leaf.
    struct path {
        struct step {
            inner*   at;
            unsigned child;
        };
        std::array<step, max_depth> steps;
        unsigned                    depth = 0;
        leaf*                       end   = nullptr;

        /// The lowest step above `from` that did not take the first child, or null.
        step* turn(unsigned from) noexcept {
            while (from > 0 && steps[from - 1].child == 0) --from;
            return from == 0 ? nullptr : &steps[from - 1];
        }
    };
    template <class Probe>
    path way_to(Probe const& probe) const {
        path  p;
        node* n = root_.load(std::memory_order_relaxed);
        for (; n->level > 0; ++p.depth) {
            auto* const i    = static_cast<inner*>(n);
            auto const  c    = rank<true>(*i, i->size(), probe);
            p.steps[p.depth] = {i, c};
            n                = i->child(c);
        }
        p.end = static_cast<leaf*>(n);
        return p;
    }
    template <class Probe>
    bool erase_key(Probe const& probe) {
        if (empty()) return false;
        auto       p = way_to(probe);
        auto const f = look(*p.end, p.end->size(), probe);
        if (f.entry == nullptr) return false;
        p.end->erase(f.rank);
        if (p.end->size() == 0) drop_leaf(p);
        else if (f.rank == 0) rename(p, p.depth, p.end->entry(0));
        slots_.end(f.entry);  // the key may be this one's: not used from here on
        return true;
    }
    /// The least entry below the steps from `from` on is another one.
    static void rename(path& p, unsigned from, entry_type* least) noexcept {
        auto* const t = p.turn(from);
        if (t == nullptr) return;
        t->at->put(t->child - 1, least);
        widen(*t->at, t->child - 1, true);
    }
    /// More keys can come to child i of the node, at its last or its first edge: what they share with the others may be less.
    static void widen([[maybe_unused]] inner const& at, [[maybe_unused]] unsigned i,
                      [[maybe_unused]] bool last) noexcept {
        if constexpr (words::text) {
            auto skip = at.skip.load(std::memory_order_relaxed);
            if (i > 0 && i < at.size()) skip = std::max(skip, shared(*at.entry(i - 1), *at.entry(i)));
            for (node* n = at.child(i);; n = static_cast<inner*>(n)->child(last ? n->size() : 0)) {
                if (n->skip.load(std::memory_order_relaxed) > skip) n->set_skip(skip);
                if (n->level == 0) return;
            }
        }
    }
    void drop_leaf(path& p) noexcept {
        leaf* const after  = p.end->after.load(std::memory_order_relaxed);
        node*       before = nullptr;
        if (auto* const t = p.turn(p.depth); t != nullptr) {
            before = t->at->child(t->child - 1);
            while (before->level > 0) before = static_cast<inner*>(before)->child(before->size());
            static_cast<leaf*>(before)->after.store(after, std::memory_order_relaxed);
        }
        if (after == nullptr) last_.store(static_cast<leaf*>(before), std::memory_order_relaxed);
        leaf_slots_.end(p.end);
        auto d = p.depth;
        for (; d > 0 && p.steps[d - 1].at->size() == 0; --d) {  // an only child leaves nothing
            delete p.steps[d - 1].at;
            inners_.fetch_sub(1, std::memory_order_relaxed);
        }
        if (d == 0) root_.store(nullptr, std::memory_order_relaxed);
        else drop_child(p, d);
        lower_root();
    }
    /// Takes the child of step d - 1 out, which has siblings; a neighbour takes over its keys.
    void drop_child(path& p, unsigned d) noexcept {
        auto const [at, child] = p.steps[d - 1];
        auto const  size       = at->size();
        auto* const least      = at->entry(0);
        for (auto i = child; i < size; ++i) at->children[i].store(at->child(i + 1), std::memory_order_relaxed);
        at->erase(child > 0 ? child - 1 : 0);
        if (child == 0) rename(p, d - 1, least);
        child > 0 ? widen(*at, child - 1, true) : widen(*at, 0, false);
    }
    void lower_root() noexcept {
        for (node* n = root_.load(std::memory_order_relaxed); n != nullptr && n->level > 0 && n->size() == 0;) {
            auto* const old = static_cast<inner*>(n);
            n               = old->child(0);
            root_.store(n, std::memory_order_relaxed);
            delete old;
            inners_.fetch_sub(1, std::memory_order_relaxed);
        }
    }

    void end_tree(node* n) noexcept {
        if (n->level == 0) {
            for (unsigned i = 0; i < n->size(); ++i) slots_.end(n->entry(i));
            leaf_slots_.end(static_cast<leaf*>(n));
            return;
        }
        auto* const i = static_cast<inner*>(n);
        for (unsigned c = 0; c <= i->size(); ++c) end_tree(i->child(c));
        delete i;
    }
    void swap(map& other) noexcept {
        auto swap_atomic = [](auto& a, auto& b) {
            a.store(b.exchange(a.load(std::memory_order_relaxed), std::memory_order_relaxed),
                    std::memory_order_relaxed);
        };
        using std::swap;
        swap(less_, other.less_);
        swap_atomic(root_, other.root_);
        swap_atomic(last_, other.last_);
        swap_atomic(inners_, other.inners_);
        swap(slots_, other.slots_);
        swap(leaf_slots_, other.leaf_slots_);
    }

    [[no_unique_address]] Less             less_{};
    detail::btree_version<Shared>          root_version_;  // of the place where the root hangs
    std::atomic<node*>                     root_{nullptr};
    std::atomic<leaf*>                     last_{nullptr};  // of the list, or one that was last a moment ago
    std::atomic<std::size_t>               inners_{0};
    detail::btree_slab<entry_type, Shared> slots_;
    detail::btree_slab<leaf, Shared>       leaf_slots_;
};

static_assert(erasable_ordered_map<btree> && erasable_ordered_map<shared_btree>);

}  // namespace tenon
