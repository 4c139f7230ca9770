// SPDX-License-Identifier: Apache-2.0
// A page store over another: every reference holds the checksum of what it refers to, and every read verifies it.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/core/crc32c.hpp"
#include "tenon/file/archetype.hpp"
#include "tenon/page_store/archetype.hpp"
#include "tenon/page_store/concept.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon {

/// checksummed<Inner> - Inner, with the crc32c of its bytes in every extent's `check`.
///
/// Maps        payload -> Inner's extent, check = crc32c(payload). Nothing is added to the payload.
/// Guarantee   read returns the bytes that this very write was given, or errc::corrupt. Found: every change of up to 32 neighbouring
///             bits, any other with 1 - 2^-32; torn and cut extents; what belongs elsewhere or is from before (writes that the disk
///             lost or misdirected), since the checksum lies with who refers to the bytes, up to the root, and not beside them.
/// Cost        crc32c of all bytes in every read and write. A caller that reads an extent often keeps its view.
/// Errors      as Inner, and errc::corrupt with the offset.
/// Threads     as Inner.
/// On disk     Inner's format + "+crc32c", docs/formats/checksummed_extent.md
/// Source      a tree of checksums, each in its parent: Merkle, 1979; as ZFS and Btrfs use it.
/// Use when    the medium or the memory in between is not trusted. Avoid over a store that authenticates (encrypted ones do).
template <class Inner>
struct checksummed {
    static_assert(std::same_as<typename Inner::policy_axis, axis::page_store>,
                  "tenon: checksummed<Inner> wraps another page store policy, such as checksummed<mmap_store<>>");

private:
    static constexpr std::string_view suffix = "+crc32c", prefix = "checksummed ";

    template <std::size_t N>
    static constexpr std::array<char, N> join(std::string_view a, std::string_view b) {
        std::array<char, N> out{};
        for (std::size_t i = 0; i < N; ++i) out[i] = i < a.size() ? a[i] : b[i - a.size()];
        return out;
    }
    static constexpr std::string_view inner_name = Inner::name, inner_format = Inner::format;
    static constexpr auto             name_chars   = join<prefix.size() + inner_name.size()>(prefix, inner_name);
    static constexpr auto             format_chars = join<inner_format.size() + suffix.size()>(inner_format, suffix);

public:
    using policy_axis                            = axis::page_store;
    static constexpr std::string_view name       = {name_chars.data(), name_chars.size()};
    static constexpr std::string_view format     = {format_chars.data(), format_chars.size()};
    static constexpr bool             persistent = Inner::persistent;

    /// Whether Inner works on FS.
    template <class FS>
    static constexpr bool fits = !detail::page_store_refuses<Inner, FS>;

    template <class FS>
    class store {
        using inner_store = typename Inner::template store<FS>;

    public:
        using file_system            = FS;
        static constexpr bool evicts = evicts_extents<inner_store>;

        static result<store> open(FS fs, std::string const& path, store_options const& options) {
            auto signed_options = options;
            signed_options.signature.append(" ").append(
                suffix);  // a store without checksums refuses the file, and this one theirs
            auto opened = inner_store::open(std::move(fs), path, signed_options);
            if (!opened) return fail(std::move(opened.error()));
            return store(std::make_unique<state>(std::move(*opened), path));
        }

        result<extent> write(byte_view bytes, std::uint64_t before = ~std::uint64_t{0}) {
            auto written = s_->inner.write(bytes, before);
            if (!written) return written;
            written->check = crc32c(bytes);
            std::lock_guard const guard(s_->mutex);
            s_->live[written->offset] = *written;
            return written;
        }

        result<extent_view> read(extent e) const {
            auto view = s_->inner.read(bare(e));
            if (!view) return view;
            if (auto const found = std::uint64_t{crc32c(view->bytes())}; found != e.check)
                return fail(errc::corrupt, {s_->path, ": the ", e.size, " bytes at offset ", e.offset,
                                            " are not what was written: their checksum should be ", e.check, " and is ",
                                            found, "; restore the file from a backup"});
            return view;
        }

        void release(extent e) {
            {
                std::lock_guard const guard(s_->mutex);
                auto const            found = s_->live.find(e.offset);
                expects(found != s_->live.end() && found->second == e,
                        "page_store::release takes an extent that write returned or retain was given, once");
                s_->live.erase(found);
                ++s_->releases;
            }
            s_->inner.release(bare(e));
        }

        result<void> publish(byte_view bytes) { return s_->inner.publish(bytes); }

        byte_vector root() const { return s_->inner.root(); }

        result<void> retain(std::span<extent const> extents) {
            std::vector<extent> inner;
            inner.reserve(extents.size());
            for (auto const& e : extents) inner.push_back(bare(e));
            if (auto done = s_->inner.retain(inner); !done) return done;
            std::lock_guard const guard(s_->mutex);
            s_->live.clear();
            for (auto const& e : extents) s_->live.emplace(e.offset, e);
            return {};
        }

        result<void> verify() const {
            if (auto done = s_->inner.verify(); !done) return done;
            std::map<std::uint64_t, extent> all;
            {
                std::lock_guard const guard(s_->mutex);
                all = s_->live;
            }
            for (auto const& [offset, e] : all) {
                for (;;) {  // again when the extent was released, and its space written anew, while it was read
                    std::uint64_t before;
                    {
                        std::lock_guard const guard(s_->mutex);
                        auto const            found = s_->live.find(offset);
                        if (found == s_->live.end() || found->second != e) break;
                        before = s_->releases;
                    }
                    auto const view = read(e);
                    if (view) break;
                    std::lock_guard const guard(s_->mutex);
                    if (s_->releases == before) return fail(view.error());
                }
            }
            return {};
        }

        std::uint64_t trim() { return s_->inner.trim(); }

        store_stats stats() const { return s_->inner.stats(); }

    private:
        struct state {
            state(inner_store i, std::string p) : inner(std::move(i)), path(std::move(p)) {}

            inner_store                     inner;
            std::string                     path;
            mutable std::mutex              mutex;  // guards live and releases
            std::map<std::uint64_t, extent> live;   // by offset
            std::uint64_t                   releases = 0;
        };

        explicit store(std::unique_ptr<state> s) noexcept : s_(std::move(s)) {}

        /// As Inner knows it.
        static constexpr extent bare(extent e) noexcept { return {e.offset, e.size}; }

        std::unique_ptr<state> s_;
    };
};

static_assert(page_store_policy<checksummed<archetype::page_store_policy>, archetype::file_policy>);

}  // namespace tenon
