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

namespace tenon {

/// key_tree - levels of nodes of eight separators; the bottom level is the separators themselves.
///
/// Maps        p -> number of separators below p.
/// Shapes      n separators; level k above the bottom holds the greatest of each node of the level below it; at most 21 levels.
/// Guarantee   any p, duplicates allowed. Hostile bytes: answers in [0, n], no read outside.
/// Cost        build O(n); lower and upper log8(n) cache lines, the upper levels of which stay cached; bytes 8 / 7 n and padding.
/// On disk     levels from the top, each filled up to whole nodes of 64 bytes with 2^64 - 1; docs/formats/hybrid.md
/// Source      Khuong and Morin, Array Layouts for Comparison-Based Searching, 2017; Slotin, Algorithmica, "S+ trees", 2022.
class key_tree {
public:
    static constexpr std::uint64_t fan_out = 8;

    /// Bytes that a tree over n separators takes.
    static std::uint64_t bytes(std::uint64_t n) noexcept {
        std::uint64_t nodes = nodes_for(n), sum = nodes;
        while (nodes > 1) sum += nodes = nodes_for(nodes);
        return sum * 64;
    }

    /// Appends a tree. Precondition: separators ascend.
    static void put(byte_vector& out, std::span<std::uint64_t const> separators) {
        auto const at = out.size();
        out.resize(at + static_cast<std::size_t>(bytes(separators.size())), std::byte{0xff});
        std::array<layer, max_levels> layers{};
        auto const                    count = arrange(separators.size(), layers);
        auto const                    word  = [&](unsigned level, std::uint64_t i) {
            return out.data() + at + (layers[level].first + i) * 8;
        };
        if (!separators.empty()) std::memcpy(word(count - 1, 0), separators.data(), separators.size() * 8);
        for (unsigned level = count - 1; level > 0;
             --level)  // all nodes but the last have a greatest separator to give
            for (std::uint64_t node = 0; node + 1 < layers[level].nodes; ++node)
                std::memcpy(word(level - 1, node), word(level, node * fan_out + fan_out - 1), 8);
    }

    /// Over `bytes(n)` bytes at `offset`, which must lie at a multiple of 8 in memory.
    static result<key_tree> open(byte_view all, std::uint64_t offset, std::uint64_t n) {
        std::span<std::uint64_t const> words;
        if (n > std::uint64_t{1} << 60 || !view_array(all, offset, bytes(n) / 8, words))
            return fail(errc::corrupt, {"a tree over ", n, " separators at offset ", offset, " does not fit into ",
                                        all.size(), " bytes, or is not aligned to 8"});
        key_tree out;
        out.size_   = n;
        out.levels_ = arrange(n, out.layers_);
        out.words_  = words.data();
        for (unsigned level = 0; level < out.levels_; ++level)
            out.layers_[level].words = words.data() + out.layers_[level].first;
        out.bottom_ = out.layers_[out.levels_ - 1].words;
        return out;
    }

    std::uint64_t size() const noexcept { return size_; }
    unsigned      levels() const noexcept { return levels_; }

    /// Number of separators less than p.
    std::uint64_t lower(std::uint64_t p) const noexcept {
        switch (levels_) {
            case 1: return down<1>(p);
            case 2: return down<2>(p);
            case 3: return down<3>(p);
            case 4: return down<4>(p);
            case 5: return down<5>(p);
            case 6: return down<6>(p);
            case 7: return down<7>(p);
            case 8: return down<8>(p);
            default: break;
        }
        std::uint64_t node = 0;
        for (unsigned level = 0; level < levels_; ++level) node = step(level, node, p);
        return node;
    }
    /// Number of separators not greater than p.
    std::uint64_t upper(std::uint64_t p) const noexcept {
        return p == std::numeric_limits<std::uint64_t>::max() ? size_ : lower(p + 1);
    }

    /// One level of lower(): from a node of `level` to a node of the next, from the bottom to the answer. Callers that look up many
    /// keys take them through a level at a time.
    std::uint64_t step(unsigned level, std::uint64_t node, std::uint64_t p) const noexcept {
        auto const& l    = layers_[level];
        auto const  next = node * fan_out + line_less(l.words + node * fan_out, p);
        return next < l.limit ? next : l.limit;
    }
    void prefetch_node(unsigned level, std::uint64_t node) const noexcept {
        prefetch(layers_[level].words + node * fan_out);
    }
    /// How many of the eight separators from `first` on are less than p. Precondition: first + 8 <= size().
    unsigned less_of_eight(std::uint64_t first, std::uint64_t p) const noexcept {
        return line_less(bottom_ + first, p);
    }
    void          prefetch_separators(std::uint64_t first) const noexcept { prefetch(bottom_ + first); }
    std::uint64_t separator(std::uint64_t i) const noexcept { return bottom_[i]; }

    /// Whether these are the bytes that put() writes for these separators, O(n).
    bool valid(std::span<std::uint64_t const> separators) const {
        if (separators.size() != size_) return false;
        byte_vector expected;
        put(expected, separators);
        return std::memcmp(expected.data(), words_, expected.size()) == 0;
    }
    /// Whether the separators ascend and all else is what put() writes for them, O(n).
    bool valid() const { return std::is_sorted(bottom_, bottom_ + size_) && valid(separators()); }
    /// The separators, as they stand.
    std::span<std::uint64_t const> separators() const noexcept { return {bottom_, static_cast<std::size_t>(size_)}; }

private:
    static constexpr unsigned max_levels = 22;

    /// step() for all of Levels levels. Only the first and the last two answers are held to their limits: separators that do not ascend
    /// can lead a node astray by little more than the size of its level, and the levels below hold eight times as much.
    template <unsigned Levels>
    std::uint64_t down(std::uint64_t p) const noexcept {
        auto const at = [&](unsigned level, std::uint64_t node) {
            return node * fan_out + line_less(layers_[level].words + node * fan_out, p);
        };
        auto node = std::min(at(0, 0), layers_[0].limit);
        if constexpr (Levels > 2) node = at(1, node);
        if constexpr (Levels > 3) node = at(2, node);
        if constexpr (Levels > 4) node = at(3, node);
        if constexpr (Levels > 5) node = at(4, node);
        if constexpr (Levels > 6) node = at(5, node);
        if constexpr (Levels > 7) node = at(6, node);
        if constexpr (Levels > 2) node = std::min(node, layers_[Levels - 2].limit);
        if constexpr (Levels > 1) node = std::min(at(Levels - 1, node), layers_[Levels - 1].limit);
        return node;
    }

    struct layer {
        std::uint64_t const* words = nullptr;  ///< where it begins, once the tree is open
        std::uint64_t        first = 0;        ///< the same as a number of words
        std::uint64_t        nodes = 0;
        std::uint64_t        limit = 0;  ///< the greatest answer of a step
    };
    static std::uint64_t nodes_for(std::uint64_t n) noexcept { return n == 0 ? 1 : (n + fan_out - 1) / fan_out; }

    /// Fills in the levels from the top and returns how many there are.
    static unsigned arrange(std::uint64_t n, std::array<layer, max_levels>& layers) noexcept {
        unsigned count = 1;
        for (auto nodes = nodes_for(n); nodes > 1; nodes = nodes_for(nodes)) ++count;
        auto nodes = nodes_for(n);
        auto limit = n;
        for (unsigned level = count; level-- > 0;) {
            layers[level] = {nullptr, 0, nodes, limit};
            limit         = nodes - 1;
            nodes         = nodes_for(nodes);
        }
        for (unsigned level = 1; level < count; ++level)
            layers[level].first = layers[level - 1].first + layers[level - 1].nodes * fan_out;
        return count;
    }

    std::array<layer, max_levels> layers_{};
    std::uint64_t const*          words_  = nullptr;
    std::uint64_t const*          bottom_ = nullptr;
    std::uint64_t                 size_   = 0;
    unsigned                      levels_ = 0;
};

}  // namespace tenon
