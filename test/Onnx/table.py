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

HEAD = """# ONNX operators

What the backend suite of the `onnx` package gives, by the operator that a test is about; written by
`test/Onnx/table.py` from a run of the suite. A test that is refused says so with exit status 2, and why.

| operator | tests | pass | refused, for |
|---|---|---|---|
"""


def reason(said):
    """The last diagnostic without the place."""
    said = re.sub(r"^.*?: error: ", "", said)
    return re.sub(r"^node '[^']*' \(", "(", said).replace("|", "\\|")


def main():
    table = collections.defaultdict(collections.Counter)
    reasons = collections.defaultdict(collections.Counter)
    with open(sys.argv[1], newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            table[row["op"]][row["status"]] += 1
            if row["status"] != "pass":
                reasons[row["op"]][reason(row["detail"])] += 1
    total = collections.Counter()
    with open(sys.argv[2], "w") as file:
        file.write(HEAD)
        for op, counts in sorted(table.items()):
            total.update(counts)
            why = "; ".join(r for r, _ in reasons[op].most_common(2))
            print(f"| {op} | {sum(counts.values())} | {counts['pass']} | {why} |",
                  file=file)
        print(f"\n{total['pass']} of {sum(total.values())} tests pass.", file=file)
    bad = [status for status in total if status not in ("pass", "unsupported")]
    if bad:
        sys.exit(f"the run has tests that are neither: {', '.join(bad)}")


if __name__ == "__main__":
    main()
