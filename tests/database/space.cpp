// SPDX-License-Identifier: Apache-2.0
// The space that a database takes: beside long readers, readers in other processes, and on a disk that is full.
#include "tenon/concurrency/mvcc.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/database.hpp"
#include "tenon/file/faulty.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/ordered_index/sorted_array.hpp"
#include "tenon/page_store/checksummed.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/wal/segmented.hpp"
#include "tenon/work/inline_work.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace {

struct note {
    std::uint64_t id = 0;
    std::string   text;
};

/// Files in memory and a clock that the test sets.
struct clocked_files : tenon::memory_files {
    std::shared_ptr<std::atomic<std::uint64_t>> clock = std::make_shared<std::atomic<std::uint64_t>>(1);

    std::uint64_t now_ns() const noexcept { return clock->load(); }
};
using world                    = tenon::faulty<clocked_files>;
constexpr std::uint64_t second = 1'000'000'000;

struct notes_db
    : tenon::database<tenon::table<"notes", note, tenon::columns<&note::id, &note::text>,
                                   tenon::primary<&note::id, tenon::sorted_array>>,
                      world, tenon::checksummed<tenon::file_store<4096>>, tenon::segmented_wal<>, tenon::inline_work> {
    using database::database;
};

notes_db::options options_of(world files) {
    notes_db::options o;
    o.files          = files;
    o.memtable_bytes = {1u << 20};
    o.segment_bytes  = {64u << 10};
    return o;
}

/// Snapshots may be taken back after five seconds.
notes_db::options expiring(world files) {
    auto o              = options_of(files);
    o.snapshot_limit_ns = 5 * second;
    return o;
}

constexpr std::uint64_t ids = 2'000;

/// Replaces `count` notes in one commit. What they hold then is in `model`.
void replace(notes_db& db, tenon::prng& random, std::uint64_t count, std::map<std::uint64_t, std::string>& model) {
    auto tx = db.begin();
    for (std::uint64_t i = 0; i < count; ++i) {
        auto const id   = count == ids ? i : random.below(ids);
        auto       text = std::string(150 + random.below(100), static_cast<char>('a' + random.below(26)));
        REQUIRE(tx.upsert(note{id, text}));
        model[id] = std::move(text);
    }
    auto const done = tx.commit();
    REQUIRE_MESSAGE(done, done.error().message);
}
template <class View>
bool sees(View const& view, std::map<std::uint64_t, std::string> const& model) {
    std::uint64_t n    = 0;
    auto          rows = view.template all<note>();
    for (;;) {
        auto row = rows.next();
        if (!row) return false;
        if (!*row) return n == model.size();
        auto const at = model.find((**row).id);
        if (at == model.end() || at->second != (**row).text) return false;
        ++n;
    }
}

}  // namespace

TEST_CASE("a reader of sixty seconds under writes: the file stays within a tenth of what lives in it") {
    for (std::uint64_t const limit : {std::uint64_t{0}, 10 * second}) {
        CAPTURE(limit);
        world held, calm;  // the same writes with a reader and without
        auto  o             = options_of(held);
        o.snapshot_limit_ns = limit;
        auto db             = tenon::open<notes_db>("notes", o);
        auto control        = tenon::open<notes_db>("notes", options_of(calm));
        REQUIRE(db);
        REQUIRE(control);
        tenon::prng                          random(1), again(1);
        std::map<std::uint64_t, std::string> model, same;
        replace(*db, random, ids, model);
        replace(*control, again, ids, same);
        REQUIRE(db->compact());
        REQUIRE(control->compact());
        auto const at_first = model;
        auto       view     = std::optional(db->snapshot());
        auto       stream   = view->all<note>();
        REQUIRE(stream.next());
        for (std::uint64_t s = 1; s <= 60; ++s) {
            CAPTURE(s);
            *held.base().clock += second;
            replace(*db, random, 300, model);
            replace(*control, again, 300, same);
            REQUIRE(db->flush());
            REQUIRE(control->flush());
            if (s % 4 == 0) {
                REQUIRE(db->compact());
                REQUIRE(control->compact());
                auto const with = db->stats(), without = control->stats();
                CHECK(with.store.file_bytes <= with.store.live_bytes + with.store.live_bytes / 10 + 65'536);
                if (limit != 0 && s > 10) CHECK(with.store.live_bytes == without.store.live_bytes);
                else CHECK(with.store.live_bytes <= 2 * without.store.live_bytes + 65'536);
                if (limit == 0) {
                    CHECK(with.old_states == 1);
                    CHECK(with.oldest_state_ns >= (s - 1) * second);
                }
            }
            auto const row = view->get<note>(s);
            if (limit == 0 || s <= 10) {
                REQUIRE(row);
                REQUIRE(row->value().text == at_first.at(s));
            } else {
                REQUIRE(!row);
                REQUIRE(row.error().kind == tenon::errc::expired);
            }
        }
        if (limit == 0) {
            CHECK(sees(*view, at_first));
        } else {
            auto const next = stream.next();  // begun while it was allowed
            REQUIRE(!next);
            CHECK(next.error().kind == tenon::errc::expired);
            CHECK(view->count<note>().error().kind == tenon::errc::expired);
            CHECK(view->all<note>().next().error().kind == tenon::errc::expired);
            CHECK(view->scan<&note::id>(0, 10).next().error().kind == tenon::errc::expired);
            CHECK(db->stats().expired == 1);
        }
        CHECK(sees(db->snapshot(), model));
        CHECK(db->verify());
        view.reset();
    }
}

TEST_CASE("a transaction that is too old reads nothing and commits nothing") {
    world                                files;
    auto                                 db = tenon::open<notes_db>("notes", expiring(files));
    tenon::prng                          random(1);
    std::map<std::uint64_t, std::string> model;
    replace(*db, random, ids, model);
    auto late = db->begin(), fresh = db->begin();
    REQUIRE(late.upsert(note{1, "late"}));
    *files.base().clock += 6 * second;
    auto young = db->begin();
    REQUIRE(young.upsert(note{2, "young"}));
    REQUIRE(db->flush());
    CHECK(fresh.insert(note{ids + 1, "x"}).error().kind == tenon::errc::expired);
    CHECK(late.get<note>(1).error().kind == tenon::errc::expired);
    CHECK(late.commit().error().kind == tenon::errc::expired);
    CHECK(young.commit());
    model[2] = "young";
    CHECK(sees(db->snapshot(), model));
}

TEST_CASE("snapshots that expire while they are taken say so, and the others see what was committed") {
    world                                files;
    auto                                 db = tenon::open<notes_db>("notes", expiring(files));
    tenon::prng                          random(1);
    std::map<std::uint64_t, std::string> model;
    replace(*db, random, ids, model);
    std::atomic<bool>        over{false};
    std::atomic<int>         wrong{0}, seen{0}, running{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&, t] {
            ++running;
            while (!over) {
                auto const got = t == 0 ? db->begin().get<note>(1) : db->snapshot().get<note>(1);
                wrong += got ? !got->has_value() : got.error().kind != tenon::errc::expired;
                seen += got.has_value();
            }
        });
    while (running < 3) std::this_thread::yield();
    for (int round = 0; round < 400; ++round) {
        auto tx = db->begin();
        REQUIRE(tx.upsert(note{1, "new"}));
        REQUIRE(tx.commit());
        *files.base().clock += 6 * second;  // all that are open are too old
        REQUIRE(db->flush());
    }
    over = true;
    for (auto& t : threads) t.join();
    CHECK(wrong == 0);
    CHECK(seen > 0);
}

TEST_CASE("a read-only opener sees the last root and the log behind it, while the writer goes on") {
    world files;
    {
        auto o      = options_of(files);
        o.read_only = true;
        CHECK(tenon::open<notes_db>("notes", o).error().kind == tenon::errc::not_found);
    }
    auto                                 db = std::optional(tenon::open<notes_db>("notes", options_of(files)).value());
    tenon::prng                          random(7);
    std::map<std::uint64_t, std::string> model;
    replace(*db, random, ids, model);
    REQUIRE(db->flush());
    replace(*db, random, 50, model);  // in the log only
    auto o            = options_of(files);
    o.read_only       = true;
    auto       reader = std::optional(tenon::open<notes_db>("notes", o).value());
    auto const at     = model;
    CHECK(sees(reader->snapshot(), at));
    for (int round = 0; round < 12; ++round) {
        replace(*db, random, 400, model);
        REQUIRE(db->flush());
        if (round % 3 == 0) REQUIRE(db->compact());
        REQUIRE(sees(reader->snapshot(), at));
    }
    CHECK(db->stats().store.readers == 1);
    CHECK(db->stats().store.held_bytes > 0);
    {
        auto tx = reader->begin();
        REQUIRE(tx.upsert(note{1, "no"}));
        CHECK(tx.commit().error().kind == tenon::errc::read_only);
    }
    CHECK(reader->flush().error().kind == tenon::errc::read_only);
    CHECK(reader->verify());
    CHECK(reader->close());
    reader.reset();
    REQUIRE(db->compact());
    CHECK(db->stats().store.held_bytes == 0);
    CHECK(sees(tenon::open<notes_db>("notes", o)->snapshot(), model));
    db.reset();
    CHECK(sees(tenon::open<notes_db>("notes", o)->snapshot(), model));  // nobody writes
    auto writer = tenon::open<notes_db>("notes", options_of(files));
    REQUIRE(writer);
    CHECK(sees(writer->snapshot(), model));
}

TEST_CASE("on a full disk commits fail cleanly and readers go on; with space again, so do writes") {
    world files;
    auto  o                                 = options_of(files);
    o.memtable_bytes                        = {64u << 10};
    auto                                 db = std::optional(tenon::open<notes_db>("notes", o).value());
    tenon::prng                          random(3);
    std::map<std::uint64_t, std::string> model;
    replace(*db, random, ids, model);
    REQUIRE(db->flush());
    auto       view = std::optional(db->snapshot());
    auto const at   = model;
    files.faults().fail_from(tenon::file_call::resize, 1, {tenon::fault_kind::full, 0});  // the page file cannot grow
    bool refused = false;
    for (int i = 0; i < 40 && !refused; ++i) {
        auto        tx   = db->begin();
        std::string text = "text " + std::to_string(i) + std::string(60'000, 'x');
        REQUIRE(tx.upsert(note{static_cast<std::uint64_t>(i), text}));
        auto const done = tx.commit();
        if (done) {
            model[static_cast<std::uint64_t>(i)] = text;
        } else {
            CHECK(done.error().kind == tenon::errc::full);
            refused = true;
        }
    }
    CHECK(refused);
    CHECK(sees(*view, at));
    CHECK(sees(db->snapshot(), model));
    CHECK(db->flush().error().kind == tenon::errc::full);
    files.faults().clear();
    replace(*db, random, 100, model);
    REQUIRE(db->flush());
    CHECK(sees(db->snapshot(), model));
    CHECK(sees(*view, at));
    REQUIRE(db->close());
    view.reset();
    db.reset();
    auto again = tenon::open<notes_db>("notes", o);
    REQUIRE(again);
    CHECK(sees(again->snapshot(), model));
}
