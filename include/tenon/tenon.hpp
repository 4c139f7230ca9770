// SPDX-License-Identifier: Apache-2.0
// Everything that a database needs: assembly, defaults and the policies to choose from.
#pragma once

#include "tenon/database.hpp"

#include "tenon/file/memory.hpp"
#include "tenon/filter/binary_fuse.hpp"
#include "tenon/filter/no_filter.hpp"
#include "tenon/metric/inner_product.hpp"
#include "tenon/metric/l2_squared.hpp"
#include "tenon/ordered_index/pgm.hpp"
#include "tenon/ordered_index/radix_spline.hpp"
#include "tenon/ordered_index/rmi.hpp"
#include "tenon/ordered_index/sorted_array.hpp"
#include "tenon/ordered_index/static_tree.hpp"
#include "tenon/ordered_map/skip_list.hpp"
#include "tenon/ordered_map/std_map.hpp"
#include "tenon/page_store/buffered.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/page_store/memory.hpp"
#include "tenon/spatial_index/scan.hpp"
#include "tenon/text_index/scan.hpp"
#include "tenon/vector_index/flat.hpp"
#include "tenon/wal/memory.hpp"
#include "tenon/wal/none.hpp"
#include "tenon/work/inline_work.hpp"
