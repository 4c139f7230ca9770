#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What does including tenon cost at compile time? Wall seconds, processor seconds and peak memory of one compiler process.
set -euo pipefail
cd "$(dirname "$0")/.."

help() {
    cat <<'TXT'
bench/compile_time.sh - compiles small programs against tenon's headers and reports time and memory.

  --repeat N      times that each is compiled; the median is reported (3)
  --json          one JSON document on stdout instead of a table
  --help          this text

CXX chooses the compiler (c++), CXXFLAGS the flags after -std=c++20 (-O2). A compiler cache is not used.
TXT
}
repeat=3 json=""
while [ $# -gt 0 ]; do
    case $1 in
        --repeat) [ $# -gt 1 ] || { help >&2; exit 2; }; repeat=$2; shift 2 ;;
        --json) json=1; shift ;;
        --help | -h) help; exit 0 ;;
        *) echo "compile_time: what does $1 mean?" >&2; help >&2; exit 2 ;;
    esac
done
case $repeat in '' | *[!0-9]* | 0) echo "compile_time: --repeat takes a number of at least 1, not $repeat" >&2; exit 2 ;; esac

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM

cat >"$folder/empty.cpp" <<'CPP'
#include <cstdint>
#include <string>
#include <vector>
int main() {}
CPP
cat >"$folder/rmi.cpp" <<'CPP'
#include "tenon/ordered_index/rmi.hpp"
int main() {}
CPP
cat >"$folder/include_all.cpp" <<'CPP'
#include "tenon/tenon.hpp"
int main() {}
CPP
cat >"$folder/small.cpp" <<'CPP'
#include "tenon/tenon.hpp"
struct pair { std::uint64_t key = 0; std::string value; };
struct small_db : tenon::database<tenon::table<"pairs", pair, tenon::columns<&pair::key, &pair::value>, tenon::primary<&pair::key>>> {
    using database::database;
};
int main(int, char** argv) { return tenon::open<small_db>(argv[0]).has_value() ? 0 : 1; }
CPP
cat >"$folder/atlas.cpp" <<'CPP'
#include "tenon/tenon.hpp"
#include "atlas_db.hpp"
int main(int, char** argv) { return tenon::open<atlas::atlas_db>(argv[0]).has_value() ? 0 : 1; }
CPP

REPEAT=$repeat JSON=$json FOLDER=$folder CCACHE_DISABLE=1 CXX=${CXX:-c++} CXXFLAGS=${CXXFLAGS:--O2} python3 - <<'PY'
import json, os, shlex, statistics, subprocess, sys, time

folder, repeat = os.environ["FOLDER"], int(os.environ["REPEAT"])
compiler = [w for w in shlex.split(os.environ["CXX"]) if os.path.basename(w) != "ccache"]
flags = ["-std=c++20", *shlex.split(os.environ["CXXFLAGS"])]
programs = [
    ("empty", "a program that includes <cstdint>, <string> and <vector>"),
    ("rmi", "includes only tenon/ordered_index/rmi.hpp"),
    ("include_all", "includes tenon/tenon.hpp"),
    ("small", "declares and opens a database of one table without further indexes"),
    ("atlas", "declares and opens the atlas: three tables, every kind of index"),
]


def compile_once(name):
    """Wall seconds, processor seconds, greatest memory of one process in MiB."""
    command = [*compiler, *flags, "-Iinclude", "-Iexamples/atlas", "-c", f"{folder}/{name}.cpp", "-o", f"{folder}/{name}.o"]
    began = time.monotonic()
    # wait4 in a child of our own: its maximum is that of this compiler alone, not of those before.
    child = os.fork()
    if child == 0:
        code = subprocess.run(command, check=False).returncode
        os._exit(1 if code else 0)
    _, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - began
    if status != 0:
        sys.exit(f"compile_time: this failed: {shlex.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB elsewhere
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 2**20


version = subprocess.run([*compiler, "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0]
rows = []
for name, what in programs:
    print(f"compile_time: {name}, {repeat} times", file=sys.stderr)
    runs = [compile_once(name) for _ in range(repeat)]
    wall, cpu, memory = (statistics.median(column) for column in zip(*runs))
    rows.append({"program": name, "what": what, "wall_seconds": round(wall, 3), "cpu_seconds": round(cpu, 3),
                 "peak_mib": round(memory, 1), "object_bytes": os.path.getsize(f"{folder}/{name}.o")})
if os.environ["JSON"]:
    print(json.dumps({"bench": "compile_time", "compiler": version, "flags": flags, "repeat": repeat, "programs": rows}))
else:
    print(f"compiler  {version}\nflags     {' '.join(flags)}\nmedian of {repeat}\n")
    print(f"{'program':<12}{'wall':>9}{'cpu':>9}{'peak':>11}{'object':>11}  what it is")
    for r in rows:
        print(f"{r['program']:<12}{r['wall_seconds']:>7.2f} s{r['cpu_seconds']:>7.2f} s{r['peak_mib']:>7.0f} MiB"
              f"{r['object_bytes'] / 1024:>7.0f} KiB  {r['what']}")
PY
