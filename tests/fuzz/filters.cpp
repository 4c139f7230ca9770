// SPDX-License-Identifier: Apache-2.0
#include "targets.hpp"

#include "tenon/core/prng.hpp"
#include "tenon/filter/binary_fuse.hpp"
#include "tenon/filter/bloom.hpp"
#include "tenon/filter/no_filter.hpp"
#include "tenon/testing/hostile_bytes.hpp"

#include <string>
#include <vector>

namespace {

std::vector<std::uint64_t> hashes(std::size_t n) {
    tenon::prng                random(n);
    std::vector<std::uint64_t> out{0, ~std::uint64_t{0}};
    while (out.size() < n) out.push_back(random());
    out.resize(n);
    return out;
}

/// Whatever opens answers; whatever is refused says why.
template <class Filter>
fuzz::outcome run(tenon::byte_view input) {
    tenon::testing::aligned_copy const bytes(input);
    auto const                         view = Filter::view::open(bytes.view());
    if (!view) {
        bool const said = view.error().kind == tenon::errc::corrupt && !view.error().message.empty();
        return {false, said ? "" : "open must refuse with errc::corrupt and a sentence"};
    }
    static auto const asked = hashes(200);
    std::size_t       found = 0;
    for (auto h : asked) found += view->may_contain(h) ? 1 : 0;
    for (auto h : asked) found -= view->may_contain(h) ? 1 : 0;
    if constexpr (requires { view->validate(); }) (void)view->validate();
    return {true, found == 0 ? "" : "may_contain must answer the same twice"};
}

template <class Filter>
std::vector<tenon::byte_vector> seeds() {
    std::vector<tenon::byte_vector> out;
    for (std::size_t n : {0u, 1u, 2u, 40u, 2000u}) out.push_back(Filter::build(hashes(n)));
    return out;
}

template <class Filter>
fuzz::target target_of(std::string const& name) {
    return {name, &run<Filter>, &seeds<Filter>};
}

}  // namespace

std::vector<fuzz::target> fuzz::filters() {
    return {target_of<tenon::bloom<>>("bloom"), target_of<tenon::binary_fuse<8>>("binary_fuse of 8 bits"),
            target_of<tenon::binary_fuse<16>>("binary_fuse of 16 bits"), target_of<tenon::no_filter>("no_filter")};
}
