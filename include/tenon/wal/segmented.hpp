// SPDX-License-Identifier: Apache-2.0
// segmented_wal: a log in files of fixed size that are written ahead and used again.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/file/archetype.hpp"
#include "tenon/wal/concept.hpp"
#include "tenon/wal/record.hpp"
#include "tenon/wal/recovery.hpp"
#include "tenon/wal/sync_policy.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tenon {

/// segmented_wal - `<directory>/<20-digit start LSN>.log`, each preallocated with zeros and recycled after release().
///
/// Maps        records -> LSNs, dense and in order; a record at LSN x of a segment that starts at s lies at offset 4096 + (x - s).
/// Units       LSNs in bytes, multiples of 8; a record of n bytes takes 24 + n, rounded up to 8.
/// Guarantee   replay visits every record that was synced under the policy, in order, then possibly some that were appended and
///             not synced, each whole, without a gap; never anything else. What replay has visited survives power loss from
///             then on. Replaying again changes nothing but the epoch.
/// Cost        append: one checksum outside the lock, one copy inside it; more than 4 MiB that wait are written by append itself.
///             sync: what Sync says. open and replay: reads the log from `from` to the end of its last segment, once.
/// Errors      as the concept; errc::full when a segment cannot be made or written; replay: errc::corrupt with file and offset,
///             errc::wrong_assembly for another identity, errc::wrong_version, errc::not_ours for a *.log of other origin.
/// Threads     as the concept says. A directory belongs to one open log at a time: the caller holds a lock (file.lock()).
/// On disk     "tenonlog" version 1, docs/formats/log_segment.md. The same bytes for every Sync.
/// Invariants  (1) durable <= written <= end. (2) A segment is synced before the next one gets its name.
///             (3) A file named *.log has a header that is on the medium. (4) No record is written before the marker
///             of its epoch is on the medium. (5) The last segment is never released.
/// Source      Mohan et al., ARIES, 1992, for the LSN; DeWitt et al., 1984, for group commit. Differs: each record carries how
///             far the log was known durable, so that a torn tail can be told from damage.
/// Use when    commits must survive; no_wal or memory_wal when not.
template <class Sync = group_commit>
struct segmented_wal {
    static_assert(sync_policy<Sync>,
                  "segmented_wal<Sync>: use sync_each_commit, group_commit, sync_interval or no_sync, or write a "
                  "policy as tenon/wal/sync_policy.hpp describes");
    using policy_axis                         = axis::wal;
    using sync_policy_type                    = Sync;
    static constexpr std::string_view name    = "segmented_wal";
    static constexpr survives         promise = Sync::promise;

    template <class FS>
    class log;
};

template <class Sync>
template <class FS>
class segmented_wal<Sync>::log {
public:
    using file_system = FS;

    [[gnu::cold]] static result<log> open(FS fs, std::string const& path, wal_options const& options) {
        if (options.segment_bytes.value < 8192 || options.segment_bytes.value > detail::wal_max_lsn)
            return fail(errc::invalid_argument,
                        {"wal_options::segment_bytes is ", options.segment_bytes.value, "; the least is 8192"});
        auto directory = path;
        while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
        log  out(std::make_unique<state>(std::move(fs), std::move(directory), options));
        auto listed = out.state_->find_segments();
        if (!listed) return fail(std::move(listed).error().while_("opening the log '" + path + "'"));
        return out;
    }

    [[gnu::cold]] result<replay_report> replay(lsn from, replay_visitor const& visit) {
        return state_->replay(from.value, visit);
    }

    result<lsn> append(byte_view record) { return state_->append(record); }

    result<void> sync(lsn upto) { return state_->reach(upto.value, false); }

    result<void> sync_all() { return state_->reach(state_->end_now(), true); }

    /// `upto` must not lie beyond the LSN that the next replay will ask for.
    [[gnu::cold]] result<void> release(lsn upto) { return state_->release(upto.value); }

    /// Makes the next segment ahead of need when there is none, so that no commit has to. For background work; release() does it too.
    [[gnu::cold]] result<void> prepare() { return state_->prepare(); }

    lsn end() const { return {state_->end_now()}; }

    wal_stats stats() const { return state_->stats(); }

private:
    struct state {
        state(FS f, std::string d, wal_options const& o) : fs(std::move(f)), directory(std::move(d)), options(o) {}
        state(state const&)            = delete;
        state& operator=(state const&) = delete;
        /// Hands what waits to the kernel; whoever wants more calls sync_all() before.
        ~state() {
            try {
                if (ready && !failure && !pending.empty()) static_cast<void>(write_frames(pending, written));
            } catch (std::bad_alloc const&) {}
        }

        // --- opening ---

        [[gnu::cold]] result<void> find_segments() {
            if (!options.read_only)
                if (auto made = fs.make_directory(directory); !made) return made;
            auto names = fs.list(directory);
            if (!names) return fail(std::move(names).error());
            for (auto const& file_name : *names) {
                auto const path = directory + "/" + file_name;
                if (file_name.ends_with(".log")) {
                    auto segment = read_segment(path, detail::wal_file_number(file_name, ".log"));
                    if (!segment) return fail(std::move(segment).error());
                    segments.push_back(std::move(*segment));
                } else if (auto const number = detail::wal_file_number(file_name, ".spare")) {
                    spares.push_back(path);
                    next_spare = std::max(next_spare, *number + 1);
                }
            }
            std::sort(segments.begin(), segments.end(), [](auto const& a, auto const& b) { return a.start < b.start; });
            return {};
        }

        [[gnu::cold]] result<detail::wal_segment> read_segment(std::string const&           path,
                                                               std::optional<std::uint64_t> named_start) {
            auto file = fs.open(path, open_mode::read_only);
            if (!file) return fail(std::move(file).error());
            auto const bytes = file->size();
            if (!bytes) return fail(bytes.error());
            byte_vector head(sizeof(detail::wal_segment_header));
            auto const  got = file->read_at(0, head);
            if (!got) return fail(got.error());
            auto const header =
                detail::wal_read_header(byte_view(head).first(*got), path, *bytes, named_start, options.identity);
            if (!header) return fail(header.error());
            return detail::wal_segment{path, header->start, header->capacity, header->epoch};
        }

        [[gnu::cold]] result<replay_report> replay(std::uint64_t from, replay_visitor const& visit) {
            expects(!replayed, "call replay once, as the first call after open");
            replayed = true;
            detail::wal_recovered found;
            if (segments.empty() && from > 0)
                return fail(errc::corrupt,
                            {"the log in '", directory, "' is empty, but the last root needs it from LSN ", from});
            if (!segments.empty()) {
                auto recovered = detail::wal_recover(fs, directory, segments, options.identity, from, visit);
                if (!recovered) return fail(std::move(recovered).error());
                found = *recovered;
            }
            end = written = durable = found.report.end.value;
            if (!options.read_only)
                if (auto begun = begin_epoch(found); !begun)
                    return fail(std::move(begun).error().while_("opening the log '" + directory + "' for writing"));
            found.report.end = {end};
            ready            = true;
            return found.report;
        }

        /// Cuts the tail, by making everything that stands there belong to an older epoch.
        [[gnu::cold]] result<void> begin_epoch(detail::wal_recovered const& found) {
            epoch = found.epoch;
            if (epoch == std::numeric_limits<std::uint32_t>::max())
                return fail(errc::corrupt, "the log's epoch is at its greatest value: no writer gets there");
            // a process that was killed may have left names that are not on the medium
            if (segments.empty())
                if (auto done = fs.sync_directory(parent_directory(directory)); !done) return done;
            if (auto done = fs.sync_directory(directory); !done) return done;
            if (!segments.empty()) {
                auto file = fs.open(segments.back().path, open_mode::read_write);
                if (!file) return fail(std::move(file).error());
                active.emplace(std::move(*file));
                active_segment = segments.back();
                synced_start   = active_segment.start;
            }
            if (active)  // what was just read may be in the kernel only; after this the marker can vouch for it
                if (auto done = sync_active(); !done) return done;
            byte_vector marker;
            detail::wal_put_frame(marker, {.lsn = end, .epoch = epoch + 1, .behind = detail::wal_behind(end, end)}, {},
                                  seed);
            if (auto done = write_frames(marker, end); !done) return done;
            if (auto done = sync_active(); !done) return done;
            ++epoch;
            end += marker.size();
            written = durable = end;
            last_sync         = fs.now_ns();
            return {};
        }

        // --- appending and syncing ---

        result<lsn> append(byte_view record) {
            if (options.read_only)
                return fail(errc::read_only,
                            {"append to the log '", directory, "', which was opened read-only: open it for writing"});
            if (record.empty() || record.size() > detail::wal_max_record_bytes)
                return fail(errc::too_large,
                            {"a log record takes 1 byte to 1 GiB, this one has ", record.size(), " bytes"});
            auto const       payload_crc = crc32c(record, seed);
            std::unique_lock lock(mutex);
            expects(ready, "call replay before the first append");
            if (failure) return poisoned();
            detail::wal_put_frame(pending, {.lsn = end, .epoch = epoch, .behind = detail::wal_behind(end, durable)},
                                  record, payload_crc);
            end += detail::wal_frame_bytes(record.size());
            ++counts.appended_records;
            counts.appended_bytes += record.size();
            lsn const mine{end};
            while (pending.size() > most_pending) {  // nobody syncs: let the kernel have it
                if (auto done = lead_or_wait(lock, end, false); !done) return fail(std::move(done).error());
                if (failure) return poisoned();
            }
            return mine;
        }

        /// Until everything below `upto` is as durable as Sync wants it, or on the medium when `all`.
        result<void> reach(std::uint64_t upto, bool all) {
            if (options.read_only) return {};
            std::unique_lock lock(mutex);
            expects(upto <= end, "sync takes an LSN that append returned");
            for (bool waited = false;; waited = true) {
                if (failure) return waited ? fail(*failure) : poisoned();
                if (upto <= durable) return {};
                bool const to_medium = all || Sync::due([this] { return fs.now_ns(); }, last_sync, options);
                if (!to_medium && upto <= written) return {};
                if (auto done = lead_or_wait(lock, all || Sync::whole_batch ? end : upto, to_medium); !done)
                    return done;
            }
        }

        /// Waits for the leader, or is the leader: writes everything below `target` and syncs when asked to.
        result<void> lead_or_wait(std::unique_lock<std::mutex>& lock, std::uint64_t target, bool to_medium) {
            if (leading) {
                changed.wait(lock, [this] { return !leading; });
                return {};
            }
            take(target);  // may run out of memory: nothing has changed then
            leading         = true;
            target          = written + batch.size();
            auto const from = written;
            lock.unlock();
            auto const   began = to_medium ? fs.now_ns() : 0;
            result<void> done;
            try {
                if (!batch.empty()) done = write_frames(batch, from);
                if (done && to_medium) done = sync_active();
            } catch (std::bad_alloc const&) { done = fail(error{errc::full, "out of memory"}); }
            lock.lock();
            leading = false;
            if (done) {
                written = target;
                durable = std::max(durable, to_medium ? target : synced_start);
                if (to_medium) last_sync = began;
            } else {
                failure = done.error();
            }
            changed.notify_all();
            return done;
        }

        /// Moves the pending frames that begin below `target` into `batch`; the buffers trade places when it is all of them.
        void take(std::uint64_t target) {
            batch.clear();
            if (target >= end) {
                batch.swap(pending);
                if (pending.capacity() > 2 * most_pending) pending = byte_vector{};
                return;
            }
            std::size_t n = 0;
            while (written + n < target)
                n += static_cast<std::size_t>(
                    detail::wal_frame_bytes(load<detail::wal_frame>(pending.data() + n).length));
            auto const cut = pending.begin() + static_cast<std::ptrdiff_t>(n);
            batch.assign(pending.begin(), cut);
            pending.erase(pending.begin(), cut);
        }

        tl::unexpected<error> poisoned() const {
            return fail(errc::poisoned, {"the log '", directory, "' takes nothing more after a failed write or sync (",
                                         failure->message, "): reopen it"});
        }

        // --- the leader's side: files ---

        /// Writes whole frames that begin at LSN `begin`, going to new segments as needed.
        result<void> write_frames(byte_view frames, std::uint64_t begin) {
            std::size_t done = 0;
            for (std::size_t at = 0; at < frames.size();) {
                auto const frame = load<detail::wal_frame>(frames.data() + at);
                auto const bytes = detail::wal_frame_bytes(frame.length);
                if (!active || begin + at + bytes > active_segment.limit()) {
                    if (at > done)
                        if (auto w =
                                active->write_at(active_segment.offset(begin + done), frames.subspan(done, at - done));
                            !w)
                            return w;
                    if (auto next = begin_segment(begin + at, bytes); !next) return next;
                    done = at;
                }
                at += static_cast<std::size_t>(bytes);
            }
            return active->write_at(active_segment.offset(begin + done), frames.subspan(done));
        }

        result<void> sync_active() {
            auto done = active->sync();
            if (done) syncs.fetch_add(1, std::memory_order_relaxed);
            return done;
        }

        /// A segment that starts at `start` and takes a frame of `bytes`: (2) and (3) of the invariants.
        [[gnu::cold]] result<void> begin_segment(std::uint64_t start, std::uint64_t bytes) {
            if (active)
                if (auto done = sync_active(); !done) return done;
            std::lock_guard const hold(files_mutex);
            auto const            capacity = std::max(standard_capacity(), detail::wal_data_offset + bytes);
            auto                  spare    = take_spare(capacity);
            if (!spare) return fail(std::move(spare).error());
            auto file = fs.open(*spare, open_mode::read_write);
            if (!file) return fail(std::move(file).error());
            auto const header = detail::wal_make_header(options.identity, start, capacity, epoch);
            if (auto done = file->write_at(0, object_bytes(header)); !done) return done;
            if (auto done = file->sync(); !done) return done;
            auto const path = directory + "/" + detail::wal_file_name(start, ".log");
            if (auto done = fs.rename(*spare, path); !done) return done;
            if (auto done = fs.sync_directory(directory); !done) return done;
            auto renamed = fs.open(path, open_mode::read_write);
            if (!renamed) return fail(std::move(renamed).error());
            active.emplace(std::move(*renamed));
            segments.push_back({path, start, capacity, epoch});
            active_segment = segments.back();
            synced_start   = start;
            return {};
        }

        // --- segments that are not in use; files_mutex is held ---

        std::uint64_t standard_capacity() const noexcept { return (options.segment_bytes.value + 4095) / 4096 * 4096; }

        [[gnu::cold]] result<std::string> take_spare(std::uint64_t capacity) {
            while (capacity == standard_capacity() && !spares.empty()) {
                auto path = spares.back();
                spares.pop_back();
                auto file = fs.open(path, open_mode::read_only);
                if (!file) return fail(std::move(file).error());
                auto const bytes = file->size();
                if (!bytes) return fail(bytes.error());
                if (*bytes == capacity) return path;
                if (auto done = fs.remove(path); !done)
                    return fail(std::move(done).error());  // of another size, or half made
            }
            return make_spare(capacity);
        }

        /// A new file of zeros, written and synced, so that a later sync carries no metadata.
        [[gnu::cold]] result<std::string> make_spare(std::uint64_t capacity) {
            auto path = directory + "/" + detail::wal_file_name(next_spare++, ".spare");
            auto file = fs.open(path, open_mode::create);
            if (!file) return fail(std::move(file).error());
            byte_vector const zeros(static_cast<std::size_t>(std::min<std::uint64_t>(capacity, 1u << 20)));
            result<void>      done{};
            for (std::uint64_t at = 0; done && at < capacity; at += zeros.size())
                done = file->write_at(at, byte_view(zeros).first(static_cast<std::size_t>(
                                              std::min<std::uint64_t>(zeros.size(), capacity - at))));
            if (done) done = file->sync();
            if (done) return path;
            static_cast<void>(fs.remove(path));
            return fail(
                std::move(done).error().while_("making a log segment of " + std::to_string(capacity) + " bytes ahead"));
        }

        [[gnu::cold]] result<void> release(std::uint64_t upto) {
            if (options.read_only)
                return fail(errc::read_only, {"release in the log '", directory, "', which was opened read-only"});
            expects(ready, "call replay before release");
            std::lock_guard const    hold(files_mutex);
            std::vector<std::string> recycled;
            bool                     any = false;
            while (segments.size() > 1 && segments[1].start <= upto) {
                auto const& oldest = segments.front();
                if (oldest.capacity == standard_capacity() && spares.size() + recycled.size() < most_spares) {
                    recycled.push_back(directory + "/" + detail::wal_file_name(next_spare++, ".spare"));
                    if (auto done = fs.rename(oldest.path, recycled.back()); !done) return done;
                } else if (auto done = fs.remove(oldest.path); !done) {
                    return done;
                }
                segments.erase(segments.begin());
                any = true;
            }
            if (any)  // a spare is written to only when its old name is gone for good
                if (auto done = fs.sync_directory(directory); !done) return done;
            spares.insert(spares.end(), recycled.begin(), recycled.end());
            return spare_ahead();
        }

        [[gnu::cold]] result<void> prepare() {
            if (options.read_only) return {};
            expects(ready, "call replay before prepare");
            std::lock_guard const hold(files_mutex);
            return spare_ahead();
        }

        /// A full disk is no error yet: the commit that needs the segment will say so.
        [[gnu::cold]] result<void> spare_ahead() {
            if (!spares.empty()) return {};
            auto path = make_spare(standard_capacity());
            if (path) spares.push_back(std::move(*path));
            else if (path.error().kind != errc::full) return fail(std::move(path).error());
            return {};
        }

        // --- counts ---

        std::uint64_t end_now() const {
            std::lock_guard const hold(mutex);
            return end;
        }
        wal_stats stats() const {
            wal_stats out;
            {
                std::lock_guard const hold(mutex);
                out            = counts;
                out.live_bytes = end;
            }
            out.syncs = syncs.load(std::memory_order_relaxed);
            std::lock_guard const hold(files_mutex);
            out.segments = segments.size();
            out.live_bytes -= segments.empty() ? out.live_bytes : std::min(out.live_bytes, segments.front().start);
            return out;
        }

        static constexpr std::size_t most_pending = 4u << 20;
        static constexpr std::size_t most_spares  = 2;

        FS                  fs;
        std::string const   directory;
        wal_options const   options;
        std::uint32_t const seed     = detail::wal_seed(options.identity);
        bool                replayed = false, ready = false;

        mutable std::mutex      mutex;  // guards up to `counts`
        std::condition_variable changed;
        bool                    leading = false;
        byte_vector             pending;  // frames of [written, end)
        std::uint64_t           end = 0, written = 0, durable = 0;
        std::uint64_t           last_sync = 0;
        std::optional<error>    failure;
        wal_stats               counts;

        byte_vector                      batch;  // up to `epoch`: the leader's alone
        std::optional<typename FS::file> active;
        detail::wal_segment              active_segment;
        std::uint64_t                    synced_start = 0;
        std::uint32_t                    epoch        = 0;  // constant after replay
        std::atomic<std::uint64_t>       syncs{0};

        mutable std::mutex               files_mutex;  // guards what follows; never taken together with `mutex`
        std::vector<detail::wal_segment> segments;     // sorted by start; the last is the active one
        std::vector<std::string>         spares;
        std::uint64_t                    next_spare = 0;
    };

    explicit log(std::unique_ptr<state> s) : state_(std::move(s)) {}
    std::unique_ptr<state> state_;
};

static_assert(wal_policy<segmented_wal<>, archetype::file_policy>);
static_assert(wal_policy<segmented_wal<sync_each_commit>, archetype::file_policy>);

}  // namespace tenon
