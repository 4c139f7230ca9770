// SPDX-License-Identifier: Apache-2.0
// Conformance suite of axis::spatial_index: both halves against brute force, for people who write policies.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/lonlat.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/metric/haversine.hpp"
#include "tenon/spatial_index/concept.hpp"
#include "tenon/testing/hostile_bytes.hpp"
#include "tenon/testing/report.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tenon::testing {

namespace detail {

inline lonlat spatial_anywhere(prng& random) { return {random.unit() * 360 - 180, random.unit() * 180 - 90}; }

/// n points of one kind: uniform, clustered, all in one place, at the poles, about the antimeridian, on a coarse grid, on a line.
inline constexpr unsigned       spatial_kinds = 7;
inline std::vector<point_entry> spatial_points(unsigned kind, std::size_t n, prng& random) {
    lonlat centres[4];
    for (auto& c : centres) c = spatial_anywhere(random);
    auto const               one = spatial_anywhere(random);
    std::vector<point_entry> entries;
    position                 at = random.below(3);
    for (std::size_t i = 0; i < n; ++i, at += 1 + random.below(3)) {
        lonlat     p;
        auto const near = [&](double scale) { return (random.unit() - random.unit()) * scale; };
        auto const wrap = [](double lon) { return lon > 180 ? lon - 360 : lon < -180 ? lon + 360 : lon; };
        switch (kind) {
            case 0: p = spatial_anywhere(random); break;
            case 1:
                p = centres[random.below(4)];
                p = {wrap(p.lon + near(1)), std::clamp(p.lat + near(1), -90.0, 90.0)};
                break;
            case 2: p = one; break;
            case 3:
                p = {random.unit() * 360 - 180, random.chance(0.5)
                                                    ? (random.chance(0.5) ? 90.0 : -90.0)
                                                    : (random.chance(0.5) ? 90 - random.unit() : random.unit() - 90)};
                break;
            case 4:
                p = {random.chance(0.4) ? (random.chance(0.5) ? 180.0 : -180.0) : wrap(180 + near(2)), near(80)};
                break;
            case 5:
                p = {static_cast<double>(random.between(-6, 6)) * 30, static_cast<double>(random.between(-3, 3)) * 30};
                break;
            default:
                p = random.chance(0.5) ? lonlat{one.lon, random.unit() * 180 - 90}
                                       : lonlat{random.unit() * 360 - 180, one.lat};
                break;
        }
        entries.push_back({p, at});
    }
    return entries;
}

inline lonlat spatial_query_point(std::vector<point_entry> const& entries, prng& random) {
    switch (random.below(6)) {
        case 0: return {random.unit() * 360 - 180, random.chance(0.5) ? 90.0 : -90.0};
        case 1: return {random.chance(0.5) ? 180.0 : -180.0, random.unit() * 180 - 90};
        case 2:
            if (!entries.empty()) return entries[random.below(entries.size())].where;
            break;
        case 3:
            if (!entries.empty()) {  // near the antipode of an entry, where distances are all but equal
                auto const p = entries[random.below(entries.size())].where;
                return {p.lon > 0 ? p.lon - 180 : p.lon + 180, -p.lat};
            }
            break;
        default: break;
    }
    return spatial_anywhere(random);
}

inline lonlat_box spatial_query_box(std::vector<point_entry> const& entries, prng& random) {
    lonlat_box b;
    auto const a = spatial_query_point(entries, random), c = spatial_query_point(entries, random);
    switch (random.below(9)) {
        case 0: return b;                                                               // everything
        case 1: return {a.lon, a.lat, a.lon, a.lat};                                    // one point
        case 2: return {a.lon, std::max(a.lat, c.lat), c.lon, std::min(a.lat, c.lat)};  // mostly upside down: empty
        case 3: return {-180, std::min(a.lat, c.lat), a.lon, std::max(a.lat, c.lat)};
        case 4: return {a.lon, std::min(a.lat, c.lat), 180, std::max(a.lat, c.lat)};
        case 5: return {a.lon, random.chance(0.5) ? 89.5 : -90.0, c.lon, 90};
        case 6:
            return {std::max(a.lon, c.lon), std::min(a.lat, c.lat), std::min(a.lon, c.lon),
                    std::max(a.lat, c.lat)};  // across the antimeridian
        case 7: {
            double const d = random.unit() * 5;
            return {std::max(-180.0, a.lon - d), a.lat - d, std::min(180.0, a.lon + d), a.lat + d};
        }
        default:
            return {std::min(a.lon, c.lon), std::min(a.lat, c.lat), std::max(a.lon, c.lon), std::max(a.lat, c.lat)};
    }
}

inline std::string spatial_text(lonlat p) { return "(" + std::to_string(p.lon) + ", " + std::to_string(p.lat) + ")"; }

/// A delta or a view behind plain functions, so that the checks are compiled once for all policies.
struct spatial_half {
    std::uint64_t                                                                                          size;
    std::function<void(lonlat_box const&, std::function<bool(position)> const&)>                           within;
    std::function<void(lonlat, std::size_t, std::function<bool(position)> const&, std::vector<near_hit>&)> closest;
};
template <spatial_queries X>
spatial_half spatial_half_of(X const& x) {
    return {x.size(), [&x](lonlat_box const& box, std::function<bool(position)> const& visit) { x.within(box, visit); },
            [&x](lonlat from, std::size_t k, std::function<bool(position)> const& accept, std::vector<near_hit>& out) {
                x.closest(from, k, accept, out);
            }};
}

/// One half of a policy against brute force.
inline void check_spatial_queries(spatial_half const& x, std::vector<point_entry> const& entries, std::size_t queries,
                                  prng& random, report& r, std::string const& what) {
    r.check(x.size == entries.size(),
            what + ": size() is " + std::to_string(x.size) + ", expected " + std::to_string(entries.size()));
    for (std::size_t q = 0; q < queries; ++q) {
        auto const            box = spatial_query_box(entries, random);
        std::vector<position> expected, got;
        for (auto const& e : entries)
            if (box.contains(e.where)) expected.push_back(e.at);
        x.within(box, [&](position at) {
            got.push_back(at);
            return true;
        });
        std::sort(got.begin(), got.end());
        r.check(got == expected, what + ": within(west " + std::to_string(box.west) + ", south " +
                                     std::to_string(box.south) + ", east " + std::to_string(box.east) + ", north " +
                                     std::to_string(box.north) + ") visited " + std::to_string(got.size()) +
                                     " entries, expected " + std::to_string(expected.size()) + ", each once");
        if (!expected.empty()) {
            std::size_t const stop = 1 + random.below(expected.size());
            std::size_t       seen = 0;
            x.within(box, [&](position) { return ++seen < stop; });
            r.check(seen == stop, what + ": within() went on after visit had returned false");
        }
    }
    for (std::size_t q = 0; q < queries; ++q) {
        auto const        from = spatial_query_point(entries, random);
        std::size_t const ks[] = {
            0, 1, 2, 10, entries.size(), entries.size() + 5, std::numeric_limits<std::size_t>::max()};
        auto const k      = ks[random.below(std::size(ks))];
        auto const filter = random.below(3);  // all, two of three, none but few
        auto const keep   = [&](position at) { return filter == 0 || (filter == 1 ? at % 3 != 0 : at % 17 == 5); };
        std::vector<near_hit> expected, got{{-1.0, 7}};
        for (auto const& e : entries)
            if (keep(e.at)) expected.push_back({haversine_metres(from, e.where), e.at});
        auto const less = [](near_hit const& a, near_hit const& b) {
            return std::pair(a.metres, a.at) < std::pair(b.metres, b.at);
        };
        std::sort(expected.begin(), expected.end(), less);
        if (expected.size() > k) expected.resize(k);

        std::set<std::pair<double, position>> accepted;
        std::set<position>                    asked;
        bool                                  once = true, needed = true;
        x.closest(
            from, k,
            [&](position at) {
                once            = once && asked.insert(at).second;
                auto const here = std::lower_bound(entries.begin(), entries.end(), at,
                                                   [](point_entry const& e, position p) { return e.at < p; });
                if (here == entries.end() || here->at != at) return needed = false;
                std::pair const hit{haversine_metres(from, here->where), at};
                needed = needed && (accepted.size() < k || hit < *accepted.rbegin());
                if (!keep(at)) return false;
                accepted.insert(hit);
                if (accepted.size() > k) accepted.erase(std::prev(accepted.end()));
                return true;
            },
            got);
        auto const which = what + ": closest(" + spatial_text(from) + ", " + std::to_string(k) + ")";
        r.check(!got.empty() && got.front() == near_hit{-1.0, 7}, which + " changed what was in the vector before");
        if (!got.empty()) got.erase(got.begin());
        r.check(got == expected,
                which + " does not give the nearest by (metres, position), as haversine_metres computes them: " +
                    std::to_string(got.size()) + " hits, expected " + std::to_string(expected.size()));
        r.check(once, which + " asked accept twice about one entry");
        r.check(needed, which + " asked accept about an entry that could not enter the result");
    }
}

template <class Policy>
void check_spatial_view(typename Policy::view const& view, std::vector<point_entry> const& entries, report& r,
                        std::string const& what) {
    auto const valid = view.validate();
    r.check(valid.has_value(),
            what + ": validate() refuses good bytes: " + (valid ? std::string() : valid.error().message));
    std::vector<std::pair<position, lonlat>> got, expected;
    view.each([&](position at, lonlat p) { got.emplace_back(at, p); });
    for (auto const& e : entries) expected.emplace_back(e.at, e.where);
    std::sort(got.begin(), got.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
    r.check(got == expected, what + ": each() must visit every entry once, with the point as it was given");
}

}  // namespace detail

/// Checks every axiom of spatial_index<Policy>: delta and view against brute force over shapes of data that hurt, the errors of
/// build, and that damaged bytes are refused or answered without a crash. Run it under sanitizers.
template <spatial_index Policy>
void check_spatial_index(std::uint64_t seed, report& r) {
    prng random(seed);
    for (std::size_t const n :
         std::initializer_list<std::size_t>{0, 1, 2, 3, 15, 16, 17, 63, 64, 65, 255, 256, 257, 1000}) {
        for (unsigned kind = 0; kind < detail::spatial_kinds; ++kind) {
            auto const entries = detail::spatial_points(kind, n, random);
            auto const what    = "kind " + std::to_string(kind) + ", n " + std::to_string(n);

            typename Policy::delta delta;
            for (auto const& e : entries) delta.insert(e.where, e.at);
            detail::check_spatial_queries(detail::spatial_half_of(delta), entries, 6, random, r, "delta, " + what);

            auto const bytes = Policy::build(entries);
            if (!r.check(bytes.has_value(), "build refuses good entries, " + what)) continue;
            r.check(Policy::build(entries).value() == *bytes, "build must be a pure function of its entries, " + what);
            aligned_copy const copy(*bytes);
            auto const         view = Policy::view::open(copy.view());
            if (!r.check(view.has_value(), "open refuses good bytes, " + what)) continue;
            detail::check_spatial_view<Policy>(*view, entries, r, "view, " + what);
            detail::check_spatial_queries(detail::spatial_half_of(*view), entries, 12, random, r, "view, " + what);
        }
    }

    auto const refused = [&](std::vector<point_entry> const& entries, errc kind, std::string const& why) {
        auto const bytes = Policy::build(entries);
        r.check(!bytes && bytes.error().kind == kind,
                "build must refuse " + why + " with " + std::string(to_string(kind)));
    };
    constexpr auto nan = std::numeric_limits<double>::quiet_NaN();
    refused({{{0, 0}, 0}, {{0, 91}, 1}}, errc::invalid_argument, "a latitude of 91");
    refused({{{-181, 0}, 0}}, errc::invalid_argument, "a longitude of -181");
    refused({{{nan, 0}, 0}}, errc::invalid_argument, "a longitude that is not a number");
    refused({{{0, 0}, 5}, {{1, 1}, 5}}, errc::unsorted_keys, "a position that repeats");
    refused({{{0, 0}, 5}, {{1, 1}, 4}}, errc::unsorted_keys, "a position that descends");

    for (std::size_t const n : std::initializer_list<std::size_t>{0, 1, 17, 300}) {
        auto const entries =
            detail::spatial_points(static_cast<unsigned>(random.below(detail::spatial_kinds)), n, random);
        auto const bytes = Policy::build(entries);
        if (!bytes) continue;
        for (std::size_t size = 0; size < bytes->size(); size += 1 + size / 16) {
            aligned_copy const cut(byte_view(*bytes).first(size));
            r.check(!Policy::view::open(cut.view()).has_value(),
                    "open must refuse bytes whose end is cut off, n " + std::to_string(n));
        }
        each_hostile(*bytes, random, 400, [&](byte_view hostile) {
            auto const view = Policy::view::open(hostile);
            if (!view) {
                r.check(!view.error().message.empty(), "an error needs a sentence");
                return;
            }
            static_cast<void>(view->validate());
            std::uint64_t seen = 0;
            view->each([&](position, lonlat) { ++seen; });
            r.check(seen == view->size(), "each() must visit size() entries of damaged bytes");
            for (int q = 0; q < 4; ++q) {
                seen = 0;
                view->within(detail::spatial_query_box(entries, random), [&](position) { return ++seen, true; });
                r.check(seen <= view->size(), "within() visited more entries than there are");
                std::vector<near_hit> hits;
                view->closest(detail::spatial_query_point(entries, random), 5, [](position) { return true; }, hits);
                r.check(hits.size() <= 5, "closest() gave more than k");
            }
        });
    }
}

/// One thread inserts while the calling one queries through `run_beside(writer, reader)`, which runs both at the same time
/// and returns when both are done. Queries must see what was inserted before they began. Run it under TSan.
template <spatial_index Policy, class RunBeside>
void check_spatial_delta_readers(std::uint64_t seed, std::size_t n, report& r, RunBeside&& run_beside) {
    prng                       random(seed);
    auto const                 entries = detail::spatial_points(0, n, random);
    typename Policy::delta     delta;
    std::atomic<std::uint64_t> inserted{0};
    run_beside(
        [&] {
            for (auto const& e : entries) {
                delta.insert(e.where, e.at);
                inserted.fetch_add(1, std::memory_order_release);
            }
        },
        [&] {
            for (std::uint64_t before = 0; before < n;) {
                before             = inserted.load(std::memory_order_acquire);
                std::uint64_t seen = 0;
                delta.within({}, [&](position) { return ++seen, true; });
                r.check(seen >= before && seen <= n, "a reader must see what was inserted before it began");
                std::vector<near_hit> hits;
                delta.closest({0, 0}, 3, [](position) { return true; }, hits);
                r.check(hits.size() >= std::min<std::uint64_t>(3, before),
                        "a reader must find what was inserted before it began");
            }
        });
}

}  // namespace tenon::testing
