#!/usr/bin/env python3
"""The Transformer of docs/examples learns pairs of lines: each word of the source
has its word in the target. What it gives on lines that it has not seen; what a
run says about lines that are left out; that weights keep the characters.

  parallel_text.py VARVE EXAMPLES
"""

import json
import os
import random
import subprocess
import sys
import tempfile

WORDS = {"a": "z", "b": "yy", "c": "x", "d": "w", "e": "v"}
LENGTH = 12


def write(stem, pairs):
    for end, lines in zip("ab", zip(*pairs)):
        with open(f"{stem}.{end}", "w") as file:
            file.writelines(line + "\n" for line in lines)


def pairs(count, seed):
    draw = random.Random(seed)
    lines = ("".join(draw.choices(list(WORDS), k=draw.randint(1, 6))) for _ in range(count))
    return [(line, "".join(WORDS[c] for c in line)) for line in lines]


def main():
    varve, examples = map(os.path.abspath, sys.argv[1:])
    with open(os.path.join(examples, "transformer.varve")) as file:
        text = file.read()
    for old, new in (
        ('"train.en", "train.de"', '"train.a", "train.b"'),
        ('tokenizer: sentencepiece("ende.model")', "tokenizer: characters"),
        ('tokenizer sentencepiece("ende.model")', "tokenizer characters"),
    ):
        assert old in text, old
        text = text.replace(old, new)

    def run(verb, *args, status=0):
        command = [varve, verb, "pairs.varve", "--threads", "1", "--json", *args]
        command += ["--dim", f"S={LENGTH}", "--dim", f"T={LENGTH}"]
        for each in (
            "model.words=13",
            "model.width=32",
            "model.depth=1",
            "model.heads=2",
            "model.rate=0",
            "optimizer.lr=0.8",
            "batch=32",
            "accumulate=1",
            "precision=f32",
        ):
            command += ["--set", each]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != status:
            sys.exit(f"{args}: status {done.returncode}\n{done.stdout}{done.stderr}")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[-1] if lines else {}, done.stderr

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with open("pairs.varve", "w") as file:
            file.write(text)
        # 13 tokens: three marks, five letters of each file.
        write("train", pairs(512, 1) + [("", "z"), ("a" * 12, "z" * 12)])
        write("test", pairs(64, 2))
        last, notes = run("train", "--set", "steps=1000", "--out", "w.safetensors")
        for words in "1 pair of lines is left out: a line is empty", "train.a:514: 1 pair":
            if words not in notes:
                sys.exit(f"'{words}' is not in\n{notes}")
        if not last["test_perplexity"] < 1.15:
            sys.exit(f"it has not learnt: {last}")
        again, _ = run("eval", "--weights", "w.safetensors")
        if abs(again["perplexity"] - last["test_perplexity"]) > 1e-6:
            sys.exit(f"eval says {again}, train {last}")
        # Weights know their characters: fewer here, with the same numbers.
        os.mkdir("few")
        write("few/train", pairs(1, 3))
        few, _ = run("eval", "--weights", "w.safetensors", "--data", "few")
        if not few["perplexity"] < 1.15:
            sys.exit(f"other numbers for the same characters: {few}")
        write("few/train", [("abf", "zyy")])
        _, error = run("eval", "--weights", "w.safetensors", "--data", "few", status=1)
        if "train.a:1: column 3: 'f' (U+0066) is none of the 13 characters" not in error:
            sys.exit(error)
    print("all fine")


if __name__ == "__main__":
    main()
