// SPDX-License-Identifier: Apache-2.0
// A recursive model index: two layers of regression models say where a key stands, a short search makes sure.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/model/linear.hpp"
#include "tenon/model/linear_spline.hpp"
#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/last_mile.hpp"
#include "tenon/ordered_index/sorted_keys.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tenon {

namespace detail {

/// "rmi<root,leaf>" at compile time, filled up with zero bytes.
template <class Root, class Leaf>
constexpr std::array<char, 64> make_rmi_name() {
    std::array<char, 64> out{};
    std::size_t          at  = 0;
    auto                 add = [&](std::string_view s) {
        for (char c : s)
            if (at < out.size() - 1) out[at++] = c;
    };
    add("rmi<"), add(Root::name), add(","), add(Leaf::name), add(">");
    return out;
}
template <class Root, class Leaf>
inline constexpr std::array<char, 64> rmi_name_bytes = make_rmi_name<Root, Leaf>();
template <class Root, class Leaf>
inline constexpr std::string_view rmi_name{
    rmi_name_bytes<Root, Leaf>.data(), 6 + std::string_view(Root::name).size() + std::string_view(Leaf::name).size()};

inline constexpr std::size_t   rmi_leaves_at  = 192;  // header 128, root up to 64
inline constexpr std::uint64_t rmi_max_leaves = std::uint64_t{1} << 24;

/// The least key above k. Precondition: k is not the greatest.
template <index_key Key>
Key rmi_next_key(Key k) noexcept {
    if constexpr (std::floating_point<Key>) {
        using bits = std::conditional_t<sizeof(Key) == 4, std::uint32_t, std::uint64_t>;
        if (k == 0) return std::numeric_limits<Key>::denorm_min();
        auto const b = std::bit_cast<bits>(k);
        return std::bit_cast<Key>(static_cast<bits>(k > 0 ? b + 1 : b - 1));
    } else {
        return static_cast<Key>(k + 1);
    }
}

template <index_key Key>
constexpr bool rmi_is_greatest(Key k) noexcept {
    if constexpr (std::floating_point<Key>) return !(k < std::numeric_limits<Key>::infinity());
    else return k == std::numeric_limits<Key>::max();
}

inline void rmi_prefetch([[maybe_unused]] void const* p) noexcept {
#if defined(__GNUC__)
    __builtin_prefetch(p);
#endif
}

/// One leaf as it lies on disk: a model over the keys of ranks [begin, next leaf's begin), and how far
/// lower_bound(k) may lie from what the model says.
template <class Model>
struct rmi_leaf {
    static constexpr std::int32_t no_lower_limit = std::numeric_limits<std::int32_t>::min();
    static constexpr std::int32_t no_upper_limit = std::numeric_limits<std::int32_t>::max();

    Model         model{};
    std::uint64_t begin = 0;
    std::int32_t  below = 0;  ///< lower_bound(k) - begin >= predict(k) + below, unless no_lower_limit
    std::int32_t  above = 0;  ///< lower_bound(k) - begin <= predict(k) + above, unless no_upper_limit
};

/// Sets below and above so that they hold for every key that is routed to this leaf, stored or not.
///
/// Between neighbours a < b of the leaf lower_bound is the rank of b, and predict lies between predict(a) and predict(b),
/// because it is monotone; so the two ends of each gap bound the whole gap. Before the first key predict is at most
/// predict(first) and at least 0; after the last it is at least predict(last) and at most the leaf's size.
template <index_key Key, class Model>
void rmi_prove_bounds(rmi_leaf<Model>& leaf, std::span<Key const> keys) noexcept {
    auto const   size  = static_cast<std::int64_t>(keys.size());
    auto         guess = [&](Key k) { return static_cast<std::int64_t>(leaf.model.predict(k, keys.size())); };
    std::int64_t below = 0, above = 0, before = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (i > 0 && !(keys[i - 1] < keys[i])) continue;
        auto const rank = static_cast<std::int64_t>(i), here = guess(keys[i]);
        if (rank - here < below) below = rank - here;
        if (rank - before > above) above = rank - before;
        before = here;
    }
    if (size - before > above) above = size - before;
    using limits = rmi_leaf<Model>;
    leaf.below   = below <= limits::no_lower_limit ? limits::no_lower_limit : static_cast<std::int32_t>(below);
    leaf.above   = above >= limits::no_upper_limit ? limits::no_upper_limit : static_cast<std::int32_t>(above);
}

inline result<void> rmi_leaf_is_wrong(std::size_t number, char const* how) {
    return fail(errc::corrupt, {"leaf ", number, " of the position index ", how, "; build it again"});
}

}  // namespace detail

/// What an rmi is made of. "Error" is what a look-up searches: the positions in a window, less one.
struct rmi_stats {
    std::uint64_t keys         = 0;
    std::uint64_t leaves       = 0;
    std::uint64_t empty_leaves = 0;
    std::uint64_t max_error    = 0;
    double        mean_error   = 0;  ///< over stored keys
    std::uint64_t model_bytes  = 0;
};

/// Look-ups over a model's bytes and the keys it was built from; both must outlive the view. Copies are cheap.
template <class Root, class Leaf, index_key Key>
class rmi_view {
    using leaf_type                        = detail::rmi_leaf<typename Leaf::template fitted<Key>>;
    using root_type                        = typename Root::template fitted<Key>;
    static constexpr std::string_view name = detail::rmi_name<Root, Leaf>;
    static_assert(sizeof(root_type) <= 64, "tenon::rmi: Root's coefficients must fit in 64 bytes");
    static_assert(flat_type<root_type> && flat_type<leaf_type>,
                  "tenon::rmi: the coefficients of Root and Leaf must be trivially copyable");

public:
    /// O(1). The bytes are untrusted; they must be aligned to 8.
    static result<rmi_view> open(byte_view model, std::span<Key const> keys) {
        auto header = index_header::read(model, name, keys);
        if (!header) return fail(std::move(header).error());
        auto const leaves = header->extra;
        if (leaves == 0 || leaves > detail::rmi_max_leaves || !std::has_single_bit(leaves) || header->zero != 0 ||
            header->bytes != detail::rmi_leaves_at + (leaves + 1) * sizeof(leaf_type))
            return fail(errc::corrupt, {"the position index says it has ", leaves, " leaves, which does not fit its ",
                                        model.size(), " bytes"});
        std::span<leaf_type const> records;
        if (!view_array(model, detail::rmi_leaves_at, leaves + 1, records))
            return fail(errc::invalid_argument,
                        "the bytes of a position index must be aligned to 8; copy them to aligned memory");
        if (records.back().begin != keys.size() || records.front().begin != 0)
            return fail(errc::corrupt,
                        {"the leaves of the position index do not begin at rank 0 and end at rank ", keys.size()});
        return rmi_view(load<root_type>(model.data() + sizeof(index_header)), records, keys, model.size());
    }

    std::uint64_t lower_bound(Key k) const noexcept {
        auto const w = bounds(leaf_number(k), k);
        return checked(last_mile::branchless::search(keys_, w.first, w.last, k), k);
    }
    std::uint64_t upper_bound(Key k) const noexcept {
        return detail::rmi_is_greatest(k) ? size_ : lower_bound(detail::rmi_next_key(k));
    }
    position_range equal_range(Key k) const noexcept { return range_from(lower_bound(k), k); }
    std::uint64_t  count(Key k) const noexcept {
        auto const range = equal_range(k);
        return range.last - range.first;
    }
    std::uint64_t find(Key k) const noexcept {
        auto const at = lower_bound(k);
        return at < size_ && keys_[at] == k ? at : size_;
    }
    /// The positions lower_bound(k) may have by the model alone; size() stands for "after the last".
    position_range window(Key k) const noexcept {
        auto const w = bounds(leaf_number(k), k);
        return {w.first, w.last + 1};
    }
    std::uint64_t size() const noexcept { return size_; }

    /// out[i] = lower_bound(ks[i]), sixteen at a time so that their cache misses overlap.
    /// Precondition: out has room for ks.size().
    void batch(std::span<Key const> ks, std::span<std::uint64_t> out) const {
        expects(out.size() >= ks.size(),
                "tenon::rmi batch: out must have room for as many positions as there are keys");
        for (std::size_t i = 0; i < ks.size(); i += width)
            batch_some(ks.subspan(i, ks.size() - i < width ? ks.size() - i : width), out.data() + i);
    }

    rmi_stats stats() const noexcept {
        rmi_stats s{size_, leaf_count(), 0, 0, 0, model_bytes_};
        for (std::size_t i = 0; i + 1 < leaves_.size(); ++i) {
            auto const keys =
                limited(leaves_[i + 1].begin) - std::min(limited(leaves_[i].begin), limited(leaves_[i + 1].begin));
            if (keys == 0) {
                ++s.empty_leaves;
                continue;
            }
            auto const span =
                static_cast<std::uint64_t>(std::int64_t{leaves_[i].above} - std::int64_t{leaves_[i].below});
            auto const error = std::min(span, keys);
            if (error > s.max_error) s.max_error = error;
            s.mean_error += static_cast<double>(error) * static_cast<double>(keys);
        }
        if (size_ > 0) s.mean_error /= static_cast<double>(size_);
        return s;
    }

    /// Proves every invariant again, O(n).
    result<void> validate() const {
        auto const keys = std::span<Key const>(keys_, size_);
        if (auto sorted = check_sorted(keys); !sorted) return sorted;
        for (std::size_t i = 0; i + 1 < leaves_.size(); ++i) {
            auto const begin = leaves_[i].begin, end = leaves_[i + 1].begin;
            if (begin > end || end > size_) return detail::rmi_leaf_is_wrong(i, "does not follow the leaf before it");
            for (auto rank = begin; rank < end; ++rank)
                if (leaf_number(keys_[rank]) != i)
                    return detail::rmi_leaf_is_wrong(i, "holds keys that the root sends to another leaf");
            auto proven = leaves_[i];
            detail::rmi_prove_bounds<Key>(proven, keys.subspan(begin, end - begin));
            if (leaves_[i].below > proven.below || leaves_[i].above < proven.above)
                return detail::rmi_leaf_is_wrong(i, "claims a smaller error than its keys have");
        }
        return {};
    }

private:
    static constexpr std::size_t width = 16;

    rmi_view(root_type root, std::span<leaf_type const> leaves, std::span<Key const> keys,
             std::uint64_t model_bytes) noexcept
        : root_(root), leaves_(leaves), keys_(keys.data()), size_(keys.size()), model_bytes_(model_bytes) {}

    std::uint64_t leaf_count() const noexcept { return leaves_.size() - 1; }
    std::uint64_t leaf_number(Key k) const noexcept { return root_.predict(k, leaf_count() - 1); }
    std::uint64_t limited(std::uint64_t rank) const noexcept { return rank < size_ ? rank : size_; }

    /// [first, last], both possible answers, inside [0, size] whatever the leaf's bytes are.
    position_range bounds(std::uint64_t number, Key k) const noexcept {
        leaf_type const&    leaf  = leaves_[number];
        std::uint64_t const begin = limited(leaf.begin), next = limited(leaves_[number + 1].begin);
        auto const          size  = static_cast<std::int64_t>(next > begin ? next - begin : 0);
        auto const          guess = static_cast<std::int64_t>(leaf.model.predict(k, static_cast<std::uint64_t>(size)));
        std::int64_t        low   = leaf.below == leaf_type::no_lower_limit ? 0 : guess + leaf.below;
        std::int64_t        high  = leaf.above == leaf_type::no_upper_limit ? size : guess + leaf.above;
        low                       = low < 0 ? 0 : low > size ? size : low;
        high                      = high < low ? low : high > size ? size : high;
        return {begin + static_cast<std::uint64_t>(low), begin + static_cast<std::uint64_t>(high)};
    }

    /// `at` when it is lower_bound(k); else the model lied, and all keys are searched.
    std::uint64_t checked(std::uint64_t at, Key k) const noexcept {
        bool const right = (at == 0 || keys_[at - 1] < k) && (at == size_ || !(keys_[at] < k));
        if (right) [[likely]]
            return at;
        return last_mile::branchless::search(keys_, 0, size_, k);
    }

    position_range range_from(std::uint64_t first, Key k) const noexcept {
        if (first == size_ || !(keys_[first] == k)) return {first, first};
        if (first + 1 == size_ || !(keys_[first + 1] == k)) return {first, first + 1};
        return {first, upper_bound(k)};
    }

    void batch_some(std::span<Key const> ks, std::uint64_t* out) const noexcept {
        std::array<std::uint64_t, width> at{}, left{};
        std::uint64_t                    widest = 0;
        for (std::size_t j = 0; j < ks.size(); ++j) {
            at[j] = leaf_number(ks[j]);
            detail::rmi_prefetch(leaves_.data() + at[j]);
        }
        for (std::size_t j = 0; j < ks.size(); ++j) {
            auto const w = bounds(at[j], ks[j]);
            at[j]        = w.first;
            left[j]      = w.last - w.first;
            widest       = left[j] > widest ? left[j] : widest;
            if (size_ > 0) detail::rmi_prefetch(keys_ + probe(at[j], left[j]));
        }
        for (; widest > 1; widest -= widest / 2) {
            for (std::size_t j = 0; j < ks.size(); ++j) {
                auto const half = left[j] / 2;
                if (half > 0) at[j] += keys_[at[j] + half - 1] < ks[j] ? half : 0;
                left[j] -= half;
                detail::rmi_prefetch(keys_ + probe(at[j], left[j]));
            }
        }
        for (std::size_t j = 0; j < ks.size(); ++j)
            out[j] = checked(at[j] + (left[j] == 1 && keys_[at[j]] < ks[j] ? 1 : 0), ks[j]);
    }
    std::uint64_t probe(std::uint64_t at, std::uint64_t left) const noexcept {
        auto const next = at + left / 2;
        return next < size_ ? next : size_ - 1;
    }

    root_type                  root_;
    std::span<leaf_type const> leaves_;
    Key const*                 keys_;
    std::uint64_t              size_;
    std::uint64_t              model_bytes_;
};

/// A view that owns its model's bytes; the keys stay the caller's. Move-only; a moved-from index may only be
/// assigned to or destroyed.
template <class Root, class Leaf, index_key Key>
class rmi_index : public rmi_view<Root, Leaf, Key> {
    using view = rmi_view<Root, Leaf, Key>;

public:
    /// Over a model that rmi<Root, Leaf>::build made from these keys.
    static result<rmi_index> adopt(byte_vector model, std::span<Key const> keys) {
        auto opened = view::open(model, keys);
        if (!opened) return fail(std::move(opened).error());
        return rmi_index(*opened, std::move(model));
    }
    rmi_index(rmi_index&&) noexcept            = default;
    rmi_index& operator=(rmi_index&&) noexcept = default;

    /// The model, as build returned it.
    byte_view bytes() const noexcept { return model_; }

private:
    rmi_index(view const& opened, byte_vector&& model) noexcept : view(opened), model_(std::move(model)) {}
    byte_vector model_;
};

/// rmi - a root model picks a leaf, the leaf's model picks a window, a branchless binary search finishes.
///
/// Maps        key -> position; the window always holds lower_bound(key).
/// Shapes      keys: n sorted Key that stay where they are; leaves: n / KeysPerLeaf rounded up to a power of two, at most 2^24.
/// Units       errors in positions, sizes in bytes.
/// Guarantee   window(k) holds lower_bound(k) for every k, stored or absent, before, between and after the keys: proven
///             over all gaps when it is built. Duplicates anywhere; no key value is reserved; 0, 1, 2 keys are ordinary.
///             Answers are right even if the model's bytes are hostile: they are checked against the keys at the
///             window's borders, and a plain binary search steps in.
/// Cost        build O(n), three passes; look-up two multiplications and O(log error), at worst O(log n); no allocation;
///             32 bytes a leaf with the default models.
/// Errors      build: unsorted input or NaN -> errc::unsorted_keys with the first offending rank.
/// Threads     const members may be called concurrently.
/// On disk     "tenonidx" version 1, name "rmi<root,leaf>", docs/formats/rmi.md
/// Invariants  (1) root monotone. (2) leaf i holds exactly the ranks [begin(i), begin(i + 1)). (3) below and above
///             as rmi_prove_bounds sets them. (4) the last record is a sentinel with begin = n.
/// Source      Kraska et al., The Case for Learned Index Structures, 2018; Marcus et al., Benchmarking Learned Indexes, 2020.
///             Differs: bounds hold for absent keys, no floating-point addition on the path, hostile bytes allowed.
/// Use when    keys follow few smooth pieces (ids, timestamps, hashes). Strongly skewed keys crowd into few leaves, where
///             it is a binary search.
template <class Root = linear_spline, class Leaf = linear, std::size_t KeysPerLeaf = 64>
struct rmi {
    static_assert(regression_model<Root>,
                  "tenon::rmi: the first parameter, Root, must be a regression model such as tenon::linear_spline");
    static_assert(
        regression_model<Leaf>,
        "tenon::rmi: the second parameter, Leaf, must be a regression model such as tenon::linear or tenon::constant");
    static_assert(KeysPerLeaf >= 1 && KeysPerLeaf <= (1u << 20),
                  "tenon::rmi: KeysPerLeaf must lie between 1 and 1048576; 64 is a good start");
    static_assert(std::string_view(Root::name).size() + std::string_view(Leaf::name).size() <= 56,
                  "tenon::rmi: the names of Root and Leaf must have at most 56 bytes together");

    using policy_axis                      = axis::ordered_index;
    static constexpr std::string_view name = detail::rmi_name<Root, Leaf>;

    template <index_key Key>
    using view = rmi_view<Root, Leaf, Key>;
    template <index_key Key>
    using index = rmi_index<Root, Leaf, Key>;

    /// The model's bytes; two passes over the keys and one over each leaf.
    template <index_key Key>
    static result<byte_vector> build(std::span<Key const> keys) {
        using leaf_type = detail::rmi_leaf<typename Leaf::template fitted<Key>>;
        if (auto sorted = check_sorted(keys); !sorted) return fail(std::move(sorted).error());
        auto const n      = static_cast<std::uint64_t>(keys.size());
        auto const leaves = leaves_for(n);
        auto const total  = detail::rmi_leaves_at + (leaves + 1) * sizeof(leaf_type);

        auto const root =
            Root::template fit<Key>(keys, n == 0 ? 1.0 : static_cast<double>(leaves) / static_cast<double>(n));
        byte_vector out;
        out.reserve(total);
        put(out, index_header::of(name, keys, total, leaves));
        put(out, root);
        out.resize(detail::rmi_leaves_at);

        std::uint64_t begin = 0;
        for (std::uint64_t i = 0; i <= leaves; ++i) {
            std::uint64_t end = begin;
            while (end < n && root.predict(keys[end], leaves - 1) == i) ++end;
            auto const mine = keys.subspan(begin, end - begin);
            leaf_type  leaf;
            leaf.begin = begin;
            if (!mine.empty()) {
                leaf.model = Leaf::template fit<Key>(mine, 1.0);
                detail::rmi_prove_bounds<Key>(leaf, mine);
            }
            put(out, leaf);
            begin = end;
        }
        return out;
    }

    /// Builds an index over keys that the caller keeps: a vector, an array, a span. The index owns its model.
    ///
    ///     auto index = tenon::rmi<>::over(keys);
    ///     if (!index) return report(index.error());
    ///     auto at = index->lower_bound(42);
    template <class Keys>
    static auto over(Keys&& keys) {
        using items = decltype(std::span(keys));
        using Key   = std::remove_cv_t<typename items::element_type>;
        static_assert(index_key<Key>, "tenon::rmi::over: keys must be integers to 64 bits, float or double");
        static_assert(
            std::is_lvalue_reference_v<Keys> || std::ranges::enable_borrowed_range<std::remove_cvref_t<Keys>>,
            "tenon::rmi::over: the keys stay where they are, so pass a named container or a span, not a temporary");
        auto const sorted = std::span<Key const>(keys);
        auto       model  = build(sorted);
        if (!model) return result<index<Key>>(fail(std::move(model).error()));
        return index<Key>::adopt(std::move(*model), sorted);
    }

private:
    static std::uint64_t leaves_for(std::uint64_t n) noexcept {
        auto const wanted = n / KeysPerLeaf;
        return wanted >= detail::rmi_max_leaves ? detail::rmi_max_leaves : wanted <= 1 ? 1 : std::bit_ceil(wanted);
    }
};

static_assert(ordered_index<rmi<>>);
static_assert(rmi<>::name == "rmi<linear_spline,linear>");
static_assert(sizeof(detail::rmi_leaf<linear::fitted<std::uint64_t>>) == 32);

}  // namespace tenon
