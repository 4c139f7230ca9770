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
#include <vector>

/// The rule (docs/formats/log_segment.md tells why):
///
///   The chain is followed from the segment that holds `from`. A frame belongs to it when its checksum fits, its LSN is
///   the place where it stands, and its epoch is the chain's (a marker: a greater one). Let E be where the chain stops.
///   (1) E lies before a later segment's start: damage, because a segment is synced before the next is begun.
///   (2) An intact frame of the chain's epoch or a later one stands after E and says that everything below some L > E was on
///       the medium when it was made: damage.
///   (3) Else whatever stands after E was never acknowledged as lasting: a torn tail, which is cut.
namespace tenon::detail {

struct wal_segment {
    std::string   path;
    std::uint64_t start = 0, capacity = 0;
    std::uint32_t epoch = 0;

    std::uint64_t limit() const noexcept {
        return start + (capacity - wal_data_offset);
    }  ///< first LSN that cannot lie in it
    std::uint64_t offset(std::uint64_t at) const noexcept { return wal_data_offset + (at - start); }
};

/// Reads a file forward through a buffer.
template <class File>
class wal_window {
public:
    wal_window(File const& file, std::uint64_t file_bytes) : file_(&file), file_bytes_(file_bytes) {}

    /// Precondition: offset + n <= the file's size. The bytes live until the next call.
    result<byte_view> get(std::uint64_t offset, std::uint64_t n) {
        if (offset < at_ || offset + n > at_ + filled_) {
            auto const wanted = static_cast<std::size_t>(std::min(std::max(n, chunk), file_bytes_ - offset));
            if (buffer_.size() < wanted) buffer_.resize(wanted);
            auto got = file_->read_at(offset, std::span(buffer_).first(wanted));
            if (!got) return fail(std::move(got).error());
            at_     = offset;
            filled_ = *got;
            if (filled_ < n)
                return fail(errc::corrupt, {"'", std::string(file_->path()),
                                            "' became shorter while it was read, at offset ", offset});
        }
        return byte_view(buffer_).subspan(static_cast<std::size_t>(offset - at_), static_cast<std::size_t>(n));
    }

private:
    static constexpr std::uint64_t chunk = 1u << 20;
    File const*                    file_;
    std::uint64_t                  file_bytes_, at_ = 0;
    byte_vector                    buffer_;
    std::uint64_t                  filled_ = 0;
};

struct wal_found {
    wal_frame     frame;
    byte_view     record;
    std::uint64_t end() const noexcept { return frame.lsn + wal_frame_bytes(frame.length); }
};

/// The frame at `at` when it is whole and made for this place; its epoch is not judged.
template <class File>
result<std::optional<wal_found>> wal_frame_at(wal_window<File>& window, wal_segment const& segment, std::uint64_t at,
                                              std::uint32_t seed) {
    auto const room = segment.limit() - at;
    if (room < sizeof(wal_frame)) return std::nullopt;
    auto bytes = window.get(segment.offset(at), sizeof(wal_frame));
    if (!bytes) return fail(std::move(bytes).error());
    auto const frame = load<wal_frame>(bytes->data());
    if (frame.lsn != at || frame.length > wal_max_record_bytes || wal_frame_bytes(frame.length) > room)
        return std::nullopt;
    bytes = window.get(segment.offset(at), wal_frame_bytes(frame.length));
    if (!bytes) return fail(std::move(bytes).error());
    auto const record = bytes->subspan(sizeof(wal_frame), frame.length);
    if (wal_frame_crc(frame, crc32c(record, seed)) != frame.crc) return std::nullopt;
    return wal_found{frame, record};
}

/// What stands after the end of the chain, in the last segment.
struct wal_tail {
    std::uint64_t known_durable = 0;  ///< the most that an intact frame there attests
    std::uint64_t witness       = 0;  ///< the LSN of that frame
    std::uint64_t torn_end      = 0;  ///< where what can be recognised as unacknowledged ends
};

/// Looks for frames at every place after `end`.
template <class File>
result<wal_tail> wal_scan_tail(wal_window<File>& window, wal_segment const& segment, std::uint64_t end,
                               std::uint32_t epoch, std::uint32_t seed) {
    wal_tail            tail{.torn_end = end};
    std::uint64_t const block  = 1u << 16;
    std::uint64_t       budget = 64 * segment.capacity;  // of checksummed bytes: a crafted file must not take for ever
    for (std::uint64_t at = end; segment.limit() - at >= sizeof(wal_frame);) {
        // find the next place whose LSN field is right without asking for each frame alone
        auto const n     = std::min(block, segment.limit() - at);
        auto       bytes = window.get(segment.offset(at), n);
        if (!bytes) return fail(std::move(bytes).error());
        std::uint64_t       i    = 0;
        std::uint64_t const last = n - sizeof(wal_frame);
        while (i <= last && load<std::uint64_t>(bytes->data() + i + offsetof(wal_frame, lsn)) != at + i) i += 8;
        if (i > last) {
            at += i;
            continue;
        }
        at += i;
        auto const frame  = load<wal_frame>(bytes->data() + i);
        auto const weight = std::min(wal_frame_bytes(frame.length), segment.limit() - at);
        if (weight > budget)
            return fail(errc::corrupt,
                        {"log segment '", segment.path,
                         "' was not written by tenon: too many overlapping frames before offset ", segment.offset(at)});
        budget -= weight;
        auto found = wal_frame_at(window, segment, at, seed);
        if (!found) return fail(std::move(found).error());
        if (!*found) {
            if (at == end) tail.torn_end = std::max(tail.torn_end, at + weight);
            at += 8;
            continue;
        }
        if ((*found)->frame.epoch >= epoch) {  // else it is left from before an earlier cut
            tail.torn_end = std::max(tail.torn_end, (*found)->end());
            if (auto const known = wal_known_durable((*found)->frame); known > tail.known_durable) {
                tail.known_durable = known;
                tail.witness       = at;
            }
        }
        at = (*found)->end();
    }
    return tail;
}

/// Where the log goes on.
struct wal_recovered {
    replay_report report;
    std::uint32_t epoch = 0;
};

/// Follows the chain from `from` through `segments` (sorted by start, not empty) and visits the records. Writes nothing.
template <class FS>
result<wal_recovered> wal_recover(FS& fs, std::string const& directory, std::vector<wal_segment> const& segments,
                                  std::uint64_t identity, std::uint64_t from, replay_visitor const& visit) {
    if (segments.front().start > from)
        return fail(errc::corrupt, {"the log in '", directory, "' begins at LSN ", segments.front().start,
                                    ", but the last root needs it from LSN ", from, ": segments are missing"});
    auto current = std::upper_bound(segments.begin(), segments.end(), from,
                                    [](std::uint64_t value, wal_segment const& s) { return value < s.start; }) -
                   1;
    auto const    seed = wal_seed(identity);
    wal_recovered out{.report = {}, .epoch = current->epoch};
    std::uint64_t at = current->start;
    for (;; ++current) {
        auto file = fs.open(current->path, open_mode::read_only);
        if (!file) return fail(std::move(file).error());
        wal_window<typename FS::file> window(*file, current->capacity);
        auto const                    next = current + 1;
        bool const                    last = next == segments.end();
        while (last || at < next->start) {
            auto found = wal_frame_at(window, *current, at, seed);
            if (!found) return fail(std::move(found).error());
            if (!*found) break;
            auto const& frame = (*found)->frame;
            if (frame.length == 0 ? frame.epoch <= out.epoch : frame.epoch != out.epoch) break;
            out.epoch = frame.epoch;
            if (frame.length != 0 && at >= from) {
                ++out.report.records;
                out.report.bytes += frame.length;
                if (auto done = visit(lsn{(*found)->end()}, (*found)->record); !done)
                    return fail(std::move(done).error());
            }
            at = (*found)->end();
        }
        auto const where = "log segment '" + current->path + "', offset " + std::to_string(current->offset(at));
        if (!last) {
            if (at != next->start)
                return fail(errc::corrupt,
                            {where, " (LSN ", at, "): the record there is damaged, but the log goes on at LSN ",
                             next->start, " in '", next->path, "', or a segment between them is missing"});
            if (next->epoch != out.epoch)
                return fail(errc::corrupt, {"log segment '", next->path, "' is of epoch ", next->epoch,
                                            ", the one before ends in epoch ", out.epoch});
            continue;
        }
        auto tail = wal_scan_tail(window, *current, at, out.epoch, seed);
        if (!tail) return fail(std::move(tail).error());
        if (tail->known_durable > at)
            return fail(errc::corrupt,
                        {where, " (LSN ", at, "): the record there is damaged, but the intact record at offset ",
                         current->offset(tail->witness), " was written when it was already safe"});
        if (at < from)
            return fail(errc::corrupt, {"the log in '", directory, "' ends at LSN ", at,
                                        ", but the last root needs it from LSN ", from});
        out.report.truncated_bytes = tail->torn_end - at;
        out.report.end             = {at};
        return out;
    }
}

}  // namespace tenon::detail
