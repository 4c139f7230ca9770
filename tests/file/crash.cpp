// SPDX-License-Identifier: Apache-2.0
// The crash sweep, tried on a small log: it passes a right one and catches each way to get it wrong.
#include "tenon/testing/crash.hpp"
#include "tenon/core/hash.hpp"

#include <optional>

#include <doctest/doctest.h>

using namespace tenon;

namespace {

enum class mistake {
    none,
    no_sync,
    no_directory_sync,
    no_checksum,
    acknowledges_early,
    replaces_unsynced,
    recovery_appends
};

/// A log of 600-byte records (two sectors), and a file "last" that is replaced by rename at every fourth record.
struct small_log {
    mistake made = mistake::none;

    static constexpr std::uint64_t record_bytes = 600;

    static byte_vector record(std::uint64_t step) {
        byte_vector out;
        put(out, step);
        while (out.size() < record_bytes - 8) put(out, hash_u64(step + out.size()));
        put(out, sum(out));
        return out;
    }
    static std::uint64_t sum(byte_view bytes) {
        std::uint64_t h = 0;
        for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) h = hash_u64(h + load<std::uint64_t>(bytes.data() + i));
        return h;
    }
    /// The steps that the log holds, from the start up to the first record that is not whole.
    result<std::vector<std::uint64_t>> read(simulated_files disk) const {
        std::vector<std::uint64_t> out;
        auto                       f = disk.open("log", open_mode::read_only);
        if (!f && f.error().kind == errc::not_found) return out;
        if (!f) return fail(f.error());
        byte_vector one(record_bytes);
        for (std::uint64_t at = 0;; at += record_bytes) {
            auto const n = f->read_at(at, one);
            if (!n) return fail(n.error());
            if (*n < record_bytes) return out;
            auto const step = load<std::uint64_t>(one.data());
            if (made == mistake::no_checksum ? step == 0 : one != record(step)) return out;
            out.push_back(step);
        }
    }
    void run(simulated_files disk, testing::journal& steps) {
        auto f = disk.open("log", open_mode::create);
        if (!f || (made != mistake::no_directory_sync && !disk.sync_directory("."))) return;
        for (std::uint64_t step = 1; step <= 8; ++step) {
            steps.begin(step);
            if (made == mistake::acknowledges_early) steps.acknowledge(step);
            if (!f->write_at((step - 1) * record_bytes, record(step))) return;
            if (made != mistake::no_sync && !f->sync()) return;
            if (step % 4 == 0 && !replace(disk, step)) return;
            if (made != mistake::acknowledges_early) steps.acknowledge(step);
        }
    }
    bool replace(simulated_files disk, std::uint64_t step) const {
        auto f = disk.open("last.new", open_mode::create);
        return f && f->write_at(0, record(step)) && (made == mistake::replaces_unsynced || f->sync()) &&
               disk.rename("last.new", "last") && disk.sync_directory(".");
    }
    void recover(simulated_files disk) const {
        auto const steps = read(disk);
        if (!steps) return;
        auto f = disk.open("log", open_mode::create);
        if (!f || !disk.sync_directory(".")) return;
        // What is behind the last whole record goes, so that it cannot come back.
        if (!f->resize(steps->size() * record_bytes) || !f->sync()) return;
        // Not idempotent: each recovery adds a record.
        if (made == mistake::recovery_appends && f->write_at(steps->size() * record_bytes, record(99))) (void)f->sync();
    }
    void verify(simulated_files disk, testing::journal const& steps, testing::report& r) const {
        if (made != mistake::recovery_appends) recover(disk);
        auto const found = read(disk);
        if (!r.check(found.has_value(), "the log opens again")) return;
        auto const least = steps.acknowledged().size(), most = steps.begun().size();
        r.check(found->size() >= least,
                "acknowledged " + std::to_string(least) + ", found " + std::to_string(found->size()));
        r.check(found->size() <= most, "begun " + std::to_string(most) + ", found " + std::to_string(found->size()));
        auto log = disk.open("log", open_mode::read_only);
        for (std::size_t i = 0; i < found->size(); ++i) {
            byte_vector one(record_bytes);
            r.check(log && log->read_at(i * record_bytes, one) && one == record(i + 1),
                    "record " + std::to_string(i) + " is not what was written");
        }
        if (least >= 4) {
            auto        f = disk.open("last", open_mode::read_only);
            byte_vector one(record_bytes);
            r.check(f && f->read_at(0, one) && one == record(load<std::uint64_t>(one.data())), "'last' is whole");
        }
    }
};

static_assert(testing::crash_workload<small_log>);

}  // namespace

TEST_CASE("the sweep passes a log that is right, at every operation") {
    auto const swept = testing::sweep_crashes(small_log{});
    CHECK_MESSAGE(swept.passed(), swept.text());
    CHECK(swept.operations == 2 + 8 * 2 + 2 * 5);
    CHECK(swept.crash_points == swept.operations + 1);
    CHECK(swept.states == swept.crash_points * 6);
    CHECK(swept.recovery_states > swept.crash_points);
}

TEST_CASE("the sweep catches every mistake") {
    for (auto const m : {mistake::no_sync, mistake::no_directory_sync, mistake::no_checksum,
                         mistake::acknowledges_early, mistake::replaces_unsynced, mistake::recovery_appends}) {
        CAPTURE(static_cast<int>(m));
        auto const swept = testing::sweep_crashes(small_log{m});
        CHECK_FALSE(swept.passed());
        REQUIRE_FALSE(swept.found.failures().empty());
        CHECK(swept.found.failures().front().find("operation") != std::string::npos);
    }
}

TEST_CASE("a failure names operation, state and second crash, and can be had again from them") {
    auto const swept = testing::sweep_crashes(small_log{mistake::no_sync});
    auto const first = swept.found.failures().front();
    // Nothing was synced, so "nothing kept" after the last operation loses all.
    CHECK(first.find("after the last operation, nothing kept: acknowledged 8, found 0") == 0);

    auto const recovery = testing::sweep_crashes(small_log{mistake::recovery_appends});
    CHECK(recovery.text().find("then recovery crashed at its operation") != std::string::npos);
}

TEST_CASE("strides and seeds bound the work") {
    testing::sweep_options few;
    few.stride          = 10;
    few.seeds           = 1;
    few.recovery_stride = 0;
    auto const swept    = testing::sweep_crashes(small_log{}, few);
    CHECK(swept.passed());
    CHECK(swept.crash_points == 1 + 3);
    CHECK(swept.states == swept.crash_points * 4);
    CHECK(swept.recovery_states == 0);
}

TEST_CASE("a workload that does nothing, or does not repeat itself, does not pass") {
    struct idle {
        void run(simulated_files, testing::journal&) {}
        void verify(simulated_files, testing::journal const&, testing::report& r) { r.check(true, ""); }
    };
    CHECK_FALSE(testing::sweep_crashes(idle{}).passed());
    struct moody {
        std::shared_ptr<int> times = std::make_shared<int>(0);
        void                 run(simulated_files disk, testing::journal&) {
            for (int i = (*times)++; i < 3; ++i) (void)disk.make_directory(std::to_string(i));
        }
        void verify(simulated_files, testing::journal const&, testing::report& r) { r.check(true, ""); }
    };
    CHECK_FALSE(testing::sweep_crashes(moody{}).passed());
}
