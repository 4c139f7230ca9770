// SPDX-License-Identifier: Apache-2.0
// Crash sweep: records a workload on a simulated disk, pulls the plug at every operation, and checks every disk that may be left.
#pragma once

#include "tenon/file/power_loss.hpp"
#include "tenon/file/simulated.hpp"
#include "tenon/testing/report.hpp"

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

/// sweep_crashes - every crash point of a workload, and for each every legal state of the disk, as long as they are few enough.
///
///     struct my_workload {
///         void run(tenon::simulated_files disk, tenon::testing::journal& j) {
///             auto log = my_log::open(disk, "log");
///             for (std::uint64_t step = 0; log && step < 50; ++step) {
///                 j.begin(step);
///                 if (!log->append(step)) return;
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
/// The workload    runs once, with the power on, and is frozen at each operation; it may use threads. verify() is called for each
///                 state and must do the same each time; it may write, as recovery does, but not take back what was acknowledged.
///                 An optional `void recover(simulated_files)` is what a second crash interrupts; without it verify() is.
/// Cuts            each stride-th operation, and after the last. Between two syncs the states of a later cut include those of an
///                 earlier one with the same journal, so that only the last one is looked at: `cuts` counts all, `windows` these.
/// States          of a window: what verify() looks at is decided when it does (power_loss_choices), in turn through all
///                 combinations: every subset of unsynced sectors, sizes, resizes and names that verify() can tell apart. Where they
///                 are more than most_states: nothing kept, everything kept, all that returned kept, and `seeds` seeded ones.
/// Second crash    in a few states of each window (nothing, everything, seeds) recovery itself is frozen at each
///                 recovery_stride-th of its operations, and so on recovery_depth deep; most_recovery_states bounds these windows.
/// Failures        name the operation and the choices or the seed: simulated_files::after_power_loss brings that state back.
namespace tenon::testing {

/// What a workload says about its steps. A step has begun, is acknowledged, or neither. Thread-safe; copies are snapshots.
class journal {
public:
    journal() = default;
    journal(journal const& other) {
        std::lock_guard const guard(other.mutex_);
        begun_        = other.begun_;
        acknowledged_ = other.acknowledged_;
    }
    journal& operator=(journal const&) = delete;

    void begin(std::uint64_t step) {
        std::lock_guard const guard(mutex_);
        begun_.push_back(step);
    }
    /// The system under test promised that this step survives.
    void acknowledge(std::uint64_t step) {
        std::lock_guard const guard(mutex_);
        acknowledged_.push_back(step);
    }

    /// These are for snapshots, and for when no thread writes any more.
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
    mutable std::mutex         mutex_;
    std::vector<std::uint64_t> begun_, acknowledged_;
};

struct sweep_options {
    std::uint64_t stride          = 1;     ///< crash at each stride-th operation
    std::uint64_t most_states     = 4096;  ///< of one window; where there are more, they are sampled
    std::uint64_t seeds           = 3;     ///< seeded disk states of a window that is sampled
    std::uint64_t recovery_stride = 5;     ///< crash recovery at each of its recovery_stride-th operations; 0: never
    std::uint64_t recovery_seeds  = 2;     ///< seeded states of a window in which recovery is crashed
    std::uint64_t recovery_depth  = 1;     ///< crashes in recovery that follow one another; the stride grows with them
    std::uint64_t most_recovery_states = 8;  ///< of one window in recovery
    std::uint64_t seed                 = 1;
};

struct sweep_report {
    std::uint64_t operations      = 0;  ///< of the workload
    std::uint64_t cuts            = 0;  ///< operations at which the power was cut
    std::uint64_t windows         = 0;  ///< cuts whose states no other one includes
    std::uint64_t exhausted       = 0;  ///< windows of which every state was verified; the others were sampled
    std::uint64_t states          = 0;  ///< disk states that were verified after one crash
    std::uint64_t recovery_states = 0;  ///< disk states that were verified after a crash in recovery
    report        found;

    bool        passed() const noexcept { return operations > 0 && states > 0 && found.passed(); }
    std::string text() const {
        return std::to_string(operations) + " operations, cut at " + std::to_string(cuts) + " in " +
               std::to_string(windows) + " windows, " + std::to_string(exhausted) + " of them exhausted; " +
               std::to_string(states) + " + " + std::to_string(recovery_states) + " disk states, " +
               std::to_string(found.failed()) + " failed checks\n" + found.text();
    }
};

template <class W>
concept crash_workload =
    std::copy_constructible<W> && requires(W w, simulated_files disk, journal& j, journal const& cj, report& r) {
        w.run(disk, j);
        w.verify(disk, cj, r);
    };

namespace detail {

/// A power cut: the frozen world, and what had been promised.
struct crash_moment {
    std::string     place;
    std::uint64_t   number;
    simulated_files disk;
    journal         steps;
};

/// Runs `work` on `disk` and returns its windows.
template <class Work>
std::vector<crash_moment> crash_moments(simulated_files disk, journal const& steps, std::uint64_t first,
                                        std::uint64_t stride, std::string const& verb, std::uint64_t& cuts,
                                        Work&& work) {
    std::vector<crash_moment> out;
    bool       settled = true;  // since the last one, so that its states are not included in those of the next
    auto const add     = [&](crash_moment m) {
        ++cuts;
        auto const same = [&](crash_moment const& before) {
            return before.steps.begun().size() == m.steps.begun().size() &&
                   before.steps.acknowledged().size() == m.steps.acknowledged().size();
        };
        if (!settled && same(out.back())) out.pop_back();
        out.push_back(std::move(m));
        settled = false;
    };
    disk.watch([&](simulated_files frozen, bool settles) {
        auto const n = frozen.operations();
        settled      = settled || settles;
        if (n >= first && (n - first) % stride == 0)
            add({verb + " operation " + frozen.operation_text(n), n, frozen, steps});
    });
    work(disk);
    settled = true;
    disk.watch(nullptr);
    add({"after the last operation", disk.operations() + 1, disk.frozen(), steps});
    return out;
}

template <crash_workload W>
class crash_sweeper {
public:
    crash_sweeper(W const& workload, sweep_options const& options) : workload_(workload), options_(options) {}

    sweep_report sweep() {
        simulated_files disk;
        journal         steps;
        auto const      windows = crash_moments(disk, steps, 1, std::max<std::uint64_t>(1, options_.stride), "crash at",
                                                out_.cuts, [&](simulated_files const& on) { W(workload_).run(on, steps); });
        out_.operations         = disk.operations();
        out_.windows            = windows.size();
        out_.found.check(out_.operations > 0, "the workload does operations that a crash can hit");
        for (auto const& w : windows) explore(w, "", 0);
        return std::move(out_);
    }

private:
    using kept    = simulated_files::kept;
    using chooser = std::shared_ptr<power_loss_choices>;

    void explore(crash_moment const& m, std::string const& before, std::uint64_t depth) {
        auto const place = before + m.place;
        auto const most  = depth == 0 ? options_.most_states : options_.most_recovery_states;
        auto const one   = [&](chooser const& c) {
            auto const disk = m.disk.after_power_loss(c);
            verify(disk, m, depth, [&] { return place + ", choices " + c->text(); });
        };
        auto          in_turn = std::make_shared<power_loss_choices>();
        std::uint64_t n       = 0;
        bool          more    = true;
        do {
            one(in_turn);
            ++n;
            // Where the first walk shows that there are far too many, the time is better spent all over them.
            if (in_turn->combinations() > static_cast<double>(most)) break;
            more = in_turn->next();
        } while (more && n < most);
        out_.found.check(!in_turn->diverged(), place + ": verify does not do the same each time");
        if (depth == 0) out_.exhausted += !more;
        if (more) {
            one(std::make_shared<power_loss_choices>(power_loss_choices::newest()));
            for (std::uint64_t i = 0; i < (depth == 0 ? options_.seeds : options_.recovery_seeds); ++i)
                one(std::make_shared<power_loss_choices>(power_loss_choices::seeded(seed_of(m, i))));
            if (depth == 0)
                verify(m.disk.after_power_loss(kept::finished), m, depth,
                       [&] { return place + ", all finished operations kept"; });
        }
        if (depth >= options_.recovery_depth || options_.recovery_stride == 0) return;
        crash_again(m, place, depth, std::make_shared<power_loss_choices>());
        crash_again(m, place, depth, std::make_shared<power_loss_choices>(power_loss_choices::newest()));
        for (std::uint64_t i = 0; i < options_.recovery_seeds; ++i)
            crash_again(m, place, depth,
                        std::make_shared<power_loss_choices>(power_loss_choices::seeded(seed_of(m, i))));
    }

    std::uint64_t seed_of(crash_moment const& m, std::uint64_t i) const {
        return options_.seed * 1'000'003 + m.number * 101 + i;
    }

    /// Recovers from one state of `m`, with the power cut at each of its operations.
    void crash_again(crash_moment const& m, std::string const& place, std::uint64_t depth, chooser const& c) {
        std::uint64_t ignored = 0;
        auto const    stride  = options_.recovery_stride * (1 + 2 * depth);
        // The first crashed operation moves from state to state, so that a stride leaves none out for good.
        auto const windows = crash_moments(m.disk.after_power_loss(c), m.steps, 1 + turn_++ % stride, stride,
                                           "then recovery crashed at its", ignored, [&](simulated_files const& on) {
                                               W half(workload_);
                                               if constexpr (requires { half.recover(on); }) {
                                                   half.recover(on);
                                               } else {
                                                   report unused;
                                                   half.verify(on, m.steps, unused);
                                               }
                                           });
        auto const what    = place + ", choices " + c->text() + ", ";
        for (auto const& w : windows) explore(w, what, depth + 1);
    }

    template <class Name>
    void verify(simulated_files const& disk, crash_moment const& m, std::uint64_t depth, Name const& name) {
        ++(depth > 0 ? out_.recovery_states : out_.states);
        report one;
        W(workload_).verify(disk, m.steps, one);
        if (one.passed()) {
            out_.found.check(true, "");
            return;
        }
        out_.found.check(false,
                         name() + ": " + (one.failures().empty() ? "verify checked nothing" : one.failures().front()));
    }

    W const&             workload_;
    sweep_options const& options_;
    sweep_report         out_;
    std::uint64_t        turn_ = 0;
};

}  // namespace detail

template <crash_workload Workload>
sweep_report sweep_crashes(Workload const& workload, sweep_options const& options = {}) {
    return detail::crash_sweeper<Workload>(workload, options).sweep();
}

}  // namespace tenon::testing
