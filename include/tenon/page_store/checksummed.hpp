// SPDX-License-Identifier: Apache-2.0
// A page store over another: every extent and root ends in a checksum that every read verifies.
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

namespace detail::pages {

/// The 16 bytes behind a payload (docs/formats/checksummed_extent.md).
struct trailer {
    std::uint32_t magic  = 0;
    std::uint32_t crc    = 0;  ///< crc32c over the payload, then over `length`
    std::uint64_t length = 0;  ///< payload bytes
};
static_assert(sizeof(trailer) == 16 && std::is_trivially_copyable_v<trailer>);

inline constexpr std::uint32_t trailer_magic = 0x63657274;  // "trec"

inline std::uint32_t trailer_crc(byte_view payload) noexcept {
    auto const length = static_cast<std::uint64_t>(payload.size());
    return crc32c(object_bytes(length), crc32c(payload));
}
inline trailer trailer_of(byte_view payload) noexcept { return {trailer_magic, trailer_crc(payload), payload.size()}; }

/// Empty when `sealed` is a payload of its length and its trailer, else what is wrong.
inline std::string trailer_fault(byte_view sealed) {
    if (sealed.size() < sizeof(trailer)) return "there is no room for the checksum";
    auto const payload = sealed.first(sealed.size() - sizeof(trailer));
    auto const t       = load<trailer>(sealed.data() + payload.size());
    if (t.magic != trailer_magic) return "there is no checksum behind them";
    if (t.length != payload.size()) return "they were written as " + std::to_string(t.length) + " bytes";
    if (auto const found = trailer_crc(payload); t.crc != found)
        return "their checksum should be " + std::to_string(t.crc) + " and is " + std::to_string(found);
    return {};
}

}  // namespace detail::pages

/// checksummed<Inner> - Inner, with a crc32c behind every extent and root.
///
/// Maps        the caller's extent {o, n} -> Inner's extent {o, n + 16}: payload, then a trailer of magic, crc and length.
/// Guarantee   read returns the bytes that were written under this offset and size at some time, or errc::corrupt. Found: every
///             change of up to 32 neighbouring bits, any other with 1 - 2^-32; torn or cut extents; a wrong offset or size.
///             Not found: a whole, intact, older extent of equal size at the same offset (a write that the disk lost but
///             acknowledged).
/// Cost        crc32c of all bytes in every read and write; 16 bytes an extent. No copy of the payload where Inner takes parts.
///             A caller that reads an extent often keeps its view.
/// Errors      as Inner, and errc::corrupt with the offset.
/// Threads     as Inner.
/// On disk     Inner's format + "+crc32c", docs/formats/checksummed_extent.md
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
        using trailer     = detail::pages::trailer;

    public:
        using file_system = FS;

        static result<store> open(FS fs, std::string const& path, store_options const& options) {
            auto sealed_options = options;
            sealed_options.signature.append(" ").append(
                suffix);  // a store without checksums refuses the file, and this one theirs
            auto opened = inner_store::open(std::move(fs), path, sealed_options);
            if (!opened) return fail(std::move(opened.error()));
            if (auto const root = opened->root(); !root.empty())
                if (auto fault = detail::pages::trailer_fault(root); !fault.empty())
                    return fail(errc::corrupt,
                                {path, ": the ", root.size(), " bytes of the root are not what was published: ", fault,
                                 "; restore the file from a backup"});
            return store(std::make_unique<state>(std::move(*opened), path));
        }

        result<extent> write(byte_view bytes) {
            auto const t       = detail::pages::trailer_of(bytes);
            auto       written = write_sealed(bytes, object_bytes(t));
            if (!written) return written;
            std::lock_guard const guard(s_->mutex);
            s_->live[written->offset] = bytes.size();
            return extent{written->offset, bytes.size()};
        }

        result<extent_view> read(extent e) const {
            if (e.size > ~std::uint64_t{0} - sizeof(trailer)) return corrupt(e, "no extent is that long");
            auto sealed = s_->inner.read(outer(e));
            if (!sealed) return sealed;
            if (auto fault = detail::pages::trailer_fault(sealed->bytes()); !fault.empty()) return corrupt(e, fault);
            return extent_view(sealed->bytes().first(static_cast<std::size_t>(e.size)), sealed->owner());
        }

        void release(extent e) {
            {
                std::lock_guard const guard(s_->mutex);
                auto const            found = s_->live.find(e.offset);
                expects(found != s_->live.end() && found->second == e.size,
                        "page_store::release takes an extent that write returned or retain was given, once");
                s_->live.erase(found);
                ++s_->releases;
            }
            s_->inner.release(outer(e));
        }

        result<void> publish(byte_view bytes) {
            byte_vector sealed(bytes.begin(), bytes.end());
            put(sealed, detail::pages::trailer_of(bytes));
            return s_->inner.publish(sealed);
        }

        byte_vector root() const {
            auto sealed = s_->inner.root();
            if (!sealed.empty()) sealed.resize(sealed.size() - sizeof(trailer));
            return sealed;
        }

        result<void> retain(std::span<extent const> extents) {
            std::vector<extent> inner;
            inner.reserve(extents.size());
            for (auto const& e : extents) {
                if (e.size > ~std::uint64_t{0} - sizeof(trailer)) return corrupt(e, "no extent is that long");
                inner.push_back(outer(e));
            }
            if (auto done = s_->inner.retain(inner); !done) return done;
            std::lock_guard const guard(s_->mutex);
            s_->live.clear();
            for (auto const& e : extents) s_->live.emplace(e.offset, e.size);
            return {};
        }

        result<void> verify() const {
            if (auto done = s_->inner.verify(); !done) return done;
            if (auto const root = s_->inner.root(); !root.empty())
                if (auto fault = detail::pages::trailer_fault(root); !fault.empty())
                    return fail(errc::corrupt, {s_->path, ": the root is not what was published: ", fault});
            std::map<std::uint64_t, std::uint64_t> all;
            {
                std::lock_guard const guard(s_->mutex);
                all = s_->live;
            }
            for (auto const& [offset, size] : all) {
                for (;;) {  // again when the extent was released, and its space written anew, while it was read
                    std::uint64_t before;
                    {
                        std::lock_guard const guard(s_->mutex);
                        auto const            found = s_->live.find(offset);
                        if (found == s_->live.end() || found->second != size) break;
                        before = s_->releases;
                    }
                    auto const view = read({offset, size});
                    if (view) break;
                    std::lock_guard const guard(s_->mutex);
                    if (s_->releases == before) return fail(view.error());
                }
            }
            return {};
        }

        store_stats stats() const { return s_->inner.stats(); }

    private:
        struct state {
            state(inner_store i, std::string p) : inner(std::move(i)), path(std::move(p)) {}

            inner_store                            inner;
            std::string                            path;
            mutable std::mutex                     mutex;  // guards live and releases
            std::map<std::uint64_t, std::uint64_t> live;   // offset -> payload bytes
            std::uint64_t                          releases = 0;
        };

        explicit store(std::unique_ptr<state> s) noexcept : s_(std::move(s)) {}

        static constexpr extent outer(extent e) noexcept { return {e.offset, e.size + sizeof(trailer)}; }

        result<extent> write_sealed(byte_view payload, byte_view end) {
            if constexpr (requires(std::span<byte_view const> parts) { s_->inner.write_parts(parts); }) {
                std::array<byte_view, 2> const parts{payload, end};
                return s_->inner.write_parts(parts);
            } else {
                byte_vector sealed;
                sealed.reserve(payload.size() + end.size());
                put_bytes(sealed, payload);
                put_bytes(sealed, end);
                return s_->inner.write(sealed);
            }
        }

        tl::unexpected<error> corrupt(extent e, std::string_view fault) const {
            return fail(errc::corrupt,
                        {s_->path, ": the ", e.size, " bytes at offset ", e.offset,
                         " are not what was written: ", std::string(fault), "; restore the file from a backup"});
        }

        std::unique_ptr<state> s_;
    };
};

static_assert(page_store_policy<checksummed<archetype::page_store_policy>, archetype::file_policy>);

}  // namespace tenon
