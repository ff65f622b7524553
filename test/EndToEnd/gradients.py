#!/usr/bin/env python3
"""`varve gradients` of a model of the language, against the formula in double;
and what it refuses.

  gradients.py VARVE
"""

import math
import os
import random
import subprocess
import sys
import tempfile

from weights import read_npy, write_floats, write_npy

MODEL = """model net(x: f32[N, 3], k: i64[N]) -> (y: f32[N, 2], z: f32[N, 3]) {
  return x |> dense(2) as out |> tanh, x * x * unsqueeze(cast(k, f32), axis: 1)
}
"""
LOOP = """model net(x: f32[N, 3]) -> y: f32[N, 3] {
  while sum(x) > 1 { x = x / 2 }
  return x
}
"""


def main():
    (varve,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        draw = random.Random(1)
        x, w, b, dy, dz = ([draw.uniform(-1, 1) for _ in range(n)]
                           for n in (12, 6, 2, 8, 12))
        k = [2, -1, 0, 5]
        write_npy("x.npy", "f4", (4, 3), x)
        write_npy("k.npy", "i8", (4,), k)
        write_npy("dy.npy", "f4", (4, 2), dy)
        write_npy("dz.npy", "f4", (4, 3), dz)
        write_floats("w.safetensors", {"out.weight": ([2, 3], w), "out.bias": ([2], b)})
        write_floats("none.safetensors", {})
        for name, text in (("net", MODEL), ("loop", LOOP)):
            with open(f"{name}.varve", "w") as file:
                file.write(text)

        def call(model, weights, *flags):
            command = [varve, "gradients", model, "--weights", weights]
            command += ["--input", "x=x.npy", "--output-dir", "out", *flags]
            return subprocess.run(command, capture_output=True, text=True)

        def expect(status, words, *arguments):
            done = call(*arguments)
            if done.returncode != status or words not in done.stderr:
                sys.exit(f"{arguments}: status {done.returncode}\n{done.stderr}")

        net = ("net.varve", "w.safetensors", "--input", "k=k.npy")
        both = ("--cotangent", "y=dy.npy", "--cotangent", "z=dz.npy")
        for flags, share in ((both, 1), (both[:2], 0)):
            expect(0, "", *net, *flags)
            _, got = read_npy("out/x.npy")
            for n in range(4):
                row = x[3 * n : 3 * n + 3]
                for i in range(3):
                    want = share * dz[3 * n + i] * 2 * row[i] * k[n]
                    for j in range(2):
                        y = math.tanh(b[j] + sum(w[3 * j + m] * row[m] for m in range(3)))
                        want += dy[2 * n + j] * (1 - y * y) * w[3 * j + i]
                    if not abs(got[3 * n + i] - want) <= 1e-5:
                        sys.exit(f"{got[3 * n + i]} at {n}, {i}, not {want}")
        if os.path.exists("out/k.npy"):
            sys.exit("integers have a gradient")
        expect(1, "no output of floats 'q'; it has: y, z", *net, "--cotangent", "q=dy.npy")
        expect(1, "cotangent 'y' is f32[4, 3]", *net, "--cotangent", "y=dz.npy")
        loop = ("loop.varve", "none.safetensors", "--cotangent", "y=dz.npy")
        expect(2, "has no gradient: how many steps it takes", *loop)
    print("all fine")


if __name__ == "__main__":
    main()
