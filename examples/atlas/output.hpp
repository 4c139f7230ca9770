// SPDX-License-Identifier: Apache-2.0
// What atlas prints: human units, tables whose columns line up, and JSON.
#pragma once

#include "tenon/core/utf8.hpp"

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace atlas {

/// Digits after the point are fixed: fixed(3.14159, 2) is "3.14".
inline std::string fixed(double v, int digits) {
    char text[64];
    auto const [end, failed] = std::to_chars(text, text + sizeof text, v, std::chars_format::fixed, digits);
    return failed == std::errc{} ? std::string(text, end) : std::to_string(v);
}

/// 1234567 is "1,234,567".
template <std::integral N>
std::string human_count(N n) {
    auto text = std::to_string(n);
    for (auto at = text.size(); at > 3 && text[at - 4] != '-'; at -= 3) text.insert(at - 3, 1, ',');
    return text;
}

/// In powers of 1024: 1536 is "1.5 KiB".
inline std::string human_bytes(std::uint64_t n) {
    if (n < 1024) return std::to_string(n) + " B";
    constexpr char const* unit[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double                v      = static_cast<double>(n) / 1024;
    std::size_t           i      = 0;
    while (v >= 1023.95 && i < 5) v /= 1024, ++i;
    return fixed(v, 1) + " " + unit[i];
}

/// "850 ns", "12.3 us", "4.56 ms", "7.8 s", "3 min 05 s", "2 h 10 min".
inline std::string human_duration(double seconds) {
    if (!(seconds >= 0) || seconds > 1e9) return "?";
    if (seconds < 1e-6) return fixed(seconds * 1e9, 0) + " ns";
    if (seconds < 1e-3) return fixed(seconds * 1e6, 1) + " us";
    if (seconds < 1) return fixed(seconds * 1e3, 2) + " ms";
    if (seconds < 59.95) return fixed(seconds, 1) + " s";
    auto const whole = static_cast<std::uint64_t>(seconds + 0.5);
    auto const two   = [](std::uint64_t v) { return (v < 10 ? "0" : "") + std::to_string(v); };
    if (whole < 3600) return std::to_string(whole / 60) + " min " + two(whole % 60) + " s";
    return std::to_string(whole / 3600) + " h " + two(whole / 60 % 60) + " min";
}

/// "850 m", "12.3 km", "4,321 km".
inline std::string human_distance(double metres) {
    if (!(metres >= 0)) return "?";
    if (metres < 999.5) return fixed(metres, 0) + " m";
    if (metres < 99'950) return fixed(metres / 1000, 1) + " km";
    return human_count(static_cast<std::uint64_t>(metres / 1000 + 0.5)) + " km";
}

/// "48.8566 N, 2.3522 E".
inline std::string human_position(double lon, double lat) {
    return fixed(std::abs(lat), 4) + (lat < 0 ? " S, " : " N, ") + fixed(std::abs(lon), 4) + (lon < 0 ? " W" : " E");
}

/// Columns a terminal needs for a text: combining marks none, East Asian wide characters two.
inline std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    for (std::size_t at = 0; at < text.size();) {
        auto const step = tenon::utf8_at(text, at);
        auto const c    = step.code_point;
        at += step.bytes;
        bool const none =
            (c >= 0x300 && c <= 0x36F) || (c >= 0x200B && c <= 0x200F) || (c >= 0xFE00 && c <= 0xFE0F) || c < 0x20;
        bool const wide =
            (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
            (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
            (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
        width += none ? 0 : wide ? 2 : 1;
    }
    return width;
}

/// A text that a terminal may be trusted with: control characters become '?', bytes that are not UTF-8 U+FFFD, and what is wider than
/// `columns` is cut and ends in "…".
inline std::string for_terminal(std::string_view text, std::size_t columns = ~std::size_t{0}) {
    std::string out;
    std::size_t width = 0;
    bool const  cut   = display_width(text) > columns;
    for (std::size_t at = 0; at < text.size();) {
        auto const step = tenon::utf8_at(text, at);
        at += step.bytes;
        bool const  control = step.code_point < 0x20 || (step.code_point >= 0x7F && step.code_point < 0xA0);
        std::string one;
        tenon::append_utf8(one, control ? U'?' : step.code_point);
        width += display_width(one);
        if (cut && width + 1 > columns) return out + "\xE2\x80\xA6";
        out += one;
    }
    return out;
}

/// Rows under headings; columns line up, numbers to the right.
class table {
public:
    enum align : unsigned char { left, right };
    struct heading {
        std::string text;
        align       to     = left;
        std::size_t widest = 40;
    };

    explicit table(std::vector<heading> headings) : headings_(std::move(headings)) {}
    /// One text for each heading; what is missing is empty.
    void row(std::vector<std::string> cells) {
        cells.resize(headings_.size());
        for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = for_terminal(cells[i], headings_[i].widest);
        rows_.push_back(std::move(cells));
    }
    bool empty() const noexcept { return rows_.empty(); }

    /// The whole table, two spaces between columns, a line end after each row.
    std::string text() const {
        std::vector<std::size_t> width;
        for (std::size_t i = 0; i < headings_.size(); ++i) {
            width.push_back(display_width(headings_[i].text));
            for (auto const& r : rows_) width[i] = std::max(width[i], display_width(r[i]));
        }
        std::string out;
        auto        line = [&](auto cell) {
            std::string made;
            for (std::size_t i = 0; i < headings_.size(); ++i) {
                std::string const space(width[i] - display_width(cell(i)), ' ');
                made += (i > 0 ? "  " : "") + (headings_[i].to == right ? space + cell(i) : cell(i) + space);
            }
            made.resize(made.find_last_not_of(' ') + 1);
            out += made + "\n";
        };
        line([&](std::size_t i) { return headings_[i].text; });
        line([&](std::size_t i) { return std::string(width[i], '-'); });
        for (auto const& r : rows_) line([&](std::size_t i) { return r[i]; });
        return out;
    }

private:
    std::vector<heading>                  headings_;
    std::vector<std::vector<std::string>> rows_;
};

/// A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, so that the result always is.
inline std::string json_string(std::string_view text) {
    constexpr char hex[] = "0123456789abcdef";
    std::string    out   = "\"";
    for (std::size_t at = 0; at < text.size();) {
        auto const step = tenon::utf8_at(text, at);
        auto const c    = step.code_point;
        at += step.bytes;
        if (c == U'"' || c == U'\\') (out += '\\') += static_cast<char>(c);
        else if (c == U'\n') out += "\\n";
        else if (c == U'\t') out += "\\t";
        else if (c == U'\r') out += "\\r";
        else if (c < 0x20 || c == 0x7F) (out += "\\u00") += {hex[c >> 4 & 15], hex[c & 15]};
        else tenon::append_utf8(out, c);
    }
    return out + "\"";
}

/// Writes one JSON document front to back; commas are its business.
///
///     json out;
///     out.object().key("hits").array();
///     for (...) out.object().key("name").value(name).key("metres").value(12.5).end();
///     std::puts(out.end().end().text().c_str());
class json {
public:
    json& object() { return open('{', '}'); }
    json& array() { return open('[', ']'); }
    /// Closes what was opened last.
    json& end() {
        text_ += closers_.back();
        closers_.pop_back();
        comma_ = true;
        return *this;
    }
    json& key(std::string_view name) {
        separate();
        text_ += json_string(name) + ":";
        comma_ = false;
        return *this;
    }
    json& value(std::string_view v) { return raw(json_string(v)); }
    json& value(char const* v) { return raw(json_string(v)); }
    json& value(bool v) { return raw(v ? "true" : "false"); }
    json& value(std::nullptr_t) { return raw("null"); }
    json& value(std::integral auto v) { return raw(std::to_string(v)); }
    /// The shortest text that reads back as the same number; null when it is no number.
    json& value(std::floating_point auto v) {
        if (!std::isfinite(v)) return raw("null");
        char       number[64];
        auto const end = std::to_chars(number, number + sizeof number, v).ptr;
        return raw({number, static_cast<std::size_t>(end - number)});
    }
    template <class T>
    json& field(std::string_view name, T const& v) {
        return key(name).value(v);
    }

    std::string const& text() const noexcept { return text_; }

private:
    json& open(char opener, char closer) {
        separate();
        text_ += opener;
        closers_ += closer;
        comma_ = false;
        return *this;
    }
    json& raw(std::string_view token) {
        separate();
        text_ += token;
        comma_ = true;
        return *this;
    }
    void separate() {
        if (comma_) text_ += ',';
    }
    std::string text_, closers_;
    bool        comma_ = false;
};

}  // namespace atlas
