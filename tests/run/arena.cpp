// SPDX-License-Identifier: Apache-2.0
#include "tenon/run/arena.hpp"

#include "tenon/core/cleared_pages.hpp"
#include "tenon/core/prng.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

using namespace tenon;

namespace {

struct piece {
    std::byte*  at;
    std::size_t size;
};
/// Pieces of `sizes` from an arena, until it has `total` bytes; each is filled with its number and found unchanged at the end.
template <class Size>
std::vector<piece> fill(arena& a, std::size_t total, Size size) {
    std::vector<piece> out;
    while (a.bytes() < total) {
        auto const  n = size();
        auto* const p = a.allocate(n);
        REQUIRE(reinterpret_cast<std::uintptr_t>(p) % 16 == 0);
        std::memset(p, static_cast<int>(out.size()), n);
        out.push_back({p, n});
    }
    for (std::size_t i = 0; i < out.size(); ++i)
        REQUIRE(std::all_of(out[i].at, out[i].at + out[i].size, [&](std::byte b) { return b == std::byte(i & 255); }));
    return out;
}

}  // namespace

TEST_CASE("pieces of an arena lie apart, whatever their sizes, and a small arena is small") {
    std::uint64_t const seed = 20'261'126;
    CAPTURE(seed);
    prng  random(seed);
    arena a;
    CHECK(a.bytes() == 0);
    a.allocate(100);
    CHECK(a.bytes() <= 1024);
    fill(a, 1 << 20,
         [&] { return static_cast<std::size_t>(random.chance(0.01) ? random.below(200'000) : random.below(700)); });
}

TEST_CASE("an arena that has grown takes large pages where some are ready, and fills them") {
    cleared_pages pages(2);
    arena         a(&pages);
    fill(a, 1 << 20, [] { return std::size_t{400}; });
    CHECK(pages.take() == nullptr);  // not begun: there was little
    auto const large = [&] {
        auto const before = a.bytes();
        while (a.bytes() == before) a.allocate(400);
        return a.bytes() - before == huge_page_size;
    };
    while (!large()) std::this_thread::yield();  // begins it, and goes on with small pieces until one is ready
    auto const before = a.bytes();
    for (std::size_t used = 400; used + 400 <= huge_page_size; used += 400) a.allocate(400);
    CHECK(a.bytes() == before);
    auto const own = a.allocate(60'000);  // a piece of its own takes no large page
    std::memset(own, 1, 60'000);
    CHECK(a.bytes() - before < huge_page_size);
}

TEST_CASE("an arena that has little leaves large pages to others, though they are ready") {
    cleared_pages pages(1);
    pages.start();
    for (int taken = 0; taken < 8;) {
        arena a(&pages);
        fill(a, 100 << 10, [] { return std::size_t{400}; });
        REQUIRE(a.bytes() < huge_page_size);
        if (auto* const p = pages.take()) {  // it was ready while the arena was filled, nearly every time
            huge_pages::deallocate(p, huge_page_size);
            ++taken;
        } else {
            std::this_thread::yield();
        }
    }
}

TEST_CASE("cleared pages beyond those that are to be kept go back, and it goes on with so many") {
    cleared_pages pages(16);
    pages.start();
    std::vector<std::byte*> taken;
    auto const              take = [&] {
        auto* p = pages.take();
        for (; p == nullptr; p = pages.take()) std::this_thread::yield();
        taken.push_back(p);
    };
    for (int i = 0; i < 4; ++i) take();
    pages.keep(1);
    for (int i = 0; i < 4; ++i) take();
    pages.keep(0);
    while (auto* const p = pages.take()) taken.push_back(p);  // one at most was under way
    CHECK(taken.size() <= 9);
    pages.keep(1);
    take();
    for (auto* p : taken) huge_pages::deallocate(p, huge_page_size);
}
