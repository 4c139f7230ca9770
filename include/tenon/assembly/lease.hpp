// SPDX-License-Identifier: Apache-2.0
// What a snapshot holds of the database: a state, for as long as it wants or for as long as options allow.
#pragma once

#include "tenon/core/result.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace tenon {

/// lease - a state that can be taken back from who holds it.
///
/// Guarantee   between enter() and leave() the state lives and does not change. Once expire() was called no enter() succeeds, and the state
///             is let go of when the last reader has left: a reader gets an error, never other bytes.
/// Cost        enter and leave: one atomic addition each, on a cache line of this lease.
/// Threads     all members may be called concurrently.
template <class State>
class lease {
public:
    /// Held since `since` on the file system's clock.
    lease(std::shared_ptr<State const> state, std::uint64_t since) : since_(since), state_(std::move(state)) {}
    lease(lease const&)            = delete;
    lease& operator=(lease const&) = delete;

    bool enter() noexcept {
        if ((word_.fetch_add(one, std::memory_order_acquire) & expired) == 0) return true;
        leave();
        return false;
    }
    void leave() noexcept {
        if (word_.fetch_sub(one, std::memory_order_acq_rel) == (one | expired)) drop();
    }
    void expire() noexcept {
        word_.fetch_or(expired, std::memory_order_acq_rel);
        drop();
    }
    std::uint64_t since() const noexcept { return since_; }
    /// Precondition: entered, or not expired yet.
    State const& state() const noexcept { return *state_; }

private:
    static constexpr std::uint64_t expired = 1, dropped = 2, one = 4;

    void drop() noexcept {
        auto nobody = expired;
        if (word_.compare_exchange_strong(nobody, expired | dropped, std::memory_order_acq_rel)) state_.reset();
    }

    std::atomic<std::uint64_t>   word_{0};  // readers inside times four, and the two marks
    std::uint64_t const          since_;
    std::shared_ptr<State const> state_;
};

/// state_hold - what views and streams keep: the state itself, or a lease on it where snapshots may expire. Copies share it.
template <class State>
class state_hold {
public:
    /// Reading is allowed while this lives; false when the snapshot has expired.
    class visit {
    public:
        visit(visit const&)            = delete;
        visit& operator=(visit const&) = delete;
        ~visit() {
            if (lease_ != nullptr) lease_->leave();
        }
        explicit operator bool() const noexcept { return allowed_; }

    private:
        friend class state_hold;
        explicit visit(lease<State>* l) noexcept : lease_(l), allowed_(l == nullptr || l->enter()) {
            if (!allowed_) lease_ = nullptr;
        }
        lease<State>* lease_;
        bool          allowed_;
    };

    state_hold() = default;
    explicit state_hold(std::shared_ptr<State const> s) : state_(std::move(s)) {}
    explicit state_hold(std::shared_ptr<lease<State>> l) : lease_(std::move(l)) {}

    visit        enter() const noexcept { return visit(lease_.get()); }
    State const& get() const noexcept { return lease_ ? lease_->state() : *state_; }

private:
    std::shared_ptr<State const>  state_;
    std::shared_ptr<lease<State>> lease_;
};

/// lease_book - the leases that are out. Threads: the owner locks.
template <class State>
class lease_book {
public:
    using pointer = std::shared_ptr<lease<State>>;

    pointer give(std::shared_ptr<State const> state, std::uint64_t now) {
        auto out = std::make_shared<lease<State>>(std::move(state), now);
        out_.push_back(out);
        if (out_.size() > most_) {
            std::erase_if(out_, [](auto const& l) { return l.expired(); });
            most_ = 2 * out_.size() + 16;
        }
        return out;
    }
    /// Takes those that are older than `limit` off the book; the owner expires them when it has unlocked.
    std::vector<pointer> take_old(std::uint64_t now, std::uint64_t limit) {
        std::vector<pointer> late;
        late.reserve(out_.size());
        std::erase_if(out_, [&](auto const& l) {
            auto held = l.lock();
            if (held && now - std::min(now, held->since()) <= limit) return false;
            if (held) late.push_back(std::move(held));
            return true;
        });
        return late;
    }

private:
    std::vector<std::weak_ptr<lease<State>>> out_;
    std::size_t                              most_ = 16;  // before those that have ended are looked for
};

/// What a read through an expired snapshot answers.
[[gnu::cold]] inline tl::unexpected<error> snapshot_expired() {
    return fail(errc::expired,
                "the snapshot was open for longer than options.snapshot_limit_ns and its space was given back; take a "
                "new one, or raise the limit");
}

}  // namespace tenon
