// SPDX-License-Identifier: Apache-2.0
#include "tenon/file/posix.hpp"

#include "temporary_directory.hpp"

#include <atomic>
#include <csignal>
#include <thread>

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#if defined(__linux__)
#include <sys/vfs.h>
#endif

using namespace tenon;

namespace {

/// A child process that holds (or tries) a lock and talks over two pipes.
class child {
public:
    template <class Body>
    explicit child(Body body) {
        REQUIRE(::pipe(to_parent_) == 0);
        REQUIRE(::pipe(to_child_) == 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::close(to_parent_[0]);
            ::close(to_child_[1]);
            body([this](std::string const& s) { say(to_parent_[1], s); }, [this] { return hear(to_child_[0]); });
            ::_exit(0);
        }
        ::close(to_parent_[1]);
        ::close(to_child_[0]);
    }
    child(child const&)            = delete;
    child& operator=(child const&) = delete;
    ~child() {
        ::close(to_parent_[0]);
        ::close(to_child_[1]);
        ::waitpid(pid_, nullptr, 0);
    }
    std::string hear() { return hear(to_parent_[0]); }
    void        tell(std::string const& s) { say(to_child_[1], s); }
    pid_t       pid() const { return pid_; }

private:
    static void say(int fd, std::string const& s) {
        auto const line = s + "\n";
        if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
    }
    static std::string hear(int fd) {
        std::string out;
        char        c;
        while (::read(fd, &c, 1) == 1 && c != '\n') out.push_back(c);
        return out;
    }
    int   to_parent_[2]{}, to_child_[2]{};
    pid_t pid_ = 0;
};

}  // namespace

TEST_CASE("a file that another process has locked names that process's pid") {
    temporary_directory const dir;
    auto const                path = dir.path + "/db";
    posix_files               fs;
    REQUIRE(fs.open(path, open_mode::create));

    {
        child holder([&](auto say, auto hear) {
            auto f = posix_files{}.open(path, open_mode::read_write);
            say(f && f->lock() ? "locked" : "not locked");
            // A refused second lock in the holding process, and its close, must not lose the pid.
            bool refused_here = false;
            {
                auto g       = posix_files{}.open(path, open_mode::read_write);
                refused_here = g && !g->lock();
            }
            say(refused_here ? "refused" : "not refused");
            hear();
        });
        REQUIRE(holder.hear() == "locked");
        REQUIRE(holder.hear() == "refused");
        auto f    = fs.open(path, open_mode::read_write);
        auto done = f->lock();
        REQUIRE_FALSE(done);
        CHECK(done.error().kind == errc::locked);
#if defined(__linux__)
        CHECK(done.error().message ==
              "'" + path + "' is in use by process " + std::to_string(holder.pid()) + "; close it there or wait");
#endif
        auto ro = fs.open(path, open_mode::read_only);
        CHECK_FALSE(ro->lock());
        holder.tell("go");
    }
    CHECK(fs.open(path, open_mode::read_write)->lock());
}

TEST_CASE("a lock ends with its process, even when it is killed") {
    temporary_directory const dir;
    auto const                path = dir.path + "/db";
    posix_files               fs;
    {
        child holder([&](auto say, auto hear) {
            auto f = posix_files{}.open(path, open_mode::create);
            say(f && f->lock() ? "locked" : "not locked");
            hear();
        });
        REQUIRE(holder.hear() == "locked");
        CHECK_FALSE(fs.open(path, open_mode::read_write)->lock());
        ::kill(holder.pid(), SIGKILL);
    }
    CHECK(fs.open(path, open_mode::read_write)->lock());
}

TEST_CASE("a file locked in this process is refused to it and to others, under every name") {
    temporary_directory const dir;
    auto const                path = dir.path + "/db", link = dir.path + "/link";
    posix_files               fs;
    auto                      f = fs.open(path, open_mode::create);
    REQUIRE(f);
    REQUIRE(f->lock());
    std::filesystem::create_symlink(path, link);
    auto const here = fs.open(link, open_mode::read_write)->lock();
    REQUIRE_FALSE(here);
    CHECK(here.error().kind == errc::locked);
    CHECK(here.error().message ==
          "'" + link + "' is in use by process " + std::to_string(::getpid()) + " (this one); close it there first");
    CHECK(fs.list(dir.path) == std::vector<std::string>{"db", "link"});  // locking leaves no file behind

    child other([&](auto say, auto) {
        auto g = posix_files{}.open(path, open_mode::read_write);
        say(g->lock().error().message);
    });
    CHECK(other.hear().find("process " + std::to_string(::getpid())) != std::string::npos);
}

TEST_CASE("errors of the system carry kind, path, offset and the system's text") {
    temporary_directory const dir;
    posix_files               fs;
    auto const                path = dir.path + "/x";
    auto                      f    = fs.open(path, open_mode::create);
    REQUIRE(f);

    SUBCASE("a file over its size limit is full, and what fits is written") {
        std::signal(SIGXFSZ, SIG_IGN);
        rlimit before{};
        REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
        rlimit const small{5000, before.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
        byte_vector const bytes(3000, std::byte{7});
        auto const        first = f->write_at(0, bytes), second = f->write_at(3000, bytes), third = f->resize(9000);
        auto const        size = f->size();
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
        CHECK(first);
        REQUIRE_FALSE(second);
        CHECK(second.error().kind == errc::full);
        CHECK(second.error().message.find("cannot write 1000 bytes at offset 5000 of '" + path + "': File too large") ==
              0);
        CHECK_FALSE(third);
        CHECK(*size == 5000);
    }
    SUBCASE("the full device is full") {
        if (auto full = fs.open("/dev/full", open_mode::read_write)) {
            auto const done = full->write_at(0, as_bytes("x"));
            REQUIRE_FALSE(done);
            CHECK(done.error().kind == errc::full);
            CHECK(done.error().message ==
                  "cannot write 1 bytes at offset 0 of '/dev/full': No space left on device; free space on that disk");
        }
    }
    SUBCASE("a directory is no file") {
        auto const opened = fs.open(dir.path, open_mode::read_only);
        REQUIRE_FALSE(opened);
        CHECK(opened.error().message == "cannot open '" + dir.path + "': Is a directory");
    }
    SUBCASE("a missing directory is named") {
        auto const opened = fs.open(dir.path + "/no/x", open_mode::create);
        REQUIRE_FALSE(opened);
        CHECK(opened.error().kind == errc::not_found);
        CHECK(opened.error().message ==
              "cannot make '" + dir.path + "/no/x': there is no directory '" + dir.path + "/no'; make it first");
    }
    SUBCASE("a file without permission says so") {
        if (::geteuid() != 0) {
            REQUIRE(::chmod(path.c_str(), 0) == 0);
            auto const opened = fs.open(path, open_mode::read_write);
            REQUIRE_FALSE(opened);
            CHECK(opened.error().kind == errc::io);
            CHECK(opened.error().message.find("Permission denied; check the permissions") != std::string::npos);
        }
    }
}

TEST_CASE("a file with holes is not mapped: a store into a hole of a full disk would end the process") {
    temporary_directory const here;
    posix_files               fs;
    auto const                path = here.path + "/f";
    {
        auto f = fs.open(path, open_mode::create);
        REQUIRE(f);
        REQUIRE(f->resize(1 << 20));
        REQUIRE(f->write_at(0, byte_vector(4096)));
    }
    auto const mapped = fs.open_mapped(path);
    REQUIRE(mapped);
    CHECK(mapped->mode() == write_mode::cached);
    byte_vector const whole(1 << 20, std::byte{'w'});
    auto              filled = fs.open_mapped(path);
    REQUIRE(filled);
    CHECK(filled->write_at(0, whole));
    auto again = fs.open_mapped(path);
    REQUIRE(again);
    bool may = false;
#if defined(__linux__)
    struct statfs where{};
    REQUIRE(::statfs(path.c_str(), &where) == 0);
    may = where.f_type == 0xEF53 || where.f_type == 0x01021994;  // ext4, tmpfs
#endif
    CHECK(again->mode() == (may ? write_mode::mapped : write_mode::cached));
    CHECK(again->write_at(4095, as_bytes("xyz")));
    byte_vector got(1 << 20);
    REQUIRE(*fs.open(path, open_mode::read_only)->read_at(0, got) == got.size());
    CHECK(as_chars(byte_view(got).subspan(4094, 5)) == "wxyzw");
}

TEST_CASE("threads write and read disjoint parts of one file at once") {
    temporary_directory const dir;
    auto                      f = posix_files{}.open(dir.path + "/x", open_mode::create);
    REQUIRE(f);
    std::vector<std::thread> threads;
    std::atomic<int>         wrong{0};
    for (unsigned t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            byte_vector const mine(1000, static_cast<std::byte>(t + 1));
            byte_vector       got(1000);
            for (std::uint64_t i = 0; i < 50; ++i) {
                auto const at = (i * 4 + t) * 1000;
                if (!f->write_at(at, mine) || !f->read_at(at, got) || got != mine) ++wrong;
            }
        });
    for (auto& t : threads) t.join();
    CHECK(wrong == 0);
    CHECK(*f->size() == 200'000);
}

TEST_CASE("descriptors close with their files and do not leak into child programs") {
    temporary_directory const dir;
    posix_files               fs;
    int                       fd = -1;
    {
        auto f = fs.open(dir.path + "/x", open_mode::create);
        REQUIRE(f);
        fd = f->descriptor();
        CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        auto g = *std::move(f);
        CHECK(g.descriptor() == fd);
    }
    CHECK(::fcntl(fd, F_GETFD) == -1);
}
