// SPDX-License-Identifier: Apache-2.0
// Crash sweep: runs a workload on a simulated disk, pulls the plug at every operation, and checks what is left.
#pragma once

#include "tenon/file/simulated.hpp"
#include "tenon/testing/report.hpp"

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// sweep_crashes - every crash point of a workload, several disk states for each.
///
///     struct my_workload {
///         void run(tenon::simulated_files disk, tenon::testing::journal& j) {
///             auto log = my_log::open(disk, "log");
///             for (std::uint64_t step = 0; log && step < 50; ++step) {
///                 j.begin(step);
///                 if (!log->append(step)) return;             // the power is gone
///                 j.acknowledge(step);
///             }
///         }
///         void verify(tenon::simulated_files disk, tenon::testing::journal const& j, tenon::testing::report& r) {
///             auto log = my_log::open(disk, "log");
///             if (!r.check(log.has_value(), "the log opens again")) return;
///             ...                                             // all of j.acknowledged(); of j.in_flight() all or nothing
///         }
///     };
///     auto swept = tenon::testing::sweep_crashes(my_workload{});
///     if (!swept.passed()) std::puts(swept.text().c_str());
///
/// The workload    is copied for every run. run() must do the same operations each time until the power goes, and just return when a
///                 call fails. verify() may write, as recovery does, but not take back what was acknowledged.
///                 An optional `void recover(simulated_files)` is what a second crash interrupts; without it verify() is.
/// Sweeps          operation n = 1, 1 + stride, ...; after the last; for each: nothing kept, all that returned kept, everything kept, and
///                 `seeds` seeded states. In the seeded states recovery itself is crashed at each recovery_stride-th operation.
/// Failures        name the operation, the state and the second crash: give them to crash_at and after_power_loss to see them alone.
namespace tenon::testing {

/// What a workload says about its steps. A step has begun, is acknowledged, or neither.
class journal {
public:
    void begin(std::uint64_t step) { begun_.push_back(step); }
    /// The system under test promised that this step survives.
    void acknowledge(std::uint64_t step) { acknowledged_.push_back(step); }

    std::vector<std::uint64_t> const& begun() const noexcept { return begun_; }
    std::vector<std::uint64_t> const& acknowledged() const noexcept { return acknowledged_; }
    /// Steps that began and were not acknowledged: each may be there whole or not at all.
    std::vector<std::uint64_t> in_flight() const {
        std::vector<std::uint64_t> out;
        for (auto const step : begun_)
            if (std::find(acknowledged_.begin(), acknowledged_.end(), step) == acknowledged_.end()) out.push_back(step);
        return out;
    }

private:
    std::vector<std::uint64_t> begun_, acknowledged_;
};

struct sweep_options {
    std::uint64_t stride          = 1;  ///< crash at each stride-th operation
    std::uint64_t seeds           = 3;  ///< seeded disk states a crash point
    std::uint64_t recovery_stride = 5;  ///< crash recovery at each of its recovery_stride-th operations; 0: never
    std::uint64_t seed            = 1;
};

struct sweep_report {
    std::uint64_t operations      = 0;  ///< of the workload when the power stays on
    std::uint64_t crash_points    = 0;
    std::uint64_t states          = 0;  ///< disk states that were verified after one crash
    std::uint64_t recovery_states = 0;  ///< disk states that were verified after a crash in recovery
    report        found;

    bool        passed() const noexcept { return operations > 0 && states > 0 && found.passed(); }
    std::string text() const {
        return std::to_string(operations) + " operations, " + std::to_string(states) + " + " +
               std::to_string(recovery_states) + " disk states, " + std::to_string(found.failed()) +
               " failed checks\n" + found.text();
    }
};

template <class W>
concept crash_workload =
    std::copy_constructible<W> && requires(W w, simulated_files disk, journal& j, journal const& cj, report& r) {
        w.run(disk, j);
        w.verify(disk, cj, r);
    };

namespace detail {

template <crash_workload W>
class crash_sweeper {
public:
    crash_sweeper(W const& workload, sweep_options const& options) : workload_(workload), options_(options) {}

    sweep_report sweep() {
        {
            simulated_files disk;
            journal         steps;
            W(workload_).run(disk, steps);
            out_.operations = disk.operations();
            if (out_.found.check(out_.operations > 0, "the workload does operations that a crash can hit")) {
                auto const place = "after the last operation";
                states(disk, steps, place, out_.operations + 1);
            }
        }
        auto const stride = options_.stride == 0 ? 1 : options_.stride;
        for (std::uint64_t n = 1; n <= out_.operations; n += stride) {
            simulated_files disk;
            journal         steps;
            disk.crash_at(n);
            W(workload_).run(disk, steps);
            auto const place = "crash at operation " + disk.operation_text(n);
            if (!out_.found.check(disk.crashed(),
                                  place + ": the workload did fewer operations than before; it must be deterministic"))
                continue;
            states(disk, steps, place, n);
        }
        return std::move(out_);
    }

private:
    using kept = simulated_files::kept;

    void states(simulated_files const& disk, journal const& steps, std::string const& place, std::uint64_t n) {
        ++out_.crash_points;
        verify(disk.after_power_loss(kept::nothing), steps, place + ", nothing kept");
        verify(disk.after_power_loss(kept::finished), steps, place + ", all finished operations kept");
        verify(disk.after_power_loss(kept::everything), steps, place + ", everything kept");
        for (std::uint64_t i = 0; i < options_.seeds; ++i) {
            auto const seed  = options_.seed * 1'000'003 + n * 101 + i;
            auto const state = place + ", state seed " + std::to_string(seed);
            auto const cost  = verify(disk.after_power_loss(seed), steps, state);
            if (options_.recovery_stride == 0) continue;
            // The first crashed operation moves from point to point, so that a stride leaves none out for good.
            for (auto m = 1 + (n + i) % options_.recovery_stride; m <= cost; m += options_.recovery_stride) {
                auto again = disk.after_power_loss(seed);
                again.crash_at(m);
                W half(workload_);
                if constexpr (requires { half.recover(again); }) {
                    half.recover(again);
                } else {
                    report ignored;
                    half.verify(again, steps, ignored);
                }
                if (!again.crashed()) continue;
                auto const second = state + ", then recovery crashed at its operation " + again.operation_text(m);
                verify(again.after_power_loss(kept::nothing), steps, second + ", nothing kept", true);
                verify(again.after_power_loss(kept::everything), steps, second + ", everything kept", true);
                verify(again.after_power_loss(seed), steps, second + ", same seed", true);
            }
        }
    }

    /// Returns how many operations verification (or recovery) did.
    std::uint64_t verify(simulated_files disk, journal const& steps, std::string const& state, bool recovery = false) {
        ++(recovery ? out_.recovery_states : out_.states);
        report        one;
        std::uint64_t cost = 0;
        if constexpr (requires(W w) { w.recover(disk); }) {
            auto copy = disk.after_power_loss(kept::everything);  // the same state once more
            W(workload_).recover(copy);
            cost = copy.operations();
        }
        W(workload_).verify(disk, steps, one);
        if (cost == 0) cost = disk.operations();
        out_.found.check(one.checks() > 0, state + ": verify checked nothing");
        out_.found.check(one.failed() == 0, state + ": " + (one.failures().empty() ? "" : one.failures().front()));
        return cost;
    }

    W const&             workload_;
    sweep_options const& options_;
    sweep_report         out_;
};

}  // namespace detail

template <crash_workload Workload>
sweep_report sweep_crashes(Workload const& workload, sweep_options const& options = {}) {
    return detail::crash_sweeper<Workload>(workload, options).sweep();
}

}  // namespace tenon::testing
