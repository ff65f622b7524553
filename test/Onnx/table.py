#!/usr/bin/env python3
"""Writes docs/OnnxOperators.md: what the backend suite says of each operator.

  onnx_conformance.py --command ... --results RESULTS.tsv
  table.py RESULTS.tsv docs/OnnxOperators.md

RESULTS.tsv has a row a test: name, operator, status, what was said.
"""

import collections
import csv
import re
import sys

from suite import known_tests

HEAD = """# ONNX operators

What the backend suite of the `onnx` package gives, by the operator that a test is about; written by
`test/Onnx/table.py` from a run of the suite. A test that is refused says so with exit status 2, and why. Those that
the suite calls wrong stand in `test/Onnx/known.tsv`.

| operator | tests | pass | the others: refused, for; or see known.tsv |
|---|---|---|---|
"""


def reason(said):
    """The last diagnostic without the place."""
    said = re.sub(r"^.*?: error: ", "", said)
    return re.sub(r"^node '[^']*' \(", "(", said).replace("|", "\\|")


def main():
    known = known_tests("run")
    table = collections.defaultdict(collections.Counter)
    reasons = collections.defaultdict(collections.Counter)
    with open(sys.argv[1], newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            status, why = row["status"], reason(row["detail"])
            if status == "wrong" and row["test"] in known:
                status, why = "known", "known.tsv"
            table[row["op"]][status] += 1
            if status != "pass":
                reasons[row["op"]][why] += 1
    total = collections.Counter()
    with open(sys.argv[2], "w") as file:
        file.write(HEAD)
        for op, counts in sorted(table.items()):
            total.update(counts)
            why = "; ".join(r for r, _ in reasons[op].most_common(2))
            print(f"| {op} | {sum(counts.values())} | {counts['pass']} | {why} |",
                  file=file)
        print(f"\n{total['pass']} of {sum(total.values())} tests pass.", file=file)
    bad = [status for status in total if status not in ("pass", "unsupported", "known")]
    if bad:
        sys.exit(f"the run has tests that are neither: {', '.join(bad)}")


if __name__ == "__main__":
    main()
