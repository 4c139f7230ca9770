// SPDX-License-Identifier: Apache-2.0
// Where large arrays lie: on cache lines, and on huge pages where the system has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#endif

/// placement - policies that say how memory is laid out: cache_lines, huge_pages.
///
/// A random read of memory on 4 KiB pages costs a second walk through the page tables; on pages of 2 MiB it seldom does. Over
/// 100 million keys that is a factor of about two. So whatever is large and read at random lies on huge pages.
///
/// Guarantee   memory is aligned to 64 bytes (cache_lines), and from 2 MiB on to 2 MiB with the system asked for huge pages
///             (huge_pages). Where the system has none, or refuses, nothing else changes.
/// Errors      std::bad_alloc.
/// Threads     any.
namespace tenon {

inline constexpr std::size_t cache_line     = 64;
inline constexpr std::size_t huge_page_size = std::size_t{2} << 20;

/// Asks the system to keep mapped or allocated memory on huge pages; only whole ones inside [p, p + bytes) are asked for. True
/// when it agreed: Linux with transparent huge pages in mode madvise or always, and for files on file systems that have them.
inline bool advise_huge_pages([[maybe_unused]] void const* p, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(MADV_HUGEPAGE)
    auto const first = (reinterpret_cast<std::uintptr_t>(p) + huge_page_size - 1) / huge_page_size * huge_page_size;
    auto const last  = (reinterpret_cast<std::uintptr_t>(p) + bytes) / huge_page_size * huge_page_size;
    if (first >= last) return false;
    return ::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE) == 0;
#else
    return false;
#endif
}

/// Lines of 64 bytes, ordinary pages. Aligned by hand: a heap keeps small pieces at hand for each thread, but not aligned ones.
struct cache_lines {
    static void* allocate(std::size_t bytes) {
        if (bytes > std::numeric_limits<std::size_t>::max() - cache_line) throw std::bad_alloc();
        void* const all = ::operator new(bytes + cache_line);
        auto* const out =
            static_cast<std::byte*>(all) + cache_line - reinterpret_cast<std::uintptr_t>(all) % cache_line;
        std::memcpy(out - sizeof all, &all, sizeof all);
        return out;
    }
    static void deallocate(void* p, std::size_t) noexcept {
        void* all;
        std::memcpy(&all, static_cast<std::byte*>(p) - sizeof all, sizeof all);
        ::operator delete(all);
    }
    static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ >= sizeof(void*));
};

/// Huge pages from 2 MiB on, lines below. Whole pages come from the system itself: the heap would keep its own notes beside them, for
/// which a further page is cleared.
struct huge_pages {
    static void* allocate(std::size_t bytes) {
        if (bytes < huge_page_size) return cache_lines::allocate(bytes);
        void* const p = pages(whole(bytes));
        advise_huge_pages(p, whole(bytes));
        return p;
    }
    static void deallocate(void* p, std::size_t bytes) noexcept {
        if (bytes < huge_page_size) return cache_lines::deallocate(p, bytes);
#if defined(MAP_ANONYMOUS)
        ::munmap(p, (bytes + huge_page_size - 1) / huge_page_size * huge_page_size);
#else
        ::operator delete(p, std::align_val_t{huge_page_size});
#endif
    }

private:
    static void* pages(std::size_t bytes) {
#if defined(MAP_ANONYMOUS)
        auto const  more = bytes + huge_page_size;  // what lies before and behind the aligned part goes back
        void* const all  = ::mmap(nullptr, more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED) throw std::bad_alloc();
        auto* const first  = static_cast<std::byte*>(all);
        auto const  before = (huge_page_size - reinterpret_cast<std::uintptr_t>(all) % huge_page_size) % huge_page_size;
        if (before > 0) ::munmap(first, before);
        ::munmap(first + before + bytes, huge_page_size - before);
        return first + before;
#else
        return ::operator new(bytes, std::align_val_t{huge_page_size});
#endif
    }
    static std::size_t whole(std::size_t bytes) {
        if (bytes > std::numeric_limits<std::size_t>::max() - 2 * huge_page_size) throw std::bad_alloc();
        return (bytes + huge_page_size - 1) / huge_page_size * huge_page_size;
    }
};

/// A standard allocator over a placement.
template <class T, class Placement = huge_pages>
struct placed_allocator {
    using value_type = T;
    template <class U>
    struct rebind {
        using other = placed_allocator<U, Placement>;
    };
    placed_allocator() = default;
    template <class U>
    placed_allocator(placed_allocator<U, Placement> const&) noexcept {}

    T* allocate(std::size_t n) {
        if (n > std::numeric_limits<std::size_t>::max() / 2 / sizeof(T)) throw std::bad_array_new_length();
        return static_cast<T*>(Placement::allocate(n * sizeof(T)));
    }
    void        deallocate(T* p, std::size_t n) noexcept { Placement::deallocate(p, n * sizeof(T)); }
    friend bool operator==(placed_allocator const&, placed_allocator const&) noexcept { return true; }
};

/// `tenon::placed_vector<std::uint64_t> keys;` is a vector on huge pages.
template <class T, class Placement = huge_pages>
using placed_vector = std::vector<T, placed_allocator<T, Placement>>;

}  // namespace tenon
