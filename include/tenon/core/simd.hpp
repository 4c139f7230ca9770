// SPDX-License-Identifier: Apache-2.0
// Vector kernels chosen for the machine at run time; the one header that includes Highway.
#pragma once

/// simd - distances, box scans and rank counts for the best instruction set the machine has.
///
/// Maps        simd::active() -> the table of kernels (core/simd_table.hpp says what each computes).
/// Guarantee   One table for the whole program: every object computes the same bits. Different machines may choose
///             different tables, which differ in the last bits of a sum.
/// Cost        a load and an indirect call; kernels take one query against many rows so that it is paid once.
/// Threads     any.
/// Limits      Highway's foreach_target.h works once in a translation unit and this header uses it: keep multi-target
///             kernels of your own in a source file that does not include tenon.
/// Flags       Objects built with different -m flags link and run together: kernels are named after the flags
///             (core/simd_flags.hpp), each object brings all targets above its flags, and the choice is by the CPU. A program
///             still runs only where the flags of the code that it executes are met; inline functions of any library,
///             tenon's other templates and std::vector among them, may be kept from the object with the
///             highest flags. Build what must run everywhere with the lowest flags.
/// Source      Highway; its own dispatch needs -lhwy, this table needs no library.

#include "tenon/core/simd_table.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <span>

#if defined(HIGHWAY_HWY_FOREACH_TARGET_H_) || defined(HWY_TARGET_INCLUDE)
#error \
    "tenon: this file uses hwy/foreach_target.h itself, which works once: move those kernels to a source file that does not include tenon"
#endif
// Machines with SSSE3 but without SSE4.2, AES and PCLMUL (before 2010) take the static kernels; a target less to compile.
#if !defined(HWY_DISABLED_TARGETS) && !defined(HWY_BASE_H_)
#define HWY_DISABLED_TARGETS HWY_SSSE3
#endif
#if defined(__AVX512VNNI__) && !defined(HWY_WANT_AVX3_DL)
#define HWY_WANT_AVX3_DL  // Highway 1.0.3 stops when flags allow a target that has to be asked for
#endif
#define HWY_TARGET_INCLUDE "tenon/core/simd-inl.hpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "tenon/core/simd-inl.hpp"

namespace tenon::simd {
inline namespace TENON_SIMD_FLAGS {

#if defined(__x86_64__) || defined(__i386__)
#define TENON_SIMD_CPU_AVX2_                                                                             \
    (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") && \
     __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul"))
#endif

/// The tables compiled into this object that this machine can run, best first; never empty.
inline std::span<kernels const* const> targets() noexcept {
    static constexpr kernels fixed = HWY_NAMESPACE::table("static");
#if defined(TENON_SIMD_CPU_AVX2_) && (HWY_TARGETS & HWY_AVX3) && (HWY_STATIC_TARGET != HWY_AVX3)
    static constexpr kernels avx3 = N_AVX3::table("avx3");
#endif
#if defined(TENON_SIMD_CPU_AVX2_) && (HWY_TARGETS & HWY_AVX2) && (HWY_STATIC_TARGET != HWY_AVX2)
    static constexpr kernels avx2 = N_AVX2::table("avx2");
#endif
#if defined(TENON_SIMD_CPU_AVX2_) && (HWY_TARGETS & HWY_SSE4) && (HWY_STATIC_TARGET != HWY_SSE4)
    static constexpr kernels sse4 = N_SSE4::table("sse4");
#endif
    struct list {
        std::array<kernels const*, 4> tables{};
        std::size_t                   size = 0;
        void                          add(kernels const& k) noexcept { tables[size++] = &k; }
    };
    static list const usable = [] {
        list l;
#if defined(TENON_SIMD_CPU_AVX2_)
        __builtin_cpu_init();
#if (HWY_TARGETS & HWY_AVX3) && (HWY_STATIC_TARGET != HWY_AVX3)
        if (TENON_SIMD_CPU_AVX2_ && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
            l.add(avx3);
#endif
#if (HWY_TARGETS & HWY_AVX2) && (HWY_STATIC_TARGET != HWY_AVX2)
        if (TENON_SIMD_CPU_AVX2_) l.add(avx2);
#endif
#if (HWY_TARGETS & HWY_SSE4) && (HWY_STATIC_TARGET != HWY_SSE4)
        if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul"))
            l.add(sse4);
#endif
#endif
        l.add(fixed);
        return l;
    }();
    return {usable.tables.data(), usable.size};
}

#undef TENON_SIMD_CPU_AVX2_

/// The program's kernels. The first call chooses them; later calls only load.
inline kernels const& active() noexcept {
    kernels const* now = detail::chosen.load(std::memory_order_acquire);
    if (now == nullptr) [[unlikely]] {
        kernels const* best = targets().front();
        now                 = detail::chosen.compare_exchange_strong(now, best, std::memory_order_acq_rel) ? best : now;
    }
    return *now;
}

/// For tests: takes `table` (one of targets()) for the whole program and returns the one before.
inline kernels const& force(kernels const& table) noexcept {
    kernels const& before = active();
    detail::chosen.store(&table, std::memory_order_release);
    return before;
}

}  // namespace TENON_SIMD_FLAGS
}  // namespace tenon::simd
