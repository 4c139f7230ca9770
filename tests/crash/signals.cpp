// SPDX-License-Identifier: Apache-2.0
// Signals that interrupt system calls all the time: no call fails for that, nothing is written in part.
#include "../file/temporary_directory.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/page_store/checksummed.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/wal/segmented.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <string>
#include <vector>

#include <sys/time.h>

namespace {

volatile std::sig_atomic_t interrupts = 0;

/// SIGALRM every 50 microseconds of real time; interrupted calls are not taken up again by the kernel.
struct storm {
    struct sigaction before{};
    storm() {
        struct sigaction how{};
        how.sa_handler = [](int) { interrupts = interrupts + 1; };
        ::sigaction(SIGALRM, &how, &before);
        set(50);
    }
    ~storm() {
        set(0);
        ::sigaction(SIGALRM, &before, nullptr);
    }
    static void set(int microseconds) {
        itimerval const every{{0, microseconds}, {0, microseconds}};
        ::setitimer(ITIMER_REAL, &every, nullptr);
    }
};

}  // namespace

TEST_CASE("signals that interrupt calls all the time change nothing") {
    temporary_directory const dir;
    storm const               now;
    auto const                before = interrupts;
    tenon::wal_options const  options{.identity = 3, .segment_bytes = {65536}};
    auto const                record = [](std::uint64_t i) {
        return std::string(static_cast<std::size_t>(1 + i * 971 % 30'000), static_cast<char>('a' + i % 26));
    };
    using log_type = tenon::segmented_wal<>::log<tenon::posix_files>;
    for (int time = 0; time < 2; ++time) {
        auto log = log_type::open({}, dir.path + "/log", options);
        REQUIRE(log);
        std::uint64_t n    = 0;
        auto const    seen = log->replay({0}, [&](tenon::lsn, tenon::byte_view b) {
            CHECK(tenon::as_chars(b) == record(n++));
            return tenon::result<void>{};
        });
        REQUIRE_MESSAGE(seen, seen.error().message);
        CHECK(n == (time == 0 ? 0 : 120));
        for (std::uint64_t i = 0; time == 0 && i < 120; ++i) {
            auto const end  = log->append(tenon::as_bytes(record(i)));
            auto const done = log->sync(*end);
            REQUIRE_MESSAGE(done, done.error().message);
        }
    }
    using store_type = tenon::checksummed<tenon::file_store<>>::store<tenon::posix_files>;
    std::vector<tenon::extent> made;
    for (int time = 0; time < 2; ++time) {
        auto store = store_type::open({}, dir.path + "/pages", {"signals", true, false});
        REQUIRE_MESSAGE(store, store.error().message);
        REQUIRE(store->retain(made));
        for (std::uint64_t i = 0; time == 0 && i < 60; ++i) {
            auto const e = store->write(tenon::as_bytes(record(i) + record(i + 1)));
            REQUIRE_MESSAGE(e, e.error().message);
            made.push_back(*e);
            auto const done = store->publish(tenon::as_bytes(record(i)));
            REQUIRE_MESSAGE(done, done.error().message);
        }
        auto const root = store->root();
        CHECK(tenon::as_chars(root) == record(59));
        for (std::uint64_t i = 0; i < made.size(); ++i) {
            auto const view = store->read(made[i]);
            REQUIRE_MESSAGE(view, view.error().message);
            CHECK(tenon::as_chars(view->bytes()) == record(i) + record(i + 1));
        }
    }
    CHECK(interrupts - before > 20);
}
