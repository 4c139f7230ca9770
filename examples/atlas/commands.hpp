// SPDX-License-Identifier: Apache-2.0
// What atlas can do, one function for each command; main.cpp reads the command line.
#pragma once

#include "tenon/core/lonlat.hpp"
#include "tenon/core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace atlas {

/// Exit codes, as `atlas --help` says them.
enum exit_code : int {
    success    = 0,
    nothing    = 1,  ///< the query found nothing
    usage      = 2,  ///< the command line does not make sense
    bad_input  = 3,  ///< the data file has a line that cannot be stored
    trouble    = 4,  ///< the database or the system refused
    not_intact = 5,  ///< check or torture found something wrong
};

struct common_options {
    std::string db      = "atlas.tenon";
    bool        json    = false;
    bool        explain = false;  ///< print what the query looked at
};

struct load_options {
    std::string file;
    std::size_t batch    = 1000;  ///< places in one commit
    bool        skip_bad = false;
};
struct top_options {
    std::string  country;
    std::int64_t min_population = 0;
    std::size_t  k              = 10;
};
struct torture_options {
    std::uint64_t rounds = 100;
    std::uint64_t seed   = 0;  ///< 0: from the clock; it is printed
    std::string   db;          ///< empty: a temporary one
};

int load(common_options const&, load_options const&);
int near(common_options const&, tenon::lonlat, std::size_t k);
int within(common_options const&, tenon::lonlat_box, std::size_t limit);
int search(common_options const&, std::string const& words, std::size_t k);
int like(common_options const&, std::string const& name, std::size_t k);
int top(common_options const&, top_options const&);
int get(common_options const&, std::uint64_t id);
int stats(common_options const&);
int check(common_options const&);
int map(common_options const&, std::string const& out);
int torture(common_options const&, torture_options const&);

/// Prints an error for people, or as JSON; returns the exit code for its kind.
int report(common_options const&, tenon::error const&);

}  // namespace atlas
