#!/usr/bin/env python3
"""Installs the build into a temporary folder and uses what is there: the
command, and the package from a CMake project.

  install.py CMAKE BUILD_DIR MODEL MLIR_CMAKE_DIR
"""

import os
import subprocess
import sys
import tempfile


def run(*command, folder):
    process = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{process.stdout}")
    return process.stdout


def main():
    cmake, build, model, mlir = sys.argv[1:]
    here = os.path.dirname(os.path.abspath(__file__))
    consumer = os.path.join(here, "consumer")
    with tempfile.TemporaryDirectory() as folder:
        prefix = os.path.join(folder, "prefix")
        run(cmake, "--install", build, "--prefix", prefix, folder=folder)
        # Compiling needs the compiler's library, found beside the command.
        varve = os.path.join(prefix, "bin", "varve")
        run(varve, "compile", model, "-o", "model.so", folder=folder)

        examples = os.path.dirname(model)
        options = [
            f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DMLIR_HINT={mlir}",
            f"-DEXAMPLES={examples}",
        ]
        configure = [cmake, "-G", "Ninja", "-S", consumer, "-B", "build"]
        run(*configure, *options, folder=folder)
        run(cmake, "--build", "build", folder=folder)
        out = run("build/run_artifact", "./twice.so", folder=folder)
        assert out == "2 4 6 8\n", out
        out = run("build/register_passes", folder=folder)
        assert out == "partitioned\n", out
        points = os.path.join(examples, "embed", "points.varve")
        out = run("build/embed_train_c", points, folder=folder)
        assert out.startswith("loss 0."), out


if __name__ == "__main__":
    main()
