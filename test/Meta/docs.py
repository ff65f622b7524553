#!/usr/bin/env python3
"""Runs the commands that the documentation shows: every block of README.md and
docs/*.md that opens with "```sh run", those of a file one after another.

  docs.py SOURCE_DIR VARVE_FOLDER

They run in an empty folder with `docs` of the sources, `images.npy`
(f32[2, 28, 28]) and `varve` on the path.
"""

import array
import glob
import os
import re
import struct
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```sh run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FASHION = "/usr/share/datasets/fashion-mnist"


def write_npy(path, shape, values):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)))
        file.write(header.encode() + array.array("f", values).tobytes())


def run(page, blocks, source, varve):
    environment = dict(os.environ)
    environment["PATH"] = varve + os.pathsep + environment["PATH"]
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.join(source, "docs"), os.path.join(folder, "docs"))
        pixels = 28 * 28
        write_npy(
            os.path.join(folder, "images.npy"),
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
            blocks = BLOCK.findall(file.read())
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
