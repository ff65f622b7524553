"""ONNX's reference evaluator in the shape of ONNX Runtime's session, for graphs
in double, whose convolutions and pools the runtime has none for. These sum a
product for each place of the kernel here: the evaluator's own loop over places
of the result in Python.
"""

import collections
import itertools

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

Info = collections.namedtuple("Info", "name type shape")


def places(count, strides, dilations, kernel):
    """For each place of the kernel, what it sees of padded x."""
    for at in itertools.product(*map(range, kernel)):
        yield at, (slice(None), slice(None), *(
            slice(k * d, k * d + s * (n - 1) + 1, s)
            for k, d, s, n in zip(at, dilations, strides, count)))


def padded(x, pads, value):
    half = len(pads) // 2
    return np.pad(x, [(0, 0), (0, 0), *zip(pads[:half], pads[half:])],
                  constant_values=value)


def counts(x, strides, dilations, kernel):
    return [(size - d * (k - 1) - 1) // s + 1
            for size, s, d, k in zip(x.shape[2:], strides, dilations, kernel)]


def product(w, x):
    """Channels of w, which is [K, C], from those of x."""
    return np.moveaxis(np.tensordot(w, x, axes=(1, 1)), 0, 1)


class Conv(OpRun):
    def _run(self, x, w, auto_pad=None, dilations=None, group=None,
             kernel_shape=None, pads=None, strides=None):
        x, kernel = padded(x, pads, 0), w.shape[2:]
        count = counts(x, strides, dilations, kernel)
        parts = []
        for xs, ws in zip(np.split(x, group or 1, 1), np.split(w, group or 1, 0)):
            parts.append(sum(product(ws[(..., *at)], xs[seen]) for at, seen in
                             places(count, strides, dilations, kernel)))
        return (np.concatenate(parts, 1),)


class ConvTranspose(OpRun):
    def _run(self, x, w, auto_pad=None, dilations=None, group=None,
             kernel_shape=None, output_padding=None, output_shape=None, pads=None,
             strides=None):
        kernel, half = w.shape[2:], len(w.shape) - 2
        dilations = dilations or [1] * half
        sizes = [(n - 1) * s + d * (k - 1) + 1 + more for n, s, d, k, more in
                 zip(x.shape[2:], strides, dilations, kernel, output_padding)]
        parts = []
        for xs, ws in zip(np.split(x, group or 1, 1), np.split(w, group or 1, 0)):
            y = np.zeros((len(x), ws.shape[1], *sizes), x.dtype)
            for at, seen in places(x.shape[2:], strides, dilations, kernel):
                y[seen] += product(ws[(..., *at)].T, xs)
            parts.append(y)
        y = np.concatenate(parts, 1)
        return (y[(..., *(slice(b, y.shape[2 + i] - pads[half + i])
                          for i, b in enumerate(pads[:half])))],)


class AveragePool(OpRun):
    def _run(self, x, auto_pad=None, ceil_mode=None, count_include_pad=None,
             dilations=None, kernel_shape=None, pads=None, strides=None):
        ones = [1] * len(kernel_shape)
        inside = padded(np.ones_like(x), pads, count_include_pad)
        x = padded(x, pads, 0)
        seen = [each for _, each in places(
            counts(x, strides, ones, kernel_shape), strides, ones, kernel_shape)]
        return (sum(x[each] for each in seen) / sum(inside[each] for each in seen),)


class MaxPool(OpRun):
    def _run(self, x, auto_pad=None, ceil_mode=None, dilations=None,
             kernel_shape=None, pads=None, storage_order=None, strides=None):
        index = np.arange(x.size).reshape(x.shape)
        index, x = padded(index, pads, -1), padded(x, pads, -np.inf)
        count = counts(x, strides, dilations, kernel_shape)
        best = where = None
        for _, seen in places(count, strides, dilations, kernel_shape):
            if best is None:
                best, where = x[seen].copy(), index[seen].copy()
                continue
            better = x[seen] > best
            best, where = (np.where(better, new[seen], old)
                           for new, old in ((x, best), (index, where)))
        return (best, where)[:len(self.output)]


class Session:
    def __init__(self, path):
        self.model = onnx.load(path)
        self.evaluator = ReferenceEvaluator(
            self.model, new_ops=[AveragePool, Conv, ConvTranspose, MaxPool])

    def infos(self, list):
        for info in list:
            tensor = info.type.tensor_type
            kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
            yield Info(info.name, f"tensor({kind})",
                       [dim.dim_param or dim.dim_value
                        for dim in tensor.shape.dim])

    def inputs(self, stored):
        names = {tensor.name for tensor in self.model.graph.initializer}
        return [info for info in self.infos(self.model.graph.input)
                if (info.name in names) == stored]

    def get_inputs(self):
        return self.inputs(False)

    def get_overridable_initializers(self):
        return self.inputs(True)

    def get_outputs(self):
        return list(self.infos(self.model.graph.output))

    def run(self, names, feeds):
        with np.errstate(all="ignore"):
            return self.evaluator.run(names, feeds)
