// SPDX-License-Identifier: Apache-2.0
// Builds a run: takes row versions in key order, writes blocks as they fill, and at the end keys, filter and index parts.
#pragma once

#include "tenon/run/run.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace tenon {

namespace detail {

/// Widens a zone by a column's value; a value without a place in the order makes it hold everything.
using widen_zone = void (*)(byte_view, zone&);
template <class Column>
void widen_zone_by(byte_view bytes, zone& z) {
    Column value{};
    if (column_codec<Column>::decode(bytes, value) && key_codec<Column>::encodable(value)) {
        auto const v = zone_value(value);
        z            = {std::min(z.low, v), std::max(z.high, v)};
    } else {
        z = {0, ~std::uint64_t{0}};
    }
}

/// What the builder knows of a column.
struct column_shape {
    std::size_t fixed_size;
    widen_zone  widen;
};
template <class Schema>
inline constexpr auto column_shapes = []<std::size_t... C>(std::index_sequence<C...>) {
    constexpr auto widen = []<class Column>(std::type_identity<Column>) -> widen_zone {
        if constexpr (has_zone<Column>() && column_codec<Column>::fixed_size != 0) return &widen_zone_by<Column>;
        else return nullptr;
    };
    return std::array<column_shape, Schema::size>{
        column_shape{Schema::fixed_sizes[C], widen(std::type_identity<typename Schema::template column_type<C>>{})}...};
}(std::make_index_sequence<Schema::size>{});

/// run_builder_core - what a builder does whatever its table's columns and indexes are.
template <page_store Store, class Filter, ordered_index Index>
class run_builder_core {
public:
    run_builder_core(run_builder_core const&)            = delete;
    run_builder_core& operator=(run_builder_core const&) = delete;
    std::uint64_t     rows() const noexcept { return stamps_.size(); }

protected:
    run_builder_core(std::shared_ptr<Store> store, std::size_t block_bytes, std::size_t fixed_key,
                     std::span<column_shape const> shapes)
        : store_(std::move(store)),
          block_bytes_(block_bytes),
          keys_(fixed_key),
          shapes_(shapes),
          columns_(shapes.size()),
          zones_here_(shapes.size()) {}
    ~run_builder_core() {
        for (auto e : written_) release_or_forget(*store_, e);
    }

    void add_key(byte_view key, timestamp at, bool tombstone) {
        auto const where = stamps_.size();
        keys_.add(key);
        hashes_.push_back(hash_bytes(key));
        stamps_.push_back(at << 1 | std::uint64_t{tombstone});
        if (where == 0 || at < d_.first) d_.first = at;
        d_.last = std::max(d_.last, at);
        if (tombstone) ++d_.tombstones;
    }
    result<void> add_columns(byte_view const* columns, bool tombstone) {
        for (std::size_t c = 0; c < shapes_.size(); ++c) {
            auto&      to    = columns_[c];
            auto const shape = shapes_[c];
            if (shape.fixed_size != 0) {
                if (tombstone) to.data.resize(to.data.size() + shape.fixed_size);
                else put_bytes(to.data, columns[c]);
                block_size_ += shape.fixed_size;
                if (shape.widen != nullptr && !tombstone) shape.widen(columns[c], zones_here_[c]);
            } else {
                if (block_rows_ == 0) to.offsets.assign(1, 0);
                if (!tombstone) put_bytes(to.data, columns[c]);
                to.offsets.push_back(static_cast<std::uint32_t>(to.data.size()));
                block_size_ += columns[c].size() + 4;
            }
        }
        ++block_rows_;
        return block_size_ >= block_bytes_ || block_rows_ >= 4096 ? finish_block() : result<void>{};
    }
    /// All but the index parts.
    result<void> finish_rows(std::size_t parts) {
        if (block_rows_ > 0)
            if (auto done = finish_block(); !done) return done;
        auto keys = keys_.finish();
        if (!keys) return fail(std::move(keys).error());
        byte_vector directory;
        put(directory, std::uint64_t{blocks_.size()});
        for (auto const& b : blocks_) put(directory, b);
        for (auto const& z : zones_) put(directory, z);
        if (auto done = write(*keys, d_.keys); !done) return done;
        if (auto done = write(std::as_bytes(std::span(stamps_)), d_.stamps); !done) return done;
        if (auto done = write(Filter::build(hashes_), d_.filter); !done) return done;
        d_.parts.resize(parts);
        return write(directory, d_.directory);
    }
    result<void> finish_part(std::size_t i, result<byte_vector> bytes) {
        if (!bytes) return fail(std::move(bytes).error());
        return write(*bytes, d_.parts[i]);
    }
    run_descriptor hand_over() {
        d_.rows = stamps_.size();
        written_.clear();
        return std::move(d_);
    }

private:
    struct column {
        byte_vector                data;
        std::vector<std::uint32_t> offsets;
    };

    result<void> finish_block() {
        byte_vector out;
        put(out, block_magic);
        put(out, static_cast<std::uint32_t>(block_rows_));
        auto const header_at = out.size();
        out.resize(out.size() + columns_.size() * 8);
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            pad_to(out, 8);
            std::uint64_t const at = out.size();
            std::memcpy(out.data() + header_at + c * 8, &at, 8);
            if (shapes_[c].fixed_size == 0) put_bytes(out, std::as_bytes(std::span(columns_[c].offsets)));
            put_bytes(out, columns_[c].data);
            columns_[c].data.clear();
        }
        block_entry entry{stamps_.size() - block_rows_, {}};
        auto const  done = write(out, entry.where);
        blocks_.push_back(entry);
        for (auto& z : zones_here_) zones_.push_back(std::exchange(z, zone{}));
        block_rows_ = block_size_ = 0;
        return done;
    }
    result<void> write(byte_view bytes, extent& out) {
        auto e = store_->write(bytes);
        if (!e) return fail(std::move(e).error());
        out = *e;
        written_.push_back(*e);
        d_.bytes += bytes.size();
        return {};
    }

    std::shared_ptr<Store>               store_;
    std::size_t                          block_bytes_;
    typename sorted_keys<Index>::builder keys_;
    std::span<column_shape const>        shapes_;
    std::vector<std::uint64_t>           hashes_, stamps_;
    std::vector<column>                  columns_;
    std::vector<zone>                    zones_here_;
    std::size_t                          block_rows_ = 0, block_size_ = 0;
    std::vector<block_entry>             blocks_;
    std::vector<zone>                    zones_;
    std::vector<extent>                  written_;
    run_descriptor                       d_;
};

}  // namespace detail

/// run_builder - one pass over rows in strictly ascending key order.
///
/// Cost        memory: one block, 24 bytes and the key for each row, and what each index kind collects.
/// Errors      from the store (full, io) or an index kind; extents written so far are then given back.
/// Guarantee   equal input gives equal bytes.
template <class Table, page_store Store>
class run_builder : public detail::run_builder_core<Store, typename Table::filter_type, typename Table::index_type> {
    using core        = detail::run_builder_core<Store, typename Table::filter_type, typename Table::index_type>;
    using schema_type = typename Table::schema_type;
    template <class Tuple>
    struct builders_of;
    template <class... I>
    struct builders_of<std::tuple<I...>> {
        using type = std::tuple<typename I::kind_type::builder...>;
    };
    static constexpr std::size_t fixed_key =
        Table::key_type::size == 1 &&
                key_codec<std::tuple_element_t<0, typename Table::key_type::tuple_type>>::exact_u64
            ? key_codec<std::tuple_element_t<0, typename Table::key_type::tuple_type>>::size
            : 0;

public:
    explicit run_builder(std::shared_ptr<Store> store, std::size_t block_bytes = 64 << 10)
        : core(std::move(store), block_bytes, fixed_key, detail::column_shapes<schema_type>) {}

    /// Adds a row version; columns are ignored for a tombstone. Keys strictly ascend.
    result<void> add(byte_view key, timestamp at, bool tombstone, byte_view const (&columns)[schema_type::size]) {
        auto const where = this->rows();
        this->add_key(key, at, tombstone);
        if (!tombstone) {
            auto const done = [&]<std::size_t... I>(std::index_sequence<I...>) {
                return (index<I>(columns, key, where) && ...);
            }(std::make_index_sequence<Table::index_count>{});
            if (!done) return fail(errc::corrupt, {"table ", Table::name, ": a row's indexed member does not decode"});
        }
        return this->add_columns(columns, tombstone);
    }

    /// Writes what is left and hands over the run's descriptor; the extents are the caller's from then on.
    result<run_descriptor> finish() {
        auto done = this->finish_rows(Table::index_count);
        if (!done) return fail(std::move(done).error());
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (void)((done = this->finish_part(I, std::get<I>(builders_).finish()), done.has_value()) && ...);
        }(std::make_index_sequence<Table::index_count>{});
        if (!done) return fail(std::move(done).error());
        return this->hand_over();
    }

private:
    template <std::size_t I>
    bool index(byte_view const (&columns)[schema_type::size], byte_view key, position where) {
        using spec = typename Table::template index_spec<I>;
        typename spec::kind_type::value_type value{};
        if (!schema_type::extract(columns, typename spec::key_type{}, value)) return false;
        std::get<I>(builders_).add(value, key, where);
        return true;
    }

    typename builders_of<typename Table::indexes>::type builders_;
};

}  // namespace tenon
