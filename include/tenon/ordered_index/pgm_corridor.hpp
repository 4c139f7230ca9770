// SPDX-License-Identifier: Apache-2.0
// All straight lines that pass points of a staircase within a corridor, kept up point by point, in exact arithmetic.
#pragma once

#include "tenon/ordered_index/corridor_sieve.hpp"
#include "tenon/ordered_index/pgm_segments.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace tenon::detail {

/// A corner of the corridor; y counts positions from epsilon below the first rank, so that it has no sign.
struct corridor_point {
    std::uint64_t x = 0, y = 0;
};

/// The way from one point to a later one.
class corridor_way {
public:
    corridor_way(corridor_point from, corridor_point to) noexcept
        : dx_(to.x - from.x), dy_(to.y - from.y), falls_(to.y < from.y) {}

    /// Whether it is less steep. Exact.
    bool operator<(corridor_way o) const noexcept {
        if (falls_ || o.falls_) [[unlikely]]
            return falls_ && (!o.falls_ || segment_wide{0 - dy_} * o.dx_ > segment_wide{0 - o.dy_} * dx_);
        return segment_wide{dy_} * o.dx_ < segment_wide{o.dy_} * dx_;
    }
    /// In 1 / 2^64, rounded down; 0 when it falls.
    segment_wide slope() const noexcept { return falls_ ? 0 : (segment_wide{dy_} << 64) / dx_; }
    /// Units of the key for each position, about; infinite when it does not rise.
    double run() const noexcept {
        return falls_ || dy_ == 0 ? std::numeric_limits<double>::infinity()
                                  : static_cast<double>(dx_) / static_cast<double>(dy_);
    }

private:
    std::uint64_t dx_, dy_;
    bool          falls_;
};

/// Corners that a line can lean on, from left to right; those at the front can be left behind.
class corridor_hull {
public:
    corridor_hull() : corners_(64) {}

    void start(corridor_point p) {
        first_ = size_ = 0;
        push(p);
    }
    void push(corridor_point p) {
        if (size_ == corners_.size()) [[unlikely]]
            corners_.resize(2 * size_);
        if (size_ < kept_) undo_[undone_++] = {size_, corners_[size_]};
        corners_[size_++] = p;
    }
    /// go_back() brings back what is here now, forget() says that it will not be asked; until then at most `most_pushed` corners come.
    void keep() noexcept { first_then_ = first_, kept_ = size_, undone_ = 0; }
    void forget() noexcept { kept_ = 0; }
    void go_back() noexcept {
        while (undone_ > 0) --undone_, corners_[undo_[undone_].at] = undo_[undone_].corner;
        first_ = first_then_, size_ = kept_, kept_ = 0;
    }
    static constexpr std::size_t most_pushed = 64;

    corridor_point front() const noexcept { return corners_[first_]; }

    /// The corner from which the way to `to` is least steep (Least) or most steep; those before it are left behind.
    template <bool Least>
    corridor_point lean(corridor_point to) noexcept {
        auto const* const corners = corners_.data();
        auto              at      = first_;
        while (at + 1 < size_) {
            corridor_way const here(corners[at], to), next(corners[at + 1], to);
            if (Least ? here < next : next < here) break;
            ++at;
        }
        first_ = at;
        return corners[at];
    }
    /// Appends a corner and drops those that are corners no more: upper corners (Upper) turn left, lower ones right.
    template <bool Upper>
    void extend(corridor_point p) {
        auto const* const corners = corners_.data();
        auto              n       = size_;
        while (n >= first_ + 2) {
            corridor_way const before(corners[n - 2], corners[n - 1]), after(corners[n - 1], p);
            if (Upper ? before < after : after < before) break;
            --n;
        }
        size_ = n;
        push(p);
    }

private:
    struct overwritten {
        std::size_t    at = 0;
        corridor_point corner{};
    };
    std::vector<corridor_point>          corners_;
    std::size_t                          first_ = 0, size_ = 0;
    std::size_t                          first_then_ = 0, kept_ = 0, undone_ = 0;
    std::array<overwritten, most_pushed> undo_{};
};

/// pgm_corridor - the greatest set of points that some line passes within +-epsilon: optimal pieces.
///
/// Shapes      The lines of least and greatest slope each lean on an upper and a lower corner of the corridor. The convex hulls of the
///             corners say on which one a line leans next.
/// Guarantee   add() and add_block() refuse exactly when no line passes all points: 128-bit products decide, nothing is rounded.
/// Cost        O(1) for each point, amortised; four multiplications where covers() is true; in blocks only for the few points that the sieve
///             leaves.
/// Source      O'Rourke, An On-Line Algorithm for Fitting Straight Lines between Data Ranges, 1981; Ferragina and Vinciguerra, The PGM-index,
///             2020. Differs: most points that leave the corridor as it is are told from the others by distances between keys, a vector at a time.
class pgm_corridor {
public:
    static constexpr bool joins = false;  ///< a piece begins at the point that the one before refused

    explicit pgm_corridor(std::uint64_t epsilon) noexcept : twice_(2 * epsilon) {}

    void start(std::uint64_t x, std::uint64_t rank) {
        one_ = true;
        upper_.start({x, rank + twice_});
        lower_.start({x, rank});
    }

    bool covers(std::uint64_t x, std::uint64_t rank) const noexcept {
        return !one_ && !narrows_high({x, rank + twice_}) && !narrows_low({x, rank});
    }

    bool add(std::uint64_t x, std::uint64_t rank, std::uint64_t low) {
        corridor_point const up{x, rank + twice_}, down{x, low};
        if (one_) return second(up, down);
        if (narrows_low(down) && way(highest_) < corridor_way(highest_.from, down)) return false;
        return add_upper(up) && add_lower(down);
    }

    /// Whether add_block may be asked: there are two points.
    bool wide() const noexcept { return !one_; }

    /// Adds the points of `keys` at ranks from `rank` on; of the keys in front `before` belong to the piece. Returns how it went: nothing
    /// has changed unless all were taken. keys[-8, 0) and keys[n] may be read. Precondition: wide(); n is a multiple of 8 up to 64.
    enum class block { taken, refused, repeats };
    block add_block(std::uint64_t const* keys, unsigned n, unsigned before, std::uint64_t rank) {
        corridor_point const up{keys[n - 1], rank + n - 1 + twice_}, down{up.x, rank + n - 1};
        auto const           narrowest = std::max(way(highest_).run(), corridor_way(highest_.from, up).run());
        auto const           widest    = std::min(way(lowest_).run(), corridor_way(lowest_.from, down).run());
        auto const           corners   = sieve_corners(keys, n, before, {narrowest, widest});
        if (corners.repeats) return block::repeats;
        auto const lowest = lowest_, highest = highest_;
        upper_.keep(), lower_.keep();
        for (auto left = corners.upper | corners.lower; left != 0; left &= left - 1) {
            auto const i    = static_cast<unsigned>(std::countr_zero(left));
            bool const here = (corners.upper >> i & 1) != 0, there = (corners.lower >> i & 1) != 0;
            if ((here && !add_upper({keys[i], rank + i + twice_})) || (there && !add_lower({keys[i], rank + i}))) {
                upper_.go_back(), lower_.go_back();
                lowest_ = lowest, highest_ = highest;
                return block::refused;
            }
        }
        upper_.forget(), lower_.forget();
        return block::taken;
    }

    /// In the middle of what the corridor allows.
    segment_wide slope() const noexcept { return one_ ? 0 : (way(lowest_).slope() + way(highest_).slope()) / 2; }

private:
    struct line {
        corridor_point from{}, to{};
    };
    static corridor_way way(line const& l) noexcept { return {l.from, l.to}; }
    bool narrows_high(corridor_point up) const noexcept { return corridor_way(highest_.from, up) < way(highest_); }
    bool narrows_low(corridor_point down) const noexcept { return way(lowest_) < corridor_way(lowest_.from, down); }

    bool add_upper(corridor_point up) {
        if (!narrows_high(up)) return true;
        if (corridor_way(lowest_.from, up) < way(lowest_)) return false;
        highest_ = {lower_.lean<true>(up), up};
        upper_.extend<true>(up);
        return true;
    }
    bool add_lower(corridor_point down) {
        if (!narrows_low(down)) return true;
        if (way(highest_) < corridor_way(highest_.from, down)) return false;
        lowest_ = {upper_.lean<false>(down), down};
        lower_.extend<false>(down);
        return true;
    }

    bool second(corridor_point up, corridor_point down) {
        one_     = false;
        lowest_  = {upper_.front(), down};
        highest_ = {lower_.front(), up};
        upper_.push(up), lower_.push(down);
        return true;
    }

    std::uint64_t twice_;  ///< epsilon
    bool          one_ = true;
    corridor_hull upper_, lower_;
    line          lowest_, highest_;
};

}  // namespace tenon::detail
