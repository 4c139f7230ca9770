// SPDX-License-Identifier: Apache-2.0
// The files of a segmented log: made ahead, written by LSN, used again or archived.
#pragma once

#include "tenon/core/block_buffer.hpp"
#include "tenon/core/sync_turns.hpp"
#include "tenon/core/unless_done.hpp"
#include "tenon/wal/recovery.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tenon::detail {

/// What the records of a log are put into: whole blocks past the page cache, else a mapping where the file system has one, else a file.
template <class FS, bool Direct>
struct wal_handle {
    using type = typename FS::file;
};
template <class FS>
struct wal_handle<FS, true> {
    using type = typename FS::direct_file;
};
template <mapping_file_system FS>
struct wal_handle<FS, false> {
    using type = typename FS::mapped_file;
};

/// wal_segments - LSNs to places in files; with Direct the files are written past the page cache, in whole blocks.
///
/// Invariants  (1) segments lie side by side in LSN; a file named *.log has its own header, on the medium.
///             (2) a spare is written to only when its old name is gone for good. (3) the last segment is never released.
/// Threads     everything may be called concurrently but store, which is for one at a time; writes run outside the lock.
template <class FS, bool Direct>
class wal_segments {
public:
    using handle                 = typename wal_handle<FS, Direct>::type;
    static constexpr bool mapped = !Direct && mapping_file_system<FS>;
    /// A segment whose file is open for writing.
    struct open_segment {
        wal_segment info;
        handle      file;
    };
    using open_pointer = std::shared_ptr<open_segment>;
    /// A piece of a write that lies in one file.
    struct part {
        open_pointer  in;
        std::uint64_t offset;
        byte_view     bytes;
    };

    /// `busy`: a segment that is made ahead will be filled without syncs in between.
    wal_segments(FS fs, std::string directory, wal_options const& options, bool busy)
        : fs_(std::move(fs)), directory_(std::move(directory)), options_(options), busy_(busy) {}

    [[gnu::cold]] result<void> find() {
        if (!options_.read_only)
            if (auto made = fs_.make_directory(directory_); !made) return made;
        auto names = fs_.list(directory_);
        if (!names) return fail(std::move(names).error());
        for (auto const& file_name : *names) {
            auto const path = directory_ + "/" + file_name;
            if (file_name.ends_with(".log")) {
                auto segment = wal_read_segment(fs_, path, wal_file_number(file_name, ".log"), options_.identity);
                if (!segment) return fail(std::move(segment).error());
                segments_.push_back(std::move(*segment));
            } else if (auto const number = wal_file_number(file_name, ".spare")) {
                spares_.push_back(path);
                next_spare_ = std::max(next_spare_, *number + 1);
            }
        }
        std::sort(segments_.begin(), segments_.end(), [](auto const& a, auto const& b) { return a.start < b.start; });
        return {};
    }
    [[gnu::cold]] result<void> line_up(std::uint64_t from) {
        std::lock_guard const hold(mutex_);
        auto                  left = wal_line_up(segments_, from);
        if (!left) return fail(std::move(left).error());
        left_ = *std::move(left);
        return {};
    }

    std::vector<wal_segment> list() const {
        std::lock_guard const hold(mutex_);
        return segments_;
    }
    /// What was found may be in the kernel only: names and bytes. Afterwards it is on the medium. `closed`: all of it was before.
    [[gnu::cold]] result<void> settle(std::uint64_t from, bool closed) {
        std::lock_guard const hold(making_);
        if (closed && left_.empty()) {
            settled_ = spares_.empty();  // a segment that was renamed to a spare may still have its old name there
            return {};
        }
        for (auto const& s : left_)
            if (auto done = options_.archive.empty() ? fs_.remove(s.path) : archive(s); !done) return done;
        left_.clear();
        if (segments_.empty())
            if (auto done = fs_.sync_directory(parent_directory(directory_)); !done) return done;
        if (auto done = fs_.sync_directory(directory_); !done) return done;
        for (auto const& s : segments_) {
            if (s.limit() <= from) continue;
            auto file = fs_.open(s.path, open_mode::read_write);
            if (!file) return fail(std::move(file).error());
            if (auto done = file->sync(); !done) return done;
        }
        return {};
    }

    /// Whether LSNs below `limit` have a place.
    bool has(std::uint64_t limit) const noexcept { return limit <= limit_.load(std::memory_order_acquire); }
    /// Makes segments until they have. After errc::full it may be called again; after another error of a sync it says the same.
    result<void> reach(std::uint64_t limit) {
        if (has(limit)) return {};
        ++in_need_;
        std::lock_guard const hold(making_);
        --in_need_;
        while (limit_ < limit)
            if (auto made = add(false); !made) return made;
        return {};
    }
    /// Whether the next segment should be made now, so that no commit has to wait for it.
    bool wants_more(std::uint64_t end) const noexcept {
        return limit_.load(std::memory_order_relaxed) < end + standard_capacity() / 2;
    }

    /// Where the bytes of [at, at + bytes) go, piece by piece: do(part) -> result<void>. Precondition: has(at + bytes.size()).
    template <class Do>
    result<void> each_part(std::uint64_t at, byte_view bytes, Do work) {
        while (!bytes.empty()) {
            auto const in = open_at(at);
            auto const n  = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), in->info.limit() - at));
            if (auto done = work(part{in, in->info.offset(at), bytes.first(n)}); !done) return done;
            at += n;
            bytes = bytes.subspan(n);
        }
        return {};
    }
    /// How many pieces that are at most.
    std::size_t most_parts(std::uint64_t bytes) const noexcept {
        return static_cast<std::size_t>(bytes / (standard_capacity() - wal_data_offset)) + 2;
    }
    /// Direct: writes whole blocks. Needs no memory.
    result<void> write(std::uint64_t at, byte_view bytes, bool to_medium) {
        return each_part(at, bytes, [&](part const& p) {
            return p.in->file.write(p.offset, p.bytes, to_medium ? flush::yes : flush::no);
        });
    }
    /// Not direct: puts a record into its place; then it is in the kernel. `size`: with padding.
    result<void> store(std::uint64_t at, byte_view frame, byte_view record, std::size_t size) {
        if constexpr (mapped) {
            static constexpr std::array<std::byte, 8> zeros{};
            for (auto const piece : {frame, record, byte_view(zeros).first(size - frame.size() - record.size())}) {
                if (auto done = store(at, piece); !done) return done;
                at += piece.size();
            }
            return {};
        } else {
            gathered_.assign(frame.begin(), frame.end());
            gathered_.insert(gathered_.end(), record.begin(), record.end());
            gathered_.resize(size);
            return store(at, gathered_);
        }
    }
    /// Memory for that.
    void reserve(std::uint64_t bytes) {
        if constexpr (!Direct && !mapped) gathered_.reserve(static_cast<std::size_t>(wal_frame_bytes(bytes)));
    }
    result<void> store(std::uint64_t at, byte_view bytes) {
        while (!bytes.empty()) {
            if (!stored_ || at < stored_->info.start || at >= stored_->info.limit()) stored_ = open_at(at);
            auto const n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), stored_->info.limit() - at));
            if (auto done = stored_->file.write_at(stored_->info.offset(at), bytes.first(n)); !done) return done;
            at += n;
            bytes = bytes.subspan(n);
        }
        return {};
    }
    /// Nothing more is stored below `upto`, the start of a segment.
    [[gnu::cold]] void finish(std::uint64_t upto) {
        if constexpr (mapped) {
            std::lock_guard const hold(mutex_);
            for (auto const& o : open_)
                if (o->info.limit() <= upto) o->file.finish();
        }
    }
    /// Everything that was written in [from, upto) is on the medium afterwards; of segments that were released meanwhile it was before. One
    /// sync at a time, and after one that failed all others fail.
    result<void> sync(std::uint64_t from, std::uint64_t upto) {
        return turns_.take(directory_, [&]() -> result<void> {
            while (from < upto) {
                auto const in = open_from_or_behind(from);
                if (!in || in->info.start >= upto) return {};
                if (auto done = in->file.sync(); !done) return done;
                from = in->info.limit();
            }
            return {};
        });
    }
    /// Of the segment that holds an LSN, which is open.
    std::uint64_t start_of(std::uint64_t at) const { return open_at(at)->info.start; }
    std::uint64_t limit_of(std::uint64_t at) const { return open_at(at)->info.limit(); }

    /// Opens the segments from `from` on for writing.
    [[gnu::cold]] result<void> open_from(std::uint64_t from) {
        std::lock_guard const hold(making_);
        for (auto const& s : segments_) {
            limit_ = s.limit();
            if (s.limit() <= from) continue;
            if (auto done = open_segment_file(s); !done) return done;
        }
        return {};
    }

    [[gnu::cold]] result<void> release(std::uint64_t upto, std::uint64_t end) {
        std::lock_guard const    hold(making_);
        std::vector<std::string> recycled;
        bool                     any = false;
        while (segments_.size() > 1 && segments_.front().limit() <= std::min(upto, end)) {
            auto const oldest = segments_.front();
            if (!options_.archive.empty()) {
                if (auto done = archive(oldest); !done) return done;
            } else if (oldest.capacity == standard_capacity() &&
                       (spares_.size() + recycled.size()) * oldest.capacity < most_spare_bytes) {
                recycled.push_back(directory_ + "/" + wal_file_name(next_spare_++, ".spare"));
                if (auto done = fs_.rename(oldest.path, recycled.back()); !done) return done;
            } else if (auto done = fs_.remove(oldest.path); !done) {
                return done;
            }
            std::lock_guard const published(mutex_);
            std::erase_if(open_, [&](auto const& o) { return o->info.start == oldest.start; });
            segments_.erase(segments_.begin());
            any = true;
        }
        if (any)
            if (auto done = fs_.sync_directory(directory_); !done) return done;
        spares_.insert(spares_.end(), recycled.begin(), recycled.end());
        return {};
    }
    /// Makes the next segment when the end is near. A full disk is no error yet: the commit that needs it will say so. `at_leisure`:
    /// leaves the disk to the commits half of the time, unless one needs the segment.
    [[gnu::cold]] result<void> prepare(std::uint64_t end, bool at_leisure = false) {
        std::lock_guard const hold(making_);
        if (!wants_more(end)) return {};
        auto made = add(at_leisure);
        return made || made.error().kind == errc::full ? result<void>{} : made;
    }

    std::uint64_t count() const {
        std::lock_guard const hold(mutex_);
        return segments_.size();
    }
    std::uint64_t first() const {
        std::lock_guard const hold(mutex_);
        return segments_.empty() ? 0 : segments_.front().start;
    }
    std::optional<write_mode> mode() const {
        std::lock_guard const hold(mutex_);
        if (open_.empty()) return std::nullopt;
        if constexpr (Direct || mapped) return open_.back()->file.mode();
        else return write_mode::cached;
    }
    FS&                fs() noexcept { return fs_; }
    std::string const& directory() const noexcept { return directory_; }

private:
    static constexpr std::uint64_t most_spare_bytes = 64u << 20;

    std::uint64_t standard_capacity() const noexcept { return wal_block_up(options_.segment_bytes.value); }

    open_pointer open_at(std::uint64_t at) const {
        std::lock_guard const hold(mutex_);
        auto const            found = std::find_if(open_.rbegin(), open_.rend(),
                                                   [&](auto const& o) { return at >= o->info.start && at < o->info.limit(); });
        return found == open_.rend() ? nullptr : *found;
    }
    /// The open segment that holds an LSN, or else the first behind it.
    open_pointer open_from_or_behind(std::uint64_t at) const {
        std::lock_guard const hold(mutex_);
        auto const            found =
            std::find_if(open_.begin(), open_.end(), [&](auto const& o) { return at < o->info.limit(); });
        return found == open_.end() ? nullptr : *found;
    }

    result<void> open_segment_file(wal_segment const& s) {
        if constexpr (mapped) {
            auto file = fs_.open_mapped(s.path);
            if (!file) return fail(std::move(file).error());
            publish(s, *std::move(file));
        } else if constexpr (Direct) {
            auto file = fs_.open_direct(s.path);
            if (!file) return fail(std::move(file).error());
            if (file->block_bytes() > wal_block)
                return fail(errc::io, {"'", s.path, "' can be written in blocks of ", file->block_bytes(),
                                       " bytes only, the log writes ", wal_block, ": put it on another file system"});
            publish(s, *std::move(file));
        } else {
            auto file = fs_.open(s.path, open_mode::read_write);
            if (!file) return fail(std::move(file).error());
            publish(s, *std::move(file));
        }
        return {};
    }
    void publish(wal_segment const& s, handle file) {
        auto                  made = std::make_shared<open_segment>(open_segment{s, std::move(file)});
        std::lock_guard const hold(mutex_);
        open_.push_back(std::move(made));
    }

    /// One more segment at the end, or nothing has changed.
    [[gnu::cold]] result<void> add(bool at_leisure) {
        if (broken_) return fail(error(*broken_));
        wal_segment next{{}, limit_, standard_capacity()};
        if (limit_ > wal_max_lsn) return fail(errc::full, "the log's LSNs are used up");
        next.path  = directory_ + "/" + wal_file_name(next.start, ".log");
        auto spare = take_spare(next.capacity, at_leisure);
        if (!spare) return fail(std::move(spare).error());
        auto done = head(*spare, next);
        if (!done) {  // what a failed sync has left of it is not used again
            if (done.error().kind != errc::full) broken_ = done.error();
            static_cast<void>(fs_.remove(*spare));
            static_cast<void>(fs_.remove(next.path));
            return fail(std::move(done).error().while_("making the log segment '" + next.path + "'"));
        }
        std::lock_guard const hold(mutex_);
        segments_.push_back(std::move(next));
        limit_.store(segments_.back().limit(), std::memory_order_release);
        return {};
    }
    /// Turns a spare into a segment and opens it.
    [[gnu::cold]] result<void> head(std::string const& spare, wal_segment const& next) {
        {
            std::lock_guard const hold(mutex_);
            segments_.reserve(segments_.size() + 1);
        }
        {
            auto file = fs_.open(spare, open_mode::read_write);
            if (!file) return fail(std::move(file).error());
            auto const header = wal_make_header(options_.identity, next.start, next.capacity);
            if (auto done = file->write_at(0, object_bytes(header)); !done) return done;
            if (auto done = surely([&] { return file->sync(); }); !done) return done;
        }
        if (auto done = fs_.rename(spare, next.path); !done) return done;
        if (auto done = surely([&] { return fs_.sync_directory(directory_); }); !done) return done;
        if (auto done = open_segment_file(next); !done) return done;
        if constexpr (mapped)
            if (busy_) open_.back()->file.prepare();
        return {};
    }
    /// A sync that finds no memory to tell of its failure is one that failed.
    template <class Sync>
    result<void> surely(Sync sync) {
        unless_done unsure([this] { broken_ = error{errc::io, "out of memory"}; });
        auto        done = sync();
        unsure.done();
        return done;
    }
    [[gnu::cold]] result<std::string> take_spare(std::uint64_t capacity, bool at_leisure) {
        if (!settled_)
            if (auto done = fs_.sync_directory(directory_); !done) return fail(std::move(done).error());
        settled_ = true;
        while (!spares_.empty()) {
            auto const& path = spares_.back();
            auto        file = fs_.open(path, open_mode::read_only);
            if (!file) return fail(std::move(file).error());
            auto const bytes = file->size();
            if (!bytes) return fail(bytes.error());
            auto taken = path;
            if (*bytes != capacity)  // of another size, or half made
                if (auto done = fs_.remove(path); !done) return fail(std::move(done).error());
            spares_.pop_back();
            if (*bytes == capacity) return taken;
        }
        return make_spare(capacity, at_leisure);
    }
    /// A new file of zeros, written and synced, so that a later write changes no metadata.
    [[gnu::cold]] result<std::string> make_spare(std::uint64_t capacity, bool at_leisure) {
        auto path = directory_ + "/" + wal_file_name(next_spare_++, ".spare");
        auto done = [&]() -> result<void> {
            auto made = fs_.open(path, open_mode::create);
            if (!made) return fail(std::move(made).error());
            if constexpr (!Direct) {  // into the page cache, where it will be written
                return zeros_over(
                    capacity, at_leisure, [&](auto at, auto bytes) { return made->write_at(at, bytes); }, *made);
            } else {
                auto file = fs_.open_direct(path);
                if (!file) return fail(std::move(file).error());
                return zeros_over(
                    capacity, at_leisure, [&](auto at, auto bytes) { return file->write(at, bytes, flush::no); },
                    *file);
            }
        }();
        if (done) return path;
        static_cast<void>(fs_.remove(path));
        return fail(
            std::move(done).error().while_("making a log segment of " + std::to_string(capacity) + " bytes ahead"));
    }
    template <class Write, class File>
    result<void> zeros_over(std::uint64_t capacity, bool at_leisure, Write write, File& file) {
        block_buffer zeros;
        zeros.append_zeros(
            static_cast<std::size_t>(std::min<std::uint64_t>(capacity, at_leisure ? 256u << 10 : 1u << 20)));
        for (std::uint64_t at = 0; at < capacity; at += zeros.size()) {
            auto const n     = static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), capacity - at));
            auto const began = at_leisure ? fs_.now_ns() : 0;
            if (auto put = write(at, std::as_const(zeros).bytes().first(n)); !put) return put;
            if (at_leisure && in_need_ == 0)
                std::this_thread::sleep_for(
                    std::chrono::nanoseconds(std::min<std::uint64_t>(fs_.now_ns() - began, 5'000'000)));
        }
        return file.sync();
    }
    [[gnu::cold]] result<void> archive(wal_segment const& s) {
        if (auto done = fs_.make_directory(options_.archive); !done) return done;
        if (auto done = fs_.rename(s.path, options_.archive + "/" + wal_file_name(s.start, ".log")); !done) return done;
        return fs_.sync_directory(options_.archive);
    }

    FS                         fs_;
    std::string const          directory_;
    wal_options const          options_;
    bool const                 busy_;
    std::mutex                 making_;  // taken before mutex_, for what takes long
    std::vector<wal_segment>   left_;    // released, and named still
    std::vector<std::string>   spares_;
    std::uint64_t              next_spare_ = 0;
    sync_turns                 turns_;           // of syncs of records
    bool                       settled_ = true;  // the directory holds on the medium what was found in it
    std::optional<error>       broken_;          // a sync has failed
    mutable std::mutex         mutex_;           // for changes of what follows; making_ is enough to read it
    std::vector<wal_segment>   segments_;        // sorted by start
    std::vector<open_pointer>  open_;
    std::atomic<std::uint64_t> limit_{0};
    std::atomic<int>           in_need_{0};  // callers that wait for a segment
    open_pointer               stored_;      // what a record went into last
    byte_vector                gathered_;    // a record to be stored
};

}  // namespace tenon::detail
