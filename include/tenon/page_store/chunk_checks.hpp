// SPDX-License-Identifier: Apache-2.0
// Checksums of an extent's chunks, each verified before what it covers is believed for the first time.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/crc32c.hpp"
#include "tenon/core/result.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tenon::detail {

/// chunk_checks - for bytes that lie in memory, and the crc32c of each 64 KiB of them.
///
/// Guarantee   need(part) returns without error only when every chunk that the part touches has once been what was written.
/// Cost        need: a look at a bit for each chunk; the first time the checksum of the chunk.
/// Threads     any number; two that come first both verify.
class chunk_checks {
public:
    static constexpr std::uint64_t chunk_bytes = 64 << 10;
    static constexpr std::uint64_t count(std::uint64_t bytes) noexcept {
        return bytes / chunk_bytes + (bytes % chunk_bytes != 0);
    }
    static std::vector<std::uint32_t> sums_of(byte_view bytes) {
        std::vector<std::uint32_t> out;
        out.reserve(static_cast<std::size_t>(count(bytes.size())));
        for (std::uint64_t c = 0; c < count(bytes.size()); ++c) out.push_back(crc32c(chunk(bytes, c)));
        return out;
    }

    /// `sums` are count(bytes.size()) checksums, 4 bytes each, that are verified already. `path` and `offset` are for errors. What the
    /// bytes lie in outlives this.
    chunk_checks(byte_view bytes, byte_view sums, std::string path, std::uint64_t offset)
        : bytes_(bytes),
          sums_(sums),
          path_(std::move(path)),
          offset_(offset),
          seen_(
              std::make_unique<std::atomic<std::uint64_t>[]>(static_cast<std::size_t>(count(bytes.size()) / 64 + 1))) {}

    /// Precondition: the part lies in the bytes.
    result<void> need(byte_view part) const {
        if (part.empty()) return {};
        auto const first = static_cast<std::uint64_t>(part.data() - bytes_.data());
        for (auto c = first / chunk_bytes; c <= (first + part.size() - 1) / chunk_bytes; ++c) {
            if (seen(c)) continue;
            auto const expected = load<std::uint32_t>(sums_.data() + c * sizeof(std::uint32_t));
            if (auto const found = crc32c(chunk(bytes_, c)); found != expected) return differs(c, expected, found);
            seen_[static_cast<std::size_t>(c / 64)].fetch_or(bit_of(c), std::memory_order_relaxed);
        }
        return {};
    }
    /// Verifies a chunk that nobody has needed yet. Whether all are what was written by now; one that is not stays in the way, and is
    /// an error for who needs it.
    bool verify_next() const {
        auto const n = count(bytes_.size());
        auto       c = next_.load(std::memory_order_relaxed);
        while (c < n && seen(c)) ++c;
        if (c < n && need(chunk(bytes_, c))) ++c;
        next_.store(c, std::memory_order_relaxed);
        return c == n;
    }

private:
    static std::uint64_t bit_of(std::uint64_t c) noexcept { return std::uint64_t{1} << c % 64; }
    bool                 seen(std::uint64_t c) const noexcept {
        return (seen_[static_cast<std::size_t>(c / 64)].load(std::memory_order_relaxed) & bit_of(c)) != 0;
    }
    static byte_view chunk(byte_view bytes, std::uint64_t c) noexcept {
        auto const at = static_cast<std::size_t>(c * chunk_bytes);
        return bytes.subspan(at, std::min<std::size_t>(bytes.size() - at, chunk_bytes));
    }
    [[gnu::cold]] tl::unexpected<error> differs(std::uint64_t c, std::uint32_t expected, std::uint32_t found) const {
        return fail(errc::corrupt, {path_, ": the ", chunk(bytes_, c).size(), " bytes at offset ",
                                    offset_ + c * chunk_bytes, " are not what was written: their checksum should be ",
                                    expected, " and is ", found, "; restore the file from a backup"});
    }

    byte_view                                     bytes_, sums_;
    std::string                                   path_;
    std::uint64_t                                 offset_;
    std::unique_ptr<std::atomic<std::uint64_t>[]> seen_;     // a bit for each chunk
    mutable std::atomic<std::uint64_t>            next_{0};  // all before it are seen
};

}  // namespace tenon::detail
