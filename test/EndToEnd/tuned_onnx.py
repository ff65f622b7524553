#!/usr/bin/env python3
"""ONNX files of what was trained, where that is more than an imported network:
new heads, low-rank updates, several networks, models of the language. ONNX
Runtime and `varve run` on the file give what `varve run` gives with the weights,
for several numbers of samples.

  tuned_onnx.py VARVE

Needs onnx, onnxruntime and numpy, and skips without one of them.
"""

import os
import sys
import tempfile

try:
    import numpy as np
    import onnx
    import onnxruntime
except ImportError:
    print("skipped: this Python has no onnx and onnxruntime")
    sys.exit(77)

from fine_tune import CONFIG, HEAD, TRAIN, Trials

LORA = '  freeze "body.**"\n  lora "head.weight", "body.fc1.*" (rank: 2, alpha: 6)\n'
PAIR = """import "net.onnx" as net

model pair(x_1: f32[N, 4]) -> logits: f32[N, 3] {
  a = net(x_1, output: "/act/Relu_output_0") as body
  b = body(2 * x_1)
  c = net(x_1) as other
  return (dense(a + b, 3) as head) + 0.5 * c
}

train pair {
"""
WRAPPED = """import "net.onnx" as net

model wrapped(x_1: f32[N, 4]) -> logits: f32[N, 3] {
  return 2 * net(x_1)
}

train wrapped {
"""
# Sizes of the samples in shapes of every kind.
SHAPES = """model own(x_1: f32[N, 4]) -> logits: f32[N, 3] {
  h = reshape(x_1 |> dense(8) as fc1, [2 * N, 4]) |> softmax
  h = reshape(h, [N, 8]) |> batch_norm as norm |> dropout(0.5)
  m = broadcast(range(N), [N, 3], axis: 0)
  r = concat([h, flip(h, axis: 0)], axis: 0)[N:]
  return (dense(r, 3) as fc2) + 0.01 * cast(m, f32) / (1 + mean(x_1, axis: 0, keepdims: true)[:, :3])
}

infer own {
  output digit = argmax(logits, axis: 1)
  output logits = logits
}

train own {
"""
CASES = [
    ("a new head", HEAD, ""),
    ("a new head, and low-rank updates", HEAD, LORA),
    ("a network twice, and again", PAIR, ""),
    ("a network and a factor", WRAPPED, ""),
    ("a model of the language", SHAPES, '  lora "fc1.weight" (rank: 1)\n'),
]


def session_of(path):
    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )


def compare(t, session, exported, args, what):
    random = np.random.default_rng(5)
    names = [info.name for info in session.get_outputs()]
    for samples in (1, 2, 5, 24):
        x = random.standard_normal((samples, 4)).astype(np.float32)
        np.save(t.path("x.npy"), x)
        want = session.run(None, {"x_1": x})
        given = ["--input", "x_1=x.npy", "--output-dir"]
        t.run("run", *args, *given, "ours")
        t.run("run", exported, *given, "again")
        for name, value in zip(names, want):
            for folder in "ours", "again":
                got = np.load(t.path(f"{folder}/{name}.npy"))
                good = got.shape == value.shape and got.dtype == value.dtype
                worst = np.abs(got - value).max() if good else np.inf
                t.expect(worst <= 1e-5 * max(1, np.abs(value).max()),
                         f"{what}: {name} ({folder}) of {samples}: {worst:.1e}")


def tuned(t, what, text, rule):
    text += TRAIN % "logits" + rule + "}\n"
    t.write("case.varve", text)
    t.run("train", "case.varve", "--out", "w.safetensors", "--threads", "1")
    _, said = t.run("train", "case.varve", "--out", "case.onnx", "--threads", "1")
    t.expect(said == "", f"{what}: for any number of samples")
    args = ["case.varve", "--weights", "w.safetensors"]
    compare(t, session_of(t.path("case.onnx")), "case.onnx", args, what)
    t.run("compile", "case.varve", "--weights", "w.safetensors", "-o", "again.onnx")
    t.expect(read(t, "again.onnx") == read(t, "case.onnx"),
             f"{what}: `varve compile` with the weights writes the same file")
    t.run("train", "case.varve", "--out", "out.onnx", "--external-data", "--threads", "1")
    inside = onnx.load(t.path("case.onnx"))
    outside = onnx.load(t.path("out.onnx"))
    t.expect(inside == outside, f"{what}: so has one with external data")


def read(t, name):
    with open(t.path(name), "rb") as file:
        return file.read()


def main():
    with tempfile.TemporaryDirectory() as folder:
        t = Trials(os.path.abspath(sys.argv[1]), folder)
        for case in CASES:
            tuned(t, *case)
    print("failures:", t.failures)
    return min(t.failures, 1)


if __name__ == "__main__":
    sys.exit(main())
