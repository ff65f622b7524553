# Tests of IR by varve-opt and FileCheck, and of the commands by their output.
#
# Substitutions: %varve, %varve-opt, %data (the folder of data sets; tests that
# need it say `REQUIRES: data`) and %examples (docs/examples).
import os
import lit.formats

config.name = "varve"
config.test_format = lit.formats.ShTest()
config.suffixes = [".mlir", ".test"]
config.excludes = ["Unit", "Fuzz", "Benchmarks", "Install"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.varve_build_dir, "test")
config.environment["PATH"] = os.pathsep.join(
    [config.varve_tools_dir, config.llvm_tools_dir, os.environ["PATH"]]
)
# What tests compile is kept apart from the user's artifacts.
config.environment["VARVE_CACHE"] = os.path.join(
    config.varve_build_dir, "test", "cache"
)
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

if os.path.isdir(config.varve_data_dir):
    config.available_features.add("data")
# In this order: the first name that fits is replaced.
config.substitutions += [
    ("%varve-opt", os.path.join(config.varve_tools_dir, "varve-opt")),
    ("%varve", os.path.join(config.varve_tools_dir, "varve")),
    ("%data", config.varve_data_dir),
    (
        "%examples",
        os.path.join(config.test_source_root, "..", "docs", "examples"),
    ),
]
