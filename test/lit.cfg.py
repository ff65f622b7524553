# FileCheck tests of IR: Passes, Ops.
import os
import lit.formats

config.name = "varve"
config.test_format = lit.formats.ShTest()
config.suffixes = [".mlir", ".varve"]
config.excludes = ["Unit", "Fuzz"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = config.varve_build_dir + "/test"
config.environment["PATH"] = os.pathsep.join(
    [config.varve_tools_dir, config.llvm_tools_dir, os.environ["PATH"]])
