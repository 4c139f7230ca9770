// SPDX-License-Identifier: Apache-2.0
// A directory of the real file system that goes away with its object.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

struct temporary_directory {
    std::string path = (std::filesystem::temp_directory_path() / "tenon_file_XXXXXX").string();

    temporary_directory() {
        if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make " + path);
    }
    temporary_directory(temporary_directory const&)            = delete;
    temporary_directory& operator=(temporary_directory const&) = delete;
    ~temporary_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
};
