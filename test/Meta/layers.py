#!/usr/bin/env python3
"""Holds every #include to the table of layers in docs/Architecture.md.

  layers.py SOURCE_DIR

A layer includes itself and what its row names; a row names only layers above
it. Where the table says that a layer is free of MLIR, no header that it reaches
may include MLIR or LLVM. `Import*` in that column stands for the files that
may.
"""

import fnmatch
import os
import re
import sys

FOREIGN = ("mlir/", "mlir-c/", "llvm/", "llvm-c/", "lld/")
INCLUDE = re.compile(r'^\s*#?\s*include\s+"([^"]+)"')
SOURCES = (".h", ".c", ".cpp", ".td")
WITHOUT_LAYER = {"lib/Pch.h"}


class Layer:
    def __init__(self, name, places, mlir, allowed):
        self.name, self.places, self.mlir, self.allowed = (
            name,
            places,
            mlir,
            allowed,
        )

    def may_use_mlir(self, path):
        if self.mlir in ("yes", "no"):
            return self.mlir == "yes"
        patterns = re.findall(r"`([^`]+)`", self.mlir)
        return any(
            fnmatch.fnmatch(os.path.basename(path), pattern)
            for pattern in patterns
        )


def read_table(path, errors):
    with open(path) as file:
        section = file.read().split("\n## Layers\n")[1]
    layers = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or cells[0] in ("layer", "---"):
            continue
        name, places, mlir, allowed = cells
        allowed = [each.strip() for each in allowed.split(",") if each.strip()]
        for each in allowed:
            if each not in layers:
                errors.append(f"{name} may include {each}, not above it")
        layers[name] = Layer(
            name, re.findall(r"`([^`]+)`", places), mlir, set(allowed)
        )
    return layers


def layer_of(path, layers):
    for layer in layers.values():
        for place in layer.places:
            if path == place or path.startswith(place + "/"):
                return layer
    return None


def sources(root):
    for top in "include", "lib", "tools":
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in names:
                if name.endswith(SOURCES):
                    yield os.path.relpath(os.path.join(folder, name), root)


def resolve(included, path, root):
    """The file of this project that is meant, or None. The outputs of TableGen
    and protoc stand where their inputs do."""
    if included.endswith(".pb.h"):
        included = included[: -len(".pb.h")] + ".proto"
    here = os.path.dirname(path)
    for folder in (here, "include", "lib"):
        candidate = os.path.normpath(os.path.join(folder, included))
        if os.path.exists(os.path.join(root, candidate)):
            return candidate
    if included.endswith(".inc"):
        folder = "include" if included.startswith("varve/") else here
        return os.path.normpath(os.path.join(folder, included))
    return None


def main():
    root = sys.argv[1]
    errors = []
    layers = read_table(os.path.join(root, "docs/Architecture.md"), errors)
    includes, uses_mlir = {}, {}
    for path in sources(root):
        if path in WITHOUT_LAYER:
            continue
        layer = layer_of(path, layers)
        if not layer:
            errors.append(f"{path} belongs to no layer")
            continue
        includes[path] = []
        with open(os.path.join(root, path)) as file:
            matches = map(INCLUDE.match, file)
            names = [match[1] for match in matches if match]
        for name in names:
            if name.startswith(FOREIGN):
                uses_mlir[path] = name
                continue
            target = resolve(name, path, root)
            other = target and layer_of(target, layers)
            if not other:
                errors.append(f'{path}: "{name}" belongs to no layer')
                continue
            includes[path].append(target)
            if other is not layer and other.name not in layer.allowed:
                errors.append(
                    f"{path} ({layer.name}) includes {name} ({other.name})"
                )

    def reached_mlir(path, seen):
        """A chain of files from this one to MLIR, or None."""
        if path in uses_mlir:
            return [path, uses_mlir[path]]
        seen.add(path)
        for target in includes.get(path, []):
            chain = target not in seen and reached_mlir(target, seen)
            if chain:
                return [path] + chain
        return None

    for path in includes:
        if not layer_of(path, layers).may_use_mlir(path):
            chain = reached_mlir(path, set())
            if chain:
                errors.append("free of MLIR, but: " + " -> ".join(chain))

    for error in errors:
        print(error)
    print(f"{len(includes)} files in {len(layers)} layers, {len(errors)} errors")
    if len(includes) < 50:
        print("too few files: is this the source folder?")
        return 1
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
