// SPDX-License-Identifier: Apache-2.0
// System calls that are interrupted, or do a part of their work: what the kernel may do and hardly ever does to files. calls.cpp puts it in front of
// the C library in the program of these tests.
#pragma once

#include <atomic>
#include <cstdint>

/// Off until a test asks. Which calls are met depends on the seed and on their number.
struct call_switch {
    std::atomic<bool>          on{false};
    std::atomic<std::uint64_t> seed{0}, calls{0};
    std::atomic<std::uint64_t> interrupted{0}, shortened{0};  ///< calls that were

    /// What happens to the next call: 0 nothing, 1 it is interrupted, 2 it does a part.
    unsigned next() noexcept;
};
extern call_switch calls;

/// While it lives every second call, or so, is interrupted or cut short.
struct call_storm {
    explicit call_storm(std::uint64_t seed) {
        calls.seed        = seed;
        calls.interrupted = calls.shortened = 0;
        calls.on                            = true;
    }
    ~call_storm() { calls.on = false; }
    bool felt() const { return calls.interrupted > 50; }
};
