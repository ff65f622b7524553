"""ONNX files without the package `onnx`: the wire format of protobuf, as far as
tests need it."""

import struct


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """Bytes and texts with their length, integers as varints."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, shape, values, kind="f"):
    out = b"".join(field(1, size) for size in shape)
    out += field(2, {"f": 1, "q": 7}[kind]) + field(8, name)
    return out + field(9, struct.pack(f"<{len(values)}{kind}", *values))


def external_tensor(name, shape, file, offset, length):
    """Floats in a file beside the model."""
    out = b"".join(field(1, size) for size in shape)
    out += field(2, 1) + field(8, name)
    places = {"location": file, "offset": str(offset), "length": str(length)}
    for key, value in places.items():
        out += field(13, field(1, key) + field(2, value))
    return out + field(14, 1)


def attribute(name, value):
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, 2)
    if isinstance(value, float):
        return field(1, name) + field(2, value) + field(20, 1)
    if isinstance(value, list):
        ints = b"".join(field(8, each) for each in value)
        return field(1, name) + ints + field(20, 7)
    return field(1, name) + field(5, value) + field(20, 4)


def node(op, inputs, outputs, name="", **attributes):
    out = b"".join(field(1, each) for each in inputs)
    out += b"".join(field(2, each) for each in outputs)
    out += field(3, name) + field(4, op)
    for key, value in attributes.items():
        out += field(5, attribute(key, value))
    return out


def value_info(name, shape, kind=1):
    dims = b""
    for size in shape:
        is_name = isinstance(size, str)
        dims += field(1, field(2, size) if is_name else field(1, size))
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def model(nodes, initializers, inputs, outputs):
    graph = b"".join(field(1, each) for each in nodes) + field(2, "graph")
    graph += b"".join(field(5, each) for each in initializers)
    graph += field(10, "a text that no reader of ours knows")
    graph += b"".join(field(11, each) for each in inputs)
    graph += b"".join(field(12, each) for each in outputs)
    # Version 8 of the format, opset 17.
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17))


def read_varint(data, at):
    """The number, and what is behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """(number, value) of a message; what is no varint is bytes."""
    data, at = memoryview(data), 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            value, at = read_varint(data, at)
            yield key >> 3, value
            continue
        size = {1: 8, 5: 4}.get(key & 7)
        if size is None:
            size, at = read_varint(data, at)
        yield key >> 3, bytes(data[at : at + size])
        at += size


def parts(path):
    """The weights of a file by name, as floats; all else of its graph."""
    with open(path, "rb") as file:
        whole = dict(fields(file.read()))
    weights, rest = {}, []
    for number, value in fields(whole.pop(7)):
        if number != 5:
            rest.append((number, value))
            continue
        entry = dict(fields(value))
        raw = entry[9]
        weights[entry[8].decode()] = (
            [x for (x,) in struct.iter_unpack("<f", raw)]
            if entry[2] == 1
            else raw
        )
    # A writer may order fields by their numbers.
    return weights, (sorted(rest, key=lambda each: each[0]), whole)
