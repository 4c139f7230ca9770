// SPDX-License-Identifier: Apache-2.0
// The bytes of a log segment: its header and the frame around each record.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/crc32c.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/wal/concept.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

/// On disk     "tenonlog" version 2, docs/formats/log_segment.md
namespace tenon::detail {

inline constexpr std::array<char, 8> wal_magic{'t', 'e', 'n', 'o', 'n', 'l', 'o', 'g'};
inline constexpr std::uint32_t       wal_version     = 2;
inline constexpr std::uint64_t       wal_block       = 4096;  ///< records and writes are placed by it
inline constexpr std::uint64_t       wal_data_offset = 4096;  ///< the header's block is never written again
inline constexpr std::uint64_t       wal_max_lsn     = std::uint64_t{1} << 57;
inline constexpr std::uint32_t       wal_far_behind  = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::uint32_t       wal_encoded     = 0x8000'0000;

constexpr std::uint64_t wal_block_up(std::uint64_t at) noexcept { return (at + wal_block - 1) / wal_block * wal_block; }
constexpr std::uint64_t wal_block_down(std::uint64_t at) noexcept { return at / wal_block * wal_block; }

/// The first 64 bytes of a segment file.
struct wal_segment_header {
    std::array<char, 8>          magic{};
    std::uint32_t                version  = 0;
    std::uint32_t                bytes    = 0;  ///< of this header
    std::uint64_t                identity = 0;  ///< of the database
    std::uint64_t                start    = 0;  ///< LSN of the byte at wal_data_offset
    std::uint64_t                capacity = 0;  ///< size of the file
    std::array<std::uint8_t, 20> zero{};
    std::uint32_t                crc = 0;  ///< of the 60 bytes before
};
static_assert(sizeof(wal_segment_header) == 64 && offsetof(wal_segment_header, crc) == 60);
static_assert(std::is_trivially_copyable_v<wal_segment_header>);

/// In front of each record. `length` 0 is a mark, of which `behind` says what: the epoch that begins, or 0 for a clean close.
struct wal_frame {
    std::uint32_t crc = 0;  ///< of the identity, the record's stored bytes and the 20 bytes that follow, in this order
    std::uint32_t length = 0;  ///< of the stored bytes; the top bit: they are encoded
    std::uint64_t place  = 0;  ///< LSN / 8 * 512 + pad / 8, where the frame before ended pad bytes below the LSN
    std::uint32_t prev   = 0;  ///< crc of the frame before
    std::uint32_t behind =
        0;  ///< (lsn - L) / 8, where everything below L was known to be on the medium; all ones: L = 0

    std::uint64_t lsn() const noexcept { return place / 512 * 8; }
    std::uint64_t pad() const noexcept { return place % 512 * 8; }
    std::uint64_t stored() const noexcept { return length & ~wal_encoded; }
    bool          is_mark() const noexcept { return length == 0; }
    bool          is_close() const noexcept { return length == 0 && behind == 0; }
};
static_assert(sizeof(wal_frame) == 24 && offsetof(wal_frame, length) == 4);
static_assert(std::is_trivially_copyable_v<wal_frame>);

constexpr std::uint64_t wal_place(std::uint64_t lsn, std::uint64_t pad) noexcept { return lsn / 8 * 512 + pad / 8; }

/// Bytes that a record takes in the log: frame, record, padding to 8.
constexpr std::uint64_t wal_frame_bytes(std::uint64_t length) noexcept {
    return sizeof(wal_frame) + (length + 7) / 8 * 8;
}

inline std::uint32_t wal_seed(std::uint64_t identity) noexcept { return crc32c(object_bytes(identity)); }

/// `payload_crc` is crc32c(record, wal_seed(identity)), which can be had before the LSN is known.
inline std::uint32_t wal_frame_crc(wal_frame const& frame, std::uint32_t payload_crc) noexcept {
    return crc32c(object_bytes(frame).subspan(sizeof(frame.crc)), payload_crc);
}

constexpr std::uint32_t wal_behind(std::uint64_t at, std::uint64_t known_durable) noexcept {
    auto const steps = (at - known_durable + 7) / 8;
    return steps < wal_far_behind ? static_cast<std::uint32_t>(steps) : wal_far_behind;
}
/// Everything below it was on the medium when the frame was made. The mark of an epoch is made when all before it was.
inline std::uint64_t wal_known_durable(wal_frame const& frame) noexcept {
    if (frame.is_mark()) return frame.lsn() - frame.pad();
    auto const bytes = std::uint64_t{frame.behind} * 8;
    return frame.behind == wal_far_behind || bytes > frame.lsn() ? 0 : frame.lsn() - bytes;
}

inline wal_segment_header wal_make_header(std::uint64_t identity, std::uint64_t start,
                                          std::uint64_t capacity) noexcept {
    wal_segment_header h{.magic    = wal_magic,
                         .version  = wal_version,
                         .bytes    = sizeof(wal_segment_header),
                         .identity = identity,
                         .start    = start,
                         .capacity = capacity};
    h.crc = crc32c(object_bytes(h).first(offsetof(wal_segment_header, crc)));
    return h;
}

/// Checks an untrusted header against the file's name and size. `bytes` is the beginning of the file.
inline result<wal_segment_header> wal_read_header(byte_view bytes, std::string const& file, std::uint64_t file_bytes,
                                                  std::optional<std::uint64_t> named_start, std::uint64_t identity) {
    if (bytes.size() < sizeof(wal_segment_header))
        return fail(errc::corrupt,
                    {"'", file, "' has ", file_bytes, " bytes, which is less than the header of a log segment"});
    auto const h = load<wal_segment_header>(bytes.data());
    if (h.magic != wal_magic)
        return fail(errc::not_ours, {"'", file, "' is not a log segment of tenon: move it out of the log's directory"});
    if (h.version != wal_version)
        return fail(errc::wrong_version, {"'", file, "' is a log segment of version ", h.version,
                                          "; this program reads version ", wal_version});
    if (h.crc != crc32c(object_bytes(h).first(offsetof(wal_segment_header, crc))))
        return fail(errc::corrupt,
                    {"the header of log segment '", file, "' is damaged: its checksum at offset 60 does not fit"});
    if (h.identity != identity)
        return fail(errc::wrong_assembly,
                    {"'", file, "' is a log segment of database ", h.identity, ", not of this one (", identity, ")"});
    if (!named_start || h.start != *named_start)
        return fail(errc::corrupt,
                    {"log segment '", file, "' begins at LSN ", h.start, ", which is not what its name says"});
    if (h.bytes != sizeof(wal_segment_header) || h.start % wal_block != 0 || h.start > wal_max_lsn ||
        h.capacity % wal_block != 0 || h.capacity < wal_data_offset + wal_block || h.capacity > wal_max_lsn)
        return fail(errc::corrupt,
                    {"the header of log segment '", file, "' holds values that no writer of version 2 makes"});
    if (h.capacity != file_bytes)
        return fail(errc::corrupt, {"log segment '", file, "' has ", file_bytes, " bytes where its header says ",
                                    h.capacity, ": it was cut or extended"});
    return h;
}

/// "00000000000000001234.log"
inline std::string wal_file_name(std::uint64_t number, std::string_view suffix) {
    auto digits = std::to_string(number);
    return std::string(20 - digits.size(), '0').append(digits).append(suffix);
}

/// The number in such a name; nothing when the name is of another form.
inline std::optional<std::uint64_t> wal_file_number(std::string_view name, std::string_view suffix) {
    if (name.size() != 20 + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
    std::uint64_t number = 0;
    auto const    parsed = std::from_chars(name.data(), name.data() + 20, number);
    if (parsed.ec != std::errc{} || parsed.ptr != name.data() + 20) return std::nullopt;
    return number;
}

}  // namespace tenon::detail
