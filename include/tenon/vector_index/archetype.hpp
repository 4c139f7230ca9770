// SPDX-License-Identifier: Apache-2.0
// The least vector index: what generic code may use of one, and no more.
#pragma once

#include "tenon/vector_index/concept.hpp"

#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/metric/archetype.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace tenon::archetype {

/// Every row is measured and sorted. On disk: dim and rows as u64, then position, elements, row after row.
struct vector_index_policy {
    using policy_axis                      = axis::vector_index;
    using metric                           = metric_policy;
    static constexpr std::string_view name = "archetype.vector_index/1";

    class delta {
    public:
        explicit delta(std::size_t dim) : dim_(dim) {}
        delta(delta const&)            = delete;
        delta& operator=(delta const&) = delete;

        void insert(std::span<float const> vector, position at) {
            rows_.insert(rows_.end(), vector.begin(), vector.end());
            at_.push_back(at);
        }
        std::uint64_t size() const { return at_.size(); }
        template <class Accept>
        void closest(std::span<float const> query, std::size_t k, vector_search_options, Accept&& accept,
                     std::vector<vector_hit>& out) const {
            std::vector<vector_hit> hits;
            for (std::size_t i = 0; i < at_.size(); ++i)
                if (accept(at_[i]))
                    hits.push_back({metric::distance(query.data(), rows_.data() + i * dim_, dim_), at_[i]});
            std::sort(hits.begin(), hits.end(), [](vector_hit a, vector_hit b) {
                return a.distance < b.distance || (a.distance == b.distance && a.at < b.at);
            });
            hits.resize(std::min(k, hits.size()));
            out.insert(out.end(), hits.begin(), hits.end());
        }

    private:
        std::size_t           dim_;
        std::vector<float>    rows_;
        std::vector<position> at_;
    };

    static result<byte_vector> build(std::size_t dim, std::span<float const> rows,
                                     std::span<position const> positions) {
        if (dim == 0 || rows.size() != dim * positions.size())
            return fail(errc::invalid_argument, "rows must be n x dim floats");
        if (!std::is_sorted(positions.begin(), positions.end(), std::less_equal<>()))
            return fail(errc::unsorted_keys, "positions must ascend");
        for (float const x : rows)
            if (!std::isfinite(x)) return fail(errc::invalid_argument, "elements must be finite");
        byte_vector out;
        put(out, std::uint64_t{dim});
        put(out, std::uint64_t{positions.size()});
        for (std::size_t i = 0; i < positions.size(); ++i) {
            put(out, positions[i]);
            put_bytes(out, std::as_bytes(rows.subspan(i * dim, dim)));
        }
        return out;
    }

    class view {
    public:
        static result<view> open(byte_view bytes) {
            byte_reader in(bytes);
            view        v;
            v.dim_  = static_cast<std::size_t>(in.get<std::uint64_t>());
            v.size_ = in.get<std::uint64_t>();
            v.rows_ = bytes.last(in.left());
            if (!in.ok() || v.dim_ == 0 || v.dim_ > 65536 || v.rows_.size() / (8 + 4 * v.dim_) != v.size_ ||
                v.rows_.size() % (8 + 4 * v.dim_) != 0)
                return fail(errc::corrupt, "the rows do not fill the bytes");
            return v;
        }
        std::uint64_t size() const { return size_; }
        std::size_t   dim() const { return dim_; }
        template <class Accept>
        void closest(std::span<float const> query, std::size_t k, vector_search_options o, Accept&& accept,
                     std::vector<vector_hit>& out) const {
            delta              all(dim_);
            byte_reader        in(rows_);
            std::vector<float> row(dim_);
            for (std::uint64_t i = 0; i < size_; ++i) {
                auto const at = in.get<position>();
                for (auto& x : row) x = in.get<float>();
                all.insert(row, at);
            }
            all.closest(query, k, o, accept, out);
        }
        result<void>           validate() const { return {}; }
        position               where(std::size_t i) const { return load<position>(rows_.data() + i * (8 + 4 * dim_)); }
        std::span<float const> row(std::size_t i) const {
            return {reinterpret_cast<float const*>(rows_.data() + i * (8 + 4 * dim_) + 8), dim_};
        }

    private:
        view()              = default;
        std::size_t   dim_  = 0;
        std::uint64_t size_ = 0;
        byte_view     rows_;
    };

    vector_index_policy() = delete;
};

static_assert(vector_index<vector_index_policy>);

}  // namespace tenon::archetype
