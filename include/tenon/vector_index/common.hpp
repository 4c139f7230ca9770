// SPDX-License-Identifier: Apache-2.0
// What the vector indexes share: prepared rows, the k best so far, exact scans, scratch memory, the head of their bytes.
#pragma once

#include "tenon/vector_index/concept.hpp"

#include "tenon/core/bytes.hpp"
#include "tenon/core/contract.hpp"
#include "tenon/core/result.hpp"
#include "tenon/core/units.hpp"
#include "tenon/metric/concept.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon::detail {

inline constexpr std::size_t vector_dim_limit = 65536;

/// A metric may have `M::prepare(from, to, dim)` and `M::prepared` (docs/concepts/metric.md): rows and queries are
/// then stored and compared in prepared form. Other metrics are used as they are.
template <class M>
concept prepared_metric = requires(float const* from, float* to, std::size_t dim) {
    typename M::prepared;
    M::prepare(from, to, dim);
};
template <class M>
struct metric_on_rows {
    using type = M;
};
template <prepared_metric M>
struct metric_on_rows<M> {
    using type = typename M::prepared;
};

/// Copies a vector into the form in which rows are stored. -0 becomes +0, so that equal vectors are equal bytes.
template <class M>
void prepare_row(float const* from, float* to, std::size_t dim) {
    if constexpr (prepared_metric<M>) M::prepare(from, to, dim);
    else std::copy_n(from, dim, to);
    for (std::size_t i = 0; i < dim; ++i) to[i] += 0.0F;
}

/// Whether indexes under M hold vectors of this dim.
template <class M>
constexpr bool vector_dim_fits(std::size_t dim) noexcept {
    if constexpr (requires { M::fixed_dim; }) return dim == M::fixed_dim;
    else return dim >= 1 && dim <= vector_dim_limit;
}

/// NaN sorts nowhere: rows that are damaged or were never finite are infinitely far.
inline float vector_ordered(float distance) noexcept {
    return distance == distance ? distance : std::numeric_limits<float>::infinity();
}

/// Nearer first; equally near ones by position.
inline bool vector_nearer(vector_hit a, vector_hit b) noexcept {
    return a.distance < b.distance || (a.distance == b.distance && a.at < b.at);
}

/// The k best hits so far, kept as a heap in the tail of the caller's output.
class vector_best {
public:
    vector_best(std::size_t k, std::vector<vector_hit>& out) noexcept : k_(k), base_(out.size()), out_(out) {}

    std::size_t size() const noexcept { return out_.size() - base_; }
    bool        full() const noexcept { return size() >= k_; }
    /// Whether a hit at this distance could still enter.
    bool may_enter(float distance) const noexcept { return !full() || (k_ != 0 && distance <= out_[base_].distance); }
    bool would_enter(vector_hit hit) const noexcept { return !full() || (k_ != 0 && vector_nearer(hit, out_[base_])); }

    /// Keeps the hit when it is among the k best and accepted; asks `accept` only then.
    template <class Accept>
    bool offer(vector_hit hit, Accept& accept) {
        if (!would_enter(hit)) return false;
        if (!accept(hit.at)) return false;
        if (full()) {
            std::pop_heap(first(), out_.end(), vector_nearer);
            out_.back() = hit;
        } else {
            out_.push_back(hit);
        }
        std::push_heap(first(), out_.end(), vector_nearer);
        return true;
    }
    void clear() { out_.resize(base_); }
    void sort() { std::sort_heap(first(), out_.end(), vector_nearer); }

private:
    std::vector<vector_hit>::iterator first() { return out_.begin() + static_cast<std::ptrdiff_t>(base_); }

    std::size_t              k_, base_;
    std::vector<vector_hit>& out_;
};

/// Offers every one of n rows. Distances first, `accept` only for rows that would enter: it may be dear (visibility).
template <class M, class Accept>
void scan_vectors(float const* query, float const* rows, position const* positions, std::size_t n, std::size_t dim,
                  Accept& accept, vector_best& best) {
    constexpr std::size_t block = 128;
    float                 distances[block];
    for (std::size_t from = 0; from < n; from += block) {
        std::size_t const m = std::min(block, n - from);
        metric_on_rows<M>::type::distances(query, rows + from * dim, dim, m, dim, distances);
        for (std::size_t i = 0; i < m; ++i) {
            float const distance = vector_ordered(distances[i]);
            if (best.may_enter(distance)) best.offer({distance, positions[from + i]}, accept);
        }
    }
}

/// Memory of one search. Kept per thread and used again, so that searches do not allocate after the first few.
struct vector_scratch {
    struct candidate {
        float         distance;
        std::uint32_t id;  ///< the high bit says that its neighbours were looked at
    };
    std::vector<float>         query;
    std::vector<std::uint16_t> stamps;
    std::uint16_t              epoch = 0;
    std::vector<candidate>     pool;
    std::vector<std::uint32_t> ids;
    std::vector<float>         distances;

    /// Starts a new set of visited nodes among n.
    void begin_visits(std::size_t n) {
        if (stamps.size() < n) stamps.resize(n, 0);
        if (++epoch == 0) {
            std::fill(stamps.begin(), stamps.end(), std::uint16_t{0});
            epoch = 1;
        }
    }
    /// Whether this is the first visit to the node.
    bool visit(std::uint32_t id) noexcept { return std::exchange(stamps[id], epoch) != epoch; }
};

/// Borrows scratch memory from this thread; a search inside another one's `accept` borrows a second one.
class vector_scratch_lease {
public:
    vector_scratch_lease() {
        auto& free = idle();
        if (free.empty()) {
            held_ = std::make_unique<vector_scratch>();
            free.reserve(8);
        } else {
            held_ = std::move(free.back());
            free.pop_back();
        }
    }
    ~vector_scratch_lease() {
        auto& free = idle();
        if (free.size() < free.capacity()) free.push_back(std::move(held_));
    }
    vector_scratch_lease(vector_scratch_lease const&)            = delete;
    vector_scratch_lease& operator=(vector_scratch_lease const&) = delete;

    vector_scratch& operator*() const noexcept { return *held_; }

private:
    static std::vector<std::unique_ptr<vector_scratch>>& idle() {
        thread_local std::vector<std::unique_ptr<vector_scratch>> list;
        return list;
    }
    std::unique_ptr<vector_scratch> held_;
};

/// The query in the form of the rows, in scratch memory.
template <class M>
float const* prepare_query(std::span<float const> query, vector_scratch& scratch) {
    scratch.query.resize(query.size());
    prepare_row<M>(query.data(), scratch.query.data(), query.size());
    return scratch.query.data();
}

/// The arguments of a build, checked.
template <class M>
result<void> check_vector_rows(std::size_t dim, std::span<float const> rows, std::span<position const> positions) {
    if (!vector_dim_fits<M>(dim))
        return fail(errc::invalid_argument,
                    {"vectors of ", dim, " dimensions cannot be indexed under ", std::string(std::string_view(M::name)),
                     ": it takes ", (vector_dim_fits<M>(2) && !vector_dim_fits<M>(3) ? "2" : "1 to 65536")});
    if (rows.size() / dim != positions.size() || rows.size() % dim != 0)
        return fail(errc::invalid_argument, {rows.size(), " floats are not ", positions.size(), " rows of ", dim});
    for (std::size_t i = 1; i < positions.size(); ++i)
        if (positions[i] <= positions[i - 1])
            return fail(errc::unsorted_keys, {"position ", positions[i], " of row ", i, " does not follow ",
                                              positions[i - 1], ": hand rows over by ascending position"});
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (!std::isfinite(rows[i]))
            return fail(errc::invalid_argument, {"element ", i % dim, " of row ", i / dim, " is not a finite number"});
    return {};
}

/// The head that every vector index begins with on disk.
struct vector_head {
    char          magic[8];    ///< "tenon", zeros
    char          index[32];   ///< the index policy's name, zeros
    char          metric[32];  ///< the metric's name, zeros
    std::uint32_t version;
    std::uint32_t dim;
    std::uint64_t rows;
    std::uint64_t bytes;  ///< of the whole part
    std::uint64_t positions_at;
    std::uint64_t rows_at;
    char          zeros[16];
};
static_assert(sizeof(vector_head) == 128 && alignof(vector_head) == 8);

inline std::uint64_t vector_align(std::uint64_t at) noexcept { return (at + 63) / 64 * 64; }

template <std::size_t N>
std::string_view vector_text(char const (&field)[N]) noexcept {
    return {field, static_cast<std::size_t>(std::find(field, field + N, '\0') - field)};
}

/// positions_at is head_bytes (a multiple of 64), rows_at the next multiple of 64 after them; bytes is left at the end of the rows.
inline vector_head make_vector_head(std::string_view index, std::string_view metric, std::uint32_t version,
                                    std::size_t dim, std::uint64_t rows, std::uint64_t head_bytes) {
    vector_head h{};
    std::memcpy(h.magic, "tenon", 5);
    expects(index.size() < sizeof h.index && metric.size() < sizeof h.metric,
            "names of vector indexes and metrics have at most 31 characters");
    std::copy(index.begin(), index.end(), h.index);
    std::copy(metric.begin(), metric.end(), h.metric);
    h.version      = version;
    h.dim          = static_cast<std::uint32_t>(dim);
    h.rows         = rows;
    h.positions_at = head_bytes;
    h.rows_at      = vector_align(head_bytes + rows * sizeof(position));
    h.bytes        = h.rows_at + rows * dim * sizeof(float);
    return h;
}

/// Checks what can be checked of a head in O(1): afterwards positions and rows lie inside the bytes.
template <class M>
result<vector_head> open_vector_head(byte_view bytes, std::string_view index, std::uint32_t version,
                                     std::uint64_t head_bytes) {
    std::string const what = "a vector index part of " + std::to_string(bytes.size()) + " bytes ";
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % 64 != 0)
        return fail(errc::corrupt,
                    {what, "does not begin at a multiple of 64 bytes in memory: map the file at a page"});
    if (bytes.size() < head_bytes) return fail(errc::corrupt, {what, "is shorter than its head of ", head_bytes});
    auto const h = load<vector_head>(bytes.data());
    if (vector_text(h.magic) != "tenon") return fail(errc::corrupt, {what, "does not begin with tenon's mark"});
    if (vector_text(h.index) != index || vector_text(h.metric) != std::string_view(M::name))
        return fail(errc::wrong_assembly, {what, "was made by ", std::string(vector_text(h.index)), " under ",
                                           std::string(vector_text(h.metric)), ", expected ", std::string(index),
                                           " under ", std::string(std::string_view(M::name))});
    if (h.version != version)
        return fail(errc::wrong_version, {what, "has version ", h.version, ", known is ", version});
    bool sound = vector_dim_fits<M>(h.dim) && h.rows <= (std::uint64_t{1} << 40) && h.bytes <= bytes.size();
    if (sound) {
        auto const expected = make_vector_head(index, M::name, version, h.dim, h.rows, head_bytes);
        sound = h.positions_at == expected.positions_at && h.rows_at == expected.rows_at && expected.bytes <= h.bytes;
    }
    if (!sound)
        return fail(errc::corrupt, {what, "claims ", h.rows, " rows of ", h.dim, " dimensions in ", h.bytes,
                                    " bytes, which do not fit: restore it from a copy"});
    return h;
}

/// The full check of positions and rows: ascending, finite.
inline result<void> validate_vector_rows(std::span<position const> positions, std::span<float const> rows,
                                         std::size_t dim) {
    for (std::size_t i = 1; i < positions.size(); ++i)
        if (positions[i] <= positions[i - 1])
            return fail(errc::corrupt, {"position of row ", i, " does not ascend: restore the file from a copy"});
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (!std::isfinite(rows[i]))
            return fail(errc::corrupt,
                        {"element ", i % dim, " of row ", i / dim, " is not finite: restore the file from a copy"});
    return {};
}

}  // namespace tenon::detail
