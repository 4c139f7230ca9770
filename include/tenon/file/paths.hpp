// SPDX-License-Identifier: Apache-2.0
// Paths and error sentences that the file systems in memory share.
#pragma once

#include "tenon/core/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tenon::detail {

/// One spelling for every path: absolute, without ".", ".." and doubled slashes. The working directory is "/".
inline std::string file_normal_path(std::string_view path) {
    std::vector<std::string_view> parts;
    while (!path.empty()) {
        auto const slash = path.find('/');
        auto const part  = path.substr(0, slash);
        path             = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
        if (part.empty() || part == ".") continue;
        if (part != "..") parts.push_back(part);
        else if (!parts.empty()) parts.pop_back();
    }
    std::string out;
    for (auto const part : parts) out.append("/").append(part);
    return out.empty() ? "/" : out;
}

/// Adds the name of `path` when it lies directly in `directory`; both normal.
inline void file_collect_child(std::vector<std::string>& names, std::string const& directory, std::string const& path) {
    auto const prefix = directory == "/" ? directory : directory + "/";
    if (path.size() > prefix.size() && path.starts_with(prefix) && path.find('/', prefix.size()) == std::string::npos)
        names.push_back(path.substr(prefix.size()));
}

inline auto file_missing(std::string const& path) { return fail(errc::not_found, {"there is no file '", path, "'"}); }
inline auto file_no_directory(std::string const& path) {
    return fail(errc::not_found, {"there is no directory '", path, "'"});
}
inline auto file_no_parent(std::string const& path) {
    return fail(errc::not_found, {"cannot make '", path, "': its directory does not exist; make it first"});
}
inline auto file_is_directory(std::string_view doing, std::string const& path) {
    return fail(errc::io, {std::string("cannot ").append(doing).append(" '"), path, "': it is a directory"});
}
inline auto file_is_no_directory(std::string const& path) {
    return fail(errc::exists, {"cannot make the directory '", path, "': a file of that name exists"});
}
inline auto file_read_only(std::string_view doing, std::string const& path) {
    return fail(errc::read_only,
                {std::string("cannot ").append(doing).append(" '"), path, "': it is open for reading only"});
}

}  // namespace tenon::detail
