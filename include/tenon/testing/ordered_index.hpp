// SPDX-License-Identifier: Apache-2.0
// Does a policy keep the axioms of axis::ordered_index? For people who write one.
#pragma once

#include "tenon/core/prng.hpp"
#include "tenon/ordered_index/concept.hpp"
#include "tenon/testing/report.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::testing {

namespace detail {

template <index_key Key>
std::string index_key_name() {
    return (std::floating_point<Key> ? "f" : std::is_signed_v<Key> ? "i" : "u") + std::to_string(sizeof(Key) * 8);
}

/// The key nearest above or below, or k itself at the end of the range.
template <index_key Key>
Key index_neighbour(Key k, bool above) {
    using lim = std::numeric_limits<Key>;
    if constexpr (std::floating_point<Key>) {
        return std::nextafter(k, above ? lim::infinity() : -lim::infinity());
    } else {
        return above ? (k == lim::max() ? k : static_cast<Key>(k + 1))
                     : (k == lim::min() ? k : static_cast<Key>(k - 1));
    }
}

/// Any key at all, except NaN.
template <index_key Key>
Key index_any_key(prng& random) {
    if constexpr (std::same_as<Key, double>) {
        auto const v = std::bit_cast<double>(random());
        return v != v ? 0.0 : v;
    } else if constexpr (std::same_as<Key, float>) {
        auto const v = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
        return v != v ? 0.0f : v;
    } else {
        return static_cast<Key>(random());
    }
}

/// A share of [0, 1] laid on the range of Key: all of it for integers, [0, 1e6] for floats.
template <index_key Key>
Key index_spread(double share) {
    using lim = std::numeric_limits<Key>;
    share     = share < 0 ? 0 : share > 1 ? 1 : share;
    if constexpr (std::floating_point<Key>) {
        return static_cast<Key>(share * 1e6);
    } else {
        auto const width = static_cast<std::uint64_t>(lim::max()) - static_cast<std::uint64_t>(lim::min());
        auto const top   = static_cast<double>(width);
        auto const at    = share * top >= top ? width : static_cast<std::uint64_t>(share * top);
        return static_cast<Key>(static_cast<std::uint64_t>(lim::min()) + std::min(at, width));
    }
}

inline double index_normal(prng& random) {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += random.unit();
    return sum - 6;
}

/// Key sets that have broken position indexes. Sorted.
template <index_key Key>
std::vector<Key> index_keys(std::string_view kind, std::size_t n, prng& random) {
    using lim = std::numeric_limits<Key>;
    std::vector<Key> keys;
    auto             add    = [&](Key k) { keys.push_back(k); };
    auto             centre = random.unit(), radius = 1e-4;
    for (std::size_t i = 0; i < n; ++i) {
        auto const x = static_cast<double>(i) / static_cast<double>(n);
        if (kind == "uniform") add(index_spread<Key>(random.unit()));
        if (kind == "normal") add(index_spread<Key>(0.5 + index_normal(random) / 12));
        if (kind == "lognormal") add(index_spread<Key>(std::exp(2 * index_normal(random)) / 1e5));
        if (kind == "zipf") add(index_spread<Key>(1 / (1 + std::floor(1 / (random.unit() + 1e-3)))));
        if (kind == "steps") add(index_spread<Key>(std::floor(x * 7) / 7 + random.unit() / 1e5));
        if (kind == "equal") add(index_spread<Key>(0.5));
        if (kind == "progression") add(static_cast<Key>(3 * i + 7));
        if (kind == "clusters") {
            if (random.chance(0.02)) centre = random.unit(), radius = std::exp(-20 * random.unit());
            add(index_spread<Key>(centre + radius * index_normal(random)));
        }
        if (kind == "exponential") add(index_spread<Key>(std::exp2(-static_cast<double>(i % 62))));
        if (kind == "from the top") add(static_cast<Key>(lim::max() - static_cast<Key>(i / 3)));
        if (kind == "near 2^53") {
            if constexpr (sizeof(Key) == 8) add(static_cast<Key>((std::uint64_t{1} << 53) - n / 2 + i));
            else add(static_cast<Key>((std::uint64_t{1} << 24) - n / 2 + i));
        }
        if (kind == "near 2^63") {
            if constexpr (std::same_as<Key, std::uint64_t>) add((std::uint64_t{1} << 63) - n + 2 * i);
            else add(index_neighbour<Key>(static_cast<Key>(lim::max() - static_cast<Key>(i)), random.chance(0.5)));
        }
        if (kind == "two ends")
            add(i % 2 == 0 ? index_neighbour<Key>(lim::lowest(), i % 4 == 0)
                           : index_neighbour<Key>(lim::max(), i % 4 == 1));
        if (kind == "any bits") add(index_any_key<Key>(random));
    }
    std::sort(keys.begin(), keys.end());
    return keys;
}

inline constexpr std::array<std::string_view, 14> index_key_kinds{
    "uniform",  "normal",      "lognormal",    "zipf",      "steps",     "equal",    "progression",
    "clusters", "exponential", "from the top", "near 2^53", "near 2^63", "two ends", "any bits"};

/// Model bytes on memory aligned as extents are.
class index_bytes {
public:
    explicit index_bytes(byte_view bytes) : words_((bytes.size() + 63) / 64 + 1), size_(bytes.size()) {
        std::copy(bytes.begin(), bytes.end(), data());
    }
    std::byte* data() { return reinterpret_cast<std::byte*>(words_.data()); }
    byte_view  view() { return {data(), size_}; }

private:
    struct alignas(64) line {
        std::array<std::byte, 64> bytes{};
    };
    std::vector<line> words_;
    std::size_t       size_;
};

/// All a view says about one key.
struct index_answers {
    std::uint64_t  lower = 0, upper = 0, found = 0, size = 0;
    position_range equal{}, window{};
};

/// Any policy over one key type; the suite is compiled once for each type, not for each policy.
template <index_key Key>
struct index_under_test {
    virtual ~index_under_test()                                             = default;
    virtual std::string_view    name() const                                = 0;
    virtual result<byte_vector> build(std::span<Key const>) const           = 0;
    virtual result<void>        open(byte_view model, std::span<Key const>) = 0;
    virtual index_answers       ask(Key) const                              = 0;
    virtual result<void>        validate() const                            = 0;
};

template <class Policy, index_key Key>
struct index_adapter final : index_under_test<Key> {
    using view = typename Policy::template view<Key>;
    result<view> opened{fail(errc::not_found, "not opened")};

    std::string_view    name() const override { return Policy::name; }
    result<byte_vector> build(std::span<Key const> keys) const override { return Policy::template build<Key>(keys); }
    result<void>        open(byte_view model, std::span<Key const> keys) override {
        opened = view::open(model, keys);
        return opened ? result<void>{} : fail(opened.error());
    }
    index_answers ask(Key k) const override {
        view const& v = *opened;
        return {v.lower_bound(k), v.upper_bound(k), v.find(k), v.size(), v.equal_range(k), v.window(k)};
    }
    result<void> validate() const override { return opened->validate(); }
};

/// What is wrong with an answer about key `k`; empty when nothing is.
inline std::string index_complaint(index_answers const& is, std::uint64_t lower, std::uint64_t upper, std::uint64_t n,
                                   std::string const& k) {
    auto says = [&](char const* what, std::uint64_t got, std::uint64_t expected) {
        return what + ("(" + k) + ") is " + std::to_string(got) + ", expected " + std::to_string(expected) + " of " +
               std::to_string(n);
    };
    auto const found = lower < upper ? lower : n;
    if (is.size != n) return says("size", is.size, n);
    if (is.lower != lower) return says("lower_bound", is.lower, lower);
    if (is.upper != upper) return says("upper_bound", is.upper, upper);
    if (is.equal.first != lower || is.equal.last != upper)
        return says("equal_range", is.equal.last - is.equal.first, upper - lower);
    if (is.found != found) return says("find", is.found, found);
    if (!(is.window.first <= lower && lower < is.window.last && is.window.last <= n + 1))
        return says("window.first", is.window.first, lower);
    return {};
}

template <index_key Key>
void check_index_over(index_under_test<Key>& index, std::vector<Key> const& keys, std::string const& what,
                      std::size_t absent, prng& random, report& r) {
    std::span<Key const> const sorted(keys);
    auto                       model = index.build(sorted);
    if (!r.check(model.has_value(), what + ": build must take sorted keys")) return;
    index_bytes bytes(*model);
    auto const  opened = index.open(bytes.view(), sorted);
    if (!r.check(opened.has_value(),
                 what + ": open must take what build made" + (opened ? "" : ": " + opened.error().message)))
        return;
    auto const valid = index.validate();
    r.check(valid.has_value(),
            what + ": validate must accept what build made" + (valid ? "" : ": " + valid.error().message));

    std::string wrong;
    auto        ask = [&](Key k) {
        if (!wrong.empty()) return;
        auto const lower = std::lower_bound(keys.begin(), keys.end(), k),
                   upper = std::upper_bound(lower, keys.end(), k);
        wrong            = index_complaint(index.ask(k), static_cast<std::uint64_t>(lower - keys.begin()),
                                                  static_cast<std::uint64_t>(upper - keys.begin()), keys.size(), std::to_string(k));
    };
    for (Key k : keys) ask(k), ask(index_neighbour(k, false)), ask(index_neighbour(k, true));
    for (std::size_t i = 0; i < absent; ++i) ask(index_any_key<Key>(random)), ask(index_spread<Key>(random.unit()));
    using lim = std::numeric_limits<Key>;
    for (Key k : {lim::lowest(), lim::max(), Key{0}, Key{1}}) ask(k);
    if constexpr (std::floating_point<Key>)
        for (Key k : {lim::infinity(), -lim::infinity(), -Key{0}, lim::denorm_min()}) ask(k);
    r.check(wrong.empty(), what + ": " + wrong);
}

template <index_key Key>
void check_index_refusals(index_under_test<Key>& index, std::string const& what, report& r) {
    auto refused = [&](std::vector<Key> const& keys, std::string const& rank) {
        auto const model = index.build(std::span<Key const>(keys));
        r.check(!model && model.error().kind == errc::unsorted_keys,
                what + ": unsorted keys must be refused with errc::unsorted_keys");
        r.check(!model && model.error().message.find(rank) != std::string::npos,
                what + ": the error must name rank " + rank);
    };
    refused({5, 6, 7, 6, 1}, "3");
    refused({1, 0}, "1");
    if constexpr (std::floating_point<Key>) {
        auto const nan = std::numeric_limits<Key>::quiet_NaN();
        refused({nan}, "0");
        refused({1, 2, nan}, "2");
        refused({1, 2, 3, nan, 4}, "3");
    }
}

/// A copy with flipped bits, a cut end or random bytes.
inline byte_vector index_mangled(byte_vector bytes, prng& random) {
    auto const way = random.below(4);
    if (way == 0) bytes.resize(random.below(bytes.size()));
    if (way == 1) bytes[random.below(bytes.size())] ^= static_cast<std::byte>(1u << random.below(8));
    if (way == 2)
        for (auto n = random.below(64) + 1; n > 0; --n)
            bytes[random.below(bytes.size())] = static_cast<std::byte>(random());
    if (way == 3)
        for (auto i = random.below(bytes.size()); i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(random());
    return bytes;
}

/// Hostile model bytes: open refuses, or no query leaves the keys.
template <index_key Key>
void check_index_hostile(index_under_test<Key>& index, std::string const& what, std::size_t rounds, prng& random,
                         report& r) {
    auto const                 keys = index_keys<Key>("clusters", 700, random);
    std::span<Key const> const sorted(keys);
    auto const                 model = index.build(sorted);
    if (!r.check(model.has_value(), what + ": build must take sorted keys")) return;
    bool       inside = true;
    auto const n      = keys.size();
    for (std::size_t round = 0; round < rounds; ++round) {
        index_bytes bytes(index_mangled(*model, random));
        if (!index.open(bytes.view(), sorted)) continue;
        for (std::size_t i = 0; i < 40; ++i) {
            auto const a = index.ask(i % 2 == 0 ? keys[random.below(n)] : index_any_key<Key>(random));
            inside       = inside && a.lower <= n && a.upper <= n && a.found <= n && a.equal.first <= n &&
                     a.equal.last <= n && a.window.first < a.window.last && a.window.last <= n + 1;
        }
        (void)index.validate();
    }
    r.check(inside, what + ": with hostile model bytes every answer must still lie in [0, size]");

    index_bytes bytes(*model);
    r.check(!index.open(bytes.view(), sorted.first(n - 1)), what + ": open must refuse keys of another count");
    auto shifted    = keys;
    shifted.front() = index_neighbour(shifted.front(), false);
    if (shifted.front() != keys.front())
        r.check(!index.open(bytes.view(), shifted), what + ": open must refuse keys with another first key");
}

template <index_key Key>
void check_index_of_type(index_under_test<Key>& index, std::uint64_t seed, report& r) {
    using lim = std::numeric_limits<Key>;
    std::string const who =
        std::string(index.name()) + " over " + index_key_name<Key>() + ", seed " + std::to_string(seed);
    prng random(seed);

    // Every multiset of up to five keys over a small universe.
    std::array<Key, 6> universe{0, 1, 2, 3, index_neighbour(lim::max(), false), lim::max()};
    if constexpr (std::is_signed_v<Key>)
        universe = {lim::lowest(), index_neighbour(lim::lowest(), true), Key(-1), 0, 1, lim::max()};
    if constexpr (std::floating_point<Key>) universe[5] = lim::infinity();
    std::vector<Key> keys;
    auto             all = [&](auto& self, std::size_t from) -> void {
        check_index_over<Key>(index, keys, who + ", small universe", 2, random, r);
        if (keys.size() == 5) return;
        for (std::size_t i = from; i < universe.size(); ++i) {
            keys.push_back(universe[i]);
            self(self, i);
            keys.pop_back();
        }
    };
    all(all, 0);

    for (auto kind : index_key_kinds)
        for (std::size_t n : {std::size_t{70}, std::size_t{1500}})
            check_index_over<Key>(index, index_keys<Key>(kind, n, random), who + ", " + std::string(kind), n, random,
                                  r);
    check_index_refusals<Key>(index, who, r);
    check_index_hostile<Key>(index, who, 300, random, r);
}

template <class Policy, index_key Key>
void check_index_policy(std::uint64_t seed, report& r) {
    index_adapter<Policy, Key> index;
    check_index_of_type<Key>(index, seed, r);
}

}  // namespace detail

/// Every axiom of the concept over u64, i64, u32, i16, float and double: all small key sets, many distributions with each
/// key's neighbours and random absent keys against the standard library, refusals, hostile model bytes (run it under
/// ASan). About 200,000 look-ups a key type.
template <ordered_index Policy>
void check_ordered_index(std::uint64_t seed, report& r) {
    detail::check_index_policy<Policy, std::uint64_t>(seed, r);
    detail::check_index_policy<Policy, std::int64_t>(seed + 1, r);
    detail::check_index_policy<Policy, std::uint32_t>(seed + 2, r);
    detail::check_index_policy<Policy, std::int16_t>(seed + 3, r);
    detail::check_index_policy<Policy, float>(seed + 4, r);
    detail::check_index_policy<Policy, double>(seed + 5, r);
}

}  // namespace tenon::testing
