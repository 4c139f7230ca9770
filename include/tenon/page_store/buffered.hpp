// SPDX-License-Identifier: Apache-2.0
// A page store behind a pool of extents in memory, of a size that is set: for data that are larger than memory.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/core/hash.hpp"
#include "tenon/core/unless_done.hpp"
#include "tenon/file/archetype.hpp"
#include "tenon/page_store/archetype.hpp"
#include "tenon/page_store/checksummed.hpp"
#include "tenon/page_store/file.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace tenon {

namespace detail::pages {

/// extent_pool - views of extents that were read before, at most `budget` bytes of them.
///
/// Maps        extent -> its view, by offset.
/// Guarantee   what is dropped from the pool lives on in the views that were handed out. An extent of more than a quarter of the budget
///             is not taken in: it would push out all others.
/// Cost        find: a shared lock, one hash look-up, one count up. put: O(1) amortised.
/// Threads     all members may be called concurrently.
/// Invariants  (1) bytes <= budget after each put. (2) what was met once leaves by `young`, a tenth of the pool, so that a scan
///             does not sweep out what is used again and again.
/// Source      S3-FIFO: Yang, Zhang, Qiu, Yue and Rashmi, FIFO queues are all you need for cache eviction, SOSP 2023.
class extent_pool {
public:
    explicit extent_pool(std::uint64_t budget) : budget_(budget) {}

    std::optional<extent_view> find(extent e) const {
        std::shared_lock const guard(mutex_);
        auto const             at = index_.find(e.offset);
        if (at == index_.end() || at->second->where != e) return std::nullopt;
        auto const used = at->second->used.load(std::memory_order_relaxed);
        if (used < 3) at->second->used.store(static_cast<std::uint8_t>(used + 1), std::memory_order_relaxed);
        return at->second->view;
    }
    void put(extent e, extent_view const& view) {
        if (cost(e) > budget_ / 4) return;
        std::unique_lock const guard(mutex_);
        if (auto const at = index_.find(e.offset); at != index_.end()) {
            if (at->second->where == e) return;  // another reader was faster
            take_out(at->second);
        }
        bool const known = forgotten_.erase(key(e)) != 0;
        auto&      queue = known ? old_ : young_;
        queue.emplace_front(e, view, known);
        unless_done in_part([&] { queue.pop_front(); });
        index_[e.offset] = queue.begin();
        in_part.done();
        (known ? old_bytes_ : young_bytes_) += cost(e);
        while (young_bytes_ + old_bytes_ > budget_) make_room();
    }
    void drop(extent e) {
        std::unique_lock const guard(mutex_);
        if (auto const at = index_.find(e.offset); at != index_.end()) take_out(at->second);
    }
    std::uint64_t bytes() const {
        std::shared_lock const guard(mutex_);
        return young_bytes_ + old_bytes_;
    }

private:
    struct entry {
        entry(extent e, extent_view v, bool o) : where(e), view(std::move(v)), old(o) {}
        extent                            where;
        extent_view                       view;
        bool                              old;
        mutable std::atomic<std::uint8_t> used{
            0};  // found again so many times, 3 at most; a race loses a count, no more
    };
    using entries = std::list<entry>;

    static std::uint64_t cost(extent e) noexcept { return e.size + 256; }
    static std::uint64_t key(extent e) noexcept { return hash_u64(e.offset ^ std::rotl(e.check, 24) ^ e.size); }

    void take_out(entries::iterator at) {
        index_.erase(at->where.offset);
        (at->old ? old_bytes_ : young_bytes_) -= cost(at->where);
        (at->old ? old_ : young_).erase(at);
    }
    void make_room() {
        if (old_.empty() || young_bytes_ > budget_ / 10) {
            auto const last = std::prev(young_.end());
            if (last->used.load(std::memory_order_relaxed) > 1) {  // worth keeping
                young_bytes_ -= cost(last->where);
                old_bytes_ += cost(last->where);
                last->old = true;
                last->used.store(0, std::memory_order_relaxed);
                old_.splice(old_.begin(), young_, last);
            } else {
                forget(key(last->where));
                take_out(last);
            }
        } else {
            auto const last = std::prev(old_.end());
            if (auto const used = last->used.load(std::memory_order_relaxed); used > 0) {
                last->used.store(static_cast<std::uint8_t>(used - 1), std::memory_order_relaxed);
                old_.splice(old_.begin(), old_, last);
            } else {
                take_out(last);
            }
        }
    }
    /// As many keys are remembered of what left young as there are extents in the pool.
    void forget(std::uint64_t k) {
        if (forgotten_.insert(k).second) order_.push_back(k);
        while (order_.size() > index_.size() + 16) {
            forgotten_.erase(order_.front());
            order_.pop_front();
        }
    }

    std::uint64_t const                                  budget_;
    mutable std::shared_mutex                            mutex_;
    std::unordered_map<std::uint64_t, entries::iterator> index_;  // by offset
    entries                                              young_, old_;
    std::uint64_t                                        young_bytes_ = 0, old_bytes_ = 0;
    std::unordered_set<std::uint64_t>                    forgotten_;
    std::deque<std::uint64_t>                            order_;  // of forgotten_, and of some that came back
};

}  // namespace detail::pages

/// buffered<Budget, Inner> - Inner, whose extents are read once and kept in at most Budget bytes of memory.
///
/// Maps        extent -> the view that Inner gave when it was read last, as long as the pool keeps it.
/// Guarantee   as Inner. Inner reads, and checks where it has checksums, each time that an extent comes into memory, and no other time. A view
///             stays whole when the pool lets go of it.
/// Units       Budget in bytes, in up to 16 parts that are locked apart; parts of 4 MiB at least. What readers hold views of counts
///             as long as the pool keeps it too; extents of more than a quarter of a part are never kept.
/// Cost        read, found: a shared lock and a hash look-up, about 0.1 us. Not found: as Inner.
/// Errors      as Inner: a medium that fails under a read is errc::io for this read, a file cut short errc::corrupt.
/// Threads     as Inner; readers of one part share its lock, but while it takes an extent in.
/// On disk     as Inner.
/// Use when    the data are larger than memory, or reads must fail with an error and never with a signal. Prefer mmap_store<> while they fit:
///             it copies nothing and takes no lock. Avoid over mmap_store, whose views cost nothing.
template <std::uint64_t Budget = (std::uint64_t{256} << 20), class Inner = checksummed<file_store<>>>
struct buffered {
    static_assert(
        std::same_as<typename Inner::policy_axis, axis::page_store>,
        "tenon: buffered<Budget, Inner> wraps another page store policy, such as buffered<256 << 20, file_store<>>");
    static_assert(
        Budget >= (std::uint64_t{64} << 10),
        "tenon: buffered<Budget, Inner> needs a Budget of 64 KiB at least, given in bytes, such as 256 << 20");

private:
    static constexpr std::string_view prefix = "buffered ", inner_name = Inner::name;
    static constexpr auto             name_chars = [] {
        std::array<char, prefix.size() + inner_name.size()> out{};
        std::copy(inner_name.begin(), inner_name.end(), std::copy(prefix.begin(), prefix.end(), out.begin()));
        return out;
    }();

public:
    using policy_axis                            = axis::page_store;
    static constexpr std::string_view name       = {name_chars.data(), name_chars.size()};
    static constexpr std::string_view format     = Inner::format;
    static constexpr bool             persistent = Inner::persistent;

    /// Whether Inner works on FS.
    template <class FS>
    static constexpr bool fits = !detail::page_store_refuses<Inner, FS>;

    template <class FS>
    class store {
        using inner_store = typename Inner::template store<FS>;
        using pool        = detail::pages::extent_pool;

        static constexpr std::size_t parts = static_cast<std::size_t>(
            std::bit_floor(std::clamp<std::uint64_t>(Budget / (std::uint64_t{4} << 20), 1, 16)));

    public:
        using file_system            = FS;
        static constexpr bool evicts = true;

        static result<store> open(FS fs, std::string const& path, store_options const& options) {
            auto opened = inner_store::open(std::move(fs), path, options);
            if (!opened) return fail(std::move(opened.error()));
            return store(std::make_unique<state>(std::move(*opened)));
        }

        result<extent> write(byte_view bytes, std::uint64_t before = ~std::uint64_t{0}) {
            return s_->inner.write(bytes, before);
        }
        /// So that checksums over this store lie as over Inner, whose files it opens.
        result<extent> write_with(byte_view bytes, byte_view tail, std::uint64_t before)
        requires requires(inner_store i, byte_view b) { i.write_with(b, b, std::uint64_t{}); }
        {
            return s_->inner.write_with(bytes, tail, before);
        }

        result<extent_view> read(extent e) const {
            auto& p = s_->part(e);
            if (auto known = p.find(e)) {
                s_->hits.fetch_add(1, std::memory_order_relaxed);
                return std::move(*known);
            }
            s_->misses.fetch_add(1, std::memory_order_relaxed);
            auto view = s_->inner.read(e);
            if (view) p.put(e, *view);
            return view;
        }

        void release(extent e) {
            s_->part(e).drop(e);  // before its offset can be another extent's
            s_->inner.release(e);
        }

        result<void>  publish(byte_view bytes) { return s_->inner.publish(bytes); }
        byte_vector   root() const { return s_->inner.root(); }
        result<void>  retain(std::span<extent const> extents) { return s_->inner.retain(extents); }
        result<void>  verify() const { return s_->inner.verify(); }
        std::uint64_t trim() { return s_->inner.trim(); }

        store_stats stats() const {
            auto out = s_->inner.stats();
            for (auto const& p : s_->pools) out.pool_bytes += p->bytes();
            out.pool_hits   = s_->hits.load(std::memory_order_relaxed);
            out.pool_misses = s_->misses.load(std::memory_order_relaxed);
            return out;
        }

    private:
        struct state {
            explicit state(inner_store i) : inner(std::move(i)) {
                for (auto& p : pools) p = std::make_unique<pool>(Budget / parts);
            }
            pool& part(extent e) const noexcept { return *pools[static_cast<std::size_t>(hash_u64(e.offset) % parts)]; }

            inner_store                              inner;
            std::array<std::unique_ptr<pool>, parts> pools;
            mutable std::atomic<std::uint64_t>       hits{0}, misses{0};
        };

        explicit store(std::unique_ptr<state> s) noexcept : s_(std::move(s)) {}

        std::unique_ptr<state> s_;
    };
};

static_assert(
    page_store_policy<buffered<std::uint64_t{1} << 20, archetype::page_store_policy>, archetype::file_policy>);

}  // namespace tenon
