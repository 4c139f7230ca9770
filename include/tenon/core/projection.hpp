// SPDX-License-Identifier: Apache-2.0
// Keys as 64-bit numbers that keep their order: what learned models and SIMD comparisons work on.
#pragma once

#include "tenon/core/key_codec.hpp"
#include "tenon/core/uuid.hpp"

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

/// projection - key -> 64-bit number, monotone; exact when equal numbers mean equal keys.
///
/// Maps        integers to 64 bits, enumerations: their value, the sign bit inverted. float, double: their bits, ordered; -0.0 as 0.0.
///             All other types: eight of the bytes that key_codec writes (or would write), the first `skip` left out.
/// Guarantee   a < b implies of(a) <= of(b). Exact types: of(a) == of(b) implies a == b.
/// Cost        O(1) and no allocation for numbers, arrays of bytes, strings, uuid, and tuples and pairs of numbers up to 16 bytes;
///             other types are encoded first, which allocates.
/// Errors      none; NaN has no order and must be kept out (is_ordered tells).
/// Threads     pure functions.
namespace tenon {

namespace detail {

/// Types that are one number of up to 64 bits.
template <class K>
concept word_key =
    (std::integral<K> && sizeof(K) <= 8) || std::is_enum_v<K> || std::same_as<K, float> || std::same_as<K, double>;

/// A number with the order of the keys, in the low 8 * sizeof(K) bits.
template <word_key K>
constexpr std::uint64_t ordered_word(K k) noexcept {
    if constexpr (std::is_enum_v<K>) {
        return ordered_word(static_cast<std::underlying_type_t<K>>(k));
    } else if constexpr (std::floating_point<K>) {
        using bits_type          = std::conditional_t<sizeof(K) == 4, std::uint32_t, std::uint64_t>;
        constexpr bits_type sign = bits_type{1} << (8 * sizeof(K) - 1);
        auto const          bits = std::bit_cast<bits_type>(k == 0 ? K{0} : k);
        return (bits & sign) != 0 ? static_cast<bits_type>(~bits) : static_cast<bits_type>(bits | sign);
    } else if constexpr (std::is_signed_v<K>) {
        using bits_type = std::make_unsigned_t<K>;
        return static_cast<bits_type>(static_cast<bits_type>(k) ^
                                      static_cast<bits_type>(std::uint64_t{1} << (8 * sizeof(K) - 1)));
    } else {
        return static_cast<std::uint64_t>(k);
    }
}

#if defined(__SIZEOF_INT128__)
using wide_word = key_uint128;

/// Bytes of a type that packs into at most 16, else 0.
template <class K>
inline constexpr std::size_t packed_size = 0;
template <word_key K>
inline constexpr std::size_t packed_size<K> = sizeof(K);
template <>
inline constexpr std::size_t packed_size<key_int128> = 16;
template <>
inline constexpr std::size_t packed_size<key_uint128> = 16;
constexpr std::size_t packed_sum(std::size_t a, std::size_t b) { return a == 0 || b == 0 || a + b > 16 ? 0 : a + b; }
template <class A, class B>
inline constexpr std::size_t packed_size<std::pair<A, B>> = packed_sum(packed_size<A>, packed_size<B>);
template <class A>
inline constexpr std::size_t packed_size<std::tuple<A>> = packed_size<A>;
template <class A, class B, class... T>
inline constexpr std::size_t packed_size<std::tuple<A, B, T...>> =
    packed_sum(packed_size<A>, packed_size<std::tuple<B, T...>>);

/// The key's bytes as one number, in its low bits.
template <class K>
constexpr wide_word packed(K const& k) noexcept {
    if constexpr (word_key<K>) {
        return ordered_word(k);
    } else if constexpr (std::same_as<K, key_int128>) {
        return static_cast<wide_word>(k) ^ (wide_word{1} << 127);
    } else if constexpr (std::same_as<K, key_uint128>) {
        return k;
    } else {
        return std::apply(
            [](auto const&... parts) {
                wide_word out = 0;
                ((out = (out << (8 * packed_size<std::remove_cvref_t<decltype(parts)>>)) | packed(parts)), ...);
                return out;
            },
            k);
    }
}
#else
template <class K>
inline constexpr std::size_t packed_size = 0;
#endif

/// Types whose order is that of their memory, byte by byte.
template <class K>
concept text_key =
    std::same_as<K, std::string_view> || std::same_as<K, std::string> || std::same_as<K, uuid> ||
    (requires(K const& k) {
        k.size();
        { k.data() } -> std::convertible_to<void const*>;
    } && (std::same_as<typename K::value_type, std::byte> || std::same_as<typename K::value_type, std::uint8_t>) &&
     (key_encodable<K>));

template <text_key K>
byte_view text_bytes(K const& k) noexcept {
    if constexpr (std::same_as<K, uuid>) return std::as_bytes(std::span(k.bytes));
    else return {reinterpret_cast<std::byte const*>(k.data()), k.size()};
}

/// Eight bytes from `skip` on as a big-endian number, missing ones as zero.
inline std::uint64_t word_at(byte_view bytes, std::size_t skip) noexcept {
    if (bytes.size() < skip + 8) return bytes.size() <= skip ? 0 : key_projection(bytes.subspan(skip));
    auto const word = load<std::uint64_t>(bytes.data() + skip);
    return __builtin_bswap64(word);
}
inline std::size_t common_bytes(byte_view a, byte_view b) noexcept {
    std::size_t n = 0;
    while (n < a.size() && n < b.size() && a[n] == b[n]) ++n;
    return n;
}

}  // namespace detail

/// The projection of a key type; see the top of this file.
template <class K>
struct projection {
    static constexpr bool word  = detail::word_key<K>;
    static constexpr bool exact = word;

    /// False for NaN, alone or inside a tuple.
    static constexpr bool is_ordered([[maybe_unused]] K const& k) {
        if constexpr (std::floating_point<K>) return k == k;
        else if constexpr (word || detail::text_key<K>) return true;
        else return key_codec<K>::encodable(k);
    }
    /// `skip` must be 0 for exact types.
    static constexpr std::uint64_t of(K const& k, [[maybe_unused]] std::size_t skip = 0) {
        if constexpr (word) {
            return detail::ordered_word(k);
        } else if constexpr (detail::packed_size<K> > 8) {
            constexpr std::size_t spare = 8 * (16 - detail::packed_size<K>);
            auto const            value = detail::packed(k) << spare;
            return skip >= 16 ? 0 : static_cast<std::uint64_t>((value << (8 * skip)) >> 64);
        } else if constexpr (detail::packed_size<K> > 0) {
            auto const value = static_cast<std::uint64_t>(detail::packed(k)) << (64 - 8 * detail::packed_size<K>);
            return skip >= 8 ? 0 : value << (8 * skip);
        } else if constexpr (detail::text_key<K>) {
            return detail::word_at(detail::text_bytes(k), skip);
        } else {
            return detail::word_at(encode_key(k), skip);
        }
    }
    /// How many leading bytes two keys share; 0 for exact types.
    static constexpr std::size_t common([[maybe_unused]] K const& a, [[maybe_unused]] K const& b) {
        if constexpr (word) {
            return 0;
        } else if constexpr (detail::packed_size<K> > 0) {
            auto const differ = (detail::packed(a) ^ detail::packed(b)) << (8 * (16 - detail::packed_size<K>));
            auto const high   = static_cast<std::uint64_t>(differ >> 64);
            auto const zeros =
                high != 0 ? std::countl_zero(high) : 64 + std::countl_zero(static_cast<std::uint64_t>(differ));
            return std::min<std::size_t>(static_cast<std::size_t>(zeros) / 8, detail::packed_size<K>);
        } else if constexpr (detail::text_key<K>) {
            return detail::common_bytes(detail::text_bytes(a), detail::text_bytes(b));
        } else {
            return detail::common_bytes(encode_key(a), encode_key(b));
        }
    }
};

/// Keys that can be indexed: numbers, and all that key_codec encodes and < orders in the same way. NaN has no place.
template <class K>
concept projectable = (detail::word_key<K> || key_encodable<K>) && requires(K const& a, K const& b) {
    { a < b } -> std::convertible_to<bool>;
};

/// The projection that spreads a given sorted set best: the bytes that its first and last key share are left out.
///
/// Keys outside the set project to 0 below its common bytes and to the greatest number above them, so the map stays monotone
/// over all keys. Two sets with the same first and last key have the same space.
template <projectable K>
class key_space {
public:
    static constexpr bool exact = projection<K>::exact;

    key_space() = default;
    constexpr explicit key_space(std::span<K const> sorted) {
        if constexpr (!exact) {
            if (!sorted.empty()) {
                skip_   = projection<K>::common(sorted.front(), sorted.back());
                sample_ = &sorted.front();
            }
        }
    }
    constexpr std::uint64_t operator()(K const& k) const {
        if constexpr (exact) {
            return projection<K>::of(k);
        } else {
            if (skip_ > 0 && projection<K>::common(k, *sample_) < skip_)
                return k < *sample_ ? 0 : std::numeric_limits<std::uint64_t>::max();
            return projection<K>::of(k, skip_);
        }
    }

private:
    struct nothing {};
    std::conditional_t<exact, nothing, std::size_t> skip_{};
    std::conditional_t<exact, nothing, K const*>    sample_{};
};

/// A sorted set of keys seen as numbers.
template <projectable K>
class projected_keys {
public:
    constexpr explicit projected_keys(std::span<K const> sorted)
        : keys_(sorted.data()), size_(sorted.size()), space_(sorted) {}

    constexpr std::uint64_t size() const noexcept { return size_; }
    constexpr std::uint64_t operator[](std::uint64_t i) const { return space_(keys_[i]); }

private:
    K const*                           keys_;
    std::uint64_t                      size_;
    [[no_unique_address]] key_space<K> space_;
};

}  // namespace tenon
