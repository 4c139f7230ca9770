// SPDX-License-Identifier: Apache-2.0
// A page store in one file that is read into heap buffers; works on every file system.
#pragma once

#include "tenon/file/archetype.hpp"
#include "tenon/page_store/aligned_bytes.hpp"
#include "tenon/page_store/concept.hpp"
#include "tenon/page_store/paged_file.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tenon {

namespace detail::pages {

struct heap_reader {
    template <file File>
    static result<heap_reader> make(File const&, std::uint64_t) {
        return heap_reader{};
    }
    template <file File>
    result<void> grow(File const&, std::uint64_t, std::uint64_t) {
        return {};
    }
    template <file File>
    result<extent_view> view(File const& from, extent e) const {
        auto buffer = aligned_bytes::make(e.size);
        if (!buffer) return no_memory(from.path(), e);
        if (auto done = read_exactly(from, e.offset, buffer->bytes(), describe(e)); !done)
            return fail(std::move(done.error()));
        auto const bytes = byte_view(buffer->bytes());
        return extent_view(bytes, std::move(buffer));
    }
};

}  // namespace detail::pages

/// file_store - extents in one file, each read copied into a 64-byte-aligned heap buffer.
///
/// Maps        extent -> its bytes, by pread into memory that the extent_view owns.
/// Units       GrowBytes: the least step by which the file grows; a 64th of what is in use when that is more, a GiB at most.
/// Guarantee   a crash leaves the old root or the new one, each with all that was synced before it.
///             Views stay whole also when the file is cut short by another program.
/// Cost        read: one allocation, one pread. write: one pwrite, O(log extents). publish: two syncs.
/// Errors      as the concept.
/// Threads     all members but open and retain may be called concurrently.
/// On disk     "tenon.pages/2", docs/formats/page_file.md; the same bytes as mmap_store.
/// Use when    the file system cannot be mapped (memory, simulated, encrypted ones) or may fail under a map.
///             Prefer mmap_store<> for reads without copies.
template <std::uint64_t GrowBytes = (std::uint64_t{1} << 20)>
struct file_store {
    static_assert(GrowBytes > 0,
                  "tenon: file_store<GrowBytes> grows by 0 bytes; give a positive number, such as 1 << 20");

    using policy_axis                            = axis::page_store;
    static constexpr std::string_view name       = "file_store";
    static constexpr std::string_view format     = "tenon.pages/2";
    static constexpr bool             persistent = true;

    template <class FS>
    using store = detail::pages::paged_file<FS, detail::pages::heap_reader, GrowBytes>;
};

static_assert(page_store_policy<file_store<>, archetype::file_policy>);

}  // namespace tenon
