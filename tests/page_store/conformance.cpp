// SPDX-License-Identifier: Apache-2.0
#include "tenon/file/archetype.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/file/simulated.hpp"
#include "tenon/page_store/archetype.hpp"
#include "tenon/page_store/buffered.hpp"
#include "tenon/page_store/checksummed.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/page_store/memory.hpp"
#include "tenon/page_store/mmap.hpp"
#include "tenon/testing/page_store.hpp"

#include <string>

#include "scratch_directory.hpp"

#include <doctest/doctest.h>

using namespace tenon;

namespace {

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

/// Policy, with all extents written past the page cache.
template <class Policy>
struct direct : Policy {
    template <class FS>
    struct store : Policy::template store<FS> {
        using base = typename Policy::template store<FS>;
        explicit store(base b) : base(std::move(b)) {}
        static result<store> open(FS fs, std::string const& path, store_options options) {
            options.direct_bytes = 0;
            auto opened          = base::open(std::move(fs), path, options);
            if (!opened) return fail(std::move(opened.error()));
            return store(std::move(*opened));
        }
    };
};

template <class Policy>
void survives_crashes(unsigned seeds) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        testing::report r;
        testing::check_page_store_crashes<Policy, simulated_files>(seed, r);
        INFO(r.text());
        CHECK(r.passed());
    }
}

using small_mmap = mmap_store<(1 << 21), 4096>;  // grows often, is mapped again and again

static_assert(page_store_policy<memory_store, archetype::file_policy>);
static_assert(page_store_policy<file_store<>, archetype::file_policy>);
static_assert(page_store_policy<mmap_store<>, posix_files>);
static_assert(page_store_policy<checksummed<mmap_store<>>, posix_files>);
static_assert(page_store_policy<checksummed<archetype::page_store_policy>, archetype::file_policy>);
static_assert(mmap_store<>::fits<posix_files> && !mmap_store<>::fits<memory_files>);
static_assert(file_store<>::format == mmap_store<>::format);
static_assert(checksummed<mmap_store<>>::format == "tenon.pages/2+crc32c/2");
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

TEST_CASE("a buffered store keeps the axioms of the one below") {
    conforms<buffered<(1 << 20)>>(memory_files{}, "", 2);
    conforms<buffered<(1 << 20), file_store<4096>>>(memory_files{}, "", 2);
    conforms<buffered<(32 << 20), memory_store>>(memory_files{}, "", 2);
}

TEST_CASE("a store that writes past the page cache keeps the axioms") {
    conforms<direct<file_store<4096>>>(memory_files{}, "", 1);
    conforms<direct<file_store<4096>>>(simulated_files{}, "", 2);
    scratch_directory const here;
    conforms<direct<small_mmap>>(posix_files{}, here.path, 2);
}

TEST_CASE("after power loss at any operation the root is the old or the new one and all it lists reads back") {
    survives_crashes<file_store<4096>>(1);
    survives_crashes<direct<file_store<4096>>>(1);
    survives_crashes<buffered<(1 << 20), checksummed<file_store<4096>>>>(1);
}
