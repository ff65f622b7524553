#!/usr/bin/env python3
"""The bits of training on AArch64 are those on x86-64: steps of examples,
compiled for both, the former run by qemu: aarch64.py VARVE SOURCE CC.

Skips without Debian's qemu-user, gcc-aarch64-linux-gnu and
libc6-dev-arm64-cross.
"""
import glob
import shutil
import subprocess
import sys
import tempfile

varve, source, cc = sys.argv[1:4]
cross, qemu = "aarch64-linux-gnu-gcc", "qemu-aarch64"
MODELS = [("iris", 8, ""), ("mnist_mlp", 5, ""), ("lenet5", 3, ""),
          ("mnist_lstm", 2, ""), ("vae", 4, ""),
          ("mnist_mlp", 5, "precision=bf16"), ("lenet5", 3, "precision=f16")]


def run(*command):
    print("+", " ".join(command), flush=True)
    return subprocess.run(command, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


for tool in (cross, qemu):
    if not shutil.which(tool):
        print(f"skipped: no {tool}")
        sys.exit(77)

RUNTIME = [f for f in sorted(glob.glob(f"{source}/lib/Runtime/*.c"))
           if not f.endswith(("/Library.c", "/Weights.c"))]
different = []
with tempfile.TemporaryDirectory() as home:
    for compiler, cpu in ((cc, "x86-64-v3"), (cross, "neon")):
        for c in RUNTIME + [f"{source}/test/EndToEnd/any_cpu.c"]:
            name = c.rsplit("/", 1)[1]
            run(compiler, "-c", "-O2", "-std=gnu11", "-ffp-contract=off",
                "-fno-math-errno", f"-I{source}/include", f"-I{source}/lib", c,
                "-o", f"{home}/{cpu}-{name}.o")
    for model, batch, setting in MODELS:
        lines = {}
        for compiler, cpu, runner in ((cc, "x86-64-v3", []),
                                      (cross, "neon", [qemu])):
            program = f"{home}/{model}-{cpu}"
            run(varve, "compile", f"{source}/docs/examples/{model}.varve",
                "--function", "train_step", "--batch", str(batch),
                "--target-cpu", cpu, "-o", f"{program}.o",
                *(["--set", setting] if setting else []))
            run(compiler, "-static", "-Wl,--no-warnings", *sorted(glob.glob(f"{home}/{cpu}-*.c.o")),
                f"{program}.o", "-lm", "-lpthread", "-o", program)
            lines[cpu] = run(*runner, program).splitlines()
        x86, arm = lines["x86-64-v3"], lines["neon"]
        assert len(x86) == len(arm) > 5, (len(x86), len(arm))
        # Steps change what they compute.
        assert len(set(x86)) > len(x86) // 2 and x86[0][2:] not in str(x86[1:])
        other = [x for x, y in zip(x86, arm) if x != y]
        print(f"{model} {setting}: {len(x86) - len(other)} of {len(x86)} tensors have "
              "the same bits", flush=True)
        for x in other[:5]:
            print("  differs:", x)
        different += [model] if other else []
sys.exit(f"other bits on AArch64: {', '.join(different)}" if different else 0)
