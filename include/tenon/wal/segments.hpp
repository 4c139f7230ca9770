// SPDX-License-Identifier: Apache-2.0
// The files of a segmented log: made ahead, written by LSN, used again or archived.
#pragma once

#include "tenon/core/block_buffer.hpp"
#include "tenon/wal/recovery.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tenon::detail {

/// wal_segments - LSNs to places in files; with Direct the files are written past the page cache, in whole blocks.
///
/// Invariants  (1) segments lie side by side in LSN; a file named *.log has its own header, on the medium.
///             (2) a spare is written to only when its old name is gone for good. (3) the last segment is never released.
/// Threads     everything may be called concurrently; writes run outside the lock.
template <class FS, bool Direct>
class wal_segments {
public:
    using handle = std::conditional_t<Direct, typename FS::direct_file, typename FS::file>;
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

    wal_segments(FS fs, std::string directory, wal_options const& options)
        : fs_(std::move(fs)), directory_(std::move(directory)), options_(options) {}

    [[gnu::cold]] result<void> find() {
        if (!options_.read_only)
            if (auto made = fs_.make_directory(directory_); !made) return made;
        auto names = fs_.list(directory_);
        if (!names) return fail(std::move(names).error());
        for (auto const& file_name : *names) {
            auto const path = directory_ + "/" + file_name;
            if (file_name.ends_with(".log")) {
                auto segment = read_segment(fs_, path, file_name, options_.identity);
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
    /// What was found may be in the kernel only: names and bytes. Afterwards it is on the medium.
    [[gnu::cold]] result<void> settle(std::uint64_t from) {
        std::lock_guard const hold(making_);
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

    /// Makes segments until LSNs below `limit` have a place.
    result<void> reach(std::uint64_t limit) {
        if (limit <= limit_.load(std::memory_order_acquire)) return {};
        std::lock_guard const hold(making_);
        while (limit_ < limit)
            if (auto made = add(); !made) return made;
        return {};
    }
    /// Whether the next segment should be made now, so that no commit has to wait for it.
    bool wants_more(std::uint64_t end) const noexcept {
        return limit_.load(std::memory_order_relaxed) < end + standard_capacity() / 2;
    }

    /// Where the bytes of [at, at + bytes) go. Precondition: reach(at + bytes.size()).
    std::vector<part> parts(std::uint64_t at, byte_view bytes) {
        std::vector<part>     out;
        std::lock_guard const hold(mutex_);
        while (!bytes.empty()) {
            auto const s = std::find_if(open_.begin(), open_.end(),
                                        [&](auto const& o) { return at >= o->info.start && at < o->info.limit(); });
            auto const n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), (*s)->info.limit() - at));
            out.push_back({*s, (*s)->info.offset(at), bytes.first(n)});
            at += n;
            bytes = bytes.subspan(n);
        }
        return out;
    }
    /// Writes, and syncs when `to_medium`; what an earlier write left unsynced in older segments was synced before.
    result<void> write(std::uint64_t at, byte_view bytes, bool to_medium) {
        if (auto done = reach(at + bytes.size()); !done) return done;
        if constexpr (Direct) {
            for (auto const& p : parts(at, bytes))
                if (auto done = p.in->file.write(p.offset, p.bytes, to_medium ? flush::yes : flush::no); !done)
                    return done;
            return {};
        } else {
            for (auto const& p : parts(at, bytes)) {
                if (written_ && written_ != p.in)  // a segment is synced before the next one is written
                    if (auto done = written_->file.sync(); !done) return done;
                written_ = p.in;
                if (auto done = p.in->file.write_at(p.offset, p.bytes); !done) return done;
            }
            return to_medium && written_ ? written_->file.sync() : result<void>{};
        }
    }

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
    /// Makes the next segment when the end is near. A full disk is no error yet: the commit that needs it will say so.
    [[gnu::cold]] result<void> prepare(std::uint64_t end) {
        std::lock_guard const hold(making_);
        if (!wants_more(end)) return {};
        auto made = add();
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
        if constexpr (Direct)
            if (!open_.empty()) return open_.back()->file.mode();
        return std::nullopt;
    }
    FS&                fs() noexcept { return fs_; }
    std::string const& directory() const noexcept { return directory_; }

    /// Reads the header of a file that may be a segment.
    [[gnu::cold]] static result<wal_segment> read_segment(FS& fs, std::string const& path, std::string const& file_name,
                                                          std::uint64_t identity) {
        auto file = fs.open(path, open_mode::read_only);
        if (!file) return fail(std::move(file).error());
        auto const bytes = file->size();
        if (!bytes) return fail(bytes.error());
        byte_vector head(sizeof(wal_segment_header));
        auto const  got = file->read_at(0, head);
        if (!got) return fail(got.error());
        auto const header =
            wal_read_header(byte_view(head).first(*got), path, *bytes, wal_file_number(file_name, ".log"), identity);
        if (!header) return fail(header.error());
        return wal_segment{path, header->start, header->capacity};
    }

private:
    static constexpr std::uint64_t most_spare_bytes = 64u << 20;

    std::uint64_t standard_capacity() const noexcept { return wal_block_up(options_.segment_bytes.value); }

    result<void> open_segment_file(wal_segment const& s) {
        if constexpr (Direct) {
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

    /// One more segment at the end.
    [[gnu::cold]] result<void> add() {
        wal_segment next{{}, limit_, standard_capacity()};
        if (limit_ > wal_max_lsn) return fail(errc::full, "the log's LSNs are used up");
        next.path  = directory_ + "/" + wal_file_name(next.start, ".log");
        auto spare = take_spare(next.capacity);
        if (!spare) return fail(std::move(spare).error());
        auto file = fs_.open(*spare, open_mode::read_write);
        if (!file) return fail(std::move(file).error());
        auto const header = wal_make_header(options_.identity, next.start, next.capacity);
        if (auto done = file->write_at(0, object_bytes(header)); !done) return done;
        if (auto done = file->sync(); !done) return done;
        if (auto done = fs_.rename(*spare, next.path); !done) return done;
        if (auto done = fs_.sync_directory(directory_); !done) return done;
        if (auto done = open_segment_file(next); !done) return done;
        std::lock_guard const hold(mutex_);
        limit_.store(next.limit(), std::memory_order_release);
        segments_.push_back(std::move(next));
        return {};
    }
    [[gnu::cold]] result<std::string> take_spare(std::uint64_t capacity) {
        while (!spares_.empty()) {
            auto path = spares_.back();
            spares_.pop_back();
            auto file = fs_.open(path, open_mode::read_only);
            if (!file) return fail(std::move(file).error());
            auto const bytes = file->size();
            if (!bytes) return fail(bytes.error());
            if (*bytes == capacity) return path;
            if (auto done = fs_.remove(path); !done)
                return fail(std::move(done).error());  // of another size, or half made
        }
        return make_spare(capacity);
    }
    /// A new file of zeros, written and synced, so that a later write changes no metadata.
    [[gnu::cold]] result<std::string> make_spare(std::uint64_t capacity) {
        auto path = directory_ + "/" + wal_file_name(next_spare_++, ".spare");
        auto done = [&]() -> result<void> {
            auto made = fs_.open(path, open_mode::create);
            if (!made) return fail(std::move(made).error());
            auto file = fs_.open_direct(path);
            if (!file) return fail(std::move(file).error());
            block_buffer zeros;
            zeros.append_zeros(static_cast<std::size_t>(std::min<std::uint64_t>(capacity, 1u << 20)));
            for (std::uint64_t at = 0; at < capacity; at += zeros.size())
                if (auto put = file->write(at,
                                           std::as_const(zeros).bytes().first(static_cast<std::size_t>(
                                               std::min<std::uint64_t>(zeros.size(), capacity - at))),
                                           flush::no);
                    !put)
                    return put;
            return file->sync();
        }();
        if (done) return path;
        static_cast<void>(fs_.remove(path));
        return fail(
            std::move(done).error().while_("making a log segment of " + std::to_string(capacity) + " bytes ahead"));
    }
    [[gnu::cold]] result<void> archive(wal_segment const& s) {
        if (auto done = fs_.make_directory(options_.archive); !done) return done;
        if (auto done = fs_.rename(s.path, options_.archive + "/" + wal_file_name(s.start, ".log")); !done) return done;
        return fs_.sync_directory(options_.archive);
    }

    FS                         fs_;
    std::string const          directory_;
    wal_options const          options_;
    std::mutex                 making_;  // taken before mutex_, for what takes long
    std::vector<wal_segment>   left_;    // released, and named still
    std::vector<std::string>   spares_;
    std::uint64_t              next_spare_ = 0;
    mutable std::mutex         mutex_;     // for changes of what follows; making_ is enough to read it
    std::vector<wal_segment>   segments_;  // sorted by start
    std::vector<open_pointer>  open_;
    std::atomic<std::uint64_t> limit_{0};
    open_pointer               written_;  // buffered: what was written last, by one writer at a time
};

}  // namespace tenon::detail
