// SPDX-License-Identifier: Apache-2.0
#include "heap.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

heap_switch heap;

namespace {
void* take(std::size_t n, std::size_t align) noexcept {
    if (heap.refuses()) return nullptr;
    n = std::max<std::size_t>(n, 1);
    return align <= alignof(std::max_align_t) ? std::malloc(n)
                                              : std::aligned_alloc(align, (n + align - 1) / align * align);
}
void* take_or_throw(std::size_t n, std::size_t align) {
    if (auto* p = take(n, align)) return p;
    throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t n) { return take_or_throw(n, 1); }
void* operator new[](std::size_t n) { return take_or_throw(n, 1); }
void* operator new(std::size_t n, std::align_val_t a) { return take_or_throw(n, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return take_or_throw(n, static_cast<std::size_t>(a)); }
void* operator new(std::size_t n, std::nothrow_t const&) noexcept { return take(n, 1); }
void* operator new[](std::size_t n, std::nothrow_t const&) noexcept { return take(n, 1); }
void* operator new(std::size_t n, std::align_val_t a, std::nothrow_t const&) noexcept {
    return take(n, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t n, std::align_val_t a, std::nothrow_t const&) noexcept {
    return take(n, static_cast<std::size_t>(a));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
