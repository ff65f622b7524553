#!/usr/bin/env python3
"""Runs a harness over the backend suite and fails on what must not be: wrong
results but those of known.tsv, errors, crashes, hangs, or fewer passes than a
share of all.

  suite.py --floor SHARE --known NAME -- COMMAND...

NAME is the harness in known.tsv, which gives a reason for each of its tests.
"""

import os
import re
import subprocess
import sys


def known_tests(name):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "known.tsv")
    with open(path) as file:
        rows = [line.rstrip("\n").split("\t") for line in file if line[0] != "#"]
    return {test for harness, test, _ in rows if harness == name}


def main():
    share, name, command = float(sys.argv[2]), sys.argv[4], sys.argv[6:]
    known = known_tests(name)
    done = subprocess.run(command, capture_output=True, text=True)
    print(done.stdout + done.stderr)
    totals = re.search(r"^(\d+) tests: (.*)$", done.stdout, re.M)
    if not totals:
        return 1
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (\w+)", totals[2])}
    bad = [w for w in ("error", "crash", "timeout") if counts[w]]
    wrong = re.findall(r"^(\S+)\t[^\t]*\twrong\t", done.stdout, re.M)
    bad += [test for test in wrong if test not in known]
    if bad:
        print("there must be none of:", *bad)
    enough = counts["pass"] >= share * int(totals[1])
    if not enough:
        print(f"fewer than {share:.0%} pass")
    return 0 if enough and not bad else 1


if __name__ == "__main__":
    sys.exit(main())
