// SPDX-License-Identifier: Apache-2.0
// lz4_records: a log whose records are compressed by LZ4, fast above all. The one header that includes lz4.h; link with liblz4.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/wal/codec.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>

#include <lz4.h>

namespace tenon {

/// lz4_records - each record by itself as one LZ4 block, or as it is when that is not shorter.
///
/// Guarantee   decode gives what encode took. Hostile bytes: errc::corrupt, no more memory than 255 times their size, and never over 1 GiB.
/// Cost        encode and decode: one copy by the library's fast path and one allocation; nothing for records under 64 bytes.
/// On disk     1, the record's size in 4 bytes, an LZ4 block; docs/formats/log_segment.md
/// Use when    the log's bandwidth counts and records repeat themselves; zstd_records when its size counts more.
struct lz4_records {
    static constexpr std::string_view name = "lz4_records";
    static constexpr std::byte        number{1};

    static bool encode(byte_view record, byte_vector& out) {
        if (record.size() < 64) return false;
        auto const size = static_cast<std::uint32_t>(record.size());
        out.resize(record.size());
        out[0] = number;
        std::memcpy(out.data() + 1, &size, sizeof size);
        auto const n = LZ4_compress_default(reinterpret_cast<char const*>(record.data()),
                                            reinterpret_cast<char*>(out.data()) + head, static_cast<int>(record.size()),
                                            static_cast<int>(out.size() - head - 1));
        if (n <= 0) return false;
        out.resize(head + static_cast<std::size_t>(n));
        return true;
    }
    static result<void> decode(byte_view stored, byte_vector& out) {
        if (auto right = detail::wal_check_codec(stored, number, name); !right) return right;
        if (stored.size() <= head) return fail(errc::corrupt, "a record by lz4_records is shorter than its head");
        auto const size =
            detail::wal_check_size(load<std::uint32_t>(stored.data() + 1), stored.size(), stored.size() * 255, name);
        if (!size) return fail(size.error());
        out.resize(*size);
        auto const n = LZ4_decompress_safe(reinterpret_cast<char const*>(stored.data()) + head,
                                           reinterpret_cast<char*>(out.data()), static_cast<int>(stored.size() - head),
                                           static_cast<int>(*size));
        if (n < 0 || static_cast<std::size_t>(n) != *size)
            return fail(errc::corrupt, {"a record by lz4_records does not decompress to its ", *size, " bytes"});
        return {};
    }

private:
    static constexpr std::size_t head = 5;
};
static_assert(record_codec<lz4_records>);

}  // namespace tenon
