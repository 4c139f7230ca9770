// SPDX-License-Identifier: Apache-2.0
// Transactions: writes to rows and all their indexes that become visible and durable together, or not at all.
#pragma once

#include "tenon/assembly/pending_commit.hpp"
#include "tenon/assembly/view.hpp"
#include "tenon/core/unless_done.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace tenon {

namespace detail {
template <class T>
std::string printable(T const& v) {
    if constexpr (std::is_arithmetic_v<T>) return std::to_string(v);
    else if constexpr (std::is_convertible_v<T const&, std::string_view>)
        return "\"" + std::string(std::string_view(v)) + "\"";
    else if constexpr (requires {
                           std::tuple_size<T>::value;
                           v.size();
                       })
        return "of " + std::to_string(v.size()) + " elements";
    else if constexpr (requires { std::tuple_size<T>::value; }) {
        return std::apply(
            [](auto const&... e) {
                std::string out;
                ((out += (out.empty() ? "(" : ", ") + printable(e)), ...);
                return out + ")";
            },
            v);
    } else return "given";
}
}  // namespace detail

/// transaction - reads a snapshot and its own writes; commit() makes the writes durable and visible at once.
///
/// Errors      an operation that fails returns its error and marks the transaction: commit() then refuses with that first error, so that
///             an ignored failure never commits half of a thing. rollback_to() a savepoint made before it clears the mark.
/// Threads     one. Ends by commit(), rollback() or its destructor, which rolls back.
template <class Engine>
class transaction : public view<Engine> {
    using base   = view<Engine>;
    using tables = typename Engine::tables;
    struct own {
        typename Engine::write_set_type writes;
        typename Engine::read_set       reads;
        std::optional<error>            failed;
    };
    static constexpr bool track_reads = Engine::recipe_type::concurrency::validates_reads;
    template <std::size_t T>
    using table_at = std::tuple_element_t<T, tables>;

public:
    /// Where a transaction can go back to; valid until it ends or goes back further.
    struct savepoint {
        typename Engine::write_set_type::mark mark;
        bool                                  failed = false;
    };

    explicit transaction(std::shared_ptr<Engine> engine) : transaction(std::move(engine), std::make_unique<own>()) {}
    transaction(transaction&& other) noexcept = default;
    transaction& operator=(transaction&&)     = delete;
    ~transaction() { rollback(); }

    /// Adds a row; errc::duplicate_key when its primary key is there already.
    template <class Row>
    result<void> insert(Row const& row) {
        return write(row, must::be_absent);
    }
    /// Adds or replaces a row.
    template <class Row>
    result<void> upsert(Row const& row) {
        return write(row, must::be_anything);
    }
    /// Replaces a row; errc::not_found when its primary key is not there.
    template <class Row>
    result<void> update(Row const& row) {
        return write(row, must::be_present);
    }
    /// Removes the row with a primary key; false when there is none.
    template <class Row, class... Parts>
    result<bool> erase(Parts const&... parts) {
        constexpr auto T = base::template table_index<Row>();
        static_assert(sizeof...(Parts) == table_at<T>::key_type::size,
                      "tenon: erase() takes one value for each member of the primary key");
        if (auto ok = alive(); !ok) return fail(std::move(ok).error());
        byte_vector key;
        encode_key_value<typename table_at<T>::key_type>(key, typename table_at<T>::key_type::tuple_type(parts...));
        auto const in = this->pinned_.state.enter();
        if (!in) return fail(mark(snapshot_expired().value()));
        auto there = this->template reader<T>().locate_live(key);
        if (track_reads) own_->reads.keys[T].emplace_back(as_chars(key));
        if (!there) return fail(mark(std::move(there).error()));
        if (!*there) return false;
        add<T>(key, {}, true);
        return true;
    }

    savepoint save() const {
        expects(engine_ != nullptr, "save: the transaction has ended; begin another one");
        return {own_->writes.here(), own_->failed.has_value()};
    }
    /// Undoes everything since the savepoint.
    void rollback_to(savepoint const& s) {
        expects(engine_ != nullptr, "rollback_to: the transaction has ended; begin another one");
        own_->writes.back_to(s.mark);
        if (!s.failed) own_->failed.reset();
    }
    /// Durable and visible when it returns; the commit's timestamp. errc::conflict: run the transaction again (tenon::retry).
    /// The transaction has ended, whatever is returned.
    result<timestamp> commit() { return commit_at({}); }
    /// The same at another level of durability, which says what is lost when; never less than what the log policy promises.
    result<timestamp> commit(durability level) { return commit_at(level); }

    /// Returns when the commit is validated and has its place in the log; it becomes durable and visible later, in the order of the
    /// commits, and `called` gets the timestamp, or the error after which the database takes no more writes. The callback runs on
    /// any thread that commits or on one of the log's, once, before the database has closed; it must not commit, wait or throw.
    /// When this returns an error (errc::conflict) it is not called. The transaction has ended, whatever is returned.
    result<timestamp> commit_async(typename Engine::commit_callback called) {
        auto taken = take_in(std::move(called));
        if (!taken) return fail(std::move(taken).error());
        return taken->at;
    }
    /// The same with something to wait for, or to co_await.
    result<pending_commit<Engine>> commit_async() {
        auto pending = pending_commit<Engine>(engine_);
        auto taken   = take_in(pending.callback());
        if (!taken) return fail(std::move(taken).error());
        pending.taken(*std::move(taken));
        return pending;
    }
    /// Forgets everything and ends the transaction.
    void rollback() noexcept {
        if (engine_ == nullptr) return;
        engine_->gate().leave();
        engine_.reset();
    }

private:
    result<timestamp> commit_at(std::optional<durability> level) {
        if (auto ok = alive(); !ok) return fail(std::move(ok).error());
        result<timestamp> out = this->pinned_.at;
        if (own_->failed) out = fail(*own_->failed);
        else if (has_writes()) out = engine_->commit(own_->writes, this->pinned_, own_->reads, level);
        rollback();
        return out;
    }
    result<typename Engine::taken> take_in(typename Engine::commit_callback called) {
        if (auto ok = alive(); !ok) return fail(std::move(ok).error());
        result<typename Engine::taken> out;
        out->at = this->pinned_.at;
        if (own_->failed) out = fail(*own_->failed);
        else if (has_writes()) out = engine_->commit_async(own_->writes, this->pinned_, own_->reads, std::move(called));
        else called(out->at);
        rollback();
        return out;
    }

    enum class must { be_absent, be_present, be_anything };

    struct entered {
        std::shared_ptr<Engine> engine;
        std::unique_ptr<own>    mine;
    };
    transaction(std::shared_ptr<Engine> engine, std::unique_ptr<own> mine)
        : base((engine->gate().enter(), engine->pin()), &mine->writes, track_reads ? &mine->reads : nullptr, nullptr),
          engine_(std::move(engine)),
          own_(std::move(mine)) {}

    result<void> alive() const {
        if (engine_ == nullptr) return fail(errc::invalid_argument, "the transaction has ended; begin another one");
        return {};
    }
    error mark(error e) {
        if (!own_->failed) own_->failed = e;
        return e;
    }
    bool has_writes() const {
        bool any = false;
        [&]<std::size_t... T>(std::index_sequence<T...>) {
            (own_->writes.template each<T>([&](row_version const*) { any = true; }), ...);
        }(std::make_index_sequence<std::tuple_size_v<tables>>{});
        return any;
    }
    template <std::size_t T>
    void add(byte_view key, byte_view record, bool tombstone) {
        detail::unless_done in_part([this] {
            if (!own_->failed) own_->failed = error{errc::full, "out of memory"};
        });
        bool const          first = own_->writes.template table<T>() == nullptr;
        own_->writes.template add<T>(key, record, tombstone);
        if (first) std::get<T>(this->readers_) = this->template make_reader<T>();
        in_part.done();
    }
    template <class Row>
    result<void> write(Row const& row, must condition) {
        constexpr auto T = base::template table_index<Row>();
        using table      = table_at<T>;
        if (auto ok = alive(); !ok) return ok;
        auto const where = [&] {
            return std::string("table ").append(table::name) + ", key " +
                   detail::printable(table::key_type::extract(row)) + ": ";
        };
        result<void> fits;
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (void)((fits = table::template index_spec<I>::kind_type::check(
                        table::template index_spec<I>::key_type::extract(row)),
                    fits.has_value()) &&
                   ...);
        }(std::make_index_sequence<table::index_count>{});
        if (!fits) return fail(mark({fits.error().kind, where() + fits.error().message}));
        if (!key_codec<typename table::key_type::tuple_type>::encodable(
                typename table::key_type::tuple_type(table::key_type::extract(row))))
            return fail(mark({errc::invalid_argument, where() + "NaN has no place in the order of keys"}));
        auto const key = table::key_bytes(row);
        if (key.size() > 65535)
            return fail(mark({errc::too_large, std::string("table ").append(table::name) + ": a primary key of " +
                                                   std::to_string(key.size()) + " bytes; 65,535 are the most"}));
        if (condition != must::be_anything) {
            if (track_reads) own_->reads.keys[T].emplace_back(as_chars(key));
            auto const in = this->pinned_.state.enter();
            if (!in) return fail(mark(snapshot_expired().value()));
            auto there = this->template reader<T>().locate_live(key);
            if (!there) return fail(mark(std::move(there).error()));
            if (condition == must::be_absent && *there)
                return fail(mark({errc::duplicate_key,
                                  where() + "there is a row with this key already; update or upsert replaces it"}));
            if (condition == must::be_present && !*there)
                return fail(
                    mark({errc::not_found, where() + "there is no row with this key; insert or upsert adds it"}));
        }
        byte_vector record;
        table::schema_type::encode(record, row);
        if (record.size() >= (std::uint64_t{1} << 30))
            return fail(mark({errc::too_large,
                              where() + "a row of " + std::to_string(record.size()) + " bytes; 1 GiB is the most"}));
        add<T>(key, record, false);
        return {};
    }

    std::shared_ptr<Engine> engine_;
    std::unique_ptr<own>    own_;
};

}  // namespace tenon
