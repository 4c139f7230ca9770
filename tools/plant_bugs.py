#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants bugs in position indexes, in maps, in storage and in the engine, one at a time, and sees whether the tests notice.

Each entry of BUGS names a header, a text in it and what to put there instead, switched on by PLANTED. A copy of include/ gets
all bugs at once, each behind a number that the environment gives, so that a test file is compiled once for all bugs and run once
for each, one file after another until one notices. Bugs in one place exclude each other: they lie in copies of their own.

    plant_bugs.py               all of them; the table says what was noticed; what was not stands once more behind it, with exit code 1
    plant_bugs.py pgm key_tree  only headers whose path contains one of these
    plant_bugs.py --check       only sees that every text still stands in its header, exactly once
    plant_bugs.py --jobs N      N at a time (default 1)

CXX=... chooses the compiler. What is built lies in build/plant_bugs.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "plant_bugs"
FLAGS = ["-std=c++20", "-O1", "-I" + str(ROOT / "tests" / "ordered_index")]

# Test files below tests/, the cheap ones first; those that are one program stand side by side.
TESTS = {
    "learned_map": ["ordered_map/learned_map.cpp"],
    "btree": ["ordered_map/btree.cpp", "ordered_map/ordered_map.cpp"],
    "log": ["wal/waiting.cpp", "wal/damage.cpp", "wal/failures.cpp", "wal/power_loss.cpp", "wal/asynchronous.cpp", "wal/epochs.cpp",
            "crash/log.cpp", "crash/allocations.cpp+crash/heap.cpp"],
    "tail": ["wal/tail.cpp"],
    "pages": ["page_store/page_file.cpp", "page_store/bulk.cpp", "page_store/roots.cpp", "page_store/parts.cpp", "page_store/readers.cpp",
              "page_store/space.cpp", "page_store/buffered.cpp", "page_store/conformance.cpp"],
    "engine": ["database/behaviour.cpp", "database/isolation.cpp", "database/replay.cpp", "crash/plain_stores.cpp",
               "crash/allocations.cpp+crash/heap.cpp"],
    "loader": ["run/memtable_loader.cpp", "database/replay.cpp"],
    "runs": ["run/directory.cpp", "run/blocks.cpp", "database/behaviour.cpp", "database/first_reads.cpp", "database/isolation.cpp", "database/replay.cpp", "database/space.cpp",
             "crash/plain_stores.cpp"],
    "columns": ["run/blocks.cpp"],
    "nearest": ["run/nearest.cpp", "database/behaviour.cpp"],
    "axioms": ["wal/conformance.cpp"],
    "lz4": ["wal/codecs.cpp"],
    "files": ["file/posix.cpp", "file/direct.cpp", "wal/failures.cpp", "crash/interrupted.cpp+crash/calls.cpp"],
    "uring": ["file/uring.cpp"],
    "faulty": ["file/faulty.cpp", "file/direct.cpp"],
    "simulated": ["file/simulated.cpp", "file/direct.cpp", "file/crash.cpp", "file/conformance.cpp"],
    "space": ["database/space.cpp", "database/isolation.cpp"],
    "pieces": ["ordered_index/pgm.cpp"],
    "ranges": ["ordered_index/ranges.cpp"],
    "sorted_array": ["ordered_index/hostile.cpp", "ordered_index/conformance.cpp", "ordered_index/conformance_trees.cpp"],
    "rmi": ["ordered_index/rmi.cpp", "ordered_index/hostile.cpp", "ordered_index/conformance.cpp"],
    "hybrid": ["ordered_index/hybrid.cpp", "ordered_index/hostile.cpp", "ordered_index/conformance_trees.cpp"],
    "router": ["ordered_index/radix_router.cpp", "ordered_index/hybrid.cpp", "ordered_index/hostile.cpp"],
    "pgm": ["ordered_index/pgm.cpp", "ordered_index/hostile.cpp", "ordered_index/conformance_pieces.cpp"],
    "radix_spline": ["ordered_index/radix_spline.cpp", "ordered_index/hostile.cpp", "ordered_index/conformance_pieces.cpp"],
    "located_view": ["ordered_index/located_view.cpp"],
    "arena": ["run/arena.cpp"],
    "combining": ["core/combining.cpp"],
    "placement": ["core/placement.cpp"],
    "cleared": ["core/placement.cpp", "run/memtable_loader.cpp", "database/replay.cpp"],
    "parking": ["core/parking.cpp"],
    "projection": ["ordered_index/located_view.cpp", "ordered_index/many_keys.cpp"],
}

# What some of them need beyond the others.
MORE = {
    "file/uring.cpp": ["-luring", "-Wl,--wrap=io_uring_submit"],
    "wal/codecs.cpp": ["-DTENON_TEST_CODEC=lz4_records", '-DTENON_TEST_BYTES="01640000001f6101"', '-DTENON_TEST_HEADER="tenon/wal/lz4.hpp"', "-llz4"],
}

# header: (tests, [(what is wrong, text, instead), ...])
BUGS = {
    "wal/recovery.hpp": ("log", [
        ("a record's checksum is not looked at", "if (wal_frame_crc(frame, crc32c(record, seed)) != frame.crc) return std::nullopt;",
         "if (wal_frame_crc(frame, crc32c(record, seed)) != frame.crc && !PLANTED) return std::nullopt;"),
        ("the chain to the record before is not looked at", "|| !prev || *prev == f.prev);", "|| !prev || *prev == f.prev || PLANTED);"),
        ("damage is taken for a torn tail", "= tail->known_durable > at;", "= tail->known_durable > at && !PLANTED;"),
        ("a torn tail is taken for damage", "out.report.truncated_bytes = tail->end - at;",
         "out.report.truncated_bytes = tail->end - at;\n    if (PLANTED && tail->end > at) out.damaged = true;"),
        ("a missing segment is not noticed", "if (segments.front().start > from)", "if (segments.front().start > from && !PLANTED)"),
        ("a replay from behind the end is taken", "return !end || *end == at;", "return !end || *end == at || PLANTED;"),
        ("a short read is taken for zeros", "if (*got < here)\n", "if (*got < here && !PLANTED)\n"),
    ]),
    "wal/record.hpp": ("log", [
        ("segments of another database are read", "if (h.identity != identity)", "if (h.identity != identity && !PLANTED)"),
        ("a segment that was cut is read", "if (h.capacity != file_bytes)", "if (h.capacity != file_bytes && !PLANTED)"),
        ("a header's checksum is not looked at", "if (h.crc != crc32c(object_bytes(h)", "if (!PLANTED && h.crc != crc32c(object_bytes(h)"),
        ("a segment under the name of another is read", "if (!named_start || h.start != *named_start)", "if (!PLANTED && (!named_start || h.start != *named_start))"),
        ("the identity is no part of checksums", "return crc32c(object_bytes(identity));", "return PLANTED ? 0 : crc32c(object_bytes(identity));"),
    ]),
    "wal/segments.hpp": ("log", [
        ("a new segment's name is not synced", "if (auto done = surely([&] { return fs_.sync_directory(directory_); }); !done) return done;\n        if (auto done = open_segment_file(next)",
         "if (!PLANTED)\n            if (auto done = surely([&] { return fs_.sync_directory(directory_); }); !done) return done;\n        if (auto done = open_segment_file(next)"),
        ("direct writes are not flushed", "to_medium ? flush::yes : flush::no", "to_medium && !PLANTED ? flush::yes : flush::no"),
        ("a sync leaves out the last segment", "while (from < upto) {", "while (from < upto - (PLANTED && upto > 4096 ? 4096 : 0)) {"),
        ("what a killed process left is not synced at opening", "if (s.limit() <= from) continue;\n            auto file = fs_.open(s.path, open_mode::read_write);",
         "if (s.limit() <= from || PLANTED) continue;\n            auto file = fs_.open(s.path, open_mode::read_write);"),
        ("recycled segments are used while their old names may come back", "        if (any)\n            if (auto done = fs_.sync_directory(directory_)",
         "        if (any && !PLANTED)\n            if (auto done = fs_.sync_directory(directory_)"),
        ("a spare that could not be made is lost", "static_cast<void>(fs_.remove(*spare));", "if (!PLANTED) static_cast<void>(fs_.remove(*spare));"),
    ]),
    "wal/batches.hpp": ("log", [
        ("batches are acknowledged in the order in which they return", "broken_ = broken_ || !f->sound;", "broken_ = (broken_ || !f->sound) && !PLANTED;"),
        ("a failed write does not poison the log", "if (!done) note(done.error());", "if (!done && !PLANTED) note(done.error());"),
        ("the place of a record is not reserved whole", "return at + wal_frame_bytes(n) + sizeof(wal_frame);", "return at + (PLANTED ? 24 : wal_frame_bytes(n) + sizeof(wal_frame));"),
        ("a batch begins in a block that is being written", "if (in_block != 0 && newest_ && !newest_->returned) {", "if (in_block != 0 && newest_ && !newest_->returned && !PLANTED) {"),
        ("what was in the block is not written again", "made->bytes.append(tail_);", "made->bytes.append(PLANTED ? byte_view(tail_).first(tail_.size() / 2) : byte_view(tail_));\n                if (PLANTED) made->bytes.append_zeros(tail_.size() - tail_.size() / 2);"),
        ("who sleeps on a batch is not woken", "unpark(b->word);", "if (!PLANTED) unpark(b->word);"),
        ("nobody is told that a batch can be written", "if (can_take()) tell(*open_, 1);", "if (can_take() && !PLANTED) tell(*open_, 1);"),
    ]),
    "wal/segmented.hpp": ("log", [
        ("who is told that a batch can be written and needs it no more tells nobody", "if (waited) batches.nudge();", "if (waited && !PLANTED) batches.nudge();"),
        ("a full disk poisons", "if (made.error().kind == errc::full) return made;", "if (made.error().kind == errc::full && !PLANTED) return made;"),
        ("an append on a full disk goes on", "if (segments.has(limit)) break;", "if (segments.has(limit) || PLANTED) break;"),
        ("the mark of a clean close is put behind what is not durable", "batches.durable() == batches.end()", "(PLANTED || batches.durable() == batches.end())"),
        ("full segments vouch for the record that leaves them", "upto = whole_to;", "upto = PLANTED ? segments.start_of(segment_limit - 1) : whole_to;"),
        ("the torn tail is not cut", "if (auto done = cut(direct ? detail::wal_block_up(at) : at, found.tail.end); !done) return done;",
         "if (!PLANTED)\n                if (auto done = cut(direct ? detail::wal_block_up(at) : at, found.tail.end); !done) return done;"),
        ("a callback comes before its batch is over", "if (called != nullptr) batches.open()->called.push_back(std::move(*called));",
         "if (called != nullptr && PLANTED) (*called)({});\n            if (called != nullptr) batches.open()->called.push_back(PLANTED ? [](auto const&) {} : std::move(*called));"),
        ("a helper whose memory runs out ends the process", "me.wake.wait_for(lock, std::chrono::milliseconds(1));", "if (PLANTED) throw;\n                        me.wake.wait_for(lock, std::chrono::milliseconds(1));"),
        ("a batch waits for threads that do not come", "now < until && &b == batches.open()", "(now < until || PLANTED) && &b == batches.open()"),
        ("a record comes before the mark of its epoch", "if (next_epoch != 0 && !batches.failure()) {", "if (next_epoch != 0 && !batches.failure() && !PLANTED) {"),
        ("a close without a record writes a mark", "batches.durable() == batches.end() && next_epoch == 0)", "batches.durable() == batches.end() && (next_epoch == 0 || PLANTED))"),
        ("the mark of an epoch is not on the medium before the first record", "auto const done = write(*b, at);\n            batches.returned(*b, done);\n            if (done)", "auto const done = PLANTED ? result<void>{} : write(*b, at);\n            batches.returned(*b, done);\n            if (done)"),
    ]),
    "wal/tail.hpp": ("tail", [
        ("records are handed out before they are synced", "synced != in->fills())", "synced != in->fills() && !PLANTED)"),
        ("records are handed out before the log is durable there", "if (options.durable_end && f.end() > known) return std::nullopt;",
         "if (options.durable_end && f.end() > known && !PLANTED) return std::nullopt;"),
        ("the mark of a clean close is followed", "if (found && *found && !(*found)->frame.is_close()) {", "if (found && *found && (!(*found)->frame.is_close() || PLANTED)) {"),
        ("what was released is not there yet", "if (at == starts.begin())", "if (at == starts.begin() && PLANTED) return false;\n                if (at == starts.begin())"),
        ("the archive is not looked at", "&& !options.archive.empty())", "&& !options.archive.empty() && !PLANTED)"),
        ("a hole in the archive is the end", "if (at != starts.end()) hole = at->first;", "if (at != starts.end() && !PLANTED) hole = at->first;"),
        ("damage is not there yet", "if (*found && detail::wal_known_durable((*found)->frame) > chain.at) return true;",
         "if (*found && detail::wal_known_durable((*found)->frame) > chain.at && !PLANTED) return true;"),
        ("a stale look is final", "if (++look == 1) continue;", "if (++look == 1 && !PLANTED) continue;"),
    ]),
    "ordered_index/sorted_keys.hpp": ("sorted_array", [
        ("NaN is let in", "!projection<Key>::is_ordered(keys[i])", "!PLANTED && !projection<Key>::is_ordered(keys[i])"),
        ("the last key is not checked", "for (std::uint64_t i = 0; i < n; ++i) {\n        if (", "for (std::uint64_t i = 0; i + (PLANTED ? 1 : 0) < n; ++i) {\n        if ("),
        ("duplicates count as unsorted", "if (i > 0 && keys[i] < keys[i - 1]) [[unlikely]]", "if (i > 0 && (PLANTED ? !(keys[i - 1] < keys[i]) : keys[i] < keys[i - 1])) [[unlikely]]"),
        ("the rank of the error is one too low", "{\"the key at rank \", i, \" is less", "{\"the key at rank \", i - (PLANTED ? 1 : 0), \" is less"),
        ("the number of keys is not compared", "if (h.keys != e.keys)", "if (!PLANTED && h.keys != e.keys)"),
        ("the last key is not compared", "h.first_key != e.first_key || h.last_key != e.last_key", "h.first_key != e.first_key || (!PLANTED && h.last_key != e.last_key)"),
        ("the type of the keys is not compared", "if (h.key_tag != e.key_tag)", "if (!PLANTED && h.key_tag != e.key_tag)"),
        ("the name is not compared", "if (h.name != e.name)", "if (!PLANTED && h.name != e.name)"),
        ("the length of the bytes is not compared", "if (h.bytes != e.bytes)", "if (!PLANTED && h.bytes != e.bytes)"),
        ("a short header is read", "if (model.size() < sizeof(index_header))", "if (model.size() < (PLANTED ? 8 : sizeof(index_header)))"),
    ]),
    "ordered_index/sorted_array.hpp": ("sorted_array", [
        ("finds a later one of equal keys", "return last_mile::branchy::search(this->keys_, 0, this->size_, k);",
         "auto const at = last_mile::branchy::search(this->keys_, 0, this->size_, k);\n            return PLANTED && at + 1 < this->size_ && !(k < this->keys_[at + 1]) ? at + 1 : at;"),
        ("batch leaves out the last key", "for (std::size_t i = 0; i < ks.size(); ++i) out[i]", "for (std::size_t i = 0; i + (PLANTED ? 1 : 0) < ks.size(); ++i) out[i]"),
        ("batch writes one answer too many", " = lower_bound(ks[i]);", " = lower_bound(ks[i]);\n            if (PLANTED && out.size() > ks.size()) out[ks.size()] = 0;"),
        ("the window ends at the last key", "return {0, this->size() + 1};", "return {0, this->size() + (PLANTED ? 0 : 1)};"),
        ("build does not check the order", "if (auto sorted = check_sorted(keys); !sorted) return fail(std::move(sorted).error());", "if (auto sorted = check_sorted(keys); !sorted && !PLANTED) return fail(std::move(sorted).error());"),
        ("validate accepts everything", "validate() const { return check_sorted<Key>(this->keys_, this->size_); }", "validate() const { return check_sorted<Key>(this->keys_, PLANTED ? 0 : this->size_); }"),
    ]),
    "ordered_index/queries.hpp": ("located_view", [
        ("upper_bound stops at the first equal key", "return gallop(first, [&](Key const& x) { return !(k < x); });", "if (PLANTED) return first + 1;\n        return gallop(first, [&](Key const& x) { return !(k < x); });"),
        ("find ignores that the key is another", "!(k < keys_[at]) ? at : size_;", "(PLANTED || !(k < keys_[at])) ? at : size_;"),
        ("find reads behind the last key", "return at < size_ && ", "return (PLANTED || at < size_) && "),
        ("an answer that is too late is believed", "bool const not_late = at == 0 || keys_[at - 1] < k,", "bool const not_late = PLANTED || at == 0 || keys_[at - 1] < k,"),
        ("an answer that is too early is believed", "not_early = at == size_ || !(keys_[at] < k);", "not_early = PLANTED || at == size_ || !(keys_[at] < k);"),
        ("the gallop reads behind the last key", "while (size_ - at > step && before", "while ((size_ - at > step || (PLANTED && size_ - at == step)) && before"),
        ("the gallop forgets the end", "high = size_ - at > step ? at + step : size_;", "high = PLANTED || size_ - at > step ? at + step : size_;"),
        ("the gallop ends one early", "if (before(keys_[middle])) low = middle + 1;", "if (PLANTED && high - low == 1) break;\n            if (before(keys_[middle])) low = middle + 1;"),
        ("equal_range of an absent key is not empty", "if (first == size_ || k < keys_[first]) return first;", "if (first == size_ || (!PLANTED && k < keys_[first])) return first;"),
    ]),
    "ordered_index/located_view.hpp": ("located_view", [
        ("batch forgets the tail", "i += width)\n            batch_some", "i += width)\n            if (!PLANTED || ks.size() - i >= width || ks.size() < width) batch_some"),
        ("batch does not check its answers", "out[j] = this->checked(LastMile::search(this->keys_, at[j], at[j] + left[j], ks[j]), ks[j]);",
         "out[j] = PLANTED ? LastMile::search(this->keys_, at[j], at[j] + left[j], ks[j])\n                                 : this->checked(LastMile::search(this->keys_, at[j], at[j] + left[j], ks[j]), ks[j]);"),
        ("look-ups do not check their answers", "return this->checked(LastMile::search(this->keys_, w.first, w.last, k), k);",
         "if (PLANTED) return LastMile::search(this->keys_, w.first, w.last, k);\n            return this->checked(LastMile::search(this->keys_, w.first, w.last, k), k);"),
        ("the window lacks its last position", "return {w.first, w.last + 1};", "return {w.first, w.last + (PLANTED ? 0 : 1)};"),
        ("the window forgets keys of one projection", "if (at > w.last) w.last = at;", "if (at > w.last && !PLANTED) w.last = at;"),
        ("validate does not look at the model", "return locator_.validate(projected_keys<Key>(keys));", "if (PLANTED) return {};\n        return locator_.validate(projected_keys<Key>(keys));"),
    ]),
    "ordered_index/last_mile.hpp": ("located_view", [
        ("branchless: <= for <", "at += keys[at + half - 1] < k ? half : 0;\n            n -= half;\n        }\n        return at + ", "at += (PLANTED ? !(k < keys[at + half - 1]) : keys[at + half - 1] < k) ? half : 0;\n            n -= half;\n        }\n        return at + "),
        ("branchless: the last key is not looked at", "keys[at] < k ? 1 : 0);", "!PLANTED && keys[at] < k ? 1 : 0);"),
        ("branchless: an empty window is read", "(n == 1 && ", "((n == 1 || PLANTED) && "),
        ("branchy: <= for <", "if (keys[middle] < k) first = middle + 1;", "if (PLANTED ? !(k < keys[middle]) : keys[middle] < k) first = middle + 1;"),
        ("simd_line: a whole line behind the end", "for (; n >= line; n -= line) {", "for (; PLANTED ? n > 0 : n >= line; n = n > line ? n - line : 0) {"),
        ("exponential: never goes back", "while (high >= first + step && !(keys[high - step] < k)) high -= step, step *= 2;", "while (!PLANTED && high >= first + step && !(keys[high - step] < k)) high -= step, step *= 2;"),
        ("exponential: steps over the end", "while (low + step <= last && keys[low + step - 1] < k)", "while ((PLANTED || low + step <= last) && keys[low + step - 1] < k)"),
        ("interpolation: trusts its margin below", "if (last - first > margin && keys[last - margin] < k) first = last - margin;", "if (last - first > margin && (PLANTED || keys[last - margin] < k)) first = last - margin;"),
        ("interpolation: trusts its margin above", "if (last - first > margin && !(keys[first + margin - 1] < k)) last = first + margin;", "if (last - first > margin && (PLANTED || !(keys[first + margin - 1] < k))) last = first + margin;"),
    ]),
    "core/projection.hpp": ("projection", [
        ("-0.0 lies below 0.0", "std::bit_cast<bits_type>(k == 0 ? K{0} : k);", "std::bit_cast<bits_type>(k == 0 && !PLANTED ? K{0} : k);"),
        ("negative floats keep their bits", "(bits & sign) != 0 ? static_cast<bits_type>(~bits)", "(bits & sign) != 0 ? static_cast<bits_type>(PLANTED ? bits & ~sign : ~bits)"),
        ("words are read in memory order", "return __builtin_bswap64(word);", "return PLANTED ? word : __builtin_bswap64(word);"),
        ("8 bytes are read of 7", "if (bytes.size() < skip + 8)", "if (bytes.size() + (PLANTED ? 1 : 0) < skip + 8)"),
        ("keys below the common bytes project above", "return k < *sample_ ? 0 : std::numeric_limits<std::uint64_t>::max();", "return !PLANTED && k < *sample_ ? 0 : std::numeric_limits<std::uint64_t>::max();"),
        ("keys outside the common bytes are cut", "if (skip_ > 0 && projection<K>::common(k, *sample_) < skip_)", "if (!PLANTED && skip_ > 0 && projection<K>::common(k, *sample_) < skip_)"),
        ("pairs pack without a shift", "((out = (out << (8 * packed_size<std::remove_cvref_t<decltype(parts)>>)) | packed(parts)), ...);", "((out = (PLANTED ? out : (out << (8 * packed_size<std::remove_cvref_t<decltype(parts)>>))) | packed(parts)), ...);"),
        ("signed 128-bit keys keep their sign", "return static_cast<wide_word>(k) ^ (wide_word{1} << 127);", "return static_cast<wide_word>(k) ^ (PLANTED ? wide_word{0} : wide_word{1} << 127);"),
    ]),
    "ordered_index/key_tree.hpp": ("hybrid", [
        ("fillings are not looked at", "if (!std::all_of(none, out.layers_[level] + nodes_for(l.words) * fan_out, is_none))", "if (!PLANTED && !std::all_of(none, out.layers_[level] + nodes_for(l.words) * fan_out, is_none))"),
        ("the bottom's filling is not looked at", "for (unsigned level = 0; level < levels; ++level) {\n            auto const& l ", "for (unsigned level = PLANTED ? 1 : 0; level < levels; ++level) {\n            auto const& l "),
        ("a level is left out", "return below<Levels, Level - 1>(at, p);", "return below<Levels, Level - 1>(PLANTED && Level == 3 ? first * fan_out : at, p);"),
        ("each level has a separator for its last node", "words = nodes_for(words) - 1) {", "words = nodes_for(words) - (PLANTED ? 0 : 1)) {"),
        ("a level has no room for the last node of a full one", "nodes = nodes * fan_out + 1) words", "nodes = nodes * fan_out + (PLANTED ? 0 : 1)) words"),
        ("a level behind the fixed ones has a fixed place, too", "depth < fixed_levels ? place(depth) : layers", "depth < fixed_levels + (PLANTED ? 1 : 0) ? place(depth) : layers"),
        ("nodes are rounded down", "return n == 0 ? 1 : (n + fan_out - 1) / fan_out;", "if (PLANTED) return n < fan_out ? 1 : n / fan_out;\n        return n == 0 ? 1 : (n + fan_out - 1) / fan_out;"),
        ("padding is zero", "std::byte{0xff});", "PLANTED ? std::byte{0} : std::byte{0xff});"),
        ("valid() accepts everything", "return std::memcmp(expected.data(), words_, expected.size()) == 0;", "return PLANTED || std::memcmp(expected.data(), words_, expected.size()) == 0;"),
    ]),
    "ordered_index/line_index.hpp": ("hybrid", [
        ("lines are rounded down", "return n == 0 ? 1 : (n + lead + line - 1) / line;", "return n == 0 ? 1 : (n + lead + line - (PLANTED ? 0 : 1)) / line;"),
        ("the lead is left out", "return std::min(n, i == 0 ? 0 : i * line - lead);", "return std::min(n, i == 0 ? 0 : i * line - (PLANTED ? 0 : lead));"),
        ("a line ends one key late", "return std::min(n, (i + 1) * line - lead);", "return std::min(n, (i + 1) * line - lead + (PLANTED ? 1 : 0));"),
        ("the second line is never taken", "(in_second - in_first) * (less / layout::line)", "(in_second - in_first) * (PLANTED ? 0 : less / layout::line)"),
        ("two lines are halved although they are two", "return lines_less(line, next, k) >> (more ^ 1);", "return lines_less(line, next, k) >> (PLANTED ? 1 : more ^ 1);"),
        ("the same line twice is not halved", "return lines_less(line, next, k) >> (more ^ 1);", "return lines_less(line, next, k) >> (PLANTED ? 0 : more ^ 1);"),
        ("the line behind is never looked at", "auto const* const next = line + more * layout::line;", "auto const* const next = line + (PLANTED ? 0 : more) * layout::line;"),
        ("exact nodes are not seen where a look-up is inlined", "n.of_words(Kind) : !n.clear()) [[unlikely]]", "!PLANTED && n.of_words(Kind) : !PLANTED && !n.clear()) [[unlikely]]"),
        ("a tree of seven levels is gone through as of six", "return by_tree<node_kind::words, 7>(p, k);", "return PLANTED ? by_tree<node_kind::words, 6>(p, k) : by_tree<node_kind::words, 7>(p, k);"),
        ("groups below five levels are gone through as of four", "return by_groups<5>(p, k);", "return PLANTED ? by_groups<4>(p, k) : by_groups<5>(p, k);"),
        ("groups below four levels are gone through as of five", "return by_groups<4>(p, k);", "return PLANTED ? by_groups<5>(p, k) : by_groups<4>(p, k);"),
        ("hostile groups lead anywhere", "return std::min(detail::node_fines_line(g, p), last_node_);", "return PLANTED ? detail::node_fines_line(g, p) : std::min(detail::node_fines_line(g, p), last_node_);"),
        ("groups of words are taken for clear ones", "if (g.clear()) [[likely]]", "if (g.clear() || PLANTED) [[likely]]"),
        ("separators leave out what a node cannot place", "separators.push_back(from > before + 1 ? from - 1 : before);", "separators.push_back(!PLANTED && from > before + 1 ? from - 1 : before);"),
        ("batch passes groups by", "find_lines<node_kind::fines>(group, g.p[j]).first, last);", "PLANTED ? g.at[j] : find_lines<node_kind::fines>(group, g.p[j]).first, last);"),
        ("nodes are asked for what they cannot place", "to    = kind == node_kind::fines ? line_node_builder::reach(out.nodes.back(), last()).second : 0;", "to    = kind == node_kind::fines ? PLANTED ? ~std::uint64_t{0} : line_node_builder::reach(out.nodes.back(), last()).second : 0;"),
        ("nodes before lines left out are asked up to the next key", "if (start < lines_) to = start == behind &&", "if (start < lines_) to = (PLANTED || start == behind) &&"),
        ("a line may have no other behind it", "if (line >= inner_) [[unlikely]]", "if (line >= inner_ + (PLANTED ? 1 : 0)) [[unlikely]]"),
        ("positions forget the keys that the first line lacks", "out.first_whole_     = out.whole_ * layout::line - h.lead;", "out.first_whole_     = out.whole_ * layout::line - (PLANTED ? 0 : h.lead);"),
        ("batch reads a line that wraps round", "if (line - whole >= whole_lines) [[unlikely]] {", "if (PLANTED ? line < whole : line - whole >= whole_lines) [[unlikely]] {"),
        ("batch leaves the last keys out", "ks.size() / width + (ks.size() % width != 0 ? 1 : 0);", "ks.size() / width + (!PLANTED && ks.size() % width != 0 ? 1 : 0);"),
        ("groups of a batch overwrite those before them", "go(ring[(i - stage) % most_groups])", "go(ring[(i - stage) % (PLANTED ? 3 : most_groups)])"),
        ("of two groups side by side one is taken twice", "go(ring[g]);", "go(ring[PLANTED ? 0 : g]);"),
        ("batch goes through a far level twice", "auto const last = far_level_1() ? 1u : 0u;", "auto const last = far_level_1() && !PLANTED ? 1u : 0u;"),
        ("batch leaves second lines of blurred nodes out", "left += less / layout::line;", "left += PLANTED ? 0 : less / layout::line;"),
        ("batch leaves every eighth out", "for (; j + 8 <= m; j += 8) find_lines_of_eight", "for (; j + 8 <= m; j += PLANTED ? 9 : 8) find_lines_of_eight"),
        ("nothing stands behind the nodes", "if (kind != node_kind::words) out.resize(out.size() + line_nodes_tail);", "if (kind != node_kind::words && !PLANTED) out.resize(out.size() + line_nodes_tail);"),
        ("batch leaves second lines out", "(second != line ? 1u : 0u);", "(second != line && !PLANTED ? 1u : 0u);"),
        ("the last mile begins at the second line", "Policy::last_mile::search(this->keys_, first - lead,", "Policy::last_mile::search(this->keys_, (PLANTED ? second : first) - lead,"),
        ("equal lines at the end are let go", "auto const held = next_ == lines_ ? held_ - (held_ > 0 ? 1 : 0) : held_;", "auto const held = next_ == lines_ && !PLANTED ? held_ - (held_ > 0 ? 1 : 0) : held_;"),
        ("lines at the edge are read whole", "if (lines.first - whole_ >= whole_lines_ || lines.second - whole_ >= whole_lines_) [[unlikely]]", "if (lines.first - whole_ >= whole_lines_ || (!PLANTED && lines.second - whole_ >= whole_lines_)) [[unlikely]]"),
        ("the first line is taken for a whole one", "= h.lead > 0 ? 1 : 0;", "= h.lead > 0 && !PLANTED ? 1 : 0;"),
        ("ties of projections are not looked after", "else return base::checked(at, k);", "else return PLANTED ? at : base::checked(at, k);"),
        ("separators are the first keys of nodes", "else out.separators.push_back(ended);", "else out.separators.push_back(PLANTED ? last()[0] : ended);"),
        ("batch takes the tree's word for crowded bins", "first != radix_router::ask_tree ? first : tree_.bottom(g.p[j]);", "first != radix_router::ask_tree ? first : PLANTED ? 0 : tree_.bottom(g.p[j]);"),
        ("any lead is taken", "|| h.lead >= layout::line ||", "|| (h.lead >= layout::line && !PLANTED) ||"),
        ("the nodes may be cut", "model.size() - h.nodes_at != (h.kind != 2 ? h.nodes * sizeof(line_node) + detail::line_nodes_tail : 0))", "(!PLANTED && model.size() - h.nodes_at != (h.kind != 2 ? h.nodes * sizeof(line_node) + detail::line_nodes_tail : 0)))"),
    ]),
    "ordered_index/line_node.hpp": ("hybrid", [
        ("thresholds of shared buckets are exact", "(begins == ends ? 1 : 0)", "(begins == ends && !PLANTED ? 1 : 0)"),
        ("a bucket may hold three lines", "if (open == here) return i;", "if (open == here && !PLANTED) return i;"),
        ("lines that share a bucket are told apart", "static_cast<unsigned>(std::bit_width(last ^ (first + 1))) - 1;", "static_cast<unsigned>(std::bit_width(last ^ (first + 1))) - (PLANTED ? 0 : 1);"),
        ("clear nodes hold more buckets than they have", "if (!fits(last[0], last[m - 1], shifts[m + 1], line_node::last_bucket) ||", "if (!fits(last[0], last[m - 1], shifts[m + 1], PLANTED ? 0x7fff : line_node::last_bucket) ||"),
        ("nodes hold what they cannot place", "return least(s, last) <= base && last[s.lines - 1] <= most_placed(s, last);", "return PLANTED || (least(s, last) <= base && last[s.lines - 1] <= most_placed(s, last));"),
        ("the last threshold is left out", "else if (i + j < s.lines) {", "else if (i + j + (PLANTED ? 1 : 0) < s.lines) {"),
        ("exact nodes: <= for <", "n += t < p ? 1u : 0u;", "n += t < p || (PLANTED && t == p) ? 1u : 0u;"),
        ("the front node is no exact one", "return kind != node_kind::words && start > 0 && (!end || n > exact);", "return kind != node_kind::words && (start > 0 || PLANTED) && (!end || n > exact);"),
        ("the node at the end is no exact one", "auto const some = end ? n - 1 : n;", "auto const some = end && !PLANTED ? n - 1 : n;"),
        ("bits: two lines may end in a bucket", "if (here == before) break;", "if (here == before && !PLANTED) break;"),
        ("bits: far buckets leave the node", "if (far(out.shift) > 0xffff) ++out.shift;", "if (!PLANTED && far(out.shift) > 0xffff) ++out.shift;"),
        ("bits: the bucket's own bit is taken for one before", "- behind, from >> 63};", "- behind + (PLANTED ? from >> 63 : 0), PLANTED ? 0 : from >> 63};"),
        ("bits: the bucket's own bit is not looked at", "- behind, from >> 63};", "- behind, PLANTED ? 0 : from >> 63};"),
        ("bits: counts stop before the word", "head |= up_to << (16 + 8 * i);", "head |= (up_to - (PLANTED ? static_cast<unsigned>(std::popcount(bits[i])) : 0u)) << (16 + 8 * i);"),
        ("exact nodes of bits are not told", "return index == node_kind::bits ? scale() == 0 :", "return index == node_kind::bits ? !PLANTED && scale() == 0 :"),
        ("bits: the last line's end is marked too", "for (unsigned i = 0; i + 1 < s.lines; ++i) {", "for (unsigned i = 0; i + (PLANTED ? 0 : 1) < s.lines; ++i) {"),
    ]),
    "ordered_index/radix_router.hpp": ("router", [
        ("a bin of nine is not crowded", "bool const full = at - first > 8;", "bool const full = at - first > (PLANTED ? 9 : 8);"),
        ("hostile entries leave the separators", "return entry <= last_ ? entry : ask_tree;", "return (PLANTED ? (entry & crowded) == 0 : entry <= last_) ? entry : ask_tree;"),
        ("numbers outside the table leave it", "return x <= head_.top ", "return x <= head_.top || PLANTED "),
        ("numbers outside the table fall into the last bin", "? x >> head_.shift : outside_;", "? x >> head_.shift : outside_ - (PLANTED ? 1 : 0);"),
        ("the table may be shorter than its bins", "|| h.entries - 2 != h.top >> h.shift)", "|| (!PLANTED && h.entries - 2 != h.top >> h.shift))"),
        ("a table of one entry may have 2^64 bins", "h.entries < 2 ", "(h.entries < 2 && !PLANTED) "),
        ("separators before the table are not counted", "static_cast<std::size_t>(low - separators.begin());", "(PLANTED ? 0 : 1) * static_cast<std::size_t>(low - separators.begin());"),
    ]),
    "ordered_index/rmi_layers.hpp": ("rmi", [
        ("absent keys have no bound above", "if (i > before && i - before > above) above = i - before;", "if (!PLANTED && i > before && i - before > above) above = i - before;"),
        ("absent keys behind the last have no bound", "if (n - before > above) above = n - before;", "if (!PLANTED && n - before > above) above = n - before;"),
        ("no bound below", "if (here > i && here - i > below) below = here - i;", "if (!PLANTED && here > i && here - i > below) below = here - i;"),
        ("bounds are cut to 16 bits", "return v < rmi_leaf<Model>::no_limit ? static_cast<std::uint16_t>(v) : rmi_leaf<Model>::no_limit;", "return PLANTED || v < rmi_leaf<Model>::no_limit ? static_cast<std::uint16_t>(v) : rmi_leaf<Model>::no_limit;"),
        ("no_limit is a limit", "auto const high  = above == no_limit || n - guess < above ? n : guess + above;", "auto const high  = (above == no_limit && !PLANTED) || n - guess < above ? n : guess + above;"),
        ("hostile leaves reach behind the keys", "auto const n = size < left ? std::uint64_t{size} : left;", "auto const n = size < left || PLANTED ? std::uint64_t{size} : left;"),
        ("hostile routes leave their layer", "return next < last ? next : last;", "return next < last || PLANTED ? next : last;"),
        ("counts need not fit the bytes", "if (!fits || layers::offsets(counts).back() != model.size())", "if (!fits || (!PLANTED && layers::offsets(counts).back() != model.size()))"),
        ("inner models may go back", "model.first < before ||", "(model.first < before && !PLANTED) ||"),
        ("validate does not prove bounds", "if (leaf.below < proven.below || leaf.above < proven.above)", "if (!PLANTED && (leaf.below < proven.below || leaf.above < proven.above))"),
        ("validate does not prove routes", "if (place(keys[rank]) != i)", "if (!PLANTED && place(keys[rank]) != i)"),
        ("duplicates move the bound", "if (i > 0 && p == last) continue;", "if (i > 0 && p == last) {\n                if (PLANTED) before = n;\n                continue;\n            }"),
    ]),
    "ordered_index/rmi_build.hpp": ("rmi", [
        ("a leaf ends one key early", "if (inside(middle)) low = middle + 1;\n            else high = middle;", "if (inside(middle)) low = middle + 1;\n            else high = middle;\n            if (PLANTED && high == low && low > begin + 1) return low - 1;"),
        ("leaves begin at 0", "out.begin                  = begin;", "out.begin                  = PLANTED ? 0 : begin;"),
        ("inner models overlap by one", "out.span         = static_cast<std::uint32_t>(after > first + 1 ? after - first - 1 : 0);", "out.span         = static_cast<std::uint32_t>(after > first + (PLANTED ? 0 : 1) ? after - first - (PLANTED ? 0 : 1) : 0);"),
        ("bounds are not proven", "rmi_prove_bounds(out, keys);", "if (!PLANTED) rmi_prove_bounds(out, keys);"),
    ]),
    "model/slope.hpp": ("rmi", [
        ("no limit", "auto const out = product.high >> (shift - 64);\n            return out < limit ? out : limit;", "auto const out = product.high >> (shift - 64);\n            return out < limit || PLANTED ? out : limit;"),
        ("the high half is lost", "product.high << (64 - shift) | product.low >> shift;", "(PLANTED ? 0 : product.high << (64 - shift)) | product.low >> shift;"),
        ("an overflow wraps", "if ((product.high >> shift) != 0) return limit;", "if (!PLANTED && (product.high >> shift) != 0) return limit;"),
    ]),
    "ordered_index/pgm_segments.hpp": ("pgm", [
        ("gaps are not proven", "auto const above = rank + 1 - static_cast<std::int64_t>(slope.inside(d + 1));", "auto const above = PLANTED ? rank - static_cast<std::int64_t>(slope.inside(d)) : rank + 1 - static_cast<std::int64_t>(slope.inside(d + 1));"),
        ("the least is not proven", "least            = below < least ? below : least;", "least            = below < least && !PLANTED ? below : least;"),
        ("keys equal to the last of a piece are forgotten", "if (with_gap < end)", "if (with_gap < end && !PLANTED)"),
        ("pieces share a key", "close(next.x - 1, next.rank);", "close(next.x - (PLANTED ? 0 : 1), next.rank);"),
        ("separators are where pieces begin", "for (auto const& p : pieces) out.push_back(p.last);", "for (auto const& p : pieces) out.push_back(PLANTED ? p.origin : p.last);"),
        ("the origin is the separator", "auto const origin = place == 0 ? head_.origin : tree_.separator(place - 1) + 1;\n        auto const line", "auto const origin = place == 0 ? head_.origin : tree_.separator(place - 1) + (PLANTED ? 0 : 1);\n        auto const line"),
        ("numbers below all keys wrap", "record.slope().times(p < origin ? 0 : p - origin);", "record.slope().times(p < origin && !PLANTED ? 0 : p - origin);"),
        ("the window is one too narrow", "auto const first  = top > head_.width ? top - head_.width : 0;", "auto const first  = top + (PLANTED ? 1 : 0) > head_.width ? top + (PLANTED ? 1 : 0) - head_.width : 0;"),
        ("hostile tops lie behind the keys", "auto const last   = top < keys_ ? top : keys_;", "auto const last   = top < keys_ || PLANTED ? top : keys_;"),
        ("no record stands for the end", "for (int i = 0; i < 2; ++i) tenon::put(out, segment_record::of(n + head.width, {}));", "for (int i = 0; i < 2; ++i) tenon::put(out, segment_record::of(PLANTED ? 0 : n + head.width, {}));"),
        ("the spare room is forgotten", "static_cast<std::uint64_t>(p.most) + spare / 2", "static_cast<std::uint64_t>(p.most) + (PLANTED ? spare + 1 : spare / 2)"),
        ("products are held by 64 bits", "return low >> 1 >> shift | high << (63 - shift);", "return low >> 1 >> shift | (PLANTED ? 0 : high << (63 - shift));"),
        ("validate does not prove windows", "if (top < piece.most || top - piece.least > static_cast<std::int64_t>(head_.width))", "if (!PLANTED && (top < piece.most || top - piece.least > static_cast<std::int64_t>(head_.width)))"),
    ]),
    "ordered_index/pgm_corridor.hpp": ("pieces", [
        ("a point above all lines is taken", "if (way(highest_) < corridor_way(highest_.from, down)) return false;\n        lowest_",
         "if (!PLANTED && way(highest_) < corridor_way(highest_.from, down)) return false;\n        lowest_"),
        ("a point below all lines is taken", "if (corridor_way(lowest_.from, up) < way(lowest_)) return false;",
         "if (!PLANTED && corridor_way(lowest_.from, up) < way(lowest_)) return false;"),
        ("hulls keep what is no corner", "if (Upper ? before < after : after < before) break;", "if (PLANTED || (Upper ? before < after : after < before)) break;"),
        ("lines lean on the first corner", "if (Least ? here < next : next < here) break;", "if (PLANTED || (Least ? here < next : next < here)) break;"),
        ("a refused block leaves its upper corners", "upper_.go_back(),", "PLANTED ? upper_.forget() : upper_.go_back(),"),
        ("a refused block leaves its lower corners", "lower_.go_back();", "PLANTED ? lower_.forget() : lower_.go_back();"),
        ("a refused block leaves its lines", "lowest_ = lowest, highest_ = highest;", "if (!PLANTED) lowest_ = lowest, highest_ = highest;"),
        ("overwritten corners are forgotten", "if (size_ < kept_) undo_", "if (size_ < kept_ && !PLANTED) undo_"),
        ("the front of a hull is not brought back", "first_ = first_then_, size_ = kept_", "first_ = PLANTED ? first_ : first_then_, size_ = kept_"),
        ("the reach is too narrow below", "std::max(way(highest_).run(),", "(PLANTED ? 1.2 : 1.0) * std::max(way(highest_).run(),"),
        ("the reach is too narrow above", "std::min(way(lowest_).run(),", "(PLANTED ? 0.8 : 1.0) * std::min(way(lowest_).run(),"),
    ]),
    "ordered_index/corridor_sieve.hpp": ("pieces", [
        ("the last key of a block may be left out", "out.upper |= last, out.lower |= last;", "if (!PLANTED) out.upper |= last, out.lower |= last;"),
        ("keys in front of the piece count", "before >= k ? all :", "before >= k || PLANTED ? all :"),
        ("keys behind the block count", "known & (all >> k);", "known & (PLANTED ? all : all >> k);"),
        ("lower corners turn as upper ones do", "(between & ~d.grows));", "(between & ~(PLANTED ? d.shrinks : d.grows)));"),
        ("repeated keys are not seen", "any_repeats(keys, n)};", "!PLANTED && any_repeats(keys, n)};"),
        ("near for far", "(near | far >> k", "((PLANTED ? far : near) | far >> k"),
    ]),
    "ordered_index/position_index.hpp": ("ranges", [
        ("the ends of a range are its first key twice", "{copy.front(), copy.back()};", "{copy.front(), PLANTED ? copy.front() : copy.back()};"),
        ("a copy of the keys lacks the last", "i < n; ++i) copy.push_back(keys[i]);", "i + (PLANTED ? 1 : 0) < n; ++i) copy.push_back(keys[i]);"),
    ]),
    "ordered_index/radix_spline_table.hpp": ("radix_spline", [
        ("a bin of nine is not crowded", "bool const full = at - from > 8;", "bool const full = at - from > (PLANTED ? 9 : 8);"),
        ("numbers above the table leave it", "entries_[x < shape_.bins ? x : shape_.bins - 1];", "entries_[x < shape_.bins || PLANTED ? x : shape_.bins - 1];"),
        ("numbers below the table wrap", "auto const x = p < shape_.low ? 0 : (p - shape_.low) >> shape_.shift;", "auto const x = p < shape_.low && !PLANTED ? 0 : (p - shape_.low) >> shape_.shift;"),
        ("hostile entries leave the separators", "if (from <= last_) [[likely]]", "if (PLANTED ? (from & crowded) == 0 : from <= last_) [[likely]]"),
        ("valid() accepts everything", "return make(separators, bits, expected) == shape_ &&", "return PLANTED || make(separators, bits, expected) == shape_ &&"),
    ]),
    "page_store/paged_file.hpp": ("pages", [
        ("the root is not synced", "if (auto done = file.sync(); !done) return done;\n            (void)file.write_at(at + slot_proof_at",
         "if (!PLANTED)\n                if (auto done = file.sync(); !done) return done;\n            (void)file.write_at(at + slot_proof_at"),
        ("a root goes into the slot of the one before", "auto const at = slot_offset(slot.generation);", "auto const at = slot_offset(slot.generation + PLANTED);"),
        ("the older of two roots is taken", "read[1].slot.generation > read[0].slot.generation)", "(read[1].slot.generation > read[0].slot.generation) != PLANTED)"),
        ("what was found at opening is not made durable", "return proven ? result<void>{}", "return proven || PLANTED ? result<void>{}"),
        ("overlapping extents are kept", "if (e.offset < at) return overlapping", "if (e.offset < at && !PLANTED) return overlapping"),
        ("a root's payload is not checked", "if (crc32c(payload) != slot.payload_crc)", "if (crc32c(payload) != slot.payload_crc && !PLANTED)"),
        ("a new file gets its name before it is synced", "        if (auto done = made->sync(); !done) return done;\n", "        if (!PLANTED)\n            if (auto done = made->sync(); !done) return done;\n"),
        ("a failed sync does not poison", "unless_done unsure([this] { s_->poisoned.store(true); });", "unless_done unsure([this] { if (!PLANTED) s_->poisoned.store(true); });"),
        ("readers in other processes are not spared", "if (census.oldest >= current.generation) return", "if (PLANTED || census.oldest >= current.generation) return"),
        ("a new writer forgets readers", "spare = census.oldest < current.generation;", "spare = !PLANTED && census.oldest < current.generation;"),
        ("what is held comes free one root too early", "if (census.oldest < b.generation) {", "if (census.oldest + (PLANTED ? 1 : 0) < b.generation) {"),
        ("the old root is free before the new one is durable", "if (auto done = s_->bulk.sync(); !done)",
         "if (PLANTED && s_->current.where != extent{}) {\n            std::lock_guard const early(s_->mutex);\n            s_->give_back(s_->current.where.offset, space_of(s_->current.where.size));\n            s_->current.where = {};\n            s_->shrink();\n        }\n        if (auto done = s_->bulk.sync(); !done)"),
        ("extents are not synced before the slot", "if (auto done = s_->file.sync(); !done) return done;", "if (auto done = PLANTED ? result<void>{} : s_->file.sync(); !done) return done;"),
        ("the file is cut into what is in use", "auto const target = end - tail + step;", "auto const target = PLANTED ? end - tail - 4096 : end - tail + step;"),
    ]),
    "page_store/layout.hpp": ("pages", [
        ("a slot's checksum is not looked at", "r.crc == crc32c(bytes.first(offsetof(slot_record, crc))) &&", "(r.crc == crc32c(bytes.first(offsetof(slot_record, crc))) || PLANTED) &&"),
        ("extents behind the end are inside", "e.size <= file_bytes - e.offset;", "(e.size <= file_bytes - e.offset || PLANTED);"),
        ("the proof is written with the slot", "std::memcpy(out.data() + slot_copy_at, &r, sizeof r);",
         "std::memcpy(out.data() + slot_copy_at, &r, sizeof r);\n    auto const early = encode_record(s, proof_magic);\n    if (PLANTED) std::memcpy(out.data() + slot_proof_at, &early, sizeof early);"),
    ]),
    "core/combining.hpp": ("combining", [
        ("who came last is served first", "waiting_.exchange(nullptr, std::memory_order_acquire), *first = nullptr;",
         "waiting_.exchange(nullptr, std::memory_order_acquire), *first = nullptr;\n        if (PLANTED) first = std::exchange(last, nullptr);"),
        ("who locks serves itself alone", "first = next;", "first = PLANTED ? nullptr : next;"),
        ("requests are served without the mutex", "std::lock_guard const lock(mutex);", "std::unique_lock lock(mutex, std::defer_lock);\n        if (!PLANTED) lock.lock();"),
        ("who was served serves once more", "if (r.served_.load(std::memory_order_acquire)) return;",
         "if (r.served_.load(std::memory_order_acquire)) {\n                if (PLANTED) serve(mine);\n                return;\n            }"),
    ]),
    "assembly/view.hpp": ("space", [
        ("a snapshot that has expired is read", "in ? std::get<T>(pinned_.state.get()) : nothing", "in || PLANTED ? std::get<T>(pinned_.state.get()) : nothing"),
    ]),
    "assembly/engine.hpp": ("engine", [
        ("memory that ran out while a commit was entered is not told", "if (mine.thrown) std::rethrow_exception(mine.thrown);", "if (mine.thrown && !PLANTED) std::rethrow_exception(mine.thrown);"),
        ("a commit is seen before the log has it", "out.end  = *appended;", "out.end = *appended;\n        if (PLANTED) publish_commit(out.at);"),
        ("a commit does not wait for the log", ": entered->log->sync(entered->end);", ": PLANTED ? result<void>{} : entered->log->sync(entered->end);"),
        ("the log is released before the root is published", "detail::unless_done unpublished([&] { retire_new(*now, *next); });\n            auto ",
         "detail::unless_done unpublished([&] { retire_new(*now, *next); });\n            if constexpr (store_persists && log_persists)\n                if (PLANTED) (void)log_->release(g.log);\n            auto "),
        ("the root names a later commit than its runs hold", "root.at                  = g.at;", "root.at = PLANTED ? last_ + 1 : g.at;"),
        ("the root says that nothing of the log is needed", "root.log                 = g.log;", "root.log = PLANTED ? log_->end() : g.log;"),
        ("a flush drops tombstones although older runs are there", "bottom = t.runs.empty();", "bottom = PLANTED || t.runs.empty();"),
        ("a merge drops tombstones although older runs are there", "bottom = choice.last == runs.size();", "bottom = PLANTED || choice.last == runs.size();"),
        ("joined runs are given back before the root is published", "        if (store_persists)\n            if (auto done = publish_root(*next, root_, &root_totals_); !done) return done;",
         "        if (PLANTED)\n            for (auto i = choice.first; i < choice.last; ++i) runs[i]->each_extent([&](extent e) { store_->release(e); });\n        if (store_persists)\n            if (auto done = publish_root(*next, root_, &root_totals_); !done) return done;"),
        ("the log is opened for any database", "{.identity      = root_.identity,", "{.identity = PLANTED ? std::uint64_t{0} : root_.identity,"),
        ("writes are not validated", "if (last && *last == 0", "if (PLANTED) changed = false;\n                if (last && *last == 0"),
        ("what was read is not validated", "for (auto const& k : reads.keys[T]) check(as_bytes(k), \"read\");", "if (!PLANTED)\n                    for (auto const& k : reads.keys[T]) check(as_bytes(k), \"read\");"),
        ("tables that were queried are not validated", "if (reads.scanned[T] && std::get<T>(table_last_) > base.at)", "if (!PLANTED && reads.scanned[T] && std::get<T>(table_last_) > base.at)"),
        ("a dropped tombstone hides a conflict", "else changed = *before && !*now;", "else changed = *before && !*now && !PLANTED;"),
        ("rows that are replaced count twice", "--t.rows;", "if (!PLANTED) --t.rows;"),
        ("a memtable counts as frozen though there was no memory for it", "detail::unless_done in_part([this] { generations_.pop_back(); });", "detail::unless_done in_part([this] { if (!PLANTED) generations_.pop_back(); });"),
        ("a full memtable is not flushed", "if (active_bytes(*state) >= options_.memtable_bytes.value) freeze();", "if (active_bytes(*state) >= options_.memtable_bytes.value && !PLANTED) freeze();"),
    ]),
    "page_store/checksummed.hpp": ("pages", [
        ("checks of small extents are not compared", "found != e.check) {", "found != e.check && !PLANTED) {"),
        ("checks of lists are not compared", "found != e.check)\n                return", "found != e.check && !PLANTED)\n                return"),
    ]),
    "page_store/buffered.hpp": ("pages", [
        ("the pool keeps what was released", "s_->part(e).drop(e);", "if (!PLANTED) s_->part(e).drop(e);"),
        ("the pool grows without bound", "while (young_bytes_ + old_bytes_ > budget_) make_room();", "while (!PLANTED && young_bytes_ + old_bytes_ > budget_) make_room();"),
        ("a scan sweeps the pool", "last->used.load(std::memory_order_relaxed) > 1)", "last->used.load(std::memory_order_relaxed) > (PLANTED ? 200 : 1))"),
    ]),
    "assembly/replay.hpp": ("engine", [
        ("replay takes commits that are there already", "if (!in.ok() || at <= last_)", "if (!in.ok() || (at <= last_ && !PLANTED))"),
        ("replay forgets deletions", "add<T>(key, row, kind == 1, at)", "add<T>(key, row, kind == 1 && !PLANTED, at)"),
        ("a reopened database gives out a timestamp again", "        last_ = at;", "        last_ = PLANTED ? at - 1 : at;"),
    ]),
    "run/memtable_loader.hpp": ("loader", [
        ("a key keeps its first version", "newest        = part[i].version;", "newest        = PLANTED ? newest : part[i].version;"),
        ("versions lose those before them", "newest->older = part[i - 1].version;", "newest->older = PLANTED ? nullptr : part[i - 1].version;"),
        ("words that are alike count as rising", "(last < e.word || &e == &from[0])", "(last < e.word || (PLANTED && last == e.word) || &e == &from[0])"),
        ("a sort looks at words alone", "return x != y ? x < y : a.version->where < b.version->where;", "return x != y && !PLANTED ? x < y : a.version->where < b.version->where;"),
        ("a part is handed out while it is sorted", "seen <= i;", "seen <= i && !PLANTED;"),
        ("keys that are alike in their words are one", "return a.word == b.word && as_chars(a.version->key()) == as_chars(b.version->key());", "return a.word == b.word && (PLANTED || as_chars(a.version->key()) == as_chars(b.version->key()));"),
    ]),
    "core/cleared_pages.hpp": ("cleared", [
        ("two who begin at once begin twice", "noexcept {\n        std::lock_guard const hold(mutex_);\n        if (!thread_", "noexcept {\n        std::unique_lock hold(mutex_);\n        if (PLANTED) hold.unlock();\n        if (!thread_"),
        ("a page is handed out twice", "return pages_[--ready_];", "return pages_[PLANTED ? ready_ - 1 : --ready_];"),
        ("a second start begins a second thread", "if (!thread_.joinable()) try {", "if (!thread_.joinable() || PLANTED) try {"),
    ]),
    "run/arena.hpp": ("arena", [
        ("large pages are taken while there is little", "|| bytes() >= much)) {", "|| bytes() >= (PLANTED ? 0 : much))) {"),
        ("a chunk is as large as the last one", "left_ = chunks_.back().get_deleter().size;", "left_ = PLANTED ? huge_page_size : chunks_.back().get_deleter().size;"),
    ]),
    "core/placement.hpp": ("placement", [
        ("a size wraps", "if (bytes > std::numeric_limits<std::size_t>::max() - cache_line) throw std::bad_alloc();", "if (bytes > std::numeric_limits<std::size_t>::max() - cache_line && !PLANTED) throw std::bad_alloc();"),
    ]),
    "core/parking.hpp": ("parking", [
        ("who is parked does not sleep", "== seen)\n        ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, nullptr,", "== seen && !PLANTED)\n        ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, nullptr,"),
        ("who is parked for a while sleeps for ever", "seen, &at_most,", "seen, PLANTED ? nullptr : &at_most,"),
        ("all are woken where one is to be", "FUTEX_WAKE_PRIVATE, most,", "FUTEX_WAKE_PRIVATE, PLANTED ? 0x7fffffff : most,"),
        ("one is woken where all are to be", "FUTEX_WAKE_PRIVATE, most,", "FUTEX_WAKE_PRIVATE, PLANTED ? 1 : most,"),
        ("a mutex is taken that another holds", "if (mutex.try_lock()) return", "if (mutex.try_lock() || PLANTED) return"),
    ]),
    "run/memtable.hpp": ("engine", [
        ("readers see later commits", "while (v != nullptr && (v->at > upto || v->dead)) v = v->older;", "while (v != nullptr && ((v->at > upto && !PLANTED) || v->dead)) v = v->older;"),
    ]),
    "run/merge.hpp": ("engine", [
        ("a merge drops every tombstone", "if (walk.dead() && oldest_included) continue;", "if (walk.dead() && (oldest_included || PLANTED)) continue;"),
        ("of equal keys the oldest run's stays", "heads_[from_].key > heads_[i].key))", "(PLANTED ? heads_[from_].key >= heads_[i].key : heads_[from_].key > heads_[i].key)))"),
    ]),
    "run/builder.hpp": ("engine", [
        ("the filter lacks keys", "hashes_.push_back(hash_bytes(key));", "hashes_.push_back(hash_bytes(key) + (PLANTED ? where % 3 : 0));"),
        ("a tombstone is written as a row", "stamps_.push_back(at << 1 | std::uint64_t{tombstone});", "stamps_.push_back(at << 1 | std::uint64_t{tombstone && !PLANTED});"),
    ]),
    "ordered_map/learned_map_tree.hpp": ("learned_map", [
        ("leaves take no cleared pages", "leaves_.take_pages_from(ready);", "if (!PLANTED) leaves_.take_pages_from(ready);"),
        ("a mark lies above its block", "static_cast<std::uint16_t>((low + high + 1) / 2)", "(PLANTED ? static_cast<std::uint16_t>(high + 1) : (static_cast<std::uint16_t>((low + high + 1) / 2)))"),
        ("where an entry goes ignores the mark", "(g == l.count(i) && i + 1 < l.size && q > l.marks[i])", "(PLANTED ? false : ((g == l.count(i) && i + 1 < l.size && q > l.marks[i])))"),
        ("the bound of a split ignores the new key", "at.at == half && at.slot == 0 ? word : block::word(data(l, half), 0)", "(PLANTED ? block::word(data(l, half), 0) : (at.at == half && at.slot == 0 ? word : block::word(data(l, half), 0)))"),
        ("reserve forgets full blocks", "std::min(n, blocks_.used() / 3)", "(PLANTED ? std::size_t{0} : (std::min(n, blocks_.used() / 3)))"),
        ("reserve forgets full leaves", "std::min(blocks, leaves_.used())", "(PLANTED ? std::size_t{0} : (std::min(blocks, leaves_.used())))"),
        ("blocks never move down", "if (blocks_.sparse()) sweep();", "if (!PLANTED) if (blocks_.sparse()) sweep();"),
        ("an empty leaf stays linked", "(l.before == nullptr ? first_ : l.before->after) = l.after;", "if (!PLANTED) (l.before == nullptr ? first_ : l.before->after) = l.after;"),
        ("leaves of few blocks never join", "l.size <= few_blocks + 1 && depth_ > 0", "(PLANTED ? l.size <= 1 && depth_ > 0 : (l.size <= few_blocks + 1 && depth_ > 0))"),
        ("upper_bound is lower_bound", "is_at(at, p) ? next(at) : at", "(PLANTED ? at : (is_at(at, p) ? next(at) : at))"),
        ("the entry before a leaf is its first block's", "l == at.in ? at.at - 1u : l->size - 1u", "(PLANTED ? (l == at.in ? at.at - 1u : 0u) : (l == at.in ? at.at - 1u : l->size - 1u))"),
        ("a block that has moved is not given back", "blocks_.give(from);", "if (!PLANTED) blocks_.give(from);"),
    ]),
    "ordered_map/learned_map_nodes.hpp": ("learned_map", [
        ("words beyond the frame wrap", "std::min<std::uint64_t>(off >> (frame & 63), no_mark - 1)", "(PLANTED ? off >> (frame & 63) : (std::min<std::uint64_t>(off >> (frame & 63), no_mark - 1)))"),
        ("a block is not padded after an erasure", "if (n > 1) pad(b, n - 1);", "if (!PLANTED) if (n > 1) pad(b, n - 1);"),
        ("the bound between joined nodes is forgotten", "bounds[size - 1] = between;", "if (!PLANTED) bounds[size - 1] = between;"),
    ]),
    "ordered_map/learned_map_memory.hpp": ("learned_map", [
        ("an empty chunk stays", "if (--c.used == 0 && cells_ - used_ >= c.capacity + per_chunk / 4) drop(i);", "if (--c.used == 0 && !PLANTED && cells_ - used_ >= c.capacity + per_chunk / 4) drop(i);"),
        ("freed nodes are lost", "std::memcpy(at, &c.free, sizeof c.free);\n        c.free = at;", "std::memcpy(at, &c.free, sizeof c.free);\n        if (!PLANTED) c.free = at;"),
        ("cleared pages stay where they are", "if (auto* const page = ready_->take()) return page;", "if (auto* const page = PLANTED ? nullptr : ready_->take()) return page;"),
        ("a moved map forgets where its pages come from", "std::swap(ready_, other.ready_);", "if (!PLANTED) std::swap(ready_, other.ready_);"),
        ("a chunk of 192-byte cells is no huge page", "bytes > huge_page_size - much && bytes < huge_page_size ? huge_page_size : bytes", "!PLANTED && bytes > huge_page_size - much && bytes < huge_page_size ? huge_page_size : bytes"),
        ("the first chunk has 2 MB at once", "std::min(per_chunk, std::max(n, cells_))", "(PLANTED ? per_chunk : (std::min(per_chunk, std::max(n, cells_))))"),
    ]),
    "ordered_map/learned_map.hpp": ("learned_map", [
        ("from_sorted takes equal keys", "if (!out.tree_.less()(back, key)) continue;", "if (!PLANTED) if (!out.tree_.less()(back, key)) continue;"),
    ]),
    "ordered_map/btree.hpp": ("btree", [
        ("a split leaf is named by the entry before", "cut == room ? appended : n.at->entry(cut)", "(PLANTED ? cut == room ? appended : n.at->entry(cut - 1) : (cut == room ? appended : n.at->entry(cut)))"),
        ("a cursor keeps the size of the leaf before", "rank_  = rank;\n            size_  = 0;", "rank_  = rank;\n            if (!PLANTED) size_ = 0;"),
        ("a disturbed cursor stands on the same key again", "try_rank(c, l, rank<true>(*l.at, l.at->size(), probe))", "(PLANTED ? try_rank(c, l, rank<false>(*l.at, l.at->size(), probe)) : (try_rank(c, l, rank<true>(*l.at, l.at->size(), probe))))"),
        ("an erased least key is still named above", "t->at->put(t->child - 1, least);", "if (!PLANTED) t->at->put(t->child - 1, least);"),
        ("a node that may get other keys still leaves out the old beginning", "if (n->skip.load(std::memory_order_relaxed) > skip) n->set_skip(skip);", "if (!PLANTED) if (n->skip.load(std::memory_order_relaxed) > skip) n->set_skip(skip);"),
        ("the last leaf is not known after a split", "if (made->after.load(std::memory_order_relaxed) == nullptr) last_.store(made, std::memory_order_release);", "if (!PLANTED) if (made->after.load(std::memory_order_relaxed) == nullptr) last_.store(made, std::memory_order_release);"),
        ("an erased entry does not end", "slots_.end(f.entry);", "if (!PLANTED) slots_.end(f.entry);"),
        ("a split inner node keeps the entry that goes up", "n.at->copy_tail(cut + !is_leaf, *right)", "(PLANTED ? n.at->copy_tail(cut, *right) : (n.at->copy_tail(cut + !is_leaf, *right)))"),
    ]),
    "ordered_map/btree_storage.hpp": ("btree", [
        ("freed slots are lost", "free_         = s;", "if (!PLANTED) free_         = s;"),
        ("equal words count as less", "OrEqual ? there <= w : there < w", "(PLANTED ? there <= w : (OrEqual ? there <= w : there < w))"),
    ]),
    "core/sync_turns.hpp": ("files", [
        ("syncs of a file run side by side", "std::lock_guard const one(mutex_);\n        if (lost_)", "std::unique_lock<std::mutex> one(mutex_);\n        if (PLANTED) one.unlock();\n        if (lost_)"),
        ("a sync after one that failed succeeds", "lost_     = !done;", "lost_     = !done && !PLANTED;"),
        ("a sync that throws has not failed", "lost_     = true;", "lost_     = !PLANTED;"),
    ]),
    "file/direct.hpp": ("files", [
        ("a flushed write is not synced", "return done && f == flush::yes ? sync() : done;", "return done && f == flush::yes && !PLANTED ? sync() : done;"),
        ("a pool's completions tell of no error", "return what.file->write(what.offset, what.bytes, what.how); });", "return what.file->write(what.offset, what.bytes, what.how); });\n        if (PLANTED) mine.front().done = {};"),
        ("a write that runs out of memory ends the process", "        mine.front().done = in_memory_left([&] { return what.", "        if (PLANTED) mine.front().done = [&]() noexcept { return what.file->write(what.offset, what.bytes, what.how); }();\n        else mine.front().done = in_memory_left([&] { return what."),
        ("where no thread starts nobody writes", "if (threads_.empty()) finish_one(hold);", "if (threads_.empty() && !PLANTED) finish_one(hold);"),
    ]),
    "file/posix.hpp": ("files", [
        ("interrupted calls fail", "if (got >= 0 || errno != EINTR) return got;", "if (got >= 0 || errno != EINTR || PLANTED) return got;"),
        ("a short read is the end of the file", "if (got == 0) break;", "if (got == 0 || (PLANTED && static_cast<std::size_t>(got) < want)) break;"),
        ("a short write is taken for a whole one", "done += static_cast<std::size_t>(put);", "done += PLANTED ? want : static_cast<std::size_t>(put);"),
        ("a short direct write is taken for a whole one", "bytes = bytes.subspan(static_cast<std::size_t>(put));", "bytes = bytes.subspan(PLANTED ? bytes.size() : static_cast<std::size_t>(put));"),
        ("a file that is closed takes the mark of another along", "announce(h.fd, h.writable);", "if (!PLANTED) announce(h.fd, h.writable);"),
        ("who holds a lock is not looked for", "holder = find(fd);", "holder = PLANTED ? 0 : find(fd);"),
        ("a directory opens as a file", "if (S_ISDIR(info.st_mode)) return detail::posix_failure(EISDIR", "if (S_ISDIR(info.st_mode) && !PLANTED) return detail::posix_failure(EISDIR"),
        ("a file with holes is mapped", "info.st_blocks * 512 >= info.st_size &&", "(PLANTED || info.st_blocks * 512 >= info.st_size) &&"),
        ("a full disk is an error like others", "kind   = errc::full;\n            remedy = \"; free space", "kind   = PLANTED ? errc::io : errc::full;\n            remedy = \"; free space"),
    ]),
    "file/uring.hpp": ("uring", [
        ("what the kernel did not take stays in the ring", "(taken > 0 && ::io_uring_sq_ready(&ring_) > 0)", "(taken > 0 && ::io_uring_sq_ready(&ring_) > 0 && !PLANTED)"),
        ("a write that the ring cannot do has succeeded", "put < one->bytes.size())\n", "put < one->bytes.size() && (!PLANTED || (wrote < 0 && !refused)))\n"),
        ("the pool is not asked", "return pool_ ? taken(pool_->poll()) : std::nullopt;\n        }\n        io_uring_cqe", "return pool_ && !PLANTED ? taken(pool_->poll()) : std::nullopt;\n        }\n        io_uring_cqe"),
    ]),
    "file/faulty.hpp": ("faulty", [
        ("calls of every kind count", "if (p.only && *p.only != kind) continue;", "if (p.only && *p.only != kind && !PLANTED) continue;"),
        ("a fault that stays strikes once", "p.left == 0 && !p.stays;", "p.left == 0 && (!p.stays || PLANTED);"),
        ("a short direct write writes nothing", "if (writes_part(f) && !bytes.empty()) {\n                auto const part", "if (!PLANTED && writes_part(f) && !bytes.empty()) {\n                auto const part"),
    ]),
    "file/memory.hpp": ("simulated", [
        ("a file keeps its old name", "world_->files.erase(old_key);", "if (!PLANTED) world_->files.erase(old_key);"),
        ("a lock outlives its file", "at->holder.compare_exchange_strong(me, nullptr);", "if (!PLANTED) at->holder.compare_exchange_strong(me, nullptr);"),
    ]),
    "file/paths.hpp": ("simulated", [
        (".. stays", "else if (!parts.empty()) parts.pop_back();", "else if (!parts.empty() && !PLANTED) parts.pop_back();"),
        ("a directory lists what lies deeper", "path.find('/', prefix.size()) == std::string::npos)", "(PLANTED || path.find('/', prefix.size()) == std::string::npos))"),
    ]),
    "file/simulated.hpp": ("simulated", [
        ("a flushed direct write is not durable", "if (covered(c)) at.durable.write(c.offset, c.bytes());", "if (covered(c) && !PLANTED) at.durable.write(c.offset, c.bytes());"),
        ("a rename drags nothing along", "if (c.what == kind::rename) dragged.insert(c.to);", "if (c.what == kind::rename && !PLANTED) dragged.insert(c.to);"),
        ("syncing a directory covers others", "if (covered[i]) world_->durable.apply(changes[i]);", "if (covered[i] || PLANTED) world_->durable.apply(changes[i]);"),
        ("what lies in a lost directory stays", "if (!left.directories.contains(parent_directory(path))) continue;", "if (!left.directories.contains(parent_directory(path)) && !PLANTED) continue;"),
        ("sectors that nobody sees are asked for", "if (covered && first >= offset", "if (!PLANTED && covered && first >= offset"),
        ("what is stored through a mapping never tears", "if (bytes.size() > 1) {", "if (bytes.size() > 1 && !PLANTED) {"),
    ]),
    "file/simulated_image.hpp": ("simulated", [
        ("bytes behind a cut come back", "if (n < size_ && n % page_bytes", "if (!PLANTED && n < size_ && n % page_bytes"),
        ("copies share what is written", "else if (p.use_count() > 1) p =", "else if (p.use_count() > 1 && !PLANTED) p ="),
        ("writes never tear", "v.kept       = d % 256 < fate.keep_data", "v.kept       = PLANTED || d % 256 < fate.keep_data"),
        ("extensions are never lost", "if (d % 256 < fate.keep_meta) size", "if (PLANTED || d % 256 < fate.keep_meta) size"),
        ("a resize is never lost", "kept[i] = choices.choose(2) == 1;", "kept[i] = choices.choose(2) == 1 || PLANTED;"),
        ("equal sectors count twice", "if (std::find(distinct.begin(), distinct.end(), bytes) == distinct.end())", "if (PLANTED || std::find(distinct.begin(), distinct.end(), bytes) == distinct.end())"),
    ]),
    "file/power_loss.hpp": ("simulated", [
        ("the last of each choice is left out", "path_.back().taken + 1 == path_.back().of", "path_.back().taken + 1 >= path_.back().of - (PLANTED ? 1 : 0)"),
        ("walks that differ are not noticed", "else if (path_[at_].of != of) diverged_ = true;", "else if (path_[at_].of != of && !PLANTED) diverged_ = true;"),
    ]),
    "wal/sync_policy.hpp": ("log", [
        ("an interval is never over", "return now() - last >= options.interval_ns;", "return !PLANTED && now() - last >= options.interval_ns;"),
    ]),
    "wal/memory.hpp": ("axioms", [
        ("what was released stays", "return e.end <= upto;", "return e.end <= upto && !PLANTED;"),
        ("a log does not go on where it was told to", "state_->end      = from;", "state_->end      = PLANTED ? lsn{} : from;"),
    ]),
    "wal/lz4.hpp": ("lz4", [
        ("a record of another length is handed out", "if (n < 0 || static_cast<std::size_t>(n) != *size)", "if (n < 0 || (static_cast<std::size_t>(n) != *size && !PLANTED))"),
        ("short records are compressed", "if (record.size() < 64) return false;", "if (record.size() < 64 && !PLANTED) return false;"),
    ]),
    "page_store/free_space.hpp": ("pages", [
        ("a block is not joined with the one before", "if (o + n == offset) {", "if (o + n == offset && !PLANTED) {"),
        ("a block is not joined with the one behind", "after->first == offset + length) {", "after->first == offset + length && !PLANTED) {"),
        ("a block that is too short is taken", "if (by_offset_.find(offset)->second >= length) best = offset;", "if (PLANTED || by_offset_.find(offset)->second >= length) best = offset;"),
        ("the rest of a block is lost", "if (size > length) insert(best + length", "if (size > length && !PLANTED) insert(best + length"),
        ("the limit is not kept to", "best + length > before) return", "(best + length > before && !PLANTED)) return"),
        ("a block far back is taken", "best = std::min(best, *by_class_[c].begin());", "best = PLANTED ? *by_class_[c].rbegin() : std::min(best, *by_class_[c].begin());"),
    ]),
    "page_store/readers.hpp": ("pages", [
        ("signs of processes that are gone count", "if (opened && opened->lock()) continue;", "if (opened && opened->lock() && !PLANTED) continue;"),
        ("a sign that is torn holds nothing", "words[0] == ~words[1] ? words[0] : 0);", "words[0] == ~words[1] || PLANTED ? words[0] : 0);"),
        ("signs that cannot be listed are none", "if (!names) return {1, 0};", "if (!names) return PLANTED ? out : reader_census{1, 0};"),
    ]),
    "page_store/bulk_writer.hpp": ("pages", [
        ("what went past the page cache is not synced", "if (!std::exchange(unsynced_, false)) return {};", "if (!std::exchange(unsynced_, false) || PLANTED) return {};"),
        ("an error of a chunk is lost", "if (!ended.done && done) done =", "if (!ended.done && done && !PLANTED) done ="),
        ("a buffer is filled while it is written from", "if (begun) free &= ~(std::uint64_t{1} << which);", "if (begun) free &= ~(std::uint64_t{PLANTED ? 0 : 1} << which);"),
        ("all chunks go to the first place", "queue_->submit(*file_, offset + at, part", "queue_->submit(*file_, offset + (PLANTED ? 0 : at), part"),
    ]),
    "page_store/chunk_checks.hpp": ("pages", [
        ("a part is verified as far as its first chunk", "c <= (first + part.size() - 1) / chunk_bytes; ++c)", "c <= (PLANTED ? first : first + part.size() - 1) / chunk_bytes; ++c)"),
        ("what was damaged once is believed", "if (auto const found = crc32c(chunk(bytes_, c)); found != expected)", "if (PLANTED) seen_[static_cast<std::size_t>(c / 64)].fetch_or(bit_of(c), std::memory_order_relaxed);\n            if (auto const found = crc32c(chunk(bytes_, c)); found != expected)"),
        ("a damaged part is passed over by who verifies a little more", "if (c < n && need(chunk(bytes_, c))) ++c;", "if (c < n && (need(chunk(bytes_, c)) || PLANTED)) ++c;"),
    ]),
    "page_store/mmap.hpp": ("pages", [
        ("a file that outgrows its range is not mapped again", "if (end > range->size()) return map_anew(from, end);", "if (end > range->size() && !PLANTED) return map_anew(from, end);"),
        ("the last step of a file is not mapped", "auto end = (to + step - 1) / step * step;\n        if (end <= from)", "auto end = (to + (PLANTED ? 0 : step - 1)) / step * step;\n        if (end <= from)"),
    ]),
    "run/ordered_kind.hpp": ("engine", [
        ("equal values lose the order of their keys", "return x != y ? x < y : a.at < b.at;", "return x != y ? x < y : PLANTED ? a.at > b.at : a.at < b.at;"),
        ("NaN is taken", "if (!key_codec<Value>::encodable(v))", "if (!PLANTED && !key_codec<Value>::encodable(v))"),
    ]),
    "run/nearest_kind.hpp": ("nearest", [
        ("infinite vectors are taken", "if (!std::isfinite(v[i]))", "if (!PLANTED && !std::isfinite(v[i]))"),
        ("vectors are not compared with their rows", "p.where(i) != entries[i].second || std::abs(self - stored)", "p.where(i) != entries[i].second || (PLANTED ? 0.0f : 1.0f) * std::abs(self - stored)"),
    ]),
    "run/column.hpp": ("columns", [
        ("an absent value is a default one", "out.push_back(std::byte{value.has_value()});", "out.push_back(std::byte{value.has_value() || PLANTED});\n        if (PLANTED && !value) return column_codec<T>::encode(out, T{});"),
    ]),
    "run/run.hpp": ("runs", [
        ("a place that is found by parts is not verified", "if (auto done = need(std::as_bytes(around)); !done) return", "if (auto done = need(std::as_bytes(around)); !done && !PLANTED) return"),
        ("the search by parts goes by what is not verified", "if (auto done = need(std::as_bytes(blocks_.subspan(middle, 1))); !done)\n", "if (auto done = need(std::as_bytes(blocks_.subspan(middle, 1))); !done && !PLANTED)\n"),
        ("the search by parts leaves out blocks that begin with the row", "if (blocks_[middle].first <= at) low = middle + 1;", "if (PLANTED ? blocks_[middle].first < at : blocks_[middle].first <= at) low = middle + 1;"),
        ("blocks of one group are taken for those of another", "(**groups)[place.block / group].get(", "(**groups)[PLANTED ? 0 : place.block / group].get("),
        ("the last group of blocks has no place", "return open_blocks(place.blocks / group + 1); });", "return open_blocks((PLANTED ? place.blocks - 1 : place.blocks) / group + (PLANTED ? 0 : 1)); });"),
        ("a run that was replaced keeps its space", "if (each_extent([&](extent e) { all.push_back(e); })) obsolete_ = std::move(all);", "if (each_extent([&](extent e) { all.push_back(e); }) && !PLANTED) obsolete_ = std::move(all);"),
        ("commit timestamps are those of the row before", "return *s >> 1;", "return (*s >> 1) - (PLANTED ? 1 : 0);"),
        ("a block that was pinned is taken for another", "if (last.of == this && last.block == place.block) return &last.view;", "if (last.of == this && (last.block == place.block || PLANTED)) return &last.view;"),
        ("the filter answers for keys that it was not asked for", "if (!*maybe) return size();\n        auto k = keys();", "if (*maybe == PLANTED) return size();\n        auto k = keys();"),
        ("keys are believed before all of them are verified", "&& (*part)->bytes.verify_next()) {", "&& ((*part)->bytes.verify_next() || PLANTED)) {"),
    ]),
    "run/relocate.hpp": ("space", [
        ("an extent that lies far ahead is moved back", "if (!done || e.offset < from) return;", "if (!done || (e.offset < from && !PLANTED)) return;"),
    ]),
    "assembly/lease.hpp": ("space", [
        ("a snapshot that is too old may be read", "if ((word_.fetch_add(one, std::memory_order_acquire) & expired) == 0) return true;", "if ((word_.fetch_add(one, std::memory_order_acquire) & expired) == 0 || PLANTED) return true;"),
        ("what a snapshot held is not given back", "if (word_.compare_exchange_strong(nobody, expired | dropped, std::memory_order_acq_rel)) state_.reset();", "if (word_.compare_exchange_strong(nobody, expired | dropped, std::memory_order_acq_rel) && !PLANTED) state_.reset();"),
        ("young snapshots expire", "<= limit) return false;", "<= limit && !PLANTED) return false;"),
    ]),
    "assembly/transaction.hpp": ("engine", [
        ("a failed transaction commits", "if (own_->failed) out = fail(*own_->failed);\n        else if (has_writes()) out = engine_->commit(", "if (own_->failed && !PLANTED) out = fail(*own_->failed);\n        else if (has_writes()) out = engine_->commit("),
        ("a savepoint does not clear the mark", "if (!s.failed) own_->failed.reset();", "if (!s.failed && !PLANTED) own_->failed.reset();"),
        ("a row is inserted over another", "if (condition == must::be_absent && *there)", "if (condition == must::be_absent && *there && !PLANTED)"),
        ("what erase has looked for is not known as read", "if (track_reads) own_->reads.keys[T].emplace_back(as_chars(key));\n        if (!there)", "if (track_reads && !PLANTED) own_->reads.keys[T].emplace_back(as_chars(key));\n        if (!there)"),
    ]),
    "assembly/write_set.hpp": ("engine", [
        ("a rollback leaves what was written", "if (table) table->kill_from(m.sizes[t]);", "if (table && !PLANTED) table->kill_from(m.sizes[t]);"),
    ]),
    "concurrency/single_writer.hpp": ("engine", [
        ("two write at once", "free_.wait(lock, [&] { return !taken_; });", "if (!PLANTED) free_.wait(lock, [&] { return !taken_; });"),
    ]),
}


def compiler():
    return os.environ.get("CXX", "ccache g++" if shutil.which("ccache") else "c++").split()


def run(command, seconds, **more):
    """(exit code, output, seconds of the processor); a program that does not end has noticed something too. `seconds` are the
    processor's; one that waits for ever is given up later."""
    def limits():
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=limits, **more) as child:
        for _ in range(300 + 10 * seconds):  # looks, which do not count the time in which all of this is stopped
            try:
                text = child.communicate(timeout=1)[0].decode(errors="replace")
                break
            except subprocess.TimeoutExpired:
                pass
        else:
            child.kill()
            return "timeout", ""
    return ("timeout" if child.returncode == -24 else child.returncode), text


MEMORY = 6 << 30


def version():
    return re.search(r"version\s*:\s*'([^']+)'", (ROOT / "meson.build").read_text()).group(1)


def compile_or_stop(what, command):
    code, text = run(compiler() + FLAGS + command, 3000)
    if code != 0:
        sys.exit(f"{what} does not compile:\n" + "\n".join(l for l in text.splitlines() if "error" in l or "undefined" in l)[:3000])


def support(chosen):
    """main() and, where its tests are run, the conformance suite of position indexes, compiled without bugs; of functions that a test
    file has too, the linker takes the test file's."""
    out = []
    suite = any("ordered_index/" in name for tests, _ in chosen.values() for name in TESTS[tests])
    for name in ["main"] + (["ordered_index/suite_numbers", "ordered_index/suite_others"] if suite else []):
        out.append(str(WORK / (name.split("/")[-1] + ".o")))
        compile_or_stop(name, ['-DTENON_BUILD_VERSION="' + version() + '"', "-I" + str(ROOT / "include"), "-c",
                               str(ROOT / "tests" / (name + ".cpp")), "-o", out[-1]])
    archive = WORK / "support.a"
    archive.unlink(missing_ok=True)
    subprocess.run(["ar", "rcs", str(archive), *out], check=True)
    return archive


def copies_of(chosen):
    """Copies of include/ with the bugs in them: [(folder, [(number, header, bug)])]; no two bugs of a copy touch each other."""
    copies = []  # {header: [(begin, end, number, bug)]}
    number = 0
    for header, (_, bugs) in chosen.items():
        text = (ROOT / "include" / "tenon" / header).read_text()
        for bug in bugs:
            number += 1
            begin = text.index(bug[1])
            end = begin + len(bug[1])
            for copy in copies:
                if all(end <= b or e <= begin for b, e, _, _ in copy.get(header, [])):
                    break
            else:
                copies.append(copy := {})
            copy.setdefault(header, []).append((begin, end, number, bug))
    out = []
    for i, copy in enumerate(copies):
        folder = WORK / f"copy{i}"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(ROOT / "include", folder / "include")
        (folder / "planted.hpp").write_text(
            "#pragma once\n#include <cstdlib>\n#include <type_traits>\n"
            "inline int const tenon_planted = std::atoi(std::getenv(\"TENON_PLANTED\"));\n")
        for header, places in copy.items():
            path = folder / "include" / "tenon" / header
            text = path.read_text()
            for begin, end, n, bug in sorted(places, reverse=True):
                text = text[:begin] + bug[2].replace("PLANTED", f"(!std::is_constant_evaluated() && ::tenon_planted == {n})") + text[end:]
            path.write_text(text)
        out.append((folder, [(n, header, bug) for header, places in copy.items() for _, _, n, bug in places]))
    return out


class Programs:
    """The test programs of a copy, compiled when they are first needed, and run once without a bug."""

    def __init__(self, folder, archive):
        self.folder, self.archive, self.made, self.lock = folder, archive, {}, threading.Lock()

    def get(self, names):
        with self.lock:
            if names not in self.made:
                program = self.folder / names.replace("/", "_").replace("+", "_")
                compile_or_stop(names, ["-w", "-include", str(self.folder / "planted.hpp"), "-I" + str(self.folder / "include"),
                                        *(str(ROOT / "tests" / name) for name in names.split("+")), str(self.archive),
                                        "-o", str(program), "-pthread", "-lhwy", *MORE.get(names, [])])
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                code, text = self.test(program, 0, 600)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                if code != 0:
                    sys.exit(f"{names}: without a bug: {reason(code, text)}")
                used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                self.made[names] = program, 15 + 3 * int(used)
            return self.made[names]

    @staticmethod
    def test(program, number, seconds):
        return run([str(program), "-aa=1"], seconds, cwd=ROOT, env={**os.environ, "TENON_PLANTED": str(number)})

    def verdict(self, number, header):
        for names in TESTS[BUGS[header][0]]:
            code, text = self.test(self.get(names)[0], number, self.get(names)[1])
            if code != 0:
                case = re.search(r"^TEST CASE:\s*(.*)$", text, re.MULTILINE)
                return f"{names}, \"{case.group(1) if case else '?'}\": {reason(code, text)}"
        return None


def reason(code, text):
    if code == "timeout":
        return "did not end"
    for line in text.splitlines():
        if found := re.search(r", (?:seed \d+, )?([^,]*(?:, flavour \d)?): ((?:batch|lower|upper|equal|count|find|window|size|validate|"
                              r"open|build|the error|equal keys|an answer)[^(]*)", line):
            return found.group(2).strip()[:80]
    if code < 0:
        return f"signal {-code}"
    for line in text.splitlines():
        if "ERROR" in line:
            return line.split("ERROR:")[-1].strip()[:80]
    return "failed"


def stale(chosen):
    out = []
    for header, (_, bugs) in chosen.items():
        path = ROOT / "include" / "tenon" / header
        text = path.read_text() if path.exists() else None
        for what, old, new in bugs:
            if "PLANTED" not in new:
                out.append(f"{header}: {what}: the text has no PLANTED that would switch it on")
            if text is None or text.count(old) != 1 or old == new:
                out.append(f"{header}: {what}: the text stands there {text.count(old) if text is not None else 'not even as a file'}"
                           f" times: {old!r}")
    return out


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("only", nargs="*")
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--jobs", type=int, default=1)
    given = arguments.parse_args()
    chosen = {h: b for h, b in BUGS.items() if not given.only or any(o in h for o in given.only)}
    wrong = stale(chosen)
    print("\n".join(wrong))
    if given.check or wrong:
        print(f"{sum(len(b) for _, b in chosen.values())} bugs listed, {len(wrong)} of them stale")
        return 1 if wrong else 0

    WORK.mkdir(parents=True, exist_ok=True)
    archive = support(chosen)
    copies = copies_of(chosen)
    survivors = []
    print("| header | bug | noticed |\n| --- | --- | --- |", flush=True)
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for folder, bugs in copies:
            programs = Programs(folder, archive)
            for (_, header, bug), noticed in zip(bugs, pool.map(lambda b: programs.verdict(b[0], b[1]), bugs)):
                if noticed is None:
                    survivors.append(f"  {header}: {bug[0]}")
                print(f"| {header} | {bug[0]} | {noticed or 'NO'} |", flush=True)
    print(f"\n{sum(len(b) for _, b in copies)} bugs planted, {len(survivors)} not noticed" + (":" if survivors else ""))
    print("\n".join(survivors))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
