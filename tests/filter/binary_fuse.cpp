// SPDX-License-Identifier: Apache-2.0
#include "tenon/filter/binary_fuse.hpp"
#include "tenon/core/crc32c.hpp"
#include "tenon/core/hash.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/testing/filter.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

using namespace tenon;

namespace {

using hashes = std::vector<std::uint64_t>;

hashes hashes_of(std::uint64_t n, std::uint64_t from = 0) {
    hashes out;
    for (std::uint64_t i = 0; i < n; ++i) out.push_back(hash_u64(from + i));
    return out;
}
template <class View>
std::size_t missed(View const& view, hashes const& all) {
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](auto h) { return !view.may_contain(h); }));
}
template <class View>
double false_positives(View const& view, std::uint64_t tries) {
    std::uint64_t hits = 0;
    for (std::uint64_t i = 0; i < tries; ++i) hits += view.may_contain(hash_u64((std::uint64_t{1} << 40) + i));
    return static_cast<double>(hits) / static_cast<double>(tries);
}
/// The bytes with another header whose checksum is right.
byte_vector with_header(byte_vector bytes, detail::fuse_header h) {
    h.header_crc = crc32c(object_bytes(h).first(offsetof(detail::fuse_header, header_crc)));
    std::memcpy(bytes.data(), &h, sizeof(h));
    return bytes;
}

}  // namespace

TEST_CASE_TEMPLATE("a binary fuse filter never misses a key and survives hostile bytes", Policy, binary_fuse<>,
                   binary_fuse<16>) {
    for (std::uint64_t seed : {1u, 2u}) {
        CAPTURE(seed);
        testing::report r;
        testing::check_filter<Policy>(seed, r);
        INFO(r.text());
        CHECK(r.passed());
    }
}

TEST_CASE("binary fuse filters of every small size hold their keys") {
    for (std::uint64_t n = 0; n <= 300; ++n) {
        CAPTURE(n);
        auto const all   = hashes_of(n, n * 1000);
        auto const bytes = binary_fuse<>::build(all);
        auto const view  = binary_fuse<>::view::open(bytes).value();
        REQUIRE(missed(view, all) == 0);
        REQUIRE(view.keys() == n);
        REQUIRE(view.bytes() == bytes.size());
        REQUIRE(load<detail::fuse_header>(bytes.data()).bits == 8);  // no need of the last resort
    }
}

TEST_CASE("a binary fuse filter errs in one of 256 or 65536, at 9 and 18 bits a key") {
    auto const all  = hashes_of(200'000);
    auto const few  = binary_fuse<8>::build(all);
    auto const many = binary_fuse<16>::build(all);
    auto const of   = [&](byte_vector const& b) { return static_cast<double>(b.size()) * 8 / 200'000; };
    CAPTURE(of(few));
    CAPTURE(of(many));
    CHECK(of(few) < 9.7);
    CHECK(of(many) < 19.3);
    auto const view8 = binary_fuse<8>::view::open(few).value(), view16 = binary_fuse<8>::view::open(many).value();
    CHECK(missed(view8, all) == 0);
    CHECK(missed(view16, all) == 0);
    auto const wrong8 = false_positives(view8, 200'000), wrong16 = false_positives(view16, 1'000'000);
    CAPTURE(wrong8);
    CAPTURE(wrong16);
    CHECK(wrong8 > 0.0034);
    CHECK(wrong8 < 0.0044);
    CHECK(wrong16 > 0);
    CHECK(wrong16 < 0.00004);
}

TEST_CASE("duplicates change nothing, wherever they stand") {
    auto const  once = hashes_of(3000);
    auto        side = once, apart = once, only = hashes(5000, 7);
    std::size_t at = 0;
    for (auto h : once) side.insert(side.begin() + static_cast<std::ptrdiff_t>(at += 2) - 1, h);
    apart.insert(apart.end(), once.begin(), once.end());
    auto const size = binary_fuse<>::build(once).size();
    for (auto const* with : {&side, &apart}) {
        auto const bytes = binary_fuse<>::build(*with);
        auto const view  = binary_fuse<>::view::open(bytes).value();
        CHECK(missed(view, once) == 0);
        CHECK(view.keys() == once.size());
        CHECK(bytes.size() == size);
        CHECK(false_positives(view, 20'000) < 0.01);
    }
    auto const bytes = binary_fuse<>::build(only);
    auto const view  = binary_fuse<>::view::open(bytes).value();
    CHECK(view.keys() == 1);
    CHECK(view.may_contain(7));
    CHECK(bytes.size() < 100);
}

TEST_CASE("hashes without any spread are found as well") {
    std::vector<hashes> kinds(4);
    for (std::uint64_t i = 0; i < 5000; ++i) {
        kinds[0].push_back(i);
        kinds[1].push_back(i << 48 | i >> 16);
        kinds[2].push_back(~i);
        kinds[3].push_back(i * detail::hash_k0);
    }
    for (auto const& all : kinds) {
        auto const bytes = binary_fuse<>::build(all);
        auto const view  = binary_fuse<>::view::open(bytes).value();
        CHECK(missed(view, all) == 0);
        CHECK(load<detail::fuse_header>(bytes.data()).bits == 8);
    }
}

TEST_CASE("without a seed that works the hashes themselves are listed, and the answer is exact") {
    for (std::uint64_t n : {0u, 1u, 2u, 1000u}) {
        CAPTURE(n);
        auto all = hashes_of(n);
        all.insert(all.end(), all.begin(), all.end());
        auto const bytes = detail::fuse_build<std::uint8_t>(all, 0);
        CHECK(bytes.size() == 64 + 8 * n);
        auto const view = binary_fuse<>::view::open(bytes);
        REQUIRE(view.has_value());
        CHECK(missed(*view, all) == 0);
        CHECK(view->keys() == n);
        CHECK(false_positives(*view, 10'000) == 0);
        CHECK(view->validate().has_value());
    }
}

TEST_CASE("a seed that fails is followed by the next one") {
    std::uint64_t retried = 0;
    for (std::uint64_t from = 0; from < 2000; ++from) {
        auto const all   = hashes_of(2, 10 * from);
        auto const bytes = binary_fuse<>::build(all);
        auto const view  = binary_fuse<>::view::open(bytes).value();
        REQUIRE(missed(view, all) == 0);
        retried += load<detail::fuse_header>(bytes.data()).seed != hash_u64(0);
    }
    CHECK(retried > 0);
    CHECK(retried < 500);
}

TEST_CASE("validate notices a changed slot; open notices every changed bit of the header") {
    auto bytes = binary_fuse<>::build(hashes_of(3));
    CHECK(binary_fuse<>::view::open(bytes)->validate().has_value());
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] ^= std::byte(1u << (bit % 8));
        auto const view = binary_fuse<>::view::open(bytes);
        REQUIRE(view.has_value() == (bit >= 64 * 8));
        if (view) REQUIRE_FALSE(view->validate().has_value());
        bytes[bit / 8] ^= std::byte(1u << (bit % 8));
    }
}

TEST_CASE("a header that lies under a right checksum is refused or does no harm") {
    auto const bytes = binary_fuse<16>::build(hashes_of(50));
    auto const good  = load<detail::fuse_header>(bytes.data());
    auto const opens = [&](auto change, std::size_t size) {
        auto h = good;
        change(h);
        auto hostile = with_header(bytes, h);
        hostile.resize(size);
        hostile.shrink_to_fit();  // so that AddressSanitizer sees the end
        auto const view = binary_fuse<>::view::open(hostile);
        if (!view) return false;
        prng random(1);
        for (int i = 0; i < 1000; ++i) (void)view->may_contain(random());
        (void)view->may_contain(0);
        (void)view->may_contain(~std::uint64_t{0});
        return true;
    };
    auto const size = bytes.size();
    CHECK(opens([](auto&) {}, size));
    CHECK(opens([](auto& h) { h.seed = 99; }, size));
    CHECK_FALSE(opens([](auto&) {}, size - 1));
    CHECK_FALSE(opens([](auto&) {}, size - 2));
    CHECK_FALSE(opens([](auto&) {}, size + 2));
    CHECK_FALSE(opens([](auto& h) { h.bits = 0; }, size));
    CHECK_FALSE(opens([](auto& h) { h.bits = 4; }, size));
    CHECK_FALSE(opens([](auto& h) { h.bits = 8; }, size));
    CHECK_FALSE(opens([](auto& h) { h.bits = 32; }, size));
    CHECK_FALSE(opens([](auto& h) { h.bits = 64; }, size));
    CHECK_FALSE(opens([](auto& h) { h.zeros = 1; }, size));
    CHECK_FALSE(opens([](auto& h) { h.keys = 0; }, size));
    CHECK_FALSE(opens([](auto& h) { h.segments = 0; }, size));
    CHECK_FALSE(opens([](auto& h) { h.segments += 1; }, size));
    CHECK_FALSE(opens([](auto& h) { h.segments -= 1; }, size));
    CHECK_FALSE(opens([](auto& h) { h.segments = 0xffffffffu; }, size));
    CHECK_FALSE(opens([](auto& h) { h.segment_length = 0; }, size));
    CHECK_FALSE(opens([](auto& h) { h.segment_length = 3; }, 64 + 2 * 3 * (good.segments + 2)));
    CHECK_FALSE(opens([](auto& h) { h.segment_length = 1u << 19; }, 64 + (std::size_t{2} << 19) * (good.segments + 2)));
    CHECK_FALSE(opens([](auto& h) { h.segment_length = 1u << 31; }, size));
    auto const list = [](auto& h) {
        h.bits           = 64;
        h.segment_length = h.segments = 0;
    };
    CHECK_FALSE(opens(list, size));
    CHECK_FALSE(opens([&](auto& h) { list(h), h.keys = std::uint64_t{1} << 61; }, size));
    CHECK_FALSE(opens([&](auto& h) { list(h), h.keys = 5; }, 64 + 8 * 5 + 4));
    CHECK_FALSE(opens([&](auto& h) { list(h), h.keys = 5, h.segments = 1; }, 64 + 8 * 5));
    CHECK(opens([&](auto& h) { list(h), h.keys = 5; }, 64 + 8 * 5));
}

TEST_CASE("the sizes of binary fuse filters never change, because equal hashes must give equal bytes") {
    auto const shape = [](std::uint64_t n) { return detail::fuse_shape::of(n, 0); };
    CHECK(shape(1) == detail::fuse_shape{4, 1});
    CHECK(shape(2) == detail::fuse_shape{4, 1});
    CHECK(shape(3) == detail::fuse_shape{8, 1});
    CHECK(shape(1000) == detail::fuse_shape{128, 9});
    CHECK(shape(1'000'000) == detail::fuse_shape{8192, 136});
    CHECK(shape(1'000'000'000) == detail::fuse_shape{262144, 4290});
}

TEST_CASE("a binary fuse filter keeps its bytes for ever, because runs on disk hold them") {
    std::string hex;
    for (auto b : binary_fuse<>::build(hashes_of(2, 1))) {
        hex += "0123456789abcdef"[std::to_integer<unsigned>(b) >> 4];
        hex += "0123456789abcdef"[std::to_integer<unsigned>(b) & 15u];
    }
    CHECK(hex ==
          "74656e6f6e2e62696e6172795f667573652f3100000000000800000004000000"
          "0100000000000000afcd1d7b39a820e2020000000000000005433c330b9f9f3e"
          "000000a60000460000000000");
}
