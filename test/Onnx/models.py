#!/usr/bin/env python3
"""Runs the ONNX models of the data folder through `varve run` and compares the
outputs with those that lie beside them.

  models.py VARVE DATA_DIR [REGEX]

Needs nothing but Python: the values' files (TensorProto) are decoded here.
"""

import math
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "EndToEnd"))
from onnx_file import fields, read_varint
from onnx_file import tensor as tensor_proto

FLOATS = {1: "f", 10: "e", 11: "d"}
INTS = {2: "B", 3: "b", 5: "h", 6: "i", 7: "q", 9: "?"}


def tensor(path):
    """Shape and elements of a TensorProto."""
    with open(path, "rb") as file:
        data = file.read()
    shape, kind, elements = [], None, []
    raw = None
    for number, value in fields(data):
        if number == 1 and isinstance(value, int):
            shape.append(value)
        elif number == 1:
            at = 0
            while at < len(value):
                size, at = read_varint(value, at)
                shape.append(size)
        elif number == 2:
            kind = value
        elif number == 4:  # float_data, packed or not
            elements += struct.unpack(f"<{len(value) // 4}f", value)
        elif number == 9:
            raw = value
    if raw is not None:
        code = {**FLOATS, **INTS}[kind]
        elements = struct.unpack(f"<{len(raw) // struct.calcsize(code)}{code}", raw)
    return shape, elements


def names(path):
    """The names of a model's inputs that have no initializer, and of its
    outputs."""
    with open(path, "rb") as file:
        data = file.read()
    graph = next(value for number, value in fields(data) if number == 7)
    stored, inputs, outputs = set(), [], []
    for number, value in fields(graph):
        if number == 5:
            stored |= {v.decode() for n, v in fields(value) if n == 8}
        if number in (11, 12):
            name = next(v.decode() for n, v in fields(value) if n == 1)
            (inputs if number == 11 else outputs).append(name)
    return [name for name in inputs if name not in stored], outputs


def difference(got, want, rtol, atol):
    if got[0] != want[0]:
        return f"shape {got[0]}, expected {want[0]}"
    for i, (g, w) in enumerate(zip(got[1], want[1])):
        if not abs(g - w) <= atol + rtol * abs(w):
            if not (math.isnan(g) and math.isnan(w)):
                return f"element {i} is {g}, expected {w}"
    return ""


def cases(data):
    """(model, folder or prefix of its values)"""
    for folder, _, files in sorted(os.walk(os.path.join(data, "models"))):
        for name in sorted(files):
            if not name.endswith(".onnx"):
                continue
            model = os.path.join(folder, name)
            for values in sorted(os.listdir(folder)):
                stem = name[:-5] + "_data_set_"
                if values.startswith((stem, "test_data_set_")):
                    yield model, os.path.join(folder, values)


def dummy_input(path):
    """What the suite feeds these models: the numbers from 0 on over their
    count, in the shape 1x3x224x224."""
    count = 3 * 224 * 224
    with open(path, "wb") as file:
        file.write(tensor_proto("", (1, 3, 224, 224),
                                [i / count for i in range(count)]))


def light_cases(data, made):
    folder = os.path.join(data, "onnx-light")
    dummy_input(made)
    for name in sorted(os.listdir(folder)):
        if name.endswith(".onnx"):
            model = os.path.join(folder, name)
            yield model, [made], [model[:-5] + "_output_0.pb"]


def run(varve, model, given, want):
    inputs, outputs = names(model)
    command = [varve, "run", model, "--format", "pb"]
    for name, path in zip(inputs, given):
        command += ["--input", f"{name}={path}"]
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run(command + ["--output-dir", out],
                              capture_output=True, text=True, timeout=600)
        if done.returncode:
            return f"exit status {done.returncode} {done.stderr.strip()}"
        for name, path in zip(outputs, want):
            kind = 1e-3 if "fp16" not in model else 2e-2
            text = difference(tensor(f"{out}/{name}.pb"), tensor(path), kind, 1e-4)
            if text:
                return f"{name}: {text}"
    return ""


def main():
    varve, data = sys.argv[1:3]
    only = sys.argv[3] if len(sys.argv) > 3 else ""
    if not os.path.isdir(os.path.join(data, "models")):
        print(f"no models in {data}")
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        todo = []
        for model, folder in cases(data):
            given, want = ([os.path.join(folder, f"{kind}_{i}.pb")
                            for i in range(len(os.listdir(folder)))]
                           for kind in ("input", "output"))
            todo.append((model, given, want))
        if os.path.isdir(os.path.join(data, "onnx-light")):
            todo += light_cases(data, os.path.join(scratch, "x.pb"))
        failed = ran = 0
        for model, given, want in todo:
            if not re.search(only, model):
                continue
            ran += 1
            text = run(varve, model, given, want)
            failed += bool(text)
            print(f"{os.path.relpath(model, data)}: {text or 'equal'}", flush=True)
    print(f"{ran} ran, {failed} failed")
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
