#!/usr/bin/env python3
"""Every example that says how to train has a training step, planned for two
samples, that of each greedy stage too; or what it needs is refused by name.

  examples.py VARVE EXAMPLES
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

# What can be trained; the others wait for something that is not supported yet.
TRAIN = {
    "dgl_cnn",
    "fashion_mlp",
    "fine_tune_onnx",
    "forward_forward_mnist",
    "iris",
    "lenet5",
    "lora_onnx",
    "mlp_large",
    "mnist_mlp",
    "nokland_mlp_predsim",
    "resnet18_cifar10",
    "resnet20_cifar10",
    "siamese",
    "unet",
    "vae",
    "vgg11_cifar10",
}
STAGES = {
    "vgg11_cifar10": [f"conv.{i}" for i in range(1, 8)] + ["classifier"],
}


def main():
    varve, examples = sys.argv[1:]
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(glob.glob(os.path.join(examples, "*.varve"))):
            with open(path) as file:
                if not re.search(r"^train \w+ \{", file.read(), re.MULTILINE):
                    continue
            name = os.path.basename(path)[: -len(".varve")]
            steps = [""] + [":" + stage for stage in STAGES.get(name, [])]
            for step in steps:
                process = subprocess.run(
                    [varve, "compile", path, "--function", "train_step" + step]
                    + ["--batch", "2", "--stop-after", "plan"]
                    + ["-o", os.path.join(folder, "out.mlir")],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                refused = (
                    process.returncode == 2
                    and name not in TRAIN
                    and "not supported" in process.stdout
                )
                print(f"{name}{step}: {process.returncode}")
                if process.returncode != 0 and not refused:
                    print(process.stdout)
                    bad.append(name + step)
    print("without a training step:", bad)
    return min(len(bad), 1)


if __name__ == "__main__":
    sys.exit(main())
