// SPDX-License-Identifier: Apache-2.0
// Each requirement of each concept matters: a type that lacks just one is refused. Every type here has all that its concept
// asks for when Without is 0, and all but one otherwise; nothing is defined, for nothing is called.
#include "tenon/concurrency/concept.hpp"
#include "tenon/core/key_codec.hpp"
#include "tenon/file/archetype.hpp"
#include "tenon/filter/concept.hpp"
#include "tenon/metric/archetype.hpp"
#include "tenon/model/concept.hpp"
#include "tenon/ordered_index/concept.hpp"
#include "tenon/ordered_map/concept.hpp"
#include "tenon/page_store/concept.hpp"
#include "tenon/run/column.hpp"
#include "tenon/run/index_kind.hpp"
#include "tenon/spatial_index/concept.hpp"
#include "tenon/text_index/concept.hpp"
#include "tenon/vector_index/concept.hpp"
#include "tenon/wal/sync_policy.hpp"
#include "tenon/work/concept.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using tenon::byte_vector;
using tenon::byte_view;
using tenon::position;
using tenon::result;
namespace axis = tenon::axis;

/// -1 when a type with all of N requirements is taken and each that lacks one is refused; else the number of the one that
/// does not matter, or 0 when the whole type is refused.
template <int N, class Takes>
consteval int unneeded(Takes takes) {
    if (!takes.template operator()<0>()) return 0;
    int found = -1;
    [&]<int... I>(std::integer_sequence<int, I...>) {
        ((found == -1 && takes.template operator()<I + 1>() ? void(found = I + 1) : void()), ...);
    }(std::make_integer_sequence<int, N>{});
    return found;
}
struct other_axis;
struct no_text {};
template <bool Lacks, class T, class Instead>
using unless = std::conditional_t<Lacks, Instead, T>;
template <bool Lacks>
using name_type = unless<Lacks, std::string_view, no_text>;

// ---- file

template <int Without>
struct file_with {
    file_with(file_with&&) = default;
    file_with& operator=(file_with&&)
    requires(Without != 1)
    = default;
    result<std::size_t> read_at(std::uint64_t, std::span<std::byte>) const
    requires(Without != 2);
    result<void> write_at(std::uint64_t, byte_view)
    requires(Without != 3);
    result<std::uint64_t> size() const
    requires(Without != 4);
    result<void> resize(std::uint64_t)
    requires(Without != 5);
    result<void> sync()
    requires(Without != 6);
    result<void> lock()
    requires(Without != 7);
    std::string path() const
    requires(Without != 8);
};
static_assert(unneeded<8>([]<int W>() { return tenon::file<file_with<W>>; }) == -1);

template <int Without>
struct direct_with {
    direct_with(direct_with&&) = default;
    direct_with& operator=(direct_with&&)
    requires(Without != 1)
    = default;
    std::size_t block_bytes() const
    requires(Without != 2);
    tenon::write_mode mode() const
    requires(Without != 3);
    result<void> write(std::uint64_t, byte_view, tenon::flush)
    requires(Without != 4);
    result<void> sync()
    requires(Without != 5);
    std::string path() const
    requires(Without != 6);
};
static_assert(unneeded<6>([]<int W>() { return tenon::direct_file<direct_with<W>>; }) == -1);

template <int Without>
struct queue_with {
    result<void> submit(tenon::archetype::direct_handle&, std::uint64_t, byte_view, tenon::flush, std::uint64_t)
    requires(Without != 1);
    std::optional<tenon::write_completion> poll()
    requires(Without != 2);
    tenon::write_completion wait()
    requires(Without != 3);
};
static_assert(unneeded<3>([]<int W>() { return tenon::write_queue<queue_with<W>, tenon::archetype::direct_handle>; }) ==
              -1);

template <int Without>
struct files_with {
    files_with(files_with const&) = default;
    files_with& operator=(files_with const&)
    requires(Without != 1)
    = default;
    using policy_axis = unless<Without == 2, axis::file, other_axis>;
    using file        = unless<Without == 3, tenon::archetype::file_handle, int>;
    static constexpr name_type<Without == 4> name{};
    result<file>                             open(std::string const&, tenon::open_mode)
    requires(Without != 5);
    result<bool> exists(std::string const&)
    requires(Without != 6);
    result<void> remove(std::string const&)
    requires(Without != 7);
    result<void> rename(std::string const&, std::string const&)
    requires(Without != 8);
    result<void> make_directory(std::string const&)
    requires(Without != 9);
    result<std::vector<std::string>> list(std::string const&)
    requires(Without != 10);
    result<void> sync_directory(std::string const&)
    requires(Without != 11);
    std::uint64_t now_ns()
    requires(Without != 12);
    using direct_file = unless<Without == 13, tenon::archetype::direct_handle, int>;
    using write_queue = unless<Without == 14, tenon::archetype::queue_of_writes, int>;
    result<direct_file> open_direct(std::string const&)
    requires(Without != 15);
    std::unique_ptr<write_queue> make_queue(std::size_t)
    requires(Without != 16);
};
static_assert(unneeded<16>([]<int W>() { return tenon::file_system<files_with<W>>; }) == -1);

// ---- page_store and wal

template <int Without>
struct store_with {
    store_with(store_with&&) = default;
    store_with& operator=(store_with&&)
    requires(Without != 1)
    = default;
    using file_system = tenon::archetype::file_policy;
    static result<store_with> open(file_system, std::string const&, tenon::store_options const&)
    requires(Without != 2);
    result<tenon::extent> write(byte_view, std::uint64_t = 0)
    requires(Without != 3);
    result<tenon::extent_view> read(tenon::extent) const
    requires(Without != 4);
    void release(tenon::extent)
    requires(Without != 5);
    result<void> publish(byte_view)
    requires(Without != 6);
    byte_vector root() const
    requires(Without != 7);
    result<void> retain(std::span<tenon::extent const>)
    requires(Without != 8);
    result<void> verify() const
    requires(Without != 9);
    std::uint64_t trim()
    requires(Without != 10);
    tenon::store_stats stats() const
    requires(Without != 11);
};
static_assert(unneeded<11>([]<int W>() { return tenon::page_store<store_with<W>>; }) == -1);

template <int Without>
struct store_policy_with {
    using policy_axis = unless<Without == 1, axis::page_store, other_axis>;
    template <class>
    using store = store_with<Without == 2 ? 3 : 0>;
    static constexpr name_type<Without == 3>             name{};
    static constexpr name_type<Without == 4>             format{};
    static constexpr unless<Without == 5, bool, no_text> persistent{};
};
static_assert(unneeded<5>([]<int W>() {
                  return tenon::page_store_policy<store_policy_with<W>, tenon::archetype::file_policy>;
              }) == -1);

template <int Without>
struct log_with {
    log_with(log_with&&) = default;
    log_with& operator=(log_with&&)
    requires(Without != 1)
    = default;
    using file_system = tenon::archetype::file_policy;
    static result<log_with> open(file_system, std::string const&, tenon::wal_options const&)
    requires(Without != 2);
    result<tenon::replay_report> replay(tenon::lsn, tenon::replay_visitor const&)
    requires(Without != 3);
    result<tenon::lsn> append(byte_view)
    requires(Without != 4);
    result<void> sync(tenon::lsn)
    requires(Without != 5);
    result<void> sync_all()
    requires(Without != 6);
    result<void> release(tenon::lsn)
    requires(Without != 7);
    tenon::lsn end() const
    requires(Without != 8);
    tenon::wal_stats stats() const
    requires(Without != 9);
    result<tenon::lsn> append(byte_view, tenon::wal_callback)
    requires(Without != 10);
    result<void> sync(tenon::lsn, tenon::durability)
    requires(Without != 11);
    result<void> reserve(std::uint64_t)
    requires(Without != 12);
};
static_assert(unneeded<12>([]<int W>() { return tenon::wal<log_with<W>>; }) == -1);

template <int Without>
struct wal_policy_with {
    using policy_axis = unless<Without == 1, axis::wal, other_axis>;
    template <class>
    using log = log_with<Without == 2 ? 4 : 0>;
    static constexpr name_type<Without == 3>                        name{};
    static constexpr unless<Without == 4, tenon::survives, no_text> promise{};
    static constexpr unless<Without == 5, bool, no_text>            persistent{};
};
static_assert(unneeded<5>([]<int W>() {
                  return tenon::wal_policy<wal_policy_with<W>, tenon::archetype::file_policy>;
              }) == -1);

template <int Without>
struct sync_with {
    static constexpr name_type<Without == 1>                          name{};
    static constexpr unless<Without == 2, tenon::survives, no_text>   promise{};
    static constexpr unless<Without == 3, tenon::durability, no_text> usual{};
    static constexpr unless<Without == 4, std::size_t, no_text>       under_way{};
    template <class Now>
    static bool due(Now, std::uint64_t, tenon::wal_options const&)
    requires(Without != 5);
};
static_assert(unneeded<5>([]<int W>() { return tenon::sync_policy<sync_with<W>>; }) == -1);

// ---- indexes over sorted keys, maps, filters, models

template <int Without>
struct ordered_index_with {
    using policy_axis = unless<Without == 1, axis::ordered_index, other_axis>;
    static constexpr name_type<Without == 2> name{};
    template <class Key>
    static result<byte_vector> build(std::span<Key const>)
    requires(Without != 3);
    template <class Key>
    struct view {
        static result<view> open(byte_view, std::span<Key const>)
        requires(Without != 4);
        std::uint64_t lower_bound(Key) const
        requires(Without != 5);
        std::uint64_t upper_bound(Key) const
        requires(Without != 6);
        tenon::position_range equal_range(Key) const
        requires(Without != 7);
        std::uint64_t find(Key) const
        requires(Without != 8);
        tenon::position_range window(Key) const
        requires(Without != 9);
        std::uint64_t size() const
        requires(Without != 10);
        result<void> validate() const
        requires(Without != 11);
        std::uint64_t count(Key) const
        requires(Without != 12);
        void batch(std::span<Key const>, std::span<std::uint64_t>) const
        requires(Without != 13);
    };
};
static_assert(unneeded<13>([]<int W>() { return tenon::ordered_index<ordered_index_with<W>>; }) == -1);

template <int Without>
struct map_with {
    using policy_axis = unless<Without == 1, axis::ordered_map, other_axis>;
    static constexpr name_type<Without == 2>             name{};
    static constexpr unless<Without == 3, bool, no_text> concurrent_reads{};
    template <class Key, class Value, class Less>
    struct map {
        struct cursor_type {
            void seek(Key const&)
            requires(Without != 4);
            void seek_before(Key const&)
            requires(Without != 5);
            void seek_first()
            requires(Without != 6);
            void seek_last()
            requires(Without != 7);
            bool valid()
            requires(Without != 8);
            void next()
            requires(Without != 9);
            void prev()
            requires(Without != 10);
            Key const& key()
            requires(Without != 11);
            Value& value()
            requires(Without != 12);
        };
        std::pair<Value*, bool> insert(Key const&, Value const&)
        requires(Without != 13);
        Value* find(Key const&) const
        requires(Without != 14);
        std::size_t size() const
        requires(Without != 15);
        std::size_t bytes() const
        requires(Without != 16);
        cursor_type cursor() const
        requires(Without != 17);
        bool erase(Key const&)
        requires(Without != 18);
    };
};
static_assert(unneeded<17>([]<int W>() { return tenon::ordered_map<map_with<W>>; }) == -1);
static_assert(unneeded<18>([]<int W>() { return tenon::erasable_ordered_map<map_with<W>>; }) == -1);

template <int Without>
struct filter_with {
    using policy_axis = unless<Without == 1, axis::filter, other_axis>;
    static constexpr name_type<Without == 2> name{};
    static byte_vector                       build(std::span<std::uint64_t const>)
    requires(Without != 3);
    struct view {
        static result<view> open(byte_view)
        requires(Without != 4);
        bool may_contain(std::uint64_t) const
        requires(Without != 5);
    };
};
static_assert(unneeded<5>([]<int W>() { return tenon::filter<filter_with<W>>; }) == -1);

template <int Without>
struct model_with {
    static constexpr name_type<Without == 1> name{};
    struct fitted {
        fitted()
        requires(Without != 2)
        = default;
        fitted(fitted const&) = default;
        ~fitted()
        requires(Without != 3)
        = default;
        ~fitted() {}
        std::uint64_t                                      a, b;
        std::conditional_t<Without == 4, char[1], char[8]> padding;
        std::uint64_t                                      predict(std::uint64_t, std::uint64_t) const
        requires(Without != 5);
        bool valid() const
        requires(Without != 6);
    } __attribute__((packed));
    static fitted fit(std::span<std::uint64_t const>, double)
    requires(Without != 7);
};
static_assert(unneeded<7>([]<int W>() { return tenon::regression_model<model_with<W>>; }) == -1);

// ---- vectors, points, words

template <int Without>
struct metric_with {
    using policy_axis = unless<Without == 1, axis::metric, other_axis>;
    static constexpr name_type<Without == 2> name{};
    static float                             distance(float const*, float const*, std::size_t)
    requires(Without != 3);
    static void distances(float const*, float const*, std::size_t, std::size_t, std::size_t, float*)
    requires(Without != 4);
    static void gather(float const*, float const*, std::size_t, std::uint32_t const*, std::size_t, std::size_t, float*)
    requires(Without != 5);
};
static_assert(unneeded<5>([]<int W>() { return tenon::metric<metric_with<W>>; }) == -1);

template <int Without>
struct named_metric {
    using metric = tenon::archetype::metric_policy;
};
template <>
struct named_metric<1> {};

template <int Without>
struct vector_index_with : named_metric<Without> {
    using policy_axis = unless<Without == 2, axis::vector_index, other_axis>;
    static constexpr name_type<Without == 3> name{};
    struct delta {
        explicit delta(std::size_t)
        requires(Without != 4);
        void insert(std::span<float const>, position)
        requires(Without != 5);
        template <class Accept>
        void closest(std::span<float const>, std::size_t, tenon::vector_search_options, Accept,
                     std::vector<tenon::vector_hit>&) const
        requires(Without != 6);
        std::uint64_t size() const
        requires(Without != 7);
    };
    static result<byte_vector> build(std::size_t, std::span<float const>, std::span<position const>)
    requires(Without != 8);
    struct view {
        static result<view> open(byte_view)
        requires(Without != 9);
        template <class Accept>
        void closest(std::span<float const>, std::size_t, tenon::vector_search_options, Accept,
                     std::vector<tenon::vector_hit>&) const
        requires(Without != 10);
        std::uint64_t size() const
        requires(Without != 11);
        std::size_t dim() const
        requires(Without != 12);
        result<void> validate() const
        requires(Without != 13);
        position where(std::size_t) const
        requires(Without != 14);
        std::span<float const> row(std::size_t) const
        requires(Without != 15);
    };
};
static_assert(unneeded<15>([]<int W>() { return tenon::vector_index<vector_index_with<W>>; }) == -1);

template <int Without>
struct spatial_index_with {
    using policy_axis = unless<Without == 1, axis::spatial_index, other_axis>;
    static constexpr name_type<Without == 2> name{};
    struct delta {
        void insert(tenon::lonlat, position)
        requires(Without != 3);
        template <class Visit>
        void within(tenon::lonlat_box const&, Visit) const
        requires(Without != 4);
        template <class Accept>
        void closest(tenon::lonlat, std::size_t, Accept, std::vector<tenon::near_hit>&) const
        requires(Without != 5);
        std::uint64_t size() const
        requires(Without != 6);
    };
    static result<byte_vector> build(std::span<tenon::point_entry const>)
    requires(Without != 7);
    struct view {
        static result<view> open(byte_view)
        requires(Without != 8);
        template <class Visit>
        void within(tenon::lonlat_box const&, Visit) const
        requires(Without != 9);
        template <class Accept>
        void closest(tenon::lonlat, std::size_t, Accept, std::vector<tenon::near_hit>&) const
        requires(Without != 10);
        std::uint64_t size() const
        requires(Without != 11);
        result<void> validate() const
        requires(Without != 12);
        template <class Visit>
        void each(Visit) const
        requires(Without != 13);
    };
};
static_assert(unneeded<13>([]<int W>() { return tenon::spatial_index<spatial_index_with<W>>; }) == -1);

template <int Without>
struct text_index_with {
    using policy_axis = unless<Without == 1, axis::text_index, other_axis>;
    static constexpr name_type<Without == 2> name{};
    struct analyzer {
        template <class Visit>
        static void analyze(std::string_view, Visit)
        requires(Without != 3);
    };
    struct delta {
        void insert(std::string_view, position)
        requires(Without != 4);
        template <class Visit>
        void postings(std::string_view, Visit) const
        requires(Without != 5);
        std::uint64_t size() const
        requires(Without != 6);
        std::uint64_t total_length() const
        requires(Without != 7);
    };
    static std::uint32_t length(std::string_view)
    requires(Without != 8);
    static result<byte_vector> build(std::span<tenon::text_entry const>)
    requires(Without != 9);
    struct view {
        static result<view> open(byte_view)
        requires(Without != 10);
        template <class Visit>
        void postings(std::string_view, Visit) const
        requires(Without != 11);
        std::uint64_t size() const
        requires(Without != 12);
        std::uint64_t total_length() const
        requires(Without != 13);
        result<void> validate() const
        requires(Without != 14);
    };
};
static_assert(unneeded<14>([]<int W>() { return tenon::text_index<text_index_with<W>>; }) == -1);

// ---- engine

template <int Without>
struct concurrency_with {
    using policy_axis = unless<Without == 1, axis::concurrency, other_axis>;
    static constexpr name_type<Without == 2>             name{};
    static constexpr unless<Without == 3, bool, no_text> validates_writes{};
    static constexpr unless<Without == 4, bool, no_text> validates_reads{};
    struct gate {
        gate()
        requires(Without != 5)
        = default;
        void enter()
        requires(Without != 6);
        void leave()
        requires(Without != 7);
    };
};
static_assert(unneeded<7>([]<int W>() { return tenon::concurrency<concurrency_with<W>>; }) == -1);

template <int Without>
struct work_with {
    using policy_axis = unless<Without == 1, axis::work, other_axis>;
    static constexpr name_type<Without == 2>             name{};
    static constexpr unless<Without == 6, bool, no_text> threads{};
    struct worker {
        explicit worker(std::function<void()>)
        requires(Without != 3);
        void wake()
        requires(Without != 4);
        void stop()
        requires(Without != 5);
    };
};
static_assert(unneeded<6>([]<int W>() { return tenon::work<work_with<W>>; }) == -1);

template <int Without>
struct index_kind_with {
    using value_type = std::string;
    static std::string describe()
    requires(Without != 1);
    static result<void> check(std::string const&)
    requires(Without != 2);
    static std::uint64_t weight(std::string const&)
    requires(Without != 3);
    struct delta {
        delta()
        requires(Without != 4)
        = default;
        void insert(std::string const&, byte_view, position)
        requires(Without != 5);
    };
    struct builder {
        builder()
        requires(Without != 6)
        = default;
        void add(std::string const&, byte_view, position)
        requires(Without != 7);
        result<byte_vector> finish()
        requires(Without != 8);
    };
    struct part {
        static result<part> open(byte_view)
        requires(Without != 9);
        result<void> validate() const
        requires(Without != 10);
        std::uint64_t size() const
        requires(Without != 11);
    };
};
static_assert(unneeded<11>([]<int W>() { return tenon::index_kind<index_kind_with<W>>; }) == -1);

/// What becomes a column or a key through a codec of its own.
template <int Without>
struct value_with {
    value_with()
    requires(Without != 5)
    = default;
};

}  // namespace

template <int Without>
struct tenon::column_codec<value_with<Without>> {
    static constexpr unless<Without == 1, std::size_t, no_text> fixed_size{};
    static void                                                 encode(byte_vector&, value_with<Without> const&)
    requires(Without != 2);
    static bool decode(byte_view, value_with<Without>&)
    requires(Without != 3);
    static std::string name()
    requires(Without != 4);
};
static_assert(unneeded<5>([]<int W>() { return tenon::column_value<value_with<W>>; }) == -1);

template <int Without>
struct tenon::key_codec<value_with<Without>> {
    static constexpr unless<Without == 1, bool, no_text>        fixed_size{};
    static constexpr unless<Without == 2, std::size_t, no_text> size{};
    static constexpr unless<Without == 3, bool, no_text>        exact_u64{};
    static bool                                                 encodable(value_with<Without> const&)
    requires(Without != 4);
    static void encode(byte_vector&, value_with<Without> const&)
    requires(Without != 5);
    static result<value_with<Without>> decode(byte_reader&)
    requires(Without != 6);
};
static_assert(unneeded<5>([]<int W>() { return tenon::key_encodable<value_with<W>>; }) == -1);
static_assert(unneeded<6>([]<int W>() { return tenon::key_decodable<value_with<W>>; }) == -1);

TEST_CASE("a type that lacks one requirement of a concept is refused, for every concept and requirement") {
    // The proof is above, at compile time. That it can fail: a requirement that nobody asks for is found.
    static_assert(unneeded<6>([]<int W>() { return tenon::filter<filter_with<W>>; }) == 6);
    static_assert(unneeded<5>([]<int W>() { return tenon::filter<filter_with<W + 1>>; }) == 0);
    CHECK(tenon::filter<filter_with<0>>);
}
