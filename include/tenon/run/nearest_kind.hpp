// SPDX-License-Identifier: Apache-2.0
// The nearest index kind: rows by a vector of floats.
#pragma once

#include "tenon/run/index_kind.hpp"
#include "tenon/vector_index/concept.hpp"

#include <array>
#include <cmath>

namespace tenon {

/// nearest_kind - any vector_index policy as an index kind over a std::array<float, N> member.
template <std::size_t N, vector_index Vector>
struct nearest_kind {
    using value_type = std::array<float, N>;
    static std::string   describe() { return "nearest " + std::string(Vector::name) + " " + std::string(Vector::metric::name); }
    static std::uint64_t weight(value_type const&) noexcept { return 0; }
    static result<void>  check(value_type const& v) {
        for (std::size_t i = 0; i < N; ++i)
            if (!std::isfinite(v[i])) return fail(errc::invalid_argument, "a vector index holds finite numbers: element " + std::to_string(i) + " is not");
        return {};
    }

    struct delta : Vector::delta {
        delta() : Vector::delta(N) {}
        void insert(value_type const& v, byte_view, position at) { Vector::delta::insert(std::span<float const>(v), at); }
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
    /// The view of the policy, refused when its vectors have another number of dimensions.
    struct part : Vector::view {
        explicit part(typename Vector::view v) : Vector::view(std::move(v)) {}
        static result<part> open(byte_view bytes) {
            auto v = Vector::view::open(bytes);
            if (!v) return fail(std::move(v).error());
            if (v->dim() != N)
                return fail(errc::corrupt, "vector part: " + std::to_string(N) + " dimensions expected, " + std::to_string(v->dim()) + " found");
            return part(std::move(*v));
        }
    };
};

}  // namespace tenon
