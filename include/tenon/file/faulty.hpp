// SPDX-License-Identifier: Apache-2.0
// Any file system, with faults on demand: the n-th call fails, writes part of its bytes, or flips a bit.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/file/archetype.hpp"
#include "tenon/file/concept.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include <unistd.h>

namespace tenon {

namespace detail {
/// As kill -9 from outside: nothing is flushed, no destructor runs.
[[noreturn]] inline void end_process() noexcept {
    for (;;) ::kill(::getpid(), SIGKILL);
}
}  // namespace detail

/// What a call does instead of its work.
enum class fault_kind : unsigned char {
    io,    ///< errc::io, nothing done
    full,  ///< errc::full, nothing done
    short_write,  ///< a write writes the first part of its bytes (a direct one whole blocks), then errc::full; other calls as `full`
    short_read,  ///< read_at hands out the first part of the bytes, as at the end of a file; other calls work
    flip_bit,  ///< read_at hands out, a write stores the bytes with one bit flipped and reports success; other calls work
    kill,      ///< the process ends at once, as by kill -9; a write has written its first part by then
};

struct fault {
    fault_kind    kind = fault_kind::io;
    std::uint64_t at =
        0;  ///< short_write, kill: how many bytes are written; short_read: are read; flip_bit: which bit; all modulo what the call moves
};

/// The calls that count and can fail.
enum class file_call : unsigned char {
    read,
    write,
    size,
    resize,
    sync,
    lock,
    open,
    exists,
    remove,
    rename,
    make_directory,
    list,
    sync_directory,
    direct_write  ///< when it is submitted; the fault shows in its completion
};

constexpr std::string_view to_string(file_call c) noexcept {
    constexpr std::string_view names[] = {"read",           "write", "size",           "resize",      "sync",
                                          "lock",           "open",  "exists",         "remove",      "rename",
                                          "make_directory", "list",  "sync_directory", "direct_write"};
    return names[static_cast<std::size_t>(c)];
}

/// The faults to come and the calls so far; one per world, shared by all its handles and open files. Thread-safe.
class fault_plan {
public:
    /// The n-th call from now on (from 1) has the fault, once.
    void fail_nth(std::uint64_t n, fault f = {}) { add({{}, n, f, false}); }
    /// The n-th call of that kind from now on has the fault, once.
    void fail_nth(file_call kind, std::uint64_t n, fault f = {}) { add({kind, n, f, false}); }
    /// The n-th call from now on and all after it have the fault, until clear().
    void fail_from(std::uint64_t n, fault f = {}) { add({{}, n, f, true}); }
    /// The n-th call of that kind from now on and all of that kind after it have the fault, until clear().
    void fail_from(file_call kind, std::uint64_t n, fault f = {}) { add({kind, n, f, true}); }
    /// Forgets the faults to come; the counters go on.
    void clear() {
        std::lock_guard const guard(mutex_);
        planned_.clear();
    }
    /// Calls so far, failed ones included.
    std::uint64_t calls() const {
        std::lock_guard const guard(mutex_);
        std::uint64_t         all = 0;
        for (auto const n : calls_) all += n;
        return all;
    }
    std::uint64_t calls(file_call kind) const {
        std::lock_guard const guard(mutex_);
        return calls_[static_cast<std::size_t>(kind)];
    }
    /// Faults that have struck.
    std::uint64_t struck() const {
        std::lock_guard const guard(mutex_);
        return struck_;
    }

    /// Counts a call and says which fault it has. For those who write wrappers.
    std::optional<fault> next(file_call kind) {
        std::lock_guard const guard(mutex_);
        ++calls_[static_cast<std::size_t>(kind)];
        std::optional<fault> due;
        for (auto& p : planned_) {
            if (p.only && *p.only != kind) continue;
            if (p.left > 0) --p.left;
            if (p.left == 0 && !due) due = p.what;
        }
        std::erase_if(planned_, [](planned const& p) { return p.left == 0 && !p.stays; });
        if (due) ++struck_;
        if (due && due->kind == fault_kind::kill && kind != file_call::write && kind != file_call::direct_write)
            detail::end_process();
        return due;
    }

private:
    struct planned {
        std::optional<file_call> only;
        std::uint64_t            left;
        fault                    what;
        bool                     stays;
    };
    void add(planned p) {
        expects(p.left > 0, "fail_nth and fail_from count from 1");
        std::lock_guard const guard(mutex_);
        planned_.push_back(p);
    }

    mutable std::mutex            mutex_;
    std::vector<planned>          planned_;
    std::array<std::uint64_t, 14> calls_{};
    std::uint64_t                 struck_ = 0;
};

/// faulty<Base> - Base, except where its fault_plan says otherwise.
///
/// Guarantee   with an empty plan it behaves as Base. A failed call does nothing to Base, but for the part of a short write; a
///             failed sync leaves the bytes unsynced in Base.
/// Threads     as Base; which of two concurrent calls is the n-th is open.
/// Use when    testing that every error is handed on and nothing acknowledged is lost:
///             for n in 1 ... calls of a good run: faults().fail_nth(n), run, check.
template <file_system Base>
class faulty {
public:
    using policy_axis                      = axis::file;
    static constexpr std::string_view name = "faulty";

    class file {
    public:
        result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const {
            auto const f = plan_->next(file_call::read);
            if (f && f->kind == fault_kind::short_read)
                return base_.read_at(offset, to.empty() ? to : to.first(static_cast<std::size_t>(f->at % to.size())));
            if (f && f->kind != fault_kind::flip_bit) return refuse(*f, file_call::read, base_.path());
            auto done = base_.read_at(offset, to);
            if (f && done && *done > 0) flip(to.first(*done), f->at);
            return done;
        }
        result<void> write_at(std::uint64_t offset, byte_view bytes) { return written(base_, *plan_, offset, bytes); }
        result<std::uint64_t> size() const {
            if (auto const f = strikes(*plan_, file_call::size)) return refuse(*f, file_call::size, base_.path());
            return base_.size();
        }
        result<void> resize(std::uint64_t n) {
            if (auto const f = strikes(*plan_, file_call::resize)) return refuse(*f, file_call::resize, base_.path());
            return base_.resize(n);
        }
        result<void> sync() {
            if (auto const f = strikes(*plan_, file_call::sync)) return refuse(*f, file_call::sync, base_.path());
            return base_.sync();
        }
        result<void> lock() {
            if (auto const f = strikes(*plan_, file_call::lock)) return refuse(*f, file_call::lock, base_.path());
            return base_.lock();
        }
        std::string path() const { return base_.path(); }

        /// Base's, for stores that map the file; reads through the map meet no faults.
        int descriptor() const
        requires requires(typename Base::file const& b) {
            { b.descriptor() } -> std::same_as<int>;
        }
        {
            return base_.descriptor();
        }

    private:
        friend class faulty;
        file(typename Base::file base, std::shared_ptr<fault_plan> plan)
            : base_(std::move(base)), plan_(std::move(plan)) {}

        typename Base::file         base_;
        std::shared_ptr<fault_plan> plan_;
    };

    /// Of a Base that maps files: a store is a write that can fail.
    template <class Mapping>
    class mapped_handle {
    public:
        result<void> write_at(std::uint64_t offset, byte_view bytes) { return written(base_, *plan_, offset, bytes); }
        result<void> sync() {
            if (auto const f = strikes(*plan_, file_call::sync)) return refuse(*f, file_call::sync, base_.path());
            return base_.sync();
        }
        void        prepare() { base_.prepare(); }
        void        finish() { base_.finish(); }
        write_mode  mode() const { return base_.mode(); }
        std::string path() const { return base_.path(); }

    private:
        friend class faulty;
        mapped_handle(typename Mapping::mapped_file base, std::shared_ptr<fault_plan> plan)
            : base_(std::move(base)), plan_(std::move(plan)) {}

        typename Mapping::mapped_file base_;
        std::shared_ptr<fault_plan>   plan_;
    };
    using mapped_file = std::conditional_t<mapping_file_system<Base>, mapped_handle<Base>, void>;

    class write_queue;
    class direct_file {
    public:
        std::size_t  block_bytes() const { return base_.block_bytes(); }
        write_mode   mode() const { return base_.mode(); }
        result<void> write(std::uint64_t offset, byte_view bytes, flush how) {
            auto const f = plan_->next(file_call::direct_write);
            if (!f || f->kind == fault_kind::short_read) return base_.write(offset, bytes, how);
            return struck(*f, offset, bytes, how);
        }
        result<void> sync() {
            if (auto const f = strikes(*plan_, file_call::sync)) return refuse(*f, file_call::sync, base_.path());
            return base_.sync();
        }
        std::string path() const { return base_.path(); }

    private:
        friend class faulty;
        friend class write_queue;
        direct_file(typename Base::direct_file base, std::shared_ptr<fault_plan> plan)
            : base_(std::move(base)), plan_(std::move(plan)) {}

        result<void> struck(fault const& f, std::uint64_t offset, byte_view bytes, flush how) {
            auto const block = base_.block_bytes();
            if (f.kind == fault_kind::flip_bit && !bytes.empty()) {
                std::vector<std::byte> space(bytes.size() + block);
                void*                  at   = space.data();
                auto                   room = space.size();
                std::align(block, bytes.size(), at, room);
                std::span<std::byte> const changed(static_cast<std::byte*>(at), bytes.size());
                std::copy(bytes.begin(), bytes.end(), changed.begin());
                flip(changed, f.at);
                return base_.write(offset, changed, how);
            }
            if (writes_part(f) && !bytes.empty()) {
                auto const part = static_cast<std::size_t>(f.at % bytes.size()) / block * block;
                if (auto done = base_.write(offset, bytes.first(part), how); !done) return done;
            }
            if (f.kind == fault_kind::kill) detail::end_process();
            return refuse(f, file_call::direct_write, base_.path());
        }

        typename Base::direct_file  base_;
        std::shared_ptr<fault_plan> plan_;
    };

    class write_queue {
    public:
        explicit write_queue(std::unique_ptr<typename Base::write_queue> base) : base_(std::move(base)) {}

        result<void> submit(direct_file& d, std::uint64_t offset, byte_view bytes, flush how, std::uint64_t tag) {
            if (auto const f = d.plan_->next(file_call::direct_write); f && f->kind != fault_kind::short_read) {
                auto                  done = d.struck(*f, offset, bytes, how);
                std::lock_guard const hold(mutex_);
                struck_.push_back({tag, std::move(done)});
                return {};
            }
            return base_->submit(d.base_, offset, bytes, how, tag);
        }
        std::optional<write_completion> poll() {
            auto out = take();
            return out ? std::move(out) : base_->poll();
        }
        write_completion wait() {
            auto out = take();
            return out ? *std::move(out) : base_->wait();
        }

    private:
        std::optional<write_completion> take() {
            std::lock_guard const hold(mutex_);
            if (struck_.empty()) return std::nullopt;
            auto out = std::move(struck_.back());
            struck_.pop_back();
            return out;
        }
        std::unique_ptr<typename Base::write_queue> base_;
        std::mutex                                  mutex_;
        std::vector<write_completion>               struck_;
    };

    explicit faulty(Base base = Base()) : base_(std::move(base)), plan_(std::make_shared<fault_plan>()) {}

    fault_plan& faults() const noexcept { return *plan_; }
    /// The world without faults.
    Base const& base() const noexcept { return base_; }
    Base&       base() noexcept { return base_; }

    result<file> open(std::string const& path, open_mode mode) {
        if (auto const f = strikes(*plan_, file_call::open)) return refuse(*f, file_call::open, path);
        auto opened = base_.open(path, mode);
        if (!opened) return fail(std::move(opened).error());
        return file(*std::move(opened), plan_);
    }
    result<direct_file> open_direct(std::string const& path) {
        if (auto const f = strikes(*plan_, file_call::open)) return refuse(*f, file_call::open, path);
        auto opened = base_.open_direct(path);
        if (!opened) return fail(std::move(opened).error());
        return direct_file(*std::move(opened), plan_);
    }
    result<mapped_file> open_mapped(std::string const& path)
    requires mapping_file_system<Base>
    {
        if (auto const f = strikes(*plan_, file_call::open)) return refuse(*f, file_call::open, path);
        auto opened = base_.open_mapped(path);
        if (!opened) return fail(std::move(opened).error());
        return mapped_file(*std::move(opened), plan_);
    }
    std::unique_ptr<write_queue> make_queue(std::size_t depth) {
        return std::make_unique<write_queue>(base_.make_queue(depth));
    }
    result<bool> exists(std::string const& path) {
        if (auto const f = strikes(*plan_, file_call::exists)) return refuse(*f, file_call::exists, path);
        return base_.exists(path);
    }
    result<void> remove(std::string const& path) {
        if (auto const f = strikes(*plan_, file_call::remove)) return refuse(*f, file_call::remove, path);
        return base_.remove(path);
    }
    result<void> rename(std::string const& from, std::string const& to) {
        if (auto const f = strikes(*plan_, file_call::rename)) return refuse(*f, file_call::rename, from);
        return base_.rename(from, to);
    }
    result<void> make_directory(std::string const& path) {
        if (auto const f = strikes(*plan_, file_call::make_directory))
            return refuse(*f, file_call::make_directory, path);
        return base_.make_directory(path);
    }
    result<std::vector<std::string>> list(std::string const& path) {
        if (auto const f = strikes(*plan_, file_call::list)) return refuse(*f, file_call::list, path);
        return base_.list(path);
    }
    result<void> sync_directory(std::string const& path) {
        if (auto const f = strikes(*plan_, file_call::sync_directory))
            return refuse(*f, file_call::sync_directory, path);
        return base_.sync_directory(path);
    }
    std::uint64_t now_ns() { return base_.now_ns(); }

private:
    template <class File>
    static result<void> written(File& base, fault_plan& plan, std::uint64_t offset, byte_view bytes) {
        auto const f = plan.next(file_call::write);
        if (!f || f->kind == fault_kind::short_read) return base.write_at(offset, bytes);
        if (f->kind == fault_kind::flip_bit) {
            byte_vector changed(bytes.begin(), bytes.end());
            if (!changed.empty()) flip(changed, f->at);
            return base.write_at(offset, changed);
        }
        if (writes_part(*f) && !bytes.empty())
            if (auto part = base.write_at(offset, bytes.first(static_cast<std::size_t>(f->at % bytes.size()))); !part)
                return part;
        if (f->kind == fault_kind::kill) detail::end_process();
        return refuse(*f, file_call::write, base.path());
    }
    static bool writes_part(fault const& f) noexcept {
        return f.kind == fault_kind::short_write || f.kind == fault_kind::kill;
    }
    /// Counts a call that moves no bytes; flips pass it by.
    static std::optional<fault> strikes(fault_plan& plan, file_call kind) {
        auto f = plan.next(kind);
        if (f && (f->kind == fault_kind::flip_bit || f->kind == fault_kind::short_read)) f.reset();
        return f;
    }
    static tl::unexpected<error> refuse(fault const& f, file_call kind, std::string const& path) {
        auto const io = f.kind == fault_kind::io;
        return fail(io ? errc::io : errc::full,
                    std::string("injected fault: ").append(to_string(kind)).append(" of '") + path +
                        (io ? "' failed" : "' found no space left"));
    }
    static void flip(std::span<std::byte> bytes, std::uint64_t bit) {
        bit %= bytes.size() * 8;
        bytes[static_cast<std::size_t>(bit / 8)] ^= static_cast<std::byte>(1u << (bit % 8));
    }

    Base                        base_;
    std::shared_ptr<fault_plan> plan_;
};

static_assert(file_system<faulty<archetype::file_policy>>);

}  // namespace tenon
