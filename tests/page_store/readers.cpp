// SPDX-License-Identifier: Apache-2.0
// Read-only openers beside a writer: what their root lists is theirs until they close.
#include "tenon/core/prng.hpp"
#include "tenon/file/faulty.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/page_store/checksummed.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/page_store/mmap.hpp"
#include "tenon/testing/page_store.hpp"

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "scratch_directory.hpp"

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

using namespace tenon;
using testing::detail::page_store_fill;
using testing::detail::page_store_item;
using testing::detail::page_store_items;
using testing::detail::page_store_root;
using testing::detail::page_store_same;

namespace {

store_options reading() {
    store_options o;
    o.read_only = true;
    return o;
}

/// Replaces a part of its extents with each root, as an engine does.
template <class Store>
class churning_writer {
public:
    explicit churning_writer(Store& s) : store_(s) {}

    void publish(prng& random) {
        std::vector<extent> dropped;
        for (std::size_t i = items_.size(); i-- > 0;)
            if (random.below(2) == 0) {
                dropped.push_back(items_[i].where);
                items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(i));
            }
        while (items_.size() < 12) {
            auto const seed = random();
            auto const at   = store_.write(page_store_fill(seed, 1 + random.below(20'000)));
            REQUIRE_MESSAGE(at, at.error().message);
            items_.push_back({*at, seed});
        }
        REQUIRE(store_.publish(page_store_root(++number_, items_, 3'000)));
        for (auto const& e : dropped) store_.release(e);
    }

private:
    Store&                       store_;
    std::vector<page_store_item> items_;
    std::uint64_t                number_ = 0;
};

/// What its root lists reads back as it was written.
template <class Store>
bool whole(Store const& s) {
    auto const items = page_store_items(s.root());
    if (!items) return false;
    for (auto const& item : *items) {
        auto const view = s.read(item.where);
        if (!view || !page_store_same(view->bytes(), page_store_fill(item.seed, item.where.size))) return false;
    }
    return true;
}

template <class Policy, class FS>
void readers_beside_a_writer(FS fs, std::string const& path) {
    using store = typename Policy::template store<FS>;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        CAPTURE(seed);
        prng random(seed);
        auto name   = path + std::to_string(seed);
        auto writer = std::optional(store::open(fs, name, {}).value());
        REQUIRE(writer->retain({}));
        auto              churn = std::optional<churning_writer<store>>(*writer);
        std::deque<store> readers;
        std::uint64_t     most_held = 0;
        churn->publish(random);
        for (int step = 0; step < 120; ++step) {
            if (random.below(3) == 0 && readers.size() < 5) {
                auto r = store::open(fs, name, reading());
                REQUIRE_MESSAGE(r, r.error().message);
                CHECK(r->stats().generation == writer->stats().generation);
                readers.push_back(std::move(*r));
            }
            if (random.below(4) == 0 && !readers.empty())
                readers.erase(readers.begin() + static_cast<std::ptrdiff_t>(random.below(readers.size())));
            churn->publish(random);
            for (auto const& r : readers) REQUIRE(whole(r));
            CHECK(writer->stats().readers == readers.size());
            most_held = std::max(most_held, writer->stats().held_bytes);
            if (step == 60) {  // a new writer knows no older roots, only that somebody reads them
                churn.reset();
                writer.reset();
                writer.emplace(store::open(fs, name, {}).value());
                std::vector<extent> kept;
                auto const          items = page_store_items(writer->root()).value();
                for (auto const& item : items) kept.push_back(item.where);
                REQUIRE(writer->retain(kept));
                churn.emplace(*writer);
            }
        }
        CHECK(most_held > 0);
        readers.clear();
        churn->publish(random);
        CHECK(writer->stats().held_bytes == 0);
        CHECK(writer->stats().readers == 0);
    }
}

/// Runs `work` in a child; its exit code.
template <class Work>
pid_t in_a_child(Work work) {
    auto const child = ::fork();
    if (child == 0) ::_exit(work() ? 0 : 1);
    return child;
}
int outcome(pid_t child) {
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
}
struct pipe_pair {
    int ends[2];
    pipe_pair() { REQUIRE(::pipe(ends) == 0); }
    ~pipe_pair() { ::close(ends[0]), ::close(ends[1]); }
    void say() const { (void)!::write(ends[1], "x", 1); }
    void hear() const {
        char c;
        (void)!::read(ends[0], &c, 1);
    }
};

using disk_store = checksummed<mmap_store<(1 << 26), 4096>>::store<posix_files>;

}  // namespace

TEST_CASE("readers keep what their root lists while a writer replaces it, and give it back") {
    readers_beside_a_writer<file_store<4096>>(memory_files{}, "f");
    readers_beside_a_writer<checksummed<file_store<4096>>>(memory_files{}, "c");
    scratch_directory const here;
    readers_beside_a_writer<mmap_store<(1 << 26), 4096>>(posix_files{}, here.path + "/m");
}

TEST_CASE("a reader in another process reads on while a writer churns; killed, it gives its space back") {
    scratch_directory const here;
    auto const              path   = here.path + "/x";
    auto                    writer = disk_store::open(posix_files{}, path, {});
    REQUIRE(writer->retain({}));
    churning_writer<disk_store> churn(*writer);
    prng                        random(1);
    churn.publish(random);
    pipe_pair  opened, go;
    auto const good = in_a_child([&] {
        auto r = disk_store::open(posix_files{}, path, reading());
        opened.say();
        if (!r) return false;
        for (int i = 0; i < 50; ++i) {
            if (!whole(*r)) return false;
            ::usleep(1'000);
        }
        go.hear();  // the writer has gone on for long
        return whole(*r);
    });
    opened.hear();
    for (int i = 0; i < 100; ++i) churn.publish(random);
    CHECK(writer->stats().readers == 1);
    CHECK(writer->stats().held_bytes > 0);
    go.say();
    CHECK(outcome(good) == 0);
    churn.publish(random);
    CHECK(writer->stats().held_bytes == 0);

    auto const doomed = in_a_child([&] {
        auto r = disk_store::open(posix_files{}, path, reading());
        opened.say();
        for (;;) ::pause();
        return r.has_value();
    });
    opened.hear();
    for (int i = 0; i < 10; ++i) churn.publish(random);
    CHECK(writer->stats().held_bytes > 0);
    REQUIRE(::kill(doomed, SIGKILL) == 0);
    outcome(doomed);
    churn.publish(random);
    CHECK(writer->stats().readers == 0);
    CHECK(writer->stats().held_bytes == 0);
}

TEST_CASE("many processes open for reading at once beside a writer that publishes without pause") {
    scratch_directory const here;
    auto const              path   = here.path + "/x";
    auto                    writer = disk_store::open(posix_files{}, path, {});
    REQUIRE(writer->retain({}));
    churning_writer<disk_store> churn(*writer);
    prng                        random(2);
    churn.publish(random);
    std::vector<pid_t> children;
    for (int c = 0; c < 4; ++c)
        children.push_back(in_a_child([&] {
            for (int i = 0; i < 40; ++i) {
                auto r = disk_store::open(posix_files{}, path, reading());
                if (!r || !whole(*r)) return false;
            }
            return true;
        }));
    int running = 4;
    while (running > 0) {
        churn.publish(random);
        for (auto& child : children)
            if (int status = 0; child != 0 && ::waitpid(child, &status, WNOHANG) == child) {
                CHECK(status == 0);
                child = 0;
                --running;
            }
    }
    churn.publish(random);
    CHECK(writer->stats().readers == 0);
}

TEST_CASE("a second writer is told the process that holds the file") {
    scratch_directory const here;
    auto const              path = here.path + "/x";
    pipe_pair               opened, go;
    auto const              holder = in_a_child([&] {
        auto s = disk_store::open(posix_files{}, path, {});
        opened.say();
        go.hear();
        return s.has_value();
    });
    opened.hear();
    auto const refused = disk_store::open(posix_files{}, path, {});
    REQUIRE(!refused);
    CHECK(refused.error().kind == errc::locked);
    CHECK(refused.error().message.find("process " + std::to_string(holder)) != std::string::npos);
    go.say();
    CHECK(outcome(holder) == 0);
    CHECK(disk_store::open(posix_files{}, path, {}));
}

TEST_CASE("signs of readers that cannot be listed, or read, hold everything") {
    using store = file_store<>::store<faulty<memory_files>>;
    faulty<memory_files> fs;
    auto                 writer = store::open(fs, "x", {});
    REQUIRE(writer);
    REQUIRE(writer->retain({}));
    REQUIRE(writer->publish(as_bytes(std::string("first"))));
    REQUIRE(store::open(fs, "x", reading()));  // who closes it again and leaves an empty chair
    auto const drops = [&] {
        auto const e = writer->write(page_store_fill(1, 20'000));
        REQUIRE(e);
        REQUIRE(writer->publish(as_bytes(std::string("with"))));
        writer->release(*e);
        REQUIRE(writer->publish(as_bytes(std::string("without"))));
        return writer->stats();
    };
    CHECK(drops().readers == 0);
    CHECK(drops().held_bytes == 0);
    fs.faults().fail_from(file_call::list, 1);
    auto const unlisted = drops();
    CHECK(unlisted.readers == 1);
    CHECK(unlisted.held_bytes >= 20'000);
    fs.faults().clear();
    CHECK(drops().held_bytes == 0);
    {
        auto sign = fs.open("x.readers/0", open_mode::read_write);
        REQUIRE(sign);
        REQUIRE(sign->lock());
        std::array<std::uint64_t, 2> const torn{writer->stats().generation + 100, 0};
        REQUIRE(sign->write_at(0, object_bytes(torn)));
        CHECK(drops().readers == 1);
        CHECK(drops().held_bytes >= 20'000);
    }
    CHECK(drops().held_bytes == 0);
}
