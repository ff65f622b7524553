#!/usr/bin/env python3
"""Holds README.md and docs/*.md to what they show.

  docs.py SOURCE_DIR VARVE_FOLDER

Every block that opens with "```sh run" is run, those of a file one after
another, in an empty folder with `docs` of the sources, `images.npy`
(f32[2, 28, 28]) and `varve` on the path. Every block of the language parses,
and one that shows a model of docs/examples is a part of that file.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "EndToEnd"))
from weights import write_npy

BLOCK = re.compile(r"^```sh run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MODEL_BLOCK = re.compile(r"^```varve\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Its blocks, fragments among them, are parsed by the printer's unit test.
LANGUAGE = "Language.md"
FASHION = "/usr/share/datasets/fashion-mnist"


def run(page, blocks, source, varve):
    environment = dict(os.environ)
    environment["PATH"] = varve + os.pathsep + environment["PATH"]
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.join(source, "docs"), os.path.join(folder, "docs"))
        pixels = 28 * 28
        write_npy(
            os.path.join(folder, "images.npy"),
            "f4",
            (2, 28, 28),
            [0.0] * pixels + [255.0] * pixels,
        )
        script = "set -euo pipefail\n" + "\n".join(blocks)
        process = subprocess.run(
            ["bash", "-x", "-c", script],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    print(f"--- {page}: {len(blocks)} blocks\n{process.stdout}")
    return process.returncode == 0


def check_model(page, text, source, varve):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "block.varve")
        with open(path, "w") as file:
            file.write(text)
        process = subprocess.run(
            [os.path.join(varve, "varve"), "fmt", path],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    if process.returncode != 0:
        print(f"--- {page}: {process.stderr}")
        return False
    name = re.match(r"model (\w+)", text)
    path = name and os.path.join(source, "docs/examples", name[1] + ".varve")
    if path and os.path.exists(path):
        with open(path) as file:
            if text not in file.read():
                print(f"--- {page}: {name[1]} is not as in {path}")
                return False
    return True


def main():
    source, varve = map(os.path.abspath, sys.argv[1:])
    if not os.path.isdir(FASHION):
        print(f"skipped: no Fashion-MNIST in {FASHION}")
        return 77
    pages = [os.path.join(source, "README.md")]
    pages += sorted(glob.glob(os.path.join(source, "docs", "*.md")))
    ran, failed = 0, []
    for page in pages:
        with open(page) as file:
            text = file.read()
        if os.path.basename(page) != LANGUAGE:
            for model in MODEL_BLOCK.findall(text):
                if not check_model(page, model, source, varve):
                    failed.append(page)
        blocks = BLOCK.findall(text)
        if blocks:
            ran += len(blocks)
            if not run(page, blocks, source, varve):
                failed.append(page)
    if ran == 0:
        print("no block was found")
        return 1
    for page in failed:
        print(f"failed: {page}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
