// SPDX-License-Identifier: Apache-2.0
// How the records of a segmented log are stored: as they are, or by a codec of the user.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tenon {

/// | expression | meaning |
/// | --- | --- |
/// | `C::name` | for people |
/// | `C::encode(record, out)` | true: `out` is to be stored, which is not longer than the record; false: the record as it is. The first byte is the codec's number |
/// | `C::decode(stored, out)` | the record again, in `out`; untrusted bytes: errc::corrupt when they are not what encode makes, and `out` never exceeds 1 GiB |
template <class C>
concept record_codec = requires(byte_view in, byte_vector& out) {
    { C::name } -> std::convertible_to<std::string_view>;
    { C::encode(in, out) } -> std::same_as<bool>;
    { C::decode(in, out) } -> std::same_as<result<void>>;
};

/// Records are stored as they are. The default.
struct plain_records {
    static constexpr std::string_view name = "plain";
    static bool                       encode(byte_view, byte_vector&) noexcept { return false; }
    static result<void>               decode(byte_view, byte_vector&) {
        return fail(errc::wrong_assembly,
                                  "this log has encoded records: name the codec that wrote them, segmented_wal<group_commit, Codec>");
    }
};
static_assert(record_codec<plain_records>);

namespace detail {
/// Whether stored bytes are of the codec with this number, and hold more than that.
inline result<void> wal_check_codec(byte_view stored, std::byte number, std::string_view name) {
    if (stored.size() > 1 && stored[0] == number) return {};
    if (stored.size() <= 1) return fail(errc::corrupt, "an encoded record has a byte at most");
    return fail(errc::wrong_assembly,
                {"this log has records of codec ", std::to_integer<unsigned>(stored[0]), ", and ", name, " is codec ",
                 std::to_integer<unsigned>(number), ": name the codec that wrote them"});
}
/// The size that stored bytes declare, when a record can have it: these bytes cannot grow further than to `most`.
inline result<std::size_t> wal_check_size(std::uint64_t declared, std::size_t stored, std::uint64_t most,
                                          std::string_view name) {
    if (declared <= stored || declared > (std::uint64_t{1} << 30) || declared > most)
        return fail(errc::corrupt, {"a record of ", stored, " bytes by ", name, " declares ", declared,
                                    ", which it cannot have been"});
    return static_cast<std::size_t>(declared);
}
}  // namespace detail

}  // namespace tenon
