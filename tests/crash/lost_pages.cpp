// SPDX-License-Identifier: Apache-2.0
// A disk that cannot give back what was written: what is read by calls is an error, what is read through a map ends the process (SIGBUS), and when
// the disk answers again nothing is missing.
#include "small_disk.hpp"
#include "tenon/database.hpp"
#include "tenon/page_store/buffered.hpp"
#include "tenon/testing/kill.hpp"
#include "tenon/work/inline_work.hpp"

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace {

using tenon::testing::kill_while;

std::string payload(std::uint64_t i) { return std::string(100'000, static_cast<char>('a' + i % 26)); }

struct note {
    std::uint64_t id = 0;
    std::string   text;
};
template <class Store>
using notes_db =
    tenon::database<tenon::table<"notes", note, tenon::columns<&note::id, &note::text>, tenon::primary<&note::id>>,
                    Store, tenon::inline_work>;

bool says(tenon::error const& e, tenon::errc kind, std::string const& path) {
    return check(e.kind == kind, "another kind of error: " + e.message) &
           check(e.message.find(path) != std::string::npos, "the error does not name the file: " + e.message);
}

/// Runs work that reads through a map what is lost: SIGBUS, and nothing else, is its end.
template <class Work>
void ends_by_sigbus(char const* what, Work work) {
    auto const ended = kill_while(work);
    check(ended.code == -SIGBUS, std::string(what) + " ended with " + std::to_string(ended.code));
}

template <class Policy>
void keeps_pages(small_disk const& disk, bool mapped) {
    auto const path  = (disk.mount / "pages").string();
    using store_type = typename Policy::template store<tenon::posix_files>;
    std::vector<tenon::extent> made;
    auto const                 open = [&] {
        auto store = store_type::open({}, path, {"lost", true, false});
        if (check(store.has_value(), store ? "" : store.error().message))
            check(store->retain(made).has_value(), "what was written is not retained");
        return store;
    };
    auto const read_all = [&](store_type const& store) {
        for (std::uint64_t i = 0; i < made.size(); ++i) {
            auto const view = store.read(made[i]);
            if (!view) return view.error().message;
            if (tenon::as_chars(view->bytes()) != payload(i)) return "extent " + std::to_string(i) + " is another";
        }
        return std::string();
    };
    {
        auto store = open();
        for (std::uint64_t i = 0; store && i < 100; ++i)
            if (auto const e = store->write(tenon::as_bytes(payload(i))); check(e.has_value(), "a write failed"))
                made.push_back(*e);
        check(store->publish(tenon::as_bytes("all of it")).has_value(), "a root was not published");
    }
    {
        auto store = open();
        if (!store || !check(disk.lose(), "the disk does not let go")) return;
        if (mapped) {
            ends_by_sigbus("a read through a map", [&] {
                (void)read_all(*store);
                return 0;
            });
        } else {
            for (int time = 0; time < 2; ++time) {
                auto const view = store->read(made[50]);
                if (check(!view, "what was lost was read")) says(view.error(), tenon::errc::io, path);
            }
            auto const whole = store->verify();
            if (check(!whole, "what was lost was verified")) says(whole.error(), tenon::errc::io, path);
            auto again = store_type::open({}, path, {"lost", false, true});
            if (check(!again, "a file that cannot be read was opened")) says(again.error(), tenon::errc::io, path);
        }
        disk.bring_back();
        auto const wrong = read_all(*store);  // the same store: an error of a read is of that read
        check(wrong.empty(), wrong);
    }
    auto       store = open();
    auto const wrong = store ? read_all(*store) : "";
    check(wrong.empty(), wrong);
    check(store && store->verify().has_value(), "what was brought back is not whole");
}

template <class Store>
void keeps_a_database(small_disk const& disk, bool mapped) {
    using db_type   = notes_db<Store>;
    auto const path = (disk.mount / "notes.db").string();
    auto const open = [&] { return tenon::open<db_type>(path, typename db_type::options{}); };
    auto const get  = [](db_type const& db, std::uint64_t id) -> tenon::result<std::string> {
        auto row = db.snapshot().template get<note>(id);
        if (!row) return tenon::fail(row.error());
        return *row ? (*row)->text : std::string();
    };
    auto const put = [](db_type& db, std::uint64_t first, std::uint64_t n) {
        auto tx = db.begin();
        for (auto id = first; id < first + n; ++id)
            if (!tx.upsert(note{id, payload(id)})) return false;
        return tx.commit().has_value();
    };
    {
        auto db = open();
        if (!check(db.has_value(), db ? "" : db.error().message)) return;
        check(put(*db, 0, 60) && db->flush() && db->close(), "the notes are not written");
    }
    {
        auto db = open();
        if (!check(db.has_value(), db ? "" : db.error().message)) return;
        check(put(*db, 1000, 1), "a commit failed");  // in the log and in memory
        if (!check(disk.lose(), "the disk does not let go")) return;
        if (mapped) {
            ends_by_sigbus("a look-up through a map", [&] {
                for (std::uint64_t id = 0; id < 60; ++id) (void)get(*db, id);
                return 0;
            });
        } else {
            auto const lost = get(*db, 30);
            if (check(!lost, "a row that was lost was read")) says(lost.error(), tenon::errc::io, path);
            auto const in_memory = get(*db, 1000);
            check(!in_memory || *in_memory == payload(1000), "a row in memory is another");
        }
        disk.bring_back();
        for (std::uint64_t id : {0u, 30u, 59u, 1000u}) {
            auto const back = get(*db, id);
            check(back && *back == payload(id), back ? "another row" : back.error().message);
        }
        check(put(*db, 2000, 1), "a commit failed after the disk came back");
    }
    auto db = open();
    if (!check(db.has_value(), db ? "" : db.error().message)) return;
    for (std::uint64_t id : {0u, 30u, 59u, 1000u, 2000u}) {
        auto const there = get(*db, id);
        check(there && *there == payload(id), there ? "another row" : there.error().message);
    }
    auto const whole = db->verify();
    check(whole.has_value(), whole ? "" : whole.error().message);
}

template <class Sync>
void keeps_a_log(small_disk const& disk, bool mapped) {
    using log_type    = typename tenon::segmented_wal<Sync>::template log<tenon::posix_files>;
    auto const path   = (disk.mount / "log").string();
    auto const replay = [&](log_type& log, std::uint64_t& n) {
        return log.replay({0}, [&](tenon::lsn, tenon::byte_view b) {
            check(tenon::as_chars(b) == payload(n++), "another record");
            return tenon::result<void>{};
        });
    };
    tenon::wal_options const options{.identity = 5, .segment_bytes = {4u << 20}};
    {
        auto          log = log_type::open({}, path, options);
        std::uint64_t n   = 0;
        if (!check(log && replay(*log, n), "the log does not open")) return;
        for (std::uint64_t i = 0; i < 60; ++i)
            check(log->sync(*log->append(tenon::as_bytes(payload(i))), tenon::durability::durable).has_value(),
                  "a record was not taken");
    }
    if (!check(disk.lose(), "the disk does not let go")) return;
    {
        auto const log = log_type::open({}, path, options);
        if (check(!log, "a log whose segments cannot be read was opened")) says(log.error(), tenon::errc::io, path);
    }
    disk.bring_back();
    if (mapped)
        ends_by_sigbus("a store into the log", [&] {
            auto          log = log_type::open({}, path, options);
            std::uint64_t n   = 0;
            if (!log || !replay(*log, n) || !disk.lose()) return 1;
            while (log->append(tenon::as_bytes(payload(n++)))) {}
            return 2;
        });
    disk.bring_back();
    auto          log = log_type::open({}, path, options);
    std::uint64_t n   = 0;
    auto const    all = log ? replay(*log, n) : tenon::fail(log.error());
    check(all.has_value(), all ? "" : all.error().message);
    check(n >= 60, std::to_string(n) + " records are left of 60");
}

}  // namespace

int main() {
    auto const on_a_new_disk = [](auto test) {
        small_disk const disk(64);
        test(disk);
    };
    on_a_new_disk([](auto& d) { keeps_pages<tenon::file_store<>>(d, false); });
    on_a_new_disk([](auto& d) { keeps_pages<tenon::buffered<(1 << 20)>>(d, false); });
    on_a_new_disk([](auto& d) { keeps_pages<tenon::checksummed<tenon::mmap_store<>>>(d, true); });
    on_a_new_disk([](auto& d) { keeps_a_database<tenon::buffered<(1 << 20)>>(d, false); });
    on_a_new_disk([](auto& d) { keeps_a_database<tenon::checksummed<tenon::mmap_store<>>>(d, true); });
    on_a_new_disk([](auto& d) { keeps_a_log<tenon::group_commit>(d, false); });
    on_a_new_disk([](auto& d) { keeps_a_log<tenon::no_sync>(d, true); });
    if (failures == 0) std::printf("seven disks that lost their pages, and got them back\n");
    return failures == 0 ? 0 : 1;
}
