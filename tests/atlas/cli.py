#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the atlas program as a person would: good input, every kind of bad input, a kill in the middle of a load.
cli.py ATLAS   prints a line for each case and ends with "N passed, N failed"."""
import json
import os
import random
import signal
import subprocess
import sys
import tempfile

atlas = os.path.abspath(sys.argv[1])
passed = failed = 0


def run(*args, code=0):
    p = subprocess.run([atlas, *map(str, args)], capture_output=True, text=True)
    assert p.returncode == code, f"{args}: exit {p.returncode}, {code} expected\n{p.stdout}{p.stderr}"
    return p.stdout, p.stderr


def line(i, name=None, lat=None, lon=None, columns=19, population=None):
    rng = random.Random(i)
    cells = [str(i), name or f"Place {i}", "", f"Other {i % 7},Autre {i}",
             str(lat if lat is not None else round(rng.uniform(-90, 90), 5)),
             str(lon if lon is not None else round(rng.uniform(-180, 180), 5)), "P", "PPL", "FR" if i % 2 else "JP", "", "", "", "", "",
             str(population if population is not None else i * 10), "", "0", "Europe/Paris", "2020-01-01"]
    return ("\t".join(cells[:columns]) + "\n").encode()


def case(f):
    global passed, failed
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            f()
            passed += 1
            print("ok      ", f.__doc__)
        except Exception as e:  # a failed check names itself
            failed += 1
            print("FAILED  ", f.__doc__, "\n   ", e)
        os.chdir("/")


def write(name, *lines):
    with open(name, "wb") as f:
        f.write(b"".join(lines))


@case
def load_and_query():
    "loads, answers each kind of query in JSON, checks, draws, reopens"
    write("a.txt", *[line(i) for i in range(1, 301)], line(9001, "São Paulo", -23.5475, -46.6361, population=10021295))
    report = json.loads(run("load", "a.txt", "--json")[0])
    assert report["rows"] == 301 and report["rows_in_database"] == 301, report
    assert json.loads(run("near", -23.5, -46.6, "-k", 1, "--json")[0])["places"][0]["id"] == 9001
    assert json.loads(run("search", "sao", "PAULO", "--json")[0])["places"][0]["id"] == 9001
    assert json.loads(run("like", "Sao Pualo", "-k", 1, "--json")[0])["places"][0]["id"] == 9001
    assert json.loads(run("top", "-k", 2, "--json")[0])["places"][0]["id"] == 9001
    assert [p["id"] for p in json.loads(run("top", "--country", "FR", "-k", 2, "--json")[0])["places"]] == [9001, 299]
    assert json.loads(run("within", -47, -24, -46, -23, "--json")[0])["found"] >= 1
    assert json.loads(run("get", 17, "--json")[0])["places"][0]["name"] == "Place 17"
    run("get", 999999, code=1)
    assert "nearest" in json.loads(run("explain", "like", "Place", "--json")[0])["explain"]["index"]
    assert json.loads(run("check", "--json")[0])["intact"] is True
    assert json.loads(run("stats", "--json")[0])["tables"][0]["rows"] == 301
    run("near", 1, 2, "-k", 3)
    run("map", "m.svg")
    import xml.dom.minidom
    xml.dom.minidom.parse("m.svg")
    again = json.loads(run("load", "a.txt", "--json")[0])
    assert again["rows"] == 0 and again["rows_in_database"] == 301, again


def refused(bad, *says, good=5, code=3):
    write("bad.txt", *[line(i) for i in range(1, good + 1)], bad)
    _, err = run("load", "bad.txt", code=code)
    for text in ("bad.txt", f"line {good + 1}", *says):
        assert text in err, f"{text!r} is not in: {err}"
    out = json.loads(run("stats", "--json")[0])
    assert out["tables"][0]["rows"] == 0, "a refused batch left rows behind"


@case
def short_line():
    "a malformed line names file, line and columns, and nothing of its batch is stored"
    refused(line(6, columns=7), "19")


@case
def bad_utf8():
    "bytes that are not UTF-8 are named"
    refused(line(6).replace(b"Place 6", b"Pla\xffce"), "UTF-8", "name")


@case
def bad_coordinate():
    "a coordinate out of range is named with its column and value"
    refused(line(6, lat=91.5), "latitude", "91.5")


@case
def bad_number():
    "a number that is none is named"
    refused(line(6, population="many"), "population", "many")


@case
def duplicate():
    "a duplicate id is named, with both lines"
    refused(line(3), "3")


@case
def duplicate_in_database():
    "an id that another load has stored is refused"
    write("a.txt", *[line(i) for i in range(1, 11)])
    run("load", "a.txt")
    write("b.txt", line(100), line(5))
    _, err = run("load", "b.txt", code=3)
    assert "line 2" in err and "b.txt" in err, err
    assert json.loads(run("stats", "--json")[0])["tables"][0]["rows"] == 10


@case
def skip_bad():
    "--skip-bad skips, counts and lists"
    write("a.txt", line(1), line(2, lat=200), line(1), line(3), b"nonsense\n", line(4))
    out, err = run("load", "a.txt", "--skip-bad", "--json")
    report = json.loads(out)
    assert report["rows"] == 3 and report["skipped"] == 3, report
    assert "line 2" in err and "line 3" in err and "line 5" in err, err
    run("check")


@case
def missing_things():
    "a missing file, database, folder: one sentence and exit 4"
    for args, says in ((("load", "nowhere.txt"), "nowhere.txt"), (("near", 1, 2), "atlas load"), (("load", "a.txt", "--db", "no/such/folder/x"), "no/such/folder")):
        write("a.txt", line(1))
        _, err = run(*args, code=4)
        assert says in err and err.count("\n") == 1, err


@case
def foreign_file():
    "a file that is not tenon's is refused and left as it was"
    write("a.txt", line(1))
    write("notes.db", b"my notes " * 4000)
    _, err = run("load", "a.txt", "--db", "notes.db", code=4)
    assert "notes.db" in err, err
    with open("notes.db", "rb") as f:
        assert f.read() == b"my notes " * 4000


@case
def locked():
    "a locked database names the holder's process"
    write("a.txt", line(1))
    run("load", "a.txt")
    import fcntl
    with open("atlas.tenon", "r+b") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        _, err = run("near", 1, 2, code=4)
        assert "atlas.tenon" in err and "use" in err, err


@case
def usage():
    "a wrong command line exits 2 with help"
    run("near", 95, 0, code=2)
    run("near", 1, code=2)
    run(code=2)
    run("explain", code=2)
    assert "Exit codes" in run("--help")[0]


@case
def killed_load():
    "a load that is killed goes on: nothing twice, nothing lost"
    n = 3000
    write("a.txt", *[line(i) for i in range(1, n + 1)])
    rng = random.Random(11)
    kills = 0
    for _ in range(200):
        p = subprocess.Popen([atlas, "load", "a.txt", "--batch", "20", "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            p.communicate(timeout=rng.uniform(0.005, 0.08))
            break
        except subprocess.TimeoutExpired:
            p.send_signal(signal.SIGKILL)
            p.communicate()
            kills += 1
    run("load", "a.txt")
    assert kills > 0, "the load was never killed"
    assert json.loads(run("stats", "--json")[0])["tables"][0]["rows"] == n
    assert json.loads(run("top", "-k", n, "--json")[0])["places"][-1]["id"] == 1
    run("check")


print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
