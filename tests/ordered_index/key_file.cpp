// SPDX-License-Identifier: Apache-2.0
#include "tenon/key_file.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/ordered_index/sorted_array.hpp"
#include "tenon/testing/key_sets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

using u64   = std::uint64_t;
using keyed = tenon::key_file<u64>;

/// A path of its own, gone at the end.
struct scratch {
    std::string path =
        (std::filesystem::temp_directory_path() / ("tenon_key_file_" + std::to_string(::getpid()))).string();
    ~scratch() { std::filesystem::remove(path); }

    std::string read() const {
        std::string out(std::filesystem::file_size(path), '\0');
        std::FILE*  f = std::fopen(path.c_str(), "rb");
        auto const  n = std::fread(out.data(), 1, out.size(), f);
        std::fclose(f);
        REQUIRE(n == out.size());
        return out;
    }
    void write(std::string const& bytes) const {
        std::FILE* f = std::fopen(path.c_str(), "wb");
        auto const n = std::fwrite(bytes.data(), 1, bytes.size(), f);
        std::fclose(f);
        REQUIRE(n == bytes.size());
    }
};

}  // namespace

TEST_CASE("keys and index come back from a file, mapped or loaded") {
    scratch const file;
    for (std::size_t n : {0u, 1u, 2u, 1000u, 100'000u}) {
        auto const keys = tenon::testing::key_set("wiki", n, 3);
        REQUIRE(keyed::write(file.path, keys));
        for (bool mapped : {true, false}) {
            auto opened = mapped ? keyed::open(file.path) : keyed::load(file.path);
            REQUIRE(opened);
            CHECK(opened->validate());
            CHECK(std::ranges::equal(opened->keys(), keys));
            auto const moved = std::move(*opened);
            for (std::size_t i = 0; i < n; i += n / 50 + 1)
                CHECK(moved.lower_bound(keys[i]) ==
                      static_cast<u64>(std::lower_bound(keys.begin(), keys.end(), keys[i]) - keys.begin()));
        }
    }
    CHECK_FALSE(std::filesystem::exists(file.path + ".new"));
}

TEST_CASE("other key types and other indexes") {
    scratch const             file;
    std::vector<double> const keys{-2.5, 0, 1, 1, 7};
    using doubles = tenon::key_file<double, tenon::sorted_array>;
    REQUIRE(doubles::write(file.path, keys));
    CHECK(doubles::open(file.path)->count(1) == 2);

    auto const as = [](auto const& opened, tenon::errc kind, std::string const& words) {
        REQUIRE_FALSE(opened);
        INFO(opened.error().message);
        CHECK(opened.error().kind == kind);
        CHECK(opened.error().message.find(words) != std::string::npos);
    };
    as(tenon::key_file<double>::open(file.path), tenon::errc::wrong_assembly, "sorted_array");
    as(tenon::key_file<u64, tenon::sorted_array>::open(file.path), tenon::errc::wrong_assembly, "another type");
    as(tenon::key_file<float, tenon::sorted_array>::open(file.path), tenon::errc::wrong_assembly, "keys of 8 bytes");
    as(keyed::open(file.path + ".absent"), tenon::errc::not_found, file.path);
}

TEST_CASE("what cannot be indexed is not written, and the file of before stays") {
    scratch const file;
    REQUIRE(keyed::write(file.path, std::vector<u64>{1, 2}));
    auto const refused = keyed::write(file.path, std::vector<u64>{1, 5, 4});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == tenon::errc::unsorted_keys);
    CHECK(refused.error().message.find("rank 2") != std::string::npos);
    CHECK(keyed::open(file.path)->size() == 2);
}

TEST_CASE("a file that is cut or changed is refused, or validate() tells") {
    constexpr u64 seed = 9;
    CAPTURE(seed);
    scratch const file;
    auto const    keys = tenon::testing::key_set("uniform", 3000, seed);
    REQUIRE(keyed::write(file.path, keys));
    auto const  whole = file.read();
    tenon::prng random(seed);
    for (std::size_t cut : {std::size_t{0}, std::size_t{10}, std::size_t{63}, std::size_t{64}, std::size_t{4096},
                            whole.size() / 2, whole.size() - 64, whole.size() - 1}) {
        file.write(whole.substr(0, cut));
        CHECK_FALSE(keyed::open(file.path));
    }
    for (int i = 0; i < 400; ++i) {
        auto       bytes = whole;
        auto const at    = i < 64 ? static_cast<std::size_t>(i) : random.below(bytes.size());
        bytes[at] ^= static_cast<char>(1 << random.below(8));
        file.write(bytes);
        auto const opened = keyed::open(file.path);
        bool const unused = at >= 64 && at < 4096;  // between header and keys
        bool const padded = at >= 4096 + keys.size() * 8 && at < 4096 + (keys.size() * 8 + 4095) / 4096 * 4096;
        if (at < 64) CHECK_FALSE(opened);
        if (!opened) continue;
        for (int k = 0; k < 20; ++k) CHECK(opened->lower_bound(random()) <= keys.size());
        CHECK(opened->validate().has_value() == (unused || padded));
    }
    file.write("not a file of keys, and long enough to hold the header of one, which has 64 bytes");
    CHECK(keyed::open(file.path).error().kind == tenon::errc::not_ours);
}
