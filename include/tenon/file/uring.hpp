// SPDX-License-Identifier: Apache-2.0
// uring_files: the operating system's files with io_uring under their write queue. The one header that includes liburing.h; link with
// liburing.
#pragma once

#include "tenon/file/direct.hpp"
#include "tenon/file/posix.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <liburing.h>

namespace tenon {

/// uring_queue<Direct> - writes through one io_uring; where the kernel does not let the process have one, through pooled_queue.
///
/// Guarantee   as the concept. A write that the ring ends short or does not take is finished by `Direct::write`, in wait or poll.
/// Cost        submit: one call to the system, and no thread is woken; wait: one, when nothing has ended yet.
/// Errors      as Direct::write. No ring is no error: `kind()` is "pool" then, and `why_not()` says what the kernel said (ENOSYS: too old or
///             switched off; EPERM: forbidden, as in many containers; ENOMEM: the limit of locked memory).
/// Threads     as the concept says.
/// Use when    one thread keeps many writes under way; docs/decisions has what was measured.
template <direct_file Direct>
class uring_queue {
public:
    explicit uring_queue(std::size_t depth) : depth_(depth) {
        auto const entries = static_cast<unsigned>(std::clamp<std::size_t>(depth, 1, 4096));
        auto const code    = ::io_uring_queue_init(entries, &ring_, 0);
        if (code == 0) ready_ = true;
        else why_ = "io_uring is not to be had: " + std::system_category().message(-code);
    }
    uring_queue(uring_queue const&)            = delete;
    uring_queue& operator=(uring_queue const&) = delete;
    ~uring_queue() {
        while (left_ > 0) wait();
        if (ready_) ::io_uring_queue_exit(&ring_);
    }

    std::string_view   kind() const noexcept { return ready_ ? "io_uring" : "pool"; }
    std::string const& why_not() const noexcept { return why_; }

    result<void> submit(Direct& d, std::uint64_t offset, byte_view bytes, flush f, std::uint64_t tag) {
        std::lock_guard const hold(mutex_);
        if (!ready_ || d.mode() == write_mode::cached || bytes.size() > most)
            return through_pool(d, offset, bytes, f, tag);
        auto        one = std::make_unique<request>(request{&d, offset, bytes, f, tag});
        auto* const sqe = ::io_uring_get_sqe(&ring_);
        if (sqe == nullptr) return through_pool(d, offset, bytes, f, tag);
        ::io_uring_prep_write(sqe, d.descriptor(), bytes.data(), static_cast<unsigned>(bytes.size()), offset);
        if (f == flush::yes) sqe->rw_flags = RWF_DSYNC;
        ::io_uring_sqe_set_data(sqe, one.get());
        int taken = 0;
        do taken = ::io_uring_submit(&ring_);
        while (taken == -EINTR || (taken > 0 && ::io_uring_sq_ready(&ring_) > 0));  // a refused one may stand before it
        if (taken < 1) {  // it stays in the ring: make it harmless, and do the work here
            ::io_uring_prep_nop(sqe);
            ::io_uring_sqe_set_data(sqe, nullptr);
            return through_pool(d, offset, bytes, f, tag);
        }
        static_cast<void>(one.release());  // the ring's, until it has ended
        ++in_ring_;
        ++left_;
        return {};
    }
    std::optional<write_completion> poll() {
        {
            std::lock_guard const hold(mutex_);
            if (in_ring_ == 0) return pool_ ? taken(pool_->poll()) : std::nullopt;
        }
        io_uring_cqe* cqe = nullptr;
        if (::io_uring_peek_cqe(&ring_, &cqe) == 0)
            if (auto ended = end(cqe)) return ended;
        std::lock_guard const hold(mutex_);
        return pool_ ? taken(pool_->poll()) : std::nullopt;
    }
    write_completion wait() {
        expects(left_ > 0, "wait takes a write that was submitted and not handed out");
        for (;;) {
            {
                std::unique_lock hold(mutex_);
                if (in_ring_ == 0) {
                    hold.unlock();
                    return *taken(pool_->wait());
                }
            }
            io_uring_cqe* cqe = nullptr;
            if (::io_uring_wait_cqe(&ring_, &cqe) != 0) continue;  // a signal
            if (auto ended = end(cqe)) return *std::move(ended);
        }
    }

private:
    using request = detail::queued_write<Direct>;

    static constexpr std::size_t most = std::size_t{1} << 30;

    result<void> through_pool(Direct& d, std::uint64_t offset, byte_view bytes, flush f, std::uint64_t tag) {
        if (!pool_) pool_ = std::make_unique<pooled_queue<Direct>>(depth_);
        auto done = pool_->submit(d, offset, bytes, f, tag);
        if (done) ++left_;
        return done;
    }
    std::optional<write_completion> taken(std::optional<write_completion> c) {
        if (c) --left_;
        return c;
    }
    std::optional<write_completion> end(io_uring_cqe* cqe) {
        std::unique_ptr<request> const one(static_cast<request*>(::io_uring_cqe_get_data(cqe)));
        auto const                     wrote = cqe->res;
        ::io_uring_cqe_seen(&ring_, cqe);
        if (!one) return std::nullopt;
        {
            std::lock_guard const hold(mutex_);
            --in_ring_;
        }
        --left_;
        write_completion out{one->tag, {}};
        bool const       refused = wrote == -EINVAL || wrote == -EOPNOTSUPP || wrote == -EAGAIN || wrote == -EINTR;
        if (auto const put = static_cast<std::size_t>(std::max(wrote, 0)); put < one->bytes.size())
            out.done = in_memory_left([&]() -> result<void> {
                if (wrote < 0 && !refused)
                    return detail::posix_failure(-wrote, "cannot write " + std::to_string(one->bytes.size()) +
                                                             " bytes at offset " + std::to_string(one->offset) +
                                                             " of '" + std::string(one->file->path()) + "'");
                auto const whole = put / one->file->block_bytes() * one->file->block_bytes();  // from there on
                return one->file->write(one->offset + whole, one->bytes.subspan(whole), one->how);
            });
        return out;
    }

    std::size_t const        depth_;
    io_uring                 ring_{};
    bool                     ready_ = false;
    std::string              why_;
    std::mutex               mutex_;  // of what is submitted; completions are taken by one thread at a time
    std::size_t              in_ring_ = 0;
    std::atomic<std::size_t> left_{0};
    std::unique_ptr<pooled_queue<Direct>> pool_;
};

/// uring_files - posix_files whose make_queue gives a uring_queue.
///
/// Guarantee   as posix_files in all else.
/// Use when    a log without helpers (wal_options::threads = false) on a system with io_uring.
struct uring_files : posix_files {
    static constexpr std::string_view name = "uring";
    using write_queue                      = uring_queue<direct_file>;

    std::unique_ptr<write_queue> make_queue(std::size_t depth) { return std::make_unique<write_queue>(depth); }
};
static_assert(file_system<uring_files>);

}  // namespace tenon
