#!/usr/bin/env python3
"""Training steps beside PyTorch's and JAX's: rounds of all programs in turn, so
that a slow moment of the machine meets each alike, and medians over rounds.

  compare.py --varve build/bin/varve --scripts PEERS --environments ENVS
             [--rounds 5] [--data DIR] [--workloads mlp,large,epoch]
             [--threads 1,2]

PEERS holds jax_peer.py and torch_peer.py, which print one line of fields parted
by tabs, the fourth the median in ms; ENVS holds a virtual environment for each,
jax/ and torch/. Prints a table in Markdown. Every process is pinned to its first
CPUs. Times are in ms, of one step and of an epoch of 469 steps. The peers'
batches lie ready; Varve's step is timed with the gather of its batch from the
stored bytes, which is a part of it in training, and without.
"""

import argparse
import json
import os
import statistics
import subprocess

EXAMPLES = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "examples")
WORKLOADS = {
    "mlp": ("mnist_mlp", "mnist_mlp.varve"),
    "large": ("mlp_large", "mlp_large.varve"),
    "epoch": ("mnist_mlp_epoch", "mnist_mlp.varve"),
}


def output(command, threads):
    cpus = ",".join(str(i) for i in range(threads))
    return subprocess.run(
        ["taskset", "-c", cpus] + command,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def peer(options, name, workload, threads):
    command = [
        os.path.join(options.environments, name, "bin", "python"),
        os.path.join(options.scripts, name + "_peer.py"),
        workload,
        str(threads),
    ]
    return float(output(command, threads).splitlines()[-1].split("\t")[3])


def varve(options, workload, threads, gather=True):
    file = WORKLOADS[workload][1]
    model = os.path.join(EXAMPLES, file)
    flags = ["--threads", str(threads), "--json"]
    if not gather:
        flags.append("--no-gather")
    if workload != "epoch":
        text = output([options.varve, "bench", model] + flags, threads)
        return json.loads(text.splitlines()[-1])["median_ms"]
    weights = os.path.join(os.environ.get("TMPDIR", "/tmp"), "compare.safetensors")
    text = output(
        [options.varve, "train", model, "--epochs", "7", "--out", weights]
        + (["--data-dir", options.data] if options.data else [])
        + flags,
        threads,
    )
    os.unlink(weights)
    epochs = [json.loads(line) for line in text.splitlines()]
    # The first epoch touches everything for the first time.
    return statistics.median(
        1000 * e["seconds"] for e in epochs[1:] if e["event"] == "epoch"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--varve", required=True)
    parser.add_argument("--scripts", required=True)
    parser.add_argument("--environments", required=True)
    parser.add_argument("--data")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workloads", default="mlp,large,epoch")
    parser.add_argument("--threads", default="1,2")
    options = parser.parse_args()

    print(
        "| workload | threads | Varve ms | without gather | JAX ms | PyTorch ms "
        "| the faster / Varve | without gather |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for workload in options.workloads.split(","):
        for threads in (int(t) for t in options.threads.split(",")):
            times = {"varve": [], "ready": [], "jax": [], "torch": []}
            for _ in range(options.rounds):
                times["varve"].append(varve(options, workload, threads))
                if workload != "epoch":
                    times["ready"].append(varve(options, workload, threads, False))
                for name in ("jax", "torch"):
                    times[name].append(
                        peer(options, name, WORKLOADS[workload][0], threads)
                    )
            ours, jax, torch = (
                statistics.median(times[n]) for n in ("varve", "jax", "torch")
            )
            peers = min(jax, torch)
            ready, ratio = "", ""
            if times["ready"]:
                time = statistics.median(times["ready"])
                ready, ratio = f"{time:.3f}", f"{peers / time:.2f}x"
            print(
                f"| {workload} | {threads} | {ours:.3f} | {ready} | {jax:.3f} "
                f"| {torch:.3f} | {peers / ours:.2f}x | {ratio} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
