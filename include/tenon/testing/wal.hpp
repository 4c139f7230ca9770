// SPDX-License-Identifier: Apache-2.0
// Conformance suite of axis::wal: the axioms, concurrency, and a sweep over every crash point; for people who write policies.
#pragma once

#include "tenon/core/prng.hpp"
#include "tenon/file/simulated.hpp"
#include "tenon/testing/report.hpp"
#include "tenon/wal/concept.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tenon::testing {

namespace detail {

struct wal_entry {
    std::uint64_t begin = 0, end = 0;
    byte_vector   bytes;
};

/// r.check with the words put together only when they are needed.
struct wal_judge {
    report&     r;
    std::string who;

    bool operator()(bool holds, char const* sentence,
                    std::source_location where = std::source_location::current()) const {
        return r.check(holds, holds ? std::string() : who + ": " + sentence, where);
    }
    template <class T>
    bool works(result<T> const& done, char const* what,
               std::source_location where = std::source_location::current()) const {
        return works(done ? nullptr : &done.error(), what, where);
    }
    template <class T>
    bool refuses(result<T> const& done, errc kind, char const* what,
                 std::source_location where = std::source_location::current()) const {
        return (*this)(!done && done.error().kind == kind, what, where);
    }

private:
    bool works(error const* e, char const* what, std::source_location where) const {
        return r.check(e == nullptr, e == nullptr ? std::string() : who + ": " + what + " failed: " + e->message,
                       where);
    }
};

/// An entry whose append did not return has no end yet; it may be there, whole.
inline bool wal_same(wal_entry& expected, lsn end, byte_view record) {
    if (expected.end == expected.begin) expected.end = end.value;
    return expected.end == end.value && std::ranges::equal(record, expected.bytes);
}
inline std::size_t wal_first_from(std::vector<wal_entry> const& model, std::uint64_t from) {
    return static_cast<std::size_t>(std::ranges::find_if(model, [&](auto const& e) { return e.begin >= from; }) -
                                    model.begin());
}

inline byte_vector wal_random_record(prng& random, std::size_t most) {
    byte_vector out(
        static_cast<std::size_t>(1 + random.below(random.chance(0.1) ? most : std::min<std::size_t>(most, 60))));
    // runs of zeros and repeated bytes are what stale and lost sectors look like
    auto const kind = random.below(3);
    for (auto& b : out) b = kind == 0 ? std::byte{0} : static_cast<std::byte>(kind == 1 ? 7 : random() & 0xff);
    return out;
}

/// Replays from `from`. How many of the model's entries are there, when they are the right ones.
template <class Log>
std::optional<std::size_t> wal_replays(Log& log, std::vector<wal_entry>& model, std::uint64_t from,
                                       wal_judge const& ok) {
    auto const first = wal_first_from(model, from);
    auto       next  = first;
    bool       same  = true;
    auto const seen  = log.replay({from}, [&](lsn end, byte_view record) {
        same = same && next < model.size() && wal_same(model[next], end, record);
        ++next;
        return result<void>{};
    });
    if (!ok.works(seen, "replay")) return std::nullopt;
    ok(same, "a record that was visited is not the one that was appended there");
    ok(seen->records == next - first, "replay_report::records is not the number of visits");
    ok(seen->end == log.end(), "replay_report::end is not end()");
    if (!same) return std::nullopt;
    return next;
}

}  // namespace detail

/// The axioms of a log on any file system, in a directory that is not there yet. Policies that are not
/// persistent are not reopened.
template <class Policy, class FS>
requires wal_policy<Policy, FS>
void check_wal(FS fs, std::string const& directory, std::uint64_t seed, report& r) {
    using log_type       = typename Policy::template log<FS>;
    constexpr bool lasts = Policy::persistent;
    wal_options    options{.identity = seed + 1, .segment_bytes = {8192}, .threads = seed % 2 == 0};
    prng           random(seed);

    detail::wal_judge ok{r, std::string(Policy::name) + " (seed " + std::to_string(seed) + ")"};

    std::optional<log_type>        log;
    std::vector<detail::wal_entry> model;
    std::uint64_t                  from = 0;
    auto                           open = [&] {
        log.reset();
        auto opened = log_type::open(fs, directory, options);
        if (!ok.works(opened, "open")) return false;
        log.emplace(std::move(*opened));
        return ok(detail::wal_replays(*log, model, from, ok) == model.size(),
                                            "a record that was appended before a clean close is missing");
    };
    if (!open()) return;
    ok.refuses(log->append({}), errc::too_large, "an empty record must be errc::too_large");

    for (int step = 0; step < 400; ++step) {
        auto const dice = random.below(100);
        if (dice < 60) {
            auto       bytes = detail::wal_random_record(random, 20'000);
            auto const begin = log->end();
            auto const end   = log->append(bytes);
            if (!ok.works(end, "append")) return;
            ok(*end > begin && log->end() == *end, "append returns the record's end, which is end() then");
            model.push_back({begin.value, end->value, std::move(bytes)});
        } else if (dice < 80) {
            ok.works(log->sync(model.empty() || random.chance(0.5)
                                   ? log->end()
                                   : lsn{model[static_cast<std::size_t>(random.below(model.size()))].end}),
                     "sync");
        } else if (dice < 85) {
            ok.works(log->sync_all(), "sync_all");
        } else if (dice < 92 && !model.empty()) {
            ok.works(log->sync_all(), "sync_all");
            from = std::max(from, model[static_cast<std::size_t>(random.below(model.size()))].end);
            ok.works(log->release({from}), "release");
        } else if (lasts) {
            if (!open()) return;
        }
    }
    {
        std::vector<std::uint64_t> called;  // in no thread but the one that calls back, until sync_all and reopening
        std::vector<std::uint64_t> ends;
        std::atomic<int>           bad{0};
        for (int i = 0; i < 50; ++i) {
            auto       bytes = detail::wal_random_record(random, 3000);
            auto const begin = log->end();
            auto const end   = log->append(bytes, [&, i](result<void> const& done) {
                bad += !done;
                called.push_back(static_cast<std::uint64_t>(i));
            });
            if (!ok.works(end, "append with a callback")) return;
            ends.push_back(end->value);
            model.push_back({begin.value, end->value, std::move(bytes)});
        }
        ok.works(log->sync_all(), "sync_all");
        if (lasts && !open()) return;  // a log that has closed has called back
        ok(bad == 0 && called.size() == 50 && std::ranges::is_sorted(called),
           "every callback is called once, in the order of the records");
    }
    auto const counts = log->stats();
    ok(counts.appended_records <= model.size() && (lasts || counts.appended_records == model.size()),
       "stats count the appended records");

    // four threads: each sees its own records acknowledged in order, and all are there afterwards
    struct mine {
        std::uint64_t end;
        byte_vector   bytes;
    };
    std::vector<std::vector<mine>> written(4);
    std::atomic<int>               failed{0};
    {
        std::vector<std::thread> threads;
        for (std::size_t t = 0; t < written.size(); ++t)
            threads.emplace_back([&, t] {
                prng own(seed * 4 + t);
                for (int i = 0; i < 100; ++i) {
                    auto       bytes = detail::wal_random_record(own, 3000);
                    auto const end   = log->append(bytes);
                    if (!end || (i % 3 != 0 && !log->sync(*end))) {
                        ++failed;
                        return;
                    }
                    written[t].push_back({end->value, std::move(bytes)});
                }
                if (!log->sync_all()) ++failed;
            });
        for (auto& t : threads) t.join();
    }
    ok(failed == 0, "append or sync failed with four threads");
    std::vector<detail::wal_entry> added;
    for (auto& per_thread : written) {
        ok(std::ranges::is_sorted(per_thread, {}, &mine::end), "a thread's records are in its order");
        for (auto& m : per_thread) added.push_back({0, m.end, std::move(m.bytes)});
    }
    std::sort(added.begin(), added.end(), [](auto& a, auto& b) { return a.end < b.end; });
    std::uint64_t at = model.empty() ? 0 : model.back().end;
    for (auto& e : added) {
        ok(e.end > at, "two records with the same end");
        e.begin = at;  // not before the record ahead, which is all that replay needs
        at      = e.end;
        model.push_back(std::move(e));
    }
    if constexpr (lasts) {
        if (!open() || !open()) return;
        log.reset();
        auto read_only      = options;
        read_only.read_only = true;
        auto reader         = log_type::open(fs, directory, read_only);
        if (ok.works(reader, "open read_only")) {
            ok(detail::wal_replays(*reader, model, from, ok) == model.size(), "a record is missing when read_only");
            auto const refused = reader->append(as_bytes("x"));
            ok(!refused && refused.error().kind == errc::read_only,
               "append to a read-only log must be errc::read_only");
        }
        auto beyond = log_type::open(fs, directory, options);
        if (ok.works(beyond, "open")) {
            auto const gone = beyond->replay({beyond->end().value + (std::uint64_t{1} << 40)},
                                             [](lsn, byte_view) { return result<void>{}; });
            ok(!gone && gone.error().kind == errc::corrupt, "a log that ends before `from` must be errc::corrupt");
        }
        auto other = options;
        ++other.identity;
        auto stranger = log_type::open(fs, directory, other);
        bool refused  = !stranger && stranger.error().kind == errc::wrong_assembly;
        if (stranger) {
            auto const seen = stranger->replay({from}, [](lsn, byte_view) { return result<void>{}; });
            refused         = !seen && seen.error().kind == errc::wrong_assembly;
        }
        ok(refused, "the log of another database must be errc::wrong_assembly");
        auto again = log_type::open(fs, directory, options);
        if (ok.works(again, "open")) {
            int        calls = 0;
            auto const seen  = again->replay({from}, [&](lsn, byte_view) -> result<void> {
                ++calls;
                return fail(errc::conflict, "enough");
            });
            ok(calls == 1 && !seen && seen.error().kind == errc::conflict,
               "replay stops at the visitor's error and returns it");
        }
    }
}

namespace detail {

/// What the sweep knows about one history of a log, over all its crashes.
struct wal_history {
    std::vector<wal_entry> model;             // appended, in order
    std::size_t            acknowledged = 0;  // sync returned
    std::size_t            on_medium    = 0;  // sync_all returned, or sync of a policy that promises power_loss
    std::uint64_t          from         = 0;  // the last root
};

/// Opens, replays, appends; until done or until the power goes. True when the recovery is right.
template <class Policy>
bool wal_generation(simulated_files disk, wal_options const& options, wal_history& h, bool only_process_died,
                    prng& random, int steps, wal_judge const& ok) {
    auto log = Policy::template log<simulated_files>::open(disk, "db/log", options);
    if (!log) return disk.crashed() || ok.works(log, "open");
    auto const least = only_process_died ? h.acknowledged : h.on_medium;
    auto       next  = wal_first_from(h.model, h.from);
    bool       same  = true;
    auto const seen  = log->replay({h.from}, [&](lsn end, byte_view record) {
        same = same && next < h.model.size() && wal_same(h.model[next], end, record);
        ++next;
        return result<void>{};
    });
    if (!ok(same, "replay visited a record that was not appended there")) return false;
    if (!seen) return disk.crashed() || ok.works(seen, "replay");
    if (!ok(next >= least, "an acknowledged record is missing")) return false;
    h.model.resize(next);
    h.acknowledged = h.on_medium = next;  // what a finished replay has shown must stay
    for (int step = 0; step < steps; ++step) {
        auto const dice  = random.below(100);
        auto const begin = log->end();
        if (dice < 55) {
            auto bytes = wal_random_record(random, 6000);
            // an append may write on its own, so the record counts as in flight before the call returns
            h.model.push_back({begin.value, begin.value, bytes});
            auto const mine = h.model.size();
            auto const end  = dice < 25 ? log->append(bytes)
                                        : log->append(
                                             bytes,
                                             [&h, mine](result<void> const& done) {
                                                 if (!done) return;
                                                 h.on_medium    = std::max(h.on_medium, mine);
                                                 h.acknowledged = std::max(h.acknowledged, mine);
                                             });
            if (!end) return disk.crashed();
            h.model.back().end = end->value;
        } else if (dice < 85) {
            if (!log->sync(begin)) return disk.crashed();
            h.acknowledged = h.model.size();
            if (Policy::promise == survives::power_loss) h.on_medium = h.model.size();
        } else if (dice < 93) {
            if (!log->sync_all()) return disk.crashed();
            h.acknowledged = h.on_medium = h.model.size();
        } else if (h.on_medium > 0) {
            auto const upto =
                h.model[static_cast<std::size_t>(h.on_medium - 1 - random.below(std::min<std::size_t>(h.on_medium, 4)))]
                    .end;
            h.from = std::max(h.from, upto);
            if (!log->release({h.from})) return disk.crashed();
        }
    }
    return true;
}

}  // namespace detail

/// Cuts the power at every operation of a workload, takes several legal disk states for each, cuts the power again at every
/// operation of the recovery, and goes on working in between. Acknowledged records must be there in order, every other one
/// whole, nothing else; what one replay showed, the next one shows.
template <class Policy>
requires wal_policy<Policy, simulated_files>
void check_wal_power_loss(std::uint64_t seed, report& r, int steps = 40, std::uint64_t states = 5,
                          std::uint64_t stride = 1) {
    wal_options const options{.identity = seed + 99, .segment_bytes = {8192}, .interval_ns = 5'000, .threads = false};
    detail::wal_judge ok{r, {}};
    auto              live = [&](simulated_files disk, detail::wal_history& h, bool killed, std::uint64_t work, int n) {
        prng random(work);
        return detail::wal_generation<Policy>(disk, options, h, killed, random, n, ok);
    };
    auto fresh = [] {
        simulated_files disk;
        static_cast<void>(disk.make_directory("db"));
        static_cast<void>(disk.sync_directory("/"));
        return disk;
    };
    std::uint64_t operations = 0;
    {
        auto                disk = fresh();
        detail::wal_history h;
        if (!live(disk, h, false, seed, steps)) return;
        operations = disk.operations();
    }
    for (std::uint64_t at = 3; at <= operations + 1; at += stride) {
        auto                disk = fresh();
        detail::wal_history before;
        disk.crash_at(at);
        ok.who = std::string(Policy::name) + ", seed " + std::to_string(seed) + ", power lost in operation " +
                 std::to_string(at);
        if (!live(disk, before, false, seed, steps)) return;
        auto const in = ok.who + " " + disk.operation_text(at);
        for (std::uint64_t state = 0; state < states + 3; ++state) {
            using kept          = simulated_files::kept;
            bool const killed   = state == 1;
            auto const survivor = state == 0   ? disk.after_power_loss(kept::nothing)
                                  : killed     ? disk.after_power_loss(kept::finished)
                                  : state == 2 ? disk.after_power_loss(kept::everything)
                                               : disk.after_power_loss(seed * 1000 + state);
            auto const which    = in + ", state " + std::to_string(state);
            // recovery itself cut at each of its operations, then repeated
            for (std::uint64_t again = 1;; ++again) {
                auto second = survivor.after_power_loss(kept::everything);
                auto h      = before;
                second.crash_at(again);
                ok.who = which + ", recovery cut at its operation " + std::to_string(again);
                if (!live(second, h, killed, seed, 0)) return;
                if (!second.crashed()) break;
                if (!live(second.after_power_loss(seed + again), h, false, seed, 3)) return;
            }
            // three more lives with other work, each but the last cut somewhere
            auto h    = before;
            auto here = survivor;
            for (std::uint64_t life = 0; life < 3; ++life) {
                auto const work = seed * 31 + at * 7 + state * 3 + life;
                if (life < 2) here.crash_at(here.operations() + 1 + work % 29);
                ok.who = which + ", life " + std::to_string(life);
                if (!live(here, h, killed && life == 0, work, steps)) return;
                here = here.after_power_loss(work);
            }
        }
    }
}

}  // namespace tenon::testing
