// SPDX-License-Identifier: Apache-2.0
// The least index kinds: what the engine may use of one, and no more.
#pragma once

#include "tenon/run/index_kind.hpp"

#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"

#include <cstdint>
#include <string>

namespace tenon::archetype {

/// Satisfies index_kind and nothing more: it holds nothing and cannot be queried. A delta can be neither copied nor moved,
/// a part can be moved, and is not default constructible.
template <class Value>
struct index_kind {
    using value_type = Value;
    static std::string   describe() { return "archetype"; }
    static result<void>  check(Value const&) { return {}; }
    static std::uint64_t weight(Value const&) { return 0; }

    struct delta {
        delta()                        = default;
        delta(delta const&)            = delete;
        delta& operator=(delta const&) = delete;
        void   insert(Value const&, byte_view, position) {}
    };
    struct builder {
        builder()                                     = default;
        builder(builder const&)                       = delete;
        builder&            operator=(builder const&) = delete;
        void                add(Value const&, byte_view, position) {}
        result<byte_vector> finish() { return byte_vector{}; }
    };
    class part {
    public:
        static result<part> open(byte_view) { return part(0); }
        part(part&&) noexcept                    = default;
        part&         operator=(part&&) noexcept = default;
        std::uint64_t size() const { return 0; }
        result<void>  validate() const { return {}; }

    private:
        explicit part(int) noexcept {}
    };
};

/// The same, and what `view.query<&row::member>()` takes: it finds nothing.
template <class Value>
struct queried_index_kind : index_kind<Value> {
    struct delta : index_kind<Value>::delta {
        template <class Visit>
        void query(Visit&&) const {}
    };
    class part : public index_kind<Value>::part {
    public:
        explicit part(typename index_kind<Value>::part p) noexcept
            : index_kind<Value>::part(static_cast<typename index_kind<Value>::part&&>(p)) {}
        static result<part> open(byte_view bytes) {
            auto p = index_kind<Value>::part::open(bytes);
            return part(static_cast<typename index_kind<Value>::part&&>(*p));
        }
        template <class Visit>
        void query(Visit&&) const {}
    };
};

static_assert(tenon::index_kind<index_kind<int>> && tenon::index_kind<queried_index_kind<int>>);

}  // namespace tenon::archetype
