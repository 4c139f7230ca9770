// SPDX-License-Identifier: Apache-2.0
#include "tenon/core/crc32c.hpp"
#include "tenon/database.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/work/inline_work.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include <doctest/doctest.h>

namespace {

struct city {
    std::uint64_t id = 0;
    std::string   name;
    std::int32_t  people                        = 0;
    bool          operator==(city const&) const = default;
};
/// Files in memory whose clock stands still: a new database takes its identity from clock and path.
struct still_files : tenon::memory_files {
    std::uint64_t now_ns() const noexcept { return 1'700'000'000'000'000'000; }
};
using cities = tenon::table<"cities", city, tenon::columns<&city::id, &city::name, &city::people>,
                            tenon::primary<&city::id>, tenon::ordered<&city::people>>;
// Files grow page by page, to keep the pinned one small.
struct checked_db
    : tenon::database<cities, still_files, tenon::checksummed<tenon::file_store<4096>>, tenon::inline_work> {
    using database::database;
};
struct bare_db : tenon::database<cities, still_files, tenon::file_store<4096>, tenon::inline_work> {
    using database::database;
};

constexpr auto log_path = "cities.wal/00000000000000000000.log";
using rows_by_id        = std::map<std::uint64_t, city>;

/// What the database holds after 1 to 3 commits; the first two lie in a run, the third in the log.
rows_by_id rows_after(int commits) {
    rows_by_id rows;
    for (std::uint64_t i = 0; i < 24; ++i)
        rows[i * 5] = {i * 5, "city " + std::to_string(i), static_cast<std::int32_t>((i * 37) % 50) - 10};
    if (commits >= 2) rows.erase(15), rows[1000] = {1000, "Zürich", 436'551};
    if (commits >= 3) rows.erase(20), rows[1001] = {1001, "Genève", 206'635};
    return rows;
}

template <class Db>
typename Db::options options_of(still_files files) {
    typename Db::options o;
    o.files         = files;
    o.segment_bytes = {8192};
    return o;
}
tenon::byte_vector content_of(still_files files, std::string const& path) {
    auto               f = files.open(path, tenon::open_mode::read_only);
    tenon::byte_vector out;
    REQUIRE(f.has_value());
    out.resize(static_cast<std::size_t>(f->size().value()));
    REQUIRE(f->read_at(0, out).value() == out.size());
    return out;
}
void put_content(still_files files, std::string const& path, tenon::byte_view bytes) {
    auto f = files.open(path, tenon::open_mode::create);
    REQUIRE(f.has_value());
    REQUIRE(f->write_at(0, bytes));
}

struct bytes_on_disk {
    tenon::byte_vector rows, log;
};
template <class Db>
still_files write_database() {
    still_files files;
    auto        db = tenon::open<Db>("cities", options_of<Db>(files));
    REQUIRE_MESSAGE(db.has_value(), (db ? "" : db.error().message));
    for (int n = 1; n <= 3; ++n) {
        auto const before = n == 1 ? rows_by_id{} : rows_after(n - 1), after = rows_after(n);
        auto       tx = db->begin();
        for (auto const& [id, row] : before)
            if (!after.contains(id)) REQUIRE(tx.template erase<city>(id));
        for (auto const& [id, row] : after)
            if (!before.contains(id)) REQUIRE(tx.insert(row));
        REQUIRE(tx.commit());
        if (n == 2) REQUIRE(db->flush());
    }
    REQUIRE(db->close());
    return files;
}
template <class Db>
bytes_on_disk written() {
    auto const files = write_database<Db>();
    return {content_of(files, "cities"), content_of(files, log_path)};
}
template <class Db>
still_files world_of(bytes_on_disk const& b) {
    still_files files;
    REQUIRE(files.make_directory("cities.wal"));
    put_content(files, "cities", b.rows);
    put_content(files, log_path, b.log);
    return files;
}

/// Opens and asks everything. The rows, or the first error.
template <class Db>
tenon::result<rows_by_id> read_everything(still_files files) {
    auto db = tenon::open<Db>("cities", options_of<Db>(files));
    if (!db) return tenon::fail(std::move(db).error());
    rows_by_id out;
    auto const view = db->snapshot();
    auto       all  = view.template all<city>();
    for (;;) {
        auto row = all.next();
        if (!row) return tenon::fail(std::move(row).error());
        if (!*row) break;
        out[(**row).id] = **row;
    }
    for (auto const& [id, expected] : out) {
        auto row = view.template get<city>(id);
        if (!row) return tenon::fail(std::move(row).error());
        if (!*row || !(**row == expected)) return tenon::fail(tenon::errc::corrupt, "get and all differ");
    }
    std::size_t ranged = 0;
    auto        range  = view.template range<&city::people>(std::nullopt, std::nullopt);
    for (;;) {
        auto row = range.next();
        if (!row) return tenon::fail(std::move(row).error());
        if (!*row) break;
        ++ranged;
    }
    if (auto checked = db->verify(); !checked) return tenon::fail(std::move(checked).error());
    if (ranged != out.size()) return tenon::fail(tenon::errc::corrupt, "range and all differ");
    return out;
}

tenon::byte_vector golden(char const* name) {
    std::ifstream     in(std::string("tests/formats/golden/") + name, std::ios::binary);
    std::string const text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    REQUIRE_MESSAGE(!text.empty(), "run from the project's root: tests/formats/golden/", std::string(name),
                    " is not there");
    auto const bytes = tenon::as_bytes(text);
    return {bytes.begin(), bytes.end()};
}
bool test_all() {
    auto const* all = std::getenv("TENON_TEST_ALL");
    return all != nullptr && std::string_view(all) == "1";
}

}  // namespace

TEST_CASE("a small database has exactly the bytes that it always had") {
    auto const now = written<checked_db>();
    if (std::getenv("TENON_WRITE_GOLDEN") != nullptr) {
        std::ofstream("tests/formats/golden/cities.tenon", std::ios::binary) << tenon::as_chars(now.rows);
        std::ofstream("tests/formats/golden/cities.log", std::ios::binary) << tenon::as_chars(now.log);
    }
    CHECK(now.rows == golden("cities.tenon"));
    CHECK(now.log == golden("cities.log"));
    CHECK(now.rows.size() < (64u << 10));
    CHECK(checked_db::signature() ==
          "tenon/1 cities(id:u64,name:string,people:i32; primary id hybrid; filter bloom; ordered "
          "hybrid people)");
}

TEST_CASE("each part of a run has exactly the bytes that it always had") {
    auto const files = write_database<checked_db>();
    auto store = checked_db::engine_type::store_type::open(files, "cities", {checked_db::signature(), false, false});
    REQUIRE_MESSAGE(store.has_value(), (store ? "" : store.error().message));
    auto const            root = store->root();
    tenon::byte_reader    in(root);
    tenon::root_header    header;
    tenon::run_descriptor run;
    REQUIRE(header.get(in));
    CHECK(header.at == 2);
    CHECK(header.tables == 1);
    CHECK(in.get<std::uint64_t>() == rows_after(2).size());
    CHECK(in.get<std::uint64_t>() == 0);  // the weight of an ordered index
    REQUIRE(in.get<std::uint32_t>() == 1);
    REQUIRE(run.get(in, 1));
    CHECK(in.at_end());
    CHECK(run.rows == 24);
    CHECK(run.first == 1);
    CHECK(run.last == 2);
    auto const crc_of = [&](tenon::extent e) {
        auto view = store->read(e);
        REQUIRE(view.has_value());
        return tenon::crc32c(view->bytes());
    };
    auto directory = store->read(run.directory);
    REQUIRE(directory.has_value());
    tenon::byte_reader rows(directory->bytes());
    REQUIRE(rows.get<std::uint64_t>() == 1);
    auto const block = rows.get<tenon::block_entry>();
    CHECK(block.first == 0);
    CHECK(tenon::crc32c(root) == 1014136936u);
    CHECK(crc_of(run.keys) == 1018666019u);
    CHECK(crc_of(run.stamps) == 489321738u);
    CHECK(crc_of(run.filter) == 3078266357u);
    CHECK(crc_of(run.directory) == 955026581u);
    CHECK(crc_of(block.where) == 3620284324u);
    CHECK(crc_of(run.parts[0]) == 1282700335u);
}

TEST_CASE("the bytes of the first version are read") {
    auto const rows = read_everything<checked_db>(world_of<checked_db>({golden("cities.tenon"), golden("cities.log")}));
    REQUIRE_MESSAGE(rows.has_value(), (rows ? "" : rows.error().message));
    CHECK(*rows == rows_after(3));
}

TEST_CASE("a flipped bit in a checksummed database is an error or makes no difference") {
    auto const  good   = written<checked_db>();
    std::size_t errors = 0, harmless = 0;
    auto const  step = test_all() ? 1u : 3u;
    for (std::size_t at = 0; at < good.rows.size(); at += at < (32u << 10) ? step : step * 7) {
        for (std::size_t bit = test_all() ? 0 : at % 8; bit < (test_all() ? 8 : at % 8 + 1); ++bit) {
            CAPTURE(at);
            CAPTURE(bit);
            auto bad = good;
            bad.rows[at] ^= static_cast<std::byte>(1u << bit);
            auto const rows = read_everything<checked_db>(world_of<checked_db>(bad));
            if (rows) REQUIRE(*rows == rows_after(3));
            ++(rows ? harmless : errors);
        }
    }
    MESSAGE(errors, " flips were found, ", harmless, " made no difference");
    CHECK(errors > 100);
}

TEST_CASE("a flipped bit in the log of a database that was closed is an error or makes no difference") {
    auto const  good   = written<checked_db>();
    std::size_t errors = 0;
    for (std::size_t at = 0; at < good.log.size(); ++at) {
        if (at >= 64 && at < 4096) continue;  // not read
        CAPTURE(at);
        auto bad = good;
        bad.log[at] ^= static_cast<std::byte>(1u << (at % 8));
        auto const rows = read_everything<checked_db>(world_of<checked_db>(bad));
        if (rows) {
            bool const whole = *rows == rows_after(3);
            REQUIRE(whole);
        }
        errors += !rows;
    }
    CHECK(errors > 50);
}

TEST_CASE("a flipped bit or a cut in a database without checksums never harms the reader") {
    auto const  good   = written<bare_db>();
    std::size_t errors = 0, answers = 0;
    auto const  step = test_all() ? 1u : 3u;
    for (std::size_t at = 1; at < good.rows.size(); at += at < (32u << 10) ? step : step * 7) {
        CAPTURE(at);
        auto bad = good;
        if (at % 64 == 1) bad.rows.resize(at);
        else bad.rows[at] ^= static_cast<std::byte>(at % 5 == 0 ? 0xff : 1u << (at % 8));
        ++(read_everything<bare_db>(world_of<bare_db>(bad)) ? answers : errors);
    }
    CHECK(errors > 100);
    CHECK(answers > 100);
}
