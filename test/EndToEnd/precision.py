#!/usr/bin/env python3
"""`precision bf16` and `precision f16`: losses against the same products rounded
by hand; the scale of an f16 loss, the steps that it leaves out, what a
checkpoint keeps of it; inference of models with and without `train`, of the
language and of ONNX.

  precision.py VARVE
"""

import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile

from onnx_file import model, node, tensor, value_info
from weights import read_npy, read_tensors, write_floats, write_npy, write_npz

SAMPLES, INPUTS, HIDDEN, CLASSES = 12, 5, 8, 3
# Of samples that make large gradients, with first weights that are smaller.
SIZE = 64
SMALL = 0.5 / SIZE**2
MOMENTUM = 0.9

NET = """model net(x: f32[N, 5]) -> logits: f32[N, 3] {
  return x |> dense(8) as first |> tanh |> dense(3) as last
}
"""
TRAIN = """
train net {
  data npz("points.npz") { x: f32[5]  kind: class(3) }
  loss cross_entropy(logits, kind)
  optimizer sgd(lr: %g, momentum: 0.9)
  batch 12
  init_from "%s.safetensors"
%s
}
"""
INFER = """
infer net {
  output y = logits
}
"""


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def bf16(x):
    """To nearest, ties to even, by the upper half of an f32."""
    if not math.isfinite(x):
        return x
    (bits,) = struct.unpack("<I", struct.pack("<f", x))
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def f16(x):
    if not math.isfinite(x):
        return x
    try:
        return struct.unpack("<e", struct.pack("<e", x))[0]
    except OverflowError:
        return math.copysign(math.inf, x)


ROUND = {"f32": lambda x: x, "bf16": bf16, "f16": f16}


def flip(a):
    return [list(column) for column in zip(*a)]


class Learner:
    """The training of NET, with products of what is rounded."""

    def __init__(self, weights, samples, kind, rate=0.5, clip=None):
        self.w1, self.b1, self.w2, self.b2 = (
            [list(map(list, w)) if isinstance(w[0], list) else list(w) for w in weights]
        )
        self.x, self.kinds = samples
        self.round, self.rate, self.clip = ROUND[kind], rate, clip
        self.scale, self.finite_steps, self.steps = 65536.0 if kind == "f16" else 1.0, 0, 0
        self.slots = None

    def times(self, a, b):
        a = [[self.round(x) for x in row] for row in a]
        columns = [[self.round(x) for x in column] for column in zip(*b)]
        return [
            [self.round(sum(x * y for x, y in zip(r, c))) for c in columns] for r in a
        ]

    def forward(self, x):
        h = [
            [math.tanh(z + b) for z, b in zip(row, self.b1)]
            for row in self.times(x, flip(self.w1))
        ]
        o = [
            [z + b for z, b in zip(row, self.b2)]
            for row in self.times(h, flip(self.w2))
        ]
        return h, o

    def step(self):
        """The loss before it, and whether it was one."""
        h, o = self.forward(self.x)
        loss, do = 0, []
        for row, kind in zip(o, self.kinds):
            top = max(row)
            p = [math.exp(v - top) for v in row]
            total = sum(p)
            loss += (math.log(total) + top - row[kind]) / SAMPLES
            do.append(
                [
                    self.scale * (v / total - (i == kind)) / SAMPLES
                    for i, v in enumerate(p)
                ]
            )
        dh = self.times(do, self.w2)
        dz = [
            [d * (1 - v * v) for d, v in zip(r, s)] for r, s in zip(dh, h)
        ]
        gradients = [
            sum(self.times(flip(dz), self.x), []),
            [sum(c) for c in flip(dz)],
            sum(self.times(flip(do), h), []),
            [sum(c) for c in flip(do)],
        ]
        if not all(math.isfinite(g) for part in gradients for g in part):
            self.scale, self.finite_steps = max(self.scale / 2, 1.0), 0
            return loss, False
        gradients = [[g / self.scale for g in part] for part in gradients]
        if self.clip:
            norm = math.sqrt(sum(g * g for part in gradients for g in part))
            factor = min(1, self.clip / (norm + 1e-6))
            gradients = [[g * factor for g in part] for part in gradients]
        if self.slots:
            gradients = [
                [MOMENTUM * m + g for m, g in zip(*parts)]
                for parts in zip(self.slots, gradients)
            ]
        self.slots = gradients
        self.w1 = [
            [w - self.rate * g for w, g in zip(r, gradients[0][INPUTS * i :])]
            for i, r in enumerate(self.w1)
        ]
        self.b1 = [w - self.rate * g for w, g in zip(self.b1, gradients[1])]
        self.w2 = [
            [w - self.rate * g for w, g in zip(r, gradients[2][HIDDEN * i :])]
            for i, r in enumerate(self.w2)
        ]
        self.b2 = [w - self.rate * g for w, g in zip(self.b2, gradients[3])]
        self.steps += 1
        self.finite_steps += 1
        if self.finite_steps == 2000 and self.scale > 1:
            self.scale, self.finite_steps = self.scale * 2, 0
        return loss, True


class Trials:
    def __init__(self, varve):
        self.varve, self.failures = varve, 0
        draw = random.Random(5)

        def matrix(rows, columns, size):
            return [
                [f32(draw.uniform(-size, size)) for _ in range(columns)]
                for _ in range(rows)
            ]

        self.weights = [
            matrix(HIDDEN, INPUTS, 0.6),
            matrix(1, HIDDEN, 0.2)[0],
            matrix(CLASSES, HIDDEN, 0.6),
            matrix(1, CLASSES, 0.2)[0],
        ]
        self.x = matrix(SAMPLES, INPUTS, 1.5)
        self.kinds = [draw.randrange(CLASSES) for _ in range(SAMPLES)]
        self.large = [[[v / SIZE for v in r] for r in self.weights[0]]]
        self.large += self.weights[1:]
        for name, weights in ("first", self.weights), ("large", self.large):
            self.write_weights(f"{name}.safetensors", *weights)

    def write_weights(self, path, w1, b1, w2, b2):
        write_floats(
            path,
            {
                "first.weight": ((HIDDEN, INPUTS), sum(w1, [])),
                "first.bias": ((HIDDEN,), b1),
                "last.weight": ((CLASSES, HIDDEN), sum(w2, [])),
                "last.bias": ((CLASSES,), b2),
            },
        )

    def expect(self, good, what):
        print("ok  " if good else "FAIL", what)
        self.failures += not good

    def near(self, got, want, bound, what):
        worst = max((abs(a - b) for a, b in zip(got, want)), default=0)
        good = len(got) == len(want) and worst <= bound
        self.expect(good, f"{what}: {worst:.1e}")

    def run(self, *args, status=0):
        done = subprocess.run(
            [self.varve, *args], capture_output=True, text=True
        )
        if done.returncode != status:
            print(done.stdout + done.stderr)
            self.expect(False, f"status {done.returncode}, not {status}: {args}")
        return done

    def data(self, size):
        """Samples `size` times as large."""
        x = [[f32(size * v) for v in row] for row in self.x]
        write_npz(
            "points.npz",
            {
                "x": ("f4", (SAMPLES, INPUTS), sum(x, [])),
                "kind": ("i8", (SAMPLES,), self.kinds),
            },
        )
        return x, self.kinds

    def train(self, settings, *args, rate=0.5, weights="first"):
        """The losses, and what was noted."""
        with open("net.varve", "w") as file:
            file.write(NET + TRAIN % (rate, weights, settings))
        done = self.run(
            "train", "net.varve", "--json", "--threads", "1", "--out", "w.safetensors", *args
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return [x["loss"] for x in lines if x["event"] == "epoch"], done.stderr


def state(folder):
    tensors = read_tensors(os.path.join(folder, "checkpoint.safetensors"))

    def number(name, code):
        return struct.unpack(code, tensors[f"state/{name}"][2])[0]

    return (
        number("step:loss_scale", "<f"),
        number("step:finite_steps", "<q"),
        number("step", "<q"),
    )


def losses(t):
    """Of a few steps, with clipping by the norm, of what is unscaled."""
    samples = t.data(1)
    for kind in "bf16", "f16":
        exact = Learner(t.weights, samples, "f32", clip=0.2)
        rounded = Learner(t.weights, samples, kind, clip=0.2)
        want = [rounded.step()[0] for _ in range(8)]
        others = [exact.step()[0] for _ in range(8)]
        got, notes = t.train(f"precision {kind}\n clip_norm 0.2\n epochs 8")
        t.near(got, want, 1e-5, f"losses in {kind}")
        away = max(abs(a - b) for a, b in zip(want, others))
        t.expect(away > 5e-5, f"which are not those of f32: {away:.1e}")
        t.expect("overflow" not in notes, f"nothing overflows in {kind}")


def overflow(t):
    """Large samples make large gradients: their steps are left out."""
    samples = t.data(SIZE)
    truth = Learner(t.large, samples, "f16", rate=SMALL)
    steps = [truth.step() for _ in range(12)]
    skipped = sum(not taken for _, taken in steps)
    t.expect(3 <= skipped <= 9, f"{skipped} of 12 steps overflow")
    settings = "precision f16\n epochs 12"
    large = {"rate": SMALL, "weights": "large"}
    got, notes = t.train(settings, "--checkpoint", "o", **large)
    t.near(got, [loss for loss, _ in steps], 2e-4, "losses with overflows")
    t.expect(got[:skipped] == got[:1] * skipped, "which change nothing")
    want = (truth.scale, truth.finite_steps, truth.steps)
    t.expect(state("o") == want, f"{state('o')} is {want}")
    said = [line for line in notes.splitlines() if "overflow" in line]
    t.expect(len(said) == skipped, f"each is noted: {said[-1:]}")


def growth(t):
    """After 2000 steps the scale doubles, also of a run that was stopped."""
    t.data(1)
    t.train("precision f16\n epochs 2001", "--checkpoint", "whole")
    t.expect(state("whole") == (131072.0, 1, 2001), f"grown: {state('whole')}")
    t.train("precision f16\n epochs 1500", "--checkpoint", "parts")
    t.expect(state("parts") == (65536.0, 1500, 1500), "not before")
    t.train("precision f16", "--epochs", "2001", "--checkpoint", "parts", "--resume")
    a, b = (
        read_tensors(os.path.join(folder, "checkpoint.safetensors"))
        for folder in ("whole", "parts")
    )
    t.expect(a == b, "resumed, with the same bits")


def accumulated(t):
    """A batch in parts overflows as it does in one."""
    t.data(SIZE)
    large = {"rate": SMALL, "weights": "large"}
    settings = "precision f16\n shards 2\n epochs 12"
    got, _ = t.train(settings, "--checkpoint", "a", **large)
    scale, _, step = state("a")
    t.expect(
        65536 / 2 ** (12 - step) == scale and 3 <= step <= 9,
        f"shards: scale {scale}, {step} steps",
    )
    t.expect(got[-1] < got[0], "which learn")


def inference(t):
    """What products give, of models with and without `train`."""
    samples, _ = t.data(1)
    write_npy("x.npy", "f4", (SAMPLES, INPUTS), sum(samples, []))
    w1, b1, w2, b2 = t.weights
    graph = model(
        [
            node("MatMul", ["x", "w1"], ["a"]),
            node("Add", ["a", "b1"], ["z"]),
            node("Tanh", ["z"], ["h"]),
            node("Gemm", ["h", "w2", "b2"], ["y"], transB=1),
        ],
        [
            tensor("w1", (INPUTS, HIDDEN), sum(flip(w1), [])),
            tensor("b1", (HIDDEN,), b1),
            tensor("w2", (CLASSES, HIDDEN), sum(w2, [])),
            tensor("b2", (CLASSES,), b2),
        ],
        [value_info("x", ("n", INPUTS))],
        [value_info("y", ("n", CLASSES))],
    )
    with open("net.onnx", "wb") as file:
        file.write(graph)
    for name, text in (
        ("plain", NET + INFER),
        ("trained", NET + TRAIN % (1, "first", "precision bf16") + INFER),
    ):
        with open(f"{name}.varve", "w") as file:
            file.write(text)
    onnx = ("net.onnx",)
    plain = ("plain.varve", "--weights", "first.safetensors")
    trained = ("trained.varve", "--weights", "first.safetensors")
    cases = [(onnx, "f32", "f32"), (trained, None, "bf16")]
    cases += [(m, k, k) for m in (onnx, plain, trained) for k in ("bf16", "f16")]
    outputs = {}
    for args, given, kind in cases:
        sets = ["--set", f"precision={given}"] if given else []
        t.run("run", *args, *sets, "--input", "x=x.npy", "--output-dir", "out")
        _, got = read_npy("out/y.npy")
        _, want = Learner(t.weights, (samples, t.kinds), kind).forward(samples)
        t.near(got, sum(want, []), 2e-6 if kind == "f32" else 4e-5, f"{args[0]} in {kind}")
        outputs[kind] = got
    t.expect(len(set(outputs.values())) == 3, "which are three things")
    done = t.run("run", "net.onnx", "--set", "batch=3", "--input", "x=x.npy", "--output-dir", "out", status=64)
    t.expect("no setting `batch`, only `precision`" in done.stderr, done.stderr.strip())
    done = t.run("run", "net.onnx", "--set", "precision=i8", "--input", "x=x.npy", "--output-dir", "out", status=64)
    t.expect("`precision` is f32, bf16 or f16, not `i8`" in done.stderr, done.stderr.strip())


def main():
    (varve,) = map(os.path.abspath, sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        t = Trials(varve)
        for part in losses, overflow, growth, accumulated, inference:
            part(t)
    return t.failures > 0


if __name__ == "__main__":
    sys.exit(main())
