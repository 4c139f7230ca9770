// SPDX-License-Identifier: Apache-2.0
#include "tenon/core/prng.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/file/simulated.hpp"
#include "tenon/page_store/checksummed.hpp"
#include "tenon/page_store/file.hpp"

#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace tenon;

namespace {

using store_type   = file_store<>::store<memory_files>;
using checked_type = checksummed<file_store<>>::store<memory_files>;

store_options signed_as(std::string signature) {
    store_options o;
    o.signature = std::move(signature);
    return o;
}

byte_vector contents(memory_files fs, std::string const& path) {
    auto        f = fs.open(path, open_mode::read_only);
    byte_vector out(static_cast<std::size_t>(f->size().value()));
    REQUIRE(f->read_at(0, out).value() == out.size());
    return out;
}

memory_files world_with(byte_view bytes) {
    memory_files fs;
    auto         f = fs.open("x", open_mode::create);
    REQUIRE(f->write_at(0, bytes));
    return fs;
}

constexpr std::uint32_t crc_of_header = 0xaf65745a,
                        crc_of_proof  = 0xcbc078f0;  // as docs/formats/page_file.md shows them

/// A file with two published roots: "first" (generation 1) and "second" (generation 2) over one extent "payload".
template <class Store>
byte_vector small_file(extent& where) {
    memory_files fs;
    {
        auto s = Store::open(fs, "x", signed_as("places/1"));
        REQUIRE(s);
        where = s->write(as_bytes("payload")).value();
        REQUIRE(s->publish(as_bytes("first")));
        REQUIRE(s->publish(as_bytes("second")));
    }
    return contents(fs, "x");
}

}  // namespace

TEST_CASE("the bytes of a page file are those that its format page shows") {
    extent     e;
    auto const bytes = small_file<store_type>(e);
    CHECK(as_chars(byte_view(bytes).first(8)) == "tenon.pg");
    CHECK(load<std::uint32_t>(bytes.data() + 8) == 2);
    CHECK(load<std::uint32_t>(bytes.data() + 12) == 4096);
    CHECK(load<std::uint32_t>(bytes.data() + 16) == 8);
    CHECK(as_chars(byte_view(bytes).subspan(32, 8)) == "places/1");
    CHECK(load<std::uint32_t>(bytes.data() + 4092) == crc32c(byte_view(bytes).first(4092)));
    for (std::size_t at : {4096u, 6144u}) {  // generation 2 is even: page 1, twice
        CHECK(as_chars(byte_view(bytes).subspan(at, 8)) == "tenon.rt");
        CHECK(load<std::uint64_t>(bytes.data() + at + 8) == 2);
        CHECK(load<std::uint64_t>(bytes.data() + at + 16) == 24576);
        CHECK(load<std::uint64_t>(bytes.data() + at + 24) == 6);
        CHECK(load<std::uint32_t>(bytes.data() + at + 32) == crc32c(as_bytes("second")));
        CHECK(load<std::uint32_t>(bytes.data() + at + 60) == crc32c(byte_view(bytes).subspan(at, 60)));
    }
    CHECK(as_chars(byte_view(bytes).subspan(5120, 8)) == "tenon.ok");  // the same once more, after the sync
    CHECK(as_chars(byte_view(bytes).subspan(5128, 52)) == as_chars(byte_view(bytes).subspan(4104, 52)));
    CHECK(load<std::uint32_t>(bytes.data() + 5120 + 60) == crc32c(byte_view(bytes).subspan(5120, 60)));
    CHECK(load<std::uint32_t>(bytes.data() + 4092) == crc_of_header);
    CHECK(load<std::uint32_t>(bytes.data() + 5120 + 60) == crc_of_proof);
    CHECK(load<std::uint32_t>(bytes.data() + 4096 + 32) == 0x7afd9428);
    CHECK(load<std::uint32_t>(bytes.data() + 4096 + 60) == 0x9bdf094b);
    CHECK(load<std::uint64_t>(bytes.data() + 8192 + 8) == 1);
    CHECK(e == extent{16384, 7});
    CHECK(as_chars(byte_view(bytes).subspan(16384, 7)) == "payload");
    CHECK(as_chars(byte_view(bytes).subspan(20480, 5)) == "first");
    CHECK(as_chars(byte_view(bytes).subspan(24576, 6)) == "second");
}

TEST_CASE("a flipped bit in the first 16 KiB is an error or changes nothing") {
    extent        e;
    auto const    good   = small_file<store_type>(e);
    std::uint64_t errors = 0, fine = 0;
    prng          random(7);
    for (std::size_t at = 0; at < 16384; at += at % 2048 < 80 ? 1 : 37) {
        auto bytes = good;
        bytes[at] ^= static_cast<std::byte>(1u << random.below(8));
        auto fs = world_with(bytes);
        auto s  = store_type::open(fs, "x", signed_as("places/1"));
        INFO("byte ", at);
        if (at < 4096) {
            CHECK(!s);
        } else {
            REQUIRE(s);
            CHECK(as_chars(s->root()) == "second");  // each slot stands twice in its page
            CHECK(s->retain(std::vector<extent>{e}));
            CHECK(as_chars(s->read(e)->bytes()) == "payload");
        }
        (s ? fine : errors) += 1;
    }
    CHECK(errors > 0);
    CHECK(fine > 0);
}

TEST_CASE("a slot that is damaged in both copies gives way to the other, and two of them are an error that says so") {
    extent e;
    auto   bytes = small_file<store_type>(e);
    bytes[4096 + 9] ^= std::byte{1};
    bytes[6144 + 9] ^= std::byte{1};
    {
        auto fs = world_with(bytes);
        auto s  = store_type::open(fs, "x", signed_as("places/1"));
        REQUIRE(s);
        CHECK(as_chars(s->root()) == "first");
        CHECK(s->stats().generation == 1);
    }
    bytes[8192 + 20] ^= std::byte{1};
    bytes[10240 + 20] ^= std::byte{1};
    auto fs = world_with(bytes);
    auto s  = store_type::open(fs, "x", signed_as("places/1"));
    REQUIRE(!s);
    CHECK(s.error().kind == errc::corrupt);
    CHECK(s.error().message.find("both root slots") != std::string::npos);
}

TEST_CASE("the first root that is damaged does not open as an empty store") {
    memory_files fs;
    {
        auto s = store_type::open(fs, "x", {});
        REQUIRE(s->publish(as_bytes("only")));
    }
    auto bytes = contents(fs, "x");
    bytes[8192] ^= std::byte{4};
    bytes[10240] ^= std::byte{4};
    auto hurt = world_with(bytes);
    auto s    = store_type::open(hurt, "x", {});
    REQUIRE(!s);
    CHECK(s.error().kind == errc::corrupt);
}

TEST_CASE("a file cut at any length is an error, or whole as far as its root goes") {
    extent     e;
    auto const good = small_file<store_type>(e);
    for (std::size_t n = 0; n < 30'000; n += n < 64 ? 1 : 211) {
        auto fs = world_with(byte_view(good).first(n));
        auto s  = store_type::open(fs, "x", signed_as("places/1"));
        INFO("cut to ", n);
        CHECK(s.has_value() == (n >= 24576 + 6));
        if (!s) {
            CHECK((s.error().kind == (n < 8 ? errc::not_ours : errc::corrupt)));
            CHECK(contents(fs, "x").size() == n);  // a refused file is left alone
        } else {
            CHECK(s->retain(std::vector<extent>{e}));
            auto const more = s->write(byte_vector(9000));
            REQUIRE(more);
            CHECK(s->read(*more));
        }
    }
}

TEST_CASE("random bytes are not a page file") {
    prng random(3);
    for (int i = 0; i < 200; ++i) {
        byte_vector bytes(static_cast<std::size_t>(random.below(40'000)));
        for (auto& b : bytes) b = static_cast<std::byte>(random());
        if (i % 2 == 1 && bytes.size() > 8) std::memcpy(bytes.data(), "tenon.pg", 8);
        auto fs = world_with(bytes);
        CHECK(!store_type::open(fs, "x", {}));
    }
}

TEST_CASE("retain refuses extents that overlap or leave the file") {
    extent     e;
    auto       fs       = world_with(small_file<store_type>(e));
    auto       s        = store_type::open(fs, "x", signed_as("places/1"));
    auto const retained = [&](std::vector<extent> es) { return s->retain(es).has_value(); };
    CHECK(!retained({e, e}));
    CHECK(!retained({{16384, 9000}}));  // reaches into the root
    CHECK(!retained({{24576, 1}}));     // is the root
    CHECK(!retained({{16385, 1}}));
    CHECK(!retained({{4096, 1}}));
    CHECK(!retained({{16384, ~std::uint64_t{0}}}));
    CHECK(!retained({{s->stats().file_bytes, 0}}));
    CHECK(retained({e}));
    CHECK(s->verify());
}

TEST_CASE(
    "every flipped bit of a checksummed extent is found, and stores with and without checksums refuse each other") {
    extent     e;
    auto const good = small_file<checked_type>(e);
    CHECK(e.check == crc32c(as_bytes("payload")));
    CHECK(e.check == 0xf4e36970);  // as docs/formats/checksummed_extent.md shows it
    for (std::size_t bit = 0; bit < 7 * 8; ++bit) {
        auto bytes = good;
        bytes[16384 + bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        auto fs = world_with(bytes);
        auto s  = checked_type::open(fs, "x", signed_as("places/1"));
        REQUIRE(s);
        REQUIRE(s->retain(std::vector<extent>{e}));
        auto const seen = s->read(e);
        REQUIRE(!seen);
        CHECK(seen.error().kind == errc::corrupt);
        CHECK(!s->verify());
    }
    auto fs = world_with(good);
    {
        auto s = checked_type::open(fs, "x", signed_as("places/1"));
        CHECK(as_chars(s->root()) == "second");
        CHECK(as_chars(s->read(e)->bytes()) == "payload");
        CHECK(!s->read({16384, 6, e.check}));
        CHECK(!s->read({16384, 8, e.check}));
        CHECK(!s->read({16384, 7, e.check ^ 1}));
        CHECK(!s->read({16384, ~std::uint64_t{0}, e.check}));
    }
    auto plain = store_type::open(fs, "x", signed_as("places/1"));
    REQUIRE(!plain);
    CHECK(plain.error().kind == errc::wrong_assembly);
}

TEST_CASE("an extent that the disk wrote elsewhere, or did not write, is found though its bytes are whole") {
    memory_files fs;
    auto         s      = checked_type::open(fs, "x", {});
    auto const   before = s->write(as_bytes("version one"));
    auto const   image  = contents(fs, "x");
    s->release(*before);
    auto const after = s->write(as_bytes("version two"));
    REQUIRE(after->offset == before->offset);
    auto const other = s->write(as_bytes("another one"));
    auto       f     = fs.open("x", open_mode::read_write);
    CHECK(s->read(*after));
    CHECK(!s->read(*before));  // whoever kept the old reference reads no new bytes under it
    auto const put_old = [&](std::uint64_t from, std::uint64_t to) {
        REQUIRE(f->write_at(to, byte_view(image).subspan(static_cast<std::size_t>(from), 11)));
    };
    put_old(before->offset, after->offset);  // lost: the disk still has what was there
    auto stale = s->read(*after);
    REQUIRE(!stale);
    CHECK(stale.error().kind == errc::corrupt);
    put_old(before->offset, other->offset);  // misdirected: it fell upon another extent
    CHECK(!s->read(*other));
    CHECK(!s->verify());
}

TEST_CASE("a root whose slot was proven durable is taken without a sync, one without proof is made durable first") {
    using disk_store = file_store<>::store<simulated_files>;
    simulated_files disk;
    REQUIRE(disk_store::open(disk, "x", {})->publish(as_bytes("first")));
    auto const before = disk.operations();
    {
        auto s = disk_store::open(disk, "x", {});
        CHECK(as_chars(s->root()) == "first");
    }
    CHECK(disk.operations() == before);
    auto lost = disk.after_power_loss(simulated_files::kept::nothing);  // the proof was not synced
    CHECK(as_chars(disk_store::open(lost, "x", {})->root()) == "first");
    CHECK(lost.operations() > 0);
}

TEST_CASE("a slot is synced before its proof is written") {
    using disk_store = file_store<>::store<simulated_files>;
    simulated_files disk;
    auto            s = disk_store::open(disk, "x", {});
    REQUIRE(s->publish(as_bytes("first")));
    auto const n    = disk.operations();
    auto const does = [&](std::uint64_t which, char const* what) {
        INFO(disk.operation_text(which));
        CHECK(disk.operation_text(which).find(what) != std::string::npos);
    };
    does(n - 4, "write 'x' 5 bytes");
    does(n - 3, "sync 'x'");
    does(n - 2, "write 'x' 4096 bytes at offset 8192");
    does(n - 1, "sync 'x'");
    does(n, "write 'x' 64 bytes at offset 9216");
}

TEST_CASE("a root that a killed process wrote and did not sync is durable once it was taken") {
    using disk_store = file_store<>::store<simulated_files>;
    simulated_files disk;
    {
        auto s = disk_store::open(disk, "x", {});
        REQUIRE(s->publish(as_bytes("first")));
        REQUIRE(s->publish(as_bytes("second")));
    }
    for (std::uint32_t const wrong : {1u, 0u}) {
        auto       f    = disk.open("x", open_mode::read_write);
        auto const slot = detail::pages::encode_slot({3, {16384, 5}, crc32c(as_bytes("first")) ^ wrong});
        REQUIRE(f->write_at(detail::pages::slot_offset(3), slot));  // and the process dies here
        if (wrong != 0) CHECK(!disk_store::open(disk, "x", {}));    // the payload is not what the slot says
    }
    REQUIRE(disk_store::open(disk, "x", {})->stats().generation == 3);
    auto lost = disk.after_power_loss(simulated_files::kept::nothing);
    auto s    = disk_store::open(lost, "x", {});
    REQUIRE(s);
    CHECK(s->stats().generation == 3);
    CHECK(as_chars(s->root()) == "first");
}
