// SPDX-License-Identifier: Apache-2.0
// A log that was closed cleanly: opening it writes nothing, and the first record begins an epoch.
#include "tenon/file/faulty.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/wal/segmented.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

using namespace tenon;

namespace {

using faulty_memory = faulty<memory_files>;
wal_options const options{.identity = 3, .segment_bytes = {8192}, .threads = false};

template <class Log>
std::vector<std::string> replayed(Log& log) {
    std::vector<std::string> out;
    auto const               seen = log.replay({0}, [&](lsn, byte_view b) {
        out.emplace_back(as_chars(b));
        return result<void>{};
    });
    REQUIRE_MESSAGE(seen, seen.error().message);
    return out;
}
template <class Policy, class FS>
auto opened(FS const& fs, std::vector<std::string> const& expected) {
    auto log = Policy::template log<FS>::open(fs, "/log", options);
    REQUIRE_MESSAGE(log, log.error().message);
    REQUIRE(replayed(*log) == expected);
    return std::move(*log);
}
template <class Policy, class FS>
std::vector<std::string> filled(FS const& fs, std::size_t records) {
    std::vector<std::string> out;
    auto                     log = opened<Policy>(fs, {});
    for (std::size_t i = 0; i < records; ++i) {
        out.emplace_back(100 + 37 * i, static_cast<char>('a' + i));
        REQUIRE(log.sync(*log.append(as_bytes(out.back()))));
    }
    REQUIRE(log.sync_all());  // else there is no clean close
    return out;
}
std::map<std::string, std::string> contents(memory_files disk) {
    std::map<std::string, std::string> out;
    auto const                         names = disk.list("/log");
    REQUIRE(names);
    for (auto const& n : *names) {
        auto const  file = disk.open("/log/" + n, open_mode::read_only);
        byte_vector bytes(static_cast<std::size_t>(*file->size()));
        REQUIRE(file->read_at(0, bytes));
        out[n] = std::string(as_chars(bytes));
    }
    return out;
}
constexpr file_call changes[] = {file_call::write,          file_call::direct_write, file_call::sync,
                                 file_call::sync_directory, file_call::rename,       file_call::remove,
                                 file_call::resize};

}  // namespace

TEST_CASE_TEMPLATE("opening a log that was closed cleanly, and closing it again, changes nothing", Policy,
                   segmented_wal<>, segmented_wal<sync_each_commit>, segmented_wal<no_sync>, segmented_wal<as_asked>) {
    for (std::size_t records = 0; records < 20; ++records) {
        CAPTURE(records);
        memory_files  disk;
        faulty_memory fs(disk);
        auto const    all   = filled<Policy>(fs, records);
        auto const    bytes = contents(disk);
        for (int time = 0; time < 3; ++time) {
            std::map<file_call, std::uint64_t> calls;
            for (auto const c : changes) calls[c] = fs.faults().calls(c);
            {
                auto log = opened<Policy>(fs, all);
                CHECK(log.sync_all());
                CHECK(log.durable_end() == log.end());
            }
            for (auto const c : changes) CHECK_MESSAGE(fs.faults().calls(c) == calls[c], to_string(c));
        }
        CHECK(contents(disk) == bytes);
    }
}

TEST_CASE_TEMPLATE(
    "the first record after a clean close follows the mark of a new epoch, which is on the medium before it", Policy,
    segmented_wal<>, segmented_wal<no_sync>) {
    memory_files disk;
    auto         all = filled<Policy>(disk, 7);
    for (int life = 0; life < 5; ++life) {
        auto       log    = opened<Policy>(disk, all);
        auto const before = log.end(), durable = log.durable_end();
        REQUIRE(before == durable);
        REQUIRE(log.reserve(10));
        CHECK(log.durable_end().value == before.value + sizeof(detail::wal_frame));  // the mark
        CHECK(log.end() == log.durable_end());
        all.emplace_back(50, static_cast<char>('A' + life));
        REQUIRE(log.sync(*log.append(as_bytes(all.back())), durability::durable));
        CHECK(log.end().value == before.value + sizeof(detail::wal_frame) + detail::wal_frame_bytes(50));
    }
}

TEST_CASE_TEMPLATE("each call of a first append fails in turn: an error, and whatever was there before", Policy,
                   segmented_wal<>, segmented_wal<no_sync>, segmented_wal<as_asked>) {
    for (auto const kind : {fault_kind::io, fault_kind::full, fault_kind::short_write})
        for (bool const stays : {false, true})
            for (std::size_t const records : {std::size_t{1}, std::size_t{18}}) {  // 18 end near a segment's end
                std::uint64_t n = 1;
                for (;; ++n) {
                    CAPTURE(static_cast<int>(kind));
                    CAPTURE(stays);
                    CAPTURE(records);
                    CAPTURE(n);
                    memory_files  disk;
                    faulty_memory fs(disk);
                    auto          all = filled<Policy>(fs, records);
                    std::string   record(3000, 'x');
                    bool          sure = false, struck = false;
                    {
                        auto log = opened<Policy>(fs, all);
                        if (stays) fs.faults().fail_from(n, {kind, 10});
                        else fs.faults().fail_nth(n, {kind, 10});
                        auto const end  = log.append(as_bytes(record));
                        auto const done = end ? log.sync(*end, durability::durable) : fail(end.error());
                        struck          = fs.faults().struck() > 0;
                        CHECK(done.has_value() != struck);
                        sure = done.has_value();
                        if (!end && end.error().kind == errc::full) {  // nothing has happened
                            fs.faults().clear();
                            auto const again = log.append(as_bytes(record));
                            REQUIRE_MESSAGE(again, again.error().message);
                            REQUIRE(log.sync(*again, durability::durable));
                            sure = true;
                        } else if (!done) {
                            fs.faults().clear();
                            CHECK(log.append(as_bytes(record)).error().kind == errc::poisoned);
                        }
                        fs.faults().clear();
                    }
                    auto log   = Policy::template log<memory_files>::open(disk, "/log", options);
                    auto found = replayed(*log);
                    if (sure || found.size() > all.size()) all.push_back(record);
                    CHECK(found == all);
                    if (!struck) break;
                }
                CHECK(n > 1);
            }
}

TEST_CASE("threads that begin at the same time begin one epoch") {
    memory_files disk;
    auto const   before = filled<segmented_wal<>>(disk, 3);
    {
        auto                     log = opened<segmented_wal<>>(disk, before);
        auto const               end = log.end().value;
        std::vector<std::thread> threads;
        for (int t = 0; t < 8; ++t)
            threads.emplace_back([&] { REQUIRE(log.sync(*log.append(as_bytes(std::string(1000, 't'))))); });
        for (auto& t : threads) t.join();
        CHECK(log.stats().appended_records == 8);
        CHECK(log.end().value - end <
              8 * (detail::wal_frame_bytes(1000) + detail::wal_block) + sizeof(detail::wal_frame));
    }
    auto log = segmented_wal<>::log<memory_files>::open(disk, "/log", options);
    CHECK(replayed(*log).size() == 11);
}
