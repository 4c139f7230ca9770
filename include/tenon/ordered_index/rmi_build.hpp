// SPDX-License-Identifier: Apache-2.0
// Fits the models of an rmi, layer by layer, straight into its bytes.
#pragma once

#include "tenon/ordered_index/rmi_layers.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace tenon::detail {

/// How many models each layer has for n keys, root first.
template <std::size_t Depth>
std::array<std::uint64_t, Depth> rmi_counts(std::uint64_t n, std::uint64_t leaf_keys, std::uint64_t fan) noexcept {
    std::array<std::uint64_t, Depth> out{};
    auto const                       shares = [](std::uint64_t whole, std::uint64_t part) {
        return std::clamp<std::uint64_t>(whole / part + (whole % part > 0 ? 1 : 0), 1, rmi_most_models);
    };
    out[Depth - 1] = shares(n, leaf_keys);
    for (std::size_t i = Depth - 1; i-- > 0;) out[i] = shares(out[i + 1], fan);
    if constexpr (Depth == 1) out[0] = 1;
    out[0] = 1;
    return out;
}

/// floor(a * b / c) for a <= c, c > 0, b <= rmi_most_models.
inline std::uint64_t rmi_share(std::uint64_t a, std::uint64_t b, std::uint64_t c) noexcept {
    auto const whole = a / c, rest = a % c;
    if (c <= rmi_most_models) return whole * b + rest * b / c;
    auto const part = c / rmi_most_models + 1;  // as good when it is monotone
    return std::min(b, whole * b + (rest / part) * b / (c / part));
}

template <class Models>
class rmi_builder;
template <class... Models>
class rmi_builder<rmi_models<Models...>> {
    using layers                       = rmi_layers<Models...>;
    static constexpr std::size_t depth = sizeof...(Models);

public:
    /// The whole model; `header` says all but its size and number of leaves. O(n): each layer but the first passes over the keys once or
    /// twice. Precondition: keys are sorted.
    template <number_sequence Keys>
    static byte_vector build(index_header header, Keys const& keys, std::array<std::uint64_t, depth> const& counts) {
        byte_vector out(static_cast<std::size_t>(layers::offsets(counts).back()));
        header.bytes = out.size();
        header.extra = counts.back();
        std::memcpy(out.data(), &header, sizeof header);
        std::memcpy(out.data() + layers::counts_at, counts.data(), sizeof counts);
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (fit_layer<I>(out, keys, counts), ...);
        }(std::make_index_sequence<depth>{});
        return out;
    }

    /// The first rank in [begin, n) whose key goes beyond model `number` of `Layer`, else n. Routes never go back, so a search that
    /// begins where the model's keys should end finds it.
    template <std::size_t Layer, number_sequence Keys>
    static std::uint64_t end_of(layers const& l, Keys const& keys, std::uint64_t begin, std::uint64_t n,
                                std::uint64_t number, std::uint64_t guess) {
        if (number + 1 == l.counts()[Layer]) return n;
        auto const    inside = [&](std::uint64_t rank) { return l.template route<Layer>(keys[rank]) <= number; };
        std::uint64_t low = begin, high = n, step = 1;
        auto          at = n - begin > guess ? begin + guess : n;
        if (at < n && inside(at)) {
            for (low = at + 1; n - low > step && inside(low + step - 1); step *= 2) low += step;
            if (n - low > step) high = low + step - 1;
        } else {
            for (high = at; high - begin > step && !inside(high - step); step *= 2) high -= step;
            if (high - begin > step) low = high - step + 1;
        }
        while (low < high) {
            auto const middle = low + (high - low) / 2;
            if (inside(middle)) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    /// An inner model over the keys of ranks [begin, end) of n: it shares out the next layer's models by ranks.
    template <std::size_t Layer, number_sequence Keys>
    static auto fit_inner(Keys const& keys, std::uint64_t begin, std::uint64_t end, std::uint64_t n,
                          std::uint64_t next_count) {
        typename layers::template record<Layer> out;
        auto const first = n == 0 ? 0 : std::min(rmi_share(begin, next_count, n), next_count - 1);
        auto const after = n == 0 ? next_count : rmi_share(end, next_count, n);
        out.first        = static_cast<std::uint32_t>(first);
        out.span         = static_cast<std::uint32_t>(after > first + 1 ? after - first - 1 : 0);
        auto const size  = static_cast<double>(keys.size());
        if (keys.size() > 0)
            out.model =
                layers::template model<Layer>::fit(keys, static_cast<double>(std::uint64_t{out.span} + 1) / size);
        return out;
    }

    /// A leaf over these keys, the first of rank `begin`, with bounds proven.
    template <number_sequence Keys>
    static auto fit_leaf(Keys const& keys, std::uint64_t begin) {
        typename layers::leaf out;
        auto const            size = static_cast<std::uint64_t>(keys.size());
        out.begin                  = begin;
        if (size >= layers::leaf::many_keys) {
            out.size  = layers::leaf::many_keys;
            out.below = out.above = layers::leaf::no_limit;
        } else if (size > 0) {
            out.size  = static_cast<std::uint32_t>(size);
            out.model = layers::template model<depth - 1>::fit(keys, 1.0);
            rmi_prove_bounds(out, keys);
        }
        return out;
    }
    template <number_sequence Keys>
    static auto fit_root(Keys const& keys, std::uint64_t next_count) {
        auto const n = static_cast<std::uint64_t>(keys.size());
        return layers::template model<0>::fit(keys,
                                              n == 0 ? 1.0 : static_cast<double>(next_count) / static_cast<double>(n));
    }

private:
    template <std::size_t Layer, number_sequence Keys>
    static void fit_layer(byte_vector& out, Keys const& keys, std::array<std::uint64_t, depth> const& counts) {
        auto const n = static_cast<std::uint64_t>(keys.size());
        if constexpr (Layer == 0 && depth > 1) {
            auto const root = fit_root(keys, counts[1]);
            std::memcpy(out.data() + layers::root_at, &root, sizeof root);
        } else {
            layers const  above(out, counts);  // all layers before this one are there
            auto*         to    = out.data() + layers::offsets(counts)[Layer];
            std::uint64_t begin = 0, guess = 0;
            for (std::uint64_t i = 0; i < counts[Layer]; ++i) {
                auto const               end = end_of<Layer>(above, keys, begin, n, i, guess);
                number_slice<Keys> const mine(keys, begin, end - begin);
                auto const               record = [&] {
                    if constexpr (Layer + 1 == depth) return fit_leaf(mine, begin);
                    else return fit_inner<Layer>(mine, begin, end, n, counts[Layer + 1]);
                }();
                std::memcpy(to + i * sizeof record, &record, sizeof record);
                guess = end - begin;
                begin = end;
            }
        }
    }
};

}  // namespace tenon::detail
