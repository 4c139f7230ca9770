// SPDX-License-Identifier: Apache-2.0
// Files that live in memory: the obvious file system, and the oracle of the others.
#pragma once

#include "tenon/file/concept.hpp"
#include "tenon/file/direct.hpp"
#include "tenon/file/paths.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <shared_mutex>
#include <stdexcept>
#include <utility>

#include <unistd.h>

/// memory_files - a world of files in memory.
///
/// Maps        path -> bytes. The working directory is "/", so "a", "./a" and "/a" are one file; ".." is taken by its letters.
/// Guarantee   a default-constructed one is a new, empty world; copies share it. A removed or replaced file lives until its last
///             open file closes. Locks hold inside the world. sync does nothing: nothing here survives the process.
/// Cost        growth is amortised O(1) a byte; names O(log n).
/// Errors      as the concept; errc::full when memory runs out or a file would pass 1 TiB.
/// Threads     everything may be called concurrently; reads of one file run side by side.
/// Use when    the data need not outlive the process, and in tests. Power loss is simulated_files' business.
namespace tenon {

class memory_files {
    struct node {
        std::shared_mutex        mutex;
        byte_vector              content;
        std::atomic<void const*> holder{nullptr};  // the locking file's token
    };
    struct world {
        std::mutex                                   mutex;
        std::map<std::string, std::shared_ptr<node>> files;
        std::set<std::string>                        directories{"/"};
    };

public:
    using policy_axis                      = axis::file;
    static constexpr std::string_view name = "memory";

    class file {
    public:
        result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const {
            std::shared_lock const guard(state_->at->mutex);
            auto const&            content = state_->at->content;
            if (offset >= content.size()) return std::size_t{0};
            auto const n = std::min<std::size_t>(to.size(), content.size() - static_cast<std::size_t>(offset));
            if (n > 0) std::memcpy(to.data(), content.data() + offset, n);
            return n;
        }
        result<void> write_at(std::uint64_t offset, byte_view bytes) {
            if (!state_->writable) return detail::file_read_only("write to", path());
            if (bytes.empty()) return {};
            std::unique_lock const guard(state_->at->mutex);
            auto const end = bytes.size() > largest - std::min(offset, largest) ? largest + 1 : offset + bytes.size();
            if (end > state_->at->content.size())
                if (auto done = extend(end); !done) return done;
            std::memcpy(state_->at->content.data() + offset, bytes.data(), bytes.size());
            return {};
        }
        result<std::uint64_t> size() const {
            std::shared_lock const guard(state_->at->mutex);
            return state_->at->content.size();
        }
        result<void> resize(std::uint64_t n) {
            if (!state_->writable) return detail::file_read_only("resize", path());
            std::unique_lock const guard(state_->at->mutex);
            if (n > state_->at->content.size()) return extend(n);
            state_->at->content.resize(static_cast<std::size_t>(n));
            return {};
        }
        result<void> sync() { return {}; }
        /// Doing it again on the same open file changes nothing.
        result<void> lock() {
            void const* nobody = nullptr;
            if (state_->at->holder.compare_exchange_strong(nobody, state_.get()) || nobody == state_.get()) return {};
            return fail(errc::locked,
                        {"'", path(), "' is in use by process ", ::getpid(), " (this one); close it there first"});
        }
        std::string const& path() const noexcept { return state_->path; }

    private:
        friend class memory_files;
        static constexpr std::uint64_t largest = std::uint64_t{1} << 40;

        struct state {
            std::shared_ptr<node> at;
            bool                  writable;
            std::string           path;

            state(std::shared_ptr<node> n, bool w, std::string p) : at(std::move(n)), writable(w), path(std::move(p)) {}
            state(state const&)            = delete;
            state& operator=(state const&) = delete;
            ~state() {
                void const* me = this;
                at->holder.compare_exchange_strong(me, nullptr);
            }
        };
        file(std::shared_ptr<node> at, bool writable, std::string path)
            : state_(std::make_unique<state>(std::move(at), writable, std::move(path))) {}

        result<void> extend(std::uint64_t n) {
            auto& content = state_->at->content;
            if (n <= largest) {
                try {
                    if (n > content.capacity())
                        content.reserve(static_cast<std::size_t>(std::max<std::uint64_t>(n, content.size() * 2)));
                    content.resize(static_cast<std::size_t>(n));
                    return {};
                } catch (std::bad_alloc const&) {
                } catch (std::length_error const&) {}
            }
            return fail(errc::full, {"no memory to extend '", path(), "' from ", content.size(), " to ", n, " bytes"});
        }

        std::unique_ptr<state> state_;
    };

    using direct_file = cached_writes<file>;
    using write_queue = inline_queue<direct_file>;

    memory_files() : world_(std::make_shared<world>()) {}

    result<file> open(std::string const& path, open_mode mode) {
        auto const            key = detail::file_normal_path(path);
        std::lock_guard const guard(world_->mutex);
        if (world_->directories.contains(key)) return detail::file_is_directory("open", path);
        auto found = world_->files.find(key);
        if (found == world_->files.end()) {
            if (mode != open_mode::create) return detail::file_missing(path);
            if (!world_->directories.contains(parent_directory(key))) return detail::file_no_parent(path);
            found = world_->files.emplace(key, std::make_shared<node>()).first;
        }
        return file(found->second, mode != open_mode::read_only, path);
    }
    result<direct_file> open_direct(std::string const& path) {
        auto opened = open(path, open_mode::read_write);
        if (!opened) return fail(std::move(opened).error());
        return direct_file(*std::move(opened));
    }
    std::unique_ptr<write_queue> make_queue(std::size_t) { return std::make_unique<write_queue>(); }
    result<bool>                 exists(std::string const& path) {
        auto const            key = detail::file_normal_path(path);
        std::lock_guard const guard(world_->mutex);
        return world_->files.contains(key) || world_->directories.contains(key);
    }
    result<void> remove(std::string const& path) {
        auto const            key = detail::file_normal_path(path);
        std::lock_guard const guard(world_->mutex);
        if (world_->directories.contains(key)) return detail::file_is_directory("remove", path);
        if (world_->files.erase(key) == 0) return detail::file_missing(path);
        return {};
    }
    result<void> rename(std::string const& from, std::string const& to) {
        auto const            old_key = detail::file_normal_path(from), new_key = detail::file_normal_path(to);
        std::lock_guard const guard(world_->mutex);
        if (world_->directories.contains(old_key)) return detail::file_is_directory("rename", from);
        if (world_->directories.contains(new_key)) return detail::file_is_directory("replace", to);
        auto const found = world_->files.find(old_key);
        if (found == world_->files.end()) return detail::file_missing(from);
        if (!world_->directories.contains(parent_directory(new_key))) return detail::file_no_parent(to);
        if (old_key == new_key) return {};
        world_->files[new_key] = found->second;
        world_->files.erase(old_key);
        return {};
    }
    result<void> make_directory(std::string const& path) {
        auto const            key = detail::file_normal_path(path);
        std::lock_guard const guard(world_->mutex);
        if (world_->directories.contains(key)) return {};
        if (world_->files.contains(key)) return detail::file_is_no_directory(path);
        if (!world_->directories.contains(parent_directory(key))) return detail::file_no_parent(path);
        world_->directories.insert(key);
        return {};
    }
    result<std::vector<std::string>> list(std::string const& path) {
        auto const            key = detail::file_normal_path(path);
        std::lock_guard const guard(world_->mutex);
        if (!world_->directories.contains(key)) return detail::file_no_directory(path);
        std::vector<std::string> names;
        for (auto const& [at, ignored] : world_->files) detail::file_collect_child(names, key, at);
        for (auto const& at : world_->directories) detail::file_collect_child(names, key, at);
        std::sort(names.begin(), names.end());
        return names;
    }
    result<void> sync_directory(std::string const& path) {
        auto const            key = detail::file_normal_path(path);
        std::lock_guard const guard(world_->mutex);
        if (!world_->directories.contains(key)) return detail::file_no_directory(path);
        return {};
    }
    std::uint64_t now_ns() const noexcept {
        auto const now = std::chrono::steady_clock::now().time_since_epoch();
        return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
    }

private:
    std::shared_ptr<world> world_;
};

static_assert(file<memory_files::file>);
static_assert(file_system<memory_files>);

}  // namespace tenon
