// SPDX-License-Identifier: Apache-2.0
// Little-endian bytes: append, read with bounds, and aligned typed views. All on-disk integers pass here.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

static_assert(std::endian::native == std::endian::little,
              "tenon: on-disk bytes are used in place; a little-endian host is needed");

namespace tenon {

using byte_view   = std::span<std::byte const>;
using byte_vector = std::vector<std::byte>;

/// Types whose memory is their format.
template <class T>
concept flat_type = std::is_trivially_copyable_v<T>;

inline byte_view as_bytes(std::string_view s) noexcept {
    return {reinterpret_cast<std::byte const*>(s.data()), s.size()};
}
inline std::string_view as_chars(byte_view b) noexcept { return {reinterpret_cast<char const*>(b.data()), b.size()}; }

template <flat_type T>
byte_view object_bytes(T const& value) noexcept {
    return std::as_bytes(std::span<T const, 1>(&value, 1));
}

/// Appends a value's bytes.
template <flat_type T>
void put(byte_vector& out, T const& value) {
    auto const at = out.size();
    out.resize(at + sizeof(T));
    std::memcpy(out.data() + at, &value, sizeof(T));
}
inline void put_bytes(byte_vector& out, byte_view bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
/// Appends a 32-bit length and the bytes.
inline void put_sized(byte_vector& out, byte_view bytes) {
    put(out, static_cast<std::uint32_t>(bytes.size()));
    put_bytes(out, bytes);
}
/// Appends zero bytes until the size is a multiple of `alignment`.
inline void pad_to(byte_vector& out, std::size_t alignment) {
    out.resize((out.size() + alignment - 1) / alignment * alignment);
}

/// Reads a value from possibly unaligned memory. Precondition: sizeof(T) bytes are there.
template <flat_type T>
T load(std::byte const* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof(T));
    return value;
}

/// Reads forward over untrusted bytes: after the first read past the end `ok()` is false for good and
/// every value read is zero or empty.
class byte_reader {
public:
    explicit byte_reader(byte_view bytes) noexcept : rest_(bytes) {}

    template <flat_type T>
    T get() noexcept {
        if (rest_.size() < sizeof(T)) {
            ok_   = false;
            rest_ = {};
            return T{};
        }
        T value = load<T>(rest_.data());
        rest_   = rest_.subspan(sizeof(T));
        return value;
    }
    byte_view get_bytes(std::uint64_t n) noexcept {
        if (rest_.size() < n) {
            ok_   = false;
            rest_ = {};
            return {};
        }
        auto out = rest_.first(static_cast<std::size_t>(n));
        rest_    = rest_.subspan(static_cast<std::size_t>(n));
        return out;
    }
    byte_view        get_sized() noexcept { return get_bytes(get<std::uint32_t>()); }
    std::string_view get_string() noexcept { return as_chars(get_sized()); }

    bool        ok() const noexcept { return ok_; }
    bool        at_end() const noexcept { return rest_.empty(); }
    std::size_t left() const noexcept { return rest_.size(); }

private:
    byte_view rest_;
    bool      ok_ = true;
};

/// n values of T that lie at `offset` in untrusted bytes; empty and false when they do not fit or are
/// not aligned for T.
template <flat_type T>
bool view_array(byte_view bytes, std::uint64_t offset, std::uint64_t n, std::span<T const>& out) noexcept {
    out = {};
    if (offset > bytes.size() || n > (bytes.size() - offset) / sizeof(T)) return false;
    auto const* p = bytes.data() + offset;
    if (reinterpret_cast<std::uintptr_t>(p) % alignof(T) != 0) return false;
    out = {reinterpret_cast<T const*>(p), static_cast<std::size_t>(n)};
    return true;
}

}  // namespace tenon
