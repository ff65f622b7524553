#!/usr/bin/env python3
"""Fine-tuning of the ONNX zoo's MNIST network against PyTorch: losses of the
first steps, from the same weights on the same samples, of all weights and of
low-rank updates.

  fine_tune_torch.py VARVE EXAMPLES DATA_DIR

Needs PyTorch, and skips without it or without MNIST.
"""

import gzip
import json
import os
import struct
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(77)

from onnx_file import fields

SAMPLES, STEPS = 64, 8
BOUND = 1e-4

CONFIG = """import "mnist.onnx" as digits

train digits {
  data mnist
  prepare { Input3 = reshape(image / 255, [1, 28, 28]) }
  loss cross_entropy(Plus214_Output_0, label)
  optimizer %s
  batch 64
  epochs 8
%s}
"""


def idx(path, header, count):
    with gzip.open(path) as file:
        file.read(header)
        return torch.frombuffer(bytearray(file.read(count)), dtype=torch.uint8)


def weights_of(path):
    with open(path, "rb") as file:
        graph = dict(fields(file.read()))[7]
    found = {}
    for number, value in fields(graph):
        if number != 5:
            continue
        shape, floats, name = [], b"", ""
        for key, part in fields(value):
            if key == 1:  # Packed, or one by one.
                shape += [part] if isinstance(part, int) else list(part)
            elif key == 4:
                floats += part
            elif key == 8:
                name = part.decode()
        if floats:
            values = struct.unpack(f"<{len(floats) // 4}f", floats)
            found[name] = torch.tensor(values).reshape(shape)
    return found


def forward(w, x):
    F = torch.nn.functional
    x = F.relu(F.conv2d(x, w["Parameter5"], padding=2) + w["Parameter6"])
    x = F.max_pool2d(x, 2)
    x = F.relu(F.conv2d(x, w["Parameter87"], padding=2) + w["Parameter88"])
    x = F.max_pool2d(x, 3)
    return x.reshape(len(x), 256) @ w["Parameter193"].reshape(256, 10) + w["Parameter194"]


def learn(w, optimizer, x, labels):
    losses = []
    for _ in range(STEPS):
        loss = torch.nn.functional.cross_entropy(forward(w, x), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def main():
    varve, examples, data = sys.argv[1:]
    mnist = os.path.join(data, "mnist")
    if not os.path.isdir(mnist):
        print(f"skipped: no MNIST in {data}")
        return 77
    x = idx(f"{mnist}/train-images-idx3-ubyte.gz", 16, SAMPLES * 784)
    x = x.reshape(SAMPLES, 1, 28, 28).float() / 255
    labels = idx(f"{mnist}/train-labels-idx1-ubyte.gz", 8, SAMPLES).long()
    network = os.path.join(examples, "mnist.onnx")
    failures = 0
    for name, text, make in [
        (
            "sgd",
            CONFIG % ("sgd(lr: 0.01, momentum: 0.9)", ""),
            lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
        ),
        ("adam", CONFIG % ("adam(lr: 1e-3)", ""), lambda p: torch.optim.Adam(p, lr=1e-3)),
    ]:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tune.varve")
            with open(path, "w") as file:
                file.write(text)
            out = subprocess.run(
                [varve, "train", network, "--config", path, "--data-dir", data]
                + ["--limit", str(SAMPLES), "--json", "--threads", "1"]
                + ["--out", os.path.join(folder, "w.safetensors")],
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            ).stdout
        lines = map(json.loads, out.splitlines())
        got = [line["loss"] for line in lines if line["event"] == "epoch"]
        w = {k: v.clone().requires_grad_() for k, v in weights_of(network).items()}
        want = learn(w, make(list(w.values())), x, labels)
        worst = max(abs(a - b) / abs(b) for a, b in zip(got, want))
        good = len(got) == STEPS and worst <= BOUND and want[-1] != want[0]
        print(f"{'ok  ' if good else 'FAIL'} {name}: {worst:.1e}; {want}")
        failures += not good
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
