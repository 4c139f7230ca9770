// SPDX-License-Identifier: Apache-2.0
// What the benches share: clocks, percentiles, command lines, and what a number was measured with.
#pragma once

#include "output.hpp"  // of examples/atlas: tables, units, JSON
#include "tenon/core/simd.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/utsname.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/vfs.h>
#endif

namespace bench {

/// Ends the program: a bench that cannot measure, or whose answers are wrong, has no numbers.
[[noreturn]] inline void die(std::string const& why) {
    std::fprintf(stderr, "bench: %s\n", why.c_str());
    std::exit(1);
}
/// The value of a result, or the end with its error.
template <class R>
auto must(R r, char const* doing) {
    if (!r) die(std::string(doing) + ": " + r.error().message);
    if constexpr (!std::is_void_v<typename R::value_type>) return std::move(*r);
}
/// What the bench is at, on stderr.
inline void say(std::string const& what) { std::fprintf(stderr, "bench: %s\n", what.c_str()); }

class stopwatch {
    using clock = std::chrono::steady_clock;

public:
    double seconds() const { return std::chrono::duration<double>(clock::now() - began_).count(); }
    /// Seconds since the lap before, or since the beginning.
    double lap() {
        auto const now = clock::now();
        return std::chrono::duration<double>(now - std::exchange(lap_, now)).count();
    }

private:
    clock::time_point began_ = clock::now(), lap_ = began_;
};

/// Seconds of single operations.
class samples {
public:
    void add(double seconds) { seconds_.push_back(seconds); }
    void add(samples const& more) { seconds_.insert(seconds_.end(), more.seconds_.begin(), more.seconds_.end()); }
    void reserve(std::size_t n) { seconds_.reserve(n); }
    std::size_t size() const noexcept { return seconds_.size(); }

    /// The least sample that a share q of all samples does not exceed (nearest rank); NaN when there is none.
    double percentile(double q) const {
        if (seconds_.empty()) return std::nan("");
        auto       sorted = seconds_;
        auto const rank   = std::ceil(q * static_cast<double>(sorted.size()));
        auto const at     = std::min(sorted.size() - 1, static_cast<std::size_t>(std::max(0.0, rank - 1)));
        std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(at), sorted.end());
        return sorted[at];
    }
    double median() const { return percentile(0.5); }
    double longest() const { return percentile(1); }
    /// How many are longer than so many seconds.
    std::size_t over(double seconds) const {
        return static_cast<std::size_t>(
            std::count_if(seconds_.begin(), seconds_.end(), [=](double s) { return s > seconds; }));
    }
    double mean() const {
        double sum = 0;
        for (double s : seconds_) sum += s;
        return seconds_.empty() ? std::nan("") : sum / static_cast<double>(seconds_.size());
    }

private:
    std::vector<double> seconds_;
};

/// What two readings of the clock cost, which is in every single sample: the median of many.
inline double clock_cost() {
    samples s;
    for (int i = 0; i < 10'001; ++i) {
        stopwatch const watch;
        s.add(watch.seconds());
    }
    return s.median();
}

/// The times of the turns of a loop that runs for so many seconds. Of a loop that does nothing they are what other programs and a hypervisor take
/// from whatever is measured beside it.
template <class Turn>
samples turns_of(double seconds, Turn turn) {
    samples out;
    for (stopwatch all; all.seconds() < seconds;) {
        turn();
        out.add(all.lap());
    }
    return out;
}

/// `--name value`, `--name=value`, `--flag` and free words; whatever nobody asked for is an error.
class arguments {
public:
    arguments(int argc, char** argv, char const* help) : help_(help) {
        for (int i = 1; i < argc; ++i) words_.emplace_back(argv[i]);
        if (flag("--help") || flag("-h")) {
            std::fputs(help, stdout);
            std::exit(0);
        }
    }
    bool flag(std::string_view name) {
        auto const it    = std::find(words_.begin(), words_.end(), name);
        bool const there = it != words_.end();
        if (there) words_.erase(it);
        return there;
    }
    std::string text(std::string_view name, std::string otherwise) {
        for (auto it = words_.begin(); it != words_.end(); ++it) {
            if (it->starts_with(std::string(name) + "=")) {
                auto value = it->substr(name.size() + 1);
                words_.erase(it);
                return value;
            }
            if (*it != name) continue;
            if (it + 1 == words_.end()) misuse(std::string(name) + " needs a value");
            auto value = *(it + 1);
            words_.erase(it, it + 2);
            return value;
        }
        return otherwise;
    }
    /// A number of at least `least`.
    std::uint64_t number(std::string_view name, std::uint64_t otherwise, std::uint64_t least = 1) {
        auto const    given      = text(name, std::to_string(otherwise));
        std::uint64_t value      = 0;
        auto const [end, failed] = std::from_chars(given.data(), given.data() + given.size(), value);
        if (failed != std::errc{} || end != given.data() + given.size() || value < least)
            misuse(std::string(name) + " takes a number of at least " + std::to_string(least) + ", not " + given);
        return value;
    }
    /// The next free word; call it after all options.
    std::string word(std::string otherwise) {
        if (words_.empty() || words_.front().starts_with("-")) return otherwise;
        auto value = words_.front();
        words_.erase(words_.begin());
        return value;
    }
    void end() const {
        if (!words_.empty()) misuse("what does " + words_.front() + " mean?");
    }

private:
    [[noreturn]] void misuse(std::string const& why) const {
        std::fprintf(stderr, "bench: %s\n\n%s", why.c_str(), help_);
        std::exit(2);
    }
    std::vector<std::string> words_;
    char const*              help_;
};

/// A folder of our own inside `parent`, removed with all it holds when the program ends, also by die().
class scratch {
public:
    explicit scratch(std::string const& parent) {
        auto path = parent + "/bench-XXXXXX";
        if (::mkdtemp(path.data()) == nullptr)
            die("no folder can be made in " + parent + ": " + std::generic_category().message(errno) +
                "; name another one with --dir");
        static cleanup at_exit;
        at_exit.folders.push_back(path_ = path);
    }
    std::string        operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
    std::string const& path() const noexcept { return path_; }

private:
    struct cleanup {
        std::vector<std::string> folders;
        ~cleanup() {
            std::error_code ignored;
            for (auto const& f : folders) std::filesystem::remove_all(f, ignored);
        }
    };
    std::string path_;
};

/// Bytes of a file, or of all files below a folder.
inline std::uint64_t bytes_on_disk(std::string const& path) {
    std::error_code ec;
    if (std::filesystem::is_regular_file(path, ec)) return std::filesystem::file_size(path, ec);
    std::uint64_t sum = 0;
    for (auto const& e : std::filesystem::recursive_directory_iterator(path, ec))
        if (e.is_regular_file(ec)) sum += e.file_size(ec);
    return sum;
}

// ---- what it was measured with -------------------------------------------------------------------------------------

inline std::string compiler() {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}
/// As the build gave them; what the compiler itself says where it did not.
inline std::string flags() {
#if defined(TENON_BENCH_FLAGS)
    return TENON_BENCH_FLAGS;
#elif defined(__OPTIMIZE__)
    return "optimised, not given by the build";
#else
    return "not optimised, not given by the build";
#endif
}
inline bool optimised() {
#if defined(__OPTIMIZE__)
    return true;
#else
    return false;
#endif
}
inline std::string cpu() {
    std::ifstream in("/proc/cpuinfo");
    std::string   model = "unknown CPU", line;
    unsigned      n     = 0;
    while (std::getline(in, line)) {
        if (line.starts_with("processor")) ++n;
        if (line.starts_with("model name")) model = line.substr(std::min(line.size(), line.find(':') + 2));
    }
    return model + ", " + std::to_string(n) + " hardware threads";
}
inline std::string system() {
    utsname u{};
    return ::uname(&u) == 0 ? std::string(u.sysname) + " " + u.release + " " + u.machine : "unknown";
}
/// The file system that `folder` lies on; a sync on tmpfs costs nothing and says nothing.
inline std::string file_system([[maybe_unused]] std::string const& folder) {
#if defined(__linux__)
    struct statfs s{};
    if (::statfs(folder.c_str(), &s) != 0) return "unknown";
    switch (static_cast<unsigned long>(s.f_type)) {
        case 0xEF53: return "ext4";
        case 0x58465342: return "xfs";
        case 0x9123683E: return "btrfs";
        case 0x01021994: return "tmpfs (nothing here is durable: syncs are free)";
        case 0x794C7630: return "overlayfs";
        case 0x2FC12FC1: return "zfs";
        case 0xF2F52010: return "f2fs";
        default: {
            char text[32];
            std::snprintf(text, sizeof text, "type 0x%lx", static_cast<unsigned long>(s.f_type));
            return text;
        }
    }
#else
    return "unknown";
#endif
}

/// The policies of a database type that its signature does not name.
template <class Db>
std::string policies() {
    using r         = typename Db::recipe_type;
    std::string out = std::string(r::page_store::name) + ", " + std::string(r::wal::name);
    if constexpr (requires { r::wal::sync_policy_type::name; })
        out += "<" + std::string(r::wal::sync_policy_type::name) + ">";
    return out + ", " + std::string(r::concurrency::name) + ", " + std::string(r::work::name) + ", " +
           std::string(r::file::name) + " files";
}

/// Facts about a run: printed above the numbers, and part of the JSON.
class facts {
public:
    facts& add(std::string name, std::string value) {
        all_.emplace_back(std::move(name), std::move(value));
        return *this;
    }
    /// Compiler, flags, CPU, system and file system.
    facts& add_setting(std::string const& folder) {
        add("compiler", compiler()).add("flags", flags() + (optimised() ? "" : " (NOT optimised: read no times)"));
        add("cpu", cpu()).add("simd", tenon::simd::active().target).add("system", system());
        return add("file system", file_system(folder));
    }
    void print() const {
        std::size_t width = 0;
        for (auto const& [name, value] : all_) width = std::max(width, name.size());
        for (auto const& [name, value] : all_)
            std::printf("%s%s  %s\n", name.c_str(), std::string(width - name.size(), ' ').c_str(), value.c_str());
    }
    void write(atlas::json& out) const {
        out.key("facts").object();
        for (auto const& [name, value] : all_) out.field(name, value);
        out.end();
    }

private:
    std::vector<std::pair<std::string, std::string>> all_;
};

/// One JSON document on stdout: the facts, what more(json) adds, and under `key` an object for each line, which fields(json, line) fills.
template <class Line, class More, class Fields>
void print_json(facts const& about, char const* key, std::vector<Line> const& lines, More more, Fields fields) {
    atlas::json out;
    out.object();
    about.write(out);
    more(out);
    out.key(key).array();
    for (auto const& l : lines) {
        out.object();
        fields(out, l);
        out.end();
    }
    out.end().end();
    std::puts(out.text().c_str());
}

}  // namespace bench
