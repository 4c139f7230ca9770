// SPDX-License-Identifier: Apache-2.0
// What file_store and mmap_store share: extents, free space and root slots over one file; a Reader says how bytes are read.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/page_store/concept.hpp"
#include "tenon/page_store/free_space.hpp"
#include "tenon/page_store/layout.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tenon::detail::pages {

/// Reads exactly `to`, or says where the file ended.
template <class File>
result<void> read_exactly(File const& file, std::uint64_t offset, std::span<std::byte> to, std::string_view what) {
    auto got = file.read_at(offset, to);
    if (!got) return fail(std::move(got.error()));
    if (*got != to.size()) return cut_short(file.path(), what, offset, to.size(), *got);
    return {};
}

/// paged_file - a page_store over one file.
///
/// Guarantee   a write never touches a live extent, nor a slot that a crash could still need. A root is published only
///             after all it can refer to is synced. What is read at open is made durable before any space is given out anew.
/// Cost        write: one pwrite and O(log extents) under a mutex. publish: two syncs. Reads: no lock here.
/// Errors      write: full (nothing has changed), io. publish: full before its first sync leaves all as it was; any other error
///             poisons. read_only stores: every write and publish errc::read_only.
/// Threads     as the concept says. Publishes wait for one another; writes wait only for the choice of their place.
/// On disk     "tenon.pages/1", docs/formats/page_file.md
/// Invariants  (1) [16 KiB, end) is the union of live and free space, disjoint. (2) The payloads of both valid slots are live.
///             (3) file size >= end of every live extent. (4) generation g lies in slot g % 2.
///
/// Reader: `Reader::make(file, size)`, `grow(file, from, to)` before bytes in [from, to) are read, `view(file, extent)`.
template <class FS, class Reader, std::uint64_t GrowBytes>
class paged_file {
public:
    using file_system = FS;
    using file_type   = typename FS::file;

    [[gnu::cold]] static result<paged_file> open(FS fs, std::string const& path, store_options const& options) {
        if (options.signature.size() > max_signature_bytes)
            return too_long(path, errc::invalid_argument, "a signature", options.signature.size(), max_signature_bytes);
        auto const mode   = options.read_only ? open_mode::read_only : open_mode::read_write;
        auto       opened = fs.open(path, mode);
        if (!opened && opened.error().kind == errc::not_found && options.create && !options.read_only) {
            if (auto made = make_new(fs, path, options.signature); !made) return fail(std::move(made.error()));
            opened = fs.open(path, mode);
        }
        if (!opened) return fail(std::move(opened.error()));
        auto s       = std::make_unique<state>(std::move(*opened));
        s->read_only = options.read_only;
        if (!s->read_only)
            if (auto done = s->file.lock(); !done) return fail(std::move(done.error()));
        if (auto done = s->take_root(options.signature); !done) return fail(std::move(done.error()));
        if (!s->read_only)
            if (auto done = s->settle(fs); !done) return fail(std::move(done.error()));
        auto reader = Reader::make(s->file, s->size.load());
        if (!reader) return fail(std::move(reader.error()));
        s->reader.emplace(std::move(*reader));
        return paged_file(std::move(s));
    }

    result<extent> write(byte_view bytes) { return write_parts(std::span<byte_view const>(&bytes, 1)); }

    /// One extent that holds the parts one after another.
    result<extent> write_parts(std::span<byte_view const> parts) {
        std::uint64_t size = 0;
        for (auto part : parts) size += part.size();
        if (auto ready = s_->writable(); !ready) return fail(std::move(ready.error()));
        s_->writes_began.store(true, std::memory_order_relaxed);
        auto at = s_->allocate(size);
        if (!at) return at;
        auto offset = at->offset;
        for (auto part : parts) {
            if (auto done = s_->file.write_at(offset, part); !done) {
                release(*at);
                return fail(std::move(done.error()));
            }
            offset += part.size();
        }
        return at;
    }

    result<extent_view> read(extent e) const {
        if (!inside(e, s_->size.load(std::memory_order_acquire)))
            return not_inside(s_->file.path(), e, s_->size.load());
        return s_->reader->view(s_->file, e);
    }

    void release(extent e) {
        std::lock_guard const guard(s_->mutex);
        auto const            found = s_->live.find(e.offset);
        expects(found != s_->live.end() && found->second == e.size,
                "page_store::release takes an extent that write returned or retain was given, once");
        s_->live.erase(found);
        s_->space.give(e.offset, space_of(e.size));
    }

    [[gnu::cold]] result<void> publish(byte_view bytes) {
        std::lock_guard const one_at_a_time(s_->publishing);
        if (auto ready = s_->writable(); !ready) return ready;
        if (bytes.size() > max_root_bytes)
            return too_long(s_->file.path(), errc::too_large, "a root", bytes.size(), max_root_bytes);
        byte_vector copy(bytes.begin(), bytes.end());
        root_slot   next{s_->current.generation + 1, {}, crc32c(bytes)};
        if (!bytes.empty()) {
            auto at = write(bytes);
            if (!at)
                return at.error().kind == errc::full ? fail(std::move(at.error())) : s_->poison(std::move(at.error()));
            next.where = *at;
            std::lock_guard const guard(s_->mutex);
            s_->live.erase(at->offset);  // in use, but nobody's to release
        }
        if (auto done = s_->file.sync(); !done) return s_->poison(std::move(done.error()));
        auto const slot = encode_slot(next);
        if (auto done = s_->file.write_at(slot_offset(next.generation), slot); !done)
            return s_->poison(std::move(done.error()));
        if (auto done = s_->file.sync(); !done) return s_->poison(std::move(done.error()));

        std::lock_guard const guard(s_->mutex);
        if (s_->previous) s_->drop_root(*s_->previous);
        s_->previous = std::exchange(s_->current, next);
        s_->root     = std::move(copy);
        s_->shrink();
        return {};
    }

    byte_vector root() const {
        std::lock_guard const guard(s_->mutex);
        return s_->root;
    }

    [[gnu::cold]] result<void> retain(std::span<extent const> extents) {
        expects(!s_->writes_began.load(), "page_store::retain comes after open and before the first write");
        std::lock_guard const guard(s_->mutex);
        return s_->retain(extents);
    }

    [[gnu::cold]] result<void> verify() const {
        std::vector<extent> all;
        root_slot           root;
        {
            std::lock_guard const one_at_a_time(s_->publishing);  // no root is replaced while it is read
            {
                std::lock_guard const guard(s_->mutex);
                for (auto const& [offset, size] : s_->live) all.push_back({offset, size});
                root = s_->current;
            }
            if (auto done = s_->read_root(root); !done) return fail(std::move(done.error()));
        }
        byte_vector buffer;
        for (auto const& e : all) {
            for (std::uint64_t at = 0; at < e.size;) {
                buffer.resize(static_cast<std::size_t>(std::min<std::uint64_t>(e.size - at, std::uint64_t{1} << 20)));
                auto done = read_exactly(s_->file, e.offset + at, buffer, describe(e));
                if (!done) {
                    std::lock_guard const guard(s_->mutex);
                    auto const            found = s_->live.find(e.offset);
                    if (found == s_->live.end() || found->second != e.size) break;  // released meanwhile
                    return done;
                }
                at += buffer.size();
            }
        }
        return {};
    }

    store_stats stats() const {
        std::lock_guard const guard(s_->mutex);
        return {s_->size.load(), s_->space.used_bytes(), s_->space.free_bytes(), s_->current.generation};
    }

private:
    struct state {
        explicit state(file_type f) : file(std::move(f)) {}

        file_type                  file;
        std::optional<Reader>      reader;
        std::atomic<std::uint64_t> size{0};  // of the file; reads are checked against it
        std::atomic<bool>          poisoned{false};
        std::atomic<bool>          writes_began{false};
        bool                       read_only = false;
        std::mutex                 publishing;  // taken before mutex
        std::mutex                 mutex;       // guards all below
        free_space                 space;
        std::map<std::uint64_t, std::uint64_t>
                                 live;  // extents of the caller: offset -> payload bytes; roots are not in it
        root_slot                current;
        std::optional<root_slot> previous;
        byte_vector              root;

        result<void> writable() const {
            if (read_only || poisoned.load()) return refused_writes(file.path(), read_only);
            return {};
        }
        tl::unexpected<error> poison(error e) {
            poisoned.store(true);
            return fail(std::move(e));
        }

        /// Reads header and slots, and the payload of the newest valid root.
        [[gnu::cold]] result<void> take_root(std::string_view signature) {
            auto const path  = std::string(file.path());
            auto       bytes = file.size();
            if (!bytes) return fail(std::move(bytes.error()));
            size = *bytes;
            byte_vector head(static_cast<std::size_t>(std::min<std::uint64_t>(*bytes, data_begin)));
            if (auto done = read_exactly(file, 0, head, "the header"); !done) return done;
            if (auto done = check_header(head, *bytes, path, signature); !done) return done;

            slot_reading read[2];
            for (std::size_t i = 0; i < 2; ++i)
                read[i] = decode_slot(byte_view(head).subspan((1 + i) * page_bytes, page_bytes), i);
            if (!read[0].valid && !read[1].valid)
                return bad_slot(path, "both root slots (offsets 4096 and 8192) are damaged");
            auto const newest =
                read[1].valid && (!read[0].valid || read[1].slot.generation > read[0].slot.generation) ? 1u : 0u;
            auto const other = 1u - newest;
            current          = read[newest].slot;
            if (current.generation == 0 && !read[other].blank)
                return bad_slot(path, "a root was published in the slot at offset 8192, and the slot is damaged");
            auto payload = read_root(current);
            if (!payload) return fail(std::move(payload.error()));
            root = std::move(*payload);
            if (read[other].valid) {
                previous         = read[other].slot;
                auto const where = previous->where;
                auto const apart = where == extent{} || where.offset >= current.where.offset + current.where.size ||
                                   current.where.offset >= where.offset + where.size;
                if (!placed(where) || !apart)
                    return bad_root(path, previous->generation, where,
                                    "lies outside the file or on top of the root after it");
            }
            space = free_space(data_begin, std::max(data_begin, whole_pages(*bytes)));
            if (current.generation == 0 && space.end() > data_begin) space.give(data_begin, space.end() - data_begin);
            return {};
        }

        /// Makes durable what take_root found: the process before may have died, or its sync failed, between the slot's write
        /// and its sync, and from now on the space of older roots is used again.
        [[gnu::cold]] result<void> settle(FS& fs) {
            auto const slot = encode_slot(current);
            if (auto done = file.write_at(slot_offset(current.generation), slot); !done) return done;
            if (auto done = file.sync(); !done) return done;
            if (current.generation == 0) return fs.sync_directory(parent_directory(file.path()));
            return {};
        }

        /// Whether a root's payload can lie there.
        bool placed(extent e) const { return e == extent{} || (e.size > 0 && inside(e, size.load())); }

        [[gnu::cold]] result<byte_vector> read_root(root_slot const& slot) const {
            auto const path = std::string(file.path());
            if (slot.where == extent{}) return byte_vector{};
            if (!placed(slot.where) || slot.where.size > max_root_bytes)
                return bad_root(path, slot.generation, slot.where, "lies outside the file, which was cut short");
            byte_vector payload(static_cast<std::size_t>(slot.where.size));
            if (auto done = read_exactly(file, slot.where.offset, payload, "the root"); !done)
                return fail(std::move(done.error()));
            if (crc32c(payload) != slot.payload_crc)
                return bad_root(path, slot.generation, slot.where, "does not have the checksum it was published with");
            return payload;
        }

        [[gnu::cold]] result<void> retain(std::span<extent const> extents) {
            auto const          path = std::string(file.path());
            std::vector<extent> all(extents.begin(), extents.end());
            if (current.where.offset != 0) all.push_back(current.where);
            if (previous && previous->where.offset != 0) all.push_back(previous->where);
            std::sort(all.begin(), all.end());
            auto          fresh = free_space(data_begin, space.end());
            std::uint64_t at    = data_begin;
            for (auto const& e : all) {
                if (!inside(e, size.load())) return not_inside(path, e, size.load());
                if (e.offset < at) return overlapping(path, e, at);
                if (e.offset > at) fresh.give(at, e.offset - at);
                at = e.offset + space_of(e.size);
            }
            if (at > space.end())  // an empty extent at the very end, of which no write can come
                return not_inside(path, all.back(), size.load());
            if (at < space.end()) fresh.give(at, space.end() - at);
            space = std::move(fresh);
            live.clear();
            for (auto const& e : extents) live.emplace(e.offset, e.size);
            return {};
        }

        result<extent> allocate(std::uint64_t payload) {
            std::lock_guard const guard(mutex);
            if (payload > std::uint64_t{1} << 62)
                return too_long(file.path(), errc::too_large, "an extent", payload, std::uint64_t{1} << 62);
            auto const length = space_of(payload);
            if (size.load() < space.end())  // cut inside its last page: fill it before it is used
                if (auto done = set_size(space.end()); !done) return fail(std::move(done.error()));
            auto offset = space.take(length);
            if (!offset) {
                if (auto done = grow(length); !done) return fail(std::move(done.error()));
                offset = space.take(length);
            }
            live.emplace(*offset, payload);
            return extent{*offset, payload};
        }

        /// Makes the file long enough for one more block of `length`, with room to spare where the disk allows.
        [[gnu::cold]] result<void> grow(std::uint64_t length) {
            auto const end   = space.end();
            auto const least = end - space.tail() + length;
            auto const spacing =
                std::max(whole_pages(GrowBytes), whole_pages(std::min(end / 8, std::uint64_t{1} << 30)));
            auto target = std::max(least, end + spacing);
            auto done   = set_size(target);
            if (!done && target > least) done = set_size(target = least);
            if (done) space.extend(target);
            return done;
        }
        [[gnu::cold]] result<void> set_size(std::uint64_t to) {
            auto const from = size.load();
            if (auto done = file.resize(to); !done) return done;
            if (reader)
                if (auto done = reader->grow(file, from, to); !done) {
                    (void)file.resize(from);
                    return done;
                }
            size.store(to, std::memory_order_release);
            return {};
        }

        /// Gives a long free tail back to the disk; without success the file stays as long as it is.
        void shrink() {
            auto const end = space.end(), step = whole_pages(GrowBytes), tail = space.tail();
            if (tail <= std::max(4 * step, end / 4)) return;
            auto const target = end - tail + step;
            size.store(target, std::memory_order_release);
            if (file.resize(target)) {
                space.cut(target);
            } else {
                auto const now = file.size();
                size.store(now && *now >= target ? std::min(*now, end) : target, std::memory_order_release);
            }
        }

        void drop_root(root_slot const& slot) {
            if (slot.where == extent{}) return;
            space.give(slot.where.offset, space_of(slot.where.size));
        }
    };

    explicit paged_file(std::unique_ptr<state> s) noexcept : s_(std::move(s)) {}

    /// The file appears under its name only when it is complete and synced: it is made as NAME.new and renamed.
    [[gnu::cold]] static result<void> make_new(FS& fs, std::string const& path, std::string_view signature) {
        auto const scratch = path + ".new";
        auto       made    = fs.open(scratch, open_mode::create);
        if (!made) return fail(std::move(made.error()));
        if (auto done = made->lock(); !done) return done;
        auto there = fs.exists(path);  // asked under the lock: another process may have been faster
        if (!there) return fail(std::move(there.error()));
        if (*there) {
            (void)fs.remove(scratch);
            return {};
        }
        auto const bytes = encode_front(signature);
        if (auto done = made->resize(0); !done) return done;
        if (auto done = made->write_at(0, bytes); !done) return done;
        if (auto done = made->sync(); !done) return done;
        if (auto done = fs.rename(scratch, path); !done) return done;
        return fs.sync_directory(parent_directory(path));
    }

    std::unique_ptr<state> s_;
};

}  // namespace tenon::detail::pages
