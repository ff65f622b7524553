#!/usr/bin/env python3
"""Forward-Forward and InfoPro against their formulas, in double: a step of
plain descent from known weights, gradients by differences, losses by hand.

  ways.py VARVE
"""

import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile

from stages import tensors
from weights import write_npz

LR = 0.25
FORWARD = """model net(x: f32[N, 6]) -> logits: f32[N, 2] {
  h = unit_rms(x)
  layer first { h = h |> dense(5) as map |> relu }
  h = unit_rms(h)
  layer second { h = h |> dense(4) as map |> relu }
  return unit_rms(h) |> dense(2) as out
}

train net {
  data csv("rows.csv") {
    x: f32[6] from "a", "b", "c", "d", "e", "f"
    kind: class("no", "yes")
  }
  loss cross_entropy(logits, kind)
  metric accuracy(logits, kind)
  optimizer sgd(lr: 0.25)
  batch 12
  epochs 1
  learning forward_forward(cuts: ["first", "second"])
}
"""
INFOPRO = """model net(image: f32[N, 1, 4, 4]) -> logits: f32[N, 2] {
  x = max_pool(image, 2)
  repeat i in 0..3 { layer conv[i] { x = x |> conv2d(2, 3, padding: 1) as map |> relu } }
  return x |> flatten |> dense(2) as out
}

train net {
  data npz("images.npz") { image: f32[1, 4, 4]  label: class(2) }
  loss cross_entropy(logits, label)
  optimizer sgd(lr: 0.25)
  batch 8
  epochs 1
  learning infopro(cuts: "conv.*"%s)
}
"""


class Ways:
    def __init__(self, varve, folder):
        self.varve, self.folder, self.failures = varve, folder, 0

    def train(self, text, *options):
        """State after an epoch, and the line that reports it."""
        path = os.path.join(self.folder, "net.varve")
        with open(path, "w") as file:
            file.write(text)
        kept = os.path.join(self.folder, "kept")
        process = subprocess.run(
            [self.varve, "train", path, "--checkpoint", kept, "--json"]
            + ["--data-dir", self.folder, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if process.returncode != 0:
            sys.exit(process.stdout)
        state = {
            name[len("state/") :]: struct.unpack(f"<{len(data) // 4}f", data)
            for name, data in tensors(
                os.path.join(kept, "checkpoint.safetensors")
            ).items()
            if name.startswith("state/") and len(data) % 4 == 0
        }
        lines = [json.loads(x) for x in process.stdout.splitlines() if x[0] == "{"]
        return state, next(x for x in lines if x["event"] == "epoch")

    def check(self, fine, what):
        print(("ok: " if fine else "FAILED: ") + what)
        self.failures += not fine

    def near(self, got, want, what):
        far = max(abs(x - y) for x, y in zip(got, want))
        self.check(
            len(got) == len(want) and far < 2e-6 * (1 + max(map(abs, want))),
            f"{what}: at most {far:.1e} apart",
        )


def dense(x, weight, bias):
    n = len(x)
    return [
        sum(x[i] * weight[o * n + i] for i in range(n)) + b
        for o, b in enumerate(bias)
    ]


def relu(x):
    return [max(v, 0) for v in x]


def unit(x):
    scale = 1 / math.sqrt(sum(v * v for v in x) / len(x) + 1e-8)
    return [v * scale for v in x]


def softplus(v):
    return max(v, 0) + math.log1p(math.exp(-abs(v)))


def cross_entropy(logits, label):
    top = max(logits)
    return top + math.log(sum(math.exp(v - top) for v in logits)) - logits[label]


def step_down(loss, parameters):
    """What plain descent makes of parameters, by central differences."""
    moved = []
    for p, values in enumerate(parameters):
        new = []
        for i, v in enumerate(values):
            sides = []
            for d in (1e-5, -1e-5):
                tried = [list(other) for other in parameters]
                tried[p][i] = v + d
                sides.append(loss(*tried))
            new.append(v - LR * (sides[0] - sides[1]) / 2e-5)
        moved.append(new)
    return moved


def forward_forward(w):
    draw = random.Random(2)
    rows = [[draw.uniform(0, 1) for _ in range(6)] for _ in range(12)]
    rows = [struct.unpack("6f", struct.pack("6f", *row)) for row in rows]
    kinds = [draw.randrange(2) for _ in rows]
    with open(os.path.join(w.folder, "rows.csv"), "w") as file:
        file.write("a,b,c,d,e,f,kind\n")
        for row, kind in zip(rows, kinds):
            file.write(",".join(map(repr, row)) + [",no\n", ",yes\n"][kind])
    first, _ = w.train(FORWARD, "--set", "optimizer.lr=0")
    after, line = w.train(FORWARD)

    def labelled(row, label):
        mark = [max(row) * (label == c) for c in range(2)]
        return unit(mark + list(row[2:]))

    def of(name, state=first):
        return state[name + ".weight"], state[name + ".bias"]

    # With two classes there is one wrong label.
    good = [labelled(row, kind) for row, kind in zip(rows, kinds)]
    bad = [labelled(row, 1 - kind) for row, kind in zip(rows, kinds)]

    def local(good, bad, weight, bias):
        total = 0
        for side, rows in ((-1, good), (1, bad)):
            for row in rows:
                h = relu(dense(row, weight, bias))
                goodness = sum(v * v for v in h) - len(h)
                total += softplus(side * goodness)
        return total / len(good)

    def on(rows, name):
        return [unit(relu(dense(row, *of(name)))) for row in rows]

    inner = [on(rows, "first.map") for rows in (good, bad)]
    plain = on(on([unit(row) for row in rows], "first.map"), "second.map")

    def last(weight, bias):
        return sum(
            cross_entropy(dense(row, weight, bias), kind)
            for row, kind in zip(plain, kinds)
        ) / len(plain)

    for name, loss, reported in [
        ("first.map", lambda *p: local(good, bad, *p), "first"),
        ("second.map", lambda *p: local(*inner, *p), "second"),
        ("out", last, None),
    ]:
        want = step_down(loss, of(name))
        for got, each in zip(of(name, after), want):
            w.near(got, each, f"Forward-Forward's step of {name}")
        got = line["losses"][reported] if reported else line["loss"]
        w.near([got], [loss(*of(name))], f"its loss of {name}")
    w.check(
        any(after["first.map.weight"][i] != x for i, x in enumerate(first["first.map.weight"])),
        "weights have moved",
    )


# Images are lists of channels, these of rows.


def conv(x, weight, bias, outs):
    """3x3, with a border of zeros."""
    height, width = len(x[0]), len(x[0][0])

    def at(c, i, j):
        return x[c][i][j] if 0 <= i < height and 0 <= j < width else 0

    return [
        [
            [
                sum(
                    at(c, i + a - 1, j + b - 1)
                    * weight[((o * len(x) + c) * 3 + a) * 3 + b]
                    for c in range(len(x))
                    for a in range(3)
                    for b in range(3)
                )
                + (bias[o] if bias else 0)
                for j in range(width)
            ]
            for i in range(height)
        ]
        for o in range(outs)
    ]


def norm_relu(batch, weight, bias):
    channels = range(len(batch[0]))
    out = [[None] * len(x) for x in batch]
    for c in channels:
        values = [v for x in batch for row in x[c] for v in row]
        mean = sum(values) / len(values)
        var = sum((v - mean) ** 2 for v in values) / len(values)
        scale = weight[c] / math.sqrt(var + 1e-5)
        for n, x in enumerate(batch):
            out[n][c] = [
                [max((v - mean) * scale + bias[c], 0) for v in row] for row in x[c]
            ]
    return out


def double(x):
    """Twice as large by bilinear interpolation between centres of pixels."""
    size = len(x)

    def places(i):
        at = min(max((i + 0.5) / 2 - 0.5, 0), size - 1)
        low = int(at)
        return low, min(low + 1, size - 1), at - low

    out = []
    for i in range(2 * size):
        top, below, a = places(i)
        row = []
        for j in range(2 * size):
            left, right, b = places(j)
            row.append(
                (1 - a) * ((1 - b) * x[top][left] + b * x[top][right])
                + a * ((1 - b) * x[below][left] + b * x[below][right])
            )
        out.append(row)
    return out


def infopro(w):
    draw = random.Random(3)
    pixels = [draw.uniform(-1, 3) for _ in range(8 * 16)]
    pixels = struct.unpack("128f", struct.pack("128f", *pixels))
    labels = [draw.randrange(2) for _ in range(8)]

    write_npz(
        os.path.join(w.folder, "images.npz"),
        {"image": ("f4", (8, 1, 4, 4), pixels), "label": ("u1", (8,), labels)},
    )
    still = ["--set", "optimizer.lr=0"]
    s, line = w.train(INFOPRO % ", reconstruct: [1, 1], predict: [1, 1]", *still)
    images = [
        [[pixels[16 * n + 4 * i :][:4] for i in range(4)]] for n in range(8)
    ]
    h = [
        [
            [max(x[0][2 * i + a][2 * j + b] for a in (0, 1) for b in (0, 1)) for j in (0, 1)]
            for i in (0, 1)
        ]
        for x in images
    ]
    h = [
        [[relu(row) for row in c] for c in conv([x], s["conv.0.map.weight"], s["conv.0.map.bias"], 2)]
        for x in h
    ]
    key = "stage.conv.0."
    big = [[double(c) for c in x] for x in h]
    rec = key + "reconstruct."
    z = [conv(x, s[rec + "first.weight"], None, 12) for x in big]
    z = norm_relu(z, s[rec + "norm.weight"], s[rec + "norm.bias"])
    z = [conv(x, s[rec + "second.weight"], s[rec + "second.bias"], 1) for x in z]
    low, high = min(pixels), max(pixels)
    total = 0
    for x, image in zip(z, images):
        for row, want in zip(x[0], image[0]):
            for v, t in zip(row, want):
                t = (t - low) / (high - low)
                total += softplus(v) - t * v
    w.near([line["losses"]["conv.0.reconstruct"]], [total / 128], "the image made again")
    pre = key + "predict."
    z = norm_relu(
        [conv(x, s[pre + "map.weight"], None, 2) for x in h],
        s[pre + "norm.weight"],
        s[pre + "norm.bias"],
    )
    total = 0
    for x, label in zip(z, labels):
        mean = [sum(map(sum, c)) / 4 for c in x]
        hidden = relu(dense(mean, s[pre + "hidden.weight"], s[pre + "hidden.bias"]))
        total += cross_entropy(
            dense(hidden, s[pre + "out.weight"], s[pre + "out.bias"]), label
        )
    w.near([line["losses"]["conv.0.predict"]], [total / 8], "the label predicted")

    # Weights change linearly with depth; those of the paper's code are there.
    _, other = w.train(INFOPRO % ", reconstruct: [4, 1], predict: [0.5, 2]", *still)
    _, own = w.train(INFOPRO % "", *still)
    for i in range(3):
        for part, given, usual in [
            ("reconstruct", 4 - 1.5 * i, 5 - 2.5 * i),
            ("predict", 0.5 + 0.75 * i, 0.5 + 0.25 * i),
        ]:
            name = f"conv.{i}.{part}"
            one = line["losses"][name]
            w.near(
                [other["losses"][name], own["losses"][name]],
                [given * one, usual * one],
                f"its weight in stage {i}, {part}",
            )


def main():
    with tempfile.TemporaryDirectory() as folder:
        w = Ways(sys.argv[1], folder)
        forward_forward(w)
        infopro(w)
        return min(w.failures, 1)


if __name__ == "__main__":
    sys.exit(main())
