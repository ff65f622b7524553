#!/usr/bin/env python3
"""Trains convolutional networks. A small one of every kind of layer has the
losses, the running statistics and, in evaluation, the loss that PyTorch has
from the same weights; the examples learn images that are easy to tell apart,
with the same bytes from one thread and from two.

  convolutions.py VARVE EXAMPLES
"""

import json
import os
import struct
import subprocess
import sys
import tempfile

from weights import read_floats, write_floats, write_npz


def run(folder, *command):
    process = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if process.returncode != 0:
        sys.exit(f"{command}\n{process.stdout}{process.stderr}")
    return [json.loads(line) for line in process.stdout.splitlines()]


# ---- against PyTorch ----

MODEL = """
model net(image: f32[N, 3, 9, 8]) -> logits: f32[N, 4] {
  x = image |> conv2d(6, 3, stride: [2, 1], padding: 1) as conv1 |> batch_norm as norm1 |> relu
  x = max_pool(x, 3, stride: 2, padding: 1)
  y = x |> conv2d(6, 3, padding: 2, dilation: 2, groups: 3, bias: false) as conv2 |> batch_norm as norm2
  x = relu(x + y)
  up = conv_transpose2d(x, 4, 2, stride: 2, output_padding: [1, 0]) as up |> relu
  x = concat([avg_pool(up, 3, stride: 2, padding: [0, 1], count_padding: false), x], axis: 1)
  return x |> group_norm(2) as norm3 |> global_avg_pool |> dense(4) as fc
}

train net {
  data npz("images.npz") { image: u8[3, 9, 8]  label: class(4) }
  prepare { image = image / 255 - 0.5 }
  loss cross_entropy(logits, label)
  optimizer sgd(lr: 0.1, momentum: 0.9)
  batch 12
  epochs 6
  init_from "first.safetensors"
}
"""

SHAPES = {
    "conv1.weight": (6, 3, 3, 3),
    "conv1.bias": (6,),
    "norm1.weight": (6,),
    "norm1.bias": (6,),
    "norm1.running_mean": (6,),
    "norm1.running_var": (6,),
    "conv2.weight": (6, 2, 3, 3),
    "norm2.weight": (6,),
    "norm2.bias": (6,),
    "norm2.running_mean": (6,),
    "norm2.running_var": (6,),
    "up.weight": (6, 4, 2, 2),
    "up.bias": (4,),
    "norm3.weight": (10,),
    "norm3.bias": (10,),
    "fc.weight": (4, 10),
    "fc.bias": (4,),
}


def numbers(count, seed):
    """Multiples of 1/64 from -1 to 1, in no order."""
    state, out = seed, []
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2**31
        out.append((state // 65536 % 129 - 64) / 64)
    return out


def size(shape):
    count = 1
    for each in shape:
        count *= each
    return count


def first_weights():
    weights = {}
    for seed, (name, shape) in enumerate(SHAPES.items()):
        values = numbers(size(shape), seed + 1)
        scale = 0.25 if name.endswith("weight") and len(shape) > 1 else 0.125
        offset = 1 if "norm" in name and name.endswith(("weight", "var")) else 0
        weights[name] = [offset + scale * v for v in values]
    return weights


def images():
    """Twelve images of bytes, and their labels."""
    pixels = [int(127.5 + 127 * v) for v in numbers(12 * 3 * 9 * 8, 99)]
    return pixels, [i * 7 % 4 for i in range(12)]


# From PyTorch 2 in double: `torch_losses` below prints them.
LOSSES = [1.4610793, 1.4405894, 1.4083646, 1.3735523, 1.3410296, 1.3132256]
RUNNING = {
    "norm1.running_mean": [-0.040199672, 0.057731409, -0.043774803, -0.094365424, -0.089137268, -0.085003641],
    "norm1.running_var": [0.50066153, 0.5929324, 0.52406219, 0.53809213, 0.55565704, 0.58330135],
    "norm2.running_mean": [-0.014187433, -0.11464834, 0.17686293, 0.10730027, 0.08599837, -0.012961859],
    "norm2.running_var": [0.60985027, 0.72563845, 0.56082239, 0.53299381, 0.59035945, 0.87444691],
}
EVALUATED = 1.324509


def torch_losses():
    """What this test expects, by PyTorch; not called here."""
    import torch
    import torch.nn.functional as F

    torch.set_default_dtype(torch.float64)
    w = {
        name: torch.tensor(values).reshape(SHAPES[name])
        for name, values in first_weights().items()
    }
    for name in w:
        if "running" not in name:
            w[name].requires_grad_()
    pixels, labels = images()
    x0 = torch.tensor(pixels).reshape(12, 3, 9, 8) / 255 - 0.5
    target = torch.tensor(labels)

    def norm(x, name, training):
        return F.batch_norm(
            x,
            w[name + ".running_mean"],
            w[name + ".running_var"],
            w[name + ".weight"],
            w[name + ".bias"],
            training,
        )

    def loss(training):
        x = F.conv2d(
            x0, w["conv1.weight"], w["conv1.bias"], stride=(2, 1), padding=1
        )
        x = F.max_pool2d(F.relu(norm(x, "norm1", training)), 3, 2, 1)
        y = F.conv2d(
            x, w["conv2.weight"], padding=2, dilation=2, groups=3
        )
        x = F.relu(x + norm(y, "norm2", training))
        up = F.conv_transpose2d(
            x, w["up.weight"], w["up.bias"], stride=2, output_padding=(1, 0)
        )
        up = F.avg_pool2d(
            F.relu(up), 3, 2, (0, 1), count_include_pad=False
        )
        x = torch.cat([up, x], 1)
        x = F.group_norm(x, 2, w["norm3.weight"], w["norm3.bias"])
        x = F.linear(x.mean((2, 3)), w["fc.weight"], w["fc.bias"])
        return F.cross_entropy(x, target)

    learnt = [v for v in w.values() if v.requires_grad]
    optimizer = torch.optim.SGD(learnt, lr=0.1, momentum=0.9)
    losses = []
    for _ in range(6):
        optimizer.zero_grad()
        value = loss(True)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    print(losses)
    for name, value in w.items():
        if "running" in name:
            print(name, value.tolist())
    print(loss(False).item())


def expect_close(what, got, want, tolerance=2e-5):
    assert len(got) == len(want), what
    for g, v in zip(got, want):
        assert abs(g - v) <= tolerance * (1 + abs(v)), f"{what}: {got}, {want}"


def against_pytorch(varve, folder):
    model = os.path.join(folder, "net.varve")
    with open(model, "w") as file:
        file.write(MODEL)
    first = os.path.join(folder, "first.safetensors")
    write_floats(
        first, {n: (SHAPES[n], v) for n, v in first_weights().items()}
    )
    pixels, labels = images()
    write_npz(
        os.path.join(folder, "images.npz"),
        {
            "image": ("u1", (12, 3, 9, 8), bytes(pixels)),
            "label": ("i8", (12,), labels),
        },
    )
    out = os.path.join(folder, "w.safetensors")
    lines = run(folder, varve, "train", model, "--json", "--out", out)
    losses = [line["loss"] for line in lines if line["event"] == "epoch"]
    expect_close("losses", losses, LOSSES)
    weights = read_floats(out)
    for name, want in RUNNING.items():
        expect_close(name, weights[name], want)
    lines = run(folder, varve, "eval", model, "--json", "--weights", out)
    expect_close("evaluated", [lines[-1]["loss"]], [EVALUATED])


# ---- the examples ----


def write_cifar(folder, count):
    """Images of noise around a colour that says the class."""
    os.mkdir(folder)
    noise = numbers(count * 3072, 7)
    for batch in range(1, 7):
        records = b""
        for i in range(count):
            label = (i * 7 + batch) % 10
            records += bytes([label])
            for channel in range(3):
                centre = 60 + 120 * (label >> channel & 1) + 4 * label
                begin = (i * 3 + channel) * 1024
                records += bytes(
                    int(centre + 30 * v) for v in noise[begin : begin + 1024]
                )
        name = "test_batch" if batch == 6 else f"data_batch_{batch}"
        with open(os.path.join(folder, name + ".bin"), "wb") as file:
            file.write(records)


def write_mnist(folder, count):
    """Images of noise, darker by the label."""
    os.mkdir(folder)
    noise = numbers(count * 784, 5)
    labels = bytes(i * 3 % 10 for i in range(count))
    pixels = bytes(
        int(20 * labels[i // 784] + 30 + 25 * v) for i, v in enumerate(noise)
    )
    for part in "train", "t10k":
        path = os.path.join(folder, part)
        with open(path + "-images-idx3-ubyte", "wb") as file:
            file.write(struct.pack(">4I", 2051, count, 28, 28) + pixels)
        with open(path + "-labels-idx1-ubyte", "wb") as file:
            file.write(struct.pack(">2I", 2049, count) + labels)


def write_masks(path):
    """Two images whose right half is another class, and brighter."""
    noise = numbers(2 * 3 * 128 * 128, 3)
    pixels = bytes(
        int(60 + 50 * v + (60 if i % 128 >= 64 else 0))
        for i, v in enumerate(noise)
    )
    masks = bytes(int(i % 128 >= 64) for i in range(2 * 128 * 128))
    write_npz(
        path,
        {
            "image": ("u1", (2, 3, 128, 128), pixels),
            "mask": ("u1", (2, 128, 128), masks),
        },
    )


# The data, the samples in a batch, and settings.
EXAMPLES = {
    "lenet5": ("mnist", 16, ["optimizer.lr=0.01"]),
    "resnet20_cifar10": ("cifar10", 16, ["model.depth=8"]),
    "resnet18_cifar10": ("cifar10", 16, []),
    "vgg11_cifar10": ("cifar10", 16, []),
    "dgl_cnn": ("cifar10", 16, []),
    "unet": ("masks.npz", 2, []),
}


def example(varve, examples, folder, name, data, batch, settings):
    sets = ["learning=end_to_end", "optimizer.lr=0.002"] + settings
    weights = []
    for threads in 1, 2:
        out = os.path.join(folder, f"{name}{threads}.safetensors")
        command = [varve, "train", os.path.join(examples, name + ".varve")]
        for each in sets:
            command += ["--set", each]
        command += ["--data", os.path.join(folder, data), "--limit", 3 * batch]
        command += ["--batch", batch, "--epochs", 3, "--threads", threads]
        lines = run(folder, *command, "--json", "--out", out)
        losses = [line["loss"] for line in lines if line["event"] == "epoch"]
        assert len(losses) == 3 and losses[-1] < losses[0], f"{name}: {losses}"
        with open(out, "rb") as file:
            weights.append(file.read())
    assert weights[0] == weights[1], f"{name}: two threads give other bits"


def main():
    varve, examples = map(os.path.abspath, sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        against_pytorch(varve, folder)
        write_cifar(os.path.join(folder, "cifar10"), 16)
        write_mnist(os.path.join(folder, "mnist"), 48)
        write_masks(os.path.join(folder, "masks.npz"))
        for name, (data, batch, settings) in EXAMPLES.items():
            example(varve, examples, folder, name, data, batch, settings)


if __name__ == "__main__":
    main()
