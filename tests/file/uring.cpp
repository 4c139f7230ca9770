// SPDX-License-Identifier: Apache-2.0
// io_uring under the write queue: the axioms, a log on it, and what happens where the kernel refuses it.
#include "tenon/file/uring.hpp"
#include "tenon/core/block_buffer.hpp"
#include "tenon/testing/file.hpp"
#include "tenon/testing/kill.hpp"
#include "tenon/wal/segmented.hpp"

#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

using namespace tenon;

namespace {

/// Forbids io_uring in this process, as containers do.
bool forbid(int code) {
    sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(code)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog const program{4, filter};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

std::string conforms(std::string const& directory) {
    for (std::uint64_t const seed : {1u, 2u, 3u, 4u}) {
        uring_files fs;
        auto const  here = directory + "/direct" + std::to_string(seed);
        if (!fs.make_directory(here)) return "no directory";
        testing::report r;
        testing::check_direct_files(fs, here, seed, r);
        if (!r.passed()) return r.text();
    }
    return {};
}

/// Appends with callbacks and closes; what is there afterwards.
std::string log_on(std::string const& path) {
    using log_type = segmented_wal<>::log<uring_files>;
    wal_options const options{.identity = 6, .segment_bytes = {1u << 16}, .threads = false};
    std::size_t       called = 0, found = 0;
    {
        auto log = log_type::open({}, path, options);
        if (!log || !log->replay({0}, [](lsn, byte_view) { return result<void>{}; })) return "open";
        for (int i = 0; i < 500; ++i)
            if (!log->append(as_bytes(std::string(500, 'u')),
                             [&](result<void> const& done) { called += done.has_value(); }))
                return "append";
        if (log->stats().queue != uring_files{}.make_queue(1)->kind()) return "the log does not say which queue it has";
    }
    auto log = log_type::open({}, path, options);
    if (!log || !log->replay({0}, [&](lsn, byte_view b) {
            found += b.size() == 500;
            return result<void>{};
        }))
        return "replay";
    return called == 500 && found == 500 ? std::string()
                                         : std::to_string(called) + " called, " + std::to_string(found) + " found";
}

/// What the next calls of io_uring_submit meet, one letter each: 'r' the kernel refuses all, 'o' it takes one, 's' it writes half of the
/// last write, 'u' it does not know the last write's flags; then they work.
std::string submits_meet;
int         submits_refused = 0, submits_in_part = 0;

/// Shows the kernel what the ring holds, as liburing does; how many that are.
unsigned show(io_uring& ring) {
    auto&      sq   = ring.sq;
    auto const mask = *sq.kring_mask;
    for (; sq.sqe_head != sq.sqe_tail; ++sq.sqe_head) sq.array[sq.sqe_head & mask] = sq.sqe_head & mask;
    __atomic_store_n(sq.ktail, sq.sqe_tail, __ATOMIC_RELEASE);
    return sq.sqe_tail - __atomic_load_n(sq.khead, __ATOMIC_ACQUIRE);
}

}  // namespace

// The linker puts it in front of liburing's (--wrap).
extern "C" int __real_io_uring_submit(io_uring* ring);
extern "C" int __wrap_io_uring_submit(io_uring* ring) {
    if (submits_meet.empty()) return __real_io_uring_submit(ring);
    auto const what = submits_meet.front();
    submits_meet.erase(0, 1);
    if (what == 's' || what == 'u') {
        auto& last = ring->sq.sqes[(ring->sq.sqe_tail - 1) & *ring->sq.kring_mask];
        if (what == 's') last.len /= 2;
        else last.rw_flags = 1 << 30;
        return __real_io_uring_submit(ring);
    }
    auto const there = show(*ring);
    if (what == 'r') {
        ++submits_refused;
        return -EAGAIN;
    }
    submits_in_part += there > 1;
    auto const taken = ::syscall(__NR_io_uring_enter, ring->ring_fd, 1, 0, 0, nullptr, 0);
    return taken < 0 ? -errno : static_cast<int>(taken);
}

TEST_CASE("a queue on io_uring keeps the axioms, and a log on it loses nothing") {
    temporary_directory const here;
    auto const                queue = uring_files{}.make_queue(4);
    MESSAGE("the queue is ", queue->kind(), " ", queue->why_not());
    CHECK(conforms(here.path) == "");
    CHECK(log_on(here.path + "/log") == "");
}

TEST_CASE("where the kernel refuses io_uring the pool does the work, and the queue says why") {
    for (int const code : {EPERM, ENOSYS}) {
        temporary_directory const here;
        auto const                ended = testing::kill_while([&] {
            if (!forbid(code)) return 77;
            auto const queue = uring_files{}.make_queue(4);
            if (queue->kind() != "pool" ||
                queue->why_not().find(std::system_category().message(code)) == std::string::npos)
                return 2;
            auto wrong = conforms(here.path);
            if (wrong.empty()) wrong = log_on(here.path + "/log");
            if (!wrong.empty()) std::fprintf(stderr, "%s\n", wrong.c_str());
            return wrong.empty() ? 0 : 3;
        });
        if (ended.code == 77) MESSAGE("not looked at: this process may not filter its calls");
        else CHECK(ended.code == 0);
    }
}

TEST_CASE("a write that the ring cannot do is an error that names the file, or is finished by the file itself") {
    temporary_directory const here;
    uring_files               fs;
    auto const                path = here.path + "/f";
    REQUIRE(fs.open(path, open_mode::create));
    auto file  = fs.open_direct(path);
    auto queue = fs.make_queue(2);
    REQUIRE(file);
    block_buffer bytes;
    bytes.append_zeros(8192);
    REQUIRE(queue->submit(*file, std::uint64_t{1} << 62, std::as_const(bytes).bytes(), flush::yes, 1));
    REQUIRE(queue->submit(*file, 4096, std::as_const(bytes).bytes(), flush::yes, 2));
    for (int i = 0; i < 2; ++i) {
        auto const c = queue->wait();
        CHECK(c.done.has_value() == (c.tag == 2));
        if (!c.done) CHECK(c.done.error().message.find(path) != std::string::npos);
    }
    CHECK_FALSE(queue->poll());
    CHECK(*fs.open(path, open_mode::read_only)->size() == 12288);
}

TEST_CASE("writes end when the ring refuses one, and takes in parts what comes after it") {
    if (uring_files{}.make_queue(2)->kind() != "io_uring") {
        MESSAGE("not looked at: ", uring_files{}.make_queue(2)->why_not());
        return;
    }
    temporary_directory const here;
    auto const                path = here.path + "/f";
    // In a process of its own: one that waits for a write which nobody has is ended.
    auto const ended = testing::kill_while([&] {
        uring_files fs;
        if (!fs.open(path, open_mode::create)) return 2;
        auto file  = fs.open_direct(path);
        auto queue = fs.make_queue(8);
        if (!file || file->mode() != write_mode::direct) return 77;
        std::vector<block_buffer> pages(9);
        std::size_t               begun = 0, over = 0;
        // The last write of each round finds refused ones before it, and the kernel takes one of them.
        for (std::string const round : {"ro", "rro", "rrro"}) {
            submits_meet = round;
            for (std::size_t i = 0; i < round.size(); ++i, ++begun) {
                auto* const to = pages[begun].grow(4096);
                std::memset(to, static_cast<int>('a' + begun), 4096);
                if (!queue->submit(*file, 4096 * begun, std::as_const(pages[begun]).bytes(), flush::yes, begun))
                    return 3;
            }
            std::uint64_t tags = 0, all = (std::uint64_t{1} << begun) - (std::uint64_t{1} << over);
            for (; over < begun; ++over) {
                auto const c = queue->wait();
                if (!c.done) return 4;
                tags |= std::uint64_t{1} << c.tag;
            }
            if (queue->poll() || tags != all) return 5;
        }
        if (!submits_meet.empty() || submits_refused != 6 || submits_in_part != 3) return 6;
        return 0;
    });
    if (ended.code == 77) {
        MESSAGE("not looked at: files are not written past the page cache here");
        return;
    }
    REQUIRE(ended.code == 0);
    std::string const bytes = [&] {
        byte_vector got(4096 * 9);
        auto const  n = posix_files{}.open(path, open_mode::read_only)->read_at(0, got);
        return std::string(as_chars(byte_view(got).first(n.value_or(0))));
    }();
    REQUIRE(bytes.size() == 4096 * 9);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        if (bytes[i] != static_cast<char>('a' + i / 4096)) FAIL("page " << i / 4096 << " is not what was written");
}

TEST_CASE("what the ring wrote in part, or not at all, the file finishes") {
    temporary_directory const here;
    uring_files               fs;
    auto const                path = here.path + "/f";
    REQUIRE(fs.open(path, open_mode::create));
    auto file  = fs.open_direct(path);
    auto queue = fs.make_queue(2);
    REQUIRE(file);
    if (queue->kind() != "io_uring" || file->mode() == write_mode::cached) {
        MESSAGE("not looked at: ", queue->why_not());
        return;
    }
    for (char const what : {'s', 'u'}) {
        CAPTURE(what);
        block_buffer bytes;
        std::memset(bytes.grow(8192), what, 8192);
        submits_meet = what;
        REQUIRE(queue->submit(*file, 4096, std::as_const(bytes).bytes(), flush::yes, 5));
        REQUIRE(submits_meet.empty());
        auto const c = queue->wait();
        CHECK(c.tag == 5);
        CHECK(c.done);
        byte_vector got(12288);
        REQUIRE(*fs.open(path, open_mode::read_only)->read_at(0, got) == got.size());
        CHECK(as_chars(byte_view(got).subspan(4096)) == std::string(8192, what));
    }
}

TEST_CASE("a write that the pool does for the ring is seen by those who only look") {
    temporary_directory const here;
    auto const                path  = here.path + "/f";
    auto const                ended = testing::kill_while([&] {  // one that looks for ever is ended
        uring_files fs;
        if (!fs.open(path, open_mode::create)) return 2;
        auto         file  = fs.open_direct(path);
        auto         queue = fs.make_queue(2);
        block_buffer bytes;
        bytes.append_zeros(4096);
        submits_meet = "r";
        if (!file || !queue->submit(*file, 0, std::as_const(bytes).bytes(), flush::yes, 9)) return 3;
        for (;;)
            if (auto const c = queue->poll()) return c->tag == 9 && c->done ? 0 : 4;
    });
    CHECK(ended.code == 0);
}

namespace {
/// What is left of a write after the ring finds no memory.
struct forgetful_file {
    posix_files::direct_file of;
    std::size_t              block_bytes() const { return of.block_bytes(); }
    write_mode               mode() const { return of.mode(); }
    result<void>             write(std::uint64_t, byte_view, flush) { throw std::bad_alloc(); }
    result<void>             sync() { return of.sync(); }
    std::string const&       path() const { return of.path(); }
    int                      descriptor() const { return of.descriptor(); }
};
}  // namespace

TEST_CASE("a write whose rest runs out of memory ends with that error") {
    temporary_directory const here;
    uring_files               fs;
    auto const                path = here.path + "/f";
    REQUIRE(fs.open(path, open_mode::create));
    auto opened = fs.open_direct(path);
    REQUIRE(opened);
    forgetful_file              file{std::move(*opened)};
    uring_queue<forgetful_file> queue(2);
    if (queue.kind() != "io_uring" || file.mode() == write_mode::cached) {
        MESSAGE("not looked at: ", queue.why_not());
        return;
    }
    block_buffer bytes;
    bytes.append_zeros(8192);
    submits_meet = "s";
    REQUIRE(queue.submit(file, 0, std::as_const(bytes).bytes(), flush::yes, 5));
    auto const c = queue.wait();
    CHECK(c.tag == 5);
    REQUIRE_FALSE(c.done);
    CHECK(c.done.error().kind == errc::full);
}
