// SPDX-License-Identifier: Apache-2.0
// Conformance suite of axis::file: does a file system do what include/tenon/file/concept.hpp says?
#pragma once

#include "tenon/core/prng.hpp"
#include "tenon/file/concept.hpp"
#include "tenon/testing/report.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tenon::testing {

namespace detail {

template <class T>
bool file_fails_with(result<T> const& r, errc kind) {
    return !r && r.error().kind == kind && !r.error().message.empty();
}
template <class T>
std::string file_why(result<T> const& r) {
    return r ? std::string("succeeded") : std::string(to_string(r.error().kind)) + ": " + r.error().message;
}

/// Any file system behind virtual calls, so that the suite itself is compiled once.
struct file_any {
    struct open_file {
        virtual ~open_file()                                                            = default;
        virtual result<std::size_t>        read_at(std::uint64_t, std::span<std::byte>) = 0;
        virtual result<void>               write_at(std::uint64_t, byte_view)           = 0;
        virtual result<std::uint64_t>      size()                                       = 0;
        virtual result<void>               resize(std::uint64_t)                        = 0;
        virtual result<void>               sync()                                       = 0;
        virtual result<void>               lock()                                       = 0;
        virtual std::string                path()                                       = 0;
        virtual void                       take(open_file& other)                       = 0;  ///< move assignment
        virtual std::unique_ptr<open_file> moved()                                      = 0;  ///< move construction
    };
    using file = std::unique_ptr<open_file>;

    virtual ~file_any()                                                                     = default;
    virtual result<file>                     open(std::string const&, open_mode)            = 0;
    virtual result<bool>                     exists(std::string const&)                     = 0;
    virtual result<void>                     remove(std::string const&)                     = 0;
    virtual result<void>                     rename(std::string const&, std::string const&) = 0;
    virtual result<void>                     make_directory(std::string const&)             = 0;
    virtual result<std::vector<std::string>> list(std::string const&)                       = 0;
    virtual result<void>                     sync_directory(std::string const&)             = 0;
    virtual std::uint64_t                    now_ns()                                       = 0;
};

template <file_system FS>
struct file_adapter final : file_any {
    struct opened final : open_file {
        explicit opened(typename FS::file file_in) : f(std::move(file_in)) {}
        result<std::size_t> read_at(std::uint64_t o, std::span<std::byte> to) override {
            return std::as_const(f).read_at(o, to);
        }
        result<void>          write_at(std::uint64_t o, byte_view b) override { return f.write_at(o, b); }
        result<std::uint64_t> size() override { return std::as_const(f).size(); }
        result<void>          resize(std::uint64_t n) override { return f.resize(n); }
        result<void>          sync() override { return f.sync(); }
        result<void>          lock() override { return f.lock(); }
        std::string           path() override { return std::as_const(f).path(); }
        void                  take(open_file& other) override { f = std::move(static_cast<opened&>(other).f); }
        file                  moved() override { return std::make_unique<opened>(std::move(f)); }
        typename FS::file     f;
    };
    explicit file_adapter(FS fs_in) : fs(std::move(fs_in)) {}
    result<file> open(std::string const& path, open_mode mode) override {
        auto f = fs.open(path, mode);
        if (!f) return fail(std::move(f).error());
        return std::make_unique<opened>(*std::move(f));
    }
    result<bool> exists(std::string const& path) override { return fs.exists(path); }
    result<void> remove(std::string const& path) override { return fs.remove(path); }
    result<void> rename(std::string const& from, std::string const& to) override { return fs.rename(from, to); }
    result<void> make_directory(std::string const& path) override { return fs.make_directory(path); }
    result<std::vector<std::string>> list(std::string const& path) override { return fs.list(path); }
    result<void>  sync_directory(std::string const& path) override { return fs.sync_directory(path); }
    std::uint64_t now_ns() override { return fs.now_ns(); }
    FS            fs;
};

/// All bytes of a file; empty optional when it cannot be read whole.
inline std::optional<byte_vector> file_content(file_any::file const& handle) {
    auto&      f = *handle;
    auto const n = f.size();
    if (!n) return {};
    byte_vector out(static_cast<std::size_t>(*n) + 7);
    auto const  got = f.read_at(0, out);
    if (!got || *got != *n) return {};
    out.resize(*got);
    return out;
}

inline void check_file_names(file_any& fs, std::string const& dir, report& r) {
    auto const a = dir + "/a", b = dir + "/b", sub = dir + "/sub", inside = sub + "/c";

    r.check(file_fails_with(fs.open(a, open_mode::read_only), errc::not_found),
            "open read_only of what does not exist fails with not_found");
    r.check(file_fails_with(fs.open(a, open_mode::read_write), errc::not_found),
            "open read_write of what does not exist fails with not_found");
    r.check(file_fails_with(fs.remove(a), errc::not_found), "remove of what does not exist fails with not_found");
    r.check(file_fails_with(fs.rename(a, b), errc::not_found), "rename of what does not exist fails with not_found");
    r.check(file_fails_with(fs.list(sub), errc::not_found), "list of what does not exist fails with not_found");
    r.check(file_fails_with(fs.sync_directory(sub), errc::not_found),
            "sync_directory of what does not exist fails with not_found");
    r.check(file_fails_with(fs.open(inside, open_mode::create), errc::not_found),
            "create in a directory that does not exist fails with not_found");
    r.check(file_fails_with(fs.make_directory(sub + "/x"), errc::not_found), "make_directory makes one level only");
    if (auto e = fs.open(a, open_mode::read_only); !e)
        r.check(e.error().message.find(a) != std::string::npos, "the sentence names the path: " + e.error().message);

    auto const exists = [&](std::string const& path) {
        auto e = fs.exists(path);
        return e && *e;
    };
    {
        auto f = fs.open(a, open_mode::create);
        if (!r.check(f.has_value(), "create makes a file: " + file_why(f))) return;
        r.check(std::string((*f)->path()) == a, "path() is as it was opened");
        r.check((*f)->size() && *(*f)->size() == 0, "a new file is empty");
        r.check((*f)->write_at(0, as_bytes("first")).has_value(), "write_at of a new file");
    }
    r.check(exists(a) && !exists(b), "exists tells files apart");
    {
        auto f = fs.open(a, open_mode::create);
        r.check(f && file_content(*f) == byte_vector{as_bytes("first").begin(), as_bytes("first").end()},
                "create keeps existing content");
        auto ro = fs.open(a, open_mode::read_only);
        r.check(ro && file_fails_with((*ro)->write_at(0, as_bytes("x")), errc::read_only),
                "write_at of a file opened read_only fails with read_only");
        r.check(ro && file_fails_with((*ro)->resize(1), errc::read_only),
                "resize of a file opened read_only fails with read_only");
    }
    r.check(fs.make_directory(sub).has_value(), "make_directory");
    r.check(fs.make_directory(sub).has_value(), "make_directory of an existing directory is fine");
    r.check(file_fails_with(fs.make_directory(a), errc::exists), "make_directory over a file fails with exists");
    r.check(exists(sub), "exists of a directory");
    r.check(!fs.open(sub, open_mode::read_only) && !fs.open(sub, open_mode::create),
            "a directory does not open as a file");
    r.check(!fs.remove(sub), "remove is for files");
    {
        auto f = fs.open(inside, open_mode::create);
        r.check(f && (*f)->write_at(0, as_bytes("second")).has_value(), "create in a new directory");
    }
    auto names = fs.list(dir);
    r.check(names && *names == std::vector<std::string>{"a", "sub"},
            "list gives files and directories, sorted, one level");

    auto old = fs.open(a, open_mode::read_only);
    r.check(fs.rename(inside, a).has_value(), "rename between directories replaces");
    r.check(!exists(inside) && exists(a), "rename moves the name");
    r.check(old && file_content(*old) == byte_vector{as_bytes("first").begin(), as_bytes("first").end()},
            "a replaced file stays readable where it is open");
    {
        auto f = fs.open(a, open_mode::read_write);
        r.check(f && file_content(*f) == byte_vector{as_bytes("second").begin(), as_bytes("second").end()},
                "a replaced name has the new content");
        r.check(fs.rename(a, a).has_value() && exists(a), "rename to itself changes nothing");
        r.check(fs.remove(a).has_value() && !exists(a), "remove");
        r.check(f && (*f)->write_at(0, as_bytes("S")).has_value() && (*f)->sync().has_value() &&
                    file_content(*f).value_or(byte_vector{}).size() == 6,
                "a removed file stays usable where it is open");
    }
    r.check(fs.sync_directory(dir).has_value() && fs.sync_directory(sub).has_value(), "sync_directory");
    names = fs.list(dir);
    r.check(names && *names == std::vector<std::string>{"sub"}, "list after the removals");
    names = fs.list(sub);
    r.check(names && names->empty(), "list of an empty directory is empty");
}

inline void check_file_lock(file_any& fs, std::string const& dir, report& r) {
    auto const path = dir + "/locked";
    {
        auto one = fs.open(path, open_mode::create);
        auto two = fs.open(path, open_mode::read_write);
        if (!r.check(one && two, "two open files of one path")) return;
        r.check((*one)->lock().has_value(), "lock of a free file");
        r.check((*one)->lock().has_value(), "lock again on the same open file changes nothing");
        auto const refused = (*two)->lock();
        r.check(file_fails_with(refused, errc::locked),
                "lock of a locked file fails with locked: " + file_why(refused));
        if (!refused)
            r.check(refused.error().message.find(path) != std::string::npos,
                    "the sentence names the file: " + refused.error().message);
        r.check((*two)->write_at(0, as_bytes("x")).has_value(), "a lock excludes locks, not writes");
        auto moved = (*one)->moved();
        r.check(file_fails_with((*two)->lock(), errc::locked), "a lock moves with its file");
        { auto three = fs.open(path, open_mode::read_only); }
        r.check(file_fails_with((*two)->lock(), errc::locked), "closing another open file of the path keeps the lock");
        moved->take(**two);
        r.check(moved->lock().has_value(), "assigning over a file closes it and frees its lock");
    }
    auto again = fs.open(path, open_mode::read_write);
    r.check(again && (*again)->lock().has_value(), "closing frees the lock");
    r.check(fs.remove(path).has_value(), "remove of a locked file");
}

/// Random operations on a few files beside a map of byte vectors.
inline void check_file_model(file_any& fs, std::string const& dir, std::uint64_t seed, int steps, report& r) {
    prng                                               random(seed);
    std::map<std::string, byte_vector>                 model;
    std::vector<std::string> const                     names{"0", "1", "2", "3"};
    std::map<std::string, std::vector<file_any::file>> open;  // several handles of one file

    for (int step = 0; step < steps; ++step) {
        auto const  where = " (seed " + std::to_string(seed) + ", step " + std::to_string(step) + ")";
        auto const& name  = names[static_cast<std::size_t>(random.below(names.size()))];
        auto const  path  = dir + "/" + name;
        bool const  known = model.contains(name);
        auto&       files = open[name];
        auto const  what  = random.below(20);
        if (what == 0) {
            auto const done = fs.remove(path);
            r.check(done.has_value() == known, "remove succeeds where there is a file" + where);
            model.erase(name);
            files.clear();
        } else if (what == 1) {
            auto const& to   = names[static_cast<std::size_t>(random.below(names.size()))];
            auto const  done = fs.rename(path, dir + "/" + to);
            r.check(done.has_value() == known, "rename succeeds where there is a file: " + file_why(done) + where);
            if (known && to != name) {
                model[to] = std::move(model[name]);
                open[to]  = std::move(files);
                model.erase(name);
                open[name].clear();
            }
        } else if (what == 2) {
            auto const               listed = fs.list(dir);
            std::vector<std::string> expected;
            for (auto const& [n, ignored] : model) expected.push_back(n);
            r.check(listed && *listed == expected, "list agrees with the model" + where);
        } else if (what == 3 || !known || files.empty()) {
            if (files.size() > 3) files.erase(files.begin());
            auto f = fs.open(path, random.chance(0.5) ? open_mode::create : open_mode::read_write);
            if (f) {
                model[name];
                files.push_back(*std::move(f));
            }
            r.check(f.has_value() || (!known && f.error().kind == errc::not_found),
                    "open finds what there is: " + file_why(f) + where);
        } else {
            auto& f       = files[static_cast<std::size_t>(random.below(files.size()))];
            auto& content = model[name];
            auto  offset  = random.below(content.size() + (random.chance(0.1) ? 9000 : 100));
            auto  length  = static_cast<std::size_t>(random.below(random.chance(0.1) ? 20000 : 700));
            if (what < 11) {
                byte_vector bytes(length);
                for (auto& x : bytes) x = static_cast<std::byte>(random());
                auto const done = f->write_at(offset, bytes);
                r.check(done.has_value(), "write_at: " + file_why(done) + where);
                if (length > 0 && content.size() < offset + length)
                    content.resize(static_cast<std::size_t>(offset) + length);
                std::copy(bytes.begin(), bytes.end(),
                          content.begin() + (length == 0 ? 0 : static_cast<std::ptrdiff_t>(offset)));
            } else if (what < 17) {
                byte_vector got(length, std::byte{0xEE});
                auto const  n = f->read_at(offset, got);
                auto const  expected =
                    offset >= content.size()
                         ? 0
                         : std::min<std::size_t>(length, content.size() - static_cast<std::size_t>(offset));
                if (r.check(n && *n == expected, "read_at reads as much as there is: " + file_why(n) + where))
                    r.check(std::equal(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(expected),
                                       content.begin() + (expected == 0 ? 0 : static_cast<std::ptrdiff_t>(offset))) &&
                                std::all_of(got.begin() + static_cast<std::ptrdiff_t>(expected), got.end(),
                                            [](auto x) { return x == std::byte{0xEE}; }),
                            "read_at agrees with the model and writes nothing behind it" + where);
            } else if (what == 17) {
                auto const n    = random.chance(0.5) ? random.below(content.size() + 1) : random.below(30000);
                auto const done = f->resize(n);
                r.check(done.has_value(), "resize: " + file_why(done) + where);
                content.resize(static_cast<std::size_t>(n));
            } else if (what == 18) {
                auto const done = f->sync();
                r.check(done.has_value(), "sync: " + file_why(done) + where);
            } else {
                auto const n = f->size();
                r.check(n && *n == content.size(), "size agrees with the model" + where);
            }
        }
    }
    auto const seeded = " (seed " + std::to_string(seed) + ")";
    for (auto const& [name, content] : model) {
        auto f = fs.open(dir + "/" + name, open_mode::read_only);
        r.check(f && file_content(*f) == content,
                "the content of '" + name + "' agrees with the model at the end" + seeded);
        r.check(fs.remove(dir + "/" + name).has_value(), "remove at the end");
    }
}

inline void check_file_ends(file_any& fs, file_any& same, std::string const& directory, report& r) {
    auto f = fs.open(directory + "/seen", open_mode::create);
    auto e = same.exists(directory + "/seen");
    r.check(f && e && *e, "copies of a file system name the same world");
    if (f) {
        std::byte  none[1];
        auto const far = (*f)->read_at(std::uint64_t{1} << 62, none);
        r.check(far && *far == 0, "reading far behind the end reads nothing");
        auto const hole = (*f)->write_at(100'000, as_bytes("end"));
        r.check(hole.has_value() && (*f)->size() && *(*f)->size() == 100'003,
                "a write behind the end extends the file");
        byte_vector gap(100'000, std::byte{1});
        auto const  read = (*f)->read_at(0, gap);
        r.check(read && *read == gap.size() &&
                    std::all_of(gap.begin(), gap.end(), [](auto x) { return x == std::byte{0}; }),
                "a gap reads as zeros");
        r.check(!(*f)->write_at(~std::uint64_t{0} - 2, as_bytes("beyond")), "a write beyond what can be is refused");
        r.check(!(*f)->resize(~std::uint64_t{0}), "a size beyond what can be is refused");
        r.check((*f)->size() && *(*f)->size() == 100'003, "refused calls change nothing");
    }
    r.check(same.remove(directory + "/seen").has_value(), "remove through a copy");
}

}  // namespace detail

/// Checks the axioms of axis::file and compares `steps` random operations with a model.
/// Preconditions: `directory` exists in fs and is empty; it is left with one empty directory "sub" in it.
template <file_system FS>
void check_file_system(FS world, std::string const& directory, std::uint64_t seed, report& r, int steps = 2000) {
    detail::file_adapter<FS> fs(world), same(world);
    auto const               before = fs.now_ns();
    detail::check_file_model(fs, directory, seed, steps, r);
    detail::check_file_lock(fs, directory, r);
    detail::check_file_names(fs, directory, r);
    detail::check_file_ends(fs, same, directory, r);
    r.check(fs.now_ns() >= before, "the clock does not go back");
}

/// Checks the axioms of direct files and of queues of writes. Preconditions as above; it leaves one file "direct".
template <file_system FS>
void check_direct_files(FS fs, std::string const& directory, std::uint64_t seed, report& r, int steps = 300) {
    auto const path = directory + "/direct";
    auto const gone = fs.open_direct(path);
    r.check(!gone && gone.error().kind == errc::not_found, "a direct file must exist");
    r.check(fs.open(path, open_mode::create).has_value(), "create the file");
    auto opened = fs.open_direct(path);
    if (!r.check(opened.has_value(), "open_direct: " + detail::file_why(opened))) return;
    auto       file  = *std::move(opened);
    auto const block = file.block_bytes();
    r.check(std::has_single_bit(block) && file.path() == path, "blocks are a power of two, and the path is kept");

    std::size_t const      places = 12;  // of four blocks each; one write at most is under way in each
    std::vector<std::byte> space(places * 4 * block + block);
    void*                  at   = space.data();
    auto                   room = space.size();
    std::align(block, places * 4 * block, at, room);
    auto* const       buffer = static_cast<std::byte*>(at);
    byte_vector       model;
    prng              random(seed);
    auto              queue = fs.make_queue(4);
    std::vector<bool> busy(places);
    std::size_t       under_way = 0;
    bool              sound     = true;
    auto const        ended     = [&](write_completion const& c) {
        sound = sound && c.tag < places && busy[static_cast<std::size_t>(c.tag)] && c.done;
        busy[static_cast<std::size_t>(c.tag % places)] = false;
        --under_way;
    };
    for (int step = 0; step < steps; ++step) {
        auto const place = static_cast<std::size_t>(random.below(places));
        if (busy[place]) {
            while (busy[place] && sound) ended(queue->wait());
        } else if (random.chance(0.8)) {
            auto const n     = static_cast<std::size_t>(1 + random.below(4)) * block;
            auto const from  = place * 4 * block;
            auto const bytes = std::span(buffer + from, n);
            for (auto& b : bytes) b = static_cast<std::byte>(random());
            if (model.size() < from + n) model.resize(from + n);
            std::copy(bytes.begin(), bytes.end(), model.begin() + static_cast<std::ptrdiff_t>(from));
            auto const how = random.chance(0.7) ? flush::yes : flush::no;
            if (random.chance(0.3)) {
                sound = sound && file.write(from, bytes, how);
            } else {
                sound       = sound && queue->submit(file, from, bytes, how, place);
                busy[place] = true;
                ++under_way;
            }
        } else if (auto c = queue->poll()) {
            ended(*c);
        }
        if (!r.check(sound, "direct writes end once, without error (seed " + std::to_string(seed) + ")")) break;
    }
    while (under_way > 0 && sound) ended(queue->wait());
    r.check(!queue->poll().has_value(), "a completion is handed out once");
    r.check(file.write(0, {}, flush::yes).has_value() && file.sync().has_value(), "no bytes, and sync");
    auto        plain = fs.open(path, open_mode::read_only);
    byte_vector seen(model.size() + 1);
    auto const  n = plain ? plain->read_at(0, seen) : result<std::size_t>(0);
    seen.resize(model.size());
    r.check(n && *n == model.size() && seen == model, "an ordinary file reads what direct writes wrote");
}

}  // namespace tenon::testing
