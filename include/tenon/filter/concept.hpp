// SPDX-License-Identifier: Apache-2.0
// The contract of axis::filter: is a key surely absent from a run?
#pragma once

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

namespace tenon {

/// A policy on axis::filter over 64-bit hashes (core/hash.hpp) of the keys.
///
/// | expression | meaning |
/// | --- | --- |
/// | `F::build(hashes)` | `byte_vector`: flat bytes; duplicates allowed, any order |
/// | `F::view::open(bytes)` | `result<view>` in O(1); untrusted bytes: errc::corrupt |
/// | `v.may_contain(hash)` | false: surely absent. Axiom: true for every hash it was built from |
template <class F>
concept filter =
    std::same_as<typename F::policy_axis, axis::filter> &&
    requires(std::span<std::uint64_t const> hashes, byte_view bytes, typename F::view const v, std::uint64_t h) {
        { F::name } -> std::convertible_to<std::string_view>;
        { F::build(hashes) } -> std::same_as<byte_vector>;
        { F::view::open(bytes) } -> std::same_as<result<typename F::view>>;
        { v.may_contain(h) } -> std::same_as<bool>;
    };

}  // namespace tenon
