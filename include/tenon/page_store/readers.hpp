// SPDX-License-Identifier: Apache-2.0
// Who reads a page file from other processes: one small locked file for each reader, which says the root that it reads.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/result.hpp"
#include "tenon/file/concept.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace tenon::detail::pages {

/// A process's sign that it reads the file at one root. It counts as long as this object lives: when the process dies, the kernel
/// lets go of the lock.
template <class FS>
class reader_sign {
public:
    /// Takes a free sign, or makes one. It holds on to all roots until hold() names one.
    [[gnu::cold]] static result<reader_sign> take(FS& fs, std::string const& path) {
        auto const directory = path + ".readers";
        if (auto made = fs.make_directory(directory); !made) return refused(path, std::move(made.error()));
        for (std::uint64_t n = 0;; ++n) {
            auto opened = fs.open(directory + "/" + std::to_string(n), open_mode::create);
            if (!opened && n == most) return refused(path, std::move(opened.error()));
            if (!opened) continue;  // another user's
            if (auto locked = opened->lock(); !locked) {
                if (n == most || locked.error().kind != errc::locked) return refused(path, std::move(locked.error()));
                continue;
            }
            reader_sign out(std::move(*opened));
            if (auto done = out.hold(0); !done) return refused(path, std::move(done.error()));
            return out;
        }
    }
    /// From now on: root `generation` and those after it.
    result<void> hold(std::uint64_t generation) {
        std::array<std::uint64_t, 2> const words{generation, ~generation};
        return file_.write_at(0, object_bytes(words));
    }

private:
    static constexpr std::uint64_t most = 4095;

    explicit reader_sign(typename FS::file f) : file_(std::move(f)) {}
    static tl::unexpected<error> refused(std::string const& path, error e) {
        return fail(e.kind, {path, ": a read-only opener leaves a sign in '", path,
                             ".readers', so that a writer spares what it reads, and cannot: ", e.message});
    }

    typename FS::file file_;
};

/// What the signs beside a page file say.
struct reader_census {
    std::uint64_t readers = 0;
    std::uint64_t oldest  = ~std::uint64_t{0};  ///< the oldest root that one of them holds; 0: all roots
};

/// Asks each sign. One that cannot be asked counts as holding everything.
template <class FS>
[[gnu::cold]] reader_census count_readers(FS& fs, std::string const& path) {
    reader_census out;
    auto const    directory = path + ".readers";
    auto const    there     = fs.exists(directory);
    if (there && !*there) return out;
    auto const names = there ? fs.list(directory) : result<std::vector<std::string>>(fail(there.error()));
    if (!names) return {1, 0};
    for (auto const& name : *names) {
        auto opened = fs.open(directory + "/" + name, open_mode::read_only);
        if (opened && opened->lock()) continue;  // its process is gone
        std::array<std::uint64_t, 2>        words{0, 0};
        std::array<std::byte, sizeof words> bytes{};
        if (opened)
            if (auto const got = opened->read_at(0, bytes); got && *got == bytes.size())
                words = load<std::array<std::uint64_t, 2>>(bytes.data());
        ++out.readers;
        out.oldest = std::min(out.oldest, words[0] == ~words[1] ? words[0] : 0);
    }
    return out;
}

}  // namespace tenon::detail::pages
