// SPDX-License-Identifier: Apache-2.0
#include "tenon/core/append_vector.hpp"
#include "tenon/core/prng.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tenon;

TEST_CASE("an append_vector agrees with std::vector and never moves an element") {
    append_vector<std::string, 4> ours;
    std::vector<std::string>      model;
    std::vector<std::string*>     places;
    CHECK(ours.empty());
    CHECK(ours.bytes() == sizeof(ours));
    for (int i = 0; i < 3000; ++i) {
        model.push_back("element number " + std::to_string(i));
        if (i % 2 == 0) places.push_back(&ours.emplace_back(model.back()));
        else {
            ours.push_back(model.back());
            places.push_back(&ours[ours.size() - 1]);
        }
        REQUIRE(ours.size() == model.size());
        CHECK(ours.bytes() >= ours.size() * sizeof(std::string));
        CHECK(ours.bytes() <= sizeof(ours) + (2 * ours.size() + 4) * sizeof(std::string));
    }
    for (std::size_t i = 0; i < model.size(); ++i) {
        REQUIRE(ours[i] == model[i]);
        REQUIRE(&ours[i] == places[i]);
    }
    auto moved = std::move(ours);
    CHECK(&moved[17] == places[17]);
    CHECK(ours.empty());
    ours.push_back("again");
    ours = std::move(moved);
    CHECK(ours.size() == model.size());
    CHECK(moved.empty());
}

TEST_CASE("chunks of an append_vector cover a range once, in order, with few aligned spans") {
    append_vector<std::uint32_t> v;
    for (std::uint32_t i = 0; i < 5000; ++i) v.push_back(i);
    constexpr std::uint64_t seed = 7;
    CAPTURE(seed);
    prng random(seed);
    for (int round = 0; round < 300; ++round) {
        auto const  first = random.below(5001), count = random.below(5001 - first);
        std::size_t next = first, spans = 0;
        v.for_each_chunk(first, count, [&](std::span<std::uint32_t const> part) {
            REQUIRE(!part.empty());
            ++spans;
            for (auto x : part) REQUIRE(x == next++);
        });
        CHECK(next == first + count);
        CHECK(spans <= 8);
    }
    v.for_each_chunk(64, 128, [](auto part) { CHECK(reinterpret_cast<std::uintptr_t>(part.data()) % 64 == 0); });
}

TEST_CASE("an append_vector whose element constructor throws is unchanged") {
    struct picky {
        explicit picky(int v) : owned(std::make_unique<int>(v)) {
            if (v < 0) throw v;
        }
        std::unique_ptr<int> owned;
    };
    append_vector<picky, 1> v;
    CHECK_THROWS_AS(v.emplace_back(-1), int);
    CHECK(v.empty());
    v.emplace_back(1);
    CHECK_THROWS_AS(v.emplace_back(-1), int);
    CHECK(v.size() == 1);
    CHECK(*v.emplace_back(2).owned == 2);
}

TEST_CASE("an append_vector is read while it is appended to") {
    constexpr std::size_t            total = 40000;
    append_vector<std::uint64_t, 16> v;
    std::atomic<int>                 wrong{0};
    std::vector<std::thread>         readers;
    for (std::uint64_t t = 0; t < 2; ++t)
        readers.emplace_back([&, t] {
            prng random(t);
            for (std::size_t n = 0; n < total;) {
                n = v.size();
                for (int i = 0; i < 10 && n > 0; ++i)
                    if (auto const at = random.below(n); v[at] != at * 3) ++wrong;
                if (n > 100)
                    v.for_each_chunk(n - 100, 100, [&](auto part) {
                        for (auto x : part)
                            if (x % 3 != 0) ++wrong;
                    });
            }
        });
    for (std::uint64_t i = 0; i < total; ++i) v.push_back(i * 3);
    for (auto& r : readers) r.join();
    CHECK(wrong == 0);
}
