// SPDX-License-Identifier: Apache-2.0
// The text index kind: rows by their words.
#pragma once

#include "tenon/core/utf8.hpp"
#include "tenon/run/index_kind.hpp"
#include "tenon/text_index/concept.hpp"

#include <deque>
#include <tuple>
#include <vector>

namespace tenon {

/// text_kind - any text_index policy as an index kind over one or several string members; several are indexed as one
/// text. The weight is the number of terms, so that the average length in BM25 is that of the rows a snapshot sees.
template <class Value, text_index Text>
struct text_kind {
    using value_type = Value;
    static std::string   describe() { return "text " + std::string(Text::name); }
    static std::uint64_t weight(Value const& v) { return Text::length(joined(v)); }
    static result<void>  check(Value const& v) {
        std::size_t at   = 0;
        auto const  text = joined(v);
        if (valid_utf8(text, &at)) return {};
        return fail(errc::invalid_text,
                     {"a text index holds UTF-8: byte ", at, " of \"", printable(text), "\" is none"});
    }

    struct delta : Text::delta {
        void insert(Value const& v, byte_view, position at) { Text::delta::insert(joined(v), at); }
    };
    class builder {
    public:
        void add(Value const& v, byte_view, position at) {
            auto const& text = texts_.emplace_back(joined(v));
            entries_.push_back({text, at});
        }
        result<byte_vector> finish() { return Text::build(entries_); }

    private:
        std::deque<std::string> texts_;
        std::vector<text_entry> entries_;
    };
    using part = typename Text::view;

private:
    static std::string joined(Value const& v) {
        if constexpr (std::is_same_v<Value, std::string>) return v;
        else
            return std::apply(
                [](auto const&... texts) {
                    std::string out;
                    ((out += out.empty() ? texts : "\n" + texts), ...);
                    return out;
                },
                v);
    }
    static std::string printable(std::string_view text) {
        std::string out;
        for (char c : text.substr(0, 80))
            out += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e ? '?' : c;
        return out;
    }
};

}  // namespace tenon
