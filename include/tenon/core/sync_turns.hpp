// SPDX-License-Identifier: Apache-2.0
// Syncs that must not stand beside one another, nor behind one that failed.
#pragma once

#include "tenon/core/result.hpp"

#include <mutex>
#include <string>

namespace tenon::detail {

/// One sync at a time of what it belongs to, and none after one that failed: of a page that it lost the kernel tells once, whoever asks first,
/// and a sync beside that one, or behind it, would succeed and mean nothing.
class sync_turns {
public:
    template <class Sync>
    result<void> take(std::string const& name, Sync sync) {
        std::lock_guard const one(mutex_);
        if (lost_) return fail(errc::io, {"an earlier sync of '", name, "' has failed"});
        lost_     = true;  // also when it throws, for want of memory to tell of an error
        auto done = sync();
        lost_     = !done;
        return done;
    }

private:
    std::mutex mutex_;
    bool       lost_ = false;
};

}  // namespace tenon::detail
