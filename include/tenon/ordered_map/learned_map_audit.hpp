// SPDX-License-Identifier: Apache-2.0
// Whether the tree of learned_map.hpp keeps its invariants.
#pragma once

#include "tenon/ordered_map/learned_map_tree.hpp"

#include "tenon/core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>

namespace tenon::detail {

/// learned_audit - checks every invariant of a learned_tree over all keys.
///
/// Errors      errc::corrupt with what is wrong.
/// Cost        O(n).
template <class Tree>
class learned_audit {
    using block = typename Tree::block;
    using leaf  = typename Tree::leaf;
    using inner = typename Tree::inner;
    using order = typename Tree::order;

public:
    explicit learned_audit(Tree const& t) noexcept : tree_(t) {}

    result<void> run() {
        if (tree_.root_ != nullptr) see_node(tree_.root_, tree_.depth_, 0, std::numeric_limits<std::uint64_t>::max());
        check(before_ == tree_.last_ && (before_ == nullptr || before_->after == nullptr),
              "the list of leaves ends elsewhere");
        check(keys_ == tree_.size_, "size() is not the number of keys");
        check(blocks_ == tree_.blocks_.used() && leaves_ == tree_.leaves_.used() && inners_ == tree_.inners_.used(),
              "memory is in use that the tree does not reach");
        if (wrong_ != nullptr) return fail(errc::corrupt, {"learned_map: ", wrong_, ", near key ", keys_});
        return {};
    }

private:
    bool check(bool holds, char const* what) noexcept {
        if (!holds && wrong_ == nullptr) wrong_ = what;
        return wrong_ == nullptr;
    }
    /// Checks a node of height d, all words of which lie in [low, high]; where numbers are exact, above `low` unless it is 0.
    void see_node(void* n, unsigned d, std::uint64_t low, std::uint64_t high) {
        if (d == 0) return see_leaf(*static_cast<leaf*>(n), low, high);
        auto const& node = *static_cast<inner*>(n);
        ++inners_;
        if (!check(node.size > 0 && node.size <= inner::room, "an inner node is empty or overfull")) return;
        for (unsigned i = node.size - 1; i < inner::room; ++i)
            check(node.bounds[i] == inner::no_bound, "a bound behind the last child is set");
        for (unsigned g = 0; g < 8; ++g) check(node.pivots[g] == node.bounds[8 * g + 7], "a pivot is not its bound");
        for (unsigned i = 0; i < node.size && wrong_ == nullptr; ++i)
            see_node(node.children[i], d - 1, i == 0 ? low : node.bounds[i - 1],
                     i + 1 == node.size ? high : node.bounds[i]);
    }
    void see_leaf(leaf const& l, std::uint64_t low, std::uint64_t high) {
        ++leaves_;
        if (!check(l.size > 0 && l.size <= leaf::room, "a leaf is empty or overfull")) return;
        check(l.before == before_ && (before_ == nullptr ? tree_.first_ : before_->after) == &l,
              "the list of leaves is broken");
        before_ = &l;
        for (unsigned i = l.size - 1u; i < leaf::lanes; ++i)
            check(l.marks[i] == leaf::no_mark, "a mark behind the last block is set");
        for (unsigned i = 0; i < l.size && wrong_ == nullptr; ++i) {
            auto* const b = tree_.data(l, i);
            auto const  n = l.count(i);
            ++blocks_;
            keys_ += n;
            if (!check(n <= block::room, "a block is overfull")) return;
            check(i == 0 || l.marks[i - 1] <= l.quantised(block::word(b, 0)), "a mark is above its block");
            check(i + 1 == l.size || l.quantised(block::word(b, n - 1)) <= l.marks[i],
                  "a mark is below the block before");
            see_block(b, n, low, high);
        }
    }
    void see_block(std::byte* b, unsigned n, std::uint64_t low, std::uint64_t high) {
        auto* const keys = block::keys(b);
        for (unsigned j = 0; j < n; ++j) {
            auto const w = block::word(b, j);
            check(w == order::word(keys[j]), "a key's number is wrong");
            check(last_ == nullptr || tree_.less_(*last_, keys[j]), "keys do not ascend");
            check(w >= low && w <= high && !(order::exact && w == low && low > 0),
                  "a key lies outside the bounds of its node");
            last_ = keys + j;
        }
        if constexpr (order::exact)
            for (unsigned j = n; j < block::room; ++j) check(keys[j] == keys[n - 1], "the padding of a block is wrong");
    }

    Tree const&                    tree_;
    leaf const*                    before_ = nullptr;
    typename Tree::key_type const* last_   = nullptr;
    std::size_t                    keys_ = 0, blocks_ = 0, leaves_ = 0, inners_ = 0;
    char const*                    wrong_ = nullptr;
};

}  // namespace tenon::detail
