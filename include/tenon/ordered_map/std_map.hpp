// SPDX-License-Identifier: Apache-2.0
// The obvious ordered map: std::map.
#pragma once

#include "tenon/ordered_map/archetype.hpp"
#include "tenon/ordered_map/concept.hpp"

#include "tenon/core/axis.hpp"

#include <concepts>
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

namespace tenon {

/// std_map - the oracle of the axis, and good enough for small sets.
///
/// Guarantee   a Value* and a key's address stay valid until the key is erased. A cursor stays valid until its own key is erased.
/// Cost        insert, find, erase, seek: O(log n); next, prev: amortised O(1); one allocation a key.
/// Threads     the user locks; const members may be called concurrently.
/// Use when    the reference is wanted, or few keys; prefer btree for many keys, skip_list for readers beside a writer.
struct std_map {
    using policy_axis                                  = axis::ordered_map;
    static constexpr std::string_view name             = "std_map";
    static constexpr bool             concurrent_reads = false;

    template <class Key, class Value, class Less>
    class map;
};

template <class Key, class Value, class Less>
class std_map::map {
    using entries                     = std::map<Key, Value, Less>;
    static constexpr bool transparent = requires { typename Less::is_transparent; };

public:
    class cursor_type {
    public:
        void seek(Key const& key) { at_ = all_->lower_bound(key); }
        void seek_before(Key const& key) { step_back(all_->lower_bound(key)); }
        template <class K>
        requires transparent
        void seek(K const& key) {
            at_ = all_->lower_bound(key);
        }
        template <class K>
        requires transparent
        void seek_before(K const& key) {
            step_back(all_->lower_bound(key));
        }
        void seek_first() noexcept { at_ = all_->begin(); }
        void seek_last() noexcept { step_back(all_->end()); }

        bool valid() const noexcept { return at_ != all_->end(); }
        /// The rest: precondition valid().
        void       next() noexcept { ++at_; }
        void       prev() noexcept { step_back(at_); }
        Key const& key() const noexcept { return at_->first; }
        Value&     value() const noexcept { return at_->second; }

    private:
        friend class map;
        explicit cursor_type(entries& all) noexcept : all_(&all), at_(all.end()) {}
        void step_back(typename entries::iterator from) noexcept {
            at_ = from == all_->begin() ? all_->end() : std::prev(from);
        }

        entries*                   all_;
        typename entries::iterator at_;
    };

    map() = default;
    explicit map(Less less) : all_(std::move(less)) {}

    /// The place of the key's value, and whether it is new. Value(args...) is made only when it is.
    template <class K = Key, class... Args>
    requires std::constructible_from<Key, K>
    std::pair<Value*, bool> insert(K&& key, Args&&... args) {
        auto const [at, is_new] = all_.try_emplace(Key(std::forward<K>(key)), std::forward<Args>(args)...);
        return {&at->second, is_new};
    }
    bool   erase(Key const& key) { return all_.erase(key) != 0; }
    Value* find(Key const& key) const { return place(all_.find(key)); }
    template <class K>
    requires transparent
    Value* find(K const& key) const {
        return place(all_.find(key));
    }

    std::size_t size() const noexcept { return all_.size(); }
    bool        empty() const noexcept { return all_.empty(); }
    /// Memory of the nodes and of this object, estimated; without what keys and values own elsewhere.
    std::size_t bytes() const noexcept {
        return sizeof(*this) + size() * (sizeof(typename entries::value_type) + 4 * sizeof(void*) + 16);
    }
    cursor_type cursor() const noexcept { return cursor_type(all_); }

private:
    Value* place(typename entries::iterator at) const noexcept { return at == all_.end() ? nullptr : &at->second; }

    mutable entries all_;  // a const map hands out its values, as the concept asks
};

static_assert(erasable_ordered_map<std_map>);

}  // namespace tenon
