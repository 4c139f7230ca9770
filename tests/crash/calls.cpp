// SPDX-License-Identifier: Apache-2.0
#include "calls.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstddef>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

call_switch calls;

unsigned call_switch::next() noexcept {
    if (!on.load(std::memory_order_relaxed)) return 0;
    auto x = seed.load(std::memory_order_relaxed) + 0x9e3779b97f4a7c15u * (1 + calls.fetch_add(1));
    x      = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x      = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return static_cast<unsigned>((x ^ (x >> 31)) % 4 % 3);
}

#if defined(__linux__) && defined(__x86_64__)
namespace {

/// Whether the call fails with EINTR, for which errno is set then.
bool interrupted() noexcept {
    if (calls.next() != 1) return false;
    calls.interrupted.fetch_add(1);
    errno = EINTR;
    return true;
}
/// How many of n bytes a call moves, in whole units; 0: it is interrupted.
std::size_t moved(std::size_t n, std::size_t unit) noexcept {
    auto const what = calls.next();
    if (what == 1) {
        calls.interrupted.fetch_add(1);
        errno = EINTR;
        return 0;
    }
    auto const part = std::max(unit, n / 3 / unit * unit);
    if (what != 2 || part >= n) return n;
    calls.shortened.fetch_add(1);
    return part;
}

}  // namespace

// Named as in the C library, whose own are not asked.
extern "C" {
ssize_t pread(int fd, void* to, std::size_t n, off_t at) {
    auto const part = moved(n, 1);
    return part == 0 && n != 0 ? -1 : ::syscall(SYS_pread64, fd, to, part, at);
}
ssize_t pwrite(int fd, void const* from, std::size_t n, off_t at) {
    auto const part = moved(n, 1);
    return part == 0 && n != 0 ? -1 : ::syscall(SYS_pwrite64, fd, from, part, at);
}
/// With one piece, as the library calls it. Past the page cache only whole blocks move.
ssize_t pwritev2(int fd, iovec const* pieces, int count, off_t at, int flags) {
    auto       piece = pieces[0];
    auto const part  = moved(piece.iov_len, 4096);
    if (part == 0 && piece.iov_len != 0) return -1;
    piece.iov_len = part;
    return ::syscall(SYS_pwritev2, fd, count == 1 ? &piece : pieces, count, at, 0, flags);
}
int fdatasync(int fd) { return interrupted() ? -1 : static_cast<int>(::syscall(SYS_fdatasync, fd)); }
int fsync(int fd) { return interrupted() ? -1 : static_cast<int>(::syscall(SYS_fsync, fd)); }
int ftruncate(int fd, off_t n) noexcept {
    return interrupted() ? -1 : static_cast<int>(::syscall(SYS_ftruncate, fd, n));
}
int flock(int fd, int how) noexcept { return interrupted() ? -1 : static_cast<int>(::syscall(SYS_flock, fd, how)); }
int open(char const* path, int flags, ...) {
    unsigned mode = 0;
    if ((flags & O_CREAT) != 0) {
        std::va_list more;
        va_start(more, flags);
        mode = va_arg(more, unsigned);
        va_end(more);
    }
    return interrupted() ? -1 : static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}
}
#endif
