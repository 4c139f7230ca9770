// SPDX-License-Identifier: Apache-2.0
// Reading a segmented log back: the chain of records, where it ends, and whether that end is a torn tail or damage.
#pragma once

#include "tenon/wal/concept.hpp"
#include "tenon/wal/record.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// The rule (docs/formats/log_segment.md tells why):
///
///   The segments are one stream of bytes. After a frame that ends at x the next one stands at x, or, when nothing fits there, at
///   the next block, and says how far it skipped. It belongs to the chain when its checksum fits, its LSN is the place where it
///   stands, and `prev` is the checksum of the frame before; the mark of an epoch may follow any frame. Let E be where the chain stops.
///   (1) The chain ends with the mark of a clean close: E is its place, and nothing was written after it.
///   (2) An intact frame stands after E and says that everything below some L > E was on the medium when it was made: damage.
///   (3) Else whatever stands after E was never acknowledged as lasting: a torn tail, which is cut.
namespace tenon::detail {

struct wal_segment {
    std::string   path;
    std::uint64_t start = 0, capacity = 0;

    std::uint64_t limit() const noexcept {
        return start + (capacity - wal_data_offset);
    }  ///< first LSN that cannot lie in it
    std::uint64_t offset(std::uint64_t at) const noexcept { return wal_data_offset + (at - start); }
};

/// Reads the header of a file that may be a segment; `start` is what its name says.
template <class FS>
[[gnu::cold]] result<wal_segment> wal_read_segment(FS& fs, std::string const& path, std::optional<std::uint64_t> start,
                                                   std::uint64_t identity) {
    auto file = fs.open(path, open_mode::read_only);
    if (!file) return fail(std::move(file).error());
    auto const bytes = file->size();
    if (!bytes) return fail(bytes.error());
    byte_vector head(sizeof(wal_segment_header));
    auto const  got = file->read_at(0, head);
    if (!got) return fail(got.error());
    auto const header = wal_read_header(byte_view(head).first(*got), path, *bytes, start, identity);
    if (!header) return fail(header.error());
    return wal_segment{path, header->start, header->capacity};
}

/// The segment that holds an LSN; the last one for what lies beyond. Precondition: the first one starts at or before it.
inline wal_segment const& wal_segment_of(std::vector<wal_segment> const& segments, std::uint64_t at) {
    return *(std::upper_bound(segments.begin(), segments.end(), at,
                              [](std::uint64_t value, wal_segment const& s) { return value < s.start; }) -
             1);
}
inline std::string wal_where(std::vector<wal_segment> const& segments, std::uint64_t at) {
    auto const& s = wal_segment_of(segments, at);
    return "log segment '" + s.path + "', offset " + std::to_string(s.offset(at)) + " (LSN " + std::to_string(at) + ")";
}

/// Takes out of sorted segments those that a release interrupted by a power loss has left before the one that holds `from`, and sees
/// that none is missing after it.
inline result<std::vector<wal_segment>> wal_line_up(std::vector<wal_segment>& segments, std::uint64_t from) {
    std::vector<wal_segment> left;
    for (std::size_t i = 1; i < segments.size(); ++i) {
        if (segments[i].start == segments[i - 1].limit()) continue;
        if (segments[i].start > from)
            return fail(errc::corrupt, {"log segment '", segments[i].path, "' begins at LSN ", segments[i].start,
                                        ", but '", segments[i - 1].path, "' before it ends at LSN ",
                                        segments[i - 1].limit(), ": a segment between them is missing"});
        left.insert(left.end(), segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(i));
        segments.erase(segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(i));
        i = 0;
    }
    return left;
}

/// Reads the bytes of segments, which must lie side by side, as one stream through a buffer.
template <class FS>
class wal_stream {
public:
    wal_stream(FS& fs, std::vector<wal_segment> const& segments, std::uint64_t chunk = 1u << 20)
        : fs_(&fs), segments_(&segments), chunk_(chunk) {}

    std::uint64_t limit() const noexcept { return segments_->back().limit(); }
    /// How much is read ahead.
    std::uint64_t chunk() const noexcept { return chunk_; }
    void          chunk(std::uint64_t bytes) noexcept { chunk_ = bytes; }
    /// What it holds, and how often that was read anew.
    std::uint64_t filled_from() const noexcept { return at_; }
    std::uint64_t filled_to() const noexcept { return at_ + filled_; }
    std::uint64_t fills() const noexcept { return fills_; }

    /// Precondition: first start <= at and at + n <= limit(). The bytes live until the next call.
    result<byte_view> get(std::uint64_t at, std::uint64_t n) {
        if (at < at_ || at + n > at_ + filled_)
            if (auto done = fill(at, std::min(std::max(n, chunk_), limit() - at)); !done)
                return fail(std::move(done).error());
        return byte_view(buffer_).subspan(static_cast<std::size_t>(at - at_), static_cast<std::size_t>(n));
    }
    /// What was read may have changed.
    void forget() noexcept {
        filled_ = 0;
        open_   = nullptr;
        file_.reset();
    }

private:
    result<void> fill(std::uint64_t at, std::uint64_t n) {
        if (buffer_.size() < n) buffer_.resize(static_cast<std::size_t>(n));
        at_     = at;
        filled_ = 0;
        ++fills_;
        while (filled_ < n) {
            auto const& s = wal_segment_of(*segments_, at + filled_);
            if (open_ != &s) {
                auto opened = fs_->open(s.path, open_mode::read_only);
                if (!opened) return fail(std::move(opened).error());
                file_.emplace(*std::move(opened));
                open_ = &s;
            }
            auto const here = std::min(n - filled_, s.limit() - (at + filled_));
            auto const got  = file_->read_at(
                s.offset(at + filled_),
                std::span(buffer_).subspan(static_cast<std::size_t>(filled_), static_cast<std::size_t>(here)));
            if (!got) return fail(got.error());
            if (*got < here)
                return fail(errc::corrupt,
                            {"'", s.path, "' became shorter while it was read, at offset ", s.offset(at + filled_)});
            filled_ += here;
        }
        return {};
    }

    FS*                              fs_;
    std::vector<wal_segment> const*  segments_;
    std::uint64_t                    chunk_;
    wal_segment const*               open_ = nullptr;
    std::optional<typename FS::file> file_;
    std::uint64_t                    at_ = 0, filled_ = 0, fills_ = 0;
    byte_vector                      buffer_;
};

struct wal_found {
    wal_frame     frame;
    byte_view     record;
    std::uint64_t end() const noexcept { return frame.lsn() + wal_frame_bytes(frame.stored()); }
};

/// The frame at `at` when it is whole and made for this place; whether it belongs to the chain is not judged. `place`: instead of what
/// it says of its place.
template <class FS>
result<std::optional<wal_found>> wal_frame_at(wal_stream<FS>& in, std::uint64_t at, std::uint32_t seed,
                                              std::optional<std::uint64_t> place = {}) {
    if (at > in.limit() || in.limit() - at < sizeof(wal_frame)) return std::nullopt;
    auto bytes = in.get(at, sizeof(wal_frame));
    if (!bytes) return fail(std::move(bytes).error());
    auto frame = load<wal_frame>(bytes->data());
    if (place) frame.place = *place;
    if (frame.lsn() != at || frame.pad() > at || frame.stored() > wal_max_record_bytes ||
        wal_frame_bytes(frame.stored()) > in.limit() - at)
        return std::nullopt;
    bytes = in.get(at, wal_frame_bytes(frame.stored()));
    if (!bytes) return fail(std::move(bytes).error());
    auto const record = bytes->subspan(sizeof(wal_frame), static_cast<std::size_t>(frame.stored()));
    if (wal_frame_crc(frame, crc32c(record, seed)) != frame.crc) return std::nullopt;
    return wal_found{frame, record};
}

/// Where a chain stands: the end of its last frame, and that frame's checksum when it is known.
struct wal_chain {
    std::uint64_t                at = 0;
    std::optional<std::uint32_t> prev{};
    std::uint32_t                epoch = 0;

    bool takes(wal_frame const& f) const noexcept {
        return f.lsn() - f.pad() == at && ((f.is_mark() && !f.is_close()) || !prev || *prev == f.prev);
    }
    void follow(wal_found const& f) noexcept {
        at   = f.end();
        prev = f.frame.crc;
        if (f.frame.is_mark()) epoch = std::max(epoch, f.frame.behind);
    }
};

/// The next frame of a chain; nothing where it stops.
template <class FS>
result<std::optional<wal_found>> wal_next(wal_stream<FS>& in, wal_chain const& chain, std::uint32_t seed) {
    auto found = wal_frame_at(in, chain.at, seed);
    if (!found || (*found && chain.takes((*found)->frame))) return found;
    auto const block = wal_block_up(chain.at);
    if (block == chain.at) return std::nullopt;
    found = wal_frame_at(in, block, seed);
    if (found && *found && !chain.takes((*found)->frame)) return std::nullopt;
    return found;
}

/// What stands after the end of the chain.
struct wal_tail {
    std::uint64_t known_durable = 0;  ///< the most that an intact frame there attests
    std::uint64_t witness       = 0;  ///< the LSN of that frame
    std::uint64_t end           = 0;  ///< where what can be recognised ends
    std::uint64_t records       = 0;  ///< that are intact
};

/// Looks for frames at every place after `end`.
template <class FS>
result<wal_tail> wal_scan_tail(wal_stream<FS>& in, std::vector<wal_segment> const& segments, std::uint64_t end,
                               std::uint32_t seed) {
    wal_tail            tail{.end = end};
    std::uint64_t const block  = 1u << 16;
    std::uint64_t       budget = 64 * (in.limit() - end) + (1u << 20);  // a crafted file must not take for ever
    // Where nothing but the place is damaged, the last record would be lost in silence.
    for (auto const at : {end, wal_block_up(end)}) {
        auto const moved = wal_frame_at(in, at, seed, wal_place(at, at - end));
        if (!moved) return fail(moved.error());
        if (*moved) tail.end = std::max(tail.end, (*moved)->end());
    }
    for (std::uint64_t at = end; in.limit() - at >= sizeof(wal_frame);) {
        // find the next place whose LSN field is right without asking for each frame alone
        auto const n     = std::min(block, in.limit() - at);
        auto       bytes = in.get(at, n);
        if (!bytes) return fail(std::move(bytes).error());
        std::uint64_t       i    = 0;
        std::uint64_t const last = n - sizeof(wal_frame);
        while (i <= last && load<std::uint64_t>(bytes->data() + i + offsetof(wal_frame, place)) / 512 != (at + i) / 8)
            i += 8;
        at += i;
        if (i > last) continue;
        auto const frame  = load<wal_frame>(bytes->data() + i);
        auto const weight = std::min(wal_frame_bytes(frame.stored()), in.limit() - at);
        if (weight > budget)
            return fail(errc::corrupt, {wal_where(segments, at),
                                        ": this was not written by tenon, too many overlapping frames come before it"});
        budget -= weight;
        auto found = wal_frame_at(in, at, seed);
        if (!found) return fail(std::move(found).error());
        if (!*found) {
            if (at == end || at == wal_block_up(end)) tail.end = std::max(tail.end, at + weight);
            at += 8;
            continue;
        }
        tail.end = std::max(tail.end, (*found)->end());
        tail.records += !(*found)->frame.is_mark();
        if (auto const known = wal_known_durable((*found)->frame); known > tail.known_durable) {
            tail.known_durable = known;
            tail.witness       = at;
        }
        at = (*found)->end();
    }
    return tail;
}

/// Whether the frame before `at` ends there, as far as what is left of the log can tell: where no whole frame is left before it, the
/// one that was may lie in a segment that is gone.
template <class FS>
result<bool> wal_ends_at(wal_stream<FS>& in, std::uint64_t first, std::uint64_t at, std::uint32_t seed) {
    for (std::uint64_t back = 1u << 14;; back *= 8) {  // the last frame is near
        auto const                   begin = at - first > back ? at - back : first;
        std::optional<std::uint64_t> end;
        for (auto place = begin; at - place >= sizeof(wal_frame);) {
            auto bytes = in.get(place, sizeof(wal_frame));
            if (!bytes) return fail(std::move(bytes).error());
            auto found = load<wal_frame>(bytes->data()).lsn() == place ? wal_frame_at(in, place, seed)
                                                                       : result<std::optional<wal_found>>(std::nullopt);
            if (!found) return fail(std::move(found).error());
            bool const frame = *found && !(*found)->frame.is_close();  // a mark of that kind is written over
            if (frame) end = (*found)->end();
            place = frame ? (*found)->end() : place + 8;
            if (place > at) break;
        }
        if (end || begin == first) return !end || *end == at;
    }
}

/// Where the log goes on.
struct wal_recovered {
    replay_report report;
    wal_chain     chain;
    wal_tail      tail;
    bool          damaged = false;
    bool          closed  = false;  ///< by a mark, which is made when all is on the medium
};

/// Follows the chain from `from` through `segments` (lined up, not empty) and visits the records. Writes nothing.
template <class FS>
result<wal_recovered> wal_recover(FS& fs, std::string const& directory, std::vector<wal_segment> const& segments,
                                  std::uint64_t identity, std::uint64_t from,
                                  std::function<result<void>(wal_found const&)> const& visit) {
    if (segments.front().start > from)
        return fail(errc::corrupt, {"the log in '", directory, "' begins at LSN ", segments.front().start,
                                    ", but the last root needs it from LSN ", from, ": segments are missing"});
    if (from > segments.back().limit())
        return fail(errc::corrupt, {"the log in '", directory, "' ends before LSN ", segments.back().limit(),
                                    ", but the last root needs it from LSN ", from});
    auto const     seed = wal_seed(identity);
    wal_stream<FS> in(fs, segments, 64 << 10);  // after a clean close there is nothing more to read
    wal_recovered  out{.report = {}, .chain = {.at = from}, .tail = {.end = from}};
    for (;;) {
        if (in.fills() == 2) in.chunk(1 << 20);
        auto found = wal_next(in, out.chain, seed);
        if (!found) return fail(std::move(found).error());
        if (!*found) break;
        auto const& frame = (*found)->frame;
        if (frame.is_close()) {
            out.report.end = {out.chain.at};
            out.tail.end   = out.chain.at;
            out.closed     = true;
            return out;
        }
        if (!frame.is_mark()) {
            ++out.report.records;
            out.report.bytes += frame.stored();
            if (auto done = visit(**found); !done) return fail(std::move(done).error());
        }
        out.chain.follow(**found);
    }
    in.chunk(1 << 20);
    auto const at = out.chain.at;
    if (!out.chain.prev && at > segments.front().start) {  // nothing stands at `from`: is it the end?
        auto const right = wal_ends_at(in, segments.front().start, at, seed);
        if (!right) return fail(right.error());
        if (!*right)
            return fail(errc::corrupt,
                        {"the log in '", directory, "' has no record that ends at LSN ", from,
                         " or begins there, but the last root needs it from there: ", wal_where(segments, from)});
    }
    auto tail = wal_scan_tail(in, segments, at, seed);
    if (!tail) return fail(std::move(tail).error());
    out.tail                   = *tail;
    out.damaged                = tail->known_durable > at;
    out.report.truncated_bytes = tail->end - at;
    out.report.end             = {at};
    return out;
}

/// Why a damaged log is refused.
inline tl::unexpected<error> wal_damage(std::vector<wal_segment> const& segments, wal_recovered const& found) {
    return fail(errc::corrupt,
                {wal_where(segments, found.chain.at), ": the record there is damaged, but the intact record at ",
                 wal_where(segments, found.tail.witness),
                 " was written when it was already safe. Restore the log from a backup, or call repair, which keeps "
                 "what comes before and loses at least ",
                 found.tail.records, " intact records after it, up to LSN ", found.tail.end});
}

}  // namespace tenon::detail
