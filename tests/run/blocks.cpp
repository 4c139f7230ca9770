// SPDX-License-Identifier: Apache-2.0
// Runs of so many blocks that these lie in several groups, in stores that keep them and in one that does not.
#include "tenon/file/memory.hpp"
#include "tenon/page_store/buffered.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/tenon.hpp"
#include "tenon/work/inline_work.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>

using namespace tenon;

namespace {

struct letter {
    std::uint64_t              id = 0;
    std::optional<std::string> text;
};
using letters = table<"letters", letter, columns<&letter::id, &letter::text>, primary<&letter::id>>;
template <class Store>
struct letters_in : database<letters, memory_files, Store, segmented_wal<no_sync>, inline_work> {
    using base = database<letters, memory_files, Store, segmented_wal<no_sync>, inline_work>;
    using base::base;
};

/// One of three rows fills a block, one has an empty text, one none.
letter row_of(std::uint64_t i) {
    if (i % 3 == 0) return {i, std::to_string(i) + std::string(70'000, static_cast<char>('a' + i % 26))};
    return {i, i % 3 == 1 ? std::optional<std::string>("") : std::nullopt};
}

}  // namespace

TEST_CASE_TEMPLATE("each row comes from its own block, an absent value is no empty one, and a stream goes through all",
                   Store, file_store<>, buffered<(1u << 20), file_store<>>) {
    constexpr std::uint64_t             rows = 3 * 600;
    typename letters_in<Store>::options o;
    {
        auto db = open<letters_in<Store>>("db", o);
        REQUIRE(db);
        for (std::uint64_t i = 0; i < rows; i += 100) {
            auto tx = db->begin();
            for (auto j = i; j < i + 100; ++j) REQUIRE(tx.insert(row_of(j)));
            REQUIRE(tx.commit());
        }
        REQUIRE(db->compact());
    }
    auto db = open<letters_in<Store>>("db", o);
    REQUIRE(db);
    auto const view = db->snapshot();
    for (std::uint64_t i = 0; i < rows; ++i) {
        auto const j = i * 1'201 % rows;  // all of them, far from each other
        CAPTURE(j);
        auto const found = view.template get<letter>(j);
        REQUIRE(found);
        REQUIRE(*found);
        CHECK((*found)->id == j);
        CHECK((*found)->text == row_of(j).text);
    }
    std::uint64_t next = 0;
    auto const    all  = view.template all<letter>().collect();
    REQUIRE(all);
    for (auto const& row : *all) {
        CHECK(row.id == next);
        CHECK(row.text == row_of(next).text);
        ++next;
    }
    CHECK(next == rows);
}
