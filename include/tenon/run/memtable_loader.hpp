// SPDX-License-Identifier: Apache-2.0
// Fills a memtable from a log: versions are taken in as they come, and sorted once.
#pragma once

#include "tenon/core/append_vector.hpp"
#include "tenon/core/placement.hpp"
#include "tenon/core/result.hpp"
#include "tenon/run/memtable.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace tenon {

/// memtable_loader - what memtable::add does for each version, for many at once: a sort in place of a search for each.
///
/// Guarantee   after finish the memtable answers as if every version had been added alone, in the same order.
/// Cost        add: one copy. finish: one pass that brings neighbours together and a sort of some thousand at a time, when keys are spread
///             evenly; at worst O(n log n). 16 bytes for each version until then, 32 within finish.
/// Errors      out of memory leaves a memtable that can only be thrown away.
/// Threads     one, and nobody reads the memtable before finish has returned. With `thread` parts are sorted by a thread of its own, ahead
///             of that one; where it does not start the one does its work.
template <class Table>
class memtable_loader {
public:
    explicit memtable_loader(memtable<Table>& to, bool thread = false) : to_(&to), thread_(thread) {}

    /// Precondition: timestamps ascend; the record is well formed.
    void add(byte_view key, byte_view record, bool tombstone, timestamp at) {
        if (entries_.size() == much) to_->arena_.expect_much();
        auto* const room = to_->arena_.allocate(memtable<Table>::room_for(key, record));
        entries_.push_back({key_projection(key), to_->make(room, key, record, tombstone, at)});
    }

    /// visit(row_version const*) -> result<void>: the newest version of each key, in key order.
    template <class Visit>
    result<void> finish(Visit visit) {
        parts all(entries_, thread_);
        entries_ = {};
        for (auto part = all.next(); !part.empty(); part = all.next())
            for (std::size_t i = 0; i < part.size();) {
                auto* const oldest = part[i].version;
                auto*       newest = oldest;
                for (ask_for(part, i); ++i < part.size() && same_key(part[i - 1], part[i]); ask_for(part, i)) {
                    newest        = part[i].version;
                    newest->older = part[i - 1].version;
                }
                if (auto done = visit(newest); !done) return done;
                to_->enter(newest, oldest);
            }
        to_->bytes_.store(to_->arena_.bytes() + to_->map_.bytes(), std::memory_order_relaxed);
        to_->feed_deltas();
        return {};
    }

private:
    static constexpr std::size_t much      = 4096;  ///< from then on memory is taken by whole large pages
    static constexpr std::size_t part_size = 2048, ahead = 16;

    struct entry {
        std::uint64_t word;  // the key's first eight bytes
        row_version*  version;

        entry() noexcept {}  // an array of them is not touched before it is filled
        entry(std::uint64_t w, row_version* v) noexcept : word(w), version(v) {}
    };

    static bool before(entry const& a, entry const& b) noexcept {
        if (a.word != b.word) return a.word < b.word;
        auto const x = as_chars(a.version->key()), y = as_chars(b.version->key());
        return x != y ? x < y : a.version->where < b.version->where;
    }
    static bool same_key(entry const& a, entry const& b) noexcept {
        return a.word == b.word && as_chars(a.version->key()) == as_chars(b.version->key());
    }
    /// Versions lie where the log had them: asked for some steps ahead, they come while others are entered.
    static void ask_for(std::span<entry> part, std::size_t i) noexcept {
        if (i + ahead < part.size()) ask_for(part[i + ahead]);
    }
    static void ask_for(entry const& e) noexcept {
        auto const* const at = reinterpret_cast<std::byte const*>(e.version);
        __builtin_prefetch(at);
        __builtin_prefetch(at + sizeof(row_version));
    }

    /// Entries in parts, each with the words of one interval, all as long. A part is sorted when its turn comes, or before that by a thread.
    class parts {
    public:
        parts(append_vector<entry> const& from, bool thread) {
            std::uint64_t low = ~std::uint64_t{0}, high = 0, last = 0;
            each(from, [&](entry const& e) {
                low     = std::min(low, e.word);
                high    = std::max(high, e.word);
                rising_ = rising_ && (last < e.word || &e == &from[0]);
                last    = e.word;
            });
            entries_.resize(from.size());
            if (rising_) {
                std::size_t n = 0;
                each(from, [&](entry const& e) { entries_[n++] = e; });
                ends_.push_back(n);
                return;
            }
            int const bits   = static_cast<int>(std::bit_width(high - low)),
                      fewest = static_cast<int>(std::bit_width(from.size() / part_size));
            auto const shift = bits > fewest ? std::min(bits - fewest, 63) : 0;
            auto const which = [&](entry const& e) { return static_cast<std::size_t>((e.word - low) >> shift); };
            ends_.resize(which({high, nullptr}) + 1);
            each(from, [&](entry const& e) { ++ends_[which(e)]; });
            std::size_t sum = 0;
            for (auto& n : ends_) sum += std::exchange(n, sum);
            each(from, [&](entry const& e) { entries_[ends_[which(e)]++] = e; });
            if (thread && from.size() > much) try {
                    sorter_ = std::thread([this] { sort_ahead(); });
                } catch (std::exception const&) {}  // parts are sorted in their turn
        }
        parts(parts const&)            = delete;
        parts& operator=(parts const&) = delete;
        ~parts() {
            tell(over);
            if (sorter_.joinable()) sorter_.join();
        }

        /// The next part that has entries, in order; none when there is no more.
        std::span<entry> next() {
            while (at_ < ends_.size()) {
                auto const i = at_++;
                if (sorter_.joinable()) {
                    tell(i);
                    for (auto seen = sorted_.load(std::memory_order_acquire); seen <= i;
                         seen      = sorted_.load(std::memory_order_acquire))
                        sorted_.wait(seen, std::memory_order_acquire);
                } else if (!rising_) {
                    sort(i);
                }
                if (auto const p = part(i); !p.empty()) return p;
            }
            return {};
        }

    private:
        template <class Do>
        static void each(append_vector<entry> const& from, Do work) {
            from.for_each_chunk(0, from.size(), [&](auto chunk) { std::for_each(chunk.begin(), chunk.end(), work); });
        }
        std::span<entry> part(std::size_t i) noexcept {
            auto const begin = i == 0 ? 0 : ends_[i - 1];
            return std::span(entries_).subspan(begin, ends_[i] - begin);
        }
        void sort(std::size_t i) noexcept {
            auto const p = part(i);
            std::sort(p.begin(), p.end(), before);
        }
        void sort_ahead() noexcept {
            for (std::size_t i = 0; i < ends_.size(); ++i) {
                for (auto seen = turn_.load(); i > seen && i - seen > far; seen = turn_.load()) turn_.wait(seen);
                if (turn_.load() == over) return;
                sort(i);
                sorted_.store(i + 1, std::memory_order_release);
                sorted_.notify_one();
            }
        }
        void tell(std::size_t i) noexcept {
            turn_.store(i);
            turn_.notify_one();
        }

        /// How many parts are sorted ahead: what they refer to stays in the processor's caches.
        static constexpr std::size_t far = 8, over = std::numeric_limits<std::size_t>::max();

        placed_vector<entry>     entries_;
        std::vector<std::size_t> ends_;
        bool                     rising_ = true;
        std::size_t              at_     = 0;
        std::atomic<std::size_t> turn_{0}, sorted_{0};
        std::thread              sorter_;
    };

    memtable<Table>*     to_;
    bool                 thread_;
    append_vector<entry> entries_;
};

}  // namespace tenon
