// SPDX-License-Identifier: Apache-2.0
#include "tenon/core/placement.hpp"
#include "tenon/core/cleared_pages.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <thread>
#include <vector>

using namespace tenon;

namespace {

template <class Placement>
void holds_what_is_written(std::size_t large_alignment) {
    struct piece {
        std::byte*  at;
        std::size_t size;
    };
    std::vector<piece> all;
    for (std::size_t size :
         {0u, 1u, 16u, 63u, 64u, 65u, 240u, 4096u, 65'536u, 2'097'151u, 2'097'152u, 2'097'153u, 5'000'000u})
        for (int copy = 0; copy < 3; ++copy) {
            CAPTURE(size);
            auto* const p = static_cast<std::byte*>(Placement::allocate(size));
            REQUIRE(reinterpret_cast<std::uintptr_t>(p) % cache_line == 0);
            if (size >= huge_page_size) REQUIRE(reinterpret_cast<std::uintptr_t>(p) % large_alignment == 0);
            std::memset(p, static_cast<int>(all.size()), size);
            all.push_back({p, size});
        }
    for (std::size_t i = 0; i < all.size(); ++i)
        for (std::size_t at = 0; at < all[i].size; at += 61) REQUIRE(all[i].at[at] == static_cast<std::byte>(i));
    for (auto const& p : all) Placement::deallocate(p.at, p.size);
    for (std::size_t less = 0; less < cache_line; ++less)
        CHECK_THROWS_AS(Placement::allocate(std::numeric_limits<std::size_t>::max() - less), std::bad_alloc);
}

}  // namespace

TEST_CASE("memory on cache lines is aligned, ours alone, and of no size that wraps") {
    holds_what_is_written<cache_lines>(cache_line);
}

TEST_CASE("memory on huge pages is aligned, ours alone, and of no size that wraps") {
    holds_what_is_written<huge_pages>(huge_page_size);
}

TEST_CASE("who shares cleared pages may begin them and take them at once") {
    for (int round = 0; round < 50; ++round) {
        cleared_pages            pages(2);
        std::atomic<int>         about{0}, taken{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                ++about;
                while (about < 4) {}
                pages.start();
                if (auto* const page = pages.take()) {
                    page[0] = std::byte{1};
                    ++taken;
                    huge_pages::deallocate(page, huge_page_size);
                }
            });
        for (auto& t : threads) t.join();
        CHECK(pages.taken() == static_cast<std::size_t>(taken));
    }
}
