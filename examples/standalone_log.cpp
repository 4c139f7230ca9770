// SPDX-License-Identifier: Apache-2.0
// A crash-safe log in ten lines, without a database: open, replay, append, sync.
//
//     standalone_log [DIRECTORY]      run it again: it goes on where it stopped
#include "tenon/file/posix.hpp"
#include "tenon/wal/segmented.hpp"

#include <cstdio>
#include <string>

int main(int argc, char** argv) {
    using log_type              = tenon::segmented_wal<tenon::group_commit>::log<tenon::posix_files>;
    std::string const directory = argc > 1 ? argv[1] : "standalone_log.wal";

    auto log = log_type::open(tenon::posix_files{}, directory, {.identity = 2026, .segment_bytes = {64 << 10}});
    if (!log) return std::fprintf(stderr, "%s\n", log.error().message.c_str()), 1;

    auto seen = log->replay({0}, [](tenon::lsn, tenon::byte_view record) -> tenon::result<void> {
        auto const text = tenon::as_chars(record);
        std::printf("  found: %.*s\n", static_cast<int>(text.size()), text.data());
        return {};
    });
    if (!seen) return std::fprintf(stderr, "%s\n", seen.error().message.c_str()), 1;

    for (int i = 0; i < 3; ++i) {
        auto const end =
            log->append(tenon::as_bytes("entry " + std::to_string(seen->records + static_cast<std::uint64_t>(i))));
        if (!end) return std::fprintf(stderr, "%s\n", end.error().message.c_str()), 1;
        if (auto done = log->sync(*end); !done) return std::fprintf(stderr, "%s\n", done.error().message.c_str()), 1;
    }
    std::printf("%llu records were there, 3 were added and survive power loss; the log ends at LSN %llu in '%s'\n",
                static_cast<unsigned long long>(seen->records), static_cast<unsigned long long>(log->end().value),
                directory.c_str());
    return 0;
}
