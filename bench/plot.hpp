// SPDX-License-Identifier: Apache-2.0
// Plots of the benches as SVG: grouped bars and scattered points, legible on light and on dark pages.
#pragma once

#include "measure.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// An SVG document that grows; x to the right and y down, in pixels.
class svg {
public:
    enum anchor : unsigned char { start, middle, finish };

    void rect(double x, double y, double w, double h, std::string_view colour, std::string const& title = {}) {
        body_ += "<rect x=\"" + n(x) + "\" y=\"" + n(y) + "\" width=\"" + n(w) + "\" height=\"" + n(h) + "\" fill=\"" +
                 std::string(colour) + "\"" + titled("rect", title);
    }
    void circle(double x, double y, double r, std::string_view colour, std::string const& title = {}) {
        body_ += "<circle cx=\"" + n(x) + "\" cy=\"" + n(y) + "\" r=\"" + n(r) + "\" fill=\"" + std::string(colour) +
                 "\"" + titled("circle", title);
    }
    void line(double x1, double y1, double x2, double y2, std::string_view of_class) {
        body_ += "<line x1=\"" + n(x1) + "\" y1=\"" + n(y1) + "\" x2=\"" + n(x2) + "\" y2=\"" + n(y2) + "\" class=\"" +
                 std::string(of_class) + "\"/>\n";
    }
    /// `turned` is in degrees around (x, y).
    void text(double x, double y, std::string_view what, anchor at = start, double size = 12, double turned = 0) {
        constexpr std::array<char const*, 3> names{"start", "middle", "end"};
        body_ += "<text x=\"" + n(x) + "\" y=\"" + n(y) + "\" text-anchor=\"" + names[at] + "\" font-size=\"" +
                 n(size) + "\"";
        if (turned != 0) body_ += " transform=\"rotate(" + n(turned) + " " + n(x) + " " + n(y) + ")\"";
        body_ += ">" + escaped(what) + "</text>\n";
    }
    void write(std::string const& file, double width, double height) const {
        std::ofstream out(file);
        out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << n(width) << " " << n(height)
            << "\" width=\"" << n(width) << "\" height=\"" << n(height)
            << "\" font-family=\"system-ui, -apple-system, 'DejaVu Sans', sans-serif\">\n"
               "<style>text{fill:#697280}.grid{stroke:#8a93a0;stroke-opacity:.28}.axis{stroke:#8a93a0}"
               "@media (prefers-color-scheme:dark){text{fill:#aab2bd}}</style>\n"
            << body_ << "</svg>\n";
        if (!out.flush()) die(file + " cannot be written");
    }

private:
    static std::string n(double v) {
        auto text = atlas::fixed(v, 1);
        if (text.ends_with(".0")) text.resize(text.size() - 2);
        return text;
    }
    static std::string escaped(std::string_view text) {
        std::string out;
        for (char c : text) out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
        return out;
    }
    static std::string titled(std::string const& element, std::string const& title) {
        return title.empty() ? "/>\n" : "><title>" + escaped(title) + "</title></" + element + ">\n";
    }
    std::string body_;
};

/// Middle tones that stand out from white and from black, and from each other also without red or green.
inline std::string_view plot_colour(std::size_t i) {
    constexpr std::array<std::string_view, 14> colours{"#3b82c4", "#e0853a", "#3f9e77", "#b05fc0", "#c9a227",
                                                       "#d1495b", "#5ab0c9", "#8c6d46", "#7f8fa6", "#e07fb0",
                                                       "#7a9e3f", "#6b63c9", "#c26a3d", "#4d7c8a"};
    return colours[i % colours.size()];
}

/// Three digits that matter: "0.0157", "1.25", "104".
inline std::string three_digits(double v) {
    if (!std::isfinite(v)) return "-";
    if (v == 0) return "0";
    auto const digits = std::clamp(2 - static_cast<int>(std::floor(std::log10(std::abs(v)))), 0, 6);
    auto       text   = atlas::fixed(v, digits);
    if (text.find('.') != std::string::npos) {
        while (text.ends_with('0')) text.pop_back();
        if (text.ends_with('.')) text.pop_back();
    }
    return text;
}

/// 1, 2 or 5 times a power of ten, so that about `wanted` steps reach `top`.
inline double plot_step(double top, double wanted = 6) {
    auto const least = top / wanted, ten = std::pow(10, std::floor(std::log10(least)));
    for (double f : {1.0, 2.0, 5.0})
        if (f * ten >= least) return f * ten;
    return 10 * ten;
}

/// Values of one structure, one for each group; NaN where there is none.
struct plot_series {
    std::string         name;
    std::vector<double> values;
};

namespace plot_detail {

/// Coloured words in rows of at most `width`; gives the height that they take.
inline double legend(svg& out, std::vector<std::string> const& names, double x, double y, double width) {
    double at = x, top = y;
    for (std::size_t i = 0; i < names.size(); ++i) {
        auto const needed = 32 + 7.2 * static_cast<double>(atlas::display_width(names[i]));
        if (at > x && at + needed > x + width) at = x, top += 19;
        out.rect(at, top - 10, 11, 11, plot_colour(i));
        out.text(at + 16, top, names[i]);
        at += needed;
    }
    return top - y + 19;
}

}  // namespace plot_detail

/// Bars side by side in groups. Bars above `cap` (0: none) are cut, and their value stands on top.
inline void plot_bars(std::string const& file, std::string const& title, std::string const& unit,
                      std::vector<std::string> const& groups, std::vector<plot_series> const& all, double cap = 0) {
    double greatest = 0;
    for (auto const& s : all)
        for (double v : s.values)
            if (std::isfinite(v)) greatest = std::max(greatest, v);
    if (greatest <= 0) return;
    if (cap > 0) greatest = std::min(greatest, cap);
    auto const per_group = static_cast<double>(all.size());
    auto const bar       = std::clamp(1000 / (per_group + 1) / static_cast<double>(groups.size()), 5.0, 22.0);
    auto const group = bar * (per_group + 1), left = 64.0, tall = 320.0;
    auto const width = left + std::max(460.0, group * static_cast<double>(groups.size())) + 24;

    svg out;
    out.text(left, 26, title, svg::start, 16);
    std::vector<std::string> names;
    for (auto const& s : all) names.push_back(s.name);
    auto const top    = 50 + plot_detail::legend(out, names, left, 50, width - left - 24) + 10;
    auto const bottom = top + tall;
    auto const step   = plot_step(greatest);
    auto const y      = [&](double v) { return bottom - tall * std::min(v, greatest) / greatest; };
    for (int i = 0; i * step <= greatest * 1.001; ++i) {
        out.line(left, y(i * step), width - 24, y(i * step), i == 0 ? "axis" : "grid");
        out.text(left - 6, y(i * step) + 4, three_digits(i * step), svg::finish, 11);
    }
    out.text(18, (top + bottom) / 2, unit, svg::middle, 12, -90);
    for (std::size_t g = 0; g < groups.size(); ++g) {
        auto const x = left + group * static_cast<double>(g) + bar / 2;
        for (std::size_t s = 0; s < all.size(); ++s) {
            auto const v = g < all[s].values.size() ? all[s].values[g] : std::nan("");
            if (!std::isfinite(v)) continue;
            auto const at = x + bar * static_cast<double>(s);
            out.rect(at, y(v), bar * 0.88, bottom - y(v), plot_colour(s),
                     all[s].name + ", " + groups[g] + ": " + three_digits(v) + " " + unit);
            if (v > greatest) out.text(at + bar * 0.72, top - 4, three_digits(v), svg::start, 9, -60);
        }
        out.text(x + bar * per_group / 2, bottom + 18, groups[g], svg::middle);
    }
    out.write(file, width, bottom + 34);
}

/// A named point.
struct plot_point {
    std::string name;
    double      x = 0, y = 0;
};

/// Points over a logarithmic x; those without an x (0) stand on a line of their own at the left.
inline void plot_scatter(std::string const& file, std::string const& title, std::string const& x_unit,
                         std::string const& y_unit, std::vector<plot_point> const& points, double cap = 0) {
    double least = 1e300, most = 0, greatest = 0;
    for (auto const& p : points) {
        if (p.x > 0) least = std::min(least, p.x), most = std::max(most, p.x);
        greatest = std::max(greatest, p.y);
    }
    if (greatest <= 0) return;
    if (cap > 0) greatest = std::min(greatest, cap);
    if (most == 0) least = most = 1;
    auto const low = std::floor(std::log10(least)), high = std::max(low + 1, std::ceil(std::log10(most)));

    svg        out;
    auto const left = 64.0, width = 760.0, tall = 340.0, zero = left + 26, from = left + 64, to = width - 110;
    out.text(left, 26, title, svg::start, 16);
    std::vector<std::string> names;
    for (auto const& p : points) names.push_back(p.name);
    auto const top    = 50 + plot_detail::legend(out, names, left, 50, width - left) + 10;
    auto const bottom = top + tall, head = greatest * 1.06;
    auto const x = [&](double v) { return v <= 0 ? zero : from + (to - from) * (std::log10(v) - low) / (high - low); };
    auto const y = [&](double v) { return bottom - tall * std::min(v, head) / head; };
    auto const step = plot_step(greatest);
    for (int i = 0; i * step <= head; ++i) {
        out.line(left, y(i * step), width - 24, y(i * step), i == 0 ? "axis" : "grid");
        out.text(left - 6, y(i * step) + 4, three_digits(i * step), svg::finish, 11);
    }
    out.text(zero, bottom + 18, "0", svg::middle, 11);
    out.line(zero, top, zero, bottom, "grid");
    for (double d = low; d <= high; ++d) {
        out.line(x(std::pow(10, d)), top, x(std::pow(10, d)), bottom, "grid");
        out.text(x(std::pow(10, d)), bottom + 18, three_digits(std::pow(10, d)), svg::middle, 11);
    }
    out.text((from + to) / 2, bottom + 40, x_unit, svg::middle);
    out.text(18, (top + bottom) / 2, y_unit, svg::middle, 12, -90);
    std::vector<std::pair<double, double>> taken;  // where names stand, so that none covers another
    for (std::size_t i = 0; i < points.size(); ++i) {
        auto const& p  = points[i];
        auto const  px = x(p.x), py = y(p.y);
        out.circle(px, py, 5.5, plot_colour(i),
                   p.name + ": " + three_digits(p.x) + " " + x_unit + ", " + three_digits(p.y) + " " + y_unit);
        auto ty = py + 4;
        for (bool again = true; again;) {
            again = false;
            for (auto const& [ox, oy] : taken)
                if (std::abs(ox - px) < 110 && std::abs(oy - ty) < 11) ty = oy + 11.5, again = true;
        }
        taken.emplace_back(px, ty);
        out.text(px + 9, ty, p.name + (p.y > head ? " (" + three_digits(p.y) + ")" : ""), svg::start, 10);
    }
    out.write(file, width, bottom + 54);
}

}  // namespace bench
