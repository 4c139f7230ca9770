#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks README.md and docs/**/*.md:

- links between pages, to files of the repository and to headings lead somewhere;
- the text of a link to a file tests/**/*.cpp is the name of a test case in it, or ends in " ..." where that name goes on;
- a code block after `<!-- from: examples/x.cpp -->` stands in that file line by line (indentation may differ);
- the indexes in docs/README.md, between `<!-- index: concepts -->` and `<!-- end -->`, name every page of that folder;
- every axis has a concept page, and every name that goes on disk (`"tenon.x/1"`) a page under docs/formats/.

    check_docs.py            lists what is wrong; exit code 1 when there is something
    check_docs.py --write    renews the indexes first
    check_docs.py --self-test
"""
import pathlib
import re
import sys
import tempfile
import textwrap

LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
TEST_LINK = re.compile(r"\[([^\]\n]*)\]\(([^)\s]*tests/[^)\s]+\.cpp)\)")
TEST_CASE = re.compile(r"TEST_CASE\w*\(\s*((?:\"(?:[^\"\\]|\\.)*\"\s*)+)")
FENCE = re.compile(r"^(```+|~~~+)")
FROM = re.compile(r"^\s*<!--\s*from:\s*(\S+)\s*-->\s*$")
INDEX = re.compile(r"^<!--\s*index:\s*(\S+)\s*-->$")
END = "<!-- end -->"
FORMAT_NAME = re.compile(r'"tenon\.([a-z0-9_]+)/(\d+)"')


def slug(heading):
    """The anchor that GitHub makes of a heading."""
    text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", lambda m: m.group(1) or "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def prose(lines):
    """(number, line) of the lines outside code blocks."""
    fence = None
    for number, line in enumerate(lines, 1):
        found = FENCE.match(line.strip())
        if found and fence is None:
            fence = found.group(1)
        elif fence is not None:
            if line.strip() == fence:
                fence = None
        else:
            yield number, line


def anchors(path):
    return {slug(line.lstrip("#")) for _, line in prose(path.read_text(encoding="utf-8").splitlines()) if re.match(r"^#{1,6} ", line)}


def dedented(lines):
    return [line.rstrip() for line in textwrap.dedent("\n".join(lines)).splitlines()]


def stands_in(block, source):
    """Is the block a run of whole lines of the source, but for one indentation?"""
    block = dedented(block)
    while block and not block[-1]:
        block.pop()
    if not block:
        return False
    n = len(block)
    return any(dedented(source[i : i + n]) == block for i in range(len(source) - n + 1))


def test_cases(source):
    """The names of doctest's test cases in a file; long ones are written as several strings."""
    for strings in TEST_CASE.findall(source.read_text(encoding="utf-8")):
        yield "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', strings))


def title_of(page):
    for _, line in prose(page.read_text(encoding="utf-8").splitlines()):
        if line.startswith("# "):
            return line[2:].strip()
    return page.stem


def index_lines(folder):
    return [f"- [{title_of(page)}]({folder.name}/{page.name})" for page in sorted(folder.glob("*.md"))] or ["- none yet"]


def renew_indexes(top):
    page = top / "docs/README.md"
    out, skipping = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        found = INDEX.match(line)
        if found:
            out += [line, *index_lines(top / "docs" / found.group(1))]
            skipping = True
        elif line == END:
            skipping = False
        if not found and not skipping:
            out.append(line)
    page.write_text("\n".join(out) + "\n", encoding="utf-8")


def check_page(top, page):
    lines = page.read_text(encoding="utf-8").splitlines()
    name = page.relative_to(top).as_posix()
    for number, line in prose(lines):
        for groups in LINK.findall(re.sub(r"`[^`]*`", "", line)):
            target = groups[0] or groups[1]
            if re.match(r"^[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            to = (page.parent / path).resolve() if path else page
            if not to.exists():
                yield f"{name}:{number}: {target} leads nowhere"
            elif anchor and to.suffix == ".md" and anchor not in anchors(to):
                yield f"{name}:{number}: {target}: no such heading"
        for text, target in TEST_LINK.findall(line):
            to = (page.parent / target).resolve()
            if to.exists() and not any(
                case == text or (text.endswith(" ...") and case.startswith(text[:-4])) for case in test_cases(to)
            ):
                yield f"{name}:{number}: {target} has no test case named \"{text}\""
        found = FROM.match(line)
        if found:
            source = top / found.group(1)
            rest = lines[number:]
            if not source.is_file():
                yield f"{name}:{number}: {found.group(1)} does not exist"
            elif not rest or not FENCE.match(rest[0]):
                yield f"{name}:{number}: a code block must follow on the next line"
            else:
                fence = FENCE.match(rest[0]).group(1)
                block = rest[1 : next((i for i, l in enumerate(rest) if i and l.strip() == fence), len(rest))]
                if not stands_in(block, source.read_text(encoding="utf-8").splitlines()):
                    yield f"{name}:{number}: this block does not stand in {found.group(1)} line by line"
    for number, line in enumerate(lines, 1):
        found = INDEX.match(line)
        if found:
            rest = lines[number:]
            listed = rest[: rest.index(END)] if END in rest else rest
            if listed != index_lines(page.parent / found.group(1)):
                yield f"{name}:{number}: the index of {found.group(1)} is out of date; ./dev docs --write renews it"


def check_coverage(top):
    include = top / "include/tenon"
    for contract in sorted(include.glob("*/concept.hpp")):
        if not (top / f"docs/concepts/{contract.parent.name}.md").exists():
            yield f"docs/concepts/{contract.parent.name}.md is missing: every axis has a page"
    pages = "\n".join(p.read_text(encoding="utf-8") for p in (top / "docs/formats").glob("*.md"))
    for header in sorted(include.rglob("*.hpp")):
        if header.parent.name == "metric" or "archetype" in header.name or header.parent.name == "testing":
            continue  # names that stand inside another format's header, or in no file at all
        for name, version in sorted(set(FORMAT_NAME.findall(header.read_text(encoding="utf-8")))):
            if f"tenon.{name}/{version}" not in pages:
                yield f"{header.relative_to(top)}: no page under docs/formats describes tenon.{name}/{version}"


def check(top):
    pages = [p for p in [top / "README.md", *sorted((top / "docs").rglob("*.md"))] if p.exists()]
    wrong = [sentence for page in pages for sentence in check_page(top, page)]
    return wrong + list(check_coverage(top)), len(pages)


def self_test():
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)

        def write(name, text):
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text, encoding="utf-8")

        write("examples/x.cpp", "int main() {\n    int a = 1;\n    if (a)\n        a = 2;\n}\n")
        write("tests/wal/x.cpp", 'TEST_CASE(\n    "one and "\n    "two") {}\nTEST_CASE_TEMPLATE("three", T, int) {}\n')
        write("include/tenon/wal/concept.hpp", '"tenon.log/1"\n')
        write("docs/formats/log.md", "# The log\n\ntenon.log/1\n")
        write("docs/concepts/wal.md", "# wal\n")
        write("docs/README.md", "# Docs\n\n<!-- index: concepts -->\n<!-- end -->\n")
        sound = "# A page, of `x`\n\n[here](#a-page-of-x) [there](README.md#docs) [one and two](../tests/wal/x.cpp) [thr ...](../tests/wal/x.cpp)\n\n<!-- from: examples/x.cpp -->\n```cpp\nif (a)\n    a = 2;\n```\n"
        write("docs/page.md", sound)
        renew_indexes(top)
        wrong, _ = check(top)
        if wrong:
            missed += 1
            print("sound pages are called wrong:", *wrong, sep="\n  ")
        for name, text, expected in [
            ("docs/page.md", sound.replace("README.md#docs", "REDME.md"), "leads nowhere"),
            ("docs/page.md", sound.replace("#docs", "#doks"), "no such heading"),
            ("docs/page.md", sound.replace("[one and two]", "[one or two]"), "no test case named"),
            ("docs/page.md", sound.replace("[thr ...]", "[thr]"), "no test case named"),
            ("docs/page.md", sound.replace("a = 2", "a = 3"), "line by line"),
            ("docs/page.md", sound.replace("x.cpp -->", "y.cpp -->"), "does not exist"),
            ("docs/page.md", sound.replace("```cpp\n", "\n```cpp\n"), "must follow on the next line"),
            ("docs/concepts/new.md", "# new\n", "out of date"),
            ("include/tenon/filter/concept.hpp", "", "docs/concepts/filter.md is missing"),
            ("include/tenon/filter/bloom.hpp", '"tenon.bloom/1"', "tenon.bloom/1"),
        ]:
            before = (top / name).read_text(encoding="utf-8") if (top / name).exists() else None
            write(name, text)
            wrong, _ = check(top)
            if not any(expected in sentence for sentence in wrong):
                missed += 1
                print(f"planted and not found: {expected}")
            if before is None:
                (top / name).unlink()
            else:
                write(name, before)
    print("every planted mistake is found" if not missed else f"{missed} of the planted mistakes are missed")
    return 1 if missed else 0


def main():
    top = pathlib.Path(__file__).resolve().parent.parent
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if sys.argv[1:] == ["--write"]:
        renew_indexes(top)
    elif sys.argv[1:]:
        print(__doc__)
        return 2
    wrong, count = check(top)
    print(*wrong, sep="\n")
    print(f"{count} pages read, {len(wrong)} things wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
