// SPDX-License-Identifier: Apache-2.0
// All straight lines that pass points of a staircase within a corridor, kept up point by point, in exact arithmetic.
#pragma once

#include "tenon/ordered_index/pgm_segments.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace tenon::detail {

/// A corner of the corridor.
struct corridor_point {
    std::uint64_t x = 0;
    std::int64_t  y = 0;
};

/// The way from one point to a later one.
struct corridor_way {
    std::uint64_t dx;
    std::int64_t  dy;
    corridor_way(corridor_point from, corridor_point to) noexcept : dx(to.x - from.x), dy(to.y - from.y) {}

    /// Whether it is less steep. Exact.
    bool operator<(corridor_way o) const noexcept {
        if (dy < 0 || o.dy < 0) [[unlikely]]
            return dy < 0 && (o.dy >= 0 || product(-dy, o.dx) > product(-o.dy, dx));
        return product(dy, o.dx) < product(o.dy, dx);
    }
    /// In 1 / 2^64, rounded down; 0 when it falls. Precondition: dy < 2^20.
    segment_wide slope() const noexcept { return dy <= 0 ? 0 : (static_cast<segment_wide>(dy) << 64) / dx; }

private:
    static segment_wide product(std::int64_t y, std::uint64_t x) noexcept {
        return segment_wide{static_cast<std::uint64_t>(y)} * x;
    }
};

/// A line through `from`, rounded to one side by less than two positions: with two of them most questions need no exact answer.
class corridor_line {
public:
    corridor_point from{};

    /// At or below a line that goes this way; rise() of one that falls is meaningless.
    static corridor_line below(corridor_point from, corridor_way way) noexcept { return {from, way, 1 - 0x1p-50, 0}; }
    /// Above it once rise() is increased by one.
    static corridor_line above(corridor_point from, corridor_way way) noexcept { return {from, way, 1 + 0x1p-50, 1}; }
    corridor_line() = default;

    /// Of the line, rounded down; on a steep line far away the greatest number.
    std::uint64_t rise(std::uint64_t x) const noexcept {
        auto const product = segment_wide{x - from.x} * slope_;
        if (!steep_) [[likely]]
            return static_cast<std::uint64_t>(product >> 64);
        return product >> 110 != 0 ? std::numeric_limits<std::uint64_t>::max()
                                   : static_cast<std::uint64_t>(product >> 46);
    }
    bool falls() const noexcept { return falls_; }

private:
    // The quotient of doubles is off by less than 2^-51 of itself. A slope in 1 / 2^64 is off by another unit: less than one position.
    corridor_line(corridor_point at, corridor_way way, double factor, std::uint64_t more) noexcept
        : from(at), falls_(way.dy < 0) {
        auto const share = static_cast<double>(way.dy) / static_cast<double>(way.dx) * factor;
        steep_           = share >= 0.5;
        auto const units = share * (steep_ ? 0x1p46 : 0x1p64);
        slope_           = falls_ ? 0 : static_cast<std::uint64_t>(units) + more;
    }

    std::uint64_t slope_ = 0;  ///< in 1 / 2^64, or, when steep, in 1 / 2^46
    bool          steep_ = false, falls_ = false;
};

/// Corners that a line can lean on, from left to right; those at the front can be left behind.
class corridor_hull {
public:
    void start(corridor_point p) {
        corners_.clear();
        corners_.push_back(p);
        first_ = 0;
    }
    void           push(corridor_point p) { corners_.push_back(p); }
    corridor_point front() const noexcept { return corners_[first_]; }

    /// The corner from which the way to `to` is least steep (Least) or most steep; those before it are left behind.
    template <bool Least>
    corridor_point lean(corridor_point to) noexcept {
        auto here = corridor_way(corners_[first_], to);
        while (first_ + 1 < corners_.size()) {
            auto const next = corridor_way(corners_[first_ + 1], to);
            if (Least ? here < next : next < here) break;
            here = next;
            ++first_;
        }
        return corners_[first_];
    }
    /// Appends a corner and drops those that are corners no more: upper corners (Upper) turn left, lower ones right.
    template <bool Upper>
    void extend(corridor_point p) {
        auto n = corners_.size();
        while (n >= first_ + 2) {
            corridor_way const before(corners_[n - 2], corners_[n - 1]), after(corners_[n - 2], p);
            if (Upper ? before < after : after < before) break;
            --n;
        }
        corners_.resize(n);
        corners_.push_back(p);
    }

private:
    std::vector<corridor_point> corners_;
    std::size_t                 first_ = 0;
};

/// pgm_corridor - the greatest set of points that some line passes within +-epsilon: optimal pieces.
///
/// Shapes      The lines of least and greatest slope each lean on an upper and a lower corner of the corridor. The convex hulls of the
///             corners say on which one a line leans next.
/// Guarantee   add() refuses exactly when no line passes all points: where the rounded lines cannot tell, 128-bit products decide.
/// Cost        O(1) for each point, amortised; two multiplications where covers() is true.
/// Source      O'Rourke, An On-Line Algorithm for Fitting Straight Lines between Data Ranges, 1981; Ferragina and Vinciguerra, The PGM-index,
///             2020. Differs: points that leave the corridor as it is are told from the others by two rounded lines.
class pgm_corridor {
public:
    static constexpr bool joins = false;  ///< a piece begins at the point that the one before refused

    explicit pgm_corridor(std::uint64_t epsilon) noexcept : epsilon_(static_cast<std::int64_t>(epsilon)) {}

    void start(std::uint64_t x, std::uint64_t rank) {
        auto const y = static_cast<std::int64_t>(rank);
        one_         = true;
        upper_.start({x, y + epsilon_});
        lower_.start({x, y - epsilon_});
        high_ = low_ = {};
        high_.from   = {x, std::numeric_limits<std::int64_t>::max() / 2};
        low_.from    = {x, std::numeric_limits<std::int64_t>::min() / 2};
    }

    bool covers(std::uint64_t x, std::uint64_t rank) const noexcept {
        auto const room = static_cast<std::int64_t>(rank) + epsilon_ - high_.from.y,
                   need = static_cast<std::int64_t>(rank) - epsilon_ - low_.from.y;
        return held(high_.rise(x)) < room && held(low_.rise(x)) >= need;
    }

    bool add(std::uint64_t x, std::uint64_t rank, std::uint64_t low) {
        corridor_point const up{x, static_cast<std::int64_t>(rank) + epsilon_},
            down{x, static_cast<std::int64_t>(low) - epsilon_};
        if (one_) return second(up, down);
        auto const highest = held(high_.rise(x)) + high_.from.y, lowest = held(low_.rise(x)) + low_.from.y;
        // The true lines pass within two positions of these.
        if (highest <= down.y + 1 && way(highest_) < corridor_way(highest_.to, down)) return false;
        if ((lowest + 2 >= up.y || low_.falls()) && corridor_way(lowest_.to, up) < way(lowest_)) return false;
        if (highest > up.y + 1 || (highest >= up.y && corridor_way(highest_.from, up) < way(highest_))) {
            highest_ = {lower_.lean<true>(up), up};
            upper_.extend<true>(up);
            high_ = corridor_line::above(up, way(highest_));
        }
        if ((lowest + 2 < down.y && !low_.falls()) ||
            (lowest <= down.y && way(lowest_) < corridor_way(lowest_.from, down))) {
            lowest_ = {upper_.lean<false>(down), down};
            lower_.extend<false>(down);
            refresh_low();
        }
        return true;
    }

    /// In the middle of what the corridor allows.
    segment_wide slope() const noexcept { return one_ ? 0 : (way(lowest_).slope() + way(highest_).slope()) / 2; }

private:
    struct line {
        corridor_point from{}, to{};
    };
    static corridor_way way(line const& l) noexcept { return {l.from, l.to}; }
    static std::int64_t held(std::uint64_t rise) noexcept {
        constexpr auto most = std::uint64_t{1} << 62;
        return static_cast<std::int64_t>(rise < most ? rise : most);
    }

    bool second(corridor_point up, corridor_point down) {
        one_     = false;
        lowest_  = {upper_.front(), down};
        highest_ = {lower_.front(), up};
        upper_.push(up), lower_.push(down);
        high_ = corridor_line::above(up, way(highest_));
        refresh_low();
        return true;
    }
    /// A line that falls is replaced by one far below, so that it covers nothing.
    void refresh_low() noexcept {
        low_ = corridor_line::below(lowest_.to, way(lowest_));
        if (low_.falls()) low_.from.y = std::numeric_limits<std::int64_t>::min() / 2;
    }

    std::int64_t  epsilon_;
    bool          one_ = true;
    corridor_hull upper_, lower_;
    line          lowest_, highest_;
    corridor_line low_, high_;  ///< the same, rounded
};

}  // namespace tenon::detail
