// SPDX-License-Identifier: Apache-2.0
// The contract of axis::concurrency: who may write beside whom, and what a commit checks.
#pragma once

#include "tenon/core/axis.hpp"

#include <concepts>
#include <string_view>

namespace tenon {

/// A policy on axis::concurrency. Readers never wait and are never refused, whatever the policy: a snapshot is a
/// timestamp and a pinned list of runs.
///
/// | expression | meaning |
/// | --- | --- |
/// | `C::validates_writes` | a commit is refused (errc::conflict) when a row it writes was committed by somebody else after the transaction began: first committer wins |
/// | `C::validates_reads` | also when a row or range it read has changed since: the outcome is that of some serial order |
/// | `C::gate g`; `g.enter()`; `g.leave()` | a transaction begins and ends; enter may wait for others to leave. leave may be called by another thread |
/// | `C::name` | |
///
/// Axiom: a policy whose gate lets several transactions in at once validates writes.
template <class C>
concept concurrency = std::same_as<typename C::policy_axis, axis::concurrency> &&
                      std::default_initializable<typename C::gate> && requires(typename C::gate g) {
                          { C::validates_writes } -> std::convertible_to<bool>;
                          { C::validates_reads } -> std::convertible_to<bool>;
                          { C::name } -> std::convertible_to<std::string_view>;
                          g.enter();
                          g.leave();
                      };

}  // namespace tenon
