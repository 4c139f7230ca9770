// SPDX-License-Identifier: Apache-2.0
// The newest rows of a table, in memory: versions by key, by position, and a delta for every index.
#pragma once

#include "tenon/core/append_vector.hpp"
#include "tenon/core/units.hpp"
#include "tenon/core/unless_done.hpp"
#include "tenon/ordered_map/concept.hpp"
#include "tenon/run/arena.hpp"
#include "tenon/run/schema.hpp"

#include <atomic>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <tuple>
#include <utility>

namespace tenon {

/// One version of a row. Immutable but for `dead`, which only the owner of an uncommitted write set uses.
struct row_version {
    timestamp     at;     ///< commit; in a write set the number of the operation
    row_version*  older;  ///< of the same key in the same memtable, or nullptr
    position      where;  ///< ordinal in the memtable
    std::uint32_t key_size;
    std::uint32_t record_size;
    bool          tombstone;
    bool          dead = false;  ///< rolled back to a savepoint

    byte_view key() const noexcept { return {bytes(), key_size}; }
    byte_view record() const noexcept { return {bytes() + (key_size + 7u) / 8 * 8, record_size}; }

private:
    std::byte const* bytes() const noexcept { return reinterpret_cast<std::byte const*>(this + 1); }
};

template <class Table>
class memtable_loader;

/// memtable - versions of rows and a delta for every index of the table.
///
/// Maps        encoded key -> newest version, a chain from new to old; position -> version.
/// Guarantee   versions of a key are added with ascending timestamps; addresses are stable until the memtable ends.
/// Cost        add: one map insert and one insert for each index; find O(log n).
/// Threads     one writer, any number of readers at the same time. Without locks when the map policy has
///             concurrent_reads; else look-ups by key share a lock with the writer. Deltas and positions never lock.
/// Invariants  (1) a version is in the map and has its position before any delta names that position.
template <class Table>
class memtable {
    struct head {
        std::atomic<row_version*> newest{nullptr};
        head() = default;
        head(head const& other) noexcept : newest(other.newest.load(std::memory_order_relaxed)) {}
        head& operator=(head const& other) noexcept {
            newest.store(other.newest.load(std::memory_order_relaxed), std::memory_order_relaxed);
            return *this;
        }
    };
    using map_type                  = typename Table::map_policy::template map<std::string_view, head, std::less<>>;
    static constexpr bool lock_free = Table::map_policy::concurrent_reads;
    using shared_lock               = std::shared_lock<std::shared_mutex>;

    template <class Tuple>
    struct deltas_of;
    template <class... I>
    struct deltas_of<std::tuple<I...>> {
        using type = std::tuple<typename I::kind_type::delta...>;
    };

public:
    using table_type  = Table;
    using deltas_type = typename deltas_of<typename Table::indexes>::type;

    /// Takes large pages from `ready`, which must live as long as versions are added, where it has some.
    explicit memtable(cleared_pages* ready = nullptr) : arena_(ready) {
        if constexpr (requires { map_.take_pages_from(ready); }) map_.take_pages_from(ready);
    }
    memtable(memtable const&)            = delete;
    memtable& operator=(memtable const&) = delete;

    /// Adds a version. `record` is ignored for a tombstone. With index false the deltas are fed later (feed_deltas).
    /// Precondition: the record is well formed.
    row_version* add(byte_view key, byte_view record, bool tombstone, timestamp at, bool index = true) {
        auto* const v = make(arena_.allocate(room_for(key, record)), key, record, tombstone, at);
        {
            detail::unless_done                 in_part([v] { v->dead = true; });  // the map ran out of memory
            std::unique_lock<std::shared_mutex> lock(mutex_, std::defer_lock);
            if constexpr (!lock_free) lock.lock();
            enter(v, v);
            in_part.done();
        }
        bytes_.store(arena_.bytes() + map_.bytes(), std::memory_order_relaxed);
        if (index) feed_deltas();
        return v;
    }

    /// Hands versions that the deltas have not seen to them. Writer only.
    void feed_deltas() {
        for (; fed_ < versions_.size(); ++fed_) {
            auto const* v = versions_[fed_];
            if (v->tombstone || v->dead) continue;
            byte_view columns[Table::schema_type::size];
            if (!Table::schema_type::split(v->record(), columns)) continue;
            [&]<std::size_t... I>(std::index_sequence<I...>) {
                (feed<I>(columns, v), ...);
            }(std::make_index_sequence<Table::index_count>{});
        }
    }

    /// Marks the versions from a position on as dead: rollback to a savepoint. Only while nobody else reads.
    void kill_from(position first) {
        for (auto i = first; i < versions_.size(); ++i) versions_[i]->dead = true;
    }

    /// The newest version with at <= `upto`, or nullptr.
    row_version const* find(byte_view key, timestamp upto) const {
        shared_lock lock(mutex_, std::defer_lock);
        if constexpr (!lock_free) lock.lock();
        auto const* place = map_.find(as_chars(key));
        return place == nullptr ? nullptr : visible(place->newest.load(std::memory_order_acquire), upto);
    }
    /// The newest version whatever its timestamp, or nullptr.
    row_version const* newest(byte_view key) const { return find(key, ~timestamp{0}); }

    row_version const* at(position i) const { return versions_[i]; }
    std::uint64_t      size() const noexcept { return versions_.size(); }
    /// Memory held by versions and map; deltas come on top.
    std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
    template <std::size_t I>
    auto const& delta() const noexcept {
        return std::get<I>(deltas_);
    }

    /// Walks keys in order, each with its newest version at or before a timestamp (keys without one are skipped).
    class cursor {
    public:
        cursor(memtable const& table, timestamp upto) : table_(&table), upto_(upto), at_(table.map_.cursor()) {}

        void seek(byte_view key) {
            move([&] { at_.seek(as_chars(key)); }, true);
        }
        void seek_before(byte_view key) {
            move([&] { at_.seek_before(as_chars(key)); }, false);
        }
        void seek_first() {
            move([&] { at_.seek_first(); }, true);
        }
        void seek_last() {
            move([&] { at_.seek_last(); }, false);
        }
        bool valid() const noexcept { return version_ != nullptr; }
        void next() {
            move([&] { step(true); }, true);
        }
        void prev() {
            move([&] { step(false); }, false);
        }
        row_version const* version() const noexcept { return version_; }
        byte_view          key() const noexcept { return version_->key(); }

    private:
        /// A map that the writer may rearrange is entered anew at each step.
        void step(bool forward) {
            if constexpr (lock_free) {
                forward ? at_.next() : at_.prev();
            } else {
                at_ = table_->map_.cursor();
                if (forward) {
                    at_.seek(as_chars(here_));
                    if (at_.valid() && at_.key() == as_chars(here_)) at_.next();
                } else {
                    at_.seek_before(as_chars(here_));
                }
            }
        }
        template <class Start>
        void move(Start start, bool forward) {
            shared_lock lock(table_->mutex_, std::defer_lock);
            if constexpr (!lock_free) lock.lock();
            start();
            version_ = nullptr;
            while (at_.valid()) {
                version_ = visible(at_.value().newest.load(std::memory_order_acquire), upto_);
                if constexpr (!lock_free) here_ = as_bytes(at_.key());
                if (version_ != nullptr) return;
                forward ? at_.next() : at_.prev();
            }
        }
        memtable const*                table_;
        timestamp                      upto_;
        typename map_type::cursor_type at_;
        byte_view                      here_;  // key bytes live in the arena
        row_version const*             version_ = nullptr;
    };

private:
    friend class memtable_loader<Table>;

    static std::size_t key_room(byte_view key) noexcept { return (key.size() + 7) / 8 * 8; }
    static std::size_t room_for(byte_view key, byte_view record) noexcept {
        return sizeof(row_version) + key_room(key) + record.size();
    }
    /// A version in `memory` (room_for, 16-byte aligned) that has its position and that nobody finds yet.
    row_version* make(std::byte* memory, byte_view key, byte_view record, bool tombstone, timestamp at) {
        auto* const v = new (memory) row_version{at,
                                                 nullptr,
                                                 versions_.size(),
                                                 static_cast<std::uint32_t>(key.size()),
                                                 static_cast<std::uint32_t>(record.size()),
                                                 tombstone};
        if (!key.empty()) std::memcpy(memory + sizeof(row_version), key.data(), key.size());
        if (!record.empty()) std::memcpy(memory + sizeof(row_version) + key_room(key), record.data(), record.size());
        versions_.push_back(v);
        return v;
    }
    /// Puts a chain of one key's versions, newest to oldest, into the map, before those that are there.
    void enter(row_version* newest, row_version* oldest) {
        head first;
        first.newest.store(newest, std::memory_order_relaxed);
        auto const [place, is_new] = map_.insert(as_chars(newest->key()), first);
        if (is_new) return;
        oldest->older = place->newest.load(std::memory_order_relaxed);
        place->newest.store(newest, std::memory_order_release);
    }
    static row_version const* visible(row_version const* v, timestamp upto) noexcept {
        while (v != nullptr && (v->at > upto || v->dead)) v = v->older;
        return v;
    }
    template <std::size_t I>
    void feed(byte_view const (&columns)[Table::schema_type::size], row_version const* v) {
        using spec = typename Table::template index_spec<I>;
        typename spec::kind_type::value_type value{};
        if (Table::schema_type::extract(columns, typename spec::key_type{}, value))
            std::get<I>(deltas_).insert(value, v->key(), v->where);
    }

    mutable std::shared_mutex   mutex_;
    arena                       arena_;
    map_type                    map_;
    append_vector<row_version*> versions_;
    deltas_type                 deltas_;
    position                    fed_ = 0;
    std::atomic<std::size_t>    bytes_{0};
};

}  // namespace tenon
