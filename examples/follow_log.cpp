// SPDX-License-Identifier: Apache-2.0
// A change feed: one thread writes a log, another follows it by LSN and hands on what has become durable.
//
//     follow_log [DIRECTORY]
#include "tenon/file/posix.hpp"
#include "tenon/wal/segmented.hpp"
#include "tenon/wal/tail.hpp"

#include <atomic>
#include <cstdio>
#include <string>
#include <thread>

int main(int argc, char** argv) {
    using log_type              = tenon::segmented_wal<>::log<tenon::posix_files>;
    std::string const directory = argc > 1 ? argv[1] : "follow_log.wal";

    auto log = log_type::open({}, directory, {.identity = 2026, .segment_bytes = {64 << 10}});
    if (!log) return std::fprintf(stderr, "%s\n", log.error().message.c_str()), 1;
    auto const before = log->replay({0}, [](tenon::lsn, tenon::byte_view) { return tenon::result<void>{}; });
    if (!before) return std::fprintf(stderr, "%s\n", before.error().message.c_str()), 1;

    std::atomic<int>  status  = 0;
    std::atomic<bool> stopped = false;
    std::thread       feed([&] {
        auto tail = tenon::wal_tail<tenon::posix_files>::open(
            {}, directory, before->end, {.identity = 2026, .durable_end = [&] { return log->durable_end(); }});
        for (int seen = 0; seen < 3 && !stopped;) {
            auto const next = tail->next();
            if (!next) {  // errc::expired: older than what the log keeps; errc::corrupt: damaged
                std::fprintf(stderr, "%s\n", next.error().message.c_str());
                status = 1;
                return;
            }
            if (!*next) {  // nothing yet
                std::this_thread::yield();
                continue;
            }
            auto const text = tenon::as_chars((*next)->bytes);
            std::printf("  %.*s, durable; the next one begins at LSN %llu\n", static_cast<int>(text.size()),
                              text.data(), static_cast<unsigned long long>((*next)->end.value));
            ++seen;
        }
    });
    for (int i = 0; i < 3; ++i) {
        auto const end = log->append(tenon::as_bytes("change " + std::to_string(i)));
        if (end && log->sync(*end)) continue;
        std::fprintf(stderr, "the log takes nothing more\n");
        stopped = true;
        status  = 1;
        break;
    }
    feed.join();
    return status;
}
