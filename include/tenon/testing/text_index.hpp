// SPDX-License-Identifier: Apache-2.0
// Conformance suite of axis::text_index: both halves against a map of counts, for people who write policies.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/core/utf8.hpp"
#include "tenon/testing/hostile_bytes.hpp"
#include "tenon/testing/report.hpp"
#include "tenon/text_index/concept.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon::testing {

/// A word: from a small vocabulary in many scripts (so that words repeat), or random letters, or bytes that are no UTF-8.
inline std::string random_word(prng& random) {
    static constexpr std::string_view known[] = {
        "New",
        "York",
        "new",
        "S\u00e3o",
        "Paulo",
        "SAO",
        "Stra\u00dfe",
        "strasse",
        "\u0141\u00f3d\u017a",
        "lodz",
        "Hawai'i",
        "hawaii",
        "\u0391\u03b8\u03ae\u03bd\u03b1",
        "\u03b1\u03b8\u03b7\u03bd\u03b1\u03c3",
        "\u041c\u043e\u0441\u043a\u0432\u0430",
        "\u0419\u043e\u0448\u043a\u0430\u0440",
        "\u6771\u4eac",
        "\uc11c\uc6b8",
        "\u0627\u0644\u0642\u0627\u0647\u0631\u0629",
        "1st",
        "2024",
        "\uff21\uff22",
        "e\u0301t\u00e9",
        "\u2014",
        "...",
        "a",
        "b",
        "c",
        "averyverylongwordindeedaveryverylongwordindeedaveryverylongwordindeedx"};
    if (random.chance(0.7)) return std::string(known[random.below(std::size(known))]);
    std::string word;
    auto        letters = random.below(12);
    if (random.chance(0.02)) letters = 200;
    for (; letters != 0; --letters) {
        switch (random.below(4)) {
            case 0: word += static_cast<char>('a' + random.below(4)); break;
            case 1: append_utf8(word, static_cast<char32_t>(0xC0 + random.below(0x400))); break;
            case 2: {
                auto const c = static_cast<char32_t>(random.below(0x30000));
                append_utf8(word, c >= 0xD800 && c < 0xE000 ? U'x' : c);
                break;
            }
            default: word += random.chance(0.1) ? static_cast<char>(random.below(256)) : 'z'; break;
        }
    }
    return word;
}
inline std::string random_text(prng& random) {
    std::string text;
    auto        words = random.chance(0.1) ? 0 : random.chance(0.02) ? 400 : 1 + random.below(6);
    for (; words != 0; --words) {
        text += random_word(random);
        text += random.chance(0.9) ? " " : "-";
    }
    return text;
}

namespace detail {

using text_model = std::map<std::string, std::vector<posting>, std::less<>>;

inline bool same_postings(std::vector<posting> const& a, std::vector<posting> const& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](posting x, posting y) {
        return x.at == y.at && x.frequency == y.frequency && x.length == y.length;
    });
}

/// A delta or a view behind plain functions, so that the checks are compiled once for all policies.
struct text_half {
    std::uint64_t                                         size, total_length;
    std::function<std::vector<posting>(std::string_view)> postings;
};
template <text_queries X>
text_half text_half_of(X const& x) {
    return {x.size(), x.total_length(), [&x](std::string_view term) {
                std::vector<posting> got;
                x.postings(term, [&got](posting p) { got.push_back(p); });
                return got;
            }};
}

/// One half of a policy against the model.
inline void check_text_queries(text_half const& x, text_model const& model, std::uint64_t texts, std::uint64_t total,
                               report& r, std::string const& what) {
    r.check(x.size == texts, what + ": size() is not the number of texts");
    r.check(x.total_length == total,
            what + ": total_length() is " + std::to_string(x.total_length) + ", expected " + std::to_string(total));
    auto const& postings = x.postings;
    for (auto const& [term, expected] : model) {
        r.check(same_postings(postings(term), expected), what + ": wrong postings of \"" + term + "\"");
        for (std::string const& other :
             {term + "a", term.substr(0, term.size() - 1), std::string(1, '\0') + term, term + std::string(1, '\0')})
            if (!model.contains(other))
                r.check(postings(other).empty(), what + ": postings of \"" + other + "\", which no text holds");
    }
    r.check(postings("").empty(), what + ": the empty term has postings");
    r.check(postings(std::string(300, 'q')).empty(), what + ": a term longer than any has postings");
}

}  // namespace detail

/// Checks every axiom of text_index<Policy>: delta and view against a map of counts over random texts in many scripts, the errors of
/// build, and that damaged bytes are refused or answered without a crash. Run it under sanitizers.
template <text_index Policy>
void check_text_index(std::uint64_t seed, report& r) {
    prng random(seed);
    for (std::size_t const n : std::initializer_list<std::size_t>{0, 1, 2, 3, 20, 90}) {
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < n; ++i) texts.push_back(random_text(random));
        std::vector<text_entry> entries;
        detail::text_model      model;
        std::uint64_t           total = 0;
        typename Policy::delta  delta;
        position                at = random.below(3);
        for (auto const& text : texts) {
            entries.push_back({text, at});
            std::map<std::string, std::uint32_t> counts;
            std::uint32_t                        length = 0;
            Policy::analyzer::analyze(text, [&](std::string_view term) {
                r.check(!term.empty() && valid_utf8(term), "a term must be UTF-8 and not empty");
                ++counts[std::string(term)];
                ++length;
            });
            r.check(Policy::length(text) == length, "length(text) is not the number of its terms");
            for (auto const& [term, frequency] : counts) model[term].push_back({at, frequency, length});
            total += length;
            delta.insert(text, at);
            at += 1 + (random.chance(0.1) ? random.below(1'000'000) : random.below(3));
        }
        auto const what = "n " + std::to_string(n);
        detail::check_text_queries(detail::text_half_of(delta), model, n, total, r, "delta, " + what);

        auto const bytes = Policy::build(entries);
        if (!r.check(bytes.has_value(), "build refuses good entries, " + what)) continue;
        r.check(Policy::build(entries).value() == *bytes, "build must be a pure function of its entries, " + what);
        {
            aligned_copy const copy(*bytes);
            auto const         view = Policy::view::open(copy.view());
            if (!r.check(view.has_value(), "open refuses good bytes, " + what)) continue;
            auto const valid = view->validate();
            r.check(valid.has_value(),
                    "validate() refuses good bytes, " + what + ": " + (valid ? std::string() : valid.error().message));
            detail::check_text_queries(detail::text_half_of(*view), model, n, total, r, "view, " + what);
        }

        for (std::size_t size = 0; size < bytes->size(); size += 1 + size / 16) {
            aligned_copy const cut(byte_view(*bytes).first(size));
            r.check(!Policy::view::open(cut.view()).has_value(),
                    "open must refuse bytes whose end is cut off, " + what);
        }
        each_hostile(*bytes, random, 150, [&](byte_view hostile) {
            auto const view = Policy::view::open(hostile);
            if (!view) {
                r.check(!view.error().message.empty(), "an error needs a sentence");
                return;
            }
            static_cast<void>(view->validate());
            std::size_t tries               = 0;
            std::uint64_t volatile checksum = 0;
            for (auto const& [term, expected] : model) {
                std::uint64_t sum = expected.size();  // every posting is read
                view->postings(term, [&](posting p) { sum += p.at + p.frequency + p.length; });
                checksum = checksum + sum;
                if (++tries == 20) break;
            }
            view->postings("no such term", [](posting) {});
            r.check(true, "damaged bytes were queried");
        });
    }

    auto const twice = Policy::build(std::vector<text_entry>{{"a", 5}, {"b", 5}});
    r.check(!twice && twice.error().kind == errc::unsorted_keys,
            "build must refuse a position that repeats with unsorted keys");
    auto const down = Policy::build(std::vector<text_entry>{{"a", 5}, {"b", 4}});
    r.check(!down && down.error().kind == errc::unsorted_keys,
            "build must refuse a position that descends with unsorted keys");
}

/// One thread inserts while the calling one queries through `run_beside(writer, reader)`, which runs both at the same time
/// and returns when both are done. Queries must see what was inserted before they began. Run it under TSan.
template <text_index Policy, class RunBeside>
void check_text_delta_readers(std::size_t n, report& r, RunBeside&& run_beside) {
    typename Policy::delta     delta;
    std::atomic<std::uint64_t> inserted{0};
    run_beside(
        [&] {
            for (std::size_t i = 0; i < n; ++i) {
                delta.insert("common word" + std::to_string(i), i);
                inserted.fetch_add(1, std::memory_order_release);
            }
        },
        [&] {
            for (std::uint64_t before = 0; before < n;) {
                before             = inserted.load(std::memory_order_acquire);
                std::uint64_t seen = 0;
                bool          good = true;
                delta.postings("common", [&](posting p) {
                    good = good && p.at == seen && p.frequency == 1 && p.length == 2;
                    ++seen;
                });
                r.check(good, "a reader must see whole postings, positions ascending");
                r.check(seen >= before && seen <= n, "a reader must see what was inserted before it began");
                if (before == 0) continue;
                seen = 0;
                delta.postings("word" + std::to_string(before - 1),
                               [&](posting p) { seen += p.at == before - 1 ? 1U : 0U; });
                r.check(seen == 1, "a reader must find the term inserted last before it began");
            }
        });
}

}  // namespace tenon::testing
