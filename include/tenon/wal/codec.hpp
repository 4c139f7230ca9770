// SPDX-License-Identifier: Apache-2.0
// How the records of a segmented log are stored: as they are, or by a codec of the user.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"

#include <concepts>
#include <string_view>

namespace tenon {

/// | expression | meaning |
/// | --- | --- |
/// | `C::name` | for people |
/// | `C::encode(record, out)` | true: `out` is to be stored, 1 byte to 1 GiB; false: the record as it is |
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

}  // namespace tenon
