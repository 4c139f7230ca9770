// SPDX-License-Identifier: Apache-2.0
// Writes large extents past the page cache, several chunks under way at once.
#pragma once

#include "tenon/core/unless_done.hpp"
#include "tenon/file/concept.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>

namespace tenon::detail::pages {

/// bulk_writer - bytes into whole pages of a file, copied into aligned buffers chunk by chunk.
///
/// Guarantee   when write returns, all chunks have reached the file; the end of the last page is zeros. Nothing is flushed.
/// Cost        one copy of the bytes; `depth` chunks of memory. Bytes that lie at a multiple of 4096 are not copied.
/// Threads     writes wait for one another.
template <class FS>
class bulk_writer {
public:
    bulk_writer(FS fs, std::string path) : fs_(std::move(fs)), path_(std::move(path)) {}

    /// Precondition: offset is a multiple of 4096, and the pages that the bytes reach into are the caller's.
    result<void> write(std::uint64_t offset, byte_view bytes) {
        std::lock_guard const one_at_a_time(mutex_);
        if (!queue_) {
            auto opened = fs_.open_direct(path_);
            if (!opened) return fail(std::move(opened.error()));
            file_.emplace(std::move(*opened));
            for (auto& b : buffers_) b = buffer(static_cast<std::byte*>(::operator new(chunk, std::align_val_t{page})));
            queue_ = fs_.make_queue(depth);
        }
        unsynced_           = true;
        bool const in_place = reinterpret_cast<std::uintptr_t>(bytes.data()) % page == 0;

        result<void>  done;
        std::uint64_t free = (1u << depth) - 1;  // buffers that no write uses
        auto const    reap = [&] {
            auto ended = queue_->wait();
            free |= std::uint64_t{1} << ended.tag;
            if (!ended.done && done) done = std::move(ended.done);
        };
        unless_done const all_ended([&] {  // whatever happens, nothing is written from these bytes afterwards
            while (free != (1u << depth) - 1) reap();
        });
        for (std::size_t at = 0; done && at < bytes.size(); at += chunk) {
            while (free == 0) reap();
            if (!done) break;
            std::uint64_t which = 0;
            while ((free >> which & 1) == 0) ++which;
            auto part = bytes.subspan(at, std::min(chunk, bytes.size() - at));
            if (!in_place || part.size() % page != 0) {
                auto* const to    = buffers_[which].get();
                auto const  whole = (part.size() + page - 1) / page * page;
                std::memcpy(to, part.data(), part.size());
                std::memset(to + part.size(), 0, whole - part.size());
                part = {to, whole};
            }
            auto begun = queue_->submit(*file_, offset + at, part, flush::no, which);
            if (begun) free &= ~(std::uint64_t{1} << which);
            else done = std::move(begun);
        }
        while (free != (1u << depth) - 1) reap();
        return done;
    }
    /// What was written before is on the medium when it returns. Without a write since the last one it does nothing.
    result<void> sync() {
        std::lock_guard const one_at_a_time(mutex_);
        if (!std::exchange(unsynced_, false)) return {};
        return file_->sync();
    }

private:
    static constexpr std::size_t page = 4096, chunk = std::size_t{1} << 20, depth = 4;
    struct free_aligned {
        void operator()(std::byte* p) const noexcept { ::operator delete(p, std::align_val_t{page}); }
    };
    using buffer = std::unique_ptr<std::byte, free_aligned>;

    FS                                        fs_;
    std::string                               path_;
    std::mutex                                mutex_;
    std::optional<typename FS::direct_file>   file_;
    std::array<buffer, depth>                 buffers_;
    std::unique_ptr<typename FS::write_queue> queue_;  // ends before what it writes from and to
    bool                                      unsynced_ = false;
};

}  // namespace tenon::detail::pages
