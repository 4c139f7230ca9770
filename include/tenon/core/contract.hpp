// SPDX-License-Identifier: Apache-2.0
// Contract checks: the caller is wrong. The handler is replaceable; the default prints and aborts.
#pragma once

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace tenon {

/// Called with one sentence when a precondition does not hold. It may throw (tests do) or must not return;
/// when it returns, the program is aborted.
using contract_handler = void (*)(char const* sentence, std::source_location where);

namespace detail {
inline void print_and_abort(char const* sentence, std::source_location where) {
    std::fprintf(stderr, "%s:%u: tenon contract broken in %s: %s\n", where.file_name(),
                 static_cast<unsigned>(where.line()), where.function_name(), sentence);
    std::abort();
}
inline std::atomic<contract_handler> current_contract_handler{&print_and_abort};
}  // namespace detail

/// Replaces the handler and returns the one before. Thread-safe.
inline contract_handler set_contract_handler(contract_handler h) noexcept {
    return detail::current_contract_handler.exchange(h == nullptr ? &detail::print_and_abort : h);
}

/// Checks a precondition in every build; `sentence` says what the caller must do.
constexpr void expects(bool holds, char const* sentence, std::source_location where = std::source_location::current()) {
    if (!holds) [[unlikely]] {
        detail::current_contract_handler.load()(sentence, where);
        std::abort();
    }
}

}  // namespace tenon
