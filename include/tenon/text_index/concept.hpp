// SPDX-License-Identifier: Apache-2.0
// The contract of axis::text_index: which rows hold a word, and how often?
#pragma once

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

namespace tenon {

/// A text and the position of the row it belongs to. The text is UTF-8.
struct text_entry {
    std::string_view text;
    position         at = 0;
};

/// One row that holds a term.
struct posting {
    position      at        = 0;
    std::uint32_t frequency = 0;  ///< of the term in this text
    std::uint32_t length    = 0;  ///< terms in this text
};

namespace archetype {
struct visit_posting {
    void operator()(posting) const {}
};
}  // namespace archetype

/// What both halves of a text index answer. Terms come from `T::analyzer` (text_index/analyzer.hpp), folded; the
/// score is made from postings in one place (text_index/bm25.hpp).
template <class X>
concept text_queries = requires(X const x, std::string_view term) {
    x.postings(term, archetype::visit_posting{});  // each row that holds the folded term, positions ascending
    { x.size() } -> std::same_as<std::uint64_t>;   // texts
    {
        x.total_length()
    } -> std::same_as<std::uint64_t>;  // terms in all texts: the average length is total_length / size
};

/// A policy on axis::text_index: a delta that lives beside a memtable, and a run part of flat bytes.
///
/// | expression | meaning |
/// | --- | --- |
/// | `T::delta d` | empty. `d.insert(text, position)`: positions ascend. One writer, any number of readers without locks |
/// | `T::build(entries)` | `result<byte_vector>`; positions ascend but need not be dense |
/// | `T::view::open(bytes)` | `result<view>` in O(1), bytes 64-byte aligned, untrusted: errc::corrupt, and no query reads out of bounds whatever they hold |
/// | `T::analyzer` | `analyze(text, visit(term))`: the terms of a text, folded, in order; also for queries |
/// | `T::length(text)` | number of terms in a text, as postings count them |
/// | `v.validate()` | full check of the structure |
template <class T>
concept text_index = std::same_as<typename T::policy_axis, axis::text_index> && text_queries<typename T::delta> &&
                     text_queries<typename T::view> &&
                     requires(typename T::delta d, typename T::view const v, std::string_view text, position at,
                              std::span<text_entry const> entries, byte_view bytes) {
                         { T::name } -> std::convertible_to<std::string_view>;
                         T::analyzer::analyze(text, [](std::string_view) {});
                         d.insert(text, at);
                         { T::length(text) } -> std::same_as<std::uint32_t>;
                         { T::build(entries) } -> std::same_as<result<byte_vector>>;
                         { T::view::open(bytes) } -> std::same_as<result<typename T::view>>;
                         { v.validate() } -> std::same_as<result<void>>;
                     };

}  // namespace tenon
