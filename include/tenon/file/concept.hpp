// SPDX-License-Identifier: Apache-2.0
// The contract of axis::file: the seam to the world. Files, directories, sync, rename, clock.
#pragma once

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"

#include <concepts>
#include <cstdint>
#include <string>
#include <vector>

namespace tenon {

enum class open_mode : unsigned char {
    read_only,   ///< must exist
    read_write,  ///< must exist
    create,      ///< made when it does not exist; existing content is kept
};

/// An open file.
///
/// | expression | meaning |
/// | --- | --- |
/// | `cf.read_at(offset, span)` | bytes read; fewer than asked for only at the end of the file |
/// | `f.write_at(offset, bytes)` | all of them or an error; extends the file as needed (a gap reads as zeros) |
/// | `cf.size()` | bytes |
/// | `f.resize(n)` | cut or extend with zeros |
/// | `f.sync()` | when it returns, all bytes written before and the file's size survive power loss. After an error the unsynced bytes are in an unknown state: never retry |
/// | `f.lock()` | exclusive between open files of all processes; errc::locked names the holder's pid; released when the file closes |
/// | `cf.path()` | as it was opened, for error messages |
///
/// Threads: read_at, write_at on disjoint ranges, size and sync may run concurrently. Move-only; closes itself.
template <class F>
concept file = std::movable<F> && requires(F f, F const cf, std::uint64_t n, std::span<std::byte> to, byte_view from) {
    { cf.read_at(n, to) } -> std::same_as<result<std::size_t>>;
    { f.write_at(n, from) } -> std::same_as<result<void>>;
    { cf.size() } -> std::same_as<result<std::uint64_t>>;
    { f.resize(n) } -> std::same_as<result<void>>;
    { f.sync() } -> std::same_as<result<void>>;
    { f.lock() } -> std::same_as<result<void>>;
    { cf.path() } -> std::convertible_to<std::string>;
};

/// A file system and clock. A cheap handle: copies name the same world.
///
/// | expression | meaning |
/// | --- | --- |
/// | `fs.open(path, mode)` | an open file; errc::not_found when it must exist and does not |
/// | `fs.exists(path)` | of a file or directory |
/// | `fs.remove(path)` | a file; not_found when there is none |
/// | `fs.rename(from, to)` | replaces `to` atomically |
/// | `fs.make_directory(path)` | one level; an existing directory is fine |
/// | `fs.list(path)` | the names in a directory, sorted |
/// | `fs.sync_directory(path)` | creations, removals and renames in this directory survive power loss |
/// | `fs.now_ns()` | nanoseconds on a clock that never goes back |
///
/// A created file survives power loss only after file.sync() *and* sync_directory(parent). Thread-safe.
template <class FS>
concept file_system = std::copyable<FS> && std::same_as<typename FS::policy_axis, axis::file> &&
                      file<typename FS::file> && requires(FS fs, std::string const& path, open_mode mode) {
                          { fs.open(path, mode) } -> std::same_as<result<typename FS::file>>;
                          { fs.exists(path) } -> std::same_as<result<bool>>;
                          { fs.remove(path) } -> std::same_as<result<void>>;
                          { fs.rename(path, path) } -> std::same_as<result<void>>;
                          { fs.make_directory(path) } -> std::same_as<result<void>>;
                          { fs.list(path) } -> std::same_as<result<std::vector<std::string>>>;
                          { fs.sync_directory(path) } -> std::same_as<result<void>>;
                          { fs.now_ns() } -> std::same_as<std::uint64_t>;
                          { FS::name } -> std::convertible_to<std::string_view>;
                      };

/// The directory part of a path, "." when there is none.
inline std::string parent_directory(std::string const& path) {
    auto const slash = path.find_last_of('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace tenon
