// SPDX-License-Identifier: Apache-2.0
// What a conformance suite found: for people who write policies, with any test framework or none.
#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

namespace tenon::testing {

/// Collects broken axioms. A suite that ran no check is a failure as well.
///
///     tenon::testing::report r;
///     tenon::testing::check_filter<my_filter>(seed, r);
///     for (auto const& sentence : r.failures()) std::puts(sentence.c_str());
///     return r.passed() ? 0 : 1;
class report {
public:
    /// Counts a check; keeps the sentence and the place of one that does not hold (the first 50).
    bool check(bool holds, std::string sentence, std::source_location where = std::source_location::current()) {
        ++checks_;
        if (!holds) {
            ++failed_;
            if (failures_.size() < 50)
                failures_.push_back(sentence + " (" + where.file_name() + ":" + std::to_string(where.line()) + ")");
        }
        return holds;
    }
    bool                            passed() const noexcept { return checks_ > 0 && failed_ == 0; }
    std::uint64_t                   checks() const noexcept { return checks_; }
    std::uint64_t                   failed() const noexcept { return failed_; }
    std::vector<std::string> const& failures() const noexcept { return failures_; }
    /// All failures in one text, empty when there are none.
    std::string text() const {
        std::string out;
        for (auto const& f : failures_) out += f + "\n";
        return out;
    }

private:
    std::uint64_t            checks_ = 0, failed_ = 0;
    std::vector<std::string> failures_;
};

}  // namespace tenon::testing
