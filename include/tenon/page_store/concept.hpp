// SPDX-License-Identifier: Apache-2.0
// The contract of axis::page_store: immutable extents in one file, and a root that is replaced atomically.
#pragma once

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/file/concept.hpp"
#include "tenon/page_store/chunk_checks.hpp"

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tenon {

/// A reference to a piece of the store: `size` payload bytes that begin at byte `offset` of the file (a multiple of 4096).
/// `check` is by what a checksummed store knows the bytes again, 0 in others: whoever keeps an extent keeps it as well.
struct extent {
    std::uint64_t         offset                      = 0;
    std::uint64_t         size                        = 0;
    std::uint64_t         check                       = 0;
    friend constexpr auto operator<=>(extent, extent) = default;
};

/// The bytes of an extent, 64-byte aligned, valid as long as this object or a copy of it lives (and the
/// extent is not released).
class extent_view {
public:
    extent_view() = default;
    extent_view(byte_view bytes, std::shared_ptr<void const> owner) : bytes_(bytes), owner_(std::move(owner)) {}
    /// Of read_in_part: bytes that are yet to be verified.
    extent_view(byte_view bytes, std::shared_ptr<void const> owner, std::shared_ptr<detail::chunk_checks const> checks)
        : bytes_(bytes), owner_(std::move(owner)), checks_(std::move(checks)) {}
    byte_view bytes() const noexcept { return bytes_; }
    /// Verifies a part of the bytes, where the store left that to this: what is read before must not be believed.
    result<void> need(byte_view part) const { return checks_ ? checks_->need(part) : result<void>{}; }
    /// Verifies a little more of them, so that who often needs a part comes to the end of it. True when nothing is left to verify.
    bool verify_next() const { return !checks_ || checks_->verify_next(); }
    /// What keeps the bytes alive; for views of a part of them.
    std::shared_ptr<void const> const& owner() const noexcept { return owner_; }

private:
    byte_view                                   bytes_;
    std::shared_ptr<void const>                 owner_;
    std::shared_ptr<detail::chunk_checks const> checks_;
};

/// A store whose extents stay in memory only while a view of them lives; who reads an extent often over one of the others keeps its view.
template <class S>
inline constexpr bool evicts_extents = false;
template <class S>
requires requires { requires S::evicts; }
inline constexpr bool evicts_extents<S> = true;

/// A store that can leave the verifying of a large extent to who reads it: `cs.read_in_part(e)` is read(e) but for bytes that
/// extent_view::need has not seen.
template <class S>
concept reads_in_part = requires(S const cs, extent e) {
    { cs.read_in_part(e) } -> std::same_as<result<extent_view>>;
};

/// Amounts, not kinds.
struct store_options {
    std::string
        signature;  ///< the database type in words; a file made with another is refused (errc::wrong_assembly names both)
    bool create = true;  ///< make the file when it does not exist
    /// Beside a writer or not: the root of this moment, which the writer spares until the store is closed.
    bool read_only = false;
    /// Extents of at least so many bytes are written past the page cache: faster for a bulk load, but who reads them first waits for the disk.
    std::uint64_t direct_bytes = ~std::uint64_t{0};
};

struct store_stats {
    std::uint64_t file_bytes = 0;
    std::uint64_t live_bytes = 0;  ///< in extents that are in use, overhead included
    std::uint64_t free_bytes = 0;  ///< inside the file, to be used again
    std::uint64_t generation = 0;  ///< of the newest root; 0 before the first
    std::uint64_t held_bytes = 0;  ///< of live_bytes: released, and kept for readers in other processes
    std::uint64_t readers    = 0;  ///< in other processes, when last looked for

    std::uint64_t pool_bytes = 0, pool_hits = 0, pool_misses = 0;  ///< of stores that evict
};

/// An open page store over some file system.
///
/// | expression | meaning |
/// | --- | --- |
/// | `S::open(fs, path, options)` | `result<S>`; locks the file (errc::locked) unless read_only, checks header and signature (not_ours, wrong_version, wrong_assembly), takes the newest valid root |
/// | `s.write(bytes, before = ~0)` | a new extent that holds a copy of the bytes and ends at or before that offset; not durable before the next publish. Never overwrites a live extent. errc::full, when there is no room, leaves everything as it was |
/// | `cs.read(e)` | its bytes; errc::corrupt when e is outside the file or (checksummed stores) the bytes are not what was written |
/// | `s.release(e)` | the space may be used again at once; the caller has made sure that no durable root and no reader needs it |
/// | `s.publish(bytes)` | makes all extents durable, then replaces the root atomically: after a crash the root is the old or the new one. Two alternating, checksummed slots. errc::full and too_large leave everything as it was; after any other error every later write and publish returns errc::poisoned |
/// | `cs.root()` | the bytes last published, empty before the first |
/// | `s.retain(extents)` | after open and before the first write: all space outside these extents (and the root) is free; errc::corrupt when they overlap or leave the file |
/// | `cs.verify()` | reads all live extents and the root, errc::corrupt names the first bad offset |
/// | `s.trim()` | gives a free tail of the file back to the file system, as publish does; an offset: the file gets shorter still when the extents from there on are written again and released; ~0 when that is not worth it |
/// | `cs.stats()` | sizes |
///
/// Threads: all members but open and retain may be called concurrently.
template <class S>
concept page_store =
    std::movable<S> && requires(S s, S const cs, byte_view bytes, extent e, std::span<extent const> es,
                                typename S::file_system fs, std::string const& path, store_options const& o) {
        { S::open(fs, path, o) } -> std::same_as<result<S>>;
        { s.write(bytes) } -> std::same_as<result<extent>>;
        { s.write(bytes, std::uint64_t{}) } -> std::same_as<result<extent>>;
        { cs.read(e) } -> std::same_as<result<extent_view>>;
        { s.release(e) } -> std::same_as<void>;
        { s.publish(bytes) } -> std::same_as<result<void>>;
        { cs.root() } -> std::same_as<byte_vector>;
        { s.retain(es) } -> std::same_as<result<void>>;
        { cs.verify() } -> std::same_as<result<void>>;
        { s.trim() } -> std::same_as<std::uint64_t>;
        { cs.stats() } -> std::same_as<store_stats>;
    };

namespace detail {
template <class P, class FS>
inline constexpr bool page_store_refuses = false;
template <class P, class FS>
requires requires { P::template fits<FS>; }
inline constexpr bool page_store_refuses<P, FS> = !P::template fits<FS>;
}  // namespace detail

/// A policy on axis::page_store: `P::template store<FileSystem>` is a page_store. `P::name` says what it is,
/// `P::format` names the bytes on disk (stores with equal formats open each other's files),
/// `P::persistent` is false when nothing survives the process.
/// One that needs more of FS than a file_system says so by `P::template fits<FS>`, which is asked before store<FS> is named.
template <class P, class FS>
concept page_store_policy =
    std::same_as<typename P::policy_axis, axis::page_store> && !detail::page_store_refuses<P, FS> &&
    page_store<typename P::template store<FS>> && requires {
        { P::name } -> std::convertible_to<std::string_view>;
        { P::format } -> std::convertible_to<std::string_view>;
        { P::persistent } -> std::convertible_to<bool>;
    };

}  // namespace tenon
