// SPDX-License-Identifier: Apache-2.0
// Reads GeoNames dumps as a stream: one record at a time, exact errors, and a position from which a load goes on.
#pragma once

#include "place.hpp"
#include "tenon/core/result.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace atlas {

/// The columns of a dump, in order.
inline constexpr std::array<std::string_view, 19> geonames_columns{
    "geonameid",    "name",         "asciiname", "alternatenames", "latitude",         "longitude",   "feature class",
    "feature code", "country code", "cc2",       "admin1 code",    "admin2 code",      "admin3 code", "admin4 code",
    "population",   "elevation",    "dem",       "timezone",       "modification date"};

/// A line of more bytes is refused: the longest of GeoNames' own has about 12 KiB.
inline constexpr std::size_t longest_geonames_line = std::size_t{1} << 20;

/// Between two lines: `line` lines lie before it, which take `offset` bytes.
struct source_position {
    std::uint64_t line                                         = 0;
    std::uint64_t offset                                       = 0;
    friend bool   operator==(source_position, source_position) = default;
};

struct geonames_record {
    place           what;      ///< without its look
    std::uint64_t   line = 0;  ///< from 1
    source_position after;     ///< where reading goes on behind this record
};

/// What was wrong with a line, in parts; the error's message holds the same as a sentence.
struct bad_line {
    std::uint64_t    line   = 0;  ///< from 1
    unsigned         column = 0;  ///< from 1; 0 when the line as a whole is wrong
    std::string_view column_name;
    std::string      value;    ///< escaped and cut to 80 bytes, for people
    std::string      problem;  ///< "is not a number"
};

/// Parses one line without its line end. `file` and `line` are for the error. `look` stays zero.
///
/// Errors (errc::invalid_text for bytes that are not UTF-8, else errc::invalid_argument): not 19 columns; a geonameid, latitude,
/// longitude or population that is missing or no number; a coordinate out of range; a negative population. An empty
/// population means 0. An empty name is allowed. `bad`, when given, receives the parts of the error.
tenon::result<place> parse_geonames_line(std::string_view text, std::string_view file, std::uint64_t line,
                                         bad_line* bad = nullptr);

/// The error for a place that is there already. first_line 0: it was there before this load.
tenon::error duplicate_place(std::string_view file, std::uint64_t line, std::uint64_t id, std::uint64_t first_line,
                             bad_line* bad = nullptr);

/// A dump opened for reading from its beginning or from a position. Memory does not grow with the file.
///
/// LF or CRLF; the last line needs no line end; empty lines are skipped (and counted as lines); a byte order mark at the
/// beginning is skipped. Move-only.
class geonames_reader {
public:
    /// Errors: not_found, io; invalid_argument for a directory, an archive (unpack it first), or a `from` that is not the beginning of a line
    /// of this file (it changed since).
    static tenon::result<geonames_reader> open(std::string path, source_position from = {});

    /// True: `out` is the next record. False: the end. An error of kind io ends the reading; any other is a bad line,
    /// behind which the next call goes on.
    tenon::result<bool> next(geonames_record& out);

    /// Behind the last line that next() took, good or bad: hand it to open() to go on there.
    source_position    position() const noexcept { return position_; }
    std::uint64_t      size() const noexcept { return size_; }
    std::string const& path() const noexcept { return path_; }
    /// A number that changes when the file's size, beginning or end changes: keep it beside a position.
    std::uint64_t fingerprint() const noexcept { return fingerprint_; }
    /// The parts of the last bad line.
    bad_line const& bad() const noexcept { return bad_; }

private:
    struct closes {
        void operator()(std::FILE* f) const noexcept { std::fclose(f); }
    };
    geonames_reader() = default;
    tenon::result<bool> next_line(std::string_view& line);
    tenon::result<bool> fill();

    std::unique_ptr<std::FILE, closes> file_;
    std::string                        path_;
    std::uint64_t                      size_        = 0;
    std::uint64_t                      fingerprint_ = 0;
    source_position                    position_;
    std::string                        buffer_;  // bytes read; the first used_ are done with
    std::size_t                        used_   = 0;
    bool                               at_end_ = false;
    bad_line                           bad_;
};

}  // namespace atlas
