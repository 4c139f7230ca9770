// SPDX-License-Identifier: Apache-2.0
// A world that refuses: nothing acknowledged is lost, the log is poisoned, every waiter hears of it.
#include "tenon/file/direct.hpp"
#include "tenon/file/faulty.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/file/simulated.hpp"
#include "tenon/wal/archetype.hpp"
#include "tenon/wal/segmented.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace tenon;

namespace {

wal_options const options{.identity = 1, .segment_bytes = {8192}, .threads = false};
auto const        ignore = [](lsn, byte_view) { return result<void>{}; };

/// A memory world whose syncs are counted and can be held. `lose` loses a page, as a disk does: the kernel tells of it once, to the sync of that
/// file that asks first. Direct: each write past the page cache is flushed by itself, and told of itself.
template <bool Direct>
struct gated_files {
    struct gate {
        std::mutex              mutex;
        std::condition_variable changed;
        bool                    closed    = false;
        int                     most_held = 1'000'000;  // the others pass a closed gate
        bool                    told      = false;      // of a lost page before the gate, else behind it
        bool                    lost      = false;
        std::string             held;  // the file whose sync was held last, which loses the page
        int                     waiting = 0, syncs = 0;

        result<void> pass(std::string const& path) {
            std::unique_lock hold(mutex);
            ++syncs;
            bool const waits = waiting < most_held && closed;
            if (waits) held = path;
            bool failed = told && held == path && std::exchange(lost, false);
            if (waits) {
                ++waiting;
                changed.notify_all();
                changed.wait(hold, [&] { return !closed; });
                --waiting;
            }
            if (!told && held == path) failed = std::exchange(lost, false);
            return failed ? result<void>(fail(errc::io, "the page was lost")) : result<void>{};
        }
        void open() {
            std::lock_guard const hold(mutex);
            closed = false;
            changed.notify_all();
        }
        void close() {
            std::lock_guard const hold(mutex);
            closed = true;
        }
        void lose() {
            std::lock_guard const hold(mutex);
            lost = true;
        }
        /// False: they do not come.
        bool wait_for(int n) {
            std::unique_lock hold(mutex);
            return changed.wait_for(hold, std::chrono::minutes(1), [&] { return waiting == n; });
        }
    };
    using policy_axis                      = axis::file;
    static constexpr std::string_view name = "gated";
    struct file {
        memory_files::file    base;
        std::shared_ptr<gate> at;

        result<std::size_t>   read_at(std::uint64_t o, std::span<std::byte> to) const { return base.read_at(o, to); }
        result<void>          write_at(std::uint64_t o, byte_view b) { return base.write_at(o, b); }
        result<std::uint64_t> size() const { return base.size(); }
        result<void>          resize(std::uint64_t n) { return base.resize(n); }
        result<void>          lock() { return base.lock(); }
        std::string           path() const { return base.path(); }
        result<void>          sync() { return at->pass(path()); }
    };
    struct flushed_file {
        file f;

        std::size_t  block_bytes() const noexcept { return 4096; }
        write_mode   mode() const noexcept { return write_mode::direct; }
        result<void> write(std::uint64_t offset, byte_view bytes, flush how) {
            if (auto done = f.write_at(offset, bytes); !done) return done;
            return how == flush::yes ? f.sync() : result<void>{};
        }
        result<void> sync() { return f.sync(); }
        std::string  path() const { return f.path(); }
    };
    memory_files          base;
    std::shared_ptr<gate> at = std::make_shared<gate>();

    using direct_file = std::conditional_t<Direct, flushed_file, cached_writes<file>>;
    using write_queue = inline_queue<direct_file>;

    result<direct_file> open_direct(std::string const& path) {
        auto opened = open(path, open_mode::read_write);
        if (!opened) return fail(std::move(opened).error());
        return direct_file{std::move(*opened)};
    }
    std::unique_ptr<write_queue> make_queue(std::size_t) { return std::make_unique<write_queue>(); }
    result<file>                 open(std::string const& path, open_mode mode) {
        auto opened = base.open(path, mode);
        if (!opened) return fail(std::move(opened).error());
        return file{std::move(*opened), at};
    }
    result<bool>                     exists(std::string const& p) { return base.exists(p); }
    result<void>                     remove(std::string const& p) { return base.remove(p); }
    result<void>                     rename(std::string const& a, std::string const& b) { return base.rename(a, b); }
    result<void>                     make_directory(std::string const& p) { return base.make_directory(p); }
    result<std::vector<std::string>> list(std::string const& p) { return base.list(p); }
    result<void>                     sync_directory(std::string const& p) { return base.sync_directory(p); }
    std::uint64_t                    now_ns() { return 0; }
};
static_assert(file_system<gated_files<true>> && file_system<gated_files<false>>);

}  // namespace

TEST_CASE(
    "every call that can fail, fails once: the error is handed on and what was acknowledged is there after reopening") {
    for (auto kind : {fault_kind::io, fault_kind::full, fault_kind::short_write}) {
        for (std::uint64_t n = 1;; ++n) {
            CAPTURE(n);
            CAPTURE(static_cast<int>(kind));
            memory_files         disk;
            faulty<memory_files> fs(disk);
            fs.faults().fail_nth(n, {kind, 100});
            std::vector<std::string> acknowledged, appended;
            bool                     failed = false, struck = false;
            {
                auto log = segmented_wal<>::log<faulty<memory_files>>::open(fs, "/log", options);
                failed   = !log || !log->replay({0}, ignore);
                for (int i = 0; i < 30 && !failed; ++i) {
                    std::string const record(700, static_cast<char>('A' + i));
                    auto              end = log->append(as_bytes(record));
                    if (!end && kind != fault_kind::io) {  // refused: nothing of it is there, and the next one is taken
                        failed = true;
                        CHECK(end.error().kind == errc::full);
                        end = log->append(as_bytes(record));
                        REQUIRE(end);
                    }
                    if (!end) {
                        failed = true;
                        CHECK(end.error().kind == errc::io);
                        CHECK(log->append(as_bytes("x")).error().kind == errc::poisoned);
                        CHECK(log->reserve(1).error().kind == errc::poisoned);
                        continue;
                    }
                    appended.push_back(record);
                    auto const done = log->sync(*end);
                    if (done) {
                        acknowledged = appended;
                        continue;
                    }
                    failed = true;
                    CHECK((done.error().kind == (kind == fault_kind::io ? errc::io : errc::full)));
                    auto const later = log->append(as_bytes("x"));
                    REQUIRE_FALSE(later);
                    CHECK(later.error().kind == errc::poisoned);
                    CHECK(log->sync(*end).error().kind == errc::poisoned);
                    CHECK(log->sync_all().error().kind == errc::poisoned);
                }
                struck = fs.faults().struck() > 0;
            }
            if (fs.faults().struck() == 0) {
                CHECK(n > 100);
                break;
            }
            CHECK(failed == struck);  // the mark of a clean close may fail: it only makes opening faster
            auto log = segmented_wal<>::log<memory_files>::open(disk, "/log", options);
            REQUIRE_MESSAGE(log, log.error().message);
            std::vector<std::string> found;
            auto const               seen = log->replay({0}, [&](lsn, byte_view b) {
                found.emplace_back(as_chars(b));
                return result<void>{};
            });
            REQUIRE_MESSAGE(seen, seen.error().message);
            REQUIRE(found.size() >= acknowledged.size());
            REQUIRE(found.size() <= appended.size());
            CHECK(std::equal(found.begin(), found.end(), appended.begin()));
        }
    }
}

TEST_CASE("a full disk while the next segment is made ahead is no error; the append that needs it is refused") {
    memory_files         disk;
    faulty<memory_files> fs(disk);
    auto                 log = segmented_wal<>::log<faulty<memory_files>>::open(fs, "/log", options);
    REQUIRE(log);
    REQUIRE(log->replay({0}, ignore));
    fs.faults().fail_from(1, {fault_kind::full, 0});
    CHECK(log->prepare());
    auto const before = log->end();
    auto const end    = log->append(as_bytes(std::string(5000, 'x')));
    REQUIRE_FALSE(end);
    CHECK(end.error().kind == errc::full);
    CHECK(log->end() == before);
    CHECK(log->reserve(5000).error().kind == errc::full);
}

namespace {

/// Fills a log until nothing fits, with the calls of each kind that make a segment saying that the disk is full; then there is space again.
template <class Policy, bool WithCallback>
void fill_and_free() {
    std::size_t kinds = 0;  // of calls that were made, and failed
    for (auto const call : {file_call::open, file_call::size, file_call::write, file_call::direct_write,
                            file_call::sync, file_call::rename, file_call::sync_directory}) {
        CAPTURE(to_string(call));
        simulated_files          disk;
        faulty<simulated_files>  fs(disk);
        std::vector<std::string> appended;
        std::size_t              called = 0;
        {
            auto log = Policy::template log<faulty<simulated_files>>::open(fs, "log", options);
            REQUIRE(log);
            REQUIRE(log->replay({0}, ignore));
            auto const put = [&](std::size_t bytes) -> result<lsn> {
                std::string const record(bytes, static_cast<char>('a' + appended.size() % 26));
                result<lsn>       end;
                if constexpr (WithCallback)
                    end = log->append(as_bytes(record), [&](result<void> const& done) { called += done.has_value(); });
                else end = log->append(as_bytes(record));
                if (end) appended.push_back(record);
                return end;
            };
            for (int i = 0; i < 3; ++i) REQUIRE(log->sync(*put(500)));
            fs.faults().fail_from(call, 1, {fault_kind::full, 0});
            auto const before = log->end();
            auto const failed = put(20'000);
            if (fs.faults().struck() > 0) {
                ++kinds;
                REQUIRE_FALSE(failed);
                CHECK(failed.error().kind == errc::full);
                CHECK(log->end() == before);
                auto const files = disk.list("log")->size();
                for (int i = 0; i < 3; ++i) CHECK(put(20'000).error().kind == errc::full);
                CHECK(disk.list("log")->size() == files);  // what could not be made is not left there
            } else {
                REQUIRE(failed);
            }
            // readers go on: what was acknowledged is there, seen from outside
            auto reader_options      = options;
            reader_options.read_only = true;
            auto reader              = Policy::template log<simulated_files>::open(disk, "log", reader_options);
            REQUIRE(reader);
            std::size_t seen = 0;
            REQUIRE(reader->replay({0}, [&](lsn, byte_view) {
                ++seen;
                return result<void>{};
            }));
            CHECK(seen >= 3);
            fs.faults().clear();
            REQUIRE(log->sync(*put(20'000)));
            REQUIRE(log->sync(*put(100)));
        }
        if (WithCallback) CHECK(called == appended.size());
        for (auto const kept : {simulated_files::kept::nothing, simulated_files::kept::everything}) {
            auto log = Policy::template log<simulated_files>::open(disk.after_power_loss(kept), "log", options);
            REQUIRE(log);
            std::vector<std::string> found;
            auto const               seen = log->replay({0}, [&](lsn, byte_view b) {
                found.emplace_back(as_chars(b));
                return result<void>{};
            });
            REQUIRE_MESSAGE(seen, seen.error().message);
            if (Policy::promise == survives::power_loss || kept == simulated_files::kept::everything)
                CHECK(found == appended);
        }
    }
    CHECK(kinds >= 4);
}

/// `at_once` commits begin a write each, which is held up; `then` more wait, and share the next.
template <class Policy>
void commits_share(int at_once, int then) {
    using world = gated_files<true>;
    world fs;
    auto  log =
        segmented_wal<Policy>::template log<world>::open(fs, "/log", {.segment_bytes = {1u << 20}, .threads = false});
    REQUIRE(log);
    REQUIRE(log->replay({0}, ignore));
    auto&     gate   = *fs.at;
    int const before = gate.syncs;
    gate.close();
    std::atomic<int>         done{0};
    std::vector<std::thread> threads;
    auto                     commit = [&] {
        auto const end = log->append(as_bytes("record"));
        if (end && log->sync(*end)) ++done;
    };
    for (int t = 1; t <= at_once; ++t) {
        threads.emplace_back(commit);
        REQUIRE(gate.wait_for(t));
    }
    for (int t = 0; t < then; ++t) threads.emplace_back(commit);
    while (log->stats().appended_records < static_cast<std::uint64_t>(at_once + then)) std::this_thread::yield();
    CHECK(done == 0);
    gate.open();
    for (auto& t : threads) t.join();
    CHECK(done == at_once + then);
    CHECK(gate.syncs == before + at_once + 1);
    CHECK(log->stats().most_under_way == static_cast<std::uint64_t>(at_once));
}

/// While the sync of one commit is held, a page of it is lost, and another thread appends and syncs, over several segments.
template <class Policy>
void lost_beside_another_sync(bool told_before) {
    using world = gated_files<false>;
    CAPTURE(Policy::name);
    CAPTURE(told_before);
    world fs;
    auto  log = segmented_wal<Policy>::template log<world>::open(
        fs, "/log", {.identity = 1, .segment_bytes = {1u << 15}, .threads = false});
    REQUIRE(log);
    REQUIRE(log->replay({0}, ignore));
    REQUIRE(log->sync(*log->append(as_bytes(std::string(3000, '0'))), durability::durable));
    auto const durable = log->durable_end();
    auto&      gate    = *fs.at;
    gate.most_held = 1, gate.told = told_before;
    if (told_before) gate.lose();
    gate.close();

    struct outcome {
        std::atomic<std::size_t> acknowledged{0};
        std::optional<error>     failure;
        std::atomic<bool>        over{false};
    } first, second;
    auto const commit = [&](outcome& out, int times) {
        for (int i = 0; i < times && !out.failure; ++i) {
            auto const end  = log->append(as_bytes(std::string(3000, 'r')));
            auto const done = end ? log->sync(*end, durability::durable) : result<void>(fail(end.error()));
            if (done) ++out.acknowledged;
            else out.failure = done.error();
        }
        out.over = true;
    };
    std::thread one([&] { commit(first, 1); });
    REQUIRE(gate.wait_for(1));
    if (!told_before) gate.lose();
    std::thread other([&] { commit(second, 12); });
    // A log that is right has the second wait for the first, however long; one that is not gets a moment to be wrong in.
    for (int i = 0; i < 1000 && !second.over; ++i) std::this_thread::sleep_for(std::chrono::microseconds(50));
    CHECK(second.acknowledged == 0);
    gate.open();
    one.join();
    other.join();
    for (auto const* out : {&first, &second}) {
        CHECK(out->acknowledged == 0);
        REQUIRE(out->failure);
        CHECK((out->failure->kind == errc::io || out->failure->kind == errc::poisoned));
    }
    CHECK(log->durable_end() == durable);
    CHECK_FALSE(log->sync_all());
    CHECK(log->append(as_bytes("later")).error().kind == errc::poisoned);
    CHECK(log->reserve(1).error().kind == errc::poisoned);
    CHECK(log->durable_end() == durable);
}

}  // namespace

TEST_CASE("a log on a full disk refuses a record before any part of it has a place, and goes on when there is space") {
    fill_and_free<segmented_wal<>, false>();
    fill_and_free<segmented_wal<>, true>();
    fill_and_free<segmented_wal<sync_each_commit>, false>();
    fill_and_free<segmented_wal<no_sync>, false>();
}

namespace {

/// Records that are in the kernel alone, left by a process that was killed, or closed: a log that is opened shows them.
template <class Policy>
void shown_is_kept() {
    for (bool const closed : {false, true})
        for (std::size_t n = 25; n < 40; ++n) {  // within a segment, over its end, within the next
            CAPTURE(Policy::name);
            CAPTURE(closed);
            CAPTURE(n);
            using log_type = typename segmented_wal<Policy>::template log<simulated_files>;
            auto o         = options;
            o.interval_ns  = ~std::uint64_t{0};
            simulated_files         disk;
            std::optional<log_type> before(*log_type::open(disk, "log", o));
            REQUIRE(before->replay({0}, ignore));
            for (std::size_t i = 0; i < n; ++i)
                REQUIRE(before->sync(*before->append(as_bytes(std::string(100, 'r'))), durability::to_kernel));
            if (closed) before.reset();
            auto       after = log_type::open(disk, "log", o);
            auto const shown = after->replay({0}, ignore);
            REQUIRE_MESSAGE(shown, shown.error().message);
            CHECK(shown->records == n);
            auto       left = log_type::open(disk.after_power_loss(simulated_files::kept::nothing), "log", o);
            auto const kept = left->replay({0}, ignore);
            REQUIRE_MESSAGE(kept, kept.error().message);
            CHECK(kept->records == n);
        }
}

}  // namespace

TEST_CASE("what a log has shown at opening is there after a power loss, though it was in the kernel alone before") {
    shown_is_kept<no_sync>();
    shown_is_kept<sync_interval>();
    shown_is_kept<as_asked>();
}

TEST_CASE("appends of several threads on a full disk are each taken or refused, and none is lost") {
    memory_files             disk;
    faulty<memory_files>     fs(disk);
    wal_options const        with_helpers{.identity = 1, .segment_bytes = {8192}};
    std::atomic<std::size_t> taken{0}, refused{0}, wrong{0};
    {
        auto log = segmented_wal<>::log<faulty<memory_files>>::open(fs, "/log", with_helpers);
        REQUIRE(log->replay({0}, ignore));
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t)
            threads.emplace_back([&, t] {
                for (int i = 0; i < 300; ++i) {
                    if (t == 0 && i % 100 == 50) fs.faults().fail_from(file_call::rename, 1, {fault_kind::full, 0});
                    if (t == 0 && i % 100 == 90) fs.faults().clear();
                    auto const end = log->append(as_bytes(std::string(400, 'x')));
                    if (!end) {
                        ++(end.error().kind == errc::full ? refused : wrong);
                        continue;
                    }
                    ++taken;
                    wrong += !log->sync(*end);
                }
            });
        for (auto& t : threads) t.join();
        CHECK(wrong == 0);
        CHECK(refused > 0);
        REQUIRE(log->sync(*log->append(as_bytes("last"))));
    }
    auto        log = segmented_wal<>::log<memory_files>::open(disk, "/log", with_helpers);
    std::size_t n   = 0;
    REQUIRE(log->replay({0}, [&](lsn, byte_view) {
        ++n;
        return result<void>{};
    }));
    CHECK(n == taken + 1);
}

TEST_CASE("commits begin writes of their own while few are under way, and those that wait then share one") {
    commits_share<group_commit>(static_cast<int>(group_commit::under_way), 5);
}

TEST_CASE("with one write under way at a time, commits that wait for it share the next") {
    commits_share<sync_each_commit>(1, 8);
}

TEST_CASE("a sync that fails beside another sync acknowledges nobody, whichever of the two the kernel tells") {
    for (bool const told_before : {false, true}) {
        lost_beside_another_sync<group_commit>(told_before);
        lost_beside_another_sync<sync_each_commit>(told_before);
        lost_beside_another_sync<sync_interval>(told_before);
        lost_beside_another_sync<no_sync>(told_before);
        lost_beside_another_sync<as_asked>(told_before);
    }
}

TEST_CASE(
    "sync_interval goes to the medium when the interval has passed, no_sync only when told to, sync_each_commit each "
    "time") {
    auto const syncs_of = [](auto policy, std::uint64_t interval) {
        memory_files fs;
        auto         log = segmented_wal<decltype(policy)>::template log<memory_files>::open(
            fs, "/log", {.segment_bytes = {1u << 20}, .interval_ns = interval});
        REQUIRE(log->replay({0}, ignore));
        auto const before = log->stats().syncs;
        for (int i = 0; i < 10; ++i) REQUIRE(log->sync(*log->append(as_bytes("x"))));
        auto const after = log->stats().syncs - before;
        auto const last  = *log->append(as_bytes("x"));
        REQUIRE(log->sync_all());
        CHECK(log->stats().syncs == before + after + 1);
        REQUIRE(log->sync(last));
        CHECK(log->stats().syncs == before + after + 1);
        return after;
    };
    CHECK(syncs_of(sync_interval{}, 0) == 10);
    CHECK(syncs_of(sync_interval{}, ~std::uint64_t{0}) == 0);
    CHECK(syncs_of(no_sync{}, 0) == 0);
    CHECK(syncs_of(sync_each_commit{}, 0) == 10);
    CHECK(syncs_of(group_commit{}, 0) == 10);
}

TEST_CASE("released segments are used again, and a record larger than a segment spans several") {
    memory_files fs;
    auto         log = segmented_wal<>::log<memory_files>::open(fs, "/log", options);
    REQUIRE(log->replay({0}, ignore));
    std::size_t files = 0;
    for (int i = 0; i < 200; ++i) {
        auto const end = log->append(as_bytes(std::string(i == 100 ? 100'000 : 1000, 'r')));
        REQUIRE(log->sync(*end));
        REQUIRE(log->release(*end));
        CHECK(log->stats().segments <= 2);
        if (i < 100) CHECK(fs.list("/log")->size() <= 3);
        if (i == 102) files = fs.list("/log")->size();
        if (i > 102) CHECK(fs.list("/log")->size() == files);
    }
    CHECK(log->stats().live_bytes <= 8192);
}

TEST_CASE("more than a few megabytes that nobody syncs are handed to the kernel") {
    memory_files fs;
    auto         log = segmented_wal<no_sync>::log<memory_files>::open(fs, "/log", {.segment_bytes = {1u << 20}});
    REQUIRE(log->replay({0}, ignore));
    for (int i = 0; i < 12; ++i) REQUIRE(log->append(as_bytes(std::string(900'000, 'm'))));
    CHECK(log->stats().segments > 5);
}

TEST_CASE("a record above 1 GiB, a segment size too small and a call before replay are refused") {
    memory_files fs;
    CHECK(segmented_wal<>::log<memory_files>::open(fs, "/log", {.segment_bytes = {4096}}).error().kind ==
          errc::invalid_argument);
    auto log = segmented_wal<>::log<memory_files>::open(fs, "/log/", options);
    REQUIRE(log->replay({0}, ignore));
    std::byte  one{};
    auto const big = log->append(byte_view(&one, (std::size_t{1} << 30) + 1));  // never looked at
    CHECK(big.error().kind == errc::too_large);
}
