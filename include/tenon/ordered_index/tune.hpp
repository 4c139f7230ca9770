// SPDX-License-Identifier: Apache-2.0
// Chooses a position index for given keys and a budget of bytes, and says why.
#pragma once

#include "tenon/model/cubic.hpp"
#include "tenon/model/log_linear.hpp"
#include "tenon/model/robust.hpp"
#include "tenon/ordered_index/hybrid.hpp"
#include "tenon/ordered_index/key_tree.hpp"
#include "tenon/ordered_index/pgm.hpp"
#include "tenon/ordered_index/radix_spline.hpp"
#include "tenon/ordered_index/rmi.hpp"
#include "tenon/ordered_index/rmi_estimate.hpp"
#include "tenon/ordered_index/sorted_array.hpp"
#include "tenon/ordered_index/static_tree.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

/// tune - tries position indexes on a sample of the keys, builds the one that should cost least within the budget.
///
/// Maps        sorted keys and a budget -> tuned_index, which answers as every position index does.
/// Shapes      candidates: rmi's under five choices of root and layers with 16 to 65,536 keys a leaf; hybrid; static_tree; pgm; radix_spline;
///             sorted_array. The last mile of those with a locator: the default, or steps that double from the middle.
/// Units       bytes of the model (the keys do not count); cost in cache lines that come from memory.
/// Guarantee   equal keys and budgets give equal estimates on every machine: costs are counted, nothing is timed. The index never has more
///             bytes than the budget: when the best has more than was estimated, the next one is built.
/// Cost        a pass to see that keys are sorted, then O(log n) time a candidate: about 0.1 s in all; then the chosen one is built.
/// Errors      unsorted input or NaN -> errc::unsorted_keys with the first offending rank; a budget below 128 bytes, what the
///             smallest index has, -> errc::invalid_argument.
/// Threads     const members of tuned_index may be called concurrently.
/// Source      CDFShop (Marcus, Zhang and Kraska, 2020). Differs: counts cache lines over sampled leaves instead of building and timing
///             every candidate; other kinds of index compete.
/// Use when    keys are not known when the program is written, or a model has to fit into few bytes; else hybrid.
namespace tenon {

/// What to favour among the candidates that fit.
enum class tune_goal : unsigned char {
    speed,  ///< the least cost
    size,   ///< the fewest bytes whose cost is at most half as much again as the least
};

struct tune_budget {
    std::uint64_t bytes = std::numeric_limits<std::uint64_t>::max();
    tune_goal     goal  = tune_goal::speed;
};

/// One line of the report.
struct tune_candidate {
    std::string      name;
    std::string_view last_mile;
    std::uint64_t    leaf_keys       = 0;  ///< 0 where it has no such amount
    std::uint64_t    bytes           = 0;  ///< estimated; of the chosen one counted
    double           mean_log2_error = 0;  ///< of positions searched
    double           lines           = 0;  ///< cache lines that a look-up reads, of models and of keys
    double           cost            = 0;  ///< waits for those that should come from memory, and a little for each step
    bool             chosen          = false;
};

namespace detail {

template <class... Policies>
struct policy_list {
    template <class Key>
    using variant = std::variant<position_index<Policies, Key>...>;
};

/// At most eleven: std::visit is a switch up to there.
using tuned_policies = policy_list<sorted_array, hybrid<>, static_tree<>, pgm<32>, pgm<128>, radix_spline<>,
                                   rmi<linear_spline, linear>, rmi<cubic, linear>, rmi<log_linear, linear>,
                                   rmi<robust<linear_spline>, linear>, rmi<linear_spline, linear, linear>>;

/// Cache lines of the model that a look-up reads, where caches matter: those of the largest tables.
template <class Policy>
inline constexpr double model_lines = 2;
template <class... Options>
inline constexpr double model_lines<hybrid<Options...>> = 1;

template <class Policy>
concept rmi_policy = requires { typename Policy::locator::rmi_models_type; };

/// The share of reads of a table that miss the caches: few up to 512 KiB, all from 128 MiB on, rising with each doubling.
inline double miss_share(double bytes) noexcept {
    constexpr double least = 0.05, small = 0x1p19;
    if (bytes <= small) return least;
    return std::min(1.0, least + (1 - least) * rough_log2(bytes / small) / 8);
}

/// A candidate, and its policy by its place in tuned_policies.
struct tune_trial {
    tune_candidate seen;
    std::size_t    policy = 0;
};

/// Estimates over one set of keys.
template <index_key Key>
class tuner {
public:
    explicit tuner(std::span<Key const> keys)
        : keys_(keys), projected_(keys), key_bytes_(sizeof(Key)), n_(static_cast<double>(keys.size())) {
        constexpr std::size_t whole = 1 << 16, runs = 4, run = whole / runs;
        if (keys.size() <= whole) {
            sample_ = keys;
        } else {
            for (std::size_t i = 0; i < runs; ++i) {
                auto const part = keys.subspan((keys.size() - run) / (runs - 1) * i, run);
                copied_.insert(copied_.end(), part.begin(), part.end());
            }
            sample_ = copied_;
        }
    }

    template <class... Policies>
    std::vector<tune_trial> trials(policy_list<Policies...>) {
        std::vector<tune_trial> out;
        std::size_t             number = 0;
        (try_policy<Policies>(out, number++), ...);
        return out;
    }

private:
    template <class Policy>
    void try_policy(std::vector<tune_trial>& out, std::size_t number) {
        if constexpr (rmi_policy<Policy>) {
            for (std::uint64_t leaf_keys : {16u, 32u, 64u, 128u, 256u, 1024u, 4096u, 65536u})
                out.push_back({of_rmi<Policy>(leaf_keys), number});
        } else if constexpr (std::is_same_v<Policy, sorted_array>) {
            out.push_back({of_sorted_array(), number});
        } else {
            out.push_back({of_other<Policy>(), number});
        }
    }

    template <class Policy>
    tune_candidate of_rmi(std::uint64_t leaf_keys) const {
        using models          = typename Policy::locator::rmi_models_type;
        auto const     counts = Policy::counts_for(keys_.size(), leaf_keys);
        auto const     sample = rmi_estimate<models>::of(projected_, counts);
        tune_candidate out;
        out.name            = Policy::name;
        out.leaf_keys       = leaf_keys;
        out.bytes           = Policy::locator::bytes_for(counts);
        out.mean_log2_error = sample.mean_log2();
        double const lists  = static_cast<double>(models::depth > 1 ? models::depth - 1 : 1);
        double const lines  = best_search(out, sample);
        finish(out, lists, lines, lines, static_cast<double>(models::depth));
        return out;
    }
    tune_candidate of_sorted_array() const {
        tune_candidate out;
        out.name            = sorted_array::name;
        out.last_mile       = default_last_mile::name;
        out.bytes           = sizeof(index_header);
        out.mean_log2_error = rough_log2(n_ + 1);
        double const lines  = halving_lines(n_, key_bytes_);
        finish(out, 0, lines, lines, 0);
        return out;
    }
    template <class Index>
    static std::uint64_t separators(Index const& index) {
        if constexpr (requires { index.stats().nodes; }) return index.stats().nodes - 1;
        else if constexpr (requires { index.locator().stats().segments; }) return index.locator().stats().segments;
        else return index.locator().stats().knots;
    }
    /// Built over runs of neighbouring keys: what is local there is so in the whole.
    template <class Policy>
    tune_candidate of_other() const {
        tune_candidate out;
        out.name      = Policy::name;
        out.last_mile = default_last_mile::name;
        auto model    = Policy::template build<Key>(sample_);  // not in place: the same wherever the keys lie
        if (!model) return out;                                // cannot be: sorted keys are all it needs
        auto made = position_index<Policy, Key>::adopt(*model, sample_);
        if (!made) return out;
        auto const head = static_cast<double>(sizeof(index_header)), m = static_cast<double>(sample_.size());
        auto const grown = m > 0 ? n_ / m : 1;  // all but the room in a tree grows with the keys
        auto const tree  = separators(*made);
        auto const body  = static_cast<double>(made->bytes().size() - key_tree::padding(tree)) - head;
        out.bytes        = sizeof(index_header) + static_cast<std::uint64_t>(body * grown) +
                    key_tree::padding(static_cast<std::uint64_t>(static_cast<double>(tree) * grown));
        error_sample sample;
        auto const   samples = std::min<std::uint64_t>(sample_.size(), error_sample::most);
        for (std::uint64_t i = 0; i < samples; ++i) {
            auto const& k      = sample_[rmi_share(2 * i + 1, sample_.size(), 2 * samples)];
            auto const  w      = made->window(k);
            auto const  middle = w.first + (w.last - 1 - w.first) / 2, at = made->lower_bound(k);
            sample.add(static_cast<double>(w.last - w.first - 1),
                       static_cast<double>(at < middle ? middle - at : at - middle));
        }
        out.mean_log2_error = sample.mean_log2();
        double lines = 0, waits = 0;
        if constexpr (requires { made->locator(); }) {
            lines = waits = best_search(out, sample);
        } else {
            // Windows are whole lines of keys: they begin where cache lines do. A second one is asked for together with the first.
            auto const line_bytes = 64 / static_cast<double>(line_keys<Key>);
            auto const more       = std::max(0.0, sample.mean_halving(line_bytes) - 1.5);
            lines = 1 + more, waits = 1 + more / 4;
        }
        finish(out, model_lines<Policy>, lines, waits, 1.5);
        return out;
    }

    /// Names the search that reads fewer lines of keys, and says how many.
    double best_search(tune_candidate& out, error_sample const& sample) const {
        auto const halving = sample.mean_halving(key_bytes_), galloping = sample.mean_galloping(key_bytes_);
        out.last_mile = galloping < halving ? last_mile::exponential::name : default_last_mile::name;
        return std::min(halving, galloping);
    }
    /// `waits`: lines of keys that are waited for one after the other.
    void finish(tune_candidate& out, double lists, double key_lines, double waits, double models) const {
        out.lines = lists + key_lines;
        out.cost  = lists * miss_share(static_cast<double>(out.bytes)) + waits * miss_share(n_ * key_bytes_) +
                   0.03 * models + 0.03 * out.mean_log2_error;
    }

    std::span<Key const> keys_, sample_;
    std::vector<Key>     copied_;
    projected_keys<Key>  projected_;
    double               key_bytes_, n_;
};

/// The place of the best candidate within the budget; trials.size() when none fits.
inline std::size_t tune_choice(std::vector<tune_trial> const& trials, tune_budget budget) {
    auto const  fits = [&](tune_trial const& t) { return t.seen.bytes <= budget.bytes; };
    std::size_t best = trials.size();
    for (std::size_t i = 0; i < trials.size(); ++i)
        if (fits(trials[i]) && (best == trials.size() || trials[i].seen.cost < trials[best].seen.cost)) best = i;
    if (best == trials.size() || budget.goal == tune_goal::speed) return best;
    auto const most = 1.5 * trials[best].seen.cost;
    for (std::size_t i = 0; i < trials.size(); ++i)
        if (trials[i].seen.cost <= most && trials[i].seen.bytes < trials[best].seen.bytes) best = i;
    return best;
}

inline std::string tune_report(std::span<tune_candidate const> candidates) {
    auto const  right = [](std::string text, std::size_t width) { return padded(std::move(text), width); };
    std::string out   = right("bytes", 15) + right("log2 error", 12) + right("lines", 8) + right("cost", 8) +
                      right("keys/leaf", 11) + "  index\n";
    for (auto const& c : candidates) {
        out += right(grouped(c.bytes), 15) + right(short_number(c.mean_log2_error), 12) +
               right(short_number(c.lines), 8) + right(short_number(c.cost), 8) +
               right(c.leaf_keys == 0 ? "-" : std::to_string(c.leaf_keys), 11);
        out += c.chosen ? "  * " : "    ";
        out += c.name;
        if (c.last_mile != default_last_mile::name) out.append(", ").append(c.last_mile);
        out += '\n';
    }
    return out;
}

}  // namespace detail

/// A position index whose kind was chosen at run time. Move-only; the keys stay the caller's; a moved-from index may only be assigned to or
/// destroyed. One branch more for each look-up than the chosen kind alone.
template <index_key Key>
class tuned_index : public position_queries<tuned_index<Key>, Key> {
    using base    = position_queries<tuned_index, Key>;
    using variant = typename detail::tuned_policies::variant<Key>;

public:
    /// Precondition: see tune.
    static result<tuned_index> over(std::span<Key const> keys, tune_budget budget = {}) {
        if (auto sorted = check_sorted(keys); !sorted) return fail(std::move(sorted).error());
        auto trials = detail::tuner<Key>(keys).trials(detail::tuned_policies{});
        for (;;) {
            auto const best = detail::tune_choice(trials, budget);
            if (best == trials.size())
                return fail(errc::invalid_argument, {"a position index has at least ", sizeof(index_header),
                                                     " bytes, which the budget of ", budget.bytes, " does not allow"});
            auto made = built(detail::tuned_policies{}, trials[best], keys);
            if (!made) return fail(std::move(made).error());
            auto const bytes        = std::visit([](auto const& index) { return index.bytes().size(); }, *made);
            trials[best].seen.bytes = bytes;
            if (bytes > budget.bytes) continue;  // it was estimated too low: now its bytes are known, choose again
            trials[best].seen.chosen = true;
            return tuned_index(keys, *std::move(made), std::move(trials), best);
        }
    }
    tuned_index(tuned_index&&) noexcept            = default;
    tuned_index& operator=(tuned_index&&) noexcept = default;

    std::uint64_t lower_bound(Key const& k) const {
        return visit([&](auto const& index) -> std::uint64_t {
            if constexpr (requires { index.locator(); }) {
                if (!galloping_) [[likely]]
                    return index.lower_bound(k);
                auto const  p = space_(k);
                auto const& l = index.locator();
                auto const  w = l.window(l.place(p), p);
                return this->checked(last_mile::exponential::search(this->keys_, w.first, w.last, k), k);
            } else {
                return index.lower_bound(k);
            }
        });
    }
    position_range window(Key const& k) const {
        return visit([&](auto const& index) { return index.window(k); });
    }
    /// out[i] = lower_bound(ks[i]), many at a time. Precondition: out has room for ks.size().
    void batch(std::span<Key const> ks, std::span<std::uint64_t> out) const {
        visit([&](auto const& index) { index.batch(ks, out); });
    }
    result<void> validate() const {
        return visit([](auto const& index) { return index.validate(); });
    }

    /// The chosen policy's name, and its model: that policy's view opens it.
    std::string_view name() const noexcept { return candidates_[chosen_].name; }
    byte_view        bytes() const {
        return visit([](auto const& index) { return index.bytes(); });
    }
    /// All candidates, cheapest first, and the chosen one among them.
    std::span<tune_candidate const> candidates() const noexcept { return candidates_; }
    tune_candidate const&           chosen() const noexcept { return candidates_[chosen_]; }
    /// The same as a table: a star marks the chosen one.
    std::string report() const { return detail::tune_report(candidates_); }
    /// The chosen one's own report.
    std::string explain() const {
        return visit([](auto const& index) { return index.explain(); });
    }
    /// Calls visit(index) with the position_index inside.
    template <class Visit>
    decltype(auto) visit(Visit&& v) const {
        return std::visit(std::forward<Visit>(v), index_);
    }

private:
    tuned_index(std::span<Key const> keys, variant&& index, std::vector<detail::tune_trial>&& trials, std::size_t best)
        : base(keys), index_(std::move(index)), space_(keys) {
        galloping_ = trials[best].seen.last_mile == last_mile::exponential::name;
        std::sort(trials.begin(), trials.end(), [](auto const& a, auto const& b) {
            return std::tie(a.seen.cost, a.seen.bytes, a.policy) < std::tie(b.seen.cost, b.seen.bytes, b.policy);
        });
        for (auto& t : trials) {
            if (t.seen.chosen) chosen_ = candidates_.size();
            candidates_.push_back(std::move(t.seen));
        }
    }

    template <class... Policies>
    static result<variant> built(detail::policy_list<Policies...>, detail::tune_trial const& trial,
                                 std::span<Key const> keys) {
        result<variant> out    = fail(errc::invalid_argument, "no such policy");
        std::size_t     number = 0;
        ((number++ == trial.policy ? (out = build_one<Policies>(trial.seen, keys), 0) : 0), ...);
        return out;
    }
    template <class Policy>
    static result<variant> build_one(tune_candidate const& candidate, std::span<Key const> keys) {
        auto made = [&] {
            if constexpr (detail::rmi_policy<Policy>) {
                auto model = Policy::build_with(keys, candidate.leaf_keys);
                if (!model) return result<position_index<Policy, Key>>(fail(std::move(model).error()));
                return position_index<Policy, Key>::adopt(*model, keys);
            } else {
                return position_index<Policy, Key>::over(keys);
            }
        }();
        if (!made) return fail(std::move(made).error());
        return variant(*std::move(made));
    }

    variant                              index_;
    bool                                 galloping_ = false;
    std::vector<tune_candidate>          candidates_;
    std::size_t                          chosen_ = 0;
    [[no_unique_address]] key_space<Key> space_;
};

/// The best index over a vector, an array or a span of the caller's.
///
///     auto index = tenon::tune(keys, {.bytes = 1 << 20});
///     if (!index) return report(index.error());
///     std::fputs(index->report().c_str(), stderr);
///     auto at = index->lower_bound(42);
template <class Keys>
auto tune(Keys&& keys, tune_budget budget = {}) {
    static_assert(std::ranges::contiguous_range<Keys>,
                  "tenon::tune: keys must lie side by side: a vector, an array or a span");
    using Key = std::remove_cv_t<std::ranges::range_value_t<Keys>>;
    static_assert(index_key<Key>,
                  "tenon::tune: keys must have an order and a key_codec: numbers, strings, tuples, arrays of bytes");
    static_assert(std::is_lvalue_reference_v<Keys> || std::ranges::enable_borrowed_range<std::remove_cvref_t<Keys>>,
                  "tenon::tune: the keys stay where they are, so pass a named container or a span, not a temporary");
    return tuned_index<Key>::over(std::span<Key const>(std::ranges::data(keys), std::ranges::size(keys)), budget);
}

}  // namespace tenon
