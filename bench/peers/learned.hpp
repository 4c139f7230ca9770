// SPDX-License-Identifier: Apache-2.0
// Peers that are headers of others: each is there when its header is found below one of the option `peer_headers`.
#pragma once

#include "../pages.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#if __has_include("pgm/pgm_index.hpp")
#include "pgm/pgm_index.hpp"
#define TENON_BENCH_PGM 1
#endif
#if __has_include("rs/builder.h")
#include "rs/builder.h"
#define TENON_BENCH_RADIX_SPLINE 1
#endif
#if __has_include("alex.h")
#include "alex.h"
#define TENON_BENCH_ALEX 1
#endif

namespace bench {

/// Which of them this program has.
inline std::string outside_peers() {
    std::string           out;
    [[maybe_unused]] auto add = [&](char const* name) { out += (out.empty() ? "" : ", ") + std::string(name); };
#if defined(TENON_BENCH_PGM)
    add("PGM-index");
#endif
#if defined(TENON_BENCH_RADIX_SPLINE)
    add("RadixSpline");
#endif
#if defined(TENON_BENCH_ALEX)
    add("ALEX");
#endif
    return out.empty() ? "none (the Meson option peer_headers names the folders of PGM-index, RadixSpline and ALEX)"
                       : out;
}

#if defined(TENON_BENCH_PGM)
template <std::size_t Epsilon>
class pgm_peer {
public:
    explicit pgm_peer(std::span<std::uint64_t const> keys) : keys_(keys), index_(taken(keys), keys.end()) {}
    std::size_t   bytes() const { return index_.size_in_bytes(); }
    std::uint64_t lower_bound(std::uint64_t k) const {
        auto const        at    = index_.search(k);
        auto const* const first = keys_.data();
        return static_cast<std::uint64_t>(std::lower_bound(first + at.lo, first + at.hi, k) - first);
    }

private:
    static auto taken(std::span<std::uint64_t const> keys) {
        if (!keys.empty() && keys.back() == std::numeric_limits<std::uint64_t>::max())
            throw std::invalid_argument("it does not take the greatest key");
        return keys.begin();
    }
    std::span<std::uint64_t const>        keys_;
    pgm::PGMIndex<std::uint64_t, Epsilon> index_;
};
#endif

#if defined(TENON_BENCH_RADIX_SPLINE)
template <std::size_t RadixBits, std::size_t Error>
class radix_spline_peer {
public:
    explicit radix_spline_peer(std::span<std::uint64_t const> keys) : keys_(keys), index_(build(keys)) {}
    std::size_t   bytes() const { return index_.GetSize(); }
    std::uint64_t lower_bound(std::uint64_t k) const {
        auto const        at    = index_.GetSearchBound(k);
        auto const* const first = keys_.data();
        return static_cast<std::uint64_t>(std::lower_bound(first + at.begin, first + at.end, k) - first);
    }

private:
    static rs::RadixSpline<std::uint64_t> build(std::span<std::uint64_t const> keys) {
        if (keys.empty() || keys.front() == keys.back()) throw std::invalid_argument("it needs two different keys");
        rs::Builder<std::uint64_t> builder(keys.front(), keys.back(), RadixBits, Error);
        for (auto k : keys) builder.AddKey(k);
        return builder.Finalize();
    }
    std::span<std::uint64_t const>         keys_;
    mutable rs::RadixSpline<std::uint64_t> index_;
};
#endif

#if defined(TENON_BENCH_ALEX)
/// Each key once, with the rank of its first.
class alex_peer {
public:
    explicit alex_peer(std::span<std::uint64_t const> keys) : n_(keys.size()) {
        std::vector<std::pair<std::uint64_t, std::uint64_t>> ranks;
        ranks.reserve(keys.size());
        for (std::size_t i = 0; i < keys.size(); ++i)
            if (i == 0 || keys[i] != keys[i - 1]) ranks.emplace_back(keys[i], i);
        index_.bulk_load(ranks.data(), static_cast<int>(ranks.size()));
        pairs_ = ranks.size();
    }
    std::size_t bytes() const {
        return static_cast<std::size_t>(index_.model_size() + index_.data_size()) - 16 * pairs_;
    }
    std::uint64_t lower_bound(std::uint64_t k) const {
        auto const at = index_.lower_bound(k);
        return at.is_end() ? n_ : at.payload();
    }

private:
    std::size_t                                      n_, pairs_ = 0;
    mutable alex::Alex<std::uint64_t, std::uint64_t> index_;
};
#endif

}  // namespace bench
