#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the #include lines of include/tenon and holds who may include whom:

    core <- <axis>/concept <- <axis>/<policy> <- run, concurrency <- assembly <- database

A policy may include another axis's concept, never another axis's policy. testing/ may include anything, and nothing
outside testing/ may include it. What breaks the rule for a reason stands in EXCEPTIONS with the reason.

    check_layers.py INCLUDE_DIR     prints every broken rule; exit code 1 when there is one
    check_layers.py --self-test     plants one mistake of each kind and sees that it is found
"""
import pathlib
import re
import sys
import tempfile

AXES = {
    "work", "model", "file", "page_store", "wal", "ordered_index", "ordered_map", "filter", "metric",
    "vector_index", "spatial_index", "text_index",
}
LATER = {"run", "concurrency"}  # may include policies, and each other
CONTRACTS = {"concept.hpp", "archetype.hpp"}
ROOT_BASICS = {"version.hpp"}  # top-level headers that stand below everything

# (who includes: room or file, what it includes: file or room) -> why. A room ends with a slash.
EXCEPTIONS = {
    ("spatial_index/", "metric/haversine.hpp"): "points on the globe are metres apart, by one formula for all indexes",
    ("ordered_index/", "model/"): "a learned index is put together from models; a model is a building block, not a choice",
    ("text_index/", "ordered_map/btree.hpp"): "the delta of an index keeps its entries sorted while readers go on",
}

# Outside libraries that have one way in each.
ONE_DOOR = {"hwy/": "core/simd", "Eigen/": "core/linalg", "liburing": "file/uring", "lz4": "wal/lz4", "zstd": "wal/zstd"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
MAX_LINES = 900


def room_of(path):
    return path.split("/")[0] if "/" in path else ""


def matches(pattern, path):
    return path.startswith(pattern) if pattern.endswith("/") else path == pattern


def allowed(who, what):
    """May include/tenon/<who> include include/tenon/<what>? None when it may, else the reason."""
    a, b = room_of(who), room_of(what)
    if a == b and a != "" or what in ROOT_BASICS or a == "testing":
        return None
    if b == "testing":
        return "only testing/ may include testing/"
    if b == "core":
        return None
    if a == "core":
        return "core includes core alone"
    if a == "":
        return None if who not in ROOT_BASICS else "this header stands below everything"
    if b == "":
        return "only top-level headers include top-level headers"
    if b in AXES and what.split("/")[-1] in CONTRACTS:
        return None
    if a == "assembly":
        return None
    if b == "assembly":
        return "assembly stands above every room"
    if a in LATER:
        return None
    if b in LATER:
        return f"{b} stands above the axes"
    if who.split("/")[-1] in CONTRACTS:
        return "a contract includes core and contracts"
    return f"a policy includes another axis's concept, never its policy: include {b}/concept.hpp and take the policy as a parameter"


def check(include_dir, exceptions=EXCEPTIONS):
    root = pathlib.Path(include_dir) / "tenon"
    files = {p.relative_to(root).as_posix(): p for p in sorted(root.rglob("*.hpp"))}
    broken, graph, needed = [], {}, set()
    if not files:
        return ["%s: no headers here" % root], 0
    for who, path in files.items():
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        graph[who] = []

        def say(line, sentence):
            broken.append(f"include/tenon/{who}:{line}: {sentence}")

        if room_of(who) not in AXES | LATER | {"", "core", "assembly", "testing"}:
            say(1, "unknown room; name it in tests/layers/check_layers.py")
        if not lines or lines[0] != "// SPDX-License-Identifier: Apache-2.0":
            say(1, "the first line is // SPDX-License-Identifier: Apache-2.0")
        if "#pragma once" not in lines and not who.endswith("-inl.hpp"):
            say(1, "#pragma once is missing")
        if len(lines) > MAX_LINES:
            say(len(lines), f"more than {MAX_LINES} lines: look for a seam")
        for number, line in enumerate(lines, 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            quote, what = found.groups()
            for prefix, door in ONE_DOOR.items():
                if what.startswith(prefix) and not who.startswith(door):
                    say(number, f"{what} comes in through {door}*.hpp alone")
            if not what.startswith("tenon/"):
                if quote == '"':
                    say(number, f'"{what}": our own headers are included as "tenon/...", others in angle brackets')
                continue
            if quote == "<":
                say(number, f"<{what}>: our own headers are included in quotes")
            what = what[len("tenon/"):]
            if what not in files:
                say(number, f"tenon/{what} does not exist")
                continue
            if what != who:
                graph[who].append(what)
            reason = allowed(who, what)
            if reason:
                excuses = {e for e in exceptions if matches(e[0], who) and matches(e[1], what)}
                needed |= excuses
                if not excuses:
                    say(number, f"may not include tenon/{what}: {reason}")
    broken += [f"nobody needs the exception for {a} to include {b}: take it out" for a, b in exceptions if (a, b) not in needed]
    broken += cycles(graph)
    return broken, len(files)


def cycles(graph):
    out, state = [], {}

    def visit(node, trail):
        state[node] = "open"
        for after in graph[node]:
            if state.get(after) == "open":
                out.append("headers include each other in a circle: " + " -> ".join(trail[trail.index(after):] + [after]))
            elif after not in state:
                visit(after, trail + [after])
        state[node] = "done"

    for node in graph:
        if node not in state:
            visit(node, [node])
    return out


SPDX = "// SPDX-License-Identifier: Apache-2.0\n// A header.\n#pragma once\n"
SOUND = {
    "core/key.hpp": SPDX + '#include "tenon/core/hash.hpp"\n',
    "core/hash.hpp": SPDX,
    "version.hpp": SPDX,
    "core/bytes.hpp": SPDX + '#include "tenon/version.hpp"\n#include <vector>\n',
    "core/simd.hpp": SPDX + "#include <hwy/highway.h>\n",
    "filter/concept.hpp": SPDX + '#include "tenon/core/bytes.hpp"\n',
    "filter/bloom.hpp": SPDX + '#include "tenon/filter/concept.hpp"\n',
    "metric/cosine.hpp": SPDX + '#include "tenon/core/simd.hpp"\n',
    "vector_index/flat.hpp": SPDX + '#include "tenon/metric/cosine.hpp"\n#include "tenon/filter/concept.hpp"\n',
    "run/builder.hpp": SPDX + '#include "tenon/filter/bloom.hpp"\n',
    "assembly/choose.hpp": SPDX + '#include "tenon/run/builder.hpp"\n',
    "database.hpp": SPDX + '#include "tenon/assembly/choose.hpp"\n',
    "testing/filter.hpp": SPDX + '#include "tenon/database.hpp"\n',
}
SOUND_EXCEPTIONS = {("vector_index/", "metric/"): "as above"}
PLANTED = {  # file and what it gets -> part of the sentence that must come
    ("core/bytes.hpp", SPDX + '#include "tenon/filter/concept.hpp"\n'): "core includes core alone",
    ("filter/concept.hpp", SPDX + '#include "tenon/metric/cosine.hpp"\n'): "a contract includes core and contracts",
    ("filter/bloom.hpp", SPDX + '#include "tenon/metric/cosine.hpp"\n'): "never its policy",
    ("filter/none.hpp", SPDX + '#include "tenon/run/builder.hpp"\n'): "run stands above the axes",
    ("run/merge.hpp", SPDX + '#include "tenon/assembly/choose.hpp"\n'): "assembly stands above every room",
    ("assembly/rules.hpp", SPDX + '#include "tenon/database.hpp"\n'): "only top-level headers",
    ("run/merge2.hpp", SPDX + '#include "tenon/testing/filter.hpp"\n'): "only testing/ may include",
    ("filter/xor.hpp", SPDX + "#include <hwy/highway.h>\n"): "comes in through core/simd",
    ("filter/cuckoo.hpp", SPDX + '#include "bloom.hpp"\n'): "in angle brackets",
    ("filter/ribbon.hpp", SPDX + "#include <tenon/core/bytes.hpp>\n"): "in quotes",
    ("filter/fuse.hpp", SPDX + '#include "tenon/core/absent.hpp"\n'): "does not exist",
    ("filter/bare.hpp", "#pragma once\n"): "the first line is",
    ("filter/open.hpp", SPDX.replace("#pragma once\n", "")): "#pragma once is missing",
    ("filter/long.hpp", SPDX + "\n" * MAX_LINES): "look for a seam",
    ("kitchen/sink.hpp", SPDX): "unknown room",
    ("core/hash.hpp", SPDX + '#include "tenon/core/key.hpp"\n'): "in a circle",
    ("vector_index/flat.hpp", SPDX): "nobody needs the exception",
}


def self_test():
    failed = 0
    with tempfile.TemporaryDirectory() as top:
        root = pathlib.Path(top) / "tenon"

        def write(name, text):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")

        for name, text in SOUND.items():
            write(name, text)
        broken, _ = check(top, SOUND_EXCEPTIONS)
        if broken:
            failed += 1
            print("a sound tree is called broken:", *broken, sep="\n  ")
        for (name, text), expected in PLANTED.items():
            write(name, text)
            broken, _ = check(top, SOUND_EXCEPTIONS)
            if not any(expected in sentence for sentence in broken):
                failed += 1
                print(f"planted in {name} and not found: {expected}")
            (root / name).unlink()
            if name in SOUND:
                write(name, SOUND[name])
    return failed


def main():
    if sys.argv[1:] == ["--self-test"]:
        failed = self_test()
        print("every planted mistake is found" if not failed else f"{failed} of the planted mistakes are missed")
        return 1 if failed else 0
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    broken, count = check(sys.argv[1])
    print(*broken, sep="\n")
    print(f"{count} headers read, {len(broken)} rules broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
