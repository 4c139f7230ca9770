// SPDX-License-Identifier: Apache-2.0
// Keys of every type and shape that have broken position indexes, for their conformance suite.
#pragma once

#include "tenon/core/key_codec.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/core/projection.hpp"
#include "tenon/core/uuid.hpp"
#include "tenon/ordered_index/concept.hpp"
#include "tenon/testing/key_sets.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace tenon::testing {

/// Makes keys of one type for check_ordered_index_over. Keys live as long as their maker.
///
/// | expression | meaning |
/// | --- | --- |
/// | `m.name()` | of the type, for sentences |
/// | `M::flavours` | how many ways `of` knows |
/// | `m.of(number, flavour)` | a key for any number, in one of the ways: spread over all keys, with long common beginnings, ... |
/// | `m.special()` | 5 to 8 different keys in ascending order, the least and the greatest among them |
/// | `m.around(k, out)` | appends keys that lie as near to k as the type allows, on both sides |
/// | `m.unordered()` | keys without a place in the order (NaN) |
/// | `m.text(k)` | k, for sentences |
template <class M>
concept index_key_maker =
    index_key<typename M::key_type> && requires(M& m, std::uint64_t number, unsigned flavour,
                                                typename M::key_type const& k, std::vector<typename M::key_type>& out) {
        { m.name() } -> std::convertible_to<std::string>;
        { M::flavours } -> std::convertible_to<unsigned>;
        { m.of(number, flavour) } -> std::same_as<typename M::key_type>;
        { m.special() } -> std::same_as<std::vector<typename M::key_type>>;
        { m.around(k, out) } -> std::same_as<void>;
        { m.unordered() } -> std::same_as<std::vector<typename M::key_type>>;
        { m.text(k) } -> std::convertible_to<std::string>;
    };

/// Integers. `Unsigned` is Key's twin; the two differ when Key is signed.
template <class Key, class Unsigned>
struct integer_key_maker {
    using key_type                       = Key;
    static constexpr unsigned flavours   = sizeof(Key) == 8 ? 1 : sizeof(Key) == 16 ? 3 : 2;
    static constexpr int      bits       = 8 * sizeof(Key);
    static constexpr bool     signed_key = !std::same_as<Key, Unsigned>;
    static constexpr Unsigned sign       = signed_key ? static_cast<Unsigned>(Unsigned{1} << (bits - 1)) : Unsigned{0};
    static constexpr Unsigned greatest_rank = static_cast<Unsigned>(~Unsigned{0});

    std::string name() const { return (signed_key ? "i" : "u") + std::to_string(bits); }
    /// The high bits (0) or the low ones (1); of 128 bits: the number in both halves (0), in the low one (1), across the middle (2).
    Key of(std::uint64_t number, unsigned flavour) const {
        if constexpr (bits == 128) {
            auto const wide = static_cast<Unsigned>(number);
            return at(flavour == 0 ? wide << 64 | number : flavour == 1 ? wide : wide << 36 | (number & 7));
        } else {
            return at(static_cast<Unsigned>(flavour == 0 ? number >> (64 - bits) : number));
        }
    }
    std::vector<Key> special() const {
        if constexpr (!signed_key) return {at(0), at(1), at(2), at(3), at(greatest_rank - 1), at(greatest_rank)};
        else return {at(0), at(1), at(sign - 1), at(sign), at(sign + 1), at(greatest_rank)};
    }
    void around(Key k, std::vector<Key>& out) const {
        auto const rank = static_cast<Unsigned>(static_cast<Unsigned>(k) ^ sign);
        if (rank != 0) out.push_back(at(rank - 1));
        if (rank != greatest_rank) out.push_back(at(rank + 1));
    }
    std::vector<Key> unordered() const { return {}; }
    std::string      text(Key k) const {
        auto const  rank = static_cast<Unsigned>(static_cast<Unsigned>(k) ^ sign);
        std::string out  = "the key of rank 0x";
        for (int shift = bits - 4; shift >= 0; shift -= 4)
            out += "0123456789abcdef"[static_cast<unsigned>(rank >> shift) & 15];
        return out;
    }

private:
    /// The key that has `rank` keys below it.
    template <class Rank>
    static constexpr Key at(Rank rank) {
        return static_cast<Key>(static_cast<Unsigned>(static_cast<Unsigned>(rank) ^ sign));
    }
};

/// float and double, infinities and both zeros included.
template <class Key>
struct floating_key_maker {
    using key_type                     = Key;
    using lim                          = std::numeric_limits<Key>;
    using bits_type                    = std::conditional_t<sizeof(Key) == 4, std::uint32_t, std::uint64_t>;
    static constexpr unsigned flavours = 3;

    std::string name() const { return sizeof(Key) == 4 ? "float" : "double"; }
    /// Any bits, in the order of the numbers (0); the number itself (1); around zero, with fractions (2).
    Key of(std::uint64_t number, unsigned flavour) const {
        if (flavour == 1) return static_cast<Key>(number);
        if (flavour == 2) return static_cast<Key>(static_cast<std::int64_t>(number ^ sign_bit)) / 1000;
        constexpr auto sign = static_cast<bits_type>(bits_type{1} << (8 * sizeof(Key) - 1));
        auto const     rank = static_cast<bits_type>(number >> (64 - 8 * sizeof(Key)));
        auto const     key  = std::bit_cast<Key>(static_cast<bits_type>((rank & sign) != 0 ? rank ^ sign : ~rank));
        if (key == key) return key;
        return (rank & sign) != 0 ? lim::infinity() : -lim::infinity();
    }
    std::vector<Key> special() const {
        return {-lim::infinity(), lim::lowest(), -lim::denorm_min(), Key{0}, lim::min(), lim::max(), lim::infinity()};
    }
    void around(Key k, std::vector<Key>& out) const {
        out.push_back(std::nextafter(k, -lim::infinity()));
        out.push_back(std::nextafter(k, lim::infinity()));
        if (k == 0) out.push_back(-k);
    }
    std::vector<Key> unordered() const { return {lim::quiet_NaN(), -lim::quiet_NaN()}; }
    std::string      text(Key k) const { return std::to_string(k); }

private:
    static constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;
};

/// Strings: `Key` is std::string or std::string_view. Every view ends where its memory ends.
template <class Key>
struct text_key_maker {
    using key_type                     = Key;
    static constexpr unsigned flavours = 4;

    std::string name() const { return std::same_as<Key, std::string> ? "std::string" : "std::string_view"; }
    /// Words that ascend with the number (0), addresses with a long common beginning (1), few different bytes, zero among them,
    /// where many keys begin others (2), long keys that differ at the end (3).
    Key of(std::uint64_t number, unsigned flavour) {
        std::string out;
        auto const  mixed = hash_u64(number);
        if (flavour == 0) {
            for (auto length = 1 + mixed % 13, rest = number; length > 0; --length) {
                auto const product = tenon::detail::multiply_wide(rest, 26);
                out += static_cast<char>('a' + product.high);
                rest = product.low;
            }
        } else if (flavour == 1) {
            constexpr std::array<std::string_view, 4> parts{"", "articles/", "users/", "users/by-name/"};
            out = "https://www.example.org/";
            out += parts[mixed % 4];
            out += std::to_string(number);
        } else if (flavour == 2) {
            for (auto length = mixed % 11, rest = mixed >> 8; length > 0; --length, rest >>= 2)
                out += std::string_view("\0\1a\xff", 4)[rest & 3];
        } else {
            out.assign(40, 'k');
            for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[number >> shift & 15];
        }
        return keep(out);
    }
    std::vector<Key> special() {
        std::vector<Key> out;
        using namespace std::string_view_literals;
        for (auto text : {""sv, "\0"sv, "\0\0\0\0\0\0\0\0\0"sv, "a"sv, "abcdefgh"sv, "abcdefgh\0"sv, "abcdefghi"sv,
                          "\xff\xff\xff\xff\xff\xff\xff\xff\xff"sv})
            out.push_back(keep(text));
        return out;
    }
    void around(Key const& k, std::vector<Key>& out) {
        std::string near(k);
        out.push_back(keep(near + '\0'));
        if (near.empty()) return;
        auto const last = static_cast<unsigned char>(near.back());
        near.pop_back();
        out.push_back(keep(near));
        if (last != 0) out.push_back(keep(near + static_cast<char>(last - 1) + '\xff'));
        if (last != 0xff) out.push_back(keep(near + static_cast<char>(last + 1)));
    }
    std::vector<Key> unordered() const { return {}; }
    std::string      text(Key const& k) const {
        std::string out = "\"";
        for (char c : k) {
            if (c >= ' ' && c <= '~') out += c;
            else out += "\\" + std::to_string(static_cast<unsigned char>(c)) + " ";
        }
        return out + "\"";
    }

private:
    Key keep(std::string_view text) {
        if constexpr (std::same_as<Key, std::string>) {
            return std::string(text);
        } else {
            kept_.push_back(std::make_unique<char[]>(text.size()));
            if (!text.empty()) std::memcpy(kept_.back().get(), text.data(), text.size());
            return {kept_.back().get(), text.size()};
        }
    }
    std::vector<std::unique_ptr<char[]>> kept_;
};

/// A fixed number of bytes: std::array<std::byte, N>, or uuid with its 16.
template <class Key, std::size_t N>
struct bytes_key_maker {
    using key_type                     = Key;
    using array                        = std::array<std::byte, N>;
    static constexpr unsigned flavours = 2;

    std::string name() const { return std::to_string(N) + " bytes"; }
    /// The number in front and noise behind it (0); bytes in common and the number behind them (1).
    Key of(std::uint64_t number, unsigned flavour) const {
        constexpr std::size_t digits = std::min<std::size_t>(N, 8);
        auto const            byte   = [](std::uint64_t word, std::size_t i) {
            return static_cast<std::byte>(word >> (56 - 8 * i));
        };
        array out{};
        out.fill(std::byte{0xa5});
        for (std::size_t i = 0; i < digits; ++i) {
            if (flavour == 0) out[i] = byte(number, i);
            else out[N - digits + i] = byte(number, 8 - digits + i);
        }
        for (std::size_t i = 8; i < N && flavour == 0; ++i) out[i] = byte(hash_u64(number), i % 8);
        return wrap(out);
    }
    std::vector<Key> special() const {
        array zero{}, one{}, half{}, top{}, all{};
        one[N - 1] = std::byte{1};
        half[0]    = std::byte{0x80};
        all.fill(std::byte{0xff});
        top        = all;
        top[N - 1] = std::byte{0xfe};
        return {wrap(zero), wrap(one), wrap(half), wrap(top), wrap(all)};
    }
    void around(Key const& k, std::vector<Key>& out) const {
        auto less = bytes_of(k), more = less;
        for (std::size_t i = N; i-- > 0;)
            if (less[i]-- != 0) {
                out.push_back(wrap(from_numbers(less)));
                break;
            }
        for (std::size_t i = N; i-- > 0;)
            if (++more[i] != 0) {
                out.push_back(wrap(from_numbers(more)));
                break;
            }
    }
    std::vector<Key> unordered() const { return {}; }
    std::string      text(Key const& k) const {
        std::string out = "0x";
        for (auto b : bytes_of(k)) out += "0123456789abcdef"[b >> 4], out += "0123456789abcdef"[b & 15];
        return out;
    }

private:
    using numbers = std::array<std::uint8_t, N>;
    static Key     wrap(array const& bytes) { return Key{bytes}; }
    static numbers bytes_of(Key const& k) {
        static_assert(sizeof(Key) == N);
        return std::bit_cast<numbers>(k);
    }
    static array from_numbers(numbers const& bytes) { return std::bit_cast<array>(bytes); }
};

/// Pairs and tuples of two.
template <index_key_maker First, index_key_maker Second,
          class Key = std::pair<typename First::key_type, typename Second::key_type>>
struct pair_key_maker {
    using key_type                     = Key;
    static constexpr unsigned flavours = 3;
    First                     first;
    Second                    second;

    std::string name() const { return "(" + first.name() + ", " + second.name() + ")"; }
    /// First and second from the number (0); few firsts (1); one first (2).
    Key of(std::uint64_t number, unsigned flavour) {
        auto const head = flavour == 0 ? number : flavour == 1 ? number >> 61 << 61 : 0;
        return {first.of(head, 0), second.of(flavour == 0 ? hash_u64(number) : number, flavour % Second::flavours)};
    }
    std::vector<Key> special() {
        auto const a = first.special();
        auto const b = second.special();
        auto const m = a[a.size() / 2];
        return {Key{a.front(), b.front()}, Key{a.front(), b.back()},           Key{m, b.front()},
                Key{m, b[b.size() / 2]},   Key{a.back(), b[b.size() / 2 - 1]}, Key{a.back(), b.back()}};
    }
    void around(Key const& k, std::vector<Key>& out) {
        std::vector<typename First::key_type>  a;
        std::vector<typename Second::key_type> b;
        first.around(std::get<0>(k), a), second.around(std::get<1>(k), b);
        for (auto const& x : a) out.push_back(Key{x, std::get<1>(k)});
        for (auto const& y : b) out.push_back(Key{std::get<0>(k), y});
    }
    std::vector<Key> unordered() {
        std::vector<Key> out;
        for (auto const& nan : first.unordered()) out.push_back(Key{nan, second.special().back()});
        for (auto const& nan : second.unordered()) out.push_back(Key{first.special().back(), nan});
        return out;
    }
    std::string text(Key const& k) const {
        return "(" + first.text(std::get<0>(k)) + ", " + second.text(std::get<1>(k)) + ")";
    }
};

/// The makers of the types that the concept names.
namespace index_makers {
using u8         = integer_key_maker<std::uint8_t, std::uint8_t>;
using u16        = integer_key_maker<std::uint16_t, std::uint16_t>;
using u32        = integer_key_maker<std::uint32_t, std::uint32_t>;
using u64        = integer_key_maker<std::uint64_t, std::uint64_t>;
using i8         = integer_key_maker<std::int8_t, std::uint8_t>;
using i16        = integer_key_maker<std::int16_t, std::uint16_t>;
using i32        = integer_key_maker<std::int32_t, std::uint32_t>;
using i64        = integer_key_maker<std::int64_t, std::uint64_t>;
using f32        = floating_key_maker<float>;
using f64        = floating_key_maker<double>;
using text       = text_key_maker<std::string_view>;
using string     = text_key_maker<std::string>;
using bytes5     = bytes_key_maker<std::array<std::byte, 5>, 5>;
using bytes20    = bytes_key_maker<std::array<std::byte, 20>, 20>;
using uuids      = bytes_key_maker<uuid, 16>;
using pairs      = pair_key_maker<u32, u32>;
using wide_pairs = pair_key_maker<f64, u16>;
using tuples     = pair_key_maker<i16, string, std::tuple<std::int16_t, std::string>>;
#if defined(__SIZEOF_INT128__)
using u128 = integer_key_maker<tenon::detail::key_uint128, tenon::detail::key_uint128>;
using i128 = integer_key_maker<tenon::detail::key_int128, tenon::detail::key_uint128>;
#endif
}  // namespace index_makers

namespace detail {

/// The sets of key_sets.hpp and what else has broken indexes of 64-bit numbers.
inline constexpr std::array<std::string_view, 7> index_number_sets{
    "from the top", "two ends", "near 2^53", "near 2^63", "any width", "runs", "lonely last"};

/// n ascending numbers of a set of key_set_names or index_number_sets.
inline std::vector<std::uint64_t> index_numbers(std::string_view set, std::size_t n, std::uint64_t seed) {
    if (std::find(key_set_names.begin(), key_set_names.end(), set) != key_set_names.end()) return key_set(set, n, seed);
    constexpr auto             greatest = ~std::uint64_t{0};
    prng                       random(seed);
    std::vector<std::uint64_t> out;
    std::uint64_t              run = random();
    for (std::uint64_t i = 0; i < n; ++i) {
        if (set == "from the top") out.push_back(greatest - i / 3);
        if (set == "two ends") out.push_back(i % 2 == 0 ? i / 4 : greatest - i / 4);
        if (set == "near 2^53") out.push_back((std::uint64_t{1} << 53) - n / 2 + i);
        if (set == "near 2^63") out.push_back((std::uint64_t{1} << 63) - n + 2 * i);
        if (set == "any width") out.push_back(random() >> random.below(64));
        if (set == "runs") out.push_back(run = random.chance(0.01) ? random() : run);
        if (set == "lonely last") out.push_back(i == 0 ? greatest : i < n / 2 ? i : (std::uint64_t{1} << 40) + i * i);
    }
    std::sort(out.begin(), out.end());
    return out;
}

/// Keys that end where their memory ends and begin `offset` keys behind a cache line; what lies before them is greater than all.
template <index_key Key>
class placed_keys {
public:
    placed_keys(std::span<Key const> keys, std::size_t offset)
        : offset_(offset),
          size_(keys.size()),
          data_(static_cast<Key*>(
              ::operator new(std::max<std::size_t>((offset + keys.size()) * sizeof(Key), 1), std::align_val_t{64}))) {
        for (std::size_t i = 0; i < offset; ++i) new (data_ + i) Key(keys.empty() ? Key{} : keys.back());
        std::uninitialized_copy(keys.begin(), keys.end(), data_ + offset);
    }
    placed_keys(placed_keys const&)            = delete;
    placed_keys& operator=(placed_keys const&) = delete;
    ~placed_keys() {
        std::destroy_n(data_, offset_ + size_);
        ::operator delete(data_, std::align_val_t{64});
    }
    std::span<Key const> span() const noexcept { return {data_ + offset_, size_}; }

private:
    std::size_t offset_, size_;
    Key*        data_;
};

}  // namespace detail
}  // namespace tenon::testing
