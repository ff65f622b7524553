#!/usr/bin/env python3
"""Runs the backend suite and fails on what must not be: wrong results, errors,
crashes, hangs, or fewer passes than a share of all.

  suite.py --floor SHARE -- COMMAND...
"""

import re
import subprocess
import sys


def main():
    share = float(sys.argv[2])
    done = subprocess.run(sys.argv[4:], capture_output=True, text=True)
    print(done.stdout + done.stderr)
    totals = re.search(r"^(\d+) tests: (.*)$", done.stdout, re.M)
    if not totals:
        return 1
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (\w+)", totals[2])}
    bad = [w for w in ("wrong", "error", "crash", "timeout") if counts[w]]
    if bad:
        print("there must be none of:", *bad)
    enough = counts["pass"] >= share * int(totals[1])
    if not enough:
        print(f"fewer than {share:.0%} pass")
    return 0 if enough and not bad else 1


if __name__ == "__main__":
    sys.exit(main())
