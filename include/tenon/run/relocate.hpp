// SPDX-License-Identifier: Apache-2.0
// Writes the extents of a run that lie far back in the file again, further ahead, so that the file can get shorter.
#pragma once

#include "tenon/core/unless_done.hpp"
#include "tenon/run/run.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace tenon {

/// A run whose extents lie elsewhere: the new descriptor shares all extents with the old run but those in `left`, for which it has `made`.
struct relocation {
    run_descriptor      moved;
    std::vector<extent> left, made;
};

/// Copies what lies at or behind `from` to where the store finds room before it. Nothing when no extent moves ahead.
///
/// Guarantee   the old run stays whole; the copies are checked against their checksums as they are read.
/// Cost        reads and writes the extents that move and the directory, builds nothing.
/// Errors      from the store; copies made so far are then given back.
template <class Table, page_store Store>
[[gnu::cold]] result<std::optional<relocation>> relocate_run(Store& store, run<Table, Store> const& r,
                                                             std::uint64_t from) {
    relocation          out{r.descriptor(), {}, {}};
    result<void>        done;
    detail::unless_done undo([&] {
        for (auto const& e : out.made) detail::release_or_forget(store, e);
    });
    auto const          room = [&] {  // so that take finds it
        out.left.reserve(out.left.size() + 1);
        out.made.reserve(out.made.size() + 1);
    };
    auto const take = [&](extent& e, extent at) {
        out.left.push_back(e);
        out.made.push_back(at);
        e = at;
    };
    auto const move = [&](extent& e) {
        if (!done || e.offset < from) return;
        room();
        auto view = store.read(e);
        if (!view) {
            done = fail(std::move(view).error());
        } else if (auto at = store.write(view->bytes(), e.offset)) {
            take(e, *at);
        } else if (at.error().kind != errc::full) {
            done = fail(std::move(at).error());
        }
    };
    auto directory = r.directory();
    if (!directory) return fail(std::move(directory).error());
    std::vector<block_entry> blocks((*directory)->blocks().begin(), (*directory)->blocks().end());
    for (auto& b : blocks) move(b.where);
    if (done && !out.made.empty()) {
        byte_vector bytes;
        put(bytes, std::uint64_t{blocks.size()});
        put_bytes(bytes, std::as_bytes(std::span(blocks)));
        put_bytes(bytes, std::as_bytes((*directory)->zones()));
        room();
        if (auto at = store.write(bytes)) take(out.moved.directory, *at);
        else done = fail(std::move(at).error());
    }
    auto const fresh = out.made.empty() ? extent{} : out.moved.directory;
    run_descriptor::each(out.moved, [&](extent& e) {
        if (e != fresh) move(e);
    });
    if (!done) return fail(std::move(done).error());
    undo.done();
    if (out.made.empty()) return std::optional<relocation>{};
    return std::optional<relocation>(std::move(out));
}

}  // namespace tenon
