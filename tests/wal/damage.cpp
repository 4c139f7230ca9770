// SPDX-License-Identifier: Apache-2.0
// Hostile bytes: an error or a prefix of what was appended, never another record and never a crash.
#include "tenon/core/prng.hpp"
#include "tenon/file/faulty.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/wal/segmented.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace tenon;

namespace {

using log_type = segmented_wal<>::log<memory_files>;
wal_options const options{.identity = 42, .segment_bytes = {8192}, .threads = false};

struct outcome {
    bool                     failed = false;
    error                    why{};
    std::vector<std::string> records{};
    replay_report            seen{};
};

outcome read_back(memory_files fs, std::uint64_t from = 0, bool read_only = true) {
    auto o      = options;
    o.read_only = read_only;
    outcome out;
    auto    log = log_type::open(fs, "/log", o);
    if (!log) return {.failed = true, .why = log.error()};
    auto seen = log->replay({from}, [&](lsn, byte_view b) {
        out.records.emplace_back(as_chars(b));
        return result<void>{};
    });
    if (!seen) return {.failed = true, .why = seen.error()};
    out.seen = *seen;
    return out;
}

/// A log of n records of `bytes` bytes, each synced when `each` is true; returns the LSN where each begins.
std::vector<std::uint64_t> write_log(memory_files fs, int n, std::size_t bytes, bool each) {
    auto log = log_type::open(fs, "/log", options);
    REQUIRE(log);
    REQUIRE(log->replay({0}, [](lsn, byte_view) { return result<void>{}; }));
    std::vector<std::uint64_t> begins;
    for (int i = 0; i < n; ++i) {
        begins.push_back(log->end().value);
        auto const end = log->append(as_bytes(std::string(bytes, static_cast<char>('a' + i % 26))));
        REQUIRE(end);
        if (each) REQUIRE(log->sync(*end));
    }
    REQUIRE(log->sync_all());
    return begins;
}

byte_vector content(memory_files fs, std::string const& path) {
    auto        file = fs.open(path, open_mode::read_only);
    byte_vector out(static_cast<std::size_t>(*file->size()));
    REQUIRE(file->read_at(0, out));
    return out;
}
void overwrite(memory_files fs, std::string const& path, std::uint64_t at, byte_view bytes) {
    REQUIRE(fs.open(path, open_mode::create)->write_at(at, bytes));
}
void zero(memory_files fs, std::string const& path, std::uint64_t at, std::size_t n) {
    overwrite(fs, path, at, byte_vector(n));
}

std::string const first = "/log/00000000000000000000.log";

/// As if the process had been killed: without the mark of a clean close.
void unclose(memory_files fs, std::uint64_t end) { zero(fs, first, 4096 + end, 24); }

bool is_prefix(std::vector<std::string> const& some, std::vector<std::string> const& all) {
    return some.size() <= all.size() && std::equal(some.begin(), some.end(), all.begin());
}

}  // namespace

TEST_CASE("every flipped bit of a small log gives an error or a correct prefix") {
    memory_files fs;
    write_log(fs, 6, 21, true);
    auto const all = read_back(fs).records;
    REQUIRE(all.size() == 6);
    auto const bytes  = content(fs, first);
    int        errors = 0;
    for (std::size_t at = 0; at < bytes.size(); at = at == 79 ? 4096 : at + 1) {  // what lies between is never read
        if (at > 4096 + 7 * 48) break;
        for (int bit = 0; bit < 8; ++bit) {
            CAPTURE(at);
            CAPTURE(bit);
            auto const wrong = bytes[at] ^ static_cast<std::byte>(1 << bit);
            overwrite(fs, first, at, {&wrong, 1});
            auto const got = read_back(fs);
            errors += got.failed;
            if (!got.failed) CHECK(is_prefix(got.records, all));
            if (at < 64) CHECK(got.failed);
            if (got.failed) CHECK(got.why.message.find(first) != std::string::npos);
            overwrite(fs, first, at, {&bytes[at], 1});
        }
    }
    CHECK(errors > 64 * 8 + 5 * 40 * 8);
    CHECK(read_back(fs).records == all);
}

TEST_CASE("every flipped bit of the last record of a log that was not closed is reported") {
    for (bool const apart :
         {false, true}) {  // right behind the record before, or in the next block, as that one was under way
        CAPTURE(apart);
        memory_files fs;
        auto         roomy   = options;
        roomy.segment_bytes  = {32768};
        std::uint64_t begins = 0, end = 0;
        {
            auto log = log_type::open(fs, "/log", roomy);
            REQUIRE(log->replay({0}, [](lsn, byte_view) { return result<void>{}; }));
            std::string const record(21, 'r');
            for (int i = 0; i < 2; ++i) {
                begins = log->end().value;
                REQUIRE((apart ? log->append(as_bytes(record), [](auto const&) {}) : log->append(as_bytes(record))));
                if (!apart) REQUIRE(log->sync_all());
            }
            REQUIRE(log->sync_all());
            end = log->end().value;
            if (apart) begins = (begins + 4095) / 4096 * 4096;
            REQUIRE(end == begins + 48);
        }
        unclose(fs, end);
        auto const all = read_back(fs);
        REQUIRE(all.records.size() == 2);
        REQUIRE(all.seen.truncated_bytes == 0);
        auto const was = content(fs, first);
        for (auto at = 4096 + begins; at < 4096 + end; ++at) {
            for (int bit = 0; bit < 8; ++bit) {
                CAPTURE(at);
                CAPTURE(bit);
                auto const wrong = was[at] ^ static_cast<std::byte>(1 << bit);
                overwrite(fs, first, at, {&wrong, 1});
                auto const got = read_back(fs);
                REQUIRE_FALSE(got.failed);
                CHECK(is_prefix(got.records, all.records));
                if (got.records.size() < 2) CHECK(got.seen.truncated_bytes > 0);
                overwrite(fs, first, at, {&was[at], 1});
            }
        }
    }
}

TEST_CASE("a segment that was cut anywhere is an error") {
    memory_files fs;
    write_log(fs, 6, 21, true);
    for (std::uint64_t n = 8191; n-- > 4000;) {
        CAPTURE(n);
        REQUIRE(fs.open(first, open_mode::read_write)->resize(n));
        auto const got = read_back(fs);
        CHECK(got.failed);
        CHECK(got.why.kind == errc::corrupt);
        CHECK(got.why.message.find("it was cut or extended") != std::string::npos);
    }
    for (std::uint64_t n : {100u, 64u, 63u, 9u, 7u, 0u}) {
        REQUIRE(fs.open(first, open_mode::read_write)->resize(n));
        CHECK(read_back(fs).failed);
    }
}

TEST_CASE(
    "damage below what a later record knew to be durable is corruption and names the place; above it is a torn tail") {
    for (int hit = 0; hit < 8; ++hit) {
        CAPTURE(hit);
        memory_files fs;
        auto const   begins = write_log(fs, 8, 100, true);
        auto const   offset = 4096 + begins[static_cast<std::size_t>(hit)];
        unclose(fs, begins.back() + 128);
        zero(fs, first, offset + 30, 4);
        auto const got = read_back(fs);
        if (hit < 7) {
            REQUIRE(got.failed);
            CHECK(got.why.kind == errc::corrupt);
            CHECK(got.why.message.find("offset " + std::to_string(offset)) != std::string::npos);
        } else {
            REQUIRE_FALSE(got.failed);
            CHECK(got.records.size() == 7);
            CHECK(got.seen.truncated_bytes == 128);
        }
    }
}

TEST_CASE(
    "records of one batch that a power loss reordered are cut, the intact ones after the hole too, and never come "
    "back") {
    memory_files fs;
    auto const   begins = write_log(fs, 8, 100, false);  // one batch: nobody knew any of it durable
    unclose(fs, begins.back() + 128);
    zero(fs, first, 4096 + begins[3], 24);
    auto const got = read_back(fs, 0, false);
    REQUIRE_FALSE(got.failed);
    CHECK(got.records.size() == 3);
    CHECK(got.seen.truncated_bytes == 5 * 128);
    {  // a record of the lost one's size closes the gap to the stale frame behind it, but for the marker
        auto log = log_type::open(fs, "/log", options);
        REQUIRE(log->replay({0}, [](lsn, byte_view) { return result<void>{}; }));
        CHECK(read_back(fs).seen.truncated_bytes == 0);  // what was cut is gone
        auto const stale = begins[5];
        while (log->end().value < stale) {
            auto const room = stale - log->end().value;
            REQUIRE(log->append(as_bytes(std::string(room >= 64 ? 8 : static_cast<std::size_t>(room - 24), 'z'))));
        }
        REQUIRE(log->end().value == stale);
    }
    auto const again = read_back(fs);
    REQUIRE_FALSE(again.failed);
    CHECK(again.records.back().back() == 'z');
}

TEST_CASE("an intact record of another history is not taken for the one in whose place it stands") {
    memory_files other;  // the same places, other bytes
    {
        auto log = log_type::open(other, "/log", options);
        REQUIRE(log->replay({0}, [](lsn, byte_view) { return result<void>{}; }));
        for (int i = 0; i < 8; ++i)
            REQUIRE(log->sync(*log->append(as_bytes(std::string(100, static_cast<char>('A' + i))))));
    }
    auto const theirs = content(other, first);
    for (std::size_t hit = 1; hit < 8; ++hit) {
        CAPTURE(hit);
        memory_files fs;
        auto const   begins = write_log(fs, 8, 100, true);
        unclose(fs, begins.back() + 128);
        overwrite(fs, first, 4096 + begins[hit], byte_view(theirs).subspan(4096 + begins[hit], 128));
        auto const got = read_back(fs);
        if (hit < 7) {
            REQUIRE(got.failed);
            CHECK(got.why.kind == errc::corrupt);
        } else {
            REQUIRE_FALSE(got.failed);
            CHECK(got.records.size() == 7);
            CHECK(got.seen.truncated_bytes == 128);
        }
    }
}

TEST_CASE("segments that are missing, foreign or of another database are refused with a sentence") {
    memory_files fs;
    auto const   begins = write_log(fs, 60, 400, true);
    auto const   names  = *fs.list("/log");
    REQUIRE(names.size() >= 5);
    auto const all = read_back(fs).records;
    REQUIRE(all.size() == 60);

    SUBCASE("the middle one is missing") {
        REQUIRE(fs.remove("/log/" + names[2]));
        auto const got = read_back(fs);
        REQUIRE(got.failed);
        CHECK(got.why.kind == errc::corrupt);
        CHECK(got.why.message.find(names[3]) != std::string::npos);
        auto const next = *std::lower_bound(begins.begin(), begins.end(), std::stoull(names[3]));
        CHECK_FALSE(read_back(fs, next).failed);
    }
    SUBCASE("the first one is missing") {
        REQUIRE(fs.remove("/log/" + names[0]));
        CHECK(read_back(fs).why.message.find("begins at LSN") != std::string::npos);
    }
    SUBCASE("all are missing") {
        for (auto const& n : names) REQUIRE(fs.remove("/log/" + n));
        CHECK(read_back(fs, 4000).why.kind == errc::corrupt);
        CHECK_FALSE(read_back(fs).failed);
    }
    SUBCASE("a full segment lost its last record") {
        zero(fs, "/log/" + names[1], 4096 + 3000, 424);
        CHECK(read_back(fs).why.kind == errc::corrupt);
    }
    SUBCASE("a file of another origin") {
        overwrite(fs, "/log/notes.txt", 0, as_bytes("mine"));
        CHECK(read_back(fs).records == all);
        overwrite(fs, "/log/notes.log", 0, as_bytes(std::string(100, 'x')));
        CHECK(read_back(fs).why.kind == errc::not_ours);
    }
    SUBCASE("a segment under a wrong name") {
        REQUIRE(fs.rename("/log/" + names[2], "/log/copy.log"));
        CHECK(read_back(fs).why.kind == errc::corrupt);
    }
    SUBCASE("a later version") {
        overwrite(fs, "/log/" + names[0], 8, object_bytes(std::uint32_t{3}));
        CHECK(read_back(fs).why.kind == errc::wrong_version);
    }
    SUBCASE("a segment of another database") {
        auto h = load<detail::wal_segment_header>(content(fs, first).data());
        h      = detail::wal_make_header(43, h.start, h.capacity);
        overwrite(fs, first, 0, object_bytes(h));
        CHECK(read_back(fs).why.kind == errc::wrong_assembly);
    }
}

TEST_CASE("a replay from behind the end is refused, in the last segment as well; from the end itself it is not") {
    for (bool const closed : {true, false})
        for (std::size_t bytes : {100u, 5000u}) {
            CAPTURE(closed);
            CAPTURE(bytes);
            memory_files fs;
            auto const   begins = write_log(fs, 7, bytes, true);
            auto const   end    = begins.back() + detail::wal_frame_bytes(bytes);
            auto const   names  = fs.list("/log");
            auto const   start  = (end / 4096) * 4096;  // segments hold 4096 bytes of the log
            if (!closed) zero(fs, "/log/" + detail::wal_file_name(start, ".log"), 4096 + (end - start), 24);
            CHECK_FALSE(read_back(fs, end, true).failed);
            CHECK(read_back(fs, begins.back(), true).records.size() == 1);
            for (auto const from : {end + 8, end + 24, end + 64, begins.back() + 8, begins[3] + 16}) {
                CAPTURE(from);
                auto const got = read_back(fs, from, true);
                REQUIRE(got.failed);
                CHECK(got.why.kind == errc::corrupt);
                CHECK(got.why.message.find(std::to_string(from)) != std::string::npos);
            }
            CHECK(read_back(fs, end + 8, false).failed);    // and for writing
            CHECK_FALSE(read_back(fs, end, false).failed);  // which changes nothing
            CHECK_FALSE(read_back(fs, begins[2], true).failed);
        }
}

TEST_CASE("reads that come short are an error that names the file, or make no difference") {
    memory_files disk;
    write_log(disk, 40, 300, true);
    auto const all = read_back(disk).records;
    REQUIRE(all.size() == 40);
    std::uint64_t failed = 0;
    for (std::uint64_t n = 1;; ++n)
        for (std::uint64_t bytes : {0u, 7u, 63u, 4000u}) {
            CAPTURE(n);
            CAPTURE(bytes);
            faulty<memory_files> fs(disk);
            fs.faults().fail_nth(file_call::read, n, {fault_kind::short_read, bytes});
            auto o      = options;
            o.read_only = true;
            std::vector<std::string> found;
            auto                     log  = segmented_wal<>::log<faulty<memory_files>>::open(fs, "/log", o);
            auto                     seen = log ? log->replay({0},
                                                              [&](lsn, byte_view b) {
                                              found.emplace_back(as_chars(b));
                                              return result<void>{};
                                          })
                                                : result<replay_report>(fail(std::move(log).error()));
            if (fs.faults().struck() == 0) {
                CHECK(failed > 8);
                return;
            }
            CHECK(is_prefix(found, all));
            failed += !seen;
            if (!seen) CHECK(seen.error().message.find("/log/") != std::string::npos);
            else CHECK(found == all);
        }
}

TEST_CASE("random bytes behind a good header give an error or nothing, in bounded time") {
    prng random(5);
    for (int round = 0; round < 300; ++round) {
        CAPTURE(round);
        memory_files fs;
        REQUIRE(fs.make_directory("/log"));
        byte_vector bytes(8192);
        auto const  h = detail::wal_make_header(42, 0, bytes.size());
        std::memcpy(bytes.data(), &h, sizeof h);
        for (std::size_t i = 4096; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(random());
        for (std::size_t at = 0; at + 24 <= 4096;
             at += 8 * (1 + random.below(8))) {  // frames that look right but for the checksum
            detail::wal_frame f{static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random.below(5000)),
                                detail::wal_place(at, 0), 0, 0};
            if (random.chance(0.3)) f.length = static_cast<std::uint32_t>(random());
            std::memcpy(bytes.data() + 4096 + at, &f, sizeof f);
        }
        overwrite(fs, first, 0, bytes);
        auto const got = read_back(fs, 0, round % 2 == 0);
        if (!got.failed) CHECK(got.records.empty());
        overwrite(fs, first, 0, byte_vector(bytes.begin() + 4096, bytes.end()));
        CHECK(read_back(fs).why.kind == errc::not_ours);
    }
}

TEST_CASE("the format is exactly these bytes") {
    memory_files fs;
    write_log(fs, 1, 5, true);
    auto const bytes = content(fs, first);
    REQUIRE(bytes.size() == 8192);
    auto const hex = [&](std::size_t at, std::size_t n) {
        std::string out;
        for (auto b : byte_view(bytes).subspan(at, n)) {
            out += "0123456789abcdef"[static_cast<unsigned>(b) >> 4];
            out += "0123456789abcdef"[static_cast<unsigned>(b) & 15];
        }
        return out;
    };
    CHECK(hex(0, 64) ==
          "74656e6f6e6c6f6702000000400000002a000000000000000000000000000000"
          "00200000000000000000000000000000000000000000000000000000dc400c34");
    CHECK(hex(4096, 24) == "892b7d620000000000000000000000000000000001000000");
    CHECK(hex(4120, 32) == "b72b2abf050000000006000000000000892b7d62000000006161616161000000");
}
