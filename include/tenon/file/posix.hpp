// SPDX-License-Identifier: Apache-2.0
// The file system of the operating system, through POSIX calls.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/file/concept.hpp"
#include "tenon/file/direct.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <limits>
#include <memory>
#include <mutex>
#include <string_view>
#include <system_error>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/vfs.h>
#endif

/// posix_files - the operating system's files, unbuffered by tenon.
///
/// Maps        open_mode -> open(2) with O_CLOEXEC; read_at/write_at -> pread/pwrite; sync -> fdatasync
///             (F_FULLFSYNC on macOS); sync_directory -> fsync of the directory; now_ns -> CLOCK_MONOTONIC. A direct file is
///             opened with O_DIRECT and flushed by RWF_DSYNC where the file system takes both; elsewhere pwrite and fdatasync.
/// Guarantee   interrupted calls are taken up again, short reads and writes continued. A file that is made gets mode 0644
///             less the umask. Locks are by file, not by name: two names of one file exclude each other.
/// Errors      ENOENT -> not_found; ENOSPC, EDQUOT, EFBIG -> full; EROFS and writes to a file opened read_only -> read_only;
///             EEXIST -> exists; all else -> io. The sentence has path, offset and the system's text.
/// Threads     as the concept says. The lock is one flock per open file; forked children share it until they close it.
/// Limits      network file systems may keep neither locks nor syncs. Off Linux, errc::locked names the holder's pid only when
///             the holder is this process.
/// Use when    the data must outlive the process.
namespace tenon {

namespace detail {

inline tl::unexpected<error> posix_failure(int code, std::string sentence) {
    auto kind   = errc::io;
    auto remedy = std::string_view{};
    switch (code) {
        case ENOENT: kind = errc::not_found; break;
        case EEXIST: kind = errc::exists; break;
        case ENOSPC:
            kind   = errc::full;
            remedy = "; free space on that disk";
            break;
        case EDQUOT:
            kind   = errc::full;
            remedy = "; the user's quota is used up";
            break;
        case EFBIG:
            kind   = errc::full;
            remedy = "; the file may not grow further (see ulimit -f and the file system's limit)";
            break;
        case EROFS:
            kind   = errc::read_only;
            remedy = "; mount the file system for writing";
            break;
        case EACCES:
        case EPERM: remedy = "; check the permissions of the file and of its directory"; break;
        case EMFILE:
        case ENFILE: remedy = "; too many files are open, raise the limit (ulimit -n)"; break;
        case EIO: remedy = "; the medium may be failing"; break;
        default: break;
    }
    sentence.append(": ").append(std::system_category().message(code)).append(remedy);
    return fail(kind, std::move(sentence));
}

template <class Call>
auto posix_retry(Call call) {
    for (;;) {
        auto const got = call();
        if (got >= 0 || errno != EINTR) return got;
    }
}

/// The files that this process has locked. flock is what excludes; beside it the holder keeps a record lock on one byte far
/// behind the file's end, only because F_GETLK tells others that lock's pid. The kernel drops record locks when
/// the process closes *any* descriptor of the file, so every close comes through here to renew it.
class posix_locks {
public:
    static posix_locks& here() {
        static auto* locks = new posix_locks;  // never destroyed: files may close during exit
        return *locks;
    }

    /// 0, or the errno of flock. On EWOULDBLOCK `holder` is the pid where it could be found, else 0.
    int take(int fd, bool writable, long& holder) {
        holder = 0;
        for (int attempt = 0;; ++attempt) {
            {
                std::lock_guard const guard(mutex_);
                if (posix_retry([&] { return ::flock(fd, LOCK_EX | LOCK_NB); }) == 0) {
                    struct stat info{};
                    if (::fstat(fd, &info) == 0 &&
                        std::none_of(held_.begin(), held_.end(), [&](auto& h) { return h.fd == fd; }))
                        held_.push_back({info.st_dev, info.st_ino, fd, writable, static_cast<long>(::getpid())});
                    announce(fd, writable);
                    return 0;
                }
                if (errno != EWOULDBLOCK) return errno;
                holder = find(fd);
            }
            if (holder != 0 || attempt == 20) return EWOULDBLOCK;
            timespec const a_moment{0, 1'000'000};  // the holder is between its two locks, or about to close
            ::nanosleep(&a_moment, nullptr);
        }
    }
    void close(int fd) {
        std::lock_guard const guard(mutex_);
        if (held_.empty()) {
            ::close(fd);
            return;
        }
        struct stat info{};
        auto const  known = ::fstat(fd, &info) == 0;
        std::erase_if(held_, [&](auto& h) { return h.fd == fd; });
        ::close(fd);
        if (!known) return;
        for (auto const& h : held_)
            if (h.device == info.st_dev && h.inode == info.st_ino) announce(h.fd, h.writable);
    }

private:
    struct holding {
        dev_t device;
        ino_t inode;
        int   fd;
        bool  writable;
        long  pid;
    };

    static struct flock mark(short type) {
        struct flock m{};
        m.l_type   = type;
        m.l_whence = SEEK_SET;
        m.l_start  = std::numeric_limits<off_t>::max() - 1;
        m.l_len    = 1;
        return m;
    }
    static void announce([[maybe_unused]] int fd, [[maybe_unused]] bool writable) {
#if defined(__linux__)  // elsewhere flock and record locks exclude each other
        auto m = mark(writable ? F_WRLCK : F_RDLCK);
        ::fcntl(fd, F_SETLK, &m);
#endif
    }
    long find(int fd) const {
        struct stat info{};
        if (::fstat(fd, &info) == 0)
            for (auto const& h : held_)
                if (h.device == info.st_dev && h.inode == info.st_ino) return h.pid;
        auto m = mark(F_WRLCK);
        if (::fcntl(fd, F_GETLK, &m) == 0 && m.l_type != F_UNLCK && m.l_pid > 0) return m.l_pid;
        return 0;
    }

    std::mutex           mutex_;
    std::vector<holding> held_;
};

}  // namespace detail

struct posix_files {
    using policy_axis                      = axis::file;
    static constexpr std::string_view name = "posix";

    class file {
    public:
        file(file&& other) noexcept
            : fd_(std::exchange(other.fd_, -1)), writable_(other.writable_), path_(std::move(other.path_)) {}
        file& operator=(file&& other) noexcept {
            if (this != &other) {
                close();
                fd_       = std::exchange(other.fd_, -1);
                writable_ = other.writable_;
                path_     = std::move(other.path_);
            }
            return *this;
        }
        file(file const&)            = delete;
        file& operator=(file const&) = delete;
        ~file() { close(); }

        result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const {
            std::size_t done = 0;
            while (done < to.size() && offset + done <= largest && offset <= largest) {
                auto const want = std::min(to.size() - done, chunk);
                auto const got  = detail::posix_retry(
                    [&] { return ::pread(fd_, to.data() + done, want, static_cast<off_t>(offset + done)); });
                if (got < 0)
                    return detail::posix_failure(errno, "cannot read " + extent(offset + done, to.size() - done));
                if (got == 0) break;
                done += static_cast<std::size_t>(got);
            }
            return done;
        }
        result<void> write_at(std::uint64_t offset, byte_view bytes) {
            if (!writable_)
                return fail(errc::read_only, {"cannot write to '", path_, "': it is open for reading only"});
            if (offset > largest || bytes.size() > largest - offset)
                return fail(errc::too_large,
                            {"cannot write ", extent(offset, bytes.size()), ": no file is that large"});
            std::size_t done = 0;
            while (done < bytes.size()) {
                auto const want = std::min(bytes.size() - done, chunk);
                auto const put  = detail::posix_retry(
                    [&] { return ::pwrite(fd_, bytes.data() + done, want, static_cast<off_t>(offset + done)); });
                if (put <= 0)
                    return detail::posix_failure(put < 0 ? errno : EIO,
                                                 "cannot write " + extent(offset + done, bytes.size() - done));
                done += static_cast<std::size_t>(put);
            }
            return {};
        }
        result<std::uint64_t> size() const {
            struct stat info{};
            if (::fstat(fd_, &info) != 0)
                return detail::posix_failure(errno, "cannot tell the size of '" + path_ + "'");
            return static_cast<std::uint64_t>(info.st_size);
        }
        [[gnu::cold]] result<void> resize(std::uint64_t n) {
            if (!writable_) return fail(errc::read_only, {"cannot resize '", path_, "': it is open for reading only"});
            if (n > largest)
                return fail(errc::too_large, {"cannot resize '", path_, "' to ", n, " bytes: no file is that large"});
            if (detail::posix_retry([&] { return ::ftruncate(fd_, static_cast<off_t>(n)); }) != 0)
                return detail::posix_failure(errno, "cannot resize '" + path_ + "' to " + std::to_string(n) + " bytes");
            return {};
        }
        result<void> sync() {
#if defined(__APPLE__)
            auto const done = detail::posix_retry([&] { return ::fcntl(fd_, F_FULLFSYNC); });
#else
            auto const done = detail::posix_retry([&] { return ::fdatasync(fd_); });
#endif
            if (done < 0)
                return detail::posix_failure(
                    errno, "cannot sync '" + path_ + "', what was written since its last sync may be lost");
            return {};
        }
        /// Doing it again on the same open file changes nothing.
        [[gnu::cold]] result<void> lock() {
            long       holder = 0;
            auto const code   = detail::posix_locks::here().take(fd_, writable_, holder);
            if (code == 0) return {};
            if (code != EWOULDBLOCK) return detail::posix_failure(code, "cannot lock '" + path_ + "'");
            auto const who = holder == 0 ? std::string("another process") : "process " + std::to_string(holder);
            return fail(errc::locked,
                        {"'", path_, "' is in use by ", who,
                         (holder == ::getpid() ? " (this one); close it there first" : "; close it there or wait")});
        }
        std::string const& path() const noexcept { return path_; }

        /// The open descriptor, for mmap; it stays this object's, do not close it.
        int descriptor() const noexcept { return fd_; }

    private:
        friend struct posix_files;
        file(int fd, bool writable, std::string path) : fd_(fd), writable_(writable), path_(std::move(path)) {}

        static constexpr std::uint64_t largest = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
        static constexpr std::size_t   chunk   = std::size_t{1} << 30;  // macOS refuses 2 GiB and more in one call

        void close() noexcept {
            if (fd_ >= 0) detail::posix_locks::here().close(std::exchange(fd_, -1));
        }
        std::string extent(std::uint64_t offset, std::size_t n) const {
            return std::to_string(n) + " bytes at offset " + std::to_string(offset) + " of '" + path_ + "'";
        }

        int         fd_;
        bool        writable_;
        std::string path_;
    };

    class direct_file {
    public:
        std::size_t block_bytes() const noexcept { return block_; }
        write_mode  mode() const noexcept { return shared_->mode.load(std::memory_order_relaxed); }

        result<void> write(std::uint64_t offset, byte_view bytes, flush f) {
            detail::expect_whole_blocks(block_, offset, bytes);
#if defined(RWF_DSYNC) && defined(O_DIRECT)
            while (mode() == write_mode::direct && !bytes.empty()) {
                iovec const part{const_cast<std::byte*>(bytes.data()), std::min(bytes.size(), file::chunk)};
                auto const  put = detail::posix_retry([&] {
                    return ::pwritev2(file_.fd_, &part, 1, static_cast<off_t>(offset), f == flush::yes ? RWF_DSYNC : 0);
                });
                if (put <= 0) {
                    auto const code = put < 0 ? errno : EIO;
                    if (code != EINVAL && code != EOPNOTSUPP && code != ENOSYS)
                        return detail::posix_failure(code, "cannot write " + file_.extent(offset, bytes.size()));
                    if (auto const flags = ::fcntl(file_.fd_, F_GETFL); flags >= 0)
                        ::fcntl(file_.fd_, F_SETFL, flags & ~O_DIRECT);
                    shared_->mode.store(write_mode::cached, std::memory_order_relaxed);  // and write it that way below
                    break;
                }
                offset += static_cast<std::uint64_t>(put);
                bytes = bytes.subspan(static_cast<std::size_t>(put));
                if (bytes.empty()) return {};
            }
#endif
            if (auto done = file_.write_at(offset, bytes); !done) return done;
            return f == flush::yes ? sync() : result<void>{};
        }
        result<void> sync() {
            return shared_->turns.take(path(), [this] { return file_.sync(); });
        }
        std::string const& path() const noexcept { return file_.path(); }
        /// The open descriptor; it stays this object's, do not close it.
        int descriptor() const noexcept { return file_.descriptor(); }

    private:
        friend struct posix_files;
        direct_file(file f, std::size_t block, write_mode m)
            : file_(std::move(f)), block_(block), shared_(std::make_unique<shared>(m)) {}

        struct shared {
            explicit shared(write_mode m) : mode(m) {}
            std::atomic<write_mode> mode;
            detail::sync_turns      turns;
        };
        file                    file_;
        std::size_t             block_;
        std::unique_ptr<shared> shared_;  // on the heap, so that the file can move
    };
    using write_queue = pooled_queue<direct_file>;

    /// On ext4 and tmpfs a mapping, which these never fail to write to when the file has all its blocks; elsewhere, off Linux, and for a file with
    /// holes an ordinary file. An error of the medium while a page is read back ends the process with SIGBUS.
    class mapped_file {
    public:
        mapped_file(mapped_file&& other) noexcept
            : file_(std::move(other.file_)), at_(std::exchange(other.at_, nullptr)), bytes_(other.bytes_) {}
        mapped_file& operator=(mapped_file&& other) noexcept {
            file_ = std::move(other.file_);
            std::swap(at_, other.at_);
            std::swap(bytes_, other.bytes_);
            return *this;
        }
        mapped_file(mapped_file const&)            = delete;
        mapped_file& operator=(mapped_file const&) = delete;
        ~mapped_file() { finish(); }

        write_mode   mode() const noexcept { return at_ != nullptr ? write_mode::mapped : write_mode::cached; }
        result<void> write_at(std::uint64_t offset, byte_view bytes) {
            if (at_ == nullptr) return file_.write_at(offset, bytes);
            expects(offset <= bytes_ && bytes.size() <= bytes_ - offset, "a mapped file does not grow");
            if (!bytes.empty()) std::memcpy(at_ + offset, bytes.data(), bytes.size());
            return {};
        }
        /// Takes the page faults, which cost more than the stores.
        [[gnu::cold]] void prepare() noexcept {
#if defined(MADV_POPULATE_WRITE)
            if (at_ != nullptr) ::madvise(at_, bytes_, MADV_POPULATE_WRITE);
#endif
        }
        /// Pages that are mapped must be protected again before each can be written back.
        [[gnu::cold]] void finish() noexcept {
            if (at_ != nullptr) ::munmap(std::exchange(at_, nullptr), bytes_);
        }
        result<void>       sync() { return file_.sync(); }  // Linux writes back what was stored as well
        std::string const& path() const noexcept { return file_.path(); }

    private:
        friend struct posix_files;
        mapped_file(file f, std::byte* at, std::size_t bytes) : file_(std::move(f)), at_(at), bytes_(bytes) {}

        file        file_;
        std::byte*  at_;
        std::size_t bytes_;
    };
    [[gnu::cold]] result<mapped_file> open_mapped(std::string const& path) {
        auto opened = open(path, open_mode::read_write);
        if (!opened) return fail(std::move(opened).error());
        std::byte*  at    = nullptr;
        std::size_t bytes = 0;
#if defined(__linux__)
        struct statfs where{};
        struct stat   info{};
        if (::fstatfs(opened->fd_, &where) == 0 && ::fstat(opened->fd_, &info) == 0 && info.st_size > 0 &&
            info.st_blocks * 512 >= info.st_size && (where.f_type == 0xEF53 || where.f_type == 0x01021994)) {
            bytes            = static_cast<std::size_t>(info.st_size);
            auto* const made = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, opened->fd_, 0);
            if (made != MAP_FAILED) at = static_cast<std::byte*>(made);
        }
#endif
        return mapped_file(*std::move(opened), at, bytes);
    }

    [[gnu::cold]] result<direct_file> open_direct(std::string const& path) {
        std::size_t block = 4096;
#if defined(RWF_DSYNC) && defined(O_DIRECT)
        auto       copy = path;  // copied before there is anything to close
        auto const fd   = detail::posix_retry([&] { return ::open(path.c_str(), O_CLOEXEC | O_RDWR | O_DIRECT); });
        if (fd >= 0) {
            bool direct = true;
#if defined(STATX_DIOALIGN)
            struct statx info{};
            if (::statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &info) == 0 && (info.stx_mask & STATX_DIOALIGN) != 0) {
                direct = info.stx_dio_offset_align != 0;
                block  = std::max<std::size_t>({block, info.stx_dio_offset_align, info.stx_dio_mem_align});
            }
#endif
            if (direct) return direct_file(file(fd, true, std::move(copy)), block, write_mode::direct);
            detail::posix_locks::here().close(fd);
        }
#endif
        auto opened = open(path, open_mode::read_write);
        if (!opened) return fail(std::move(opened).error());
        return direct_file(*std::move(opened), block, write_mode::cached);
    }
    std::unique_ptr<write_queue> make_queue(std::size_t depth) { return std::make_unique<write_queue>(depth); }

    [[gnu::cold]] result<file> open(std::string const& path, open_mode mode) {
        auto const flags =
            O_CLOEXEC | (mode == open_mode::read_only ? O_RDONLY : O_RDWR) | (mode == open_mode::create ? O_CREAT : 0);
        auto       copy = path;  // copied before there is anything to close
        auto const fd   = detail::posix_retry([&] { return ::open(path.c_str(), flags, 0644); });
        if (fd < 0) {
            auto const code = errno;
            if (code == ENOENT && mode == open_mode::create)
                return fail(errc::not_found, {"cannot make '", path, "': there is no directory '",
                                              parent_directory(path), "'; make it first"});
            if (code == ENOENT) return fail(errc::not_found, {"there is no file '", path, "'"});
            return detail::posix_failure(code, "cannot open '" + path + "'");
        }
        file        opened(fd, mode != open_mode::read_only, std::move(copy));
        struct stat info{};
        if (::fstat(fd, &info) != 0) return detail::posix_failure(errno, "cannot open '" + path + "'");
        if (S_ISDIR(info.st_mode)) return detail::posix_failure(EISDIR, "cannot open '" + path + "'");
        return opened;
    }
    [[gnu::cold]] result<bool> exists(std::string const& path) {
        struct stat info{};
        if (::stat(path.c_str(), &info) == 0) return true;
        if (errno == ENOENT || errno == ENOTDIR) return false;
        return detail::posix_failure(errno, "cannot tell whether '" + path + "' exists");
    }
    [[gnu::cold]] result<void> remove(std::string const& path) {
        if (::unlink(path.c_str()) != 0) return detail::posix_failure(errno, "cannot remove '" + path + "'");
        return {};
    }
    [[gnu::cold]] result<void> rename(std::string const& from, std::string const& to) {
        if (::rename(from.c_str(), to.c_str()) != 0)
            return detail::posix_failure(errno, "cannot rename '" + from + "' to '" + to + "'");
        return {};
    }
    [[gnu::cold]] result<void> make_directory(std::string const& path) {
        if (::mkdir(path.c_str(), 0755) == 0) return {};
        auto const  code = errno;
        struct stat info{};
        if (code == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
        return detail::posix_failure(code, "cannot make the directory '" + path + "'");
    }
    [[gnu::cold]] result<std::vector<std::string>> list(std::string const& path) {
        std::unique_ptr<DIR, int (*)(DIR*)> const dir(::opendir(path.c_str()), &::closedir);
        if (dir == nullptr) return detail::posix_failure(errno, "cannot list '" + path + "'");
        std::vector<std::string> names;
        errno = 0;
        while (auto const* entry = ::readdir(dir.get())) {
            std::string_view const n = entry->d_name;
            if (n != "." && n != "..") names.emplace_back(n);
            errno = 0;
        }
        auto const code = errno;
        if (code != 0) return detail::posix_failure(code, "cannot list '" + path + "'");
        std::sort(names.begin(), names.end());
        return names;
    }
    [[gnu::cold]] result<void> sync_directory(std::string const& path) {
        auto const fd = detail::posix_retry([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
        if (fd < 0) return detail::posix_failure(errno, "cannot sync the directory '" + path + "'");
        auto const done = detail::posix_retry([&] { return ::fsync(fd); });
        auto const code = errno;
        ::close(fd);
        if (done != 0)
            return detail::posix_failure(code, "cannot sync the directory '" + path + "', renames in it may be lost");
        return {};
    }
    std::uint64_t now_ns() const noexcept {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
    }
};

static_assert(sizeof(off_t) == 8, "tenon: files need 64-bit offsets; compile with -D_FILE_OFFSET_BITS=64");
static_assert(file<posix_files::file>);
static_assert(file_system<posix_files> && mapping_file_system<posix_files>);

}  // namespace tenon
