// SPDX-License-Identifier: Apache-2.0
// Direct files and queues for file systems that have neither: made from their ordinary files.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/core/sync_turns.hpp"
#include "tenon/file/archetype.hpp"
#include "tenon/file/concept.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tenon {

namespace detail {
inline void expect_whole_blocks(std::size_t block, std::uint64_t offset, byte_view bytes) {
    expects((offset | bytes.size() | reinterpret_cast<std::uintptr_t>(bytes.data())) % block == 0,
            "a direct write takes whole blocks: offset, size and address are multiples of block_bytes()");
}

/// A write that a queue has taken.
template <class Direct>
struct queued_write {
    Direct*       file;
    std::uint64_t offset;
    byte_view     bytes;
    flush         how;
    std::uint64_t tag;
};
}  // namespace detail

/// cached_writes<File> - a direct file made of an ordinary one: a flushed write is write_at and sync.
///
/// Guarantee   as the concept, in blocks of 4096 bytes, mode() is cached. After a sync that failed no flushed write succeeds.
/// Use when    a file system has no better way to the medium, or no medium.
template <file File>
class cached_writes {
public:
    explicit cached_writes(File f) : file_(std::move(f)) {}

    std::size_t  block_bytes() const noexcept { return 4096; }
    write_mode   mode() const noexcept { return write_mode::cached; }
    result<void> write(std::uint64_t offset, byte_view bytes, flush f) {
        detail::expect_whole_blocks(block_bytes(), offset, bytes);
        auto done = file_.write_at(offset, bytes);
        return done && f == flush::yes ? sync() : done;
    }
    result<void> sync() {
        return turns_->take(path(), [this] { return file_.sync(); });
    }
    std::string path() const { return file_.path(); }

private:
    File                                file_;
    std::unique_ptr<detail::sync_turns> turns_ = std::make_unique<detail::sync_turns>();  // so that the file can move
};

/// inline_queue<Direct> - does each write while it is submitted; completions come in that order.
///
/// Use when    writes cost nothing, as in memory, or a test wants them one at a time.
template <direct_file Direct>
class inline_queue {
public:
    inline_queue()                               = default;
    inline_queue(inline_queue const&)            = delete;
    inline_queue& operator=(inline_queue const&) = delete;
    ~inline_queue()                              = default;

    result<void> submit(Direct& d, std::uint64_t offset, byte_view bytes, flush f, std::uint64_t tag) {
        std::list<write_completion> mine;
        mine.push_back({tag, {}});  // before the write, which cannot be undone
        mine.front().done = in_memory_left([&] { return d.write(offset, bytes, f); });
        std::lock_guard const hold(mutex_);
        done_.splice(done_.end(), mine);
        return {};
    }
    std::optional<write_completion> poll() {
        std::lock_guard const hold(mutex_);
        if (done_.empty()) return std::nullopt;
        auto out = std::move(done_.front());
        done_.pop_front();
        return out;
    }
    write_completion wait() {
        auto out = poll();
        expects(out.has_value(), "wait takes a write that was submitted and not handed out");
        return *std::move(out);
    }

private:
    std::mutex                  mutex_;
    std::list<write_completion> done_;
};

/// pooled_queue<Direct> - up to `depth` threads that write; they are started when they are needed and end with the queue.
///
/// Cost        two thread switches a write.
/// Errors      as Direct::write; errc::full when memory runs out in it. Where no thread starts submit itself writes.
/// Threads     as the concept says.
/// Use when    the system has no queue of its own, or does not let the process use it.
template <direct_file Direct>
class pooled_queue {
public:
    explicit pooled_queue(std::size_t depth) : depth_(std::max<std::size_t>(depth, 1)) {}
    pooled_queue(pooled_queue const&)            = delete;
    pooled_queue& operator=(pooled_queue const&) = delete;
    ~pooled_queue() {
        {
            std::lock_guard const hold(mutex_);
            ending_ = true;
        }
        work_.notify_all();
        for (auto& t : threads_) t.join();
    }

    result<void> submit(Direct& d, std::uint64_t offset, byte_view bytes, flush f, std::uint64_t tag) {
        jobs mine;
        mine.push_back({{&d, offset, bytes, f, tag}, {}});
        std::unique_lock hold(mutex_);
        if (idle_ <= waiting_.size() && threads_.size() < depth_) try {
                threads_.emplace_back([this] { work(); });
            } catch (std::exception const&) {}  // the others do its work, or else this one
        waiting_.splice(waiting_.end(), mine);
        if (threads_.empty()) finish_one(hold);
        else work_.notify_one();
        return {};
    }
    std::optional<write_completion> poll() {
        std::lock_guard const hold(mutex_);
        return done_.empty() ? std::nullopt : std::optional(take());
    }
    write_completion wait() {
        std::unique_lock hold(mutex_);
        ended_.wait(hold, [this] { return !done_.empty(); });
        return take();
    }

private:
    struct job {
        detail::queued_write<Direct> what;
        result<void>                 done;
    };
    using jobs = std::list<job>;  // a job takes its place along, so that threads need no memory

    write_completion take() {
        write_completion out{done_.front().what.tag, std::move(done_.front().done)};
        done_.pop_front();
        return out;
    }
    void work() {
        std::unique_lock hold(mutex_);
        for (;;) {
            ++idle_;
            work_.wait(hold, [this] { return ending_ || !waiting_.empty(); });
            --idle_;
            if (waiting_.empty()) return;
            finish_one(hold);
        }
    }
    void finish_one(std::unique_lock<std::mutex>& hold) {
        jobs mine;
        mine.splice(mine.begin(), waiting_, waiting_.begin());
        hold.unlock();
        auto& what        = mine.front().what;
        mine.front().done = in_memory_left([&] { return what.file->write(what.offset, what.bytes, what.how); });
        hold.lock();
        done_.splice(done_.end(), mine);
        ended_.notify_one();
    }

    std::size_t const        depth_;
    std::mutex               mutex_;
    std::condition_variable  work_, ended_;
    jobs                     waiting_, done_;
    std::vector<std::thread> threads_;
    std::size_t              idle_   = 0;
    bool                     ending_ = false;
};

static_assert(direct_file<cached_writes<archetype::file_handle>>);
static_assert(write_queue<inline_queue<archetype::direct_handle>, archetype::direct_handle>);
static_assert(write_queue<pooled_queue<archetype::direct_handle>, archetype::direct_handle>);

}  // namespace tenon
