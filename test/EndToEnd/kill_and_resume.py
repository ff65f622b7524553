#!/usr/bin/env python3
"""Kills `varve train` at seeded times and resumes it, again and again: each
finished run must end with the bytes of one that was never killed.

  kill_and_resume.py [--kills N] [--inside N] [--seed S] -- VARVE train FILE ...

The arguments after `--` are the command, without --out, --checkpoint and
--resume, which this script adds. `--inside` is how many of the kills must have
struck while a checkpoint was being written (its temporary file is left).
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time


def start(command, folder):
    return subprocess.Popen(
        command
        + [
            "--out",
            os.path.join(folder, "w.safetensors"),
            "--checkpoint",
            os.path.join(folder, "checkpoint"),
            "--resume",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def result(folder):
    """The bytes of the weights and of the last checkpoint."""
    files = ["w.safetensors", "checkpoint/checkpoint.safetensors"]
    contents = []
    for name in files:
        with open(os.path.join(folder, name), "rb") as file:
            contents.append(file.read())
    return contents


def finish(process):
    """Waits; true when the run came to its end, false when it was killed."""
    message = process.communicate()[1]
    if process.returncode == -signal.SIGKILL:
        return False
    if process.returncode != 0:
        sys.exit(f"training failed: {message.decode()}")
    return True


def writing(folder):
    """Whether the last process died in the middle of a checkpoint."""
    checkpoints = os.path.join(folder, "checkpoint")
    return os.path.isdir(checkpoints) and any(
        name != "checkpoint.safetensors" for name in os.listdir(checkpoints)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--inside", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    times = random.Random(options.seed)

    with tempfile.TemporaryDirectory() as folder:
        finish(start(options.command, folder))
        whole = result(folder)
    # Once more to take the time: what is compiled is in the cache now.
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        finish(start(options.command, folder))
        seconds = time.monotonic() - begin
        if result(folder) != whole:
            sys.exit("two runs that were not killed differ")

    kills = inside = finished = 0
    while kills < options.kills or inside < options.inside:
        with tempfile.TemporaryDirectory() as folder:
            done = False
            while not done:
                process = start(options.command, folder)
                time.sleep(times.uniform(0, seconds))
                process.kill()
                done = finish(process)
                kills += not done
                inside += not done and writing(folder)
            finished += 1
            if result(folder) != whole:
                sys.exit(
                    f"run {finished} ended with other bytes after {kills} "
                    "kills in all"
                )
    print(
        f"{kills} kills, {inside} of them inside the write of a checkpoint; "
        f"{finished} runs resumed to their end: the same bytes as never killed"
    )


if __name__ == "__main__":
    main()
