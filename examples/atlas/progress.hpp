// SPDX-License-Identifier: Apache-2.0
// How far a long job is: a bar on a terminal, a line now and then in a log.
#pragma once

#include "output.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

namespace atlas {

/// The world a progress bar lives in; tests bring their own.
struct progress_world {
    bool                                  terminal = false;
    std::function<std::size_t()>          columns;
    std::function<double()>               seconds;
    std::function<void(std::string_view)> write;

    /// stderr and the steady clock.
    static progress_world standard() {
        progress_world w;
        w.terminal = ::isatty(2) != 0;
        w.columns  = [] {
            winsize size{};
            return ::ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? std::size_t{size.ws_col} : std::size_t{80};
        };
        w.seconds = [] {
            return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
        };
        w.write = [](std::string_view text) {
            std::fwrite(text.data(), 1, text.size(), stderr);
            std::fflush(stderr);
        };
        return w;
    }
};

/// One job of `total` units (bytes, say; 0 when unknown), during which `rows` are counted.
///
///     progress bar("loading", reader.size());
///     while (...) bar.update(reader.position().offset, rows);
///     bar.finish();
///
/// On a terminal the bar is redrawn at most ten times a second; elsewhere a line is written every two seconds. finish(), or
/// the destructor, leaves one line with the total. A job that resumes passes where it starts, so that the rate is its own.
class progress {
public:
    explicit progress(std::string what, std::uint64_t total = 0, std::uint64_t start = 0,
                      std::string rows_name = "rows", progress_world world = progress_world::standard())
        : what_(std::move(what)),
          rows_name_(std::move(rows_name)),
          world_(std::move(world)),
          total_(total),
          start_(start),
          done_(start),
          began_(world_.seconds()),
          drawn_(began_) {}
    progress(progress const&)            = delete;
    progress& operator=(progress const&) = delete;
    ~progress() { finish(); }

    /// Cheap enough for every row: looks at the clock once in 256 calls, or when `now` says so.
    void update(std::uint64_t done, std::uint64_t rows, bool now = false) {
        done_ = done;
        rows_ = rows;
        if (!now && (++calls_ & 255) != 0) return;
        auto const t = world_.seconds();
        if (t - drawn_ < (world_.terminal ? 0.1 : 2.0)) return;
        drawn_ = t;
        if (world_.terminal) {
            world_.write("\r" + bar(t) + "\x1b[K");
            dirty_ = true;
        } else {
            world_.write(what_ + ": " + sentence(t, true) + "\n");
        }
    }

    /// Text above the bar, e.g. a warning: the bar is redrawn below it.
    void note(std::string_view line) {
        world_.write((dirty_ ? "\r\x1b[K" : "") + std::string(line) + "\n");
        dirty_ = false;
    }

    /// Leaves the last line. Once.
    void finish() {
        if (finished_) return;
        finished_ = true;
        world_.write((dirty_ ? "\r\x1b[K" : "") + what_ + ": " + sentence(world_.seconds(), false) + "\n");
    }

    double        seconds() const { return world_.seconds() - began_; }
    std::uint64_t rows() const noexcept { return rows_; }

private:
    double share() const {
        return total_ == 0 ? 0 : done_ >= total_ ? 1 : static_cast<double>(done_) / static_cast<double>(total_);
    }

    /// "12,345 rows, 81%, 23,456 rows/s, 3.2 s left"; at the end "23,461 rows in 1.2 s, 19,550 rows/s".
    std::string sentence(double now, bool running) const {
        auto const  spent = now - began_;
        std::string out   = human_count(rows_) + " " + rows_name_;
        if (!running) out += " in " + human_duration(spent);
        if (running && total_ > 0) out += ", " + fixed(share() * 100, 0) + "%";
        if (spent > 0)
            out += ", " + human_count(static_cast<std::uint64_t>(static_cast<double>(rows_) / spent)) + " " +
                   rows_name_ + "/s";
        if (running && total_ > done_ && done_ > start_)
            out += ", " +
                   human_duration(spent * static_cast<double>(total_ - done_) / static_cast<double>(done_ - start_)) +
                   " left";
        return out;
    }

    /// "loading [#########-------] 12,345 rows, ..." in one terminal line.
    std::string bar(double now) const {
        auto const text  = sentence(now, true);
        auto const width = world_.columns();
        auto const used  = display_width(what_) + 4 + display_width(text);
        if (total_ == 0 || width < used + 8) return for_terminal(what_ + " " + text, width > 1 ? width - 1 : 1);
        auto const cells = std::min<std::size_t>(width - used - 1, 40);
        auto const full  = static_cast<std::size_t>(share() * static_cast<double>(cells));
        return what_ + " [" + std::string(full, '#') + std::string(cells - full, '-') + "] " + text;
    }

    std::string    what_, rows_name_;
    progress_world world_;
    std::uint64_t  total_, start_, done_, rows_ = 0, calls_ = 0;
    double         began_, drawn_;
    bool           dirty_ = false, finished_ = false;
};

}  // namespace atlas
