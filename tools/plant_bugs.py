#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants bugs in position indexes, in maps, in storage and in the engine, one at a time, and sees whether the tests notice.

Each entry of BUGS names a header, a text in it and what to put there instead. A copy of include/ gets the bug. For a position
index a program with the conformance suite (over numbers, bytes, floats and strings) and the hostile tests for one policy is
compiled and run. Other headers get all their bugs at once, each switched on by PLANTED in its text, and test files are run one
after another until one notices.

    plant_bugs.py               all of them; the table says what was noticed; what was not stands once more behind it, with exit code 1
    plant_bugs.py pgm key_tree  only headers whose path contains one of these
    plant_bugs.py --check       only sees that every text still stands in its header, exactly once
    plant_bugs.py --jobs N      N compilers at a time (default 1)

CXX=... chooses the compiler. What is built lies in build/plant_bugs.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "plant_bugs"
FLAGS = ["-std=c++20", "-O1", "-I" + str(ROOT / "tests" / "ordered_index")]

# A program for each policy: headers, and types to run over.
PROGRAMS = {
    "sorted_array": (["ordered_index/sorted_array.hpp", "ordered_index/static_tree.hpp"], ["tenon::sorted_array", "tenon::static_tree<>"]),
    "rmi": (
        ["ordered_index/rmi.hpp", "model/cubic.hpp", "model/log_linear.hpp"],
        ["tenon::rmi<>", "tenon::rmi<tenon::cubic, tenon::linear, tenon::log_linear, tenon::keys_per_leaf<8>, tenon::fan_out<4>>"],
    ),
    "hybrid": (["ordered_index/hybrid.hpp"], ["tenon::hybrid<>"]),
    "static_tree": (
        ["ordered_index/static_tree.hpp"],
        ["tenon::static_tree<>", "tenon::static_tree<tenon::compressed_separators>"],
    ),
    "pgm": (["ordered_index/pgm.hpp"], ["tenon::pgm<>"]),
    "radix_spline": (["ordered_index/radix_spline.hpp"], ["tenon::radix_spline<>"]),
    "located_view": ([], []),  # tests/ordered_index/located_view.cpp
    # Test files below tests/, the cheap ones first.
    "learned_map": ["ordered_map/learned_map.cpp"],
    "btree": ["ordered_map/btree.cpp", "ordered_map/ordered_map.cpp"],
    "log": ["wal/damage.cpp", "wal/failures.cpp", "wal/power_loss.cpp", "wal/asynchronous.cpp", "crash/log.cpp"],
    "tail": ["wal/tail.cpp"],
    "pages": ["page_store/page_file.cpp", "page_store/readers.cpp", "page_store/space.cpp", "page_store/buffered.cpp",
              "page_store/conformance.cpp"],
    "engine": ["crash/plain_stores.cpp", "database/behaviour.cpp"],
    "memory": ["crash/allocations.cpp+crash/heap.cpp"],
    "pieces": ["ordered_index/pgm.cpp"],
    "ranges": ["ordered_index/ranges.cpp"],
}

# header: (program, [(what is wrong, text, instead), ...])
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
    ]),
    "wal/segments.hpp": ("log", [
        ("a new segment's name is not synced", "if (auto done = fs_.sync_directory(directory_); !done) return done;\n        if (auto done = open_segment_file(next)",
         "if (!PLANTED)\n            if (auto done = fs_.sync_directory(directory_); !done) return done;\n        if (auto done = open_segment_file(next)"),
        ("direct writes are not flushed", "to_medium ? flush::yes : flush::no", "to_medium && !PLANTED ? flush::yes : flush::no"),
        ("a sync leaves out the last segment", "while (from < upto) {", "while (from < upto - (PLANTED && upto > 4096 ? 4096 : 0)) {"),
        ("what a killed process left is not synced at opening", "if (s.limit() <= from) continue;\n            auto file = fs_.open(s.path, open_mode::read_write);",
         "if (s.limit() <= from || PLANTED) continue;\n            auto file = fs_.open(s.path, open_mode::read_write);"),
        ("recycled segments are used while their old names may come back", "        if (any)\n            if (auto done = fs_.sync_directory(directory_)",
         "        if (any && !PLANTED)\n            if (auto done = fs_.sync_directory(directory_)"),
        ("the segment that is written to is released", "segments_.size() > 1 && ", "segments_.size() > (PLANTED ? 0u : 1u) && "),
        ("a spare that could not be made is lost", "static_cast<void>(fs_.remove(*spare));", "if (!PLANTED) static_cast<void>(fs_.remove(*spare));"),
    ]),
    "wal/batches.hpp": ("log", [
        ("batches are acknowledged in the order in which they return", "broken_ = broken_ || !f->sound;", "broken_ = (broken_ || !f->sound) && !PLANTED;"),
        ("a failed write does not poison the log", "if (!done) note(done.error());", "if (!done && !PLANTED) note(done.error());"),
        ("the place of a record is not reserved whole", "return at + wal_frame_bytes(n) + sizeof(wal_frame);", "return at + (PLANTED ? 24 : wal_frame_bytes(n) + sizeof(wal_frame));"),
        ("a batch begins in a block that is being written", "if (in_block != 0 && newest_ && !newest_->returned) {", "if (in_block != 0 && newest_ && !newest_->returned && !PLANTED) {"),
        ("what was in the block is not written again", "made->bytes.append(tail_);", "made->bytes.append(PLANTED ? byte_view(tail_).first(tail_.size() / 2) : byte_view(tail_));\n                if (PLANTED) made->bytes.append_zeros(tail_.size() - tail_.size() / 2);"),
    ]),
    "wal/segmented.hpp": ("log", [
        ("a full disk poisons", "if (made.error().kind == errc::full) return made;", "if (made.error().kind == errc::full && !PLANTED) return made;"),
        ("an append on a full disk goes on", "if (segments.has(limit)) break;", "if (segments.has(limit) || PLANTED) break;"),
        ("the mark of a clean close is put behind what is not durable", "batches.durable() == batches.end()", "(PLANTED || batches.durable() == batches.end())"),
        ("full segments vouch for the record that leaves them", "upto = whole_to;", "upto = PLANTED ? segments.start_of(segment_limit - 1) : whole_to;"),
        ("the torn tail is not cut", "if (auto done = cut(direct ? detail::wal_block_up(at) : at, found.tail.end); !done) return done;",
         "if (!PLANTED)\n                if (auto done = cut(direct ? detail::wal_block_up(at) : at, found.tail.end); !done) return done;"),
        ("a lower level is not raised to the promise", "at_least(level, Sync::promise)", "(PLANTED ? level : at_least(level, Sync::promise))"),
        ("a callback comes before its batch is over", "if (called != nullptr) batches.open()->called.push_back(std::move(*called));",
         "if (called != nullptr && PLANTED) (*called)({});\n            if (called != nullptr) batches.open()->called.push_back(PLANTED ? [](auto const&) {} : std::move(*called));"),
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
        ("NaN is let in", "if (!projection<Key>::is_ordered(keys[i])) [[unlikely]]", "if (false)"),
        ("the last key is not checked", "for (std::uint64_t i = 0; i < n; ++i) {\n        if (!projection",
         "for (std::uint64_t i = 0; i + 1 < n; ++i) {\n        if (!projection"),
        ("duplicates count as unsorted", "if (i > 0 && keys[i] < keys[i - 1]) [[unlikely]]", "if (i > 0 && !(keys[i - 1] < keys[i])) [[unlikely]]"),
        ("the rank of the error is one too low", "{\"the key at rank \", i, \" is less", "{\"the key at rank \", i - 1, \" is less"),
        ("the number of keys is not compared", "if (h.keys != e.keys)", "if (false)"),
        ("the last key is not compared", "h.first_key != e.first_key || h.last_key != e.last_key", "h.first_key != e.first_key"),
        ("the type of the keys is not compared", "if (h.key_tag != e.key_tag)", "if (false)"),
        ("the name is not compared", "if (h.name != e.name)", "if (false)"),
        ("the length of the bytes is not compared", "if (h.bytes != e.bytes)", "if (false)"),
        ("a short header is read", "if (model.size() < sizeof(index_header))", "if (model.size() < 8)"),
    ]),
    "ordered_index/sorted_array.hpp": ("sorted_array", [
        ("finds a later one of equal keys", "return last_mile::branchy::search(this->keys_, 0, this->size_, k);",
         "auto const at = last_mile::branchy::search(this->keys_, 0, this->size_, k);\n            return at + 1 < this->size_ && !(k < this->keys_[at + 1]) ? at + 1 : at;"),
        ("batch leaves out the last key", "for (std::size_t i = 0; i < ks.size(); ++i) out[i]", "for (std::size_t i = 0; i + 1 < ks.size(); ++i) out[i]"),
        ("batch writes one answer too many", "for (std::size_t i = 0; i < ks.size(); ++i) out[i] = lower_bound(ks[i]);",
         "for (std::size_t i = 0; i < ks.size(); ++i) out[i] = lower_bound(ks[i]);\n            if (out.size() > ks.size()) out[ks.size()] = 0;"),
        ("the window ends at the last key", "return {0, this->size() + 1};", "return {0, this->size()};"),
        ("build does not check the order", "if (auto sorted = check_sorted(keys); !sorted) return fail(std::move(sorted).error());", ""),
        ("validate accepts everything", "validate() const { return check_sorted<Key>(this->keys_, this->size_); }", "validate() const { return check_sorted<Key>(this->keys_, 0); }"),
    ]),
    "ordered_index/queries.hpp": ("located_view", [
        ("upper_bound stops at the first equal key", "return gallop(first, [&](Key const& x) { return !(k < x); });", "return first + 1;"),
        ("find ignores that the key is another", "return at < size_ && !(k < keys_[at]) ? at : size_;", "return at;"),
        ("find reads behind the last key", "return at < size_ && !(k < keys_[at]) ? at : size_;", "return !(k < keys_[at]) ? at : size_;"),
        ("an answer that is too late is believed", "bool const not_late = at == 0 || keys_[at - 1] < k,", "bool const not_late = true,"),
        ("an answer that is too early is believed", "not_early = at == size_ || !(keys_[at] < k);", "not_early = true;"),
        ("the gallop reads behind the last key", "while (size_ - at > step && before", "while (size_ - at >= step && before"),
        ("the gallop forgets the end", "high = size_ - at > step ? at + step : size_;", "high = at + step;"),
        ("the gallop ends one early", "if (before(keys_[middle])) low = middle + 1;", "if (before(keys_[middle])) low = middle;\n            if (high - low == 1) break;"),
        ("equal_range of an absent key is not empty", "if (first == size_ || k < keys_[first]) return first;", "if (first == size_) return first;"),
    ]),
    "ordered_index/located_view.hpp": ("located_view", [
        ("batch forgets the tail", "i += width)\n            batch_some", "i += width)\n            if (ks.size() - i >= width || ks.size() < width) batch_some"),
        ("batch does not check its answers", "out[j] = this->checked(LastMile::search(this->keys_, at[j], at[j] + left[j], ks[j]), ks[j]);",
         "out[j] = LastMile::search(this->keys_, at[j], at[j] + left[j], ks[j]);"),
        ("look-ups do not check their answers", "return this->checked(LastMile::search(this->keys_, w.first, w.last, k), k);",
         "return LastMile::search(this->keys_, w.first, w.last, k);"),
        ("the window lacks its last position", "return {w.first, w.last + 1};", "return {w.first, w.last};"),
        ("the window forgets keys of one projection", "if (at > w.last) w.last = at;", ""),
        ("validate does not look at the model", "return locator_.validate(projected_keys<Key>(keys));", "return {};"),
    ]),
    "ordered_index/last_mile.hpp": ("located_view", [
        ("branchless: <= for <", "at += keys[at + half - 1] < k ? half : 0;\n            n -= half;\n        }\n        return at + (n == 1",
         "at += k < keys[at + half - 1] ? 0 : half;\n            n -= half;\n        }\n        return at + (n == 1"),
        ("branchless: the last key is not looked at", "return at + (n == 1 && keys[at] < k ? 1 : 0);", "return at;"),
        ("branchless: an empty window is read", "return at + (n == 1 && keys[at] < k ? 1 : 0);", "return at + (keys[at] < k ? 1 : 0);"),
        ("branchy: <= for <", "if (keys[middle] < k) first = middle + 1;", "if (!(k < keys[middle])) first = middle + 1;"),
        ("simd_line: a whole line behind the end", "for (; n >= line; n -= line) {", "for (; n > 0; n = n > line ? n - line : 0) {"),
        ("simd_line: does not stop in its line", "if (less < line) return at;", ""),
        ("exponential: never goes back", "while (high >= first + step && !(keys[high - step] < k)) high -= step, step *= 2;", ""),
        ("exponential: steps over the end", "while (low + step <= last && keys[low + step - 1] < k)", "while (keys[low + step - 1] < k)"),
        ("interpolation: trusts its margin below", "if (last - first > margin && keys[last - margin] < k) first = last - margin;", "if (last - first > margin) first = last - margin;"),
        ("interpolation: trusts its margin above", "if (last - first > margin && !(keys[first + margin - 1] < k)) last = first + margin;", "if (last - first > margin) last = first + margin;"),
    ]),
    "core/projection.hpp": ("located_view", [
        ("-0.0 lies below 0.0", "std::bit_cast<bits_type>(k == 0 ? K{0} : k);", "std::bit_cast<bits_type>(k);"),
        ("negative floats keep their bits", "(bits & sign) != 0 ? static_cast<bits_type>(~bits)", "(bits & sign) != 0 ? static_cast<bits_type>(bits & ~sign)"),
        ("words are read in memory order", "return __builtin_bswap64(word);", "return word;"),
        ("8 bytes are read of 7", "if (bytes.size() < skip + 8)", "if (bytes.size() + 1 < skip + 8)"),
        ("keys below the common bytes project above", "return k < *sample_ ? 0 : std::numeric_limits<std::uint64_t>::max();", "return std::numeric_limits<std::uint64_t>::max();"),
        ("keys outside the common bytes are cut", "if (skip_ > 0 && projection<K>::common(k, *sample_) < skip_)", "if (false)"),
        ("pairs pack without a shift", "((out = (out << (8 * packed_size<std::remove_cvref_t<decltype(parts)>>)) | packed(parts)), ...);", "((out = out | packed(parts)), ...);"),
        ("signed 128-bit keys keep their sign", "return static_cast<wide_word>(k) ^ (wide_word{1} << 127);", "return static_cast<wide_word>(k);"),
    ]),
    "ordered_index/key_tree.hpp": ("static_tree", [
        ("fillings are not looked at", "if (!std::all_of(none, out.layers_[level] + nodes_for(l.words) * fan_out, is_none))", "if (false)"),
        ("the bottom's filling is not looked at", "for (unsigned level = 0; level < levels; ++level) {\n            auto const& l ", "for (unsigned level = 1; level < levels; ++level) {\n            auto const& l "),
        ("a level is left out", "return below<Level - 1>(at, p);", "return below<Level - 1>(Level == 3 ? first * fan_out : at, p);"),
        ("each level has a separator for its last node", "words = nodes_for(words) - 1) {", "words = nodes_for(words)) {"),
        ("nodes are rounded down", "return n == 0 ? 1 : (n + fan_out - 1) / fan_out;", "return n < fan_out ? 1 : n / fan_out;"),
        ("padding is zero", "std::byte{0xff});", "std::byte{0});"),
        ("valid() accepts everything", "return std::memcmp(expected.data(), words_, expected.size()) == 0;", "return true;"),
    ]),
    "ordered_index/line_index.hpp": ("hybrid", [
        ("lines are rounded down", "return n == 0 ? 1 : (n + lead + line - 1) / line;", "return n == 0 ? 1 : (n + lead + line) / line;"),
        ("the lead is left out", "return std::min(n, i == 0 ? 0 : i * line - lead);", "return std::min(n, i * line);"),
        ("a line ends one key late", "return std::min(n, (i + 1) * line - lead);", "return std::min(n, (i + 1) * line - lead + 1);"),
        ("the second line is never taken", "(in_second - in_first) * (less / layout::line)", "(in_second - in_first) * 0"),
        ("the second line is always taken at the edge", "return checked(all ? in_second : in_first, k);", "return checked(in_second, k);"),
        ("the line behind is always counted", "& (0u - static_cast<unsigned>(behind));", "& ~0u;"),
        ("the line behind is never counted", "& (0u - static_cast<unsigned>(behind));", "& 0u;"),
        ("a line may have no other behind it", "if (line >= inner_) [[unlikely]]", "if (line >= inner_ + 1) [[unlikely]]"),
        ("positions forget the keys that the first line lacks", "out.first_whole_ = out.whole_ * layout::line - h.lead;", "out.first_whole_ = out.whole_ * layout::line;"),
        ("batch reads a line that wraps round", "if (at[j] - whole_ >= inner_ || second[j] >= whole_end_) [[unlikely]] {", "if (at[j] < whole_ || second[j] >= whole_end_) [[unlikely]] {"),
        ("nothing stands behind the nodes", "if (kind != node_kind::words) out.resize(out.size() + line_nodes_tail);", ""),
        ("batch leaves second lines out", "bool const more = less == layout::line && second[j] != at[j];", "bool const more = false;"),
        ("the last mile begins at the second line", "Policy::last_mile::search(this->keys_, first - lead,", "Policy::last_mile::search(this->keys_, second - lead,"),
        ("equal lines at the end are let go", "auto const held = next_ == lines_ ? held_ - (held_ > 0 ? 1 : 0) : held_;", "auto const held = held_;"),
        ("lines at the edge are read whole", "if (lines.first < whole_ || lines.second >= whole_end_) [[unlikely]]", "if (lines.first < whole_) [[unlikely]]"),
        ("the first line is taken for a whole one", "= h.lead > 0 ? 1 : 0;", "= 0;"),
        ("ties of projections are not looked after", "else return base::checked(at, k);", "else return at;"),
        ("separators are the first keys of nodes", "out.separators.push_back(reached);", "out.separators.push_back(last()[0]);"),
        ("batch takes the tree's word for crowded bins", "at[j] = at[j] != radix_router::ask_tree ? at[j] + tree_.less_of_eight(at[j], p[j]) : tree_.lower(p[j]);",
         "at[j] = at[j] != radix_router::ask_tree ? at[j] + tree_.less_of_eight(at[j], p[j]) : 0;"),
        ("any lead is taken", "|| h.lead >= layout::line ||", "||"),
        ("the nodes may be cut", "model.size() - h.nodes_at != (h.kind != 2 ? h.nodes * sizeof(line_node) + detail::line_nodes_tail : 0))", "false)"),
    ]),
    "ordered_index/line_node.hpp": ("hybrid", [
        ("thresholds of shared buckets are exact", "bool const marked = here == before;", "bool const marked = false;"),
        ("a bucket may hold three lines", "if (open == here) return i;", ""),
        ("the shift is one too small", "return (distance >> shift) > last ? shift + 1 : shift;", "return shift;"),
        ("the last threshold is left out", "for (unsigned i = 1; i < n; ++i) {\n            if (of_words) {", "for (unsigned i = 1; i + 1 < n; ++i) {\n            if (of_words) {"),
        ("exact nodes: <= for <", "n += t < p ? 1u : 0u;", "n += t <= p ? 1u : 0u;"),
        ("the front node is no exact one", "if (start > 0 && (!end || n > words)) {", "if (!end || n > words) {"),
        ("the node at the end is no exact one", "std::min(end ? n - 1 : n, line_node::most(kind));", "std::min(n, line_node::most(kind));"),
        ("bits: two lines may end in a bucket", "if (here == before) break;", ""),
        ("bits: far buckets leave the node", "if (far(out.shift) > 0xffff) ++out.shift;", ""),
        ("bits: the bucket's own bit is taken for one before", "return {first, first + (from >> 63)};", "return {first + (from >> 63), first + (from >> 63)};"),
        ("bits: the bucket's own bit is not looked at", "return {first, first + (from >> 63)};", "return {first, first};"),
        ("bits: counts stop before the word", "node.base |= up_to << (16 + 8 * i);", "node.base |= (up_to - static_cast<unsigned>(std::popcount(bits[i]))) << (16 + 8 * i);"),
        ("keys before a node's first one wrap round", "(p < node.base ? 0 : p - node.base) >> node.shift()", "(p - node.base) >> node.shift()"),
        ("bits: the last line's end is marked too", "for (unsigned i = 0; i + 1 < s.lines; ++i) {", "for (unsigned i = 0; i < s.lines; ++i) {"),
    ]),
    "ordered_index/radix_router.hpp": ("hybrid", [
        ("a bin of nine is not crowded", "bool const full = at - first > 8;", "bool const full = at - first > 9;"),
        ("hostile entries leave the separators", "return entry <= last_ ? entry : ask_tree;", "return (entry & crowded) == 0 ? entry : ask_tree;"),
        ("numbers outside the table leave it", "return x <= head_.top ? x >> head_.shift : outside_;", "return x >> head_.shift;"),
        ("numbers outside the table fall into the last bin", "? x >> head_.shift : outside_;", "? x >> head_.shift : outside_ - 1;"),
        ("the table may be shorter than its bins", "|| h.entries - 2 != h.top >> h.shift)", ")"),
        ("a table of one entry may have 2^64 bins", "h.entries < 2 || ", ""),
        ("separators before the table are not counted", "static_cast<std::size_t>(low - separators.begin());", "0 * static_cast<std::size_t>(low - separators.begin());"),
    ]),
    "ordered_index/static_tree.hpp": ("static_tree", [
        ("exact separators are compressed", "std::is_same_v<Separators, exact_separators> ? node_kind::words : node_kind::pairs;", "node_kind::pairs;"),
    ]),
    "ordered_index/rmi_layers.hpp": ("rmi", [
        ("absent keys have no bound above", "if (i > before && i - before > above) above = i - before;", ""),
        ("absent keys behind the last have no bound", "if (n - before > above) above = n - before;", ""),
        ("no bound below", "if (here > i && here - i > below) below = here - i;", ""),
        ("bounds are cut to 16 bits", "return v < rmi_leaf<Model>::no_limit ? static_cast<std::uint16_t>(v) : rmi_leaf<Model>::no_limit;", "return static_cast<std::uint16_t>(v);"),
        ("no_limit is a limit", "auto const high  = above == no_limit || n - guess < above ? n : guess + above;", "auto const high  = n - guess < above ? n : guess + above;"),
        ("hostile leaves reach behind the keys", "auto const n = size < left ? std::uint64_t{size} : left;", "auto const n = std::uint64_t{size};"),
        ("hostile routes leave their layer", "return next < last ? next : last;", "return next;"),
        ("counts need not fit the bytes", "if (!fits || layers::offsets(counts).back() != model.size())", "if (!fits)"),
        ("inner models may go back", "model.first < before ||", ""),
        ("validate does not prove bounds", "if (leaf.below < proven.below || leaf.above < proven.above)", "if (false)"),
        ("validate does not prove routes", "if (place(keys[rank]) != i)", "if (false)"),
        ("duplicates move the bound", "if (i > 0 && p == last) continue;", "if (i > 0 && p == last) { before = n; continue; }"),
    ]),
    "ordered_index/rmi_build.hpp": ("rmi", [
        ("a leaf ends one key early", "if (inside(middle)) low = middle + 1;\n            else high = middle;", "if (inside(middle)) low = middle + 1;\n            else high = middle;\n            if (high == low && low > begin + 1) return low - 1;"),
        ("leaves begin at 0", "out.begin                  = begin;", "out.begin                  = 0;"),
        ("the last model does not take the rest", "if (number + 1 == l.counts()[Layer]) return n;", ""),
        ("inner models overlap by one", "out.span         = static_cast<std::uint32_t>(after > first + 1 ? after - first - 1 : 0);", "out.span         = static_cast<std::uint32_t>(after > first ? after - first : 0);"),
        ("bounds are not proven", "rmi_prove_bounds(out, keys);", ""),
    ]),
    "model/slope.hpp": ("rmi", [
        ("no limit", "auto const out = product.high >> (shift - 64);\n            return out < limit ? out : limit;", "auto const out = product.high >> (shift - 64);\n            return out;"),
        ("the high half is lost", "product.high << (64 - shift) | product.low >> shift;", "product.low >> shift;"),
        ("an overflow wraps", "if ((product.high >> shift) != 0) return limit;", ""),
    ]),
    "ordered_index/pgm_segments.hpp": ("pgm", [
        ("gaps are not proven", "auto const above = rank + 1 - static_cast<std::int64_t>(slope.inside(d + 1));", "auto const above = rank - static_cast<std::int64_t>(slope.inside(d));"),
        ("the least is not proven", "least            = below < least ? below : least;", ""),
        ("keys equal to the last of a piece are forgotten", "if (with_gap < end)", "if (false)"),
        ("pieces share a key", "close(next.x - 1, next.rank);", "close(next.x, next.rank);"),
        ("separators are where pieces begin", "for (auto const& p : pieces) out.push_back(p.last);", "for (auto const& p : pieces) out.push_back(p.origin);"),
        ("the origin is the separator", "auto const origin = place == 0 ? head_.origin : tree_.separator(place - 1) + 1;\n        auto const line", "auto const origin = place == 0 ? head_.origin : tree_.separator(place - 1);\n        auto const line"),
        ("numbers below all keys wrap", "record.slope().times(p < origin ? 0 : p - origin);", "record.slope().times(p - origin);"),
        ("the window is one too narrow", "auto const first  = top > head_.width ? top - head_.width : 0;", "auto const first  = top + 1 > head_.width ? top + 1 - head_.width : 0;"),
        ("hostile tops lie behind the keys", "auto const last   = top < keys_ ? top : keys_;", "auto const last   = top;"),
        ("no record stands for the end", "for (int i = 0; i < 2; ++i) tenon::put(out, segment_record::of(n + head.width, {}));", "for (int i = 0; i < 2; ++i) tenon::put(out, segment_record::of(0, {}));"),
        ("the spare room is forgotten", "static_cast<std::uint64_t>(p.most) + spare / 2", "static_cast<std::uint64_t>(p.most) + spare + 1"),
        ("products are held by 64 bits", "return low >> 1 >> shift | high << (63 - shift);", "return low >> 1 >> shift;"),
        ("validate does not prove windows", "if (top < piece.most || top - piece.least > static_cast<std::int64_t>(head_.width))", "if (false)"),
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
        ("a bin of nine is not crowded", "bool const full = at - from > 8;", "bool const full = at - from > 9;"),
        ("numbers above the table leave it", "entries_[x < shape_.bins ? x : shape_.bins - 1];", "entries_[x];"),
        ("numbers below the table wrap", "auto const x = p < shape_.low ? 0 : (p - shape_.low) >> shape_.shift;", "auto const x = (p - shape_.low) >> shape_.shift;"),
        ("hostile entries leave the separators", "if (from <= last_) [[likely]]", "if ((from & crowded) == 0) [[likely]]"),
        ("valid() accepts everything", "return make(separators, bits, expected) == shape_ &&", "return true || make(separators, bits, expected) == shape_ &&"),
    ]),
    "page_store/paged_file.hpp": ("pages", [
        ("extents are not synced before the root", "        if (auto done = s_->file.sync(); !done) return s_->poison(std::move(done.error()));\n        auto const slot",
         "        if (!PLANTED)\n            if (auto done = s_->file.sync(); !done) return s_->poison(std::move(done.error()));\n        auto const slot"),
        ("the root is not synced", "        if (auto done = s_->file.sync(); !done) return s_->poison(std::move(done.error()));\n\n",
         "        if (!PLANTED)\n            if (auto done = s_->file.sync(); !done) return s_->poison(std::move(done.error()));\n\n"),
        ("a root goes into the slot of the one before", "s_->file.write_at(slot_offset(next.generation), slot)", "s_->file.write_at(slot_offset(next.generation + PLANTED), slot)"),
        ("the space of a root that a crash may need is used again", "if (s_->previous) s_->drop_root(*s_->previous);", "if (s_->previous) s_->drop_root(PLANTED ? next : *s_->previous);"),
        ("the older of two roots is taken", "read[1].slot.generation > read[0].slot.generation)", "(read[1].slot.generation > read[0].slot.generation) != PLANTED)"),
        ("what was found at opening is not made durable", "if (!s->read_only)\n            if (auto done = s->settle(fs); !done)", "if (!s->read_only && !PLANTED)\n            if (auto done = s->settle(fs); !done)"),
        ("overlapping extents are kept", "if (e.offset < at) return overlapping", "if (e.offset < at && !PLANTED) return overlapping"),
        ("a root's payload is not checked", "if (crc32c(payload) != slot.payload_crc)", "if (crc32c(payload) != slot.payload_crc && !PLANTED)"),
        ("a new file gets its name before it is synced", "        if (auto done = made->sync(); !done) return done;\n", "        if (!PLANTED)\n            if (auto done = made->sync(); !done) return done;\n"),
        ("a failed sync does not poison", "tl::unexpected<error> poison(error e) {\n            poisoned.store(true);", "tl::unexpected<error> poison(error e) {\n            if (!PLANTED) poisoned.store(true);"),
    ]),
    "page_store/layout.hpp": ("pages", [
        ("a slot's checksum is not looked at", "if (r.crc != crc32c(bytes.first(offsetof(slot_record, crc)))) continue;", "if (r.crc != crc32c(bytes.first(offsetof(slot_record, crc))) && !PLANTED) continue;"),
        ("extents behind the end are inside", "e.size <= file_bytes - e.offset;", "(e.size <= file_bytes - e.offset || PLANTED);"),
        ("a slot record in the wrong page counts", "if (r.generation % 2 != which) continue;", "if (r.generation % 2 != which && !PLANTED) continue;"),
    ]),
    "assembly/engine.hpp": ("engine", [
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
        ("a failed log does not make the database read-only", "if (!synced) return fail(poison(std::move(synced).error()));\n        publish_commit(entered->at);",
         "if (!synced) return fail(PLANTED ? std::move(synced).error() : poison(std::move(synced).error()));\n        publish_commit(entered->at);"),
        ("the log is opened for any database", "{.identity      = root_.identity,", "{.identity = PLANTED ? std::uint64_t{0} : root_.identity,"),
    ]),
    "page_store/paged_file.hpp": ("pages", [
        ("readers in other processes are not spared", "if (census.oldest >= current.generation) return", "if (PLANTED || census.oldest >= current.generation) return"),
        ("a new writer forgets readers", "spare = census.oldest < current.generation;", "spare = !PLANTED && census.oldest < current.generation;"),
        ("what is held comes free one root too early", "if (census.oldest < b.generation) {", "if (census.oldest + (PLANTED ? 1 : 0) < b.generation) {"),
        ("the old root is free before the new one is durable", "if (auto done = s_->bulk.sync(); !done)",
         "if (PLANTED && s_->current.where != extent{}) {\n            std::lock_guard const early(s_->mutex);\n            s_->give_back(s_->current.where.offset, space_of(s_->current.where.size));\n            s_->current.where = {};\n            s_->shrink();\n        }\n        if (auto done = s_->bulk.sync(); !done)"),
        ("extents are not synced before the slot", "if (auto done = s_->file.sync(); !done) return s_->poison", "if (auto done = PLANTED ? result<void>{} : s_->file.sync(); !done) return s_->poison"),
        ("the file is cut into what is in use", "auto const target = end - tail + step;", "auto const target = PLANTED ? end - tail - 4096 : end - tail + step;"),
    ]),
    "page_store/layout.hpp": ("pages", [
        ("the proof is written with the slot", "std::memcpy(out.data() + slot_copy_at, &r, sizeof r);",
         "std::memcpy(out.data() + slot_copy_at, &r, sizeof r);\n    auto const early = encode_record(s, proof_magic);\n    if (PLANTED) std::memcpy(out.data() + slot_proof_at, &early, sizeof early);"),
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
    "run/memtable_loader.hpp": ("engine", [
        ("a key keeps its first version", "newest        = entries_[i].version;", "newest        = PLANTED ? newest : entries_[i].version;"),
        ("versions lose those before them", "newest->older = entries_[i - 1].version;", "newest->older = PLANTED ? nullptr : entries_[i - 1].version;"),
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
        ("a mark lies above its block", "static_cast<std::uint16_t>((low + high + 1) / 2)", "(PLANTED ? static_cast<std::uint16_t>(high + 1) : (static_cast<std::uint16_t>((low + high + 1) / 2)))"),
        ("where an entry goes ignores the mark", "(g == l.count(i) && i + 1 < l.size && q > l.marks[i])", "(PLANTED ? false : ((g == l.count(i) && i + 1 < l.size && q > l.marks[i])))"),
        ("the bound of a split ignores the new key", "at.at == half && at.slot == 0 ? word : block::word(data(l, half), 0)", "(PLANTED ? block::word(data(l, half), 0) : (at.at == half && at.slot == 0 ? word : block::word(data(l, half), 0)))"),
        ("marks outside the frame stay", "if (!covered) set_marks(l);", "if (!PLANTED) if (!covered) set_marks(l);"),
        ("reserve forgets full blocks", "std::min(n, blocks_.used() / 3)", "(PLANTED ? std::size_t{0} : (std::min(n, blocks_.used() / 3)))"),
        ("reserve forgets full leaves", "std::min(blocks, leaves_.used())", "(PLANTED ? std::size_t{0} : (std::min(blocks, leaves_.used())))"),
        ("blocks never move down", "if (blocks_.sparse()) sweep();", "if (!PLANTED) if (blocks_.sparse()) sweep();"),
        ("an empty leaf stays linked", "(l.before == nullptr ? first_ : l.before->after) = l.after;", "if (!PLANTED) (l.before == nullptr ? first_ : l.before->after) = l.after;"),
        ("the leaf whose turn it is dangles", "if (swept_ == &l) swept_ = l.after;", "if (!PLANTED) if (swept_ == &l) swept_ = l.after;"),
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
        ("a run takes cells without counting them", "c.used += n;", "if (!PLANTED) c.used += n;"),
        ("an empty chunk stays", "if (--c.used == 0 && cells_ - used_ >= c.capacity + per_chunk / 4) drop(i);", "if (--c.used == 0 && !PLANTED && cells_ - used_ >= c.capacity + per_chunk / 4) drop(i);"),
        ("freed nodes are lost", "std::memcpy(at, &c.free, sizeof c.free);\n        c.free = at;", "std::memcpy(at, &c.free, sizeof c.free);\n        if (!PLANTED) c.free = at;"),
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
}

MAIN = """
{includes}
#define TENON_POSITION_INDEXES {policies}
#include "hostile.cpp"
#include "many_keys.cpp"
template <class Policy>
void planted() {{
    using namespace tenon::testing;
    report r;
    check_ordered_index_over<Policy, index_makers::u64>(index_effort::full(), 20, r);
    check_ordered_index_over<Policy, index_makers::f64>(index_effort::brief(), 21, r);
    check_ordered_index_over<Policy, index_makers::u8>(index_effort::brief(), 22, r);
    check_ordered_index_over<Policy, index_makers::text>(index_effort::full(), 23, r);
    check_ordered_index_over<Policy, index_makers::wide_pairs>(index_effort::brief(), 24, r);
    check_ordered_index_over<Policy, index_makers::u128>(index_effort::brief(), 25, r);
    INFO(r.text());
    CHECK(r.passed());
}}
TEST_CASE_TEMPLATE("planted", Policy, TENON_POSITION_INDEXES) {{ planted<Policy>(); }}
"""


def compiler():
    return os.environ.get("CXX", "ccache g++" if shutil.which("ccache") else "c++").split()


def run(command, limit):
    """(exit code, output); a program that hangs has noticed something too."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit)
        return done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired:
        return "timeout", ""


def shared_objects(programs):
    """The suite where it is needed, and main(), compiled once without bugs."""
    suite = {} if all(isinstance(PROGRAMS[p], list) for p in programs) else {"suite_numbers": [], "suite_others": []}
    sources = {**suite, "main": ['-DTENON_BUILD_VERSION="' + version() + '"']}
    out = []
    for name, more in sources.items():
        source = ROOT / "tests" / ("main.cpp" if name == "main" else f"ordered_index/{name}.cpp")
        out.append(WORK / (name + ".o"))
        code, text = run(compiler() + FLAGS + more + ["-I" + str(ROOT / "include"), "-c", str(source), "-o", str(out[-1])], 600)
        if code != 0:
            sys.exit(f"{source} does not compile:\n{text}")
    return [str(o) for o in out]


def version():
    return re.search(r"version\s*:\s*'([^']+)'", (ROOT / "meson.build").read_text()).group(1)


def source_of(program, folder):
    headers, policies = PROGRAMS[program]
    if not policies:
        return ROOT / "tests" / "ordered_index" / (program + ".cpp")
    text = MAIN.format(includes="\n".join(f'#include "tenon/{h}"' for h in headers), policies=", ".join(policies))
    path = folder / (program + ".cpp")
    path.write_text(text)
    return path


def planted_together(program, chosen):
    """Verdicts for the bugs of a program that is a list of test files: they are compiled in all at once, behind a number that
    the environment gives, so that each file is compiled once and run once for each bug."""
    folder = WORK / program
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "include", folder / "include")
    (folder / "planted.hpp").write_text(
        "#pragma once\n#include <cstdlib>\ninline int const tenon_planted = std::atoi(std::getenv(\"TENON_PLANTED\"));\n")
    bugs = [(header, bug) for header, (of, some) in chosen.items() if of == program for bug in some]
    for number, (header, bug) in enumerate(bugs, 1):
        path = folder / "include" / "tenon" / header
        path.write_text(path.read_text().replace(bug[1], bug[2].replace("PLANTED", f"(::tenon_planted == {number})"), 1))
    made = {}

    def built(names):
        """The program of a list of files; compiled when it is first needed."""
        if names not in made:
            made[names] = folder / f"program{len(made)}"
            sources = [str(ROOT / "tests" / name) for name in names.split("+")]
            code, text = run(compiler() + FLAGS + ["-w", "-include", str(folder / "planted.hpp"), "-I" + str(folder / "include"),
                                                   *sources, str(WORK / "main.o"), "-o", str(made[names]), "-pthread", "-lhwy"], 3000)
            if code != 0:
                sys.exit(f"{names} does not compile:\n" + "\n".join(l for l in text.splitlines() if "error" in l)[:2000])
            code, text = run(["env", "-C", str(ROOT), "TENON_PLANTED=0", str(made[names])], 600)
            if code != 0:
                sys.exit(f"{names}: without a bug: {reason(code, text)}")
        return made[names]

    for number, (header, bug) in enumerate(bugs, 1):
        verdict = "NOT CAUGHT"
        for names in PROGRAMS[program]:
            code, text = run(["env", "-C", str(ROOT), f"TENON_PLANTED={number}", str(built(names))], 600)
            if code != 0:
                case = re.search(r"^TEST CASE:\s*(.*)$", text, re.MULTILINE)
                verdict = f"caught by {names}, \"{case.group(1) if case else '?'}\": {reason(code, text)}"
                break
        yield header, bug, verdict


def try_one(number, header, program, bug, objects):
    """'caught by ...', 'NOT CAUGHT' or what else went wrong."""
    folder = WORK / str(number)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        shutil.copytree(ROOT / "include", folder / "include")
        if bug is not None:
            path = folder / "include" / "tenon" / header
            path.write_text(path.read_text().replace(bug[1], bug[2], 1))
        # The bug's object comes first: of functions that both have, the linker takes those of the first.
        program_path = folder / "program"
        code, text = run(compiler() + FLAGS + ["-I" + str(folder / "include"), "-c", str(source_of(program, folder)),
                                               "-o", str(folder / "bug.o")], 600)
        if code != 0:
            return "does not compile: " + next((l for l in text.splitlines() if "error" in l), "?")[:200]
        code, text = run(compiler()[-1:] + [str(folder / "bug.o")] + objects + ["-o", str(program_path), "-pthread"], 300)
        if code != 0:
            return "does not link"
        code, text = run([str(program_path)], 300)
        if code == 0:
            return "NOT CAUGHT"
        return "caught: " + reason(code, text)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def reason(code, text):
    if code == "timeout":
        return "did not end"
    for line in text.splitlines():
        found = re.search(r", (?:seed \d+, )?([^,]*(?:, flavour \d)?): ((?:batch|lower|upper|equal|count|find|window|size|validate|open|build|the error|equal keys|an answer)[^(]*)", line)
        if found:
            return found.group(2).strip()[:80]
    if isinstance(code, int) and code < 0:
        return f"signal {-code}"
    for line in text.splitlines():
        if "ERROR" in line:
            return line.split("ERROR:")[-1].strip()[:80]
    return "failed"


def stale(chosen):
    out = []
    for header, (program, bugs) in chosen.items():
        path = ROOT / "include" / "tenon" / header
        text = path.read_text() if path.exists() else None
        for what, old, new in bugs:
            if isinstance(PROGRAMS[program], list) and "PLANTED" not in new:
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
    objects = shared_objects({program for program, _ in chosen.values()})
    tasks = [(h, program, bug) for h, (program, bugs) in chosen.items() for bug in bugs]
    alone = [t for t in tasks if not isinstance(PROGRAMS[t[1]], list)]
    clean = sorted({program for _, program, _ in alone})
    survivors = []

    def tell(header, bug, verdict):
        if not verdict.startswith("caught"):
            survivors.append(f"  {header}: {bug[0]}: {verdict}")
        print(f"| {header} | {bug[0]} | {verdict} |", flush=True)

    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        sound = pool.map(lambda i: try_one(f"clean{i}", "", clean[i], None, objects), range(len(clean)))
        for program, verdict in zip(clean, sound):
            if verdict != "NOT CAUGHT":
                print(f"{program}: without a bug: {verdict}")
                return 1
        print("| header | bug | noticed |\n| --- | --- | --- |", flush=True)
        verdicts = pool.map(lambda i: try_one(i, alone[i][0], alone[i][1], alone[i][2], objects), range(len(alone)))
        for (header, _, bug), verdict in zip(alone, verdicts):
            tell(header, bug, verdict)
    for program in sorted({program for _, program, _ in tasks} - set(clean)):
        for header, bug, verdict in planted_together(program, chosen):
            tell(header, bug, verdict)
    print(f"\n{len(tasks)} bugs planted, {len(survivors)} not noticed" + (":" if survivors else ""))
    print("\n".join(survivors))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
