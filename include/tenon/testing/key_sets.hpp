// SPDX-License-Identifier: Apache-2.0
// Sorted sets of 64-bit keys after twelve distributions, for tests and benches of everything that is ordered.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/core/lonlat.hpp"
#include "tenon/core/prng.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

/// key_set - n sorted keys that follow a named distribution.
///
/// | set | keys |
/// | --- | --- |
/// | uniform | over all 64 bits |
/// | normal | around 2^63, sigma 2^60 |
/// | lognormal | 10^12 e^(2 N(0, 1)): dense at the low end, a tail to the right |
/// | zipf | ranks up to 2^40, each as often as its reciprocal: half of the keys lie below 2^20, many duplicates |
/// | books | gaps whose mean walks at random at many scales, from 64 keys to all |
/// | fb | ids whose gaps follow Pareto(1.2), and 21 outliers up to 2^63 |
/// | osm | cells on a Hilbert curve over 2^32 x 2^32 points, scattered log-normally around places with Zipf's weights |
/// | wiki | seconds of events with a daily and weekly rhythm and bursts; every fourth key is a duplicate |
/// | step | up to 64 dense blocks of unequal length far from each other |
/// | equal | one key |
/// | progression | equal gaps |
/// | adversarial | gaps that double, in clusters of such clusters down to single keys: no straight line fits many |
///
/// Guarantee   sorted; n keys; equal arguments give equal keys with the same mathematical library. No two keys are equal in books, step,
///             progression and adversarial; zipf, wiki and equal have duplicates at every n from 1,000 up; the rest hardly.
/// Cost        O(n) time, 5 to 150 ns a key; a second array of n keys while those are sorted that do not come in order.
/// Threads     free functions of their arguments.
namespace tenon::testing {

inline constexpr std::array<std::string_view, 12> key_set_names{"uniform", "normal", "lognormal",   "zipf",
                                                                "books",   "fb",     "osm",         "wiki",
                                                                "step",    "equal",  "progression", "adversarial"};

namespace detail {

using key_list = std::vector<std::uint64_t>;

/// Sorts by bytes from the lowest up; bytes that all keys share cost nothing.
inline void sort_keys(key_list& keys) {
    if (keys.size() < 1024) return std::sort(keys.begin(), keys.end());
    std::vector<std::array<std::size_t, 256>> counts(8);
    for (auto k : keys)
        for (std::size_t b = 0; b < 8; ++b) ++counts[b][k >> 8 * b & 255];
    key_list other(keys.size());
    for (std::size_t b = 0; b < 8; ++b) {
        auto& at = counts[b];
        if (at[keys.front() >> 8 * b & 255] == keys.size()) continue;
        std::size_t sum = 0;
        for (auto& c : at) sum += std::exchange(c, sum);
        for (auto k : keys) other[at[k >> 8 * b & 255]++] = k;
        keys.swap(other);
    }
}

/// From any number to the nearest key.
inline std::uint64_t to_key(double v) noexcept {
    return v >= 0x1p64 ? ~std::uint64_t{0} : v > 0 ? static_cast<std::uint64_t>(v) : 0;
}
/// Uniform in (0, 1].
inline double positive_unit(prng& random) { return 1 - random.unit(); }
/// Exponential with mean 1.
inline double exponential(prng& random) { return -std::log(positive_unit(random)); }

/// A direction of length 1 and two independent N(0, 1), by Marsaglia's polar method.
struct normal_pair {
    double x, y, first, second;
};
inline normal_pair draw_normals(prng& random) {
    for (;;) {
        auto const u = 2 * random.unit() - 1, v = 2 * random.unit() - 1, s = u * u + v * v;
        if (s >= 1 || s < 0x1p-60) continue;
        auto const r = std::sqrt(s), f = std::sqrt(-2 * std::log(s) / s);
        return {u / r, v / r, u * f, v * f};
    }
}

inline key_list uniform_keys(std::size_t n, prng& random) {
    key_list keys(n);
    for (auto& k : keys) k = random();
    sort_keys(keys);
    return keys;
}

/// n keys made of N(0, 1) each.
template <class Map>
key_list keys_from_normals(std::size_t n, prng& random, Map map) {
    key_list keys(n);
    for (std::size_t i = 0; i < n; i += 2) {
        auto const two = draw_normals(random);
        keys[i]        = to_key(map(two.first));
        if (i + 1 < n) keys[i + 1] = to_key(map(two.second));
    }
    sort_keys(keys);
    return keys;
}

inline key_list zipf_keys(std::size_t n, prng& random) {
    key_list keys(n);
    for (auto& k : keys) k = to_key(std::exp2(40 * random.unit()));
    sort_keys(keys);
    return keys;
}

inline key_list books_keys(std::size_t n, prng& random) {
    constexpr std::size_t      scales = 7;  // 64, 512, ... 2^24 keys
    std::array<double, scales> level{};
    for (auto& l : level) l = draw_normals(random).first;
    key_list      keys(n);
    double        mean = 0;
    std::uint64_t key  = random.below(1u << 20);
    for (std::size_t i = 0; i < n; ++i) {
        if (i % 64 == 0) {
            double sum = 0;
            for (std::size_t s = 0; s < scales; ++s) {
                if (i % (std::size_t{64} << 3 * s) == 0) level[s] = 0.7 * level[s] + 0.7 * draw_normals(random).first;
                sum += level[s];
            }
            mean = 0x1p16 * std::exp(0.7 * sum);
        }
        keys[i] = key += 1 + to_key(mean * exponential(random));
    }
    return keys;
}

inline key_list fb_keys(std::size_t n, prng& random) {
    auto const    outliers = std::min<std::size_t>(21, n / 16);
    key_list      keys(n);
    std::uint64_t key = std::uint64_t{1} << 20;
    for (std::size_t i = 0; i < n - outliers; ++i) {
        auto const gap = 16 * std::pow(positive_unit(random), -1 / 1.2);
        keys[i]        = key += to_key(std::min(gap, 0x1p34));
    }
    for (std::size_t i = n - outliers; i < n; ++i) keys[i] = std::max(key, std::uint64_t{1} << (64 - (n - i)));
    return keys;
}

/// Where people could live: a few regions, in them towns. The first place is the largest.
inline std::vector<lonlat> made_places(prng& random) {
    std::vector<lonlat> regions, places;
    for (int i = 0; i < 40; ++i) regions.push_back({360 * random.unit() - 180, 110 * random.unit() - 50});
    for (int i = 0; i < 20'000; ++i) {
        auto const around = regions[to_key(std::exp2(5.3 * random.unit()))];
        auto const off    = draw_normals(random);
        places.push_back({around.lon + 8 * off.first, std::clamp(around.lat + 5 * off.second, -80.0, 80.0)});
    }
    return places;
}

/// The place of a point on a Hilbert curve of order 32.
inline std::uint64_t hilbert_cell(std::uint32_t x, std::uint32_t y) noexcept {
    // For each of four ways to lie: quadrant (2 x + y) to its number on the curve, and how the curve lies within it.
    constexpr std::uint8_t step[4][4] = {{0, 1, 3, 2}, {0, 3, 1, 2}, {2, 3, 1, 0}, {2, 1, 3, 0}};
    constexpr std::uint8_t next[4][4] = {{1, 0, 3, 0}, {0, 2, 1, 1}, {2, 1, 2, 3}, {3, 3, 0, 2}};
    std::uint64_t          out        = 0;
    unsigned               way        = 0;
    for (int bit = 31; bit >= 0; --bit) {
        auto const quadrant = (x >> bit & 1u) * 2 + (y >> bit & 1u);
        out                 = out << 2 | step[way][quadrant];
        way                 = next[way][quadrant];
    }
    return out;
}

inline key_list osm_keys(std::size_t n, prng& random, std::span<lonlat const> places) {
    std::vector<lonlat> made;
    if (places.empty()) places = made = made_places(random);
    auto const ranks = std::log2(static_cast<double>(places.size()));
    key_list   keys(n);
    for (auto& k : keys) {
        auto const  rank   = std::min<std::uint64_t>(to_key(std::exp2(ranks * random.unit())), places.size()) - 1;
        auto const& centre = places[rank];
        auto const  off    = draw_normals(random);  // its direction does not depend on the length of another pair
        auto const  degree = 0.05 * std::exp(1.2 * draw_normals(random).first);
        auto const  lon = centre.lon + degree * off.x, lat = std::clamp(centre.lat + degree * off.y, -90.0, 90.0);
        auto const  turn = (lon + 180) / 360;
        k                = hilbert_cell(static_cast<std::uint32_t>(to_key((turn - std::floor(turn)) * 0x1p32)),
                                        static_cast<std::uint32_t>(to_key((lat + 90) / 180 * 0xffffffffp0)));
    }
    sort_keys(keys);
    return keys;
}

inline key_list wiki_keys(std::size_t n, prng& random) {
    constexpr double hour = 3600, day = 24 * hour, week = 7 * day, turn = 6.283185307179586;
    key_list         keys(n);
    double           now = 979'516'800, until = 0, rate = 0, burst = 1;
    for (auto& k : keys) {
        if (now >= until) {
            until = now + hour / 4;
            burst = random.chance(0.01) ? 2 + 6 * random.unit() : 0.5 * (burst + 1);
            rate  = 0.46 * burst * (1 + 0.5 * std::sin(turn * now / day)) * (1 + 0.2 * std::sin(turn * now / week));
        }
        now += exponential(random) / rate;
        k = static_cast<std::uint64_t>(now);
    }
    return keys;
}

inline key_list step_keys(std::size_t n, prng& random) {
    key_list      keys(n);
    std::uint64_t key = 0, left = 0, block = 0;
    for (auto& k : keys) {
        if (left == 0) {
            left = 1 + n / 100 + random.below(n / 32 + 1);
            key  = block++ << 57 | random.below(std::uint64_t{1} << 56);
        }
        --left;
        k = key += 1 + random.below(8);
    }
    return keys;
}

inline key_list progression_keys(std::size_t n, prng& random) {
    auto const first = random.below(std::uint64_t{1} << 40), gap = 2 + random.below(1000);
    key_list   keys(n);
    for (std::size_t i = 0; i < n; ++i) keys[i] = first + i * gap;
    return keys;
}

/// The number i in base m; digit d of each level counts 2^(d - 1) units of it, or is measured so from the far end.
inline key_list adversarial_keys(std::size_t n, prng& random) {
    std::uint64_t m = 2, levels = 63;
    for (std::uint64_t base = 2; base <= 63; ++base) {
        std::uint64_t count = 1;
        for (auto room = base; room < n && count < 64; ++count) room *= base;
        if (count * (base - 1) <= 63) m = base, levels = count;
    }
    std::vector<std::vector<std::uint64_t>> parts;
    for (std::uint64_t l = 0; l < levels; ++l) {
        auto const                 unit = l * (m - 1), far = std::uint64_t{1} << (m - 2);
        std::vector<std::uint64_t> part(m);
        bool const                 mirrored = random.chance(0.5);
        auto const                 size     = [](std::uint64_t d) { return d == 0 ? 0 : std::uint64_t{1} << (d - 1); };
        for (std::uint64_t d = 0; d < m; ++d) part[d] = (mirrored ? far - size(m - 1 - d) : size(d)) << unit;
        parts.push_back(std::move(part));
    }
    auto const               base = random.below(std::uint64_t{1} << 62);
    std::vector<std::size_t> digits(levels);
    key_list                 keys(n);
    for (auto& k : keys) {
        k = base;
        for (std::size_t l = 0; l < levels; ++l) k += parts[l][digits[l]];
        for (std::size_t l = 0; l < levels && ++digits[l] == m; ++l) digits[l] = 0;
    }
    return keys;
}

}  // namespace detail

/// n sorted keys of the set `name`, one of key_set_names. `places`, the largest first, are the centres of osm; without them
/// they are made up from the seed. Precondition: the name is known.
inline std::vector<std::uint64_t> key_set(std::string_view name, std::size_t n, std::uint64_t seed,
                                          std::span<lonlat const> places = {}) {
    prng random(seed);
    if (n == 0) return {};
    if (name == "uniform") return detail::uniform_keys(n, random);
    if (name == "normal") return detail::keys_from_normals(n, random, [](double z) { return 0x1p63 + 0x1p60 * z; });
    if (name == "lognormal")
        return detail::keys_from_normals(n, random, [](double z) { return 1e12 * std::exp(2 * z); });
    if (name == "zipf") return detail::zipf_keys(n, random);
    if (name == "books") return detail::books_keys(n, random);
    if (name == "fb") return detail::fb_keys(n, random);
    if (name == "osm") return detail::osm_keys(n, random, places);
    if (name == "wiki") return detail::wiki_keys(n, random);
    if (name == "step") return detail::step_keys(n, random);
    if (name == "equal") return std::vector<std::uint64_t>(n, random());
    if (name == "progression") return detail::progression_keys(n, random);
    expects(name == "adversarial", "key_set takes a name out of key_set_names");
    return detail::adversarial_keys(n, random);
}

}  // namespace tenon::testing
