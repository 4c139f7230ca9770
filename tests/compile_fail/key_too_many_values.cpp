// SPDX-License-Identifier: Apache-2.0
// expect: tenon: more values than the key has members
#include "tenon/run/schema.hpp"

struct place {
    std::uint64_t        id = 0;
    std::string          name;
    tenon::lonlat        where;
    std::array<float, 4> look{};
};
using name_and_id = tenon::key_of<&place::name, &place::id>;

#ifdef SHOULD_FAIL
void encode(tenon::byte_vector& out) {
    tenon::encode_key_value<name_and_id>(out, std::tuple(std::string("Lima"), 1u, 2u));
}
#else
void encode(tenon::byte_vector& out) { tenon::encode_key_value<name_and_id>(out, std::tuple(std::string("Lima"), 1u)); }
#endif
