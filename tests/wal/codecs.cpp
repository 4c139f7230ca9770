// SPDX-License-Identifier: Apache-2.0
// A log with compressed records, once for each library: TENON_TEST_CODEC is the codec, TENON_TEST_HEADER its header.
#include TENON_TEST_HEADER
#include "tenon/core/prng.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/wal/segmented.hpp"
#include "tenon/wal/tail.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

using namespace tenon;

namespace {

using codec    = TENON_TEST_CODEC;
using log_type = segmented_wal<group_commit, codec>::log<memory_files>;
wal_options const options{.identity = 4, .segment_bytes = {1u << 16}, .threads = false};

byte_vector random_record(prng& random, std::size_t most) {
    byte_vector out(static_cast<std::size_t>(1 + random.below(most)));
    auto const  kind = random.below(4);
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<std::byte>(kind == 0   ? random()
                                        : kind == 1 ? 7
                                        : kind == 2 ? i / 9 % 50
                                                    : random.below(4));
    return out;
}

}  // namespace

TEST_CASE("records of every kind and size come back from a compressed log, by replay and by a tail") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        CAPTURE(seed);
        prng                     random(seed);
        memory_files             fs;
        std::vector<byte_vector> all;
        std::uint64_t            bytes = 0;
        {
            auto log = log_type::open(fs, "/log", options);
            REQUIRE(log->replay({0}, [](lsn, byte_view) { return result<void>{}; }));
            for (int i = 0; i < 200; ++i) {
                all.push_back(random_record(random, i % 50 == 0 ? 300'000 : 2000));
                bytes += all.back().size();
                REQUIRE(log->sync(*log->append(all.back())));
            }
            CHECK(log->stats().appended_bytes == bytes);
        }
        auto        log  = log_type::open(fs, "/log", options);
        std::size_t n    = 0;
        auto const  seen = log->replay({0}, [&](lsn, byte_view b) {
            REQUIRE(n < all.size());
            CHECK(byte_vector(b.begin(), b.end()) == all[n++]);
            return result<void>{};
        });
        REQUIRE_MESSAGE(seen, seen.error().message);
        CHECK(n == all.size());
        CHECK(seen->bytes < bytes * 9 / 10);  // it does compress
        auto tail = *wal_tail<memory_files, codec>::open(fs, "/log", {0}, {.identity = 4});
        for (auto const& expected : all) {
            auto const got = tail.next();
            REQUIRE(got);
            REQUIRE(got->has_value());
            CHECK(byte_vector((*got)->bytes.begin(), (*got)->bytes.end()) == expected);
        }
        CHECK_FALSE(tail.next()->has_value());
    }
}

TEST_CASE("what does not get shorter is stored as it is, and a log of plain records can be read with a codec") {
    prng        random(9);
    byte_vector noise(5000), out;
    for (auto& b : noise) b = static_cast<std::byte>(random());
    CHECK_FALSE(codec::encode(noise, out));
    CHECK_FALSE(codec::encode(byte_view(noise).first(1), out));
    memory_files fs;
    {
        auto log = segmented_wal<>::log<memory_files>::open(fs, "/log", options);
        REQUIRE(log->replay({0}, [](lsn, byte_view) { return result<void>{}; }));
        REQUIRE(log->append(as_bytes(std::string(500, 'p'))));
    }
    auto        log = log_type::open(fs, "/log", options);
    std::size_t n   = 0;
    REQUIRE(log->replay({0}, [&](lsn, byte_view b) {
        n += b.size();
        return result<void>{};
    }));
    CHECK(n == 500);
}

TEST_CASE("short records stay as they are, and a stored size that is not the record's is refused") {
    byte_vector const same(100, std::byte{'e'});
    byte_vector       stored, out;
    CHECK_FALSE(codec::encode(byte_view(same).first(63), stored));
    REQUIRE(codec::encode(same, stored));
    REQUIRE(codec::decode(stored, out));
    CHECK(out == same);
    int refused = 0;
    for (std::size_t at = 1; at < stored.size(); ++at)
        for (int more : {1, 255}) {
            CAPTURE(at);
            auto bad = stored;
            bad[at]  = static_cast<std::byte>(std::to_integer<int>(bad[at]) + more);
            byte_vector fresh;
            if (auto const done = codec::decode(bad, fresh); done) CHECK(fresh.size() == same.size());
            else ++refused;
        }
    CHECK(refused > 0);
}

TEST_CASE("the record of another codec is refused with both numbers") {
    byte_vector out, stored(100, std::byte{9});
    auto const  refused = codec::decode(stored, out);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == errc::wrong_assembly);
    CHECK(refused.error().message.find("codec 9") != std::string::npos);
    CHECK(codec::decode(byte_view(stored).first(1), out).error().kind == errc::corrupt);
    CHECK(codec::decode({}, out).error().kind == errc::corrupt);
}

TEST_CASE("hostile bytes are an error or a record, and cost no more memory than such bytes can stand for") {
    prng        random(31);
    int         refused = 0, taken = 0;
    byte_vector stored, out;
    for (int round = 0; round < 30'000; ++round) {
        CAPTURE(round);
        auto const record = random_record(random, 3000);
        if (random.chance(0.3) || !codec::encode(record, stored)) {  // made up
            stored.assign(static_cast<std::size_t>(1 + random.below(200)), std::byte{0});
            for (auto& b : stored) b = static_cast<std::byte>(random());
            stored[0] = codec::number;
        }
        for (auto hits = random.below(4); hits > 0; --hits)
            stored[static_cast<std::size_t>(random.below(stored.size()))] = static_cast<std::byte>(random());
        if (random.chance(0.1)) stored.resize(static_cast<std::size_t>(random.below(stored.size() + 1)));
        byte_vector fresh;
        auto const  done = codec::decode(stored, fresh);
        CHECK(fresh.capacity() <= (stored.size() + 4) * (32u << 10));
        ++(done ? taken : refused);
        if (!done) CHECK((done.error().kind == errc::corrupt || done.error().kind == errc::wrong_assembly));
        else CHECK(fresh.size() > stored.size());
    }
    CHECK(refused > 10'000);
    CHECK(taken > 1'000);
    // a small record that says it is a gigabyte
    byte_vector big(64u << 10, std::byte{0});
    REQUIRE(codec::encode(big, stored));
    for (std::size_t at = 1; at < std::min<std::size_t>(stored.size(), 12); ++at)
        for (unsigned value = 0; value < 256; ++value) {
            auto bad = stored;
            bad[at]  = static_cast<std::byte>(value);
            byte_vector fresh;
            if (codec::decode(bad, fresh)) continue;
            CHECK(fresh.capacity() <= (bad.size() + 4) * (32u << 10));
        }
}

TEST_CASE("a compressed log that was damaged is an error or a prefix") {
    prng random(12);
    int  all = 0;
    for (int round = 0; round < 200; ++round) {
        CAPTURE(round);
        memory_files fs;
        {
            auto log = log_type::open(fs, "/log", options);
            REQUIRE(log->replay({0}, [](lsn, byte_view) { return result<void>{}; }));
            for (int i = 0; i < 10; ++i)
                REQUIRE(log->sync(*log->append(as_bytes(std::string(400, static_cast<char>('a' + i))))));
        }
        auto       file = fs.open("/log/00000000000000000000.log", open_mode::read_write);
        auto const b    = static_cast<std::byte>(random());
        REQUIRE(file->write_at(4096 + random.below(800), {&b, 1}));
        auto log = log_type::open(fs, "/log", options);
        int  n   = 0;
        (void)log->replay({0}, [&](lsn, byte_view r) {
            CHECK(as_chars(r) == std::string(400, static_cast<char>('a' + n++)));
            return result<void>{};
        });
        CHECK(n <= 10);
        all += n;
    }
    CHECK(all > 200);  // some damage leaves records before it, most of it finds none of 4,000 bytes
    CHECK(all < 200 * 10);
}

TEST_CASE("the format is exactly these bytes") {
    byte_vector out;
    REQUIRE(codec::encode(as_bytes(std::string(100, 'a')), out));
    std::string hex;
    for (auto b : out) {
        hex += "0123456789abcdef"[static_cast<unsigned>(b) >> 4];
        hex += "0123456789abcdef"[static_cast<unsigned>(b) & 15];
    }
    CHECK(hex.substr(0, std::string(TENON_TEST_BYTES).size()) == TENON_TEST_BYTES);
    byte_vector back;
    REQUIRE(codec::decode(out, back));
    CHECK(as_chars(back) == std::string(100, 'a'));
}
