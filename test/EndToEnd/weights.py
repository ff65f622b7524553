"""Reads and writes safetensors and NumPy's files without NumPy, for the tests
beside it and in other folders."""

import ast
import json
import struct
import zipfile

# NumPy's names of types, and those of `struct`.
CODES = {"f2": "e", "f4": "f", "f8": "d", "b1": "?", "u1": "B", "i1": "b",
         "i2": "h", "i4": "i", "i8": "q"}


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


def read_floats(path):
    """Name: numbers, of the tensors of type F32."""
    return {
        name: list(struct.unpack(f"<{len(data) // 4}f", data))
        for name, (kind, _, data) in read_tensors(path).items()
        if kind == "F32"
    }


def write_tensors(path, tensors):
    """Of what read_tensors gives. The bytes may be any buffers."""
    header, at = {}, 0
    for name, (kind, shape, data) in tensors.items():
        size = memoryview(data).nbytes
        header[name] = {
            "dtype": kind,
            "shape": list(shape),
            "data_offsets": [at, at + size],
        }
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


def write_floats(path, tensors):
    """Of name: (shape, numbers)."""
    write_tensors(
        path,
        {
            name: ("F32", shape, struct.pack(f"<{len(values)}f", *values))
            for name, (shape, values) in tensors.items()
        },
    )


def npy(kind, shape, values):
    """The bytes of a .npy file of a type such as "f4". The values are numbers or
    their bytes."""
    order = "|" if kind.endswith("1") else "<"
    header = repr(
        {"descr": order + kind, "fortran_order": False, "shape": tuple(shape)}
    )
    header += " " * (-(len(header) + 11) % 64) + "\n"
    if not isinstance(values, bytes):
        values = struct.pack(f"<{len(values)}{CODES[kind]}", *values)
    size = struct.pack("<H", len(header))
    return b"\x93NUMPY\x01\x00" + size + header.encode() + values


def write_npy(path, kind, shape, values):
    with open(path, "wb") as file:
        file.write(npy(kind, shape, values))


def read_npy(path):
    """Shape and elements of a .npy file."""
    with open(path, "rb") as file:
        data = file.read()
    begin = 10 + struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:begin].decode())
    code = CODES[header["descr"][1:]]
    count = (len(data) - begin) // struct.calcsize(code)
    return list(header["shape"]), struct.unpack(f"<{count}{code}", data[begin:])


def write_npz(path, arrays):
    """Of name: (kind, shape, values)."""
    with zipfile.ZipFile(path, "w") as file:
        for name, array in arrays.items():
            file.writestr(name + ".npy", npy(*array))
