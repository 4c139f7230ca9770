// SPDX-License-Identifier: Apache-2.0
// The least types that satisfy ordered_map and erasable_ordered_map: generic code must compile with them.
#pragma once

#include "tenon/ordered_map/concept.hpp"

#include <cstddef>
#include <string_view>
#include <utility>

namespace tenon::archetype {

/// Holds nothing; every member is there and has the type that the concept asks for, and nothing else is.
struct ordered_map_policy {
    using policy_axis                                  = axis::ordered_map;
    static constexpr std::string_view name             = "archetype";
    static constexpr bool             concurrent_reads = false;

    template <class Key, class Value, class Less>
    class map {
    public:
        class cursor_type {
        public:
            void       seek(Key const&) {}
            void       seek_before(Key const&) {}
            void       seek_first() {}
            void       seek_last() {}
            bool       valid() const { return false; }
            void       next() {}
            void       prev() {}
            Key const& key() const { return *key_; }
            Value&     value() const { return *value_; }

        private:
            Key const* key_   = nullptr;
            Value*     value_ = nullptr;
        };
        map()                      = default;
        map(map const&)            = delete;
        map& operator=(map const&) = delete;

        std::pair<Value*, bool> insert(Key const&, Value const&) { return {nullptr, false}; }
        Value*                  find(Key const&) const { return nullptr; }
        std::size_t             size() const { return 0; }
        std::size_t             bytes() const { return 0; }
        cursor_type             cursor() const { return {}; }
    };
};

struct erasable_ordered_map_policy {
    using policy_axis                                  = axis::ordered_map;
    static constexpr std::string_view name             = "archetype";
    static constexpr bool             concurrent_reads = false;

    template <class Key, class Value, class Less>
    class map : public ordered_map_policy::map<Key, Value, Less> {
    public:
        bool erase(Key const&) { return false; }
    };
};

static_assert(ordered_map<ordered_map_policy> && !erasable_ordered_map<ordered_map_policy>);
static_assert(erasable_ordered_map<erasable_ordered_map_policy>);

}  // namespace tenon::archetype
