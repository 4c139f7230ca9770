// SPDX-License-Identifier: Apache-2.0
// An implicit B+-tree over sorted 64-bit separators: one cache line a node, no pointers, flat bytes.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/line_search.hpp"
#include "tenon/core/result.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

namespace tenon {

/// key_tree - levels of nodes of eight separators; the bottom level is the separators themselves.
///
/// Maps        p -> number of separators below p.
/// Shapes      n separators; level k above the bottom holds the greatest of each node of the level below it but the last; at most 21 levels.
/// Guarantee   any p, duplicates allowed. Hostile bytes: open() refuses them, or answers lie in [0, n] and nothing outside is read.
/// Cost        build O(n); lower and upper log8(n) cache lines, the upper levels of which stay cached; bytes 8 / 7 n and padding, which is 43 KB
///             at most and makes trees of up to 5 levels twice as large where n is little more than fewer levels hold.
/// On disk     levels from the top, five of them at fixed places; the rest of their room is 2^64 - 1; docs/formats/hybrid.md
/// Source      Khuong and Morin, Array Layouts for Comparison-Based Searching, 2017; Slotin, Algorithmica, "S+ trees", 2022.
class key_tree {
public:
    static constexpr std::uint64_t fan_out = 8;

    /// Bytes that a tree over n separators takes.
    static std::uint64_t bytes(std::uint64_t n) noexcept {
        auto const bottom = arrange(n).second[0];
        return (bottom.first + nodes_for(bottom.words) * fan_out) * 8;
    }

    /// How many of these are room that upper levels leave at their fixed places.
    static std::uint64_t padding(std::uint64_t n) noexcept {
        auto const [levels, layers] = arrange(n);
        std::uint64_t words         = 0;
        for (unsigned level = 0; level < levels; ++level) words += nodes_for(layers[level].words) * fan_out;
        return bytes(n) - words * 8;
    }

    /// Appends a tree. Precondition: separators ascend.
    static void put(byte_vector& out, std::span<std::uint64_t const> separators) {
        auto const at = out.size();
        out.resize(at + static_cast<std::size_t>(bytes(separators.size())), std::byte{0xff});
        auto const [levels, layers] = arrange(separators.size());
        auto const word             = [&](unsigned level, std::uint64_t i) {
            return out.data() + at + (layers[level].first + i) * 8;
        };
        if (!separators.empty()) std::memcpy(word(0, 0), separators.data(), separators.size() * 8);
        for (unsigned level = 0; level + 1 < levels;
             ++level)  // all nodes but the last have a greatest separator to give
            for (std::uint64_t node = 0; node < layers[level + 1].words; ++node)
                std::memcpy(word(level + 1, node), word(level, node * fan_out + fan_out - 1), 8);
    }

    /// Over `bytes(n)` bytes at `offset`, which must lie at a multiple of 8 in memory. O(levels): sees that the last node of each level is
    /// filled up with 2^64 - 1, which no p exceeds, so that no way through the levels leaves them.
    static result<key_tree> open(byte_view all, std::uint64_t offset, std::uint64_t n) {
        std::span<std::uint64_t const> words;
        if (n > std::uint64_t{1} << 60 || !view_array(all, offset, bytes(n) / 8, words))
            return fail(errc::corrupt, {"a tree over ", n, " separators at offset ", offset, " does not fit into ",
                                        all.size(), " bytes, or is not aligned to 8"});
        auto const [levels, layers] = arrange(n);
        key_tree out;
        out.size_   = n;
        out.levels_ = levels;
        out.words_  = words.data();
        for (unsigned level = 0; level < levels; ++level) {
            auto const& l      = layers[level];
            out.layers_[level] = words.data() + l.first;
            auto const is_none = [](std::uint64_t word) { return word == std::numeric_limits<std::uint64_t>::max(); };
            auto const* const none = out.layers_[level] + l.words;
            if (!std::all_of(none, out.layers_[level] + nodes_for(l.words) * fan_out, is_none))
                return fail(errc::corrupt, {"level ", level, " of the tree at offset ", offset, " has ", l.words,
                                            " separators, behind which all bits of its last node must be set"});
        }
        return out;
    }

    std::uint64_t size() const noexcept { return size_; }
    unsigned      levels() const noexcept { return levels_; }

    /// Number of separators less than p.
    std::uint64_t lower(std::uint64_t p) const noexcept { return lower_inlined(p); }
    /// The same, for who calls nothing else: a function without calls needs no frame.
    [[gnu::always_inline]] std::uint64_t lower_inlined(std::uint64_t p) const noexcept {
        if (levels_ == 8) return lower_of<8>(p);
        if (levels_ == 7) return lower_of<7>(p);
        if (levels_ == 6) return lower_of<6>(p);
        if (levels_ == 5) return lower_of<5>(p);
        if (levels_ == 4) return lower_of<4>(p);
        auto const first = bottom(p);
        return first + less_of_eight(first, p);
    }
    /// The same. Precondition: levels() == Levels. Always inline: look-ups one behind the other overlap the better the fewer instructions each
    /// has.
    template <unsigned Levels>
    [[gnu::always_inline]] std::uint64_t lower_of(std::uint64_t p) const noexcept {
        return below<Levels, Levels - 1>(0, p);
    }
    /// Number of separators not greater than p.
    std::uint64_t upper(std::uint64_t p) const noexcept {
        return p == std::numeric_limits<std::uint64_t>::max() ? size_ : lower(p + 1);
    }

    /// One level of lower(), for callers that take many keys through a level at a time: from the node of `level`, counted from the bottom, that
    /// begins at separator `first` of it to where its child in the level below begins. Precondition: 0 < level < levels().
    std::uint64_t descend(unsigned level, std::uint64_t first, std::uint64_t p) const noexcept {
        return (first + line_less(layers_[level] + first, p)) * fan_out;
    }
    /// Where the separators of a level begin.
    std::uint64_t const* level(unsigned i) const noexcept { return layers_[i]; }
    /// Where the node of the bottom level begins to which p leads.
    std::uint64_t bottom(std::uint64_t p) const noexcept {
        std::uint64_t first = 0;
        for (unsigned level = levels_ - 1; level > 0; --level) first = descend(level, first, p);
        return first;
    }
    /// How many of the eight separators from `first` on are less than p. Precondition: they lie in nodes of the bottom level.
    unsigned less_of_eight(std::uint64_t first, std::uint64_t p) const noexcept {
        return line_less(layers_[0] + first, p);
    }
    std::uint64_t separator(std::uint64_t i) const noexcept { return layers_[0][i]; }

    /// Whether these are the bytes that put() writes for these separators, O(n).
    bool valid(std::span<std::uint64_t const> separators) const {
        if (separators.size() != size_) return false;
        byte_vector expected;
        put(expected, separators);
        return std::memcmp(expected.data(), words_, expected.size()) == 0;
    }
    /// Whether the separators ascend and all else is what put() writes for them, O(n).
    bool valid() const { return std::is_sorted(layers_[0], layers_[0] + size_) && valid(separators()); }
    /// The separators, as they stand.
    std::span<std::uint64_t const> separators() const noexcept { return {layers_[0], static_cast<std::size_t>(size_)}; }

private:
    static constexpr unsigned max_levels = 22;
    /// From the top: each stands behind the room of those above it, as if they were full.
    static constexpr unsigned fixed_levels = 5;

    /// Words before a level of a fixed place. A node has eight nodes below it, and the last one of a level one more.
    static constexpr std::uint64_t place(unsigned depth) noexcept {
        std::uint64_t words = 0;
        for (std::uint64_t nodes = 1; depth > 0; --depth, nodes = nodes * fan_out + 1) words += nodes * fan_out;
        return words;
    }

    struct layer {
        std::uint64_t first = 0;  ///< words before it
        std::uint64_t words = 0;  ///< separators in it; the rest of its last node is none
    };
    static std::uint64_t nodes_for(std::uint64_t n) noexcept { return n == 0 ? 1 : (n + fan_out - 1) / fan_out; }

    /// How many levels there are, and the levels from the bottom.
    static std::pair<unsigned, std::array<layer, max_levels>> arrange(std::uint64_t n) noexcept {
        std::pair<unsigned, std::array<layer, max_levels>> out{0, {}};
        auto& [levels, layers] = out;
        for (auto words = n;; words = nodes_for(words) - 1) {
            layers[levels++].words = words;
            if (nodes_for(words) == 1) break;
        }
        for (unsigned level = levels - 1; level > 0; --level) {
            auto const depth = levels - level;  // of the level below
            layers[level - 1].first =
                depth < fixed_levels ? place(depth) : layers[level].first + nodes_for(layers[level].words) * fan_out;
        }
        return out;
    }

    /// lower() from the node of `Level` that begins at `first`. A fixed place saves the load of where the level is.
    template <unsigned Levels, unsigned Level>
    [[gnu::always_inline]] std::uint64_t below(std::uint64_t first, std::uint64_t p) const noexcept {
        constexpr auto depth = Levels - 1 - Level;
        auto at = first + line_less((depth < fixed_levels ? words_ + place(depth) : layers_[Level]) + first, p);
        if constexpr (Level == 0) return at;
        else {
            at *= fan_out;
#if defined(__GNUC__)
            __asm__("" : "+r"(at));  // GCC would multiply twice, once for each use of it
#endif
            return below<Levels, Level - 1>(at, p);
        }
    }

    std::array<std::uint64_t const*, max_levels> layers_{};  ///< from the bottom
    std::uint64_t const*                         words_  = nullptr;
    std::uint64_t                                size_   = 0;
    unsigned                                     levels_ = 0;
};

}  // namespace tenon
