// SPDX-License-Identifier: Apache-2.0
// Reads a log ahead of recovery, so that the disk and the processor work at the same time.
#pragma once

#include "tenon/wal/recovery.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <limits>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace tenon::detail {

/// wal_read_ahead - a thread that reads segments from an LSN on, up to 64 MiB ahead of who follows, into the system's cache and nowhere else.
///
/// Guarantee   changes nothing and reports nothing: what fails here meets who follows as well, when it reads there itself.
/// Cost        a second copy of what the cache has already; a processor that would else be idle.
/// Use when    the log was written past the cache and is long. It asks nothing of the file system but a second handle.
template <class FS>
class wal_read_ahead {
public:
    static constexpr std::uint64_t worth = std::uint64_t{8} << 20;  ///< shorter logs are read before a thread is made

    wal_read_ahead(FS fs, std::vector<wal_segment> segments, std::uint64_t from)
        : fs_(std::move(fs)), segments_(std::move(segments)), reached_(from) {
        try {
            thread_ = std::thread([this, from] { run(from); });
        } catch (std::exception const&) {}  // who follows reads alone
    }
    wal_read_ahead(wal_read_ahead const&)            = delete;
    wal_read_ahead& operator=(wal_read_ahead const&) = delete;
    ~wal_read_ahead() {
        tell(over);
        if (thread_.joinable()) thread_.join();
    }

    /// Who follows is at an LSN.
    void at(std::uint64_t lsn) noexcept {
        if (lsn >= reached_.load(std::memory_order_relaxed) + chunk) tell(lsn);
    }

private:
    void tell(std::uint64_t lsn) noexcept {
        reached_.store(lsn, std::memory_order_relaxed);
        reached_.notify_one();
    }
    void run(std::uint64_t from) noexcept {
        try {
            byte_vector buffer(static_cast<std::size_t>(chunk));
            for (auto const& s : segments_) {
                if (s.limit() <= from) continue;
                auto file = fs_.open(s.path, open_mode::read_only);
                if (!file) return;
                for (auto at = std::max(from, s.start); at < s.limit(); at += chunk) {
                    for (auto seen = reached_.load(); at > seen && at - seen > ahead; seen = reached_.load())
                        reached_.wait(seen);
                    if (reached_.load() == over) return;
                    if (!file->read_at(s.offset(at), std::span(buffer).first(static_cast<std::size_t>(
                                                         std::min<std::uint64_t>(chunk, s.limit() - at)))))
                        return;
                }
            }
        } catch (std::exception const&) {}
    }

    static constexpr std::uint64_t chunk = std::uint64_t{1} << 20, ahead = std::uint64_t{64} << 20,
                                   over = std::numeric_limits<std::uint64_t>::max();

    FS                         fs_;
    std::vector<wal_segment>   segments_;
    std::atomic<std::uint64_t> reached_;
    std::thread                thread_;
};

}  // namespace tenon::detail
