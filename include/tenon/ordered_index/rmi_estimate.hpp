// SPDX-License-Identifier: Apache-2.0
// What an rmi would cost, from a few of its leaves: only they are fitted.
#pragma once

#include "tenon/ordered_index/index_report.hpp"
#include "tenon/ordered_index/rmi_build.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tenon::detail {

/// At most `most` of the numbers of ranks [first, first + count), evenly spaced, the first and the last among them.
template <number_sequence Keys>
class thinned {
public:
    thinned(Keys const& keys, std::uint64_t first, std::uint64_t count, std::uint64_t most) noexcept
        : keys_(&keys), first_(first), count_(count), size_(std::min(count, most)) {}
    std::uint64_t size() const noexcept { return size_; }
    std::uint64_t operator[](std::uint64_t i) const {
        auto const at = size_ == count_ ? i : size_ < 2 ? 0 : rmi_share(i, count_ - 1, size_ - 1);
        return (*keys_)[first_ + at];
    }

private:
    Keys const*   keys_;
    std::uint64_t first_, count_, size_;
};

/// What look-ups of evenly spaced stored keys would search.
class error_sample {
public:
    static constexpr std::size_t most = 128;

    /// `error`: positions searched, less one; `off`: how far the answer lies from the middle of them.
    void add(double error, double off) noexcept { seen_[count_++] = {error, off}; }

    double mean_log2() const noexcept {
        return mean([](one s) { return rough_log2(s.error + 1); });
    }
    double mean_halving(double key_bytes) const noexcept {
        return mean([&](one s) { return halving_lines(s.error, key_bytes); });
    }
    double mean_galloping(double key_bytes) const noexcept {
        return mean([&](one s) { return galloping_lines(s.off, key_bytes); });
    }

private:
    struct one {
        double error = 0, off = 0;
    };
    template <class Of>
    double mean(Of of) const noexcept {
        double sum = 0;
        for (std::size_t i = 0; i < count_; ++i) sum += of(seen_[i]);
        return count_ == 0 ? 0 : sum / static_cast<double>(count_);
    }
    std::array<one, most> seen_{};
    std::size_t           count_ = 0;
};

template <class Models>
class rmi_estimate;

/// Goes down from the root for each sampled key and fits what it meets, over the keys that would be sent there: inner models over some
/// of them, leaves over all unless they are very large. Keys are sampled by rank, so leaves count by their keys, as in look-ups.
template <class... Models>
class rmi_estimate<rmi_models<Models...>> {
    using builder                      = rmi_builder<rmi_models<Models...>>;
    static constexpr std::size_t depth = sizeof...(Models);
    using counts_type                  = std::array<std::uint64_t, depth>;

public:
    template <number_sequence Keys>
    static error_sample of(Keys const& keys, counts_type const& counts) {
        error_sample out;
        auto const   n       = static_cast<std::uint64_t>(keys.size());
        auto const   samples = std::min<std::uint64_t>(n, error_sample::most);
        if (n == 0) return out;
        if constexpr (depth == 1) {
            for (std::uint64_t i = 0; i < samples; ++i)
                see_leaf(out, keys, {0, n}, rmi_share(2 * i + 1, n, 2 * samples));
        } else {
            auto const root = builder::fit_root(thinned<Keys>(keys, 0, n, 1 << 14), counts[1]);
            for (std::uint64_t i = 0; i < samples; ++i) {
                auto const rank  = rmi_share(2 * i + 1, n, 2 * samples);
                auto const route = [&](std::uint64_t p) { return root.predict(p, counts[1] - 1); };
                below<1>(out, keys, counts, {0, n}, rank, route);
            }
        }
        return out;
    }

private:
    /// The ranks in `all` that are routed as the key of `rank` is.
    template <class Keys, class Route>
    static position_range same(Keys const& keys, position_range all, std::uint64_t rank, Route route) {
        auto const chosen = route(keys[rank]);
        auto       low = rank, high = rank + 1;
        for (std::uint64_t step = 32; low > all.first && route(keys[low - 1]) == chosen; step *= 2) {
            auto const next = low - all.first > step ? low - step : all.first;
            if (route(keys[next]) == chosen) low = next;
            else low = first_where(next, low, [&](std::uint64_t r) { return route(keys[r]) == chosen; });
        }
        for (std::uint64_t step = 32; high < all.last && route(keys[high]) == chosen; step *= 2) {
            auto const next = all.last - high > step ? high + step : all.last;
            if (route(keys[next - 1]) == chosen) high = next;
            else high = first_where(high, next - 1, [&](std::uint64_t r) { return route(keys[r]) != chosen; });
        }
        return {low, high};
    }
    /// The first rank in [low, high] for which `is`, which holds at high.
    template <class Is>
    static std::uint64_t first_where(std::uint64_t low, std::uint64_t high, Is is) {
        while (low < high) {
            auto const middle = low + (high - low) / 2;
            if (is(middle)) high = middle;
            else low = middle + 1;
        }
        return low;
    }

    template <std::size_t Layer, class Keys, class Route>
    static void below(error_sample& out, Keys const& keys, counts_type const& counts, position_range all,
                      std::uint64_t rank, Route route) {
        auto const mine = same(keys, all, rank, route);
        if constexpr (Layer + 1 == depth) {
            see_leaf(out, keys, mine, rank);
        } else {
            auto const model =
                builder::template fit_inner<Layer>(thinned<Keys>(keys, mine.first, mine.last - mine.first, 1024),
                                                   mine.first, mine.last, keys.size(), counts[Layer + 1]);
            below<Layer + 1>(out, keys, counts, mine, rank, [&](std::uint64_t p) {
                return std::min(model.first + model.model.predict(p, model.span), counts[Layer + 1] - 1);
            });
        }
    }
    template <class Keys>
    static void see_leaf(error_sample& out, Keys const& keys, position_range mine, std::uint64_t rank) {
        auto const          size = mine.last - mine.first;
        thinned<Keys> const some(keys, mine.first, size, 2048);
        auto const          leaf   = builder::fit_leaf(some, 0);
        auto const          window = leaf.window(keys[rank], some.size());
        auto const          grow   = static_cast<double>(size) / static_cast<double>(some.size());
        auto const          middle = static_cast<double>(window.first + window.last) / 2 * grow;
        auto const          at     = static_cast<double>(rank - mine.first);
        out.add(static_cast<double>(window.last - window.first) * grow, at < middle ? middle - at : at - middle);
    }
};

}  // namespace tenon::detail
