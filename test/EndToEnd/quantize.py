#!/usr/bin/env python3
"""`varve quantize`: what the model of codes computes, against the definition of
its operators in double; and what is refused.

  quantize.py VARVE
"""

import json
import math
import os
import random
import subprocess
import sys
import tempfile

import onnx_file
from weights import read_npy, write_floats, write_npy

MODEL = """model net(x: f32[N, 3]) -> y: f32[N, 2] {
  return x |> dense(4) as a |> relu |> dense(2) as b
}
"""


def quantized(values, measured):
    """As 8-bit codes from the least to the largest of `measured`, and back."""
    low, high = min(0, *measured), max(0, *measured)
    scale = (high - low) / 255
    zero = round(-low / scale)
    return [
        (min(max(round(x / scale) + zero, 0), 255) - zero) * scale for x in values
    ]


def symmetric(row):
    scale = max(map(abs, row)) / 127
    return [round(x / scale) * scale for x in row]


def layer(inputs, weight, bias, coded=lambda row: row):
    inner = len(weight) // len(bias)
    rows = [coded(weight[o * inner : (o + 1) * inner]) for o in range(len(bias))]
    return [
        bias[o] + sum(w * inputs[n * inner + i] for i, w in enumerate(row))
        for n in range(len(inputs) // inner)
        for o, row in enumerate(rows)
    ]


def relu(values):
    return [max(x, 0) for x in values]


def open_model(path):
    """y = x w for any number of samples."""
    with open(path, "wb") as file:
        file.write(onnx_file.model(
            [onnx_file.node("MatMul", ["x", "w"], ["y"])],
            [onnx_file.tensor("w", [3, 2], [1, 1, 1, 1, 1, 1])],
            [onnx_file.value_info("x", ["N", 3])],
            [onnx_file.value_info("y", ["N", 2])]))


def main():
    (varve,) = sys.argv[1:]
    varve = os.path.abspath(varve)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        draw = random.Random(3)
        x, a, p, b, q = ([draw.uniform(-1, 1) for _ in range(n)]
                         for n in (24, 12, 4, 8, 2))
        write_npy("x.npy", "f4", (8, 3), x)
        write_npy("odd.npy", "f4", (7, 3), x[:21])
        write_floats("w.safetensors", {
            "a.weight": ([4, 3], a), "a.bias": ([4], p),
            "b.weight": ([2, 4], b), "b.bias": ([2], q),
        })
        with open("net.varve", "w") as file:
            file.write(MODEL)

        def call(*arguments, status=0, words=""):
            done = subprocess.run([varve, *arguments], capture_output=True, text=True)
            if done.returncode != status or words not in done.stderr:
                sys.exit(f"{arguments}: status {done.returncode}\n{done.stderr}")
            return done.stdout

        call("compile", "net.varve", "--weights", "w.safetensors", "--batch", "4",
             "-o", "net.onnx")
        out = call("quantize", "net.onnx", "--input", "x=x.npy", "-o", "q.onnx", "--json")
        report = json.loads(out.splitlines()[-1])
        if report["products"] != 2 or report["outputs"][0]["snr_db"] < 30:
            sys.exit(out)
        measured = relu(layer(x, a, p))
        hidden = relu(layer(quantized(x, x), a, p, symmetric))
        want = layer(quantized(hidden, measured), b, q, symmetric)
        write_npy("x.npy", "f4", (4, 3), x[:12])
        call("run", "q.onnx", "--input", "x=x.npy", "--output-dir", "out")
        _, got = read_npy("out/y.npy")
        worst = max(abs(g - w) for g, w in zip(got, want))
        # A code of the second layer's input is worth 0.004.
        if len(got) != 8 or worst > 1e-5:
            sys.exit(f"off by {worst}")
        call("quantize", "net.varve", "--input", "x=x.npy", "-o", "q.onnx",
             status=64, words="'net.varve' does not end in .onnx")
        call("quantize", "net.onnx", "--input", "z=x.npy", "-o", "q.onnx",
             status=1, words="no input 'z'; it has: x")
        call("quantize", "net.onnx", "--input", "x=odd.npy", "-o", "q.onnx",
             status=1, words="7 samples, which is no multiple of the 4")
        # Any number of samples where the model takes any: calls of 16, 16, 3.
        open_model("open.onnx")
        x = [draw.uniform(0, 1) for _ in range(35 * 3)]
        x[-1] = 8
        write_npy("x.npy", "f4", (35, 3), x)
        out = call("quantize", "open.onnx", "--input", "x=x.npy", "-o", "q.onnx")
        if "of 35 rows" not in out:
            sys.exit(out)
        write_npy("x.npy", "f4", (1, 3), [8, 0, 0])
        call("run", "q.onnx", "--input", "x=x.npy", "--output-dir", "out")
        if abs(read_npy("out/y.npy")[1][0] - 8) > 0.01:
            sys.exit("the last sample was not measured")
        write_npy("x.npy", "f4", (2, 3), [1, math.nan, 2, 3, 4, 5])
        call("quantize", "open.onnx", "--input", "x=x.npy", "-o", "no.onnx",
             status=1, words="is not finite on these samples")
        if os.path.exists("no.onnx"):
            sys.exit("no.onnx was written")
    print("all fine")


if __name__ == "__main__":
    main()
