// SPDX-License-Identifier: Apache-2.0
// The entry that libFuzzer calls; docs/how_to/fuzz.md has the command.
#include "targets.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

std::vector<fuzz::target> all_targets() {
    auto out = fuzz::position_indexes();
    for (auto const& some : {fuzz::filters(), fuzz::storage()}) out.insert(out.end(), some.begin(), some.end());
    return out;
}

/// The target that TENON_FUZZ names, or null.
fuzz::target const* chosen_target() {
    auto const* name = std::getenv("TENON_FUZZ");
    if (name == nullptr) return nullptr;
    for (auto const& t : fuzz::targets())
        if (t.name == name) return &t;
    std::fprintf(stderr, "TENON_FUZZ names no target; these are there:\n");
    for (auto const& t : fuzz::targets()) std::fprintf(stderr, "    %s\n", t.name.c_str());
    std::exit(2);
}

}  // namespace

std::vector<fuzz::target> const& fuzz::targets() {
    static auto const all = all_targets();
    return all;
}

/// Writes inputs that open into the folder that TENON_FUZZ_SEEDS names, for a corpus to begin with.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
    auto const* folder = std::getenv("TENON_FUZZ_SEEDS");
    if (folder == nullptr) return 0;
    std::filesystem::create_directories(folder);
    for (std::size_t t = 0; t < fuzz::targets().size(); ++t) {
        std::size_t number = 0;
        for (auto const& seed : fuzz::targets()[t].seeds()) {
            std::ofstream out(std::filesystem::path(folder) / (std::to_string(t) + "_" + std::to_string(number++)),
                              std::ios::binary);
            out.put(static_cast<char>(t));
            out.write(reinterpret_cast<char const*>(seed.data()), static_cast<std::streamsize>(seed.size()));
        }
    }
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static auto const* const chosen = chosen_target();
    if (size == 0) return 0;
    auto const& all   = fuzz::targets();
    auto const& t     = chosen != nullptr ? *chosen : all[data[0] % all.size()];
    auto const  input = tenon::byte_view(reinterpret_cast<std::byte const*>(data), size).subspan(1);
    auto const  is    = t.run(input);
    if (is.complaint.empty()) return 0;
    std::fprintf(stderr, "%s: %s\n", t.name.c_str(), is.complaint.c_str());
    std::abort();
}
