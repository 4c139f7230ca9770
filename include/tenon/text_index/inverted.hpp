// SPDX-License-Identifier: Apache-2.0
// An inverted index: from a term to the rows that hold it. Flat bytes in a run, a concurrent map beside a memtable.
#pragma once

#include "tenon/text_index/concept.hpp"

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/contract.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/core/utf8.hpp"
#include "tenon/ordered_map/btree.hpp"
#include "tenon/text_index/analyzer.hpp"
#include "tenon/text_index/arena.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tenon {

namespace detail {

/// The first 128 bytes of an inverted index.
struct inverted_header {
    char          magic[24]    = "tenon.inverted/1";
    char          analyzer[24] = {};
    std::uint64_t texts = 0, total_length = 0, terms = 0, term_bytes = 0, posting_bytes = 0, bytes = 0;
    std::uint64_t zero[4] = {};
};
static_assert(sizeof(inverted_header) == 128 && flat_type<inverted_header>);

/// Where things lie: a pure function of the header's counts, so that a reader need not trust offsets.
struct inverted_layout {
    std::uint64_t prefix, posting_begin, term_begin, terms, postings, end;

    /// Precondition: the counts are below 2^58.
    constexpr inverted_layout(std::uint64_t n, std::uint64_t term_bytes, std::uint64_t posting_bytes) noexcept
        : prefix(sizeof(inverted_header)),
          posting_begin(after(prefix, n * 8)),
          term_begin(after(posting_begin, (n + 1) * 8)),
          terms(after(term_begin, (n + 1) * 4)),
          postings(after(terms, term_bytes)),
          end(after(postings, posting_bytes)) {}

private:
    static constexpr std::uint64_t after(std::uint64_t begin, std::uint64_t size) noexcept {
        return (begin + size + 63) / 64 * 64;
    }
};

/// The first eight bytes as a number that orders as the bytes do; zeros where the term is shorter.
inline std::uint64_t term_prefix(std::string_view term) noexcept {
    std::uint64_t prefix = 0;
    for (std::size_t i = 0; i < 8; ++i)
        prefix = prefix << 8 | (i < term.size() ? static_cast<unsigned char>(term[i]) : 0U);
    return prefix;
}

inline void put_varint(byte_vector& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::byte>(value | 0x80));
    out.push_back(static_cast<std::byte>(value));
}
/// Reads a varint at `at` and moves on; false when the bytes break off or hold more than 64 bits.
inline bool get_varint(byte_view bytes, std::size_t& at, std::uint64_t& value) noexcept {
    value = 0;
    for (unsigned shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
        auto const b = std::to_integer<std::uint64_t>(bytes[at++]);
        value |= (b & 0x7F) << shift;
        if (b < 0x80) return shift < 63 || b <= 1;
    }
    return false;
}

/// One posting of a list: the gap from the position before (from -1 for the first) less one; the length, doubled, plus one
/// when the frequency is not 1; then the frequency less two.
inline void put_posting(byte_vector& out, position next, posting p) {
    put_varint(out, p.at - next);
    put_varint(out, std::uint64_t{p.length} << 1 | (p.frequency != 1 ? 1U : 0U));
    if (p.frequency != 1) put_varint(out, p.frequency - 2U);
}
/// `next` is the least position that may follow. False when the bytes are not a posting.
inline bool get_posting(byte_view bytes, std::size_t& at, position& next, posting& p) noexcept {
    std::uint64_t gap = 0, length = 0, frequency = 1;
    if (!get_varint(bytes, at, gap) || gap >= std::numeric_limits<position>::max() - next ||
        !get_varint(bytes, at, length))
        return false;
    if ((length & 1) != 0) {
        if (!get_varint(bytes, at, frequency) || frequency > std::numeric_limits<std::uint32_t>::max() - 2U)
            return false;
        frequency += 2;
    }
    length >>= 1;
    if (frequency > length || length > std::numeric_limits<std::uint32_t>::max()) return false;
    p    = {next + gap, static_cast<std::uint32_t>(frequency), static_cast<std::uint32_t>(length)};
    next = p.at + 1;
    return true;
}

/// posting_list - postings in chunks that double in size, out of an arena. One writer, readers without locks.
class posting_list {
public:
    posting_list() noexcept                      = default;
    posting_list(posting_list const&)            = delete;
    posting_list& operator=(posting_list const&) = delete;

    void push_back(text_arena& arena, posting p) {
        if (last_ != nullptr) {
            auto const used = last_->used.load(std::memory_order_relaxed);
            if (used < last_->room) {
                last_->items()[used] = p;
                last_->used.store(used + 1, std::memory_order_release);
                return;
            }
        }
        std::uint32_t const room = last_ == nullptr ? 1 : std::min<std::uint32_t>(last_->room * 2, 4096);
        auto* const made = ::new (static_cast<void*>(arena.take(sizeof(chunk) + room * sizeof(posting)))) chunk(room);
        std::uninitialized_default_construct_n(made->items(), room);
        made->items()[0] = p;
        made->used.store(1, std::memory_order_relaxed);
        (last_ == nullptr ? first_ : last_->next).store(made, std::memory_order_release);
        last_ = made;
    }
    template <class Visit>
    void each(Visit&& visit) const {
        for (auto* c = first_.load(std::memory_order_acquire); c != nullptr;
             c       = c->next.load(std::memory_order_acquire)) {
            auto const used = c->used.load(std::memory_order_acquire);
            for (std::uint32_t i = 0; i < used; ++i) visit(posting{c->items()[i]});
        }
    }

private:
    struct chunk {
        explicit chunk(std::uint32_t n) noexcept : room(n) {}
        posting* items() noexcept { return reinterpret_cast<posting*>(this + 1); }

        std::atomic<chunk*>        next{nullptr};
        std::uint32_t const        room;
        std::atomic<std::uint32_t> used{0};
    };
    static_assert(sizeof(chunk) % alignof(posting) == 0 && alignof(chunk) <= 8 &&
                  std::is_trivially_destructible_v<chunk>);

    std::atomic<chunk*> first_{nullptr};
    chunk*              last_ = nullptr;  // the writer's
};

}  // namespace detail

/// basic_inverted - a sorted dictionary of terms, and for each term the rows that hold it.
///
/// Answers     which texts hold a folded term, how often, and how long they are.
/// Shapes      n terms strictly ascending; for each its postings, positions strictly ascending.
/// Guarantee   as the concept says; texts may be any bytes.
/// Cost        build O(bytes of text + terms log terms). view: postings O(log n) in an array of 8-byte prefixes, then about
///             2 bytes a posting, decoded one after another; no allocation. delta: insert O(log n) for each distinct term;
///             postings O(log n + postings). 20 bytes a term besides its text.
/// Errors      build: positions that do not ascend -> errc::unsorted_keys; more than 4 GiB of distinct terms ->
///             errc::too_large. open: errc::corrupt; errc::wrong_assembly for another analyzer.
/// Threads     view: const members may be called concurrently. delta: one writer, any number of readers without locks; what
///             was inserted before a query began is seen.
/// On disk     "tenon.inverted/1", docs/formats/inverted.md
/// Invariants  (1) terms strictly ascend. (2) prefix[i] is the beginning of term i. (3) frequency is 1 to length.
/// Use when    words are looked up; text_scan only for a few short texts.
template <class Analyzer = word_analyzer>
struct basic_inverted {
    using policy_axis                      = axis::text_index;
    using analyzer                         = Analyzer;
    static constexpr std::string_view name = "tenon.inverted/1";
    static_assert(Analyzer::name.size() < 24,
                  "tenon: an analyzer's name must be shorter than 24 characters: it stands in a header");

    static std::uint32_t length(std::string_view text) { return Analyzer::length(text); }

    class delta {
    public:
        /// Precondition: `at` is above every position before.
        void insert(std::string_view text, position at) {
            expects(size() == 0 || at > last_, "a text index takes positions in ascending order");
            last_              = at;
            auto const length_ = counter_.read(text);
            counter_.each([&](std::string_view term, std::uint32_t frequency) {
                auto* list = terms_.find(term);
                if (list == nullptr) list = terms_.insert(arena_.keep(term)).first;
                list->push_back(arena_, {at, frequency, length_});
            });
            total_length_.fetch_add(length_, std::memory_order_relaxed);
            size_.fetch_add(1, std::memory_order_release);
        }
        std::uint64_t size() const noexcept { return size_.load(std::memory_order_acquire); }
        std::uint64_t total_length() const noexcept { return total_length_.load(std::memory_order_relaxed); }
        /// Memory held.
        std::size_t bytes() const noexcept { return terms_.bytes() + arena_.bytes(); }

        /// visit(posting) for each text that holds the folded term, positions ascending.
        template <class Visit>
        void postings(std::string_view term, Visit&& visit) const {
            if (auto const* list = terms_.find(term)) list->each(visit);
        }

    private:
        using term_map = btree::map<std::string_view, detail::posting_list, std::less<>>;

        detail::text_arena             arena_;  // terms and postings: outlives the map
        term_map                       terms_;
        detail::term_counter<Analyzer> counter_;
        position                       last_ = 0;
        std::atomic<std::uint64_t>     size_{0}, total_length_{0};
    };

    class view {
    public:
        /// An index of no texts.
        view() noexcept = default;

        static result<view> open(byte_view bytes) {
            constexpr auto corrupt = [](std::string what) {
                return fail(errc::corrupt, {"inverted: ", std::move(what)});
            };
            detail::inverted_header expected;
            detail::put_name(expected.analyzer, Analyzer::name);
            if (bytes.size() < sizeof expected)
                return corrupt("a header needs 128 bytes, there are " + std::to_string(bytes.size()));
            auto const h = load<detail::inverted_header>(bytes.data());
            if (std::memcmp(h.magic, expected.magic, sizeof h.magic) != 0)
                return corrupt("the bytes at offset 0 are not \"tenon.inverted/1\"");
            if (std::memcmp(h.analyzer, expected.analyzer, sizeof h.analyzer) != 0)
                return fail(errc::wrong_assembly,
                            {"inverted: made with the analyzer \"", detail::name_in(h.analyzer), "\", opened with \"",
                             Analyzer::name, "\": open it with the analyzer that made it"});
            if (h.terms > bytes.size() / 20 || h.term_bytes > bytes.size() || h.posting_bytes > bytes.size())
                return corrupt("offset 64 says " + std::to_string(h.terms) + " terms of " +
                               std::to_string(h.term_bytes) + " bytes with " + std::to_string(h.posting_bytes) +
                               " bytes of postings, there are " + std::to_string(bytes.size()) + " bytes");
            detail::inverted_layout const l(h.terms, h.term_bytes, h.posting_bytes);
            if (h.bytes != bytes.size() || l.end != bytes.size())
                return corrupt("the sections take " + std::to_string(l.end) + " bytes, offset 88 says " +
                               std::to_string(h.bytes) + ", there are " + std::to_string(bytes.size()));
            view v;
            if (!(view_array(bytes, l.prefix, h.terms, v.prefix_) &&
                  view_array(bytes, l.posting_begin, h.terms + 1, v.posting_begin_) &&
                  view_array(bytes, l.term_begin, h.terms + 1, v.term_begin_) &&
                  view_array(bytes, l.terms, h.term_bytes, v.terms_) &&
                  view_array(bytes, l.postings, h.posting_bytes, v.postings_)))
                return corrupt("the bytes do not start at a multiple of 8 in memory");
            v.texts_        = h.texts;
            v.total_length_ = h.total_length;
            return v;
        }

        std::uint64_t size() const noexcept { return texts_; }
        std::uint64_t total_length() const noexcept { return total_length_; }
        /// Distinct terms.
        std::uint64_t terms() const noexcept { return prefix_.size(); }

        /// visit(posting) for each text that holds the folded term, positions ascending.
        template <class Visit>
        void postings(std::string_view term, Visit&& visit) const {
            auto const of = find(term);
            if (of == prefix_.size()) return;
            auto const    bytes = list(of);
            std::size_t   at    = 0;
            std::uint64_t count = 0;
            if (!detail::get_varint(bytes, at, count)) return;
            position next = 0;
            posting  p;
            for (; count != 0 && detail::get_posting(bytes, at, next, p); --count) visit(posting{p});
        }
        /// How many texts hold the folded term. O(log terms).
        std::uint64_t texts_with(std::string_view term) const noexcept {
            auto const    of    = find(term);
            std::size_t   at    = 0;
            std::uint64_t count = 0;
            return of != prefix_.size() && detail::get_varint(list(of), at, count) ? count : 0;
        }
        /// visit(term, texts that hold it) for every term, ascending.
        template <class Visit>
        void each_term(Visit&& visit) const {
            for (std::size_t i = 0; i < prefix_.size(); ++i) {
                std::size_t   at    = 0;
                std::uint64_t count = 0;
                static_cast<void>(detail::get_varint(list(i), at, count));
                visit(term_at(i), std::uint64_t{count});
            }
        }

        /// Checks the invariants, that sections are filled, and that frequencies add up to each text's length. O(postings).
        result<void> validate() const {
            constexpr auto corrupt = [](std::string what) {
                return fail(errc::corrupt, {"inverted: ", std::move(what)});
            };
            if (!posting_begin_.empty() && (posting_begin_.front() != 0 || posting_begin_.back() != postings_.size() ||
                                            term_begin_.front() != 0 || term_begin_.back() != terms_.size()))
                return corrupt("the terms or postings do not fill their sections");
            struct text {
                std::uint32_t length;
                std::uint64_t seen;
            };
            std::unordered_map<position, text> texts;
            std::uint64_t                      total = 0;
            for (std::size_t i = 0; i < prefix_.size(); ++i) {
                auto const which = "term " + std::to_string(i);
                if (posting_begin_[i] > posting_begin_[i + 1] || term_begin_[i] > term_begin_[i + 1])
                    return corrupt(which + " ends before it begins");
                auto const term = term_at(i);
                if (term.empty() || term.size() > longest_term || !valid_utf8(term))
                    return corrupt(which + " is not 1 to 64 bytes of UTF-8");
                if (prefix_[i] != detail::term_prefix(term)) return corrupt(which + " does not begin with its prefix");
                if (i != 0 && term_at(i - 1) >= term) return corrupt(which + " does not ascend");
                auto const    bytes = list(i);
                std::size_t   at    = 0;
                std::uint64_t count = 0;
                position      next  = 0;
                posting       p;
                bool          good = detail::get_varint(bytes, at, count) && count != 0;
                for (; good && count != 0; --count) {
                    good = detail::get_posting(bytes, at, next, p);
                    if (!good) break;
                    auto& t = texts.try_emplace(p.at, text{p.length, 0}).first->second;
                    t.seen += p.frequency;
                    total += p.frequency;
                    good = t.length == p.length;
                }
                if (!good || at != bytes.size()) return corrupt("the postings of " + which + " are broken");
            }
            for (auto const& [at, t] : texts)
                if (t.seen != t.length)
                    return corrupt("the text at position " + std::to_string(at) + " has " + std::to_string(t.length) +
                                   " terms, its postings " + std::to_string(t.seen));
            if (total != total_length_ || texts.size() > texts_)
                return corrupt("the header says " + std::to_string(texts_) + " texts of " +
                               std::to_string(total_length_) + " terms, the postings " + std::to_string(texts.size()) +
                               " of " + std::to_string(total));
            return {};
        }

    private:
        std::string_view term_at(std::size_t i) const noexcept {
            auto const begin = term_begin_[i], end = term_begin_[i + 1];
            if (begin > end || end > terms_.size()) return {};
            return {terms_.data() + begin, end - begin};
        }
        byte_view list(std::size_t i) const noexcept {
            auto const begin = posting_begin_[i], end = posting_begin_[i + 1];
            if (begin > end || end > postings_.size()) return {};
            return postings_.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
        }
        /// The term's rank, or the number of terms.
        std::size_t find(std::string_view term) const noexcept {
            auto const  prefix = detail::term_prefix(term);
            std::size_t low = 0, high = prefix_.size();
            while (low < high) {
                auto const middle = low + (high - low) / 2;
                if (prefix_[middle] < prefix || (prefix_[middle] == prefix && term_at(middle) < term)) low = middle + 1;
                else high = middle;
            }
            return low < prefix_.size() && prefix_[low] == prefix && term_at(low) == term ? low : prefix_.size();
        }

        std::span<std::uint64_t const> prefix_, posting_begin_;
        std::span<std::uint32_t const> term_begin_;
        std::span<char const>          terms_;
        byte_view                      postings_;
        std::uint64_t                  texts_ = 0, total_length_ = 0;
    };

    static result<byte_vector> build(std::span<text_entry const> entries) {
        if (auto ok = detail::check_texts(entries, "inverted"); !ok) return fail(std::move(ok).error());
        struct term_list {
            std::string_view term;
            byte_vector      bytes;
            std::uint64_t    count = 0;
            position         next  = 0;
        };
        detail::text_arena                                arena;
        std::unordered_map<std::string_view, std::size_t> number;
        std::vector<term_list>                            lists;
        detail::term_counter<Analyzer>                    counter;
        detail::inverted_header                           h;
        for (auto const& e : entries) {
            auto const length_ = counter.read(e.text);
            counter.each([&](std::string_view term, std::uint32_t frequency) {
                auto found = number.find(term);
                if (found == number.end()) {
                    found = number.emplace(arena.keep(term), lists.size()).first;
                    lists.push_back({found->first, {}, 0, 0});
                    h.term_bytes += term.size();
                }
                auto& l = lists[found->second];
                detail::put_posting(l.bytes, l.next, {e.at, frequency, length_});
                l.next = e.at + 1;
                ++l.count;
            });
            h.total_length += length_;
        }
        if (h.term_bytes > std::numeric_limits<std::uint32_t>::max())
            return fail(errc::too_large, {"inverted: the distinct terms take ", h.term_bytes,
                                          " bytes, one run can hold 4294967295: build from fewer texts at a time"});
        std::sort(lists.begin(), lists.end(), [](auto const& a, auto const& b) { return a.term < b.term; });

        byte_vector                postings;
        std::vector<std::uint64_t> begin{0};
        for (auto& l : lists) {
            detail::put_varint(postings, l.count);
            put_bytes(postings, l.bytes);
            begin.push_back(postings.size());
            byte_vector().swap(l.bytes);
        }
        detail::inverted_layout const to(lists.size(), h.term_bytes, postings.size());
        detail::put_name(h.analyzer, Analyzer::name);
        h.texts         = entries.size();
        h.terms         = lists.size();
        h.posting_bytes = postings.size();
        h.bytes         = to.end;

        byte_vector out;
        out.reserve(static_cast<std::size_t>(to.end));
        put(out, h);
        for (auto const& l : lists) put(out, detail::term_prefix(l.term));
        pad_to(out, 64);
        put_bytes(out, std::as_bytes(std::span(begin)));
        pad_to(out, 64);
        std::uint32_t term_begin = 0;
        for (auto const& l : lists) {
            put(out, term_begin);
            term_begin += static_cast<std::uint32_t>(l.term.size());
        }
        put(out, term_begin);
        pad_to(out, 64);
        for (auto const& l : lists) put_bytes(out, as_bytes(l.term));
        pad_to(out, 64);
        put_bytes(out, postings);
        pad_to(out, 64);
        return out;
    }
};

/// basic_inverted with the default analyzer.
struct inverted : basic_inverted<> {};

static_assert(text_index<inverted>);

}  // namespace tenon
