// SPDX-License-Identifier: Apache-2.0
// Roots that were damaged, went to the wrong place, or did not reach the medium.
#include "tenon/core/bytes.hpp"
#include "tenon/file/faulty.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/page_store/file.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <new>
#include <string>
#include <utility>

using namespace tenon;

namespace {

using store_type = file_store<>::store<memory_files>;
store_options const options{"roots", true, false};

void publish(memory_files fs, std::string const& root) {
    auto s = store_type::open(fs, "x", options);
    REQUIRE(s);
    REQUIRE(s->retain({}));
    REQUIRE(s->publish(as_bytes(root)));
}
byte_vector page(memory_files fs, std::uint64_t at, std::size_t n = 4096) {
    byte_vector out(n);
    REQUIRE(*fs.open("x", open_mode::read_only)->read_at(at, out) == n);
    return out;
}
void put_page(memory_files fs, std::uint64_t at, byte_view bytes) {
    REQUIRE(fs.open("x", open_mode::read_write)->write_at(at, bytes));
}

/// Memory whose n-th sync from now on finds none to tell of its error.
struct forgetful_files : memory_files {
    struct file : memory_files::file {
        std::shared_ptr<int> left;
        file(memory_files::file f, std::shared_ptr<int> n) : memory_files::file(std::move(f)), left(std::move(n)) {}
        result<void> sync() {
            if (--*left == 0) throw std::bad_alloc();
            return memory_files::file::sync();
        }
    };
    std::shared_ptr<int> left = std::make_shared<int>(0);

    result<file> open(std::string const& path, open_mode mode) {
        auto opened = memory_files::open(path, mode);
        if (!opened) return fail(std::move(opened).error());
        return file(std::move(*opened), left);
    }
};

}  // namespace

TEST_CASE("a root whose bytes were changed is refused, also without checksums over extents") {
    memory_files      fs;
    std::string const text(300, 'r');
    publish(fs, text);
    auto const          all = page(fs, 0, static_cast<std::size_t>(*fs.open("x", open_mode::read_only)->size()));
    std::uint64_t const at  = as_chars(byte_view(all)).find(text);
    REQUIRE(at < all.size());
    for (std::uint64_t i = 0; i < text.size(); ++i) {
        auto byte = page(fs, at + i, 1);
        byte[0] ^= std::byte{4};
        put_page(fs, at + i, byte);
        auto const s = store_type::open(fs, "x", options);
        REQUIRE_FALSE(s);
        CHECK(s.error().kind == errc::corrupt);
        byte[0] ^= std::byte{4};
        put_page(fs, at + i, byte);
    }
    CHECK(store_type::open(fs, "x", options));
}

TEST_CASE("a slot that was written over the other one leaves the newest root") {
    memory_files fs;
    for (auto const* root : {"one", "two", "three"}) publish(fs, root);
    auto const first = page(fs, 4096), second = page(fs, 8192);
    put_page(fs, 4096, second);  // generation 3 belongs into the second page
    {
        auto s = store_type::open(fs, "x", options);
        REQUIRE_MESSAGE(s, s.error().message);
        CHECK(as_chars(s->root()) == "three");
    }
    put_page(fs, 4096, first);
    put_page(fs, 8192, first);
    auto s = store_type::open(fs, "x", options);
    REQUIRE_MESSAGE(s, s.error().message);
    CHECK(as_chars(s->root()) == "two");
}

TEST_CASE("after a failed sync a store takes no write and no root until it is opened again") {
    for (std::uint64_t const which : {1u, 2u}) {  // of the extents, of the slot
        CAPTURE(which);
        memory_files         disk;
        faulty<memory_files> fs(disk);
        {
            auto s = file_store<>::store<faulty<memory_files>>::open(fs, "x", options);
            REQUIRE(s);
            REQUIRE(s->retain({}));
            REQUIRE(s->publish(as_bytes(std::string("kept"))));
            fs.faults().fail_nth(file_call::sync, which);
            auto const failed = s->publish(as_bytes(std::string("lost")));
            REQUIRE_FALSE(failed);
            CHECK(failed.error().kind == errc::io);
            CHECK(s->write(as_bytes(std::string("more"))).error().kind == errc::poisoned);
            CHECK(s->publish(as_bytes(std::string("more"))).error().kind == errc::poisoned);
            CHECK(as_chars(s->root()) == "kept");
        }
        auto again = store_type::open(disk, "x", options);
        REQUIRE(again);
        auto const root = as_chars(again->root()) == "kept" || as_chars(again->root()) == "lost";
        CHECK(root);
        CHECK(again->publish(as_bytes(std::string("more"))));
    }
}

TEST_CASE("so it does when a sync found no memory to say that it has failed") {
    for (int const which : {1, 2}) {  // of the extents, of the slot
        CAPTURE(which);
        forgetful_files fs;
        auto            s = file_store<>::store<forgetful_files>::open(fs, "x", options);
        REQUIRE(s);
        REQUIRE(s->retain({}));
        REQUIRE(s->publish(as_bytes(std::string("kept"))));
        *fs.left = which;
        CHECK_THROWS_AS((void)s->publish(as_bytes(std::string("lost"))), std::bad_alloc);
        CHECK(s->write(as_bytes(std::string("more"))).error().kind == errc::poisoned);
        CHECK(s->publish(as_bytes(std::string("more"))).error().kind == errc::poisoned);
        CHECK(as_chars(s->root()) == "kept");
    }
}
