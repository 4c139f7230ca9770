// SPDX-License-Identifier: Apache-2.0
// What text policies share: memory for strings, and the distinct terms of one text with their frequencies.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/text_index/concept.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon::detail {

/// text_arena - memory that stays where it is until the arena ends, in chunks of 4 KiB to 1 MiB.
///
/// Threads     one writer; bytes() may be called by anyone.
class text_arena {
public:
    /// Aligned for 8-byte words.
    std::byte* take(std::size_t size) {
        size = (size + 7) / 8 * 8;
        if (size > left_) {
            std::size_t const held = bytes_.load(std::memory_order_relaxed);
            std::size_t const room = std::max(size, std::clamp<std::size_t>(held, 4096, std::size_t{1} << 20));
            chunks_.push_back(std::make_unique_for_overwrite<std::uint64_t[]>((room + 7) / 8));
            next_ = reinterpret_cast<std::byte*>(chunks_.back().get());
            left_ = room;
            bytes_.store(held + room, std::memory_order_relaxed);
        }
        left_ -= size;
        return std::exchange(next_, next_ + size);
    }
    std::string_view keep(std::string_view text) {
        if (text.empty()) return {};
        auto* const to = reinterpret_cast<char*>(take(text.size()));
        std::memcpy(to, text.data(), text.size());
        return {to, text.size()};
    }
    std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

private:
    std::vector<std::unique_ptr<std::uint64_t[]>> chunks_;
    std::byte*                                    next_ = nullptr;
    std::size_t                                   left_ = 0;
    std::atomic<std::size_t>                      bytes_{0};
};

/// term_counter - the distinct terms of a text, ascending, each with its frequency. Keeps its memory between texts.
template <class Analyzer>
class term_counter {
public:
    /// Reads a text and returns its length in terms.
    std::uint32_t read(std::string_view text) {
        chars_.clear();
        ends_.clear();
        Analyzer::analyze(text, [this](std::string_view term) {
            auto const begin = chars_.size();
            chars_ += term;
            ends_.emplace_back(begin, chars_.size());
        });
        auto const length = static_cast<std::uint32_t>(ends_.size());
        std::sort(ends_.begin(), ends_.end(), [this](auto a, auto b) { return term(a) < term(b); });
        return length;
    }
    /// visit(term, frequency) for each distinct term of the text read last.
    template <class Visit>
    void each(Visit&& visit) const {
        for (std::size_t i = 0; i < ends_.size();) {
            auto const    of        = term(ends_[i]);
            std::uint32_t frequency = 0;
            for (; i < ends_.size() && term(ends_[i]) == of; ++i) ++frequency;
            visit(of, frequency);
        }
    }

private:
    using range = std::pair<std::size_t, std::size_t>;
    std::string_view term(range r) const noexcept {
        return std::string_view(chars_).substr(r.first, r.second - r.first);
    }

    std::string        chars_;
    std::vector<range> ends_;
};

/// What every build asks of its entries.
inline result<void> check_texts(std::span<text_entry const> entries, std::string_view who) {
    for (std::size_t i = 1; i < entries.size(); ++i)
        if (entries[i - 1].at >= entries[i].at)
            return fail(errc::unsorted_keys, {std::string(who), ": position ", entries[i].at, " follows ",
                                              entries[i - 1].at, ": hand in entries in ascending position"});
    if (!entries.empty() && entries.back().at == std::numeric_limits<position>::max())
        return fail(errc::invalid_argument, {std::string(who), ": position 2^64 - 1 is reserved: number rows from 0"});
    return {};
}

/// Copies a name into a header field, zero padded.
template <std::size_t N>
constexpr void put_name(char (&field)[N], std::string_view name) noexcept {
    for (std::size_t i = 0; i < N; ++i) field[i] = i < name.size() ? name[i] : '\0';
}
/// The field's text up to its first zero, with anything a terminal might not like replaced: for messages.
template <std::size_t N>
std::string name_in(char const (&field)[N]) {
    std::string name;
    for (char c : field) {
        if (c == '\0') break;
        name += c >= ' ' && c <= '~' ? c : '?';
    }
    return name;
}

}  // namespace tenon::detail
