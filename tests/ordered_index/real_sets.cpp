// SPDX-License-Identifier: Apache-2.0
#include "policies.hpp"
#include "suite.hpp"
#include "tenon/testing/key_sets.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace {

using u64 = std::uint64_t;

/// The folder that TENON_DATA names, or none.
std::string data_folder() {
    auto const* folder = std::getenv("TENON_DATA");
    return folder == nullptr ? "" : folder;
}

/// Little-endian numbers of 64 bits, compressed; empty when the file or xz is not there.
std::vector<u64> numbers_of(std::string const& path) {
    std::vector<u64> out;
    if (!std::filesystem::exists(path)) return out;
    auto* const pipe = ::popen(("xz -dc '" + path + "'").c_str(), "r");
    if (pipe == nullptr) return out;
    std::vector<u64> part(1 << 16);
    for (std::size_t n = 0; (n = std::fread(part.data(), 8, part.size(), pipe)) > 0;)
        out.insert(out.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(n));
    ::pclose(pipe);
    return out;
}

/// Every `step`-th key of all, or all of them with TENON_TEST_ALL=1: the suite asks about eight times as many.
std::vector<u64> share_of(std::vector<u64> keys) {
    if (std::getenv("TENON_TEST_ALL") != nullptr) return keys;
    auto const first = keys.size() / 3, size = std::min<std::size_t>(keys.size() - first, 60'000);
    return {keys.begin() + static_cast<std::ptrdiff_t>(first),
            keys.begin() + static_cast<std::ptrdiff_t>(first + size)};
}

/// The words that eight bytes each were kept of, with their own lengths again.
std::vector<std::string_view> words_of(std::vector<u64> const& prefixes, std::vector<char>& text) {
    text.resize(prefixes.size() * 8);
    std::vector<std::string_view> out;
    for (std::size_t i = 0; i < prefixes.size(); ++i) {
        auto const swapped = __builtin_bswap64(prefixes[i]);
        std::memcpy(text.data() + 8 * i, &swapped, 8);
        auto const word = std::string_view(text.data() + 8 * i, 8);
        out.push_back(word.substr(0, word.find('\0')));
    }
    return out;
}

/// Cities of GeoNames from Debian's libtimezonemap-data, one of their columns each; empty when the package is not there.
std::vector<std::vector<std::string>> city_columns(std::initializer_list<std::size_t> wanted) {
    std::vector<std::vector<std::string>> out;
    std::ifstream                         in("/usr/share/libtimezonemap/ui/cities15000.txt");
    for (std::string line; std::getline(in, line);) {
        std::vector<std::string> fields;
        for (std::size_t at = 0; at <= line.size();) {
            auto const end = std::min(line.find('\t', at), line.size());
            fields.push_back(line.substr(at, end - at));
            at = end + 1;
        }
        if (fields.size() != 19) continue;
        out.emplace_back();
        for (auto column : wanted) out.back().push_back(fields[column]);
    }
    return out;
}

/// The cells of a Hilbert curve in which cities lie.
std::vector<u64> city_cells() {
    std::vector<u64> out;
    for (auto const& city : city_columns({4, 5})) {
        auto const lat = std::strtod(city[0].c_str(), nullptr), lon = std::strtod(city[1].c_str(), nullptr);
        out.push_back(
            tenon::testing::detail::hilbert_cell(static_cast<std::uint32_t>((lon + 180) / 360 * 0xffffffffp0),
                                                 static_cast<std::uint32_t>((lat + 90) / 180 * 0xffffffffp0)));
    }
    std::sort(out.begin(), out.end());
    return out;
}

/// When the rows of cities were last changed: seconds at the beginning of days, many of them the same.
std::vector<std::int64_t> city_times() {
    std::vector<std::int64_t> out;
    for (auto const& city : city_columns({18})) {
        using namespace std::chrono;
        auto const number = [&](std::size_t at, std::size_t n) { return std::atoi(city[0].substr(at, n).c_str()); };
        if (city[0].size() != 10) continue;
        sys_days const day{year{number(0, 4)} / month{static_cast<unsigned>(number(5, 2))} /
                           std::chrono::day{static_cast<unsigned>(number(8, 2))}};
        out.push_back(duration_cast<seconds>(day.time_since_epoch()).count());
    }
    std::sort(out.begin(), out.end());
    return out;
}

template <class Policy, class Maker, class Key>
void conforms_on(std::vector<Key> const& keys, std::string const& name) {
    constexpr u64 seed = 42;
    CAPTURE(seed);
    CAPTURE(name);
    if (keys.empty()) {
        MESSAGE("skipped: libtimezonemap-data is not installed");
        return;
    }
    REQUIRE(keys.size() > 10'000);
    tenon::testing::report r;
    tenon::testing::check_ordered_index_on<Policy, Maker>(keys, 1, name, seed, r);
    INFO(r.text());
    CHECK(r.passed());
    CHECK(r.checks() > 0);
}

}  // namespace

TEST_CASE_TEMPLATE("an index answers for the map cells of real places", Policy, TENON_POSITION_INDEXES) {
    conforms_on<Policy, tenon::testing::index_makers::u64>(city_cells(), "cells of cities15000.txt");
}

TEST_CASE_TEMPLATE("an index answers for real timestamps, most of them many times there", Policy,
                   TENON_POSITION_INDEXES) {
    auto const keys = city_times();
    if (!keys.empty()) {
        auto distinct = keys;
        distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
        CHECK(distinct.size() * 4 < keys.size());
    }
    conforms_on<Policy, tenon::testing::index_makers::i64>(keys, "times of cities15000.txt");
}

TEST_CASE_TEMPLATE("an index answers for real keys: words and address ranges", Policy, TENON_POSITION_INDEXES) {
    auto const folder = data_folder();
    if (folder.empty() || !std::filesystem::is_directory(folder)) {
        MESSAGE("skipped: TENON_DATA names no folder with *.u64.xz");
        return;
    }
    constexpr u64 seed = 41;
    CAPTURE(seed);
    std::size_t used = 0;
    for (auto const& entry : std::filesystem::directory_iterator(folder)) {
        auto const path = entry.path().string();
        if (!path.ends_with(".u64.xz")) continue;
        auto const keys = share_of(numbers_of(path));
        if (keys.empty()) continue;
        ++used;
        CAPTURE(path);
        REQUIRE(std::is_sorted(keys.begin(), keys.end()));
        tenon::testing::report r;
        tenon::testing::check_ordered_index_on<Policy, tenon::testing::index_makers::u64>(keys, 1, path, seed, r);
        INFO(r.text());
        CHECK(r.passed());
        if (path.find("words") == std::string::npos) continue;
        std::vector<char>      text;
        auto const             words = words_of(keys, text);
        tenon::testing::report of_words;
        tenon::testing::check_ordered_index_on<Policy, tenon::testing::index_makers::text>(words, 1, path, seed,
                                                                                           of_words);
        INFO(of_words.text());
        CHECK(of_words.passed());
    }
    if (used == 0) MESSAGE("skipped: no *.u64.xz in " << folder << ", or xz is not installed");
}
