"""Reads safetensors files, for the tests beside it."""

import json
import struct


def read_tensors(path):
    """Name: (type, shape, bytes)."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    header.pop("__metadata__", None)
    return {
        name: (
            entry["dtype"],
            entry["shape"],
            data[slice(*entry["data_offsets"])],
        )
        for name, entry in header.items()
    }
