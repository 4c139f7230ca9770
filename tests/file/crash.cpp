// SPDX-License-Identifier: Apache-2.0
// The crash sweep, tried on a small log: it passes a right one and catches each way to get it wrong.
#include "tenon/testing/crash.hpp"
#include "tenon/core/hash.hpp"

#include <optional>
#include <thread>

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

TEST_CASE("the sweep passes a log that is right, at every operation and in every state") {
    testing::sweep_options deep;
    deep.recovery_depth = 2;
    auto const swept    = testing::sweep_crashes(small_log{}, deep);
    MESSAGE(swept.text());
    CHECK_MESSAGE(swept.passed(), swept.text());
    CHECK(swept.operations == 2 + 8 * 2 + 2 * 5);
    CHECK(swept.cuts == swept.operations + 1);
    CHECK(swept.windows < swept.cuts);
    CHECK(swept.exhausted == swept.windows);
    CHECK(swept.states > 4 * swept.windows);
    CHECK(swept.recovery_states > swept.states);
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
    REQUIRE_FALSE(swept.found.failures().empty());
    // The first record was acknowledged, and nothing of it is there when the second is written.
    auto const first = swept.found.failures().front();
    CHECK(first.find("crash at operation 4 (write 'log' 600 bytes at offset 600), choices 0/") == 0);
    CHECK(first.find("acknowledged 1, found 0") != std::string::npos);

    auto const recovery = testing::sweep_crashes(small_log{mistake::recovery_appends});
    CHECK(recovery.text().find("then recovery crashed at its operation") != std::string::npos);
}

TEST_CASE("strides, bounds and seeds bound the work") {
    testing::sweep_options few;
    few.stride          = 10;
    few.seeds           = 1;
    few.most_states     = 2;
    few.recovery_stride = 0;
    auto const swept    = testing::sweep_crashes(small_log{}, few);
    CHECK_MESSAGE(swept.passed(), swept.text());
    CHECK(swept.cuts == 1 + 3);
    CHECK(swept.windows == swept.cuts);
    CHECK(swept.states <= swept.windows * (2 + 3));
    CHECK(swept.recovery_states == 0);
}

TEST_CASE("a workload that does nothing, or a check that does not repeat itself, does not pass") {
    struct idle {
        void run(simulated_files, testing::journal&) {}
        void verify(simulated_files, testing::journal const&, testing::report& r) { r.check(true, ""); }
    };
    CHECK_FALSE(testing::sweep_crashes(idle{}).passed());
    struct blind {
        void run(simulated_files disk, testing::journal&) { (void)disk.make_directory("d"); }
        void verify(simulated_files, testing::journal const&, testing::report&) {}
    };
    CHECK_FALSE(testing::sweep_crashes(blind{}).passed());
    struct moody {
        std::shared_ptr<int> times = std::make_shared<int>(0);
        void                 run(simulated_files disk, testing::journal&) {
            auto f = disk.open("x", open_mode::create);
            (void)disk.sync_directory(".");
            (void)f->write_at(0, byte_vector(2000, std::byte{1}));
            (void)f->sync();
            (void)f->write_at(0, byte_vector(2000, std::byte{2}));
        }
        void verify(simulated_files disk, testing::journal const&, testing::report& r) {
            auto f = disk.open("x", open_mode::read_only);
            r.check(true, "");
            if (!f || (*times)++ % 3 == 2) return;
            byte_vector bytes(2000);
            (void)f->read_at(0, bytes);
        }
    };
    auto const swept = testing::sweep_crashes(moody{});
    CHECK_FALSE(swept.passed());
    CHECK(swept.text().find("does not do the same each time") != std::string::npos);
}

TEST_CASE("a workload with threads is swept: each record that a thread was promised is there") {
    struct writers {
        static std::string name(std::uint64_t thread) { return "log " + std::to_string(thread); }
        void               run(simulated_files disk, testing::journal& steps) {
            std::vector<std::thread> threads;
            for (std::uint64_t t = 0; t < 3; ++t)
                threads.emplace_back([&steps, disk, t]() mutable {
                    auto f = disk.open(name(t), open_mode::create);
                    if (!f || !disk.sync_directory(".")) return;
                    for (std::uint64_t i = 0; i < 5; ++i) {
                        steps.begin(t * 100 + i);
                        if (!f->write_at(i * 512, small_log::record(i + 1)) || !f->sync()) return;
                        steps.acknowledge(t * 100 + i);
                    }
                });
            for (auto& t : threads) t.join();
        }
        void verify(simulated_files disk, testing::journal const& steps, testing::report& r) {
            r.check(true, "");
            for (auto const step : steps.acknowledged()) {
                auto        f = disk.open(name(step / 100), open_mode::read_only);
                byte_vector first(512);
                auto const  whole = small_log::record(step % 100 + 1);
                r.check(
                    f && f->read_at(step % 100 * 512, first) && std::equal(first.begin(), first.end(), whole.begin()),
                    "a promised record is gone");
            }
        }
    };
    auto const swept = testing::sweep_crashes(writers{});
    CHECK_MESSAGE(swept.passed(), swept.text());
    CHECK(swept.operations == 3 * 12);
}
