// SPDX-License-Identifier: Apache-2.0
// Fills a memtable from a log: versions are taken in as they come, and sorted once.
#pragma once

#include "tenon/core/placement.hpp"
#include "tenon/core/result.hpp"
#include "tenon/run/memtable.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace tenon {

/// memtable_loader - what memtable::add does for each version, for many at once: a sort in place of a search for each.
///
/// Guarantee   after finish the memtable answers as if every version had been added alone, in the same order.
/// Cost        add: one copy. finish: one pass that brings neighbours together and a sort of some thousand at a time, when keys are spread
///             evenly; at worst O(n log n). 16 bytes for each version until then, 32 within finish.
/// Errors      out of memory leaves a memtable that can only be thrown away.
/// Threads     one, and nobody reads the memtable before finish has returned.
template <class Table>
class memtable_loader {
public:
    explicit memtable_loader(memtable<Table>& to) : to_(&to) {}

    /// Precondition: timestamps ascend; the record is well formed.
    void add(byte_view key, byte_view record, bool tombstone, timestamp at) {
        if (entries_.size() == much) to_->arena_.expect_much();
        auto* const room = to_->arena_.allocate(memtable<Table>::room_for(key, record));
        entries_.push_back({key_projection(key), to_->make(room, key, record, tombstone, at)});
    }

    /// visit(row_version const*) -> result<void>: the newest version of each key, in key order.
    template <class Visit>
    result<void> finish(Visit visit) {
        order();
        for (std::size_t i = 0; i < entries_.size();) {
            auto* const oldest = entries_[i].version;
            auto*       newest = oldest;
            for (ask_for(i); ++i < entries_.size() && same_key(entries_[i - 1], entries_[i]); ask_for(i)) {
                newest        = entries_[i].version;
                newest->older = entries_[i - 1].version;
            }
            if (auto done = visit(newest); !done) return done;
            to_->enter(newest, oldest);
        }
        entries_ = {};
        to_->bytes_.store(to_->arena_.bytes() + to_->map_.bytes(), std::memory_order_relaxed);
        to_->feed_deltas();
        return {};
    }

private:
    static constexpr std::size_t much = 4096;  ///< from then on memory is taken by whole large pages

    struct entry {
        std::uint64_t word;  // the key's first eight bytes
        row_version*  version;
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
    void ask_for(std::size_t i) const noexcept {
        if (i + ahead >= entries_.size()) return;
        auto const* const at = reinterpret_cast<std::byte const*>(entries_[i + ahead].version);
        __builtin_prefetch(at);
        __builtin_prefetch(at + sizeof(row_version));
    }

    /// Sorts, part by part: each has the words of one interval, all as long.
    void order() {
        std::uint64_t low = ~std::uint64_t{0}, high = 0;
        bool          rising = true;
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            low    = std::min(low, entries_[i].word);
            high   = std::max(high, entries_[i].word);
            rising = rising && (i == 0 || entries_[i - 1].word < entries_[i].word);
        }
        if (rising) return;
        int const bits   = static_cast<int>(std::bit_width(high - low)),
                  fewest = static_cast<int>(std::bit_width(entries_.size() / part_size));
        auto const shift = bits > fewest ? std::min(bits - fewest, 63) : 0;
        auto const which = [&](entry const& e) { return static_cast<std::size_t>((e.word - low) >> shift); };
        std::vector<std::size_t> ends(which({high, nullptr}) + 1);
        for (auto const& e : entries_) ++ends[which(e)];
        std::size_t sum = 0;
        for (auto& n : ends) sum += std::exchange(n, sum);
        placed_vector<entry> parted(entries_.size());
        for (auto const& e : entries_) parted[ends[which(e)]++] = e;
        entries_.swap(parted);
        auto begin = entries_.begin();
        for (auto const end : ends) {
            auto const last = entries_.begin() + static_cast<std::ptrdiff_t>(end);
            std::sort(begin, last, before);
            begin = last;
        }
    }

    static constexpr std::size_t part_size = 2048, ahead = 16;

    memtable<Table>*     to_;
    placed_vector<entry> entries_;
};

}  // namespace tenon
