// SPDX-License-Identifier: Apache-2.0
// The default policies on real files: threads beside background work, and what open says when it cannot.
#include "tenon/database.hpp"

#include "tenon/core/prng.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

using tenon::errc;

namespace {

struct account {
    std::uint64_t id      = 0;
    std::int64_t  balance = 0;
};
struct bank_db : tenon::database<tenon::table<"accounts", account, tenon::columns<&account::id, &account::balance>,
                                              tenon::primary<&account::id>, tenon::ordered<&account::balance>>> {
    using database::database;
};
struct other_db : tenon::database<tenon::table<"accounts", account, tenon::columns<&account::id, &account::balance>,
                                               tenon::primary<&account::id>>> {
    using database::database;
};

struct directory {
    std::string path = (std::filesystem::temp_directory_path() / "tenon_database_XXXXXX").string();
    directory() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
    directory(directory const&)            = delete;
    directory& operator=(directory const&) = delete;
    ~directory() {
        std::error_code ignored;
        std::filesystem::permissions(path, std::filesystem::perms::owner_all, ignored);
        std::filesystem::remove_all(path, ignored);
    }
};
template <class Db>
tenon::error why_not(std::string const& path, typename Db::options options = {}) {
    auto db = tenon::open<Db>(path, options);
    REQUIRE_FALSE(db);
    return db.error();
}
bool says(tenon::error const& e, std::string_view what) { return e.message.find(what) != std::string::npos; }

}  // namespace

TEST_CASE("transfers by four threads keep the sum in every snapshot, while runs are written and joined") {
    constexpr std::uint64_t accounts = 40;
    constexpr std::int64_t  each     = 100;
    constexpr int           writers = 4, readers = 2, transfers = 300;
    directory               home;
    auto const              path = home.path + "/bank.tenon";
    std::atomic<int>        wrong{0}, failed{0}, looked{0};
    {
        auto opened = tenon::open<bank_db>(
            path,
            {.memtable_bytes = {8u << 10}, .segment_bytes = {32u << 10}, .block_bytes = {1u << 10}, .merge_fan_in = 2});
        REQUIRE(opened);
        auto& db = *opened;
        {
            auto tx = db.begin();
            for (std::uint64_t i = 0; i < accounts; ++i) REQUIRE(tx.insert(account{i, each}));
            REQUIRE(tx.commit());
        }
        std::atomic<int>         writing{writers};
        std::vector<std::thread> team;
        for (int t = 0; t < writers; ++t)
            team.emplace_back([&, t] {
                tenon::prng random(static_cast<std::uint64_t>(t) + 1);
                for (int i = 0; i < transfers; ++i) {
                    auto const from = random.below(accounts), to = (from + 1 + random.below(accounts - 1)) % accounts;
                    auto const sum  = random.between(1, 20);
                    auto       done = tenon::retry(
                        db,
                        [&](auto& tx) -> tenon::result<void> {
                            auto a = tx.template get<account>(from), b = tx.template get<account>(to);
                            if (!a || !b) return tenon::fail((a ? b : a).error());
                            if (!*a || !*b) return tenon::fail(errc::not_found, "an account is gone");
                            (*a)->balance -= sum;
                            (*b)->balance += sum;
                            if (i % 7 == 0) {  // away and back again within one commit
                                if (auto gone = tx.template erase<account>(from); !gone)
                                    return tenon::fail(gone.error());
                                if (auto back = tx.insert(**a); !back) return back;
                            } else if (auto took = tx.update(**a); !took) {
                                return took;
                            }
                            return tx.update(**b);
                        },
                        100'000);
                    if (!done) ++failed;
                }
                --writing;
            });
        for (int t = 0; t < readers; ++t)
            team.emplace_back([&, t] {
                do {
                    auto const v = db.snapshot();
                    for (int pass = 0; pass < 2; ++pass) {  // the same snapshot gives the same again
                        std::int64_t  sum = 0, last = std::numeric_limits<std::int64_t>::min();
                        std::uint64_t rows = 0;
                        if (t % 2 == 0) {
                            for (auto const& a : v.all<account>()) sum += a.balance, ++rows;
                        } else {
                            for (auto const& a : v.range<&account::balance>(std::nullopt, std::nullopt)) {
                                if (a.balance < last) ++wrong;
                                last = a.balance;
                                sum += a.balance, ++rows;
                            }
                        }
                        if (sum != each * static_cast<std::int64_t>(accounts) || rows != accounts ||
                            v.count<account>().value() != accounts)
                            ++wrong;
                    }
                    ++looked;
                } while (writing > 0);
            });
        for (int i = 0; i < 5; ++i)
            if (!(i % 2 == 0 ? db.flush() : db.compact())) ++failed;
        for (auto& t : team) t.join();
        CHECK(wrong == 0);
        CHECK(failed == 0);
        CHECK(looked >= readers);
        auto const verified = db.verify();
        INFO((verified ? "" : verified.error().message));
        CHECK(verified);
        CHECK(db.stats().last_commit == 1 + writers * transfers);
        CHECK(db.stats().flushes > 3);
    }
    auto db = tenon::open<bank_db>(path, {.create = false});
    REQUIRE(db);
    std::int64_t sum = 0;
    for (auto const& a : db->snapshot().all<account>()) sum += a.balance;
    CHECK(sum == each * static_cast<std::int64_t>(accounts));
}

TEST_CASE("increments by four threads are all there: none is lost, none is counted twice") {
    directory home;
    auto      db = tenon::open<bank_db>(home.path + "/bank.tenon", {.memtable_bytes = {4u << 10}});
    REQUIRE(db);
    constexpr int            threads = 4, rounds = 100;
    std::vector<std::thread> team;
    std::atomic<int>         failed{0};
    for (int t = 0; t < threads; ++t)
        team.emplace_back([&] {
            for (int i = 0; i < rounds; ++i)
                if (!tenon::retry(
                        *db,
                        [&](auto& tx) -> tenon::result<void> {
                            auto row = tx.template get<account>(1);
                            if (!row) return tenon::fail(row.error());
                            return tx.upsert(account{1, *row ? (*row)->balance + 1 : 1});
                        },
                        20'000))
                    ++failed;
        });
    for (auto& t : team) t.join();
    CHECK(failed == 0);
    CHECK(db->snapshot().get<account>(1).value()->balance == threads * rounds);
    CHECK(db->snapshot().at() == threads * rounds);
}

TEST_CASE("what was committed is there after open, and the log is not needed after a flush") {
    directory  home;
    auto const path = home.path + "/bank.tenon";
    for (std::uint64_t round = 0; round < 6; ++round) {
        auto db = tenon::open<bank_db>(path);
        REQUIRE(db);
        CHECK(db->recovery().created == (round == 0));
        CHECK(db->snapshot().count<account>().value() == round);
        CHECK(db->path() == path);
        auto tx = db->begin();
        REQUIRE(tx.insert(account{round, -1}));
        REQUIRE(tx.commit());
        if (round % 2 == 0) REQUIRE(db->flush());
        else REQUIRE(db->close());
    }
}

TEST_CASE("open says what is wrong: no database, not ours, another assembly") {
    directory  home;
    auto const path    = home.path + "/x.tenon";
    auto       missing = why_not<bank_db>(path, {.create = false});
    CHECK(missing.kind == errc::not_found);
    CHECK(says(missing, path));
    CHECK_FALSE(std::filesystem::exists(path));

    std::ofstream(path) << std::string(20'000, 'q');
    auto foreign = why_not<bank_db>(path);
    CHECK(foreign.kind == errc::not_ours);
    CHECK(says(foreign, path));
    CHECK(std::filesystem::file_size(path) == 20'000);

    auto const ours = home.path + "/ours.tenon";
    REQUIRE(tenon::open<other_db>(ours));
    auto unlike = why_not<bank_db>(ours);
    CHECK(unlike.kind == errc::wrong_assembly);
    CHECK(says(unlike, other_db::signature()));
    CHECK(says(unlike, bank_db::signature()));
    CHECK(tenon::open<other_db>(ours));

    CHECK(why_not<bank_db>(home.path + "/no/such/directory/x.tenon").kind == errc::not_found);
    CHECK_FALSE(tenon::open<bank_db>(home.path));
}

TEST_CASE("a database that is open is locked, and the error names the process that has it") {
    directory  home;
    auto const path = home.path + "/bank.tenon";
    auto       db   = tenon::open<bank_db>(path);
    REQUIRE(db);
    auto const taken = why_not<bank_db>(path);
    CHECK(taken.kind == errc::locked);
    CHECK(says(taken, std::to_string(::getpid())));
    auto const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        auto again = tenon::open<bank_db>(path);
        ::_exit(!again && again.error().kind == errc::locked && says(again.error(), std::to_string(::getppid())) ? 0
                                                                                                                 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    {
        auto tx = db->begin();
        REQUIRE(tx.insert(account{1, 1}));
        REQUIRE(tx.commit());
        REQUIRE(db->flush());
    }
    {
        auto const v = db->snapshot();
        db           = tenon::fail(errc::io, "gone");
        CHECK(why_not<bank_db>(path).kind == errc::locked);  // a snapshot keeps the file that it reads from
        CHECK(v.get<account>(1).value()->balance == 1);
    }
    CHECK(tenon::open<bank_db>(path));
}

TEST_CASE("a directory that cannot be written is an error, not a database") {
    directory home;
    std::filesystem::permissions(home.path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
    if (::access(home.path.c_str(), W_OK) ==
        0) {  // who is root may write anywhere: ask the kernel for a place that nobody can
        auto const refused = why_not<bank_db>("/proc/bank.tenon");
        CHECK((refused.kind == errc::io || refused.kind == errc::not_found));
        CHECK(says(refused, "/proc/bank.tenon"));
        return;
    }
    auto const refused = why_not<bank_db>(home.path + "/bank.tenon");
    CHECK(refused.kind == errc::io);
    CHECK(says(refused, home.path));
}
