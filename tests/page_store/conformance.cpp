// SPDX-License-Identifier: Apache-2.0
#include "tenon/file/archetype.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/file/simulated.hpp"
#include "tenon/page_store/archetype.hpp"
#include "tenon/page_store/checksummed.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/page_store/memory.hpp"
#include "tenon/page_store/mmap.hpp"
#include "tenon/testing/page_store.hpp"

#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

#include <unistd.h>

using namespace tenon;

namespace {

/// A directory of the operating system, gone with the object.
struct scratch_directory {
    std::string path;
    scratch_directory() {
        auto const* tmp = std::getenv("TMPDIR");
        path            = std::string(tmp != nullptr ? tmp : "/tmp") + "/tenon_page_store_XXXXXX";
        REQUIRE(::mkdtemp(path.data()) != nullptr);
    }
    scratch_directory(scratch_directory const&)            = delete;
    scratch_directory& operator=(scratch_directory const&) = delete;
    ~scratch_directory() {
        posix_files fs;
        if (auto names = fs.list(path))
            for (auto const& name : *names) (void)fs.remove(path + "/" + name);
        ::rmdir(path.c_str());
    }
};

template <class Policy, class FS>
void conforms(FS fs, std::string const& directory, unsigned seeds) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        testing::report r;
        testing::check_page_store<Policy>(fs, directory + "/" + std::to_string(seed) + ".tenon", seed, r);
        INFO(r.text());
        CHECK(r.passed());
        CHECK(r.checks() > 300);
    }
}

template <class Policy>
void survives_crashes(unsigned seeds) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        testing::report r;
        testing::check_page_store_crashes<Policy, simulated_files>(seed, r);
        INFO(r.text());
        CHECK(r.passed());
    }
}

using small_mmap = mmap_store<(1 << 26), 4096>;  // grows often, reserves little

static_assert(page_store_policy<memory_store, archetype::file_policy>);
static_assert(page_store_policy<file_store<>, archetype::file_policy>);
static_assert(page_store_policy<mmap_store<>, posix_files>);
static_assert(page_store_policy<checksummed<mmap_store<>>, posix_files>);
static_assert(page_store_policy<checksummed<archetype::page_store_policy>, archetype::file_policy>);
static_assert(mmap_store<>::fits<posix_files> && !mmap_store<>::fits<memory_files>);
static_assert(file_store<>::format == mmap_store<>::format);
static_assert(checksummed<mmap_store<>>::format == "tenon.pages/1+crc32c");
static_assert(checksummed<file_store<>>::name == "checksummed file_store");

}  // namespace

TEST_CASE("a memory store keeps the axioms") {
    conforms<memory_store>(memory_files{}, "", 4);
    conforms<checksummed<memory_store>>(memory_files{}, "", 2);
}

TEST_CASE("a file store keeps the axioms on every file system") {
    conforms<file_store<>>(memory_files{}, "", 2);
    conforms<file_store<4096>>(simulated_files{}, "", 2);
    scratch_directory const here;
    conforms<file_store<>>(posix_files{}, here.path, 2);
}

TEST_CASE("an mmap store keeps the axioms") {
    scratch_directory const here;
    conforms<mmap_store<>>(posix_files{}, here.path, 2);
    scratch_directory const there;
    conforms<small_mmap>(posix_files{}, there.path, 4);
}

TEST_CASE("a checksummed store keeps the axioms of the one below") {
    conforms<checksummed<file_store<>>>(memory_files{}, "", 2);
    scratch_directory const here;
    conforms<checksummed<small_mmap>>(posix_files{}, here.path, 2);
}

TEST_CASE("after power loss at any operation the root is the old or the new one and all it lists reads back") {
    survives_crashes<file_store<4096>>(2);
    survives_crashes<checksummed<file_store<4096>>>(1);
}
