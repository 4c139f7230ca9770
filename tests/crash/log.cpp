// SPDX-License-Identifier: Apache-2.0
// The log alone: records of every size, one writer and several, cut at every operation and in every state.
#include "sweep_amounts.hpp"
#include "tenon/core/hash.hpp"
#include "tenon/wal/segmented.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using tenon::simulated_files;
tenon::wal_options const log_options{.identity = 7, .segment_bytes = {8192}, .interval_ns = 5000, .threads = false};

/// A record says its step, and every other byte of it follows from that.
std::size_t size_of(std::uint64_t step) {
    static constexpr std::size_t sizes[] = {8, 9, 24, 460, 480, 488, 490, 512, 600, 1000, 1023, 2040, 4072, 9000};
    return sizes[tenon::hash_u64(step) % std::size(sizes)];
}
tenon::byte_vector record_of(std::uint64_t step) {
    tenon::byte_vector out(size_of(step));
    for (std::size_t i = 8; i < out.size(); ++i) out[i] = static_cast<std::byte>(tenon::hash_u64(step * 31 + i));
    std::memcpy(out.data(), &step, sizeof step);
    return out;
}

/// Threads writers of Steps records each; step t * 1000 + i is the i-th of writer t. One writer syncs in batches. In each life the log is
/// opened and closed, and the writers go on.
template <class Policy, std::uint64_t Writers, std::uint64_t Steps, std::uint64_t Lives = 1>
struct log_workload {
    using log_type                           = typename Policy::template log<simulated_files>;
    static constexpr tenon::survives promise = Policy::promise;

    static tenon::result<std::vector<std::uint64_t>> read(log_type& log, tenon::testing::report& r) {
        std::vector<std::uint64_t> out;
        auto const                 seen = log.replay({0}, [&](tenon::lsn, tenon::byte_view b) {
            auto const step = b.size() >= 8 ? tenon::load<std::uint64_t>(b.data()) : 0;
            auto const made = record_of(step);
            r.check(std::equal(b.begin(), b.end(), made.begin(), made.end()), "a record is not what was appended");
            out.push_back(step);
            return tenon::result<void>{};
        });
        if (!seen) return tenon::fail(seen.error());
        return out;
    }

    static void run(simulated_files disk, tenon::testing::journal& j) {
        for (std::uint64_t life = 0; life < Lives; ++life)
            live(disk, j, life * Steps / Lives, (life + 1) * Steps / Lives);
    }
    static void live(simulated_files disk, tenon::testing::journal& j, std::uint64_t before, std::uint64_t last) {
        auto                   log = log_type::open(disk, "log", log_options);
        tenon::testing::report unused;
        if (!log || !read(*log, unused)) return;
        auto const write = [&](std::uint64_t t) {
            std::uint64_t promised = before;
            for (std::uint64_t i = before + 1; i <= last; ++i) {
                j.begin(t * 1000 + i);
                auto const end = log->append(record_of(t * 1000 + i));
                if (!end) return;
                if (Writers == 1 && i % 4 == 2) continue;
                if (!log->sync(*end)) return;
                while (promised < i) j.acknowledge(t * 1000 + ++promised);
            }
        };
        std::vector<std::thread> others;
        for (std::uint64_t t = 1; t < Writers; ++t) others.emplace_back(write, t);
        write(0);
        for (auto& t : others) t.join();
        (void)log->sync_all();
    }
    static void recover(simulated_files disk) {
        tenon::testing::report unused;
        if (auto log = log_type::open(disk, "log", log_options)) (void)read(*log, unused);
    }
    static void verify(simulated_files disk, tenon::testing::journal const& j, tenon::testing::report& r) {
        std::vector<std::uint64_t> first;
        for (int time = 0; time < 3; ++time) {
            auto log = log_type::open(disk, "log", log_options);
            if (!r.check(log.has_value(), log ? "" : log.error().message)) return;
            auto found = read(*log, r);
            if (!r.check(found.has_value(), found ? "" : found.error().message)) return;
            if (time > 0) r.check(*found == first, "recovered again, the log has other records");
            first = *found;
            for (std::uint64_t t = 0; time == 0 && t < Writers; ++t) {
                std::uint64_t here = 0, acknowledged = 0, begun = 0;
                for (auto const step : *found)
                    if (step / 1000 == t) r.check(step % 1000 == ++here, "a record is missing or out of order");
                if (Policy::promise == tenon::survives::power_loss)
                    for (auto const step : j.acknowledged()) acknowledged += step / 1000 == t;
                for (auto const step : j.begun()) begun += step / 1000 == t;
                r.check(here >= acknowledged, "an acknowledged record is gone");
                r.check(here <= begun, "more records than were appended");
            }
            if (time == 1) {
                auto const more = record_of(999'999);
                auto const end  = log->append(more);
                if (!r.check(end && log->sync(*end), "the recovered log takes a record")) return;
                first.push_back(999'999);
            }
        }
    }
};

template <class Workload>
void sweep() {
    auto const swept = tenon::testing::sweep_crashes(Workload{}, sweep_amounts(8));
    MESSAGE(swept.text());
    CHECK_MESSAGE(swept.passed(), swept.text());
    // what is synced late has longer windows
    CHECK(swept.exhausted * (Workload::promise == tenon::survives::power_loss ? 2 : 4) > swept.windows);
}

}  // namespace

TEST_CASE_TEMPLATE("records of every size: what was acknowledged is there, in order, whatever the power cut left", Sync,
                   tenon::group_commit, tenon::sync_each_commit, tenon::no_sync) {
    sweep<log_workload<tenon::segmented_wal<Sync>, 1, 24>>();
}

TEST_CASE_TEMPLATE(
    "a log that is closed and opened again: its new epoch and the first record are whole, whatever the power cut left",
    Sync, tenon::group_commit, tenon::no_sync, tenon::as_asked) {
    sweep<log_workload<tenon::segmented_wal<Sync>, 1, 12, 4>>();
}

TEST_CASE("several writers at once: what each was promised is there, in its order, whatever the power cut left") {
    sweep<log_workload<tenon::segmented_wal<tenon::group_commit>, 3, 8>>();
}

namespace {
/// A clock that goes back at each look.
struct backward_files : simulated_files {
    explicit backward_files(simulated_files const& disk) : simulated_files(disk) {}
    std::uint64_t now_ns() { return ~simulated_files::now_ns(); }
};
}  // namespace

TEST_CASE("a clock that goes back costs no record") {
    simulated_files disk;
    {
        auto log = tenon::segmented_wal<tenon::sync_interval>::log<backward_files>::open(backward_files(disk), "log",
                                                                                         log_options);
        REQUIRE(log);
        REQUIRE(log->replay({0}, [](tenon::lsn, tenon::byte_view) { return tenon::result<void>{}; }));
        for (std::uint64_t i = 1; i <= 40; ++i) REQUIRE(log->sync(*log->append(record_of(i))));
    }
    // The process ends; what it was promised is there, and after a power cut whatever the last sync covered.
    for (auto const kept : {simulated_files::kept::finished, simulated_files::kept::nothing}) {
        auto log = tenon::segmented_wal<tenon::sync_interval>::log<simulated_files>::open(disk.after_power_loss(kept),
                                                                                          "log", log_options);
        REQUIRE(log);
        tenon::testing::report r;
        auto const             found = log_workload<tenon::segmented_wal<tenon::sync_interval>, 1, 1>::read(*log, r);
        REQUIRE(found);
        CHECK(r.passed());
        CHECK(found->size() == (kept == simulated_files::kept::finished ? 40 : found->size()));
        for (std::size_t i = 0; i < found->size(); ++i) CHECK((*found)[i] == i + 1);
    }
}
