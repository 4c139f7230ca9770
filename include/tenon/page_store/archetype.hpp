// SPDX-License-Identifier: Apache-2.0
// The least page_store: generic code that compiles with it uses only what the concept promises.
#pragma once

#include "tenon/file/archetype.hpp"
#include "tenon/page_store/concept.hpp"

#include <string>
#include <string_view>

namespace tenon::archetype {

/// Satisfies the concept and does nothing: not copyable, not default-constructible.
template <class FS>
class page_store {
public:
    using file_system = FS;

    page_store(page_store&&)            = default;
    page_store& operator=(page_store&&) = default;

    static result<page_store> open(FS, std::string const&, store_options const&) { return page_store(0); }

    result<extent> write(byte_view, std::uint64_t = ~std::uint64_t{0}) {
        return fail(errc::full, "the archetype holds nothing");
    }
    result<extent_view> read(extent) const { return fail(errc::corrupt, "the archetype holds nothing"); }
    void                release(extent) {}
    result<void>        publish(byte_view) { return {}; }
    byte_vector         root() const { return {}; }
    result<void>        retain(std::span<extent const>) { return {}; }
    result<void>        verify() const { return {}; }
    std::uint64_t       trim() { return ~std::uint64_t{0}; }
    store_stats         stats() const { return {}; }

private:
    explicit page_store(int) noexcept {}
};

/// The least policy on axis::page_store.
struct page_store_policy {
    using policy_axis                            = axis::page_store;
    static constexpr std::string_view name       = "archetype page store";
    static constexpr std::string_view format     = "none";
    static constexpr bool             persistent = false;

    template <class FS>
    using store = page_store<FS>;
};

static_assert(tenon::page_store<page_store<file_policy>>);
static_assert(tenon::page_store_policy<page_store_policy, file_policy>);

}  // namespace tenon::archetype
