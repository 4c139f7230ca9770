// SPDX-License-Identifier: Apache-2.0
// What has to happen when a block is left by an exception or an early return.
#pragma once

#include <utility>

namespace tenon::detail {

/// Calls what it was made with when it ends, unless done() was called before. The call must not throw.
template <class Undo>
class unless_done {
public:
    explicit unless_done(Undo undo) : undo_(std::move(undo)) {}
    unless_done(unless_done const&)            = delete;
    unless_done& operator=(unless_done const&) = delete;
    ~unless_done() {
        if (!done_) undo_();
    }
    void done() noexcept { done_ = true; }

private:
    Undo undo_;
    bool done_ = false;
};

}  // namespace tenon::detail
