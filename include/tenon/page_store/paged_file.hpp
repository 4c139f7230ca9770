// SPDX-License-Identifier: Apache-2.0
// What file_store and mmap_store share: extents, free space and root slots over one file; a Reader says how bytes are read.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/core/unless_done.hpp"
#include "tenon/page_store/bulk_writer.hpp"
#include "tenon/page_store/concept.hpp"
#include "tenon/page_store/free_space.hpp"
#include "tenon/page_store/layout.hpp"
#include "tenon/page_store/readers.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
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
/// Guarantee   a write never touches a live extent, nor a slot that a crash could still need, nor what a reader in another process
///             may read. A root is published only after all it can refer to is synced. What is read at open is durable before
///             any space is given out anew. Which space is free is not stored: it is what the root does not list.
/// Cost        write: one pwrite and O(log extents) under a mutex. publish: two syncs, and a look for readers. Reads: no lock here.
///             open: two reads, no sync unless a publish was cut off.
/// Errors      write: full (nothing has changed), io. publish: full before its first sync leaves all as it was; any other error
///             poisons. read_only stores: every write and publish errc::read_only.
/// Threads     as the concept says. Publishes wait for one another; writes wait only for the choice of their place.
/// On disk     "tenon.pages/2", docs/formats/page_file.md
/// Invariants  (1) [16 KiB, end) is the union of live, held and free space, disjoint. (2) The payload of the newest root is live.
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
        auto s          = std::make_unique<state>(fs, std::move(*opened));
        s->read_only    = options.read_only;
        s->direct_bytes = options.direct_bytes;
        auto const begun =
            s->read_only ? s->take_root_beside_writers(options.signature) : s->take_root_alone(options.signature);
        if (!begun) return fail(begun.error());
        auto reader = Reader::make(s->file, s->size.load());
        if (!reader) return fail(std::move(reader.error()));
        s->reader.emplace(std::move(*reader));
        return paged_file(std::move(s));
    }

    result<extent> write(byte_view bytes, std::uint64_t before = ~std::uint64_t{0}) {
        return write_with(bytes, {}, before);
    }
    /// One extent of the bytes and, from the next multiple of 4096 on, a tail.
    result<extent> write_with(byte_view bytes, byte_view tail, std::uint64_t before) {
        if (auto ready = s_->writable(); !ready) return fail(std::move(ready.error()));
        s_->writes_began.store(true, std::memory_order_relaxed);
        auto const tail_at = tail.empty() ? bytes.size() : whole_pages(bytes.size());
        auto       at      = s_->allocate(tail_at + tail.size(), before);
        if (!at) return at;
        auto const put = [&](std::uint64_t offset, byte_view part) {
            return bytes.size() < s_->direct_bytes ? s_->file.write_at(offset, part) : s_->bulk.write(offset, part);
        };
        unless_done unwritten([&] {
            try {
                release(*at);
            } catch (std::bad_alloc const&) {}  // it is found free when the store is opened again
        });
        auto        done = put(at->offset, bytes);
        if (done && !tail.empty()) done = put(at->offset + tail_at, tail);
        if (!done) return fail(std::move(done.error()));
        unwritten.done();
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
        s_->give_back(e.offset, space_of(e.size));
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
            if (!at) {
                if (at.error().kind != errc::full) s_->poisoned.store(true);
                return fail(std::move(at.error()));
            }
            next.where = *at;
            std::lock_guard const guard(s_->mutex);
            s_->live.erase(at->offset);  // in use, but nobody's to release
        }
        {  // also when there is no memory to tell of an error: a sync behind one that failed would mean nothing
            unless_done unsure([this] { s_->poisoned.store(true); });
            if (auto done = s_->bulk.sync(); !done) return done;
            if (auto done = s_->file.sync(); !done) return done;
            if (auto done = s_->put_slot(next); !done) return done;
            unsure.done();
        }
        std::lock_guard const guard(s_->mutex);
        auto const            replaced = std::exchange(s_->current, next).where;
        s_->root                       = std::move(copy);
        s_->count_readers();
        if (replaced != extent{}) s_->give_back(replaced.offset, space_of(replaced.size));
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

    std::uint64_t trim() {
        std::lock_guard const guard(s_->mutex);
        if (!s_->writable()) return ~std::uint64_t{0};
        if (!s_->held.empty()) s_->count_readers();
        s_->shrink();
        auto const used   = s_->space.used_bytes();
        auto const target = data_begin + whole_pages(used + used / 20);
        auto const worth  = target + 4 * whole_pages(GrowBytes);
        return s_->space.end() - s_->space.tail() > worth ? target : ~std::uint64_t{0};
    }

    store_stats stats() const {
        std::lock_guard const guard(s_->mutex);
        store_stats           out;
        out.file_bytes = s_->size.load();
        out.live_bytes = s_->space.used_bytes();
        out.free_bytes = s_->space.free_bytes();
        out.generation = s_->current.generation;
        out.held_bytes = s_->held_bytes;
        out.readers    = s_->census.readers;
        return out;
    }

private:
    struct state {
        state(FS world, file_type f) : fs(std::move(world)), file(std::move(f)), bulk(fs, std::string(file.path())) {}

        FS                         fs;
        file_type                  file;
        bulk_writer<FS>            bulk;
        std::uint64_t              direct_bytes = ~std::uint64_t{0};
        std::optional<Reader>      reader;
        std::atomic<std::uint64_t> size{0};  // of the file; reads are checked against it
        std::atomic<bool>          poisoned{false};
        std::atomic<bool>          writes_began{false};
        bool                       read_only = false;
        bool                       proven    = false;  // the root that was taken at open is surely on the medium
        std::mutex                 publishing;         // taken before mutex
        std::mutex                 mutex;              // guards all below
        free_space                 space;
        std::map<std::uint64_t, std::uint64_t>
                                       live;  // extents of the caller: offset -> payload bytes; roots are not in it
        root_slot                      current;
        byte_vector                    root;
        std::optional<reader_sign<FS>> sign;    // of a read-only store
        reader_census                  census;  // as of the newest root, or later
        struct held_block {
            std::uint64_t generation, offset, length;  // free for who reads root `generation` or a later one
        };
        std::vector<held_block> held;
        std::uint64_t           held_bytes = 0;

        result<void> writable() const {
            if (read_only || poisoned.load()) return refused_writes(file.path(), read_only);
            return {};
        }

        /// For a writer: the lock, the newest root, and its durability.
        [[gnu::cold]] result<void> take_root_alone(std::string_view signature) {
            if (auto done = file.lock(); !done) return done;
            if (auto done = take_root(signature); !done) return done;
            count_readers();
            return proven ? result<void>{} : settle();
        }
        /// For a reader: the sign comes first, so that a writer gives out nothing of the root that is read then.
        [[gnu::cold]] result<void> take_root_beside_writers(std::string_view signature) {
            auto made = reader_sign<FS>::take(fs, std::string(file.path()));
            if (made) sign.emplace(std::move(*made));
            else if (made.error().kind != errc::read_only) return fail(std::move(made.error()));  // nobody writes there
            for (int attempt = 0;; ++attempt) {  // a slot that is being written may look damaged once
                auto done = take_root(signature);
                if (done) break;
                if (attempt == 10 || done.error().kind != errc::corrupt) return done;
            }
            auto bytes = file.size();  // now, since the file may have grown for what this root lists
            if (!bytes) return fail(std::move(bytes.error()));
            size = *bytes;
            return sign ? sign->hold(current.generation) : result<void>{};
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
            proven           = read[newest].proven;
            if (current.generation == 0 && !read[other].blank)
                return bad_slot(path, "a root was published in the slot at offset 8192, and the slot is damaged");
            auto payload = read_root(current);
            if (!payload) return fail(std::move(payload.error()));
            root  = std::move(*payload);
            space = free_space(data_begin, std::max(data_begin, whole_pages(*bytes)));
            if (current.generation == 0 && space.end() > data_begin) space.give(data_begin, space.end() - data_begin);
            return {};
        }

        /// Makes durable what take_root found: the process before may have died, or its sync failed, between the slot's write
        /// and its sync, and from now on the space of older roots is used again.
        [[gnu::cold]] result<void> settle() {
            if (current.generation == 0)
                if (auto done = fs.sync_directory(parent_directory(file.path())); !done) return done;
            return put_slot(current);
        }
        /// Writes and syncs a slot, then its proof. A proof that is not written, or lost, makes the next open do this again.
        [[gnu::cold]] result<void> put_slot(root_slot const& slot) {
            auto const at = slot_offset(slot.generation);
            if (auto done = file.write_at(at, encode_slot(slot)); !done) return done;
            if (auto done = file.sync(); !done) return done;
            (void)file.write_at(at + slot_proof_at, object_bytes(encode_record(slot, proof_magic)));
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
            std::sort(all.begin(), all.end());
            auto const    spare = census.oldest < current.generation;  // readers may need what older roots list
            auto          fresh = free_space(data_begin, space.end());
            std::uint64_t at = data_begin, sum = 0;
            std::vector<held_block> kept;
            auto const              free = [&](std::uint64_t from, std::uint64_t length) {
                if (!spare) return fresh.give(from, length);
                kept.push_back({current.generation, from, length});
                sum += length;
            };
            for (auto const& e : all) {
                if (!inside(e, size.load())) return not_inside(path, e, size.load());
                if (e.offset < at) return overlapping(path, e, at);
                if (e.offset > at) free(at, e.offset - at);
                at = e.offset + space_of(e.size);
            }
            if (at > space.end())  // an empty extent at the very end, of which no write can come
                return not_inside(path, all.back(), size.load());
            if (at < space.end()) free(at, space.end() - at);
            space      = std::move(fresh);
            held       = std::move(kept);
            held_bytes = sum;
            live.clear();
            for (auto const& e : extents) live.emplace(e.offset, e.size);
            return {};
        }

        result<extent> allocate(std::uint64_t payload, std::uint64_t before) {
            std::lock_guard const guard(mutex);
            if (payload > std::uint64_t{1} << 62)
                return too_long(file.path(), errc::too_large, "an extent", payload, std::uint64_t{1} << 62);
            auto const length = space_of(payload);
            if (size.load() < space.end())  // cut inside its last page: fill it before it is used
                if (auto done = set_size(space.end()); !done) return fail(std::move(done.error()));
            auto offset = space.take(length, before);
            if (!offset && !held.empty()) {
                count_readers();
                offset = space.take(length, before);
            }
            if (!offset && before < space.end() - space.tail() + length)
                return fail(errc::full, {file.path(), " has no room for ", payload, " bytes before offset ", before});
            if (!offset) {
                if (auto done = grow(length); !done) return fail(std::move(done.error()));
                offset = space.take(length);
            }
            live.emplace(*offset, payload);
            return extent{*offset, payload};
        }

        /// Makes the file long enough for one more block of `length`, with room to spare where the disk allows.
        [[gnu::cold]] result<void> grow(std::uint64_t length) {
            auto const end    = space.end();
            auto const least  = end - space.tail() + length;
            auto       target = std::max(least, end + spacing());
            auto       done   = set_size(target);
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

        /// What a file that grows or shrinks keeps free at its end.
        std::uint64_t spacing() const noexcept {
            auto const used_end = space.end() - space.tail();
            return std::max(whole_pages(GrowBytes), whole_pages(std::min(used_end / 64, std::uint64_t{1} << 30)));
        }
        /// Gives a long free tail back to the disk; without success the file stays as long as it is.
        void shrink() {
            auto const end = space.end(), step = spacing(), tail = space.tail();
            if (tail <= 2 * step) return;
            auto const target = end - tail + step;
            size.store(target, std::memory_order_release);
            if (file.resize(target)) {
                space.cut(target);
            } else {
                auto const now = file.size();
                size.store(now && *now >= target ? std::min(*now, end) : target, std::memory_order_release);
            }
        }

        /// Free at once, or when nobody reads a root before this one.
        void give_back(std::uint64_t offset, std::uint64_t length) {
            if (census.oldest >= current.generation) return space.give(offset, length);
            held.push_back({current.generation, offset, length});
            held_bytes += length;
        }
        /// Looks who reads, and frees what was held for readers that have gone.
        [[gnu::cold]] void count_readers() {
            census = pages::count_readers(fs, std::string(file.path()));
            for (std::size_t i = 0; i < held.size();) {
                auto const b = held[i];
                if (census.oldest < b.generation) {
                    ++i;
                    continue;
                }
                held[i] = held.back();
                held.pop_back();
                held_bytes -= b.length;
                space.give(b.offset, b.length);
            }
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
