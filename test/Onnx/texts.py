#!/usr/bin/env python3
"""Imports the ONNX models of the data folder as texts with `varve import`, and
exports them again with `varve compile`. What `varve run` makes of these is
compared with the outputs beside the models.

  texts.py VARVE DATA_DIR [REGEX]

A text is one of `varve fmt`'s form. Needs nothing but Python.
"""

import os
import re
import subprocess
import sys
import tempfile

import models
from weights import read_npy, write_npy

# Types of tensors by NumPy's names.
KINDS = {1: "f4", 10: "f2", 11: "f8", 2: "u1", 3: "i1", 5: "i2", 6: "i4", 7: "i8",
         9: "b1"}


def kind_of(path):
    with open(path, "rb") as file:
        data = file.read()
    kind = next(v for number, v in models.fields(data) if number == 2)
    return KINDS[kind]


def signature(text):
    """Names of the inputs and the outputs, in order."""
    inputs, outputs = re.match(r"model \w+\((.*?)\)\s*->\s*(.*?) {$", text,
                               re.S | re.M).groups()
    return re.findall(r"(\w+):", inputs), re.findall(r"(\w+):", outputs)


def run(varve, model, given, want):
    with tempfile.TemporaryDirectory() as home:
        text, weights = f"{home}/model.varve", f"{home}/w.safetensors"
        dims = []
        for sizes, path in zip(open_names(model), given):
            for name, size in zip(sizes, models.tensor(path)[0]):
                dims += ["--dim", f"{name}={size}"] if name else []
        command = [varve, "import", model, "-o", text, "--weights", weights]
        # But for the number of samples.
        done = subprocess.run(command + dims[2:], capture_output=True, text=True)
        if done.returncode == 2:
            return "", "refused: " + done.stderr.strip().splitlines()[-1]
        if done.returncode:
            return f"exit status {done.returncode} {done.stderr.strip()}", ""
        subprocess.run([varve, "fmt", "--check", text], check=True)
        with open(text) as file:
            inputs, outputs = signature(file.read())
        command = [varve, "run", text, "--weights", weights, "--no-prepare",
                   "--output-dir", f"{home}/out"]
        for name, path in zip(inputs, given):
            shape, elements = models.tensor(path)
            write_npy(f"{home}/{name}.npy", kind_of(path), shape, elements)
            command += ["--input", f"{name}={home}/{name}.npy"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if done.returncode:
            return f"exit status {done.returncode} {done.stderr.strip()}", ""
        for name, path in zip(outputs, want):
            bound = 1e-3 if "fp16" not in model else 2e-2
            problem = models.difference(read_npy(f"{home}/out/{name}.npy"),
                                        models.tensor(path), bound, 1e-4)
            if problem:
                return f"{name}: {problem}", ""
        # Their weights are one number each, 0.02 in SqueezeNet, whose logits are
        # all 9.5e9: one rounding is 1024 there, and makes a class of 1000 equal
        # ones 0 or 0.004, in ONNX Runtime as here, once weights are stored.
        if "onnx-light" in model:
            return "", "equal"
        exported = f"{home}/{os.path.basename(model)}"
        done = subprocess.run([varve, "compile", model, "-o", exported, *dims],
                              capture_output=True, text=True)
        if done.returncode:
            return f"exit status {done.returncode} {done.stderr.strip()}", ""
        problem = models.run(varve, exported, given, want)
        if problem:
            return f"exported: {problem}", ""
    return "", "equal"


def open_names(path):
    """Of each input, the names of its sizes; "" where one has none."""
    with open(path, "rb") as file:
        data = file.read()
    graph = next(value for number, value in models.fields(data) if number == 7)
    for number, value in models.fields(graph):
        if number != 11:
            continue
        kind = next(v for n, v in models.fields(value) if n == 2)
        tensor = next(v for n, v in models.fields(kind) if n == 1)
        shape = next((v for n, v in models.fields(tensor) if n == 2), b"")
        yield [next((v.decode() for n, v in models.fields(dim) if n == 2), "")
               for n, dim in models.fields(shape) if n == 1]


def main():
    varve, data = sys.argv[1:3]
    only = sys.argv[3] if len(sys.argv) > 3 else ""
    if not os.path.isdir(os.path.join(data, "models")):
        print(f"no models in {data}")
        return 77
    failed = equal = 0
    with tempfile.TemporaryDirectory() as scratch:
        todo = []
        for model, folder in models.cases(data):
            values = [os.path.join(folder, f"{kind}_{i}.pb")
                      for kind in ("input", "output")
                      for i in range(len(os.listdir(folder)))]
            values = [path for path in values if os.path.exists(path)]
            todo.append((model, [path for path in values if "input_" in path],
                         [path for path in values if "output_" in path]))
        if os.path.isdir(os.path.join(data, "onnx-light")):
            todo += models.light_cases(data, os.path.join(scratch, "x.pb"))
        for model, given, want in todo:
            if not re.search(only, model):
                continue
            problem, note = run(varve, model, given, want)
            failed += bool(problem)
            equal += note == "equal"
            print(f"{os.path.relpath(model, data)}: {problem or note}", flush=True)
    print(f"{equal} equal, {failed} failed")
    return 1 if failed or not equal else 0


if __name__ == "__main__":
    sys.exit(main())
