// SPDX-License-Identifier: Apache-2.0
// The world as its places: a map in SVG, with the hits of a query marked, numbered and listed.
#pragma once

#include "tenon/core/lonlat.hpp"
#include "tenon/core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace atlas {

/// A hit of the query that the map shows; the best first.
struct map_hit {
    std::string   label;   ///< its name
    std::string   detail;  ///< "12.3 km", "2,138,551 people"; may be empty
    tenon::lonlat where;
};

struct map_options {
    std::string                      title    = "atlas";
    std::string                      subtitle = {};  ///< the query in words; empty when there was none
    std::vector<map_hit>             hits     = {};  ///< the first 12 are labelled and listed, all are marked
    std::optional<tenon::lonlat>     centre   = {};  ///< of a near query: a cross
    std::optional<tenon::lonlat_box> window   = {};  ///< of a within query: an outline, across the antimeridian too
};

/// Plate carrée, 1600 x 900. Add every place, in any order, then take the text.
///
/// Places that fall on one spot of the map share a dot, as large as the greatest of them; so the drawing stays below
/// 120,000 dots however many places are added. When the hits lie close together, an inset shows
/// their neighbourhood. The output is XML 1.0 in UTF-8; names are escaped, characters that XML forbids are replaced.
class svg_map {
public:
    explicit svg_map(map_options options);
    /// A place that is not on the globe is ignored.
    void add(tenon::lonlat where, std::int64_t population);
    /// Places added.
    std::uint64_t size() const noexcept { return added_; }

    std::string text() const;
    /// Writes the text to a file; errc::io names it.
    tenon::result<void> write(std::string const& path) const;

private:
    /// The greatest size of the places on each half pixel of a part of the globe.
    struct grid {
        double                     west = 0, south = 0, width = 0, height = 0;  // degrees
        std::size_t                columns = 0, rows = 0;
        std::vector<unsigned char> spots = {};
        void                       add(tenon::lonlat where, unsigned char size);
        std::string                paths(double x, double y, double pixels, double scale) const;
    };
    std::string marks() const;
    std::string legend() const;

    map_options   options_;
    std::uint64_t added_ = 0;
    grid          world_, inset_;  // the inset has no columns when there is none
};

/// A text inside XML: markup escaped, what XML forbids replaced by U+FFFD.
std::string xml_text(std::string_view text);

}  // namespace atlas
