// SPDX-License-Identifier: Apache-2.0
#include "tenon/file/faulty.hpp"
#include "tenon/file/memory.hpp"

#include <bit>

#include <doctest/doctest.h>

using namespace tenon;

namespace {

using files = faulty<memory_files>;

/// One call of every kind; false at the first error.
bool touch_everything(files fs) {
    std::byte one[1];
    auto      f = fs.open("x", open_mode::create);
    return f && f->lock() && f->write_at(0, as_bytes("abc")) && f->read_at(0, one) && f->size() && f->resize(2) &&
           f->sync() && fs.make_directory("d") && fs.exists("x") && fs.list(".") && fs.rename("x", "y") &&
           fs.sync_directory(".") && fs.remove("y");
}

}  // namespace

TEST_CASE("each call in turn can be made to fail, once, and the error says what was refused") {
    files whole;
    REQUIRE(touch_everything(whole));
    auto const calls = whole.faults().calls();
    CHECK(calls == 13);
    for (std::uint64_t n = 1; n <= calls; ++n) {
        CAPTURE(n);
        files fs;
        fs.faults().fail_nth(n);
        CHECK_FALSE(touch_everything(fs));
        CHECK(fs.faults().calls() == n);
        CHECK(fs.faults().struck() == 1);
        CHECK(touch_everything(fs));  // struck once
    }
    files fs;
    fs.faults().fail_nth(calls + 1);
    CHECK(touch_everything(fs));
    auto const refused = fs.open("x", open_mode::create);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == errc::io);
    CHECK(refused.error().message == "injected fault: open of 'x' failed");
}

TEST_CASE("faults can be aimed at a kind of call") {
    for (unsigned k = 0; k < 13; ++k) {
        auto const kind = static_cast<file_call>(k);
        CAPTURE(to_string(kind));
        files fs;
        fs.faults().fail_nth(kind, 2, {fault_kind::full});
        CHECK(touch_everything(fs));
        CHECK(fs.faults().calls(kind) == 1);
        CHECK_FALSE(touch_everything(fs));
        CHECK(fs.faults().calls(kind) == 2);
    }
}

TEST_CASE("a full disk stays full until it is cleared, and reads go on") {
    files fs;
    auto  f = fs.open("x", open_mode::create);
    fs.faults().fail_from(file_call::write, 2, {fault_kind::full});
    CHECK(f->write_at(0, as_bytes("abc")));
    for (int i = 0; i < 3; ++i) {
        auto const done = f->write_at(3, as_bytes("def"));
        REQUIRE_FALSE(done);
        CHECK(done.error().kind == errc::full);
    }
    std::byte some[6];
    CHECK(*f->read_at(0, some) == 3);
    fs.faults().clear();
    CHECK(f->write_at(3, as_bytes("def")));
    CHECK(*f->size() == 6);
}

TEST_CASE("a failed call does nothing, a short write does its part") {
    files fs;
    auto  f = fs.open("x", open_mode::create);
    REQUIRE(f->write_at(0, as_bytes("0123456789")));
    fs.faults().fail_nth(1);
    CHECK_FALSE(f->write_at(0, as_bytes("abcdef")));
    fs.faults().fail_nth(1, {fault_kind::short_write, 4});
    auto const done = f->write_at(2, as_bytes("abcdef"));
    REQUIRE_FALSE(done);
    CHECK(done.error().kind == errc::full);
    byte_vector all(10);
    REQUIRE(*f->read_at(0, all) == 10);
    CHECK(as_chars(all) == "01abcd6789");
    fs.faults().fail_nth(1);
    CHECK_FALSE(fs.remove("x"));
    CHECK(*fs.base().exists("x"));
}

TEST_CASE("a flipped bit is reported as success, on read for one read, on write for good") {
    files fs;
    auto  f = fs.open("x", open_mode::create);
    REQUIRE(f->write_at(0, byte_vector(16)));
    auto const ones = [&] {
        byte_vector all(32);
        int         n = 0;
        REQUIRE(*f->read_at(0, all) == 16);
        for (auto const b : all) n += std::popcount(static_cast<unsigned>(b));
        return n;
    };
    fs.faults().fail_nth(file_call::read, 1, {fault_kind::flip_bit, 77});
    CHECK(ones() == 1);
    CHECK(ones() == 0);
    fs.faults().fail_nth(file_call::write, 1, {fault_kind::flip_bit, 123456789});
    CHECK(f->write_at(0, byte_vector(16)));
    CHECK(ones() == 1);
    fs.faults().fail_nth(1, {fault_kind::flip_bit});
    CHECK(f->sync());  // moves no bytes: nothing to flip
}

TEST_CASE("handles, copies and open files share one plan") {
    files fs;
    auto  copy = fs;
    auto  f    = copy.open("x", open_mode::create);
    CHECK(fs.faults().calls() == 1);
    fs.faults().fail_nth(file_call::sync, 1);
    auto moved = *std::move(f);
    CHECK_FALSE(moved.sync());
    CHECK(moved.sync());
    CHECK(copy.faults().struck() == 1);
}
