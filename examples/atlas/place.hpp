// SPDX-License-Identifier: Apache-2.0
// What atlas stores: one place of the GeoNames gazetteer.
#pragma once

#include "tenon/core/lonlat.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace atlas {

inline constexpr std::size_t look_size = 64;
using look_vector                      = std::array<float, look_size>;

/// A place. All texts are UTF-8.
struct place {
    std::uint64_t id = 0;  ///< GeoNames' own
    std::string   name;
    std::string   alternate_names;  ///< in other languages and spellings, separated by commas
    std::string   country;          ///< two letters of ISO 3166, empty at sea
    std::string   feature_code;     ///< such as PPLC, the capital of a country
    std::int64_t  population = 0;   ///< 0 when unknown
    std::string   time_zone;        ///< such as Europe/Andorra
    tenon::lonlat where;            ///< degrees
    look_vector   look{};           ///< embedding of the name (embedding.hpp), unit length

    friend bool operator==(place const&, place const&) = default;
};

}  // namespace atlas
