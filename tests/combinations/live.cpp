// SPDX-License-Identifier: Apache-2.0
#include "product.hpp"

#include <cstdlib>
#include <filesystem>

#include <doctest/doctest.h>

#include <unistd.h>

namespace combinations {

namespace {
struct directory {
    std::string path;
    directory() {
        auto const* tmp = std::getenv("TMPDIR");
        path            = std::string(tmp != nullptr ? tmp : "/tmp") + "/tenon_combinations_XXXXXX";
        REQUIRE(::mkdtemp(path.data()) != nullptr);
    }
    directory(directory const&)            = delete;
    directory& operator=(directory const&) = delete;
    ~directory() { std::filesystem::remove_all(path); }
};

/// Item i costs i * i % 17; those with prices in [3, 9) by price and id.
void check_items(face& db, std::uint64_t items, std::uint64_t without) {
    auto const                 priced = [&](std::uint64_t i) { return static_cast<std::int64_t>(i * i % 17); };
    std::vector<std::uint64_t> expected;
    for (std::int64_t price = 3; price < 9; ++price)
        for (std::uint64_t i = 1; i <= items; ++i)
            if (i != without && priced(i) == price) expected.push_back(i);
    auto found = db.by_price(3, 9);
    REQUIRE_MESSAGE(found.has_value(), (found ? "" : found.error().message));
    CHECK(*found == expected);
    CHECK(db.count().value() == items - (without != 0));
    for (std::uint64_t i = 1; i <= items; ++i) {
        auto row = db.get(i);
        REQUIRE_MESSAGE(row.has_value(), (row ? "" : row.error().message));
        REQUIRE(row->has_value() == (i != without));
        if (*row) CHECK((**row).price == priced(i));
    }
    auto rows = db.verify();
    REQUIRE_MESSAGE(rows.has_value(), (rows ? "" : rows.error().message));
    CHECK(*rows == items - (without != 0));
}

std::vector<item> some(std::uint64_t first, std::uint64_t last) {
    std::vector<item> out;
    for (auto i = first; i <= last; ++i) out.push_back({i, static_cast<std::int64_t>(i * i % 17)});
    return out;
}
}  // namespace

void live(combination const& c) {
    CAPTURE(c.name);
    directory const where;
    auto const      path = where.path + "/items";
    {
        auto opened = c.open(path);
        REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().message));
        auto& db = **opened;
        check_items(db, 0, 0);
        REQUIRE(db.put(some(1, 20)));
        check_items(db, 20, 0);
        REQUIRE(db.flush());
        check_items(db, 20, 0);
        REQUIRE(db.put(some(21, 30)));
        CHECK(db.erase(7).value());
        CHECK_FALSE(db.erase(7).value());
        check_items(db, 30, 7);
        REQUIRE(db.compact());
        check_items(db, 30, 7);
        REQUIRE(db.put(some(31, 35)));
        if (c.expected.validates_writes) {
            auto const same = db.race(40, 40);
            REQUIRE_FALSE(same.has_value());
            CHECK(same.error().kind == tenon::errc::conflict);
            auto const skew = db.race(41, 42);
            CHECK(skew.has_value() == !c.expected.validates_reads);
            for (std::uint64_t id = 40; id <= 42; ++id) (void)db.erase(id).value();
        }
        check_items(db, 35, 7);
        REQUIRE(db.close());
        CHECK_FALSE(db.put(some(1, 1)).has_value());
    }
    bool const persists = c.expected.store_persists || c.expected.log_persists;
    for (int time = 0; time < 2; ++time) {
        auto again = c.open(path);
        REQUIRE_MESSAGE(again.has_value(), (again ? "" : again.error().message));
        auto& db = **again;
        check_items(db, persists ? 35 + static_cast<std::uint64_t>(time) : 0, persists ? 7 : 0);
        if (persists)
            REQUIRE(db.put(some(36 + static_cast<std::uint64_t>(time), 36 + static_cast<std::uint64_t>(time))));
        REQUIRE(db.close());
    }
}

}  // namespace combinations

using namespace combinations;

namespace {
template <class F, class S, class L, class C>
inline constexpr bool legal = tenon::assemblable<items, F, S, L, C, tenon::inline_work>;

/// How many products are legal. One loop of types inside the other.
template <class F, class S, class L, class... C>
constexpr std::size_t count(list<C...>) {
    return (std::size_t{0} + ... + std::size_t{legal<F, S, L, C>});
}
template <class F, class S, class... L>
constexpr std::size_t count_logs(list<L...>) {
    return (std::size_t{0} + ... + count<F, S, L>(concurrencies{}));
}
template <class F, class... S>
constexpr std::size_t count_stores(list<S...>) {
    return (std::size_t{0} + ... + count_logs<F, S>(logs{}));
}

static_assert(files::size * stores::size * logs::size * concurrencies::size == 180);
static_assert(count_stores<tenon::posix_files>(stores{}) == 90, "every store works on files of the operating system");
static_assert(count_stores<tenon::memory_files>(stores{}) == 54, "files in memory cannot be mapped");

/// The order of policies makes no difference.
template <class S, class L, class C>
constexpr bool order_is_free() {
    using f = tenon::posix_files;
    using w = tenon::inline_work;
    using r = tenon::recipe_of<items, f, S, L, C, w>;
    return std::is_same_v<r, tenon::recipe_of<w, C, L, S, f, items>> &&
           std::is_same_v<r, tenon::recipe_of<L, items, w, S, C, f>> &&
           std::is_same_v<r, tenon::recipe_of<C, S, items, L, f, w>>;
}
static_assert([]<class... S>(list<S...>) {
    return ([]<class T, class... L>(std::type_identity<T>, list<L...>) {
        return ([]<class T2, class L2, class... C>(std::type_identity<T2>, std::type_identity<L2>, list<C...>) {
            return (order_is_free<T2, L2, C>() && ...);
        }(std::type_identity<T>{}, std::type_identity<L>{}, concurrencies{}) &&
                ...);
    }(std::type_identity<S>{}, logs{}) &&
            ...);
}(stores{}));

// Spelled-out defaults are the same engine, each alone and all together.
template <class... P>
inline constexpr bool same_as_default =
    std::is_same_v<typename tenon::database<items, P...>::engine_type, typename tenon::database<items>::engine_type>;
static_assert(same_as_default<tenon::posix_files> && same_as_default<tenon::checksummed<tenon::mmap_store<>>> &&
              same_as_default<tenon::segmented_wal<>> && same_as_default<tenon::segmented_wal<tenon::group_commit>> &&
              same_as_default<tenon::mvcc<>> && same_as_default<tenon::mvcc<tenon::serializable>> &&
              same_as_default<tenon::background>);
static_assert(same_as_default<tenon::background, tenon::mvcc<>, tenon::segmented_wal<>,
                              tenon::checksummed<tenon::mmap_store<>>, tenon::posix_files>);
static_assert(std::is_same_v<typename tenon::database<tenon::background, tenon::mvcc<>, items>::engine_type,
                             typename tenon::database<items>::engine_type>);
static_assert(!same_as_default<tenon::mvcc<tenon::snapshot_isolation>> && !same_as_default<tenon::mmap_store<>> &&
              !same_as_default<tenon::inline_work>);
}  // namespace

TEST_CASE("each combination has its own name") {
    std::vector<std::string> names;
    for (auto const& c : combinations_of<tenon::memory_store>()) names.push_back(c.name);
    std::sort(names.begin(), names.end());
    CHECK(std::unique(names.begin(), names.end()) == names.end());
    CHECK(names.size() == 18);
}
TEST_CASE("a memory store lives with every log and concurrency policy") {
    for (auto const& c : combinations_of<tenon::memory_store>()) live(c);
}
