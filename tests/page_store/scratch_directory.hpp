// SPDX-License-Identifier: Apache-2.0
// A directory of the operating system, gone with the object.
#pragma once

#include "tenon/file/posix.hpp"

#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

#include <unistd.h>

struct scratch_directory {
    std::string path;
    scratch_directory() {
        auto const* tmp = std::getenv("TMPDIR");
        path            = std::string(tmp != nullptr ? tmp : "/tmp") + "/tenon_page_store_XXXXXX";
        REQUIRE(::mkdtemp(path.data()) != nullptr);
    }
    scratch_directory(scratch_directory const&)            = delete;
    scratch_directory& operator=(scratch_directory const&) = delete;
    ~scratch_directory() { empty(path); }

private:
    static void empty(std::string const& directory) {
        tenon::posix_files fs;
        if (auto names = fs.list(directory))
            for (auto const& name : *names)
                if (auto const child = directory + "/" + name; ::unlink(child.c_str()) != 0) empty(child);
        ::rmdir(directory.c_str());
    }
};
