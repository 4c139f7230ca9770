// SPDX-License-Identifier: Apache-2.0
// What btree.hpp stores in: small arrays inside a node, and slots for values that never move.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace tenon::detail {

/// Up to N elements side by side, made and ended one by one.
template <class T, unsigned N>
class btree_array {
public:
    btree_array() noexcept                     = default;
    btree_array(btree_array const&)            = delete;
    btree_array& operator=(btree_array const&) = delete;
    ~btree_array() { std::destroy_n(data(), count_); }

    unsigned size() const noexcept { return count_; }
    T&       operator[](unsigned i) noexcept { return data()[i]; }
    T const& operator[](unsigned i) const noexcept { return const_cast<btree_array*>(this)->data()[i]; }

    /// Precondition: size() < N.
    template <class U>
    void insert(unsigned at, U&& value) {
        T* const p = data();
        if (at == count_) {
            std::construct_at(p + at, std::forward<U>(value));
        } else {
            T made(std::forward<U>(value));
            std::construct_at(p + count_, std::move(p[count_ - 1]));
            std::move_backward(p + at, p + count_ - 1, p + count_);
            p[at] = std::move(made);
        }
        ++count_;
    }
    void erase(unsigned at) {
        T* const p = data();
        std::move(p + at + 1, p + count_, p + at);
        std::destroy_at(p + --count_);
    }
    /// Moves the elements from `at` on to the end of `to`.
    void move_tail(unsigned at, btree_array& to) {
        std::uninitialized_move_n(data() + at, count_ - at, to.data() + to.count_);
        std::destroy_n(data() + at, count_ - at);
        to.count_ += count_ - at;
        count_ = at;
    }

private:
    T* data() noexcept { return std::launder(reinterpret_cast<T*>(room_)); }

    unsigned count_ = 0;
    alignas(T) std::byte room_[N * sizeof(T)];
};

/// Slots for values: addresses stay, freed slots are used again, all memory goes back when the last value ends.
template <class Value>
class btree_slab {
public:
    btree_slab() noexcept                    = default;
    btree_slab(btree_slab const&)            = delete;
    btree_slab& operator=(btree_slab const&) = delete;

    template <class... Args>
    Value* make(Args&&... args) {
        if (free_ == nullptr) grow();
        slot* const s    = free_;
        slot* const next = s->next;
        Value*      made;
        try {
            made = ::new (static_cast<void*>(s->room)) Value(std::forward<Args>(args)...);
        } catch (...) {
            s->next = next;
            throw;
        }
        free_ = next;
        ++used_;
        return made;
    }
    void end(Value* value) noexcept {
        std::destroy_at(value);
        auto* const s = reinterpret_cast<slot*>(value);
        s->next       = free_;
        free_         = s;
        if (--used_ == 0) {
            std::vector<chunk>().swap(chunks_);
            free_  = nullptr;
            slots_ = 0;
        }
    }
    std::size_t bytes() const noexcept { return slots_ * sizeof(slot) + chunks_.capacity() * sizeof(chunk); }

    friend void swap(btree_slab& a, btree_slab& b) noexcept {
        std::swap(a.chunks_, b.chunks_);
        std::swap(a.free_, b.free_);
        std::swap(a.slots_, b.slots_);
        std::swap(a.used_, b.used_);
    }

private:
    union slot {
        slot* next;
        alignas(Value) std::byte room[sizeof(Value)];
    };
    using chunk = std::unique_ptr<slot[]>;

    void grow() {
        auto const n = std::clamp<std::size_t>(slots_, 8, 4096);
        chunks_.reserve(chunks_.size() + 1);
        chunks_.push_back(std::make_unique_for_overwrite<slot[]>(n));
        slots_ += n;
        for (auto i = n; i-- > 0;) {
            chunks_.back()[i].next = free_;
            free_                  = &chunks_.back()[i];
        }
    }

    std::vector<chunk> chunks_;
    slot*              free_  = nullptr;
    std::size_t        slots_ = 0, used_ = 0;
};

}  // namespace tenon::detail
