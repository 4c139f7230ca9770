// SPDX-License-Identifier: Apache-2.0
// The content of a simulated file: bytes in shared pages, what changed since the last sync, and what survives.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/hash.hpp"
#include "tenon/file/power_loss.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tenon::detail {

/// Bytes in pages that copies share until one is written to: a copy costs a pointer a page, a hole nothing.
/// Invariant: what lies behind size() in the last page is zero.
class sim_image {
public:
    static constexpr std::uint64_t page_bytes = 4096;

    std::uint64_t size() const noexcept { return size_; }

    /// Bytes read; what lies behind the end is left as it is.
    std::size_t read(std::uint64_t offset, std::span<std::byte> to) const {
        if (offset >= size_) return 0;
        auto const n = static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), size_ - offset));
        walk(offset, n, [&](std::size_t at, std::size_t in_page, std::size_t done, std::size_t m) {
            if (pages_[at]) std::memcpy(to.data() + done, pages_[at]->data() + in_page, m);
            else std::memset(to.data() + done, 0, m);
        });
        return n;
    }
    void write(std::uint64_t offset, byte_view bytes) {
        if (offset + bytes.size() > size_) resize(offset + bytes.size());
        walk(offset, bytes.size(), [&](std::size_t at, std::size_t in_page, std::size_t done, std::size_t m) {
            std::memcpy(own(at).data() + in_page, bytes.data() + done, m);
        });
    }
    void resize(std::uint64_t n) {
        if (n < size_ && n % page_bytes != 0 && pages_[static_cast<std::size_t>(n / page_bytes)]) {
            auto& last = own(static_cast<std::size_t>(n / page_bytes));
            std::fill(last.begin() + static_cast<std::ptrdiff_t>(n % page_bytes), last.end(), std::byte{0});
        }
        pages_.resize(static_cast<std::size_t>((n + page_bytes - 1) / page_bytes));
        size_ = n;
    }
    /// Takes the pages under [offset, offset + n) and the size of `other`.
    void adopt(sim_image const& other, std::uint64_t offset, std::uint64_t n) {
        pages_.resize(other.pages_.size());
        size_ = other.size_;
        for (auto p = offset / page_bytes; p * page_bytes < offset + n && p < pages_.size(); ++p)
            pages_[static_cast<std::size_t>(p)] = other.pages_[static_cast<std::size_t>(p)];
    }

private:
    using page = std::array<std::byte, page_bytes>;

    page& own(std::size_t at) {
        auto& p = pages_[at];
        if (!p) p = std::make_shared<page>();
        else if (p.use_count() > 1) p = std::make_shared<page>(*p);
        return *p;
    }
    template <class Visit>
    static void walk(std::uint64_t offset, std::size_t n, Visit visit) {
        for (std::size_t done = 0; done < n;) {
            auto const in_page = static_cast<std::size_t>((offset + done) % page_bytes);
            auto const m       = std::min<std::size_t>(n - done, page_bytes - in_page);
            visit(static_cast<std::size_t>((offset + done) / page_bytes), in_page, done, m);
            done += m;
        }
    }

    std::uint64_t                      size_ = 0;
    std::vector<std::shared_ptr<page>> pages_;
};

/// Which of the unsynced operations a power loss leaves: all decisions are functions of the seed and of what is decided.
struct sim_fate {
    enum class rule : unsigned char { nothing, everything, finished, prefix, scattered };

    rule          how       = rule::nothing;
    std::uint64_t seed      = 0;
    std::uint64_t cut       = 0;  ///< finished, prefix: operations before it are kept whole, later ones lost
    unsigned      keep_data = 0, keep_meta = 0;  ///< in 256ths

    std::uint64_t draw(std::uint64_t a, std::uint64_t b, std::uint64_t c) const noexcept {
        return hash_u64(hash_u64(hash_u64(seed + a) + b) + c);
    }
    /// Of an operation that is kept or lost whole.
    bool keeps(std::uint64_t number) const noexcept {
        switch (how) {
            case rule::nothing: return false;
            case rule::everything: return true;
            case rule::finished: return number < cut;
            case rule::prefix: return number < cut || (number == cut && draw(1, number, 0) % 2 == 0);
            case rule::scattered: return draw(1, number, 0) % 256 < keep_meta;
        }
        return false;
    }
};

/// A write or (without data) a resize that was issued after the last sync.
struct sim_change {
    std::uint64_t                      number;             ///< of the operation
    std::uint64_t                      offset;             ///< of a resize: the new size
    std::uint64_t                      old_size;           ///< of the file before it
    std::shared_ptr<byte_vector const> data;               ///< null for a resize; shared by copies of the world
    bool                               under_way = false;  ///< a direct write that has not returned

    bool          is_write() const noexcept { return data != nullptr; }
    byte_view     bytes() const noexcept { return data ? byte_view(*data) : byte_view(); }
    std::uint64_t end() const noexcept { return offset + bytes().size(); }
};

inline constexpr std::uint64_t sim_sector = 512;
using sim_sector_bytes                    = std::array<std::byte, sim_sector>;

/// What is not decided yet of a file that was found after a power loss.
struct sim_doubt {
    bool                    shaped = true;  ///< size and resizes are decided
    std::vector<sim_change> changes;        ///< until then
    /// What a sector may hold, the oldest first; that one stands in the image.
    std::map<std::uint64_t, std::shared_ptr<std::vector<sim_sector_bytes> const>> sectors;
};

/// Decides which resizes happened and how long the file is, and what each sector may hold then.
inline void sim_shape(sim_image& image, sim_doubt& doubt, power_loss_choices& choices) {
    auto const changes = std::exchange(doubt.changes, {});
    doubt.shaped       = true;
    std::vector<bool>       kept(changes.size(), true);
    std::set<std::uint64_t> sizes{image.size()};
    auto                    largest = image.size();
    for (std::size_t i = 0; i < changes.size(); ++i) {
        auto const& c = changes[i];
        largest       = std::max(largest, c.end());
        if (!c.is_write()) {
            kept[i] = choices.choose(2) == 1;
            if (kept[i]) sizes = {c.offset};
        } else if (c.end() > c.old_size && c.end() > *sizes.begin()) {  // an extension: whole, or up to a sector
            auto const from = std::max(c.old_size, *sizes.begin()) / sim_sector + 1, to = (c.end() - 1) / sim_sector;
            auto const step = std::max<std::uint64_t>(1, (to - std::min(to, from) + 7) / 7);
            for (auto s = from; s <= to; s += step) sizes.insert(s * sim_sector);
            sizes.insert(c.end());
        }
    }
    auto const size =
        *std::next(sizes.begin(), static_cast<std::ptrdiff_t>(sizes.size() > 1 ? choices.choose(sizes.size()) : 0));

    std::map<std::uint64_t, std::vector<sim_sector_bytes>> versions;
    auto const cut = [](sim_sector_bytes& bytes, std::uint64_t sector, std::uint64_t at) {
        if (at < (sector + 1) * sim_sector)
            std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at > sector * sim_sector ? at % sim_sector : 0),
                      bytes.end(), std::byte{0});
    };
    image.resize(largest);
    for (std::size_t i = 0; i < changes.size(); ++i) {
        auto const& c = changes[i];
        if (!c.is_write()) {
            if (!kept[i] || c.offset >= largest) continue;
            image.resize(c.offset);
            image.resize(largest);
            for (auto& [s, held] : versions)
                for (auto& bytes : held) cut(bytes, s, c.offset);
            continue;
        }
        for (auto s = c.offset / sim_sector; s * sim_sector < c.end(); ++s) {
            auto& held = versions[s];
            if (held.empty()) (void)image.read(s * sim_sector, held.emplace_back());
            auto       next = held.back();
            auto const from = std::max(c.offset, s * sim_sector), to = std::min(c.end(), (s + 1) * sim_sector);
            std::memcpy(next.data() + from % sim_sector, c.bytes().data() + (from - c.offset),
                        static_cast<std::size_t>(to - from));
            held.push_back(next);
        }
    }
    image.resize(size);
    std::erase_if(doubt.sectors, [&](auto const& s) { return s.first * sim_sector >= size; });
    for (auto& [s, held] : versions) {
        if (s * sim_sector >= size) continue;
        std::vector<sim_sector_bytes> distinct;
        for (auto& bytes : held) {
            cut(bytes, s, size);
            if (std::find(distinct.begin(), distinct.end(), bytes) == distinct.end()) distinct.push_back(bytes);
        }
        if (distinct.size() > 1)
            doubt.sectors[s] = std::make_shared<std::vector<sim_sector_bytes> const>(std::move(distinct));
    }
}

/// What is found in a file after power loss. Every 512-byte sector holds what it held at its last sync or after any of
/// the writes to it since, whatever the other sectors hold; an extension is there, or not, or in part, whatever its bytes
/// do, and shows zeros where they are missing; a resize happened or not.
inline sim_image sim_survivor(sim_image const& durable, std::vector<sim_change> const& changes, std::uint64_t file_id,
                              sim_fate const& fate) {
    if (fate.how == sim_fate::rule::nothing || changes.empty()) return durable;

    auto const whole = [&](sim_change const& c) {
        return fate.how == sim_fate::rule::everything ||
               (fate.how != sim_fate::rule::scattered && c.number < fate.cut &&
                !(fate.how == sim_fate::rule::finished && c.under_way));
    };
    auto const torn = [&](std::uint64_t number) {
        return fate.how == sim_fate::rule::scattered || (fate.how == sim_fate::rule::prefix && number == fate.cut);
    };
    struct versions {
        std::uint64_t written = 0, kept = 0, seen = 0;
    };
    std::unordered_map<std::uint64_t, versions> sectors;  // of torn writes
    auto                                        largest = durable.size();
    for (auto const& c : changes) {
        largest = std::max(largest, c.end());
        if (c.is_write() && torn(c.number))
            for (auto s = c.offset / sim_sector; s * sim_sector < c.end(); ++s) ++sectors[s].written;
    }
    for (auto& [s, v] : sectors) {
        auto const d = fate.draw(2, file_id, s);
        v.kept       = d % 256 < fate.keep_data ? v.written : (d >> 8) % v.written;
    }

    auto image = durable;
    auto size  = durable.size();
    image.resize(largest);
    for (auto const& c : changes) {
        if (!whole(c) && !torn(c.number)) continue;
        if (!c.is_write()) {
            if (!fate.keeps(c.number)) continue;
            if (c.offset < largest) {
                image.resize(c.offset);
                image.resize(largest);
            }
            size = c.offset;
            continue;
        }
        if (whole(c)) {
            image.write(c.offset, c.bytes());
            size = std::max(size, c.end());
            continue;
        }
        for (auto s = c.offset / sim_sector; s * sim_sector < c.end(); ++s) {
            auto& v = sectors[s];
            if (v.seen++ >= v.kept) continue;
            auto const from = std::max(c.offset, s * sim_sector), to = std::min(c.end(), (s + 1) * sim_sector);
            image.write(from, c.bytes().subspan(static_cast<std::size_t>(from - c.offset),
                                                static_cast<std::size_t>(to - from)));
        }
        if (c.end() > c.old_size) {
            auto const d = fate.draw(3, file_id, c.number);
            if (d % 256 < fate.keep_meta) size = std::max(size, c.end());
            else if ((d >> 8) % 2 == 0) {  // part of the extension: it ends at a sector
                auto const first = c.old_size / sim_sector + 1, last = (c.end() - 1) / sim_sector;
                if (first <= last) size = std::max(size, (first + (d >> 9) % (last - first + 1)) * sim_sector);
            }
        }
    }
    image.resize(size);
    return image;
}

}  // namespace tenon::detail
