// SPDX-License-Identifier: Apache-2.0
// A disk in memory that loses power: at any operation, keeping any legal part of what was not synced.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/file/concept.hpp"
#include "tenon/file/direct.hpp"
#include "tenon/file/paths.hpp"
#include "tenon/file/power_loss.hpp"
#include "tenon/file/simulated_image.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include <unistd.h>

/// simulated_files - a deterministic world with a power switch.
///
///     tenon::simulated_files disk;
///     disk.crash_at(17);                                    // operation 17 is in flight when the power goes
///     ...                                                   // work; from there on every call fails with errc::io
///     auto found = disk.after_power_loss(seed);             // a world with one legal disk state
///
/// Operations  write, direct write, resize, sync, create, rename, remove, make_directory, sync_directory are numbered from 1. Calls
///             that change nothing (reads, opening what exists, refused calls, empty writes) have no number.
/// Survives    of a file: content and size of its last sync. Of a directory: its entries at its last sync_directory; a rename
///             between directories counts when either is synced. A file whose entry is lost is gone, synced or not, and so
///             is all that lies in a directory whose own entry is lost.
/// May survive everything else, each part by itself: each 512-byte sector of a write (a sector holds its synced content or that after
///             any later write to it), each file extension (whole, up to a sector, or not; missing bytes are zeros), each
///             resize, creation, rename, removal and new directory. This goes for the operation in flight as well.
///             A direct write is under way from submit until its completion is handed out, which wait and poll do in an order
///             that a fixed sequence of draws decides; a flushed one must survive from then on.
/// Guarantee   equal calls and seeds give equal worlds. Locks do not survive. now_ns is a counter that goes on after power loss.
/// Cost        a state costs a pointer per 4 KiB page plus the unsynced bytes.
/// Errors      as the concept; errc::io "simulated power loss" once crashed; errc::full beyond 16 GiB a file.
/// Threads     everything may be called concurrently, one at a time inside.
/// Limits      a disk that lies about syncs, or loses synced sectors, is not modelled; bytes that appear instead of lost ones are zeros.
/// Use when    proving that what was acknowledged survives (testing/crash.hpp sweeps it).
namespace tenon {

class simulated_files {
    struct node {
        std::uint64_t                   id;
        detail::sim_image               live, durable;
        std::vector<detail::sim_change> changes;
        detail::sim_doubt               doubt;
        void const*                     holder = nullptr;

        /// All that has returned is on the medium.
        void sync_finished() {
            auto const resized = std::any_of(changes.begin(), changes.end(), [](auto& c) { return !c.is_write(); });
            if (resized) durable = live;
            else
                for (auto const& c : changes)
                    if (!c.under_way) durable.adopt(live, c.offset, c.bytes().size());
            std::erase_if(changes, [](auto& c) { return !c.under_way; });
        }
    };
    using node_pointer = std::shared_ptr<node>;

    enum class kind : unsigned char {
        write,
        direct_write,
        resize,
        sync,
        create,
        rename,
        remove,
        make_directory,
        sync_directory
    };
    struct operation {
        kind          what;
        std::string   path, to;
        std::uint64_t offset = 0, size = 0;
    };
    /// A change of names that no directory sync has covered.
    struct name_change {
        std::uint64_t number;
        kind          what;
        std::string   path, to;
        node_pointer  file;
    };
    struct names {
        std::map<std::string, node_pointer> files;
        std::set<std::string>               directories{"/"};

        void apply(name_change const& c) {
            switch (c.what) {
                case kind::create: files[c.path] = c.file; break;
                case kind::remove: files.erase(c.path); break;
                case kind::make_directory:
                    files.erase(c.path);  // whose removal was lost
                    directories.insert(c.path);
                    break;
                default:
                    files[c.to] = c.file;
                    if (auto at = files.find(c.path); at != files.end() && at->second == c.file) files.erase(at);
            }
        }
    };
    struct world {
        mutable std::mutex       mutex;
        names                    live, durable;
        std::vector<name_change> changes;
        std::vector<operation>   log;  // but for the first `forgotten`
        std::uint64_t            forgotten = 0, crash_at = 0, clock = 0, next_id = 1, draws = 0;
        bool                     dead = false;

        std::function<void(simulated_files, bool)> watcher;
        bool                                settled = false;  // something was made durable since it was called last
        std::shared_ptr<power_loss_choices> choices;          // for what is still in doubt

        std::uint64_t count() const noexcept { return forgotten + log.size(); }
        /// Numbers an operation; what it changes is noted before goes_on is asked.
        std::uint64_t begin(operation o) {
            log.push_back(std::move(o));
            return count();
        }
        /// False: power goes while the operation that was begun last is in flight.
        bool goes_on() {
            if (watcher) watcher(frozen(), std::exchange(settled, false));
            dead = count() == crash_at;
            return !dead;
        }
        /// A copy that shares nothing that changes, without power.
        simulated_files frozen() const {
            simulated_files                     out;
            auto&                               to = *out.world_;
            std::map<node const*, node_pointer> copies;
            auto const                          copy = [&](node_pointer const& from) {
                if (!from) return from;
                auto& made = copies[from.get()];
                if (!made) {
                    made         = std::make_shared<node>(*from);
                    made->holder = nullptr;
                }
                return made;
            };
            for (auto [from, into] : {std::pair{&live, &to.live}, std::pair{&durable, &to.durable}}) {
                into->directories = from->directories;
                for (auto const& [path, at] : from->files) into->files.emplace(path, copy(at));
            }
            to.changes = changes;
            for (auto& c : to.changes) c.file = copy(c.file);
            if (!log.empty()) to.log.push_back(log.back());
            to.forgotten = count() - to.log.size();
            to.crash_at  = count();
            to.clock     = clock;
            to.next_id   = next_id;
            to.dead      = true;
            return out;
        }

        /// Decides what a power loss left of a file's size.
        void settle(node& at) {
            if (at.doubt.shaped) return;
            detail::sim_shape(at.live, at.doubt, *choices);
            at.durable = at.live;
        }
        /// Decides what a power loss left in the sectors that the range touches; `covered`: not in those that lie in it,
        /// which nobody will see.
        void settle(node& at, std::uint64_t offset, std::uint64_t n, bool covered) {
            settle(at);
            auto& open = at.doubt.sectors;
            if (n == 0 || open.empty()) return;
            for (auto s = open.lower_bound(offset / detail::sim_sector);
                 s != open.end() && s->first * detail::sim_sector < offset + n; s = open.erase(s)) {
                auto const first = s->first * detail::sim_sector;
                if (covered && first >= offset && first + detail::sim_sector <= offset + n) continue;
                auto const& bytes = (*s->second)[choices->choose(s->second->size())];
                for (auto* image : {&at.live, &at.durable})
                    if (image->size() > first)
                        image->write(first, byte_view(bytes).first(static_cast<std::size_t>(
                                                std::min(detail::sim_sector, image->size() - first))));
            }
        }
        /// Begins a direct write. Its number, or 0 when the power goes while it is in flight.
        std::uint64_t begin_direct(node& at, std::string const& path, std::uint64_t offset, byte_view bytes) {
            for (auto const& c : at.changes)
                expects(!c.under_way || c.end() <= offset || offset + bytes.size() <= c.offset,
                        "two direct writes that are under way at once must not overlap");
            settle(at, offset, bytes.size(), true);
            auto const number = begin({kind::direct_write, path, {}, offset, bytes.size()});
            at.changes.push_back({number, offset, at.live.size(),
                                  std::make_shared<byte_vector const>(bytes.begin(), bytes.end()), true});
            return goes_on() ? number : 0;
        }
        /// A direct write returns; flushed, it takes along what was written there before.
        void end_direct(node& at, std::uint64_t number, flush f) {
            auto const mine =
                std::find_if(at.changes.begin(), at.changes.end(), [&](auto& c) { return c.number == number; });
            mine->under_way = false;
            at.live.write(mine->offset, mine->bytes());
            if (f == flush::no) return;
            settled = true;
            if (std::any_of(at.changes.begin(), mine, [](auto& c) { return !c.is_write(); })) {
                at.sync_finished();
                return;
            }
            auto const covered = [number, first = mine->offset / detail::sim_sector * detail::sim_sector,
                                  last = mine->end()](detail::sim_change const& c) {
                return c.number <= number && !c.under_way && c.offset < last && first < c.end();
            };
            for (auto const& c : at.changes)
                if (covered(c)) at.durable.write(c.offset, c.bytes());
            std::erase_if(at.changes, covered);
        }
        tl::unexpected<error> power_loss() const {
            return fail(errc::io, {"simulated power loss at operation ", text(crash_at)});
        }
        std::string text(std::uint64_t number) const {
            if (number <= forgotten || number > count()) return std::to_string(number) + " (none)";
            auto const& o     = log[static_cast<std::size_t>(number - 1 - forgotten)];
            auto const  named = [&](std::string_view what) { return std::string(what) + " '" + o.path + "'"; };
            auto const  words = [&]() -> std::string {
                switch (o.what) {
                    case kind::write:
                    case kind::direct_write:
                        return named(o.what == kind::write ? "write" : "direct write") + " " + std::to_string(o.size) +
                               " bytes at offset " + std::to_string(o.offset);
                    case kind::resize: return named("resize") + " to " + std::to_string(o.size) + " bytes";
                    case kind::sync: return named("sync");
                    case kind::create: return named("create");
                    case kind::rename: return named("rename") + " to '" + o.to + "'";
                    case kind::remove: return named("remove");
                    case kind::make_directory: return named("make directory");
                    case kind::sync_directory: return named("sync directory");
                }
                return {};
            };
            return std::to_string(number) + " (" + words() + ")";
        }
    };

public:
    using policy_axis                      = axis::file;
    static constexpr std::string_view name = "simulated";

    /// The states that need no seed.
    enum class kept : unsigned char {
        nothing,  ///< only what must survive
        finished,  ///< every operation that returned and nothing of the one in flight, as when only the process is killed
        everything,  ///< the operation in flight as well
    };

    class file {
    public:
        result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const {
            std::lock_guard const guard(state_->in->mutex);
            if (state_->in->dead) return state_->in->power_loss();
            state_->in->settle(*state_->at, offset, to.size(), false);
            return state_->at->live.read(offset, to);
        }
        result<void> write_at(std::uint64_t offset, byte_view bytes) {
            std::lock_guard const guard(state_->in->mutex);
            if (state_->in->dead) return state_->in->power_loss();
            if (!state_->writable) return detail::file_read_only("write to", path());
            if (bytes.empty()) return {};
            if (offset > largest || bytes.size() > largest - offset) return too_full();
            state_->in->settle(*state_->at, offset, bytes.size(), true);
            auto const number = state_->in->begin({kind::write, path(), {}, offset, bytes.size()});
            state_->at->changes.push_back({number, offset, state_->at->live.size(),
                                           std::make_shared<byte_vector const>(bytes.begin(), bytes.end())});
            if (!state_->in->goes_on()) return state_->in->power_loss();
            state_->at->live.write(offset, bytes);
            return {};
        }
        result<std::uint64_t> size() const {
            std::lock_guard const guard(state_->in->mutex);
            if (state_->in->dead) return state_->in->power_loss();
            state_->in->settle(*state_->at);
            return state_->at->live.size();
        }
        result<void> resize(std::uint64_t n) {
            std::lock_guard const guard(state_->in->mutex);
            if (state_->in->dead) return state_->in->power_loss();
            if (!state_->writable) return detail::file_read_only("resize", path());
            if (n > largest) return too_full();
            state_->in->settle(*state_->at);
            if (n < state_->at->live.size()) {
                state_->in->settle(*state_->at, n, 1, false);
                state_->in->settle(*state_->at, n, state_->at->live.size() - n + detail::sim_sector, true);
            }
            auto const number = state_->in->begin({kind::resize, path(), {}, 0, n});
            state_->at->changes.push_back({number, n, state_->at->live.size(), nullptr});
            if (!state_->in->goes_on()) return state_->in->power_loss();
            state_->at->live.resize(n);
            return {};
        }
        result<void> sync() {
            std::lock_guard const guard(state_->in->mutex);
            if (state_->in->dead) return state_->in->power_loss();
            state_->in->begin({kind::sync, path(), {}});
            if (!state_->in->goes_on()) return state_->in->power_loss();
            state_->in->settled = true;
            state_->at->sync_finished();
            return {};
        }
        /// Doing it again on the same open file changes nothing.
        result<void> lock() {
            std::lock_guard const guard(state_->in->mutex);
            if (state_->in->dead) return state_->in->power_loss();
            auto& holder = state_->at->holder;
            if (holder != nullptr && holder != state_.get())
                return fail(errc::locked,
                            {"'", path(), "' is in use by process ", ::getpid(), " (this one); close it there first"});
            holder = state_.get();
            return {};
        }
        std::string const& path() const noexcept { return state_->path; }

    private:
        friend class simulated_files;
        static constexpr std::uint64_t largest = std::uint64_t{16} << 30;

        struct state {
            std::shared_ptr<world> in;
            node_pointer           at;
            bool                   writable;
            std::string            path;

            state(std::shared_ptr<world> w, node_pointer n, bool may_write, std::string p)
                : in(std::move(w)), at(std::move(n)), writable(may_write), path(std::move(p)) {}
            state(state const&)            = delete;
            state& operator=(state const&) = delete;
            ~state() {
                std::lock_guard const guard(in->mutex);
                if (at->holder == this) at->holder = nullptr;
            }
        };
        file(std::shared_ptr<world> in, node_pointer at, bool writable, std::string path)
            : state_(std::make_unique<state>(std::move(in), std::move(at), writable, std::move(path))) {}
        tl::unexpected<error> too_full() const {
            return fail(errc::full, {"'", path(), "' would grow beyond 16 GiB, the simulated disk's limit"});
        }

        std::unique_ptr<state> state_;
    };

    /// A write is two operations, cut at a byte that a fixed sequence of draws decides: a mapping can reach the medium in any part.
    class mapped_file {
    public:
        result<void> write_at(std::uint64_t offset, byte_view bytes) {
            std::size_t first = 0;
            if (bytes.size() > 1) {
                std::lock_guard const guard(file_.state_->in->mutex);
                first = 1 + static_cast<std::size_t>(hash_u64(++file_.state_->in->draws) % (bytes.size() - 1));
            }
            if (first != 0)
                if (auto done = file_.write_at(offset, bytes.first(first)); !done) return done;
            return file_.write_at(offset + first, bytes.subspan(first));
        }
        result<void>       sync() { return file_.sync(); }
        void               prepare() noexcept {}
        void               finish() noexcept {}
        write_mode         mode() const noexcept { return write_mode::mapped; }
        std::string const& path() const noexcept { return file_.path(); }

    private:
        friend class simulated_files;
        explicit mapped_file(file f) : file_(std::move(f)) {}
        file file_;
    };
    result<mapped_file> open_mapped(std::string const& path) {
        auto opened = open(path, open_mode::read_write);
        if (!opened) return fail(std::move(opened).error());
        return mapped_file(*std::move(opened));
    }

    class write_queue;
    class direct_file {
    public:
        std::size_t  block_bytes() const noexcept { return 4096; }
        write_mode   mode() const noexcept { return write_mode::direct; }
        result<void> write(std::uint64_t offset, byte_view bytes, flush f) {
            detail::expect_whole_blocks(block_bytes(), offset, bytes);
            std::lock_guard const guard(file_.state_->in->mutex);
            auto const            number = begin(offset, bytes);
            if (!number) return fail(number.error());
            if (*number != 0) file_.state_->in->end_direct(*file_.state_->at, *number, f);
            return {};
        }
        result<void>       sync() { return file_.sync(); }
        std::string const& path() const noexcept { return file_.path(); }

    private:
        friend class simulated_files;
        friend class write_queue;
        explicit direct_file(file f) : file_(std::move(f)) {}

        /// The number of the operation, 0 when there are no bytes.
        result<std::uint64_t> begin(std::uint64_t offset, byte_view bytes) {
            auto& in = *file_.state_->in;
            if (in.dead) return in.power_loss();
            if (bytes.empty()) return std::uint64_t{0};
            if (offset > file::largest || bytes.size() > file::largest - offset) return file_.too_full();
            auto const number = in.begin_direct(*file_.state_->at, path(), offset, bytes);
            if (number == 0) return in.power_loss();
            return number;
        }

        file file_;
    };

    class write_queue {
    public:
        explicit write_queue(std::shared_ptr<world> in) : in_(std::move(in)) {}
        write_queue(write_queue const&)            = delete;
        write_queue& operator=(write_queue const&) = delete;
        ~write_queue() {
            while (!under_way_.empty()) wait();
        }

        result<void> submit(direct_file& d, std::uint64_t offset, byte_view bytes, flush f, std::uint64_t tag) {
            detail::expect_whole_blocks(d.block_bytes(), offset, bytes);
            std::lock_guard const guard(in_->mutex);
            auto const            number = d.begin(offset, bytes);
            if (!number) return fail(number.error());
            under_way_.push_back({d.file_.state_->at, *number, f, tag});
            return {};
        }
        std::optional<write_completion> poll() {
            std::lock_guard const guard(in_->mutex);
            if (under_way_.empty() || hash_u64(++in_->draws) % 2 == 0) return std::nullopt;
            return end_one();
        }
        write_completion wait() {
            std::lock_guard const guard(in_->mutex);
            expects(!under_way_.empty(), "wait takes a write that was submitted and not handed out");
            return end_one();
        }

    private:
        struct entry {
            node_pointer  at;
            std::uint64_t number;
            flush         how;
            std::uint64_t tag;
        };
        write_completion end_one() {
            auto const which =
                under_way_.begin() + static_cast<std::ptrdiff_t>(hash_u64(++in_->draws) % under_way_.size());
            write_completion out{which->tag, {}};
            if (in_->dead) out.done = in_->power_loss();
            else if (which->number != 0) in_->end_direct(*which->at, which->number, which->how);
            under_way_.erase(which);
            return out;
        }

        std::shared_ptr<world> in_;
        std::vector<entry>     under_way_;
    };

    /// A new, empty world.
    simulated_files() : world_(std::make_shared<world>()) {}

    result<file> open(std::string const& path, open_mode mode) {
        auto const            key = detail::file_normal_path(path);
        std::lock_guard const guard(world_->mutex);
        if (world_->dead) return world_->power_loss();
        if (world_->live.directories.contains(key)) return detail::file_is_directory("open", path);
        auto found = world_->live.files.find(key);
        if (found == world_->live.files.end()) {
            if (mode != open_mode::create) return detail::file_missing(path);
            if (!world_->live.directories.contains(parent_directory(key))) return detail::file_no_parent(path);
            auto made = std::make_shared<node>();
            made->id  = world_->next_id++;
            if (!change(kind::create, path, {}, key, {}, std::move(made))) return world_->power_loss();
            found = world_->live.files.find(key);
        }
        return file(world_, found->second, mode != open_mode::read_only, path);
    }
    result<direct_file> open_direct(std::string const& path) {
        auto opened = open(path, open_mode::read_write);
        if (!opened) return fail(std::move(opened).error());
        return direct_file(*std::move(opened));
    }
    std::unique_ptr<write_queue> make_queue(std::size_t) { return std::make_unique<write_queue>(world_); }
    result<bool>                 exists(std::string const& path) {
        auto const            key = detail::file_normal_path(path);
        std::lock_guard const guard(world_->mutex);
        if (world_->dead) return world_->power_loss();
        return world_->live.files.contains(key) || world_->live.directories.contains(key);
    }
    result<void> remove(std::string const& path) {
        auto const            key = detail::file_normal_path(path);
        std::lock_guard const guard(world_->mutex);
        if (world_->dead) return world_->power_loss();
        if (world_->live.directories.contains(key)) return detail::file_is_directory("remove", path);
        if (!world_->live.files.contains(key)) return detail::file_missing(path);
        if (!change(kind::remove, path, {}, key, {}, nullptr)) return world_->power_loss();
        return {};
    }
    result<void> rename(std::string const& from, std::string const& to) {
        auto const            old_key = detail::file_normal_path(from), new_key = detail::file_normal_path(to);
        std::lock_guard const guard(world_->mutex);
        if (world_->dead) return world_->power_loss();
        if (world_->live.directories.contains(old_key)) return detail::file_is_directory("rename", from);
        if (world_->live.directories.contains(new_key)) return detail::file_is_directory("replace", to);
        auto const found = world_->live.files.find(old_key);
        if (found == world_->live.files.end()) return detail::file_missing(from);
        if (!world_->live.directories.contains(parent_directory(new_key))) return detail::file_no_parent(to);
        if (old_key == new_key) return {};
        if (!change(kind::rename, from, to, old_key, new_key, found->second)) return world_->power_loss();
        return {};
    }
    result<void> make_directory(std::string const& path) {
        auto const            key = detail::file_normal_path(path);
        std::lock_guard const guard(world_->mutex);
        if (world_->dead) return world_->power_loss();
        if (world_->live.directories.contains(key)) return {};
        if (world_->live.files.contains(key)) return detail::file_is_no_directory(path);
        if (!world_->live.directories.contains(parent_directory(key))) return detail::file_no_parent(path);
        if (!change(kind::make_directory, path, {}, key, {}, nullptr)) return world_->power_loss();
        return {};
    }
    result<std::vector<std::string>> list(std::string const& path) {
        auto const            key = detail::file_normal_path(path);
        std::lock_guard const guard(world_->mutex);
        if (world_->dead) return world_->power_loss();
        if (!world_->live.directories.contains(key)) return detail::file_no_directory(path);
        std::vector<std::string> found;
        for (auto const& [at, ignored] : world_->live.files) detail::file_collect_child(found, key, at);
        for (auto const& at : world_->live.directories) detail::file_collect_child(found, key, at);
        std::sort(found.begin(), found.end());
        return found;
    }
    result<void> sync_directory(std::string const& path) {
        auto const            key = detail::file_normal_path(path);
        std::lock_guard const guard(world_->mutex);
        if (world_->dead) return world_->power_loss();
        if (!world_->live.directories.contains(key)) return detail::file_no_directory(path);
        world_->begin({kind::sync_directory, path, {}});
        if (!world_->goes_on()) return world_->power_loss();
        world_->settled = true;

        // A rename out of this directory drags along what came before it under its new name.
        auto&                 changes = world_->changes;
        std::set<std::string> dragged;
        std::vector<bool>     covered(changes.size(), false);
        for (auto i = changes.size(); i-- > 0;) {
            auto const& c = changes[i];
            covered[i]    = parent_directory(c.path) == key || dragged.contains(c.path) ||
                         (c.what == kind::rename && (parent_directory(c.to) == key || dragged.contains(c.to)));
            if (!covered[i]) continue;
            dragged.insert(c.path);
            if (c.what == kind::rename) dragged.insert(c.to);
        }
        std::vector<name_change> open;
        for (std::size_t i = 0; i < changes.size(); ++i) {
            if (covered[i]) world_->durable.apply(changes[i]);
            else open.push_back(std::move(changes[i]));
        }
        changes = std::move(open);
        return {};
    }
    std::uint64_t now_ns() {
        std::lock_guard const guard(world_->mutex);
        return world_->clock += 1000;
    }

    /// Power goes while operation `number` is in flight (counted from 1 over the world's life); 0 is never.
    /// Precondition: that operation has not begun.
    void crash_at(std::uint64_t number) {
        std::lock_guard const guard(world_->mutex);
        expects(number == 0 || number > world_->count(),
                "crash_at needs the number of an operation that is still to come");
        world_->crash_at = number;
    }
    bool crashed() const {
        std::lock_guard const guard(world_->mutex);
        return world_->dead;
    }
    /// How many operations have begun.
    std::uint64_t operations() const {
        std::lock_guard const guard(world_->mutex);
        return world_->count();
    }
    /// An operation in words, e.g. "17 (write 'a.log' 512 bytes at offset 4096)".
    std::string operation_text(std::uint64_t number) const {
        std::lock_guard const guard(world_->mutex);
        return world_->text(number);
    }
    /// All operations in words.
    std::vector<std::string> log() const {
        std::lock_guard const    guard(world_->mutex);
        std::vector<std::string> out;
        for (auto n = world_->forgotten + 1; n <= world_->count(); ++n) out.push_back(world_->text(n));
        return out;
    }

    /// A new world as the disk may be found after power loss now (or at the crash). This world stays as it is.
    simulated_files after_power_loss(kept what) const {
        detail::sim_fate fate;
        fate.how = what == kept::nothing      ? detail::sim_fate::rule::nothing
                   : what == kept::everything ? detail::sim_fate::rule::everything
                                              : detail::sim_fate::rule::finished;
        return survivor(fate);
    }
    /// Seeds differ in how much they keep, and whether what is kept is scattered or a prefix of the operations.
    simulated_files after_power_loss(std::uint64_t seed) const {
        static constexpr unsigned share[] = {13, 77, 128, 179, 243, 256};
        detail::sim_fate          fate;
        fate.seed      = seed;
        fate.keep_data = share[fate.draw(4, 0, 0) % 6];
        fate.keep_meta = share[fate.draw(4, 1, 0) % 6];
        fate.how = fate.draw(4, 2, 0) % 4 == 0 ? detail::sim_fate::rule::prefix : detail::sim_fate::rule::scattered;
        return survivor(fate);
    }
    /// A new world that decides what is left when it is looked at: `choices` answers, and is used by this world until another
    /// one is made with it. Names are decided at once, the size of a file when the file is first used, a sector when it is
    /// read. A size between two others ends at a sector, one of eight at the most.
    simulated_files after_power_loss(std::shared_ptr<power_loss_choices> choices) const {
        return survivor([&](std::uint64_t) { return choices->choose(2) == 1; },
                        [&](node const& was, node& found) {
                            found.live = found.durable = was.durable;
                            found.doubt                = was.doubt;
                            if (was.changes.empty()) return;
                            found.doubt.shaped  = false;
                            found.doubt.changes = was.changes;
                        },
                        choices);
    }
    /// From now on `see(frozen, settled)` is called while an operation is in flight, with a world as the power loss would freeze
    /// it: for after_power_loss. `settled`: something was made durable since the last call; otherwise the states of this world
    /// include those of the one before. `see` must not use this world.
    void watch(std::function<void(simulated_files, bool)> see) {
        std::lock_guard const guard(world_->mutex);
        world_->watcher = std::move(see);
    }
    /// This world as a power loss now would freeze it, with nothing in flight.
    simulated_files frozen() const {
        std::lock_guard const guard(world_->mutex);
        auto                  out = world_->frozen();
        ++out.world_->crash_at;
        return out;
    }

private:
    /// Begins a change of names and does it. False: power goes, it is in flight.
    bool change(kind what, std::string const& path, std::string const& to, std::string const& key,
                std::string const& new_key, node_pointer target) {
        auto const number = world_->begin({what, path, to});
        world_->changes.push_back({number, what, key, new_key, std::move(target)});
        auto const go = world_->goes_on();
        if (go) world_->live.apply(world_->changes.back());
        return go;
    }

    simulated_files survivor(detail::sim_fate fate) const {
        {
            std::lock_guard const guard(world_->mutex);
            auto const&           old = *world_;
            if (fate.how == detail::sim_fate::rule::finished) fate.cut = old.dead ? old.crash_at : old.count() + 1;
            if (fate.how == detail::sim_fate::rule::prefix) {
                auto const first = first_open(old);
                fate.cut         = first + fate.draw(4, 3, 0) % (old.count() + 2 - first);
            }
        }
        return survivor([&](std::uint64_t number) { return fate.keeps(number); },
                        [&](node const& was, node& found) {
                            found.durable = detail::sim_survivor(was.durable, was.changes, was.id, fate);
                            found.live    = found.durable;
                        },
                        nullptr);
    }
    /// keeps(number): of a change of names. find(was, found): of a file's content.
    template <class Keeps, class Find>
    simulated_files survivor(Keeps keeps, Find find, std::shared_ptr<power_loss_choices> choices) const {
        std::lock_guard const guard(world_->mutex);
        auto const&           old  = *world_;
        auto                  left = old.durable;
        for (auto const& c : old.changes)
            if (keeps(c.number)) left.apply(c);
        // What lies in a lost directory is lost. A directory sorts before what it holds.
        std::erase_if(left.directories, [&](auto const& d) { return d != "/" && !reachable(left.directories, d); });

        simulated_files out;
        out.world_->clock            = old.clock;
        out.world_->next_id          = old.next_id;
        out.world_->draws            = old.draws;
        out.world_->choices          = std::move(choices);
        out.world_->live.directories = left.directories;
        for (auto const& [path, was] : left.files) {
            if (!left.directories.contains(parent_directory(path))) continue;
            auto found = std::make_shared<node>();
            found->id  = was->id;
            find(*was, *found);
            out.world_->live.files.emplace(path, std::move(found));
        }
        out.world_->durable = out.world_->live;
        return out;
    }
    static bool reachable(std::set<std::string> const& directories, std::string path) {
        while (path != "/") {
            path = parent_directory(path);
            if (!directories.contains(path)) return false;
        }
        return true;
    }
    /// The number of the first operation that a power loss could undo.
    static std::uint64_t first_open(world const& w) {
        std::uint64_t first = w.count() + 1;
        if (!w.changes.empty()) first = std::min(first, w.changes.front().number);
        for (auto const& [path, at] : w.live.files)
            if (!at->changes.empty()) first = std::min(first, at->changes.front().number);
        return first;
    }

    std::shared_ptr<world> world_;
};

static_assert(file<simulated_files::file>);
static_assert(mapping_file_system<simulated_files>);

}  // namespace tenon
