#!/usr/bin/env python3
"""Holds operations to their form: each has a summary; each primitive a test
file with a bad example; each numbered constraint of a description a place in
the sources and one in that test.

  ops.py SOURCE_DIR LLVM_TBLGEN INCLUDE_DIR...

What operations must be able to do is checked by OpsTests on the registered ones.
"""

import json
import os
import re
import subprocess
import sys


def main():
    source, tblgen, *includes = sys.argv[1:]
    top = os.path.join(source, "include/varve/Dialect/Varve/VarveOps.td")
    command = [tblgen, "--dump-json", top, "-I", os.path.join(source, "include")]
    for folder in includes:
        command += ["-I", folder]
    records = json.loads(subprocess.check_output(command))

    code = ""
    for folder, _, names in os.walk(os.path.join(source, "lib/Dialect/Varve")):
        for name in names:
            if name.endswith(".cpp"):
                with open(os.path.join(folder, name)) as file:
                    code += file.read()
    # `// pad C1`, `// argmax C1, argmin C1`, `// scan C2, C3`
    places = set()
    code = re.sub(r",\n *// ", ", ", code)  # A list may go on.
    for comment in re.findall(r"// ((?:\w+ )?C\d(?:, (?:\w+ )?C\d)*)\b", code):
        name = ""
        for part in comment.split(", "):
            words = part.split()
            name = words[0] if len(words) == 2 else name
            places.add((name, words[-1]))

    errors, operations = [], 0
    for key in records["!instanceof"]["Op"]:
        op = records[key]
        if op["opDialect"]["def"] != "VarveDialect":
            continue
        operations += 1
        name = op["opName"]
        if not op["summary"]:
            errors.append(f"{name} has no summary")
        supers = op["!superclasses"]
        primitive = "Varve_PrimitiveOp" in supers
        if not primitive and "Varve_ControlOp" not in supers:
            continue
        path = os.path.join(source, "test/Ops", name + ".mlir")
        if not os.path.exists(path):
            errors.append(f"{name} has no test/Ops/{name}.mlir")
            continue
        with open(path) as file:
            test = file.read()
        if "expected-error" not in test:
            errors.append(f"{name}: its test has no bad example")
        for number in re.findall(r"- (C\d+):", op["description"] or ""):
            if f"// {name} {number}\n" not in test:
                errors.append(f"{name}: its test has no `// {name} {number}`")
            if (name, number) not in places:
                errors.append(f"{name}: no code says `// {name} {number}`")
    for error in errors:
        print(error)
    print(f"{operations - len(errors)} passed, {len(errors)} failed")
    return bool(errors) or operations < 80


if __name__ == "__main__":
    sys.exit(main())
