// SPDX-License-Identifier: Apache-2.0
// A database with every kind of index: power cuts, rotten bits, pages that are elsewhere or of yesterday.
#include "small_database.hpp"

#include <doctest/doctest.h>

using namespace small_database;

namespace {

struct rich_db
    : database<rich, tenon::checksummed<tenon::file_store<4096>>, tenon::segmented_wal<tenon::group_commit>> {
    using database::database;
};
using tenon::simulated_files;

constexpr std::uint64_t commits = 9;

/// A disk with runs, a root before the newest, and commits that are only in the log.
simulated_files filled_disk(std::uint64_t upto = commits) {
    simulated_files disk;
    auto            db = tenon::open<rich_db>("db", options_of<rich_db>(world(disk), 0));
    REQUIRE(db);
    for (std::uint64_t n = 1; n <= upto; ++n) {
        REQUIRE(commit(*db, n));
        if (n == 3 || n == 6) REQUIRE(db->flush());
    }
    return disk.after_power_loss(simulated_files::kept::everything);  // as if it had been killed
}

/// Whether an operation of that text was done.
bool happens(simulated_files const& disk, std::string const& text) {
    auto const log = disk.log();
    return std::any_of(log.begin(), log.end(), [&](auto& line) { return line.find(text) != line.npos; });
}

enum class verdict : unsigned char { refused, torn, harmless };

/// What a database does that was damaged: it says so, or gives the right answers. `wrong` says what else it did.
verdict judge(simulated_files const& disk, std::string& wrong) {
    auto db = tenon::open<rich_db>("db", options_of<rich_db>(world(disk), 0));
    if (!db) {
        using enum tenon::errc;
        auto const kind = db.error().kind;
        if (kind != corrupt && kind != not_ours && kind != wrong_version && kind != wrong_assembly)
            wrong = "refused as something else: " + db.error().message;
        return verdict::refused;
    }
    auto const at   = db->stats().last_commit;
    bool const torn = at < commits;
    if (torn && db->recovery().truncated_bytes == 0) wrong = "commits are gone and nothing is said";
    auto const whole = db->verify();
    auto const held  = read_all(*db);
    if (held && !(*held == content_after(at))) wrong = "other rows than were committed";
    if (!held && whole) wrong = "verify finds nothing, reading does: " + held.error().message;
    if (!whole) {
        // Whoever does not verify gets an error or the right answer as well.
        if (auto const said = wrong_answer<rich>(*db, content_after(at));
            said.find("another answer") != said.npos || said.find("was committed") != said.npos)
            wrong = said;
        return verdict::refused;
    }
    if (auto const said = wrong_answer<rich>(*db, content_after(at)); !said.empty()) wrong = said;
    return torn ? verdict::torn : verdict::harmless;
}

struct damage_count {
    std::uint64_t refused = 0, torn = 0, harmless = 0;
    void          add(verdict v) { ++(v == verdict::refused ? refused : v == verdict::torn ? torn : harmless); }
    std::uint64_t all() const { return refused + torn + harmless; }
    std::string   text() const {
        return std::to_string(all()) + " damaged disks: " + std::to_string(refused) + " refused, " +
               std::to_string(torn) + " torn tails, " + std::to_string(harmless) + " harmless";
    }
};

simulated_files copy_of(simulated_files const& disk) {
    return disk.after_power_loss(simulated_files::kept::everything);
}
std::vector<std::string> paths_of(simulated_files disk) {
    std::vector<std::string> out{"db"};
    auto const               names = disk.list("db.wal");
    for (auto const& n : *names)
        if (n.ends_with(".log")) out.push_back("db.wal/" + n);
    return out;
}
tenon::byte_vector content_of(simulated_files disk, std::string const& path, std::uint64_t at, std::size_t n) {
    tenon::byte_vector out(n);
    auto               file = disk.open(path, tenon::open_mode::read_only);
    out.resize(*file->read_at(at, out));
    return out;
}
void write_over(simulated_files disk, std::string const& path, std::uint64_t at, tenon::byte_view bytes) {
    REQUIRE(disk.open(path, tenon::open_mode::read_write)->write_at(at, bytes));
}
/// The parts of all files that are not zeros, in pieces of `n` bytes.
std::vector<std::pair<std::string, std::uint64_t>> used_pieces(simulated_files disk, std::size_t n) {
    std::vector<std::pair<std::string, std::uint64_t>> out;
    for (auto const& path : paths_of(disk)) {
        auto const size = *disk.open(path, tenon::open_mode::read_only)->size();
        for (std::uint64_t at = 0; at < size; at += n) {
            auto const bytes = content_of(disk, path, at, n);
            if (std::any_of(bytes.begin(), bytes.end(), [](auto b) { return b != std::byte{0}; }))
                out.emplace_back(path, at);
        }
    }
    return out;
}

}  // namespace

TEST_CASE("power loss at every operation leaves each acknowledged commit and every index whole") {
    auto const swept = tenon::testing::sweep_crashes(workload<rich_db, rich, true>{}, sweep_amounts());
    MESSAGE(swept.text());
    CHECK_MESSAGE(swept.passed(), swept.text());
    CHECK(swept.operations > 200);
    // What the sweep is said to cut through happens.
    simulated_files         disk;
    tenon::testing::journal j;
    workload<rich_db, rich, true>::run(disk, j);
    CHECK(j.in_flight().empty());
    CHECK(happens(disk, "rename 'db.wal/"));
    CHECK(happens(disk, "rename 'db.new' to 'db'"));
    CHECK(happens(disk, ".spare'"));
}

TEST_CASE("a flipped bit anywhere is refused, a torn tail or harmless, and never a wrong answer") {
    constexpr std::uint64_t seed = 30;
    tenon::prng             random(seed);
    auto const              disk = filled_disk();
    damage_count            count;
    auto const              flip = [&](std::string const& path, std::uint64_t bit) {
        auto damaged = copy_of(disk);
        auto byte    = content_of(damaged, path, bit / 8, 1);
        byte[0] ^= static_cast<std::byte>(1u << bit % 8);
        write_over(damaged, path, bit / 8, byte);
        std::string wrong;
        count.add(judge(damaged, wrong));
        CAPTURE(seed);
        CAPTURE(path);
        CAPTURE(bit);
        REQUIRE(wrong == "");
    };
    auto const pieces = used_pieces(disk, 64);
    REQUIRE(pieces.size() > 100);
    // Every bit of some pieces, some bits of every piece.
    for (int i = 0; i < (test_all() ? 200 : 12); ++i) {
        auto const& [path, at] = pieces[random.below(pieces.size())];
        for (std::uint64_t bit = 0; bit < 512; ++bit) flip(path, at * 8 + bit);
    }
    for (auto const& [path, at] : pieces)
        for (int i = 0; i < (test_all() ? 48 : 3); ++i) flip(path, at * 8 + random.below(512));
    MESSAGE(count.text(), ", seed ", seed);
    CHECK(count.refused > count.all() / 2);
}

TEST_CASE(
    "a page that was written elsewhere, or is of an earlier day, is refused or harmless, and never a wrong answer") {
    constexpr std::uint64_t      seed = 31;
    tenon::prng                  random(seed);
    auto const                   disk = filled_disk();
    std::vector<simulated_files> days;
    for (std::uint64_t n = 1; n < commits; ++n) days.push_back(filled_disk(n));
    for (std::size_t const piece : {std::size_t{4096}, std::size_t{512}}) {
        damage_count elsewhere, stale;
        auto const   put = [&](std::string const& path, std::uint64_t at, tenon::byte_vector bytes, damage_count& to) {
            if (bytes.size() != piece || bytes == content_of(disk, path, at, piece)) return;
            auto damaged = copy_of(disk);
            write_over(damaged, path, at, bytes);
            std::string wrong;
            to.add(judge(damaged, wrong));
            CAPTURE(seed);
            CAPTURE(path);
            CAPTURE(at);
            CAPTURE(piece);
            REQUIRE(wrong == "");
        };
        auto const          pieces = used_pieces(disk, piece);
        std::uint64_t const some   = test_all() ? 40 : piece == 512 ? 1 : 4;
        // Onto the page file alone: at the end of a log what another write has fallen upon looks like what was never written.
        for (auto const& [path, at] : pieces) {
            if (path != "db") continue;
            for (std::uint64_t i = 0; i < some; ++i) {
                auto const& [other, from] = pieces[random.below(pieces.size())];
                put(path, at, content_of(disk, other, from, piece), elsewhere);
            }
            for (auto const& old : days) put(path, at, content_of(copy_of(old), path, at, piece), stale);
        }
        MESSAGE(piece, " bytes elsewhere: ", elsewhere.text(), ", seed ", seed);
        MESSAGE(piece, " bytes of an earlier day: ", stale.text());
        CHECK(elsewhere.refused > elsewhere.all() / 4);
        CHECK(stale.all() > 10);
    }
}
