#!/usr/bin/env python3
"""An ahead-of-time library of the training step, and the C program of
docs/examples/c that trains with it: library.py VARVE EXAMPLES CC.

Checks that the library needs libc and libm only and is small, that the program
learns, last batch included, and that its weights are what `varve eval` takes.
"""
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

import onnx_file

varve, examples, cc = sys.argv[1:4]
SAMPLES = 7 * 128 + 96  # a last batch of 96


def run(*command, **options):
    print("+", " ".join(command), flush=True)
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE,
                          **options).stdout


def write_idx(folder, name, samples):
    """Images in which every tenth pixel, counted from the label's, is white."""
    images, labels = bytearray(), bytearray()
    for _ in range(samples):
        label = random.randrange(10)
        image = bytearray(random.randrange(200) for _ in range(784))
        image[label::10] = b"\xff" * len(image[label::10])
        images += image
        labels.append(label)
    with open(f"{folder}/{name}-images-idx3-ubyte", "wb") as f:
        f.write(struct.pack(">4i", 0x803, samples, 28, 28) + images)
    with open(f"{folder}/{name}-labels-idx1-ubyte", "wb") as f:
        f.write(struct.pack(">2i", 0x801, samples) + labels)


with tempfile.TemporaryDirectory() as home:
    random.seed(1)
    data = f"{home}/mnist"
    os.mkdir(data)
    write_idx(data, "train", SAMPLES)
    write_idx(data, "t10k", 200)
    library = f"{home}/libmnist_mlp.so"
    model = f"{examples}/mnist_mlp.varve"
    run(varve, "compile", model, "--function", "train_step", "--batch", "128",
        "--batch", "96", "-o", library, "--header", f"{home}/mnist_mlp.h")

    size = os.path.getsize(library)
    print(f"{size} bytes")
    assert size < 200_000, size
    needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", library))
    assert all(n.startswith(("libc.so", "libm.so", "libpthread.so"))
               for n in needed), needed
    for line in run("nm", "-D", "--defined-only", library).splitlines():
        assert re.search(r" (mnist_mlp_\w+|varve_artifact_v1)$", line), line

    for language in ("c11", "c++17"):
        option = ["-x", "c++"] if language == "c++17" else []
        run(cc, f"-std={language}", "-Wall", "-Wextra", "-Werror", *option,
            "-fsyntax-only", f"{home}/mnist_mlp.h")
    run(cc, "-std=c11", "-Wall", "-Wextra", "-Werror", f"-DSAMPLES={SAMPLES}",
        f"-I{home}", f"{examples}/c/train_mnist.c", "-o", f"{home}/train",
        library)
    output = run(f"{home}/train", f"{data}/train-images-idx3-ubyte",
                 f"{data}/train-labels-idx1-ubyte", f"{home}/w.safetensors")
    print(output)
    losses = [float(x) for x in re.findall(r"loss ([\d.]+)", output)]
    assert len(losses) == 3 and losses[2] < 0.5 * losses[0], losses

    report = run(varve, "eval", model, "--weights", f"{home}/w.safetensors",
                 "--data-dir", home, "--json")
    print(report)
    accuracy = float(re.search(r'"accuracy":([\d.]+)', report)[1])
    assert accuracy > 0.9, accuracy

    # An ONNX model's library has the model's weights.
    with open(f"{home}/net.onnx", "wb") as f:
        f.write(onnx_file.model(
            [onnx_file.node("MatMul", ["x", "fc/w:0"], ["y"])],
            [onnx_file.tensor("fc/w:0", [2, 2], [1, 2, 3, 4])],
            [onnx_file.value_info("x", [1, 2])],
            [onnx_file.value_info("y", [1, 2])]))
    run(varve, "compile", f"{home}/net.onnx", "-o", f"{home}/libnet.so",
        "--header", f"{home}/net.h")
    with open(f"{home}/net.c", "w") as f:
        f.write("""#include "net.h"
#include <stdio.h>
int main(void) {
  float x[] = {5, 7}, y[2];
  graph *net = graph_create(1, NULL, 0);
  graph_infer(net, x, y);
  graph_destroy(net);
  printf("%g %g", y[0], y[1]);
  return 0;
}
""")
    run(cc, "-std=c11", "-Wall", "-Wextra", "-Werror", f"{home}/net.c", "-o",
        f"{home}/net", f"{home}/libnet.so")
    output = run(f"{home}/net")
    assert output == "26 38", output
