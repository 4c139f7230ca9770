// SPDX-License-Identifier: Apache-2.0
// The position indexes that tests of all policies run over: one line to add one. Who defines the list before keeps theirs.
#pragma once

#if !defined(TENON_POSITION_INDEXES)

#include "tenon/ordered_index/hybrid.hpp"
#include "tenon/ordered_index/pgm.hpp"
#include "tenon/ordered_index/radix_spline.hpp"
#include "tenon/ordered_index/rmi.hpp"
#include "tenon/ordered_index/sorted_array.hpp"
#include "tenon/ordered_index/static_tree.hpp"

#define TENON_POSITION_INDEXES                                                \
    tenon::sorted_array, tenon::rmi<>, tenon::hybrid<>, tenon::static_tree<>, \
        tenon::static_tree<tenon::compressed_separators>, tenon::pgm<>, tenon::radix_spline<>

#endif
