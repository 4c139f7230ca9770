// SPDX-License-Identifier: Apache-2.0
// What a power loss has left, decided bit by bit as it is looked at: in turn through all combinations, or by a seed.
#pragma once

#include "tenon/core/contract.hpp"
#include "tenon/core/hash.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tenon {

/// power_loss_choices - one answer for each thing that a power loss left open, given when it is first looked at.
///
///     auto choices = std::make_shared<tenon::power_loss_choices>();
///     do {
///         auto disk = crashed.after_power_loss(choices);
///         ...                                           // recover and check, the same way each time
///     } while (choices->next());                        // every legal disk state that this can tell apart
///
/// Guarantee   choose(n) < n; 0 is "all of it is lost", n - 1 is "the newest is there". Walking in turn visits each combination
///             once, the first is all zeros. What nobody looks at is not decided: one run stands for all its states.
/// Cost        a few bytes for each choice.
/// Threads     none; it belongs to one world at a time.
class power_loss_choices {
public:
    /// All combinations, in turn.
    power_loss_choices() = default;
    /// One combination by a seed; seeds differ in how much they keep.
    static power_loss_choices seeded(std::uint64_t seed) {
        power_loss_choices out;
        out.how_  = way::seeded;
        out.seed_ = seed;
        return out;
    }
    /// The newest of everything.
    static power_loss_choices newest() {
        power_loss_choices out;
        out.how_ = way::newest;
        return out;
    }

    std::size_t choose(std::size_t of) {
        expects(of > 1, "a choice is among two things or more");
        if (at_ == path_.size()) path_.push_back({draw(of), of});
        else if (path_[at_].of != of) diverged_ = true;
        auto const taken = std::min(path_[at_].taken, of - 1);
        ++at_;
        return taken;
    }

    /// Begins anew with the next combination; false when all have been. A seeded or newest one has no next.
    bool next() {
        diverged_ = diverged_ || at_ < path_.size();
        at_       = 0;
        if (how_ != way::in_turn) return false;
        while (!path_.empty() && path_.back().taken + 1 == path_.back().of) path_.pop_back();
        if (path_.empty()) return false;
        ++path_.back().taken;
        return true;
    }

    /// Whether two walks along equal answers asked different questions: what looked at the disk did not do the same each time.
    bool diverged() const noexcept { return diverged_; }

    /// How many combinations there are if every walk asks what this one has asked.
    double combinations() const noexcept {
        double out = 1;
        for (auto const& c : path_) out *= static_cast<double>(c.of);
        return out;
    }

    /// The answers so far, e.g. "0/2 1/3"; "none" when nothing was asked.
    std::string text() const {
        if (how_ == way::newest) return "the newest of everything";
        if (how_ == way::seeded) return "seed " + std::to_string(seed_);
        std::string out;
        for (std::size_t i = 0; i < std::min(at_, path_.size()); ++i)
            out += (i == 0 ? "" : " ") + std::to_string(path_[i].taken) + "/" + std::to_string(path_[i].of);
        return out.empty() ? "none" : out;
    }

private:
    enum class way : unsigned char { in_turn, newest, seeded };
    struct choice {
        std::size_t taken, of;
    };

    std::size_t draw(std::size_t of) const noexcept {
        if (how_ == way::in_turn) return 0;
        if (how_ == way::newest) return of - 1;
        static constexpr unsigned share[] = {13, 77, 128, 179, 243, 256};  // of 256 that are kept
        auto const                d       = hash_u64(hash_u64(seed_) + path_.size());
        return d % 256 < share[hash_u64(seed_ ^ 0x9e3779b97f4a7c15) % 6] ? of - 1 : (d >> 8) % of;
    }

    way                 how_      = way::in_turn;
    std::uint64_t       seed_     = 0;
    std::size_t         at_       = 0;
    bool                diverged_ = false;
    std::vector<choice> path_;
};

}  // namespace tenon
