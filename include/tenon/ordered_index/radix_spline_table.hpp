// SPDX-License-Identifier: Apache-2.0
// A table over the leading bits of keys, beside a tree that answers where the table cannot.
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

namespace tenon::detail {

/// radix_table - the leading bits of p - low -> between which eight separators p falls.
///
/// Shapes      an entry for each bin of 2^shift numbers, as many as twice the separators call for, at most 2^bits; the first and the last
///             bin hold all that lies below and above the table.
/// Guarantee   any p. Hostile bytes: answers in [0, n], no read outside.
/// Cost        one entry and one line of separators; bins of more than eight separators are left to the tree, O(log n).
/// On disk     docs/formats/radix_spline.md
class radix_table {
    static constexpr std::uint32_t crowded = std::uint32_t{1} << 31;

public:
    /// Bins, low and shift; no bins: no table.
    struct shape {
        std::uint64_t bins = 0, low = 0, shift = 0;
        friend bool   operator==(shape const&, shape const&) = default;
    };

    /// The table over ascending separators that leaves the fewest of them to the tree. The range of the keys is trimmed where outliers would
    /// make it too coarse.
    static shape make(std::span<std::uint64_t const> separators, unsigned bits, std::vector<std::uint32_t>& entries) {
        auto const n = separators.size();
        shape      best;
        entries.clear();
        if (n <= 8 || n >= crowded) return best;
        std::vector<std::uint32_t> tried;
        std::uint64_t              most = 0;
        for (std::size_t const trim : {std::size_t{0}, n / 1000 + 1, n / 50 + 1}) {
            shape      s{0, separators[trim], 0};
            auto const top    = separators[n - 1 - trim] - s.low;
            auto const wanted = std::min(bits, static_cast<unsigned>(std::bit_width(2 * n - 1)));
            auto const width  = static_cast<unsigned>(std::bit_width(top));
            s.shift           = width > wanted ? width - wanted : 0;
            s.bins            = (top >> s.shift) + 1;
            auto const served = fill(s, separators, tried);
            if (served <= most) continue;
            most = served, best = s;
            entries.swap(tried);
        }
        return best;
    }

    radix_table() = default;
    /// Over bytes at `offset`; `end` becomes the offset behind the table.
    static result<radix_table> open(byte_view all, std::uint64_t offset, shape s, key_tree const& tree,
                                    std::uint64_t& end) {
        std::span<std::uint32_t const> entries;
        if (!view_array(all, offset, s.bins, entries) || s.shift > 63 ||
            (s.bins > 0 ? tree.size() < 8 || tree.size() >= crowded : s != shape{}))
            return fail(errc::corrupt, {"a table of ", s.bins, " entries at offset ", offset, " does not fit into ",
                                        all.size(), " bytes or its ", tree.size(), " separators"});
        radix_table out;
        out.shape_   = s;
        out.entries_ = entries.data();
        out.last_    = tree.size() < 8 ? 0 : tree.size() - 8;
        end          = offset + s.bins * sizeof(std::uint32_t);
        return out;
    }

    /// Number of separators less than p.
    std::uint64_t lower(key_tree const& tree, std::uint64_t p) const noexcept {
        auto const from = entry(p);
        if (from <= last_) [[likely]]
            return from + tree.less_of_eight(from, p);
        return tree.lower(p);
    }
    /// Whether p is left to the tree.
    bool         asks_tree(std::uint64_t p) const noexcept { return entry(p) > last_; }
    shape const& layout() const noexcept { return shape_; }
    /// How many of its bins are left to the tree, O(bins).
    std::uint64_t crowded_bins() const noexcept {
        std::uint64_t out = 0;
        for (std::uint64_t i = 0; i < shape_.bins; ++i) out += (entries_[i] & crowded) != 0 ? 1 : 0;
        return out;
    }
    /// Whether this is the table that make() makes.
    bool valid(std::span<std::uint64_t const> separators, unsigned bits) const {
        std::vector<std::uint32_t> expected;
        return make(separators, bits, expected) == shape_ &&
               std::equal(expected.begin(), expected.end(), entries_, entries_ + shape_.bins);
    }

private:
    std::uint32_t entry(std::uint64_t p) const noexcept {
        if (shape_.bins == 0) [[unlikely]]
            return crowded;
        auto const x = p < shape_.low ? 0 : (p - shape_.low) >> shape_.shift;
        return entries_[x < shape_.bins ? x : shape_.bins - 1];
    }
    /// Each entry: the first separator to compare with, at most n - 8. Returns how many separators lie in bins that are not crowded.
    static std::uint64_t fill(shape s, std::span<std::uint64_t const> separators, std::vector<std::uint32_t>& entries) {
        auto const bin = [&](std::uint64_t p) { return p < s.low ? 0 : std::min((p - s.low) >> s.shift, s.bins - 1); };
        entries.clear();
        entries.reserve(static_cast<std::size_t>(s.bins));
        std::uint64_t served = 0;
        auto const    n      = separators.size();
        for (std::size_t at = 0; entries.size() < s.bins;) {
            auto const from = at;
            while (at < n && bin(separators[at]) == entries.size()) ++at;
            bool const full = at - from > 8;
            if (!full) served += at - from;
            entries.push_back(static_cast<std::uint32_t>(std::min(from, n - 8)) | (full ? crowded : 0));
        }
        return served;
    }

    shape                shape_{};
    std::uint32_t const* entries_ = nullptr;
    std::uint64_t        last_    = 0;
};

}  // namespace tenon::detail
