// SPDX-License-Identifier: Apache-2.0
// Does a policy keep the axioms of axis::page_store? For people who write one.
#pragma once

#include "tenon/core/bytes.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/page_store/concept.hpp"
#include "tenon/testing/report.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenon::testing {

namespace detail {

/// What is in an extent, so that a root alone is enough to check all that it lists.
struct page_store_item {
    extent        where;
    std::uint64_t seed = 0;
};

inline byte_vector page_store_fill(std::uint64_t seed, std::uint64_t size) {
    prng        random(seed);
    byte_vector out(static_cast<std::size_t>(size));
    for (std::size_t at = 0; at < out.size(); at += 8) {
        auto const word = random();
        std::memcpy(out.data() + at, &word, std::min<std::size_t>(8, out.size() - at));
    }
    return out;
}

inline byte_vector page_store_root(std::uint64_t number, std::vector<page_store_item> const& items,
                                   std::size_t padding) {
    byte_vector out;
    put(out, number);
    put(out, static_cast<std::uint32_t>(items.size()));
    for (auto const& item : items) put(out, item);
    put_sized(out, page_store_fill(number, padding));
    return out;
}

inline std::optional<std::vector<page_store_item>> page_store_items(byte_view root) {
    if (root.empty()) return std::vector<page_store_item>{};
    byte_reader in(root);
    auto const  number = in.get<std::uint64_t>();
    auto const  count  = in.get<std::uint32_t>();
    if (!in.ok() || count > in.left() / sizeof(page_store_item)) return std::nullopt;
    std::vector<page_store_item> items(count);
    for (auto& item : items) item = in.get<page_store_item>();
    auto const padding  = in.get_sized();
    auto const expected = page_store_fill(number, padding.size());
    if (!in.ok() || !in.at_end() || !std::equal(padding.begin(), padding.end(), expected.begin())) return std::nullopt;
    return items;
}

inline bool page_store_lists(byte_view root, extent e) {
    auto const items = page_store_items(root);
    return items &&
           std::any_of(items->begin(), items->end(), [&](page_store_item const& item) { return item.where == e; });
}

inline bool page_store_same(byte_view a, byte_view b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

/// A page store of any type behind one interface: the suites are compiled once, not once per policy.
class page_store_any {
public:
    virtual ~page_store_any()                                   = default;
    virtual result<extent>      write(byte_view, std::uint64_t) = 0;
    virtual result<extent_view> read(extent) const              = 0;
    virtual void                release(extent)                 = 0;
    virtual result<void>        publish(byte_view)              = 0;
    virtual byte_vector         root() const                    = 0;
    virtual result<void>        retain(std::span<extent const>) = 0;
    virtual result<void>        verify() const                  = 0;
    virtual std::uint64_t       trim()                          = 0;
    virtual store_stats         stats() const                   = 0;
};

template <page_store Store>
class page_store_box final : public page_store_any {
public:
    explicit page_store_box(Store s) : store_(std::move(s)) {}
    result<extent>      write(byte_view bytes, std::uint64_t before) override { return store_.write(bytes, before); }
    result<extent_view> read(extent e) const override { return store_.read(e); }
    void                release(extent e) override { store_.release(e); }
    result<void>        publish(byte_view bytes) override { return store_.publish(bytes); }
    byte_vector         root() const override { return store_.root(); }
    result<void>        retain(std::span<extent const> es) override { return store_.retain(es); }
    result<void>        verify() const override { return store_.verify(); }
    std::uint64_t       trim() override { return store_.trim(); }
    store_stats         stats() const override { return store_.stats(); }

private:
    Store store_;
};

using page_store_pointer = std::unique_ptr<page_store_any>;
using page_store_opener  = std::function<result<page_store_pointer>(store_options const&)>;

/// Opens stores of a policy in one world, at one path.
template <class Policy, file_system FS>
page_store_opener page_store_open_with(FS fs, std::string path) {
    using store_type = typename Policy::template store<FS>;
    return [fs, path](store_options const& options) -> result<page_store_pointer> {
        auto opened = store_type::open(fs, path, options);
        if (!opened) return fail(std::move(opened.error()));
        return page_store_pointer(std::make_unique<page_store_box<store_type>>(std::move(*opened)));
    };
}

/// Works with a store as an engine does: what a durable root lists is released only after a root without it is published.
class page_store_user {
public:
    /// Takes the store over with the root it has; `fault` says what is wrong with it.
    page_store_user(page_store_any& store, std::string& fault) : store_(store), root_(store.root()) {
        auto const items = page_store_items(root_);
        if (!items) {
            fault = "the root is no root that was published";
            return;
        }
        std::vector<extent> kept;
        for (auto const& item : *items) kept.push_back(item.where);
        if (auto done = store_.retain(kept); !done) {
            fault = "retain of the root's extents: " + done.error().message;
            return;
        }
        for (auto const& item : *items) live_[item.where.offset] = {item, true};
        fault = check_all();
    }

    /// Empty when every live extent reads back as it was written.
    std::string check_all() const {
        for (auto const& [offset, held] : live_)
            if (auto fault = check(held.item); !fault.empty()) return fault;
        return {};
    }
    std::string check(page_store_item const& item) const {
        auto const name =
            "the extent of " + std::to_string(item.where.size) + " bytes at " + std::to_string(item.where.offset);
        auto const view = store_.read(item.where);
        if (!view) return "reading " + name + ": " + view.error().message;
        if (reinterpret_cast<std::uintptr_t>(view->bytes().data()) % 64 != 0) return name + " is not 64-byte aligned";
        if (!page_store_same(view->bytes(), page_store_fill(item.seed, item.where.size)))
            return name + " has other bytes than were written";
        return {};
    }

    result<extent> write(std::uint64_t size, std::uint64_t seed, std::uint64_t before = ~std::uint64_t{0}) {
        auto at = store_.write(page_store_fill(seed, size), before);
        if (!at) return at;
        if (at->size != size || at->offset % 4096 != 0)
            overlap_ = "write returned an extent of another size or at an odd offset";
        auto const after = live_.lower_bound(at->offset);
        if (after != live_.end() && after->first < at->offset + std::max<std::uint64_t>(size, 1))
            overlap_ = "write returned space of a live extent";
        if (after != live_.begin()) {
            auto const& lower = std::prev(after)->second.item.where;
            if (lower.offset + lower.size > at->offset) overlap_ = "write returned space inside a live extent";
        }
        live_[at->offset] = {{*at, seed}, false};
        return at;
    }

    void drop(prng& random) {
        if (live_.empty()) return;
        drop_item(std::next(live_.begin(), static_cast<std::ptrdiff_t>(random.below(live_.size())))->first);
    }
    void drop_item(std::uint64_t offset) {
        auto const it = live_.find(offset);
        if (it->second.durable) {
            dropped_.push_back(it->second.item.where);  // a root needs it: later
            hidden_[it->first] = it->second;
        } else {
            store_.release(it->second.item.where);
        }
        live_.erase(it);
    }

    /// The bytes that the next publish will publish.
    byte_vector next_root(std::uint64_t number, std::size_t padding) const {
        std::vector<page_store_item> items;
        for (auto const& [offset, held] : live_) items.push_back(held.item);
        return page_store_root(number, items, padding);
    }
    result<void> publish(byte_vector next) {
        if (auto done = store_.publish(next); !done) return done;
        root_ = std::move(next);
        for (auto& [offset, held] : live_) held.durable = true;
        for (auto const& e : dropped_) store_.release(e);
        dropped_.clear();
        hidden_.clear();
        return {};
    }

    byte_vector const& root() const noexcept { return root_; }
    std::string const& overlap() const noexcept { return overlap_; }
    std::uint64_t      live_payload() const {
        std::uint64_t sum = 0;
        for (auto const& [offset, held] : live_) sum += held.item.where.size;
        for (auto const& [offset, held] : hidden_) sum += held.item.where.size;
        return sum;
    }
    /// The live extents at or behind an offset.
    std::vector<page_store_item> from(std::uint64_t offset) const {
        std::vector<page_store_item> out;
        for (auto it = live_.lower_bound(offset); it != live_.end(); ++it) out.push_back(it->second.item);
        return out;
    }
    std::size_t live_count() const noexcept { return live_.size(); }
    /// Any live extent. Precondition: there is one.
    page_store_item any(prng& random) const {
        return std::next(live_.begin(), static_cast<std::ptrdiff_t>(random.below(live_.size())))->second.item;
    }

private:
    struct kept_item {
        page_store_item item;
        bool            durable = false;  ///< a published root lists it
    };
    page_store_any&                    store_;
    byte_vector                        root_;
    std::map<std::uint64_t, kept_item> live_, hidden_;
    std::vector<extent>                dropped_;
    std::string                        overlap_;
};

inline std::uint64_t page_store_size(prng& random) {
    switch (random.below(8)) {
        case 0: return random.below(3);
        case 1: return 4096 * (1 + random.below(4)) + random.below(3) - 1;
        case 2: return random.below(300'000);
        default: return random.below(9'000);
    }
}

/// The walk of check_page_store over one store.
class page_store_walk {
public:
    page_store_walk(std::string_view name, bool persistent, page_store_opener open, std::uint64_t seed, report& r)
        : prefix_(std::string(name) + ", seed " + std::to_string(seed) + ": "),
          persistent_(persistent),
          open_(std::move(open)),
          random_(seed),
          report_(r) {}

    void run(unsigned steps) {
        if (persistent_) refuses_what_is_not_there();
        if (!open()) return;
        holds(store_->root().empty() && store_->stats().generation == 0, "a new store has a root");
        fixed_ = overhead();
        for (unsigned i = 0; i < steps; ++i) {
            if (!step()) return;
            holds(overhead() == fixed_, "file_bytes, live_bytes and free_bytes do not add up");
            holds(store_->stats().live_bytes >= user_->live_payload(),
                  "live_bytes is less than the payload that is live");
        }
        refused(store_->read({~std::uint64_t{0} - 4095, 4096}), errc::corrupt,
                "reading at the end of the address space");
        refused(store_->read({16384, ~std::uint64_t{0} - 7}), errc::corrupt, "reading an extent that is too long");
        refused(store_->read({std::uint64_t{1} << 50, 8}), errc::corrupt, "reading behind the end");
        clean(user_->check_all(), "at the end");
        if (persistent_) space_comes_back();
    }

private:
    bool holds(bool ok, char const* what) {
        return ok ? report_.check(true, {}) : report_.check(false, prefix_ + what);
    }
    bool clean(std::string const& fault, char const* when) {
        return fault.empty() ? report_.check(true, {}) : report_.check(false, prefix_ + when + ": " + fault);
    }
    template <class T>
    bool done(result<T> const& outcome, char const* what) {
        return outcome ? report_.check(true, {}) : clean(outcome.error().message, what);
    }
    template <class T>
    void refused(result<T> const& outcome, errc kind, char const* what) {
        if (outcome) clean("succeeds", what);
        else if (outcome.error().kind != kind || outcome.error().message.empty())
            clean("gives " + std::string(to_string(outcome.error().kind)) + ": " + outcome.error().message, what);
        else report_.check(true, {});
    }
    std::uint64_t overhead() const {
        auto const s = store_->stats();
        return s.file_bytes - s.live_bytes - s.free_bytes;
    }
    static store_options options(std::string signature = "check_page_store") {
        store_options out;
        out.signature = std::move(signature);
        return out;
    }

    void refuses_what_is_not_there() {
        auto o   = options();
        o.create = false;
        refused(open_(o), errc::not_found, "opening a file that does not exist, with create = false");
        o           = options();
        o.read_only = true;
        refused(open_(o), errc::not_found, "opening a file that does not exist, read-only");
    }
    bool open() {
        auto opened = open_(options());
        if (!done(opened, "open")) return false;
        store_ = std::move(*opened);
        std::string fault;
        user_.emplace(*store_, fault);
        return clean(fault, "after open");
    }
    bool step() {
        auto const op = random_.below(100);
        if (op < 50) {
            auto const size = page_store_size(random_);
            auto const ok   = done(user_->write(size, random_()), "write");
            return clean(user_->overlap(), "write") && ok;
        }
        if (op < 68) return user_->drop(random_), true;
        if (op < 80) return look();
        if (op < 94) return publish();
        if (op < 95) return done(store_->verify(), "verify") && clean(user_->check_all(), "reading everything");
        if (op < 97) return gather();
        return !persistent_ || reopen();
    }
    /// What lies behind trim()'s offset is written again ahead of it, published, and trimmed.
    bool gather() {
        auto const from = store_->trim();
        if (from == ~std::uint64_t{0}) return true;
        for (auto const& item : user_->from(from)) {
            auto const at = user_->write(item.where.size, item.seed, item.where.offset);
            if (!at && at.error().kind == errc::full) continue;
            if (!done(at, "write ahead of an offset")) return false;
            holds(at->offset + at->size <= item.where.offset, "write goes beyond the offset it was given");
            user_->drop_item(item.where.offset);
        }
        if (!publish()) return false;
        auto const before = store_->stats().file_bytes;
        (void)store_->trim();
        return holds(store_->stats().file_bytes <= before, "trim makes the file longer") &&
               clean(user_->check_all(), "after trim");
    }
    bool look() {
        if (user_->live_count() == 0) return true;
        auto const item = user_->any(random_);
        if (auto view = store_->read(item.where); view && page_store_lists(user_->root(), item.where))
            views_.emplace_back(*view, item.seed);
        return clean(user_->check(item), "read");
    }
    bool publish() {
        for (auto const& [view, seed] : views_)
            holds(page_store_same(view.bytes(), page_store_fill(seed, view.bytes().size())),
                  "a view changed under its reader");
        views_.clear();
        auto const before = store_->stats().generation;
        if (!done(user_->publish(user_->next_root(before, static_cast<std::size_t>(random_.below(6'000)))), "publish"))
            return false;
        holds(store_->stats().generation == before + 1, "publish counts one generation");
        return holds(page_store_same(store_->root(), user_->root()), "the root is not what was just published");
    }
    bool reopen() {
        auto const last       = user_->root();
        auto const generation = store_->stats().generation;
        refused(open_(options()), errc::locked, "opening an open store");
        views_.clear();
        user_.reset();
        store_.reset();
        refused(open_(options("another assembly")), errc::wrong_assembly, "opening with another signature");
        if (random_.below(2) == 0 && !read_only(last)) return false;
        if (!open()) return false;
        holds(page_store_same(store_->root(), last), "after reopening the root is not the one last published");
        return holds(store_->stats().generation == generation, "after reopening the generation is another");
    }
    bool read_only(byte_vector const& last) {
        auto only      = options();
        only.read_only = true;
        auto reader    = open_(only);
        if (!done(reader, "open read-only")) return false;
        std::string           fault;
        page_store_user const user(**reader, fault);
        clean(fault, "read-only");
        holds(page_store_same(user.root(), last), "read-only: the root is not the one last published");
        refused((*reader)->write({}, ~std::uint64_t{0}), errc::read_only, "writing to a read-only store");
        refused((*reader)->publish({}), errc::read_only, "publishing in a read-only store");
        return true;
    }
    void space_comes_back() {
        auto const before = store_->stats().file_bytes;
        auto const bytes  = page_store_fill(1, 20'000);
        for (int round = 0; round < 500; ++round) {
            auto const e = store_->write(bytes, ~std::uint64_t{0});
            if (!done(e, "write")) return;
            store_->release(*e);
        }
        holds(store_->stats().file_bytes <= before + (std::uint64_t{4} << 20), "released space is not used again");
    }

    std::string                                        prefix_;
    bool                                               persistent_;
    page_store_opener                                  open_;
    prng                                               random_;
    report&                                            report_;
    page_store_pointer                                 store_;
    std::optional<page_store_user>                     user_;
    std::uint64_t                                      fixed_ = 0;
    std::vector<std::pair<extent_view, std::uint64_t>> views_;  // of extents that the durable root lists
};

struct page_store_outcome {
    byte_vector acknowledged, in_flight;
    bool        finished = false;
};

inline store_options page_store_crash_options() {
    store_options out;
    out.signature = "crashes";
    return out;
}

/// A seeded workload until its end or the first error.
inline page_store_outcome page_store_work(page_store_opener const& open, std::uint64_t seed, unsigned steps) {
    page_store_outcome out;
    auto               store = open(page_store_crash_options());
    if (!store) return out;
    std::string     fault;
    page_store_user user(**store, fault);
    prng            random(seed);
    for (unsigned step = 0; step < steps; ++step) {
        auto const op = random.below(10);
        if (op < 5) {
            auto const size = page_store_size(random);
            if (!user.write(size, random())) return out;
        } else if (op < 7) {
            user.drop(random);
        } else {
            out.in_flight = user.next_root(step + 1, static_cast<std::size_t>(random.below(5'000)));
            if (!user.publish(out.in_flight)) return out;
            out.acknowledged = out.in_flight;
        }
    }
    out.finished = true;
    return out;
}

/// Opens what a crash left; the fault, or empty. Then writes into the free space, without publishing.
inline std::string page_store_recover(page_store_opener const& open, byte_vector& root, bool publish) {
    auto store = open(page_store_crash_options());
    if (!store) return "open: " + store.error().message;
    std::string     fault;
    page_store_user user(**store, fault);
    if (!fault.empty()) return fault;
    root = user.root();
    for (std::uint64_t i = 0; i < 6; ++i)
        if (!user.write(3'000 + 7'000 * i, i)) return "a write fails after recovery";
    if (publish && !user.publish(user.next_root(1'000, 100))) return "publish fails after recovery";
    return user.check_all();
}

}  // namespace detail

/// Runs a policy's store against a model of its live extents over `steps` seeded operations, reopening among them.
///
/// `path` must not exist and lies in a directory that does. Covers: bytes and alignment of reads, disjoint extents, space used
/// again, roots before and after reopening, views that stay, sizes, and each error that the concept names.
template <class Policy, file_system FS>
void check_page_store(FS fs, std::string const& path, std::uint64_t seed, report& r, unsigned steps = 400) {
    static_assert(page_store_policy<Policy, FS>, "tenon: check_page_store<Policy> takes a policy on axis::page_store");
    detail::page_store_walk(Policy::name, Policy::persistent, detail::page_store_open_with<Policy>(fs, path), seed, r)
        .run(steps);
}

/// Sweeps power loss over every operation of a seeded workload: `Disk` is a simulated file system (simulated_files).
///
/// After each crash the root is the last one acknowledged or the one in flight, everything it lists reads back, and that stays so
/// when a second process opens the store, writes into the free space and loses power as well.
template <class Policy, class Disk>
void check_page_store_crashes(std::uint64_t seed, report& r, unsigned steps = 40, unsigned states = 4) {
    auto const opener = [](Disk disk) { return detail::page_store_open_with<Policy>(disk, "data.tenon"); };
    Disk       whole;
    r.check(detail::page_store_work(opener(whole), seed, steps).finished,
            std::string(Policy::name) + ": the workload fails without a crash");
    for (std::uint64_t at = 1; at <= whole.operations(); ++at) {
        Disk disk;
        disk.crash_at(at);
        auto const said = detail::page_store_work(opener(disk), seed, steps);
        for (unsigned state = 0; state < states; ++state) {
            auto const  salt = seed * 7919 + at * 131 + state * 7;
            byte_vector first, second, third;
            Disk        found = disk.after_power_loss(salt);
            auto        fault = detail::page_store_recover(opener(found), first, false);
            if (fault.empty() && !detail::page_store_same(first, said.acknowledged) &&
                !detail::page_store_same(first, said.in_flight))
                fault = "the root is neither the one acknowledged nor the one in flight";
            Disk again = found.after_power_loss(salt + 1);  // after recovery, with free space overwritten
            if (fault.empty()) fault = detail::page_store_recover(opener(again), second, true);
            if (fault.empty() && !detail::page_store_same(first, second))
                fault = "the root that was recovered is lost after a second crash";
            if (fault.empty())
                fault = detail::page_store_recover(opener(again.after_power_loss(salt + 2)), third, false);
            if (fault.empty() && detail::page_store_same(second, third))
                fault = "what was published after recovery is lost after a third crash";
            r.check(fault.empty(), std::string(Policy::name) + ", seed " + std::to_string(seed) +
                                       ", crash at operation " + disk.operation_text(at) + ", state " +
                                       std::to_string(state) + ": " + fault);
        }
    }
}

}  // namespace tenon::testing
