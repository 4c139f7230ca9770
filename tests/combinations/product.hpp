// SPDX-License-Identifier: Apache-2.0
// All databases that can be made of the library's stores, logs and concurrency policies, and one short life for each.
#pragma once

#include "tenon/concurrency/single_writer.hpp"
#include "tenon/database.hpp"
#include "tenon/file/memory.hpp"
#include "tenon/filter/no_filter.hpp"
#include "tenon/ordered_index/sorted_array.hpp"
#include "tenon/page_store/file.hpp"
#include "tenon/page_store/memory.hpp"
#include "tenon/wal/memory.hpp"
#include "tenon/wal/none.hpp"
#include "tenon/work/inline_work.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace combinations {

struct item {
    std::uint64_t id    = 0;
    std::int64_t  price = 0;
};
using items =
    tenon::table<"items", item, tenon::columns<&item::id, &item::price>, tenon::primary<&item::id, tenon::sorted_array>,
                 tenon::ordered<&item::price, tenon::sorted_array>, tenon::no_filter>;

template <class... T>
struct list {
    static constexpr std::size_t size = sizeof...(T);
};
using files  = list<tenon::posix_files, tenon::memory_files>;
using stores = list<tenon::memory_store, tenon::file_store<>, tenon::mmap_store<>,
                    tenon::checksummed<tenon::file_store<>>, tenon::checksummed<tenon::mmap_store<>>>;
using logs   = list<tenon::no_wal, tenon::memory_wal, tenon::segmented_wal<tenon::group_commit>,
                    tenon::segmented_wal<tenon::sync_each_commit>, tenon::segmented_wal<tenon::sync_interval>,
                    tenon::segmented_wal<tenon::no_sync>>;
using concurrencies =
    list<tenon::single_writer, tenon::mvcc<tenon::snapshot_isolation>, tenon::mvcc<tenon::serializable>>;

template <class... Policies>
struct database : tenon::database<Policies...> {
    using tenon::database<Policies...>::database;
};

/// An open database behind one face, so that what is done with it is compiled once.
struct face {
    virtual ~face() = default;

    virtual tenon::result<void>                       put(std::vector<item> const& rows)                  = 0;
    virtual tenon::result<bool>                       erase(std::uint64_t id)                             = 0;
    virtual tenon::result<std::optional<item>>        get(std::uint64_t id) const                         = 0;
    virtual tenon::result<std::vector<std::uint64_t>> by_price(std::int64_t low, std::int64_t high) const = 0;
    virtual tenon::result<std::uint64_t>              count() const                                       = 0;
    virtual tenon::result<void>                       flush()                                             = 0;
    virtual tenon::result<void>                       compact()                                           = 0;
    virtual tenon::result<std::uint64_t>              verify() const                                      = 0;
    virtual tenon::result<void>                       close()                                             = 0;
    /// Two transactions at once. Each writes the same row; or each reads what the other writes. The error of the one that commits last.
    virtual tenon::result<void> race(std::uint64_t first, std::uint64_t second) = 0;
};

/// What must be true of a combination.
struct expectation {
    bool store_persists, log_persists, validates_writes, validates_reads;
};

template <class Db>
class adapter final : public face {
public:
    explicit adapter(Db db) : db_(std::move(db)) {}

    tenon::result<void> put(std::vector<item> const& rows) override {
        auto tx = db_.begin();
        for (auto const& r : rows)
            if (auto done = tx.upsert(r); !done) return done;
        return ended(tx);
    }
    tenon::result<bool> erase(std::uint64_t id) override {
        auto tx    = db_.begin();
        auto there = tx.template erase<item>(id);
        if (auto done = ended(tx); !done) return tenon::fail(std::move(done).error());
        return there;
    }
    tenon::result<std::optional<item>> get(std::uint64_t id) const override {
        return db_.snapshot().template get<item>(id);
    }
    tenon::result<std::vector<std::uint64_t>> by_price(std::int64_t low, std::int64_t high) const override {
        std::vector<std::uint64_t> out;
        auto const                 view = db_.snapshot();
        auto                       rows = view.template range<&item::price>(low, high);
        for (;;) {
            auto row = rows.next();
            if (!row) return tenon::fail(std::move(row).error());
            if (!*row) return out;
            out.push_back((**row).id);
        }
    }
    tenon::result<std::uint64_t> count() const override { return db_.snapshot().template count<item>(); }
    tenon::result<void>          flush() override { return db_.flush(); }
    tenon::result<void>          compact() override { return db_.compact(); }
    tenon::result<std::uint64_t> verify() const override {
        // Once for each store and log: it reads the same bytes whatever orders the commits, and is slow to compile.
        if constexpr (Db::recipe_type::concurrency::validates_writes) return count();
        else {
            auto seen = db_.verify();
            if (!seen) return tenon::fail(std::move(seen).error());
            return seen->rows;
        }
    }
    tenon::result<void> close() override { return db_.close(); }
    tenon::result<void> race(std::uint64_t first, std::uint64_t second) override {
        auto a = db_.begin(), b = db_.begin();
        if (auto read = a.template get<item>(second); !read) return tenon::fail(std::move(read).error());
        if (auto read = b.template get<item>(first); !read) return tenon::fail(std::move(read).error());
        if (auto done = a.upsert(item{first, 1}); !done) return done;
        if (auto done = b.upsert(item{second, 2}); !done) return done;
        if (auto done = ended(a); !done) return done;
        return ended(b);
    }

private:
    static tenon::result<void> ended(typename Db::transaction_type& tx) {
        if (auto at = tx.commit(); !at) return tenon::fail(std::move(at).error());
        return {};
    }
    Db db_;
};

template <class Db>
tenon::result<std::unique_ptr<face>> open_as(std::string const& path) {
    typename Db::options o;
    o.segment_bytes = {8192};
    o.block_bytes   = {256};
    auto db         = tenon::open<Db>(path, std::move(o));
    if (!db) return tenon::fail(std::move(db).error());
    return std::unique_ptr<face>(std::make_unique<adapter<Db>>(std::move(*db)));
}

/// One combination, without its types.
struct combination {
    std::string name;
    expectation expected;
    tenon::result<std::unique_ptr<face>> (*open)(std::string const& path);
};

template <class Store, class Log, class Concurrency>
void add_combination(std::vector<combination>& out) {
    // posix_files maps, so every product is legal there; what is not is left out by the same concept that users ask.
    if constexpr (tenon::assemblable<items, tenon::posix_files, Store, Log, Concurrency, tenon::inline_work>) {
        using db = database<items, tenon::posix_files, Store, Log, Concurrency, tenon::inline_work>;
        std::string sync;
        if constexpr (requires { typename Log::sync_policy_type; })
            sync = "<" + std::string(Log::sync_policy_type::name) + ">";
        out.push_back(
            {std::string(Store::name) + ", " + std::string(Log::name) + sync + ", " + std::string(Concurrency::name),
             {Store::persistent, Log::promise != tenon::survives::nothing, Concurrency::validates_writes,
              Concurrency::validates_reads},
             &open_as<db>});
    }
}
/// A store with every log and every concurrency policy.
template <class Store>
std::vector<combination> combinations_of() {
    std::vector<combination> out;
    [&]<class... Log>(list<Log...>) {
        (([&]<class L, class... Concurrency>(std::type_identity<L>, list<Concurrency...>) {
             (add_combination<Store, L, Concurrency>(out), ...);
         }(std::type_identity<Log>{}, concurrencies{})),
         ...);
    }(logs{});
    return out;
}

/// Opens, writes, reads, flushes, compacts, races, closes and opens again; doctest checks throughout.
void live(combination const& c);

}  // namespace combinations
