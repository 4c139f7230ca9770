// SPDX-License-Identifier: Apache-2.0
// A piecewise-linear index: as few straight pieces as an error allows, found by a small tree.
#pragma once

#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/located_view.hpp"
#include "tenon/ordered_index/pgm_corridor.hpp"
#include "tenon/ordered_index/pgm_segments.hpp"
#include "tenon/ordered_index/position_index.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

namespace tenon {

namespace detail {
template <std::size_t Epsilon>
inline constexpr std::array<char, 64> pgm_name = numbered_name("pgm", Epsilon);
}

/// What a pgm is made of.
struct pgm_stats {
    std::uint64_t keys = 0, segments = 0;
    std::uint64_t width       = 0;  ///< of every window: last - first
    std::uint64_t tree_levels = 0, model_bytes = 0;
};

/// The model of pgm<Epsilon>, whatever the key type.
template <std::size_t Epsilon>
class pgm_locator {
public:
    static constexpr std::string_view name = detail::name_view(detail::pgm_name<Epsilon>);

    static result<pgm_locator> open(index_header const& header, byte_view model) {
        std::uint64_t end   = 0;
        auto          store = detail::segment_store::open(header, model, end);
        if (!store) return fail(std::move(store).error());
        detail::segment_head const plain;
        if (end != model.size() || header.extra != 0 ||
            std::memcmp(store->head().router, plain.router, sizeof plain.router) != 0)
            return fail(errc::corrupt, {"the segments of a pgm end at byte ", end, ", but there are ", model.size()});
        return pgm_locator(*std::move(store));
    }
    std::uint64_t  place(std::uint64_t p) const noexcept { return store_.tree().lower(p); }
    void           prefetch(std::uint64_t place) const noexcept { store_.prefetch_record(place); }
    position_range window(std::uint64_t place, std::uint64_t p) const noexcept { return store_.window(place, p); }
    template <class Keys>
    result<void> validate(Keys const& keys) const {
        return store_.validate(keys);
    }
    pgm_stats stats() const noexcept {
        auto const& head = store_.head();
        return {store_.keys(), head.segments, head.width, store_.tree().levels(), store_.bytes(head.segments)};
    }
    detail::index_parts describe() const {
        auto const s = stats();
        return {s.model_bytes, static_cast<double>(s.tree_levels + 1),
                store_.describe() + sentence({"tree: ", s.tree_levels, " levels\n"})};
    }

private:
    explicit pgm_locator(detail::segment_store store) noexcept : store_(std::move(store)) {}
    detail::segment_store store_;
};

/// pgm - the fewest straight pieces that pass every key within Epsilon positions, under an implicit tree.
///
/// Maps        key -> window of positions.
/// Shapes      m segments of 17 bytes: the last key that each answers for, a slope of 18 bits, a top of 40 bits.
/// Units       Epsilon in positions; a window spans at most 2 Epsilon + 4 of them (stats().width, the same for every key).
/// Guarantee   the window of every key, stored or absent, holds its lower_bound: proven over all keys and gaps when it is built, in
///             integers. Duplicates: rank of the first. No key value is reserved. Pieces are optimal: none could be longer, but for a limit of
///             98,304 positions. Numbers of 64 bits lose nothing, near 2^53 and 2^64 neither.
/// Cost        build O(n) time and O(m) memory, one pass and a proof; with AVX-512 (by the compiler's flags) half the time. look-up: log8(m) cached lines of separators, a record, and
///             O(log Epsilon) steps over the keys. Bytes for each key: 17 m / n, about 17 / Epsilon^2 where gaps are random.
/// Errors      build: unsorted input or NaN -> errc::unsorted_keys with the first offending rank; more than 2^39 keys -> errc::too_large.
/// Threads     const members may be called concurrently.
/// On disk     "tenonidx" version 6, name "pgm<Epsilon>", docs/formats/pgm.md
/// Invariants  those of detail::segment_store.
/// Source      Ferragina and Vinciguerra, The PGM-index, VLDB 2020; O'Rourke, 1981. Differs: one level of segments under a tree of cache
///             lines; slopes are fixed-point numbers; windows are measured, gaps and duplicates included.
/// Use when    memory matters most; prefer hybrid for speed.
template <std::size_t Epsilon = 32>
struct pgm {
    static_assert(Epsilon >= 1 && Epsilon <= 32767,
                  "tenon::pgm: Epsilon must lie between 1 and 32767; 32 is quick and small, 128 is smaller");
    using policy_axis                      = axis::ordered_index;
    using locator                          = pgm_locator<Epsilon>;
    static constexpr std::string_view name = locator::name;

    template <index_key Key>
    using view = located_view<locator, Key>;

    /// The model's bytes.
    template <index_key Key>
    static result<byte_vector> build(std::span<Key const> keys) {
        if (auto sorted = check_sorted(keys); !sorted) return fail(std::move(sorted).error());
        if (auto fits = detail::segment_store::check_size(keys.size()); !fits) return fail(std::move(fits).error());
        projected_keys<Key> const projected(keys);
        auto const pieces = detail::segment_cutter<detail::pgm_corridor, projected_keys<Key>>(projected, Epsilon).cut();
        detail::segment_head head;
        auto out = detail::segment_store::put(pieces, detail::segment_store::separators(pieces), keys.size(), head);
        detail::segment_store::finish(out, index_header::of(name, keys, out.size()), head);
        return out;
    }
    /// An index over a vector, an array or a span of the caller's, or over any sorted random-access range (see index_over).
    ///
    ///     auto index = tenon::pgm<64>::over(keys);
    ///     if (!index) return report(index.error());
    ///     auto at = index->lower_bound(42);
    template <class Keys, class Projection = std::identity>
    static auto over(Keys&& keys, Projection projection = {}) {
        return index_over<pgm>(std::forward<Keys>(keys), std::move(projection));
    }
};

static_assert(ordered_index<pgm<>>);
static_assert(pgm<>::name == "pgm<32>");

}  // namespace tenon
