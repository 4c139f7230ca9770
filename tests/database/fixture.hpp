// SPDX-License-Identifier: Apache-2.0
// What the tests of the database share: index policies that count, and a database with a table of every sort.
#pragma once

#include "tenon/database.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/metric/l2_squared.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/vector_index/flat.hpp"
#include "tenon/work/inline_work.hpp"

#include <atomic>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

/// Queries that reached an index policy, by what they asked.
struct calls {
    std::uint64_t look_up = 0, within = 0, near = 0, postings = 0, alike = 0;
};
inline calls called;

/// Each wraps a policy and counts what the engine asks of its delta and of its run part.
struct counted_order {
    using policy_axis                      = tenon::axis::ordered_index;
    static constexpr std::string_view name = "counted_order";
    template <class Key>
    static tenon::result<tenon::byte_vector> build(std::span<Key const> keys) {
        return tenon::hybrid<>::build<Key>(keys);
    }
    template <class Key>
    struct view : tenon::hybrid<>::view<Key> {
        using base = tenon::hybrid<>::view<Key>;
        explicit view(base b) : base(std::move(b)) {}
        static tenon::result<view> open(tenon::byte_view model, std::span<Key const> keys) {
            auto v = base::open(model, keys);
            if (!v) return tenon::fail(v.error());
            return view(std::move(*v));
        }
        std::uint64_t lower_bound(Key k) const {
            ++called.look_up;
            return base::lower_bound(k);
        }
        tenon::position_range equal_range(Key k) const {
            ++called.look_up;
            return base::equal_range(k);
        }
    };
};
static_assert(tenon::ordered_index<counted_order>);

template <class Queries>
struct counted_places : Queries {
    counted_places() = default;
    explicit counted_places(Queries q) : Queries(std::move(q)) {}
    template <class Visit>
    void within(tenon::lonlat_box const& box, Visit&& visit) const {
        ++called.within;
        Queries::within(box, visit);
    }
    template <class Accept>
    void closest(tenon::lonlat from, std::size_t k, Accept&& accept, std::vector<tenon::near_hit>& out) const {
        ++called.near;
        Queries::closest(from, k, accept, out);
    }
};
struct counted_spatial {
    using policy_axis                      = tenon::axis::spatial_index;
    using inner                            = tenon::packed_rtree<>;
    static constexpr std::string_view name = "counted_spatial";
    using delta                            = counted_places<inner::delta>;
    static tenon::result<tenon::byte_vector> build(std::span<tenon::point_entry const> entries) {
        return inner::build(entries);
    }
    struct view : counted_places<inner::view> {
        using counted_places<inner::view>::counted_places;
        static tenon::result<view> open(tenon::byte_view bytes) {
            auto v = inner::view::open(bytes);
            if (!v) return tenon::fail(v.error());
            return view(std::move(*v));
        }
    };
};

template <class Queries>
struct counted_postings : Queries {
    counted_postings() = default;
    explicit counted_postings(Queries q) : Queries(std::move(q)) {}
    template <class Visit>
    void postings(std::string_view term, Visit&& visit) const {
        ++called.postings;
        Queries::postings(term, visit);
    }
};
struct counted_text {
    using policy_axis                      = tenon::axis::text_index;
    using inner                            = tenon::inverted;
    using analyzer                         = inner::analyzer;
    static constexpr std::string_view name = "counted_text";
    using delta                            = counted_postings<inner::delta>;
    static std::uint32_t                     length(std::string_view text) { return inner::length(text); }
    static tenon::result<tenon::byte_vector> build(std::span<tenon::text_entry const> entries) {
        return inner::build(entries);
    }
    struct view : counted_postings<inner::view> {
        using counted_postings<inner::view>::counted_postings;
        static tenon::result<view> open(tenon::byte_view bytes) {
            auto v = inner::view::open(bytes);
            if (!v) return tenon::fail(v.error());
            return view(std::move(*v));
        }
    };
};

struct counted_vectors {
    using policy_axis                      = tenon::axis::vector_index;
    using inner                            = tenon::flat<tenon::l2_squared>;
    using metric                           = inner::metric;
    static constexpr std::string_view name = "counted_vectors";
    template <class Queries>
    struct counted : Queries {
        explicit counted(std::size_t dim)
        requires std::constructible_from<Queries, std::size_t>
            : Queries(dim) {}
        explicit counted(Queries&& q)
        requires std::movable<Queries>
            : Queries(std::move(q)) {}
        template <class Accept>
        void closest(std::span<float const> query, std::size_t k, tenon::vector_search_options o, Accept&& accept,
                     std::vector<tenon::vector_hit>& out) const {
            ++called.alike;
            Queries::closest(query, k, o, accept, out);
        }
    };
    using delta = counted<inner::delta>;
    static tenon::result<tenon::byte_vector> build(std::size_t dim, std::span<float const> rows,
                                                   std::span<tenon::position const> at) {
        return inner::build(dim, rows, at);
    }
    struct view : counted<inner::view> {
        explicit view(inner::view v) : counted<inner::view>(std::move(v)) {}
        static tenon::result<view> open(tenon::byte_view bytes) {
            auto v = inner::view::open(bytes);
            if (!v) return tenon::fail(v.error());
            return view(std::move(*v));
        }
    };
};

struct place {
    std::uint64_t        id = 0;
    std::string          name;
    double               height = 0;
    tenon::lonlat        where;
    std::array<float, 2> look{};
    friend bool          operator==(place const&, place const&) = default;
};
/// A composite primary key with a text that may hold any bytes.
struct line {
    std::string   order;
    std::int32_t  number                               = 0;
    std::uint64_t pieces                               = 0;
    friend bool   operator==(line const&, line const&) = default;
};
/// Values of any size.
struct note {
    std::string key;
    std::string value;
    friend bool operator==(note const&, note const&) = default;
};

using places =
    tenon::table<"places", place, tenon::columns<&place::id, &place::name, &place::height, &place::where, &place::look>,
                 tenon::primary<&place::id, counted_order>, tenon::ordered<&place::height, counted_order>,
                 tenon::text<&place::name, counted_text>, tenon::spatial<&place::where, counted_spatial>,
                 tenon::nearest<&place::look, counted_vectors>>;
using lines = tenon::table<"lines", line, tenon::columns<&line::order, &line::number, &line::pieces>,
                           tenon::primary<tenon::key<&line::order, &line::number>>>;
using notes = tenon::table<"notes", note, tenon::columns<&note::key, &note::value>, tenon::primary<&note::key>>;

struct sample_db : tenon::database<places, lines, notes, tenon::memory_files, tenon::checksummed<tenon::file_store<>>,
                                   tenon::inline_work> {
    using database::database;
};

/// Opened in a world of its own unless one is given; a test that cannot open it ends.
template <class Db>
Db open_or_end(std::string const& path, typename Db::options options = {}) {
    auto db = tenon::open<Db>(path, std::move(options));
    tenon::expects(db.has_value(), db ? "" : db.error().message.c_str());
    return std::move(*db);
}

template <class Row>
tenon::result<tenon::timestamp> put(auto& db, std::vector<Row> const& rows) {
    auto tx = db.begin();
    for (auto const& row : rows)
        if (auto done = tx.upsert(row); !done) return tenon::fail(done.error());
    return tx.commit();
}

template <class T>
tenon::errc kind_of(tenon::result<T> const& r) {
    return r ? tenon::errc{} : r.error().kind;
}

/// Ids of a stream of rows or hits, in its order.
template <class Stream>
std::vector<std::uint64_t> ids(Stream&& s) {
    std::vector<std::uint64_t> out;
    for (auto const& x : s)
        if constexpr (requires { x.row; }) out.push_back(x.row.id);
        else out.push_back(x.id);
    return out;
}
