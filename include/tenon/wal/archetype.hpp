// SPDX-License-Identifier: Apache-2.0
// The least log: what generic code over axis::wal may use, and nothing more.
#pragma once

#include "tenon/file/archetype.hpp"
#include "tenon/wal/concept.hpp"

namespace tenon::archetype {

/// Satisfies `wal_policy` and nothing more. Every operation fails; it exists to be compiled against.
struct wal_policy {
    using policy_axis                            = axis::wal;
    static constexpr std::string_view name       = "archetype";
    static constexpr survives         promise    = survives::nothing;
    static constexpr bool             persistent = false;

    template <class FS>
    class log {
    public:
        using file_system = FS;

        log(log&&) noexcept            = default;
        log& operator=(log&&) noexcept = default;
        log(log const&)                = delete;
        log& operator=(log const&)     = delete;
        ~log()                         = default;

        static result<log>    open(FS, std::string const&, wal_options const&) { return nothing(); }
        result<replay_report> replay(lsn, replay_visitor const&) { return nothing(); }
        result<void>          reserve(std::uint64_t) { return nothing(); }
        result<lsn>           append(byte_view) { return nothing(); }
        result<lsn>           append(byte_view, wal_callback) { return nothing(); }
        result<void>          sync(lsn) { return nothing(); }
        result<void>          sync(lsn, durability) { return nothing(); }
        result<void>          sync_all() { return nothing(); }
        result<void>          release(lsn) { return nothing(); }
        lsn                   end() const { return {}; }
        wal_stats             stats() const { return {}; }

    private:
        log() = default;
        static tl::unexpected<error> nothing() { return fail(errc::io, "an archetype does nothing"); }
    };
};

static_assert(wal<wal_policy::log<file_policy>>);
static_assert(tenon::wal_policy<wal_policy, file_policy>);

}  // namespace tenon::archetype
