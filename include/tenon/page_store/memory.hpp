// SPDX-License-Identifier: Apache-2.0
// A page store on the heap: the obvious one, and the oracle of the others.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/file/archetype.hpp"
#include "tenon/page_store/aligned_bytes.hpp"
#include "tenon/page_store/concept.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>

/// memory_store - every extent a heap buffer; nothing survives the process.
///
/// Maps        extent -> a buffer. Offsets are made up, only grow and are never used twice.
/// Guarantee   each open gives a new, empty store: no file is made, path and signature are not looked at.
///             A view outlives the release of its extent.
/// Cost        O(log extents) and a copy.
/// Errors      full: no memory. corrupt: an extent that is not here. read_only stores take no write.
/// Threads     all members but open and retain may be called concurrently; reads take a shared lock.
/// Use when    tests, caches, data that need not outlive the process.
namespace tenon {

struct memory_store {
    using policy_axis                            = axis::page_store;
    static constexpr std::string_view name       = "memory_store";
    static constexpr std::string_view format     = "none";
    static constexpr bool             persistent = false;

    template <class FS>
    class store {
    public:
        using file_system = FS;

        static result<store> open(FS, std::string const& path, store_options const& options) {
            return store(std::make_unique<state>(path, options.read_only));
        }

        result<extent> write(byte_view bytes, std::uint64_t before = ~std::uint64_t{0}) {
            if (s_->read_only) return read_only();
            if (before != ~std::uint64_t{0})
                return fail(errc::full, {s_->path, " (in memory): offsets only grow, none is before ", before});
            auto buffer = detail::pages::aligned_bytes::make(bytes.size());
            if (!buffer) return fail(errc::full, {"no memory for an extent of ", bytes.size(), " bytes"});
            std::copy(bytes.begin(), bytes.end(), buffer->bytes().begin());
            std::lock_guard const guard(s_->mutex);
            auto const            e = extent{s_->next, bytes.size()};
            s_->next += space_of(e.size);
            s_->live_bytes += space_of(e.size);
            s_->extents.emplace(e.offset, std::move(buffer));
            return e;
        }

        result<extent_view> read(extent e) const {
            std::shared_lock const guard(s_->mutex);
            auto const             found = s_->extents.find(e.offset);
            if (found == s_->extents.end() || found->second->bytes().size() != e.size)
                return fail(errc::corrupt,
                            {s_->path, " (in memory): there is no extent of ", e.size, " bytes at offset ", e.offset});
            return extent_view(found->second->bytes(), found->second);
        }

        void release(extent e) {
            std::lock_guard const guard(s_->mutex);
            auto const            found = s_->extents.find(e.offset);
            expects(found != s_->extents.end() && found->second->bytes().size() == e.size,
                    "page_store::release takes an extent that write returned or retain was given, once");
            s_->live_bytes -= space_of(e.size);
            s_->extents.erase(found);
        }

        result<void> publish(byte_view bytes) {
            if (s_->read_only) return read_only();
            byte_vector           copy(bytes.begin(), bytes.end());
            std::lock_guard const guard(s_->mutex);
            s_->root = std::move(copy);
            ++s_->generation;
            return {};
        }

        byte_vector root() const {
            std::shared_lock const guard(s_->mutex);
            return s_->root;
        }

        /// A new store holds nothing, so there is nothing that could be retained.
        result<void> retain(std::span<extent const> extents) {
            if (extents.empty()) return {};
            return fail(errc::corrupt, {s_->path, " (in memory): a store that was just opened has no extent at offset ",
                                        extents.front().offset});
        }

        result<void> verify() const { return {}; }

        std::uint64_t trim() noexcept { return ~std::uint64_t{0}; }

        store_stats stats() const {
            std::shared_lock const guard(s_->mutex);
            auto const             root = s_->root.empty() ? 0 : space_of(s_->root.size());
            store_stats            out;
            out.file_bytes = out.live_bytes = s_->live_bytes + root;
            out.generation                  = s_->generation;
            return out;
        }

    private:
        struct state {
            state(std::string p, bool r) : path(std::move(p)), read_only(r) {}

            std::string                                                            path;
            bool                                                                   read_only;
            mutable std::shared_mutex                                              mutex;
            std::map<std::uint64_t, std::shared_ptr<detail::pages::aligned_bytes>> extents;
            std::uint64_t next = 4096, live_bytes = 0, generation = 0;
            byte_vector   root;
        };

        explicit store(std::unique_ptr<state> s) noexcept : s_(std::move(s)) {}

        static constexpr std::uint64_t space_of(std::uint64_t n) noexcept {
            return std::max<std::uint64_t>(4096, (n + 4095) / 4096 * 4096);
        }
        tl::unexpected<error> read_only() const {
            return fail(errc::read_only, {s_->path, " (in memory) was opened read-only"});
        }

        std::unique_ptr<state> s_;
    };
};

static_assert(page_store_policy<memory_store, archetype::file_policy>);

}  // namespace tenon
