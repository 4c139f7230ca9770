// SPDX-License-Identifier: Apache-2.0
// Logs and real processes: what was handed to the kernel survives kill -9; a reader in another process.
#include "tenon/core/prng.hpp"
#include "tenon/file/faulty.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/testing/kill.hpp"
#include "tenon/wal/segmented.hpp"
#include "tenon/wal/tail.hpp"

#include <doctest/doctest.h>

#include "scratch.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

using namespace tenon;

namespace {

auto const  ignore = [](lsn, byte_view) { return result<void>{}; };
std::string numbered(std::uint64_t i) {
    return std::to_string(i) +
           std::string(static_cast<std::size_t>(1 + hash_u64(i) % 300), static_cast<char>('a' + i % 26));
}
bool all() { return std::getenv("TENON_TEST_ALL") != nullptr; }

/// Appends numbered records after those that are there until it is killed, each promised to a journal.
template <class Policy, class FS>
int write_on(FS fs, std::string const& path, testing::kill_journal& journal, durability level, bool threads) {
    auto log =
        Policy::template log<FS>::open(fs, path, {.identity = 5, .segment_bytes = {1u << 16}, .threads = threads});
    std::uint64_t n = 0;
    if (!log || !log->replay({0}, [&](lsn, byte_view) {
            ++n;
            return result<void>{};
        }))
        return 1;
    for (;; ++n) {
        journal.begin(n + 1);
        auto const end = log->append(as_bytes(numbered(n)));
        if (!end || !log->sync(*end, level)) return 2;
        journal.acknowledge(n + 1);
    }
}

template <class Policy>
void kill_and_look(durability level, std::uint64_t kills) {
    scratch const folder;
    auto          journal = testing::kill_journal::open(folder / "journal");
    REQUIRE(journal);
    prng random(17);
    for (std::uint64_t k = 0; k < kills; ++k) {
        CAPTURE(k);
        auto const before = journal->acknowledged();
        auto const ended  = testing::kill_while(
            [&] { return write_on<Policy>(posix_files{}, folder / "log", *journal, level, k % 2 == 0); },
            std::chrono::microseconds(random.below(3000)), [&] { return journal->acknowledged() > before + 50; });
        REQUIRE(ended.killed);
        auto log = Policy::template log<posix_files>::open({}, folder / "log", {.identity = 5, .read_only = true});
        REQUIRE(log);
        std::uint64_t n    = 0;
        auto const    seen = log->replay({0}, [&](lsn, byte_view b) {
            if (as_chars(b) != numbered(n)) return result<void>(fail(errc::corrupt, "another record"));
            ++n;
            return result<void>{};
        });
        REQUIRE_MESSAGE(seen, seen.error().message);
        CHECK(n >= journal->acknowledged());
        CHECK(n <= journal->begun());
    }
}

}  // namespace

TEST_CASE("a process that is killed loses nothing that was handed to the kernel") {
    auto const kills = all() ? 300u : 12u;
    kill_and_look<segmented_wal<no_sync>>(durability::to_kernel, kills);
    kill_and_look<segmented_wal<as_asked>>(durability::to_kernel, kills);
    kill_and_look<segmented_wal<sync_interval>>(durability::to_kernel, kills);
    kill_and_look<segmented_wal<>>(durability::durable, kills / 2);
}

TEST_CASE("a process that dies within a store into the log, or at a call for its next segment, leaves whole records") {
    for (auto call : {file_call::write, file_call::sync, file_call::rename, file_call::open, file_call::sync_directory})
        for (std::uint64_t n = 3; n < 40; n += 9) {
            CAPTURE(to_string(call));
            CAPTURE(n);
            scratch const folder;
            auto          journal = testing::kill_journal::open(folder / "journal");
            REQUIRE(journal);
            auto const ended = testing::kill_while([&] {
                faulty<posix_files> fs;
                fs.faults().fail_nth(call, call == file_call::write ? n * 7 : n, {fault_kind::kill, n * 5});
                return write_on<segmented_wal<no_sync>>(fs, folder / "log", *journal, durability::to_kernel, false);
            });
            REQUIRE(ended.killed);
            auto log = segmented_wal<no_sync>::log<posix_files>::open({}, folder / "log", {.identity = 5});
            REQUIRE(log);
            std::uint64_t seen = 0;
            auto const    done = log->replay({0}, [&](lsn, byte_view b) {
                CHECK(as_chars(b) == numbered(seen++));
                return result<void>{};
            });
            REQUIRE_MESSAGE(done, done.error().message);
            CHECK(seen >= journal->acknowledged());
        }
}

TEST_CASE(
    "a reader in another process sees what is written, in order, over recycled segments and kills of the writer") {
    for (int kind = 0; kind < 2; ++kind) {
        CAPTURE(kind);
        scratch const folder;
        auto          journal = testing::kill_journal::open(folder / "journal");
        REQUIRE(journal);
        auto tail = *wal_tail<posix_files>::open({}, folder / "log", {0}, {.identity = 5});
        for (int life = 0; life < 4; ++life) {
            auto const child = ::fork();
            REQUIRE(child >= 0);
            if (child == 0) {  // the writer: it follows the reader, at a distance, with its releases
                auto work = [&]<class Policy>(Policy) {
                    auto log = Policy::template log<posix_files>::open(
                        {}, folder / "log", {.identity = 5, .segment_bytes = {1u << 15}, .threads = life % 2 == 0});
                    if (!log || !log->replay({journal->acknowledged(1)}, ignore)) return 1;
                    for (std::uint64_t i = 0;; ++i) {
                        auto const n   = journal->begun();
                        auto const end = log->append(as_bytes(numbered(n)));
                        if (!end) return 2;
                        journal->begin(n + 1);
                        if (n % 8 == 0 && !log->sync(*end, durability::durable)) return 3;
                        if (n % 64 == 0 &&
                            !log->release({std::min(journal->acknowledged(1), log->durable_end().value)}))
                            return 4;
                        while (journal->begun() > journal->acknowledged() + 3000) ::usleep(100);
                    }
                };
                ::_exit(kind == 0 ? work(segmented_wal<>{}) : work(segmented_wal<no_sync>{}));
            }
            auto const goal = journal->acknowledged() + 1500;
            int        idle = 0;
            while (journal->acknowledged() < goal && idle < 300'000) {
                auto const got = tail.next();
                if (!got && got.error().kind == errc::not_found) {
                    ::usleep(100);
                    continue;
                }
                REQUIRE_MESSAGE(got, got.error().message);
                if (!*got) {
                    ++idle;
                    ::usleep(100);
                    continue;
                }
                auto const n = journal->acknowledged();
                REQUIRE(as_chars((*got)->bytes) == numbered(n));
                journal->acknowledge(n + 1);
                journal->acknowledge((*got)->end.value, 1);
            }
            ::kill(child, SIGKILL);
            int status = 0;
            ::waitpid(child, &status, 0);
            CHECK(WIFSIGNALED(status));
            CHECK(journal->acknowledged() >= goal);
            // A record that was not in the kernel is gone; the next writer goes on behind what is there.
            auto          left = wal_tail<posix_files>::open({}, folder / "log", tail.position(), {.identity = 5});
            std::uint64_t n    = journal->acknowledged();
            for (auto got = left->next(); got && *got; got = left->next()) ++n;
            journal->begin(n);
        }
    }
}

TEST_CASE("a record of 1 GiB is taken and read back, one byte more is refused" * doctest::skip(!all())) {
    scratch const     folder;
    std::size_t const limit = std::size_t{1} << 30;
    {
        auto log = segmented_wal<>::log<posix_files>::open({}, folder / "log", {.identity = 5});
        REQUIRE(log->replay({0}, ignore));
        std::string record(limit + 1, 'g');
        record[limit - 1] = 'z';
        auto const more   = log->append(as_bytes(record));
        REQUIRE_FALSE(more);
        CHECK(more.error().kind == errc::too_large);
        CHECK(more.error().message.find(std::to_string(limit + 1)) != std::string::npos);
        auto const end = log->append(byte_view(as_bytes(record)).first(limit));
        REQUIRE(end);
        REQUIRE(log->sync(*end));
        REQUIRE(log->sync(*log->append(as_bytes("after"))));
    }
    auto                     log = segmented_wal<>::log<posix_files>::open({}, folder / "log", {.identity = 5});
    std::vector<std::size_t> sizes;
    bool                     right = true;
    auto const               seen  = log->replay({0}, [&](lsn, byte_view b) {
        sizes.push_back(b.size());
        if (b.size() == limit) right = as_chars(b).find_first_not_of('g') == limit - 1 && as_chars(b).back() == 'z';
        return result<void>{};
    });
    REQUIRE_MESSAGE(seen, seen.error().message);
    CHECK(right);
    CHECK(sizes == std::vector<std::size_t>{limit, 5});
}
