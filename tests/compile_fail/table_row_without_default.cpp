// SPDX-License-Identifier: Apache-2.0
// expect: tenon::table: the row type must be default constructible
#include "tenon/assembly/table.hpp"

template <bool HasDefault>
struct row {
    std::uint64_t id = 0;
    row()
    requires HasDefault
    = default;
    explicit row(std::uint64_t i) : id(i) {}
};
template <class Row>
using rows = tenon::table<"rows", Row, tenon::columns<&Row::id>, tenon::primary<&Row::id>>;

#ifdef SHOULD_FAIL
static_assert(sizeof(rows<row<false>>) > 0);
#else
static_assert(sizeof(rows<row<true>>) > 0);
#endif
