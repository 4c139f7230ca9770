// SPDX-License-Identifier: Apache-2.0
// Vector index: the obvious one, an exact scan over all rows.
#pragma once

#include "tenon/vector_index/concept.hpp"

#include "tenon/core/bytes.hpp"
#include "tenon/core/contract.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/metric/concept.hpp"
#include "tenon/vector_index/common.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon {

/// flat - every row is compared: exact, and the oracle of the other vector indexes.
///
/// Maps        query -> the k nearest rows by (distance, position).
/// Shapes      rows: n x dim floats, dim in [1, 65536] (or what the metric fixes).
/// Guarantee   exact under the metric; metrics with a prepared form (cosine) are taken on prepared rows, so that all vector
///             indexes and both halves give the same bits for the same vectors. Equal vectors come by position. Rows that
///             are not finite are infinitely far.
/// Cost        build O(n dim); a query O(n dim) at the speed of memory; no allocation after a thread's first query.
/// Errors      build: errc::invalid_argument (shape, a value that is not finite), errc::unsorted_keys (positions).
///             open: errc::corrupt, errc::wrong_assembly, errc::wrong_version.
/// Threads     const members may be called concurrently; a delta takes one writer beside any number of readers.
/// On disk     "tenon.flat/1", docs/formats/flat_vectors.md
/// Use when    up to some ten thousand rows, or exactness is asked for; hnsw<> beyond.
template <class Metric>
struct flat {
    static_assert(::tenon::metric<Metric>,
                  "tenon::flat<Metric>: Metric must be a policy on axis::metric, such as tenon::cosine");

    using policy_axis                            = axis::vector_index;
    using metric                                 = Metric;
    static constexpr std::string_view name       = "tenon.flat/1";
    static constexpr std::uint32_t    version    = 1;
    static constexpr std::uint64_t    head_bytes = sizeof(detail::vector_head);

    /// Rows in arrival order, in chunks that double, so that rows never move. Not movable.
    class delta {
    public:
        /// Precondition: the metric takes vectors of dim floats.
        explicit delta(std::size_t dim) : dim_(dim) {
            expects(detail::vector_dim_fits<Metric>(dim),
                    "a vector index needs 1 to 65536 dimensions, and those its metric asks for");
        }
        ~delta() {
            for (auto& c : chunks_)
                if (c.rows != nullptr) ::operator delete[](c.rows, std::align_val_t{64});
        }
        delta(delta const&)            = delete;
        delta& operator=(delta const&) = delete;

        /// Readers see the row when this returns. Preconditions: dim floats; `at` is above all before; one caller at a time.
        void insert(std::span<float const> vector, position at) {
            expects(vector.size() == dim_, "a vector must have as many elements as the index has dimensions");
            std::uint64_t const i = size_.load(std::memory_order_relaxed);
            expects(i == 0 || at > last_, "positions of inserted vectors must ascend");
            auto const [chunk, within] = place(i);
            auto& c                    = chunks_[chunk];
            if (c.rows == nullptr) {
                std::size_t const room      = first_chunk << chunk;
                auto              positions = std::make_unique<position[]>(room);
                c.rows      = static_cast<float*>(::operator new[](room * dim_ * sizeof(float), std::align_val_t{64}));
                c.positions = std::move(positions);
            }
            detail::prepare_row<Metric>(vector.data(), c.rows + within * dim_, dim_);
            c.positions[within] = at;
            last_               = at;
            size_.store(i + 1, std::memory_order_release);
        }

        std::uint64_t size() const noexcept { return size_.load(std::memory_order_acquire); }
        std::size_t   dim() const noexcept { return dim_; }

        /// The k nearest accepted rows. Precondition: the query has dim floats.
        template <class Accept>
        void closest(std::span<float const> query, std::size_t k, vector_search_options, Accept&& accept,
                     std::vector<vector_hit>& out) const {
            expects(query.size() == dim_, "a query must have as many elements as the index has dimensions");
            std::uint64_t const n = size();
            if (k == 0 || n == 0) return;
            detail::vector_scratch_lease scratch;
            float const*                 q = detail::prepare_query<Metric>(query, *scratch);
            detail::vector_best          best(k, out);
            for (std::uint64_t from = 0, chunk = 0; from < n; from += first_chunk << chunk, ++chunk) {
                auto const& c = chunks_[static_cast<std::size_t>(chunk)];
                auto const  m = static_cast<std::size_t>(std::min<std::uint64_t>(first_chunk << chunk, n - from));
                detail::scan_vectors<Metric>(q, c.rows, c.positions.get(), m, dim_, accept, best);
            }
            best.sort();
        }

    private:
        static constexpr std::uint64_t first_chunk = 64;

        struct rows_chunk {
            float*                      rows = nullptr;
            std::unique_ptr<position[]> positions;
        };
        struct where {
            std::size_t chunk, within;
        };
        static where place(std::uint64_t i) noexcept {
            auto const c = static_cast<std::size_t>(std::bit_width(i / first_chunk + 1) - 1);
            return {c, static_cast<std::size_t>(i - first_chunk * ((std::uint64_t{1} << c) - 1))};
        }

        std::size_t                dim_;
        std::array<rows_chunk, 48> chunks_;
        position                   last_ = 0;
        std::atomic<std::uint64_t> size_{0};
    };

    /// The run part. Preconditions: none; every wrong argument gets an error.
    static result<byte_vector> build(std::size_t dim, std::span<float const> rows,
                                     std::span<position const> positions) {
        if (auto ok = detail::check_vector_rows<Metric>(dim, rows, positions); !ok) return fail(std::move(ok).error());
        auto const  head = detail::make_vector_head(name, Metric::name, version, dim, positions.size(), head_bytes);
        byte_vector out(static_cast<std::size_t>(head.bytes));
        std::memcpy(out.data(), &head, sizeof head);
        if (!positions.empty()) std::memcpy(out.data() + head.positions_at, positions.data(), positions.size_bytes());
        std::vector<float> row(dim);
        for (std::size_t i = 0; i < positions.size(); ++i) {
            detail::prepare_row<Metric>(rows.data() + i * dim, row.data(), dim);
            std::memcpy(out.data() + head.rows_at + i * dim * sizeof(float), row.data(), dim * sizeof(float));
        }
        return out;
    }

    /// Rows in place. The bytes must outlive it.
    class view {
    public:
        static result<view> open(byte_view bytes) {
            auto head = detail::open_vector_head<Metric>(bytes, name, version, head_bytes);
            if (!head) return fail(std::move(head).error());
            view v;
            v.dim_ = head->dim;
            if (head->bytes != head->rows_at + head->rows * head->dim * sizeof(float) ||
                !view_array(bytes, head->positions_at, head->rows, v.positions_) ||
                !view_array(bytes, head->rows_at, head->rows * head->dim, v.rows_))
                return fail(errc::corrupt,
                            "a flat vector part does not end where its rows end: restore it from a copy");
            return v;
        }

        std::uint64_t size() const noexcept { return positions_.size(); }
        std::size_t   dim() const noexcept { return dim_; }

        /// The k nearest accepted rows. Precondition: the query has dim floats.
        template <class Accept>
        void closest(std::span<float const> query, std::size_t k, vector_search_options, Accept&& accept,
                     std::vector<vector_hit>& out) const {
            expects(query.size() == dim_, "a query must have as many elements as the index has dimensions");
            if (k == 0 || positions_.empty()) return;
            detail::vector_scratch_lease scratch;
            float const*                 q = detail::prepare_query<Metric>(query, *scratch);
            detail::vector_best          best(k, out);
            detail::scan_vectors<Metric>(q, rows_.data(), positions_.data(), positions_.size(), dim_, accept, best);
            best.sort();
        }

        /// Reads everything: positions ascend, elements are finite.
        result<void> validate() const { return detail::validate_vector_rows(positions_, rows_, dim_); }

        /// Entry i as it is stored, below size(): for cross-checks.
        position               where(std::size_t i) const noexcept { return positions_[i]; }
        std::span<float const> row(std::size_t i) const noexcept { return rows_.subspan(i * dim_, dim_); }

    private:
        view()                         = default;
        std::size_t               dim_ = 0;
        std::span<position const> positions_;
        std::span<float const>    rows_;
    };
};

}  // namespace tenon

#include "tenon/metric/archetype.hpp"

static_assert(tenon::vector_index<tenon::flat<tenon::archetype::metric_policy>>);
