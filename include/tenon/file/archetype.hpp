// SPDX-License-Identifier: Apache-2.0
// The least file system: what generic code over axis::file may use, and nothing more.
#pragma once

#include "tenon/file/concept.hpp"

namespace tenon::archetype {

/// Satisfies `file` and nothing more. Every operation fails; it exists to be compiled against.
class file_handle {
public:
    file_handle(file_handle&&) noexcept            = default;
    file_handle& operator=(file_handle&&) noexcept = default;
    file_handle(file_handle const&)                = delete;
    file_handle& operator=(file_handle const&)     = delete;
    ~file_handle()                                 = default;

    result<std::size_t>   read_at(std::uint64_t, std::span<std::byte>) const { return nothing(); }
    result<void>          write_at(std::uint64_t, byte_view) { return nothing(); }
    result<std::uint64_t> size() const { return nothing(); }
    result<void>          resize(std::uint64_t) { return nothing(); }
    result<void>          sync() { return nothing(); }
    result<void>          lock() { return nothing(); }
    std::string           path() const { return {}; }

private:
    friend struct file_policy;
    file_handle() = default;
    static tl::unexpected<error> nothing() { return fail(errc::io, "an archetype does nothing"); }
};

/// Satisfies `direct_file` and nothing more.
class direct_handle {
public:
    direct_handle(direct_handle&&) noexcept            = default;
    direct_handle& operator=(direct_handle&&) noexcept = default;
    direct_handle(direct_handle const&)                = delete;
    direct_handle& operator=(direct_handle const&)     = delete;
    ~direct_handle()                                   = default;

    std::size_t  block_bytes() const { return 4096; }
    write_mode   mode() const { return write_mode::cached; }
    result<void> write(std::uint64_t, byte_view, flush) { return fail(errc::io, "an archetype does nothing"); }
    result<void> sync() { return fail(errc::io, "an archetype does nothing"); }
    std::string  path() const { return {}; }

private:
    friend struct file_policy;
    direct_handle() = default;
};

/// Satisfies `write_queue` and nothing more.
class queue_of_writes {
public:
    queue_of_writes(queue_of_writes const&)            = delete;
    queue_of_writes& operator=(queue_of_writes const&) = delete;
    ~queue_of_writes()                                 = default;

    result<void> submit(direct_handle&, std::uint64_t, byte_view, flush, std::uint64_t) {
        return fail(errc::io, "an archetype does nothing");
    }
    std::optional<write_completion> poll() { return std::nullopt; }
    write_completion                wait() { return {}; }

private:
    friend struct file_policy;
    queue_of_writes() = default;
};

/// Satisfies `file_system` and nothing more: not default-constructible, not comparable.
struct file_policy {
    using policy_axis                      = axis::file;
    using file                             = file_handle;
    using direct_file                      = direct_handle;
    using write_queue                      = queue_of_writes;
    static constexpr std::string_view name = "archetype";

    struct key {};
    explicit file_policy(key) {}

    result<file>                     open(std::string const&, open_mode) { return file_handle::nothing(); }
    result<direct_file>              open_direct(std::string const&) { return file_handle::nothing(); }
    std::unique_ptr<write_queue>     make_queue(std::size_t) { return nullptr; }
    result<bool>                     exists(std::string const&) { return file_handle::nothing(); }
    result<void>                     remove(std::string const&) { return file_handle::nothing(); }
    result<void>                     rename(std::string const&, std::string const&) { return file_handle::nothing(); }
    result<void>                     make_directory(std::string const&) { return file_handle::nothing(); }
    result<std::vector<std::string>> list(std::string const&) { return file_handle::nothing(); }
    result<void>                     sync_directory(std::string const&) { return file_handle::nothing(); }
    std::uint64_t                    now_ns() { return 0; }
};

static_assert(tenon::file<file_handle>);
static_assert(tenon::direct_file<direct_handle> && tenon::write_queue<queue_of_writes, direct_handle>);
static_assert(file_system<file_policy>);

}  // namespace tenon::archetype
