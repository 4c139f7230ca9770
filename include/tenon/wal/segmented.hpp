// SPDX-License-Identifier: Apache-2.0
// segmented_wal: a log in files of fixed size that are written ahead and used again.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/file/archetype.hpp"
#include "tenon/wal/batches.hpp"
#include "tenon/wal/codec.hpp"
#include "tenon/wal/concept.hpp"
#include "tenon/wal/read_ahead.hpp"
#include "tenon/wal/recovery.hpp"
#include "tenon/wal/segments.hpp"
#include "tenon/wal/sync_policy.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tenon {

/// segmented_wal - `<directory>/<20-digit start LSN>.log`, each preallocated with zeros and recycled after release().
///
/// Maps        records -> LSNs, growing; LSN x of a segment that starts at s lies at offset 4096 + (x - s). Records may cross segments.
/// Units       LSNs in bytes, multiples of 8; a record of n bytes takes 24 + n, rounded up to 8, and the first of a batch up to 4088
///             more before it.
/// Guarantee   replay visits every record that was synced under the policy, in order, then possibly some that were appended and
///             not synced, each whole, without a gap; never anything else. What replay has visited survives power loss from
///             then on. Replaying again changes nothing but the epoch, and after a clean close nothing at all.
/// Cost        append: one checksum outside the lock, one copy inside it; the copy is the write where the policy promises less than
///             power_loss, else more than 4 MiB that wait are written by append itself. sync: what Sync says. open and replay: reads the
///             log from `from` on, once; to its last record after a clean close, else to the end of its last segment. After a clean close
///             they write nothing: the first append or reserve does one durable write more, which begins an epoch.
/// Errors      as the concept; append: errc::full when a segment cannot be made or memory runs out, before any part of the record has a
///             place: the log goes on, and takes records again when there is space; sync: errc::full poisons; replay: errc::corrupt with
///             file and offset, also for a `from` where no record ends or begins,
///             errc::wrong_assembly for another identity or a record that needs another Codec, errc::wrong_version, errc::not_ours for
///             a *.log of other origin. errc::corrupt says what repair() would lose.
/// Threads     as the concept says. A directory belongs to one open log at a time: the caller holds a lock (file.lock()).
/// On disk     "tenonlog" version 2, docs/formats/log_segment.md. The same bytes for every Sync.
/// Invariants  those of detail::wal_batches and detail::wal_segments; no record is written before the mark of its epoch is on the medium.
/// Source      Mohan et al., ARIES, 1992, for the LSN; DeWitt et al., 1984, for group commit. Differs: several batches are under way at
///             once, and each record carries how far the log was known durable, so that a torn tail can be told from damage.
/// Use when    commits must survive; no_wal or memory_wal when not.
template <class Sync = group_commit, class Codec = plain_records>
struct segmented_wal {
    static_assert(
        sync_policy<Sync>,
        "segmented_wal<Sync>: use group_commit, sync_each_commit, sync_interval, no_sync or as_asked, or write a "
        "policy as tenon/wal/sync_policy.hpp describes");
    static_assert(record_codec<Codec>,
                  "segmented_wal<Sync, Codec>: use plain_records, or write a codec as tenon/wal/codec.hpp describes");
    using policy_axis                            = axis::wal;
    using sync_policy_type                       = Sync;
    static constexpr std::string_view name       = "segmented_wal";
    static constexpr survives         promise    = Sync::promise;
    static constexpr bool             persistent = true;

    template <class FS>
    class log;
};

/// What repair() did.
struct wal_repair {
    lsn           end{};             ///< where the log ends now
    std::uint64_t lost_records = 0;  ///< intact ones after the damage, at least
    std::uint64_t lost_bytes   = 0;  ///< of the log, from the damage to the last thing that could be recognised
};

template <class Sync, class Codec>
template <class FS>
class segmented_wal<Sync, Codec>::log {
public:
    using file_system = FS;

    [[gnu::cold]] static result<log> open(FS fs, std::string const& path, wal_options const& options) {
        if (options.segment_bytes.value < 8192 || options.segment_bytes.value > detail::wal_max_lsn)
            return fail(errc::invalid_argument,
                        {"wal_options::segment_bytes is ", options.segment_bytes.value, "; the least is 8192"});
        auto directory = path;
        while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
        log  out(std::make_unique<state>(std::move(fs), std::move(directory), options));
        auto listed = out.state_->segments.find();
        if (!listed) return fail(std::move(listed).error().while_("opening the log '" + path + "'"));
        return out;
    }

    [[gnu::cold]] result<replay_report> replay(lsn from, replay_visitor const& visit) {
        return state_->replay(from.value, visit);
    }

    result<void> reserve(std::uint64_t bytes) { return state_->reserve(bytes); }
    result<lsn>  append(byte_view record) { return state_->append(record, nullptr); }
    result<lsn>  append(byte_view record, wal_callback called) { return state_->append(record, &called); }

    result<void> sync(lsn upto) { return sync(upto, Sync::usual); }
    result<void> sync(lsn upto, durability level) {
        return state_->reach(upto.value, at_least(level, Sync::promise), true);
    }
    result<void> sync_all() { return state_->sync_all(); }

    /// `upto` must not lie beyond the LSN that the next replay will ask for.
    [[gnu::cold]] result<void> release(lsn upto) { return state_->release(upto.value); }

    /// Makes the next segment when the end of the last one is near, so that no commit has to. For background work; release() does it
    /// too, and with options.threads a helper.
    [[gnu::cold]] result<void> prepare() { return state_->prepare(); }

    lsn end() const { return {state_->end_now()}; }
    /// Everything below it survives power loss.
    lsn durable_end() const { return {state_->durable_now()}; }

    wal_stats stats() const { return state_->stats(); }

    /// Cuts a damaged log at the damage, for good. To be called when replay(from) said errc::corrupt and there is no backup: whatever was
    /// acknowledged after it is lost. A log that is not damaged stays as it is.
    [[gnu::cold]] static result<wal_repair> repair(FS fs, std::string const& path, wal_options options, lsn from) {
        options.read_only = false;
        options.threads   = false;
        auto opened       = open(std::move(fs), path, options);
        if (!opened) return fail(std::move(opened).error());
        return opened->state_->repair(from.value);
    }

private:
    static constexpr bool direct = Sync::promise == survives::power_loss;
    using segments_type          = detail::wal_segments<FS, direct>;

    struct state {
        state(FS f, std::string d, wal_options const& o)
            : fs(f),
              directory(d),
              options(o),
              segments(std::move(f), std::move(d), o, Sync::usual != durability::durable) {}
        state(state const&)            = delete;
        state& operator=(state const&) = delete;
        /// Writes what waits (a lazy policy hands it to the kernel), and the mark of a clean close when everything is on the medium.
        ~state() {
            if (ready) {
                std::unique_lock lock(mutex);
                try {
                    drain(lock);
                    if (batches.failure() == nullptr && batches.durable() == batches.end() && next_epoch == 0) {
                        put({}, 0, seed, 0);
                        drain(lock);
                    }
                } catch (std::bad_alloc const&) {}  // what was acknowledged is written
                stopping = true;
            }
            for (auto* h : {&writers[0], &writers[1], &maker}) {
                h->wake.notify_all();
                if (h->thread.joinable()) h->thread.join();
            }
        }

        // --- opening ---

        [[gnu::cold]] result<detail::wal_recovered> recover(std::uint64_t from, replay_visitor const& visit) {
            if (auto done = segments.line_up(from); !done) return fail(std::move(done).error());
            auto const found = segments.list();
            if (found.empty() && from > 0)
                return fail(errc::corrupt,
                            {"the log in '", directory, "' is empty, but the last root needs it from LSN ", from});
            if (found.empty()) return detail::wal_recovered{};
            byte_vector                               plain;
            std::optional<detail::wal_read_ahead<FS>> ahead;
            if (options.threads && found.back().limit() > from + detail::wal_read_ahead<FS>::worth)
                ahead.emplace(fs, found, from);
            return detail::wal_recover(
                fs, directory, found, options.identity, from, [&](detail::wal_found const& f) -> result<void> {
                    if (ahead) ahead->at(f.end());
                    if ((f.frame.length & detail::wal_encoded) == 0) return visit(lsn{f.end()}, f.record);
                    if (auto done = Codec::decode(f.record, plain); !done)
                        return fail(
                            std::move(done).error().while_("reading " + detail::wal_where(found, f.frame.lsn())));
                    return visit(lsn{f.end()}, plain);
                });
        }

        [[gnu::cold]] result<replay_report> replay(std::uint64_t from, replay_visitor const& visit) {
            expects(!replayed, "call replay once, as the first call after open");
            replayed   = true;
            auto found = recover(from, visit);
            if (!found) return fail(std::move(found).error());
            if (found->damaged) return detail::wal_damage(segments.list(), *found);
            batches.begin_at(found->chain.at, 0, {});
            if (!options.read_only)
                if (auto taken = take_up(*found, from); !taken)
                    return fail(std::move(taken).error().while_("opening the log '" + directory + "' for writing"));
            found->report.end = {batches.end()};
            return found->report;
        }

        /// Takes the log up where it ends. After a clean close nothing is written before the first record is.
        [[gnu::cold]] result<void> take_up(detail::wal_recovered const& found, std::uint64_t from) {
            if (found.chain.epoch == std::numeric_limits<std::uint32_t>::max())
                return fail(errc::corrupt, "the log's epoch is at its greatest value: no writer gets there");
            auto const at = found.chain.at, block = detail::wal_block_down(at);
            // a killed process may have left names and bytes that are not on the medium; after this the mark can vouch for them
            if (auto done = segments.settle(from, found.closed); !done) return done;
            byte_vector before;
            if (auto const list = segments.list(); at > block && !list.empty()) {
                detail::wal_stream<FS> in(fs, list, detail::wal_block);
                auto const             bytes = in.get(block, at - block);
                if (!bytes) return fail(bytes.error());
                before.assign(bytes->begin(), bytes->end());
            }
            if (auto done = segments.open_from(block); !done) return done;
            batches.begin_at(at, found.chain.prev.value_or(0), before);
            next_epoch = found.chain.epoch + 1;
            ready      = found.closed;
            if (ready) return {};
            if (auto done = cut(direct ? detail::wal_block_up(at) : at, found.tail.end); !done) return done;
            auto done = begin_epoch();
            ready     = done.has_value();
            return done;
        }
        /// Writes the mark of a new epoch at the end, onto the medium. errc::full when there was no place for it: no record has
        /// one, and the next try may write a second mark of the same epoch, which replay passes over.
        [[gnu::cold]] result<void> begin_epoch() {
            if (auto made = segments.reach(batches.bound(0)); !made) return made;
            segments.reserve(0);
            batches.reserve(0, false);
            batches.open_one();
            auto const at = batches.durable();
            put({}, 0, seed, next_epoch);
            if (batches.failure()) return fail(*batches.failure());
            auto const b    = batches.take();
            last_sync       = fs.now_ns();
            auto const done = write(*b, at);
            batches.returned(*b, done);
            if (done) next_epoch = 0;
            return done;
        }
        /// Zeros from `at`, direct: whole blocks, to the end of the block that holds `end - 1`, onto the medium.
        result<void> cut(std::uint64_t at, std::uint64_t end) {
            end = detail::wal_block_up(end);
            if (at >= end) return {};
            block_buffer zeros;
            zeros.append_zeros(static_cast<std::size_t>(std::min<std::uint64_t>(end - at, 1u << 20)));
            for (auto to = at; to < end; to += zeros.size()) {
                auto const piece = std::as_const(zeros).bytes().first(
                    static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), end - to)));
                result<void> done;
                if constexpr (direct) done = segments.write(to, piece, true);
                else done = segments.store(to, piece);
                if (!done) return done;
            }
            return direct ? result<void>{} : segments.sync(at, end);
        }

        [[gnu::cold]] result<wal_repair> repair(std::uint64_t from) {
            replayed   = true;
            auto found = recover(from, [](lsn, byte_view) { return result<void>{}; });
            if (!found) return fail(std::move(found).error());
            wal_repair out{.end = {found->chain.at}};
            if (!found->damaged) return out;
            out.lost_records = found->tail.records;
            out.lost_bytes   = found->tail.end - found->chain.at;
            if (auto done = take_up(*found, from); !done) return fail(std::move(done).error());
            out.end = {batches.end()};
            return out;
        }

        // --- appending and syncing ---

        result<lsn> append(byte_view record, wal_callback* called) {
            if (auto taken = detail::wal_takes(record.size(), options.read_only, directory); !taken)
                return fail(std::move(taken).error());
            byte_vector encoded;
            auto const  bytes = static_cast<std::uint64_t>(record.size());
            auto        flags = 0u;
            try {
                if (Codec::encode(record, encoded) && encoded.size() <= bytes) flags = detail::wal_encoded;
            } catch (std::bad_alloc const&) {}  // as it is
            if (flags != 0) record = encoded;
            auto const payload_crc = crc32c(record, seed);
            auto       lock        = detail::lock_soon(mutex);
            if (auto made = make_room(lock, record.size(), called != nullptr); !made)
                return fail(std::move(made).error());
            lsn const mine{put(record, flags, payload_crc, 0)};
            if (!direct && batches.failure()) {  // it could not be stored
                call_back(lock);
                return broken();
            }
            ++counts.appended_records;
            counts.appended_bytes += bytes;
            if (called != nullptr) batches.open()->called.push_back(std::move(*called));
            try {  // the record has its place: what fails from here on is tried again by the next call
                if (called != nullptr) submit(lock);
                while (batches.open() != nullptr && batches.open()->bytes.size() > most_pending) relieve(lock);
                look_ahead(lock);
            } catch (std::bad_alloc const&) {}
            if (called == nullptr && batches.failure()) return poisoned();
            return mine;
        }
        std::uint64_t put(byte_view record, std::uint32_t flags, std::uint32_t payload_crc, std::uint32_t mark) {
            return batches.put(record, flags, payload_crc, mark,
                               [this](std::uint64_t at, auto frame, auto stored, auto size) {
                                   if constexpr (!direct) {
                                       if (at + size > segment_limit) {
                                           whole_to      = at;
                                           segment_limit = segments.limit_of(at + size - 1);
                                       }
                                       if (auto done = segments.store(at, frame, stored, size); !done)
                                           batches.fail_with(done.error());
                                   }
                               });
        }
        result<void> reserve(std::uint64_t bytes) {
            if (auto taken = detail::wal_takes(bytes, options.read_only, directory); !taken) return taken;
            std::unique_lock lock(mutex);
            return make_room(lock, bytes, true);
        }
        /// A place in the files and in memory for one more record, or nothing has changed.
        result<void> make_room(std::unique_lock<std::mutex>& lock, std::uint64_t bytes, bool with_callback) {
            expects(ready, "call replay before the first append");
            if (next_epoch != 0 && !batches.failure()) {
                auto begun = in_memory_left([&] { return begin_epoch(); });
                if (!begun && begun.error().kind != errc::full) batches.fail_with(begun.error());
                if (!begun) return batches.failure() ? broken() : begun;
            }
            for (;;) {
                if (batches.failure()) return poisoned();
                auto const limit = batches.bound(bytes);
                if (segments.has(limit)) break;
                lock.unlock();
                auto made = in_memory_left([&] { return segments.reach(limit); });
                lock.lock();
                if (made) continue;
                if (made.error().kind == errc::full) return made;
                batches.fail_with(made.error());
                call_back(lock);
                return made;
            }
            return in_memory_left([&]() -> result<void> {
                segments.reserve(bytes);
                batches.reserve(bytes, with_callback);
                return {};
            });
        }

        /// Until everything below `upto` has reached a level. `usual`: Sync may take it further.
        result<void> reach(std::uint64_t upto, durability level, bool usual) {
            if (options.read_only) return {};
            auto lock = detail::lock_soon(mutex);
            expects(upto <= batches.end(), "sync takes an LSN that append returned");
            bool const to_medium = direct || level == durability::durable ||
                                   (usual && Sync::due([this] { return fs.now_ns(); }, last_sync, options));
            if (!to_medium) return batches.failure() ? poisoned() : result<void>{};  // append has put it there
            for (bool waited = false;; waited = true) {
                if (upto <= batches.durable()) {
                    if (waited) batches.nudge();
                    return {};
                }
                if (batches.failure()) return waited ? fail(*batches.failure()) : poisoned();
                auto b = batches.holding(upto);
                if (!b) b = batches.open_one();  // all is written, nothing synced
                bool const writable = b.get() == batches.open() && batches.can_take();
                if (writable && (!options.threads || batches.complete())) {
                    lead(lock);
                } else if (writable && !b->gathering) {
                    gather(lock, *b);
                    if (b.get() == batches.open() && batches.can_take()) lead(lock);
                } else if (!finish_queued(lock) && !give_way(lock)) {
                    auto const seen = b->word.load(std::memory_order_acquire);
                    ++b->parked;
                    lock.unlock();
                    detail::park(b->word, seen);
                    if (direct && b->word.load(std::memory_order_acquire) == detail::wal_batch::is_over)
                        return b->failed ? fail(*b->failed) : result<void>{};
                    lock.lock();
                }
            }
        }

        /// Lets the threads that were just acknowledged come with their next records, for a fraction of what a write takes: they would
        /// else wait for the write after this one. Who comes last writes.
        void gather(std::unique_lock<std::mutex>& lock, detail::wal_batch& b) {
            using clock      = std::chrono::steady_clock;
            auto const until = clock::now() + std::chrono::nanoseconds(write_ns / 2);
            b.gathering      = true;
            ++b.parked;
            for (auto now = clock::now(); now < until && &b == batches.open() && !batches.complete();
                 now      = clock::now()) {
                auto const seen = b.word.load(std::memory_order_acquire);
                lock.unlock();
                detail::park_for(b.word, seen, until - now);
                lock.lock();
            }
            b.gathering = false;
        }
        /// Brings the open batch to the medium in this thread.
        void lead(std::unique_lock<std::mutex>& lock) {
            detail::wal_batch_pointer b;
            try {
                b = take();
            } catch (...) {
                batches.nudge();  // those who park on it
                throw;
            }
            auto const from = batches.durable();
            lock.unlock();
            auto const began = fs.now_ns();
            auto const done  = write(*b, from);
            auto const ended = fs.now_ns();
            lock.lock();
            last_sync = began;
            write_ns  = (write_ns * 7 + (ended - began)) / 8;
            returned(lock, *b, done);
        }
        /// `from`: what lies below is on the medium.
        result<void> write(detail::wal_batch const& b, std::uint64_t from) {
            return in_memory_left([&] {
                if constexpr (direct) return segments.write(b.begin, b.view(), true);
                else return segments.sync(from, b.end);
            });
        }
        detail::wal_batch_pointer take() {
            auto b = batches.take();  // may run out of memory: nothing has changed then
            ++counts.syncs;
            counts.most_under_way = std::max<std::uint64_t>(counts.most_under_way, batches.under_way());
            return b;
        }
        /// Has the next segment made, and full ones synced, before somebody has to wait for that.
        void look_ahead(std::unique_lock<std::mutex>& lock) {
            if (batches.end() < look_at) return;
            look_at         = batches.end() + options.segment_bytes.value / 16;
            bool const full = !direct && whole_to > batches.durable();
            if (!full && !segments.wants_more(batches.end())) return;
            if (options.threads && started(maker, [this] { make_segments(); })) {
                maker.wanted = true;
                maker.wake.notify_one();
            } else if (full) {  // who needs the next segment makes it
                sync_full(lock);
            }
        }
        /// Not direct: brings full segments to the medium. What is durable then ends with the last record that lies in them as a whole.
        void sync_full(std::unique_lock<std::mutex>& lock) {
            auto const from = batches.durable(), upto = whole_to;
            if (upto <= from || batches.failure()) return;
            auto const filled = segments.start_of(segment_limit - 1);
            lock.unlock();
            segments.finish(filled);
            auto const done = in_memory_left([&] { return segments.sync(from, filled); });
            lock.lock();
            ++counts.syncs;
            if (done) batches.synced(upto);
            else batches.sync_failed(done.error());
            call_back(lock);
        }
        void returned(std::unique_lock<std::mutex>& lock, detail::wal_batch& b, result<void> const& done) {
            batches.returned(b, done);
            batches.wake(lock);
            try {
                submit(lock);
            } catch (std::bad_alloc const&) {}  // it stays open: the next call tries again
            batches.nudge();
            call_back(lock);
        }
        /// Makes some progress towards an empty open batch.
        void relieve(std::unique_lock<std::mutex>& lock) {
            if (batches.can_take()) {
                lead(lock);
            } else if (!finish_queued(lock) && !give_way(lock)) {
                auto const b = batches.oldest();
                ++b->parked;
                lock.unlock();
                for (auto seen = b->word.load(); seen != detail::wal_batch::is_over; seen = b->word.load())
                    detail::park(b->word, seen);
                lock.lock();
            }
        }
        void drain(std::unique_lock<std::mutex>& lock) {
            while (!batches.idle()) relieve(lock);
            finish_calls(lock);
        }
        void finish_calls(std::unique_lock<std::mutex>& lock) {
            while (calling || !batches.none_over()) {
                call_back(lock);
                if (!calling) continue;
                lock.unlock();
                std::this_thread::yield();
                lock.lock();
            }
        }
        result<void> sync_all() {
            auto             done = reach(end_now(), durability::durable, false);
            std::unique_lock lock(mutex);
            if (!done && ready) drain(lock);  // nothing more is written: those under way end
            finish_calls(lock);
            return done;
        }

        tl::unexpected<error> poisoned() const {
            return fail(errc::poisoned, {"the log '", directory, "' takes nothing more after a failed write or sync (",
                                         batches.failure()->message, "): reopen it"});
        }

        /// What has just poisoned the log, for the append that met it: errc::full would say that nothing has happened.
        tl::unexpected<error> broken() const {
            return batches.failure()->kind == errc::full ? poisoned() : fail(*batches.failure());
        }

        // --- records with a callback: written without anybody waiting ---

        struct queued {
            detail::wal_batch_pointer                 batch;
            std::vector<typename segments_type::part> parts;
            std::size_t                               left = 0;
            result<void>                              done{};
        };

        /// Whether the open batch should be written for its callbacks: nobody is at the medium, or it is worth a write of its own.
        bool wants_writer() const {
            auto& b = const_cast<detail::wal_batches&>(batches);
            return b.can_take() && !b.open()->called.empty() &&
                   (!options.threads || b.under_way() == 0 || b.open()->bytes.size() >= worth_a_write);
        }
        /// Has the open batch written, by a helper, or through a queue.
        void submit(std::unique_lock<std::mutex>& lock) {
            if (!wants_writer()) return;
            if (options.threads) {
                auto& next = writers[batches.under_way() == 0 ? 0 : 1];
                if (!started(next, [this, &next] { write_for_callbacks(next); }) && !writers[0].thread.joinable() &&
                    !writers[1].thread.joinable())
                    return lead(lock);  // no helper is to be had
                for (auto& w : writers)
                    if (w.wanted) {
                        w.wanted = false;
                        w.wake.notify_one();
                        break;
                    }
            } else if constexpr (!direct) {
                lead(lock);
            } else {
                queued q{};
                if (!in_memory_left([&]() -> result<void> {
                        if (!queue) queue = fs.make_queue(Sync::under_way);
                        in_queue.reserve(in_queue.size() + 1);
                        q.parts.reserve(segments.most_parts(batches.open()->bytes.size() + detail::wal_block));
                        q.batch = take();
                        return {};
                    }))
                    return;  // it stays open: the next call tries again
                q.done = segments.each_part(q.batch->begin, q.batch->view(), [&](auto const& part) {
                    auto& p     = q.parts.emplace_back(part);
                    auto  begun = in_memory_left(
                        [&] { return queue->submit(p.in->file, p.offset, p.bytes, flush::yes, q.batch->begin); });
                    if (begun) ++q.left;
                    else  // the queue takes nothing
                        begun = in_memory_left([&] { return p.in->file.write(p.offset, p.bytes, flush::yes); });
                    return begun;
                });
                if (q.left == 0) return returned(lock, *q.batch, q.done);
                in_queue.push_back(std::move(q));
                detail::wal_batches::tell_all(*in_queue.back().batch);  // it is for them to take it out of the queue
            }
        }
        /// Waits for a write of the queue. False when there is none, or somebody else waits.
        bool finish_queued(std::unique_lock<std::mutex>& lock) {
            if (in_queue.empty() || waiting) return false;
            waiting = true;
            lock.unlock();
            auto c = queue->wait();
            lock.lock();
            waiting = false;
            auto const q =
                std::find_if(in_queue.begin(), in_queue.end(), [&](auto const& e) { return e.batch->begin == c.tag; });
            if (!c.done && q->done) q->done = std::move(c.done);
            if (--q->left > 0) return true;
            auto const finished = std::move(*q);
            in_queue.erase(q);
            returned(lock, *finished.batch, finished.done);
            return true;
        }
        /// Without helpers, while another thread waits for the queue: who takes what it finds next is open, so nobody parks.
        bool give_way(std::unique_lock<std::mutex>& lock) {
            if (!waiting) return false;
            lock.unlock();
            std::this_thread::yield();
            lock.lock();
            return true;
        }
        /// Hands out what is over, callbacks by one thread at a time, without the lock.
        void call_back(std::unique_lock<std::mutex>& lock) {
            batches.wake(lock);
            if (calling) return;
            calling = true;
            while (auto const b = batches.next_over()) {
                lock.unlock();
                auto const done =
                    in_memory_left([&] { return b->failed ? result<void>(fail(*b->failed)) : result<void>{}; });
                for (auto const& call : b->called) call(done);
                b->called.clear();
                lock.lock();
            }
            calling = false;
        }

        // --- helpers ---

        struct helper {
            std::thread             thread;
            std::condition_variable wake;
            bool                    wanted = false;
        };
        /// Whether the helper runs: it may find neither memory nor a thread, and everything goes on without it.
        template <class Work>
        bool started(helper& h, Work work) noexcept {
            if (!h.thread.joinable()) try {
                    h.thread = std::thread(work);
                } catch (std::exception const&) { return false; }
            return true;
        }
        void write_for_callbacks(helper& me) {
            std::unique_lock lock(mutex);
            while (!stopping) {
                if (wants_writer()) {
                    try {
                        lead(lock);
                    } catch (std::bad_alloc const&) {  // the batch stays open until there is memory
                        me.wake.wait_for(lock, std::chrono::milliseconds(1));
                    }
                    continue;
                }
                me.wanted = true;  // here: is free
                me.wake.wait(lock);
                me.wanted = false;
            }
        }
        void make_segments() {
            std::unique_lock lock(mutex);
            for (;;) {
                maker.wake.wait(lock, [this] { return stopping || maker.wanted; });
                if (stopping) return;
                maker.wanted   = false;
                auto const end = batches.end();
                if constexpr (!direct) sync_full(lock);
                lock.unlock();
                static_cast<void>(
                    in_memory_left([&] { return segments.prepare(end, true); }));  // who needs it meets the error
                lock.lock();
            }
        }

        [[gnu::cold]] result<void> release(std::uint64_t upto) {
            if (options.read_only)
                return fail(errc::read_only, {"release in the log '", directory, "', which was opened read-only"});
            expects(ready, "call replay before release");
            auto const end = durable_now();
            if (auto done = segments.release(upto, end); !done) return done;
            return segments.prepare(end);
        }
        [[gnu::cold]] result<void> prepare() {
            if (options.read_only) return {};
            expects(ready, "call replay before prepare");
            return segments.prepare(end_now());
        }

        // --- counts ---

        std::uint64_t end_now() const {
            std::lock_guard const hold(mutex);
            return batches.end();
        }
        std::uint64_t durable_now() const {
            std::lock_guard const hold(mutex);
            return batches.durable();
        }
        wal_stats stats() const {
            wal_stats out;
            {
                std::lock_guard const hold(mutex);
                out       = counts;
                out.queue = options.threads ? "helpers" : queue ? "queue" : "none";
                if constexpr (requires { queue->kind(); })
                    if (queue && !options.threads) out.queue = queue->kind();
                out.live_bytes = batches.end();
            }
            out.segments = segments.count();
            out.live_bytes -= std::min(out.live_bytes, segments.first());
            if (auto const m = segments.mode()) out.writes = to_string(*m);
            return out;
        }

        static constexpr std::size_t most_pending  = 4u << 20;
        static constexpr std::size_t worth_a_write = 64u << 10;

        FS                  fs;
        std::string const   directory;
        wal_options const   options;
        std::uint32_t const seed     = detail::wal_seed(options.identity);
        bool                replayed = false, ready = false;
        segments_type       segments;

        mutable std::mutex  mutex;  // guards what follows
        detail::wal_batches batches{direct, Sync::under_way};
        wal_stats           counts;
        std::uint32_t       next_epoch = 0;  // whose mark is still to be written
        std::uint64_t       last_sync = 0, write_ns = 0, look_at = 0;
        std::uint64_t       whole_to = 0,
                      segment_limit =
                          0;  // not direct: where the record begins that came into the last segment, whose limit
        bool                                      calling = false, waiting = false, stopping = false;
        std::vector<queued>                       in_queue;
        std::unique_ptr<typename FS::write_queue> queue;
        std::array<helper, 2>                     writers;  // for callbacks
        helper                                    maker;    // of segments
    };

    explicit log(std::unique_ptr<state> s) : state_(std::move(s)) {}
    std::unique_ptr<state> state_;
};

static_assert(wal_policy<segmented_wal<>, archetype::file_policy>);
static_assert(wal_policy<segmented_wal<no_sync>, archetype::file_policy>);

}  // namespace tenon
