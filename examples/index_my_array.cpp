// SPDX-License-Identifier: Apache-2.0
// Index a sorted array of your own with a learned index, and look keys up. Nothing else of tenon is needed.
#include "tenon/ordered_index/rmi.hpp"

#include <cstdio>
#include <vector>

int main() {
    std::vector<std::uint64_t> keys;
    for (std::uint64_t i = 0; i < 1'000'000; ++i) keys.push_back(i * i);

    auto index = tenon::rmi<>::over(keys);  // borrows the keys, owns about half a byte for each
    if (!index) return std::fprintf(stderr, "%s\n", index.error().message.c_str()), 1;

    auto const at = index->find(123'456ULL * 123'456ULL);
    std::printf("123456 squared stands at position %llu\n", static_cast<unsigned long long>(at));

    auto const next = index->lower_bound(1'000'001);
    std::printf("the first square from 1000001 on is %llu\n", static_cast<unsigned long long>(keys[next]));

    auto const s = index->stats();
    std::printf("%llu keys, %llu leaves, a look-up searches at most %llu positions, %llu bytes\n",
                static_cast<unsigned long long>(s.keys), static_cast<unsigned long long>(s.leaves),
                static_cast<unsigned long long>(s.max_error), static_cast<unsigned long long>(s.model_bytes));
    return at == 123'456 && keys[next] == 1'002'001 ? 0 : 1;
}
