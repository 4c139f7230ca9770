// SPDX-License-Identifier: Apache-2.0
// A greedy one-pass spline over sorted keys, with a radix table on top.
#pragma once

#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/located_view.hpp"
#include "tenon/ordered_index/pgm_corridor.hpp"
#include "tenon/ordered_index/pgm_segments.hpp"
#include "tenon/ordered_index/position_index.hpp"
#include "tenon/ordered_index/radix_spline_table.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon {

namespace detail {

template <std::size_t MaxError, unsigned RadixBits>
inline constexpr std::array<char, 64> radix_spline_name = numbered_name("radix_spline", MaxError, RadixBits);

/// spline_corridor - lines from one knot to a later point that pass all points between within +-epsilon.
///
/// Shapes      a cone that opens at the knot; each point narrows it, and the next knot must lie inside.
/// Guarantee   the line from the knot to the last point taken passes all points between. 128-bit products decide.
/// Source      Neumann and Michel, Smooth Interpolating Histograms with Error Guarantees, 2008.
class spline_corridor {
public:
    static constexpr bool joins = true;  ///< a piece begins where the one before ends

    explicit spline_corridor(std::uint64_t epsilon) noexcept : epsilon_(epsilon) {}

    void start(std::uint64_t x, std::uint64_t rank) noexcept { knot_ = last_ = at(x, rank); }

    bool add(std::uint64_t x, std::uint64_t rank, std::uint64_t low) noexcept {
        auto const           p = at(x, rank);
        corridor_point const up{x, p.y + epsilon_}, down{x, low};
        if (last_.x == knot_.x) {
            top_ = up, bottom_ = down;
        } else {
            corridor_way const here(knot_, p), highest(knot_, top_), lowest(knot_, bottom_);
            if (here < lowest || highest < here) return false;
            if (corridor_way(knot_, up) < highest) top_ = up;
            if (lowest < corridor_way(knot_, down)) bottom_ = down;
        }
        last_ = p;
        return true;
    }
    /// From the knot to the last point taken.
    segment_wide slope() const noexcept { return last_.x == knot_.x ? 0 : corridor_way(knot_, last_).slope(); }
    /// The last point taken is the next knot.
    segment_point split(segment_point refused) const noexcept {
        return last_.x == knot_.x ? refused : segment_point{last_.x, last_.y - epsilon_};
    }

private:
    corridor_point at(std::uint64_t x, std::uint64_t rank) const noexcept { return {x, rank + epsilon_}; }

    std::uint64_t  epsilon_;
    corridor_point knot_{}, last_{}, top_{}, bottom_{};
};

}  // namespace detail

/// What a radix_spline is made of.
struct radix_spline_stats {
    std::uint64_t keys = 0, knots = 0;
    std::uint64_t width      = 0;  ///< of every window: last - first
    std::uint64_t table_bins = 0, crowded_bins = 0, model_bytes = 0;
};

/// The model of radix_spline<MaxError, RadixBits>, whatever the key type.
template <std::size_t MaxError, unsigned RadixBits>
class radix_spline_locator {
public:
    static constexpr std::string_view name = detail::name_view(detail::radix_spline_name<MaxError, RadixBits>);

    static result<radix_spline_locator> open(index_header const& header, byte_view model) {
        std::uint64_t end   = 0;
        auto          store = detail::segment_store::open(header, model, end);
        if (!store) return fail(std::move(store).error());
        auto const& router = store->head().router;
        auto table = detail::radix_table::open(model, end, {router[0], router[1], router[2]}, store->tree(), end);
        if (!table) return fail(std::move(table).error());
        if (end + (8 - end % 8) % 8 != model.size() || header.extra != 0 || router[3] != 0)
            return fail(errc::corrupt,
                        {"the table of a radix_spline ends at byte ", end, ", but there are ", model.size()});
        return radix_spline_locator(*std::move(store), *std::move(table), model.size());
    }
    std::uint64_t  place(std::uint64_t p) const noexcept { return table_.lower(store_.tree(), p); }
    void           prefetch(std::uint64_t place) const noexcept { store_.prefetch_record(place); }
    position_range window(std::uint64_t place, std::uint64_t p) const noexcept { return store_.window(place, p); }
    template <class Keys>
    result<void> validate(Keys const& keys) const {
        if (auto stored = store_.validate(keys); !stored) return stored;
        if (!table_.valid(store_.tree().separators(), RadixBits))
            return fail(errc::corrupt, "the table of a radix_spline does not fit its knots; build it again");
        return {};
    }
    radix_spline_stats stats() const noexcept {
        auto const& head = store_.head();
        return {store_.keys(), head.segments, head.width, table_.layout().bins, table_.crowded_bins(), bytes_};
    }
    detail::index_parts describe() const {
        auto const s     = stats();
        double     asked = 0;  // the tree, for so many of the knots
        for (auto knot : store_.tree().separators()) asked += table_.asks_tree(knot) ? 1 : 0;
        double const share = s.knots == 0 ? 0 : asked / static_cast<double>(s.knots), levels = store_.tree().levels();
        double const table = s.table_bins == 0 ? 0 : 1;
        return {bytes_, table + share * levels + (1 - share) + 1,
                store_.describe() + "table: " + detail::grouped(s.table_bins) + " bins; " +
                    detail::short_number(100 * share) + " % of the knots are left to a tree of " +
                    std::to_string(store_.tree().levels()) + " levels\n"};
    }

private:
    radix_spline_locator(detail::segment_store store, detail::radix_table table, std::uint64_t bytes) noexcept
        : store_(std::move(store)), table_(table), bytes_(bytes) {}
    detail::segment_store store_;
    detail::radix_table   table_;
    std::uint64_t         bytes_;
};

/// radix_spline - greedy one-pass spline over sorted keys, with a radix table on top.
///
/// Maps        key -> window of positions.
/// Shapes      m pieces between knots, 17 bytes each; a table of at most 2^RadixBits entries of 4 bytes, twice as many as knots.
/// Units       MaxError in positions; a window spans at most 2 MaxError + 4 of them (stats().width, the same for every key).
/// Guarantee   the window of every key, stored or absent, holds its lower_bound: proven over all keys and gaps when it is built, in
///             integers. Duplicates: rank of the first. No key value is reserved. Numbers of 64 bits lose nothing, near 2^53 and 2^64 neither.
/// Cost        build O(n) time and O(m) memory, one pass and a proof; look-up: an entry, a line of knots, a record, O(log MaxError) steps
///             over the keys. Where many knots share their leading bits, a tree of O(log m) lines stands in for the table; outliers
///             do not count for its range.
/// Errors      build: unsorted input or NaN -> errc::unsorted_keys with the first offending rank; more than 2^39 keys -> errc::too_large.
/// Threads     const members may be called concurrently.
/// On disk     "tenonidx" version 6, name "radix_spline<MaxError,RadixBits>", docs/formats/radix_spline.md
/// Invariants  those of detail::segment_store; the table is the one that detail::radix_table makes of the separators.
/// Source      Kipf et al., RadixSpline, 2020; Neumann and Michel, 2008. Differs: a slope is stored with each knot, so that no look-up divides;
///             the table is no finer than its knots call for; windows are measured, gaps and duplicates included.
/// Use when    pieces are to be found in one step; prefer pgm for fewer pieces, hybrid for speed.
template <std::size_t MaxError = 32, unsigned RadixBits = 18>
struct radix_spline {
    static_assert(MaxError >= 1 && MaxError <= 32767,
                  "tenon::radix_spline: MaxError must lie between 1 and 32767; 32 is a good start");
    static_assert(RadixBits >= 1 && RadixBits <= 28,
                  "tenon::radix_spline: RadixBits must lie between 1 and 28; 18 is a good start");
    using policy_axis                      = axis::ordered_index;
    using locator                          = radix_spline_locator<MaxError, RadixBits>;
    static constexpr std::string_view name = locator::name;

    template <index_key Key>
    using view = located_view<locator, Key>;

    /// The model's bytes.
    template <index_key Key>
    static result<byte_vector> build(std::span<Key const> keys) {
        if (auto sorted = check_sorted(keys); !sorted) return fail(std::move(sorted).error());
        if (auto fits = detail::segment_store::check_size(keys.size()); !fits) return fail(std::move(fits).error());
        projected_keys<Key> const projected(keys);
        auto const                pieces =
            detail::segment_cutter<detail::spline_corridor, projected_keys<Key>>(projected, MaxError).cut();
        auto const                 separators = detail::segment_store::separators(pieces);
        std::vector<std::uint32_t> entries;
        auto const                 shape = detail::radix_table::make(separators, RadixBits, entries);
        detail::segment_head       head;
        head.router[0] = shape.bins, head.router[1] = shape.low, head.router[2] = shape.shift;
        auto out = detail::segment_store::put(pieces, separators, keys.size(), head);
        put_bytes(out, std::as_bytes(std::span(entries)));
        pad_to(out, 8);
        detail::segment_store::finish(out, index_header::of(name, keys, out.size()), head);
        return out;
    }
    /// An index over a vector, an array or a span of the caller's, or over any sorted random-access range (see index_over).
    ///
    ///     auto index = tenon::radix_spline<>::over(keys);
    ///     if (!index) return report(index.error());
    ///     auto at = index->lower_bound(42);
    template <class Keys, class Projection = std::identity>
    static auto over(Keys&& keys, Projection projection = {}) {
        return index_over<radix_spline>(std::forward<Keys>(keys), std::move(projection));
    }
};

static_assert(ordered_index<radix_spline<>>);
static_assert(radix_spline<>::name == "radix_spline<32,18>");

}  // namespace tenon
