// SPDX-License-Identifier: Apache-2.0
// A least locator shows that located_view alone makes a whole position index of one, whatever the last mile.
#include "suite.hpp"

#include "tenon/ordered_index/located_view.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace {

using u64 = std::uint64_t;

/// The projection of every 16th key.
struct every_16th {
    static constexpr std::string_view name = "every_16th";
    std::span<u64 const>              marks;
    u64                               keys = 0;

    static tenon::result<every_16th> open(tenon::index_header const& header, tenon::byte_view model) {
        every_16th out;
        out.keys        = header.keys;
        auto const many = (header.keys + 15) / 16;
        if (header.bytes != sizeof(header) + many * 8 || !tenon::view_array(model, sizeof(header), many, out.marks))
            return tenon::fail(tenon::errc::corrupt, "every_16th: the marks do not fit the keys");
        return out;
    }
    u64 place(u64 p) const { return static_cast<u64>(std::lower_bound(marks.begin(), marks.end(), p) - marks.begin()); }
    void                  prefetch(u64) const {}
    tenon::position_range window(u64 place, u64) const {
        return {place == 0 ? 0 : place * 16 - 15, std::min(keys, place * 16)};
    }
    template <class Projected>
    tenon::result<void> validate(Projected const& projected) const {
        for (u64 i = 0; i < marks.size(); ++i)
            if (marks[i] != projected[i * 16]) return tenon::fail(tenon::errc::corrupt, "every_16th: a wrong mark");
        return {};
    }
};
static_assert(tenon::locator<every_16th>);

template <class LastMile>
struct marked {
    using policy_axis                      = tenon::axis::ordered_index;
    static constexpr std::string_view name = every_16th::name;

    template <tenon::index_key Key>
    using view = tenon::located_view<every_16th, Key, LastMile>;

    template <tenon::index_key Key>
    static tenon::result<tenon::byte_vector> build(std::span<Key const> keys) {
        if (auto sorted = tenon::check_sorted(keys); !sorted) return tenon::fail(std::move(sorted).error());
        tenon::byte_vector               out;
        tenon::projected_keys<Key> const projected(keys);
        tenon::put(out, tenon::index_header::of(name, keys, sizeof(tenon::index_header) + (keys.size() + 15) / 16 * 8));
        for (u64 i = 0; i < keys.size(); i += 16) tenon::put(out, projected[i]);
        return out;
    }
};
static_assert(tenon::ordered_index<marked<tenon::default_last_mile>>);

/// All that a last mile may be asked: each window of each set, and every key that keeps its promise.
template <class Key>
bool searches_everywhere(u64 (*search)(Key const*, u64, u64, Key const&), std::vector<Key> const& keys,
                         std::vector<Key> const& asked) {
    tenon::testing::detail::placed_keys<Key> const placed(keys, keys.size() % 8);
    auto const                                     sorted = placed.span();
    for (u64 first = 0; first <= sorted.size(); first += 1 + first / 8)
        for (u64 last = first; last <= sorted.size(); last += 1 + (last - first) / 3)
            for (auto const& k : asked) {
                if (first > 0 && !(sorted[first - 1] < k)) continue;
                auto const begin    = sorted.begin() + static_cast<std::ptrdiff_t>(first);
                auto const end      = sorted.begin() + static_cast<std::ptrdiff_t>(last);
                auto const expected = static_cast<u64>(std::lower_bound(begin, end, k) - sorted.begin());
                if (search(sorted.data(), first, last, k) != expected) return false;
            }
    return true;
}

template <class LastMile, class Maker>
bool searches(u64 seed) {
    using Key         = typename Maker::key_type;
    auto const search = [](Key const* keys, u64 first, u64 last, Key const& k) {
        return LastMile::search(keys, first, last, k);
    };
    tenon::prng random(seed);
    for (std::string_view set : {"uniform", "zipf", "two ends", "adversarial", "equal", "runs", "progression"})
        for (std::size_t n : {0u, 1u, 2u, 5u, 16u, 33u, 120u, 700u}) {
            Maker      maker;
            auto const numbers = tenon::testing::detail::index_numbers(set, n, random());
            auto const keys    = tenon::testing::detail::index_keys(maker, std::span<u64 const>(numbers), 0);
            auto       asked   = maker.special();
            for (std::size_t i = 0; i < keys.size(); i += 1 + n / 8)
                asked.push_back(keys[i]), maker.around(keys[i], asked);
            for (int i = 0; i < 4; ++i) asked.push_back(maker.of(random(), 0));
            if (!searches_everywhere<Key>(search, keys, asked)) return false;
        }
    return true;
}

template <class LastMile>
void searches_all_types() {
    constexpr u64 seed = 61;
    CAPTURE(seed);
    namespace make = tenon::testing::index_makers;
    CHECK(searches<LastMile, make::u64>(seed));
    CHECK(searches<LastMile, make::i32>(seed));
    CHECK(searches<LastMile, make::f64>(seed));
    CHECK(searches<LastMile, make::u8>(seed));
    CHECK(searches<LastMile, make::text>(seed));
    CHECK(searches<LastMile, make::pairs>(seed));
}

/// The window of every place is wrong.
struct misled : every_16th {
    static tenon::result<misled> open(tenon::index_header const& header, tenon::byte_view model) {
        auto good = every_16th::open(header, model);
        if (!good) return tenon::fail(std::move(good).error());
        return misled{*good};
    }
    tenon::position_range window(u64 place, u64 p) const {
        auto const first = tenon::hash_u64(place + 3 * p) % (keys + 1);
        return {first, first + tenon::hash_u64(p) % (keys - first + 1)};
    }
};

}  // namespace

TEST_CASE("a locator and located_view keep the axioms") { conforms<marked<tenon::default_last_mile>>(); }
TEST_CASE("located_view keeps the axioms with a search that steps from the middle of the window") {
    numbers_conform<marked<tenon::last_mile::exponential>>();
}
TEST_CASE("located_view keeps the axioms with a search by proportion") {
    numbers_conform<marked<tenon::last_mile::interpolation>>();
}

TEST_CASE("a branchless last mile finds the first key that is not less") {
    searches_all_types<tenon::last_mile::branchless>();
}
TEST_CASE("a branchy last mile finds the first key that is not less") {
    searches_all_types<tenon::last_mile::branchy>();
}
TEST_CASE("a last mile by lines finds the first key that is not less") {
    searches_all_types<tenon::last_mile::simd_line>();
}
TEST_CASE("an exponential last mile finds the first key that is not less") {
    searches_all_types<tenon::last_mile::exponential>();
}
TEST_CASE("an interpolating last mile finds the first key that is not less") {
    searches_all_types<tenon::last_mile::interpolation>();
}
TEST_CASE("the default last mile finds the first key that is not less") {
    searches_all_types<tenon::default_last_mile>();
}

TEST_CASE("answers are right even when every window is wrong") {
    constexpr u64 seed = 62;
    CAPTURE(seed);
    using namespace tenon::testing;
    for (std::string_view set : {"uniform", "zipf", "equal", "runs", "two ends"})
        for (std::size_t n : {0u, 1u, 2u, 40u, 1000u}) {
            CAPTURE(set);
            CAPTURE(n);
            auto const         keys  = detail::index_numbers(set, n, seed);
            auto const         model = marked<tenon::default_last_mile>::build(std::span<u64 const>(keys));
            aligned_copy const bytes(*model);
            auto const         view = tenon::located_view<misled, u64>::open(bytes.view(), keys);
            REQUIRE(view);
            index_makers::u64 maker;
            auto const        asked = detail::index_questions_around(maker, std::span<u64 const>(keys));
            std::vector<u64>  out(asked.size());
            view->batch(asked, out);
            std::size_t wrong = 0;
            for (std::size_t i = 0; i < asked.size(); ++i) {
                auto const lower =
                    static_cast<u64>(std::lower_bound(keys.begin(), keys.end(), asked[i]) - keys.begin());
                auto const above =
                    static_cast<u64>(std::upper_bound(keys.begin(), keys.end(), asked[i]) - keys.begin());
                wrong +=
                    out[i] != lower || view->lower_bound(asked[i]) != lower || view->upper_bound(asked[i]) != above;
            }
            CHECK(wrong == 0);
        }
}
