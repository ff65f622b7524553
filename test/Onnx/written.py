#!/usr/bin/env python3
"""Holds what is written of the models of ONNX's backend suite to the outputs
that the suite has for them.

  written.py VARVE TOOLS_DIR ONNX_PYTHON text|onnx [--shard I/N] [--floor SHARE]
      [--only REGEX] [--list]

text: `varve import`, then `varve run` of the text. onnx: `varve compile` to an
ONNX file, which onnx.checker accepts and ONNX Runtime runs. Inputs are given,
so that their values may decide shapes. A model that is refused is none that is
wrong; SHARE of all must be equal.
"""

import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile

import texts


class Refused(Exception):
    pass


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    said = done.stderr.strip()
    if done.returncode == 2:
        raise Refused(said)
    if done.returncode:
        raise RuntimeError(f"{command[1]}: exit status {done.returncode} {said}")


def flags_of(values):
    return [word for name, path in values
            for word in ("--input", f"{name}={path}")]


def items_of(value):
    """The tensors of a tensor, a sequence or an optional."""
    if isinstance(value, list):
        return [each for item in value for each in items_of(item)]
    return [] if value is None else [value]


def identifier(name):
    """The text's name for an input or output."""
    word = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    return word if word and not word[0].isdigit() else "n" + word


def through_text(varve, model, given, home):
    """The outputs, by the names that the text has."""
    import numpy as np

    text, weights = f"{home}/model.varve", f"{home}/w.safetensors"
    run(varve, "import", model, "-o", text, "--weights", weights,
        *flags_of((name, path) for name, path, _ in given))
    run(varve, "fmt", "--check", text)
    with open(text) as file:
        inputs, outputs = texts.signature(file.read())
    # What only decided shapes is not in the text; each item of a sequence is.
    arrays = iter([(name, item) for name, _, value in given
                   for item in items_of(value)])
    values = []
    for own in inputs:
        value = next(value for name, value in arrays
                     if re.fullmatch(identifier(name) + r"(_\d+)*", own))
        if value.dtype.name == "bfloat16":
            value = value.view("V2")
        np.save(f"{home}/{own}.npy", value)
        values.append((own, f"{home}/{own}.npy"))
    if not values:
        raise Refused("`varve run` of a text wants an input")
    run(varve, "run", text, "--weights", weights, "--no-prepare",
        "--output-dir", f"{home}/out", *flags_of(values))
    return [np.load(f"{home}/out/{own}.npy") for own in outputs]


def through_onnx(varve, model, given, home):
    import onnx
    import onnxruntime

    written = f"{home}/model.onnx"
    run(varve, "compile", model, "-o", written,
        *flags_of((name, path) for name, path, _ in given))
    onnx.checker.check_model(written, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(
            written, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if re.search("NOT_IMPLEMENTED|INVALID_GRAPH", str(error)):
            raise Refused(f"ONNX Runtime: {error}")
        raise
    values = {name: value for name, _, value in given}
    return session.run(None, {info.name: values[info.name]
                              for info in session.get_inputs()})


def check(test, through, varve):
    """"equal", "refused" or "wrong", and a line."""
    import onnx
    import onnx_suite

    model = f"{test.folder}/model.onnx"
    graph = onnx.load(model).graph
    data = f"{test.folder}/test_data_set_0"
    given = []
    for i, info in enumerate(onnx_suite.fed_inputs(graph)):
        path = f"{data}/input_{i}.pb"
        given.append((info.name, path, onnx_suite.read_value(path, info.type)))
    with tempfile.TemporaryDirectory() as home:
        try:
            got = through(varve, model, given, home)
        except Refused as why:
            return "refused", str(why).splitlines()[-1]
        except Exception as problem:
            return "wrong", f"{type(problem).__name__}: {problem}"
    wanted = [(info.name, item) for i, info in enumerate(graph.output)
              for item in items_of(onnx_suite.read_value(f"{data}/output_{i}.pb",
                                                         info.type))]
    if len(got) != len(wanted):
        return "wrong", f"{len(got)} outputs, expected {len(wanted)}"
    for (name, want), value in zip(wanted, got):
        if getattr(value, "dtype", None) is not None and value.dtype.kind == "V":
            value = value.view(want.dtype)
        problem = onnx_suite.difference(
            value, want, test.rtol, test.atol,
            values=not onnx_suite.RANDOM.match(test.name))
        if problem:
            return "wrong", f"{name}: {problem}"
    return "equal", ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("varve")
    parser.add_argument("tools")
    parser.add_argument("python")
    parser.add_argument("form", choices=["text", "onnx"])
    parser.add_argument("--shard", default="0/1")
    parser.add_argument("--floor", type=float, default=0)
    parser.add_argument("--list", action="store_true", help="what is refused, too")
    parser.add_argument("--only", default="", metavar="REGEX")
    options = parser.parse_args()
    if os.path.realpath(sys.prefix) != os.path.realpath(
            os.path.dirname(os.path.dirname(options.python))):
        os.execv(options.python, [options.python] + sys.argv)
    sys.path.append(options.tools)
    import onnx
    import onnx_suite

    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    root = f"{cache}/onnx-suite-{onnx.__version__}"
    if not os.path.isdir(root):
        onnx_suite.prepare(root)
    index, count = map(int, options.shard.split("/"))
    tests = [test for test in onnx_suite.load_suite(root)
             if re.search(options.only, f"{test.group}/{test.name}")][index::count]
    through = through_text if options.form == "text" else through_onnx
    totals = collections.Counter()
    for test in tests:
        status, line = check(test, through, options.varve)
        totals[status] += 1
        if status == "wrong" or options.list:
            print(f"{test.group}/{test.name}: {status} {line}", flush=True)
    print(f"{len(tests)} models:", ", ".join(
        f"{totals[each]} {each}" for each in ("equal", "refused", "wrong")))
    enough = tests and totals["equal"] >= options.floor * len(tests)
    return 0 if enough and not totals["wrong"] else 1


if __name__ == "__main__":
    sys.exit(main())
