// SPDX-License-Identifier: Apache-2.0
// A position index made of a locator (what the model says) and a last mile (the search that makes sure).
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/ordered_index/index_report.hpp"
#include "tenon/ordered_index/last_mile.hpp"
#include "tenon/ordered_index/queries.hpp"
#include "tenon/ordered_index/sorted_keys.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tenon {

/// A model over projected keys, read in place from untrusted bytes: all that a policy such as pgm has to bring.
///
/// | expression | meaning |
/// | --- | --- |
/// | `L::name` | stored on disk |
/// | `L::open(header, model)` | `result<L>` in O(1); `model` begins with the header, which is already checked. No later call reads outside it |
/// | `l.place(p)` | the part of the model that answers for p (a leaf, a segment), in [0, places) |
/// | `l.prefetch(place)` | asks for its cache lines |
/// | `l.window(place, p)` | [first, last], 0 <= first <= last <= keys, that holds the first position whose projection is not less than p |
/// | `l.validate(projected)` | checks every invariant against the keys, O(n) |
/// | `l.stats()`, `l.describe()` | may be left out: what it is made of, for the view's stats() and explain() |
template <class L>
concept locator = requires(L const l, std::uint64_t p, byte_view bytes, index_header const& header,
                           projected_keys<std::uint64_t> const& keys) {
    { L::open(header, bytes) } -> std::same_as<result<L>>;
    { l.place(p) } -> std::same_as<std::uint64_t>;
    l.prefetch(p);
    { l.window(p, p) } -> std::same_as<position_range>;
    { l.validate(keys) } -> std::same_as<result<void>>;
};

/// The last mile for a key type: SIMD lines for numbers of 4 and 8 bytes, halving without branches for others.
struct default_last_mile {
    static constexpr char const* name = "default";
    template <class Keys, class Key>
    static constexpr std::uint64_t search(Keys const& keys, std::uint64_t first, std::uint64_t last, Key const& k) {
        if constexpr (std::is_arithmetic_v<Key> && (sizeof(Key) == 4 || sizeof(Key) == 8))
            return last_mile::simd_line::search(keys, first, last, k);
        else return last_mile::branchless::search(keys, first, last, k);
    }
};

/// Look-ups over a model's bytes and the keys it was built from; both must outlive the view. Copies are cheap. Answers are right
/// even when the model's bytes are hostile: they are checked against the neighbouring keys. `Keys` is a pointer to them, or iterated_keys.
template <locator Locator, index_key Key, class LastMile = default_last_mile, class Keys = Key const*>
class located_view : public position_queries<located_view<Locator, Key, LastMile, Keys>, Key, Keys> {
    using base                         = position_queries<located_view, Key, Keys>;
    static constexpr bool side_by_side = std::is_pointer_v<Keys>;

public:
    /// The same over keys behind iterators.
    template <class Others>
    using over_keys = located_view<Locator, Key, LastMile, Others>;

    /// O(1). The bytes are untrusted; they must be aligned to 8.
    static result<located_view> open(byte_view model, std::span<Key const> keys)
    requires side_by_side
    {
        return open(model, keys.data(), keys.size(), keys);
    }
    /// The same over n keys, of which `ends` has the first and the last, in front and behind; it must outlive the view, too.
    static result<located_view> open(byte_view model, Keys keys, std::uint64_t n, std::span<Key const> ends) {
        auto header = index_header::read(model, Locator::name, ends, n);
        if (!header) return fail(std::move(header).error());
        auto located = Locator::open(*header, model);
        if (!located) return fail(std::move(located).error());
        return located_view(*std::move(located), keys, n, ends);
    }

    std::uint64_t lower_bound(Key const& k) const {
        auto const p = space_(k);
        auto const w = locator_.window(locator_.place(p), p);
        return this->checked(LastMile::search(this->keys_, w.first, w.last, k), k);
    }
    /// The positions lower_bound(k) may have by the model alone; size() stands for "after the last". Keys that are not exact under
    /// their projection may stand behind the window, among keys of the same projection.
    position_range window(Key const& k) const {
        auto const p = space_(k);
        auto       w = locator_.window(locator_.place(p), p);
        if constexpr (!key_space<Key>::exact) {
            auto const at = lower_bound(k);
            if (at > w.last) w.last = at;
        }
        return {w.first, w.last + 1};
    }

    /// out[i] = lower_bound(ks[i]). Precondition: out has room for ks.size().
    void batch(std::span<Key const> ks, std::span<std::uint64_t> out) const {
        expects(out.size() >= ks.size(), "tenon: batch needs an out with room for as many positions as there are keys");
        for (std::size_t i = 0; i < ks.size(); i += width)
            batch_some(ks.subspan(i, ks.size() - i < width ? ks.size() - i : width), out.data() + i);
    }

    result<void> validate() const {
        if constexpr (side_by_side) {
            return valid_over(this->keys());
        } else {
            std::vector<Key> copy;
            copy.reserve(static_cast<std::size_t>(this->size_));
            for (std::uint64_t i = 0; i < this->size_; ++i) copy.push_back(this->key(i));
            return valid_over(copy);
        }
    }
    Locator const& locator() const noexcept { return locator_; }

    auto stats() const
    requires requires(Locator const& l) { l.stats(); }
    {
        return locator_.stats();
    }
    /// Sizes, errors and expected cache lines, as text of several lines. Looks up at most 65,536 of the keys.
    std::string explain() const
    requires requires(Locator const& l) { l.describe(); }
    {
        return detail::explain_index(*this, Locator::name, LastMile::name, locator_.describe());
    }

private:
    static constexpr std::size_t width = 64;

    located_view(Locator locator, Keys keys, std::uint64_t n, std::span<Key const> ends)
        : base(keys, n), locator_(std::move(locator)), space_(ends) {}

    result<void> valid_over(std::span<Key const> keys) const {
        if (auto sorted = check_sorted(keys); !sorted) return sorted;
        return locator_.validate(projected_keys<Key>(keys));
    }
    void ask_for(std::uint64_t at) const {
        if constexpr (side_by_side) prefetch(this->keys_ + at);
        else if constexpr (std::is_lvalue_reference_v<decltype(this->key(at))>)
            if (at < this->size_) prefetch(std::addressof(this->key(at)));
    }

    void batch_some(std::span<Key const> ks, std::uint64_t* out) const {
        std::array<std::uint64_t, width> projected, at, left;
        for (std::size_t j = 0; j < ks.size(); ++j) {
            projected[j] = space_(ks[j]);
            at[j]        = locator_.place(projected[j]);
            locator_.prefetch(at[j]);
        }
        std::uint64_t widest = 0;
        for (std::size_t j = 0; j < ks.size(); ++j) {
            auto const w = locator_.window(at[j], projected[j]);
            at[j]        = w.first;
            left[j]      = w.last - w.first;
            widest       = left[j] > widest ? left[j] : widest;
            ask_for(w.first + left[j] / 2);
        }
        for (; widest > last_steps; widest -= widest / 2)
            for (std::size_t j = 0; j < ks.size(); ++j) {
                if (left[j] <= last_steps) continue;
                auto const half = left[j] / 2;
                at[j] += this->keys_[at[j] + half - 1] < ks[j] ? half : 0;
                left[j] -= half;
                ask_for(at[j] + left[j] / 2);
            }
        for (std::size_t j = 0; j < ks.size(); ++j)
            out[j] = this->checked(LastMile::search(this->keys_, at[j], at[j] + left[j], ks[j]), ks[j]);
    }
    static constexpr std::uint64_t last_steps = 2 * line_keys<Key>;

    Locator                              locator_;
    [[no_unique_address]] key_space<Key> space_;
};

}  // namespace tenon
