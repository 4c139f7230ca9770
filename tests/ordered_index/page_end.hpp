// SPDX-License-Identifier: Apache-2.0
// Bytes whose next byte cannot be read: without a sanitizer, too, a read behind them ends the test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

/// Memory, or a file mapped read-only, that ends with its last page; the page behind it is not there.
class page_end {
public:
    enum class kind { memory, file };

    /// A copy of `from`, as far back as an alignment of 8 allows.
    explicit page_end(std::span<std::byte const> from, kind k = kind::memory) : size_(from.size()) {
        auto const page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        whole_          = (size_ + page - 1) / page * page;
        auto* const all = ::mmap(nullptr, whole_ + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED) throw std::runtime_error("no room for " + std::to_string(whole_) + " bytes");
        map_          = static_cast<std::byte*>(all);
        reserved_     = whole_ + page;
        auto const at = (whole_ - size_) / 8 * 8;
        data_         = map_ + at;
        if (whole_ == 0) return;
        if (k == kind::memory) {
            if (::mprotect(map_, whole_, PROT_READ | PROT_WRITE) != 0) throw std::runtime_error("mprotect failed");
            std::memcpy(data_, from.data(), size_);
            ::mprotect(map_, whole_, PROT_READ);
        } else {
            map_file(from, at);
        }
    }
    page_end(page_end const&)            = delete;
    page_end& operator=(page_end const&) = delete;
    ~page_end() { ::munmap(map_, reserved_); }

    std::span<std::byte const> bytes() const noexcept { return {data_, size_}; }
    template <class T>
    std::span<T const> as() const noexcept {
        return {reinterpret_cast<T const*>(data_), size_ / sizeof(T)};
    }

private:
    void map_file(std::span<std::byte const> from, std::size_t at) {
        std::string name = (std::filesystem::temp_directory_path() / "tenon_page_end_XXXXXX").string();
        int const   file = ::mkstemp(name.data());
        if (file < 0) throw std::runtime_error("no temporary file");
        ::unlink(name.c_str());
        std::string padded(at, '\0');
        padded.append(reinterpret_cast<char const*>(from.data()), size_);
        padded.resize(whole_);
        bool const good = ::write(file, padded.data(), whole_) == static_cast<ssize_t>(whole_) &&
                          ::mmap(map_, whole_, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) != MAP_FAILED;
        ::close(file);
        if (!good) throw std::runtime_error("a temporary file could not be written and mapped");
    }

    std::byte*  map_  = nullptr;
    std::byte*  data_ = nullptr;
    std::size_t size_ = 0, whole_ = 0, reserved_ = 0;
};
