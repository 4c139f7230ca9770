// SPDX-License-Identifier: Apache-2.0
// Sorted numbers and their position index in one file, used in place from a map.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/crc32c.hpp"
#include "tenon/core/placement.hpp"
#include "tenon/core/result.hpp"
#include "tenon/file/posix.hpp"
#include "tenon/ordered_index/hybrid.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <sys/mman.h>

/// key_file - keys of 1, 2, 4 or 8 bytes and the model of a position index over them.
///
/// Guarantee   write() replaces the file as a whole: after a crash there is the old file or the new one. open() maps it and reads three
///             headers, however many keys there are; look-ups are those of Index::view. Every byte is under a checksum, which validate()
///             reads. The file must not be cut or changed while it is open.
/// Cost        open O(1); load() reads it all into memory on huge pages, which makes look-ups over many keys about twice as fast;
///             validate O(n).
/// Errors      write: errc::unsorted_keys with the first offending rank, and what files say. open, load: not_found, not_ours,
///             wrong_version, wrong_assembly (another index or key type), corrupt with the offset.
/// Threads     const members may be called concurrently.
/// On disk     "tenonkyf" version 1, docs/formats/key_file.md
/// Use when    sorted keys are made once and looked up by many programs; rows that change belong into a database.
namespace tenon {

namespace detail {

/// The first 64 bytes.
struct key_file_head {
    std::array<char, 8> magic      = {'t', 'e', 'n', 'o', 'n', 'k', 'y', 'f'};
    std::uint32_t       version    = 1;
    std::uint32_t       key_bytes  = 0;
    std::uint64_t       keys       = 0;
    std::uint64_t       model_at   = 0;
    std::uint64_t       model_size = 0;
    std::uint32_t       keys_crc   = 0;
    std::uint32_t       model_crc  = 0;
    std::uint64_t       zero       = 0;
    std::uint32_t       zero_too   = 0;
    std::uint32_t       head_crc   = 0;  ///< of the 60 bytes before it
};
static_assert(sizeof(key_file_head) == 64);
inline constexpr std::uint64_t key_file_keys_at = 4096;

/// Bytes of a file, mapped or read.
class file_bytes {
public:
    static result<file_bytes> open(std::string const& path, bool into_memory) {
        posix_files files;
        auto        file = files.open(path, open_mode::read_only);
        if (!file) return fail(std::move(file).error());
        auto const size = file->size();
        if (!size) return fail(size.error());
        file_bytes out;
        out.size_ = static_cast<std::size_t>(*size);
        if (into_memory) {
            out.memory_.resize(out.size_);
            auto const got = file->read_at(0, out.memory_);
            if (!got) return fail(got.error());
            if (*got != out.size_) return fail(errc::corrupt, {path, ": ends at offset ", *got, " while it is read"});
        } else if (out.size_ > 0) {
            void* const p = ::mmap(nullptr, out.size_, PROT_READ, MAP_SHARED, file->descriptor(), 0);
            if (p == MAP_FAILED)
                return fail(errc::io,
                            {path, ": mapping ", out.size_, " bytes failed: ", std::system_category().message(errno)});
            out.map_ = static_cast<std::byte const*>(p);
            advise_huge_pages(p, out.size_);
        }
        return out;
    }
    file_bytes(file_bytes&& other) noexcept
        : memory_(std::move(other.memory_)),
          map_(std::exchange(other.map_, nullptr)),
          size_(std::exchange(other.size_, 0)) {}
    file_bytes& operator=(file_bytes&& other) noexcept {
        file_bytes taken(std::move(other));
        std::swap(memory_, taken.memory_), std::swap(map_, taken.map_), std::swap(size_, taken.size_);
        return *this;
    }
    ~file_bytes() {
        if (map_ != nullptr) ::munmap(const_cast<std::byte*>(map_), size_);
    }
    byte_view view() const noexcept { return {map_ != nullptr ? map_ : memory_.data(), size_}; }

private:
    file_bytes() = default;
    placed_vector<std::byte> memory_;
    std::byte const*         map_  = nullptr;
    std::size_t              size_ = 0;
};

}  // namespace detail

template <class Key, class Index = hybrid<>>
requires(detail::word_key<Key>)
class key_file : public Index::template view<Key> {
    using view_type = typename Index::template view<Key>;
    using head_type = detail::key_file_head;

public:
    /// Writes keys and model, synced; an existing file is replaced.
    static result<void> write(std::string const& path, std::span<Key const> keys) {
        auto model = Index::template build<Key>(keys);
        if (!model) return fail(std::move(model).error());
        auto const bytes = std::as_bytes(keys);
        head_type  head;
        head.key_bytes  = sizeof(Key);
        head.keys       = keys.size();
        head.model_at   = (detail::key_file_keys_at + bytes.size() + 4095) / 4096 * 4096;
        head.model_size = model->size();
        head.keys_crc   = crc32c(bytes);
        head.model_crc  = crc32c(*model);
        head.head_crc   = crc32c(object_bytes(head).first(60));

        posix_files files;
        auto const  scratch = path + ".new";
        auto        file    = files.open(scratch, open_mode::create);
        if (!file) return fail(std::move(file).error());
        auto written = file->resize(0);
        if (written) written = file->write_at(0, object_bytes(head));
        if (written) written = file->write_at(detail::key_file_keys_at, bytes);
        if (written) written = file->write_at(head.model_at, *model);
        if (written) written = file->sync();
        if (written) written = files.rename(scratch, path);
        if (written) return files.sync_directory(parent_directory(path));
        (void)files.remove(scratch);  // the first error is the one to tell
        return written;
    }

    /// Maps the file. Look-ups read it in place.
    static result<key_file> open(std::string const& path) { return from(path, false); }
    /// Reads the file into memory on huge pages.
    static result<key_file> load(std::string const& path) { return from(path, true); }

    key_file(key_file&&) noexcept            = default;
    key_file& operator=(key_file&&) noexcept = default;

    std::string const& path() const noexcept { return path_; }

    /// Reads every byte: checksums, the order of the keys, and every invariant of the index.
    result<void> validate() const {
        auto const all  = bytes_.view();
        auto const head = load_head(all);
        if (crc32c(std::as_bytes(this->keys())) != head.keys_crc)
            return fail(errc::corrupt, {path_, ": the keys from offset ", detail::key_file_keys_at,
                                        " on do not match their checksum; write the file again"});
        if (crc32c(all.subspan(static_cast<std::size_t>(head.model_at))) != head.model_crc)
            return fail(errc::corrupt, {path_, ": the index from offset ", head.model_at,
                                        " on does not match its checksum; write the file again"});
        auto valid = view_type::validate();
        if (!valid) return fail(std::move(valid).error().while_("reading " + path_));
        return {};
    }

private:
    key_file(view_type&& opened, detail::file_bytes&& bytes, std::string path)
        : view_type(std::move(opened)), bytes_(std::move(bytes)), path_(std::move(path)) {}

    static head_type load_head(byte_view all) noexcept { return tenon::load<head_type>(all.data()); }

    static result<key_file> from(std::string const& path, bool into_memory) {
        auto bytes = detail::file_bytes::open(path, into_memory);
        if (!bytes) return fail(std::move(bytes).error());
        auto const all = bytes->view();
        if (all.size() < sizeof(head_type))
            return fail(errc::not_ours,
                        {path, ": has ", all.size(), " bytes; a file of keys begins with a header of 64"});
        auto const head = load_head(all);
        if (head.magic != head_type{}.magic)
            return fail(errc::not_ours, {path, ": does not begin with \"tenonkyf\"; it is not a file of keys"});
        if (head.version != 1)
            return fail(errc::wrong_version,
                        {path, ": has format version ", head.version, ", this program reads version 1"});
        if (head.head_crc != crc32c(all.first(60)) || head.zero != 0 || head.zero_too != 0)
            return fail(
                errc::corrupt,
                {path, ": the header's checksum at offset 60 does not match bytes 0 to 59; write the file again"});
        if (head.key_bytes != sizeof(Key))
            return fail(errc::wrong_assembly,
                        {path, ": holds keys of ", head.key_bytes, " bytes and is opened for keys of ", sizeof(Key)});
        std::span<Key const> keys;
        if (!view_array(all, detail::key_file_keys_at, head.keys, keys) || head.model_at % 64 != 0 ||
            head.model_at > all.size() || head.model_size != all.size() - head.model_at ||
            head.model_at < detail::key_file_keys_at + head.keys * sizeof(Key))
            return fail(errc::corrupt, {path, ": says it holds ", head.keys, " keys and an index of ", head.model_size,
                                        " bytes at offset ", head.model_at, ", but has ", all.size(),
                                        " bytes; it was cut, write it again"});
        auto opened = view_type::open(all.subspan(static_cast<std::size_t>(head.model_at)), keys);
        if (!opened) return fail(std::move(opened).error().while_("opening " + path));
        return key_file(*std::move(opened), *std::move(bytes), path);
    }

    detail::file_bytes bytes_;
    std::string        path_;
};

}  // namespace tenon
