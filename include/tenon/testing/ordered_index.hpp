// SPDX-License-Identifier: Apache-2.0
// Does a policy keep the axioms of axis::ordered_index? For people who write one.
#pragma once

#include "tenon/core/prng.hpp"
#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/sorted_keys.hpp"
#include "tenon/testing/hostile_bytes.hpp"
#include "tenon/testing/ordered_index_keys.hpp"
#include "tenon/testing/report.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon::testing {

/// How much work a key type is worth.
struct index_effort {
    std::size_t small_set;   ///< every multiset of up to so many special keys
    std::size_t set, large;  ///< keys of a named set, with each maker's flavour in turn; and of a large one (0: none)
    std::size_t hostile;     ///< rounds of damaged models

    static constexpr index_effort full() { return {5, 2'000, 20'000, 300}; }
    static constexpr index_effort brief() { return {3, 300, 0, 60}; }
};

namespace detail {

/// All a view says about one key.
struct index_answers {
    std::uint64_t  lower = 0, upper = 0, found = 0, count = 0, size = 0;
    position_range equal{}, window{};
};

/// Any policy over one key type; the suite is compiled once for each type, not for each policy.
template <index_key Key>
struct index_under_test {
    virtual ~index_under_test()                                   = default;
    virtual std::string_view    name() const                      = 0;
    virtual result<byte_vector> build(std::span<Key const>) const = 0;
    /// nullopt: the policy has no such build.
    virtual std::optional<result<byte_vector>> build_in_place(std::span<Key const>) const                  = 0;
    virtual result<void>                       open(byte_view model, std::span<Key const>)                 = 0;
    virtual index_answers                      ask(Key const&) const                                       = 0;
    virtual void                               batch(std::span<Key const>, std::span<std::uint64_t>) const = 0;
    virtual result<void>                       validate() const                                            = 0;
    virtual bool                               right_whatever_the_model() const                            = 0;
};

template <class Policy, index_key Key>
struct index_adapter final : index_under_test<Key> {
    using view = typename Policy::template view<Key>;
    std::optional<view> opened;

    std::string_view    name() const override { return Policy::name; }
    result<byte_vector> build(std::span<Key const> keys) const override { return Policy::template build<Key>(keys); }
    std::optional<result<byte_vector>> build_in_place(std::span<Key const> keys) const override {
        if constexpr (requires { Policy::template build_in_place<Key>(keys); })
            return Policy::template build_in_place<Key>(keys);
        else return std::nullopt;
    }
    result<void> open(byte_view model, std::span<Key const> keys) override {
        auto made = view::open(model, keys);
        if (!made) return fail(made.error());
        view const copy(*std::move(made));  // copies are views as well
        opened.emplace(copy);
        return {};
    }
    index_answers ask(Key const& k) const override {
        view const& v = *opened;
        return {v.lower_bound(k), v.upper_bound(k), v.find(k), v.count(k), v.size(), v.equal_range(k), v.window(k)};
    }
    void         batch(std::span<Key const> ks, std::span<std::uint64_t> out) const override { opened->batch(ks, out); }
    result<void> validate() const override { return opened->validate(); }
    /// What located_view promises.
    bool right_whatever_the_model() const override {
        return requires(view const& v) { v.locator(); };
    }
};

/// What is wrong with the answers about one key; empty when nothing is.
inline std::string index_complaint(index_answers const& is, std::uint64_t lower, std::uint64_t upper, std::uint64_t n) {
    auto says = [&](char const* what, std::uint64_t got, std::uint64_t expected) {
        return what + (" is " + std::to_string(got)) + ", expected " + std::to_string(expected) + " of " +
               std::to_string(n);
    };
    auto const found = lower < upper ? lower : n;
    if (is.size != n) return says("size", is.size, n);
    if (is.lower != lower) return says("lower_bound", is.lower, lower);
    if (is.upper != upper) return says("upper_bound", is.upper, upper);
    if (is.equal.first != lower) return says("equal_range.first", is.equal.first, lower);
    if (is.equal.last != upper) return says("equal_range.last", is.equal.last, upper);
    if (is.count != upper - lower) return says("count", is.count, upper - lower);
    if (is.found != found) return says("find", is.found, found);
    if (is.window.first > lower) return says("window.first", is.window.first, lower);
    if (is.window.last <= lower) return says("window.last", is.window.last, lower + 1);
    if (is.window.last > n + 1) return says("window.last", is.window.last, n + 1);
    return {};
}

/// Whether answers lie among n keys, right or wrong.
inline bool index_answers_inside(index_answers const& is, std::uint64_t n) {
    return is.size == n && is.lower <= n && is.upper <= n && is.found <= n && is.count <= n && is.equal.first <= n &&
           is.equal.last <= n && is.window.first < is.window.last && is.window.last <= n + 1;
}

/// Keys to ask for, and what the standard library says about them.
template <index_key Key>
struct index_questions {
    std::vector<Key>           keys;
    std::vector<std::uint64_t> lower, upper;

    explicit index_questions(std::vector<Key> asked) : keys(std::move(asked)) {}
    void answer(std::span<Key const> sorted) {
        lower.clear(), upper.clear();
        for (auto const& k : keys) {
            auto const first = std::lower_bound(sorted.begin(), sorted.end(), k);
            auto const last  = std::upper_bound(first, sorted.end(), k);
            lower.push_back(static_cast<std::uint64_t>(first - sorted.begin()));
            upper.push_back(static_cast<std::uint64_t>(last - sorted.begin()));
        }
    }
    /// In ascending order.
    void sort() {
        std::sort(keys.begin(), keys.end());
        std::sort(lower.begin(), lower.end());
        std::sort(upper.begin(), upper.end());
    }
};

/// Batches of all sizes around the widths that policies use; nothing behind `out` may be written.
template <class Maker, class Key = typename Maker::key_type>
std::string index_batch_complaint(index_under_test<Key>& index, Maker& maker, index_questions<Key> const& asked) {
    constexpr std::array<std::size_t, 8> sizes{0, 1, 7, 63, 64, 65, 200, 1000};
    constexpr std::uint64_t              untouched = 0xdeadbeefdeadbeef;
    std::vector<Key> const               keys(asked.keys.begin(), asked.keys.end());  // ends where its memory ends
    std::vector<std::uint64_t>           out(keys.size() + 1, untouched);
    for (std::size_t at = 0, turn = 0; at < keys.size(); ++turn) {
        auto const size = std::min(sizes[turn % sizes.size()], keys.size() - at);
        index.batch(std::span<Key const>(keys).subspan(at, size), std::span(out).subspan(at, size + turn % 2));
        at += size;
        if (out[at] != untouched) return "batch wrote behind the answers of " + std::to_string(size) + " keys";
    }
    for (std::size_t i = 0; i < keys.size(); ++i)
        if (out[i] != asked.lower[i])
            return "batch says " + std::to_string(out[i]) + " for " + maker.text(keys[i]) + ", expected " +
                   std::to_string(asked.lower[i]);
    return {};
}

/// One at a time, each `every`-th question.
template <class Maker, class Key = typename Maker::key_type>
std::string index_ask_complaint(index_under_test<Key>& index, Maker& maker, index_questions<Key> const& asked,
                                std::uint64_t n, std::size_t every) {
    for (std::size_t i = 0; i < asked.keys.size(); i += every) {
        auto const wrong = index_complaint(index.ask(asked.keys[i]), asked.lower[i], asked.upper[i], n);
        if (!wrong.empty()) return wrong + ", for " + maker.text(asked.keys[i]);
    }
    return {};
}

/// Opens a model that was just built, and asks, at last in ascending order.
template <class Maker, class Key = typename Maker::key_type>
void check_index_model(index_under_test<Key>& index, Maker& maker, std::span<Key const> sorted, byte_view model,
                       index_questions<Key>& asked, std::size_t every, std::string const& what, report& r) {
    aligned_copy bytes(model);
    auto const   opened = index.open(bytes.view(), sorted);
    if (!r.check(opened.has_value(),
                 what + ": open must take what build made" + (opened ? "" : ": " + opened.error().message)))
        return;
    auto const valid = index.validate();
    r.check(valid.has_value(),
            what + ": validate must accept what build made" + (valid ? "" : ": " + valid.error().message));
    auto wrong = index_ask_complaint(index, maker, asked, sorted.size(), every);
    r.check(wrong.empty(), what + ": " + wrong);
    wrong = index_batch_complaint(index, maker, asked);
    r.check(wrong.empty(), what + ": " + wrong);
    if (sorted.size() > 2'000) return;
    asked.sort();
    wrong = index_batch_complaint(index, maker, asked);
    r.check(wrong.empty(), what + ", asked in ascending order: " + wrong);
}

/// Builds over `keys`, opens, and asks.
template <class Maker, class Key = typename Maker::key_type>
void check_index_over(index_under_test<Key>& index, Maker& maker, std::span<Key const> keys, std::size_t offset,
                      index_questions<Key>& asked, std::size_t every, std::string const& what, report& r) {
    placed_keys<Key> const placed(keys, offset);
    auto const             sorted = placed.span();
    auto const             model  = index.build(sorted);
    if (!r.check(model.has_value(),
                 what + ": build must take sorted keys" + (model ? "" : ": " + model.error().message)))
        return;
    auto const again = index.build(keys);
    r.check(again.has_value() && *again == *model,
            what + ": equal keys must give equal bytes, wherever they lie and however often");
    asked.answer(sorted);
    check_index_model(index, maker, sorted, byte_view(*model), asked, every, what, r);
    if (auto const in_place = index.build_in_place(sorted)) {
        if (!r.check(in_place->has_value(), what + ": build_in_place must take sorted keys")) return;
        check_index_model(index, maker, sorted, byte_view(**in_place), asked, every, what + ", built in place", r);
        if (sorted.size() > 300) return;
        check_index_model(index, maker, keys, byte_view(**in_place), asked, 8 * every,
                          what + ", built in place and opened elsewhere", r);
    }
}

/// Special keys and what lies around them, and around each `step`-th of `keys`.
template <class Maker, class Key = typename Maker::key_type>
std::vector<Key> index_questions_around(Maker& maker, std::span<Key const> keys, std::size_t step = 1) {
    auto out = maker.special();
    for (auto const& k : maker.special()) maker.around(k, out);
    for (std::size_t i = 0; i < keys.size(); i += step) out.push_back(keys[i]), maker.around(keys[i], out);
    return out;
}

/// Each `step`-th key, what lies around it, and as many others of any flavour; all in batches, and each `every`-th alone.
template <class Maker, class Key = typename Maker::key_type>
void check_index_over(index_under_test<Key>& index, Maker& maker, std::span<Key const> keys, std::size_t every,
                      std::string const& what, prng& random, report& r, std::size_t step = 1) {
    auto questions = index_questions_around<Maker>(maker, keys, step);
    for (std::size_t i = 0; i < keys.size(); i += step)
        questions.push_back(
            maker.of(random() >> random.below(64), static_cast<unsigned>(random.below(Maker::flavours))));
    index_questions<Key> asked(std::move(questions));
    check_index_over(index, maker, keys, static_cast<std::size_t>(random.below(8)), asked, every, what, r);
}

template <class Maker, class Key = typename Maker::key_type>
std::vector<Key> index_keys(Maker& maker, std::span<std::uint64_t const> numbers, unsigned flavour) {
    std::vector<Key> keys;
    for (auto number : numbers) keys.push_back(maker.of(number, flavour));
    std::sort(keys.begin(), keys.end());
    return keys;
}

/// Every multiset of up to `most` special keys.
template <class Maker, class Key = typename Maker::key_type>
void check_index_small(index_under_test<Key>& index, std::size_t most, std::string const& what, report& r) {
    Maker                maker;
    auto const           universe = maker.special();
    index_questions<Key> asked(index_questions_around<Maker>(maker, {}));
    std::vector<Key>     keys;
    std::size_t          made = 0;
    auto                 all  = [&](auto& self, std::size_t from) -> void {
        check_index_over<Maker>(index, maker, std::span<Key const>(keys), made++ % 8, asked, 1,
                                                 what + ", " + std::to_string(keys.size()) + " special keys", r);
        if (keys.size() == most) return;
        for (std::size_t i = from; i < universe.size(); ++i) {
            keys.push_back(universe[i]);
            self(self, i);
            keys.pop_back();
        }
    };
    all(all, 0);
}

/// Every named set, the flavours in turn; 0 to 200 keys of one set, so that every filling of lines and nodes is seen.
template <class Maker, class Key = typename Maker::key_type>
void check_index_sets(index_under_test<Key>& index, index_effort effort, std::string const& what, prng& random,
                      report& r) {
    auto const check = [&](std::string_view set, std::size_t n, unsigned flavour, std::size_t every) {
        Maker      maker;
        auto const numbers = index_numbers(set, n, random());
        auto const keys    = index_keys(maker, std::span<std::uint64_t const>(numbers), flavour);
        check_index_over<Maker>(
            index, maker, std::span<Key const>(keys), every,
            what + ", " + std::to_string(n) + " keys of " + std::string(set) + ", flavour " + std::to_string(flavour),
            random, r);
    };
    unsigned turn = 0;
    for (auto set : index_number_sets) check(set, effort.set, turn++ % Maker::flavours, 1);
    for (auto set : key_set_names) {
        for (unsigned flavour = 0; flavour < (effort.large > 0 ? Maker::flavours : 1); ++flavour)
            check(set, effort.set, effort.large > 0 ? flavour : turn % Maker::flavours, 1);
        if (effort.large > 0) check(set, effort.large, turn % Maker::flavours, 7);
        ++turn;
    }
    for (std::size_t n = 1; n < 200; n += effort.large > 0 ? 1 : 13)
        check(n % 2 == 0 ? "uniform" : "wiki", n, 0, 1 + n / 16);
}

/// Keys out of order and NaN, each with its rank.
template <class Maker, class Key = typename Maker::key_type>
void check_index_refusals(index_under_test<Key>& index, std::string const& what, report& r) {
    Maker      maker;
    auto const refused = [&](std::vector<Key> const& keys, std::size_t rank) {
        auto const model = index.build(std::span<Key const>(keys));
        if (!r.check(!model && model.error().kind == errc::unsorted_keys,
                     what + ": unsorted keys must be refused with errc::unsorted_keys"))
            return;
        auto const sentence = "rank " + std::to_string(rank);
        auto const at       = model.error().message.find(sentence);
        bool const named    = at != std::string::npos && (at + sentence.size() == model.error().message.size() ||
                                                       model.error().message[at + sentence.size()] < '0' ||
                                                       model.error().message[at + sentence.size()] > '9');
        r.check(named, what + ": the error must name " + sentence + ", but says: " + model.error().message);
    };
    auto const special = maker.special();
    refused({special[1], special[0]}, 1);
    refused({special[0], special[1], special[2], special[1], special[0]}, 3);
    for (std::size_t n : {std::size_t{2}, std::size_t{64}, std::size_t{1000}})
        for (std::size_t rank : {std::size_t{1}, n / 2, n - 1}) {
            std::vector<Key> keys(n, special[1]);
            keys[rank] = special[0];
            refused(keys, rank);
        }
    for (auto const& nan : maker.unordered()) {
        refused({nan}, 0);
        refused({nan, special[0]}, 0);
        refused({special[0], special[1], nan}, 2);
        refused({special[0], special[1], special[2], nan, special[3]}, 3);
        refused(std::vector<Key>(100, nan), 0);
        std::vector<Key> last(1000, special[2]);
        last.back() = nan;
        refused(last, 999);
    }
}

/// Model bytes that are not what build made: open refuses, or no query leaves the keys. Where validate vouches for them, or the
/// view promises it, answers are right as well.
template <class Maker, class Key = typename Maker::key_type>
class hostile_index {
public:
    hostile_index(index_under_test<Key>& index, Maker& maker, std::vector<Key> const& keys, prng& random)
        : index_(index),
          maker_(maker),
          placed_(keys, keys.size() % 8),
          asked_(questions(maker, placed_.span(), random)) {
        asked_.answer(placed_.span());
    }
    /// What is wrong, empty when nothing is.
    std::string const& complaint() const { return wrong_; }
    std::size_t        opened() const { return opened_; }

    void offer(byte_view model) {
        if (!wrong_.empty() || !index_.open(model, placed_.span())) return;
        ++opened_;
        auto const n = placed_.span().size();
        for (auto const& k : asked_.keys)
            if (!index_answers_inside(index_.ask(k), n)) return complain("an answer lies outside of [0, size]", k);
        std::vector<std::uint64_t> out(asked_.keys.size());
        index_.batch(asked_.keys, out);
        for (std::size_t i = 0; i < out.size(); ++i)
            if (out[i] > n) return complain("batch says a position behind the last", asked_.keys[i]);
        bool const valid = index_.validate().has_value();
        if (!valid && !index_.right_whatever_the_model()) return;
        for (std::size_t i = 0; i < out.size(); ++i) {
            auto answers = index_.ask(asked_.keys[i]);
            if (!valid) answers.window = {0, n + 1};
            auto const why = index_complaint(answers, asked_.lower[i], asked_.upper[i], n);
            if (!why.empty())
                return complain((valid ? "validate vouches for a wrong model: " : "") + why, asked_.keys[i]);
            if (out[i] != asked_.lower[i]) return complain("batch is wrong", asked_.keys[i]);
        }
    }
    /// Words of the first 512 bytes, and a sample of the others, set to values that overflow.
    void offer_extreme_words(byte_view good, prng& random, std::size_t samples) {
        constexpr std::uint64_t  top = ~std::uint64_t{0};
        constexpr std::array     values{std::uint64_t{0}, std::uint64_t{1}, top >> 32, top << 32,
                                    top >> 1,         top ^ top >> 1,   top,       top - 1};
        std::vector<std::size_t> places;
        for (std::size_t at = 0; at + 8 <= good.size() && at < 512; at += 8) places.push_back(at);
        for (std::size_t i = 0; i < samples && good.size() >= 8; ++i)
            places.push_back(static_cast<std::size_t>(random.below(good.size() / 8)) * 8);
        if (good.size() % 8 == 0 && good.size() >= 8) places.push_back(good.size() - 8);
        for (auto at : places)
            for (auto value : values) {
                aligned_copy copy(good);
                std::memcpy(copy.data() + at, &value, 8);
                offer(copy.view());
            }
    }
    /// Bytes at places that are not aligned.
    void offer_misaligned(byte_view good) {
        for (std::size_t shift : std::array<std::size_t, 10>{1, 2, 3, 4, 5, 6, 7, 8, 16, 32}) {
            byte_vector moved(shift + good.size());
            std::copy(good.begin(), good.end(), moved.begin() + static_cast<std::ptrdiff_t>(shift));
            aligned_copy copy(moved);
            offer(copy.view().subspan(shift));
        }
    }
    /// Whole parts behind the header filled with one value or with noise.
    void offer_filled(byte_view good, prng& random, std::size_t rounds) {
        constexpr std::size_t header = 128;
        for (std::size_t round = 0; round < rounds && good.size() > header; ++round) {
            aligned_copy copy(good);
            auto const   room = good.size() - header;
            auto const   first =
                header + (static_cast<std::size_t>(random.below(room)) & ~std::size_t{round % 2 == 0 ? 0u : 7u});
            auto const size = static_cast<std::size_t>(random.below(good.size() - first + 1)) >> random.below(12);
            for (std::size_t i = first; i < first + size; ++i)
                copy.data()[i] = round % 4 == 0   ? std::byte{0}
                                 : round % 4 == 1 ? std::byte{0xff}
                                                  : static_cast<std::byte>(random());
            offer(copy.view());
        }
    }
    /// Ends cut off, also where the header of sorted_keys.hpp says so.
    void offer_cut(byte_view good) {
        for (std::size_t n = 0; n < good.size(); n += 1 + n / 24) {
            aligned_copy copy(good.first(n));
            offer(copy.view());
            if (n < sizeof(index_header)) continue;
            auto const size = static_cast<std::uint64_t>(n);
            std::memcpy(copy.data() + offsetof(index_header, bytes), &size, 8);
            offer(copy.view());
        }
        for (std::size_t n = sizeof(index_header); n + 64 <= good.size() && n < 64 * sizeof(index_header); n += 64) {
            aligned_copy copy(good.first(good.size() - (n - sizeof(index_header) + 64)));
            auto const   size = static_cast<std::uint64_t>(copy.view().size());
            if (size < sizeof(index_header)) break;
            std::memcpy(copy.data() + offsetof(index_header, bytes), &size, 8);
            offer(copy.view());
        }
    }

private:
    static std::vector<Key> questions(Maker& maker, std::span<Key const> keys, prng& random) {
        auto out = maker.special();
        for (int i = 0; i < 8; ++i) {
            out.push_back(maker.of(random(), static_cast<unsigned>(i) % Maker::flavours));
            if (keys.empty()) continue;
            auto const& k = keys[static_cast<std::size_t>(random.below(keys.size()))];
            out.push_back(k), maker.around(k, out);
        }
        return out;
    }
    void complain(std::string const& why, Key const& k) { wrong_ = why + ", for " + maker_.text(k); }

    index_under_test<Key>& index_;
    Maker&                 maker_;
    placed_keys<Key>       placed_;
    index_questions<Key>   asked_;
    std::string            wrong_;
    std::size_t            opened_ = 0;
};

template <class Maker, class Key = typename Maker::key_type>
void check_index_hostile(index_under_test<Key>& index, std::size_t rounds, std::string const& what, prng& random,
                         report& r) {
    for (std::string_view set : {"any width", "zipf", "two ends"}) {
        for (std::size_t n : {std::size_t{700}, std::size_t{3}, std::size_t{1}, std::size_t{0}}) {
            Maker      maker;
            auto const numbers = index_numbers(set, n, random());
            auto const keys    = index_keys(maker, std::span<std::uint64_t const>(numbers), 0);
            auto const model   = index.build(std::span<Key const>(keys));
            if (!r.check(model.has_value(), what + ": build must take sorted keys")) return;
            hostile_index<Maker> hostile(index, maker, keys, random);
            aligned_copy const   good(*model);
            hostile.offer(good.view());
            r.check(hostile.opened() == 1, what + ": open must take what build made");
            each_hostile(good.view(), random, n > 3 ? rounds : rounds / 8, [&](byte_view b) { hostile.offer(b); });
            hostile.offer_filled(good.view(), random, n > 3 ? rounds : rounds / 8);
            hostile.offer_misaligned(good.view());
            hostile.offer_cut(good.view());
            if (n > 1) hostile.offer_extreme_words(good.view(), random, rounds / 8);
            r.check(hostile.complaint().empty(), what + ", hostile model bytes over " + std::to_string(n) +
                                                     " keys of " + std::string(set) + ": " + hostile.complaint());
        }
    }
}

/// A model belongs to its keys.
template <class Maker, class Key = typename Maker::key_type>
void check_index_other_keys(index_under_test<Key>& index, std::string const& what, report& r) {
    Maker                maker;
    auto const           special = maker.special();
    std::vector<Key>     keys{special[1], special[2], special[2], special[3]};
    std::span<Key const> sorted(keys);
    auto const           model = index.build(sorted);
    if (!r.check(model.has_value(), what + ": build must take sorted keys")) return;
    aligned_copy bytes(*model);
    r.check(!index.open(bytes.view(), sorted.first(3)), what + ": open must refuse one key less");
    auto longer = keys;
    longer.push_back(keys.back());
    r.check(!index.open(bytes.view(), longer), what + ": open must refuse one key more");
    auto const names_both = [&](std::size_t at, Key const& other) {
        auto changed = keys;
        changed[at]  = other;
        // Types that are not exact are compared by their first bytes.
        if (projection<Key>::of(other) == projection<Key>::of(keys[at])) return;
        auto const opened = index.open(bytes.view(), changed);
        r.check(!opened && opened.error().kind == errc::corrupt,
                what + ": open must refuse keys with another " + (at == 0 ? "first" : "last") + " key");
    };
    auto disordered = keys;
    disordered[1]   = keys[3];
    if (index.open(bytes.view(), disordered))
        r.check(!index.validate(), what + ": validate must refuse keys that are not sorted");
    index_questions<Key> none(special);
    none.answer({});
    auto const empty = index.build({});
    if (r.check(empty.has_value(), what + ": build must take no keys"))
        check_index_model(index, maker, std::span<Key const>(), byte_view(*empty), none, 1, what + ", a null span", r);
    names_both(0, special[0]);
    names_both(3, special.back());
}

/// The whole suite over one key type.
template <class Maker>
void check_index_of_type(index_under_test<typename Maker::key_type>& index, index_effort effort, std::uint64_t seed,
                         report& r) {
    auto const what = std::string(index.name()) + " over " + Maker().name() + ", seed " + std::to_string(seed);
    prng       random(seed);
    check_index_small<Maker>(index, effort.small_set, what, r);
    check_index_sets<Maker>(index, effort, what, random, r);
    check_index_refusals<Maker>(index, what, r);
    check_index_other_keys<Maker>(index, what, r);
    check_index_hostile<Maker>(index, effort.hostile, what, random, r);
}

/// A model over keys of one type is refused over keys of another.
template <class Policy, index_key Key, index_key Other>
void check_index_other_type(report& r) {
    std::vector<Key> const   keys{Key{0}, Key{1}};
    std::vector<Other> const others{Other{0}, Other{1}};
    auto const               model = Policy::template build<Key>(keys);
    if (!r.check(model.has_value(), std::string(Policy::name) + ": build must take sorted keys")) return;
    aligned_copy bytes(*model);
    r.check(!Policy::template view<Other>::open(bytes.view(), others),
            std::string(Policy::name) + ": open must refuse keys of another type");
}

}  // namespace detail

/// The suite over the keys of one maker, also one of your own for a type of your own.
template <ordered_index Policy, index_key_maker Maker>
void check_ordered_index_over(index_effort effort, std::uint64_t seed, report& r) {
    detail::index_adapter<Policy, typename Maker::key_type> index;
    detail::check_index_of_type<Maker>(index, effort, seed, r);
}

/// The look-ups over sorted keys of your own, asked around each `step`-th of them; `what` names them in failures.
template <ordered_index Policy, index_key_maker Maker>
void check_ordered_index_on(std::span<typename Maker::key_type const> sorted, std::size_t step, std::string const& what,
                            std::uint64_t seed, report& r) {
    detail::index_adapter<Policy, typename Maker::key_type> index;
    Maker                                                   maker;
    prng                                                    random(seed);
    detail::check_index_over<Maker>(index, maker, sorted, 5,
                                    std::string(Policy::name) + " over " + what + ", seed " + std::to_string(seed),
                                    random, r, step);
}

/// All numbers of up to 64 bits.
template <ordered_index Policy>
void check_ordered_index_numbers(std::uint64_t seed, report& r) {
    using namespace index_makers;
    check_ordered_index_over<Policy, u64>(index_effort::full(), seed, r);
    check_ordered_index_over<Policy, i64>(index_effort::full(), seed + 1, r);
    check_ordered_index_over<Policy, f64>(index_effort::full(), seed + 2, r);
    check_ordered_index_over<Policy, u8>(index_effort::brief(), seed + 3, r);
    check_ordered_index_over<Policy, u16>(index_effort::brief(), seed + 4, r);
    check_ordered_index_over<Policy, u32>(index_effort::brief(), seed + 5, r);
    check_ordered_index_over<Policy, i8>(index_effort::brief(), seed + 6, r);
    check_ordered_index_over<Policy, i16>(index_effort::brief(), seed + 7, r);
    check_ordered_index_over<Policy, i32>(index_effort::brief(), seed + 8, r);
    check_ordered_index_over<Policy, f32>(index_effort::brief(), seed + 9, r);
    detail::check_index_other_type<Policy, std::uint64_t, std::int64_t>(r);
    detail::check_index_other_type<Policy, double, std::uint64_t>(r);
    detail::check_index_other_type<Policy, std::uint32_t, float>(r);
}

/// All other types that index_key names.
template <ordered_index Policy>
void check_ordered_index_composites(std::uint64_t seed, report& r) {
    using namespace index_makers;
    check_ordered_index_over<Policy, text>(index_effort::full(), seed + 20, r);
    check_ordered_index_over<Policy, string>(index_effort::brief(), seed + 21, r);
    check_ordered_index_over<Policy, bytes5>(index_effort::brief(), seed + 22, r);
    check_ordered_index_over<Policy, bytes20>(index_effort::brief(), seed + 23, r);
    check_ordered_index_over<Policy, uuids>(index_effort::brief(), seed + 24, r);
    check_ordered_index_over<Policy, pairs>(index_effort::brief(), seed + 25, r);
    check_ordered_index_over<Policy, wide_pairs>(index_effort::brief(), seed + 26, r);
    check_ordered_index_over<Policy, tuples>(index_effort::brief(), seed + 27, r);
#if defined(__SIZEOF_INT128__)
    check_ordered_index_over<Policy, u128>(index_effort::brief(), seed + 28, r);
    check_ordered_index_over<Policy, i128>(index_effort::brief(), seed + 29, r);
#endif
}

/// Every axiom of the concept over every kind of key: all small key sets, many distributions with each key's neighbours and
/// absent keys against the standard library, batches, refusals, hostile model bytes (run it under ASan).
template <ordered_index Policy>
void check_ordered_index(std::uint64_t seed, report& r) {
    check_ordered_index_numbers<Policy>(seed, r);
    check_ordered_index_composites<Policy>(seed, r);
}

}  // namespace tenon::testing
