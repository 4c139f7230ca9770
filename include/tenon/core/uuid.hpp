// SPDX-License-Identifier: Apache-2.0
// A 128-bit identifier: bytes in the order in which they are written (RFC 9562).
#pragma once

#include "tenon/core/result.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tenon {

/// Ordered as its bytes, which is also the order of its text. Any 16 bytes are one; versions and variants are not checked.
struct uuid {
    std::array<std::byte, 16> bytes{};

    /// "00112233-4455-6677-8899-aabbccddeeff", in either case. Fails with errc::invalid_argument, naming the offset.
    static result<uuid> parse(std::string_view text) {
        if (text.size() != 36)
            return fail(errc::invalid_argument,
                        {"a UUID has 36 characters (8-4-4-4-12 hexadecimal digits), these are ", text.size()});
        uuid        out;
        std::size_t digit = 0;
        for (std::size_t i = 0; i < text.size(); ++i) {
            auto const c = text[i];
            if (is_dash(i)) {
                if (c != '-') return fail(errc::invalid_argument, {"a UUID has a '-' at offset ", i});
                continue;
            }
            unsigned const v = c >= '0' && c <= '9'   ? unsigned(c - '0')
                               : c >= 'a' && c <= 'f' ? unsigned(c - 'a') + 10
                               : c >= 'A' && c <= 'F' ? unsigned(c - 'A') + 10
                                                      : 16;
            if (v == 16) return fail(errc::invalid_argument, {"a UUID has a hexadecimal digit at offset ", i});
            out.bytes[digit / 2] |= std::byte(digit % 2 == 0 ? v << 4 : v);
            ++digit;
        }
        return out;
    }

    /// 36 characters, lower case.
    std::string text() const {
        std::string out;
        out.reserve(36);
        for (auto b : bytes) {
            if (is_dash(out.size())) out += '-';
            out += "0123456789abcdef"[std::to_integer<unsigned>(b) >> 4];
            out += "0123456789abcdef"[std::to_integer<unsigned>(b) & 15u];
        }
        return out;
    }

    friend constexpr auto operator<=>(uuid const&, uuid const&) = default;

private:
    static constexpr bool is_dash(std::size_t i) noexcept { return i == 8 || i == 13 || i == 18 || i == 23; }
};

static_assert(sizeof(uuid) == 16);

}  // namespace tenon
