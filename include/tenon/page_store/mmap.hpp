// SPDX-License-Identifier: Apache-2.0
// A page store in one file that is read through a read-only map and written by pwrite.
#pragma once

#include "tenon/page_store/concept.hpp"
#include "tenon/page_store/paged_file.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/mman.h>

namespace tenon {

/// A file that the operating system can map: `descriptor()` is its open descriptor.
template <class F>
concept mappable_file = file<F> && requires(F const& f) {
    { f.descriptor() } -> std::same_as<int>;
};

namespace detail::pages {

/// A range of addresses; the file is mapped over its beginning. Never moves.
class address_range {
public:
    /// At most `wish` and at least `least` bytes.
    static std::shared_ptr<address_range> reserve(std::uint64_t wish, std::uint64_t least) {
#ifdef MAP_NORESERVE
        constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
#else
        constexpr int flags = MAP_PRIVATE | MAP_ANON;
#endif
        least = (least + step - 1) / step * step;
        wish =
            std::max(std::min<std::uint64_t>(wish, std::numeric_limits<std::size_t>::max() / 4) / step * step, least);
        for (; wish >= least && wish > 0; wish = wish / 2 / step * step) {
            void* p = ::mmap(nullptr, static_cast<std::size_t>(wish), PROT_NONE, flags, -1, 0);
            if (p != MAP_FAILED)
                return std::shared_ptr<address_range>(new address_range(static_cast<std::byte*>(p), wish));
        }
        return nullptr;
    }
    address_range(address_range const&)            = delete;
    address_range& operator=(address_range const&) = delete;
    ~address_range() { ::munmap(base_, static_cast<std::size_t>(size_)); }

    /// Maps the file's bytes up to `to`. The last step may lie behind the end of the file: those pages answer as soon as the
    /// file has grown, and nobody reads them before. Off Linux, where that is not promised, they are mapped again.
    [[gnu::cold]] result<void> map(int descriptor, std::uint64_t from, std::uint64_t to, std::string const& path) {
#ifdef __linux__
        from = mapped_;
#endif
        from     = std::min(from, mapped_) / step * step;
        auto end = (to + step - 1) / step * step;
        if (end <= from) return {};
        auto* const at     = base_ + from;
        auto const  length = static_cast<std::size_t>(end - from);
        if (::mmap(at, length, PROT_READ, MAP_SHARED | MAP_FIXED, descriptor, static_cast<off_t>(from)) == MAP_FAILED)
            return fail(errc::io, {path, ": mapping ", length, " bytes at offset ", from,
                                   " failed: ", std::system_category().message(errno)});
        (void)::madvise(at, length, MADV_RANDOM);  // hints: an error changes nothing but speed
#ifdef MADV_HUGEPAGE
        (void)::madvise(at, length, MADV_HUGEPAGE);
#endif
        mapped_ = end;
        return {};
    }
    std::byte const* base() const noexcept { return base_; }
    std::uint64_t    size() const noexcept { return size_; }

    static constexpr std::uint64_t step = std::uint64_t{2} << 20;  // a multiple of every page size

private:
    address_range(std::byte* base, std::uint64_t size) noexcept : base_(base), size_(size) {}

    std::byte*    base_;
    std::uint64_t size_;
    std::uint64_t mapped_ = 0;
};

/// Reads are addresses in the newest range. A file that outgrows a range is mapped whole into a longer one; views into the range before
/// stay where they are and keep it.
template <std::uint64_t ReserveBytes>
class map_reader {
public:
    template <class File>
    [[gnu::cold]] static result<map_reader> make(File const& from, std::uint64_t size) {
        map_reader out;
        if (auto done = out.map_anew(from, size); !done) return fail(std::move(done.error()));
        return out;
    }
    template <class File>
    [[gnu::cold]] result<void> grow(File const& from, std::uint64_t begin, std::uint64_t end) {
        auto const& range = *ranges_->all.back();
        if (end > range->size()) return map_anew(from, end);
        return range->map(from.descriptor(), begin, end, from.path());
    }
    template <class File>
    result<extent_view> view(File const&, extent e) const {
        auto const& range = *ranges_->newest.load(std::memory_order_acquire);
        return extent_view({range->base() + e.offset, static_cast<std::size_t>(e.size)}, range);
    }

private:
    using range_pointer = std::shared_ptr<address_range>;
    struct ranges {
        std::vector<std::unique_ptr<range_pointer>> all;  // the newest is the last
        std::atomic<range_pointer const*>           newest{nullptr};
    };

    template <class File>
    [[gnu::cold]] result<void> map_anew(File const& from, std::uint64_t size) {
        auto const least = size + size / 4 + address_range::step;
        auto       range = address_range::reserve(std::max(ReserveBytes, 2 * size), least);
        if (!range)
            return fail(
                errc::io,
                {std::string(from.path()), ": the system gave no ", least,
                 " bytes of addresses to map the file; raise the limit (ulimit -v) or open it with file_store<>"});
        if (auto done = range->map(from.descriptor(), 0, size, from.path()); !done) return done;
        ranges_->all.push_back(std::make_unique<range_pointer>(std::move(range)));
        ranges_->newest.store(ranges_->all.back().get(), std::memory_order_release);
        return {};
    }

    std::unique_ptr<ranges> ranges_ = std::make_unique<ranges>();
};

}  // namespace detail::pages

/// mmap_store - extents in one file that is mapped read-only: a read is an address, nothing is copied.
///
/// Maps        extent -> address: base + offset. The base of a view stays the same while the view lives.
/// Units       ReserveBytes of addresses (no memory) are reserved at open, less where the system gives less; a file that grows beyond is
///             mapped again into twice as many. GrowBytes as for file_store.
/// Guarantee   as file_store; growing the file invalidates no reader. Huge pages and random access are asked for.
/// Cost        read: O(1), no system call, no allocation, no lock. write: one pwrite through the same descriptor.
/// Errors      as the concept; bounds are checked against the file's size, so a file cut short before open gives errc::corrupt.
///             Another program that cuts the file while it is open, or a medium that fails under a read, kills the process
///             (SIGBUS): the system offers no other answer to a map.
/// Threads     all members but open and retain may be called concurrently.
/// On disk     "tenon.pages/2", docs/formats/page_file.md; the same bytes as file_store.
/// Use when    the file is local. Prefer file_store<> on network file systems and on 32-bit systems.
template <std::uint64_t ReserveBytes = (std::uint64_t{1} << 40), std::uint64_t GrowBytes = (std::uint64_t{1} << 20)>
struct mmap_store {
    static_assert(
        ReserveBytes > 0 && GrowBytes > 0,
        "tenon: mmap_store<ReserveBytes, GrowBytes> needs positive numbers of bytes; mmap_store<> has good ones");

    using policy_axis                            = axis::page_store;
    static constexpr std::string_view name       = "mmap_store";
    static constexpr std::string_view format     = "tenon.pages/2";
    static constexpr bool             persistent = true;

    /// Whether the files of FS can be mapped; `store<FS>` asserts it.
    template <class FS>
    static constexpr bool fits = mappable_file<typename FS::file>;

    template <class FS>
    struct checked {
        static_assert(
            fits<FS>,
            "tenon: mmap_store maps files of the operating system and this file system's files have no descriptor(); "
            "use posix_files, or file_store<> with this one");
        using type = detail::pages::paged_file<FS, detail::pages::map_reader<ReserveBytes>, GrowBytes>;
    };
    template <class FS>
    using store = typename checked<FS>::type;
};

}  // namespace tenon
