// SPDX-License-Identifier: Apache-2.0
// The root: the one piece of state that is replaced, and which names everything else. docs/formats/root.md
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/units.hpp"

#include <cstdint>

namespace tenon {

/// What a root begins with; totals and run descriptors of each table follow.
struct root_header {
    static constexpr std::uint64_t magic    = 0x32546f526e6f6e74;  // "tnonRoT2"
    std::uint64_t                  identity = 0;                   ///< of the database, also in each log segment
    timestamp                      at       = 0;                   ///< newest commit that the runs hold
    lsn                            log{};                          ///< replay begins here
    std::uint64_t                  tables = 0;

    void put(byte_vector& out) const {
        for (auto n : {magic, identity, at, log.value, tables}) tenon::put(out, n);
    }
    bool get(byte_reader& in) {
        auto const m = in.get<std::uint64_t>();
        for (auto* n : {&identity, &at, &log.value, &tables}) *n = in.get<std::uint64_t>();
        return in.ok() && m == magic;
    }
};

}  // namespace tenon
