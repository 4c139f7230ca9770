// SPDX-License-Identifier: Apache-2.0
#include "tenon/file/faulty.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/file/simulated.hpp"
#include "tenon/testing/file.hpp"

#include "temporary_directory.hpp"

#include <doctest/doctest.h>

using namespace tenon;

namespace {

template <class FS>
void conforms(FS fs, std::string const& directory) {
    for (std::uint64_t const seed : {1u, 2u, 3u}) {
        auto const here = directory + "/" + std::to_string(seed);
        REQUIRE(fs.make_directory(here));
        testing::report r;
        testing::check_file_system(fs, here, seed, r);
        CAPTURE(seed);
        CHECK_MESSAGE(r.passed(), r.text());
        CHECK(r.checks() > 2000);
    }
}

/// A file system with one bug, to see that the suite notices.
struct broken_files : memory_files {
    struct file : memory_files::file {
        file(memory_files::file f, int b) : memory_files::file(std::move(f)), bug(b) {}
        result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const {
            if (bug == 1 && !to.empty() && offset > 64) to.back() = std::byte{0};
            return memory_files::file::read_at(offset, to);
        }
        result<void> lock() { return bug == 2 ? result<void>() : memory_files::file::lock(); }
        result<void> resize(std::uint64_t n) { return memory_files::file::resize(bug == 3 ? n / 2 * 2 : n); }
        int          bug;
    };
    result<file> open(std::string const& path, open_mode mode) {
        auto f = memory_files::open(path, bug == 4 && mode == open_mode::read_write ? open_mode::create : mode);
        if (!f) return fail(f.error());
        return file(*std::move(f), bug);
    }
    result<void> rename(std::string const& from, std::string const& to) {
        if (auto e = exists(to); bug == 5 && e && *e) return fail(errc::exists, "will not replace");
        return memory_files::rename(from, to);
    }
    int bug = 0;
};

bool suite_passes(int bug) {
    broken_files fs;
    fs.bug = bug;
    REQUIRE(fs.make_directory("d"));
    testing::report r;
    testing::check_file_system(fs, "d", 1, r);
    return r.passed();
}

}  // namespace

TEST_CASE("posix files keep the axioms of the axis") {
    temporary_directory const dir;
    conforms(posix_files{}, dir.path);
}

TEST_CASE("memory files keep the axioms of the axis") {
    memory_files fs;
    REQUIRE(fs.make_directory("d"));
    conforms(fs, "d");
    REQUIRE(fs.make_directory("/e/"));
    conforms(fs, "/e");
}

TEST_CASE("simulated files keep the axioms of the axis while the power is on") {
    simulated_files fs;
    REQUIRE(fs.make_directory("d"));
    conforms(fs, "d");
}

TEST_CASE("a faulty file system without faults is its base") {
    faulty<memory_files> fs;
    REQUIRE(fs.make_directory("d"));
    conforms(fs, "d");
    temporary_directory const dir;
    CHECK(faulty<posix_files>().open(dir.path + "/x", open_mode::create)->descriptor() >= 0);
}

TEST_CASE("the conformance suite notices a file system with a bug") {
    CHECK(suite_passes(0));
    CHECK_FALSE(suite_passes(1));
    CHECK_FALSE(suite_passes(2));
    CHECK_FALSE(suite_passes(3));
    CHECK_FALSE(suite_passes(4));
    CHECK_FALSE(suite_passes(5));
}

TEST_CASE("a default-constructed memory world is new and its copies share it") {
    memory_files one, two, copy = one;
    REQUIRE(one.open("x", open_mode::create));
    CHECK(*copy.exists("./x"));
    CHECK(*copy.exists("/a/..//x"));
    CHECK_FALSE(*two.exists("x"));
}

TEST_CASE("a memory file that cannot grow says full") {
    memory_files fs;
    auto         f = fs.open("x", open_mode::create);
    REQUIRE(f);
    auto const done = f->resize(std::uint64_t{1} << 50);
    REQUIRE_FALSE(done);
    CHECK(done.error().kind == errc::full);
    CHECK(*f->size() == 0);
}
