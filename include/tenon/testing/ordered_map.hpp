// SPDX-License-Identifier: Apache-2.0
// Conformance suite of axis::ordered_map: random operations against std::map, for people who write policies.
#pragma once

#include "tenon/core/hash.hpp"
#include "tenon/core/prng.hpp"
#include "tenon/ordered_map/concept.hpp"
#include "tenon/testing/report.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <source_location>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace tenon::testing {

/// Counts the living and knows itself: finds values that were destroyed twice, never, or moved.
class counted_value {
public:
    explicit counted_value(std::uint64_t v) noexcept : value(v), self_(this) { ++alive(); }
    counted_value(counted_value const& other) noexcept : value(other.value), self_(this) { ++alive(); }
    counted_value& operator=(counted_value const& other) noexcept {
        value = other.value;
        return *this;
    }
    ~counted_value() {
        --alive();
        self_ = nullptr;
    }
    bool                 in_place() const noexcept { return self_ == this; }
    static std::int64_t& alive() noexcept {
        static thread_local std::int64_t n = 0;
        return n;
    }
    std::uint64_t value;

private:
    counted_value* self_;
};

namespace detail {

/// Checks under one heading; out of the way of the code that is compiled for each policy.
struct ordered_map_checks {
    report&     found;
    std::string heading;

    bool check(bool holds, char const* axiom, std::source_location where = std::source_location::current()) {
        return found.check(holds, holds ? std::string() : heading + ": " + axiom, where);
    }
};

template <class Map, class Model>
void ordered_map_same(Map const& map, Model const& model, ordered_map_checks& r) {
    r.check(map.size() == model.size(), "size() differs from the model's");
    auto c    = map.cursor();
    auto same = [&](auto const& entry) {
        return c.valid() && c.key() == entry.first && c.value().value == entry.second.first;
    };
    r.check(!c.valid(), "a fresh cursor must stand nowhere");
    bool forward = true, backward = true;
    c.seek_first();
    for (auto const& entry : model) {
        if (!(forward = same(entry))) break;
        c.next();
    }
    r.check(forward && !c.valid(), "walking forward differs from the model");
    c.seek_last();
    for (auto entry = model.rbegin(); entry != model.rend(); ++entry) {
        if (!(backward = same(*entry))) break;
        c.prev();
    }
    r.check(backward && !c.valid(), "walking backward differs from the model");
}

/// `key(i)` makes the i-th key of the domain, `probe(key)` what it is looked up by.
template <class Policy, class Key, class Less, class MakeKey, class Probe>
void ordered_map_against_model(std::uint64_t seed, std::size_t operations, std::uint64_t domain,
                               std::string const& title, MakeKey key, Probe probe, report& findings) {
    using map_type = typename Policy::template map<Key, counted_value, Less>;
    auto r = ordered_map_checks{findings, std::string(Policy::name) + ", " + title + ", seed " + std::to_string(seed)};
    auto const alive  = counted_value::alive();
    auto       random = prng(seed);
    {
        map_type                                                      map;
        std::map<Key, std::pair<std::uint64_t, counted_value*>, Less> model;
        ordered_map_same(map, model, r);
        auto const empty_bytes = map.bytes();
        for (std::size_t i = 0; i < operations; ++i) {
            auto const k     = key(random.below(domain));
            auto const found = model.find(k);
            auto const there = found != model.end();
            switch (random.below(6)) {
                case 0:
                case 1: {
                    auto const [place, is_new] = map.insert(k, counted_value(i));
                    r.check(is_new != there, "insert must say whether the key is new");
                    if (is_new && place != nullptr) model.emplace(k, std::pair{std::uint64_t{i}, place});
                    r.check(place != nullptr &&
                                (!there || (place == found->second.second && place->value == found->second.first)),
                            "insert must return the place of the value and leave an existing value as it was");
                    break;
                }
                case 2: {
                    auto* const place = map.find(probe(k));
                    r.check(place == (there ? found->second.second : nullptr),
                            "find must return the stable place, or null");
                    if (place != nullptr && there) found->second.first = place->value = std::uint64_t{i};
                    break;
                }
                case 3: {
                    if constexpr (erasable_ordered_map<Policy>) {
                        r.check(map.erase(k) == there, "erase must say whether the key was there");
                        if (there) model.erase(found);
                        r.check(map.find(probe(k)) == nullptr, "an erased key is found");
                    }
                    break;
                }
                case 4: {
                    auto c = map.cursor();
                    auto m = model.lower_bound(k);
                    c.seek(probe(k));
                    for (int step = 0; step < 6; ++step) {
                        auto const at_end = m == model.end();
                        if (!r.check(c.valid() == !at_end &&
                                         (at_end || (c.key() == m->first && &c.value() == m->second.second)),
                                     "a cursor after seek and steps differs from the model"))
                            break;
                        if (at_end) break;
                        if (random.below(3) == 0) {
                            c.prev();
                            if (m == model.begin()) {
                                r.check(!c.valid(), "prev from the first key must stand nowhere");
                                break;
                            }
                            --m;
                        } else {
                            c.next();
                            ++m;
                        }
                    }
                    break;
                }
                default: {
                    auto c = map.cursor();
                    auto m = model.lower_bound(k);
                    c.seek_before(probe(k));
                    if (m == model.begin()) r.check(!c.valid(), "seek_before the first key must stand nowhere");
                    else
                        r.check(c.valid() && c.key() == std::prev(m)->first,
                                "seek_before must find the last lesser key");
                }
            }
            if (i % (operations / 8 + 1) == 0) ordered_map_same(map, model, r);
        }
        ordered_map_same(map, model, r);
        r.check(map.size() == 0 || map.bytes() >= empty_bytes + map.size(), "bytes() must count the entries");
        bool stable = true;
        for (auto const& [k, v] : model) stable = stable && v.second->in_place() && v.second->value == v.first;
        r.check(stable, "a value moved from its place");
        r.check(counted_value::alive() == alive + static_cast<std::int64_t>(model.size()),
                "values leaked or were destroyed twice");
        if constexpr (erasable_ordered_map<Policy>) {
            while (!model.empty()) {  // from random places, until nothing is left
                auto m = model.lower_bound(key(random.below(domain)));
                if (m == model.end()) m = model.begin();
                r.check(map.erase(m->first), "erase of a stored key failed");
                model.erase(m);
                if (model.size() % 64 == 0) ordered_map_same(map, model, r);
            }
            r.check(counted_value::alive() == alive, "erase must destroy the value");
            r.check(map.bytes() <= empty_bytes + 4096, "a map that was emptied must give its memory back");
            r.check(map.insert(key(0), counted_value(7)).second, "an emptied map must take keys again");
        }
    }
    r.check(counted_value::alive() == alive, "the map's end must destroy every value once");
}

template <class Policy>
void ordered_map_in_order(std::uint64_t seed, report& findings) {
    auto r = ordered_map_checks{findings, std::string(Policy::name) + ", keys in order, seed " + std::to_string(seed)};
    for (int direction = 0; direction < 3; ++direction) {  // ascending, descending, from both ends to the middle
        typename Policy::template map<std::uint64_t, counted_value, std::less<>>       map;
        std::map<std::uint64_t, std::pair<std::uint64_t, counted_value*>, std::less<>> model;
        for (std::uint64_t i = 0; i < 3000; ++i) {
            auto const k = direction == 0 ? i : direction == 1 ? ~i : (i % 2 == 0 ? i : ~i);
            model.emplace(k, std::pair{i, map.insert(k, counted_value(i)).first});
        }
        ordered_map_same(map, model, r);
        if constexpr (erasable_ordered_map<Policy>) {
            while (model.size() > 10) {
                auto const m = direction == 0   ? model.begin()
                               : direction == 1 ? std::prev(model.end())
                                                : std::next(model.begin(), 5);
                r.check(map.erase(m->first), "erase of a stored key failed");
                model.erase(m);
                if (model.size() % 256 == 0) ordered_map_same(map, model, r);
            }
            ordered_map_same(map, model, r);
        }
    }
}

}  // namespace detail

/// Runs every axiom of axis::ordered_map that can be seen from outside. Concurrent reads are not part of it: run
/// check_concurrent_reads under ThreadSanitizer.
template <ordered_map Policy>
void check_ordered_map(std::uint64_t seed, report& r) {
    auto random = prng(seed);
    auto same   = [](auto const& k) -> auto const& { return k; };
    auto number = [](std::uint64_t i) { return i; };
    auto spread = [](std::uint64_t i) { return tenon::hash_u64(i); };
    auto word   = [](std::uint64_t i) {
        return (i % 3 == 0 ? std::string("a rather long common beginning of keys ") : std::string()) +
               std::to_string(i);
    };
    auto chars = [](std::string const& k) { return std::string_view(k); };
    detail::ordered_map_against_model<Policy, std::uint64_t, std::less<>>(random(), 3000, 50, "50 integers", number,
                                                                          same, r);
    detail::ordered_map_against_model<Policy, std::uint64_t, std::less<>>(random(), 12000, 3000, "3000 integers",
                                                                          spread, same, r);
    detail::ordered_map_against_model<Policy, std::uint64_t, std::greater<std::uint64_t>>(
        random(), 3000, 500, "descending integers", spread, same, r);
    detail::ordered_map_against_model<Policy, std::string, std::less<>>(random(), 6000, 800, "strings by string_view",
                                                                        word, chars, r);
    detail::ordered_map_against_model<Policy, std::string, std::less<std::string>>(random(), 3000, 300, "strings", word,
                                                                                   same, r);
    detail::ordered_map_in_order<Policy>(random(), r);
}

/// One writer beside `readers` threads that find and walk, for policies with concurrent_reads. Build it with ThreadSanitizer too.
template <ordered_map Policy>
requires(Policy::concurrent_reads)
void check_concurrent_reads(std::uint64_t seed, std::size_t readers, std::uint64_t keys, report& r) {
    typename Policy::template map<std::uint64_t, std::uint64_t, std::less<>> map;

    auto const what      = std::string(Policy::name) + " with readers, seed " + std::to_string(seed);
    auto const key       = [&](std::uint64_t i) { return tenon::hash_u64(seed + i); };
    auto       published = std::atomic<std::uint64_t>{0};
    auto       broken    = std::vector<std::string>(readers);
    auto       threads   = std::vector<std::thread>{};
    for (std::size_t t = 0; t < readers; ++t)
        threads.emplace_back([&, t] {
            auto random = prng(seed + t + 1);
            for (std::uint64_t seen = 0; seen < keys;) {
                seen = published.load(std::memory_order_acquire);
                for (int i = 0; i < 8 && seen > 0; ++i) {
                    auto const  n     = random.below(seen);
                    auto* const found = map.find(key(n));
                    if (found == nullptr || *found != n)
                        broken[t] = "a key inserted before the reader began is not found";
                }
                auto          c     = map.cursor();
                std::uint64_t count = 0, last = 0;
                if (random.below(16) == 0) {
                    for (c.seek_first(); c.valid(); c.next(), ++count) {
                        if (count > 0 && !(last < c.key())) broken[t] = "a cursor went backwards";
                        last = c.key();
                        if (key(c.value()) != last) broken[t] = "a cursor showed a value that is not the key's";
                    }
                    if (count < seen) broken[t] = "a cursor missed keys that were there when it began";
                } else if (seen > 0) {
                    auto const at = key(random.below(seen));
                    c.seek(at);
                    if (!c.valid() || c.key() != at) broken[t] = "seek missed a key";
                    c.prev();
                    if (c.valid() && !(c.key() < at)) broken[t] = "prev did not go back";
                    c.seek_last();
                    if (!c.valid() || c.key() < at) broken[t] = "seek_last is not the last";
                }
            }
        });
    for (std::uint64_t i = 0; i < keys; ++i) {
        map.insert(key(i), i);
        published.store(i + 1, std::memory_order_release);
    }
    for (auto& t : threads) t.join();
    for (auto const& b : broken) r.check(b.empty(), what + ": " + b);
    r.check(map.size() == keys, what + ": size() after all insertions");
}

}  // namespace tenon::testing
