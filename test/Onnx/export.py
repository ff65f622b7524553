#!/usr/bin/env python3
"""Exported models against ONNX Runtime, an implementation of ONNX that shares
no code with this one.

  export.py VARVE EXAMPLES ONNX_PYTHON [--all] [REGEX]

Inference of the examples: accepted by onnx.checker, the outputs of `varve run`
on the model and on the exported file equal to the runtime's. Training steps:
two of them, every result and all state against the step that Varve compiles to
a library. Without a Python that has onnx, onnxruntime and numpy it skips.
"""

import ctypes
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "EndToEnd"))
from weights import write_tensors

# (model, settings, also compared by default)
INFER = [
    ("iris", [], True),
    ("mnist_mlp", [], True),
    ("fashion_mlp", [], True),
    ("mlp_large", [], False),
    ("lenet5", [], True),
    ("mnist_lstm", [], True),
    ("siamese", [], True),
    ("vae", [], True),
    ("dgl_cnn", [], False),
    ("nokland_mlp_predsim", [], False),
    ("forward_forward_mnist", [], False),
    ("resnet20_cifar10", [], True),
    ("resnet18_cifar10", ["--dim", "H=64", "--dim", "W=64"], False),
    ("vgg11_cifar10", [], False),
    ("unet", ["--dim", "H=16", "--dim", "W=16"], True),
    ("alexnet", [], False),
    ("alexnet_paper", [], False),
    ("googlenet", ["--dim", "H=64", "--dim", "W=64"], False),
    ("densenet121", ["--dim", "H=64", "--dim", "W=64"], False),
    ("resnet50", ["--dim", "H=64", "--dim", "W=64"], False),
    ("bert_classifier", ["--dim", "T=6", "--set", "model.depth=1"], True),
    ("bert_base", ["--dim", "T=16", "--set", "precision=f32"], False),
    ("char_gpt", [], True),
    ("gpt2", ["--dim", "T=8", "--set", "model.cached=false",
              "--set", "precision=f32"], False),
    ("transformer", ["--dim", "S=5", "--dim", "T=4", "--set", "model.depth=1",
                     "--set", "precision=f32"], True),
]
# The same, and the bound where layers add up what f32 rounds. "double": the
# model is one of f64, held to 1e-9, which leaves nothing to rounding. "smooth":
# without kinks, at which rounding decides where gradients go.
TRAIN = [
    ("iris", [], True),
    ("mnist_mlp", [], True),
    ("lenet5", [], True),
    ("fashion_mlp", [], True),
    ("mnist_lstm", [], True),
    ("siamese", [], True),
    ("vae", [], True),
    ("resnet20_cifar10", ["--set", "mixup=0.2"], True, "double"),
    ("dgl_cnn", [], False, "double"),
    ("nokland_mlp_predsim", [], False, "double"),
    ("forward_forward_mnist", [], False),
    ("char_gpt", ["--set", "model.width=16", "--set", "model.heads=2",
                  "--set", "model.depth=1"], True),
    ("unet", [], False, 1e-4, "smooth"),
    ("resnet18_cifar10", [], False, "double"),
    ("vgg11_cifar10", [], False, "double"),
]
# Each operation that the examples lack, as an output of one model.
OPERATIONS = """
maximum(x, y)   minimum(x, 0.25)   abs(x) ** 1.5   x % 0.3   k % 3   k % j   div(k, j)   div(k, 7)
sign(x)   abs(k)   square(k)   -k   k * 3 + j   maximum(k, j)   relu(k)   sign(k)   floor(3 * x)   ceil(3 * x)
round(4 * x)   floor(k)   x < y   x >= y   x == y   x != y   k != j   where(x < y, x, 1)   where(k < j, k, j)
where(k < 3, k < j, j < 3)   (x < y) and (x < 0)   (x < y) or (x > 0.5)   not (x < y)   cast(x > 0, f32)
cast(u, f32)   cast(k, f32)   cast(3 * x, i64)   cast(x, f64)   cast(u, i64)   u + u   u * 3   u < 2   maximum(u, 2)
exp(x)   expm1(x)   expm1(1e-4 * x)   log(p)   log1p(p)   log1p(1e-5 * x)   sqrt(p)   rsqrt(p)   reciprocal(p)
sin(x)   cos(x)   tanh(x)   erf(x)   sigmoid(x)   softplus(x)   gelu(x)   gelu(x, approximate: "tanh")
sum(x)   sum(x, axis: [1, 3])   mean(x, axis: 2, keepdims: true)   max(x, axis: 1)   min(x, axis: [0, 2])
prod(x, axis: 3)   sum(k)   max(k)   sum(u)   any(x > 0.9, axis: 1)   all(x > -0.9, axis: 3)
argmax(x, axis: 2)   argmin(x)   argmax(k)   cumsum(x, axis: 1)   cumsum(cast(k, i64), axis: 0)   top_k(x, 2)
softmax(x)   softmax(x, axis: 1)   log_softmax(x, axis: 2)   normalize(x, except: 1, eps: 1e-3)   normalize(x)
reshape(x, [-1, 5])   transpose(x)   transpose(x, perm: [3, 1, 0, 2])   x[1:, ::2, 1:5:3]   flip(x, axis: [1, 3])
pad(x, [1, 0], [2, 3], value: 0.5)   pad(x, [1, 2], [2, 1], mode: "reflect")   pad(x, [1, 2], [2, 1], mode: "edge")
pad(x, [0, 1], [2, 0], value: 2, step: [3, 2])   concat([x, y], axis: 2)   stack([x, y], axis: 1)
broadcast(sum(x, axis: [0, 2, 3]), [3, 4, 2], axis: 1)   x @ transpose(y)   einsum("abcd,abed->bce", x, y: y)
gather(x, i, axis: 2)   gather(x, 5 * i - 3, axis: 1)   scatter_add(x, i, gather(y, i, axis: 2), axis: 2)
dynamic_slice(x, [i[0, 1], 9 * i[1, 0]], [3, 2])   dynamic_update_slice(x, y[:, :2], i[1, 2], axis: 1)
one_hot(2 * i - 1, 2)   range(6) * 2   conv(x, w, stride: 2, padding: [1, 0, 2, 1], dilation: [1, 2])
conv(x, w[:, :2], padding: 1, groups: 2)   conv_transpose(x, w, stride: [2, 3], padding: 1, output_padding: [1, 0])
conv_weight(x, conv(x, w, stride: 2, padding: 1), kernel: [3, 3], stride: 2, padding: 1)
conv_weight(x, conv(x, w[:, :2], stride: [1, 2], groups: 2), kernel: [3, 3], stride: [1, 2], groups: 2)
max_pool(x, 3, stride: 2, padding: 1)   max_pool(x, [3, 2], stride: 2, ceil: true)
max_pool(x, 2, stride: 1, dilation: 2)   avg_pool(x, 3, stride: 2, padding: 1)   avg_pool(x, [2, 3], stride: 2)
avg_pool(x, 3, stride: 2, padding: 1, count_padding: false)   avg_pool(x, [3, 2], stride: 2, ceil: true)
avg_pool(x, [4, 2], stride: 3, padding: [1, 0], ceil: true)   adaptive_avg_pool(x, [3, 2])
adaptive_max_pool(x, [2, 3])   adaptive_avg_pool(x, [2, 5])   local_response_norm(x, 3)
interpolate(x, [12, 10])   interpolate(x, [4, 7])   interpolate(x, [9, 8], mode: "bilinear")
interpolate(x, [3, 9], mode: "bilinear", align_corners: true)   attention(x, y, y)   attention(x, y, x, causal: true)
attention(x, y, y, mask: x[0, 0, :1, :1] < 0)   cross_entropy(x, argmax(y), smoothing: 0.1)   cross_entropy(x, argmax(y), ignore: 2)
soft_cross_entropy(x, y)   binary_cross_entropy(x, p)   mean_squared_error(x, y)   mean_absolute_error(x, y)
huber(x, y, delta: 0.3)   uniform(low: -1, high: 2, shape: [3, 5])   normal(mean: 1, std: 2, shape: [4, 3])
bernoulli(0.3, shape: [7])   random_int(1000, shape: [9])
"""
CODES = {"float32": "F32", "float64": "F64", "float16": "F16", "int64": "I64",
         "int32": "I32", "uint8": "U8", "bool": "BOOL"}
SAMPLES = 3


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit status {done.returncode}\n"
                           f"{done.stderr.strip()}")


def save(path, tensors):
    # Sorted, so that each is aligned.
    tensors = sorted(tensors.items(), key=lambda item: -item[1].itemsize)
    write_tensors(path, {name: (CODES[str(value.dtype)], value.shape,
                                value.tobytes())
                         for name, value in tensors})


def open_model(path):
    import onnx
    import onnxruntime

    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(path, options,
                                        providers=["CPUExecutionProvider"])


def type_of(info):
    import numpy as np

    name = re.match(r"tensor\((\w+)\)", info.type)[1]
    name = {"float": "float32", "double": "float64"}.get(name, name)
    known = 1024 if info.name in ("text", "marks") else SAMPLES
    return np.dtype(name), [known if isinstance(d, str) or d is None else d
                            for d in info.shape]


def weight(random, name, dtype, shape):
    """A value for state of this name: products keep their scale."""
    import numpy as np

    value = random.standard_normal(shape)
    if len(shape) > 1:
        value /= np.sqrt(np.prod(shape[1:]))
    elif name.endswith(("bias", "mean")):
        value *= 0.1
    else:  # scales and variances
        value = 1 + 0.1 * np.abs(value)
    if ":" in name:  # of an optimizer: far from a first step
        value = random.uniform(1e-4, 2e-4, shape)
    return np.asarray(value, dtype)


def given(random, name, dtype, shape):
    import numpy as np

    if dtype.kind == "f":
        return np.asarray(random.uniform(-1, 1, shape), dtype)
    if dtype.kind == "b":
        return np.ones(shape, dtype)
    if dtype.itemsize == 1 and len(shape) > 2 and name != "mask":  # pixels
        return np.asarray(random.integers(0, 256, shape), dtype)
    return np.asarray(random.integers(0, 2, shape), dtype)


def difference(name, got, want, bound):
    import numpy as np

    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{name}: {got.dtype}{got.shape}, not {want.dtype}{want.shape}"
    if got.dtype.kind != "f":
        return "" if (got == want).all() else f"{name}: {np.sum(got != want)} differ"
    if got.size == 0 or np.array_equal(got, want, equal_nan=True):
        return ""
    error = np.abs(got - want).max() / max(1e-3, np.abs(want).max())
    return "" if error <= bound else f"{name}: off by {error:.2g} of the largest"


def operations(varve, home):
    """A model with an output for each operation."""
    lines = re.findall(r"\S.*?(?=   |$)", OPERATIONS, re.M)
    results = "".join(f"  o{i} = {line}\n" for i, line in enumerate(lines))
    declared = "".join(f"  output o{i} = o{i}\n" for i in range(len(lines)))
    model = f"{home}/operations.varve"
    with open(model, "w") as file:
        file.write("model operations(x: f32[2, 4, 6, 5], y: f32[2, 4, 6, 5], "
                   "w: f32[4, 4, 3, 3], k: i32[2, 4], j: i32[2, 4], u: u8[2, 4], "
                   "i: i64[2, 3]) -> z: f32[] {\n  p = abs(x) + 0.25\n" + results +
                   "  return sum(x)\n}\n\ninfer operations {\n" +
                   declared + "}\n")
    exported, weights = f"{home}/model.onnx", f"{home}/none.safetensors"
    save(weights, {})
    run(varve, "compile", model, "-o", exported)
    problems = compare_outputs(varve, model, exported, home,
                               ["--no-prepare", "--weights", weights])
    return [re.sub(r"^o(\d+)", lambda m: lines[int(m[1])], problem)
            for problem in problems]


def infer(varve, model, sets, home):
    import numpy as np

    random = np.random.default_rng(1)
    bare, whole, weights = (f"{home}/{x}" for x in ("bare.onnx", "model.onnx",
                                                    "w.safetensors"))
    run(varve, "compile", model, "-o", bare, *sets)
    state = {}
    inputs = set(re.findall(r"(\w+):", signature(model)))
    for info in open_model(bare).get_inputs():
        if info.name not in inputs:
            state[info.name] = weight(random, info.name, *type_of(info))
    # Averages are read in place of the parameters of that name.
    state = {name.removesuffix(":average"): value for name, value in state.items()}
    save(weights, state)
    run(varve, "compile", model, "--weights", weights, "-o", whole, *sets)
    options = ["--weights", weights, "--no-prepare", *sets]
    try:
        return compare_outputs(varve, model, whole, home, options)
    except RuntimeError as error:  # A file has what training alone reads, too.
        missing = re.findall(r"^  '(\S+)': f32\[(.*)\]$", str(error), re.M)
        if not missing:
            raise
    for name, shape in missing:
        state[name] = weight(random, name, np.dtype("float32"),
                             [int(size) for size in shape.split(", ")])
    save(weights, state)
    return compare_outputs(varve, model, whole, home, options)


def compare_outputs(varve, model, exported, home, options):
    """ONNX Runtime against `varve run` of the model and of its export."""
    import numpy as np

    random = np.random.default_rng(3)
    session = open_model(exported)
    feeds, flags = {}, []
    for info in session.get_inputs():
        feeds[info.name] = given(random, info.name, *type_of(info))
        np.save(f"{home}/{info.name}.npy", feeds[info.name])
        flags += ["--input", f"{info.name}={home}/{info.name}.npy"]
    want = session.run(None, feeds)
    run(varve, "run", model, "--output-dir", f"{home}/ours", *flags, *options)
    run(varve, "run", exported, "--output-dir", f"{home}/again", *flags)
    problems = []
    for info, value in zip(session.get_outputs(), want):
        for folder in "ours", "again":
            got = np.load(f"{home}/{folder}/{info.name}.npy")
            problems.append(difference(f"{info.name} ({folder})", got, value, 1e-4))
    return [problem for problem in problems if problem]


def signature(model):
    with open(model) as file:
        return re.search(r"^model \w+\((.*?)\)\s*->", file.read(), re.M | re.S)[1]


class Library:
    """The step that Varve compiles, by the functions of its C header."""

    def __init__(self, path, header):
        self.library = ctypes.CDLL(path)
        with open(header) as file:
            self.name = re.search(r"typedef struct (\w+) ", file.read())[1]
        create = self.function("create", ctypes.c_void_p)
        self.model = ctypes.c_void_p(create(ctypes.c_int64(1), None,
                                            ctypes.c_size_t(0)))
        self.find = self.function("find", ctypes.c_int64)
        self.get = self.function("get", ctypes.c_int)
        self.set = self.function("set", ctypes.c_int)
        self.call = self.function("call", None)

    def function(self, name, result):
        found = getattr(self.library, f"{self.name}_{name}")
        found.restype = result
        return found

    def number(self, name):
        return self.find(self.model, name.encode())

    def write(self, name, value):
        self.set(self.model, ctypes.c_int64(self.number(name)),
                 value.ctypes.data_as(ctypes.c_void_p),
                 ctypes.c_size_t(value.nbytes))

    def read(self, name, like):
        import numpy as np

        value = np.empty_like(like)
        self.get(self.model, ctypes.c_int64(self.number(name)),
                 value.ctypes.data_as(ctypes.c_void_p),
                 ctypes.c_size_t(value.nbytes))
        return value

    def step(self, arrays):
        pointers = (ctypes.c_void_p * len(arrays))(
            *(array.ctypes.data for array in arrays))
        self.call(self.model, ctypes.c_int64(0), pointers)


def doubled(model, home):
    """The model in f64, and what it may use."""
    folder = os.path.dirname(model)
    for name in os.listdir(folder):
        if not name.endswith(".varve"):
            continue
        with open(os.path.join(folder, name)) as file:
            text = re.sub(r"\bf32\b", "f64", file.read())
        # Pixels and marks of classes become f32.
        text = re.sub(r"(image = )(.*/ 255.*?)( })?$", r"\1cast(\2, f64)\3", text,
                      flags=re.M)
        text = re.sub(r"\bone_hot\(([^()]*)\)", r"cast(one_hot(\1), f64)", text)
        with open(f"{home}/{name}", "w") as file:
            file.write(text)
    return f"{home}/{os.path.basename(model)}"


def train(varve, model, sets, home, bound=1e-5, smooth=""):
    import in_double
    import numpy as np

    double = bound == "double"
    if double:
        model, bound = doubled(model, home), 1e-9
    if smooth:
        with open(model) as file:
            text = re.sub(r"\brelu\b", "silu", file.read())
        model = f"{home}/{os.path.basename(model)}"
        with open(model, "w") as file:
            file.write(text.replace("max_pool", "avg_pool"))
    random = np.random.default_rng(2)
    exported, compiled = f"{home}/step.onnx", f"{home}/step.so"
    flags = ["--function", "train_step", "--batch", str(SAMPLES), *sets]
    run(varve, "compile", model, *flags, "-o", exported)
    # With it, taps that see nothing but padding would keep a momentum of ours.
    run(varve, "compile", model, *flags, "-o", compiled, "--header",
        f"{home}/step.h", "--disable-pass", "drop-dead-weights")
    session = (in_double.Session if double else open_model)(exported)
    library = Library(compiled, f"{home}/step.h")
    feeds, arguments = {}, []
    for info in session.get_inputs() + session.get_overridable_initializers():
        dtype, shape = type_of(info)
        if library.number(info.name) >= 0:
            if info.name == "step":
                value = np.asarray(5, np.int64)
            else:
                value = weight(random, info.name, dtype, shape)
            library.write(info.name, value)
            feeds[info.name] = value
    defaults = header_defaults(f"{home}/step.h")
    shapes = {info.name: type_of(info) for info in session.get_inputs() +
              session.get_overridable_initializers()}
    for info, *_ in graph_inputs(exported):
        if info in feeds:
            continue
        dtype, shape = shapes[info]
        if info == "indices":
            value = np.asarray(random.permutation(SAMPLES), np.int64)
        elif info in defaults:
            value = np.asarray(defaults[info], dtype)
        elif info in ("seed", "epoch", "epochs", "steps"):
            value = np.asarray({"seed": 7, "epoch": 1}.get(info, 100), dtype)
        else:
            value = given(random, info, dtype, shape)
        feeds[info] = value
        arguments.append(value)
    problems = []
    for step in range(2):
        outputs = session.run(None, feeds)
        names = [info.name for info in session.get_outputs()]
        results = [np.empty_like(value) for name, value in zip(names, outputs)
                   if not name.endswith(":next")]
        library.step(arguments + results)
        for out, value in zip(names, outputs):
            if not out.endswith(":next"):
                problems.append(difference(f"step {step}: {out}",
                                           results.pop(0), value, bound))
                continue
            own = out.removesuffix(":next")
            problems.append(difference(f"step {step}: {own}",
                                       library.read(own, value), value, bound))
            feeds[own] = value
    return [problem for problem in problems if problem]


def graph_inputs(path):
    """Name, type and sizes of each, in order."""
    import onnx

    for info in onnx.load(path).graph.input:
        tensor = info.type.tensor_type
        yield (info.name, onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type),
               [dim.dim_value for dim in tensor.shape.dim])


def header_defaults(path):
    with open(path) as file:
        return {name: float(value) for name, value in
                re.findall(r"default of '(.*?)'. \*/\n#define \w+ (\S+)", file.read())}


def main():
    varve, examples, python = sys.argv[1:4]
    options = sys.argv[4:]
    if not python:
        print("skipped: no VARVE_ONNX_PYTHON with onnx, onnxruntime and numpy")
        return 77
    if os.path.realpath(sys.prefix) != os.path.realpath(
            os.path.dirname(os.path.dirname(python))):
        os.execv(python, [python] + sys.argv)
    every = "--all" in options
    only = next((each for each in options if each != "--all"), "")
    failed = ran = 0
    for kind, cases in (("all", [("operations", [], True)]), ("infer", INFER),
                        ("train", TRAIN)):
        for name, sets, usual, *bound in cases:
            if not (every or usual) or not re.search(only, f"{kind} {name}"):
                continue
            ran += 1
            model = f"{examples}/{name}.varve"
            with tempfile.TemporaryDirectory() as home:
                try:
                    problems = (operations(varve, home) if kind == "all" else
                                infer(varve, model, sets, home) if kind == "infer"
                                else train(varve, model, sets, home, *bound))
                except Exception as error:  # of a checker, a runtime, a command
                    problems = [f"{type(error).__name__}: {error}"]
            failed += bool(problems)
            print(f"{kind} {name}: {'; '.join(problems[:5]) or 'equal'}", flush=True)
    print(f"{ran} ran, {failed} failed")
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
