// SPDX-License-Identifier: Apache-2.0
#include "svg_map.hpp"

#include "output.hpp"
#include "tenon/core/utf8.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numbers>
#include <utility>

namespace atlas {
namespace {

constexpr double map_x = 0, map_y = 60, map_width = 1600, map_height = 800;
constexpr double inset_x = 1010, inset_y = 612, inset_width = 330, inset_height = 236;
constexpr double list_x = 16, list_width = 350, list_row = 19;
constexpr double per_degree = map_width / 360;

constexpr std::size_t listed = 12, most_dots = 120'000;

struct look_of_size {
    std::int64_t from;
    double       diameter;
    char const*  colour;
    char const*  words;
};
constexpr std::array<look_of_size, 6> sizes{{{0, 1.1, "#3f6a9c", "fewer, or unknown"},
                                             {50'000, 1.4, "#6f9bc8", "50,000"},
                                             {200'000, 2.0, "#b7cfe4", "200,000"},
                                             {1'000'000, 3.0, "#ffe3a6", "1 million"},
                                             {5'000'000, 4.6, "#ffc45c", "5 million"},
                                             {10'000'000, 6.4, "#ff9f43", "10 million people"}}};

unsigned char size_of(std::int64_t population) {
    std::size_t i = sizes.size() - 1;
    while (i > 0 && population < sizes[i].from) --i;
    return static_cast<unsigned char>(i + 1);
}

/// Degrees to the east of `from`, in [0, 360).
double eastward(double from, double lon) {
    double const d = std::fmod(lon - from, 360.0);
    return d < 0 ? d + 360 : d;
}

std::string num(double v) {
    auto text = fixed(v, 1);
    if (text.ends_with(".0")) text.resize(text.size() - 2);
    return text == "-0" ? "0" : text;
}

struct box {
    double x, y, w, h;
    bool   meets(box const& o) const { return x < o.x + o.w && o.x < x + w && y < o.y + o.h && o.y < y + h; }
    bool   holds(box const& o) const { return o.x >= x && o.y >= y && o.x + o.w <= x + w && o.y + o.h <= y + h; }
};

std::string rect(box b, std::string_view attributes) {
    return "<rect x=\"" + num(b.x) + "\" y=\"" + num(b.y) + "\" width=\"" + num(b.w) + "\" height=\"" + num(b.h) +
           "\" " + std::string(attributes) + "/>\n";
}
std::string text_at(double x, double y, std::string_view attributes, std::string_view words) {
    return "<text x=\"" + num(x) + "\" y=\"" + num(y) + "\" " + std::string(attributes) + ">" + xml_text(words) +
           "</text>\n";
}

/// A number, or from the 13th hit on a dot.
std::string marker(double x, double y, std::size_t rank) {
    if (rank >= listed) return "<circle class=\"hit\" cx=\"" + num(x) + "\" cy=\"" + num(y) + "\" r=\"3\"/>\n";
    return "<circle class=\"hit\" cx=\"" + num(x) + "\" cy=\"" + num(y) + "\" r=\"8\"/>" +
           text_at(x, y + 3.5, "class=\"rank\"", std::to_string(rank + 1));
}

}  // namespace

std::string xml_text(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        auto const step = tenon::utf8_at(text, at);
        auto const c    = step.code_point;
        at += step.bytes;
        switch (c) {
            case U'&': out += "&amp;"; break;
            case U'<': out += "&lt;"; break;
            case U'>': out += "&gt;"; break;
            case U'"': out += "&quot;"; break;
            case U'\'': out += "&#39;"; break;
            default:
                bool const forbidden =
                    (c < 0x20 && c != U'\t' && c != U'\n' && c != U'\r') || c == 0xFFFE || c == 0xFFFF;
                tenon::append_utf8(out, forbidden ? U'\xFFFD' : c);
        }
    }
    return out;
}

void svg_map::grid::add(tenon::lonlat where, unsigned char size) {
    double const east = eastward(west, where.lon), north = where.lat - south;
    if (columns == 0 || !(east <= width) || !(north >= 0 && north <= height)) return;
    auto const column = std::min(static_cast<std::size_t>(east / width * static_cast<double>(columns)), columns - 1);
    auto const row    = std::min(static_cast<std::size_t>((1 - north / height) * static_cast<double>(rows)), rows - 1);
    auto&      spot   = spots[row * columns + column];
    spot              = std::max(spot, size);
}

/// One path for each size, the smallest below. Each dot is a line of no length with round ends.
std::string svg_map::grid::paths(double x, double y, double pixels, double scale) const {
    std::size_t step = 1, dots = 0;
    auto        greatest = [&](std::size_t row, std::size_t column) {
        unsigned char size = 0;
        for (auto r = row; r < std::min(row + step, rows); ++r)
            for (auto c = column; c < std::min(column + step, columns); ++c)
                size = std::max(size, spots[r * columns + c]);
        return size;
    };
    std::array<std::string, sizes.size()> path;
    do {  // too many dots are drawn on a coarser grid
        for (auto& p : path) p.clear();
        dots = 0;
        for (std::size_t row = 0; row < rows && dots <= most_dots; row += step)
            for (std::size_t column = 0; column < columns; column += step)
                if (auto const size = greatest(row, column); size > 0) {
                    ++dots;
                    path[size - 1u] +=
                        "M" + num(x + (static_cast<double>(column) + static_cast<double>(step) / 2) * pixels) + " " +
                        num(y + (static_cast<double>(row) + static_cast<double>(step) / 2) * pixels) + "h0";
                }
        step *= 2;
    } while (dots > most_dots);
    std::string out;
    for (std::size_t i = 0; i < sizes.size(); ++i)
        if (!path[i].empty())
            out += "<path class=\"dots\" stroke=\"" + std::string(sizes[i].colour) + "\" stroke-width=\"" +
                   num(sizes[i].diameter * scale) + "\" d=\"" + path[i] + "\"/>\n";
    return out;
}

svg_map::svg_map(map_options options) : options_(std::move(options)) {
    world_ = {-180, -90, 360, 180, 3200, 1600, std::vector<unsigned char>(3200 * 1600)};
    std::erase_if(options_.hits, [](map_hit const& h) { return !is_valid(h.where); });
    if (options_.centre && !is_valid(*options_.centre)) options_.centre.reset();
    if (options_.hits.empty()) return;

    // The neighbourhood of the hits, measured from the first, so that the antimeridian is no border.
    auto const first = options_.hits.front().where;
    double     left = 0, right = 0, low = first.lat, high = first.lat;
    auto       take = [&](tenon::lonlat p) {
        auto const d = eastward(first.lon - 180, p.lon) - 180;
        left = std::min(left, d), right = std::max(right, d);
        low = std::min(low, p.lat), high = std::max(high, p.lat);
    };
    for (auto const& h : options_.hits) take(h.where);
    if (options_.centre) take(*options_.centre);
    double const squeeze = std::max(std::cos((low + high) / 2 * std::numbers::pi / 180), 0.05);
    if ((right - left) * squeeze > 20 || high - low > 14) return;  // far apart: the world map shows them well enough
    double const middle_lon = first.lon + (left + right) / 2, middle_lat = (low + high) / 2;
    double height = std::max({(high - low) * 1.5, (right - left) * squeeze * 1.5 * inset_height / inset_width, 0.4});
    double const width = std::min(height / squeeze * inset_width / inset_height, 360.0);
    inset_             = {middle_lon - width / 2,
                          middle_lat - height / 2,
                          width,
                          height,
                          660,
                          472,
                          std::vector<unsigned char>(660 * 472)};
}

void svg_map::add(tenon::lonlat where, std::int64_t population) {
    if (!is_valid(where)) return;
    ++added_;
    world_.add(where, size_of(population));
    inset_.add(where, size_of(population));
}

/// Window, centre, inset and hits.
std::string svg_map::marks() const {
    auto on_world = [](tenon::lonlat p) {
        return std::pair(map_x + (p.lon + 180) * per_degree, map_y + (90 - p.lat) * per_degree);
    };
    std::string out;
    if (options_.window) {
        auto const& w    = *options_.window;
        auto        part = [&](double west, double east) {
            out += rect({map_x + (west + 180) * per_degree, map_y + (90 - w.north) * per_degree,
                         std::max((east - west) * per_degree, 0.5), std::max((w.north - w.south) * per_degree, 0.5)},
                               "class=\"window\"");
        };
        if (w.west <= w.east) part(w.west, w.east);
        else part(w.west, 180), part(-180, w.east);
    }
    auto cross = [&](double x, double y) {
        out += "<path class=\"centre\" d=\"M" + num(x - 7) + " " + num(y) + "h14M" + num(x) + " " + num(y - 7) +
               "v14\"/>\n";
    };

    bool const       has_inset = inset_.columns > 0;
    box              frame{map_x + 4, map_y + 4, map_width - 8, map_height - 8};
    std::vector<box> taken;
    auto             place_of = [&](tenon::lonlat p) {
        return has_inset ? std::pair(inset_x + eastward(inset_.west, p.lon) / inset_.width * inset_width,
                                                 inset_y + (inset_.south + inset_.height - p.lat) / inset_.height * inset_height)
                                     : on_world(p);
    };
    if (has_inset) {
        frame               = {inset_x, inset_y, inset_width, inset_height};
        auto const [cx, cy] = on_world({inset_.west + inset_.width / 2, inset_.south + inset_.height / 2});
        double const x      = cx > map_x + map_width ? cx - map_width : cx < map_x ? cx + map_width : cx;
        double const half_w = std::max(inset_.width * per_degree / 2, 5.0),
                     half_h = std::max(inset_.height * per_degree / 2, 5.0);
        out += "<path class=\"lead\" d=\"M" + num(x) + " " + num(cy + half_h) + "L" + num(inset_x + inset_width / 2) +
               " " + num(inset_y) + "\"/>\n";
        out += rect({x - half_w, cy - half_h, 2 * half_w, 2 * half_h}, "class=\"here\"");
        out += rect(frame, "class=\"panel\"");
        out += "<svg x=\"" + num(inset_x) + "\" y=\"" + num(inset_y) + "\" width=\"" + num(inset_width) +
               "\" height=\"" + num(inset_height) + "\">\n" + inset_.paths(0, 0, 0.5, 2.2) + "</svg>\n";
        out += rect(frame, "class=\"here\"");
        double const across = inset_.height * 111.195 * inset_width / inset_height;
        out += text_at(inset_x + inset_width - 6, inset_y + inset_height - 6, "class=\"small\" text-anchor=\"end\"",
                       human_distance(across * 1000) + " across");
    }
    if (options_.centre) {
        auto const [x, y] = place_of(*options_.centre);
        cross(x, y);
    }

    auto const& hits = options_.hits;
    for (std::size_t i = 0; i < std::min(hits.size(), listed); ++i) {
        auto const [x, y] = place_of(hits[i].where);
        taken.push_back({x - 8, y - 8, 16, 16});
    }
    for (std::size_t i = 0; i < std::min(hits.size(), listed); ++i) {
        auto const [x, y]  = place_of(hits[i].where);
        auto const   words = for_terminal(hits[i].label, 28);
        double const wide  = static_cast<double>(display_width(words)) * 7.4 + 4;
        for (box const& b :
             {box{x + 11, y - 8, wide, 16}, box{x - 11 - wide, y - 8, wide, 16}, box{x - wide / 2, y - 26, wide, 16},
              box{x - wide / 2, y + 11, wide, 16}, box{x + 8, y - 22, wide, 16}, box{x + 8, y + 8, wide, 16},
              box{x - 8 - wide, y - 22, wide, 16}, box{x - 8 - wide, y + 8, wide, 16}}) {
            if (!frame.holds(b) || std::any_of(taken.begin(), taken.end(), [&](box const& t) { return t.meets(b); }))
                continue;
            taken.push_back(b);
            out += text_at(b.x + 2, b.y + 12, "class=\"label\"", words);
            break;
        }
    }
    for (std::size_t i = hits.size(); i-- > 0;) {  // the best on top
        auto const [x, y] = place_of(hits[i].where);
        out += marker(x, y, i);
    }
    return out;
}

/// The list of hits, the sizes, and how much is shown.
std::string svg_map::legend() const {
    std::string out;
    auto const  shown = std::min(options_.hits.size(), listed);
    if (shown > 0) {
        bool const   more   = options_.hits.size() > shown;
        double const height = 40 + list_row * static_cast<double>(shown + (more ? 1 : 0));
        double       y      = map_y + map_height - 12 - height;
        out += rect({list_x, y, list_width, height}, "class=\"panel\" rx=\"6\"");
        y += 22;
        out += text_at(list_x + 14, y, "class=\"head\"",
                       human_count(options_.hits.size()) + (options_.hits.size() == 1 ? " hit" : " hits"));
        for (std::size_t i = 0; i < shown; ++i) {
            y += list_row;
            auto const& h      = options_.hits[i];
            auto const  detail = for_terminal(h.detail, 18);
            auto const  room   = 40 - display_width(detail);
            out += text_at(list_x + 30, y, "class=\"small\" text-anchor=\"end\"", std::to_string(i + 1));
            out += text_at(list_x + 40, y, "class=\"item\"", for_terminal(h.label, room));
            out += text_at(list_x + list_width - 12, y, "class=\"small\" text-anchor=\"end\"", detail);
        }
        if (more)
            out += text_at(list_x + 40, y + list_row, "class=\"small\"",
                           "and " + human_count(options_.hits.size() - shown) + " more");
    }

    double const y = map_y + map_height + 26;
    double       x = map_x + 22;
    for (auto const& s : sizes) {
        out += "<circle cx=\"" + num(x) + "\" cy=\"" + num(y - 4) + "\" r=\"" + num(s.diameter * 0.5 + 0.7) +
               "\" fill=\"" + s.colour + "\"/>";
        out += text_at(x + 10, y, "class=\"small\"", s.words);
        x += 34 + 6.6 * static_cast<double>(std::strlen(s.words));
    }
    out += text_at(map_x + map_width - 20, y, "class=\"small\" text-anchor=\"end\"",
                   human_count(added_) + (added_ == 1 ? " place" : " places") +
                       ", plate carr\xC3\xA9"
                       "e, graticule 30\xC2\xB0");
    return out;
}

std::string svg_map::text() const {
    std::string out =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1600 "
        "900\" width=\"1600\" height=\"900\">\n<title>";
    out += xml_text(options_.title + (options_.subtitle.empty() ? "" : ": " + options_.subtitle)) + "</title>\n";
    out += R"(<style>
text { font-family: "DejaVu Sans", "Noto Sans", "Helvetica Neue", Arial, sans-serif; font-size: 12px; fill: #dbe7f3 }
.title { font-size: 26px; font-weight: bold; fill: #f4f8fc } .sub { font-size: 17px; fill: #7fd1c7 }
.small { font-size: 11px; fill: #8ea6bf } .head { font-size: 13px; font-weight: bold; fill: #7fd1c7 } .item { font-size: 12px }
.grat { fill: none; stroke: #24364d; stroke-width: 0.8 } .equator { fill: none; stroke: #3a5474; stroke-width: 1 }
.dots { fill: none; stroke-linecap: round }
.panel { fill: #0a1320; fill-opacity: 0.93; stroke: #2c425c } .here { fill: none; stroke: #7fd1c7; stroke-width: 1.4 }
.lead { fill: none; stroke: #7fd1c7; stroke-width: 1; stroke-dasharray: 3 4; stroke-opacity: 0.7 }
.window { fill: #7fd1c7; fill-opacity: 0.08; stroke: #7fd1c7; stroke-width: 1.4; stroke-dasharray: 6 4 }
.hit { fill: #e8385d; stroke: #ffffff; stroke-width: 1.3 } .centre { fill: none; stroke: #7fd1c7; stroke-width: 2 }
.rank { font-size: 10px; font-weight: bold; fill: #ffffff; text-anchor: middle }
.label { font-weight: bold; fill: #ffffff; paint-order: stroke; stroke: #0a1320; stroke-width: 3px; stroke-linejoin: round }
</style>
<rect width="1600" height="900" fill="#0a1320"/>
)";
    out += rect({map_x, map_y, map_width, map_height}, "fill=\"#101d30\"");
    std::string lines;
    for (int lon = -150; lon <= 150; lon += 30)
        lines += "M" + num(map_x + (lon + 180) * per_degree) + " " + num(map_y) + "v" + num(map_height);
    for (int lat = -60; lat <= 60; lat += 30)
        lines += "M" + num(map_x) + " " + num(map_y + (90 - lat) * per_degree) + "h" + num(map_width);
    out += "<path class=\"grat\" d=\"" + lines + "\"/>\n<path class=\"equator\" d=\"M" + num(map_x) + " " +
           num(map_y + 90 * per_degree) + "h" + num(map_width) + "\"/>\n";
    for (int lon = -150; lon <= 150; lon += 30)
        out += text_at(map_x + (lon + 180) * per_degree + 3, map_y + 12, "class=\"small\"",
                       std::to_string(std::abs(lon)) + "\xC2\xB0" +
                           (lon < 0   ? "W"
                            : lon > 0 ? "E"
                                      : ""));
    for (int lat = -60; lat <= 60; lat += 30)
        out += text_at(map_x + 4, map_y + (90 - lat) * per_degree - 3, "class=\"small\"",
                       std::to_string(std::abs(lat)) + "\xC2\xB0" +
                           (lat < 0   ? "S"
                            : lat > 0 ? "N"
                                      : ""));

    out += text_at(20, 39, "class=\"title\"", options_.title);
    out +=
        text_at(34 + 16.5 * static_cast<double>(display_width(options_.title)), 38, "class=\"sub\"", options_.subtitle);
    out += world_.paths(map_x, map_y, 0.5, 1);
    out += marks() + legend();
    return out + "</svg>\n";
}

tenon::result<void> svg_map::write(std::string const& path) const {
    auto  made = text();
    auto* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr) return tenon::fail(tenon::errc::io, "cannot write " + path + ": " + std::strerror(errno));
    bool const written = std::fwrite(made.data(), 1, made.size(), file) == made.size();
    auto const why     = errno;
    if (std::fclose(file) != 0 || !written)
        return tenon::fail(tenon::errc::io, "cannot write " + path + ": " + std::strerror(written ? errno : why));
    return {};
}

}  // namespace atlas
