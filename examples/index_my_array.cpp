// SPDX-License-Identifier: Apache-2.0
// Index a sorted array of your own with a learned index, and look keys up. Nothing else of tenon is needed.
#include "tenon/ordered_index/hybrid.hpp"
#include "tenon/ordered_index/pgm.hpp"

#include <cstdio>
#include <deque>
#include <string>
#include <vector>

int main() {
    tenon::placed_vector<std::uint64_t> keys;  // a std::vector on huge pages; any vector, array or span will do
    for (std::uint64_t i = 0; i < 1'000'000; ++i) keys.push_back(i * i);

    auto index = tenon::hybrid<>::over(keys);  // borrows the keys, owns about a tenth of a byte for each
    if (!index) return std::fprintf(stderr, "%s\n", index.error().message.c_str()), 1;

    auto const at = index->find(123'456ULL * 123'456ULL);
    std::printf("123456 squared stands at position %llu\n", static_cast<unsigned long long>(at));

    auto const next = index->lower_bound(1'000'001);
    std::printf("the first square from 1000001 on is %llu\n", static_cast<unsigned long long>(keys[next]));

    std::vector<std::uint64_t> wanted{0, 1, 2, 3, 4}, found(wanted.size());
    index->batch(wanted, found);  // many look-ups at a time, three to five times as fast as one by one
    std::printf("4 stands at position %llu\n", static_cast<unsigned long long>(found[4]));
    std::printf("%s\n", index->explain().c_str());

    std::vector<std::string> const words{"ant", "bee", "bee", "cat"};  // keys of any type that has an order
    auto const                     names = tenon::hybrid<>::over(words);
    std::printf("\"bee\" is there %llu times\n", static_cast<unsigned long long>(names->count("bee")));

    struct order {
        std::uint64_t id;
        char const*   customer;
    };
    std::deque<order> const orders{{7, "Ann"}, {19, "Bob"}, {19, "Cid"}, {30, "Dan"}};
    auto const              by_id = tenon::pgm<>::over(orders, &order::id);  // rows that are sorted by a member
    if (!by_id) return std::fprintf(stderr, "%s\n", by_id.error().message.c_str()), 1;
    std::printf("order 19 is %s's first\n", orders[by_id->find(19)].customer);
    return by_id->count(19) == 2 && at == 123'456 && keys[next] == 1'002'001 && found[4] == 2 &&
                   names->count("bee") == 2
               ? 0
               : 1;
}
