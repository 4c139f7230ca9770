// SPDX-License-Identifier: Apache-2.0
// Memory of the benches of indexes: 2 MB pages for all, peers included, and what the heap holds.
#pragma once

#include "measure.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace bench {

inline constexpr std::size_t huge_page = std::size_t{1} << 21;

/// n values on 2 MB pages, aligned to them; `spare` more behind them, which may be read.
template <class T>
class paged {
public:
    paged() = default;
    explicit paged(std::size_t n, T fill = T{}, std::size_t spare = 64) : size_(n) {
        auto const  bytes = ((n + spare) * sizeof(T) + huge_page - 1) / huge_page * huge_page;
        auto* const made  = static_cast<T*>(std::aligned_alloc(huge_page, bytes));
        if (made == nullptr) die("no memory for " + atlas::human_bytes(bytes) + "; take fewer --keys");
        ::madvise(made, bytes, MADV_HUGEPAGE);
        std::uninitialized_fill_n(made, bytes / sizeof(T), fill);
        at_.reset(made);
    }
    template <class From>
    static paged of(From const& values, T fill = T{}) {
        paged out(values.size(), fill);
        std::copy(values.begin(), values.end(), out.begin());
        return out;
    }
    T*                 begin() const noexcept { return at_.get(); }
    T*                 end() const noexcept { return at_.get() + size_; }
    T&                 operator[](std::size_t i) const noexcept { return at_.get()[i]; }
    std::size_t        size() const noexcept { return size_; }
    std::span<T const> view() const noexcept { return {at_.get(), size_}; }
    std::span<T>       room() const noexcept { return {at_.get(), size_}; }

private:
    struct frees {
        void operator()(T* p) const noexcept { std::free(p); }
    };
    std::unique_ptr<T, frees> at_;
    std::size_t               size_ = 0;
};

/// Starts the program again with a heap on 2 MB pages: the C library reads that wish before main only.
inline void ask_for_huge_pages(char** argv) {
    constexpr char const* wish = "glibc.malloc.hugetlb=1";
    auto const* const     now  = std::getenv("GLIBC_TUNABLES");
    std::string           all  = now == nullptr ? "" : now;
    if (all.find("glibc.malloc.hugetlb") != std::string::npos) return;
    all += (all.empty() ? "" : ":") + std::string(wish);
    ::setenv("GLIBC_TUNABLES", all.c_str(), 1);
    ::execv("/proc/self/exe", argv);  // where there is no such file, the heap has the pages that it has
}

/// Whether transparent huge pages can be had, in words.
inline std::string huge_page_setting() {
    std::ifstream in("/sys/kernel/mm/transparent_hugepage/enabled");
    std::string   line;
    if (!std::getline(in, line)) return "2 MB pages unknown here; everything may lie on 4 KB pages";
    if (line.find("[never]") != std::string::npos) return "4 KB: transparent huge pages are switched off (never)";
    return "2 MB, by madvise for arrays and the heap (transparent huge pages: " + line + ")";
}
/// Of the program's own memory, what lies on 2 MB pages now, and all of it.
inline std::pair<std::uint64_t, std::uint64_t> huge_and_all_bytes() {
    std::ifstream in("/proc/self/smaps_rollup");
    std::uint64_t huge = 0, all = 0, value = 0;
    std::string   word;
    while (in >> word) {
        if (word == "AnonHugePages:" && in >> value) huge = value * 1024;
        if (word == "Anonymous:" && in >> value) all = value * 1024;
    }
    return {huge, all};
}

/// Uses memory once and gives it back: a virtual machine may get pages from its host when they are touched for the first time, which takes
/// milliseconds for 2 MB and is no cost of what is measured.
inline void touch_memory(std::size_t bytes) {
    auto* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return;
    ::madvise(at, bytes, MADV_HUGEPAGE);
    std::memset(at, 1, bytes);
    ::munmap(at, bytes);
}

/// Bytes that the heap has given out, the allocator's own bookkeeping included.
inline std::uint64_t heap_bytes() {
    auto const m = ::mallinfo2();
    return m.uordblks + m.hblkhd;
}

}  // namespace bench
