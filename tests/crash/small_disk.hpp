// SPDX-License-Identifier: Apache-2.0
// A real file system in a file, mounted for a test. Needs root, mkfs.ext4 and a kernel that mounts; where one is missing the program says which
// and is skipped (exit code 77).
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <unistd.h>

[[noreturn]] inline void skip(std::string const& why) {
    std::printf("%s\n", why.c_str());
    std::exit(77);
}
inline int  failures = 0;
inline bool check(bool holds, std::string const& what) {
    if (!holds) {
        ++failures;
        std::printf("FAILED: %s\n", what.c_str());
    }
    return holds;
}

/// A mounted file system of `mebibytes`; goes away with its object.
struct small_disk {
    std::filesystem::path folder, mount;

    explicit small_disk(int mebibytes) {
        if (::geteuid() != 0) skip("a file system can be mounted by root only");
        auto made = (std::filesystem::temp_directory_path() / "tenon_disk_XXXXXX").string();
        if (::mkdtemp(made.data()) == nullptr) skip("no temporary folder can be made");
        folder           = made;
        mount            = folder / "mounted";
        auto const image = (folder / "image").string();
        auto const log   = (folder / "log").string();
        auto const run   = [&](std::string const& command) {
            return std::system((command + " >" + log + " 2>&1").c_str()) == 0;
        };
        std::filesystem::create_directory(mount);
        bool const there =
            run("truncate -s " + std::to_string(mebibytes) + "M " + image + " && mkfs.ext4 -q -F -m 0 " + image) &&
            run("mount -o loop " + image + " " + mount.string());
        if (!there) {
            std::filesystem::remove_all(folder);
            skip("no ext4 can be mounted from a file here: mkfs.ext4 is missing, or the kernel does not allow it");
        }
    }
    bool remount(std::string const& how) const {
        return std::system(("mount -o remount," + how + " " + mount.string()).c_str()) == 0;
    }
    /// From now on what is not in memory cannot be read, but for the first 8 MiB of the disk, where a file system keeps what it needs itself. What
    /// programs had mapped and touched stays in memory.
    bool lose() const {
        ::sync();
        for (auto const& at : std::filesystem::recursive_directory_iterator(mount)) {
            if (!at.is_regular_file()) continue;
            auto const fd = ::open(at.path().c_str(), O_RDONLY);
            if (fd < 0 || ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0) return false;
            ::close(fd);
        }
        auto const image = folder / "image";
        std::filesystem::copy_file(image, folder / "kept", std::filesystem::copy_options::overwrite_existing);
        return ::truncate(image.c_str(), 8 << 20) == 0;
    }
    /// Precondition: nothing was written since it was lost.
    void bring_back() const {
        std::filesystem::copy_file(folder / "kept", folder / "image",
                                   std::filesystem::copy_options::overwrite_existing);
    }
    ~small_disk() {
        (void)!std::system(("umount " + mount.string()).c_str());
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }
};
