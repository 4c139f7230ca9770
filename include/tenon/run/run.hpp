// SPDX-License-Identifier: Apache-2.0
// Immutable sorted runs of rows: blocks of columns, keys with a position index, a filter, and a part for every index.
#pragma once

#include "tenon/core/hash.hpp"
#include "tenon/page_store/concept.hpp"
#include "tenon/run/schema.hpp"
#include "tenon/run/sorted_keys.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <new>
#include <tuple>
#include <utility>
#include <vector>

namespace tenon {

/// What a root stores of a run.
struct run_descriptor {
    std::uint64_t       rows = 0, tombstones = 0, bytes = 0;
    timestamp           first = 0, last = 0;  ///< commits that the run covers
    extent              keys, stamps, filter, directory;
    std::vector<extent> parts;   ///< one for each index of the table
    std::vector<extent> blocks;  ///< from the directory, not stored in the root

    void put(byte_vector& out) const {
        for (auto n : {rows, tombstones, bytes, first, last}) tenon::put(out, n);
        for (auto e : {keys, stamps, filter, directory}) tenon::put(out, e);
        tenon::put(out, static_cast<std::uint32_t>(parts.size()));
        for (auto e : parts) tenon::put(out, e);
    }
    bool get(byte_reader& in, std::size_t indexes) {
        for (auto* n : {&rows, &tombstones, &bytes, &first, &last}) *n = in.get<std::uint64_t>();
        for (auto* e : {&keys, &stamps, &filter, &directory}) *e = in.get<extent>();
        if (in.get<std::uint32_t>() != indexes) return false;
        parts.resize(indexes);
        for (auto& e : parts) e = in.get<extent>();
        return in.ok();
    }
};

/// Smallest and largest value of a numeric column in a block, as order-preserving 64-bit numbers.
struct zone {
    std::uint64_t low = ~std::uint64_t{0}, high = 0;
};

/// A row of the directory: where a block is and which positions it holds.
struct block_entry {
    std::uint64_t first = 0;  ///< position of its first row
    extent        where;
};

namespace detail {

/// For destructors: space that cannot be given back for want of memory is found again when the store is opened.
template <class Store>
void release_or_forget(Store& store, extent e) noexcept {
    try {
        store.release(e);
    } catch (std::bad_alloc const&) {}
}

/// Columns that have zones: numbers, whose key bytes fit 64 bits.
template <class T>
constexpr bool has_zone() {
    if constexpr ((std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) || std::is_enum_v<T>)
        return key_codec<T>::exact_u64;
    else return false;
}
template <class T>
std::uint64_t zone_value(T const& value) {
    byte_vector key;
    key_codec<T>::encode(key, value);
    return key_projection(key);
}

/// An extent that is read, verified and opened when it is first asked for. Safe for any number of threads.
template <class T>
class lazily {
public:
    template <class Open>
    result<T const*> get(Open open) const {
        if (auto const* t = ready_.load(std::memory_order_acquire)) return t;
        std::lock_guard lock(mutex_);
        if (auto const* t = ready_.load(std::memory_order_relaxed)) return t;
        auto made = open(view_);
        if (!made) return fail(std::move(made).error());
        value_ = std::make_unique<T>(std::move(*made));
        ready_.store(value_.get(), std::memory_order_release);
        return value_.get();
    }

private:
    mutable std::atomic<T const*>    ready_{nullptr};
    mutable std::mutex               mutex_;
    mutable std::unique_ptr<T const> value_;
    mutable extent_view              view_;
};

}  // namespace detail

/// What a block begins with: "TBLK".
inline constexpr std::uint32_t block_magic = 0x4b4c4254;

/// A block: some hundred rows, column by column. Layout in docs/formats/run.md.
template <class Schema>
class block_view {
public:
    static result<block_view> open(byte_view bytes) {
        auto const  bad = [](char const* what) { return fail(errc::corrupt, {"block of rows: ", what}); };
        byte_reader in(bytes);
        block_view  out;
        if (in.get<std::uint32_t>() != block_magic) return bad("wrong magic");
        out.rows_ = in.get<std::uint32_t>();
        for (std::size_t c = 0; c < Schema::size; ++c) {
            auto const at = in.get<std::uint64_t>();
            if (!in.ok()) return bad("shorter than its header");
            if (Schema::fixed_sizes[c] != 0) {
                if (!view_array(bytes, at, std::uint64_t{out.rows_} * Schema::fixed_sizes[c], out.data_[c]))
                    return bad("a column leaves the block");
            } else {
                if (!view_array(bytes, at, std::uint64_t{out.rows_} + 1, out.offsets_[c]))
                    return bad("a column's offsets leave the block");
                out.data_[c] = bytes.subspan(static_cast<std::size_t>(at) + (std::size_t{out.rows_} + 1) * 4);
            }
        }
        return out;
    }
    std::uint32_t rows() const noexcept { return rows_; }

    /// The bytes of a column of a row; empty for bytes that leave the block, which then decode to nothing.
    byte_view column(std::size_t c, std::uint32_t row) const noexcept {
        if (Schema::fixed_sizes[c] != 0)
            return data_[c].subspan(std::size_t{row} * Schema::fixed_sizes[c], Schema::fixed_sizes[c]);
        auto const first = offsets_[c][row], last = offsets_[c][row + 1];
        if (first > last || last > data_[c].size()) return {};
        return data_[c].subspan(first, last - first);
    }
    void columns(std::uint32_t row, byte_view (&out)[Schema::size]) const noexcept {
        for (std::size_t c = 0; c < Schema::size; ++c) out[c] = column(c, row);
    }

private:
    std::uint32_t                  rows_ = 0;
    byte_view                      data_[Schema::size];
    std::span<std::uint32_t const> offsets_[Schema::size];
};

namespace detail {

/// run_core - what a run has whatever its table's columns and indexes are: tables with the same policies share it.
template <page_store Store, class Filter, ordered_index Index>
class run_core {
public:
    using keys_type = sorted_keys<Index>;

    run_core(run_core const&)            = delete;
    run_core& operator=(run_core const&) = delete;

    run_descriptor const& descriptor() const noexcept { return descriptor_; }
    std::uint64_t         size() const noexcept { return descriptor_.rows; }
    /// A durable root no longer names this run: its extents are free once it ends.
    void retire() const noexcept { obsolete_.store(true); }
    template <class Visit>
    void each_extent(Visit visit) const {
        for (auto e : {descriptor_.keys, descriptor_.stamps, descriptor_.filter, descriptor_.directory}) visit(e);
        for (auto e : descriptor_.parts) visit(e);
        for (auto e : descriptor_.blocks) visit(e);
    }

    result<keys_type const*> keys() const {
        return keys_.get([&](extent_view& view) -> result<keys_type> {
            auto bytes = read(descriptor_.keys, view);
            if (!bytes) return fail(std::move(bytes).error());
            auto keys = keys_type::open(*bytes);
            if (keys && keys->size() != descriptor_.rows)
                return fail(errc::corrupt, "run: as many keys as rows were expected");
            return keys;
        });
    }
    /// Whether a key is surely not here.
    result<bool> may_contain(std::uint64_t key_hash) const {
        auto f = filter_.get([&](extent_view& view) -> result<typename Filter::view> {
            auto bytes = read(descriptor_.filter, view);
            if (!bytes) return fail(std::move(bytes).error());
            return Filter::view::open(*bytes);
        });
        if (!f) return fail(std::move(f).error());
        return (*f)->may_contain(key_hash);
    }
    /// The position of a key, size() when it is not here. `key_hash` is hash_bytes(key).
    result<position> find(byte_view key, std::uint64_t key_hash) const {
        auto maybe = may_contain(key_hash);
        if (!maybe) return fail(std::move(maybe).error());
        if (!*maybe) return size();
        auto k = keys();
        if (!k) return fail(std::move(k).error());
        return (*k)->find(key);
    }
    result<bool> is_tombstone(position at) const {
        auto s = stamp(at);
        if (!s) return fail(std::move(s).error());
        return (*s & 1) != 0;
    }
    result<timestamp> committed(position at) const {
        auto s = stamp(at);
        if (!s) return fail(std::move(s).error());
        return *s >> 1;
    }

    /// The ordinal of the block that holds a position below size().
    std::size_t block_of(position at) const noexcept {
        std::size_t low = 0, high = blocks_.size();
        while (high - low > 1) {
            auto const middle = low + (high - low) / 2;
            if (blocks_[middle].first <= at) low = middle;
            else high = middle;
        }
        return low;
    }
    std::size_t block_count() const noexcept { return blocks_.size(); }
    position    block_first(std::size_t b) const noexcept { return b < blocks_.size() ? blocks_[b].first : size(); }
    zone        block_zone(std::size_t b, std::size_t column) const noexcept { return zones_[b * columns_ + column]; }

protected:
    run_core(std::shared_ptr<Store> store, run_descriptor d, std::string_view table, std::size_t columns)
        : store_(std::move(store)), descriptor_(std::move(d)), table_(table), columns_(columns) {}
    ~run_core() {
        if (!obsolete_.load()) return;
        each_extent([&](extent e) { release_or_forget(*store_, e); });
    }

    result<void> read_directory() {
        auto const bad  = [&](char const* what) { return fail(errc::corrupt, {"run of table ", table_, ": ", what}); };
        auto       view = store_->read(descriptor_.directory);
        if (!view) return fail(std::move(view).error().while_("reading a run's directory"));
        byte_reader in(view->bytes());
        auto const  n = in.get<std::uint64_t>();
        if (n > in.left() / (sizeof(block_entry) + columns_ * sizeof(zone)))
            return bad("directory shorter than its blocks");
        blocks_.resize(static_cast<std::size_t>(n));
        descriptor_.blocks.clear();
        for (auto& b : blocks_) {
            b = in.get<block_entry>();
            if (&b != blocks_.data() && b.first <= (&b)[-1].first) return bad("blocks are out of order");
            if (b.first >= descriptor_.rows) return bad("a block lies behind the last row");
            descriptor_.blocks.push_back(b.where);
        }
        if (n != 0 && blocks_.front().first != 0) return bad("the first block does not hold the first row");
        if (n == 0 && descriptor_.rows != 0) return bad("rows but no blocks");
        zones_.resize(static_cast<std::size_t>(n) * columns_);
        for (auto& z : zones_) z = in.get<zone>();
        return {};
    }
    result<byte_view> read(extent e, extent_view& keep) const {
        auto v = store_->read(e);
        if (!v) return fail(std::move(v).error().while_(sentence({"reading a run of table ", table_})));
        keep = std::move(*v);
        return keep.bytes();
    }
    result<byte_view>     read_block(std::size_t b, extent_view& keep) const { return read(blocks_[b].where, keep); }
    tl::unexpected<error> no_row(position at) const {
        return fail(errc::corrupt, {"run of table ", table_, ": an index names row ", at, " of ", size()});
    }

private:
    result<std::uint64_t> stamp(position at) const {
        auto s = stamps_.get([&](extent_view& view) -> result<std::span<std::uint64_t const>> {
            auto bytes = read(descriptor_.stamps, view);
            if (!bytes) return fail(std::move(bytes).error());
            std::span<std::uint64_t const> out;
            if (!view_array(*bytes, 0, descriptor_.rows, out))
                return fail(errc::corrupt, "run: fewer commit timestamps than rows");
            return out;
        });
        if (!s) return fail(std::move(s).error());
        if (at >= (*s)->size()) return fail(errc::corrupt, "run: a position behind the last row");
        return (**s)[at];
    }

    std::shared_ptr<Store>                 store_;
    run_descriptor                         descriptor_;
    std::string_view                       table_;
    std::size_t                            columns_;
    std::vector<block_entry>               blocks_;
    std::vector<zone>                      zones_;
    lazily<keys_type>                      keys_;
    lazily<std::span<std::uint64_t const>> stamps_;
    lazily<typename Filter::view>          filter_;
    mutable std::atomic<bool>              obsolete_{false};
};

}  // namespace detail

/// run - an immutable sorted run, opened in O(1); every extent is verified when it is first touched.
///
/// Maps        key -> position -> row; each index: query -> positions.
/// Shapes      `rows` entries, at most one for each key; tombstones have no row in the blocks but keep their position.
/// Guarantee   never changes; lives until the last snapshot that pins it ends; an obsolete run then gives its extents back.
/// Cost        find: filter, one model look-up, one key comparison. row: one block.
/// Errors      errc::corrupt from any look-up, which says what was expected.
/// On disk     docs/formats/run.md
/// Threads     const members may be called concurrently.
template <class Table, page_store Store>
class run : public detail::run_core<Store, typename Table::filter_type, typename Table::index_type> {
    using core        = detail::run_core<Store, typename Table::filter_type, typename Table::index_type>;
    using schema_type = typename Table::schema_type;
    template <class Tuple>
    struct parts_of;
    template <class... I>
    struct parts_of<std::tuple<I...>> {
        using type = std::tuple<detail::lazily<typename I::kind_type::part>...>;
    };

public:
    using core_type  = core;
    using table_type = Table;
    using row_type   = typename Table::row_type;
    using keys_type  = typename core::keys_type;

    /// Reads the directory; keys, blocks and parts wait until they are needed.
    static result<std::shared_ptr<run>> open(std::shared_ptr<Store> store, run_descriptor d) {
        auto out = std::make_shared<run>(std::move(store), std::move(d));
        if (auto done = out->read_directory(); !done) return fail(std::move(done).error());
        out->open_blocks_ = std::vector<detail::lazily<block_view<schema_type>>>(out->block_count());
        return out;
    }

    run(std::shared_ptr<Store> store, run_descriptor d)
        : core(std::move(store), std::move(d), Table::name, schema_type::size) {}

    result<block_view<schema_type> const*> block(std::size_t b) const {
        return open_blocks_[b].get([&](extent_view& view) -> result<block_view<schema_type>> {
            auto bytes = this->read_block(b, view);
            if (!bytes) return fail(std::move(bytes).error());
            auto opened = block_view<schema_type>::open(*bytes);
            if (opened && opened->rows() != this->block_first(b + 1) - this->block_first(b))
                return fail(errc::corrupt, "block of rows: another number of rows than its run says");
            return opened;
        });
    }
    /// The bytes of a row's columns. They live as long as the run.
    result<void> columns(position at, byte_view (&out)[schema_type::size]) const {
        if (at >= this->size()) return this->no_row(at);
        auto const b = this->block_of(at);
        auto       v = block(b);
        if (!v) return fail(std::move(v).error());
        (*v)->columns(static_cast<std::uint32_t>(at - this->block_first(b)), out);
        return {};
    }
    result<void> row(position at, row_type& out) const {
        byte_view c[schema_type::size];
        if (auto done = columns(at, c); !done) return done;
        if (!schema_type::decode(c, out))
            return fail(errc::corrupt, {"run of table ", Table::name, ": row ", at, " does not decode"});
        return {};
    }

    template <std::size_t I>
    auto part() const {
        using part_type = typename Table::template index_spec<I>::kind_type::part;
        return std::get<I>(parts_).get([&](extent_view& view) -> result<part_type> {
            auto bytes = this->read(this->descriptor().parts[I], view);
            if (!bytes) return fail(std::move(bytes).error());
            return part_type::open(*bytes);
        });
    }

private:
    std::vector<detail::lazily<block_view<schema_type>>> open_blocks_;
    typename parts_of<typename Table::indexes>::type     parts_;
};

}  // namespace tenon
