// SPDX-License-Identifier: Apache-2.0
// Encoded keys in ascending order as flat bytes, with a position index over their first eight bytes.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/key_codec.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/ordered_index/concept.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tenon {

/// sorted_keys - the keys of a run, or the values of an ordered index part.
///
/// Maps        encoded key -> position (rank); byte order is key order.
/// Shapes      n keys; the projection of a key is its first 8 bytes as a big-endian number, so it ascends too.
/// Guarantee   lower_bound agrees with std::lower_bound over the encoded keys; duplicates allowed; no reserved value.
/// Cost        look-up: one model look-up, and for keys longer than 8 bytes a binary search among equal projections.
/// Errors      open: errc::corrupt. build: errc::unsorted_keys with the first offending rank.
/// On disk     "tenonSK1", docs/formats/run.md
/// Threads     const members may be called concurrently.
template <ordered_index Index>
class sorted_keys {
    static constexpr std::uint64_t magic = 0x314b536e6f6e6574;  // "tenonSK1"
    struct header {
        std::uint64_t magic, count, fixed_size, offsets_at, bytes_at, bytes_size, model_at, model_size;
    };

public:
    class builder {
    public:
        /// fixed_size: the length of every key when they are all alike and at most 8 bytes, else 0.
        explicit builder(std::size_t fixed_size) : fixed_(fixed_size) {}
        void add(byte_view key) {
            projections_.push_back(key_projection(key));
            if (fixed_ == 0) {
                put_bytes(bytes_, key);
                offsets_.push_back(bytes_.size());
            }
        }
        std::uint64_t size() const noexcept { return projections_.size(); }
        std::size_t   bytes() const noexcept { return projections_.size() * 16 + bytes_.size(); }

        result<byte_vector> finish() {
            auto model = Index::template build<std::uint64_t>(projections_);
            if (!model) return fail(std::move(model).error());
            header      h{magic, projections_.size(), fixed_, 0, 0, bytes_.size(), 0, model->size()};
            byte_vector out(sizeof(header));
            put_bytes(out, std::as_bytes(std::span(projections_)));
            if (fixed_ == 0) {
                h.offsets_at = out.size();
                put_bytes(out, std::as_bytes(std::span(offsets_)));
                h.bytes_at = out.size();
                put_bytes(out, bytes_);
            }
            pad_to(out, 64);
            h.model_at = out.size();
            put_bytes(out, *model);
            std::memcpy(out.data(), &h, sizeof h);
            return out;
        }

    private:
        std::size_t                fixed_;
        std::vector<std::uint64_t> projections_, offsets_{0};
        byte_vector                bytes_;
    };

    static result<sorted_keys> open(byte_view bytes) {
        auto const bad = [](char const* what) {
            return fail(errc::corrupt, {"sorted keys: ", what, "; the part does not hold what was written"});
        };
        if (bytes.size() < sizeof(header)) return bad("shorter than their header");
        auto const  h = load<header>(bytes.data());
        sorted_keys out;
        if (h.magic != magic) return bad("wrong magic");
        if (h.fixed_size > 8) return bad("fixed key size above 8");
        out.fixed_ = static_cast<std::size_t>(h.fixed_size);
        if (!view_array(bytes, sizeof(header), h.count, out.projections_)) return bad("projections leave the part");
        if (h.fixed_size == 0) {
            if (h.count == ~std::uint64_t{0} || !view_array(bytes, h.offsets_at, h.count + 1, out.offsets_))
                return bad("offsets leave the part");
            if (!view_array(bytes, h.bytes_at, h.bytes_size, out.bytes_)) return bad("key bytes leave the part");
        }
        byte_view model;
        if (!view_array(bytes, h.model_at, h.model_size, model)) return bad("model leaves the part");
        auto index = Index::template view<std::uint64_t>::open(model, out.projections_);
        if (!index) return fail(std::move(index).error());
        out.index_.emplace(std::move(*index));
        return out;
    }

    std::uint64_t size() const noexcept { return projections_.size(); }
    std::uint64_t projection(position i) const noexcept { return projections_[i]; }

    /// Eight bytes that a short key is written into.
    using buffer = std::array<std::byte, 8>;
    /// The encoded key at a position below size(). Lives as long as the buffer and the part.
    byte_view key(position i, buffer& space) const noexcept {
        if (fixed_ != 0) {
            std::uint64_t const big = __builtin_bswap64(projections_[i]);
            std::memcpy(space.data(), &big, 8);
            return {space.data(), fixed_};
        }
        auto const first = std::min<std::uint64_t>(offsets_[i], bytes_.size());
        auto const last  = std::clamp<std::uint64_t>(offsets_[i + 1], first, bytes_.size());
        return bytes_.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first));
    }

    /// First position whose key is not less than the encoded key (which may be a prefix of one).
    position lower_bound(byte_view k) const noexcept {
        auto const p = key_projection(k);
        if (fixed_ != 0 && k.size() <= fixed_) return index_->lower_bound(p);
        auto [first, last] = index_->equal_range(p);
        buffer space;
        while (first < last) {
            auto const middle = first + (last - first) / 2;
            if (as_chars(key(middle, space)) < as_chars(k)) first = middle + 1;
            else last = middle;
        }
        return first;
    }
    /// The position of a key, size() when it is not there.
    position find(byte_view k) const noexcept {
        auto const at = lower_bound(k);
        buffer     space;
        return at < size() && as_chars(key(at, space)) == as_chars(k) ? at : size();
    }
    /// What find would say over bytes that are yet to be verified: need(byte_view) -> result<void> is called for those that the answer rests
    /// on. Looks at others as well, and at whatever they hold, but does not believe them. Nothing when that led astray: then all must be
    /// verified. The first 64 bytes, which open believes, are the caller's to verify.
    template <class Need>
    result<std::optional<position>> find_in_part(byte_view k, Need need) const {
        auto const at = lower_bound(k);
        buffer     space;
        if (at > size()) return std::nullopt;
        if (at > 0) {
            if (auto done = need_key(at - 1, need); !done) return fail(std::move(done).error());
            if (as_chars(key(at - 1, space)) >= as_chars(k)) return std::nullopt;
        }
        if (at == size()) return at;
        if (auto done = need_key(at, need); !done) return fail(std::move(done).error());
        auto const there = as_chars(key(at, space));
        if (there < as_chars(k)) return std::nullopt;
        return there == as_chars(k) ? at : size();
    }
    /// Positions the model left to search for a key; for explain.
    position_range window(byte_view k) const noexcept { return index_->window(key_projection(k)); }

    result<void> validate() const {
        buffer a, b;
        for (position i = 0; i < size(); ++i) {
            if (fixed_ == 0 && (offsets_[i] > offsets_[i + 1] || offsets_[i + 1] > bytes_.size()))
                return fail(errc::corrupt, {"sorted keys: offsets of key ", i, " are out of order"});
            auto const k = key(i, a);
            if (key_projection(k) != projections_[i])
                return fail(errc::corrupt, {"sorted keys: projection of key ", i, " is wrong"});
            if (i > 0 && as_chars(key(i - 1, b)) > as_chars(k))
                return fail(errc::corrupt, {"sorted keys: key ", i, " is smaller than the one before"});
        }
        return index_->validate();
    }

private:
    template <class Need>
    result<void> need_key(position i, Need& need) const {
        auto const at = static_cast<std::size_t>(i);
        if (auto done = need(std::as_bytes(projections_.subspan(at, 1))); !done || fixed_ != 0) return done;
        if (auto done = need(std::as_bytes(offsets_.subspan(at, 2))); !done) return done;
        buffer unused;
        return need(key(i, unused));
    }

    std::size_t                                                 fixed_ = 0;
    std::span<std::uint64_t const>                              projections_, offsets_;
    byte_view                                                   bytes_;
    std::optional<typename Index::template view<std::uint64_t>> index_;
};

}  // namespace tenon
