// SPDX-License-Identifier: Apache-2.0
// result<T>: what the world does to us (I/O, full, corrupt, conflict), as a value.
#pragma once

#include <initializer_list>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <tl/expected.hpp>

namespace tenon {

/// The kinds of error a caller can act upon. The sentence for people is in error::message.
enum class errc : unsigned char {
    io = 1,            ///< the operating system refused or failed an operation
    full,              ///< no space left where the bytes should go
    corrupt,           ///< bytes are not what was written: checksum, bounds or structure
    not_found,         ///< a file, key or name that must exist does not
    exists,            ///< a file, key or name that must not exist does
    duplicate_key,     ///< insert of a primary key that is already there
    conflict,          ///< another transaction committed first: run the transaction again
    locked,            ///< another process holds the database
    not_ours,          ///< a file that tenon did not make
    wrong_version,     ///< a file of a format version this program does not know
    wrong_assembly,    ///< a file made by another database type or other policies
    invalid_argument,  ///< a value outside what the function takes
    invalid_text,      ///< bytes that are not UTF-8
    unsorted_keys,     ///< keys that had to be sorted are not
    too_large,         ///< a value or record beyond a stated limit
    read_only,         ///< a write to something that takes none
    poisoned,          ///< an earlier sync failed: reopen to go on
    expired,           ///< a snapshot or position that is older than what is kept: take a new one
};

/// The field's name of an error kind, e.g. "corrupt".
constexpr std::string_view to_string(errc kind) noexcept {
    switch (kind) {
        case errc::io: return "io";
        case errc::full: return "full";
        case errc::corrupt: return "corrupt";
        case errc::not_found: return "not found";
        case errc::exists: return "exists";
        case errc::duplicate_key: return "duplicate key";
        case errc::conflict: return "conflict";
        case errc::locked: return "locked";
        case errc::not_ours: return "not ours";
        case errc::wrong_version: return "wrong version";
        case errc::wrong_assembly: return "wrong assembly";
        case errc::invalid_argument: return "invalid argument";
        case errc::invalid_text: return "invalid text";
        case errc::unsorted_keys: return "unsorted keys";
        case errc::too_large: return "too large";
        case errc::read_only: return "read only";
        case errc::poisoned: return "poisoned";
        case errc::expired: return "expired";
    }
    return "unknown";
}

/// What went wrong: a kind for programs and one sentence for people, which names the file, offset or
/// row, what was expected, and what to do where something can be done.
///
/// Errors are rare and results are everywhere, so all that an error does happens out of line: compilers take paths that lead
/// here for unlikely and keep them small.
struct error {
    errc        kind{};
    std::string message;

    error() = default;
    [[gnu::cold, gnu::noinline]] error(errc k, std::string m) noexcept : kind(k), message(std::move(m)) {}
    [[gnu::cold, gnu::noinline]] error(error&& e) noexcept : kind(e.kind), message(std::move(e.message)) {}
    [[gnu::cold, gnu::noinline]] error(error const& e) : kind(e.kind), message(e.message) {}
    [[gnu::cold, gnu::noinline]] error& operator=(error&& e) noexcept {
        kind    = e.kind;
        message = std::move(e.message);
        return *this;
    }
    [[gnu::cold, gnu::noinline]] error& operator=(error const& e) {
        kind    = e.kind;
        message = e.message;
        return *this;
    }
    [[gnu::cold, gnu::noinline]] ~error() {}

    /// The same error seen from one level up: "while opening x: message".
    [[nodiscard, gnu::cold, gnu::noinline]] error while_(std::string_view doing) && {
        message.insert(0, std::string("while ").append(doing).append(": "));
        return std::move(*this);
    }
};

/// A T, or why there is none. The interface is that of std::expected (C++23).
///
/// Always tl::expected, also where std::expected exists: a type that changed with -std would break programs
/// that link objects of both (docs/decisions/2026-11-21-result-type.md).
template <class T>
using result = tl::expected<T, error>;

/// A piece of a sentence: text, or a number as std::to_string writes it. Borrowed: made and used in one expression.
class piece {
public:
    piece(std::string_view text) noexcept : text_(text) {}
    piece(std::string const& text) noexcept : text_(text) {}
    piece(char const* text) noexcept : text_(text) {}
    template <class N>
    requires(std::is_arithmetic_v<N> && !std::is_same_v<N, char> && !std::is_same_v<N, bool>)
    piece(N n) noexcept {
        if constexpr (std::is_floating_point_v<N>) {
            kind_ = real;
            real_ = static_cast<double>(n);
        } else if constexpr (std::is_signed_v<N>) {
            kind_    = whole;
            natural_ = static_cast<unsigned long long>(static_cast<long long>(n));
        } else {
            kind_    = natural;
            natural_ = n;
        }
    }
    void append_to(std::string& out) const {
        switch (kind_) {
            case words: out.append(text_); break;
            case natural: out.append(std::to_string(natural_)); break;
            case whole: out.append(std::to_string(static_cast<long long>(natural_))); break;
            case real: out.append(std::to_string(real_)); break;
        }
    }

private:
    enum kind : unsigned char { words, natural, whole, real };
    std::string_view   text_;
    unsigned long long natural_ = 0;
    double             real_    = 0;
    kind               kind_    = words;
};

/// A sentence from its pieces: `sentence({path, ": row ", 7, " does not decode"})`.
[[nodiscard, gnu::cold, gnu::noinline]] inline std::string sentence(std::initializer_list<piece> pieces) {
    std::string out;
    for (auto const& p : pieces) p.append_to(out);
    return out;
}

/// `return fail(errc::io, "sentence");` from any function that returns a result.
[[nodiscard, gnu::cold, gnu::noinline]] inline tl::unexpected<error> fail(errc kind, std::string message) {
    return tl::unexpected<error>(error{kind, std::move(message)});
}
/// `return fail(errc::corrupt, {path, ": row ", 7, " does not decode"});`
[[nodiscard, gnu::cold, gnu::noinline]] inline tl::unexpected<error> fail(errc                         kind,
                                                                          std::initializer_list<piece> message) {
    return tl::unexpected<error>(error{kind, sentence(message)});
}
/// `return fail(std::move(other).error());` hands an error on.
[[nodiscard, gnu::cold, gnu::noinline]] inline tl::unexpected<error> fail(error&& e) {
    return tl::unexpected<error>(std::move(e));
}
[[nodiscard, gnu::cold, gnu::noinline]] inline tl::unexpected<error> fail(error const& e) {
    return tl::unexpected<error>(e);
}

/// What `work() -> result<void>` says, or errc::full, for which it needs no memory, when it runs out of that.
template <class Work>
result<void> in_memory_left(Work work) {
    try {
        return work();
    } catch (std::bad_alloc const&) { return fail(error{errc::full, "out of memory"}); }
}

}  // namespace tenon
