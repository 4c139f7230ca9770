// SPDX-License-Identifier: Apache-2.0
// Builds a run: takes row versions in key order, writes blocks as they fill, and at the end keys, filter and index parts.
#pragma once

#include "tenon/run/run.hpp"

#include <algorithm>
#include <vector>

namespace tenon {

/// run_builder - one pass over rows in strictly ascending key order.
///
/// Cost        memory: one block, 24 bytes and the key for each row, and what each index kind collects.
/// Errors      from the store (full, io) or an index kind; extents written so far are then given back.
/// Guarantee   equal input gives equal bytes.
template <class Table, page_store Store>
class run_builder {
    using schema_type = typename Table::schema_type;
    template <class Tuple>
    struct builders_of;
    template <class... I>
    struct builders_of<std::tuple<I...>> {
        using type = std::tuple<typename I::kind_type::builder...>;
    };
    static constexpr std::size_t fixed_key =
        Table::key_type::size == 1 && key_codec<std::tuple_element_t<0, typename Table::key_type::tuple_type>>::exact_u64
            ? key_codec<std::tuple_element_t<0, typename Table::key_type::tuple_type>>::size
            : 0;

public:
    explicit run_builder(std::shared_ptr<Store> store, std::size_t block_bytes = 64 << 10)
        : store_(std::move(store)), block_bytes_(block_bytes), keys_(fixed_key) {}
    run_builder(run_builder const&)            = delete;
    run_builder& operator=(run_builder const&) = delete;
    ~run_builder() {
        for (auto e : written_) store_->release(e);
    }

    std::uint64_t rows() const noexcept { return stamps_.size(); }

    /// Adds a row version; columns are ignored for a tombstone. Keys strictly ascend.
    result<void> add(byte_view key, timestamp at, bool tombstone, byte_view const (&columns)[schema_type::size]) {
        auto const where = stamps_.size();
        keys_.add(key);
        hashes_.push_back(hash_bytes(key));
        stamps_.push_back(at << 1 | std::uint64_t{tombstone});
        if (where == 0 || at < d_.first) d_.first = at;
        d_.last = std::max(d_.last, at);
        if (tombstone) {
            ++d_.tombstones;
        } else {
            auto const done = [&]<std::size_t... I>(std::index_sequence<I...>) { return (index<I>(columns, key, where) && ...); }(
                std::make_index_sequence<Table::index_count>{});
            if (!done) return fail(errc::corrupt, {"table ", Table::name, ": a row's indexed member does not decode"});
        }
        append(columns, tombstone);
        return block_size_ >= block_bytes_ || block_rows_ >= 4096 ? finish_block() : result<void>{};
    }

    /// Writes what is left and hands over the run's descriptor; the extents are the caller's from then on.
    result<run_descriptor> finish() {
        if (block_rows_ > 0)
            if (auto done = finish_block(); !done) return fail(std::move(done).error());
        auto keys = keys_.finish();
        if (!keys) return fail(std::move(keys).error());
        byte_vector directory;
        put(directory, std::uint64_t{blocks_.size()});
        for (auto const& b : blocks_) put(directory, b);
        for (auto const& z : zones_) put(directory, z);
        if (auto done = write(*keys, d_.keys); !done) return fail(std::move(done).error());
        if (auto done = write(std::as_bytes(std::span(stamps_)), d_.stamps); !done) return fail(std::move(done).error());
        if (auto done = write(Table::filter_type::build(hashes_), d_.filter); !done) return fail(std::move(done).error());
        if (auto done = write(directory, d_.directory); !done) return fail(std::move(done).error());
        d_.parts.resize(Table::index_count);
        result<void> parts;
        [&]<std::size_t... I>(std::index_sequence<I...>) { (void)(finish_part<I>(parts) && ...); }(std::make_index_sequence<Table::index_count>{});
        if (!parts) return fail(std::move(parts).error());
        d_.rows = stamps_.size();
        written_.clear();
        return std::move(d_);
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
    template <std::size_t I>
    bool finish_part(result<void>& out) {
        auto bytes = std::get<I>(builders_).finish();
        if (!bytes) out = fail(std::move(bytes).error());
        else out = write(*bytes, d_.parts[I]);
        return out.has_value();
    }
    void append(byte_view const (&columns)[schema_type::size], bool tombstone) {
        append_columns(columns, tombstone, std::make_index_sequence<schema_type::size>{});
        ++block_rows_;
    }
    template <std::size_t... C>
    void append_columns(byte_view const (&columns)[schema_type::size], bool tombstone, std::index_sequence<C...>) {
        (append_column<C>(columns[C], tombstone), ...);
    }
    template <std::size_t C>
    void append_column(byte_view bytes, bool tombstone) {
        auto& data = data_[C];
        if constexpr (schema_type::fixed_sizes[C] != 0) {
            if (tombstone) data.resize(data.size() + schema_type::fixed_sizes[C]);
            else put_bytes(data, bytes);
            block_size_ += schema_type::fixed_sizes[C];
            using column = typename schema_type::template column_type<C>;
            if constexpr (detail::has_zone<column>()) {
                column value{};
                if (!tombstone && column_codec<column>::decode(bytes, value) && key_codec<column>::encodable(value)) {
                    auto const z = detail::zone_value(value);
                    zone_[C]     = {std::min(zone_[C].low, z), std::max(zone_[C].high, z)};
                } else if (!tombstone) {
                    zone_[C] = {0, ~std::uint64_t{0}};
                }
            }
        } else {
            if (block_rows_ == 0) offsets_[C].assign(1, 0);
            if (!tombstone) put_bytes(data, bytes);
            offsets_[C].push_back(static_cast<std::uint32_t>(data.size()));
            block_size_ += bytes.size() + 4;
        }
    }
    result<void> finish_block() {
        byte_vector out;
        put(out, block_view<schema_type>::magic);
        put(out, static_cast<std::uint32_t>(block_rows_));
        auto const header_at = out.size();
        out.resize(out.size() + schema_type::size * 8);
        for (std::size_t c = 0; c < schema_type::size; ++c) {
            pad_to(out, 8);
            std::uint64_t const at = out.size();
            std::memcpy(out.data() + header_at + c * 8, &at, 8);
            if (schema_type::fixed_sizes[c] == 0) put_bytes(out, std::as_bytes(std::span(offsets_[c])));
            put_bytes(out, data_[c]);
            data_[c].clear();
        }
        block_entry entry{stamps_.size() - block_rows_, {}};
        auto const  done = write(out, entry.where);
        blocks_.push_back(entry);
        for (auto& z : zone_) zones_.push_back(std::exchange(z, zone{}));
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

    std::shared_ptr<Store>                              store_;
    std::size_t                                         block_bytes_;
    typename sorted_keys<typename Table::index_type>::builder keys_;
    std::vector<std::uint64_t>                          hashes_, stamps_;
    typename builders_of<typename Table::indexes>::type builders_;
    byte_vector                                         data_[schema_type::size];
    std::vector<std::uint32_t>                          offsets_[schema_type::size];
    zone                                                zone_[schema_type::size];
    std::size_t                                         block_rows_ = 0, block_size_ = 0;
    std::vector<block_entry>                            blocks_;
    std::vector<zone>                                   zones_;
    std::vector<extent>                                 written_;
    run_descriptor                                      d_;
};

}  // namespace tenon
