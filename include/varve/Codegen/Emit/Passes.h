// The passes between expanded kernels and LLVM IR.
#ifndef VARVE_CODEGEN_EMIT_PASSES_H
#define VARVE_CODEGEN_EMIT_PASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace varve {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "varve/Codegen/Emit/Passes.h.inc"

} // namespace varve
#endif
