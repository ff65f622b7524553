#!/usr/bin/env python3
"""`varve import` and `varve compile` of a model whose input's value decides a
shape: refused without the value, and right for it with it.

  given.py VARVE

Needs nothing but Python.
"""

import os
import subprocess
import sys
import tempfile

import models  # Finds the helpers of the other folder.
import onnx_file
from weights import read_npy, write_npy


def main():
    varve = sys.argv[1]
    problems = []

    def expect(good, what):
        if not good:
            problems.append(what)

    def call(*words):
        return subprocess.run([varve, *words], capture_output=True, text=True)

    with tempfile.TemporaryDirectory() as home:
        model = f"{home}/net.onnx"
        with open(model, "wb") as file:
            file.write(onnx_file.model(
                [onnx_file.node("Reshape", ["x", "s"], ["z"], "cut"),
                 onnx_file.node("Neg", ["z"], ["y"], "turn")], [],
                [onnx_file.value_info("x", [6]), onnx_file.value_info("s", [2], 7)],
                [onnx_file.value_info("y", ["A", "B"])]))
        shape, x = f"{home}/s.pb", f"{home}/x.npy"
        with open(shape, "wb") as file:
            file.write(onnx_file.tensor("s", [2], [2, -1], "q"))
        write_npy(x, "f4", [6], range(6))
        text, weights = f"{home}/net.varve", f"{home}/w.safetensors"
        for verb in (["import", model, "-o", text, "--weights", weights],
                     ["compile", model, "-o", f"{home}/again.onnx"]):
            output = verb[3]
            done = call(*verb)
            expect(done.returncode == 2 and "node 'cut'" in done.stderr and
                   "give it by --input s=FILE" in done.stderr, f"refused: {done}")
            expect(not os.path.exists(output), f"{output} was written")
            done = call(*verb, "--input", f"s={shape}")
            expect(done.returncode == 0 and "value of input 's' alone" in done.stderr,
                   f"given: {done}")
            options = ["--weights", weights] if verb[0] == "import" else []
            done = call("run", output, *options, "--input", f"x={x}",
                        "--output-dir", f"{home}/out")
            expect(done.returncode == 0, f"run: {done}")
            got = read_npy(f"{home}/out/y.npy")
            expect(got == ([2, 3], (0, -1, -2, -3, -4, -5)), f"{verb[0]}: {got}")
        # Of a text nothing is to be worked out before it runs.
        done = call("compile", text, "-o", f"{home}/net.so", "--input", f"x={x}")
        expect(done.returncode == 64 and "--input is for ONNX models" in done.stderr,
               f"of a text: {done}")
    print("\n".join(problems) or "as it should")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
