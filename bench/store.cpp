// SPDX-License-Identifier: Apache-2.0
// How fast does the page store write, beside the disk?
#include "measure.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/tenon.hpp"

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>

namespace {

using bench::die;
using bench::must;
using bench::samples;
using bench::stopwatch;

constexpr char const* help =
    R"(bench_store - bulk writes through the page store beside raw direct writes.

  --mib N         written in a round, in extents, and published (1024); beside 1 MiB O_DIRECT writes and a sync
  --rounds N      (5)
  --dir DIR       where files are made (.); a file system where a sync means something
  --json          one JSON document on stdout instead of tables
  --help          this text

What was written is read back and compared.
)";

struct line {
    std::string name;
    samples     seconds;
};

// ---- writing -------------------------------------------------------------------------------------------------------

/// 4096-aligned bytes that do not compress.
class source {
public:
    explicit source(std::size_t n)
        : size_(n), bytes_(static_cast<std::byte*>(std::aligned_alloc(4096, n)), &std::free) {
        tenon::prng random(1);
        for (std::size_t at = 0; at < n; at += 8) {
            auto const word = random();
            std::memcpy(bytes_.get() + at, &word, 8);
        }
    }
    tenon::byte_view bytes() const { return {bytes_.get(), size_}; }

private:
    std::size_t                                 size_;
    std::unique_ptr<std::byte, void (*)(void*)> bytes_;
};

/// The disk: 1 MiB writes past the page cache one after another, and one sync. Over bytes written before, or into a new file.
double raw(std::string const& path, tenon::byte_view chunk, std::uint64_t chunks, bool fresh) {
    if (fresh) ::unlink(path.c_str());
    int const fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_DIRECT, 0644);
    if (fd < 0) die(path + " cannot be opened with O_DIRECT");
    stopwatch const watch;
    for (std::uint64_t i = 0; i < chunks; ++i)
        if (::pwrite(fd, chunk.data(), chunk.size(), static_cast<off_t>(i * chunk.size())) !=
            static_cast<ssize_t>(chunk.size()))
            die(path + " cannot be written");
    if (::fdatasync(fd) != 0) die(path + " cannot be synced");
    auto const spent = watch.seconds();
    ::close(fd);
    return spent;
}
/// The store: extents, and the root that names them. `again`: over the space of a file that was as long before.
template <class Policy>
double through(std::string const& path, tenon::byte_view chunk, std::uint64_t extents, bool fresh, bool direct) {
    using store = typename Policy::template store<tenon::posix_files>;
    if (fresh) ::unlink(path.c_str());
    tenon::store_options o;
    if (direct) o.direct_bytes = 0;
    auto s = must(store::open(tenon::posix_files{}, path, o), "open");
    must(s.retain({}), "retain");
    stopwatch const            watch;
    std::vector<tenon::extent> all;
    tenon::byte_vector         root;
    for (std::uint64_t i = 0; i < extents; ++i) {
        all.push_back(must(s.write(chunk), "write"));
        tenon::put(root, all.back());
    }
    must(s.publish(root), "publish");
    auto const spent = watch.seconds();
    for (auto const& e : all) {
        auto const view = must(s.read(e), "read");
        if (!std::equal(view.bytes().begin(), view.bytes().end(), chunk.begin())) die("other bytes than were written");
    }
    return spent;
}

}  // namespace

int main(int argc, char** argv) {
    bench::arguments args(argc, argv, help);
    bool const       as_json = args.flag("--json");
    auto const       mib     = args.number("--mib", 1024, 8);
    auto const       rounds  = args.number("--rounds", 5);
    auto const       dir     = args.text("--dir", ".");
    args.end();

    bench::facts         about;
    std::vector<line>    lines;
    bench::scratch const folder(dir);
    source const         chunk(std::size_t{1} << 20), eight(std::size_t{9} << 20);
    auto const           small = chunk.bytes().first(std::size_t{64} << 10);
    auto const large = eight.bytes().first(std::size_t{8} << 20), odd = eight.bytes().subspan(64, large.size());
    about.add("written", std::to_string(mib) + " MiB in a round, then synced; extents of 8 MiB but where said");
    using plain   = tenon::mmap_store<>;
    using checked = tenon::checksummed<tenon::mmap_store<>>;
    std::vector<std::pair<std::string, std::function<double(bool)>>> const subjects{
        {"raw O_DIRECT", [&](bool f) { return raw(folder / "raw", chunk.bytes(), mib, f); }},
        {"direct", [&](bool f) { return through<plain>(folder / "plain", large, mib / 8, f, true); }},
        {"direct, unaligned source", [&](bool f) { return through<plain>(folder / "odd", odd, mib / 8, f, true); }},
        {"direct, checksummed", [&](bool f) { return through<checked>(folder / "checked", large, mib / 8, f, true); }},
        {"page cache, checksummed",
         [&](bool f) { return through<checked>(folder / "cached", large, mib / 8, f, false); }},
        {"page cache, checksummed, 64 KiB",
         [&](bool f) { return through<checked>(folder / "small", small, mib * 16, f, false); }},
    };
    for (bool const fresh : {true, false})
        for (auto const& [name, run] : subjects) lines.push_back({name + (fresh ? ", new file" : ", used space"), {}});
    for (std::uint64_t r = 0; r < rounds; ++r) {
        std::size_t at = 0;
        for (bool const fresh : {true, false})
            for (auto const& [name, run] : subjects) lines[at++].seconds.add(run(fresh));
    }
    about.add_setting(dir);
    auto const value = [&](double seconds) { return static_cast<double>(mib) / seconds; };
    if (as_json) {
        atlas::json out;
        out.object();
        about.write(out);
        out.key("MiB/s").object();
        for (auto const& l : lines) out.field(l.name, value(l.seconds.median()));
        out.end().end();
        std::printf("%s\n", out.text().c_str());
        return 0;
    }
    about.print();
    std::printf("\n%-34s %12s %12s %12s\n", "", "median MiB/s", "best", "worst");
    for (auto const& l : lines)
        std::printf("%-34s %12.0f %12.0f %12.0f\n", l.name.c_str(), value(l.seconds.median()),
                    value(l.seconds.percentile(0.0)), value(l.seconds.percentile(1.0)));
}
