// SPDX-License-Identifier: Apache-2.0
// The sorted keys that benches of indexes run over: the generated sets, and real ones from a folder.
#pragma once

#include "measure.hpp"
#include "tenon/testing/key_sets.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace bench {

/// A named set; its keys are made or read when they are asked for.
struct key_source {
    std::string                                 name, from;
    std::function<std::vector<std::uint64_t>()> keys;
};

/// Centres of osm, the largest place first: GeoNames' cities of Debian's libtimezonemap-data, or none.
inline std::vector<tenon::lonlat> city_places() {
    std::ifstream                                        in("/usr/share/libtimezonemap/ui/cities15000.txt");
    std::vector<std::pair<std::uint64_t, tenon::lonlat>> cities;
    for (std::string line; std::getline(in, line);) {
        std::vector<std::string> field;
        for (std::size_t at = 0; at <= line.size();) {
            auto const end = std::min(line.find('\t', at), line.size());
            field.push_back(line.substr(at, end - at));
            at = end + 1;
        }
        if (field.size() < 15) continue;
        tenon::lonlat const where{std::strtod(field[5].c_str(), nullptr), std::strtod(field[4].c_str(), nullptr)};
        if (is_valid(where)) cities.emplace_back(std::strtoull(field[14].c_str(), nullptr, 10), where);
    }
    std::sort(cities.begin(), cities.end(), [](auto const& a, auto const& b) {
        return std::tuple(b.first, a.second.lon, a.second.lat) < std::tuple(a.first, b.second.lon, b.second.lat);
    });
    std::vector<tenon::lonlat> out;
    for (auto const& [people, where] : cities) out.push_back(where);
    return out;
}

/// All that a program writes on its standard output.
inline std::string output_of(std::string const& program, std::string const& file) {
    if (file.find('\'') != std::string::npos) die("a path with a quote in it is too much for a shell: " + file);
    struct closes {
        void operator()(std::FILE* f) const noexcept { ::pclose(f); }
    };
    std::FILE* const pipe = ::popen((program + " '" + file + "'").c_str(), "r");
    if (pipe == nullptr) die(program + " cannot be started");
    std::unique_ptr<std::FILE, closes> owner(pipe);
    std::string                        all;
    std::array<char, 1 << 16>          some;
    for (std::size_t n = 0; (n = std::fread(some.data(), 1, some.size(), pipe)) > 0;) all.append(some.data(), n);
    if (::pclose(owner.release()) != 0 || all.empty()) die(program + " cannot read " + file);
    return all;
}

/// Ascending u64, little-endian, no header, packed by xz.
inline std::vector<std::uint64_t> packed_keys(std::string const& file) {
    auto const bytes = output_of("xz -dc", file);
    if (bytes.size() % 8 != 0) die(file + " does not hold whole 64-bit keys");
    std::vector<std::uint64_t> keys(bytes.size() / 8);
    std::memcpy(keys.data(), bytes.data(), bytes.size());
    if (!std::is_sorted(keys.begin(), keys.end())) die("the keys in " + file + " are not sorted");
    return keys;
}

/// The Hilbert cells of all "latitude":...,"longitude":... of a JSON file packed by gzip.
inline std::vector<std::uint64_t> place_cells(std::string const& file) {
    auto const                 text = output_of("zcat", file);
    std::vector<std::uint64_t> keys;
    auto                       number = [&](std::string_view name, std::size_t& at) {
        at = text.find(name, at);
        if (at == std::string::npos) return 0.0;
        return std::strtod(text.c_str() + (at += name.size()), nullptr);
    };
    for (std::size_t at = 0;;) {
        auto const lat = number("\"latitude\":", at);
        if (at == std::string::npos) break;
        auto const lon = number("\"longitude\":", at);
        if (at == std::string::npos) break;
        if (!tenon::is_valid({lon, lat})) die("a coordinate out of range in " + file);
        keys.push_back(
            tenon::testing::detail::hilbert_cell(static_cast<std::uint32_t>((lon + 180) / 360 * 0xffffffffp0),
                                                 static_cast<std::uint32_t>((lat + 90) / 180 * 0xffffffffp0)));
    }
    std::sort(keys.begin(), keys.end());
    return keys;
}

/// When all elements of an OpenStreetMap file packed by gzip were last changed, in seconds: timestamp="2013-05-06T20:39:19Z".
inline std::vector<std::uint64_t> osm_times(std::string const& file) {
    constexpr std::string_view name = " timestamp=\"";
    auto const                 text = output_of("zcat", file);
    std::vector<std::uint64_t> keys;
    for (std::size_t at = text.find('>', text.find("<osm")); (at = text.find(name, at)) != std::string::npos;) {
        at += name.size();
        int part[6] = {};
        if (std::sscanf(text.c_str() + at, "%4d-%2d-%2dT%2d:%2d:%2dZ", &part[0], &part[1], &part[2], &part[3], &part[4],
                        &part[5]) != 6)
            die("a timestamp that is none at byte " + std::to_string(at) + " of " + file + ", unpacked");
        using namespace std::chrono;
        sys_days const day{year{part[0]} / month{static_cast<unsigned>(part[1])} /
                           std::chrono::day{static_cast<unsigned>(part[2])}};
        auto const     all = day + hours{part[3]} + minutes{part[4]} + seconds{part[5]};
        keys.push_back(static_cast<std::uint64_t>(all.time_since_epoch().count()));
    }
    std::sort(keys.begin(), keys.end());
    return keys;
}

/// The generated sets of n keys, then the real ones of `folder` (none when it is empty) whatever their size.
inline std::vector<key_source> key_sources(std::size_t n, std::uint64_t seed, std::string const& folder) {
    auto const              places = std::make_shared<std::vector<tenon::lonlat>>(city_places());
    std::vector<key_source> out;
    for (auto name : tenon::testing::key_set_names) {
        auto from = name == "osm"
                        ? std::to_string(places->size()) + (places->empty() ? " places, so made up" : " places")
                        : std::string();
        out.push_back({std::string(name), "generated" + (from.empty() ? "" : " around " + from),
                       [=] { return tenon::testing::key_set(name, n, seed, *places); }});
    }
    if (folder.empty()) return out;
    std::error_code          failed;
    std::vector<std::string> files;
    for (auto const& e : std::filesystem::directory_iterator(folder, failed)) files.push_back(e.path().string());
    if (failed) die("--data " + folder + ": " + failed.message());
    std::sort(files.begin(), files.end());
    for (auto const& f : files) {
        auto name = std::filesystem::path(f).filename().string();
        if (name.ends_with(".u64.xz")) {
            name.resize(name.size() - 7);
            if (name.starts_with("real_")) name.erase(0, 5);
            out.push_back({name, f, [=] { return packed_keys(f); }});
        }
        if (name == "geonames-cities.json.gz") out.push_back({"geonames", f, [=] { return place_cells(f); }});
        if (name.ends_with(".osm.gz")) out.push_back({"times", f, [=] { return osm_times(f); }});
    }
    return out;
}

/// The words of "a,b,c".
inline std::vector<std::string> listed(std::string const& text) {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < text.size();) {
        auto const end = std::min(text.find(',', at), text.size());
        if (end > at) out.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

/// Those named in `only`, or all when it is empty; ends the bench at a name that is none.
inline std::vector<key_source> chosen_sources(std::vector<key_source> all, std::string const& only) {
    auto const wanted = listed(only);
    if (wanted.empty()) return all;
    std::vector<key_source> out;
    std::string             names;
    for (auto const& s : all) names += (names.empty() ? "" : ", ") + s.name;
    for (auto const& w : wanted) {
        auto const it = std::find_if(all.begin(), all.end(), [&](auto const& s) { return s.name == w; });
        if (it == all.end()) die("no set is named " + w + "; sets are: " + names);
        out.push_back(*it);
    }
    return out;
}

/// n random keys of the set.
inline std::vector<std::uint64_t> present_keys(std::span<std::uint64_t const> keys, std::size_t n,
                                               tenon::prng& random) {
    std::vector<std::uint64_t> out(keys.empty() ? 0 : n);
    for (auto& k : out) k = keys[random.below(keys.size())];
    return out;
}
/// n keys that are not in the set, each inside the gap after a random key; where the keys leave hardly a gap, any key that is absent.
inline std::vector<std::uint64_t> absent_keys(std::span<std::uint64_t const> keys, std::size_t n, tenon::prng& random) {
    std::vector<std::uint64_t> out(keys.empty() ? 0 : n);
    for (auto& k : out) {
        bool found = false;
        for (int i = 0; i < 64 && !found; ++i) {
            auto const at   = random.below(keys.size());
            auto const next = at + 1 < keys.size() ? keys[at + 1] : keys[at];
            found           = next - keys[at] > 1;
            if (found) k = keys[at] + 1 + random.below(next - keys[at] - 1);
        }
        while (!found) {
            k     = random();
            found = !std::binary_search(keys.begin(), keys.end(), k);
        }
    }
    return out;
}

}  // namespace bench
