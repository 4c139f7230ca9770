// SPDX-License-Identifier: Apache-2.0
// How many commits a second become durable, and how long does each take: beside the disk alone, SQLite, LMDB, RocksDB and LevelDB?
#include "stores.hpp"
#include "tenon/core/block_buffer.hpp"

#if defined(TENON_BENCH_URING)
#include "tenon/file/uring.hpp"
#endif

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace {

using bench::database_store;
using bench::die;
using bench::durable_db;
using bench::make_row;
using bench::must;
using bench::row;
using bench::store;
using tenon::byte_view;

constexpr char const* help =
    R"(bench_commit - commits of one row (16-byte key, 100-byte value) by many threads, each durable before it returns.

  --threads LIST  numbers of threads, with commas (1,8,32,100)
  --seconds N     tenths of a second for each number (10)
  --in-flight N   asynchronous commits that may wait at once (1000)
  --only NAMES    of queues,log,database,sqlite,lmdb,rocksdb,leveldb; the disk alone is always there. queues, which only runs when it is
                  named: writes of 4 and 64 KiB through each kind of write queue
  --dir DIR       where the databases are made, and removed afterwards (.)
  --json          one JSON document on stdout instead of tables
  --help          this text

Each store is opened again and its rows counted: as many as were acknowledged, or the run ends.
)";

template <class Sync>
struct log_store final : store {
    using log_type                      = typename tenon::segmented_wal<Sync>::template log<tenon::posix_files>;
    static constexpr std::uint64_t warm = 64u << 20;
    explicit log_store(std::string path_in) : path(std::move(path_in)) { from = warmed(); }
    /// Writes 64 MiB of segments and releases them, so that the log runs on files that were written before, as it does in steady state.
    tenon::lsn warmed() {
        open([](byte_view) {});
        std::string const block(1u << 20, 'w');
        tenon::lsn        end{};
        while (end.value < warm) end = must(log->append(tenon::as_bytes(block)), "append");
        must(log->sync_all(), "sync");
        must(log->release(end), "release");
        return end;
    }
    template <class Visit>
    void open(Visit visit) {
        log.reset();
        log = std::make_unique<log_type>(must(log_type::open({}, path, {.identity = 1}), "open the log"));
        must(log->replay(from,
                         [&](tenon::lsn, byte_view r) {
                             visit(r);
                             return tenon::result<void>{};
                         }),
             "replay");
    }
    void commit(row const& r) override { must(log->sync(must(log->append(tenon::object_bytes(r)), "append")), "sync"); }
    std::uint64_t count() override {  // by reading it back
        std::uint64_t n = 0;
        open([&](byte_view r) { n += r.size() == sizeof(row); });
        return n;
    }
    std::string note() override {
        auto const s = log->stats();
        return std::string(s.writes) + ", " + std::to_string(s.syncs) + " writes, " + std::to_string(s.most_under_way) +
               " at once";
    }
    std::string               path;
    std::unique_ptr<log_type> log;
    tenon::lsn                from{};
};

struct line {
    std::string name, what;
    double      per_second = 0, p50 = 0, p99 = 0;
    std::string note;
};

line measured(std::string name, std::string what, std::vector<bench::samples> const& all, double seconds) {
    bench::samples joined;
    for (auto const& s : all) joined.add(s);
    return {std::move(name), std::move(what),         static_cast<double>(joined.size()) / seconds,
            joined.median(), joined.percentile(0.99), {}};
}

/// `threads` threads commit for a while; then the rows are counted.
line run_threads(std::string const& name, std::string const& what, store& s, unsigned threads, double seconds) {
    std::vector<bench::samples> times(threads);
    std::atomic<bool>           over{false};
    std::vector<std::thread>    workers;
    bench::stopwatch            all;
    for (unsigned t = 0; t < threads; ++t)
        workers.emplace_back([&, t] {
            for (std::uint64_t i = 0; !over; ++i) {
                auto const       r = make_row(t, i);
                bench::stopwatch one;
                s.commit(r);
                times[t].add(one.seconds());
            }
        });
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    over = true;
    for (auto& w : workers) w.join();
    auto          out = measured(name, what, times, all.seconds());
    std::uint64_t n   = 0;
    for (auto const& t : times) n += t.size();
    out.note = s.note();
    s.reopen();
    auto const found = s.count();
    if (found != n)
        die(name + ": " + std::to_string(n) + " commits were acknowledged, " + std::to_string(found) + " are there");
    return out;
}

/// The disk alone: 4 KiB onto blocks that were written before, one write at a time.
line run_disk(std::string const& path, double seconds) {
    tenon::posix_files fs;
    must(fs.open(path, tenon::open_mode::create), "make the file");
    auto                file = must(fs.open_direct(path), "open the file");
    tenon::block_buffer zeros;
    zeros.append_zeros(16u << 20);
    must(file.write(0, std::as_const(zeros).bytes(), tenon::flush::yes), "fill the file");
    auto const                  block = std::as_const(zeros).bytes().first(4096);
    std::vector<bench::samples> times(1);
    bench::stopwatch            all;
    for (std::uint64_t i = 0; all.seconds() < seconds; ++i) {
        bench::stopwatch one;
        must(file.write(i % 4096 * 4096, block, tenon::flush::yes), "write");
        times[0].add(one.seconds());
    }
    auto out = measured("disk", "1", times, all.seconds());
    out.note = std::string(tenon::to_string(file.mode())) + " writes of 4 KiB, flushed";
    return out;
}

/// The disk alone, with several writes under way through the queue of a file system.
template <class FS>
line run_queue(std::string const& path, std::string const& kind, double seconds, std::size_t bytes, std::size_t depth) {
    FS fs;
    must(fs.open(path, tenon::open_mode::create), "make the file");
    auto                file = must(fs.open_direct(path), "open the file");
    tenon::block_buffer zeros;
    zeros.append_zeros(16u << 20);
    must(file.write(0, std::as_const(zeros).bytes(), tenon::flush::yes), "fill the file");
    auto const                    queue = fs.make_queue(depth);
    std::vector<bench::samples>   times(1);
    std::vector<bench::stopwatch> began(depth);
    bench::stopwatch              all;
    std::uint64_t                 place = 0;
    auto const                    begin = [&](std::size_t slot) {
        began[slot] = bench::stopwatch();
        must(queue->submit(file, place++ % ((16u << 20) / bytes) * bytes, std::as_const(zeros).bytes().first(bytes),
                                              tenon::flush::yes, slot),
                                "submit");
    };
    for (std::size_t slot = 0; slot < depth; ++slot) begin(slot);
    for (std::size_t left = depth; left > 0;) {
        auto const c = queue->wait();
        must(c.done, "write");
        times[0].add(began[c.tag].seconds());
        if (all.seconds() < seconds) begin(static_cast<std::size_t>(c.tag));
        else --left;
    }
    auto out = measured("disk, " + kind, std::to_string(depth) + " in flight", times, all.seconds());
    out.note = "writes of " + std::to_string(bytes >> 10) + " KiB, flushed";
    return out;
}

/// One thread hands in commits and does not wait for them, `in_flight` at most.
template <class Submit>
line run_async(std::string const& name, store& s, double seconds, std::uint64_t in_flight, Submit submit) {
    std::vector<bench::samples> times(1);
    times[0].reserve(static_cast<std::size_t>(4e6 * seconds));
    std::atomic<std::uint64_t> done{0};
    std::uint64_t              n = 0;
    bench::stopwatch           all;
    while (all.seconds() < seconds)
        for (int burst = 0; burst < 16; ++burst, ++n) {
            while (n - done.load(std::memory_order_acquire) >= in_flight) std::this_thread::yield();
            submit(make_row(0, n), [&, one = bench::stopwatch()](auto const& r) {
                if (!r) die("a commit failed: " + r.error().message);
                times[0].add(one.seconds());
                done.store(done.load(std::memory_order_relaxed) + 1, std::memory_order_release);
            });
        }
    while (done.load(std::memory_order_acquire) < n) std::this_thread::yield();
    auto out = measured(name, "asynchronous, " + std::to_string(in_flight) + " in flight", times, all.seconds());
    out.note = s.note();
    s.reopen();
    auto const found = s.count();
    if (found != n)
        die(name + ": " + std::to_string(n) + " were acknowledged, " + std::to_string(found) + " are there");
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    bench::arguments  args(argc, argv, help);
    auto const        list    = args.text("--threads", "1,8,32,100");
    double const      seconds = static_cast<double>(args.number("--seconds", 10)) / 10;
    auto const        waiting = args.number("--in-flight", 1000);
    std::string const only    = "," + args.text("--only", "log,database,sqlite,lmdb,rocksdb,leveldb") + ",";
    std::string const dir     = args.text("--dir", ".");
    bool const        as_json = args.flag("--json");
    args.end();
    std::vector<unsigned> threads;
    for (auto const& word : std::string(list)) {
        if (word == ',') continue;
        if (threads.empty() || &word == list.data() || *(&word - 1) == ',') threads.push_back(0);
        if (word < '0' || word > '9') die("--threads takes numbers with commas, not " + list);
        threads.back() = threads.back() * 10 + static_cast<unsigned>(word - '0');
    }

    bench::scratch const folder(dir);
    bench::facts         about;
    about.add("database", bench::policies<durable_db>()).add_setting(folder.path());
    int        number = 0;
    auto const place  = [&] { return folder / ("s" + std::to_string(number++)); };
    auto const wanted = [&](char const* name) { return only.find("," + std::string(name) + ",") != std::string::npos; };
    using maker       = std::function<std::unique_ptr<store>(bool durable)>;
    std::vector<std::pair<std::string, maker>> stores;
    if (wanted("log"))
        stores.emplace_back("tenon, log alone", [&](bool durable) -> std::unique_ptr<store> {
            if (durable) return std::make_unique<log_store<tenon::group_commit>>(place());
            return std::make_unique<log_store<tenon::no_sync>>(place());
        });
    if (wanted("database"))
        stores.emplace_back("tenon, database", [&](bool durable) -> std::unique_ptr<store> {
            if (durable) return std::make_unique<database_store<durable_db>>(place());
            return std::make_unique<database_store<bench::kernel_db>>(place());
        });
#if defined(TENON_BENCH_SQLITE)
    if (wanted("sqlite"))
        stores.emplace_back("SQLite", [&](bool d) { return std::make_unique<bench::sqlite_store>(place(), d); });
#endif
#if defined(TENON_BENCH_LMDB)
    if (wanted("lmdb"))
        stores.emplace_back("LMDB", [&](bool d) { return std::make_unique<bench::lmdb_store>(place(), d); });
#endif
#if defined(TENON_BENCH_ROCKSDB)
    if (wanted("rocksdb"))
        stores.emplace_back("RocksDB",
                            [&](bool d) { return std::make_unique<bench::lsm_store<bench::rocksdb_api>>(place(), d); });
#endif
#if defined(TENON_BENCH_LEVELDB)
    if (wanted("leveldb"))
        stores.emplace_back("LevelDB",
                            [&](bool d) { return std::make_unique<bench::lsm_store<bench::leveldb_api>>(place(), d); });
#endif

    std::vector<line> lines;
    auto const        add = [&](line l) {
        bench::say(l.name + ", " + l.what + ": " + atlas::human_count(static_cast<std::uint64_t>(l.per_second)) + "/s");
        lines.push_back(std::move(l));
        std::filesystem::remove_all(folder / ("s" + std::to_string(number - 1)));
    };
    add(run_disk(folder / "disk", seconds));
    if (wanted("queues"))
        for (std::size_t const bytes : {4096u, 65536u})
            for (std::size_t const depth : {1u, 2u, 4u, 16u}) {
                add(run_queue<tenon::posix_files>(folder / "disk", "pool", seconds, bytes, depth));
#if defined(TENON_BENCH_URING)
                auto const kind = std::string(tenon::uring_files{}.make_queue(1)->kind());
                add(run_queue<tenon::uring_files>(folder / "disk", kind, seconds, bytes, depth));
#endif
            }
    for (auto const t : threads)
        for (auto const& [name, make] : stores) {
            auto s = make(true);
            add(run_threads(name, std::to_string(t), *s, t, seconds));
        }
    if (wanted("log")) {
        log_store<tenon::group_commit> s(place());
        add(run_async("tenon, log alone", s, seconds, waiting, [&](row const& r, auto called) {
            must(s.log->append(tenon::object_bytes(r), std::move(called)), "append");
        }));
    }
    if (wanted("database")) {
        database_store<durable_db> s(place());
        add(run_async("tenon, database", s, seconds, waiting, [&](row const& r, auto called) {
            auto tx = s.db->begin();
            must(tx.upsert(r), "upsert");
            must(tx.commit_async(std::move(called)), "commit_async");
        }));
    }
    for (auto const& [name, make] : stores) {
        auto s = make(false);
        add(run_threads(name, "1, handed to the kernel", *s, 1, seconds));
    }
    add(run_disk(folder / "disk", seconds));

    if (as_json) {
        bench::print_json(
            about, "commits", lines, [](auto&) {},
            [](auto& out, line const& l) {
                out.field("store", l.name)
                    .field("threads", l.what)
                    .field("per_second", l.per_second)
                    .field("p50", l.p50)
                    .field("p99", l.p99)
                    .field("note", l.note);
            });
        return 0;
    }
    about.print();
    auto const   r = atlas::table::right;
    atlas::table out(
        {{"commits of one row"}, {"threads"}, {"a second", r}, {"of the disk", r}, {"p50", r}, {"p99", r}, {""}});
    for (auto const& l : lines)
        out.row({l.name, l.what, atlas::human_count(static_cast<std::uint64_t>(l.per_second)),
                 atlas::fixed(l.per_second / lines[0].per_second, 2), atlas::human_duration(l.p50),
                 atlas::human_duration(l.p99), l.note});
    std::printf("\n%s", out.text().c_str());
}
