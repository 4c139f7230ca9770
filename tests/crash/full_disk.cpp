// SPDX-License-Identifier: Apache-2.0
// A real file system that is full: a small ext4 in a file, mounted for the test.
#include "small_disk.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/database.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace {

struct blob {
    std::uint64_t id = 0;
    std::string   bytes;
};
struct blobs_db
    : tenon::database<tenon::table<"blobs", blob, tenon::columns<&blob::id, &blob::bytes>, tenon::primary<&blob::id>>> {
    using database::database;
};

std::string bytes_of(std::uint64_t id) {
    tenon::prng random(id);
    std::string out(static_cast<std::size_t>(1000 + random.below(40'000)), ' ');
    for (auto& c : out) c = static_cast<char>('a' + random.below(26));
    return out;
}
blobs_db::options amounts() {
    blobs_db::options o;
    o.memtable_bytes = {256 << 10};
    o.segment_bytes  = {128 << 10};
    return o;
}

/// The first blob that is not what was committed; ids up to and with `last` must be there.
std::string wrong_blob(blobs_db const& db, std::uint64_t last) {
    auto const view = db.snapshot();
    for (std::uint64_t id = 1; id <= last; ++id) {
        auto row = view.get<blob>(id);
        if (!row) return row.error().message;
        if (!*row || (*row)->bytes != bytes_of(id)) return "blob " + std::to_string(id) + " is not what was committed";
    }
    return {};
}

void fill(std::filesystem::path const& path, std::size_t most) {
    auto const        fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    std::string const block(65536, 'x');
    for (std::size_t done = 0; done < most; done += block.size())
        if (::write(fd, block.data(), block.size()) != static_cast<ssize_t>(block.size())) break;
    ::fsync(fd);
    ::close(fd);
}

tenon::result<tenon::timestamp> put(blobs_db& db, std::uint64_t id) {
    auto tx = db.begin();
    if (auto done = tx.upsert(blob{id, bytes_of(id)}); !done) return tenon::fail(done.error());
    return tx.commit();
}

/// Commits until the disk is full, `times` times, with room made in between; then opens again and looks.
void run(small_disk const& disk, bool with_flushes) {
    auto const path = (disk.mount / (with_flushes ? "flushed.db" : "logged.db")).string(), ballast = path + ".ballast";
    auto       o = amounts();
    if (!with_flushes) o.memtable_bytes = {64 << 20};  // the log alone fills the disk
    std::optional<tenon::result<blobs_db>> db;
    std::uint64_t                          last = 0;
    auto const                             open = [&] {
        db.reset();
        db.emplace(tenon::open<blobs_db>(path, o));
        return check(db->has_value(), *db ? "" : "it does not open: " + db->error().message);
    };
    if (!open()) return;
    for (int round = 0; round < 3; ++round) {
        fill(ballast, 6u << 20);
        bool full = false;
        for (int i = 0; i < 5000 && !full; ++i) {
            auto done = put(**db, last + 1);
            if (done) {
                ++last;
                continue;
            }
            full = true;
            check(done.error().kind == tenon::errc::full, "a full disk was reported as: " + done.error().message);
            check(done.error().message.find("space") != std::string::npos, "no word of space: " + done.error().message);
        }
        if (!check(full, "the disk never became full")) return;
        // Readers go on.
        auto const wrong = wrong_blob(**db, last);
        check(wrong.empty(), "while the disk is full: " + wrong);
        // Room is made. Writing goes on: at once, or after opening again where the error said so.
        std::filesystem::remove(ballast);
        auto again = put(**db, last + 1);
        if (!again && again.error().kind == tenon::errc::poisoned) {
            check(again.error().message.find("open it again") != std::string::npos,
                  "no word of what to do: " + again.error().message);
            if (!open()) return;
            // The commit that met the full disk may be there, whole.
            if (auto row = (*db)->snapshot().get<blob>(last + 1); row && *row) ++last;
            again = put(**db, last + 1);
        }
        if (!check(again.has_value(), again ? "" : "with room again: " + again.error().message)) return;
        ++last;
    }
    // What the log holds may be more than the rest of the disk takes as runs; then it stays in the log.
    auto closed = (*db)->close();
    check(closed || closed.error().kind == tenon::errc::full, closed ? "" : closed.error().message);
    if (!open()) return;
    auto const wrong = wrong_blob(**db, last);
    check(wrong.empty(), "opened again: " + wrong);
    auto whole = (*db)->verify();
    check(whole.has_value(), whole ? "" : whole.error().message);
    std::printf("%llu commits, the disk full three times, %s\n", static_cast<unsigned long long>(last),
                with_flushes ? "in flushes and commits" : "in the log");
    // A medium that takes no writes is refused as such.
    db.reset();
    if (check(disk.remount("ro"), "the file system cannot be made read-only")) {
        auto const refused = tenon::open<blobs_db>(path, o);
        check(!refused && refused.error().kind == tenon::errc::read_only,
              refused ? "a read-only medium was opened for writing" : "read-only medium: " + refused.error().message);
        check(disk.remount("rw") && open(), "writable again");
    }
    db.reset();
    for (auto const& at : std::filesystem::directory_iterator(disk.mount))
        if (at.path().filename() != "lost+found") std::filesystem::remove_all(at.path());
}

}  // namespace

int main() {
    small_disk const disk(48);
    run(disk, true);
    run(disk, false);
    return failures == 0 ? 0 : 1;
}
