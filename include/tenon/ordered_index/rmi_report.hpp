// SPDX-License-Identifier: Apache-2.0
// What a look-up in an rmi costs, counted in cache lines, and a report for people.
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

/// How many keys lie in leaves whose error has b bits, for b = 0 (a hit), 1, 2..3, 4..7 and so on.
struct error_histogram {
    std::array<std::uint64_t, 65> keys{};
    double                        lines = 0;  ///< of keys, summed over keys

    template <class Locator>
    static error_histogram of(Locator const& locator, std::string_view mile, double key_bytes) {
        error_histogram out;
        locator.each_leaf([&](std::uint64_t in, std::uint64_t error) {
            out.keys[static_cast<std::size_t>(std::bit_width(error))] += in;
            if (in > 0)
                out.lines += static_cast<double>(in) * last_mile_lines(mile, static_cast<double>(error), key_bytes);
        });
        return out;
    }
};

/// "1,234,567"
inline std::string grouped(std::uint64_t v) {
    auto out = std::to_string(v);
    for (std::size_t i = out.size(); i > 3; i -= 3) out.insert(i - 3, 1, ',');
    return out;
}

inline void explain_errors(std::string& out, error_histogram const& h, std::uint64_t keys) {
    out += "positions searched, less one   share of keys\n";
    for (std::size_t b = 0; b < h.keys.size(); ++b) {
        if (h.keys[b] == 0) continue;
        auto const low  = b == 0 ? 0 : std::uint64_t{1} << (b - 1);
        auto const high = b == 0 ? 0 : low + (low - 1);
        auto const part = static_cast<double>(h.keys[b]) / static_cast<double>(keys);
        out += padded(low == high ? grouped(low) : grouped(low) + " to " + grouped(high), 28) + "   " +
               padded(short_number(100 * part), 6) + " % ";
        out.append(static_cast<std::size_t>(part * 50 + 0.5), '#');
        out += '\n';
    }
}

/// The report of a whole index.
template <class Locator>
std::string explain_rmi(Locator const& locator, std::string_view mile, std::size_t key_bytes) {
    auto const   s = locator.stats();
    auto const   h = error_histogram::of(locator, mile, static_cast<double>(key_bytes));
    double const n = s.keys > 0 ? static_cast<double>(s.keys) : 1;
    std::string  out;
    out += std::string(Locator::name) + " over " + grouped(s.keys) + " keys: " + grouped(s.model_bytes) + " bytes, " +
           short_number(static_cast<double>(s.model_bytes) / n) + " a key\n";
    unsigned number = 0;
    locator.each_layer([&](std::string_view model, std::uint64_t count, std::size_t bytes) {
        out += "layer " + std::to_string(++number) + ": " + grouped(count) + (count == 1 ? " model " : " models ") +
               std::string(model) + " of " + std::to_string(bytes) + " bytes\n";
    });
    out += "leaves: " + grouped(s.empty_leaves) + " of " + grouped(s.leaves) + " empty; error at most " +
           grouped(s.max_error) + ", on average " + short_number(s.mean_error) + "\n";
    if (s.keys == 0) return out;
    explain_errors(out, h, s.keys);
    double const lists = static_cast<double>(number > 1 ? number - 1 : 1), lines = h.lines / n;
    return out + "cache lines per look-up: " + short_number(lists) + " of models and " + short_number(lines) +
           " of keys, with last mile " + std::string(mile) + "\n";
}

}  // namespace tenon::detail
