// SPDX-License-Identifier: Apache-2.0
// The obvious text index: texts are kept and analyzed at query time. The oracle; right for few short texts.
#pragma once

#include "tenon/text_index/concept.hpp"

#include "tenon/core/append_vector.hpp"
#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/text_index/analyzer.hpp"
#include "tenon/text_index/arena.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tenon {

namespace detail {

/// The first 128 bytes of a text_scan.
struct text_scan_header {
    char          magic[24]    = "tenon.text_scan/1";
    char          analyzer[24] = {};
    std::uint64_t texts = 0, total_length = 0, text_bytes = 0, bytes = 0;
    std::uint64_t zero[6] = {};
};
static_assert(sizeof(text_scan_header) == 128 && flat_type<text_scan_header>);

}  // namespace detail

/// basic_text_scan - texts as they are; every query analyzes all of them.
///
/// Answers     which texts hold a folded term, how often, and how long they are.
/// Guarantee   as the concept says; texts may be any bytes.
/// Cost        postings O(bytes of all texts). Holds the texts.
/// Errors      build: positions that do not ascend -> errc::unsorted_keys. open: errc::corrupt; errc::wrong_assembly for
///             another analyzer.
/// Threads     view: const members may be called concurrently. delta: one writer, any number of readers without locks;
///             what was inserted before a query began is seen.
/// On disk     "tenon.text_scan/1", docs/formats/text_scan.md
/// Use when    there are few texts, or as the oracle of a test; else inverted.
template <class Analyzer = word_analyzer>
struct basic_text_scan {
    using policy_axis                      = axis::text_index;
    using analyzer                         = Analyzer;
    static constexpr std::string_view name = "tenon.text_scan/1";
    static_assert(Analyzer::name.size() < 24,
                  "tenon: an analyzer's name must be shorter than 24 characters: it stands in a header");

    static std::uint32_t length(std::string_view text) { return Analyzer::length(text); }

    class delta {
    public:
        /// Precondition: `at` is above every position before.
        void insert(std::string_view text, position at) {
            entries_.push_back({arena_.keep(text), at});
            total_length_.fetch_add(length(text), std::memory_order_relaxed);
        }
        std::uint64_t size() const noexcept { return entries_.size(); }
        std::uint64_t total_length() const noexcept { return total_length_.load(std::memory_order_relaxed); }
        std::size_t   bytes() const noexcept { return arena_.bytes() + entries_.bytes(); }

        /// visit(posting) for each text that holds the folded term, positions ascending.
        template <class Visit>
        void postings(std::string_view term, Visit&& visit) const {
            entries_.for_each_chunk(0, entries_.size(), [&](std::span<text_entry const> chunk) {
                for (auto const& e : chunk) visit_if_held(e, term, visit);
            });
        }

    private:
        append_vector<text_entry>  entries_;
        detail::text_arena         arena_;
        std::atomic<std::uint64_t> total_length_{0};
    };

    class view {
    public:
        /// An index of no texts.
        view() noexcept = default;

        static result<view> open(byte_view bytes) {
            constexpr auto corrupt = [](std::string what) {
                return fail(errc::corrupt, {"text_scan: ", std::move(what)});
            };
            auto const expected = header_of(0, 0, 0);
            if (bytes.size() < sizeof expected)
                return corrupt("a header needs 128 bytes, there are " + std::to_string(bytes.size()));
            auto const h = load<detail::text_scan_header>(bytes.data());
            if (std::memcmp(h.magic, expected.magic, sizeof h.magic) != 0)
                return corrupt("the bytes at offset 0 are not \"tenon.text_scan/1\"");
            if (std::memcmp(h.analyzer, expected.analyzer, sizeof h.analyzer) != 0)
                return fail(errc::wrong_assembly,
                            {"text_scan: made with the analyzer \"", detail::name_in(h.analyzer), "\", opened with \"",
                             Analyzer::name, "\": open it with the analyzer that made it"});
            if (h.bytes != bytes.size() || h.texts > bytes.size() / 16 || h.text_bytes > bytes.size() ||
                header_of(h.texts, 0, h.text_bytes).bytes != bytes.size())
                return corrupt("offset 48 says " + std::to_string(h.texts) + " texts, offset 64 " +
                               std::to_string(h.text_bytes) + " bytes of them, offset 72 " + std::to_string(h.bytes) +
                               " bytes, there are " + std::to_string(bytes.size()));
            view       v;
            auto const n = h.texts;
            if (!(view_array(bytes, 128, n + 1, v.begin_) && view_array(bytes, 128 + (n + 1) * 8, n, v.at_) &&
                  view_array(bytes, 128 + (2 * n + 1) * 8, h.text_bytes, v.chars_)))
                return corrupt("the bytes do not start at a multiple of 8 in memory");
            v.total_length_ = h.total_length;
            return v;
        }

        std::uint64_t size() const noexcept { return at_.size(); }
        std::uint64_t total_length() const noexcept { return total_length_; }

        template <class Visit>
        void postings(std::string_view term, Visit&& visit) const {
            for (std::size_t i = 0; i < at_.size(); ++i) visit_if_held({text(i), at_[i]}, term, visit);
        }

        /// Checks offsets, positions and the total length. O(bytes).
        result<void> validate() const {
            constexpr auto corrupt = [](std::string what) {
                return fail(errc::corrupt, {"text_scan: ", std::move(what)});
            };
            std::uint64_t total = 0;
            for (std::size_t i = 0; i < at_.size(); ++i) {
                if (i != 0 && at_[i - 1] >= at_[i])
                    return corrupt("the position of text " + std::to_string(i) + " does not ascend");
                if (begin_[i] > begin_[i + 1]) return corrupt("text " + std::to_string(i) + " ends before it begins");
                total += length(text(i));
            }
            if (!begin_.empty() && (begin_.front() != 0 || begin_.back() != chars_.size()))
                return corrupt("the texts do not fill their section");
            if (total != total_length_)
                return corrupt("offset 56 says " + std::to_string(total_length_) + " terms, the texts have " +
                               std::to_string(total));
            return {};
        }

    private:
        std::string_view text(std::size_t i) const noexcept {
            auto const begin = begin_[i], end = begin_[i + 1];
            if (begin > end || end > chars_.size()) return {};
            return {chars_.data() + begin, static_cast<std::size_t>(end - begin)};
        }

        std::span<std::uint64_t const> begin_, at_;
        std::span<char const>          chars_;
        std::uint64_t                  total_length_ = 0;
    };

    static result<byte_vector> build(std::span<text_entry const> entries) {
        if (auto ok = detail::check_texts(entries, "text_scan"); !ok) return fail(std::move(ok).error());
        std::uint64_t text_bytes = 0, total = 0;
        for (auto const& e : entries) {
            text_bytes += e.text.size();
            total += length(e.text);
        }
        auto const  h = header_of(entries.size(), total, text_bytes);
        byte_vector out;
        out.reserve(static_cast<std::size_t>(h.bytes));
        put(out, h);
        std::uint64_t begin = 0;
        for (auto const& e : entries) {
            put(out, begin);
            begin += e.text.size();
        }
        put(out, begin);
        for (auto const& e : entries) put(out, e.at);
        for (auto const& e : entries) put_bytes(out, as_bytes(e.text));
        pad_to(out, 64);
        return out;
    }

private:
    static constexpr detail::text_scan_header header_of(std::uint64_t texts, std::uint64_t total_length,
                                                        std::uint64_t text_bytes) noexcept {
        detail::text_scan_header h;
        detail::put_name(h.analyzer, Analyzer::name);
        h.texts        = texts;
        h.total_length = total_length;
        h.text_bytes   = text_bytes;
        h.bytes        = (sizeof h + (2 * texts + 1) * 8 + text_bytes + 63) / 64 * 64;
        return h;
    }

    template <class Visit>
    static void visit_if_held(text_entry const& e, std::string_view term, Visit& visit) {
        std::uint32_t frequency = 0, terms = 0;
        Analyzer::analyze(e.text, [&](std::string_view t) {
            ++terms;
            frequency += t == term ? 1U : 0U;
        });
        if (frequency != 0) visit(posting{e.at, frequency, terms});
    }
};

/// basic_text_scan with the default analyzer.
struct text_scan : basic_text_scan<> {};

static_assert(text_index<text_scan>);

}  // namespace tenon
