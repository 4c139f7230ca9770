// SPDX-License-Identifier: Apache-2.0
// A page store over another: every reference holds the checksum of what it refers to, and every read verifies it.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/core/crc32c.hpp"
#include "tenon/file/archetype.hpp"
#include "tenon/page_store/archetype.hpp"
#include "tenon/page_store/concept.hpp"
#include "tenon/page_store/layout.hpp"

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
/// Maps        payload -> Inner's extent, check = crc32c(payload). Payloads of a MiB and more: behind them lies a list of the crc32c of each
///             64 KiB, and check = crc32c(list), so that a part can be verified without the rest.
/// Guarantee   read returns the bytes that this very write was given, or errc::corrupt. Found: every change of up to 32 neighbouring
///             bits, any other with 1 - 2^-32; torn and cut extents; what belongs elsewhere or is from before (writes that the disk
///             lost or misdirected), since the checksum lies with who refers to the bytes, up to the root, and not beside them.
/// Cost        crc32c of all bytes in every read and write. A caller that reads an extent often keeps its view. read_in_part, where Inner
///             keeps all in memory: of the list, and of what is looked at.
/// Errors      as Inner, and errc::corrupt with the offset.
/// Threads     as Inner.
/// On disk     Inner's format + "+crc32c/2", docs/formats/checksummed_extent.md
/// Source      a tree of checksums, each in its parent: Merkle, 1979; as ZFS and Btrfs use it.
/// Use when    the medium or the memory in between is not trusted. Avoid over a store that authenticates (encrypted ones do).
template <class Inner>
struct checksummed {
    static_assert(std::same_as<typename Inner::policy_axis, axis::page_store>,
                  "tenon: checksummed<Inner> wraps another page store policy, such as checksummed<mmap_store<>>");

private:
    static constexpr std::string_view suffix = "+crc32c/2", prefix = "checksummed ";

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
            auto written = write_summed(bytes, before);
            if (!written) return written;
            std::lock_guard const guard(s_->mutex);
            s_->live[written->offset] = *written;
            return written;
        }

        result<extent_view> read(extent e) const {
            auto view = in_chunks(e.size) ? read_chunks(e) : s_->inner.read(bare(e));
            if (!view) return view;
            if (in_chunks(e.size)) {
                if (auto whole = view->need(view->bytes()); !whole) return fail(std::move(whole.error()));
            } else if (auto const found = std::uint64_t{crc32c(view->bytes())}; found != e.check) {
                return differs(e, e.size, e.offset, found);
            }
            return view;
        }
        /// As read, but of a large extent only what extent_view::need has seen is verified.
        result<extent_view> read_in_part(extent e) const
        requires(!evicts)
        {
            return in_chunks(e.size) ? read_chunks(e) : read(e);
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

        static constexpr bool takes_tail =
            requires(inner_store i, byte_view b) { i.write_with(b, b, std::uint64_t{}); };
        static constexpr bool in_chunks(std::uint64_t size) noexcept {
            return takes_tail && size >= (std::uint64_t{1} << 20) && size <= (std::uint64_t{1} << 62);
        }
        static constexpr std::uint64_t list_bytes(std::uint64_t size) noexcept {
            return detail::chunk_checks::count(size) * sizeof(std::uint32_t);
        }
        /// As Inner knows it.
        static constexpr extent bare(extent e) noexcept {
            return {e.offset, in_chunks(e.size) ? detail::pages::whole_pages(e.size) + list_bytes(e.size) : e.size};
        }

        result<extent> write_summed(byte_view bytes, std::uint64_t before) {
            if constexpr (takes_tail)
                if (in_chunks(bytes.size())) {
                    auto const sums    = detail::chunk_checks::sums_of(bytes);
                    auto const list    = std::as_bytes(std::span(sums));
                    auto       written = s_->inner.write_with(bytes, list, before);
                    if (written) *written = {written->offset, bytes.size(), crc32c(list)};
                    return written;
                }
            auto written = s_->inner.write(bytes, before);
            if (written) written->check = crc32c(bytes);
            return written;
        }
        result<extent_view> read_chunks(extent e) const {
            auto view = s_->inner.read(bare(e));
            if (!view) return view;
            auto const at      = static_cast<std::size_t>(detail::pages::whole_pages(e.size));
            auto const list    = view->bytes().subspan(at);
            auto const payload = view->bytes().first(static_cast<std::size_t>(e.size));
            if (auto const found = std::uint64_t{crc32c(list)}; found != e.check)
                return differs(e, list.size(), e.offset + at, found);
            return extent_view(payload, view->owner(),
                               std::make_shared<detail::chunk_checks const>(payload, list, s_->path, e.offset));
        }
        [[gnu::cold]] tl::unexpected<error> differs(extent e, std::uint64_t bytes, std::uint64_t offset,
                                                    std::uint64_t found) const {
            return fail(errc::corrupt, {s_->path, ": the ", bytes, " bytes at offset ", offset,
                                        " are not what was written: their checksum should be ", e.check, " and is ",
                                        found, "; restore the file from a backup"});
        }

        std::unique_ptr<state> s_;
    };
};

static_assert(page_store_policy<checksummed<archetype::page_store_policy>, archetype::file_policy>);

}  // namespace tenon
