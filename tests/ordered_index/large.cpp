// SPDX-License-Identifier: Apache-2.0
// More than 2^32 keys: one page of memory for each of a few values, mapped over and over, so that they cost no memory.
#include "policies.hpp"

#include "tenon/ordered_index/concept.hpp"
#include "tenon/testing/hostile_bytes.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using u64 = std::uint64_t;

constexpr u64 block = u64{16} << 20, blocks = 256, tail = 1000;  // 2^32 + 1000 keys

/// 2^32 keys in blocks of one value each, but for two blocks with a border inside, and 1,000 keys of ascending values behind them.
class many_keys {
public:
    many_keys() {
        auto* const all = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (all == MAP_FAILED) return;
        data_ = static_cast<std::uint8_t*>(all);
        for (u64 i = 0; i < blocks; ++i)
            if (!put(i, value_of(i))) return;
        // A border in the middle of a block, near the end of the first 2^31 and 2^32 keys.
        for (u64 i : {u64{127}, u64{255}}) {
            if (!own(i * block, block)) return;
            std::memset(data_ + i * block, value_of(i), block - 12'345);
            std::memset(data_ + (i + 1) * block - 12'345, value_of(i) + 1, 12'345);
        }
        if (!own(blocks * block, bytes - blocks * block)) return;
        for (u64 i = 0; i < tail; ++i) data_[blocks * block + i] = static_cast<std::uint8_t>(200 + i * 55 / (tail - 1));
        ready_ = true;
    }
    many_keys(many_keys const&)            = delete;
    many_keys& operator=(many_keys const&) = delete;
    ~many_keys() {
        if (data_ != nullptr) ::munmap(data_, bytes);
        for (int f : files_) ::close(f);
    }
    bool                          ready() const { return ready_; }
    std::span<std::uint8_t const> keys() const { return {data_, blocks * block + tail}; }

private:
    static constexpr std::size_t bytes = blocks * block + 4096;

    /// 0 twice as often as others, gaps, and 190 at the end.
    static std::uint8_t value_of(u64 i) { return static_cast<std::uint8_t>(i < 16 ? 0 : i / 8 * 6); }

    bool own(u64 at, u64 size) {
        return ::mmap(data_ + at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
               MAP_FAILED;
    }
    /// Block i: a file of one block in memory, shared by all blocks of the value.
    bool put(u64 i, std::uint8_t value) {
        if (i == 0 || value != value_of(i - 1)) {
            int const file = ::memfd_create("tenon_many_keys", 0);
            if (file < 0) return false;
            files_.push_back(file);
            std::vector<char> const content(block, static_cast<char>(value));
            if (::write(file, content.data(), block) != static_cast<ssize_t>(block)) return false;
        }
        return ::mmap(data_ + i * block, block, PROT_READ, MAP_SHARED | MAP_FIXED, files_.back(), 0) != MAP_FAILED;
    }

    std::uint8_t*    data_ = nullptr;
    std::vector<int> files_;
    bool             ready_ = false;
};

u64 status_bytes(char const* field) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(field)) return std::strtoull(line.c_str() + std::strlen(field) + 1, nullptr, 10) * 1024;
    return 0;
}

/// Lets the process map `more` bytes beyond what it has.
class address_limit {
public:
    explicit address_limit(u64 more) {
        ::getrlimit(RLIMIT_AS, &before_);
        auto limit     = before_;
        limit.rlim_cur = std::min<rlim_t>(before_.rlim_max, status_bytes("VmSize:") + more);
        ::setrlimit(RLIMIT_AS, &limit);
    }
    address_limit(address_limit const&)            = delete;
    address_limit& operator=(address_limit const&) = delete;
    ~address_limit() { ::setrlimit(RLIMIT_AS, &before_); }

private:
    rlimit before_{};
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

}  // namespace

TEST_CASE_TEMPLATE("positions above 2^32 come out right, and building takes less than a byte a key", Policy,
                   TENON_POSITION_INDEXES) {
    if (std::getenv("TENON_TEST_ALL") == nullptr || sanitized) {
        MESSAGE("skipped: needs TENON_TEST_ALL=1 and no sanitizer");
        return;
    }
    many_keys const made;
    if (!made.ready()) {
        MESSAGE("skipped: the system does not map 4 GiB of shared pages");
        return;
    }
    auto const                                       keys = made.keys();
    std::optional<tenon::result<tenon::byte_vector>> model;
    try {
        address_limit const limit(keys.size());
        model.emplace(Policy::template build<std::uint8_t>(keys));
    } catch (std::bad_alloc const&) { FAIL("build asked for more than a byte a key"); }
    REQUIRE_MESSAGE(*model, (*model ? "" : model->error().message));
    CHECK((*model)->size() < keys.size() / 8 * 5);
    tenon::testing::aligned_copy const bytes(**model);
    auto const                         view = Policy::template view<std::uint8_t>::open(bytes.view(), keys);
    REQUIRE_MESSAGE(view, (view ? "" : view.error().message));
    CHECK(view->size() == (u64{1} << 32) + 1000);

    std::vector<std::uint8_t> ask;
    std::vector<u64>          expected, out(256);
    for (unsigned k = 0; k < 256; ++k) {
        ask.push_back(static_cast<std::uint8_t>(k));
        auto const first = std::lower_bound(keys.begin(), keys.end(), ask.back());
        auto const last  = std::upper_bound(first, keys.end(), ask.back());
        auto const lower = static_cast<u64>(first - keys.begin()), upper = static_cast<u64>(last - keys.begin());
        CAPTURE(k);
        expected.push_back(lower);
        CHECK(view->lower_bound(ask.back()) == lower);
        CHECK(view->upper_bound(ask.back()) == upper);
        CHECK(view->equal_range(ask.back()) == tenon::position_range{lower, upper});
        CHECK(view->count(ask.back()) == upper - lower);
        CHECK(view->find(ask.back()) == (lower < upper ? lower : keys.size()));
        auto const window = view->window(ask.back());
        CHECK(window.first <= lower);
        CHECK(lower < window.last);
    }
    CHECK(expected.back() > u64{1} << 32);
    view->batch(ask, out);
    CHECK(out == expected);
}

#endif
