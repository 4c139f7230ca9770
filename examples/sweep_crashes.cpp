// SPDX-License-Identifier: Apache-2.0
// A settings file that is replaced by rename, and the proof that no power cut leaves half of one.
#include "tenon/testing/crash.hpp"

#include <cstdio>
#include <string>

/// What is tested: a text that is replaced as a whole. `careful`: synced before it gets its name.
template <class FileSystem>
tenon::result<void> replace(FileSystem fs, std::string const& path, std::string const& text, bool careful) {
    auto file = fs.open(path + ".new", tenon::open_mode::create);
    if (!file) return tenon::fail(file.error());
    if (auto done = file->resize(0); !done) return done;
    if (auto done = file->write_at(0, tenon::as_bytes(text)); !done) return done;
    if (careful)
        if (auto done = file->sync(); !done) return done;
    if (auto done = fs.rename(path + ".new", path); !done) return done;
    return fs.sync_directory(tenon::parent_directory(path));
}

struct settings {
    bool careful = true;

    static std::string text_of(std::uint64_t step) { return std::string(700, static_cast<char>('a' + step)); }

    void run(tenon::simulated_files disk, tenon::testing::journal& j) {
        for (std::uint64_t step = 0; step < 5; ++step) {
            j.begin(step);
            if (!replace(disk, "settings", text_of(step), careful)) return;
            j.acknowledge(step);
        }
    }
    void verify(tenon::simulated_files disk, tenon::testing::journal const& j, tenon::testing::report& r) {
        auto const  least = j.acknowledged().size(), most = j.begun().size();
        std::string text;
        if (auto file = disk.open("settings", tenon::open_mode::read_only)) {
            text.resize(700);
            auto const got = file->read_at(0, std::as_writable_bytes(std::span(text)));
            text.resize(got ? *got : 0);
        }
        bool known = text.empty() && least == 0;
        for (auto step = least; step <= most; ++step) known = known || (step > 0 && text == text_of(step - 1));
        r.check(known, "the settings are neither the old nor the new ones");
    }
};

int main() {
    auto const good = tenon::testing::sweep_crashes(settings{.careful = true});
    std::printf("%s", good.text().c_str());
    auto const bad = tenon::testing::sweep_crashes(settings{.careful = false});
    std::printf("without the sync: %s\n", bad.found.failures().empty() ? "" : bad.found.failures().front().c_str());
    return good.passed() && !bad.passed() ? 0 : 1;
}
