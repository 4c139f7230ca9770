// SPDX-License-Identifier: Apache-2.0
// Conformance suite of axis::vector_index: for people who write one.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/core/units.hpp"
#include "tenon/testing/report.hpp"
#include "tenon/vector_index/concept.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tenon::testing {

/// A copy of bytes that begins at a multiple of 64, as a page of a file does. Ends where the bytes end, so that
/// AddressSanitizer sees the first read past them.
class aligned_copy {
public:
    explicit aligned_copy(byte_view from) : size_(from.size()) {
        data_ = static_cast<std::byte*>(::operator new(std::max<std::size_t>(size_, 1), std::align_val_t{64}));
        if (size_ != 0) std::memcpy(data_, from.data(), size_);
    }
    ~aligned_copy() { ::operator delete(data_, std::align_val_t{64}); }
    aligned_copy(aligned_copy const&)            = delete;
    aligned_copy& operator=(aligned_copy const&) = delete;

    std::span<std::byte> writable() noexcept { return {data_, size_}; }
    byte_view            view() const noexcept { return {data_, size_}; }

private:
    std::size_t size_;
    std::byte*  data_;
};

/// Rows for a test: values of the bell curve around `centres` centres, positions that ascend with gaps.
struct vector_sample {
    std::size_t           dim;
    std::vector<float>    rows;
    std::vector<position> positions;

    vector_sample(std::uint64_t seed, std::size_t dim_, std::size_t n, std::size_t centres) : dim(dim_), random(seed) {
        middle.resize(std::max<std::size_t>(centres, 1) * dim);
        for (auto& x : middle) x = bell() * 1.5F;
        position at = random.below(5);
        for (std::size_t i = 0; i < n; ++i, at += 1 + random.below(5)) {
            auto const v = another();
            rows.insert(rows.end(), v.begin(), v.end());
            positions.push_back(at);
        }
    }
    /// One more vector of the same kind: a query.
    std::vector<float> another() {
        std::vector<float> v(dim);
        auto const         centre = static_cast<std::size_t>(random.below(middle.size() / dim));
        for (std::size_t j = 0; j < dim; ++j) v[j] = middle[centre * dim + j] + bell() * 0.7F;
        return v;
    }
    std::span<float const> row(std::size_t i) const { return {rows.data() + i * dim, dim}; }

private:
    float bell() {
        double sum = -3;
        for (int i = 0; i < 6; ++i) sum += random.unit();
        return static_cast<float>(sum);
    }
    prng               random;
    std::vector<float> middle;
};

namespace detail {

/// Accepts one position in `one_in`, none when that is 0.
struct accept_some {
    std::uint64_t one_in;
    bool operator()(position p) const noexcept { return one_in != 0 && p * 0x9e3779b97f4a7c15U / 7 % one_in == 0; }
};

/// All accepted rows by (distance, position), computed one by one with the metric's own distance.
inline std::vector<vector_hit> vector_oracle(float (*distance)(float const*, float const*, std::size_t),
                                             vector_sample const& s, std::span<float const> query, accept_some accept) {
    std::vector<vector_hit> all;
    for (std::size_t i = 0; i < s.positions.size(); ++i)
        if (accept(s.positions[i])) all.push_back({distance(query.data(), s.row(i).data(), s.dim), s.positions[i]});
    std::sort(all.begin(), all.end(), [](vector_hit a, vector_hit b) {
        return a.distance < b.distance || (a.distance == b.distance && a.at < b.at);
    });
    return all;
}

/// Distances may be taken on rows in another form (of length one, say): equal up to rounding.
inline bool vector_near(float a, float b) noexcept {
    return a == b || std::abs(a - b) <= 1e-5F * std::max({1.0F, std::abs(a), std::abs(b)});
}

/// The answer to one query, appended to the hit {-7, 7}: everything but recall must hold strictly. Returns how many of the
/// true k were found.
inline std::size_t check_vector_hits(std::vector<vector_hit> out, std::vector<vector_hit> const& all, std::size_t k,
                                     std::string const& what, report& r) {
    auto const want = std::min(k, all.size());
    if (!r.check(!out.empty() && out.front() == vector_hit{-7, 7},
                 what + ": hits are appended, nothing before them changes"))
        return 0;
    out.erase(out.begin());
    r.check(out.size() == want, what + ": " + std::to_string(out.size()) + " hits, expected " + std::to_string(want));
    std::size_t found     = 0;
    bool        ascending = true, accepted = true, measured = true;
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (i > 0)
            ascending = ascending && (out[i - 1].distance < out[i].distance ||
                                      (out[i - 1].distance == out[i].distance && out[i - 1].at < out[i].at));
        auto const at = std::find_if(all.begin(), all.end(), [&](vector_hit h) { return h.at == out[i].at; });
        accepted      = accepted && at != all.end();
        if (at == all.end()) continue;
        measured = measured && vector_near(at->distance, out[i].distance);
        if (i < want &&
            (out[i].distance <= all[want - 1].distance || vector_near(out[i].distance, all[want - 1].distance)))
            ++found;
    }
    r.check(ascending, what + ": hits ascend by distance, then position, without repeats");
    r.check(accepted, what + ": a hit is a row that was accepted");
    r.check(measured, what + ": a hit's distance is the metric's");
    return found;
}

}  // namespace detail

/// Checks the axioms of axis::vector_index for a policy. `recall`: the part of the true nearest rows that an approximate
/// policy must find on average; 1 for exact ones. Takes about a second.
template <vector_index Policy>
void check_vector_index(std::uint64_t seed, report& r, double recall = 1.0,
                        std::vector<std::size_t> const& dims = {1, 3, 64, 100}) {
    using metric      = typename Policy::metric;
    std::size_t found = 0, wanted = 0;
    for (std::size_t const dim : dims) {
        for (std::size_t const n : {0U, 1U, 2U, 300U, 1500U}) {
            if (n == 1500 && dim > 3) continue;
            auto const what =
                "seed " + std::to_string(seed) + ", dim " + std::to_string(dim) + ", n " + std::to_string(n);
            vector_sample s(seed + n * 31 + dim, dim, n, 20);
            if (n >= 300) {  // equal rows, and rows of zeros
                for (std::size_t i = 40; i < 60; ++i)
                    std::copy_n(s.row(7).begin(), dim, s.rows.begin() + static_cast<std::ptrdiff_t>(i * dim));
                std::fill_n(s.rows.begin() + static_cast<std::ptrdiff_t>(100 * dim), 3 * dim, 0.0F);
            }
            typename Policy::delta delta(dim);
            for (std::size_t i = 0; i < n; ++i) delta.insert(s.row(i), s.positions[i]);
            r.check(delta.size() == n, what + ": a delta holds what was inserted");
            auto const bytes = Policy::build(dim, s.rows, s.positions);
            if (!r.check(bytes.has_value(), what + ": builds")) continue;
            auto const again = Policy::build(dim, s.rows, s.positions);
            r.check(again.has_value() && *again == *bytes, what + ": equal input gives equal bytes");
            aligned_copy const memory(*bytes);
            auto const         view = Policy::view::open(memory.view());
            if (!r.check(view.has_value(), what + ": opens what it built")) continue;
            r.check(view->size() == n && view->dim() == dim, what + ": a view knows its rows and dim");
            r.check(view->validate().has_value(), what + ": validates what it built");
            for (int turn = 0; turn < 4; ++turn) {
                auto query =
                    turn == 0 && n > 0 ? std::vector<float>(s.row(n / 2).begin(), s.row(n / 2).end()) : s.another();
                if (turn == 3) query.assign(dim, 0.0F);
                for (std::uint64_t const one_in : {1U, 2U, 100U, 0U}) {
                    detail::accept_some const accept{one_in};
                    auto const                all = detail::vector_oracle(&metric::distance, s, query, accept);
                    for (std::size_t const k : {std::size_t{0}, std::size_t{1}, std::size_t{10}, n + 5,
                                                std::numeric_limits<std::size_t>::max()}) {
                        if (k > n && n == 1500 && turn > 0) continue;
                        for (std::size_t const ef : {0U, 16U}) {
                            auto const here = what + ", k " + std::to_string(k) + ", one in " + std::to_string(one_in);
                            std::vector<vector_hit> from_delta{{-7, 7}}, from_view{{-7, 7}};
                            delta.closest(query, k, {ef}, accept, from_delta);
                            view->closest(query, k, {ef}, accept, from_view);
                            auto const hits =
                                detail::check_vector_hits(std::move(from_delta), all, k, here + ", delta", r) +
                                detail::check_vector_hits(std::move(from_view), all, k, here + ", view", r);
                            if (k == 10) {
                                found += hits;
                                wanted += 2 * std::min(k, all.size());
                            }
                        }
                    }
                }
            }
            if (n < 2) continue;
            auto broken = s;
            std::swap(broken.positions[0], broken.positions[1]);
            r.check(!Policy::build(dim, broken.rows, broken.positions).has_value(),
                    what + ": positions out of order are refused");
            broken             = s;
            broken.rows.back() = std::numeric_limits<float>::quiet_NaN();
            r.check(!Policy::build(dim, broken.rows, broken.positions).has_value(), what + ": NaN is refused");
            broken.rows.pop_back();
            r.check(!Policy::build(dim, broken.rows, broken.positions).has_value(), what + ": half a row is refused");
            for (std::size_t const length : {std::size_t{0}, std::size_t{8}, bytes->size() / 2, bytes->size() - 1}) {
                aligned_copy const cut(byte_view(*bytes).first(length));
                r.check(!Policy::view::open(cut.view()).has_value(), what + ": bytes that were cut off are refused");
            }
        }
    }
    r.check(static_cast<double>(found) >= recall * static_cast<double>(wanted),
            "seed " + std::to_string(seed) + ": " + std::to_string(found) + " of " + std::to_string(wanted) +
                " nearest rows were found");
}

}  // namespace tenon::testing
