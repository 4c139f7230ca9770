// SPDX-License-Identifier: Apache-2.0
// The fixed pages of a page file: the header and the two root slots, encoded, and decoded from untrusted bytes.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/crc32c.hpp"
#include "tenon/core/result.hpp"
#include "tenon/page_store/concept.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

/// The bytes of "tenon.pages/2", shared by file_store and mmap_store (docs/formats/page_file.md).
///
/// Shapes      page 0: header. Pages 1 and 2: root slots, generation g in page 1 + g % 2. Page 3: zeros.
///             Extents from 16 KiB on, at multiples of 4 KiB.
/// Guarantee   a slot page holds its record twice, in different sectors: one damaged sector loses no root. A third record is
///             written after the sync of the two: it proves that they are on the medium.
/// Errors      decoding: not_ours, wrong_version, wrong_assembly, corrupt; never reads outside the bytes given.
/// On disk     "tenon.pages/2", docs/formats/page_file.md
namespace tenon::detail::pages {

inline constexpr std::uint64_t    page_bytes          = 4096;
inline constexpr std::uint64_t    data_begin          = 4 * page_bytes;
inline constexpr std::uint32_t    format_version      = 2;
inline constexpr std::size_t      max_signature_bytes = 3584;
inline constexpr std::uint64_t    max_root_bytes      = std::uint64_t{1} << 30;
inline constexpr std::size_t      slot_copy_at        = 2048;
inline constexpr std::size_t      slot_proof_at       = 1024;
inline constexpr std::string_view header_magic        = "tenon.pg";
inline constexpr std::string_view slot_magic          = "tenon.rt";
inline constexpr std::string_view proof_magic         = "tenon.ok";

using page  = std::array<std::byte, page_bytes>;
using front = std::array<std::byte, data_begin>;

/// n rounded up to whole pages. Precondition: n <= 2^63.
constexpr std::uint64_t whole_pages(std::uint64_t n) noexcept { return (n + page_bytes - 1) / page_bytes * page_bytes; }

/// The space an extent of this payload takes: whole pages, at least one, so that no two extents share an offset.
constexpr std::uint64_t space_of(std::uint64_t payload) noexcept { return std::max(page_bytes, whole_pages(payload)); }

/// Whether e is aligned, behind the fixed pages and inside a file of `file_bytes`; safe for any e.
constexpr bool inside(extent e, std::uint64_t file_bytes) noexcept {
    return e.offset >= data_begin && e.offset % page_bytes == 0 && e.offset <= file_bytes &&
           e.size <= file_bytes - e.offset;
}

inline std::string describe(extent e) {
    return "the extent of " + std::to_string(e.size) + " bytes at offset " + std::to_string(e.offset);
}

// The sentences, once for all file systems.

inline tl::unexpected<error> cut_short(std::string const& path, std::string_view what, std::uint64_t offset,
                                       std::uint64_t needs, std::uint64_t got) {
    return fail(errc::corrupt,
                {path, ": ", std::string(what), " at offset ", offset, " needs ", needs,
                 " bytes and the file ends after ", got, "; it was cut short, restore it from a backup"});
}
inline tl::unexpected<error> not_inside(std::string const& path, extent e, std::uint64_t file_bytes) {
    return fail(errc::corrupt,
                {path, ": ", describe(e), " is not at a multiple of 4096 between 16384 and the file's end at ",
                 file_bytes, "; the file was cut short, or what refers to the extent is damaged"});
}
inline tl::unexpected<error> overlapping(std::string const& path, extent e, std::uint64_t before) {
    return fail(errc::corrupt, {path, ": ", describe(e), " begins inside the extent before it, which ends at ", before,
                                "; the root is damaged"});
}
inline tl::unexpected<error> bad_root(std::string const& path, std::uint64_t generation, extent where,
                                      std::string_view fault) {
    return fail(errc::corrupt, {path, ": root ", generation, ", ", describe(where), ", ", std::string(fault),
                                "; restore the file from a backup"});
}
inline tl::unexpected<error> bad_slot(std::string const& path, std::string_view which) {
    return fail(errc::corrupt, {path, ": ", std::string(which), "; restore the file from a backup"});
}
inline tl::unexpected<error> refused_writes(std::string const& path, bool read_only) {
    return read_only ? fail(errc::read_only, {path, " was opened read-only"})
                     : fail(errc::poisoned,
                            {path, ": an earlier publish failed, so what is on disk is unknown; reopen it to go on"});
}
inline tl::unexpected<error> too_long(std::string const& path, errc kind, std::string_view what, std::uint64_t bytes,
                                      std::uint64_t most) {
    return fail(kind, {path, ": ", std::string(what), " of ", bytes, " bytes; at most ", most, " are taken"});
}
inline tl::unexpected<error> no_memory(std::string const& path, extent e) {
    return fail(errc::full, {path, ": no memory to read ", describe(e)});
}

/// A published root: which one, where its payload lies and what its payload's checksum is.
struct root_slot {
    std::uint64_t generation = 0;  ///< 0: the file was made, nothing was published yet
    extent        where;           ///< {0, 0} for an empty payload
    std::uint32_t payload_crc = 0;
};

struct slot_record {  // 64 bytes, little-endian, crc over the 60 before it
    std::array<char, 8>          magic{};
    std::uint64_t                generation  = 0;
    std::uint64_t                offset      = 0;
    std::uint64_t                size        = 0;
    std::uint32_t                payload_crc = 0;
    std::array<std::uint8_t, 24> reserved{};
    std::uint32_t                crc = 0;
};
static_assert(sizeof(slot_record) == 64 && offsetof(slot_record, crc) == 60 &&
              std::is_trivially_copyable_v<slot_record>);

constexpr std::uint64_t slot_offset(std::uint64_t generation) noexcept { return (1 + generation % 2) * page_bytes; }

inline slot_record encode_record(root_slot const& s, std::string_view magic) {
    slot_record r;
    std::copy(magic.begin(), magic.end(), r.magic.begin());
    r.generation  = s.generation;
    r.offset      = s.where.offset;
    r.size        = s.where.size;
    r.payload_crc = s.payload_crc;
    r.crc         = crc32c(object_bytes(r).first(offsetof(slot_record, crc)));
    return r;
}
/// A slot page, without proof.
inline page encode_slot(root_slot const& s) {
    auto const r = encode_record(s, slot_magic);
    page       out{};
    std::memcpy(out.data(), &r, sizeof r);
    std::memcpy(out.data() + slot_copy_at, &r, sizeof r);
    return out;
}

/// What a slot page says.
struct slot_reading {
    bool      valid  = false;  ///< a record is intact, `slot` is the newer of the intact ones
    bool      blank  = true;   ///< both records are all zeros: never written
    bool      proven = false;  ///< the slot was synced
    root_slot slot;
};

inline slot_reading decode_slot(byte_view slot_page, std::uint64_t which) {
    slot_reading out;
    auto const   intact = [&](std::size_t at, std::string_view magic, slot_record& r) {
        auto const bytes = slot_page.subspan(at, sizeof(slot_record));
        r                = load<slot_record>(bytes.data());
        return std::string_view(r.magic.data(), r.magic.size()) == magic &&
               r.crc == crc32c(bytes.first(offsetof(slot_record, crc))) &&
               r.generation % 2 == which;  // else it belongs into the other page
    };
    slot_record r;
    for (std::size_t at : {std::size_t{0}, slot_copy_at}) {
        auto const bytes = slot_page.subspan(at, sizeof(slot_record));
        if (std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; })) continue;
        out.blank = false;
        if (!intact(at, slot_magic, r)) continue;
        if (out.valid && out.slot.generation >= r.generation) continue;
        out.valid = true;
        out.slot  = {r.generation, {r.offset, r.size}, r.payload_crc};
    }
    out.proven = out.valid && intact(slot_proof_at, proof_magic, r) && r.generation == out.slot.generation &&
                 extent{r.offset, r.size} == out.slot.where && r.payload_crc == out.slot.payload_crc;
    return out;
}

inline page encode_header(std::string_view signature) {
    page out{};
    auto put_at = [&](std::size_t at, auto value) { std::memcpy(out.data() + at, &value, sizeof value); };
    std::memcpy(out.data(), header_magic.data(), header_magic.size());
    put_at(8, format_version);
    put_at(12, static_cast<std::uint32_t>(page_bytes));
    put_at(16, static_cast<std::uint32_t>(signature.size()));
    std::memcpy(out.data() + 32, signature.data(), signature.size());
    put_at(page_bytes - 4, crc32c(byte_view(out).first(page_bytes - 4)));
    return out;
}

/// The first 16 KiB of a new file: header, the slot of generation 0, and zeros.
inline front encode_front(std::string_view signature) {
    front      out{};
    auto const header = encode_header(signature);
    auto const slot   = encode_slot({0, {}, crc32c({})});
    std::memcpy(out.data(), header.data(), header.size());
    std::memcpy(out.data() + slot_offset(0), slot.data(), slot.size());
    return out;
}

/// Checks the front of a file of `file_bytes`, of which `bytes` are the first (16 KiB, or the whole file when shorter).
inline result<void> check_header(byte_view bytes, std::uint64_t file_bytes, std::string const& path,
                                 std::string_view signature) {
    if (bytes.size() < header_magic.size() || as_chars(bytes.first(header_magic.size())) != header_magic)
        return fail(
            errc::not_ours,
            {path, " is not a tenon page file: it has ", file_bytes,
             " bytes and does not begin with \"tenon.pg\"; choose another path, or remove it if nobody needs it"});
    if (bytes.size() < 12 || file_bytes < data_begin)
        return fail(errc::corrupt, {path, " was cut short: a page file has at least ", data_begin,
                                    " bytes and this one has ", file_bytes, "; restore it from a backup"});
    if (auto const version = load<std::uint32_t>(bytes.data() + 8); version != format_version)
        return fail(errc::wrong_version, {path, " has page file format ", version, " and this program knows format ",
                                          format_version, "; open it with the program that made it"});
    auto const said  = load<std::uint32_t>(bytes.data() + page_bytes - 4);
    auto const found = crc32c(bytes.first(page_bytes - 4));
    auto const size  = load<std::uint32_t>(bytes.data() + 16);
    if (said != found || size > max_signature_bytes || load<std::uint32_t>(bytes.data() + 12) != page_bytes)
        return fail(errc::corrupt, {path, ": the header (offset 0, 4096 bytes) is damaged: its checksum says ", said,
                                    " and its bytes give ", found, "; restore it from a backup"});
    if (auto const made_with = as_chars(bytes.subspan(32, size)); made_with != signature)
        return fail(errc::wrong_assembly, {path, " was made by \"", std::string(made_with), "\" and is opened by \"",
                                           std::string(signature), "\"; open it with the database type that made it"});
    return {};
}

}  // namespace tenon::detail::pages
