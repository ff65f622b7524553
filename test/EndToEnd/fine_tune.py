#!/usr/bin/env python3
"""Fine-tuning of an ONNX model, against formulas in double: losses, what is
written, low-rank updates, new heads, stages; and what is refused.

  fine_tune.py VARVE
"""

import json
import math
import os
import random
import struct
import subprocess
import sys
import tempfile

from onnx_file import external_tensor, model, node, parts, tensor, value_info
from weights import read_floats, read_npy, write_npy

SAMPLES, INPUTS, HIDDEN, CLASSES = 24, 4, 8, 3
RATE = 0.5
LOSSES = 6

# The network is x -> fc1 -> batch norm -> relu -> fc2.
TRAIN = """  data csv("points.csv") {
    x_1: f32[4] from "a", "b", "c", "d"
    kind: class(3)
  }
  loss cross_entropy(%s, kind)
  optimizer sgd(lr: 0.5)
  batch 24
  epochs 6
"""
CONFIG = 'import "net.onnx" as net\n\ntrain net {\n' + TRAIN % "out" + "%s}\n"
HEAD = """import "net.onnx" as net

model tuned(x_1: f32[N, 4]) -> logits: f32[N, 3] {
  return net(x_1, output: "/act/Relu_output_0") as body |> dense(3) as head
}

train tuned {
"""


def rounded(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def rows(values, width):
    return [values[i : i + width] for i in range(0, len(values), width)]


def times(a, b):
    columns = list(zip(*b))
    return [[sum(x * y for x, y in zip(r, c)) for c in columns] for r in a]


def flip(a):
    return [list(column) for column in zip(*a)]


class Network:
    """In double: the loss of all samples, and its gradients."""

    def __init__(self, weights, samples):
        self.w = {name: list(value) for name, value in weights.items()}
        self.x, self.kinds = samples

    def step(self):
        w, n = self.w, len(self.x)
        w1, w2 = rows(w["fc1.weight"], INPUTS), rows(w["fc2.weight"], CLASSES)
        s = [
            g / math.sqrt(v + 1e-5) for g, v in zip(w["bn.weight"], w["bn.running_var"])
        ]
        z = [
            [a + b for a, b in zip(r, w["fc1.bias"])] for r in times(self.x, flip(w1))
        ]
        hat = [
            [(a - m) / math.sqrt(v + 1e-5) for a, m, v in zip(r, w["bn.running_mean"], w["bn.running_var"])]
            for r in z
        ]
        y = [
            [a * g + b for a, g, b in zip(r, w["bn.weight"], w["bn.bias"])] for r in hat
        ]
        h = [[max(a, 0) for a in r] for r in y]
        o = [[a + b for a, b in zip(r, w["fc2.bias"])] for r in times(h, w2)]
        loss, do = 0, []
        for r, kind in zip(o, self.kinds):
            top = max(r)
            total = sum(math.exp(a - top) for a in r)
            loss += (math.log(total) + top - r[kind]) / n
            do.append(
                [
                    (math.exp(a - top) / total - (i == kind)) / n
                    for i, a in enumerate(r)
                ]
            )
        dh = times(do, flip(w2))
        dy = [[d if a > 0 else 0 for d, a in zip(u, v)] for u, v in zip(dh, y)]
        dz = [[d * f for d, f in zip(r, s)] for r in dy]
        self.o = o
        gradients = {
            "fc2.weight": sum(times(flip(h), do), []),
            "fc2.bias": [sum(c) for c in flip(do)],
            "bn.weight": [
                sum(a * b for a, b in zip(u, v)) for u, v in zip(flip(dy), flip(hat))
            ],
            "bn.bias": [sum(c) for c in flip(dy)],
            "fc1.weight": sum(times(flip(dz), self.x), []),
            "fc1.bias": [sum(c) for c in flip(dz)],
        }
        return loss, gradients

    def learn(self, names, steps):
        losses = []
        for _ in range(steps):
            loss, gradients = self.step()
            losses.append(loss)
            for name in names:
                self.w[name] = [
                    a - RATE * g for a, g in zip(self.w[name], gradients[name])
                ]
        return losses


def random_weights(draw):
    def normal(count, mean=0.0):
        return [rounded(draw.gauss(mean, 0.5)) for _ in range(count)]

    return {
        "fc1.weight": normal(HIDDEN * INPUTS),
        "fc1.bias": normal(HIDDEN),
        "bn.weight": normal(HIDDEN, 1.0),
        "bn.bias": normal(HIDDEN),
        "bn.running_mean": normal(HIDDEN),
        "bn.running_var": [rounded(draw.uniform(0.5, 2)) for _ in range(HIDDEN)],
        "fc2.bias": normal(CLASSES),
        "fc2.weight": normal(HIDDEN * CLASSES),
    }


def network(weights, batch="batch", outside=()):
    """As PyTorch's exporter writes it: the last weight has lost its name. Those
    `outside` lie in weights.bin, one after the other."""
    shapes = {
        "fc1.weight": [HIDDEN, INPUTS],
        "fc2.weight": [HIDDEN, CLASSES],
    }
    named = [
        tensor(
            "onnx::MatMul_9" if name == "fc2.weight" else name,
            shapes.get(name, [len(value)]),
            value,
        )
        for name, value in weights.items()
    ]
    offset = 0
    for i, name in enumerate(weights):
        if name in outside:
            size = 4 * len(weights[name])
            shape = shapes.get(name, [len(weights[name])])
            named[i] = external_tensor(name, shape, "weights.bin", offset, size)
            offset += size
    return model(
        [
            node("Gemm", ["x.1", "fc1.weight", "fc1.bias"], ["/fc1/Gemm_output_0"],
                 "/fc1/Gemm", transB=1),
            node("BatchNormalization",
                 ["/fc1/Gemm_output_0"]
                 + ["bn." + n for n in ("weight", "bias", "running_mean", "running_var")],
                 ["/bn/out"], "/bn/BatchNormalization", epsilon=1e-5),
            node("Relu", ["/bn/out"], ["/act/Relu_output_0"], "/act/Relu"),
            node("Reshape", ["/act/Relu_output_0", "shape"], ["/flat"], "/Reshape"),
            node("MatMul", ["/flat", "onnx::MatMul_9"], ["/fc2/MatMul_output_0"],
                 "/fc2/MatMul"),
            node("Add", ["fc2.bias", "/fc2/MatMul_output_0"], ["out"], "/fc2/Add"),
        ],
        named + [tensor("shape", [2], [1 if batch == 1 else -1, HIDDEN], "q")],
        [value_info("x.1", [batch, INPUTS])],
        [value_info("out", [batch, CLASSES])],
    )


ALL = ["fc1.weight", "fc1.bias", "bn.weight", "bn.bias", "fc2.weight", "fc2.bias"]


class Trials:
    def __init__(self, varve, folder):
        self.varve, self.folder, self.failures = varve, folder, 0
        draw = random.Random(7)
        x = [[rounded(draw.gauss(0, 1)) for _ in range(INPUTS)] for _ in range(SAMPLES)]
        kinds = [draw.randrange(CLASSES) for _ in range(SAMPLES)]
        self.samples = x, kinds
        with open(self.path("points.csv"), "w") as file:
            file.write("a,b,c,d,kind\n")
            for row, kind in zip(x, kinds):
                file.write(",".join(map(repr, row)) + f",{kind}\n")
        self.weights = random_weights(draw)
        self.write("net.onnx", network(self.weights))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return self.path(name)

    def expect(self, good, what):
        print("ok  " if good else "FAIL", what)
        self.failures += not good

    def near(self, got, want, bound, what):
        worst = max((abs(a - b) for a, b in zip(got, want)), default=0)
        self.expect(len(got) == len(want) and worst <= bound, f"{what}: {worst:.1e}")

    def run(self, *args, status=0):
        process = subprocess.run(
            [self.varve] + list(args),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if process.returncode != status:
            print(process.stdout + process.stderr)
            self.expect(False, f"status {process.returncode}, not {status}: {args}")
        return process.stdout, process.stderr

    def train(self, *args):
        """The losses of the steps, each of all samples."""
        out, _ = self.run("train", *args, "--json", "--threads", "1")
        lines = [json.loads(line) for line in out.splitlines()]
        return [line["loss"] for line in lines if line["event"] == "epoch"]

    def evaluate(self, *args):
        out, _ = self.run("eval", *args, "--json", "--threads", "1")
        return json.loads(out or '{"loss": 0}')["loss"]


def fine_tuning(t):
    t.write("tune.varve", CONFIG % "")
    losses = t.train("net.onnx", "--config", "tune.varve", "--out", "w.safetensors")
    truth = Network(t.weights, t.samples)
    t.near(losses, truth.learn(ALL, LOSSES), 1e-5, "losses of an ONNX model")
    kept = read_floats(t.path("w.safetensors"))
    t.expect(sorted(kept) == sorted(t.weights), "weights have the names of the file")
    for name in t.weights:
        t.near(kept.get(name, []), truth.w[name], 1e-5, name)
    after = truth.step()[0]
    loss = t.evaluate("net.onnx", "--config", "tune.varve", "--weights", "w.safetensors")
    t.near([loss], [after], 1e-5, "eval of the weights")
    before = t.evaluate("net.onnx", "--config", "tune.varve")
    t.near([before], [Network(t.weights, t.samples).step()[0]], 1e-5,
           "eval without weights is of the file's")
    # The text alone finds the network beside it.
    again = t.train("tune.varve", "--out", "w2.safetensors")
    t.expect(again == losses, "the text's own import")

    t.run("train", "net.onnx", "--config", "tune.varve", "--out", "tuned.onnx",
          "--threads", "1")
    old, new = parts(t.path("net.onnx")), parts(t.path("tuned.onnx"))
    t.expect(old[1] == new[1], "all but the weights is as it was")
    t.expect(list(old[0]) == list(new[0]), "so are their names")
    for name, value in new[0].items():
        want = truth.w.get("fc2.weight" if "onnx::" in name else name)
        if want is None:
            t.expect(value == old[0][name], f"{name} in the file")
        else:
            t.near(value, want, 1e-5, f"{name} in the file")
    t.run("train", "tuned.onnx", "--config", "tune.varve", "--set", "optimizer.lr=0",
          "--epochs", "1", "--out", "w3.safetensors")
    t.near(t.train("tuned.onnx", "--config", "tune.varve", "--epochs", "1", "--out",
                   "w3.safetensors"), [after], 1e-5, "the file written is a model")


def validation(t):
    """Training and evaluation agree about the layout of a matrix that is used
    as it lies in the file, and of updates."""
    for name in ("tune", "lora"):
        t.train(f"{name}.varve", "--set", "validate=0.25", "--set", "batch=6", "--set", "optimizer.lr=0.01", "--out",
                "v.safetensors")
    t.expect(True, "with a validation split")


def with_statistics(t, weights):
    """Weights whose running statistics are those of the samples under them, and
    what training moves them to."""
    network = Network(weights, t.samples)
    z = times(network.x, flip(rows(network.w["fc1.weight"], INPUTS)))
    columns = [[a + b for a in c] for c, b in zip(flip(z), network.w["fc1.bias"])]
    mean = [sum(c) / SAMPLES for c in columns]
    var = [sum((a - m) ** 2 for a in c) / SAMPLES for c, m in zip(columns, mean)]
    now = dict(weights, **{"bn.running_mean": mean, "bn.running_var": var})
    grown = [v * SAMPLES / (SAMPLES - 1) for v in var]
    moved = {
        "bn.running_mean": [0.9 * a + 0.1 * b for a, b in zip(weights["bn.running_mean"], mean)],
        "bn.running_var": [0.9 * a + 0.1 * b for a, b in zip(weights["bn.running_var"], grown)],
    }
    return now, moved


def training_mode(t):
    """Batch normalization under model.train(). fine_tune_torch.py has gradients."""
    text = CONFIG.replace("as net", "as net (training: true)")
    t.write("mode.varve", text % "")
    still = ["--set", "optimizer.lr=0", "--epochs", "1"]
    losses = t.train("mode.varve", *still, "--out", "m1.safetensors")
    now, moved = with_statistics(t, t.weights)
    t.near(losses, [Network(now, t.samples).step()[0]], 1e-5, "statistics of the batch")
    kept = read_floats(t.path("m1.safetensors"))
    for name, value in kept.items():
        t.near(value, moved.get(name, t.weights.get(name, [])), 1e-6, f"{name} after a step")
    loss = t.evaluate("mode.varve", "--weights", "m1.safetensors")
    t.near([loss], [Network(kept, t.samples).step()[0]], 1e-5, "evaluation takes the running ones")
    t.near([t.evaluate("mode.varve")], [Network(t.weights, t.samples).step()[0]], 1e-5,
           "those of the file before")
    t.train("mode.varve", *still, "--out", "m1.onnx")
    written = parts(t.path("m1.onnx"))[0]
    t.expect(all(written[name] == kept[name] for name in moved), "which an ONNX file gets")

    t.write("lora_mode.varve", text % '  freeze "**"\n  lora "fc2.*" (rank: 2)\n')
    t.train("lora_mode.varve", *still, "--out", "m2.safetensors")
    names = read_floats(t.path("m2.safetensors"))
    t.expect(set(moved) < set(names) and "fc1.bias" not in names,
             "low-rank updates come with the statistics that moved")
    t.near([t.evaluate("lora_mode.varve", "--weights", "m2.safetensors")], [loss], 1e-6,
           "and evaluation takes them")

    for pattern in "bn.*", "bn.**":
        t.write("kept_mode.varve", text % f'  freeze "{pattern}" (eval: true)\n')
        t.write("kept_plain.varve", CONFIG % f'  freeze "{pattern}"\n')
        args = ["--epochs", "2", "--out", "m3.safetensors"]
        t.expect(t.train("kept_mode.varve", *args) == t.train("kept_plain.varve", *args),
                 f"{pattern} in evaluation mode")
    _, said = t.run("train", t.write("bad.varve", text.replace("true", "1") % ""), status=1)
    t.expect("`training`, which is true or false" in said, "an argument of import that is none")
    dropping(t)


def dropping(t):
    """Dropout of ones: 0 or 4 / 3, others in each step, and 1 in evaluation."""
    t.write("drop.onnx", model(
        [node("Sub", ["x.1", "x.1"], ["none"], "/none/Sub"),
         node("Add", ["none", "one"], ["ones"], "/one/Add"),
         node("Dropout", ["ones", "ratio"], ["y"], "/drop/Dropout"),
         node("MatMul", ["y", "w"], ["out"], "/fc/MatMul")],
        [tensor("w", [INPUTS, CLASSES], t.weights["fc2.weight"][: INPUTS * CLASSES]),
         tensor("one", [], [1.0]), tensor("ratio", [], [0.25])],
        [value_info("x.1", ["batch", INPUTS])],
        [value_info("out", ["batch", CLASSES]), value_info("y", ["batch", INPUTS])],
    ))
    text = (CONFIG.replace("as net", "as net (training: true)").replace("net.onnx", "drop.onnx")
            % "  metric first = mean(y)\n  metric second = mean(y * y)\n")
    t.write("drop.varve", text)
    out, _ = t.run("train", "drop.varve", "--set", "optimizer.lr=0", "--epochs", "20", "--json",
                   "--threads", "1", "--out", "d.safetensors")
    lines = [json.loads(line) for line in out.splitlines()]
    lines = [line for line in lines if line["event"] == "epoch"]
    first, second = ([line[name] for line in lines] for name in ("first", "second"))
    # 1920 draws: bounds of five deviations.
    t.near([sum(first) / len(first)], [1], 0.07, "dropout keeps the mean")
    t.near([sum(second) / len(second)], [4 / 3], 0.09, "of what it keeps, larger")
    t.expect(len(set(first)) > 5, "and draws anew in each step")
    out, _ = t.run("eval", "drop.varve", "--weights", "d.safetensors", "--json")
    line = json.loads(out)
    t.near([line["first"], line["second"]], [1, 1], 0, "and none in evaluation")


def freezing(t):
    t.write("frozen.varve", CONFIG % '  freeze "fc1.*", "bn.*"\n')
    losses = t.train("frozen.varve", "--out", "f.safetensors")
    truth = Network(t.weights, t.samples)
    t.near(losses, truth.learn(["fc2.weight", "fc2.bias"], LOSSES), 1e-5, "freeze")
    kept = read_floats(t.path("f.safetensors"))
    t.expect(kept["fc1.weight"] == t.weights["fc1.weight"], "what is frozen stays")


def one_sample(t):
    t.write("one.onnx", network(t.weights, batch=1))
    losses = t.train("one.onnx", "--config", "tune.varve", "--out", "o.safetensors")
    truth = Network(t.weights, t.samples)
    t.near(losses, truth.learn(ALL, LOSSES), 1e-5, "a graph made for one sample")


def outside(t):
    """External data: a weight that learns, and one that does not."""
    names = ["fc1.weight", "bn.running_mean"]
    values = sum((t.weights[name] for name in t.weights if name in names), [])
    t.write("weights.bin", struct.pack(f"<{len(values)}f", *values))
    t.write("outside.onnx", network(t.weights, outside=names))
    losses = t.train("outside.onnx", "--config", "tune.varve", "--out", "inside.onnx")
    t.near(losses, Network(t.weights, t.samples).learn(ALL, LOSSES), 1e-5,
           "external data learn")
    inside, tuned = parts(t.path("inside.onnx")), parts(t.path("tuned.onnx"))
    t.expect(inside == tuned, "and are inside of what is written")


def heads(t):
    t.write("head.varve", HEAD + TRAIN % "logits" + "}\n")
    losses = t.train("net.onnx", "--config", "head.varve", "--out", "h.safetensors")
    t.expect(losses[-1] < losses[0], "a new head learns")
    names = read_floats(t.path("h.safetensors"))
    want = {"head.weight", "head.bias"} | {
        "body." + name for name in t.weights if not name.startswith("fc2")
    }
    t.expect(set(names) == want, "with the part of the network that it reads")
    # tuned_onnx.py has more of this.
    t.train("net.onnx", "--config", "head.varve", "--out", "head.onnx")
    given = ["--input", "x_1=x.npy", "--output-dir"]
    write_npy(t.path("x.npy"), "f4", (SAMPLES, INPUTS), sum(t.samples[0], []))
    t.run("run", "head.varve", "--weights", "h.safetensors", *given, "o")
    t.run("run", "head.onnx", *given, "o2")
    t.near(read_npy(t.path("o2/logits.npy"))[1], read_npy(t.path("o/logits.npy"))[1], 1e-6,
           "an ONNX file has both")


def not_in_onnx(t):
    """Refused before training, and nothing is written over."""
    text = HEAD.replace("return net", "n = max(cast(abs(x_1), u64))\n  y = net").replace(
        "as head\n", "as head\n  return y + 0 * cast(n, f32)\n")
    t.write("order.varve", text + TRAIN % "logits" + "}\n")
    before = t.write("kept.onnx", "before")
    out, said = t.run("train", "order.varve", "--out", "kept.onnx", status=2)
    t.expect("u64" in said and out == "", "what has no form in ONNX is refused first")
    with open(before) as file:
        t.expect(file.read() == "before", "and no file is touched")


def low_rank(t):
    rule = '  freeze "**"\n  lora "*.weight" (rank: 2, alpha: 6)\n'
    t.write("lora.varve", CONFIG % rule)
    whole = t.evaluate("tune.varve")
    t.expect(t.evaluate("lora.varve") == whole, "updates change no bit at first")
    first = t.train("lora.varve", "--out", "a0.safetensors", "--epochs", "1", "--set",
                    "optimizer.lr=0")
    t.expect(first == [t.train("tune.varve", "--epochs", "1", "--out", "x.safetensors")[0]],
             "nor the first loss")
    begin = read_floats(t.path("a0.safetensors"))
    shapes = {"fc1": (INPUTS, HIDDEN), "fc2": (HIDDEN, CLASSES)}
    t.expect(sorted(begin) == ["fc1.weight.lora_a", "fc1.weight.lora_b",
                               "fc2.weight.lora_a", "fc2.weight.lora_b"],
             "the file has the updates alone")
    for layer, (into, out) in shapes.items():
        a, b = (begin[f"{layer}.weight.lora_{x}"] for x in "ab")
        bound = 1 / math.sqrt(into)
        t.expect(len(a) == 2 * into and max(map(abs, a)) <= bound
                 and max(map(abs, a)) > bound / 2, f"{layer}: a is uniform")
        t.expect(b == [0] * (2 * out), f"{layer}: b is 0")

    losses = t.train("lora.varve", "--out", "a.safetensors")
    truth = Network(t.weights, t.samples)
    factors = {}
    for layer, (into, out) in shapes.items():
        factors[layer] = (rows(list(begin[f"{layer}.weight.lora_a"]), into),
                          [[0.0, 0.0] for _ in range(out)])
    want = []
    for _ in range(LOSSES):
        for layer, (a, b) in factors.items():
            product = times(b, a)
            if layer == "fc2":  # It is [in, out]: x @ W.
                product = flip(product)
            truth.w[layer + ".weight"] = [
                w + 3 * d for w, d in zip(t.weights[layer + ".weight"], sum(product, []))
            ]
        loss, gradients = truth.step()
        want.append(loss)
        for layer, (a, b) in factors.items():
            into, out = shapes[layer]
            g = gradients[layer + ".weight"]
            g = flip(rows(g, out)) if layer == "fc2" else rows(g, into)
            da, db = times(flip(b), g), times(g, flip(a))
            factors[layer] = (
                [[x - RATE * 3 * d for x, d in zip(r, s)] for r, s in zip(a, da)],
                [[x - RATE * 3 * d for x, d in zip(r, s)] for r, s in zip(b, db)],
            )
    t.near(losses, want, 1e-5, "losses with low-rank updates")
    kept = read_floats(t.path("a.safetensors"))
    for layer, (a, b) in factors.items():
        t.near(kept[layer + ".weight.lora_a"], sum(a, []), 1e-5, f"{layer} a")
        t.near(kept[layer + ".weight.lora_b"], sum(b, []), 1e-5, f"{layer} b")

    tuned = t.evaluate("lora.varve", "--weights", "a.safetensors")
    t.train("lora.varve", "--merge", "--out", "m.safetensors")
    merged = read_floats(t.path("m.safetensors"))
    t.expect(sorted(merged) == sorted(t.weights), "merged: the names of the model")
    t.near([t.evaluate("tune.varve", "--weights", "m.safetensors")], [tuned], 1e-6,
           "merged weights in the model without updates")
    t.near([t.evaluate("lora.varve", "--weights", "m.safetensors")], [tuned], 1e-6,
           "and in that with them")
    t.train("lora.varve", "--out", "lora.onnx")
    t.near([t.evaluate("lora.onnx", "--config", "tune.varve")], [tuned], 1e-6,
           "merged into an ONNX file")
    more = t.train("lora.varve", "--init-from", "a.safetensors", "--out", "b.safetensors")
    t.near([more[0]], [tuned], 1e-6, "training goes on from updates")


def own_model(t):
    """Low-rank updates of a model of the language."""
    text = """model net(x_1: f32[N, 4]) -> out: f32[N, 3] {
  return x_1 |> dense(8) as fc1 |> relu |> dense(3) as fc2
}

train net {
"""
    t.write("own.varve", text + TRAIN % "out" + "}\n")
    t.train("own.varve", "--out", "own.safetensors")
    base = t.evaluate("own.varve", "--weights", "own.safetensors")
    rule = '  freeze "*.bias"\n  lora "fc1.weight" (rank: 3)\n  init_from "own.safetensors"\n'
    t.write("ownlora.varve", text + TRAIN % "out" + rule + "}\n")
    first = t.train("ownlora.varve", "--out", "ol.safetensors")
    t.near([first[0]], [base], 1e-6, "updates of a model of ours begin with its weights")
    kept = read_floats(t.path("ol.safetensors"))
    t.expect(sorted(kept) == ["fc1.weight.lora_a", "fc1.weight.lora_b", "fc2.weight"],
             "what learns is what is written")
    tuned = t.evaluate("ownlora.varve", "--weights", "ol.safetensors")
    t.train("ownlora.varve", "--merge", "--out", "om.safetensors")
    t.near([t.evaluate("own.varve", "--weights", "om.safetensors")], [tuned], 1e-6,
           "merged, it is the model")
    fresh = rule.replace('  init_from "own.safetensors"\n', "")
    t.write("fresh.varve", text + TRAIN % "out" + fresh + "}\n")
    t.train("fresh.varve", "--out", "fresh.safetensors")
    kept = read_floats(t.path("fresh.safetensors"))
    t.expect("fc1.weight" in kept, "a frozen matrix that no other file has is written")
    t.evaluate("fresh.varve", "--weights", "fresh.safetensors")
    t.write("nobase.varve", (text + TRAIN % "out" + rule + "}\n").replace(
        '  init_from "own.safetensors"\n', ""))
    _, said = t.run("eval", "nobase.varve", "--weights", "ol.safetensors", status=1)
    t.expect("low-rank updates alone" in said, "updates without what they stand on")


def stages(t):
    way = '  learning decoupled(cuts: ["act"]) {\n    loss local = cross_entropy(dense(h, 3) as map, kind)\n  }\n'
    t.write("stages.varve", CONFIG % way)
    losses = t.train("stages.varve", "--out", "s.safetensors")
    truth = Network(t.weights, t.samples)
    t.near(losses[:1], [truth.step()[0]], 1e-5, "stages: the last loss is the model's")
    kept = read_floats(t.path("s.safetensors"))
    t.expect(kept["fc1.weight"] != t.weights["fc1.weight"], "the first stage learns")
    # Only the last stage's parameters see the model's own loss: of its first
    # step they are those of a network whose other parameters are frozen.
    t.train("stages.varve", "--epochs", "1", "--out", "s1.safetensors")
    truth.learn(["fc2.weight", "fc2.bias"], 1)
    one = read_floats(t.path("s1.safetensors"))
    t.near(one["fc2.weight"], truth.w["fc2.weight"], 1e-5, "the last stage's step")


def inference(t):
    write_npy(t.path("x.npy"), "f4", (SAMPLES, INPUTS), sum(t.samples[0], []))
    given = ["--input", "x_1=x.npy", "--output-dir", "o"]
    for weights, args in [
        (t.weights, ["tune.varve"]),
        (t.weights, ["net.onnx", "--config", "lora.varve"]),
        (None, ["tune.varve", "--weights", "w.safetensors"]),
    ]:
        t.run("run", *args, *given)
        truth = Network(weights or read_floats(t.path("w.safetensors")), t.samples)
        truth.step()
        t.near(read_npy(t.path("o/out.npy"))[1], sum(truth.o, []), 1e-5, f"run {args}")
    _, said = t.run("run", "head.varve", *given, status=64)
    t.expect("has no value: --weights is required" in said, "run of a head without weights")


def going_on(t):
    """Interrupted and resumed, and greedily stage by stage."""
    t.train("lora.varve", "--epochs", "2", "--checkpoint", "kept", "--out", "r.safetensors")
    t.train("lora.varve", "--checkpoint", "kept", "--resume", "--epochs", "6", "--out", "r.safetensors")
    whole, parts = (read_floats(t.path(f"{x}.safetensors")) for x in "ar")
    t.expect(whole == parts, "resumed from a checkpoint: the same bits")
    way = '  learning greedy(cuts: ["act"])\n'
    t.write("greedy.varve", CONFIG % way)
    losses = t.train("greedy.varve", "--epochs", "3", "--out", "g.safetensors")
    t.expect(len(losses) == 6 and losses[2] < losses[0] and losses[5] < losses[3],
             "greedy stages learn")


def twice(t):
    """The same network on two inputs, by the name of its layer."""
    text = """import "net.onnx" as net

model pair(x_1: f32[N, 4]) -> logits: f32[N, 3] {
  a = net(x_1, output: "/act/Relu_output_0") as body
  b = body(2 * x_1)
  c = net(x_1) as other
  return (dense(a + b, 3) as head) + 0 * c
}

train pair {
"""
    t.write("pair.varve", text + TRAIN % "logits" + "}\n")
    losses = t.train("pair.varve", "--out", "p.safetensors")
    t.expect(losses[-1] < losses[0], "a network applied twice learns")
    names = read_floats(t.path("p.safetensors"))
    t.expect("other.fc2.weight" in names and "body.fc1.weight" in names
             and "body.fc2.weight" not in names, "and another one beside it")


def other_refusals(t):
    whole = network(t.weights)
    t.write("foreign.onnx", whole.replace(b"Relu\"", b"Rxlu\"").replace(
        b"\x22\x04Relu", b"\x22\x04Rxlu"))
    _, said = t.run("train", "foreign.onnx", "--config", "tune.varve", status=2)
    t.expect("'Rxlu' of opset 17 is not supported" in said, "an operator that is not there")
    _, said = t.run("compile", "tune.varve", "-o", "lib.so", "--header", "lib.h", status=2)
    t.expect("--weights" in said, "a library without weights")


REFUSED = [
    (CONFIG % '  lora "*.bias"\n', 1, '"*.bias" matches no matrix of a product'),
    (CONFIG % '  lora "*.waight"\n', 1, '"*.waight" matches no parameter'),
    (CONFIG % '  lora "fc2.weight" (rank: 9)\n', 1, "rank 9 is above that of"),
    (CONFIG % '  lora "fc2.weight" (rank: 0)\n', 1, "`rank` is an int of 1 or more"),
    (CONFIG % '  lora "fc2.weight" (dropout: 0.1)\n', 1, "`lora` has no argument `dropout`"),
    (CONFIG % '  freeze "fc3.*"\n', 1, '"fc3.*" matches no parameter'),
    (HEAD.replace("/act/Relu_output_0", "/act/Rely") + TRAIN % "logits" + "}\n", 1,
     "\"net.onnx\" has no value '/act/Rely'"),
    (HEAD.replace("net(x_1,", "net(") + TRAIN % "logits" + "}\n", 1, "`net` needs `x_1`"),
    (HEAD.replace("f32[N, 4]", "f32[N, 5]").replace("net(x_1", "net(x_1") + (TRAIN % "logits")
     .replace("f32[4]", "f32[5]").replace('"d"', '"d", "a"') + "}\n", 1,
     "input 'x.1' is f32[N, 5], the graph takes f32[batch, 4]"),
    (HEAD.replace("as body", "") + TRAIN % "logits" + "}\n", 0, ""),
    ('import "gone.onnx" as net\n' + (CONFIG % "").split("\n", 1)[1], 1, "gone.onnx"),
]


def refusals(t):
    for text, status, wanted in REFUSED:
        t.write("bad.varve", text)
        _, said = t.run("train", "bad.varve", "--epochs", "1", "--out", "bad.safetensors",
                        status=status)
        t.expect(wanted in said, f"refused: {wanted}")
        if wanted not in said:
            print(said)
    _, said = t.run("train", "net.onnx", status=64)
    t.expect("--config" in said, "an ONNX model alone is not trained")
    t.write("none.varve", "model m(x: f32[N, 4]) -> y: f32[N, 4] { return x }\n")
    _, said = t.run("train", "net.onnx", "--config", "none.varve", status=1)
    t.expect("0 imports" in said, "a text without `import`")


def main():
    with tempfile.TemporaryDirectory() as folder:
        t = Trials(os.path.abspath(sys.argv[1]), folder)
        for trial in (fine_tuning, freezing, one_sample, outside, heads, not_in_onnx, training_mode, low_rank, validation, own_model,
                      stages, inference, going_on, twice, refusals, other_refusals):
            trial(t)
    print("failures:", t.failures)
    return min(t.failures, 1)


if __name__ == "__main__":
    sys.exit(main())
