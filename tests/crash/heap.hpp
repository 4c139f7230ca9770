// SPDX-License-Identifier: Apache-2.0
// A heap that runs out on demand: operator new of the whole program, in heap.cpp.
#pragma once

#include <atomic>
#include <cstdint>

/// Counts allocations while `on`; the `fails`-th fails (0: none), and with `lasting` all after it.
struct heap_switch {
    std::atomic<bool>          on{false}, lasting{false};
    std::atomic<std::uint64_t> count{0}, fails{0}, struck{0};

    bool refuses() noexcept {
        if (!on.load(std::memory_order_relaxed)) return false;
        auto const n = ++count, due = fails.load(std::memory_order_relaxed);
        if (due == 0 || (lasting ? n < due : n != due)) return false;
        ++struck;
        return true;
    }
};
extern heap_switch heap;
