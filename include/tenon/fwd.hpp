// SPDX-License-Identifier: Apache-2.0
// The map of tenon: every public policy and template, declared, with its default arguments as comments.
#pragma once

#include "tenon/core/axis.hpp"
#include "tenon/core/fixed_string.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>

/// For headers that only name tenon's types. A default argument may be stated once in a program, and stands in the header
/// that defines its template; here it is a comment. Types that are templates over constrained parameters are listed at the end.
namespace tenon {

// ---- core --------------------------------------------------------------------------------------------------------------

enum class errc : unsigned char;
struct error;
struct bytes_count;
struct lsn;
struct lonlat;
struct lonlat_box;
struct uuid;
class byte_reader;
class prng;
template <class T>
struct key_codec;  // specialise it for key types of your own
template <class T>
struct column_codec;  // specialise it for column types of your own
template <class T, std::size_t FirstChunk /* = 64 */>
class append_vector;

// ---- database ----------------------------------------------------------------------------------------------------------

template <class... Policies>
class database;  // tables and policies on the axes file, page_store, wal, concurrency, work; in any order
template <fixed_string Name, class Row, class... Specs>
struct table;  // columns, primary, indexes, and policies on the axes ordered_map (memtable) and filter; in any order
template <auto... Members>
struct columns;
template <auto... Members>
struct key_of;  // made by tenon::key<&row::a, &row::b>
template <auto Key, class Index /* = hybrid<> */>
struct primary;
template <auto Key, class Index /* = hybrid<> */>
struct ordered;
template <auto Key, class Text /* = inverted */>
struct text;
template <auto Key, class Spatial /* = packed_rtree<> */>
struct spatial;
template <auto Key, class Vector /* = hnsw<cosine> */>
struct nearest;
template <auto Key, class Kind>
struct index;

template <class FileSystem>
struct database_options;
struct database_stats;
struct table_stats;
struct index_stats;
struct recovery_report;
struct verify_report;
struct query_trace;

template <class Tables, class File, class Store, class Wal, class Concurrency, class Work>
struct recipe;  // what policies fold into
template <class Recipe>
class engine;
template <class Engine>
class view;  // the queries of the two below
template <class Engine>
class snapshot;
template <class Engine>
class transaction;
template <class Row>
struct hit;
template <class Producer>
class stream;
template <class Table, class Store, class State>
class hits;
enum class order : unsigned char;

// ---- axis::file --------------------------------------------------------------------------------------------------------

struct posix_files;  // default
class memory_files;
class simulated_files;
enum class open_mode : unsigned char;

// ---- axis::page_store --------------------------------------------------------------------------------------------------

template <class Inner>
struct checksummed;  // checksummed<mmap_store<>> is the default
template <std::uint64_t ReserveBytes /* = 1 TiB */, std::uint64_t GrowBytes /* = 1 MiB */>
struct mmap_store;
template <std::uint64_t GrowBytes /* = 1 MiB */>
struct file_store;
template <std::uint64_t Budget /* = 256 MiB */, class Inner /* = checksummed<file_store<>> */>
struct buffered;
struct memory_store;
struct extent;
class extent_view;

// ---- axis::wal ---------------------------------------------------------------------------------------------------------

template <class Sync /* = group_commit */, class Codec /* = plain_records */>
struct segmented_wal;  // segmented_wal<> is the default
struct group_commit;
struct sync_each_commit;
struct sync_interval;
struct no_sync;
struct as_asked;
struct plain_records;
struct memory_wal;
struct no_wal;

// ---- axis::concurrency, axis::work -------------------------------------------------------------------------------------

struct snapshot_isolation;
struct serializable;
template <class Isolation /* = serializable */>
requires std::same_as<Isolation, snapshot_isolation> || std::same_as<Isolation, serializable>
struct mvcc;  // mvcc<> is the default
struct single_writer;
struct background;  // default
struct inline_work;

// ---- axis::ordered_index, axis::ordered_map, axis::filter ----------------------------------------------------------------

template <class... Options>  // models, root first; keys_per_leaf<64>, fan_out<64>, a last mile
struct rmi;
template <class... Options>  // radix_router or key_tree, a last mile, in_flight<32>, huge_pages or cache_lines
struct hybrid;               // hybrid<> is the default
template <class Separators /* = exact_separators */>
struct static_tree;
template <std::size_t Epsilon /* = 32 */>
struct pgm;  // pgm<> is the default
template <std::size_t MaxError /* = 32 */, unsigned RadixBits /* = 18 */>
struct radix_spline;  // radix_spline<> is the default
struct sorted_array;
struct constant;  // models, for rmi
struct cubic;
struct linear;
struct linear_spline;
struct log_linear;
struct radix;

// template <class Key, class Value, class Compare, class Allocator> class learned_map;  ordered_map/learned_map.hpp
// template <class Key, class Index> class key_file;                                    key_file.hpp
struct btree;  // default
struct shared_btree;
struct skip_list;
struct std_map;

template <unsigned BitsPerKey /* = 10 */>
struct bloom;  // bloom<> is the default
template <unsigned Bits /* = 8 */>
struct binary_fuse;
struct no_filter;

// ---- axis::metric, axis::vector_index, axis::spatial_index, axis::text_index -------------------------------------------

struct cosine;  // default
struct inner_product;
struct l2_squared;
struct haversine;

template <class Metric, unsigned M /* = 16 */, unsigned EfConstruction /* = 100 */, unsigned EfSearch /* = 64 */>
struct hnsw;  // hnsw<cosine> is the default
template <class Metric>
struct flat;

template <unsigned NodeSize /* = 16 */>
struct packed_rtree;  // packed_rtree<> is the default
struct spatial_scan;

template <class Analyzer /* = word_analyzer */>
struct basic_inverted;
struct inverted;  // default
template <class Analyzer /* = word_analyzer */>
struct basic_text_scan;
struct text_scan;
struct word_analyzer;

// ---- templates over constrained parameters: include their headers --------------------------------------------------------
//
// template <file_system Base> class faulty;                                     file/faulty.hpp
// template <class Value, ordered_index Index> struct ordered_kind;              run/ordered_kind.hpp
// template <class Value, text_index Text> struct text_kind;                     run/text_kind.hpp
// template <spatial_index Spatial> struct spatial_kind;                         run/spatial_kind.hpp
// template <std::size_t N, vector_index Vector> struct nearest_kind;            run/nearest_kind.hpp
// template <ordered_index Index> class sorted_keys;                             run/sorted_keys.hpp
// template <regression_model Model> struct robust;                              model/robust.hpp
// template <index_key Key> class tuned_index;                                   ordered_index/tune.hpp

}  // namespace tenon
