// SPDX-License-Identifier: Apache-2.0
// A recursive model index: layers of regression models say where a key stands, a short search makes sure.
#pragma once

#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/located_view.hpp"
#include "tenon/ordered_index/position_index.hpp"
#include "tenon/ordered_index/rmi_build.hpp"
#include "tenon/ordered_index/rmi_layers.hpp"
#include "tenon/ordered_index/rmi_options.hpp"
#include "tenon/ordered_index/sorted_keys.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

namespace tenon {

/// rmi - a root model picks a model, that one another, the last one a window of positions, a short search finishes.
///
/// Maps        key -> position; the window always holds lower_bound(key).
/// Shapes      Options, in any order: regression models, the root first, the leaf last, any number between (one alone covers all keys;
///             without any: linear_spline, linear); keys_per_leaf<64>; fan_out<64>, how many models each inner one chooses among; a last
///             mile such as last_mile::branchless. Leaves: n / keys_per_leaf, rounded up.
/// Units       errors in positions, sizes in bytes.
/// Guarantee   window(k) holds lower_bound(k) for every k, stored or absent, before, between and after the keys: proven
///             over all gaps when it is built. Duplicates anywhere; no key value is reserved; 0, 1, 2 keys are ordinary.
///             Answers are right even if the model's bytes are hostile: they are checked against the neighbouring keys.
/// Cost        build O(n), one pass a layer and two more; look-up a few multiplications, one cache line a layer below the root and
///             O(log error), at worst O(log n); no allocation; 32 bytes a leaf with the default models.
/// Errors      build: unsorted input or NaN -> errc::unsorted_keys with the first offending rank.
/// Threads     const members may be called concurrently.
/// On disk     "tenonidx" version 6, name "rmi<root,...,leaf>", docs/formats/rmi.md; amounts stand in the bytes, so that a model opens
///             whatever keys_per_leaf and fan_out it was built with.
/// Invariants  (1) each model is monotone. (2) inner models choose among intervals that follow each other, so routes never go back.
///             (3) leaf i holds exactly the ranks [begin(i), begin(i) + size(i)), begin(i + 1) is where it ends. (4) below and above as
///             rmi_prove_bounds sets them.
/// Source      Kraska et al., The Case for Learned Index Structures, 2018; Marcus et al., CDFShop, 2020. Differs: bounds hold for
///             absent keys, integers alone on the path, leaves stay contiguous below any number of layers, hostile bytes allowed.
/// Use when    keys follow few smooth pieces (ids, timestamps, hashes). Strongly skewed keys crowd into few leaves unless the root
///             follows them (log_linear, cubic, robust) or a layer stands between; tune() chooses.
template <class... Options>
struct rmi {
    static_assert(
        (detail::rmi_option<Options> && ...),
        "tenon::rmi: each parameter must be a regression model such as tenon::linear (see model/concept.hpp), "
        "tenon::keys_per_leaf<64>, tenon::fan_out<64> or a last mile such as tenon::last_mile::branchless");
    static_assert((int{detail::rmi_leaf_size<Options>} + ... + 0) <= 1, "tenon::rmi: name keys_per_leaf once");
    static_assert((int{detail::rmi_fan_out<Options>} + ... + 0) <= 1, "tenon::rmi: name fan_out once");
    static_assert((int{detail::last_mile_policy<Options>} + ... + 0) <= 1, "tenon::rmi: name one last mile");

private:
    using recipe  = detail::rmi_recipe<Options...>;
    using models  = typename recipe::models;
    using builder = detail::rmi_builder<models>;
    static_assert(detail::rmi_name<models>::whole <= 63, "tenon::rmi: the names of all models must fit in 57 bytes");

public:
    using policy_axis                      = axis::ordered_index;
    using locator                          = rmi_locator<models>;
    static constexpr std::string_view name = locator::name;

    template <index_key Key>
    using view = located_view<locator, Key, typename recipe::last_mile>;

    /// The model's bytes.
    template <index_key Key>
    static result<byte_vector> build(std::span<Key const> keys) {
        return build_with(keys, recipe::leaf_keys);
    }
    /// The same with a number of keys for each leaf that is known at run time only. Precondition: leaf_keys > 0.
    template <index_key Key>
    static result<byte_vector> build_with(std::span<Key const> keys, std::uint64_t leaf_keys) {
        if (auto sorted = check_sorted(keys); !sorted) return fail(std::move(sorted).error());
        return builder::build(index_header::of(name, keys, 0), projected_keys<Key>(keys),
                              counts_for(keys.size(), leaf_keys));
    }
    /// How many models each layer then has, root first.
    static auto counts_for(std::uint64_t keys, std::uint64_t leaf_keys) noexcept {
        return detail::rmi_counts<models::depth>(keys, leaf_keys, recipe::next_models);
    }
    /// An index over a vector, an array or a span of the caller's, or over any sorted random-access range (see index_over).
    ///
    ///     auto index = tenon::rmi<>::over(keys);
    ///     if (!index) return report(index.error());
    ///     auto at = index->lower_bound(42);
    template <class Keys, class Projection = std::identity>
    static auto over(Keys&& keys, Projection projection = {}) {
        return index_over<rmi>(std::forward<Keys>(keys), std::move(projection));
    }
};

static_assert(ordered_index<rmi<>>);
static_assert(rmi<>::name == "rmi<linear_spline,linear>");
static_assert(sizeof(detail::rmi_leaf<linear::fitted>) == 32);

}  // namespace tenon
