// SPDX-License-Identifier: Apache-2.0
// A 3-wise binary fuse filter: "surely absent" at about 9 bits a key, for runs that never change.
#pragma once

#include "tenon/filter/concept.hpp"

#include "tenon/core/axis.hpp"
#include "tenon/core/bytes.hpp"
#include "tenon/core/crc32c.hpp"
#include "tenon/core/hash.hpp"
#include "tenon/core/result.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace tenon {

namespace detail {

/// The first 64 bytes of a filter; slots, or a list of hashes, follow.
struct fuse_header {
    std::array<char, 24> name;            // "tenon.binary_fuse/1", zeros
    std::uint32_t        bits;            // of a slot: 8 or 16; 64: the body lists the hashes themselves
    std::uint32_t        segment_length;  // slots, a power of two
    std::uint32_t        segments;        // in which a hash can begin; two more follow
    std::uint32_t        zeros;
    std::uint64_t        seed;
    std::uint64_t        keys;        // distinct hashes
    std::uint32_t        body_crc;    // of all bytes after the header
    std::uint32_t        header_crc;  // of bytes [0, 60)
};
static_assert(sizeof(fuse_header) == 64 && std::is_trivially_copyable_v<fuse_header> &&
              offsetof(fuse_header, header_crc) == 60);

inline constexpr std::array<char, 24> fuse_name            = {'t', 'e', 'n', 'o', 'n', '.', 'b', 'i', 'n', 'a',
                                                              'r', 'y', '_', 'f', 'u', 's', 'e', '/', '1'};
inline constexpr std::uint32_t        fuse_longest_segment = 1u << 18;
inline constexpr std::uint32_t        fuse_exact_bits      = 64;
inline constexpr unsigned             fuse_attempts = 64;  // one in a few fails for very small sets, else hardly any

/// How many slots there are, and how they fall into segments.
struct fuse_shape {
    std::uint32_t segment_length, segments;

    std::uint64_t starts() const noexcept { return std::uint64_t{segments} * segment_length; }
    std::uint64_t slots() const noexcept { return starts() + 2 * std::uint64_t{segment_length}; }

    /// For n > 0 keys. Graf and Lemire's sizes, in arithmetic that is the same everywhere; `more` eighths larger.
    static fuse_shape of(std::uint64_t n, std::uint64_t more) noexcept {
        std::uint32_t length = 4;
        for (double keys = 2.465; length < fuse_longest_segment && keys <= static_cast<double>(n); keys *= 3.33)
            length *= 2;  // 2 to the power of log(n) / log(3.33) + 2.25, rounded down
        auto const whole    = static_cast<unsigned>(std::bit_width(n)) - 1;
        auto const part     = whole < 10 ? (n << 10 >> whole) & 1023 : (n >> (whole - 10)) & 1023;
        auto const log2     = std::max<std::uint64_t>((std::uint64_t{whole} << 10) + part, 1024);  // times 1024
        auto const per_1024 = std::max<std::uint64_t>(1152, 896 + (5103ull << 10) / log2);  // slots for 1024 keys
        auto const slots    = n / 1024 * per_1024 + (n % 1024 * per_1024 + 1023) / 1024;
        auto const wanted   = (slots + slots / 8 * more + more + length - 1) / length;
        return {length, static_cast<std::uint32_t>(std::clamp<std::uint64_t>(wanted, 3, 0xffffffffu) - 2)};
    }
    friend bool operator==(fuse_shape const&, fuse_shape const&) = default;
};

/// Where a hash looks, and what the three slots there xor to.
struct fuse_probe {
    std::array<std::uint64_t, 3> at;
    std::uint16_t                print;

    fuse_probe(std::uint64_t mixed, fuse_shape shape) noexcept {
        std::uint64_t const length = shape.segment_length, mask = length - 1;
        auto const          first = multiply_wide(mixed, shape.starts()).high;
        at    = {first, (first + length) ^ (mixed >> 18 & mask), (first + 2 * length) ^ (mixed & mask)};
        print = static_cast<std::uint16_t>(mixed ^ mixed >> 32);
    }
};
constexpr std::uint64_t fuse_mix(std::uint64_t hash, std::uint64_t seed) noexcept { return hash_u64(hash ^ seed); }

/// One attempt to give every hash a slot of its own.
class fuse_peeling {
public:
    /// Whether it went well; then order() holds every hash, and the slot that is its own. Fails when a hash stands twice.
    bool run(std::span<std::uint64_t const> hashes, std::uint64_t seed, fuse_shape shape) {
        shape_ = shape;
        slots_.assign(static_cast<std::size_t>(shape.slots()), {});
        peeled_.clear();
        spread(hashes, seed);
        bool crowded = false;
        for (auto const mixed : mixed_) {
            fuse_probe const probe(mixed, shape);
            for (unsigned i = 0; i < 3; ++i) crowded |= add(slots_[static_cast<std::size_t>(probe.at[i])], mixed, i);
        }
        if (crowded) return false;
        peeled_.reserve(hashes.size());
        for (std::size_t i = 0; i < slots_.size(); ++i) peel_from(i);
        return peeled_.size() == hashes.size();
    }
    struct peeled {
        std::uint64_t mixed;
        unsigned      own;  // which of its three slots
    };
    /// To be assigned from the back: the slots of a hash other than its own are final by then.
    std::span<peeled const> order() const noexcept { return peeled_; }

private:
    struct slot {
        std::uint64_t hashes = 0;  // of all that look here, xored
        std::uint32_t count  = 0;
        std::uint32_t which  = 0;  // xor of the numbers under which they look here
    };
    static bool add(slot& s, std::uint64_t mixed, unsigned which) noexcept {
        s.hashes ^= mixed;
        s.which ^= which;
        return ++s.count == 0;
    }
    /// Hashes that look into the same segments side by side, so that slots are met in cache.
    void spread(std::span<std::uint64_t const> hashes, std::uint64_t seed) {
        auto const bits  = std::min(static_cast<unsigned>(std::bit_width(shape_.segments)), 16u);
        auto const block = [&](std::uint64_t mixed) { return static_cast<std::size_t>(mixed >> (64 - bits)); };
        std::vector<std::size_t> next((std::size_t{1} << bits) + 1);
        for (auto const h : hashes) ++next[block(fuse_mix(h, seed)) + 1];
        for (std::size_t i = 1; i < next.size(); ++i) next[i] += next[i - 1];
        mixed_.resize(hashes.size());
        for (auto const h : hashes) {
            auto const mixed             = fuse_mix(h, seed);
            mixed_[next[block(mixed)]++] = mixed;
        }
    }
    /// Takes the hash that is alone in slot `i`, and those that thereby become alone elsewhere.
    void peel_from(std::size_t i) {
        alone_.assign(1, i);
        while (!alone_.empty()) {
            auto const at = alone_.back();
            alone_.pop_back();
            if (slots_[at].count != 1) continue;
            peeled const p{slots_[at].hashes, slots_[at].which};
            peeled_.push_back(p);
            fuse_probe const probe(p.mixed, shape_);
            for (unsigned k = 0; k < 3; ++k) {
                auto& s = slots_[static_cast<std::size_t>(probe.at[k])];
                s.hashes ^= p.mixed;
                s.which ^= k;
                if (--s.count == 1) alone_.push_back(static_cast<std::size_t>(probe.at[k]));
            }
        }
    }

    fuse_shape                 shape_{};
    std::vector<slot>          slots_;
    std::vector<std::uint64_t> mixed_;
    std::vector<std::size_t>   alone_;
    std::vector<peeled>        peeled_;
};

inline byte_vector fuse_finish(fuse_header h, byte_vector out) {
    h.name       = fuse_name;
    h.body_crc   = crc32c(byte_view(out).subspan(sizeof(h)));
    h.header_crc = crc32c(object_bytes(h).first(offsetof(fuse_header, header_crc)));
    std::memcpy(out.data(), &h, sizeof(h));
    return out;
}

/// Slots such that the three of every peeled hash xor to its print.
template <class Print>
byte_vector fuse_slots(fuse_header const& h, fuse_shape shape, std::span<fuse_peeling::peeled const> order) {
    byte_vector out(sizeof(h) + static_cast<std::size_t>(shape.slots()) * sizeof(Print));
    auto const  place = [&](std::uint64_t i) { return out.data() + sizeof(h) + i * sizeof(Print); };
    for (auto i = order.size(); i-- > 0;) {
        fuse_probe const probe(order[i].mixed, shape);
        auto             print = static_cast<Print>(probe.print);
        for (auto const at : probe.at) print = static_cast<Print>(print ^ load<Print>(place(at)));
        std::memcpy(place(probe.at[order[i].own]), &print, sizeof(print));
    }
    return out;
}

inline void fuse_sort_unique(std::vector<std::uint64_t>& hashes) {
    std::sort(hashes.begin(), hashes.end());
    hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
}

/// Tries `attempts` seeds, then lists the hashes themselves: so it ends whatever the hashes are.
template <class Print>
byte_vector fuse_build(std::span<std::uint64_t const> input, unsigned attempts) {
    std::vector<std::uint64_t> hashes;
    hashes.reserve(input.size());
    std::unique_copy(input.begin(), input.end(),
                     std::back_inserter(hashes));  // of sorted keys equal ones are neighbours
    fuse_header h{};
    h.bits = 8 * sizeof(Print);
    fuse_peeling peeling;
    for (unsigned attempt = 0; attempt < attempts && !hashes.empty(); ++attempt) {
        auto const shape = fuse_shape::of(hashes.size(), attempt / 8);
        h.seed           = hash_u64(attempt);
        if (peeling.run(hashes, h.seed, shape)) {
            h.segment_length = shape.segment_length;
            h.segments       = shape.segments;
            h.keys           = hashes.size();
            return fuse_finish(h, fuse_slots<Print>(h, shape, peeling.order()));
        }
        if (attempt == 0) fuse_sort_unique(hashes);
    }
    fuse_sort_unique(hashes);
    h.seed = 0;
    h.keys = hashes.size();
    if (!hashes.empty()) h.bits = fuse_exact_bits;
    byte_vector out(sizeof(h));
    put_bytes(out, std::as_bytes(std::span(hashes)));
    return fuse_finish(h, std::move(out));
}

}  // namespace detail

/// binary_fuse - three slots for each key whose xor is a fingerprint of its hash.
///
/// Guarantee   true for every hash it was built from; wrongly true for 2^-Bits of the others: 0.4 % with 8 bits, 0.0015 % with 16.
/// Cost        build O(n) expected, about 60 bytes of scratch a key, no recursion; may_contain three loads that are independent of each
///             other. open O(1), no copy. Memory 9 bits a key (18 with 16-bit slots) beyond 100,000 keys, more for few: 64 bytes of
///             header and 12 slots at least. Duplicates cost no memory; when not side by side they cost a sort.
/// Errors      open: bytes that are not a filter, or cut: errc::corrupt. Slots are not read by open; validate() does.
/// Threads     const members may be called concurrently.
/// On disk     "tenon.binary_fuse/1", docs/formats/binary_fuse.md. A filter made with the other Bits opens as well.
/// Invariants  (1) build ends: each attempt peels a slot at most as often as hashes look there, and after 64 seeds, with ever more
///             slots, the body is the sorted list of the hashes, which needs no luck. Whoever can choose hashes that defeat every
///             seed gains 64 bits a key and a look-up in O(log n), not a loop.
///             (2) open has checked that every slot a hash can name lies in the body.
/// Source      Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters", 2022. Differs: sizes in integers, so that
///             equal hashes give equal bytes everywhere; the list as the last resort.
/// Use when    runs live long and memory counts: smaller than bloom at less than half of its errors; prefer bloom where runs are built more
///             often than asked.
template <unsigned Bits = 8>
struct binary_fuse {
    static_assert(Bits == 8 || Bits == 16,
                  "binary_fuse: Bits must be 8 (0.4 % false positives) or 16 (0.0015 %), the size of a slot");

    using policy_axis                      = axis::filter;
    static constexpr std::string_view name = "binary_fuse";

    /// A filter for these hashes, in any order.
    static byte_vector build(std::span<std::uint64_t const> hashes) {
        return detail::fuse_build<std::conditional_t<Bits == 8, std::uint8_t, std::uint16_t>>(hashes,
                                                                                              detail::fuse_attempts);
    }

    /// Reads a filter in place; the bytes must outlive it. They need no alignment.
    class view {
    public:
        static result<view> open(byte_view bytes) {
            using header = detail::fuse_header;
            if (bytes.size() < sizeof(header))
                return fail(errc::corrupt,
                            {"binary fuse filter: ", bytes.size(), " bytes, but the header alone has 64"});
            auto const h = load<header>(bytes.data());
            if (h.name != detail::fuse_name)
                return fail(errc::corrupt, "binary fuse filter: offset 0 does not say tenon.binary_fuse/1");
            if (h.header_crc != crc32c(bytes.first(offsetof(header, header_crc))))
                return fail(errc::corrupt,
                            "binary fuse filter: the header's checksum at offset 60 does not match bytes 0 to 59");
            if (!is_sound(h))
                return fail(errc::corrupt, {"binary fuse filter: ", h.bits, " bits, segments of ", h.segment_length,
                                            ", ", h.segments, " of them, ", h.keys, " keys is not what build writes"});
            auto const elements = h.bits == detail::fuse_exact_bits || h.keys == 0 ? h.keys : shape_of(h).slots();
            auto const rest     = bytes.size() - sizeof(header);
            if (rest % (h.bits / 8) != 0 || rest / (h.bits / 8) != elements)
                return fail(errc::corrupt, {"binary fuse filter: ", elements, " elements of ", h.bits,
                                            " bits expected after the header, found ", rest, " bytes"});
            return view(bytes.subspan(sizeof(header)), h);
        }

        /// False: the hash was surely not among those it was built from.
        bool may_contain(std::uint64_t hash) const noexcept {
            if (keys_ == 0) return false;
            if (bits_ == detail::fuse_exact_bits) return is_listed(hash);
            detail::fuse_probe const probe(detail::fuse_mix(hash, seed_), shape_);
            return bits_ == 8 ? matches<std::uint8_t>(probe) : matches<std::uint16_t>(probe);
        }

        /// Reads the whole body and compares its checksum.
        result<void> validate() const {
            if (crc32c(body_) != body_crc_)
                return fail(errc::corrupt,
                            "binary fuse filter: the checksum at offset 56 does not match the bytes from offset 64 on");
            return {};
        }
        /// Distinct hashes.
        std::uint64_t keys() const noexcept { return keys_; }
        std::uint64_t bytes() const noexcept { return sizeof(detail::fuse_header) + body_.size(); }

    private:
        view(byte_view body, detail::fuse_header const& h) noexcept
            : body_(body), seed_(h.seed), keys_(h.keys), shape_(shape_of(h)), bits_(h.bits), body_crc_(h.body_crc) {}

        static detail::fuse_shape shape_of(detail::fuse_header const& h) noexcept {
            return {h.segment_length, h.segments};
        }
        /// Do the header's fields fit each other? Their sizes cannot overflow: 2^32 segments of 2^18 slots.
        static bool is_sound(detail::fuse_header const& h) noexcept {
            if (h.zeros != 0) return false;
            bool const no_slots = h.segment_length == 0 && h.segments == 0;
            if (h.keys == 0) return no_slots && (h.bits == 8 || h.bits == 16);
            if (h.bits == detail::fuse_exact_bits) return no_slots;
            return (h.bits == 8 || h.bits == 16) && std::has_single_bit(h.segment_length) &&
                   h.segment_length <= detail::fuse_longest_segment && h.segments > 0;
        }
        template <class Print>
        bool matches(detail::fuse_probe const& probe) const noexcept {
            auto const at = [&](std::uint64_t i) { return load<Print>(body_.data() + i * sizeof(Print)); };
            return static_cast<Print>(at(probe.at[0]) ^ at(probe.at[1]) ^ at(probe.at[2])) ==
                   static_cast<Print>(probe.print);
        }
        bool is_listed(std::uint64_t hash) const noexcept {
            std::uint64_t low = 0, high = keys_;
            while (low < high) {
                auto const middle = low + (high - low) / 2;
                auto const there  = load<std::uint64_t>(body_.data() + middle * sizeof(hash));
                if (there == hash) return true;
                there < hash ? low = middle + 1 : high = middle;
            }
            return false;
        }

        byte_view          body_;
        std::uint64_t      seed_, keys_;
        detail::fuse_shape shape_;
        std::uint32_t      bits_, body_crc_;
    };
};

static_assert(filter<binary_fuse<>>);

}  // namespace tenon
