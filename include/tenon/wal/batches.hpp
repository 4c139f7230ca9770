// SPDX-License-Identifier: Apache-2.0
// Group commit without the files: which records ride in which write, and which writes are acknowledged.
#pragma once

#include "tenon/core/block_buffer.hpp"
#include "tenon/core/parking.hpp"
#include "tenon/wal/concept.hpp"
#include "tenon/wal/record.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace tenon::detail {

/// Records that are written together.
struct wal_batch {
    static constexpr std::uint32_t is_over = ~std::uint32_t{0};

    std::uint64_t                begin = 0;  ///< LSN of the first byte
    std::uint64_t                end   = 0;  ///< of the last record
    block_buffer                 bytes;
    std::uint64_t                records = 0;
    std::vector<wal_callback>    called;
    std::atomic<std::uint32_t>   word{0};  ///< what threads park on: counts what there was to look at, or says is_over
    std::shared_ptr<error const> failed;   ///< null: acknowledged; when word is is_over
    std::uint32_t                parked    = 0;      ///< how many threads have gone to sleep on it
    bool                         gathering = false;  ///< one of them for a while only, and leads then
    std::shared_ptr<wal_batch>   next;               ///< whose callbacks are due after this one's
    std::shared_ptr<wal_batch>   next_settled;       ///< whose threads are woken after this one's
    bool                         returned = false;   ///< its write has
    bool                         sound    = false;   ///< and without error

    byte_view view() const noexcept { return bytes.bytes(); }
};
using wal_batch_pointer = std::shared_ptr<wal_batch>;

/// wal_batches - one batch takes records, some are under way, and the log is acknowledged up to the first that has not returned.
///
/// Invariants  (1) durable <= end. (2) batched: a batch begins at a block, of which it writes again what an earlier batch
///             has put there, or at the next block when that earlier write is still under way: two writes never overlap, and
///             each writes the bytes again that are there. (3) what comes after a failed write is never acknowledged. (4) not batched:
///             each record is stored in its place at once, and a batch is nothing but those who wait for the medium.
/// Threads     none: the log's mutex guards it. Only `word` and, once that says so, `failed` are read without.
class wal_batches {
public:
    wal_batches(bool batched, std::size_t most) : batched_(batched), most_(most) {
        buffers_.reserve(most + 2);
        tail_.reserve(wal_block);
    }

    /// The log goes on at `end`, behind a frame with checksum `prev`; `tail` is what its block holds before.
    void begin_at(std::uint64_t end, std::uint32_t prev, byte_view tail) {
        end_ = durable_ = end;
        prev_           = prev;
        tail_.assign(tail.begin(), tail.end());
    }

    std::uint64_t end() const noexcept { return end_; }
    std::uint64_t durable() const noexcept { return durable_; }
    std::size_t   under_way() const noexcept { return under_way_.size(); }
    bool          idle() const noexcept { return !open_ && under_way_.empty(); }
    bool          can_take() const noexcept { return open_ && !failed_ && under_way_.size() < most_; }
    wal_batch*    open() noexcept { return open_.get(); }

    /// Whether the open batch has a record of each thread that was let go last. Precondition: there is one.
    bool complete() const noexcept { return open_->records >= expected_; }

    error const* failure() const noexcept { return failed_ ? failure_.get() : nullptr; }

    /// The batch that takes records. When memory runs out nothing has changed.
    wal_batch_pointer const& open_one() {
        if (open_) return open_;
        auto made = std::make_shared<wal_batch>();
        if (!buffers_.empty()) {
            made->bytes = std::move(buffers_.back());
            buffers_.pop_back();
        }
        made->begin = made->end = end_;
        if (batched_) {
            auto const in_block = end_ % wal_block;
            if (in_block != 0 && newest_ && !newest_->returned) {
                made->begin = wal_block_up(end_);
            } else {
                made->begin -= in_block;
                made->bytes.append(tail_);
            }
        }
        return open_ = std::move(made);
    }
    /// Where a record of `n` stored bytes that is put now ends at most, and a mark behind it.
    std::uint64_t bound(std::uint64_t n) const noexcept {
        auto const at =
            !batched_ ? end_
                      : wal_block_up(open_ ? open_->begin + open_->bytes.size() : end_);  // it may be taken before
        return at + wal_frame_bytes(n) + sizeof(wal_frame);
    }
    /// Memory for one more record of `n` stored bytes, and for its callback. When there is none nothing has changed.
    void reserve(std::uint64_t n, bool with_callback) {
        if (!batched_ && !with_callback) return;
        bool const began = !open_;
        try {
            auto& b = *open_one();
            if (batched_) b.bytes.reserve(b.bytes.size() + static_cast<std::size_t>(wal_frame_bytes(n)));
            if (with_callback && b.called.size() == b.called.capacity())
                b.called.reserve(std::max<std::size_t>(16, 2 * b.called.size()));
        } catch (...) {
            if (began) open_.reset();
            throw;
        }
    }
    /// Adds a record, or a mark when it is empty; returns its end. Not batched: `store(at, frame, record, size)` puts it in its place.
    template <class Store>
    std::uint64_t put(byte_view record, std::uint32_t flags, std::uint32_t payload_crc, std::uint32_t mark,
                      Store&& store) {
        auto const at   = batched_ ? open_one()->begin + open_->bytes.size() : end_;
        auto const size = static_cast<std::size_t>(wal_frame_bytes(record.size()));
        wal_frame  f{.length = static_cast<std::uint32_t>(record.size()) | flags,
                     .place  = wal_place(at, at - end_),
                     .prev   = prev_,
                     .behind = record.empty() ? mark : wal_behind(at, durable_)};
        f.crc = wal_frame_crc(f, payload_crc);
        if (batched_) {
            auto* const to = open_->bytes.grow(size);
            std::memcpy(to, &f, sizeof f);
            if (!record.empty()) std::memcpy(to + sizeof f, record.data(), record.size());
            std::memset(to + sizeof f + record.size(), 0, size - sizeof f - record.size());
        } else {
            store(at, object_bytes(f), record, size);
        }
        prev_ = f.crc;
        end_  = at + size;
        if (open_) {
            ++open_->records;
            open_->end = end_;
        }
        return end_;
    }

    /// The open batch, to be written. Precondition: can_take(). When memory runs out it stays open.
    wal_batch_pointer take() {
        under_way_.push_back(open_);
        if (batched_) {
            auto const size = open_->bytes.size();
            try {
                open_->bytes.append_zeros(static_cast<std::size_t>(wal_block_up(size) - size));
            } catch (...) {
                under_way_.pop_back();
                throw;
            }
            auto const in_block = static_cast<std::size_t>(end_ % wal_block);
            auto const last = open_->bytes.bytes().subspan(static_cast<std::size_t>(end_ - open_->begin) - in_block);
            tail_.assign(last.begin(), last.begin() + static_cast<std::ptrdiff_t>(in_block));
        }
        newest_ = open_;
        return std::move(open_);
    }
    /// The batch that acknowledges everything below `upto`; null when there is none.
    wal_batch_pointer holding(std::uint64_t upto) const {
        for (auto const& b : under_way_)
            if (b->end >= upto) return b;
        return open_;
    }
    /// The oldest that is under way; null when there is none.
    wal_batch_pointer oldest() const { return under_way_.empty() ? nullptr : under_way_.front(); }

    /// The oldest batch that is over and whose callbacks are due, taken out; null when there is none.
    wal_batch_pointer next_over() noexcept {
        auto out = std::move(over_);
        if (out) over_ = std::move(out->next);
        if (!over_) last_over_ = nullptr;
        return out;
    }
    bool none_over() const noexcept { return !over_; }

    /// A write has returned. What this settles is over, in the order of the log; wake() tells those who sleep on it. Needs no memory.
    void returned(wal_batch& b, result<void> const& done) noexcept {
        released_  = 0;
        b.returned = true;
        b.sound    = done.has_value();
        if (!done) note(done.error());
        while (!under_way_.empty() && under_way_.front()->returned) {
            auto const f = std::move(under_way_.front());
            under_way_.pop_front();
            broken_ = broken_ || !f->sound;
            if (!broken_) durable_ = std::max(durable_, f->end);
            settle(f);
        }
        expected_ = open_ ? released_ + open_->records : released_;
        if (failed_ && open_ && under_way_.empty()) settle(std::exchange(open_, nullptr));  // in its turn
    }
    /// Everything below was synced without a batch.
    void synced(std::uint64_t upto) noexcept {
        if (!broken_) durable_ = std::max(durable_, upto);
    }
    /// A sync without a batch has failed: nothing more becomes durable.
    void sync_failed(error const& e) noexcept {
        broken_ = true;
        fail_with(e);
    }
    /// Nothing more is written: for a failure outside the writes.
    void fail_with(error const& e) noexcept {
        note(e);
        if (open_ && under_way_.empty()) settle(std::exchange(open_, nullptr));
    }
    /// Wakes who sleeps on what was settled, without the lock: the woken take it next. To be called after returned(), sync_failed() and
    /// fail_with().
    void wake(std::unique_lock<std::mutex>& lock) noexcept {
        while (auto const b = std::move(settled_)) {
            settled_ = std::move(b->next_settled);
            lock.unlock();
            unpark(b->word);
            lock.lock();
        }
    }
    /// Tells somebody who waits in the open batch that it can be written. Who is told and needs it no more tells another.
    void nudge() noexcept {
        if (can_take()) tell(*open_, 1);
    }
    /// Tells everybody who waits in a batch that there is something to do for them.
    static void tell_all(wal_batch& b) noexcept { tell(b, std::numeric_limits<int>::max()); }

private:
    static void tell(wal_batch& b, int most) noexcept {
        b.word.fetch_add(1, std::memory_order_release);
        if (b.parked > 0) unpark(b.word, most);
    }
    void note(error const& e) noexcept {
        if (std::exchange(failed_, true)) return;
        failure_->kind = e.kind;
        try {
            failure_->message = e.message;
        } catch (std::bad_alloc const&) {}
    }
    void settle(wal_batch_pointer const& b) noexcept {
        if (b->end > durable_ || !b->sound) b->failed = failure_;
        if (buffers_.size() < most_ + 2 && b->bytes.capacity() <= most_buffer) {
            b->bytes.clear();
            buffers_.push_back(std::move(b->bytes));
        }
        released_ += b->records - b->called.size();
        if (!b->called.empty()) {
            (last_over_ ? last_over_->next : over_) = b;
            last_over_                              = b.get();
        }
        b->word.store(wal_batch::is_over, std::memory_order_release);
        if (b->parked == 0) return;
        b->next_settled = std::move(settled_);
        settled_        = b;
    }

    static constexpr std::size_t most_buffer = 8u << 20;

    bool const                    batched_;
    std::size_t const             most_;
    std::uint64_t                 end_ = 0, durable_ = 0;
    std::uint64_t                 expected_ = 0, released_ = 0;
    std::uint32_t                 prev_ = 0;
    byte_vector                   tail_;
    wal_batch_pointer             open_, newest_;
    std::deque<wal_batch_pointer> under_way_;  // in LSN order
    std::vector<block_buffer>     buffers_;
    wal_batch_pointer             over_;
    wal_batch*                    last_over_ = nullptr;
    wal_batch_pointer             settled_;  // whose threads are to be woken
    std::shared_ptr<error>        failure_ = std::make_shared<error>(errc::full, "out of memory");
    bool                          failed_ = false, broken_ = false;
};

}  // namespace tenon::detail
