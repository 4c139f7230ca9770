// SPDX-License-Identifier: Apache-2.0
// The nearest index kind: rows by a vector of floats.
#pragma once

#include "tenon/run/index_kind.hpp"
#include "tenon/vector_index/concept.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace tenon {

/// nearest_kind - any vector_index policy as an index kind over a std::array<float, N> member.
template <std::size_t N, vector_index Vector>
struct nearest_kind {
    using value_type = std::array<float, N>;
    static std::string describe() {
        return "nearest " + std::string(Vector::name) + " " + std::string(Vector::metric::name);
    }
    static std::uint64_t weight(value_type const&) noexcept { return 0; }
    static result<void>  check(value_type const& v) {
        for (std::size_t i = 0; i < N; ++i)
            if (!std::isfinite(v[i]))
                return fail(errc::invalid_argument, {"a vector index holds finite numbers: element ", i, " is not"});
        return {};
    }

    struct delta : Vector::delta {
        delta() : Vector::delta(N) {}
        void insert(value_type const& v, byte_view, position at) {
            Vector::delta::insert(std::span<float const>(v), at);
        }
    };
    class builder {
    public:
        void add(value_type const& v, byte_view, position at) {
            rows_.insert(rows_.end(), v.begin(), v.end());
            positions_.push_back(at);
        }
        result<byte_vector> finish() { return Vector::build(N, rows_, positions_); }

    private:
        std::vector<float>    rows_;
        std::vector<position> positions_;
    };
    /// A part against its rows: the same positions, and stored elements at the distance of the row from itself. Graphs are not
    /// rebuilt, since their bytes depend on the machine's kernels.
    template <class Part>
    static result<void> verify(Part const& p, std::vector<std::pair<value_type, position>> const& entries) {
        if (p.size() != entries.size())
            return fail(errc::corrupt, {entries.size(), " vectors expected, ", p.size(), " found"});
        for (std::size_t i = 0; i < entries.size(); ++i) {
            auto const& row    = entries[i].first;
            float const self   = Vector::metric::distance(row.data(), row.data(), N),
                        stored = Vector::metric::distance(row.data(), p.row(i).data(), N);
            if (p.where(i) != entries[i].second || std::abs(self - stored) > 1e-4f * std::max(1.0f, std::abs(self)))
                return fail(errc::corrupt, {"vector ", i, " is not that of its row"});
        }
        return {};
    }

    /// The view of the policy, refused when its vectors have another number of dimensions.
    struct part : Vector::view {
        explicit part(typename Vector::view v) : Vector::view(std::move(v)) {}
        static result<part> open(byte_view bytes) {
            auto v = Vector::view::open(bytes);
            if (!v) return fail(std::move(v).error());
            if (v->dim() != N)
                return fail(errc::corrupt, {"vector part: ", N, " dimensions expected, ", v->dim(), " found"});
            return part(std::move(*v));
        }
    };
};

}  // namespace tenon
