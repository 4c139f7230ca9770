// SPDX-License-Identifier: Apache-2.0
// What all position indexes share: the check that keys are sorted, and the header in front of a model's bytes.
#pragma once

#include "tenon/ordered_index/concept.hpp"

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace tenon {

/// errc::unsorted_keys with the first rank whose key is NaN or less than the one before it. O(n). `keys` is a pointer, or what has keys[i] for a
/// std::uint64_t.
template <index_key Key, class Keys>
result<void> check_sorted(Keys const& keys, std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) {
        if (!projection<Key>::is_ordered(keys[i])) [[unlikely]]
            return fail(errc::unsorted_keys,
                        {"the key at rank ", i, " is NaN, which has no place in an order; remove it first"});
        if (i > 0 && keys[i] < keys[i - 1]) [[unlikely]] {
            if constexpr (std::is_arithmetic_v<Key>)
                return fail(errc::unsorted_keys,
                            {"the key at rank ", i, " (", +keys[i], ") is less than the one before it (", +keys[i - 1],
                             "); sort the keys first"});
            else
                return fail(errc::unsorted_keys,
                            {"the key at rank ", i, " is less than the one before it; sort the keys first"});
        }
    }
    return {};
}
template <index_key Key>
result<void> check_sorted(std::span<Key const> keys) {
    return check_sorted<Key>(keys.data(), keys.size());
}

/// A Key's type as stored on disk: 0x100 unsigned, 0x200 signed, 0x300 floating, 0x400 any other, plus its bytes (0 when they vary).
template <index_key Key>
constexpr std::uint32_t index_key_tag() noexcept {
    if constexpr (std::floating_point<Key>) return 0x300u + static_cast<std::uint32_t>(sizeof(Key));
    else if constexpr (detail::word_key<Key>)
        return (std::is_signed_v<Key> ? 0x200u : 0x100u) + static_cast<std::uint32_t>(sizeof(Key));
    else if constexpr (key_codec<Key>::fixed_size)
        return 0x400u + static_cast<std::uint32_t>(key_codec<Key>::size & 0xff);
    else return 0x400u;
}

/// The first 128 bytes of every position index: which policy made it, over which keys.
struct index_header {
    std::array<char, 8>  magic     = {'t', 'e', 'n', 'o', 'n', 'i', 'd', 'x'};
    std::uint32_t        version   = 6;
    std::uint32_t        key_tag   = 0;
    std::uint64_t        keys      = 0;  ///< number of keys
    std::uint64_t        bytes     = 0;  ///< of the whole model, this header included
    std::uint64_t        first_key = 0;  ///< its projection, 0 without keys
    std::uint64_t        last_key  = 0;
    std::uint64_t        extra     = 0;  ///< the policy's own
    std::uint64_t        zero      = 0;
    std::array<char, 64> name      = {};  ///< the policy's, filled up with zero bytes

    /// A header for these keys. Precondition: name has at most 63 bytes.
    template <index_key Key>
    static index_header of(std::string_view policy, std::span<Key const> sorted, std::uint64_t total_bytes,
                           std::uint64_t extra = 0) {
        index_header h;
        h.key_tag = index_key_tag<Key>();
        h.keys    = sorted.size();
        h.bytes   = total_bytes;
        h.extra   = extra;
        if (!sorted.empty()) {
            h.first_key = projection<Key>::of(sorted.front());
            h.last_key  = projection<Key>::of(sorted.back());
        }
        std::memcpy(h.name.data(), policy.data(), policy.size() < h.name.size() ? policy.size() : h.name.size() - 1);
        return h;
    }

    /// Whether the model is this policy's and was built over keys that begin, end and count like these. O(1).
    template <index_key Key>
    static result<index_header> read(byte_view model, std::string_view policy, std::span<Key const> sorted) {
        return read(model, policy, sorted, sorted.size());
    }
    /// The same for n keys of which `ends` has the first and the last, in front and behind.
    template <index_key Key>
    static result<index_header> read(byte_view model, std::string_view policy, std::span<Key const> ends,
                                     std::uint64_t n) {
        auto expected = of(policy, ends, model.size());
        expected.keys = n;
        return read(model, policy, expected);
    }

private:
    static result<index_header> read(byte_view model, std::string_view policy, index_header const& e) {
        if (model.size() < sizeof(index_header))
            return fail(errc::corrupt,
                        {"a position index begins with a header of 128 bytes, but the model has ", model.size()});
        auto const h = load<index_header>(model.data());
        if (h.magic != e.magic)
            return fail(errc::corrupt,
                        "the model does not begin with \"tenonidx\"; these bytes are not a position index");
        if (h.version != e.version)
            return fail(errc::wrong_version,
                        {"the position index has format version ", h.version, ", this program reads version ",
                         e.version, "; build it again from its keys"});
        if (h.name != e.name) {
            std::string theirs;
            for (char c : h.name) {
                if (c == '\0') break;
                theirs += c >= ' ' && c <= '~' ? c : '?';
            }
            return fail(errc::wrong_assembly, {"the position index was made by \"", theirs, "\" and is opened as \"",
                                               std::string(policy), "\"; build it again"});
        }
        if (h.key_tag != e.key_tag)
            return fail(errc::wrong_assembly, {"the position index was made over keys of another type (tag ", h.key_tag,
                                               ", expected ", e.key_tag, "); build it again"});
        if (h.bytes != e.bytes)
            return fail(errc::corrupt,
                        {"the position index says it has ", h.bytes, " bytes but ", model.size(), " are there"});
        if (h.keys != e.keys)
            return fail(errc::corrupt,
                        {"the position index was built over ", h.keys, " keys but is opened over ", e.keys});
        if (h.first_key != e.first_key || h.last_key != e.last_key)
            return fail(errc::corrupt,
                        "the position index was built over keys with another first or last key; build it again");
        return h;
    }
};
static_assert(sizeof(index_header) == 128 && flat_type<index_header>);

}  // namespace tenon
