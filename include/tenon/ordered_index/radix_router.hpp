// SPDX-License-Identifier: Apache-2.0
// A learned step over an exact tree: a table of bins that say between which eight separators a key falls.
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

/// radix_router - a histogram of the separators: a table of bins of one width.
///
/// Maps        p -> number of separators below p.
/// Shapes      bin (p - low) >> shift while p - low <= top, else the last entry. An entry is the number of separators before the bin,
///             its highest bit set when more than eight lie in it, or p lies outside: then the tree answers.
/// Guarantee   any p. Hostile bytes: answers in [0, n], no read outside.
/// Cost        one entry and one line of separators, about half the instructions of the tree; 4 bytes a bin, half a bin to one bin for each
///             separator. put() makes no router (no entries, the tree answers all) unless 98 in 100 separators lie in good bins: each
///             further level of bins would cost what the tree does, and look-ups that go now one way, now the other, cost most.
/// On disk     48 bytes and the entries, docs/formats/hybrid.md
/// Source      the radix layers of learned indexes (Kraska et al., 2018; RadixSpline, Kipf et al., 2020). Differs: trimmed range, eight
///             separators compared at once, exact fallback.
class radix_router {
    static constexpr std::uint32_t crowded = std::uint32_t{1} << 31;

    struct head {
        std::uint64_t low     = 0;
        std::uint64_t top     = 0;
        std::uint64_t shift   = 0;
        std::uint64_t entries = 0;  ///< 0: no router
        std::uint64_t zero[2] = {};
    };
    struct plan {
        head                       h;
        std::vector<std::uint32_t> entries;
    };

public:
    /// Appends a router over these separators, in multiples of 64 bytes. Precondition: they ascend.
    static void put(byte_vector& out, std::span<std::uint64_t const> separators) {
        auto const best = best_plan(separators);
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
        auto const& h = heads.front();
        if (h.shift > 63 || h.zero[0] != 0 || h.zero[1] != 0 ||
            !view_array(all, offset + sizeof(head), h.entries, entries) ||
            (h.entries != 0 &&
             (tree.size() < 8 || tree.size() >= crowded || h.entries < 2 || h.entries - 2 != h.top >> h.shift)))
            return fail(errc::corrupt, {"the router at offset ", offset, " says it has ", h.entries,
                                        " entries for distances up to ", h.top, ", which does not fit"});
        out.head_    = h;
        out.entries_ = entries.data();
        out.last_    = tree.size() < 8 ? 0 : tree.size() - 8;
        out.outside_ = h.entries == 0 ? 0 : h.entries - 1;
        end          = (offset + sizeof(head) + h.entries * 4 + 63) / 64 * 64;
        return out;
    }
    std::uint64_t entries() const noexcept { return head_.entries; }

    /// The first separator that p has to be compared with, or `ask_tree`. Precondition: entries() > 0.
    std::uint64_t first(std::uint64_t p) const noexcept {
        auto const entry = entries_[bin(p)];
        return entry <= last_ ? entry : ask_tree;  // a crowded entry is greater than all others
    }
    static constexpr std::uint64_t ask_tree = ~std::uint64_t{0};

    /// Whether these are the bytes that put() writes.
    bool valid(std::span<std::uint64_t const> separators) const {
        auto const expected = best_plan(separators);
        return std::memcmp(&expected.h, &head_, sizeof head_) == 0 &&
               std::equal(expected.entries.begin(), expected.entries.end(), entries_);
    }

private:
    std::uint64_t bin(std::uint64_t p) const noexcept {
        auto const x = p - head_.low;
        return x <= head_.top ? x >> head_.shift : outside_;
    }
    static plan best_plan(std::span<std::uint64_t const> separators) {
        auto const n = separators.size();
        if (n < 64 || n >= crowded) return {};
        auto const finest = static_cast<unsigned>(std::bit_width(n)) - 1;
        for (auto const bits : {finest - 1, finest})
            for (std::size_t const trim : {std::size_t{0}, n / 1000 + 1, n / 50 + 1})
                if (auto tried = plan_for(separators, trim, bits); !tried.entries.empty()) return tried;
        return {};
    }

    /// With bins for the separators but `trim` at either end, about 2^bits or half as many; empty when too many are crowded.
    static plan plan_for(std::span<std::uint64_t const> separators, std::size_t trim, unsigned bits) {
        plan       out;
        auto const n     = separators.size();
        auto const range = separators[n - 1 - trim] - separators[trim];
        auto const width = static_cast<unsigned>(std::bit_width(range));
        out.h.low        = separators[trim];
        out.h.shift      = width > bits ? width - bits : 0;
        out.h.top        = range;
        out.h.entries    = (out.h.top >> out.h.shift) + 2;
        out.entries.reserve(static_cast<std::size_t>(out.h.entries));
        auto const  low  = std::lower_bound(separators.begin(), separators.end(), out.h.low);
        auto        at   = static_cast<std::size_t>(low - separators.begin());
        std::size_t good = 0;
        for (std::uint64_t bin = 0; bin + 1 < out.h.entries; ++bin) {
            auto const first = at;
            while (at < n && separators[at] - out.h.low <= out.h.top &&
                   (separators[at] - out.h.low) >> out.h.shift == bin)
                ++at;
            bool const full = at - first > 8;
            if (!full) good += at - first;
            out.entries.push_back(static_cast<std::uint32_t>(std::min(first, n - 8)) | (full ? crowded : 0));
        }
        out.entries.push_back(crowded);
        return good >= n - n / 50 ? out : plan{};
    }

    head                 head_{};
    std::uint32_t const* entries_ = nullptr;
    std::uint64_t        last_    = 0;  ///< the greatest entry with eight separators behind it
    std::uint64_t        outside_ = 0;  ///< the last entry
};

}  // namespace tenon
