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
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace tenon {

/// What a root stores of a run.
struct run_descriptor {
    std::uint64_t       rows = 0, tombstones = 0, bytes = 0;
    timestamp           first = 0, last = 0;  ///< commits that the run covers
    extent              keys, stamps, filter, directory;
    std::vector<extent> parts;  ///< one for each index of the table

    /// visit(extent) for each that is named here.
    template <class D, class Visit>
    static void each(D& d, Visit visit) {
        for (auto* e : {&d.keys, &d.stamps, &d.filter, &d.directory}) visit(*e);
        for (auto& e : d.parts) visit(e);
    }
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

/// A block of so many, the position of its first row and of the next block's, and where it is.
struct block_place {
    std::size_t block, blocks;
    position    first, next;
    extent      where;
};

/// run_directory - the blocks of a run and their zones, looked at in place.
class run_directory {
public:
    /// `rows` and `columns` of the run that it belongs to.
    static result<run_directory> open(byte_view bytes, std::uint64_t rows, std::size_t columns) {
        auto       out = open_unread(bytes, rows, columns);
        auto const bad = [&](char const* what) { return fail(errc::corrupt, {"a run's directory: ", what}); };
        if (!out) return out;
        auto const& blocks = out->blocks_;
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            if (i > 0 && blocks[i].first <= blocks[i - 1].first) return bad("blocks are out of order");
            if (blocks[i].first >= rows) return bad("a block lies behind the last row");
        }
        if (!blocks.empty() && blocks[0].first != 0) return bad("the first block does not hold the first row");
        if (blocks.empty() && rows != 0) return bad("rows but no blocks");
        return out;
    }
    /// The same, where nothing is looked at but the number of blocks; for place_in_part.
    static result<run_directory> open_unread(byte_view bytes, std::uint64_t rows, std::size_t columns) {
        run_directory out;
        byte_reader   in(bytes);
        auto const    n = in.get<std::uint64_t>();
        out.rows_       = rows;
        out.columns_    = columns;
        if (!in.ok() || n > in.left() / (sizeof(block_entry) + columns * sizeof(zone)) ||
            !view_array(bytes, sizeof n, n, out.blocks_) ||
            !view_array(bytes, sizeof n + n * sizeof(block_entry), n * columns, out.zones_))
            return fail(errc::corrupt, "a run's directory: shorter than its blocks");
        return out;
    }
    std::span<block_entry const> blocks() const noexcept { return blocks_; }
    std::span<zone const>        zones() const noexcept { return zones_; }

    /// The ordinal of the block that holds a position below the run's size.
    std::size_t block_of(position at) const noexcept {
        std::size_t low = 0, high = blocks_.size();
        while (high - low > 1) {
            auto const middle = low + (high - low) / 2;
            if (blocks_[middle].first <= at) low = middle;
            else high = middle;
        }
        return low;
    }
    position    first_of(std::size_t b) const noexcept { return b < blocks_.size() ? blocks_[b].first : rows_; }
    block_place place_of(std::size_t b) const noexcept {
        return {b, blocks_.size(), first_of(b), first_of(b + 1), blocks_[b].where};
    }
    /// Of the block that holds a position below the run's size; `need(bytes) -> result<void>` verifies what is looked at. Nothing when no
    /// block is found to hold it.
    template <class Need>
    result<std::optional<block_place>> place_in_part(position at, Need need) const {
        std::size_t low = 0, high = blocks_.size();
        while (low < high) {  // ends at the first block that begins behind it
            auto const middle = low + (high - low) / 2;
            if (auto done = need(std::as_bytes(blocks_.subspan(middle, 1))); !done)
                return fail(std::move(done).error());
            if (blocks_[middle].first <= at) low = middle + 1;
            else high = middle;
        }
        if (low == 0) return std::nullopt;
        auto const around = blocks_.subspan(low - 1, std::min<std::size_t>(2, blocks_.size() - (low - 1)));
        if (auto done = need(std::as_bytes(around)); !done) return fail(std::move(done).error());
        return std::optional(place_of(low - 1));
    }
    zone zone_of(std::size_t b, std::size_t column) const noexcept { return zones_[b * columns_ + column]; }

private:
    std::uint64_t                rows_    = 0;
    std::size_t                  columns_ = 0;
    std::span<block_entry const> blocks_;
    std::span<zone const>        zones_;
};
static_assert(sizeof(block_entry) == 32 && sizeof(zone) == 16);

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
        if (auto const* t = ready()) return t;
        std::lock_guard lock(mutex_);
        if (auto const* t = ready_.load(std::memory_order_relaxed)) return t;
        auto made = open(view_);
        if (!made) return fail(std::move(made).error());
        value_ = std::make_unique<T>(std::move(*made));
        ready_.store(value_.get(), std::memory_order_release);
        return value_.get();
    }

    /// What was opened before, or null.
    T const* ready() const noexcept { return ready_.load(std::memory_order_acquire); }

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
    /// A durable root no longer names this run: its extents are free once it ends. Their names are read now, so that they are known then;
    /// those that cannot be read, or remembered, are found free when the store is opened again.
    void retire() const noexcept {
        try {
            std::vector<extent> all;
            if (each_extent([&](extent e) { all.push_back(e); })) obsolete_ = std::move(all);
        } catch (std::bad_alloc const&) {}
    }
    /// As retire, for a run of which `successor` took over all extents but `moved`.
    void retire(std::shared_ptr<void const> successor, std::vector<extent> moved) const noexcept {
        successor_ = std::move(successor);
        obsolete_  = std::move(moved);
    }
    template <class Visit>
    result<void> each_extent(Visit visit) const {
        auto d = directory();
        if (!d) return fail(std::move(d).error());
        run_descriptor::each(descriptor_, visit);
        for (auto const& b : (*d)->blocks()) visit(b.where);
        return {};
    }

    result<run_directory const*> directory() const {
        return directory_.get([&](extent_view& view) -> result<run_directory> {
            auto bytes = read(descriptor_.directory, view);
            if (!bytes) return fail(std::move(bytes).error());
            auto d = run_directory::open(*bytes, descriptor_.rows, columns_);
            if (!d) return fail(std::move(d).error().while_(sentence({"reading a run of table ", table_})));
            return d;
        });
    }

    /// Of the block that holds a position. The first look-ups verify what they look at instead of the whole directory.
    result<block_place> place_of(position at) const {
        if (at >= size()) return no_row(at);
        auto const* d = directory_.ready();
        if constexpr (reads_in_part<Store>)
            if (d == nullptr && places_.fetch_add(1, std::memory_order_relaxed) < looks_in_part) {
                auto place = place_in_part(at);
                if (place && *place) return **place;
            }
        if (d == nullptr) {
            auto whole = directory();  // which says what is wrong
            if (!whole) return fail(std::move(whole).error());
            d = *whole;
        }
        return d->place_of(d->block_of(at));
    }

    result<keys_type const*> keys() const {
        return keys_.get([&](extent_view& view) -> result<keys_type> {
            auto bytes = read(descriptor_.keys, view);
            if (!bytes) return fail(std::move(bytes).error());
            return open_keys(*bytes);
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
        if constexpr (reads_in_part<Store>)
            if (keys_.ready() == nullptr) return find_in_part(key, key_hash);
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

protected:
    run_core(std::shared_ptr<Store> store, run_descriptor d, std::string_view table, std::size_t columns)
        : store_(std::move(store)), descriptor_(std::move(d)), table_(table), columns_(columns) {}
    ~run_core() {
        for (auto const& e : obsolete_) release_or_forget(*store_, e);
    }

    result<byte_view> read(extent e, extent_view& keep) const {
        auto v = store_->read(e);
        if (!v) return fail(std::move(v).error().while_(sentence({"reading a run of table ", table_})));
        keep = std::move(*v);
        return keep.bytes();
    }
    tl::unexpected<error> no_row(position at) const {
        return fail(errc::corrupt, {"run of table ", table_, ": an index names row ", at, " of ", size()});
    }

private:
    /// As read, where all that is believed of the bytes is needed first.
    result<byte_view> read_parts(extent e, extent_view& keep) const {
        if constexpr (reads_in_part<Store>) {
            auto v = store_->read_in_part(e);
            if (!v) return fail(std::move(v).error().while_(sentence({"reading a run of table ", table_})));
            keep = std::move(*v);
            return keep.bytes();
        } else {
            return read(e, keep);
        }
    }
    result<std::optional<block_place>> place_in_part(position at) const {
        auto part = unverified_directory_.get([&](extent_view& view) -> result<directory_in_part> {
            auto bytes = read_parts(descriptor_.directory, view);
            if (!bytes) return fail(std::move(bytes).error());
            if (auto head = view.need(bytes->first(std::min<std::size_t>(bytes->size(), 8))); !head)
                return fail(std::move(head).error());
            auto d = run_directory::open_unread(*bytes, descriptor_.rows, columns_);
            if (!d) return fail(std::move(d).error());
            return directory_in_part{view, std::move(*d)};
        });
        if (!part) return fail(std::move(part).error());
        return (*part)->directory.place_in_part(at, [&](byte_view b) { return (*part)->bytes.need(b); });
    }
    /// As find, before the keys are verified as a whole: what the answer rests on is. The filter has to be read whole before it may say
    /// no, so the first look-ups go without it. Now and then one verifies a little more than it needs, until all is.
    result<position> find_in_part(byte_view key, std::uint64_t key_hash) const {
        auto const before = finds_.fetch_add(1, std::memory_order_relaxed);
        if (filter_.ready() != nullptr || before >= looks_in_part) {
            auto maybe = may_contain(key_hash);
            if (!maybe) return fail(std::move(maybe).error());
            if (!*maybe) return size();
        }
        auto part = unverified_keys_.get([&](extent_view& view) -> result<keys_in_part> {
            auto bytes = read_parts(descriptor_.keys, view);
            if (!bytes) return fail(std::move(bytes).error());
            if (auto head = view.need(bytes->first(std::min<std::size_t>(bytes->size(), 64))); !head)
                return fail(std::move(head).error());
            auto keys = open_keys(*bytes);
            if (!keys) return fail(std::move(keys).error());
            return keys_in_part{view, std::move(*keys)};
        });
        if (part && before % looks_for_a_part == looks_for_a_part - 1 && (*part)->bytes.verify_next()) {
            auto known = keys_.get([&](extent_view& view) {
                view = (*part)->bytes;
                return open_keys(view.bytes());
            });
            if (known) return (*known)->find(key);
        } else if (part) {
            auto found = (*part)->keys.find_in_part(key, [&](byte_view b) { return (*part)->bytes.need(b); });
            if (!found) return fail(std::move(found).error());
            if (*found) return **found;
        }
        auto whole = keys();  // which says what is wrong with them
        if (!whole) return fail(std::move(whole).error());
        return (*whole)->find(key);
    }
    result<keys_type> open_keys(byte_view bytes) const {
        auto keys = keys_type::open(bytes);
        if (keys && keys->size() != descriptor_.rows)
            return fail(errc::corrupt, "run: as many keys as rows were expected");
        return keys;
    }
    result<std::uint64_t> stamp(position at) const {
        auto s = stamps_.get([&](extent_view& view) -> result<stamps> {
            auto bytes = read_parts(descriptor_.stamps, view);
            if (!bytes) return fail(std::move(bytes).error());
            stamps out{view, {}};
            if (!view_array(*bytes, 0, descriptor_.rows, out.all))
                return fail(errc::corrupt, "run: fewer commit timestamps than rows");
            return out;
        });
        if (!s) return fail(std::move(s).error());
        auto const& all = (*s)->all;
        if (at >= all.size()) return fail(errc::corrupt, "run: a position behind the last row");
        auto const one = all.subspan(static_cast<std::size_t>(at), 1);
        if (auto done = (*s)->bytes.need(std::as_bytes(one)); !done)
            return fail(std::move(done).error().while_(sentence({"reading a run of table ", table_})));
        return one.front();
    }

    struct keys_in_part {
        extent_view bytes;
        keys_type   keys;
    };
    struct stamps {
        extent_view                    bytes;
        std::span<std::uint64_t const> all;
    };
    struct directory_in_part {
        extent_view   bytes;
        run_directory directory;
    };
    static constexpr std::uint64_t looks_in_part = 16, looks_for_a_part = 256;

    std::shared_ptr<Store>              store_;
    run_descriptor                      descriptor_;
    std::string_view                    table_;
    std::size_t                         columns_;
    lazily<run_directory>               directory_;
    lazily<directory_in_part>           unverified_directory_;
    lazily<keys_type>                   keys_;
    lazily<keys_in_part>                unverified_keys_;
    mutable std::atomic<std::uint64_t>  finds_{0}, places_{0};
    lazily<stamps>                      stamps_;
    lazily<typename Filter::view>       filter_;
    mutable std::vector<extent>         obsolete_;  // released when this ends; set by who replaces this run
    mutable std::shared_ptr<void const> successor_;
};

}  // namespace detail

/// run - an immutable sorted run, opened in O(1) without a read; every extent is verified when it is first touched.
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

    /// Keeps in memory the block that was asked for last, while its bytes are used. Over stores that do not evict it is empty and the
    /// bytes live as long as the run.
    struct pin {
        struct nothing {};
        struct held {
            run const*              of    = nullptr;
            std::size_t             block = 0;
            extent_view             bytes;
            block_view<schema_type> view;
        };
        [[no_unique_address]] std::conditional_t<evicts_extents<Store>, held, nothing> last{};
    };

    run(std::shared_ptr<Store> store, run_descriptor d)
        : core(std::move(store), std::move(d), Table::name, schema_type::size) {}

    /// A block below directory()->blocks().size(); it lives as long as the run and, where the store evicts, until `keep` takes another.
    result<block_view<schema_type> const*> block(std::size_t b, pin& keep) const {
        auto d = this->directory();
        if (!d) return fail(std::move(d).error());
        return block((*d)->place_of(b), keep);
    }
    /// The bytes of a row's columns; they live as long as its block does.
    result<void> columns(position at, byte_view (&out)[schema_type::size], pin& keep) const {
        auto const place = this->place_of(at);
        if (!place) return fail(error(place.error()));
        auto v = block(*place, keep);
        if (!v) return fail(std::move(v).error());
        (*v)->columns(static_cast<std::uint32_t>(at - place->first), out);
        return {};
    }
    result<void> row(position at, row_type& out, pin& keep) const {
        byte_view c[schema_type::size];
        if (auto done = columns(at, c, keep); !done) return done;
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
    result<block_view<schema_type> const*> block(block_place const& place, pin& keep) const {
        auto const open = [&](extent_view& view) -> result<block_view<schema_type>> {
            auto bytes = this->read(place.where, view);
            if (!bytes) return fail(std::move(bytes).error());
            auto opened = block_view<schema_type>::open(*bytes);
            if (opened && opened->rows() != place.next - place.first)
                return fail(errc::corrupt, "block of rows: another number of rows than its run says");
            return opened;
        };
        if constexpr (evicts_extents<Store>) {
            auto& last = keep.last;
            if (last.of == this && last.block == place.block) return &last.view;
            last.of     = nullptr;
            auto opened = open(last.bytes);
            if (!opened) return fail(std::move(opened).error());
            last = {this, place.block, std::move(last.bytes), *opened};
            return &last.view;
        } else {
            auto const groups = open_blocks_.get(
                [&](extent_view&) -> result<open_blocks> { return open_blocks(place.blocks / group + 1); });
            if (place.block / group >= (*groups)->size())
                return fail(errc::corrupt, "a run's directory: has another number of blocks than before");
            auto const blocks = (**groups)[place.block / group].get(
                [](extent_view&) -> result<block_group> { return block_group(group); });
            return (**blocks)[place.block % group].get(open);
        }
    }

    static constexpr std::size_t group = 256;  // of blocks whose places are made together
    using block_group                  = std::vector<detail::lazily<block_view<schema_type>>>;
    using open_blocks                  = std::vector<detail::lazily<block_group>>;

    detail::lazily<open_blocks>                      open_blocks_;  // where the store does not evict
    typename parts_of<typename Table::indexes>::type parts_;
};

}  // namespace tenon
