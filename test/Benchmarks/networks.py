#!/usr/bin/env python3
"""The field's networks beside their peers: inference at batch 1 of one ONNX file
for all, and a training step (SGD with momentum) beside PyTorch's eager mode.
Rounds of all programs in turn, medians over rounds.

  networks.py --varve build/bin/varve --scripts PEERS --environments ENVS
              --models ONNX [--rounds 3] [--threads 1,2] [--only bert,gpt2]
              [--tables inference,training]

PEERS holds torch_peer.py, onnxruntime_peer.py and openvino_peer.py, which print
one line of fields parted by tabs, the fourth the median in ms; ENVS a virtual
environment for each; ONNX the files that PEERS/export_onnx.py writes. A peer
without an environment is left out. Training takes the networks of
test/EndToEnd/reference_networks.py: images of 224x224, 8 of them, or 2 sequences
of 128 tokens; the Python that runs it has what that test needs. Prints tables in
Markdown; every process is pinned to its first CPUs.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(HERE, "..", "..", "docs", "examples")
INFERENCE = ["alexnet", "resnet18", "resnet50", "googlenet", "densenet121", "bert", "gpt2"]
TRAINING = ["alexnet", "resnet18", "resnet50", "googlenet", "densenet121",
            "transformer", "bert", "gpt2"]
PEERS = ["torch", "onnxruntime", "openvino"]
SIZE, IMAGES, LENGTH, SEQUENCES = 224, 8, 128, 2


def output(command, threads):
    cpus = ",".join(str(i) for i in range(threads))
    done = subprocess.run(["taskset", "-c", cpus] + command,
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout.splitlines()[-1]


def bench(options, file, function, threads, *flags):
    line = output([options.varve, "bench", file, "--function", function,
                   "--threads", str(threads), "--json", *flags], threads)
    return json.loads(line)["median_ms"]


def network(name):
    """Of the test, at this benchmark's sizes."""
    sys.path.insert(0, os.path.join(HERE, "..", "EndToEnd"))
    import reference_networks

    made = reference_networks.NETWORKS[name]
    is_image = "f32" in made.fields
    made.batch = IMAGES if is_image else SEQUENCES
    made.fields = (f"image: f32[3, {SIZE}, {SIZE}]  label: class(1000)" if is_image
                   else re.sub(r"\[\d+\]", f"[{LENGTH}]", made.fields))
    return reference_networks, made


def batch(made, np):
    """Random data of the fields."""
    random = np.random.default_rng(1)
    fields = re.findall(r"(\w+): (\w+)[\[(]([\d, ]+)[\])]", made.fields)
    data = {}
    for name, kind, sizes in fields:
        shape = [made.batch, *map(int, sizes.split(","))]
        if kind == "f32":
            data[name] = random.standard_normal(shape).astype(np.float32)
        elif kind == "i64":
            data[name] = random.integers(*((0, 2) if name == "segments" else (1, 30000)), shape)
        else:
            data[name] = random.integers(0, shape[1], made.batch)
    return data


def torch_step(name, threads):
    """The child that measures PyTorch."""
    import numpy as np
    import torch

    torch.set_num_threads(threads)
    made = network(name)[1]
    data = {k: torch.from_numpy(v) for k, v in batch(made, np).items()}
    module = made.build().float().train()
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-4, momentum=0.9)
    times, end = [], None
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        optimizer.zero_grad()
        made.loss(module, data).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
        end = end or time.perf_counter() + 4
    print(1000 * statistics.median(times[2:]))


def inference(options, name, threads):
    model = os.path.join(options.models, f"{name}.onnx")
    times = {"varve": bench(options, model, "infer", threads, "--batch", "1")}
    for peer in PEERS:
        python = os.path.join(options.environments, peer, "bin", "python")
        if os.path.exists(python):
            command = [python, os.path.join(options.scripts, f"{peer}_peer.py"),
                       name, str(threads)]
            line = output(command + [options.models] * (peer != "torch"), threads)
            times[peer] = float(line.split("\t")[3])
    return times


def training(options, name, threads):
    tests, made = network(name)
    flags = [word for each in made.sets for word in ("--set", each)]
    with tempfile.TemporaryDirectory() as folder:
        trial = tests.Trial(options.varve, EXAMPLES, name, folder)
        file = trial.write_model("sgd(lr: 1e-4, momentum: 0.9)")
        ours = bench(options, file, "train_step", threads, *flags)
    child = [sys.executable, os.path.abspath(__file__), "--child", name, str(threads)]
    return {"varve": ours, "torch": float(output(child, threads))}


def table(options, title, names, peers, measure):
    print(f"\n{title}\n")
    print("| network | threads | Varve ms | " + " | ".join(f"{p} ms" for p in peers) + " |")
    print("|---|---|---|" + "---|" * len(peers))
    for name in names:
        if options.only and name not in options.only.split(","):
            continue
        for threads in map(int, options.threads.split(",")):
            rounds = [measure(options, name, threads) for _ in range(options.rounds)]
            cells = [f"{statistics.median(r[p] for r in rounds):.1f}" if p in rounds[0]
                     else "" for p in ["varve", *peers]]
            print(f"| {name} | {threads} | " + " | ".join(cells) + " |", flush=True)


def main():
    if sys.argv[1:2] == ["--child"]:
        return torch_step(sys.argv[2], int(sys.argv[3]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("varve", "scripts", "environments", "models"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--only")
    parser.add_argument("--tables", default="inference,training")
    options = parser.parse_args()
    options.varve = os.path.abspath(options.varve)
    if "inference" in options.tables:
        table(options, "Inference, batch 1", INFERENCE, PEERS, inference)
    if "training" in options.tables:
        table(options, "Training step", TRAINING, ["torch"], training)


if __name__ == "__main__":
    main()
