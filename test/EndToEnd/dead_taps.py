#!/usr/bin/env python3
"""Weights that only meet padding: training with and without leaving them out
ends with the same bytes, they end as they began, and no checkpoint has slots
for them.

  dead_taps.py VARVE
"""

import os
import random
import struct
import subprocess
import sys
import tempfile

from weights import read_tensors

# A map of 4 by 4, then 2 by 2 and 1 by 1: the second convolution uses four of
# its nine taps, the third one.
MODEL = """model net(x: f32[N, 1, 4, 4]) -> logits: f32[N, 2] {
  h = x |> conv2d(32, 3, stride: 2, padding: 1) as a |> relu
  h = h |> conv2d(32, 3, stride: 2, padding: 1) as b |> relu
  h = h |> conv2d(32, 3, padding: 1) as c |> relu
  return h |> global_avg_pool |> dense(2) as out
}

train net {
  data csv("points.csv") {
    x: f32[16] from %s
    kind: class("no", "yes")
  }
  prepare { x = reshape(x, [1, 4, 4]) }
  loss cross_entropy(logits, kind)
  optimizer %s
  batch 16
  epochs 3
}
"""
COLUMNS = ", ".join(f'"p{i}"' for i in range(16))


def taps(data):
    """Floats by tap of a 32x32x3x3 weight."""
    values = struct.unpack(f"<{len(data) // 4}f", data)
    return [values[k::9] for k in range(9)]


def main():
    (varve,) = sys.argv[1:]
    failures = []

    def check(condition, what):
        if not condition:
            failures.append(what)

    with tempfile.TemporaryDirectory() as folder:
        draw = random.Random(1)
        with open(os.path.join(folder, "points.csv"), "w") as file:
            file.write(",".join(f"p{i}" for i in range(16)) + ",kind\n")
            for _ in range(80):
                row = [draw.uniform(-1, 1) for _ in range(16)]
                kind = "yes" if sum(row[:8]) > sum(row[8:]) else "no"
                file.write(",".join(map(str, row)) + f",{kind}\n")

        def train(optimizer, *options):
            model = os.path.join(folder, "net.varve")
            with open(model, "w") as file:
                file.write(MODEL % (COLUMNS, optimizer))
            out = os.path.join(folder, "w.safetensors")
            kept = os.path.join(folder, "checkpoint")
            process = subprocess.run(
                [varve, "train", model, "--out", out, "--checkpoint", kept]
                + ["--json", *options],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            if process.returncode:
                sys.exit(process.stdout)
            states = [
                read_tensors(os.path.join(at, name))
                for at, _, names in os.walk(kept)
                for name in names
                if name.endswith(".safetensors")
            ]
            return read_tensors(out), states

        for optimizer, moves in [
            ("sgd(lr: 0.05, momentum: 0.9)", False),
            ("adam(lr: 0.01)", False),
            ("adam(lr: 0.01)\n  average 0.9", None),
            ("sgd(lr: 0.05, momentum: 0.9, weight_decay: 0.01)", True),
        ]:
            first, _ = train(optimizer, "--set", "optimizer.lr=0")
            on, states = train(optimizer)
            off, _ = train(optimizer, "--disable-pass", "drop-dead-weights")
            check(on == off, f"{optimizer}: weights differ without the pass")
            check(on["b.weight"][1] == [32, 32, 3, 3], "files hold the whole")
            if moves is None:
                continue
            for name, live in [("b.weight", {4, 5, 7, 8}), ("c.weight", {4})]:
                for tap in range(9):
                    same = taps(on[name][2])[tap] == taps(first[name][2])[tap]
                    wanted = tap not in live and not moves
                    check(same == wanted, f"{optimizer}: {name}, tap {tap}")
            slots = [
                shape
                for state in states
                for name, (_, shape, _) in state.items()
                if name.startswith("state/c.weight:")
            ]
            wanted = [32, 32, 3, 3] if moves else [32, 32, 1, 1]
            check(
                slots and all(shape == wanted for shape in slots),
                f"{optimizer}: slots of {slots}",
            )
    print("\n".join(failures) or "all fine")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
