// SPDX-License-Identifier: Apache-2.0
// A commit on its way to the medium: ask, wait, or co_await.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"

#include <coroutine>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace tenon {

/// pending_commit - what commit_async() returns.
///
///     auto pending = tx.commit_async();                  // result<pending_commit>
///     ...                                                // thousands of others
///     tenon::result<tenon::timestamp> done = pending->get();
///     ... or, in a coroutine:  auto done = co_await *pending;
///
/// Guarantee   get() and co_await give the commit's timestamp once it is durable and visible, or the error that kept it from it.
/// Threads     one at a time. A coroutine goes on in the thread that acknowledges commits: it must not commit, wait or take long there.
/// Limits      to be used before the database is closed; it may be dropped at any time, the commit goes on.
template <class Engine>
class pending_commit {
public:
    explicit pending_commit(std::shared_ptr<Engine> engine)
        : engine_(std::move(engine)), shared_(std::make_shared<shared>()) {}

    bool ready() const {
        std::lock_guard const hold(shared_->mutex);
        return shared_->done.has_value();
    }
    /// Waits, and helps the log when nobody else writes it.
    result<timestamp> get() {
        {
            std::lock_guard const hold(shared_->mutex);
            if (shared_->done) return *shared_->done;
        }
        return engine_->wait_for(taken_);
    }

    bool await_ready() const { return ready(); }
    bool await_suspend(std::coroutine_handle<> waiting) {
        std::lock_guard const hold(shared_->mutex);
        if (shared_->done) return false;
        shared_->waiting = waiting;
        return true;
    }
    result<timestamp> await_resume() const {
        std::lock_guard const hold(shared_->mutex);
        expects(shared_->done.has_value(), "a coroutine that waits for a commit is resumed by the commit");
        return *shared_->done;
    }

    /// For the transaction.
    auto callback() const {
        return [s = shared_](result<timestamp> const& done) {
            std::coroutine_handle<> waiting;
            {
                std::lock_guard const hold(s->mutex);
                s->done = done;
                waiting = std::exchange(s->waiting, {});
            }
            if (waiting) waiting.resume();
        };
    }
    void taken(typename Engine::taken t) { taken_ = std::move(t); }

private:
    struct shared {
        std::mutex                       mutex;
        std::optional<result<timestamp>> done;
        std::coroutine_handle<>          waiting;
    };
    std::shared_ptr<Engine> engine_;
    std::shared_ptr<shared> shared_;
    typename Engine::taken  taken_;
};

}  // namespace tenon
