// SPDX-License-Identifier: Apache-2.0
// The least type that is a text_index: what generic code may use, and no more.
#pragma once

#include "tenon/text_index/concept.hpp"

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace tenon::archetype {

/// Finds no terms in any text. A delta can be neither copied nor moved; a view can be both.
struct text_index_policy {
    using policy_axis                  = axis::text_index;
    static constexpr char const name[] = "archetype.text_index";

    struct analyzer {
        template <class Visit>
        static void analyze(std::string_view, Visit&&) {}
    };
    struct delta {
        delta()                        = default;
        delta(delta const&)            = delete;
        delta& operator=(delta const&) = delete;

        void insert(std::string_view, position) {}
        template <class Visit>
        void          postings(std::string_view, Visit&&) const {}
        std::uint64_t size() const { return 0; }
        std::uint64_t total_length() const { return 0; }
    };
    struct view {
        static result<view> open(byte_view) { return view{}; }
        template <class Visit>
        void          postings(std::string_view, Visit&&) const {}
        std::uint64_t size() const { return 0; }
        std::uint64_t total_length() const { return 0; }
        result<void>  validate() const { return {}; }
    };
    static std::uint32_t       length(std::string_view) { return 0; }
    static result<byte_vector> build(std::span<text_entry const>) { return byte_vector{}; }
};

static_assert(text_index<text_index_policy>);

}  // namespace tenon::archetype
