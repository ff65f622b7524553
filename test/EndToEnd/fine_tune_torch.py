#!/usr/bin/env python3
"""Fine-tuning against PyTorch, from the same weights on the same samples: losses
of the first steps of the ONNX zoo's MNIST network; losses and running statistics
of a network with batch normalization under model.train().

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

from onnx_file import fields, model, node, tensor, value_info
from weights import read_tensors

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


NORMAL = """import "normal.onnx" as net (training: true)

train net {
  data mnist
  prepare { x = reshape(image / 255, [1, 28, 28]) }
  loss cross_entropy(logits, label)
  optimizer %s
  batch 64
  epochs 8
}
"""


class Normal(torch.nn.Module):
    """Batch normalization of images and of vectors."""

    def __init__(self):
        super().__init__()
        # Before a normalization a bias has no gradient but rounding, which Adam
        # makes steps of.
        self.conv = torch.nn.Conv2d(1, 6, 5, stride=3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(6, eps=1e-3, momentum=0.3)
        self.bn2 = torch.nn.BatchNorm1d(384)
        self.fc = torch.nn.Linear(384, 10)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv(x)))
        return self.fc(torch.relu(self.bn2(x.flatten(1))))


def exported(module):
    """As PyTorch's exporter writes the module when it is to learn on."""
    state = module.state_dict()

    def normalize(name, x, y, eps, momentum):
        inputs = [x] + [f"{name}.{each}" for each in
                        ("weight", "bias", "running_mean", "running_var")]
        return node("BatchNormalization", inputs, [y], f"/{name}/BatchNormalization",
                    epsilon=eps, momentum=momentum)

    nodes = [
        node("Conv", ["x", "conv.weight"], ["c"], "/conv/Conv", strides=[3, 3]),
        normalize("bn1", "c", "n1", 1e-3, 0.7),
        node("Relu", ["n1"], ["r1"], "/Relu"),
        node("Flatten", ["r1"], ["f"], "/Flatten", axis=1),
        normalize("bn2", "f", "n2", 1e-5, 0.9),
        node("Relu", ["n2"], ["r2"], "/Relu_1"),
        node("Gemm", ["r2", "fc.weight", "fc.bias"], ["logits"], "/fc/Gemm", transB=1),
    ]
    weights = [tensor(name, list(value.shape), value.flatten().tolist())
               for name, value in state.items() if value.dtype == torch.float32]
    return model(nodes, weights, [value_info("x", ["N", 1, 28, 28])],
                 [value_info("logits", ["N", 10])])


def training_mode(varve, data, x, labels, text, make):
    """The largest errors of losses and of what has moved."""
    torch.manual_seed(3)
    module = Normal()
    with torch.no_grad():  # Statistics and scales that are not 0 and 1.
        for value in module.state_dict().values():
            if value.dtype == torch.float32 and value.dim() == 1:
                value += 0.2 * torch.rand_like(value)
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/normal.onnx", "wb") as file:
            file.write(exported(module))
        with open(f"{folder}/tune.varve", "w") as file:
            file.write(NORMAL % text)
        out = subprocess.run(
            [varve, "train", f"{folder}/tune.varve", "--data-dir", data, "--limit", str(SAMPLES)]
            + ["--json", "--threads", "1", "--out", f"{folder}/w.safetensors"],
            stdout=subprocess.PIPE, check=True, text=True,
        ).stdout
        kept = {
            name: torch.frombuffer(bytearray(value), dtype=torch.float32).reshape(shape)
            for name, (_, shape, value) in read_tensors(f"{folder}/w.safetensors").items()
        }
    got = [line["loss"] for line in map(json.loads, out.splitlines())
           if line["event"] == "epoch"]
    module.train()
    optimizer = make(module.parameters())
    want = []
    for _ in range(STEPS):
        loss = torch.nn.functional.cross_entropy(module(x), labels)
        want.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    worst = max(abs(a - b) / abs(b) for a, b in zip(got, want))
    moved = max((kept[name] - value).abs().max().item() / value.abs().max().item()
                for name, value in module.state_dict().items() if "running" in name)
    return worst, moved, want


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
    for name, text, make in [
        ("sgd", "sgd(lr: 0.05, momentum: 0.9)",
         lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
        ("adam", "adam(lr: 1e-3)", lambda p: torch.optim.Adam(p, lr=1e-3)),
    ]:
        worst, moved, want = training_mode(varve, data, x, labels, text, make)
        good = max(worst, moved) <= BOUND and want[-1] != want[0]
        print(f"{'ok  ' if good else 'FAIL'} training mode, {name}: losses {worst:.1e}, "
              f"statistics {moved:.1e}; {want}")
        failures += not good
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
