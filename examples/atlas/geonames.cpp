// SPDX-License-Identifier: Apache-2.0
#include "geonames.hpp"

#include "tenon/core/hash.hpp"
#include "tenon/core/utf8.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include <sys/stat.h>

namespace atlas {
namespace {

using tenon::errc;

constexpr std::size_t chunk = std::size_t{1} << 18;

/// For people: printable, at most 80 bytes, never a broken character.
std::string shown(std::string_view value) {
    constexpr char hex[] = "0123456789ABCDEF";
    std::string    out;
    std::size_t    at = 0;
    while (at < value.size() && out.size() < 76) {
        auto const step = tenon::utf8_at(value, at);
        auto const c    = static_cast<unsigned char>(value[at]);
        if (step.valid && (c >= 0x20 && c != 0x7F)) {
            out.append(value.substr(at, step.bytes));
            at += step.bytes;
        } else {
            (out += "\\x") += {hex[c >> 4], hex[c & 15]};
            ++at;
        }
    }
    return at < value.size() ? out + "..." : out;
}

tenon::error refuse(errc kind, std::string_view file, bad_line what, bad_line* bad) {
    std::string message = std::string(file) + ", line " + std::to_string(what.line);
    if (what.column > 0) {
        message += ", column " + std::to_string(what.column) + " (" + std::string(what.column_name) + "): ";
        message += what.value.empty() ? what.problem : "\"" + what.value + "\" " + what.problem;
    } else {
        message += ": " + what.problem;
    }
    if (bad != nullptr) *bad = std::move(what);
    return {kind, std::move(message)};
}

}  // namespace

tenon::result<place> parse_geonames_line(std::string_view text, std::string_view file, std::uint64_t line,
                                         bad_line* bad) {
    auto column_is = [&](std::size_t i, std::string_view value, std::string problem,
                         errc kind = errc::invalid_argument) {
        return tenon::fail(
            refuse(kind, file,
                   {line, static_cast<unsigned>(i + 1), geonames_columns[i], shown(value), std::move(problem)}, bad));
    };

    std::array<std::string_view, 19> column;
    std::size_t                      columns = 0;
    for (std::size_t at = 0;; ++columns) {
        auto const tab = std::min(text.find('\t', at), text.size());
        if (columns < column.size()) column[columns] = text.substr(at, tab - at);
        if (tab == text.size()) {
            ++columns;
            break;
        }
        at = tab + 1;
    }
    std::size_t offset = 0;
    if (!tenon::valid_utf8(text, &offset)) {
        std::size_t i = 0;
        for (std::size_t at = 0; at < offset; ++at) i += text[at] == '\t';
        auto const begin = offset == 0 ? 0 : text.rfind('\t', offset - 1) + 1;
        auto const value = text.substr(begin, std::min(text.find('\t', begin), text.size()) - begin);
        auto const where = "is not UTF-8 at byte " + std::to_string(offset - begin) + " of the value, byte " +
                           std::to_string(offset) + " of the line";
        if (i < column.size()) return column_is(i, value, where, errc::invalid_text);
    }
    if (columns != column.size())
        return tenon::fail(
            refuse(errc::invalid_argument, file,
                   {line,
                    0,
                    {},
                    shown(text),
                    "\"" + shown(text) + "\" has " + std::to_string(columns) + (columns == 1 ? " column" : " columns") +
                        ", expected the 19 of a GeoNames dump, separated by tabs"},
                   bad));

    place out;
    auto  number = [&](std::size_t i, auto& to) -> std::optional<tl::unexpected<tenon::error>> {
        auto const value = column[i];
        if (value.empty()) return column_is(i, value, "is missing");
        auto const [end, failed] = std::from_chars(value.data(), value.data() + value.size(), to);
        if (failed == std::errc::result_out_of_range) return column_is(i, value, "is too large a number");
        if (failed != std::errc{} || end != value.data() + value.size()) return column_is(i, value, "is not a number");
        return std::nullopt;
    };
    if (auto wrong = number(0, out.id)) return *std::move(wrong);
    if (auto wrong = number(4, out.where.lat)) return *std::move(wrong);
    if (auto wrong = number(5, out.where.lon)) return *std::move(wrong);
    if (!(out.where.lat >= -90 && out.where.lat <= 90))
        return column_is(4, column[4], "is not between -90 and 90 degrees");
    if (!(out.where.lon >= -180 && out.where.lon <= 180))
        return column_is(5, column[5], "is not between -180 and 180 degrees");
    if (!column[14].empty()) {
        if (auto wrong = number(14, out.population)) return *std::move(wrong);
        if (out.population < 0) return column_is(14, column[14], "is negative");
    }
    out.name            = column[1];
    out.alternate_names = column[3];
    out.feature_code    = column[7];
    out.country         = column[8];
    out.time_zone       = column[17];
    return out;
}

tenon::error duplicate_place(std::string_view file, std::uint64_t line, std::uint64_t id, std::uint64_t first_line,
                             bad_line* bad) {
    auto problem = first_line > 0
                       ? "is the id of line " + std::to_string(first_line) + " as well; every place needs its own"
                       : std::string("is the id of a place that is in the database already");
    return refuse(errc::duplicate_key, file, {line, 1, geonames_columns[0], std::to_string(id), std::move(problem)},
                  bad);
}

tenon::result<geonames_reader> geonames_reader::open(std::string path, source_position from) {
    auto system = [&](char const* what) {
        auto const why = errno;
        return tenon::fail(why == ENOENT ? errc::not_found : errc::io,
                           "cannot " + std::string(what) + " " + path + ": " + std::strerror(why));
    };
    geonames_reader r;
    r.file_.reset(std::fopen(path.c_str(), "rb"));
    if (!r.file_) return system("open");
    struct stat about{};
    if (::fstat(::fileno(r.file_.get()), &about) != 0) return system("look at");
    if (S_ISDIR(about.st_mode))
        return tenon::fail(errc::invalid_argument,
                           path + " is a directory; give the path of a GeoNames dump such as cities15000.txt");
    if (!S_ISREG(about.st_mode))
        return tenon::fail(errc::invalid_argument,
                           path + " is not a regular file; a load must be able to go on in the middle");
    r.size_ = static_cast<std::uint64_t>(about.st_size);

    std::string ends(2 * 4096, '\0');
    auto const  head = std::fread(ends.data(), 1, 4096, r.file_.get());
    if (std::ferror(r.file_.get())) return system("read");
    auto const begins = std::string_view(ends).substr(0, head);
    for (std::string_view magic :
         {std::string_view("PK\x03\x04"), std::string_view("\x1f\x8b"), std::string_view("BZh"),
          std::string_view("\xFD"
                           "7zXZ")})
        if (begins.starts_with(magic))
            return tenon::fail(errc::invalid_argument,
                               path + " is an archive; unpack it and give the path of the .txt file in it");
    bool const mark = begins.starts_with("\xEF\xBB\xBF");
    auto       tail = std::size_t{0};
    if (r.size_ > 4096) {
        if (::fseeko(r.file_.get(), static_cast<off_t>(r.size_ - 4096), SEEK_SET) != 0) return system("read");
        tail = std::fread(ends.data() + head, 1, 4096, r.file_.get());
        if (std::ferror(r.file_.get())) return system("read");
    }
    r.fingerprint_ = tenon::hash_bytes(tenon::as_bytes(std::string_view(ends).substr(0, head + tail)), r.size_);

    auto const start = from.offset == 0 && mark ? 3 : from.offset;
    if (from.offset > r.size_)
        return tenon::fail(errc::invalid_argument,
                           path + " has " + std::to_string(r.size_) + " bytes, but the load stopped at byte " +
                               std::to_string(from.offset) + ": the file changed since; load it into a new database");
    if (from.offset > 0 && from.offset < r.size_ && !(mark && from.offset == 3)) {
        if (::fseeko(r.file_.get(), static_cast<off_t>(from.offset - 1), SEEK_SET) != 0) return system("read");
        if (std::fgetc(r.file_.get()) != '\n')
            return tenon::fail(errc::invalid_argument,
                               "no line of " + path + " begins at byte " + std::to_string(from.offset) +
                                   ", where the load stopped: the file changed since; load it into a new database");
    }
    if (::fseeko(r.file_.get(), static_cast<off_t>(start), SEEK_SET) != 0) return system("read");
    r.path_     = std::move(path);
    r.position_ = {from.line, start};
    return r;
}

/// Reads more bytes into the buffer. False at the end of the file.
tenon::result<bool> geonames_reader::fill() {
    buffer_.erase(0, used_);
    used_           = 0;
    auto const kept = buffer_.size();
    buffer_.resize(kept + chunk);
    auto const got = std::fread(buffer_.data() + kept, 1, chunk, file_.get());
    buffer_.resize(kept + got);
    if (std::ferror(file_.get())) {
        buffer_.clear();
        return tenon::fail(errc::io, "cannot read " + path_ + " after byte " + std::to_string(position_.offset) + ": " +
                                         std::strerror(errno));
    }
    at_end_ = got == 0;
    return got > 0;
}

/// The next line without its line end; the position moves behind it.
tenon::result<bool> geonames_reader::next_line(std::string_view& line) {
    std::size_t searched = 0, skipped = 0;
    while (true) {
        auto const end = buffer_.find('\n', used_ + searched);
        if (end != std::string::npos || at_end_) {
            auto const stop = end == std::string::npos ? buffer_.size() : end;
            if (stop == used_ && end == std::string::npos && skipped == 0) return false;
            line             = std::string_view(buffer_).substr(used_, stop - used_);
            auto const taken = (end == std::string::npos ? stop : end + 1) - used_;
            used_ += taken;
            position_.line += 1;
            position_.offset += skipped + taken;
            if (skipped + line.size() > longest_geonames_line)
                return tenon::fail(refuse(errc::too_large, path_,
                                          {position_.line,
                                           0,
                                           {},
                                           {},
                                           "the line has " + std::to_string(skipped + line.size()) +
                                               " bytes, more than a GeoNames dump can have (1 MiB)"},
                                          &bad_));
            if (line.ends_with('\r')) line.remove_suffix(1);
            return true;
        }
        searched = buffer_.size() - used_;
        if (skipped + searched > longest_geonames_line) {  // keep nothing of a line that will be refused
            skipped += searched;
            used_ += searched;
            searched = 0;
        }
        if (auto more = fill(); !more) return more;  // and again on the next call: a failed stream stays failed
    }
}

tenon::result<bool> geonames_reader::next(geonames_record& out) {
    std::string_view line;
    do {
        auto more = next_line(line);
        if (!more || !*more) return more;
    } while (line.empty());
    auto parsed = parse_geonames_line(line, path_, position_.line, &bad_);
    if (!parsed) return tenon::fail(std::move(parsed).error());
    out.what  = std::move(*parsed);
    out.line  = position_.line;
    out.after = position_;
    return true;
}

}  // namespace atlas
