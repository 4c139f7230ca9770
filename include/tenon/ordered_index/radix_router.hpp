// SPDX-License-Identifier: Apache-2.0
// A learned step over an exact tree: tables of bins that say between which eight separators a key falls.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/line_search.hpp"
#include "tenon/core/result.hpp"
#include "tenon/ordered_index/key_tree.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace tenon {

/// radix_router - a histogram of the separators in one or two levels, each bin as fine as the separators in it ask for.
///
/// Maps        p -> number of separators below p, with a key_tree for bins in which more than eight lie.
/// Shapes      x = p - low, held to [0, 2^width). An entry of an inner level holds an offset and a shift: the bin of the next level is
///             offset + (the part of x inside this bin >> shift). An entry of the last level is the number of separators before the bin,
///             its highest bit set when more than eight lie in it: then the tree answers.
/// Guarantee   any p. Hostile bytes: answers in [0, n], no read outside.
/// Cost        a table entry for each level and one line of separators, without branches that depend on the key; 4 bytes for each
///             bin, about half a bin for each separator and level. As few levels as put 98 in 100 separators into good bins; none (no
///             entries, the tree answers all) when even two levels leave more than 10 in 100 out: there the tree is faster.
/// On disk     48 bytes and the entries, docs/formats/hybrid.md
/// Source      the radix layers of learned indexes (Kraska et al., 2018; RadixSpline, Kipf et al., 2020) and the histogram tree
///             (Crotty, Hist-Tree, CIDR 2021). Differs: the same number of levels for every key, trimmed range, exact fallback.
class radix_router {
    static constexpr std::uint32_t crowded     = std::uint32_t{1} << 31;
    static constexpr std::uint64_t most_places = std::uint64_t{1}
                                                 << 26;  // an entry has 26 bits for an offset, 6 for a shift
    static constexpr unsigned most_levels = 2;

    struct head {
        std::uint64_t low     = 0;
        std::uint64_t top     = 0;  ///< the greatest x
        std::uint64_t shift   = 0;  ///< of the first level
        std::uint64_t levels  = 0;  ///< 0: no router
        std::uint64_t entries = 0;
        std::uint64_t zero    = 0;
    };
    struct plan {
        head                       h;
        std::vector<std::uint32_t> entries;
        std::uint64_t              good = 0;  ///< separators in bins of at most eight
    };

public:
    /// Appends a router over these separators, in multiples of 64 bytes. Precondition: they ascend.
    static void put(byte_vector& out, std::span<std::uint64_t const> separators) {
        plan       best;
        auto const n = separators.size();
        if (n >= 64 && n < crowded) {
            auto const enough = n - n / 50, least = n - n / 10;
            for (unsigned levels = 1; levels <= most_levels && best.good < enough; ++levels)
                for (std::size_t const trim : {std::size_t{0}, n / 1000 + 1, n / 50 + 1}) {
                    if (best.good >= enough) break;
                    auto tried = plan_for(separators, trim, levels);
                    if (tried.good >= least && tried.good > best.good) best = std::move(tried);
                }
        }
        tenon::put(out, best.h);
        put_bytes(out, std::as_bytes(std::span(best.entries)));
        pad_to(out, 64);
    }

    /// Over bytes at `offset`, and the tree of the same separators. `end` becomes the offset behind it.
    static result<radix_router> open(byte_view all, std::uint64_t offset, key_tree const& tree, std::uint64_t& end) {
        std::span<head const>          heads;
        std::span<std::uint32_t const> entries;
        radix_router                   out;
        if (!view_array(all, offset, 1, heads)) return fail(errc::corrupt, {"no router at offset ", offset});
        auto const& h    = heads.front();
        bool const  none = h.levels == 0 && h.entries == 0;
        if (h.levels > most_levels || h.shift > 63 || h.zero != 0 ||
            !view_array(all, offset + sizeof(head), h.entries, entries) ||
            (!none && (tree.size() < 8 || tree.size() >= crowded || h.levels == 0 || h.entries <= h.top >> h.shift)))
            return fail(errc::corrupt, {"the router at offset ", offset, " says it has ", h.levels, " levels and ",
                                        h.entries, " entries, which does not fit"});
        out.head_    = h;
        out.entries_ = entries.data();
        out.last_    = tree.size() < 8 ? 0 : tree.size() - 8;
        end          = (offset + sizeof(head) + h.entries * 4 + 63) / 64 * 64;
        return out;
    }
    unsigned      levels() const noexcept { return static_cast<unsigned>(head_.levels); }
    std::uint64_t entries() const noexcept { return head_.entries; }

    /// Where the way of p through the levels stands. Callers that look up many keys take them through a level at a time.
    struct way {
        std::uint64_t x     = 0;  ///< inside the bin
        std::uint64_t entry = 0;
    };
    /// Before the first level. Precondition: levels() > 0, as for all that follows.
    way begin(std::uint64_t p) const noexcept {
        auto const x = from_low(p);
        return {x & low_bits(head_.shift), x >> head_.shift};
    }
    /// One level down; levels() - 1 times.
    way step(way w) const noexcept {
        auto const entry = entries_[w.entry];
        auto const shift = entry & 63u;
        auto const next  = (entry >> 6) + (w.x >> shift);
        return {w.x & low_bits(shift), next < head_.entries ? next : head_.entries - 1};
    }
    /// At the last level: the first separator that p has to be compared with, or `ask_tree`.
    std::uint64_t first(way w) const noexcept {
        auto const entry = entries_[w.entry];
        return entry <= last_ ? entry : ask_tree;  // a crowded entry is greater than all others
    }
    std::uint64_t first(std::uint64_t p) const noexcept {
        if (head_.levels == 1) return first(way{0, from_low(p) >> head_.shift});  // nothing is left of p below
        return first(step(begin(p)));
    }
    void                           prefetch_entry(way w) const noexcept { prefetch(entries_ + w.entry); }
    static constexpr std::uint64_t ask_tree = ~std::uint64_t{0};

    /// Whether these are the bytes that put() writes.
    bool valid(std::span<std::uint64_t const> separators) const {
        byte_vector expected;
        put(expected, separators);
        auto const h = load<head>(expected.data());
        return h.low == head_.low && h.top == head_.top && h.shift == head_.shift && h.levels == head_.levels &&
               h.entries == head_.entries &&
               (h.entries == 0 || std::memcmp(expected.data() + sizeof(head), entries_, head_.entries * 4) == 0);
    }

private:
    std::uint64_t from_low(std::uint64_t p) const noexcept {
        auto const x = p < head_.low ? 0 : p - head_.low;
        return x < head_.top ? x : head_.top;
    }
    static constexpr std::uint64_t low_bits(std::uint64_t n) noexcept {
        return n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
    }

    /// A bin while tables are made: separators [first, last) whose x agree but for the low `width` bits.
    struct bin {
        std::uint64_t first, last;
        unsigned      width;
        unsigned      shift = 0;

        /// Chooses how fine the bin is divided: a place for two to four separators, so that the entries stay in the caches.
        void divide() noexcept {
            auto const n    = last - first;
            auto const bits = n <= 8 ? 0u : static_cast<unsigned>(std::bit_width(n)) - 2;
            shift           = bits < width ? width - bits : 0;
        }
        std::uint64_t places() const noexcept { return std::uint64_t{1} << (width - shift); }
    };

    static plan plan_for(std::span<std::uint64_t const> separators, std::size_t trim, unsigned levels) {
        plan       out;
        auto const n = separators.size();
        out.h.low    = separators[trim];
        auto const x = [&](std::uint64_t i) {
            auto const p = separators[i];
            return p < out.h.low ? 0 : std::min(p - out.h.low, out.h.top);
        };
        auto const width = std::max(1u, static_cast<unsigned>(std::bit_width(separators[n - 1 - trim] - out.h.low)));
        out.h.top        = low_bits(width);

        std::vector<bin> bins{bin{0, n, width}}, next;
        bins.front().divide();
        out.h.shift  = bins.front().shift;
        out.h.levels = levels;
        for (unsigned level = 1; level <= levels; ++level) {
            next.clear();
            for (auto const& b : bins) {  // each into its places
                auto at = b.first;
                for (std::uint64_t place = 0, places = b.places(); place < places; ++place) {
                    auto const from = at;
                    while (at < b.last && (x(at) & low_bits(b.width)) >> b.shift == place) ++at;
                    next.push_back(bin{from, at, b.shift});
                    next.back().divide();
                }
                if (next.size() + out.entries.size() > most_places) return plan{};
            }
            auto const behind = out.entries.size() + next.size();
            auto       offset = behind;
            for (auto const& b : next) {
                auto const full = b.last - b.first > 8;
                if (level == levels) {
                    if (!full) out.good += b.last - b.first;
                    out.entries.push_back(static_cast<std::uint32_t>(std::min(b.first, n - 8)) | (full ? crowded : 0));
                } else {
                    out.entries.push_back(static_cast<std::uint32_t>(offset << 6 | b.shift));
                    offset += b.places();
                }
            }
            if (offset > most_places) return plan{};
            bins.swap(next);
        }
        out.h.entries = out.entries.size();
        return out;
    }

    head                 head_{};
    std::uint32_t const* entries_ = nullptr;
    std::uint64_t        last_    = 0;  ///< the greatest entry with eight separators behind it
};

}  // namespace tenon
