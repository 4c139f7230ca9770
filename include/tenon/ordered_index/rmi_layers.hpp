// SPDX-License-Identifier: Apache-2.0
// The models of an rmi as they lie in its bytes, and the way down through them.
#pragma once

#include "tenon/core/line_search.hpp"
#include "tenon/model/concept.hpp"
#include "tenon/ordered_index/located_view.hpp"
#include "tenon/ordered_index/rmi_options.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

namespace tenon {

/// What an rmi is made of. "Error" is what a look-up searches: the positions in a window, less one.
struct rmi_stats {
    std::uint64_t keys         = 0;
    std::uint64_t leaves       = 0;
    std::uint64_t empty_leaves = 0;
    std::uint64_t max_error    = 0;
    double        mean_error   = 0;  ///< over stored keys
    std::uint64_t model_bytes  = 0;
};

namespace detail {

/// A model between root and leaves: it chooses among the models [first, first + span] of the next layer.
template <class Model>
struct rmi_inner {
    Model         model{};
    std::uint32_t first = 0, span = 0;
};

/// A leaf: a model over the keys of ranks [begin, begin + size), and how far lower_bound may lie from what it says.
template <class Model>
struct rmi_leaf {
    static constexpr std::uint32_t many_keys = std::numeric_limits<std::uint32_t>::max();
    static constexpr std::uint16_t no_limit  = std::numeric_limits<std::uint16_t>::max();

    Model         model{};
    std::uint64_t begin = 0;
    std::uint32_t size  = 0;  ///< many_keys: up to the last key, without limits
    std::uint16_t below = 0;  ///< lower_bound - begin >= predict - below, unless no_limit
    std::uint16_t above = 0;  ///< lower_bound - begin <= predict + above, unless no_limit

    /// [first, last], both possible answers, inside [0, keys] whatever the bytes are.
    position_range window(std::uint64_t p, std::uint64_t keys) const noexcept {
        auto const from = begin < keys ? begin : keys, left = keys - from;
        auto const n = size < left ? std::uint64_t{size} : left;
        if (size == many_keys) [[unlikely]]
            return {from, keys};
        auto const guess = model.predict(p, n);
        auto const low   = below == no_limit || guess < below ? 0 : guess - below;
        auto const high  = above == no_limit || n - guess < above ? n : guess + above;
        return {from + low, from + high};
    }
    std::uint64_t keys_in(std::uint64_t keys) const noexcept {
        auto const left = keys - (begin < keys ? begin : keys);
        return size < left ? size : left;
    }
    /// The positions that a look-up searches, less one.
    std::uint64_t error(std::uint64_t keys) const noexcept {
        auto const n = keys_in(keys);
        return below == no_limit || above == no_limit || std::uint64_t{below} + above > n
                   ? n
                   : std::uint64_t{below} + above;
    }
};

/// Sets below and above so that they hold for every number that is routed to this leaf, stored or not.
///
/// Between neighbours a < b of the leaf lower_bound is the rank of b, and predict lies between predict(a) and predict(b),
/// because it is monotone; so the two ends of each gap bound the whole gap. Before the first key predict is at most
/// predict(first) and at least 0; after the last it is at least predict(last) and at most the leaf's size.
template <class Model, number_sequence Keys>
void rmi_prove_bounds(rmi_leaf<Model>& leaf, Keys const& keys) {
    auto const    n     = static_cast<std::uint64_t>(keys.size());
    std::uint64_t below = 0, above = 0, before = 0, last = 0;
    for (std::uint64_t i = 0; i < n; ++i) {
        std::uint64_t const p = keys[i];
        if (i > 0 && p == last) continue;
        auto const here = leaf.model.predict(p, n);
        if (here > i && here - i > below) below = here - i;
        if (i > before && i - before > above) above = i - before;
        before = here, last = p;
    }
    if (n - before > above) above = n - before;
    auto const kept = [](std::uint64_t v) {
        return v < rmi_leaf<Model>::no_limit ? static_cast<std::uint16_t>(v) : rmi_leaf<Model>::no_limit;
    };
    leaf.below = kept(below), leaf.above = kept(above);
}

inline constexpr std::uint64_t rmi_most_models = std::numeric_limits<std::uint32_t>::max();

/// Where everything stands in an rmi's bytes: header, number of models in each layer, root, layers at multiples of 64.
template <class... Models>
class rmi_layers {
public:
    static constexpr std::size_t depth = sizeof...(Models);
    using counts_type                  = std::array<std::uint64_t, depth>;
    template <std::size_t Layer>
    using model = std::tuple_element_t<Layer, std::tuple<Models...>>;
    using root  = typename model<0>::fitted;
    using leaf  = rmi_leaf<typename model<depth - 1>::fitted>;
    template <std::size_t Layer>
    using record = std::conditional_t<Layer + 1 == depth, leaf, rmi_inner<typename model<Layer>::fitted>>;

    static constexpr std::uint64_t counts_at  = sizeof(index_header);
    static constexpr std::uint64_t root_at    = counts_at + 8 * depth;
    static constexpr std::size_t   first_list = depth > 1 ? 1 : 0;  ///< the first layer that is a list of records

    static_assert(sizeof(root) <= 64, "tenon::rmi: the coefficients of the first model must fit in 64 bytes");
    static_assert(((sizeof(typename Models::fitted) % 8 == 0) && ...));

    rmi_layers() = default;
    /// Over bytes that have room for them.
    rmi_layers(byte_view bytes, counts_type const& counts) noexcept : counts_(counts) {
        if constexpr (depth > 1) root_ = load<root>(bytes.data() + root_at);
        auto const at = offsets(counts);
        for (std::size_t i = first_list; i < depth; ++i) lists_[i] = bytes.data() + at[i];
    }

    /// Where each layer begins; behind them, where the last one ends. Precondition: counts are at most rmi_most_models.
    static std::array<std::uint64_t, depth + 1> offsets(counts_type const& counts) noexcept {
        std::array<std::uint64_t, depth + 1> out{};
        std::uint64_t                        at = root_at + (depth > 1 ? sizeof(root) : 0);
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            auto const add = [&]<std::size_t Layer>() {
                if constexpr (Layer >= first_list) {
                    out[Layer] = at = (at + 63) / 64 * 64;
                    at += counts[Layer] * sizeof(record<Layer>);
                }
            };
            (add.template operator()<I>(), ...);
        }(std::make_index_sequence<depth>{});
        out[depth] = at;
        return out;
    }

    counts_type const& counts() const noexcept { return counts_; }
    root const&        first_model() const noexcept { return root_; }

    template <std::size_t Layer>
    record<Layer> const& at(std::uint64_t i) const noexcept {
        return reinterpret_cast<record<Layer> const*>(lists_[Layer])[i];
    }
    leaf const& leaf_at(std::uint64_t i) const noexcept { return at<depth - 1>(i); }

    /// The model of `Layer` that answers for p, always one that exists.
    template <std::size_t Layer>
    std::uint64_t route(std::uint64_t p) const noexcept {
        if constexpr (Layer == 0) return 0;
        else return step<Layer>(route<Layer - 1>(p), p);
    }
    /// From model `i` of the layer above.
    template <std::size_t Layer>
    std::uint64_t step(std::uint64_t i, std::uint64_t p) const noexcept {
        auto const last = counts_[Layer] - 1;
        if constexpr (Layer == 1) {
            return root_.predict(p, last);
        } else {
            auto const& from = at<Layer - 1>(i);
            auto const  next = from.first + from.model.predict(p, from.span);
            return next < last ? next : last;
        }
    }

private:
    root                                root_{};
    counts_type                         counts_{};
    std::array<std::byte const*, depth> lists_{};
};

inline result<void> rmi_record_is_wrong(char const* what, std::uint64_t number, char const* how) {
    return fail(errc::corrupt, {what, " ", number, " of the position index ", how, "; build it again"});
}

}  // namespace detail

/// The locator of an rmi: what its bytes say about a number.
template <class Models>
class rmi_locator;
template <class... Models>
class rmi_locator<detail::rmi_models<Models...>> {
    using layers = detail::rmi_layers<Models...>;

public:
    using rmi_models_type                   = detail::rmi_models<Models...>;
    static constexpr std::size_t      depth = sizeof...(Models);
    static constexpr std::string_view name  = detail::rmi_name<detail::rmi_models<Models...>>::value.view();

    static result<rmi_locator> open(index_header const& header, byte_view model) {
        if (reinterpret_cast<std::uintptr_t>(model.data()) % 8 != 0)
            return fail(errc::invalid_argument,
                        "the bytes of a position index must be aligned to 8; copy them to aligned memory");
        if (model.size() < layers::root_at)
            return fail(errc::corrupt, {"the position index has ", model.size(), " bytes, too few for its layers"});
        auto const counts = load<typename layers::counts_type>(model.data() + layers::counts_at);
        bool       fits   = counts.front() == 1 && counts.back() == header.extra && header.zero == 0;
        for (auto count : counts) fits = fits && count >= 1 && count <= detail::rmi_most_models;
        if (!fits || layers::offsets(counts).back() != model.size())
            return fail(errc::corrupt, {"the position index says it has ", header.extra,
                                        " leaves, which does not fit its ", model.size(), " bytes"});
        return rmi_locator(layers(model, counts), header.keys, model.size());
    }

    std::uint64_t  place(std::uint64_t p) const noexcept { return layers_.template route<depth - 1>(p); }
    void           prefetch(std::uint64_t place) const noexcept { tenon::prefetch(&layers_.leaf_at(place)); }
    position_range window(std::uint64_t place, std::uint64_t p) const noexcept {
        return layers_.leaf_at(place).window(p, keys_);
    }

    /// The bytes of a model with so many models in each layer.
    static std::uint64_t bytes_for(std::array<std::uint64_t, depth> const& counts) noexcept {
        return layers::offsets(counts).back();
    }
    std::uint64_t leaves() const noexcept { return layers_.counts().back(); }
    rmi_stats     stats() const noexcept {
        rmi_stats s{keys_, leaves(), 0, 0, 0, bytes_};
        for (std::uint64_t i = 0; i < leaves(); ++i) {
            auto const& leaf = layers_.leaf_at(i);
            auto const  keys = leaf.keys_in(keys_), error = leaf.error(keys_);
            if (keys == 0) ++s.empty_leaves;
            else if (error > s.max_error) s.max_error = error;
            s.mean_error += static_cast<double>(error) * static_cast<double>(keys);
        }
        if (keys_ > 0) s.mean_error /= static_cast<double>(keys_);
        return s;
    }
    detail::index_parts describe() const {
        auto const          s = stats();
        detail::index_parts out{bytes_, depth > 1 ? static_cast<double>(depth - 1) : 1.0, {}};
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            ((out.text += sentence({"layer ", I + 1, ": ", detail::grouped(layers_.counts()[I]),
                                    layers_.counts()[I] == 1 ? " model " : " models ", std::string(Models::name),
                                    " of ", record_bytes<I>, " bytes\n"})),
             ...);
        }(std::make_index_sequence<depth>{});
        out.text += "leaves: " + detail::grouped(s.empty_leaves) + " of " + detail::grouped(s.leaves) +
                    " empty; error at most " + detail::grouped(s.max_error) + ", on average " +
                    detail::short_number(s.mean_error) + "\n";
        return out;
    }

    /// Proves every invariant again, O(n).
    template <number_sequence Keys>
    result<void> validate(Keys const& keys) const {
        if (!layers_.first_model().valid()) return detail::rmi_record_is_wrong("model", 0, "does not rise");
        if (auto inner = valid_inner(std::make_index_sequence<depth>{}); !inner) return inner;
        std::uint64_t begin = 0;
        for (std::uint64_t i = 0; i < leaves(); ++i) {
            auto const& leaf = layers_.leaf_at(i);
            auto const  size = leaf.size == layers::leaf::many_keys ? many(keys, begin, i) : leaf.size;
            if (leaf.begin != begin || size > keys_ - begin)
                return detail::rmi_record_is_wrong("leaf", i, "does not follow the leaf before it");
            if (!leaf.model.valid()) return detail::rmi_record_is_wrong("leaf", i, "has a model that does not rise");
            for (auto rank = begin; rank < begin + size; ++rank)
                if (place(keys[rank]) != i)
                    return detail::rmi_record_is_wrong("leaf", i, "holds keys that are sent to another leaf");
            auto proven = leaf;
            if (leaf.size != layers::leaf::many_keys)
                detail::rmi_prove_bounds(proven, number_slice<Keys>(keys, begin, size));
            if (leaf.below < proven.below || leaf.above < proven.above)
                return detail::rmi_record_is_wrong("leaf", i, "claims a smaller error than its keys have");
            begin += size;
        }
        if (begin != keys_) return fail(errc::corrupt, "the leaves of the position index end before its last key");
        return {};
    }

private:
    template <std::size_t Layer>
    static constexpr std::size_t record_bytes =
        Layer < layers::first_list ? sizeof(typename layers::root) : sizeof(typename layers::template record<Layer>);

    rmi_locator(layers l, std::uint64_t keys, std::uint64_t bytes) noexcept : layers_(l), keys_(keys), bytes_(bytes) {}

    /// The keys of a leaf that has too many to say: all that follow and are sent to it.
    template <number_sequence Keys>
    std::uint64_t many(Keys const& keys, std::uint64_t begin, std::uint64_t leaf) const {
        auto end = begin;
        while (end < keys_ && place(keys[end]) == leaf) ++end;
        return end - begin;
    }
    template <std::size_t... I>
    result<void> valid_inner(std::index_sequence<I...>) const {
        result<void> out;
        ((out = out ? valid_layer<I>() : std::move(out)), ...);
        return out;
    }
    /// Models choose among intervals that follow each other, so routes never go back as numbers grow.
    template <std::size_t Layer>
    result<void> valid_layer() const {
        if constexpr (Layer >= 1 && Layer + 1 < depth) {
            std::uint64_t before = 0;
            for (std::uint64_t i = 0; i < layers_.counts()[Layer]; ++i) {
                auto const& model = layers_.template at<Layer>(i);
                auto const  last  = std::uint64_t{model.first} + model.span;
                if (!model.model.valid() || model.first < before || last >= layers_.counts()[Layer + 1])
                    return detail::rmi_record_is_wrong("model", i,
                                                       "of an inner layer does not follow the one before it");
                before = last;
            }
        }
        return {};
    }

    layers        layers_;
    std::uint64_t keys_, bytes_;
};

}  // namespace tenon
