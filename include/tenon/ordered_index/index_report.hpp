// SPDX-License-Identifier: Apache-2.0
// What look-ups of a position index cost, counted in cache lines, and a report for people.
#pragma once

#include "tenon/core/result.hpp"
#include "tenon/ordered_index/last_mile.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tenon::detail {

/// About log2(v) for v >= 1: the exponent and a straight line between powers of two.
inline double rough_log2(double v) noexcept {
    if (!(v > 1)) return 0;
    auto const bits     = std::bit_cast<std::uint64_t>(v);
    auto const exponent = static_cast<double>(static_cast<int>(bits >> 52) - 1023);
    return exponent + static_cast<double>(bits & ((std::uint64_t{1} << 52) - 1)) * 0x1p-52;
}

/// Cache lines of keys that halving reads for `error` + 1 positions: a line at each step until the rest fits into one.
inline double halving_lines(double error, double key_bytes) noexcept {
    double const lines = error * key_bytes / 64;
    return lines <= 1 ? 1 + lines / 2 : 1.5 + rough_log2(lines);
}
/// The same for steps that double from a place `off` positions away, and then halving.
inline double galloping_lines(double off, double key_bytes) noexcept {
    double const lines = off * key_bytes / 64;
    return lines <= 1 ? 1 + lines / 2 : 1.5 + 2 * rough_log2(lines);
}
/// By a last mile's name, where no more is known than the window: its middle is a quarter of it away from the answer, on average.
/// What interpolation saves depends on the keys; it is counted as halving.
inline double last_mile_lines(std::string_view mile, double error, double key_bytes) noexcept {
    return mile == last_mile::exponential::name ? galloping_lines(error / 4, key_bytes)
                                                : halving_lines(error, key_bytes);
}

/// A number with one or two digits behind the point.
inline std::string short_number(double v) {
    auto const  hundredths = static_cast<std::uint64_t>(v * 100 + 0.5);
    std::string out        = std::to_string(hundredths / 100);
    if (hundredths % 100 == 0) return out;
    out += '.';
    out += static_cast<char>('0' + hundredths % 100 / 10);
    if (hundredths % 10 != 0) out += static_cast<char>('0' + hundredths % 10);
    return out;
}
inline std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) text.insert(0, width - text.size(), ' ');
    return text;
}

/// "1,234,567"
inline std::string grouped(std::uint64_t v) {
    auto out = std::to_string(v);
    for (std::size_t i = out.size(); i > 3; i -= 3) out.insert(i - 3, 1, ',');
    return out;
}

/// How many numbers have b bits, for b = 0 (zero), 1, 2..3, 4..7 and so on.
class bit_histogram {
public:
    void add(std::uint64_t v) noexcept { ++counts_[static_cast<std::size_t>(std::bit_width(v))], ++all_; }

    std::uint64_t all() const noexcept { return all_; }
    std::size_t   bins() const noexcept { return counts_.size(); }
    bool          empty(std::size_t b) const noexcept { return counts_[b] == 0; }
    double        percent(std::size_t b) const noexcept {
        return all_ == 0 ? 0 : 100 * static_cast<double>(counts_[b]) / static_cast<double>(all_);
    }
    /// "4 to 7"
    static std::string label(std::size_t b) {
        if (b < 2) return std::to_string(b);
        auto const low = std::uint64_t{1} << (b - 1);
        return grouped(low) + " to " + grouped(low + (low - 1));
    }

private:
    std::array<std::uint64_t, 65> counts_{};
    std::uint64_t                 all_ = 0;
};

/// What an index says of its own model.
struct index_parts {
    std::uint64_t bytes = 0;
    double        lines = 0;  ///< cache lines of it that a look-up reads
    std::string   text;       ///< a line for each part
};

/// The report of any position index: the sizes, what look-ups of its stored keys search, and the cache lines they read. It asks for at
/// most 65,536 keys, evenly spaced.
template <class View>
std::string explain_index(View const& index, std::string_view name, std::string_view mile, index_parts const& parts) {
    constexpr std::uint64_t most = 1 << 16;
    auto const              n = index.size(), samples = n < most ? n : most;
    double const            key_bytes = sizeof(index.key(0));
    bit_histogram           searched, off;
    double                  lines = 0;
    for (std::uint64_t i = 0; i < samples; ++i) {
        auto const& k      = index.key(n / samples * i + n % samples * i / samples);
        auto const  w      = index.window(k);
        auto const  last   = w.last > w.first ? w.last - 1 : w.first;
        auto const  middle = w.first + (last - w.first) / 2, at = index.lower_bound(k);
        auto const  missed = at < middle ? middle - at : at - middle;
        searched.add(last - w.first), off.add(missed);
        lines += mile == last_mile::exponential::name ? galloping_lines(static_cast<double>(missed), key_bytes)
                                                      : halving_lines(static_cast<double>(last - w.first), key_bytes);
    }
    std::string out = std::string(name) + " over " + grouped(n) + " keys: " + grouped(parts.bytes) + " bytes, " +
                      short_number(n == 0 ? 0 : static_cast<double>(parts.bytes) / static_cast<double>(n)) +
                      " a key\n" + parts.text;
    if (samples == 0) return out;
    out += "share of " + std::string(samples < n ? "65,536 of the" : "the") +
           " keys by positions searched, less one, and by how far the middle of these misses\n";
    for (std::size_t b = 0; b < searched.bins(); ++b) {
        if (searched.empty(b) && off.empty(b)) continue;
        out += padded(bit_histogram::label(b), 28) + padded(short_number(searched.percent(b)), 10) + " %" +
               padded(short_number(off.percent(b)), 10) + " % ";
        out.append(static_cast<std::size_t>(off.percent(b) / 2 + 0.5), '#');
        out += '\n';
    }
    return out + "cache lines per look-up: " + short_number(parts.lines) + " of the model and " +
           short_number(lines / static_cast<double>(samples)) + " of keys, with last mile " + std::string(mile) + "\n";
}

}  // namespace tenon::detail
