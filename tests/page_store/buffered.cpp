// SPDX-License-Identifier: Apache-2.0
#include "tenon/page_store/buffered.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/file/faulty.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/testing/page_store.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace tenon;
using testing::detail::page_store_fill;
using testing::detail::page_store_same;

namespace {
using pooled   = buffered<(1 << 20)>::store<memory_files>;
using unstable = buffered<(1 << 20)>::store<faulty<memory_files>>;
static_assert(evicts_extents<pooled>);
static_assert(evicts_extents<checksummed<buffered<(1 << 20)>>::store<memory_files>>);
static_assert(!evicts_extents<file_store<>::store<memory_files>>);
static_assert(buffered<(1 << 20)>::name == "buffered checksummed file_store");
static_assert(buffered<(1 << 20)>::format == checksummed<file_store<>>::format);
}  // namespace

TEST_CASE("an extent is read once while it is used, and the pool stays within its budget") {
    auto                s = pooled::open(memory_files{}, "x", {});
    std::vector<extent> all;
    for (std::uint64_t i = 0; i < 400; ++i) all.push_back(s->write(page_store_fill(i, 10'000)).value());
    for (int round = 0; round < 10; ++round) REQUIRE(s->read(all[3]));
    CHECK(s->stats().pool_misses == 1);
    CHECK(s->stats().pool_hits == 9);
    auto const kept = s->read(all[7]).value();
    for (std::size_t i = 0; i < all.size(); ++i)
        REQUIRE(page_store_same(s->read(all[i])->bytes(), page_store_fill(i, 10'000)));
    CHECK(s->stats().pool_bytes <= 1 << 20);
    CHECK(s->stats().pool_bytes > 1 << 19);
    CHECK(page_store_same(kept.bytes(), page_store_fill(7, 10'000)));  // long pushed out
}

TEST_CASE("a scan does not push out what is read again and again") {
    auto                s = pooled::open(memory_files{}, "x", {});
    std::vector<extent> all;
    for (std::uint64_t i = 0; i < 1'000; ++i) all.push_back(s->write(page_store_fill(i, 10'000)).value());
    for (int round = 0; round < 4; ++round)
        for (std::size_t hot = 0; hot < 40; ++hot) REQUIRE(s->read(all[hot]));
    for (std::size_t i = 40; i < all.size(); ++i) REQUIRE(s->read(all[i]));
    auto const before = s->stats().pool_misses;
    for (std::size_t hot = 0; hot < 40; ++hot) REQUIRE(s->read(all[hot]));
    CHECK(s->stats().pool_misses - before <= 8);
}

TEST_CASE("an extent of which another took the place is not read from the pool") {
    auto       s     = buffered<(1 << 20), file_store<>>::store<memory_files>::open(memory_files{}, "x", {});
    auto const first = s->write(as_bytes("one"));
    CHECK(as_chars(s->read(*first)->bytes()) == "one");
    s->release(*first);
    auto const second = s->write(as_bytes("two"));
    REQUIRE(*second == *first);
    CHECK(as_chars(s->read(*second)->bytes()) == "two");
}

TEST_CASE("a read that fails is an error, leaves nothing in the pool, and can be made again") {
    faulty<memory_files> fs{memory_files{}};
    auto                 s = unstable::open(fs, "x", {});
    REQUIRE(s);
    auto const e = s->write(page_store_fill(1, 9'000));
    REQUIRE(e);
    fs.faults().fail_nth(1, {fault_kind::io, 0});
    auto const failed = s->read(*e);
    fs.faults().clear();
    REQUIRE(!failed);
    CHECK(failed.error().kind == errc::io);
    CHECK(s->stats().pool_bytes == 0);
    CHECK(page_store_same(s->read(*e)->bytes(), page_store_fill(1, 9'000)));
}

TEST_CASE("many threads read through a pool that holds a part, beside a writer that replaces extents") {
    auto s = pooled::open(memory_files{}, "x", {});
    REQUIRE(s->retain({}));
    std::vector<extent> stay;
    for (std::uint64_t i = 0; i < 300; ++i) stay.push_back(s->write(page_store_fill(i, 8'000)).value());
    std::atomic<bool>          stop{false};
    std::atomic<std::uint64_t> wrong{0}, reads{0};
    std::vector<std::thread>   readers;
    for (std::uint64_t t = 0; t < 4; ++t)
        readers.emplace_back([&, t] {
            prng random(t + 1);
            while (!stop || reads < 2'000) {
                auto const i =
                    static_cast<std::size_t>(random.below(4) == 0 ? random.below(stay.size()) : random.below(30));
                auto const view = s->read(stay[i]);
                wrong += !view || !page_store_same(view->bytes(), page_store_fill(i, 8'000));
                ++reads;
            }
        });
    prng                random(9);
    std::vector<extent> come_and_go;
    for (int i = 0; i < 1'000; ++i) {
        auto const seed = random();
        auto const e    = s->write(page_store_fill(seed, 1 + random.below(12'000)));
        REQUIRE(e);
        auto const view = s->read(*e);
        REQUIRE(view);
        CHECK(page_store_same(view->bytes(), page_store_fill(seed, e->size)));
        come_and_go.push_back(*e);
        if (come_and_go.size() > 20) {
            auto const which = static_cast<std::size_t>(random.below(come_and_go.size()));
            s->release(come_and_go[which]);
            come_and_go.erase(come_and_go.begin() + static_cast<std::ptrdiff_t>(which));
        }
        if (i % 50 == 0) REQUIRE(s->publish(as_bytes("root")));
    }
    stop = true;
    for (auto& r : readers) r.join();
    CHECK(wrong == 0);
    CHECK(s->stats().pool_bytes <= 1 << 20);
}
