#!/usr/bin/env python3
"""The reference networks of docs/examples against PyTorch, with the same weights:
the outputs of inference, the loss, and the gradient of every parameter.

  reference_networks.py VARVE EXAMPLES [--only NAME,...] [--overfit]

PyTorch computes in double, so that what differs is our error. Gradients are
read off one step of plain SGD at a rate that drowns the weights. Where rounding
decides one ReLU or maximum otherwise, gradients change by more than their error
(PyTorch's own in single precision by a tenth, in ResNet-50): so after a batch
norm every other channel is far above 0 and the others far below, and where a
maximum still went another way, another batch is tried. With --overfit
each network also learns a few samples until its loss is below 0.01. Needs
torch, torchvision, transformers and numpy; without them it ends with 77.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

from weights import read_tensors, write_tensors

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

BOUND = 1e-4
RATE = 1e6
CODES = {"F32": np.float32, "F64": np.float64, "I64": np.int64}


def save(path, tensors):
    """Writes a safetensors file."""
    kinds = {np.dtype(kind): code for code, kind in CODES.items()}
    write_tensors(
        path,
        {
            name: (kinds[value.dtype], value.shape, np.ascontiguousarray(value))
            for name, value in tensors.items()
        },
    )


def load(path):
    return {
        name: np.frombuffer(data, CODES[kind]).reshape(shape)
        for name, (kind, shape, data) in read_tensors(path).items()
    }


# ---- the networks in PyTorch: outputs of inference, and a loss ----


def without_dropout(module):
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return module


class Images:
    """A classifier of images. `build` makes it in PyTorch."""

    def __init__(self, file, build, parameters, size=224, names="torchvision",
                 batch=2, sets=(), sides=None, steps=60):
        self.steps = steps  # until the batch is learnt
        self.file, self.build, self.parameters = file, build, parameters
        self.names, self.batch, self.sets = names, batch, list(sets)
        self.sides = sides
        self.fields = f"image: f32[3, {size}, {size}]  label: class(1000)"
        self.inputs, self.size = ["image"], size

    def data(self, random):
        shape = (self.batch, 3, self.size, self.size)
        return {
            "image": random.standard_normal(shape).astype(np.float32),
            "label": random.integers(0, 1000, self.batch),
        }

    def outputs(self, module, data):
        return {"logits": module(data["image"])}

    def loss(self, module, data):
        out = module(data["image"])
        if not self.sides:
            return F.cross_entropy(out, data["label"])
        return F.cross_entropy(out.logits, data["label"]) + 0.3 * (
            F.cross_entropy(out.aux_logits1, data["label"])
            + F.cross_entropy(out.aux_logits2, data["label"])
        )


def decide_channels(module):
    """What a batch norm gives to a ReLU is 0 at 3 standard deviations, so that
    hardly any is within rounding of it. More would cost digits: the next norm
    takes a difference of what is nearly equal."""
    random = torch.Generator().manual_seed(3)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            draw = torch.rand(2, part.num_features, generator=random)
            sign = 1.0 - 2.0 * (torch.arange(part.num_features) % 2)
            part.weight.data.copy_(0.8 + 0.4 * draw[0])
            part.bias.data.copy_(sign * (3.0 + draw[1]))
    return module


def torchvision_model(name, **options):
    def build():
        import torchvision

        model = getattr(torchvision.models, name)(**options)
        return decide_channels(without_dropout(model))

    return build


def alexnet_paper():
    def pooled():
        return [nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0),
                nn.MaxPool2d(3, 2)]

    named = nn.ModuleDict({
        "conv1": nn.Conv2d(3, 96, 11, 4),
        "conv2": nn.Conv2d(96, 256, 5, padding=2, groups=2),
        "conv3": nn.Conv2d(256, 384, 3, padding=1),
        "conv4": nn.Conv2d(384, 384, 3, padding=1, groups=2),
        "conv5": nn.Conv2d(384, 256, 3, padding=1, groups=2),
        "fc6": nn.Linear(9216, 4096),
        "fc7": nn.Linear(4096, 4096),
        "fc8": nn.Linear(4096, 1000),
    })

    def forward(x):
        for name in ("conv1", "conv2"):
            x = nn.Sequential(named[name], nn.ReLU(), *pooled())(x)
        for name in ("conv3", "conv4", "conv5"):
            x = F.relu(named[name](x))
        x = F.max_pool2d(x, 3, 2).flatten(1)
        return named["fc8"](F.relu(named["fc7"](F.relu(named["fc6"](x)))))

    named.forward = forward
    return named


class Transformer:
    """Vaswani 2017, base; written from the paper on PyTorch's functions."""

    file, names, batch = "transformer.varve", None, 3
    parameters = 63_082_496
    fields = "source: i64[9]  target: i64[7]  next: i64[7]"
    inputs = ["source", "target"]
    sets = ["model.rate=0"]
    width, heads = 512, 8

    def data(self, random):
        source = random.integers(1, 37000, (self.batch, 9))
        target = random.integers(1, 37000, (self.batch, 8))
        source[1, 6:] = 0
        target[1, 5:] = 0
        return {"source": source, "target": target[:, :-1], "next": target[:, 1:]}

    def build(self):
        def attention():
            return nn.ModuleDict(
                {part: nn.Linear(512, 512) for part in ("query", "key", "value", "out")}
            )

        def feed_forward():
            return nn.ModuleDict({"up": nn.Linear(512, 2048), "down": nn.Linear(2048, 512)})

        def layer(decodes):
            parts = {"attention": attention(), "ffn": feed_forward()}
            if decodes:
                parts["cross"] = attention()
            for i in range(3 if decodes else 2):
                parts[f"norm{i + 1}"] = nn.LayerNorm(512)
            return nn.ModuleDict(parts)

        embed = nn.Embedding(37000, 512)
        nn.init.normal_(embed.weight, std=512**-0.5)
        return nn.ModuleDict({
            "embed": embed,
            "encoder": nn.ModuleList([layer(False) for _ in range(6)]),
            "decoder": nn.ModuleList([layer(True) for _ in range(6)]),
        })

    def places(self, length, like):
        place = torch.arange(length, dtype=torch.float64)[:, None]
        rate = 10000.0 ** (-torch.arange(0, self.width, 2, dtype=torch.float64) / self.width)
        angle = place * rate
        return torch.stack([angle.sin(), angle.cos()], 2).flatten(1).to(like.dtype)

    def attend(self, part, x, memory, **mask):
        split = lambda y: y.unflatten(2, (self.heads, -1)).transpose(1, 2)
        y = F.scaled_dot_product_attention(
            split(part["query"](x)), split(part["key"](memory)),
            split(part["value"](memory)), **mask,
        )
        return part["out"](y.transpose(1, 2).flatten(2))

    def logits(self, m, data):
        embed = lambda ids: m["embed"](ids) * self.width**0.5
        seen = (data["source"] != 0)[:, None, None, :]
        x = embed(data["source"])
        x = x + self.places(x.shape[1], x)
        feed = lambda part, x: part["down"](F.relu(part["up"](x)))
        for part in m["encoder"]:
            x = part["norm1"](x + self.attend(part["attention"], x, x, attn_mask=seen))
            x = part["norm2"](x + feed(part["ffn"], x))
        y = embed(data["target"])
        y = y + self.places(y.shape[1], y)
        for part in m["decoder"]:
            y = part["norm1"](y + self.attend(part["attention"], y, y, is_causal=True))
            y = part["norm2"](y + self.attend(part["cross"], y, x, attn_mask=seen))
            y = part["norm3"](y + feed(part["ffn"], y))
        return y @ m["embed"].weight.T

    def outputs(self, module, data):
        return {"logits": self.logits(module, data)}

    def loss(self, module, data):
        return F.cross_entropy(
            self.logits(module, data).transpose(1, 2), data["next"],
            ignore_index=0, label_smoothing=0.1,
        )


class Bert:
    file, names, batch = "bert_base.varve", "transformers", 2
    # Beyond the 109,482,240: the heads of both tasks.
    parameters = 109_482_240 + 768 * 768 + 3 * 768 + 30522 + 2 * 768 + 2
    fields = "tokens: i64[24]  segments: i64[24]  masked: i64[24]  follows: class(2)"
    inputs = ["tokens", "segments"]
    sets = ["model.rate=0"]
    steps = 100

    def data(self, random):
        tokens = random.integers(1, 30522, (self.batch, 24))
        tokens[1, 17:] = 0
        segments = np.zeros_like(tokens)
        segments[:, 10:] = 1
        masked = np.full_like(tokens, -100)
        masked[:, 3::5] = random.integers(1, 30522, masked[:, 3::5].shape)
        masked[tokens == 0] = -100
        return {
            "tokens": tokens, "segments": segments, "masked": masked,
            "follows": random.integers(0, 2, self.batch),
            "label": random.integers(0, 2, self.batch),
        }

    def config(self):
        from transformers import BertConfig

        return BertConfig(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
                          attn_implementation="eager")

    def build(self):
        from transformers import BertForPreTraining

        return BertForPreTraining(self.config())

    def arguments(self, data):
        return {
            "input_ids": data["tokens"], "token_type_ids": data["segments"],
            "attention_mask": (data["tokens"] != 0).long(),
        }

    def outputs(self, module, data):
        out = module.bert(**self.arguments(data))
        return {"hidden": out.last_hidden_state, "pooled": out.pooler_output}

    def loss(self, module, data):
        return module(**self.arguments(data), labels=data["masked"],
                      next_sentence_label=data["follows"]).loss


class BertClassifier(Bert):
    file = "bert_classifier.varve"
    parameters = 109_482_240 + 2 * 769
    fields = "tokens: i64[24]  segments: i64[24]  label: class(2)"

    def build(self):
        from transformers import BertForSequenceClassification

        return BertForSequenceClassification(self.config())

    def outputs(self, module, data):
        return {"logits": module(**self.arguments(data)).logits}

    def loss(self, module, data):
        return F.cross_entropy(module(**self.arguments(data)).logits, data["label"])


class Gpt2:
    file, names, batch = "gpt2.varve", "transformers", 2
    parameters = 124_439_808
    fields = "tokens: i64[24]  next: i64[24]"
    inputs = ["tokens"]
    sets = ["model.rate=0"]
    steps = 100

    def data(self, random):
        tokens = random.integers(0, 50257, (self.batch, 25))
        return {"tokens": tokens[:, :-1], "next": tokens[:, 1:]}

    def build(self):
        from transformers import GPT2Config, GPT2LMHeadModel

        return GPT2LMHeadModel(GPT2Config(
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, use_cache=False,
            attn_implementation="eager",
        ))

    def outputs(self, module, data):
        return {"logits": module(data["tokens"]).logits}

    def loss(self, module, data):
        return F.cross_entropy(module(data["tokens"]).logits.transpose(1, 2), data["next"])


NETWORKS = {
    "alexnet": Images("alexnet.varve", torchvision_model("alexnet"), 61_100_840,
                      sets=["model.rate=0"], steps=150),
    "alexnet_paper": Images("alexnet_paper.varve", alexnet_paper, 60_965_224,
                            size=227, names=None, sets=["model.rate=0"], steps=150),
    "resnet18": Images("resnet18_cifar10.varve", torchvision_model("resnet18"),
                       11_689_512, size=96, batch=4),
    "resnet50": Images("resnet50.varve", torchvision_model("resnet50"), 25_557_032,
                       size=96, batch=4),
    "googlenet": Images(
        "googlenet.varve",
        torchvision_model("googlenet", aux_logits=True, init_weights=False),
        13_004_888, size=96, batch=4, names=None, sets=["model.rate=0", "model.side_rate=0"], sides=True,
    ),
    "densenet121": Images("densenet121.varve", torchvision_model("densenet121"), 7_978_856,
                          size=96, batch=4),
    "transformer": Transformer(),
    "bert": Bert(),
    "bert_classifier": BertClassifier(),
    "gpt2": Gpt2(),
}


# ---- Varve ----


def block_of(text, word):
    """The span of the block that begins with `word`, or None."""
    start = re.search(rf"^{word} ", text, re.M)
    if not start:
        return None
    end = re.compile(r"^}\n", re.M).search(text, start.start())
    return start.start(), end.end()


def variant(text, network, optimizer):
    """The example with its losses, its data ready in batch.npz, one optimizer."""
    begin, end = block_of(text, "train")
    model = re.match(r"train (\w+)", text[begin:]).group(1)
    lines = text[begin:end].splitlines()
    losses = [line for line in lines if re.match(r"  loss ", line)]
    if "adam" in optimizer:  # 0 can be reached without smoothing only
        losses = [line.replace("smoothing: 0.1", "smoothing: 0") for line in losses]
    train = [f"train {model} {{", f'  data npz("batch.npz") {{ {network.fields} }}']
    train += losses + [f"  optimizer {optimizer}", f"  batch {network.batch}", "}\n"]
    text = text[:begin] + "\n".join(train) + text[end:]
    if span := block_of(text, "infer"):
        text = text[: span[0]] + text[span[1] :]
    return text


class Trial:
    def __init__(self, varve, examples, name, folder):
        self.varve, self.examples = varve, examples
        self.name, self.network, self.folder = name, NETWORKS[name], folder
        self.failures = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def check(self, fine, what):
        print(("ok: " if fine else "FAILED: ") + f"{self.name}: {what}", flush=True)
        self.failures += not fine

    def run(self, *command):
        sets = [word for each in self.network.sets for word in ("--set", each)]
        process = subprocess.run(
            [self.varve, *command, *sets], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        if process.returncode != 0:
            sys.exit(f"{self.name}: {command}\n{process.stdout}")
        return process.stdout

    def write_model(self, optimizer):
        for file in os.listdir(self.examples):
            if file.endswith(".varve"):
                with open(os.path.join(self.examples, file)) as source:
                    text = source.read()
                if file == self.network.file:
                    text = variant(text, self.network, optimizer)
                with open(self.path(file), "w") as target:
                    target.write(text)
        return self.path(self.network.file)

    def make_batch(self, seed):
        data = self.network.data(np.random.default_rng(seed))
        np.savez(self.path("batch.npz"), **data)
        for name in self.network.inputs:
            np.save(self.path(name + ".npy"), data[name])
        tensor = lambda x: torch.from_numpy(x.astype(np.float64) if x.dtype == np.float32 else x)
        self.data = {key: tensor(value) for key, value in data.items()}

    def prepare(self):
        torch.manual_seed(1)
        self.module = self.network.build()
        self.make_batch(1)
        # Statistics that are not those of the first step.
        random = torch.Generator().manual_seed(2)
        for key, value in self.module.named_buffers():
            if key.endswith("running_mean"):
                value.copy_(0.1 * torch.randn(value.shape, generator=random))
            elif key.endswith("running_var"):
                value.copy_(0.5 + torch.rand(value.shape, generator=random))
        state = dict(self.module.named_parameters())
        state.update(
            (key, value) for key, value in self.module.named_buffers()
            if key.endswith(("running_mean", "running_var"))
        )
        self.weights = {k: v.detach().numpy().copy() for k, v in state.items()}
        save(self.path("weights.safetensors"), self.weights)
        self.module.double()

    def check_parameters(self, file):
        line = json.loads(self.run("inspect", file, "--json"))
        self.check(line["parameters"] == self.network.parameters,
                   f"{line['parameters']} parameters")

    def check_forward(self, file):
        self.module.eval()
        with torch.no_grad():
            want = self.network.outputs(self.module, self.data)
        inputs = [word for name in self.network.inputs
                  for word in ("--input", f"{name}={self.path(name + '.npy')}")]
        self.run("run", file, "--weights", self.path("weights.safetensors"),
                 *inputs, "--output-dir", self.path("out"))
        for name, value in want.items():
            got = np.load(self.path(f"out/{name}.npy"))
            error = np.abs(got - value.numpy()).max() / value.abs().max().item()
            self.check(error <= BOUND, f"{name}: relative error {error:.1e}")

    def gradients(self, file):
        """The error of each gradient, relative to its largest element; and the
        loss, by both."""
        self.module.train()
        self.module.zero_grad()
        loss = self.network.loss(self.module, self.data)
        loss.backward()
        names = ["--names", self.network.names] if self.network.names else []
        out = self.run("train", file, "--init-from", self.path("weights.safetensors"),
                       "--epochs", "1", "--out", self.path("step.safetensors"), "--json", *names)
        after = load(self.path("step.safetensors"))
        wanted = {key: value.grad.numpy() for key, value in self.module.named_parameters()}
        errors = {}
        largest = max(np.abs(want).max() for want in wanted.values())
        for key, want in wanted.items():
            step = self.weights[key].astype(np.float64) - after[key].astype(np.float64)
            wrong = np.abs(step / RATE - want).max()
            # Some gradients are 0 by their formula: a shift of all keys moves no
            # weight of attention, nor one before a batch norm its value.
            scale = np.abs(want).max()
            errors[key] = wrong / (scale if scale > 1e-10 * largest else largest)
        return errors, json.loads(out.splitlines()[0])["loss"], loss.item()

    def check_gradients(self, file):
        for attempt in range(1, 5):
            self.make_batch(attempt)
            errors, got, want = self.gradients(file)
            worst = max(errors, key=errors.get)
            if errors[worst] <= BOUND:
                break
            print(f"  batch {attempt}: {errors[worst]:.1e}, {worst}", flush=True)
        error = abs(got - want) / abs(want)
        self.check(error <= BOUND, f"loss {got:.6f}: relative error {error:.1e}")
        self.check(errors[worst] <= BOUND,
                   f"{len(errors)} gradients: largest relative error {errors[worst]:.1e}, {worst}")

    def check_overfit(self):
        file = self.write_model("adam(lr: 1e-4)")
        start = time.monotonic()
        out = self.run("train", file, "--init-from", self.path("weights.safetensors"),
                       "--epochs", str(getattr(self.network, "steps", 60)), "--out", self.path("fit.safetensors"), "--json")
        losses = [json.loads(line)["loss"] for line in out.splitlines() if '"epoch"' in line]
        losses = [loss for loss in losses if loss is not None]
        self.check(losses[-1] < 0.01, f"{len(losses)} steps on one batch: loss {losses[0]:.3f} -> "
                   f"{losses[-1]:.5f}, {time.monotonic() - start:.0f} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("varve")
    parser.add_argument("examples")
    parser.add_argument("--only", default=",".join(NETWORKS))
    parser.add_argument("--overfit", action="store_true")
    args = parser.parse_args()
    failures = 0
    for name in args.only.split(","):
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(os.path.abspath(args.varve), args.examples, name, folder)
            try:
                trial.prepare()
            except ImportError as missing:
                print(f"skipped: {missing}")
                return 77
            file = trial.write_model(f"sgd(lr: {RATE:.0f})")
            trial.check_parameters(file)
            trial.check_forward(file)
            trial.check_gradients(file)
            if args.overfit:
                trial.check_overfit()
        failures += trial.failures
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
