#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sums up a run of `meson test`: one line per program, the output of those that failed, and as the last line
"N passed, N failed", which counts doctest's test cases, and a program that is no doctest program as one.

    test_summary.py TESTLOG_JSON EXIT_CODE_OF_MESON
"""
import json
import re
import sys

CASES = re.compile(r"^\[doctest\] test cases:\s*(\d+) \|\s*(\d+) passed \|\s*(\d+) failed \|", re.MULTILINE)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LONGEST_OUTPUT = 400  # lines shown of a program that failed


def main():
    log, status = sys.argv[1], int(sys.argv[2])
    passed = failed = skipped = 0
    rows, outputs = [], []
    with open(log, encoding="utf-8", errors="replace") as lines:
        tests = [json.loads(line) for line in lines if line.strip()]
    for test in sorted(tests, key=lambda t: t["name"]):
        name = test["name"].split(" / ")[-1]
        text = COLOUR.sub("", test.get("stdout") or "")
        errors = COLOUR.sub("", test.get("stderr") or "")
        cases = CASES.findall(text)
        good, bad = sum(int(c[1]) for c in cases), sum(int(c[2]) for c in cases)
        if test["result"] == "SKIP":
            skipped += 1
            note = "skipped: " + (text.strip().splitlines() or ["no reason given"])[-1]
        elif test["result"] in ("OK", "EXPECTEDFAIL"):
            if cases and good + bad == 0:
                bad, note = 1, "no test case ran"
            elif cases:
                note = f"{good} cases"
            else:
                good, note = 1, ""
        else:  # FAIL, TIMEOUT, ERROR, INTERRUPT; a crash or a leak without a failed case counts as one
            bad = max(bad, 1)
            note = test["result"].lower() if test["result"] != "FAIL" else ""
            note = f"{bad} FAILED {note}".strip()
        if bad:
            shown = (text + ("\n" + errors if errors.strip() else "")).strip().splitlines()
            if len(shown) > LONGEST_OUTPUT:
                shown = shown[: LONGEST_OUTPUT // 2] + [f"... {len(shown) - LONGEST_OUTPUT} lines in {log} ..."] + shown[-LONGEST_OUTPUT // 2 :]
            outputs.append("\n".join([f"---- {name}: exit code {test.get('returncode')}", *shown]))
        passed, failed = passed + good, failed + bad
        rows.append(f"  {'FAIL' if bad else 'skip' if test['result'] == 'SKIP' else 'ok':4}  {name:<24} {test['duration']:7.1f} s  {note}".rstrip())
    print(*rows, *outputs, sep="\n")
    if not tests:
        print("no test ran")
        failed += 1
    elif status != 0 and failed == 0:
        print(f"meson test ended with exit code {status}")
        failed += 1
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
