// SPDX-License-Identifier: Apache-2.0
// What is fuzzed: everything that opens untrusted bytes. docs/how_to/fuzz.md
#pragma once

#include "tenon/core/bytes.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace fuzz {

struct outcome {
    bool        opened = false;
    std::string complaint;  ///< empty: all is well
};

/// One way to open bytes. The first byte of an input may choose among things they are opened with, such as sets of keys.
struct target {
    std::string name;
    outcome (*run)(tenon::byte_view input);
    std::vector<tenon::byte_vector> (*seeds)();  ///< inputs that open
    std::size_t rounds = 1000;  ///< damaged copies of each seed, made in two ways, in the tests without a fuzzer
};

std::vector<target> position_indexes();
std::vector<target> filters();
std::vector<target> storage();
/// All of them.
std::vector<target> const& targets();

}  // namespace fuzz

/// The first byte chooses the target, or is ignored when the environment variable TENON_FUZZ names one.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);
