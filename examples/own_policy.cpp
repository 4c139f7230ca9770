// SPDX-License-Identifier: Apache-2.0
// A policy of your own: a filter, checked by its conformance suite and named in a table.
#include "tenon/database.hpp"
#include "tenon/page_store/memory.hpp"
#include "tenon/testing/filter.hpp"
#include "tenon/wal/memory.hpp"
#include "tenon/work/inline_work.hpp"

#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The upper half of every hash, sorted: a key that is absent is taken for present once in 2^32 / keys look-ups.
struct fingerprints {
    using policy_axis                      = tenon::axis::filter;
    static constexpr std::string_view name = "fingerprints";

    static tenon::byte_vector build(std::span<std::uint64_t const> hashes) {
        std::vector<std::uint32_t> prints;
        for (auto h : hashes) prints.push_back(static_cast<std::uint32_t>(h >> 32));
        std::sort(prints.begin(), prints.end());
        tenon::byte_vector out;
        tenon::put(out, std::uint64_t{prints.size()});
        for (auto p : prints) tenon::put(out, p);
        return out;
    }
    struct view {
        std::span<std::uint32_t const> prints;

        static tenon::result<view> open(tenon::byte_view bytes) {  // bytes may be anything
            view       out;
            auto const n = tenon::byte_reader(bytes).get<std::uint64_t>();
            if (bytes.size() < 8 || !tenon::view_array(bytes, 8, n, out.prints) || bytes.size() != 8 + n * 4)
                return tenon::fail(tenon::errc::corrupt,
                                   "fingerprints: as many as the first 8 bytes say were expected");
            return out;
        }
        bool may_contain(std::uint64_t hash) const {
            return std::binary_search(prints.begin(), prints.end(), static_cast<std::uint32_t>(hash >> 32));
        }
    };
};
static_assert(tenon::filter<fingerprints>);

struct visit {
    std::uint64_t id = 0;
    std::string   who;
};

struct visits_db : tenon::database<tenon::table<"visits", visit, tenon::columns<&visit::id, &visit::who>,
                                                tenon::primary<&visit::id>, fingerprints>,
                                   tenon::memory_store, tenon::memory_wal, tenon::inline_work> {
    using database::database;
};

bool keeps_the_axioms() {
    tenon::testing::report report;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) tenon::testing::check_filter<fingerprints>(seed, report);
    std::printf("%llu checks, %llu failed\n%s", static_cast<unsigned long long>(report.checks()),
                static_cast<unsigned long long>(report.failed()), report.text().c_str());
    return report.passed();
}

tenon::result<void> use_it() {
    auto db = tenon::open<visits_db>("in memory");
    if (!db) return tenon::fail(db.error());
    auto tx = db->begin();
    for (std::uint64_t id = 0; id < 2000; id += 2)
        if (auto done = tx.insert(visit{id, "somebody"}); !done) return done;
    if (auto done = tx.commit(); !done) return tenon::fail(done.error());
    if (auto done = db->flush(); !done) return done;  // a run, with the filter beside it

    tenon::query_trace trace;
    auto const         view = db->snapshot().traced(trace);
    for (std::uint64_t id = 0; id < 2000; ++id) {
        auto there = view.contains<visit>(id);
        if (!there) return tenon::fail(there.error());
        if (*there != (id % 2 == 0))
            return tenon::fail(tenon::errc::corrupt, "a wrong answer for " + std::to_string(id));
    }
    std::printf("2000 look-ups, half of them of absent keys: the filter spared %llu visits to the run\n",
                static_cast<unsigned long long>(trace.filtered));
    return trace.filtered >= 990 ? tenon::result<void>{}
                                 : tenon::fail(tenon::errc::not_found, "the filter was not asked");
}

int main() {
    if (!keeps_the_axioms()) return 1;
    auto const done = use_it();
    if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
    return done ? 0 : 1;
}
