// SPDX-License-Identifier: Apache-2.0
// Typed units: byte sizes, log sequence numbers, timestamps, positions.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace tenon {

/// A number of bytes. `64_KiB`, `1_MiB`, `4_GiB` spell one.
struct bytes_count {
    std::uint64_t         value                                 = 0;
    friend constexpr auto operator<=>(bytes_count, bytes_count) = default;
};

/// A place in the logical log: bytes since the log was made. Never reused, only grows.
struct lsn {
    std::uint64_t         value                 = 0;
    friend constexpr auto operator<=>(lsn, lsn) = default;
};

/// A commit's place in the one order of commits. 0 is before the first commit.
using timestamp = std::uint64_t;

/// An entry's ordinal inside a run or a memtable, from 0.
using position = std::uint64_t;

inline namespace literals {
constexpr bytes_count operator""_B(unsigned long long n) noexcept { return {n}; }
constexpr bytes_count operator""_KiB(unsigned long long n) noexcept { return {n << 10}; }
constexpr bytes_count operator""_MiB(unsigned long long n) noexcept { return {n << 20}; }
constexpr bytes_count operator""_GiB(unsigned long long n) noexcept { return {n << 30}; }
}  // namespace literals

}  // namespace tenon
