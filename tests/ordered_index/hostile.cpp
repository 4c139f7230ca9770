// SPDX-License-Identifier: Apache-2.0
#include "page_end.hpp"
#include "policies.hpp"
#include "suite.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

template <class...>
struct policy_list {};

using tenon::testing::detail::index_numbers;
using u64 = std::uint64_t;

u64 oracle(std::span<u64 const> keys, u64 k) {
    return static_cast<u64>(std::lower_bound(keys.begin(), keys.end(), k) - keys.begin());
}

/// All look-ups of a view whose bytes and keys end where memory ends.
template <class View>
bool answers(View const& view, std::span<u64 const> keys, std::uint64_t seed) {
    tenon::prng      random(seed);
    std::vector<u64> ask{0, 1, ~u64{0}, ~u64{0} - 1};
    for (std::size_t i = 0; i < 300 && !keys.empty(); ++i)
        for (auto k = keys[random.below(keys.size())]; ask.size() < 3 * i + 7; ++k) ask.push_back(k - 1);
    if (!keys.empty()) ask.push_back(keys.back()), ask.push_back(keys.back() + 1), ask.push_back(keys.front());
    std::vector<u64> out(ask.size());
    view.batch(ask, out);
    for (std::size_t i = 0; i < ask.size(); ++i)
        if (view.lower_bound(ask[i]) != oracle(keys, ask[i]) || out[i] != oracle(keys, ask[i])) return false;
    return view.validate().has_value();
}

}  // namespace

TEST_CASE_TEMPLATE("an index reads nothing behind the end of its keys and of its model", Policy,
                   TENON_POSITION_INDEXES) {
    constexpr u64 seed = 31;
    CAPTURE(seed);
    for (std::string_view set : {"uniform", "osm", "zipf", "two ends", "equal"})
        for (std::size_t n : {0u, 1u, 2u, 7u, 8u, 9u, 64u, 511u, 512u, 513u, 5000u}) {
            CAPTURE(set);
            CAPTURE(n);
            auto const     numbers = index_numbers(set, n, seed + n);
            page_end const keys(std::as_bytes(std::span(numbers)));
            auto const     model = Policy::template build<u64>(keys.as<u64>());
            REQUIRE(model);
            for (auto kind : {page_end::kind::memory, page_end::kind::file}) {
                page_end const bytes(*model, kind);
                auto const     view = Policy::template view<u64>::open(bytes.bytes(), keys.as<u64>());
                REQUIRE_MESSAGE(view, (view ? "" : view.error().message));
                CHECK(answers(*view, keys.as<u64>(), seed));
            }
        }
}

TEST_CASE_TEMPLATE("no damage to the model of many keys leads a query out of them", Policy, TENON_POSITION_INDEXES) {
    constexpr u64 seed = 32;
    CAPTURE(seed);
    using namespace tenon::testing;
    using maker = index_makers::u64;
    tenon::prng                        random(seed);
    detail::index_adapter<Policy, u64> index;
    maker                              make;
    for (std::string_view set : {"adversarial", "step", "uniform"}) {
        CAPTURE(set);
        auto const keys  = index_numbers(set, 150'000, seed);
        auto const model = index.build(keys);
        REQUIRE(model);
        detail::hostile_index<maker> hostile(index, make, keys, random);
        aligned_copy const           good(*model);
        hostile.offer_filled(good.view(), random, 60);
        each_hostile(good.view(), random, 30, [&](tenon::byte_view b) { hostile.offer(b); });
        INFO(hostile.complaint());
        CHECK(hostile.complaint().empty());
    }
}

TEST_CASE_TEMPLATE("a model is refused by every other policy", Policy, TENON_POSITION_INDEXES) {
    std::vector<u64> const keys{1, 2, 3};
    auto const             model = Policy::template build<u64>(std::span<u64 const>(keys));
    REQUIRE(model);
    tenon::testing::aligned_copy const bytes(*model);
    auto const                         refuses = [&]<class Other>(std::type_identity<Other>) {
        if constexpr (!std::same_as<Other, Policy>) {
            auto const view = Other::template view<u64>::open(bytes.view(), keys);
            REQUIRE(!view);
            CHECK(view.error().kind == tenon::errc::wrong_assembly);
            CHECK(view.error().message.find(std::string_view(Policy::name)) != std::string::npos);
        }
    };
    [&]<class... Others>(policy_list<Others...>) {
        (refuses(std::type_identity<Others>{}), ...);
    }(policy_list<TENON_POSITION_INDEXES>{});
}

TEST_CASE_TEMPLATE("a model is refused over keys of another type, and with bytes missing or too many", Policy,
                   TENON_POSITION_INDEXES) {
    std::vector<u64> const          keys{1, 2, 3};
    std::vector<std::int64_t> const signed_keys{1, 2, 3};
    auto const                      model = Policy::template build<u64>(std::span<u64 const>(keys));
    REQUIRE(model);
    page_end const whole(*model);
    auto const     other = Policy::template view<std::int64_t>::open(whole.bytes(), signed_keys);
    REQUIRE(!other);
    CHECK(other.error().kind == tenon::errc::wrong_assembly);
    for (std::size_t n = 0; n < model->size(); n += n < 160 ? 8 : 64) {
        page_end const bytes(tenon::byte_view(*model).first(n));
        auto const     view = Policy::template view<u64>::open(bytes.bytes(), keys);
        REQUIRE(!view);
        CHECK(view.error().kind == tenon::errc::corrupt);
    }
    auto longer = *model;
    longer.resize(longer.size() + 64);
    auto const view = Policy::template view<u64>::open(longer, keys);
    REQUIRE(!view);
    CHECK(view.error().message.find("says it has " + std::to_string(model->size()) + " bytes") != std::string::npos);
}

TEST_CASE("no damage to nodes over nodes leads a query out of them") {
    constexpr u64 seed = 33;
    CAPTURE(seed);
    using Policy = tenon::static_tree<tenon::compressed_separators>;
    tenon::prng      random(seed);
    std::vector<u64> keys;
    while (keys.size() < 600'000) {  // blocks of eight lines that no clear node can hold two of
        auto const base = keys.empty() ? 0 : keys.back() + (u64{1} << 20);
        for (u64 i = 0; i < 64; ++i) keys.push_back(base + 2 * i);
    }
    page_end const ends(std::as_bytes(std::span(keys)));
    auto const     model = Policy::build<u64>(ends.as<u64>());
    REQUIRE(model);
    auto const& good = *model;
    {
        tenon::testing::aligned_copy const bytes(good);
        auto const                         view = Policy::view<u64>::open(bytes.view(), ends.as<u64>());
        REQUIRE(view);
        REQUIRE(view->stats().groups > 0);
        CHECK(answers(*view, ends.as<u64>(), seed));
    }
    std::uint64_t nodes_at = 0, groups = 0;
    std::memcpy(&nodes_at, good.data() + 160, 8);
    std::memcpy(&groups, good.data() + 176, 8);
    auto const  groups_at = static_cast<std::size_t>(nodes_at - groups * 64);
    std::size_t opened    = 0;
    for (int round = 0; round < 300; ++round) {
        auto       bad  = good;
        auto const many = round % 3 == 0 ? 1u : 2'000u;
        for (auto n = many; n > 0; --n) {
            auto const at = round % 2 == 0 ? groups_at + random.below(groups * 64)
                                           : groups_at + random.below(bad.size() - groups_at);
            bad[at]       = static_cast<std::byte>(random.below(256));
        }
        if (round % 10 == 9) std::memset(bad.data() + groups_at, static_cast<int>(random.below(256)), groups * 64);
        if (round % 50 == 49) bad[176 + random.below(16)] ^= std::byte{1};
        page_end const bytes(bad);
        auto const     view = Policy::view<u64>::open(bytes.bytes(), ends.as<u64>());
        if (!view) continue;
        ++opened;
        std::vector<u64> asked(2'000), found(2'000);
        for (auto& k : asked) k = random.chance(0.9) ? keys[random.below(keys.size())] + random.below(3) - 1 : random();
        view->batch(asked, found);
        for (std::size_t i = 0; i < asked.size(); ++i) {
            REQUIRE(view->lower_bound(asked[i]) <= keys.size());
            REQUIRE(found[i] <= keys.size());
        }
    }
    CHECK(opened > 250);
    CHECK(opened < 300);
}

namespace {

/// Moves the start of a node in the middle to each of the last lines of keys that end where memory ends.
template <class Policy, tenon::node_kind Kind>
void move_to_the_end(std::span<u64 const> numbers, bool (*suits)(tenon::line_node const&)) {
    constexpr u64      line       = 8;
    constexpr unsigned start_at   = Kind == tenon::node_kind::bits ? 16 : 8;
    constexpr u64      start_bits = Kind == tenon::node_kind::bits ? ~u64{0} << 16 : ~u64{0} << 24 >> 16;
    u64 const          lines      = numbers.size() / line;
    page_end const     keys(std::as_bytes(numbers));
    REQUIRE(keys.bytes().size() % 4096 == 0);  // the last line ends with the last page
    auto const model = Policy::template build<u64>(keys.as<u64>());
    REQUIRE(model);
    u64 nodes = 0, nodes_at = 0;
    std::memcpy(&nodes, model->data() + 128, 8);
    std::memcpy(&nodes_at, model->data() + 160, 8);
    auto const node_at = [&](u64 i) {
        tenon::line_node out;
        std::memcpy(&out, model->data() + nodes_at + i * sizeof out, sizeof out);
        return out;
    };
    auto middle = nodes / 2;
    while (middle + 2 < nodes && !suits(node_at(middle))) ++middle;
    auto const node = node_at(middle);
    REQUIRE(suits(node));
    auto const start = node.start(Kind), end = node_at(middle + 1).start(Kind);
    REQUIRE(start + 8 < end);
    REQUIRE(end < lines);
    auto const       asked = numbers.subspan((start - 1) * line, (end - start + 1) * line);
    std::vector<u64> found(asked.size());
    std::size_t      two_at_the_end = 0;  // keys that the node leaves to the last line and to the one that is not there
    for (auto to = lines - (end - start); to <= lines; ++to) {
        auto moved = node;
        moved.meta = (node.meta & ~start_bits) | to << start_at;
        REQUIRE(moved.start(Kind) == to);
        auto bad = *model;
        std::memcpy(bad.data() + nodes_at + middle * sizeof moved, &moved, sizeof moved);
        tenon::testing::aligned_copy const bytes(bad);
        auto const                         view = Policy::template view<u64>::open(bytes.view(), keys.as<u64>());
        REQUIRE(view);
        auto const& hostile =
            *reinterpret_cast<tenon::line_node const*>(bytes.view().data() + nodes_at + middle * sizeof moved);
        view->batch(asked, found);
        for (std::size_t i = 0; i < asked.size(); ++i) {
            auto const at = tenon::find_lines<Kind>(hostile, asked[i]);
            two_at_the_end += at.first == lines - 1 && at.second == lines ? 1u : 0u;
            REQUIRE(view->lower_bound(asked[i]) <= lines * line);
            REQUIRE(found[i] <= lines * line);
        }
    }
    CHECK(two_at_the_end > 0);
}

}  // namespace

TEST_CASE("no start of a node of bits leads a query behind the last line") {
    constexpr u64 seed = 34;
    CAPTURE(seed);
    move_to_the_end<tenon::hybrid<>, tenon::node_kind::bits>(
        index_numbers("uniform", 65'536, seed),
        [](tenon::line_node const& n) { return !n.of_words(tenon::node_kind::bits); });
}

TEST_CASE("no start of a blurred node leads a query behind the last line") {
    std::vector<u64> keys(65'536);
    for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = (i / 12 + 1) << 20;  // repeated: no clear node holds many
    move_to_the_end<tenon::static_tree<tenon::compressed_separators>, tenon::node_kind::fines>(
        keys, [](tenon::line_node const& n) { return !n.of_words(tenon::node_kind::fines) && !n.clear(); });
}
