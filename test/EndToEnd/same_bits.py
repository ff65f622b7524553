#!/usr/bin/env python3
"""Trains an example in several ways that must end with the same bytes: again,
with each number of threads, and compiled for each CPU that this machine can
stand in for.

  same_bits.py VARVE EXAMPLES DATA
"""

import os
import subprocess
import sys
import tempfile

# Nine batches of 128 and a last one of 96.
SAMPLES = 9 * 128 + 96


def run(*command):
    process = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{process.stdout}")


def cpus():
    with open("/proc/cpuinfo") as file:
        flags = file.read()
    return ["x86-64-v3", "x86-64-v4"] if "avx512vl" in flags else ["x86-64-v3"]


def main():
    varve, examples, data = sys.argv[1:]
    mnist = os.path.join(data, "mnist")
    if not os.path.isdir(mnist):
        print(f"skipped: no MNIST in {data}")
        return 77
    model = os.path.join(examples, "mnist_mlp.varve")
    with tempfile.TemporaryDirectory() as folder:
        # Without test images, so that a program of train_step alone will do.
        train_only = os.path.join(folder, "mnist")
        os.mkdir(train_only)
        for name in os.listdir(mnist):
            if name.startswith("train-"):
                os.symlink(
                    os.path.join(mnist, name), os.path.join(train_only, name)
                )

        def train(program, threads):
            out = os.path.join(folder, "w.safetensors")
            run(
                varve,
                "train",
                program,
                "--data",
                train_only,
                "--limit",
                str(SAMPLES),
                "--epochs",
                "2",
                "--threads",
                str(threads),
                "--out",
                out,
            )
            with open(out, "rb") as file:
                return file.read()

        expected = train(model, 1)
        assert train(model, 1) == expected, "two runs differ"
        for threads in 2, 3, 4:
            assert train(model, threads) == expected, f"{threads} threads"
        for cpu in cpus():
            program = os.path.join(folder, f"{cpu}.so")
            run(
                varve,
                "compile",
                model,
                "--function",
                "train_step",
                "--batch",
                "128",
                "--batch",
                "96",
                "--target-cpu",
                cpu,
                "-o",
                program,
            )
            assert train(program, 2) == expected, cpu
        print(f"the same for 1 to 4 threads and {', '.join(cpus())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
