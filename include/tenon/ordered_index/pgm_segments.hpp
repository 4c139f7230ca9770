// SPDX-License-Identifier: Apache-2.0
// Straight pieces of a map from keys to positions, sixteen bytes each, with a window that is proven for every key.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_index/corridor_sieve.hpp"
#include "tenon/ordered_index/index_report.hpp"
#include "tenon/ordered_index/key_tree.hpp"
#include "tenon/ordered_index/sorted_keys.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::detail {

__extension__ using segment_wide = unsigned __int128;

/// Positions per unit of the key: mantissa / 2^(shift + 1), exact, in 24 bits.
struct segment_slope {
    static constexpr unsigned mantissa_bits = 18;

    std::uint32_t mantissa = 0;
    std::uint32_t shift    = 0;  ///< 0 to 63

    /// The nearest to `slope` / 2^64; no less than 0, no more than about 2^17.
    static segment_slope nearest(segment_wide slope) noexcept {
        auto const high  = static_cast<std::uint64_t>(slope >> 64);
        auto const width = high != 0 ? 64 + static_cast<unsigned>(std::bit_width(high))
                                     : static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(slope)));
        auto const drop  = width > mantissa_bits ? std::min(width - mantissa_bits, 63u) : 0u;
        auto const kept  = (slope + (drop > 0 ? segment_wide{1} << (drop - 1) : 0)) >> drop;
        auto const most  = (std::uint32_t{1} << mantissa_bits) - 1;
        if (kept <= most) return {static_cast<std::uint32_t>(kept), 63 - drop};
        return drop < 63 ? segment_slope{(most + 1) / 2, 62 - drop} : segment_slope{most, 0};
    }

    static constexpr std::uint64_t limit = std::uint64_t{1} << 62;

    double value() const noexcept {
        return static_cast<double>(mantissa) / static_cast<double>(std::uint64_t{1} << shift) / 2;
    }

    /// floor(d * slope), held to 2^62.
    std::uint64_t times(std::uint64_t d) const noexcept {
        auto const high = static_cast<std::uint64_t>((segment_wide{d} * mantissa) >> 64);
        auto const out  = inside(d);
        return high >> shift != 0 || out > limit ? limit : out;
    }
    /// The same. Precondition: it is less than 2^62.
    std::uint64_t inside(std::uint64_t d) const noexcept {
        auto const product = segment_wide{d} * mantissa;
        auto const high = static_cast<std::uint64_t>(product >> 64), low = static_cast<std::uint64_t>(product);
        return low >> 1 >> shift | high << (63 - shift);
    }
};

/// `rise` over d = p - origin moves the window; `top` is its upper end at the origin. One word on disk.
struct segment_record {
    static constexpr unsigned      top_bits  = 40;
    static constexpr std::uint64_t top_limit = std::uint64_t{1} << top_bits;

    std::uint64_t word = 0;  ///< top << 24 | shift << 18 | mantissa

    static segment_record of(std::uint64_t top, segment_slope s) noexcept {
        return {top << 24 | std::uint64_t{s.shift} << segment_slope::mantissa_bits | s.mantissa};
    }
    std::uint64_t top() const noexcept { return word >> 24; }
    segment_slope slope() const noexcept {
        return {static_cast<std::uint32_t>(word & 0x3ffffu), static_cast<std::uint32_t>(word >> 18 & 63u)};
    }
};
static_assert(sizeof(segment_record) == 8);

/// A piece while it is made: it answers for p in [origin, last], and no key of an earlier rank than `rank` lies there.
struct segment_piece {
    std::uint64_t origin = 0, last = 0, rank = 0;
    segment_slope slope{};
    std::int64_t  least = 0, most = 0;  ///< of lower_bound(p) - slope.times(p - origin) over all p it answers for
};

/// Fills in least and most from the keys of ranks [piece.rank, end), which lie in [origin, last]. Precondition: none of their products
/// with the slope reaches 2^62.
///
/// Between two stored keys a < b lower_bound is the rank of b and the slope's product only grows, so a + 1 and b bound the gap; a
/// later duplicate gives a weaker bound below and the right one above. The keys equal to `last` have no gap behind them here.
template <class Keys>
void prove_segment(segment_piece& piece, Keys const& keys, std::uint64_t end) {
    auto const   origin = piece.origin;
    auto const   slope  = piece.slope;
    std::int64_t least = static_cast<std::int64_t>(piece.rank), most = least;
    auto         with_gap = end;
    while (with_gap > piece.rank && keys[with_gap - 1] == piece.last) --with_gap;
    auto const see = [&](std::uint64_t i, std::uint64_t key) {
        auto const d     = key - origin;
        auto const rank  = static_cast<std::int64_t>(i);
        auto const below = rank - static_cast<std::int64_t>(slope.inside(d));
        auto const above = rank + 1 - static_cast<std::int64_t>(slope.inside(d + 1));
        least            = below < least ? below : least;
        most             = above > most ? above : most;
    };
    auto i = piece.rank;
    if constexpr (deviations::quick) {
        // Rounding down moves a bound by less than one, so that only keys which deviate about as much as any count. Products for which
        // doubles are too coarse deviate by more than any window has room for, whatever is left out.
        std::array<std::uint64_t, deviations::block> block;
        deviations                                   line(origin, slope.value());
        auto const                                   whole = i + (with_gap - i) / block.size() * block.size();
        auto const                                   fill  = [&](std::uint64_t from) {
            for (std::size_t j = 0; j < block.size(); ++j) block[j] = keys[from + j];
            return static_cast<double>(from - piece.rank);
        };
        for (auto from = i; from < whole; from += block.size()) {
            auto const rank = fill(from);
            line.note(block.data(), rank);
        }
        auto const low = line.least() + 1.25, high = line.most() - 1.25;
        for (; i < whole; i += block.size()) {
            auto const rank = fill(i);
            for (auto left = line.beyond(block.data(), rank, low, high); left != 0; left &= left - 1) {
                auto const j = static_cast<unsigned>(std::countr_zero(left));
                see(i + j, block[j]);
            }
        }
    }
    for (; i < with_gap; ++i) see(i, keys[i]);
    if (with_gap < end)
        least = std::min(
            least, static_cast<std::int64_t>(with_gap) - static_cast<std::int64_t>(slope.inside(piece.last - origin)));
    piece.least = least, piece.most = most;
}

/// A point of the staircase from keys to positions.
struct segment_point {
    std::uint64_t x    = 0;
    std::uint64_t rank = 0;
};

/// Cuts keys into pieces that a corridor of +-epsilon around their ranks can hold, one pass.
///
/// Points are each distinct key at the rank of its first occurrence; behind duplicates, where the next key is not adjacent, also the
/// gap's begin at the rank of its end. `Corridor` offers
///   start(x, rank); add(x, rank, low): whether a piece can go on to a point that it must not pass below `low` - epsilon;
///   slope(): of the piece, in 1 / 2^64; joins: whether a piece begins at the last point of the one before. If so,
///   split(point): where the next piece begins when `point` was refused; else it begins at the point, and there is
///   covers(x, rank): true only when add(x, rank, rank) would be true and change nothing; x may be a duplicate, too;
///   wide(), add_block(keys, n, before, rank): many keys that differ, at once.
template <class Corridor, class Keys>
class segment_cutter {
public:
    /// Ranks that a piece spans at most, so that the rounding of its slope moves no prediction by more than one.
    static constexpr std::uint64_t most_ranks = std::uint64_t{3} << 15;

    segment_cutter(Keys const& keys, std::uint64_t epsilon) : keys_(keys), corridor_(epsilon) {}

    std::vector<segment_piece> cut() {
        auto const n = keys_.size();
        if (n == 0) return {};
        begin({keys_[0], 0});
        for (std::uint64_t i = 1; i < n;) {
            if constexpr (!Corridor::joins)
                if (i >= blocks_from_ && (i = take_blocks(i)) == n) break;
            std::uint64_t const x = keys_[i];
            if (covers(x, i)) {
                ++i;
            } else if (x != keys_[i - 1]) {
                take(x, i, i);
                ++i;
            } else {
                while (i < n && keys_[i] == x) ++i;
                distinct_ = i;
                if (i < n && keys_[i] - x > 1) take(x + 1, i, i - 1);
            }
        }
        close(keys_[n - 1], n);
        return std::move(pieces_);
    }

private:
    static constexpr unsigned context = 16, large = 64, small = 8;

    /// Takes blocks of keys that differ, from rank i on; returns the first rank that it did not take. A block that is refused is halved: the
    /// piece ends in it.
    std::uint64_t take_blocks(std::uint64_t i) {
        for (;;) {
            auto const known = i - std::max(start_.rank, distinct_);
            auto const end   = std::min(keys_.size(), limit_);
            auto const room  = i < end ? end - i : 0;
            auto const fits = std::min({room, std::max(i - start_.rank, span_before_) / 2, std::uint64_t{block_size_}});
            if (known == 0 || fits < small || !corridor_.wide()) return i;
            auto const n     = static_cast<unsigned>(std::bit_floor(fits));
            auto const front = std::min<std::uint64_t>(context, i);
            for (std::uint64_t j = 0; j < front + n; ++j) block_[context - front + j] = keys_[i - front + j];
            auto const went = corridor_.add_block(block_.data() + context, n,
                                                  static_cast<unsigned>(std::min<std::uint64_t>(context, known)), i);
            if (went == Corridor::block::taken) {
                i += n;
                block_size_ = ends_ ? n / 2 : std::min(2 * n, large);
                pause_      = small;
            } else {
                ends_ |= went == Corridor::block::refused;
                block_size_ = std::max(n / 2, small);
                if (n > small) continue;
                pause_       = went == Corridor::block::repeats ? std::min(2 * pause_, 64 * small) : small;
                blocks_from_ = i + pause_;
                return i;
            }
        }
    }
    bool covers(std::uint64_t x, std::uint64_t rank) const noexcept {
        if constexpr (Corridor::joins) return false;
        else return rank < limit_ && corridor_.covers(x, rank);
    }
    void begin(segment_point at) {
        span_before_ = at.rank - start_.rank;
        start_       = at;
        limit_       = at.rank + most_ranks;
        blocks_from_ = 0;
        block_size_  = large;
        ends_        = false;
        corridor_.start(at.x, at.rank);
    }
    void take(std::uint64_t x, std::uint64_t rank, std::uint64_t low) {
        for (;;) {
            if (rank < limit_ && corridor_.add(x, rank, low)) return;
            segment_point next{x, rank};
            if constexpr (Corridor::joins) next = corridor_.split(next);
            close(next.x - 1, next.rank);
            begin(next);
            if (next.x == x) return;
        }
    }
    void close(std::uint64_t last, std::uint64_t end) {
        segment_piece piece{start_.x, last, start_.rank, segment_slope::nearest(corridor_.slope()), 0, 0};
        prove_segment(piece, keys_, end);
        pieces_.push_back(piece);
    }

    Keys const&   keys_;
    Corridor      corridor_;
    segment_point start_{};
    std::uint64_t limit_ = 0, span_before_ = 0;
    std::uint64_t blocks_from_ = 0, distinct_ = 0;
    unsigned      block_size_ = large, pause_ = small;
    bool          ends_ = false;  ///< the piece, within the next 2 * block_size_ keys
    std::array<std::uint64_t, context + large + context> block_{};
    std::vector<segment_piece>                           pieces_;
};

/// Behind the index_header; what routes to the segments lies behind the records.
struct segment_head {
    std::uint64_t segments  = 0;
    std::uint64_t width     = 0;   ///< of every window: last - first
    std::uint64_t origin    = 0;   ///< the projection of the first key
    std::uint64_t router[4] = {};  ///< the policy's own
    std::uint64_t zero      = 0;
};
static_assert(sizeof(segment_head) == 64 && flat_type<segment_head>);

/// The segments of a model: a key_tree over the last p that each answers for, then their records.
///
/// Invariants  (1) segments - 1 separators and the last key, strictly ascending. (2) Each record's window holds lower_bound of every p
///             between its separators. (3) Behind the records stand two more that point to the end, for p above all keys.
class segment_store {
public:
    static constexpr std::uint64_t tree_at   = sizeof(index_header) + sizeof(segment_head);
    static constexpr std::uint64_t most_keys = segment_record::top_limit / 2;

    static std::uint64_t bytes(std::uint64_t segments) noexcept {
        return tree_at + key_tree::bytes(segments) + (segments + 2) * sizeof(segment_record);
    }

    /// errc::too_large when records have no room for so many ranks.
    static result<void> check_size(std::uint64_t n) {
        if (n <= most_keys) return {};
        return fail(errc::too_large, {"an index of segments holds at most 2^39 keys, but there are ", n});
    }

    /// The separators of pieces.
    static std::vector<std::uint64_t> separators(std::vector<segment_piece> const& pieces) {
        std::vector<std::uint64_t> out;
        out.reserve(pieces.size());
        for (auto const& p : pieces) out.push_back(p.last);
        return out;
    }

    /// Bytes for n keys, with room for an index_header in front. `head` gets all but the policy's own words.
    static byte_vector put(std::vector<segment_piece> const& pieces, std::span<std::uint64_t const> separators,
                           std::uint64_t n, segment_head& head) {
        head.segments = pieces.size();
        head.origin   = pieces.empty() ? 0 : pieces.front().origin;
        for (auto const& p : pieces) head.width = std::max(head.width, static_cast<std::uint64_t>(p.most - p.least));
        byte_vector out;
        out.reserve(static_cast<std::size_t>(bytes(pieces.size())));
        out.resize(tree_at);
        key_tree::put(out, separators);
        for (auto const& p : pieces) {
            auto const spare = head.width - static_cast<std::uint64_t>(p.most - p.least);
            tenon::put(out, segment_record::of(static_cast<std::uint64_t>(p.most) + spare / 2, p.slope));
        }
        for (int i = 0; i < 2; ++i) tenon::put(out, segment_record::of(n + head.width, {}));
        return out;
    }

    /// Fills in both headers.
    static void finish(byte_vector& model, index_header const& header, segment_head const& head) noexcept {
        std::memcpy(model.data(), &header, sizeof header);
        std::memcpy(model.data() + sizeof header, &head, sizeof head);
    }

    /// O(1), over untrusted bytes that begin with a checked header. Nothing is said about what lies behind the records, at `end`.
    static result<segment_store> open(index_header const& header, byte_view model, std::uint64_t& end) {
        std::span<segment_head const> heads;
        if (reinterpret_cast<std::uintptr_t>(model.data()) % 8 != 0)
            return fail(errc::invalid_argument,
                        "the bytes of a position index must be aligned to 8; copy them to aligned memory");
        if (!view_array(model, sizeof(index_header), 1, heads) || header.zero != 0 || heads.front().zero != 0)
            return fail(errc::corrupt,
                        {"the position index has ", model.size(), " bytes and no second header at offset 128"});
        auto const& h = heads.front();
        if (h.segments > model.size() / sizeof(segment_record) || bytes(h.segments) > model.size() ||
            header.keys > most_keys || h.width >= most_keys)
            return fail(errc::corrupt,
                        {"the position index says it has ", h.segments, " segments and windows of ", h.width,
                         ", which does not fit its ", model.size(), " bytes and ", header.keys, " keys"});
        auto tree = key_tree::open(model, tree_at, h.segments);
        if (!tree) return fail(std::move(tree).error());
        segment_store out;
        out.tree_ = *std::move(tree);
        out.head_ = h;
        out.keys_ = header.keys;
        std::span<segment_record const> records;
        if (!view_array(model, tree_at + key_tree::bytes(h.segments), h.segments + 2, records))
            return fail(errc::corrupt, "the records of the segments do not fit");
        out.records_ = records.data();
        end          = bytes(h.segments);
        return out;
    }

    std::uint64_t       keys() const noexcept { return keys_; }
    segment_head const& head() const noexcept { return head_; }
    key_tree const&     tree() const noexcept { return tree_; }
    void                prefetch_record(std::uint64_t place) const noexcept { tenon::prefetch(records_ + place); }

    /// A line for an index_report.
    std::string describe() const {
        double const n = static_cast<double>(keys_), m = static_cast<double>(head_.segments);
        return "pieces: " + grouped(head_.segments) + " of 17 bytes, " + short_number(m == 0 ? 0 : n / m) +
               " keys each; windows of " + grouped(head_.width + 1) + " positions\n";
    }

    /// Of a place in [0, segments]: what the locator of a located_view gives.
    position_range window(std::uint64_t place, std::uint64_t p) const noexcept {
        auto const record = records_[place];
        auto const origin = place == 0 ? head_.origin : tree_.separator(place - 1) + 1;
        auto const line   = record.top() + record.slope().times(p < origin ? 0 : p - origin);
        auto const next   = records_[place + 1].top();  // where the line has left its keys behind
        auto const top    = line < next ? line : next;
        auto const last   = top < keys_ ? top : keys_;
        auto const first  = top > head_.width ? top - head_.width : 0;
        return {first < last ? first : last, last};
    }

    /// All invariants, O(n).
    template <class Keys>
    result<void> validate(Keys const& keys) const {
        auto const wrong = [](std::uint64_t segment, char const* how) {
            return fail(errc::corrupt, {"segment ", segment, " of the position index ", how, "; build it again"});
        };
        std::uint64_t rank = 0;
        if (!tree_.valid(tree_.separators())) return wrong(0, "lies under a tree that does not lead to it");
        if (keys.size() > 0 && (head_.segments == 0 || head_.origin != keys[0]))
            return wrong(0, "does not begin with the first key");
        for (std::uint64_t i = 0; i < head_.segments; ++i) {
            auto const record = records_[i];
            auto const origin = i == 0 ? head_.origin : tree_.separator(i - 1) + 1;
            auto const last   = tree_.separator(i);
            if (last < origin || (i > 0 && last <= tree_.separator(i - 1)))
                return wrong(i, "does not follow the one before it");
            segment_piece piece{origin, last, rank, record.slope(), 0, 0};
            while (rank < keys.size() && keys[rank] <= last) ++rank;
            auto const far = rank == piece.rank ? origin : keys[rank - 1] < last ? keys[rank - 1] + 1 : last;
            if (piece.slope.times(far - origin) == segment_slope::limit) return wrong(i, "is too steep");
            prove_segment(piece, keys, rank);
            auto const top = static_cast<std::int64_t>(record.top());
            if (top < piece.most || top - piece.least > static_cast<std::int64_t>(head_.width))
                return wrong(i, "claims a narrower window than its keys have");
        }
        if (rank != keys.size() || (rank > 0 && keys[rank - 1] != tree_.separator(head_.segments - 1)))
            return wrong(head_.segments, "does not begin behind the last key");
        for (auto const i : {head_.segments, head_.segments + 1})
            if (records_[i].word != segment_record::of(rank + head_.width, {}).word)
                return wrong(i, "does not stand for the end");
        return {};
    }

private:
    key_tree              tree_;
    segment_head          head_{};
    segment_record const* records_ = nullptr;
    std::uint64_t         keys_    = 0;
};

/// "policy<number>" or "policy<number,second>" at compile time, filled up with zero bytes.
template <std::size_t N>
constexpr std::array<char, 64> numbered_name(char const (&policy)[N], std::uint64_t number, std::uint64_t second = 0) {
    std::array<char, 64> out{};
    std::size_t          at    = 0;
    auto const           digit = [&](auto& self, std::uint64_t v) -> void {
        if (v > 9) self(self, v / 10);
        out[at++] = static_cast<char>('0' + v % 10);
    };
    for (std::size_t i = 0; i + 1 < N; ++i) out[at++] = policy[i];
    out[at++] = '<';
    digit(digit, number);
    if (second > 0) out[at++] = ',', digit(digit, second);
    out[at] = '>';
    return out;
}
constexpr std::string_view name_view(std::array<char, 64> const& bytes) {
    std::size_t n = 0;
    while (bytes[n] != '\0') ++n;
    return {bytes.data(), n};
}

}  // namespace tenon::detail
