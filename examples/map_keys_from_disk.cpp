// SPDX-License-Identifier: Apache-2.0
// Write sorted keys and their index into one file, then map it and look keys up in place: no copy, no rebuild.
#include "tenon/key_file.hpp"

#include <cstdio>
#include <vector>

int main() {
    std::vector<std::uint64_t> keys;
    for (std::uint64_t i = 0; i < 1'000'000; ++i) keys.push_back(i * i);

    using squares = tenon::key_file<std::uint64_t>;
    if (auto written = squares::write("squares.keys", keys); !written)
        return std::fprintf(stderr, "%s\n", written.error().message.c_str()), 1;

    auto file = squares::open("squares.keys");  // maps it; any number of programs may do so at the same time
    if (!file) return std::fprintf(stderr, "%s\n", file.error().message.c_str()), 1;

    std::printf("%llu keys are there\n", static_cast<unsigned long long>(file->size()));
    std::printf("999 squared stands at position %llu\n", static_cast<unsigned long long>(file->find(998'001)));
    std::printf("%llu squares lie between 1000 and 2000\n",
                static_cast<unsigned long long>(file->lower_bound(2000) - file->lower_bound(1000)));

    std::vector<std::uint64_t> wanted{4, 5, 1'000'000'000'000, 250'000}, found(wanted.size());
    file->batch(wanted, found);  // many at a time, so that their cache misses overlap
    for (auto at : found) std::printf("%llu ", static_cast<unsigned long long>(at));
    std::printf("are the positions of four more\n");

    if (auto valid = file->validate(); !valid)  // reads all of it: checksums, order, index
        return std::fprintf(stderr, "%s\n", valid.error().message.c_str()), 1;
    return file->find(998'001) == 999 && found[3] == 500 ? 0 : 1;
}
