// SPDX-License-Identifier: Apache-2.0
// Direct files: whole blocks, several writes under way, and what a power loss leaves of them.
#include "tenon/file/direct.hpp"
#include "tenon/core/contract.hpp"
#include "tenon/core/sync_turns.hpp"
#include "tenon/file/faulty.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/file/simulated.hpp"
#include "tenon/testing/file.hpp"
#include "tenon/testing/kill.hpp"

#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <array>
#include <fstream>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace tenon;

namespace {

struct alignas(4096) block {
    std::array<std::byte, 4096> bytes;
    explicit block(char c) { bytes.fill(static_cast<std::byte>(c)); }
};

template <class FS>
void conforms(FS fs, std::string const& directory) {
    for (std::uint64_t const seed : {1u, 2u, 3u, 4u}) {
        auto const here = directory + "/direct" + std::to_string(seed);
        REQUIRE(fs.make_directory(here));
        testing::report r;
        testing::check_direct_files(fs, here, seed, r);
        CHECK_MESSAGE(r.passed(), r.text());
    }
}

std::string first_letters(simulated_files fs, std::string const& path, int blocks) {
    auto f = fs.open(path, open_mode::read_only);
    REQUIRE(f);
    std::string out;
    for (int sector = 0; sector < blocks * 8; ++sector) {
        std::byte b[1]{};
        REQUIRE(f->read_at(static_cast<std::uint64_t>(sector) * 512, b));
        out += b[0] == std::byte{0} ? '.' : static_cast<char>(b[0]);
    }
    return out;
}

/// A synced file of zeros.
simulated_files prepared(int blocks) {
    simulated_files disk;
    auto            f = disk.open("f", open_mode::create);
    REQUIRE(f->resize(static_cast<std::uint64_t>(blocks) * 4096));
    REQUIRE(f->sync());
    REQUIRE(disk.sync_directory("/"));
    return disk;
}

}  // namespace

TEST_CASE("direct files and queues keep the axioms of their concept") {
    temporary_directory const here;
    conforms(posix_files{}, here.path);
    temporary_directory const there;
    conforms(faulty<posix_files>{}, there.path);
    memory_files memory;
    conforms(memory, "");
    conforms(simulated_files{}, "");
    conforms(faulty<simulated_files>{}, "");
}

TEST_CASE("a direct write of anything but whole blocks breaks the contract") {
    memory_files fs;
    REQUIRE(fs.open("f", open_mode::create));
    auto       d = fs.open_direct("f");
    block      b('x');
    auto const before = set_contract_handler([](char const* s, std::source_location) { throw std::logic_error(s); });
    CHECK_THROWS((void)d->write(1, b.bytes, flush::yes));
    CHECK_THROWS((void)d->write(0, byte_view(b.bytes).first(512), flush::yes));
    CHECK_THROWS((void)d->write(4096, byte_view(b.bytes).subspan(8), flush::yes));
    set_contract_handler(before);
    CHECK(d->write(4096, b.bytes, flush::yes));
}

TEST_CASE("a flushed direct write survives, an unflushed one when it is synced") {
    auto  disk = prepared(3);
    auto  d    = disk.open_direct("f");
    block a('a'), b('b');
    REQUIRE(d->write(0, a.bytes, flush::yes));
    REQUIRE(d->write(4096, b.bytes, flush::no));
    CHECK(first_letters(disk.after_power_loss(simulated_files::kept::nothing), "f", 3) ==
          "aaaaaaaa" + std::string(16, '.'));
    REQUIRE(d->sync());
    CHECK(first_letters(disk.after_power_loss(simulated_files::kept::nothing), "f", 3) == "aaaaaaaabbbbbbbb........");
    CHECK(first_letters(disk, "f", 3) == "aaaaaaaabbbbbbbb........");
}

TEST_CASE("a flushed direct write takes what was written below it along, and nothing else") {
    auto  disk  = prepared(3);
    auto  plain = disk.open("f", open_mode::read_write);
    auto  d     = disk.open_direct("f");
    block a('a'), old('o');
    REQUIRE(plain->write_at(0, old.bytes));
    REQUIRE(plain->write_at(8192, old.bytes));
    REQUIRE(d->write(0, a.bytes, flush::yes));
    for (std::uint64_t seed = 1; seed < 200; ++seed) {
        auto const seen = first_letters(disk.after_power_loss(seed), "f", 3);
        CHECK(seen.starts_with("aaaaaaaa........"));
    }
    CHECK(first_letters(disk.after_power_loss(simulated_files::kept::nothing), "f", 3) ==
          "aaaaaaaa" + std::string(16, '.'));
}

TEST_CASE("writes under way survive in any part and in any order; what was handed out survives whole") {
    auto                    disk = prepared(4);
    auto                    d    = disk.open_direct("f");
    auto                    q    = disk.make_queue(4);
    std::array<block, 3>    b{block('a'), block('b'), block('c')};
    std::set<std::string>   seen;
    std::set<std::uint64_t> done;
    for (std::uint64_t i = 0; i < 3; ++i) REQUIRE(q->submit(*d, i * 4096, b[i].bytes, flush::yes, i));
    CHECK(first_letters(disk.after_power_loss(simulated_files::kept::nothing), "f", 4) == std::string(32, '.'));
    CHECK(first_letters(disk.after_power_loss(simulated_files::kept::finished), "f", 4) == std::string(32, '.'));
    CHECK(first_letters(disk.after_power_loss(simulated_files::kept::everything), "f", 4) ==
          "aaaaaaaabbbbbbbbcccccccc........");
    bool last_without_first = false, torn = false;
    for (std::uint64_t seed = 1; seed < 300; ++seed) {
        auto const state   = first_letters(disk.after_power_loss(seed), "f", 4);
        last_without_first = last_without_first || (state[0] == '.' && state[16] == 'c');
        torn               = torn || (state[8] != state[9]);
    }
    CHECK(last_without_first);
    CHECK(torn);
    done.insert(q->wait().tag);
    done.insert(q->wait().tag);
    auto const kept = first_letters(disk.after_power_loss(simulated_files::kept::nothing), "f", 4);
    for (std::uint64_t i = 0; i < 3; ++i)
        CHECK(kept.substr(i * 8, 8) == std::string(8, done.contains(i) ? static_cast<char>('a' + i) : '.'));
}

TEST_CASE("when the power goes, every write under way ends with an error and a crash point is each of them") {
    auto  disk = prepared(4);
    auto  d    = disk.open_direct("f");
    auto  q    = disk.make_queue(4);
    block a('a'), b('b');
    disk.crash_at(disk.operations() + 2);
    REQUIRE(q->submit(*d, 0, a.bytes, flush::yes, 7));
    CHECK_FALSE(q->submit(*d, 4096, b.bytes, flush::yes, 8));
    CHECK(disk.operation_text(disk.operations()).find("direct write 'f' 4096 bytes at offset 4096") !=
          std::string::npos);
    auto const c = q->wait();
    CHECK(c.tag == 7);
    CHECK_FALSE(c.done);
    CHECK_FALSE(d->write(0, a.bytes, flush::yes));
    bool second_alone = false;
    for (std::uint64_t seed = 1; seed < 100; ++seed) {
        auto const state = first_letters(disk.after_power_loss(seed), "f", 4);
        second_alone     = second_alone || (state[0] == '.' && state[8] == 'b');
    }
    CHECK(second_alone);
}

TEST_CASE("the order in which simulated writes end is not that of their submission, and is the same each time") {
    auto const order = [] {
        auto                 disk = prepared(4);
        auto                 d    = disk.open_direct("f");
        auto                 q    = disk.make_queue(4);
        std::array<block, 4> b{block('a'), block('b'), block('c'), block('d')};
        std::string          out;
        for (int round = 0; round < 8; ++round) {
            for (std::uint64_t i = 0; i < 4; ++i) REQUIRE(q->submit(*d, i * 4096, b[i].bytes, flush::yes, i));
            for (int i = 0; i < 4; ++i) out += static_cast<char>('0' + q->wait().tag);
        }
        return out;
    };
    auto const first = order();
    CHECK(first == order());
    CHECK(first.find("0123") != 0);
    std::set<std::string> rounds;
    for (std::size_t i = 0; i < first.size(); i += 4) rounds.insert(first.substr(i, 4));
    CHECK(rounds.size() > 2);
}

TEST_CASE("a planned fault strikes a direct write, submitted or not") {
    simulated_files         base = prepared(4);
    faulty<simulated_files> fs(base);
    auto                    d = fs.open_direct("f");
    auto                    q = fs.make_queue(2);
    struct alignas(4096) {
        std::array<std::byte, 8192> bytes{};
    } two;
    two.bytes.fill(std::byte{'z'});
    fs.faults().fail_nth(file_call::direct_write, 1);
    CHECK(d->write(0, two.bytes, flush::yes).error().kind == errc::io);
    CHECK(first_letters(base, "f", 4) == std::string(32, '.'));
    fs.faults().fail_nth(file_call::direct_write, 1, {fault_kind::short_write, 5000});
    REQUIRE(q->submit(*d, 0, two.bytes, flush::yes, 3));
    auto const c = q->wait();
    CHECK(c.tag == 3);
    CHECK(c.done.error().kind == errc::full);
    CHECK(first_letters(base, "f", 4) == "zzzzzzzz" + std::string(24, '.'));
    fs.faults().fail_nth(file_call::direct_write, 1, {fault_kind::flip_bit, 4096 * 8});
    REQUIRE(d->write(0, two.bytes, flush::yes));
    CHECK(first_letters(base, "f", 4) == "zzzzzzzz{zzzzzzz................");
    CHECK(fs.faults().calls(file_call::direct_write) == 3);
}

TEST_CASE("a posix direct file says how it writes, and the bytes are there through every way of reading") {
    temporary_directory const here;
    posix_files               fs;
    auto const                path = here.path + "/f";
    REQUIRE(fs.open(path, open_mode::create));
    auto d = fs.open_direct(path);
    REQUIRE(d);
    block b('q');
    REQUIRE(d->write(8192, b.bytes, flush::yes));
    auto f = fs.open(path, open_mode::read_only);
    CHECK(*f->size() == 12288);
    std::byte one[1]{};
    CHECK(*f->read_at(8192, one) == 1);
    CHECK(one[0] == std::byte{'q'});
    auto const odd = fs.open_direct(here.path);
    CHECK_FALSE(odd);
}

TEST_CASE("after a sync that failed no flushed write of that file succeeds, as the kernel tells of a lost page once") {
    faulty<memory_files> fs;
    auto                 opened = fs.open("/f", open_mode::create);
    REQUIRE(opened);
    cached_writes<faulty<memory_files>::file> file(*std::move(opened));
    block const                               page('p');
    auto const                                write = [&](flush f) { return file.write(0, page.bytes, f); };
    REQUIRE(write(flush::yes));
    fs.faults().fail_nth(file_call::sync, 1);
    CHECK(write(flush::yes).error().message.find("injected fault") != std::string::npos);
    auto const later = write(flush::yes);
    REQUIRE_FALSE(later);
    CHECK(later.error().kind == errc::io);
    CHECK(later.error().message.find("/f") != std::string::npos);
    CHECK_FALSE(file.sync());
    CHECK(write(flush::no));
    {
        pooled_queue<cached_writes<faulty<memory_files>::file>> queue(2);
        REQUIRE(queue.submit(file, 0, page.bytes, flush::yes, 7));
        auto const told = queue.wait();
        CHECK(told.tag == 7);
        CHECK_FALSE(told.done);
    }
    auto again = fs.open("/f", open_mode::read_write);  // is told of what happens from now on
    REQUIRE(again);
    CHECK(cached_writes<faulty<memory_files>::file>(*std::move(again)).sync());
}

TEST_CASE("a sync that ends by an exception has failed, too") {
    tenon::detail::sync_turns turns;
    auto const                good = []() -> tenon::result<void> { return {}; };
    CHECK(turns.take("a.log", good));
    CHECK_THROWS_AS((void)turns.take("a.log", []() -> tenon::result<void> { throw std::bad_alloc(); }), std::bad_alloc);
    auto const after = turns.take("a.log", good);
    REQUIRE_FALSE(after);
    CHECK(after.error().kind == tenon::errc::io);
    CHECK(after.error().message == "an earlier sync of 'a.log' has failed");
}

namespace {
/// A direct file whose writes find no memory, not even to say so.
struct forgetful_file {
    std::string  name = "f";
    std::size_t  block_bytes() const { return 4096; }
    write_mode   mode() const { return write_mode::direct; }
    result<void> write(std::uint64_t offset, byte_view, flush) {
        if (offset == 0) throw std::bad_alloc();
        return {};
    }
    result<void>       sync() { return {}; }
    std::string const& path() const { return name; }
};
}  // namespace

TEST_CASE("a write that runs out of memory in a thread of a pool is an error of that write, and of no other") {
    pooled_queue<forgetful_file> queue(2);
    forgetful_file               file;
    block const                  page('p');
    for (std::uint64_t i = 0; i < 40; ++i) REQUIRE(queue.submit(file, i % 3 * 4096, page.bytes, flush::yes, i));
    std::set<std::uint64_t> tags;
    for (int i = 0; i < 40; ++i) {
        auto const c = queue.wait();
        CHECK(tags.insert(c.tag).second);
        REQUIRE(c.done.has_value() == (c.tag % 3 != 0));
        if (!c.done) CHECK(c.done.error().kind == errc::full);
    }
    CHECK_FALSE(queue.poll());
}

#if defined(__linux__)
TEST_CASE("where no thread can be started who submits writes") {
    auto const ended = testing::kill_while([] {  // one that waits for ever is ended
        pthread_attr_t large;
        rlimit         room{};
        std::uint64_t  pages = 0;
        if (::pthread_attr_init(&large) != 0 || ::pthread_attr_setstacksize(&large, std::size_t{256} << 20) != 0 ||
            ::pthread_setattr_default_np(&large) != 0 || !(std::ifstream("/proc/self/statm") >> pages))
            return 77;
        room.rlim_cur = room.rlim_max = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) + (64u << 20);
        if (::setrlimit(RLIMIT_AS, &room) != 0) return 77;
        try {
            std::thread([] {}).join();
            return 77;
        } catch (std::system_error const&) {}
        memory_files fs;
        if (!fs.open("f", open_mode::create)) return 2;
        auto                                                   file = fs.open_direct("f");
        pooled_queue<std::remove_reference_t<decltype(*file)>> queue(4);
        block const                                            page('p');
        for (std::uint64_t i = 0; i < 9; ++i)
            if (!queue.submit(*file, i * 4096, page.bytes, flush::yes, i)) return 3;
        for (std::uint64_t i = 0; i < 9; ++i)
            if (auto const c = queue.wait(); c.tag != i || !c.done) return 4;
        return *fs.open("f", open_mode::read_only)->size() == 9 * 4096 && !queue.poll() ? 0 : 5;
    });
    if (ended.code == 77) MESSAGE("not looked at: threads cannot be had to fail here");
    else CHECK(ended.code == 0);
}
#endif
