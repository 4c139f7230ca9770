// SPDX-License-Identifier: Apache-2.0
// Included by every object of this program: answers from all headers whose code depends on the instruction set.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/crc32c.hpp"
#include "tenon/core/hash.hpp"
#include "tenon/core/lonlat.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/core/simd.hpp"
#include "tenon/metric/cosine.hpp"
#include "tenon/metric/haversine.hpp"
#include "tenon/metric/inner_product.hpp"
#include "tenon/metric/l2_squared.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// What was computed, and its bits.
using odr_answers = std::vector<std::pair<std::string, std::uint64_t>>;

odr_answers baseline_object();
odr_answers avx2_object();
odr_answers native_object();

namespace {

template <class Metric>
void add_distances(odr_answers& out, std::vector<float> const& rows, std::size_t dim) {
    std::size_t const          n = rows.size() / dim - 1;
    std::vector<float>         many(n);
    std::vector<std::uint32_t> ids;
    for (std::size_t i = 0; i < n; ++i) ids.push_back(static_cast<std::uint32_t>(n - i));
    std::string const what = std::string(Metric::name) + " in " + std::to_string(dim) + " dimensions, ";
    out.emplace_back(what + "one", std::bit_cast<std::uint32_t>(Metric::distance(rows.data(), rows.data() + dim, dim)));
    Metric::distances(rows.data(), rows.data() + dim, dim, n, dim, many.data());
    for (float d : many) out.emplace_back(what + "many", std::bit_cast<std::uint32_t>(d));
    Metric::gather(rows.data(), rows.data(), dim, ids.data(), n, dim, many.data());
    for (float d : many) out.emplace_back(what + "gathered", std::bit_cast<std::uint32_t>(d));
}

/// Compiled once in each object, with that object's flags.
odr_answers compute_answers() {
    odr_answers        out;
    tenon::prng        random(20240229);
    tenon::byte_vector bytes;
    for (int i = 0; i < 1000; ++i) tenon::put(bytes, random());
    for (std::size_t n : {0UL, 1UL, 7UL, 8UL, 63UL, 64UL, 1000UL, 8000UL}) {
        tenon::byte_view const some = tenon::byte_view(bytes).first(n);
        out.emplace_back("crc32c of " + std::to_string(n), tenon::crc32c(some));
        out.emplace_back("hash of " + std::to_string(n), tenon::hash_bytes(some));
    }
    out.emplace_back("metres", std::bit_cast<std::uint64_t>(tenon::haversine_metres({2.35, 48.85}, {-74.0, 40.7})));
    for (std::size_t dim : {1UL, 3UL, 8UL, 17UL, 64UL, 128UL, 129UL}) {
        std::vector<float> rows;
        for (std::size_t i = 0; i < dim * 9; ++i) rows.push_back(static_cast<float>(random() >> 40) * 0x1p-23F - 1.0F);
        add_distances<tenon::l2_squared>(out, rows, dim);
        add_distances<tenon::inner_product>(out, rows, dim);
        add_distances<tenon::cosine>(out, rows, dim);
    }
    return out;
}

}  // namespace
