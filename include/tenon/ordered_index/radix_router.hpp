// SPDX-License-Identifier: Apache-2.0
// A learned step over an exact tree: where separators are spread evenly, a table says between which eight of them a key falls.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/line_search.hpp"
#include "tenon/core/result.hpp"
#include "tenon/ordered_index/key_tree.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tenon {

/// radix_router - a linear model of the separators' bulk, written as a table of bins, with a key_tree for bins in which it is poor.
///
/// Maps        p -> number of separators below p.
/// Shapes      bin of p: (p - low) >> shift, at most the last. entries[bin]: the number of separators in the bins before it; its
///             highest bit set when more than eight lie in the bin: then the tree answers.
/// Guarantee   any p. Hostile bytes: answers in [0, n], no read outside.
/// Cost        two cache lines where the model is good; 4 bytes for one to two separators. Left out (no bins) where less than nine in
///             ten separators lie in good bins: then the tree answers all.
/// On disk     32 bytes and the table, docs/formats/hybrid.md
/// Source      the radix layer of learned indexes: Kraska et al., 2018; RadixSpline, Kipf et al., 2020. Differs: trimmed range, exact fallback.
class radix_router {
    struct head {
        std::uint64_t low, shift, bins, zero;
    };
    static constexpr std::uint32_t crowded   = std::uint32_t{1} << 31;
    static constexpr std::uint64_t most_bins = std::uint64_t{1} << 24;

public:
    /// Appends a router over these separators, in multiples of 64 bytes. Precondition: they ascend.
    static void put(byte_vector& out, std::span<std::uint64_t const> separators) {
        auto best = head{0, 0, 0, 0};
        if (separators.size() >= 64 && separators.size() < crowded) {
            std::uint64_t most = separators.size() - separators.size() / 10;
            for (std::size_t const trim : {std::size_t{0}, separators.size() / 1000 + 1, separators.size() / 50 + 1}) {
                auto const h    = spread(separators, trim);
                auto const good = in_good_bins(h, separators);
                if (good >= most) most = good + 1, best = h;
            }
        }
        tenon::put(out, best);
        std::size_t at = 0;
        for (std::uint64_t bin = 0; bin < best.bins; ++bin) {
            auto const first = at;
            while (at < separators.size() && bin_of(best, separators[at]) == bin) ++at;
            tenon::put(out, static_cast<std::uint32_t>(first) | (at - first > 8 ? crowded : 0));
        }
        pad_to(out, 64);
    }

    /// Over bytes at `offset`, and the tree of the same separators. `end` becomes the offset behind it.
    static result<radix_router> open(byte_view all, std::uint64_t offset, key_tree const& tree, std::uint64_t& end) {
        std::span<head const> heads;
        radix_router          out;
        if (!view_array(all, offset, 1, heads)) return fail(errc::corrupt, {"no router at offset ", offset});
        out.head_ = heads.front();
        std::span<std::uint32_t const> entries;
        if (out.head_.shift > 63 || out.head_.bins > most_bins || out.head_.zero != 0 ||
            !view_array(all, offset + sizeof(head), out.head_.bins, entries))
            return fail(errc::corrupt, {"the router at offset ", offset, " says it has ", out.head_.bins, " bins of 2^",
                                        out.head_.shift, ", which does not fit"});
        out.entries_ = entries.data();
        out.size_    = tree.size();
        end          = (offset + sizeof(head) + out.head_.bins * 4 + 63) / 64 * 64;
        return out;
    }
    std::uint64_t bins() const noexcept { return head_.bins; }

    /// The first separator that p has to be compared with, or `ask_tree`. Precondition: bins() > 0.
    static constexpr std::uint64_t ask_tree = ~std::uint64_t{0};
    std::uint64_t                  first(std::uint64_t p) const noexcept {
        auto const entry = entries_[bin_of(head_, p)];
        return (entry & crowded) == 0 && entry + 8 <= size_ ? entry : ask_tree;
    }

    bool valid(std::span<std::uint64_t const> separators) const {
        byte_vector expected;
        put(expected, separators);
        byte_view const rest = byte_view(expected).subspan(sizeof(head));
        return std::equal(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(head_.bins * 4),
                          reinterpret_cast<std::byte const*>(entries_)) &&
               load<std::uint64_t>(expected.data()) == head_.low &&
               load<std::uint64_t>(expected.data() + 16) == head_.bins;
    }

private:
    static std::uint64_t bin_of(head const& h, std::uint64_t p) noexcept {
        auto const bin = (p < h.low ? 0 : p - h.low) >> h.shift;
        return bin < h.bins ? bin : h.bins - 1;
    }
    /// About one bin for each separator over all of them but `trim` at either end.
    static head spread(std::span<std::uint64_t const> separators, std::size_t trim) noexcept {
        auto const low = separators[trim], high = separators[separators.size() - 1 - trim];
        auto const wanted = std::min(std::bit_ceil(static_cast<std::uint64_t>(separators.size())), most_bins);
        auto const width = std::bit_width(high - low), room = std::bit_width(wanted - 1);
        auto const shift = static_cast<std::uint64_t>(width > room ? width - room : 0);
        return {low, shift, ((high - low) >> shift) + 1, 0};
    }
    /// How many separators lie in bins with at most eight.
    static std::uint64_t in_good_bins(head const& h, std::span<std::uint64_t const> separators) noexcept {
        std::uint64_t good = 0;
        for (std::size_t i = 0; i < separators.size();) {
            auto const bin  = bin_of(h, separators[i]);
            auto       next = i + 1;
            while (next < separators.size() && bin_of(h, separators[next]) == bin) ++next;
            if (next - i <= 8) good += next - i;
            i = next;
        }
        return good;
    }

    head                 head_{};
    std::uint32_t const* entries_ = nullptr;
    std::uint64_t        size_    = 0;
};

}  // namespace tenon
