// SPDX-License-Identifier: Apache-2.0
// Large extents with a checksum for each part: what is needed is verified, and nothing else.
#include "tenon/core/prng.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/page_store/buffered.hpp"
#include "tenon/page_store/checksummed.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/page_store/memory.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

using namespace tenon;

namespace {

using sealed                   = checksummed<file_store<>>::store<memory_files>;
using pooled                   = checksummed<buffered<(1 << 20), file_store<>>>::store<memory_files>;
constexpr std::size_t part     = 64 << 10;
constexpr std::size_t smallest = 1 << 20;  // of the extents that have a list

static_assert(reads_in_part<sealed>);
static_assert(!reads_in_part<file_store<>::store<memory_files>>);
static_assert(!reads_in_part<buffered<(1 << 20)>::store<memory_files>>);
static_assert(!reads_in_part<pooled>);

byte_vector random_bytes(prng& random, std::size_t n) {
    byte_vector out(n);
    for (auto& b : out) b = static_cast<std::byte>(random());
    return out;
}
bool same(byte_view a, byte_view b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

void flip(memory_files fs, std::uint64_t at) {
    auto        f = fs.open("x", open_mode::read_write);
    byte_vector one(1);
    REQUIRE(f->read_at(at, one).value() == 1);
    one[0] ^= std::byte{16};
    REQUIRE(f->write_at(at, one));
}

}  // namespace

TEST_CASE("an extent of any size comes back, whole and in parts, also after the store was opened again") {
    constexpr std::uint64_t seed = 7;
    CAPTURE(seed);
    prng         random(seed);
    memory_files fs;
    for (std::size_t const n : {smallest - 1, smallest, smallest + 1, smallest + 4096, 3 * smallest + 12'345}) {
        CAPTURE(n);
        auto const bytes = random_bytes(random, n);
        extent     e;
        {
            auto s = sealed::open(fs, "x", {});
            REQUIRE(s);
            e = s->write(bytes).value();
            CHECK(e.size == n);
            REQUIRE(s->publish(as_bytes("root")));
            CHECK(same(s->read(e)->bytes(), bytes));
        }
        auto s = sealed::open(fs, "x", {});
        REQUIRE(s);
        REQUIRE(s->retain(std::vector<extent>{e}));
        CHECK(s->verify());
        auto const view = s->read_in_part(e);
        REQUIRE(view);
        REQUIRE(view->bytes().size() == n);
        for (int i = 0; i < 50; ++i) {
            auto const from = random.below(n), length = random.below(std::min<std::uint64_t>(n - from, 3 * part) + 1);
            auto const some = view->bytes().subspan(from, length);
            REQUIRE(view->need(some));
            REQUIRE(same(some, byte_view(bytes).subspan(from, length)));
        }
        CHECK(view->need(view->bytes()));
        for (auto const wrong :
             {extent{e.offset, e.size + 1, e.check}, extent{e.offset, e.size - 1, e.check},
              extent{e.offset, e.size, e.check ^ 1}, extent{e.offset + 4096, e.size, e.check},
              extent{e.offset, ~std::uint64_t{0}, e.check}, extent{e.offset, std::uint64_t{1} << 62, e.check}})
            CHECK(!s->read(wrong));
        auto const live = s->stats().live_bytes;
        s->release(e);
        CHECK(s->stats().live_bytes + bytes.size() < live);  // the list's space came back as well
        REQUIRE(s->write(bytes));
        CHECK(s->stats().live_bytes == live);
    }
}

TEST_CASE("who verifies a little more now and then comes to the end, unless a part is damaged") {
    constexpr std::uint64_t seed = 9;
    CAPTURE(seed);
    prng         random(seed);
    memory_files fs;
    auto         s     = sealed::open(fs, "x", {});
    auto const   bytes = random_bytes(random, 2 * smallest + 100);
    auto const   e     = s->write(bytes).value();
    auto const   parts = (bytes.size() + part - 1) / part;
    auto const   calls = [](extent_view const& view, std::size_t most) {
        std::size_t n = 1;
        while (!view.verify_next() && n < most) ++n;
        return n;
    };
    {
        auto const view = s->read_in_part(e);
        CHECK(calls(*view, 1000) == parts);
        CHECK(view->verify_next());  // and stays there
    }
    {
        auto const view = s->read_in_part(e);
        REQUIRE(view->need(view->bytes().subspan(3 * part, 5 * part)));
        CHECK(calls(*view, 1000) == parts - 5);
    }
    for (std::size_t const damaged : {std::size_t{0}, std::size_t{7}, parts - 1}) {
        CAPTURE(damaged);
        flip(fs, e.offset + damaged * part + 11);
        auto const view = s->read_in_part(e);
        CHECK(calls(*view, 1000) == 1000);
        CHECK(!view->need(view->bytes().subspan(damaged * part, 1)));
        CHECK(view->need(view->bytes().first(damaged * part)));
        flip(fs, e.offset + damaged * part + 11);
    }
    CHECK(extent_view(bytes, nullptr).verify_next());  // nothing was left to who reads it
}

TEST_CASE("damage is an error for whoever needs that part, and for nobody else") {
    constexpr std::uint64_t seed = 8;
    CAPTURE(seed);
    prng         random(seed);
    memory_files fs;
    auto         s     = sealed::open(fs, "x", {});
    auto const   bytes = random_bytes(random, 2 * smallest + 100);
    auto const   e     = s->write(bytes).value();
    auto const   parts = (bytes.size() + part - 1) / part;
    for (int i = 0; i < 60; ++i) {
        auto const at = i == 0 ? 0 : i == 1 ? bytes.size() - 1 : random.below(bytes.size());
        CAPTURE(at);
        flip(fs, e.offset + at);
        auto const view = s->read_in_part(e);
        REQUIRE(view);
        for (std::size_t p = 0; p < parts; ++p) {
            auto const here = view->bytes().subspan(p * part, std::min(part, bytes.size() - p * part));
            auto const done = view->need(here);
            REQUIRE(done.has_value() == (p != at / part));
            if (!done) {
                CHECK(done.error().kind == errc::corrupt);
                CHECK(done.error().message.find("offset " + std::to_string(e.offset + p * part)) != std::string::npos);
                REQUIRE(!view->need(here.first(1)));  // and is one again
            }
        }
        CHECK(!view->need(view->bytes()));
        CHECK(!s->read(e));
        CHECK(!s->verify());
        flip(fs, e.offset + at);
        CHECK(s->read(e));
    }
    auto const list = e.offset + (bytes.size() + 4095) / 4096 * 4096;
    for (std::size_t i = 0; i < parts * 4; ++i) {  // a list that is damaged verifies nothing
        flip(fs, list + i);
        REQUIRE(!s->read_in_part(e));
        REQUIRE(!s->read(e));
        flip(fs, list + i);
    }
    CHECK(s->verify());
}

TEST_CASE("a file is the same with checksums over a pool and without a pool") {
    constexpr std::uint64_t seed = 9;
    CAPTURE(seed);
    prng         random(seed);
    memory_files fs;
    static_assert(pooled::evicts &&
                  checksummed<buffered<(1 << 20), file_store<>>>::format == checksummed<file_store<>>::format);
    std::vector<extent>      all;
    std::vector<byte_vector> held;
    auto const               use = [&](auto&& opened) {
        REQUIRE(opened);
        auto& s = *opened;
        REQUIRE(s.retain(all));
        for (std::size_t i = 0; i < all.size(); ++i) {
            auto const view = s.read(all[i]);
            REQUIRE(view);
            REQUIRE(view->need(view->bytes()));
            CHECK(same(view->bytes(), held[i]));
        }
        for (std::size_t const n : {smallest / 2, smallest, 2 * smallest + 777}) {
            held.push_back(random_bytes(random, n));
            all.push_back(s.write(held.back()).value());
        }
        REQUIRE(s.publish(as_bytes("root")));
        CHECK(s.verify());
    };
    for (int round = 0; round < 3; ++round) {
        use(sealed::open(fs, "x", {}));
        use(pooled::open(fs, "x", {}));
    }
}
