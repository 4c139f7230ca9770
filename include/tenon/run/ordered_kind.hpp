// SPDX-License-Identifier: Apache-2.0
// The ordered index kind: rows by the value of a member, ranges both ways.
#pragma once

#include "tenon/ordered_map/btree.hpp"
#include "tenon/run/arena.hpp"
#include "tenon/run/index_kind.hpp"
#include "tenon/run/sorted_keys.hpp"

#include <algorithm>
#include <functional>
#include <vector>

namespace tenon {

namespace detail {

/// What ordered kinds share whatever their values are. Entries of a delta are byte strings value + primary key + position, so
/// that no two are alike.
class ordered_delta {
    using map_type = typename btree::template map<std::string_view, position, std::less<>>;

public:
    class cursor {
    public:
        explicit cursor(ordered_delta const& d) : at_(d.map_.cursor()) {}
        void     seek(byte_view value) { at_.seek(as_chars(value)); }
        void     seek_before(byte_view value) { at_.seek_before(as_chars(value)); }
        void     seek_first() { at_.seek_first(); }
        void     seek_last() { at_.seek_last(); }
        bool     valid() const { return at_.valid(); }
        void     next() { at_.next(); }
        void     prev() { at_.prev(); }
        position where() const { return at_.value(); }
        /// Value and primary key, one after the other.
        std::string_view entry() const { return at_.key().substr(0, at_.key().size() - 8); }

    private:
        typename map_type::cursor_type at_;
    };
    std::size_t bytes() const noexcept { return arena_.bytes() + map_.bytes(); }

protected:
    void add(byte_vector& entry, byte_view key, position at) {
        put_bytes(entry, key);
        key_codec<std::uint64_t>::encode(entry, at);
        map_.insert(as_chars(arena_.copy(entry)), at);
    }

private:
    arena    arena_;
    map_type map_;
};

template <ordered_index Index>
class ordered_builder {
public:
    explicit ordered_builder(std::size_t fixed) : fixed_(fixed) {}
    result<byte_vector> finish() {
        std::sort(entries_.begin(), entries_.end(),
                  [&](entry const& a, entry const& b) {  // stable_sort is deprecated code to clang
                      auto const x = text(a), y = text(b);
                      return x != y ? x < y : a.at < b.at;
                  });
        typename sorted_keys<Index>::builder keys(fixed_);
        byte_vector                          out;
        put(out, std::uint64_t{entries_.size()});
        pad_to(out, 64);
        for (auto const& e : entries_) put(out, e.at);
        pad_to(out, 64);
        for (auto const& e : entries_) keys.add(as_bytes(text(e)));
        auto sorted = keys.finish();
        if (!sorted) return fail(std::move(sorted).error());
        put_bytes(out, *sorted);
        return out;
    }

protected:
    template <class Value>
    void add_value(Value const& value, position at) {
        auto const first = bytes_.size();
        key_codec<Value>::encode(bytes_, value);
        entries_.push_back({first, bytes_.size() - first, at});
    }

private:
    struct entry {
        std::size_t first, size;
        position    at;
    };
    std::string_view   text(entry const& e) const { return as_chars(byte_view(bytes_).subspan(e.first, e.size)); }
    byte_vector        bytes_;
    std::vector<entry> entries_;
    std::size_t        fixed_;
};

template <ordered_index Index>
class ordered_part {
public:
    static result<ordered_part> open(byte_view bytes) {
        std::span<position const> positions;
        auto const                n = byte_reader(bytes).get<std::uint64_t>();
        if (bytes.size() < 64 || !view_array(bytes, 64, n, positions))
            return fail(errc::corrupt, "ordered part: positions leave the part");
        auto const keys_at = (64 + n * 8 + 63) / 64 * 64;
        if (keys_at > bytes.size()) return fail(errc::corrupt, "ordered part: keys leave the part");
        auto keys = sorted_keys<Index>::open(bytes.subspan(static_cast<std::size_t>(keys_at)));
        if (!keys) return fail(std::move(keys).error());
        if (keys->size() != n) return fail(errc::corrupt, "ordered part: as many keys as positions were expected");
        return ordered_part(positions, std::move(*keys));
    }
    std::uint64_t             size() const noexcept { return positions_.size(); }
    position                  where(std::uint64_t i) const noexcept { return positions_[i]; }
    sorted_keys<Index> const& keys() const noexcept { return keys_; }
    result<void>              validate() const { return keys_.validate(); }

private:
    ordered_part(std::span<position const> positions, sorted_keys<Index> keys)
        : positions_(positions), keys_(std::move(keys)) {}
    std::span<position const> positions_;
    sorted_keys<Index>        keys_;
};

}  // namespace detail

/// ordered_kind - values of any key_codec type in order; equal values in primary key order.
///
/// Maps        value -> positions.
/// Guarantee   cursors visit (value, primary key) in ascending order; duplicates allowed.
/// Cost        delta: insert and seek O(log n). part: seek is one model look-up, a step is O(1).
/// On disk     a header, sorted_keys over the encoded values, positions (docs/formats/run.md)
/// Threads     delta: one writer, any number of readers without locks.
template <class Value, ordered_index Index>
requires key_encodable<Value>
struct ordered_kind {
    using value_type = Value;
    static std::string   describe() { return "ordered " + std::string(Index::name); }
    static std::uint64_t weight(Value const&) noexcept { return 0; }
    static result<void>  check(Value const& v) {
        if (!key_codec<Value>::encodable(v))
            return fail(errc::invalid_argument, "an ordered index cannot hold NaN: it has no place in the order");
        return {};
    }

    struct delta : detail::ordered_delta {
        void insert(Value const& value, byte_view key, position at) {
            byte_vector entry;
            key_codec<Value>::encode(entry, value);
            this->add(entry, key, at);
        }
    };

    static constexpr std::size_t fixed = key_codec<Value>::exact_u64 ? key_codec<Value>::size : 0;

    struct builder : detail::ordered_builder<Index> {
        builder() : detail::ordered_builder<Index>(fixed) {}
        void add(Value const& value, byte_view, position at) { this->add_value(value, at); }
    };

    using part = detail::ordered_part<Index>;
};

}  // namespace tenon
