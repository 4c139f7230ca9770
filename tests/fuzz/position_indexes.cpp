// SPDX-License-Identifier: Apache-2.0
#include "../ordered_index/policies.hpp"
#include "targets.hpp"

#include "tenon/testing/ordered_index.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace tenon::testing;

/// A set of keys, and a model over it.
template <class Policy, class Maker>
struct indexed_set {
    using key = typename Maker::key_type;
    detail::index_adapter<Policy, key>                 index;
    Maker                                              maker;
    std::vector<key>                                   keys;
    tenon::byte_vector                                 model;
    std::unique_ptr<detail::hostile_index<Maker, key>> hostile;

    indexed_set(std::string_view name, std::size_t n) {
        tenon::prng random(n);
        auto const  numbers = detail::index_numbers(name, n, 7);
        keys                = detail::index_keys(maker, std::span<std::uint64_t const>(numbers), 0);
        model               = *index.build(keys);
        hostile             = std::make_unique<detail::hostile_index<Maker, key>>(index, maker, keys, random);
    }
};

template <class Policy, class Maker>
auto const& sets_of() {
    using set = std::unique_ptr<indexed_set<Policy, Maker>>;
    auto make = [](std::string_view name, std::size_t n) {
        return std::make_unique<indexed_set<Policy, Maker>>(name, n);
    };
    static std::array<set, 6> const sets{make("uniform", 0),        make("uniform", 1),    make("zipf", 300),
                                         make("adversarial", 3000), make("two ends", 700), make("any width", 5000)};
    return sets;
}

template <class Policy, class Maker>
fuzz::outcome run(tenon::byte_view input) {
    if (input.empty()) return {};
    auto const&        sets   = sets_of<Policy, Maker>();
    auto const&        set    = *sets[std::to_integer<std::size_t>(input[0]) % sets.size()];
    auto const         before = set.hostile->opened();
    aligned_copy const model(input.subspan(1));
    set.hostile->offer(model.view());
    return {set.hostile->opened() > before, set.hostile->complaint()};
}

template <class Policy, class Maker>
std::vector<tenon::byte_vector> seeds() {
    std::vector<tenon::byte_vector> out;
    for (auto const& set : sets_of<Policy, Maker>()) {
        tenon::byte_vector input{static_cast<std::byte>(out.size())};
        tenon::put_bytes(input, set->model);
        out.push_back(std::move(input));
    }
    return out;
}

template <class Policy, class Maker>
fuzz::target target_of() {
    return {std::string(Policy::name) + " over " + Maker().name(), &run<Policy, Maker>, &seeds<Policy, Maker>};
}

template <class... Policies>
std::vector<fuzz::target> over_numbers() {
    return {target_of<Policies, index_makers::u64>()..., target_of<Policies, index_makers::u8>()...,
            target_of<Policies, index_makers::f64>()...};
}

}  // namespace

std::vector<fuzz::target> fuzz::position_indexes() { return over_numbers<TENON_POSITION_INDEXES>(); }
