// SPDX-License-Identifier: Apache-2.0
// The power-loss model: it loses everything it may lose, and never what it may not.
#include "tenon/file/simulated.hpp"
#include "tenon/core/prng.hpp"

#include <optional>
#include <set>

#include <doctest/doctest.h>

using namespace tenon;

namespace {

using kept = simulated_files::kept;

constexpr std::uint64_t many_seeds = 200;

byte_vector filled(std::size_t n, int value) { return byte_vector(n, static_cast<std::byte>(value)); }

std::optional<byte_vector> content(simulated_files fs, std::string const& path) {
    auto f = fs.open(path, open_mode::read_only);
    if (!f) return {};
    byte_vector out(static_cast<std::size_t>(*f->size()));
    REQUIRE(*f->read_at(0, out) == out.size());
    return out;
}

/// A file of n bytes of `value`, with content and entry synced.
simulated_files::file settled(simulated_files fs, std::string const& path, std::size_t n, int value) {
    auto f = fs.open(path, open_mode::create);
    REQUIRE(f);
    REQUIRE(f->write_at(0, filled(n, value)));
    REQUIRE(f->sync());
    REQUIRE(fs.sync_directory(parent_directory(path)));
    return *std::move(f);
}

/// Every state of the seeds and the three named ones.
template <class Visit>
void each_state(simulated_files const& disk, Visit visit) {
    for (auto const k : {kept::nothing, kept::finished, kept::everything}) visit(disk.after_power_loss(k));
    for (std::uint64_t seed = 0; seed < many_seeds; ++seed) {
        CAPTURE(seed);
        visit(disk.after_power_loss(seed));
    }
}

}  // namespace

TEST_CASE("what was synced, entry and content, is in every state") {
    simulated_files disk;
    auto            f = settled(disk, "x", 5000, 1);
    each_state(disk, [](simulated_files found) { CHECK(content(found, "x") == filled(5000, 1)); });
}

TEST_CASE("a file whose creation was not synced may be lost, even when its content was synced") {
    simulated_files disk;
    auto            f = disk.open("x", open_mode::create);
    REQUIRE(f->write_at(0, filled(100, 1)));
    REQUIRE(f->sync());
    std::set<bool> seen;
    each_state(disk, [&](simulated_files found) {
        auto const c = content(found, "x");
        seen.insert(c.has_value());
        if (c) CHECK(*c == filled(100, 1));  // the content was synced, only the entry is in doubt
    });
    CHECK(seen == std::set<bool>{false, true});
    CHECK_FALSE(content(disk.after_power_loss(kept::nothing), "x"));
}

TEST_CASE("a file whose content was not synced may be empty, partial or whole, and shows only its bytes or zeros") {
    simulated_files disk;
    auto            f = disk.open("x", open_mode::create);
    REQUIRE(disk.sync_directory("."));
    REQUIRE(f->write_at(0, filled(2048, 7)));
    std::set<std::size_t> sizes;
    bool                  hole = false;
    each_state(disk, [&](simulated_files found) {
        auto const c = content(found, "x");
        REQUIRE(c);
        sizes.insert(c->size());
        for (std::size_t at = 0; at < c->size(); at += 512) {
            auto const sector = byte_vector(c->begin() + static_cast<std::ptrdiff_t>(at),
                                            c->begin() + static_cast<std::ptrdiff_t>(at + 512));
            CHECK((sector == filled(512, 7) || sector == filled(512, 0)));
            hole |= sector == filled(512, 0);
        }
    });
    CHECK(sizes == std::set<std::size_t>{0, 512, 1024, 1536, 2048});
    CHECK(hole);
}

TEST_CASE("an extension may be lost while the overwritten part is kept, and the other way round") {
    simulated_files disk;
    auto            f = settled(disk, "x", 512, 1);
    REQUIRE(f.write_at(0, filled(1024, 2)));
    std::set<std::string> seen;
    each_state(disk, [&](simulated_files found) {
        auto const c = *content(found, "x");
        REQUIRE((c.size() == 512 || c.size() == 1024));
        std::string state;
        for (std::size_t at = 0; at < c.size(); at += 512) state += static_cast<char>('0' + static_cast<int>(c[at]));
        seen.insert(state);
    });
    CHECK(seen == std::set<std::string>{"1", "2", "10", "12", "20", "22"});
}

TEST_CASE("unsynced writes tear at sectors, in every combination, and never inside one") {
    simulated_files disk;
    auto            f = settled(disk, "x", 2048, 1);
    REQUIRE(f.write_at(256, filled(1024, 2)));  // sectors 0, 1, 2; halves of 0 and 2
    std::set<std::string> seen;
    each_state(disk, [&](simulated_files found) {
        auto const c = *content(found, "x");
        REQUIRE(c.size() == 2048);
        std::string state;
        for (std::size_t at = 0; at < 2048; at += 256) state += static_cast<char>('0' + static_cast<int>(c[at]));
        for (std::size_t at = 0; at < 2048; ++at) REQUIRE(static_cast<int>(c[at]) == state[at / 256] - '0');
        CHECK(state.substr(0, 1) == "1");
        CHECK(state.substr(5) == "111");
        CHECK(state[2] == state[3]);
        seen.insert(state);
    });
    CHECK(seen.size() == 8);
}

TEST_CASE("later writes may be kept while earlier ones to other sectors are lost") {
    simulated_files disk;
    auto            f = settled(disk, "x", 1024, 1);
    REQUIRE(f.write_at(0, filled(512, 2)));
    REQUIRE(f.write_at(512, filled(512, 2)));
    bool reordered = false;
    each_state(disk, [&](simulated_files found) {
        auto const c = *content(found, "x");
        reordered |= c[0] == std::byte{1} && c[512] == std::byte{2};
    });
    CHECK(reordered);
}

TEST_CASE("a sector holds one of the versions that were written, never an older neighbour's newer write alone") {
    simulated_files disk;
    auto            f = settled(disk, "x", 512, 1);
    REQUIRE(f.write_at(0, filled(100, 2)));
    REQUIRE(f.write_at(100, filled(100, 3)));
    REQUIRE(f.write_at(0, filled(50, 4)));
    std::set<std::string> seen;
    each_state(disk, [&](simulated_files found) {
        auto const  c = *content(found, "x");
        std::string state;
        for (std::size_t const at : {0u, 50u, 100u, 200u}) state += static_cast<char>('0' + static_cast<int>(c[at]));
        seen.insert(state);
    });
    CHECK(seen == std::set<std::string>{"1111", "2211", "2231", "4231"});
}

TEST_CASE("a cut that was not synced may be undone, with the old bytes") {
    simulated_files disk;
    auto            f = settled(disk, "x", 1000, 1);
    REQUIRE(f.resize(10));
    std::set<std::size_t> sizes;
    each_state(disk, [&](simulated_files found) {
        auto const c = *content(found, "x");
        sizes.insert(c.size());
        CHECK(c == filled(c.size(), 1));
    });
    CHECK(sizes == std::set<std::size_t>{10, 1000});
    REQUIRE(f.sync());
    REQUIRE(f.resize(1000));
    REQUIRE(f.sync());
    auto expected = filled(10, 1);
    expected.resize(1000);
    each_state(disk, [&](simulated_files found) { CHECK(content(found, "x") == expected); });
}

TEST_CASE("a rename that was not synced happened or not, and the replaced name always has one of the two contents") {
    simulated_files disk;
    auto            old_file = settled(disk, "x", 10, 1), new_file = settled(disk, "x.new", 10, 2);
    REQUIRE(disk.rename("x.new", "x"));
    std::set<int> seen;
    each_state(disk, [&](simulated_files found) {
        auto const c = content(found, "x"), n = content(found, "x.new");
        REQUIRE(c);
        seen.insert(static_cast<int>((*c)[0]));
        CHECK(n.has_value() == (*c == filled(10, 1)));
    });
    CHECK(seen == std::set<int>{1, 2});
    REQUIRE(disk.sync_directory("/"));
    each_state(disk, [&](simulated_files found) {
        CHECK(content(found, "x") == filled(10, 2));
        CHECK_FALSE(*found.exists("x.new"));
    });
}

TEST_CASE("a rename over unsynced content may leave the new name with nothing in it") {
    simulated_files disk;
    auto            old_file = settled(disk, "x", 512, 1);
    auto            fresh    = disk.open("x.new", open_mode::create);
    REQUIRE(fresh->write_at(0, filled(512, 2)));
    REQUIRE(disk.rename("x.new", "x"));
    REQUIRE(disk.sync_directory("."));
    bool empty = false;
    each_state(disk, [&](simulated_files found) { empty |= content(found, "x")->empty(); });
    CHECK(empty);
}

TEST_CASE("a removal that was not synced may be undone; a synced one is not") {
    simulated_files disk;
    auto            f = settled(disk, "x", 10, 1);
    REQUIRE(disk.remove("x"));
    std::set<bool> seen;
    each_state(disk, [&](simulated_files found) { seen.insert(*found.exists("x")); });
    CHECK(seen.size() == 2);
    REQUIRE(disk.sync_directory("."));
    each_state(disk, [&](simulated_files found) { CHECK_FALSE(*found.exists("x")); });
}

TEST_CASE("syncing one directory says nothing about another; a lost directory takes its files along") {
    simulated_files disk;
    REQUIRE(disk.make_directory("d"));
    auto f = settled(disk, "d/x", 10, 1);  // syncs d, not what d stands in
    CHECK_FALSE(*disk.after_power_loss(kept::nothing).exists("d"));
    CHECK_FALSE(*disk.after_power_loss(kept::nothing).exists("d/x"));
    std::set<bool> seen;
    each_state(disk, [&](simulated_files found) {
        CHECK(*found.exists("d") == *found.exists("d/x"));
        seen.insert(*found.exists("d"));
    });
    CHECK(seen.size() == 2);
    REQUIRE(disk.sync_directory("."));
    each_state(disk, [&](simulated_files found) { CHECK(content(found, "d/x") == filled(10, 1)); });
}

TEST_CASE("a rename between directories is whole, and syncing either one makes it last") {
    for (std::string const which : {"a", "b", ""}) {
        CAPTURE(which);
        simulated_files disk;
        REQUIRE(disk.make_directory("a"));
        REQUIRE(disk.make_directory("b"));
        REQUIRE(disk.sync_directory("."));
        auto f = settled(disk, "a/x", 10, 1), g = settled(disk, "b/y", 10, 2);
        REQUIRE(disk.remove("b/y"));
        REQUIRE(disk.rename("a/x", "b/y"));
        if (!which.empty()) REQUIRE(disk.sync_directory(which));
        each_state(disk, [&](simulated_files found) {
            bool const before = *found.exists("a/x"), after = content(found, "b/y") == filled(10, 1);
            CHECK(before != after);
            if (!which.empty()) CHECK(after);
        });
    }
}

TEST_CASE("operations are numbered, and from the crash on everything fails and nothing changes") {
    simulated_files disk;
    auto            f = settled(disk, "x", 10, 1);
    CHECK(disk.operations() == 4);
    CHECK(disk.log() == std::vector<std::string>{"1 (create 'x')", "2 (write 'x' 10 bytes at offset 0)", "3 (sync 'x')",
                                                 "4 (sync directory '.')"});
    // None of these is an operation.
    REQUIRE(disk.open("x", open_mode::create));
    REQUIRE(f.write_at(3, {}));
    REQUIRE_FALSE(disk.remove("none"));
    REQUIRE(disk.list("/"));
    CHECK(disk.operations() == 4);

    disk.crash_at(6);
    REQUIRE(f.write_at(0, filled(10, 2)));
    CHECK_FALSE(disk.crashed());
    auto const stopped = f.write_at(0, filled(10, 3));
    REQUIRE_FALSE(stopped);
    CHECK(disk.crashed());
    CHECK(stopped.error().kind == errc::io);
    CHECK(stopped.error().message == "simulated power loss at operation 6 (write 'x' 10 bytes at offset 0)");
    std::byte one[1];
    CHECK_FALSE(f.read_at(0, one));
    CHECK_FALSE(f.size());
    CHECK_FALSE(f.sync());
    CHECK_FALSE(f.lock());
    CHECK_FALSE(f.resize(0));
    CHECK_FALSE(disk.open("x", open_mode::read_only));
    CHECK_FALSE(disk.open("y", open_mode::create));
    CHECK_FALSE(disk.exists("x"));
    CHECK_FALSE(disk.remove("x"));
    CHECK_FALSE(disk.rename("x", "y"));
    CHECK_FALSE(disk.make_directory("z"));
    CHECK_FALSE(disk.list("/"));
    CHECK_FALSE(disk.sync_directory("/"));
    CHECK(disk.operations() == 6);
    CHECK(content(disk.after_power_loss(kept::nothing), "x") == filled(10, 1));
    CHECK(content(disk.after_power_loss(kept::finished), "x") == filled(10, 2));
    CHECK(content(disk.after_power_loss(kept::everything), "x") == filled(10, 3));
    std::set<int> seen;
    each_state(disk, [&](simulated_files found) { seen.insert(static_cast<int>((*content(found, "x"))[0])); });
    CHECK(seen == std::set<int>{1, 2, 3});
}

TEST_CASE("a sync in flight promises nothing, a rename in flight happened or not") {
    simulated_files disk;
    auto            f = settled(disk, "x", 10, 1);
    REQUIRE(f.write_at(0, filled(10, 2)));
    disk.crash_at(disk.operations() + 1);
    SUBCASE("sync") {
        REQUIRE_FALSE(f.sync());
        CHECK(content(disk.after_power_loss(kept::nothing), "x") == filled(10, 1));
    }
    SUBCASE("rename") {
        REQUIRE_FALSE(disk.rename("x", "y"));
        std::set<bool> seen;
        each_state(disk, [&](simulated_files found) {
            CHECK(*found.exists("x") != *found.exists("y"));
            seen.insert(*found.exists("y"));
        });
        CHECK(seen.size() == 2);
    }
}

TEST_CASE(
    "worlds after power loss are the same for the same seed, stand alone, free all locks and go on counting time") {
    simulated_files disk;
    auto            f = settled(disk, "x", 8192, 1);
    REQUIRE(f.lock());
    REQUIRE(f.write_at(0, filled(8192, 2)));
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        auto       one = disk.after_power_loss(seed), two = disk.after_power_loss(seed);
        auto const before = content(one, "x");
        CHECK(before == content(two, "x"));
        auto g = one.open("x", open_mode::read_write);
        CHECK(g->lock());
        CHECK(one.operations() == 0);
        REQUIRE(g->write_at(0, filled(8192, 3)));
        CHECK(content(two, "x") == before);
        CHECK(content(disk, "x") == filled(8192, 2));
        CHECK(content(one.after_power_loss(kept::nothing), "x") == before);  // what was found is durable
    }
    auto const now = disk.now_ns();
    CHECK(disk.now_ns() > now);
    CHECK(disk.after_power_loss(1).now_ns() > now);
}

TEST_CASE("random histories: with nothing kept, a file is as it was at its last sync") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        CAPTURE(seed);
        prng            random(seed);
        simulated_files disk;
        auto            f = settled(disk, "x", 10, 0);
        byte_vector     live(10), durable = live;
        for (int step = 0; step < 60; ++step) {
            auto const what = random.below(10);
            if (what == 0) {
                live.resize(static_cast<std::size_t>(random.below(20'000)));
                REQUIRE(f.resize(live.size()));
            } else if (what < 4) {
                REQUIRE(f.sync());
                durable = live;
            } else {  // many end right behind a page
                auto const at = static_cast<std::size_t>(random.below(live.size() + 3000));
                auto const n = static_cast<std::size_t>(random.chance(0.5) ? 4097 - at % 4096 : 1 + random.below(6000));
                auto const b = filled(n, static_cast<int>(1 + random.below(255)));
                REQUIRE(f.write_at(at, b));
                live.resize(std::max(live.size(), at + n));
                std::copy(b.begin(), b.end(), live.begin() + static_cast<std::ptrdiff_t>(at));
            }
            REQUIRE(content(disk, "x") == live);
            REQUIRE(content(disk.after_power_loss(kept::nothing), "x") == durable);
            REQUIRE(content(disk.after_power_loss(kept::everything), "x") == live);
        }
    }
}

TEST_CASE("random histories: every state holds for each sector a version that was there since its last sync") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        CAPTURE(seed);
        prng            random(seed);
        simulated_files disk;
        // Fixed size, so that only sectors are in doubt: versions[s] are the legal contents of sector s.
        constexpr std::size_t                 sectors = 12;
        auto                                  f       = settled(disk, "x", sectors * 512, 0);
        byte_vector                           live(sectors * 512);
        std::vector<std::vector<byte_vector>> versions(sectors, {byte_vector(512)});
        for (int step = 0; step < 25; ++step) {
            if (random.chance(0.15)) {
                REQUIRE(f.sync());
                for (auto& v : versions) v.erase(v.begin(), v.end() - 1);
                continue;
            }
            auto const at = static_cast<std::size_t>(random.below(live.size()));
            auto const n  = static_cast<std::size_t>(1 + random.below(std::min<std::size_t>(live.size() - at, 2000)));
            auto const b  = filled(n, static_cast<int>(random.below(256)));
            REQUIRE(f.write_at(at, b));
            std::copy(b.begin(), b.end(), live.begin() + static_cast<std::ptrdiff_t>(at));
            for (auto s = at / 512; s * 512 < at + n; ++s)
                versions[s].emplace_back(live.begin() + static_cast<std::ptrdiff_t>(s * 512),
                                         live.begin() + static_cast<std::ptrdiff_t>(s * 512 + 512));
        }
        for (std::uint64_t state = 0; state < 20; ++state) {
            auto const c = *content(disk.after_power_loss(state), "x");
            REQUIRE(c.size() == live.size());
            for (std::size_t s = 0; s < sectors; ++s) {
                byte_vector const sector(c.begin() + static_cast<std::ptrdiff_t>(s * 512),
                                         c.begin() + static_cast<std::ptrdiff_t>(s * 512 + 512));
                CHECK(std::find(versions[s].begin(), versions[s].end(), sector) != versions[s].end());
            }
        }
        CHECK(content(disk.after_power_loss(kept::everything), "x") == live);
    }
}

namespace {
/// All that can be seen of a world: names and contents.
std::map<std::string, byte_vector> all_of(simulated_files disk, std::string const& in = "/") {
    std::map<std::string, byte_vector> out;
    auto const                         names = disk.list(in);
    for (auto const& n : *names) {
        auto const path = (in == "/" ? "/" : in + "/") + n;
        if (auto held = content(disk, path)) out[path] = *held;
        else out.merge(all_of(disk, path));
    }
    return out;
}
/// A few operations that leave little enough in doubt for all states to be visited.
void small_history(simulated_files disk, prng& random) {
    std::vector<std::optional<simulated_files::file>> open;
    (void)disk.make_directory("d");
    std::string const names[] = {"a", "d/b", "c"};
    for (int i = 0; i < 7; ++i) {
        auto const& name = names[random.below(3)];
        auto        f    = disk.open(name, random.chance(0.6) ? open_mode::create : open_mode::read_write);
        switch (random.below(8)) {
            case 0: (void)disk.rename(name, names[random.below(3)]); break;
            case 1: (void)disk.sync_directory(random.chance(0.5) ? "/" : "d"); break;
            case 2:
                if (f) (void)f->sync();
                break;
            case 3:
                if (f) (void)f->resize(random.below(2000));
                break;
            case 4: (void)disk.remove(name); break;
            default:
                if (f)
                    (void)f->write_at(random.below(1200),
                                      filled(1 + random.below(900), static_cast<int>(1 + random.below(200))));
        }
    }
}
}  // namespace

TEST_CASE(
    "states that are decided while they are looked at are all the states that seeds can bring, and no others twice") {
    std::uint64_t walked = 0, compared = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        prng            random(seed);
        simulated_files disk;
        small_history(disk, random);
        auto const                                   frozen = disk.frozen();
        std::set<std::map<std::string, byte_vector>> states;
        auto                                         choices = std::make_shared<power_loss_choices>();
        std::uint64_t                                n       = 0;
        do states.insert(all_of(frozen.after_power_loss(choices)));
        while (++n < 20'000 && choices->next());
        CHECK_FALSE(choices->diverged());
        if (n == 20'000) continue;
        ++walked;
        CHECK(states.contains(all_of(disk.after_power_loss(kept::nothing))));
        CHECK(states.contains(all_of(disk.after_power_loss(kept::everything))));
        CHECK(all_of(disk.after_power_loss(kept::everything)) == all_of(disk));
        for (std::uint64_t s = 0; s < 60; ++s, ++compared) {
            auto const eager = all_of(disk.after_power_loss(s));
            REQUIRE_MESSAGE(states.contains(eager), "seed of the state ", s);
            REQUIRE(states.contains(
                all_of(frozen.after_power_loss(std::make_shared<power_loss_choices>(power_loss_choices::seeded(s))))));
        }
    }
    MESSAGE(walked, " histories walked, ", compared, " seeded states compared");
    CHECK(walked > 25);
}

TEST_CASE("what nobody has looked at stays open over a second power loss, and what was read is what stays") {
    simulated_files disk;
    auto            f = disk.open("x", open_mode::create);
    REQUIRE(disk.sync_directory("."));
    REQUIRE(f->write_at(0, filled(1024, 1)));
    REQUIRE(f->sync());
    REQUIRE(f->write_at(0, filled(1024, 2)));
    auto const  newest = std::make_shared<power_loss_choices>(power_loss_choices::newest());
    auto        first  = disk.after_power_loss(newest);
    auto        again  = first.open("x", open_mode::read_write);
    byte_vector half(512);
    REQUIRE(again->read_at(0, half));
    CHECK(half == filled(512, 2));
    // The first sector was read, the second was not.
    auto second = first.frozen().after_power_loss(std::make_shared<power_loss_choices>());
    auto held   = *content(second, "x");
    CHECK(byte_vector(held.begin(), held.begin() + 512) == filled(512, 2));
    CHECK(byte_vector(held.begin() + 512, held.end()) == filled(512, 1));
    // A sector that is written over whole is not decided; what a write covers in part is.
    auto const in_turn = std::make_shared<power_loss_choices>();
    auto       third   = disk.after_power_loss(in_turn);
    REQUIRE(third.open("x", open_mode::read_write)->write_at(0, filled(512, 3)));
    CHECK(in_turn->combinations() == 1);
    REQUIRE(third.open("x", open_mode::read_write)->write_at(600, filled(1, 3)));
    CHECK(in_turn->combinations() == 2);
}

TEST_CASE("a sector that was written twice alike is no choice of three") {
    simulated_files disk;
    auto            f = settled(disk, "x", 1024, 1);
    for (int time = 0; time < 2; ++time) REQUIRE(f.write_at(0, filled(512, 2)));
    auto const                 choices = std::make_shared<power_loss_choices>();
    std::multiset<byte_vector> found;
    do found.insert(content(disk.after_power_loss(choices), "x").value());
    while (choices->next());
    CHECK(found.size() == 2);
    CHECK(found.count(filled(1024, 1)) == 1);
}

TEST_CASE("walks that ask for other things are told apart from those that ask the same") {
    power_loss_choices same, other, fewer;
    for (auto* c : {&same, &other, &fewer}) {
        CHECK(c->choose(2) == 0);
        CHECK(c->choose(3) == 0);
        REQUIRE(c->next());
    }
    CHECK(same.choose(2) == 0);
    CHECK(same.choose(3) == 1);
    REQUIRE(same.next());
    CHECK_FALSE(same.diverged());
    CHECK(other.choose(4) == 0);
    CHECK(other.diverged());
    CHECK(fewer.choose(2) == 0);
    REQUIRE(fewer.next());
    CHECK(fewer.diverged());
}

TEST_CASE("what is stored through a mapping is cut anywhere, also inside a sector") {
    simulated_files disk;
    auto            f      = settled(disk, "x", 512, 0);
    auto            mapped = disk.open_mapped("x");
    REQUIRE(mapped);
    std::set<std::size_t> cuts;
    for (int value = 1; value <= 40; ++value) {
        CAPTURE(value);
        auto const before = disk.operations();
        REQUIRE(mapped->write_at(0, filled(512, value)));
        CHECK(disk.operations() == before + 2);
        CHECK(content(disk, "x") == filled(512, value));
        auto const choices = std::make_shared<power_loss_choices>();
        do {  // the sector as it was, with a beginning of the store, or whole
            auto const  found = content(disk.after_power_loss(choices), "x").value();
            auto const  here  = static_cast<std::byte>(value);
            std::size_t cut   = 0;
            while (cut < found.size() && found[cut] == here) ++cut;
            for (auto i = cut; i < found.size(); ++i) REQUIRE(found[i] == static_cast<std::byte>(value - 1));
            cuts.insert(cut);
        } while (choices->next());
        REQUIRE(mapped->sync());
    }
    CHECK(cuts.size() > 20);
    CHECK(cuts.contains(0));
    CHECK(cuts.contains(512));
    REQUIRE(mapped->write_at(7, filled(1, 99)));  // one byte has no part
    CHECK(content(disk, "x").value()[7] == std::byte{99});
}
