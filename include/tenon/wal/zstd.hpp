// SPDX-License-Identifier: Apache-2.0
// zstd_records: a log whose records are compressed by Zstandard. The one header that includes zstd.h; link with libzstd.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/wal/codec.hpp"

#include <cstdint>
#include <memory>
#include <new>
#include <string_view>

#include <zstd.h>

namespace tenon {

/// zstd_records<Level> - each record by itself as one Zstandard frame, or as it is when that is not shorter.
///
/// Guarantee   decode gives what encode took, whatever its Level was. Hostile bytes: errc::corrupt, no more memory than their blocks can
///             hold (128 KiB for each 4 bytes), and never over 1 GiB.
/// Cost        a context for each thread that appends and each that reads, about 1 MiB, kept as long as the thread; nothing for records
///             under 64 bytes.
/// On disk     2, a Zstandard frame with its content's size; docs/formats/log_segment.md
/// Use when    the log's size counts: on slow media, in archives; lz4_records when time counts more.
template <int Level = 1>
struct zstd_records {
    static_assert(Level >= -50 && Level <= 22 && Level != 0,
                  "zstd_records<Level>: levels are -50 to -1, fast, and 1 to 22");
    static constexpr std::string_view name = "zstd_records";
    static constexpr std::byte        number{2};

    static bool encode(byte_view record, byte_vector& out) {
        if (record.size() < 64) return false;
        thread_local std::unique_ptr<ZSTD_CCtx, free_context> const context(ZSTD_createCCtx());
        if (!context) throw std::bad_alloc();
        out.resize(record.size());
        out[0] = number;
        auto const n =
            ZSTD_compressCCtx(context.get(), out.data() + 1, out.size() - 2, record.data(), record.size(), Level);
        if (ZSTD_isError(n)) return false;  // it does not fit
        out.resize(1 + n);
        return true;
    }
    static result<void> decode(byte_view stored, byte_vector& out) {
        if (auto right = detail::wal_check_codec(stored, number, name); !right) return right;
        auto const frame    = stored.subspan(1);
        auto const declared = ZSTD_getFrameContentSize(frame.data(), frame.size());
        auto const length   = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
        if (declared == ZSTD_CONTENTSIZE_UNKNOWN || declared == ZSTD_CONTENTSIZE_ERROR || ZSTD_isError(length) ||
            length != frame.size())
            return fail(errc::corrupt, "a record by zstd_records is not one Zstandard frame that says its size");
        auto const size = detail::wal_check_size(declared, stored.size(), (frame.size() / 4 + 1) * (128u << 10), name);
        if (!size) return fail(size.error());
        thread_local std::unique_ptr<ZSTD_DCtx, free_context> const context(ZSTD_createDCtx());
        if (!context) throw std::bad_alloc();
        out.resize(*size);
        auto const n = ZSTD_decompressDCtx(context.get(), out.data(), out.size(), frame.data(), frame.size());
        if (ZSTD_isError(n) || n != *size)
            return fail(errc::corrupt, {"a record by zstd_records does not decompress to its ", *size, " bytes"});
        return {};
    }

private:
    struct free_context {
        void operator()(ZSTD_CCtx* c) const noexcept { ZSTD_freeCCtx(c); }
        void operator()(ZSTD_DCtx* c) const noexcept { ZSTD_freeDCtx(c); }
    };
};
static_assert(record_codec<zstd_records<>>);

}  // namespace tenon
