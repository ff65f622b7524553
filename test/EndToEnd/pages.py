#!/usr/bin/env python3
"""Holds the pages that varve writes to what they promise: one file, nothing
from a network, the numbers that the run reported, well-formed pictures; and, if
there is a Chromium, nothing wider than a phone's screen and no broken image.

  pages.py VARVE EXAMPLES
"""

import html.parser
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

BROWSERS = ["chromium", "chromium-headless-shell", "google-chrome"]
PHONE = 360


def check(condition, what):
    if not condition:
        sys.exit(f"failed: {what}")


def write_mnist(folder):
    """Bright squares whose place is their class."""
    numbers = random.Random(0)
    for name, count in [("train", 300), ("t10k", 60)]:
        images, labels = bytearray(), bytearray()
        for _ in range(count):
            label = numbers.randrange(10)
            image = bytearray(numbers.randrange(40) for _ in range(28 * 28))
            for row in range(8):
                start = (10 * (label // 5) + row) * 28 + 5 * (label % 5)
                image[start:start + 5] = bytes([220] * 5)
            images += image
            labels.append(label)
        with open(f"{folder}/{name}-images-idx3-ubyte", "wb") as file:
            file.write(struct.pack(">4I", 0x803, count, 28, 28) + images)
        with open(f"{folder}/{name}-labels-idx1-ubyte", "wb") as file:
            file.write(struct.pack(">2I", 0x801, count) + labels)


def run(*command):
    process = subprocess.run(command, capture_output=True, text=True)
    check(process.returncode == 0, " ".join(command) + "\n" + process.stderr)
    return process.stdout


def check_alone(page):
    check(page.startswith("<!doctype html>"), "a doctype")
    check('name="viewport"' in page, "a viewport")
    for word in ["<script", "<link", "@import", "http:", "https:", "url("]:
        check(word not in page, f"no {word}")
    for source in re.findall(r'src="([^"]{0,40})', page):
        check(source.startswith("data:image/png;base64,"), f"src {source}")

    class Tags(html.parser.HTMLParser):
        def error(self, message):
            sys.exit(message)

    Tags().feed(page)
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    for picture in pictures:
        xml.etree.ElementTree.fromstring(picture)
    return pictures


def check_in_browser(browser, page, folder):
    """What a frame as wide as a phone's screen shows."""
    quoted = page.replace("&", "&amp;").replace('"', "&quot;")
    path = os.path.join(folder, "frame.html")
    with open(path, "w") as file:
        file.write(
            f'<!doctype html><body><iframe id="f" style="border:0;width:'
            f'{PHONE}px;height:700px" srcdoc="{quoted}"></iframe><script>\n'
            "onload = () => {\n"
            '  const d = document.getElementById("f").contentDocument;\n'
            "  const images = [...d.images];\n"
            '  const small = [...d.querySelectorAll("svg text")].map(\n'
            "    t => t.getBoundingClientRect().height);\n"
            '  document.body.innerHTML = "RESULT" + JSON.stringify({\n'
            "    wide: d.documentElement.scrollWidth,\n"
            "    broken: images.filter(i => !i.naturalWidth).length,\n"
            "    images: images.length,\n"
            "    pictures: [...d.querySelectorAll('svg')].filter(\n"
            "      s => s.getBoundingClientRect().height > 50).length,\n"
            '    smallest: Math.min(99, ...small)}) + "END";\n'
            "};</script>\n"
        )
    process = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu",
         "--virtual-time-budget=10000", "--user-data-dir=" + folder + "/profile",
         "--dump-dom", "file://" + path],
        capture_output=True, text=True, timeout=300,
    )
    found = re.search(r"RESULT(\{.*?\})END", process.stdout)
    check(found, f"the browser's answer\n{process.stdout}\n{process.stderr}")
    return json.loads(found.group(1))


def main():
    varve, examples = sys.argv[1:]
    model = os.path.join(examples, "mnist_mlp.varve")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "mnist")
        os.mkdir(data)
        write_mnist(data)
        report = os.path.join(folder, "report.html")
        printed = run(varve, "train", model, "--data", data, "--epochs", "4",
                      "--set", "validate=0.2", "--out", folder + "/w",
                      "--report", report, "--json")
        events = [json.loads(line) for line in printed.splitlines()]
        with open(report) as file:
            page = file.read()
        pictures = check_alone(page)
        check(len(pictures) == 3, "losses, metrics and layers as pictures")
        for event in events[:4]:
            for name in ["loss", "accuracy", "val_loss", "val_accuracy"]:
                check(f"<td>{event[name]:.4f}" in page, f"{name} of {event}")
        check(f"<b>{events[4]['test_accuracy']:.4f}</b>" in page, "the test")
        lines = re.findall(r'<polyline points="([^"]*)"', pictures[0])
        check([len(line.split()) for line in lines] == [4, 4], "lines of losses")
        # A loss that falls goes down the page.
        first, last = [float(p.split(",")[1])
                       for p in (lines[0].split()[0], lines[0].split()[3])]
        check((last > first) == (events[3]["loss"] < events[0]["loss"]),
              "the line's direction")
        check("hidden" in pictures[2] and "output" in pictures[2], "layers")

        staged = os.path.join(folder, "staged.html")
        run(varve, "train", model, "--data", data, "--epochs", "2",
            "--set", "learning=decoupled", "--set", "learning.cuts=hidden",
            "--out", folder + "/w", "--report", staged)
        with open(staged) as file:
            stages = file.read()
        pictures = check_alone(stages)
        check("stage.hidden" in stages, "the loss of a stage")
        check("Activations by stage" in stages, "memory by stage")
        check(pictures[2].count('class="group"') == 2, "two stages drawn")
        check("stage hidden" in pictures[2], "a stage's name")

        sheet = os.path.join(folder, "sheet.html")
        run(varve, "inspect", model, "--data", data, "--html", sheet)
        with open(sheet) as file:
            samples = file.read()
        check_alone(samples)
        images = samples.count("<img")
        check(images == 12 * 5, f"60 images, not {images}")

        if not browser:
            print("no Chromium: what pages look like is not checked")
            return
        for name, text, wanted in [("report", page, (0, 3)),
                                   ("staged", stages, (0, 3)),
                                   ("sheet", samples, (60, 0))]:
            seen = check_in_browser(browser, text, folder)
            print(name, seen)
            check(seen["wide"] <= PHONE, f"{name} is {seen['wide']} wide")
            check(seen["broken"] == 0, f"{name}'s images")
            check((seen["images"], seen["pictures"]) == wanted, f"{name} shows")
            check(seen["smallest"] >= 9, f"{name}'s text is {seen['smallest']}")


main()
