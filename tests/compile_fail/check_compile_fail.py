#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles every case of this folder twice: as it is, which must succeed, and with -DSHOULD_FAIL, which must fail with
the sentence that its first line states, as the first error, and must lead to a line under #ifdef SHOULD_FAIL.

    check_compile_fail.py INCLUDE_DIR WORK_DIR COMPILER [ARGUMENTS...]      checks all cases
    CASE=name in the environment checks one and prints what the compiler says

A case begins with `// expect: SENTENCE` and includes tenon headers alone. All headers are compiled once, ahead of the
cases, and the cases together, every one in a namespace of its own; a case that is not explained there gets a compiler
for itself, and that counts.
"""
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ERROR = re.compile(r"^[^\s].*?\b(?:fatal )?error: (.*)$")
QUOTE = re.compile(r"^\s+\d* ?\|")  # a line of the source
GCC = re.compile(r"^\S+: In |.*required from")
LEADS = re.compile(r"^In file included from |^\S+: (?:In |At )")  # how g++ begins to tell of the way to an error


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "LC_ALL": "C"})
    return done.returncode, done.stdout


def lines_that_fail(text):
    """Numbers of the lines that only -DSHOULD_FAIL compiles."""
    inside, out = False, set()
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            inside = line.startswith("#ifdef SHOULD_FAIL")
        elif inside:
            out.add(number)
    return out


def message(block):
    """The text of a block's error, which clang may spread over lines."""
    at = next(i for i, line in enumerate(block) if ERROR.match(line))
    out = [ERROR.match(block[at]).group(1)]
    for line in block[at + 1:]:
        if QUOTE.match(line) or ": note:" in line:
            break
        out.append(line)
    return "\n".join(out)


def diagnostics(output):
    """Each error with what the compiler says about the way to it: g++ says it before, clang after."""
    out, block, has_error = [], [], False
    is_gcc = any(GCC.match(line) for line in output.splitlines())
    for line in output.splitlines():
        begins = is_gcc and bool(LEADS.match(line))
        if has_error and (begins or ERROR.match(line)):
            out.append(block)
            block, has_error = [], False
        block.append(line)
        has_error = has_error or bool(ERROR.match(line))
    return out + [block] if has_error else out


def explained(case, sentence, output):
    """None when the first error that leads to a failing line of the case is the sentence, else what is wrong."""
    wanted = lines_that_fail(case.read_text(encoding="utf-8"))
    place = re.compile(r"(?:^|/)" + re.escape(case.name) + r":(\d+)", re.MULTILINE)
    for block in diagnostics(output):
        if wanted & {int(n) for n in place.findall("\n".join(block))}:
            first = message(block)
            return None if sentence in first else f"the first error is another: {first}"
    said = [ERROR.match(line).group(1) for line in output.splitlines() if ERROR.match(line)]
    return "no error leads to the line that caused it" + (f"; the first error is: {said[0]}" if said else "")


def main():
    if len(sys.argv) < 4:
        print(__doc__)
        return 2
    include, work, compiler = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3:]
    work.mkdir(parents=True, exist_ok=True)
    cases = sorted(HERE.glob("*.cpp"))
    if os.environ.get("CASE"):
        cases = [c for c in cases if c.stem == os.environ["CASE"]]
    expected, wrong = {}, []
    for case in cases:
        top = re.match(r"// SPDX-License-Identifier: Apache-2.0\n// expect: (.+)\n", case.read_text(encoding="utf-8"))
        if top is None or not lines_that_fail(case.read_text(encoding="utf-8")):
            wrong.append(f"{case.name}: begins with the licence, `// expect: SENTENCE`, and has lines under #ifdef SHOULD_FAIL")
        else:
            expected[case] = top.group(1)

    flags = ["-std=c++20", f"-I{include}", "-w"]
    headers = work / "all_headers.hpp"
    headers.write_text('#include "tenon/tenon.hpp"\n', encoding="utf-8")
    is_clang = "clang" in run([*compiler, "--version"])[1]
    made = work / ("all_headers.hpp.pch" if is_clang else "all_headers.hpp.gch")
    code, output = run([*compiler, *flags, "-x", "c++-header", str(headers), "-o", str(made)])
    if code != 0:
        print(output, "tenon/tenon.hpp does not compile", sep="")
        return 1
    ahead = ["-include-pch", str(made)] if is_clang else ["-include", str(headers)]

    def compile_cases(name, chosen, *more):
        source = work / name
        source.write_text("".join(f'namespace case_{c.stem} {{\n#include "{c}"\n}}\n' for c in chosen), encoding="utf-8")
        return run([*compiler, *flags, *ahead, *more, "-fsyntax-only", str(source)])

    code, output = compile_cases("as_they_are.cpp", expected)
    if code != 0:
        wrong.append(f"a case does not compile as it is:\n{output[:4000]}")
    _, together = compile_cases("failing.cpp", expected, "-DSHOULD_FAIL", *(["-ferror-limit=0"] if is_clang else []))
    alone = 0
    for case, sentence in expected.items():
        if explained(case, sentence, together) is None and not os.environ.get("CASE"):
            continue
        alone += 1  # an error that another case has caused before is not said again: what counts is the case alone
        code, output = compile_cases("failing_one.cpp", [case], "-DSHOULD_FAIL")
        if os.environ.get("CASE"):
            print(output)
        problem = "compiles, though it should not" if code == 0 else explained(case, sentence, output)
        if problem:
            wrong.append(f"{case.name}: expected \"{sentence}\"; {problem}")
    made.unlink()
    print(*wrong, sep="\n")
    print(f"{len(cases)} cases, {len(wrong)} wrong; {alone} compiled alone")
    return 1 if wrong or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
