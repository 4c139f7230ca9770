// SPDX-License-Identifier: Apache-2.0
// A Bloom filter in blocks of one cache line: "surely absent" for one memory access.
#pragma once

#include "tenon/filter/concept.hpp"

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/crc32c.hpp"
#include "tenon/core/hash.hpp"
#include "tenon/core/result.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace tenon {

namespace detail {

/// The first 64 bytes of a filter; blocks follow.
struct bloom_header {
    std::array<char, 16>      name;  // "tenon.bloom/1", zeros
    std::uint32_t             bits_per_key;
    std::uint32_t             probes;
    std::uint64_t             blocks;
    std::uint64_t             keys;
    std::uint32_t             blocks_crc;  // of all bytes after the header
    std::uint32_t             header_crc;  // of bytes [0, 44)
    std::array<std::byte, 16> zeros;
};
static_assert(sizeof(bloom_header) == 64 && std::is_trivially_copyable_v<bloom_header> &&
              offsetof(bloom_header, header_crc) == 44);

inline constexpr std::array<char, 16> bloom_name = {'t', 'e', 'n', 'o', 'n', '.', 'b', 'l', 'o', 'o', 'm', '/', '1'};
inline constexpr std::uint32_t        bloom_probes_limit = 16;
inline constexpr std::size_t          bloom_block        = 64;

/// Calls f(bit in [0, 512)) for each probe until it returns false; whether it never did.
template <class F>
constexpr bool bloom_bits(std::uint64_t hash, std::uint32_t probes, F&& f) {
    auto bits = hash * hash_k0;  // the block takes the high bits of the hash, these depend on all
    bits ^= bits >> 32;
    for (std::uint32_t i = 0; i < probes; ++i, bits >>= 9) {
        if (i % 7 == 0 && i > 0) bits = hash_u64(hash + i);
        if (!f(static_cast<unsigned>(bits & 511u))) return false;
    }
    return true;
}

}  // namespace detail

/// bloom - one block of 512 bits a key, a few bits in it.
///
/// Guarantee   true for every hash it was built from; wrongly true for about 1 % of others at 10 bits a key.
/// Cost        build O(n), twice over the memory; may_contain one cache line and no branch but the exit; open O(1), no copy.
///             Memory BitsPerKey bits a key, rounded up to 64 bytes, and a 64-byte header. Duplicates count as keys.
/// Errors      open: bytes that are not a filter, or cut: errc::corrupt. Blocks are not read by open; validate() does.
/// Threads     const members may be called concurrently.
/// On disk     "tenon.bloom/1", docs/formats/bloom.md. A filter made with other BitsPerKey opens as well.
/// Source      Bloom, 1970; Putze, Sanders, Singler, "Cache-, hash- and space-efficient Bloom filters", 2007.
/// Use when    point look-ups often ask for absent keys; avoid for runs that are only scanned.
template <unsigned BitsPerKey = 10>
struct bloom {
    static_assert(BitsPerKey >= 1 && BitsPerKey <= 64,
                  "bloom: BitsPerKey must lie in [1, 64]; 10 gives about 1 % false positives");

    using policy_axis                      = axis::filter;
    static constexpr std::string_view name = "bloom";

    /// Slightly below ln 2 * BitsPerKey: blocks fill unevenly.
    static constexpr std::uint32_t probes =
        std::clamp<std::uint32_t>(BitsPerKey * 69 / 100, 1, detail::bloom_probes_limit);

    /// A filter for these hashes, in any order.
    static byte_vector build(std::span<std::uint64_t const> hashes) {
        detail::bloom_header h{};
        h.name         = detail::bloom_name;
        h.bits_per_key = BitsPerKey;
        h.probes       = probes;
        h.keys         = hashes.size();
        h.blocks       = (h.keys * BitsPerKey + 511) / 512;
        byte_vector out(sizeof(h) + static_cast<std::size_t>(h.blocks) * detail::bloom_block);
        for (auto const hash : hashes) {
            auto* const block =
                out.data() + sizeof(h) + detail::multiply_wide(hash, h.blocks).high * detail::bloom_block;
            detail::bloom_bits(hash, probes, [&](unsigned bit) {
                block[bit / 8] |= std::byte(1u << (bit % 8));
                return true;
            });
        }
        h.blocks_crc = crc32c(byte_view(out).subspan(sizeof(h)));
        h.header_crc = crc32c(object_bytes(h).first(offsetof(detail::bloom_header, header_crc)));
        std::memcpy(out.data(), &h, sizeof(h));
        return out;
    }

    /// Reads a filter in place; the bytes must outlive it. They need no alignment.
    class view {
    public:
        static result<view> open(byte_view bytes) {
            using header = detail::bloom_header;
            if (bytes.size() < sizeof(header))
                return fail(errc::corrupt, {"bloom filter: ", bytes.size(), " bytes, but the header alone has 64"});
            auto const h = load<header>(bytes.data());
            if (h.name != detail::bloom_name)
                return fail(errc::corrupt, "bloom filter: offset 0 does not say tenon.bloom/1");
            if (h.header_crc != crc32c(bytes.first(offsetof(header, header_crc))))
                return fail(errc::corrupt,
                            "bloom filter: the header's checksum at offset 44 does not match bytes 0 to 43");
            if (h.zeros != std::array<std::byte, 16>{})
                return fail(errc::corrupt, "bloom filter: bytes 48 to 63 must be zero");
            auto const rest = bytes.size() - sizeof(header);
            if (rest % detail::bloom_block != 0 || h.blocks != rest / detail::bloom_block)
                return fail(errc::corrupt, {"bloom filter: ", h.blocks,
                                            " blocks of 64 bytes expected after the header, found ", rest, " bytes"});
            if (h.probes == 0 || h.probes > detail::bloom_probes_limit || (h.keys > 0 && h.blocks == 0))
                return fail(errc::corrupt, {"bloom filter: ", h.probes, " probes into ", h.blocks, " blocks for ",
                                            h.keys, " keys is not what build writes"});
            return view(bytes.subspan(sizeof(header)), h);
        }

        /// False: the hash was surely not among those it was built from.
        bool may_contain(std::uint64_t hash) const noexcept {
            if (count_ == 0) return false;
            auto const* const block = blocks_.data() + detail::multiply_wide(hash, count_).high * detail::bloom_block;
            return detail::bloom_bits(hash, probes_, [&](unsigned bit) {
                return (std::to_integer<unsigned>(block[bit / 8]) >> (bit % 8) & 1u) != 0;
            });
        }

        /// Reads all blocks and compares their checksum.
        result<void> validate() const {
            if (crc32c(blocks_) != blocks_crc_)
                return fail(errc::corrupt,
                            "bloom filter: the checksum at offset 40 does not match the blocks from offset 64 on");
            return {};
        }
        std::uint64_t keys() const noexcept { return keys_; }
        std::uint64_t bytes() const noexcept { return sizeof(detail::bloom_header) + blocks_.size(); }

    private:
        view(byte_view blocks, detail::bloom_header const& h) noexcept
            : blocks_(blocks), count_(h.blocks), keys_(h.keys), probes_(h.probes), blocks_crc_(h.blocks_crc) {}

        byte_view     blocks_;
        std::uint64_t count_, keys_;
        std::uint32_t probes_, blocks_crc_;
    };
};

static_assert(filter<bloom<>>);

}  // namespace tenon
