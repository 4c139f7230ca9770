// SPDX-License-Identifier: Apache-2.0
// The contract of axis::work: where flushes and merges run.
#pragma once

#include "tenon/core/axis.hpp"

#include <concepts>
#include <functional>
#include <string_view>

namespace tenon {

/// A policy on axis::work: `W::worker w(job)` runs `job()` some time after each `w.wake()`.
///
/// | expression | meaning |
/// | --- | --- |
/// | `W::worker w(job)` | job: does what there is to do and returns; never run twice at the same time |
/// | `w.wake()` | at least one whole run of job begins after this call |
/// | `W::threads` | whether job runs on threads of its own; without, the database starts none at all |
/// | `w.stop()` | after it returns, job does not run again; a run in progress is waited for |
template <class W>
concept work = std::same_as<typename W::policy_axis, axis::work> &&
               std::constructible_from<typename W::worker, std::function<void()>> && requires(typename W::worker w) {
                   { W::name } -> std::convertible_to<std::string_view>;
                   { W::threads } -> std::convertible_to<bool>;
                   w.wake();
                   w.stop();
               };

}  // namespace tenon
