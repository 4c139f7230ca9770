// SPDX-License-Identifier: Apache-2.0
// Extents of several chunks that go past the page cache.
#include "tenon/core/prng.hpp"
#include "tenon/file/faulty.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/testing/page_store.hpp"

#include "scratch_directory.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

using namespace tenon;
using testing::detail::page_store_fill;
using testing::detail::page_store_same;

namespace {

store_options past_the_cache() {
    store_options o;
    o.direct_bytes = 0;
    return o;
}

template <class FS>
void come_back(FS fs, std::string const& path) {
    std::vector<extent>      where;
    std::vector<byte_vector> held;
    {
        auto s = file_store<>::store<FS>::open(fs, path, past_the_cache());
        REQUIRE_MESSAGE(s, s.error().message);
        REQUIRE(s->retain({}));
        for (std::uint64_t const n : {9u << 20, (9u << 20) + 100, (1u << 20) - 1, (1u << 20) + 1, 4096u, 1u}) {
            CAPTURE(n);
            held.push_back(page_store_fill(n, n));
            auto const e = s->write(held.back());
            REQUIRE(e);
            where.push_back(*e);
        }
        for (std::size_t i = 0; i < where.size(); ++i) REQUIRE(page_store_same(s->read(where[i])->bytes(), held[i]));
        REQUIRE(s->publish(as_bytes(std::string("root"))));
    }
    auto s = file_store<>::store<FS>::open(fs, path, {});
    REQUIRE(s);
    REQUIRE(s->retain(where));
    for (std::size_t i = 0; i < where.size(); ++i) REQUIRE(page_store_same(s->read(where[i])->bytes(), held[i]));
}

}  // namespace

TEST_CASE("extents of any number of chunks come back, on a system whose writes end when they like") {
    come_back(memory_files{}, "x");
    scratch_directory const here;
    for (int round = 0; round < 3; ++round) come_back(posix_files{}, here.path + "/x" + std::to_string(round));
}

TEST_CASE("an error of any chunk is the write's, and its space is given back") {
    faulty<memory_files> fs;
    auto                 s = file_store<>::store<faulty<memory_files>>::open(fs, "x", past_the_cache());
    REQUIRE(s);
    REQUIRE(s->retain({}));
    auto const bytes = page_store_fill(1, (9u << 20) + 100);
    auto const whole = s->write(bytes);
    REQUIRE(whole);
    auto const live = s->stats().live_bytes;
    CHECK(fs.faults().calls(file_call::direct_write) == 10);
    for (std::uint64_t n = 1; n <= 10; ++n) {
        CAPTURE(n);
        fs.faults().fail_nth(file_call::direct_write, n);
        auto const refused = s->write(bytes);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().kind == errc::io);
        fs.faults().clear();
        CHECK(s->stats().live_bytes == live);
        CHECK(page_store_same(s->read(*whole)->bytes(), bytes));
    }
}

TEST_CASE("each sync of a root that can fail ends the store, that of the file that the chunks went through as well") {
    for (std::uint64_t const which : {1u, 2u, 3u}) {  // of the chunks, of the other extents, of the slot
        CAPTURE(which);
        faulty<memory_files> fs;
        auto                 s = file_store<>::store<faulty<memory_files>>::open(fs, "x", past_the_cache());
        REQUIRE(s);
        REQUIRE(s->retain({}));
        REQUIRE(s->write(page_store_fill(1, 5000)));
        fs.faults().fail_nth(file_call::sync, which);
        CHECK_FALSE(s->publish(as_bytes(std::string("root"))));
        CHECK(fs.faults().struck() == 1);
        CHECK(s->write(page_store_fill(1, 5000)).error().kind == errc::poisoned);
    }
}
