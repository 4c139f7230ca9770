// SPDX-License-Identifier: Apache-2.0
// A directory of the operating system, gone with the object.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include <unistd.h>

struct scratch {
    std::filesystem::path path;
    scratch() {
        auto made = (std::filesystem::temp_directory_path() / "tenon_wal_XXXXXX").string();
        REQUIRE(::mkdtemp(made.data()) != nullptr);
        path = made;
    }
    scratch(scratch const&)            = delete;
    scratch& operator=(scratch const&) = delete;
    ~scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    std::string operator/(char const* name) const { return (path / name).string(); }
};
