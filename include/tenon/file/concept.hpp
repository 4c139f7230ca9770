// SPDX-License-Identifier: Apache-2.0
// The contract of axis::file: the seam to the world. Files, directories, sync, rename, clock.
#pragma once

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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

/// How a direct file reaches the medium.
enum class write_mode : unsigned char {
    direct,  ///< past the page cache; a flushed write waits for the device by itself, and an error belongs to it alone
    cached,  ///< through the page cache; a flushed write is a write and a sync of the file
    mapped,  ///< stored into memory that is the page cache; of a mapped file only
};
constexpr std::string_view to_string(write_mode m) noexcept {
    return m == write_mode::direct ? "direct" : m == write_mode::cached ? "cached" : "mapped";
}

/// Whether a write has reached the medium when it is done.
enum class flush : bool { no, yes };

/// A file open for writes of whole blocks, several of which may be under way at once.
///
/// | expression | meaning |
/// | --- | --- |
/// | `cd.block_bytes()` | a power of two; offset, size and address of what is written are multiples of it |
/// | `cd.mode()` | how it reaches the medium; may turn from direct to cached at a write that the file system does not take |
/// | `d.write(offset, bytes, flush)` | all of them or an error. With flush::yes these bytes, and the size that is needed to find them, survive power loss when it returns |
/// | `d.sync()` | as a file's: covers the writes that had returned |
/// | `cd.path()` | as it was opened |
///
/// Before it has returned, a write may have reached the medium in any part: each 512-byte sector by itself, and of several
/// writes any before any other. Two writes under way at once must not overlap. Of what one file system wrote here and reads through
/// another open file, it reads the newest bytes once the write has returned.
/// Threads: write and sync may run concurrently. Move-only; closes itself; no write may be under way then.
template <class D>
concept direct_file = std::movable<D> && requires(D d, D const cd, std::uint64_t offset, byte_view bytes, flush f) {
    { cd.block_bytes() } -> std::same_as<std::size_t>;
    { cd.mode() } -> std::same_as<write_mode>;
    { d.write(offset, bytes, f) } -> std::same_as<result<void>>;
    { d.sync() } -> std::same_as<result<void>>;
    { cd.path() } -> std::convertible_to<std::string>;
};

/// A file of fixed size whose bytes are stored into a mapping, so that a write is no call to the system.
///
/// | expression | meaning |
/// | --- | --- |
/// | `m.write_at(offset, bytes)` | within the size that the file had when it was opened; when it returns the bytes survive the end of the process |
/// | `m.prepare()` | advice: all of it will be written soon |
/// | `m.finish()` | advice: nothing more will be written; write_at is as a file's from then on. Not beside a write_at |
/// | `m.sync()` | as a file's |
/// | `cm.mode()` | mapped, or cached where the file system is not known to take it: then write_at is a file's |
///
/// A write that is not synced may have reached the medium in any part, down to single bytes. Reads through other open files see it at once.
/// Threads: write_at on disjoint ranges and sync may run concurrently. Move-only; closes itself.
template <class M>
concept mapped_file = std::movable<M> && requires(M m, M const cm, std::uint64_t offset, byte_view bytes) {
    { m.write_at(offset, bytes) } -> std::same_as<result<void>>;
    m.prepare();
    m.finish();
    { m.sync() } -> std::same_as<result<void>>;
    { cm.mode() } -> std::same_as<write_mode>;
    { cm.path() } -> std::convertible_to<std::string>;
};

/// A write of a queue that has ended.
struct write_completion {
    std::uint64_t tag = 0;
    result<void>  done;
};

/// Writes to direct files that are under way while the caller goes on.
///
/// | expression | meaning |
/// | --- | --- |
/// | `q.submit(d, offset, bytes, flush, tag)` | begins `d.write(offset, bytes, flush)`; `d` and the bytes stay where they are until its completion was handed out. After an error it has not begun |
/// | `q.poll()` | a completion, when there is one; each is handed out once, in no particular order |
/// | `q.wait()` | the same, but waits. Precondition: a write was submitted whose completion was not handed out |
///
/// Threads: submit beside one poll or wait. Its destructor waits for what is under way.
template <class Q, class D>
concept write_queue = requires(Q q, D& d, std::uint64_t n, byte_view bytes, flush f) {
    { q.submit(d, n, bytes, f, n) } -> std::same_as<result<void>>;
    { q.poll() } -> std::same_as<std::optional<write_completion>>;
    { q.wait() } -> std::same_as<write_completion>;
};

/// A file system and clock. A cheap handle: copies name the same world.
///
/// | expression | meaning |
/// | --- | --- |
/// | `fs.open(path, mode)` | an open file; errc::not_found when it must exist and does not |
/// | `fs.open_direct(path)` | a direct file that must exist, for writing |
/// | `fs.make_queue(depth)` | a queue, on the heap, for about `depth` writes under way at once |
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
concept file_system =
    std::copyable<FS> && std::same_as<typename FS::policy_axis, axis::file> && file<typename FS::file> &&
    direct_file<typename FS::direct_file> && write_queue<typename FS::write_queue, typename FS::direct_file> &&
    requires(FS fs, std::string const& path, open_mode mode, std::size_t n) {
        { fs.open(path, mode) } -> std::same_as<result<typename FS::file>>;
        { fs.open_direct(path) } -> std::same_as<result<typename FS::direct_file>>;
        { fs.make_queue(n) } -> std::same_as<std::unique_ptr<typename FS::write_queue>>;
        { fs.exists(path) } -> std::same_as<result<bool>>;
        { fs.remove(path) } -> std::same_as<result<void>>;
        { fs.rename(path, path) } -> std::same_as<result<void>>;
        { fs.make_directory(path) } -> std::same_as<result<void>>;
        { fs.list(path) } -> std::same_as<result<std::vector<std::string>>>;
        { fs.sync_directory(path) } -> std::same_as<result<void>>;
        { fs.now_ns() } -> std::same_as<std::uint64_t>;
        { FS::name } -> std::convertible_to<std::string_view>;
    };

/// A file system that also has `fs.open_mapped(path)`: a mapped file that must exist, for writing.
template <class FS>
concept mapping_file_system =
    file_system<FS> && mapped_file<typename FS::mapped_file> && requires(FS fs, std::string const& path) {
        { fs.open_mapped(path) } -> std::same_as<result<typename FS::mapped_file>>;
    };

/// The directory part of a path, "." when there is none.
inline std::string parent_directory(std::string const& path) {
    auto const slash = path.find_last_of('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace tenon
