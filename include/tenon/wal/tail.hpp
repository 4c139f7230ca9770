// SPDX-License-Identifier: Apache-2.0
// wal_tail: reads a segmented log from an LSN on while it is written, in the same process or from another.
#pragma once

#include "tenon/file/archetype.hpp"
#include "tenon/wal/codec.hpp"
#include "tenon/wal/recovery.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tenon {

struct wal_tail_options {
    std::uint64_t identity = 0;  ///< of the database
    /// `durable`: no record is handed out before it is on the medium. `to_kernel`: as soon as it can be read; a power cut may take it back.
    durability level = durability::durable;
    /// Where released segments go, as in wal_options; empty: they are gone.
    std::string archive = {};
    /// For the process that writes: `[&] { return log.durable_end(); }`. Without, the reader syncs what it has read itself.
    std::function<lsn()> durable_end = {};
};

/// wal_tail - a reader that follows a log; it takes no lock and writes nothing.
///
///     auto tail = tenon::wal_tail<tenon::posix_files>::open({}, "feed.wal", {last_seen}, {.identity = 2026});
///     for (;;) {
///         auto next = tail->next();                       // result<optional<record>>
///         if (!next) ...                                  // errc::expired: older than what the log keeps; errc::corrupt: damaged
///         else if (!*next) std::this_thread::sleep_for(1ms);  // nothing yet
///         else use((*next)->bytes), last_seen = (*next)->end.value;
///     }
///
/// Maps        LSN -> the records that begin at or after it, in order, each once, without a gap.
/// Guarantee   a record is handed out when it is whole, follows the one before by the chain of checksums and, at the level `durable`, is on
///             the medium: the log will have it after any crash. A segment that is used again or archived while it is read is never
///             mistaken for what it was.
/// Cost        next: a copy from the kernel for each MiB; without durable_end a sync for each stretch that was read; when there is nothing
///             yet, a listing of the directory and a look at up to 16 KiB behind the end.
/// Errors      open: errc::invalid_argument for an LSN that no record can have. next: errc::expired when `position()` lies before what the
///             log and the archive keep; errc::corrupt with file and offset when the record there is damaged: found at once with
///             durable_end, else when a later record vouches for it, which may take calls; errc::wrong_assembly for another database or
///             codec; errc::not_found when there is no such directory; errc::io. After an error next() may be called again.
/// Threads     one at a time; any number of readers beside one writer.
/// Limits      records without a gap end where repair() has cut the log: begin again from there. A network file system may show a reader
///             less than the medium has.
/// Use when    changes are handed on as they are committed: feeds, replicas, caches.
template <class FS, class Codec = plain_records>
class wal_tail {
    static_assert(file_system<FS>, "wal_tail<FS, Codec>: FS is a file system, such as posix_files");
    static_assert(record_codec<Codec>, "wal_tail<FS, Codec>: use the codec of the log, plain_records by default");

public:
    struct record {
        lsn       end{};    ///< where the next one begins; to go on later, open at it
        byte_view bytes{};  ///< until the next call
    };

    /// `from` is 0 or an end that append, replay or next() gave.
    [[gnu::cold]] static result<wal_tail> open(FS fs, std::string directory, lsn from, wal_tail_options options) {
        if (from.value % 8 != 0 || from.value > detail::wal_max_lsn)
            return fail(errc::invalid_argument, {"no record of the log '", directory, "' begins at LSN ", from.value,
                                                 ": take 0 or what append, replay or next() gave"});
        while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
        return wal_tail(std::make_unique<state>(std::move(fs), std::move(directory), from.value, std::move(options)));
    }

    /// The next record; nothing when there is none yet.
    result<std::optional<record>> next() { return state_->next(); }
    /// Where the next record is looked for.
    lsn position() const noexcept { return {state_->chain.at}; }

private:
    struct state {
        state(FS f, std::string d, std::uint64_t from, wal_tail_options o)
            : fs(std::move(f)), directory(std::move(d)), options(std::move(o)), chain{.at = from} {}

        result<std::optional<record>> next() {
            bool suspected = false;
            for (int look = 0;;) {
                std::uint64_t known = 0;
                if (options.durable_end) {
                    known = options.durable_end().value;  // before the bytes are read
                    if (chain.at >= known) return std::nullopt;
                    suspected = true;
                }
                if (!in || look > 0)
                    if (auto lined = line_up(); !lined || !*lined) return give(std::move(lined));
                auto found = detail::wal_next(*in, chain, seed);
                if (!found && found.error().kind != errc::not_found) return fail(std::move(found).error());
                if (found && *found && !(*found)->frame.is_close()) {
                    auto const& f = **found;
                    if (options.durable_end && f.end() > known) return std::nullopt;
                    if (options.level == durability::durable && !options.durable_end && synced != in->fills())
                        if (auto done = make_durable(); !done) return fail(std::move(done).error());
                    chain.follow(f);
                    look = 0;
                    in->chunk(std::min<std::uint64_t>(in->chunk() * 4, 1u << 20));
                    if (f.frame.is_mark()) continue;
                    return hand_out(f);
                }
                // What was read may be old, or of a segment that is used again: look once more, and again before it is called damage.
                if (++look == 1) continue;
                if (!suspected && !hole) {
                    auto const seen = witness();
                    if (!seen) return fail(seen.error());
                    if (!*seen) return std::nullopt;
                    suspected = true;
                }
                if (look > 3 && hole) return gone(*hole);
                if (look > 3)
                    return fail(errc::corrupt, {detail::wal_where(segments, chain.at),
                                                ": the record there was on the medium once and is damaged, or no "
                                                "record begins there. Restore the log from a backup, or repair it"});
            }
        }

        result<std::optional<record>> hand_out(detail::wal_found const& f) {
            if ((f.frame.length & detail::wal_encoded) == 0) return record{{f.end()}, f.record};
            if (auto done = Codec::decode(f.record, plain); !done)
                return fail(std::move(done).error().while_("reading " + detail::wal_where(segments, f.frame.lsn())));
            return record{{f.end()}, plain};
        }
        static result<std::optional<record>> give(result<bool>&& lined) {
            if (!lined) return fail(std::move(lined).error());
            return std::nullopt;
        }

        /// Finds the segments from the one that holds the position on. False when it is not there yet.
        [[gnu::cold]] result<bool> line_up() {
            for (int attempt = 0;; ++attempt) {
                in.reset();
                segments.clear();
                hole.reset();
                std::map<std::uint64_t, std::string> starts;
                if (auto done = list(directory, starts); !done) return fail(std::move(done).error());
                if (starts.empty()) return false;
                if (starts.begin()->first > chain.at && !options.archive.empty())
                    if (auto done = list(options.archive, starts); !done && done.error().kind != errc::not_found)
                        return fail(std::move(done).error());
                auto at = starts.upper_bound(chain.at);
                if (at == starts.begin())
                    return fail(errc::expired,
                                {"the log in '", directory, "' begins at LSN ", at->first,
                                 ", and the reader is at LSN ", chain.at,
                                 ": what lies between was released. Begin again from a snapshot, release "
                                 "later, or give the archive"});
                --at;
                result<void> done;
                for (; done && at != starts.end(); ++at) {
                    if (!segments.empty() && segments.back().limit() != at->first) break;
                    done = add(at->second, at->first);
                }
                if (!done && attempt < 3) continue;  // it was renamed under our eyes
                if (!done) return fail(std::move(done).error());
                if (at != starts.end()) hole = at->first;
                if (segments.back().limit() <= chain.at) return hole ? gone(*hole) : result<bool>(false);
                in.emplace(fs, segments, least_chunk);
                synced = 0;
                return true;
            }
        }
        tl::unexpected<error> gone(std::uint64_t next) const {
            return fail(errc::expired, {"segments of the log in '", directory, "' between LSN ", chain.at, " and LSN ",
                                        next, " are gone: begin again from a snapshot"});
        }
        result<void> list(std::string const& folder, std::map<std::uint64_t, std::string>& starts) {
            auto names = fs.list(folder);
            if (!names) return fail(std::move(names).error());
            for (auto const& name : *names)
                if (auto const start = detail::wal_file_number(name, ".log"))
                    starts.emplace(*start, folder + "/" + name);
            return {};
        }
        result<void> add(std::string const& path, std::uint64_t start) {
            auto segment = detail::wal_read_segment(fs, path, start, options.identity);
            if (!segment) return fail(std::move(segment).error());
            segments.push_back(*std::move(segment));
            return {};
        }

        /// What the stream holds.
        result<void> make_durable() {
            auto const from = in->filled_from(), upto = in->filled_to();
            for (auto const& s : segments) {
                if (s.limit() <= from || s.start >= upto) continue;
                auto file = fs.open(s.path, open_mode::read_only);
                if (!file && file.error().kind == errc::not_found) continue;  // it was durable when it was released
                if (!file) return fail(std::move(file).error());
                if (auto done = file->sync(); !done) return done;
            }
            synced = in->fills();
            return {};
        }

        /// Whether a frame in the next stretch behind the position was made when what stands there was on the medium.
        result<bool> witness() {
            if (looked_from != chain.at || looked_to + sizeof(detail::wal_frame) > in->limit())
                looked_from = looked_to = chain.at;
            auto const end = std::min(in->limit(), looked_to + stretch);
            for (; looked_to + sizeof(detail::wal_frame) <= end; looked_to += 8) {
                auto const bytes = in->get(looked_to, sizeof(detail::wal_frame));
                if (!bytes) return bytes.error().kind == errc::not_found ? result<bool>(false) : fail(bytes.error());
                if (load<detail::wal_frame>(bytes->data()).lsn() != looked_to) continue;
                auto const found = detail::wal_frame_at(*in, looked_to, seed);
                if (!found) return fail(found.error());
                if (*found && detail::wal_known_durable((*found)->frame) > chain.at) return true;
            }
            return false;
        }

        static constexpr std::uint64_t least_chunk = 4096, stretch = 16384;

        FS                                    fs;
        std::string const                     directory;
        wal_tail_options const                options;
        std::uint32_t const                   seed = detail::wal_seed(options.identity);
        detail::wal_chain                     chain;
        std::uint64_t                         synced = 0;  // fills of the stream, when all that it holds was synced
        std::uint64_t                         looked_from = 0, looked_to = 0;
        std::vector<detail::wal_segment>      segments;
        std::optional<std::uint64_t>          hole;  // where the log goes on after a missing segment
        std::optional<detail::wal_stream<FS>> in;
        byte_vector                           plain;
    };

    explicit wal_tail(std::unique_ptr<state> s) : state_(std::move(s)) {}
    std::unique_ptr<state> state_;
};

}  // namespace tenon
