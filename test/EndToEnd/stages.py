#!/usr/bin/env python3
"""What layer-wise learning must satisfy, in values: bytes of weights after
training, on the points of two rings.

  stages.py VARVE
"""

import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

from weights import read_tensors

MODEL = """model net(x: f32[N, 2]) -> logits: f32[N, 2] {
  layer first { h = x |> dense(16) as map |> tanh }
  layer second { h = h |> dense(16) as map |> batch_norm as norm |> tanh }
  return dense(h, 2) as output
}
"""
# The first stage as a network of its own: its head has the same key, so the
# same first values.
ALONE = """model net(x: f32[N, 2]) -> logits: f32[N, 2] {
  layer first { h = x |> dense(16) as map |> tanh }
  layer stage.first { h = pool_dense(h, 2) }
  return h
}
"""
TRAIN = """
train net {
  data csv("points.csv") {
    x: f32[2] from "a", "b"
    kind: class("inside", "outside")
  }
  loss cross_entropy(logits, kind)
  metric accuracy(logits, kind)
  optimizer adam(lr: 0.01)
  batch 32
  epochs 3
%s
}
"""


def tensors(path):
    """The bytes of each."""
    return {name: data for name, (_, _, data) in read_tensors(path).items()}


class Trials:
    def __init__(self, varve, folder):
        self.varve, self.folder, self.failures = varve, folder, 0
        draw = random.Random(1)
        with open(os.path.join(folder, "points.csv"), "w") as file:
            file.write("a,b,kind\n")
            for _ in range(200):
                a, b = draw.uniform(-1.5, 1.5), draw.uniform(-1.5, 1.5)
                inside = "inside" if math.hypot(a, b) < 1 else "outside"
                file.write(f"{a},{b},{inside}\n")

    def train(self, model, learning="", *options, batch=32):
        """The weights, the checkpoint, the lines of JSON."""
        path = os.path.join(self.folder, "net.varve")
        with open(path, "w") as file:
            text = TRAIN.replace("batch 32", f"batch {batch}")
            file.write(model + text % learning)
        out = os.path.join(self.folder, "net.safetensors")
        kept = os.path.join(self.folder, "checkpoint")
        process = subprocess.run(
            [self.varve, "train", path, "--out", out, "--checkpoint", kept]
            + ["--json", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if process.returncode != 0:
            sys.exit(f"{learning} {options}\n{process.stdout}")
        lines = [
            json.loads(line)
            for line in process.stdout.splitlines()
            if line.startswith("{")
        ]
        return (
            tensors(out),
            tensors(os.path.join(kept, "checkpoint.safetensors")),
            lines,
        )

    def kill_after(self, epochs, model, learning):
        """Leaves a checkpoint of so many epochs, or of a few more."""
        path = os.path.join(self.folder, "net.varve")
        with open(path, "w") as file:
            file.write(model + TRAIN % learning)
        kept = os.path.join(self.folder, "checkpoint")
        shutil.rmtree(kept)
        process = subprocess.Popen(
            [self.varve, "train", path, "--checkpoint", kept, "--json"]
            + ["--checkpoint-every", "1"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in process.stdout:
            if '"event":"epoch"' in line and f'"epoch":{epochs}' in line:
                process.kill()
        process.wait()

    def moved(self, model, learning):
        """Small calls of a step that are for other threads than the first."""
        path = os.path.join(self.folder, "net.varve")
        with open(path, "w") as file:
            file.write(model + TRAIN % learning)
        plan = os.path.join(self.folder, "plan.mlir")
        subprocess.run(
            [self.varve, "compile", path, "--function", "train_step"]
            + ["--stop-after", "plan", "-o", plan],
            check=True,
        )
        with open(plan) as file:
            text = file.read()
        return text.count("varve.first_thread")

    def memory(self, model, learning=""):
        path = os.path.join(self.folder, "net.varve")
        with open(path, "w") as file:
            file.write(model + TRAIN % learning)
        process = subprocess.run(
            [self.varve, "inspect", path, "--memory", "--batch", "4000"]
            + ["--json"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return json.loads(process.stdout)

    def bench(self, model, learning=""):
        """What a process takes that has not compiled the step itself."""
        path = os.path.join(self.folder, "net.varve")
        with open(path, "w") as file:
            file.write(model + TRAIN % learning)
        for _ in range(2):
            process = subprocess.run(
                [self.varve, "bench", path, "--batch", "20000"]
                + ["--seconds", "0", "--json"],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        return json.loads(process.stdout)

    def check(self, fine, what):
        print(("ok: " if fine else "FAILED: ") + what)
        self.failures += not fine

    def same(self, x, y, keys, what):
        self.check(bool(keys) and all(x[k] == y[k] for k in keys), what)


def main():
    with tempfile.TemporaryDirectory() as folder:
        t = Trials(sys.argv[1], folder)
        whole, _, _ = t.train(MODEL)
        first = [key for key in whole if key.startswith("first.")]
        second = [key for key in whole if key.startswith("second.")]

        one, _, _ = t.train(MODEL, "learning decoupled(stages: 1)")
        t.same(whole, one, list(whole), "one stage is end to end")

        cut = 'learning decoupled(cuts: ["first", "second"])'
        apart, kept, lines = t.train(MODEL, cut)
        t.check(set(apart) == set(whole), "heads are not in the weights")
        t.check(
            "state/stage.first.weight" in kept
            and "state/stage.second.weight:m" in kept,
            "heads and their slots are in the checkpoint",
        )
        t.check(
            set(lines[-2]["losses"]) == {"first", "second"}
            and lines[-2]["losses"]["first"] < lines[0]["losses"]["first"],
            "losses of stages are reported and fall",
        )
        t.check(
            any(whole[key] != apart[key] for key in first),
            "a local loss is another loss",
        )

        _, _, lines = t.train(MODEL, cut + "\n  validate 0.2")
        t.check("val_loss" in lines[0], "evaluation has no heads")

        alone, alone_kept, _ = t.train(ALONE)
        t.same(alone, apart, first, "the first stage learns as if alone")
        t.check(
            alone_kept["state/stage.first.weight"]
            == kept["state/stage.first.weight"],
            "and so does its head",
        )
        changed, _, _ = t.train(MODEL + "", cut + '\n  group "output.*" (lr: 1)')
        t.same(apart, changed, first + second, "no gradient from the last stage")
        t.check(
            apart["output.weight"] != changed["output.weight"],
            "which has learnt otherwise",
        )
        changed, _, _ = t.train(
            MODEL, cut + ' { stage "second" { optimizer adam(lr: 0.1) } }'
        )
        t.same(apart, changed, first, "no gradient from the stage above")
        t.check(
            any(apart[key] != changed[key] for key in second),
            "which has another optimizer",
        )

        for options, what in [
            (["--threads", "1"], "one thread"),
            (["--threads", "3"], "three threads"),
            (["--disable-pass", "fuse"], "no fusion"),
        ]:
            again, _, _ = t.train(MODEL, cut, *options)
            t.same(apart, again, list(apart), f"the same bits: {what}")
        for sets in [
            ["learning=decoupled", "learning.cuts=first,second"],
            ["learning=decoupled", "learning.stages=3"],
        ]:
            options = [word for key in sets for word in ("--set", key)]
            again, _, _ = t.train(MODEL, "", *options)
            t.same(apart, again, list(apart), "the same by " + " ".join(sets))

        # Stages beside each other, and asynchronous ones.
        beside = cut[:-1] + ", parallel: true)"
        for options in [["1"], ["2"], ["3"], ["2", "--disable-pass", "fuse"]]:
            again, again_kept, _ = t.train(MODEL, beside, "--threads", *options)
            t.check(
                again_kept == kept and again == apart,
                "the same bits in parallel: " + " ".join(options),
            )
        wide = MODEL.replace("16", "256")
        none = t.moved(wide, cut)
        moved = t.moved(wide, beside)
        t.check(
            none == 0 and moved >= 12,
            f"{moved} small calls of later stages are other threads'",
        )
        lag = cut[:-1] + ", asynchronous: true, buffer: "
        again, _, lines = t.train(MODEL, lag + "1)")
        t.same(apart, again, list(apart), "a buffer of one step is none")
        t.check(
            lines[0]["losses"]["second.staleness"] == 0, "of no staleness"
        )
        late, late_kept, lines = t.train(MODEL, lag + "3)")
        t.same(apart, late, first, "what lags is above a boundary")
        t.check(
            all(late[key] != apart[key] for key in ("second.map.weight",)),
            "and learns otherwise",
        )
        ages = [
            line["losses"][name + ".staleness"]
            for line in lines
            if line["event"] == "epoch"
            for name in ("second", "output")
        ]
        t.check(
            all(0 <= age <= 2 for age in ages) and 0.3 < sum(ages) / 6 < 1.7,
            f"staleness is reported: {ages}",
        )
        t.check(
            len(late_kept["state/stage.first.buffer.0.ring"]) == 3 * 32 * 16 * 4,
            "the buffer is in the checkpoint",
        )
        again, again_kept, _ = t.train(MODEL, lag + "3)", "--threads", "3")
        t.check(again_kept == late_kept, "a lag has the same bits on 3 threads")
        # One batch an epoch and nothing that moves: what is taken up are the
        # same samples in another order, if labels are with them.
        still = ["--set", "optimizer.lr=0"]
        _, _, now = t.train(MODEL, cut, *still, batch=200)
        _, _, late_lines = t.train(MODEL, lag + "3)", *still, batch=200)
        t.check(
            all(
                abs(x["losses"]["second"] - y["losses"]["second"]) < 1e-5
                and abs(x["loss"] - y["loss"]) < 1e-5
                and abs(x["accuracy"] - y["accuracy"]) < 1e-6
                for x, y in zip(now, late_lines)
                if x["event"] == "epoch"
            ),
            "labels lag with their samples",
        )

        # What a stage may have of its own: as a network alone with it.
        sgd = "sgd(lr: 0.1, momentum: 0.9)"
        other, _, _ = t.train(ALONE, "", "--set", "optimizer=" + sgd)
        own, own_kept, _ = t.train(
            MODEL, cut + ' { stage "first" { optimizer %s } }' % sgd
        )
        t.same(other, own, first, "another kind of optimizer in a stage")
        t.check(
            "state/first.map.weight:momentum" in own_kept
            and "state/first.map.weight:m" not in own_kept
            and "state/second.map.weight:m" in own_kept
            and "state/stage.first.weight:momentum" in own_kept,
            "with its own slots",
        )
        factor = "step_decay(step, every: 4, factor: 0.5)"
        other, _, _ = t.train(ALONE, "schedule " + factor)
        own, _, _ = t.train(MODEL, cut + " { schedule %s }" % factor)
        t.same(other, own, first, "a schedule of the local stages")
        own, _, _ = t.train(
            MODEL, cut + ' { stage "first" { schedule %s } }' % factor
        )
        t.same(other, own, first, "a schedule of one stage")
        soft = MODEL.replace("|> tanh }\n  layer", "|> tanh |> dropout(0.25) }\n  layer")
        soft_alone = ALONE.replace("|> tanh }", "|> tanh |> dropout(0.25) }")
        for setting in ["mixup 0.4", "shards 3", "accumulate 2", "clip_norm 0.1"]:
            joined, _, _ = t.train(soft, setting)
            one, _, _ = t.train(soft, "learning decoupled(stages: 1)\n" + setting)
            t.same(joined, one, list(joined), "one stage is end to end: " + setting)
            other, _, _ = t.train(soft_alone, setting)
            own, _, _ = t.train(soft, cut + "\n" + setting)
            t.same(other, own, first, "a stage is as if alone: " + setting)

        # Greedy: the first stage is the one that learns alone; then it stands
        # still, in evaluation, while the next ones learn.
        greedy = 'learning greedy(cuts: ["first", "second"])'
        slow, kept, lines = t.train(MODEL, greedy)
        epochs = [line["epoch"] for line in lines if line["event"] == "epoch"]
        t.check(epochs == list(range(1, 10)), "each stage has its epochs")
        t.same(alone, slow, first, "the first greedy stage learns as if alone")
        for setting in ["mixup 0.4", "shards 3", "accumulate 2"]:
            other, _, _ = t.train(ALONE, setting)
            own, _, _ = t.train(MODEL, greedy + "\n" + setting)
            t.same(other, own, first, "also with " + setting)
        cached = greedy[:-1] + ", cached: true)"
        for options in [[], ["--threads", "3"], ["--disable-pass", "fuse"]]:
            again, again_kept, again_lines = t.train(MODEL, cached, *options)
            t.check(
                again == slow and again_kept == kept,
                "the same bits from kept inputs " + " ".join(options),
            )
        t.check(
            [x["loss"] for x in again_lines if x["event"] == "epoch"]
            == [x["loss"] for x in lines if x["event"] == "epoch"],
            "and the same losses",
        )
        with open(os.path.join(folder, "net.varve"), "w") as file:
            drawn = "\n  prepare { x = x + normal(shape: [2]) }"
            file.write(MODEL + TRAIN % (cached + drawn))
        process = subprocess.run(
            [t.varve, "compile", file.name, "--function", "train_step:second"]
            + ["-o", os.path.join(folder, "out.so")],
            stderr=subprocess.PIPE,
            text=True,
        )
        t.check(
            process.returncode == 1
            and "differs from epoch to epoch" in process.stderr,
            "nothing is kept that is drawn",
        )
        t.kill_after(5, MODEL, cached)
        again, again_kept, _ = t.train(MODEL, cached, "--resume")
        t.check(
            again == slow and again_kept == kept,
            "and the same bits when resumed in the second stage",
        )
        changed, _, _ = t.train(
            MODEL,
            greedy
            + ' {\n stage "second" {\n optimizer adam(lr: 0.1)\n epochs 1\n }\n}',
        )
        t.same(slow, changed, first, "later stages leave it as it is")
        t.check(
            any(slow[key] != changed[key] for key in second),
            "a stage has its own epochs and optimizer",
        )
        t.check(
            struct.unpack("<q", kept["state/step"])[0] == 3 * 7,
            "each stage counts its own steps",
        )

        # The losses of the paper, written out and by the name of the paper.
        out = """learning decoupled(cuts: ["first", "second"]) {
          loss predict = 0.01 * cross_entropy(dense(h, 2, init: zeros) as predict, kind)
          loss similar = 0.99 * mean_squared_error(similarity(dense(h, 16) as similar.map), similarity(one_hot(kind, 2)))
        }"""
        written, _, _ = t.train(MODEL, out)
        named, _, lines = t.train(MODEL, "learning local_similarity")
        t.same(written, named, list(written), "local_similarity is what it says")
        t.check(
            "first.similar" in lines[0]["losses"], "parts of losses are reported"
        )

        # Memory: the largest stage, not the sum. Twelve equal layers.
        layers = """model net(x: f32[N, 2]) -> logits: f32[N, 2] {
          h = dense(x, 64) as begin
          repeat i in 0..12 { layer deep[i] { h = h |> dense(64) as map |> tanh } }
          return dense(h, 2) as output
        }
        """
        joined = t.memory(layers)
        halves = t.memory(layers, 'learning decoupled(cuts: "deep.5")')
        peaks = {s["stage"]: s["activation_mb"] for s in halves["stages"]}
        t.check(
            halves["peak_activation_mb"]
            == max(peaks["deep.5"], peaks["output"])
            < 0.75 * joined["peak_activation_mb"],
            f"the peak is that of the largest stage: {peaks}, together "
            f"{joined['peak_activation_mb']}",
        )
        t.check(
            halves["arena_mb"] < joined["arena_mb"], "and the arena is smaller"
        )
        checkpoints = t.memory(layers, 'memory_budget "5MB"')
        t.check(
            checkpoints["peak_activation_mb"]
            < 0.5 * joined["peak_activation_mb"],
            f"recomputation keeps less: {checkpoints['peak_activation_mb']}",
        )

        t.check(
            checkpoints["arena_mb"] < 0.8 * joined["arena_mb"],
            f"in a smaller arena: {checkpoints['arena_mb']}, without "
            f"{joined['arena_mb']}",
        )
        # The plan against the pages that the system counts.
        for learning in [
            "",
            'learning decoupled(cuts: "deep.5")',
            'memory_budget "25MB"',
        ]:
            line = t.bench(layers, learning)
            planned = line["arena_mb"] + line["state_mb"]
            t.check(
                abs(line["used_mb"] - planned) < 0.1 * planned,
                f"planned {planned:.2f} MB, used {line['used_mb']:.2f}: "
                f"{learning or 'end to end'}",
            )

        # What is computed again has the same bits, and takes less memory.
        budget = '\n  memory_budget "20KB"'
        again, _, _ = t.train(MODEL, budget)
        t.same(whole, again, list(whole), "the same bits with recomputation")
        return min(t.failures, 1)


if __name__ == "__main__":
    sys.exit(main())
