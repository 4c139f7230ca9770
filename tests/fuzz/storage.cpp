// SPDX-License-Identifier: Apache-2.0
// What is read back from disk: log segments, page files, root slots, runs and everything a database keeps in them.
#include "targets.hpp"

#include "tenon/concurrency/single_writer.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/database.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/metric/l2_squared.hpp"
#include "tenon/page_store/buffered.hpp"
#include "tenon/page_store/checksummed.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/wal/none.hpp"
#include "tenon/wal/segmented.hpp"
#include "tenon/work/inline_work.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using fuzz::outcome;
using tenon::byte_vector;
using tenon::byte_view;
using tenon::memory_files;

void write_file(memory_files fs, std::string const& path, byte_view bytes) {
    if (auto file = fs.open(path, tenon::open_mode::create)) (void)file->write_at(0, bytes);
}
byte_vector read_file(memory_files fs, std::string const& path) {
    auto        file = fs.open(path, tenon::open_mode::read_only);
    byte_vector out(file ? static_cast<std::size_t>(*file->size()) : 0);
    if (file) (void)file->read_at(0, out);
    return out;
}
/// Refused: that is fine when it says why.
outcome refused(tenon::error const& e) { return {false, e.message.empty() ? "an error without a sentence" : ""}; }

// ---- logs ------------------------------------------------------------------------------------------------------------------

using log_type = tenon::segmented_wal<>::log<memory_files>;
tenon::wal_options const log_options{.identity = 42, .segment_bytes = {8192}, .threads = false};

tenon::result<std::vector<std::string>> records_of(log_type& log) {
    std::vector<std::string> out;
    auto const               seen = log.replay({0}, [&](tenon::lsn, byte_view b) {
        out.emplace_back(tenon::as_chars(b));
        return tenon::result<void>{};
    });
    if (!seen) return tenon::fail(seen.error());
    return out;
}

/// Input: for each segment its length in two bytes, in units of 64, and its bytes. What opens takes a record and opens again.
outcome run_log(byte_view input) {
    memory_files fs;
    (void)fs.make_directory("/log");
    for (int i = 0; i < 4 && input.size() >= 2; ++i) {
        auto const n =
            std::min<std::size_t>(tenon::load<std::uint16_t>(input.data()) * std::size_t{64}, input.size() - 2);
        auto const bytes = input.subspan(2, n);
        // Named as its header says, so that more than names are tried.
        auto number = std::to_string(bytes.size() >= 32 ? tenon::load<std::uint64_t>(bytes.data() + 24) : 0);
        write_file(fs, "/log/" + std::string(20 - std::min<std::size_t>(20, number.size()), '0') + number + ".log",
                   bytes);
        input = input.subspan(2 + n);
    }
    auto reader      = log_options;
    reader.read_only = true;
    std::optional<std::vector<std::string>> seen;
    if (auto log = log_type::open(fs, "/log", reader))
        if (auto found = records_of(*log)) seen = std::move(*found);
    auto log = log_type::open(fs, "/log", log_options);
    if (!log) return refused(log.error());
    auto found = records_of(*log);
    if (!found) return refused(found.error());
    if (!seen || *seen != *found) return {true, "a reader sees another log than a writer"};
    auto const end = log->append(tenon::as_bytes(std::string_view("one more")));
    if (!end || !log->sync(*end)) return {true, end ? "" : "a log that opened takes no record"};
    found->push_back("one more");
    log       = log_type::open(fs, "/log", log_options);
    auto more = log ? records_of(*log) : tenon::fail(log.error());
    if (!more) return {true, "a log that took a record does not open: " + more.error().message};
    return {true, *more == *found ? "" : "a log that took a record has other records"};
}
std::vector<byte_vector> log_seeds() {
    std::vector<byte_vector> out;
    for (int const records : {0, 1, 5, 40}) {
        memory_files fs;
        auto         log = log_type::open(fs, "/log", log_options);
        (void)records_of(*log);
        for (int i = 0; i < records; ++i)
            (void)log->sync(
                *log->append(tenon::as_bytes(std::string(static_cast<std::size_t>(1 + i * 37 % 500), 'r'))));
        byte_vector input;
        for (auto const names = *fs.list("/log"); auto const& name : names) {
            if (!name.ends_with(".log")) continue;
            auto const bytes = read_file(fs, "/log/" + name);
            tenon::put(input, static_cast<std::uint16_t>(bytes.size() / 64));
            tenon::put_bytes(input, bytes);
        }
        out.push_back(std::move(input));
    }
    return out;
}

// ---- page files ------------------------------------------------------------------------------------------------------------

template <class Policy>
using store_of = typename Policy::template store<memory_files>;

/// A root that lists extents, so that what it names can be retained and read.
byte_vector root_of(std::vector<tenon::extent> const& extents) {
    byte_vector out;
    for (auto const& e : extents) tenon::put(out, e);
    return out;
}
std::vector<tenon::extent> extents_of(byte_view root) {
    std::vector<tenon::extent> out;
    for (; root.size() >= sizeof(tenon::extent); root = root.subspan(sizeof(tenon::extent)))
        out.push_back(tenon::load<tenon::extent>(root.data()));
    return out;
}

/// What opens is read, written to and published, and has that root when it is opened again.
template <class Policy>
outcome use_store(memory_files fs) {
    auto s = store_of<Policy>::open(fs, "/pages", {"fuzz", false, false});
    if (!s) return refused(s.error());
    auto kept = extents_of(s->root());
    if (auto done = s->retain(kept); !done) return refused(done.error());
    std::map<std::uint64_t, byte_vector> held;
    for (auto const& e : kept)
        if (auto view = s->read(e)) held[e.offset] = byte_vector(view->bytes().begin(), view->bytes().end());
    (void)s->read({~std::uint64_t{0} - 5, 100});
    (void)s->verify();
    auto const made = s->write(byte_vector(5000, std::byte{7}));
    if (!made) return {true, made.error().kind == tenon::errc::full ? "" : "a store that opened takes no extent"};
    kept.push_back(*made);
    if (!s->publish(root_of(kept))) return {true, "a store that opened takes no root"};
    for (auto const& e : kept) {
        auto const view = s->read(e);
        if (e == *made ? !view || view->bytes().size() != 5000 : held.contains(e.offset) && !view)
            return {true, "an extent cannot be read any more"};
        if (e != *made && view && !std::equal(view->bytes().begin(), view->bytes().end(), held[e.offset].begin()))
            return {true, "an extent was written over"};
    }
    s = tenon::fail(tenon::errc::io, "closed");
    s = store_of<Policy>::open(fs, "/pages", {"fuzz", false, false});
    return {true, s && s->root() == root_of(kept) ? "" : "the root that was published is not there"};
}
template <class Policy>
byte_vector page_file(int roots) {
    memory_files fs;
    {
        auto                       s = store_of<Policy>::open(fs, "/pages", {"fuzz", true, false});
        std::vector<tenon::extent> kept;
        (void)s->retain(kept);
        for (int i = 0; i < roots; ++i) {
            kept.push_back(*s->write(byte_vector(static_cast<std::size_t>(100 + 3000 * i), static_cast<std::byte>(i))));
            (void)s->publish(root_of(kept));
        }
    }
    return read_file(fs, "/pages");
}
template <class Policy>
outcome run_pages(byte_view input) {
    memory_files fs;
    write_file(fs, "/pages", input);
    return use_store<Policy>(fs);
}
template <class Policy>
std::vector<byte_vector> page_seeds() {
    return {page_file<Policy>(0), page_file<Policy>(1), page_file<Policy>(4)};
}

/// The two slot pages alone: the rest of the file is good.
using plain_pages = tenon::file_store<4096>;
outcome run_slots(byte_view input) {
    static auto const good = page_file<plain_pages>(4);
    memory_files      fs;
    write_file(fs, "/pages", good);
    if (auto file = fs.open("/pages", tenon::open_mode::read_write))
        (void)file->write_at(4096, input.first(std::min<std::size_t>(input.size(), 8192)));
    return use_store<plain_pages>(fs);
}
std::vector<byte_vector> slot_seeds() {
    std::vector<byte_vector> out;
    auto const               bytes = page_file<plain_pages>(4);
    out.emplace_back(bytes.begin() + 4096, bytes.begin() + 12288);
    return out;
}

/// Input: operations. Free space is never given out twice, in any order of writes, releases, roots and reopening.
outcome run_space(byte_view input) {
    memory_files                                     fs;
    std::vector<std::pair<tenon::extent, std::byte>> live;
    std::optional<store_of<plain_pages>>             s;
    std::uint8_t                                     number = 0;
    auto const                                       all    = [&] {
        std::vector<tenon::extent> out;
        for (auto const& [e, b] : live) out.push_back(e);
        return out;
    };
    auto const open = [&]() -> bool {
        s.reset();
        auto opened = store_of<plain_pages>::open(fs, "/pages", {"fuzz", true, false});
        if (!opened) return false;
        s.emplace(std::move(*opened));
        return s->retain(extents_of(s->root())).has_value();
    };
    if (!open()) return {true, "a new store does not open"};
    std::vector<tenon::extent> unpublished;  // released ones that the durable root still names
    input = input.first(std::min<std::size_t>(input.size(), 400));
    for (; input.size() >= 2; input = input.subspan(2)) {
        auto const what = std::to_integer<unsigned>(input[0]), much = std::to_integer<unsigned>(input[1]);
        switch (what % 4) {
            case 0:
            case 1: {
                byte_vector const bytes(much * 97, static_cast<std::byte>(++number));
                auto const        e = s->write(bytes);
                if (!e) return {true, "a write failed"};
                live.emplace_back(*e, static_cast<std::byte>(number));
                break;
            }
            case 2:
                if (!live.empty()) {
                    auto const at = live.begin() + static_cast<std::ptrdiff_t>(much % live.size());
                    unpublished.push_back(at->first);
                    live.erase(at);
                }
                break;
            default:
                if (!s->publish(root_of(all()))) return {true, "a root was refused"};
                for (auto const& e : unpublished) s->release(e);
                unpublished.clear();
                if (much % 3 == 0 && !open()) return {true, "a store does not open again"};
        }
        for (auto const& [e, b] : live) {
            auto const view = s->read(e);
            if (!view || !std::all_of(view->bytes().begin(), view->bytes().end(), [&](auto x) { return x == b; }))
                return {true, "an extent was written over"};
        }
    }
    return {true, s->verify() ? "" : "verify finds fault"};
}
std::vector<byte_vector> space_seeds() {
    std::vector<byte_vector> out;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        tenon::prng random(seed);
        byte_vector ops(160);
        for (auto& b : ops) b = static_cast<std::byte>(random.below(256));
        out.push_back(std::move(ops));
    }
    return out;
}

// ---- a database in a file without checksums: runs of every kind of index ---------------------------------------------------------

struct spot {
    std::uint64_t        id = 0;
    std::string          name;
    std::int64_t         height = 0;
    tenon::lonlat        where;
    std::array<float, 2> look{};
};
struct spots_db
    : tenon::database<
          tenon::table<"spots", spot, tenon::columns<&spot::id, &spot::name, &spot::height, &spot::where, &spot::look>,
                       tenon::primary<&spot::id>, tenon::ordered<&spot::height>, tenon::text<&spot::name>,
                       tenon::spatial<&spot::where>, tenon::nearest<&spot::look, tenon::hnsw<tenon::l2_squared>>>,
          memory_files, tenon::file_store<4096>, tenon::no_wal, tenon::single_writer, tenon::inline_work> {
    using database::database;
};
spots_db::options db_options(memory_files fs) {
    spots_db::options o;
    o.files       = std::move(fs);
    o.block_bytes = {512};
    return o;
}

/// Whatever opens answers every kind of question, or refuses it with a sentence.
outcome run_database(byte_view input) {
    memory_files fs;
    write_file(fs, "/db", input);
    auto db = tenon::open<spots_db>("/db", db_options(fs));
    if (!db) return refused(db.error());
    auto const view   = db->snapshot();
    bool       silent = false;
    auto const listen = [&](auto stream) {
        for (int i = 0; i < 1000; ++i) {
            auto row = stream.next();
            if (!row) silent = silent || row.error().message.empty();
            if (!row || !*row) return;
        }
    };
    listen(view.template all<spot>());
    for (std::uint64_t id = 0; id < 12; ++id) (void)view.template get<spot>(id);
    listen(view.template range<&spot::height>(-2, 4));
    listen(view.template within<&spot::where>({-100, -50, 60, 70}));
    listen(view.template closest<&spot::where>({3, 4}, 3));
    listen(view.template search<&spot::name>("north", 5));
    listen(view.template closest<&spot::look>(std::array<float, 2>{3, 5}, 3));
    auto const whole = db->verify();
    silent           = silent || (!whole && whole.error().message.empty());
    return {true, silent ? "an error without a sentence" : ""};
}
std::vector<byte_vector> database_seeds() {
    std::vector<byte_vector> out;
    for (int const runs : {0, 1, 2}) {
        memory_files fs;
        {
            auto        db = tenon::open<spots_db>("/db", db_options(fs));
            tenon::prng random(static_cast<std::uint64_t>(runs));
            for (int r = 0; r < runs; ++r) {
                auto tx = db->begin();
                for (std::uint64_t i = 0; i < 9; ++i)
                    (void)tx.upsert(spot{
                        i,
                        i % 2 != 0 ? "north side" : "south",
                        random.between(-5, 5),
                        {static_cast<double>(random.between(-170, 170)), static_cast<double>(random.between(-80, 80))},
                        {static_cast<float>(random.below(9)), 1}});
                if (r == 1) (void)tx.template erase<spot>(std::uint64_t{3});
                (void)tx.commit();
                (void)db->flush();
            }
        }
        out.push_back(read_file(fs, "/db"));
    }
    return out;
}

}  // namespace

std::vector<fuzz::target> fuzz::storage() {
    using sealed_pages = tenon::checksummed<tenon::file_store<4096>>;
    using pooled_pages = tenon::buffered<(64u << 10), sealed_pages>;
    return {{"log segments", &run_log, &log_seeds, 200},
            {"page file", &run_pages<plain_pages>, &page_seeds<plain_pages>, 200},
            {"page file with checksums", &run_pages<sealed_pages>, &page_seeds<sealed_pages>, 200},
            {"page file through a pool", &run_pages<pooled_pages>, &page_seeds<pooled_pages>, 200},
            {"root slots", &run_slots, &slot_seeds, 200},
            {"free space", &run_space, &space_seeds, 20},
            {"runs of a database", &run_database, &database_seeds, 60}};
}
