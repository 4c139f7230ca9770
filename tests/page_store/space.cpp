// SPDX-License-Identifier: Apache-2.0
#include "tenon/core/prng.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/file/simulated.hpp"
#include "tenon/page_store/checksummed.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/page_store/mmap.hpp"
#include "tenon/testing/page_store.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "scratch_directory.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <sys/wait.h>

using namespace tenon;

namespace {

using paged = file_store<4096>::store<memory_files>;

byte_vector fill(std::uint64_t seed, std::uint64_t size) { return testing::detail::page_store_fill(seed, size); }
bool        same(byte_view a, byte_view b) { return testing::detail::page_store_same(a, b); }

}  // namespace

TEST_CASE("free space agrees with a map of single pages through random takes, gives, growth and cuts") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        prng                                                 random(seed);
        detail::pages::free_space                            space(4, 4);
        std::set<std::uint64_t>                              free_pages;  // the model
        std::uint64_t                                        end = 4;
        std::vector<std::pair<std::uint64_t, std::uint64_t>> taken;
        for (int step = 0; step < 600; ++step) {
            auto const op = random.below(10);
            if (op < 5) {
                auto const length = 1 + random.below(40);
                auto const before = random.below(4) == 0 ? random.below(end + 1) : ~std::uint64_t{0};
                auto const at     = space.take(length, before);
                if (!at) {
                    // nothing of twice the length may lie there whole
                    std::uint64_t run = 0;
                    for (std::uint64_t p = 4; p < end && before == ~std::uint64_t{0}; ++p) {
                        run = free_pages.contains(p) ? run + 1 : 0;
                        REQUIRE(run < 2 * length);
                    }
                    continue;
                }
                REQUIRE(*at + length <= std::min(before, end));
                for (auto p = *at; p < *at + length; ++p) REQUIRE(free_pages.erase(p) == 1);
                taken.emplace_back(*at, length);
            } else if (op < 8 && !taken.empty()) {
                auto const i            = static_cast<std::size_t>(random.below(taken.size()));
                auto const [at, length] = taken[i];
                space.give(at, length);
                for (auto p = at; p < at + length; ++p) REQUIRE(free_pages.insert(p).second);
                taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(i));
            } else if (op == 8) {
                auto const more = random.below(60);
                for (auto p = end; p < end + more; ++p) free_pages.insert(p);
                space.extend(end += more);
            } else if (auto const tail = space.tail(); tail > 0) {
                auto const cut = 1 + random.below(tail);
                for (auto p = end - cut; p < end; ++p) REQUIRE(free_pages.erase(p) == 1);
                space.cut(end -= cut);
            }
            REQUIRE(space.validate());
            REQUIRE(space.free_bytes() == free_pages.size());
            std::uint64_t tail = 0;
            while (tail < end - 4 && free_pages.contains(end - 1 - tail)) ++tail;
            REQUIRE(space.tail() == tail);
        }
    }
}

TEST_CASE("a file shrinks when its tail is free, and keeps what is in use") {
    memory_files        fs;
    auto                s = paged::open(fs, "x", {});
    std::vector<extent> all;
    for (std::uint64_t i = 0; i < 200; ++i) all.push_back(s->write(fill(i, 10'000)).value());
    REQUIRE(s->publish(as_bytes("all")));
    auto const full = s->stats().file_bytes;
    CHECK(full > 200 * 12'288);
    for (std::size_t i = 20; i < 200; ++i) s->release(all[i]);
    REQUIRE(s->publish(as_bytes("twenty")));  // the root before it lay at the end
    CHECK(s->stats().file_bytes < full / 5);
    CHECK(fs.open("x", open_mode::read_only)->size().value() == s->stats().file_bytes);
    for (std::size_t i = 0; i < 20; ++i) CHECK(same(s->read(all[i])->bytes(), fill(i, 10'000)));
    auto const gone = s->read(all[199]);
    REQUIRE(!gone);
    CHECK(gone.error().kind == errc::corrupt);
    for (std::uint64_t i = 0; i < 200; ++i) REQUIRE(s->write(fill(i, 10'000)));  // and grows again
    CHECK(s->verify());
}

TEST_CASE("with what trim says written again further ahead, a file is at most a tenth longer than what lives in it") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        CAPTURE(seed);
        prng         random(seed);
        memory_files fs;
        auto         s = paged::open(fs, "x", {});

        std::vector<std::pair<extent, std::uint64_t>> live;
        for (std::uint64_t i = 0; i < 1'500; ++i)
            live.emplace_back(s->write(fill(i, 1 + random.below(9'000))).value(), i);
        REQUIRE(s->publish(as_bytes("all")));
        for (std::size_t i = live.size(); i-- > 0;)  // holes everywhere
            if (random.below(3) != 0) {
                s->release(live[i].first);
                live.erase(live.begin() + static_cast<std::ptrdiff_t>(i));
            }
        REQUIRE(s->publish(as_bytes("a third")));
        auto const before = s->stats();
        CHECK(before.file_bytes > 2 * before.live_bytes);
        std::uint64_t moved = 0;
        for (int round = 0; round < 8; ++round) {
            auto const from = s->trim();
            if (from == ~std::uint64_t{0}) break;
            std::vector<extent> left;
            for (auto& [e, number] : live) {
                if (e.offset < from) continue;
                auto const at = s->write(s->read(e)->bytes(), e.offset);
                if (!at) continue;
                CHECK(at->offset + at->size <= e.offset);
                left.push_back(std::exchange(e, *at));
                moved += e.size;
            }
            REQUIRE(s->publish(as_bytes("moved")));
            for (auto const& e : left) s->release(e);
        }
        (void)s->trim();
        auto const after = s->stats();
        CHECK(after.live_bytes == before.live_bytes);
        CHECK(after.file_bytes <= after.live_bytes + after.live_bytes / 10 + 65'536);
        CHECK(moved <= before.live_bytes);
        for (auto const& [e, number] : live) CHECK(same(s->read(e)->bytes(), fill(number, e.size)));
        CHECK(s->verify());
    }
}

TEST_CASE("a file may be longer than 100 GB: sparse, written, read, and shrunk") {
    scratch_directory const here;
    auto const              path = here.path + "/big.tenon";
    posix_files             fs;
    constexpr std::uint64_t far = (std::uint64_t{100} << 30) + (std::uint64_t{4096} << 8);
    {
        using store = mmap_store<>::store<posix_files>;
        REQUIRE(store::open(fs, path, {})->publish(as_bytes("small")));
        auto f = fs.open(path, open_mode::read_write);
        REQUIRE(f->write_at(far, as_bytes("far away")));
        REQUIRE(f->resize(far + 4096));
    }
    auto const walk = [&]<class Store>(std::type_identity<Store>) {
        auto s = Store::open(fs, path, {});
        REQUIRE_MESSAGE(s, s.error().message);
        REQUIRE(s->retain(std::vector<extent>{{far, 8}}));
        CHECK(as_chars(s->read({far, 8})->bytes()) == "far away");
        auto const near = s->write(as_bytes("near"));
        REQUIRE(near);
        CHECK(near->offset < 1 << 20);
        CHECK(as_chars(s->read(*near)->bytes()) == "near");
        CHECK(s->stats().file_bytes == far + 4096);
        CHECK(s->trim() < 1 << 20);  // nearly all of it is free
        s->release(*near);
    };
    walk(std::type_identity<file_store<>::store<posix_files>>{});
    walk(std::type_identity<mmap_store<(1 << 21)>::store<posix_files>>{});
    auto s = mmap_store<>::store<posix_files>::open(fs, path, {});
    REQUIRE(s->retain({}));
    REQUIRE(s->publish(as_bytes("nothing far")));
    CHECK(s->stats().file_bytes < 8 << 20);
    struct stat info{};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK(info.st_blocks < 64 * 1024);  // it cost no disk
}

TEST_CASE("a map that is outgrown leaves the views into it as they are") {
    scratch_directory const here;
    auto s = mmap_store<(1 << 21), 4096>::store<posix_files>::open(posix_files{}, here.path + "/x", {});
    REQUIRE(s);
    std::vector<std::pair<extent_view, std::uint64_t>> views;
    for (std::uint64_t i = 0; i < 60; ++i) {
        auto const e = s->write(fill(i, 300'000));
        REQUIRE(e);
        views.emplace_back(s->read(*e).value(), i);
        for (auto const& [view, seed] : views)
            if (seed % 7 == i % 7) REQUIRE(same(view.bytes(), fill(seed, 300'000)));
    }
    std::set<void const*> maps;
    for (auto const& [view, seed] : views) maps.insert(view.owner().get());
    CHECK(maps.size() > 2);
}
