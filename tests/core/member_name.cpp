// SPDX-License-Identifier: Apache-2.0
#include "tenon/core/member_name.hpp"

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

using namespace tenon;

namespace {
struct whole {
    double population;
    int    counts[3];
    int (*callback)(int);
};
struct part : whole {
    std::string name_2;
    struct inner {
        bool d_;
    };
    int method() const { return 0; }
};
template <class T, auto M>
struct templated {
    T value;
};
}  // namespace
struct at_global_scope {
    int x;
};

static_assert(member_name<&whole::population>() == "population");
static_assert(member_name<&whole::counts>() == "counts");
static_assert(member_name<&whole::callback>() == "callback");
static_assert(member_name<&part::name_2>() == "name_2");
static_assert(member_name<&part::population>() == "population");
static_assert(member_name<&part::inner::d_>() == "d_");
static_assert(member_name<&at_global_scope::x>() == "x");
static_assert(member_name<&templated<int (whole::*)[3], &whole::counts>::value>() == "value");
static_assert(std::is_same_v<member_class_t<&part::name_2>, part>);
static_assert(std::is_same_v<member_class_t<&part::population>, whole>);
static_assert(std::is_same_v<member_value_t<&whole::counts>, int[3]>);
static_assert(std::is_same_v<member_value_t<&part::name_2>, std::string>);
static_assert(data_member<&whole::callback> && !data_member<&part::method> && !data_member<3>);

TEST_CASE("a member of a class inside a function has its plain name") {
    struct local {
        int field;
    };
    CHECK(member_name<&local::field>() == "field");
}
